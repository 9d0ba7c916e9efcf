//! Chaincodes with policies and collections of every kind, and the transactions that define them.

use bytes::Bytes;
use channel::policy::parse;
use fabric::proto::{
    kvrwset::KvWrite,
    lifecycle::{ChaincodeEndorsementInfo, ChaincodeValidationInfo, StateData, StateMetadata, state_data},
    protos::{
        ApplicationPolicy, CollectionConfig, CollectionConfigPackage, CollectionPolicyConfig,
        StaticCollectionConfig, application_policy, collection_config::Payload as CollectionPayload,
        collection_policy_config::Payload as Members,
    },
};
use prost::Message;

pub const LIFECYCLE: &str = "_lifecycle";

/// A chaincode: its name, its policies (one is taken at each definition), its collections.
pub struct Chaincode {
    pub name: &'static str,
    /// Policy texts, or names of policies of the channel where they begin with a slash.
    pub policies: &'static [&'static str],
    pub collections: &'static [Collection],
    pub init_required: bool,
}

/// A collection: its name, its own endorsement policy if it has one, and the blocks its data live.
pub type Collection = (&'static str, Option<&'static str>, u64);

const fn plain(name: &'static str, policies: &'static [&'static str]) -> Chaincode {
    Chaincode { name, policies, collections: &[], init_required: false }
}

pub const CHAINCODES: [Chaincode; 11] = [
    plain(
        "orcc",
        &["OR('AMSP.peer','BMSP.peer','CMSP.member')", "OR('AMSP.member','BMSP.member','CMSP.member')"],
    ),
    plain("andcc", &["AND('AMSP.peer','BMSP.peer')"]),
    plain(
        "twocc",
        &["OutOf(2,'AMSP.member','BMSP.member','CMSP.member')", "/Channel/Application/Endorsement"],
    ),
    plain("defcc", &["/Channel/Application/Endorsement"]),
    plain(
        "refcc",
        &[
            "/Channel/Application/Writers",
            "/Channel/Application/AMSP/Endorsement",
            "/Channel/Application/Admins",
        ],
    ),
    plain("rolecc", &["OR('AMSP.admin','BMSP.client')", "OR('BMSP.orderer','AMSP.client')"]),
    plain("greedycc", &["AND(OR('AMSP.member','BMSP.member'),'BMSP.member')"]),
    plain("nowhere", &["/Channel/Application/Nothing"]),
    plain("rangecc", &["OR('AMSP.member','BMSP.member','CMSP.member')"]),
    Chaincode {
        name: "pvtcc",
        policies: &["OR('AMSP.member','BMSP.member','CMSP.member')"],
        collections: &[
            ("open", None, 0),
            ("owned", Some("AND('AMSP.peer','BMSP.peer')"), 0),
            ("brief", None, 3),
            ("referred", Some("/Channel/Application/BMSP/Endorsement"), 0),
        ],
        init_required: false,
    },
    Chaincode {
        name: "initcc",
        policies: &["OR('AMSP.peer','BMSP.peer')"],
        collections: &[("open", None, 0)],
        init_required: true,
    },
];

impl Chaincode {
    /// The writes in `_lifecycle` that define the chaincode for the `sequence`th time.
    pub fn definition(&self, sequence: i64) -> Vec<KvWrite> {
        let policy = self.policies[(sequence as usize - 1) % self.policies.len()];
        self.definition_with_policy(sequence, application_policy(policy).encode_to_vec())
    }

    /// The same with another policy, an encoded `ApplicationPolicy`.
    pub fn definition_with_policy(&self, sequence: i64, policy: Vec<u8>) -> Vec<KvWrite> {
        let endorsement = ChaincodeEndorsementInfo {
            version: sequence.to_string(),
            init_required: self.init_required,
            endorsement_plugin: "escc".to_owned(),
        };
        let validation = ChaincodeValidationInfo {
            validation_plugin: "vscc".to_owned(),
            validation_parameter: policy.into(),
        };
        let collections =
            CollectionConfigPackage { config: self.collections.iter().map(collection).collect() };
        let fields = [
            ("Sequence", StateData { r#type: Some(state_data::Type::Int64(sequence)) }.encode_to_vec()),
            ("EndorsementInfo", state_bytes(&endorsement)),
            ("ValidationInfo", state_bytes(&validation)),
            ("Collections", state_bytes(&collections)),
        ];
        let metadata = StateMetadata {
            datatype: "ChaincodeDefinition".to_owned(),
            fields: fields.iter().map(|(name, _)| (*name).to_owned()).collect(),
        };
        let fields = fields
            .into_iter()
            .map(|(field, value)| write(&format!("namespaces/fields/{}/{field}", self.name), value));
        let metadata = write(&format!("namespaces/metadata/{}", self.name), metadata.encode_to_vec());
        fields.chain([metadata]).collect()
    }
}

pub fn write(key: &str, value: impl Into<Bytes>) -> KvWrite {
    KvWrite { key: key.to_owned(), is_delete: false, value: value.into() }
}

fn application_policy(text: &str) -> ApplicationPolicy {
    let policy = match text.starts_with('/') {
        true => application_policy::Type::ChannelConfigPolicyReference(text.to_owned()),
        false => application_policy::Type::SignaturePolicy(parse(text).unwrap()),
    };
    ApplicationPolicy { r#type: Some(policy) }
}

fn collection((name, policy, lives): &Collection) -> CollectionConfig {
    let members = parse("OR('AMSP.member','BMSP.member','CMSP.member')").unwrap();
    CollectionConfig {
        payload: Some(CollectionPayload::StaticCollectionConfig(StaticCollectionConfig {
            name: (*name).to_owned(),
            member_orgs_policy: Some(CollectionPolicyConfig {
                payload: Some(Members::SignaturePolicy(members)),
            }),
            block_to_live: *lives,
            endorsement_policy: policy.map(application_policy),
            ..Default::default()
        })),
    }
}

fn state_bytes(content: &impl Message) -> Vec<u8> {
    StateData { r#type: Some(state_data::Type::Bytes(content.encode_to_vec().into())) }.encode_to_vec()
}
