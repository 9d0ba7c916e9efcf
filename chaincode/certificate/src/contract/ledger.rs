//! Binds a body's chaincode to its ledger and to the body, so that a certificate of another ledger or body is refused here.

use serde_json::json;

use super::call::{Call, answer, msp_id, text_that};
use crate::document::identifiers::is_fingerprint;
use crate::keys;
use crate::record::Ledger;
use crate::refusal::Refusal;
use crate::state::{KeyPolicy, Role, State};

/// `ledger:bind(genesis, body)`: once, by an administrator of the accreditation body.
pub async fn bind<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.caller_of_accreditation_body(&[Role::Admin])?;
    let (genesis, body) = call.fields(["genesis", "body"], |fields, report| {
        let rule = "must be sha256: and the 64 lower-case hex digits of the genesis block's header hash";
        let genesis = text_that(fields, "genesis", is_fingerprint, rule, report);
        let body = msp_id(fields, "body", report);
        Some((genesis?, body?))
    })?;
    if body == call.accreditation_body {
        return Err(Refusal::Forbidden(format!("{body} accredits certification bodies and is none")));
    }
    if let Some(bound) = call.record(keys::LEDGER, Ledger::decode).await? {
        return Err(Refusal::Conflict(format!(
            "the contract is bound to {} {} and to {}",
            bound.channel, bound.genesis, bound.body
        )));
    }
    let channel = call.state.channel_id().to_owned();
    let ledger = Ledger { channel, genesis, bound: call.event(""), body };
    call.state.put(keys::LEDGER, ledger.encode());
    let both = KeyPolicy::all(&[&ledger.body, &call.accreditation_body]);
    call.state.set_policy(keys::LEDGER, &both);
    call.emit("LedgerBound", &ledger)
}

/// `ledger:tick()`: a client or administrator of either body, endorsed by both. It writes nothing: the transaction's
/// timestamp, which both bodies' chaincode servers compared with their clocks, moves ledger time when nothing else
/// does.
pub async fn tick<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [] = call.arguments([])?;
    let body = call.ledger().await?.body;
    call.caller_of_any(&[&body, &call.accreditation_body], &[Role::Admin, Role::Client])?;
    answer(&json!({"ledgerTime": call.state.timestamp()}))
}

/// `ledger:get()`: anyone.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [] = call.arguments([])?;
    answer(&call.ledger().await?)
}
