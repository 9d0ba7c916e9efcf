//! Chaincode definitions, as commits of `_lifecycle` write them.

use channel::policy::parse;
use fabric::proto::{
    kvrwset::KvWrite,
    lifecycle::{ChaincodeEndorsementInfo, ChaincodeValidationInfo, StateData, StateMetadata, state_data},
    protos::{
        ApplicationPolicy, CollectionConfig, CollectionConfigPackage, CollectionPolicyConfig,
        StaticCollectionConfig, application_policy, collection_config::Payload as Collection,
        collection_policy_config::Payload as Members,
    },
};
use prost::Message;

use crate::write;

pub const LIFECYCLE: &str = "_lifecycle";

/// What `_lifecycle` keeps of a chaincode.
pub struct Definition {
    pub sequence: i64,
    pub endorsement: ChaincodeEndorsementInfo,
    pub validation: ChaincodeValidationInfo,
    pub collections: Vec<StaticCollectionConfig>,
}

impl Definition {
    /// The writes in [`LIFECYCLE`] that define the chaincode of this name.
    pub fn writes(self, chaincode: &str) -> Vec<KvWrite> {
        let config = |it| CollectionConfig { payload: Some(Collection::StaticCollectionConfig(it)) };
        let collections =
            CollectionConfigPackage { config: self.collections.into_iter().map(config).collect() };
        let fields = [
            ("Sequence", StateData { r#type: Some(state_data::Type::Int64(self.sequence)) }.encode_to_vec()),
            ("EndorsementInfo", state_bytes(&self.endorsement)),
            ("ValidationInfo", state_bytes(&self.validation)),
            ("Collections", state_bytes(&collections)),
        ];
        let metadata = StateMetadata {
            datatype: "ChaincodeDefinition".to_owned(),
            fields: fields.iter().map(|(name, _)| (*name).to_owned()).collect(),
        };
        let fields = fields
            .into_iter()
            .map(|(field, value)| write(&format!("namespaces/fields/{chaincode}/{field}"), value));
        let metadata = write(&format!("namespaces/metadata/{chaincode}"), metadata.encode_to_vec());
        fields.chain([metadata]).collect()
    }
}

/// What a definition says about validation by the plugin that peers come with; `policy` as
/// [`application_policy()`] takes it.
pub fn built_in_validation(policy: &str) -> ChaincodeValidationInfo {
    ChaincodeValidationInfo {
        validation_plugin: "vscc".to_owned(),
        validation_parameter: application_policy(policy).encode_to_vec().into(),
    }
}

/// A policy's text, or the name of a policy of the channel where it begins with a slash.
pub fn application_policy(text: &str) -> ApplicationPolicy {
    let policy = match text.starts_with('/') {
        true => application_policy::Type::ChannelConfigPolicyReference(text.to_owned()),
        false => application_policy::Type::SignaturePolicy(parse(text).unwrap()),
    };
    ApplicationPolicy { r#type: Some(policy) }
}

/// A collection of the organisations that `members` names.
pub fn collection(name: &str, members: &str) -> StaticCollectionConfig {
    let members = Some(Members::SignaturePolicy(parse(members).unwrap()));
    StaticCollectionConfig {
        name: name.to_owned(),
        member_orgs_policy: Some(CollectionPolicyConfig { payload: members }),
        ..Default::default()
    }
}

fn state_bytes(content: &impl Message) -> Vec<u8> {
    StateData { r#type: Some(state_data::Type::Bytes(content.encode_to_vec().into())) }.encode_to_vec()
}
