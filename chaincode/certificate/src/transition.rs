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

pub const SUBMIT: Transition = Transition {
    function: "application:submit",
    side: Side::Applicant,
    duties: APPLICANT,
    uninvolved: false,
    from: &[],
    to: Some(Submitted),
    event: "ApplicationSubmitted",
};

pub const RETURN: Transition = Transition {
    function: "application:return",
    side: Side::Body,
    duties: STAFF,
    uninvolved: false,
    from: &[Submitted, Accepted, Evaluated],
    to: Some(Returned),
    event: "ApplicationReturned",
};

pub const COMPLETE: Transition = Transition {
    function: "application:complete",
    side: Side::Applicant,
    duties: APPLICANT,
    uninvolved: false,
    from: &[Returned],
    to: Some(Submitted),
    event: "ApplicationCompleted",
};

/// 7.3, like its refusal.
pub const ACCEPT: Transition = Transition {
    function: "application:accept",
    side: Side::Body,
    duties: STAFF,
    uninvolved: false,
    from: &[Submitted],
    to: Some(Accepted),
    event: "ApplicationAccepted",
};

pub const REFUSE: Transition = Transition {
    function: "application:refuse",
    side: Side::Body,
    duties: STAFF,
    uninvolved: false,
    from: &[Submitted],
    to: Some(Refused),
    event: "ApplicationRefused",
};

/// A negative decision, or one taken back before the grant (7.6).
pub const REFUSE_BY_DECISION: Transition = Transition {
    function: "application:refuse",
    side: Side::Body,
    duties: &[Duty::DecisionMaker],
    uninvolved: true,
    from: &[Reviewed, Decided],
    to: Some(Refused),
    event: "ApplicationRefused",
};

/// 7.4, by a laboratory within its scope (ISO/IEC 17025).
pub const REPORT: Transition = Transition {
    function: "application:report",
    side: Side::Laboratory,
    duties: &[Duty::Lab],
    uninvolved: false,
    from: &[Accepted, Evaluated],
    to: None,
    event: "ApplicationReported",
};

pub const EVALUATE: Transition = Transition {
    function: "application:evaluate",
    side: Side::Body,
    duties: &[Duty::Evaluator],
    uninvolved: false,
    from: &[Accepted, Evaluated],
    to: Some(Evaluated),
    event: "ApplicationEvaluated",
};

/// 7.5.
pub const REVIEW: Transition = Transition {
    function: "application:review",
    side: Side::Body,
    duties: &[Duty::Reviewer],
    uninvolved: true,
    from: &[Evaluated],
    to: Some(Reviewed),
    event: "ApplicationReviewed",
};

/// 7.6.
pub const DECIDE: Transition = Transition {
    function: "application:decide",
    side: Side::Body,
    duties: &[Duty::DecisionMaker],
    uninvolved: true,
    from: &[Reviewed],
    to: Some(Decided),
    event: "ApplicationDecided",
};

/// 7.10, before there is a certificate: it is evaluated anew.
pub const CHANGE: Transition = Transition {
    function: "application:change",
    side: Side::Applicant,
    duties: APPLICANT,
    uninvolved: false,
    from: &[Submitted, Returned, Accepted, Evaluated, Reviewed],
    to: Some(Submitted),
    event: "ApplicationChanged",
};

pub const WITHDRAW: Transition = Transition {
    function: "application:withdraw",
    side: Side::Applicant,
    duties: APPLICANT,
    uninvolved: false,
    from: &[Submitted, Returned, Accepted, Evaluated, Reviewed, Decided],
    to: Some(Withdrawn),
    event: "ApplicationWithdrawn",
};

/// 7.7.
pub const GRANT: Transition = Transition {
    function: "certificate:grant",
    side: Side::Body,
    duties: &[Duty::Service, Duty::DecisionMaker],
    uninvolved: false,
    from: &[Decided],
    to: Some(Granted),
    event: "CertificateIssued",
};

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
