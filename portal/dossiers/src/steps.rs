//! Which steps a person may take in an application, by the contract's own table, and what the contract would hold against the
//! person: told before something is signed. The ledger decides.

use certificate::{
    Duty,
    record::ApplicationState,
    transition::{DECIDE, REFUSE_BY_DECISION, Side, TABLE, Transition},
};
use desk::{Scheme, Step};
use serde_json::Value;

/// The steps that somebody with these roles may take in this state, each function once.
pub fn open(roles: &[String], side: Side, state: ApplicationState) -> Vec<&'static Transition> {
    let has = |duty: &Duty| *duty != Duty::Service && roles.iter().any(|role| role == duty.name());
    let is_open =
        |row: &&Transition| row.side == side && row.from.contains(&state) && row.duties.iter().any(has);
    TABLE.into_iter().filter(is_open).collect()
}

/// Why the contract would refuse this step of this person, whose steps it compares by pseudonym (ISO/IEC 17065, 7.5.1 and
/// 7.6.2).
pub fn conflict(
    transition: &Transition,
    person: &str,
    steps: &[Step],
    scheme: Option<&Scheme>,
) -> Option<&'static str> {
    let took = |name: &str| steps.iter().any(|step| step.step == name && step.event.person == person);
    if transition.uninvolved && took("evaluate") {
        return Some("You evaluated this application: somebody else takes this step.");
    }
    if transition.uninvolved && took("report") {
        return Some("You anchored a test report of this application: somebody else takes this step.");
    }
    let is_decision =
        [DECIDE.event, REFUSE_BY_DECISION.event].contains(&transition.event) && transition.uninvolved;
    let may_review = scheme.is_none_or(|scheme| scheme.reviewer_may_decide);
    (is_decision && !may_review && took("review"))
        .then_some("You reviewed this application, and its scheme asks for another person to decide.")
}

/// Whether a new document names the client of the one that it replaces: by the identifiers that the old one has, else by name and
/// country.
pub fn is_of_one_client(old: &Value, new: &Value) -> bool {
    let of = |document: &Value, name: &str| {
        document.pointer(&format!("/credentialSubject/client/{name}")).cloned()
    };
    let is_kept = |name: &str| of(old, name) == of(new, name);
    let identifiers: Vec<&str> = ["lei", "eori"].into_iter().filter(|name| of(old, name).is_some()).collect();
    match identifiers.is_empty() {
        true => of(old, "name").is_some() && is_kept("name") && is_kept("country"),
        false => identifiers.into_iter().all(is_kept),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn functions(roles: &[&str], side: Side, state: ApplicationState) -> Vec<&'static str> {
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        open(&roles, side, state).iter().map(|row| row.function).collect()
    }

    #[test]
    fn a_step_is_offered_to_whom_the_contract_lets_take_it() {
        use ApplicationState::{Accepted, Decided, Granted, Reviewed, Submitted};
        let taken = functions(&["evaluator"], Side::Body, Submitted);
        assert_eq!(taken, ["application:return", "application:accept", "application:refuse"]);
        assert_eq!(
            functions(&["evaluator"], Side::Body, Accepted),
            ["application:return", "application:evaluate"]
        );
        assert_eq!(functions(&["lab"], Side::Laboratory, Accepted), ["application:report"]);
        assert!(functions(&["lab"], Side::Body, Accepted).is_empty());
        assert_eq!(
            functions(&["decision-maker"], Side::Body, Reviewed),
            ["application:refuse", "application:decide"]
        );
        // A person grants with the portal's help, not by hand; a service does it.
        assert!(functions(&["service"], Side::Body, Decided).is_empty());
        assert!(functions(&["administrator", "auditor"], Side::Body, Reviewed).is_empty());
        assert!(functions(&["decision-maker", "evaluator", "reviewer"], Side::Body, Granted).is_empty());
    }

    #[test]
    fn who_had_a_part_is_told_before() {
        let taken = |name: &str, person: &str| -> Step {
            serde_json::from_value(json!({
                "step": name, "effectiveAt": "2026-01-31T12:00:00Z", "by": "CertBodyMSP", "person": person,
                "transactionId": "1",
            }))
            .unwrap()
        };
        let scheme = |may: bool| Scheme {
            id: String::new(),
            version: String::new(),
            title: String::new(),
            standards: Vec::new(),
            direct_issue: false,
            reviewer_may_decide: may,
            surveillance: None,
        };
        let steps = [taken("report", "l"), taken("evaluate", "e"), taken("review", "r")];
        let told = |function: &Transition, person: &str, may: bool| {
            conflict(function, person, &steps, Some(&scheme(may))).is_some()
        };
        use certificate::transition::{EVALUATE, REFUSE, REVIEW};
        for (transition, person, may, is_told) in [
            (&REVIEW, "e", true, true),
            (&REVIEW, "l", true, true),
            (&REVIEW, "r", true, false),
            (&DECIDE, "e", true, true),
            (&DECIDE, "r", true, false),
            (&DECIDE, "r", false, true),
            (&REFUSE_BY_DECISION, "r", false, true),
            (&REFUSE, "e", true, false),
            (&EVALUATE, "e", true, false),
            (&DECIDE, "d", false, false),
        ] {
            assert_eq!(told(transition, person, may), is_told, "{} by {person}", transition.function);
        }
    }

    #[test]
    fn a_certificate_is_superseded_by_one_of_the_same_client() {
        let client = |client: Value| json!({ "credentialSubject": { "client": client } });
        let works = client(json!({ "name": "Works", "country": "BE" }));
        let identified =
            client(json!({ "name": "Works NV", "country": "BE", "lei": "5493001KJTIIGC8Y1R12" }));
        let imposter = client(json!({ "name": "Works NV", "country": "BE", "lei": "529900T8BM49AURSDO55" }));
        assert!(is_of_one_client(&works, &works) && is_of_one_client(&identified, &identified));
        assert!(!is_of_one_client(&identified, &imposter), "the name alone is anybody's");
        assert!(!is_of_one_client(&identified, &client(json!({ "name": "Works NV", "country": "BE" }))));
        assert!(!is_of_one_client(&works, &identified));
        let abroad = client(json!({ "name": "Works", "country": "NL" }));
        assert!(!is_of_one_client(&works, &abroad) && !is_of_one_client(&json!({}), &json!({})));
    }
}
