//! The changes that are prepared: a certification body joins or leaves, and revocation lists.

use std::path::Path;

use bytes::Bytes;
use channel::policy;
use fabric::proto::{
    common::{ConfigGroup, ConfigPolicy, ConfigValue, Policy, msp_role::MspRoleType, policy::PolicyType},
    msp::MspConfig,
    protos::{AnchorPeer, AnchorPeers},
};
use msp::{Msp, MspVersion};
use prost::Message;

use crate::{
    ChannelConfig, Governance, GovernanceError, Update,
    config::{APPLICATION, MSP, msp, policy_text, signature_policy},
    rule::Expression,
};

/// The mod_policy of what an organisation or the bodies decide on.
const ADMINS: &str = "Admins";

/// Where the bodies decide, by the group's path below the channel's, the policy's name, and members of which role.
const GOVERNED: [(&[&str], &str, MspRoleType); 3] = [
    (&[], ADMINS, MspRoleType::Admin),
    (&[APPLICATION], ADMINS, MspRoleType::Admin),
    (&[APPLICATION], "LifecycleEndorsement", MspRoleType::Peer),
];

/// A certification body that joins.
#[derive(Clone, Debug)]
pub enum Joining<'a> {
    /// An organisation of the channel, by name or MSP id.
    Member(&'a str),
    /// An organisation that is new to the channel.
    New {
        name: &'a str,
        mspid: &'a str,
        /// Without keys, as cryptogen and Fabric CA's administrators lay it out.
        msp: &'a Path,
        /// `host:port` each, by which peers of other organisations find this one's.
        anchor_peers: &'a [String],
    },
}

/// An update that is prepared, and what it is about.
#[derive(Clone, Debug)]
pub struct Change {
    pub update: Update,
    /// The organisation that it is about, by MSP id.
    pub mspid: String,
    /// Whose administrators must sign.
    pub signers: Signers,
}

/// Whose administrators must sign an update.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signers {
    /// Those who decide before it.
    Bodies { now: Governance, then: Governance },
    /// An organisation looks after its own definition.
    Itself(String),
}

/// An organisation becomes a certification body.
pub fn join(
    config: &ChannelConfig,
    accreditation: &str,
    joining: &Joining<'_>,
) -> Result<Change, GovernanceError> {
    let now = governance(config, accreditation)?;
    let mut root = config.root.clone();
    let mspid = match joining {
        Joining::Member(asked) => config.organisation(asked)?.1,
        Joining::New { name, mspid, msp, anchor_peers } => {
            if [name, mspid].iter().any(|known| config.organisation(known).is_ok()) {
                return Err(GovernanceError::IsOrganisation((*name).to_owned()));
            }
            let group = organisation(name, mspid, msp, anchor_peers)?;
            application(&mut root).groups.insert((*name).to_owned(), group);
            (*mspid).to_owned()
        }
    };
    if mspid == accreditation {
        return Err(GovernanceError::IsAccreditation(mspid));
    }
    let mut then = now.clone();
    if !then.bodies.insert(mspid.clone()) {
        return Err(GovernanceError::IsBody(mspid));
    }
    govern(config, root, mspid, now, then)
}

/// A certification body leaves. It stays an organisation of the channel, so that what it endorsed and signed stays verifiable.
pub fn leave(config: &ChannelConfig, accreditation: &str, body: &str) -> Result<Change, GovernanceError> {
    let now = governance(config, accreditation)?;
    let mspid = config.organisation(body).map_or_else(|_| body.to_owned(), |(_, mspid)| mspid);
    let mut then = now.clone();
    if !then.bodies.remove(&mspid) {
        let known = now.bodies.iter().cloned().collect::<Vec<_>>().join(", ");
        return Err(GovernanceError::NoBody(mspid, known));
    }
    if then.bodies.is_empty() {
        return Err(GovernanceError::LastBody(mspid));
    }
    govern(config, config.root.clone(), mspid, now, then)
}

/// Revocation lists come into an organisation's membership definition: beside those that it has, or in their place.
pub fn revoke(
    config: &ChannelConfig,
    asked: &str,
    lists: Vec<Bytes>,
    replace: bool,
) -> Result<Change, GovernanceError> {
    let (name, mspid) = config.organisation(asked)?;
    let mut root = config.root.clone();
    if let Some(group) = application(&mut root).groups.get_mut(&name)
        && let Some(mut definition) = msp(group)
        && let Some(value) = group.values.get_mut(MSP)
    {
        if replace {
            definition.revocation_list.clear();
        }
        for list in lists {
            if definition.revocation_list.contains(&list) {
                return Err(GovernanceError::IsListed(mspid));
            }
            definition.revocation_list.push(list);
        }
        let definition = MspConfig { r#type: 0, config: definition.encode_to_vec().into() };
        let msp = Msp::from_config(&definition, MspVersion::V1_4_3);
        msp.and_then(|msp| msp.check_revocation_lists())
            .map_err(|error| GovernanceError::RevocationList(mspid.clone(), error))?;
        value.value = definition.encode_to_vec().into();
    }
    let update = Update::new(&config.update_to(&root)?);
    Ok(Change { update, mspid: mspid.clone(), signers: Signers::Itself(mspid) })
}

/// Who decides on the channel, where its policies agree on that.
fn governance(config: &ChannelConfig, accreditation: &str) -> Result<Governance, GovernanceError> {
    let mut found: Option<Governance> = None;
    // The application's administrators first: the others are compared with what they are.
    for (groups, name, role) in [GOVERNED[1], GOVERNED[0], GOVERNED[2]] {
        let path = format!("/Channel/{}", [groups, &[name]].concat().join("/"));
        let group = groups.iter().try_fold(&config.root, |group, name| group.groups.get(*name));
        let policy = group.and_then(|group| group.policies.get(name)?.policy.as_ref());
        let rule = policy.and_then(signature_policy);
        let governs = rule.as_ref().and_then(|rule| Governance::read(rule, accreditation));
        let Some((governance, _)) = governs.filter(|(_, of)| *of == role) else {
            let accreditation = accreditation.to_owned();
            let found = policy.map_or_else(|| "missing".to_owned(), policy_text);
            return Err(GovernanceError::OtherRule { path, found, accreditation });
        };
        match &found {
            Some(expected) if *expected != governance => {
                let (found, expected) = (governance.to_string(), expected.to_string());
                return Err(GovernanceError::TwoRules { path, found, expected });
            }
            _ => found = Some(governance),
        }
    }
    found.ok_or_else(|| GovernanceError::NoConfigBlock("no policy says who decides".to_owned()))
}

/// Puts those who decide then in place of those who decide now, in every policy of channel, application and orderer.
fn govern(
    config: &ChannelConfig,
    mut root: ConfigGroup,
    mspid: String,
    now: Governance,
    then: Governance,
) -> Result<Change, GovernanceError> {
    replace_in(&mut root, &now, &then)?;
    for group in root.groups.values_mut() {
        replace_in(group, &now, &then)?;
    }
    let update = Update::new(&config.update_to(&root)?);
    Ok(Change { update, mspid, signers: Signers::Bodies { now, then } })
}

fn replace_in(group: &mut ConfigGroup, now: &Governance, then: &Governance) -> Result<(), GovernanceError> {
    for policy in group.policies.values_mut() {
        let rule = policy.policy.as_ref().and_then(signature_policy);
        if let Some((rule, true)) = rule.map(|rule| rule.replace(now, then)) {
            policy.policy = Some(compiled(&rule)?);
        }
    }
    Ok(())
}

fn compiled(rule: &Expression) -> Result<Policy, GovernanceError> {
    // MSP ids come from the channel's definitions, which may have any character; the language of policies has not.
    let policy =
        policy::parse(&rule.to_string()).map_err(|error| GovernanceError::Name(error.to_string()))?;
    Ok(Policy { r#type: PolicyType::Signature.into(), value: policy.encode_to_vec().into() })
}

fn application(root: &mut ConfigGroup) -> &mut ConfigGroup {
    root.groups.entry(APPLICATION.to_owned()).or_default()
}

/// The group of an organisation that is new, with the policies of configtx.yaml.
fn organisation(
    name: &str,
    mspid: &str,
    folder: &Path,
    anchor_peers: &[String],
) -> Result<ConfigGroup, GovernanceError> {
    for word in [name, mspid] {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b".-".contains(&byte);
        if word.is_empty() || word.len() > 64 || !word.bytes().all(legal) {
            return Err(GovernanceError::Name(word.to_owned()));
        }
    }
    let definition = msp::config_from_dir(folder, mspid)
        .map_err(|error| GovernanceError::MspFolder { path: folder.display().to_string(), error })?;
    let mut group = ConfigGroup { mod_policy: ADMINS.to_owned(), ..Default::default() };
    for (policy, roles) in [
        ("Readers", &[MspRoleType::Admin, MspRoleType::Peer, MspRoleType::Client][..]),
        ("Writers", &[MspRoleType::Admin, MspRoleType::Client]),
        (ADMINS, &[MspRoleType::Admin]),
        ("Endorsement", &[MspRoleType::Peer]),
    ] {
        let members = roles.iter().map(|role| Expression::SignedBy(mspid.to_owned(), *role)).collect();
        let policy_of = Some(compiled(&Expression::OutOf(1, members))?);
        let entry = ConfigPolicy { version: 0, policy: policy_of, mod_policy: ADMINS.to_owned() };
        group.policies.insert(policy.to_owned(), entry);
    }
    insert(&mut group, MSP, &definition);
    if !anchor_peers.is_empty() {
        let anchor_peers = anchor_peers.iter().map(|peer| anchor_peer(peer)).collect::<Result<_, _>>()?;
        insert(&mut group, "AnchorPeers", &AnchorPeers { anchor_peers });
    }
    Ok(group)
}

fn insert(group: &mut ConfigGroup, name: &str, value: &impl Message) {
    let value =
        ConfigValue { version: 0, value: value.encode_to_vec().into(), mod_policy: ADMINS.to_owned() };
    group.values.insert(name.to_owned(), value);
}

fn anchor_peer(text: &str) -> Result<AnchorPeer, GovernanceError> {
    let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
    match parts {
        Some((host, port)) if !host.is_empty() && port != 0 => {
            Ok(AnchorPeer { host: host.to_owned(), port: port.into() })
        }
        _ => Err(GovernanceError::AnchorPeer(text.to_owned())),
    }
}
