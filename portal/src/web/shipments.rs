//! The codes of a shipment, checked at once: what the verifier said is kept, signed, and downloaded.

use std::sync::Arc;

use ::inspection::{
    Asked, Asking, Check, KIND, LINES, Pasted, Picked,
    store::{self, Kept},
};
use accounts::{
    people::{Account, Scope},
    secret,
};
use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use desk::{Detached, Organisation};
use site::{Answer, Site, entry, forms::Sent, reply, visitor::Visitor};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use views::shipments::{ShipmentPage, ShipmentsPage, ShownShipment, summary};

use super::forms::ShipmentList;

pub(crate) async fn list(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    let page = page(&site, &visitor, &account, ShipmentList::default()).await?;
    Ok(reply::page(StatusCode::OK, &page))
}

/// With what was typed.
async fn page(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    typed: ShipmentList,
) -> Result<ShipmentsPage, sqlx::Error> {
    let kept = store::list(&site.database, &Scope::of(account)).await?;
    Ok(ShipmentsPage {
        frame: visitor.frame(),
        problem: None,
        picked: typed.column.unwrap_or(1),
        has_names: typed.names != "no",
        typed: typed.list,
        columns: Vec::new(),
        most: LINES,
        shipments: kept.into_iter().map(ShownShipment::from).collect(),
    })
}

pub(crate) async fn check(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(typed): Sent<ShipmentList>,
) -> Answer {
    let picked = typed.column.map(|column| Picked { column, has_names: typed.names == "yes" });
    let lines = match Pasted::read(&typed.list, picked) {
        Ok(Pasted::Lines(lines)) => lines,
        Ok(Pasted::Columns(columns)) => {
            let page = ShipmentsPage { columns, ..page(&site, &visitor, &account, typed).await? };
            return Ok(reply::page(StatusCode::OK, &page));
        }
        Err(problem) => return refused(&site, &visitor, &account, typed, problem).await,
    };
    if site.checks.count(&account.party, visitor.now).is_exceeded {
        let problem = "Your colleagues and you checked many lists just now: wait a minute.".to_owned();
        return refused(&site, &visitor, &account, typed, problem).await;
    }
    let asked: Vec<Asked> = lines.iter().filter_map(|line| line.asked.clone().ok()).collect();
    let answers = site.verifier.ask_all(&asked).await;
    // When it was answered.
    let at = accounts::now();
    let id = secret::random_id()?;
    let asking = Asking {
        id: &id,
        at,
        checked_at: &date_time(at),
        asked_by: &account.party_name,
        verifier: site.verifier.base().unwrap_or_default(),
        genesis: site.verifier.genesis(),
    };
    let check = Check::new(&asking, &lines, answers);
    let kept = kept(&site, &account, &check)?;
    let mut change = site.change_of(&visitor).await?;
    store::keep(&mut change, &Scope::of(&account), &kept).await?;
    let result = if kept.signature.is_empty() { "not signed" } else { "signed" };
    change.record(&entry(&visitor, &account.party, "shipment.check", &id, result)).await?;
    change.commit().await?;
    Ok(Redirect::to(&format!("/shipments/{id}")).into_response())
}

async fn refused(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    typed: ShipmentList,
    problem: String,
) -> Answer {
    let page = ShipmentsPage { problem: Some(problem), ..page(site, visitor, account, typed).await? };
    Ok(reply::page(StatusCode::UNPROCESSABLE_ENTITY, &page))
}

/// The check as it is kept: the document, and the signature over it where somebody may sign for the account.
fn kept(site: &Site, account: &Account, check: &Check) -> Result<Kept, accounts::store::StoreError> {
    let document = serde_json::to_string(check).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let signed = signer(site, account).map(|signer| signer.sign_statement(KIND, document.as_bytes()));
    let signature = match signed {
        Some(Ok(signed)) => signed.text(),
        Some(Err(error)) => {
            tracing::warn!(%error, party = account.party, "a shipment's result is not signed");
            String::new()
        }
        None => String::new(),
    };
    Ok(Kept {
        id: check.id.clone(),
        account: account.id.clone(),
        checked_at: check.iat,
        summary: summary(check),
        document,
        signature,
    })
}

/// Whose service signs: the account's own organisation's; for a company that one's in whose name companies apply.
fn signer<'a>(site: &'a Site, account: &Account) -> Option<&'a Arc<Organisation>> {
    match account.is_staff() {
        true => site.organisations.get(&account.party),
        false => site.organisations.applicants(),
    }
}

fn date_time(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

async fn own(site: &Site, account: &Account, id: &str) -> Result<Option<(Kept, Check)>, sqlx::Error> {
    let Some(kept) = store::find(&site.database, &Scope::of(account), id).await? else { return Ok(None) };
    let check = serde_json::from_str(&kept.document).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Some((kept, check)))
}

pub(crate) async fn one(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(shipment): Path<String>,
) -> Answer {
    let Some((kept, check)) = own(&site, &account, &shipment).await? else {
        return Ok(reply::not_there().await);
    };
    let signer = signer(&site, &account).filter(|_| !kept.signature.is_empty());
    let page = ShipmentPage::new(visitor.frame(), check, signer.map(|signer| signer.msp_id.clone()));
    Ok(reply::page(StatusCode::OK, &page))
}

/// The result as a file: signed, or as a table.
pub(crate) async fn result(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path((shipment, file)): Path<(String, String)>,
) -> Answer {
    let Some((kept, check)) = own(&site, &account, &shipment).await? else {
        return Ok(reply::not_there().await);
    };
    let content = match file.as_str() {
        "result.jws" => Detached::read(&kept.signature)
            .map(|signed| ("application/jose", signed.around(kept.document.as_bytes()).into_bytes())),
        "result.csv" => check.csv().ok().map(|table| ("text/csv; charset=utf-8", table)),
        _ => None,
    };
    let Some((content_type, content)) = content else { return Ok(reply::not_there().await) };
    let object = format!("{shipment} {file}");
    let mut change = site.change_of(&visitor).await?;
    change.record(&entry(&visitor, &account.party, "shipment.download", &object, "sent")).await?;
    change.commit().await?;
    let name = file.replace("result", &format!("shipment-{shipment}"));
    Ok(reply::download(&name, content_type, content))
}
