//! The life of an application for certification (ISO/IEC 17065, clause 7): each step, who may take it in which state,
//! and what state it leads to.
//!
//! The contract decides by this table, `docs/contract.md` repeats it, and the tests are generated from it.

use crate::duty::Duty;
use crate::record::ApplicationState::{
    self, Accepted, Decided, Evaluated, Granted, Refused, Returned, Reviewed, Submitted, Withdrawn,
};

/// One row: a step from some states to one.
#[derive(Debug, PartialEq, Eq)]
pub struct Transition {
    pub function: &'static str,
    pub side: Side,
    /// Any of these.
    pub duties: &'static [Duty],
    /// Whether the person must have had no part in the evaluation (7.5.1, 7.6.2).
    pub uninvolved: bool,
    /// None for the step with which an application begins.
    pub from: &'static [ApplicationState],
    /// `None`: the state stays.
    pub to: Option<ApplicationState>,
    /// The chaincode event.
    pub event: &'static str,
}

/// Whose person takes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The organisation that applies; any but the certification body.
    Applicant,
    /// The certification body.
    Body,
    /// A registered laboratory; any but the organisation that applies.
    Laboratory,
}

const APPLICANT: &[Duty] = &[Duty::Applicant, Duty::Service];
const STAFF: &[Duty] = &[Duty::Evaluator, Duty::Reviewer, Duty::DecisionMaker];

const fn step(
    function: &'static str,
    side: Side,
    duties: &'static [Duty],
    from: &'static [ApplicationState],
    to: Option<ApplicationState>,
    event: &'static str,
) -> Transition {
    Transition { function, side, duties, uninvolved: false, from, to, event }
}

const fn uninvolved(row: Transition) -> Transition {
    Transition { uninvolved: true, ..row }
}

pub const SUBMIT: Transition =
    step("application:submit", Side::Applicant, APPLICANT, &[], Some(Submitted), "ApplicationSubmitted");

pub const RETURN: Transition = step(
    "application:return",
    Side::Body,
    STAFF,
    &[Submitted, Accepted, Evaluated],
    Some(Returned),
    "ApplicationReturned",
);

pub const COMPLETE: Transition = step(
    "application:complete",
    Side::Applicant,
    APPLICANT,
    &[Returned],
    Some(Submitted),
    "ApplicationCompleted",
);

/// 7.3, like its refusal.
pub const ACCEPT: Transition =
    step("application:accept", Side::Body, STAFF, &[Submitted], Some(Accepted), "ApplicationAccepted");

pub const REFUSE: Transition =
    step("application:refuse", Side::Body, STAFF, &[Submitted], Some(Refused), "ApplicationRefused");

/// A negative decision, or one taken back before the grant (7.6).
pub const REFUSE_BY_DECISION: Transition = uninvolved(step(
    "application:refuse",
    Side::Body,
    &[Duty::DecisionMaker],
    &[Reviewed, Decided],
    Some(Refused),
    "ApplicationRefused",
));

/// 7.4, by a laboratory within its scope (ISO/IEC 17025).
pub const REPORT: Transition = step(
    "application:report",
    Side::Laboratory,
    &[Duty::Lab],
    &[Accepted, Evaluated],
    None,
    "ApplicationReported",
);

pub const EVALUATE: Transition = step(
    "application:evaluate",
    Side::Body,
    &[Duty::Evaluator],
    &[Accepted, Evaluated],
    Some(Evaluated),
    "ApplicationEvaluated",
);

/// 7.5.
pub const REVIEW: Transition = uninvolved(step(
    "application:review",
    Side::Body,
    &[Duty::Reviewer],
    &[Evaluated],
    Some(Reviewed),
    "ApplicationReviewed",
));

/// 7.6; anew where a decision became too old to be granted.
pub const DECIDE: Transition = uninvolved(step(
    "application:decide",
    Side::Body,
    &[Duty::DecisionMaker],
    &[Reviewed, Decided],
    Some(Decided),
    "ApplicationDecided",
));

/// 7.10, before there is a certificate: it is evaluated anew.
pub const CHANGE: Transition = step(
    "application:change",
    Side::Applicant,
    APPLICANT,
    &[Submitted, Returned, Accepted, Evaluated, Reviewed],
    Some(Submitted),
    "ApplicationChanged",
);

pub const WITHDRAW: Transition = step(
    "application:withdraw",
    Side::Applicant,
    APPLICANT,
    &[Submitted, Returned, Accepted, Evaluated, Reviewed, Decided],
    Some(Withdrawn),
    "ApplicationWithdrawn",
);

/// Not a step: confidential fields are handed in with an application, or for more that was asked for. It stands beside the
/// table.
pub const CONFIDE: Transition = step(
    "confidential:submit",
    Side::Applicant,
    APPLICANT,
    &[Submitted, Returned],
    None,
    "ConfidentialSubmitted",
);

/// Who reads confidential fields (`confidential:get`): for the certification body, and for the accreditation body.
pub const BODY_READERS: &[Duty] = &[Duty::Evaluator, Duty::Reviewer, Duty::DecisionMaker, Duty::Auditor];
pub const ACCREDITATION_READERS: &[Duty] = &[Duty::Accreditor, Duty::Auditor];

/// 7.7.
pub const GRANT: Transition = step(
    "certificate:grant",
    Side::Body,
    &[Duty::Service, Duty::DecisionMaker],
    &[Decided],
    Some(Granted),
    "CertificateIssued",
);

pub const TABLE: [&Transition; 13] = [
    &SUBMIT,
    &RETURN,
    &COMPLETE,
    &ACCEPT,
    &REFUSE,
    &REFUSE_BY_DECISION,
    &REPORT,
    &EVALUATE,
    &REVIEW,
    &DECIDE,
    &CHANGE,
    &WITHDRAW,
    &GRANT,
];

/// The functions that an application in this state can take, each once.
pub fn functions_from(state: ApplicationState) -> Vec<&'static str> {
    let rows = TABLE.into_iter().filter(|row| row.from.contains(&state));
    let mut functions: Vec<_> = rows.map(|row| row.function).collect();
    functions.dedup();
    functions
}
