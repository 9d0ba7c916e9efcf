//! Configuration updates that are authorised, and the config transactions that an orderer makes of them.

use std::{collections::BTreeMap, path::Path};

use bytes::Bytes;
use channel::{Bundle, policy::parse};
use fabric::{
    proto::{
        common::{
            ChannelHeader, Config, ConfigGroup, ConfigPolicy, ConfigSignature, ConfigUpdate,
            ConfigUpdateEnvelope, ConfigValue, Envelope, Header, HeaderType, ImplicitMetaPolicy, Payload,
            Policy, SignatureHeader, implicit_meta_policy::Rule, policy::PolicyType,
        },
        orderer::BatchSize,
    },
    types::txid,
};
use fastrand::Rng;
use msp::SigningIdentity;
use prost::Message;

use super::channel::Channel;

/// An element of the configuration and what it becomes.
pub struct Change {
    pub group: &'static [&'static str],
    pub element: Element,
    /// The folder of the administrator who has to agree, and the MSP id.
    pub administrator: (&'static str, &'static str),
}

pub enum Element {
    Value(&'static str, Vec<u8>),
    Policy(&'static str, Policy),
}

const ORDERER_ADMIN: (&str, &str) =
    ("ordererOrganizations/orderer.test/users/Admin@orderer.test", "OrdererMSP");
const ADMIN_OF_A: (&str, &str) = ("peerOrganizations/a.test/users/Admin@a.test", "AMSP");
const ADMIN_OF_B: (&str, &str) = ("peerOrganizations/b.test/users/Admin@b.test", "BMSP");

/// The envelope of a config transaction that changes something.
pub fn transaction(channel: &Channel, rng: &mut Rng) -> Bytes {
    let change = some_change(rng);
    let crypto = channel.directory.join("crypto");
    change.transaction(&channel.bundle, &crypto, &channel.orderer(), rng)
}

fn some_change(rng: &mut Rng) -> Change {
    let rule = *rng.choice(&[Rule::Any, Rule::Majority, Rule::All]).unwrap();
    let application = |name, rule| Change {
        group: &["Application"],
        element: Element::Policy(name, implicit(rule)),
        administrator: ADMIN_OF_A,
    };
    match rng.u8(..5) {
        0 => Change {
            group: &["Orderer"],
            element: Element::Value("BatchSize", batch_size(rng.u32(1..1000))),
            administrator: ORDERER_ADMIN,
        },
        1 => {
            let role = rng.choice(&["OR('AMSP.peer')", "OR('AMSP.member')", "OR('AMSP.peer','AMSP.client')"]);
            Change {
                group: &["Application", "AMSP"],
                element: Element::Policy("Endorsement", signature(role.unwrap())),
                administrator: ADMIN_OF_A,
            }
        }
        2 => application("Endorsement", rule),
        3 => application("LifecycleEndorsement", if rule == Rule::All { Rule::Any } else { rule }),
        _ => Change {
            group: &["Application", "BMSP"],
            element: Element::Policy("Endorsement", signature("OR('BMSP.peer','BMSP.admin')")),
            administrator: ADMIN_OF_B,
        },
    }
}

impl Change {
    /// The envelope of the config transaction that `orderer` makes of this change; `crypto` has the keys.
    pub fn transaction(
        &self,
        bundle: &Bundle,
        crypto: &Path,
        orderer: &SigningIdentity,
        rng: &mut Rng,
    ) -> Bytes {
        let proposed = bundle.propose_update(&self.update(bundle, crypto)).unwrap();
        let channel = bundle.channel_id();
        envelope(HeaderType::Config, channel, orderer, proposed.envelope, rng).encode_to_vec().into()
    }

    fn update(&self, bundle: &Bundle, crypto: &Path) -> Envelope {
        let config = Config::decode(bundle.config().clone()).unwrap();
        let root = config.channel_group.unwrap();
        let update = ConfigUpdate {
            channel_id: bundle.channel_id().to_owned(),
            read_set: Some(self.set(&root, self.group, false)),
            write_set: Some(self.set(&root, self.group, true)),
            ..Default::default()
        };
        let (folder, mspid) = self.administrator;
        let admin = SigningIdentity::from_msp_dir(&crypto.join(folder).join("msp"), mspid).unwrap();
        let update: Bytes = update.encode_to_vec().into();
        let header = SignatureHeader { creator: admin.serialized(), nonce: Bytes::from_static(b"config") };
        let signature_header: Bytes = header.encode_to_vec().into();
        let signature = admin.sign(&[signature_header.as_ref(), update.as_ref()].concat()).unwrap().into();
        let update = ConfigUpdateEnvelope {
            config_update: update,
            signatures: vec![ConfigSignature { signature_header, signature }],
        };
        let (channel, update) = (bundle.channel_id(), update.encode_to_vec().into());
        envelope(HeaderType::ConfigUpdate, channel, &admin, update, &mut Rng::with_seed(0))
    }

    /// The groups on the way to the element, as they are, and the changed element if `is_write_set`.
    fn set(&self, group: &ConfigGroup, path: &[&str], is_write_set: bool) -> ConfigGroup {
        let mut set = ConfigGroup {
            version: group.version,
            mod_policy: group.mod_policy.clone(),
            ..Default::default()
        };
        match (path, &self.element) {
            ([next, rest @ ..], _) => {
                let inner = self.set(&group.groups[*next], rest, is_write_set);
                set.groups = BTreeMap::from([((*next).to_owned(), inner)]);
            }
            ([], Element::Value(name, value)) if is_write_set => {
                let old = &group.values[*name];
                let new =
                    ConfigValue { version: old.version + 1, value: value.clone().into(), ..old.clone() };
                set.values = BTreeMap::from([((*name).to_owned(), new)]);
            }
            ([], Element::Policy(name, policy)) if is_write_set => {
                let old = &group.policies[*name];
                let new =
                    ConfigPolicy { version: old.version + 1, policy: Some(policy.clone()), ..old.clone() };
                set.policies = BTreeMap::from([((*name).to_owned(), new)]);
            }
            _ => {}
        }
        set
    }
}

fn envelope(
    kind: HeaderType,
    channel: &str,
    signer: &SigningIdentity,
    data: Bytes,
    rng: &mut Rng,
) -> Envelope {
    let nonce = Bytes::copy_from_slice(&rng.u128(..).to_be_bytes());
    let channel_header = ChannelHeader {
        r#type: kind as i32,
        channel_id: channel.to_owned(),
        tx_id: txid::compute(&nonce, &signer.serialized()),
        ..Default::default()
    };
    let signature_header = SignatureHeader { creator: signer.serialized(), nonce };
    let header = Header {
        channel_header: channel_header.encode_to_vec().into(),
        signature_header: signature_header.encode_to_vec().into(),
    };
    let payload: Bytes = Payload { header: Some(header), data }.encode_to_vec().into();
    let signature = signer.sign(&payload).unwrap().into();
    Envelope { payload, signature }
}

fn batch_size(count: u32) -> Vec<u8> {
    let size =
        BatchSize { max_message_count: count, absolute_max_bytes: 10 << 20, preferred_max_bytes: 2 << 20 };
    size.encode_to_vec()
}

fn implicit(rule: Rule) -> Policy {
    let policy = ImplicitMetaPolicy { sub_policy: "Endorsement".to_owned(), rule: rule as i32 };
    Policy { r#type: PolicyType::ImplicitMeta as i32, value: policy.encode_to_vec().into() }
}

fn signature(text: &str) -> Policy {
    let policy = parse(text).unwrap();
    Policy { r#type: PolicyType::Signature as i32, value: policy.encode_to_vec().into() }
}
