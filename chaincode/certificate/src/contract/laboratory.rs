//! Laboratories whose test reports count: the accreditation body's own affair, like accreditations.

use super::call::{Call, TERM, answer, lines, msp_id, next_term, reason, term};
use crate::document::report::{Object, Report};
use crate::keys;
use crate::record::{
    Former, FormerTerm, Laboratory, MAXIMUM_METHODS, MAXIMUM_RENEWALS, MAXIMUM_SUSPENSIONS, Suspension, Term,
    is_full,
};
use crate::refusal::Refusal;
use crate::state::{KeyPolicy, State};

struct Registration {
    organisation: String,
    methods: Vec<String>,
    term: Term,
}

/// `laboratory:register(request)`: an accreditor or administrator of the accreditation body.
pub async fn register<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.accreditor()?;
    let members = ["organisation", "number", "methods", "validFrom", "validUntil"];
    let Registration { organisation, methods, term } = call.request(&members, registration)?;
    let key = keys::laboratory(&organisation);
    if call.record(&key, Laboratory::decode).await?.is_some() {
        return Err(Refusal::Conflict(format!("{organisation} is registered as a laboratory")));
    }
    let registered = call.event("");
    let laboratory = Laboratory {
        organisation,
        methods,
        term,
        registered,
        suspensions: Vec::new(),
        former_scopes: Vec::new(),
        former_terms: Vec::new(),
    };
    call.state.set_policy(&key, &KeyPolicy::all(&[&call.accreditation_body]));
    store(&mut call, &laboratory, "LaboratoryRegistered")
}

fn registration(request: &Object<'_>, report: &mut Report) -> Option<Registration> {
    let organisation = msp_id(request, "organisation", report);
    let methods = lines(request, "methods", MAXIMUM_METHODS, report);
    let term = term(request, report);
    Some(Registration { organisation: organisation?, methods: methods?, term: term? })
}

/// `laboratory:renew(organisation, term, reason)`: an accreditor or administrator of the accreditation body. The terms before cover
/// the reports of their time.
pub async fn renew<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.accreditor()?;
    let names = ["organisation", "term", "reason"];
    let [organisation, text, _] = call.arguments(names)?;
    let why = call.fields(names, reason)?;
    let mut laboratory = existing(&mut call, organisation).await?;
    let next = call.json(text, &TERM, next_term(&laboratory.term))?;
    if laboratory.former_terms.len() >= MAXIMUM_RENEWALS {
        return Err(Refusal::Conflict(format!("the laboratory was renewed {MAXIMUM_RENEWALS} times")));
    }
    let term = std::mem::replace(&mut laboratory.term, next);
    laboratory.former_terms.push(FormerTerm { term, renewed: call.event(&why) });
    store(&mut call, &laboratory, "LaboratoryRenewed")
}

/// `laboratory:changeScope(organisation, scope, reason)`: an accreditor or administrator of the accreditation body; other
/// methods from now on. Reports of a day count by the methods of that day.
pub async fn change_scope<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.accreditor()?;
    let names = ["organisation", "scope", "reason"];
    let [organisation, text, _] = call.arguments(names)?;
    let why = call.fields(names, reason)?;
    let read = |fields: &Object<'_>, report: &mut Report| lines(fields, "methods", MAXIMUM_METHODS, report);
    let methods = call.json(text, &["methods"], read)?;
    let mut laboratory = existing(&mut call, organisation).await?;
    if methods == laboratory.methods {
        return Err(Refusal::Conflict("the laboratory has these methods".into()));
    }
    if let Some(last) = laboratory.former_scopes.last() {
        call.not_before(last.ended.effective_at)?;
    }
    let former = std::mem::replace(&mut laboratory.methods, methods);
    laboratory.former_scopes.push(Former { scope: former, ended: call.event(&why) });
    if is_full(&laboratory.former_scopes, &laboratory.encode()) {
        return Err(Refusal::Conflict("the laboratory has no room for another change of scope".into()));
    }
    store(&mut call, &laboratory, "LaboratoryScopeChanged")
}

/// `laboratory:suspend(organisation, reason)`: an accreditor or administrator of the accreditation body. Until it is
/// restored, the laboratory anchors no report; those that it anchored stand.
pub async fn suspend<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let (mut laboratory, why) = of_arguments(&mut call).await?;
    if laboratory.standing().is_some() {
        return Err(Refusal::Conflict("the laboratory is suspended".into()));
    }
    if laboratory.suspensions.len() >= MAXIMUM_SUSPENSIONS {
        let text = format!("the laboratory was suspended {MAXIMUM_SUSPENSIONS} times");
        return Err(Refusal::Conflict(text));
    }
    laboratory.suspensions.push(Suspension { placed: call.event(&why), lifted: None });
    store(&mut call, &laboratory, "LaboratorySuspended")
}

/// `laboratory:restore(organisation, reason)`: an accreditor or administrator of the accreditation body.
pub async fn restore<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let (mut laboratory, why) = of_arguments(&mut call).await?;
    let Some(standing) = laboratory.suspensions.last_mut().filter(|last| last.lifted.is_none()) else {
        return Err(Refusal::Conflict("the laboratory is not suspended".into()));
    };
    call.not_before(standing.placed.effective_at)?;
    standing.lifted = Some(call.event(&why));
    store(&mut call, &laboratory, "LaboratoryRestored")
}

/// The laboratory that the call is about, and why.
async fn of_arguments<S: State>(call: &mut Call<'_, S>) -> Result<(Laboratory, String), Refusal> {
    call.accreditor()?;
    let names = ["organisation", "reason"];
    let [organisation, _] = call.arguments(names)?;
    let why = call.fields(names, reason)?;
    Ok((existing(call, organisation).await?, why))
}

/// `laboratory:get(organisation)`: anyone.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [organisation] = call.arguments(["organisation"])?;
    answer(&existing(&mut call, organisation).await?)
}

/// `laboratory:list()`: anyone.
pub async fn list<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [] = call.arguments([])?;
    answer(&call.records(keys::LABORATORY, Laboratory::decode).await?)
}

async fn existing<S: State>(call: &mut Call<'_, S>, organisation: &str) -> Result<Laboratory, Refusal> {
    let record = call.record(&keys::laboratory(organisation), Laboratory::decode).await?;
    record.ok_or_else(|| Refusal::Unknown(format!("{organisation} is not registered as a laboratory")))
}

fn store<S: State>(call: &mut Call<'_, S>, record: &Laboratory, event: &str) -> Result<Vec<u8>, Refusal> {
    call.state.put(&keys::laboratory(&record.organisation), record.encode());
    call.emit(event, record)
}
