//! People and access over real HTTP: the same cases on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, dead_code)]

#[macro_use]
mod harness;

use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

use harness::{Authenticator, Browser, PASSWORD, Portal, key_request};
use http::Method;
use portal::{Access, FORM_BYTES, REQUESTS, TRIES};

const ADA: &str = "ada@works.example";
const BOB: &str = "bob@body.example";
const EVE: &str = "eve@body.example";

cases![
    registration_and_login,
    a_password_is_recovered_once,
    an_address_is_changed_by_its_owner,
    known_and_unknown_addresses_look_the_same,
    a_session_is_never_one_that_a_browser_brings,
    sessions_are_ended_by_their_owner,
    forms_of_other_sites_are_refused,
    fields_that_a_form_does_not_have_are_refused,
    who_is_not_logged_in_is_led_to_the_login_and_back,
    who_came_from_the_login_comes_back_and_nowhere_else,
    administrators_pages_are_not_there_for_others,
    an_administrator_reaches_nobody_elses_people,
    roles_are_given_and_taken,
    the_last_administrator_stays,
    requests_are_limited,
    what_is_typed_is_shown_as_text,
    the_database_holds_no_secret,
    passkeys_are_made_named_used_and_removed,
    staff_do_nothing_before_showing_a_passkey,
    a_challenge_is_answered_once_where_it_was_asked_for,
    what_a_passkey_signed_elsewhere_is_refused,
    a_passkey_made_elsewhere_is_refused,
    a_passkey_is_of_one_account,
    a_session_that_ended_meanwhile_does_nothing,
    a_role_that_was_taken_meanwhile_invites_nobody,
    a_password_that_was_changed_meanwhile_lets_nobody_in,
    a_change_of_address_ends_with_the_password,
    a_removed_passkeys_sessions_end,
    an_invitation_ends_with_its_senders_role,
    a_companys_password_is_no_way_to_its_passkeys,
    a_portal_without_a_ledger_says_so,
    ledger_keys_wait_for_their_own_administrator,
    nothing_is_relayed_without_a_certified_key,
];

async fn ledger_keys_wait_for_their_own_administrator(portal: Portal) {
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    let mut eve = portal.colleague(&mut bob, EVE, "evaluator").await;
    let mut plain = portal.colleague(&mut bob, "plain@body.example", "").await;
    let mut stranger = portal.administrator("lin@lab.example", "LabMSP").await;
    let request = key_request();
    assert_eq!(plain.post("/key", &[("request", &request)]).await.status, 422, "without a role");
    for wrong in ["", "x", &request.replace('A', "B")] {
        assert_eq!(eve.post("/key", &[("request", wrong)]).await.status, 422, "{wrong}");
    }
    assert_eq!(portal.count("ledger_keys").await, 0);
    assert_eq!(eve.post("/key", &[("request", &request)]).await.status, 303);
    assert!(eve.get("/key").await.body.contains("waits for your administrator"));
    assert_eq!(eve.post("/key", &[("request", &request)]).await.status, 422, "a key is requested once");

    let page = bob.get("/admin/keys").await.body;
    let (id, _) = page.split_once("/admin/keys/").unwrap().1.split_at(32);
    let (pseudonym,): (String,) =
        sqlx::query_as("SELECT pseudonym FROM pseudonyms").fetch_one(&portal.pool).await.unwrap();
    let command = format!("--org Body --role evaluator --person {pseudonym}");
    assert!(page.contains(EVE) && page.contains(&command), "{page}");
    assert_eq!(bob.get(&format!("/admin/keys/{id}/request")).await.body, request);
    assert!(!stranger.get("/admin/keys").await.body.contains(EVE));
    assert_eq!(stranger.get(&format!("/admin/keys/{id}/request")).await.status, 404);
    assert_eq!(stranger.get(&format!("/admin/keys/{id}/certificate")).await.status, 404);
    let certificate = format!("/admin/keys/{id}/certificate");
    assert_eq!(stranger.post(&certificate, &[("certificate", "x")]).await.status, 404);
    assert_eq!(stranger.post(&format!("/admin/keys/{id}/end"), &[]).await.status, 404);
    assert_eq!(stranger.post(&format!("/key/{id}/lost"), &[]).await.status, 404);
    assert_eq!(bob.post(&format!("/key/{id}/lost"), &[]).await.status, 404, "it is not Bob's own");
    let refused = bob.post(&certificate, &[("certificate", "x")]).await;
    assert!(refused.status == 422 && refused.body.contains("does not reach the ledger"), "{}", refused.body);

    // A later request takes the place of one that waits, under the same pseudonym.
    assert_eq!(eve.post("/key", &[("request", &key_request())]).await.status, 303);
    assert_eq!(bob.post(&certificate, &[("certificate", "x")]).await.status, 404, "it was replaced");
    let page = bob.get("/admin/keys").await.body;
    let (id, _) = page.split_once("/admin/keys/").unwrap().1.split_at(32);
    assert!(page.contains(&command) && portal.count("pseudonyms").await == 1, "{page}");
    assert_eq!(bob.post(&format!("/admin/keys/{id}/end"), &[]).await.status, 303);
    assert!(eve.get("/key").await.body.contains("refused by your administrator"));
    assert_eq!(bob.post(&format!("/admin/keys/{id}/end"), &[]).await.status, 404, "it has ended");
}

async fn nothing_is_relayed_without_a_certified_key(portal: Portal) {
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    let mut eve = portal.colleague(&mut bob, EVE, "evaluator").await;
    eve.post("/key", &[("request", &key_request())]).await;
    let act = "0123456789abcdef0123456789abcdef";
    let arguments = "WyJhcHBsaWNhdGlvbjphY2NlcHQiLCJYIl0=";
    let begun = [("act", act), ("chaincode", "nanotrace-registry"), ("arguments", arguments)];
    let answer = eve.post("/acts", &begun).await;
    assert_eq!((answer.status, answer.header("content-type")), (403, "application/json"), "{}", answer.body);
    for step in ["proposal", "transaction", "status"] {
        let answer = eve.post(&format!("/acts/{act}/{step}"), &[("signature", "MAA=")]).await;
        assert_eq!(answer.status, 409, "{step}: {}", answer.body);
    }
    for (name, chaincode, arguments) in
        [("x", "nanotrace", arguments), (act, "nanotrace", "W10="), (act, "", "e30=")]
    {
        let fields = [("act", name), ("chaincode", chaincode), ("arguments", arguments)];
        assert_eq!(eve.post("/acts", &fields).await.status, 400, "{fields:?}");
    }
    assert_eq!(portal.count("acts").await, 0);
}

async fn a_portal_without_a_ledger_says_so(portal: Portal) {
    let mut bob = portal.administrator(BOB, "CertBodyMSP").await;
    let page = bob.get("/ledger").await;
    assert!(page.status == 200 && page.body.contains("started without a ledger"), "{}", page.body);
    let key = "/registry/entry?organisation=CertBodyMSP&key=z6Mk";
    let page = bob.get(key).await;
    assert!(page.status == 503 && page.body.contains("gave no answer"), "{}", page.body);
    let mut ada = portal.company(ADA, "Works").await;
    for path in ["/ledger", "/registry", key] {
        assert_eq!(ada.get(path).await.status, 404, "{path}");
    }
}

async fn registration_and_login(portal: Portal) {
    let mut ada = portal.browser();
    let fields = [("email", " Ada@Works.example "), ("name", "Ada Lovelace"), ("company", "Works")];
    let asked = ada.post("/register", &fields).await;
    assert_eq!(asked.status, 200, "{}", asked.body);
    assert_eq!(portal.count("accounts").await, 0, "an account before its address is proven");
    let link = portal.link(ADA, "/join").await;
    let token = link.split_once('=').unwrap().1;
    let page = ada.get(&link).await;
    assert!(page.body.contains("Ada Lovelace"), "{}", page.body);
    for password in ["short", "qwertyuiop12", "Ada Lovelace 1843"] {
        let fields = [("token", token), ("name", "Ada Lovelace"), ("password", password)];
        let refused = ada.post("/join", &fields).await;
        assert_eq!(refused.status, 422, "{password}");
    }
    ada.join(&link).await;
    assert!(ada.get("/account").await.body.contains("Works"));
    assert_eq!(ada.get(&link).await.status, 410, "a link works once");
    let again = [("token", token), ("name", "Ada Lovelace"), ("password", PASSWORD)];
    assert_eq!(ada.post("/join", &again).await.status, 410);

    let mut copy = ada.clone();
    assert_eq!(ada.post("/logout", &[]).await.status, 303);
    let led = copy.get("/account").await;
    assert_eq!(
        (led.status, led.header("location")),
        (303, "/login?next=%2Faccount"),
        "a session after its end"
    );
    assert_eq!(ada.log_in(ADA, "correct battery, house").await.status, 422);
    assert_eq!(ada.log_in("ADA@works.example", PASSWORD).await.header("location"), "/account");
    assert_eq!(ada.get("/account").await.status, 200);
}

async fn a_password_is_recovered_once(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut other = portal.browser();
    other.post("/recover", &[("email", ADA)]).await;
    let link = portal.link(ADA, "/reset").await;
    let token = link.split_once('=').unwrap().1;
    assert_eq!(other.get(&link).await.status, 200);
    assert_eq!(other.post("/reset", &[("token", token), ("password", "password1234")]).await.status, 422);
    let new = "another battery, another horse";
    assert_eq!(other.post("/reset", &[("token", token), ("password", new)]).await.status, 200);
    assert_eq!(other.post("/reset", &[("token", token), ("password", PASSWORD)]).await.status, 410);
    assert_eq!(ada.get("/account").await.status, 303, "sessions end with the password");
    assert_eq!(ada.log_in(ADA, PASSWORD).await.status, 422);
    assert_eq!(ada.log_in(ADA, new).await.status, 303);
    // A link of one kind is none of another.
    other.post("/recover", &[("email", ADA)]).await;
    let token = portal.link(ADA, "/reset").await.replace("/reset?token=", "");
    assert_eq!(other.get(&format!("/join?token={token}")).await.status, 410);
    assert_eq!(other.post("/confirm", &[("token", &token)]).await.status, 410);
    assert_eq!(other.get(&format!("/reset?token={}", "0".repeat(64))).await.status, 410);
}

async fn an_address_is_changed_by_its_owner(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    portal.company("taken@works.example", "Others").await;
    let new = "lovelace@works.example";
    let refused = ada.post("/account/email", &[("email", new), ("password", "correct battery, house")]).await;
    assert_eq!(refused.status, 422);
    let asked = ada.post("/account/email", &[("email", new), ("password", PASSWORD)]).await;
    let taken = ada.post("/account/email", &[("email", "taken@works.example"), ("password", PASSWORD)]).await;
    assert_eq!(asked.text(), taken.text(), "it tells who has an account");
    assert!(
        ada.get("/account").await.body.contains(ADA),
        "the old address stays until the new one is proven"
    );
    let link = portal.link(new, "/confirm").await;
    let token = link.split_once('=').unwrap().1;
    assert_eq!(portal.browser().get(&link).await.status, 200);
    assert_eq!(ada.post("/confirm", &[("token", token)]).await.status, 200);
    assert_eq!(ada.post("/confirm", &[("token", token)]).await.status, 410);
    portal.mail(ADA, new).await;
    let mut browser = portal.browser();
    assert_eq!(browser.log_in(ADA, PASSWORD).await.status, 422);
    assert_eq!(browser.log_in(new, PASSWORD).await.status, 303);
}

async fn known_and_unknown_addresses_look_the_same(portal: Portal) {
    portal.company(ADA, "Works").await;
    let nobody = "abc@works.example";
    let mut browser = portal.browser();
    for page in ["/register", "/recover", "/login"] {
        let mut replies = Vec::new();
        for email in [ADA, nobody] {
            let fields: &[(&str, &str)] = match page {
                "/register" => &[("email", email), ("name", "N"), ("company", "C")],
                "/recover" => &[("email", email)],
                _ => &[("email", email), ("password", "correct battery, house"), ("next", "/")],
            };
            let reply = browser.post(page, fields).await;
            replies.push((reply.status, reply.text().replace(email, "…"), reply.headers.len()));
        }
        assert_eq!(replies[0], replies[1], "{page}");
    }
    // The fastest of some tries: other work of this machine only adds to it.
    portal.company(EVE, "Others").await;
    let mut fastest = [Duration::MAX; 2];
    for _ in 0..TRIES - 1 {
        for (at, email) in [EVE, "xyz@works.example"].into_iter().enumerate() {
            let begun = Instant::now();
            let reply = browser.log_in(email, "correct battery, house").await;
            fastest[at] = fastest[at].min(begun.elapsed());
            assert!(reply.status == 422 && !reply.body.contains("too often"), "{}", reply.body);
        }
    }
    let [known, unknown] = fastest;
    assert!(known < unknown * 2 && unknown < known * 2, "known {known:?}, unknown {unknown:?}");
}

async fn a_session_is_never_one_that_a_browser_brings(portal: Portal) {
    portal.company(ADA, "Works").await;
    let mut browser = portal.browser();
    let planted = "ab".repeat(32);
    browser.cookies.insert("nanotrace-session".to_owned(), planted.clone());
    assert_eq!(browser.get("/account").await.status, 303);
    assert_eq!(browser.log_in(ADA, PASSWORD).await.status, 303);
    let first = browser.session().unwrap().clone();
    assert_ne!(first, planted);
    // A second login in the same browser: another session, and the first is over.
    assert_eq!(browser.log_in(ADA, PASSWORD).await.status, 303);
    assert_ne!(browser.session().unwrap(), &first);
    let mut old = portal.browser();
    old.cookies.insert("nanotrace-session".to_owned(), first);
    assert_eq!(old.get("/account").await.status, 303);
    old.cookies.insert("nanotrace-session".to_owned(), planted);
    assert_eq!(old.get("/account").await.status, 303);
}

async fn sessions_are_ended_by_their_owner(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.company(EVE, "Others").await;
    let mut phone = portal.browser();
    phone.headers.push(("User-Agent".to_owned(), "A telephone".to_owned()));
    phone.log_in(ADA, PASSWORD).await;
    let page = ada.get("/account").await.body;
    assert_eq!(page.matches("Another browser").count(), 1);
    let (_, rest) = page.split_once("A telephone").unwrap();
    let (_, rest) = rest.split_once("name=\"session\" value=\"").unwrap();
    let session = &rest[..32];
    assert_eq!(eve.post("/account/sessions/end", &[("session", session)]).await.status, 404);
    assert_eq!(phone.get("/account").await.status, 200);
    assert_eq!(ada.post("/account/sessions/end", &[("session", session)]).await.status, 303);
    assert_eq!(phone.get("/account").await.status, 303);
    // Another password ends the other sessions, not this one.
    phone.log_in(ADA, PASSWORD).await;
    let new = "another battery, another horse";
    assert_eq!(ada.post("/account/password", &[("old", "wrong"), ("new", new)]).await.status, 422);
    assert_eq!(ada.post("/account/password", &[("old", PASSWORD), ("new", new)]).await.status, 200);
    assert_eq!(phone.get("/account").await.status, 303);
    assert_eq!(ada.get("/account").await.status, 200);
}

/// The address of a route, with somebody in it.
fn path_of(path: &str, person: &str) -> String {
    let parts = path.split('/').map(|part| if part.starts_with('{') { person } else { part });
    parts.collect::<Vec<_>>().join("/")
}

async fn forms_of_other_sites_are_refused(portal: Portal) {
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    let id = portal.id(BOB).await;
    let right = bob.form_token().await;
    let foreign = portal.browser().form_token().await;
    // What programs send is no form: `programs_are_told_what_is_wrong`.
    let posts = portal::routes()
        .into_iter()
        .filter(|route| route.method == Method::POST && !route.access.is_for_programs())
        .collect::<Vec<_>>();
    assert!(posts.len() >= 16);
    // An account may ask a hundred times in a minute.
    for (number, posts) in posts.chunks(20).enumerate() {
        let mut ada = portal.company(&format!("ada-{number}@works.example"), "Works").await;
        let adas = ada.form_token().await;
        let mut bob = portal.administrator(&format!("bob-{number}@body.example"), "BodyMSP").await;
        let right = bob.form_token().await;
        let entries = portal.count("audit").await;
        for route in posts {
            let path = path_of(route.path, &id);
            let (browser, right) = match route.access {
                Access::Company | Access::Applicant | Access::Owner => (&mut ada, &adas),
                _ => (&mut bob, &right),
            };
            let tokens: [&[(&str, &str)]; 4] = [
                &[],
                &[("form_token", "")],
                &[("form_token", &foreign)],
                &[("form_token", right), ("form_token", &foreign)],
            ];
            for fields in tokens {
                assert_eq!(browser.post_as_it_is(&path, fields).await.status, 403, "{path} {fields:?}");
            }
        }
        assert_eq!(portal.count("audit").await, entries, "something was done");
    }
    let entries = portal.count("audit").await;
    // The token is right, but the browser says that the form is another site's.
    for header in
        [("Origin", "https://elsewhere.example"), ("Origin", "null"), ("Sec-Fetch-Site", "same-site")]
    {
        let mut tricked = bob.clone();
        tricked.headers.push((header.0.to_owned(), header.1.to_owned()));
        let fields = [("form_token", right.as_str())];
        assert_eq!(tricked.post_as_it_is("/logout", &fields).await.status, 403, "{header:?}");
    }
    assert_eq!(portal.count("audit").await, entries, "something was done");
    let mut own = bob.clone();
    own.headers.push(("Origin".to_owned(), portal.base.to_string()));
    own.headers.push(("Sec-Fetch-Site".to_owned(), "same-origin".to_owned()));
    assert_eq!(own.post_as_it_is("/logout", &[("form_token", &right)]).await.status, 303);
}

async fn fields_that_a_form_does_not_have_are_refused(portal: Portal) {
    let mut ada = portal.browser();
    let registration = [("email", ADA), ("name", "Ada"), ("company", "Works")];
    for extra in [("role", "administrator"), ("is_admin", "true"), ("party", "BodyMSP"), ("email", BOB)] {
        let fields = [registration.as_slice(), &[extra]].concat();
        assert_eq!(ada.post("/register", &fields).await.status, 400, "{extra:?}");
    }
    assert_eq!(portal.count("links").await, 0);
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    bob.post("/admin/invitations", &[("email", EVE), ("role", "reviewer")]).await;
    let token = portal.link(EVE, "/join").await.replace("/join?token=", "");
    let joining = [("token", token.as_str()), ("name", "Eve"), ("password", PASSWORD)];
    for extra in [("role", "administrator"), ("email", ADA), ("party", "OtherMSP"), ("company", "Works")] {
        let fields = [joining.as_slice(), &[extra]].concat();
        assert_eq!(portal.browser().post("/join", &fields).await.status, 400, "{extra:?}");
    }
    assert_eq!(portal.count("accounts").await, 1);
}

/// What a route answers to a page that is asked for, or to a form without fields.
async fn answer(browser: &mut Browser, method: &Method, path: &str) -> (u16, String, String) {
    let reply = match *method {
        Method::GET => browser.get(path).await,
        _ => browser.post(path, &[]).await,
    };
    (reply.status, reply.header("location").to_owned(), reply.text())
}

async fn administrators_pages_are_not_there_for_others(portal: Portal) {
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    let mut ada = portal.company(ADA, "Works").await;
    let id = portal.id(BOB).await;
    let (_, _, nothing) = answer(&mut ada, &Method::GET, "/there/is/no/such/page").await;
    let mut table = String::new();
    // An account may ask a hundred times in a minute. Every role is in `docs/portal-access.md` (tests/access.rs).
    for (number, routes) in portal::routes().chunks(40).enumerate() {
        let mut eve = portal.colleague(&mut bob, &format!("eve-{number}@body.example"), "reviewer").await;
        let mut plain = portal.colleague(&mut bob, &format!("plain-{number}@body.example"), "").await;
        let mut colleague =
            portal.colleague(&mut ada, &format!("colleague-{number}@works.example"), "member").await;
        for route in routes {
            let path = path_of(route.path, &id);
            table += &format!("{} {} {:?}:", route.method, route.path, route.access);
            let people = [("reviewer", &mut eve), ("staff", &mut plain), ("of a company", &mut colleague)];
            for (name, browser) in people {
                if ["/logout", "/team/leave"].contains(&route.path) {
                    continue;
                }
                let (status, _, text) = answer(browser, &route.method, &path).await;
                table += &format!(", {name} {status}");
                match route.access {
                    Access::Client => assert!(status == 415, "{table}"),
                    Access::Bearer => assert!(status == 401, "a cookie opens nothing to programs: {table}"),
                    _ => {}
                }
                let is_for = match route.access {
                    Access::Administrator | Access::AdministratorOrOwner => false,
                    Access::Staff => name != "of a company",
                    Access::Company | Access::Applicant | Access::Owner => name == "of a company",
                    _ => true,
                };
                // What an id names is not there for who may not see it.
                let may_miss = route.method == Method::POST || path != route.path;
                match is_for {
                    true if route.access == Access::Owner => assert_eq!(status, 403, "{table}"),
                    true => assert!((status != 404 || may_miss) && status != 429, "{table}"),
                    false => assert!(status == 404 && text == nothing, "{table}"),
                }
            }
            table.push('\n');
        }
    }
    println!("{table}");
    // A page that is only sent to is not there to be asked for, for nobody.
    assert_eq!(answer(&mut bob, &Method::GET, "/admin/invitations").await.0, 404);
    for page in ["/admin/people", "/admin/audit", "/admin/audit/export"] {
        assert_eq!(answer(&mut bob, &Method::GET, page).await.0, 200, "{page}");
        let of_owner = if page == "/admin/people" { 404 } else { 200 };
        assert_eq!(answer(&mut ada, &Method::GET, page).await.0, of_owner, "{page}");
    }
}

/// Every route, by somebody who is not logged in.
async fn who_is_not_logged_in_is_led_to_the_login_and_back(portal: Portal) {
    let mut table = String::new();
    // An address may ask a hundred times in a minute.
    for (number, routes) in (2..).zip(portal::routes().chunks(40)) {
        let mut stranger = portal.browser();
        stranger.from = Ipv4Addr::new(127, 0, 0, number);
        for route in routes {
            let (status, location, _) =
                answer(&mut stranger, &route.method, &path_of(route.path, "nobody")).await;
            table += &format!("{} {} {:?}: stranger {status}\n", route.method, route.path, route.access);
            match route.access {
                Access::Everybody => assert!(!location.starts_with("/login") && status != 429, "{table}"),
                Access::Client => assert!(status == 415 && location.is_empty(), "{table}"),
                Access::Bearer => assert!(status == 401 && location.is_empty(), "{table}"),
                _ => assert!(status == 303 && location.starts_with("/login"), "{table}"),
            }
        }
    }
    println!("{table}");
}

async fn who_came_from_the_login_comes_back_and_nowhere_else(portal: Portal) {
    portal.administrator(BOB, "BodyMSP").await;
    let mut late = portal.browser();
    let location = late.get("/admin/audit?search=login").await.header("location").to_owned();
    assert_eq!(location, "/login?next=%2Fadmin%2Faudit%3Fsearch%3Dlogin");
    assert!(late.get(&location).await.body.contains("value=\"/admin/audit?search=login\""));
    for next in ["https://elsewhere.example/", "//elsewhere.example"] {
        let fields = [("email", BOB), ("password", PASSWORD), ("next", next)];
        assert_eq!(late.post("/login", &fields).await.header("location"), "/", "{next}");
    }
}

async fn an_administrator_reaches_nobody_elses_people(portal: Portal) {
    let mut ada = portal.company(ADA, "Same name").await;
    let mut eve = portal.company(EVE, "Same name").await;
    let theirs = portal.id(EVE).await;
    let routes = portal::routes().into_iter().filter(|route| route.path.contains("{person}"));
    let routes = routes.collect::<Vec<_>>();
    assert_eq!(routes.len(), 2);
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    portal.administrator("lin@lab.example", "LabMSP").await;
    let lins = portal.id("lin@lab.example").await;
    for step in ["grant", "revoke", "disable", "enable", "forget-passkeys", "delete"] {
        for person in [lins.as_str(), theirs.as_str(), "nobody"] {
            let fields = [("step", step), ("role", "administrator")];
            let path = format!("/admin/people/{person}");
            assert_eq!(bob.post(&path, &fields).await.status, 404, "{step} {person}");
        }
    }
    for fields in [
        [("step", "role"), ("role", "reader")],
        [("step", "remove"), ("role", "")],
        [("step", "hand-over"), ("role", "")],
    ] {
        for person in [theirs.as_str(), "nobody"] {
            let path = format!("/team/people/{person}");
            assert_eq!(ada.post(&path, &fields).await.status, 404, "{fields:?} {person}");
        }
    }
    assert!(
        !ada.get("/team").await.body.contains(EVE) && !bob.get("/admin/people").await.body.contains("lin@")
    );
    for (page, own) in [("/admin/audit", ADA.to_owned()), ("/admin/audit/export", portal.id(ADA).await)] {
        let mine = ada.get(page).await.body;
        assert!(mine.contains(&own) && !mine.contains(&theirs) && !mine.contains(EVE), "{page}");
    }
    let search = ada.get("/admin/audit?search=ada%40works.example").await.body;
    assert!(search.contains("account made") && !search.contains("<p>None.</p>"));
    assert_eq!(eve.get("/team").await.status, 200);
}

async fn roles_are_given_and_taken(portal: Portal) {
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    let mut eve = portal.colleague(&mut bob, EVE, "reviewer").await;
    let id = portal.id(EVE).await;
    assert!(eve.get("/account").await.body.contains("reviewer"));
    let them = format!("/admin/people/{id}");
    for (step, role) in [("grant", "evaluator"), ("grant", "administrator"), ("revoke", "reviewer")] {
        assert_eq!(bob.post(&them, &[("step", step), ("role", role)]).await.status, 303, "{step} {role}");
    }
    assert_eq!(eve.get("/admin/people").await.status, 200);
    let page = eve.get("/account").await.body;
    assert!(page.contains("administrator, evaluator") && !page.contains("reviewer"), "{page}");
    for role in ["root", "", "service", "applicant"] {
        assert_eq!(bob.post(&them, &[("step", "grant"), ("role", role)]).await.status, 404, "{role}");
    }
    assert_eq!(bob.post(&them, &[("step", "revoke"), ("role", "administrator")]).await.status, 303);
    assert_eq!(eve.get("/admin/people").await.status, 404, "a role ends at once");
    assert_eq!(bob.post(&them, &[("step", "disable")]).await.status, 303);
    assert_eq!(eve.get("/account").await.status, 303, "a session ends with its account");
    assert_eq!(eve.log_in(EVE, PASSWORD).await.status, 422);
    assert_eq!(bob.post(&them, &[("step", "enable")]).await.status, 303);
    assert_eq!(eve.log_in(EVE, PASSWORD).await.status, 303);
    // A company's people have no duties on the ledger.
    let mut ada = portal.company(ADA, "Works").await;
    let own = format!("/team/people/{}", portal.id(ADA).await);
    for role in ["decision-maker", "administrator", ""] {
        assert_eq!(ada.post(&own, &[("step", "role"), ("role", role)]).await.status, 404, "{role}");
    }
    let log = bob.get("/admin/audit?search=role").await.body;
    assert!(log.contains("role given") && log.contains("role taken") && !log.contains("account disabled"));
}

async fn the_last_administrator_stays(portal: Portal) {
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    let own = portal.id(BOB).await;
    let role = [("step", "revoke"), ("role", "administrator")];
    let of_bob = format!("/admin/people/{own}");
    assert_eq!(bob.post(&of_bob, &role).await.status, 409);
    assert_eq!(bob.post(&of_bob, &[("step", "disable")]).await.status, 409);
    assert_eq!(bob.get("/admin/people").await.status, 200);
    // One of two may go; who is disabled does not count.
    let mut eve = portal.colleague(&mut bob, EVE, "administrator").await;
    let theirs = portal.id(EVE).await;
    let of_eve = format!("/admin/people/{theirs}");
    bob.post(&of_eve, &[("step", "disable")]).await;
    assert_eq!(bob.post(&of_bob, &role).await.status, 409);
    bob.post(&of_eve, &[("step", "enable")]).await;
    eve.show_passkey().await;
    // Both demote each other at once: one of them remains, every time.
    bob.form_token().await;
    eve.form_token().await;
    let (first, second) = tokio::join!(bob.post(&of_eve, &role), eve.post(&of_bob, &role));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 404]);
    assert_eq!(portal.count("roles WHERE role = 'administrator'").await, 1);
}

async fn requests_are_limited(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut statuses = Vec::new();
    for _ in 0..=2 * REQUESTS {
        let reply = ada.get("/account").await;
        assert_eq!(reply.header("ratelimit-limit"), REQUESTS.to_string());
        let reset: u32 = reply.header("ratelimit-reset").parse().unwrap();
        assert!((1..=60).contains(&reset));
        if reply.status == 429 {
            assert_eq!(reply.header("retry-after"), reset.to_string());
            assert_eq!(reply.header("ratelimit-remaining"), "0");
        }
        statuses.push(reply.status);
    }
    assert!(statuses.contains(&429));
    // Others are not held up by it.
    let mut other = portal.browser();
    assert_eq!(other.get("/login").await.status, 200);
    // Whoever tries passwords is stopped before it gets far, also where there is no account.
    let mut texts = Vec::new();
    // More than twice as many, as a minute may end meanwhile.
    for _ in 0..=2 * TRIES {
        texts.push(other.log_in("nobody@works.example", "correct battery, house").await.body);
    }
    assert!(texts.iter().any(|text| text.contains("tried too often")));
    let large = "a".repeat(FORM_BYTES);
    assert_eq!(other.post("/login", &[("email", &large)]).await.status, 413);
}

async fn what_is_typed_is_shown_as_text(portal: Portal) {
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    bob.post("/admin/invitations", &[("email", "=1+1@body.example"), ("role", "")]).await;
    let token = portal.link("=1+1@body.example", "/join").await.replace("/join?token=", "");
    let mut odd = portal.browser();
    for name in ["a\u{202e}b", "", "a\u{0}"] {
        let fields = [("token", token.as_str()), ("name", name), ("password", PASSWORD)];
        assert_eq!(odd.post("/join", &fields).await.status, 422, "{name:?}");
    }
    let name = "<script>alert(1)</script> Þórdís 李明 {{ 7 * 7 }}";
    let fields = [("token", token.as_str()), ("name", name), ("password", PASSWORD)];
    assert_eq!(odd.post("/join", &fields).await.status, 303);
    assert_eq!(odd.make_passkey("A key").await.status, 303);
    for page in [odd.get("/account").await, bob.get("/admin/people").await] {
        assert!(
            !page.body.contains("<script>") && page.body.contains("Þórdís 李明 {{ 7 * 7 }}"),
            "{}",
            page.body
        );
        let policy = page.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(
            (page.header("x-content-type-options"), page.header("cache-control")),
            ("nosniff", "no-store")
        );
        assert!(!page.body.contains("style=") && !page.body.contains("onclick"));
    }
    assert!(
        bob.get("/admin/audit/export").await.body.contains(",'=1+1@body.example,"),
        "a formula in a table"
    );
    for search in ["%25", "_", "\\", "'; DROP TABLE audit; --"] {
        let search: String = url::form_urlencoded::byte_serialize(search.as_bytes()).collect();
        assert!(
            bob.get(&format!("/admin/audit?search={search}")).await.body.contains("<p>None.</p>"),
            "{search}"
        );
    }
    // An address cannot bring further lines into a mail.
    let fields = [("email", "a@b.example\r\nBcc: c@d.example"), ("name", "N"), ("company", "C")];
    assert_eq!(odd.post("/register", &fields).await.status, 422);
}

async fn the_database_holds_no_secret(portal: Portal) {
    let bob = portal.administrator(BOB, "BodyMSP").await;
    let mut ada = portal.company(ADA, "Works").await;
    ada.post("/recover", &[("email", ADA)]).await;
    let token = portal.link(ADA, "/reset").await.replace("/reset?token=", "");
    // Mails leave a moment before they are marked as sent.
    let until = Instant::now() + Duration::from_secs(10);
    while portal.count("outbox WHERE due_at IS NOT NULL").await > 0 {
        assert!(Instant::now() < until, "mails are not sent");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let secrets =
        [PASSWORD.to_owned(), token, bob.session().unwrap().clone(), ada.session().unwrap().clone()];
    let columns: [&'static str; 5] = [
        "SELECT secret || coalesce(account, '') FROM links",
        "SELECT secret || id || browser FROM sessions",
        "SELECT password || id FROM accounts",
        "SELECT subject || body FROM outbox",
        "SELECT actor || object || hash FROM audit",
    ];
    for statement in columns {
        let rows: Vec<(String,)> = sqlx::query_as(statement).fetch_all(&portal.pool).await.unwrap();
        assert!(!rows.is_empty(), "{statement}");
        let leaks = |text: &String| secrets.iter().any(|secret| text.contains(secret));
        assert!(!rows.iter().any(|(text,)| leaks(text)), "{statement}");
    }
}

async fn passkeys_are_made_named_used_and_removed(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    assert_eq!(ada.make_passkey("Work <laptop>").await.header("location"), "/account");
    portal.mail(ADA, "A passkey was added").await;
    let page = ada.get("/account").await.body;
    assert!(page.contains("<h3>Work &#60;laptop&#62;</h3>") && !page.contains("last used"), "{page}");
    let (_, rest) = page.split_once("action=\"/passkeys/").unwrap();
    let own = format!("/passkeys/{}", &rest[..32]);
    assert_eq!(ada.post(&format!("{own}/name"), &[("name", "")]).await.status, 422);
    assert_eq!(ada.post(&format!("{own}/name"), &[("name", "A stick")]).await.status, 303);
    ada.post("/logout", &[]).await;
    let shown = ada.show_passkey().await;
    assert_eq!((shown.status, shown.header("location")), (303, "/account"), "{}", shown.body);
    let page = ada.get("/account").await.body;
    assert!(page.contains("<h3>A stick</h3>") && page.contains("last used"), "{page}");
    // Others do not reach it.
    let mut eve = portal.company(EVE, "Others").await;
    assert_eq!(eve.post(&format!("{own}/name"), &[("name", "Mine")]).await.status, 404);
    assert_eq!(eve.post(&format!("{own}/remove"), &[]).await.status, 404);
    assert_eq!(ada.post(&format!("{own}/remove"), &[]).await.status, 303);
    portal.mail(ADA, "A passkey was removed").await;
    ada.post("/logout", &[]).await;
    let gone = ada.show_passkey().await;
    assert!(gone.status == 422 && gone.body.contains("was not accepted"), "{}", gone.body);
    let policy = gone.header("content-security-policy").to_owned();
    assert!(
        policy.ends_with("script-src 'self'; connect-src 'self'") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert!(!ada.get("/").await.header("content-security-policy").contains("script-src"));
    assert_eq!(portal.count("passkeys").await, 0);
    assert_eq!(portal.count("challenges").await, 0);
}

async fn staff_do_nothing_before_showing_a_passkey(portal: Portal) {
    let bob = portal.administrator(BOB, "BodyMSP").await;
    let link = portal::invite_administrator(&portal.database, &portal.base, "BodyMSP", EVE).await.unwrap();
    let link = link.strip_prefix(&portal.base.to_string()).unwrap().to_owned();
    let mut eve = portal.browser();
    let fields = [("token", link.split_once('=').unwrap().1), ("name", "Eve"), ("password", PASSWORD)];
    assert_eq!(eve.post("/join", &fields).await.status, 303);
    let mut late = portal.browser();
    late.log_in(BOB, PASSWORD).await;
    let id = portal.id(BOB).await;
    let entries = portal.count("audit").await;
    let barred = portal::routes()
        .into_iter()
        .filter(|route| !matches!(route.access, Access::Everybody | Access::Login))
        .filter(|route| !route.access.is_for_programs())
        .filter(|route| !matches!(route.access, Access::Company | Access::Applicant | Access::Owner));
    for route in barred.collect::<Vec<_>>() {
        for browser in [&mut eve, &mut late] {
            let path = path_of(route.path, &id);
            let (status, location, _) = answer(browser, &route.method, &path).await;
            assert!(status == 303 && location.starts_with("/passkey"), "{path}: {status} {location}");
        }
    }
    assert_eq!(portal.count("audit").await, entries, "something was done");
    assert_eq!(eve.get("/").await.header("location"), "/passkey");
    assert!(eve.get("/passkey").await.body.contains("Make a passkey"));
    // Who has a passkey already shows it: a password makes no second one.
    assert!(late.get("/passkey").await.body.contains("Show your passkey"));
    assert_eq!(late.post("/passkeys/challenge", &[]).await.status, 404);
    late.authenticator = bob.authenticator.clone();
    assert_eq!(late.show_passkey().await.status, 303);
    assert_eq!(late.get("/admin/people").await.status, 200);
    let before = eve.session().unwrap().clone();
    assert_eq!(eve.make_passkey("Eve's").await.header("location"), "/account");
    assert_ne!(eve.session().unwrap(), &before, "the session is another one");
    assert_eq!(eve.get("/admin/people").await.status, 200);
    // The only one stays.
    let page = eve.get("/account").await.body;
    let (_, rest) = page.split_once("action=\"/passkeys/").unwrap();
    let own = format!("/passkeys/{}/remove", &rest[..32]);
    let refused = eve.post(&own, &[]).await;
    assert!(refused.status == 422 && refused.body.contains("your only passkey"), "{}", refused.body);
    assert_eq!(eve.make_passkey("Another").await.status, 303);
    assert_eq!(eve.post(&own, &[]).await.status, 303);
    // Bob lost his: a colleague removes it, and he makes another one.
    let them = format!("/admin/people/{id}");
    assert_eq!(eve.post(&them, &[("step", "forget-passkeys")]).await.status, 303);
    portal.mail(BOB, "Your passkeys were removed").await;
    assert_eq!(late.get("/admin/people").await.header("location"), "/login?next=%2Fadmin%2Fpeople");
    let mut late = portal.browser();
    late.authenticator = bob.authenticator.clone();
    assert_eq!(late.show_passkey().await.status, 422);
    assert_eq!(late.log_in(BOB, PASSWORD).await.status, 303);
    assert_eq!(late.make_passkey("A new one").await.status, 303);
    assert_eq!(late.get("/admin/people").await.status, 200);
}

async fn a_challenge_is_answered_once_where_it_was_asked_for(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    ada.make_passkey("One").await;
    ada.post("/logout", &[]).await;
    let (options, challenge) = ada.challenge("/login/passkey/challenge").await;
    let signed = ada.authenticator.get(&options);
    // Another browser brings it.
    let mut other = portal.browser();
    assert_eq!(other.send_login(&signed).await.status, 422);
    assert_eq!(ada.send_login(&signed).await.status, 303);
    assert_eq!(ada.send_login(&signed).await.status, 422, "replayed");
    ada.post("/logout", &[]).await;
    ada.authenticator.keys.last_mut().unwrap().counter += 1;
    let again = ada.authenticator.assertion(&challenge);
    assert_eq!(ada.send_login(&again).await.status, 422, "signed anew");
    // A wrong answer ends it as well.
    let (options, challenge) = ada.challenge("/login/passkey/challenge").await;
    ada.authenticator.signs_wrong = true;
    let wrong = ada.authenticator.get(&options);
    ada.authenticator.signs_wrong = false;
    assert_eq!(ada.send_login(&wrong).await.status, 422);
    let right = ada.authenticator.assertion(&challenge);
    assert_eq!(ada.send_login(&right).await.status, 422);
    // One that nobody asked for, and one that was asked for too long ago.
    let invented = ada.authenticator.assertion("AAAAAAAAAAAAAAAAAAAAAA");
    assert_eq!(ada.send_login(&invented).await.status, 422);
    let (options, _) = ada.challenge("/login/passkey/challenge").await;
    sqlx::query("UPDATE challenges SET expires_at = expires_at - 301").execute(&portal.pool).await.unwrap();
    let late = ada.authenticator.get(&options);
    assert_eq!(ada.send_login(&late).await.status, 422, "too late");
    // One for a login makes no passkey, and the other way round.
    assert_eq!(ada.show_passkey().await.status, 303);
    let (_, challenge) = ada.challenge("/login/passkey/challenge").await;
    let mut second = ada.clone();
    second.make_passkey("Two").await;
    assert_eq!(portal.count("passkeys").await, 2);
    let made = second.authenticator.registration(&challenge);
    assert_eq!(second.send_passkey("Three", &made).await.status, 422);
    let (_, challenge) = ada.challenge("/passkeys/challenge").await;
    let signed = ada.authenticator.assertion(&challenge);
    assert_eq!(ada.send_login(&signed).await.status, 422);
    assert_eq!(portal.count("passkeys").await, 2);
}

async fn what_a_passkey_signed_elsewhere_is_refused(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    ada.make_passkey("One").await;
    let mut eve = portal.company(EVE, "Others").await;
    eve.make_passkey("One").await;
    let user = eve.authenticator.keys[0].user.clone();
    ada.post("/logout", &[]).await;
    ada.show_passkey().await;
    ada.post("/logout", &[]).await;
    type Lie = Box<dyn Fn(&mut Authenticator)>;
    let lies: [(&str, Lie); 11] = [
        ("origin", Box::new(|it| it.origin = "https://elsewhere.example".into())),
        ("scheme", Box::new(|it| it.origin = it.origin.replace("http:", "https:"))),
        ("port", Box::new(|it| it.origin = "http://localhost:1".into())),
        ("party", Box::new(|it| it.rp_id = "elsewhere.example".into())),
        ("nobody verified", Box::new(|it| it.flags = 0x01)),
        ("nobody there", Box::new(|it| it.flags = 0x04)),
        ("signature", Box::new(|it| it.signs_wrong = true)),
        ("ceremony", Box::new(|it| it.kind = Some("webauthn.create"))),
        ("frame", Box::new(|it| it.is_cross_origin = true)),
        ("counter", Box::new(|it| it.keys[0].counter = 0)),
        ("account", Box::new(move |it| it.keys[0].user = user.clone())),
    ];
    for (what, lie) in &lies {
        let mut liar = ada.clone();
        lie(&mut liar.authenticator);
        let refused = liar.show_passkey().await;
        assert!(
            refused.status == 422 && refused.body.contains("was not accepted"),
            "{what}: {}",
            refused.body
        );
        assert!(liar.session().is_none(), "{what}");
    }
    for nonsense in ["", "{}", "null", "[]", "{\"id\":1}"] {
        assert_eq!(ada.send_login(nonsense).await.status, 422, "{nonsense}");
    }
    ada.authenticator.keys[0].counter += 1;
    assert_eq!(ada.show_passkey().await.status, 303);
    // A disabled account is not let in by its passkey either.
    let id = portal.id(ADA).await;
    sqlx::query("UPDATE accounts SET disabled_at = 1 WHERE id = $1")
        .bind(id)
        .execute(&portal.pool)
        .await
        .unwrap();
    assert_eq!(ada.clone().show_passkey().await.status, 422);
}

async fn a_passkey_made_elsewhere_is_refused(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    type Lie = fn(&mut Authenticator);
    let lies: [(&str, Lie); 6] = [
        ("origin", |it| it.origin = "https://elsewhere.example".into()),
        ("party", |it| it.rp_id = "elsewhere.example".into()),
        ("nobody verified", |it| it.flags = 0x01),
        ("ceremony", |it| it.kind = Some("webauthn.get")),
        ("challenge", |it| it.challenge = Some("AAAAAAAAAAAAAAAAAAAAAA".into())),
        ("frame", |it| it.is_cross_origin = true),
    ];
    for (what, lie) in lies {
        let mut liar = ada.clone();
        lie(&mut liar.authenticator);
        let refused = liar.make_passkey(what).await;
        assert!(refused.status == 422 && refused.body.contains("was not taken"), "{what}: {}", refused.body);
    }
    assert_eq!(ada.send_passkey("Nonsense", "{}").await.status, 422);
    assert_eq!(portal.count("passkeys").await, 0);
    let log = ada.get("/admin/audit?search=refused").await.body;
    assert!(log.contains("passkey made"), "{log}");
}

async fn a_passkey_is_of_one_account(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    ada.make_passkey("One").await;
    // Somebody who learned the credential's id registers it as its own.
    let mut eve = portal.company(EVE, "Others").await;
    eve.authenticator = ada.authenticator.clone();
    let (_, challenge) = eve.challenge("/passkeys/challenge").await;
    let taken = eve.authenticator.registration(&challenge);
    assert_eq!(eve.send_passkey("Mine", &taken).await.status, 422);
    assert_eq!(portal.count("passkeys").await, 1);
    // The authenticator is told which passkeys the account has.
    let (options, _) = ada.challenge("/passkeys/challenge").await;
    let options: serde_json::Value = serde_json::from_str(&options).unwrap();
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1);
    ada.post("/logout", &[]).await;
    assert_eq!(ada.show_passkey().await.status, 303);
    assert!(ada.get("/account").await.body.contains(ADA));
}

/// The session is looked up before the form is read, which takes as long as its sender likes.
async fn a_session_that_ended_meanwhile_does_nothing(portal: Portal) {
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    portal.colleague(&mut bob, EVE, "administrator").await;
    let eve = portal.id(EVE).await;
    let new = "another battery, another horse";
    let posts = portal::routes().into_iter().filter(|route| route.method == Method::POST);
    // A challenge that is handed out, or a picture that is read, changes nothing. Companies' forms: `a_session_that_ended_meanwhile_writes_nothing`.
    let is_guarded = |access: Access| {
        let is_of_companies = matches!(access, Access::Company | Access::Applicant | Access::Owner);
        access != Access::Everybody && !is_of_companies && !access.is_for_programs()
    };
    let posts = posts
        .filter(|route| is_guarded(route.access) && !route.path.ends_with("/challenge"))
        .filter(|route| route.path != "/look-up/picture")
        // A form with a file: `a_session_that_ends_during_an_upload_keeps_nothing`.
        .filter(|route| route.path != "/files")
        .collect::<Vec<_>>();
    assert!(posts.len() >= 8);
    // An account may ask a hundred times in a minute, and so may an address.
    let mut people = Vec::new();
    for part in 0..posts.len().div_ceil(10) {
        people.push(portal.colleague(&mut bob, &format!("{part}.{BOB}"), "administrator").await);
    }
    let count = i64::try_from(people.len()).unwrap() + 2;
    for (part, (routes, mut person)) in (1..).zip(posts.chunks(10).zip(people)) {
        for route in routes {
            let authenticator = person.authenticator;
            person = portal.browser();
            person.from = Ipv4Addr::new(127, 0, 3, part);
            person.authenticator = authenticator;
            assert_eq!(person.show_passkey().await.status, 303);
            let bob = &mut person;
            let passkey = passkey_on(&bob.get("/account").await.body);
            let (options, _) = bob.challenge("/passkeys/challenge").await;
            let made = bob.authenticator.clone().create(&options);
            let fields: &[(&str, &str)] = match route.path {
                "/account/email" => &[("email", "bob@elsewhere.example"), ("password", PASSWORD)],
                "/account/password" => &[("old", PASSWORD), ("new", new)],
                "/account/sessions/end" | "/account/clients/end" => &[("session", "0")],
                "/account/wallets" => &[("name", "Mine"), ("nonce", "0"), ("signature", "0x")],
                "/account/wallets/{wallet}/name" => &[("name", "Mine")],
                "/passkeys" => &[("name", "Another"), ("credential", &made), ("next", "/")],
                "/passkeys/{passkey}/name" => &[("name", "Mine")],
                "/admin/people/{person}" => &[("step", "disable")],
                "/admin/invitations" => &[("email", "friend@body.example"), ("role", "administrator")],
                "/notifications/read" => &[("until", "0")],
                "/key" => &[("request", "")],
                "/acts" => &[("act", ""), ("chaincode", ""), ("arguments", "")],
                "/acts/{act}/{signed}" => &[("signature", "")],
                "/queue/{body}/{application}/assign" => &[("to", "")],
                "/admin/claims/{application}" => &[("end", "refuse")],
                "/shipments" => &[("list", "01040G2081840R2081040G2081S")],
                "/disclosures" => {
                    &[("certificate", "01040G2081840R2081040G2081S"), ("wanted", "a"), ("reason", "b")]
                }
                "/disclosures/check" => &[("confidential", "{}")],
                "/disclosures/{disclosure}/open" => &[("confidential", "{}"), ("client", "tell")],
                "/disclosures/{disclosure}/refuse" => &[("why", "c")],
                "/admin/keys/{key}/certificate" => &[("certificate", "")],
                _ => &[],
            };
            let path = route.path.replace("{person}", &eve).replace("{passkey}", &passkey);
            let path = path.replace("{signed}", "proposal");
            let begun = bob.begin_post(&path, fields).await;
            let before = (portal.count("audit").await, portal.count("outbox").await);
            // Whatever ends a session deletes it.
            sqlx::query("DELETE FROM sessions").execute(&portal.pool).await.unwrap();
            let late = begun.end().await;
            assert_eq!((late.status, late.header("location")), (303, "/login"), "{path}: {}", late.body);
            assert_eq!((portal.count("audit").await, portal.count("outbox").await), before, "{path}");
        }
    }
    assert_eq!(portal.count("passkeys").await, count);
    assert_eq!(portal.count("links").await, 0);
    assert_eq!(portal.browser().log_in(BOB, PASSWORD).await.status, 303);
}

/// The id of the first passkey that somebody's page shows.
fn passkey_on(page: &str) -> String {
    page.split_once("action=\"/passkeys/").unwrap().1[..32].to_owned()
}

async fn a_role_that_was_taken_meanwhile_invites_nobody(portal: Portal) {
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    let mut eve = portal.colleague(&mut bob, EVE, "administrator").await;
    let them = format!("/admin/people/{}", portal.id(EVE).await);
    let role = [("step", "revoke"), ("role", "administrator")];
    let fields = [("email", "friend@body.example"), ("role", "administrator")];
    let begun = eve.begin_post("/admin/invitations", &fields).await;
    assert_eq!(bob.post(&them, &role).await.status, 303);
    assert_eq!(begun.end().await.status, 404);
    assert_eq!(portal.count("links").await, 0);
}

async fn a_password_that_was_changed_meanwhile_lets_nobody_in(portal: Portal) {
    portal.company(ADA, "Works").await;
    let mut thief = portal.browser();
    thief.form_token().await;
    let sessions = portal.count("sessions").await;
    // The password is right when it is checked; the session has to wait for another change, which is of the password.
    let mut change = portal.pool.begin().await.unwrap();
    sqlx::query("UPDATE audit_head SET seq = seq").execute(&mut *change).await.unwrap();
    sqlx::query("UPDATE accounts SET password = 'another'").execute(&mut *change).await.unwrap();
    let login = tokio::spawn(async move { thief.log_in(ADA, PASSWORD).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    change.commit().await.unwrap();
    assert_eq!(login.await.unwrap().status, 422);
    assert_eq!(portal.count("sessions").await, sessions);
}

/// Who knew the password asked for another address; its owner chooses another password, or recovers it.
async fn a_change_of_address_ends_with_the_password(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let new = "another battery, another horse";
    let asked = [("email", EVE), ("password", PASSWORD)];
    assert_eq!(ada.clone().post("/account/email", &asked).await.status, 200);
    let first = portal.link(EVE, "/confirm").await.replace("/confirm?token=", "");
    assert_eq!(ada.post("/account/password", &[("old", PASSWORD), ("new", new)]).await.status, 200);
    assert_eq!(portal.browser().post("/confirm", &[("token", &first)]).await.status, 410);
    let asked = [("email", BOB), ("password", new)];
    assert_eq!(ada.clone().post("/account/email", &asked).await.status, 200);
    let second = portal.link(BOB, "/confirm").await.replace("/confirm?token=", "");
    let mut other = portal.browser();
    other.post("/recover", &[("email", ADA)]).await;
    let token = portal.link(ADA, "/reset").await.replace("/reset?token=", "");
    assert_eq!(other.post("/reset", &[("token", &token), ("password", PASSWORD)]).await.status, 200);
    assert_eq!(other.post("/confirm", &[("token", &second)]).await.status, 410);
}

async fn a_removed_passkeys_sessions_end(portal: Portal) {
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    let mut thief = portal.browser();
    thief.authenticator = bob.authenticator.clone();
    assert_eq!(thief.show_passkey().await.status, 303);
    assert_eq!(bob.make_passkey("Another").await.status, 303);
    let stolen = passkey_on(&bob.get("/account").await.body);
    assert_eq!(bob.post(&format!("/passkeys/{stolen}/remove"), &[]).await.status, 303);
    assert_eq!(thief.get("/admin/people").await.header("location"), "/login?next=%2Fadmin%2Fpeople");
    assert_eq!(bob.get("/admin/people").await.status, 200);
}

async fn an_invitation_ends_with_its_senders_role(portal: Portal) {
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    let mut eve = portal.colleague(&mut bob, EVE, "administrator").await;
    let friend = "friend@body.example";
    assert_eq!(
        eve.post("/admin/invitations", &[("email", friend), ("role", "administrator")]).await.status,
        200
    );
    let link = portal.link(friend, "/join").await;
    let token = link.replace("/join?token=", "");
    let them = format!("/admin/people/{}", portal.id(EVE).await);
    let role = [("step", "revoke"), ("role", "administrator")];
    assert_eq!(bob.post(&them, &role).await.status, 303);
    let joining = [("token", token.as_str()), ("name", "A friend"), ("password", PASSWORD)];
    assert_eq!(portal.browser().post("/join", &joining).await.status, 410);
    assert_eq!(portal.count("accounts").await, 2);
}

async fn a_companys_password_is_no_way_to_its_passkeys(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut thief = portal.browser();
    thief.log_in(ADA, PASSWORD).await;
    let (options, _) = thief.challenge("/passkeys/challenge").await;
    ada.make_passkey("One").await;
    let own = passkey_on(&ada.get("/account").await.body);
    // A challenge from before there was a passkey makes no second one either.
    let made = thief.authenticator.create(&options);
    assert_eq!(thief.send_passkey("Two", &made).await.status, 422);
    assert_eq!(thief.post("/passkeys/challenge", &[]).await.status, 404);
    let removed = thief.post(&format!("/passkeys/{own}/remove"), &[]).await;
    assert!(removed.status == 422 && removed.body.contains("Log in with a passkey"), "{}", removed.body);
    let page = thief.get("/account").await.body;
    assert!(!page.contains("/remove\"") && !page.contains("Make a passkey"), "{page}");
    assert_eq!(portal.count("passkeys").await, 1);
    // With its passkey, its owner does both; the first one that a session makes is as good as a login with it.
    assert_eq!(ada.make_passkey("Two").await.status, 303);
    assert_eq!(ada.post(&format!("/passkeys/{own}/remove"), &[]).await.status, 303);
    // Whoever made them, a recovery ends them; those of an organisation's people stay.
    let mut other = portal.browser();
    other.post("/recover", &[("email", ADA)]).await;
    let mail = portal.mail(ADA, "/reset?token=").await;
    let link = portal.link(ADA, "/reset").await;
    assert!(
        mail.contains("removes the passkeys")
            && other.get(&link).await.body.contains("Your passkeys are removed")
    );
    let token = link.replace("/reset?token=", "");
    let reset = other.post("/reset", &[("token", &token), ("password", PASSWORD)]).await;
    assert!(reset.status == 200 && reset.body.contains("Your passkeys are removed"), "{}", reset.body);
    portal.mail(ADA, "Your passkeys were removed").await;
    assert_eq!(portal.count("passkeys").await, 0);
    other.authenticator = ada.authenticator;
    assert_eq!(other.show_passkey().await.status, 422);
    let mut bob = portal.administrator(BOB, "BodyMSP").await;
    other.post("/recover", &[("email", BOB)]).await;
    let link = portal.link(BOB, "/reset").await;
    assert!(!portal.mail(BOB, "/reset?token=").await.contains("passkeys"));
    assert!(!other.get(&link).await.body.contains("passkeys"));
    let token = link.replace("/reset?token=", "");
    assert_eq!(other.post("/reset", &[("token", &token), ("password", PASSWORD)]).await.status, 200);
    assert_eq!(portal.count("passkeys").await, 1);
    assert_eq!(bob.show_passkey().await.status, 303);
}

#[tokio::test]
async fn behind_tls_cookies_are_the_hosts_own() {
    let portal = Portal::behind_tls().await;
    let mut browser = portal.browser();
    let page = browser.get("/login").await;
    let cookie = page.header("set-cookie");
    assert!(cookie.starts_with("__Host-nanotrace-form="), "{cookie}");
    let bob = portal.administrator(BOB, "BodyMSP").await;
    assert!(bob.cookies.contains_key("__Host-nanotrace-session"));
    let login = browser.log_in(BOB, PASSWORD).await;
    let cookie = login.header("set-cookie");
    for part in ["__Host-nanotrace-session=", "; Path=/", "; HttpOnly", "; Secure", "; SameSite=Lax"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert_eq!(login.header("strict-transport-security"), "max-age=31536000");
    // The proxy names its client; what the client itself wrote before is not believed.
    browser.headers.push(("X-Forwarded-For".to_owned(), "192.0.2.7, 198.51.100.9".to_owned()));
    browser.authenticator = bob.authenticator.clone();
    browser.show_passkey().await;
    assert!(browser.get("/account").await.body.contains("From 198.51.100.9"));
}

#[tokio::test]
async fn a_name_that_was_led_here_reads_nothing() {
    let portal = Portal::demonstration().await;
    let mut browser = portal.browser();
    let port = browser.host.split_once(':').unwrap().1.to_owned();
    for own in [browser.host.clone(), "LOCALHOST".into(), format!("127.0.0.1:{port}"), "[::1]".into()] {
        browser.host = own;
        assert_eq!(browser.get("/outbox").await.status, 200, "{}", browser.host);
    }
    for other in
        ["elsewhere.example", "localhost.elsewhere.example", "127.0.0.1.elsewhere.example", "192.0.2.1", ""]
    {
        browser.host = other.to_owned();
        let refused = browser.get("/outbox").await;
        assert!(refused.status == 421 && !refused.body.contains("Outbox"), "{other}: {}", refused.status);
    }
}

#[tokio::test]
async fn what_would_be_unsafe_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("portal.db");
    let database = accounts::Database::open(path.to_str().unwrap()).await.unwrap();
    let post =
        background::mail::Post::new("portal@example.com", folder.path().join("mails").to_str().unwrap())
            .unwrap();
    let listen = "0.0.0.0:0".parse().unwrap();
    let config = portal::Config {
        listen,
        base: None,
        origins: Vec::new(),
        database,
        post,
        organisations: std::sync::Arc::default(),
        signers: granting::Signers::default(),
        files: folder.path().join("files"),
        certify: None,
        is_demonstration: false,
    };
    assert!(portal::Server::bind(config).await.is_err(), "plain HTTP on a network");
    let elsewhere = accounts::Database::open("postgres://portal@192.0.2.1/portal?sslmode=require").await;
    assert!(matches!(elsewhere, Err(accounts::DatabaseError::NoTls)));
    assert!(matches!(
        background::mail::Post::new("portal@example.com", "smtp://mail.example"),
        Err(background::mail::PostError::NoTls)
    ));
    assert!(background::mail::Post::new("portal@example.com", "smtp://127.0.0.1:2525").is_ok());
    assert!(matches!(
        background::mail::Post::new("a\r\nb@c", "smtp://127.0.0.1"),
        Err(background::mail::PostError::Sender(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demonstration_lets_in_by_links_and_says_what_it_is() {
    let portal = Portal::demonstration().await;
    let all = ["CertBodyMSP", "AccreditationMSP", "LabMSP"].map(str::to_owned);
    let entrances = accounts::admit(&portal.database, &portal.base, &all).await.unwrap();
    let parts = entrances.iter().map(|entrance| entrance.part).collect::<Vec<_>>();
    assert_eq!(parts.len(), 8);
    assert_eq!(portal.count("accounts").await, 8);
    let path = |at: usize| entrances[at].link.strip_prefix(&portal.base.to_string()).unwrap().to_owned();
    for (at, part) in parts.iter().enumerate() {
        let mut browser = portal.browser();
        let token = path(at).replace("/welcome?token=", "");
        assert!(browser.get(&path(at)).await.body.contains("Come in"), "{part}");
        assert_eq!(browser.post("/welcome", &[("token", &token)]).await.status, 303, "{part}");
        assert_eq!(
            browser.post("/welcome", &[("token", &token)]).await.status,
            410,
            "{part}: a link works once"
        );
        if *part != "applicant" {
            assert_eq!(
                browser.get("/account").await.header("location"),
                "/passkey?next=%2Faccount",
                "{part}"
            );
            assert_eq!(browser.make_passkey("A key").await.status, 303, "{part}");
        }
        assert_eq!(browser.get("/account").await.status, 200, "{part}");
        for page in ["/", "/account", "/there/is/no/such/page"] {
            assert!(browser.get(page).await.body.contains("one portal serves all organisations"), "{page}");
        }
    }
    // No password opens these accounts, the empty one least of all.
    for password in ["", PASSWORD] {
        assert_eq!(portal.browser().log_in("reviewer@body.example", password).await.status, 422);
    }
    // Another start: the same people, other links.
    let later = accounts::admit(&portal.database, &portal.base, &all).await.unwrap();
    assert_eq!(portal.count("accounts").await, 8);
    assert!(later.iter().zip(&entrances).all(|(new, old)| new.link != old.link));
    portal.browser().post("/recover", &[("email", "reviewer@body.example")]).await;
    portal.mail("reviewer@body.example", "/reset?token=").await;
    let outbox = portal.browser().get("/outbox").await;
    assert!(outbox.body.contains(&format!("<a href=\"{}/reset?token=", portal.base)), "{}", outbox.body);
    // Where the organisations are others, so are the people.
    let alone = Portal::demonstration().await;
    assert_eq!(accounts::admit(&alone.database, &alone.base, &[]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_portal_in_earnest_has_no_pages_of_a_demonstration() {
    let portal = Portal::on_sqlite().await;
    let entrances = accounts::admit(&portal.database, &portal.base, &[]).await.unwrap();
    let path = entrances[0].link.strip_prefix(&portal.base.to_string()).unwrap().to_owned();
    let mut browser = portal.browser();
    assert_eq!(browser.get(&path).await.status, 404);
    let token = path.replace("/welcome?token=", "");
    assert_eq!(browser.post("/welcome", &[("token", &token)]).await.status, 404);
    assert_eq!(browser.get("/outbox").await.status, 404);
    assert!(!browser.get("/").await.body.contains("one portal serves"));
}
