//! The demonstration on a running network: every state is there, and nothing twice.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{collections::BTreeMap, fs, process::Command, time::Duration};

use serde_json::{Value, json};
use tests::{Network, assert_success, bodies::Bodies, get, kill_after, nanotrace, random, repository, run};

/// The second certification body's chaincode, as the demonstration calls it.
const SECOND: &str = "nanotrace-second";

/// Who changes the rules of a network with one body: administrators, and peers.
const RULES: [&str; 2] = [
    "AND('CertBodyMSP.admin', 'AccreditationMSP.admin')",
    "AND('CertBodyMSP.peer', 'AccreditationMSP.peer')",
];

/// How often a start that plays the month, and the month by itself, are interrupted.
const INTERRUPTS: usize = 6;
/// How the applications end, by the number of them.
const APPLICATIONS: [(&str, usize); 9] = [
    ("accepted", 1),
    ("decided", 1),
    ("evaluated", 1),
    ("granted", 8),
    ("refused", 1),
    ("returned", 1),
    ("reviewed", 1),
    ("submitted", 1),
    ("withdrawn", 1),
];
/// What a scan of the certificates answers.
const ANSWERS: [(&str, usize); 4] = [("superseded", 1), ("suspended", 1), ("valid", 5), ("withdrawn", 1)];

#[test]
fn the_month_is_played_once_however_often_it_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let bodies = Bodies::over(Network::start_with(folder.path(), &["--demo", "full"]));
    let first = bodies.network.code().to_string();
    let block = |bodies: &Bodies| answer(bodies, &first)["asOf"]["block"].as_u64().unwrap();
    let after_start = block(&bodies);
    let stories = bodies.done("demo");
    assert_all_is_there(&bodies, &stories);
    assert_eq!(bodies.done("demo"), stories);
    assert_eq!(block(&bodies), after_start, "something was played twice");

    // The field that was opened is the one that was handed in.
    let disclosure = folder.path().join("demonstration/disclosure.json");
    let verify = ["cert", "verify-disclosure", disclosure.to_str().unwrap()];
    assert!(assert_success(&bodies.network.nanotrace(&verify)).contains("GENUINE"));

    // What happened beside the applications, in the life of a body.
    let complaints = bodies.done("complaint list");
    let appeal = &complaints[0];
    assert_eq!((&appeal["kind"], &appeal["state"]), (&json!("appeal"), &json!("dismissed")), "{complaints}");
    let accreditations = bodies.done("cert accreditation list");
    let last = accreditations.as_array().unwrap().last().unwrap();
    assert!(last["suspensions"][0]["lifted"].is_object(), "{accreditations}");
    assert_eq!(
        bodies.done(&format!("surveillance show {first}"))["activities"][0]["conclusion"],
        "conforming"
    );

    // A list has each once, whatever it is asked by.
    let listed = |wanted: &str| bodies.done(&format!("cert list{wanted}")).as_array().unwrap().len();
    let valid = ANSWERS.iter().find(|(answer, _)| *answer == "valid").unwrap().1;
    assert_eq!((listed(""), listed(" --result valid"), listed(" --result notValid")), (8, valid, 8 - valid));
    let granted = stories.as_array().unwrap().iter().find(|story| story["state"] == "granted").unwrap();
    assert_eq!(listed(&format!(" --application {}", granted["application"].as_str().unwrap())), 1);
    assert_eq!(bodies.done("cert index")["certificates"], 8);
    assert_eq!(listed(&format!(" --scheme {}", certificate::demo::SCHEME_ID)), 8);

    // What people do with a certificate stays, also after another start.
    let suspended = stories.as_array().unwrap().iter().find(|story| story["verdict"] == "suspended").unwrap();
    let suspended = suspended["certificate"].as_str().unwrap();
    bodies.done(&format!("cert lift {suspended} --reason cleared"));
    let after_lift = block(&bodies);
    assert!(bodies.network.stop());
    let bodies = Bodies::over(Network::start_with(folder.path(), &["--demo", "full"]));
    bodies.done("demo");
    assert_eq!(bodies.scanned(suspended, "").0, "valid");
    assert_eq!(block(&bodies), after_lift);
}

#[test]
fn a_month_that_is_killed_goes_on_and_does_nothing_twice() {
    let mut random = random();
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..INTERRUPTS {
        let after = Duration::from_millis(random.u64(500..2_500));
        Network::kill_while_it_starts(folder.path(), &["--demo", "full"], after);
    }
    assert_goes_on(Network::start_with(folder.path(), &["--demo", "full"]));

    let folder = tempfile::tempdir().unwrap();
    let network = Network::start_with(folder.path(), &["--demo", "none"]);
    assert!(!network.certificate_file().exists());
    for _ in 0..INTERRUPTS {
        let mut demo = Command::new(nanotrace());
        demo.arg("demo").env("NANOTRACE_DATA", network.directory());
        kill_after(demo, Duration::from_millis(random.u64(50..400)));
    }
    assert_goes_on(network);
}

fn assert_goes_on(network: Network) {
    let bodies = Bodies::over(network);
    let stories = bodies.done("demo");
    assert_all_is_there(&bodies, &stories);
}

/// On a network of two certification bodies each has its own part of the month.
#[test]
fn a_second_body_plays_its_part() {
    let folder = tempfile::tempdir().unwrap();
    let bodies = Bodies::over(Network::start_with(folder.path(), &["--bodies", "two", "--demo", "full"]));
    let stories = bodies.done("demo");
    let own = |body: &str| stories.as_array().unwrap().iter().filter(|story| story["body"] == body).count();
    assert_eq!((own("CertBodyMSP"), own("SecondBodyMSP")), (11, 5));
    for (chaincode, count) in [("nanotrace", 11), (SECOND, 5)] {
        let listed = bodies.done(&format!("application list --chaincode {chaincode}"));
        assert_eq!(listed.as_array().unwrap().len(), count, "{chaincode}");
    }
    assert_answers(&bodies, stories.as_array().unwrap());
    assert_eq!(bodies.done("demo"), stories);

    // The rules are what `nanotrace body` keeps: they take both bodies, and a third can join.
    let join = "body join Lab";
    for too_few in
        [&["CertBody", "Accreditation"][..], &["SecondBody", "Accreditation"], &["CertBody", "SecondBody"]]
    {
        let (done, reason) = bodies.decide(join, too_few);
        assert!(!done && reason.contains("not satisfied"), "{reason}");
    }
    let (done, said) = bodies.decide(join, &["CertBody", "SecondBody", "Accreditation"]);
    assert!(done, "{said}");
    let (done, said) = bodies.decide("body leave CertBody", &["SecondBody", "Lab", "Accreditation"]);
    assert!(done, "{said}");
}

/// A network keeps its bodies, whatever a later start is told.
#[test]
fn a_network_of_one_body_stays_one() {
    let folder = tempfile::tempdir().unwrap();
    let begun = |bodies: &str| {
        let network = Network::start_with(folder.path(), &["--bodies", bodies]);
        let organisations = network.profile().organisations.len();
        assert!(network.stop());
        organisations
    };
    assert_eq!((begun("one"), begun("two")), (5, 5));
    // A file that was lost is made again as it was.
    let file = folder.path().join("crypto-config.yaml");
    let before = fs::read(&file).unwrap();
    fs::remove_file(&file).unwrap();
    assert_eq!(begun("two"), 5);
    assert_eq!(fs::read(&file).unwrap(), before);
}

/// Both networks are described alike, but for the second body.
#[test]
fn the_files_of_two_bodies_are_those_of_one_with_another_organisation() {
    let read = |name: &str| fs::read_to_string(repository().join(name)).unwrap();
    let lines = |text: &str| -> Vec<String> {
        let rules = text
            .replace(
                "AND('AccreditationMSP.admin', AND('CertBodyMSP.admin', 'SecondBodyMSP.admin'))",
                RULES[0],
            )
            .replace("AND('AccreditationMSP.peer', AND('CertBodyMSP.peer', 'SecondBodyMSP.peer'))", RULES[1]);
        let kept = rules.lines().map(str::trim_end).filter(|line| !line.trim_start().starts_with('#'));
        kept.filter(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    for (one, two) in [
        ("configtx.yaml", "src/up/two_bodies/configtx.yaml"),
        ("crypto-config/crypto-config.yaml", "src/up/two_bodies/crypto-config.yaml"),
    ] {
        let (one, two) = (lines(&read(one)), lines(&read(two)));
        let mut expected = one.iter().peekable();
        let added: Vec<_> =
            two.iter().filter(|line| expected.next_if(|next| next == line).is_none()).collect();
        assert_eq!(expected.next(), None, "{two:?}");
        // The organisation's own paragraph, which is the first body's under another name.
        let first = |line: &str| line.replace("SecondBody", "CertBody").replace("secondbody", "certbody");
        assert!(added.iter().all(|line| one.contains(&first(line))), "{added:?}");
        assert!(added.iter().any(|line| line.contains("SecondBody")), "{added:?}");
    }
}

/// Without a network there is nothing to play on; and one certificate is not the month.
#[test]
fn the_first_start_plays_as_much_as_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["demo", "--data-dir", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    let bodies = Bodies::over(Network::start_with(folder.path(), &["--demo", "one"]));
    let listed = bodies.done("application list");
    assert_eq!(listed.as_array().unwrap().len(), 1);
    let code = bodies.network.code().to_string();
    assert_eq!(bodies.scanned(&code, "").0, "valid");
    let application = answer(&bodies, &code)["application"].clone();
    assert!(application.is_null() || application == listed[0]["application"], "{application}");
}

/// By what `demo` prints, the applications on the ledger, and the verifier's answers.
fn assert_all_is_there(bodies: &Bodies, stories: &Value) {
    let stories = stories.as_array().unwrap();
    assert_eq!(counted(stories.iter().map(|story| text(&story["state"]))), expected(&APPLICATIONS));
    let listed = bodies.done("application list");
    let listed = listed.as_array().unwrap();
    assert_eq!(
        counted(listed.iter().map(|application| text(&application["state"]))),
        expected(&APPLICATIONS)
    );

    for story in stories {
        let id = story["application"].as_str().unwrap();
        assert_no_step_is_taken_twice(&bodies.done(&format!("application show {id}")));
    }
    assert_answers(bodies, stories);
}

/// What the public is told of each certificate, by JSON and page.
fn assert_answers(bodies: &Bodies, stories: &[Value]) {
    let mut answers = Vec::new();
    for story in stories {
        let Some(code) = story["certificate"].as_str() else { continue };
        let answer = answer(bodies, code);
        let subject = &answer["document"]["credentialSubject"];
        assert!(subject.is_null() || subject["demonstration"] == json!(true), "{answer}");
        let cause = answer["reasons"][0]["cause"].as_str();
        answers.push(cause.unwrap_or(answer["result"].as_str().unwrap()).to_owned());
        assert_eq!(story["verdict"], json!(answers.last().unwrap()));
        let page = get(&bodies.network.verifier(), &format!("/c/{code}"));
        assert!(page.contains(story["title"].as_str().unwrap()), "{page}");
    }
    assert_eq!(counted(answers.into_iter()), expected(&ANSWERS));
}

fn assert_no_step_is_taken_twice(application: &Value) {
    let steps = application["steps"].as_array().unwrap();
    for (step, times) in counted(steps.iter().map(|step| text(&step["step"]))) {
        assert_eq!(times, 1, "{step}: {application}");
    }
}

fn answer(bodies: &Bodies, code: &str) -> Value {
    let answer = get(&bodies.network.verifier(), &format!("/api/v1/certificates/{code}"));
    serde_json::from_str(&answer).unwrap()
}

fn counted(names: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    names.fold(BTreeMap::new(), |mut counts, name| {
        *counts.entry(name).or_default() += 1;
        counts
    })
}

fn expected(counts: &[(&str, usize)]) -> BTreeMap<String, usize> {
    counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
