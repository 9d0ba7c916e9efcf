//! The recorded chains that the tests replay. Each test uses some of this.

#![allow(dead_code, clippy::unwrap_used)]

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use bytes::Bytes;
use fabric::{
    proto::common::{Block, ChannelHeader, Envelope, HeaderType, Payload},
    types::blockfile::BlockFile,
};
use flate2::read::GzDecoder;
use prost::Message;

/// The chains recorded from Fabric, each with what their folder is called.
pub const CHAINS: [&str; 4] = ["small", "byhand", "alpha", "fabric-v20-sample"];

/// The folder of a chain: in the repository, or beside it where all of them are kept.
pub fn folder(chain: &str) -> Option<PathBuf> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let places = [repository.join("tests/golden"), repository.join("../shared/golden")];
    places.into_iter().map(|place| place.join(chain)).find(|folder| folder.is_dir())
}

/// All blocks of a chain, or nothing, said aloud, where the chain is not at hand.
pub fn blocks(chain: &str) -> Option<Vec<Block>> {
    Some(BlockFile::new(&block_file(chain)?[..]).map(|block| block.unwrap()).collect())
}

/// A chain's block file as a peer wrote it.
pub fn block_file(chain: &str) -> Option<Vec<u8>> {
    let Some(folder) = folder(chain) else {
        println!("skipped: the golden chain '{chain}' is not on this machine");
        return None;
    };
    let plain = folder.join("blockfile_000000");
    let mut reader: Box<dyn Read> = match File::open(&plain) {
        Ok(file) => Box::new(file),
        Err(_) => Box::new(GzDecoder::new(File::open(folder.join("blockfile_000000.gz")).unwrap())),
    };
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    Some(bytes)
}

/// The payload data of a block's config transaction, if it is a config block.
pub fn config_envelope(block: &Block) -> Option<Bytes> {
    let data = block.data.as_ref()?;
    let [transaction] = &data.data[..] else { return None };
    let envelope = Envelope::decode(transaction.clone()).ok()?;
    let payload = Payload::decode(envelope.payload).ok()?;
    let header = ChannelHeader::decode(payload.header?.channel_header).ok()?;
    (header.r#type == i32::from(HeaderType::Config)).then_some(payload.data)
}
