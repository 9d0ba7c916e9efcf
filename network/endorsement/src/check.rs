//! Whether a proposal may be processed at all: its shape, its age, who sent it, and whether it is new.
//!
//! The checks stand in Fabric's order (`core/handlers/auth/filter`, `core/endorser/msgvalidation.go`,
//! `endorser.go`), and the texts are Fabric's: clients and test suites look at both.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use fabric::{
    crypto::VerifiedSignatureCache,
    proto::{
        common::{ChannelHeader, HeaderType, SignatureHeader},
        protos::{ChaincodeHeaderExtension, ChaincodeInput},
    },
    types::{
        proposal::{DecodedProposal, Part, part},
        txid,
    },
};
use msp::{IDENTITY_BYTES, Identity, MspManager};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use super::Rejected;

/// How far a proposal's timestamp may lie from the peer's clock (`peer.authentication.timewindow`).
pub const TIME_WINDOW: Duration = Duration::from_secs(15 * 60);

/// A proposal's headers, read before anything else is.
pub struct Headers<'p> {
    pub channel: &'p ChannelHeader,
    signature: &'p SignatureHeader,
    proposal: &'p DecodedProposal,
}

/// What a proposal asks for.
pub struct Invocation {
    pub chaincode: String,
    pub input: ChaincodeInput,
    pub proposal_hash: [u8; 32],
}

impl<'p> Headers<'p> {
    /// Takes the headers, with the texts of Fabric's filters.
    pub fn read(proposal: &'p DecodedProposal) -> Result<Self, Rejected> {
        let signature = filter_part(&proposal.signature)?;
        if signature.creator.len() > IDENTITY_BYTES {
            return Err(Rejected(format!(
                "the creator has {} bytes and exceeds the maximum of {IDENTITY_BYTES} bytes",
                signature.creator.len()
            )));
        }
        let channel = filter_part(&proposal.channel)?;
        Ok(Self { channel, signature, proposal })
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

    /// Takes the rest of the proposal.
    pub fn invocation(&self) -> Result<Invocation, Rejected> {
        let extension: ChaincodeHeaderExtension = part(&self.channel.extension).map_err(rejected)?;
        let id = extension
            .chaincode_id
            .ok_or_else(|| Rejected::new("ChaincodeHeaderExtension.ChaincodeId is nil"))?;
        if id.name.is_empty() {
            return Err(Rejected::new("ChaincodeHeaderExtension.ChaincodeId.Name is empty"));
        }
        let invocation = self.proposal.invocation.as_ref().map_err(rejected)?;
        let spec = invocation
            .chaincode_spec
            .as_ref()
            .ok_or_else(|| Rejected::new("chaincode invocation spec did not contain chaincode spec"))?;
        let input =
            spec.input.clone().ok_or_else(|| Rejected::new("chaincode input did not contain any input"))?;
        let proposal_hash = self.proposal.hash().map_err(rejected)?;
        Ok(Invocation { chaincode: id.name, input, proposal_hash })
    }

    /// Checks the headers' values and the creator's signature; gives the creator.
    pub fn check_creator(
        &self,
        msps: &MspManager,
        memo: &VerifiedSignatureCache,
    ) -> Result<Arc<Identity>, Rejected> {
        self.check_values().map_err(invalid)?;
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
        memo.verify(creator.public_key(), self.proposal.message(), &self.proposal.signed.signature)
            .map_err(|error| denied(&error))?;
        msps.remember(&creator);
        Ok(creator)
    }

    fn check_values(&self) -> Result<(), Rejected> {
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
        if self.proposal.signed.signature.is_empty() {
            return Err(Rejected::new("empty signature bytes"));
        }
        Ok(())
    }
}

fn invalid(rejected: Rejected) -> Rejected {
    Rejected(format!("error validating proposal: {rejected}"))
}

fn show_time(time: OffsetDateTime) -> String {
    let whole_seconds = time.replace_nanosecond(0).unwrap_or(time);
    whole_seconds.format(&Rfc3339).unwrap_or_else(|_| whole_seconds.unix_timestamp().to_string())
}

/// Fabric's filters say what they read as well.
fn filter_part<M>(part: &Part<M>) -> Result<&M, Rejected> {
    part.as_ref().map_err(|error| {
        let what = match error.part {
            "Proposal" => "proposal",
            "Header" => "header",
            "SignatureHeader" => "signature header",
            _ => "channel header",
        };
        Rejected(format!("failed parsing {what}: {error}"))
    })
}

fn rejected(error: impl std::fmt::Display) -> Rejected {
    Rejected(error.to_string())
}
