//! Files of the company, which applications name by their hashes.

use std::sync::Arc;

use accounts::people::Scope;
use axum::{
    extract::{FromRequestParts, Request, State},
    http::StatusCode,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use site::{Site, forms, reply};
use uploads::{Received, Stored, UploadError};

use crate::{
    BASE,
    call::{self, Answer, Done, Head},
    cursor, limits,
    problem::Problem,
};

pub async fn list(head: Head) -> Answer {
    let wanted = cursor::wanted(&head, cursor::is_seconds)?;
    let files = uploads::list(&head.site.database, &Scope::of(head.account())).await?;
    let after = wanted.after.as_ref().map(|(at, id)| (at.parse().unwrap_or(i64::MAX), id.as_str()));
    // As the list is ordered: the newest first, then by id.
    let is_after = |file: &&Stored| {
        after.is_none_or(|(at, id)| file.created_at < at || (file.created_at == at && file.id.as_str() > id))
    };
    let limit = usize::try_from(wanted.limit).unwrap_or(1);
    let page: Vec<&Stored> = files.iter().filter(is_after).take(limit).collect();
    let last = page.last().map(|file| (file.created_at.to_string(), file.id.as_str()));
    let next = cursor::next(page.len(), wanted.limit, last);
    Ok(call::json(&json!({"files": page.into_iter().map(shown).collect::<Vec<_>>(), "next": next})))
}

fn shown(file: &Stored) -> Value {
    json!({
        "id": file.id,
        "name": file.name,
        "kind": file.kind.name(),
        "bytes": file.bytes,
        "sha256": file.sha256,
        "createdAt": certificate::DateTime::from_seconds(file.created_at).to_string(),
    })
}

/// Takes a file as the body of the request, which goes to disk as it arrives.
pub async fn receive(State(site): State<Arc<Site>>, request: Request) -> Answer {
    let (mut parts, mut body) = request.into_parts();
    let head = Head::from_request_parts(&mut parts, &site).await?;
    let [name] = head.queried(["name"])?;
    let name = name.unwrap_or("file");
    if !(1..=limits::NAME).contains(&name.chars().count()) {
        return Err(Problem::malformed("A name has 1 to 100 characters."));
    }
    if head.headers.contains_key("idempotency-key") {
        let detail = "An upload takes no Idempotency-Key: list the files, and compare their hashes.";
        return Err(Problem::malformed(detail));
    }
    let place = site.uploads.place(&head.account().party).map_err(refused)?;
    let mut incoming = site.uploads.begin(place, &head.account().id).await.map_err(refused)?;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| refused(UploadError::CutOff))?;
        if let Ok(piece) = frame.into_data() {
            incoming.write(piece).await.map_err(refused)?;
        }
    }
    let file = incoming.finish().await.map_err(refused)?;
    let Received { id, sha256, .. } = &file;
    let (object, location) = (format!("{id} {sha256}"), format!("{BASE}/files/{id}"));
    let body = json!({
        "id": id, "name": forms::file_name(name), "kind": file.kind.name(), "bytes": file.bytes, "sha256": sha256,
    });
    let mut change = head.change().await?;
    file.keep(&mut change, &forms::file_name(name), head.now).await.map_err(refused)?;
    let done = Done { status: StatusCode::CREATED, location: Some(location), body: body.to_string() };
    done.commit(change, &head.entry("file.upload", &object, "kept"), None).await
}

fn refused(error: UploadError) -> Problem {
    let (status, code) = match &error {
        UploadError::TooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
        UploadError::Kind | UploadError::Empty => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "kind"),
        UploadError::Full => (StatusCode::CONFLICT, "too-many-files"),
        UploadError::Busy => (StatusCode::TOO_MANY_REQUESTS, "busy"),
        UploadError::CutOff => (StatusCode::BAD_REQUEST, "cut-off"),
        UploadError::Disk => (StatusCode::INSUFFICIENT_STORAGE, "disk"),
        UploadError::Folder(_) | UploadError::Database(_) | UploadError::Random(_) => {
            tracing::error!(%error, "a file could not be kept");
            let detail = "Something failed here, and nothing was kept.";
            return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
        }
    };
    Problem::new(status, code, format!("The file was not taken: {error}."))
}

pub async fn download(head: Head) -> Answer {
    head.queried([])?;
    let found =
        uploads::find(&head.site.database, &Scope::of(head.account()), head.parameter("file")).await?;
    let stored = found.ok_or_else(Problem::not_found)?;
    let answer = reply::attachment(&head.site, &stored).await;
    let response = answer.unwrap_or_else(axum::response::IntoResponse::into_response);
    match response.status() {
        StatusCode::OK => Ok(response),
        _ => {
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The file cannot be read now."))
        }
    }
}

pub async fn remove(head: Head) -> Answer {
    head.queried([])?;
    let mut change = head.change().await?;
    let scope = Scope::of(head.account());
    let found = uploads::remove(&mut change, &scope, head.parameter("file")).await?;
    let stored = found.ok_or_else(Problem::not_found)?;
    if dossiers::queue::is_named(&mut change, &stored).await? {
        return Err(Problem::conflict("named", "An application that was handed in names the file."));
    }
    if studies::is_used(&mut change, &stored.id).await? {
        return Err(Problem::conflict(
            "studied",
            "A stability study is of the file: it is removed with the study.",
        ));
    }
    let object = format!("{} {}", stored.id, stored.sha256);
    let done = Done { status: StatusCode::NO_CONTENT, location: None, body: String::new() };
    let answer = done.commit(change, &head.entry("file.remove", &object, "removed"), None).await?;
    head.site.uploads.forget(&stored);
    Ok(answer)
}
