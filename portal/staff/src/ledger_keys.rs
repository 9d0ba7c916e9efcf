//! Ledger keys: people make them in their browsers, and their organisation's administrator brings back the certificates. No
//! authority's key is here.

use std::{collections::BTreeSet, sync::Arc};

use accounts::{
    people::{self, Account},
    store::{self, StoreError},
};
use axum::{
    Extension,
    extract::{Path, State},
    response::{IntoResponse, Redirect, Response},
};
use enrolment::{
    Expected, KeyRequest, Queue, Queued, check, configuration,
    keys::{self, certified_roles},
};
use site::{
    Answer, Order, Site, entry,
    forms::{Nothing, Sent},
    reply,
    visitor::Visitor,
};
use views::keys::{KeyPage, QueuePage, ShownKey, ShownQueued};

use crate::forms::{NewCertificate, NewKey};

async fn page(site: &Site, visitor: &Visitor, account: &Account, notice: Option<&str>) -> Answer {
    let keys = keys::of_account(&site.database, &account.id).await?;
    let roles = certified_roles(&account.roles);
    let page = KeyPage {
        frame: visitor.frame(),
        notice: notice.map(str::to_owned),
        msp_id: account.party.clone(),
        keys: keys.into_iter().map(|key| ShownKey::of(key, &roles)).collect(),
        roles,
        certifies_at_once: site.certify.is_some(),
    };
    let status = reply::status(notice);
    Ok(reply::with_script(reply::page(status, &page)))
}

pub async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    page(&site, &visitor, &account, None).await
}

/// Puts a request into the organisation's queue.
pub async fn request(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(NewKey { request }): Sent<NewKey>,
) -> Answer {
    let mut change = site.change_of(&visitor).await?;
    let read = KeyRequest::read(&request.replace("\r\n", "\n"));
    let queued = match &read {
        Ok(request) if !certified_roles(&account.roles).is_empty() => {
            keys::enqueue(&mut change, &account, request, visitor.now).await?
        }
        _ => None,
    };
    let result = if queued.is_some() { "done" } else { "refused" };
    let object = queued.as_deref().unwrap_or_default();
    change.record(&entry(&visitor, &account.party, "ledger key requested", object, result)).await?;
    change.commit().await?;
    let Some(id) = queued else {
        let problem =
            read.map_or_else(|error| error.to_string(), |_| "The request was not taken.".to_owned());
        return page(&site, &visitor, &account, Some(&problem)).await;
    };
    match certify_at_once(&site, &visitor, &account, &id).await? {
        Ok(()) => Ok(Redirect::to("/key").into_response()),
        Err(problem) => page(&site, &visitor, &account, Some(&problem)).await,
    }
}

/// Of a demonstration: its authority certifies by itself.
async fn certify_at_once(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    id: &str,
) -> Result<Result<(), String>, StoreError> {
    let Some(certify) = site.certify.clone() else { return Ok(Ok(())) };
    let Some(queued) = Queue::of(account).key(&site.database, id).await? else { return Ok(Ok(())) };
    let order = Order {
        organisation: account.party.clone(),
        request: queued.key.request.clone(),
        roles: queued.roles.clone(),
        pseudonym: queued.pseudonym.clone(),
    };
    let certified = tokio::task::spawn_blocking(move || certify(&order)).await;
    match certified.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(certificate) => take(site, visitor, account, &queued, &certificate, false).await,
        Err(problem) => Ok(Err(format!("The demonstration's authority did not certify the key: {problem}"))),
    }
}

/// Takes a certificate for a key of the queue, if it is what was granted; otherwise says why not.
async fn take(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    queued: &Queued,
    certificate: &str,
    by_administrator: bool,
) -> Result<Result<(), String>, StoreError> {
    let Some(organisation) = site.organisations.get(&account.party) else {
        return Ok(Err("This portal does not reach the ledger for your organisation, by which it would judge the certificate."
            .to_owned()));
    };
    let gateway = match organisation.gateway().await {
        Ok(gateway) => gateway,
        Err(away) => return Ok(Err(away.to_string())),
    };
    let channel = match configuration(&gateway, site.organisations.channel()).await {
        Ok(channel) => channel,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let request = match KeyRequest::read(&queued.key.request) {
        Ok(request) => request,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let roles: BTreeSet<String> = queued.roles.iter().cloned().collect();
    let expected = Expected {
        msp_id: &account.party,
        key: request.key(),
        pseudonym: &queued.pseudonym,
        roles: &roles,
        secrets: &[&queued.name, &queued.email],
    };
    let certified = match check(&certificate.replace("\r\n", "\n"), &expected, &channel, visitor.now) {
        Ok(certified) => certified,
        Err(mismatch) => return Ok(Err(format!("The certificate was not taken: {mismatch}."))),
    };
    let mut change = site.change_of(visitor).await?;
    let may = !by_administrator || people::is_administrator(&mut change, &account.party, &account.id).await?;
    if !may || !Queue::of(account).certify(&mut change, queued, &certified, visitor.now).await? {
        return Ok(Err(
            "The key, or the person's roles, have changed meanwhile. Load the page again.".to_owned()
        ));
    }
    let object = format!("{} {}", queued.key.account, queued.key.id);
    change.record(&entry(visitor, &account.party, "ledger key certified", &object, "done")).await?;
    let text = format!(
        "Your key for the ledger is certified.\n\nUse it from the browser in which you made it:\n{}/key\n",
        site.base
    );
    store::post(&mut change, &queued.email, "Your key is certified", &text, visitor.now).await?;
    change.commit().await?;
    site.posted.notify_one();
    Ok(Ok(()))
}

/// Its owner says that a key is lost.
pub async fn lose(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(key): Path<String>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let mut change = site.change_of(&visitor).await?;
    if !keys::lose(&mut change, &account.id, &key, visitor.now).await? {
        return Ok(reply::not_there().await);
    }
    change.record(&entry(&visitor, &account.party, "ledger key lost", &key, "done")).await?;
    change.commit().await?;
    Ok(Redirect::to("/key").into_response())
}

async fn queue_page(site: &Site, visitor: &Visitor, account: &Account, notice: Option<&str>) -> Answer {
    if !account.is_staff() {
        return Ok(reply::not_there().await);
    }
    let keys = Queue::of(account).keys(&site.database).await?;
    let name = site.organisations.get(&account.party).map_or_else(
        || account.party.strip_suffix("MSP").unwrap_or(&account.party).to_owned(),
        |organisation| organisation.name.clone(),
    );
    let page = QueuePage {
        frame: visitor.frame(),
        party: account.party_name.clone(),
        notice: notice.map(str::to_owned),
        keys: keys.into_iter().map(|queued| ShownQueued::of(queued, &name)).collect(),
        organisation: name,
        certifies_at_once: site.certify.is_some(),
    };
    let status = reply::status(notice);
    Ok(reply::page(status, &page))
}

pub async fn show_queue(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    queue_page(&site, &visitor, &account, None).await
}

fn file(name: &str, text: String) -> Response {
    reply::download(name, "application/x-pem-file", text)
}

/// The request, to be taken to the authority.
pub async fn export_request(
    State(site): State<Arc<Site>>,
    Extension(account): Extension<Account>,
    Path(key): Path<String>,
) -> Answer {
    match Queue::of(&account).key(&site.database, &key).await? {
        Some(queued) => Ok(file(&format!("{}.request.pem", queued.pseudonym), queued.key.request)),
        None => Ok(reply::not_there().await),
    }
}

/// The certificate, to be revoked.
pub async fn export_certificate(
    State(site): State<Arc<Site>>,
    Extension(account): Extension<Account>,
    Path(key): Path<String>,
) -> Answer {
    let found = Queue::of(&account).key(&site.database, &key).await?;
    match found.and_then(|queued| Some((queued.pseudonym, queued.key.certificate?))) {
        Some((pseudonym, certificate)) => Ok(file(&format!("{pseudonym}.pem"), certificate)),
        None => Ok(reply::not_there().await),
    }
}

/// The administrator brings the certificate.
pub async fn certify(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(key): Path<String>,
    Sent(NewCertificate { certificate }): Sent<NewCertificate>,
) -> Answer {
    drop(site.change_of(&visitor).await?);
    let queued = Queue::of(&account).key(&site.database, &key).await?;
    let Some(queued) = queued.filter(Queued::may_be_certified) else { return Ok(reply::not_there().await) };
    match take(&site, &visitor, &account, &queued, &certificate, true).await? {
        Ok(()) => Ok(Redirect::to("/admin/keys").into_response()),
        Err(problem) => queue_page(&site, &visitor, &account, Some(&problem)).await,
    }
}

/// The administrator refuses a request, or says that a certified key is lost.
pub async fn end(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(key): Path<String>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let mut change = site.change_of(&visitor).await?;
    let is_administrator = people::is_administrator(&mut change, &account.party, &account.id).await?;
    let ended = match is_administrator {
        true => Queue::of(&account).end(&mut change, &key, visitor.now).await?,
        false => None,
    };
    let action = match ended {
        Some(keys::State::Lost) => "ledger key lost",
        Some(_) => "ledger key refused",
        None => return Ok(reply::not_there().await),
    };
    change.record(&entry(&visitor, &account.party, action, &key, "done")).await?;
    change.commit().await?;
    Ok(Redirect::to("/admin/keys").into_response())
}
