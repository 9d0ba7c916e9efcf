//! Every page in Chromium, at three widths: axe-core finds nothing, and nothing is wider than the window.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, dead_code)]

mod harness;

use std::path::Path;

use accounts::kept::{self, KeptForm};
use harness::{Browser, PASSWORD, Portal, node};

/// Opens these pages, as whom this browser is logged in.
fn look(browser: &Browser, pages: &[String]) {
    let mut command = node();
    command.arg("tests/witnesses/browser.mjs").arg("artifacts/screenshots").args(pages);
    if let Some(session) = browser.session() {
        command.env("COOKIE", format!("nanotrace-session={session}"));
    }
    let output = command.output().expect("node, for the browser");
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{failed}");
    assert_eq!(said.lines().count(), pages.len() * 3, "{said}");
    assert!(!said.contains("\"status\":500") && !said.contains("\"status\":303"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_each_page_and_axe_finds_nothing() {
    let portal = Portal::on_sqlite().await;
    let mut bob = portal.administrator("bob@body.example", "CertBodyMSP").await;
    portal.colleague(&mut bob, "eve.evaluates.everything@body.example", "evaluator").await;
    bob.post("/admin/invitations", &[("email", "ruth@body.example"), ("role", "reviewer")]).await;
    let join = portal.link("ruth@body.example", "/join").await;
    portal.browser().post("/recover", &[("email", "bob@body.example")]).await;
    let reset = portal.link("bob@body.example", "/reset").await;
    let at = |name: &str, path: &str| format!("portal-{name}={}{path}", portal.base);
    let open = [("front", "/"), ("register", "/register"), ("login", "/login"), ("recover", "/recover")];
    let mut pages = open.map(|(name, path)| at(name, path)).to_vec();
    pages.push(at("join", &join));
    pages.push(at("reset", &reset));
    pages.push(at("not-found", "/there/is/no/such/page"));
    look(&portal.browser(), &pages);
    assert_eq!(bob.upload("Safety data sheet.pdf", b"%PDF-1.7").await.status, 303);
    let typed = [("email", "a@b.example"), ("remark", "Two lines,\nand more of them.")];
    let typed = typed.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let form = KeptForm { path: "/admin/invitations".to_owned(), fields: typed };
    let account = portal.id("bob@body.example").await;
    let kept = kept::keep(&portal.database, &account, &form, accounts::now()).await.unwrap().unwrap();
    let kept = format!("/kept/{kept}");
    let own = [
        ("kept", kept.as_str()),
        ("home", "/"),
        ("account", "/account"),
        ("files", "/files"),
        ("people", "/admin/people"),
        ("audit", "/admin/audit"),
    ];
    look(&bob, &own.map(|(name, path)| at(name, path)));
}

/// A draft with mistakes, one that was granted, and what staff see of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_applications_and_axe_finds_nothing() {
    let portal = Portal::on_sqlite().await;
    let mut ada = portal.company("ada@works.example", "Works with a rather long name & Sons").await;
    let text = r#"{"product": {"name": "Zinc oxide powder, coated, for paints and varnishes"}, "size": {"d50": "40,5", "unit": "nm"},
        "zeta": [{"mV": "-12.5", "pH": "7", "medium": "water"}], "surfaceTreatment": [{"agent": "silane"}]}"#;
    let begun = ada.post("/applications/import", &[("text", text)]).await;
    let draft = begun.header("location").trim_end_matches("/form/product").to_owned();
    for step in ["product", "supplier", "substance", "particles", "evidence"] {
        let page = ada.get(&format!("{draft}/form/{step}")).await.body;
        let version =
            page.split_once("name=\"version\" value=\"").unwrap().1.split('"').next().unwrap().to_owned();
        let typed: &[(&str, &str)] = match step {
            "product" => &[
                ("product.name", "Zinc oxide powder, coated, for paints and varnishes"),
                ("product.gtin", "1"),
            ],
            "particles" => &[("size.d50", "40,5"), ("zeta.0.mV", "-12.5"), ("zeta.0.pH", "15")],
            _ => &[],
        };
        let fields = [typed, &[("version", version.as_str()), ("then", "stay")]].concat();
        assert_eq!(ada.post(&format!("{draft}/form/{step}"), &fields).await.status, 303, "{step}");
    }
    let second =
        ada.post("/applications", &[]).await.header("location").trim_end_matches("/form/product").to_owned();
    let fields = [("application.body", "CertBodyMSP"), ("version", "1"), ("then", "stay")];
    assert_eq!(ada.post(&format!("{second}/form/product"), &fields).await.status, 303);
    for (id, state, certificate) in [
        (second.rsplit('/').next().unwrap(), "granted", Some("01040G2081840R2081040G2081S")),
        ("68S34CHJ689348HJ68S34CHJ688", "accepted", None),
    ] {
        sqlx::query(
            "INSERT INTO applications (id, body, applicant, title, scheme, state, steps, dossier, certificate, step, \
             taken_by, taken_at, reason, submitted_at) VALUES ($1, 'CertBodyMSP', 'IndustryMSP', 'Titanium dioxide', \
             'https://nanotrace.org/schemes/demonstration 1', $2, 4, 'sha256:0', $3, 'accept', 'CertBodyMSP', \
             '2026-01-31T12:00:00Z', 'Which batch?', '2026-01-30T12:00:00Z')",
        )
        .bind(id)
        .bind(state)
        .bind(certificate)
        .execute(&portal.pool)
        .await
        .unwrap();
    }
    let at = |name: &str, path: &str| format!("portal-{name}={}{path}", portal.base);
    let mut pages = vec![at("applications", "/applications"), at("application-new", "/applications/new")];
    pages.push(at("application-draft", &draft));
    pages.push(at("application-granted", &second));
    pages.push(at("application-preview", &format!("{draft}/preview")));
    for step in ["product", "supplier", "substance", "particles", "evidence"] {
        pages.push(at(&format!("application-{step}"), &format!("{draft}/form/{step}")));
    }
    pages.push(at("certificates", "/certificates"));
    pages.push(at("notifications", "/notifications"));
    for (number, read) in [(1, None), (2, Some(2))] {
        sqlx::query(
            "INSERT INTO notices (id, account, event, is_task, subject, body, link, at, made_at, read_at) SELECT $1, id, $1, 0, \
             'Suspended: Titanium dioxide', 'CertBodyMSP suspended the certificate for Titanium dioxide.\n\nIt says: Complaint 17.', \
             '/certificates', 1769860800, 1, $2 FROM accounts WHERE email = 'ada@works.example'",
        )
        .bind(number.to_string())
        .bind(read)
        .execute(&portal.pool)
        .await
        .unwrap();
    }
    let appeal = [
        ("kind", "appeal"),
        ("application", second.rsplit('/').next().unwrap()),
        ("words", "The laboratory measured another batch.\nWe sent the right one."),
    ];
    assert_eq!(ada.post("/complaints", &appeal).await.status, 303);
    let select = sqlx::query_as("SELECT id FROM grievances");
    let (written,): (String,) = select.fetch_one(&portal.pool).await.unwrap();
    sqlx::query(
        "INSERT INTO complaints (body, id, kind, certificate, filed_by, state, steps, summary, filed_at, taken_by, taken_at, \
         reason) VALUES ('CertBodyMSP', 'C1', 'complaint', '01040G2081840R2081040G2081S', 'LabMSP', 'acknowledged', 2, \
         'The size is another one', '2026-01-30T12:00:00Z', 'CertBodyMSP', '2026-01-31T12:00:00Z', 'Ruth looks into it')",
    )
    .execute(&portal.pool)
    .await
    .unwrap();
    let claimed = certificate::Code::from_random([13; 16]).to_string();
    let content = serde_json::json!({
        "format": "nanotrace dossier 1", "application": claimed, "salt": "0".repeat(32), "with": {"body": "CertBodyMSP"},
        "credentialSubject": {
            "product": {"name": "Zinc oxide powder, coated, for paints and varnishes"}, "client": {"name": "Works & Sons"},
        },
    });
    sqlx::query(
        "INSERT INTO claims (application, body, party, account, content, at) \
         SELECT $1, 'CertBodyMSP', party, id, $2, 1769860800 FROM accounts WHERE email = 'ada@works.example'",
    )
    .bind(&claimed)
    .bind(content.to_string())
    .execute(&portal.pool)
    .await
    .unwrap();
    pages.push(at("take-over", "/applications/take-over"));
    pages.push(at("applications-claimed", "/applications"));
    pages.push(at("own-complaints", "/complaints"));
    pages.push(at("write-complaint", "/complaints/new"));
    look(&ada, &pages);
    for (id, state, step, tries, said, transaction) in [
        (
            "68S34CHJ689348HJ68S34CHJ688",
            "waiting",
            "signature",
            3,
            "the signer does not answer: Connection refused",
            None,
        ),
        (second.rsplit('/').next().unwrap(), "granted", "grant", 1, "", Some("51d0")),
        (
            "01040G2081840R2081040G2081S",
            "ended",
            "document",
            1,
            "the decision was taken back: the application is refused",
            None,
        ),
    ] {
        sqlx::query(
            "INSERT INTO grants (body, application, decision, state, step, tries, due_at, said, created_at, transaction_id, \
             block) VALUES ('CertBodyMSP', $1, 4, $2, $3, $4, 0, $5, 0, $6, 7)",
        )
        .bind(id)
        .bind(state)
        .bind(step)
        .bind(tries)
        .bind(said)
        .bind(transaction)
        .execute(&portal.pool)
        .await
        .unwrap();
    }
    let mut bob = portal.administrator("bob@body.example", "CertBodyMSP").await;
    let mut eve = portal.colleague(&mut bob, "eve@body.example", "evaluator").await;
    let list = "01040G2081840R2081040G2081S\nABC\n9520123456788\n=cmd\n";
    let shipment = eve.post("/shipments", &[("list", list)]).await.header("location").to_owned();
    let written = format!("/complaints/CertBodyMSP/{written}");
    portal.administrator("cleo@customs.example", "CustomsMSP").await;
    for (id, state) in [("1", "asked"), ("2", "opened"), ("3", "refused")] {
        sqlx::query(
            "INSERT INTO disclosures (id, party, account, certificate, product, application, body, wanted, reason, asked_at, \
             state, answered_by, answered_at, said, place, hash, ends_at) SELECT $1, party, id, '01040G2081840R2081040G2081S', \
             'Titanium dioxide', '68S34CHJ689348HJ68S34CHJ688', 'CertBodyMSP', 'The list of all customers in the last year', \
             'Case 17', 1, $2, id, 2, 'Write which law you ask by.', 1, \
             'sha256:4c9ce8e25d43b91c94ec41820a56991b6ba3044264b7afe6a368c8e971e83b18', 3 \
             FROM accounts WHERE email = 'cleo@customs.example'",
        )
        .bind(id)
        .bind(state)
        .execute(&portal.pool)
        .await
        .unwrap();
    }
    let staff = [
        ("disclosures", "/disclosures"),
        ("disclosure-waits", "/disclosures/1"),
        ("disclosure-opened", "/disclosures/2"),
        ("disclosure-refused", "/disclosures/3"),
        ("disclosure-check", "/disclosures/check"),
        ("disclosure-new", "/disclosures/new?certificate=ABC"),
        ("complaints", "/complaints"),
        ("complaint", "/complaints/CertBodyMSP/C1"),
        ("complaint-written", &written),
        ("queue", "/queue"),
        ("queued", "/queue/CertBodyMSP/68S34CHJ689348HJ68S34CHJ688"),
        ("ledger", "/ledger"),
        ("grants", "/grants"),
        ("look-up", "/look-up?code=01040G2081840R2081040G2081S"),
        ("look-up-mistyped", "/look-up?code=ABC"),
        ("shipments", "/shipments"),
        ("shipment", shipment.as_str()),
    ];
    look(&eve, &staff.map(|(name, path)| at(name, path)));
    look(&bob, &[at("claims", "/admin/claims"), at("queue-claimed", "/queue")]);
}

/// A study that waits, one of a wrong file, and one that came to something, with its plot.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_studies_and_axe_finds_nothing() {
    let portal = Portal::on_sqlite().await;
    let mut ada = portal.company("ada@works.example", "Works with a rather long name & Sons").await;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let data = std::fs::read_to_string(root.join("stability/tests/data/exp4.csv")).unwrap();
    let mut studies = Vec::new();
    for (name, content) in [
        ("Potency of zinc oxide dispersions, 25 °C and 60 % RH.csv", data.as_str()),
        ("wrong.csv", "batch;month;assay\na;0;101,5\na;3;\na;6;n.d.\n"),
    ] {
        let kept = ada.upload(name, content.as_bytes()).await;
        let file = kept.header("location").replace("/files?file=", "");
        let form = [
            ("file", file.as_str()),
            ("batch", "1"),
            ("time", "2"),
            ("result", "3"),
            ("decimal", "point"),
            ("lower", "95"),
            ("upper", ""),
            ("unit", "months"),
            ("cap", ""),
            ("claim", "no"),
            ("where1", "0"),
            ("text1", ""),
            ("where2", "0"),
            ("text2", ""),
        ];
        studies.push((file.clone(), ada.post("/studies", &form).await.header("location").to_owned()));
    }
    let waiting = async || {
        let count = sqlx::query_as("SELECT count(*) FROM computations WHERE state = 'waiting'");
        let (count,): (i64,) = count.fetch_one(&portal.pool).await.unwrap();
        count
    };
    while waiting().await > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let id = ada.post("/applications", &[]).await.header("location").split('/').nth(2).unwrap().to_owned();
    let [(file, done), (_, refused)] = &studies[..] else { panic!("{studies:?}") };
    assert_eq!(ada.post(&format!("{done}/attach"), &[("application", &id)]).await.status, 303);
    let at = |name: &str, path: &str| format!("portal-{name}={}{path}", portal.base);
    let pages = [
        at("studies", "/studies"),
        at("study-new", &format!("/studies/new?file={file}")),
        at("study", done),
        at("study-refused", refused),
        at("study-attached", &format!("/applications/{id}/form/evidence")),
    ];
    look(&ada, &pages);
    // It stays as it is: what waits cannot be begun.
    for statement in [
        "CREATE TRIGGER held BEFORE UPDATE ON computations WHEN OLD.state = 'waiting' BEGIN SELECT RAISE(ABORT, 'held'); END",
        "UPDATE computations SET state = 'waiting', rows_read = 420000, tries = 1 WHERE result IS NOT NULL",
    ] {
        sqlx::query(statement).execute(&portal.pool).await.unwrap();
    }
    look(&ada, &[at("study-waiting", done)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_makes_a_passkey_in_a_browser_and_logs_in_with_it() {
    let portal = Portal::on_sqlite().await;
    let email = "grace@body.example";
    let link =
        portal::invite_administrator(&portal.database, &portal.base, "CertBodyMSP", email).await.unwrap();
    let mut command = node();
    command.arg("tests/witnesses/passkeys.mjs").arg("artifacts/screenshots").args([&link, PASSWORD]);
    let output = command.output().expect("node, for the browser");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demonstration_says_so_on_each_page_and_axe_finds_nothing() {
    let portal = Portal::demonstration().await;
    let entrances = accounts::admit(&portal.database, &portal.base, &[]).await.unwrap();
    portal.browser().post("/recover", &[("email", "applicant@works.example")]).await;
    portal.mail("applicant@works.example", "/reset?token=").await;
    let pages = [
        ("front", format!("{}/", portal.base)),
        ("outbox", format!("{}/outbox", portal.base)),
        ("welcome", entrances[0].link.clone()),
    ];
    look(&portal.browser(), &pages.map(|(name, url)| format!("demonstration-{name}={url}")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_logs_in_with_a_wallet_in_a_browser() {
    let portal = Portal::on_sqlite().await;
    portal.company("ada@works.example", "Works").await;
    let mut command = node();
    command.arg("tests/witnesses/wallets.mjs").arg("artifacts/screenshots");
    command.args([&portal.base.to_string(), "ada@works.example", PASSWORD]);
    let output = command.output().expect("node, for the browser");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(portal.count("wallets").await, 2);
    assert_eq!(portal.count("audit WHERE action = 'login by wallet' AND result = 'done'").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_shows_a_companys_team_and_axe_finds_nothing() {
    let portal = Portal::on_sqlite().await;
    let mut ada = portal.company("ada@works.example", "Works with a rather long name & Sons").await;
    let long = "somebody.with.a.rather.long.address@works.example";
    portal.colleague(&mut ada, long, "member").await;
    let rea = portal.colleague(&mut ada, "rea@works.example", "reader").await;
    ada.post("/team/invitations", &[("email", "new.colleague@works.example"), ("role", "member")]).await;
    let begun = ada.post("/applications", &[]).await;
    let draft = begun.header("location").trim_end_matches("/form/product").to_owned();
    let at = |name: &str, path: &str| format!("portal-{name}={}{path}", portal.base);
    let made = [
        ("name", "ERP of the works"),
        ("days", "90"),
        ("scope", "applications:read"),
        ("scope", "files:read"),
    ];
    let page = ada.post("/team/keys", &made).await;
    assert!(page.status == 200 && page.body.contains("never again"), "{}", page.body);
    look(&ada, &[at("team", "/team"), at("keys", "/team/keys")]);
    let pages = [("team", "/team"), ("draft", &draft), ("new", "/applications/new"), ("files", "/files")];
    look(&rea, &pages.map(|(name, path)| at(&format!("reader-{name}"), path)));
}
