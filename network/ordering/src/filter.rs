//! Which envelopes the orderer accepts: Fabric's rules in Fabric's order and words, and then none that
//! would stop a real peer ([`validation::peer_safety`]).
//!
//! Source: `orderer/common/msgprocessor`, `orderer/common/broadcast`.

use std::sync::Arc;

use bytes::Bytes;
use channel::{
    Bundle,
    policy::{SignedData, valid_identities},
};
use fabric::{
    crypto::{Hashed, VerifiedSignatureCache},
    proto::common::{ChannelHeader, Envelope, Header, HeaderType, Payload, SignatureHeader, Status},
    types::{DecodedEnvelope, envelope::Unreadable, txid},
};
use msp::{IDENTITY_BYTES, SigningIdentity};
use prost::Message;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use ledger::Ledger;
use validation::peer_safety::check_peer_safe;

/// Why an envelope was not ordered; the client may mend a 400 or 403 and repeat a 503.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: Status,
    pub info: String,
    /// The identity that signed the envelope, where that was verified before it was refused.
    pub creator: Option<Bytes>,
}

impl Refusal {
    /// The envelope cannot be taken as it is.
    pub fn bad_request(info: impl Into<String>) -> Self {
        Self { status: Status::BadRequest, info: info.into(), creator: None }
    }

    /// The orderer cannot take the envelope now.
    pub fn unavailable(info: impl Into<String>) -> Self {
        Self { status: Status::ServiceUnavailable, info: info.into(), creator: None }
    }

    fn of_checks_of_update(self, stage: &str) -> Self {
        let info = self.info;
        Self {
            info: format!("config update for existing channel did not pass {stage} checks: {info}"),
            ..self
        }
    }

    fn of(self, creator: &Bytes) -> Self {
        Self { creator: Some(creator.clone()), ..self }
    }
}

/// An envelope that passed the filter under the config of sequence `config_sequence`.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The envelope as it will stand in the block. Only this outer message is encoded anew (which drops
    /// unknown fields, as peers demand); its payload bytes are the client's.
    pub encoded: Bytes,
    pub envelope: Envelope,
    pub txid: String,
    pub config_sequence: u64,
    /// The identity that signed what the client sent.
    pub creator: Bytes,
    /// The config update that a config transaction was made from.
    pub update: Option<Envelope>,
}

impl Admitted {
    pub fn is_config(&self) -> bool {
        self.update.is_some()
    }

    /// Payload and signature, as Fabric counts an envelope's bytes.
    pub fn size(&self) -> usize {
        self.envelope.payload.len() + self.envelope.signature.len()
    }
}

/// The rules of one channel. `now` is in seconds since 1970, for the expiry of certificates and the age of
/// transactions.
pub struct Filter<'a> {
    pub bundle: &'a Arc<Bundle>,
    pub ledger: &'a Ledger,
    pub memo: &'a VerifiedSignatureCache,
    pub signer: &'a SigningIdentity,
    pub now: i64,
    /// How far from `now` the timestamp of a transaction may lie, in seconds.
    pub time_window: u64,
}

impl Filter<'_> {
    /// Judges an envelope from a client; a config update comes out as the config transaction made of it.
    /// `nonce` is fresh randomness for that config transaction's own header.
    pub fn admit(&self, envelope: Envelope, nonce: [u8; 24]) -> Result<Admitted, Refusal> {
        // Fabric's orderer lets fields of another wire type pass: see `UnsafeForPeers::Mistyped`.
        let decoded = DecodedEnvelope::strict(envelope.clone());
        let header = channel_header(&decoded)
            .map_err(|error| Refusal::bad_request(format!("could not determine channel ID: {error}")))?;
        if header.channel_id != self.bundle.channel_id() {
            return Err(Refusal::bad_request("channel does not exist"));
        }
        match HeaderType::try_from(header.r#type) {
            Ok(HeaderType::ConfigUpdate) => self.admit_update(envelope, &decoded, nonce),
            Ok(HeaderType::Config) => {
                Err(Refusal::bad_request("message is of type that cannot be processed directly"))
            }
            Ok(HeaderType::OrdererTransaction) => {
                Err(Refusal::bad_request("message is of type that is no longer supported"))
            }
            _ => self.admit_transaction(envelope, &decoded, header),
        }
    }

    fn admit_transaction(
        &self,
        envelope: Envelope,
        decoded: &DecodedEnvelope,
        header: &ChannelHeader,
    ) -> Result<Admitted, Refusal> {
        let creator = self.apply_rules(&envelope, decoded)?;
        let examine = |()| {
            check_peer_safe(decoded, self.bundle, self.ledger)
                .map_err(|error| Refusal::bad_request(error.to_string()))
        };
        let verdict = self.check_time(header).and_then(examine);
        verdict.map_err(|refusal| refusal.of(&creator))?;
        Ok(self.admitted(envelope, header.tx_id.clone(), creator, None))
    }

    fn admit_update(
        &self,
        update: Envelope,
        decoded: &DecodedEnvelope,
        nonce: [u8; 24],
    ) -> Result<Admitted, Refusal> {
        let creator =
            self.apply_rules(&update, decoded).map_err(|refusal| refusal.of_checks_of_update("initial"))?;
        let envelope = self.apply_update(&update, nonce).map_err(|refusal| refusal.of(&creator))?;
        Ok(self.admitted(envelope, String::new(), creator, Some(update)))
    }

    /// The config transaction that is made of a config update.
    fn apply_update(&self, update: &Envelope, nonce: [u8; 24]) -> Result<Envelope, Refusal> {
        let config = self.bundle.propose_update(update).map_err(|error| {
            let channel = self.bundle.channel_id();
            Refusal::bad_request(format!(
                "error applying config update to existing channel '{channel}': {error}"
            ))
        })?;
        let envelope = self.config_transaction(config.envelope, nonce)?;
        self.apply_rules(&envelope, &DecodedEnvelope::strict(envelope.clone()))
            .map_err(|refusal| refusal.of_checks_of_update("final"))?;
        Ok(envelope)
    }

    fn admitted(
        &self,
        envelope: Envelope,
        txid: String,
        creator: Bytes,
        update: Option<Envelope>,
    ) -> Admitted {
        let encoded = envelope.encode_to_vec().into();
        Admitted { encoded, envelope, txid, config_sequence: self.bundle.sequence(), creator, update }
    }

    /// Empty, too large, expired, not allowed to write: the rule set of every channel. Gives the creator.
    fn apply_rules(&self, envelope: &Envelope, decoded: &DecodedEnvelope) -> Result<Bytes, Refusal> {
        if envelope.payload.is_empty() {
            return Err(Refusal::bad_request("Message was empty"));
        }
        let limit = self.bundle.orderer().batch_size.absolute_max_bytes as usize;
        let size = envelope.payload.len() + envelope.signature.len();
        if size > limit {
            return Err(Refusal::bad_request(format!(
                "message payload is {size} bytes and exceeds maximum allowed {limit} bytes"
            )));
        }
        let signed = signed_data(envelope, decoded).map_err(|error| {
            Refusal::bad_request(format!("could not convert message to signedData: {error}"))
        })?;
        if signed.identity.len() > IDENTITY_BYTES {
            return Err(Refusal::bad_request(format!(
                "creator is {} bytes and exceeds maximum allowed {IDENTITY_BYTES} bytes",
                signed.identity.len()
            )));
        }
        self.check_expiry(&signed)?;
        self.check_writers(signed)
    }

    /// An endorsed transaction never expires for peers: one that was held back would rewrite the past with the
    /// time it claims.
    fn check_time(&self, header: &ChannelHeader) -> Result<(), Refusal> {
        let Some(timestamp) = header.timestamp else {
            return Err(Refusal::bad_request("the transaction's header has no timestamp"));
        };
        // Saturating: the client may claim any number.
        let distance = timestamp.seconds.saturating_sub(self.now);
        if distance.unsigned_abs() <= self.time_window {
            return Ok(());
        }
        let side = if distance < 0 { "before" } else { "after" };
        Err(Refusal::bad_request(format!(
            "the transaction's timestamp, {}, is {} s {side} the orderer's clock, {}; at most {} s are allowed: \
             check both clocks, and endorse the transaction anew",
            shown(timestamp.seconds),
            distance.unsigned_abs(),
            shown(self.now),
            self.time_window,
        )))
    }

    fn check_expiry(&self, signed: &SignedData) -> Result<(), Refusal> {
        let creator = self.bundle.msps().deserialize(&signed.identity);
        if creator.is_ok_and(|creator| creator.not_after() <= self.now) {
            return Err(Refusal::bad_request("broadcast client identity expired"));
        }
        Ok(())
    }

    /// Gives the creator.
    fn check_writers(&self, signed: SignedData) -> Result<Bytes, Refusal> {
        // Peers refuse a whole block for one envelope without a signature, whatever the policy says.
        if signed.signature.is_empty() {
            return Err(Refusal::bad_request("envelope has no signature"));
        }
        let msps = self.bundle.msps();
        let identities = valid_identities(std::slice::from_ref(&signed), msps, self.memo);
        let writers = self.bundle.policies().get("/Channel/Writers");
        let verdict = writers.and_then(|writers| writers.evaluate(&identities, msps));
        let creator = signed.identity;
        let Err(error) = verdict else { return Ok(creator) };
        let is_members = identities.iter().any(|identity| msps.validate(identity).is_ok());
        Err(Refusal {
            status: Status::Forbidden,
            info: format!("{error}: permission denied"),
            creator: is_members.then_some(creator),
        })
    }

    fn config_transaction(&self, config: Bytes, nonce: [u8; 24]) -> Result<Envelope, Refusal> {
        let creator = self.signer.serialized();
        let channel_header = ChannelHeader {
            r#type: HeaderType::Config as i32,
            version: 1,
            timestamp: Some(prost_types::Timestamp { seconds: self.now, nanos: 0 }),
            channel_id: self.bundle.channel_id().to_owned(),
            tx_id: txid::compute(&nonce, &creator),
            ..Default::default()
        };
        let signature_header = SignatureHeader { creator, nonce: Bytes::copy_from_slice(&nonce) };
        let header = Header {
            channel_header: channel_header.encode_to_vec().into(),
            signature_header: signature_header.encode_to_vec().into(),
        };
        let payload: Bytes = Payload { header: Some(header), data: config }.encode_to_vec().into();
        let signed = self.signer.sign(&payload).map_err(|error| Refusal::unavailable(error.to_string()));
        Ok(Envelope { payload, signature: signed?.into() })
    }
}

/// In Fabric's words (`protoutil.ChannelHeader`).
fn channel_header(envelope: &DecodedEnvelope) -> Result<&ChannelHeader, String> {
    let header = envelope.header().map_err(unmarshalling)?;
    if header.channel_header.is_empty() {
        return Err("channel header not set".into());
    }
    envelope
        .channel_header()
        .map_err(|failure| format!("error unmarshalling channel header: {}", unmarshalling(failure)))
}

/// As people read it.
fn shown(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| format!("{seconds} s since 1970"))
}

fn signed_data(envelope: &Envelope, decoded: &DecodedEnvelope) -> Result<SignedData, String> {
    let header = decoded.signature_header().map_err(unmarshalling)?;
    Ok(SignedData {
        data: Hashed::of(envelope.payload.clone()),
        identity: header.creator.clone(),
        signature: envelope.signature.clone(),
    })
}

/// A failure in Fabric's words (`protoutil/unmarshalers.go`).
fn unmarshalling(failure: &Unreadable) -> String {
    match failure {
        Unreadable::Malformed { layer, error } => {
            format!("error unmarshalling {}: {}", layer.message(), error.reason)
        }
        Unreadable::Mistyped { layer } => {
            format!("error unmarshalling {}: a field has another type", layer.message())
        }
        Unreadable::NoHeader => "header not set".to_owned(),
        failure => failure.to_string(),
    }
}
