//! Chaincodes that call chaincodes, and streams that break.

use std::{
    sync::atomic::Ordering,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use chaincode::package::{self, Connection};
use fabric::{
    proto::protos::{
        ChaincodeAdditionalParams, ChaincodeInput, ChaincodeMessage, Response, chaincode_message::Type,
    },
    types::decode,
};
use futures::future::join_all;

use super::{
    contract::{self, BREAK, HANG, RUN, Socket},
    deploy::{Definition, NAME, Running, define},
    network::{BODIES, CHANNEL, Network, Proposed, user},
    requests::*,
};

fn text(answer: &ChaincodeMessage) -> &str {
    std::str::from_utf8(&answer.payload).unwrap()
}

#[tokio::test]
async fn one_chaincode_calls_another() {
    let mut running = Running::start().await;
    let socket = Socket::bind().await;
    let package = package::package("quill_1", &Connection::plain(socket.address().to_string())).unwrap();
    define(&mut running.network, "quill", &Definition::default(), &package.id, &package.bytes).await;
    let _quill = socket.serve(&package.id);

    // What the callee wrote stands, even though it refused.
    let inner = contract::args(b"refuse400", &[put("a", "by quill"), get("a")]);
    running.submit(&[put("a", "by ink"), invoke("quill", inner)]).await;
    let inner = contract::args(RUN, &[get("a")]);
    let answers = running.ask("CertBody", &[get("a"), invoke("quill:9/test-channel", inner)]).await;
    assert_eq!(text(&answers[0]), "by ink");
    let completed: ChaincodeMessage = decode(answers[1].payload.clone()).unwrap();
    assert_eq!(completed.r#type(), Type::Completed);
    let response: Response = decode(completed.payload).unwrap();
    assert_eq!(text(&contract::answers(response.payload)[0]), "by quill");
}

#[tokio::test]
async fn calls_that_cannot_be() {
    let running = Running::start().await;
    let nothing = || contract::args(RUN, &[]);
    let answers = running
        .ask(
            "CertBody",
            &[
                invoke(NAME, nothing()),
                invoke("nosuch", nothing()),
                invoke("ink/elsewhere", nothing()),
                invoke("qscc/elsewhere", nothing()),
                invoke("lscc", nothing()),
            ],
        )
        .await;
    let ends = [
        "(test-channel) exists",
        "[channel test-channel] failed to get chaincode container info for nosuch: chaincode nosuch not found",
        "Failed to get policy manager for channel [elsewhere]",
        "failed to find ledger for channel: elsewhere",
        "could not launch chaincode lscc.syscc: not deployed",
    ];
    for (answer, end) in answers.iter().zip(ends) {
        assert_eq!(answer.r#type(), Type::Error);
        assert!(text(answer).ends_with(end), "{}", text(answer));
    }
    let args = vec![Bytes::from("GetChainInfo"), Bytes::from("test-channel")];
    let answers = running.ask("CertBody", &[invoke("qscc", args)]).await;
    let completed: ChaincodeMessage = decode(answers[0].payload.clone()).unwrap();
    let response: Response = decode(completed.payload).unwrap();
    assert!(response.message.contains("original invocation for 'ink'"), "{}", response.message);
}

#[tokio::test]
async fn a_broken_stream_is_opened_again() {
    let running = Running::start().await;
    let broken = running.call("CertBody", &contract::args(BREAK, &[])).await.response.unwrap();
    assert!(broken.message.starts_with("error in simulation: failed to execute transaction "));
    assert!(broken.message.ends_with(": error sending: chaincode stream terminated"), "{}", broken.message);
    running.ask("CertBody", &[get("a")]).await;
    assert_eq!(running.contract.streams.load(Ordering::SeqCst), 2);
    let offered = running.contract.offered.lock().unwrap();
    let expected = ChaincodeAdditionalParams {
        use_write_batch: true,
        max_size_write_batch: 1000,
        use_get_multiple_keys: true,
        max_size_get_multiple_keys: 1000,
    };
    assert_eq!(offered, expected);
}

#[tokio::test]
async fn a_chaincode_that_is_away_fails_at_once_and_may_come_back() {
    let Running { network, contract, package_id } = Running::start().await;
    let address = contract.address;
    contract.kill().await;
    let call = || async {
        let proposed = Proposed::new(&user("CertBody", "User1"), NAME, &contract::args(RUN, &[]));
        network.process("CertBody", &proposed.signed).await.unwrap().response.unwrap()
    };
    let away = call().await;
    assert!(
        away.message
            .contains(&format!("could not launch chaincode {package_id}: connection to {package_id} failed")),
        "{}",
        away.message
    );
    let _back = Socket::bind_again(address).await.serve(&package_id);
    assert_eq!(call().await.status, 200);
}

#[tokio::test]
async fn a_chaincode_that_does_not_answer_is_given_up() {
    let mut running = Running::start().await;
    running.ask("CertBody", &[]).await;
    running.network.endorsers.get_mut("CertBody").unwrap().chaincodes.execute_timeout =
        Duration::from_millis(1);
    let silent = running.call("CertBody", &contract::args(HANG, &[])).await.response.unwrap();
    assert!(silent.message.ends_with(": error sending: timeout expired while executing transaction"));
}

/// A client cannot pretend to be a peer that decorates.
#[tokio::test]
async fn decorations_of_a_client_are_dropped() {
    let running = Running::start().await;
    let input = ChaincodeInput {
        args: contract::args(RUN, &[]),
        decorations: [("by".to_owned(), Bytes::from("a client"))].into(),
        ..Default::default()
    };
    let sender = user("CertBody", "User1");
    let proposed = Proposed::build(&sender, CHANNEL, NAME, input, SystemTime::now());
    let response = running.network.process("CertBody", &proposed.signed).await.unwrap().response.unwrap();
    assert_eq!(response.status, 200, "{}", response.message);
}

#[tokio::test]
async fn an_impostor_is_refused() {
    let socket = Socket::bind().await;
    let mut network = Network::start();
    let package = package::package("ink_1", &Connection::plain(socket.address().to_string())).unwrap();
    define(&mut network, NAME, &Definition::default(), &package.id, &package.bytes).await;
    let _impostor = socket.serve("other:1");
    let proposed = Proposed::new(&user("CertBody", "User1"), NAME, &contract::args(RUN, &[]));
    let response = network.process("CertBody", &proposed.signed).await.unwrap().response.unwrap();
    assert!(response.message.ends_with(
        "chaincode registration failed: peer will not accept external chaincode connection other:1 (except in dev mode)"
    ), "{}", response.message);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_transactions_share_one_stream() {
    let mut running = Running::start().await;
    running.submit(&[put("a", "1")]).await;
    let sender = user("CertBody", "User1");
    let proposals: Vec<_> = (0..200)
        .map(|index| {
            let args =
                contract::args(RUN, &[get("a"), put(&format!("k{index}"), "v"), get(&format!("k{index}"))]);
            Proposed::new(&sender, NAME, &args)
        })
        .collect();
    let network = &running.network;
    let endorsed = join_all(proposals.iter().map(|proposed| network.endorse(&BODIES, proposed))).await;
    let envelopes =
        proposals.iter().zip(&endorsed).map(|(proposed, responses)| proposed.transaction(&sender, responses));
    let codes = running.network.commit(envelopes.collect());
    assert!(codes.iter().all(|code| code.as_str_name() == "VALID"));
    // One stream for each organisation.
    assert_eq!(running.contract.streams.load(Ordering::SeqCst), 2);
}

/// Not a test of speed, but it prints one: proposals of two organisations, endorsed in parallel.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn endorsements_a_second() {
    let mut running = Running::start().await;
    running.submit(&[put("a", "1")]).await;
    let sender = user("CertBody", "User1");
    let count = 4000;
    let proposals: Vec<_> = (0..count)
        .map(|index| {
            Proposed::new(&sender, NAME, &contract::args(RUN, &[get("a"), put(&format!("k{index}"), "v")]))
        })
        .collect();
    let network = &running.network;
    let begun = SystemTime::now();
    for batch in proposals.chunks(200) {
        let one = |proposed| async move {
            let (first, second) =
                tokio::join!(network.process(BODIES[0], proposed), network.process(BODIES[1], proposed));
            assert_eq!(first.unwrap().payload, second.unwrap().payload);
        };
        join_all(batch.iter().map(|proposed| one(&proposed.signed))).await;
    }
    let seconds = begun.elapsed().unwrap().as_secs_f64();
    println!("{:.0} transactions endorsed by two organisations a second", f64::from(count) / seconds);
}

#[tokio::test]
async fn an_organisation_that_has_not_approved_does_not_endorse() {
    let running = Running::start().await;
    let response = running.call("Lab", &contract::args(RUN, &[])).await.response.unwrap();
    assert_eq!(
        response.message,
        "make sure the chaincode ink has been successfully defined on channel test-channel and try again: chaincode \
         definition for 'ink' at sequence 1 on channel 'test-channel' has not yet been approved by this org"
    );
    let unknown = Network::start();
    let proposed = Proposed::new(&user("CertBody", "User1"), NAME, &contract::args(RUN, &[]));
    let response = unknown.process("CertBody", &proposed.signed).await.unwrap().response.unwrap();
    assert!(response.message.ends_with("try again: chaincode ink not found"));
}
