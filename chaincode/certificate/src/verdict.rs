//! Whether a certificate holds at a given time; the one function that the contract and the public verifier
//! both ask.

use serde::Serialize;

use crate::date_time::DateTime;
use crate::record::{Accreditation, Certificate, Effect, Event, Stop, Withdrawal};

/// The records that decide about one certificate.
#[derive(Debug, Clone, Copy)]
pub struct Records<'a> {
    pub certificate: &'a Certificate,
    /// Of the certification body and of the accreditation body.
    pub stops: &'a [Stop],
    pub withdrawals: &'a [Withdrawal],
    /// The accreditation of the certificate's body for its scheme.
    pub accreditation: &'a Accreditation,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "result", rename_all = "camelCase")]
pub enum Verdict {
    Valid,
    /// At least one reason, the weightiest first.
    NotValid {
        reasons: Vec<Reason>,
    },
}

/// Which rule stops the certificate, since when, by whom and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    pub cause: Cause,
    /// For a certificate that is not yet valid, the moment from which it will be.
    pub since: DateTime,
    /// MSP id of the organisation that acted; absent where only the date did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// In the order of their weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cause {
    Withdrawn,
    Expired,
    Suspended,
    AccreditationSuspended,
    NotYetValid,
}

/// The verdict on a certificate at the time `at`, from the records as they stand today: they keep all that
/// was ever done, so that past dates need no other source.
///
/// Before its issue a certificate is not yet valid, even where its document dates its validity back to the
/// decision: until then no ledger vouched for it.
pub fn verdict(records: Records<'_>, at: DateTime) -> Verdict {
    let mut reasons: Vec<Reason> = withdrawals(records, at)
        .chain(expiry(records, at))
        .chain(suspensions(records, at))
        .chain(accreditation_suspensions(records, at))
        .chain(beginning(records, at))
        .collect();
    reasons.sort_by_key(|reason| (reason.cause, reason.since));
    if reasons.is_empty() { Verdict::Valid } else { Verdict::NotValid { reasons } }
}

fn withdrawals(records: Records<'_>, at: DateTime) -> impl Iterator<Item = Reason> + '_ {
    records
        .withdrawals
        .iter()
        .filter_map(|record| record.withdrawn.as_ref())
        .filter(move |event| event.effective_at <= at)
        .map(|event| by_event(Cause::Withdrawn, event))
}

fn suspensions(records: Records<'_>, at: DateTime) -> impl Iterator<Item = Reason> + '_ {
    records
        .stops
        .iter()
        .flat_map(|stop| &stop.suspensions)
        .filter(move |suspension| suspension.in_force(at))
        .map(|suspension| by_event(Cause::Suspended, &suspension.placed))
}

fn accreditation_suspensions(records: Records<'_>, at: DateTime) -> impl Iterator<Item = Reason> + '_ {
    records
        .accreditation
        .suspensions
        .iter()
        .filter(move |suspension| suspension.effect == Effect::AllCertificates && suspension.in_force(at))
        .map(|suspension| by_event(Cause::AccreditationSuspended, &suspension.placed))
}

fn expiry(records: Records<'_>, at: DateTime) -> Option<Reason> {
    let until = records.certificate.valid_until;
    (at >= until).then(|| by_date(Cause::Expired, until))
}

fn beginning(records: Records<'_>, at: DateTime) -> Option<Reason> {
    let from = records.certificate.valid_from.max(records.certificate.issued.effective_at);
    (at < from).then(|| by_date(Cause::NotYetValid, from))
}

fn by_event(cause: Cause, event: &Event) -> Reason {
    let why = Some(event.reason.clone()).filter(|reason| !reason.is_empty());
    Reason { cause, since: event.effective_at, by: Some(event.by.clone()), why }
}

fn by_date(cause: Cause, since: DateTime) -> Reason {
    Reason { cause, since, by: None, why: None }
}
