//! The pages of organisations: what waits for their people, what they do about it with their own keys, and what the ledger says. Who may see which
//! is said by the table of routes in `portal`.

pub mod acts;
pub mod claims;
mod complaints;
pub mod disclosures;
pub mod forms;
pub mod grants;
pub mod inspection;
pub mod issued;
pub mod ledger;
pub mod ledger_keys;
pub mod queue;
pub mod registry;
pub mod studies;

/// Why nothing is read or done here for somebody's organisation.
const NO_IDENTITY: &str = "this portal was started without an identity of your organisation";
