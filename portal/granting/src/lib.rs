//! What stands around a decision to grant: the document that is decided on.
//!
//! # What holds here
//! - The document to decide on is made of the dossier that has the ledger's hash and of what the ledger says of body and
//!   accreditation; what breaks a rule of the contract is not offered (tests `a_document_has_what_dossier_and_ledger_say`,
//!   `what_the_application_does_not_bear_is_named`).

mod draft;

pub use draft::{Draft, NoDraft, Wanted, draft};
