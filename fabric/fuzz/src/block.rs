//! Blocks, in Fabric's files and on the wire: nothing panics, no length in them is believed.

use fabric::{
    proto::common::Block,
    types::{
        block::{data_hash, header_hash},
        blockfile::BlockFile,
        decode, wellformed,
    },
};
use prost::bytes::Bytes;

pub fn run(input: &[u8]) {
    for block in BlockFile::new(input) {
        let Ok(block) = block else { break };
        check(&block);
    }
    if let Ok(block) = decode::<Block>(Bytes::copy_from_slice(input)) {
        check(&block);
    }
}

fn check(block: &Block) {
    if let Some(header) = &block.header {
        assert_eq!(header_hash(header), header_hash(&header.clone()));
    }
    let data = block.data.clone().unwrap_or_default().data;
    assert_eq!(data_hash(&data), data_hash(&[data.concat()]));
    for envelope in &data {
        let _ = wellformed(envelope);
    }
}
