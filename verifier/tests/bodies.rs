//! Several certification bodies on one channel, each with a chaincode of its own: whose records speak for whom.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::chaincode::REGISTRY;
use certificate::parties::{ACCREDITATION_BODY, CERTIFICATION_BODY};
use certificate::record::{
    Accreditation, AccreditationSuspension, Certificate, Effect, Former, Ledger, Scope, Stop, Suspension,
    Withdrawal,
};
use certificate::{Code, demo, keys};
use common::{BOTH, CHANNEL, Draft, World, code, event, put, start};
use fabric::proto::kvrwset::{KvWrite, KvrwSet};
use fabric::proto::protos::TxValidationCode;
use serde_json::Value;

const OTHER_BODY: &str = "LabMSP";
const OTHER_BOTH: &[&str] = &[OTHER_BODY, ACCREDITATION_BODY];
const OTHER: &str = "nanotrace-other";

/// A transaction that the peers of these organisations endorse, whatever their contract would say.
fn write(world: &World, namespace: &str, endorsers: &[&str], writes: Vec<KvWrite>) {
    let rwset = KvrwSet { writes, ..KvrwSet::default() };
    let draft = Draft { namespace, rwset, claimed: world.now(), endorsers, forged_endorsers: &[] };
    world.model.apply(&world.commit_all(vec![(draft, TxValidationCode::Valid)])).unwrap();
    world.confirm();
}

fn bind(world: &World, chaincode: &str, body: &str, endorsers: &[&str]) {
    let genesis = verifier::fingerprint(&world.genesis);
    let ledger =
        Ledger { channel: CHANNEL.into(), genesis, bound: event(world.now(), "why"), body: body.into() };
    write(world, chaincode, endorsers, vec![put(keys::LEDGER.into(), ledger.encode())]);
}

/// What an issue writes.
fn issue(world: &World, chaincode: &str, body: &str, scheme_id: &str, number: u8) -> Vec<KvWrite> {
    let certificate = Certificate {
        body: body.into(),
        scheme_id: scheme_id.into(),
        valid_from: start(),
        valid_until: start().plus_days(365),
        issued: event(world.now(), "why"),
        application: None,
        surveillance: None,
        category: Some("paint".into()),
        document: world.document(number, |_| {}).into(),
    };
    let code = code(number);
    let mut writes = vec![put(keys::certificate(code), certificate.encode())];
    for organisation in [body, ACCREDITATION_BODY] {
        writes.push(put(keys::stop(code, organisation), Stop::default().encode()));
        writes.push(put(keys::withdrawal(code, organisation), Withdrawal::default().encode()));
    }
    let endorsers = if chaincode == CHANNEL { BOTH } else { OTHER_BOTH };
    write(world, chaincode, endorsers, writes.clone());
    writes
}

fn accreditation(body: &str, scheme_id: &str, suspended: bool) -> Accreditation {
    let placed = event(start(), "why");
    let suspension = AccreditationSuspension { effect: Effect::AllCertificates, placed, lifted: None };
    Accreditation {
        body: body.into(),
        scheme_id: scheme_id.into(),
        number: "A-1".into(),
        valid_from: start().plus_days(-60),
        valid_until: start().plus_days(365),
        registered: event(start(), "why"),
        suspensions: suspended.then_some(suspension).into_iter().collect(),
        scope: Scope::default(),
        former_scopes: Vec::new(),
    }
}

fn register(world: &World, chaincode: &str, endorsers: &[&str], accreditation: &Accreditation) {
    let key = keys::accreditation(&accreditation.body, &accreditation.scheme_id);
    write(world, chaincode, endorsers, vec![put(key, accreditation.encode())]);
}

async fn answer(world: &World, code: Code) -> Value {
    world.serve().await.json(&format!("/c/{code}")).await.1
}

#[tokio::test]
async fn a_bodys_certificates_rest_on_its_own_binding_and_its_own_accreditation() {
    let world = World::new();
    bind(&world, OTHER, OTHER_BODY, OTHER_BOTH);
    register(&world, REGISTRY, &[ACCREDITATION_BODY], &accreditation(OTHER_BODY, "urn:s", false));
    issue(&world, OTHER, OTHER_BODY, "urn:s", 1);
    let found = answer(&world, code(1)).await;
    assert_eq!(
        (found["result"].as_str(), found["accreditation"]["body"].as_str()),
        (Some("valid"), Some(OTHER_BODY)),
        "{found}"
    );

    register(&world, REGISTRY, &[ACCREDITATION_BODY], &accreditation(OTHER_BODY, "urn:s", true));
    let found = answer(&world, code(1)).await;
    assert_eq!(found["reasons"][0]["cause"], "accreditationSuspended", "{found}");
    assert_eq!(found["reasons"][0]["by"], ACCREDITATION_BODY);
}

/// The accreditation body and another one define a chaincode and write into it what they like: nothing in it is taken for
/// the first body's.
#[tokio::test]
async fn a_chaincode_of_the_accreditation_body_and_a_puppet_speaks_for_no_other_body() {
    let world = World::new();
    bind(&world, OTHER, CERTIFICATION_BODY, OTHER_BOTH);
    issue(&world, OTHER, CERTIFICATION_BODY, demo::SCHEME_ID, 1);
    assert_eq!(answer(&world, code(1)).await["result"], "unknown", "the body did not endorse that binding");

    bind(&world, OTHER, OTHER_BODY, OTHER_BOTH);
    issue(&world, OTHER, CERTIFICATION_BODY, demo::SCHEME_ID, 2);
    let found = answer(&world, code(2)).await;
    assert_eq!(found["result"], "cannotTell", "it names another body than its chaincode's: {found}");
    assert!(world.ledger_time().is_some_and(|time| time <= world.now()));
}

/// What the accreditation body alone writes is no certificate, whatever a puppet endorsed of it.
#[tokio::test]
async fn the_registry_has_no_certificates() {
    let world = World::new();
    bind(&world, REGISTRY, OTHER_BODY, OTHER_BOTH);
    issue(&world, REGISTRY, OTHER_BODY, demo::SCHEME_ID, 1);
    assert_eq!(answer(&world, code(1)).await["result"], "unknown");
}

/// Ledger time that two bodies in league move ahead is theirs alone.
#[test]
fn each_body_has_a_ledger_time_of_its_own() {
    let world = World::new();
    bind(&world, OTHER, OTHER_BODY, OTHER_BOTH);
    let before = world.ledger_time();
    let ahead = start().plus_days(365);
    let draft = Draft {
        namespace: OTHER,
        rwset: KvrwSet::default(),
        claimed: ahead,
        endorsers: OTHER_BOTH,
        forged_endorsers: &[],
    };
    world.model.apply(&world.commit_all(vec![(draft, TxValidationCode::Valid)])).unwrap();
    assert_eq!(world.ledger_time(), before);
    assert!(world.model.ledger_times().contains(&(OTHER.to_owned(), Some(ahead))));
}

#[tokio::test]
async fn a_code_belongs_to_the_chaincode_that_carried_it_first() {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    bind(&world, OTHER, OTHER_BODY, OTHER_BOTH);
    register(&world, REGISTRY, &[ACCREDITATION_BODY], &accreditation(OTHER_BODY, "urn:s", false));
    issue(&world, OTHER, OTHER_BODY, "urn:s", 1);
    let stop = Stop { suspensions: vec![Suspension { placed: event(world.now(), "why"), lifted: None }] };
    write(&world, OTHER, &[OTHER_BODY], vec![put(keys::stop(code, OTHER_BODY), stop.encode())]);
    let found = answer(&world, code).await;
    assert_eq!(
        (found["result"].as_str(), found["accreditation"]["body"].as_str()),
        (Some("valid"), Some(CERTIFICATION_BODY))
    );

    let arguments = [code.to_string(), "why".into()];
    world.submit(common::decision_maker(), "certificate:withdraw", &[&arguments[0], &arguments[1]]);
    assert_eq!(answer(&world, code).await["reasons"][0]["cause"], "withdrawn");
}

/// A body's own chaincode had its accreditations when there was no registry.
#[tokio::test]
async fn what_was_registered_before_there_was_a_registry_counts_on() {
    let mut world = World::new();
    let of_registry = world.issue(1, |_| {});
    register(&world, CHANNEL, BOTH, &accreditation(CERTIFICATION_BODY, "urn:old", false));
    issue(&world, CHANNEL, CERTIFICATION_BODY, "urn:old", 2);
    assert_eq!(answer(&world, code(2)).await["result"], "valid");
    for (suspended, result) in [(true, "notValid"), (false, "valid")] {
        let alone = [ACCREDITATION_BODY];
        register(&world, CHANNEL, &alone, &accreditation(CERTIFICATION_BODY, "urn:old", suspended));
        assert_eq!(answer(&world, code(2)).await["result"], result);
    }
    // Registered in both places: what is suspended in one is suspended.
    let earlier = accreditation(CERTIFICATION_BODY, demo::SCHEME_ID, true);
    register(&world, CHANNEL, &[ACCREDITATION_BODY], &earlier);
    assert_eq!(answer(&world, of_registry).await["reasons"][0]["cause"], "accreditationSuspended");
}

/// What both bodies' peers put on the ledger past the contract, outside the scope that the accreditation body has registered.
#[tokio::test]
async fn an_issue_outside_the_scope_is_not_valid() {
    let world = World::new();
    bind(&world, OTHER, OTHER_BODY, OTHER_BOTH);
    let limited = |standards: &[&str], categories: &[&str]| {
        let texts = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let scope = Scope { standards: texts(standards), categories: texts(categories) };
        Accreditation { scope, ..accreditation(OTHER_BODY, "urn:s", false) }
    };
    let standard = demo::scheme()["standards"][0].as_str().unwrap().to_owned();
    let scopes = [
        (limited(&[&standard], &["glass", "paint"]), "valid"),
        (limited(&["urn:x:y"], &[]), "notValid"),
        (limited(&[], &["glass"]), "notValid"),
        (limited(&[], &[]), "valid"),
    ];
    for (number, (accreditation, result)) in (1..).zip(scopes) {
        register(&world, REGISTRY, &[ACCREDITATION_BODY], &accreditation);
        issue(&world, OTHER, OTHER_BODY, "urn:s", number);
        let found = answer(&world, code(number)).await;
        assert_eq!(found["result"], result, "{number}: {found}");
        if result == "notValid" {
            assert_eq!(found["reasons"][0]["cause"], "issuedOutsideAccreditation");
        }
    }

    // A change of scope leaves what was issued, and is said by date.
    world.set_time(start().plus_days(10));
    let ended = event(start().plus_days(5), "narrower");
    let former_scopes = vec![Former { scope: Scope::default(), ended }];
    let narrower = Accreditation { former_scopes, ..limited(&[], &["glass"]) };
    register(&world, REGISTRY, &[ACCREDITATION_BODY], &narrower);
    let found = answer(&world, code(1)).await;
    assert_eq!((found["result"].as_str(), found["category"].as_str()), (Some("valid"), Some("paint")));
    let accreditation = |found: &Value, member: &str| found["accreditation"][member].as_bool();
    assert_eq!([accreditation(&found, "inScope"), accreditation(&found, "inForce")], [Some(false); 2]);
    let page = world.serve().await.get(&format!("/c/{}", code(1))).await;
    page.says("in force for other products or standards").says("Product category").says("paint");
    let then = world.serve().await.json(&format!("/c/{}?at={}", code(1), start().plus_days(4))).await.1;
    assert_eq!([accreditation(&then, "inScope"), accreditation(&then, "inForce")], [Some(true); 2]);
}
