//! Style sheets, scripts and the icon.

use axum::{
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

const PASSKEY_SCRIPT: &str = include_str!("../../assets/passkey.js");
const WALLET_SCRIPT: &str = include_str!("../../assets/wallet.js");
const SCAN_SCRIPT: &str = include_str!("../../assets/scan.js");
const STUDY_MODULE: &str = include_str!("../../assets/study-page.js");
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

pub(crate) async fn wallet_script() -> Response {
    asset("text/javascript; charset=utf-8", WALLET_SCRIPT)
}

pub(crate) async fn scan_script() -> Response {
    asset("text/javascript; charset=utf-8", SCAN_SCRIPT)
}

/// The modules by which pages make and use ledger keys, and the one that watches a computation.
pub(crate) async fn module(Path(name): Path<String>) -> Response {
    if name == "study-page.js" {
        return asset("text/javascript; charset=utf-8", STUDY_MODULE);
    }
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
