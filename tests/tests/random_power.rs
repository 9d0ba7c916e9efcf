//! Who may change what a scan answers: thousands of generated transactions of every single organisation, and of the
//! accreditation body with a certification body that does as it is told, whose peers sign anything, in every namespace, against
//! what the rules let them do.
//!
//! `POWER_SEED` repeats a run, `POWER_BLOCKS` (for each organisation) makes it longer.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeMap;

use bytes::Bytes;
use certificate::{
    Code, DateTime, KeyPolicy, Moment, Role, Verdict,
    chaincode::REGISTRY,
    demo, keys,
    ledger_time::TOLERANCE,
    parties::{ACCREDITATION_BODY, CERTIFICATION_BODY},
    record::{
        Accreditation, AccreditationSuspension, Activity, Adopted, BodyEnd, Certificate, Compromise,
        Conclusion, Declaration, Effect, Event, Former, FormerTerm, Scope, Stop, Successor, Superseded,
        Surveillance, SurveillanceRule, Suspension, Term, Withdrawal,
    },
    verdict::Reason,
};
use fabric::proto::{
    kvrwset::{KvRead, KvWrite, KvrwSet, Version},
    protos::TxValidationCode,
};
use fastrand::Rng;
use sha2::{Digest, Sha256};
use testkit::{Draft, LIFECYCLE};
use tests::{
    differential::definitions::Chaincode,
    hostile::consortium::{
        BOTH, Consortium, NAME, ORGANISATIONS, SECOND, SECOND_BODY, code, forged_endorser, key_policy,
        policy_write, public_key,
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

/// The reasons in an answer that are not the attackers' own doing. What cannot be read is left out: it shows where
/// nothing says not valid, so that the other's unreadable record may come to show.
fn of_others(answer: &Answer, attackers: &[&str]) -> Option<Result<Vec<Reason>, String>> {
    answer.as_ref().map(|answer| {
        answer.clone().map(|verdict| match verdict {
            Verdict::Valid | Verdict::CannotTell { .. } => Vec::new(),
            Verdict::NotValid { reasons } => {
                let is_theirs =
                    |reason: &Reason| reason.by.as_deref().is_some_and(|by| attackers.contains(&by));
                let others = reasons.into_iter().filter(|reason| !is_theirs(reason));
                // A stop that stands is said to stand since the moment at the latest at which it is asked about.
                others.map(|reason| Reason { since: DateTime::from_seconds(0), ..reason }).collect()
            }
        })
    })
}

fn check(before: &Answers, after: &Answers, attackers: &[&str], told: &str) {
    let is_responsible = attackers.iter().any(|attacker| BOTH.contains(attacker));
    // A certification body and the accreditation body together issue what was not issued.
    let is_theirs =
        |known: &Code| attackers.len() > 1 && (ISSUED + 1..=CODES).any(|number| code(number) == *known);
    for (code, was) in before.now.iter().filter(|(code, _)| !is_theirs(code)) {
        let is = &after.now[code];
        assert_eq!(of_others(is, attackers), of_others(was, attackers), "{code} now, {told}");
        if !is_responsible {
            assert_eq!(is, was, "{code} now, {told}");
        }
    }
    for (question, was) in before.settled.iter().filter(|((code, _), _)| !is_theirs(code)) {
        let is = &after.settled[question];
        assert_eq!(is, was, "the past, {question:?}, {told}");
    }
    assert_eq!(after.ledger_time, before.ledger_time, "ledger time, {told}");
}

#[test]
fn no_organisation_alone_changes_more_than_its_own_stops() {
    let seed = setting("POWER_SEED", fastrand::u64(..1 << 32));
    let blocks = setting("POWER_BLOCKS", BLOCKS as u64);
    eprintln!("POWER_SEED={seed} POWER_BLOCKS={blocks}");
    let alone = ORGANISATIONS.map(|(organisation, _)| vec![organisation]);
    // The second body's namespace is theirs: there they issue what they like, and nothing of the first body's changes by it.
    let puppet = vec![ACCREDITATION_BODY, SECOND_BODY];
    for (index, attackers) in alone.into_iter().chain([puppet]).enumerate() {
        let mut rng = Rng::with_seed(seed.wrapping_add(index as u64));
        let mut consortium = Consortium::new(start());
        (1..=ISSUED).for_each(|number| {
            consortium.issue(number);
        });
        let mut counts = BTreeMap::<TxValidationCode, usize>::new();
        for number in 0..blocks {
            let told = format!("{attackers:?}, block {number}, POWER_SEED={seed}");
            honest_life(&mut consortium, &mut rng);
            let moments = settled(&consortium);
            let before = Answers::of(&consortium, &moments);
            let attack: Vec<Bytes> =
                (0..rng.usize(4..12)).map(|_| hostile(&mut consortium, &attackers, &mut rng)).collect();
            for code in consortium.order(attack) {
                *counts.entry(code).or_default() += 1;
            }
            check(&before, &Answers::of(&consortium, &moments), &attackers, &told);
            if number % 10 == 9 {
                the_other_body_still_stops(&mut consortium, &attackers, &mut rng, &told);
            }
        }
        eprintln!("{attackers:?}: {counts:?}");
        let valid = counts.get(&TxValidationCode::Valid).copied().unwrap_or_default();
        assert_eq!(
            valid > 20,
            attackers.iter().any(|attacker| BOTH.contains(attacker)),
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
fn the_other_body_still_stops(consortium: &mut Consortium, attackers: &[&str], rng: &mut Rng, told: &str) {
    let body = match attackers[0] {
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
    let mut block: Vec<Bytes> = (0..4).map(|_| hostile(consortium, attackers, rng)).collect();
    block.push(stop);
    let codes = consortium.order(block);
    assert_eq!(codes.last(), Some(&TxValidationCode::Valid), "the stop, {told}");
    let answer = answer(consortium, number, Moment::Now(consortium.now));
    assert!(withdrawn(&answer), "{number} is stopped, {told}: {answer:?}");
}

/// Anything that the attackers' keys can sign: other peers' endorsements are forged.
fn hostile(consortium: &mut Consortium, attackers: &[&str], rng: &mut Rng) -> Bytes {
    let moment = moment(consortium.now, rng);
    let namespace = match rng.u8(0..14) {
        0 => LIFECYCLE,
        1 => "other",
        2..=3 => REGISTRY,
        4..=5 => SECOND,
        _ => NAME,
    };
    let document = consortium.document(rng.u8(1..=ISSUED));
    let rwset = match namespace {
        LIFECYCLE => redefinition(),
        _ => rwset(consortium.now, attackers, &document, rng),
    };
    let attacker = *rng.choice(attackers).unwrap();
    let mut draft = consortium.draft(namespace, attacker, attackers);
    draft.channel_header.timestamp.as_mut().unwrap().seconds = moment.seconds();
    draft.namespace(namespace).public = rwset;
    let plain = draft.clone();
    let (namespaces, header, nonce) = (plain.namespaces, plain.channel_header, plain.nonce);
    // The borrow of the members ends here; who endorses is put together anew.
    let members = &consortium.members;
    let mine = &members[attacker];
    let mut draft =
        Draft::new(NAME, namespace, nonce, &mine.client, attackers.iter().map(|it| &members[*it].peer));
    draft.channel_header = header;
    draft.namespaces = namespaces;
    if rng.bool() {
        draft.endorsers.push((&mine.admin).into());
        draft.endorsers.push((&mine.client).into());
    }
    if rng.bool() {
        let others = members.iter().filter(|(msp_id, _)| !attackers.contains(*msp_id));
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

fn rwset(now: DateTime, attackers: &[&str], document: &str, rng: &mut Rng) -> KvrwSet {
    let mut rwset = KvrwSet::default();
    // Mostly one key: a transaction fails as a whole where one of its keys is another's.
    for _ in 0..if rng.u8(0..8) == 0 { 2 } else { 1 } {
        let key = key(attackers, rng);
        for _ in 0..rng.usize(0..3) {
            rwset.writes.push(write(&key, now, document, rng));
        }
        if rng.u8(0..6) == 0 || rwset.writes.is_empty() {
            rwset.metadata_writes.push(policy_write(&key, policy(attackers, rng)));
        }
    }
    if rng.u8(0..8) == 0 {
        let version = Some(Version { block_num: rng.u64(0..30), tx_num: 0 });
        rwset.reads.push(KvRead { key: key(attackers, rng), version });
    }
    rwset
}

fn key(attackers: &[&str], rng: &mut Rng) -> String {
    let code = code(rng.u8(1..=CODES));
    let owners = if rng.u8(0..6) == 0 { BOTH } else { attackers };
    let owner = *rng.choice(owners).unwrap();
    let body = *rng.choice(&[CERTIFICATION_BODY, SECOND_BODY]).unwrap();
    match rng.u8(0..28) {
        0..=1 => keys::certificate(code),
        2..=3 => keys::accreditation(body, demo::SCHEME_ID),
        4 => keys::issuer_key(CERTIFICATION_BODY, "z6Mk"),
        5 => keys::LEDGER.to_owned(),
        6 => keys::status(CERTIFICATION_BODY, 0, rng.u32(0..8)),
        7 => keys::superseded(code),
        8 => keys::surveillance(code),
        9 => keys::index("scheme", &[demo::SCHEME_ID, &code.to_string()]),
        10 => keys::reservation(code),
        11 => keys::application(code),
        12 => keys::complaint(code),
        13 => keys::scheme(demo::SCHEME_ID, demo::SCHEME_VERSION),
        14..=15 => keys::adopted(code),
        16 => keys::ended(CERTIFICATION_BODY),
        17..=19 => keys::compromise(CERTIFICATION_BODY, &public_key(), owner),
        20..=22 => keys::withdrawal(code, owner),
        _ => keys::stop(code, owner),
    }
}

/// Deletions, garbage, and records that the contract could have written, at any time and in anybody's name.
fn write(key: &str, now: DateTime, document: &str, rng: &mut Rng) -> KvWrite {
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
            let hash = hex::encode(Sha256::digest(document));
            let (body, document) =
                (CERTIFICATION_BODY.to_owned(), if rng.bool() { hash } else { "00".repeat(32) });
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
            let (successor, chaincode) =
                if rng.bool() { (SECOND_BODY, SECOND) } else { (*rng.choice(BOTH).unwrap(), NAME) };
            let (successor, chaincode) = (successor.to_owned(), chaincode.to_owned());
            let successors = vec![Successor { successor, chaincode, named: placed }];
            Some(BodyEnd { body: CERTIFICATION_BODY.into(), successors }.encode())
        }
        _ if key.starts_with(keys::SUPERSEDED) => {
            Some(Superseded { superseded_by: code(rng.u8(1..=CODES)), event: placed }.encode())
        }
        _ if key.starts_with(keys::SURVEILLANCE) => {
            let (conclusion, due) = (rng.bool().then_some(Conclusion::Nonconforming), Some(moment(now, rng)));
            Some(Surveillance { activities: vec![Activity { conclusion, due, event: placed }] }.encode())
        }
        _ if key.starts_with(keys::CERTIFICATE) && rng.bool() => Some(
            Certificate {
                body: (*rng.choice(&[CERTIFICATION_BODY, SECOND_BODY]).unwrap()).to_owned(),
                scheme_id: demo::SCHEME_ID.into(),
                valid_from: moment(now, rng),
                valid_until: moment(now, rng),
                issued: placed,
                application: None,
                surveillance: rng.bool().then_some(SurveillanceRule { every_days: 1, grace_days: Some(1) }),
                category: None,
                document: Bytes::copy_from_slice(document.as_bytes()),
            }
            .encode(),
        ),
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
        term: term(now, rng),
        registered,
        suspensions: if rng.bool() {
            vec![AccreditationSuspension { effect, placed, lifted }]
        } else {
            Vec::new()
        },
        scope: scope(rng),
        former_scopes: vec![Former { scope: scope(rng), ended: other.clone() }; usize::from(rng.bool())],
        former_terms: vec![FormerTerm { term: term(now, rng), renewed: other }; usize::from(rng.bool())],
    }
}

fn term(now: DateTime, rng: &mut Rng) -> Term {
    let (valid_from, valid_until) = (moment(now, rng), moment(now, rng));
    Term { number: demo::ACCREDITATION_NUMBER.into(), valid_from, valid_until }
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
fn policy(attackers: &[&str], rng: &mut Rng) -> Bytes {
    match rng.u8(0..24) {
        0 => key_policy(&KeyPolicy::Nobody),
        1 => key_policy(&KeyPolicy::all(BOTH)),
        _ => key_policy(&KeyPolicy::all(attackers)),
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
