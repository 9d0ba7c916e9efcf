//! The portal's reach to the ledger: a connection for each organisation that its operator is, in the name of the
//! organisation's service, what pages read through it, and the anchors of the portal's log.
//!
//! Nothing else of the portal reaches the ledger, and this does so through `peer-client` alone
//! (`a_portal_links_no_node`). The connections are made when they are first used and again when they break, and every
//! question ends after a time, so that a page is answered while the ledger is away.
//!
//! # What holds here
//! - Which ledger it is, is compared with the connection profile before anything is read from it or submitted to it (test
//!   `a_ledger_with_another_genesis_is_not_read`).
//! - A ledger that does not answer is said to be away, soon, and is asked again later (tests
//!   `a_ledger_that_is_away_is_said_to_be_away_soon`, `a_ledger_that_comes_back_is_read_again`).
//! - What is signed as a JWS in the name of a service is no message of Fabric (test `no_statement_is_a_message_of_fabric`).
//! - A request that the contract would refuse for its rules is refused by the contract's own code before anybody signs it (test
//!   `a_request_is_held_against_the_contracts_rules`).
//! - An identity is found by its user's name or by its folder; one that is not there is refused at the start (test
//!   `identities_are_found_by_name_and_by_folder`).

mod anchors;
mod broken;
mod organisations;
mod read;
mod records;
mod statement;

pub use anchors::Anchor;
pub use broken::broken_rules;
pub use organisations::{Body, Identity, Organisation, Organisations, SetupError};
pub use read::{Away, Page};
pub use records::{
    Accreditation, Application, ApplicationSummary, Certificate, CertificateSummary, Complaint,
    ComplaintStep, Compromise, Confidential, Decision, Event, IssuerKey, Laboratory, ProductName, Reason,
    RegistrySuspension, Scheme, Scope, Step, Surveillance, SurveillanceRule, Suspension, Verdict,
};
pub use statement::{Detached, NotSigned};
