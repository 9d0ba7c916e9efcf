//! Submits the rows of a plan, many at once, and writes down what came of each.

use std::{io, time::Duration};

use certificate::{Code, canonical::to_canonical};
use peer_client::certificate::{CallError, Contract};
use serde_json::Value;
use tokio::{sync::watch, task::JoinSet, time::sleep};

use crate::{
    plan::{Entry, Plan},
    results::{Ending, Outcome, Results},
};

/// Where a network does not answer, a row is submitted again after these pauses. A row has its code, so that it is safe.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];

/// Why a run ended before each row was submitted. What it had begun was waited for.
#[derive(Debug, thiserror::Error)]
pub enum Interruption {
    #[error("stopped")]
    Stopped,
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("{0}")]
    Plan(io::Error),
    #[error("{0}")]
    Results(io::Error),
}

/// Submits each row that is not issued yet, so many at once, until `stop` is true; `told` hears of each outcome.
pub async fn submit(
    contract: &Contract,
    plan: Plan,
    results: &mut Results,
    in_flight: usize,
    stop: watch::Receiver<bool>,
    mut told: impl FnMut(&mut Outcome),
) -> Result<(), Interruption> {
    let mut entries = plan.entries().zip(1..);
    let mut calls = JoinSet::new();
    // Says to the calls in flight that nothing is repeated any more.
    let (end, ending) = watch::channel(false);
    let mut ended = None;
    loop {
        while ended.is_none() && !*stop.borrow() && calls.len() < in_flight {
            match entries.next() {
                None => break,
                Some((Ok(entry), _)) if results.is_issued(&entry.certificate) => {}
                Some((Ok(entry), row)) => {
                    calls.spawn(call(contract.clone(), entry, row, stop.clone(), ending.clone()));
                }
                Some((Err(error), _)) => ended = Some(Interruption::Plan(error)),
            }
        }
        let Some(called) = calls.join_next().await else { break };
        let interrupted = match called.map_err(|error| Interruption::Plan(io::Error::other(error))) {
            Err(interruption) | Ok(Err(interruption)) => Err(interruption),
            Ok(Ok(mut outcome)) => {
                told(&mut outcome);
                results.add(&outcome).map_err(Interruption::Results)
            }
        };
        if let Err(interruption) = interrupted {
            end.send_replace(true);
            ended.get_or_insert(interruption);
        }
    }
    results.sync().map_err(Interruption::Results)?;
    let is_left = |entry: io::Result<Entry>| !entry.is_ok_and(|it| results.is_issued(&it.certificate));
    if ended.is_none() && *stop.borrow() && entries.any(|(entry, _)| is_left(entry)) {
        ended = Some(Interruption::Stopped);
    }
    ended.map_or(Ok(()), Err)
}

async fn call(
    contract: Contract,
    entry: Entry,
    row: u64,
    mut stop: watch::Receiver<bool>,
    mut ending: watch::Receiver<bool>,
) -> Result<Outcome, Interruption> {
    let Entry { line, certificate, document } = entry;
    let outcome = |ending| Outcome { row, line, certificate: certificate.clone(), ending };
    let mut pauses = PAUSES.iter();
    loop {
        let error = match issue(&contract, &certificate, &document).await {
            Ok(ending) => return Ok(outcome(ending)),
            Err(error) => error,
        };
        let pause = pauses.next().filter(|_| error.is_temporary());
        let Some(pause) = pause else { return Err(error.into()) };
        tokio::select! {
            () = sleep(*pause) => {}
            _ = stop.wait_for(|stop| *stop) => return Err(Interruption::Stopped),
            _ = ending.wait_for(|end| *end) => return Err(error.into()),
        }
    }
}

/// Issues one certificate; an error is one that the next try may not meet.
async fn issue(contract: &Contract, certificate: &str, document: &str) -> Result<Ending, CallError> {
    let issue = contract.certificate_issue(document.to_owned());
    match issue.submit_again_on_conflict().await {
        Ok(committed) => Ok(Ending::Issued {
            transaction_id: committed.transaction_id,
            block: Some(committed.block),
            page: None,
        }),
        Err(CallError::Refused { status: 409, message }) => {
            let found = found(contract, certificate, document).await?;
            Ok(found.unwrap_or(Ending::Refused { reason: message }))
        }
        Err(CallError::Refused { message, .. }) => Ok(Ending::Refused { reason: message }),
        Err(error) => Err(error),
    }
}

/// The certificate, if this very document is issued already: an earlier submission of it is on the ledger.
async fn found(contract: &Contract, certificate: &str, document: &str) -> Result<Option<Ending>, CallError> {
    let Ok(code) = certificate.parse::<Code>() else { return Ok(None) };
    let record: Value = match contract.certificate_get(code, None).read().await {
        Err(CallError::Refused { status: 404, .. }) => return Ok(None),
        record => record?,
    };
    let issued = record.get("document").and_then(|document| to_canonical(document).ok());
    let transaction = record.pointer("/issued/transactionId").and_then(Value::as_str).unwrap_or_default();
    let ending = Ending::Issued { transaction_id: transaction.to_owned(), block: None, page: None };
    Ok((issued.as_deref() == Some(document.as_bytes())).then_some(ending))
}
