//! What a portal does beside answering: it sends the mails that wait, and anchors its audit log on the ledger. It serves no page.
//!
//! # What holds here
//! - A mail waits while the server is away, and is then received as it was meant, by another program's server and parser
//!   (`tests/mails.rs`).
//! - A ledger that does not answer stops nothing, and an audit log that is not the anchored one is found out (`tests/tests/portal.rs`).

pub mod anchoring;
pub mod mail;
