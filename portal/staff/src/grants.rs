//! How far the grants of a body's decisions are, for its people.

use std::sync::Arc;

use accounts::people::Account;
use axum::{
    Extension,
    extract::{Query, State},
    http::StatusCode,
};
use granting::{PAGE, Scope};
use serde::Deserialize;
use site::{Answer, Site, reply, visitor::Visitor};
use views::{
    certificates::public_page,
    grants::{GrantsPage, ShownGrant},
};

#[derive(Default, Deserialize)]
pub struct Asked {
    #[serde(default)]
    page: i64,
}

pub async fn list(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Query(Asked { page }): Query<Asked>,
) -> Answer {
    let page = page.max(0);
    let found = Scope::of(&account).page(&site.database, page).await?;
    let is_full = i64::try_from(found.len()).unwrap_or_default() == PAGE;
    let public = |code: &str| site.organisations.verifier().map(|verifier| public_page(verifier, code));
    let shown = GrantsPage {
        frame: visitor.frame(),
        party: account.party_name.clone(),
        body: account.party.clone(),
        has_signer: site.signers.has(&account.party),
        grants: found.into_iter().map(|grant| ShownGrant::of(grant, public)).collect(),
        older: is_full.then(|| page.saturating_add(1)),
        newer: (page > 0).then(|| page.saturating_sub(1)),
    };
    Ok(reply::page(StatusCode::OK, &shown))
}
