//! The portal: people register, log in and are administrated in a browser. What they decide, the ledger decides; nothing here
//! does.
//!
//! # What holds here
//! - Every page is in one list ([`routes`]), with who may see it; who may not see an administrators' page gets the answer of a
//!   page that is not there (test `administrators_pages_are_not_there_for_others`).
//! - Who works for an organisation does nothing before showing a passkey (test `staff_do_nothing_before_showing_a_passkey`);
//!   a challenge is answered once, by the browser that asked for it (test `a_challenge_is_answered_once_where_it_was_asked_for`).
//! - A form is taken from the browser that loaded it alone, and holds the fields of the page and no other (tests
//!   `forms_of_other_sites_are_refused`, `fields_that_a_form_does_not_have_are_refused`).
//! - What was typed into a form that comes after its session is found again, by who typed it (test
//!   `a_form_whose_session_expired_is_kept_for_who_typed_it`).
//! - A file that is uploaded is read in pieces, its form's token before all else (tests `a_form_with_a_file_is_of_its_own_page`,
//!   `a_large_file_is_never_in_memory_and_one_that_is_too_large_is_refused`), and is never a page of this site (test
//!   `a_file_is_uploaded_downloaded_and_removed`).
//! - Of passwords, sessions and links the database holds hashes (test `the_database_holds_no_secret`).
//! - Whether an address has an account is told to its owner alone (test `known_and_unknown_addresses_look_the_same`).
//! - What changes something, and its entry in the audit log, are one transaction ([`accounts::Change`]); the log is hash-chained
//!   (tests `a_changed_log_is_found_out`, `an_entry_carries_its_transaction`), and where it stood is kept on the ledger (tests
//!   `a_log_that_never_stood_as_known_is_found_out`, `a_log_that_was_anchored_is_found_out_where_it_is_another_one`).
//! - A wallet logs in by a nonce of this browser, once, for this site, chain and time (test `a_nonce_counts_once_where_it_was_asked_for`), and
//!   opens nothing of an organisation (test `a_wallet_alone_opens_nothing_of_an_organisation`).
//! - A program's session ends where a refresh token of it comes twice (test `a_refresh_token_that_comes_twice_ends_its_session`); pages of
//!   other sites are programs only where they are listed (test `other_origins_are_refused_unless_they_are_listed`).
//! - An organisation always has an administrator (test `the_last_administrator_stays`), and a company an owner (test
//!   `a_company_is_never_without_an_owner`).

mod server;
mod web;

pub use server::{Config, Server};
pub use site::{
    Certify, Order,
    limits::{FORM_BYTES, REQUESTS, TRIES},
    routes::{Access, RouteOf},
};
pub use web::{InviteError, invite_administrator, routes};
