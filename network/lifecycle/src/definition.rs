//! Chaincode definitions as the channel agreed on them, and the parameters that organisations approve.

use fabric::proto::{
    lifecycle::{ChaincodeEndorsementInfo, ChaincodeValidationInfo, state_data::Type},
    protos::{CollectionConfigPackage, StaticCollectionConfig, collection_config::Payload},
};

use super::{
    records::{self, Record, message, read_int64, read_message},
    state::{ReadState, StateError},
};

/// Prefix of records about chaincodes.
pub const NAMESPACES: &str = "namespaces";
/// Prefix of records about where an organisation has a chaincode's package.
pub const CHAINCODE_SOURCES: &str = "chaincode-sources";

const DEFINITION: &str = "ChaincodeDefinition";
const PARAMETERS: &str = "ChaincodeParameters";
const LOCAL_PACKAGE: &str = "ChaincodeLocalPackage";
const SEQUENCE: &str = "Sequence";
const ENDORSEMENT_INFO: &str = "EndorsementInfo";
const VALIDATION_INFO: &str = "ValidationInfo";
const COLLECTIONS: &str = "Collections";
const PACKAGE_ID: &str = "PackageID";

/// What a channel agreed on for one chaincode.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChaincodeDefinition {
    /// Counts the definitions of this chaincode, from 1.
    pub sequence: i64,
    pub parameters: ChaincodeParameters,
}

/// The part of a definition that each organisation approves for itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChaincodeParameters {
    pub endorsement: ChaincodeEndorsementInfo,
    pub validation: ChaincodeValidationInfo,
    pub collections: CollectionConfigPackage,
}

impl ChaincodeDefinition {
    pub fn record(&self) -> Record {
        let mut fields = vec![(SEQUENCE, Type::Int64(self.sequence))];
        fields.extend(self.parameters.fields());
        Record { datatype: DEFINITION, fields }
    }

    /// Under which name organisations keep their approval of this definition.
    pub fn private_name(&self, chaincode: &str) -> String {
        private_name(chaincode, self.sequence)
    }
}

impl ChaincodeParameters {
    pub fn record(&self) -> Record {
        Record { datatype: PARAMETERS, fields: self.fields() }
    }

    /// The collection of this name, unless it is an implicit one.
    pub fn collection(&self, name: &str) -> Option<&StaticCollectionConfig> {
        self.collections.config.iter().find_map(|config| match &config.payload {
            Some(Payload::StaticCollectionConfig(collection)) if collection.name == name => Some(collection),
            _ => None,
        })
    }

    fn fields(&self) -> Vec<(&'static str, Type)> {
        vec![
            (ENDORSEMENT_INFO, message(&self.endorsement)),
            (VALIDATION_INFO, message(&self.validation)),
            (COLLECTIONS, message(&self.collections)),
        ]
    }

    /// Says in which way `other` departs from this; `None` if it does not.
    pub fn difference(&self, other: &Self) -> Option<String> {
        let (endorsement, passed) = (&self.endorsement, &other.endorsement);
        if endorsement.version != passed.version {
            return Some(expected("Version", &endorsement.version, &passed.version));
        }
        if endorsement.endorsement_plugin != passed.endorsement_plugin {
            let (ours, theirs) = (&endorsement.endorsement_plugin, &passed.endorsement_plugin);
            return Some(expected("EndorsementPlugin", ours, theirs));
        }
        if endorsement.init_required != passed.init_required {
            let (ours, theirs) = (endorsement.init_required.to_string(), passed.init_required.to_string());
            return Some(expected("InitRequired", &ours, &theirs));
        }
        let (validation, passed) = (&self.validation, &other.validation);
        if validation.validation_plugin != passed.validation_plugin {
            let (ours, theirs) = (&validation.validation_plugin, &passed.validation_plugin);
            return Some(expected("ValidationPlugin", ours, theirs));
        }
        if validation.validation_parameter != passed.validation_parameter {
            let (ours, theirs) = (&validation.validation_parameter, &passed.validation_parameter);
            return Some(expected("ValidationParameter", &hex::encode(ours), &hex::encode(theirs)));
        }
        (self.collections != other.collections).then(|| "Collections do not match".to_owned())
    }
}

fn expected(what: &str, expected: &str, passed: &str) -> String {
    format!("expected {what} '{expected}' does not match passed {what} '{passed}'")
}

pub fn private_name(chaincode: &str, sequence: i64) -> String {
    format!("{chaincode}#{sequence}")
}

/// The record that says which package an organisation runs a chaincode from; an empty id is none.
pub fn local_package_record(package_id: &str) -> Record {
    Record { datatype: LOCAL_PACKAGE, fields: vec![(PACKAGE_ID, Type::String(package_id.to_owned()))] }
}

/// The key of the package id in [`local_package_record`].
pub fn package_id_key(private_name: &str) -> String {
    records::field_key(CHAINCODE_SOURCES, private_name, PACKAGE_ID)
}

/// The key of the collections in a definition.
pub fn collections_key(chaincode: &str) -> String {
    records::field_key(NAMESPACES, chaincode, COLLECTIONS)
}

/// The chaincode whose definition a write to this key of `_lifecycle` changes.
pub fn redefined_chaincode(key: &str) -> Option<&str> {
    let (chaincode, field) = records::field_of(NAMESPACES, key)?;
    (field == SEQUENCE && !chaincode.is_empty() && !chaincode.contains('/')).then_some(chaincode)
}

/// The chaincode that a record under this key of `_lifecycle` is about.
pub fn described_chaincode(key: &str) -> Option<&str> {
    let field = records::field_of(NAMESPACES, key).map(|(chaincode, _)| chaincode);
    field.or_else(|| key.strip_prefix(&records::metadata_prefix(NAMESPACES)))
}

/// The sequence of the committed definition; zero if there is none.
pub fn read_sequence<S: ReadState>(chaincode: &str, state: &mut S) -> Result<i64, StateError<S::Error>> {
    read_int64(NAMESPACES, chaincode, SEQUENCE, state)
}

/// The committed definition, if the chaincode is defined.
pub fn read_definition<S: ReadState>(
    chaincode: &str,
    state: &mut S,
) -> Result<Option<ChaincodeDefinition>, StateError<S::Error>> {
    if !is_defined(chaincode, state)? {
        return Ok(None);
    }
    let definition = ChaincodeDefinition {
        sequence: read_sequence(chaincode, state)?,
        parameters: read_fields(chaincode, state)?,
    };
    Ok(Some(definition))
}

/// The collections of the committed definition, if the chaincode is defined; nothing else of it is read.
pub fn read_collections<S: ReadState>(
    chaincode: &str,
    state: &mut S,
) -> Result<Option<CollectionConfigPackage>, StateError<S::Error>> {
    if !is_defined(chaincode, state)? {
        return Ok(None);
    }
    read_message(NAMESPACES, chaincode, COLLECTIONS, state).map(Some)
}

fn is_defined<S: ReadState>(chaincode: &str, state: &mut S) -> Result<bool, StateError<S::Error>> {
    let metadata = records::read_metadata(NAMESPACES, chaincode, state).map_err(|error| {
        error.context(format!("could not deserialize metadata for chaincode {chaincode}"))
    })?;
    match metadata {
        Some(metadata) if metadata.datatype != DEFINITION => {
            Err(StateError::Failed(format!("not a chaincode type: {}", metadata.datatype)))
        }
        metadata => Ok(metadata.is_some()),
    }
}

/// What this organisation approved under `private_name`, if anything.
pub fn read_parameters<S: ReadState>(
    private_name: &str,
    state: &mut S,
) -> Result<Option<ChaincodeParameters>, StateError<S::Error>> {
    let Some(metadata) = records::read_metadata(NAMESPACES, private_name, state)? else { return Ok(None) };
    if metadata.datatype != PARAMETERS {
        return Err(StateError::Failed(format!(
            "type name mismatch '{PARAMETERS}' != '{}'",
            metadata.datatype
        )));
    }
    read_fields(private_name, state).map(Some)
}

/// The package id approved under `private_name`, if there is a record of one.
pub fn read_package_id<S: ReadState>(
    private_name: &str,
    state: &mut S,
) -> Result<Option<String>, StateError<S::Error>> {
    let Some(metadata) = records::read_metadata(CHAINCODE_SOURCES, private_name, state)? else {
        return Ok(None);
    };
    if metadata.datatype != LOCAL_PACKAGE {
        return Err(StateError::Failed(format!(
            "type name mismatch '{LOCAL_PACKAGE}' != '{}'",
            metadata.datatype
        )));
    }
    records::read_string(CHAINCODE_SOURCES, private_name, PACKAGE_ID, state).map(Some)
}

fn read_fields<S: ReadState>(name: &str, state: &mut S) -> Result<ChaincodeParameters, StateError<S::Error>> {
    Ok(ChaincodeParameters {
        endorsement: read_message(NAMESPACES, name, ENDORSEMENT_INFO, state)?,
        validation: read_message(NAMESPACES, name, VALIDATION_INFO, state)?,
        collections: read_message(NAMESPACES, name, COLLECTIONS, state)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

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
