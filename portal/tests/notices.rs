//! Who is told what, on SQLite and on PostgreSQL: what the ledger said is written into the index as its reader writes it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, dead_code)]

#[macro_use]
mod harness;

use certificate::DateTime;
use desk::{Application, IssuerKey};
use dossiers::{certificates, index, issuer_keys, notices::TASKS};
use harness::{Browser, Portal};
use serde_json::json;

const ADA: &str = "ada@works.example";
const EVE: &str = "eve@others.example";
const BOB: &str = "bob@body.example";
const DAY: i64 = 24 * 60 * 60;

cases![
    what_happened_is_told_once_and_to_the_company_alone,
    what_is_old_is_not_mailed_and_what_was_before_an_account_is_not_told,
    what_could_not_be_told_is_told_later_and_nothing_is_half_done,
    staff_are_told_what_waits_for_them_for_as_long_as_it_waits,
    what_waits_is_told_of_up_to_a_limit_and_the_queue_has_all,
    notices_are_read_by_their_own_account,
    what_becomes_of_a_certificate_is_told_to_its_company_once,
    telling_of_a_certificate_takes_one_connection,
    a_key_that_waits_is_told_to_accreditors_until_it_does_not,
];

/// An application as the ledger has it: each step, when it was, in seconds from now.
fn application(id: &str, state: &str, steps: &[(&str, i64)]) -> Application {
    let now = accounts::now();
    let steps = steps.iter().enumerate().map(|(number, (step, after))| {
        json!({
            "step": step, "effectiveAt": DateTime::from_seconds(now + after).to_string(), "by": "CertBodyMSP",
            "reason": "Which batch?", "transactionId": number.to_string(),
        })
    });
    let mut application = json!({
        "application": id, "body": "CertBodyMSP", "applicant": "IndustryMSP", "title": "Zinc\r\nBcc: x@y.example\n\n<b>",
        "schemeId": "S", "schemeVersion": "1", "dossier": "sha256:0", "state": state, "steps": steps.collect::<Vec<_>>(),
    });
    if state == "granted" {
        application["decision"] = json!({"certificate": "01040G2081840R2081040G2081S", "document": "0"});
    }
    serde_json::from_value(application).unwrap()
}

/// A company's application that was handed in; its people have been here for long.
async fn handed_in(portal: &Portal, browser: &mut Browser, email: &str) -> String {
    let begun = browser.post("/applications", &[]).await;
    let id =
        begun.header("location").trim_end_matches("/form/product").rsplit('/').next().unwrap().to_owned();
    sqlx::query(
        "INSERT INTO calls (id, party, account, application, body, step, argument, state, created_at, tries, due_at, said) \
         SELECT $1, party, id, $1, 'CertBodyMSP', 'submit', '{}', 'done', 0, 1, 0, '' FROM accounts WHERE email = $2",
    )
    .bind(&id)
    .bind(email)
    .execute(&portal.pool)
    .await
    .unwrap();
    since(portal, email, 400).await;
    id
}

async fn since(portal: &Portal, email: &str, days: i64) {
    let update = sqlx::query("UPDATE accounts SET created_at = $1 WHERE email = $2");
    update.bind(accounts::now() - days * DAY).bind(email).execute(&portal.pool).await.unwrap();
}

/// The subjects of what this account was told in the portal, and of the mails to it; the oldest first.
async fn told(portal: &Portal, email: &str) -> (Vec<String>, Vec<String>) {
    let notices = sqlx::query_as(
        "SELECT subject FROM notices JOIN accounts ON accounts.id = account WHERE email = $1 ORDER BY at, event",
    );
    let mails = sqlx::query_as(
        "SELECT subject FROM outbox WHERE recipient = $1 AND link IS NOT NULL ORDER BY created_at, subject",
    );
    let first = |rows: Vec<(String,)>| {
        rows.into_iter().map(|(it,)| it.split(':').next().unwrap().to_owned()).collect()
    };
    (
        first(notices.bind(email).fetch_all(&portal.pool).await.unwrap()),
        first(mails.bind(email).fetch_all(&portal.pool).await.unwrap()),
    )
}

async fn what_happened_is_told_once_and_to_the_company_alone(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    portal.company(EVE, "Others").await;
    since(&portal, EVE, 400).await;
    let id = handed_in(&portal, &mut ada, ADA).await;
    let steps =
        [("submit", -9), ("accept", -8), ("evaluate", -7), ("review", -6), ("decide", -5), ("grant", -4)];
    let accepted = application(&id, "accepted", &steps[..2]);
    for _ in 0..2 {
        index::keep(&portal.database, &accepted).await.unwrap();
    }
    assert_eq!(
        told(&portal, ADA).await,
        (vec!["Accepted for evaluation".into()], vec!["Accepted for evaluation".into()])
    );
    let granted = application(&id, "granted", &steps);
    index::keep(&portal.database, &granted).await.unwrap();
    // The index is lost, and read from the ledger again.
    sqlx::query("DELETE FROM applications").execute(&portal.pool).await.unwrap();
    index::keep(&portal.database, &granted).await.unwrap();
    let expected = ["Accepted for evaluation", "Evaluated", "Reviewed", "Decided", "Granted"]
        .map(str::to_owned)
        .to_vec();
    let mailed = ["Accepted for evaluation", "Granted"].map(str::to_owned).to_vec();
    assert_eq!(told(&portal, ADA).await, (expected, mailed));
    assert_eq!(told(&portal, EVE).await, (Vec::new(), Vec::new()));
    // An application of the same id to another body is another's.
    let mut other = application(&id, "refused", &[("submit", -3), ("refuse", -2)]);
    other.body = "AnotherMSP".to_owned();
    index::keep(&portal.database, &other).await.unwrap();
    assert_eq!(told(&portal, ADA).await.1.len(), 2);

    let mail = portal.mail(ADA, "granted the certificate for Zinc Bcc: x@y.example").await;
    assert!(mail.contains(&format!("{}/applications/{id}", portal.base)), "{mail}");
    let page = ada.get("/notifications").await.body;
    assert!(
        page.contains("5 new</span>") && page.contains("Granted: Zinc Bcc: x@y.example &#60;b&#62;"),
        "{page}"
    );
    assert!(page.contains(&format!("href=\"/applications/{id}\"")), "{page}");
}

async fn what_is_old_is_not_mailed_and_what_was_before_an_account_is_not_told(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let id = handed_in(&portal, &mut ada, ADA).await;
    let steps = [
        ("submit", -95 * DAY),
        ("return", -91 * DAY),
        ("complete", -4 * DAY),
        ("accept", -2 * DAY),
        ("refuse", -60),
    ];
    index::keep(&portal.database, &application(&id, "refused", &steps)).await.unwrap();
    let listed = vec!["Accepted for evaluation".to_owned(), "Refused".to_owned()];
    assert_eq!(told(&portal, ADA).await, (listed, vec!["Refused".to_owned()]));

    let other = handed_in(&portal, &mut ada, ADA).await;
    since(&portal, ADA, 1).await;
    index::keep(&portal.database, &application(&other, "accepted", &steps[..4])).await.unwrap();
    assert_eq!(told(&portal, ADA).await.0.len(), 2, "the account is younger");
}

async fn what_could_not_be_told_is_told_later_and_nothing_is_half_done(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let id = handed_in(&portal, &mut ada, ADA).await;
    let returned = application(&id, "returned", &[("submit", -9), ("return", -8)]);
    sqlx::query("ALTER TABLE outbox RENAME TO elsewhere").execute(&portal.pool).await.unwrap();
    assert!(index::keep(&portal.database, &returned).await.is_err());
    sqlx::query("ALTER TABLE elsewhere RENAME TO outbox").execute(&portal.pool).await.unwrap();
    assert_eq!((portal.count("notices").await, portal.count("applications").await), (0, 0));
    index::keep(&portal.database, &returned).await.unwrap();
    let asked = vec!["More is asked for".to_owned()];
    assert_eq!(told(&portal, ADA).await, (asked.clone(), asked));
}

async fn staff_are_told_what_waits_for_them_for_as_long_as_it_waits(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let id = handed_in(&portal, &mut ada, ADA).await;
    let mut bob = portal.administrator(BOB, "CertBodyMSP").await;
    let mut other = portal.administrator("bo@another.example", "AnotherMSP").await;
    portal.colleague(&mut bob, "eva@body.example", "evaluator").await;
    portal.colleague(&mut bob, "ruth@body.example", "reviewer").await;
    portal.colleague(&mut other, "rex@another.example", "reviewer").await;
    let people = ["eva@body.example", "ruth@body.example", "rex@another.example", BOB];
    for email in people {
        since(&portal, email, 400).await;
    }
    let steps = [("submit", -9), ("accept", -8), ("evaluate", -7), ("review", -6)];
    for (state, taken, expected) in [
        ("submitted", 1, [1, 0, 0, 0]),
        ("accepted", 2, [1, 0, 0, 0]),
        ("evaluated", 3, [0, 1, 0, 0]),
        ("reviewed", 4, [0, 0, 0, 0]),
    ] {
        index::keep(&portal.database, &application(&id, state, &steps[..taken])).await.unwrap();
        for (email, expected) in people.into_iter().zip(expected) {
            let (notices, mails) = told(&portal, email).await;
            assert_eq!((notices.len(), mails.len()), (expected, 0), "{email} {state}");
        }
    }
}

async fn what_waits_is_told_of_up_to_a_limit_and_the_queue_has_all(portal: Portal) {
    let mut bob = portal.administrator(BOB, "CertBodyMSP").await;
    let mut eva = portal.colleague(&mut bob, "eva@body.example", "evaluator").await;
    since(&portal, "eva@body.example", 400).await;
    let limit = usize::try_from(TASKS).unwrap();
    let ids: Vec<String> = (0..=limit).map(|number| format!("A{number}")).collect();
    assert!(!eva.get("/notifications").await.body.contains("More may wait for you"));
    for id in &ids {
        index::keep(&portal.database, &application(id, "submitted", &[("submit", -9)])).await.unwrap();
    }
    assert_eq!(told(&portal, "eva@body.example").await.0.len(), limit);
    assert!(eva.get("/notifications").await.body.contains("More may wait for you"));
    let queue = eva.get("/queue?search=a50").await.body;
    assert!(queue.contains(&format!("/queue/CertBodyMSP/{}\"", ids[limit])), "{queue}");
    // What was done makes room.
    let accepted = application(&ids[0], "evaluated", &[("submit", -9), ("accept", -8), ("evaluate", -7)]);
    index::keep(&portal.database, &accepted).await.unwrap();
    assert_eq!(told(&portal, "eva@body.example").await.0.len(), limit - 1);
    index::keep(&portal.database, &application("NEXT", "submitted", &[("submit", -5)])).await.unwrap();
    assert_eq!(told(&portal, "eva@body.example").await.0.len(), limit);
}

async fn notices_are_read_by_their_own_account(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.company(EVE, "Others").await;
    let id = handed_in(&portal, &mut ada, ADA).await;
    let returned =
        application(&id, "returned", &[("submit", -9), ("return", -8), ("complete", -7), ("return", -6)]);
    index::keep(&portal.database, &returned).await.unwrap();
    let select = sqlx::query_as("SELECT id FROM notices ORDER BY at");
    let ids: Vec<(String,)> = select.fetch_all(&portal.pool).await.unwrap();
    let path = format!("/notifications/{}/read", ids[0].0);
    assert_eq!(eve.post(&path, &[]).await.status, 404);
    assert!(eve.get("/notifications").await.body.contains("<p>None.</p>"));
    assert_eq!(ada.post(&path, &[("account", "x")]).await.status, 400, "a field that the form has not");
    assert!(ada.get("/").await.body.contains("2 new</span>"));
    for _ in 0..2 {
        assert_eq!(ada.post(&path, &[]).await.header("location"), "/notifications");
    }
    assert!(ada.get("/").await.body.contains("1 new</span>"));
    let until = accounts::now().to_string();
    assert_eq!(eve.post("/notifications/read", &[("until", &until)]).await.status, 303);
    assert_eq!(ada.post("/notifications/read", &[("until", "0")]).await.status, 303);
    assert!(ada.get("/").await.body.contains("1 new</span>"), "what came after the page stays new");
    assert_eq!(ada.post("/notifications/read", &[("until", &until)]).await.status, 303);
    let page = ada.get("/notifications").await.body;
    assert!(!page.contains(" new</span>") && page.matches("More is asked for").count() == 2, "{page}");
}

async fn what_becomes_of_a_certificate_is_told_to_its_company_once(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    portal.company(EVE, "Others").await;
    since(&portal, EVE, 400).await;
    let id = handed_in(&portal, &mut ada, ADA).await;
    let at = |after: i64| DateTime::from_seconds(accounts::now() + after).to_string();
    let event = |transaction: &str, after: i64| json!({"effectiveAt": at(after), "by": "CertBodyMSP", "reason": "Complaint 17", "transactionId": transaction});
    let mut found = json!({
        "certificate": "01040G2081840R2081040G2081S", "body": "CertBodyMSP", "validFrom": at(-400 * DAY),
        "validUntil": at(20 * DAY), "issued": event("t0", -400 * DAY), "verdict": {"result": "notValid"}, "document": {},
        "suspensions": [{"placed": event("t1", -2 * DAY), "lifted": event("t2", -5)}, {"placed": event("t3", -4)}],
        "surveillanceDue": at(30 * DAY - 1),
    });
    let tell = async |found: &serde_json::Value| {
        let found = serde_json::from_value(found.clone()).unwrap();
        certificates::tell_of(&portal.database, &found).await.unwrap();
    };
    tell(&found).await;
    assert_eq!(told(&portal, ADA).await.0.len(), 0, "of what nobody here applied for, nobody is told");
    index::keep(&portal.database, &application(&id, "granted", &[("submit", -9), ("grant", -8)]))
        .await
        .unwrap();
    for _ in 0..2 {
        tell(&found).await;
    }
    found["body"] = json!("AnotherMSP");
    tell(&found).await;
    let (notices, mut mails) = told(&portal, ADA).await;
    let expected =
        ["Ends soon", "Suspended", "Granted", "Suspension lifted", "Suspended", "Surveillance is due"];
    let mut sorted = (notices.clone(), expected.map(str::to_owned).to_vec());
    sorted.0.sort();
    sorted.1.sort();
    assert_eq!(sorted.0, sorted.1, "{notices:?}");
    mails.sort();
    assert_eq!(mails, ["Granted", "Surveillance is due", "Suspended", "Suspension lifted"], "no old ones");
    assert_eq!(told(&portal, EVE).await, (Vec::new(), Vec::new()));
}

/// Who holds the lock of all changes and waits for another connection stops everybody: they wait for the lock, each with one.
async fn telling_of_a_certificate_takes_one_connection(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let id = handed_in(&portal, &mut ada, ADA).await;
    let granted = application(&id, "granted", &[("submit", -9), ("grant", -8)]);
    index::keep(&portal.database, &granted).await.unwrap();
    let at = |after: i64| DateTime::from_seconds(accounts::now() + after).to_string();
    let event = |transaction: &str, after: i64| json!({"effectiveAt": at(after), "by": "CertBodyMSP", "reason": "", "transactionId": transaction});
    let found = json!({
        "certificate": "01040G2081840R2081040G2081S", "body": "CertBodyMSP", "validFrom": at(-DAY), "validUntil": at(400 * DAY),
        "issued": event("t0", -DAY), "verdict": {"result": "notValid"}, "document": {},
        "suspensions": [{"placed": event("t1", -9), "lifted": event("t2", -5)}, {"placed": event("t3", -4)}],
    });
    let found = serde_json::from_value(found).unwrap();
    let mut others = Vec::new();
    for _ in 1..portal.database.pool().options().get_max_connections() {
        others.push(portal.database.pool().acquire().await.unwrap());
    }
    certificates::tell_of(&portal.database, &found).await.unwrap();
    drop(others);
    assert_eq!(told(&portal, ADA).await.0.len(), 4);
}

/// A key as the ledger has it, proposed so many seconds from now.
fn issuer_key(body: &str, name: &str, after: i64, then: &[&str]) -> IssuerKey {
    let at = DateTime::from_seconds(accounts::now() + after).to_string();
    let event = json!({"effectiveAt": at, "by": body, "transactionId": name});
    let mut key = json!({
        "body": body, "publicKey": format!("z6Mk{name}/?"), "issuerId": "did:web:body.example", "issuerName": "Body\n<b>",
        "statusLists": "https://body.example/status", "proposed": event,
    });
    for step in then {
        key[*step] = event.clone();
    }
    serde_json::from_value(key).unwrap()
}

async fn a_key_that_waits_is_told_to_accreditors_until_it_does_not(portal: Portal) {
    let mut ari = portal.administrator("ari@accreditation.example", "AccreditationMSP").await;
    let (may, aud) = ("may@accreditation.example", "aud@accreditation.example");
    let mut accreditor = portal.colleague(&mut ari, may, "accreditor").await;
    portal.colleague(&mut ari, aud, "auditor").await;
    let mut bob = portal.administrator(BOB, "CertBodyMSP").await;
    // Any administrator grants any role: it is of the accreditation body, or nothing.
    let mal = "mal@body.example";
    portal.colleague(&mut bob, mal, "accreditor").await;
    sqlx::query(
        "INSERT INTO offices (organisation, office) VALUES ('AccreditationMSP', 'accreditation body')",
    )
    .execute(&portal.pool)
    .await
    .unwrap();
    let now = accounts::now();
    let keep = async |keys: &[IssuerKey]| {
        issuer_keys::keep(&portal.database, "CertBodyMSP", keys, now).await.unwrap();
    };
    let waits = || issuer_key("CertBodyMSP", "a", -60, &[]);
    let old = || issuer_key("CertBodyMSP", "old", -3 * DAY, &[]);
    for _ in 0..3 {
        keep(&[waits(), old(), issuer_key("CertBodyMSP", "b", -60, &["approved"])]).await;
        // What a chaincode says of another body's key is nothing.
        keep(&[issuer_key("OtherMSP", "c", -60, &[]), waits()]).await;
    }
    let (notices, mails) = told(&portal, may).await;
    assert_eq!((notices.len(), mails.len()), (2, 1), "each once, what is old without a mail");
    for other in [aud, mal, BOB, "ari@accreditation.example"] {
        assert_eq!(told(&portal, other).await, (Vec::new(), Vec::new()), "{other}");
    }
    let mail = portal.mail(may, "Ask CertBodyMSP, by another way").await;
    let link = "/registry/entry?organisation=CertBodyMSP&key=z6Mka%2F%3F";
    assert!(mail.contains(link) && mail.contains("as Body <b>"), "{mail}");
    let page = accreditor.get("/notifications").await.body;
    assert!(page.contains(&link.replace('&', "&#38;")) && page.contains("Body &#60;b&#62;"), "{page}");
    // Who becomes an accreditor meanwhile is told, too; once it does not wait, nobody.
    let new = "new@accreditation.example";
    portal.colleague(&mut ari, new, "accreditor").await;
    keep(&[waits(), old()]).await;
    assert_eq!(told(&portal, new).await.0.len(), 2);
    keep(&[
        issuer_key("CertBodyMSP", "a", -60, &["approved"]),
        issuer_key("CertBodyMSP", "old", -3 * DAY, &["revoked"]),
    ])
    .await;
    for who in [may, new] {
        assert_eq!(told(&portal, who).await.0, Vec::<String>::new());
    }
}
