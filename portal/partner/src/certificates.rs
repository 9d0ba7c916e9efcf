//! The company's certificates: where the public reads about each, its QR code, and whether it holds.

use axum::{http::header, response::IntoResponse};
use certificate::Code;
use dossiers::{store::Indexed, work};
use serde_json::{Map, Value, json};
use views::certificates::public_page;

use crate::{
    BASE,
    call::{self, Answer, Head},
    cursor,
    problem::Problem,
};

pub async fn list(head: Head) -> Answer {
    let wanted = cursor::wanted(&head, cursor::is_date_time)?;
    let after = wanted.after.as_ref().map(|(at, id)| (at.as_str(), id.as_str()));
    let page = head.dossiers().granted_after(&head.site.database, after, wanted.limit).await?;
    let last = page.last().map(|it| (it.taken_at.clone(), it.id.as_str()));
    let next = cursor::next(page.len(), wanted.limit, last);
    let shown: Vec<Value> = page.iter().map(|it| Value::Object(shown(&head, it))).collect();
    Ok(call::json(&json!({"certificates": shown, "next": next})))
}

fn shown(head: &Head, known: &Indexed) -> Map<String, Value> {
    let code = known.certificate.as_deref().unwrap_or_default();
    let verifier = head.site.organisations.verifier();
    let members = json!({
        "code": code,
        "title": known.title,
        "application": known.id,
        "body": known.body,
        "grantedAt": known.taken_at,
        "publicUrl": verifier.map(|verifier| public_page(verifier, code)),
        "qr": verifier.map(|_| format!("{BASE}/certificates/{code}/qr.svg")),
    });
    members.as_object().cloned().unwrap_or_default()
}

/// The company's certificate that the path names.
async fn found(head: &Head) -> Result<Indexed, Problem> {
    let code = head.parameter("certificate");
    let found = head.dossiers().granted_as(&head.site.database, code).await?;
    found.ok_or_else(Problem::not_found)
}

/// With what the ledger says of it now, or why it says nothing.
pub async fn one(head: Head) -> Answer {
    head.queried([])?;
    let known = found(&head).await?;
    let mut shown = shown(&head, &known);
    let code = known.certificate.as_ref().and_then(|code| code.parse::<Code>().ok());
    let (verdict, away) = match (work::reader(&head.site.organisations), code) {
        (Some(reader), Some(code)) => match reader.certificate(&known.body, code).await {
            Ok(found) => (found.as_ref().map(verdict), None),
            Err(away) => (None, Some(away.to_string())),
        },
        _ => (None, Some("this portal was started without a ledger".to_owned())),
    };
    shown.insert("ledger".to_owned(), verdict.into());
    shown.insert("away".to_owned(), away.into());
    Ok(call::json(&Value::Object(shown)))
}

fn verdict(found: &desk::Certificate) -> Value {
    let reasons = found.verdict.reasons.iter();
    let reasons: Vec<Value> =
        reasons.map(|it| json!({"cause": it.cause, "since": it.since, "why": it.why})).collect();
    json!({
        "result": found.verdict.result,
        "reasons": reasons,
        "validUntil": found.valid_until,
        "surveillanceDue": found.surveillance_due,
    })
}

pub async fn qr(head: Head) -> Answer {
    head.queried([])?;
    let known = found(&head).await?;
    let code = known.certificate.as_deref().unwrap_or_default();
    let verifier = head.site.organisations.verifier().ok_or_else(Problem::not_found)?;
    let drawn = qr::Qr::new(&public_page(verifier, code)).map_err(|_| Problem::not_found())?;
    let svg = drawn.svg(&[verifier, code]);
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response())
}
