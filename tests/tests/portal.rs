//! `nanotrace portal`, as its operator starts it.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use tests::{
    assert_success,
    durability::{Event, assert_durable, recorded},
    get_with_status, interrupt, nanotrace,
    visitor::Visitor,
};

fn portal(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(nanotrace());
    command.current_dir(folder).arg("portal").args(arguments);
    command
}

fn run(folder: &Path, arguments: &[&str]) -> Output {
    portal(folder, arguments).output().unwrap()
}

#[test]
fn an_operator_starts_a_portal_invites_an_administrator_and_checks_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let mut server =
        portal(folder.path(), &["--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = String::new();
    let mut output = BufReader::new(server.stdout.take().unwrap());
    output.read_line(&mut said).unwrap();
    let base = said.trim().strip_prefix("The portal answers at ").unwrap().trim_end_matches('.').to_owned();
    let port = base.strip_prefix("http://localhost:").unwrap();
    let address = format!("127.0.0.1:{port}");

    let create =
        ["admin", "create", "--organisation", "CertBodyMSP", "--email", "bob@body.example", "--url", &base];
    let said = assert_success(&run(folder.path(), &create));
    let link = said.lines().find_map(|line| line.strip_prefix(&base)).unwrap();
    let (status, page) = get_with_status(&address, link);
    assert!(status == 200 && page.contains("bob@body.example"), "{page}");
    assert_eq!(get_with_status(&address, "/admin/people").0, 303);

    let said = assert_success(&run(folder.path(), &["audit", "verify"]));
    assert!(said.starts_with("Intact: 1 entries, the newest has the hash "), "{said}");
    let mode = folder.path().join("portal-data/portal.db").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    interrupt(server.id());
    assert_eq!(server.wait().unwrap().code(), Some(0));
}

#[test]
fn what_would_send_passwords_in_the_clear_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [
        ["--listen", "0.0.0.0:0"],
        ["--url", "http://portal.example"],
        ["--mail", "smtp://mail.example"],
        ["--sender", "nobody"],
    ] {
        let output = run(folder.path(), &arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    }
    let output = run(folder.path(), &["audit", "verify", "--database", "postgres://portal@192.0.2.1/portal"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("sslmode=verify-full"));
}

/// What `up` says until it says this.
fn said_until(output: &mut BufReader<std::process::ChildStdout>, end: &str) -> String {
    let mut said = String::new();
    while !said.contains(end) {
        assert!(output.read_line(&mut said).unwrap() > 0, "it ended: {said}");
    }
    said
}

#[test]
fn a_network_starts_its_portal_and_prints_who_gets_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut links = Vec::new();
    for start in ["first", "second"] {
        let mut network = Command::new(nanotrace())
            .args(["up", "--port", "0", "--verifier", "127.0.0.1:0", "--demo", "none", "--data-dir"])
            .arg(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = said_until(&mut BufReader::new(network.stdout.take().unwrap()), "/outbox");
        let base = said.lines().find_map(|line| line.trim().strip_prefix("portal ")).unwrap().trim();
        let address = base.replace("http://localhost:", "127.0.0.1:");
        let parts = [
            "applicant",
            "evaluator",
            "reviewer",
            "decision-maker",
            "auditor",
            "administrator",
            "laboratory",
        ];
        for part in parts.into_iter().chain(["accreditor", "customs"]) {
            let line = said.lines().find_map(|line| line.trim().strip_prefix(part)).unwrap();
            let link = line.trim().strip_prefix(base).unwrap().to_owned();
            let (status, page) = get_with_status(&address, &link);
            assert!(status == 200 && page.contains("Come in"), "{start}, {part}: {page}");
            assert!(page.contains("one portal serves all organisations"), "{page}");
            links.push(link);
        }
        if start == "second" {
            assert_eq!(
                get_with_status(&address, links.first().unwrap()).0,
                410,
                "a later start ends earlier links"
            );
        }
        assert_eq!(get_with_status(&address, "/outbox").0, 200);
        interrupt(network.id());
        assert_eq!(network.wait().unwrap().code(), Some(0));
    }
    links.sort();
    links.dedup();
    assert_eq!(links.len(), 18);
    let database = folder.path().join("portal/portal.db");
    let said =
        assert_success(&run(folder.path(), &["audit", "verify", "--database", database.to_str().unwrap()]));
    assert!(said.starts_with("Intact: 2 entries"), "{said}");
}

/// Starts the network of this folder, and returns it when it is there.
fn up(folder: &Path) -> Child {
    let mut network = Command::new(nanotrace())
        .args(["up", "--port", "0", "--verifier", "127.0.0.1:0", "--demo", "one", "--data-dir"])
        .arg(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    said_until(&mut BufReader::new(network.stdout.take().unwrap()), "/outbox");
    network
}

fn stop(mut network: Child) {
    interrupt(network.id());
    assert_eq!(network.wait().unwrap().code(), Some(0));
}

#[test]
fn a_log_that_was_anchored_is_found_out_where_it_is_another_one() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("portal/portal.db");
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (file, profile) = (database.to_str().unwrap().to_owned(), path("network.json"));
    let network = ["--profile", &profile, "--identity", "CertBody=User1"];
    let verify = || {
        let arguments = ["audit", "verify", "--database", &file];
        run(folder.path(), &[arguments.as_slice(), network.as_slice()].concat())
    };
    let first = up(folder.path());
    assert_eq!(verify().status.code(), Some(1), "nothing is anchored yet");
    stop(first);
    assert_eq!(verify().status.code(), Some(3), "the ledger is away");

    // What the first portal anchored when it stopped is in the log of the second.
    let second = up(folder.path());
    let said = assert_success(&verify());
    assert!(said.starts_with("Intact: 3 entries") && said.contains("last with 1 entries"), "{said}");
    stop(second);

    for end in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(format!("{file}{end}"));
    }
    let third = up(folder.path());
    let found = verify();
    let said = String::from_utf8_lossy(&found.stderr).into_owned();
    assert_eq!(found.status.code(), Some(1), "{said}");
    assert!(said.contains("cut off or written anew"), "{said}");
    stop(third);

    // Without its ledger a portal answers, and ends in time.
    let arguments = ["--listen", "127.0.0.1:0", "--database", &file, "--profile", &profile];
    let arguments = [arguments.as_slice(), &["--identity", "CertBody=User4"]].concat();
    let mut alone =
        portal(folder.path(), &arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    said_until(&mut BufReader::new(alone.stdout.take().unwrap()), "answers at");
    let begun = Instant::now();
    interrupt(alone.id());
    let ended = alone.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(said.contains("the audit log was not anchored before the end"), "{said}");
}

/// A portal that writes the record of its durable file operations into this file.
fn recording(mut command: Command, record: &Path) -> (Child, BufReader<std::process::ChildStdout>) {
    command.env("NANOTRACE_LOG", "durable=trace").stderr(fs::File::create(record).unwrap());
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let output = BufReader::new(process.stdout.take().unwrap());
    (process, output)
}

fn kill_and_read(mut process: Child, record: &Path) -> Vec<Event> {
    process.kill().unwrap();
    process.wait().unwrap();
    recorded(&fs::read_to_string(record).unwrap())
}

/// Killed as soon as the answer is there: what is in the record by then is what a loss of power leaves for certain.
#[test]
fn an_upload_that_was_answered_is_durable() {
    let folder = tempfile::tempdir().unwrap();
    let (directory, record) = (folder.path().join("data"), folder.path().join("record"));
    let mut command = Command::new(nanotrace());
    command.args(["up", "--port", "0", "--verifier", "127.0.0.1:0", "--portal", "0", "--demo", "none"]);
    command.arg("--data-dir").arg(&directory);
    let (process, mut output) = recording(command, &record);
    let said = said_until(&mut output, "/outbox");
    let link = said.lines().find_map(|line| line.trim().strip_prefix("applicant")).unwrap().trim();
    let id = Visitor::welcomed(link).upload("Sheet.pdf", "%PDF-1.7 a sheet");
    let events = kill_and_read(process, &record);
    let files = directory.join("portal/files");
    for path in [directory.join("portal"), files.clone(), files.join(id)] {
        assert_durable(&events, &path);
    }
}

/// SQLite makes the names in its folder durable, and nobody but the portal those of new folders above.
#[test]
fn the_folder_of_a_new_database_is_durable() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("record");
    let arguments = ["--listen", "127.0.0.1:0", "--database", "above/database/portal.db"];
    let (process, mut output) = recording(portal(folder.path(), &arguments), &record);
    said_until(&mut output, "answers at");
    let events = kill_and_read(process, &record);
    for path in ["above", "above/database"] {
        assert_durable(&events, &folder.path().join(path));
    }
}
