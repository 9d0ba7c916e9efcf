//! Confidential fields on a running network: planted canaries are searched for wherever they must not be.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use bytes::Bytes;
use certificate::{Code, keys};
use fabric::proto::protos::TxValidationCode;
use ledger::Ledger;
use peer_client::{ConnectionProfile, Gateway, Invocation};
use serde_json::json;
use tests::{
    Network,
    bodies::{Bodies, METHOD, SCHEME},
    files_below, get,
    hostile::Forgery,
    nanotrace,
};

const BODIES: [&str; 2] = ["CertBodyMSP", "AccreditationMSP"];

/// A network that logs all there is, and an application with two confidential fields, each with a canary in its value and one
/// in its name.
struct Confided {
    bodies: Bodies,
    _directory: tempfile::TempDir,
    log: PathBuf,
    canaries: [String; 4],
    application: String,
    /// The certificate that was granted on it.
    code: String,
}

impl Confided {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("log");
        let mut logged = Command::new("sh");
        logged.args(["-c", "exec \"$0\" --log debug \"$@\" 2>\"$LOG\""]).arg(nanotrace());
        logged.env("LOG", &log).env("NANOTRACE_DATA", directory.path().join("data"));
        let network = Network::start_by(logged, &directory.path().join("data"));
        let canaries = [(); 4].map(|()| hex::encode(rand()));
        let (application, code) = Default::default();
        let mut confided =
            Self { bodies: Bodies::over(network), _directory: directory, log, canaries, application, code };
        confided.apply();
        confided
    }

    fn file(&self, name: &str) -> String {
        self.bodies.file(name).to_str().unwrap().to_owned()
    }

    /// From the application with its confidential fields to the grant.
    fn apply(&mut self) {
        let report = self.bodies.draft("draft.json");
        let (draft, dossier, fields, kept) = (
            self.file("draft.json"),
            self.file("dossier.txt"),
            self.file("fields.json"),
            self.file("kept.json"),
        );
        fs::write(&dossier, "what the applicant hands in").unwrap();
        let [value, other, name, other_name] = self.canaries.each_ref();
        fs::write(&fields, json!({name: {"ZnO": "98.5", "silane": value}, other_name: other}).to_string())
            .unwrap();
        let bodies = &self.bodies;
        let submitted = bodies.done(&format!(
            "application submit --title NM-110 --scheme {SCHEME} --scheme-version 1 --dossier {dossier}"
        ));
        let id = submitted["application"].as_str().unwrap().to_owned();

        let confide = format!("application confide {id} --fields {fields} --keep {kept}");
        bodies.refused(&format!("{confide} --org Lab --user User1"), "is for IndustryMSP");
        let handed_in = bodies.done(&confide);
        assert_eq!(handed_in["record"]["fields"].as_array().unwrap().len(), 2);
        assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);
        bodies.refused(&confide, "handed in already");
        bodies.refused(&format!("application purge {id} --reason early"), "the application is submitted");

        bodies.done(&format!("application accept {id}"));
        bodies.refused(
            &format!("application confide {id} --fields {fields} --keep {}", self.file("others.json")),
            "the application is accepted",
        );
        bodies.done(&format!(
            "application report {id} --sha256 {report} --method {METHOD} --number R-1 --date 2026-10-01"
        ));
        bodies.done(&format!("application evaluate {id} --findings good --recommend grant"));
        bodies.done(&format!("application review {id} --reason complete"));
        bodies.done(&format!("application decide {id} {draft}"));
        let signed = bodies.sign("draft.json", "signed.json");
        let granted = bodies.done(&format!("cert grant {id} {signed}"));
        self.code = granted["certificate"].as_str().unwrap().to_owned();
        self.application = id;
    }

    fn profile(&self) -> ConnectionProfile {
        self.bodies.network.profile()
    }

    fn finds_none(&self, what: &str, bytes: &[u8]) {
        for canary in &self.canaries {
            assert!(!holds(bytes, canary), "a canary is in {what}");
        }
    }

    /// Nowhere but in the database that has the private data: not in blocks, in the verifier's stores, in the log, in pages, in
    /// public records.
    fn search(&self) {
        let data = self.bodies.network.directory();
        let index = data.join("ledger/index");
        let files = files_below(data, |folder| folder != index);
        assert!(files.iter().any(|file| file.starts_with(data.join("ledger/blocks"))), "{files:?}");
        assert!(files.iter().any(|file| file.starts_with(data.join("verifier"))), "{files:?}");
        for file in files.iter().chain([&self.log]) {
            // RocksDB removes files while it runs.
            if let Ok(bytes) = fs::read(file) {
                self.finds_none(&file.display().to_string(), &bytes);
            }
        }
        assert!(fs::metadata(&self.log).unwrap().len() > 0);
        let (code, id, verifier) = (&self.code, &self.application, self.bodies.network.verifier());
        let paths = [
            format!("/c/{code}"),
            format!("/api/v1/certificates/{code}"),
            format!("/c/{code}/document.json"),
        ];
        for path in paths {
            self.finds_none(&path, get(&verifier, &path).as_bytes());
        }
        for command in [
            format!("application show {id} --json"),
            "application list --json".into(),
            format!("cert show {code} --json"),
            format!("cert history {code} --json"),
        ] {
            let (exit, printed) = self.bodies.ended(&command);
            assert_eq!(exit, Some(0), "{printed}");
            self.finds_none(&command, printed.as_bytes());
        }
    }

    /// A call without the names of organisations that the typed client gives it, through an organisation's gateway.
    async fn raw(
        &self,
        gateway: &str,
        caller: &str,
        user: &str,
        organisations: &[&str],
    ) -> (Gateway, Invocation) {
        let profile = self.profile();
        let identity = profile.identity(profile.organisation(caller).unwrap(), user).unwrap();
        let endpoint = profile.organisation(gateway).unwrap().gateway.endpoint().unwrap();
        let gateway = Gateway::connect(&endpoint, identity).await.unwrap();
        let invocation = Invocation::new(&profile.channel, &profile.chaincode, "confidential:get")
            .argument(self.application.clone())
            .organizations(organisations.iter().copied());
        (gateway, invocation)
    }
}

fn holds(bytes: &[u8], canary: &str) -> bool {
    bytes.windows(canary.len()).any(|window| window == canary.as_bytes())
}

fn rand() -> [u8; 16] {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

/// In the private data of an organisation: the values as they are read, and the private writes of every block.
fn private(directory: &Path, organisation: &str, application: Code) -> Vec<Bytes> {
    let (ledger, _) = Ledger::open(&directory.join("ledger"), None).unwrap();
    let (view, store) = (ledger.view().unwrap(), ledger.private_store(organisation));
    let collections = BODIES.map(|body| format!("_implicit_org_{body}"));
    let keys = (0..2).map(|place| keys::confidential_field(application, place));
    let mut found = Vec::new();
    for (key, collection) in
        keys.flat_map(|key| collections.each_ref().map(|collection| (key.clone(), collection)))
    {
        let value = store.get(&view, "nanotrace", collection, &key).ok().flatten();
        found.extend(value.map(|value| value.value));
    }
    for block in 0..ledger.height() {
        found.extend(store.writes_of_block(&view, block).unwrap().into_iter().map(|writes| writes.rwset));
    }
    found
}

#[tokio::test]
async fn canaries_are_in_the_private_data_of_the_two_bodies_and_nowhere_else() {
    let confided = Confided::start();
    let (bodies, id, code) = (&confided.bodies, &confided.application, &confided.code);
    confided.search();

    // Persons on duty of the two bodies read, at their own peer.
    let fields = bodies.done(&format!("application confidential {id}"));
    assert!(fields.to_string().contains(&confided.canaries[0]), "{fields}");
    let read = bodies.done(&format!("application confidential {id} --org Accreditation --user User1"));
    assert_eq!(read, fields);
    for (other, user) in
        [("Industry", "User1"), ("Lab", "User1"), ("Customs", "User1"), ("CertBody", "User4")]
    {
        bodies.refused(&format!("application confidential {id} --org {other} --user {user}"), "");
    }
    for (gateway, organisations) in [
        ("Accreditation", &["AccreditationMSP"][..]),
        ("Customs", &["CustomsMSP"]),
        ("Industry", &["IndustryMSP"]),
    ] {
        let (gateway, call) = confided.raw(gateway, "CertBody", "User2", organisations).await;
        let refusal = gateway.proposal(call).unwrap().evaluate().await.unwrap_err().to_string();
        assert!(refusal.contains("read at a peer of CertBodyMSP"), "{refusal}");
        confided.finds_none("a refusal", refusal.as_bytes());
    }
    // Submitted by mistake, it does not get as far as the orderer.
    let (gateway, call) = confided.raw("CertBody", "CertBody", "User2", &[]).await;
    let refusal = gateway.proposal(call).unwrap().endorse().await.unwrap_err().to_string();
    confided.finds_none("a refusal", refusal.as_bytes());

    // One field is opened, to somebody who has an account and to somebody who has none.
    let (opened, by_applicant, answer) =
        (confided.file("opened.json"), confided.file("by-applicant.json"), confided.file("answer.json"));
    let name = &confided.canaries[3];
    bodies.done(&format!("cert disclose {code} --field {name} --out {opened}"));
    let kept = confided.file("kept.json");
    bodies.done(&format!("cert disclose {code} --field {name} --kept {kept} --out {by_applicant}"));
    assert_eq!(fs::read(&opened).unwrap(), fs::read(&by_applicant).unwrap());
    bodies.refused(&format!("cert disclose {code} --field color"), "has no confidential field");
    let disclosed = fs::read_to_string(&opened).unwrap();
    assert!(
        disclosed.contains(&confided.canaries[1]) && !disclosed.contains(&confided.canaries[0]),
        "{disclosed}"
    );
    fs::write(&answer, get(&bodies.network.verifier(), &format!("/api/v1/certificates/{code}"))).unwrap();
    let verify = format!("cert verify-disclosure {opened}");
    for command in [format!("{verify} --org Customs --user User1"), format!("{verify} --answer {answer}")] {
        let (exit, printed) = bodies.ended(&command);
        assert!(
            exit == Some(0) && printed.contains("GENUINE") && printed.contains(name.as_str()),
            "{printed}"
        );
    }
    // A changed value is refused, and an answer about another certificate says nothing.
    let changed = confided.file("changed.json");
    fs::write(&changed, disclosed.replace(&confided.canaries[1], "another")).unwrap();
    for way in [String::new(), format!(" --answer {answer}")] {
        let (exit, printed) = bodies.ended(&format!("cert verify-disclosure {changed}{way}"));
        assert!(exit == Some(1) && printed.contains("NOT GENUINE"), "{printed}");
    }
    let other = get(&bodies.network.verifier(), &format!("/api/v1/certificates/{}", bodies.network.code()));
    fs::write(&answer, other).unwrap();
    let (exit, printed) = bodies.ended(&format!("{verify} --answer {answer}"));
    assert!(exit == Some(4) && printed.contains("CANNOT TELL"), "{printed}");
    confided.search();

    // Purged by the body, in both bodies' private data; what was opened before can still be verified.
    let purge = format!("application purge {id} --reason over");
    bodies.refused(&format!("{purge} --user User2"), "takes decision-maker");
    bodies.refused(
        &format!("{purge} --org Accreditation --user Admin"),
        "takes admin or client of CertBodyMSP",
    );
    bodies.done(&purge);
    bodies.refused(&purge, "were purged on");
    for who in ["--user User2", "--org Accreditation --user User1"] {
        bodies.refused(&format!("application confidential {id} {who}"), "were purged on");
    }
    bodies.refused(&format!("cert disclose {code} --field {name}"), "were purged on");
    assert_eq!(bodies.ended(&verify).0, Some(0));
    confided.search();
}

/// What the private data of each organisation hold before and after a purge, read from the disk while the node is stopped.
#[test]
fn a_purge_leaves_nothing_to_read_in_any_private_data() {
    let confided = Confided::start();
    let application: Code = confided.application.parse().unwrap();
    let directory = confided.bodies.network.directory().to_owned();
    let copy = tempfile::tempdir().unwrap();
    // What was there before, from a copy of the running node's files.
    let copied =
        Command::new("cp").arg("-a").arg(directory.join("ledger")).arg(copy.path()).status().unwrap();
    assert!(copied.success());
    // They are found where they are: what searches the other files would find them there too.
    let index = files_below(&copy.path().join("ledger/index"), |_| true);
    let in_index = |canary: &String| index.iter().any(|file| holds(&fs::read(file).unwrap(), canary));
    assert!(confided.canaries.iter().all(in_index));
    let held = |directory: &Path, organisation: &str| -> BTreeSet<usize> {
        let values = private(directory, organisation, application);
        let has = |canary: &str| values.iter().any(|value| holds(value, canary));
        (0..4).filter(|&canary| has(&confided.canaries[canary])).collect()
    };
    for organisation in ["CertBodyMSP", "AccreditationMSP", "LabMSP", "IndustryMSP", "CustomsMSP"] {
        let expected = if BODIES.contains(&organisation) { (0..4).collect() } else { BTreeSet::new() };
        assert_eq!(held(copy.path(), organisation), expected, "{organisation}");
    }
    confided.bodies.done(&format!("application purge {} --reason over", confided.application));
    let Confided { bodies, _directory, canaries, .. } = confided;
    assert!(bodies.network.stop());
    for organisation in ["CertBodyMSP", "AccreditationMSP", "LabMSP", "IndustryMSP", "CustomsMSP"] {
        let held = private(&directory, organisation, application);
        for canary in &canaries {
            assert!(
                !held.iter().any(|value| String::from_utf8_lossy(value).contains(canary)),
                "{organisation}"
            );
        }
    }
}

/// Peers that sign anything, against the validation of every other peer.
#[tokio::test]
async fn a_hostile_body_writes_into_no_collection_but_its_own() {
    let network = Network::start();
    let profile = network.profile();
    let key = keys::confidential_field(Code::from_bytes([7; 16]), 0);
    for (organisation, endorsers, verdict) in [
        ("CertBodyMSP", &["CertBody"][..], TxValidationCode::Valid),
        ("AccreditationMSP", &["CertBody"], TxValidationCode::EndorsementPolicyFailure),
        ("CertBodyMSP", &["Accreditation"], TxValidationCode::EndorsementPolicyFailure),
        ("IndustryMSP", &["CertBody", "Accreditation"], TxValidationCode::EndorsementPolicyFailure),
        ("LabMSP", &["CertBody", "Accreditation"], TxValidationCode::EndorsementPolicyFailure),
        ("LabMSP", &["Lab"], TxValidationCode::Valid),
    ] {
        for value in [Some(b"forged".to_vec()), None] {
            let collection = format!("_implicit_org_{organisation}");
            let private = vec![(collection, key.clone(), value)];
            let forgery = Forgery { namespace: "nanotrace", private, endorsers, ..Forgery::default() };
            assert_eq!(forgery.submit(&profile).await, verdict, "{organisation} by {endorsers:?}");
        }
    }
    // The public hashes take both.
    for endorsers in [&["CertBody"][..], &["Accreditation"], &["Industry", "CertBody"]] {
        let writes = vec![(keys::confidential(Code::from_bytes([7; 16])), b"forged".to_vec())];
        let forgery = Forgery { namespace: "nanotrace", writes, endorsers, ..Forgery::default() };
        assert_eq!(
            forgery.submit(&profile).await,
            TxValidationCode::EndorsementPolicyFailure,
            "{endorsers:?}"
        );
    }
}
