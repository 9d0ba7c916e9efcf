//! A request as the routes take it, and how a change that it makes ends.

use std::{collections::BTreeMap, sync::Arc};

use accounts::{
    Change,
    api_keys::{self, Bearer},
    audit::Entry,
    now,
    people::Account,
};
use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, RawPathParams, Request},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use dossiers::{
    store::{Dossier, Scope},
    work::Work,
};
use http_body_util::{BodyExt, Limited};
use serde_json::{Map, Value};
use site::Site;
use url::form_urlencoded;

use crate::{
    limits,
    once::{self, Run},
    problem::Problem,
};

pub type Answer = Result<Response, Problem>;

/// Whose key asks.
#[derive(Clone, Debug)]
pub struct Caller {
    pub bearer: Bearer,
    /// The owner who made the key.
    pub account: Account,
    pub address: String,
}

/// A request without its body.
pub struct Head {
    pub site: Arc<Site>,
    pub caller: Caller,
    pub now: i64,
    pub headers: HeaderMap,
    method: Method,
    path: String,
    parameters: Vec<(String, String)>,
    query: BTreeMap<String, String>,
}

/// A request with its body.
pub struct Call {
    pub head: Head,
    pub body: Bytes,
}

impl Head {
    async fn of(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Problem> {
        let caller = parts.extensions.get::<Caller>().cloned().ok_or_else(Problem::unauthorized)?;
        let parameters = RawPathParams::from_request_parts(parts, &()).await;
        let parameters = parameters.map_err(|_| Problem::not_found())?;
        Ok(Self {
            site: site.clone(),
            caller,
            now: now(),
            headers: parts.headers.clone(),
            method: parts.method.clone(),
            path: parts.uri.path().to_owned(),
            parameters: parameters.iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect(),
            query: query(parts.uri.query().unwrap_or_default())?,
        })
    }

    pub fn account(&self) -> &Account {
        &self.caller.account
    }

    pub fn dossiers(&self) -> Scope<'_> {
        Scope::of(&self.caller.account)
    }

    pub fn work(&self) -> Work<'_> {
        Work {
            database: &self.site.database,
            organisations: &self.site.organisations,
            account: &self.caller.account,
            is_demonstration: self.site.is_demonstration,
        }
    }

    /// What stands in the path in place of this name.
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(it, _)| it == name).map_or("", |(_, text)| text)
    }

    /// The company's application that the path names.
    pub async fn dossier(&self) -> Result<Dossier, Problem> {
        let id = self.parameter("application");
        self.dossiers().one(&self.site.database, id).await?.ok_or_else(Problem::not_found)
    }

    /// The parameters of the query, which has these and no others.
    pub fn queried<const N: usize>(&self, known: [&str; N]) -> Result<[Option<&str>; N], Problem> {
        if let Some(other) = self.query.keys().find(|name| !known.contains(&name.as_str())) {
            return Err(Problem::malformed(format!("There is no parameter {other:?} here.")));
        }
        Ok(known.map(|name| self.query.get(name).map(String::as_str)))
    }

    /// Begins a change. The key was looked up before the request was read: it may have ended since.
    pub async fn change(&self) -> Result<Change, Problem> {
        let mut change = self.site.database.change().await?;
        match api_keys::goes_on(&mut change, &self.caller.bearer.id, now()).await? {
            true => Ok(change),
            false => Err(Problem::unauthorized()),
        }
    }

    /// An entry of the audit log, by the key's prefix.
    pub fn entry(&self, action: &'static str, object: &str, result: &'static str) -> Entry {
        Entry {
            at: self.now,
            party: self.caller.account.party.clone(),
            actor: self.caller.bearer.prefix.clone(),
            action,
            object: object.to_owned(),
            address: self.caller.address.clone(),
            result,
            transaction: None,
        }
    }
}

/// Each parameter once.
fn query(text: &str) -> Result<BTreeMap<String, String>, Problem> {
    let mut query = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()).into_owned() {
        if query.insert(name.clone(), value).is_some() {
            return Err(Problem::malformed(format!("The parameter {name:?} stands there twice.")));
        }
    }
    Ok(query)
}

impl FromRequestParts<Arc<Site>> for Head {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Problem> {
        Self::of(parts, site).await
    }
}

impl FromRequest<Arc<Site>> for Call {
    type Rejection = Problem;

    async fn from_request(request: Request, site: &Arc<Site>) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let head = Head::of(&mut parts, site).await?;
        let body = Limited::new(body, limits::BODY).collect().await;
        let large = |_| {
            let detail = format!("A request has at most {} bytes.", limits::BODY);
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
        };
        Ok(Self { head, body: body.map_err(large)?.to_bytes() })
    }
}

impl Call {
    /// The body, which is a JSON object.
    pub fn object(&self) -> Result<Map<String, Value>, Problem> {
        let kind = self.head.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let detail = "The body is JSON, and says so: Content-Type: application/json.";
            return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media-type", detail));
        }
        let value: Value = serde_json::from_slice(&self.body)
            .map_err(|error| Problem::malformed(format!("The body is no JSON: {error}.")))?;
        match value {
            Value::Object(object) => Ok(object),
            _ => Err(invalid(vec![(String::new(), "must be an object".to_owned())])),
        }
    }

    /// Answers the request once: where it has an `Idempotency-Key` and was answered already, the same again.
    pub async fn once(self, work: impl AsyncFnOnce(&Call, Option<&Run>) -> Answer) -> Answer {
        let head = &self.head;
        let Some(key) = once::key(&head.headers)? else { return work(&self, None).await };
        let request = once::request(&head.method, &head.path, &self.body);
        match once::begin(&head.site.database, &head.account().party, &key, &request, head.now).await? {
            once::Begun::Answered(done) => Ok(done.into_response()),
            once::Begun::Running(run) => {
                let answer = work(&self, Some(&run)).await;
                if answer.is_err() {
                    // Nothing was done: the same request may be made again.
                    run.forget(&head.site.database).await?;
                }
                answer
            }
        }
    }
}

/// What is wrong in a body, by JSON pointers.
pub fn invalid(errors: Vec<(String, String)>) -> Problem {
    let detail = "The request breaks rules: see errors.";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).with_errors(errors)
}

/// What came of a request that changes something.
pub struct Done {
    pub status: StatusCode,
    pub location: Option<String>,
    /// JSON; empty for 204.
    pub body: String,
}

impl Done {
    /// Ends a change: its entry in the audit log, the answer that is kept, and all of it durable.
    pub async fn commit(self, mut change: Change, entry: &Entry, run: Option<&Run>) -> Answer {
        change.record(entry).await?;
        if let Some(run) = run {
            run.keep(&mut change, &self).await?;
        }
        change.commit().await?;
        Ok(self.into_response())
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if !self.body.is_empty() {
            let kind = [(header::CONTENT_TYPE, "application/json")];
            response = (self.status, kind, self.body).into_response();
        }
        if let Some(location) = self.location.and_then(|it| HeaderValue::try_from(it).ok()) {
            response.headers_mut().insert(header::LOCATION, location);
        }
        response
    }
}

pub fn json(value: &Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
