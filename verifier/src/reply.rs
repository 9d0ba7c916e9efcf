//! A reply and what every reply carries: security headers, caching rules, conditional requests.

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use sha2::{Digest, Sha256};

/// How long a cache may go on showing a reply without asking again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Not to be kept: failures, unknown codes, anything that may turn at any moment.
    None,
    /// Seconds; afterwards the cache must ask again, also when this server is down (RFC 9111 §5.2.2.2).
    Seconds(u64),
    /// The address names the content: it never changes.
    Forever,
}

/// A reply before the request's conditions are looked at. Cloning is cheap: the body is shared.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    content_type: &'static str,
    body: Bytes,
    freshness: Freshness,
    etag: Option<HeaderValue>,
    /// Public data without cookies: scripts of any site may read it.
    shared: bool,
    extra: Vec<(HeaderName, HeaderValue)>,
}

pub(crate) const HTML: &str = "text/html; charset=utf-8";
pub(crate) const JSON: &str = "application/json";
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

impl Reply {
    pub fn new(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        let body = body.into();
        Self {
            status,
            content_type,
            body,
            freshness: Freshness::None,
            etag: None,
            shared: false,
            extra: Vec::new(),
        }
    }

    pub fn status(&self) -> StatusCode {
        self.status
    }

    pub fn size(&self) -> usize {
        self.body.len()
    }

    pub fn fresh_for(mut self, freshness: Freshness) -> Self {
        self.freshness = freshness;
        self
    }

    /// A strong validator: the hash of these very bytes.
    pub fn tagged_by_content(mut self) -> Self {
        let tag = format!("\"{}\"", short_hash(&[&self.body]));
        self.etag = HeaderValue::try_from(tag).ok();
        self
    }

    /// A weak validator: replies with the same `meaning` may differ in bytes (RFC 9110 §8.8.1).
    pub fn tagged_by_meaning(mut self, meaning: &str) -> Self {
        self.etag = HeaderValue::try_from(format!("W/\"{meaning}\"")).ok();
        self
    }

    pub fn shared(mut self) -> Self {
        self.shared = true;
        self
    }

    /// Adds a header; a value that is no header value is left out.
    pub fn with(mut self, name: HeaderName, value: impl TryInto<HeaderValue>) -> Self {
        if let Ok(value) = value.try_into() {
            self.extra.push((name, value));
        }
        self
    }

    /// The response to a request with these headers: whole, or 304 when the client has it already.
    pub fn into_response(self, request: &HeaderMap) -> Response<Full<Bytes>> {
        let known =
            self.status == StatusCode::OK && self.etag.as_ref().is_some_and(|tag| names(request, tag));
        let (status, body) =
            if known { (StatusCode::NOT_MODIFIED, Bytes::new()) } else { (self.status, self.body) };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.reserve(12);
        write_security(headers);
        headers.insert(header::CACHE_CONTROL, self.freshness.cache_control());
        if !known {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        }
        if let Some(tag) = self.etag {
            headers.insert(header::ETAG, tag);
        }
        if self.shared {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        }
        headers.extend(self.extra);
        response
    }
}

impl Freshness {
    fn cache_control(self) -> HeaderValue {
        match self {
            Self::None => HeaderValue::from_static("no-store"),
            Self::Forever => HeaderValue::from_static("public, max-age=31536000, immutable"),
            Self::Seconds(seconds) => {
                HeaderValue::try_from(format!("public, max-age={seconds}, must-revalidate"))
                    .unwrap_or(HeaderValue::from_static("no-store"))
            }
        }
    }
}

/// Nothing may be run, framed, or fetched from elsewhere, and no address leaks to another site.
fn write_security(headers: &mut HeaderMap) {
    const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; \
                          base-uri 'none'; frame-ancestors 'none'";
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
}

/// Whether `If-None-Match` names this tag, compared weakly as RFC 9110 §13.1.2 asks.
fn names(request: &HeaderMap, tag: &HeaderValue) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let Ok(tag) = tag.to_str().map(opaque) else { return false };
    request
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|candidate| candidate.trim() == "*" || opaque(candidate) == tag)
}

/// 128 bits of SHA-256 over the parts, each with its length, as hex.
pub(crate) fn short_hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn asking(tags: &str) -> HeaderMap {
        HeaderMap::from_iter([(header::IF_NONE_MATCH, HeaderValue::from_str(tags).unwrap())])
    }

    #[test]
    fn a_known_tag_is_answered_not_modified() {
        let reply =
            Reply::new(StatusCode::OK, JSON, "{}").fresh_for(Freshness::Seconds(30)).tagged_by_meaning("abc");
        for tags in ["W/\"abc\"", "\"abc\"", "\"x\", W/\"abc\"", "*"] {
            let response = reply.clone().into_response(&asking(tags));
            assert_eq!(response.status(), StatusCode::NOT_MODIFIED, "{tags}");
            assert_eq!(response.headers()[header::CACHE_CONTROL], "public, max-age=30, must-revalidate");
            assert_eq!(response.headers()[header::ETAG], "W/\"abc\"");
            assert!(!response.headers().contains_key(header::CONTENT_TYPE));
        }
        assert_eq!(reply.into_response(&asking("\"abcd\"")).status(), StatusCode::OK);
    }

    #[test]
    fn a_failure_is_never_answered_not_modified() {
        let reply = Reply::new(StatusCode::SERVICE_UNAVAILABLE, JSON, "{}").tagged_by_content();
        let response = reply.into_response(&asking("*"));
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }

    #[test]
    fn every_reply_is_locked_down() {
        let response = Reply::new(StatusCode::OK, HTML, "").into_response(&HeaderMap::new());
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe"));
        assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(response.headers()[header::REFERRER_POLICY], "no-referrer");
        assert!(!response.headers().contains_key(header::SET_COOKIE));
    }
}
