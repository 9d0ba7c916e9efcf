//! Forms that come too late, over real HTTP: on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[macro_use]
mod harness;

use harness::{Browser, PASSWORD, Portal};

const ADA: &str = "ada@works.example";
const BOB: &str = "bob@body.example";
const EVE: &str = "eve@mill.example";
const TYPED: [(&str, &str); 2] = [("email", "colleague \"x\"@works.example"), ("role", "owner")];

cases![
    a_form_whose_session_expired_is_kept_for_who_typed_it,
    the_people_of_organisations_find_their_forms_after_the_passkey,
    a_form_of_before_another_login_is_kept,
    no_password_is_kept,
    few_forms_are_kept_and_not_for_long,
];

async fn expire_sessions(portal: &Portal) {
    sqlx::query("UPDATE sessions SET expires_at = 1 + expires_at - 43201")
        .execute(&portal.pool)
        .await
        .unwrap();
}

/// Where a form leads that is sent as it was loaded.
async fn sent_late(browser: &mut Browser, path: &str, fields: &[(&str, &str)], token: &str) -> String {
    let all = [fields, &[("form_token", token)]].concat();
    let reply = browser.post_as_it_is(path, &all).await;
    assert_eq!(reply.status, 303, "{}", reply.body);
    reply.header("location").to_owned()
}

async fn a_form_whose_session_expired_is_kept_for_who_typed_it(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.company(EVE, "Mill").await;
    let token = ada.form_token().await;
    expire_sessions(&portal).await;
    // Not of a page of the session that ended.
    let foreign = portal.browser().form_token().await;
    assert_eq!(sent_late(&mut ada, "/team/invitations", &TYPED, &foreign).await, "/login");
    assert_eq!(portal.count("kept_forms").await, 0);
    let location = sent_late(&mut ada, "/team/invitations", &TYPED, &token).await;
    let kept = location.strip_prefix("/login?next=").unwrap().replace("%2F", "/");
    assert_eq!(portal.count("links").await, 0, "nothing was done");

    // Somebody else on the same computer does not see it.
    eve.reload();
    eve.log_in(EVE, PASSWORD).await;
    assert_eq!(eve.get(&kept).await.status, 404);
    ada.reload();
    let mut here = ada.clone();
    here.log_in(EVE, PASSWORD).await;
    assert_eq!(here.get(&kept).await.status, 404);

    let login = ada.get(&location).await;
    assert!(login.body.contains(&format!("name=\"next\" value=\"{kept}\"")), "{}", login.body);
    let next = [("email", ADA), ("password", PASSWORD), ("next", kept.as_str())];
    assert_eq!(ada.post("/login", &next).await.header("location"), kept);
    let page = ada.get(&kept).await.body;
    for part in ["action=\"/team/invitations\"", "colleague &#34;x&#34;@works.example", "value=\"owner\""] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let corrected = [("email", "colleague@works.example"), TYPED[1]];
    assert_eq!(ada.post("/team/invitations", &corrected).await.status, 200);
    assert_eq!(portal.count("links").await, 1);
}

async fn the_people_of_organisations_find_their_forms_after_the_passkey(portal: Portal) {
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    let token = bob.form_token().await;
    expire_sessions(&portal).await;
    let location = sent_late(&mut bob, "/admin/invitations", &TYPED, &token).await;
    let kept = location.strip_prefix("/login?next=").unwrap().replace("%2F", "/");
    bob.reload();
    bob.log_in(BOB, PASSWORD).await;
    let gate = bob.get(&kept).await;
    assert!(gate.header("location").starts_with("/passkey?next=%2Fkept%2F"), "{}", gate.status);
    bob.show_passkey().await;
    assert!(bob.get(&kept).await.body.contains("colleague"));
}

async fn a_form_of_before_another_login_is_kept(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let old = ada.form_token().await;
    ada.log_in(ADA, PASSWORD).await;
    let all = [&TYPED[..], &[("form_token", old.as_str())]].concat();
    // A browser that does not say where the form comes from, and one that says that it is another site's.
    for origin in [None, Some("https://elsewhere.example"), Some("null")] {
        let mut browser = ada.clone();
        browser.headers.extend(origin.map(|it| ("Origin".to_owned(), it.to_owned())));
        assert_eq!(browser.post_as_it_is("/team/invitations", &all).await.status, 403, "{origin:?}");
    }
    assert_eq!(portal.count("kept_forms").await, 0);
    ada.headers.push(("Origin".to_owned(), portal.base.to_string()));
    let kept = sent_late(&mut ada, "/team/invitations", &TYPED, &old).await;
    assert!(kept.starts_with("/kept/"), "{kept}");
    assert!(ada.get(&kept).await.body.contains("colleague"));
    assert_eq!(portal.count("links").await, 0);
}

async fn no_password_is_kept(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let token = ada.form_token().await;
    expire_sessions(&portal).await;
    let forms: [(&str, &[(&str, &str)]); 3] = [
        ("/account/password", &[("old", PASSWORD), ("new", "another battery, horse")]),
        ("/account/email", &[("email", "ada@elsewhere.example"), ("password", PASSWORD)]),
        ("/passkeys", &[("name", "A key"), ("credential", "{}"), ("next", "/")]),
    ];
    for (path, fields) in forms {
        assert_eq!(sent_late(&mut ada, path, fields, &token).await, "/login", "{path}");
    }
    assert_eq!(portal.count("kept_forms").await, 0);
}

async fn few_forms_are_kept_and_not_for_long(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let token = ada.form_token().await;
    expire_sessions(&portal).await;
    let mut newest = String::new();
    for _ in 0..8 {
        newest = sent_late(&mut ada, "/team/invitations", &TYPED, &token).await;
    }
    assert_eq!(portal.count("kept_forms").await, 5);
    let kept = newest.strip_prefix("/login?next=").unwrap().replace("%2F", "/");
    ada.reload();
    ada.log_in(ADA, PASSWORD).await;
    assert_eq!(ada.get(&kept).await.status, 200);
    sqlx::query("UPDATE kept_forms SET expires_at = expires_at - 3601").execute(&portal.pool).await.unwrap();
    assert_eq!(ada.get(&kept).await.status, 404);
    // A session that was ended is nobody's any more: what was typed stays in the browser.
    let token = ada.form_token().await;
    let mut late = ada.clone();
    ada.post("/logout", &[]).await;
    let all = [&TYPED[..], &[("form_token", token.as_str())]].concat();
    let shown = late.post_as_it_is("/team/invitations", &all).await;
    assert!(shown.status == 403 && shown.body.contains("colleague"), "{}", shown.body);
    assert_eq!(
        sent_late(&mut late, "/account/password", &[("old", PASSWORD), ("new", "x")], &token).await,
        "/login"
    );
    assert_eq!(portal.count("links").await, 0);
}
