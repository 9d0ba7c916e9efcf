//! Applications: drafts, the way to the ledger, and where each stands.

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use certificate::DateTime;
use desk::Step;
use dossiers::{
    store::{Act, Acted, DRAFTS, Dossier, Indexed, NewAct, Saved, Stage},
    work::{Position, Ready, Submission, is_over, reason_of},
};
use serde_json::{Map, Value, json};

use crate::{
    BASE,
    call::{self, Answer, Call, Done, Head, invalid},
    cursor,
    document::{document, errors, fields_of},
    once::Run,
    problem::Problem,
};

pub async fn list(head: Head) -> Answer {
    let wanted = cursor::wanted(&head, cursor::is_seconds)?;
    let after = wanted.after.as_ref().map(|(at, id)| (at.parse().unwrap_or(i64::MAX), id.as_str()));
    let scope = head.dossiers();
    let page = scope.page(&head.site.database, after, wanted.limit).await?;
    let mut shown = Vec::new();
    for (id, _) in &page {
        if let Some(dossier) = scope.one(&head.site.database, id).await? {
            shown.push(summary_of(&head, &dossier).await?);
        }
    }
    let last = page.last().map(|(id, at)| (at.to_string(), id.as_str()));
    let next = cursor::next(page.len(), wanted.limit, last);
    Ok(call::json(&json!({"applications": shown, "next": next})))
}

/// An application in short, by the index.
async fn summary_of(head: &Head, dossier: &Dossier) -> Result<Value, Problem> {
    let known = head.work().indexed(dossier).await?;
    let acts = head.dossiers().acts(&head.site.database, &dossier.id).await?;
    Ok(Value::Object(summary(dossier, known.as_ref(), Stage::of(&acts, known.as_ref()))))
}

fn summary(dossier: &Dossier, known: Option<&Indexed>, stage: Stage) -> Map<String, Value> {
    let state = match (stage, known) {
        (Stage::Draft, _) => "draft",
        (Stage::Waiting, _) => "waiting",
        (_, Some(known)) => &known.state,
        (_, None) => "submitted",
    };
    let question = known.filter(|it| it.state == "returned").map(|it| it.reason.as_str());
    let certificate = known.filter(|it| it.state == "granted").and_then(|it| it.certificate.as_deref());
    let members = json!({
        "id": dossier.id,
        "title": dossier.title(),
        "state": state,
        "version": dossier.version,
        "body": dossier.body(),
        "changedAt": moment(dossier.changed_at),
        "editable": stage.is_editable(),
        "question": question,
        "certificate": certificate,
    });
    members.as_object().cloned().unwrap_or_default()
}

fn moment(seconds: i64) -> String {
    DateTime::from_seconds(seconds).to_string()
}

fn link(id: &str) -> String {
    format!("{BASE}/applications/{id}")
}

fn etag(dossier: &Dossier) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("\"{}\"", dossier.version)).ok()
}

/// Begins a draft with a document.
pub async fn create(call: Call) -> Answer {
    call.once(async |call, run| {
        let head = &call.head;
        head.queried([])?;
        let (fields, left) = fields_of(call)?;
        let fields = head.work().begun_with(fields).await?;
        let mut change = head.change().await?;
        let Some(id) = head.dossiers().create(&mut change, &fields, head.now).await? else {
            let detail =
                format!("Your company has {DRAFTS} drafts, and may not have more: discard one first.");
            return Err(Problem::conflict("too-many-drafts", detail));
        };
        let body = json!({"id": id, "version": 1, "state": "draft", "leftOut": left});
        let done = Done { status: StatusCode::CREATED, location: Some(link(&id)), body: body.to_string() };
        done.commit(change, &head.entry("draft begun", &id, "done"), run).await
    })
    .await
}

/// With every step that the ledger has, each with its transaction.
pub async fn one(head: Head) -> Answer {
    head.queried([])?;
    let dossier = head.dossier().await?;
    let Position { live, known, away } = head.work().position(&dossier).await?;
    let acts = head.dossiers().acts(&head.site.database, &dossier.id).await?;
    let stage = Stage::of(&acts, known.as_ref());
    let mut shown = summary(&dossier, known.as_ref(), stage);
    let steps = live.iter().flat_map(|it| &it.steps).map(step).collect::<Vec<_>>();
    let mut put = |name: &str, value: Value| drop(shown.insert(name.to_owned(), value));
    put("document", document(&dossier.fields));
    put("steps", steps.into());
    put("calls", acts.iter().map(act).collect());
    put("away", away.filter(|_| stage != Stage::Draft).into());
    let mut response = call::json(&Value::Object(shown));
    if let Some(etag) = etag(&dossier) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    Ok(response)
}

fn step(step: &Step) -> Value {
    json!({
        "step": step.step,
        "at": step.event.effective_at,
        "by": step.event.by,
        "reason": step.event.reason,
        "transactionId": step.event.transaction_id,
    })
}

/// A call of the contract on its way, or what came of it.
fn act(act: &Act) -> Value {
    json!({
        "step": act.step,
        "state": act.state,
        "since": moment(act.created_at),
        "tries": act.tries,
        "said": act.said,
        "transactionId": act.transaction_id,
        "block": act.block,
    })
}

/// Replaces what is written, of what is not on its way to the ledger and not decided on.
pub async fn update(call: Call) -> Answer {
    let head = &call.head;
    head.queried([])?;
    let dossier = head.dossier().await?;
    is_version_wanted(head, &dossier)?;
    let (fields, left) = fields_of(&call)?;
    if !head.work().stage(&dossier).await?.is_editable() {
        return Err(not_editable());
    }
    let mut change = head.change().await?;
    match head.dossiers().save(&mut change, &dossier, &fields, "", head.now).await? {
        Saved::Done => {}
        Saved::Nothing => return Err(Problem::not_found()),
        Saved::Waiting => return Err(not_editable()),
        Saved::Stale => return Err(stale()),
    }
    let version = dossier.version.saturating_add(1);
    let body = json!({"id": dossier.id, "version": version, "leftOut": left}).to_string();
    let done = Done { status: StatusCode::OK, location: None, body };
    done.commit(change, &head.entry("draft saved", &dossier.id, "done"), None).await
}

/// `If-Match` with the version that was read, where the client sends it.
fn is_version_wanted(head: &Head, dossier: &Dossier) -> Result<(), Problem> {
    let Some(wanted) = head.headers.get(header::IF_MATCH) else { return Ok(()) };
    let number = wanted.to_str().ok().and_then(|it| it.strip_prefix('"')).and_then(|it| it.strip_suffix('"'));
    let number = number.filter(|it| (1..=18).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_digit()));
    match number.and_then(|it| it.parse::<i64>().ok()) {
        None => Err(Problem::malformed("If-Match is the ETag of the application, such as \"3\".")),
        Some(number) if number == dossier.version => Ok(()),
        Some(_) => {
            let detail = "The application was changed since: read it again.";
            Err(Problem::new(StatusCode::PRECONDITION_FAILED, "changed-since", detail))
        }
    }
}

fn not_editable() -> Problem {
    Problem::conflict(
        "not-editable",
        "The application is on its way to the ledger, is decided on or is over.",
    )
}

fn stale() -> Problem {
    Problem::conflict("changed-meanwhile", "Something else was saved meanwhile: read the application again.")
}

pub async fn discard(head: Head) -> Answer {
    head.queried([])?;
    let dossier = head.dossier().await?;
    let mut change = head.change().await?;
    if !head.dossiers().discard(&mut change, &dossier.id).await? {
        return Err(Problem::conflict("handed-in", "What was handed in is not discarded: withdraw it."));
    }
    let done = Done { status: StatusCode::NO_CONTENT, location: None, body: String::new() };
    done.commit(change, &head.entry("draft discarded", &dossier.id, "done"), None).await
}

/// Every rule of the contract that the application breaks.
pub async fn validate(head: Head) -> Answer {
    head.queried([])?;
    let dossier = head.dossier().await?;
    let errors = errors(head.work().faults(&dossier).await?);
    let shown: Vec<Value> =
        errors.iter().map(|(pointer, detail)| json!({"pointer": pointer, "detail": detail})).collect();
    Ok(call::json(&json!({"valid": shown.is_empty(), "version": dossier.version, "errors": shown})))
}

/// What was handed in last, byte for byte as it was hashed.
pub async fn dossier(head: Head) -> Answer {
    head.queried([])?;
    let id = head.parameter("application");
    let found = head.dossiers().edition(&head.site.database, id).await?;
    let Some((content, _)) = found else {
        head.dossier().await?;
        return Err(Problem::conflict("not-handed-in", "Nothing of the application was handed in yet."));
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], content).into_response())
}

pub async fn submit(call: Call) -> Answer {
    call.once(async |call, run| hand_in(call, run, "submit").await).await
}

/// Hands in again what the body returned.
pub async fn complete(call: Call) -> Answer {
    call.once(async |call, run| hand_in(call, run, "complete").await).await
}

/// Hands in a change of what the body has.
pub async fn change(call: Call) -> Answer {
    call.once(async |call, run| hand_in(call, run, "change").await).await
}

async fn hand_in(call: &Call, run: Option<&Run>, wanted: &'static str) -> Answer {
    let head = &call.head;
    head.queried([])?;
    let dossier = head.dossier().await?;
    let reason = match wanted {
        "change" if head.site.organisations.applicants().is_some() => Some(reason(call)?),
        _ => None,
    };
    let no_step = || {
        let detail =
            format!("The application cannot be handed in by {wanted} now: its state says what can be done.");
        Problem::conflict("state", detail)
    };
    let ready = match head.work().submission(&dossier, reason.as_deref()).await? {
        Submission::Ready(ready) if ready.step == wanted => ready,
        Submission::Ready(_) | Submission::Nothing => return Err(no_step()),
        Submission::NoApplicants => {
            let detail = "This portal has no organisation in whose name companies apply.";
            return Err(Problem::conflict("no-ledger", detail));
        }
        Submission::Faulty(faults) => {
            let detail = "The application breaks rules, and was not handed in: see errors.";
            return Err(Problem::conflict("faulty", detail).with_errors(errors(faults)));
        }
        Submission::Away => return Err(away()),
        Submission::Unchanged => {
            return Err(Problem::conflict("unchanged", "What is written is what the body has."));
        }
        Submission::NoReason => return Err(no_reason()),
    };
    let Ready { step, argument, content, hash } = &ready;
    let body = dossier.body().unwrap_or_default();
    let new = NewAct { application: &dossier.id, version: dossier.version, body, step, argument };
    ask(head, run, &new, Some((content, hash)), "application handed in").await
}

fn away() -> Problem {
    let detail = "The ledger does not say where the application stands. Nothing was sent: try again later.";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "away", detail)
}

fn no_reason() -> Problem {
    let rule = "must be a line of 1 to 500 characters; members of the ledger's channel read it";
    invalid(vec![("/reason".to_owned(), rule.to_owned())])
}

/// The member `reason` of the body, which has no other.
fn reason(call: &Call) -> Result<String, Problem> {
    let object = call.object()?;
    if let Some(other) = object.keys().find(|name| *name != "reason") {
        let pointer = format!("/{}", other.replace('~', "~0").replace('/', "~1"));
        return Err(invalid(vec![(pointer, "is not known here".to_owned())]));
    }
    let reason = object.get("reason").and_then(Value::as_str).and_then(reason_of);
    reason.map(str::to_owned).ok_or_else(no_reason)
}

/// Puts a call of the contract into the outbox.
async fn ask(
    head: &Head,
    run: Option<&Run>,
    new: &NewAct<'_>,
    edition: Option<(&str, &str)>,
    action: &'static str,
) -> Answer {
    let (scope, id) = (head.dossiers(), new.application);
    let mut change = head.change().await?;
    match scope.act(&mut change, new, head.now).await? {
        Acted::Done => {}
        Acted::Waiting => {
            return Err(Problem::conflict("waiting", "A call for the application waits already."));
        }
        Acted::Stale => return Err(stale()),
        Acted::Full => {
            let detail = "Your company has as many calls under way as it may have: wait until the ledger has taken them.";
            return Err(Problem::conflict("too-many-calls", detail));
        }
    }
    if let Some((content, hash)) = edition {
        scope.keep(&mut change, id, content, hash, head.now).await?;
    }
    let body = json!({"id": id, "state": "waiting", "step": new.step}).to_string();
    let done = Done { status: StatusCode::ACCEPTED, location: Some(link(id)), body };
    let answer = done.commit(change, &head.entry(action, id, "waiting"), run).await;
    head.site.acts.notify_one();
    answer
}

pub async fn withdraw(call: Call) -> Answer {
    call.once(async |call, run| {
        let head = &call.head;
        head.queried([])?;
        let dossier = head.dossier().await?;
        let known = head.work().indexed(&dossier).await?;
        if known.is_none_or(|known| is_over(&known.state)) {
            let detail = "What the ledger does not have, or what is over, is not withdrawn.";
            return Err(Problem::conflict("state", detail));
        }
        let reason = reason(call)?;
        let body = dossier.body().unwrap_or_default();
        let new = NewAct {
            application: &dossier.id,
            version: dossier.version,
            body,
            step: "withdraw",
            argument: &reason,
        };
        ask(head, run, &new, None, "withdrawal asked").await
    })
    .await
}
