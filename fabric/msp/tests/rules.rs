//! Rules of an MSP that no recorded chain shows: definitions taken from one and changed in one place each.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use fabric::{
    crypto::der::{self, Reader, SEQUENCE},
    proto::{
        common::{
            Block, ChannelHeader, CombinedPrincipal, ConfigEnvelope, Envelope, HeaderType,
            MspIdentityAnonymity, MspPrincipal, MspRole, OrganizationUnit, Payload, SignatureHeader,
            msp_principal::Classification, msp_role::MspRoleType,
        },
        msp::{FabricCryptoConfig, FabricMspConfig, FabricOuIdentifier, MspConfig, SerializedIdentity},
        protos::{ChaincodeActionPayload, Transaction},
    },
    types::{blockfile::BlockFile, decode},
};
use msp::{Identity, Msp, MspError, MspVersion};
use prost::Message;

/// Of the recorded chain: the first organisation's definition, a client and a peer of it.
struct Recorded {
    definition: FabricMspConfig,
    client: Bytes,
    peer: Bytes,
}

impl Recorded {
    fn read() -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/small/blockfile_000000");
        let blocks = BlockFile::new(std::fs::File::open(path).unwrap());
        let blocks: Vec<Block> = blocks.map(Result::unwrap).collect();
        let genesis: ConfigEnvelope = decode(payload(&blocks[0], 0).data).unwrap();
        let channel = genesis.config.unwrap().channel_group.unwrap();
        let organization = &channel.groups["Application"].groups["AmberOrg"];
        let config: MspConfig = decode(organization.values["MSP"].value.clone()).unwrap();
        let definition: FabricMspConfig = decode(config.config).unwrap();
        let msp = build(&definition, MspVersion::V1_4_3).unwrap();
        let has_unit = |serialized: &Bytes, unit: &str| {
            let identity = msp.deserialize(serialized);
            identity.is_ok_and(|identity| identity.organizational_units().iter().any(|its| its.name == unit))
        };
        let transactions = blocks.iter().skip(1).flat_map(|block| {
            let count = block.data.as_ref().unwrap().data.len();
            (0..count).map(move |index| payload(block, index)).filter(IsTransaction::is_transaction)
        });
        let transactions: Vec<Payload> = transactions.collect();
        let creators = transactions.iter().map(creator);
        let client = creators.into_iter().find(|creator| has_unit(creator, "client")).unwrap();
        let peer =
            endorsers(&transactions[0]).into_iter().find(|endorser| has_unit(endorser, "peer")).unwrap();
        Self { client, peer, definition }
    }

    fn changed(&self, change: impl FnOnce(&mut FabricMspConfig)) -> FabricMspConfig {
        let mut definition = self.definition.clone();
        change(&mut definition);
        definition
    }

    fn without_node_ous(&self) -> FabricMspConfig {
        let client: SerializedIdentity = decode(self.client.clone()).unwrap();
        self.changed(|definition| {
            definition.fabric_node_ous = None;
            definition.admins = vec![client.id_bytes];
        })
    }
}

trait IsTransaction {
    fn is_transaction(&self) -> bool;
}

impl IsTransaction for Payload {
    fn is_transaction(&self) -> bool {
        let header: ChannelHeader = decode(self.header.clone().unwrap().channel_header).unwrap();
        header.r#type == HeaderType::EndorserTransaction as i32
    }
}

fn payload(block: &Block, index: usize) -> Payload {
    let envelope: Envelope = decode(block.data.as_ref().unwrap().data[index].clone()).unwrap();
    decode(envelope.payload).unwrap()
}

fn creator(payload: &Payload) -> Bytes {
    decode::<SignatureHeader>(payload.header.clone().unwrap().signature_header).unwrap().creator
}

fn endorsers(payload: &Payload) -> Vec<Bytes> {
    let transaction: Transaction = decode(payload.data.clone()).unwrap();
    let action: ChaincodeActionPayload = decode(transaction.actions[0].payload.clone()).unwrap();
    action.action.unwrap().endorsements.into_iter().map(|endorsement| endorsement.endorser).collect()
}

fn build(definition: &FabricMspConfig, version: MspVersion) -> Result<Msp, MspError> {
    Msp::from_config(&MspConfig { r#type: 0, config: definition.encode_to_vec().into() }, version)
}

fn identity(msp: &Msp, serialized: &Bytes) -> Arc<Identity> {
    msp.deserialize(serialized).unwrap()
}

fn principal(classification: Classification, message: &impl Message) -> MspPrincipal {
    let principal = message.encode_to_vec().into();
    MspPrincipal { principal_classification: classification as i32, principal }
}

fn role(msp: &Msp, role: MspRoleType) -> MspPrincipal {
    let role = MspRole { msp_identifier: msp.name().to_owned(), role: role as i32 };
    principal(Classification::Role, &role)
}

#[test]
fn definitions_that_fabric_refuses() {
    let recorded = Recorded::read();
    let refused = |change: fn(&mut FabricMspConfig)| {
        build(&recorded.changed(change), MspVersion::V1_4_3).unwrap_err().to_string()
    };
    assert!(build(&recorded.definition, MspVersion::V1_4_3).is_ok());
    refused(|definition| definition.root_certs.clear());
    refused(|definition| definition.root_certs = vec![Bytes::from_static(b"no PEM")]);
    refused(|definition| definition.revocation_list = vec![Bytes::from_static(b"no list")]);
    refused(|definition| definition.tls_root_certs = vec![Bytes::from_static(b"no PEM")]);
    // The TLS authority is none of this MSP's, and an organisational unit must be bound to one that is.
    refused(|definition| {
        let certificate = definition.tls_root_certs[0].clone();
        definition.organizational_unit_identifiers =
            vec![FabricOuIdentifier { certificate, organizational_unit_identifier: "x".to_owned() }];
    });
    let sha3 = refused(|definition| {
        definition.crypto_config =
            Some(FabricCryptoConfig { signature_hash_family: "SHA3".to_owned(), ..Default::default() });
    });
    assert!(sha3.contains("SHA3"), "{sha3}");
    let idemix = MspConfig { r#type: 1, config: Bytes::new() };
    assert!(Msp::from_config(&idemix, MspVersion::V1_4_3).is_err());
}

#[test]
fn a_leaf_is_no_authority() {
    let recorded = Recorded::read();
    let client: SerializedIdentity = decode(recorded.client.clone()).unwrap();
    let definition = recorded.changed(|definition| definition.root_certs.push(client.id_bytes.clone()));
    assert!(build(&definition, MspVersion::V1_4_3).is_err());
    let definition =
        recorded.changed(|definition| definition.intermediate_certs.push(client.id_bytes.clone()));
    assert!(build(&definition, MspVersion::V1_4_3).is_err());
}

#[test]
fn without_node_ous_administrators_must_be_named_and_roles_are_unknown() {
    let recorded = Recorded::read();
    let nobody = recorded.changed(|definition| definition.fabric_node_ous = None);
    assert!(build(&nobody, MspVersion::V1_4_3).is_err());
    assert!(build(&nobody, MspVersion::V1_3).is_ok(), "older rules do not ask");
    let msp = build(&recorded.without_node_ous(), MspVersion::V1_4_3).unwrap();
    let (client, peer) = (identity(&msp, &recorded.client), identity(&msp, &recorded.peer));
    let satisfies =
        |identity: &Identity, wanted| msp.satisfies_principal(identity, &role(&msp, wanted)).is_ok();
    assert!(satisfies(&client, MspRoleType::Member) && satisfies(&peer, MspRoleType::Member));
    assert!(satisfies(&client, MspRoleType::Admin) && !satisfies(&peer, MspRoleType::Admin));
    for unknown in [MspRoleType::Client, MspRoleType::Peer, MspRoleType::Orderer] {
        assert!(!satisfies(&client, unknown) && !satisfies(&peer, unknown), "{unknown:?}");
    }
}

#[test]
fn an_administrator_must_be_a_client_or_an_administrator_by_unit() {
    let recorded = Recorded::read();
    let named = |serialized: &Bytes| {
        let named: SerializedIdentity = decode(serialized.clone()).unwrap();
        recorded.changed(|definition| definition.admins = vec![named.id_bytes])
    };
    let msp = build(&named(&recorded.client), MspVersion::V1_4_3).unwrap();
    let client = identity(&msp, &recorded.client);
    assert!(
        msp.satisfies_principal(&client, &role(&msp, MspRoleType::Admin)).is_ok(),
        "named, though a client"
    );
    assert!(build(&named(&recorded.peer), MspVersion::V1_4_3).is_err());
}

#[test]
fn a_demanded_unit_makes_others_invalid() {
    let recorded = Recorded::read();
    let demanding = |unit: &str| {
        let definition = recorded.changed(|definition| {
            let certificate = definition.root_certs[0].clone();
            definition.organizational_unit_identifiers =
                vec![FabricOuIdentifier { certificate, organizational_unit_identifier: unit.to_owned() }];
        });
        build(&definition, MspVersion::V1_4_3).unwrap()
    };
    let msp = demanding("client");
    assert!(identity(&msp, &recorded.client).validate().is_ok());
    assert!(identity(&msp, &recorded.peer).validate().is_err());
    let msp = demanding("nobody has this");
    assert!(identity(&msp, &recorded.client).validate().is_err());
}

#[test]
fn a_revocation_list_that_names_no_authority_makes_every_identity_invalid() {
    let recorded = Recorded::read();
    let list = recorded.definition.revocation_list[0].clone();
    assert!(
        identity(&build(&recorded.definition, MspVersion::V1_4_3).unwrap(), &recorded.peer)
            .validate()
            .is_ok()
    );
    let definition = recorded.changed(|definition| {
        definition.revocation_list = vec![without_extensions(&list).into()];
    });
    let msp = build(&definition, MspVersion::V1_4_3).unwrap();
    let refusal = identity(&msp, &recorded.peer).validate().unwrap_err().to_string();
    assert!(refusal.contains("authority key identifier"), "{refusal}");
}

/// A revocation list in DER without its extensions; the signature does not matter here.
fn without_extensions(pem: &[u8]) -> Vec<u8> {
    let list = pem::parse(pem).unwrap().into_contents();
    let mut outer = Reader(&list).enter(SEQUENCE, "list").unwrap();
    let mut signed = outer.enter(SEQUENCE, "signed").unwrap();
    let (mut kept, mut content, mut out) = (Vec::new(), Vec::new(), Vec::new());
    while !signed.is_empty() && !signed.peek(0xa0) {
        kept.extend_from_slice(signed.any("element").unwrap().full);
    }
    der::push(&mut content, SEQUENCE, &kept);
    content.extend_from_slice(outer.0);
    der::push(&mut out, SEQUENCE, &content);
    out
}

#[test]
fn principals_of_every_kind() {
    let recorded = Recorded::read();
    let msp = build(&recorded.definition, MspVersion::V1_4_3).unwrap();
    let (client, peer) = (identity(&msp, &recorded.client), identity(&msp, &recorded.peer));
    let satisfies = |principal: &MspPrincipal| msp.satisfies_principal(&peer, principal).is_ok();

    assert!(satisfies(&role(&msp, MspRoleType::Peer)) && !satisfies(&role(&msp, MspRoleType::Client)));
    let elsewhere = MspRole { msp_identifier: "OtherMSP".to_owned(), role: MspRoleType::Member as i32 };
    assert!(!satisfies(&principal(Classification::Role, &elsewhere)));
    let unknown = MspRole { msp_identifier: msp.name().to_owned(), role: 9 };
    assert!(!satisfies(&principal(Classification::Role, &unknown)));

    let is = |serialized: &Bytes| MspPrincipal {
        principal_classification: Classification::Identity as i32,
        principal: serialized.clone(),
    };
    assert!(satisfies(&is(peer.serialized())) && !satisfies(&is(client.serialized())));

    let unit = |certifiers_identifier: &[u8]| {
        let wanted = OrganizationUnit {
            msp_identifier: msp.name().to_owned(),
            organizational_unit_identifier: "peer".to_owned(),
            certifiers_identifier: Bytes::copy_from_slice(certifiers_identifier),
        };
        principal(Classification::OrganizationUnit, &wanted)
    };
    let certifiers = peer.organizational_units()[0].certifiers_identifier;
    assert!(satisfies(&unit(&certifiers)) && !satisfies(&unit(&[0; 32])) && !satisfies(&unit(&[])));

    let anonymity =
        |kind| principal(Classification::Anonymity, &MspIdentityAnonymity { anonymity_type: kind });
    assert!(satisfies(&anonymity(0)) && !satisfies(&anonymity(1)) && !satisfies(&anonymity(2)));
    assert!(!satisfies(&MspPrincipal { principal_classification: 5, principal: Bytes::new() }));
}

#[test]
fn combined_principals_need_all_and_may_nest_deep() {
    let recorded = Recorded::read();
    let msp = build(&recorded.definition, MspVersion::V1_4_3).unwrap();
    let peer = identity(&msp, &recorded.peer);
    let combined = |principals: Vec<MspPrincipal>| {
        principal(Classification::Combined, &CombinedPrincipal { principals })
    };
    let satisfies = |principal: &MspPrincipal| msp.satisfies_principal(&peer, principal).is_ok();
    let (is_peer, is_admin) = (role(&msp, MspRoleType::Peer), role(&msp, MspRoleType::Admin));
    assert!(satisfies(&combined(vec![is_peer.clone(), role(&msp, MspRoleType::Member)])));
    assert!(!satisfies(&combined(vec![is_peer.clone(), is_admin])));
    assert!(!satisfies(&combined(vec![])));
    let deep = (0..5_000).fold(is_peer.clone(), |inner, _| combined(vec![inner]));
    assert!(satisfies(&deep));
    let old = build(&recorded.without_node_ous(), MspVersion::V1_1).unwrap();
    assert!(old.satisfies_principal(&identity(&old, &recorded.peer), &combined(vec![is_peer])).is_err());
}

#[test]
fn an_identity_of_another_msp_is_nobody_here() {
    let recorded = Recorded::read();
    let msp = build(&recorded.definition, MspVersion::V1_4_3).unwrap();
    let renamed = recorded.changed(|definition| definition.name = "OtherMSP".to_owned());
    let other = build(&renamed, MspVersion::V1_4_3).unwrap();
    let peer = identity(&msp, &recorded.peer);
    assert!(matches!(other.deserialize(&recorded.peer), Err(MspError::UnknownMsp(_))));
    assert!(matches!(other.validate(&peer), Err(MspError::UnknownMsp(_))));
    assert!(other.satisfies_principal(&peer, &role(&other, MspRoleType::Member)).is_err());
}
