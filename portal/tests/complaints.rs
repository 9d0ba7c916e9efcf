//! Complaints and appeals over real HTTP, on SQLite and on PostgreSQL: who writes, who reads, who is told. What the ledger said is
//! written into the index as its reader writes it; how they are filed and decided is tested with a network
//! (`tests/tests/ledger_keys.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, dead_code)]

#[macro_use]
mod harness;

use certificate::DateTime;
use desk::Complaint;
use dossiers::complaints::{self, WAITING};
use harness::{Browser, Portal};
use http::Method;
use serde_json::json;

const ADA: &str = "ada@works.example";
const EVE: &str = "eve@others.example";
const BODY: &str = "CertBodyMSP";
const DAY: i64 = 24 * 60 * 60;

cases![
    what_a_company_writes_is_read_by_its_body_alone,
    complaints_are_seen_by_whom_they_concern,
    what_becomes_of_a_complaint_is_told_to_its_company_and_to_whose_turn_it_is,
    what_is_typed_wrong_is_not_lost,
];

/// A company's application that a body has.
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
    sqlx::query(
        "INSERT INTO applications (id, body, applicant, title, scheme, state, steps, dossier, certificate, step, \
         taken_by, taken_at, reason, submitted_at) VALUES ($1, 'CertBodyMSP', 'IndustryMSP', 'Paint', 'S 1', 'refused', 2, \
         'sha256:0', NULL, 'refuse', 'B', '2026-01-31T12:00:00Z', 'a reason', '2026-01-30T12:00:00Z')",
    )
    .bind(&id)
    .execute(&portal.pool)
    .await
    .unwrap();
    id
}

/// Writes an appeal about an application, and returns its id.
async fn appeal(portal: &Portal, browser: &mut Browser, application: &str, words: &str) -> String {
    let fields = [("kind", "appeal"), ("application", application), ("words", words)];
    let written = browser.post("/complaints", &fields).await;
    assert_eq!(written.header("location"), "/complaints", "{}", written.body);
    let select = sqlx::query_as("SELECT id FROM grievances WHERE words = $1").bind(words.trim());
    let (id,): (String,) = select.fetch_one(&portal.pool).await.unwrap();
    id
}

/// A complaint as the ledger has it: each step, when it was, in seconds from now.
fn complaint(id: &str, filed_by: &str, steps: &[(&str, i64)]) -> Complaint {
    let now = accounts::now();
    let steps = steps.iter().enumerate().map(|(number, (state, after))| {
        json!({
            "state": state, "effectiveAt": DateTime::from_seconds(now + after).to_string(), "by": BODY,
            "person": "e-1", "role": "evaluator", "reason": "Measured <again>", "transactionId": number.to_string(),
        })
    });
    serde_json::from_value(json!({
        "complaint": id, "kind": "appeal", "certificate": "01040G2081840R2081040G2081S", "filedBy": filed_by,
        "state": steps.clone().next_back().unwrap()["state"], "steps": steps.collect::<Vec<_>>(),
    }))
    .unwrap()
}

async fn keep(portal: &Portal, body: &str, complaint: &Complaint) {
    complaints::keep(&portal.database, body, complaint).await.unwrap();
}

/// Two companies with the same data, two bodies, a laboratory and who watches over all: every route asked with the other's ids is
/// not there.
async fn what_a_company_writes_is_read_by_its_body_alone(portal: Portal) {
    let (mut ada, mut eve) = (portal.company(ADA, "Works").await, portal.company(EVE, "Works").await);
    let mut bob = portal.administrator("bob@body.example", BODY).await;
    let mut other = portal.administrator("other@body.example", "SecondBodyMSP").await;
    let mut ari = portal.administrator("ari@accreditation.example", "AccreditationMSP").await;
    let mut may = portal.colleague(&mut ari, "may@accreditation.example", "accreditor").await;
    sqlx::query(
        "INSERT INTO offices (organisation, office) VALUES ('AccreditationMSP', 'accreditation body')",
    )
    .execute(&portal.pool)
    .await
    .unwrap();
    let (of_ada, of_eve) = (handed_in(&portal, &mut ada, ADA).await, handed_in(&portal, &mut eve, EVE).await);
    let link = format!("/complaints/new?application={of_ada}");
    assert!(ada.get(&format!("/applications/{of_ada}")).await.body.contains(&link));
    assert!(ada.get(&link).await.body.contains(&of_ada));
    assert_eq!(eve.get(&link).await.status, 404);
    let words = "They refused it\r\nwithout <b>looking</b>.  ";
    let id = appeal(&portal, &mut ada, &of_ada, &words.replace("\r\n", "\n")).await;
    let own = appeal(&portal, &mut eve, &of_eve, "Another matter").await;
    // Sent again, it is the same one.
    appeal(&portal, &mut ada, &of_ada, &words.replace("\r\n", "\n")).await;
    assert_eq!(portal.count("grievances").await, 2);
    let stolen = [("kind", "appeal"), ("application", of_ada.as_str()), ("words", "mine")];
    assert_eq!(eve.post("/complaints", &stolen).await.status, 404);

    let nothing = eve.get("/there/is/no/such/page").await.text();
    let mut asked = 0;
    for route in portal::routes().into_iter().filter(|route| route.path.contains("{complaint}")) {
        let path = route.path.replace("{body}", BODY).replace("{complaint}", &id);
        let people = [("another company", &mut eve), ("another body", &mut other), ("who watches", &mut may)];
        for (name, browser) in people {
            let reply = match route.method {
                Method::GET => browser.get(&path).await,
                _ => browser.post(&path, &[]).await,
            };
            println!("{} {}, {name}: {}", route.method, route.path, reply.status);
            assert_eq!(reply.status, 404, "{} {path}, {name}", route.method);
            if name == "another company" {
                assert_eq!(reply.text(), nothing, "{} {path}", route.method);
            }
            asked += 1;
        }
    }
    assert_eq!(asked, 9);
    for browser in [&mut eve, &mut other, &mut may] {
        let list = browser.get("/complaints").await.body;
        assert!(!list.contains(&id) && !list.contains("looking"), "{list}");
    }

    let page = bob.get(&format!("/complaints/{BODY}/{id}")).await.body;
    assert!(page.contains("without &#60;b&#62;looking&#60;/b&#62;.") && page.contains("Works"), "{page}");
    let hashed = bob.get(&format!("/complaints/{BODY}/{id}/text")).await;
    assert!(hashed.header("content-disposition").starts_with("attachment"), "{}", hashed.body);
    assert_eq!(ada.get(&format!("/complaints/{BODY}/{id}/text")).await.body, hashed.body);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, hashed.body.as_bytes());
    let hash: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert!(page.contains(&format!("sha256:{hash}")), "{page}");
    let list = bob.get("/complaints").await.body;
    assert!(list.contains(&id) && list.contains(&own) && list.contains("received"), "{list}");

    // Once it is on the ledger, who watches over all sees what the ledger says, and no words; and it is not taken back.
    keep(&portal, BODY, &complaint(&id, BODY, &[("filed", -1)])).await;
    let page = may.get(&format!("/complaints/{BODY}/{id}")).await;
    assert!(page.status == 200 && !page.body.contains("looking"), "{}", page.body);
    assert!(page.body.contains("Measured &#60;again&#62;"), "{}", page.body);
    assert_eq!(may.get(&format!("/complaints/{BODY}/{id}/text")).await.status, 404);
    let page = bob.get(&format!("/complaints/{BODY}/{id}")).await.body;
    assert!(page.contains("does not have this hash"), "{page}");
    assert_eq!(ada.post(&format!("/complaints/{id}/take-back"), &[]).await.status, 404);
    let taken = eve.post(&format!("/complaints/{own}/take-back"), &[]).await;
    assert_eq!(taken.header("location"), "/complaints", "{}", taken.body);
    assert_eq!(eve.post(&format!("/complaints/{own}/take-back"), &[]).await.status, 404);
    assert_eq!(bob.get(&format!("/complaints/{BODY}/{own}")).await.status, 404);
    assert!(!bob.get("/complaints").await.body.contains(&own));
    // What another body's chaincode says of the same id is not of the company's.
    keep(&portal, "SecondBodyMSP", &complaint(&own, "SecondBodyMSP", &[("filed", -3), ("upheld", -2)])).await;
    assert!(eve.get("/complaints").await.body.contains("taken back"));
}

async fn complaints_are_seen_by_whom_they_concern(portal: Portal) {
    let mut bob = portal.administrator("bob@body.example", BODY).await;
    let mut other = portal.administrator("other@body.example", "SecondBodyMSP").await;
    let mut lab = portal.administrator("lab@lab.example", "LabMSP").await;
    let mut ari = portal.administrator("ari@accreditation.example", "AccreditationMSP").await;
    let mut may = portal.colleague(&mut ari, "may@accreditation.example", "accreditor").await;
    sqlx::query(
        "INSERT INTO offices (organisation, office) VALUES ('AccreditationMSP', 'accreditation body')",
    )
    .execute(&portal.pool)
    .await
    .unwrap();
    let late = 20 * DAY;
    for (body, id, filed_by, steps) in [
        (BODY, "A1", BODY, &[("filed", -1)][..]),
        (BODY, "A2", "LabMSP", &[("filed", -2 * late), ("acknowledged", -late)]),
        (BODY, "A3", BODY, &[("filed", -3 * late), ("dismissed", -late)]),
        ("SecondBodyMSP", "B1", "LabMSP", &[("filed", -late), ("withdrawn", -1)]),
    ] {
        keep(&portal, body, &complaint(id, filed_by, steps)).await;
    }
    let table: [(&mut Browser, &[&str]); 5] = [
        (&mut bob, &["A1", "A2", "A3"]),
        (&mut other, &["B1"]),
        (&mut lab, &["A2", "B1"]),
        (&mut ari, &[]),
        (&mut may, &["A1", "A2", "A3", "B1"]),
    ];
    for (browser, seen) in table {
        let list = browser.get("/complaints").await.body;
        for (body, id) in [(BODY, "A1"), (BODY, "A2"), (BODY, "A3"), ("SecondBodyMSP", "B1")] {
            let (path, is_seen) = (format!("/complaints/{body}/{id}"), seen.contains(&id));
            assert_eq!(list.contains(&format!("{path}\"")), is_seen, "{id}: {list}");
            assert_eq!(browser.get(&path).await.status, if is_seen { 200 } else { 404 }, "{id}");
        }
    }
    let list = bob.get("/complaints").await.body;
    let place = |id: &str| list.find(&format!("/complaints/{BODY}/{id}\"")).unwrap();
    assert!(place("A2") < place("A1") && place("A1") < place("A3"), "what is overdue stands first: {list}");
    assert_eq!(list.matches("tag overdue").count(), 1, "{list}");
    assert!(list.contains("40 days old"), "{list}");
    for (query, seen) in [
        ("state=open", &["A1", "A2"][..]),
        ("state=dismissed", &["A3"]),
        ("state=nothing", &[]),
        ("page=1", &[]),
        ("page=-5", &["A1", "A2", "A3"]),
    ] {
        let list = bob.get(&format!("/complaints?{query}")).await.body;
        let found: Vec<_> =
            ["A1", "A2", "A3"].into_iter().filter(|id| list.contains(&format!("{BODY}/{id}\""))).collect();
        assert_eq!(found, seen, "{query}");
    }
}

async fn told(portal: &Portal, email: &str) -> Vec<String> {
    let select = sqlx::query_as(
        "SELECT subject FROM notices JOIN accounts ON accounts.id = account WHERE email = $1 ORDER BY at, event",
    );
    let rows: Vec<(String,)> = select.bind(email).fetch_all(&portal.pool).await.unwrap();
    rows.into_iter().map(|(subject,)| subject).collect()
}

async fn what_becomes_of_a_complaint_is_told_to_its_company_and_to_whose_turn_it_is(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    portal.company(EVE, "Others").await;
    let mut bob = portal.administrator("bob@body.example", BODY).await;
    portal.colleague(&mut bob, "eve@body.example", "evaluator").await;
    portal.colleague(&mut bob, "dan@body.example", "decision-maker").await;
    sqlx::query("UPDATE accounts SET created_at = 0").execute(&portal.pool).await.unwrap();
    let application = handed_in(&portal, &mut ada, ADA).await;
    let id = appeal(&portal, &mut ada, &application, "They refused it.").await;
    let evaluator = |portal| told(portal, "eve@body.example");
    let decider = |portal| told(portal, "dan@body.example");
    assert_eq!(evaluator(&portal).await, ["Received: an appeal"]);
    let steps = [("filed", -9), ("acknowledged", -8), ("upheld", -7)];
    for (taken, of_evaluator, of_decider, of_ada) in [
        (
            1,
            &["Waits for you: an appeal"][..],
            &["Waits for you: an appeal"][..],
            &["Filed: your appeal"][..],
        ),
        (2, &[], &["Waits for you: an appeal"], &["Filed: your appeal", "Acknowledged: your appeal"]),
        (3, &[], &[], &["Filed: your appeal", "Acknowledged: your appeal", "Upheld: your appeal"]),
    ] {
        for _ in 0..2 {
            keep(&portal, BODY, &complaint(&id, BODY, &steps[..taken])).await;
        }
        assert_eq!(evaluator(&portal).await, of_evaluator, "{taken}");
        assert_eq!(decider(&portal).await, of_decider, "{taken}");
        assert_eq!(told(&portal, ADA).await, of_ada, "{taken}");
        assert!(told(&portal, EVE).await.is_empty() && told(&portal, "bob@body.example").await.is_empty());
    }
    // The index is lost, and read from the ledger again.
    sqlx::query("DELETE FROM complaints").execute(&portal.pool).await.unwrap();
    keep(&portal, BODY, &complaint(&id, BODY, &steps)).await;
    assert_eq!(told(&portal, ADA).await.len(), 3);
    let mail = portal.mail(ADA, "upheld your appeal").await;
    assert!(mail.contains("It says: Measured") && mail.contains("/complaints"), "{mail}");
    let page = ada.get("/complaints").await.body;
    assert!(page.contains("upheld") && page.contains("Measured &#60;again&#62;"), "{page}");
}

async fn what_is_typed_wrong_is_not_lost(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let application = handed_in(&portal, &mut ada, ADA).await;
    let right = [("kind", "complaint"), ("application", application.as_str()), ("words", "Too slow")];
    let too_long = "ä".repeat(4001);
    for (fields, status, says) in [
        ([right[0], right[1], ("words", " \r\n ")], 422, "at most 4000 characters"),
        ([right[0], right[1], ("words", &too_long)], 422, "at most 4000 characters"),
        ([right[0], right[1], ("words", "a\u{202e}b")], 422, "invisible"),
        ([("kind", "wish"), right[1], right[2]], 422, "Too slow"),
        ([right[0], ("certificate", "0104"), right[2]], 422, "mistyped"),
        ([right[0], ("certificate", "01040G2081840R2081040G2081S"), right[2]], 503, "Nothing was sent"),
        ([right[0], ("body", BODY), right[2]], 400, ""),
        ([right[0], ("application", "68S34CHJ689348HJ68S34CHJ688"), right[2]], 404, ""),
    ] {
        let reply = ada.post("/complaints", &fields).await;
        assert_eq!(reply.status, status, "{fields:?}: {}", reply.body);
        assert!(reply.body.contains(says), "{fields:?}: {}", reply.body);
        assert!(status != 503 || reply.body.contains("Too slow"), "what was typed is lost: {}", reply.body);
    }
    assert_eq!(portal.count("grievances").await, 0);
    for number in 0..WAITING {
        appeal(&portal, &mut ada, &application, &format!("Matter {number}")).await;
    }
    let reply = ada.post("/complaints", &right).await;
    assert!(reply.status == 409 && reply.body.contains("Too slow"), "{}", reply.body);
    // Nor where the session has ended.
    ada.form_token().await;
    let begun = ada.begin_post("/complaints", &right).await;
    let before = (portal.count("audit").await, portal.count("grievances").await);
    sqlx::query("DELETE FROM sessions").execute(&portal.pool).await.unwrap();
    assert_eq!(begun.end().await.header("location"), "/login");
    assert_eq!((portal.count("audit").await, portal.count("grievances").await), before);
}
