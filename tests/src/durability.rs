//! `nanotrace up` with a record of its durable file operations, read as they happen; and what must be true of them.

use std::{
    collections::HashSet,
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
};

use crate::{interrupt, nanotrace};

/// A completed operation, or a block that is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub operation: String,
    pub path: PathBuf,
    /// The new name, where the operation is a rename.
    pub to: PathBuf,
}

/// A network whose file operations are read one by one.
pub struct Recorded {
    process: Child,
    log: BufReader<ChildStderr>,
    pub events: Vec<Event>,
}

impl Recorded {
    pub fn start(directory: &Path) -> Self {
        let mut process = Command::new(nanotrace())
            .args(["--log", "warn,durable=trace", "up", "--port", "0", "--verifier", "127.0.0.1:0"])
            .args(["--no-portal", "--demo", "one", "--bodies", "one", "--data-dir"])
            .arg(directory)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        Self { process, log, events: Vec::new() }
    }

    /// Waits for the next operation; `None` once the process has ended.
    pub fn next_event(&mut self) -> Option<&Event> {
        let mut line = String::new();
        while self.log.read_line(&mut line).unwrap() > 0 {
            if let Some(event) = Event::parse(&line) {
                self.events.push(event);
                return self.events.last();
            }
            line.clear();
        }
        None
    }

    /// Kills the process as a crash would.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Asks the process to stop, as Ctrl-C does, and reads the rest of its record.
    pub fn stop(mut self) -> (ExitStatus, Vec<Event>) {
        interrupt(self.process.id());
        while self.next_event().is_some() {}
        let status = self.process.wait().unwrap();
        (status, std::mem::take(&mut self.events))
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        // Harmless where the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The events in what a process logged.
pub fn recorded(log: &str) -> Vec<Event> {
    log.lines().filter_map(Event::parse).collect()
}

impl Event {
    fn parse(line: &str) -> Option<Self> {
        let (_, fields) = line.split_once(" durable: ")?;
        let field = |name: &str| {
            let (_, rest) = fields.split_once(&format!("{name}=\""))?;
            Some(rest.split_once('"')?.0)
        };
        let path = |name| field(name).map(PathBuf::from).unwrap_or_default();
        Some(Self { operation: field("operation")?.to_owned(), path: path("path"), to: path("to") })
    }

    fn is(&self, operation: &str, path: &Path) -> bool {
        self.operation == operation && self.path == path
    }
}

/// Every file and folder in `directory`, itself included, but what a database keeps for itself and what need not
/// outlive the process.
pub fn durable_files(directory: &Path) -> Vec<PathBuf> {
    let databases = [directory.join("ledger/index"), directory.join("verifier")];
    // The mark of confirmed blocks proves a loss where it is there, and promises nothing.
    let passing = ["nanotrace.pid", "ledger/lock", "ledger/confirmed"].map(|name| directory.join(name));
    let (mut found, mut folders) = (Vec::new(), vec![directory.to_owned()]);
    while let Some(folder) = folders.pop() {
        if !databases.contains(&folder) {
            let entries = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
            let (inner, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
            folders.extend(inner);
            found.extend(files.into_iter().filter(|file| !passing.contains(file)));
        }
        found.push(folder);
    }
    found
}

/// Panics unless the record shows that `path` would outlive a loss of power after its last event: its content was
/// synced before it got its name, and the name in its folder after that.
pub fn assert_durable(events: &[Event], path: &Path) {
    let last_rename = |of: &Path, before: usize| {
        let renames = |event: &Event| event.operation == "rename" && of.starts_with(&event.to);
        events[..before].iter().rposition(renames)
    };
    let made = |operation| events.iter().position(|event| event.is(operation, path));
    let renamed = last_rename(path, events.len());
    let (named, name) = match renamed {
        Some(at) => (at, events[at].to.clone()),
        None => {
            let made = made("create folder").or_else(|| made("create")).or_else(|| made("write"));
            (made.unwrap_or_else(|| panic!("{} is in no record", path.display())), path.to_owned())
        }
    };
    // Back to the name under which the content was written.
    let (mut content, mut before) = (path.to_owned(), events.len());
    while let Some(at) = last_rename(&content, before) {
        let inside = content.strip_prefix(&events[at].to).unwrap();
        // Joining nothing would add a slash.
        content = match inside.as_os_str().is_empty() {
            true => events[at].path.clone(),
            false => events[at].path.join(inside),
        };
        before = at;
    }
    if path.is_file() {
        let written =
            events[..before].iter().rposition(|event| event.is("write", &content)).unwrap_or_default();
        let synced = events[..before].iter().rposition(|event| event.is("sync", &content));
        let synced = synced.unwrap_or_else(|| panic!("{} is never synced", content.display()));
        assert!(synced > written, "{} is written after its last sync", content.display());
    }
    let folder = name.parent().unwrap();
    let is_kept = events.iter().skip(named).any(|event| event.is("sync folder", folder));
    assert!(is_kept, "the name of {} is not synced in {}", name.display(), folder.display());
}

/// Panics unless every file of the block log that was written or made is synced, its name too, before the next
/// acknowledgement. Returns how many blocks are acknowledged.
pub fn assert_synced_before_acknowledged(events: &[Event]) -> usize {
    let mut unsynced: HashSet<(&str, &Path)> = HashSet::new();
    let mut acknowledged = 0;
    for event in events {
        let path = event.path.as_path();
        let is_block = path.extension().is_some_and(|extension| extension == "log");
        match event.operation.as_str() {
            "create" if is_block => drop(unsynced.insert(("name", path.parent().unwrap()))),
            "write" if is_block => drop(unsynced.insert(("content", path))),
            "sync" => drop(unsynced.remove(&("content", path))),
            "sync folder" => drop(unsynced.remove(&("name", path))),
            "acknowledge" => {
                assert!(unsynced.is_empty(), "acknowledged before {unsynced:?}");
                acknowledged += 1;
            }
            _ => {}
        }
    }
    acknowledged
}
