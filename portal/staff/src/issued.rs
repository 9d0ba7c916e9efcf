//! The certificates of the certification bodies, and what is done with one after its grant, each by a person's own key.

use std::sync::Arc;

use accounts::people::Account;
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use certificate::{Code, Duty};
use desk::{Body, Certificate, Organisation};
use dossiers::{complaints::About, steps};
use serde::Deserialize;
use serde_json::json;
use site::{Answer, Site, reply, visitor::Visitor};
use views::{
    certificates::public_page,
    issued::{IssuedOnePage, IssuedPage, ShownIssued, Wanted, history, said},
    page::moment_of,
    steps::{Looking, Offered, SUPERSEDE, of_certificate},
};

use crate::{NO_IDENTITY, complaints};

#[derive(Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    body: String,
    #[serde(default)]
    search: String,
    #[serde(default)]
    result: String,
    bookmark: Option<String>,
}

pub async fn list(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Query(asked): Query<Asked>,
) -> Answer {
    let Asked { body, search, result, bookmark } = asked;
    let search = search.trim().to_owned();
    let mut page = IssuedPage {
        frame: visitor.frame(),
        away: None,
        bodies: Vec::new(),
        wanted: Wanted { body, search, result },
        certificates: Vec::new(),
        bookmark: None,
    };
    let Some(reader) = site.organisations.get(&account.party) else {
        page.away = Some(NO_IDENTITY.to_owned());
        return Ok(reply::page(StatusCode::OK, &page));
    };
    let bodies = match reader.bodies().await {
        Ok(bodies) => bodies,
        Err(away) => {
            page.away = Some(away.to_string());
            return Ok(reply::page(StatusCode::OK, &page));
        }
    };
    page.bodies = bodies.iter().map(|it| it.msp_id.clone()).collect();
    // One's own, where one is a body.
    let named = [page.wanted.body.clone(), account.party.clone()];
    let known = named.into_iter().find(|name| page.bodies.contains(name));
    page.wanted.body = known.or_else(|| page.bodies.first().cloned()).unwrap_or_default();
    if let Ok(code) = page.wanted.search.parse::<Code>() {
        let path = format!("/issued/{}/{code}", page.wanted.body);
        return Ok(Redirect::to(&path).into_response());
    }
    match reader.certificates(&page.wanted.body, &request(&page.wanted, bookmark.as_deref())).await {
        Ok(found) => {
            page.certificates = found.found.iter().map(ShownIssued::listed).collect();
            page.bookmark = found.bookmark;
        }
        Err(away) => page.away = Some(away.to_string()),
    }
    Ok(reply::page(StatusCode::OK, &page))
}

/// As `certificate:list` takes it.
fn request(wanted: &Wanted, bookmark: Option<&str>) -> serde_json::Value {
    let mut request = serde_json::Map::new();
    let is_gtin = !wanted.search.is_empty() && wanted.search.bytes().all(|byte| byte.is_ascii_digit());
    let by = if is_gtin { "gtin" } else { "client" };
    for (name, text) in
        [(by, Some(&*wanted.search)), ("result", Some(&wanted.result)), ("bookmark", bookmark)]
    {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            request.insert(name.to_owned(), json!(text));
        }
    }
    request.into()
}

pub async fn one(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path((body, code)): Path<(String, String)>,
) -> Answer {
    let Some(reader) = site.organisations.get(&account.party) else {
        return Ok(reply::not_now(visitor.frame(), NO_IDENTITY));
    };
    let read = read(reader, &body, &code).await;
    let (body, found) = match read {
        Ok(Some(found)) => found,
        Ok(None) => return Ok(reply::not_there().await),
        Err(why) => return Ok(reply::not_now(visitor.frame(), &why.to_string())),
    };
    let (is_accreditor, oversees_all) = {
        let scope = site.scope(&account).await?;
        (scope.is_accreditor(), scope.oversees_all())
    };
    let mut offered = offered(&account, is_accreditor, &body, &found);
    offered.extend(superseding(reader, &account, &body, &found).await);
    let about = About::Certificate(found.certificate.clone());
    let (complaints, file_path) =
        complaints::about(&site, &account, &body.msp_id, &about, visitor.now).await?;
    let page = IssuedOnePage {
        complaints,
        file_path,
        frame: visitor.frame(),
        shown: ShownIssued::of(&found),
        from: moment_of(&found.valid_from),
        issued: said(&found.issued),
        application: found.application.clone().filter(|_| oversees_all || body.msp_id == account.party),
        surveillance_due: found.surveillance_due.as_deref().map(moment_of).unwrap_or_default(),
        history: history(&found),
        public: site.organisations.verifier().map(|verifier| public_page(verifier, &code)),
        offered,
        signing: site.signing(&account, visitor.now).await?,
        body: body.msp_id,
    };
    Ok(reply::with_script(reply::page(StatusCode::OK, &page)))
}

async fn read(
    reader: &Organisation,
    body: &str,
    code: &str,
) -> Result<Option<(Body, Certificate)>, desk::Away> {
    let bodies = reader.bodies().await?;
    let known = bodies.iter().find(|known| known.msp_id == body);
    let (Some(body), Ok(code)) = (known, code.parse::<Code>()) else { return Ok(None) };
    let found = reader.certificate(&body.msp_id, code).await?;
    Ok(found.map(|found| (body.clone(), found)))
}

fn offered(account: &Account, is_accreditor: bool, body: &Body, found: &Certificate) -> Vec<Offered> {
    let is_over = found.verdict.reasons.iter().any(|it| matches!(&*it.cause, "withdrawn" | "superseded"));
    if is_over {
        return Vec::new();
    }
    let stands = |it: &desk::Suspension| it.placed.by == account.party && it.lifted.is_none();
    let looking = Looking {
        roles: &account.roles,
        is_of_body: body.msp_id == account.party,
        is_accreditor,
        has_suspended: found.suspensions.iter().any(stands),
    };
    let offer = |form| Offered::of(form, &body.chaincode, vec![found.certificate.clone()]);
    of_certificate(&looking).into_iter().map(offer).collect()
}

/// For whom it replaces another one that is not superseded yet.
async fn superseding(
    reader: &Organisation,
    account: &Account,
    body: &Body,
    found: &Certificate,
) -> Option<Offered> {
    let decides = account.roles.iter().any(|role| role == Duty::DecisionMaker.name());
    let application: Code = found.application.as_ref()?.parse().ok()?;
    if !decides || body.msp_id != account.party {
        return None;
    }
    let old = reader.application(&body.msp_id, application).await.ok()??.replaces?;
    let replaced = reader.certificate(&body.msp_id, old.parse().ok()?).await.ok()??;
    if replaced.verdict.reasons.iter().any(|it| it.cause == "superseded") {
        return None;
    }
    let says = |place: &str| {
        let found = replaced.document.pointer(place).and_then(|it| it.as_str());
        found.unwrap_or("not stated").to_owned()
    };
    let client = says("/credentialSubject/client/name");
    // The applicant named it: whose it is, the contract does not judge, and the end of another company's certificate is final.
    let conflict = (!steps::is_of_one_client(&replaced.document, &found.document)).then(|| {
        format!("The certificate that it replaces, {old}, names another client, {client}: it is not superseded here.")
    });
    let facts = vec![
        ("It ends", old.clone()),
        ("Its product", says("/credentialSubject/product/name")),
        ("Its client", client),
    ];
    let about = vec![old, found.certificate.clone()];
    Some(Offered { conflict, facts, ..Offered::of(&SUPERSEDE, &body.chaincode, about) })
}
