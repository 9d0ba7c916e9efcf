//! The signer over its socket, with a ledger that the test plays.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::{
    io::{Read, Write},
    net::Shutdown,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use certificate::{
    Code, DateTime, canonical, demo,
    document::{Issuer, LedgerBinding, StatusEntry, Validity, check_signed},
    draft::Particulars,
    json::Json,
    proof,
};
use ed25519_dalek::SigningKey;
use serde_json::{Value, json};
use signer::{
    client,
    ledger::{Decisions, NotSigned},
    protocol::{Answer, Request},
    server::Signer,
    socket,
};
use tempfile::TempDir;
use tokio::sync::oneshot;

const BODY: &str = "CertBodyMSP";

/// What the ledger says, or None where it does not answer.
#[derive(Clone)]
struct Ledger(Arc<Mutex<Option<Value>>>);

impl Decisions for Ledger {
    async fn application(&self, id: Code) -> Result<Value, NotSigned> {
        assert_eq!(id, application());
        self.0.lock().unwrap().clone().ok_or_else(|| NotSigned::Failed("no answer".into()))
    }
}

struct Running {
    socket: PathBuf,
    ledger: Ledger,
    _stop: oneshot::Sender<()>,
    _folder: TempDir,
}

fn application() -> Code {
    Code::from_random([9; 16])
}

fn now() -> DateTime {
    DateTime::parse("2026-11-21T12:00:00Z").unwrap()
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn document() -> Value {
    demo::document(&Particulars {
        code: Code::from_random([1; 16]),
        issuer: Issuer { id: "did:web:certbody.example".into(), name: "CertBody".into() },
        ledger: LedgerBinding { channel: "nanotrace".into(), genesis: format!("sha256:{}", "ab".repeat(32)) },
        status: StatusEntry { lists: "https://certbody.example/status".into(), list: 0, index: 1 },
        decided: now().plus_days(-1),
        validity: Validity { from: now(), until: now().plus_years(3).unwrap() },
    })
}

fn decided_on(document: &Value) -> Value {
    let hash = hex::encode(proof::document_hash(&Json::from(document)).unwrap());
    json!({
        "application": application().to_string(), "body": BODY, "state": "decided",
        "decision": {"document": format!("sha256:{hash}")},
    })
}

/// A signer whose ledger says that the application is decided on [`document`].
fn start() -> Running {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("signer");
    let ledger = Ledger(Arc::new(Mutex::new(Some(decided_on(&document())))));
    let (listener, guard) = socket::listen(&socket).unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let signer = Signer::new(key(), BODY.into(), ledger.clone(), now);
    tokio::spawn(async move {
        let _guard = guard;
        signer.serve(listener, async { drop(stopped.await) }).await;
    });
    Running { socket, ledger, _stop: stop, _folder: folder }
}

async fn ask(running: &Running, document: &Value) -> Answer {
    let request = Request { application: application(), document: document.clone() };
    client::ask(&running.socket, &request).await.unwrap()
}

fn refused(answer: Answer, words: &str) {
    let Answer::Refused(why) = answer else { panic!("{answer:?}") };
    assert!(why.contains(words), "{why}");
}

#[tokio::test]
async fn what_is_decided_is_signed() {
    let running = start();
    let Answer::Signed(text) = ask(&running, &document()).await else { panic!() };
    let signed = check_signed(text.as_bytes()).unwrap();
    assert_eq!(signed.document.code, Code::from_random([1; 16]));
    let read = canonical::from_canonical(text.as_bytes()).unwrap();
    proof::verify(&read, &key().verifying_key()).unwrap();
}

#[tokio::test]
async fn nothing_but_the_decided_document_is_signed() {
    let running = start();
    for (pointer, value) in [
        ("/credentialSubject/product/name", json!("another product")),
        ("/validUntil", json!("2029-11-21T12:00:01Z")),
        ("/id", json!(Code::from_random([2; 16]).to_urn())),
    ] {
        let mut other = document();
        *other.pointer_mut(pointer).unwrap() = value;
        refused(ask(&running, &other).await, "decided on the document of the hash");
    }
    for state in ["submitted", "reviewed", "granted", "withdrawn", "refused", ""] {
        let mut application = decided_on(&document());
        application["state"] = state.into();
        *running.ledger.0.lock().unwrap() = Some(application);
        refused(ask(&running, &document()).await, "not decided");
    }
    let mut others = decided_on(&document());
    others["body"] = "AnotherMSP".into();
    *running.ledger.0.lock().unwrap() = Some(others);
    refused(ask(&running, &document()).await, "the application is AnotherMSP's");
    let mut another = decided_on(&document());
    another["application"] = Code::from_random([3; 16]).to_string().into();
    *running.ledger.0.lock().unwrap() = Some(another);
    assert!(matches!(ask(&running, &document()).await, Answer::Failed(_)));
    // What breaks the document's own rules is not signed even where it was decided on.
    let mut broken = document();
    broken["credentialSubject"]["product"]["gtin"] = "1".into();
    *running.ledger.0.lock().unwrap() = Some(decided_on(&broken));
    refused(ask(&running, &broken).await, "/credentialSubject/product/gtin");
    // Nor what comes with a proof of somebody else: the hash leaves it out.
    let mut proven = document();
    proven["proof"] = json!({"type": "DataIntegrityProof"});
    *running.ledger.0.lock().unwrap() = Some(decided_on(&document()));
    refused(ask(&running, &proven).await, "/proof");
}

/// A genuine signature convinces off the ledger, so there is none where nothing can be granted any more.
#[tokio::test]
async fn a_stale_decision_is_not_signed() {
    let running = start();
    let mut stale = document();
    for (pointer, days) in
        [("/credentialSubject/decisionDate", -31), ("/validFrom", -31), ("/validUntil", 300)]
    {
        *stale.pointer_mut(pointer).unwrap() = json!(now().plus_days(days));
    }
    *running.ledger.0.lock().unwrap() = Some(decided_on(&stale));
    refused(ask(&running, &stale).await, "more than 30 days old");
}

#[tokio::test]
async fn a_ledger_that_does_not_answer_is_no_refusal() {
    let running = start();
    let decided = running.ledger.0.lock().unwrap().take();
    assert!(matches!(ask(&running, &document()).await, Answer::Failed(_)));
    *running.ledger.0.lock().unwrap() = decided;
    assert!(matches!(ask(&running, &document()).await, Answer::Signed(_)));
}

/// What the signer answers to these bytes.
async fn answer_to(socket: &Path, bytes: Vec<u8>) -> String {
    let socket = socket.to_owned();
    tokio::task::spawn_blocking(move || {
        let mut stream = UnixStream::connect(socket).unwrap();
        // It may have answered before all came.
        let _ = stream.write_all(&bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    })
    .await
    .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oversize_request_is_refused() {
    let running = start();
    let answer = answer_to(&running.socket, vec![b' '; 10 << 20]).await;
    assert!(answer.is_empty() || answer.contains("more than"), "{answer}");
    assert!(matches!(ask(&running, &document()).await, Answer::Signed(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_refused() {
    let running = start();
    let deep = "[".repeat(100_000);
    for text in ["", "{}", "null", "{\"application\":\"x\",\"document\":{}}", deep.as_str()] {
        let answer = answer_to(&running.socket, text.into()).await;
        assert!(answer.contains("not understood"), "{answer}");
    }
    let more = json!({"application": application().to_string(), "document": {}, "decided": true});
    assert!(answer_to(&running.socket, more.to_string().into()).await.contains("not understood"));
}

/// Those who say nothing take a place each, and lose it.
#[tokio::test(flavor = "multi_thread")]
async fn a_silent_client_is_given_up() {
    let running = start();
    let silent: Vec<UnixStream> = (0..20).map(|_| UnixStream::connect(&running.socket).unwrap()).collect();
    assert!(matches!(ask(&running, &document()).await, Answer::Signed(_)));
    drop(silent);
}

#[tokio::test]
async fn strangers_cannot_connect_and_a_second_signer_does_not_start() {
    let running = start();
    let mode = std::fs::metadata(&running.socket).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o660);
    assert!(socket::listen(&running.socket).is_err());
    assert!(matches!(ask(&running, &document()).await, Answer::Signed(_)));
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signer");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    drop(socket::listen(&path).unwrap());
    assert!(!path.exists(), "it is removed at the end");
    let listening = socket::listen(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "a file").unwrap();
    drop(listening);
    assert!(socket::listen(&path).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "a file");
    std::fs::remove_file(&path).unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o770)).unwrap();
    let error = socket::listen(&path).err().unwrap();
    assert!(error.to_string().contains("others can write"), "{error}");
}
