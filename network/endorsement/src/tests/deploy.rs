//! Puts the test contract in force on a test network, by ordinary lifecycle transactions.

use bytes::Bytes;
use chaincode::package::{self, Connection};
use channel::policy;
use fabric::{
    proto::{
        lifecycle::{
            ApproveChaincodeDefinitionForMyOrgArgs, ChaincodeSource, CommitChaincodeDefinitionArgs,
            InstallChaincodeArgs, InstallChaincodeResult,
            chaincode_source::{Local, Type},
        },
        protos::{
            ApplicationPolicy, ChaincodeInput, ChaincodeMessage, CollectionConfig, CollectionConfigPackage,
            CollectionPolicyConfig, ProposalResponse, StaticCollectionConfig, application_policy,
            chaincode_message, collection_config, collection_policy_config,
        },
    },
    types::decode,
};

use super::{
    contract::{self, Socket, TestContract},
    network::{BODIES, Network, Proposed, encode, user},
};

/// What is to be put in force.
#[derive(Clone, Default)]
pub struct Definition {
    pub init_required: bool,
    pub collections: Vec<CollectionConfig>,
    /// Organisations that run the chaincode besides the two bodies.
    pub more: Vec<&'static str>,
}

/// A channel on which the test contract runs as `ink`.
pub struct Running {
    pub network: Network,
    pub contract: TestContract,
    pub package_id: String,
}

pub const NAME: &str = "ink";

impl Running {
    pub async fn start() -> Self {
        Self::with(Definition::default()).await
    }

    pub async fn with(definition: Definition) -> Self {
        let socket = Socket::bind().await;
        let mut network = Network::start();
        let package = package::package("ink_1", &Connection::plain(socket.address().to_string())).unwrap();
        define(&mut network, NAME, &definition, &package.id, &package.bytes).await;
        let contract = socket.serve(&package.id);
        Self { network, contract, package_id: package.id }
    }

    /// Lets an organisation's peer call the contract.
    pub async fn call(&self, organisation: &str, args: &[Bytes]) -> ProposalResponse {
        let proposed = Proposed::new(&user("CertBody", "User1"), NAME, args);
        self.network.process(organisation, &proposed.signed).await.unwrap()
    }

    /// Lets an organisation's peer make these requests; gives the answers.
    pub async fn ask(
        &self,
        organisation: &str,
        requests: &[(chaincode_message::Type, Bytes)],
    ) -> Vec<ChaincodeMessage> {
        let response =
            self.call(organisation, &contract::args(contract::RUN, requests)).await.response.unwrap();
        assert_eq!(response.status, 200, "{}", response.message);
        contract::answers(response.payload)
    }

    /// Commits a transaction that makes these requests, endorsed by both bodies.
    pub async fn submit(&mut self, requests: &[(chaincode_message::Type, Bytes)]) {
        self.submit_to(NAME, &BODIES, &contract::args(contract::RUN, requests)).await;
    }

    pub async fn submit_to(&mut self, chaincode: &str, organisations: &[&str], args: &[Bytes]) {
        let sender = user("CertBody", "User1");
        let proposed = Proposed::new(&sender, chaincode, args);
        self.network.submit(organisations, &sender, &proposed).await;
    }

    /// The initialising call.
    pub fn init(sender: &msp::SigningIdentity, args: &[Bytes]) -> Proposed {
        let input = ChaincodeInput { args: args.to_vec(), is_init: true, ..Default::default() };
        Proposed::build(sender, super::network::CHANNEL, NAME, input, std::time::SystemTime::now())
    }
}

/// Installs, approves and commits a chaincode.
pub async fn define(
    network: &mut Network,
    name: &str,
    definition: &Definition,
    package_id: &str,
    package: &[u8],
) {
    let collections = (!definition.collections.is_empty())
        .then(|| CollectionConfigPackage { config: definition.collections.clone() });
    for organisation in BODIES.iter().chain(&definition.more) {
        install(network, organisation, package_id, package).await;
        let approve = ApproveChaincodeDefinitionForMyOrgArgs {
            sequence: 1,
            name: name.to_owned(),
            version: "1".into(),
            validation_parameter: endorsement_policy(),
            collections: collections.clone(),
            init_required: definition.init_required,
            source: Some(ChaincodeSource {
                r#type: Some(Type::LocalPackage(Local { package_id: package_id.to_owned() })),
            }),
            ..Default::default()
        };
        let args = [Bytes::from("ApproveChaincodeDefinitionForMyOrg"), encode(&approve)];
        let admin = user(organisation, "Admin");
        network.submit(&[organisation], &admin, &Proposed::new(&admin, "_lifecycle", &args)).await;
    }
    let commit = CommitChaincodeDefinitionArgs {
        sequence: 1,
        name: name.to_owned(),
        version: "1".into(),
        validation_parameter: endorsement_policy(),
        collections,
        init_required: definition.init_required,
        ..Default::default()
    };
    let admin = user("CertBody", "Admin");
    let args = [Bytes::from("CommitChaincodeDefinition"), encode(&commit)];
    network.submit(&BODIES, &admin, &Proposed::new(&admin, "_lifecycle", &args)).await;
}

async fn install(network: &Network, organisation: &str, package_id: &str, package: &[u8]) {
    let args = InstallChaincodeArgs { chaincode_install_package: Bytes::copy_from_slice(package) };
    let input =
        ChaincodeInput { args: vec![Bytes::from("InstallChaincode"), encode(&args)], ..Default::default() };
    let now = std::time::SystemTime::now();
    let proposed = Proposed::build(&user(organisation, "Admin"), "", "_lifecycle", input, now);
    let response = network.process(organisation, &proposed.signed).await.unwrap().response.unwrap();
    if response.message.contains("already successfully installed") {
        return;
    }
    assert_eq!(response.status, 200, "{}", response.message);
    let installed: InstallChaincodeResult = decode(response.payload).unwrap();
    assert_eq!(installed.package_id, package_id);
}

fn endorsement_policy() -> Bytes {
    let policy = policy::parse("AND('CertBodyMSP.peer','AccreditationMSP.peer')").unwrap();
    encode(&ApplicationPolicy { r#type: Some(application_policy::Type::SignaturePolicy(policy)) })
}

/// A collection of the certification body and the laboratory, closed to others.
pub fn collection(name: &str) -> CollectionConfig {
    let members = policy::parse("OR('CertBodyMSP.member','LabMSP.member')").unwrap();
    let config = StaticCollectionConfig {
        name: name.to_owned(),
        member_orgs_policy: Some(CollectionPolicyConfig {
            payload: Some(collection_policy_config::Payload::SignaturePolicy(members)),
        }),
        member_only_read: true,
        member_only_write: true,
        ..Default::default()
    };
    CollectionConfig { payload: Some(collection_config::Payload::StaticCollectionConfig(config)) }
}
