//! Chains recorded from real peers, decoded as tests need them.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use channel::Bundle;
use fabric::{
    proto::{
        common::{Block, ChannelHeader, Envelope, HeaderType, Payload, SignatureHeader},
        msp::SerializedIdentity,
        protos::{
            ChaincodeAction, ChaincodeActionPayload, ChaincodeInput, ChaincodeInvocationSpec,
            ChaincodeProposalPayload, ProposalResponsePayload, Transaction, TxValidationCode,
        },
    },
    types::{block::TRANSACTIONS_FILTER, decode},
};

use follower::replay::Replay;
use ledger::Ledger;

/// A recorded chain on its way into a ledger.
pub struct Recorded {
    replay: Replay,
    blocks: Vec<Block>,
    labels: BTreeMap<(u64, usize), String>,
    bundle: Arc<Bundle>,
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
        let mut blocks = recorded::blocks(chain)?;
        let directory = tempfile::tempdir().unwrap();
        let genesis = blocks.remove(0);
        let bundle = Bundle::from_block(&genesis).unwrap();
        let mut replay = Replay::new(directory.path().to_owned());
        replay.block(genesis).unwrap();
        let expected = recorded::expected(chain).into_iter();
        let labels = expected.map(|expected| (expected.place, expected.label)).collect();
        Some(Self { replay, blocks, labels, bundle, _directory: directory })
    }

    pub fn ledger(&self) -> Arc<Ledger> {
        self.replay.ledger().unwrap().clone()
    }

    pub fn bundle(&self) -> &Arc<Bundle> {
        &self.bundle
    }

    /// The endorsed transactions of the next block, which is not committed yet.
    pub fn next(&self) -> Option<Vec<Endorsed>> {
        let block = self.blocks.first()?;
        let number = block.header.as_ref().unwrap().number;
        let filter = &block.metadata.as_ref().unwrap().metadata[TRANSACTIONS_FILTER];
        let envelopes = block.data.as_ref().unwrap().data.iter().enumerate();
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

    /// Commits the next block.
    pub fn commit(&mut self) {
        let block = self.blocks.remove(0);
        if let Ok(bundle) = Bundle::from_block(&block) {
            self.bundle = bundle;
        }
        let report = self.replay.block(block).unwrap();
        assert_eq!(report.equal, Some(true), "{report}");
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
