//! The first step: a proposal, to be evaluated on one peer or endorsed by those whom policy asks.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use fabric::{
    proto::{
        common::{ChannelHeader, Header, HeaderType, SignatureHeader},
        gateway::{EndorseRequest, EvaluateRequest, ProposedTransaction},
        protos::{
            ChaincodeHeaderExtension, ChaincodeId, ChaincodeInput, ChaincodeInvocationSpec,
            ChaincodeProposalPayload, ChaincodeSpec, Proposal as ProposalMessage, SignedProposal,
        },
    },
    types::{DecodedProposal, txid},
};
use prost::Message;
use sha2::{Digest, Sha256};

use crate::{Error, Gateway, GatewayError, Invocation, Step, Transaction, error::decode};

/// Bytes of randomness in a signature header, as Fabric's clients use.
const NONCE_BYTES: usize = 24;

/// A call bound to its caller, with a transaction id of its own.
///
/// It is signed if the gateway holds a private key. Otherwise pass [`Proposal::digest`] to the holder of the key, and
/// the answer to [`Proposal::with_signature`].
#[derive(Clone)]
pub struct Proposal {
    gateway: Gateway,
    transaction_id: String,
    channel: String,
    organizations: Vec<String>,
    bytes: Bytes,
    signature: Option<Bytes>,
}

impl Proposal {
    pub(crate) fn new(gateway: Gateway, invocation: Invocation) -> Result<Self, Error> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(Error::Random)?;
        let transaction_id = txid::compute(&nonce, gateway.creator());
        let header = header(&invocation, &transaction_id, gateway.creator(), &nonce);
        let message = ProposalMessage {
            header: encode(&header),
            payload: encode(&payload(&invocation)),
            ..Default::default()
        };
        let Invocation { channel, organizations, .. } = invocation;
        let bytes = encode(&message);
        let signature = gateway.try_sign(&bytes)?;
        Ok(Self { gateway, transaction_id, channel, organizations, bytes, signature })
    }

    /// Takes up a proposal that [`Proposal::to_bytes`] wrote, perhaps in another process.
    pub(crate) fn from_bytes(gateway: Gateway, bytes: Bytes) -> Result<Self, Error> {
        let what = "a proposed transaction";
        let proposed: ProposedTransaction = decode(what, bytes)?;
        let signed = proposed.proposal.ok_or(Error::Missing { what, part: "its proposal" })?;
        let DecodedProposal { channel, signed, .. } = DecodedProposal::new(signed);
        let signature = Some(signed.signature).filter(|signature| !signature.is_empty());
        Ok(Self {
            gateway,
            transaction_id: proposed.transaction_id,
            channel: channel?.channel_id,
            organizations: proposed.endorsing_organizations,
            bytes: signed.proposal_bytes,
            signature,
        })
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

    /// Adds a signature made elsewhere: DER, low S, over [`Proposal::digest`].
    pub fn with_signature(self, signature: impl Into<Bytes>) -> Self {
        Self { signature: Some(signature.into()), ..self }
    }

    /// A `gateway.ProposedTransaction`, which other Gateway clients read too.
    pub fn to_bytes(&self) -> Bytes {
        encode(&ProposedTransaction {
            transaction_id: self.transaction_id.clone(),
            proposal: Some(SignedProposal {
                proposal_bytes: self.bytes.clone(),
                signature: self.signature.clone().unwrap_or_default(),
            }),
            endorsing_organizations: self.organizations.clone(),
        })
    }

    /// Runs the function on one peer and returns its result. Nothing is written.
    pub async fn evaluate(&self) -> Result<Bytes, Error> {
        let request = EvaluateRequest {
            transaction_id: self.transaction_id.clone(),
            channel_id: self.channel.clone(),
            proposed_transaction: Some(self.signed()?),
            target_organizations: self.organizations.clone(),
        };
        let request = self.gateway.request(request, self.gateway.timeouts().evaluate);
        let response = self.gateway.client().evaluate(request).await;
        let response = response.map_err(GatewayError::at(Step::Evaluate, &self.transaction_id))?;
        Ok(response.into_inner().result.unwrap_or_default().payload)
    }

    /// Runs the function on as many peers as its endorsement policy asks for, and collects their signatures.
    pub async fn endorse(&self) -> Result<Transaction, Error> {
        let request = EndorseRequest {
            transaction_id: self.transaction_id.clone(),
            channel_id: self.channel.clone(),
            proposed_transaction: Some(self.signed()?),
            endorsing_organizations: self.organizations.clone(),
        };
        let request = self.gateway.request(request, self.gateway.timeouts().endorse);
        let response = self.gateway.client().endorse(request).await;
        let response = response.map_err(GatewayError::at(Step::Endorse, &self.transaction_id))?;
        let date = response.metadata().get("date").and_then(|date| date.to_str().ok());
        let gateway_time = date.and_then(|date| httpdate::parse_http_date(date).ok());
        let envelope = response.into_inner().prepared_transaction;
        let envelope =
            envelope.ok_or(Error::Missing { what: "the gateway's answer", part: "a transaction" })?;
        let transaction = Transaction::new(self.gateway.clone(), self.transaction_id.clone(), envelope)?;
        Ok(transaction.answered_at(gateway_time))
    }

    fn signed(&self) -> Result<SignedProposal, Error> {
        let signature = self.signature.clone().ok_or(Error::NotSigned("the proposal"))?;
        Ok(SignedProposal { proposal_bytes: self.bytes.clone(), signature })
    }
}

/// Without its bytes, in which private inputs are.
impl fmt::Debug for Proposal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "proposal {}", self.transaction_id)
    }
}

fn header(invocation: &Invocation, transaction_id: &str, creator: &Bytes, nonce: &[u8]) -> Header {
    let extension = ChaincodeHeaderExtension { chaincode_id: Some(chaincode_id(invocation)) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut channel_header = ChannelHeader {
        r#type: HeaderType::EndorserTransaction.into(),
        channel_id: invocation.channel.clone(),
        tx_id: transaction_id.into(),
        extension: encode(&extension),
        ..Default::default()
    };
    let timestamp = channel_header.timestamp.get_or_insert_default();
    timestamp.seconds = now.as_secs() as i64;
    timestamp.nanos = now.subsec_nanos() as i32;
    let signature_header = SignatureHeader { creator: creator.clone(), nonce: Bytes::copy_from_slice(nonce) };
    Header { channel_header: encode(&channel_header), signature_header: encode(&signature_header) }
}

fn payload(invocation: &Invocation) -> ChaincodeProposalPayload {
    let input = ChaincodeInput { args: invocation.arguments.clone(), ..Default::default() };
    // The language is not looked at; Fabric's own clients say NODE whatever the chaincode is written in.
    let spec = ChaincodeSpec {
        r#type: fabric::proto::protos::chaincode_spec::Type::Node.into(),
        chaincode_id: Some(chaincode_id(invocation)),
        input: Some(input),
        ..Default::default()
    };
    ChaincodeProposalPayload {
        input: encode(&ChaincodeInvocationSpec { chaincode_spec: Some(spec) }),
        transient_map: invocation.transient.clone(),
    }
}

fn chaincode_id(invocation: &Invocation) -> ChaincodeId {
    ChaincodeId { name: invocation.chaincode.clone(), ..Default::default() }
}

fn encode(message: &impl Message) -> Bytes {
    message.encode_to_vec().into()
}
