//! The binary form of the records: it returns what was written, and it never changes, because ledgers outlive
//! programs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use bytes::Bytes;
use certificate::parties::ACCREDITATION_BODY;
use certificate::record::{
    Accreditation, AccreditationSuspension, Certificate, Effect, Event, IssuerKey, Ledger, RecordError,
    Scheme, Status, Stop, Suspension, Withdrawal,
};
use certificate::{Code, DateTime};
use proptest::prelude::*;

/// As the contract writes it: visible texts. `by` is of the one organisation that owns the records here.
fn event() -> impl Strategy<Value = Event> {
    (any::<i64>(), "[ -~é日]{0,80}", "[0-9a-f]{0,64}").prop_map(|(seconds, reason, transaction_id)| Event {
        effective_at: DateTime::from_seconds(seconds),
        by: ACCREDITATION_BODY.to_owned(),
        reason,
        transaction_id,
    })
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
        };
        prop_assert_eq!(Certificate::decode(&certificate.encode().into()), Ok(certificate));
        let accreditation = Accreditation {
            body: a.clone(), scheme_id: b.clone(), number: c.clone(), valid_from: from, valid_until: until,
            registered: event.clone(),
            suspensions: suspensions.iter().map(|suspension| AccreditationSuspension {
                effect: if suspension.lifted.is_some() { Effect::NewGrants } else { Effect::AllCertificates },
                placed: suspension.placed.clone(),
                lifted: suspension.lifted.clone(),
            }).collect(),
        };
        prop_assert_eq!(Accreditation::decode(&accreditation.encode().into()), Ok(accreditation));
        let scheme = Scheme { id: a.clone(), version: b.clone(), title: c.clone(), standards: list, registered: event.clone() };
        prop_assert_eq!(Scheme::decode(&scheme.encode().into()), Ok(scheme));
        let key = IssuerKey {
            body: a.clone(), public_key: b.clone(), issuer_id: c, issuer_name: d, status_lists: e, proposed: event.clone(),
            approved: other.clone(), revoked: other.clone(),
        };
        prop_assert_eq!(IssuerKey::decode(&key.encode().into()), Ok(key));
        let ledger = Ledger { channel: a, genesis: b, bound: event };
        prop_assert_eq!(Ledger::decode(&ledger.encode().into()), Ok(ledger));
        let (stop, withdrawal) = (Stop { suspensions }, Withdrawal { withdrawn: other });
        prop_assert_eq!(Stop::decode(&stop.encode().into(), ACCREDITATION_BODY), Ok(stop));
        prop_assert_eq!(Withdrawal::decode(&withdrawal.encode().into(), ACCREDITATION_BODY), Ok(withdrawal));
    }
}

/// Version 1, byte for byte.
#[test]
fn the_form_is_frozen() {
    let event = Event {
        effective_at: DateTime::from_seconds(0x0102),
        by: "AMSP".into(),
        reason: "".into(),
        transaction_id: "ff".into(),
    };
    let event_hex = "0000000000000102".to_owned() + "00000004414d5350" + "00000000" + "000000026666";
    let stop = Stop { suspensions: vec![Suspension { placed: event.clone(), lifted: None }] };
    assert_eq!(hex::encode(stop.encode()), format!("010001{event_hex}00"));
    assert_eq!(hex::encode(Stop::default().encode()), "010000");
    assert_eq!(hex::encode(Withdrawal::default().encode()), "0100");
    assert_eq!(
        hex::encode(Withdrawal { withdrawn: Some(event.clone()) }.encode()),
        format!("0101{event_hex}")
    );
    let status = Status { certificate: Code::from_bytes([0x11; 16]) };
    assert_eq!(hex::encode(status.encode()), format!("01{}", "11".repeat(16)));
    let certificate = Certificate {
        body: "A".into(),
        scheme_id: "s".into(),
        valid_from: DateTime::from_seconds(1),
        valid_until: DateTime::from_seconds(-1),
        issued: event,
        document: Bytes::from_static(b"{}"),
    };
    let expected = format!(
        "01{}{}{:016x}{}{event_hex}{}",
        "0000000141",
        "0000000173",
        1,
        "f".repeat(16),
        "000000027b7d"
    );
    assert_eq!(hex::encode(certificate.encode()), expected);
}

#[test]
fn other_versions_and_lengths_are_errors() {
    let decode = |hex: &str| Stop::decode(&hex::decode(hex).unwrap().into(), ACCREDITATION_BODY);
    assert_eq!(decode("020000"), Err(RecordError::Version(2)));
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
