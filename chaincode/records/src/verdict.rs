//! Whether a certificate holds at a given time; the one function that the contract and the public verifier
//! both ask.

use serde::Serialize;

use crate::code::Code;
use crate::date_time::DateTime;
use crate::event_log::{EventLog, Kind, Moment, Period};
use crate::record::SurveillanceRule;

/// What decides about one certificate.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    pub valid_from: DateTime,
    pub valid_until: DateTime,
    /// From when the issue counts.
    pub issued: DateTime,
    /// Whether the issue counts from within the term of the accreditation on which the certificate rests.
    pub within_accreditation: bool,
    /// What its scheme asks for.
    pub surveillance: Option<SurveillanceRule>,
    /// What was done to the certificate, to its accreditation and to the key that signed it: MSP id of who did it, and its log.
    pub logs: &'a [(&'a str, &'a EventLog)],
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "camelCase")]
pub enum Verdict {
    Valid,
    /// At least one reason, the weightiest first.
    NotValid {
        reasons: Vec<Reason>,
    },
    /// Nothing is known that stops the certificate, but not everything is known.
    CannotTell {
        /// MSP ids of the organisations of which a record cannot be read.
        unreadable: Vec<String>,
    },
}

impl Verdict {
    /// As the member `result` has it.
    pub const RESULTS: [&'static str; 3] = ["valid", "notValid", "cannotTell"];

    pub fn result(&self) -> &'static str {
        let [valid, not_valid, cannot_tell] = Self::RESULTS;
        match self {
            Verdict::Valid => valid,
            Verdict::NotValid { .. } => not_valid,
            Verdict::CannotTell { .. } => cannot_tell,
        }
    }
}

/// Which rule stops the certificate, since when, by whom and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Reason {
    pub cause: Cause,
    /// For a certificate that is not yet valid, the moment from which it will be.
    pub since: DateTime,
    /// MSP id of the organisation that acted; absent where only the date did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// With [`Cause::Superseded`]: the certificate that stands in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub superseded_by: Option<Code>,
}

/// In the order of their weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    Withdrawn,
    /// Another certificate stands in its place.
    Superseded,
    /// It was issued when somebody else may have had the key that signed it.
    IssuerKeyCompromised,
    /// The ledger took the issue in when the accreditation had ended or not begun.
    IssuedOutsideAccreditation,
    Expired,
    Suspended,
    AccreditationSuspended,
    /// A surveillance that its scheme asks for is overdue by more than it allows.
    SurveillanceOverdue,
    NotYetValid,
}

/// The verdict on a certificate at a moment.
///
/// Before its issue a certificate is not yet valid, even where its document dates its validity back to the
/// decision: until then no ledger vouched for it.
pub fn verdict(case: Case<'_>, moment: Moment) -> Verdict {
    let mut reasons: Vec<Reason> = dates(case, moment.time())
        .chain(overdue(case, moment))
        .chain(case.logs.iter().flat_map(|(by, log)| stops(by, log, case.issued, moment)))
        .collect();
    reasons.sort_by_key(|reason| (reason.cause, reason.since));
    if !reasons.is_empty() {
        return Verdict::NotValid { reasons };
    }
    let mut unreadable: Vec<String> = case
        .logs
        .iter()
        .filter(|(_, log)| log.in_force(Kind::Unreadable, moment).is_some())
        .map(|(by, _)| (*by).to_owned())
        .collect();
    unreadable.dedup();
    if unreadable.is_empty() { Verdict::Valid } else { Verdict::CannotTell { unreadable } }
}

/// At most one reason of each kind: the earliest stop that stands says enough.
fn stops<'a>(
    by: &'a str,
    log: &'a EventLog,
    issued: DateTime,
    moment: Moment,
) -> impl Iterator<Item = Reason> + 'a {
    let compromised = log.compromised(issued, moment);
    let compromised = compromised.map(|period| reason(Cause::IssuerKeyCompromised, by, period, moment));
    let kinds = [
        (Kind::Withdrawn, Cause::Withdrawn),
        (Kind::Superseded, Cause::Superseded),
        (Kind::Suspended, Cause::Suspended),
        (Kind::AllCertificatesSuspended, Cause::AccreditationSuspended),
    ]
    .into_iter()
    .filter_map(move |(kind, cause)| Some(reason(cause, by, log.in_force(kind, moment)?, moment)));
    kinds.chain(compromised)
}

fn reason(cause: Cause, by: &str, period: &Period, moment: Moment) -> Reason {
    let why = period.began.as_ref().map(|event| event.reason.clone()).filter(|reason| !reason.is_empty());
    // A stop that a fast clock dated ahead is in force already.
    let since = period.from.min(moment.time());
    Reason { cause, since, by: Some(by.to_owned()), why, superseded_by: period.successor }
}

impl Case<'_> {
    /// When the next surveillance is due, as was known at that moment: the newest one says so, whichever body did it; before
    /// the first the scheme.
    pub fn surveillance_due(&self, moment: Moment) -> Option<DateTime> {
        let newest = self.logs.iter().filter_map(|(_, log)| log.surveillance(moment));
        let newest = newest.max_by_key(|period| period.from);
        match newest {
            Some(surveillance) => surveillance.due,
            None => self.surveillance.map(|rule| rule.due(self.issued)),
        }
    }

    /// From when it would hold no more, were no surveillance done.
    pub fn surveillance_overdue(&self, moment: Moment) -> Option<DateTime> {
        let grace = self.surveillance?.grace_days?;
        self.surveillance_due(moment).map(|due| due.plus_days(grace.into()))
    }
}

fn overdue(case: Case<'_>, moment: Moment) -> Option<Reason> {
    let since = case.surveillance_overdue(moment).filter(|since| *since <= moment.time())?;
    Some(Reason { cause: Cause::SurveillanceOverdue, since, by: None, why: None, superseded_by: None })
}

fn dates(case: Case<'_>, at: DateTime) -> impl Iterator<Item = Reason> {
    let from = case.valid_from.max(case.issued);
    [
        (Cause::IssuedOutsideAccreditation, case.issued, !case.within_accreditation),
        (Cause::Expired, case.valid_until, at >= case.valid_until),
        (Cause::NotYetValid, from, at < from),
    ]
    .into_iter()
    .filter(|(.., holds)| *holds)
    .map(|(cause, since, _)| Reason { cause, since, by: None, why: None, superseded_by: None })
}
