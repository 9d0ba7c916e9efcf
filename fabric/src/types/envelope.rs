//! An envelope and what is in it, decoded layer by layer: the one way from an envelope to its read-write set.
//!
//! | layer | is in | Fabric reads it by |
//! |---|---|---|
//! | [`Layer::Payload`] | the envelope | `protoutil.UnmarshalPayload` |
//! | [`Layer::ChannelHeader`], [`Layer::SignatureHeader`] | the payload's header | `protoutil.UnmarshalChannelHeader`, `UnmarshalSignatureHeader` |
//! | [`Layer::Transaction`] | the payload's data | `protoutil.UnmarshalTransaction` |
//! | [`Layer::ActionPayload`] | an action of the transaction | `protoutil.UnmarshalChaincodeActionPayload` |
//! | [`Layer::ResponsePayload`] | its endorsed action | `protoutil.UnmarshalProposalResponsePayload` |
//! | [`Layer::Action`] | the extension of the response payload | `protoutil.UnmarshalChaincodeAction` |
//! | [`Layer::RwSet`] | the results of the chaincode action | `rwsetutil.TxRwSet.FromProtoBytes` |
//!
//! Each check of Fabric decodes the envelope anew, and stops where it cannot go on. So each layer is decoded once, when it is
//! first asked for; a layer that cannot be read gives the first failure on the way to it, and what that means is for the
//! check to say. Sources: `protoutil/{unmarshalers,txutils,commonutils}.go`,
//! `core/ledger/kvledger/txmgmt/rwsetutil/rwset_proto_util.go`.

use std::{fmt, sync::OnceLock};

use bytes::Bytes;

use super::{
    decode::{DecodeError, decode_noting},
    rwset::TxRwSet,
    txid,
};
use crate::proto::{
    common::{ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader},
    protos::{
        ChaincodeAction, ChaincodeActionPayload, ChaincodeEndorsedAction, ProposalResponsePayload,
        Transaction, TransactionAction,
    },
};

/// A message within an envelope, or the envelope itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    Envelope,
    Payload,
    ChannelHeader,
    SignatureHeader,
    Transaction,
    ActionPayload,
    ResponsePayload,
    Action,
    RwSet,
}

/// Why a layer cannot be read: the first failure on the way to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("{error}")]
    Malformed { layer: Layer, error: DecodeError },
    /// Go takes such a field for an unknown one; only [`DecodedEnvelope::strict`] refuses it.
    #[error("a field of {layer} has another type")]
    Mistyped { layer: Layer },
    #[error("the header is missing")]
    NoHeader,
    #[error("there are no actions")]
    NoActions,
    #[error("the action has no content")]
    NoEndorsedAction,
}

/// A layer, or the first failure on the way to it.
pub type Part<'d, M> = Result<&'d M, &'d Unreadable>;

/// An envelope, decoded as far as it was asked for.
#[derive(Debug)]
pub struct DecodedEnvelope {
    tolerance: Tolerance,
    envelope: Result<Envelope, Unreadable>,
    payload: Once<Payload>,
    channel_header: Once<ChannelHeader>,
    signature_header: Once<SignatureHeader>,
    transaction: Once<Transaction>,
    /// The first one.
    action: Once<DecodedAction>,
}

/// An action of an endorser transaction and what is in it.
#[derive(Debug)]
pub struct DecodedAction {
    tolerance: Tolerance,
    pub payload: ChaincodeActionPayload,
    response: Once<DecodedResponse>,
}

/// A proposal response payload and what is in it.
#[derive(Debug)]
pub struct DecodedResponse {
    tolerance: Tolerance,
    bytes: Bytes,
    pub payload: ProposalResponsePayload,
    action: Once<ChaincodeAction>,
    rwset: Once<TxRwSet>,
}

type Once<M> = OnceLock<Result<M, Unreadable>>;

impl DecodedEnvelope {
    /// An encoded envelope, as it stands in a block.
    pub fn new(bytes: Bytes) -> Self {
        Self::with(Tolerance::Go.decode(Layer::Envelope, &bytes, decode_noting), Tolerance::Go)
    }

    /// An envelope whose outer message is decoded already.
    pub fn of(envelope: Envelope) -> Self {
        Self::with(Ok(envelope), Tolerance::Go)
    }

    /// The same, but a layer in which a known field comes with another wire type cannot be read: peers of different
    /// versions read such a field differently.
    pub fn strict(envelope: Envelope) -> Self {
        Self::with(Ok(envelope), Tolerance::None)
    }

    fn with(envelope: Result<Envelope, Unreadable>, tolerance: Tolerance) -> Self {
        Self {
            tolerance,
            envelope,
            payload: Once::new(),
            channel_header: Once::new(),
            signature_header: Once::new(),
            transaction: Once::new(),
            action: Once::new(),
        }
    }

    pub fn envelope(&self) -> Part<'_, Envelope> {
        self.envelope.as_ref()
    }

    pub fn payload(&self) -> Part<'_, Payload> {
        let decode = || self.tolerance.decode(Layer::Payload, &self.envelope()?.payload, decode_noting);
        self.payload.get_or_init(decode).as_ref()
    }

    pub fn header(&self) -> Part<'_, Header> {
        self.payload()?.header.as_ref().ok_or(&Unreadable::NoHeader)
    }

    pub fn channel_header(&self) -> Part<'_, ChannelHeader> {
        let decode =
            || self.tolerance.decode(Layer::ChannelHeader, &self.header()?.channel_header, decode_noting);
        self.channel_header.get_or_init(decode).as_ref()
    }

    /// What the channel header says the envelope is; `None` where it cannot be read or Fabric knows no such type.
    pub fn header_type(&self) -> Option<HeaderType> {
        self.channel_header().ok().and_then(|header| HeaderType::try_from(header.r#type).ok())
    }

    pub fn signature_header(&self) -> Part<'_, SignatureHeader> {
        let decode =
            || self.tolerance.decode(Layer::SignatureHeader, &self.header()?.signature_header, decode_noting);
        self.signature_header.get_or_init(decode).as_ref()
    }

    /// The id under which the ledger knows the transaction, whatever its verdict: as the channel header says, or else
    /// computed. Empty where a header cannot be read, as in Fabric's index
    /// (`protoutil.GetOrComputeTxIDFromEnvelope`).
    pub fn indexed_txid(&self) -> String {
        match (self.channel_header(), self.signature_header()) {
            (Ok(channel), _) if !channel.tx_id.is_empty() => channel.tx_id.clone(),
            (Ok(_), Ok(signature)) => txid::compute(&signature.nonce, &signature.creator),
            _ => String::new(),
        }
    }

    /// The payload's data as a transaction, whatever the header says it is.
    pub fn transaction(&self) -> Part<'_, Transaction> {
        let decode = || self.tolerance.decode(Layer::Transaction, &self.payload()?.data, decode_noting);
        self.transaction.get_or_init(decode).as_ref()
    }

    /// The first action, which is the only one that peers look at.
    pub fn action(&self) -> Part<'_, DecodedAction> {
        self.action.get_or_init(|| self.decode_action()).as_ref()
    }

    fn decode_action(&self) -> Result<DecodedAction, Unreadable> {
        let first = self.transaction()?.actions.first().ok_or(Unreadable::NoActions)?;
        DecodedAction::decode(first, self.tolerance)
    }

    /// All actions, for event listeners. Each is decoded anew.
    pub fn actions(&self) -> impl Iterator<Item = Result<DecodedAction, Unreadable>> {
        let actions = self.transaction().map_or(&[][..], |transaction| &transaction.actions);
        actions.iter().map(|action| DecodedAction::decode(action, self.tolerance))
    }

    /// The proposal response payload of the first action.
    pub fn response(&self) -> Part<'_, DecodedResponse> {
        self.action()?.response()
    }

    /// The read-write set of the first action.
    pub fn rwset(&self) -> Part<'_, TxRwSet> {
        self.response()?.rwset()
    }

    /// The same, as a value of its own.
    pub fn into_rwset(mut self) -> Result<TxRwSet, Unreadable> {
        let action = self.action.take().unwrap_or_else(|| self.decode_action());
        action?.into_response()?.into_rwset()
    }
}

impl DecodedAction {
    fn decode(action: &TransactionAction, tolerance: Tolerance) -> Result<Self, Unreadable> {
        let payload = tolerance.decode(Layer::ActionPayload, &action.payload, decode_noting)?;
        Ok(Self { tolerance, payload, response: Once::new() })
    }

    /// The endorsements, and what the endorsers signed.
    pub fn endorsed(&self) -> Part<'_, ChaincodeEndorsedAction> {
        self.payload.action.as_ref().ok_or(&Unreadable::NoEndorsedAction)
    }

    pub fn response(&self) -> Part<'_, DecodedResponse> {
        self.response.get_or_init(|| self.decode_response()).as_ref()
    }

    fn into_response(mut self) -> Result<DecodedResponse, Unreadable> {
        self.response.take().unwrap_or_else(|| self.decode_response())
    }

    fn decode_response(&self) -> Result<DecodedResponse, Unreadable> {
        DecodedResponse::decode(self.endorsed()?.proposal_response_payload.clone(), self.tolerance)
    }
}

impl DecodedResponse {
    /// An encoded `ProposalResponsePayload`, as an endorser answers it.
    pub fn new(bytes: Bytes) -> Result<Self, Unreadable> {
        Self::decode(bytes, Tolerance::Go)
    }

    fn decode(bytes: Bytes, tolerance: Tolerance) -> Result<Self, Unreadable> {
        let payload = tolerance.decode(Layer::ResponsePayload, &bytes, decode_noting)?;
        Ok(Self { tolerance, bytes, payload, action: Once::new(), rwset: Once::new() })
    }

    /// What the chaincode did. No bytes at all are an action without content, as in Go.
    pub fn action(&self) -> Part<'_, ChaincodeAction> {
        let decode = || self.tolerance.decode(Layer::Action, &self.payload.extension, decode_noting);
        self.action.get_or_init(decode).as_ref()
    }

    /// The action, unless it is missing or cannot be read (`protoutil.GetPayloads`).
    pub fn present_action(&self) -> Option<&ChaincodeAction> {
        let is_there = !self.bytes.is_empty() && !self.payload.extension.is_empty();
        if is_there { self.action().ok() } else { None }
    }

    pub fn rwset(&self) -> Part<'_, TxRwSet> {
        self.rwset.get_or_init(|| self.decode_rwset()).as_ref()
    }

    fn into_rwset(mut self) -> Result<TxRwSet, Unreadable> {
        self.rwset.take().unwrap_or_else(|| self.decode_rwset())
    }

    fn decode_rwset(&self) -> Result<TxRwSet, Unreadable> {
        self.tolerance.decode(Layer::RwSet, &self.action()?.results, TxRwSet::decode_noting)
    }
}

/// What is done with a known field that comes with another wire type.
#[derive(Clone, Copy, Debug)]
enum Tolerance {
    /// It counts as unknown.
    Go,
    /// The message cannot be read.
    None,
}

impl Tolerance {
    fn decode<M>(
        self,
        layer: Layer,
        bytes: &Bytes,
        decode: impl FnOnce(Bytes, &mut bool) -> Result<M, DecodeError>,
    ) -> Result<M, Unreadable> {
        let mut mistyped = false;
        let message = decode(bytes.clone(), &mut mistyped);
        match self {
            Self::None if mistyped => Err(Unreadable::Mistyped { layer }),
            _ => message.map_err(|error| Unreadable::Malformed { layer, error }),
        }
    }
}

impl Layer {
    /// The name of the layer's message.
    pub fn message(self) -> &'static str {
        match self {
            Self::Envelope => "Envelope",
            Self::Payload => "Payload",
            Self::ChannelHeader => "ChannelHeader",
            Self::SignatureHeader => "SignatureHeader",
            Self::Transaction => "Transaction",
            Self::ActionPayload => "ChaincodeActionPayload",
            Self::ResponsePayload => "ProposalResponsePayload",
            Self::Action => "ChaincodeAction",
            Self::RwSet => "TxReadWriteSet",
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Envelope => "the envelope",
            Self::Payload => "the payload",
            Self::ChannelHeader => "the channel header",
            Self::SignatureHeader => "the signature header",
            Self::Transaction => "the transaction",
            Self::ActionPayload => "the action's payload",
            Self::ResponsePayload => "the proposal response",
            Self::Action => "the chaincode action",
            Self::RwSet => "the read-write set",
        })
    }
}

/// The failure of an outer layer is that of all within it.
impl From<&Unreadable> for Unreadable {
    fn from(failure: &Unreadable) -> Self {
        failure.clone()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use prost::Message;

    use super::*;

    /// A message that no protobuf reader takes.
    const GARBAGE: Bytes = Bytes::from_static(&[0xff]);
    /// Field 1 as a fixed number, which no layer has there.
    const MISTYPED: Bytes = Bytes::from_static(&[0x0d, 1, 2, 3, 4]);

    /// The layers from the innermost to the payload, each around the one before; those in `bytes` replaced.
    fn envelope(bytes: &[(Layer, Bytes)]) -> Envelope {
        let or = |layer: Layer, encoded: Vec<u8>| {
            let replaced = bytes.iter().find(|(other, _)| *other == layer);
            replaced.map_or_else(|| encoded.into(), |(_, bytes)| bytes.clone())
        };
        let action = ChaincodeAction { results: or(Layer::RwSet, Vec::new()), ..Default::default() };
        let extension = or(Layer::Action, action.encode_to_vec());
        let response = ProposalResponsePayload { extension, ..Default::default() };
        let proposal_response_payload = or(Layer::ResponsePayload, response.encode_to_vec());
        let action = ChaincodeEndorsedAction { proposal_response_payload, ..Default::default() };
        let payload = ChaincodeActionPayload { action: Some(action), ..Default::default() };
        let payload = or(Layer::ActionPayload, payload.encode_to_vec());
        let actions = vec![TransactionAction { payload, ..Default::default() }];
        let channel_header = ChannelHeader { tx_id: "id".to_owned(), ..Default::default() };
        let header = Header {
            channel_header: or(Layer::ChannelHeader, channel_header.encode_to_vec()),
            signature_header: or(Layer::SignatureHeader, Vec::new()),
        };
        let data = or(Layer::Transaction, Transaction { actions }.encode_to_vec());
        let payload = Payload { header: Some(header), data }.encode_to_vec();
        Envelope { payload: or(Layer::Payload, payload), signature: Bytes::new() }
    }

    fn layer(failure: &Unreadable) -> Layer {
        match failure {
            Unreadable::Malformed { layer, .. } | Unreadable::Mistyped { layer } => *layer,
            other => panic!("{other}"),
        }
    }

    /// The layers that are read one after the other on the way to the read-write set.
    const WAY: [Layer; 6] = [
        Layer::Payload,
        Layer::Transaction,
        Layer::ActionPayload,
        Layer::ResponsePayload,
        Layer::Action,
        Layer::RwSet,
    ];

    #[test]
    fn the_first_failure_on_the_way_is_named() {
        assert!(DecodedEnvelope::of(envelope(&[])).rwset().is_ok());
        for (index, first) in WAY.iter().enumerate() {
            let later = WAY.iter().skip(index).map(|layer| (*layer, GARBAGE)).collect::<Vec<_>>();
            let decoded = DecodedEnvelope::of(envelope(&later));
            assert_eq!(layer(decoded.rwset().unwrap_err()), *first);
            assert_eq!(layer(&decoded.into_rwset().unwrap_err()), *first);
        }
    }

    #[test]
    fn a_layer_that_is_not_on_the_way_does_not_count() {
        let headers = [(Layer::ChannelHeader, GARBAGE), (Layer::SignatureHeader, GARBAGE)];
        let decoded = DecodedEnvelope::of(envelope(&headers));
        assert!(decoded.rwset().is_ok());
        assert_eq!(layer(decoded.channel_header().unwrap_err()), Layer::ChannelHeader);
        assert_eq!(decoded.indexed_txid(), "");
        let decoded = DecodedEnvelope::of(envelope(&[(Layer::Transaction, GARBAGE)]));
        assert_eq!(
            (decoded.channel_header().unwrap().tx_id.as_str(), decoded.indexed_txid().as_str()),
            ("id", "id")
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let failure = |layer, bytes: &'static [u8]| {
            let decoded = DecodedEnvelope::of(envelope(&[(layer, Bytes::from_static(bytes))]));
            decoded.rwset().unwrap_err().clone()
        };
        assert_eq!(failure(Layer::Transaction, &[]), Unreadable::NoActions);
        assert_eq!(failure(Layer::ActionPayload, &[]), Unreadable::NoEndorsedAction);
        let decoded = DecodedEnvelope::of(envelope(&[(Layer::Payload, Bytes::new())]));
        assert_eq!(decoded.channel_header(), Err(&Unreadable::NoHeader));
        let decoded = DecodedEnvelope::of(envelope(&[(Layer::Action, Bytes::new())]));
        let response = decoded.response().unwrap();
        assert!(response.action().is_ok() && response.present_action().is_none());
    }

    #[test]
    fn only_a_strict_reader_stops_at_a_field_of_another_type() {
        for mistyped in WAY.into_iter().skip(4) {
            let envelope = envelope(&[(mistyped, MISTYPED)]);
            assert!(DecodedEnvelope::of(envelope.clone()).rwset().is_ok(), "{mistyped}");
            let decoded = DecodedEnvelope::strict(envelope);
            assert_eq!(decoded.rwset(), Err(&Unreadable::Mistyped { layer: mistyped }));
        }
        let decoded = DecodedEnvelope::strict(envelope(&[(Layer::SignatureHeader, MISTYPED)]));
        assert_eq!(layer(decoded.signature_header().unwrap_err()), Layer::SignatureHeader);
    }
}
