//! Every limit that the portal sets on what comes from outside, in one place; those of what is kept are in `accounts`.

use std::time::Duration;

/// Requests of one account in a minute; of those who are not logged in, of one address.
pub const REQUESTS: u32 = 100;
/// Tries at one e-mail address in a minute, from all browsers: passwords, recoveries, registrations.
pub const TRIES: u32 = 5;
/// Shipments that the people of one company or organisation check in a minute.
pub const CHECKS: u32 = 6;
/// Accounts and addresses that are counted at once; further ones wait for the next minute.
pub const COUNTED: usize = 100_000;
/// Bytes of a form.
pub const FORM_BYTES: usize = 64 * 1024;
/// Bytes of a form that begins a step on the ledger, a document of 62 KiB in JSON and base64; and of one with a shipment's list.
pub const ACT_BYTES: usize = 192 * 1024;
/// Bytes of what a program sends.
pub const CLIENT_BYTES: usize = 16 * 1024;
/// Steps on a page.
pub const ACTS_PAGE: i64 = 50;
/// Bytes of a request's head.
pub const HEAD_BYTES: usize = 16 * 1024;
/// Header fields in a request.
pub const HEADERS: usize = 64;
/// Time for a whole request head to arrive; also how long an idle connection stays open.
pub const HEAD_TIME: Duration = Duration::from_secs(15);
/// Time for a request to be answered, its form read included.
pub const REQUEST_TIME: Duration = Duration::from_secs(30);
/// Time for a form with a file to be read and answered.
pub const UPLOAD_TIME: Duration = Duration::from_secs(20 * 60);
/// Time that is read on of such a form after it was refused, so that a browser shows why.
pub const REFUSED_TIME: Duration = Duration::from_secs(5);
/// Time between two looks for files that nothing refers to.
pub const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);
/// Time that open connections get to finish when the server stops.
pub const DRAIN_TIME: Duration = Duration::from_secs(5);
/// Connections served at once; further ones wait.
pub const CONNECTIONS: usize = 512;
/// Characters of a name, of a person or a company.
pub const NAME_CHARACTERS: usize = 100;
/// Bytes of an e-mail address (RFC 5321 §4.5.3.1.3, less the brackets).
pub const EMAIL_BYTES: usize = 254;
/// Passkeys of one account.
pub const PASSKEYS: i64 = 20;
/// Entries of the audit log on a page.
pub const AUDIT_PAGE: i64 = 100;
/// Time that the last anchor gets when the portal stops.
pub const ANCHOR_LAST: Duration = Duration::from_secs(10);
