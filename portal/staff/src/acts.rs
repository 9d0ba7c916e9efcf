//! Steps on the ledger that people sign in their browsers: what the scripts of a page ask for and send, and how a step went.

use std::sync::Arc;

use accounts::{people::Account, store::StoreError};
use axum::{
    Extension,
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use certificate::chaincode::REGISTRY;
use enrolment::{
    Act, ActError, Acts, Call, Caller,
    acts::{self, State as ActState},
    keys,
};
use serde_json::json;
use site::{Answer, Site, entry, forms::Sent, limits, reply, visitor::Visitor};
use views::steps::{ActPage, ActsPage, ShownAct};

use crate::forms::{NewAct, Signature};

/// Why a step did not go on, for the script that asked.
enum Problem {
    Said(StatusCode, String),
    Failed(StoreError),
}

impl<E: Into<ActError>> From<E> for Problem {
    fn from(error: E) -> Self {
        let error = error.into();
        let status = match &error {
            ActError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            ActError::Other | ActError::Expired | ActError::Kind => StatusCode::CONFLICT,
            ActError::Signature | ActError::Unreadable(_) => StatusCode::UNPROCESSABLE_ENTITY,
            ActError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        match error {
            ActError::Store(error) => Self::Failed(error),
            error => Self::Said(status, format!("It did not go on: {error}.")),
        }
    }
}

fn said(status: StatusCode, text: &str) -> Problem {
    Problem::Said(status, text.to_owned())
}

fn answer(result: Result<Response, Problem>) -> Answer {
    match result {
        Ok(response) => Ok(response),
        Err(Problem::Said(status, problem)) => {
            Ok((status, json_of(&json!({ "problem": problem }))).into_response())
        }
        Err(Problem::Failed(error)) => Err(error.into()),
    }
}

fn json_of(value: &serde_json::Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// In whose name the account's steps are, over its organisation's connection.
async fn caller(site: &Site, account: &Account, now: i64) -> Result<Caller, Problem> {
    let key = keys::current(&site.database, &account.id, now).await?;
    let key =
        key.ok_or_else(|| said(StatusCode::CONFLICT, "You have no certified key. See the page Your key."))?;
    let away = |reason: String| Problem::Said(StatusCode::SERVICE_UNAVAILABLE, reason);
    let organisation = site.organisations.get(&account.party);
    let organisation = organisation
        .ok_or_else(|| away("This portal does not reach the ledger for your organisation.".to_owned()))?;
    let gateway = organisation.gateway().await.map_err(|error| away(error.to_string()))?;
    Ok(Caller::new(&gateway, &account.party, &key)?)
}

/// Whether it is a chaincode of the certificate contract: nothing else is relayed.
async fn is_ours(site: &Site, account: &Account, chaincode: &str) -> bool {
    let Some(organisation) = site.organisations.get(&account.party) else { return false };
    let bodies = organisation.bodies().await;
    chaincode == REGISTRY || bodies.is_ok_and(|bodies| bodies.iter().any(|body| body.chaincode == chaincode))
}

fn shown(act: &Act, caller: &Caller) -> Result<Response, Problem> {
    shown_with(act, caller, None)
}

/// With what a peer answered: it is passed on, and kept nowhere.
fn shown_with(act: &Act, caller: &Caller, answer: Option<Bytes>) -> Result<Response, Problem> {
    let to_sign = caller.to_sign(act)?.map(|bytes| STANDARD.encode(bytes));
    Ok(json_of(&json!({
        "state": act.state.name(),
        "answer": answer.map(|bytes| STANDARD.encode(bytes)),
        "toSign": to_sign,
        "block": act.block,
        "code": act.code,
        "problem": act.problem,
    })))
}

/// The page's own name for an act: 128 bits in hexadecimal.
fn is_name(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

fn call(site: &Site, new: &NewAct) -> Option<Call> {
    let arguments = STANDARD.decode(&new.arguments).ok()?;
    let arguments: Vec<String> = serde_json::from_slice(&arguments).ok()?;
    let is_call = is_name(&new.act) && arguments.first().is_some_and(|function| !function.is_empty());
    is_call.then(|| Call {
        channel: site.organisations.channel().to_owned(),
        chaincode: new.chaincode.clone(),
        arguments,
    })
}

/// Prepares a step, or finds the one of this name.
pub async fn begin(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(new): Sent<NewAct>,
) -> Answer {
    drop(site.change_of(&visitor).await?);
    let begun = async {
        let call = call(&site, &new).ok_or_else(|| said(StatusCode::BAD_REQUEST, "This is no step."))?;
        if !is_ours(&site, &account, &call.chaincode).await {
            return Err(said(
                StatusCode::FORBIDDEN,
                "The portal passes on steps of the certificate contract alone.",
            ));
        }
        if let Some(broken) = desk::broken_rules(&call.arguments) {
            return Err(Problem::Said(StatusCode::UNPROCESSABLE_ENTITY, broken));
        }
        let caller = caller(&site, &account, visitor.now).await?;
        let act = acts_of(&site, &visitor, &caller)
            .begin(&new.act, &call, entry(&visitor, &account.party, "step begun", "", "done"))
            .await?;
        shown(&act, &caller)
    };
    answer(begun.await)
}

fn acts_of<'a>(site: &'a Site, visitor: &'a Visitor, caller: &'a Caller) -> Acts<'a> {
    Acts { database: &site.database, caller, session: visitor.session.as_deref().unwrap_or_default() }
}

/// Goes on with a step by a signature: over its proposal, its transaction, or the question after its status; or over a question
/// that a peer answers.
pub async fn go_on(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path((act, signed)): Path<(String, String)>,
    Sent(Signature { signature }): Sent<Signature>,
) -> Answer {
    drop(site.change_of(&visitor).await?);
    if !matches!(signed.as_str(), "proposal" | "transaction" | "status" | "question") {
        return Ok(reply::not_there().await);
    }
    let gone_on = async {
        let signature = STANDARD.decode(signature).map_err(|_| ActError::Signature)?;
        let caller = caller(&site, &account, visitor.now).await?;
        let acts = acts_of(&site, &visitor, &caller);
        let entry = |action| entry(&visitor, &account.party, action, "", "done");
        if signed == "question" {
            let (act, read) = acts.evaluate(&act, &signature, entry("confidential part read")).await?;
            return shown_with(&act, &caller, read);
        }
        let act = match signed.as_str() {
            "proposal" => acts.endorse(&act, &signature, entry("step endorsed")).await?,
            "transaction" => acts.submit(&act, &signature, entry("step submitted")).await?,
            _ => acts.status(&act, &signature, entry("step on the ledger")).await?,
        };
        shown(&act, &caller)
    };
    answer(gone_on.await)
}

/// The steps that the account has begun.
pub async fn list(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    let acts = acts::newest(&site.database, &account.id, limits::ACTS_PAGE).await?;
    let page = ActsPage { frame: visitor.frame(), acts: acts.into_iter().map(ShownAct::of).collect() };
    Ok(reply::page(StatusCode::OK, &page))
}

/// A step, and how to go on with it where it has not ended.
pub async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(act): Path<String>,
) -> Answer {
    let Some(act) = acts::find(&site.database, &account.id, &act).await? else {
        return Ok(reply::not_there().await);
    };
    let has_ended = matches!(act.state, ActState::Committed | ActState::Refused | ActState::Evaluated);
    let goes_on = !has_ended && !act.call.is_evaluated();
    let signing = if goes_on { site.signing(&account, visitor.now).await? } else { None };
    let page = ActPage { frame: visitor.frame(), act: ShownAct::of(act), signing };
    Ok(reply::with_script(reply::page(StatusCode::OK, &page)))
}
