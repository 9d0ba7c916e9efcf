//! The files of one's company or organisation: uploaded, downloaded, removed.

use std::{sync::Arc, time::SystemTime};

use accounts::{
    people::{Account, Scope},
    secret,
};
use axum::{
    Extension,
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect},
};
use parts::{Broken, Parts};
use site::{
    Answer, Site, entry,
    forms::{self, Nothing, Sent},
    guard, limits, reply,
    visitor::Visitor,
};
use tokio::time::{sleep, timeout};
use uploads::{Place, Received, UploadError, Uploads};
use views::account::{FilesPage, ShownFile};

/// Bytes of a field beside the file.
const FIELD: usize = 2048;

/// Why a form with a file was not taken.
enum Refusal {
    /// It is not of the page that this browser loaded.
    Stale,
    Broken(Broken),
    File(UploadError),
}

impl From<Broken> for Refusal {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl From<UploadError> for Refusal {
    fn from(error: UploadError) -> Self {
        Self::File(error)
    }
}

/// What a form with a file brought.
struct Brought {
    file: Received,
    name: String,
    /// Where to go on.
    next: String,
}

pub(crate) async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    page(&site, &visitor, &account, StatusCode::OK, None).await
}

async fn page(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    status: StatusCode,
    problem: Option<String>,
) -> Answer {
    let files = uploads::list(&site.database, &Scope::of(account)).await?;
    let page = FilesPage {
        frame: visitor.frame(),
        party: account.party_name.clone(),
        problem,
        files: files.into_iter().map(ShownFile::from).collect(),
    };
    Ok(reply::page(status, &page))
}

/// The file and its entry in the audit log are one change; where the session ended meanwhile, nothing remains of it.
pub(crate) async fn receive(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    request: Request,
) -> Answer {
    let Some(mut parts) = Parts::of(request) else { return Ok(guard::stale(&visitor)) };
    // Before anything is read of it: who sends slowly holds a place, and not every connection.
    let brought = match site.uploads.place(&account.party) {
        Ok(place) => brought(&site.uploads, place, &mut parts, &visitor, &account).await,
        Err(busy) => Err(busy.into()),
    };
    let refusal = match brought {
        Ok(Brought { file, name, next }) => {
            let (id, object) = (file.id.clone(), format!("{} {}", file.id, file.sha256));
            let mut change = site.change_of(&visitor).await?;
            match file.keep(&mut change, &name, visitor.now).await {
                Ok(()) => {
                    let entry = entry(&visitor, &account.party, "file.upload", &object, "kept");
                    change.record(&entry).await?;
                    change.commit().await?;
                    let joint = if next.contains('?') { '&' } else { '?' };
                    return Ok(Redirect::to(&format!("{next}{joint}file={id}")).into_response());
                }
                Err(error) => Refusal::File(error),
            }
        }
        Err(refusal) => refusal,
    };
    let error = match refusal {
        Refusal::Stale => return Ok(guard::stale(&visitor)),
        Refusal::Broken(broken) => {
            tracing::debug!(%broken, "an upload");
            return page(&site, &visitor, &account, StatusCode::BAD_REQUEST, Some(sentence(&broken))).await;
        }
        Refusal::File(error) => error,
    };
    // A browser shows an answer once it has sent the whole form. Who takes long for that is cut off.
    let _ = timeout(limits::REFUSED_TIME, async { while let Ok(Some(_)) = parts.next().await {} }).await;
    let status = match &error {
        UploadError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        UploadError::Disk => StatusCode::INSUFFICIENT_STORAGE,
        UploadError::Folder(_) | UploadError::Database(_) | UploadError::Random(_) => {
            tracing::error!(%error, "a file could not be kept");
            StatusCode::SERVICE_UNAVAILABLE
        }
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let problem = match status {
        StatusCode::SERVICE_UNAVAILABLE => "Something failed here, and nothing was kept.".to_owned(),
        _ => sentence(&error),
    };
    let mut answer = page(&site, &visitor, &account, status, Some(problem)).await?;
    answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(answer)
}

fn sentence(error: &dyn std::error::Error) -> String {
    format!("The file was not taken: {error}.")
}

/// Reads the form: its token before all else, so that nothing of another site's form gets to the disk.
async fn brought(
    uploads: &Uploads,
    place: Place,
    parts: &mut Parts,
    visitor: &Visitor,
    account: &Account,
) -> Result<Brought, Refusal> {
    let first = parts.next().await?;
    if first.is_none_or(|head| head.name != guard::FORM_TOKEN || head.file.is_some()) {
        return Err(Refusal::Stale);
    }
    if !secret::equal(&parts.text(FIELD).await?, &visitor.form_token) {
        return Err(Refusal::Stale);
    }
    let mut next = "/files".to_owned();
    while let Some(head) = parts.next().await? {
        match (head.name.as_str(), head.file) {
            ("next", None) => next = forms::next(&parts.text(FIELD).await?).to_owned(),
            ("file", Some(name)) => {
                let mut incoming = uploads.begin(place, &account.id).await?;
                while let Some(piece) = parts.piece().await? {
                    incoming.write(piece).await?;
                }
                let file = incoming.finish().await?;
                if parts.next().await?.is_some() {
                    return Err(Refusal::Stale);
                }
                return Ok(Brought { file, name: forms::file_name(&name), next });
            }
            _ => return Err(Refusal::Stale),
        }
    }
    Err(Refusal::Stale)
}

pub(crate) async fn download(
    State(site): State<Arc<Site>>,
    Extension(account): Extension<Account>,
    Path(file): Path<String>,
) -> Answer {
    let Some(stored) = uploads::find(&site.database, &Scope::of(&account), &file).await? else {
        return Ok(reply::not_there().await);
    };
    reply::attachment(&site, &stored).await
}

pub(crate) async fn remove(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(file): Path<String>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let mut change = site.change_of(&visitor).await?;
    let Some(stored) = uploads::remove(&mut change, &Scope::of(&account), &file).await? else {
        return Ok(reply::not_there().await);
    };
    if dossiers::queue::is_named(&mut change, &stored).await? {
        drop(change);
        let problem = "The file was not removed: an application that was handed in names it.".to_owned();
        return page(&site, &visitor, &account, StatusCode::CONFLICT, Some(problem)).await;
    }
    if studies::is_used(&mut change, &stored.id).await? {
        drop(change);
        let problem = "The file was not removed: a stability study is of it. Remove the study.".to_owned();
        return page(&site, &visitor, &account, StatusCode::CONFLICT, Some(problem)).await;
    }
    let object = format!("{} {}", stored.id, stored.sha256);
    change.record(&entry(&visitor, &account.party, "file.remove", &object, "removed")).await?;
    change.commit().await?;
    site.uploads.forget(&stored);
    Ok(Redirect::to("/files").into_response())
}

/// Clears what nothing refers to, for as long as it is polled.
pub(crate) async fn sweep(uploads: &Uploads) {
    loop {
        if let Err(error) = uploads.sweep(SystemTime::now()).await {
            tracing::warn!(%error, "the folder of files could not be looked through; it is tried again");
        }
        sleep(limits::SWEEP_EVERY).await;
    }
}
