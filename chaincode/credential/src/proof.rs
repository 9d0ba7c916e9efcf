//! The proof of a credential: W3C Data Integrity with the cryptosuite eddsa-jcs-2022 (Data Integrity EdDSA
//! Cryptosuites v1.0, section 3.3): canonical JSON, SHA-256, Ed25519.
//!
//! ```
//! use certificate::{DateTime, json::Json, multikey, proof};
//! use serde_json::json;
//!
//! let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
//! let public = multikey::public_to_text(&key.verifying_key());
//! let document = json!({"id": "urn:uuid:01010101-0101-4101-8101-010101010101", "name": "zinc oxide"});
//! let method = format!("did:web:body.example#{public}");
//! let signed = proof::sign(&document, &key, &method, DateTime::parse("2026-11-21T12:00:00Z").ok_or("no time")?)?;
//!
//! let key = multikey::public_from_text(&public).ok_or("no key")?;
//! assert!(proof::verify(&Json::from(&signed), &key).is_ok());
//!
//! let mut altered = signed.clone();
//! altered["name"] = "titanium dioxide".into();
//! assert_eq!(proof::verify(&Json::from(&altered), &key), Err(proof::ProofError::Signature));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::canonical::{CanonicalError, to_canonical, to_canonical_without};
use crate::date_time::DateTime;
use crate::json::{Json, Members};

pub const CRYPTOSUITE: &str = "eddsa-jcs-2022";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    #[error("the document is not a JSON object")]
    Document,
    #[error("the document bears a proof already")]
    Signed,
    #[error("the document has no proof object with a proofValue")]
    Absent,
    #[error("the proofValue is not the base58btc multibase text of 64 bytes")]
    Encoding,
    #[error("the proof's @context is not that of the document")]
    Context,
    #[error("the signature does not belong to this document and key")]
    Signature,
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// The document with its proof. `verification_method` is `<issuer id>#<public key>`.
pub fn sign(
    document: &Value,
    key: &SigningKey,
    verification_method: &str,
    created: DateTime,
) -> Result<Value, ProofError> {
    let unsigned = document.as_object().ok_or(ProofError::Document)?;
    if unsigned.contains_key("proof") {
        return Err(ProofError::Signed);
    }
    let mut proof = json!({
        "type": "DataIntegrityProof",
        "cryptosuite": CRYPTOSUITE,
        "created": created.to_string(),
        "verificationMethod": verification_method,
        "proofPurpose": "assertionMethod",
    });
    if let (Some(context), Some(proof)) = (unsigned.get("@context"), proof.as_object_mut()) {
        proof.insert("@context".into(), context.clone());
    }
    let signature = key.sign(&hash_data(&to_canonical(document)?, &to_canonical(&proof)?));
    let value = format!("z{}", bs58::encode(signature.to_bytes()).into_string());
    if let Some(proof) = proof.as_object_mut() {
        proof.insert("proofValue".into(), value.into());
    }
    let mut signed = unsigned.clone();
    signed.insert("proof".into(), proof);
    Ok(signed.into())
}

/// Whether the document's one proof was made with `key`: that, and nothing of what the proof claims about
/// purpose, suite or time, which the rules for documents check.
///
/// Strict in the sense of ed25519-dalek: one verdict for one signature in every implementation.
pub fn verify(document: &Json<'_>, key: &VerifyingKey) -> Result<(), ProofError> {
    let members = document.as_object().ok_or(ProofError::Document)?;
    let proof = members.get("proof").and_then(Json::as_object).ok_or(ProofError::Absent)?;
    let signature = signature(proof)?;
    if proof.get("@context").is_some_and(|context| members.get("@context") != Some(context)) {
        return Err(ProofError::Context);
    }
    let unsigned = to_canonical_without(members, "proof")?;
    let data = hash_data(&unsigned, &to_canonical_without(proof, "proofValue")?);
    key.verify_strict(&data, &signature).map_err(|_| ProofError::Signature)
}

/// The hash of a document without its proof, in canonical form: what a signature over it binds, by any key.
pub fn document_hash(document: &Json<'_>) -> Result<[u8; 32], ProofError> {
    let members = document.as_object().ok_or(ProofError::Document)?;
    Ok(Sha256::digest(to_canonical_without(members, "proof")?).into())
}

fn signature(proof: &Members<'_>) -> Result<Signature, ProofError> {
    let text = proof.get("proofValue").and_then(Json::as_text).ok_or(ProofError::Absent)?;
    let encoded = text.strip_prefix('z').filter(|encoded| encoded.len() <= 88).ok_or(ProofError::Encoding)?;
    let bytes = bs58::decode(encoded).into_vec().map_err(|_| ProofError::Encoding)?;
    Signature::from_slice(&bytes).map_err(|_| ProofError::Encoding)
}

/// What is signed: the hash of the proof without its value, then the hash of the document without its proof, both
/// in canonical form.
fn hash_data(document: &[u8], proof: &[u8]) -> [u8; 64] {
    let mut data = [0; 64];
    let (proof_hash, document_hash) = data.split_at_mut(32);
    proof_hash.copy_from_slice(&Sha256::digest(proof));
    document_hash.copy_from_slice(&Sha256::digest(document));
    data
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::multikey;

    /// Test vectors of Data Integrity EdDSA Cryptosuites v1.0, section B.2 (W3C, vc-di-eddsa, TestVectors
    /// eddsa-jcs-2022).
    const PUBLIC_KEY: &str = "z6MkrJVnaZkeFzdQyMZu1cgjg7k1pZZ6pvBQ7XJPt4swbTQ2";
    const PRIVATE_KEY: &str = "z3u2en7t5LR2WtQH5PfFqMqwVHBeXouLzo6haApm8XHqvjxq";
    const HASH_DATA: &str = "66ab154f5c2890a140cb8388a22a160454f80575f6eae09e5a097cabe539a1db\
                             59b7cb6251b8991add1ce0bc83107e3db9dbbab5bd2c28f687db1a03abc92f19";
    const PROOF_VALUE: &str =
        "z2HnFSSPPBzR36zdDgK8PbEHeXbR56YF24jwMpt3R1eHXQzJDMWS93FCzpvJpwTWd3GAVFuUfjoJdcnTMuVor51aX";

    fn unsigned() -> Value {
        json!({
            "@context": ["https://www.w3.org/ns/credentials/v2", "https://www.w3.org/ns/credentials/examples/v2"],
            "id": "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
            "type": ["VerifiableCredential", "AlumniCredential"],
            "name": "Alumni Credential",
            "description": "A minimum viable example of an Alumni Credential.",
            "issuer": "https://vc.example/issuers/5678",
            "validFrom": "2023-01-01T00:00:00Z",
            "credentialSubject": {"id": "did:example:abcdefgh", "alumniOf": "The School of Examples"},
        })
    }

    fn signed() -> Value {
        let key = multikey::private_from_text(PRIVATE_KEY).unwrap();
        let method = format!("did:key:{PUBLIC_KEY}#{PUBLIC_KEY}");
        sign(&unsigned(), &key, &method, DateTime::parse("2023-02-24T23:36:38Z").unwrap()).unwrap()
    }

    #[test]
    fn the_published_vector() {
        assert_eq!(signed()["proof"]["proofValue"], PROOF_VALUE);
        let mut proof = signed()["proof"].clone();
        proof.as_object_mut().unwrap().remove("proofValue");
        let data = hash_data(&to_canonical(&unsigned()).unwrap(), &to_canonical(&proof).unwrap());
        assert_eq!(hex::encode(data), HASH_DATA);
        let key = multikey::private_from_text(PRIVATE_KEY).unwrap();
        assert_eq!(multikey::public_to_text(&key.verifying_key()), PUBLIC_KEY);
        assert_eq!(multikey::private_to_text(&key), PRIVATE_KEY);
        assert_eq!(verify(&Json::from(&signed()), &multikey::public_from_text(PUBLIC_KEY).unwrap()), Ok(()));
    }

    #[test]
    fn whatever_is_altered_is_found() {
        let key = multikey::public_from_text(PUBLIC_KEY).unwrap();
        let alter = |pointer: &str, value: Value| {
            let mut document = signed();
            *document.pointer_mut(pointer).unwrap() = value;
            verify(&Json::from(&document), &key)
        };
        assert_eq!(alter("/name", "Alumni credential".into()), Err(ProofError::Signature));
        assert_eq!(alter("/credentialSubject/alumniOf", "Elsewhere".into()), Err(ProofError::Signature));
        assert_eq!(alter("/proof/created", "2023-02-24T23:36:39Z".into()), Err(ProofError::Signature));
        assert_eq!(alter("/proof/proofPurpose", "authentication".into()), Err(ProofError::Signature));
        assert_eq!(alter("/proof/@context", json!([])), Err(ProofError::Context));
        assert_eq!(alter("/proof/proofValue", "z".into()), Err(ProofError::Encoding));
        assert_eq!(alter("/proof/proofValue", PROOF_VALUE[1..].into()), Err(ProofError::Encoding));
        assert_eq!(alter("/proof/proofValue", "z1".repeat(40_000).into()), Err(ProofError::Encoding));
        assert_eq!(alter("/proof", json!([])), Err(ProofError::Absent));
        assert_eq!(verify(&Json::from(&unsigned()), &key), Err(ProofError::Absent));
        assert_eq!(verify(&Json::from("text"), &key), Err(ProofError::Document));
    }

    /// With a key of small order one signature verifies for many documents: such a key is no key.
    #[test]
    fn weak_keys_are_refused() {
        let mut identity = [0u8; 32];
        identity[0] = 1;
        for bytes in [[0; 32], identity] {
            let text = format!("z{}", bs58::encode([&[0xed, 0x01][..], &bytes].concat()).into_string());
            assert_eq!(multikey::public_from_text(&text), None);
        }
        for text in ["", "z", "z6Mk", PRIVATE_KEY, &PUBLIC_KEY[1..], &"z6".repeat(10_000)] {
            assert_eq!(multikey::public_from_text(text), None);
        }
    }

    #[test]
    fn a_signed_document_is_not_signed_again() {
        let key = multikey::private_from_text(PRIVATE_KEY).unwrap();
        let again = sign(&signed(), &key, "did:web:x#y", DateTime::from_seconds(0));
        assert_eq!(again, Err(ProofError::Signed));
    }
}
