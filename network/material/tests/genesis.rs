//! Our genesis block is the one that `configtxgen` makes from the same input, and wrong input is told by
//! the key that is wrong.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::{fmt::Write, fs, path::Path};

use bytes::Bytes;
use fabric::proto::{
    common::{Block, ChannelHeader, Config, ConfigEnvelope, ConfigGroup, Envelope, Payload, SignatureHeader},
    etcdraft::ConfigMetadata,
    msp::{FabricMspConfig, FabricOuIdentifier, MspConfig},
    orderer::ConsensusType,
};
use material::genesis::{Stamp, from_configtx_yaml};
use prost::Message;
use tempfile::TempDir;

const SMALL: &str = include_str!("genesis_data/small.yaml");

/// The recorded block and a folder with the MSPs and certificates that it was made from.
fn recorded() -> Option<(Block, TempDir)> {
    let block = recorded::blocks("small")?.swap_remove(0);
    let folder = tempfile::tempdir().unwrap();
    let root = config(&block).channel_group.unwrap();
    for org in root.groups.values().flat_map(|group| group.groups.values()) {
        let msp = MspConfig::decode(org.values["MSP"].value.clone()).unwrap();
        write_msp(folder.path(), &FabricMspConfig::decode(msp.config).unwrap());
    }
    let consensus =
        ConsensusType::decode(root.groups["Orderer"].values["ConsensusType"].value.clone()).unwrap();
    let consenter = ConfigMetadata::decode(consensus.metadata).unwrap().consenters.swap_remove(0);
    fs::write(folder.path().join("client.pem"), consenter.client_tls_cert).unwrap();
    fs::write(folder.path().join("server.pem"), consenter.server_tls_cert).unwrap();
    Some((block, folder))
}

fn write_msp(folder: &Path, msp: &FabricMspConfig) {
    let folder = folder.join(&msp.name);
    let mut yaml = "NodeOUs:\n  Enable: true\n".to_owned();
    for (name, files) in [
        ("cacerts", &msp.root_certs),
        ("intermediatecerts", &msp.intermediate_certs),
        ("crls", &msp.revocation_list),
        ("tlscacerts", &msp.tls_root_certs),
        ("tlsintermediatecerts", &msp.tls_intermediate_certs),
    ] {
        fs::create_dir_all(folder.join(name)).unwrap();
        for (index, file) in files.iter().enumerate() {
            fs::write(folder.join(name).join(format!("{index}.pem")), file).unwrap();
        }
    }
    let ous = msp.fabric_node_ous.as_ref().unwrap();
    for (role, ou) in [
        ("Client", &ous.client_ou_identifier),
        ("Peer", &ous.peer_ou_identifier),
        ("Admin", &ous.admin_ou_identifier),
        ("Orderer", &ous.orderer_ou_identifier),
    ] {
        let FabricOuIdentifier { certificate, organizational_unit_identifier } = ou.as_ref().unwrap();
        let folder = if *certificate == msp.root_certs[0] { "cacerts" } else { "intermediatecerts" };
        write!(yaml, "  {role}OUIdentifier:\n    Certificate: {folder}/0.pem\n").unwrap();
        writeln!(yaml, "    OrganizationalUnitIdentifier: {organizational_unit_identifier}").unwrap();
    }
    fs::write(folder.join("config.yaml"), yaml).unwrap();
}

fn make(folder: &Path, yaml: &str, stamp: Stamp) -> Result<Block, String> {
    let path = folder.join("configtx.yaml");
    fs::write(&path, yaml).unwrap();
    let block = from_configtx_yaml(&path, "Small", "small", stamp).map_err(|error| error.to_string())?;
    Ok(block.into_message())
}

fn payload(block: &Block) -> Payload {
    let transaction: Bytes = block.data.as_ref().unwrap().data[0].clone();
    Payload::decode(Envelope::decode(transaction).unwrap().payload).unwrap()
}

fn config(block: &Block) -> Config {
    ConfigEnvelope::decode(payload(block).data).unwrap().config.unwrap()
}

fn msp(org: &ConfigGroup) -> FabricMspConfig {
    let msp = MspConfig::decode(org.values["MSP"].value.clone()).unwrap();
    FabricMspConfig::decode(msp.config).unwrap()
}

const STAMP: Stamp = Stamp { unix_seconds: 1_700_000_000, nonce: [7; 24] };

#[test]
fn a_genesis_block_is_configtxgens() {
    let Some((recorded, folder)) = recorded() else { return };
    let header = payload(&recorded).header.unwrap();
    let timestamp = ChannelHeader::decode(header.channel_header.clone()).unwrap().timestamp.unwrap();
    let nonce = SignatureHeader::decode(header.signature_header.clone()).unwrap().nonce;
    let stamp = Stamp { unix_seconds: timestamp.seconds, nonce: nonce[..].try_into().unwrap() };

    let made = make(folder.path(), SMALL, stamp).unwrap();
    let (expected, found) = (config(&recorded).channel_group.unwrap(), config(&made).channel_group.unwrap());
    for name in ["Application", "Orderer"] {
        let (expected, found) = (&expected.groups[name], &found.groups[name]);
        assert_eq!(found.policies, expected.policies);
        assert_eq!(found.values, expected.values);
        for (org, expected) in &expected.groups {
            assert_eq!(msp(&found.groups[org]), msp(expected));
            assert_eq!(&found.groups[org], expected);
        }
    }
    assert_eq!(found, expected);
    assert_eq!(payload(&made).header, payload(&recorded).header);
    // The peer that recorded the block has added its filter to the metadata.
    let metadata = |block: &Block| block.metadata.as_ref().unwrap().metadata[..2].to_vec();
    assert_eq!(metadata(&made), metadata(&recorded));
    assert_eq!(made.metadata.as_ref().unwrap().metadata.len(), 5);
}

#[test]
fn the_stamp_makes_the_block() {
    let Some((_, folder)) = recorded() else { return };
    let first = make(folder.path(), SMALL, STAMP).unwrap();
    assert_eq!(make(folder.path(), SMALL, STAMP).unwrap(), first);
    let other = Stamp { nonce: [8; 24], ..STAMP };
    assert_ne!(make(folder.path(), SMALL, other).unwrap().header, first.header);
}

#[test]
fn wrong_input_is_told_by_its_key() {
    let Some((_, folder)) = recorded() else { return };
    for (from, to, message) in [
        (
            "MaxMessageCount: 60",
            "MaxMessageCont: 60",
            "Orderer.BatchSize.MaxMessageCont: unknown key, expected one of",
        ),
        ("  MaxChannels: 0", "  MaxChannels: many", "Orderer.MaxChannels: expected a number, found 'many'"),
        ("300ms", "300 apples", "Orderer.BatchTimeout: '300 apples' is no duration"),
        ("10 MB", "10 MiB", "Orderer.BatchSize.AbsoluteMaxBytes: expected a number of bytes"),
        ("1024kb", "11 MB", "preferred_max_bytes must not exceed absolute_max_bytes"),
        ("OR('AmberMSP.admin')", "OR('AmberMSP.boss')", "AmberMSP.boss' is no principal"),
        ("ANY Readers", "SOME Readers", "must be ANY, ALL or MAJORITY and the name of a policy"),
        (
            "Type: ImplicitMeta",
            "Type: Implicit",
            "a policy has Type Signature or ImplicitMeta, not 'Implicit'",
        ),
        ("    BlockValidation", "    Validation", "Profiles.Small.Orderer.Policies.BlockValidation: missing"),
        (
            "OrdererType: etcdraft",
            "OrdererType: solo",
            "Profiles.Small.Orderer.OrdererType: 'solo' cannot be used",
        ),
        ("ClientTLSCert: client.pem", "ClientTLSCert: none.pem", "none.pem: No such file"),
        ("MSPDir: AmberMSP", "MSPDir: nowhere", "Organizations[0].MSPDir: the MSP folder"),
        ("  Small:", "  Smal:", "there is no profile 'Small', the file has Base, Smal"),
        ("    V2_5: true", "    V9_9: true", "Application capability V9_9 is required but not supported"),
        ("    V2_0: true", "    V9_9: true", "Channel capability V9_9 is required but not supported"),
        ("Organizations:\n  - &OrderOrg", "Organizations:\n  - &Other", "is no YAML"),
        ("ID: OrderMSP", "ID: [OrderMSP]", "Organizations[0].ID: expected text, found a list"),
    ] {
        assert!(SMALL.contains(from), "{from}");
        let error = make(folder.path(), &SMALL.replace(from, to), STAMP).unwrap_err();
        assert!(error.contains(message), "{to}: {error}");
        assert!(error.contains("configtx.yaml"), "{to}: {error}");
    }
    let error = from_configtx_yaml(&folder.path().join("absent.yaml"), "Small", "small", STAMP).unwrap_err();
    assert!(error.to_string().contains("absent.yaml"), "{error}");
    fs::write(folder.path().join("configtx.yaml"), SMALL).unwrap();
    let error =
        from_configtx_yaml(&folder.path().join("configtx.yaml"), "Small", "SMALL", STAMP).unwrap_err();
    assert!(error.to_string().contains("'SMALL' is no channel name"), "{error}");
}
