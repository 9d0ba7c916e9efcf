//! CheckCommitReadiness and CommitChaincodeDefinition: who approves a definition, and putting it in force.
//!
//! Other organisations' approvals are known by their hashes only, which is enough to compare them with what
//! is to be committed.

use std::collections::BTreeMap;

use fabric::proto::lifecycle::{
    CheckCommitReadinessArgs, CheckCommitReadinessResult, CommitChaincodeDefinitionArgs,
    CommitChaincodeDefinitionResult, check_commit_readiness_result::Mismatches,
};

use super::{
    DefinitionArgs, Invocation, LifecycleError,
    approve::current_sequence,
    collection_rules::check_arguments,
    state::{OrgState, PublicState},
};
use lifecycle::{ChaincodeDefinition, NAMESPACES, implicit_collection, records};

/// For each organisation of the channel, by MSP id: in what its approval differs from a definition. Empty
/// for those that agree.
pub(super) type Approvals = BTreeMap<String, Vec<String>>;

impl Invocation<'_, '_> {
    pub(super) fn check_commit_readiness(
        &mut self,
        input: CheckCommitReadinessArgs,
    ) -> Result<CheckCommitReadinessResult, LifecycleError> {
        let args = DefinitionArgs {
            sequence: input.sequence,
            version: input.version,
            endorsement_plugin: input.endorsement_plugin,
            validation_plugin: input.validation_plugin,
            validation_parameter: input.validation_parameter,
            collections: input.collections,
            init_required: input.init_required,
        };
        let (_, approvals) = self.readiness(&input.name, args)?;
        let differing = approvals.iter().filter(|(_, items)| !items.is_empty());
        let mismatches = differing
            .map(|(organisation, items)| (organisation.clone(), Mismatches { items: items.clone() }));
        Ok(CheckCommitReadinessResult { mismatches: mismatches.collect(), approvals: verdicts(&approvals) })
    }

    pub(super) fn commit(
        &mut self,
        input: CommitChaincodeDefinitionArgs,
    ) -> Result<CommitChaincodeDefinitionResult, LifecycleError> {
        let bundle = self.transaction.bundle;
        let simulator = self.simulator()?;
        check_arguments(&input.name, &input.version, input.collections.as_ref(), bundle, simulator)
            .map_err(|error| error.context("error validating chaincode definition"))?;
        let own = self.msp_id();
        if bundle.application().and_then(|application| application.org_of_msp(own)).is_none() {
            return Err(LifecycleError::failed(
                "impossibly, this peer's org is processing requests for a channel it is not a member of",
            ));
        }
        let args = DefinitionArgs {
            sequence: input.sequence,
            version: input.version,
            endorsement_plugin: input.endorsement_plugin,
            validation_plugin: input.validation_plugin,
            validation_parameter: input.validation_parameter,
            collections: input.collections,
            init_required: input.init_required,
        };
        let (definition, approvals) = self.readiness(&input.name, args)?;
        records::write(NAMESPACES, &input.name, &definition.record(), &mut PublicState(self.simulator()?))
            .map_err(|error| error.context("could not serialize chaincode definition"))?;
        let own = self.msp_id();
        if approvals.get(own).is_none_or(|differing| !differing.is_empty()) {
            return Err(LifecycleError::failed(format!(
                "chaincode definition not agreed to by this org ({own})"
            )));
        }
        Ok(CommitChaincodeDefinitionResult {})
    }

    fn readiness(
        &mut self,
        name: &str,
        args: DefinitionArgs,
    ) -> Result<(ChaincodeDefinition, Approvals), LifecycleError> {
        let bundle = self.transaction.bundle;
        let next = current_sequence(name, self.simulator()?)?.saturating_add(1);
        if args.sequence != next {
            return Err(LifecycleError::failed(format!(
                "requested sequence is {}, but new definition must be sequence {next}",
                args.sequence
            )));
        }
        let definition = args.definition(bundle)?;
        let approvals = self.approvals(name, &definition)?;
        Ok((definition, approvals))
    }

    /// What the organisations of the channel think of a definition.
    pub(super) fn approvals(
        &mut self,
        name: &str,
        definition: &ChaincodeDefinition,
    ) -> Result<Approvals, LifecycleError> {
        let bundle = self.transaction.bundle;
        let private_name = definition.private_name(name);
        let record = definition.parameters.record();
        let mut approvals = Approvals::new();
        for organisation in bundle.application().into_iter().flat_map(|application| application.orgs.values())
        {
            let collection = implicit_collection(&organisation.msp_id);
            let mut theirs = OrgState { simulator: self.simulator()?, collection };
            let differing = records::mismatches(NAMESPACES, &private_name, &record, |key| theirs.hash(key))
                .map_err(|error| {
                error.context(format!("serialization check failed for key {private_name}"))
            })?;
            approvals.insert(organisation.msp_id.clone(), differing);
        }
        Ok(approvals)
    }
}

/// Who approves.
pub(super) fn verdicts(approvals: &Approvals) -> BTreeMap<String, bool> {
    approvals.iter().map(|(organisation, differing)| (organisation.clone(), differing.is_empty())).collect()
}
