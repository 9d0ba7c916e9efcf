//! What stands around a decision to grant: the document that is decided on, and the way from the decision to the certificate.
//!
//! # What holds here
//! - The document to decide on is made of the dossier that has the ledger's hash and of what the ledger says of body and
//!   accreditation; what breaks a rule of the contract is not offered (tests `a_document_has_what_dossier_and_ledger_say`,
//!   `what_the_application_does_not_bear_is_named`).
//! - What is signed is the document that stands in the decision's transaction, with the hash that was decided (test
//!   `a_document_is_the_decided_one_or_none`); the signer finds that out for itself.
//! - Whether something is to be done says the ledger, before each try (test `what_the_ledger_says_is_what_is_done`). Killed at any
//!   moment, or with its database deleted, a portal goes on, and nothing is granted twice (test
//!   `a_decision_becomes_one_certificate_whatever_is_killed` of `tests`).
//! - A body's grants are seen by its own people (test `a_decision_is_taken_up_once_and_again_when_it_is_taken_anew`).

mod chain;
mod draft;
mod signers;
mod store;

pub use chain::Granting;
pub use draft::{Draft, NoDraft, Wanted, draft};
pub use signers::{Ask, SignerError, SignerOf, Signers, at};
pub use store::{Grant, PAGE, Scope, Stage};
