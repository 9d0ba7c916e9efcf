//! Chaincode definitions as of one state, each read once.
//!
//! Chaincodes of the lifecycle before 2.0 (namespace `lscc`) do not exist here: a channel that could hold
//! them is refused for its capabilities.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use bytes::Bytes;
use ledger::{DefinitionError, DefinitionState, View};
use lifecycle::{ChaincodeDefinition, NAMESPACE, ReadState, read_definition};

/// Looks up a key of namespace `_lifecycle`.
pub(crate) type StateReader<'a> = dyn Fn(&str) -> Result<Option<Bytes>, DefinitionError> + 'a;

pub(crate) struct Definitions<'a> {
    state: Box<StateReader<'a>>,
    known: RefCell<HashMap<String, Option<Rc<ChaincodeDefinition>>>>,
}

impl<'a> Definitions<'a> {
    pub fn new(state: Box<StateReader<'a>>) -> Self {
        Self { state, known: RefCell::default() }
    }

    /// As of a block of the ledger.
    pub fn committed(view: &'a View<'a>) -> Self {
        Self::new(Box::new(move |key| DefinitionState(view).get(key)))
    }

    /// `None` if there is no such chaincode; an error if a peer that comes upon it stops.
    pub fn get(&self, chaincode: &str) -> Result<Option<Rc<ChaincodeDefinition>>, DefinitionError> {
        if chaincode == NAMESPACE {
            return Ok(Some(Rc::default()));
        }
        if let Some(known) = self.known.borrow().get(chaincode) {
            return Ok(known.clone());
        }
        let definition = read_definition(chaincode, &mut &self.state)?.map(Rc::new);
        self.known.borrow_mut().insert(chaincode.to_owned(), definition.clone());
        Ok(definition)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use fabric::proto::{
        lifecycle::{ChaincodeValidationInfo, StateData, StateMetadata, state_data},
        protos::{
            CollectionConfig, CollectionConfigPackage, StaticCollectionConfig,
            collection_config::Payload as CollectionPayload,
        },
    };
    use prost::Message;

    use super::*;

    const DEFINITION_TYPE: &str = "ChaincodeDefinition";

    fn state(records: &[(&str, Vec<u8>)]) -> Definitions<'static> {
        let records: BTreeMap<String, Bytes> =
            records.iter().map(|(key, value)| ((*key).to_owned(), value.clone().into())).collect();
        Definitions::new(Box::new(move |key| Ok(records.get(key).cloned())))
    }

    fn metadata(datatype: &str) -> (&'static str, Vec<u8>) {
        let metadata = StateMetadata { datatype: datatype.to_owned(), fields: Vec::new() };
        ("namespaces/metadata/cc", metadata.encode_to_vec())
    }

    fn bytes(content: &impl Message) -> Vec<u8> {
        StateData { r#type: Some(state_data::Type::Bytes(content.encode_to_vec().into())) }.encode_to_vec()
    }

    #[test]
    fn reads_a_definition_field_by_field() {
        let collections = CollectionConfigPackage {
            config: vec![
                CollectionConfig { payload: None },
                CollectionConfig {
                    payload: Some(CollectionPayload::StaticCollectionConfig(StaticCollectionConfig {
                        name: "plain".to_owned(),
                        ..Default::default()
                    })),
                },
            ],
        };
        let validation = ChaincodeValidationInfo {
            validation_plugin: "vscc".to_owned(),
            validation_parameter: Bytes::from_static(b"policy"),
        };
        let definitions = state(&[
            metadata(DEFINITION_TYPE),
            ("namespaces/fields/cc/ValidationInfo", bytes(&validation)),
            ("namespaces/fields/cc/Collections", bytes(&collections)),
        ]);
        let definition = definitions.get("cc").unwrap().unwrap();
        assert_eq!(definition.parameters.validation, validation);
        assert!(definition.parameters.collection("plain").is_some());
        assert!(definition.parameters.collection("").is_none());
        assert!(definitions.get("other").unwrap().is_none());
    }

    #[test]
    fn lifecycle_itself_is_always_defined() {
        assert_eq!(*state(&[]).get(NAMESPACE).unwrap().unwrap(), ChaincodeDefinition::default());
    }

    #[test]
    fn refuses_what_a_peer_cannot_read() {
        let number = StateData { r#type: Some(state_data::Type::Int64(1)) }.encode_to_vec();
        let text = StateData { r#type: Some(state_data::Type::String("1".to_owned())) }.encode_to_vec();
        for records in [
            vec![("namespaces/metadata/cc", vec![0x0a, 9])],
            vec![metadata("ChaincodeParameters")],
            vec![metadata(DEFINITION_TYPE), ("namespaces/fields/cc/Sequence", text)],
            vec![metadata(DEFINITION_TYPE), ("namespaces/fields/cc/ValidationInfo", number)],
            vec![metadata(DEFINITION_TYPE), ("namespaces/fields/cc/Collections", vec![0x12, 2, 0x0a, 9])],
        ] {
            assert!(state(&records).get("cc").is_err(), "{records:?}");
        }
    }
}
