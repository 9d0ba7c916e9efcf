//! Who can change what on NanoTrace's own channel, as `configtx.yaml` sets it up: the certification body and
//! the accreditation body together, and no other majority.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod made;

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use bytes::Bytes;
use fabric::{
    channel::{
        Bundle, ConfigError,
        genesis::{Stamp, from_configtx_yaml},
    },
    msp::{Identity, SigningIdentity, config_from_dir},
    policy,
    proto::common::{
        self, Capabilities, Capability, ChannelHeader, Config, ConfigGroup, ConfigPolicy, ConfigSignature,
        ConfigUpdate, ConfigUpdateEnvelope, ConfigValue, Envelope, Header, HeaderType, Payload,
        SignatureHeader, policy::PolicyType,
    },
    proto::orderer::{BatchSize, ConsensusType},
};
use made::Org;
use prost::Message;
use tempfile::TempDir;

const CONFIGTX: &str = include_str!("../../configtx.yaml");
const MEMBERS: [&str; 5] = ["CertBody", "Accreditation", "Lab", "Industry", "Customs"];

struct Channel {
    bundle: Arc<Bundle>,
    orgs: BTreeMap<&'static str, Org>,
    folder: TempDir,
}

impl Channel {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let crypto = folder.path().join("crypto-config");
        let mut orgs = BTreeMap::new();
        for org in MEMBERS {
            let domain = format!("peerOrganizations/{}.nanotrace.example/msp", org.to_lowercase());
            orgs.insert(org, Org::make(&crypto.join(domain), &format!("{org}MSP")));
        }
        let orderer = crypto.join("ordererOrganizations/orderer.nanotrace.example");
        orgs.insert("Orderer", Org::make(&orderer.join("msp"), "OrdererMSP"));
        let tls = orderer.join("orderers/orderer0.orderer.nanotrace.example/tls");
        fs::create_dir_all(&tls).unwrap();
        fs::copy(orderer.join("msp/cacerts/ca.pem"), tls.join("server.crt")).unwrap();
        let bundle = Self::genesis(folder.path());
        Self { bundle, orgs, folder }
    }

    fn genesis(folder: &Path) -> Arc<Bundle> {
        let path = folder.join("configtx.yaml");
        fs::write(&path, CONFIGTX).unwrap();
        let stamp = Stamp { unix_seconds: 0, nonce: [1; 24] };
        Bundle::from_block(&from_configtx_yaml(&path, "NanoTrace", "nanotrace", stamp).unwrap()).unwrap()
    }

    fn admins(&self, orgs: &[&'static str]) -> Vec<&SigningIdentity> {
        orgs.iter().map(|org| &self.orgs[org].admin).collect()
    }

    fn propose(&self, edit: &Edit, signers: &[&SigningIdentity]) -> Result<Arc<Bundle>, ConfigError> {
        let update = update(&self.bundle, edit, signers);
        let proposed = self.bundle.propose_update(&update)?;
        // What our orderer proposes, a peer derives again.
        Ok(self.bundle.validate_config(proposed.envelope).unwrap())
    }

    fn identities(&self, members: &[&SigningIdentity]) -> Vec<Arc<Identity>> {
        members.iter().map(|member| self.bundle.msps().deserialize(&member.serialized()).unwrap()).collect()
    }
}

type Edit<'a> = dyn Fn(&mut ConfigGroup) + 'a;

/// The signed update that leads from the channel's configuration to the edited one.
fn update(bundle: &Bundle, edit: &Edit, signers: &[&SigningIdentity]) -> Envelope {
    let old = Config::decode(bundle.config().clone()).unwrap().channel_group.unwrap();
    let mut new = old.clone();
    edit(&mut new);
    set_versions(&old, &mut new);
    let update = ConfigUpdate {
        channel_id: bundle.channel_id().to_owned(),
        read_set: Some(old),
        write_set: Some(new),
        ..Default::default()
    };
    let config_update: Bytes = update.encode_to_vec().into();
    let signatures = signers.iter().map(|signer| sign(signer, &config_update)).collect();
    let header = ChannelHeader {
        r#type: HeaderType::ConfigUpdate.into(),
        channel_id: bundle.channel_id().to_owned(),
        ..Default::default()
    };
    let payload = Payload {
        header: Some(Header { channel_header: header.encode_to_vec().into(), ..Default::default() }),
        data: ConfigUpdateEnvelope { config_update, signatures }.encode_to_vec().into(),
    };
    Envelope { payload: payload.encode_to_vec().into(), ..Default::default() }
}

fn sign(signer: &SigningIdentity, config_update: &Bytes) -> ConfigSignature {
    let header = SignatureHeader { creator: signer.serialized(), nonce: Bytes::from_static(&[3; 24]) };
    let signature_header: Bytes = header.encode_to_vec().into();
    let signature = signer.sign(&[&signature_header[..], config_update].concat()).into();
    ConfigSignature { signature_header, signature }
}

/// Counts up the versions of what differs.
fn set_versions(old: &ConfigGroup, new: &mut ConfigGroup) {
    for (name, value) in &mut new.values {
        value.version =
            old.values.get(name).map_or(0, |old| old.version + u64::from(old.value != value.value));
    }
    for (name, policy) in &mut new.policies {
        let changed = |old: &ConfigPolicy| old.policy != policy.policy;
        policy.version = old.policies.get(name).map_or(0, |old| old.version + u64::from(changed(old)));
    }
    for (name, group) in &mut new.groups {
        match old.groups.get(name) {
            Some(old) => set_versions(old, group),
            None => set_versions(&ConfigGroup::default(), group),
        }
    }
    let same_names = old.values.keys().eq(new.values.keys())
        && old.policies.keys().eq(new.policies.keys())
        && old.groups.keys().eq(new.groups.keys());
    let is_new = old.mod_policy.is_empty();
    new.version = old.version + u64::from(!same_names && !is_new);
}

fn policy_of(text: &str) -> Option<common::Policy> {
    let value = policy::parse(text).unwrap().encode_to_vec().into();
    Some(common::Policy { r#type: PolicyType::Signature.into(), value })
}

fn set_policy(group: &mut ConfigGroup, name: &str, text: &str) {
    group.policies.get_mut(name).unwrap().policy = policy_of(text);
}

fn section<'a>(root: &'a mut ConfigGroup, name: &str) -> &'a mut ConfigGroup {
    root.groups.get_mut(name).unwrap()
}

/// Changes of the rules that hold on the channel.
fn rule_changes(folder: &Path) -> Vec<(&'static str, Box<Edit<'static>>)> {
    Org::make(&folder.join("new"), "NewMSP");
    let new_msp = config_from_dir(&folder.join("new"), "NewMSP").unwrap().encode_to_vec();
    vec![
        ("channel admins", Box::new(|root| set_policy(root, "Admins", "OR('LabMSP.admin')"))),
        ("channel writers", Box::new(|root| set_policy(root, "Writers", "OR('LabMSP.client')"))),
        (
            "a second capability",
            Box::new(|root| {
                let capabilities = ["V1_4_3", "V2_0"].map(|level| (level.to_owned(), Capability {}));
                let value = Capabilities { capabilities: capabilities.into() }.encode_to_vec();
                root.values.get_mut("Capabilities").unwrap().value = value.into();
            }),
        ),
        (
            "application admins",
            Box::new(|root| set_policy(section(root, "Application"), "Admins", "OR('LabMSP.admin')")),
        ),
        (
            "lifecycle endorsement",
            Box::new(|root| {
                set_policy(section(root, "Application"), "LifecycleEndorsement", "OR('LabMSP.peer')");
            }),
        ),
        (
            "default endorsement",
            Box::new(|root| set_policy(section(root, "Application"), "Endorsement", "OR('LabMSP.peer')")),
        ),
        (
            "an organisation gone",
            Box::new(|root| drop(section(root, "Application").groups.remove("Customs"))),
        ),
        (
            "an organisation more",
            Box::new(move |root| {
                let mut org = section(root, "Application").groups["Lab"].clone();
                org.values.get_mut("MSP").unwrap().value = new_msp.clone().into();
                section(root, "Application").groups.insert("New".to_owned(), org);
            }),
        ),
    ]
}

#[test]
fn the_two_bodies_together_change_the_rules() {
    let channel = Channel::new();
    let both = channel.admins(&["CertBody", "Accreditation"]);
    for (what, edit) in rule_changes(channel.folder.path()) {
        let next = channel.propose(&*edit, &both).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(next.sequence(), 1, "{what}");
    }
}

#[test]
fn nobody_else_changes_the_rules() {
    let channel = Channel::new();
    let signers: [(&str, Vec<&SigningIdentity>); 6] = [
        ("the other three", channel.admins(&["Lab", "Industry", "Customs"])),
        ("all but accreditation", channel.admins(&["CertBody", "Lab", "Industry", "Customs", "Orderer"])),
        (
            "all but the certification body",
            channel.admins(&["Accreditation", "Lab", "Industry", "Customs", "Orderer"]),
        ),
        ("the orderer", channel.admins(&["Orderer"])),
        ("clients of both", vec![&channel.orgs["CertBody"].client, &channel.orgs["Accreditation"].client]),
        ("one twice", channel.admins(&["CertBody", "CertBody"])),
    ];
    for (what, edit) in rule_changes(channel.folder.path()) {
        for (who, signers) in &signers {
            let error = channel.propose(&*edit, signers).unwrap_err();
            assert!(matches!(error, ConfigError::NotAuthorised { .. }), "{what} by {who}: {error}");
        }
    }
}

#[test]
fn the_orderer_runs_its_service_and_the_two_bodies_can_replace_it() {
    let channel = Channel::new();
    let edit = |root: &mut ConfigGroup| {
        let size = BatchSize { max_message_count: 7, absolute_max_bytes: 900, preferred_max_bytes: 80 };
        section(root, "Orderer").values.get_mut("BatchSize").unwrap().value = size.encode_to_vec().into();
    };
    let next = channel.propose(&edit, &channel.admins(&["Orderer"])).unwrap();
    assert_eq!(next.orderer().batch_size.max_message_count, 7);
    channel.propose(&edit, &channel.admins(&["CertBody", "Accreditation"])).unwrap();
    channel.propose(&edit, &channel.admins(&["CertBody", "Lab", "Industry", "Customs"])).unwrap_err();
}

#[test]
fn an_organisation_looks_after_itself_but_keeps_its_msp_id() {
    let channel = Channel::new();
    let lab = &channel.admins(&["Lab"]);
    let peers = |root: &mut ConfigGroup| {
        let org = section(section(root, "Application"), "Lab");
        org.policies.get_mut("Readers").unwrap().policy = policy_of("OR('LabMSP.member')");
    };
    channel.propose(&peers, lab).unwrap();
    channel.propose(&peers, &channel.admins(&["Industry", "CertBody", "Accreditation"])).unwrap_err();

    Org::make(&channel.folder.path().join("other"), "OtherMSP");
    let msp = config_from_dir(&channel.folder.path().join("other"), "OtherMSP").unwrap();
    let rename = move |root: &mut ConfigGroup| {
        let org = section(section(root, "Application"), "Lab");
        org.values.get_mut("MSP").unwrap().value = msp.encode_to_vec().into();
    };
    let error = channel.propose(&rename, lab).unwrap_err();
    assert!(error.to_string().contains("may not change from LabMSP to OtherMSP"), "{error}");
}

#[test]
fn some_changes_nobody_can_make() {
    let channel = Channel::new();
    let both = channel.admins(&["CertBody", "Accreditation"]);
    let refused = |edit: &Edit, message: &str| {
        let error = channel.propose(edit, &both).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    };
    refused(&|root| drop(root.groups.remove("Application")), "the application section may not be removed");
    refused(&|root| drop(root.groups.remove("Orderer")), "the Orderer group is missing");
    refused(
        &|root| drop(root.groups.insert("Else".to_owned(), new_group())),
        "group /Channel/Else is not allowed",
    );
    refused(
        &|root| drop(root.values.insert("Else".to_owned(), new_value())),
        "value /Channel/Else is not known",
    );
    refused(&|root| drop(root.values.remove("HashingAlgorithm")), "is no known algorithm");
    refused(
        &|root| root.policies.get_mut("Writers").unwrap().policy = None,
        "a policy is missing its definition",
    );
    refused(
        &|root| section(root, "Orderer").values.get_mut("BatchTimeout").unwrap().value = Bytes::new(),
        "/Channel/Orderer/BatchTimeout: '' is no duration",
    );
    refused(
        &|root| {
            let capabilities = [("V9_9".to_owned(), Capability {})].into();
            let value = Capabilities { capabilities }.encode_to_vec().into();
            section(root, "Application").values.get_mut("Capabilities").unwrap().value = value;
        },
        "Application capability V9_9 is required but not supported",
    );
    refused(
        &|root| {
            let consensus = section(root, "Orderer").values.get_mut("ConsensusType").unwrap();
            let mut decoded = ConsensusType::decode(consensus.value.clone()).unwrap();
            decoded.r#type = "BFT".to_owned();
            consensus.value = decoded.encode_to_vec().into();
        },
        "this orderer does not migrate to another consensus type",
    );
    refused(&|_| {}, "the update changes nothing");
}

fn new_group() -> ConfigGroup {
    ConfigGroup { mod_policy: "Admins".to_owned(), ..Default::default() }
}

fn new_value() -> ConfigValue {
    ConfigValue { mod_policy: "Admins".to_owned(), ..Default::default() }
}

#[test]
fn chaincodes_are_defined_by_peers_of_both_bodies() {
    let channel = Channel::new();
    let peers = |orgs: &[&str]| {
        let peers: Vec<_> = orgs.iter().map(|org| &channel.orgs[org].peer).collect();
        let identities = channel.identities(&peers);
        let policy = channel.bundle.policies().get("/Channel/Application/LifecycleEndorsement").unwrap();
        policy.evaluate(&identities, channel.bundle.msps()).is_ok()
    };
    assert!(peers(&["CertBody", "Accreditation"]));
    assert!(!peers(&["CertBody", "Lab", "Industry", "Customs"]));
    assert!(!peers(&["Accreditation", "Lab", "Industry", "Customs"]));
}

#[test]
fn resources_are_guarded_by_their_policies() {
    let channel = Channel::new();
    let may = |member: &SigningIdentity, resource: &str| {
        let policy = channel.bundle.policy_for_acl(resource).unwrap();
        policy.evaluate(&channel.identities(&[member]), channel.bundle.msps()).is_ok()
    };
    let lab = &channel.orgs["Lab"];
    assert!(may(&lab.client, "peer/Propose") && !may(&lab.peer, "peer/Propose"));
    assert!(may(&lab.peer, "event/Block") && may(&lab.client, "qscc/GetChainInfo"));
    assert!(!may(&channel.orgs["Orderer"].client, "event/Block"));
    assert!(channel.bundle.policy_for_acl("peer/Unknown").is_err());

    let stranger = Org::make(&channel.folder.path().join("stranger"), "LabMSP").admin;
    let stranger: Vec<_> = channel.bundle.msps().deserialize(&stranger.serialized()).into_iter().collect();
    let policy = channel.bundle.policies().get("/Channel/Writers").unwrap();
    assert!(policy.evaluate(&stranger, channel.bundle.msps()).is_err());
    assert!(policy.evaluate(&channel.identities(&[&lab.client]), channel.bundle.msps()).is_ok());
}
