//! `cscc`: what the peer knows of its channels' configuration (`core/scc/cscc/configure.go`).

use bytes::Bytes;
use fabric::{
    proto::{
        common::{BlockMetadataIndex, LastConfig, Metadata, OrdererBlockMetadata},
        protos::{ChannelInfo, ChannelQueryResponse, JoinBySnapshotStatus, Response},
    },
    types::{HeadedBlock, decode},
};
use prost::Message;

use super::{error, success, text};
use crate::{Endorser, acl::Denied, invoke::Transaction};
use ledger::{Ledger, LedgerError};

const GET_CONFIG_BLOCK: &str = "GetConfigBlock";
const GET_CHANNEL_CONFIG: &str = "GetChannelConfig";
const GET_CHANNELS: &str = "GetChannels";
const JOIN_BY_SNAPSHOT_STATUS: &str = "JoinBySnapshotStatus";

pub(super) fn invoke(endorser: &Endorser, transaction: &Transaction<'_>, args: &[Bytes]) -> Response {
    let function = text(args, 0);
    let channel_id = text(args, 1);
    let needed = if [GET_CHANNELS, JOIN_BY_SNAPSHOT_STATUS].contains(&function) { 1 } else { 2 };
    if args.len() < needed {
        return error(format!("Incorrect number of arguments, {}", args.len()));
    }
    if transaction.invoked != "cscc" {
        let invoked = transaction.invoked;
        return error(format!(
            "Rejecting invoke of CSCC from another chaincode, original invocation for '{invoked}'"
        ));
    }
    match function {
        GET_CONFIG_BLOCK => match check(endorser, transaction, function, channel_id) {
            Err(denied) => error(format!("access denied for [{function}][{channel_id}]: {denied}")),
            Ok(()) => config_block(endorser.ledger()),
        },
        GET_CHANNEL_CONFIG if channel_id.is_empty() => error("empty channel name provided"),
        GET_CHANNEL_CONFIG => match check(endorser, transaction, function, channel_id) {
            Err(denied) => error(format!("access denied for [{function}][{channel_id}]: {denied}")),
            Ok(()) => success(transaction.bundle.config().clone()),
        },
        GET_CHANNELS => match check(endorser, transaction, function, "") {
            Err(denied) => error(format!("access denied for [{function}]: {denied}")),
            Ok(()) => channels(transaction),
        },
        JOIN_BY_SNAPSHOT_STATUS => match check(endorser, transaction, function, "") {
            Err(denied) => error(format!("access denied for [{function}]: {denied}")),
            Ok(()) => success(JoinBySnapshotStatus::default().encode_to_vec()),
        },
        _ => error(format!("Requested function {function} not found.")),
    }
}

fn check(
    endorser: &Endorser,
    transaction: &Transaction<'_>,
    function: &str,
    channel_id: &str,
) -> Result<(), Denied> {
    endorser.check_access(transaction, &format!("cscc/{function}"), channel_id)
}

/// The block that carries the configuration in force, which the newest block points to.
fn config_block(ledger: &Ledger) -> Response {
    let find = || -> Result<Option<Bytes>, LedgerError> {
        let newest = ledger.block(ledger.height().saturating_sub(1))?;
        match newest.as_ref().and_then(last_config_index) {
            Some(index) => ledger.block_bytes(index),
            None => Ok(None),
        }
    };
    match find() {
        Ok(Some(block)) => success(block),
        Ok(None) => error("failed to retrieve metadata"),
        Err(failure) => error(failure.to_string()),
    }
}

/// `protoutil.GetLastConfigIndexFromBlock`: the deprecated metadata counts only where the other says nothing.
fn last_config_index(block: &HeadedBlock) -> Option<u64> {
    let value = |index: BlockMetadataIndex| {
        let entry = block.metadata(index as usize)?;
        decode::<Metadata>(entry.clone()).ok().map(|metadata| metadata.value)
    };
    let signed: Option<OrdererBlockMetadata> = decode(value(BlockMetadataIndex::Signatures)?).ok();
    if let Some(last_config) = signed.and_then(|signed| signed.last_config) {
        return Some(last_config.index);
    }
    #[allow(deprecated)]
    let deprecated = value(BlockMetadataIndex::LastConfig)?;
    decode::<LastConfig>(deprecated).ok().map(|last_config| last_config.index)
}

fn channels(transaction: &Transaction<'_>) -> Response {
    let channel = ChannelInfo { channel_id: transaction.bundle.channel_id().to_owned() };
    success(ChannelQueryResponse { channels: vec![channel] }.encode_to_vec())
}
