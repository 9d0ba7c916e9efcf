//! Before every page: who asks, how often, whether they may, and whether a form is of this site.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use accounts::{
    now,
    people::{self, Account},
    secret, store,
    store::StoreError,
};
use axum::{
    Extension,
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use dossiers::notices::Inbox;
use http_body_util::{BodyExt, Limited};
use tokio::time::timeout;
use url::form_urlencoded;
use views::page::Frame;

use crate::{
    Site, demonstration, kept, limits,
    rates::Rate,
    reply,
    routes::Access,
    visitor::{self, Cookies, Visitor},
};

/// The field by which a form is known; pages' handlers never see it.
pub const FORM_TOKEN: &str = "form_token";

/// What a request brings.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Brings {
    /// Nothing, or a form of a few fields, which is read here.
    Fields,
    /// A form with a document in one of its fields.
    Document,
    /// A form with a file, which its page reads, the token before all else.
    File,
}

impl Brings {
    fn time(self) -> Duration {
        match self {
            Brings::Fields | Brings::Document => limits::REQUEST_TIME,
            Brings::File => limits::UPLOAD_TIME,
        }
    }

    /// The most that is read here of a form.
    fn form_bytes(self) -> usize {
        match self {
            Brings::Fields | Brings::File => limits::FORM_BYTES,
            Brings::Document => limits::ACT_BYTES,
        }
    }
}

pub async fn guard(
    State((site, access, brings)): State<(Arc<Site>, Access, Brings)>,
    Extension(ConnectInfo(peer)): Extension<ConnectInfo<SocketAddr>>,
    request: Request,
    next: Next,
) -> Response {
    if !visitor::is_asked_by_name(request.headers(), &site.base) {
        return reply::secured(another_name(&site), &site.base);
    }
    let cookies = Cookies::read(request.headers(), &site.base);
    let (visitor, new_secret) = match visitor(&site, &cookies, request.headers(), peer).await {
        Ok(found) => found,
        Err(error) => return reply::secured(reply::failure(&error), &site.base),
    };
    let who = match &visitor.account {
        Some(account) => account.id.clone(),
        None => visitor::network(visitor::address(request.headers(), peer, &site.base)),
    };
    let rate = site.requests.count(&who, visitor.now);
    let answer = if rate.is_exceeded {
        too_many()
    } else {
        let answer = answer(&site, (access, brings), (visitor, &cookies), request, next);
        timeout(brings.time(), answer).await.unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
    };
    let answer = if site.is_demonstration { demonstration::noted(answer).await } else { answer };
    let mut answer = reply::secured(answer, &site.base);
    write_rate(answer.headers_mut(), rate);
    if let Some(cookie) = new_secret.and_then(|secret| visitor::form_cookie(&site.base, &secret)) {
        answer.headers_mut().append(header::SET_COOKIE, cookie);
    }
    answer
}

/// Who asks, and the form secret that its browser does not have yet.
async fn visitor(
    site: &Site,
    cookies: &Cookies,
    headers: &HeaderMap,
    peer: SocketAddr,
) -> Result<(Visitor, Option<String>), StoreError> {
    let now = now();
    let session = match &cookies.session {
        Some(secret) => store::session(&site.database, secret, now).await?,
        None => None,
    };
    let account = match &session {
        Some(session) => people::account(&site.database, &session.account).await?,
        None => None,
    };
    let session = session.filter(|_| account.is_some());
    let (form_secret, is_new) = visitor::form_secret(cookies)?;
    let session_secret = session.as_ref().and(cookies.session.as_deref());
    let unread = match &account {
        Some(account) => Inbox::of(account).unread(&site.database).await?,
        None => 0,
    };
    let visitor = Visitor {
        account,
        by_passkey: session.as_ref().is_some_and(|session| session.by_passkey),
        session: session.map(|session| session.id),
        form_token: secret::form_token(&form_secret, session_secret),
        unread,
        address: visitor::address(headers, peer, &site.base).to_string(),
        browser: visitor::browser(headers),
        now,
    };
    Ok((visitor, is_new.then_some(form_secret)))
}

async fn answer(
    site: &Arc<Site>,
    (access, brings): (Access, Brings),
    (visitor, cookies): (Visitor, &Cookies),
    request: Request,
    next: Next,
) -> Response {
    match (access, &visitor.account) {
        (Access::Everybody, _) => {}
        (_, None) => {
            if request.method() == Method::POST && brings == Brings::Fields {
                return kept::after_the_end(site, &visitor, cookies, request).await;
            }
            return to_page("/login", &request);
        }
        (access, Some(account)) if !is_there_for(access, account) => {
            return reply::not_there().await.into_response();
        }
        (Access::Owner, Some(account)) if !account.is_owner() => {
            return barred(&visitor, "An owner of your company does this. Under Team you see who is one.");
        }
        (Access::Acting | Access::Applicant, Some(account)) if !account.may_act() => {
            return barred(
                &visitor,
                "You read what your company does here. To do something for it, ask an owner to make you a member: under \
                 Team you see who is one.",
            );
        }
        (Access::Login | Access::Company | Access::Applicant | Access::Owner, Some(_)) => {}
        (_, Some(_)) if visitor.lacks_passkey() => return to_page("/passkey", &request),
        _ => {}
    }
    let request = match (request.method(), brings) {
        (&Method::POST, Brings::File) if is_of_other_site(request.headers(), site) => return stale(&visitor),
        (&Method::POST, Brings::Fields | Brings::Document) => {
            match own_form(site, (access, brings), &visitor, request).await {
                Ok(request) => request,
                Err(refusal) => return refusal,
            }
        }
        _ => request,
    };
    let mut request = request;
    if let Some(account) = visitor.account.clone() {
        request.extensions_mut().insert(account);
    }
    request.extensions_mut().insert(visitor);
    next.run(request).await
}

/// Whether a page is one for such an account at all.
fn is_there_for(access: Access, account: &Account) -> bool {
    match access {
        Access::Everybody | Access::Login | Access::Account | Access::Acting => true,
        Access::Company | Access::Applicant | Access::Owner => !account.is_staff(),
        Access::Staff => account.is_staff(),
        Access::Administrator => account.is_administrator(),
        Access::AdministratorOrOwner => account.is_administrator() || account.is_owner(),
        // They are guarded by `clients::guard`.
        Access::Client | Access::Bearer => false,
    }
}

fn barred(visitor: &Visitor, text: &str) -> Response {
    reply::message(StatusCode::FORBIDDEN, visitor.frame(), "Not for your role", text)
}

/// To a page that has to come first, and from there to the one that was asked for.
fn to_page(first: &str, request: &Request) -> Response {
    let asked = request.uri().path_and_query().map_or("/", |it| it.as_str());
    let back: String = form_urlencoded::byte_serialize(asked.as_bytes()).collect();
    match *request.method() {
        Method::GET => Redirect::to(&format!("{first}?next={back}")).into_response(),
        _ => Redirect::to(first).into_response(),
    }
}

/// The request, without its form token, where the form was loaded from here by this browser.
async fn own_form(
    site: &Site,
    (access, brings): (Access, Brings),
    visitor: &Visitor,
    request: Request,
) -> Result<Request, Response> {
    let (parts, body) = request.into_parts();
    if is_of_other_site(&parts.headers, site) {
        return Err(stale(visitor));
    }
    let body = Limited::new(body, brings.form_bytes()).collect().await;
    let body = body.map_err(|_| too_large(visitor))?.to_bytes();
    let (tokens, form) = kept::read(parts.uri.path(), &body);
    match tokens.as_slice() {
        [token] if secret::equal(token, &visitor.form_token) => {
            let fields = form_urlencoded::Serializer::new(String::new()).extend_pairs(form.fields).finish();
            let mut request = Request::from_parts(parts, Body::from(fields.clone()));
            request.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(fields.len()));
            Ok(request)
        }
        _ if access == Access::Everybody => Err(stale(visitor)),
        _ => {
            let kept = kept::after_another_login(site, visitor, &parts.headers, &form).await;
            Err(kept.unwrap_or_else(|error| Some(reply::failure(&error))).unwrap_or_else(|| stale(visitor)))
        }
    }
}

/// What a browser itself says of where a form comes from.
pub fn is_of_other_site(headers: &HeaderMap, site: &Site) -> bool {
    let says =
        |name: &str, right: &str| headers.get(name).is_none_or(|value| value.as_bytes() == right.as_bytes());
    !says("sec-fetch-site", "same-origin") || !says("origin", site.base.origin())
}

/// Whether it says of itself that the form is of a page of ours, and not of a script.
pub fn is_of_own_site(headers: &HeaderMap, site: &Site) -> bool {
    let says =
        |name: &str, right: &str| headers.get(name).is_some_and(|it| it.as_bytes() == right.as_bytes());
    says("origin", site.base.origin())
        && !is_of_other_site(headers, site)
        && headers.get("sec-fetch-mode").is_none_or(|mode| mode.as_bytes() == b"navigate")
}

pub fn stale(visitor: &Visitor) -> Response {
    let text = "This form is out of date: it was loaded before you logged in or out, or in another browser. Go back, load \
                the page again, and send it once more.";
    reply::message(StatusCode::FORBIDDEN, visitor.frame(), "Not sent", text)
}

fn another_name(site: &Site) -> Response {
    let text = format!("This portal answers at {} alone.", site.base);
    reply::message(StatusCode::MISDIRECTED_REQUEST, Frame::plain(), "Another name", &text)
}

fn too_large(visitor: &Visitor) -> Response {
    let text = "The form is larger than any of ours can be.";
    reply::message(StatusCode::PAYLOAD_TOO_LARGE, visitor.frame(), "Too large", text)
}

fn too_many() -> Response {
    let text = "You asked more often than people do. Wait a minute, then go on.";
    reply::message(StatusCode::TOO_MANY_REQUESTS, Frame::plain(), "Too many requests", text)
}

/// The fields of draft-ietf-httpapi-ratelimit-headers as most clients know them, and RFC 9110's `Retry-After`.
pub fn write_rate(headers: &mut HeaderMap, rate: Rate) {
    headers.insert("ratelimit-limit", HeaderValue::from(rate.limit));
    headers.insert("ratelimit-remaining", HeaderValue::from(rate.remaining));
    headers.insert("ratelimit-reset", HeaderValue::from(rate.reset));
    if rate.is_exceeded {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(rate.reset));
    }
}
