//! A company takes its application over again by the dossier's file, where the database that knew whose it is was lost.

use std::sync::Arc;

use accounts::{people::Account, secret};
use axum::{
    Extension,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect},
};
use desk::{Application, Away};
use dossiers::{
    claims::{Claimed, File, Holder, MAXIMUM_BYTES, Own, Standing, WAITING},
    index::{self, IndexError},
};
use parts::{Broken, Parts};
use site::{Answer, Site, entry, guard, limits, reply, visitor::Visitor};
use tokio::time::timeout;
use views::claims::ClaimPage;

const NO_APPLICANTS: &str = "This portal has no organisation in whose name companies apply: its operator names one with --applicants.";
const NO_DOSSIER: &str = "This is no dossier. Choose the JSON file as it was downloaded by “Download what was handed in”, on the page of \
                          the application.";
/// The same for an application that there is not, that was never handed in here, that has its company, or that another one claims.
const UNKNOWN: &str = "Nothing can be taken over by this file. Look whether it is the file of this application, unchanged since it was \
                       downloaded, and whether a colleague's account has the application already. If it is yours all the same, ask the \
                       certification body who has it.";
const OLDER: &str = "This was handed in, and something else was handed in since. Choose the file of what was handed in last. Without it, \
                     ask the certification body to refuse the application, and apply anew.";
const ON_ITS_WAY: &str =
    "A call of this application is on its way to the ledger. Try again when the ledger has taken it.";

/// Why the form was not read.
enum Refusal {
    Stale,
    TooLarge,
    Broken(Broken),
}

impl From<Broken> for Refusal {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    let problem = site.organisations.applicants().is_none().then_some(NO_APPLICANTS);
    page(&site, &visitor, &account, StatusCode::OK, problem).await
}

async fn page(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    status: StatusCode,
    problem: Option<&str>,
) -> Answer {
    let page = ClaimPage {
        frame: visitor.frame(),
        party: account.party_name.clone(),
        problem: problem.map(str::to_owned),
        claims: Own::of(account).all(&site.database).await?.into_iter().map(Into::into).collect(),
    };
    Ok(reply::page(status, &page))
}

pub(crate) async fn receive(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    request: Request,
) -> Answer {
    let Some(mut parts) = Parts::of(request) else { return Ok(guard::stale(&visitor)) };
    // As for other uploads: who sends slowly holds a place, and not every connection.
    let Ok(_place) = site.uploads.place(&account.party) else {
        let problem = "Too many uploads are under way. Try again in a moment.";
        return page(&site, &visitor, &account, StatusCode::SERVICE_UNAVAILABLE, Some(problem)).await;
    };
    let (status, problem) = match brought(&mut parts, &visitor).await {
        Ok(bytes) => return take(&site, &visitor, &account, &bytes).await,
        Err(Refusal::Stale) => return Ok(guard::stale(&visitor)),
        Err(Refusal::Broken(broken)) => {
            (StatusCode::BAD_REQUEST, format!("The file did not arrive: {broken}."))
        }
        Err(Refusal::TooLarge) => {
            let kilobytes = MAXIMUM_BYTES / 1024;
            let problem = format!("No dossier has more than {kilobytes} KiB. {NO_DOSSIER}");
            (StatusCode::PAYLOAD_TOO_LARGE, problem)
        }
    };
    // A browser shows an answer once it has sent the whole form. Who takes long for that is cut off.
    let _ = timeout(limits::REFUSED_TIME, async { while let Ok(Some(_)) = parts.next().await {} }).await;
    let mut answer = page(&site, &visitor, &account, status, Some(&problem)).await?;
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(answer)
}

/// The file; its form's token before all else.
async fn brought(parts: &mut Parts, visitor: &Visitor) -> Result<Vec<u8>, Refusal> {
    let first = parts.next().await?;
    if first.is_none_or(|head| head.name != guard::FORM_TOKEN || head.file.is_some()) {
        return Err(Refusal::Stale);
    }
    // No token is longer than its two halves.
    if !secret::equal(&parts.text(1024).await?, &visitor.form_token) {
        return Err(Refusal::Stale);
    }
    let second = parts.next().await?;
    if second.is_none_or(|head| head.name != "file" || head.file.is_none()) {
        return Err(Refusal::Stale);
    }
    let mut bytes = Vec::new();
    while let Some(piece) = parts.piece().await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > MAXIMUM_BYTES {
            return Err(Refusal::TooLarge);
        }
    }
    match parts.next().await? {
        None => Ok(bytes),
        Some(_) => Err(Refusal::Stale),
    }
}

/// Claims the application of this file. The ledger is asked whoever has it: the answer comes no sooner where another company does.
async fn take(site: &Site, visitor: &Visitor, account: &Account, bytes: &[u8]) -> Answer {
    let refuse = |problem| page(site, visitor, account, StatusCode::UNPROCESSABLE_ENTITY, Some(problem));
    let Some(applicants) = site.organisations.applicants() else { return refuse(NO_APPLICANTS).await };
    let Some(file) = File::read(bytes) else { return refuse(NO_DOSSIER).await };
    let application = match read(site, &file).await {
        Ok(Some(application)) => application,
        Ok(None) => return refuse(UNKNOWN).await,
        Err(IndexError::Database(error)) => return Err(error.into()),
        Err(away) => {
            let problem =
                format!("The ledger gave no answer ({away}), so nothing was taken over. Try again later.");
            return page(site, visitor, account, StatusCode::SERVICE_UNAVAILABLE, Some(&problem)).await;
        }
    };
    let standing = file.stands(&application, &applicants.msp_id);
    let own = Own::of(account);
    let mut change = site.change_of(visitor).await?;
    let claimed = match (standing, own.holder(&mut change, file.application).await?) {
        (Standing::Unknown, _) | (_, Holder::Another) => Claimed::Another,
        (Standing::Older, _) => {
            drop(change);
            return refuse(OLDER).await;
        }
        (Standing::Newest, _) => own.claim(&mut change, &file, &application, visitor.now).await?,
    };
    let id = file.application.to_string();
    let action = match claimed {
        Claimed::Done => "application claimed",
        Claimed::Restored => "dossier taken over from its file",
        Claimed::Before | Claimed::Waiting | Claimed::Another | Claimed::Full => {
            let is_own = own.holder(&mut change, file.application).await? == Holder::Own;
            drop(change);
            return match claimed {
                Claimed::Before if is_own => Ok(Redirect::to(&format!("/applications/{id}")).into_response()),
                Claimed::Before => Ok(Redirect::to("/applications/take-over").into_response()),
                Claimed::Waiting => refuse(ON_ITS_WAY).await,
                Claimed::Full => refuse(&format!(
                    "Your company has {WAITING} claims that wait. Ask the certification body to look at them."
                ))
                .await,
                _ => refuse(UNKNOWN).await,
            };
        }
    };
    change.record(&entry(visitor, &account.party, action, &id, "done")).await?;
    if claimed == Claimed::Done {
        // The body's administrators read of it in their log, too.
        change.record(&entry(visitor, &application.body, action, &id, "waiting")).await?;
    }
    change.commit().await?;
    site.posted.notify_one();
    let to = match claimed {
        Claimed::Restored => format!("/applications/{id}"),
        _ => "/applications/take-over".to_owned(),
    };
    Ok(Redirect::to(&to).into_response())
}

/// The application as the ledger has it; none where there is none to the body that the file names.
async fn read(site: &Site, file: &File) -> Result<Option<Application>, IndexError> {
    let Some(reader) = site.organisations.reader_of(&file.body) else { return Ok(None) };
    let found =
        index::refresh(&site.database, &site.organisations, reader, &file.body, file.application).await;
    match found {
        Err(IndexError::Away(Away::NoBody(_)) | IndexError::Another | IndexError::TooLong) => Ok(None),
        found => found,
    }
}
