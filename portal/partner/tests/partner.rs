//! The fuzzer schemathesis, which others wrote, reads the OpenAPI document and asks what it can think of.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use accounts::{
    Database, OWNER, PartyKind,
    api_keys::{Keys, NewKey, SCOPES},
    now,
    people::{self, NewAccount},
};
use axum::Router;
use site::{Site, rates::Rates};
use tempfile::TempDir;
use tokio::net::TcpListener;
use uploads::{Limits, Uploads};

/// Test cases of each operation.
const EXAMPLES: &str = "25";

/// The API of a portal with a company, without limits on requests; its address and a key of everything.
async fn served(folder: &TempDir) -> (SocketAddr, String) {
    let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let key = key(&database).await;
    let uploads = Uploads::new(database.clone(), folder.path().join("files"), Limits::default()).unwrap();
    let base = format!("http://localhost:{}", address.port()).parse().unwrap();
    let mut site =
        Site::new(base, database, Arc::default(), granting::Signers::default(), uploads, None, false)
            .unwrap();
    site.requests = Rates::new(u32::MAX);
    let site = Arc::new(site);
    let router = Router::new().nest(partner::BASE, partner::router(&site)).with_state(site);
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, service).await });
    (address, key)
}

async fn key(database: &Database) -> String {
    let mut change = database.change().await.unwrap();
    people::create_party(&mut change, "works", PartyKind::Company, "Works", now()).await.unwrap();
    let new = NewAccount {
        party: "works",
        email: "ada@works.example",
        name: "Ada",
        password: "",
        role: Some(OWNER),
        granted_by: "",
    };
    let id = people::create(&mut change, &new, now()).await.unwrap();
    change.commit().await.unwrap();
    let account = people::account(database, &id).await.unwrap().unwrap();
    let scopes = SCOPES.map(|(scope, _)| scope);
    let new = NewKey { name: "fuzzer", scopes: &scopes, seconds: 3600 };
    let mut change = database.change().await.unwrap();
    let key = Keys::of(&account).make(&mut change, &new, now()).await.unwrap().unwrap();
    change.commit().await.unwrap();
    key
}

fn fuzzer() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("../../tools/schemathesis-4.32.5")
}

#[tokio::test(flavor = "multi_thread")]
async fn schemathesis_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (address, key) = served(&folder).await;
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis.toml");
    let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/schemathesis_hooks.py");
    let library = fuzzer();
    assert!(
        library.exists(),
        "schemathesis is not installed: scripts/test does so, into {}",
        library.display()
    );
    let output = tokio::task::spawn_blocking(move || {
        let mut command = Command::new("python3");
        command.current_dir(folder.path()).env("PYTHONPATH", &library).env("NO_COLOR", "1");
        command.env("SCHEMATHESIS_HOOKS", hooks);
        command.args(["-m", "schemathesis.cli", "--config-file"]).arg(here).arg("run");
        command.arg(format!("http://{address}{}/openapi.json", partner::BASE));
        command.args(["--checks", "all", "--max-examples", EXAMPLES, "--seed", "20251125"]);
        // The key comes with each request from outside, with one that is to have none too: that such a one is refused stands in
        // `portal/tests/partner.rs`.
        command.args(["--exclude-checks", "missing_required_header"]);
        command
            .args(["--generation-database", "none", "--header"])
            .arg(format!("Authorization: Bearer {key}"));
        command.output().unwrap()
    });
    let output = output.await.unwrap();
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    println!("{said}\n{failed}");
    assert!(output.status.success(), "{said}\n{failed}");
}
