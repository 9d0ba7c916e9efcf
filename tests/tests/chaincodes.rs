//! A second chaincode, of somebody else's making, runs on the network beside the certificate chaincode.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::net::TcpListener;

use chaincode::package::{self, Connection};
use channel::policy;
use peer_client::{Error, Gateway, Invocation, lifecycle::Definition};
use serde_json::{Value, json};
use tests::{
    Network, assert_success,
    chaincode_node::NodeChaincode,
    deployment::{deploy, gateway, submit},
};

const CHAINCODE: &str = "basic";

#[tokio::test(flavor = "multi_thread")]
async fn another_chaincode_is_dialled_where_its_package_says() {
    let folder = tempfile::tempdir().unwrap();
    let network = Network::start_in(folder.path());
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let package = package::package("basic_1.0", &Connection::plain(&address)).unwrap();
    let _chaincode = NodeChaincode::start("assets", &address, &package.id);
    let definition = Definition {
        name: CHAINCODE.into(),
        version: "1.0".into(),
        sequence: 1,
        endorsement_policy: policy::parse("AND('CertBodyMSP.peer','AccreditationMSP.peer')").unwrap(),
    };
    deploy(&network.profile(), &definition, &package.id, package.bytes.clone().into()).await;

    let client = Client::connect(&network).await;
    client.submit("InitLedger", &[]).await.unwrap();
    client.submit("CreateAsset", &["asset3", "green", "7", "Cleo", "500"]).await.unwrap();
    let created =
        json!({"AppraisedValue": 500, "Color": "green", "ID": "asset3", "Owner": "Cleo", "Size": 7});
    assert_eq!(client.evaluate("ReadAsset", &["asset3"]).await, created);
    client.submit("TransferAsset", &["asset1", "Cleo"]).await.unwrap();
    client.submit("UpdateAsset", &["asset3", "green", "8", "Cleo", "450"]).await.unwrap();
    client.submit("DeleteAsset", &["asset2"]).await.unwrap();
    let left = json!([
        {"AppraisedValue": 300, "Color": "blue", "ID": "asset1", "Owner": "Cleo", "Size": 5},
        {"AppraisedValue": 450, "Color": "green", "ID": "asset3", "Owner": "Cleo", "Size": 8},
    ]);
    assert_eq!(client.evaluate("GetAllAssets", &[]).await, left);
    let refused = client.submit("DeleteAsset", &["asset2"]).await.unwrap_err().to_string();
    assert!(refused.contains("the asset asset2 does not exist"), "{refused}");

    // The network's own chaincode is where it was, also on the other ports of a later start.
    let code = network.code().to_string();
    assert_success(&network.nanotrace(&["cert", "stop", &code, "--reason", "a closer look"]));
    assert!(network.stop());
    let network = Network::start_in(folder.path());
    assert_success(&network.nanotrace(&["cert", "lift", &code, "--reason", "all is well"]));
    let client = Client::connect(&network).await;
    client.submit("TransferAsset", &["asset3", "Ada"]).await.unwrap();
    assert!(network.stop());
}

/// A user of the chaincode.
struct Client {
    gateway: Gateway,
    channel: String,
}

impl Client {
    async fn connect(network: &Network) -> Self {
        let profile = network.profile();
        let organisation = profile.organisation("CertBody").unwrap();
        Self { gateway: gateway(&profile, organisation, "User1").await, channel: profile.channel.clone() }
    }

    async fn submit(&self, function: &str, arguments: &[&str]) -> Result<(), Error> {
        submit(&self.gateway, self.invocation(function, arguments)).await
    }

    async fn evaluate(&self, function: &str, arguments: &[&str]) -> Value {
        let proposal = self.gateway.proposal(self.invocation(function, arguments)).unwrap();
        serde_json::from_slice(&proposal.evaluate().await.unwrap()).unwrap()
    }

    fn invocation(&self, function: &str, arguments: &[&str]) -> Invocation {
        let invocation = Invocation::new(&self.channel, CHAINCODE, function);
        arguments
            .iter()
            .fold(invocation, |invocation, argument| invocation.argument(argument.as_bytes().to_vec()))
    }
}
