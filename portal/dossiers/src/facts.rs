//! What people are told of, as it follows from what the ledger says: each has a key, and so is told once.

use certificate::{Code, DateTime};
use desk::{Application, Certificate, Complaint, Event};
use letters::line;

const DAY: i64 = 24 * 60 * 60;
/// Days ahead of its end at which a certificate's company is told of it.
const BEFORE_THE_END: [i64; 3] = [7, 30, 60];
/// Days ahead of a surveillance.
const BEFORE_SURVEILLANCE: i64 = 30;

/// Something that happened, in words for the people of the company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What happened, by its transaction or its day.
    pub key: String,
    /// When, in seconds since 1970.
    pub at: i64,
    pub subject: String,
    pub body: String,
    /// The page about it.
    pub link: String,
    /// Where its public page and QR code belong into the mail.
    pub certificate: Option<String>,
    /// Whether a mail tells of it, too.
    pub is_mailed: bool,
}

/// What the body did with an application, the oldest first. What its company did itself, it knows.
pub fn of_application(application: &Application) -> Vec<Fact> {
    let title = line(&application.title);
    let link = format!("/applications/{}", application.application);
    let mut facts = Vec::new();
    for step in &application.steps {
        let Some(at) = seconds(&step.event.effective_at) else { continue };
        let (by, why) = (line(&step.event.by), said(&step.event));
        let (subject, body, is_mailed) = match step.step.as_str() {
            "return" => (
                "More is asked for",
                format!(
                    "{by} looked at your application for {title} and asks for more.{why}\n\nWhat happens next: you correct \
                     what was asked for, and hand the application in again."
                ),
                true,
            ),
            "accept" => (
                "Accepted for evaluation",
                format!(
                    "Your application for {title} is complete: {by} accepted it for evaluation.\n\nWhat happens next: \
                     laboratories anchor their reports, and the product is evaluated. You need to do nothing."
                ),
                true,
            ),
            "refuse" => (
                "Refused",
                format!(
                    "{by} refused your application for {title}.{why}\n\nWhat happens next: nothing. You may appeal to the \
                     certification body, or apply anew."
                ),
                true,
            ),
            "grant" => (
                "Granted",
                format!(
                    "{by} granted the certificate for {title}.\n\nWhat happens next: everybody who scans the QR code sees \
                     that the certificate holds. Print it on the product or its papers."
                ),
                true,
            ),
            "evaluate" => (
                "Evaluated",
                format!(
                    "Your application for {title} was evaluated.\n\nWhat happens next: a reviewer looks at the evaluation."
                ),
                false,
            ),
            "review" => (
                "Reviewed",
                format!("The evaluation of {title} was reviewed.\n\nWhat happens next: it is decided on."),
                false,
            ),
            "decide" => (
                "Decided",
                format!(
                    "It was decided to grant the certificate for {title}.\n\nWhat happens next: it is signed and granted."
                ),
                false,
            ),
            _ => continue,
        };
        let granted = application.decision.as_ref().filter(|_| step.step == "grant");
        facts.push(Fact {
            key: format!("{} {} {}", application.body, application.application, step.event.transaction_id),
            at,
            subject: format!("{subject}: {title}"),
            body,
            link: link.clone(),
            certificate: granted.and_then(|it| code(&it.certificate)),
            is_mailed,
        });
    }
    facts
}

/// What became of a company's complaint, the oldest first.
pub fn of_complaint(body: &str, complaint: &Complaint) -> Vec<Fact> {
    let kind = if complaint.kind == "appeal" { "appeal" } else { "complaint" };
    let fact = |step: &desk::ComplaintStep| {
        let by = line(&step.event.by);
        let (subject, did, next, is_mailed) = match step.state.as_str() {
            "filed" => (
                "Filed",
                format!("{by} filed your {kind} on the ledger, by the hash of what you wrote."),
                "the certification body says that it received it, and who looks into it.",
                false,
            ),
            "acknowledged" => (
                "Acknowledged",
                format!("{by} received your {kind}.{}", said(&step.event)),
                "somebody who had no part in the case decides.",
                true,
            ),
            "upheld" => (
                "Upheld",
                format!("{by} upheld your {kind}.{}", said(&step.event)),
                "what follows from it is done apart: ask the certification body.",
                true,
            ),
            "dismissed" => (
                "Dismissed",
                format!("{by} dismissed your {kind}.{}", said(&step.event)),
                "nothing. You may turn to the accreditation body.",
                true,
            ),
            "withdrawn" => (
                "Withdrawn",
                format!("{by}, which had filed your {kind}, withdrew it.{}", said(&step.event)),
                "nothing. If you did not ask for it, write again, or turn to the accreditation body.",
                true,
            ),
            _ => return None,
        };
        Some(Fact {
            key: format!("{body} {} {}", complaint.complaint, step.event.transaction_id),
            at: seconds(&step.event.effective_at)?,
            subject: format!("{subject}: your {kind}"),
            body: format!("{did}\n\nWhat happens next: {next}"),
            link: "/complaints".to_owned(),
            certificate: None,
            is_mailed,
        })
    };
    complaint.steps.iter().filter_map(fact).collect()
}

/// What became of a certificate up to `now`, and what is ahead of it.
pub fn of_certificate(found: &Certificate, title: &str, now: i64) -> Vec<Fact> {
    let title = line(title);
    let name = format!("{} {}", found.body, found.certificate);
    let fact = |what: String, at: i64, subject: &str, body: String| Fact {
        key: format!("{name} {what}"),
        at,
        subject: format!("{subject}: {title}"),
        body,
        link: "/certificates".to_owned(),
        certificate: code(&found.certificate),
        is_mailed: true,
    };
    let mut facts = Vec::new();
    let mut happened = |event: &Event, subject: &str, did: &str, next: &str| {
        let Some(at) = seconds(&event.effective_at) else { return };
        let body = format!(
            "{} {did} the certificate for {title}.{}\n\nWhat happens next: {next}",
            line(&event.by),
            said(event)
        );
        facts.push(fact(event.transaction_id.clone(), at, subject, body));
    };
    for suspension in &found.suspensions {
        let next = "until the suspension is lifted, everybody who scans the QR code reads that the certificate does not hold.";
        happened(&suspension.placed, "Suspended", "suspended", next);
        if let Some(lifted) = &suspension.lifted {
            let next = "the certificate holds again, unless another reason stands on its public page.";
            happened(lifted, "Suspension lifted", "lifted the suspension of", next);
        }
    }
    for withdrawn in &found.withdrawals {
        let next = "this is final. Everybody who scans the QR code reads that the certificate does not hold.";
        happened(withdrawn, "Withdrawn", "withdrew", next);
    }
    if let Some(superseded) = &found.superseded {
        let next = "the later certificate counts. Whoever scans the QR code of the old one reads so.";
        happened(superseded, "Superseded", "superseded", next);
    }
    facts.extend(follows(found, &title, &fact));
    let is_over = !found.withdrawals.is_empty() || found.superseded.is_some();
    if !is_over {
        facts.extend(ahead(found, &title, now, &fact));
    }
    facts
}

/// Why it does not hold any more though nobody did anything with it.
fn follows(found: &Certificate, title: &str, fact: &impl Fn(String, i64, &str, String) -> Fact) -> Vec<Fact> {
    let of = |reason: &desk::Reason| {
        let why = match reason.cause.as_str() {
            "accreditationSuspended" => "the accreditation of its body is suspended",
            "issuerKeyCompromised" => "the key that signed it is compromised",
            "surveillanceOverdue" => "its surveillance is overdue",
            "expired" => "its term is over",
            _ => return None,
        };
        let next = match reason.cause.as_str() {
            "expired" => "apply for another certificate where the product is still made.",
            "surveillanceOverdue" => {
                "the certificate holds again when its body has recorded the surveillance: ask for it."
            }
            _ => "the certification body has to act; ask it.",
        };
        let at = seconds(&reason.since)?;
        let body = format!(
            "The certificate for {title} does not hold any more: {why}, since {}.\n\nWhat happens next: {next}",
            day(&reason.since)
        );
        Some(fact(format!("{} {}", reason.cause, reason.since), at, "Does not hold", body))
    };
    found.verdict.reasons.iter().filter_map(of).collect()
}

/// What is near: its end, and the next surveillance.
fn ahead(
    found: &Certificate,
    title: &str,
    now: i64,
    fact: &impl Fn(String, i64, &str, String) -> Fact,
) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(end) = seconds(&found.valid_until).filter(|end| now < *end) {
        // Of several days that have passed, the last: who is told of thirty days needs not be told of sixty.
        let passed = |days: &i64| end.saturating_sub(days.saturating_mul(DAY)) <= now;
        if let Some(days) = BEFORE_THE_END.into_iter().find(passed) {
            let body = format!(
                "The certificate for {title} ends on {}.\n\nWhat happens next: where the product is still made, apply for \
                 another certificate now, so that it is there in time.",
                day(&found.valid_until)
            );
            let at = end.saturating_sub(days.saturating_mul(DAY));
            facts.push(fact(format!("ends {} {days}", found.valid_until), at, "Ends soon", body));
        }
    }
    let Some((due, at)) = found.surveillance_due.as_deref().and_then(|due| Some((due, seconds(due)?))) else {
        return facts;
    };
    let told_at = at.saturating_sub(BEFORE_SURVEILLANCE.saturating_mul(DAY));
    if told_at <= now && now < at {
        let body = format!(
            "The surveillance of the certificate for {title} is due on {}.\n\nWhat happens next: agree with the certification \
             body when it takes place.",
            day(due)
        );
        facts.push(fact(format!("surveillance {due}"), told_at, "Surveillance is due", body));
    } else if at <= now {
        let body = format!(
            "The surveillance of the certificate for {title} was due on {}, and is not recorded.\n\nWhat happens next: without it \
             the certificate will not hold any more, or does not by now. Ask the certification body.",
            day(due)
        );
        facts.push(fact(format!("overdue {due}"), at, "Surveillance is overdue", body));
    }
    facts
}

/// What was said about it, where something was.
fn said(event: &Event) -> String {
    match line(&event.reason) {
        reason if reason.is_empty() => String::new(),
        reason => format!("\n\nIt says: {reason}"),
    }
}

fn seconds(time: &str) -> Option<i64> {
    DateTime::parse(time).map(DateTime::seconds)
}

fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

fn code(text: &str) -> Option<String> {
    text.parse::<Code>().ok().map(|code| code.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use serde_json::{Value, json};

    use super::*;

    fn event(transaction: &str, at: &str, reason: &str) -> Value {
        json!({"effectiveAt": at, "by": "CertBodyMSP", "reason": reason, "transactionId": transaction})
    }

    fn certificate(more: Value) -> Certificate {
        let mut found = json!({
            "certificate": "01040G2081840R2081040G2081S", "body": "CertBodyMSP", "validFrom": "2026-01-01T00:00:00Z",
            "validUntil": "2029-01-01T00:00:00Z", "issued": event("t0", "2026-01-01T00:00:00Z", ""),
            "verdict": {"result": "valid", "reasons": []}, "document": {}, "suspensions": [], "withdrawals": [],
        });
        found.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(found).unwrap()
    }

    fn subjects(found: &Certificate, now: &str) -> Vec<String> {
        let facts = of_certificate(found, "Zinc oxide", seconds(now).unwrap());
        facts.iter().map(|fact| fact.subject.split(':').next().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_certificates_end_is_told_of_three_times() {
        let found = certificate(json!({}));
        let key = |now: &str| {
            let facts = of_certificate(&found, "Zinc oxide", seconds(now).unwrap());
            facts.first().map(|fact| fact.key.rsplit(' ').next().unwrap().to_owned())
        };
        for (now, days) in [
            ("2028-11-01T00:00:00Z", None),
            ("2028-11-02T00:00:00Z", Some("60")),
            ("2028-12-01T23:59:59Z", Some("60")),
            ("2028-12-02T00:00:00Z", Some("30")),
            ("2028-12-25T00:00:00Z", Some("7")),
            ("2029-01-01T00:00:00Z", None),
        ] {
            assert_eq!(key(now).as_deref(), days, "{now}");
        }
    }

    #[test]
    fn what_was_done_with_a_certificate_is_told_by_its_transactions() {
        let placed = event("t1", "2026-02-01T00:00:00Z", "Complaint\r\nBcc: x");
        let lifted = event("t2", "2026-03-01T00:00:00Z", "");
        let mut more = json!({"suspensions": [{"placed": placed, "lifted": lifted}], "surveillanceDue": "2026-04-20T00:00:00Z"});
        let found = certificate(more.clone());
        assert_eq!(subjects(&found, "2026-03-02T00:00:00Z"), ["Suspended", "Suspension lifted"]);
        assert_eq!(subjects(&found, "2026-04-01T00:00:00Z").last().unwrap(), "Surveillance is due");
        assert_eq!(subjects(&found, "2026-04-21T00:00:00Z").last().unwrap(), "Surveillance is overdue");
        let facts = of_certificate(&found, "Zinc oxide", 0);
        assert_eq!(facts.first().unwrap().key, "CertBodyMSP 01040G2081840R2081040G2081S t1");
        assert!(facts.first().unwrap().body.contains("It says: Complaint Bcc: x\n"));

        // Of what is withdrawn, no dates are told any more.
        more["withdrawals"] = json!([event("t3", "2026-04-01T00:00:00Z", "fraud")]);
        more["verdict"] = json!({"result": "notValid", "reasons": [{"cause": "withdrawn", "since": "2026-04-01T00:00:00Z"}]});
        let told = subjects(&certificate(more), "2026-04-21T00:00:00Z");
        assert_eq!(told, ["Suspended", "Suspension lifted", "Withdrawn"]);
    }

    #[test]
    fn a_certificate_that_ceases_to_hold_by_itself_is_told_of() {
        let reasons = json!([{"cause": "accreditationSuspended", "since": "2026-04-01T00:00:00Z", "by": "A", "why": "x"}]);
        let found = certificate(json!({"verdict": {"result": "notValid", "reasons": reasons}}));
        assert_eq!(subjects(&found, "2026-04-21T00:00:00Z"), ["Does not hold"]);
    }

    #[test]
    fn a_product_with_lines_in_its_name_writes_one_line() {
        let steps: Vec<Value> = ["submit", "return", "complete", "accept", "evaluate", "refuse"]
            .into_iter()
            .enumerate()
            .map(|(at, step)| {
                let mut taken = event(&at.to_string(), "2026-01-31T12:00:00Z", "Which batch?");
                taken["step"] = json!(step);
                taken
            })
            .collect();
        let application: Application = serde_json::from_value(json!({
            "application": "68S34CHJ689348HJ68S34CHJ688", "body": "CertBodyMSP", "applicant": "IndustryMSP",
            "title": "Zinc\r\nBcc: all@example.com\r\n\r\n\u{202e}<b>", "schemeId": "S", "schemeVersion": "1",
            "dossier": "sha256:0", "state": "refused", "steps": steps,
        }))
        .unwrap();
        let facts = of_application(&application);
        let told: Vec<(&str, bool)> =
            facts.iter().map(|it| (it.subject.split(':').next().unwrap(), it.is_mailed)).collect();
        let expected = [
            ("More is asked for", true),
            ("Accepted for evaluation", true),
            ("Evaluated", false),
            ("Refused", true),
        ];
        assert_eq!(told, expected);
        for fact in facts {
            assert!(fact.subject.ends_with(": Zinc Bcc: all@example.com <b>"), "{}", fact.subject);
            assert!(!fact.body.contains(['\r', '\u{202e}']), "{}", fact.body);
        }
    }
}
