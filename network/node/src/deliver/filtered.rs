//! What event listeners see of a block: ids, verdicts and chaincode events, no payloads.

use bytes::Bytes;
use fabric::{
    proto::{
        common::HeaderType,
        protos::{
            ChaincodeEvent, FilteredBlock, FilteredChaincodeAction, FilteredTransaction,
            FilteredTransactionActions, TxValidationCode, filtered_transaction,
        },
    },
    types::{DecodedEnvelope, HeadedBlock, block::TRANSACTIONS_FILTER, decode, envelope::DecodedAction},
};

/// The block as `protos.Deliver/DeliverFiltered` sends it.
pub fn filtered_block(block: &HeadedBlock) -> FilteredBlock {
    let (mut channel_id, mut filtered_transactions) = (String::new(), Vec::new());
    for (envelope, code) in with_codes(block) {
        let Ok(header) = envelope.channel_header() else { continue };
        channel_id.clone_from(&header.channel_id);
        filtered_transactions.push(FilteredTransaction {
            txid: header.tx_id.clone(),
            r#type: header.r#type,
            tx_validation_code: code,
            data: filtered_actions(&envelope),
        });
    }
    FilteredBlock { channel_id, number: block.number(), filtered_transactions }
}

/// The events of the valid transactions of a block, in their order.
///
/// An event counts where it names a chaincode, an event and a transaction
/// (`internal/pkg/gateway/event`).
pub fn chaincode_events(block: &HeadedBlock) -> Vec<ChaincodeEvent> {
    let valid = with_codes(block).filter(|(_, code)| *code == TxValidationCode::Valid as i32);
    valid.flat_map(|(envelope, _)| events(&envelope)).collect()
}

/// The envelopes of a block with their validation codes.
fn with_codes(block: &HeadedBlock) -> impl Iterator<Item = (DecodedEnvelope, i32)> {
    let filter = block.metadata(TRANSACTIONS_FILTER);
    block.envelopes().iter().enumerate().map(move |(index, envelope)| {
        let code = filter.and_then(|filter| filter.get(index)).map_or(0, |code| i32::from(*code));
        (DecodedEnvelope::new(envelope.clone()), code)
    })
}

fn events(envelope: &DecodedEnvelope) -> Vec<ChaincodeEvent> {
    if envelope.header_type() != Some(HeaderType::EndorserTransaction) {
        return Vec::new();
    }
    envelope.actions().filter_map(|action| event(&action.ok()?)).collect()
}

fn event(action: &DecodedAction) -> Option<ChaincodeEvent> {
    let event: ChaincodeEvent = decode(action.response().ok()?.action().ok()?.events.clone()).ok()?;
    let complete = !(event.chaincode_id.is_empty() || event.event_name.is_empty() || event.tx_id.is_empty());
    complete.then_some(event)
}

/// The events without their payloads, for an endorser transaction.
fn filtered_actions(envelope: &DecodedEnvelope) -> Option<filtered_transaction::Data> {
    let actions = events(envelope).into_iter().map(|event| FilteredChaincodeAction {
        chaincode_event: Some(ChaincodeEvent { payload: Bytes::new(), ..event }),
    });
    let actions = FilteredTransactionActions { chaincode_actions: actions.collect() };
    let is_endorser_transaction = envelope.header_type() == Some(HeaderType::EndorserTransaction);
    is_endorser_transaction.then_some(filtered_transaction::Data::TransactionActions(actions))
}
