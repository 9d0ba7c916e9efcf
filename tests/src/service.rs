//! A chaincode as a service, beside the network.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use crate::nanotrace;

/// `nanotrace chaincode` in a process of its own.
pub struct Service(Child);

impl Service {
    pub fn start(address: &str, package_id: &str) -> Self {
        let mut process = Command::new(nanotrace())
            .args(["chaincode", "--id", package_id, "--address", address])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert!(line.contains("listens on"), "{line}");
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
