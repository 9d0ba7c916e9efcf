//! One envelope of a block, unpacked once for every check that looks into it.
//!
//! Each check of Fabric unpacks the envelope anew and stops where it cannot go on; so this remembers how
//! far the bytes can be read, and leaves it to each check what that means.

use bytes::Bytes;
use fabric::{
    proto::{
        common::{ChannelHeader, Envelope, HeaderType, Payload, SignatureHeader},
        protos::{
            ChaincodeAction, ChaincodeActionPayload, Endorsement, ProposalResponsePayload, Transaction,
        },
    },
    types::{
        decode::{DecodeError, decode},
        rwset::TxRwSet,
        txid,
    },
};

/// An envelope and what is in it.
pub(crate) struct Unpacked {
    pub envelope: Result<Envelope, DecodeError>,
    /// Also an error if the envelope is one.
    pub payload: Result<Payload, DecodeError>,
    /// `None` if there is no payload, no header, or the header cannot be read.
    pub channel_header: Option<ChannelHeader>,
    pub signature_header: Option<SignatureHeader>,
    /// The payload's data read as a transaction, whatever the header says it is.
    pub transaction: Option<Transaction>,
    pub endorsed: Result<Endorsed, Flaw>,
}

/// The first action of a transaction, which is the only one Fabric looks at.
pub(crate) struct Endorsed {
    pub proposal_payload: Bytes,
    /// As it was signed by the endorsers.
    pub response_payload_bytes: Bytes,
    pub response_payload: ProposalResponsePayload,
    pub endorsements: Vec<Endorsement>,
    pub action: Result<ChaincodeAction, DecodeError>,
    /// Also an error if the action is one.
    pub rwset: Result<TxRwSet, DecodeError>,
}

/// Why the first action cannot be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Flaw {
    #[error("{0} is malformed")]
    Malformed(&'static str),
    #[error("there are no actions")]
    NoActions,
    #[error("the action has no content")]
    NoEndorsedAction,
}

impl Unpacked {
    pub fn new(bytes: Bytes) -> Self {
        let envelope = decode::<Envelope>(bytes);
        let payload = envelope.clone().and_then(|envelope| decode::<Payload>(envelope.payload));
        let content = payload.as_ref().ok();
        let header = content.and_then(|payload| payload.header.as_ref());
        let transaction = content.and_then(|payload| decode::<Transaction>(payload.data.clone()).ok());
        Self {
            channel_header: header.and_then(|header| decode(header.channel_header.clone()).ok()),
            signature_header: header.and_then(|header| decode(header.signature_header.clone()).ok()),
            endorsed: transaction.as_ref().ok_or(Flaw::Malformed("Transaction")).and_then(Endorsed::new),
            transaction,
            payload,
            envelope,
        }
    }

    pub fn header_type(&self) -> Option<HeaderType> {
        self.channel_header.as_ref().and_then(|header| HeaderType::try_from(header.r#type).ok())
    }

    /// As the header says; empty if it cannot be read.
    pub fn txid(&self) -> &str {
        self.channel_header.as_ref().map_or("", |header| &header.tx_id)
    }

    /// The payload's data; empty if there is none.
    pub fn data(&self) -> Bytes {
        self.payload.as_ref().map(|payload| payload.data.clone()).unwrap_or_default()
    }

    /// The id under which the ledger knows the transaction, whatever its verdict; empty if it has none
    /// (`protoutil/txutils.go`, `GetOrComputeTxIDFromEnvelope`).
    pub fn indexed_txid(&self) -> String {
        match (&self.channel_header, &self.signature_header) {
            (Some(channel), _) if !channel.tx_id.is_empty() => channel.tx_id.clone(),
            (Some(_), Some(signature)) => txid::compute(&signature.nonce, &signature.creator),
            _ => String::new(),
        }
    }

    /// The read-write set, if every layer around it is there and can be read.
    pub fn rwset(&self) -> Option<&TxRwSet> {
        let endorsed = self.endorsed.as_ref().ok()?;
        endorsed.chaincode_action().and(endorsed.rwset.as_ref().ok())
    }

    /// The same for what its header says is an endorser transaction.
    pub fn endorser_rwset(&self) -> Option<&TxRwSet> {
        self.rwset().filter(|_| self.header_type() == Some(HeaderType::EndorserTransaction))
    }

    pub fn into_rwset(self) -> Option<TxRwSet> {
        self.endorsed.ok().and_then(|endorsed| endorsed.rwset.ok())
    }
}

impl Endorsed {
    fn new(transaction: &Transaction) -> Result<Self, Flaw> {
        let first = transaction.actions.first().ok_or(Flaw::NoActions)?;
        let payload: ChaincodeActionPayload =
            decode(first.payload.clone()).map_err(|_| Flaw::Malformed("ChaincodeActionPayload"))?;
        let endorsed = payload.action.ok_or(Flaw::NoEndorsedAction)?;
        let response_payload: ProposalResponsePayload = decode(endorsed.proposal_response_payload.clone())
            .map_err(|_| Flaw::Malformed("ProposalResponsePayload"))?;
        let action = decode::<ChaincodeAction>(response_payload.extension.clone());
        let rwset = match &action {
            Ok(action) => TxRwSet::decode(action.results.clone()),
            Err(error) => Err(error.clone()),
        };
        Ok(Self {
            proposal_payload: payload.chaincode_proposal_payload,
            response_payload_bytes: endorsed.proposal_response_payload,
            response_payload,
            endorsements: endorsed.endorsements,
            action,
            rwset,
        })
    }

    /// The action, unless it is missing or cannot be read (`protoutil/txutils.go`, `GetPayloads`).
    pub fn chaincode_action(&self) -> Option<&ChaincodeAction> {
        let is_there = !self.response_payload_bytes.is_empty() && !self.response_payload.extension.is_empty();
        self.action.as_ref().ok().filter(|_| is_there)
    }
}
