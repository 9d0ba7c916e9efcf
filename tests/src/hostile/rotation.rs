//! A channel whose orderers get another certificate authority: what they order then, those cannot check who do not know
//! the change.

use std::path::Path;

use bytes::Bytes;
use channel::Bundle;
use fabric::{crypto::VerifiedSignatureCache, proto::common::Block, types::HeadedBlock};
use fastrand::Rng;
use material::{CryptoConfig, Validity, generate};
use msp::{SigningIdentity, config_from_dir};
use ordering::BlockWriter;
use prost::Message;

use crate::{
    differential::config::{Change, Element},
    repository,
};

const ORDERER: &str =
    "ordererOrganizations/orderer.nanotrace.example/orderers/orderer0.orderer.nanotrace.example/msp";
const ORGANISATION: &str = "ordererOrganizations/orderer.nanotrace.example/msp";
const ADMINISTRATOR: &str =
    "ordererOrganizations/orderer.nanotrace.example/users/Admin@orderer.nanotrace.example";
const MSP_ID: &str = "OrdererMSP";

/// The chain that has the change after its first `before` blocks, and then the transactions of all further blocks,
/// ordered anew. `crypto` has the keys that hold before the change; those that hold after it are made in `folder`.
pub fn rotate(blocks: &[Block], before: usize, crypto: &Path, folder: &Path) -> Vec<Block> {
    let config = CryptoConfig::read(&repository().join("crypto-config/crypto-config.yaml")).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    generate(&config, folder, Validity::of_years(now.as_secs() as i64 - 3600, 1)).unwrap();
    let [old, new] =
        [crypto, folder].map(|it| SigningIdentity::from_msp_dir(&it.join(ORDERER), MSP_ID).unwrap());
    let mut chain = blocks[..before].to_vec();
    let change = change(&chain[0], crypto, folder, &old);
    order(&mut chain, old, 0, vec![(vec![change], true)]);
    let later = blocks[before..].iter().map(|block| (block.data.as_ref().unwrap().data.clone(), false));
    order(&mut chain, new, before as u64, later.collect());
    chain
}

/// The config transaction that gives the orderers' organisation the authorities in `folder`.
fn change(genesis: &Block, crypto: &Path, folder: &Path, orderer: &SigningIdentity) -> Bytes {
    let bundle = Bundle::from_block(genesis).unwrap();
    let msp = config_from_dir(&folder.join(ORGANISATION), MSP_ID).unwrap();
    let change = Change {
        group: &["Orderer", "Orderer"],
        element: Element::Value("MSP", msp.encode_to_vec()),
        administrator: (ADMINISTRATOR, MSP_ID),
    };
    change.transaction(&bundle, crypto, orderer, &mut Rng::with_seed(0))
}

/// Adds a block for each of these; the flag says whether it is a config block.
fn order(
    chain: &mut Vec<Block>,
    signer: SigningIdentity,
    last_config: u64,
    contents: Vec<(Vec<Bytes>, bool)>,
) {
    let last = HeadedBlock::try_from(chain.last().unwrap().clone()).unwrap();
    let mut writer = BlockWriter::new(signer, last.number() + 1, last.hash(), last_config);
    for (envelopes, is_config) in contents {
        let nonce = Bytes::copy_from_slice(&chain.len().to_be_bytes());
        let block = writer.write(envelopes, is_config, nonce, &VerifiedSignatureCache::disabled()).unwrap();
        writer.advance(block.header(), is_config);
        chain.push(block.message().clone());
    }
}
