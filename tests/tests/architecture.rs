//! The walls between the crates, as Cargo knows them: what ARCHITECTURE.md says of them is true.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use tests::{code_files, files_below, without_unit_tests};

/// What carries bytes to other machines, or runs tasks to do so.
const NETWORK: &[&str] = &["h2", "hyper", "rustls", "tokio", "tonic", "transport", "services"];

/// How many lines of code a crate may have, unit tests apart: more are several crates in one.
const MAX_LINES: usize = 6_000;

/// A crate of the workspace.
struct Member {
    folder: PathBuf,
    /// Names of the dependencies that it is built with.
    normal: BTreeSet<String>,
    /// Names of those that its tests and benchmarks have beside them.
    dev: BTreeSet<String>,
    /// Names of all that is linked with it.
    reaches: BTreeSet<String>,
}

/// The crates of the workspace, by name.
fn members() -> BTreeMap<String, Member> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--offline"])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let list = |value: &Value| value.as_array().unwrap().clone();

    let mut names = BTreeMap::new();
    let mut packages = BTreeMap::new();
    for package in list(&metadata["packages"]) {
        names.insert(text(&package["id"]), text(&package["name"]));
        packages.insert(text(&package["id"]), package);
    }
    let mut normal: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in list(&metadata["resolve"]["nodes"]) {
        let is_normal =
            |dependency: &Value| list(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"].is_null());
        let dependencies = list(&node["deps"]);
        let dependencies = dependencies.iter().filter(|dependency| is_normal(dependency));
        normal.insert(text(&node["id"]), dependencies.map(|dependency| text(&dependency["pkg"])).collect());
    }
    let reaches = |id: &str| {
        let (mut seen, mut waiting) = (BTreeSet::new(), vec![id.to_owned()]);
        while let Some(next) = waiting.pop() {
            let further = normal[&next].iter().filter(|id| seen.insert((*id).clone()));
            waiting.extend(further.cloned().collect::<Vec<_>>());
        }
        seen.iter().map(|id| names[id].clone()).collect()
    };
    let member = |id: Value| {
        let id = text(&id);
        let package = &packages[&id];
        let declared = |kind: Value| {
            let dependencies = list(&package["dependencies"]).into_iter();
            dependencies.filter(|it| it["kind"] == kind).map(|it| text(&it["name"])).collect()
        };
        let folder = PathBuf::from(text(&package["manifest_path"])).parent().unwrap().to_owned();
        let (normal, dev) = (declared(Value::Null), declared("dev".into()));
        (names[&id].clone(), Member { folder, normal, dev, reaches: reaches(&id) })
    };
    list(&metadata["workspace_members"]).into_iter().map(member).collect()
}

/// Refuses that any of `crates` links one of `forbidden`.
fn none_reaches(crates: &[&str], forbidden: &[&str]) {
    let members = members();
    for name in crates {
        let reached = forbidden.iter().filter(|it| members[*name].reaches.contains(**it)).collect::<Vec<_>>();
        assert!(reached.is_empty(), "{name} reaches {reached:?}");
    }
}

#[test]
fn what_judges_reaches_no_network() {
    none_reaches(
        &[
            "certificate",
            "fabric",
            "msp",
            "channel",
            "lifecycle",
            "ledger",
            "validation",
            "ordering",
            "material",
        ],
        NETWORK,
    );
}

#[test]
fn the_contract_reaches_neither_disk_nor_ledger() {
    none_reaches(
        &["credential", "records", "certificate"],
        &["durable", "fabric", "ledger", "lifecycle", "rocksdb", "tempfile"],
    );
}

#[test]
fn a_shelf_life_is_computed_from_its_data_alone() {
    none_reaches(&["stability"], NETWORK);
    let members = members();
    let ours = members["stability"].reaches.iter().filter(|name| members.contains_key(*name));
    assert_eq!(ours.count(), 0);
}

#[test]
fn a_wallets_signature_is_checked_without_a_database() {
    none_reaches(&["wallets"], NETWORK);
    none_reaches(&["wallets"], &["sqlx", "rocksdb", "tokio", "accounts"]);
    let members = members();
    let ours = members["wallets"].reaches.iter().filter(|name| members.contains_key(*name));
    assert_eq!(ours.count(), 0);
}

#[test]
fn fabrics_rules_reach_no_database() {
    none_reaches(&["fabric", "msp", "channel", "lifecycle"], &["durable", "ledger", "rocksdb"]);
}

#[test]
fn messages_know_no_identities_and_identities_no_policies() {
    none_reaches(&["fabric"], &["msp", "channel"]);
    none_reaches(&["msp"], &["channel"]);
}

#[test]
fn a_verifier_links_no_endorser_and_no_orderer() {
    none_reaches(&["verifier", "follower"], &["chaincode", "endorsement", "node", "ordering"]);
}

#[test]
fn endorsement_reaches_no_other_stage() {
    none_reaches(&["endorsement"], &["follower", "node", "ordering", "validation"]);
    let tests = &members()["endorsement"].dev;
    assert!(!tests.contains("node") && !tests.contains("follower"), "{tests:?}");
}

#[test]
fn a_client_links_no_node() {
    none_reaches(
        &[
            "peer-client",
            "bench",
            "issuing",
            "commands",
            "certification",
            "governance",
            "demonstration",
            "signer",
            "stability-command",
        ],
        &["endorsement", "ledger", "node", "ordering", "rocksdb", "validation"],
    );
}

#[test]
fn a_portal_links_no_node() {
    none_reaches(
        &[
            "accounts",
            "background",
            "confidential",
            "desk",
            "disclosure",
            "dossiers",
            "enrolment",
            "granting",
            "inspection",
            "letters",
            "partner",
            "parts",
            "portal",
            "portal-command",
            "site",
            "staff",
            "studies",
            "uploads",
            "views",
        ],
        &["endorsement", "follower", "ledger", "node", "ordering", "rocksdb", "validation", "verifier"],
    );
    none_reaches(
        &["accounts", "confidential", "studies", "uploads"],
        &["axum", "hyper", "lettre", "peer-client", "portal"],
    );
    none_reaches(&["background"], &["portal"]);
    none_reaches(&["inspection"], &["peer-client", "portal"]);
    none_reaches(&["disclosure", "granting", "views"], &["lettre", "portal"]);
    none_reaches(&["site"], &["portal", "staff"]);
    none_reaches(&["staff"], &["portal"]);
    let of_views = &members()["views"].normal;
    assert!(!of_views.contains("axum") && !of_views.contains("hyper"), "{of_views:?}");
    none_reaches(&["design"], &["tokio", "verifier", "portal"]);
}

/// The sources under these folders of a crate, without those of crates that lie within.
fn sources(folder: &Path, folders: &[&str]) -> String {
    let mut text = fs::read_to_string(folder.join("build.rs")).unwrap_or_default();
    for folder in folders.iter().map(|name| folder.join(name)).filter(|folder| folder.exists()) {
        let files = files_below(&folder, |folder| !folder.join("Cargo.toml").exists()).into_iter();
        for file in files.filter(|file| file.extension().is_some_and(|it| it == "rs")) {
            text += &fs::read_to_string(file).unwrap();
        }
    }
    text
}

#[test]
fn no_crate_is_several_in_one() {
    for (name, member) in members() {
        let files = code_files(&member.folder.join("src")).into_iter();
        let lines = |file: PathBuf| without_unit_tests(&fs::read_to_string(file).unwrap()).lines().count();
        let lines: usize = files.map(lines).sum();
        assert!(lines > 0 && lines <= MAX_LINES, "{name} has {lines} lines of code");
    }
}

#[test]
fn every_dependency_is_used() {
    let mut unused = Vec::new();
    for (name, member) in members() {
        let is_used = |dependency: &String, text: &str| text.contains(&dependency.replace('-', "_"));
        let text = sources(&member.folder, &["src"]);
        // The code that tonic writes uses it.
        let generated = |dependency: &String| name == "services" && dependency == "tonic-prost";
        unused.extend(
            member
                .normal
                .iter()
                .filter(|it| !is_used(it, &text) && !generated(it))
                .map(|it| format!("{name}: {it}")),
        );
        let text = sources(&member.folder, &["src", "tests", "benches", "examples", "fuzz"]);
        unused.extend(
            member.dev.iter().filter(|it| !is_used(it, &text)).map(|it| format!("{name}: {it} (dev)")),
        );
    }
    assert!(unused.is_empty(), "dependencies without use: {unused:#?}");
}
