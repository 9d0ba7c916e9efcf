//! Logs that are kept elsewhere: where they stood at a time, so that they cannot be changed unseen.

use super::call::{Call, answer, line, put_of_both, text_that};
use crate::document::identifiers::is_sha256;
use crate::document::report::{Object, Report};
use crate::duty::Duty;
use crate::keys;
use crate::record::{Anchor, MAXIMUM_LOG_NAME};
use crate::refusal::{Refusal, Violation};
use crate::state::State;

/// Counts are JSON numbers in answers; up to there every reader has them exactly (RFC 8259, 6).
const MAXIMUM_COUNT: u64 = (1 << 53) - 1;

/// `audit:anchor(log, head, count)`: an auditor, administrator or service of any organisation, for a log of its own.
pub async fn anchor<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.on_duty_or_admin(&[Duty::Auditor, Duty::Service])?;
    let (log, head, count) = call.fields(["log", "head", "count"], anchored)?;
    let key = keys::anchor(&call.state.creator().msp_id.clone(), &log);
    if let Some(before) = call.record(&key, Anchor::decode).await?.filter(|before| count <= before.count) {
        let rule = format!("must be more than {}, the entries at the last anchor", before.count);
        return Err(Refusal::Rules(vec![Violation::new("/count", &count.to_string(), &rule)]));
    }
    let body = call.ledger().await?.body;
    let anchor = Anchor { log, head, count, anchored: call.event("") };
    put_of_both(&mut call, &key, anchor.encode(), &body);
    call.emit("LogAnchored", &anchor)
}

/// `audit:get(organisation, log)`: anyone; the newest anchor.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [organisation, log] = call.arguments(["organisation", "log"])?;
    let anchor = call.record(&keys::anchor(organisation, log), Anchor::decode).await?;
    answer(&anchor.ok_or_else(|| Refusal::Unknown(format!("{organisation} has anchored no log {log}")))?)
}

fn anchored(fields: &Object<'_>, report: &mut Report) -> Option<(String, String, u64)> {
    let log = line(fields, "log", MAXIMUM_LOG_NAME, report);
    let rule = "must be a SHA-256, 64 lower-case hex digits";
    let head = text_that(fields, "head", is_sha256, rule, report);
    let is_count = |text: &str| count(text).is_some();
    let rule = "must be a whole number without sign, such as 17";
    let count = text_that(fields, "count", is_count, rule, report).and_then(|text| count(&text));
    Some((log?, head?, count?))
}

/// In one spelling alone.
fn count(text: &str) -> Option<u64> {
    text.parse().ok().filter(|count: &u64| *count <= MAXIMUM_COUNT && count.to_string() == text)
}
