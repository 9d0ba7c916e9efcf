//! The life of a certificate on a running network, by the command line and as the public sees it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::fs;

use serde_json::{Value, json};
use tests::{
    bodies::{Bodies, METHOD, SCHEME},
    get,
};

#[test]
fn a_certificate_lives_from_application_to_withdrawal() {
    let bodies = Bodies::start();
    let report = bodies.draft("draft.json");
    let dossier = bodies.file("dossier.txt");
    fs::write(&dossier, "what the applicant hands in").unwrap();
    let dossier = dossier.display();
    bodies.done(&format!(
        "lab register CustomsMSP --number L-17 --method {METHOD} --from 2026-01-01 --until 2090-01-01"
    ));

    let submit =
        format!("application submit --title NM-110 --scheme {SCHEME} --scheme-version 1 --dossier {dossier}");
    bodies.refused(&format!("{submit} --user User2 --org Lab"), "nanotrace.role");
    let submitted = bodies.done(&submit);
    let id = submitted["application"].as_str().unwrap();

    // Returned for more, and completed.
    bodies.done(&format!("application return {id} --reason incomplete"));
    bodies.refused(&format!("application accept {id}"), "the application is returned");
    bodies.done(&format!("application complete {id} --dossier {dossier}"));
    bodies.done(&format!("application accept {id}"));

    // Evaluated by one person, reviewed by another, decided by a third.
    bodies.refused(&format!("application evaluate {id} --findings good --recommend grant"), "no test report");
    bodies.refused(
        &format!("application report {id} --sha256 {report} --method XRD --number R-1 --date 2026-10-01"),
        "/method",
    );
    bodies.done(&format!(
        "application report {id} --sha256 {report} --method {METHOD} --number R-1 --date 2026-10-01"
    ));
    bodies.done(&format!("application evaluate {id} --findings good --recommend grant"));
    bodies.refused(&format!("application review {id} --reason complete --user User2"), "reviewer");
    bodies.done(&format!("application review {id} --reason complete"));
    let draft = bodies.file("draft.json");
    bodies.refused(&format!("application decide {id} {} --user User3", draft.display()), "decision-maker");
    bodies.done(&format!("application decide {id} {}", draft.display()));

    // The document decided on is granted, and no other one.
    bodies.draft("another.json");
    let (another, signed) =
        (bodies.sign("another.json", "another.signed.json"), bodies.sign("draft.json", "signed.json"));
    bodies.refused(&format!("cert grant {id} {another}"), "must be the document that was decided on");
    bodies.refused(&format!("cert issue {signed}"), "is reserved for application");
    let granted = bodies.done(&format!("cert grant {id} {signed} --user User4"));
    let code = granted["certificate"].as_str().unwrap();
    assert_eq!(bodies.scanned(code, ""), ("valid".into(), Value::Null));
    bodies.refused(&format!("application withdraw {id} --reason late"), "the application is granted");
    let application = bodies.done(&format!("application show {id}"));
    assert_eq!(
        (&application["state"], &application["decision"]["certificate"]),
        (&json!("granted"), &json!(code))
    );
    assert_persons_are_pseudonyms(&application);

    // The accreditation is suspended and restored; each body stops by itself, and lifts its own stop.
    let accreditation = format!("--scheme {SCHEME} --reason audit");
    bodies.done(&format!("cert accreditation suspend {accreditation} --effect all-certificates"));
    let (result, reason) = bodies.scanned(code, "");
    assert_eq!((result.as_str(), &reason["cause"]), ("notValid", &json!("accreditationSuspended")));
    bodies.done(&format!("cert accreditation restore {accreditation}"));
    bodies.refused(&format!("cert stop {code} --reason doubt --user User4"), "service");
    bodies.done(&format!("cert stop {code} --reason doubt --org Accreditation"));
    let (result, reason) = bodies.scanned(code, "");
    assert_eq!((result.as_str(), &reason["by"]), ("notValid", &json!("AccreditationMSP")));
    bodies.done(&format!("cert lift {code} --reason cleared --org Accreditation"));
    assert_eq!(bodies.scanned(code, "").0, "valid");
    let (lifted, mut while_valid) = (bodies.time(code), bodies.time(code));
    while while_valid == lifted {
        while_valid = bodies.time(code);
    }
    while bodies.time(code) == while_valid {}

    // Another certificate takes its place; the newer one is withdrawn.
    let newer = bodies.done(&format!("cert issue {another}"));
    let newer = newer["certificate"].as_str().unwrap();
    bodies.refused(&format!("cert supersede {code} {code} --reason scope"), "supersede");
    bodies.done(&format!("cert supersede {code} {newer} --reason scope"));
    let (result, reason) = bodies.scanned(code, "");
    assert_eq!((result.as_str(), &reason["cause"]), ("notValid", &json!("superseded")));
    assert_eq!(reason["supersededBy"], json!(newer));
    bodies.done(&format!("cert withdraw {newer} --reason misuse --yes"));
    assert_eq!(bodies.scanned(newer, "").1["cause"], json!("withdrawn"));
    assert_eq!(bodies.scanned(code, &format!("?at={while_valid}")).0, "valid", "at {while_valid}");
}

#[test]
fn a_load_takes_certificates_the_whole_path() {
    let bodies = Bodies::start();
    let load = "bench --operation path --in-flight 1,4 --count 10 --warm-up 0s";
    let measured = bodies.done(load);
    assert_eq!(measured["operation"], "path");
    for round in measured["rounds"].as_array().unwrap() {
        assert_eq!((&round["transactions"], &round["failures"]), (&json!(10), &json!(0)), "{round}");
    }
    let granted = bodies.done("application list --state granted");
    // What was under way when a round ended is granted too; and the first start's.
    let granted = granted.as_array().unwrap().len();
    assert!((21..=26).contains(&granted), "{granted}");
}

/// By the command line; the page says what is due.
#[test]
fn a_certificate_is_surveilled_complained_of_and_decided_on_by_an_uninvolved_person() {
    let bodies = Bodies::start();
    let code = bodies.network.code().to_string();
    let page = || get(&bodies.network.verifier(), &format!("/c/{code}"));
    assert!(page().contains("none is due"), "{}", page());
    bodies.refused(&format!("surveillance plan {code} --due 2026-01-31 --reason late"), "/due");
    bodies.refused(
        &format!("surveillance plan {code} --due 2090-01-31 --reason x --user User4"),
        "nanotrace.role",
    );
    bodies.done(&format!("surveillance plan {code} --due 2090-01-31 --reason complaint"));
    assert_eq!(bodies.done(&format!("surveillance show {code}"))["due"], "2090-01-31T00:00:00Z");
    assert!(page().contains("due on 31 January 2090"), "{}", page());
    let record = format!("surveillance record {code} --findings unchanged --conclusion conforming");
    bodies.refused(&format!("{record} --org Accreditation --user User1"), "CertBodyMSP");
    bodies.done(&record);
    assert!(page().contains("Surveillance done by"), "{}", page());
    let history = bodies.ended(&format!("cert history {code}")).1;
    assert!(history.contains("surveillance done (conforming) by CertBodyMSP: unchanged"), "{history}");

    let filed = bodies.done(&format!("complaint file --certificate {code} --summary size --appeal"));
    let id = filed["complaint"].as_str().unwrap();
    bodies.done(&format!("complaint acknowledge {id} --reason received"));
    // The officer of the demonstration issued the certificate.
    let decide = format!("complaint decide {id} --outcome upheld --reason measured");
    bodies.refused(&format!("{decide} --org CertBody --user User1"), "had no part in the case");
    bodies.done(&decide);
    assert_eq!(bodies.done(&format!("complaint show {id}"))["state"], "upheld");
    assert_eq!(bodies.done("complaint list --state upheld")[0]["complaint"], id);
    bodies.refused(&format!("complaint withdraw {id} --reason settled"), "is upheld");

    let head = "ab".repeat(32);
    bodies.done(&format!("audit anchor portal --head {head} --count 3"));
    bodies.refused(&format!("audit anchor portal --head {head} --count 3"), "/count");
    assert_eq!(bodies.done("audit show CertBodyMSP portal")["count"], 3);
}

/// By the accreditation body alone; by the page, the JSON and the command line.
#[test]
fn a_certificate_of_a_compromised_key_is_not_valid() {
    let bodies = Bodies::start();
    let code = bodies.network.code().to_string();
    bodies.draft("draft.json");
    let signed = bodies.sign("draft.json", "signed.json");
    let keys = bodies.done("cert key list");
    let key = keys[0]["publicKey"].as_str().unwrap();
    let declare =
        |from: &str, who: &str| format!("cert key compromise {key} --from {from} --reason stolen {who}");

    bodies.refused(&declare("2090-01-01", "--user Admin"), "must not be after the transaction's timestamp");
    bodies.refused(&declare("2026-01-01", "--org Industry --user User1"), "IndustryMSP");
    // Issued before that.
    let (issued, mut from) = (bodies.time(&code), bodies.time(&code));
    while from == issued {
        from = bodies.time(&code);
    }
    bodies.done(&declare(&from, "--user Admin"));
    assert_eq!(bodies.scanned(&code, "").0, "valid");
    bodies
        .refused(&format!("cert issue {signed}"), "must not be compromised, but CertBodyMSP declares it so");
    // And after that.
    while bodies.time(&code) == from {}
    bodies.done(&declare("2026-01-01", "--org Accreditation --user Admin"));
    let (result, reason) = bodies.scanned(&code, "");
    assert_eq!((result.as_str(), &reason["cause"]), ("notValid", &json!("issuerKeyCompromised")));
    assert_eq!((&reason["by"], &reason["why"]), (&json!("AccreditationMSP"), &json!("stolen")));
    assert_eq!(bodies.scanned(&code, &format!("?at={from}")).0, "valid", "what was answered stays");
    assert!(bodies.ended("cert key list").1.contains("compromised"));
    let page = get(&bodies.network.verifier(), &format!("/c/{code}"));
    assert!(page.contains("somebody else may have had the key"), "{page}");
    let (exit, shown) = bodies.ended(&format!("cert show {code}"));
    assert!(exit == Some(1) && shown.contains("signed with a compromised key"), "{shown}");
}

fn assert_persons_are_pseudonyms(application: &Value) {
    let steps = application["steps"].as_array().unwrap();
    let person = |step: &str| {
        let taken = steps.iter().find(|taken| taken["step"] == json!(step)).unwrap();
        taken["person"].as_str().unwrap().to_owned()
    };
    let persons = ["submit", "report", "evaluate", "review", "decide"].map(person);
    for (at, person) in persons.iter().enumerate() {
        assert!(person.len() == 32 && person.bytes().all(|byte| byte.is_ascii_hexdigit()), "{person}");
        assert!(!persons[..at].contains(person), "two persons of one name: {persons:?}");
    }
}
