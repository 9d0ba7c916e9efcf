//! Whether a proposal may be processed at all: its shape, its age, who sent it, and whether it is new.
//!
//! The checks stand in Fabric's order (`core/handlers/auth/filter`, `core/endorser/msgvalidation.go`,
//! `endorser.go`), and the texts are Fabric's: clients and test suites look at both.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use fabric::{
    crypto::SignatureMemo,
    msp::{IDENTITY_BYTES, Identity, MspManager},
    proto::{
        common::{ChannelHeader, Header, HeaderType, SignatureHeader},
        protos::{
            ChaincodeHeaderExtension, ChaincodeInput, ChaincodeInvocationSpec, ChaincodeProposalPayload,
            Proposal, SignedProposal,
        },
    },
    types::{decode, txid},
};
use prost::{
    Message, Name,
    encoding::{WireType, encode_key, encode_varint},
};
use sha2::{Digest, Sha256};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::Rejected;

/// How far a proposal's timestamp may lie from the peer's clock (`peer.authentication.timewindow`).
pub const TIME_WINDOW: Duration = Duration::from_secs(15 * 60);

/// A proposal's headers, read before anything else is.
pub struct Headers {
    pub channel: ChannelHeader,
    pub signature: SignatureHeader,
    proposal: Proposal,
    header: Header,
}

/// A proposal taken apart.
pub struct UnpackedProposal {
    pub chaincode: String,
    pub input: ChaincodeInput,
    /// SHA-256 over both headers and the payload without its transient data.
    pub proposal_hash: [u8; 32],
}

impl Headers {
    /// Decodes the headers, with the texts of Fabric's filters.
    pub fn read(signed: &SignedProposal) -> Result<Self, Rejected> {
        let proposal: Proposal = filter_part("proposal", "Proposal", &signed.proposal_bytes)?;
        let header: Header = filter_part("header", "Header", &proposal.header)?;
        let signature: SignatureHeader =
            filter_part("signature header", "SignatureHeader", &header.signature_header)?;
        if signature.creator.len() > IDENTITY_BYTES {
            return Err(Rejected(format!(
                "the creator has {} bytes and exceeds the maximum of {IDENTITY_BYTES} bytes",
                signature.creator.len()
            )));
        }
        let channel = filter_part("channel header", "ChannelHeader", &header.channel_header)?;
        Ok(Self { channel, signature, proposal, header })
    }

    /// Refuses a creator whose certificate has expired. A creator that no organisation of the channel knows
    /// is left to [`Self::check_creator`].
    pub fn check_expiry(&self, msps: &MspManager, now: SystemTime) -> Result<(), Rejected> {
        let Ok(creator) = msps.deserialize(&self.signature.creator) else { return Ok(()) };
        if OffsetDateTime::from(now).unix_timestamp() > creator.not_after() {
            return Err(Rejected::new("proposal client identity expired"));
        }
        Ok(())
    }

    /// Refuses a proposal that is older, or further ahead, than [`TIME_WINDOW`].
    pub fn check_time_window(&self, now: SystemTime) -> Result<(), Rejected> {
        let timestamp = self.channel.timestamp.unwrap_or_default();
        let nanoseconds = i128::from(timestamp.seconds) * 1_000_000_000 + i128::from(timestamp.nanos);
        let now = OffsetDateTime::from(now);
        if nanoseconds.abs_diff(now.unix_timestamp_nanos()) <= TIME_WINDOW.as_nanos() {
            return Ok(());
        }
        let proposed = OffsetDateTime::from_unix_timestamp(timestamp.seconds)
            .map_or_else(|_| format!("{} seconds after 1970", timestamp.seconds), show_time);
        Err(Rejected(format!(
            "request unauthorized due to incorrect timestamp {proposed}, peer time {}, \
             peer.authentication.timewindow 15m0s",
            show_time(now)
        )))
    }

    /// Decodes the rest of the proposal.
    pub fn unpack(&self) -> Result<UnpackedProposal, Rejected> {
        let extension: ChaincodeHeaderExtension = part("ChaincodeHeaderExtension", &self.channel.extension)?;
        let id = extension
            .chaincode_id
            .ok_or_else(|| Rejected::new("ChaincodeHeaderExtension.ChaincodeId is nil"))?;
        if id.name.is_empty() {
            return Err(Rejected::new("ChaincodeHeaderExtension.ChaincodeId.Name is empty"));
        }
        let payload: ChaincodeProposalPayload = part("ChaincodeProposalPayload", &self.proposal.payload)?;
        let invocation: ChaincodeInvocationSpec = part("ChaincodeInvocationSpec", &payload.input)?;
        let spec = invocation
            .chaincode_spec
            .ok_or_else(|| Rejected::new("chaincode invocation spec did not contain chaincode spec"))?;
        let input = spec.input.ok_or_else(|| Rejected::new("chaincode input did not contain any input"))?;
        let proposal_hash = self.proposal_hash(&payload.input);
        Ok(UnpackedProposal { chaincode: id.name, input, proposal_hash })
    }

    fn proposal_hash(&self, input: &[u8]) -> [u8; 32] {
        Sha256::new()
            .chain_update(&self.header.channel_header)
            .chain_update(&self.header.signature_header)
            .chain_update(visible_prefix(input.len()))
            .chain_update(input)
            .finalize()
            .into()
    }

    /// Checks the headers' values and the creator's signature; gives the creator.
    pub fn check_creator(
        &self,
        signed: &SignedProposal,
        msps: &MspManager,
        memo: &SignatureMemo,
    ) -> Result<Arc<Identity>, Rejected> {
        self.check_values(signed).map_err(invalid)?;
        let channel = &self.channel.channel_id;
        let creator = msps.deserialize(&self.signature.creator).map_err(|error| {
            tracing::warn!(%channel, %error, "proposal refused: unknown creator");
            invalid(Rejected(format!(
                "access denied: channel [{channel}] creator org unknown, creator is malformed"
            )))
        })?;
        let denied = |error: &dyn std::fmt::Display| {
            tracing::warn!(%channel, %error, "proposal refused");
            invalid(Rejected(format!("access denied: channel [{channel}] creator org [{}]", creator.mspid())))
        };
        msps.validate(&creator).map_err(|error| denied(&error))?;
        memo.verify(creator.public_key(), &signed.proposal_bytes, &signed.signature)
            .map_err(|error| denied(&error))?;
        msps.remember(&creator);
        Ok(creator)
    }

    fn check_values(&self, signed: &SignedProposal) -> Result<(), Rejected> {
        let header_type = self.channel.r#type;
        // Fabric's CLI sends its channel-less proposals as CONFIG.
        if ![HeaderType::EndorserTransaction as i32, HeaderType::Config as i32].contains(&header_type) {
            let name = HeaderType::try_from(header_type)
                .map_or_else(|_| header_type.to_string(), |known| known.as_str_name().to_owned());
            return Err(Rejected(format!("invalid header type {name}")));
        }
        if self.channel.epoch != 0 {
            return Err(Rejected::new("epoch is non-zero"));
        }
        if self.signature.nonce.is_empty() {
            return Err(Rejected::new("nonce is empty"));
        }
        if self.signature.creator.is_empty() {
            return Err(Rejected::new("creator is empty"));
        }
        let expected = txid::compute(&self.signature.nonce, &self.signature.creator);
        if self.channel.tx_id != expected {
            return Err(Rejected(format!(
                "incorrectly computed txid '{}' -- expected '{expected}'",
                self.channel.tx_id
            )));
        }
        if signed.signature.is_empty() {
            return Err(Rejected::new("empty signature bytes"));
        }
        Ok(())
    }
}

/// What precedes the input in a `ChaincodeProposalPayload` without transient data.
fn visible_prefix(length: usize) -> Vec<u8> {
    let mut prefix = Vec::new();
    if length > 0 {
        encode_key(1, WireType::LengthDelimited, &mut prefix);
        encode_varint(length as u64, &mut prefix);
    }
    prefix
}

fn invalid(rejected: Rejected) -> Rejected {
    Rejected(format!("error validating proposal: {rejected}"))
}

fn show_time(time: OffsetDateTime) -> String {
    let whole_seconds = time.replace_nanosecond(0).unwrap_or(time);
    whole_seconds.format(&Rfc3339).unwrap_or_else(|_| whole_seconds.unix_timestamp().to_string())
}

fn filter_part<M: Message + Default + Name>(what: &str, name: &str, bytes: &Bytes) -> Result<M, Rejected> {
    part(name, bytes).map_err(|error| Rejected(format!("failed parsing {what}: {error}")))
}

fn part<M: Message + Default + Name>(name: &str, bytes: &Bytes) -> Result<M, Rejected> {
    decode(bytes.clone()).map_err(|error| Rejected(format!("error unmarshalling {name}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visible_payload_is_its_prefix_and_the_input() {
        for length in [0, 1, 127, 128, 16_383, 16_384] {
            let payload = ChaincodeProposalPayload { input: vec![7; length].into(), ..Default::default() };
            assert_eq!([visible_prefix(length), payload.input.to_vec()].concat(), payload.encode_to_vec());
        }
    }
}
