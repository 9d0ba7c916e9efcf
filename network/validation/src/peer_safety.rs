//! Transactions that would stop or crash the peers of a channel are not ordered.
//!
//! A real peer panics or hangs on some malformed transactions, and meets them again after each restart,
//! since the block stays on the chain. No honest client makes one, but one hostile client with the right
//! to write is enough. Some are unsafe alone: [`check_peer_safe`] refuses them. Others are unsafe by the state that
//! they meet, or together with another one in the same block: [`compose`](crate::compose()) finds
//! them when the block is cut. The causes are in Fabric's `core/common/validation/statebased` and
//! `core/ledger/kvledger/txmgmt/validation`.

use std::collections::HashSet;

use bytes::Bytes;
use channel::{Bundle, policy::SignaturePolicy};
use fabric::{
    proto::{
        common::{ChannelHeader, SignatureHeader},
        kvrwset::{KvMetadataEntry, range_query_info::ReadsInfo},
        protos::ChaincodeHeaderExtension,
    },
    types::{DecodedEnvelope, decode_noting, envelope::Unreadable, rwset::TxRwSet, txid},
};

use ledger::{Ledger, LedgerError};

use super::{Defect, collections, definitions::Definitions, redefined};

/// The state metadata entry that holds a key's own endorsement policy.
const VALIDATION_PARAMETER: &str = "VALIDATION_PARAMETER";
/// The largest policy of a key, in bytes: every later write of the key costs its evaluation.
const MAX_KEY_POLICY_BYTES: usize = 16 << 10;

/// Why a transaction would stop peers.
#[derive(Debug, thiserror::Error)]
pub enum UnsafeForPeers {
    #[error("transaction refused: {part} cannot be decoded, which would stop the channel's peers")]
    Undecodable { part: String },
    #[error(
        "transaction refused: a field of {part} has another type, which peers of different versions read differently"
    )]
    Mistyped { part: String },
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
    #[error(
        "transaction refused: the endorsement policy it sets for a key of '{namespace}' has {size} bytes, at most \
         {MAX_KEY_POLICY_BYTES} are taken"
    )]
    PolicyTooLarge { namespace: String, size: usize },
    #[error("transaction refused: {0}, which would stop the channel's peers")]
    Writes(Defect),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<&Unreadable> for UnsafeForPeers {
    fn from(failure: &Unreadable) -> Self {
        match failure {
            Unreadable::Malformed { layer, .. } => Self::Undecodable { part: layer.to_string() },
            Unreadable::Mistyped { layer } => Self::Mistyped { part: layer.to_string() },
            Unreadable::NoHeader => Self::Missing { part: "header" },
            Unreadable::NoActions => Self::Missing { part: "action" },
            Unreadable::NoEndorsedAction => Self::Missing { part: "endorsed action" },
        }
    }
}

/// Refuses a transaction that would stop peers whatever stands beside it in its block. The envelope is decoded strictly
/// ([`DecodedEnvelope::strict`]); its channel header has been read.
pub fn check_peer_safe(
    envelope: &DecodedEnvelope,
    bundle: &Bundle,
    ledger: &Ledger,
) -> Result<(), UnsafeForPeers> {
    let header = envelope.channel_header()?;
    check_extension(header.extension.clone())?;
    // Walks down to what the chaincode did as a peer does when it looks for dependencies between the transactions of a
    // block, whatever their type.
    let response = envelope.response()?;
    response.action()?;
    let rwset = match response.rwset() {
        // Peers mark a transaction with an unreadable read-write set invalid and go on.
        Err(Unreadable::Malformed { .. }) => return Ok(()),
        rwset => rwset?,
    };
    check_writes(rwset, bundle, ledger)?;
    check_range_queries(rwset)?;
    check_policies(rwset)?;
    if sets_policies(rwset) {
        check_reaches_policy_check(header, envelope.signature_header()?, ledger)?;
    }
    Ok(())
}

/// An unreadable extension is a verdict, which all peers reach.
fn check_extension(extension: Bytes) -> Result<(), UnsafeForPeers> {
    let mut mistyped = false;
    let _ = decode_noting::<ChaincodeHeaderExtension>(extension, &mut mistyped);
    if mistyped {
        Err(UnsafeForPeers::Mistyped { part: "the header's extension".to_owned() })
    } else {
        Ok(())
    }
}

/// Whether the collections that a transaction writes to are defined, and the chaincode definitions that it
/// writes fit to act on.
fn check_writes(rwset: &TxRwSet, bundle: &Bundle, ledger: &Ledger) -> Result<(), UnsafeForPeers> {
    let view = ledger.view()?;
    collections::check_written(rwset, &Definitions::committed(&view))
        .and_then(|()| redefined::check_written(rwset, bundle, &view))
        .map_err(UnsafeForPeers::Writes)
}

/// Only a forger states a range query that peers cannot repeat.
fn check_range_queries(rwset: &TxRwSet) -> Result<(), UnsafeForPeers> {
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
        return Err(UnsafeForPeers::RangeQuery { reason });
    }
    Ok(())
}

fn check_policies(rwset: &TxRwSet) -> Result<(), UnsafeForPeers> {
    // Most transactions set one policy for all their keys.
    let mut good = HashSet::new();
    for namespace in &rwset.namespaces {
        let public = namespace.public.metadata_writes.iter().flat_map(|write| &write.entries);
        let hashed = namespace.collections.iter().flat_map(|collection| &collection.hashed.metadata_writes);
        let entries = public.chain(hashed.flat_map(|write| &write.entries));
        for KvMetadataEntry { value, .. } in entries.filter(|entry| entry.name == VALIDATION_PARAMETER) {
            let (namespace, size) = (&namespace.namespace, value.len());
            if size > MAX_KEY_POLICY_BYTES {
                return Err(UnsafeForPeers::PolicyTooLarge { namespace: namespace.clone(), size });
            }
            if !good.contains(value) && SignaturePolicy::decode(value.clone()).is_err() {
                return Err(UnsafeForPeers::NotAPolicy { namespace: namespace.clone() });
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
    signature_header: &SignatureHeader,
    ledger: &Ledger,
) -> Result<(), UnsafeForPeers> {
    let never_checked = |reason| Err(UnsafeForPeers::PolicyNeverChecked { reason });
    if header.tx_id != txid::compute(&signature_header.nonce, &signature_header.creator) {
        return never_checked("its transaction id does not match nonce and creator");
    }
    if ledger.transaction(&header.tx_id)?.is_some() {
        return never_checked("it is on the ledger already");
    }
    Ok(())
}

fn sets_policies(rwset: &TxRwSet) -> bool {
    rwset.namespaces.iter().any(|namespace| {
        let mut collections = namespace.collections.iter();
        !namespace.public.metadata_writes.is_empty()
            || collections.any(|collection| !collection.hashed.metadata_writes.is_empty())
    })
}
