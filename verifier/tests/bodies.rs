//! Several certification bodies on one channel, each with a chaincode of its own: whose records speak for whom.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::chaincode::REGISTRY;
use certificate::parties::{ACCREDITATION_BODY, CERTIFICATION_BODY};
use certificate::record::{
    Accreditation, AccreditationSuspension, Activity, Adopted, BodyEnd, Certificate, Conclusion, Effect,
    Former, FormerTerm, Ledger, Scope, Stop, Successor, Superseded, Surveillance, Suspension, Term,
    Withdrawal,
};
use certificate::{Code, demo, keys};
use common::{BOTH, CHANNEL, Draft, World, code, event, put, start};
use fabric::proto::kvrwset::{KvWrite, KvrwSet};
use fabric::proto::protos::TxValidationCode;
use serde_json::Value;
use sha2::{Digest, Sha256};

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
        term: Term {
            number: "A-1".into(),
            valid_from: start().plus_days(-60),
            valid_until: start().plus_days(365),
        },
        registered: event(start(), "why"),
        suspensions: suspended.then_some(suspension).into_iter().collect(),
        scope: Scope::default(),
        former_scopes: Vec::new(),
        former_terms: Vec::new(),
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

/// An accreditation that was renewed lets its body go on, and an answer shows the term of its moment.
#[tokio::test]
async fn a_renewed_accreditation_goes_on() {
    let world = World::new();
    bind(&world, OTHER, OTHER_BODY, OTHER_BOTH);
    let held = accreditation(OTHER_BODY, "urn:s", false);
    register(&world, REGISTRY, &[ACCREDITATION_BODY], &held);
    issue(&world, OTHER, OTHER_BODY, "urn:s", 1);
    let end = held.term.valid_until;
    world.set_time(end.plus_days(1));
    issue(&world, OTHER, OTHER_BODY, "urn:s", 2);
    assert_eq!(answer(&world, code(2)).await["reasons"][0]["cause"], "issuedOutsideAccreditation");

    let next = Term { number: "A-2".into(), valid_from: end, valid_until: end.plus_days(365) };
    let renewed = event(end.plus_days(1), "assessed anew");
    let former_terms = vec![FormerTerm { term: held.term.clone(), renewed }];
    let renewed = Accreditation { term: next, former_terms, ..held };
    register(&world, REGISTRY, &[ACCREDITATION_BODY], &renewed);
    issue(&world, OTHER, OTHER_BODY, "urn:s", 3);
    let found = answer(&world, code(3)).await;
    let shown =
        |found: &Value| (found["accreditation"]["number"].clone(), found["accreditation"]["inForce"].clone());
    assert_eq!(shown(&found), ("A-2".into(), true.into()), "{found}");
    // What was issued between the terms stays outside.
    assert_eq!(answer(&world, code(2)).await["reasons"][0]["cause"], "issuedOutsideAccreditation");
    let then = world.serve().await.json(&format!("/c/{}?at={}", code(1), end.plus_days(-1))).await.1;
    assert_eq!(shown(&then), ("A-1".into(), true.into()), "{then}");
}

const THIRD_BODY: &str = "IndustryMSP";
const THIRD: &str = "nanotrace-third";
const THIRD_BOTH: &[&str] = &[THIRD_BODY, ACCREDITATION_BODY];

/// The accreditation body declares the end of the first body.
fn end(successors: &[&str], now: certificate::DateTime) -> BodyEnd {
    let named = |successor: &&str| Successor {
        successor: (*successor).into(),
        chaincode: OTHER.into(),
        named: event(now, "It gave up its business"),
    };
    BodyEnd { body: CERTIFICATION_BODY.into(), successors: successors.iter().map(named).collect() }
}

fn declare(world: &World, namespace: &str, endorsers: &[&str], end: &BodyEnd) {
    write(world, namespace, endorsers, vec![put(keys::ended(CERTIFICATION_BODY), end.encode())]);
}

/// The adoption that a successor's contract writes.
fn adopted(world: &World, code: Code) -> Adopted {
    let reading = world.model.read(world.now(), 86_400).unwrap();
    let entry = reading.entry(code).unwrap();
    let document = entry.map(|entry| entry.certificate.document).unwrap_or_default();
    Adopted {
        body: CERTIFICATION_BODY.into(),
        document: hex::encode(Sha256::digest(&document)),
        scheme_id: demo::SCHEME_ID.into(),
        surveillance: None,
        adopted: event(world.now(), "Taken over"),
    }
}

fn adopt(world: &World, chaincode: &str, both: &[&str], code: Code, adopted: &Adopted) {
    let mut writes = vec![put(keys::adopted(code), adopted.encode())];
    writes.push(put(keys::stop(code, both[0]), Stop::default().encode()));
    writes.push(put(keys::withdrawal(code, both[0]), Withdrawal::default().encode()));
    write(world, chaincode, both, writes);
}

/// A certificate of the first body, and another body that is accredited for its scheme.
fn with_a_successor() -> (World, Code) {
    let mut world = World::new();
    let code = world.issue(1, |_| {});
    bind(&world, OTHER, OTHER_BODY, OTHER_BOTH);
    let held = accreditation(OTHER_BODY, demo::SCHEME_ID, false);
    register(&world, REGISTRY, &[ACCREDITATION_BODY], &held);
    (world, code)
}

fn taken_over() -> (World, Code) {
    let (world, code) = with_a_successor();
    world.set_time(start().plus_days(10));
    declare(&world, REGISTRY, &[ACCREDITATION_BODY], &end(&[OTHER_BODY], world.now()));
    adopt(&world, OTHER, OTHER_BOTH, code, &adopted(&world, code));
    (world, code)
}

fn withdrawn(world: &World, chaincode: &str, body: &str, code: Code) {
    let record = Withdrawal { withdrawn: Some(event(world.now(), "It is dangerous")) };
    write(world, chaincode, &[body], vec![put(keys::withdrawal(code, body), record.encode())]);
}

#[tokio::test]
async fn a_certificate_that_was_taken_over_follows_its_successor() {
    let (world, code) = taken_over();
    let found = answer(&world, code).await;
    assert_eq!((&found["result"], &found["responsible"]), (&"valid".into(), &OTHER_BODY.into()), "{found}");
    assert_eq!(found["adoptions"][0]["by"], OTHER_BODY);
    assert_eq!(found["adoptions"][0]["why"], "Taken over");
    assert_eq!(found["accreditation"]["inForce"], false, "the body that issued it decides nothing more");
    let page = world.serve().await.get(&format!("/c/{code}")).await;
    page.says("took it over on").says("from the certification body (CertBodyMSP), which has ended");
    let before = world.serve().await.json(&format!("/c/{code}?at={}", start().plus_days(5))).await.1;
    assert_eq!((&before["result"], &before["responsible"]), (&"valid".into(), &CERTIFICATION_BODY.into()));

    // The successor suspends and lifts, alone and with the accreditation body.
    let suspension = |lifted| Suspension { placed: event(world.now(), "A closer look"), lifted };
    let stop = Stop { suspensions: vec![suspension(None)] };
    write(&world, OTHER, &[OTHER_BODY], vec![put(keys::stop(code, OTHER_BODY), stop.encode())]);
    let found = answer(&world, code).await;
    assert_eq!(found["reasons"][0]["cause"], "suspended");
    assert_eq!(found["reasons"][0]["by"], OTHER_BODY);
    let stop = Stop { suspensions: vec![suspension(Some(event(world.now(), "All is well")))] };
    write(&world, OTHER, OTHER_BOTH, vec![put(keys::stop(code, OTHER_BODY), stop.encode())]);
    assert_eq!(answer(&world, code).await["result"], "valid");

    // It rests on the successor's accreditation from now on, and did not before.
    let suspended = accreditation(OTHER_BODY, demo::SCHEME_ID, true);
    register(&world, REGISTRY, &[ACCREDITATION_BODY], &suspended);
    assert_eq!(answer(&world, code).await["reasons"][0]["cause"], "accreditationSuspended");
    let before = world.serve().await.json(&format!("/c/{code}?at={}", start().plus_days(5))).await.1;
    assert_eq!(before["result"], "valid", "{before}");
    withdrawn(&world, OTHER, OTHER_BODY, code);
    assert_eq!(answer(&world, code).await["reasons"][0]["cause"], "withdrawn");
    let before = world.serve().await.json(&format!("/c/{code}?at={}", start().plus_days(5))).await.1;
    assert_eq!(before["result"], "valid", "old certificates stay verifiable: {before}");
}

/// What the dissolved body and the accreditation body stopped stays stopped; a certificate of the successor takes its place.
#[tokio::test]
async fn a_standing_stop_ends_by_superseding_alone() {
    let (mut world, code) = with_a_successor();
    let text = code.to_string();
    world.submit(common::decision_maker(), "certificate:stop", &[&text, "A closer look"]);
    declare(&world, REGISTRY, &[ACCREDITATION_BODY], &end(&[OTHER_BODY], world.now()));
    adopt(&world, OTHER, OTHER_BOTH, code, &adopted(&world, code));
    let found = answer(&world, code).await;
    assert_eq!((&found["result"], &found["responsible"]), (&"notValid".into(), &OTHER_BODY.into()));
    assert_eq!(found["reasons"][0]["by"], CERTIFICATION_BODY);
    // Neither a stop of the successor that was lifted nor a surveillance frees it.
    let now = || event(world.now(), "why");
    let lifted = Stop { suspensions: vec![Suspension { placed: now(), lifted: Some(now()) }] };
    let done = Activity { conclusion: Some(Conclusion::Conforming), due: None, event: now() };
    let surveillance = Surveillance { activities: vec![done] };
    let writes = vec![
        put(keys::stop(code, OTHER_BODY), lifted.encode()),
        put(keys::surveillance(code), surveillance.encode()),
    ];
    write(&world, OTHER, OTHER_BOTH, writes);
    assert_eq!(answer(&world, code).await["reasons"][0]["cause"], "suspended");

    issue(&world, OTHER, OTHER_BODY, demo::SCHEME_ID, 2);
    let superseded = Superseded { superseded_by: common::code(2), event: now() };
    write(&world, OTHER, OTHER_BOTH, vec![put(keys::superseded(code), superseded.encode())]);
    let found = answer(&world, code).await;
    assert_eq!(found["reasons"][0]["cause"], "superseded", "{found}");
    assert_eq!(found["reasons"][0]["supersededBy"], common::code(2).to_string());
    assert_eq!(answer(&world, common::code(2)).await["result"], "valid");
}

/// Two bodies' peers that endorse anything, the accreditation body's among them: what does not agree with the rest of the
/// ledger makes nobody responsible, and stops nothing.
#[tokio::test]
async fn an_adoption_that_does_not_agree_with_the_ledger_counts_for_nothing() {
    type Attack<'a> = &'a dyn Fn(&World, Code);
    let alone: &[&str] = &[ACCREDITATION_BODY];
    let usual = |world: &World, code: Code| adopt(world, OTHER, OTHER_BOTH, code, &adopted(world, code));
    let ended = |world: &World| declare(world, REGISTRY, alone, &end(&[OTHER_BODY], world.now()));
    let attacks: &[(&str, Attack<'_>)] = &[
        ("the body goes on", &usual),
        ("another is named", &|world, code| {
            declare(world, REGISTRY, alone, &end(&[OTHER_BODY, THIRD_BODY], world.now()));
            usual(world, code);
        }),
        ("the end is declared in the puppet's own namespace", &|world, code| {
            declare(world, OTHER, OTHER_BOTH, &end(&[OTHER_BODY], world.now()));
            usual(world, code);
        }),
        ("the end is declared afterwards", &|world, code| {
            usual(world, code);
            ended(world);
        }),
        ("another document", &|world, code| {
            ended(world);
            let document = "00".repeat(32);
            adopt(world, OTHER, OTHER_BOTH, code, &Adopted { document, ..adopted(world, code) });
        }),
        ("another body's certificate", &|world, code| {
            ended(world);
            let body = THIRD_BODY.to_owned();
            adopt(world, OTHER, OTHER_BOTH, code, &Adopted { body, ..adopted(world, code) });
        }),
        ("not accredited any more", &|world, code| {
            ended(world);
            let valid_until = world.now().plus_days(-1);
            let held = accreditation(OTHER_BODY, demo::SCHEME_ID, false);
            let over = Accreditation { term: Term { valid_until, ..held.term.clone() }, ..held };
            register(world, REGISTRY, alone, &over);
            usual(world, code);
        }),
        ("accredited for something else", &|world, code| {
            ended(world);
            let scope = Scope { standards: vec!["urn:x:y".into()], categories: Vec::new() };
            let other = Accreditation { scope, ..accreditation(OTHER_BODY, demo::SCHEME_ID, false) };
            register(world, REGISTRY, alone, &other);
            usual(world, code);
        }),
        ("a body that is not accredited", &|world, code| {
            bind(world, THIRD, THIRD_BODY, THIRD_BOTH);
            declare(world, REGISTRY, alone, &end(&[THIRD_BODY], world.now()));
            adopt(world, THIRD, THIRD_BOTH, code, &adopted(world, code));
        }),
        ("a chaincode that is no body's", &|world, code| {
            ended(world);
            adopt(world, THIRD, OTHER_BOTH, code, &adopted(world, code));
        }),
        ("the chaincode that issued it", &|world, code| {
            declare(world, REGISTRY, alone, &end(&[CERTIFICATION_BODY], world.now()));
            write(world, CHANNEL, BOTH, vec![put(keys::adopted(code), adopted(world, code).encode())]);
        }),
        ("what cannot be read", &|world, code| {
            ended(world);
            write(world, OTHER, OTHER_BOTH, vec![put(keys::adopted(code), b"\xffgarbage".to_vec())]);
        }),
    ];
    for (told, attack) in attacks {
        let (world, code) = with_a_successor();
        attack(&world, code);
        for (chaincode, body) in [(OTHER, OTHER_BODY), (THIRD, THIRD_BODY)] {
            withdrawn(&world, chaincode, body, code);
        }
        let found = answer(&world, code).await;
        assert_eq!(
            (&found["result"], &found["responsible"]),
            (&"valid".into(), &CERTIFICATION_BODY.into()),
            "{told}"
        );
        assert!(found["adoptions"].is_null(), "{told}: {found}");
    }
}

/// A code that is no certificate's is none by its adoption, and none that is issued later is taken over by it.
#[tokio::test]
async fn what_was_never_issued_is_taken_over_by_nobody() {
    let (mut world, _) = with_a_successor();
    declare(&world, REGISTRY, &[ACCREDITATION_BODY], &end(&[OTHER_BODY], world.now()));
    adopt(&world, OTHER, OTHER_BOTH, code(7), &adopted(&world, code(7)));
    assert_eq!(answer(&world, code(7)).await["result"], "unknown");
    // What both bodies issue past the contract in the name of the one that has ended.
    issue(&world, CHANNEL, CERTIFICATION_BODY, demo::SCHEME_ID, 7);
    let found = answer(&world, code(7)).await;
    assert_eq!(found["reasons"][0]["cause"], "issuedOutsideAccreditation", "{found}");
    assert_eq!(found["responsible"], CERTIFICATION_BODY);
    world.tick();
}

/// Dated back or ahead: it counts from a quarter of an hour before its block at the earliest, and not from the future.
#[tokio::test]
async fn an_adoption_counts_from_its_block() {
    for (claimed, expected) in [
        ("1970-01-01T00:00:00Z", start().plus_days(10).plus_seconds(-900)),
        ("9999-12-31T23:59:59Z", start().plus_days(10)),
    ] {
        let (world, code) = with_a_successor();
        world.set_time(start().plus_days(10));
        declare(&world, REGISTRY, &[ACCREDITATION_BODY], &end(&[OTHER_BODY], world.now()));
        let claimed = certificate::DateTime::parse(claimed).unwrap();
        adopt(
            &world,
            OTHER,
            OTHER_BOTH,
            code,
            &Adopted { adopted: event(claimed, "why"), ..adopted(&world, code) },
        );
        let found = answer(&world, code).await;
        assert_eq!(found["adoptions"][0]["effectiveAt"], expected.to_string());
        let before = expected.plus_seconds(-1);
        let before = world.serve().await.json(&format!("/c/{code}?at={before}")).await.1;
        assert_eq!(before["responsible"], CERTIFICATION_BODY);
    }
}

/// The accreditation body names another successor: both may stop it, and what the first stopped stays so. An adoption is
/// neither dated anew nor taken back by what is written over it.
#[tokio::test]
async fn a_second_successor_takes_over_and_the_first_stop_stays() {
    let (world, code) = taken_over();
    let first = answer(&world, code).await["adoptions"][0].clone();
    for value in [Some(Adopted { adopted: event(start(), "other"), ..adopted(&world, code) }.encode()), None]
    {
        let key = keys::adopted(code);
        let written = match value {
            Some(value) => put(key, value),
            None => KvWrite { key, is_delete: true, ..KvWrite::default() },
        };
        write(&world, OTHER, OTHER_BOTH, vec![written]);
        assert_eq!(answer(&world, code).await["adoptions"], serde_json::json!([first]));
    }
    let stop = Stop { suspensions: vec![Suspension { placed: event(world.now(), "why"), lifted: None }] };
    write(&world, OTHER, &[OTHER_BODY], vec![put(keys::stop(code, OTHER_BODY), stop.encode())]);
    world.set_time(start().plus_days(20));
    bind(&world, THIRD, THIRD_BODY, THIRD_BOTH);
    register(&world, REGISTRY, &[ACCREDITATION_BODY], &accreditation(THIRD_BODY, demo::SCHEME_ID, false));
    let named = end(&[OTHER_BODY, THIRD_BODY], world.now());
    declare(&world, REGISTRY, &[ACCREDITATION_BODY], &named);
    adopt(&world, THIRD, THIRD_BOTH, code, &adopted(&world, code));
    let found = answer(&world, code).await;
    assert_eq!(
        (&found["result"], &found["responsible"]),
        (&"notValid".into(), &THIRD_BODY.into()),
        "{found}"
    );
    assert_eq!(found["reasons"][0]["by"], OTHER_BODY);
    withdrawn(&world, THIRD, THIRD_BODY, code);
    assert_eq!(answer(&world, code).await["reasons"][0]["by"], THIRD_BODY);
}
