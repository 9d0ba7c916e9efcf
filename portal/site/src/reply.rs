//! What every reply carries, and the replies that are no page of their own.

use accounts::{BaseUrl, store::StoreError};
use askama::Template;
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio_util::io::ReaderStream;
use uploads::Stored;
use views::page::Frame;

use crate::{Answer, Site};

pub fn page(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page that says one thing.
pub fn message(status: StatusCode, frame: Frame, title: &str, text: &str) -> Response {
    page(status, &views::page::message(frame, title, text))
}

/// Of a page with a form: whether something was wrong with what was sent.
pub fn status(problem: Option<&str>) -> StatusCode {
    if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
}

/// Of a page whose scripts may run: files of this site, which may ask this site alone.
#[derive(Clone, Copy)]
struct Scripted;

pub fn with_script(mut response: Response) -> Response {
    response.extensions_mut().insert(Scripted);
    response
}

/// Of the page that may use the camera.
#[derive(Clone, Copy)]
struct Camera;

pub fn with_camera(mut response: Response) -> Response {
    response.extensions_mut().insert(Camera);
    response
}

/// Of what people uploaded: it is no page of this site, wherever it is shown.
#[derive(Clone, Copy)]
struct Attached;

fn attached(mut response: Response) -> Response {
    response.extensions_mut().insert(Attached);
    response
}

/// As an attachment: no browser opens it here, whatever it holds.
pub async fn attachment(site: &Site, stored: &Stored) -> Answer {
    let content = match site.uploads.open(stored).await {
        Ok(content) => content,
        Err(error) => {
            tracing::error!(%error, file = stored.id, "a file cannot be read");
            return Ok(StatusCode::SERVICE_UNAVAILABLE.into_response());
        }
    };
    let name = utf8_percent_encode(&stored.name, NON_ALPHANUMERIC);
    let disposition = HeaderValue::try_from(format!("attachment; filename*=UTF-8''{name}"));
    let mut response = Body::from_stream(ReaderStream::new(content)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(stored.kind.media_type()));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(stored.bytes));
    headers
        .insert(header::CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment")));
    Ok(attached(response))
}

/// As an attachment under this name, which is one of ours: no browser opens it here, whatever it holds.
pub fn download(name: &str, content_type: &'static str, content: impl Into<Body>) -> Response {
    let disposition = HeaderValue::try_from(format!("attachment; filename=\"{name}\""));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(content_type)),
        (header::CONTENT_DISPOSITION, disposition.unwrap_or(HeaderValue::from_static("attachment"))),
    ];
    attached((headers, content.into()).into_response())
}

/// Where the ledger gave no answer.
pub fn not_now(frame: Frame, why: &str) -> Response {
    let text = format!("The ledger gave no answer: {why}. Try again in a moment.");
    message(StatusCode::SERVICE_UNAVAILABLE, frame, "Not now", &text)
}

/// The same for everybody and every reason.
pub async fn not_there() -> Response {
    let text = "There is no such page here.";
    message(StatusCode::NOT_FOUND, Frame::plain(), "Not found", text)
}

/// Why a request has no answer of its own.
pub struct Failed(StoreError);

impl<E: Into<StoreError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        match self.0 {
            // As for a request that came after the session had ended.
            StoreError::SessionOver => Redirect::to("/login").into_response(),
            StoreError::RoleOver => {
                let text = "Your role in the company was changed while you sent this, and nothing was done. Load the page again.";
                message(StatusCode::CONFLICT, Frame::plain(), "Your role is another one", text)
            }
            error => failure(&error),
        }
    }
}

/// A form with other fields than its page has.
pub fn other_fields() -> Response {
    let text = "These are not the fields of the form. Go back and load the page again.";
    message(StatusCode::BAD_REQUEST, Frame::plain(), "Not sent", text)
}

pub fn failure(error: &StoreError) -> Response {
    tracing::error!(%error, "a request could not be answered");
    let text = "Something failed here, and nothing was changed. Try again in a moment.";
    message(StatusCode::SERVICE_UNAVAILABLE, Frame::plain(), "Not now", text)
}

/// Nothing may be framed, kept or fetched from elsewhere, nothing is run where no script is, and no address leaks to another
/// site.
pub fn secured(mut response: Response, base: &BaseUrl) -> Response {
    const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";
    const SCRIPTED: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                            base-uri 'none'; frame-ancestors 'none'; script-src 'self'; connect-src 'self'";
    const FILE: &str = "sandbox; default-src 'none'; frame-ancestors 'none'";
    let policy = match (response.extensions().get::<Attached>(), response.extensions().get::<Scripted>()) {
        (Some(Attached), _) => FILE,
        (None, Some(Scripted)) => SCRIPTED,
        (None, None) => POLICY,
    };
    let permissions = match response.extensions().get::<Camera>() {
        Some(Camera) => "camera=(self), geolocation=(), microphone=()",
        None => "camera=(), geolocation=(), microphone=()",
    };
    let fixed: [(HeaderName, &'static str); 6] = [
        (header::CONTENT_SECURITY_POLICY, policy),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // With `no-referrer` a browser would not say of a form where it comes from.
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), permissions),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if base.is_https() {
        let value = HeaderValue::from_static("max-age=31536000");
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, value);
    }
    response
}
