//! ApproveChaincodeDefinitionForMyOrg: what this organisation agrees to, kept in its implicit collection
//! (`core/chaincode/lifecycle/lifecycle.go`).

use fabric::proto::lifecycle::{
    ApproveChaincodeDefinitionForMyOrgArgs, ApproveChaincodeDefinitionForMyOrgResult, chaincode_source::Type,
};

use super::{
    DefinitionArgs, Invocation, LifecycleError,
    collection_rules::check_arguments,
    state::{OrgState, PublicState},
};
use crate::simulate::Simulator;
use lifecycle::{
    CHAINCODE_SOURCES, ChaincodeDefinition, NAMESPACES, implicit_collection, local_package_record,
    read_definition, read_package_id, read_parameters, read_sequence, records,
};

impl Invocation<'_, '_> {
    pub(super) fn approve(
        &mut self,
        input: ApproveChaincodeDefinitionForMyOrgArgs,
    ) -> Result<ApproveChaincodeDefinitionForMyOrgResult, LifecycleError> {
        let bundle = self.transaction.bundle;
        let collection = implicit_collection(self.msp_id());
        let simulator = self.simulator()?;
        check_arguments(&input.name, &input.version, input.collections.as_ref(), bundle, simulator)
            .map_err(|error| error.context("error validating chaincode definition"))?;
        let package_id = match input.source.and_then(|source| source.r#type) {
            Some(Type::LocalPackage(local)) => local.package_id,
            Some(Type::Unavailable(_)) | None => String::new(),
        };
        let args = DefinitionArgs {
            sequence: input.sequence,
            version: input.version,
            endorsement_plugin: input.endorsement_plugin,
            validation_plugin: input.validation_plugin,
            validation_parameter: input.validation_parameter,
            collections: input.collections,
            init_required: input.init_required,
        };

        let name = input.name.as_str();
        let current = current_sequence(name, simulator)?;
        check_sequence(args.sequence, current)?;
        let definition = args.definition(bundle)?;
        if definition.sequence == current {
            check_against_committed(name, &definition, simulator)?;
        }
        let private_name = definition.private_name(name);
        let mut own = OrgState { simulator, collection };
        if approves_the_same(&private_name, &definition, &package_id, &mut own)? {
            return Err(LifecycleError::failed(if definition.sequence == current {
                format!(
                    "attempted to redefine the current committed sequence ({current}) for namespace {name}"
                )
            } else {
                let sequence = definition.sequence;
                format!(
                    "attempted to redefine uncommitted sequence ({sequence}) for namespace {name} with unchanged content"
                )
            }));
        }
        records::write(NAMESPACES, &private_name, &definition.parameters.record(), &mut own)
            .map_err(|error| error.context("could not serialize chaincode parameters to state"))?;
        // An empty package id is written too: it says that this organisation does not run the chaincode.
        records::write(CHAINCODE_SOURCES, &private_name, &local_package_record(&package_id), &mut own)
            .map_err(|error| error.context("could not serialize chaincode package info to state"))?;
        Ok(ApproveChaincodeDefinitionForMyOrgResult {})
    }
}

pub(super) fn current_sequence(name: &str, simulator: &mut Simulator<'_>) -> Result<i64, LifecycleError> {
    let sequence = read_sequence(name, &mut PublicState(simulator));
    Ok(sequence.map_err(|error| error.context("could not get current sequence"))?)
}

/// Approved may be the definition in force or the next one.
fn check_sequence(requested: i64, current: i64) -> Result<(), LifecycleError> {
    let next = current.saturating_add(1);
    let refusal = if current == requested && requested == 0 {
        "requested sequence is 0, but first definable sequence number is 1".to_owned()
    } else if requested < current {
        format!("currently defined sequence {current} is larger than requested sequence {requested}")
    } else if requested > next {
        format!("requested sequence {requested} is larger than the next available sequence number {next}")
    } else {
        return Ok(());
    };
    Err(LifecycleError::Failed(refusal))
}

/// The definition in force can be approved late, but only as it is.
fn check_against_committed(
    name: &str,
    definition: &ChaincodeDefinition,
    simulator: &mut Simulator<'_>,
) -> Result<(), LifecycleError> {
    let current = definition.sequence;
    let committed = read_definition(name, &mut PublicState(simulator))?.ok_or_else(|| {
        LifecycleError::failed(format!(
            "missing metadata for currently committed sequence number ({current})"
        ))
    })?;
    match committed.parameters.difference(&definition.parameters) {
        None => Ok(()),
        Some(difference) => Err(LifecycleError::failed(format!(
            "attempted to redefine the current committed sequence ({current}) for namespace {name} with different \
             parameters: {difference}"
        ))),
    }
}

/// Whether this organisation has approved just this already, package included.
fn approves_the_same(
    private_name: &str,
    definition: &ChaincodeDefinition,
    package_id: &str,
    own: &mut OrgState<'_, '_>,
) -> Result<bool, LifecycleError> {
    let Some(approved) = read_parameters(private_name, own)? else { return Ok(false) };
    if approved.difference(&definition.parameters).is_some() {
        return Ok(false);
    }
    Ok(read_package_id(private_name, own)?.as_deref() == Some(package_id))
}
