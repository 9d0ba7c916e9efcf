//! API keys and the partner API over real HTTP: on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[macro_use]
mod harness;

use std::collections::BTreeSet;

use harness::{Browser, Portal, Reply};
use http::Method;
use serde_json::{Value, json};

const ADA: &str = "ada@works.example";
const MAX: &str = "max@works.example";
const EVE: &str = "eve@others.example";
const CODE: &str = "01040G2081840R2081040G2081S";
const ALL: &[&str] =
    &["applications:read", "applications:write", "files:read", "files:write", "certificates:read"];

cases![
    a_key_is_shown_once_and_its_hash_is_kept,
    a_key_does_what_its_scopes_say,
    a_key_is_rotated_with_an_overlap_that_ends,
    a_key_ends_with_its_makers_ownership,
    a_key_that_ends_meanwhile_does_nothing,
    a_key_is_limited_as_an_account_is,
    keys_are_not_there_for_another_company,
    an_application_is_written_checked_and_listed,
    another_companys_ids_are_not_there,
    what_a_document_does_not_have_is_not_set,
    a_request_is_done_once_and_answered_the_same,
    cursors_that_were_tampered_with_open_nothing,
    every_refusal_is_a_problem,
    files_come_and_go,
    a_certificate_has_its_public_page,
];

/// Makes a key on the owners' page, and returns it.
async fn key(owner: &mut Browser, scopes: &[&str]) -> String {
    let mut fields = vec![("name", "ERP"), ("days", "90")];
    fields.extend(scopes.iter().map(|scope| ("scope", *scope)));
    let page = owner.post("/team/keys", &fields).await;
    shown(&page)
}

fn shown(page: &Reply) -> String {
    assert_eq!(page.status, 200, "{}", page.body);
    let (_, rest) = page.body.split_once("<p class=\"secret\">").expect("a key");
    rest.split_once('<').unwrap().0.to_owned()
}

struct Client<'a> {
    portal: &'a Portal,
    key: String,
}

impl Client<'_> {
    async fn get(&self, path: &str) -> (u16, Value) {
        self.send("GET", path, &[], None).await
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> (u16, Value) {
        let reply = self.ask(method, path, headers, body).await;
        let body =
            if reply.body.is_empty() { Value::Null } else { serde_json::from_str(&reply.body).unwrap() };
        (reply.status, body)
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Reply {
        let bearer = format!("Bearer {}", self.key);
        let mut all = vec![("Authorization", bearer.as_str())];
        if body.is_some() {
            all.push(("Content-Type", "application/json"));
        }
        all.extend(headers);
        let body = body.map(Value::to_string).unwrap_or_default();
        self.portal.send(method, &format!("/api/v1{path}"), &all, body.as_bytes()).await
    }
}

fn client(portal: &Portal, key: String) -> Client<'_> {
    Client { portal, key }
}

fn paint() -> Value {
    json!({
        "application": {"body": "CertBodyMSP"},
        "credentialSubject": {"product": {"name": "Paint"}, "size": {"d50": "40,5", "unit": "nm"}, "colour": "red"},
    })
}

async fn a_key_is_shown_once_and_its_hash_is_kept(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut max = portal.colleague(&mut ada, MAX, "member").await;
    let made = key(&mut ada, ALL).await;
    assert!(made.starts_with("nt_") && made.len() == 3 + 8 + 1 + 64, "{made}");
    let (prefix, _) = made.rsplit_once('_').unwrap();
    let page = ada.get("/team/keys").await.body;
    assert!(page.contains(prefix) && !page.contains(&made) && page.contains("never used"), "{page}");
    portal.mail(ADA, prefix).await;
    let columns: [&'static str; 4] = [
        "SELECT id || name || prefix || secret || scopes FROM api_keys",
        "SELECT actor || object || hash FROM audit",
        "SELECT subject || body FROM outbox",
        "SELECT fields FROM kept_forms",
    ];
    for statement in columns {
        let rows: Vec<(String,)> = sqlx::query_as(statement).fetch_all(&portal.pool).await.unwrap();
        assert!(!rows.iter().any(|(text,)| text.contains(&made)), "{statement}");
    }
    let api = client(&portal, made.clone());
    assert_eq!(api.get("/applications").await, (200, json!({"applications": [], "next": null})));
    assert!(ada.get("/team/keys").await.body.contains("last used"));
    // One character less, one more, another one: none of them works, and all answers are the same.
    let mut answers = BTreeSet::new();
    let other = format!("{}{}", &made[..made.len() - 1], if made.ends_with('0') { '1' } else { '0' });
    let wrong =
        [other, made[..75].to_owned(), format!("{made}0"), prefix.to_owned(), String::new(), "nt_".into()];
    for key in wrong.into_iter().chain(["nt_00000000_".to_owned() + &"0".repeat(64), made.to_uppercase()]) {
        answers.insert(client(&portal, key).get("/applications").await.1.to_string());
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers.first().unwrap().contains("\"status\":401"), "{answers:?}");
    // A session is no key.
    let cookie = format!("nanotrace-session={}", ada.session().unwrap());
    let reply = portal.send("GET", "/api/v1/applications", &[("Cookie", &cookie)], b"").await;
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, "Bearer realm=\"nanotrace\""));
    // Owners alone make keys.
    assert_eq!(max.get("/team/keys").await.status, 403);
    assert_eq!(max.post("/team/keys", &[("name", "x"), ("days", "30"), ("scope", ALL[0])]).await.status, 403);
    for wrong in [
        &[("name", ""), ("days", "30"), ("scope", ALL[0])][..],
        &[("name", "x"), ("days", "31"), ("scope", ALL[0])],
        &[("name", "x"), ("days", "30")],
        &[("name", "x"), ("days", "30"), ("scope", "everything")],
        &[("name", "x"), ("days", "30"), ("scope", ALL[0]), ("party", "BodyMSP")],
    ] {
        assert_eq!(ada.post("/team/keys", wrong).await.status, 422, "{wrong:?}");
    }
    assert_eq!(portal.count("api_keys").await, 1);
    let log = ada.get("/admin/audit?search=api+key").await.body;
    assert!(log.contains("api key made") && log.contains(prefix), "{log}");
}

/// A path of the API, with ids in it that are nobody's.
fn somewhere(path: &str) -> String {
    let ids = path.replace("{application}", "68S34CHJ689348HJ68S34CHJ688").replace("{certificate}", CODE);
    ids.replace("{file}", "0123456789abcdef0123456789abcdef")
}

async fn a_key_does_what_its_scopes_say(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let scopes: BTreeSet<&str> = partner::routes().into_iter().filter_map(|route| route.scope).collect();
    assert_eq!(scopes, ALL.iter().copied().collect::<BTreeSet<_>>());
    for own in ALL {
        let api = client(&portal, key(&mut ada, &[*own]).await);
        for route in partner::routes() {
            let (method, path) = (route.method.as_str(), somewhere(route.path));
            let reply = api.ask(method, &path, &[], Some(&json!({}))).await;
            let is_refused = reply.status == 403;
            assert_eq!(
                is_refused,
                route.scope.is_some_and(|scope| scope != *own),
                "{own}: {method} {path} {}",
                reply.body
            );
            if is_refused {
                assert!(reply.header("www-authenticate").contains("insufficient_scope"), "{path}");
            }
        }
    }
}

async fn shift(portal: &Portal, seconds: i64) {
    let update = sqlx::query("UPDATE api_keys SET expires_at = expires_at - $1").bind(seconds);
    update.execute(&portal.pool).await.unwrap();
}

async fn a_key_is_rotated_with_an_overlap_that_ends(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let old = client(&portal, key(&mut ada, &["applications:read"]).await);
    let page = ada.get("/team/keys").await.body;
    let path = format!("/team/keys/{}/rotate", &page.split_once("/team/keys/").unwrap().1[..32]);
    assert_eq!(ada.post(&path, &[("hours", "1000")]).await.status, 404);
    let new = client(&portal, shown(&ada.post(&path, &[("hours", "1")]).await));
    assert_eq!(ada.post(&path, &[("hours", "1")]).await.status, 404, "a key is rotated once");
    for api in [&old, &new] {
        assert_eq!(api.get("/applications").await.0, 200);
    }
    assert_eq!(new.get("/files").await.0, 403, "the scopes are the same");
    shift(&portal, 3601).await;
    assert_eq!((old.get("/applications").await.0, new.get("/applications").await.0), (401, 200));
    shift(&portal, 90 * 24 * 60 * 60).await;
    assert_eq!(new.get("/applications").await.0, 401, "it has its time");
    // At once.
    let last = client(&portal, key(&mut ada, &["applications:read"]).await);
    let page = ada.get("/team/keys").await.body;
    let id = page.split_once("/team/keys/").unwrap().1[..32].to_owned();
    assert_eq!(ada.post(&format!("/team/keys/{id}/end"), &[]).await.status, 303);
    assert_eq!(last.get("/applications").await.0, 401);
    assert_eq!(ada.post(&format!("/team/keys/{id}/end"), &[]).await.status, 404);
    assert_eq!(ada.post(&format!("/team/keys/{id}/rotate"), &[("hours", "0")]).await.status, 404);
}

async fn a_key_ends_with_its_makers_ownership(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut max = portal.colleague(&mut ada, MAX, "owner").await;
    let own = client(&portal, key(&mut ada, ALL).await);
    let path = format!("/team/people/{}", portal.id(MAX).await);
    let step = |role: &'static str| [("step", "role"), ("role", role)];
    let api = client(&portal, key(&mut max, ALL).await);
    // Disabled, by the operator's hand.
    let disable = sqlx::query("UPDATE accounts SET disabled_at = $1 WHERE email = $2");
    disable.bind(1_i64).bind(MAX).execute(&portal.pool).await.unwrap();
    assert_eq!(api.get("/applications").await.0, 401);
    let enable = sqlx::query("UPDATE accounts SET disabled_at = NULL");
    enable.execute(&portal.pool).await.unwrap();
    assert_eq!(api.get("/applications").await.0, 200);
    // A member: the key ends, and does not come back with the role.
    assert_eq!(ada.post(&path, &step("member")).await.status, 303);
    assert_eq!(api.get("/applications").await.0, 401);
    assert_eq!(ada.post(&path, &step("owner")).await.status, 303);
    assert_eq!(api.get("/applications").await.0, 401);
    let api = client(&portal, key(&mut max, ALL).await);
    assert_eq!(api.get("/applications").await.0, 200);
    assert_eq!(max.post("/team/leave", &[]).await.status, 200);
    assert_eq!(api.get("/applications").await.0, 401);
    assert_eq!(own.get("/applications").await.0, 200);
    let page = ada.get("/team/keys").await.body;
    assert!(page.contains(MAX) && page.contains("ended"), "{page}");
}

async fn a_key_that_ends_meanwhile_does_nothing(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let api = client(&portal, key(&mut ada, ALL).await);
    let body = paint().to_string();
    let bearer = format!("Bearer {}", api.key);
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    for (method, path) in [("POST", "/api/v1/applications"), ("POST", "/api/v1/files")] {
        let begun = portal.begin(method, path, &headers, body.len()).await;
        sqlx::query("UPDATE api_keys SET expires_at = 1").execute(&portal.pool).await.unwrap();
        let late = begun.end_with(body.as_bytes()).await;
        assert_eq!(late.status, 401, "{path}: {}", late.body);
        sqlx::query("UPDATE api_keys SET expires_at = 9999999999").execute(&portal.pool).await.unwrap();
    }
    assert_eq!((portal.count("dossiers").await, portal.count("files").await), (0, 0));
    portal.files(0).await;
}

async fn a_key_is_limited_as_an_account_is(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let (one, other) = (key(&mut ada, ALL).await, key(&mut ada, ALL).await);
    let (one, other) = (client(&portal, one), client(&portal, other));
    let mut statuses = BTreeSet::new();
    for _ in 0..=2 * portal::REQUESTS {
        let reply = one.ask("GET", "/files", &[], None).await;
        if reply.status == 429 {
            assert_eq!(reply.header("retry-after"), reply.header("ratelimit-reset"));
            assert_eq!(reply.header("content-type"), "application/problem+json");
        }
        statuses.insert(reply.status);
    }
    assert_eq!(statuses, [200, 429].into());
    assert_eq!(other.get("/files").await.0, 200);
    assert_eq!(ada.get("/team/keys").await.status, 200);
    // Who guesses is counted by its address.
    let mut statuses = BTreeSet::new();
    for _ in 0..=2 * portal::REQUESTS {
        statuses.insert(client(&portal, format!("nt_00000000_{}", "0".repeat(64))).get("/files").await.0);
    }
    assert_eq!(statuses, [401, 429].into());
}

async fn keys_are_not_there_for_another_company(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.company(EVE, "Works").await;
    let api = client(&portal, key(&mut ada, ALL).await);
    let page = ada.get("/team/keys").await.body;
    let id = page.split_once("/team/keys/").unwrap().1[..32].to_owned();
    assert!(!eve.get("/team/keys").await.body.contains(&id));
    let mut asked = 0;
    for route in portal::routes().into_iter().filter(|route| route.path.starts_with("/team/keys/{key}")) {
        let fields: &[(&str, &str)] = if route.path.ends_with("/rotate") { &[("hours", "0")] } else { &[] };
        assert_eq!(eve.post(&route.path.replace("{key}", &id), fields).await.status, 404, "{}", route.path);
        asked += 1;
    }
    assert_eq!(asked, 2);
    assert_eq!(api.get("/applications").await.0, 200);
}

async fn an_application_is_written_checked_and_listed(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let api = client(&portal, key(&mut ada, ALL).await);
    let reply = api.ask("POST", "/applications", &[], Some(&paint())).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let begun: Value = serde_json::from_str(&reply.body).unwrap();
    let id = begun["id"].as_str().unwrap();
    assert_eq!(begun["leftOut"], json!(["colour"]));
    assert_eq!(reply.header("location"), format!("/api/v1/applications/{id}"));
    // The page has it, too.
    assert!(ada.get(&format!("/applications/{id}")).await.body.contains("Paint"));
    let path = format!("/applications/{id}");
    let reply = api.ask("GET", &path, &[], None).await;
    let one: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!((one["state"].as_str(), reply.header("etag")), (Some("draft"), "\"1\""), "{one}");
    assert_eq!(one["document"]["credentialSubject"]["size"], json!({"d50": "40,5", "unit": "nm"}));
    assert_eq!(one["document"]["application"], json!({"body": "CertBodyMSP"}));
    assert_eq!(one["document"]["credentialSubject"]["client"], json!({"name": "Works"}));
    let (_, checked) = api.get(&format!("{path}/validation")).await;
    assert_eq!(checked["valid"], false);
    // A study that nobody computed here is none, by this way either.
    let stated = json!({"credentialSubject": {"testReports": [
        {"lab": "L", "sha256": "0".repeat(64), "method": "ICH Q1E: 24 months (24.5); nanotrace q1e FILE --lower 95"},
    ]}});
    let (_, other) = api.send("POST", "/applications", &[], Some(&stated)).await;
    let study = format!("/applications/{}", other["id"].as_str().unwrap());
    let (_, of_study) = api.get(&format!("{study}/validation")).await;
    assert!(of_study["errors"].to_string().contains("attach the study again"), "{of_study}");
    assert_eq!(api.send("DELETE", &study, &[], None).await.0, 204);
    let pointers: Vec<&str> =
        checked["errors"].as_array().unwrap().iter().map(|it| it["pointer"].as_str().unwrap()).collect();
    for pointer in ["/credentialSubject/size/d50", "/credentialSubject/nanomaterialConclusion"] {
        assert!(pointers.contains(&pointer), "{pointers:?}");
    }
    // What breaks rules, or has no ledger, is not handed in.
    let (status, refused) = api.send("POST", &format!("{path}/submit"), &[], None).await;
    assert_eq!((status, refused["code"].as_str()), (409, Some("no-ledger")), "{refused}");
    // Nothing is written over what somebody else saved.
    let second = json!({"credentialSubject": {"product": {"name": "Ink"}}});
    let (status, written) = api.send("PUT", &path, &[("If-Match", "\"1\"")], Some(&second)).await;
    assert_eq!((status, written["version"].as_i64()), (200, Some(2)), "{written}");
    assert_eq!(api.send("PUT", &path, &[("If-Match", "\"1\"")], Some(&second)).await.0, 412);
    assert_eq!(api.send("PUT", &path, &[("If-Match", "1")], Some(&second)).await.0, 400);
    let (_, one) = api.get(&path).await;
    assert_eq!(one["title"], "Ink");
    assert!(one["document"]["credentialSubject"].get("size").is_none(), "{one}");
    // The log names the key.
    let prefix = api.key.rsplit_once('_').unwrap().0;
    let log = ada.get("/admin/audit?search=draft").await.body;
    assert!(log.contains("draft begun") && log.contains("draft saved") && log.contains(prefix), "{log}");
    // A list goes on until it ends, and has each once.
    for _ in 0..4 {
        assert_eq!(api.send("POST", "/applications", &[], Some(&json!({}))).await.0, 201);
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, page) = api.get(&format!("/applications?limit=2{cursor}")).await;
        assert_eq!(status, 200, "{page}");
        let found = page["applications"].as_array().unwrap();
        seen.extend(found.iter().map(|it| it["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((seen.len(), seen.iter().collect::<BTreeSet<_>>().len()), (5, 5));
    assert_eq!(api.send("DELETE", &path, &[], None).await, (204, Value::Null));
    assert_eq!(api.get(&path).await.0, 404);
    // What the body has is withdrawn with a reason, and not discarded.
    // The list has no order within one second: which one was discarded says its address alone.
    let id = seen.iter().find(|id| !path.ends_with(id.as_str())).unwrap();
    handed_in(&portal, id, "submitted").await;
    let path = format!("/applications/{id}");
    assert_eq!(api.send("DELETE", &path, &[], None).await.1["code"], "handed-in");
    for (body, pointer) in [
        (json!({}), "/reason"),
        (json!({"reason": "two\nlines"}), "/reason"),
        (json!({"reason": 7}), "/reason"),
        (json!({"reason": "x", "party": "y"}), "/party"),
    ] {
        let (status, refused) = api.send("POST", &format!("{path}/withdraw"), &[], Some(&body)).await;
        assert_eq!((status, refused["errors"][0]["pointer"].as_str()), (422, Some(pointer)), "{refused}");
    }
    let reason = json!({"reason": "We stop making it."});
    let (status, asked) = api.send("POST", &format!("{path}/withdraw"), &[], Some(&reason)).await;
    assert_eq!((status, asked["state"].as_str()), (202, Some("waiting")), "{asked}");
    assert_eq!(api.send("POST", &format!("{path}/withdraw"), &[], Some(&reason)).await.1["code"], "waiting");
    let (_, one) = api.get(&path).await;
    assert_eq!(
        (one["state"].as_str(), one["calls"][0]["step"].as_str()),
        (Some("waiting"), Some("withdraw")),
        "{one}"
    );
    assert_eq!(api.send("PUT", &path, &[], Some(&paint())).await.1["code"], "not-editable");
}

/// Has a body have it.
async fn handed_in(portal: &Portal, id: &str, state: &str) {
    sqlx::query(
        "INSERT INTO calls (id, party, account, application, body, step, argument, state, created_at, tries, due_at, said) \
         SELECT $1, party, (SELECT min(accounts.id) FROM accounts WHERE accounts.party = dossiers.party), id, 'CertBodyMSP', \
         'submit', '{}', 'done', 0, 1, 0, '' FROM dossiers WHERE id = $1",
    )
    .bind(id)
    .execute(&portal.pool)
    .await
    .unwrap();
    let granted = (state == "granted").then_some(CODE);
    sqlx::query(
        "INSERT INTO applications (id, body, applicant, title, scheme, state, steps, dossier, certificate, step, taken_by, \
         taken_at, reason, submitted_at) VALUES ($1, 'CertBodyMSP', 'I', 'Paint', 'S', $2, 1, 'sha256:0', $3, 'x', 'B', \
         '2026-01-31T12:00:00Z', '', '2026-01-31T12:00:00Z')",
    )
    .bind(id)
    .bind(state)
    .bind(granted)
    .execute(&portal.pool)
    .await
    .unwrap();
}

/// Two companies with the same data: every route asked with the other's ids.
async fn another_companys_ids_are_not_there(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.company(EVE, "Works").await;
    let own = client(&portal, key(&mut ada, ALL).await);
    let other = client(&portal, key(&mut eve, ALL).await);
    let (_, begun) = own.send("POST", "/applications", &[], Some(&paint())).await;
    let id = begun["id"].as_str().unwrap().to_owned();
    handed_in(&portal, &id, "granted").await;
    let file = portal
        .send("POST", "/api/v1/files?name=a.txt", &[("Authorization", &format!("Bearer {}", own.key))], b"a")
        .await;
    let file: Value = serde_json::from_str(&file.body).unwrap();
    let file = file["id"].as_str().unwrap();
    let before = own.get(&format!("/applications/{id}")).await;
    let mut asked = 0;
    for route in partner::routes().into_iter().filter(|route| route.path.contains('{')) {
        let path =
            route.path.replace("{application}", &id).replace("{file}", file).replace("{certificate}", CODE);
        let body = if route.path.ends_with("/withdraw") || route.path.ends_with("/change") {
            json!({"reason": "mine"})
        } else {
            paint()
        };
        let (status, text) = other.send(route.method.as_str(), &path, &[], Some(&body)).await;
        assert_eq!((status, text["code"].as_str()), (404, Some("not-found")), "{} {path}", route.method);
        asked += 1;
    }
    assert!(asked >= 12, "{asked}");
    for list in
        ["/applications", "/files", "/certificates", &format!("/applications?cursor=999999999999_{id}")]
    {
        let (status, page) = other.get(list).await;
        assert!(
            status == 200 && !page.to_string().contains(&id) && !page.to_string().contains(file),
            "{list}: {page}"
        );
    }
    assert_eq!(own.get(&format!("/applications/{id}")).await, before, "nothing was changed");
    assert_eq!(own.get("/files?limit=1").await.1["files"][0]["id"], file);
}

async fn what_a_document_does_not_have_is_not_set(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    portal.company(EVE, "Others").await;
    let api = client(&portal, key(&mut ada, ALL).await);
    let (party,): (String,) = sqlx::query_as("SELECT party FROM accounts WHERE email = $1")
        .bind(EVE)
        .fetch_one(&portal.pool)
        .await
        .unwrap();
    let greedy = json!({
        "id": "68S34CHJ689348HJ68S34CHJ688", "party": party, "state": "granted", "version": 99, "salt": "0", "saved_steps": "product",
        "application": {"id": "x", "party": party, "certificate": CODE, "category": "paint"},
        "credentialSubject": {"product": {"name": "Paint", "state": "granted"}, "demonstration": true, "accreditation": {"number": "1"}},
    });
    let (status, begun) = api.send("POST", "/applications", &[], Some(&greedy)).await;
    assert_eq!((status, begun["version"].as_i64()), (201, Some(1)), "{begun}");
    assert_ne!(begun["id"], greedy["id"]);
    assert_eq!(
        begun["leftOut"],
        json!(["product.state", "application.certificate", "application.id", "application.party"])
    );
    let (_, one) = api.get(&format!("/applications/{}", begun["id"].as_str().unwrap())).await;
    assert_eq!(one["document"]["application"], json!({"category": "paint"}));
    assert_eq!((one["state"].as_str(), one["certificate"].as_str()), (Some("draft"), None));
    for (wrong, pointer) in [
        (json!({"application": {"body": 7}}), "/application/body"),
        (json!({"application": []}), "/application"),
        (json!({"credentialSubject": "x"}), "/credentialSubject"),
        (json!([]), ""),
        (json!("x"), ""),
    ] {
        let (status, refused) = api.send("POST", "/applications", &[], Some(&wrong)).await;
        assert_eq!(
            (status, refused["errors"][0]["pointer"].as_str()),
            (422, Some(pointer)),
            "{wrong}: {refused}"
        );
    }
    // A header that would be another one is none.
    let name = "a%0d%0aSet-Cookie:%20x%3dy.txt";
    let bearer = format!("Bearer {}", api.key);
    let sent = portal
        .send("POST", &format!("/api/v1/files?name={name}"), &[("Authorization", &bearer)], b"text")
        .await;
    assert_eq!(sent.status, 201, "{}", sent.body);
    let file: Value = serde_json::from_str(&sent.body).unwrap();
    let got = api.ask("GET", &format!("/files/{}", file["id"].as_str().unwrap()), &[], None).await;
    assert!(
        got.header("set-cookie").is_empty() && got.header("content-disposition").starts_with("attachment")
    );
    assert_eq!(got.header("content-security-policy"), "sandbox; default-src 'none'; frame-ancestors 'none'");
}

async fn a_request_is_done_once_and_answered_the_same(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.company(EVE, "Others").await;
    let api = client(&portal, key(&mut ada, ALL).await);
    let named = [("Idempotency-Key", "order-17")];
    let first = api.ask("POST", "/applications", &named, Some(&paint())).await;
    let again = api.ask("POST", "/applications", &named, Some(&paint())).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!((&first.body, first.header("location")), (&again.body, again.header("location")));
    assert_eq!(portal.count("dossiers").await, 1);
    // Another body, another path: it is another request.
    let (status, refused) = api.send("POST", "/applications", &named, Some(&json!({}))).await;
    assert_eq!((status, refused["code"].as_str()), (422, Some("key-reused")));
    let id: Value = serde_json::from_str(&first.body).unwrap();
    let path = format!("/applications/{}/withdraw", id["id"].as_str().unwrap());
    assert_eq!(api.send("POST", &path, &named, Some(&paint())).await.1["code"], "key-reused");
    // A key that takes the place of the first finds the answer, one of another company does its own.
    let second = client(&portal, key(&mut ada, ALL).await);
    assert_eq!(second.ask("POST", "/applications", &named, Some(&paint())).await.body, first.body);
    let reader = client(&portal, key(&mut ada, &["applications:read"]).await);
    assert_eq!(reader.send("POST", "/applications", &named, Some(&paint())).await.0, 403);
    let other = client(&portal, key(&mut eve, ALL).await);
    assert_ne!(other.ask("POST", "/applications", &named, Some(&paint())).await.body, first.body);
    // What was refused did nothing, and may be asked for again.
    let named = [("Idempotency-Key", "order-18")];
    assert_eq!(api.send("POST", "/applications", &named, Some(&json!([]))).await.0, 422);
    assert_eq!(api.send("POST", "/applications", &named, Some(&paint())).await.0, 201);
    // While one is being answered, the same waits; one that was cut off is taken over.
    let running = sqlx::query(
        "UPDATE answered_requests SET status = NULL, began_at = $1 WHERE idempotency_key = 'order-18'",
    );
    running.bind(accounts::now()).execute(&portal.pool).await.unwrap();
    let (status, refused) = api.send("POST", "/applications", &named, Some(&paint())).await;
    assert_eq!((status, refused["code"].as_str()), (409, Some("running")));
    let cut_off =
        sqlx::query("UPDATE answered_requests SET began_at = $1 WHERE idempotency_key = 'order-18'");
    cut_off.bind(accounts::now() - 121).execute(&portal.pool).await.unwrap();
    assert_eq!(api.send("POST", "/applications", &named, Some(&paint())).await.0, 201);
    // Many at once: one is done.
    let before = portal.count("dossiers").await;
    let many = [("Idempotency-Key", "many")];
    let body = paint();
    let ask = || api.send("POST", "/applications", &many, Some(&body));
    let answers = tokio::join!(ask(), ask(), ask(), ask(), ask(), ask());
    let statuses = [answers.0.0, answers.1.0, answers.2.0, answers.3.0, answers.4.0, answers.5.0];
    assert!(statuses.contains(&201) && statuses.iter().all(|it| [201, 409].contains(it)), "{statuses:?}");
    assert_eq!(portal.count("dossiers").await, before + 1);
    // They are remembered for a day, and not without end.
    for wrong in ["", "a b", "Ä", &"x".repeat(256)] {
        let (status, _) =
            api.send("POST", "/applications", &[("Idempotency-Key", wrong)], Some(&paint())).await;
        assert_eq!(status, 400, "{wrong}");
    }
    let (party,): (String,) = sqlx::query_as("SELECT party FROM accounts WHERE email = $1")
        .bind(ADA)
        .fetch_one(&portal.pool)
        .await
        .unwrap();
    let mut change = portal.pool.begin().await.unwrap();
    for number in 0..2000 - portal.count("answered_requests").await + 1 {
        let insert = sqlx::query(
            "INSERT INTO answered_requests (party, idempotency_key, request, run, began_at) VALUES ($1, $2, '', '', $3)",
        );
        let insert = insert.bind(&party).bind(format!("n{number}")).bind(accounts::now());
        insert.execute(&mut *change).await.unwrap();
    }
    change.commit().await.unwrap();
    let full = [("Idempotency-Key", "one-more")];
    assert_eq!(api.send("POST", "/applications", &full, Some(&paint())).await.1["code"], "too-many-keys");
    accounts::store::forget_expired(&portal.database, accounts::now() + 24 * 60 * 60 + 1).await.unwrap();
    assert_eq!(portal.count("answered_requests").await, 0);
}

async fn cursors_that_were_tampered_with_open_nothing(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let api = client(&portal, key(&mut ada, ALL).await);
    for (list, cursors) in [
        ("/applications", ["x", "_", "1_", "_a", "-1_a", "1_a'b", "9999999999999_a", "1_a_b", "1%00_a"]),
        ("/files", ["x", "_", "1_", "_a", "-1_a", "1_%27--", "9999999999999_a", "1_a_b", "1%00_a"]),
        (
            "/certificates",
            [
                "x",
                "_",
                "1_a",
                "Z_a",
                "2026-01-31_a",
                "~_a",
                "2026-01-31T12:00:00Z_",
                "2026-01-31T12:00:00Z_%27",
                "1%00_a",
            ],
        ),
    ] {
        for cursor in cursors {
            let (status, refused) = api.get(&format!("{list}?cursor={cursor}")).await;
            assert_eq!((status, refused["code"].as_str()), (400, Some("malformed")), "{list} {cursor}");
        }
        for query in [
            "limit=0",
            "limit=101",
            "limit=1.5",
            "limit=01",
            "limit=",
            "limit=-1",
            "limit=1&limit=1",
            "party=x",
        ] {
            assert_eq!(api.get(&format!("{list}?{query}")).await.0, 400, "{list} {query}");
        }
    }
    for right in
        ["/applications?cursor=1_a", "/files?cursor=1_a", "/certificates?cursor=2026-01-31T12:00:00Z_a"]
    {
        assert_eq!(api.get(right).await.0, 200, "{right}");
    }
}

async fn every_refusal_is_a_problem(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let bearer = format!("Bearer {}", key(&mut ada, ALL).await);
    let json = ("Content-Type", "application/json");
    let key = ("Authorization", bearer.as_str());
    let large = format!("{{\"x\":\"{}\"}}", "a".repeat(64 * 1024));
    type Case<'a> = (u16, &'a str, &'a str, Vec<(&'a str, &'a str)>, &'a [u8]);
    let cases: Vec<Case<'_>> = vec![
        (401, "GET", "/applications", vec![], &b""[..]),
        (401, "GET", "/applications", vec![("Authorization", "Basic YTpi")], &b""[..]),
        (401, "GET", "/applications", vec![key, key], &b""[..]),
        (404, "GET", "/nothing", vec![key], &b""[..]),
        (404, "GET", "/nothing", vec![], &b""[..]),
        (404, "GET", "/applications/%ff", vec![key], &b""[..]),
        (404, "GET", "/applications/..%2f..", vec![key], &b""[..]),
        (405, "PATCH", "/applications", vec![key], &b""[..]),
        (405, "DELETE", "/openapi.json", vec![], &b""[..]),
        (400, "POST", "/applications", vec![key, json], &b"{"[..]),
        (400, "POST", "/applications", vec![key, json], &b"\xff"[..]),
        (415, "POST", "/applications", vec![key], &b"{}"[..]),
        (415, "POST", "/applications", vec![key, ("Content-Type", "text/plain")], &b"{}"[..]),
        (413, "POST", "/applications", vec![key, json], large.as_bytes()),
        (422, "POST", "/applications", vec![key, json], &b"[]"[..]),
        (415, "POST", "/files", vec![key], &b"\x00\x01\xff"[..]),
        (415, "POST", "/files", vec![key], &b""[..]),
        (400, "POST", "/files?name=", vec![key], &b"a"[..]),
        (400, "POST", "/files", vec![key, ("Idempotency-Key", "x")], &b"a"[..]),
        (421, "GET", "/applications", vec![key, ("Host", "elsewhere.example")], &b""[..]),
    ];
    for (status, method, path, headers, body) in cases {
        let reply = portal.send(method, &format!("/api/v1{path}"), &headers, body).await;
        assert_eq!(reply.status, status, "{method} {path} {}", reply.body);
        assert_eq!(reply.header("content-type"), "application/problem+json", "{method} {path}");
        let problem: Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(problem["status"], status, "{problem}");
        for member in ["type", "title", "code", "detail"] {
            assert!(problem[member].is_string(), "{member}: {problem}");
        }
        assert_eq!(
            (reply.header("cache-control"), reply.header("x-content-type-options")),
            ("no-store", "nosniff")
        );
        if status == 405 {
            assert!(!reply.header("allow").is_empty(), "{method} {path}");
        }
    }
    // Outside of it, pages are pages.
    assert!(ada.get("/there/is/no/such/page").await.body.contains("<html"));
    assert_eq!((portal.count("dossiers").await, portal.count("files").await), (0, 0));
}

async fn files_come_and_go(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let api = client(&portal, key(&mut ada, ALL).await);
    let bearer = format!("Bearer {}", api.key);
    let sent = portal
        .send("POST", "/api/v1/files?name=..%2fSheet.pdf", &[("Authorization", &bearer)], b"%PDF-1.7")
        .await;
    assert_eq!(sent.status, 201, "{}", sent.body);
    let file: Value = serde_json::from_str(&sent.body).unwrap();
    assert_eq!((file["name"].as_str(), file["kind"].as_str()), (Some("Sheet.pdf"), Some("PDF")));
    let id = file["id"].as_str().unwrap();
    assert!(ada.get("/files").await.body.contains("Sheet.pdf"));
    let got = api.ask("GET", &format!("/files/{id}"), &[], None).await;
    assert_eq!(
        (got.status, got.body.as_str(), got.header("content-type")),
        (200, "%PDF-1.7", "application/pdf")
    );
    assert_eq!(api.get("/files").await.1["files"][0]["sha256"], file["sha256"]);
    // A study keeps its file.
    let study = sqlx::query(
        "INSERT INTO studies (id, party, account, file, title, sha256, parameters, created_at) \
         SELECT 'study', party, account, id, name, sha256, '--lower 95', 0 FROM files WHERE id = $1",
    );
    study.bind(id).execute(&portal.pool).await.unwrap();
    let (status, refused) = api.send("DELETE", &format!("/files/{id}"), &[], None).await;
    assert_eq!((status, refused["code"].as_str()), (409, Some("studied")), "{refused}");
    sqlx::query("DELETE FROM studies").execute(&portal.pool).await.unwrap();
    assert_eq!(api.send("DELETE", &format!("/files/{id}"), &[], None).await.0, 204);
    assert_eq!(api.send("DELETE", &format!("/files/{id}"), &[], None).await.0, 404);
    portal.files(0).await;
}

async fn a_certificate_has_its_public_page(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let api = client(&portal, key(&mut ada, ALL).await);
    let (_, begun) = api.send("POST", "/applications", &[], Some(&paint())).await;
    let id = begun["id"].as_str().unwrap();
    handed_in(&portal, id, "granted").await;
    let (status, page) = api.get("/certificates").await;
    assert_eq!((status, page["certificates"][0]["code"].as_str()), (200, Some(CODE)), "{page}");
    assert_eq!(page["certificates"][0]["application"], id);
    let (status, one) = api.get(&format!("/certificates/{CODE}")).await;
    assert_eq!(status, 200, "{one}");
    // This portal has neither verifier nor ledger, and says so.
    assert!(one["publicUrl"].is_null() && one["ledger"].is_null() && one["away"].is_string(), "{one}");
    assert_eq!(api.get(&format!("/certificates/{CODE}/qr.svg")).await.0, 404);
    let (_, application) = api.get(&format!("/applications/{id}")).await;
    assert_eq!(
        (application["state"].as_str(), application["certificate"].as_str()),
        (Some("granted"), Some(CODE))
    );
}

/// The scope of each operation of the document, by method and path.
fn documented() -> BTreeSet<(String, String, String)> {
    let document: Value = serde_json::from_str(partner::OPENAPI).unwrap();
    let mut found = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let scope = operation["x-scope"].as_str().unwrap_or_default().to_owned();
            let is_open = operation["security"].as_array().unwrap().is_empty();
            assert_eq!(is_open, scope.is_empty(), "{method} {path}");
            found.insert((method.to_uppercase(), path.clone(), scope));
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_has_the_routes_that_there_are() {
    let portal = Portal::on_sqlite().await;
    let reply = portal.send("GET", "/api/v1/openapi.json", &[], b"").await;
    assert_eq!((reply.status, reply.header("content-type")), (200, "application/json"));
    assert_eq!(reply.body, partner::OPENAPI);
    let routes = partner::routes().into_iter().map(|route| {
        let scope = route.scope.unwrap_or_default().to_owned();
        (route.method.to_string(), route.path.to_owned(), scope)
    });
    assert_eq!(routes.collect::<BTreeSet<_>>(), documented());
    let document: Value = serde_json::from_str(partner::OPENAPI).unwrap();
    assert_eq!(
        (document["openapi"].as_str(), document["servers"][0]["url"].as_str()),
        (Some("3.1.0"), Some("/api/v1"))
    );
    assert!(partner::routes().iter().any(|route| route.method == Method::DELETE));
}
