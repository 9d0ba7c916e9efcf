//! Identities of chains recorded from real Fabric: whose signature a real peer took, ours takes, and no other.
//!
//! The chains lie beside the repository, or (the small one) in its tests folder; what is absent is skipped
//! with a word about it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::{collections::BTreeMap, path::Path};

use bytes::Bytes;
use fabric::{
    proto::{
        common::{
            Block, ChannelHeader, Config, ConfigEnvelope, ConfigGroup, Envelope, HeaderType, MspPrincipal,
            MspRole, Payload, SignatureHeader, msp_principal::Classification, msp_role::MspRoleType,
        },
        msp::MspConfig,
        protos::{ChaincodeActionPayload, Transaction},
    },
    types::decode,
};
use msp::{Msp, MspError, MspManager, MspVersion};
use prost::Message;
use recorded::Expected;

#[test]
fn small() {
    let counts = check_chain("small");
    assert!(counts.is_none_or(|counts| counts.creators == 61));
}

#[test]
fn alpha() {
    check_chain("alpha");
}

#[test]
fn byhand() {
    check_chain("byhand");
}

#[test]
fn ed25519_creators_are_good_from_capability_v3_0_on() {
    let Some(blocks) = recorded::blocks("byhand") else { return };
    let genesis = config(&blocks[0]).unwrap();
    let (before, since) =
        (channel_msps(&genesis, MspVersion::V1_4_3), channel_msps(&genesis, MspVersion::V3_0));
    let expected = recorded::expected("byhand");
    let record = expected.iter().find(|record| record.label == "creator:ed25519").unwrap();
    let (number, index) = record.place;
    let data = &blocks[number as usize].data.as_ref().unwrap().data[index];
    let envelope: Envelope = decode(data.clone()).unwrap();
    let payload: Payload = decode(envelope.payload.clone()).unwrap();
    let header: SignatureHeader = decode(payload.header.unwrap().signature_header).unwrap();
    let accepted = |msps| accept(msps, &header.creator, &envelope.payload, &envelope.signature);
    assert!(accepted(&before).is_err());
    assert_eq!(accepted(&since), Ok(vec![MspRoleType::Client]));
}

/// The recorded codes that a peer gives before it has looked at the creator.
const BEFORE_CREATOR: [i64; 4] = [1, 2, 3, 255];
const BAD_CREATOR_SIGNATURE: i64 = 4;

#[derive(Debug, Default)]
struct Counts {
    creators: u32,
    refused: u32,
    endorsements: u32,
}

fn check_chain(name: &str) -> Option<Counts> {
    let blocks = recorded::blocks(name)?;
    let expected = recorded::expected(name);
    let expected: BTreeMap<_, _> = expected.iter().map(|record| (record.place, record)).collect();
    let channel = channel_name(&recorded::folder(name)?);
    let mut counts = Counts::default();
    let mut msps = MspManager::new(Vec::new());
    for block in blocks {
        let number = block.header.as_ref().unwrap().number;
        if number == 0 {
            msps = channel_msps(&config(&block).unwrap(), MspVersion::V1_4_3);
        }
        for (index, data) in block.data.as_ref().unwrap().data.iter().enumerate() {
            let record = expected[&(number, index)];
            check_creator(&msps, data, record, &channel, &mut counts);
            check_endorsements(&msps, data, record, &mut counts);
        }
        if let Some(config) = config(&block).filter(|_| expected[&(number, 0)].code == 0) {
            msps = channel_msps(&config, MspVersion::V1_4_3);
        }
    }
    println!("{name}: {counts:?}");
    Some(counts)
}

fn check_creator(msps: &MspManager, data: &Bytes, record: &Expected, channel: &str, counts: &mut Counts) {
    // Block 0 is unsigned.
    if BEFORE_CREATOR.contains(&record.code) || record.place.0 == 0 {
        counts.creators += u32::from(record.place.0 == 0);
        return;
    }
    let envelope: Envelope = decode(data.clone()).unwrap();
    let payload: Payload = decode(envelope.payload.clone()).unwrap();
    let header = payload.header.unwrap();
    let channel_header: ChannelHeader = decode(header.channel_header).unwrap();
    if channel_header.channel_id != channel {
        return;
    }
    let signature_header: SignatureHeader = decode(header.signature_header).unwrap();
    let verdict = accept(msps, &signature_header.creator, &envelope.payload, &envelope.signature);
    counts.creators += 1;
    counts.refused += u32::from(verdict.is_err());
    let accepted = record.code != BAD_CREATOR_SIGNATURE;
    assert_eq!(verdict.is_ok(), accepted, "{record:?}: {verdict:?}");
}

/// A mutant of one endorser or signature is refused by the policy because of that one, so that a recorded
/// verdict tells whether all endorsements are good.
fn check_endorsements(msps: &MspManager, data: &Bytes, record: &Expected, counts: &mut Counts) {
    let area = record.label.split(':').next().unwrap();
    let tells = match area {
        "endorser-pem" | "endorsement-sig" => [0, 10].contains(&record.code),
        "ordinary" => record.code == 0,
        _ => false,
    };
    if !tells {
        return;
    }
    let all_good = endorsements(data).into_iter().all(|(endorser, signed, signature)| {
        counts.endorsements += 1;
        accept(msps, &endorser, &signed, &signature).is_ok_and(|roles| roles.contains(&MspRoleType::Peer))
    });
    assert_eq!(all_good, record.code == 0, "{record:?}");
}

/// Deserialises, validates, verifies; tells the roles that the identity has.
fn accept(
    msps: &MspManager,
    identity: &[u8],
    message: &[u8],
    signature: &[u8],
) -> Result<Vec<MspRoleType>, String> {
    let refused = |error: MspError| error.to_string();
    let identity = msps.deserialize(identity).map_err(refused)?;
    msps.validate(&identity).map_err(refused)?;
    identity.verify(message, signature).map_err(|error| error.to_string())?;
    let roles = [MspRoleType::Client, MspRoleType::Peer, MspRoleType::Admin, MspRoleType::Orderer];
    let has = |role: &MspRoleType| {
        let role = MspRole { msp_identifier: identity.mspid().to_owned(), role: *role as i32 };
        let principal = MspPrincipal {
            principal_classification: Classification::Role as i32,
            principal: role.encode_to_vec().into(),
        };
        msps.satisfies_principal(&identity, &principal).is_ok()
    };
    let roles: Vec<_> = roles.into_iter().filter(has).collect();
    assert_eq!(roles.len(), 1, "NodeOUs give exactly one role");
    Ok(roles)
}

fn endorsements(data: &Bytes) -> Vec<(Bytes, Vec<u8>, Bytes)> {
    let envelope: Envelope = decode(data.clone()).unwrap();
    let payload: Payload = decode(envelope.payload).unwrap();
    let transaction: Transaction = decode(payload.data).unwrap();
    let action: ChaincodeActionPayload = decode(transaction.actions[0].payload.clone()).unwrap();
    let action = action.action.unwrap();
    let signed = |endorser: &Bytes| [&action.proposal_response_payload[..], endorser].concat();
    let endorsements = action.endorsements.iter();
    endorsements.map(|it| (it.endorser.clone(), signed(&it.endorser), it.signature.clone())).collect()
}

/// The configuration in a block, if it is a config block.
fn config(block: &Block) -> Option<Config> {
    let envelope: Envelope = decode(block.data.as_ref()?.data.first()?.clone()).ok()?;
    let payload: Payload = decode(envelope.payload).ok()?;
    let header: ChannelHeader = decode(payload.header?.channel_header).ok()?;
    if header.r#type != HeaderType::Config as i32 {
        return None;
    }
    decode::<ConfigEnvelope>(payload.data).ok()?.config
}

fn channel_msps(config: &Config, version: MspVersion) -> MspManager {
    let channel = config.channel_group.as_ref().unwrap();
    let sections = ["Application", "Orderer"].map(|name| &channel.groups[name]);
    let organizations = sections.into_iter().flat_map(|section| section.groups.values());
    MspManager::new(organizations.map(|organization| msp(organization, version)).collect())
}

fn msp(organization: &ConfigGroup, version: MspVersion) -> Msp {
    let config: MspConfig = decode(organization.values["MSP"].value.clone()).unwrap();
    Msp::from_config(&config, version).unwrap()
}

fn channel_name(folder: &Path) -> String {
    let text = std::fs::read_to_string(folder.join("channel.json")).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["channel"].as_str().unwrap().to_owned()
}
