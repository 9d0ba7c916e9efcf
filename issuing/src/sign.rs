//! A draft becomes a credential.

use certificate::{
    DateTime,
    canonical::{CanonicalError, to_canonical},
    document::{check_draft, check_signed},
    multikey,
    proof::{self, ProofError},
    refusal::Violation,
};
use ed25519_dalek::SigningKey;
use serde_json::Value;

/// Why a draft is not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error("{} rules broken", .0.len())]
    Rules(Vec<Violation>),
    #[error(transparent)]
    Proof(#[from] ProofError),
    #[error("the document {0}")]
    Canonical(#[from] CanonicalError),
}

/// The signed document in canonical form. It keeps every rule of its own.
pub fn sign(draft: &Value, key: &SigningKey, now: DateTime) -> Result<Vec<u8>, SignError> {
    check_draft(draft).map_err(SignError::Rules)?;
    let issuer = draft.pointer("/issuer/id").and_then(Value::as_str).unwrap_or_default();
    let method = format!("{issuer}#{}", multikey::public_to_text(&key.verifying_key()));
    let signed = to_canonical(&proof::sign(draft, key, &method, now)?)?;
    check_signed(&signed).map_err(SignError::Rules)?;
    Ok(signed)
}
