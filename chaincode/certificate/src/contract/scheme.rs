//! The certification schemes under which certificates can be granted (ISO/IEC 17067).

use super::call::{Call, answer, flag, line, text_that, whole_number};
use crate::document::identifiers::is_uri;
use crate::document::report::{Node, Object, Report};
use crate::keys;
use crate::record::{MAXIMUM_NAME, Scheme, SurveillanceRule};
use crate::refusal::Refusal;
use crate::state::{KeyPolicy, State};

/// As many as a certificate can name.
const MAXIMUM_STANDARDS: usize = 32;

const URI: &str = "must be an absolute URI";

struct Registration {
    id: String,
    version: String,
    title: String,
    standards: Vec<String>,
    direct_issue: bool,
    reviewer_may_decide: bool,
    surveillance: Option<SurveillanceRule>,
}

/// The longest that a certificate holds.
const MAXIMUM_DAYS: u32 = 3 * 366;

/// `scheme:register(request)`: an accreditor or administrator of the accreditation body.
pub async fn register<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.accreditor()?;
    let members = ["id", "version", "title", "standards", "directIssue", "reviewerMayDecide", "surveillance"];
    let Registration { id, version, title, standards, direct_issue, reviewer_may_decide, surveillance } =
        call.request(&members, registration)?;
    let key = keys::scheme(&id, &version);
    if call.record(&key, Scheme::decode).await?.is_some() {
        return Err(Refusal::Conflict(format!("scheme {id} version {version} is registered")));
    }
    let registered = call.event("");
    let scheme =
        Scheme { id, version, title, standards, registered, direct_issue, reviewer_may_decide, surveillance };
    call.state.put(&key, scheme.encode());
    call.state.set_policy(&key, &KeyPolicy::all(&[&call.accreditation_body]));
    call.emit("SchemeRegistered", &scheme)
}

fn registration(request: &Object<'_>, report: &mut Report) -> Option<Registration> {
    let id = text_that(request, "id", is_uri, URI, report);
    let version = line(request, "version", MAXIMUM_NAME, report);
    let title = line(request, "title", MAXIMUM_NAME, report);
    let standards = request.required(report, "standards")?.list(report, 1, MAXIMUM_STANDARDS)?;
    let standards = standards.iter().filter_map(|uri| uri.text_that(report, is_uri, URI));
    let standards = standards.map(str::to_owned).collect();
    // Clients that know no applications register schemes without the two, and issue under them.
    let direct_issue = flag(request, "directIssue", true, report);
    let reviewer_may_decide = flag(request, "reviewerMayDecide", true, report);
    let surveillance = match request.optional("surveillance") {
        Some(node) => Some(rule(&node, report)?),
        None => None,
    };
    Some(Registration {
        id: id?,
        version: version?,
        title: title?,
        standards,
        direct_issue: direct_issue?,
        reviewer_may_decide: reviewer_may_decide?,
        surveillance,
    })
}

fn rule(node: &Node<'_>, report: &mut Report) -> Option<SurveillanceRule> {
    let fields = node.object(report, &["everyDays", "graceDays"])?;
    let every_days = whole_number(&fields, "everyDays", MAXIMUM_DAYS, report);
    let grace_days = match fields.optional("graceDays") {
        Some(_) => Some(whole_number(&fields, "graceDays", MAXIMUM_DAYS, report)?),
        None => None,
    };
    Some(SurveillanceRule { every_days: every_days?, grace_days })
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
