//! A chaincode on Fabric's own shim for Node in a process of its own, as its vendor's package starts it.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc,
};

use crate::repository;

/// `fabric-chaincode-node server` with a contract of `tests/chaincode-node`.
pub struct NodeChaincode {
    process: Child,
}

impl NodeChaincode {
    /// Starts the contract in a folder of `tests/chaincode-node` and waits until it listens on `address`.
    pub fn start(folder: &str, address: &str, package_id: &str) -> Self {
        let root = repository().join("tests/chaincode-node");
        let program = root.join("node_modules/fabric-shim/cli.js");
        assert!(program.exists(), "run `npm ci --ignore-scripts` in tests/chaincode-node");
        let mut process = Command::new("node")
            .arg(program)
            .args(["server", "--chaincode-address", address, "--chaincode-id", package_id])
            .current_dir(root.join(folder))
            // Only at this level does the shim say that it listens.
            .env("CORE_CHAINCODE_LOGGING_LEVEL", "debug")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (listening, is_listening) = mpsc::channel();
        // The shim's log is read to its end: a full pipe would stop the chaincode.
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if line.contains("ChaincodeServer started") {
                    let _ = listening.send(());
                }
            }
        });
        is_listening.recv().expect("the chaincode ended before it listened");
        Self { process }
    }
}

impl Drop for NodeChaincode {
    fn drop(&mut self) {
        // Harmless where the process has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
