//! A company's certificates: whether each holds, its QR code, and labels to print.

use std::sync::Arc;

use accounts::people::Account;
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use certificate::Code;
use dossiers::store::{Indexed, PAGE, Scope};
use serde::Deserialize;
use site::{Answer, Site, reply, visitor::Visitor};
use tokio::task::JoinSet;
use views::certificates::{CertificatesPage, LabelsPage, ShownCertificate, public_page};

use super::applications::reader;

/// Certificates that the ledger is asked for at once.
const ASKED_AT_ONCE: usize = 8;
/// Labels on a page that is printed.
const LABELS: usize = 60;

#[derive(Deserialize)]
pub(crate) struct Turned {
    #[serde(default)]
    page: i64,
}

pub(crate) async fn list(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Query(Turned { page }): Query<Turned>,
) -> Answer {
    let known = Scope::of(&account).granted(&site.database, page).await?;
    let verifier = site.organisations.verifier();
    let mut shown: Vec<ShownCertificate> =
        known.iter().map(|it| ShownCertificate::of(it, verifier)).collect();
    let away = read(&site, &known, &mut shown).await;
    let is_full = i64::try_from(known.len()).is_ok_and(|count| count == PAGE);
    let page = CertificatesPage {
        frame: visitor.frame(),
        away,
        certificates: shown,
        older: is_full.then(|| page.saturating_add(1)),
        newer: (page > 0).then(|| page.saturating_sub(1)),
    };
    Ok(reply::page(StatusCode::OK, &page))
}

/// Asks the ledger for each, and stops at the first that it does not answer: why it does not.
async fn read(site: &Site, known: &[Indexed], shown: &mut [ShownCertificate]) -> Option<String> {
    let mut asked = JoinSet::new();
    let mut waiting = known.iter().enumerate();
    loop {
        while asked.len() < ASKED_AT_ONCE
            && let Some((place, it)) = waiting.next()
        {
            let Some(Ok(code)) = it.certificate.as_ref().map(|code| code.parse::<Code>()) else { continue };
            let (reader, body) = (reader(site)?.clone(), it.body.clone());
            asked.spawn(async move { (place, reader.certificate(&body, code).await) });
        }
        let (place, answer) = asked.join_next().await?.ok()?;
        match (answer, shown.get_mut(place)) {
            (Err(away), _) => return Some(away.to_string()),
            (Ok(Some(found)), Some(shown)) => shown.read(&found),
            _ => {}
        }
    }
}

/// The QR code of one of the company's certificates.
pub(crate) async fn qr(
    State(site): State<Arc<Site>>,
    Extension(account): Extension<Account>,
    Path(code): Path<String>,
) -> Answer {
    let is_own = Scope::of(&account).granted_as(&site.database, &code).await?.is_some();
    let drawn = site.organisations.verifier().filter(|_| is_own).and_then(|verifier| draw(verifier, &code));
    Ok(match drawn {
        Some(svg) => ([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response(),
        None => reply::not_there().await,
    })
}

fn draw(verifier: &str, code: &str) -> Option<String> {
    let qr = qr::Qr::new(&public_page(verifier, code)).ok()?;
    Some(qr.svg(&[verifier, code]))
}

#[derive(Deserialize)]
pub(crate) struct Printed {
    count: Option<usize>,
}

/// Labels of one of the company's certificates, to print.
pub(crate) async fn labels(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(code): Path<String>,
    Query(Printed { count }): Query<Printed>,
) -> Result<Response, reply::Failed> {
    let known = Scope::of(&account).granted_as(&site.database, &code).await?;
    let (Some(known), Some(verifier)) = (known, site.organisations.verifier()) else {
        return Ok(reply::not_there().await);
    };
    let page = LabelsPage {
        frame: visitor.frame(),
        title: known.title,
        public: public_page(verifier, &code),
        code,
        count: count.unwrap_or(12).clamp(1, LABELS),
        most: LABELS,
    };
    Ok(reply::page(StatusCode::OK, &page))
}
