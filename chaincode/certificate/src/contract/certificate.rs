//! Reading certificates.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Value, json};

use super::adoption::{Responsible, responsible};
use super::call::{Call, add, answer, code};
use crate::code::Code;
use crate::date_time::DateTime;
use crate::event_log::{EventLog, Kind, Moment};
use crate::keys;
use crate::ledger_time::LedgerTime;
use crate::record::{
    Accreditation, Adopted, BodyEnd, Certificate, RecordError, Stop, Superseded, Surveillance, Withdrawal,
};
use crate::refusal::Refusal;
use crate::state::State;
use crate::verdict::{Case, Verdict, verdict};

/// `certificate:get(certificate[, at])`: anyone; the verdict now, or at a past date, over the times that the events
/// claim. The contract sees no other; the public verifier also knows when the ledger carried them.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let (text, at) = call.argument_and_option(["certificate", "at"])?;
    let moment = moment(&call, at)?;
    let code = code(text)?;
    let certificate = existing(&mut call, code).await?;
    let accreditation_body = call.accreditation_body.clone();
    let keys = Keys::of(code, &certificate, &accreditation_body);
    let records = Records::read(&mut call, std::slice::from_ref(&keys)).await?;
    let found = records.background(&keys, &certificate, &accreditation_body);
    let (verdict, due) = found.judge(&certificate, moment);
    let Background { accreditation, end, superseded, surveillance, logs } = found;
    let periods = |kind| {
        let periods = logs.iter().flat_map(|(_, log)| log.periods());
        periods.filter(move |period| period.kind == kind)
    };
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
    add(&mut found, "application", certificate.application.map(|application| json!(application)));
    add(&mut found, "category", certificate.category.as_ref().map(|category| json!(category)));
    add(&mut found, "surveillanceDue", due.map(|due| json!(due)));
    add(&mut found, "surveillance", surveillance.map(|surveillance| json!(surveillance.activities)));
    add(&mut found, "bodyEnded", end.map(|end| json!(end.successors)));
    add(&mut found, "superseded", superseded.map(|superseded| json!(superseded)));
    answer(&found)
}

/// Now, or the moment asked about.
pub fn moment<S: State>(call: &Call<'_, S>, at: Option<&str>) -> Result<Moment, Refusal> {
    let Some(text) = at else { return Ok(Moment::Now(call.state.timestamp())) };
    let moment = DateTime::parse(text).map(Moment::At);
    moment.ok_or_else(|| Refusal::Arguments(format!("at is {text:?}, must be such as 2026-01-31T12:00:00Z")))
}

/// What decides about a certificate beside its own record.
struct Background<'a> {
    accreditation: Option<Accreditation>,
    /// That its body has ended: a successor's chaincode may have more about it.
    end: Option<BodyEnd>,
    superseded: Option<Superseded>,
    surveillance: Option<Surveillance>,
    /// What was done, by whom, over claimed times.
    logs: Vec<(&'a str, EventLog)>,
}

impl Background<'_> {
    /// The verdict, and when the next surveillance is due.
    fn judge(&self, certificate: &Certificate, moment: Moment) -> (Verdict, Option<DateTime>) {
        let issued = certificate.issued.effective_at;
        let logs: Vec<_> = self.logs.iter().map(|(party, log)| (*party, log)).collect();
        let case = Case {
            valid_from: certificate.valid_from,
            valid_until: certificate.valid_until,
            issued,
            within_accreditation: self.accreditation.as_ref().is_none_or(|term| term.covers(issued)),
            surveillance: certificate.surveillance,
            logs: &logs,
        };
        (verdict(case, moment), case.surveillance_due(moment))
    }
}

/// The verdicts of several certificates as `certificate:get` has them, and where a certificate's body has ended, that. Each call of
/// the peer is a round trip: there is one for what the registry has of all of them, and one for what this chaincode has.
pub async fn verdicts_of<S: State>(
    call: &mut Call<'_, S>,
    certificates: &[(Code, &Certificate)],
    moment: Moment,
) -> Result<Vec<(Verdict, Option<BodyEnd>)>, Refusal> {
    let accreditation_body = call.accreditation_body.clone();
    let keys: Vec<Keys> =
        certificates.iter().map(|(code, it)| Keys::of(*code, it, &accreditation_body)).collect();
    let records = Records::read(call, &keys).await?;
    let judged = keys.iter().zip(certificates).map(|(keys, (_, certificate))| {
        let found = records.background(keys, certificate, &accreditation_body);
        (found.judge(certificate, moment).0, found.end)
    });
    Ok(judged.collect())
}

/// Where what decides about a certificate stands.
struct Keys {
    /// In the registry, or in the body's own chaincode from before there was one.
    accreditation: String,
    /// In the registry.
    ended: String,
    /// What the body did, and what the accreditation body did.
    parties: [OfParty; 2],
    superseded: String,
    surveillance: String,
}

/// Where what one party did about a certificate stands.
struct OfParty {
    stop: String,
    withdrawal: String,
    compromise: String,
}

impl Keys {
    fn of(code: Code, certificate: &Certificate, accreditation_body: &str) -> Self {
        let body = certificate.body.as_str();
        let public_key = certificate.public_key().unwrap_or_default();
        let of = |party| OfParty {
            stop: keys::stop(code, party),
            withdrawal: keys::withdrawal(code, party),
            compromise: keys::compromise(body, public_key, party),
        };
        Self {
            accreditation: keys::accreditation(body, &certificate.scheme_id),
            ended: keys::ended(body),
            parties: [of(body), of(accreditation_body)],
            superseded: keys::superseded(code),
            surveillance: keys::surveillance(code),
        }
    }

    fn in_registry(&self) -> [&str; 2] {
        [&self.accreditation, &self.ended]
    }

    fn own(&self) -> impl Iterator<Item = &str> {
        let of_parties =
            self.parties.iter().flat_map(|it| [&it.stop, &it.withdrawal, &it.compromise].map(String::as_str));
        of_parties.chain([&*self.accreditation, &*self.superseded, &*self.surveillance])
    }
}

/// What decides about some certificates, by its keys.
struct Records {
    registry: BTreeMap<String, Bytes>,
    own: BTreeMap<String, Bytes>,
}

impl Records {
    /// Certificates of one body and scheme have records in common: each is read once.
    async fn read<S: State>(call: &mut Call<'_, S>, wanted: &[Keys]) -> Result<Self, Refusal> {
        if wanted.is_empty() {
            return Ok(Self { registry: BTreeMap::new(), own: BTreeMap::new() });
        }
        let in_registry: BTreeSet<&str> = wanted.iter().flat_map(Keys::in_registry).collect();
        let in_registry = Vec::from_iter(in_registry);
        let registry = call.registry_values_of(&in_registry).await?;
        let own = Vec::from_iter(wanted.iter().flat_map(Keys::own).collect::<BTreeSet<&str>>());
        let values = call.values_of(&own).await?;
        Ok(Self { registry: by_key(&in_registry, registry), own: by_key(&own, values) })
    }

    fn background<'a>(
        &self,
        keys: &Keys,
        certificate: &'a Certificate,
        accreditation_body: &'a str,
    ) -> Background<'a> {
        let body = certificate.body.as_str();
        let (registered, earlier) =
            (self.registry.get(&keys.accreditation), self.own.get(&keys.accreditation));
        let (claimed, mut logs) = (LedgerTime::CLAIMED, Vec::new());
        let mut add = |party, see: &dyn Fn(&mut EventLog) -> bool| {
            let mut log = EventLog::default();
            see(&mut log);
            logs.push((party, log));
        };
        // Before there was a registry, the body's own chaincode had its accreditations: what was suspended there still is.
        let accreditations: Vec<&Bytes> = [registered, earlier].into_iter().flatten().collect();
        for value in &accreditations {
            add(accreditation_body, &|log| log.see_accreditation(Some(value), accreditation_body, claimed));
        }
        if accreditations.is_empty() {
            add(accreditation_body, &|log| log.see_accreditation(None, accreditation_body, claimed));
        }
        for (party, of) in [body, accreditation_body].into_iter().zip(&keys.parties) {
            let (stop, withdrawal) = (self.own.get(&of.stop), self.own.get(&of.withdrawal));
            add(party, &|log| log.see_stop(stop, party, claimed));
            add(party, &|log| log.see_withdrawal(withdrawal, party, claimed));
            // Keys that were approved before there were such records have none.
            if let Some(compromise) = self.own.get(&of.compromise) {
                add(party, &|log| log.see_compromise(Some(compromise), party, claimed));
            }
        }
        let superseded = self.own.get(&keys.superseded);
        if superseded.is_some() {
            add(body, &|log| log.see_superseded(superseded, claimed));
        }
        let surveillance = self.own.get(&keys.surveillance);
        if surveillance.is_some() {
            add(body, &|log| log.see_surveillance(surveillance, claimed));
        }
        Background {
            accreditation: accreditations
                .first()
                .and_then(|it| Accreditation::decode(it, accreditation_body).ok()),
            end: self.registry.get(&keys.ended).and_then(|it| BodyEnd::decode(it, accreditation_body).ok()),
            superseded: superseded.and_then(|record| Superseded::decode(record).ok()),
            surveillance: surveillance.and_then(|record| Surveillance::decode(record).ok()),
            logs,
        }
    }
}

fn by_key(keys: &[&str], values: Vec<Option<Bytes>>) -> BTreeMap<String, Bytes> {
    let found = keys.iter().zip(values).filter_map(|(key, value)| Some(((*key).to_owned(), value?)));
    found.collect()
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
    let Responsible { body, issued_by, .. } = responsible(&mut call, code).await?;
    let mut parties = vec![body];
    let mut entries = match issued_by {
        None => {
            parties.push(call.accreditation_body.clone());
            modifications(&mut call, keys::certificate(code), issue_json).await?
        }
        // Of one that was taken over, only what the successor did stands here.
        Some(_) => modifications(&mut call, keys::adopted(code), adoption_json).await?,
    };
    for party in parties.iter().map(String::as_str) {
        let suspensions = |value: &Bytes| Ok(json!({"suspensions": Stop::decode(value, party)?.suspensions}));
        entries.extend(modifications(&mut call, keys::stop(code, party), suspensions).await?);
        let withdrawn = |value: &Bytes| Ok(json!({"withdrawn": Withdrawal::decode(value, party)?.withdrawn}));
        entries.extend(modifications(&mut call, keys::withdrawal(code, party), withdrawn).await?);
    }
    let superseded = |value: &Bytes| Ok(json!({"superseded": Superseded::decode(value)?}));
    entries.extend(modifications(&mut call, keys::superseded(code), superseded).await?);
    let surveillance = |value: &Bytes| Ok(json!({"surveillance": Surveillance::decode(value)?.activities}));
    entries.extend(modifications(&mut call, keys::surveillance(code), surveillance).await?);
    entries.sort_by_key(|(timestamp, _)| *timestamp);
    answer(&entries.into_iter().map(|(_, entry)| entry).collect::<Vec<_>>())
}

fn issue_json(value: &Bytes) -> Result<Value, RecordError> {
    Ok(json!({"issued": Certificate::decode(value)?.issued}))
}

fn adoption_json(value: &Bytes) -> Result<Value, RecordError> {
    let Adopted { body, adopted, .. } = Adopted::decode(value)?;
    Ok(json!({"adopted": adopted, "body": body}))
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
    if let Some(certificate) = call.record(&keys::certificate(code), Certificate::decode).await? {
        return Ok(certificate);
    }
    let adopted = call.record(&keys::adopted(code), Adopted::decode).await?;
    Err(Refusal::Unknown(match adopted {
        Some(Adopted { body, .. }) => {
            format!(
                "certificate {code} was taken over from {body}, in whose chaincode it is; here is its adoption"
            )
        }
        None => format!("no certificate {code}"),
    }))
}

pub fn json_of(document: &Bytes) -> Result<Value, Refusal> {
    serde_json::from_slice(document)
        .map_err(|error| Refusal::Ledger(format!("the stored document is broken: {error}")))
}
