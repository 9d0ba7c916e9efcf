//! The binary form of the records: it returns what was written, and it never changes, because ledgers outlive
//! programs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use bytes::Bytes;
use certificate::parties::{ACCREDITATION_BODY, CERTIFICATION_BODY};
use certificate::record::{
    About, Accreditation, AccreditationSuspension, Act, Activity, Adopted, Anchor, Application,
    ApplicationState, BodyEnd, Certificate, Complaint, ComplaintKind, ComplaintState, ComplaintStep,
    Compromise, Conclusion, Confidential, Decision, Declaration, Effect, Event, FieldHash, Former,
    FormerTerm, Hold, IssuerKey, Laboratory, Ledger, Recommendation, RecordError, Reservation, Scheme, Scope,
    Status, Step, Stop, Successor, Surveillance, SurveillanceRule, Suspension, Term, TestReport, Withdrawal,
};
use certificate::{Code, DateTime};
use proptest::prelude::*;

/// As the contract writes it: visible texts. `by` is of the one organisation that owns the records here.
fn event() -> impl Strategy<Value = Event> {
    (any::<i64>(), "[a-z,-]{0,40}", "[0-9A-Za-z._-]{0,64}", "[ -~é日]{0,80}", "[0-9a-f]{0,64}").prop_map(
        |(seconds, role, person, reason, transaction_id)| Event {
            effective_at: DateTime::from_seconds(seconds),
            by: ACCREDITATION_BODY.to_owned(),
            role,
            person,
            reason,
            transaction_id,
        },
    )
}

fn suspension() -> impl Strategy<Value = Suspension> {
    (event(), prop::option::of(event())).prop_map(|(placed, lifted)| Suspension { placed, lifted })
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        event in event(), other in prop::option::of(event()), texts in prop::array::uniform5("[ -~é日]{0,80}"), seconds: [i64; 2],
        document: Vec<u8>, list in prop::collection::vec(".*", 0..5), suspensions in prop::collection::vec(suspension(), 0..5),
    ) {
        let [a, b, c, d, e] = texts;
        let [from, until] = seconds.map(DateTime::from_seconds);
        let certificate = Certificate {
            body: a.clone(), scheme_id: b.clone(), valid_from: from, valid_until: until, issued: event.clone(), document: document.into(),
            application: list.first().map(|_| Code::from_random([7; 16])),
            surveillance: list.first().map(|_| SurveillanceRule { every_days: 365, grace_days: Some(30) }),
            category: list.first().map(|_| c.clone()),
        };
        prop_assert_eq!(Certificate::decode(&certificate.encode().into()), Ok(certificate));
        let term = Term { number: c.clone(), valid_from: from, valid_until: until };
        let former_terms: Vec<_> = other.iter().map(|renewed| FormerTerm { term: term.clone(), renewed: renewed.clone() }).collect();
        let accreditation = Accreditation {
            body: a.clone(), scheme_id: b.clone(), term: term.clone(),
            registered: event.clone(),
            suspensions: suspensions.iter().map(|suspension| AccreditationSuspension {
                effect: if suspension.lifted.is_some() { Effect::NewGrants } else { Effect::AllCertificates },
                placed: suspension.placed.clone(),
                lifted: suspension.lifted.clone(),
            }).collect(),
            scope: Scope { standards: vec![a.clone()], categories: vec![b.clone(), c.clone()] },
            former_scopes: other.iter().map(|ended| Former { scope: Scope::default(), ended: ended.clone() }).collect(),
            former_terms: former_terms.clone(),
        };
        prop_assert_eq!(Accreditation::decode(&accreditation.encode().into(), ACCREDITATION_BODY), Ok(accreditation));
        let scheme = Scheme {
            id: a.clone(), version: b.clone(), title: c.clone(), standards: list, registered: event.clone(),
            direct_issue: seconds[0] > 0, reviewer_may_decide: seconds[1] > 0,
            surveillance: (seconds[0] > 0).then_some(SurveillanceRule { every_days: 365, grace_days: None }),
        };
        prop_assert_eq!(Scheme::decode(&scheme.encode().into()), Ok(scheme));
        let key = IssuerKey {
            body: a.clone(), public_key: b.clone(), issuer_id: c, issuer_name: d, status_lists: e, proposed: event.clone(),
            approved: other.clone(), revoked: other.clone(),
        };
        prop_assert_eq!(IssuerKey::decode(&key.encode().into()), Ok(key));
        let laboratory = Laboratory {
            organisation: a.clone(), methods: vec![a.clone()], term,
            registered: event.clone(), suspensions: suspensions.clone(),
            former_scopes: other.iter().map(|ended| Former { scope: vec![b.clone()], ended: ended.clone() }).collect(),
            former_terms,
        };
        prop_assert_eq!(Laboratory::decode(&laboratory.encode().into()), Ok(laboratory));
        let ledger = Ledger { channel: a.clone(), genesis: b, bound: event, body: a };
        prop_assert_eq!(Ledger::decode(&ledger.encode().into()), Ok(ledger));
        let (stop, withdrawal) = (Stop { suspensions }, Withdrawal { withdrawn: other });
        prop_assert_eq!(Stop::decode(&stop.encode().into(), ACCREDITATION_BODY), Ok(stop));
        prop_assert_eq!(Withdrawal::decode(&withdrawal.encode().into(), ACCREDITATION_BODY), Ok(withdrawal));
    }
}

fn recorded(role: &str, person: &str) -> Event {
    Event {
        effective_at: DateTime::from_seconds(0x0102),
        by: "AMSP".into(),
        role: role.into(),
        person: person.into(),
        reason: "".into(),
        transaction_id: "ff".into(),
    }
}

fn certificate(issued: Event) -> Certificate {
    Certificate {
        body: "A".into(),
        scheme_id: "s".into(),
        valid_from: DateTime::from_seconds(1),
        valid_until: DateTime::from_seconds(-1),
        issued,
        application: None,
        surveillance: None,
        category: None,
        document: Bytes::from_static(b"{}"),
    }
}

/// Before its event.
fn certificate_hex() -> String {
    ["0000000141", "0000000173", &format!("{:016x}", 1), &"f".repeat(16)].concat()
}

/// The newest version, byte for byte.
#[test]
fn the_form_is_frozen() {
    let event = recorded("lab", "p1");
    let event_hex = [
        "0000000000000102",
        "00000004414d5350",
        "000000036c6162",
        "000000027031",
        "00000000",
        "000000026666",
    ];
    let event_hex = event_hex.concat();
    let stop = Stop { suspensions: vec![Suspension { placed: event.clone(), lifted: None }] };
    assert_eq!(hex::encode(stop.encode()), format!("020001{event_hex}00"));
    assert_eq!(hex::encode(Stop::default().encode()), "020000");
    assert_eq!(hex::encode(Withdrawal::default().encode()), "0200");
    let withdrawal = Withdrawal { withdrawn: Some(event.clone()) };
    assert_eq!(hex::encode(withdrawal.encode()), format!("0201{event_hex}"));
    let expected = format!("04{}{event_hex}000000{}", certificate_hex(), "000000027b7d");
    assert_eq!(hex::encode(certificate(event.clone()).encode()), expected);
    let rule = Some(SurveillanceRule { every_days: 10, grace_days: Some(11) });
    let category = Some("x".into());
    let surveilled = Certificate { surveillance: rule, category, ..certificate(event.clone()) };
    let rule_hex = "010000000a010000000b";
    let named = "010000000178";
    let expected = format!("04{}{event_hex}00{rule_hex}{named}{}", certificate_hex(), "000000027b7d");
    assert_eq!(hex::encode(surveilled.encode()), expected);
    let code = Code::from_bytes([0x11; 16]);
    for (hold, hex) in [(Hold::Issued, "01"), (Hold::Reserved, "02"), (Hold::Released, "03")] {
        let status = Status { certificate: code, hold };
        assert_eq!(hex::encode(status.encode()), format!("02{}{hex}", "11".repeat(16)));
        assert_eq!(Status::decode(&status.encode().into()), Ok(status));
    }
    let reservation = Reservation { application: code, stands: true };
    assert_eq!(hex::encode(reservation.encode()), format!("02{}01", "11".repeat(16)));
    let declared = Declaration { compromised_from: DateTime::from_seconds(3), event: event.clone() };
    let compromise = Compromise { declared: Some(declared) };
    assert_eq!(hex::encode(compromise.encode()), format!("0201{:016x}{event_hex}", 3));
    assert_eq!(hex::encode(Compromise::default().encode()), "0200");
    let confidential = Confidential {
        application: code,
        fields: vec![FieldHash("x".into())],
        submitted: vec![event.clone()],
        purged: Some(event.clone()),
    };
    let expected = format!("02{}0001000000017800{}{event_hex}01{event_hex}", "11".repeat(16), "01");
    assert_eq!(hex::encode(confidential.encode()), expected);
    assert_eq!(Confidential::decode(&confidential.encode().into()), Ok(confidential));
    let planned = Activity { conclusion: None, due: Some(DateTime::from_seconds(3)), event: event.clone() };
    let found = |conclusion| Activity { conclusion: Some(conclusion), due: None, event: event.clone() };
    let activities = vec![planned, found(Conclusion::Conforming), found(Conclusion::Nonconforming)];
    let surveillance = Surveillance { activities };
    let expected = format!("0200030001{:016x}{event_hex}010100{event_hex}010200{event_hex}", 3);
    assert_eq!(hex::encode(surveillance.encode()), expected);
    assert_eq!(Surveillance::decode(&surveillance.encode().into()), Ok(surveillance));
    let former = vec![Former { scope: Scope::default(), ended: event.clone() }];
    let scope = Scope { standards: vec!["x".into()], categories: vec!["y".into(), "z".into()] };
    let (valid_from, valid_until) = (DateTime::from_seconds(1), DateTime::from_seconds(2));
    let term = Term { number: "x".into(), valid_from, valid_until };
    let former_terms = vec![FormerTerm { term: term.clone(), renewed: event.clone() }];
    let accreditation = Accreditation {
        body: "x".into(),
        scheme_id: "x".into(),
        term: term.clone(),
        registered: event.clone(),
        suspensions: Vec::new(),
        scope,
        former_scopes: former,
        former_terms: former_terms.clone(),
    };
    let (texts, dates) = ("0000000178".repeat(3), format!("{:016x}{:016x}", 1, 2));
    let renewal = format!("00010000000178{dates}{event_hex}");
    let scopes = format!("00010000000178000200000001790000000{}0001{}{event_hex}", "17a", "00000000");
    let before = format!("{texts}{dates}{event_hex}0000{scopes}");
    assert_eq!(hex::encode(accreditation.encode()), format!("04{before}{renewal}"));
    let read = Accreditation::decode(&hex::decode(format!("03{before}")).unwrap().into(), "AMSP");
    assert_eq!(read, Ok(Accreditation { former_terms: Vec::new(), ..accreditation }));
    let laboratory = Laboratory {
        organisation: "x".into(),
        methods: vec!["x".into()],
        term,
        registered: event.clone(),
        suspensions: Vec::new(),
        former_scopes: vec![Former { scope: vec!["y".into()], ended: event.clone() }],
        former_terms,
    };
    let texts = ["0000000178".repeat(2), "0001".into(), "0000000178".into()].concat();
    let former = format!("000100010000000179{event_hex}");
    let before = format!("{texts}{dates}{event_hex}0000{former}");
    assert_eq!(hex::encode(laboratory.encode()), format!("04{before}{renewal}"));
    let read = Laboratory::decode(&hex::decode(format!("03{before}")).unwrap().into());
    assert_eq!(read, Ok(Laboratory { former_terms: Vec::new(), ..laboratory }));
    let successor = Successor { successor: "x".into(), chaincode: "x".into(), named: event.clone() };
    let end = BodyEnd { body: "x".into(), successors: vec![successor] };
    let texts = "0000000178".repeat(2);
    assert_eq!(hex::encode(end.encode()), format!("0200000001780001{texts}{event_hex}"));
    let owned = Event { by: ACCREDITATION_BODY.into(), ..event.clone() };
    let read = BodyEnd::decode(&end.encode().into(), ACCREDITATION_BODY).unwrap();
    assert_eq!(read.ended(), Some(&owned));
    let adopted = Adopted {
        body: "x".into(),
        document: "x".into(),
        scheme_id: "x".into(),
        surveillance: rule,
        adopted: event.clone(),
    };
    assert_eq!(hex::encode(adopted.encode()), format!("02{texts}0000000178{rule_hex}{event_hex}"));
    assert_eq!(Adopted::decode(&adopted.encode().into()), Ok(adopted));
    let anchor = Anchor { log: "x".into(), head: "x".into(), count: 5, anchored: event.clone() };
    let expected = format!("0200000001780000000178{:016x}{event_hex}", 5);
    assert_eq!(hex::encode(anchor.encode()), expected);
    assert_eq!(Anchor::decode(&anchor.encode().into()), Ok(anchor));
    for (state, hex) in ComplaintState::ALL.into_iter().zip(["01", "02", "03", "04", "05"]) {
        let steps = vec![ComplaintStep { state, event: event.clone() }];
        let (kind, about) = (ComplaintKind::Appeal, About::Certificate(code));
        let complaint = Complaint { complaint: code, kind, about, filed_by: "x".into(), state, steps };
        let ones = "11".repeat(16);
        let expected = format!("02{ones}0202{ones}0000000178{hex}0001{hex}{event_hex}");
        assert_eq!(hex::encode(complaint.encode()), expected);
        assert_eq!(Complaint::decode(&complaint.encode().into()), Ok(complaint));
    }
    let application = application(Vec::new());
    let text = "0000000178";
    let expected = [
        "03",
        &"11".repeat(16),
        &text.repeat(6),
        "00",
        "00",
        "07",
        "01",
        &"11".repeat(16),
        text,
        "0000000a",
        "0000000b",
    ];
    assert_eq!(hex::encode(application.encode()), expected.concat() + "0000");
    for (act, hex) in acts() {
        let step = Step { act, event: event.clone() };
        let record = crate::application(vec![step]);
        assert_eq!(hex::encode(record.encode()), format!("{}0001{hex}{event_hex}", expected.concat()));
        assert_eq!(Application::decode(&record.encode().into()), Ok(record));
    }
}

fn application(steps: Vec<Step>) -> Application {
    let code = Code::from_bytes([0x11; 16]);
    let text = || "x".to_owned();
    let decision = Decision { certificate: code, document: text(), status_list: 10, status_index: 11 };
    Application {
        application: code,
        body: text(),
        applicant: text(),
        title: text(),
        scheme_id: text(),
        scheme_version: text(),
        dossier: text(),
        replaces: None,
        category: None,
        state: ApplicationState::Decided,
        decision: Some(decision),
        steps,
    }
}

/// Every act, and its bytes.
fn acts() -> Vec<(Act, String)> {
    let dossier = || "x".to_owned();
    let text = "0000000178";
    let (sha256, method, number) = (dossier(), dossier(), dossier());
    let report = TestReport { sha256, method, number, date: DateTime::from_seconds(1) };
    let (grant, refuse) = (Recommendation::Grant, Recommendation::Refuse);
    vec![
        (Act::Submit { dossier: dossier() }, format!("01{text}")),
        (Act::Return, "02".into()),
        (Act::Complete { dossier: dossier() }, format!("03{text}")),
        (Act::Accept, "04".into()),
        (Act::Refuse, "05".into()),
        (Act::Report(report), format!("06{}{:016x}", text.repeat(3), 1)),
        (Act::Evaluate { recommendation: grant }, "0701".into()),
        (Act::Evaluate { recommendation: refuse }, "0702".into()),
        (Act::Review, "08".into()),
        (Act::Decide, "09".into()),
        (Act::Change { dossier: dossier() }, format!("0a{text}")),
        (Act::Withdraw, "0b".into()),
        (Act::Grant, "0c".into()),
    ]
}

/// What the first version of the contract wrote: its events name no role and no person.
#[test]
fn version_1_is_read() {
    let bytes = |hex: String| Bytes::from(hex::decode(hex).unwrap());
    let event = Event { by: ACCREDITATION_BODY.into(), ..recorded("", "") };
    let event_hex = "0000000000000102".to_owned() + "00000004414d5350" + "00000000" + "000000026666";
    let stop = |hex: String| Stop::decode(&bytes(hex), ACCREDITATION_BODY).unwrap();
    let suspended = vec![Suspension { placed: event.clone(), lifted: None }];
    assert_eq!(stop(format!("010001{event_hex}00")), Stop { suspensions: suspended });
    assert_eq!(stop("010000".into()), Stop::default());
    let withdrawal = |hex: String| Withdrawal::decode(&bytes(hex), ACCREDITATION_BODY).unwrap();
    assert_eq!(withdrawal("0100".into()), Withdrawal::default());
    assert_eq!(withdrawal(format!("0101{event_hex}")), Withdrawal { withdrawn: Some(event) });
    let record = bytes(format!("01{}{event_hex}{}", certificate_hex(), "000000027b7d"));
    assert_eq!(Certificate::decode(&record), Ok(certificate(recorded("", ""))));
    // The second had no surveillance, the third no category.
    let second = "0000000000000102".to_owned() + "00000004414d5350" + &"00000000".repeat(3) + "000000026666";
    let second = bytes(format!("02{}{second}00{}", certificate_hex(), "000000027b7d"));
    assert_eq!(Certificate::decode(&second), Ok(certificate(recorded("", ""))));
    let third = recorded("lab", "p1");
    let third_hex = hex::encode(&certificate(third.clone()).encode()[1..]);
    let third_hex = third_hex.replace("000000000000027b7d", "0000000000027b7d");
    assert_eq!(Certificate::decode(&bytes(format!("03{third_hex}"))), Ok(certificate(third)));
    let status = bytes(format!("01{}", "11".repeat(16)));
    let held = Status { certificate: Code::from_bytes([0x11; 16]), hold: Hold::Issued };
    assert_eq!(Status::decode(&status), Ok(held));
    let texts = |count: usize| "0000000178".repeat(count);
    let ledger = Ledger::decode(&bytes(format!("01{}{event_hex}", texts(2)))).unwrap();
    assert_eq!(
        ledger,
        Ledger {
            channel: "x".into(),
            genesis: "x".into(),
            bound: recorded("", ""),
            body: CERTIFICATION_BODY.into()
        }
    );
    let key = IssuerKey::decode(&bytes(format!("01{}{event_hex}01{event_hex}00", texts(5)))).unwrap();
    assert_eq!((key.proposed, key.approved, key.revoked), (recorded("", ""), Some(recorded("", "")), None));
    let scheme = Scheme::decode(&bytes(format!("01{}0001{}{event_hex}", texts(3), texts(1)))).unwrap();
    assert_eq!((scheme.standards, scheme.registered), (vec!["x".to_owned()], recorded("", "")));
    assert!(scheme.direct_issue && scheme.reviewer_may_decide);
    let dates = format!("{:016x}{:016x}", 1, 2);
    let accreditation = format!("01{}{dates}{event_hex}000101{event_hex}00", texts(3));
    let accreditation = Accreditation::decode(&bytes(accreditation), ACCREDITATION_BODY).unwrap();
    assert_eq!(
        accreditation.suspensions[0].placed,
        Event { by: ACCREDITATION_BODY.into(), ..recorded("", "") }
    );
    // Before there were scopes, nothing was limited.
    assert!(accreditation.scope.is_unlimited() && accreditation.former_scopes.is_empty());
}

#[test]
fn other_versions_and_lengths_are_errors() {
    let decode = |hex: &str| Stop::decode(&hex::decode(hex).unwrap().into(), ACCREDITATION_BODY);
    assert_eq!(decode("030000"), Err(RecordError::Version(3)));
    assert_eq!(decode("000000"), Err(RecordError::Version(0)));
    assert_eq!(decode("01000000"), Err(RecordError::Long));
    assert_eq!(decode("0100"), Err(RecordError::Short));
    assert_eq!(decode(""), Err(RecordError::Short));
    assert_eq!(decode("010064"), Err(RecordError::Short));
    assert_eq!(decode("010065"), Err(RecordError::Content), "the contract writes 100 suspensions at most");
    assert_eq!(
        Withdrawal::decode(&Bytes::from_static(&[1, 2]), ACCREDITATION_BODY),
        Err(RecordError::Content)
    );
    let huge = [&[1u8, 1][..], &[0; 8], &[0xff; 4]].concat();
    assert_eq!(Withdrawal::decode(&huge.into(), ACCREDITATION_BODY), Err(RecordError::Short));
}

/// A record under an organisation's own key can say what it likes; who acted is read from the key.
#[test]
fn the_actor_is_who_owns_the_key() {
    let claimed = |by: &str| Event {
        effective_at: DateTime::from_seconds(0),
        by: by.into(),
        role: String::new(),
        person: String::new(),
        reason: "bribery".into(),
        transaction_id: "ff".into(),
    };
    let lifted = Some(claimed(ACCREDITATION_BODY));
    let stop = Stop { suspensions: vec![Suspension { placed: claimed(ACCREDITATION_BODY), lifted }] };
    let read = Stop::decode(&stop.encode().into(), "CertBodyMSP").unwrap();
    assert_eq!(read.suspensions[0].placed.by, "CertBodyMSP");
    assert_eq!(read.suspensions[0].lifted.as_ref().unwrap().by, "CertBodyMSP");
    let withdrawal = Withdrawal { withdrawn: Some(claimed(ACCREDITATION_BODY)) };
    let read = Withdrawal::decode(&withdrawal.encode().into(), "CertBodyMSP").unwrap();
    assert_eq!(read.withdrawn.unwrap().by, "CertBodyMSP");
}

/// People read these texts, in a terminal too: what the contract would not write is not read either.
#[test]
fn texts_that_deceive_are_not_read() {
    let stop = |reason: &str| {
        let placed = Event {
            effective_at: DateTime::from_seconds(0),
            by: "CertBodyMSP".into(),
            role: String::new(),
            person: String::new(),
            reason: reason.into(),
            transaction_id: "ff".into(),
        };
        Stop::decode(
            &Stop { suspensions: vec![Suspension { placed, lifted: None }] }.encode().into(),
            "CertBodyMSP",
        )
    };
    stop("A closer look").unwrap();
    stop(&"é".repeat(500)).unwrap();
    for reason in ["\u{1b}[2K\u{1b}[1GVALID", "a\nb", "a\u{202e}b", &"x".repeat(501), &"x".repeat(1 << 20)] {
        assert_eq!(stop(reason), Err(RecordError::Content), "{:?}", reason.get(..20));
    }
}
