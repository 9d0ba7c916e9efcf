//! Chaincode definitions and approvals, as they lie in the state of `_lifecycle`.
//!
//! Beside the stages, since all of them read definitions: endorsement through a simulation, validation and the
//! gateway from the committed state. Only endorsement writes them.
//!
//! # What holds here
//! - There is one reading of definitions and collections, for ledger, validation and endorsement
//!   (`docs/adr/0021-where-lifecycle-lives.md`); it uses none of them (test `fabrics_rules_reach_no_database`).
//! - It reads what Fabric's peers read, and refuses what they cannot (tests `refuses_what_a_peer_cannot_read`,
//!   `lifecycle_of_small`, `lifecycle_of_alpha`).

mod collections;
mod definition;
mod peer_safety;
pub mod records;
mod state;

pub use collections::Collections;
pub use definition::{
    CHAINCODE_SOURCES, ChaincodeDefinition, ChaincodeParameters, NAMESPACES, collections_key,
    described_chaincode, local_package_record, package_id_key, private_name, read_collections,
    read_definition, read_package_id, read_parameters, read_sequence, redefined_chaincode,
};
pub use peer_safety::{BUILT_IN_PLUGIN, UnsafeForPeers, check_peer_safe};
pub use state::{ReadState, StateError, WriteState};

/// The namespace of the system chaincode that keeps definitions and approvals.
pub const NAMESPACE: &str = "_lifecycle";
const IMPLICIT_PREFIX: &str = "_implicit_org_";

/// The name of an organisation's implicit collection.
pub fn implicit_collection(msp_id: &str) -> String {
    format!("{IMPLICIT_PREFIX}{msp_id}")
}

/// The organisation whose implicit collection this is.
pub fn implicit_owner(collection: &str) -> Option<&str> {
    collection.strip_prefix(IMPLICIT_PREFIX)
}
