//! Events that a chaincode emitted in valid transactions, block after block.

use std::collections::VecDeque;

use bytes::Bytes;
use fabric::proto::{
    gateway::{ChaincodeEventsRequest, ChaincodeEventsResponse, SignedChaincodeEventsRequest},
    orderer::{SeekNextCommit, SeekPosition, SeekSpecified, seek_position},
};
use prost::Message;
use tonic::Streaming;

use crate::{Error, Gateway, GatewayError, Step};

/// Where a stream of events begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartAt {
    /// With the next block to be committed.
    Next,
    /// With this block.
    Block(u64),
    /// After this transaction of this block, to go on where an earlier stream ended.
    After { block: u64, transaction_id: String },
}

/// One event of a valid transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChaincodeEvent {
    pub block_number: u64,
    pub transaction_id: String,
    pub chaincode: String,
    pub name: String,
    pub payload: Bytes,
}

/// An endless stream of events; dropping it ends it.
#[derive(Debug)]
pub struct EventStream {
    blocks: Streaming<ChaincodeEventsResponse>,
    ready: VecDeque<ChaincodeEvent>,
}

impl EventStream {
    pub(crate) async fn open(
        gateway: &Gateway,
        channel: &str,
        chaincode: &str,
        start: StartAt,
    ) -> Result<Self, Error> {
        let bytes = Bytes::from(request(gateway, channel, chaincode, start).encode_to_vec());
        let signature = gateway.try_sign(&bytes)?.ok_or(Error::NotSigned("the request for events"))?;
        let request = SignedChaincodeEventsRequest { request: bytes, signature };
        let response = gateway.client().chaincode_events(request).await;
        let blocks = response.map_err(GatewayError::at(Step::ChaincodeEvents, ""))?;
        Ok(Self { blocks: blocks.into_inner(), ready: VecDeque::new() })
    }

    /// The next event; waits for one if need be. `None` when the gateway ended the stream.
    pub async fn next(&mut self) -> Result<Option<ChaincodeEvent>, Error> {
        while self.ready.is_empty() {
            let block = self.blocks.message().await;
            let block = block.map_err(GatewayError::at(Step::ChaincodeEvents, ""))?;
            match block {
                Some(block) => self.ready.extend(events(block)),
                None => return Ok(None),
            }
        }
        Ok(self.ready.pop_front())
    }
}

fn request(gateway: &Gateway, channel: &str, chaincode: &str, start: StartAt) -> ChaincodeEventsRequest {
    let (position, after_transaction_id) = match start {
        StartAt::Next => (seek_position::Type::NextCommit(SeekNextCommit {}), String::new()),
        StartAt::Block(number) => (seek_position::Type::Specified(SeekSpecified { number }), String::new()),
        StartAt::After { block, transaction_id } => {
            (seek_position::Type::Specified(SeekSpecified { number: block }), transaction_id)
        }
    };
    ChaincodeEventsRequest {
        channel_id: channel.into(),
        chaincode_id: chaincode.into(),
        identity: gateway.creator().clone(),
        start_position: Some(SeekPosition { r#type: Some(position) }),
        after_transaction_id,
    }
}

fn events(block: ChaincodeEventsResponse) -> impl Iterator<Item = ChaincodeEvent> {
    block.events.into_iter().map(move |event| ChaincodeEvent {
        block_number: block.block_number,
        transaction_id: event.tx_id,
        chaincode: event.chaincode_id,
        name: event.event_name,
        payload: event.payload,
    })
}
