//! What the contract may see of the ledger and of the transaction that calls it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;

use crate::chaincode::Chaincode;
use crate::date_time::DateTime;
use crate::document::{self, SignedDocument};
use crate::duty::{Duty, is_person};
use crate::refusal::Violation;

/// The ledger as one transaction sees it.
///
/// Reads show the state that was committed before the transaction: a transaction does not see its own writes
/// (Fabric's simulator works so). Writes are collected, cannot fail, and reach the ledger only when the
/// contract answers with success; the contract checks first and writes last. There is no delete, because
/// nothing in this contract is ever deleted.
///
/// Two implementations: the chaincode's stub over the peer's stream, and [`crate::memory::Memory`].
pub trait State: Send {
    /// The committed values of `keys`, in their order; `None` where a key holds nothing. One call, because
    /// each call of the stub costs a round trip to the peer.
    fn get(&mut self, keys: &[&str]) -> impl Future<Output = Result<Vec<Option<Bytes>>, StateError>> + Send;

    /// The committed values of `keys` in the registry's namespace, by a call of that chaincode.
    fn registered(
        &mut self,
        keys: &[&str],
    ) -> impl Future<Output = Result<Vec<Option<Bytes>>, StateError>> + Send;

    /// The first keys with `start <= key < end`, at most `most`, and their values, in key order.
    fn range(
        &mut self,
        start: &str,
        end: &str,
        most: usize,
    ) -> impl Future<Output = Result<Vec<(String, Bytes)>, StateError>> + Send;

    /// All committed values of a key, newest first.
    fn history(&mut self, key: &str) -> impl Future<Output = Result<Vec<Modification>, StateError>> + Send;

    /// Writes a value; an empty one would be a deletion in Fabric and is never passed.
    fn put(&mut self, key: &str, value: Vec<u8>);

    /// Sets the key's validation parameter: from the next block on, only these organisations' peers together
    /// can write the key or change its policy.
    fn set_policy(&mut self, key: &str, policy: &KeyPolicy);

    /// An entry of the proposal's transient map: it reaches the endorsers, and neither the orderer nor a block.
    fn transient(&self, name: &str) -> Option<Bytes>;

    /// The committed values of `keys` in an organisation's own private data (Fabric's implicit collection), in their order.
    /// An error at another organisation's peer, which does not have them.
    fn get_private(
        &mut self,
        organisation: &str,
        keys: &[&str],
    ) -> impl Future<Output = Result<Vec<Option<Bytes>>, StateError>> + Send;

    /// Writes a value into an organisation's own private data; it takes the endorsement of a peer of that organisation.
    fn put_private(&mut self, organisation: &str, key: &str, value: Vec<u8>);

    /// Deletes a private value and every earlier one of its key from the disks of those who hold it.
    fn purge_private(&mut self, organisation: &str, key: &str);

    /// The one event that the transaction emits; a second call replaces the first.
    fn set_event(&mut self, name: &str, payload: Vec<u8>);

    /// Which of the network's chaincodes this is.
    fn chaincode(&self) -> &Chaincode;

    fn channel_id(&self) -> &str;

    fn transaction_id(&self) -> &str;

    /// The transaction's timestamp, which is its client's claim.
    fn timestamp(&self) -> DateTime;

    /// Who signed the proposal.
    fn creator(&self) -> &Creator;

    /// Judges a signed document. What [`document::check_signed`] says depends on the bytes alone, so an implementation
    /// may keep it for the next transaction that comes with the same.
    fn check_signed(&self, document: &[u8]) -> Result<Arc<SignedDocument>, Vec<Violation>> {
        document::check_signed(document).map(Arc::new)
    }
}

/// Whose peers must endorse a write to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyPolicy {
    /// One peer of each of these organisations (MSP ids), all of them.
    All(Vec<String>),
    /// No organisation, ever: what is written stays. (A policy of one out of no rules.)
    Nobody,
}

impl KeyPolicy {
    pub fn all(organisations: &[&str]) -> KeyPolicy {
        KeyPolicy::All(organisations.iter().map(|&organisation| organisation.to_owned()).collect())
    }
}

/// The identity that signed the proposal, as the peer has already authenticated it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creator {
    pub msp_id: String,
    /// From the organisational unit in its certificate; `None` where that names no role.
    pub role: Option<Role>,
    /// From the attribute `nanotrace.role` of its certificate; in order, each once.
    pub duties: Vec<Duty>,
    /// The attribute `nanotrace.person`: a pseudonym of the person that stays when the certificate is renewed.
    pub person: Option<String>,
}

impl Creator {
    /// An identity whose certificate has no attribute.
    pub fn new(msp_id: &str, role: Option<Role>) -> Creator {
        Creator { msp_id: msp_id.to_owned(), role, duties: Vec::new(), person: None }
    }

    /// With the values of the attributes `nanotrace.role` and `nanotrace.person`. What is neither a duty nor a pseudonym
    /// counts as absent.
    pub fn with_attributes(self, duties: &str, person: &str) -> Creator {
        let person = is_person(person).then(|| person.to_owned());
        Creator { duties: Duty::from_attribute(duties), person, ..self }
    }
}

/// The four roles of Fabric's NodeOUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Admin,
    Client,
    Peer,
    Orderer,
}

impl Role {
    /// From an organisational unit's name, as in the configurations that cryptogen and Fabric CA write.
    pub fn from_organisational_unit(name: &str) -> Option<Role> {
        match name {
            "admin" => Some(Role::Admin),
            "client" => Some(Role::Client),
            "peer" => Some(Role::Peer),
            "orderer" => Some(Role::Orderer),
            _ => None,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Role::Admin => "admin",
            Role::Client => "client",
            Role::Peer => "peer",
            Role::Orderer => "orderer",
        })
    }
}

/// One past value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Modification {
    pub transaction_id: String,
    pub timestamp: DateTime,
    /// Nanoseconds after `timestamp`: they order what happened within one second.
    pub nanos: i32,
    /// `None` for a deletion.
    pub value: Option<Bytes>,
}

/// The ledger did not answer; the text is the peer's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger did not answer: {0}")]
pub struct StateError(pub String);
