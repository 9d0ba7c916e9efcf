//! Read-write sets: nothing panics, and what was read survives being written and read again.

use fabric::{
    proto::rwset::TxReadWriteSet,
    types::{Height, decode, rwset::TxRwSet},
};
use prost::{Message, bytes::Bytes};

pub fn run(input: &[u8]) {
    let bytes = Bytes::copy_from_slice(input);
    let Ok(read) = TxRwSet::decode(bytes.clone()) else { return };
    let wire: TxReadWriteSet = decode(bytes).unwrap();
    assert_eq!(wire.ns_rwset.len(), read.namespaces.len());
    assert_eq!(TxRwSet::decode(wire.encode_to_vec().into()).unwrap(), read);
    let versions = read.namespaces.iter().flat_map(|namespace| &namespace.public.reads);
    for version in versions.filter_map(|read| read.version.as_ref()) {
        assert!(Height::new(version.block_num, version.tx_num).to_bytes().len() <= 18);
    }
}
