//! The last step: what became of a transaction that was submitted.

use bytes::Bytes;
use fabric::proto::{
    gateway::{CommitStatusRequest, SignedCommitStatusRequest},
    protos::TxValidationCode,
};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::{Error, Gateway, GatewayError, Step, error::decode};

/// A question after a transaction's fate, signed by the caller if the gateway holds a private key.
#[derive(Clone, Debug)]
pub struct Commit {
    gateway: Gateway,
    transaction_id: String,
    bytes: Bytes,
    signature: Option<Bytes>,
}

/// The verdict on a transaction that stands in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitStatus {
    pub transaction_id: String,
    pub code: TxValidationCode,
    pub block_number: u64,
}

/// A transaction that stands in a block and has no effect, because validation found it invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("transaction {transaction_id} is in block {block_number} but invalid: {}", code.as_str_name())]
pub struct NotCommitted {
    pub transaction_id: String,
    pub code: TxValidationCode,
    pub block_number: u64,
}

impl Commit {
    pub(crate) fn new(gateway: Gateway, channel: &str, transaction_id: &str) -> Result<Self, Error> {
        let request = CommitStatusRequest {
            transaction_id: transaction_id.into(),
            channel_id: channel.into(),
            identity: gateway.creator().clone(),
        };
        let bytes = Bytes::from(request.encode_to_vec());
        let signature = gateway.try_sign(&bytes)?;
        Ok(Self { gateway, transaction_id: transaction_id.into(), bytes, signature })
    }

    pub(crate) fn from_bytes(gateway: Gateway, bytes: Bytes) -> Result<Self, Error> {
        let signed: SignedCommitStatusRequest = decode("a signed commit status request", bytes)?;
        let request: CommitStatusRequest = decode("a commit status request", signed.request.clone())?;
        let signature = Some(signed.signature).filter(|signature| !signature.is_empty());
        Ok(Self { gateway, transaction_id: request.transaction_id, bytes: signed.request, signature })
    }

    pub fn transaction_id(&self) -> &str {
        &self.transaction_id
    }

    /// What the caller signs.
    pub fn message(&self) -> &Bytes {
        &self.bytes
    }

    /// SHA-256 of it.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(&self.bytes).into()
    }

    /// Adds a signature made elsewhere: DER, low S, over [`Commit::digest`].
    pub fn with_signature(self, signature: impl Into<Bytes>) -> Self {
        Self { signature: Some(signature.into()), ..self }
    }

    /// A `gateway.SignedCommitStatusRequest`, which other Gateway clients read too.
    pub fn to_bytes(&self) -> Bytes {
        let signature = self.signature.clone().unwrap_or_default();
        SignedCommitStatusRequest { request: self.bytes.clone(), signature }.encode_to_vec().into()
    }

    /// Waits until the transaction is in a block, and tells the verdict. May be asked again at any time later.
    pub async fn status(&self) -> Result<CommitStatus, Error> {
        let signature = self.signature.clone().ok_or(Error::NotSigned("the commit status request"))?;
        let request = SignedCommitStatusRequest { request: self.bytes.clone(), signature };
        let request = self.gateway.request(request, self.gateway.timeouts().commit_status);
        let response = self.gateway.client().commit_status(request).await;
        let response = response.map_err(GatewayError::at(Step::CommitStatus, &self.transaction_id))?;
        let response = response.into_inner();
        // A code this client does not know is certainly not VALID, which is what an enum default would say.
        let code =
            TxValidationCode::try_from(response.result).unwrap_or(TxValidationCode::InvalidOtherReason);
        let transaction_id = self.transaction_id.clone();
        Ok(CommitStatus { transaction_id, code, block_number: response.block_number })
    }
}

impl NotCommitted {
    /// Another transaction changed what this one had read; the same call may succeed when it is made anew.
    pub fn is_conflict(&self) -> bool {
        matches!(self.code, TxValidationCode::MvccReadConflict | TxValidationCode::PhantomReadConflict)
    }
}

impl CommitStatus {
    /// Turns an invalid transaction into an error that carries its validation code.
    pub fn successful(self) -> Result<Self, NotCommitted> {
        if self.code == TxValidationCode::Valid {
            return Ok(self);
        }
        let Self { transaction_id, code, block_number } = self;
        Err(NotCommitted { transaction_id, code, block_number })
    }
}
