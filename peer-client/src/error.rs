//! What can go wrong between a client and a gateway, with all that the gateway tells about it.

use std::fmt;

use fabric::{
    crypto::SigningError,
    types::{envelope::Unreadable, proposal::Undecodable},
};
use prost::{DecodeError, Message};
use serde_json::error::Category;
use tonic::{Code, Status};

use crate::{NotCommitted, ordering::NotOrdered};

/// Any failure of this crate. A transaction that was invalidated is [`Error::NotCommitted`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot reach {address}: {reason}", reason = innermost(source))]
    Connect { address: String, source: tonic::transport::Error },
    #[error(transparent)]
    Gateway(#[from] Box<GatewayError>),
    #[error(transparent)]
    NotCommitted(#[from] NotCommitted),
    #[error(transparent)]
    NotOrdered(#[from] NotOrdered),
    #[error("{0} is not signed: this gateway has no private key, so sign its digest and add the signature")]
    NotSigned(&'static str),
    #[error("no randomness from the operating system: {0}")]
    Random(getrandom::Error),
    #[error(transparent)]
    Signing(#[from] SigningError),
    #[error("cannot decode {what}")]
    Decode { what: &'static str, source: DecodeError },
    #[error("cannot read the transaction: {0}")]
    Unreadable(#[from] Unreadable),
    #[error("cannot read the proposal: {0}")]
    Proposal(#[from] Undecodable),
    #[error("{what} lacks {part}")]
    Missing { what: &'static str, part: &'static str },
}

/// The step of a transaction at which a call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Evaluate,
    Endorse,
    Submit,
    CommitStatus,
    ChaincodeEvents,
}

/// What the gateway answered instead of a result.
#[derive(Clone, Debug, thiserror::Error)]
pub struct GatewayError {
    pub step: Step,
    pub transaction_id: String,
    pub code: Code,
    pub message: String,
    /// One for each peer or orderer that had something to say.
    pub details: Vec<Detail>,
}

/// What one peer or orderer said (`gateway.ErrorDetail`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detail {
    pub address: String,
    pub msp_id: String,
    pub message: String,
}

impl GatewayError {
    /// What turns a failed call of this step into an error.
    pub(crate) fn at(step: Step, transaction_id: &str) -> impl FnOnce(Status) -> Error {
        move |status| {
            Error::Gateway(Box::new(Self {
                step,
                transaction_id: transaction_id.into(),
                code: status.code(),
                message: status.message().into(),
                details: details(status.details()),
            }))
        }
    }

    /// The gateway could not be reached, or could not reach what it needs; the same call may succeed later.
    pub fn is_unavailable(&self) -> bool {
        matches!(self.code, Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled)
    }

    /// The gateway knows no peer that could endorse, or knows it and does not reach it.
    pub fn lacks_endorsers(&self) -> bool {
        let cannot_plan = self.code == Code::FailedPrecondition;
        let is_away = |detail: &Detail| detail.message.contains("code = Unavailable");
        self.step == Step::Endorse && (cannot_plan || self.details.iter().any(is_away))
    }

    /// Two endorsers answered the same proposal differently: their chaincodes are not the same program
    /// (`internal/pkg/gateway/endorse.go`).
    pub fn endorsers_differ(&self) -> bool {
        let differs = |detail: &Detail| detail.message.contains("ProposalResponsePayloads do not match");
        self.step == Step::Endorse && self.details.iter().any(differs)
    }
}

impl fmt::Display for GatewayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} failed ({:?}): {}", self.step, self.code, self.message)?;
        // Peers that run the same code say the same: once is enough.
        let mut said: Vec<(&str, Vec<String>)> = Vec::new();
        for Detail { address, msp_id, message } in &self.details {
            let by = format!("{address} ({msp_id})");
            match said.iter_mut().find(|(known, _)| known == message) {
                Some((_, peers)) => peers.push(by),
                None => said.push((message, vec![by])),
            }
        }
        said.iter().try_for_each(|(message, peers)| write!(f, "\n  {}: {message}", peers.join(", ")))
    }
}

/// Reads `grpc-status-details-bin`. Details in an unknown form are left out: they only explain.
fn details(encoded: &[u8]) -> Vec<Detail> {
    let status = RpcStatus::decode(encoded).unwrap_or_default();
    let ours = status.details.iter().filter(|any| any.type_url.ends_with("/gateway.ErrorDetail"));
    ours.filter_map(|any| fabric::proto::gateway::ErrorDetail::decode(any.value.as_slice()).ok())
        .map(|detail| Detail { address: detail.address, msp_id: detail.msp_id, message: detail.message })
        .collect()
}

/// Where a text stops being JSON of the expected form, in words for the person who wrote it.
pub fn json_fault(error: &serde_json::Error) -> String {
    let place = format!("line {}, column {}", error.line(), error.column());
    match error.classify() {
        Category::Eof => format!("it is no JSON: it ends too early, at {place}"),
        Category::Syntax => format!("it is no JSON: see {place}"),
        Category::Data | Category::Io => {
            let text = error.to_string();
            let (reason, _) = text.rsplit_once(" at line ").unwrap_or((&text, ""));
            if error.line() == 0 { reason.to_owned() } else { format!("{reason} ({place})") }
        }
    }
}

/// `google.rpc.Status`.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// A transport error says "transport error"; its cause says "connection refused".
fn innermost(error: &tonic::transport::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

pub(crate) fn decode<M: Message + Default>(what: &'static str, bytes: bytes::Bytes) -> Result<M, Error> {
    M::decode(bytes).map_err(|source| Error::Decode { what, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detail(address: &str, message: &str) -> Detail {
        Detail { address: address.into(), msp_id: "OrgMSP".into(), message: message.into() }
    }

    #[test]
    fn what_all_peers_say_is_told_once() {
        let error = GatewayError {
            step: Step::Endorse,
            transaction_id: String::new(),
            code: Code::Aborted,
            message: "failed to endorse".into(),
            details: vec![detail("a:1", "no"), detail("b:2", "no"), detail("c:3", "perhaps")],
        };
        let expected = "Endorse failed (Aborted): failed to endorse\n  a:1 (OrgMSP), b:2 (OrgMSP): no\n  \
                        c:3 (OrgMSP): perhaps";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn a_fault_in_json_is_told_without_the_parsers_words() {
        let fault = |text: &str| serde_json::from_str::<Vec<u8>>(text).map_err(|error| json_fault(&error));
        assert_eq!(fault("hello"), Err("it is no JSON: see line 1, column 1".into()));
        assert_eq!(fault("[1,"), Err("it is no JSON: it ends too early, at line 1, column 3".into()));
        assert!(fault("{}").is_err_and(|fault| !fault.contains("at line")));
    }
}
