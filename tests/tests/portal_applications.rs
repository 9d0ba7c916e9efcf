//! Applications by the portal of a running network: what companies hand in reaches the ledger once, whatever happens, and what
//! the ledger says of them is read again from there.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use accounts::{
    Database, PartyKind,
    people::{self, Account},
    store::{self, NewSession},
};
use desk::{Identity, Organisations};
use dossiers::{index, queue::Queue};
use granting::{Draft, NoDraft, Wanted};
use serde_json::{Value, json};
use tests::{
    Network, assert_success,
    bodies::{Bodies, METHOD},
    run,
    visitor::{Program, Visitor, application, draft, hand_in, rename},
};

fn start(directory: &Path) -> (Bodies, Visitor) {
    let mut network = Network::start_with(directory, &["--portal", "0"]);
    let link = network.entrance("applicant");
    (Bodies::over(network), Visitor::welcomed(&link))
}

fn named(applications: &Value, name: &str) -> Vec<Value> {
    applications.as_array().unwrap().iter().filter(|it| it["title"] == json!(name)).cloned().collect()
}

#[test]
fn an_application_goes_from_a_form_to_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (bodies, mut visitor) = start(folder.path());
    let demonstration = bodies.network.code().to_string();
    let path = draft(&mut visitor, &demonstration, "Zinc oxide of the portal");
    let id = path.rsplit('/').next().unwrap();
    hand_in(&mut visitor, &path);
    let page = visitor.wait_for(&path, "<strong>Submitted</strong>");
    assert!(
        page.contains("in block ") && page.contains("<strong>Submitted</strong> by IndustryMSP"),
        "{page}"
    );
    let page = visitor.get(&format!("{path}/dossier"));
    let hash = bodies.done(&format!("application show {id}"))["dossier"].as_str().unwrap().to_owned();
    assert_eq!(format!("sha256:{}", hex::encode(sha2_of(page.body.as_bytes()))), hash);

    // Returned for more, and handed in again.
    bodies.done(&format!("application return {id} --reason Which-batch?"));
    visitor.wait_for("/applications", "The certification body asks: Which-batch?");
    let page = visitor.wait_for("/notifications", "More is asked for: Zinc oxide of the portal");
    assert!(page.contains("It says: Which-batch?") && page.contains("1 new</span>"), "{page}");
    rename(&mut visitor, &path, "Zinc oxide of the portal, batch 2");
    hand_in(&mut visitor, &path);
    visitor.wait_for(&path, "<strong>Completed</strong>");
    let shown = bodies.done(&format!("application show {id}"));
    assert_eq!(shown["state"], json!("submitted"));
    assert_ne!(shown["dossier"], json!(hash));

    // Changed after it was accepted, with a reason: it is accepted anew.
    bodies.done(&format!("application accept {id}"));
    visitor.wait_for(&path, "<strong>Accepted for evaluation</strong>");
    rename(&mut visitor, &path, "Zinc oxide of the portal, batch 3");
    hand_in(&mut visitor, &path);
    let (preview, submit) = (format!("{path}/preview"), format!("{path}/submit"));
    let unsaid = visitor.post(&preview, &submit, &[("reason", " ")]);
    assert!(unsaid.status == 409 && unsaid.body.contains("say why in a sentence"), "{}", unsaid.body);
    assert!(!visitor.get(&path).body.contains("Change the application"), "nothing waits");
    let reason = [("reason", "Another batch is sold")];
    assert_eq!(visitor.post(&preview, &submit, &reason).location, path);
    let page = visitor.wait_for(&path, "<strong>Changed</strong>");
    assert!(page.contains("Another batch is sold"), "{page}");
    visitor.wait_for(&path, "<h3>Change the application <span class=\"tag\">done</span>");
    let same = visitor.post(&preview, &submit, &reason);
    assert!(same.status == 409 && same.body.contains("there is no change to hand in"), "{}", same.body);
    let shown = bodies.done(&format!("application show {id}"));
    assert_eq!(shown["state"], json!("submitted"));

    // The people of body and laboratory do theirs; the company sees the certificate.
    let report = bodies.draft("draft.json");
    bodies.done(&format!("application accept {id}"));
    bodies.done(&format!(
        "application report {id} --sha256 {report} --method {METHOD} --number R-1 --date 2026-10-01"
    ));
    bodies.done(&format!("application evaluate {id} --findings good --recommend grant"));
    bodies.done(&format!("application review {id} --reason complete"));
    let accreditation = format!("--scheme {} --reason audit", certificate::demo::SCHEME_ID);
    bodies.done(&format!("cert accreditation suspend {accreditation} --effect new-grants"));
    let refused = document(&bodies, folder.path(), id).unwrap_err().to_string();
    assert!(refused.contains("must not be suspended") && !refused.contains('\n'), "{refused}");
    bodies.done(&format!("cert accreditation restore {accreditation}"));
    bodies.done(&format!("cert accreditation scope {accreditation} --category glass"));
    let refused = document(&bodies, folder.path(), id).unwrap_err().to_string();
    assert!(refused.contains("must be a category in the scope of the accreditation: glass"), "{refused}");
    bodies.done(&format!("cert accreditation scope {accreditation}"));
    let offered = document(&bodies, folder.path(), id).unwrap();
    fs::write(bodies.file("decided.json"), &offered.document).unwrap();
    bodies.done(&format!("application decide {id} {}", bodies.file("decided.json").display()));
    let shown = bodies.done(&format!("application show {id}"));
    assert_eq!(shown["decision"]["document"], json!(offered.hash));

    // The rest the portal does: the document is signed and granted.
    let code = &offered.certificate.to_string();
    let page = visitor.wait_for("/certificates", &format!("/c/{code}"));
    assert!(page.contains(">valid<") && page.contains(&format!("/c/{code}")), "{page}");
    let qr = visitor.get(&format!("/certificates/{code}/qr.svg"));
    assert!(qr.status == 200 && qr.body.starts_with("<svg"), "{}", qr.body);
    bodies.done(&format!("cert stop {code} --reason doubt"));
    visitor.wait_for("/certificates", ">not valid<");
    let page = visitor.wait_for("/notifications", "Suspended: Zinc oxide of the portal");
    assert!(
        page.contains("It says: doubt") && page.matches("Mark as read: Granted: ").count() == 1,
        "{page}"
    );

    // Another one is withdrawn.
    let path = draft(&mut visitor, &demonstration, "Withdrawn");
    hand_in(&mut visitor, &path);
    visitor.wait_for(&path, " in block ");
    let withdrawn = visitor.post(&path, &format!("{path}/withdraw"), &[("reason", "not needed")]);
    assert_eq!(withdrawn.status, 303, "{}", withdrawn.body);
    visitor.wait_for(&path, "<strong>Withdrawn</strong>");
    assert!(bodies.network.stop());
}

/// With `kill -9`, while the call is on its way to the ledger or before.
#[test]
fn a_portal_that_is_killed_submits_once() {
    let folder = tempfile::tempdir().unwrap();
    let (mut bodies, mut visitor) = start(folder.path());
    let code = bodies.network.code().to_string();
    for (round, pause) in [0, 20, 60, 150].into_iter().enumerate() {
        let name = format!("Killed {round}");
        let path = draft(&mut visitor, &code, &name);
        hand_in(&mut visitor, &path);
        std::thread::sleep(Duration::from_millis(pause));
        bodies.network.kill();
        (bodies, visitor) = start(folder.path());
        let page = visitor.wait_for(&path, "<span class=\"tag\">done</span>");
        assert_eq!(page.matches("<strong>Submitted</strong>").count(), 1, "{page}");
        assert_eq!(page.matches("Submit the application").count(), 1, "{page}");
        let found = named(&bodies.done("application list"), &name);
        assert_eq!(found.len(), 1, "{found:?}");
    }
    assert!(bodies.network.stop());
}

/// The portal's database is deleted: the ledger has every application, and the index is made from it.
#[test]
fn the_index_is_read_from_the_ledger_again() {
    let folder = tempfile::tempdir().unwrap();
    let (bodies, mut visitor) = start(folder.path());
    let code = bodies.network.code().to_string();
    let path = draft(&mut visitor, &code, "Kept on the ledger");
    let id = path.rsplit('/').next().unwrap().to_owned();
    hand_in(&mut visitor, &path);
    visitor.wait_for(&path, "<strong>Submitted</strong>");
    assert!(bodies.network.stop());
    fs::remove_dir_all(folder.path().join("portal")).unwrap();

    let (bodies, mut visitor) = start(folder.path());
    assert_eq!(visitor.get(&path).status, 404, "whose it was, nobody knows");
    assert_eq!(bodies.scanned(&code, "").0, "valid", "the public pages are right");
    assert_eq!(named(&bodies.done("application list"), "Kept on the ledger").len(), 1);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let profile = bodies.network.profile();
        let service = [Identity { organisation: "CertBody".into(), user: "User4".into() }];
        let organisations = Organisations::new(&profile, &[], &service, None).unwrap();
        let reader = organisations.get("CertBodyMSP").unwrap();
        let database = Database::open(folder.path().join("another.db").to_str().unwrap()).await.unwrap();
        let known = reader.bodies().await.unwrap();
        for _ in 0..2 {
            index::rebuild(&database, reader, known.first().unwrap()).await.unwrap();
            let found = index::one(&database, "CertBodyMSP", &id).await.unwrap().unwrap();
            let expected = ("Kept on the ledger", "submitted", "IndustryMSP", "submit");
            assert_eq!((&*found.title, &*found.state, &*found.applicant, &*found.step), expected);
        }
    });
    assert!(bodies.network.stop());
}

/// The database is deleted with all that was beside it. What was decided is on the ledger, staff see every application, and a company
/// that registers again goes on with what it has the dossier's file of, once the body has confirmed that it is the applicant.
#[test]
fn a_company_takes_its_application_over_after_the_database_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (bodies, mut visitor) = start(folder.path());
    let demonstration = bodies.network.code().to_string();
    let [granted, open] = ["Granted before", "In evaluation"].map(|name| {
        let path = application(&mut visitor, &demonstration, name);
        visitor.wait_for(&path, "<strong>Submitted</strong>");
        path
    });
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let [granted_id, open_id] = [id(&granted), id(&open)];
    let report = bodies.draft("draft.json");
    review(&bodies, &granted_id, &[&report]);
    let code = decide(&bodies, folder.path(), &granted_id);
    visitor.wait_for("/certificates", &format!("/c/{code}"));
    let mut download = |path: &str| visitor.get(&format!("{path}/dossier")).body;
    let (file_of_granted, older) = (download(&granted), download(&open));
    bodies.done(&format!("application return {open_id} --reason Which-batch?"));
    visitor.wait_for(&open, "Which-batch?");
    rename(&mut visitor, &open, "In evaluation, batch 2");
    hand_in(&mut visitor, &open);
    visitor.wait_for(&open, "<strong>Completed</strong>");
    let newest = visitor.get(&format!("{open}/dossier")).body;
    bodies.done(&format!("application accept {open_id}"));
    assert!(bodies.network.stop());
    fs::remove_dir_all(folder.path().join("portal")).unwrap();

    let mut network = Network::start_with(folder.path(), &["--portal", "0"]);
    let entrances = network.entrances();
    let base = entrances["mails"].strip_suffix("/outbox").unwrap().to_owned();
    let mut another = Visitor::welcomed(&entrances["applicant"]);
    let bodies = Bodies::over(network);
    let listed = bodies.done("application list");
    for (name, state) in [("Granted before", "granted"), ("In evaluation", "accepted")] {
        assert_eq!(named(&listed, name)[0]["state"], json!(state), "{name}: {listed}");
    }
    assert_eq!(bodies.scanned(&code, "").0, "valid", "the public page is right");
    let [mut evaluator, mut administrator] = ["evaluator@body.example", "administrator@body.example"]
        .map(|email| Visitor::with_session(&base, &session(folder.path(), email)));
    for name in ["Granted before", "In evaluation"] {
        evaluator.wait_for("/queue", name);
    }
    let queued = format!("/queue/CertBodyMSP/{open_id}");
    assert!(evaluator.get(&queued).body.contains("This portal does not have it"));

    let mut ada = Visitor::registered(&base, "ada@works.example", "Works");
    let bring = |visitor: &mut Visitor, file: &str| {
        visitor.send_file("/applications/take-over", &[], "dossier.json", file)
    };
    let other = certificate::Code::from_random([9; 16]).to_string();
    for (file, says) in [
        (older, "Choose the file of what was handed in last"),
        (newest.replace("batch 2", "batch 3"), "Nothing can be taken over by this file"),
        (newest.replace(&open_id, &other), "Nothing can be taken over by this file"),
        (newest.replace("CertBodyMSP", "NobodyMSP"), "Nothing can be taken over by this file"),
    ] {
        let refused = bring(&mut ada, &file);
        assert!(refused.status == 422 && refused.body.contains(says), "{says}: {}", refused.body);
    }
    for file in [&file_of_granted, &newest] {
        let claimed = bring(&mut ada, file);
        assert_eq!(
            (claimed.status, &*claimed.location),
            (303, "/applications/take-over"),
            "{}",
            claimed.body
        );
    }
    // Whoever comes second hears what who brings nothing hears.
    let (second, unknown) =
        (bring(&mut another, &newest), bring(&mut another, &newest.replace(&open_id, &other)));
    let shown =
        |page: &str| page.split_once("class=\"problem\"").unwrap().1.split_once("</p>").unwrap().0.to_owned();
    assert_eq!((second.status, shown(&second.body)), (422, shown(&unknown.body)));
    for path in [&open, &granted] {
        assert_eq!(ada.get(path).status, 404, "it is not confirmed");
    }
    assert!(!ada.get("/certificates").body.contains(&code));
    let page = administrator.wait_for("/admin/claims", "ada@works.example");
    assert!(page.contains("In evaluation, batch 2") && page.contains("Granted before"), "{page}");
    for id in [&granted_id, &open_id] {
        let path = format!("/admin/claims/{id}");
        let confirmed = administrator.post("/admin/claims", &path, &[("end", "confirm")]);
        assert_eq!(confirmed.status, 303, "{}", confirmed.body);
    }
    let mails = ada.wait_for("/outbox", "Yours again: In evaluation, batch 2");
    assert!(mails.contains("Claimed: Granted before"), "{mails}");

    // It stands where it stood, and goes on: it is changed, and decided on.
    assert!(ada.get("/certificates").body.contains(&format!("/c/{code}")));
    let page = ada.get(&open).body;
    assert!(
        page.contains("<strong>Accepted for evaluation</strong>") && page.contains("Which-batch?"),
        "{page}"
    );
    assert!(ada.get(&format!("{open}/dossier")).body == newest, "byte for byte");
    let page = evaluator.get(&queued).body;
    assert!(page.contains("has the hash that stands on the ledger"), "{page}");
    rename(&mut ada, &open, "In evaluation, batch 4");
    let (preview, submit) = (format!("{open}/preview"), format!("{open}/submit"));
    assert_eq!(ada.post(&preview, &submit, &[("reason", "Another batch is sold")]).location, open);
    ada.wait_for(&open, "<strong>Changed</strong>");
    review(&bodies, &open_id, &[&report]);
    let second = decide(&bodies, folder.path(), &open_id);
    ada.wait_for("/certificates", &format!("/c/{second}"));
    assert_eq!(bodies.scanned(&second, "").0, "valid");
    let renewal = [("certificate", &*code), ("replaces", "yes")];
    let renewed = ada.post("/certificates", "/applications/from-certificate", &renewal);
    let preview = ada.get(&renewed.location.replace("/form/product", "/preview")).body;
    assert!(!preview.contains("must be a certificate that was granted to your company"), "{preview}");
    assert!(bodies.network.stop());
}

/// A company's program alone takes it from the file of a report to the certificate: registration and key apart, nobody opens a page.
#[test]
fn a_program_applies_and_finds_its_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let (bodies, mut owner) = start(folder.path());
    let program = Program::of(&mut owner);
    let sent = |method: &str, path: &str, body: &Value, status: u16| -> Value {
        let reply = program.send(method, path, "application/json", &body.to_string());
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.body);
        serde_json::from_str(&reply.body).unwrap_or_default()
    };
    let until = |path: &str, is_there: &dyn Fn(&Value) -> bool| -> Value {
        let until = Instant::now() + Duration::from_secs(90);
        loop {
            let found: Value = serde_json::from_str(&program.get(path).body).unwrap();
            if is_there(&found) {
                return found;
            }
            assert!(Instant::now() < until, "{path}: {found}");
            std::thread::sleep(Duration::from_millis(700));
        }
    };

    let report = "Measured by TEM: 40 nm.\n";
    let uploaded = program.send("POST", "/files?name=report.txt", "application/octet-stream", report);
    assert_eq!(uploaded.status, 201, "{}", uploaded.body);
    let hash = hex::encode(sha2_of(report.as_bytes()));
    assert_eq!(serde_json::from_str::<Value>(&uploaded.body).unwrap()["sha256"], json!(hash));

    // Of the certificate that the demonstration has, with what is its own.
    let file = folder.path().join("demonstration/certificate.json");
    let signed: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let mut document = json!({
        "application": {"body": "CertBodyMSP"},
        "credentialSubject": as_texts(&signed["credentialSubject"]),
    });
    for report in document["credentialSubject"]["testReports"].as_array_mut().unwrap() {
        report["sha256"] = json!(hash);
    }
    document["credentialSubject"]["product"]["name"] = json!("");
    let begun = sent("POST", "/applications", &document, 201);
    let path = format!("/applications/{}", begun["id"].as_str().unwrap());
    let checked = until(&format!("{path}/validation"), &|_| true);
    let errors: Vec<&Value> = checked["errors"].as_array().unwrap().iter().map(|it| &it["pointer"]).collect();
    assert_eq!(errors, [&json!("/credentialSubject/product/name")], "{checked}");
    assert_eq!(sent("POST", &format!("{path}/submit"), &json!(null), 409)["code"], "faulty");
    document["credentialSubject"]["product"]["name"] = json!("Silver of a program");
    sent("PUT", &path, &document, 200);
    let checked = until(&format!("{path}/validation"), &|_| true);
    assert_eq!(checked["valid"], true, "{checked}");
    sent("POST", &format!("{path}/submit"), &json!(null), 202);
    let submitted = until(&path, &|it| it["state"] == "submitted");
    let id = submitted["id"].as_str().unwrap();
    assert_eq!(
        (&submitted["steps"][0]["step"], &submitted["steps"][0]["by"]),
        (&json!("submit"), &json!("IndustryMSP"))
    );
    let dossier = program.get(&format!("{path}/dossier")).body;
    let on_ledger = bodies.done(&format!("application show {id}"))["dossier"].clone();
    assert_eq!(json!(format!("sha256:{}", hex::encode(sha2_of(dossier.as_bytes())))), on_ledger);

    // A question, and its answer.
    bodies.done(&format!("application return {id} --reason Which-batch?"));
    let returned = until(&path, &|it| it["state"] == "returned");
    assert_eq!((&returned["question"], &returned["editable"]), (&json!("Which-batch?"), &json!(true)));
    document["credentialSubject"]["product"]["name"] = json!("Silver of a program, batch 2");
    sent("PUT", &path, &document, 200);
    sent("POST", &format!("{path}/complete"), &json!(null), 202);
    until(&path, &|it| it["state"] == "submitted" && it["steps"][2]["step"] == "complete");

    review(&bodies, id, &[&hash]);
    let code = decide(&bodies, folder.path(), id);
    let certificate = until("/certificates", &|it| it["certificates"].to_string().contains(&code));
    assert_eq!(certificate["certificates"][0]["code"], json!(code));
    let certificate = until(&format!("/certificates/{code}"), &|_| true);
    assert_eq!(certificate["ledger"]["result"], "valid", "{certificate}");
    assert!(program.get(&format!("/certificates/{code}/qr.svg")).body.starts_with("<svg"));
    assert_eq!(bodies.scanned(&code, "").0, "valid");
    assert!(bodies.network.stop());
}

/// A document's values as a form has them: numbers as texts.
fn as_texts(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.to_string()),
        Value::Array(values) => values.iter().map(as_texts).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), as_texts(value))).collect()
        }
        other => other.clone(),
    }
}

/// What came of a company's stability data is decided on with the rest, and whoever has the data computes it again from what the
/// certificate says.
#[test]
fn a_shelf_life_stands_in_the_certificate_and_is_computed_again() {
    const DATA: &str = "batch,month,assay\na,0,100\na,6,98\na,12,96.1\nb,0,101\nb,6,99.2\nb,12,97\n";
    let folder = tempfile::tempdir().unwrap();
    let (bodies, mut visitor) = start(folder.path());
    let file = visitor.upload("stability.csv", DATA);
    let form = format!("/studies/new?file={file}");
    let fields = [
        ("file", &*file),
        ("batch", "1"),
        ("time", "2"),
        ("result", "3"),
        ("decimal", "point"),
        ("lower", "90"),
        ("upper", ""),
        ("unit", "months"),
        ("cap", ""),
        ("claim", "no"),
        ("where1", "0"),
        ("text1", ""),
        ("where2", "0"),
        ("text2", ""),
    ];
    let study = visitor.post(&form, "/studies", &fields).location;
    visitor.wait_for(&study, "<h2 id=\"result\">Shelf life: ");

    let path = draft(&mut visitor, &bodies.network.code().to_string(), "Kept for months");
    let id = path.rsplit('/').next().unwrap();
    let attached = visitor.post(&study, &format!("{study}/attach"), &[("application", id)]);
    assert_eq!(attached.location, format!("{path}/form/evidence"), "{}", attached.body);
    // The laboratory that measured, as it is written beside the demonstration's report.
    let program = Program::of(&mut visitor);
    let application = format!("/applications/{id}");
    let mut document: Value = serde_json::from_str(&program.get(&application).body).unwrap();
    let mut document = document["document"].take();
    let reports = document["credentialSubject"]["testReports"].as_array_mut().unwrap();
    let [first, .., of_study] = reports.as_mut_slice() else { panic!("{reports:?}") };
    for member in ["lab", "labAccreditation", "date"] {
        if let Some(value) = first.get(member) {
            of_study[member] = value.clone();
        }
    }
    let (statement, data) = (of_study["method"].clone(), of_study["sha256"].clone());
    let anchored: std::collections::BTreeSet<_> =
        reports.iter().map(|report| report["sha256"].as_str().unwrap().to_owned()).collect();
    let saved = program.send("PUT", &application, "application/json", &document.to_string());
    assert_eq!(saved.status, 200, "{}", saved.body);
    hand_in(&mut visitor, &path);
    visitor.wait_for(&path, "<strong>Submitted</strong>");
    let anchored: Vec<&str> = anchored.iter().map(String::as_str).collect();
    review(&bodies, id, &anchored);
    let code = decide(&bodies, folder.path(), id);
    visitor.wait_for("/certificates", &format!("/c/{code}"));

    let answer = tests::get(&bodies.network.verifier(), &format!("/c/{code}/document.json"));
    let public: Value = serde_json::from_str(&answer).unwrap();
    let reports = public["credentialSubject"]["testReports"].as_array().unwrap();
    let certified = reports.iter().find(|report| report["method"] == statement).unwrap();
    assert_eq!(
        (&certified["sha256"], hex::encode(sha2_of(DATA.as_bytes()))),
        (&data, data.as_str().unwrap().to_owned())
    );
    let kept = bodies.file("data.csv");
    fs::write(&kept, DATA).unwrap();
    let (_, command) = certified["method"].as_str().unwrap().split_once("nanotrace q1e FILE ").unwrap();
    let mut arguments = vec!["q1e", kept.to_str().unwrap(), "--json"];
    arguments.extend(command.split(' '));
    let again: Value = serde_json::from_str(&assert_success(&run(&arguments))).unwrap();
    let exact = format!("({})", again["shelfLife"]["exact"].as_f64().unwrap());
    assert!(certified["method"].as_str().unwrap().contains(&exact), "{certified} {exact}");
    assert!(bodies.network.stop());
}

/// A session of somebody of the demonstration, as if a passkey had been shown.
fn session(folder: &Path, email: &str) -> String {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let database = Database::open(folder.join("portal/portal.db").to_str().unwrap()).await.unwrap();
        let account = people::credentials(&database, email).await.unwrap().unwrap().account;
        let new = NewSession { account: &account, browser: "test", address: "127.0.0.1", by_passkey: true };
        let mut change = database.change().await.unwrap();
        let secret = store::begin_session(&mut change, &new, accounts::now()).await.unwrap();
        change.commit().await.unwrap();
        secret
    })
}

/// The steps of body and laboratory up to the review, as people take them at the command line.
fn review(bodies: &Bodies, id: &str, reports: &[&str]) {
    bodies.done(&format!("application accept {id}"));
    for (number, sha256) in reports.iter().enumerate() {
        let report = format!("--sha256 {sha256} --method {METHOD} --number R-{number} --date 2026-10-01");
        bodies.done(&format!("application report {id} {report}"));
    }
    bodies.done(&format!("application evaluate {id} --findings good --recommend grant"));
    bodies.done(&format!("application review {id} --reason complete"));
}

/// Decides on what the portal offers; the code of the certificate.
fn decide(bodies: &Bodies, folder: &Path, id: &str) -> String {
    let offered = of_newest(bodies, folder, id).unwrap();
    fs::write(bodies.file("decided.json"), &offered.document).unwrap();
    bodies.done(&format!("application decide {id} {}", bodies.file("decided.json").display()));
    offered.certificate.to_string()
}

/// What the portal offers the decision-maker to decide on; and nothing by what was handed in before.
fn document(bodies: &Bodies, folder: &Path, id: &str) -> Result<Draft, NoDraft> {
    let stale = offered(bodies, folder, id, 1);
    assert!(matches!(stale, Err(NoDraft::NotHandedIn)), "{stale:?}");
    of_newest(bodies, folder, id)
}

fn of_newest(bodies: &Bodies, folder: &Path, id: &str) -> Result<Draft, NoDraft> {
    offered(bodies, folder, id, 0)
}

/// What is offered by the edition of this place; the newest is the first.
fn offered(bodies: &Bodies, folder: &Path, id: &str, place: usize) -> Result<Draft, NoDraft> {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let service = [Identity { organisation: "CertBody".into(), user: "User4".into() }];
        let organisations = Organisations::new(&bodies.network.profile(), &[], &service, None).unwrap();
        let reader = organisations.get("CertBodyMSP").unwrap();
        let application = reader.application("CertBodyMSP", id.parse().unwrap()).await.unwrap().unwrap();
        let database = Database::open(folder.join("portal/portal.db").to_str().unwrap()).await.unwrap();
        let account = Account {
            id: "1".into(),
            party: "CertBodyMSP".into(),
            party_kind: PartyKind::Organisation,
            party_name: "CertBodyMSP".into(),
            email: "bob@body.example".into(),
            name: "Bob".into(),
            roles: vec!["decision-maker".into()],
        };
        let queue = Queue::of(&database, &account, Some("IndustryMSP")).await.unwrap();
        let editions = queue.editions(&database, id).await.unwrap();
        let wanted = Wanted { months: 12, is_demonstration: true };
        granting::draft(&organisations, &application, &editions[place], wanted).await
    })
}

fn sha2_of(bytes: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).to_vec()
}
