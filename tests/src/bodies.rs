//! A running network as the people of its organisations use it: by the command line, and by what a scan answers.

use std::{fs, path::PathBuf};

use serde_json::Value;

use crate::{Network, assert_success, get};

/// Of the demonstration.
pub const SCHEME: &str = "https://nanotrace.org/schemes/demonstration";
pub const METHOD: &str = "TEM";

/// A network, and a folder for what people write.
pub struct Bodies {
    pub network: Network,
    folder: tempfile::TempDir,
}

impl Bodies {
    pub fn start() -> Self {
        Self::over(Network::start())
    }

    pub fn over(network: Network) -> Self {
        Self { network, folder: tempfile::tempdir().unwrap() }
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a command that must succeed, and reads what it prints as JSON.
    pub fn done(&self, command: &str) -> Value {
        let output = self.network.nanotrace(&words(&format!("{command} --json")));
        serde_json::from_str(&assert_success(&output)).unwrap()
    }

    /// Runs a command that must be refused, for this reason.
    pub fn refused(&self, command: &str, reason: &str) {
        let (exit, message) = self.ended(command);
        assert_eq!(exit, Some(1), "{command}: {message}");
        assert!(message.contains(reason), "{command}: {message}");
    }

    /// Runs a command: its exit code, and all that it printed.
    pub fn ended(&self, command: &str) -> (Option<i32>, String) {
        let output = self.network.nanotrace(&words(command));
        let printed = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8_lossy(&printed).into_owned())
    }

    /// Runs a command that must succeed and prints for people.
    pub fn ran(&self, command: &str) -> String {
        let (exit, printed) = self.ended(command);
        assert_eq!(exit, Some(0), "{command}: {printed}");
        printed
    }

    /// Prepares a config update by this command, lets the organisations sign a copy each, and submits what they signed.
    /// What that says, and whether it is in force.
    pub fn decide(&self, prepare: &str, signers: &[&str]) -> (bool, String) {
        let path = |name: &str| self.file(&format!("{name}.update")).to_str().unwrap().to_owned();
        let prepared = path("prepared");
        self.ran(&format!("{prepare} --out {prepared} --force"));
        let mut copies = Vec::new();
        for signer in signers {
            let copy = path(signer);
            let _ = fs::remove_file(&copy);
            self.ran(&format!("channel sign {prepared} --org {signer} --out {copy}"));
            copies.push(copy);
        }
        let (exit, printed) = self.ended(&format!("channel submit {} --org Customs", copies.join(" ")));
        assert!(matches!(exit, Some(0 | 1)), "{printed}");
        (exit == Some(0), printed)
    }

    /// Lets these organisations install a package and approve a chaincode's definition, and commits it: whether that is in
    /// force, and what it says.
    pub fn define(&self, name: &str, package: &str, policy: &str, organisations: &[&str]) -> (bool, String) {
        let id = organisations.iter().fold(String::new(), |_, organisation| {
            self.ran(&format!("chaincode install {package} --org {organisation}")).trim().to_owned()
        });
        let definition = format!("{name} --policy {policy}");
        for organisation in organisations {
            self.ran(&format!("chaincode approve {definition} --package-id {id} --org {organisation}"));
        }
        let committer = organisations.last().unwrap();
        let (exit, printed) = self.ended(&format!("chaincode commit {definition} --org {committer}"));
        (exit == Some(0), printed)
    }

    /// A draft of a certificate; the hash of its test report.
    pub fn draft(&self, name: &str) -> String {
        let draft = self.file(name);
        let issuer = "did:web:certbody.nanotrace.example";
        let arguments =
            ["cert", "template", "--demonstration", "--issuer", issuer, "--out", draft.to_str().unwrap()];
        assert_success(&self.network.nanotrace(&arguments));
        let draft: Value = serde_json::from_slice(&fs::read(draft).unwrap()).unwrap();
        draft.pointer("/credentialSubject/testReports/0/sha256").unwrap().as_str().unwrap().to_owned()
    }

    pub fn sign(&self, draft: &str, signed: &str) -> String {
        let key = self.network.directory().join("demonstration/issuer-key.txt");
        let (draft, signed) = (self.file(draft), self.file(signed));
        let [draft, key, signed] = [&draft, &key, &signed].map(|path| path.to_str().unwrap());
        assert_success(&self.network.nanotrace(&["cert", "sign", draft, "--key", key, "--out", signed]));
        signed.to_owned()
    }

    /// The network's time, in whole seconds.
    pub fn time(&self, code: &str) -> String {
        self.done(&format!("cert show {code}"))["at"].as_str().unwrap().to_owned()
    }

    /// What a scan answers: the result, and the weightiest reason.
    pub fn scanned(&self, code: &str, query: &str) -> (String, Value) {
        let answer: Value = serde_json::from_str(&get(
            &self.network.verifier(),
            &format!("/api/v1/certificates/{code}{query}"),
        ))
        .unwrap();
        (answer["result"].as_str().unwrap_or_default().to_owned(), answer["reasons"][0].clone())
    }
}

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}
