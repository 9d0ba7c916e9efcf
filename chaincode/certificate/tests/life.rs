//! A certificate's life through the contract's functions, and who may call them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::memory::Memory;
use certificate::parties::{ACCREDITATION_BODY, CERTIFICATION_BODY};
use certificate::{Creator, DateTime, Duty, Role, canonical, demo, keys};
use common::*;
use futures::executor::block_on;
use proptest::prelude::*;
use serde_json::{Value, json};

fn issued() -> Memory {
    let mut ledger = ready();
    done(&mut ledger, certification_client(), "certificate:issue", &[&demonstration(1)]);
    ledger
}

fn verdict(ledger: &mut Memory, at: Option<DateTime>) -> String {
    let code = code(1).to_string();
    let at = at.map(|at| at.to_string());
    let arguments: Vec<&str> = [Some(code.as_str()), at.as_deref()].into_iter().flatten().collect();
    let answer = done(ledger, certification_client(), "certificate:get", &arguments);
    match answer["verdict"]["reasons"].as_array() {
        None => answer["verdict"]["result"].as_str().unwrap().to_owned(),
        Some(reasons) => {
            reasons.iter().map(|reason| reason["cause"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
        }
    }
}

#[test]
fn issue_and_read() {
    let mut ledger = issued();
    let (name, payload) = ledger.event().unwrap().clone();
    assert_eq!(name, "CertificateIssued");
    let event: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(event["certificate"], code(1).to_string());
    assert_eq!(event["demonstration"], true);

    let document = submit(&mut ledger, certification_client(), "certificate:document", &[&code(1).grouped()]);
    assert_eq!(document.payload, demonstration(1).into_bytes());
    let answer = done(&mut ledger, accreditor(), "certificate:get", &[&code(1).to_urn()]);
    assert_eq!(answer["verdict"], json!({"result": "valid"}));
    assert_eq!(answer["issued"]["effectiveAt"], NOW);
    assert_eq!(canonical::to_canonical(&answer["document"]).unwrap(), demonstration(1).into_bytes());
}

#[test]
fn a_certificate_is_issued_once() {
    let mut ledger = issued();
    refused(&mut ledger, certification_client(), "certificate:issue", &[&demonstration(1)], 409, "is issued");
    let mut other = particulars(2);
    other.status.index = 1;
    let taken = sign(&demo::document(&other));
    let words = format!("certificate {} holds it", code(1));
    refused(&mut ledger, certification_client(), "certificate:issue", &[&taken], 400, &words);
}

/// Whom a function takes.
#[derive(Clone, Copy)]
enum Callers {
    /// By organisation and NodeOU role, whatever the attribute says.
    Nodes(&'static [(&'static str, Role)]),
    /// A client of the certification body: without a role, a service or a decision-maker.
    Issuers,
    /// An administrator, or a person of one of these duties, each of its organisation.
    Persons(&'static [(&'static str, Duty)]),
    /// The same of the two responsible bodies, and clients without a role.
    Stoppers,
}

impl Callers {
    fn allow(self, organisation: &str, role: Option<Role>, duty: Option<Duty>) -> bool {
        match self {
            Callers::Nodes(nodes) => role.is_some_and(|role| nodes.contains(&(organisation, role))),
            Callers::Issuers => {
                let duties = [None, Some(Duty::Service), Some(Duty::DecisionMaker)];
                organisation == CERTIFICATION_BODY && role == Some(Role::Client) && duties.contains(&duty)
            }
            Callers::Persons(persons) => {
                let is_admin = role == Some(Role::Admin) && duty != Some(Duty::Service);
                let is_client = matches!(role, Some(Role::Admin | Role::Client));
                let on_duty = |&(_, wanted): &(&str, Duty)| is_admin || is_client && duty == Some(wanted);
                persons.iter().filter(|(of, _)| *of == organisation).any(on_duty)
            }
            Callers::Stoppers => {
                const PERSONS: &[(&str, Duty)] =
                    &[(CERTIFICATION_BODY, Duty::DecisionMaker), (ACCREDITATION_BODY, Duty::Accreditor)];
                let is_body = [CERTIFICATION_BODY, ACCREDITATION_BODY].contains(&organisation);
                let is_without_role = duty.is_none() && matches!(role, Some(Role::Admin | Role::Client));
                is_body && is_without_role || Callers::Persons(PERSONS).allow(organisation, role, duty)
            }
        }
    }
}

#[test]
fn who_may_call_what() {
    use Callers::{Issuers, Nodes, Persons};
    let code = code(1).to_string();
    const ACCREDITOR: Callers = Persons(&[(ACCREDITATION_BODY, Duty::Accreditor)]);
    const ADMIN: Callers = Nodes(&[(ACCREDITATION_BODY, Role::Admin)]);
    const DECISION_MAKER: Callers = Persons(&[(CERTIFICATION_BODY, Duty::DecisionMaker)]);
    const EITHER: Callers =
        Persons(&[(CERTIFICATION_BODY, Duty::DecisionMaker), (ACCREDITATION_BODY, Duty::Accreditor)]);
    const RESPONSIBLE: Callers = Nodes(&[
        (CERTIFICATION_BODY, Role::Admin),
        (CERTIFICATION_BODY, Role::Client),
        (ACCREDITATION_BODY, Role::Admin),
        (ACCREDITATION_BODY, Role::Client),
    ]);
    let suspend = [CERTIFICATION_BODY, demo::SCHEME_ID, "newGrants", "why"].map(String::from).to_vec();
    let restore = [CERTIFICATION_BODY, demo::SCHEME_ID, "why"].map(String::from).to_vec();
    let key = vec![CERTIFICATION_BODY.to_owned(), public_key()];
    let revocation = [key.as_slice(), &["why".to_owned()]].concat();
    let declaration = [key.as_slice(), &[NOW.to_owned(), "why".to_owned()]].concat();
    let laboratory = json!({
        "organisation": "LabMSP", "number": "1", "methods": ["TEM"], "validFrom": now(),
        "validUntil": now().plus_days(1),
    });
    let lab_scope = ["LabMSP", r#"{"methods":["BET"]}"#, "why"].map(String::from).to_vec();
    let scope = [CERTIFICATION_BODY, demo::SCHEME_ID, r#"{"categories":["paint"]}"#, "why"];
    let scope = scope.map(String::from).to_vec();
    let about_laboratory = ["LabMSP", "why"].map(String::from).to_vec();
    let other = common::code(2).to_string();
    let term = json!({"number": "2", "validFrom": now(), "validUntil": now().plus_days(9999)}).to_string();
    let renewal =
        vec![CERTIFICATION_BODY.to_owned(), demo::SCHEME_ID.to_owned(), term.clone(), "why".to_owned()];
    let lab_renewal = vec!["LabMSP".to_owned(), term, "why".to_owned()];
    let calls: [(&str, Vec<String>, Callers); 24] = [
        ("certificate:supersede", vec![code.clone(), other, "why".into()], DECISION_MAKER),
        ("body:end", ["OldMSP", "BetaMSP", "x", "why"].map(String::from).to_vec(), ACCREDITOR),
        ("certificate:adopt", ["OldMSP", "{}", "why"].map(String::from).to_vec(), DECISION_MAKER),
        ("laboratory:register", vec![laboratory.to_string()], ACCREDITOR),
        ("laboratory:suspend", about_laboratory.clone(), ACCREDITOR),
        ("laboratory:changeScope", lab_scope, ACCREDITOR),
        ("accreditation:changeScope", scope, ACCREDITOR),
        ("accreditation:renew", renewal, ACCREDITOR),
        ("laboratory:renew", lab_renewal, ACCREDITOR),
        ("laboratory:restore", about_laboratory, ACCREDITOR),
        ("ledger:tick", vec![], RESPONSIBLE),
        ("ledger:bind", vec![genesis()], ADMIN),
        ("scheme:register", vec![demo::scheme().to_string()], ACCREDITOR),
        ("accreditation:register", vec![demo::accreditation(now()).to_string()], ACCREDITOR),
        ("accreditation:suspend", suspend, ACCREDITOR),
        ("accreditation:restore", restore, ACCREDITOR),
        ("issuerKey:propose", vec![issuer_key().to_string()], DECISION_MAKER),
        ("issuerKey:approve", key, ACCREDITOR),
        ("issuerKey:revoke", revocation, EITHER),
        ("issuerKey:compromise", declaration, EITHER),
        ("certificate:issue", vec![demonstration(1)], Issuers),
        ("certificate:stop", vec![code.clone(), "why".into()], Callers::Stoppers),
        ("certificate:lift", vec![code.clone(), "why".into()], Callers::Stoppers),
        ("certificate:withdraw", vec![code, "why".into()], Callers::Stoppers),
    ];
    let mut issued = issued();
    done(&mut issued, certification_client(), "certificate:issue", &[&demonstration(2)]);
    for (function, arguments, allowed) in calls {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        for (organisation, role, duty) in callers() {
            let may = allowed.allow(organisation, role, duty);
            let duty = duty.map(Duty::name).unwrap_or_default();
            let caller = Creator::new(organisation, role).with_attributes(duty, "p-1");
            let status = submit(&mut issued.clone(), caller, function, &arguments).status;
            assert_eq!(status != 403, may, "{function} by {role:?} {duty:?} of {organisation}: {status}");
        }
    }
}

/// Every organisation with every NodeOU role and every duty.
fn callers() -> impl Iterator<Item = (&'static str, Option<Role>, Option<Duty>)> {
    let organisations = [CERTIFICATION_BODY, ACCREDITATION_BODY, "LabMSP", "IndustryMSP", "CustomsMSP", ""];
    let roles = [Some(Role::Admin), Some(Role::Client), Some(Role::Peer), Some(Role::Orderer), None];
    let duties = Duty::ALL.into_iter().map(Some).chain([None]);
    let of_role = move |(organisation, role)| duties.clone().map(move |duty| (organisation, role, duty));
    let of_organisation = move |organisation| roles.into_iter().map(move |role| (organisation, role));
    organisations.into_iter().flat_map(of_organisation).flat_map(of_role)
}

/// What takes no admin any more: registrations, and the life of an issuer key, by its functions.
const BY_PERSONS: [&str; 5] = [
    "scheme:register",
    "accreditation:register",
    "issuerKey:propose",
    "issuerKey:approve",
    "issuerKey:revoke",
];

/// The arguments of a call of the function that passes in [`before_it`] for who may.
fn arguments_of(function: &str) -> Vec<String> {
    let key = || [CERTIFICATION_BODY.to_owned(), public_key()];
    match function {
        "scheme:register" => vec![demo::scheme().to_string()],
        "accreditation:register" => vec![demo::accreditation(now()).to_string()],
        "issuerKey:propose" => vec![issuer_key().to_string()],
        "issuerKey:approve" => key().to_vec(),
        _ => [&key()[..], &["why".to_owned()]].concat(),
    }
}

/// A ledger on which the function can be done: that is bound, and has a proposed key where one is approved or revoked.
fn before_it(function: &str) -> Memory {
    let mut ledger = Memory::new(CHANNEL);
    done(&mut ledger, accreditation_admin(), "ledger:bind", &[&genesis(), CERTIFICATION_BODY]);
    if matches!(function, "issuerKey:approve" | "issuerKey:revoke") {
        done(&mut ledger, decision_maker(), "issuerKey:propose", &[&issuer_key().to_string()]);
    }
    ledger
}

fn status_of(function: &str, caller: Creator) -> (i32, Option<Value>) {
    let arguments = arguments_of(function);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let response = submit(&mut before_it(function), caller, function, &arguments);
    (response.status, serde_json::from_slice(&response.payload).ok())
}

/// Done by a person on duty, and the record says by which duty and pseudonym; by an admin of any organisation as before.
#[test]
fn schemes_accreditations_and_keys_are_the_work_of_persons_on_duty() {
    for function in BY_PERSONS {
        let of_body = matches!(function, "issuerKey:propose" | "issuerKey:revoke");
        let of_accreditation = function != "issuerKey:propose";
        let told = |answer: &Value| {
            let event = ["revoked", "approved", "proposed", "registered"].map(|name| answer[name].clone());
            event.into_iter().find(|event| !event.is_null()).unwrap()
        };
        for (is_right, caller, admin, duty, person) in [
            (of_accreditation, accreditor(), accreditation_admin(), "accreditor", "a-1"),
            (of_body, decision_maker(), certification_admin(), "decision-maker", "d-1"),
        ] {
            let (status, answer) = status_of(function, caller.clone());
            assert_eq!(status, if is_right { 200 } else { 403 }, "{function} by {caller:?}");
            if let Some(answer) = answer {
                let event = told(&answer);
                assert_eq!((&event["role"], &event["person"]), (&json!(duty), &json!(person)), "{function}");
            }
            let (status, answer) = status_of(function, admin);
            assert_eq!(status, if is_right { 200 } else { 403 }, "{function} by an admin");
            if let Some(answer) = answer {
                assert!(told(&answer).get("role").is_none(), "an admin's organisation suffices: {function}");
            }
        }
    }
}

/// A program is a program, whatever else its certificate names and whatever NodeOU it has.
#[test]
fn no_service_registers_a_scheme_or_has_a_part_in_a_key() {
    for function in BY_PERSONS {
        for organisation in [CERTIFICATION_BODY, ACCREDITATION_BODY] {
            for role in [Role::Admin, Role::Client] {
                for duties in ["service", "service,accreditor", "decision-maker,service"] {
                    let caller = creator(organisation, role).with_attributes(duties, "s-1");
                    let (status, _) = status_of(function, caller);
                    assert_eq!(status, 403, "{function} by {duties} ({role:?}) of {organisation}");
                }
            }
        }
    }
}

#[test]
fn who_proposed_a_key_does_not_approve_it() {
    let mut ledger = before_it("issuerKey:approve");
    let key = [CERTIFICATION_BODY, &public_key()];
    for same in
        [person(ACCREDITATION_BODY, "accreditor", "d-1"), accreditation_admin().with_attributes("", "d-1")]
    {
        refused(&mut ledger, same, "issuerKey:approve", &key, 403, "takes another person");
    }
    let answer = done(&mut ledger, accreditor(), "issuerKey:approve", &key);
    let [proposed, approved] = ["proposed", "approved"].map(|step| answer[step]["person"].clone());
    assert_eq!((proposed, approved), (json!("d-1"), json!("a-1")));
    // Of two that have no pseudonym the organisations are compared, as ever.
    let mut ledger = before_it("issuerKey:propose");
    done(&mut ledger, certification_admin(), "issuerKey:propose", &[&issuer_key().to_string()]);
    done(&mut ledger, accreditation_admin(), "issuerKey:approve", &key);
}

/// Naming another body's key, or one's own organisation as the body, brings nobody further.
#[test]
fn a_key_is_ended_by_its_own_body_and_the_accreditation_body_alone() {
    let revoke = |ledger: &mut Memory, caller: Creator, body: &str| {
        submit(ledger, caller, "issuerKey:revoke", &[body, &public_key(), "why"]).status
    };
    let foreign = person("GammaMSP", "decision-maker,accreditor", "g-1");
    let mut ledger = ready();
    assert_eq!(revoke(&mut ledger, foreign.clone(), CERTIFICATION_BODY), 403);
    assert_eq!(revoke(&mut ledger, foreign, "GammaMSP"), 404);
    assert_eq!(revoke(&mut ledger, decision_maker(), "GammaMSP"), 403);
    assert_eq!(revoke(&mut ledger, decision_maker(), CERTIFICATION_BODY), 200);
    assert_eq!(revoke(&mut ready(), accreditor(), CERTIFICATION_BODY), 200);
}

proptest! {
    /// Any certificate that a CA can write: what is done needs the organisation, and an admin or the duty with a pseudonym.
    #[test]
    fn whoever_is_not_named_registers_nothing_and_has_no_part_in_a_key(
        which in 0..BY_PERSONS.len(),
        organisation in prop::sample::select(vec![CERTIFICATION_BODY, ACCREDITATION_BODY, "LabMSP", "GammaMSP", ""]),
        role in prop::sample::select(vec![
            Some(Role::Admin), Some(Role::Client), Some(Role::Peer), Some(Role::Orderer), None,
        ]),
        duties in prop::sample::subsequence(Duty::ALL.to_vec(), 0..=3),
        has_pseudonym: bool,
    ) {
        let function = BY_PERSONS[which];
        let names: Vec<&str> = duties.iter().map(|duty| duty.name()).collect();
        let person = if has_pseudonym { "r-1" } else { "" };
        let caller = Creator::new(organisation, role).with_attributes(&names.join(","), person);
        let named = match (organisation, function) {
            (CERTIFICATION_BODY, "issuerKey:propose" | "issuerKey:revoke") => Some(Duty::DecisionMaker),
            (ACCREDITATION_BODY, "issuerKey:propose") => None,
            (ACCREDITATION_BODY, _) => Some(Duty::Accreditor),
            _ => None,
        };
        let is_program = duties.contains(&Duty::Service);
        let may = named.is_some_and(|duty| match role {
            Some(Role::Admin) => !is_program,
            Some(Role::Client) => !is_program && has_pseudonym && duties.contains(&duty),
            _ => false,
        });
        let told = format!("{function} by {caller:?}");
        prop_assert_eq!(status_of(function, caller).0, if may { 200 } else { 403 }, "{}", told);
    }
}

#[test]
fn the_refusal_says_which_role_or_pseudonym_is_missing() {
    let mut ledger = issued();
    let suspend = [CERTIFICATION_BODY, demo::SCHEME_ID, "newGrants", "why"];
    let words = "takes accreditor, the caller is without a role (client) of AccreditationMSP: the attribute nanotrace.role";
    refused(
        &mut ledger,
        creator(ACCREDITATION_BODY, Role::Client),
        "accreditation:suspend",
        &suspend,
        403,
        words,
    );
    let nameless = person(ACCREDITATION_BODY, "accreditor", "John Doe");
    refused(&mut ledger, nameless, "accreditation:suspend", &suspend, 403, "no attribute nanotrace.person");
    let service = creator(ACCREDITATION_BODY, Role::Admin).with_attributes("service,accreditor", "s-1");
    refused(
        &mut ledger,
        service,
        "accreditation:suspend",
        &suspend,
        403,
        "the caller is accreditor,service (admin)",
    );
    let answer = done(&mut ledger, accreditor(), "accreditation:suspend", &suspend);
    let placed = &answer["suspensions"][0]["placed"];
    assert_eq!((&placed["role"], &placed["person"]), (&json!("accreditor"), &json!("a-1")));
    let restore = &suspend[..2];
    let answer =
        done(&mut ledger, accreditation_admin(), "accreditation:restore", &[restore[0], restore[1], "ok"]);
    assert!(answer["suspensions"][0]["lifted"].get("role").is_none(), "an admin's organisation suffices");
}

#[test]
fn stop_lift_withdraw() {
    let mut ledger = issued();
    let code = code(1).to_string();
    let hour = |hours: i64| now().plus_seconds(3600 * hours);
    let mut act = |hours, caller: Creator, function: &str, status: i32| {
        let response = block_on(ledger.submit(caller, hour(hours), function, &[&code, "a reason"]));
        assert_eq!(response.status, status, "{function}: {}", response.message);
    };
    act(1, decision_maker(), "certificate:lift", 409);
    act(1, decision_maker(), "certificate:stop", 200);
    act(2, decision_maker(), "certificate:stop", 409);
    act(2, accreditor(), "certificate:lift", 409);
    act(2, accreditor(), "certificate:stop", 200);
    act(0, decision_maker(), "certificate:lift", 409);
    act(3, decision_maker(), "certificate:lift", 200);
    act(4, accreditor(), "certificate:lift", 200);
    act(5, decision_maker(), "certificate:stop", 200);
    act(6, decision_maker(), "certificate:withdraw", 200);
    for function in ["certificate:stop", "certificate:lift", "certificate:withdraw"] {
        act(7, decision_maker(), function, 409);
    }
    // What the other body has done does not limit this one.
    act(7, accreditor(), "certificate:stop", 200);
    act(8, accreditor(), "certificate:withdraw", 200);

    let expected = [
        (-1, "notYetValid"),
        (0, "valid"),
        (1, "suspended"),
        (2, "suspended suspended"),
        (3, "suspended"),
        (4, "valid"),
        (5, "suspended"),
        (6, "withdrawn suspended"),
        (7, "withdrawn suspended suspended"),
        (24 * 1095, "withdrawn withdrawn suspended suspended"),
        (24 * 1096, "withdrawn withdrawn expired suspended suspended"),
    ];
    for (hours, words) in expected {
        assert_eq!(verdict(&mut ledger, Some(hour(hours))), words, "after {hours} hours");
    }
}

/// A client without a role is one of a network that was set up before there were roles.
#[test]
fn a_stop_is_for_decision_makers_and_accreditors_and_never_for_a_service() {
    let bodies = [(CERTIFICATION_BODY, "decision-maker"), (ACCREDITATION_BODY, "accreditor")];
    for function in ["certificate:stop", "certificate:lift", "certificate:withdraw"] {
        for (body, own) in bodies {
            let mut ledger = issued();
            let code = code(1).to_string();
            if function == "certificate:lift" {
                done(&mut ledger, person(body, own, "x-1"), "certificate:stop", &[&code, "why"]);
            }
            for duties in
                ["service", "evaluator", "reviewer", "auditor", "applicant", "lab", "decision-maker,service"]
            {
                refused(&mut ledger, person(body, duties, "x-1"), function, &[&code, "why"], 403, own);
            }
            let other = if own == "accreditor" { "decision-maker" } else { "accreditor" };
            refused(&mut ledger, person(body, other, "x-1"), function, &[&code, "why"], 403, own);
            for caller in [person(body, own, "x-1"), creator(body, Role::Client), creator(body, Role::Admin)]
            {
                done(&mut ledger.clone(), caller, function, &[&code, "why"]);
            }
        }
    }
    let mut ledger = issued();
    let answer = done(&mut ledger, decision_maker(), "certificate:stop", &[&code(1).to_string(), "why"]);
    assert_eq!((&answer["role"], &answer["person"]), (&json!("decision-maker"), &json!("d-1")));
}

#[test]
fn history_shows_every_value() {
    let mut ledger = issued();
    let code = code(1).to_string();
    done(&mut ledger, accreditor(), "certificate:stop", &[&code, "doubts"]);
    done(&mut ledger, accreditor(), "certificate:withdraw", &[&code, "proven"]);
    let history = done(&mut ledger, certification_client(), "certificate:history", &[&code]);
    let keys: Vec<&str> =
        history.as_array().unwrap().iter().map(|entry| entry["key"].as_str().unwrap()).collect();
    assert_eq!(keys.len(), 7);
    assert_eq!(keys[0], keys::certificate(common::code(1)));
    assert!(history.to_string().contains("doubts") && history.to_string().contains("proven"));
}

/// Both bodies act within the second of the issue; each has keys of its own.
#[test]
fn history_is_in_order_within_one_second() {
    let mut ledger = issued();
    let code = code(1).to_string();
    for (caller, function, why) in [
        (accreditor(), "certificate:stop", "first"),
        (decision_maker(), "certificate:stop", "second"),
        (accreditor(), "certificate:lift", "third"),
        (decision_maker(), "certificate:withdraw", "fourth"),
    ] {
        done(&mut ledger, caller, function, &[&code, why]);
    }
    let history = done(&mut ledger, certification_client(), "certificate:history", &[&code]);
    let text = history.to_string();
    let places = ["first", "second", "third", "fourth"].map(|why| text.find(why).unwrap());
    assert!(places.is_sorted(), "{text}");
}

#[test]
fn a_suspended_accreditation() {
    let mut ledger = issued();
    let about = [CERTIFICATION_BODY, demo::SCHEME_ID];
    let suspend = |ledger: &mut Memory, effect: &str| {
        done(ledger, accreditor(), "accreditation:suspend", &[about[0], about[1], effect, "audit"])
    };
    suspend(&mut ledger, "newGrants");
    assert_eq!(verdict(&mut ledger, None), "valid");
    let refusal = "must not be suspended";
    refused(&mut ledger, certification_client(), "certificate:issue", &[&demonstration(2)], 400, refusal);
    suspend(&mut ledger, "allCertificates");
    assert_eq!(verdict(&mut ledger, None), "accreditationSuspended");
    let again = [about[0], about[1], "allCertificates", "audit"];
    refused(&mut ledger, accreditor(), "accreditation:suspend", &again, 409, "with this effect");
    done(&mut ledger, accreditor(), "accreditation:restore", &[about[0], about[1], "all is well"]);
    assert_eq!(verdict(&mut ledger, Some(now())), "valid");
    done(&mut ledger, certification_client(), "certificate:issue", &[&demonstration(2)]);
    let restore = [about[0], about[1], "again"];
    refused(&mut ledger, accreditor(), "accreditation:restore", &restore, 409, "is not suspended");
}

#[test]
fn issuer_keys_take_two_transactions() {
    let mut ledger = ready();
    let key = ed25519_dalek::SigningKey::from_bytes(&[8; 32]);
    let text = certificate::multikey::public_to_text(&key.verifying_key());
    let document = sign_with(&demo::document(&particulars(1)), &key);
    let issue = |ledger: &mut Memory, words: &str| {
        refused(ledger, certification_client(), "certificate:issue", &[&document], 400, words);
    };
    issue(&mut ledger, "must be a key of this certification body");
    let mut proposal = issuer_key();
    proposal["publicKey"] = text.clone().into();
    done(&mut ledger, certification_admin(), "issuerKey:propose", &[&proposal.to_string()]);
    issue(&mut ledger, "must be approved");
    done(&mut ledger, accreditation_admin(), "issuerKey:approve", &[CERTIFICATION_BODY, &text]);
    refused(
        &mut ledger,
        accreditation_admin(),
        "issuerKey:approve",
        &[CERTIFICATION_BODY, &text],
        409,
        "approved",
    );
    done(&mut ledger, certification_client(), "certificate:issue", &[&document]);
    done(&mut ledger, certification_admin(), "issuerKey:revoke", &[CERTIFICATION_BODY, &text, "lost"]);
    let second = sign_with(&demo::document(&particulars(2)), &key);
    refused(&mut ledger, certification_client(), "certificate:issue", &[&second], 400, "must not be revoked");
    refused(
        &mut ledger,
        accreditation_admin(),
        "issuerKey:approve",
        &[CERTIFICATION_BODY, &text],
        409,
        "revoked",
    );
    assert_eq!(verdict(&mut ledger, None), "valid");
    assert_eq!(done(&mut ledger, certification_client(), "issuerKey:list", &[]).as_array().unwrap().len(), 2);
}

/// What only the ledger knows, each broken alone.
#[test]
fn rules_of_the_ledger() {
    let mut late = particulars(1);
    late.decided = now().plus_seconds(1);
    late.validity.from = now().plus_days(1);
    let mut old = particulars(1);
    old.decided = now().plus_days(-31);
    let mut expired = particulars(1);
    expired.decided = now().plus_days(-20);
    expired.validity.from = now().plus_days(-19);
    expired.validity.until = now();
    let mut channel = particulars(1);
    channel.ledger.channel = "other".into();
    let mut genesis = particulars(1);
    genesis.ledger.genesis = format!("sha256:{}", "cd".repeat(32));
    let mut name = particulars(1);
    name.issuer.name = "Somebody else".into();
    let mut lists = particulars(1);
    lists.status.lists = "https://elsewhere.example".into();
    let cases = [
        (demo::document(&late), "/credentialSubject/decisionDate", "must not be after the transaction's"),
        (demo::document(&old), "/credentialSubject/decisionDate", "at most 30 days"),
        (demo::document(&expired), "/validUntil", "must be after the transaction's"),
        (demo::document(&channel), "/credentialStatus/0/channel", "must be nanotrace"),
        (demo::document(&genesis), "/credentialStatus/0/genesis", "the genesis of this ledger"),
        (demo::document(&name), "/issuer/name", "must be \"CertBody\""),
        (demo::document(&lists), "/credentialStatus/1/statusListCredential", "a list of the issuer"),
        (
            with("/credentialSubject/scheme/version", json!("2")),
            "/credentialSubject/scheme",
            "must be registered",
        ),
        (
            with("/credentialSubject/standards/0", json!("urn:x:y")),
            "/credentialSubject/standards/0",
            "of the scheme",
        ),
        (
            with("/credentialSubject/accreditation/number", json!("DEMO-2")),
            "/credentialSubject/accreditation/number",
            "must be DEMO-0001",
        ),
    ];
    for (document, pointer, words) in cases {
        let mut ledger = ready();
        let document = sign(&document);
        let rule = format!("\n{pointer} is ");
        refused(&mut ledger, certification_client(), "certificate:issue", &[&document], 400, &rule);
        refused(&mut ledger, certification_client(), "certificate:issue", &[&document], 400, words);
        let check = done(&mut ledger, creator("LabMSP", Role::Client), "certificate:check", &[&document]);
        assert_eq!(check["violations"].as_array().unwrap().len(), 1, "{check}");
        assert_eq!(check["violations"][0]["pointer"], pointer);
    }
}

fn with(pointer: &str, value: Value) -> Value {
    let mut document = demo::document(&particulars(1));
    *document.pointer_mut(pointer).unwrap() = value;
    document
}

#[test]
fn a_scheme_may_refuse_to_issue_in_one_step() {
    let mut ledger = ready();
    let mut scheme = demo::scheme();
    scheme["version"] = "2".into();
    scheme["directIssue"] = false.into();
    let answer = done(&mut ledger, accreditation_admin(), "scheme:register", &[&scheme.to_string()]);
    assert_eq!((&answer["directIssue"], &answer["reviewerMayDecide"]), (&json!(false), &json!(true)));
    let document = sign(&with("/credentialSubject/scheme/version", json!("2")));
    let words = "must allow to issue in one step";
    refused(&mut ledger, certification_client(), "certificate:issue", &[&document], 400, words);
    scheme["version"] = "3".into();
    scheme["directIssue"] = "no".into();
    let words = "/directIssue is \"no\": must be true or false";
    refused(&mut ledger, accreditation_admin(), "scheme:register", &[&scheme.to_string()], 400, words);
}

#[test]
fn an_accreditation_covers_its_own_time() {
    let mut ledger = Memory::new(CHANNEL);
    done(&mut ledger, accreditation_admin(), "ledger:bind", &[&genesis(), CERTIFICATION_BODY]);
    let times = json!({
        "body": CERTIFICATION_BODY, "schemeId": demo::SCHEME_ID, "number": demo::ACCREDITATION_NUMBER,
        "validFrom": now().plus_days(-10), "validUntil": now().plus_days(-1),
    });
    done(&mut ledger, accreditation_admin(), "accreditation:register", &[&times.to_string()]);
    let check = done(&mut ledger, certification_client(), "certificate:check", &[&demonstration(1)]);
    assert!(check.to_string().contains("must cover the decision date"), "{check}");
    let mut earlier = particulars(1);
    earlier.decided = now().plus_days(-1).plus_seconds(-1);
    let earlier = sign(&demo::document(&earlier));
    let check = done(&mut ledger, certification_client(), "certificate:check", &[&earlier]);
    assert!(!check.to_string().contains("must cover the decision date"), "{check}");
}

#[test]
fn set_up_is_done_once_and_right() {
    let mut ledger = ready();
    let admin = accreditation_admin;
    refused(
        &mut ledger,
        admin(),
        "ledger:bind",
        &[&genesis(), "LabMSP"],
        409,
        "is bound to nanotrace sha256:abab",
    );
    let itself = [&genesis(), ACCREDITATION_BODY];
    refused(&mut Memory::new("c"), admin(), "ledger:bind", &itself, 403, "accredits certification bodies");
    refused(
        &mut Memory::new("c"),
        admin(),
        "ledger:bind",
        &["abc", ""],
        400,
        "/genesis is \"abc\": must be sha256:",
    );
    refused(&mut ledger, admin(), "scheme:register", &[&demo::scheme().to_string()], 409, "is registered");
    let accreditation = demo::accreditation(now()).to_string();
    refused(&mut ledger, admin(), "accreditation:register", &[&accreditation], 409, "has an accreditation");
    refused(
        &mut ledger,
        certification_admin(),
        "issuerKey:propose",
        &[&issuer_key().to_string()],
        409,
        "already",
    );
    for (function, json, words) in [
        (
            "scheme:register",
            r#"{"id":"x","version":"1","title":"t","standards":["urn:x:y"]}"#,
            "/id is \"x\"",
        ),
        (
            "scheme:register",
            r#"{"id":"urn:x:y","version":"","title":"t","standards":["urn:x:y"]}"#,
            "/version",
        ),
        ("scheme:register", r#"{"id":"urn:x:y","version":"1","title":"t","standards":[]}"#, "1 to 32"),
        (
            "scheme:register",
            r#"{"id":"urn:x:y","version":"1","title":"t","standards":["z"]}"#,
            "/standards/0",
        ),
        (
            "scheme:register",
            r#"{"id":"urn:x:y","version":"1","title":"t"}"#,
            "/standards is absent: is required",
        ),
        ("scheme:register", "nonsense", "not understood"),
        (
            "accreditation:register",
            r#"{"body":"","schemeId":"urn:x:y","number":"1","validFrom":"2026-01-01T00:00:00Z","validUntil":"2027-01-01T00:00:00Z"}"#,
            "/body",
        ),
        (
            "accreditation:register",
            r#"{"body":"CertBodyMSP","schemeId":"urn:x:z","number":"1","validFrom":"2026-01-01","validUntil":"2027-01-01T00:00:00Z"}"#,
            "/validFrom",
        ),
        (
            "accreditation:register",
            r#"{"body":"CertBodyMSP","schemeId":"urn:x:z","number":"1","validFrom":"2027-01-01T00:00:00Z","validUntil":"2027-01-01T00:00:00Z"}"#,
            "/validUntil",
        ),
    ] {
        refused(&mut ledger, admin(), function, &[json], 400, words);
    }
    for (member, value, words) in [
        ("publicKey", "z6Mk", "/publicKey"),
        ("issuerId", "https://x.example", "/issuerId"),
        ("issuerName", " ", "/issuerName"),
        ("statusLists", "https://x.example/", "/statusLists"),
    ] {
        let mut proposal = issuer_key();
        proposal[member] = value.into();
        refused(
            &mut ledger,
            certification_admin(),
            "issuerKey:propose",
            &[&proposal.to_string()],
            400,
            words,
        );
    }
}

#[test]
fn every_broken_rule_of_a_request_is_named_in_the_order_of_its_fields() {
    let mut ledger = issued();
    let admin = accreditation_admin;
    refused(
        &mut ledger,
        admin(),
        "accreditation:register",
        &[r#"{"validUntil":"soon","number":"","remark":"","validFrom":"2026-01-01","body":7}"#],
        400,
        "accreditation:register: 6 rules broken\n\
         /remark is \"\": is not a member here; members are body, schemeId, number, validFrom, validUntil, scope\n\
         /body is 7: must be an organisation's MSP id\n\
         /schemeId is absent: is required\n\
         /number is \"\": must be a text of 1 to 200 characters, none of them invisible\n\
         /validFrom is \"2026-01-01\": must be a UTC date-time in whole seconds, such as \"2026-01-31T12:00:00Z\"\n\
         /validUntil is \"soon\": must be a UTC date-time in whole seconds, such as \"2026-01-31T12:00:00Z\"",
    );
    refused(
        &mut ledger,
        certification_admin(),
        "issuerKey:propose",
        &[r#"{"publicKey":"z6Mk","issuerId":"x","issuerName":" ","statusLists":"y"}"#],
        400,
        "issuerKey:propose: 4 rules broken\n/publicKey is \"z6Mk\": must be an Ed25519 public key as Multikey text (z6Mk…)\n\
         /issuerId is \"x\": must be a did:web identifier\n\
         /issuerName is \" \": must be a text of 1 to 200 characters, none of them invisible\n\
         /statusLists is \"y\": must be a web address without a slash at its end",
    );
    refused(
        &mut ledger,
        admin(),
        "accreditation:suspend",
        &["CertBodyMSP", "urn:x:y", "some", ""],
        400,
        "2 rules broken\n/effect is \"some\": must be one of newGrants, allCertificates\n/reason is \"\": must be",
    );
    for function in ["certificate:stop", "certificate:lift", "certificate:withdraw"] {
        refused(
            &mut ledger,
            decision_maker(),
            function,
            &["x", ""],
            400,
            "2 rules broken\n/certificate is \"x\": is no certificate: a certificate code has 27 letters and digits, here \
             are 1\n/reason is \"\": must be",
        );
    }
}

#[test]
fn of_very_many_broken_rules_some_are_named_and_all_are_counted() {
    let mut ledger = issued();
    let standards: Vec<String> = (0..32).map(|index| format!("standard {index}")).collect();
    let request =
        serde_json::json!({"id": "x", "version": "1", "title": "t", "standards": standards}).to_string();
    let words = "33 rules broken\n/id is \"x\": must be an absolute URI\n/standards/0 is";
    refused(&mut ledger, accreditation_admin(), "scheme:register", &[&request], 400, words);
    let last = "\n/standards/18 is \"standard 18\": must be an absolute URI\n… and 13 more";
    refused(&mut ledger, accreditation_admin(), "scheme:register", &[&request], 400, last);
}

#[test]
fn calls_that_are_no_calls() {
    let mut ledger = issued();
    let code = code(1).to_string();
    let caller = certification_client;
    refused(&mut ledger, caller(), "certificate:destroy", &[], 404, "no such function");
    refused(&mut ledger, caller(), "certificate:issue", &[], 400, "takes 1 arguments (document), here are 0");
    refused(&mut ledger, caller(), "certificate:get", &[&code, NOW, "x"], 400, "here are 3");
    refused(&mut ledger, caller(), "certificate:get", &[&code, "yesterday"], 400, "at is \"yesterday\"");
    refused(
        &mut ledger,
        caller(),
        "certificate:get",
        &[&["1"; 9].concat()],
        400,
        "27 letters and digits, here are 9",
    );
    let mistyped = code.replacen('0', "1", 1);
    refused(&mut ledger, caller(), "certificate:get", &[&mistyped], 400, "mistyped");
    let unknown = common::code(9).to_string();
    for (function, rest) in
        [("get", None), ("document", None), ("history", None), ("stop", Some("x")), ("withdraw", Some("x"))]
    {
        let arguments: Vec<&str> = [Some(unknown.as_str()), rest].into_iter().flatten().collect();
        refused(&mut ledger, caller(), &format!("certificate:{function}"), &arguments, 404, "no certificate");
    }
    refused(&mut ledger, caller(), "certificate:stop", &[&code, " "], 400, "/reason is \" \"");
    refused(
        &mut ledger,
        caller(),
        "certificate:stop",
        &[&code, &"x".repeat(501)],
        400,
        "1 to 500 characters",
    );
    refused(&mut ledger, caller(), "certificate:issue", &[&"x".repeat(70_000)], 400, "70000 bytes");
    refused(&mut ledger, caller(), "scheme:list", &["a"; 9], 400, "too many");
    let response = {
        ledger.begin(caller(), now());
        block_on(ledger.run("certificate:get", &[vec![0xff].into()]))
    };
    assert_eq!(
        (response.status, response.message.as_str()),
        (400, "certificate:get: an argument is not UTF-8 text")
    );
}

#[test]
fn laboratories_are_registered_suspended_and_restored() {
    let mut ledger = ready();
    let mut request = json!({
        "organisation": "LabMSP", "number": "LAB-7", "methods": ["TEM", "BET"],
        "validFrom": now().plus_days(-10), "validUntil": now().plus_days(10),
    });
    let answer = done(&mut ledger, accreditor(), "laboratory:register", &[&request.to_string()]);
    assert_eq!((&answer["registered"]["role"], &answer["methods"][1]), (&json!("accreditor"), &json!("BET")));
    let again = [request.to_string()];
    refused(&mut ledger, accreditor(), "laboratory:register", &[&again[0]], 409, "is registered");
    request["methods"] = json!(vec!["x"; 33]);
    request["organisation"] = "".into();
    let words = "2 rules broken\n/organisation is \"\": must be an organisation's MSP id\n/methods is";
    refused(&mut ledger, accreditor(), "laboratory:register", &[&request.to_string()], 400, words);
    refused(&mut ledger, accreditor(), "laboratory:restore", &["LabMSP", "why"], 409, "is not suspended");
    done(&mut ledger, accreditor(), "laboratory:suspend", &["LabMSP", "audit"]);
    refused(&mut ledger, accreditor(), "laboratory:suspend", &["LabMSP", "again"], 409, "is suspended");
    done(&mut ledger, accreditation_admin(), "laboratory:restore", &["LabMSP", "all is well"]);
    let answer = done(&mut ledger, creator("CustomsMSP", Role::Client), "laboratory:get", &["LabMSP"]);
    assert_eq!(answer["suspensions"][0]["lifted"]["reason"], "all is well");
    refused(&mut ledger, accreditor(), "laboratory:get", &["CertBodyMSP"], 404, "is not registered");
    let list = done(&mut ledger, accreditor(), "laboratory:list", &[]);
    assert_eq!(list, json!([answer]));
}
