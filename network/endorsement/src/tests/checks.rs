//! Proposals that are refused, and with which words.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use fabric::{
    proto::{
        common::{Block, BlockchainInfo, Config, HeaderType},
        lifecycle::{
            ApproveChaincodeDefinitionForMyOrgArgs, CheckCommitReadinessArgs, CheckCommitReadinessResult,
            QueryApprovedChaincodeDefinitionArgs, QueryApprovedChaincodeDefinitionResult,
            QueryChaincodeDefinitionArgs, QueryChaincodeDefinitionResult, QueryChaincodeDefinitionsResult,
            QueryInstalledChaincodesResult,
        },
        protos::{
            ApplicationPolicy, ChaincodeInput, ChannelQueryResponse, ProcessedTransaction, Response,
            SignedProposal, application_policy,
        },
    },
    types::decode,
};

use super::{
    contract::{self, RUN},
    deploy::{NAME, Running},
    network::{CHANNEL, Network, Proposed, encode, user},
    requests::put,
};

async fn refusal(network: &Network, signed: &SignedProposal) -> String {
    network.process("CertBody", signed).await.unwrap_err().to_string()
}

#[tokio::test]
async fn malformed_and_forged_proposals() {
    let network = Network::start();
    let sender = user("CertBody", "User1");
    let proposed = Proposed::new(&sender, "_lifecycle", &[]);
    let altered =
        |change: fn(&mut fabric::proto::common::ChannelHeader)| proposed.with_channel_header(&sender, change);

    let garbage = SignedProposal { proposal_bytes: Bytes::from_static(b"\xff\xff"), ..Default::default() };
    assert!(
        refusal(&network, &garbage)
            .await
            .starts_with("failed parsing proposal: error unmarshalling Proposal")
    );
    let epoch = altered(|header| header.epoch = 1);
    assert_eq!(refusal(&network, &epoch).await, "error validating proposal: epoch is non-zero");
    let kind = altered(|header| header.r#type = HeaderType::Message.into());
    assert_eq!(refusal(&network, &kind).await, "error validating proposal: invalid header type MESSAGE");
    let txid = altered(|header| header.tx_id = "abc".into());
    let expected =
        format!("error validating proposal: incorrectly computed txid 'abc' -- expected '{}'", proposed.txid);
    assert_eq!(refusal(&network, &txid).await, expected);
    let nameless = altered(|header| header.extension = Bytes::new());
    assert_eq!(refusal(&network, &nameless).await, "ChaincodeHeaderExtension.ChaincodeId is nil");
    let forged = SignedProposal {
        signature: user("Lab", "User1").sign(b"x").unwrap().into(),
        ..proposed.signed.clone()
    };
    assert_eq!(
        refusal(&network, &forged).await,
        "error validating proposal: access denied: channel [test-channel] creator org [CertBodyMSP]"
    );
    let elsewhere = altered(|header| header.channel_id = "elsewhere".into());
    let response = network.process("CertBody", &elsewhere).await.unwrap().response.unwrap();
    assert_eq!((response.status, response.message.as_str()), (500, "channel 'elsewhere' not found"));
    // Without a channel only the peer's own organisation is known.
    let channelless = altered(|header| header.channel_id = String::new());
    let unknown = network.process("Lab", &channelless).await.unwrap_err().to_string();
    assert_eq!(
        unknown,
        "error validating proposal: access denied: channel [] creator org unknown, creator is malformed"
    );
}

#[tokio::test]
async fn proposals_age() {
    let network = Network::start();
    let proposed = Proposed::new(&user("CertBody", "User1"), "nosuch", &[]);
    let now = SystemTime::now();
    let later = |minutes: u64| now + Duration::from_secs(minutes * 60);
    assert!(network.process_at("CertBody", &proposed.signed, later(14)).await.is_ok());
    let old = network.process_at("CertBody", &proposed.signed, later(16)).await.unwrap_err().to_string();
    assert!(old.starts_with("request unauthorized due to incorrect timestamp 20"), "{old}");
    assert!(old.ends_with("Z, peer.authentication.timewindow 15m0s"), "{old}");
    let early = network.process_at("CertBody", &proposed.signed, now - Duration::from_secs(960)).await;
    assert!(early.unwrap_err().to_string().starts_with("request unauthorized"));
    let expired = network.process_at("CertBody", &proposed.signed, later(31 * 366 * 24 * 60)).await;
    assert_eq!(expired.unwrap_err().to_string(), "proposal client identity expired");
}

#[tokio::test]
async fn a_committed_transaction_is_not_proposed_again() {
    let mut running = Running::start().await;
    let sender = user("CertBody", "User1");
    let proposed = Proposed::new(&sender, NAME, &contract::args(RUN, &[put("a", "1")]));
    running.network.submit(&super::network::BODIES, &sender, &proposed).await;
    let again = refusal(&running.network, &proposed.signed).await;
    let expected = format!("duplicate transaction found [{}]. Creator [", proposed.txid);
    assert!(again.starts_with(&expected), "{again}");
}

/// Peers may read the channel but not write to it.
#[tokio::test]
async fn writers_alone_propose() {
    let network = Network::start();
    let endorser = network.endorsers["CertBody"].setup.signer.serialized();
    let peer = &network.endorsers["CertBody"].setup.signer;
    assert_eq!(endorser, peer.serialized());
    let proposed = Proposed::new(peer, NAME, &contract::args(RUN, &[]));
    let refused = refusal(&network, &proposed.signed).await;
    assert!(
        refused.starts_with(
            "Failed evaluating policy on signed data during check policy on channel [test-channel] with policy \
             [/Channel/Application/Writers]: [implicit policy evaluation failed - 0 sub-policies were satisfied, but this \
             policy requires 1 of the 'Writers' sub-policies to be satisfied]"
        ),
        "{refused}"
    );
}

/// The peer's own folder does not know whom the channel's configuration has revoked.
#[tokio::test]
async fn who_is_no_member_of_the_channel_any_more_reads_nothing_of_it_without_naming_it_either() {
    let mut network = Network::start();
    let args = [Bytes::from("GetChainInfo"), Bytes::from(CHANNEL)];
    let before = call(&network, "", "qscc", ("CertBody", "User1"), &args).await;
    assert_eq!(before.status, 200);
    network.revoke_all_of("CertBody");
    let after = call(&network, "", "qscc", ("CertBody", "User1"), &args).await;
    assert_eq!(
        after.message,
        "access denied for [GetChainInfo][test-channel]: [Failed evaluating policy on signed data during check policy on \
         channel [test-channel] with policy [/Channel/Application/Readers]: [implicit policy evaluation failed - 0 \
         sub-policies were satisfied, but this policy requires 1 of the 'Readers' sub-policies to be satisfied]]"
    );
    let channels = call(&network, "", "cscc", ("CertBody", "User1"), &[Bytes::from("GetChannels")]).await;
    assert_eq!(channels.status, 200, "the peer itself still knows it");
}

async fn call(
    network: &Network,
    channel: &str,
    chaincode: &str,
    sender: (&str, &str),
    args: &[Bytes],
) -> Response {
    let input = ChaincodeInput { args: args.to_vec(), ..Default::default() };
    let proposed = Proposed::build(&user(sender.0, sender.1), channel, chaincode, input, SystemTime::now());
    network.process("CertBody", &proposed.signed).await.unwrap().response.unwrap()
}

#[tokio::test]
async fn the_peer_tells_of_its_ledger() {
    let mut running = Running::start().await;
    let sender = user("CertBody", "User1");
    let proposed = Proposed::new(&sender, NAME, &contract::args(RUN, &[put("a", "1")]));
    running.network.submit(&super::network::BODIES, &sender, &proposed).await;
    let network = &running.network;
    let ask = |function: &'static str, arg: Bytes| async move {
        let args = [Bytes::from(function), Bytes::from(CHANNEL), arg];
        call(network, "", "qscc", ("CertBody", "User1"), &args).await
    };
    let info = ask("GetChainInfo", Bytes::new()).await;
    let info: BlockchainInfo = decode(info.payload).unwrap();
    assert_eq!(info.height, network.ledger.height());
    assert_eq!(info.current_block_hash, Bytes::copy_from_slice(&network.ledger.last_hash()));
    let last = info.height - 1;
    let by_number: Block = decode(ask("GetBlockByNumber", last.to_string().into()).await.payload).unwrap();
    assert_eq!(by_number, network.ledger.block(last).unwrap().unwrap().into_message());
    let by_hash: Block =
        decode(ask("GetBlockByHash", info.current_block_hash.clone()).await.payload).unwrap();
    assert_eq!(by_hash, by_number);
    let by_txid: Block = decode(ask("GetBlockByTxID", proposed.txid.clone().into()).await.payload).unwrap();
    assert_eq!(by_txid, by_number);
    let processed: ProcessedTransaction =
        decode(ask("GetTransactionByID", proposed.txid.clone().into()).await.payload).unwrap();
    assert_eq!(processed.validation_code, 0);
    assert_eq!(encode(&processed.transaction_envelope.unwrap()), by_number.data.unwrap().data[0]);
    assert_eq!(
        ask("GetBlockByNumber", "77".into()).await.message,
        "Failed to get block number 77, error no such block number [77] in index"
    );
    assert_eq!(
        ask("Nonsense", Bytes::new()).await.message.split(':').next(),
        Some("access denied for [Nonsense][test-channel]")
    );
    let elsewhere = [Bytes::from("GetChainInfo"), Bytes::from("elsewhere")];
    let refused = call(network, "", "qscc", ("CertBody", "User1"), &elsewhere).await;
    assert_eq!(refused.message, "Invalid chain ID, elsewhere");
}

#[tokio::test]
async fn the_peer_tells_of_its_configuration() {
    let network = Network::start();
    let channels = call(&network, "", "cscc", ("CertBody", "User1"), &[Bytes::from("GetChannels")]).await;
    let channels: ChannelQueryResponse = decode(channels.payload).unwrap();
    assert_eq!(channels.channels[0].channel_id, CHANNEL);
    let args = [Bytes::from("GetConfigBlock"), Bytes::from(CHANNEL)];
    let block = call(&network, "", "cscc", ("CertBody", "User1"), &args).await;
    assert_eq!(
        decode::<Block>(block.payload).unwrap(),
        network.ledger.block(0).unwrap().unwrap().into_message()
    );
    let args = [Bytes::from("GetChannelConfig"), Bytes::from(CHANNEL)];
    let config = call(&network, "", "cscc", ("CertBody", "User1"), &args).await;
    assert_eq!(decode::<Config>(config.payload).unwrap().sequence, 0);
    let none =
        call(&network, "", "cscc", ("CertBody", "User1"), &[Bytes::from("Nonsense"), Bytes::new()]).await;
    assert_eq!(none.message, "Requested function Nonsense not found.");
}

#[tokio::test]
async fn definitions_are_told() {
    let running = Running::start().await;
    let network = &running.network;
    let ask = |function: &'static str, input: Bytes| async move {
        call(network, CHANNEL, "_lifecycle", ("CertBody", "Admin"), &[Bytes::from(function), input]).await
    };
    let args = encode(&QueryChaincodeDefinitionArgs { name: NAME.into() });
    let definition: QueryChaincodeDefinitionResult =
        decode(ask("QueryChaincodeDefinition", args).await.payload).unwrap();
    assert_eq!((definition.sequence, definition.version.as_str()), (1, "1"));
    assert_eq!(
        (definition.endorsement_plugin.as_str(), definition.validation_plugin.as_str()),
        ("escc", "vscc")
    );
    let approvals: Vec<_> =
        definition.approvals.into_iter().filter(|(_, agrees)| *agrees).map(|(org, _)| org).collect();
    assert_eq!(approvals, ["AccreditationMSP", "CertBodyMSP"]);

    let missing = encode(&QueryChaincodeDefinitionArgs { name: "nosuch".into() });
    let missing = ask("QueryChaincodeDefinition", missing).await;
    assert_eq!((missing.status, missing.message.as_str()), (404, "namespace nosuch is not defined"));

    let all: QueryChaincodeDefinitionsResult =
        decode(ask("QueryChaincodeDefinitions", Bytes::new()).await.payload).unwrap();
    assert_eq!(all.chaincode_definitions[0].name, NAME);

    let args = encode(&QueryApprovedChaincodeDefinitionArgs { name: NAME.into(), sequence: 0 });
    let approved: QueryApprovedChaincodeDefinitionResult =
        decode(ask("QueryApprovedChaincodeDefinition", args).await.payload).unwrap();
    assert_eq!(approved.sequence, 1);
    assert!(format!("{:?}", approved.source).contains(&running.package_id));

    let installed: QueryInstalledChaincodesResult = decode(
        call(
            network,
            "",
            "_lifecycle",
            ("CertBody", "Admin"),
            &[Bytes::from("QueryInstalledChaincodes"), Bytes::new()],
        )
        .await
        .payload,
    )
    .unwrap();
    let [package] = &installed.installed_chaincodes[..] else { panic!("{installed:?}") };
    assert_eq!(package.package_id, running.package_id);
    assert_eq!(package.references[CHANNEL].chaincodes[0].name, NAME);

    let args = CheckCommitReadinessArgs {
        sequence: 2,
        name: NAME.into(),
        version: "2".into(),
        ..Default::default()
    };
    let readiness: CheckCommitReadinessResult =
        decode(ask("CheckCommitReadiness", encode(&args)).await.payload).unwrap();
    assert!(readiness.approvals.values().all(|agrees| !agrees));
    assert_eq!(readiness.mismatches["LabMSP"].items, ["ChaincodeParameters"]);
    let args = CheckCommitReadinessArgs { sequence: 7, ..args };
    assert_eq!(
        ask("CheckCommitReadiness", encode(&args)).await.message,
        "failed to invoke backing implementation of 'CheckCommitReadiness': requested sequence is 7, but new \
         definition must be sequence 2"
    );
}

/// Fabric takes these definitions, and its peers stop at the chaincode's first transaction.
#[tokio::test]
async fn definitions_that_stop_peers_are_not_approved() {
    let network = Network::start();
    let reference = |name: &str| ApplicationPolicy {
        r#type: Some(application_policy::Type::ChannelConfigPolicyReference(name.into())),
    };
    let plain = ApproveChaincodeDefinitionForMyOrgArgs {
        sequence: 1,
        name: "unsafe".into(),
        version: "1".into(),
        ..Default::default()
    };
    let grouped = ApproveChaincodeDefinitionForMyOrgArgs {
        validation_parameter: encode(&reference("/Channel")),
        ..plain.clone()
    };
    let plugged = ApproveChaincodeDefinitionForMyOrgArgs { validation_plugin: "own".into(), ..plain.clone() };
    for (args, refusal) in [
        (&plain, ""),
        (&grouped, "its endorsement policy refers to '/Channel', which names a group"),
        (&plugged, "its validation plugin 'own' is not there"),
    ] {
        let args = [Bytes::from("ApproveChaincodeDefinitionForMyOrg"), encode(args)];
        let response = call(&network, CHANNEL, "_lifecycle", ("CertBody", "Admin"), &args).await;
        assert_eq!(response.status == 200, refusal.is_empty(), "{}", response.message);
        assert!(response.message.contains(refusal), "{}", response.message);
    }
}

/// Functions about the peer itself are for administrators of its own organisation.
#[tokio::test]
async fn strangers_do_not_administer_the_peer() {
    let network = Network::start();
    let args = [Bytes::from("QueryInstalledChaincodes"), Bytes::new()];
    let user = call(&network, CHANNEL, "_lifecycle", ("CertBody", "User1"), &args).await;
    assert!(user.message.starts_with(
        "Failed to authorize invocation due to failed ACL check: Failed verifying that proposal's creator satisfies \
         local MSP principal during channelless check policy with policy [Admins]: ["
    ), "{}", user.message);
    let stranger = call(&network, CHANNEL, "_lifecycle", ("Lab", "Admin"), &args).await;
    assert!(stranger.message.starts_with(
        "Failed to authorize invocation due to failed ACL check: Failed deserializing proposal creator during \
         channelless check policy with policy [Admins]: ["
    ), "{}", stranger.message);
    let few = call(&network, CHANNEL, "_lifecycle", ("CertBody", "Admin"), &args[..1]).await;
    assert_eq!(few.message, "lifecycle scc operations require exactly two arguments but received 1");
}
