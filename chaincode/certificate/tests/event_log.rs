//! What was seen of a record stays seen: whatever its owner writes over it, no past answer becomes another one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use bytes::Bytes;
use certificate::event_log::{EventLog, Kind, MAXIMUM_PERIODS, Moment};
use certificate::ledger_time::TOLERANCE;
use certificate::record::{Event, Stop, Superseded, Suspension, Withdrawal};
use certificate::{Code, DateTime, LedgerTime};
use proptest::prelude::*;

const OWNER: &str = "CertBodyMSP";
const HOUR: i64 = 3600;

fn at(seconds: i64) -> DateTime {
    DateTime::from_seconds(seconds)
}

fn time(seconds: i64) -> LedgerTime {
    LedgerTime(Some(at(seconds)))
}

fn event(seconds: i64, transaction: u8) -> Event {
    Event {
        effective_at: at(seconds),
        by: OWNER.into(),
        role: String::new(),
        person: String::new(),
        reason: "why".into(),
        transaction_id: format!("{transaction:02x}"),
    }
}

fn stop(suspensions: &[(Event, Option<Event>)]) -> Bytes {
    let suspensions = suspensions.iter().cloned().map(|(placed, lifted)| Suspension { placed, lifted });
    Stop { suspensions: suspensions.collect() }.encode().into()
}

fn stands(log: &EventLog, seconds: i64) -> bool {
    log.in_force(Kind::Suspended, Moment::At(at(seconds))).is_some()
}

#[test]
fn an_honest_life() {
    let mut log = EventLog::default();
    assert!(!log.see_stop(Some(&stop(&[])), OWNER, time(0)));
    assert!(log.is_empty());
    let placed = event(HOUR, 1);
    assert!(log.see_stop(Some(&stop(&[(placed.clone(), None)])), OWNER, time(HOUR + 1)));
    let lifted = event(2 * HOUR, 2);
    assert!(log.see_stop(Some(&stop(&[(placed, Some(lifted))])), OWNER, time(2 * HOUR)));
    for (seconds, expected) in [(HOUR - 1, false), (HOUR, true), (2 * HOUR - 1, true), (2 * HOUR, false)] {
        assert_eq!(stands(&log, seconds), expected, "{seconds}");
    }
    assert_eq!(log, EventLog::decode(&log.encode().into()).unwrap());
}

#[test]
fn what_is_struck_out_was_there_all_the_same() {
    let mut log = EventLog::default();
    log.see_stop(Some(&stop(&[(event(HOUR, 1), None)])), OWNER, time(HOUR));
    log.see_stop(Some(&stop(&[])), OWNER, time(10 * HOUR));
    assert!(stands(&log, 10 * HOUR - 1) && !stands(&log, 10 * HOUR));
    assert_eq!(log.periods()[0].ended, None, "no event ended it");
}

#[test]
fn a_stop_dated_anew_keeps_its_first_date() {
    let mut log = EventLog::default();
    log.see_stop(Some(&stop(&[(event(HOUR, 1), None)])), OWNER, time(HOUR));
    log.see_stop(Some(&stop(&[(event(9 * HOUR, 1), None)])), OWNER, time(10 * HOUR));
    assert!((HOUR..20 * HOUR).step_by(60).all(|seconds| stands(&log, seconds)));
}

#[test]
fn a_lift_cannot_be_dated_back() {
    let mut log = EventLog::default();
    let placed = event(HOUR, 1);
    log.see_stop(Some(&stop(&[(placed.clone(), None)])), OWNER, time(HOUR));
    // Endorsed long ago, and held back.
    let held_back = stop(&[(placed.clone(), Some(event(HOUR + 60, 2)))]);
    log.see_stop(Some(&held_back), OWNER, time(24 * HOUR));
    assert!(stands(&log, 24 * HOUR - TOLERANCE - 1) && !stands(&log, 24 * HOUR - TOLERANCE));
    // Nor dated otherwise once it is seen.
    let earlier = stop(&[(placed, Some(event(HOUR + 1, 3)))]);
    assert!(!log.see_stop(Some(&earlier), OWNER, time(25 * HOUR)));
}

#[test]
fn a_stop_of_the_year_9999_counts_from_its_block() {
    let mut log = EventLog::default();
    let far = DateTime::parse("9999-12-31T23:59:59Z").unwrap().seconds();
    let withdrawal: Bytes = Withdrawal { withdrawn: Some(event(far, 1)) }.encode().into();
    log.see_withdrawal(Some(&withdrawal), OWNER, time(HOUR));
    assert!(log.in_force(Kind::Withdrawn, Moment::At(at(HOUR))).is_some());
    assert!(log.in_force(Kind::Withdrawn, Moment::At(at(HOUR - 1))).is_none());
}

#[test]
fn a_stop_dated_minutes_ahead_is_in_force_now() {
    let mut log = EventLog::default();
    log.see_stop(Some(&stop(&[(event(HOUR + 600, 1), None)])), OWNER, time(HOUR));
    assert!(log.in_force(Kind::Suspended, Moment::Now(at(HOUR))).is_some());
    assert!(!stands(&log, HOUR + 599) && stands(&log, HOUR + 600));
}

#[test]
fn a_withdrawal_is_final_whatever_is_written_over_it() {
    let mut log = EventLog::default();
    let withdrawn: Bytes = Withdrawal { withdrawn: Some(event(HOUR, 1)) }.encode().into();
    log.see_withdrawal(Some(&withdrawn), OWNER, time(HOUR));
    let nothing: Bytes = Withdrawal::default().encode().into();
    for value in [Some(nothing), None, Some(Bytes::from_static(b"garbage"))] {
        log.see_withdrawal(value.as_ref(), OWNER, time(2 * HOUR));
    }
    assert!(log.in_force(Kind::Withdrawn, Moment::Now(at(100 * HOUR))).is_some());
}

/// As a read model of before holds it.
#[test]
fn a_log_of_version_1_is_read() {
    let event = format!("{:016x}{}{}{}", 7, "0000000141", "00000003776879", "000000026666");
    let log = format!("0100010101{event}{:016x}0000", 9);
    let log = EventLog::decode(&hex::decode(log).unwrap().into()).unwrap();
    let [period] = log.periods() else { panic!("{log:?}") };
    let began = period.began.as_ref().unwrap();
    assert_eq!((began.reason.as_str(), began.role.as_str(), began.person.as_str()), ("why", "", ""));
    assert_eq!((period.kind, period.from, period.successor), (Kind::Suspended, at(9), None));
}

#[test]
fn a_superseding_is_final_and_keeps_its_successor() {
    let mut log = EventLog::default();
    let record = |number, seconds| {
        let superseded =
            Superseded { superseded_by: Code::from_random([number; 16]), event: event(seconds, 1) };
        Bytes::from(superseded.encode())
    };
    log.see_superseded(Some(&record(2, HOUR)), time(HOUR));
    for value in [None, Some(Bytes::from_static(b"garbage")), Some(record(3, HOUR))] {
        log.see_superseded(value.as_ref(), time(2 * HOUR));
    }
    let period = log.in_force(Kind::Superseded, Moment::Now(at(100 * HOUR))).unwrap();
    assert_eq!(period.successor, Some(Code::from_random([2; 16])));
    assert!(log.in_force(Kind::Superseded, Moment::At(at(HOUR - 1))).is_none());
    assert_eq!(log, EventLog::decode(&log.encode().into()).unwrap());
}

#[test]
fn an_unreadable_record_is_known_as_such_for_as_long_as_it_was() {
    let mut log = EventLog::default();
    log.see_stop(Some(&stop(&[(event(HOUR, 1), None)])), OWNER, time(HOUR));
    log.see_stop(Some(&Bytes::from_static(b"garbage")), OWNER, time(2 * HOUR));
    log.see_stop(None, OWNER, time(3 * HOUR));
    assert!(stands(&log, 3 * HOUR), "what stood goes on to stand");
    log.see_stop(Some(&stop(&[])), OWNER, time(4 * HOUR));
    let unreadable = |seconds| log.in_force(Kind::Unreadable, Moment::At(at(seconds))).is_some();
    assert!(
        !unreadable(2 * HOUR - 1)
            && unreadable(2 * HOUR)
            && unreadable(4 * HOUR - 1)
            && !unreadable(4 * HOUR)
    );
}

#[test]
fn a_log_is_bounded_and_past_the_bound_stays_stopped() {
    let mut log = EventLog::default();
    for round in 0..3 * MAXIMUM_PERIODS as i64 {
        log.see_stop(
            Some(&stop(&[(event(round * HOUR, (round % 251) as u8), None)])),
            OWNER,
            time(round * HOUR),
        );
        log.see_stop(Some(&stop(&[])), OWNER, time(round * HOUR + 60));
    }
    assert_eq!(log.periods().len(), MAXIMUM_PERIODS);
    assert!(stands(&log, 10_000 * HOUR));
    let toggled = |log: &mut EventLog, round: i64| {
        log.see_withdrawal(None, OWNER, time(round * HOUR));
        log.see_withdrawal(Some(&Withdrawal::default().encode().into()), OWNER, time(round * HOUR + 60));
    };
    let mut log = EventLog::default();
    (0..3 * MAXIMUM_PERIODS as i64).for_each(|round| toggled(&mut log, round));
    assert_eq!(log.periods().len(), MAXIMUM_PERIODS);
    let withdrawn: Bytes = Withdrawal { withdrawn: Some(event(HOUR, 1)) }.encode().into();
    log.see_withdrawal(Some(&withdrawn), OWNER, time(HOUR));
    assert!(log.in_force(Kind::Withdrawn, Moment::Now(at(HOUR))).is_some(), "there is room for what stops");
}

/// A value of the record as an owner that follows no rule may write it.
fn value() -> impl Strategy<Value = Option<Bytes>> {
    let moment = 0..100i64 * HOUR;
    let suspension =
        (moment.clone(), 0..4u8, prop::option::of((moment, 0..4u8))).prop_map(|(placed, one, lifted)| {
            (event(placed, one), lifted.map(|(lifted, other)| event(lifted, other)))
        });
    prop_oneof![
        8 => prop::collection::vec(suspension, 0..4).prop_map(|suspensions| Some(stop(&suspensions))),
        1 => Just(None),
        1 => Just(Some(Bytes::from_static(b"garbage"))),
    ]
}

proptest! {
    /// What was answered about a moment over a quarter of an hour before the ledger's time is answered for ever.
    #[test]
    fn the_past_does_not_change(values in prop::collection::vec((value(), 1..10 * HOUR), 1..12)) {
        let mut log = EventLog::default();
        let mut now = 0;
        let answers = |log: &EventLog, until: i64| -> Vec<(bool, bool)> {
            let moments = (0..until.max(0)).step_by(300).map(|seconds| Moment::At(at(seconds)));
            moments.map(|moment| {
                let known = |kind| log.in_force(kind, moment).is_some();
                (known(Kind::Suspended), known(Kind::Unreadable))
            }).collect()
        };
        for (value, later) in values {
            now += later;
            let settled = answers(&log, now - TOLERANCE);
            log.see_stop(value.as_ref(), OWNER, time(now));
            prop_assert_eq!(&answers(&log, now - TOLERANCE), &settled);
            prop_assert_eq!(&EventLog::decode(&log.encode().into()).unwrap(), &log);
        }
    }
}
