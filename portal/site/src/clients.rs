//! Before every page for programs: JSON in and out, no cookies, problems by RFC 9457, and CORS for the origins of a list. A program
//! has an access token, or none.

use std::{net::SocketAddr, sync::Arc};

use accounts::{BaseUrl, clients, now, store::StoreError};
use axum::{
    Extension,
    extract::{ConnectInfo, FromRequest, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, Limited};
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::timeout;

use crate::{
    Site, guard, limits, reply,
    routes::Access,
    visitor::{self, Visitor},
};

/// Who may read answers in a browser, of those who ask from one: nobody else's pages.
#[derive(Clone, Copy)]
enum Origin<'a> {
    /// No browser, or a page of the portal itself.
    Own,
    Listed(&'a BaseUrl),
    Other,
}

impl<'a> Origin<'a> {
    fn of(headers: &HeaderMap, site: &'a Site) -> Self {
        let mut named = headers.get_all(header::ORIGIN).into_iter();
        let (origin, more) = (named.next(), named.next());
        let is = |base: &BaseUrl| origin.is_some_and(|it| it.as_bytes() == base.origin().as_bytes());
        match origin {
            _ if more.is_some() => Origin::Other,
            None => Origin::Own,
            Some(_) if is(&site.base) => Origin::Own,
            Some(_) => site.origins.iter().find(|base| is(base)).map_or(Origin::Other, Origin::Listed),
        }
    }
}

/// The domain for which a wallet is asked to sign: of the page that asks.
#[derive(Clone, Debug)]
pub struct Domain(pub String);

pub async fn guard(
    State((site, access)): State<(Arc<Site>, Access)>,
    Extension(ConnectInfo(peer)): Extension<ConnectInfo<SocketAddr>>,
    request: Request,
    next: Next,
) -> Response {
    let headers = request.headers();
    if !visitor::is_asked_by_name(headers, &site.base) {
        let answer =
            problem(StatusCode::MISDIRECTED_REQUEST, "another-name", "This portal has another name.");
        return reply::secured(answer, &site.base);
    }
    let origin = Origin::of(headers, &site);
    let visitor = match visitor(&site, access, headers, peer).await {
        Ok(visitor) => visitor,
        Err(error) => return reply::secured(failure(&error), &site.base),
    };
    let who = match &visitor.account {
        Some(account) => account.id.clone(),
        None => visitor::network(visitor::address(headers, peer, &site.base)),
    };
    let rate = site.requests.count(&who, visitor.now);
    let answer = match origin {
        _ if rate.is_exceeded => {
            let text = "You ask too often. Retry-After says when to go on.";
            problem(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", text)
        }
        Origin::Other => problem(
            StatusCode::FORBIDDEN,
            "origin",
            "Pages of this origin may not ask: the operator lists those that may.",
        ),
        Origin::Listed(_) if request.method() == Method::OPTIONS => StatusCode::NO_CONTENT.into_response(),
        _ if access == Access::Bearer && visitor.account.is_none() => no_token(),
        Origin::Own => answer(&site.base, visitor, request, next).await,
        Origin::Listed(base) => answer(base, visitor, request, next).await,
    };
    let mut answer = reply::secured(answer, &site.base);
    guard::write_rate(answer.headers_mut(), rate);
    allow(answer.headers_mut(), origin);
    answer
}

/// Who asks. Cookies say nothing here: a page that a browser was led to cannot act for who is logged in.
async fn visitor(
    site: &Site,
    access: Access,
    headers: &HeaderMap,
    peer: SocketAddr,
) -> Result<Visitor, sqlx::Error> {
    let now = now();
    let account = match token(headers).filter(|_| access == Access::Bearer) {
        Some(token) => clients::account_of(&site.database, token, now).await?,
        None => None,
    };
    Ok(Visitor {
        account,
        session: None,
        by_passkey: false,
        form_token: String::new(),
        unread: 0,
        address: visitor::address(headers, peer, &site.base).to_string(),
        browser: visitor::browser(headers),
        now,
    })
}

/// RFC 6750 §2.1: in one field, and nowhere else.
fn token(headers: &HeaderMap) -> Option<&str> {
    let mut fields = headers.get_all(header::AUTHORIZATION).into_iter();
    let (field, more) = (fields.next()?, fields.next());
    let (scheme, token) = field.to_str().ok()?.split_once(' ')?;
    (more.is_none() && scheme.eq_ignore_ascii_case("bearer")).then_some(token)
}

async fn answer(asker: &BaseUrl, visitor: Visitor, mut request: Request, next: Next) -> Response {
    if let Some(account) = visitor.account.clone() {
        request.extensions_mut().insert(account);
    }
    request.extensions_mut().insert(visitor);
    request.extensions_mut().insert(Domain(asker.authority().to_owned()));
    timeout(limits::REQUEST_TIME, next.run(request)).await.unwrap_or_else(|_| {
        problem(StatusCode::REQUEST_TIMEOUT, "too-slow", "The request took too long to arrive.")
    })
}

/// Exactly the origin that asked, where it is on the list. Credentials are never allowed: there are none in a browser's keeping.
fn allow(headers: &mut HeaderMap, origin: Origin<'_>) {
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    let Origin::Listed(base) = origin else { return };
    if let Ok(origin) = HeaderValue::try_from(base.origin()) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    }
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
        (
            header::ACCESS_CONTROL_EXPOSE_HEADERS,
            "ratelimit-limit, ratelimit-remaining, ratelimit-reset, retry-after",
        ),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// What is asked before a browser asks. The guard answers it for the origins of the list.
pub async fn preflight() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "method", "Nothing is asked before a page of this portal asks.")
}

/// A problem by RFC 9457. `code` tells programs what it is, `detail` tells people.
pub fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let body = json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "code": code, "detail": detail });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

/// RFC 6750 §3.
fn no_token() -> Response {
    let text = "This takes an access token that counts: Authorization: Bearer …";
    let mut answer = problem(StatusCode::UNAUTHORIZED, "token", text);
    let challenge = HeaderValue::from_static("Bearer realm=\"NanoTrace portal\", error=\"invalid_token\"");
    answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    answer
}

fn failure(error: &dyn std::error::Error) -> Response {
    tracing::error!(%error, "a program could not be answered");
    problem(
        StatusCode::SERVICE_UNAVAILABLE,
        "failure",
        "Something failed here, and nothing was changed. Try again in a moment.",
    )
}

pub type Answer = Result<Response, Failed>;

/// Why a program has no answer of its own.
pub struct Failed(StoreError);

impl<E: Into<StoreError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        failure(&self.0)
    }
}

/// The members of an object in JSON. One that the object does not have, or has twice, refuses the whole.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Asked<T> {
    type Rejection = Response;

    async fn from_request(request: Request, _: &S) -> Result<Self, Response> {
        let is_json = request.headers().get(header::CONTENT_TYPE).is_some_and(|it| {
            let kind = it.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default();
            kind.trim_ascii().eq_ignore_ascii_case(b"application/json")
        });
        if !is_json {
            let text = "This takes JSON: Content-Type: application/json.";
            return Err(problem(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", text));
        }
        let body = Limited::new(request.into_body(), limits::CLIENT_BYTES).collect().await;
        let Ok(body) = body else {
            return Err(problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too-large",
                "The body is larger than any can be.",
            ));
        };
        serde_json::from_slice(&body.to_bytes()).map(Self).map_err(|error| {
            problem(StatusCode::BAD_REQUEST, "body", &format!("The body is not what is taken here: {error}"))
        })
    }
}
