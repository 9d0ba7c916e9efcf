//! Issues a certificate in one step: the document's own rules, then what only the ledger knows, then the records.

use bytes::Bytes;
use serde::Serialize;
use serde_json::json;

use super::call::{Call, answer, put, put_of_both};
use super::index;
use super::rules::{self, Background};
use crate::code::Code;
use crate::date_time::DateTime;
use crate::document::{Document, SignedDocument};
use crate::duty::Duty;
use crate::keys;
use crate::record::{Certificate, Hold, Status, Stop, SurveillanceRule, Withdrawal};
use crate::refusal::{Refusal, Violation};
use crate::state::{KeyPolicy, Role, State};

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
    #[serde(skip_serializing_if = "Option::is_none")]
    application: Option<Code>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
}

/// What a certificate's record takes from its scheme and its application.
#[derive(Default)]
pub struct Basis {
    pub surveillance: Option<SurveillanceRule>,
    /// `None` where it is issued in one step.
    pub application: Option<Code>,
    pub category: Option<String>,
}

/// `certificate:check(document)`: anyone; the broken rules as a list, for a dry run.
pub async fn check<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [text] = call.arguments(["document"])?;
    let violations = match call.state.check_signed(text.as_bytes()) {
        Err(violations) => violations,
        Ok(signed) => {
            let (body, key) = (call.ledger().await?.body, &signed.proof.public_key);
            let background = Background::read(&mut call, &body, &signed.document, Some(key)).await?;
            violations(&call, &signed, &background)
        }
    };
    answer(&json!({ "violations": violations }))
}

/// `certificate:issue(document)`: a client of the certification body: a service, a decision-maker, or one whose
/// certificate names no role.
pub async fn issue<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [text] = call.arguments(["document"])?;
    call.on_duty_if_any(&[Duty::Service, Duty::DecisionMaker])?;
    let signed = call.state.check_signed(text.as_bytes()).map_err(Refusal::Rules)?;
    let body = call.state.creator().msp_id.clone();
    let key = &signed.proof.public_key;
    let background = Background::read(&mut call, &body, &signed.document, Some(key)).await?;
    call.caller(&background.bound()?.body, &[Role::Client])?;
    background.check_code_is_free(signed.document.code)?;
    let violations = violations(&call, &signed, &background);
    if !violations.is_empty() {
        return Err(Refusal::Rules(violations));
    }
    let basis = Basis { surveillance: background.surveillance(), ..Basis::default() };
    store(&mut call, &body, &signed.document, text, basis)
}

fn violations<S: State>(
    call: &Call<'_, S>,
    signed: &SignedDocument,
    background: &Background,
) -> Vec<Violation> {
    let now = call.state.timestamp();
    let mut found = rules::fresh(&signed.document, now);
    found.extend(background.violations(&signed.document, None, call.state.channel_id(), now));
    found.extend(background.direct_issue_violation());
    found.extend(background.issuer_violations(signed));
    found
}

/// Writes the certificate and, for each body, what it needs to stop it alone later: the first writing of a key
/// takes both bodies, so those records must be here from now on.
pub fn store<S: State>(
    call: &mut Call<'_, S>,
    body: &str,
    document: &Document,
    text: &str,
    basis: Basis,
) -> Result<Vec<u8>, Refusal> {
    let code = document.code;
    let Basis { surveillance, application, category } = basis;
    let accreditation_body = call.accreditation_body.clone();
    let certificate = Certificate {
        body: body.to_owned(),
        scheme_id: document.scheme.id.clone(),
        valid_from: document.validity.from,
        valid_until: document.validity.until,
        issued: call.event(""),
        application,
        surveillance,
        category,
        document: Bytes::copy_from_slice(text.as_bytes()),
    };
    put_of_both(call, &keys::certificate(code), certificate.encode(), body);
    let status = keys::status(body, document.status.list, document.status.index);
    put_of_both(call, &status, Status { certificate: code, hold: Hold::Issued }.encode(), body);
    index::write(call, body, document, application);
    for organisation in [body, &accreditation_body] {
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
            application,
            category: certificate.category.as_deref(),
        },
    )
}
