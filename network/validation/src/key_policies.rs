//! Policies of single keys: as committed, and when an earlier transaction of the block is about to change
//! one.
//!
//! Source: `core/common/validation/statebased/{vpmanagerimpl,validator_keylevel}.go`. Before a peer checks
//! a policy, it reads from each earlier transaction, good or bad, which keys' metadata it writes; a
//! transaction that writes such a key then waits for that transaction's own policy check. Peers panic or wait for ever on
//! transactions that cannot be read, or are never checked; so this is where most halts come from.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use fabric::{
    proto::{
        kvrwset::KvMetadataWrite,
        protos::{MetaDataKeys, TxValidationCode},
    },
    types::{
        DecodedEnvelope, decode,
        envelope::Unreadable,
        rwset::{NamespaceRwSet, TxRwSet},
    },
};

use super::{
    Defect,
    verdict::{Failure, Verdict},
};
use ledger::{StateKey, View};

/// Whether a transaction met the policies of each namespace it concerns. A namespace whose policies it was
/// never evaluated over is not there.
pub(crate) type Met = BTreeMap<String, bool>;

/// The key policies that the transactions of one block meet.
pub(crate) struct KeyPolicies<'a> {
    view: &'a View<'a>,
    /// The last transactions of the block so far, which have not been searched for metadata writes yet.
    unsearched: VecDeque<Earlier<'a>>,
    /// The first transaction that could not be read to the end.
    unreadable: Option<(usize, Unreadable)>,
    /// What the searched transactions do to the policies of keys.
    changes: HashMap<StateKey, Changes>,
    /// Peers look at the changes of a key in an order of their own. Where only some of them hang, the orderer lets
    /// none come to it; a follower goes on as the others do.
    pub for_ordering: bool,
}

/// A transaction that has its place in the block.
struct Earlier<'a> {
    index: usize,
    envelope: &'a DecodedEnvelope,
    met: Met,
}

/// The first metadata writes of a key by earlier transactions of the block.
#[derive(Clone, Copy, Default)]
struct Changes {
    /// By a transaction that met the policies of the key's namespace.
    endorsed: Option<usize>,
    /// By one for which they were never evaluated.
    unchecked: Option<usize>,
}

impl<'a> KeyPolicies<'a> {
    pub fn new(view: &'a View<'a>) -> Self {
        let (unsearched, changes) = (VecDeque::new(), HashMap::new());
        Self { view, unsearched, unreadable: None, changes, for_ordering: false }
    }

    /// The transaction at `index` is the next one of the block.
    pub fn add(&mut self, index: usize, envelope: &'a DecodedEnvelope, met: Met) {
        self.unsearched.push_back(Earlier { index, envelope, met });
    }

    /// Searches the transactions of the block so far for metadata writes, as a peer does before it checks a
    /// policy.
    pub fn search(&mut self) -> Result<(), Defect> {
        while let Some(earlier) = self.unsearched.pop_front() {
            match readable(earlier.envelope) {
                Ok(rwset) => self.note(&earlier, rwset),
                Err(flaw @ (Unreadable::Malformed { .. } | Unreadable::Mistyped { .. })) => {
                    self.unreadable.get_or_insert((earlier.index, flaw.clone()));
                }
                Err(flaw) => {
                    let offending_transaction = earlier.index;
                    self.unsearched.push_front(earlier);
                    return Err(Defect::FollowsActionless { offending_transaction, flaw: flaw.to_string() });
                }
            }
        }
        Ok(())
    }

    /// Refuses a write to a key whose policy an earlier transaction changes, if that one is endorsed; it
    /// does not matter what becomes of it afterwards.
    pub fn await_earlier(&self, key: &StateKey) -> Result<(), Failure> {
        if let Some((offending_transaction, flaw)) = &self.unreadable {
            return Err(Defect::AwaitsUnreadable {
                offending_transaction: *offending_transaction,
                flaw: flaw.to_string(),
            }
            .into());
        }
        let Changes { endorsed, unchecked } = self.changes.get(key).copied().unwrap_or_default();
        if let Some(offending_transaction) = unchecked.filter(|_| self.for_ordering || endorsed.is_none()) {
            return Err(Defect::AwaitsUnchecked { offending_transaction, key: key.to_string() }.into());
        }
        let Some(earlier) = endorsed else { return Ok(()) };
        let reason = format!("the policy of {key} is changed by transaction {earlier} of this block");
        Err(Verdict::invalid(TxValidationCode::EndorsementPolicyFailure, reason).into())
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

    /// One entry a key, whatever the number of its writers: the work stays linear in the block's size.
    fn note(&mut self, earlier: &Earlier<'_>, rwset: Option<&TxRwSet>) {
        for namespace in rwset.into_iter().flat_map(|rwset| &rwset.namespaces) {
            let met = earlier.met.get(&namespace.namespace);
            for key in metadata_keys(namespace).filter(|_| met != Some(&false)) {
                let changes = self.changes.entry(key).or_default();
                let first = if met.is_some() { &mut changes.endorsed } else { &mut changes.unchecked };
                first.get_or_insert(earlier.index);
            }
        }
    }
}

/// The namespaces whose policies must be evaluated for the transaction, or else peers wait for ever at a later
/// transaction that writes one of the same keys; an error if already reading it stops them there.
pub(crate) fn namespaces_to_settle(
    envelope: &DecodedEnvelope,
) -> Result<impl Iterator<Item = &str>, &Unreadable> {
    let namespaces = readable(envelope)?.into_iter().flat_map(|rwset| &rwset.namespaces);
    let sets_policies = |namespace: &&NamespaceRwSet| metadata_keys(namespace).next().is_some();
    Ok(namespaces.filter(sets_policies).map(|namespace| namespace.namespace.as_str()))
}

/// The read-write set, if it can be read; an error where peers do not get that far.
fn readable(envelope: &DecodedEnvelope) -> Result<Option<&TxRwSet>, &Unreadable> {
    let response = envelope.response()?;
    response.action()?;
    Ok(response.rwset().ok())
}

fn metadata_keys(namespace: &NamespaceRwSet) -> impl Iterator<Item = StateKey> {
    let name = &namespace.namespace;
    let public = namespace.public.metadata_writes.iter().map(move |write| StateKey::public(name, &write.key));
    let hashed = namespace.collections.iter().flat_map(move |set| {
        let key = move |hash: &Bytes| StateKey::hashed(name, &set.collection, hash.clone());
        set.hashed.metadata_writes.iter().map(move |write| key(&write.key_hash))
    });
    public.chain(hashed)
}
