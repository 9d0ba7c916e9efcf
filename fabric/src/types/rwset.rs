//! The read-write set of a transaction, decoded one level deeper than its wire form.

use bytes::Bytes;

use super::decode::{DecodeError, decode_noting};
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
        Self::decode_noting(results, &mut false)
    }

    /// The same; notes fields of another wire type as [`decode_noting`] does.
    pub fn decode_noting(results: Bytes, mistyped: &mut bool) -> Result<Self, DecodeError> {
        let wire: TxReadWriteSet = decode_noting(results, mistyped)?;
        let namespaces =
            wire.ns_rwset.into_iter().map(|namespace| NamespaceRwSet::decode(namespace, mistyped));
        Ok(Self { namespaces: namespaces.collect::<Result<_, _>>()? })
    }
}

impl NamespaceRwSet {
    fn decode(wire: NsReadWriteSet, mistyped: &mut bool) -> Result<Self, DecodeError> {
        let public: KvrwSet = decode_noting(wire.rwset, mistyped)?;
        let collections = wire.collection_hashed_rwset.into_iter();
        let collections = collections.map(|collection| CollectionRwSet::decode(collection, mistyped));
        Ok(Self { namespace: wire.namespace, public, collections: collections.collect::<Result<_, _>>()? })
    }
}

impl CollectionRwSet {
    fn decode(wire: CollectionHashedReadWriteSet, mistyped: &mut bool) -> Result<Self, DecodeError> {
        let hashed: HashedRwSet = decode_noting(wire.hashed_rwset, mistyped)?;
        Ok(Self { collection: wire.collection_name, hashed, pvt_rwset_hash: wire.pvt_rwset_hash })
    }
}
