//! A body takes over the certificates of one that has ended.
//!
//! The chaincode of that body needs its peers, which may be gone, so that nothing here reads its records: the successor hands
//! in the document, and readers of the whole ledger compare it with what was issued.

use bytes::Bytes;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::call::{self, Call, add, answer, code, msp_id, put, reason};
use super::certificate::moment;
use super::rules;
use crate::code::Code;
use crate::date_time::DateTime;
use crate::document::Document;
use crate::duty::Duty;
use crate::event_log::{EventLog, Kind, Moment};
use crate::keys;
use crate::ledger_time::LedgerTime;
use crate::record::{
    Accreditation, Adopted, BodyEnd, Certificate, Scheme, Stop, Superseded, Surveillance, SurveillanceRule,
    Withdrawal,
};
use crate::refusal::{Refusal, Violation};
use crate::state::{KeyPolicy, Role, State};
use crate::verdict::{Case, verdict};

#[derive(Serialize)]
struct Taken<'a> {
    certificate: Code,
    /// Who took it over.
    by: &'a str,
    #[serde(flatten)]
    adopted: &'a Adopted,
}

/// Who answers for a certificate in this chaincode: the body that issued it here, or took it over.
pub struct Responsible {
    pub body: String,
    pub surveillance: Option<SurveillanceRule>,
    /// Since its issue, or since it was taken over.
    pub since: DateTime,
    /// MSP id of the body that issued it, where that is another.
    pub issued_by: Option<String>,
}

/// `certificate:adopt(body, document, reason)`: a decision-maker or administrator of the successor; `document` is the signed
/// one, byte for byte. The successor's own stop and withdrawal come into being, each within its power alone.
pub async fn adopt<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let names = ["body", "document", "reason"];
    let [_, text, _] = call.arguments(names)?;
    let ledger = call.ledger().await?;
    let own = ledger.body.clone();
    call.caller(&own, &[Role::Admin, Role::Client])?;
    call.on_duty_or_admin(&[Duty::DecisionMaker])?;
    let (body, why) = call.fields(names, |fields, report| {
        let body = msp_id(fields, "body", report);
        let why = reason(fields, report);
        Some((body?, why?))
    })?;
    let signed = call.state.check_signed(text.as_bytes()).map_err(Refusal::Rules)?;
    let document = &signed.document;
    let (now, channel) = (call.state.timestamp(), call.state.channel_id().to_owned());
    let background = Background::read(&mut call, &body, &own, document).await?;
    let mut found = background.violations(&body, &own, document, now);
    rules::ledger(document, Some(&ledger), &channel, &mut found);
    if !found.is_empty() {
        return Err(Refusal::Rules(found));
    }
    check_free(&mut call, document.code).await?;
    let adopted = Adopted {
        body,
        document: hex::encode(Sha256::digest(text.as_bytes())),
        scheme_id: document.scheme.id.clone(),
        surveillance: background.scheme.and_then(|scheme| scheme.surveillance),
        adopted: call.event(&why),
    };
    let (code, alone) = (document.code, KeyPolicy::all(&[&own]));
    put(&mut call, &keys::adopted(code), adopted.encode(), &KeyPolicy::Nobody);
    put(&mut call, &keys::stop(code, &own), Stop::default().encode(), &alone);
    put(&mut call, &keys::withdrawal(code, &own), Withdrawal::default().encode(), &alone);
    call.emit("CertificateAdopted", &Taken { certificate: code, by: &own, adopted: &adopted })
}

/// What the registry says of the two bodies and of the scheme.
struct Background {
    end: Option<BodyEnd>,
    own_end: Option<BodyEnd>,
    accreditation: Option<Accreditation>,
    scheme: Option<Scheme>,
}

impl Background {
    async fn read<S: State>(
        call: &mut Call<'_, S>,
        body: &str,
        own: &str,
        document: &Document,
    ) -> Result<Background, Refusal> {
        let accreditation = keys::accreditation(own, &document.scheme.id);
        let scheme = keys::scheme(&document.scheme.id, &document.scheme.version);
        let (ended, own_ended) = (keys::ended(body), keys::ended(own));
        let keys = [&ended, &own_ended, &accreditation, &scheme].map(String::as_str);
        let [end, own_end, accreditation, scheme] = call.in_registry(keys).await?;
        let owner = call.accreditation_body.clone();
        let end_of = |record: Option<Bytes>| record.map(|it| BodyEnd::decode(&it, &owner)).transpose();
        Ok(Background {
            end: end_of(end)?,
            own_end: end_of(own_end)?,
            accreditation: accreditation.map(|it| Accreditation::decode(&it, &owner)).transpose()?,
            scheme: scheme.map(|it| Scheme::decode(&it)).transpose()?,
        })
    }

    fn violations(&self, body: &str, own: &str, document: &Document, now: DateTime) -> Vec<Violation> {
        let mut found = Vec::new();
        match self.end.as_ref().and_then(BodyEnd::successor) {
            _ if self.own_end.is_some() => {
                let rule = format!("must have a successor that goes on, but {own} has ended itself");
                found.push(Violation::new("/body", body, &rule));
            }
            None => {
                let rule = "must be a body that has ended, as the accreditation body declares";
                found.push(Violation::new("/body", body, rule));
            }
            Some(named) if named.successor != own => {
                let rule = format!("must be a body whose successor is {own}, but it is {}", named.successor);
                found.push(Violation::new("/body", body, &rule));
            }
            Some(_) => {}
        }
        if document.validity.until <= now {
            let rule = format!("must be after the transaction's timestamp {now}");
            found.push(Violation::new("/validUntil", &document.validity.until.to_string(), &rule));
        }
        self.accredited(own, document, now, &mut found);
        found
    }

    /// Whoever takes a certificate over could have issued it: it is accredited for it now.
    fn accredited(&self, own: &str, document: &Document, now: DateTime, found: &mut Vec<Violation>) {
        let mut refuse = |rule: &str| {
            found.push(Violation::new("/credentialSubject/scheme/id", &document.scheme.id, rule));
        };
        let Some(held) = &self.accreditation else {
            return refuse(&format!("must be a scheme for which {own} is accredited"));
        };
        if !held.covers(now) {
            refuse(&format!(
                "must be a scheme for which {own} is accredited now, but that holds from {} to {}",
                held.term.valid_from, held.term.valid_until
            ));
        }
        if let Some(suspension) = held.standing() {
            let since = suspension.placed.effective_at;
            refuse(&format!("must be a scheme for which {own} is not suspended, but it is since {since}"));
        }
        rules::standards(document, &held.scope, "", found);
    }
}

/// A code is taken over once, and not by the body that issued it.
async fn check_free<S: State>(call: &mut Call<'_, S>, code: Code) -> Result<(), Refusal> {
    match call.values([&keys::certificate(code), &keys::adopted(code)]).await? {
        [None, None] => Ok(()),
        [Some(_), _] => Err(Refusal::Conflict(format!("certificate {code} is issued here"))),
        [None, Some(_)] => Err(Refusal::Conflict(format!("certificate {code} is taken over"))),
    }
}

/// Who answers for the certificate here. One that was taken over is looked for only where none was issued: what a stop of an
/// own certificate reads stays as it is.
pub async fn responsible<S: State>(call: &mut Call<'_, S>, code: Code) -> Result<Responsible, Refusal> {
    if let Some(certificate) = call.record(&keys::certificate(code), Certificate::decode).await? {
        return Ok(Responsible {
            body: certificate.body,
            surveillance: certificate.surveillance,
            since: certificate.issued.effective_at,
            issued_by: None,
        });
    }
    let adopted = existing(call, code).await?;
    Ok(Responsible {
        body: adopted.adopted.by,
        surveillance: adopted.surveillance,
        since: adopted.adopted.effective_at,
        issued_by: Some(adopted.body),
    })
}

async fn existing<S: State>(call: &mut Call<'_, S>, code: Code) -> Result<Adopted, Refusal> {
    let record = call.record(&keys::adopted(code), Adopted::decode).await?;
    record.ok_or_else(|| Refusal::Unknown(format!("no certificate {code}")))
}

/// `certificate:adoption(certificate[, at])`: anyone; what the successor did with a certificate that it took over, and what
/// follows from that alone, over the times that the events claim. Whether the certificate was issued, and what else stands
/// against it, says the chaincode of the body that issued it.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let (text, at) = call.argument_and_option(["certificate", "at"])?;
    let moment = moment(&call, at)?;
    let code = code(text)?;
    let adopted = existing(&mut call, code).await?;
    let by = adopted.adopted.by.clone();
    let Done { logs, superseded, surveillance } = done(&mut call, code, &adopted).await?;
    let (beginning, end) = (DateTime::from_seconds(i64::MIN), DateTime::from_seconds(i64::MAX));
    // About a moment before, the body that issued it answers alone.
    let counts = moment.time() >= adopted.adopted.effective_at || matches!(moment, Moment::Now(_));
    let counting: Vec<_> = logs.iter().filter(|_| counts).map(|(party, log)| (party.as_str(), log)).collect();
    let case = Case {
        valid_from: beginning,
        valid_until: end,
        issued: beginning,
        within_accreditation: true,
        // Before its own first one, what the body before planned and did decides.
        surveillance: surveillance.as_ref().and(adopted.surveillance),
        logs: &counting,
    };
    let due = surveillance.as_ref().and(case.surveillance_due(moment));
    let mut found = json!({
        "certificate": code,
        "at": moment.time(),
        "times": "claimed",
        "by": by,
        "body": adopted.body,
        "document": adopted.document,
        "adopted": adopted.adopted,
        "verdict": verdict(case, moment),
    });
    let periods = logs.iter().flat_map(|(_, log)| log.periods());
    let suspensions = periods.filter(|period| period.kind == Kind::Suspended);
    let suspensions = suspensions.map(|period| json!({"placed": period.began, "lifted": period.ended}));
    add(&mut found, "suspensions", Some(suspensions.collect()));
    add(&mut found, "superseded", superseded.map(|superseded| json!(superseded)));
    add(&mut found, "surveillanceDue", due.map(|due| json!(due)));
    add(&mut found, "surveillance", surveillance.map(|surveillance| json!(surveillance.activities)));
    answer(&found)
}

/// `certificate:adoptions([bookmark])`: anyone; the certificates that were taken over here.
pub async fn list<S: State>(call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [bookmark] = call.options(["bookmark"])?;
    let show = |certificate, adopted: Adopted| {
        Some(json!({
            "certificate": certificate,
            "body": adopted.body,
            "schemeId": adopted.scheme_id,
            "document": adopted.document,
            "adopted": adopted.adopted,
        }))
    };
    call::list(call, ("adoptions", keys::ADOPTED), bookmark, Adopted::decode, show).await
}

/// What the successor did, and what was done to the accreditation on which the certificate rests now.
struct Done {
    /// By whom, over claimed times.
    logs: Vec<(String, EventLog)>,
    superseded: Option<Superseded>,
    surveillance: Option<Surveillance>,
}

async fn done<S: State>(call: &mut Call<'_, S>, code: Code, adopted: &Adopted) -> Result<Done, Refusal> {
    let (by, owner) = (adopted.adopted.by.clone(), call.accreditation_body.clone());
    let [accreditation] = call.in_registry([&keys::accreditation(&by, &adopted.scheme_id)]).await?;
    let names = [
        keys::stop(code, &by),
        keys::withdrawal(code, &by),
        keys::superseded(code),
        keys::surveillance(code),
    ];
    let [stop, withdrawal, superseded, surveillance] =
        call.values(names.each_ref().map(String::as_str)).await?;
    let (claimed, mut logs) = (LedgerTime::CLAIMED, Vec::new());
    let mut log = |party: &str, see: &dyn Fn(&mut EventLog) -> bool| {
        let mut log = EventLog::default();
        see(&mut log);
        logs.push((party.to_owned(), log));
    };
    log(&owner, &|log| log.see_accreditation(accreditation.as_ref(), &owner, claimed));
    log(&by, &|log| log.see_stop(stop.as_ref(), &by, claimed));
    log(&by, &|log| log.see_withdrawal(withdrawal.as_ref(), &by, claimed));
    if superseded.is_some() {
        log(&by, &|log| log.see_superseded(superseded.as_ref(), claimed));
    }
    if surveillance.is_some() {
        log(&by, &|log| log.see_surveillance(surveillance.as_ref(), claimed));
    }
    let superseded = superseded.and_then(|record| Superseded::decode(&record).ok());
    let surveillance = surveillance.and_then(|record| Surveillance::decode(&record).ok());
    Ok(Done { logs, superseded, surveillance })
}
