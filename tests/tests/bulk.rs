//! A file of certificates issued by one command, whatever happens to it on the way.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use peer_client::{Gateway, StartAt, certificate::Contract};
use serde_json::Value;
use tempfile::TempDir;
use tests::{Network, assert_success, interrupt, nanotrace, nanotrace_with_files_up_to, setting};

/// A network, a draft, and a file whose rows differ in their serial numbers.
struct Bulk {
    network: Network,
    folder: TempDir,
    rows: usize,
}

impl Bulk {
    fn start(rows: usize) -> Self {
        let bulk = Self { network: Network::start(), folder: tempfile::tempdir().unwrap(), rows };
        let draft = bulk.path("draft.json");
        let template = ["cert", "template", "--demonstration", "--out", draft.to_str().unwrap()];
        assert_success(&bulk.network.nanotrace(&template));
        bulk.write_rows(0);
        bulk
    }

    fn write_rows(&self, first: usize) {
        let rows: String = (first..first + self.rows).map(|serial| format!("S-{serial}\n")).collect();
        fs::write(self.path("batch.csv"), format!("product.serial\n{rows}")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, mut command: Command) -> Command {
        command.args(["cert", "issue", "--in-flight", "32"]);
        command.arg("--from").arg(self.path("batch.csv")).arg("--template").arg(self.path("draft.json"));
        command.arg("--key").arg(self.network.directory().join("demonstration/issuer-key.txt"));
        command.env("NANOTRACE_DATA", self.network.directory());
        command
    }

    fn run(&self) -> Output {
        self.command(Command::new(nanotrace())).output().unwrap()
    }

    /// Starts a run, and returns when this many rows are known to be issued.
    fn run_until(&self, issued: usize) -> Child {
        let mut command = self.command(Command::new(nanotrace()));
        let mut run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let begun = Instant::now();
        while self.results().len() < issued {
            assert!(run.try_wait().unwrap().is_none(), "the run ended before {issued} rows were issued");
            assert!(begun.elapsed() < Duration::from_secs(60), "the run takes too long");
            thread::sleep(Duration::from_millis(2));
        }
        run
    }

    /// By row, the line that was written last; one that is not whole is left out.
    fn results(&self) -> BTreeMap<u64, Value> {
        let text = fs::read_to_string(self.path("batch.csv.results.jsonl")).unwrap_or_default();
        let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.map(|line| (line["row"].as_u64().unwrap(), line)).collect()
    }

    async fn contract(&self) -> (Gateway, Contract) {
        let profile = self.network.profile();
        let organisation = profile.organisation("CertBody").unwrap();
        let identity = profile.identity(organisation, "User1").unwrap();
        let gateway = Gateway::connect(&organisation.gateway.endpoint().unwrap(), identity).await.unwrap();
        (gateway.clone(), Contract::new(gateway, profile.channel, profile.chaincode))
    }

    /// The serial numbers of all certificates on the ledger but the network's own, each as often as it was issued, and which
    /// transaction issued each code.
    async fn issued(&self) -> (Vec<String>, BTreeMap<String, String>) {
        let (gateway, contract) = self.contract().await;
        let own = self.network.code();
        // An event after all that are counted.
        contract.certificate_stop(own, "for a while").submit().await.unwrap();
        let last = contract.certificate_lift(own, "the while is over").submit().await.unwrap().transaction_id;
        let mut events = gateway.chaincode_events("nanotrace", "nanotrace", StartAt::Block(0)).await.unwrap();
        let (mut serials, mut transactions) = (Vec::new(), BTreeMap::new());
        loop {
            let event = events.next().await.unwrap().unwrap();
            if event.transaction_id == last {
                return (serials, transactions);
            }
            let payload: Value = serde_json::from_slice(&event.payload).unwrap();
            let code = payload["certificate"].as_str().unwrap_or_default().to_owned();
            if event.name != "CertificateIssued" || code == own.to_string() {
                continue;
            }
            let document = contract.certificate_document(code.parse().unwrap()).evaluate().await.unwrap();
            let document: Value = serde_json::from_slice(&document).unwrap();
            serials.push(document["credentialSubject"]["product"]["serial"].as_str().unwrap().to_owned());
            assert_eq!(transactions.insert(code, event.transaction_id), None, "a code was issued twice");
        }
    }

    fn plan(&self) -> PathBuf {
        self.path("batch.csv.plan")
    }
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[tokio::test]
async fn a_run_that_is_killed_goes_on_and_issues_each_row_once() {
    let bulk = Bulk::start(setting("NANOTRACE_BULK_ROWS", 300));
    for part in [8, 3, 2] {
        let mut run = bulk.run_until(bulk.rows / part);
        run.kill().unwrap();
        run.wait().unwrap();
    }
    let known = bulk.results().len();
    assert!(known < bulk.rows, "no run was killed in the middle");
    let stdout = assert_success(&bulk.run());
    assert!(
        stdout.contains(&format!("{0} of {0} rows, {known} of them by earlier runs", bulk.rows)),
        "{stdout}"
    );

    let (serials, transactions) = bulk.issued().await;
    let expected: BTreeSet<String> = (0..bulk.rows).map(|serial| format!("S-{serial}")).collect();
    assert_eq!(serials.len(), bulk.rows);
    assert_eq!(serials.into_iter().collect::<BTreeSet<_>>(), expected);
    let results = bulk.results();
    assert_eq!(results.len(), bulk.rows);
    for (row, result) in results {
        let code = result["certificate"].as_str().unwrap();
        assert_eq!(result["result"], "issued", "{result}");
        assert_eq!(result["line"], row + 1);
        assert_eq!(result["transactionId"], transactions[code].as_str(), "{result}");
        assert!(result["page"].as_str().unwrap().ends_with(code), "{result}");
    }

    // Once more: nothing is left to do.
    assert_success(&bulk.run());
    assert_eq!(bulk.issued().await.1, transactions);
}

/// The results of a run may be lost: the ledger says what is issued.
#[tokio::test]
async fn a_row_is_issued_once_however_often_it_is_submitted() {
    let bulk = Bulk::start(40);
    assert_success(&bulk.run());
    let (_, transactions) = bulk.issued().await;
    File::create(bulk.path("batch.csv.results.jsonl")).unwrap();
    assert_success(&bulk.run());
    assert_eq!(bulk.issued().await.1, transactions);
    for result in bulk.results().values() {
        assert_eq!(result["transactionId"], transactions[result["certificate"].as_str().unwrap()].as_str());
    }
    let mut elsewhere = bulk.command(Command::new(nanotrace()));
    assert_success(&elsewhere.arg("--out").arg(bulk.path("elsewhere.jsonl")).output().unwrap());
    assert_eq!(bulk.issued().await.1, transactions);
    // Without the plan the rows would get new codes.
    fs::remove_file(bulk.plan()).unwrap();
    let output = bulk.run();
    assert!(output.status.code() == Some(2) && told(&output).contains("is gone"), "{}", told(&output));
}

#[test]
fn what_stands_in_the_way_of_a_run_is_told_and_a_repeat_goes_on() {
    let bulk = Bulk::start(200);
    let results = bulk.path("batch.csv.results.jsonl");
    let refusal = |exit, text: &str| {
        let output = bulk.run();
        assert_eq!(output.status.code(), Some(exit), "{}", told(&output));
        assert!(told(&output).contains(text), "{}", told(&output));
    };

    fs::write(bulk.path("batch.csv"), "product.serial,product.gtin\nA,1\nB,\n").unwrap();
    refusal(1, "nothing was submitted\nline 2: column product.gtin is \"1\": must");
    assert!(!results.exists() && !bulk.plan().exists());
    bulk.write_rows(0);

    let small = bulk.command(nanotrace_with_files_up_to(Some(100_000))).output().unwrap();
    assert_eq!(small.status.code(), Some(4));
    assert!(told(&small).contains("nothing was submitted"), "{}", told(&small));
    assert!(!results.exists() && !bulk.plan().exists());

    let run = bulk.run_until(20);
    let second = bulk.run();
    assert!(told(&second).contains("is in use by another run"), "{}", told(&second));
    interrupt(run.id());
    let stopped = run.wait_with_output().unwrap();
    assert_eq!(stopped.status.code(), Some(4), "{}", told(&stopped));
    assert!(told(&stopped).contains("run the same command again"), "{}", told(&stopped));
    assert!(bulk.results().len() < bulk.rows);

    let room = fs::metadata(&results).unwrap().len() + 5_000;
    let full = bulk.command(nanotrace_with_files_up_to(Some(room))).output().unwrap();
    assert_eq!(full.status.code(), Some(4), "{}", told(&full));
    assert!(told(&full).contains("writing") && told(&full).contains("run the same command again"));

    bulk.write_rows(1);
    refusal(2, "is not the file any more of which");
    bulk.write_rows(0);
    assert_success(&bulk.run());
    assert_eq!(bulk.results().len(), bulk.rows);
}
