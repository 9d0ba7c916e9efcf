//! `nanotrace verifier` in a process of its own, and its answers as a program sees them.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use certificate::Code;
use serde_json::Value;

use crate::{Network, kill_after, nanotrace};

/// How long an answer may take to become the expected one; far more than it should.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two requests.
const PAUSE: Duration = Duration::from_millis(20);

/// Follows the network as customs would: its own user, its own data, blocks from its own peer.
pub struct Follower {
    process: Child,
    address: String,
    /// Kept open, or the process could not print.
    output: BufReader<ChildStdout>,
}

/// What a follower is started with; the same for every start.
pub struct Settings {
    arguments: Vec<String>,
    directory: PathBuf,
}

impl Settings {
    pub fn new(network: &Network, directory: &Path) -> Self {
        let profile = network.profile();
        let customs = profile.organisation("Customs").unwrap();
        let domain = &customs.domain;
        let user = format!("peerOrganizations/{domain}/users/User1@{domain}/msp");
        let path = |path: &Path| path.to_str().unwrap().to_owned();
        let arguments = [
            ("--genesis", path(&network.directory().join("genesis.block"))),
            ("--fingerprint", profile.genesis.clone()),
            ("--peer", customs.gateway.address.clone()),
            ("--tls-ca", path(customs.gateway.tls_ca_file.as_ref().unwrap())),
            ("--msp", path(&profile.crypto_config.join(user))),
            ("--msp-id", customs.msp_id.clone()),
            ("--listen", "127.0.0.1:0".to_owned()),
        ];
        let arguments = arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect();
        Self { arguments, directory: directory.to_owned() }
    }

    /// Takes blocks from these sources, whose organisations are named, in place of Customs' peer.
    pub fn with_peers(mut self, network: &Network, peers: &[(&str, String)]) -> Self {
        let profile = network.profile();
        let roots = peers.iter().map(|(organisation, _)| {
            fs::read(profile.organisation(organisation).unwrap().gateway.tls_ca_file.as_ref().unwrap())
                .unwrap()
        });
        let file = self.directory.with_extension("roots.pem");
        fs::write(&file, roots.collect::<Vec<_>>().concat()).unwrap();
        self.replace("--tls-ca", file.to_str().unwrap());
        self.arguments.extend(peers.iter().flat_map(|(_, address)| ["--peer".to_owned(), address.clone()]));
        let own = self.arguments.iter().position(|argument| argument == "--peer").unwrap();
        self.arguments.drain(own..own + 2);
        self
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([name.to_owned(), value.to_owned()]);
        self
    }

    fn replace(&mut self, name: &str, value: &str) {
        let at = self.arguments.iter().position(|argument| argument == name).unwrap();
        self.arguments[at + 1] = value.to_owned();
    }

    /// Starts a follower, or goes on with what an earlier one left.
    pub fn start(&self) -> Follower {
        self.start_by(Command::new(nanotrace()))
    }

    /// Starts a follower none of whose files can grow beyond so many bytes, as on a disk that is full then, until
    /// [`Follower::make_room`]. `None` where the machine has no `prlimit`.
    pub fn start_with_room(&self, bytes: u64) -> Option<Follower> {
        if Command::new("prlimit").arg("--version").output().is_err() {
            eprintln!("skipped: no prlimit on this machine");
            return None;
        }
        let mut shell = Command::new("sh");
        // A write beyond the limit is an error then, and no signal that ends the process.
        let limited = format!("trap '' XFSZ; exec prlimit --fsize={bytes}:unlimited \"$0\" \"$@\"");
        shell.args(["-c", &limited]).arg(nanotrace());
        Some(self.start_by(shell))
    }

    /// Begins to start a follower, and kills it after that time.
    pub fn kill_while_it_starts(&self, after: Duration) {
        kill_after(self.command(Command::new(nanotrace())), after);
    }

    fn command(&self, mut command: Command) -> Command {
        command.arg("verifier").args(&self.arguments).arg("--data-dir").arg(&self.directory);
        command
    }

    fn start_by(&self, command: Command) -> Follower {
        let mut process = self.command(command).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut greeting = String::new();
        output.read_line(&mut greeting).unwrap();
        let address = greeting.split("http://").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
        Follower { process, address: address.to_owned(), output }
    }
}

impl Follower {
    /// Where the operator asks for metrics, as the greeting says it; read once.
    pub fn operations(&mut self) -> String {
        crate::operations_address(&mut self.output)
    }

    /// The JSON answer for a certificate.
    pub fn answer(&self, code: Code) -> Value {
        let (_, body) = self.get(&format!("/api/v1/certificates/{code}"));
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
    }

    /// Status and body of the response to a request without headers.
    pub fn get(&self, path: &str) -> (u16, String) {
        crate::get_with_status(&self.address, path)
    }

    /// Asks for what operators see until it is as expected.
    pub fn wait_for_page(&self, path: &str, is_expected: impl Fn(u16, &str) -> bool) -> String {
        let since = Instant::now();
        loop {
            let (status, body) = self.get(path);
            if is_expected(status, &body) {
                return body;
            }
            assert!(since.elapsed() < PATIENCE, "still {status} {body}");
            std::thread::park_timeout(PAUSE);
        }
    }

    /// Takes the limit of [`Settings::start_with_room`] away.
    pub fn make_room(&self) {
        let process = self.process.id().to_string();
        let raised = Command::new("prlimit").args(["--pid", &process, "--fsize=unlimited"]).status();
        assert!(raised.unwrap().success());
    }

    /// Asks until the answer is as expected.
    pub fn wait_for(&self, code: Code, is_expected: impl Fn(&Value) -> bool) -> Value {
        let since = Instant::now();
        loop {
            let answer = self.answer(code);
            if is_expected(&answer) {
                return answer;
            }
            assert!(since.elapsed() < PATIENCE, "still {answer}");
            std::thread::park_timeout(PAUSE);
        }
    }

    /// Kills the process as a power cut would, and leaves its folder.
    pub fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // Harmless where the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
