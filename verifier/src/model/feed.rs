//! Where the read model's blocks come from: the ledger beside it, block by block as they are committed, and for what
//! it missed from the ledger's log.

use std::collections::BTreeMap;

use bytes::Bytes;
use fabric::proto::common::{Block, ChannelHeader, Envelope, HeaderType, Payload};
use fabric::proto::protos::{
    ChaincodeAction, ChaincodeActionPayload, ProposalResponsePayload, Transaction, TxValidationCode,
};
use fabric::types::block::{TRANSACTIONS_FILTER, header_hash};
use fabric::types::decode::DecodeError;
use fabric::types::rwset::TxRwSet;
use fabric::types::{Height, decode};
use network::ledger::{CommittedBlock, Ledger, LedgerError};

use super::{BlockChanges, Change, ModelError, ReadModel};

/// What [`ReadModel::catch_up`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaughtUp {
    /// Number of blocks that were there before.
    pub from: u64,
    /// Number of blocks now.
    pub to: u64,
    /// What was there belonged to another course of the chain, or was newer than the ledger, and was thrown away.
    pub rebuilt: bool,
}

impl ReadModel {
    /// Applies the next block. It must be one that this process validated itself. On an error nothing was applied.
    pub fn apply(&self, block: &CommittedBlock) -> Result<(), ModelError> {
        let rwsets = block.transactions.iter().map(|transaction| transaction.rwset.as_ref());
        self.apply_rwsets(&block.block, block.number, rwsets)
    }

    /// Applies every block of the ledger that is not in the model yet. The ledger must be of the model's channel.
    pub fn catch_up(&self, ledger: &Ledger) -> Result<CaughtUp, ModelError> {
        let from = self.height();
        let rebuilt = !self.is_beginning_of(ledger)?;
        if rebuilt {
            tracing::warn!(height = from, "the read model does not fit the ledger and is built anew");
            self.clear()?;
        }
        let to = ledger.height();
        for number in self.height()..to {
            let block = ledger.block(number).map_err(unreadable)?;
            let block = block.ok_or_else(|| ModelError::Ledger(format!("block {number} is missing")))?;
            let rwsets = recorded_rwsets(&block)
                .map_err(|reason| ModelError::Ledger(format!("block {number} cannot be read: {reason}")))?;
            self.apply_rwsets(&block, number, rwsets.iter().map(Option::as_ref))?;
        }
        Ok(CaughtUp { from: if rebuilt { 0 } else { from }, to, rebuilt })
    }

    /// Whether the blocks in the model are the ledger's first ones.
    fn is_beginning_of(&self, ledger: &Ledger) -> Result<bool, ModelError> {
        let Some(newest) = self.height().checked_sub(1) else { return Ok(true) };
        let block = ledger.block(newest).map_err(unreadable)?;
        let header = block.and_then(|block| block.header);
        Ok(header.is_some_and(|header| header_hash(&header) == self.block_hash()))
    }

    fn apply_rwsets<'a>(
        &self,
        block: &Block,
        number: u64,
        rwsets: impl Iterator<Item = Option<&'a TxRwSet>>,
    ) -> Result<(), ModelError> {
        let header = block.header.as_ref().ok_or(ModelError::OtherChain { number })?;
        let mut changes = BTreeMap::new();
        for (index, rwset) in rwsets.enumerate() {
            let version = Height::new(number, index as u64);
            let namespaces = rwset.into_iter().flat_map(|rwset| &rwset.namespaces);
            for namespace in namespaces.filter(|candidate| candidate.namespace == self.channel.chaincode) {
                for write in &namespace.public.writes {
                    let value = (!write.is_delete).then_some(&write.value);
                    changes.insert(write.key.as_str(), (value, version));
                }
            }
        }
        let changes = changes.into_iter().map(|(key, (value, version))| Change { key, value, version });
        self.apply_changes(&BlockChanges {
            number,
            hash: header_hash(header),
            previous_hash: &header.previous_hash,
            changes: changes.collect(),
        })
    }
}

fn unreadable(error: LedgerError) -> ModelError {
    ModelError::Ledger(error.to_string())
}

/// The read-write sets of the valid transactions, by the verdicts that our own ledger wrote into the block.
fn recorded_rwsets(block: &Block) -> Result<Vec<Option<TxRwSet>>, String> {
    let metadata = block.metadata.as_ref().and_then(|metadata| metadata.metadata.get(TRANSACTIONS_FILTER));
    let filter = metadata.cloned().unwrap_or_default();
    let envelopes = block.data.as_ref().map_or(&[][..], |data| &data.data);
    if filter.len() != envelopes.len() {
        return Err("it has not one validation code for each transaction".into());
    }
    let valid = |code: u8| i32::from(code) == TxValidationCode::Valid as i32;
    filter
        .iter()
        .zip(envelopes)
        .map(|(code, envelope)| if valid(*code) { rwset(envelope) } else { Ok(None) })
        .collect()
}

/// The read-write set of a valid transaction; a configuration writes nothing that matters here.
fn rwset(envelope: &Bytes) -> Result<Option<TxRwSet>, String> {
    let text = |error: DecodeError| error.to_string();
    let envelope: Envelope = decode(envelope.clone()).map_err(text)?;
    let payload: Payload = decode(envelope.payload).map_err(text)?;
    let header = payload.header.ok_or("a transaction has no header")?;
    let header: ChannelHeader = decode(header.channel_header).map_err(text)?;
    if header.r#type != HeaderType::EndorserTransaction as i32 {
        return Ok(None);
    }
    let transaction: Transaction = decode(payload.data).map_err(text)?;
    let action = transaction.actions.into_iter().next().ok_or("a transaction has no action")?;
    let action: ChaincodeActionPayload = decode(action.payload).map_err(text)?;
    let endorsed = action.action.ok_or("an action is not endorsed")?;
    let response: ProposalResponsePayload = decode(endorsed.proposal_response_payload).map_err(text)?;
    let action: ChaincodeAction = decode(response.extension).map_err(text)?;
    TxRwSet::decode(action.results).map(Some).map_err(text)
}
