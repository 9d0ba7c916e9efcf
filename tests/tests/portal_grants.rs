//! From a decision to the certificate by a portal and a signer beside a running network: whatever is killed or away, what is
//! decided is granted once.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::{
    fs,
    io::{Read, Write},
    net::Shutdown,
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use accounts::{Database, PartyKind, people::Account};
use granting::{Grant, Scope};
use serde_json::{Value, json};
use tests::{
    bodies::{Bodies, METHOD, SCHEME},
    service::Service,
};

/// An application that is decided, as people do it at the command line.
fn decided(bodies: &Bodies, name: &str) -> String {
    let (draft, dossier) = (format!("{name}.json"), bodies.file("dossier.txt"));
    let report = bodies.draft(&draft);
    fs::write(&dossier, name).unwrap();
    let dossier = dossier.display();
    let submitted = bodies.done(&format!(
        "application submit --title {name} --scheme {SCHEME} --scheme-version 1 --dossier {dossier}"
    ));
    let id = submitted["application"].as_str().unwrap().to_owned();
    for step in [
        format!("accept {id}"),
        format!("report {id} --sha256 {report} --method {METHOD} --number R-{name} --date 2026-10-01"),
        format!("evaluate {id} --findings good --recommend grant"),
        format!("review {id} --reason complete"),
        format!("decide {id} {}", bodies.file(&draft).display()),
    ] {
        bodies.done(&format!("application {step}"));
    }
    id
}

/// The transactions by which an application was granted.
fn grants(bodies: &Bodies, id: &str) -> Vec<String> {
    let shown = bodies.done(&format!("application show {id}"));
    let steps = shown["steps"].as_array().unwrap().iter().filter(|step| step["step"] == json!("grant"));
    steps.map(|step| step["transactionId"].as_str().unwrap().to_owned()).collect()
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A portal of the body alone, with a database of this name.
fn portal(bodies: &Bodies, database: &str, signer: &Path) -> Service {
    let [profile, signer] = [text(&bodies.network.profile_file()), format!("CertBody={}", signer.display())];
    let [data, files, mails] = [database, "files", "mails"].map(|name| text(&bodies.file(name)));
    let data = format!("{data}/portal.db");
    let arguments =
        ["portal", "--listen", "127.0.0.1:0", "--profile", &profile, "--identity", "CertBody=User4"];
    let own = ["--signer", &signer, "--database", &data, "--files", &files, "--mail", &mails];
    Service::run(&[&arguments[..], &own].concat(), "answers at")
}

fn signer(bodies: &Bodies, socket: &Path) -> Service {
    let directory = bodies.network.directory();
    let key = text(&directory.join("demonstration/issuer-key.txt"));
    let [directory, socket] = [directory, socket].map(text);
    Service::run(
        &["signer", "--data-dir", &directory, "--user", "User4", "--key", &key, "--socket", &socket],
        "signs at",
    )
}

/// What the portal says of an application to the body's people; nothing where it does not know it yet.
fn shown(bodies: &Bodies, database: &str, id: &str) -> Option<Grant> {
    let path = text(&bodies.file(database).join("portal.db"));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let grants = runtime.block_on(async {
        let database = Database::open(&path).await.unwrap();
        Scope::of(&people("CertBodyMSP")).page(&database, 0).await.unwrap()
    });
    grants.into_iter().find(|grant| grant.application == id)
}

fn people(organisation: &str) -> Account {
    Account {
        id: "1".into(),
        party: organisation.into(),
        party_kind: PartyKind::Organisation,
        party_name: organisation.into(),
        email: "bob@body.example".into(),
        name: "Bob".into(),
        roles: Vec::new(),
    }
}

fn wait_for(bodies: &Bodies, database: &str, id: &str, is_there: impl Fn(&Grant) -> bool) -> Grant {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let found = shown(bodies, database, id);
        if let Some(found) = found.clone().filter(&is_there) {
            return found;
        }
        assert!(Instant::now() < until, "{found:?}");
        thread::sleep(Duration::from_millis(300));
    }
}

fn is_granted(grant: &Grant) -> bool {
    grant.state == "granted"
}

/// What stands between a portal and the signer: it hands a request on when it is told to.
struct Gate {
    path: PathBuf,
    asked: Receiver<(UnixStream, Vec<u8>)>,
    signer: PathBuf,
}

impl Gate {
    fn before(signer: PathBuf, path: PathBuf) -> Self {
        let listener = UnixListener::bind(&path).unwrap();
        let (sender, asked) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, mut request) = (stream.unwrap(), Vec::new());
                // A portal that is killed while it asks leaves a part.
                if stream.read_to_end(&mut request).is_ok() && sender.send((stream, request)).is_err() {
                    return;
                }
            }
        });
        Self { path, asked, signer }
    }

    fn answer_to(&self, request: &[u8]) -> Vec<u8> {
        let (mut signer, mut answer) = (UnixStream::connect(&self.signer).unwrap(), Vec::new());
        signer.write_all(request).unwrap();
        signer.shutdown(Shutdown::Write).unwrap();
        signer.read_to_end(&mut answer).unwrap();
        answer
    }

    /// Hands everything on until the application is granted.
    fn pass_until_granted(&self, bodies: &Bodies, id: &str) {
        let until = Instant::now() + Duration::from_secs(120);
        while grants(bodies, id).is_empty() {
            assert!(Instant::now() < until, "{id} is not granted");
            if let Ok((mut stream, request)) = self.asked.recv_timeout(Duration::from_millis(200)) {
                let _ = stream.write_all(&self.answer_to(&request));
            }
        }
    }
}

/// Where a portal is killed on its way from the decision to the certificate.
#[derive(Clone, Copy, Debug)]
enum Killed {
    /// So many milliseconds after its start.
    Soon(u64),
    /// The signer was asked, and has not signed.
    Asking,
    /// The signer has signed, and nobody heard.
    Signed,
    /// So many milliseconds after it had the signature: the grant is on its way, or was never sent.
    Granting(u64),
}

#[test]
fn a_decision_becomes_one_certificate_whatever_is_killed() {
    let bodies = Bodies::start();
    let gate = Gate::before(bodies.file("signer"), bodies.file("gate"));
    let _signer = signer(&bodies, &gate.signer);
    let rounds = [
        Killed::Soon(0),
        Killed::Soon(700),
        Killed::Asking,
        Killed::Signed,
        Killed::Granting(0),
        Killed::Granting(30),
        Killed::Granting(200),
    ];
    for (number, killed) in rounds.into_iter().enumerate() {
        let id = decided(&bodies, &format!("Killed-{number}"));
        while gate.asked.try_recv().is_ok() {}
        let running = portal(&bodies, "data", &gate.path);
        match killed {
            Killed::Soon(pause) => thread::sleep(Duration::from_millis(pause)),
            Killed::Asking | Killed::Signed | Killed::Granting(_) => {
                let (mut stream, request) = gate.asked.recv_timeout(Duration::from_secs(60)).unwrap();
                let said: Value = serde_json::from_slice(&request).unwrap();
                assert_eq!(said["application"], json!(id), "what is granted already is not asked for");
                if !matches!(killed, Killed::Asking) {
                    let answer = gate.answer_to(&request);
                    assert!(answer.starts_with(b"{\"signed\""), "{}", String::from_utf8_lossy(&answer));
                    if let Killed::Granting(pause) = killed {
                        stream.write_all(&answer).unwrap();
                        drop(stream);
                        thread::sleep(Duration::from_millis(pause));
                    }
                }
            }
        }
        // With SIGKILL.
        drop(running);
        if matches!(killed, Killed::Signed) {
            fs::remove_dir_all(bodies.file("data")).unwrap();
        }
        let running = portal(&bodies, "data", &gate.path);
        gate.pass_until_granted(&bodies, &id);
        let grant = wait_for(&bodies, "data", &id, is_granted);
        let (transaction, block) = grant.transaction.unwrap();
        assert_eq!((grants(&bodies, &id), block.is_some()), (vec![transaction], true), "{killed:?}");
        assert_eq!(bodies.scanned(&grant.certificate.unwrap(), "").0, "valid", "{killed:?}");
        drop(running);
    }
    let audit = format!("portal audit verify --database {}", bodies.file("data").join("portal.db").display());
    assert!(bodies.ran(&audit).starts_with("Intact"));
}

#[test]
fn what_keeps_a_grant_is_said_and_it_goes_on_or_ends() {
    let bodies = Bodies::start();
    let socket = bodies.file("signer");
    let _portal = portal(&bodies, "data", &socket);

    // The signer is away, and comes.
    let id = decided(&bodies, "Away");
    let waiting = wait_for(&bodies, "data", &id, |grant| grant.said.contains("the signer does not answer"));
    assert_eq!((waiting.state.as_str(), waiting.step.as_str()), ("waiting", "signature"));
    let running = signer(&bodies, &socket);
    let granted = wait_for(&bodies, "data", &id, is_granted);
    assert_eq!(bodies.scanned(&granted.certificate.unwrap(), "").0, "valid");
    drop(running);

    // A decision is taken back before.
    let id = decided(&bodies, "TakenBack");
    wait_for(&bodies, "data", &id, |grant| grant.tries > 0);
    bodies.done(&format!("application refuse {id} --reason doubt"));
    let ended = wait_for(&bodies, "data", &id, |grant| grant.state == "ended");
    assert!(ended.said.contains("taken back"), "{ended:?}");

    // The accreditation is suspended before: what is signed is not granted until it is restored. Two portals are at it.
    let id = decided(&bodies, "Suspended");
    let accreditation = format!("--scheme {SCHEME} --reason audit");
    bodies.done(&format!("cert accreditation suspend {accreditation} --effect new-grants"));
    let _other = portal(&bodies, "other", &socket);
    let _signer = signer(&bodies, &socket);
    for database in ["data", "other"] {
        let kept = wait_for(&bodies, database, &id, |grant| grant.said.contains("must not be suspended"));
        assert_eq!((kept.state.as_str(), kept.step.as_str()), ("waiting", "grant"));
    }
    bodies.done(&format!("cert accreditation restore {accreditation}"));
    let both =
        ["data", "other"].map(|database| wait_for(&bodies, database, &id, is_granted).transaction.unwrap());
    assert_eq!(grants(&bodies, &id), [both[0].0.clone()]);
    assert_eq!(both[0], both[1]);
}
