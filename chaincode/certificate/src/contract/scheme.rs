//! The certification schemes under which certificates can be granted (ISO/IEC 17067).

use serde::Deserialize;

use super::call::{Call, answer, line, require};
use crate::document::identifiers::is_uri;
use crate::keys;
use crate::parties::ACCREDITATION_BODY;
use crate::record::{MAXIMUM_NAME, Scheme};
use crate::refusal::Refusal;
use crate::state::{KeyPolicy, Role, State};

/// As many as a certificate can name.
const MAXIMUM_STANDARDS: usize = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    id: String,
    version: String,
    title: String,
    standards: Vec<String>,
}

/// `scheme:register(request)`: an administrator of the accreditation body.
pub async fn register<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.caller(ACCREDITATION_BODY, &[Role::Admin])?;
    let registration: Registration = call.request()?;
    check(&registration)?;
    let Registration { id, version, title, standards } = registration;
    let key = keys::scheme(&id, &version);
    if call.record(&key, Scheme::decode).await?.is_some() {
        return Err(Refusal::Conflict(format!("scheme {id} version {version} is registered")));
    }
    let scheme = Scheme { id, version, title, standards, registered: call.event("") };
    call.state.put(&key, scheme.encode());
    call.state.set_policy(&key, &KeyPolicy::all(&[ACCREDITATION_BODY]));
    call.emit("SchemeRegistered", &scheme)
}

fn check(registration: &Registration) -> Result<(), Refusal> {
    require(is_uri(&registration.id), "/id", &registration.id, "must be an absolute URI")?;
    line("/version", &registration.version, MAXIMUM_NAME)?;
    line("/title", &registration.title, MAXIMUM_NAME)?;
    let count = registration.standards.len();
    let rule = format!("must be a list of 1 to {MAXIMUM_STANDARDS} URIs");
    require((1..=MAXIMUM_STANDARDS).contains(&count), "/standards", &format!("{count} standards"), &rule)?;
    registration.standards.iter().enumerate().try_for_each(|(index, uri)| {
        require(is_uri(uri), &format!("/standards/{index}"), uri, "must be an absolute URI")
    })
}

/// `scheme:get(id, version)`: anyone.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [id, version] = call.arguments(["id", "version"])?;
    let scheme = call.record(&keys::scheme(id, version), Scheme::decode).await?;
    answer(&scheme.ok_or_else(|| Refusal::Unknown(format!("no scheme {id} version {version}")))?)
}

/// `scheme:list()`: anyone.
pub async fn list<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [] = call.arguments([])?;
    answer(&call.records(keys::SCHEME, Scheme::decode).await?)
}
