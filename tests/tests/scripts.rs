//! What the scripts say and do: the progress of a build, and the link by which a shell finds the program.

#![allow(clippy::unwrap_used)]

use std::{
    fs,
    io::Write,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
    process::{Command, Output, Stdio},
};

use tempfile::TempDir;
use tests::{assert_success, repository};

/// Runs a script of bash in the repository, where the files of `scripts` can be sourced.
fn bash(script: &str) -> Command {
    let mut command = Command::new("bash");
    command.args(["-c", &format!("set -euo pipefail; {script}")]).current_dir(repository());
    command
}

/// A machine whose user has no `~/.local/bin` yet, and a program that was built.
struct Machine {
    home: TempDir,
}

impl Machine {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let program = home.path().join("the build/nanotrace");
        fs::create_dir_all(program.parent().unwrap()).unwrap();
        fs::write(&program, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        Self { home }
    }

    fn path(&self, name: &str) -> String {
        self.home.path().join(name).to_str().unwrap().to_owned()
    }

    fn link(&self) -> String {
        self.path(".local/bin/nanotrace")
    }

    /// What the script says where there is no terminal.
    fn offer(&self) -> String {
        assert_success(&self.command(&self.script()).output().unwrap())
    }

    /// What it says at a terminal, to somebody who answers so.
    fn offer_at_a_terminal(&self, answer: &str) -> String {
        let script = format!("bash -c {}", quoted(&self.script()));
        let mut process =
            self.command(&format!("script --quiet --return --command {} /dev/null", quoted(&script)));
        let mut process = process.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        process.stdin.take().unwrap().write_all(answer.as_bytes()).unwrap();
        assert_success(&process.wait_with_output().unwrap())
    }

    fn script(&self) -> String {
        format!(". scripts/link.sh; offer_link {}", quoted(&self.path("the build/nanotrace")))
    }

    fn command(&self, script: &str) -> Command {
        let mut command = bash(script);
        command.env("HOME", self.home.path()).env("CARGO_TARGET_DIR", self.path("the build"));
        command.env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command
    }
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[test]
fn without_a_terminal_the_link_is_only_told() {
    let machine = Machine::new();
    let said = machine.offer();
    let advice = said.lines().next().unwrap().split_once(": ").unwrap().1.to_owned();
    assert!(said.contains(".local/bin is not on your PATH"), "{said}");
    assert!(!Path::new(&machine.link()).exists());
    // The advice does what it says, blanks in the path and all.
    assert_success(&machine.command(&advice).output().unwrap());
    assert_eq!(fs::read_link(machine.link()).unwrap().to_str().unwrap(), machine.path("the build/nanotrace"));
    let again = machine.offer();
    assert!(!again.contains("ln -s") && again.contains("is not on your PATH"), "{again}");
}

#[test]
fn at_a_terminal_the_link_is_made_when_it_is_wanted_and_asked_for_once() {
    let machine = Machine::new();
    let refused = machine.offer_at_a_terminal("\n");
    assert!(refused.contains("[y/N]") && refused.contains("ln -s"), "{refused}");
    assert!(!Path::new(&machine.link()).exists());
    assert!(!machine.offer_at_a_terminal("y\n").contains("[y/N]"), "it asks again");

    let machine = Machine::new();
    let said = machine.offer_at_a_terminal("y\n");
    assert!(said.contains("is not on your PATH"), "{said}");
    assert_eq!(fs::read_link(machine.link()).unwrap().to_str().unwrap(), machine.path("the build/nanotrace"));
}

#[test]
fn what_lies_where_the_link_would_stays() {
    for is_link in [false, true] {
        let machine = Machine::new();
        fs::create_dir_all(machine.path(".local/bin")).unwrap();
        match is_link {
            true => symlink("/nowhere", machine.link()).unwrap(),
            false => fs::write(machine.link(), "mine").unwrap(),
        }
        let said = machine.offer_at_a_terminal("y\n");
        assert!(said.contains("is something else and stays as it is"), "{said}");
        match is_link {
            true => assert_eq!(fs::read_link(machine.link()).unwrap(), Path::new("/nowhere")),
            false => assert_eq!(fs::read_to_string(machine.link()).unwrap(), "mine"),
        }
    }
}

#[test]
fn an_installed_nanotrace_stays_what_the_shell_finds() {
    let machine = Machine::new();
    let installed = machine.path("installed");
    fs::create_dir(&installed).unwrap();
    fs::copy(machine.path("the build/nanotrace"), format!("{installed}/nanotrace")).unwrap();
    let mut command = machine.command(&machine.script());
    let said = assert_success(&command.env("PATH", format!("{installed}:/usr/bin:/bin")).output().unwrap());
    assert!(said.starts_with(&format!("Your shell's nanotrace is {installed}/nanotrace")), "{said}");
    assert!(!Path::new(&machine.link()).exists());
}

/// What is said where a build stands so: seconds since it began, what cargo wrote last, how many of how many files of
/// RocksDB are compiled, and for how many seconds.
fn progress(elapsed: u32, cargo: &str, files: (u32, u32), spent: u32) -> String {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    fs::write(&log, cargo).unwrap();
    let (done, all) = files;
    let script = format!(
        ". scripts/progress.sh; log={} began=$((EPOCHSECONDS - {elapsed})) rocksdb_done={done} rocksdb_files={all}
         rocksdb_began=$((EPOCHSECONDS - {spent})); build_progress",
        log.display()
    );
    assert_success(&bash(&script).output().unwrap()).trim().to_owned()
}

#[test]
fn progress_names_what_is_counted() {
    let cargo =
        "   Compiling hyper v1.12.0\n    Building [====>   ] 341/421: hyper, librocksdb-sys(build)    \r";
    assert_eq!(progress(50, cargo, (0, 343), 0), "step 341 of 421; 50 s so far");
    assert_eq!(
        progress(700, cargo, (10, 343), 60),
        "step 341 of 421; RocksDB: file 10 of 343; 11 min so far",
        "there is nothing yet to estimate from"
    );
    let waiting = "    Blocking waiting for file lock on build directory\n";
    assert_eq!(
        progress(5, waiting, (0, 343), 0),
        "Blocking waiting for file lock on build directory; 5 s so far"
    );
    assert_eq!(progress(2000, cargo, (343, 343), 1607), "step 341 of 421; 33 min so far");
}

/// Files compiled and seconds passed in a whole build on two busy cores, which took 1,607 seconds.
#[test]
fn the_estimate_encloses_what_a_real_build_took() {
    let cargo = "    Building [====>   ] 400/421: librocksdb-sys(build)\r";
    for (done, spent) in [(34, 459), (68, 806), (137, 1034), (205, 1263), (274, 1451), (308, 1508)] {
        let said = progress(spent, cargo, (done, 343), spent);
        let (_, estimate) = said.split_once(", some ").unwrap();
        let (least, rest) = estimate.split_once(" to ").unwrap();
        let (most, _) = rest.split_once(" min left").unwrap();
        let left = (1607 - spent) / 60;
        let (least, most): (u32, u32) = (least.parse().unwrap(), most.parse().unwrap());
        assert!(least <= left + 1 && left <= most, "{left} minutes were left: {said}");
    }
}

/// A cargo that takes three seconds, with a line told each second in place of each minute.
fn build(cargo: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command =
        bash(&format!(". scripts/progress.sh; cargo() {{ {cargo} }}; with_progress cargo build"));
    command.env("CARGO_TARGET_DIR", folder.path()).env("PROGRESS_SECONDS", "1").output().unwrap()
}

#[test]
fn a_build_without_a_terminal_says_a_line_at_a_time_and_keeps_warnings_and_failure() {
    let cargo = r"printf '   Compiling a v1\n    Building [>  ] 1/3: a\r' >&2; sleep 3; printf 'warning: odd\n    Building [=> ] 2/3: b\r    Finished\n' >&2; return 7;";
    let output = build(cargo);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(7), "{said}");
    assert!(said.starts_with("  step 1 of 3; "), "{said}");
    assert!(said.ends_with("warning: odd\n    Finished\n"), "{said}");
    assert!(!said.contains("Compiling") && !said.contains('\r'), "{said}");
}
