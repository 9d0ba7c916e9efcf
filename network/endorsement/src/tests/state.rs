//! Reads and writes over a real stream, endorsed by two organisations and validated.

use bytes::Bytes;
use channel::policy;
use fabric::{
    proto::{
        kvrwset::range_query_info::ReadsInfo,
        protos::{
            ChaincodeAction, ChaincodeMessage, GetStateMultipleResult, ProposalResponse,
            ProposalResponsePayload, QueryResponse, QueryResponseMetadata, StateMetadataResult,
            chaincode_message::Type,
        },
        queryresult::{KeyModification, Kv},
    },
    types::{
        decode,
        rwset::{NamespaceRwSet, TxRwSet},
    },
};

use super::{
    contract::{self, EMIT, FAIL, RUN},
    deploy::{NAME, Running},
    network::{BODIES, Proposed, encode, user},
    requests::*,
};

fn text(answer: &ChaincodeMessage) -> &str {
    std::str::from_utf8(&answer.payload).unwrap()
}

pub fn action(response: &ProposalResponse) -> ChaincodeAction {
    let payload: ProposalResponsePayload = decode(response.payload.clone()).unwrap();
    decode(payload.extension).unwrap()
}

/// What a response says was read and written in the contract's namespace.
fn recorded(response: &ProposalResponse) -> NamespaceRwSet {
    let rwset = TxRwSet::decode(action(response).results).unwrap();
    rwset.namespaces.into_iter().find(|namespace| namespace.namespace == NAME).unwrap()
}

#[tokio::test]
async fn what_is_committed_is_read() {
    let mut running = Running::start().await;
    running.submit(&[put("a", "1"), put("b", "2"), get("a"), delete("c")]).await;
    let answers = running.ask("CertBody", &[get("a"), get("c"), get_multiple("", &["b", "c", "a"])]).await;
    assert_eq!((text(&answers[0]), text(&answers[1])), ("1", ""));
    let multiple: GetStateMultipleResult = decode(answers[2].payload.clone()).unwrap();
    assert_eq!(multiple.values, [Bytes::from("2"), Bytes::new(), Bytes::from("1")]);
    assert!(answers.iter().all(|answer| answer.r#type() == Type::Response));

    running.submit(&[delete("a"), put("b", "")]).await;
    let answers = running.ask("Accreditation", &[get("a"), get("b")]).await;
    assert_eq!((text(&answers[0]), text(&answers[1])), ("", ""));
}

#[tokio::test]
async fn own_writes_are_not_seen() {
    let running = Running::start().await;
    let requests = [put("a", "1"), get("a"), get("a"), range("", "")];
    let answers = running.ask("CertBody", &requests).await;
    assert_eq!(text(&answers[1]), "");
    let response: QueryResponse = decode(answers[3].payload.clone()).unwrap();
    assert!(response.results.is_empty() && !response.has_more);
    let rwset = recorded(&running.call("CertBody", &contract::args(RUN, &requests)).await);
    assert_eq!(rwset.public.reads.len(), 1);
    assert_eq!(rwset.public.reads[0].version, None);
}

/// A batch has 100 results, and the one after it has been read although the contract has not seen it.
#[tokio::test]
async fn ranges_are_cut_into_batches_with_a_look_ahead() {
    let mut running = Running::start().await;
    running.submit(&[put_all((0..250).map(|index| (format!("k{index:03}"), index.to_string())))]).await;

    let answers =
        running.ask("CertBody", &[range("k", "l"), next("ink-1"), next("ink-1"), next("ink-1")]).await;
    let batches: Vec<QueryResponse> =
        answers[..3].iter().map(|answer| decode(answer.payload.clone()).unwrap()).collect();
    let sizes: Vec<_> = batches.iter().map(|batch| (batch.results.len(), batch.has_more)).collect();
    assert_eq!(sizes, [(100, true), (100, true), (50, false)]);
    let last: Kv = decode(batches[2].results[49].result_bytes.clone()).unwrap();
    assert_eq!((last.key.as_str(), &last.value[..]), ("k249", &b"249"[..]));
    assert_eq!(text(&answers[3]).split(": ").last(), Some("query iterator not found"));

    let rwset =
        recorded(&running.call("CertBody", &contract::args(RUN, &[range("k", "l"), close("ink-1")])).await);
    let query = &rwset.public.range_queries_info[0];
    assert_eq!((query.end_key.as_str(), query.itr_exhausted), ("k100", false));
    let Some(ReadsInfo::ReadsMerkleHashes(summary)) = &query.reads_info else { panic!("no summary") };
    assert_eq!((summary.max_degree, summary.max_level, summary.max_level_hashes.len()), (50, 1, 2));

    // What was read so is accepted by the validator, and a change in the range is noticed.
    running.submit(&[range("k", "l"), put("other", "1")]).await;
    running.submit(&[range("k000", "k050"), put("other", "2")]).await;
}

/// More than 50 times 51 results: the summary has a second level, and the validator, which builds its own
/// tree, must find the same one.
#[tokio::test]
async fn a_summary_of_two_levels_is_accepted() {
    let mut running = Running::start().await;
    running.submit(&[put_all((0..5300).map(|index| (format!("k{index:04}"), "v".to_owned())))]).await;
    let mut requests = vec![range("k", "l")];
    requests.extend((1..53).map(|_| next("ink-1")));
    requests.push(put("counted", "5300"));
    let response = running.call("CertBody", &contract::args(RUN, &requests)).await;
    let query = &recorded(&response).public.range_queries_info[0];
    let Some(ReadsInfo::ReadsMerkleHashes(summary)) = &query.reads_info else { panic!("no summary") };
    assert_eq!((summary.max_level, summary.max_level_hashes.len(), query.itr_exhausted), (2, 3, true));
    running.submit(&requests).await;
}

#[tokio::test]
async fn pages_have_bookmarks_and_forbid_writes() {
    let mut running = Running::start().await;
    running.submit(&[put_all((0..5).map(|index| (format!("k{index}"), "v".to_owned())))]).await;
    let answers = running
        .ask("CertBody", &[page("", "", 2, ""), page("", "", 2, "k2"), page("", "", 2, "k4"), put("a", "1")])
        .await;
    let pages: Vec<QueryResponse> =
        answers[..3].iter().map(|answer| decode(answer.payload.clone()).unwrap()).collect();
    let seen = pages.iter().map(|page| {
        let metadata: QueryResponseMetadata = decode(page.metadata.clone()).unwrap();
        (metadata.fetched_records_count, metadata.bookmark, page.has_more)
    });
    let expected = [(2, "k2".to_owned(), false), (2, "k4".to_owned(), false), (1, String::new(), false)];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
    assert_eq!(answers[3].r#type(), Type::Error);
    assert!(text(&answers[3]).starts_with("PUT_STATE failed: transaction ID: "), "{}", text(&answers[3]));
    assert!(text(&answers[3]).ends_with(
        "unsuppored transaction. Transaction has already performed a paginated query. Writes are not allowed"
    ));

    let answers = running.ask("CertBody", &[put("a", "1"), page("", "", 2, ""), rich_query()]).await;
    assert!(text(&answers[1]).ends_with("Paginated queries are supported only in a read-only transaction"));
    assert!(text(&answers[2]).ends_with("ExecuteQuery not supported for leveldb"));
}

#[tokio::test]
async fn history_and_metadata() {
    let mut running = Running::start().await;
    let owner = encode(&policy::parse("OR('AccreditationMSP.peer')").unwrap());
    running.submit(&[put("a", "1")]).await;
    running.submit(&[put("a", "2"), put_policy("a", owner.clone()), put("b", "x")]).await;
    let answers = running.ask("CertBody", &[history("a"), get_metadata("a"), get_metadata("none")]).await;
    let history: QueryResponse = decode(answers[0].payload.clone()).unwrap();
    let values = history.results.iter().map(|result| {
        let modification: KeyModification = decode(result.result_bytes.clone()).unwrap();
        assert!(!modification.tx_id.is_empty() && modification.timestamp.is_some());
        (modification.value, modification.is_delete)
    });
    assert_eq!(values.collect::<Vec<_>>(), [(Bytes::from("2"), false), (Bytes::from("1"), false)]);
    let metadata: StateMetadataResult = decode(answers[1].payload.clone()).unwrap();
    assert_eq!(metadata.entries.len(), 1);
    assert_eq!(metadata.entries[0].value, owner);
    assert!(answers[2].payload.is_empty());

    // Now the key's owner alone may change it, and the gateway is told so.
    let response = running.call("Accreditation", &contract::args(RUN, &[put("a", "3")])).await;
    let interest = response.interest.unwrap();
    let [call] = &interest.chaincodes[..] else { panic!("{interest:?}") };
    assert!(call.disregard_namespace_policy && call.key_policies.len() == 1);
    running.submit_to(NAME, &["Accreditation"], &contract::args(RUN, &[put("a", "3")])).await;
    let response = running.call("CertBody", &contract::args(RUN, &[put("a", "3"), put("b", "y")])).await;
    let interest = response.interest.unwrap();
    assert!(
        !interest.chaincodes[0].disregard_namespace_policy && interest.chaincodes[0].key_policies.len() == 1
    );
}

#[tokio::test]
async fn the_event_is_the_proposals_chaincodes() {
    let mut running = Running::start().await;
    running.submit_to(NAME, &BODIES, &contract::args(EMIT, &[put("a", "1")])).await;
    let sender = user("CertBody", "User1");
    let proposed = Proposed::new(&sender, NAME, &contract::args(EMIT, &[]));
    let response = running.network.process("CertBody", &proposed.signed).await.unwrap();
    let event: fabric::proto::protos::ChaincodeEvent = decode(action(&response).events).unwrap();
    assert_eq!((event.chaincode_id.as_str(), event.event_name.as_str()), (NAME, "happened"));
    assert_eq!(event.tx_id, proposed.txid);
}

#[tokio::test]
async fn a_refusal_is_not_endorsed() {
    let running = Running::start().await;
    let refused = running.call("CertBody", &contract::args(b"refuse404", &[put("a", "1")])).await;
    assert!(refused.endorsement.is_none() && refused.payload.is_empty());
    assert_eq!(refused.response.unwrap().status, 404);
    let failed = running.call("CertBody", &contract::args(b"refuse500", &[put("a", "1")])).await;
    assert!(failed.endorsement.is_none() && !failed.payload.is_empty());
    let response = failed.response.unwrap();
    assert_eq!((response.status, response.message.as_str()), (500, "no"));
    let redirected = running.call("CertBody", &contract::args(b"refuse399", &[])).await;
    assert!(redirected.endorsement.is_some());
    let broken = running.call("CertBody", &contract::args(FAIL, &[])).await;
    assert!(broken.payload.is_empty());
    assert_eq!(
        broken.response.unwrap().message,
        "error in simulation: transaction returned with failure: out of ink"
    );
}
