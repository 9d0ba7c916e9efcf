//! What companies write for their applications, the way of each to the ledger, and what the ledger says of all of them.
//!
//! # What holds here
//! - The rules of the form are the contract's own code (tests `each_fault_stands_at_a_field`, `the_forms_choices_are_the_contracts`);
//!   a document survives the form (test `a_subject_survives_the_form`).
//! - What people of a company read and change goes through [`store::Scope`], which knows one party alone (test
//!   `a_company_reaches_no_other_companys_applications` of `portal`).
//! - A call of the contract waits in the outbox until the ledger has it or refuses it, and is done once (test
//!   `a_portal_that_is_killed_submits_once` of `tests`).
//! - What is handed in is the draft as it was read and checked, and nobody saves over it (test
//!   `what_is_handed_in_is_what_was_read_and_is_not_saved_over`). A party has a limited number of drafts and of calls that wait
//!   (test `drafts_and_calls_that_wait_are_limited`), and parties take turns (test `parties_take_turns`).
//! - The index is no more than what the ledger said (test `the_index_is_read_from_the_ledger_again` of `tests`), and an
//!   application is known by its body and its id: who uses an id again with another body's chaincode changes nothing (test
//!   `an_application_to_another_body_with_the_same_id_changes_nothing`), and its staff read no dossier (test
//!   `the_body_reads_the_files_that_a_dossier_names_and_no_others` of `portal`).
//! - What the ledger says is told once, to those whom it concerns, in the change in which it is indexed (tests
//!   `what_happened_is_told_once_and_to_the_company_alone`, `what_could_not_be_told_is_told_later_and_nothing_is_half_done` of
//!   `portal`); what is old is not mailed.
//! - A company's complaint in its own words is read by the company and by the body to which it goes (test
//!   `what_a_company_writes_is_read_by_its_body_alone` of `portal`), and what becomes of it is told once (test
//!   `what_becomes_of_a_complaint_is_told_to_its_company_and_to_whose_turn_it_is` of `portal`).
//! - Who holds the newest dossier's file claims an application that has no company here, and nobody else does; a claim opens nothing
//!   until an administrator of the body has confirmed it (tests `who_brings_the_newest_dossier_claims_and_the_body_confirms`,
//!   `one_company_claims_an_application_and_the_second_hears_nothing` of `portal`).
//! - An issuer key waits for accreditors as long as it waits on the ledger, and they are told of it once (test
//!   `a_key_that_waits_is_told_to_accreditors_until_it_does_not` of `portal`).
//! - The roles of accreditors, auditors and laboratories open something where the ledger says that the organisation is one (test
//!   `staff_see_what_waits_for_their_organisation` of `portal`).

pub mod certificates;
pub mod check;
pub mod claims;
pub mod complaints;
mod facts;
pub mod form;
pub mod import;
pub mod index;
pub mod issuer_keys;
pub mod notices;
pub mod outbox;
pub mod queue;
pub mod steps;
pub mod store;
mod subject;
pub mod work;

pub use subject::{Fields, LeftOut, from_subject, tidied, to_subject};
