//! The chains recorded from real Fabric: block files as a peer wrote them, and what was recorded of each transaction.
//!
//! One chain is in the repository. Larger ones lie beside it; where one is absent, a test says on standard output that it
//! skipped it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    fs::{self, File},
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
use serde_json::Value;

/// Every chain, by the name of its folder.
pub const CHAINS: [&str; 4] = ["small", "byhand", "alpha", "fabric-v20-sample"];

/// What was recorded of a transaction while the chain was made.
#[derive(Debug)]
pub struct Expected {
    /// Block number, and index in the block.
    pub place: (u64, usize),
    /// The validation code that the peer gave.
    pub code: i64,
    /// What was done, and the name of the one who did it.
    pub label: String,
    pub name: String,
}

/// The folder of a chain.
pub fn folder(chain: &str) -> Option<PathBuf> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let places = [tests.join("golden"), tests.join("../../shared/golden")];
    let found = places.into_iter().map(|place| place.join(chain)).find(|folder| folder.is_dir());
    if found.is_none() {
        println!("skipped: the recorded chain '{chain}' is not on this machine");
    }
    found
}

/// The path of a chain's block file, which may be compressed.
pub fn block_file(chain: &str) -> Option<PathBuf> {
    let plain = folder(chain)?.join("blockfile_000000");
    Some(if plain.is_file() { plain } else { plain.with_extension("gz") })
}

/// A chain's block file as the peer wrote it, not compressed.
pub fn content(chain: &str) -> Option<Vec<u8>> {
    let path = block_file(chain)?;
    let mut file = File::open(&path).unwrap();
    let mut content = Vec::new();
    match path.extension() {
        Some(_) => GzDecoder::new(file).read_to_end(&mut content).unwrap(),
        None => file.read_to_end(&mut content).unwrap(),
    };
    Some(content)
}

/// All blocks of a chain.
pub fn blocks(chain: &str) -> Option<Vec<Block>> {
    Some(BlockFile::new(&content(chain)?[..]).map(|block| block.unwrap()).collect())
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

/// What was recorded of a chain's transactions: nothing for a chain that was recorded by others.
pub fn expected(chain: &str) -> Vec<Expected> {
    let recorded = folder(chain).and_then(|folder| fs::read_to_string(folder.join("expected.jsonl")).ok());
    recorded
        .unwrap_or_default()
        .lines()
        .map(|line| expectation(&serde_json::from_str(line).unwrap()))
        .collect()
}

fn expectation(line: &Value) -> Expected {
    let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
    Expected {
        place: (line["block"].as_u64().unwrap(), line["index"].as_u64().unwrap() as usize),
        code: line["code"].as_i64().unwrap(),
        label: text("label"),
        name: text("name"),
    }
}
