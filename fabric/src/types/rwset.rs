//! The read-write set of a transaction, decoded one level deeper than its wire form.

use bytes::Bytes;

use super::decode::{DecodeError, decode};
use crate::proto::{
    kvrwset::{HashedRwSet, KvrwSet},
    rwset::{CollectionHashedReadWriteSet, NsReadWriteSet, TxReadWriteSet},
};

/// All that a transaction read and wrote, by namespace in wire order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TxRwSet {
    pub namespaces: Vec<NamespaceRwSet>,
}

/// What a transaction read and wrote in one namespace: public keys, and hashes of private ones.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamespaceRwSet {
    pub namespace: String,
    pub public: KvrwSet,
    pub collections: Vec<CollectionRwSet>,
}

/// The hashed reads and writes of one collection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CollectionRwSet {
    pub collection: String,
    pub hashed: HashedRwSet,
    /// SHA-256 of the private `KVRWSet`, which travels between peers only.
    pub pvt_rwset_hash: Bytes,
}

impl TxRwSet {
    /// Decodes `ChaincodeAction.results` (`rwsetutil.TxRwSet.FromProtoBytes`).
    pub fn decode(results: Bytes) -> Result<Self, DecodeError> {
        let wire: TxReadWriteSet = decode(results)?;
        let namespaces = wire.ns_rwset.into_iter().map(NamespaceRwSet::decode);
        Ok(Self { namespaces: namespaces.collect::<Result<_, _>>()? })
    }
}

impl NamespaceRwSet {
    fn decode(wire: NsReadWriteSet) -> Result<Self, DecodeError> {
        let collections = wire.collection_hashed_rwset.into_iter().map(CollectionRwSet::decode);
        Ok(Self {
            namespace: wire.namespace,
            public: decode::<KvrwSet>(wire.rwset)?,
            collections: collections.collect::<Result<_, _>>()?,
        })
    }
}

impl CollectionRwSet {
    fn decode(wire: CollectionHashedReadWriteSet) -> Result<Self, DecodeError> {
        Ok(Self {
            collection: wire.collection_name,
            hashed: decode::<HashedRwSet>(wire.hashed_rwset)?,
            pvt_rwset_hash: wire.pvt_rwset_hash,
        })
    }
}
