//! Whose endorsements a transaction carries, for readers of the chain that ask more of a valid transaction than its
//! policies did.

use std::sync::Arc;

use channel::{
    Bundle,
    policy::{SignaturePolicy, SignedData, valid_identities},
};
use fabric::{
    crypto::{Hashed, VerifiedSignatureCache},
    proto::protos::{ChaincodeEndorsedAction, Endorsement},
    types::DecodedEnvelope,
};
use msp::Identity;

/// Whether an endorser transaction calls `chaincode` and carries, under the configuration of its block, endorsements
/// that satisfy `policy`. The transaction must be one that was found valid.
///
/// Validity does not answer that: a key's own policy may ask for less, and what is more than a policy asks for may
/// bear any signature.
pub fn is_endorsed(
    envelope: &DecodedEnvelope,
    chaincode: &str,
    policy: &SignaturePolicy,
    bundle: &Bundle,
    memo: &VerifiedSignatureCache,
) -> bool {
    let (Ok(action), Ok(response)) = (envelope.action(), envelope.response()) else { return false };
    let called = response.present_action().and_then(|action| action.chaincode_id.as_ref());
    let Ok(endorsed) = action.endorsed() else { return false };
    called.is_some_and(|called| called.name == chaincode)
        && policy.evaluate(&endorsers(endorsed, bundle, memo), bundle.msps()).is_ok()
}

/// Those whose endorsement verifies, each once. An endorser signs the response payload and its own identity.
pub(super) fn endorsers(
    endorsed: &ChaincodeEndorsedAction,
    bundle: &Bundle,
    memo: &VerifiedSignatureCache,
) -> Vec<Arc<Identity>> {
    let signed = |endorsement: &Endorsement| SignedData {
        data: Hashed::of(
            [endorsed.proposal_response_payload.as_ref(), endorsement.endorser.as_ref()].concat().into(),
        ),
        identity: endorsement.endorser.clone(),
        signature: endorsement.signature.clone(),
    };
    let signed: Vec<_> = endorsed.endorsements.iter().map(signed).collect();
    valid_identities(&signed, bundle.msps(), memo)
}
