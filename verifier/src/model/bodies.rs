//! The certification bodies of the channel: each has a chaincode of its own, and a ledger time of its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use certificate::DateTime;
use certificate::chaincode::REGISTRY;
use channel::Bundle;
use channel::policy::{self, SignaturePolicy};
use fabric::crypto::VerifiedSignatureCache;
use fabric::types::DecodedEnvelope;
use rocksdb::{DB, Direction, IteratorMode, ReadOptions, WriteBatch};
use validation::is_endorsed;

use super::savepoint::{decode_time, encode_time, take};
use super::{BODY, ModelError};

/// The body whose chaincode it is, as the ledger says that it is bound.
#[derive(Clone)]
pub(super) struct Body {
    pub msp_id: String,
    /// Of the newest block; see `docs/adr/0013-ledger-time.md`.
    pub ledger_time: Option<DateTime>,
    /// Peers of this body and of the accreditation body.
    both: Arc<SignaturePolicy>,
}

/// By their chaincodes' names.
#[derive(Clone, Default)]
pub(super) struct Bodies(BTreeMap<String, Body>);

/// Whether records of this chaincode are taken in. `first` is the first body's; those of others are called after it.
pub(super) fn follows(first: &str, chaincode: &str) -> bool {
    let rest = chaincode.strip_prefix(first);
    chaincode == REGISTRY || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

impl Body {
    fn new(msp_id: &str, accreditation_body: &str) -> Result<Self, ModelError> {
        let text = format!("AND('{msp_id}.peer','{accreditation_body}.peer')");
        let policy = policy::parse(&text).map_err(|error| ModelError::Policy(error.to_string()))?;
        let both =
            SignaturePolicy::from_proto(&policy).map_err(|error| ModelError::Policy(error.to_string()))?;
        Ok(Self { msp_id: msp_id.to_owned(), ledger_time: None, both: Arc::new(both) })
    }

    fn endorsed(&self, envelope: &DecodedEnvelope, chaincode: &str, bundle: &Bundle) -> bool {
        is_endorsed(envelope, chaincode, &self.both, bundle, &VerifiedSignatureCache::disabled())
    }
}

impl Bodies {
    pub fn read(database: &DB, accreditation_body: &str) -> Result<Self, ModelError> {
        let mut options = ReadOptions::default();
        options.set_iterate_range(rocksdb::PrefixRange([BODY].as_slice()));
        let mut bodies = BTreeMap::new();
        for row in database.iterator_opt(IteratorMode::From(&[BODY], Direction::Forward), options) {
            let (key, value) = row?;
            let (chaincode, body) = decode(&key, &value, accreditation_body).ok_or(ModelError::Savepoint)?;
            bodies.insert(chaincode, body);
        }
        Ok(Self(bodies))
    }

    pub fn put(&self, batch: &mut WriteBatch) {
        for (chaincode, body) in &self.0 {
            batch.put(key(chaincode), [&encode_time(body.ledger_time)[..], body.msp_id.as_bytes()].concat());
        }
    }

    pub fn get(&self, chaincode: &str) -> Option<&Body> {
        self.0.get(chaincode)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Body)> {
        self.0.iter().map(|(chaincode, body)| (chaincode.as_str(), body))
    }

    /// The ledger time by which what the registry says of this body counts.
    pub fn ledger_time_of(&self, msp_id: &str) -> Option<DateTime> {
        self.0.values().find(|body| body.msp_id == msp_id)?.ledger_time
    }

    /// Takes a chaincode for the body that its binding names, if that body and the accreditation body endorsed the
    /// binding: the accreditation body and another one could write it into a chaincode of theirs.
    pub fn bind(
        &mut self,
        chaincode: &str,
        msp_id: &str,
        accreditation_body: &str,
        envelope: &DecodedEnvelope,
        bundle: &Bundle,
    ) {
        if self.0.contains_key(chaincode) {
            return;
        }
        match Body::new(msp_id, accreditation_body) {
            Ok(body) if body.endorsed(envelope, chaincode, bundle) => {
                self.0.insert(chaincode.to_owned(), body);
            }
            _ => tracing::warn!(chaincode, msp_id, "a binding that its body did not endorse is passed over"),
        }
    }

    /// Moves a body's ledger time on to a claimed timestamp, if both bodies endorsed the transaction. Only a timestamp that
    /// would move it has its endorsements verified: at most one a second.
    pub fn advance(&mut self, claimed: DateTime, envelope: &DecodedEnvelope, bundle: &Bundle) {
        let Ok(response) = envelope.response() else { return };
        let called = response.present_action().and_then(|action| action.chaincode_id.as_ref());
        let Some((name, body)) = called.and_then(|called| self.0.get_key_value(&called.name)) else { return };
        let moves = body.ledger_time.is_none_or(|time| claimed > time);
        if moves && body.endorsed(envelope, name, bundle) {
            let name = name.clone();
            if let Some(body) = self.0.get_mut(&name) {
                body.ledger_time = Some(claimed);
            }
        }
    }
}

/// Where what is known of a chaincode's body is kept.
pub(super) fn key(chaincode: &str) -> Vec<u8> {
    [&[BODY], chaincode.as_bytes()].concat()
}

/// Of what is kept there.
pub(super) fn ledger_time(mut record: &[u8]) -> Option<Option<DateTime>> {
    take(&mut record).map(decode_time)
}

fn decode(key: &[u8], mut value: &[u8], accreditation_body: &str) -> Option<(String, Body)> {
    let chaincode = std::str::from_utf8(key.get(1..)?).ok()?.to_owned();
    let ledger_time = decode_time(take(&mut value)?);
    let body = Body::new(std::str::from_utf8(value).ok()?, accreditation_body).ok()?;
    Some((chaincode, Body { ledger_time, ..body }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chaincode_is_followed_by_its_name() {
        for (chaincode, expected) in [
            ("nanotrace", true),
            ("nanotrace-gamma", true),
            (REGISTRY, true),
            ("nanotracegamma", false),
            ("other", false),
            ("", false),
        ] {
            assert_eq!(follows("nanotrace", chaincode), expected, "{chaincode}");
        }
    }
}
