//! Transactions that would stop or crash the peers of a channel are not ordered.
//!
//! A real peer panics or hangs on some malformed transactions, and meets them again after each restart,
//! since the block stays on the chain. No honest client makes one, but one hostile client with the right
//! to write is enough. Some are deadly alone ([`examine`] refuses them), some only together with another
//! one in the same block ([`Footprint::clashes_with`] keeps them apart). The causes are in Fabric's
//! `core/common/validation/statebased` and `core/ledger/kvledger/txmgmt/validation`.

use std::collections::HashSet;

use bytes::Bytes;
use fabric::{
    policy::SignaturePolicy,
    proto::{
        common::{ChannelHeader, SignatureHeader},
        kvrwset::{KvMetadataEntry, range_query_info::ReadsInfo},
        protos::{
            ChaincodeAction, ChaincodeActionPayload, ChaincodeHeaderExtension, ProposalResponsePayload,
            Transaction, TxValidationCode,
        },
    },
    types::{
        decode_noting,
        rwset::{CollectionRwSet, NamespaceRwSet, TxRwSet},
        txid,
    },
};

use crate::ledger::{Ledger, LedgerError};

/// The state metadata entry that holds a key's own endorsement policy.
const VALIDATION_PARAMETER: &str = "VALIDATION_PARAMETER";

/// Why a transaction would stop peers.
#[derive(Debug, thiserror::Error)]
pub enum Hazard {
    #[error("transaction refused: {part} cannot be decoded, which would stop the channel's peers")]
    Undecodable { part: &'static str },
    #[error(
        "transaction refused: a field of {part} has another type, which peers of different versions read differently"
    )]
    Mistyped { part: &'static str },
    #[error("transaction refused: it has no {part}, which would stop the channel's peers")]
    Missing { part: &'static str },
    #[error(
        "transaction refused: it sets a key's endorsement policy but {reason}, which could stop the channel's peers"
    )]
    PolicyNeverChecked { reason: &'static str },
    #[error("transaction refused: a range query {reason}, which would stop the channel's peers")]
    RangeQuery { reason: &'static str },
    #[error("transaction refused: the endorsement policy it sets for a key of '{namespace}' is not one")]
    NotAPolicy { namespace: String },
    #[error("transaction refused: {reason}, which would stop the channel's peers")]
    Writes { reason: String },
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Judges what a read-write set writes to collections and chaincode definitions.
pub type WritesCheck<'a> = dyn Fn(&TxRwSet) -> Result<(), String> + 'a;

/// A key that a transaction touches: namespace, collection (empty for public keys), key or its hash.
type Key = (String, String, Bytes);
type KeyRef<'k> = (&'k str, &'k str, &'k [u8]);

/// What a transaction, or a batch of them, does to keys, as far as its neighbours must know.
#[derive(Clone, Debug, Default)]
pub struct Footprint {
    deleted: HashSet<Key>,
    /// Keys whose metadata is written without their value, or whose value is written twice (which
    /// Fabric takes for the same).
    metadata_only: HashSet<Key>,
    sets_policies: bool,
    /// More than one namespace's policies must be met.
    spans_namespaces: bool,
}

impl Footprint {
    /// A metadata-only write of a key that was deleted earlier in the block crashes a peer.
    pub fn clashes_with(&self, next: &Self) -> bool {
        next.metadata_only.iter().any(|key| self.deleted.contains(key))
    }

    pub fn merge(&mut self, next: &Self) {
        self.deleted.extend(next.deleted.iter().cloned());
    }

    /// Whether the transaction writes key-level endorsement policies: a repetition of such a one can
    /// hang peers, so it is looked for once more when the block is cut.
    pub fn sets_policies(&self) -> bool {
        self.sets_policies
    }

    /// Whether peers go on after the transaction, if it gets this code, or not, as it happens: one that sets
    /// policies and fails in one of several namespaces makes those hang later that did not visit the others.
    pub fn divides_peers(&self, code: TxValidationCode) -> bool {
        let failed = [TxValidationCode::EndorsementPolicyFailure, TxValidationCode::InvalidChaincode];
        self.sets_policies && self.spans_namespaces && failed.contains(&code)
    }
}

/// Refuses a transaction that is deadly whatever stands beside it in its block.
///
/// `signature_header` and `data` are those of the envelope's payload; `check_writes` says why collections
/// and definitions that a transaction writes to would stop peers, if they would.
pub fn examine(
    header: &ChannelHeader,
    signature_header: Bytes,
    data: Bytes,
    ledger: &Ledger,
    check_writes: &WritesCheck<'_>,
) -> Result<Footprint, Hazard> {
    // An unreadable extension is a verdict, which all peers reach.
    let extension = part::<ChaincodeHeaderExtension>("the header's extension", header.extension.clone());
    if let Err(hazard @ Hazard::Mistyped { .. }) = extension {
        return Err(hazard);
    }
    let action = chaincode_action(data)?;
    // Peers mark a transaction with an unreadable read-write set invalid and go on.
    let Some(rwset) = rwset(action.results)? else { return Ok(Footprint::default()) };
    check_writes(&rwset).map_err(|reason| Hazard::Writes { reason })?;
    check_range_queries(&rwset)?;
    check_policies(&rwset)?;
    let invoked = action.chaincode_id.unwrap_or_default().name;
    let footprint = footprint(&rwset, &invoked);
    if footprint.sets_policies {
        check_reaches_policy_check(header, signature_header, ledger)?;
    }
    Ok(footprint)
}

/// Walks down to what the chaincode did as a peer does when it looks for dependencies between the
/// transactions of a block, whatever their type.
fn chaincode_action(data: Bytes) -> Result<ChaincodeAction, Hazard> {
    let transaction: Transaction = part("the transaction", data)?;
    let action = transaction.actions.into_iter().next().ok_or(Hazard::Missing { part: "action" })?;
    let payload: ChaincodeActionPayload = part("the action's payload", action.payload)?;
    let endorsed = payload.action.ok_or(Hazard::Missing { part: "endorsed action" })?;
    let response: ProposalResponsePayload =
        part("the proposal response", endorsed.proposal_response_payload)?;
    part("the chaincode action", response.extension)
}

/// Decodes a part, and refuses one in which a known field comes with another wire type.
fn part<M: prost::Message + Default + prost::Name>(part: &'static str, bytes: Bytes) -> Result<M, Hazard> {
    let mut mistyped = false;
    let message = decode_noting(bytes, &mut mistyped).map_err(|_| Hazard::Undecodable { part })?;
    if mistyped { Err(Hazard::Mistyped { part }) } else { Ok(message) }
}

/// As [`part`], but the set may be unreadable: that is a verdict, which all peers reach.
fn rwset(results: Bytes) -> Result<Option<TxRwSet>, Hazard> {
    let mut mistyped = false;
    let rwset = TxRwSet::decode_noting(results, &mut mistyped).ok();
    if mistyped { Err(Hazard::Mistyped { part: "the read-write set" }) } else { Ok(rwset) }
}

/// Only a forger states a range query that peers cannot repeat.
fn check_range_queries(rwset: &TxRwSet) -> Result<(), Hazard> {
    let queries = rwset.namespaces.iter().flat_map(|namespace| &namespace.public.range_queries_info);
    for query in queries {
        let reason = match &query.reads_info {
            Some(ReadsInfo::RawReads(reads)) if reads.kv_reads.iter().any(|read| read.version.is_none()) => {
                "states a result without a version"
            }
            Some(ReadsInfo::ReadsMerkleHashes(summary)) if summary.max_degree < 2 => {
                "states a summary that is no tree"
            }
            _ => continue,
        };
        return Err(Hazard::RangeQuery { reason });
    }
    Ok(())
}

fn check_policies(rwset: &TxRwSet) -> Result<(), Hazard> {
    // Most transactions set one policy for all their keys.
    let mut good = HashSet::new();
    for namespace in &rwset.namespaces {
        let public = namespace.public.metadata_writes.iter().flat_map(|write| &write.entries);
        let hashed = namespace.collections.iter().flat_map(|collection| &collection.hashed.metadata_writes);
        let entries = public.chain(hashed.flat_map(|write| &write.entries));
        for KvMetadataEntry { value, .. } in entries.filter(|entry| entry.name == VALIDATION_PARAMETER) {
            if !good.contains(value) && SignaturePolicy::decode(value.clone()).is_err() {
                return Err(Hazard::NotAPolicy { namespace: namespace.namespace.clone() });
            }
            good.insert(value);
        }
    }
    Ok(())
}

/// A transaction that sets a policy and is thrown out before its own policies are checked leaves later
/// transactions of the block waiting for a verdict that never comes.
fn check_reaches_policy_check(
    header: &ChannelHeader,
    signature_header: Bytes,
    ledger: &Ledger,
) -> Result<(), Hazard> {
    let signature_header: SignatureHeader = part("the signature header", signature_header)?;
    let never_checked = |reason| Err(Hazard::PolicyNeverChecked { reason });
    if header.tx_id != txid::compute(&signature_header.nonce, &signature_header.creator) {
        return never_checked("its transaction id does not match nonce and creator");
    }
    if ledger.transaction(&header.tx_id)?.is_some() {
        return never_checked("it is on the ledger already");
    }
    Ok(())
}

fn footprint(rwset: &TxRwSet, invoked: &str) -> Footprint {
    let spans_namespaces = rwset.namespaces.iter().any(|namespace| namespace.namespace != invoked);
    let mut footprint = Footprint { spans_namespaces, ..Footprint::default() };
    for namespace in &rwset.namespaces {
        add_public(&mut footprint, namespace);
        add_hashed(&mut footprint, namespace);
    }
    footprint
}

fn add_public(footprint: &mut Footprint, namespace: &NamespaceRwSet) {
    let name = namespace.namespace.as_str();
    let writes = namespace.public.writes.iter();
    let writes =
        writes.map(|write| ((name, "", write.key.as_bytes()), write.is_delete || write.value.is_empty()));
    let metadata = namespace.public.metadata_writes.iter().map(|write| (name, "", write.key.as_bytes()));
    footprint.add(writes, metadata);
}

fn add_hashed(footprint: &mut Footprint, namespace: &NamespaceRwSet) {
    let name = namespace.namespace.as_str();
    for CollectionRwSet { collection, hashed, .. } in &namespace.collections {
        let writes = hashed.hashed_writes.iter();
        let writes = writes.map(|write| ((name, collection.as_str(), &write.key_hash[..]), write.is_delete));
        let metadata = hashed.metadata_writes.iter();
        let metadata = metadata.map(|write| (name, collection.as_str(), &write.key_hash[..]));
        footprint.add(writes, metadata);
    }
}

impl Footprint {
    fn add<'k>(
        &mut self,
        writes: impl Iterator<Item = (KeyRef<'k>, bool)>,
        metadata: impl Iterator<Item = KeyRef<'k>>,
    ) {
        let mut written = HashSet::new();
        for (key, is_delete) in writes {
            if is_delete {
                self.deleted.insert(owned(key));
            }
            if !written.insert(key) {
                self.metadata_only.insert(owned(key));
            }
        }
        for key in metadata {
            self.sets_policies = true;
            if !written.contains(&key) {
                self.metadata_only.insert(owned(key));
            }
        }
    }
}

fn owned((namespace, collection, key): KeyRef<'_>) -> Key {
    (namespace.to_owned(), collection.to_owned(), Bytes::copy_from_slice(key))
}
