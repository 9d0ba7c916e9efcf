//! How soon the portal answers fifty people at work, with ten thousand applications in its index and the ledger in the same process.
//! A measurement, and no test of times: `cargo nextest run --release --workspace --test portal_load --run-ignored all --no-capture`.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use accounts::{
    Database, PartyKind, now,
    people::{self, Account, NewAccount},
    store::{self, NewSession},
};
use dossiers::queue::{Queue, Wanted};
use tests::{Network, assert_success, setting, visitor::Visitor};

const BODY: &str = "CertBodyMSP";
const COMPANIES: usize = 25;
const STAFF: usize = 25;
/// Between two requests of one person.
const PAUSE: Duration = Duration::from_millis(1000);

/// What was asked, and how long the answer took.
type Answers = Vec<(&'static str, Duration)>;

/// Somebody who is logged in: the secret of the session.
async fn session(database: &Database, party: &str, kind: PartyKind, role: &str, number: usize) -> String {
    let mut change = database.change().await.unwrap();
    if kind == PartyKind::Company {
        people::create_party(&mut change, party, kind, party, now()).await.unwrap();
    }
    let email = format!("{role}-{number}@load.example");
    let account = NewAccount {
        party,
        email: &email,
        name: &format!("{role} {number}"),
        password: "none",
        role: Some(role),
        granted_by: "the measurement",
    };
    let account = people::create(&mut change, &account, now()).await.unwrap();
    let new = NewSession { account: &account, browser: "load", address: "127.0.0.1", by_passkey: true };
    let secret = store::begin_session(&mut change, &new, now()).await.unwrap();
    change.commit().await.unwrap();
    secret
}

/// Those that the index has.
async fn applications(database: &Database) -> Vec<String> {
    let account = Account {
        id: String::new(),
        party: BODY.to_owned(),
        party_kind: PartyKind::Organisation,
        party_name: String::new(),
        email: String::new(),
        name: String::new(),
        roles: Vec::new(),
    };
    let queue = Queue::of(database, &account, None).await.unwrap();
    let mut found = Vec::new();
    for page in 0.. {
        let some = queue.page(database, &Wanted { page, ..Wanted::default() }).await.unwrap();
        if some.is_empty() {
            break;
        }
        found.extend(some.into_iter().map(|it| it.known.id));
    }
    found
}

fn timed(answers: &mut Answers, what: &'static str, ask: impl FnOnce() -> u16) {
    let begun = Instant::now();
    let status = ask();
    answers.push((what, begun.elapsed()));
    assert!(matches!(status, 200 | 303), "{what}: {status}");
    thread::sleep(PAUSE.saturating_sub(begun.elapsed()));
}

fn company(mut visitor: Visitor, until: Instant) -> Answers {
    let mut answers = Vec::new();
    let begun = visitor.post("/applications/new", "/applications", &[]);
    let path = begun.location.strip_suffix("/form/product").unwrap().to_owned();
    while Instant::now() < until {
        timed(&mut answers, "applications", || visitor.get("/applications").status);
        let form = format!("{path}/form/supplier");
        timed(&mut answers, "form", || visitor.get(&form).status);
        // A save loads its page before: two requests.
        let fields = [("client.name", "Works"), ("client.country", "BE"), ("site", "Ghent"), ("then", "on")];
        timed(&mut answers, "form, loaded and saved", || visitor.post(&form, &form, &fields).status);
        timed(&mut answers, "application", || visitor.get(&path).status);
        timed(&mut answers, "preview", || visitor.get(&format!("{path}/preview")).status);
        timed(&mut answers, "certificates", || visitor.get("/certificates").status);
    }
    answers
}

fn staff(mut visitor: Visitor, until: Instant, applications: &[String]) -> Answers {
    let mut answers = Vec::new();
    let mut random = tests::random();
    while Instant::now() < until {
        timed(&mut answers, "queue", || visitor.get("/queue").status);
        let search = format!("/queue?search={}", random.u32(0..1000));
        timed(&mut answers, "queue, searched", || visitor.get(&search).status);
        for _ in 0..2 {
            let id = &applications[random.usize(0..applications.len())];
            let page = format!("/queue/{BODY}/{id}");
            timed(&mut answers, "queued application", || visitor.get(&page).status);
        }
        timed(&mut answers, "issued certificates", || visitor.get("/issued").status);
        timed(&mut answers, "registry", || visitor.get("/registry").status);
    }
    answers
}

fn at(times: &[Duration], share: f64) -> f64 {
    let place = (share * times.len() as f64) as usize;
    times[place.min(times.len() - 1)].as_secs_f64() * 1000.0
}

#[test]
#[ignore = "a measurement"]
fn fifty_people_at_work() {
    let (wanted, seconds) =
        (setting("PORTAL_APPLICATIONS", 10_000_usize), setting("PORTAL_SECONDS", 120_u64));
    let folder = tempfile::tempdir().unwrap();
    let mut network = Network::start_with(folder.path(), &["--portal", "0"]);
    let base = network.entrances()["mails"].strip_suffix("/outbox").unwrap().to_owned();
    let count = wanted.to_string();
    let bench = ["bench", "--operation", "path", "--in-flight", "64", "--warm-up", "0s", "--count", &count];
    println!("{}", assert_success(&network.nanotrace(&bench)));

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (companies, colleagues, applications) = runtime.block_on(async {
        let path = folder.path().join("portal/portal.db");
        let database = Database::open(path.to_str().unwrap()).await.unwrap();
        let applications = loop {
            let known = applications(&database).await;
            if known.len() >= wanted {
                break known;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        };
        let (mut companies, mut colleagues) = (Vec::new(), Vec::new());
        for number in 0..COMPANIES {
            let party = format!("company {number}");
            companies.push(session(&database, &party, PartyKind::Company, "owner", number).await);
        }
        for number in 0..STAFF {
            let role = ["evaluator", "reviewer", "decision-maker"][number % 3];
            colleagues.push(session(&database, BODY, PartyKind::Organisation, role, number).await);
        }
        (companies, colleagues, applications)
    });
    let until = Instant::now() + Duration::from_secs(seconds);
    let mut by_page: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    thread::scope(|scope| {
        let mut people = Vec::new();
        for secret in &companies {
            let visitor = Visitor::with_session(&base, secret);
            people.push(scope.spawn(move || company(visitor, until)));
        }
        for secret in &colleagues {
            let (visitor, applications) = (Visitor::with_session(&base, secret), &applications);
            people.push(scope.spawn(move || staff(visitor, until, applications)));
        }
        for person in people {
            for (what, time) in person.join().unwrap() {
                by_page.entry(what).or_default().push(time);
                by_page.entry("all").or_default().push(time);
            }
        }
    });
    println!("{} applications, {} people, {seconds} s", applications.len(), COMPANIES + STAFF);
    println!("{:<24}{:>8}{:>10}{:>10}{:>10}", "page", "answers", "p50 ms", "p95 ms", "max ms");
    for (what, times) in &mut by_page {
        times.sort_unstable();
        let (half, most, longest) = (at(times, 0.5), at(times, 0.95), at(times, 1.0));
        println!("{what:<24}{:>8}{half:>10.1}{most:>10.1}{longest:>10.1}", times.len());
    }
    assert!(network.stop());
}
