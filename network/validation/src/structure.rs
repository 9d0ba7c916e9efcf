//! Is the transaction what it says it is: well-formed, signed by its creator, and bound to its proposal?
//!
//! Source: `core/common/validation/msgvalidation.go` and the beginning of
//! `core/committer/txvalidator/v20/validator.go`. The order of the checks decides the code.

use bytes::Bytes;
use channel::Bundle;
use fabric::{
    crypto::{Hashed, VerifiedSignatureCache},
    proto::{
        common::{ChannelHeader, Envelope, HeaderType, SignatureHeader},
        protos::{ChaincodeEndorsedAction, TxValidationCode},
    },
    types::{
        DecodedEnvelope, decode,
        envelope::{DecodedResponse, Unreadable},
        txid,
    },
};
use sha2::{Digest, Sha256};

use super::{
    Defect,
    verdict::{Failure, Verdict},
};

/// What a well-formed transaction is.
pub(crate) enum Type<'a> {
    /// With its data.
    Config(&'a Bytes),
    Endorser {
        header: &'a ChannelHeader,
        endorsed: &'a ChaincodeEndorsedAction,
        response: &'a DecodedResponse,
    },
}

pub(crate) fn check<'a>(
    decoded: &'a DecodedEnvelope,
    bundle: &Bundle,
    memo: &VerifiedSignatureCache,
) -> Result<Type<'a>, Failure> {
    let invalid = |code, reason: &dyn std::fmt::Display| Verdict::invalid(code, reason.to_string());
    let envelope = decoded.envelope();
    let envelope = envelope.map_err(|error| invalid(TxValidationCode::InvalidOtherReason, error))?;
    let payload = decoded.payload().map_err(|error| invalid(TxValidationCode::BadPayload, error))?;
    if payload.header.is_none() {
        return Err(Defect::NoHeader.into());
    }
    let (channel, signature) = common_header(decoded)?;
    creator_signature(envelope, channel, signature, bundle, memo)
        .map_err(|reason| invalid(TxValidationCode::BadCreatorSignature, &reason))?;
    match decoded.header_type() {
        Some(HeaderType::EndorserTransaction) => {
            transaction_id(channel, signature)?;
            endorser_transaction(decoded, channel, &payload.data)
        }
        Some(HeaderType::Config) if payload.data.is_empty() => {
            Err(invalid(TxValidationCode::InvalidConfigTransaction, &"no config in it").into())
        }
        Some(HeaderType::Config) => Ok(Type::Config(&payload.data)),
        _ => Err(invalid(TxValidationCode::UnsupportedTxPayload, &"no type of a transaction").into()),
    }
}

fn common_header(decoded: &DecodedEnvelope) -> Result<(&ChannelHeader, &SignatureHeader), Verdict> {
    let bad = |reason: &str| Verdict::invalid(TxValidationCode::BadCommonHeader, reason);
    let channel = decoded.channel_header().map_err(|_| bad("unreadable channel header"))?;
    let signature = decoded.signature_header().map_err(|_| bad("unreadable signature header"))?;
    match decoded.header_type() {
        Some(HeaderType::EndorserTransaction | HeaderType::ConfigUpdate | HeaderType::Config) => {}
        _ => return Err(bad(&format!("header type {}", channel.r#type))),
    }
    if channel.epoch != 0 {
        return Err(bad(&format!("epoch {}, expected 0", channel.epoch)));
    }
    signature_header(signature).map_err(bad)?;
    Ok((channel, signature))
}

fn signature_header(header: &SignatureHeader) -> Result<(), &'static str> {
    if header.nonce.is_empty() {
        return Err("signature header without nonce");
    }
    if header.creator.is_empty() {
        return Err("signature header without creator");
    }
    Ok(())
}

fn creator_signature(
    envelope: &Envelope,
    channel: &ChannelHeader,
    signature: &SignatureHeader,
    bundle: &Bundle,
    memo: &VerifiedSignatureCache,
) -> Result<(), String> {
    // Fabric asks the identities of the channel that the header names. A peer that has joined that
    // channel too may accept the creator, one that has not cannot; only a faulty orderer lets such an
    // envelope through. We know one channel, so we validate as the latter.
    if channel.channel_id != bundle.channel_id() {
        tracing::warn!(named = channel.channel_id, "a transaction names another channel");
        return Err(format!("the header names channel '{}'", channel.channel_id));
    }
    if envelope.signature.is_empty() {
        return Err("no signature".to_owned());
    }
    let creator = bundle.msps().deserialize(&signature.creator).map_err(|error| error.to_string())?;
    bundle.msps().validate(&creator).map_err(|error| format!("creator is not valid: {error}"))?;
    memo.verify(creator.public_key(), &Hashed::of(&envelope.payload), &envelope.signature)
        .map_err(|error| format!("the creator's signature does not verify: {error}"))?;
    bundle.msps().remember(&creator);
    Ok(())
}

fn transaction_id(channel: &ChannelHeader, signature: &SignatureHeader) -> Result<(), Verdict> {
    let computed = txid::compute(&signature.nonce, &signature.creator);
    if channel.tx_id == computed {
        return Ok(());
    }
    let reason = format!("transaction id '{}', computed {computed}", channel.tx_id);
    Err(Verdict::invalid(TxValidationCode::BadProposalTxid, reason))
}

fn endorser_transaction<'a>(
    decoded: &'a DecodedEnvelope,
    header: &'a ChannelHeader,
    data: &[u8],
) -> Result<Type<'a>, Failure> {
    let invalid = |reason: String| Verdict::invalid(TxValidationCode::InvalidEndorserTransaction, reason);
    if data.is_empty() {
        return Err(invalid("no transaction in it".to_owned()).into());
    }
    let transaction = decoded.transaction().map_err(|error| invalid(error.to_string()))?;
    let [action] = transaction.actions.as_slice() else {
        return Err(invalid(format!("{} actions, expected one", transaction.actions.len())).into());
    };
    let author: SignatureHeader =
        decode(action.header.clone()).map_err(|error| invalid(format!("header of the action: {error}")))?;
    signature_header(&author).map_err(|reason| invalid(format!("action: {reason}")))?;
    let unreadable = |failure: &Unreadable| match failure {
        // Fabric looks into the content before it asks whether there is any.
        Unreadable::NoEndorsedAction => Failure::from(Defect::ActionWithoutContent),
        failure => invalid(failure.to_string()).into(),
    };
    let content = decoded.action().map_err(unreadable)?;
    let (endorsed, response) =
        content.endorsed().and_then(|endorsed| Ok((endorsed, content.response()?))).map_err(unreadable)?;
    let channel_header = &decoded.header().map_err(unreadable)?.channel_header;
    let proposal_payload = &content.payload.chaincode_proposal_payload;
    proposal_hash([channel_header, &action.header, proposal_payload], response)
        .map_err(|reason| invalid(reason.to_owned()))?;
    Ok(Type::Endorser { header, endorsed, response })
}

/// The endorsers signed for this channel header, this action header and this proposal payload.
fn proposal_hash(proposal: [&Bytes; 3], response: &DecodedResponse) -> Result<(), &'static str> {
    let [channel_header, action_header, payload] = proposal;
    if payload.is_empty() {
        return Err("no proposal payload");
    }
    let hash = Sha256::new()
        .chain_update(channel_header)
        .chain_update(action_header)
        .chain_update(payload)
        .finalize();
    if hash.as_slice() != response.payload.proposal_hash.as_ref() {
        return Err("the endorsers signed another proposal: its hash differs");
    }
    Ok(())
}
