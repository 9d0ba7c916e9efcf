//! People, what they may do, and what they did: the portal's database. It speaks no HTTP and shows no page; `portal` does.
//!
//! # What holds here
//! - Of passwords, sessions and links the database holds hashes (test `the_database_holds_no_secret` of `portal`).
//! - What changes something, and its entry in the audit log, are one transaction ([`Change`]); the log is hash-chained (test
//!   `a_changed_log_is_found_out` of `portal`).
//! - What an administrator reads or changes goes through [`people::Scope`], and what owners of a company do with its people through
//!   [`team::Team`]; each knows one party alone.
//! - A company always has an owner (tests `a_company_is_never_without_an_owner`, `two_owners_who_demote_each_other_leave_one` of
//!   `portal`).

pub mod api_keys;
pub mod audit;
mod base_url;
pub mod clients;
mod database;
mod demonstration;
pub mod kept;
mod limits;
pub mod passkeys;
pub mod passwords;
pub mod people;
mod roles;
pub mod secret;
pub mod snapshot;
pub mod store;
pub mod team;
pub mod wallets;

use std::time::{SystemTime, UNIX_EPOCH};

pub use base_url::{BaseUrl, BaseUrlError, is_loopback};
pub use database::{Change, Database, DatabaseError};
pub use demonstration::{AdmitError, Entrance, admit};
pub use roles::{ADMINISTRATOR, MEMBER, OWNER, PartyKind, READER};

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
