//! Accreditations of certification bodies: the accreditation body's own affair, with its own peer's endorsement
//! alone once one is registered.

use super::call::{Call, TERM, answer, msp_id, next_term, reason, term, text_that};
use crate::document::identifiers::is_uri;
use crate::document::report::{Node, Object, Report};
use crate::keys;
use crate::record::{
    Accreditation, AccreditationSuspension, Effect, Former, FormerTerm, MAXIMUM_CATEGORY, MAXIMUM_RENEWALS,
    MAXIMUM_SCOPE, MAXIMUM_STANDARD, MAXIMUM_SUSPENSIONS, Scope, Term, is_full,
};
use crate::refusal::Refusal;
use crate::state::{KeyPolicy, State};

struct Registration {
    body: String,
    scheme_id: String,
    term: Term,
    scope: Scope,
}

const SCOPE: [&str; 2] = ["standards", "categories"];

/// `accreditation:register(request)`: an accreditor or administrator of the accreditation body.
pub async fn register<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.accreditor()?;
    let members = ["body", "schemeId", "number", "validFrom", "validUntil", "scope"];
    let Registration { body, scheme_id, term, scope } = call.request(&members, registration)?;
    let key = keys::accreditation(&body, &scheme_id);
    if call.values([&key]).await? != [None] {
        return Err(Refusal::Conflict(format!("{body} has an accreditation for {scheme_id}")));
    }
    let registered = call.event("");
    let accreditation = Accreditation {
        body,
        scheme_id,
        term,
        registered,
        suspensions: Vec::new(),
        scope,
        former_scopes: Vec::new(),
        former_terms: Vec::new(),
    };
    call.state.set_policy(&key, &KeyPolicy::all(&[&call.accreditation_body]));
    store(&mut call, &accreditation, "AccreditationRegistered")
}

fn registration(request: &Object<'_>, report: &mut Report) -> Option<Registration> {
    let body = msp_id(request, "body", report);
    let scheme_id = text_that(request, "schemeId", is_uri, "must be an absolute URI", report);
    let term = term(request, report);
    // Clients that know no scopes register accreditations without limits.
    let scope = match request.optional("scope") {
        Some(node) => node.object(report, &SCOPE).and_then(|fields| scope(&fields, report)),
        None => Some(Scope::default()),
    };
    Some(Registration { body: body?, scheme_id: scheme_id?, term: term?, scope: scope? })
}

/// A scope that limits standards, categories, both or nothing.
fn scope(fields: &Object<'_>, report: &mut Report) -> Option<Scope> {
    let is_standard = |text: &str| is_uri(text) && text.chars().count() <= MAXIMUM_STANDARD;
    let standard = |node: &Node<'_>, report: &mut Report| {
        node.text_that(report, is_standard, "must be an absolute URI").map(str::to_owned)
    };
    let category =
        |node: &Node<'_>, report: &mut Report| node.line(report, MAXIMUM_CATEGORY).map(str::to_owned);
    let standards = limits(fields, "standards", standard, report);
    let categories = limits(fields, "categories", category, report);
    Some(Scope { standards: standards?, categories: categories? })
}

/// A list of one to [`MAXIMUM_SCOPE`]; where it is absent, nothing is limited.
fn limits(
    fields: &Object<'_>,
    name: &str,
    read: impl Fn(&Node<'_>, &mut Report) -> Option<String>,
    report: &mut Report,
) -> Option<Vec<String>> {
    let Some(node) = fields.optional(name) else { return Some(Vec::new()) };
    let nodes = node.list(report, 1, MAXIMUM_SCOPE)?;
    nodes.iter().map(|node| read(node, report)).collect()
}

/// `accreditation:renew(body, schemeId, term, reason)`: an accreditor or administrator of the accreditation body. The terms before
/// cover their time.
pub async fn renew<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.accreditor()?;
    let names = ["body", "schemeId", "term", "reason"];
    let [body, scheme_id, text, _] = call.arguments(names)?;
    let why = call.fields(names, reason)?;
    let mut accreditation = existing(&mut call, body, scheme_id).await?;
    let next = call.json(text, &TERM, next_term(&accreditation.term))?;
    if accreditation.former_terms.len() >= MAXIMUM_RENEWALS {
        return Err(Refusal::Conflict(format!("the accreditation was renewed {MAXIMUM_RENEWALS} times")));
    }
    let term = std::mem::replace(&mut accreditation.term, next);
    accreditation.former_terms.push(FormerTerm { term, renewed: call.event(&why) });
    store(&mut call, &accreditation, "AccreditationRenewed")
}

/// `accreditation:changeScope(body, schemeId, scope, reason)`: an accreditor or administrator of the accreditation body. It
/// holds from now on: certificates issued before stand, whatever the scope becomes.
pub async fn change_scope<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.accreditor()?;
    let names = ["body", "schemeId", "scope", "reason"];
    let [body, scheme_id, text, _] = call.arguments(names)?;
    let why = call.fields(names, reason)?;
    let scope = call.json(text, &SCOPE, scope)?;
    let mut accreditation = existing(&mut call, body, scheme_id).await?;
    if scope == accreditation.scope {
        return Err(Refusal::Conflict("the accreditation has this scope".into()));
    }
    if let Some(last) = accreditation.former_scopes.last() {
        call.not_before(last.ended.effective_at)?;
    }
    let former = std::mem::replace(&mut accreditation.scope, scope);
    accreditation.former_scopes.push(Former { scope: former, ended: call.event(&why) });
    if is_full(&accreditation.former_scopes, &accreditation.encode()) {
        return Err(Refusal::Conflict("the accreditation has no room for another change of scope".into()));
    }
    store(&mut call, &accreditation, "AccreditationScopeChanged")
}

/// `accreditation:suspend(body, schemeId, effect, reason)`: an accreditor or administrator of the accreditation body. A
/// suspension of new grants can be made one of all certificates, and the other way round, without a gap.
pub async fn suspend<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.accreditor()?;
    let names = ["body", "schemeId", "effect", "reason"];
    let [body, scheme_id, ..] = call.arguments(names)?;
    let (effect, why) = call.fields(names, |fields, report| {
        let effect = effect(fields, report);
        let why = reason(fields, report);
        Some((effect?, why?))
    })?;
    let placed = call.event(&why);
    let mut accreditation = existing(&mut call, body, scheme_id).await?;
    if accreditation.standing().is_some_and(|standing| standing.effect == effect) {
        return Err(Refusal::Conflict("the accreditation is suspended with this effect".into()));
    }
    if accreditation.suspensions.len() >= MAXIMUM_SUSPENSIONS {
        return Err(Refusal::Conflict(format!(
            "the accreditation was suspended {MAXIMUM_SUSPENSIONS} times"
        )));
    }
    if let Some(last) = accreditation.suspensions.last_mut() {
        last.lifted.get_or_insert_with(|| placed.clone());
    }
    accreditation.suspensions.push(AccreditationSuspension { effect, placed, lifted: None });
    store(&mut call, &accreditation, "AccreditationSuspended")
}

fn effect(fields: &Object<'_>, report: &mut Report) -> Option<Effect> {
    match fields.required(report, "effect")?.one_of(report, &["newGrants", "allCertificates"])? {
        "newGrants" => Some(Effect::NewGrants),
        _ => Some(Effect::AllCertificates),
    }
}

/// `accreditation:restore(body, schemeId, reason)`: an accreditor or administrator of the accreditation body.
pub async fn restore<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.accreditor()?;
    let names = ["body", "schemeId", "reason"];
    let [body, scheme_id, _] = call.arguments(names)?;
    let lifted = call.event(&call.fields(names, reason)?);
    let mut accreditation = existing(&mut call, body, scheme_id).await?;
    let Some(standing) = accreditation.suspensions.last_mut().filter(|last| last.lifted.is_none()) else {
        return Err(Refusal::Conflict("the accreditation is not suspended".into()));
    };
    call.not_before(standing.placed.effective_at)?;
    standing.lifted = Some(lifted);
    store(&mut call, &accreditation, "AccreditationRestored")
}

/// `accreditation:get(body, schemeId)`: anyone.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [body, scheme_id] = call.arguments(["body", "schemeId"])?;
    answer(&existing(&mut call, body, scheme_id).await?)
}

/// `accreditation:list()`: anyone.
pub async fn list<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [] = call.arguments([])?;
    let owner = call.accreditation_body.clone();
    answer(&call.records(keys::ACCREDITATION, |record| Accreditation::decode(record, &owner)).await?)
}

async fn existing<S: State>(
    call: &mut Call<'_, S>,
    body: &str,
    scheme_id: &str,
) -> Result<Accreditation, Refusal> {
    let key = keys::accreditation(body, scheme_id);
    let owner = call.accreditation_body.clone();
    let record = call.record(&key, |record| Accreditation::decode(record, &owner)).await?;
    record.ok_or_else(|| Refusal::Unknown(format!("{body} has no accreditation for {scheme_id}")))
}

fn store<S: State>(call: &mut Call<'_, S>, record: &Accreditation, event: &str) -> Result<Vec<u8>, Refusal> {
    call.state.put(&keys::accreditation(&record.body, &record.scheme_id), record.encode());
    call.emit(event, record)
}
