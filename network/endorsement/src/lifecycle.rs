//! `_lifecycle`: how organisations install, approve and commit chaincode definitions
//! (`core/chaincode/lifecycle/scc.go`).
//!
//! Every function takes its name and one encoded message, and answers with one. What it writes is ordinary
//! state, so every peer must write the same bytes.

mod approve;
mod collection_rules;
mod commit;
mod install;
mod query;
mod state;

use bytes::Bytes;
use channel::Bundle;
use fabric::{
    proto::{
        lifecycle::{ChaincodeEndorsementInfo, ChaincodeValidationInfo},
        protos::{ApplicationPolicy, CollectionConfigPackage, Response, application_policy::Type},
    },
    types::decode,
};
use prost::{Message, Name};

pub use state::PublicState;

pub use lifecycle::NAMESPACE;

use super::{
    Endorser, invoke::Transaction, packages::PackageError, rwset::sha256, simulate::Simulator, system,
};
use ledger::DefinitionError;
use lifecycle::{ChaincodeDefinition, ChaincodeParameters, check_peer_safe, local_package_record, records};

const DEFAULT_POLICY: &str = "/Channel/Application/Endorsement";

/// Why a function failed, in the words that reach the client.
#[derive(Debug, thiserror::Error)]
enum LifecycleError {
    #[error("namespace {0} is not defined")]
    NotDefined(String),
    #[error("{0}")]
    Failed(String),
}

impl LifecycleError {
    fn failed(text: impl Into<String>) -> Self {
        Self::Failed(text.into())
    }

    fn context(self, doing: impl std::fmt::Display) -> Self {
        match self {
            Self::NotDefined(name) => Self::NotDefined(name),
            Self::Failed(text) => Self::Failed(format!("{doing}: {text}")),
        }
    }
}

impl From<DefinitionError> for LifecycleError {
    fn from(error: DefinitionError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<PackageError> for LifecycleError {
    fn from(error: PackageError) -> Self {
        Self::Failed(error.to_string())
    }
}

/// One call of a function.
struct Invocation<'i, 'v> {
    endorser: &'i Endorser,
    transaction: &'i Transaction<'i>,
    /// `None` in a proposal without a channel.
    simulator: Option<&'i mut Simulator<'v>>,
}

/// Runs a function of `_lifecycle`.
pub fn invoke(
    endorser: &Endorser,
    transaction: &Transaction<'_>,
    simulator: Option<&mut Simulator<'_>>,
    args: &[Bytes],
) -> Response {
    let (function, input) = match args {
        [] => return system::error("lifecycle scc must be invoked with arguments"),
        [function, input] => (String::from_utf8_lossy(function), input.clone()),
        more => {
            return system::error(format!(
                "lifecycle scc operations require exactly two arguments but received {}",
                more.len()
            ));
        }
    };
    let (bundle, channel_id) = (transaction.bundle, transaction.channel_id);
    if !channel_id.is_empty() && !bundle.capabilities().v2_0_validation() {
        return system::error(format!(
            "cannot use new lifecycle for channel '{channel_id}' as it does not have the required capabilities enabled"
        ));
    }
    if let Err(denied) = endorser.check_access(transaction, &format!("{NAMESPACE}/{function}"), channel_id) {
        return system::error(format!("Failed to authorize invocation due to failed ACL check: {denied}"));
    }
    let mut invocation = Invocation { endorser, transaction, simulator };
    match invocation.dispatch(&function, input) {
        Ok(result) => system::success(result),
        Err(error @ LifecycleError::NotDefined(_)) => {
            Response { status: system::NOT_FOUND, message: error.to_string(), ..Response::default() }
        }
        Err(error) => {
            system::error(format!("failed to invoke backing implementation of '{function}': {error}"))
        }
    }
}

impl<'v> Invocation<'_, 'v> {
    fn dispatch(&mut self, function: &str, input: Bytes) -> Result<Bytes, LifecycleError> {
        match function {
            "InstallChaincode" => self.call(function, input, Self::install_chaincode),
            "QueryInstalledChaincode" => self.call(function, input, Self::query_installed_chaincode),
            "QueryInstalledChaincodes" => self.call(function, input, Self::query_installed_chaincodes),
            "GetInstalledChaincodePackage" => {
                self.call(function, input, Self::get_installed_chaincode_package)
            }
            "ApproveChaincodeDefinitionForMyOrg" => self.call(function, input, Self::approve),
            "QueryApprovedChaincodeDefinition" => self.call(function, input, Self::query_approved),
            "QueryApprovedChaincodeDefinitions" => self.call(function, input, Self::query_all_approved),
            "CheckCommitReadiness" => self.call(function, input, Self::check_commit_readiness),
            "CommitChaincodeDefinition" => self.call(function, input, Self::commit),
            "QueryChaincodeDefinition" => self.call(function, input, Self::query_definition),
            "QueryChaincodeDefinitions" => self.call(function, input, Self::query_definitions),
            _ => Err(LifecycleError::failed(format!(
                "receiver *lifecycle.Invocation.{function} does not exist"
            ))),
        }
    }

    /// Decodes the input, calls the function, encodes its result.
    fn call<I: Message + Default + Name, O: Message>(
        &mut self,
        name: &str,
        input: Bytes,
        function: impl FnOnce(&mut Self, I) -> Result<O, LifecycleError>,
    ) -> Result<Bytes, LifecycleError> {
        let input = decode(input).map_err(|error| {
            LifecycleError::failed(format!(
                "could not decode input arg for *lifecycle.Invocation.{name}: {error}"
            ))
        })?;
        Ok(function(self, input)?.encode_to_vec().into())
    }

    /// The simulation of the channel; there is none in a proposal without a channel.
    fn simulator(&mut self) -> Result<&mut Simulator<'v>, LifecycleError> {
        let channel = self.transaction.channel_id;
        let simulator = self.simulator.as_deref_mut();
        simulator.ok_or_else(|| {
            LifecycleError::failed(format!("could not get channelconfig for channel '{channel}'"))
        })
    }

    fn msp_id(&self) -> &str {
        self.endorser.setup.signer.mspid()
    }
}

/// The record that an organisation runs a chaincode from this package, hashed as the channel sees it.
pub fn local_package_hash(package_id: &str) -> Bytes {
    let record = local_package_record(package_id);
    let fields = record.fields.iter().map(|(_, value)| records::encode_field(value));
    fields.map(|field| sha256(&field)).next().unwrap_or_default()
}

/// The arguments that approval, readiness check and commit have in common.
struct DefinitionArgs {
    sequence: i64,
    version: String,
    endorsement_plugin: String,
    validation_plugin: String,
    validation_parameter: Bytes,
    collections: Option<CollectionConfigPackage>,
    init_required: bool,
}

impl DefinitionArgs {
    /// The definition, with what the client left out filled in.
    fn definition(self, bundle: &Bundle) -> Result<ChaincodeDefinition, LifecycleError> {
        let or_default =
            |given: String, default: &str| if given.is_empty() { default.to_owned() } else { given };
        let validation_parameter = if self.validation_parameter.is_empty() {
            default_policy(bundle).map_err(|error| {
                let channel = bundle.channel_id();
                error.context(format!("could not set defaults for chaincode definition in channel {channel}"))
            })?
        } else {
            self.validation_parameter
        };
        let parameters = ChaincodeParameters {
            endorsement: ChaincodeEndorsementInfo {
                version: self.version,
                init_required: self.init_required,
                endorsement_plugin: or_default(self.endorsement_plugin, "escc"),
            },
            validation: ChaincodeValidationInfo {
                validation_plugin: or_default(self.validation_plugin, "vscc"),
                validation_parameter,
            },
            collections: self.collections.unwrap_or_default(),
        };
        // Fabric approves these, and stops at the chaincode's first transaction.
        check_peer_safe(&parameters, bundle.policies())
            .map_err(|reason| LifecycleError::failed(format!("invalid definition: {reason}")))?;
        Ok(ChaincodeDefinition { sequence: self.sequence, parameters })
    }
}

fn default_policy(bundle: &Bundle) -> Result<Bytes, LifecycleError> {
    if bundle.policies().get(DEFAULT_POLICY).is_err() {
        return Err(LifecycleError::failed(format!(
            "policy '{DEFAULT_POLICY}' must be defined for channel '{}' before chaincode operations can be attempted",
            bundle.channel_id()
        )));
    }
    let policy =
        ApplicationPolicy { r#type: Some(Type::ChannelConfigPolicyReference(DEFAULT_POLICY.to_owned())) };
    Ok(policy.encode_to_vec().into())
}
