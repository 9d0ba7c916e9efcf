//! Binds the contract to its ledger, so that a certificate of another ledger is refused here.

use serde_json::json;

use super::call::{Call, answer, text_that};
use crate::document::identifiers::is_fingerprint;
use crate::keys;
use crate::parties::{ACCREDITATION_BODY, CERTIFICATION_BODY};
use crate::record::Ledger;
use crate::refusal::Refusal;
use crate::state::{KeyPolicy, Role, State};

/// `ledger:bind(genesis)`: once, by an administrator of the accreditation body.
pub async fn bind<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.caller(ACCREDITATION_BODY, &[Role::Admin])?;
    let rule = "must be sha256: and the 64 lower-case hex digits of the genesis block's header hash";
    let genesis = call
        .fields(["genesis"], |fields, report| text_that(fields, "genesis", is_fingerprint, rule, report))?;
    if let Some(bound) = call.record(keys::LEDGER, Ledger::decode).await? {
        return Err(Refusal::Conflict(format!(
            "the contract is bound to {} {}",
            bound.channel, bound.genesis
        )));
    }
    let channel = call.state.channel_id().to_owned();
    let ledger = Ledger { channel, genesis, bound: call.event("") };
    call.state.put(keys::LEDGER, ledger.encode());
    call.state.set_policy(keys::LEDGER, &KeyPolicy::all(&[CERTIFICATION_BODY, ACCREDITATION_BODY]));
    call.emit("LedgerBound", &ledger)
}

/// `ledger:tick()`: a client or administrator of either body, endorsed by both. It writes nothing: the transaction's
/// timestamp, which both bodies' chaincode servers compared with their clocks, moves ledger time when nothing else
/// does.
pub async fn tick<S: State>(call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.caller_of_any(&[CERTIFICATION_BODY, ACCREDITATION_BODY], &[Role::Admin, Role::Client])?;
    let [] = call.arguments([])?;
    answer(&json!({"ledgerTime": call.state.timestamp()}))
}

/// `ledger:get()`: anyone.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [] = call.arguments([])?;
    let ledger = call.record(keys::LEDGER, Ledger::decode).await?;
    answer(&ledger.ok_or_else(|| Refusal::Unknown("the contract is not bound to its ledger yet".into()))?)
}
