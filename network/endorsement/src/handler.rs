//! Answers the requests that a chaincode makes during one call (`core/chaincode/handler.go`).
//!
//! A failed request is an ERROR message to the chaincode, not the end of the call: what to make of it is the
//! chaincode's business.

mod permission;
mod query;
mod state;

use std::collections::HashMap;

use bytes::Bytes;
use fabric::{
    proto::protos::{ChaincodeMessage, ChaincodeSpec, chaincode_message::Type},
    types::decode,
};
use prost::{Message, Name};

use self::{permission::Permission, query::Query};
use super::{
    Endorser,
    acl::CHAINCODE_TO_CHAINCODE,
    invoke::Transaction,
    simulate::{SimulationError, Simulator},
    system,
};

/// One chaincode call: which chaincode it is, and what it has open.
pub struct Call<'c, 'v> {
    pub endorser: &'c Endorser,
    pub transaction: &'c Transaction<'c>,
    pub simulator: &'c mut Simulator<'v>,
    /// The chaincode's name on the channel: the namespace of its state.
    pub namespace: &'c str,
    /// Whether this is the call that initialises the chaincode; it may not touch private data.
    pub is_init: bool,
    queries: HashMap<String, Query<'v>>,
    queries_opened: u64,
    permissions: HashMap<String, Permission>,
}

/// A request that failed, in the words that reach the chaincode.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct RequestError(String);

impl RequestError {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl From<SimulationError> for RequestError {
    fn from(error: SimulationError) -> Self {
        Self(error.to_string())
    }
}

impl<'c, 'v> Call<'c, 'v> {
    pub fn new(
        endorser: &'c Endorser,
        transaction: &'c Transaction<'c>,
        simulator: &'c mut Simulator<'v>,
        namespace: &'c str,
        is_init: bool,
    ) -> Self {
        let (queries, permissions) = (HashMap::new(), HashMap::new());
        Self { endorser, transaction, simulator, namespace, is_init, queries, queries_opened: 0, permissions }
    }

    /// Answers one request.
    pub async fn answer(&mut self, request: ChaincodeMessage) -> ChaincodeMessage {
        let kind = request.r#type();
        let answered = match kind {
            Type::InvokeChaincode => self.invoke_chaincode(request.payload).await,
            _ => self.answer_from_state(kind, request.payload),
        };
        let (kind, payload) = match answered {
            Ok(payload) => (Type::Response, payload),
            Err(error) => {
                let kind = kind.as_str_name();
                let text = format!("{kind} failed: transaction ID: {}: {error}", request.txid);
                (Type::Error, text.into())
            }
        };
        ChaincodeMessage {
            r#type: kind.into(),
            payload,
            txid: request.txid,
            channel_id: request.channel_id,
            ..Default::default()
        }
    }

    fn answer_from_state(&mut self, kind: Type, payload: Bytes) -> Result<Bytes, RequestError> {
        match kind {
            Type::GetState => self.get_state(payload),
            Type::GetStateMultiple => self.get_state_multiple(payload),
            Type::PutState => self.put_state(payload),
            Type::DelState => self.delete_state(payload),
            Type::PurgePrivateData => self.purge_private_data(payload),
            Type::WriteBatchState => self.write_batch(payload),
            Type::GetStateMetadata => self.get_state_metadata(payload),
            Type::PutStateMetadata => self.put_state_metadata(payload),
            Type::GetPrivateDataHash => self.get_private_data_hash(payload),
            Type::GetStateByRange => self.get_state_by_range(payload),
            Type::GetQueryResult => self.get_query_result(payload),
            Type::GetHistoryForKey => self.get_history_for_key(payload),
            Type::QueryStateNext => self.query_state_next(payload),
            Type::QueryStateClose => self.query_state_close(payload),
            other => Err(RequestError(format!("unknown request {}", other.as_str_name()))),
        }
    }

    /// Calls another chaincode in the same transaction: what it reads and writes joins ours, whatever it
    /// answers. The answer is its whole final message.
    async fn invoke_chaincode(&mut self, payload: Bytes) -> Result<Bytes, RequestError> {
        let spec: ChaincodeSpec = unmarshal(payload)?;
        let named = spec.chaincode_id.unwrap_or_default().name;
        let (name, channel) = parse_name(&named);
        let own_channel = self.transaction.channel_id;
        let channel = channel.unwrap_or(own_channel);
        if !system::is_system(name) {
            let checked = self.endorser.check_access(self.transaction, CHAINCODE_TO_CHAINCODE, channel);
            checked.map_err(|denied| RequestError(denied.to_string()))?;
        }
        if channel != own_channel {
            return Err(RequestError(format!("failed to find ledger for channel: {channel}")));
        }
        let input = spec.input.unwrap_or_default();
        let invoked = self.endorser.invoke(self.transaction, Some(&mut *self.simulator), name, input);
        let answer =
            Box::pin(invoked).await.map_err(|error| RequestError(format!("execute failed: {error}")))?;
        Ok(answer.encode_to_vec().into())
    }
}

/// Takes `name:version/channel` apart; the version means nothing any more.
fn parse_name(named: &str) -> (&str, Option<&str>) {
    let (name, channel) = match named.split_once('/') {
        Some((name, channel)) => (name, Some(channel)),
        None => (named, None),
    };
    let name = name.split_once(':').map_or(name, |(name, _)| name);
    (name, channel.filter(|channel| !channel.is_empty()))
}

fn unmarshal<M: Message + Default + Name>(payload: Bytes) -> Result<M, RequestError> {
    decode(payload).map_err(|error| RequestError(format!("unmarshal failed: {error}")))
}

fn marshal(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}
