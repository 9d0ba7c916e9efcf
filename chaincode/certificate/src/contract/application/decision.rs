//! The decision on an application, and the grant that follows a positive one (ISO/IEC 17065, 7.6 and 7.7).

use super::{enter, record, take};
use crate::canonical::from_canonical;
use crate::contract::call::{Call, put_of_both, reason};
use crate::contract::issue::{Basis, store};
use crate::contract::rules::{self, Background, DECISION_DAYS};
use crate::date_time::DateTime;
use crate::document::{Document, check_unsigned};
use crate::keys;
use crate::proof;
use crate::record::{Act, Application, ApplicationState, Decision, Hold, Reservation, Scheme, Status};
use crate::refusal::{Refusal, Violation};
use crate::state::State;
use crate::transition::{DECIDE, GRANT, REFUSE, REFUSE_BY_DECISION};

/// Seconds by which a document's decision date may differ from the decision's transaction.
const DECISION_TOLERANCE: i64 = 24 * 60 * 60;

/// `application:refuse(application, reason)`: before the evaluation, or by a decision; final. What a decision reserved
/// is free again.
pub async fn refuse<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let names = ["application", "reason"];
    let [id, _] = call.arguments(names)?;
    let why = call.fields(names, reason)?;
    let (application, transition) = enter(&mut call, id, &[&REFUSE, &REFUSE_BY_DECISION]).await?;
    if application.state != ApplicationState::Submitted {
        check_reviewer(&mut call, &application).await?;
    }
    release(&mut call, &application);
    take(&mut call, application, transition, Act::Refuse, &why)
}

/// `application:decide(application, document)`: to grant this very document, which is signed afterwards. A decision that is too
/// old to be granted is taken anew, and what the former reserved is free again.
pub async fn decide<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [id, text] = call.arguments(["application", "document"])?;
    let (application, transition) = enter(&mut call, id, &[&DECIDE]).await?;
    check_reviewer(&mut call, &application).await?;
    let document = check_unsigned(text.as_bytes()).map_err(Refusal::Rules)?;
    let background = Background::read(&mut call, &application.body, &document, None).await?;
    background.check_code_is_free_for(document.code, Some(application.application))?;
    let (category, now) = (application.category.as_deref(), call.state.timestamp());
    let mut found = background.violations(&document, category, call.state.channel_id(), now);
    found.extend(of_application(&application, &document, call.state.timestamp()));
    if !found.is_empty() {
        return Err(Refusal::Rules(found));
    }
    let decision = Decision {
        certificate: document.code,
        document: hash_of(text)?,
        status_list: document.status.list,
        status_index: document.status.index,
    };
    release(&mut call, &application);
    hold(&mut call, &application, &decision, true);
    let application = Application { decision: Some(decision), ..application };
    take(&mut call, application, transition, Act::Decide, "")
}

/// What the application says of the document.
fn of_application(application: &Application, document: &Document, now: DateTime) -> Vec<Violation> {
    let mut found = Vec::new();
    let scheme = &document.scheme;
    if (&scheme.id, &scheme.version) != (&application.scheme_id, &application.scheme_version) {
        let rule = format!("must be {} version {}", application.scheme_id, application.scheme_version);
        let value = format!("{} version {}", scheme.id, scheme.version);
        found.push(Violation::new("/credentialSubject/scheme", &value, &rule));
    }
    if document.decided.seconds().abs_diff(now.seconds()) > DECISION_TOLERANCE.unsigned_abs() {
        let rule = format!("must be within a day of the transaction's timestamp {now}");
        let decided = document.decided.to_string();
        found.push(Violation::new("/credentialSubject/decisionDate", &decided, &rule));
    }
    for (index, hash) in document.reports.iter().enumerate() {
        if !application.reports().any(|report| report.sha256 == *hash) {
            let pointer = format!("/credentialSubject/testReports/{index}/sha256");
            let rule = "must be of a report that a laboratory anchored in the application";
            found.push(Violation::new(&pointer, hash, rule));
        }
    }
    found
}

/// Where the scheme asks for it, who reviewed does not decide.
async fn check_reviewer<S: State>(call: &mut Call<'_, S>, application: &Application) -> Result<(), Refusal> {
    let key = keys::scheme(&application.scheme_id, &application.scheme_version);
    let [scheme] = call.registered([&key]).await?;
    let scheme = scheme.as_ref().map(Scheme::decode).transpose()?;
    let person = call.state.creator().person.clone().unwrap_or_default();
    let reviewed = application.was_taken_by(&person, |act| *act == Act::Review);
    if reviewed && scheme.is_none_or(|scheme| !scheme.reviewer_may_decide) {
        let text = format!("the scheme takes a decision-maker who did not review it, {person} did");
        return Err(Refusal::Forbidden(text));
    }
    Ok(())
}

/// `certificate:grant(application, document)`: the document that was decided on, signed; writes what an issue writes.
pub async fn grant<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [id, text] = call.arguments(["application", "document"])?;
    let (mut application, transition) = enter(&mut call, id, &[&GRANT]).await?;
    let signed = call.state.check_signed(text.as_bytes()).map_err(Refusal::Rules)?;
    check_decided(&application, &hash_of(text)?, call.state.timestamp())?;
    let (document, key) = (&signed.document, &signed.proof.public_key);
    let background = Background::read(&mut call, &application.body, document, Some(key)).await?;
    background.check_is_not_issued(document.code)?;
    let (category, now) = (application.category.as_deref(), call.state.timestamp());
    let mut found = background.violations(document, category, call.state.channel_id(), now);
    found.extend(rules::fresh(document, call.state.timestamp()));
    found.extend(background.issuer_violations(&signed));
    if !found.is_empty() {
        return Err(Refusal::Rules(found));
    }
    record(&mut call, &mut application, transition, Act::Grant, "");
    let basis = Basis {
        surveillance: background.surveillance(),
        application: Some(application.application),
        category: application.category,
    };
    store(&mut call, &application.body, document, text, basis)
}

/// The document is the one decided on, and the decision is not stale.
fn check_decided(application: &Application, hash: &str, now: DateTime) -> Result<(), Refusal> {
    let decided = application.steps.iter().rev().find(|step| step.act == Act::Decide);
    let (Some(decision), Some(decided)) = (&application.decision, decided) else {
        return Err(Refusal::Ledger("the application is decided without a decision".into()));
    };
    if decision.document != hash {
        let rule = format!(
            "must be the document that was decided on, whose hash without proof is {}",
            decision.document
        );
        return Err(Refusal::Rules(vec![Violation::new("", &format!("of the hash {hash}"), &rule)]));
    }
    let at = decided.event.effective_at;
    if at.plus_days(DECISION_DAYS) < now {
        return Err(Refusal::Conflict(format!("the decision of {at} is more than {DECISION_DAYS} days old")));
    }
    Ok(())
}

/// Frees the code and the status list position that a decision reserved, if there is one.
pub fn release<S: State>(call: &mut Call<'_, S>, application: &Application) {
    if let Some(decision) = &application.decision {
        hold(call, application, decision, false);
    }
}

fn hold<S: State>(call: &mut Call<'_, S>, application: &Application, decision: &Decision, stands: bool) {
    let reservation = Reservation { application: application.application, stands };
    put_of_both(call, &keys::reservation(decision.certificate), reservation.encode(), &application.body);
    let hold = if stands { Hold::Reserved } else { Hold::Released };
    let status = Status { certificate: decision.certificate, hold };
    let key = keys::status(&application.body, decision.status_list, decision.status_index);
    put_of_both(call, &key, status.encode(), &application.body);
}

/// As the cryptosuite hashes the document, with or without a proof.
fn hash_of(text: &str) -> Result<String, Refusal> {
    let broken = |error: String| Refusal::Ledger(format!("the document cannot be hashed: {error}"));
    let document = from_canonical(text.as_bytes()).map_err(|error| broken(error.to_string()))?;
    let hash = proof::document_hash(&document).map_err(|error| broken(error.to_string()))?;
    Ok(format!("sha256:{}", hex::encode(hash)))
}
