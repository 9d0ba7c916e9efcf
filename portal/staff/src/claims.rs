//! What companies claim of applications that have no company here: the administrators of the body say whether it is the applicant.

use std::sync::Arc;

use accounts::people::{self, Account};
use axum::{
    Extension,
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use desk::Application;
use dossiers::{
    claims::{Claim, OfBody},
    index::{self, IndexError},
};
use site::{Answer, Site, entry, forms::Sent, reply, visitor::Visitor};
use views::claims::ClaimsPage;

use crate::{NO_IDENTITY, forms::OnClaim};

const NOT_NEWEST: &str = "It was not confirmed: what was claimed is not what the ledger has by now. Refuse it, and ask the company for the \
                          newest file.";

pub async fn list(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    if !account.is_staff() {
        return Ok(reply::not_there().await);
    }
    page(&site, &visitor, &account, None).await
}

async fn page(site: &Site, visitor: &Visitor, account: &Account, problem: Option<String>) -> Answer {
    let claims = OfBody::of(account).all(&site.database).await?;
    let page = ClaimsPage {
        frame: visitor.frame(),
        party: account.party_name.clone(),
        body: account.party.clone(),
        claims: claims.into_iter().map(Into::into).collect(),
        problem,
    };
    let status = if page.problem.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    Ok(reply::page(status, &page))
}

/// Confirms or refuses. What is confirmed is what the ledger has now, read in the name of the body.
pub async fn decide(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(OnClaim { end }): Sent<OnClaim>,
) -> Answer {
    let body = OfBody::of(&account);
    let found = body.one(&site.database, &id).await?.filter(|_| account.is_staff());
    let live = match (&found, end.as_str()) {
        (Some(claim), "confirm") => match read(&site, &account, claim).await {
            Ok(live) => Some(live),
            Err(IndexError::Database(error)) => return Err(error.into()),
            Err(away) => {
                let problem =
                    format!("It was not confirmed, as the ledger gave no answer: {away}. Try again later.");
                return page(&site, &visitor, &account, Some(problem)).await;
            }
        },
        (_, "confirm" | "refuse") => None,
        _ => return Ok(reply::other_fields()),
    };
    let mut change = site.change_of(&visitor).await?;
    // The role may have been taken while the form was on its way.
    let is_administrator = people::is_administrator(&mut change, &account.party, &account.id).await?;
    let Some(claim) = found.filter(|_| is_administrator) else { return Ok(reply::not_there().await) };
    let (is_ended, action) = match &live {
        Some(Some((live, applicants))) => {
            (body.confirm(&mut change, &claim, (live, applicants), visitor.now).await, "claim confirmed")
        }
        Some(None) => (Ok(false), "claim confirmed"),
        None => (body.refuse(&mut change, &claim, visitor.now).await, "claim refused"),
    };
    let is_ended = match is_ended {
        Ok(is_ended) => is_ended,
        Err(IndexError::Database(error)) => return Err(error.into()),
        Err(error) => return page(&site, &visitor, &account, Some(error.to_string())).await,
    };
    if !is_ended {
        drop(change);
        let problem = live.is_some().then(|| NOT_NEWEST.to_owned());
        return page(&site, &visitor, &account, problem).await;
    }
    let object = format!("{id} {}", claim.email);
    change.record(&entry(&visitor, &account.party, action, &object, "done")).await?;
    change.commit().await?;
    site.posted.notify_one();
    Ok(Redirect::to("/admin/claims").into_response())
}

/// The application, and in whose name companies apply here; none where the ledger has no such one.
async fn read(
    site: &Site,
    account: &Account,
    claim: &Claim,
) -> Result<Option<(Application, String)>, IndexError> {
    let no_identity = || IndexError::Away(desk::Away::Unreachable(NO_IDENTITY.to_owned()));
    let reader = site.organisations.get(&account.party).ok_or_else(no_identity)?;
    let applicants = site.organisations.applicants().map(|it| it.msp_id.clone()).ok_or_else(no_identity)?;
    let Ok(id) = claim.application.parse() else { return Ok(None) };
    let found = index::refresh(&site.database, &site.organisations, reader, &claim.body, id).await?;
    Ok(found.map(|application| (application, applicants)))
}
