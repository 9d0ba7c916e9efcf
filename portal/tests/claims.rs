//! Applications whose company is not known here any more, claimed by the dossier's file: on SQLite and on PostgreSQL. What the ledger says
//! is written as its reader would read it; the way over a ledger is tested with a network (`tests/tests/portal_applications.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, dead_code)]

#[macro_use]
mod harness;

use accounts::people::{self, Account};
use certificate::Code;
use desk::Application;
use dossiers::{
    claims::{Claimed, File, MAXIMUM_BYTES, OfBody, Own, Standing, WAITING},
    form::STEPS,
    store::Scope,
};
use harness::{Browser, Portal, Reply, away, multipart};
use serde_json::json;

const ADA: &str = "ada@works.example";
const EVE: &str = "eve@others.example";
const BOB: &str = "bob@body.example";
const PAGE: &str = "/applications/take-over";

cases![
    one_company_claims_an_application_and_the_second_hears_nothing,
    who_brings_the_newest_dossier_claims_and_the_body_confirms,
    a_company_gets_back_what_a_backup_did_not_have,
    claims_that_wait_are_limited,
    a_dossier_survives_its_file,
];

fn content(seed: u8, name: &str) -> String {
    json!({
        "application": Code::from_random([seed; 16]).to_string(),
        "credentialSubject": {"client": {"name": "Works & Sons"}, "product": {"name": name}},
        "format": "nanotrace dossier 1", "salt": "0123456789abcdef0123456789abcdef", "with": {"body": "CertBodyMSP"},
    })
    .to_string()
}

fn hash(content: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content.as_bytes());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// The application as the ledger has it, after these dossiers were handed in.
fn application(dossiers: &[&str]) -> Application {
    let id = File::read(dossiers[0].as_bytes()).unwrap().application.to_string();
    let steps = dossiers.iter().enumerate().map(|(number, dossier)| {
        json!({
            "step": if number == 0 { "submit" } else { "complete" }, "effectiveAt": "2026-01-31T12:00:00Z",
            "by": "IndustryMSP", "role": "service", "dossier": hash(dossier), "transactionId": format!("t{number}"),
        })
    });
    let application = json!({
        "application": id, "body": "CertBodyMSP", "applicant": "IndustryMSP", "title": "Paint", "schemeId": "S",
        "schemeVersion": "1", "dossier": hash(dossiers.last().unwrap()), "state": "submitted", "category": "paint",
        "steps": steps.collect::<Vec<_>>(),
    });
    serde_json::from_value(application).unwrap()
}

async fn account(portal: &Portal, email: &str) -> Account {
    people::account(&portal.database, &portal.id(email).await).await.unwrap().unwrap()
}

async fn claim(portal: &Portal, account: &Account, content: &str, application: &Application) -> Claimed {
    let file = File::read(content.as_bytes()).unwrap();
    let mut change = portal.database.change().await.unwrap();
    let claimed = Own::of(account).claim(&mut change, &file, application, accounts::now()).await.unwrap();
    change.commit().await.unwrap();
    claimed
}

async fn confirm(portal: &Portal, account: &Account, id: &str, application: &Application) -> bool {
    let body = OfBody::of(account);
    let claim = body.one(&portal.database, id).await.unwrap().unwrap();
    let mut change = portal.database.change().await.unwrap();
    let of = (application, "IndustryMSP");
    let confirmed = body.confirm(&mut change, &claim, of, accounts::now()).await.unwrap();
    if confirmed {
        change.commit().await.unwrap();
    }
    confirmed
}

async fn one_company_claims_an_application_and_the_second_hears_nothing(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.company(EVE, "Others").await;
    let mut bob = portal.administrator(BOB, "CertBodyMSP").await;
    let mut rob = portal.colleague(&mut bob, "rob@body.example", "reviewer").await;
    let mut olga = portal.administrator("olga@other.example", "SecondBodyMSP").await;
    let (of_ada, of_eve) = (account(&portal, ADA).await, account(&portal, EVE).await);
    let content = content(7, "Paint <b>");
    let known = application(&[&content]);
    let id = known.application.clone();
    assert_eq!(claim(&portal, &of_ada, &content, &known).await, Claimed::Done);
    assert_eq!(claim(&portal, &of_eve, &content, &known).await, Claimed::Another);
    assert_eq!(claim(&portal, &of_ada, &content, &known).await, Claimed::Before);

    // It opens nothing: neither page nor dossier nor a step.
    for (page, shown) in [(PAGE, true), ("/applications", true)] {
        assert_eq!(ada.get(page).await.body.contains("Paint &#60;b&#62;"), shown, "{page}");
        assert!(!eve.get(page).await.body.contains("Paint"), "{page}");
    }
    for path in ["", "/dossier", "/form/product", "/preview", "/confidential"] {
        assert_eq!(ada.get(&format!("/applications/{id}{path}")).await.status, 404, "{path}");
    }
    assert_eq!(ada.post(&format!("/applications/{id}/withdraw"), &[("reason", "x")]).await.status, 404);
    assert_eq!(
        portal.count("dossiers").await + portal.count("calls").await + portal.count("editions").await,
        0
    );

    // The administrators of its body are told, by mail too, and nobody else is.
    portal.mail(BOB, "Claimed: Paint").await;
    assert!(bob.get("/notifications").await.body.contains("Claimed: Paint"));
    assert!(!rob.get("/notifications").await.body.contains("Claimed: Paint"));
    assert!(bob.get("/queue").await.body.contains("href=\"/admin/claims\""));
    let queue = rob.get("/queue").await.body;
    assert!(queue.contains("claimed by companies") && !queue.contains("href=\"/admin/claims\""), "{queue}");
    let page = bob.get("/admin/claims").await.body;
    for shown in ["Works &#38; Sons", "Paint &#60;b&#62;", ADA, "Ask the client"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    assert!(!page.contains("0123456789abcdef"), "the salt is the company's");
    assert!(!olga.get("/admin/claims").await.body.contains("Paint"));
    let path = format!("/admin/claims/{id}");
    for (browser, status) in [(&mut olga, 404), (&mut rob, 404), (&mut ada, 404), (&mut eve, 404)] {
        assert_eq!(browser.post(&path, &[("end", "refuse")]).await.status, status);
    }
    assert_eq!(bob.post(&path, &[("end", "x")]).await.status, 400);
    // Without the ledger nobody says what is confirmed.
    let refused = bob.post(&path, &[("end", "confirm")]).await;
    assert!(refused.status == 409 && refused.body.contains("It was not confirmed"), "{}", refused.body);

    let mut max = portal.colleague(&mut bob, "max@body.example", "administrator").await;
    let begun = max.begin_post(&path, &[("end", "refuse")]).await;
    let role = [("step", "revoke"), ("role", "administrator")];
    let of_max = format!("/admin/people/{}", portal.id("max@body.example").await);
    assert_eq!(bob.post(&of_max, &role).await.status, 303);
    assert_eq!(begun.end().await.status, 404, "the role was taken meanwhile");
    assert_eq!(bob.post(&path, &[("end", "refuse")]).await.status, 303);
    assert_eq!(bob.post(&path, &[("end", "refuse")]).await.status, 404, "it is over");
    portal.mail(ADA, "Not confirmed: Paint").await;
    assert!(!ada.get("/applications").await.body.contains("Paint &#60;b&#62;"));
    assert!(!bob.get("/notifications").await.body.contains("Claimed: Paint"), "nothing waits any more");
    assert_eq!(claim(&portal, &of_eve, &content, &known).await, Claimed::Done, "it has no company again");
    let log = bob.get("/admin/audit").await.body;
    assert!(log.contains("claim refused"), "{log}");
}

async fn who_brings_the_newest_dossier_claims_and_the_body_confirms(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    portal.company(EVE, "Others").await;
    portal.administrator(BOB, "CertBodyMSP").await;
    let (of_ada, of_eve) = (account(&portal, ADA).await, account(&portal, EVE).await);
    let of_bob = account(&portal, BOB).await;
    let content = content(7, "Paint");
    let known = application(&[&content]);
    let id = known.application.clone();
    assert_eq!(claim(&portal, &of_ada, &content, &known).await, Claimed::Done);
    // Something else was handed in since, or somebody else submitted it: then nothing is given.
    let later = application(&[&content, &self::content(7, "Another paint")]);
    assert!(!confirm(&portal, &of_bob, &id, &later).await);
    let mut foreign = known.clone();
    foreign.applicant = "OtherMSP".to_owned();
    assert!(!confirm(&portal, &of_bob, &id, &foreign).await);
    assert_eq!(portal.count("dossiers").await, 0);

    let stale = OfBody::of(&of_bob).one(&portal.database, &id).await.unwrap().unwrap();
    dossiers::index::keep(&portal.database, &known).await.unwrap();
    assert!(confirm(&portal, &of_bob, &id, &known).await);
    let mut change = portal.database.change().await.unwrap();
    let again = OfBody::of(&of_bob).refuse(&mut change, &stale, accounts::now()).await.unwrap();
    assert!(!again, "two at once: the second changes nothing");
    drop(change);
    portal.mail(ADA, "Yours again: Paint").await;
    let page = ada.get(&format!("/applications/{id}")).await.body;
    assert!(page.contains("Submit the application") && page.contains("Transaction t0"), "{page}");
    assert!(page.contains("Change it") && page.contains("Withdraw the application"), "{page}");
    let dossier = ada.get(&format!("/applications/{id}/dossier")).await.body;
    assert_eq!(hash(&dossier), hash(&content), "byte for byte");
    assert_eq!(claim(&portal, &of_ada, &content, &known).await, Claimed::Before);
    assert_eq!(claim(&portal, &of_eve, &content, &known).await, Claimed::Another);
    let withdrawn = ada.post(&format!("/applications/{id}/withdraw"), &[("reason", "no need")]).await;
    assert_eq!(withdrawn.status, 303, "{}", withdrawn.body);
    assert!(ada.get(&format!("/applications/{id}")).await.body.contains("under way"));
}

async fn a_company_gets_back_what_a_backup_did_not_have(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    portal.company(EVE, "Others").await;
    let (of_ada, of_eve) = (account(&portal, ADA).await, account(&portal, EVE).await);
    let contents = [content(7, "Paint"), content(7, "Paint, batch 2")];
    let known = application(&[&contents[0], &contents[1]]);
    let id = known.application.clone();
    // As it was at the time of the backup: a draft, perhaps.
    sqlx::query(
        "INSERT INTO dossiers (id, party, fields, saved_steps, salt, version, created_at, changed_at) \
         VALUES ($1, $2, '{\"application.body\":\"CertBodyMSP\",\"product.name\":\"Paint\"}', '', 'other', 3, 0, 0)",
    )
    .bind(&id)
    .bind(&of_ada.party)
    .execute(&portal.pool)
    .await
    .unwrap();
    dossiers::index::keep(&portal.database, &known).await.unwrap();
    assert_eq!(claim(&portal, &of_eve, &contents[1], &known).await, Claimed::Another);
    assert_eq!(claim(&portal, &of_ada, &contents[1], &known).await, Claimed::Restored);
    assert_eq!(claim(&portal, &of_ada, &contents[1], &known).await, Claimed::Before);
    let dossier = ada.get(&format!("/applications/{id}/dossier")).await.body;
    assert_eq!(hash(&dossier), known.dossier);
    let page = ada.get(&format!("/applications/{id}")).await.body;
    assert!(page.contains("Paint, batch 2") && page.contains("Change it"), "{page}");
    assert_eq!(portal.count("claims").await, 0, "its own needs nobody's word");
}

async fn claims_that_wait_are_limited(portal: Portal) {
    portal.company(ADA, "Works").await;
    let of_ada = account(&portal, ADA).await;
    let mut claimed = Vec::new();
    for seed in 0..=u8::try_from(WAITING).unwrap() {
        let content = content(seed, "Paint");
        claimed.push(claim(&portal, &of_ada, &content, &application(&[&content])).await);
    }
    assert_eq!(claimed.pop(), Some(Claimed::Full));
    assert!(claimed.iter().all(|it| *it == Claimed::Done), "{claimed:?}");
}

/// What is given back is what was handed in: handed in again as it is, it would have the same hash.
async fn a_dossier_survives_its_file(portal: Portal) {
    portal.company(ADA, "Works").await;
    portal.administrator(BOB, "CertBodyMSP").await;
    let (of_ada, of_bob) = (account(&portal, ADA).await, account(&portal, BOB).await);
    let (mut fields, _) = dossiers::from_subject(&certificate::demo::material());
    fields.insert("application.body".to_owned(), "CertBodyMSP".to_owned());
    fields.insert("application.sdsLink".to_owned(), "https://works.example/é".to_owned());
    let scope = Scope::of(&of_ada);
    let mut change = portal.database.change().await.unwrap();
    let id = scope.create(&mut change, &fields, 0).await.unwrap().unwrap();
    change.commit().await.unwrap();
    let written = scope.one(&portal.database, &id).await.unwrap().unwrap();
    let (content, hash_of) = written.edition().unwrap();
    let known = application(&[&content]);
    // As an editor saves it.
    let pretty: serde_json::Value = serde_json::from_str(&content).unwrap();
    let pretty = serde_json::to_string_pretty(&pretty).unwrap() + "\n";
    for text in [&content, &pretty] {
        let file = File::read(text.as_bytes()).unwrap();
        assert_eq!(file.stands(&known, "IndustryMSP"), Standing::Newest);
    }
    sqlx::query("DELETE FROM dossiers").execute(&portal.pool).await.unwrap();
    assert_eq!(claim(&portal, &of_ada, &pretty, &known).await, Claimed::Done);
    assert!(confirm(&portal, &of_bob, &id, &known).await);
    let given = scope.one(&portal.database, &id).await.unwrap().unwrap();
    assert_eq!(given.edition().unwrap(), (content.clone(), hash_of.clone()));
    assert_eq!(scope.edition(&portal.database, &id).await.unwrap(), Some((content, hash_of)));
    assert!(STEPS.iter().all(|step| given.is_saved(step.name)));
    let request = scope.submitted(&portal.database, &id).await.unwrap().unwrap();
    let kept =
        ["body", "category", "title"].map(|name| request[name].as_str().unwrap_or_default().to_owned());
    assert_eq!(kept, ["CertBodyMSP", "paint", "Paint"]);
    assert!(request.get("replaces").is_none(), "{request}");
}

#[test]
fn what_is_no_dossier_is_none_and_what_is_one_is_held_against_the_ledger() {
    let right: serde_json::Value = serde_json::from_str(&content(7, "Paint")).unwrap();
    let file = File::read(right.to_string().as_bytes()).unwrap();
    for (name, wrong) in [
        ("format", json!("nanotrace dossier 2")),
        ("application", json!("ABC")),
        ("application", json!(file.application.to_string().to_lowercase())),
        ("salt", json!("00")),
        ("with", json!({})),
        ("credentialSubject", json!("Paint")),
    ] {
        let mut changed = right.clone();
        changed[name] = wrong;
        assert!(File::read(changed.to_string().as_bytes()).is_none(), "{name}");
    }
    for wrong in ["", "[]", "{", "\u{feff}{}", "%PDF-1.7", &"[".repeat(100_000)] {
        assert!(File::read(wrong.as_bytes()).is_none(), "{wrong:.20}");
    }
    let (own, other) = (right.to_string(), content(7, "Another"));
    let by = |role: &str, dossiers: &[&str]| {
        let mut known = application(dossiers);
        known.steps[0].event.role = role.to_owned();
        known
    };
    for (known, applicants, standing) in [
        (by("service", &[&own]), "IndustryMSP", Standing::Newest),
        (by("service", &[&other, &own]), "IndustryMSP", Standing::Newest),
        (by("service", &[&own, &other]), "IndustryMSP", Standing::Older),
        (by("service", &[&other]), "IndustryMSP", Standing::Unknown),
        // By a person with a key of its own, or for another organisation.
        (by("applicant", &[&own]), "IndustryMSP", Standing::Unknown),
        (by("service", &[&own]), "OtherMSP", Standing::Unknown),
    ] {
        assert_eq!(file.stands(&known, applicants), standing, "{applicants} {known:?}");
    }
}

/// Sends a file as the page does.
async fn bring(browser: &mut Browser, content: &[u8]) -> Reply {
    let token = browser.form_token().await;
    browser.send_file(PAGE, &multipart(&[("form_token", &token)], "dossier.json", content)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_dossier_is_refused_and_says_what_to_do() {
    let (_keys, organisations) = away();
    let portal = Portal::before(organisations).await;
    let mut ada = portal.company(ADA, "Works").await;
    let content = content(7, "Paint");
    for (sent, status, says) in [
        (b"%PDF-1.7".to_vec(), 422, "This is no dossier"),
        (b"{}".to_vec(), 422, "This is no dossier"),
        (Vec::new(), 422, "This is no dossier"),
        (b"\xff\xfe{}".to_vec(), 422, "This is no dossier"),
        (vec![b'['; 60_000], 422, "This is no dossier"),
        (vec![b' '; MAXIMUM_BYTES + 1], 413, "more than 128 KiB"),
        (content.clone().into_bytes(), 503, "so nothing was taken over. Try again later."),
    ] {
        let reply = bring(&mut ada, &sent).await;
        assert_eq!(reply.status, status, "{}", reply.body);
        assert!(reply.body.contains(says) && reply.body.contains("Claim the application"), "{}", reply.body);
    }
    assert_eq!(portal.count("claims").await, 0);
    // Of another site's form, of a form with other parts, and of none.
    let token = ada.form_token().await;
    for form in [
        multipart(&[("form_token", "0")], "dossier.json", content.as_bytes()),
        multipart(&[], "dossier.json", content.as_bytes()),
        multipart(&[("form_token", &token), ("party", "works")], "dossier.json", content.as_bytes()),
    ] {
        assert_eq!(ada.send_file(PAGE, &form).await.status, 403);
    }
    assert_eq!(ada.post(PAGE, &[]).await.status, 403);
    let mut bob = portal.administrator(BOB, "CertBodyMSP").await;
    assert_eq!(
        bring(&mut bob, content.as_bytes()).await.status,
        404,
        "whoever works for an organisation claims nothing"
    );

    let portal = Portal::on_sqlite().await;
    let mut ada = portal.company(ADA, "Works").await;
    let reply = bring(&mut ada, content.as_bytes()).await;
    assert!(reply.status == 422 && reply.body.contains("--applicants"), "{}", reply.body);
}
