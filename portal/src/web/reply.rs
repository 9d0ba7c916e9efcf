//! What every reply carries, and the replies that are no page of their own.

use accounts::{BaseUrl, store::StoreError};
use askama::Template;
use axum::{
    extract::Path,
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use views::page::Frame;

const PASSKEY_SCRIPT: &str = include_str!("../../assets/passkey.js");
const SCAN_SCRIPT: &str = include_str!("../../assets/scan.js");
const PORTAL_STYLE: &str = include_str!("../../assets/portal.css");

pub(crate) async fn style() -> Response {
    asset("text/css; charset=utf-8", design::STYLE)
}

pub(crate) async fn portal_style() -> Response {
    asset("text/css; charset=utf-8", PORTAL_STYLE)
}

pub(crate) async fn passkey_script() -> Response {
    asset("text/javascript; charset=utf-8", PASSKEY_SCRIPT)
}

pub(crate) async fn scan_script() -> Response {
    asset("text/javascript; charset=utf-8", SCAN_SCRIPT)
}

/// The modules by which pages make and use ledger keys.
pub(crate) async fn module(Path(name): Path<String>) -> Response {
    match enrolment::MODULES.iter().find(|(known, _)| *known == name) {
        Some((_, text)) => asset("text/javascript; charset=utf-8", text),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(crate) async fn icon() -> Response {
    asset("image/svg+xml", design::ICON)
}

fn asset(content_type: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, text).into_response()
}

pub(crate) fn page(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// A page that says one thing.
pub(crate) fn message(status: StatusCode, frame: Frame, title: &str, text: &str) -> Response {
    page(status, &views::page::message(frame, title, text))
}

/// Of a page with a form: whether something was wrong with what was sent.
pub(crate) fn status(problem: Option<&str>) -> StatusCode {
    if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK }
}

/// Of a page whose scripts may run: files of this site, which may ask this site alone.
#[derive(Clone, Copy)]
struct Scripted;

pub(crate) fn with_script(mut response: Response) -> Response {
    response.extensions_mut().insert(Scripted);
    response
}

/// Of the page that may use the camera.
#[derive(Clone, Copy)]
struct Camera;

pub(crate) fn with_camera(mut response: Response) -> Response {
    response.extensions_mut().insert(Camera);
    response
}

/// Of what people uploaded: it is no page of this site, wherever it is shown.
#[derive(Clone, Copy)]
struct Attached;

pub(crate) fn attached(mut response: Response) -> Response {
    response.extensions_mut().insert(Attached);
    response
}

/// The same for everybody and every reason.
pub(crate) async fn not_there() -> Response {
    let text = "There is no such page here.";
    message(StatusCode::NOT_FOUND, Frame::plain(), "Not found", text)
}

/// Why a request has no answer of its own.
pub(crate) struct Failed(StoreError);

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
            error => failure(&error),
        }
    }
}

/// A form with other fields than its page has.
pub(crate) fn other_fields() -> Response {
    let text = "These are not the fields of the form. Go back and load the page again.";
    message(StatusCode::BAD_REQUEST, Frame::plain(), "Not sent", text)
}

pub(crate) fn failure(error: &StoreError) -> Response {
    tracing::error!(%error, "a request could not be answered");
    let text = "Something failed here, and nothing was changed. Try again in a moment.";
    message(StatusCode::SERVICE_UNAVAILABLE, Frame::plain(), "Not now", text)
}

/// Nothing may be framed, kept or fetched from elsewhere, nothing is run where no script is, and no address leaks to another
/// site.
pub(crate) fn secured(mut response: Response, base: &BaseUrl) -> Response {
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
