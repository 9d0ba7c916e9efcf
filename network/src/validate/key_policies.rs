//! Policies of single keys: as committed, and when an earlier transaction of the block is about to change
//! one.
//!
//! Source: `core/common/validation/statebased/{vpmanagerimpl,validator_keylevel}.go`. Before a peer checks
//! a policy, it reads from each earlier transaction, good or bad, which keys' metadata it writes; whoever
//! writes such a key then waits for that transaction's own policy check. Peers panic or wait for ever on
//! transactions that cannot be read, or are never checked; so this is where most halts come from.

use std::collections::HashMap;

use bytes::Bytes;
use fabric::{
    proto::{
        kvrwset::KvMetadataWrite,
        protos::{MetaDataKeys, TxValidationCode},
    },
    types::{decode, rwset::TxRwSet},
};

use super::{
    Defect,
    unpack::{Flaw, Unpacked},
    verdict::{Failure, Verdict},
};
use crate::ledger::{StateKey, View};

/// The key policies that the transactions of one block meet.
pub(crate) struct KeyPolicies<'a> {
    view: &'a View<'a>,
    transactions: Vec<&'a Unpacked>,
    /// How many transactions have been searched for metadata writes.
    extracted: usize,
    /// The first of them that could not be read to the end.
    unreadable: Option<(usize, Flaw)>,
    /// Which transactions write the metadata of a key, in order.
    writers: HashMap<StateKey, Vec<usize>>,
    /// Whether a transaction met the policies of a namespace; nothing if they were never checked.
    results: HashMap<(usize, String), bool>,
}

impl<'a> KeyPolicies<'a> {
    pub fn new(view: &'a View<'a>, transactions: Vec<&'a Unpacked>) -> Self {
        Self {
            view,
            transactions,
            extracted: 0,
            unreadable: None,
            writers: HashMap::new(),
            results: HashMap::new(),
        }
    }

    /// Searches the transactions up to and with this one for metadata writes.
    pub fn extract_up_to(&mut self, index: usize) -> Result<(), Defect> {
        while self.extracted <= index {
            let Some(unpacked) = self.transactions.get(self.extracted) else { return Ok(()) };
            self.extract(self.extracted, unpacked)?;
            self.extracted += 1;
        }
        Ok(())
    }

    pub fn note_result(&mut self, index: usize, namespace: &str, is_endorsed: bool) {
        self.results.insert((index, namespace.to_owned()), is_endorsed);
    }

    /// Refuses a write to a key whose policy an earlier transaction changes, if that one is endorsed; it
    /// does not matter what becomes of it afterwards.
    pub fn await_earlier(&self, index: usize, key: &StateKey) -> Result<(), Failure> {
        if let Some((culprit, flaw)) = self.unreadable.as_ref().filter(|(culprit, _)| *culprit < index) {
            return Err(Defect::AwaitsUnreadable { culprit: *culprit, flaw: flaw.to_string() }.into());
        }
        let writers = self.writers.get(key).into_iter().flatten().copied();
        let mut unchecked = None;
        for earlier in writers.take_while(|earlier| *earlier < index) {
            match self.results.get(&(earlier, key.namespace.clone())) {
                Some(true) => {
                    let reason =
                        format!("the policy of {key} is changed by transaction {earlier} of this block");
                    return Err(Verdict::invalid(TxValidationCode::EndorsementPolicyFailure, reason).into());
                }
                Some(false) => {}
                None => unchecked = unchecked.or(Some(earlier)),
            }
        }
        match unchecked {
            None => Ok(()),
            Some(culprit) => Err(Defect::AwaitsUnchecked { culprit, key: key.to_string() }.into()),
        }
    }

    /// The committed policy of a key, an encoded `SignaturePolicyEnvelope`; empty if it has none.
    pub fn of(&self, key: &StateKey) -> Result<Bytes, Defect> {
        let Some(state) = self.view.state(key)? else { return Ok(Bytes::new()) };
        let metadata: KvMetadataWrite =
            decode(state.metadata).map_err(|error| Defect::KeyPolicy(error.to_string()))?;
        let name = MetaDataKeys::ValidationParameter.as_str_name();
        // Names may occur twice; Fabric reads the entries into a map, where the last one stays.
        let entry = metadata.entries.into_iter().rfind(|entry| entry.name == name);
        Ok(entry.map(|entry| entry.value).unwrap_or_default())
    }

    fn extract(&mut self, index: usize, unpacked: &Unpacked) -> Result<(), Defect> {
        let flaw = match &unpacked.endorsed {
            Ok(endorsed) if endorsed.action.is_err() => Flaw::Malformed("ChaincodeAction"),
            Ok(endorsed) => {
                self.note_writers(index, endorsed.rwset.as_ref().ok());
                return Ok(());
            }
            Err(flaw @ Flaw::Malformed(_)) => flaw.clone(),
            Err(flaw) => {
                return Err(Defect::FollowsActionless { culprit: index, flaw: flaw.to_string() });
            }
        };
        self.unreadable.get_or_insert((index, flaw));
        Ok(())
    }

    fn note_writers(&mut self, index: usize, rwset: Option<&TxRwSet>) {
        for namespace in rwset.into_iter().flat_map(|rwset| &rwset.namespaces) {
            let name = &namespace.namespace;
            let public =
                namespace.public.metadata_writes.iter().map(|write| StateKey::public(name, &write.key));
            let hashed = namespace.collections.iter().flat_map(|set| {
                let key = move |hash: &Bytes| StateKey::hashed(name, &set.collection, hash.clone());
                set.hashed.metadata_writes.iter().map(move |write| key(&write.key_hash))
            });
            for key in public.chain(hashed) {
                let writers = self.writers.entry(key).or_default();
                if writers.last() != Some(&index) {
                    writers.push(index);
                }
            }
        }
    }
}
