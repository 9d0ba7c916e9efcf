//! Chains recorded from real peers, decoded as tests need them.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use channel::Bundle;
use fabric::{
    crypto::VerifiedSignatureCache,
    proto::{
        common::{ChannelHeader, Envelope, HeaderType, Payload, SignatureHeader},
        msp::SerializedIdentity,
        protos::{
            ChaincodeAction, ChaincodeActionPayload, ChaincodeInput, ChaincodeInvocationSpec,
            ChaincodeProposalPayload, ProposalResponsePayload, Transaction, TxValidationCode,
        },
    },
    types::{HeadedBlock, block::TRANSACTIONS_FILTER, decode},
};

use ledger::Ledger;
use validation::Committer;

/// A recorded chain on its way into a ledger.
pub struct Recorded {
    committer: Committer,
    /// Those that are not committed yet.
    blocks: VecDeque<HeadedBlock>,
    labels: BTreeMap<(u64, usize), String>,
    _directory: tempfile::TempDir,
}

/// A transaction that a real peer endorsed.
pub struct Endorsed {
    /// Where it stands on the chain and what it does, for messages.
    pub name: String,
    pub label: String,
    pub valid: bool,
    pub txid: String,
    pub creator: Bytes,
    pub chaincode: String,
    pub input: ChaincodeInput,
    /// MSP id of the first endorser.
    pub endorser: String,
    pub action: ChaincodeAction,
}

impl Recorded {
    /// Opens a chain beside the repository, or says that it is not there.
    pub fn open(chain: &str) -> Option<Self> {
        let blocks = recorded::blocks(chain)?.into_iter();
        let mut blocks: VecDeque<_> = blocks.map(|block| HeadedBlock::try_from(block).unwrap()).collect();
        let directory = tempfile::tempdir().unwrap();
        let genesis = blocks.pop_front().unwrap();
        let (ledger, _) = Ledger::open(directory.path(), Some(&genesis)).unwrap();
        let committer = Committer::open(ledger, VerifiedSignatureCache::disabled()).unwrap();
        let expected = recorded::expected(chain).into_iter();
        let labels = expected.map(|expected| (expected.place, expected.label)).collect();
        Some(Self { committer, blocks, labels, _directory: directory })
    }

    pub fn ledger(&self) -> Arc<Ledger> {
        self.committer.ledger().clone()
    }

    pub fn bundle(&self) -> &Arc<Bundle> {
        self.committer.bundle()
    }

    /// The endorsed transactions of the next block, which is not committed yet.
    pub fn next(&self) -> Option<Vec<Endorsed>> {
        let block = self.blocks.front()?;
        let number = block.number();
        let filter = block.metadata(TRANSACTIONS_FILTER).unwrap();
        let envelopes = block.envelopes().iter().enumerate();
        let endorsed = envelopes.filter_map(|(index, envelope)| {
            let label = self.labels.get(&(number, index)).cloned().unwrap_or_default();
            let mut endorsed = Endorsed::read(envelope)?;
            endorsed.valid = i32::from(filter[index]) == TxValidationCode::Valid as i32;
            endorsed.name = format!("block {number}, transaction {index} ({label})");
            endorsed.label = label;
            Some(endorsed)
        });
        Some(endorsed.collect())
    }

    /// Commits the next block; verdicts and commit hash are those that the peer recorded.
    pub fn commit(&mut self) {
        let block = self.blocks.pop_front().unwrap();
        let committed = self.committer.take(block.clone()).unwrap();
        assert_eq!(committed.block.block, block, "block {}", block.number());
    }
}

impl Endorsed {
    fn read(envelope: &Bytes) -> Option<Self> {
        let envelope: Envelope = decode(envelope.clone()).ok()?;
        let payload: Payload = decode(envelope.payload).ok()?;
        let header = payload.header?;
        let channel: ChannelHeader = decode(header.channel_header).ok()?;
        if channel.r#type != HeaderType::EndorserTransaction as i32 {
            return None;
        }
        let signature: SignatureHeader = decode(header.signature_header).ok()?;
        let transaction: Transaction = decode(payload.data).ok()?;
        let [action] = transaction.actions.try_into().ok()?;
        let payload: ChaincodeActionPayload = decode(action.payload).ok()?;
        let endorsed = payload.action?;
        let response: ProposalResponsePayload = decode(endorsed.proposal_response_payload).ok()?;
        let proposal: ChaincodeProposalPayload = decode(payload.chaincode_proposal_payload).ok()?;
        let invocation: ChaincodeInvocationSpec = decode(proposal.input).ok()?;
        let spec = invocation.chaincode_spec?;
        let endorser: SerializedIdentity = decode(endorsed.endorsements.first()?.endorser.clone()).ok()?;
        Some(Self {
            name: String::new(),
            label: String::new(),
            valid: false,
            txid: channel.tx_id,
            creator: signature.creator,
            chaincode: spec.chaincode_id?.name,
            input: spec.input?,
            endorser: endorser.mspid,
            action: decode(response.extension).ok()?,
        })
    }
}
