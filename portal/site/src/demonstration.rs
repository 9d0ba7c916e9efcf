//! What each page of a demonstration says besides.

use axum::{body::Body, http::header, response::Response};
use http_body_util::BodyExt;

/// Where `base.html` leaves room for a notice.
const ROOM: &str = "<!-- notice -->";
const NOTICE: &str = "<p class=\"demonstration\">Demonstration: one portal serves all organisations, and signs for the bodies, \
                      here; elsewhere each has its own. Mails go to the <a href=\"/outbox\">outbox</a>.</p>";

/// The answer, which says that it is of a demonstration where it is a page.
pub(crate) async fn noted(answer: Response) -> Response {
    let (mut parts, body) = answer.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE);
    if !kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
        return Response::from_parts(parts, body);
    }
    let Ok(body) = body.collect().await else { return Response::from_parts(parts, Body::empty()) };
    let page = String::from_utf8_lossy(&body.to_bytes()).replacen(ROOM, NOTICE, 1);
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(page))
}
