//! A backup of a node that runs: its blocks up to the last confirmed one, the private data beside them, the portal's database and files, and
//! keys, encrypted. One file ([`archive`]), from which an empty machine goes on.
//!
//! Nothing here talks to the node. What it appends to is read up to what it has confirmed, what it changes is copied as of one
//! moment, and what is derived (state, indexes, read model) is left out and made again. The portal is copied before the ledger: what
//! its outbox sends twice is taken once, and what it takes for sent is on the ledger (`docs/adr/0052-backups.md`).
//!
//! # What holds here
//! - A backup has its name only when it is whole and durable, and is its owner's alone (`durable::write_by`; tests `a_backup_is_restored_with_a_followers_help_to_the_last_acknowledged_block`,
//!   `a_full_disk_leaves_no_backup_behind`).
//! - A backup that was cut short or changed anywhere is refused before any of it is used (tests
//!   `every_cut_and_every_flipped_byte_is_known`, `a_backup_that_was_cut_or_changed_is_refused`).
//! - A restore ends whole, or leaves a directory on which nothing starts (test `a_restore_that_was_interrupted_is_not_started_on`).
//! - What is encrypted is read by the program `age`, and the reverse (test `the_vectors_of_the_format_hold`).

mod age;
mod archive;
mod bech32;
pub mod command;
mod create;
mod error;
mod keys;
pub mod ledger_command;
mod restore;
mod resuming;
mod verify;

pub use restore::UNFINISHED;
