//! Calls one chaincode for a transaction: a system chaincode here and now, any other over its stream
//! (`core/chaincode/chaincode_support.go`).

use std::{collections::BTreeMap, sync::Arc};

use channel::Bundle;
use fabric::{
    proto::protos::{
        ChaincodeEvent, ChaincodeInput, ChaincodeMessage, Response, SignedProposal, chaincode_message::Type,
    },
    types::decode,
};
use msp::Identity;
use prost::Message;
use tokio::time::timeout;

use super::{
    Endorser,
    chaincode::{LaunchError, Stream, StreamError},
    handler::Call,
    runnable::Runnable,
    simulate::{SimulationError, Simulator},
    system,
};
use ledger::DefinitionError;

/// The key that says for which version a chaincode has been initialised; it lies in the chaincode's own
/// namespace, where no chaincode can write it.
const INITIALIZED_KEY: &str = "\u{0}\u{10ffff}initialized";

/// What all chaincode calls of one transaction share.
pub struct Transaction<'t> {
    pub txid: &'t str,
    /// Empty for a proposal that concerns the peer and no channel.
    pub channel_id: &'t str,
    /// The configuration of this peer's channel.
    pub bundle: &'t Bundle,
    pub signed: &'t SignedProposal,
    /// Whose signature over the proposal has been verified.
    pub creator: &'t Arc<Identity>,
    /// The chaincode that the proposal names.
    pub invoked: &'t str,
}

/// Why a chaincode could not be called to its end. The texts are Fabric's.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    #[error("invalid invocation: {0}")]
    Invalid(String),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error("could not launch chaincode {0}.{version}: not deployed", version = system::VERSION)]
    NotDeployed(String),
    #[error("error sending: {0}")]
    Sending(#[from] StreamError),
}

/// Why a proposal's chaincode gave no response.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    #[error("failed to execute transaction {txid}: {error}")]
    Invoke { txid: String, error: InvokeError },
    #[error("failed to unmarshal response for transaction {txid}: {reason}")]
    Response { txid: String, reason: String },
    #[error("transaction returned with failure: {0}")]
    Failure(String),
}

impl Endorser {
    /// Calls the proposal's chaincode and takes its final message apart.
    pub(super) async fn execute(
        &self,
        transaction: &Transaction<'_>,
        simulator: Option<&mut Simulator<'_>>,
        input: ChaincodeInput,
    ) -> Result<(Response, Option<ChaincodeEvent>), ExecuteError> {
        let txid = transaction.txid;
        let answer = self
            .invoke(transaction, simulator, transaction.invoked, input)
            .await
            .map_err(|error| ExecuteError::Invoke { txid: txid.to_owned(), error })?;
        if answer.r#type() == Type::Error {
            return Err(ExecuteError::Failure(String::from_utf8_lossy(&answer.payload).into_owned()));
        }
        let response = decode(answer.payload)
            .map_err(|error| ExecuteError::Response { txid: txid.to_owned(), reason: error.to_string() })?;
        // What the chaincode says of itself in its event is not believed.
        let event = answer.chaincode_event.map(|event| ChaincodeEvent {
            chaincode_id: transaction.invoked.to_owned(),
            tx_id: txid.to_owned(),
            ..event
        });
        Ok((response, event))
    }

    /// Calls the chaincode `name`; gives its final message, COMPLETED or ERROR.
    pub(super) async fn invoke(
        &self,
        transaction: &Transaction<'_>,
        simulator: Option<&mut Simulator<'_>>,
        name: &str,
        input: ChaincodeInput,
    ) -> Result<ChaincodeMessage, InvokeError> {
        if system::is_system(name) {
            let response = system::run(name, self, transaction, simulator, &input.args)
                .ok_or_else(|| InvokeError::NotDeployed(name.to_owned()))?;
            return Ok(completed(transaction, &response));
        }
        let channel = transaction.channel_id;
        let unknown = |error: &dyn std::fmt::Display| {
            InvokeError::Invalid(format!(
                "[channel {channel}] failed to get chaincode container info for {name}: {error}"
            ))
        };
        let simulator = simulator
            .ok_or_else(|| unknown(&format!("could not get channel config for channel '{channel}'")))?;
        let runnable = self.find(name, simulator).map_err(|error| unknown(&error))?;
        check_initialized(name, &runnable, input.is_init, simulator)?;
        let stream = self.chaincodes.stream(&runnable.package).await?;
        let call = Call::new(self, transaction, simulator, name, input.is_init);
        // Decorations are a peer's to add, never a client's; we add none.
        let input = ChaincodeInput { decorations: BTreeMap::new(), ..input };
        let conversation = converse(&stream, call, input);
        let ended = timeout(self.chaincodes.execute_timeout, conversation).await;
        Ok(ended.unwrap_or(Err(StreamError::Timeout))?)
    }

    /// The chaincode that can be called under this name.
    pub(super) fn find(
        &self,
        name: &str,
        simulator: &mut Simulator<'_>,
    ) -> Result<Arc<Runnable>, DefinitionError> {
        self.runnables.find(name, simulator, &self.setup.packages)
    }
}

/// Sends the call and answers the chaincode's requests until it has finished.
async fn converse(
    stream: &Stream,
    mut call: Call<'_, '_>,
    input: ChaincodeInput,
) -> Result<ChaincodeMessage, StreamError> {
    let transaction = call.transaction;
    let mut inbox = stream.begin(transaction.channel_id, transaction.txid)?;
    let kind = if call.is_init { Type::Init } else { Type::Transaction };
    stream.send(message(transaction, kind, &input, Some(transaction.signed.clone()))).await?;
    loop {
        let received = inbox.next().await?;
        if matches!(received.r#type(), Type::Completed | Type::Error) {
            return Ok(received);
        }
        let answer = call.answer(received).await;
        inbox.answered();
        stream.send(answer).await?;
    }
}

/// Where the definition asks for it, lets the chaincode be called only after one initialising call for its
/// version. All this is read and written through the simulation and so becomes part of the transaction.
fn check_initialized(
    name: &str,
    runnable: &Runnable,
    is_init: bool,
    simulator: &mut Simulator<'_>,
) -> Result<(), InvokeError> {
    let invalid = |text: &str| InvokeError::Invalid(format!("chaincode '{name}' {text}"));
    if !runnable.init_required {
        return if is_init {
            Err(invalid("does not require initialization but called as init"))
        } else {
            Ok(())
        };
    }
    let failed = |doing: &str, error: SimulationError| {
        InvokeError::Invalid(format!("could not {doing} 'initialized' key: {error}"))
    };
    let version = runnable.version.as_bytes();
    let stored = simulator.get_state(name, INITIALIZED_KEY).map_err(|error| failed("get", error))?;
    let initialized = stored.unwrap_or_default() == version;
    match (is_init, initialized) {
        (true, true) => Err(invalid("is already initialized but called as init")),
        (false, false) => Err(invalid("has not been initialized for this version, must call as init first")),
        (false, true) => Ok(()),
        (true, false) => simulator
            .set_state(name, INITIALIZED_KEY.to_owned(), version.to_vec().into())
            .map_err(|error| failed("set", error)),
    }
}

fn completed(transaction: &Transaction<'_>, response: &Response) -> ChaincodeMessage {
    message(transaction, Type::Completed, response, None)
}

fn message(
    transaction: &Transaction<'_>,
    kind: Type,
    payload: &impl Message,
    proposal: Option<SignedProposal>,
) -> ChaincodeMessage {
    ChaincodeMessage {
        r#type: kind.into(),
        payload: payload.encode_to_vec().into(),
        txid: transaction.txid.to_owned(),
        channel_id: transaction.channel_id.to_owned(),
        proposal,
        ..Default::default()
    }
}
