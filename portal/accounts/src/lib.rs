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

/// Seconds until the next try of what has failed so often: `first`, then twice as many after each, up to `longest`.
pub fn pause(tries: i64, first: i64, longest: i64) -> i64 {
    let doubled = first.checked_shl(u32::try_from(tries).unwrap_or(20).min(20));
    doubled.unwrap_or(longest).clamp(first, longest)
}

#[cfg(test)]
mod tests {
    use super::pause;

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses = [0, 1, 2, 7, 8, 63, i64::MAX].map(|tries| pause(tries, 2, 300));
        assert_eq!(pauses, [2, 4, 8, 256, 300, 300, 300]);
    }
}
