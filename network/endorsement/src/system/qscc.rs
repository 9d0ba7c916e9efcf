//! `qscc`: blocks and transactions of the ledger (`core/scc/qscc/query.go`).

use bytes::Bytes;
use fabric::{
    proto::{
        common::{BlockchainInfo, Envelope},
        protos::{ProcessedTransaction, Response},
    },
    types::{HeadedBlock, decode},
};
use prost::Message;

use super::{error, success, text};
use crate::{Endorser, invoke::Transaction};
use ledger::{Ledger, LedgerError};

const GET_CHAIN_INFO: &str = "GetChainInfo";

pub(super) fn invoke(endorser: &Endorser, transaction: &Transaction<'_>, args: &[Bytes]) -> Response {
    if args.len() < 2 {
        return error(format!("Incorrect number of arguments, {}", args.len()));
    }
    let (function, channel_id) = (text(args, 0), text(args, 1));
    if transaction.invoked != "qscc" {
        let invoked = transaction.invoked;
        return error(format!(
            "Rejecting invoke of QSCC from another chaincode because of potential for deadlocks, original invocation \
             for '{invoked}'"
        ));
    }
    if function != GET_CHAIN_INFO && args.len() < 3 {
        return error(format!("missing 3rd argument for {function}"));
    }
    if transaction.bundle.channel_id() != channel_id {
        return error(format!("Invalid chain ID, {channel_id}"));
    }
    if let Err(denied) = endorser.check_access(transaction, &format!("qscc/{function}"), channel_id) {
        return error(format!("access denied for [{function}][{channel_id}]: [{denied}]"));
    }
    let ledger = endorser.ledger();
    match function {
        GET_CHAIN_INFO => chain_info(ledger),
        "GetBlockByNumber" => block_by_number(ledger, text(args, 2)),
        "GetBlockByHash" => block_by_hash(ledger, args.get(2).map(Bytes::as_ref).unwrap_or_default()),
        "GetTransactionByID" => transaction_by_id(ledger, text(args, 2)),
        "GetBlockByTxID" => block_by_txid(ledger, text(args, 2)),
        _ => error(format!("Requested function {function} not found.")),
    }
}

fn chain_info(ledger: &Ledger) -> Response {
    let info = || -> Result<BlockchainInfo, LedgerError> {
        let height = ledger.height();
        let head = ledger.block(height.saturating_sub(1))?;
        let previous = head.map(|head| head.header().previous_hash.clone()).unwrap_or_default();
        Ok(BlockchainInfo {
            height,
            current_block_hash: Bytes::copy_from_slice(&ledger.last_hash()),
            previous_block_hash: previous,
            ..BlockchainInfo::default()
        })
    };
    match info() {
        Ok(info) => success(info.encode_to_vec()),
        Err(failure) => error(format!("Failed to get block info with error {failure}")),
    }
}

fn block_by_number(ledger: &Ledger, number: &str) -> Response {
    let Ok(wanted) = number.parse::<u64>() else {
        return error(format!(
            "Failed to parse block number with error strconv.ParseUint: parsing \"{number}\": invalid syntax"
        ));
    };
    // The largest number stands for the newest block, as in Fabric's block store.
    let found = if wanted == u64::MAX { ledger.height().saturating_sub(1) } else { wanted };
    let missing = format!("no such block number [{wanted}] in index");
    answer(ledger.block_bytes(found), &missing, |reason| {
        format!("Failed to get block number {wanted}, error {reason}")
    })
}

fn block_by_hash(ledger: &Ledger, hash: &[u8]) -> Response {
    let block =
        ledger.block_by_hash(hash).map(|block| block.map(|block| block.message().encode_to_vec().into()));
    let missing = format!("no such block hash [{}] in index", hex::encode(hash));
    answer(block, &missing, |reason| {
        format!("Failed to get block hash {}, error {reason}", String::from_utf8_lossy(hash))
    })
}

fn block_by_txid(ledger: &Ledger, txid: &str) -> Response {
    let find = || match ledger.transaction(txid)? {
        Some(location) => ledger.block_bytes(location.block),
        None => Ok(None),
    };
    let missing = format!("no such transaction ID [{txid}] in index");
    answer(find(), &missing, |reason| format!("Failed to get block for txID {txid}, error {reason}"))
}

fn transaction_by_id(ledger: &Ledger, txid: &str) -> Response {
    let failed = |reason: String| error(format!("Failed to get transaction with id {txid}, error {reason}"));
    let find = || -> Result<Option<(Bytes, i32)>, LedgerError> {
        let Some(location) = ledger.transaction(txid)? else { return Ok(None) };
        let block = ledger.block(location.block)?;
        let envelope = block.and_then(|block| envelope(&block, location.index));
        Ok(envelope.map(|envelope| (envelope, location.code as i32)))
    };
    match find() {
        Err(failure) => failed(failure.to_string()),
        Ok(None) => failed(format!("no such transaction ID [{txid}] in index")),
        Ok(Some((envelope, code))) => match decode::<Envelope>(envelope) {
            Err(failure) => failed(failure.to_string()),
            Ok(envelope) => {
                let processed =
                    ProcessedTransaction { transaction_envelope: Some(envelope), validation_code: code };
                success(processed.encode_to_vec())
            }
        },
    }
}

fn envelope(block: &HeadedBlock, index: u64) -> Option<Bytes> {
    block.envelopes().get(usize::try_from(index).ok()?).cloned()
}

fn answer(
    found: Result<Option<Bytes>, LedgerError>,
    missing: &str,
    text: impl Fn(&str) -> String,
) -> Response {
    match found {
        Ok(Some(block)) => success(block),
        Ok(None) => error(text(missing)),
        Err(failure) => error(text(&failure.to_string())),
    }
}
