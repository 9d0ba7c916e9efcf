//! Whose endorsements a transaction carries, for readers of the chain that ask more of a valid transaction than its
//! policies did.

use std::sync::Arc;

use bytes::Bytes;
use fabric::{
    channel::Bundle,
    crypto::{Hashed, SignatureMemo},
    msp::Identity,
    policy::{SignaturePolicy, SignedData, valid_identities},
};

use super::unpack::{Endorsed, Unpacked};

/// Whether an endorser transaction calls `chaincode` and carries, under the configuration of its block, endorsements
/// that satisfy `policy`. The transaction must be one that was found valid.
///
/// Validity does not answer that: a key's own policy may ask for less, and what is more than a policy asks for may
/// bear any signature.
pub fn is_endorsed(
    envelope: &Bytes,
    chaincode: &str,
    policy: &SignaturePolicy,
    bundle: &Bundle,
    memo: &SignatureMemo,
) -> bool {
    let unpacked = Unpacked::new(envelope.clone());
    let Ok(endorsed) = &unpacked.endorsed else { return false };
    let called = endorsed.chaincode_action().and_then(|action| action.chaincode_id.as_ref());
    called.is_some_and(|called| called.name == chaincode)
        && policy.evaluate(&endorsers(endorsed, bundle, memo), bundle.msps()).is_ok()
}

/// Those whose endorsement verifies, each once. An endorser signs the response payload and its own identity.
pub(super) fn endorsers(endorsed: &Endorsed, bundle: &Bundle, memo: &SignatureMemo) -> Vec<Arc<Identity>> {
    let signed = |endorsement: &fabric::proto::protos::Endorsement| SignedData {
        data: Hashed::of(
            [endorsed.response_payload_bytes.as_ref(), endorsement.endorser.as_ref()].concat().into(),
        ),
        identity: endorsement.endorser.clone(),
        signature: endorsement.signature.clone(),
    };
    let signed: Vec<_> = endorsed.endorsements.iter().map(signed).collect();
    valid_identities(&signed, bundle.msps(), memo)
}
