//! The partner API, `/api/v1`: what an applicant can do, for programs of companies. It is known by a company's key
//! ([`accounts::api_keys`]) and by no cookie.
//!
//! # What holds here
//! - Every route is in one table, with the scope that it needs; the document served at `openapi.json` has these routes and no others
//!   (test `the_document_has_the_routes_that_there_are`).
//! - A key reaches its own company alone, within its scopes, for as long as it works (tests
//!   `another_companys_ids_are_not_there`, `a_key_does_what_its_scopes_say`, `a_key_that_ends_meanwhile_does_nothing`).
//! - What changes something, its audit entry and the answer that is kept for its `Idempotency-Key` are one transaction (test
//!   `a_request_is_done_once_and_answered_the_same`).
//! - Every refusal is a problem of RFC 9457 (test `every_refusal_is_a_problem`), and the fuzzer schemathesis finds nothing (test
//!   `schemathesis_finds_nothing`).

mod applications;
mod call;
mod certificates;
mod cursor;
mod document;
mod files;
mod guard;
mod limits;
mod once;
mod problem;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    handler::Handler,
    http::{Method, header},
    middleware::from_fn_with_state,
    response::{IntoResponse, Response},
    routing::{MethodFilter, MethodRouter, on},
};
use site::Site;

/// Where it is served.
pub const BASE: &str = "/api/v1";

/// What is served as `openapi.json`.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// A route as the document has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteOf {
    pub method: Method,
    /// Below [`BASE`].
    pub path: &'static str,
    /// None: everybody may ask.
    pub scope: Option<&'static str>,
}

struct Route {
    of: RouteOf,
    time: Duration,
    handler: MethodRouter<Arc<Site>>,
}

fn route<T: 'static, H: Handler<T, Arc<Site>>>(
    method: Method,
    path: &'static str,
    scope: &'static str,
    handler: H,
) -> Route {
    let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
    let of = RouteOf { method, path, scope: Some(scope) };
    Route { of, time: site::limits::REQUEST_TIME, handler: on(filter, handler) }
}

const READ: &str = "applications:read";
const WRITE: &str = "applications:write";
const READ_FILES: &str = "files:read";
const WRITE_FILES: &str = "files:write";
const CERTIFICATES: &str = "certificates:read";

/// Every route there is.
fn table() -> Vec<Route> {
    let (get, post, put, delete) = (|| Method::GET, || Method::POST, || Method::PUT, || Method::DELETE);
    let open = route(get(), "/openapi.json", "", openapi);
    let upload = route(post(), "/files", WRITE_FILES, files::receive);
    vec![
        Route { of: RouteOf { scope: None, ..open.of }, ..open },
        route(get(), "/applications", READ, applications::list),
        route(post(), "/applications", WRITE, applications::create),
        route(get(), "/applications/{application}", READ, applications::one),
        route(put(), "/applications/{application}", WRITE, applications::update),
        route(delete(), "/applications/{application}", WRITE, applications::discard),
        route(get(), "/applications/{application}/validation", READ, applications::validate),
        route(get(), "/applications/{application}/dossier", READ, applications::dossier),
        route(post(), "/applications/{application}/submit", WRITE, applications::submit),
        route(post(), "/applications/{application}/complete", WRITE, applications::complete),
        route(post(), "/applications/{application}/change", WRITE, applications::change),
        route(post(), "/applications/{application}/withdraw", WRITE, applications::withdraw),
        route(get(), "/files", READ_FILES, files::list),
        Route { time: site::limits::UPLOAD_TIME, ..upload },
        route(get(), "/files/{file}", READ_FILES, files::download),
        route(delete(), "/files/{file}", WRITE_FILES, files::remove),
        route(get(), "/certificates", CERTIFICATES, certificates::list),
        route(get(), "/certificates/{certificate}", CERTIFICATES, certificates::one),
        route(get(), "/certificates/{certificate}/qr.svg", CERTIFICATES, certificates::qr),
    ]
}

/// Every route there is, for who compares it with the document.
pub fn routes() -> Vec<RouteOf> {
    table().into_iter().map(|route| route.of).collect()
}

/// To be nested at [`BASE`].
pub fn router(site: &Arc<Site>) -> Router<Arc<Site>> {
    let mut router = Router::new();
    for Route { of, time, handler } in table() {
        let guard = from_fn_with_state((site.clone(), of.scope, time), guard::guard);
        router = router.route(of.path, handler.layer(guard));
    }
    let guard = from_fn_with_state((site.clone(), None, site::limits::REQUEST_TIME), guard::guard);
    let other_method = problem::other_method.layer(guard.clone());
    router.method_not_allowed_fallback(other_method).fallback(problem::nothing.layer(guard))
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI).into_response()
}
