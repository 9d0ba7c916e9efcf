//! People, what they may do, and what they did: the portal's database. It speaks no HTTP and shows no page; `portal` does.
//!
//! # What holds here
//! - Of passwords, sessions and links the database holds hashes (test `the_database_holds_no_secret` of `portal`).
//! - What changes something, and its entry in the audit log, are one transaction ([`Change`]); the log is hash-chained (test
//!   `a_changed_log_is_found_out` of `portal`).
//! - What an administrator reads or changes goes through [`people::Scope`], which knows one party alone.

pub mod audit;
mod base_url;
mod database;
mod demonstration;
pub mod kept;
mod limits;
pub mod passkeys;
pub mod passwords;
pub mod people;
mod roles;
pub mod secret;
pub mod store;

use std::time::{SystemTime, UNIX_EPOCH};

pub use base_url::{BaseUrl, BaseUrlError, is_loopback};
pub use database::{Change, Database, DatabaseError};
pub use demonstration::{AdmitError, Entrance, admit};
pub use roles::{ADMINISTRATOR, PartyKind};

/// Seconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
