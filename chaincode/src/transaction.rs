//! One transaction: from the peer's message to the contract's answer.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use certificate::DateTime;
use fabric::{
    proto::{
        common::HeaderType,
        protos::{
            ChaincodeEvent, ChaincodeInput, ChaincodeMessage, Response, SignedProposal,
            chaincode_message::Type,
        },
    },
    types::{
        decode::{DecodeError, decode},
        proposal::{DecodedProposal, Undecodable},
    },
};
use prost::Message;
use tracing::debug;

use crate::{
    contract::Contract,
    creator::{self, CreatorError},
    exchange::{Exchange, LedgerError},
    limits,
    stream::error,
    stub::Stub,
};

/// Why a transaction gave no response of the contract's own.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("this chaincode needs no initialisation: approve its definition without --init-required")]
    Init,
    #[error("cannot read the proposal of the transaction: {0}")]
    Proposal(#[from] Undecodable),
    #[error("cannot read the arguments of the transaction: {0}")]
    Arguments(DecodeError),
    #[error("the transaction has no {0}")]
    Missing(&'static str),
    #[error("the proposal's header is of type {0}, not ENDORSER_TRANSACTION")]
    HeaderType(i32),
    #[error(transparent)]
    Creator(#[from] CreatorError),
    #[error("the first argument, the function's name, is missing or not UTF-8 text")]
    Function,
    #[error("the ledger did not take the writes: {0}")]
    Writes(LedgerError),
    #[error(
        "the transaction's time is {0} s from the clock of the chaincode's server, over the {max} s allowed: \
         check the clocks of client and server",
        max = limits::CLOCK.as_secs()
    )]
    Clock(u64),
}

/// Runs the transaction in `message` and returns the message that ends it: COMPLETED with a response,
/// which may be a refusal, or ERROR.
pub(crate) async fn run(
    message: ChaincodeMessage,
    exchange: Exchange,
    contract: Arc<Contract>,
) -> ChaincodeMessage {
    let key = exchange.key().clone();
    match complete(message, exchange, contract, SystemTime::now()).await {
        Ok((response, event)) => ChaincodeMessage {
            r#type: Type::Completed.into(),
            payload: response.encode_to_vec().into(),
            txid: key.txid,
            channel_id: key.channel_id,
            chaincode_event: event,
            ..Default::default()
        },
        Err(failure) => {
            debug!(txid = %key.txid, %failure, "a transaction failed");
            error(&key, failure.to_string())
        }
    }
}

async fn complete(
    message: ChaincodeMessage,
    exchange: Exchange,
    contract: Arc<Contract>,
    now: SystemTime,
) -> Result<(Response, Option<ChaincodeEvent>), Failure> {
    if message.r#type() == Type::Init {
        return Err(Failure::Init);
    }
    let proposal = message.proposal.ok_or(Failure::Missing("signed proposal"))?;
    let Proposed { timestamp, creator, transient } = proposed(proposal)?;
    check_clock(timestamp, now)?;
    let input: ChaincodeInput = decode(message.payload).map_err(Failure::Arguments)?;
    let (function, arguments) = input.args.split_first().ok_or(Failure::Function)?;
    let function = std::str::from_utf8(function).map_err(|_| Failure::Function)?;

    let mut stub = Stub::new(exchange, contract, timestamp, creator::creator(&creator)?, transient);
    let answer = certificate::dispatch(&mut stub, function, arguments).await;
    let event = match answer.status {
        certificate::Response::OK => stub.finish().await.map_err(Failure::Writes)?,
        // No peer endorses a refusal, so nothing of it may reach the ledger.
        _ => None,
    };
    let certificate::Response { status, message, payload } = answer;
    Ok((Response { status, message, payload: payload.into() }, event))
}

/// What the contract may know of a proposal beside its arguments.
struct Proposed {
    timestamp: DateTime,
    creator: Bytes,
    transient: BTreeMap<String, Bytes>,
}

fn proposed(signed: SignedProposal) -> Result<Proposed, Failure> {
    let DecodedProposal { channel, signature, payload, .. } = DecodedProposal::new(signed);
    let channel = channel?;
    if channel.r#type != HeaderType::EndorserTransaction as i32 {
        return Err(Failure::HeaderType(channel.r#type));
    }
    let timestamp = channel.timestamp.ok_or(Failure::Missing("timestamp"))?;
    let (timestamp, creator) = (DateTime::from_seconds(timestamp.seconds), signature?.creator);
    Ok(Proposed { timestamp, creator, transient: payload?.transient_map })
}

/// A timestamp is the client's claim, and the contract writes it as the time of what was done. The clock is
/// used to refuse, never written: it differs from peer to peer.
fn check_clock(timestamp: DateTime, now: SystemTime) -> Result<(), Failure> {
    let now = now.duration_since(UNIX_EPOCH).as_ref().map(Duration::as_secs).unwrap_or_default();
    let distance = i128::from(timestamp.seconds()).abs_diff(i128::from(now));
    if distance <= u128::from(limits::CLOCK.as_secs()) {
        return Ok(());
    }
    Err(Failure::Clock(u64::try_from(distance).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_clock_refuses_beyond_a_quarter_of_an_hour_either_way() {
        let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        for (offset, allowed) in [(0, true), (900, true), (901, false), (-900, true), (-901, false)] {
            let timestamp = DateTime::from_seconds(1_800_000_000 + offset);
            assert_eq!(check_clock(timestamp, now).is_ok(), allowed, "{offset}");
        }
        for extreme in [i64::MIN, i64::MAX] {
            assert!(matches!(check_clock(DateTime::from_seconds(extreme), now), Err(Failure::Clock(_))));
        }
    }
}
