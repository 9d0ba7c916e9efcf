//! What `inspect` shows of recorded blocks, and that it shows something of anything.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use bytes::Bytes;
use fabric::proto::common::{ConfigEnvelope, Envelope, Payload};
use material::inspect::to_json;
use prost::Message;
use serde_json::Value;

#[test]
fn a_genesis_block_is_readable() {
    let Some(blocks) = recorded::blocks("small") else { return };
    let shown = to_json(blocks[0].encode_to_vec().into());
    assert_eq!(shown["kind"], "block");
    assert_eq!(shown["data_hash_matches"], true);
    let payload = &shown["transactions"][0]["payload"];
    assert_eq!(payload["channel_header"]["type"], "CONFIG");
    assert_eq!(payload["channel_header"]["channel_id"], "small");
    let time = payload["channel_header"]["timestamp"].as_str().unwrap();
    assert!(time.starts_with("20") && time.ends_with('Z'), "{time}");
    let channel = &payload["data"]["config"]["channel_group"];
    assert_eq!(channel["values"]["Capabilities"]["value"][0], "V2_0");
    assert_eq!(channel["policies"]["Readers"]["policy"], "ANY Readers");
    let amber = &channel["groups"]["Application"]["groups"]["AmberOrg"];
    assert_eq!(amber["values"]["MSP"]["value"]["name"], "AmberMSP");
    let root = &amber["values"]["MSP"]["value"]["root_certs"][0];
    assert!(root["pem"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
    assert!(root["subject"].as_str().unwrap().contains("CN="));
    let admins = amber["policies"]["Admins"]["policy"].as_str().unwrap();
    assert_eq!(admins, "OR('AmberMSP.admin')");
}

#[test]
fn every_recorded_transaction_is_shown() {
    for chain in recorded::CHAINS {
        for block in recorded::blocks(chain).unwrap_or_default() {
            let shown = to_json(block.encode_to_vec().into());
            assert_eq!(shown["kind"], "block");
            assert_eq!(shown["data_hash_matches"], true);
            assert_eq!(shown["transactions"].as_array().unwrap().len(), block.data.unwrap().data.len());
        }
    }
}

#[test]
fn each_kind_is_recognised() {
    let Some(blocks) = recorded::blocks("small") else { return };
    let kind = |bytes: Bytes| to_json(bytes)["kind"].as_str().unwrap().to_owned();
    assert_eq!(kind(blocks[1].encode_to_vec().into()), "block");
    assert_eq!(kind(blocks[1].data.as_ref().unwrap().data[0].clone()), "envelope");
    let config = blocks[1..].iter().find_map(recorded::config_envelope).unwrap();
    assert_eq!(kind(config.clone()), "config with its update");
    let config = ConfigEnvelope::decode(config).unwrap();
    assert_eq!(kind(config.config.unwrap().encode_to_vec().into()), "config");
    let update: Envelope = config.last_update.unwrap();
    assert_eq!(kind(update.encode_to_vec().into()), "envelope");
    let update = Payload::decode(update.payload).unwrap().data;
    assert_eq!(kind(update.clone()), "config update with signatures");
    let update = fabric::proto::common::ConfigUpdateEnvelope::decode(update).unwrap();
    assert_eq!(kind(update.config_update), "config update");
    assert_eq!(kind(Bytes::new()), "unknown");
    assert_eq!(kind(Bytes::from_static(b"hello")), "unknown");
}

#[test]
fn damaged_blocks_are_shown_too() {
    let Some(blocks) = recorded::blocks("small") else { return };
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % below as u64) as usize
    };
    for block in blocks.iter().cycle().take(400) {
        let mut bytes = block.encode_to_vec();
        for _ in 0..=next(4) {
            let place = next(bytes.len());
            bytes[place] = next(256) as u8;
        }
        bytes.truncate(bytes.len() - next(bytes.len() / 8));
        assert!(to_json(bytes.into()).get("kind").is_some_and(Value::is_string));
    }
}
