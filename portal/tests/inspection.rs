//! What the portal passes on of a verifier's answers, over real HTTP: on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod harness;

use std::{
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
use desk::{Identity, Organisations};
use harness::Portal;
use material::{CryptoConfig, Validity};
use peer_client::profile::{ConnectionProfile, Organisation, Server};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

const CLEO: &str = "cleo@customs.example";
const ADA: &str = "ada@works.example";
const GENESIS: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
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

/// Customs and industry, with a ledger that does not answer and this verifier.
fn organisations(verifier: Option<&str>) -> (TempDir, Organisations) {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("crypto-config");
    let names = ["Customs", "Industry"];
    let config = names.map(|name| {
        let domain = name.to_lowercase();
        format!("  - Name: {name}\n    Domain: {domain}.example\n    EnableNodeOUs: true\n    Template: {{Count: 1}}\n    Users: {{Count: 1}}\n")
    });
    let config = CryptoConfig::parse(&format!("PeerOrgs:\n{}", config.concat())).unwrap();
    material::generate(&config, &keys, Validity::of_years(1_790_000_000, 1)).unwrap();
    let server = || Server { address: "127.0.0.1:1".into(), tls_ca_file: None, server_name: None };
    let organisation = |name: &str| Organisation {
        name: name.into(),
        msp_id: format!("{name}MSP"),
        domain: format!("{}.example", name.to_lowercase()),
        gateway: server(),
    };
    let profile = ConnectionProfile {
        channel: "nanotrace".into(),
        chaincode: "nanotrace".into(),
        genesis: GENESIS.into(),
        crypto_config: keys,
        verifier: verifier.map(str::to_owned),
        orderer: server(),
        organisations: names.map(organisation).to_vec(),
    };
    let service = names.map(|name| Identity { organisation: name.into(), user: "User1".into() });
    let organisations = Organisations::new(&profile, &[], &service, Some("Industry")).unwrap();
    (folder, organisations)
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
