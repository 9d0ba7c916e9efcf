//! Signatures as Fabric makes and verifies them (`bccsp/sw`): ECDSA over SHA-256 with a low S, and Ed25519.
//!
//! Verification follows Go where Go is more tolerant than DER: bytes after the signature, and after S
//! inside it, are ignored. A stricter verdict would fork the state as surely as a laxer one.

pub mod der;
mod ecdsa;
mod hashed;
mod private_key;
mod public_key;
mod verified_signatures;

pub use self::{
    ecdsa::{Curve, canonical as canonical_ecdsa, to_low_s},
    hashed::Hashed,
    private_key::{KeyError, PrivateKey, SigningError},
    public_key::{PublicKey, SpkiParts, parse_spki, spki_algorithm},
    verified_signatures::VerifiedSignatureCache,
};

/// Why a signature does not hold, or why a public key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the signature is not a DER sequence of two integers")]
    Malformed,
    #[error("R and S of a signature must be larger than zero")]
    NotPositive,
    #[error("S of the signature is larger than half the order of the curve")]
    HighS,
    #[error("the signature does not match")]
    Mismatch,
    #[error("the public key is malformed: {0}")]
    Key(&'static str),
    #[error("keys of the algorithm {0} make no identity")]
    Algorithm(&'static str),
}
