//! Chaincode definitions: what an organisation approves and what a channel commits to.
//!
//! Each function builds an [`Invocation`] of the `_lifecycle` system chaincode, to be endorsed and
//! submitted like any other transaction. Source: `core/chaincode/lifecycle/scc.go`.

use std::sync::Arc;

use bytes::Bytes;
use fabric::proto::{
    common::SignaturePolicyEnvelope,
    gateway::ProposedTransaction,
    lifecycle::{
        ApproveChaincodeDefinitionForMyOrgArgs, ChaincodeSource, CommitChaincodeDefinitionArgs,
        InstallChaincodeArgs, QueryChaincodeDefinitionArgs, QueryChaincodeDefinitionResult, chaincode_source,
    },
    protos::{ApplicationPolicy, Response, application_policy},
};
use msp::SigningIdentity;
use prost::Message;
use services::protos::endorser_client::EndorserClient;
use tonic::Code;

use crate::{Endpoint, Error, Gateway, GatewayError, Invocation, Step, error::decode};

const LIFECYCLE: &str = "_lifecycle";
/// The names of Fabric's built-in endorsement and validation plugins.
const ENDORSEMENT_PLUGIN: &str = "escc";
const VALIDATION_PLUGIN: &str = "vscc";

/// The largest package, with room for its envelope.
const MESSAGE_BYTES: usize = 100 << 20;

/// Installs a chaincode package on the peer at `endpoint`, in the name of one of its organisation's
/// administrators. The response is the peer's own: status 200, or 500 and why not.
pub async fn install(
    endpoint: &Endpoint,
    administrator: Arc<SigningIdentity>,
    package: Bytes,
) -> Result<Response, Error> {
    let gateway = Gateway::connect(endpoint, administrator).await?;
    // Packages belong to a peer and not to a channel, so the call names none and the Gateway service,
    // which serves channels, is passed by.
    let arguments = InstallChaincodeArgs { chaincode_install_package: package };
    let proposal = gateway.proposal(invoke("", "InstallChaincode", &arguments))?;
    let proposed: ProposedTransaction = decode("a proposed transaction", proposal.to_bytes())?;
    let signed =
        proposed.proposal.ok_or(Error::Missing { what: "a proposed transaction", part: "its proposal" })?;
    let mut peer = EndorserClient::new(endpoint.connect().await?).max_encoding_message_size(MESSAGE_BYTES);
    let response = peer.process_proposal(signed).await;
    let response = response.map_err(GatewayError::at(Step::Endorse, proposal.transaction_id()))?;
    Ok(response.into_inner().response.unwrap_or_default())
}

/// A chaincode definition: the organisations that approve one agree on every field of it.
#[derive(Clone, Debug)]
pub struct Definition {
    pub name: String,
    pub version: String,
    /// 1 for the first definition of a name, one more for each change.
    pub sequence: i64,
    pub endorsement_policy: SignaturePolicyEnvelope,
}

impl Definition {
    /// The approval of one organisation, which also says which package its own peer runs.
    pub fn approve(&self, channel: &str, msp_id: &str, package_id: &str) -> Invocation {
        let local = chaincode_source::Local { package_id: package_id.to_owned() };
        let arguments = ApproveChaincodeDefinitionForMyOrgArgs {
            sequence: self.sequence,
            name: self.name.clone(),
            version: self.version.clone(),
            endorsement_plugin: ENDORSEMENT_PLUGIN.into(),
            validation_plugin: VALIDATION_PLUGIN.into(),
            validation_parameter: self.validation_parameter(),
            source: Some(ChaincodeSource { r#type: Some(chaincode_source::Type::LocalPackage(local)) }),
            ..Default::default()
        };
        invoke(channel, "ApproveChaincodeDefinitionForMyOrg", &arguments).organizations([msp_id])
    }

    /// Puts the definition in force; `msp_ids` are the organisations whose peers endorse that: none leaves it to the gateway,
    /// which knows the channel's policy (LifecycleEndorsement).
    pub fn commit(&self, channel: &str, msp_ids: &[&str]) -> Invocation {
        let arguments = CommitChaincodeDefinitionArgs {
            sequence: self.sequence,
            name: self.name.clone(),
            version: self.version.clone(),
            endorsement_plugin: ENDORSEMENT_PLUGIN.into(),
            validation_plugin: VALIDATION_PLUGIN.into(),
            validation_parameter: self.validation_parameter(),
            ..Default::default()
        };
        invoke(channel, "CommitChaincodeDefinition", &arguments).organizations(msp_ids.iter().copied())
    }

    fn validation_parameter(&self) -> Bytes {
        let policy = application_policy::Type::SignaturePolicy(self.endorsement_policy.clone());
        ApplicationPolicy { r#type: Some(policy) }.encode_to_vec().into()
    }
}

/// The version and the sequence of the definition in force; `None` where there is none.
pub async fn in_force(gateway: &Gateway, channel: &str, name: &str) -> Result<Option<(String, i64)>, Error> {
    match gateway.proposal(query_definition(channel, name))?.evaluate().await {
        Ok(answer) => {
            let found: QueryChaincodeDefinitionResult = decode("a chaincode definition", answer)?;
            Ok(Some((found.version, found.sequence)))
        }
        // The peer's "not defined" is a chaincode's status 404.
        Err(Error::Gateway(error)) if error.code == Code::Unknown && error.message.contains("404") => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Asks for the definition in force; evaluates to a `lifecycle.QueryChaincodeDefinitionResult`, or fails
/// with status 404 where the chaincode is not defined.
pub fn query_definition(channel: &str, name: &str) -> Invocation {
    let arguments = QueryChaincodeDefinitionArgs { name: name.to_owned() };
    invoke(channel, "QueryChaincodeDefinition", &arguments)
}

fn invoke(channel: &str, function: &str, arguments: &impl Message) -> Invocation {
    Invocation::new(channel, LIFECYCLE, function).argument(arguments.encode_to_vec())
}
