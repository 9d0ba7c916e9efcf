//! Blocks of BFT orderers, who sign with their number among the consenters in place of their certificate.
//!
//! Source: `protoutil/blockutils.go`, `BlockSignatureVerifier`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use bytes::Bytes;
use fabric::{
    proto::{
        common::{
            Block, Capabilities, Capability, Config, ConfigValue, Consenter, IdentifierHeader, Metadata,
            MetadataSignature, Orderers, SignatureHeader,
        },
        msp::SerializedIdentity,
        orderer::ConsensusType,
    },
    types::block::header_bytes,
};
use msp::SigningIdentity;
use prost::Message;
use testkit::{Stopped, TestChannel};
use validation::BlockRejected;

const OURS: u32 = 3;

fn value(message: &impl Message) -> ConfigValue {
    ConfigValue {
        value: message.encode_to_vec().into(),
        mod_policy: "Admins".to_owned(),
        ..Default::default()
    }
}

/// The orderer is consenter 3; consenter 1 has an identity that cannot be read.
fn make_bft(config: &mut Config, orderer: &SigningIdentity) {
    let channel = config.channel_group.as_mut().unwrap();
    let capabilities = [("V3_0".to_owned(), Capability {})].into();
    channel.values.insert("Capabilities".to_owned(), value(&Capabilities { capabilities }));
    let identity = SerializedIdentity::decode(orderer.serialized()).unwrap();
    let consenter = |id, identity: Bytes| Consenter {
        id,
        msp_id: "OrdererMSP".to_owned(),
        identity,
        ..Default::default()
    };
    let consenter_mapping =
        vec![consenter(1, Bytes::from_static(b"nobody")), consenter(OURS, identity.id_bytes)];
    let orderers = channel.groups.get_mut("Orderer").unwrap();
    orderers.values.insert("Orderers".to_owned(), value(&Orderers { consenter_mapping }));
    let consensus = ConsensusType { r#type: "BFT".to_owned(), ..Default::default() };
    orderers.values.insert("ConsensusType".to_owned(), value(&consensus));
}

/// Both headers, of which at most one should be there, and the bytes that are signed in their place.
struct Signer {
    signature_header: Bytes,
    identifier_header: Bytes,
    signed_header: Bytes,
}

impl Signer {
    fn numbered(identifier: u32) -> Self {
        let header: Bytes =
            IdentifierHeader { identifier, nonce: Bytes::from_static(b"nonce") }.encode_to_vec().into();
        Self { signature_header: Bytes::new(), identifier_header: header.clone(), signed_header: header }
    }

    fn named(channel: &TestChannel) -> Self {
        let creator = channel.orderer.serialized();
        let header: Bytes =
            SignatureHeader { creator, nonce: Bytes::from_static(b"nonce") }.encode_to_vec().into();
        Self { signature_header: header.clone(), identifier_header: Bytes::new(), signed_header: header }
    }

    fn sign(self, channel: &TestChannel, mut block: Block) -> Block {
        let value = Bytes::from_static(b"orderer metadata");
        let header = header_bytes(block.header.as_ref().unwrap());
        let signed = [value.as_ref(), &self.signed_header, &header].concat();
        let signature = MetadataSignature {
            signature_header: self.signature_header,
            identifier_header: self.identifier_header,
            signature: channel.orderer.sign(&signed).unwrap().into(),
        };
        let metadata = Metadata { value, signatures: vec![signature] };
        block.metadata.as_mut().unwrap().metadata[0] = metadata.encode_to_vec().into();
        block
    }

    /// Whether a block with this signature is taken from the orderers.
    fn convinces(self, channel: &TestChannel) -> bool {
        let block = self.sign(channel, channel.block(vec![channel.put(&[("k", "v")])]));
        match channel.validate(block) {
            Ok(_) => true,
            Err(Stopped::Rejected(BlockRejected::NotSigned(_))) => false,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_consenter_signs_with_its_number() {
    let channel = TestChannel::configured("V2_5", make_bft);
    assert!(Signer::numbered(OURS).convinces(&channel));
    assert!(Signer::named(&channel).convinces(&channel), "a certificate will do too");
    assert!(!Signer::numbered(1).convinces(&channel), "another consenter's number");
    assert!(!Signer::numbered(2).convinces(&channel), "the number of no consenter");
}

/// The number counts only where no certificate is named, and each is signed with its own header.
#[test]
fn headers_cannot_be_mixed() {
    let channel = TestChannel::configured("V2_5", make_bft);
    let (named, numbered) = (Signer::named(&channel), Signer::numbered(OURS));
    let both = Signer { identifier_header: numbered.identifier_header.clone(), ..named };
    assert!(both.convinces(&channel));
    let signature_header = Signer::named(&channel).signature_header;
    assert!(!Signer { signature_header, ..numbered }.convinces(&channel));
    let swapped = Signer { signed_header: Bytes::new(), ..Signer::numbered(OURS) };
    assert!(!swapped.convinces(&channel));
}

#[test]
fn before_v3_0_numbers_mean_nothing() {
    let channel = TestChannel::without_chaincodes("V2_5");
    assert!(Signer::named(&channel).convinces(&channel));
    assert!(!Signer::numbered(OURS).convinces(&channel));
}
