//! People who make their ledger keys in browsers and sign with them, on a running network: what the portal prepares is read before
//! it is signed, and what it does otherwise is refused.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tests::{
    Network, assert_success,
    bodies::{Bodies, METHOD, SCHEME},
    nanotrace,
    people::People,
    visitor::Visitor,
};

/// A network with its portal, and an application that is submitted.
struct Stage {
    bodies: Bodies,
    /// The links by which people of each role come in.
    entrances: BTreeMap<String, String>,
    people: People,
    application: String,
    /// The hash of a test report.
    report: String,
    _folder: tempfile::TempDir,
}

/// Where its body's people and laboratories see an application.
fn page_of(application: &str) -> String {
    format!("/queue/CertBodyMSP/{application}")
}

/// Submits an application: its id, and the hash of the test report of `draft.json`.
fn submitted(bodies: &Bodies) -> (String, String) {
    let report = bodies.draft("draft.json");
    let dossier = bodies.file("dossier.txt");
    fs::write(&dossier, "what the applicant hands in").unwrap();
    let submit = format!(
        "application submit --title X --scheme {SCHEME} --scheme-version 1 --dossier {}",
        dossier.display()
    );
    (bodies.done(&submit)["application"].as_str().unwrap().to_owned(), report)
}

impl Stage {
    fn new(parts: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut network = Network::start_with(folder.path(), &["--portal", "0"]);
        let entrances = network.entrances();
        let bodies = Bodies::over(network);
        let (application, report) = submitted(&bodies);
        let mut people = People::start();
        for part in parts {
            people.at(part, "enter", json!({ "link": entrances[*part] }));
            let page = people.at(part, "makeKey", json!({}));
            assert!(page.as_str().unwrap().contains("certified as"), "{page}");
            // The page finds its key again after it was loaded anew.
            let until = Instant::now() + Duration::from_secs(30);
            loop {
                let page = people.at(part, "open", json!({ "path": "/key" }));
                if page.as_str().unwrap().contains("This browser has the key.") {
                    break;
                }
                // The page's script asks the browser's store, which may take longer than the page.
                assert!(Instant::now() < until, "{page}");
            }
        }
        Self { bodies, entrances, people, application, report, _folder: folder }
    }

    fn steps(&self) -> Vec<Value> {
        self.bodies.done(&format!("application show {}", self.application))["steps"]
            .as_array()
            .unwrap()
            .clone()
    }

    fn last(&self) -> Value {
        self.steps().pop().unwrap()
    }
}

#[test]
fn an_application_is_decided_by_keys_that_browsers_hold() {
    let mut stage = Stage::new(&["evaluator", "laboratory", "reviewer", "decision-maker"]);
    let id = stage.application.clone();
    let report = stage.report.clone();
    stage.people.done("evaluator", &page_of(&id), "application-accept", &[&id]);
    stage.people.done(
        "laboratory",
        &page_of(&id),
        "application-report",
        &[&id, &report, METHOD, "R-1", "2026-10-01"],
    );
    stage.people.done(
        "evaluator",
        &page_of(&id),
        "application-evaluate",
        &[&id, "The figures are plausible: größer 50 %", "grant"],
    );
    let reviewed = json!({ "path": page_of(&id), "name": "application-review", "values": [&id, "complete"], "keep": "ledger-keys-review" });
    let reviewed = stage.people.at("reviewer", "step", reviewed);
    assert!(reviewed["outcome"].as_str().unwrap().starts_with("done"), "{reviewed}");
    let shown: Vec<&str> =
        reviewed["shown"].as_array().unwrap().iter().map(|row| row[1].as_str().unwrap()).collect();
    let transaction = reviewed["transaction"].as_str().unwrap();
    assert_eq!(shown, ["nanotrace", "nanotrace", "application:review", &id, "complete", transaction]);

    let draft = fs::read_to_string(stage.bodies.file("draft.json")).unwrap();
    let decided = json!({ "path": page_of(&id), "name": "application-decide", "values": [&id, &draft], "keep": "ledger-keys-decide" });
    let decided = stage.people.at("decision-maker", "step", decided);
    assert!(decided["outcome"].as_str().unwrap().starts_with("done"), "{decided}");

    let application = stage.bodies.done(&format!("application show {id}"));
    assert_eq!(application["state"], "decided");
    let hash = application["decision"]["document"].as_str().unwrap();
    let rows = decided["shown"].as_array().unwrap();
    assert!(rows.iter().any(|row| row[0] == "Hash of the document" && row[1] == hash), "{rows:?}, {hash}");
    let steps = stage.steps();
    let mut persons: Vec<&str> = steps.iter().skip(1).map(|step| step["person"].as_str().unwrap()).collect();
    persons.sort_unstable();
    persons.dedup();
    assert_eq!(persons.len(), 4, "{steps:?}");
    assert_eq!(stage.last()["transactionId"], decided["transaction"]);

    // What is in the portal's folder is neither a key nor a name in a certificate.
    let log =
        stage.people.at("decision-maker", "open", json!({ "path": "/acts", "keep": "ledger-keys-acts" }));
    assert!(log.as_str().unwrap().contains("application:decide"), "{log}");
    for part in ["evaluator", "laboratory", "reviewer", "decision-maker"] {
        assert_eq!(stage.people.at(part, "problems", json!({})), json!([]), "{part}");
    }
}

#[test]
fn certificates_and_accreditations_are_suspended_and_restored_in_pages() {
    let mut stage = Stage::new(&["decision-maker", "accreditor", "evaluator"]);
    let code = stage.bodies.network.code().to_string();
    let page = format!("/issued/CertBodyMSP/{code}");
    // The verifier follows the ledger.
    let tells = |stage: &Stage, result: &str| {
        let until = Instant::now() + Duration::from_secs(30);
        while stage.bodies.scanned(&code, "").0 != result {
            assert!(Instant::now() < until, "it is not told as {result}");
        }
    };
    tells(&stage, "valid");
    let list = stage.people.at("decision-maker", "open", json!({ "path": "/issued", "keep": "issued" }));
    assert!(list.as_str().unwrap().contains(&code), "{list}");
    let stop = |as_of: &str| json!({ "path": page, "name": "certificate-stop", "values": [&code, as_of], "keep": "issued-stop" });
    let stopped = stage.people.at("decision-maker", "step", stop("Complaint 17 is looked into"));
    assert!(stopped["outcome"].as_str().unwrap().starts_with("done"), "{stopped}");
    tells(&stage, "notValid");
    // Another organisation's stop is its own, and each lifts its own alone.
    stage.people.done("accreditor", &page, "certificate-stop", &[&code, "We look, too"]);
    stage.people.done("decision-maker", &page, "certificate-lift", &[&code, "Nothing was found"]);
    tells(&stage, "notValid");
    stage.people.done("accreditor", &page, "certificate-lift", &[&code, "Nothing was found"]);
    tells(&stage, "valid");
    let values = [&code, "The figures are as certified", "conforming"];
    stage.people.done("evaluator", &page, "surveillance-record", &values);
    let shown = stage.people.at("evaluator", "open", json!({ "path": page, "keep": "issued-one" }));
    let shown = shown.as_str().unwrap();
    assert!(shown.contains("Surveillance: conforming") && shown.contains("Suspension lifted"), "{shown}");
    assert!(!shown.contains("Suspend the certificate"), "an evaluator stops nothing: {shown}");

    let entry = format!("/registry/entry?organisation=CertBodyMSP&scheme={SCHEME}");
    let suspend = json!({
        "path": entry, "name": "accreditation-suspend", "keep": "registry-suspend",
        "values": ["CertBodyMSP", SCHEME, "allCertificates", "Its records could not be seen"],
    });
    let suspended = stage.people.at("accreditor", "step", suspend);
    assert!(suspended["outcome"].as_str().unwrap().starts_with("done"), "{suspended}");
    tells(&stage, "notValid");
    let shown = stage.people.at("accreditor", "open", json!({ "path": "/registry", "keep": "registry" }));
    let told = "Suspended with all its certificates by AccreditationMSP";
    assert!(shown.as_str().unwrap().contains(told), "{shown}");
    stage.people.done(
        "accreditor",
        &entry,
        "accreditation-restore",
        &["CertBodyMSP", SCHEME, "They were seen"],
    );
    tells(&stage, "valid");
    let laboratory = ["IndustryMSP", "TEST-1", "TEM\nDLS", "2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z"];
    stage.people.done("accreditor", "/registry", "laboratory-register", &laboratory);
    let scope = ["IndustryMSP", "SEM", "DLS was given up"];
    let entry = "/registry/entry?organisation=IndustryMSP";
    stage.people.done("accreditor", entry, "laboratory-changeScope", &scope);
    let shown = stage.people.at("evaluator", "open", json!({ "path": entry, "keep": "registry-entry" }));
    let shown = shown.as_str().unwrap();
    assert!(shown.contains("methods: SEM") && !shown.contains("What you can do"), "{shown}");

    // No limit is lifted by an empty field, and what is not typed anew stays.
    let entry = format!("/registry/entry?organisation=CertBodyMSP&scheme={SCHEME}");
    let change = |values: Value, limited: Value| {
        let name = "accreditation-changeScope";
        json!({ "path": entry, "name": name, "values": values, "limited": limited, "keep": "registry-scope" })
    };
    let both = change(json!([null, null, "", "paint", "It knows paint alone"]), json!([]));
    let end = stage.people.at("accreditor", "step", both);
    assert!(end["refused"].as_str().unwrap().contains("Categories of products"), "{end}");
    let neither = change(json!([null, null, "", "", "It knows paint alone"]), json!(["standards"]));
    let end = stage.people.at("accreditor", "step", neither);
    assert!(end["refused"].as_str().unwrap().contains("Standards"), "{end}");
    let limited = change(json!([null, null, "", "paint", "It knows paint alone"]), json!(["categories"]));
    let end = stage.people.at("accreditor", "step", limited);
    assert_eq!(end["shown"][5][1], r#"{"categories":["paint"]}"#, "{end}");
    let more =
        change(json!([null, null, "https://standards.example/1", null, "So it asked"]), json!(["standards"]));
    let end = stage.people.at("accreditor", "step", more);
    let scope = r#"{"categories":["paint"],"standards":["https://standards.example/1"]}"#;
    assert_eq!(end["shown"][5][1], scope, "{end}");
    assert!(end["outcome"].as_str().unwrap().starts_with("done"), "{end}");
    for part in ["decision-maker", "accreditor", "evaluator"] {
        assert_eq!(stage.people.at(part, "problems", json!({})), json!([]), "{part}");
    }
}

/// Nobody's administrator has a part in it.
#[test]
fn a_scheme_an_accreditation_and_a_key_come_from_pages_and_a_certificate_rests_on_them() {
    const PAINTS: &str = "https://schemes.example/paints";
    const STANDARD: &str = "https://standards.example/paint";
    let mut stage = Stage::new(&["accreditor", "decision-maker", "evaluator"]);
    let open = |stage: &mut Stage, who: &str, path: &str, keep: &str| {
        let page = stage.people.at(who, "open", json!({ "path": path, "keep": format!("offices-{keep}") }));
        page.as_str().unwrap().to_owned()
    };
    let page = open(&mut stage, "evaluator", "/registry", "evaluator");
    assert!(!page.contains("What you can do"), "{page}");
    let page = open(&mut stage, "decision-maker", "/registry", "decision-maker");
    assert!(page.contains("Propose an issuer key") && !page.contains("Register a scheme"), "{page}");

    // What breaks a rule is told at the form, and nothing typed is lost.
    let scheme = json!([PAINTS, "1", "Paints", "no URI", "yes", null, "365", ""]);
    let step = |name: &str, values: Value| json!({ "path": "/registry", "name": name, "values": values, "keep": format!("offices-{name}") });
    let end = stage.people.at("accreditor", "step", step("scheme-register", scheme));
    assert!(end["refused"].as_str().is_some_and(|it| it.contains("/standards/0")), "{end}");
    assert_eq!(end["shown"], Value::Null, "{end}");
    let values = json!([null, null, null, STANDARD, null, null, "a year", null]);
    let end = stage.people.at("accreditor", "step", json!({ "name": "scheme-register", "values": values }));
    assert!(end["refused"].as_str().is_some_and(|it| it.contains("write a whole number")), "{end}");
    let values = json!([null, null, null, null, null, null, "365", null]);
    let end = stage.people.at("accreditor", "step", json!({ "name": "scheme-register", "values": values }));
    assert!(end["outcome"].as_str().is_some_and(|it| it.starts_with("done")), "{end}");
    let registered: Value = serde_json::from_str(end["shown"][3][1].as_str().unwrap()).unwrap();
    let expected = json!({
        "id": PAINTS, "version": "1", "title": "Paints", "standards": [STANDARD], "directIssue": true,
        "reviewerMayDecide": false, "surveillance": {"everyDays": 365},
    });
    assert_eq!(registered, expected);

    let values =
        json!(["CertBodyMSP", PAINTS, "R-2", "2026-01-01T00:00:00Z", "2036-01-01T00:00:00Z", STANDARD, ""]);
    let mut accredit = step("accreditation-register", values);
    accredit["limited"] = json!(["scope.standards"]);
    let end = stage.people.at("accreditor", "step", accredit);
    assert!(end["outcome"].as_str().is_some_and(|it| it.starts_with("done")), "{end}");
    let all = stage.bodies.done("cert accreditation list");
    let accredited = all.as_array().unwrap().iter().find(|it| it["schemeId"] == PAINTS).unwrap();
    assert_eq!(accredited["registered"]["role"], "accreditor");
    assert_eq!(accredited["scope"], json!({"standards": [STANDARD]}));

    let known = stage.bodies.done("cert key list")[0].clone();
    let secret = stage.bodies.file("second.key");
    let made = stage.bodies.ran(&format!("cert key generate {}", secret.display()));
    let key = made.split_whitespace().find(|word| word.starts_with("z6Mk")).unwrap().to_owned();
    let values =
        [json!(key), known["issuerId"].clone(), known["issuerName"].clone(), known["statusLists"].clone()];
    let end = stage.people.at("decision-maker", "step", step("issuerKey-propose", json!(values)));
    assert!(end["outcome"].as_str().is_some_and(|it| it.starts_with("done")), "{end}");
    let page = open(&mut stage, "decision-maker", end["path"].as_str().unwrap(), "proposed-step");
    assert!(page.contains("Accreditors of the accreditation body are told of it"), "{page}");
    // The portal hears of it from the ledger, and the accreditor from the portal.
    let until = Instant::now() + Duration::from_secs(30);
    let is_told = |stage: &mut Stage| {
        let told = stage.people.at("accreditor", "open", json!({ "path": "/notifications" }));
        told.as_str().unwrap().contains("Waits for your approval: an issuer key of CertBodyMSP")
    };
    while !is_told(&mut stage) {
        assert!(Instant::now() < until, "the accreditor is not told");
    }
    let entry = format!("/registry/entry?organisation=CertBodyMSP&key={key}");
    let page = open(&mut stage, "decision-maker", &entry, "proposed");
    assert!(page.contains("waits for approval") && page.contains("Revoke the key"), "{page}");
    assert!(!page.contains("Approve the key"), "{page}");
    let page = open(&mut stage, "evaluator", &entry, "proposed-evaluator");
    assert!(!page.contains("What you can do"), "{page}");
    let page = open(&mut stage, "accreditor", "/registry", "waiting");
    assert!(page.contains("An issuer key waits for approval"), "{page}");
    let about = ["CertBodyMSP", &key];
    let approve =
        json!({ "path": entry, "name": "issuerKey-approve", "values": about, "keep": "offices-approve" });
    let end = stage.people.at("accreditor", "step", approve);
    assert!(end["outcome"].as_str().is_some_and(|it| it.starts_with("done")), "{end}");
    assert_eq!((&end["shown"][3][1], &end["shown"][4][1]), (&json!(about[0]), &json!(about[1])), "{end}");
    let page = open(&mut stage, "decision-maker", &entry, "approved");
    assert!(page.contains("accreditor of AccreditationMSP") && !page.contains("are told of it"), "{page}");
    let until = Instant::now() + Duration::from_secs(30);
    while is_told(&mut stage) {
        assert!(Instant::now() < until, "it waits for nobody any more");
    }

    stage.bodies.draft("paint.json");
    let (draft, signed) = (stage.bodies.file("paint.json"), stage.bodies.file("paint-signed.json"));
    let mut document: Value = serde_json::from_slice(&fs::read(&draft).unwrap()).unwrap();
    let subject = &mut document["credentialSubject"];
    subject["scheme"] = json!({"id": PAINTS, "version": "1"});
    subject["standards"] = json!([STANDARD]);
    subject["accreditation"] = json!({"number": "R-2"});
    fs::write(&draft, document.to_string()).unwrap();
    let [draft, secret, signed] = [&draft, &secret, &signed].map(|path| path.display());
    stage.bodies.ran(&format!("cert sign {draft} --key {secret} --out {signed}"));
    let issued = stage.bodies.done(&format!("cert issue {signed}"));
    let code = issued["certificate"].as_str().unwrap().to_owned();
    let tells = |stage: &Stage, result: &str| {
        let until = Instant::now() + Duration::from_secs(30);
        while stage.bodies.scanned(&code, "").0 != result {
            assert!(Instant::now() < until, "it is not told as {result}");
        }
    };
    tells(&stage, "valid");

    stage.people.done(
        "decision-maker",
        &entry,
        "issuerKey-revoke",
        &[about[0], about[1], "The signer is replaced"],
    );
    tells(&stage, "valid");
    let values = [about[0], about[1], "2026-01-01T00:00:00Z", "It was copied before"];
    stage.people.done("accreditor", &entry, "issuerKey-compromise", &values);
    tells(&stage, "notValid");
    let page = open(&mut stage, "accreditor", &entry, "compromised");
    assert!(page.contains("Compromised from") && page.contains("Revoked"), "{page}");
    assert!(!page.contains("Approve the key") && !page.contains("Revoke the key"), "{page}");
    open(&mut stage, "accreditor", "/registry", "registry");
    for part in ["accreditor", "decision-maker", "evaluator"] {
        // The browser itself writes down that the portal did not take the request with the broken rule.
        let problems = stage.people.at(part, "problems", json!({}));
        let others = problems.as_array().unwrap().iter().filter(|it| !it.as_str().unwrap().contains("422"));
        assert_eq!(others.count(), 0, "{part}: {problems}");
    }
}

#[test]
fn a_complaint_is_filed_and_decided_by_who_had_no_part() {
    let mut stage = Stage::new(&["evaluator", "decision-maker", "accreditor", "laboratory"]);
    let code = stage.bodies.network.code().to_string();
    let certificate = format!("/issued/CertBodyMSP/{code}");
    // A company needs neither key nor script.
    let mut company = Visitor::welcomed(&stage.entrances["applicant"]);
    let words = "The powder is coarser than certified.";
    let fields = [("kind", "complaint"), ("certificate", &*code), ("words", words)];
    let written = company.post("/complaints/new", "/complaints", &fields);
    assert_eq!(written.location, "/complaints", "{}", written.body);
    assert!(company.get("/complaints").body.contains(words));
    let open = |stage: &mut Stage, who: &str, path: &str, keep: &str| {
        let page = stage.people.at(who, "open", json!({ "path": path, "keep": format!("complaint-{keep}") }));
        page.as_str().unwrap().to_owned()
    };
    let list = open(&mut stage, "evaluator", "/complaints", "received");
    assert!(list.contains("received"), "{list}");
    let path = stage.people.at("evaluator", "follow", json!({ "card": "received" }));
    let path = path.as_str().unwrap().to_owned();
    let id = path.rsplit('/').next().unwrap().to_owned();
    assert!(open(&mut stage, "evaluator", &path, "words").contains(words));
    let filed = json!({ "path": path, "name": "complaint-file", "keep": "complaint-file" });
    let filed = stage.people.at("evaluator", "step", filed);
    assert!(filed["outcome"].as_str().unwrap().starts_with("done"), "{filed}");
    assert!(!filed["shown"].to_string().contains(words), "the words are nobody else's: {filed}");
    company.wait_for("/complaints", "The ledger has this hash.");

    stage.people.done("evaluator", &path, "complaint-acknowledge", &[&id, "Measured again until May"]);
    // Who suspends meanwhile has a part in the case.
    stage.people.done(
        "decision-maker",
        &certificate,
        "certificate-stop",
        &[&code, "A complaint is looked into"],
    );
    let page = open(&mut stage, "decision-maker", &path, "conflict");
    assert!(page.contains("You issued, suspended or withdrew the certificate"), "{page}");
    let page = open(&mut stage, "evaluator", &path, "acknowledged");
    assert!(!page.contains("What you can do") || page.contains("Withdraw it"), "{page}");
    let list = open(&mut stage, "accreditor", "/complaints", "oversight");
    assert!(list.contains("acknowledged"), "{list}");
    let decide = json!({
        "path": path, "name": "complaint-decide", "keep": "complaint-decide", "values": [&id, "dismissed", "It is not coarser"],
    });
    let decided = stage.people.at("accreditor", "step", decide);
    assert!(decided["outcome"].as_str().unwrap().starts_with("done"), "{decided}");
    company.wait_for("/complaints", "It is not coarser");
    company.wait_for("/notifications", "Dismissed: your complaint");

    // Whoever has a key files one, and takes it back.
    let page = open(&mut stage, "laboratory", &certificate, "certificate");
    assert!(page.contains("File a complaint or an appeal"), "{page}");
    let file = format!("/complaints/new?body=CertBodyMSP&certificate={code}");
    stage.people.done("laboratory", &file, "complaint-file", &["appeal", "Lift the suspension"]);
    let found = stage.bodies.done("complaint list");
    let found = found.as_array().unwrap();
    let (own, first): (Vec<_>, Vec<_>) = found.iter().partition(|it| it["filedBy"] == "LabMSP");
    assert_eq!((&own[0]["kind"], &own[0]["state"]), (&json!("appeal"), &json!("filed")), "{own:?}");
    assert_eq!((first[0]["complaint"].as_str(), &first[0]["state"]), (Some(&*id), &json!("dismissed")));
    let own = own[0]["complaint"].as_str().unwrap().to_owned();
    let path = format!("/complaints/CertBodyMSP/{own}");
    stage.people.done("laboratory", &path, "complaint-withdraw", &[&own, "It was lifted"]);
    let page = open(&mut stage, "laboratory", "/complaints", "of-a-laboratory");
    assert!(page.contains("withdrawn") && !page.contains(&id), "{page}");
    for part in ["evaluator", "decision-maker", "accreditor", "laboratory"] {
        assert_eq!(stage.people.at(part, "problems", json!({})), json!([]), "{part}");
    }
}

#[test]
fn a_page_signs_nothing_but_what_was_asked_for() {
    let mut stage = Stage::new(&["evaluator"]);
    let id = stage.application.clone();
    let accept = |meanwhile: Value| json!({ "path": page_of(&id), "name": "application-accept", "values": [&id], "meanwhile": meanwhile });
    let refuse = json!(["application:refuse", id, "because the portal wants so"]);
    for (meanwhile, reason) in [
        (json!({ "call": { "inputs": refuse } }), "another function"),
        (
            json!({ "call": { "inputs": ["application:accept", "68S34CHJ689348HJ68S34CHJ688"] } }),
            "other arguments",
        ),
        (json!({ "call": { "inputs": ["application:accept", id, "more"] } }), "other arguments"),
        (json!({ "call": { "chaincode": "nanotrace-registry" } }), "chaincode nanotrace-registry"),
        (
            json!({ "answer": { "path": "^/acts$", "body": { "state": "endorsed", "toSign": "AAAA" } } }),
            "signed no such step",
        ),
        (
            json!({ "answer": { "path": "^/acts$", "body": { "state": "prepared", "toSign": "AAAA" } } }),
            "nobody here knows",
        ),
    ] {
        let end = stage.people.at("evaluator", "step", accept(meanwhile.clone()));
        assert!(end["refused"].as_str().is_some_and(|it| it.contains(reason)), "{meanwhile}: {end}");
        assert_eq!(end["shown"], Value::Null, "{end}");
    }
    // What the portal itself does not pass on.
    let foreign = json!({ "call": { "chaincode": "_lifecycle" } });
    let end = stage.people.at("evaluator", "step", accept(foreign));
    assert!(end["refused"].as_str().unwrap().contains("certificate contract alone"), "{end}");
    let declined =
        json!({ "path": page_of(&id), "name": "application-accept", "values": [&id], "decline": true });
    let end = stage.people.at("evaluator", "step", declined);
    assert!(end["refused"].as_str().unwrap().contains("nothing was done"), "{end}");
    // On the same page, what is typed anew is another step.
    let other = "68S34CHJ689348HJ68S34CHJ688";
    let anew = json!({ "name": "application-accept", "values": [other], "decline": true });
    let end = stage.people.at("evaluator", "step", anew);
    assert_eq!(end["shown"][3][1], other, "{end}");
    assert!(end["refused"].as_str().unwrap().contains("nothing was done"), "{end}");
    assert_eq!(stage.steps().len(), 1, "somebody did something");

    // A transaction that is over another proposal: that of a step which was signed and not sent.
    let cut = json!({ "answer": { "path": "/transaction$" } });
    let first = stage.people.at("evaluator", "step", accept(cut));
    assert!(first["refused"].is_string(), "{first}");
    let acts = stage.people.at("evaluator", "open", json!({ "path": "/acts" }));
    assert!(acts.as_str().unwrap().contains("the transaction waits for your signature"), "{acts}");
    stage.people.at("evaluator", "follow", json!({ "card": "the transaction waits for your signature" }));
    let other = stage.people.at(
        "evaluator",
        "post",
        json!({ "path": "proposal", "fields": { "signature": "MAYCAQECAQE=" } }),
    );
    assert_eq!(other["body"]["state"], "endorsed", "{other}");
    let swapped = json!({ "answer": { "path": "/proposal$", "body": other["body"] } });
    let end = stage.people.at("evaluator", "step", accept(swapped));
    assert!(end["refused"].as_str().unwrap().contains("header of another proposal"), "{end}");
    assert_eq!(stage.steps().len(), 1, "a transaction without its signature");
}

#[test]
fn a_step_goes_on_where_it_was_and_is_done_once() {
    let mut stage = Stage::new(&["evaluator"]);
    let id = stage.application.clone();
    let step = |path: &str| json!({ "path": page_of(&id), "name": "application-accept", "values": [&id], "meanwhile": { "answer": { "path": path } } });
    // The page is closed after the peers have endorsed; a later one goes on.
    let end = stage.people.at("evaluator", "step", step("/transaction$"));
    assert!(end["refused"].is_string(), "{end}");
    stage.people.at("evaluator", "open", json!({ "path": "/acts" }));
    stage.people.at("evaluator", "follow", json!({ "card": "the transaction waits for your signature" }));
    let garbage = stage.people.at(
        "evaluator",
        "post",
        json!({ "path": "transaction", "fields": { "signature": "MAYCAQECAQE=" } }),
    );
    assert_eq!(garbage["status"], 422, "{garbage}");
    assert_eq!(stage.steps().len(), 1);
    let end = stage.people.at("evaluator", "step", json!({ "keep": "ledger-keys-resumed" }));
    assert!(end["outcome"].as_str().unwrap().starts_with("done, in block "), "{end}");
    assert_eq!(stage.steps().len(), 2);
    let person = stage.last()["person"].clone();
    // Sent again, it is what it was.
    let again = stage.people.at(
        "evaluator",
        "post",
        json!({ "path": "transaction", "fields": { "signature": "MAYCAQECAQE=" } }),
    );
    assert_eq!((&again["status"], &again["body"]["code"]), (&json!(200), &json!("VALID")), "{again}");

    // Somebody else takes a step meanwhile: the refusal of the contract is the end of this one.
    stage.people.at("evaluator", "open", json!({ "path": page_of(&id) }));
    stage.bodies.done(&format!("application return {id} --reason Meanwhile"));
    let refused = json!({ "name": "application-evaluate", "values": [&id, "plausible", "grant"] });
    let end = stage.people.at("evaluator", "step", refused);
    assert!(end["outcome"].as_str().unwrap().starts_with("refused"), "{end}");
    assert!(end["problem"].as_str().unwrap().contains("returned"), "{end}");
    let dossier = stage.bodies.file("dossier.txt");
    stage.bodies.done(&format!("application complete {id} --dossier {}", dossier.display()));

    // The key is lost: nothing more is relayed. Another one is of the same person.
    stage.people.at("evaluator", "open", json!({ "path": "/key" }));
    stage.people.at("evaluator", "send", json!({ "form": "form[action$='/lost']" }));
    let steps = stage.people.at("evaluator", "open", json!({ "path": page_of(&id) }));
    assert!(steps.as_str().unwrap().contains("a key of your own"), "{steps}");
    let page = stage.people.at("evaluator", "makeKey", json!({ "keep": "ledger-keys-key" }));
    assert!(page.as_str().unwrap().contains("certified as evaluator"), "{page}");
    stage.people.done("evaluator", &page_of(&id), "application-return", &[&id, "The report is missing"]);
    assert_eq!(stage.last()["person"], person);
}

/// A portal beside a network, as its operator starts it: no authority's key is where it runs.
struct Portal {
    process: Child,
    folder: tempfile::TempDir,
    base: String,
}

impl Portal {
    fn start(bodies: &Bodies) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let profile = bodies.network.profile_file();
        let mut process = Command::new(nanotrace())
            .current_dir(folder.path())
            .args(["portal", "--listen", "127.0.0.1:0", "--identity", "CertBody=User4", "--profile"])
            .arg(profile)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let base = said.trim().trim_start_matches("The portal answers at ").trim_end_matches('.').to_owned();
        Self { process, folder, base }
    }

    fn administrator(&self) -> String {
        let output = Command::new(nanotrace())
            .current_dir(self.folder.path())
            .args([
                "portal",
                "admin",
                "create",
                "--organisation",
                "CertBodyMSP",
                "--email",
                "bob@body.example",
            ])
            .args(["--url", &self.base])
            .output()
            .unwrap();
        assert_success(&output).lines().last().unwrap().to_owned()
    }
}

impl Drop for Portal {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn an_administrator_certifies_where_the_authority_is() {
    let bodies = Bodies::start();
    let portal = Portal::start(&bodies);
    let mut people = People::start();
    people.at(
        "bob",
        "enter",
        json!({ "link": portal.administrator(), "password": "correct battery, horse" }),
    );
    people.at("bob", "open", json!({ "path": "/admin/people" }));
    let grant = "form:has(select[aria-label^='Role for'])";
    people.at("bob", "send", json!({ "form": grant, "fields": { "role": "evaluator" } }));
    let page = people.at("bob", "makeKey", json!({ "keep": "ledger-keys-waits" }));
    assert!(page.as_str().unwrap().contains("waits for your administrator"), "{page}");

    let page = people.at("bob", "open", json!({ "path": "/admin/keys", "keep": "ledger-keys-queue" }));
    let command =
        page.as_str().unwrap().lines().find(|line| line.starts_with("nanotrace crypto enroll")).unwrap();
    let word = |after: &str| command.split(' ').skip_while(|word| *word != after).nth(1).unwrap().to_owned();
    let (pseudonym, request) = (word("--person"), bodies.file("request.pem"));
    let pem = people.at("bob", "fetch", json!({ "link": "a[href$='/request']" }));
    fs::write(&request, pem.as_str().unwrap()).unwrap();
    let certified = |role: &str, person: &str| {
        let (directory, out) = (bodies.network.directory(), bodies.file(&format!("{role}-{person}.pem")));
        bodies.ran(&format!(
            "crypto enroll --org {} --role {role} --person {person} --request {} --out {} --config {} --output {}",
            word("--org"),
            request.display(),
            out.display(),
            directory.join("crypto-config.yaml").display(),
            directory.join("crypto-config").display(),
        ));
        fs::read_to_string(out).unwrap()
    };
    let mut hand_in = |certificate: String| {
        let form = "form[action$='/certificate']";
        let page =
            people.at("bob", "send", json!({ "form": form, "fields": { "certificate": certificate } }));
        page.as_str().unwrap().to_owned()
    };
    for (wrong, reason) in [
        (certified("decision-maker", &pseudonym), "it gives the roles"),
        (certified("evaluator", "somebody-else"), "nanotrace.person"),
        ("no certificate".to_owned(), "it is not one certificate"),
    ] {
        let page = hand_in(wrong);
        assert!(page.contains("The certificate was not taken") && page.contains(reason), "{page}");
    }
    let page = hand_in(certified("evaluator", &pseudonym));
    assert!(page.contains("certified as evaluator"), "{page}");

    let (id, _) = submitted(&bodies);
    let page = people.at("bob", "open", json!({ "path": "/key", "keep": "ledger-keys-certified" }));
    assert!(page.as_str().unwrap().contains("This browser has the key."), "{page}");
    people.done("bob", &page_of(&id), "application-accept", &[&id]);
    let steps = bodies.done(&format!("application show {id}"))["steps"].as_array().unwrap().clone();
    assert_eq!(steps.last().unwrap()["person"], pseudonym.as_str());
    let log = people.at("bob", "open", json!({ "path": "/admin/audit" }));
    let (log, transaction) =
        (log.as_str().unwrap(), steps.last().unwrap()["transactionId"].as_str().unwrap());
    assert!(log.contains("VALID in block") && log.contains(transaction), "{log}");
}
