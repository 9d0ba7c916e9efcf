//! Reading certificates.

use bytes::Bytes;
use serde_json::{Value, json};

use super::call::{Call, answer, code};
use crate::code::Code;
use crate::date_time::DateTime;
use crate::event_log::{EventLog, Kind, Moment};
use crate::keys;
use crate::ledger_time::LedgerTime;
use crate::parties::ACCREDITATION_BODY;
use crate::record::{Accreditation, Certificate, RecordError, Stop, Superseded, Withdrawal};
use crate::refusal::Refusal;
use crate::state::State;
use crate::verdict::{Case, verdict};

/// `certificate:get(certificate[, at])`: anyone; the verdict now, or at a past date, over the times that the events
/// claim. The contract sees no other; the public verifier also knows when the ledger carried them.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let (text, at) = call.argument_and_option(["certificate", "at"])?;
    let moment = match at {
        None => Moment::Now(call.state.timestamp()),
        Some(text) => Moment::At(DateTime::parse(text).ok_or_else(|| {
            Refusal::Arguments(format!("at is {text:?}, must be such as 2026-01-31T12:00:00Z"))
        })?),
    };
    let code = code(text)?;
    let certificate = existing(&mut call, code).await?;
    let parties = [certificate.body.as_str(), ACCREDITATION_BODY];
    let [stops, withdrawals] =
        [keys::stop, keys::withdrawal].map(|key| parties.map(|party| key(code, party)));
    let accreditation = keys::accreditation(&certificate.body, &certificate.scheme_id);
    let superseded = keys::superseded(code);
    let public_key = certificate.public_key().unwrap_or_default();
    let compromises = parties.map(|party| keys::compromise(&certificate.body, public_key, party));
    let [
        accreditation,
        body_stop,
        other_stop,
        body_withdrawal,
        other_withdrawal,
        superseded,
        body_compromise,
        other_compromise,
    ] = call
        .values([
            &accreditation,
            &stops[0],
            &stops[1],
            &withdrawals[0],
            &withdrawals[1],
            &superseded,
            &compromises[0],
            &compromises[1],
        ])
        .await?;

    let mut logs: [EventLog; 8] = Default::default();
    logs[0].see_accreditation(accreditation.as_ref(), LedgerTime::CLAIMED);
    logs[1].see_stop(body_stop.as_ref(), parties[0], LedgerTime::CLAIMED);
    logs[2].see_stop(other_stop.as_ref(), parties[1], LedgerTime::CLAIMED);
    logs[3].see_withdrawal(body_withdrawal.as_ref(), parties[0], LedgerTime::CLAIMED);
    logs[4].see_withdrawal(other_withdrawal.as_ref(), parties[1], LedgerTime::CLAIMED);
    if superseded.is_some() {
        logs[5].see_superseded(superseded.as_ref(), LedgerTime::CLAIMED);
    }
    // Keys that were approved before there were such records have none.
    let [.., of_body, of_other] = &mut logs;
    for (log, record, party) in
        [(of_body, body_compromise, parties[0]), (of_other, other_compromise, parties[1])]
    {
        if record.is_some() {
            log.see_compromise(record.as_ref(), party, LedgerTime::CLAIMED);
        }
    }
    let accreditation = accreditation.and_then(|record| Accreditation::decode(&record).ok());
    let issued = certificate.issued.effective_at;
    let [
        by_accreditation,
        by_body,
        by_other,
        withdrawn_by_body,
        withdrawn_by_other,
        superseded_log,
        compromise_by_body,
        compromise_by_other,
    ] = &logs;
    let verdict = verdict(
        Case {
            valid_from: certificate.valid_from,
            valid_until: certificate.valid_until,
            issued,
            within_accreditation: accreditation.as_ref().is_none_or(|term| term.covers(issued)),
            logs: &[
                (ACCREDITATION_BODY, by_accreditation),
                (parties[0], by_body),
                (parties[0], withdrawn_by_body),
                (parties[1], by_other),
                (parties[1], withdrawn_by_other),
                (parties[0], superseded_log),
                (parties[0], compromise_by_body),
                (parties[1], compromise_by_other),
            ],
        },
        moment,
    );
    let periods = |kind| logs.iter().flat_map(EventLog::periods).filter(move |period| period.kind == kind);
    let suspensions = periods(Kind::Suspended).map(|period| match &period.ended {
        Some(lifted) => json!({"placed": period.began, "lifted": lifted}),
        None => json!({"placed": period.began}),
    });
    let mut found = json!({
        "certificate": code,
        "at": moment.time(),
        "times": "claimed",
        "verdict": verdict,
        "body": certificate.body,
        "issued": certificate.issued,
        "validFrom": certificate.valid_from,
        "validUntil": certificate.valid_until,
        "suspensions": suspensions.collect::<Vec<_>>(),
        "withdrawals": periods(Kind::Withdrawn).map(|period| &period.began).collect::<Vec<_>>(),
        "accreditation": accreditation,
        "document": json_of(&certificate.document)?,
    });
    let superseded = superseded.and_then(|record| Superseded::decode(&record).ok());
    add(&mut found, "application", certificate.application.map(|application| json!(application)));
    add(&mut found, "superseded", superseded.map(|superseded| json!(superseded)));
    answer(&found)
}

/// A member that some certificates have.
fn add(answer: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(value), Some(members)) = (value, answer.as_object_mut()) {
        members.insert(name.to_owned(), value);
    }
}

/// `certificate:document(certificate)`: anyone; the signed document, byte for byte as it was issued.
pub async fn document<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [text] = call.arguments(["certificate"])?;
    Ok(existing(&mut call, code(text)?).await?.document.into())
}

/// `certificate:history(certificate)`: anyone; every value that each of the certificate's records ever had, in
/// order of time, so that even what a dishonest body struck out of its own record shows.
pub async fn history<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [text] = call.arguments(["certificate"])?;
    let code = code(text)?;
    let certificate = existing(&mut call, code).await?;
    let mut entries = modifications(&mut call, keys::certificate(code), issue_json).await?;
    for party in [certificate.body.as_str(), ACCREDITATION_BODY] {
        let suspensions = |value: &Bytes| Ok(json!({"suspensions": Stop::decode(value, party)?.suspensions}));
        entries.extend(modifications(&mut call, keys::stop(code, party), suspensions).await?);
        let withdrawn = |value: &Bytes| Ok(json!({"withdrawn": Withdrawal::decode(value, party)?.withdrawn}));
        entries.extend(modifications(&mut call, keys::withdrawal(code, party), withdrawn).await?);
    }
    let superseded = |value: &Bytes| Ok(json!({"superseded": Superseded::decode(value)?}));
    entries.extend(modifications(&mut call, keys::superseded(code), superseded).await?);
    entries.sort_by_key(|(timestamp, _)| *timestamp);
    answer(&entries.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>())
}

fn issue_json(value: &Bytes) -> Result<Value, RecordError> {
    Ok(json!({"issued": Certificate::decode(value)?.issued}))
}

/// The values that a key had, oldest first.
async fn modifications<S: State>(
    call: &mut Call<'_, S>,
    key: String,
    show: impl Fn(&Bytes) -> Result<Value, RecordError>,
) -> Result<Vec<((DateTime, i32), Value)>, Refusal> {
    let mut entries = Vec::new();
    for modification in call.state.history(&key).await?.iter().rev() {
        let record = modification.value.as_ref().map(|value| show(value).unwrap_or_else(unreadable));
        let entry = json!({
            "key": key,
            "transactionId": modification.transaction_id,
            "timestamp": modification.timestamp,
            "record": record,
        });
        entries.push(((modification.timestamp, modification.nanos), entry));
    }
    Ok(entries)
}

/// What somebody wrote past the contract is part of the history, whatever it is.
fn unreadable(error: RecordError) -> Value {
    json!({"unreadable": error.to_string()})
}

async fn existing<S: State>(call: &mut Call<'_, S>, code: Code) -> Result<Certificate, Refusal> {
    let record = call.record(&keys::certificate(code), Certificate::decode).await?;
    record.ok_or_else(|| Refusal::Unknown(format!("no certificate {code}")))
}

fn json_of(document: &Bytes) -> Result<Value, Refusal> {
    serde_json::from_slice(document)
        .map_err(|error| Refusal::Ledger(format!("the stored document is broken: {error}")))
}
