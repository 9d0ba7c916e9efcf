//! Who can change what on NanoTrace's own channel, as `configtx.yaml` sets it up: the certification body and
//! the accreditation body together, and no other majority.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod fixtures;

use std::{path::Path, sync::Arc};

use bytes::Bytes;
use channel::{ConfigError, policy};
use fabric::{
    proto::common::{self, Capabilities, Capability, ConfigGroup, ConfigValue, policy::PolicyType},
    proto::orderer::{BatchSize, ConsensusType},
    proto::protos::{AcLs, ApiResource},
};
use fixtures::{
    Org,
    channel::{Channel, Edit},
};
use msp::{SigningIdentity, config_from_dir};
use prost::Message;

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
    refused(&|_| {}, "delta set was empty -- update would have no effect");
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
    assert!(channel.bundle.policy_for_acl("cscc/JoinChain").is_err());

    let acls = |root: &mut ConfigGroup| {
        let policy = |name: &str| ApiResource { policy_ref: name.to_owned() };
        let acls = [
            ("peer/Propose", policy("Admins")),
            ("cscc/JoinChain", policy("Readers")),
            ("mine/Own", policy("/Channel/Orderer/Readers")),
            ("event/Block", policy("")),
        ];
        let acls = acls.map(|(name, policy)| (name.to_owned(), policy)).into();
        let value = ConfigValue {
            value: AcLs { acls }.encode_to_vec().into(),
            mod_policy: "Admins".to_owned(),
            ..Default::default()
        };
        section(root, "Application").values.insert("ACLs".to_owned(), value);
    };
    let next = channel.propose(&acls, &channel.admins(&["CertBody", "Accreditation"])).unwrap();
    let same = |resource: &str, policy: &str| {
        Arc::ptr_eq(next.policy_for_acl(resource).unwrap(), next.policies().get(policy).unwrap())
    };
    assert!(same("peer/Propose", "/Channel/Application/Admins"));
    assert!(same("mine/Own", "/Channel/Orderer/Readers"));
    assert!(same("event/Block", "/Channel/Application/Readers"));
    assert!(next.policy_for_acl("cscc/JoinChain").is_err());

    let stranger = Org::make(&channel.folder.path().join("stranger"), "LabMSP").admin;
    let stranger: Vec<_> = channel.bundle.msps().deserialize(&stranger.serialized()).into_iter().collect();
    let policy = channel.bundle.policies().get("/Channel/Writers").unwrap();
    assert!(policy.evaluate(&stranger, channel.bundle.msps()).is_err());
    assert!(policy.evaluate(&channel.identities(&[&lab.client]), channel.bundle.msps()).is_ok());
}

#[test]
fn no_resource_is_guarded_by_a_name_that_stops_peers() {
    let channel = Channel::new();
    let acls = |root: &mut ConfigGroup| {
        let acls = [("event/Block".to_owned(), ApiResource { policy_ref: "/Channel".to_owned() })].into();
        let value = AcLs { acls }.encode_to_vec().into();
        let value = ConfigValue { value, mod_policy: "Admins".to_owned(), ..Default::default() };
        section(root, "Application").values.insert("ACLs".to_owned(), value);
    };
    let error = channel.propose(&acls, &channel.admins(&["CertBody", "Accreditation"])).unwrap_err();
    assert!(error.to_string().contains("'/Channel' names a group where a policy should be"), "{error}");
}
