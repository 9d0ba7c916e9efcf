//! Applications of companies over real HTTP, without a ledger or before one that does not answer: on SQLite and on PostgreSQL.
//! What the ledger makes of them is tested with a network (`tests/tests/portal.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, dead_code)]

mod harness;

use dossiers::queue::is_at_rest;
use harness::{Browser, PASSWORD, Portal, Postgres, Reply, away};
use http::Method;
use tokio::task::JoinSet;

const ADA: &str = "ada@works.example";
const EVE: &str = "eve@others.example";

macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    super::$case(super::Portal::on_sqlite().await).await;
                }
            )*
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn the_same_cases_on_postgresql() {
            let cluster = Postgres::start().await;
            $(
                println!("{}", stringify!($case));
                $case(Portal::on_postgres(&cluster, stringify!($case)).await).await;
            )*
        }
    };
}

cases![
    a_draft_is_saved_at_every_step_and_each_fault_stands_at_its_field,
    nothing_that_was_typed_is_lost,
    a_company_reaches_no_other_companys_applications,
    a_draft_begins_with_a_file,
    a_form_has_the_fields_of_its_step_and_no_others,
    a_session_that_ended_meanwhile_writes_nothing,
    a_returned_application_stays_with_its_body,
    staff_see_what_waits_for_their_organisation,
    an_application_is_in_the_hands_of_a_person_of_its_body,
    many_withdrawals_at_once_are_answered,
];

/// Everything that the contract asks for, page by page.
const FILLED_IN: &[(&str, &[(&str, &str)])] = &[
    (
        "product",
        &[
            ("application.body", "CertBodyMSP"),
            ("scheme.id", "https://nanotrace.org/schemes/demonstration"),
            ("scheme.version", "1"),
            ("product.name", "Zinc oxide powder <b>"),
            ("product.gtin", "09520123456788"),
            ("listing", "listed"),
            ("standards.0", "https://standards.example/1"),
        ],
    ),
    (
        "supplier",
        &[
            ("client.name", "Works"),
            ("client.eori", "BE0123456789"),
            ("client.country", "BE"),
            ("site", "Ghent"),
        ],
    ),
    (
        "substance",
        &[
            ("substance.name", "Zinc oxide"),
            ("substance.cas", "1314-13-2"),
            ("surfaceTreatment", "none"),
            ("shape", "spheroidal"),
        ],
    ),
    (
        "particles",
        &[
            ("size.d50", "70"),
            ("size.method", "TEM"),
            ("size.n", "500"),
            ("nanomaterialConclusion", "undetermined"),
            ("zeta.3.mV", "-12.5"),
            ("zeta.3.pH", "5"),
            ("zeta.3.medium", "water"),
        ],
    ),
    (
        "evidence",
        &[
            ("testReports.0.lab", "A laboratory"),
            ("testReports.0.labAccreditation", "BELAC 1"),
            ("testReports.0.method", "TEM"),
            ("testReports.0.date", "2026-01-31"),
            ("testReports.0.sha256", "abababababababababababababababababababababababababababababababab"),
        ],
    ),
];

/// Begins a draft, and returns its id.
async fn begin(browser: &mut Browser) -> String {
    let begun = browser.post("/applications", &[]).await;
    assert_eq!(begun.status, 303, "{}", begun.body);
    begun.header("location").split('/').nth(2).unwrap().to_owned()
}

/// The version that a page of the form has.
fn version(page: &str) -> String {
    let (_, rest) = page.split_once("name=\"version\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

async fn save(browser: &mut Browser, id: &str, step: &str, fields: &[(&str, &str)]) -> Reply {
    let path = format!("/applications/{id}/form/{step}");
    let version = version(&browser.get(&path).await.body);
    let all = [fields, &[("version", &version), ("then", "on")]].concat();
    browser.post(&path, &all).await
}

async fn fill_in(browser: &mut Browser, id: &str) {
    for (step, fields) in FILLED_IN {
        let saved = save(browser, id, step, fields).await;
        let to = saved.header("location");
        assert!(saved.status == 303 && !to.ends_with("saved=1"), "{step}: {to} {}", saved.body);
    }
}

async fn a_draft_is_saved_at_every_step_and_each_fault_stands_at_its_field(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let id = begin(&mut ada).await;
    let wrong = [("size.d50", "40,5"), ("size.method", "TEM"), ("size.d10", "-1")];
    let saved = save(&mut ada, &id, "particles", &wrong).await;
    assert!(saved.header("location").ends_with("particles?saved=1"), "{}", saved.header("location"));
    let page = ada.get(&format!("/applications/{id}/form/particles")).await.body;
    assert!(page.contains("value=\"40,5\""), "what is wrong is kept: {page}");
    for field in ["size.d50", "size.d10", "size.n", "nanomaterialConclusion"] {
        assert!(page.contains(&format!("id=\"{field}-fault\"")), "{field}: {page}");
    }
    assert!(page.contains("must be a decimal number as text"), "{page}");
    let untouched = ada.get(&format!("/applications/{id}/form/supplier")).await.body;
    assert!(!untouched.contains("-fault\""), "nothing is wrong before it was looked at: {untouched}");
    let preview = ada.get(&format!("/applications/{id}/preview")).await.body;
    assert!(preview.contains("To be corrected") && !preview.contains("/submit\""), "{preview}");
    let refused = ada.post(&format!("/applications/{id}/submit"), &[]).await;
    assert_eq!(refused.status, 409, "{}", refused.body);

    fill_in(&mut ada, &id).await;
    let preview = ada.get(&format!("/applications/{id}/preview")).await.body;
    assert!(!preview.contains("To be corrected") && preview.contains("/submit\""), "{preview}");
    assert!(preview.contains("Zinc oxide powder &#60;b&#62;"), "{preview}");
    assert!(preview.contains("-12.5") && preview.contains("Zeta potential: 1"), "rows close up: {preview}");
    assert!(ada.get("/applications").await.body.contains("Zinc oxide powder"));
    // Who applies again finds its site again.
    let second = begin(&mut ada).await;
    assert!(ada.get(&format!("/applications/{second}/form/supplier")).await.body.contains("Ghent"));
    let discarded = ada.post(&format!("/applications/{second}/discard"), &[]).await;
    assert_eq!(discarded.header("location"), "/applications");
    assert_eq!(ada.get(&format!("/applications/{second}")).await.status, 404);
}

async fn nothing_that_was_typed_is_lost(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let id = begin(&mut ada).await;
    let path = format!("/applications/{id}/form/supplier");
    // Two windows, or the back button: the later one sees both, and decides.
    let old = version(&ada.get(&path).await.body);
    save(&mut ada, &id, "supplier", &[("site", "Ghent")]).await;
    let late = ada.post(&path, &[("site", "Bruges"), ("version", &old), ("then", "on")]).await;
    assert!(late.status == 409 && late.body.contains("value=\"Bruges\""), "{}", late.body);
    assert!(ada.get(&path).await.body.contains("value=\"Ghent\""), "nothing is overwritten unseen");
    let again = [("site", "Bruges"), ("version", &version(&late.body)), ("then", "stay")];
    assert_eq!(ada.post(&path, &again).await.status, 303);
    assert!(ada.get(&path).await.body.contains("value=\"Bruges\""));

    // The login ends while somebody types.
    let version = version(&ada.get(&path).await.body);
    let token = ada.form_token().await;
    let session = ada.cookies.clone();
    let typed =
        [("site", "Liège"), ("version", version.as_str()), ("then", "on"), ("form_token", token.as_str())];
    // Ended, and not expired: whose it was is not known any more.
    ada.post("/logout", &[]).await;
    ada.cookies = session;
    ada.reload();
    let kept = ada.post_as_it_is(&path, &typed).await;
    assert!(kept.status == 403 && kept.body.contains("Liège"), "{}", kept.body);
    assert!(kept.body.contains("target=\"_blank\""), "{}", kept.body);
    assert_eq!(ada.log_in(ADA, PASSWORD).await.status, 303);
    ada.headers.push(("Origin".into(), portal.base.to_string()));
    let kept = ada.post_as_it_is(&path, &typed).await.header("location").to_owned();
    assert!(ada.get(&kept).await.body.contains("Liège"), "{kept}");
    assert_eq!(ada.post(&path, &typed[..3]).await.status, 303);
    assert!(ada.get(&path).await.body.contains("Liège"));
    ada.headers.clear();
    // Another site brings nothing in.
    ada.headers.push(("Origin".into(), "https://elsewhere.example".into()));
    let foreign = ada.post_as_it_is(&path, &typed).await;
    assert!(foreign.status == 403 && !foreign.body.contains("Liège"), "{}", foreign.body);
}

/// Two companies with the same data: every route asked with the other's ids is not there.
async fn a_company_reaches_no_other_companys_applications(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let mut eve = portal.company(EVE, "Works").await;
    let (own, other) = (begin(&mut eve).await, begin(&mut ada).await);
    fill_in(&mut ada, &other).await;
    fill_in(&mut eve, &own).await;
    let hash = confided(&portal, &mut ada, &other).await;
    let nothing = eve.get("/there/is/no/such/page").await.text();
    let before = ada.get(&format!("/applications/{other}/preview")).await.text();
    let mut asked = 0;
    for route in portal::routes().into_iter().filter(|route| route.path.contains("{application}")) {
        let step = FILLED_IN.first().unwrap();
        let path = route.path.replace("{application}", &other).replace("{step}", step.0);
        let reply = match route.method {
            Method::GET => eve.get(&path).await,
            _ if path.ends_with("/confidential") => {
                eve.post(&path, &[("name", "mine"), ("confidential", "mine")]).await
            }
            _ if path.ends_with("/remove") => eve.post(&path, &[("hash", &hash)]).await,
            _ if path.ends_with("/withdraw") => eve.post(&path, &[("reason", "mine")]).await,
            _ if path.starts_with("/admin/claims/") => eve.post(&path, &[("end", "refuse")]).await,
            _ if path.contains("/form/") => {
                eve.post(&path, &[("version", "6"), ("product.name", "stolen"), ("then", "on")]).await
            }
            _ => eve.post(&path, &[]).await,
        };
        println!("{} {}: {}", route.method, route.path, reply.status);
        assert!(reply.status == 404 && reply.text() == nothing, "{} {}", route.method, route.path);
        asked += 1;
    }
    assert!(asked >= 12, "{asked}");
    let kept = ada.get(&format!("/applications/{other}/confidential")).await.body;
    assert!(kept.contains("of Ada alone") && !kept.contains("mine"), "{kept}");
    assert!(!eve.get("/applications").await.body.contains(&other));
    assert_eq!(
        ada.get(&format!("/applications/{other}/preview")).await.text(),
        before,
        "nothing was changed"
    );
    sqlx::query("DELETE FROM calls").execute(&portal.pool).await.unwrap();
    sqlx::query("DELETE FROM applications").execute(&portal.pool).await.unwrap();
    let code = "01040G2081840R2081040G2081S";
    index(&portal, &other, "AnotherBodyMSP", "Of nobody here", "granted", "2026-01-01T00:00:00Z").await;
    sqlx::query(
        "INSERT INTO applications (id, body, applicant, title, scheme, state, steps, dossier, certificate, step, \
         taken_by, taken_at, reason, submitted_at) \
         VALUES ($1, 'CertBodyMSP', 'I', 'Granted to Ada', 'S', 'granted', 9, 'sha256:0', $2, 'grant', 'B', '2026-01-01T00:00:00Z', '', \
         '2026-01-01T00:00:00Z')",
    )
    .bind(&other)
    .bind(code)
    .execute(&portal.pool)
    .await
    .unwrap();
    submitted(&portal, &other, "CertBodyMSP").await;
    let certificates = ada.get("/certificates").await.body;
    assert!(certificates.contains("Granted to Ada") && !certificates.contains("Of nobody"), "{certificates}");
    assert!(!ada.get("/applications").await.body.contains("a reason"), "it was handed in to another body");
    assert!(!eve.get("/certificates").await.body.contains("Granted to Ada"));
    // Nobody has another company's certificate replaced.
    for (visitor, is_own) in [(&mut ada, true), (&mut eve, false)] {
        let id = begin(visitor).await;
        save(visitor, &id, "product", &[("application.replaces", &code.to_lowercase())]).await;
        let preview = visitor.get(&format!("/applications/{id}/preview")).await.body;
        let is_refused = preview.contains("must be a certificate that was granted to your company");
        assert_eq!(is_refused, !is_own, "{preview}");
    }
    assert_eq!(eve.get(&format!("/certificates/{code}/qr.svg")).await.status, 404);
}

/// Has a company keep a confidential field of an application that a body has; its hash.
async fn confided(portal: &Portal, browser: &mut Browser, id: &str) -> String {
    index(portal, id, "CertBodyMSP", "Paint", "submitted", "2026-01-31T12:00:00Z").await;
    submitted(portal, id, "CertBodyMSP").await;
    let fields = [("name", "formulation"), ("confidential", "of Ada alone")];
    let kept = browser.post(&format!("/applications/{id}/confidential"), &fields).await;
    assert_eq!(kept.status, 303, "{}", kept.body);
    let (hash,): (String,) =
        sqlx::query_as("SELECT hash FROM confidential_fields").fetch_one(&portal.pool).await.unwrap();
    hash
}

async fn a_returned_application_stays_with_its_body(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let id = begin(&mut ada).await;
    fill_in(&mut ada, &id).await;
    sqlx::query(
        "INSERT INTO calls (id, party, account, application, body, step, argument, state, created_at, tries, due_at, said) \
         SELECT 'C1', party, id, $1, 'CertBodyMSP', 'submit', '{}', 'done', 0, 1, 0, '' FROM accounts WHERE email = $2",
    )
    .bind(&id)
    .bind(ADA)
    .execute(&portal.pool)
    .await
    .unwrap();
    index(&portal, &id, "CertBodyMSP", "Paint", "returned", "2026-01-31T12:00:00Z").await;
    let saved = save(&mut ada, &id, "product", &[("application.body", "SecondBodyMSP")]).await;
    assert_eq!(saved.status, 303, "{}", saved.body);
    let own = format!("/applications/{id}");
    for page in ["/applications", &own] {
        let page = ada.get(page).await.body;
        assert!(page.contains("returned") && page.contains("You hand in what was asked for."), "{page}");
    }
    let path = format!("{own}/form/product");
    let before = version(&ada.get(&path).await.body);
    let withdrawn = ada.post(&format!("{own}/withdraw"), &[("reason", "We stop making it.")]).await;
    assert_eq!(withdrawn.header("location"), own, "{}", withdrawn.body);
    let select = sqlx::query_as("SELECT body, state FROM calls WHERE step = 'withdraw'");
    let (body, state): (String, String) = select.fetch_one(&portal.pool).await.unwrap();
    assert_eq!((&*body, &*state), ("CertBodyMSP", "waiting"));
    let late = ada.post(&path, &[("product.name", "Another"), ("version", &before), ("then", "on")]).await;
    assert_eq!(late.header("location"), own, "it is on its way as it is: {}", late.body);
}

async fn a_draft_begins_with_a_file(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let text =
        r#"{"credentialSubject": {"product": {"name": "Paint"}, "size": {"d50": "40", "unit": "nm"}}}"#;
    let begun = ada.post("/applications/import", &[("text", text)]).await;
    let to = begun.header("location").to_owned();
    assert!(ada.get(&to).await.body.contains("value=\"Paint\""), "{to}");
    let particles = to.replace("/form/product", "/form/particles");
    assert!(ada.get(&particles).await.body.contains("value=\"40\""));
    let partly = ada.post("/applications/import", &[("text", "product.name,colour\nInk,blue\n")]).await;
    assert!(partly.status == 200 && partly.body.contains("colour"), "{}", partly.body);
    assert!(ada.get("/applications").await.body.contains("Ink"));
    let refused = ada.post("/applications/import", &[("text", "<script>")]).await;
    assert!(refused.status == 422 && refused.body.contains("&#60;script&#62;"), "{}", refused.body);
    let refused = ada.post("/applications/from-certificate", &[("certificate", "x")]).await;
    assert!(refused.status == 422 && refused.body.contains("mistyped"), "{}", refused.body);
}

async fn a_form_has_the_fields_of_its_step_and_no_others(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let id = begin(&mut ada).await;
    for name in [
        "is_admin",
        "role",
        "size.d50",
        "party",
        "id",
        "standards.64",
        "standards.00",
        "standards.0.x",
        "application.x",
    ] {
        let refused = save(&mut ada, &id, "product", &[(name, "x")]).await;
        assert_eq!(refused.status, 400, "{name}");
    }
    assert_eq!(ada.get(&format!("/applications/{id}/form/nothing")).await.status, 404);
}

/// Puts an application into the index, as if the ledger had it.
async fn index(portal: &Portal, id: &str, body: &str, title: &str, state: &str, taken_at: &str) {
    sqlx::query(
        "INSERT INTO applications (id, body, applicant, title, scheme, state, steps, dossier, certificate, step, \
         taken_by, taken_at, reason, submitted_at, at_rest, sought) \
         VALUES ($1, $2, 'IndustryMSP', $3, 'S 1', $4, 2, 'sha256:0', NULL, 'accept', 'B', $5, 'a reason', $5, $6, $7)",
    )
    .bind(id)
    .bind(body)
    .bind(title)
    .bind(state)
    .bind(taken_at)
    .bind(i64::from(is_at_rest(state)))
    .bind(format!("{title} {id}").to_lowercase())
    .execute(&portal.pool)
    .await
    .unwrap();
}

/// Says that an organisation holds an office, as if the ledger did.
async fn office(portal: &Portal, organisation: &str, office: &str) {
    let insert = sqlx::query("INSERT INTO offices (organisation, office) VALUES ($1, $2)");
    insert.bind(organisation).bind(office).execute(&portal.pool).await.unwrap();
}

async fn staff_see_what_waits_for_their_organisation(portal: Portal) {
    let mut bob = portal.administrator("bob@body.example", "CertBodyMSP").await;
    let mut eve = portal.colleague(&mut bob, "eve@body.example", "evaluator").await;
    let mut other = portal.administrator("other@body.example", "SecondBodyMSP").await;
    let mut lab = portal.administrator("lab@lab.example", "LabMSP").await;
    let mut lin = portal.colleague(&mut lab, "lin@lab.example", "lab").await;
    let mut ari = portal.administrator("ari@accreditation.example", "AccreditationMSP").await;
    let mut may = portal.colleague(&mut ari, "may@accreditation.example", "accreditor").await;
    let mut aud = portal.colleague(&mut ari, "aud@accreditation.example", "auditor").await;
    for (id, body, title, state, at) in [
        ("A1", "CertBodyMSP", "Old paint", "submitted", "2020-01-01T00:00:00Z"),
        ("A2", "CertBodyMSP", "New 100% ink <i>", "accepted", "2099-01-01T00:00:00Z"),
        ("A3", "CertBodyMSP", "Older varnish", "granted", "2019-01-01T00:00:00Z"),
        ("B1", "SecondBodyMSP", "Foreign paint", "evaluated", "2020-01-01T00:00:00Z"),
    ] {
        index(&portal, id, body, title, state, at).await;
    }
    office(&portal, "LabMSP", "laboratory").await;
    office(&portal, "AccreditationMSP", "accreditation body").await;
    // Any administrator grants any role: it opens nothing that is not the organisation's.
    let mut mal = portal.colleague(&mut other, "mal@body.example", "accreditor").await;
    let mut lou = portal.colleague(&mut other, "lou@body.example", "lab").await;
    let mut max = portal.colleague(&mut lab, "max@lab.example", "accreditor").await;
    let mut ann = portal.colleague(&mut lab, "ann@lab.example", "auditor").await;
    let table: [(&mut Browser, &[&str]); 11] = [
        (&mut ann, &[]),
        (&mut mal, &["B1"]),
        (&mut lou, &["B1"]),
        (&mut max, &[]),
        (&mut bob, &["A1", "A2", "A3"]),
        (&mut eve, &["A1", "A2", "A3"]),
        (&mut other, &["B1"]),
        (&mut lab, &[]),
        (&mut lin, &["A2", "B1"]),
        (&mut may, &["A1", "A2", "A3", "B1"]),
        (&mut aud, &["A1", "A2", "A3", "B1"]),
    ];
    for (browser, seen) in table {
        let list = browser.get("/queue").await.body;
        for (id, body) in
            [("A1", "CertBodyMSP"), ("A2", "CertBodyMSP"), ("A3", "CertBodyMSP"), ("B1", "SecondBodyMSP")]
        {
            let is_seen = seen.contains(&id);
            assert_eq!(list.contains(&format!("/queue/{body}/{id}\"")), is_seen, "{id}: {list}");
            let page = browser.get(&format!("/queue/{body}/{id}")).await;
            assert_eq!(page.status, if is_seen { 200 } else { 404 }, "{id}");
        }
    }
    let list = eve.get("/queue").await.body;
    let place = |id: &str| list.find(&format!("/queue/CertBodyMSP/{id}\"")).unwrap();
    assert!(place("A1") < place("A2") && place("A2") < place("A3"), "what is over stands last: {list}");
    assert_eq!(list.matches("tag overdue").count(), 1, "{list}");
    assert!(list.contains("For you: submitted (1)") && !list.contains("For you: reviewed"), "{list}");
    assert!(list.contains("&#60;i&#62;"), "{list}");
    for (query, seen) in [
        ("search=PAINT", &["A1"][..]),
        ("search=%25", &["A2"]),
        ("search=_", &[]),
        ("search=a3", &["A3"]),
        ("state=accepted", &["A2"]),
        ("state=nothing", &[]),
        ("page=1", &[]),
        ("page=-5&sort=newest", &["A1", "A2", "A3"]),
    ] {
        let list = eve.get(&format!("/queue?{query}")).await.body;
        let found: Vec<_> =
            ["A1", "A2", "A3", "B1"].into_iter().filter(|id| list.contains(&format!("MSP/{id}\""))).collect();
        assert_eq!(found, seen, "{query}");
    }
    assert_eq!(portal.company(ADA, "Works").await.get("/queue").await.status, 404);
}

async fn an_application_is_in_the_hands_of_a_person_of_its_body(portal: Portal) {
    let mut bob = portal.administrator("bob@body.example", "CertBodyMSP").await;
    let mut eve = portal.colleague(&mut bob, "eve@body.example", "evaluator").await;
    let mut other = portal.administrator("other@body.example", "SecondBodyMSP").await;
    let mut ari = portal.administrator("ari@accreditation.example", "AccreditationMSP").await;
    let mut may = portal.colleague(&mut ari, "may@accreditation.example", "accreditor").await;
    index(&portal, "A1", "CertBodyMSP", "Paint", "submitted", "2020-01-01T00:00:00Z").await;
    office(&portal, "AccreditationMSP", "accreditation body").await;
    let path = "/queue/CertBodyMSP/A1/assign";
    let (of_eve, of_other) = (portal.id("eve@body.example").await, portal.id("other@body.example").await);
    // To nobody of another organisation, by nobody of another organisation, and not by who watches over all of them.
    assert_eq!(eve.post(path, &[("to", "x")]).await.status, 404);
    for (browser, to) in [(&mut eve, &*of_other), (&mut other, &of_other), (&mut may, &of_eve)] {
        assert_eq!(browser.post(path, &[("to", to)]).await.status, 404, "{to}");
    }
    assert_eq!(portal.count("assignments").await, 0);
    assert_eq!(bob.post(path, &[("to", &of_eve)]).await.status, 303);
    let page = eve.get("/queue/CertBodyMSP/A1").await.body;
    assert!(page.contains("<dt>In the hands of</dt>"), "{page}");
    for (browser, count) in [(&mut eve, 1), (&mut bob, 0)] {
        let list = browser.get("/queue?mine=yes").await.body;
        assert_eq!(list.matches("/queue/CertBodyMSP/A1\"").count(), count, "{list}");
    }
    // Who watches over all does not see a body's notes.
    let list = may.get("/queue").await.body;
    assert!(list.contains("/queue/CertBodyMSP/A1\"") && !list.contains("in the hands of"), "{list}");
    assert_eq!(bob.post(&format!("/admin/people/{of_eve}"), &[("step", "disable")]).await.status, 303);
    assert_eq!(bob.post(path, &[("to", &of_eve)]).await.status, 404, "who is disabled gets nothing");
    assert_eq!(bob.post(path, &[("to", "")]).await.status, 303);
    assert_eq!(portal.count("assignments").await, 0);
}

/// Puts a call that is done into the outbox, as if the dossier had been handed in to this body.
async fn submitted(portal: &Portal, id: &str, body: &str) {
    sqlx::query(
        "INSERT INTO calls (id, party, account, application, body, step, argument, state, created_at, tries, due_at, said) \
         SELECT 'call', party, (SELECT min(id) FROM accounts), id, $2, 'submit', '{}', 'done', 0, 1, 0, '' FROM dossiers \
         WHERE id = $1",
    )
    .bind(id)
    .bind(body)
    .execute(&portal.pool)
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_body_reads_the_files_that_a_dossier_names_and_no_others() {
    let (_keys, organisations) = away();
    of_the_body_alone(Portal::before(organisations).await).await;
    let (_keys, organisations) = away();
    let cluster = Postgres::start().await;
    of_the_body_alone(Portal::on_postgres_before(&cluster, "files", organisations).await).await;
}

async fn of_the_body_alone(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let id = begin(&mut ada).await;
    let mut uploaded = Vec::new();
    for content in ["%PDF-1.7 a report", "%PDF-1.7 something else"] {
        let kept = ada.upload("report.pdf", content.as_bytes()).await;
        uploaded.push(kept.header("location").replace("/files?file=", "/files/"));
    }
    let (named, other) = (sha256("%PDF-1.7 a report"), sha256("%PDF-1.7 something else"));
    let page = ada.get(&format!("/applications/{id}/form/evidence")).await.body;
    assert!(page.contains(&format!("<option value=\"{named}\">report.pdf")), "{page}");
    let content = format!(r#"{{"credentialSubject":{{"testReports":[{{"lab":"L","sha256":"{named}"}}]}}}}"#);
    sqlx::query("INSERT INTO editions (dossier, number, hash, content, at) VALUES ($1, 1, $2, $3, 0)")
        .bind(&id)
        .bind(format!("sha256:{}", sha256(&content)))
        .bind(&content)
        .execute(&portal.pool)
        .await
        .unwrap();
    index(&portal, &id, "CertBodyMSP", "Paint", "accepted", "2026-01-31T12:00:00Z").await;
    // Anybody on the channel may apply with the same id to another body.
    index(&portal, &id, "SecondBodyMSP", "Stolen paint", "accepted", "2026-01-31T12:00:00Z").await;
    submitted(&portal, &id, "CertBodyMSP").await;
    let mut bob = portal.administrator("bob@body.example", "CertBodyMSP").await;
    let path_of = |body: &str, hash: &str| format!("/queue/{body}/{id}/files/{hash}");
    let path = |hash: &str| path_of("CertBodyMSP", hash);
    let file = bob.get(&path(&named)).await;
    assert!(file.status == 200 && file.body == "%PDF-1.7 a report", "{}", file.body);
    assert!(file.header("content-disposition").starts_with("attachment"));
    assert_eq!(bob.get(&path(&other)).await.status, 404, "not named in the dossier");
    let mut second = portal.administrator("other@body.example", "SecondBodyMSP").await;
    for body in ["CertBodyMSP", "SecondBodyMSP"] {
        assert_eq!(second.get(&path_of(body, &named)).await.status, 404, "of another body");
    }
    let page = second.get(&format!("/queue/SecondBodyMSP/{id}")).await.body;
    assert!(page.contains("Stolen paint") && !page.contains("handed in"), "{page}");
    let page = bob.get(&format!("/queue/CertBodyMSP/{id}")).await.body;
    assert!(page.contains("Paint") && !page.contains("Stolen"), "{page}");
    office(&portal, "LabMSP", "laboratory").await;
    let mut lab = portal.administrator("lab@lab.example", "LabMSP").await;
    let mut lin = portal.colleague(&mut lab, "lin@lab.example", "lab").await;
    // In the name of the laboratory, or not at all: the portal has an identity of another organisation.
    let page = lin.get(&format!("/queue/CertBodyMSP/{id}")).await.body;
    assert!(page.contains("without an identity of your organisation"), "{page}");
    assert_eq!(lin.get(&format!("/queue/CertBodyMSP/{id}")).await.status, 200);
    assert_eq!(lin.get(&path(&named)).await.status, 404, "a laboratory sees the ledger's part alone");
    // Nor what somebody else submitted with the same id before the call came there.
    let by = |msp_id: &'static str| {
        sqlx::query("UPDATE applications SET applicant = $1").bind(msp_id).execute(&portal.pool)
    };
    by("LabMSP").await.unwrap();
    assert_eq!(bob.get(&path(&named)).await.status, 404);
    by("IndustryMSP").await.unwrap();
    assert_eq!(bob.get(&path(&named)).await.status, 200);
    // What was handed in stays.
    for (file, status) in uploaded.iter().zip([409, 303]) {
        assert_eq!(ada.post(&format!("{file}/remove"), &[]).await.status, status, "{file}");
    }
    assert_eq!(bob.get(&path(&named)).await.body, "%PDF-1.7 a report");
    // What was changed in the database since it was hashed is not read.
    sqlx::query("UPDATE editions SET content = replace(content, 'lab', 'bal')")
        .execute(&portal.pool)
        .await
        .unwrap();
    assert_eq!(bob.get(&path(&named)).await.status, 404);
}

fn sha256(text: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Over every form of companies that a draft without a ledger has; those of studies: `a_session_that_ended_meanwhile_computes_nothing`.
async fn a_session_that_ended_meanwhile_writes_nothing(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let id = begin(&mut ada).await;
    for (path, fields) in [
        ("/applications".to_owned(), &[][..]),
        ("/applications/import".to_owned(), &[("text", "product.name\nInk\n")][..]),
        (format!("/applications/{id}/form/supplier"), &[("site", "Ghent"), ("version", "1")][..]),
        (format!("/applications/{id}/discard"), &[][..]),
    ] {
        ada.form_token().await;
        let begun = ada.begin_post(&path, fields).await;
        let before = (portal.count("audit").await, portal.count("dossiers").await);
        sqlx::query("DELETE FROM sessions").execute(&portal.pool).await.unwrap();
        let late = begun.end().await;
        assert_eq!((late.status, late.header("location")), (303, "/login"), "{path}: {}", late.body);
        assert_eq!((portal.count("audit").await, portal.count("dossiers").await), before, "{path}");
        ada = portal.browser();
        assert_eq!(ada.log_in(ADA, PASSWORD).await.status, 303, "{path}");
    }
    assert!(!ada.get(&format!("/applications/{id}/form/supplier")).await.body.contains("Ghent"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_handed_in_waits_while_the_ledger_is_away() {
    let (_keys, organisations) = away();
    let portal = Portal::before(organisations).await;
    let mut ada = portal.company(ADA, "Works").await;
    let id = begin(&mut ada).await;
    fill_in(&mut ada, &id).await;
    let submit = format!("/applications/{id}/submit");
    ada.form_token().await;
    let (mut one, mut other) = (ada.clone(), ada.clone());
    let (one, other) = tokio::join!(one.post(&submit, &[]), other.post(&submit, &[]));
    assert_eq!((one.status, other.status), (303, 303), "{}{}", one.body, other.body);
    assert_eq!(ada.post(&submit, &[]).await.status, 303);
    assert_eq!(
        (portal.count("calls").await, portal.count("editions").await),
        (1, 1),
        "nothing is done twice"
    );
    let own = format!("/applications/{id}");
    let page = loop {
        let page = ada.get(&own).await.body;
        if page.contains("is tried again") {
            break page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert!(page.contains("cannot be reached") && page.contains("waits until it is back"), "{page}");
    // It is on the way: what was handed in is not changed any more.
    assert_eq!(ada.get(&format!("{own}/form/product")).await.header("location"), own);
    assert_eq!(ada.post(&format!("{own}/discard"), &[]).await.status, 404);
    let content = ada.get(&format!("{own}/dossier")).await;
    assert!(content.header("content-disposition").starts_with("attachment"), "{}", content.body);
    assert!(content.body.contains("nanotrace dossier 1") && content.body.contains("Ghent"));
    for page in ["/applications", "/certificates", "/applications/new"] {
        assert_eq!(ada.get(page).await.status, 200, "{page}");
    }
    let mut bob = portal.administrator("bob@body.example", "CertBodyMSP").await;
    assert!(bob.get("/ledger").await.body.contains("cannot be reached"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_decided_waits_while_the_ledger_is_away_and_its_body_sees_it() {
    let (_keys, organisations) = away();
    decided_while_away(Portal::before(organisations).await).await;
    let (_keys, organisations) = away();
    let cluster = Postgres::start().await;
    decided_while_away(Portal::on_postgres_before(&cluster, "grants", organisations).await).await;
}

/// The organisation that is away is the body here, and another one has no signer.
async fn decided_while_away(portal: Portal) {
    let ids = ["68S34CHJ689348HJ68S34CHJ688", "01040G2081840R2081040G2081S", "3QRHCZVDYQ8HYTHNKPSSW9ZEMC3"];
    for (id, body, state) in [
        (ids[0], "IndustryMSP", "decided"),
        (ids[1], "IndustryMSP", "reviewed"),
        (ids[2], "CertBodyMSP", "decided"),
    ] {
        sqlx::query(
            "INSERT INTO applications (id, body, applicant, title, scheme, state, steps, dossier, certificate, step, \
             taken_by, taken_at, reason, submitted_at) VALUES ($1, $2, 'OtherMSP', '<i>Paint', 'S 1', $3, 6, 'sha256:0', 'C', \
             'decide', $2, '2026-01-31T12:00:00Z', '', '2026-01-30T12:00:00Z')",
        )
        .bind(id)
        .bind(body)
        .bind(state)
        .execute(&portal.pool)
        .await
        .unwrap();
    }
    let mut ivy = portal.administrator("ivy@industry.example", "IndustryMSP").await;
    let page = loop {
        let page = ivy.get("/grants").await.body;
        if page.contains("It waits: ") {
            break page;
        }
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    };
    assert!(
        page.contains("cannot be reached") && page.contains("Step 1 of 3") && page.contains("Tried "),
        "{page}"
    );
    assert!(page.contains(&format!("/queue/IndustryMSP/{}\">&#60;i&#62;Paint", ids[0])), "{page}");
    assert!(!page.contains(ids[1]) && !page.contains(ids[2]), "{page}");
    assert_eq!(portal.count("grants").await, 1, "{page}");
    let mut bob = portal.administrator("bob@body.example", "CertBodyMSP").await;
    let page = bob.get("/grants?page=-1").await.body;
    assert!(page.contains("no signer of CertBodyMSP") && !page.contains(ids[0]), "{page}");
    assert_eq!(portal.company(ADA, "Works").await.get("/grants").await.status, 404);
}

/// A change has a connection, and everybody waits for it: what needs another connection within it would wait for those.
async fn many_withdrawals_at_once_are_answered(portal: Portal) {
    let mut ada = portal.company(ADA, "Works").await;
    let id = begin(&mut ada).await;
    let path = format!("/applications/{id}/withdraw");
    let mut begun = Vec::new();
    for _ in 0..12 {
        begun.push(ada.begin_post(&path, &[("reason", "mine")]).await);
    }
    // While somebody else changes something, they take every connection that there is.
    let mut other = portal.pool.begin().await.unwrap();
    sqlx::query("UPDATE audit_head SET seq = seq").execute(&mut *other).await.unwrap();
    let mut asked = JoinSet::new();
    begun.into_iter().for_each(|post| drop(asked.spawn(post.end())));
    tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    other.rollback().await.unwrap();
    for reply in asked.join_all().await {
        assert_eq!(reply.status, 303, "{}", reply.body);
    }
}
