//! The confidential part of an application over real HTTP, without a ledger: what a company keeps, and where it never stands. On
//! SQLite and on PostgreSQL. The way to the ledger is tested with a network (`tests/tests/portal_confidential.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, dead_code)]

#[macro_use]
mod harness;

use harness::{Browser, PASSWORD, Portal};

const ADA: &str = "ada@works.example";
const CANARY: &str = "canary-of-the-formulation";

cases![
    a_company_keeps_fields_and_removes_them,
    what_is_typed_after_the_end_of_a_session_is_written_nowhere,
    fields_are_taken_while_the_body_takes_them,
];

/// An application that a body has, as if the ledger had it.
async fn handed_in(portal: &Portal, ada: &mut Browser) -> String {
    let begun = ada.post("/applications", &[]).await;
    let id = begun.header("location").split('/').nth(2).unwrap().to_owned();
    for statement in [
        "INSERT INTO applications (id, body, applicant, title, scheme, state, steps, dossier, certificate, step, \
         taken_by, taken_at, reason, submitted_at) VALUES ($1, 'CertBodyMSP', 'IndustryMSP', 'Paint', 'S 1', 'submitted', \
         1, 'sha256:0', NULL, 'submit', 'I', '2026-01-31T12:00:00Z', '', '2026-01-31T12:00:00Z')",
        "INSERT INTO calls (id, party, account, application, body, step, argument, state, created_at, tries, due_at, said) \
         SELECT 'call', party, (SELECT min(id) FROM accounts), id, 'CertBodyMSP', 'submit', '{}', 'done', 0, 1, 0, '' \
         FROM dossiers WHERE id = $1",
    ] {
        sqlx::query(statement).bind(&id).execute(&portal.pool).await.unwrap();
    }
    id
}

async fn kept(portal: &Portal) -> Vec<(String, String, Option<String>)> {
    let select = sqlx::query_as("SELECT name, hash, private FROM confidential_fields ORDER BY name");
    select.fetch_all(&portal.pool).await.unwrap()
}

async fn a_company_keeps_fields_and_removes_them(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let id = handed_in(&portal, &mut ada).await;
    let own = format!("/applications/{id}");
    let path = format!("{own}/confidential");
    assert_eq!(ada.get(&path).await.status, 404, "nothing is kept");
    let text = format!("{CANARY} <b>\r\n98 % ZnO");
    for (name, text) in [("formulation <i>", &*text), ("customers", "Sunscreen Ltd")] {
        let added = ada.post(&path, &[("name", name), ("confidential", text)]).await;
        assert_eq!(added.header("location"), format!("{own}#confidential"), "{}", added.body);
    }
    // Pressed twice: there is one, and what was typed is not lost.
    let again = ada.post(&path, &[("name", "formulation <i>"), ("confidential", "another text")]).await;
    assert!(again.status == 409 && again.body.contains("of this name already"), "{}", again.body);
    for (name, text, rule) in [
        ("", "x", "1 to 200 visible characters"),
        ("a\u{202e}b", "x", "1 to 200 visible characters"),
        ("empty", " \r\n", "must say something"),
        ("long", &"x".repeat(16 << 10), "may have 16 KiB"),
    ] {
        let refused = ada.post(&path, &[("name", name), ("confidential", text)]).await;
        assert!(refused.status == 409 && refused.body.contains(rule), "{name}: {}", refused.body);
    }
    let (found, page) = (kept(&portal).await, ada.get(&own).await.body);
    assert_eq!(found.len(), 2);
    for (_, hash, private) in &found {
        assert!(page.contains(hash) && private.is_some(), "{page}");
    }
    assert!(page.contains("formulation &#60;i&#62;") && page.contains("The ledger was not read"), "{page}");
    assert!(!page.contains(CANARY), "{page}");
    let file = ada.get(&path).await;
    assert!(file.header("content-disposition").starts_with("attachment"));
    assert!(file.body.contains(&format!("{CANARY} <b>\\n98 % ZnO")) && file.body.contains("Sunscreen"));
    let refused = ada.post(&format!("{path}/hand-in"), &[]).await;
    assert!(refused.status == 409 && refused.body.contains("does not answer"), "{}", refused.body);
    assert_eq!(portal.count("calls").await, 1, "nothing waits");

    // While they are on their way, they stay.
    let call = "INSERT INTO calls (id, party, account, application, body, step, argument, state, created_at, tries, due_at, \
                said) SELECT 'confide', party, account, application, body, 'confide', '[]', 'waiting', 0, 0, 0, '' FROM calls";
    sqlx::query(call).execute(&portal.pool).await.unwrap();
    let remove = format!("{path}/remove");
    let late = ada.post(&remove, &[("hash", &found[0].1)]).await;
    assert!(late.status == 409 && late.body.contains("on its way"), "{}", late.body);
    sqlx::query("UPDATE calls SET state = 'refused' WHERE id = 'confide'")
        .execute(&portal.pool)
        .await
        .unwrap();
    for (_, hash, _) in &found {
        assert_eq!(ada.post(&remove, &[("hash", hash)]).await.status, 303);
    }
    assert_eq!(ada.post(&remove, &[("hash", "sha256:0")]).await.status, 404);
    // The ledger did not say whether it has them: names and hashes stay.
    let left = kept(&portal).await;
    assert!(left.len() == 2 && left.iter().all(|(_, _, private)| private.is_none()), "{left:?}");
    assert_eq!(ada.get(&path).await.status, 404, "nothing is kept any more");
    let log = ada.get("/admin/audit/export").await.body;
    for (action, count) in [
        ("confidential field kept", 2),
        ("confidential part downloaded", 1),
        ("confidential field removed", 2),
    ] {
        assert_eq!(log.matches(action).count(), count, "{action}: {log}");
    }
    assert!(!log.contains(CANARY) && !log.contains("Sunscreen"), "{log}");
}

/// The browser that sent it shows it again; other forms are kept in the database meanwhile.
async fn what_is_typed_after_the_end_of_a_session_is_written_nowhere(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let id = handed_in(&portal, &mut ada).await;
    let path = format!("/applications/{id}/confidential");
    let token = ada.form_token().await;
    let fields = [("name", "formulation"), ("confidential", CANARY), ("form_token", &token)];
    // As time does it: the session is known, and over.
    sqlx::query("UPDATE sessions SET expires_at = 1").execute(&portal.pool).await.unwrap();
    let late = ada.post_as_it_is(&path, &fields).await;
    assert!(late.status == 403 && late.body.contains(CANARY), "{} {}", late.status, late.body);
    assert_eq!((portal.count("kept_forms").await, kept(&portal).await.len()), (0, 0));
    // After another login in the same browser.
    ada.reload();
    assert_eq!(ada.log_in(ADA, PASSWORD).await.status, 303);
    ada.headers.push(("Origin".into(), portal.base.to_string()));
    let late = ada.post_as_it_is(&path, &fields).await;
    assert_eq!(late.status, 403, "{}", late.body);
    assert_eq!((portal.count("kept_forms").await, kept(&portal).await.len()), (0, 0));
}

async fn fields_are_taken_while_the_body_takes_them(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let id = handed_in(&portal, &mut ada).await;
    let path = format!("/applications/{id}/confidential");
    for (state, status) in [("accepted", 409), ("granted", 409), ("returned", 303)] {
        let update = sqlx::query("UPDATE applications SET state = $1").bind(state);
        update.execute(&portal.pool).await.unwrap();
        let sent = ada.post(&path, &[("name", state), ("confidential", CANARY)]).await;
        assert_eq!(sent.status, status, "{state}: {}", sent.body);
    }
    // A draft has no body that reads it.
    let begun = ada.post("/applications", &[]).await;
    let draft = begun.header("location").split('/').nth(2).unwrap().to_owned();
    let fields = [("name", "formulation"), ("confidential", CANARY)];
    assert_eq!(ada.post(&format!("/applications/{draft}/confidential"), &fields).await.status, 404);
    assert!(!ada.get(&format!("/applications/{draft}")).await.body.contains("Confidential part"));
}
