//! Issues a certificate: the document's own rules, then what only the ledger knows, then the records.

use bytes::Bytes;
use serde::Serialize;
use serde_json::json;

use super::call::{Call, answer};
use crate::code::Code;
use crate::date_time::DateTime;
use crate::document::{Document, SignedDocument};
use crate::duty::Duty;
use crate::keys;
use crate::parties::{ACCREDITATION_BODY, CERTIFICATION_BODY};
use crate::record::{Accreditation, Certificate, IssuerKey, Ledger, Scheme, Status, Stop, Withdrawal};
use crate::refusal::{Refusal, Violation};
use crate::state::{KeyPolicy, Role, State};

/// A decision is put on the ledger within this time.
const DECISION_DAYS: i64 = 30;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Issued<'a> {
    certificate: Code,
    id: String,
    body: &'a str,
    scheme_id: &'a str,
    valid_from: DateTime,
    valid_until: DateTime,
    effective_at: DateTime,
    transaction_id: &'a str,
    demonstration: bool,
}

/// What the ledger says about what a document names; absent where it has no such record.
struct Background {
    certificate: Option<Bytes>,
    status: Option<Status>,
    ledger: Option<Ledger>,
    scheme: Option<Scheme>,
    accreditation: Option<Accreditation>,
    issuer_key: Option<IssuerKey>,
}

/// `certificate:check(document)`: anyone; the broken rules as a list, for a dry run.
pub async fn check<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [text] = call.arguments(["document"])?;
    let violations = match call.state.check_signed(text.as_bytes()) {
        Err(violations) => violations,
        Ok(signed) => {
            let background = background(&mut call, CERTIFICATION_BODY, &signed).await?;
            violations(&signed, &background, call.state.channel_id(), call.state.timestamp())
        }
    };
    answer(&json!({ "violations": violations }))
}

/// `certificate:issue(document)`: a client of the certification body: a service, a decision-maker, or one whose
/// certificate names no role.
pub async fn issue<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.caller(CERTIFICATION_BODY, &[Role::Client])?;
    if !call.state.creator().duties.is_empty() {
        call.on_duty(&[Duty::Service, Duty::DecisionMaker])?;
    }
    let [text] = call.arguments(["document"])?;
    let signed = call.state.check_signed(text.as_bytes()).map_err(Refusal::Rules)?;
    let body = call.state.creator().msp_id.clone();
    let background = background(&mut call, &body, &signed).await?;
    if background.certificate.is_some() {
        return Err(Refusal::Conflict(format!("certificate {} is issued", signed.document.code)));
    }
    let violations = violations(&signed, &background, call.state.channel_id(), call.state.timestamp());
    if !violations.is_empty() {
        return Err(Refusal::Rules(violations));
    }
    store(&mut call, &body, &signed.document, text)
}

async fn background<S: State>(
    call: &mut Call<'_, S>,
    body: &str,
    signed: &SignedDocument,
) -> Result<Background, Refusal> {
    let document = &signed.document;
    let [certificate, status, ledger, scheme, accreditation, issuer_key] = call
        .values([
            &keys::certificate(document.code),
            &keys::status(body, document.status.list, document.status.index),
            keys::LEDGER,
            &keys::scheme(&document.scheme.id, &document.scheme.version),
            &keys::accreditation(body, &document.scheme.id),
            &keys::issuer_key(body, &signed.proof.public_key),
        ])
        .await?;
    Ok(Background {
        certificate,
        status: status.as_ref().map(Status::decode).transpose()?,
        ledger: ledger.as_ref().map(Ledger::decode).transpose()?,
        scheme: scheme.as_ref().map(Scheme::decode).transpose()?,
        accreditation: accreditation.as_ref().map(Accreditation::decode).transpose()?,
        issuer_key: issuer_key.as_ref().map(IssuerKey::decode).transpose()?,
    })
}

fn violations(
    signed: &SignedDocument,
    background: &Background,
    channel: &str,
    now: DateTime,
) -> Vec<Violation> {
    let document = &signed.document;
    let mut found = Vec::new();
    time(document, now, &mut found);
    ledger(document, background.ledger.as_ref(), channel, &mut found);
    scheme(document, background.scheme.as_ref(), &mut found);
    direct_issue(background.scheme.as_ref(), &mut found);
    accreditation(document, background.accreditation.as_ref(), &mut found);
    issuer(signed, background.issuer_key.as_ref(), &mut found);
    if let Some(status) = background.status {
        let rule = format!("must be free, but certificate {} holds it", status.certificate);
        let index = document.status.index.to_string();
        found.push(Violation::new("/credentialStatus/1/statusListIndex", &index, &rule));
    }
    found
}

/// The transaction's timestamp is its client's claim; a peer refuses one that is far from its own clock.
fn time(document: &Document, now: DateTime, found: &mut Vec<Violation>) {
    let (pointer, decided) = ("/credentialSubject/decisionDate", document.decided.to_string());
    if document.decided > now {
        let rule = format!("must not be after the transaction's timestamp {now}");
        found.push(Violation::new(pointer, &decided, &rule));
    }
    if document.decided.plus_days(DECISION_DAYS) < now {
        let rule = format!("must be at most {DECISION_DAYS} days before the transaction's timestamp {now}");
        found.push(Violation::new(pointer, &decided, &rule));
    }
    if document.validity.until <= now {
        let rule = format!("must be after the transaction's timestamp {now}");
        found.push(Violation::new("/validUntil", &document.validity.until.to_string(), &rule));
    }
}

/// See `docs/adr/0006-ledger-binding.md`.
fn ledger(document: &Document, bound: Option<&Ledger>, channel: &str, found: &mut Vec<Violation>) {
    if document.ledger.channel != channel {
        let rule = format!("must be {channel}, the channel of this transaction");
        found.push(Violation::new("/credentialStatus/0/channel", &document.ledger.channel, &rule));
    }
    let rule = match bound {
        None => "must be the genesis that the contract is bound to, but it is bound to none yet".to_owned(),
        Some(bound) if bound.genesis != document.ledger.genesis => {
            format!("must be {}, the genesis of this ledger", bound.genesis)
        }
        Some(_) => return,
    };
    found.push(Violation::new("/credentialStatus/0/genesis", &document.ledger.genesis, &rule));
}

fn scheme(document: &Document, registered: Option<&Scheme>, found: &mut Vec<Violation>) {
    let Some(registered) = registered else {
        let value = format!("{} version {}", document.scheme.id, document.scheme.version);
        let rule = "must be registered by the accreditation body";
        return found.push(Violation::new("/credentialSubject/scheme", &value, rule));
    };
    for (index, standard) in document.scheme.standards.iter().enumerate() {
        if !registered.standards.contains(standard) {
            let pointer = format!("/credentialSubject/standards/{index}");
            found.push(Violation::new(&pointer, standard, "must be a standard of the scheme"));
        }
    }
}

fn direct_issue(registered: Option<&Scheme>, found: &mut Vec<Violation>) {
    if let Some(scheme) = registered.filter(|scheme| !scheme.direct_issue) {
        let rule = "must allow to issue in one step, but takes an application that is decided on";
        found.push(Violation::new("/credentialSubject/scheme/id", &scheme.id, rule));
    }
}

/// UNTP DCC-02: the body was accredited for this scheme when it decided, and is not suspended now.
fn accreditation(document: &Document, held: Option<&Accreditation>, found: &mut Vec<Violation>) {
    let number = &document.accreditation_number;
    let mut refuse =
        |rule: &str| found.push(Violation::new("/credentialSubject/accreditation/number", number, rule));
    let Some(held) = held else {
        return refuse("must be an accreditation of this certification body for this scheme");
    };
    if held.number != *number {
        refuse(&format!("must be {}, this body's accreditation for this scheme", held.number));
    }
    if !held.covers(document.decided) {
        refuse(&format!(
            "must cover the decision date, but it holds from {} to {}",
            held.valid_from, held.valid_until
        ));
    }
    if let Some(suspension) = held.standing() {
        refuse(&format!("must not be suspended, but it is since {}", suspension.placed.effective_at));
    }
}

fn issuer(signed: &SignedDocument, key: Option<&IssuerKey>, found: &mut Vec<Violation>) {
    let (document, text) = (&signed.document, &signed.proof.public_key);
    let mut refuse =
        |pointer: &str, value: &str, rule: &str| found.push(Violation::new(pointer, value, rule));
    let Some(key) = key else {
        let rule = "must be a key of this certification body on the ledger";
        return refuse("/proof/verificationMethod", text, rule);
    };
    if key.approved.is_none() {
        refuse("/proof/verificationMethod", text, "must be approved by the accreditation body");
    }
    if let Some(revoked) = &key.revoked {
        let rule = format!("must not be revoked, but it is since {}", revoked.effective_at);
        refuse("/proof/verificationMethod", text, &rule);
    }
    if key.issuer_id != document.issuer.id {
        refuse(
            "/issuer/id",
            &document.issuer.id,
            &format!("must be {}, whom the key belongs to", key.issuer_id),
        );
    }
    if key.issuer_name != document.issuer.name {
        refuse("/issuer/name", &document.issuer.name, &format!("must be {:?}", key.issuer_name));
    }
    if key.status_lists != document.status.lists {
        let rule = format!("must be {}/<number>, a list of the issuer", key.status_lists);
        refuse("/credentialStatus/1/statusListCredential", &document.status.lists, &rule);
    }
}

/// Writes the certificate and, for each body, what it needs to stop it alone later: the first writing of a key
/// takes both bodies, so those records must be here from now on.
fn store<S: State>(
    call: &mut Call<'_, S>,
    body: &str,
    document: &Document,
    text: &str,
) -> Result<Vec<u8>, Refusal> {
    let code = document.code;
    let both = KeyPolicy::all(&[body, ACCREDITATION_BODY]);
    let certificate = Certificate {
        body: body.to_owned(),
        scheme_id: document.scheme.id.clone(),
        valid_from: document.validity.from,
        valid_until: document.validity.until,
        issued: call.event(""),
        document: Bytes::copy_from_slice(text.as_bytes()),
    };
    put(call, &keys::certificate(code), certificate.encode(), &both);
    let status = keys::status(body, document.status.list, document.status.index);
    put(call, &status, Status { certificate: code }.encode(), &both);
    for organisation in [body, ACCREDITATION_BODY] {
        let alone = KeyPolicy::all(&[organisation]);
        put(call, &keys::stop(code, organisation), Stop::default().encode(), &alone);
        put(call, &keys::withdrawal(code, organisation), Withdrawal::default().encode(), &alone);
    }
    call.emit(
        "CertificateIssued",
        &Issued {
            certificate: code,
            id: code.to_urn(),
            body,
            scheme_id: &document.scheme.id,
            valid_from: document.validity.from,
            valid_until: document.validity.until,
            effective_at: certificate.issued.effective_at,
            transaction_id: &certificate.issued.transaction_id,
            demonstration: document.demonstration,
        },
    )
}

fn put<S: State>(call: &mut Call<'_, S>, key: &str, value: Vec<u8>, policy: &KeyPolicy) {
    call.state.put(key, value);
    call.state.set_policy(key, policy);
}
