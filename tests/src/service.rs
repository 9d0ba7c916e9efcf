//! Other processes beside the network.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use crate::nanotrace;

/// A process that is killed at the end.
pub struct Service(Child);

impl Service {
    /// `nanotrace chaincode`.
    pub fn start(address: &str, package_id: &str) -> Self {
        Self::run(&["chaincode", "--id", package_id, "--address", address], "listens on")
    }

    /// Waits until its first line says that it is `ready`.
    pub fn run(arguments: &[&str], ready: &str) -> Self {
        let mut process = Command::new(nanotrace()).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(line.contains(ready), "{line}");
        Self(process)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // Harmless where the process has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
