//! Certification bodies join and leave NanoTrace's own channel, as `configtx.yaml` sets it up.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::{fs, path::PathBuf, sync::Arc};

use channel::{Bundle, ConfigError};
use fabric::proto::common::Block;
use governance::{ChannelConfig, GovernanceError, Joining, Signers, Update, join, leave, revoke};
use material::{
    CryptoConfig, Validity,
    genesis::{Stamp, from_configtx_yaml},
};
use msp::SigningIdentity;
use prost::Message;
use tempfile::TempDir;

const ACCREDITATION: &str = "AccreditationMSP";

/// The channel with organisations made for a test.
struct Channel {
    bundle: Arc<Bundle>,
    genesis: Block,
    config: ChannelConfig,
    folder: TempDir,
}

impl Channel {
    fn new() -> Self {
        Self::edited(|text| text)
    }

    /// With another configtx.yaml.
    fn edited(edit: impl Fn(String) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let crypto = CryptoConfig::parse(include_str!("../../crypto-config/crypto-config.yaml")).unwrap();
        let validity = Validity::of_years(1_800_000_000, 10);
        material::generate(&crypto, &folder.path().join("crypto-config"), validity).unwrap();
        let path = folder.path().join("configtx.yaml");
        fs::write(&path, edit(include_str!("../../configtx.yaml").to_owned())).unwrap();
        let stamp = Stamp { unix_seconds: 0, nonce: [1; 24] };
        let genesis = from_configtx_yaml(&path, "NanoTrace", "nanotrace", stamp).unwrap().message().clone();
        let bundle = Bundle::from_block(&genesis).unwrap();
        let config = ChannelConfig::from_block(&genesis.encode_to_vec()).unwrap();
        Self { bundle, genesis, config, folder }
    }

    fn msp(&self, organisation: &str) -> PathBuf {
        let domain = format!("{}.nanotrace.example", organisation.to_lowercase());
        self.folder.path().join("crypto-config/peerOrganizations").join(domain)
    }

    fn admin(&self, organisation: &str) -> SigningIdentity {
        let folder = self.msp(organisation);
        let domain = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let user = folder.join(format!("users/Admin@{domain}/msp"));
        SigningIdentity::from_msp_dir(&user, &format!("{organisation}MSP")).unwrap()
    }

    /// What the orderer makes of the update with the signatures of these organisations' administrators.
    fn propose(&self, update: &Update, signers: &[&str]) -> Result<Arc<Bundle>, ConfigError> {
        let mut update = update.clone();
        for (index, signer) in signers.iter().enumerate() {
            update.sign(&self.admin(signer), [index as u8; 24]).unwrap();
        }
        // As it travels.
        let update = Update::from_bytes(&update.to_bytes()).unwrap();
        let envelope = update.envelope(&self.admin("Customs"), [9; 24], 1_800_000_000).unwrap();
        let proposed = self.bundle.propose_update(&envelope)?;
        Ok(self.bundle.validate_config(proposed.envelope).unwrap())
    }

    /// Goes on with the configuration that the update leads to.
    fn apply(&mut self, update: &Update, signers: &[&str]) {
        self.bundle = self.propose(update, signers).unwrap();
        self.config = ChannelConfig::from_block(&config_block(&self.genesis, &self.bundle)).unwrap();
    }

    fn refuses(&self, update: &Update, signers: &[&str]) {
        let error = self.propose(update, signers).unwrap_err();
        assert!(matches!(error, ConfigError::NotAuthorised { .. }), "{signers:?}: {error}");
    }

    /// Whether peers of these organisations define a chaincode.
    fn define(&self, organisations: &[&str]) -> bool {
        let identities = organisations.iter().map(|organisation| {
            let domain = format!("{}.nanotrace.example", organisation.to_lowercase());
            let folder = self.msp(organisation).join(format!("peers/peer0.{domain}/msp"));
            let peer = SigningIdentity::from_msp_dir(&folder, &format!("{organisation}MSP")).unwrap();
            self.bundle.msps().deserialize(&peer.serialized()).unwrap()
        });
        let policy = self.bundle.policies().get("/Channel/Application/LifecycleEndorsement").unwrap();
        policy.evaluate(&identities.collect::<Vec<_>>(), self.bundle.msps()).is_ok()
    }
}

/// The genesis block with another configuration in it.
fn config_block(genesis: &Block, bundle: &Bundle) -> Vec<u8> {
    use fabric::proto::common::{Config, ConfigEnvelope, Envelope, Payload};
    let mut block = genesis.clone();
    let data = block.data.as_mut().unwrap();
    let mut envelope = Envelope::decode(data.data[0].clone()).unwrap();
    let mut payload = Payload::decode(envelope.payload).unwrap();
    let config = Some(Config::decode(bundle.config().clone()).unwrap());
    payload.data = ConfigEnvelope { config, last_update: None }.encode_to_vec().into();
    envelope.payload = payload.encode_to_vec().into();
    data.data[0] = envelope.encode_to_vec().into();
    block.encode_to_vec()
}

fn member(name: &str) -> Joining<'_> {
    Joining::Member(name)
}

#[test]
fn an_update_names_what_changes_alone() {
    let channel = Channel::new();
    let change = join(&channel.config, ACCREDITATION, &member("Lab")).unwrap();
    let rule =
        |role: &str| format!("AND('AccreditationMSP.{role}', AND('CertBodyMSP.{role}', 'LabMSP.{role}'))");
    assert_eq!(
        change.update.changes(),
        [
            format!("policy /Channel/Admins: {}", rule("admin")),
            format!("policy /Channel/Application/Admins: {}", rule("admin")),
            format!("policy /Channel/Application/Endorsement: {}", rule("peer")),
            format!("policy /Channel/Application/LifecycleEndorsement: {}", rule("peer")),
            format!("policy /Channel/Orderer/Admins: OR('OrdererMSP.admin', {})", rule("admin")),
        ]
    );
    assert_eq!(change.mspid, "LabMSP");
    let Signers::Bodies { now, then } = change.signers else { panic!() };
    assert_eq!(now.to_string(), "AccreditationMSP and CertBodyMSP");
    assert_eq!(then.to_string(), "AccreditationMSP and 2 of CertBodyMSP, LabMSP");
    // By its MSP id, and in lower case, it is the same update.
    for name in ["LabMSP", "lab"] {
        assert_eq!(join(&channel.config, ACCREDITATION, &member(name)).unwrap().update, change.update);
    }
}

#[test]
fn bodies_join_and_leave_by_a_majority() {
    let mut channel = Channel::new();
    let joining = join(&channel.config, ACCREDITATION, &member("Lab")).unwrap().update;
    channel.refuses(&joining, &["CertBody"]);
    channel.refuses(&joining, &["Accreditation"]);
    channel.refuses(&joining, &["Accreditation", "Lab", "Industry", "Customs"]);
    channel.apply(&joining, &["CertBody", "Accreditation"]);
    assert!(channel.define(&["Accreditation", "CertBody", "Lab"]));
    assert!(!channel.define(&["Accreditation", "CertBody"]) && !channel.define(&["CertBody", "Lab"]));

    let joining = join(&channel.config, ACCREDITATION, &member("Industry")).unwrap().update;
    channel.refuses(&joining, &["CertBody", "Accreditation"]);
    channel.apply(&joining, &["CertBody", "Lab", "Accreditation"]);

    // Two of three are a majority: the others go on where the first is gone.
    let leaving = leave(&channel.config, ACCREDITATION, "CertBody").unwrap().update;
    channel.refuses(&leaving, &["CertBody", "Accreditation"]);
    channel.refuses(&leaving, &["CertBody", "Lab", "Industry"]);
    channel.apply(&leaving, &["Lab", "Industry", "Accreditation"]);
    assert!(channel.define(&["Accreditation", "Lab", "Industry"]));
    assert!(!channel.define(&["Accreditation", "CertBody", "Lab"]));
    // It stays an organisation of the channel, and decides nowhere any more.
    assert!(channel.bundle.application().unwrap().orgs.contains_key("CertBody"));
    let next = leave(&channel.config, ACCREDITATION, "IndustryMSP").unwrap();
    channel.refuses(&next.update, &["CertBody", "Lab", "Accreditation"]);
    channel.apply(&next.update, &["Lab", "Industry", "Accreditation"]);
    assert_eq!(
        next.update.changes().last().unwrap(),
        "policy /Channel/Orderer/Admins: OR('OrdererMSP.admin', AND('AccreditationMSP.admin', 'LabMSP.admin'))"
    );
    let error = leave(&channel.config, ACCREDITATION, "Lab").unwrap_err();
    assert!(matches!(error, GovernanceError::LastBody(_)), "{error}");
    // It may come back.
    let back = join(&channel.config, ACCREDITATION, &member("CertBody")).unwrap().update;
    channel.apply(&back, &["Lab", "Accreditation"]);
}

#[test]
fn an_organisation_that_is_new_to_the_channel_joins() {
    let mut channel = Channel::new();
    let yaml = "PeerOrgs:\n  - Name: Second\n    Domain: second.nanotrace.example\n    EnableNodeOUs: true\n    Template: { Count: 1 }\n    Users: { Count: 1 }\n";
    let crypto = CryptoConfig::parse(yaml).unwrap();
    let root = channel.folder.path().join("crypto-config");
    material::generate(&crypto, &root, Validity::of_years(1_800_000_000, 10)).unwrap();
    let msp = channel.msp("Second").join("msp");
    let anchor_peers = ["peer0.second.nanotrace.example:7051".to_owned()];
    let joining = |mspid| Joining::New { name: "Second", mspid, msp: &msp, anchor_peers: &anchor_peers };
    let change = join(&channel.config, ACCREDITATION, &joining("SecondMSP")).unwrap();
    assert!(change.update.changes().contains(&"group /Channel/Application/Second, which is new".to_owned()));
    channel.refuses(&change.update, &["Accreditation", "Lab"]);
    channel.apply(&change.update, &["CertBody", "Accreditation"]);
    assert!(channel.define(&["Accreditation", "CertBody", "Second"]));

    for (joining, expected) in [
        (joining("SecondMSP"), "the channel has the organisation Second already"),
        (
            Joining::New { name: "A b", mspid: "X", msp: &msp, anchor_peers: &[] },
            "\"A b\" is no MSP id or name",
        ),
        (
            Joining::New { name: "X", mspid: "XMSP", msp: &msp.join("none"), anchor_peers: &[] },
            "the MSP folder",
        ),
        (
            Joining::New { name: "X", mspid: "XMSP", msp: &msp, anchor_peers: &["peer0".to_owned()] },
            "\"peer0\" is no anchor peer",
        ),
    ] {
        let error = join(&channel.config, ACCREDITATION, &joining).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    let channel = Channel::new();
    let joined = |accreditation, name| join(&channel.config, accreditation, &member(name)).unwrap_err();
    let left = |name| leave(&channel.config, ACCREDITATION, name).unwrap_err();
    for (error, expected) in [
        (joined(ACCREDITATION, "CertBody"), "CertBodyMSP is a certification body already"),
        (joined(ACCREDITATION, "Accreditation"), "AccreditationMSP is the accreditation body"),
        (joined(ACCREDITATION, "Nobody"), "--msp-dir"),
        (joined("LabMSP", "Industry"), "name the accreditation body with --accreditation"),
        (left("Lab"), "LabMSP is no certification body of this channel: it has CertBodyMSP"),
        (left("CertBodyMSP"), "let another join first"),
    ] {
        assert!(error.to_string().contains(expected), "{error}");
    }
    let error = ChannelConfig::from_block(b"hello").unwrap_err().to_string();
    assert!(error.contains("no block with a channel's configuration"), "{error}");
    for garbage in [&b"hello"[..], b"", &channel.genesis.data.as_ref().unwrap().data[0]] {
        let error = Update::from_bytes(garbage).unwrap_err().to_string();
        assert!(error.contains("no config update"), "{error}");
    }
}

#[test]
fn a_channel_of_other_rules_is_left_alone() {
    let lifecycle = "LifecycleEndorsement: { Type: Signature, Rule: \"AND('CertBodyMSP.peer', 'AccreditationMSP.peer')\" }";
    let majority = "LifecycleEndorsement: { Type: ImplicitMeta, Rule: \"MAJORITY Endorsement\" }";
    let channel = Channel::edited(|text| text.replace(lifecycle, majority));
    let error = join(&channel.config, ACCREDITATION, &member("Lab")).unwrap_err().to_string();
    assert!(
        error.contains("/Channel/Application/LifecycleEndorsement is MAJORITY Endorsement, and not"),
        "{error}"
    );
    let others = lifecycle.replace("CertBody", "Lab");
    let channel = Channel::edited(|text| text.replace(lifecycle, &others));
    let error = join(&channel.config, ACCREDITATION, &member("Industry")).unwrap_err().to_string();
    assert!(error.contains("says that AccreditationMSP and LabMSP decide"), "{error}");
}

#[test]
fn copies_that_were_signed_apart_are_put_together() {
    let channel = Channel::new();
    let update = join(&channel.config, ACCREDITATION, &member("Lab")).unwrap().update;
    let signed = |organisation: &str, nonce: u8| {
        let mut copy = Update::from_bytes(&update.to_bytes()).unwrap();
        copy.sign(&channel.admin(organisation), [nonce; 24]).unwrap();
        copy
    };
    let mut together = signed("CertBody", 1);
    together.merge(signed("Accreditation", 2)).unwrap();
    together.merge(signed("Accreditation", 3)).unwrap();
    // Signing again replaces.
    together.sign(&channel.admin("CertBody"), [4; 24]).unwrap();
    assert_eq!(together.signed_by(), ["AccreditationMSP", "CertBodyMSP"]);
    channel.propose(&together, &[]).unwrap();

    let other = join(&channel.config, ACCREDITATION, &member("Industry")).unwrap().update;
    assert!(matches!(together.merge(other), Err(GovernanceError::OtherUpdate)));
}

#[test]
fn an_organisation_alone_puts_its_revocation_list_into_the_channel() {
    let mut channel = Channel::new();
    let crypto = CryptoConfig::parse(include_str!("../../crypto-config/crypto-config.yaml")).unwrap();
    let dir = channel.folder.path().join("crypto-config");
    let list = |organisation: &str, user: &str| -> bytes::Bytes {
        let organisation = crypto.organization(organisation).unwrap();
        let certificate = material::certificate_of(organisation, &dir, user).unwrap();
        fs::read(material::revoke(organisation, &dir, &certificate, 1_800_000_000).unwrap()).unwrap().into()
    };
    let is_valid = |channel: &Channel, user: &str| {
        let folder = channel.msp("Lab").join(format!("users/{user}@lab.nanotrace.example/msp"));
        let identity = SigningIdentity::from_msp_dir(&folder, "LabMSP").unwrap().serialized();
        let msps = channel.bundle.msps();
        msps.deserialize(&identity).is_ok_and(|identity| msps.validate(&identity).is_ok())
    };
    let first = list("Lab", "User1");
    let change = revoke(&channel.config, "Lab", vec![first.clone()], false).unwrap();
    assert_eq!(change.signers, Signers::Itself("LabMSP".to_owned()));
    assert_eq!(
        change.update.changes(),
        ["value /Channel/Application/Lab/MSP: the membership definition of LabMSP, with 1 revocation lists"]
    );
    channel.refuses(&change.update, &["CertBody", "Accreditation"]);
    assert!(is_valid(&channel, "User1"));
    channel.apply(&change.update, &["Lab"]);
    assert!(!is_valid(&channel, "User1") && is_valid(&channel, "User2"));

    // A longer list in place of the shorter one.
    let second = revoke(&channel.config, "Lab", vec![list("Lab", "User2")], true).unwrap();
    channel.apply(&second.update, &["Lab"]);
    assert!(!is_valid(&channel, "User1") && !is_valid(&channel, "User2") && is_valid(&channel, "Admin"));

    let foreign = list("CertBody", "User1");
    for (lists, expected) in [
        (vec![foreign], "a revocation list is by no authority of LabMSP"),
        (vec![list("Lab", "User2")], "has this revocation list of LabMSP already"),
        (vec!["hello".into()], "no revocation list for LabMSP"),
    ] {
        let error = revoke(&channel.config, "Lab", lists, false).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
