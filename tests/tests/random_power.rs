//! Who may change what a scan answers: thousands of generated transactions of every single organisation, whose peer
//! signs anything, against what the rules let that organisation do alone.
//!
//! `POWER_SEED` repeats a run, `POWER_BLOCKS` (for each organisation) makes it longer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use bytes::Bytes;
use certificate::{
    Code, DateTime, KeyPolicy, Moment, Role, Verdict, demo, keys,
    ledger_time::TOLERANCE,
    parties::{ACCREDITATION_BODY, CERTIFICATION_BODY},
    record::{
        Accreditation, AccreditationSuspension, Adopted, BodyEnd, Compromise, Declaration, Effect, Event,
        Former, Scope, Stop, Successor, Suspension, Withdrawal,
    },
    verdict::Reason,
};
use fabric::proto::{
    kvrwset::{KvRead, KvWrite, KvrwSet, Version},
    protos::TxValidationCode,
};
use fastrand::Rng;
use testkit::{Draft, LIFECYCLE};
use tests::{
    differential::definitions::Chaincode,
    hostile::consortium::{
        BOTH, Consortium, NAME, ORGANISATIONS, code, forged_endorser, key_policy, policy_write, public_key,
    },
    setting,
};

const DAY: i64 = 86_400;
const BLOCKS: usize = 60;
/// Certificates that are issued; a few more are only attacked.
const ISSUED: u8 = 12;
const CODES: u8 = 15;

fn start() -> DateTime {
    DateTime::parse("2026-11-21T12:00:00Z").unwrap()
}

/// What a scan finds: `None` for an unknown certificate.
type Answer = Option<Result<Verdict, String>>;

fn answer(consortium: &Consortium, code: Code, moment: Moment) -> Answer {
    let reading = consortium.model.read(consortium.now, DAY).unwrap();
    match reading.entry(code) {
        Ok(entry) => entry.map(|entry| Ok(entry.verdict(moment))),
        Err(error) => Some(Err(error.to_string())),
    }
}

/// All that is answered: now, and about a grid of moments that are settled, over a quarter of an hour before ledger time.
struct Answers {
    now: BTreeMap<Code, Answer>,
    settled: BTreeMap<(Code, DateTime), Answer>,
    ledger_time: Option<DateTime>,
}

impl Answers {
    fn of(consortium: &Consortium, settled: &[DateTime]) -> Self {
        let codes = || (1..=CODES).map(code);
        Self {
            now: codes().map(|code| (code, answer(consortium, code, Moment::Now(consortium.now)))).collect(),
            settled: settled
                .iter()
                .flat_map(|at| codes().map(|code| ((code, *at), answer(consortium, code, Moment::At(*at)))))
                .collect(),
            ledger_time: consortium.ledger_time(),
        }
    }
}

/// Moments of the past whose answers can change no more.
fn settled(consortium: &Consortium) -> Vec<DateTime> {
    let Some(time) = consortium.ledger_time() else { return Vec::new() };
    let until = time.plus_seconds(-TOLERANCE - 1).seconds();
    let from = start().plus_days(-1).seconds();
    let step = ((until - from) / 24).max(1);
    (0..=24).map(|index| DateTime::from_seconds(until - index * step)).collect()
}

/// The reasons in an answer that are not `organisation`'s own doing. What cannot be read is left out: it shows where
/// nothing says not valid, so that the other's unreadable record may come to show.
fn of_others(answer: &Answer, organisation: &str) -> Option<Result<Vec<Reason>, String>> {
    answer.as_ref().map(|answer| {
        answer.clone().map(|verdict| match verdict {
            Verdict::Valid | Verdict::CannotTell { .. } => Vec::new(),
            Verdict::NotValid { reasons } => {
                let others = reasons.into_iter().filter(|reason| reason.by.as_deref() != Some(organisation));
                // A stop that stands is said to stand since the moment at the latest at which it is asked about.
                others.map(|reason| Reason { since: DateTime::from_seconds(0), ..reason }).collect()
            }
        })
    })
}

fn check(before: &Answers, after: &Answers, attacker: &str, told: &str) {
    let is_responsible = BOTH.contains(&attacker);
    for (code, was) in &before.now {
        let is = &after.now[code];
        assert_eq!(of_others(is, attacker), of_others(was, attacker), "{code} now, {told}");
        if !is_responsible {
            assert_eq!(is, was, "{code} now, {told}");
        }
    }
    assert_eq!(after.settled, before.settled, "the past, {told}");
    assert_eq!(after.ledger_time, before.ledger_time, "ledger time, {told}");
}

#[test]
fn no_organisation_alone_changes_more_than_its_own_stops() {
    let seed = setting("POWER_SEED", fastrand::u64(..1 << 32));
    let blocks = setting("POWER_BLOCKS", BLOCKS as u64);
    eprintln!("POWER_SEED={seed} POWER_BLOCKS={blocks}");
    for (index, (attacker, _)) in ORGANISATIONS.iter().enumerate() {
        let mut rng = Rng::with_seed(seed.wrapping_add(index as u64));
        let mut consortium = Consortium::new(start());
        (1..=ISSUED).for_each(|number| {
            consortium.issue(number);
        });
        let mut counts = BTreeMap::<TxValidationCode, usize>::new();
        for number in 0..blocks {
            let told = format!("{attacker}, block {number}, POWER_SEED={seed}");
            honest_life(&mut consortium, &mut rng);
            let moments = settled(&consortium);
            let before = Answers::of(&consortium, &moments);
            let attack: Vec<Bytes> =
                (0..rng.usize(4..12)).map(|_| hostile(&mut consortium, attacker, &mut rng)).collect();
            for code in consortium.order(attack) {
                *counts.entry(code).or_default() += 1;
            }
            check(&before, &Answers::of(&consortium, &moments), attacker, &told);
            if number % 10 == 9 {
                the_other_body_still_stops(&mut consortium, attacker, &mut rng, &told);
            }
        }
        eprintln!("{attacker}: {counts:?}");
        let valid = counts.get(&TxValidationCode::Valid).copied().unwrap_or_default();
        assert_eq!(
            valid > 20,
            BOTH.contains(attacker),
            "only the two bodies have keys of their own: {valid}"
        );
    }
}

/// Time passes, and both bodies do their work.
fn honest_life(consortium: &mut Consortium, rng: &mut Rng) {
    consortium.now = consortium.now.plus_seconds(rng.i64(1..2 * DAY));
    let caller = (*rng.choice(BOTH).unwrap(), Role::Client);
    let number = code(rng.u8(1..=ISSUED)).to_string();
    let (function, endorsers) = match rng.u8(0..6) {
        0 => ("certificate:stop", vec![caller.0]),
        1 => ("certificate:lift", BOTH.to_vec()),
        _ => ("ledger:tick", BOTH.to_vec()),
    };
    let arguments = if function == "ledger:tick" { vec![] } else { vec![number.as_str(), "why"] };
    // Refused where the certificate is not as it would have to be.
    if let Ok(envelope) = consortium.call(caller, &endorsers, function, &arguments) {
        consortium.order(vec![envelope]);
    }
    let tick = consortium.call(caller, BOTH, "ledger:tick", &[]).unwrap();
    assert_eq!(consortium.order(vec![tick]), [TxValidationCode::Valid]);
}

/// The attack is ordered before the stop, in the same block.
fn the_other_body_still_stops(consortium: &mut Consortium, attacker: &str, rng: &mut Rng, told: &str) {
    let body = match attacker {
        ACCREDITATION_BODY => CERTIFICATION_BODY,
        _ => ACCREDITATION_BODY,
    };
    let number = code(rng.u8(1..=ISSUED));
    let withdrawn = |answer: &Answer| {
        matches!(answer, Some(Ok(Verdict::NotValid { reasons }))
        if reasons.iter().any(|reason| reason.by.as_deref() == Some(body)))
    };
    if withdrawn(&answer(consortium, number, Moment::Now(consortium.now))) {
        return;
    }
    let arguments = [number.to_string(), "found out".to_owned()];
    let arguments = arguments.each_ref().map(String::as_str);
    let stop = consortium.call((body, Role::Client), &[body], "certificate:stop", &arguments).expect(told);
    let mut block: Vec<Bytes> = (0..4).map(|_| hostile(consortium, attacker, rng)).collect();
    block.push(stop);
    let codes = consortium.order(block);
    assert_eq!(codes.last(), Some(&TxValidationCode::Valid), "the stop, {told}");
    let answer = answer(consortium, number, Moment::Now(consortium.now));
    assert!(withdrawn(&answer), "{number} is stopped, {told}: {answer:?}");
}

/// Anything that the attacker's keys can sign: other peers' endorsements are forged.
fn hostile(consortium: &mut Consortium, attacker: &str, rng: &mut Rng) -> Bytes {
    let moment = moment(consortium.now, rng);
    let namespace = match rng.u8(0..12) {
        0 => LIFECYCLE,
        1 => "other",
        _ => NAME,
    };
    let rwset = match namespace {
        LIFECYCLE => redefinition(),
        _ => rwset(consortium.now, attacker, rng),
    };
    let mut draft = consortium.draft(namespace, attacker, &[attacker]);
    draft.channel_header.timestamp.as_mut().unwrap().seconds = moment.seconds();
    draft.namespace(namespace).public = rwset;
    let plain = draft.clone();
    let (namespaces, header, nonce) = (plain.namespaces, plain.channel_header, plain.nonce);
    // The borrow of the members ends here; who endorses is put together anew.
    let members = &consortium.members;
    let mine = &members[attacker];
    let mut draft = Draft::new(NAME, namespace, nonce, &mine.client, [&mine.peer]);
    draft.channel_header = header;
    draft.namespaces = namespaces;
    if rng.bool() {
        draft.endorsers.push((&mine.admin).into());
        draft.endorsers.push((&mine.client).into());
    }
    if rng.bool() {
        let others = members.iter().filter(|(msp_id, _)| **msp_id != attacker);
        draft.endorsers.extend(others.map(|(_, other)| forged_endorser(&other.peer, &mine.peer)));
    }
    draft.seal()
}

fn redefinition() -> KvrwSet {
    let chaincode = Chaincode {
        name: NAME,
        policies: &[
            "OR('CertBodyMSP.peer','AccreditationMSP.peer','LabMSP.peer','IndustryMSP.peer','CustomsMSP.peer')",
        ],
        collections: &[],
        init_required: false,
    };
    KvrwSet { writes: chaincode.definition(2), ..KvrwSet::default() }
}

fn rwset(now: DateTime, attacker: &str, rng: &mut Rng) -> KvrwSet {
    let mut rwset = KvrwSet::default();
    // Mostly one key: a transaction fails as a whole where one of its keys is another's.
    for _ in 0..if rng.u8(0..8) == 0 { 2 } else { 1 } {
        let key = key(attacker, rng);
        for _ in 0..rng.usize(0..3) {
            rwset.writes.push(write(&key, now, rng));
        }
        if rng.u8(0..6) == 0 || rwset.writes.is_empty() {
            rwset.metadata_writes.push(policy_write(&key, policy(attacker, rng)));
        }
    }
    if rng.u8(0..8) == 0 {
        let version = Some(Version { block_num: rng.u64(0..30), tx_num: 0 });
        rwset.reads.push(KvRead { key: key(attacker, rng), version });
    }
    rwset
}

fn key(attacker: &str, rng: &mut Rng) -> String {
    let code = code(rng.u8(1..=CODES));
    let owner = if rng.u8(0..6) == 0 { *rng.choice(BOTH).unwrap() } else { attacker };
    match rng.u8(0..17) {
        0 => keys::certificate(code),
        1 => keys::accreditation(CERTIFICATION_BODY, demo::SCHEME_ID),
        2 => keys::issuer_key(CERTIFICATION_BODY, "z6Mk"),
        3 => keys::LEDGER.to_owned(),
        4 => keys::status(CERTIFICATION_BODY, 0, rng.u32(0..8)),
        5..=8 => keys::stop(code, owner),
        15 => keys::adopted(code),
        16 => keys::ended(CERTIFICATION_BODY),
        9..=11 => keys::compromise(CERTIFICATION_BODY, &public_key(), owner),
        _ => keys::withdrawal(code, owner),
    }
}

/// Deletions, garbage, and records that the contract could have written, at any time and in anybody's name.
fn write(key: &str, now: DateTime, rng: &mut Rng) -> KvWrite {
    let mut event = || Event {
        effective_at: moment(now, rng),
        by: (*rng.choice(BOTH).unwrap()).to_owned(),
        role: String::new(),
        person: String::new(),
        reason: "why".into(),
        transaction_id: format!("{:064x}", rng.u8(..)),
    };
    let events = [event(), event(), event(), event()];
    let [placed, lifted, other, registered] = events;
    let lifted = rng.bool().then_some(lifted);
    let record = match rng.u8(0..8) {
        0 => None,
        1 => Some(b"\xffgarbage".to_vec()),
        2 => Some(Vec::new()),
        _ if key.starts_with(keys::STOP) => {
            let mut suspensions = vec![Suspension { placed, lifted }];
            suspensions.extend(rng.bool().then_some(Suspension { placed: other, lifted: None }));
            suspensions.truncate(rng.usize(0..3));
            Some(Stop { suspensions }.encode())
        }
        _ if key.starts_with(keys::WITHDRAWAL) => {
            Some(Withdrawal { withdrawn: rng.bool().then_some(placed) }.encode())
        }
        _ if key.starts_with(keys::COMPROMISE) => {
            let compromised_from = moment(now, rng);
            let declared = rng.bool().then_some(Declaration { compromised_from, event: placed });
            Some(Compromise { declared }.encode())
        }
        _ if key.starts_with(keys::ADOPTED) => {
            let (body, document) = (CERTIFICATION_BODY.to_owned(), "00".repeat(32));
            Some(
                Adopted {
                    body,
                    document,
                    scheme_id: demo::SCHEME_ID.into(),
                    surveillance: None,
                    adopted: placed,
                }
                .encode(),
            )
        }
        _ if key.starts_with(keys::ENDED) => {
            let (successor, chaincode) = ((*rng.choice(BOTH).unwrap()).to_owned(), NAME.to_owned());
            let successors = vec![Successor { successor, chaincode, named: placed }];
            Some(BodyEnd { body: CERTIFICATION_BODY.into(), successors }.encode())
        }
        _ => Some(accreditation(now, placed, lifted, registered, other, rng).encode()),
    };
    KvWrite { key: key.to_owned(), is_delete: record.is_none(), value: record.unwrap_or_default().into() }
}

fn accreditation(
    now: DateTime,
    placed: Event,
    lifted: Option<Event>,
    registered: Event,
    other: Event,
    rng: &mut Rng,
) -> Accreditation {
    let effect = if rng.bool() { Effect::AllCertificates } else { Effect::NewGrants };
    Accreditation {
        body: CERTIFICATION_BODY.into(),
        scheme_id: demo::SCHEME_ID.into(),
        number: demo::ACCREDITATION_NUMBER.into(),
        valid_from: moment(now, rng),
        valid_until: moment(now, rng),
        registered,
        suspensions: if rng.bool() {
            vec![AccreditationSuspension { effect, placed, lifted }]
        } else {
            Vec::new()
        },
        scope: scope(rng),
        former_scopes: vec![Former { scope: scope(rng), ended: other }; usize::from(rng.bool())],
    }
}

fn scope(rng: &mut Rng) -> Scope {
    let some = |names: &[&str], rng: &mut Rng| match rng.bool() {
        true => names.iter().map(|&name| name.to_owned()).collect(),
        false => Vec::new(),
    };
    Scope { standards: some(&["urn:x:y"], rng), categories: some(&["paint", "glass"], rng) }
}

fn moment(now: DateTime, rng: &mut Rng) -> DateTime {
    match rng.u8(0..6) {
        0 => DateTime::parse("9999-12-31T23:59:59Z").unwrap(),
        1 => DateTime::from_seconds(0),
        2 => now.plus_days(365),
        3 => now,
        _ => now.plus_seconds(rng.i64(-40 * DAY..40 * DAY)),
    }
}

/// Policies that peers can read. One that they cannot read stops every peer of the channel at the next write of its key;
/// the orderer refuses it (`docs/surprises.md`).
fn policy(attacker: &str, rng: &mut Rng) -> Bytes {
    match rng.u8(0..24) {
        0 => key_policy(&KeyPolicy::Nobody),
        1 => key_policy(&KeyPolicy::all(BOTH)),
        _ => key_policy(&KeyPolicy::all(&[attacker])),
    }
}

/// Endorsed by both in good order, kept back, and ordered when it suits: no settled answer changes.
#[test]
fn what_was_endorsed_and_held_back_changes_no_settled_answer() {
    let seed = setting("POWER_SEED", fastrand::u64(..1 << 32));
    eprintln!("POWER_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    let mut consortium = Consortium::new(start());
    (1..=ISSUED).for_each(|number| {
        consortium.issue(number);
    });
    let mut held_back = Vec::new();
    let mut late = 0;
    for _ in 0..setting("POWER_BLOCKS", BLOCKS as u64) {
        honest_life(&mut consortium, &mut rng);
        let number = code(rng.u8(1..=ISSUED)).to_string();
        let caller = (*rng.choice(BOTH).unwrap(), Role::Client);
        let document = consortium.document(rng.u8(ISSUED + 1..=CODES));
        let (function, arguments) = match rng.u8(0..4) {
            0 => ("certificate:issue", vec![document.as_str()]),
            1 => ("certificate:stop", vec![number.as_str(), "why"]),
            _ => ("certificate:lift", vec![number.as_str(), "why"]),
        };
        let caller =
            if function == "certificate:issue" { (CERTIFICATION_BODY, Role::Client) } else { caller };
        held_back.extend(consortium.call(caller, BOTH, function, &arguments));
        if !held_back.is_empty() && rng.bool() {
            let envelope = held_back.swap_remove(rng.usize(..held_back.len()));
            let moments = settled(&consortium);
            let before = Answers::of(&consortium, &moments);
            late += usize::from(consortium.order(vec![envelope]) == [TxValidationCode::Valid]);
            let after = Answers::of(&consortium, &moments);
            for (question, was) in &before.settled {
                let is = &after.settled[question];
                let is_new = was.is_none() && is.is_some();
                assert!(
                    is == was || is_new && !matches!(is, Some(Ok(Verdict::Valid))),
                    "{question:?}: {was:?}, {is:?}"
                );
            }
        }
    }
    assert!(late > 0, "some of what was held back is still valid");
}
