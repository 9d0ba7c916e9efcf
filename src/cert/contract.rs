//! The certificate contract as a client calls it, and how its refusals and the network's failures end a command.

use std::time::SystemTime;

use bytes::Bytes;
use peer_client::{
    ConnectionProfile, Detail, Error, Gateway, GatewayError, Invocation, Proposal, Step,
    profile::{Organisation, ProfileError},
};
use serde::de::DeserializeOwned;
use tonic::Code;

use super::{clock, output};
use crate::exit::{Exit, Failure};

/// The contract at one organisation's gateway, in one identity's name.
pub struct Contract {
    gateway: Gateway,
    channel: String,
    chaincode: String,
}

/// A transaction that is on the ledger and valid.
pub struct Committed {
    pub transaction_id: String,
    pub block: u64,
    pub result: Bytes,
}

/// Why a call gave no result.
#[derive(Debug)]
pub enum CallError {
    /// The contract's own answer; the status is in the manner of HTTP.
    Refused {
        status: u16,
        message: String,
    },
    Failed(Error),
}

impl Contract {
    pub async fn connect(
        profile: &ConnectionProfile,
        organisation: &str,
        user: &str,
    ) -> Result<Self, Failure> {
        let organisation = profile.organisation(organisation).map_err(usage)?;
        Self::at(profile, organisation, user).await
    }

    /// Connects to an organisation whose gateway may be another than its profile's.
    pub async fn at(
        profile: &ConnectionProfile,
        organisation: &Organisation,
        user: &str,
    ) -> Result<Self, Failure> {
        let identity = profile.identity(organisation, user).map_err(usage)?;
        let endpoint = organisation.gateway.endpoint().map_err(usage)?;
        let gateway = Gateway::connect(&endpoint, identity).await.map_err(CallError::Failed)?;
        Ok(Self { gateway, channel: profile.channel.clone(), chaincode: profile.chaincode.clone() })
    }

    /// A proposal of this call, not yet sent.
    pub fn propose(&self, function: &str, arguments: &[&str]) -> Result<Proposal, Error> {
        let call = Invocation::new(&self.channel, &self.chaincode, function);
        let call = arguments.iter().fold(call, |call, argument| call.argument(argument.as_bytes().to_vec()));
        self.gateway.proposal(call)
    }

    /// Asks one peer; nothing is written.
    pub async fn evaluate(&self, function: &str, arguments: &[&str]) -> Result<Bytes, CallError> {
        Ok(self.propose(function, arguments)?.evaluate().await?)
    }

    /// Asks one peer for a JSON answer.
    pub async fn read<T: DeserializeOwned>(&self, function: &str, arguments: &[&str]) -> Result<T, Failure> {
        let answer = self.evaluate(function, arguments).await?;
        let unreadable = |error| Failure::during(format!("reading the answer to {function}"), error);
        serde_json::from_slice(&answer).map_err(unreadable)
    }

    /// Endorses, orders, and waits until the transaction is in a block and valid.
    pub async fn submit(&self, function: &str, arguments: &[&str]) -> Result<Committed, CallError> {
        let asked = SystemTime::now();
        let transaction = self.propose(function, arguments)?.endorse().await?;
        if let Some(theirs) = transaction.gateway_time() {
            clock::compare(asked, SystemTime::now(), theirs).iter().for_each(output::warn);
        }
        let commit = transaction.submit().await?;
        let status = commit.status().await?.successful().map_err(Error::from)?;
        Ok(Committed {
            transaction_id: status.transaction_id,
            block: status.block_number,
            result: transaction.result().clone(),
        })
    }

    /// Submits what may be on the ledger already; `None` where the contract says that it is.
    pub async fn submit_once(
        &self,
        function: &str,
        arguments: &[&str],
    ) -> Result<Option<Committed>, Failure> {
        match self.submit(function, arguments).await {
            Err(CallError::Refused { status: 409, .. }) => Ok(None),
            submitted => Ok(Some(submitted?)),
        }
    }
}

impl From<Error> for CallError {
    /// A gateway passes a chaincode's refusal on as text, in its own message or in a peer's detail.
    fn from(error: Error) -> Self {
        match &error {
            Error::Gateway(gateway) => refusal(gateway).unwrap_or(Self::Failed(error)),
            _ => Self::Failed(error),
        }
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused { status: 404, message } => {
                Self::new(Exit::No, format!("not found: {message}"))
            }
            CallError::Refused { message, .. } => Self::new(Exit::No, format!("refused: {message}")),
            CallError::Failed(error) => Self::new(exit(&error), advice(&error)),
        }
    }
}

fn refusal(error: &GatewayError) -> Option<CallError> {
    let details = error.details.iter().map(|detail| detail.message.as_str());
    details.chain([error.message.as_str()]).find_map(parse_refusal)
}

/// `… chaincode response 409, scheme:register: scheme … is registered`
fn parse_refusal(text: &str) -> Option<CallError> {
    let (_, response) = text.split_once("chaincode response ")?;
    let (status, message) = response.split_once(", ")?;
    Some(CallError::Refused { status: status.parse().ok()?, message: message.to_owned() })
}

fn exit(error: &Error) -> Exit {
    match error {
        Error::Connect { .. } => Exit::Unreachable,
        Error::Gateway(gateway) if gateway.is_unavailable() || lacks_endorsers(gateway) => Exit::Unreachable,
        Error::Gateway(gateway) if gateway.code == Code::PermissionDenied => Exit::No,
        Error::NotCommitted(_) => Exit::No,
        _ => Exit::Failure,
    }
}

/// The gateway knows no peer that could endorse, or knows it and does not reach it.
fn lacks_endorsers(gateway: &GatewayError) -> bool {
    let cannot_plan = gateway.code == Code::FailedPrecondition;
    let is_away = |detail: &Detail| detail.message.contains("code = Unavailable");
    gateway.step == Step::Endorse && (cannot_plan || gateway.details.iter().any(is_away))
}

fn advice(error: &Error) -> String {
    let advice = match error {
        Error::Connect { .. } => "\nIs the network running? Start it with: nanotrace up",
        Error::Gateway(gateway) if gateway.is_unavailable() => "\nAsk with: nanotrace status",
        Error::Gateway(gateway) if lacks_endorsers(gateway) => {
            "\nThis gateway finds no running peer, with the chaincode, of an organisation that must endorse."
        }
        Error::NotCommitted(invalid) if invalid.is_conflict() => {
            "\nSomebody else changed the same record at the same time: try again."
        }
        _ => "",
    };
    format!("{error}{advice}")
}

fn usage(error: ProfileError) -> Failure {
    Failure::usage(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_found_in_what_the_gateway_says() {
        let text = "chaincode response 404, certificate:get: no certificate 0, and none ever was";
        let Some(CallError::Refused { status, message }) = parse_refusal(text) else {
            unreachable!("a refusal")
        };
        assert_eq!(status, 404);
        assert_eq!(message, "certificate:get: no certificate 0, and none ever was");
        for other in ["", "chaincode response", "chaincode response x, y", "endorsement failed"] {
            assert!(parse_refusal(other).is_none(), "{other}");
        }
    }
}
