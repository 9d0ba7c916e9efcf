//! Applications by the portal of a running network: what companies hand in reaches the ledger once, whatever happens, and what
//! the ledger says of them is read again from there.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::{fs, path::Path, time::Duration};

use accounts::{Database, PartyKind, people::Account};
use desk::{Identity, Organisations};
use dossiers::{index, queue::Queue};
use granting::{Draft, NoDraft, Wanted};
use serde_json::{Value, json};
use tests::{
    Network,
    bodies::{Bodies, METHOD},
    visitor::{Visitor, draft, hand_in, rename},
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

/// What the portal offers the decision-maker to decide on.
fn document(bodies: &Bodies, folder: &Path, id: &str) -> Result<Draft, NoDraft> {
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
        let older = editions.get(1).unwrap();
        let wanted = Wanted { months: 12, is_demonstration: true };
        let stale = granting::draft(&organisations, &application, older, wanted).await;
        assert!(matches!(stale, Err(NoDraft::NotHandedIn)), "{stale:?}");
        granting::draft(&organisations, &application, &editions[0], wanted).await
    })
}

fn sha2_of(bytes: &[u8]) -> Vec<u8> {
    use sha2::{Digest, Sha256};
    Sha256::digest(bytes).to_vec()
}
