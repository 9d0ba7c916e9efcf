//! ChaincodeEvents: what valid transactions emitted, block by block, from any block on.

use std::future::ready;

use fabric::proto::{
    gateway::{ChaincodeEventsRequest, ChaincodeEventsResponse},
    orderer::{SeekPosition, seek_position},
    protos::ChaincodeEvent,
};
use futures::{Stream, TryStreamExt};
use tonic::Status;

use super::{Gateway, signed::SignedRequest};
use crate::deliver::filtered;

impl Gateway {
    pub(super) fn chaincode_events(
        &self,
        SignedRequest { request, signed }: SignedRequest<ChaincodeEventsRequest>,
    ) -> Result<impl Stream<Item = Result<ChaincodeEventsResponse, Status>> + Send + use<>, Status> {
        self.channel
            .check_acl("gateway/ChaincodeEvents", &request.channel_id, &signed)
            .map_err(Status::permission_denied)?;

        let start = self.start_block(&request)?;
        let mut matcher = Matcher::new(request);
        let blocks = self.channel.blocks_from(start).map_err(|error| Status::aborted(error.to_string()));
        Ok(blocks.try_filter_map(move |block| {
            let events: Vec<_> = filtered::chaincode_events(&block)
                .into_iter()
                .filter(|event| matcher.matches(event))
                .collect();
            let response = ChaincodeEventsResponse { events, block_number: block.number() };
            ready(Ok((!response.events.is_empty()).then_some(response)))
        }))
    }

    fn start_block(&self, request: &ChaincodeEventsRequest) -> Result<u64, Status> {
        if !request.after_transaction_id.is_empty()
            && let Some(location) = self
                .channel
                .ledger()
                .transaction(&request.after_transaction_id)
                .map_err(|error| Status::aborted(error.to_string()))?
        {
            return Ok(location.block);
        }
        match &request.start_position {
            None | Some(SeekPosition { r#type: None | Some(seek_position::Type::NextCommit(_)) }) => {
                Ok(self.channel.ledger().height())
            }
            Some(SeekPosition { r#type: Some(seek_position::Type::Specified(specified)) }) => {
                Ok(specified.number)
            }
            _ => Err(Status::invalid_argument("invalid start position type")),
        }
    }
}

/// Keeps the events of one chaincode, from the one after a given transaction on.
struct Matcher {
    chaincode: String,
    waiting_for: Option<String>,
}

impl Matcher {
    fn new(request: ChaincodeEventsRequest) -> Self {
        let after = request.after_transaction_id;
        Self { chaincode: request.chaincode_id, waiting_for: (!after.is_empty()).then_some(after) }
    }

    fn matches(&mut self, event: &ChaincodeEvent) -> bool {
        if let Some(transaction) = &self.waiting_for {
            if *transaction == event.tx_id {
                self.waiting_for = None;
            }
            return false;
        }
        event.chaincode_id == self.chaincode
    }
}
