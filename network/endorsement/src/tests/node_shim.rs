//! Fabric's own shim for Node drives our side of the chaincode protocol: `tests/chaincode-node`.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use bytes::Bytes;
use chaincode::package::{self, Connection};
use channel::policy;
use fabric::{
    proto::protos::{ChaincodeEvent, CollectionConfig},
    types::decode,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::{
    deploy::{Definition, collection, define},
    network::{BODIES, CHANNEL, Network, Proposed, peer_tls, user},
    state::action,
};

const NAME: &str = "nodecc";

/// Returns when the chaincode has printed that it listens, and goes on reading: the shim logs to its
/// standard output, and once that is not read, it does nothing else than log the error for ever.
async fn ready(output: ChildStdout) {
    let (ready, is_ready) = oneshot::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        if lines.any(|line| line == "ready") {
            let _ = ready.send(());
        }
        lines.for_each(drop);
    });
    is_ready.await.unwrap();
}

/// The chaincode on a channel of its own.
struct NodeChaincode {
    network: Network,
    process: Child,
}

impl Drop for NodeChaincode {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn folder() -> Option<PathBuf> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().join("tests/chaincode-node");
    if folder.join("node_modules/fabric-shim").exists() {
        return Some(folder);
    }
    println!("skipped: no fabric-shim; run `npm ci --ignore-scripts` in tests/chaincode-node");
    None
}

impl NodeChaincode {
    async fn start(tls: bool, collections: Vec<CollectionConfig>) -> Option<Self> {
        let folder = folder()?;
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let files = peer_tls("CertBody");
        let mut connection = Connection::plain(&address);
        if tls {
            connection.tls_required = true;
            connection.root_cert = std::fs::read_to_string(files.join("ca.crt")).unwrap();
        }
        let package = package::package("nodecc_1", &connection).unwrap();
        let mut command = Command::new("node");
        command.arg(folder.join("chaincode.cjs")).arg(&package.id).arg(&address);
        if tls {
            command.arg(files.join("server.key")).arg(files.join("server.crt"));
        }
        let mut process = command
            .env("CORE_PEER_LOCALMSPID", "CertBodyMSP")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        ready(process.stdout.take().unwrap()).await;
        let mut network = Network::start();
        let definition = Definition { collections, ..Default::default() };
        define(&mut network, NAME, &definition, &package.id, &package.bytes).await;
        Some(Self { network, process })
    }

    fn propose(args: &[&str]) -> Proposed {
        let args: Vec<Bytes> = args.iter().map(|arg| Bytes::copy_from_slice(arg.as_bytes())).collect();
        Proposed::new(&user("CertBody", "User1"), NAME, &args)
    }

    async fn answer(&self, proposed: &Proposed) -> Result<Value, String> {
        let response = self.network.process("CertBody", &proposed.signed).await.unwrap().response.unwrap();
        match response.status {
            200 => Ok(serde_json::from_slice(&response.payload).unwrap()),
            _ => Err(response.message),
        }
    }

    async fn evaluate(&self, args: &[&str]) -> Result<Value, String> {
        self.answer(&Self::propose(args)).await
    }

    async fn submit(&mut self, args: &[&str]) {
        self.network.submit(&BODIES, &user("CertBody", "User1"), &Self::propose(args)).await;
    }
}

#[tokio::test]
async fn state_ranges_and_history() {
    let Some(mut chaincode) = NodeChaincode::start(true, Vec::new()).await else { return };
    chaincode.submit(&["put", "a", "1"]).await;
    chaincode.submit(&["put", "a", "2"]).await;
    chaincode.submit(&["fill", "k", "250"]).await;
    assert_eq!(chaincode.evaluate(&["get", "a"]).await, Ok(json!("2")));
    assert_eq!(chaincode.evaluate(&["get", "nothing"]).await, Ok(json!("")));
    assert_eq!(chaincode.evaluate(&["range", "k", "l"]).await, Ok(json!({"count": 250, "last": "k0249"})));
    assert_eq!(chaincode.evaluate(&["range", "", ""]).await, Ok(json!({"count": 251, "last": "k0249"})));
    assert_eq!(chaincode.evaluate(&["firstOfRange", "k01", ""]).await, Ok(json!("k0100")));
    let page = chaincode.evaluate(&["page", "k", "", "2", "k0248"]).await;
    assert_eq!(page, Ok(json!({"keys": ["k0248", "k0249"], "fetched": 2, "bookmark": ""})));
    let page = chaincode.evaluate(&["page", "k", "", "1", ""]).await;
    assert_eq!(page, Ok(json!({"keys": ["k0000"], "fetched": 1, "bookmark": "k0001"})));
    chaincode.submit(&["putComposite", "colour", "red", "1"]).await;
    chaincode.submit(&["putComposite", "colour", "red", "2"]).await;
    let composite = chaincode.evaluate(&["composite", "colour", "red"]).await;
    assert_eq!(composite, Ok(json!([["red", "1"], ["red", "2"]])));
    chaincode.submit(&["remove", "a"]).await;
    let history = chaincode.evaluate(&["history", "a"]).await;
    let expected = json!([
        {"value": "", "isDelete": true},
        {"value": "2", "isDelete": false},
        {"value": "1", "isDelete": false},
    ]);
    assert_eq!(history, Ok(expected));
    let rich = chaincode.evaluate(&["rich"]).await.unwrap_err();
    assert!(rich.contains("ExecuteQuery not supported for leveldb"), "{rich}");
}

#[tokio::test]
async fn private_data() {
    let Some(mut chaincode) = NodeChaincode::start(false, vec![collection("secret")]).await else { return };
    let sender = user("CertBody", "User1");
    for key in ["a", "b", "c"] {
        let put = NodeChaincode::propose(&["putSecret", "secret", key])
            .with_transient(&sender, "secret", "formula");
        chaincode.network.submit(&BODIES, &sender, &put).await;
    }
    assert_eq!(chaincode.evaluate(&["getSecret", "secret", "a"]).await, Ok(json!("formula")));
    assert_eq!(chaincode.evaluate(&["secrets", "secret"]).await, Ok(json!(["a", "b", "c"])));
    let hash = hex::encode(Sha256::digest("formula"));
    assert_eq!(chaincode.evaluate(&["secretHash", "secret", "a"]).await, Ok(json!(hash)));
    chaincode.submit(&["removeSecret", "secret", "a"]).await;
    chaincode.submit(&["purgeSecret", "secret", "b"]).await;
    assert_eq!(chaincode.evaluate(&["secrets", "secret"]).await, Ok(json!(["c"])));
}

#[tokio::test]
async fn owners_events_calls_and_context() {
    let Some(mut chaincode) = NodeChaincode::start(false, Vec::new()).await else { return };
    chaincode.submit(&["put", "a", "1"]).await;
    chaincode.submit(&["own", "a", "AccreditationMSP"]).await;
    assert_eq!(chaincode.evaluate(&["owners", "a"]).await, Ok(json!(["AccreditationMSP"])));
    assert_eq!(chaincode.evaluate(&["owners", "nothing"]).await, Ok(json!([])));
    let put = NodeChaincode::propose(&["put", "a", "2"]);
    let interest = chaincode.network.process("Accreditation", &put.signed).await.unwrap().interest.unwrap();
    let owner = policy::parse("OR('AccreditationMSP.peer')").unwrap();
    assert_eq!(interest.chaincodes[0].key_policies[0].identities, owner.identities);

    let emit = NodeChaincode::propose(&["emit", "happened", "news"]);
    let response = chaincode.network.process("CertBody", &emit.signed).await.unwrap();
    let event: ChaincodeEvent = decode(action(&response).events).unwrap();
    assert_eq!((event.chaincode_id.as_str(), event.event_name.as_str()), (NAME, "happened"));
    assert_eq!((event.tx_id.as_str(), &event.payload[..]), (emit.txid.as_str(), &b"news"[..]));

    let itself = chaincode.evaluate(&["call", NAME, "get", "a"]).await.unwrap_err();
    assert!(itself.contains("exists"), "{itself}");
    let unknown = chaincode.evaluate(&["call", "nosuch", "get", "a"]).await.unwrap_err();
    assert!(unknown.contains("chaincode nosuch not found"), "{unknown}");

    let context = NodeChaincode::propose(&["context"]);
    let told = chaincode.answer(&context).await.unwrap();
    let expected = json!({
        "channel": CHANNEL, "txid": context.txid, "creator": "CertBodyMSP", "dated": true, "binding": 64,
    });
    assert_eq!(told, expected);
    let unknown = chaincode.evaluate(&["nosuch"]).await.unwrap_err();
    assert!(unknown.contains("not a function"), "{unknown}");
}
