//! Queries of definitions in force and of this organisation's approvals.

use fabric::proto::lifecycle::{
    ChaincodeSource, QueryApprovedChaincodeDefinitionArgs, QueryApprovedChaincodeDefinitionResult,
    QueryApprovedChaincodeDefinitionsArgs, QueryApprovedChaincodeDefinitionsResult,
    QueryChaincodeDefinitionArgs, QueryChaincodeDefinitionResult, QueryChaincodeDefinitionsArgs,
    QueryChaincodeDefinitionsResult,
    chaincode_source::{Local, Type, Unavailable},
    query_approved_chaincode_definitions_result::ApprovedChaincodeDefinition,
    query_chaincode_definitions_result::ChaincodeDefinition as DefinitionEntry,
};

use super::{
    Invocation, LifecycleError,
    approve::current_sequence,
    commit::verdicts,
    state::{OrgState, PublicState},
};
use lifecycle::{
    ChaincodeDefinition, ChaincodeParameters, NAMESPACES, implicit_collection, private_name, read_definition,
    read_package_id, read_parameters, records,
};

/// What this organisation approved.
struct Approved {
    parameters: ChaincodeParameters,
    source: ChaincodeSource,
}

impl<'v> Invocation<'_, 'v> {
    pub(super) fn query_definition(
        &mut self,
        input: QueryChaincodeDefinitionArgs,
    ) -> Result<QueryChaincodeDefinitionResult, LifecycleError> {
        let ChaincodeDefinition { sequence, parameters } = self.definition(&input.name)?;
        let definition = ChaincodeDefinition { sequence, parameters: parameters.clone() };
        let approvals = self.approvals(&input.name, &definition)?;
        let ChaincodeParameters { endorsement, validation, collections } = parameters;
        Ok(QueryChaincodeDefinitionResult {
            sequence,
            version: endorsement.version,
            endorsement_plugin: endorsement.endorsement_plugin,
            validation_plugin: validation.validation_plugin,
            validation_parameter: validation.validation_parameter,
            collections: Some(collections),
            init_required: endorsement.init_required,
            approvals: verdicts(&approvals),
        })
    }

    pub(super) fn query_definitions(
        &mut self,
        _: QueryChaincodeDefinitionsArgs,
    ) -> Result<QueryChaincodeDefinitionsResult, LifecycleError> {
        let prefix = records::metadata_prefix(NAMESPACES);
        let listed = PublicState(self.simulator()?).range(&prefix)?;
        let mut chaincode_definitions = Vec::with_capacity(listed.len());
        for entry in listed {
            let name = entry.key.strip_prefix(&prefix).unwrap_or_default().to_owned();
            let ChaincodeDefinition { sequence, parameters } = self.definition(&name)?;
            let ChaincodeParameters { endorsement, validation, collections } = parameters;
            chaincode_definitions.push(DefinitionEntry {
                name,
                sequence,
                version: endorsement.version,
                endorsement_plugin: endorsement.endorsement_plugin,
                validation_plugin: validation.validation_plugin,
                validation_parameter: validation.validation_parameter,
                collections: Some(collections),
                init_required: endorsement.init_required,
            });
        }
        Ok(QueryChaincodeDefinitionsResult { chaincode_definitions })
    }

    /// One approval; without a sequence number the newest.
    pub(super) fn query_approved(
        &mut self,
        input: QueryApprovedChaincodeDefinitionArgs,
    ) -> Result<QueryApprovedChaincodeDefinitionResult, LifecycleError> {
        let name = input.name.as_str();
        let sequence = if input.sequence == 0 { self.newest_approved(name)? } else { input.sequence };
        let channel = self.transaction.channel_id;
        let approved = self.approved(name, sequence)?.ok_or_else(|| {
            LifecycleError::failed(format!(
                "could not fetch approved chaincode definition (name: '{name}', sequence: '{sequence}') on channel \
                 '{channel}'"
            ))
        })?;
        let ChaincodeParameters { endorsement, validation, collections } = approved.parameters;
        Ok(QueryApprovedChaincodeDefinitionResult {
            sequence,
            version: endorsement.version,
            endorsement_plugin: endorsement.endorsement_plugin,
            validation_plugin: validation.validation_plugin,
            validation_parameter: validation.validation_parameter,
            collections: Some(collections),
            init_required: endorsement.init_required,
            source: Some(approved.source),
        })
    }

    pub(super) fn query_all_approved(
        &mut self,
        _: QueryApprovedChaincodeDefinitionsArgs,
    ) -> Result<QueryApprovedChaincodeDefinitionsResult, LifecycleError> {
        let prefix = records::metadata_prefix(NAMESPACES);
        let listed = self.own_state()?.range(&prefix)?;
        let mut found = Vec::with_capacity(listed.len());
        for entry in listed {
            let private = entry.key.strip_prefix(&prefix).unwrap_or_default();
            let (name, sequence) = split_private_name(private)?;
            if let Some(approved) = self.approved(name, sequence)? {
                found.push(entry_of(name.to_owned(), sequence, approved));
            }
        }
        Ok(QueryApprovedChaincodeDefinitionsResult { approved_chaincode_definitions: found })
    }

    fn definition(&mut self, name: &str) -> Result<ChaincodeDefinition, LifecycleError> {
        read_definition(name, &mut PublicState(self.simulator()?))?
            .ok_or_else(|| LifecycleError::NotDefined(name.to_owned()))
    }

    /// The sequence in force, or the next one if it is approved already.
    fn newest_approved(&mut self, name: &str) -> Result<i64, LifecycleError> {
        let current = current_sequence(name, self.simulator()?)?;
        let next = current.saturating_add(1);
        let approved = records::read_metadata(NAMESPACES, &private_name(name, next), &mut self.own_state()?)?;
        Ok(if approved.is_some() { next } else { current })
    }

    fn approved(&mut self, name: &str, sequence: i64) -> Result<Option<Approved>, LifecycleError> {
        let private = private_name(name, sequence);
        let mut own = self.own_state()?;
        let Some(parameters) = read_parameters(&private, &mut own)? else { return Ok(None) };
        let package_id = read_package_id(&private, &mut own)?.ok_or_else(|| {
            LifecycleError::failed(format!("could not fetch chaincode-source metadata for {private}"))
        })?;
        let source = if package_id.is_empty() {
            Type::Unavailable(Unavailable {})
        } else {
            Type::LocalPackage(Local { package_id })
        };
        Ok(Some(Approved { parameters, source: ChaincodeSource { r#type: Some(source) } }))
    }

    fn own_state(&mut self) -> Result<OrgState<'_, 'v>, LifecycleError> {
        let collection = implicit_collection(self.msp_id());
        Ok(OrgState { simulator: self.simulator()?, collection })
    }
}

fn entry_of(name: String, sequence: i64, approved: Approved) -> ApprovedChaincodeDefinition {
    let ChaincodeParameters { endorsement, validation, collections } = approved.parameters;
    ApprovedChaincodeDefinition {
        name,
        sequence,
        version: endorsement.version,
        endorsement_plugin: endorsement.endorsement_plugin,
        validation_plugin: validation.validation_plugin,
        validation_parameter: validation.validation_parameter,
        collections: Some(collections),
        init_required: endorsement.init_required,
        source: Some(approved.source),
    }
}

fn split_private_name(private: &str) -> Result<(&str, i64), LifecycleError> {
    let invalid = || {
        LifecycleError::failed(format!(
            "could not extract chaincode name and sequence number from metadata: {private}: invalid private name \
             format: {private}"
        ))
    };
    let (name, sequence) = private.split_once('#').ok_or_else(invalid)?;
    Ok((name, sequence.parse().map_err(|_| invalid())?))
}
