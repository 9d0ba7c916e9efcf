//! Complaints and appeals (ISO/IEC 17065, 7.13). A company writes to the body; a person of the body, or whoever else has a key, files
//! one on the ledger, and those whom the contract lets do so acknowledge and decide, each by a key of their own.

use std::sync::Arc;

use accounts::people::Account;
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use certificate::Code;
use desk::{Away, Complaint, Organisation};
use dossiers::{
    complaints::{self, About, Grievance, Looking, Open, Own, WORDS, Watch, Words},
    index::{self, IndexError},
    queue::OVERDUE_DAYS,
    store::Scope,
};
use letters::is_odd;
use serde::Deserialize;
use site::{
    Answer, Site, entry,
    forms::{Nothing, Sent},
    reply,
    visitor::Visitor,
};
use views::{
    application::ShownStep,
    complaints::{
        ComplaintPage, ComplaintsPage, FileComplaintPage, OwnComplaintsPage, ShownComplaint, ShownOwn,
        ShownWords, WriteComplaintPage,
    },
    steps::{ACKNOWLEDGE_COMPLAINT, DECIDE_COMPLAINT, FILE_COMPLAINT, Offered, WITHDRAW_COMPLAINT},
};

use super::{applications, forms::Complaining};

#[derive(Default, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    state: String,
    #[serde(default)]
    page: i64,
}

pub(crate) async fn list(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Query(Asked { state, page }): Query<Asked>,
) -> Answer {
    if !account.is_staff() {
        let found = Own::of(&account).all(&site.database).await?;
        let shown = found.iter().map(|(it, known)| ShownOwn::of(it, known.as_ref(), visitor.now)).collect();
        let page = OwnComplaintsPage { frame: visitor.frame(), complaints: shown };
        return Ok(reply::page(StatusCode::OK, &page));
    }
    let scope = site.scope(&account).await?;
    let watch = Watch::of(&account, &scope);
    let page = page.max(0);
    let found = watch.page(&site.database, &state, page).await?;
    let written = if page == 0 { watch.written(&site.database).await? } else { Vec::new() };
    let is_full = i64::try_from(found.len()).unwrap_or_default() == complaints::PAGE;
    let page = ComplaintsPage {
        frame: visitor.frame(),
        party: account.party_name.clone(),
        overdue_days: OVERDUE_DAYS,
        wanted: state,
        written: written.iter().map(|it| ShownComplaint::written(it, visitor.now)).collect(),
        complaints: found.iter().map(|it| ShownComplaint::of(it, visitor.now)).collect(),
        older: is_full.then(|| page.saturating_add(1)),
        newer: (page > 0).then(|| page.saturating_sub(1)),
    };
    Ok(reply::page(StatusCode::OK, &page))
}

pub(crate) async fn one(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path((body, id)): Path<(String, String)>,
) -> Answer {
    let scope = site.scope(&account).await?;
    let watch = Watch::of(&account, &scope);
    let (live, away) = match read(&site, &account, &body, &id).await {
        Ok(live) => (live, None),
        Err(IndexError::Database(error)) => return Err(error.into()),
        Err(error) => (None, Some(error.to_string())),
    };
    let known = watch.one(&site.database, &body, &id).await?;
    let words = watch.words(&site.database, &body, &id).await?;
    let written = words.as_ref().filter(|it| it.ended_at.is_none());
    let shown = match (&known, written) {
        (Some(known), _) => ShownComplaint::of(known, visitor.now),
        (None, Some(written)) => ShownComplaint::written(written, visitor.now),
        (None, None) => return Ok(reply::not_there().await),
    };
    let offered = match (site.organisations.get(&account.party), &known, &live, written) {
        (Some(reader), Some(_), Some(live), _) => {
            let person = enrolment::keys::person(&site.database, &account.id).await?.unwrap_or_default();
            let is_accreditor = scope.is_accreditor();
            let who = Looking { account: &account, person: &person, is_accreditor };
            steps(reader, &who, &body, live).await
        }
        (Some(reader), None, _, Some(written)) if away.is_none() => filing(reader, written).await,
        _ => Ok(Vec::new()),
    };
    let page = ComplaintPage {
        frame: visitor.frame(),
        shown,
        away: away.or(offered.as_ref().err().map(ToString::to_string)),
        words: words.map(|it| ShownWords::of(&it, known.as_ref())),
        steps: live.iter().flat_map(|it| it.steps.iter().rev()).map(ShownStep::of_complaint).collect(),
        offered: offered.unwrap_or_default(),
        signing: site.signing(&account, visitor.now).await?,
    };
    Ok(reply::with_script(reply::page(StatusCode::OK, &page)))
}

/// A complaint as the ledger has it.
async fn read(site: &Site, account: &Account, body: &str, id: &str) -> Result<Option<Complaint>, IndexError> {
    let reader = site.organisations.get(&account.party);
    let reader =
        reader.ok_or_else(|| Away::Unreachable("without an identity of your organisation".into()))?;
    let bodies = reader.bodies().await?;
    let (Ok(code), true) = (id.parse::<Code>(), bodies.iter().any(|known| known.msp_id == body)) else {
        return Ok(None);
    };
    index::refresh_complaint(&site.database, &site.organisations, reader, body, code).await
}

/// What who looks may do with one, and what the contract would hold against it.
async fn steps(
    reader: &Organisation,
    who: &Looking<'_>,
    body: &str,
    complaint: &Complaint,
) -> Result<Vec<Offered>, Away> {
    let open = complaints::open(who, body, complaint);
    let conflict = if open.contains(&Open::Decide) {
        complaints::had_a_part(reader, who, body, complaint).await?
    } else {
        None
    };
    let chaincode = reader.chaincode(body).await?;
    let offer = |open| {
        let (form, conflict) = match open {
            Open::Acknowledge => (&ACKNOWLEDGE_COMPLAINT, None),
            Open::Decide => (&DECIDE_COMPLAINT, conflict),
            Open::Withdraw => (&WITHDRAW_COMPLAINT, None),
        };
        let offer = Offered::of(form, &chaincode, vec![complaint.complaint.clone()]);
        Offered { conflict: conflict.map(str::to_owned), ..offer }
    };
    Ok(open.into_iter().map(offer).collect())
}

/// How what a company wrote is filed.
async fn filing(reader: &Organisation, written: &Grievance) -> Result<Vec<Offered>, Away> {
    let (about, code) = written.about.named();
    let known = vec![
        ("id", written.id.clone()),
        (about, code.to_owned()),
        ("kind", written.kind.clone()),
        ("summary", written.summary()),
    ];
    let offer = Offered::of(&FILE_COMPLAINT, &reader.chaincode(&written.body).await?, Vec::new());
    Ok(vec![Offered { known, ..offer }])
}

/// What is hashed of a company's words, for the company and for the people of the body.
pub(crate) async fn text(
    State(site): State<Arc<Site>>,
    Extension(account): Extension<Account>,
    Path((body, id)): Path<(String, String)>,
) -> Answer {
    let found = match account.is_staff() {
        true => {
            let scope = site.scope(&account).await?;
            Watch::of(&account, &scope).words(&site.database, &body, &id).await?
        }
        false => Own::of(&account).one(&site.database, &id).await?.filter(|it| it.body == body),
    };
    let Some(found) = found else { return Ok(reply::not_there().await) };
    Ok(reply::download(&format!("{}.txt", found.id), "text/plain; charset=utf-8", found.text()))
}

/// What one is to be about.
#[derive(Default, Deserialize)]
pub(crate) struct Subject {
    #[serde(default)]
    body: String,
    #[serde(default)]
    application: String,
    #[serde(default)]
    certificate: String,
}

pub(crate) async fn show_new(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Query(Subject { body, application, certificate }): Query<Subject>,
) -> Answer {
    if !account.is_staff() {
        let typed = Complaining { kind: String::new(), application, certificate, words: String::new() };
        return form(&site, &visitor, &account, typed, None).await;
    }
    let about = match (application.parse::<Code>(), certificate.parse::<Code>()) {
        (Ok(code), _) => About::Application(code.to_string()),
        (_, Ok(code)) => About::Certificate(code.to_string()),
        _ => return Ok(Redirect::to("/complaints").into_response()),
    };
    let chaincode = match site.organisations.get(&account.party) {
        Some(reader) => reader.chaincode(&body).await,
        None => Err(Away::NoBody(body.clone())),
    };
    let chaincode = match chaincode {
        Ok(chaincode) => chaincode,
        Err(Away::NoBody(_)) => return Ok(reply::not_there().await),
        Err(away) => return Ok(reply::not_now(visitor.frame(), &away.to_string())),
    };
    let (name, code) = about.named();
    let known = vec![("id", complaints::new_id()?), (name, code.to_owned())];
    let offer = Offered { known, ..Offered::of(&FILE_COMPLAINT, &chaincode, Vec::new()) };
    let mut page = FileComplaintPage::new(visitor.frame(), &body, &about);
    page.offered.push(offer);
    page.signing = site.signing(&account, visitor.now).await?;
    Ok(reply::with_script(reply::page(StatusCode::OK, &page)))
}

/// The form of a company, with what was typed and what was wrong with it.
async fn form(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    typed: Complaining,
    problem: Option<(StatusCode, String)>,
) -> Answer {
    let own = match typed.application.is_empty() {
        true => None,
        false => match Scope::of(account).one(&site.database, &typed.application).await? {
            Some(own) => Some((own.id.clone(), own.title().to_owned())),
            None => return Ok(reply::not_there().await),
        },
    };
    let (status, problem) = problem.map_or((StatusCode::OK, None), |(status, text)| (status, Some(text)));
    let page = WriteComplaintPage {
        frame: visitor.frame(),
        problem,
        application: own,
        certificate: typed.certificate,
        kind: typed.kind,
        words: typed.words,
        most: WORDS,
    };
    Ok(reply::page(status, &page))
}

/// What a company's complaint is about, and the body that has it.
async fn subject(
    site: &Site,
    account: &Account,
    typed: &Complaining,
) -> Result<(String, About), (StatusCode, String)> {
    let wrong = |text: &str| (StatusCode::UNPROCESSABLE_ENTITY, text.to_owned());
    let away = |away: &dyn std::fmt::Display| {
        let text = format!("The ledger gave no answer: {away}. Nothing was sent: try again in a moment.");
        (StatusCode::SERVICE_UNAVAILABLE, text)
    };
    if !typed.application.is_empty() {
        let own = Scope::of(account).one(&site.database, &typed.application).await;
        let own = own.map_err(|error| away(&error))?.ok_or_else(|| wrong("There is no such application."))?;
        let known = applications::indexed(site, &own).await.map_err(|error| away(&error))?;
        let known = known.ok_or_else(|| wrong("No body has this application yet."))?;
        return Ok((known.body, About::Application(known.id)));
    }
    let Ok(code) = typed.certificate.parse::<Code>() else {
        return Err(wrong("This is no certificate's code, or it is mistyped."));
    };
    let reader = applications::reader(site).ok_or_else(|| away(&"this portal was started without one"))?;
    for body in reader.bodies().await.map_err(|error| away(&error))?.iter() {
        let found = reader.certificate(&body.msp_id, code).await.map_err(|error| away(&error))?;
        if found.is_some() {
            return Ok((body.msp_id.clone(), About::Certificate(code.to_string())));
        }
    }
    Err(wrong("No certification body has issued a certificate with this code."))
}

/// Takes what a company writes, and tells the people of the body.
pub(crate) async fn write(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(mut typed): Sent<Complaining>,
) -> Answer {
    typed.words = typed.words.replace("\r\n", "\n").trim().to_owned();
    let is_text = |text: &str| !text.chars().any(|it| is_odd(it) && !matches!(it, '\n' | '\t'));
    let length = typed.words.chars().count();
    let is_right = (1..=WORDS).contains(&length) && is_text(&typed.words);
    if !is_right || !matches!(&*typed.kind, "complaint" | "appeal") {
        let text = format!("Say what it is about, in at most {WORDS} characters, none of them invisible.");
        let problem = Some((StatusCode::UNPROCESSABLE_ENTITY, text));
        return form(&site, &visitor, &account, typed, problem).await;
    }
    let (body, about) = match subject(&site, &account, &typed).await {
        Ok(found) => found,
        Err(problem) => return form(&site, &visitor, &account, typed, Some(problem)).await,
    };
    let mut change = site.change_of(&visitor).await?;
    let new = Words { body: &body, kind: &typed.kind, about: &about, words: &typed.words };
    let Some(id) = Own::of(&account).write(&mut change, &new, visitor.now).await? else {
        drop(change);
        let text =
            "As many of your company's complaints wait for certification bodies as may. Nothing was sent.";
        let problem = Some((StatusCode::CONFLICT, text.to_owned()));
        return form(&site, &visitor, &account, typed, problem).await;
    };
    let object = format!("{id} to {body}");
    change.record(&entry(&visitor, &account.party, "complaint written", &object, "done")).await?;
    change.commit().await?;
    Ok(Redirect::to("/complaints").into_response())
}

/// Takes back what nobody has filed.
pub(crate) async fn take_back(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let mut change = site.change_of(&visitor).await?;
    if !Own::of(&account).take_back(&mut change, &id, visitor.now).await? {
        return Ok(reply::not_there().await);
    }
    change.record(&entry(&visitor, &account.party, "complaint taken back", &id, "done")).await?;
    change.commit().await?;
    Ok(Redirect::to("/complaints").into_response())
}
