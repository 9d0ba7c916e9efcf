//! One confidential field, asked for and opened: customs ask the certification body, a person of the body reads the fields under its own
//! key and opens one of them, and who asked holds it against the ledger.

use std::sync::Arc;

use ::disclosure::{
    Answered, Asked, Asker, Field, Holder, New, REASON, Request, State as Stage, WANTED, is_served, page_of,
    written,
};
use ::inspection::{Asked as Question, Outcome, shown};
use accounts::people::Account;
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use certificate::{
    Code,
    confidential::ConfidentialField,
    disclosure::{Disclosure, Finding, LedgerName},
};
use desk::Away;
use serde::Deserialize;
use serde_json::Value;
use site::{
    Answer, Site, entry,
    forms::{Nothing, Sent},
    reply,
    visitor::Visitor,
};
use views::{
    disclosures::{About, CheckPage, DisclosurePage, DisclosuresPage, NewDisclosurePage, ShownField, Way},
    queue::ConfidentialOf,
};

use crate::{
    NO_IDENTITY,
    forms::{DisclosureFile, Opened, Refusal, Wanted},
};

pub async fn list(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    let asked = Asker::of(&account).list(&site.database).await?;
    let received = match Holder::of(&account) {
        Some(holder) => Some(holder.list(&site.database).await?),
        None => None,
    };
    let page = DisclosuresPage {
        frame: visitor.frame(),
        party: account.party_name.clone(),
        asked: asked.into_iter().map(Into::into).collect(),
        // Who is of no body is asked nothing.
        received: received.filter(|it| !it.is_empty()).map(|it| it.into_iter().map(Into::into).collect()),
    };
    Ok(reply::page(StatusCode::OK, &page))
}

/// A certificate, of whose application a field is asked for.
struct Subject {
    certificate: Code,
    application: String,
    about: About,
}

/// What the verifier says of it; or why nothing can be asked for.
async fn subject(
    site: &Site,
    account: &Account,
    typed: &str,
) -> Result<Result<Subject, String>, sqlx::Error> {
    let asked = Question::read(typed);
    let (question, certificate) = match asked.map(|asked| (asked.code, asked)) {
        Ok((Some(code), question)) => (question, code),
        Ok((None, _)) => return Ok(Err("Write the code of one certificate.".to_owned())),
        Err(problem) => return Ok(Err(problem)),
    };
    let said = site.verifier.ask(&question).await;
    match said.result {
        Outcome::Valid | Outcome::NotValid => {}
        Outcome::Unknown => return Ok(Err("No such certificate stands on this ledger.".to_owned())),
        _ => {
            return Ok(Err(format!(
                "It cannot be told what the certificate is, so nothing was asked. {}",
                said.doubt
            )));
        }
    }
    let part = said.confidential;
    if part.fields == 0 || part.application.is_empty() || part.body.is_empty() {
        return Ok(Err("The ledger has no confidential field for this certificate.".to_owned()));
    }
    let is_here =
        site.organisations.get(&part.body).is_some() && is_served(&site.database, &part.body).await?;
    let way = match part.body == account.party {
        true => Way::Own,
        false if part.is_adopted => Way::Adopted,
        false if is_here => Way::Here,
        false => Way::Elsewhere,
    };
    let about = About { product: said.product, body: part.body, fields: part.fields, way };
    Ok(Ok(Subject { certificate, application: part.application, about }))
}

#[derive(Default, Deserialize)]
pub struct Named {
    #[serde(default)]
    certificate: String,
}

pub async fn show_new(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Query(Named { certificate }): Query<Named>,
) -> Answer {
    let typed = Wanted { certificate, ..Wanted::default() };
    let (about, problem) = match subject(&site, &account, &typed.certificate).await? {
        Ok(subject) => (Some(subject.about), None),
        Err(problem) => (None, Some(problem)),
    };
    Ok(new_page(&visitor, typed, about, problem))
}

/// With what was typed.
fn new_page(visitor: &Visitor, typed: Wanted, about: Option<About>, problem: Option<String>) -> Response {
    let status = reply::status(problem.as_deref());
    let Wanted { certificate, wanted, reason } = typed;
    let certificate = shown(&certificate);
    reply::page(
        status,
        &NewDisclosurePage { frame: visitor.frame(), problem, certificate, wanted, reason, about },
    )
}

pub async fn ask(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(typed): Sent<Wanted>,
) -> Answer {
    drop(site.change_of(&visitor).await?);
    let subject = match subject(&site, &account, &typed.certificate).await? {
        Ok(subject) if subject.about.way == Way::Here => subject,
        Ok(subject) => return Ok(new_page(&visitor, typed, Some(subject.about), None)),
        Err(problem) => return Ok(new_page(&visitor, typed, None, Some(problem))),
    };
    let words = written(&typed.wanted, WANTED).map_err(|rule| format!("Which field you need {rule}."));
    let words = words.and_then(|wanted| {
        let reason = written(&typed.reason, REASON).map_err(|rule| format!("Why you need it {rule}."))?;
        Ok((wanted, reason))
    });
    let (wanted, reason) = match words {
        Ok(words) => words,
        Err(problem) => return Ok(new_page(&visitor, typed, Some(subject.about), Some(problem))),
    };
    let code = subject.certificate.to_string();
    let new = New {
        certificate: &code,
        product: &subject.about.product,
        application: &subject.application,
        body: &subject.about.body,
        wanted: &wanted,
        reason: &reason,
    };
    let mut change = site.change_of(&visitor).await?;
    let id = match Asker::of(&account).ask(&mut change, &new, visitor.now).await? {
        Asked::Known(id) => return Ok(to(&id)),
        Asked::Full => {
            drop(change);
            let problem = "Your organisation waits for as many answers as it may. Take back what you do not need any more.";
            return Ok(new_page(&visitor, typed, Some(subject.about), Some(problem.to_owned())));
        }
        Asked::Done(id) => id,
    };
    let object = format!("{id} {code} of {}: {wanted}: {reason}", new.body);
    change.record(&entry(&visitor, &account.party, "confidential field asked for", &object, "done")).await?;
    change.commit().await?;
    site.posted.notify_one();
    Ok(to(&id))
}

fn to(id: &str) -> Response {
    Redirect::to(&page_of(id)).into_response()
}

pub async fn one(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
) -> Answer {
    page(&site, &visitor, &account, &id, Told::default()).await
}

/// What a page says besides.
#[derive(Default)]
struct Told {
    notice: Option<String>,
    opened: Option<ShownField>,
}

impl Told {
    fn of(notice: impl Into<String>) -> Self {
        Self { notice: Some(notice.into()), opened: None }
    }
}

/// The request for one of the two organisations that it concerns. To anybody else it is not there.
async fn page(site: &Site, visitor: &Visitor, account: &Account, id: &str, told: Told) -> Answer {
    let own = Asker::of(account).one(&site.database, id).await?;
    let is_of_asker = own.is_some();
    let holder = Holder::of(account);
    let found = match (own, &holder) {
        (Some(own), _) => Some(own),
        (None, Some(holder)) => holder.one(&site.database, id).await?,
        (None, None) => None,
    };
    let Some(request) = found else { return Ok(reply::not_there().await) };
    let may_answer = !is_of_asker && holder.is_some_and(|holder| holder.may_answer());
    let (part, away) = match may_answer && request.state == Stage::Asked {
        true => match part(site, account, &request).await {
            Ok(part) => (part, None),
            Err(why) => (None, Some(why)),
        },
        false => (None, None),
    };
    let status = if told.notice.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    let page = DisclosurePage {
        frame: visitor.frame(),
        is_asker: is_of_asker && request.account == account.id,
        shown: request.into(),
        notice: told.notice,
        is_of_asker,
        opened: told.opened,
        may_answer,
        part,
        away,
        signing: if may_answer { site.signing(account, visitor.now).await? } else { None },
        most: REASON,
    };
    Ok(reply::with_script(reply::page(status, &page)))
}

/// How the confidential part is read by who may answer.
async fn part(site: &Site, account: &Account, request: &Request) -> Result<Option<ConfidentialOf>, String> {
    let reader = site.organisations.get(&account.party).ok_or_else(|| NO_IDENTITY.to_owned())?;
    let codes = (request.application.parse::<Code>(), request.certificate.parse::<Code>());
    let (Ok(application), Ok(certificate)) = codes else { return Ok(None) };
    let read = async {
        let certificate = reader.certificate(&request.body, certificate).await?;
        let record = reader.confidential(&request.body, application).await?;
        Ok::<_, Away>((certificate, record, reader.chaincode(&request.body).await?))
    };
    let (certificate, record, chaincode) = read.await.map_err(|away| away.to_string())?;
    // The request has the verifier's word for it; the body asks its own peer.
    if certificate.and_then(|it| it.application).as_ref() != Some(&request.application) {
        return Err("your ledger names another application for this certificate, or none".to_owned());
    }
    Ok(record.map(|record| ConfidentialOf::of(record, &chaincode)))
}

pub async fn take_back(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let asker = Asker::of(&account);
    let mut change = site.change_of(&visitor).await?;
    if !asker.take_back(&mut change, &id, visitor.now).await? {
        drop(change);
        return as_it_is(&site, &asker, &id).await;
    }
    change.record(&entry(&visitor, &account.party, "request for a field taken back", &id, "done")).await?;
    change.commit().await?;
    Ok(to(&id))
}

/// Pressed twice, or answered or ended meanwhile: the request's page shows which.
async fn as_it_is(site: &Site, asker: &Asker<'_>, id: &str) -> Answer {
    match asker.one(&site.database, id).await? {
        Some(_) => Ok(to(id)),
        None => Ok(reply::not_there().await),
    }
}

/// A request that this person answers; none where there is no such one for it.
async fn answerable<'a>(
    site: &Site,
    account: &'a Account,
    id: &str,
) -> Result<Option<(Holder<'a>, Request)>, sqlx::Error> {
    let Some(holder) = Holder::of(account).filter(Holder::may_answer) else { return Ok(None) };
    let found = holder.one(&site.database, id).await?;
    Ok(found.map(|request| (holder, request)))
}

const LATE: &str = "It was answered or taken back meanwhile, and nothing was done now.";

/// Opens the field that the person's browser chose from what a peer answered it. It has to be one of the ledger's.
pub async fn open(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(Opened { confidential, client }): Sent<Opened>,
) -> Answer {
    drop(site.change_of(&visitor).await?);
    let Some((holder, request)) = answerable(&site, &account, &id).await? else {
        return Ok(reply::not_there().await);
    };
    if request.state != Stage::Asked {
        return page(&site, &visitor, &account, &id, Told::of(LATE)).await;
    }
    let opening = match opening(&site, &request, &confidential).await {
        Ok(opening) => opening,
        Err(why) => {
            let notice =
                format!("Nothing was opened: {why}. Read the confidential part again, and choose a field.");
            return page(&site, &visitor, &account, &id, Told::of(notice)).await;
        }
    };
    let is_client_told = client != "lawForbids";
    let Disclosure { index, hash, private, .. } = &opening;
    let private =
        private.canonical().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let place = i64::try_from(*index).unwrap_or_default();
    let field = Field { place, hash, private: &private, is_client_told };
    let mut change = site.change_of(&visitor).await?;
    match holder.open(&mut change, &request, &field, visitor.now).await? {
        Answered::Done => {}
        Answered::Late => {
            drop(change);
            return page(&site, &visitor, &account, &id, Told::of(LATE)).await;
        }
        Answered::Gone => {
            drop(change);
            let notice = "Who asked has no account here any more, so nothing was opened. Refuse it, and let a colleague of that \
                          organisation ask.";
            return page(&site, &visitor, &account, &id, Told::of(notice)).await;
        }
    }
    let told =
        if is_client_told { "the company is told" } else { "the company is not told, as the law forbids it" };
    let object = format!(
        "{id} {}: field {} {hash} to {} of {}, who asked for it: {}; {told}",
        request.certificate,
        index.saturating_add(1),
        request.name,
        request.party,
        request.reason
    );
    change.record(&entry(&visitor, &account.party, "confidential field opened", &object, "done")).await?;
    change.commit().await?;
    site.posted.notify_one();
    Ok(to(&id))
}

/// The field as it is handed over, where the ledger has its hash for this certificate; or why not, in words that say nothing of it.
async fn opening(site: &Site, request: &Request, field: &str) -> Result<Disclosure, String> {
    let none = || "this is no confidential field".to_owned();
    let private: ConfidentialField = serde_json::from_str(field).map_err(|_| none())?;
    if let Some(fault) = private.fault(private.application) {
        return Err(format!("the field {fault}"));
    }
    let hash = private.hash().map_err(|_| none())?;
    let (word, _) = word_on(site, &request.certificate).await;
    let hashes = word.pointer("/confidential/fields").and_then(Value::as_array);
    let index =
        hashes.and_then(|hashes| hashes.iter().position(|known| known == &hash)).unwrap_or(usize::MAX);
    let disclosure = disclosed(site, request, index, private, hash);
    match disclosure.judge_by_answer(&word) {
        Finding::Genuine => Ok(disclosure),
        Finding::NotGenuine(why) => Err(why.to_owned()),
        Finding::CannotTell(why) => Err(why),
    }
}

fn disclosed(
    site: &Site,
    request: &Request,
    index: usize,
    private: ConfidentialField,
    hash: String,
) -> Disclosure {
    let ledger = LedgerName {
        channel: site.organisations.channel().to_owned(),
        genesis: site.organisations.genesis().to_owned(),
    };
    Disclosure { certificate: request.certificate.clone(), index, private, hash, ledger }
}

/// What the verifier says of a certificate; and whether its code could be read.
async fn word_on(site: &Site, code: &str) -> (Value, bool) {
    match code.parse::<Code>() {
        Ok(code) => (site.verifier.word_on(code).await, true),
        Err(_) => (Value::Null, false),
    }
}

pub async fn refuse(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(Refusal { why }): Sent<Refusal>,
) -> Answer {
    drop(site.change_of(&visitor).await?);
    let Some((holder, request)) = answerable(&site, &account, &id).await? else {
        return Ok(reply::not_there().await);
    };
    let why = match written(&why, REASON) {
        Ok(why) => why,
        Err(rule) => {
            return page(
                &site,
                &visitor,
                &account,
                &id,
                Told::of(format!("Why not {rule}. Nothing was refused.")),
            )
            .await;
        }
    };
    let mut change = site.change_of(&visitor).await?;
    if holder.refuse(&mut change, &request, &why, visitor.now).await? != Answered::Done {
        drop(change);
        return page(&site, &visitor, &account, &id, Told::of(LATE)).await;
    }
    let object = format!("{id} {} to {} of {}: {why}", request.certificate, request.name, request.party);
    change.record(&entry(&visitor, &account.party, "confidential field refused", &object, "done")).await?;
    change.commit().await?;
    site.posted.notify_one();
    Ok(to(&id))
}

/// The field, taken out for who asked: that it was is in the log before it is given.
async fn take(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    id: &str,
    action: &'static str,
) -> Result<Option<Disclosure>, reply::Failed> {
    let asker = Asker::of(account);
    let Some(request) = asker.one(&site.database, id).await? else { return Ok(None) };
    let mut change = site.change_of(visitor).await?;
    let Some(private) = asker.read(&mut change, id, visitor.now).await? else { return Ok(None) };
    let hash = request.hash.clone().unwrap_or_default();
    let object = format!("{id} {} {hash}", request.certificate);
    change.record(&entry(visitor, &account.party, action, &object, "done")).await?;
    change.commit().await?;
    let index = request.place.and_then(|place| usize::try_from(place).ok()).unwrap_or(usize::MAX);
    Ok(Some(disclosed(site, &request, index, private, hash)))
}

pub async fn read(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    drop(site.change_of(&visitor).await?);
    let Some(opened) = take(&site, &visitor, &account, &id, "opened field read").await? else {
        let notice = "The field is not here for you: who asked for it reads it, until it goes.";
        return page(&site, &visitor, &account, &id, Told::of(notice)).await;
    };
    let (word, _) = word_on(&site, &opened.certificate).await;
    let finding = opened.judge_by_answer(&word);
    let opened = ShownField::of(&opened.private, &opened.certificate, &finding);
    page(&site, &visitor, &account, &id, Told { notice: None, opened: Some(opened) }).await
}

/// As `nanotrace cert disclose` writes it.
pub async fn download(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
) -> Answer {
    let Some(opened) = take(&site, &visitor, &account, &id, "opened field downloaded").await? else {
        return Ok(reply::not_there().await);
    };
    let content = serde_json::to_vec_pretty(&opened).unwrap_or_default();
    Ok(reply::download("disclosure.json", "application/json", content))
}

pub async fn remove(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let asker = Asker::of(&account);
    let mut change = site.change_of(&visitor).await?;
    if !asker.remove(&mut change, &id, visitor.now).await? {
        drop(change);
        return as_it_is(&site, &asker, &id).await;
    }
    change.record(&entry(&visitor, &account.party, "opened field removed", &id, "done")).await?;
    change.commit().await?;
    site.database.empty_log().await?;
    Ok(to(&id))
}

pub async fn show_check(Extension(visitor): Extension<Visitor>) -> Response {
    check_page(&visitor, None, None)
}

fn check_page(visitor: &Visitor, problem: Option<String>, opened: Option<ShownField>) -> Response {
    let status = reply::status(problem.as_deref());
    reply::page(status, &CheckPage { frame: visitor.frame(), problem, opened })
}

/// Holds a file that somebody handed over against the ledger. Nothing of it is kept.
pub async fn check(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Sent(DisclosureFile { confidential }): Sent<DisclosureFile>,
) -> Answer {
    drop(site.change_of(&visitor).await?);
    // The words of the reader could quote the field.
    let Ok(file) = serde_json::from_str::<Disclosure>(confidential.trim()) else {
        let problem =
            "This is no disclosure: paste the whole text of the file. Nothing is said about any field.";
        return Ok(check_page(&visitor, Some(problem.to_owned()), None));
    };
    let (word, is_code) = word_on(&site, &file.certificate).await;
    if !is_code {
        let problem = "The file names no certificate. Nothing is said about any field.";
        return Ok(check_page(&visitor, Some(problem.to_owned()), None));
    }
    let finding = file.judge_by_answer(&word);
    let opened = ShownField::of(&file.private, &file.certificate, &finding);
    Ok(check_page(&visitor, None, Some(opened)))
}
