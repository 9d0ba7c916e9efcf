//! The private part of a block: what the peer's organisation keeps of it and the client may read
//! (`core/peer/deliverevents.go`).

use std::collections::BTreeMap;

use channel::{
    Bundle,
    policy::{PolicyError, SignaturePolicy, SignedData, valid_identities},
};
use fabric::{
    crypto::VerifiedSignatureCache,
    proto::{
        lifecycle::{StateData, state_data},
        protos::{CollectionConfigPackage, StaticCollectionConfig, collection_policy_config::Payload},
        rwset::{CollectionPvtReadWriteSet, NsPvtReadWriteSet, TxPvtReadWriteSet},
    },
    types::{decode, decode::DecodeError},
};

use ledger::{Ledger, LedgerError, PrivateWrites, View};
use lifecycle::{Collections, collections_key, implicit_owner};

/// Why private data cannot be delivered.
#[derive(Debug, thiserror::Error)]
pub enum PrivateDataError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the definition of chaincode {chaincode} cannot be read: {source}")]
    Definition { chaincode: String, source: DecodeError },
    #[error("no collection config was found for collection {collection} for chaincode {chaincode}")]
    NoCollection { chaincode: String, collection: String },
    #[error("the members of collection {collection} cannot be told: {source}")]
    Members { collection: String, source: PolicyError },
}

/// Whose copy of the private data is read, and who reads it.
pub struct Reader<'a> {
    pub ledger: &'a Ledger,
    pub bundle: &'a Bundle,
    pub memo: &'a VerifiedSignatureCache,
    /// MSP id of the peer's organisation.
    pub organisation: &'a str,
    pub client: &'a SignedData,
}

impl Reader<'_> {
    /// The private read-write sets of the block's valid transactions, by index, without those of collections
    /// that are closed to the client.
    pub fn private_data(&self, block: u64) -> Result<BTreeMap<u64, TxPvtReadWriteSet>, PrivateDataError> {
        let view = self.ledger.view()?;
        let mut transactions = BTreeMap::<u64, TxPvtReadWriteSet>::new();
        for writes in self.ledger.private_store(self.organisation).writes_of_block(&view, block)? {
            if self.may_read(&view, block, &writes)? {
                add(transactions.entry(writes.tx).or_default(), writes);
            }
        }
        Ok(transactions)
    }

    fn may_read(
        &self,
        view: &View<'_>,
        block: u64,
        writes: &PrivateWrites,
    ) -> Result<bool, PrivateDataError> {
        if implicit_owner(&writes.collection).is_some() {
            return Ok(true);
        }
        let package = collections_below(view, &writes.namespace, block)?;
        let collections = Collections::new(package, self.bundle);
        let Some(config) = collections.explicit(&writes.collection) else {
            let (chaincode, collection) = (writes.namespace.clone(), writes.collection.clone());
            return Err(PrivateDataError::NoCollection { chaincode, collection });
        };
        Ok(!config.member_only_read || self.is_member(config)?)
    }

    fn is_member(&self, config: &StaticCollectionConfig) -> Result<bool, PrivateDataError> {
        let policy = config.member_orgs_policy.as_ref().and_then(|policy| policy.payload.as_ref());
        let Some(Payload::SignaturePolicy(policy)) = policy else { return Ok(false) };
        let policy = SignaturePolicy::from_proto(policy)
            .map_err(|source| PrivateDataError::Members { collection: config.name.clone(), source })?;
        let msps = self.bundle.msps();
        let client = valid_identities(std::slice::from_ref(self.client), msps, self.memo);
        Ok(policy.evaluate(&client, msps).is_ok())
    }
}

/// The collections that a chaincode had when the block was validated.
fn collections_below(
    view: &View<'_>,
    chaincode: &str,
    block: u64,
) -> Result<CollectionConfigPackage, PrivateDataError> {
    for modification in view.history(lifecycle::NAMESPACE, &collections_key(chaincode))? {
        let modification = modification?;
        if modification.at.block < block {
            let unreadable =
                |source| PrivateDataError::Definition { chaincode: chaincode.to_owned(), source };
            let field: StateData = decode(modification.value).map_err(unreadable)?;
            let Some(state_data::Type::Bytes(package)) = field.r#type else { break };
            return decode(package).map_err(unreadable);
        }
    }
    Ok(CollectionConfigPackage::default())
}

/// Sets come in the order of their namespaces.
fn add(transaction: &mut TxPvtReadWriteSet, writes: PrivateWrites) {
    let PrivateWrites { namespace, collection, rwset, .. } = writes;
    let set = CollectionPvtReadWriteSet { collection_name: collection, rwset };
    match transaction.ns_pvt_rwset.last_mut() {
        Some(last) if last.namespace == namespace => last.collection_pvt_rwset.push(set),
        _ => transaction.ns_pvt_rwset.push(NsPvtReadWriteSet { namespace, collection_pvt_rwset: vec![set] }),
    }
}
