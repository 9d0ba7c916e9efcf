//! What event listeners see of a block: ids, verdicts and chaincode events, no payloads.

use bytes::Bytes;
use fabric::{
    proto::{
        common::{ChannelHeader, Envelope, HeaderType, Payload},
        protos::{
            ChaincodeAction, ChaincodeActionPayload, ChaincodeEvent, FilteredBlock, FilteredChaincodeAction,
            FilteredTransaction, FilteredTransactionActions, ProposalResponsePayload, Transaction,
            TxValidationCode, filtered_transaction,
        },
    },
    types::{HeadedBlock, block::TRANSACTIONS_FILTER, decode},
};

/// The block as `protos.Deliver/DeliverFiltered` sends it.
pub fn filtered_block(block: &HeadedBlock) -> FilteredBlock {
    let transactions: Vec<_> = parsed(block).collect();
    let channel_id = transactions.last().map_or_else(String::new, |tx| tx.header.channel_id.clone());
    FilteredBlock {
        channel_id,
        number: block.number(),
        filtered_transactions: transactions.into_iter().map(filtered_transaction).collect(),
    }
}

/// The events of the valid transactions of a block, in their order.
///
/// An event counts where it names a chaincode, an event and a transaction
/// (`internal/pkg/gateway/event`).
pub fn chaincode_events(block: &HeadedBlock) -> Vec<ChaincodeEvent> {
    let valid = parsed(block).filter(|tx| tx.code == TxValidationCode::Valid as i32);
    valid.flat_map(|tx| tx.events()).collect()
}

struct ParsedTransaction {
    header: ChannelHeader,
    data: Bytes,
    code: i32,
}

fn parsed(block: &HeadedBlock) -> impl Iterator<Item = ParsedTransaction> {
    let filter = block.metadata(TRANSACTIONS_FILTER);
    block.envelopes().iter().enumerate().filter_map(move |(index, envelope)| {
        let envelope: Envelope = decode(envelope.clone()).ok()?;
        let payload: Payload = decode(envelope.payload).ok()?;
        let header = decode(payload.header?.channel_header).ok()?;
        let code = filter.and_then(|filter| filter.get(index)).map_or(0, |code| i32::from(*code));
        Some(ParsedTransaction { header, data: payload.data, code })
    })
}

impl ParsedTransaction {
    fn events(&self) -> Vec<ChaincodeEvent> {
        if self.header.r#type != HeaderType::EndorserTransaction as i32 {
            return Vec::new();
        }
        let transaction: Transaction = decode(self.data.clone()).unwrap_or_default();
        transaction.actions.into_iter().filter_map(|action| event(action.payload)).collect()
    }
}

fn event(action_payload: Bytes) -> Option<ChaincodeEvent> {
    let payload: ChaincodeActionPayload = decode(action_payload).ok()?;
    let response: ProposalResponsePayload = decode(payload.action?.proposal_response_payload).ok()?;
    let action: ChaincodeAction = decode(response.extension).ok()?;
    let event: ChaincodeEvent = decode(action.events).ok()?;
    let complete = !(event.chaincode_id.is_empty() || event.event_name.is_empty() || event.tx_id.is_empty());
    complete.then_some(event)
}

fn filtered_transaction(transaction: ParsedTransaction) -> FilteredTransaction {
    let events = transaction.events().into_iter().map(|event| FilteredChaincodeAction {
        chaincode_event: Some(ChaincodeEvent { payload: Bytes::new(), ..event }),
    });
    let actions = FilteredTransactionActions { chaincode_actions: events.collect() };
    let is_endorser_transaction = transaction.header.r#type == HeaderType::EndorserTransaction as i32;
    FilteredTransaction {
        txid: transaction.header.tx_id,
        r#type: transaction.header.r#type,
        tx_validation_code: transaction.code,
        data: is_endorser_transaction.then_some(filtered_transaction::Data::TransactionActions(actions)),
    }
}
