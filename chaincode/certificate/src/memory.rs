//! A ledger in memory, for tests of whatever uses the contract, and for judging a request by the contract's own rules: transactions one
//! after the other, committed under the key policies as Fabric's validator evaluates them.

use std::collections::BTreeMap;
use std::mem;

use bytes::Bytes;

use crate::chaincode::{Chaincode, Part};
use crate::contract::{Response, dispatch, part_of};
use crate::date_time::DateTime;
use crate::parties::{ACCREDITATION_BODY, CERTIFICATION_BODY};
use crate::state::{Creator, KeyPolicy, Modification, State, StateError};

/// A key in the namespace of one of the two chaincodes.
type Key = (Part, String);

#[derive(Clone)]
pub struct Memory {
    channel: String,
    /// The chaincode of the open transaction.
    chaincode: Chaincode,
    creator: Creator,
    timestamp: DateTime,
    transactions: u64,
    transaction_id: String,
    /// All values of each key, oldest first.
    values: BTreeMap<Key, Vec<Modification>>,
    policies: BTreeMap<Key, KeyPolicy>,
    read: Vec<String>,
    written: BTreeMap<String, Vec<u8>>,
    policies_written: BTreeMap<String, KeyPolicy>,
    event: Option<(String, Vec<u8>)>,
    transient: BTreeMap<String, Bytes>,
    /// Private values by organisation and key.
    private: BTreeMap<(String, String), Bytes>,
    private_written: BTreeMap<(String, String), Option<Vec<u8>>>,
    /// The organisation whose peer runs the transaction, where it is another than its creator's.
    peer: Option<String>,
}

/// A transaction that Fabric would mark ENDORSEMENT_POLICY_FAILURE.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the write of {key} needs more than these endorsements")]
pub struct PolicyFailure {
    pub key: String,
}

impl Memory {
    /// The ledger of a network with the demonstration's two bodies.
    pub fn new(channel: &str) -> Memory {
        Memory {
            channel: channel.to_owned(),
            chaincode: Chaincode { part: Part::Body, accreditation_body: ACCREDITATION_BODY.to_owned() },
            creator: Creator::new("", None),
            timestamp: DateTime::from_seconds(0),
            transactions: 0,
            transaction_id: String::new(),
            values: BTreeMap::new(),
            policies: BTreeMap::new(),
            read: Vec::new(),
            written: BTreeMap::new(),
            policies_written: BTreeMap::new(),
            event: None,
            transient: BTreeMap::new(),
            private: BTreeMap::new(),
            private_written: BTreeMap::new(),
            peer: None,
        }
    }

    /// Begins a transaction of the body's chaincode, and with that forgets one that was not committed.
    pub fn begin(&mut self, creator: Creator, timestamp: DateTime) {
        self.transactions += 1;
        self.transaction_id = format!("{:064x}", self.transactions);
        self.chaincode.part = Part::Body;
        self.creator = creator;
        self.timestamp = timestamp;
        self.read.clear();
        self.written.clear();
        self.policies_written.clear();
        self.event = None;
        self.transient.clear();
        self.private_written.clear();
        self.peer = None;
    }

    /// Gives the open transaction an entry of the transient map.
    pub fn hand_over(&mut self, name: &str, value: Vec<u8>) {
        self.transient.insert(name.to_owned(), value.into());
    }

    /// Runs the open transaction at a peer of this organisation.
    pub fn at_peer_of(&mut self, organisation: &str) {
        self.peer = Some(organisation.to_owned());
    }

    /// What an organisation's private data hold.
    pub fn private(&self, organisation: &str) -> impl Iterator<Item = (&str, &Bytes)> {
        let own = self.private.iter().filter(move |((owner, _), _)| owner == organisation);
        own.map(|((_, key), value)| (key.as_str(), value))
    }

    /// The transaction is one of this chaincode.
    pub fn enter(&mut self, part: Part) {
        self.chaincode.part = part;
    }

    /// The chaincode of the open transaction.
    pub fn part(&self) -> Part {
        self.chaincode.part
    }

    /// Runs one function in the open transaction, in the chaincode that has it.
    pub async fn run(&mut self, function: &str, arguments: &[Bytes]) -> Response {
        self.enter(part_of(function));
        dispatch(self, function, arguments).await
    }

    /// Runs one function in a transaction of its own and commits it where it succeeds, endorsed by both bodies.
    pub async fn submit(
        &mut self,
        creator: Creator,
        timestamp: DateTime,
        function: &str,
        arguments: &[&str],
    ) -> Response {
        self.begin(creator, timestamp);
        let arguments: Vec<Bytes> =
            arguments.iter().map(|argument| Bytes::copy_from_slice(argument.as_bytes())).collect();
        let response = self.run(function, &arguments).await;
        if response.status == Response::OK && self.commit(&[CERTIFICATION_BODY, ACCREDITATION_BODY]).is_err()
        {
            return Response {
                status: 500,
                message: "ENDORSEMENT_POLICY_FAILURE".into(),
                payload: Vec::new(),
            };
        }
        response
    }

    /// Commits what the transaction wrote, if the peers of `endorsers` may write each key: a key's own committed
    /// policy where it has one, the chaincode's where it has none.
    pub fn commit(&mut self, endorsers: &[&str]) -> Result<(), PolicyFailure> {
        let keys = self.written.keys().chain(self.policies_written.keys());
        if let Some(key) = keys.into_iter().find(|key| !self.may_write(key, endorsers)) {
            return Err(PolicyFailure { key: key.clone() });
        }
        // A collection of one organisation has the endorsement policy of that organisation alone.
        let mut private = self.private_written.keys();
        if let Some((_, key)) = private.find(|(owner, _)| !endorsers.contains(&owner.as_str())) {
            return Err(PolicyFailure { key: key.clone() });
        }
        for (key, value) in mem::take(&mut self.private_written) {
            match value {
                Some(value) => self.private.insert(key, value.into()),
                None => self.private.remove(&key),
            };
        }
        for (key, value) in mem::take(&mut self.written) {
            let modification = Modification {
                transaction_id: self.transaction_id.clone(),
                timestamp: self.timestamp,
                nanos: i32::try_from(self.transactions).unwrap_or(i32::MAX),
                value: Some(value.into()),
            };
            self.values.entry((self.chaincode.part, key)).or_default().push(modification);
        }
        let part = self.chaincode.part;
        let policies = mem::take(&mut self.policies_written).into_iter();
        self.policies.extend(policies.map(|(key, policy)| ((part, key), policy)));
        Ok(())
    }

    /// Leaves the records below a prefix as if they had never been written.
    pub fn forget(&mut self, prefix: &str) {
        self.values.retain(|(_, key), _| !key.starts_with(prefix));
    }

    /// The policy of a key of that chaincode's.
    pub fn policy(&self, part: Part, key: &str) -> Option<&KeyPolicy> {
        self.policies.get(&(part, key.to_owned()))
    }

    pub fn event(&self) -> Option<&(String, Vec<u8>)> {
        self.event.as_ref()
    }

    /// The keys that the open transaction reads: a write to any of them meanwhile would make it fail.
    pub fn keys_read(&self) -> &[String] {
        &self.read
    }

    /// The keys that the open transaction writes, values and policies alike.
    pub fn keys_written(&self) -> Vec<&str> {
        let mut keys: Vec<&str> =
            self.written.keys().chain(self.policies_written.keys()).map(String::as_str).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }

    fn may_write(&self, key: &str, endorsers: &[&str]) -> bool {
        let part = self.chaincode.part;
        match self.policy(part, key) {
            None => {
                let is_there = |organisation: &str| endorsers.contains(&organisation);
                is_there(ACCREDITATION_BODY) && (part == Part::Registry || is_there(CERTIFICATION_BODY))
            }
            Some(KeyPolicy::All(organisations)) => {
                organisations.iter().all(|organisation| endorsers.contains(&organisation.as_str()))
            }
            Some(KeyPolicy::Nobody) => false,
        }
    }

    fn value(&self, part: Part, key: &str) -> Option<Bytes> {
        self.values.get(&(part, key.to_owned()))?.last()?.value.clone()
    }
}

impl State for Memory {
    async fn get(&mut self, keys: &[&str]) -> Result<Vec<Option<Bytes>>, StateError> {
        self.read.extend(keys.iter().map(|&key| key.to_owned()));
        Ok(keys.iter().map(|key| self.value(self.chaincode.part, key)).collect())
    }

    async fn registered(&mut self, keys: &[&str]) -> Result<Vec<Option<Bytes>>, StateError> {
        self.read.extend(keys.iter().map(|&key| key.to_owned()));
        Ok(keys.iter().map(|key| self.value(Part::Registry, key)).collect())
    }

    async fn range(
        &mut self,
        start: &str,
        end: &str,
        most: usize,
    ) -> Result<Vec<(String, Bytes)>, StateError> {
        let part = self.chaincode.part;
        let range = (part, start.to_owned())..(part, end.to_owned());
        let keys = self.values.range(range).map(|((_, key), _)| key);
        Ok(keys.filter_map(|key| Some((key.clone(), self.value(part, key)?))).take(most).collect())
    }

    async fn history(&mut self, key: &str) -> Result<Vec<Modification>, StateError> {
        let key = (self.chaincode.part, key.to_owned());
        Ok(self.values.get(&key).into_iter().flatten().rev().cloned().collect())
    }

    fn put(&mut self, key: &str, value: Vec<u8>) {
        self.written.insert(key.to_owned(), value);
    }

    fn set_policy(&mut self, key: &str, policy: &KeyPolicy) {
        self.policies_written.insert(key.to_owned(), policy.clone());
    }

    fn transient(&self, name: &str) -> Option<Bytes> {
        self.transient.get(name).cloned()
    }

    async fn get_private(
        &mut self,
        organisation: &str,
        keys: &[&str],
    ) -> Result<Vec<Option<Bytes>>, StateError> {
        let peer = self.peer.as_ref().unwrap_or(&self.creator.msp_id);
        let value = |key: &&str| self.private.get(&(organisation.to_owned(), (*key).to_owned())).cloned();
        let values: Vec<_> = keys.iter().map(value).collect();
        if peer != organisation && values.iter().any(Option::is_some) {
            return Err(StateError("private data matching public hash version is not available".into()));
        }
        Ok(values)
    }

    fn put_private(&mut self, organisation: &str, key: &str, value: Vec<u8>) {
        self.private_written.insert((organisation.to_owned(), key.to_owned()), Some(value));
    }

    fn purge_private(&mut self, organisation: &str, key: &str) {
        self.private_written.insert((organisation.to_owned(), key.to_owned()), None);
    }

    fn set_event(&mut self, name: &str, payload: Vec<u8>) {
        self.event = Some((name.to_owned(), payload));
    }

    fn chaincode(&self) -> &Chaincode {
        &self.chaincode
    }

    fn channel_id(&self) -> &str {
        &self.channel
    }

    fn transaction_id(&self) -> &str {
        &self.transaction_id
    }

    fn timestamp(&self) -> DateTime {
        self.timestamp
    }

    fn creator(&self) -> &Creator {
        &self.creator
    }
}
