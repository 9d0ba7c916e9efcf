//! What a person or a service does in certification (ISO/IEC 17065), as the organisation that certified its key says.

use std::fmt;

/// A duty of the caller, from the attribute `nanotrace.role` of its certificate (Fabric's attribute extension,
/// OID 1.2.3.4.5.6.7.8.1). The four roles of NodeOUs are another thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Duty {
    /// Applies for certification.
    Applicant,
    /// Evaluates for a certification body (7.4).
    Evaluator,
    /// Reviews an evaluation (7.5).
    Reviewer,
    /// Decides on certification (7.6).
    DecisionMaker,
    /// Anchors a laboratory's test reports.
    Lab,
    /// Acts for the accreditation body.
    Accreditor,
    Auditor,
    /// A program: it submits what persons have decided, and stops nothing.
    Service,
}

/// Characters of a pseudonym.
const MAXIMUM_PERSON: usize = 64;

impl Duty {
    pub const ALL: [Duty; 8] = [
        Duty::Applicant,
        Duty::Evaluator,
        Duty::Reviewer,
        Duty::DecisionMaker,
        Duty::Lab,
        Duty::Accreditor,
        Duty::Auditor,
        Duty::Service,
    ];

    /// As the attribute spells it.
    pub fn name(self) -> &'static str {
        match self {
            Duty::Applicant => "applicant",
            Duty::Evaluator => "evaluator",
            Duty::Reviewer => "reviewer",
            Duty::DecisionMaker => "decision-maker",
            Duty::Lab => "lab",
            Duty::Accreditor => "accreditor",
            Duty::Auditor => "auditor",
            Duty::Service => "service",
        }
    }

    /// One duty or several, joined by commas. A text with a part that names none gives none at all: the CA
    /// meant something that this contract does not know.
    pub fn from_attribute(text: &str) -> Vec<Duty> {
        let named = |part| Duty::ALL.into_iter().find(|duty| duty.name() == part);
        let mut duties: Vec<Duty> = text.split(',').map(named).collect::<Option<_>>().unwrap_or_default();
        duties.sort_unstable();
        duties.dedup();
        duties
    }

    /// As [`Duty::from_attribute`] reads them.
    pub fn join(duties: &[Duty]) -> String {
        duties.iter().map(|duty| duty.name()).collect::<Vec<_>>().join(",")
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Whether a text is a pseudonym, as the attribute `nanotrace.person` and records hold it.
pub fn is_person(text: &str) -> bool {
    (1..=MAXIMUM_PERSON).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_duty_or_several() {
        for duty in Duty::ALL {
            assert_eq!(Duty::from_attribute(duty.name()), [duty]);
        }
        let both = Duty::from_attribute("decision-maker,reviewer,reviewer");
        assert_eq!(both, [Duty::Reviewer, Duty::DecisionMaker]);
        assert_eq!(Duty::join(&both), "reviewer,decision-maker");
        for none in
            ["", ",", "admin", "Reviewer", "reviewer, lab", "reviewer,", "reviewer,pope", "reviewer;lab"]
        {
            assert_eq!(Duty::from_attribute(none), [], "{none}");
        }
    }

    #[test]
    fn pseudonyms() {
        for person in ["p", "3f9a-77.X_y", &"x".repeat(64)] {
            assert!(is_person(person), "{person}");
        }
        for other in ["", "a b", "a@b", "é", "a/b", "a,b", &"x".repeat(65)] {
            assert!(!is_person(other), "{other}");
        }
    }
}
