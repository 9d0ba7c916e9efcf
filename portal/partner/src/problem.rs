//! Refusals, as RFC 9457 has them.

use accounts::store::StoreError;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// Why a request is not answered as it was asked. `code` is for programs.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    /// Each with a JSON pointer into what was sent.
    errors: Vec<(String, String)>,
    challenge: Option<&'static str>,
}

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new(), challenge: None }
    }

    pub fn with_errors(mut self, errors: Vec<(String, String)>) -> Self {
        self.errors = errors;
        self
    }

    /// The same for every reason: no key, a wrong one, one that has ended.
    pub fn unauthorized() -> Self {
        let detail = "Send a key that works, as `Authorization: Bearer nt_…`.";
        let problem = Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail);
        Self { challenge: Some("Bearer realm=\"nanotrace\""), ..problem }
    }

    pub fn scope(scope: &str) -> Self {
        let detail = format!("The key lacks the scope {scope}.");
        let problem = Self::new(StatusCode::FORBIDDEN, "scope", detail);
        Self { challenge: Some("Bearer realm=\"nanotrace\", error=\"insufficient_scope\""), ..problem }
    }

    /// The same for what is another company's and for what was never there.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "There is no such thing here.")
    }

    pub fn conflict(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or_default(),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        if let Some(members) = body.as_object_mut().filter(|_| !self.errors.is_empty()) {
            let errors = self.errors.into_iter();
            let errors = errors.map(|(pointer, detail)| json!({"pointer": pointer, "detail": detail}));
            members.insert("errors".to_owned(), errors.collect());
        }
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        let mut response = (self.status, kind, body.to_string()).into_response();
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

/// What failed here is logged, and not told.
impl<E: Into<StoreError>> From<E> for Problem {
    fn from(error: E) -> Self {
        let error = error.into();
        tracing::error!(%error, "a request of the partner API could not be answered");
        let detail = "Something failed here, and nothing was changed. Try again in a moment.";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }
}

pub async fn nothing() -> Problem {
    Problem::not_found()
}

pub async fn other_method() -> Problem {
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method", "This is not done here: see the field Allow.")
}
