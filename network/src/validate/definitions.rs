//! Chaincode definitions, as they stand in the state of `_lifecycle`.
//!
//! Source: `core/chaincode/lifecycle/{serializer,lifecycle,deployedcc_infoprovider}.go`. A definition is
//! one record that says it is one and one record for each field. An absent field is an empty one.
//!
//! Chaincodes of the lifecycle before 2.0 (namespace `lscc`) do not exist here: a channel that could hold
//! them is refused for its capabilities.

use std::{cell::RefCell, collections::HashMap, rc::Rc};

use bytes::Bytes;
use fabric::{
    proto::{
        lifecycle::{ChaincodeValidationInfo, StateData, StateMetadata, state_data},
        protos::{
            CollectionConfigPackage, StaticCollectionConfig, collection_config::Payload as CollectionPayload,
        },
    },
    types::decode,
};
use prost::{Message, Name};

use crate::ledger::{LedgerError, View};

/// The namespace of the system chaincode that keeps the definitions.
pub(crate) const LIFECYCLE: &str = "_lifecycle";
const IMPLICIT_PREFIX: &str = "_implicit_org_";
const DEFINITION_TYPE: &str = "ChaincodeDefinition";

/// What validation needs of a chaincode's definition.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Definition {
    /// The plugin, and an `ApplicationPolicy`.
    pub validation: ChaincodeValidationInfo,
    pub collections: CollectionConfigPackage,
}

/// Why a definition cannot be read; a peer that comes upon one stops.
#[derive(Debug, thiserror::Error)]
pub enum DefinitionError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the definition of chaincode '{chaincode}' cannot be read: {reason}")]
    Unreadable { chaincode: String, reason: String },
}

/// Looks up a key of namespace `_lifecycle`.
pub(crate) type StateReader<'a> = dyn Fn(&str) -> Result<Option<Bytes>, LedgerError> + 'a;

/// Definitions as of one state, each read once.
pub(crate) struct Definitions<'a> {
    state: Box<StateReader<'a>>,
    known: RefCell<HashMap<String, Option<Rc<Definition>>>>,
}

impl<'a> Definitions<'a> {
    pub fn new(state: Box<StateReader<'a>>) -> Self {
        Self { state, known: RefCell::default() }
    }

    /// As of a block of the ledger.
    pub fn committed(view: &'a View<'a>) -> Self {
        Self::new(Box::new(|key| Ok(view.get(LIFECYCLE, key)?.map(|state| state.value))))
    }

    /// `None` if there is no such chaincode.
    pub fn get(&self, chaincode: &str) -> Result<Option<Rc<Definition>>, DefinitionError> {
        if let Some(known) = self.known.borrow().get(chaincode) {
            return Ok(known.clone());
        }
        let definition = Fields { state: &self.state, chaincode }.definition()?.map(Rc::new);
        self.known.borrow_mut().insert(chaincode.to_owned(), definition.clone());
        Ok(definition)
    }
}

impl Definition {
    /// The collection of this name, unless it is an implicit one.
    pub fn collection(&self, name: &str) -> Option<&StaticCollectionConfig> {
        self.collections.config.iter().find_map(|config| match &config.payload {
            Some(CollectionPayload::StaticCollectionConfig(collection)) if collection.name == name => {
                Some(collection)
            }
            _ => None,
        })
    }
}

/// The MSP whose members keep this collection, if it is one that nobody needs to define.
pub(crate) fn implicit_collection_msp(collection: &str) -> Option<&str> {
    collection.strip_prefix(IMPLICIT_PREFIX)
}

/// The chaincode whose definition a write to this key of `_lifecycle` changes.
pub(crate) fn redefined_chaincode(key: &str) -> Option<&str> {
    let chaincode = key.strip_prefix("namespaces/fields/")?.strip_suffix("/Sequence")?;
    (!chaincode.is_empty() && !chaincode.contains('/')).then_some(chaincode)
}

/// The chaincode that a record under this key of `_lifecycle` is about.
pub(crate) fn described_chaincode(key: &str) -> Option<&str> {
    let field = key.strip_prefix("namespaces/fields/").and_then(|rest| rest.rsplit_once('/'));
    field.map(|(chaincode, _)| chaincode).or_else(|| key.strip_prefix("namespaces/metadata/"))
}

/// The records of one chaincode's definition.
struct Fields<'a> {
    state: &'a StateReader<'a>,
    chaincode: &'a str,
}

impl Fields<'_> {
    fn definition(&self) -> Result<Option<Definition>, DefinitionError> {
        if self.chaincode == LIFECYCLE {
            return Ok(Some(Definition::default()));
        }
        let Some(metadata) = (self.state)(&format!("namespaces/metadata/{}", self.chaincode))? else {
            return Ok(None);
        };
        let metadata: StateMetadata = self.decode("metadata", metadata)?;
        if metadata.datatype != DEFINITION_TYPE {
            return Err(self.unreadable(format!("it is a '{}'", metadata.datatype)));
        }
        self.sequence()?;
        self.message::<fabric::proto::lifecycle::ChaincodeEndorsementInfo>("EndorsementInfo")?;
        Ok(Some(Definition {
            validation: self.message("ValidationInfo")?,
            collections: self.message("Collections")?,
        }))
    }

    /// Read only to find out whether it can be, as all fields are.
    fn sequence(&self) -> Result<(), DefinitionError> {
        match self.field("Sequence")? {
            None | Some(state_data::Type::Int64(_)) => Ok(()),
            Some(_) => Err(self.unreadable("field Sequence is no number".to_owned())),
        }
    }

    fn message<M: Message + Default + Name>(&self, field: &str) -> Result<M, DefinitionError> {
        match self.field(field)? {
            None => Ok(M::default()),
            Some(state_data::Type::Bytes(bytes)) => self.decode(field, bytes),
            Some(_) => Err(self.unreadable(format!("field {field} is no bytes"))),
        }
    }

    fn field(&self, field: &str) -> Result<Option<state_data::Type>, DefinitionError> {
        let key = format!("namespaces/fields/{}/{field}", self.chaincode);
        let data: StateData = self.decode(field, (self.state)(&key)?.unwrap_or_default())?;
        Ok(data.r#type)
    }

    fn decode<M: Message + Default + Name>(&self, what: &str, bytes: Bytes) -> Result<M, DefinitionError> {
        decode(bytes).map_err(|error| self.unreadable(format!("{what}: {error}")))
    }

    fn unreadable(&self, reason: String) -> DefinitionError {
        DefinitionError::Unreadable { chaincode: self.chaincode.to_owned(), reason }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeMap;

    use fabric::proto::protos::CollectionConfig;

    use super::*;

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
        assert_eq!(definition.validation, validation);
        assert!(definition.collection("plain").is_some());
        assert!(definition.collection("").is_none());
        assert!(definitions.get("other").unwrap().is_none());
    }

    #[test]
    fn lifecycle_itself_is_always_defined() {
        assert_eq!(*state(&[]).get(LIFECYCLE).unwrap().unwrap(), Definition::default());
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

    #[test]
    fn knows_the_keys_that_redefine_a_chaincode() {
        assert_eq!(redefined_chaincode("namespaces/fields/cc/Sequence"), Some("cc"));
        assert_eq!(redefined_chaincode("namespaces/fields//Sequence"), None);
        assert_eq!(redefined_chaincode("namespaces/fields/a/b/Sequence"), None);
        assert_eq!(redefined_chaincode("namespaces/fields/cc/Collections"), None);
        assert_eq!(redefined_chaincode("chaincode-sources/fields/cc/Sequence"), None);
        assert_eq!(described_chaincode("namespaces/fields/a/b/Sequence"), Some("a/b"));
        assert_eq!(described_chaincode("namespaces/metadata/a/b"), Some("a/b"));
        assert_eq!(described_chaincode("chaincode-sources/metadata/a"), None);
    }
}
