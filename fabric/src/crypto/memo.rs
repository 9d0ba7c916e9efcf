//! What this process has verified already, so that no signature is verified twice.
//!
//! In the embedded mode one process endorses, orders and validates: it meets the same client signature up
//! to three times, and the endorsements that it made itself. Verification is a pure function of key,
//! message and signature, so an answer may be kept; only good answers are.

use recent::Recent;
use sha2::{Digest, Sha256};

use super::{PrivateKey, PublicKey, SignatureError, SigningError, hashed::Hashed};

/// A bounded set of (key, message, signature) that hold.
#[derive(Debug)]
pub struct SignatureMemo {
    good: Recent<[u8; 32], ()>,
}

impl SignatureMemo {
    /// Keeps at most `capacity` signatures, and at least the last half of that; each costs some 50 bytes.
    pub fn new(capacity: usize) -> Self {
        Self { good: Recent::new(capacity) }
    }

    /// Keeps nothing: every signature is verified each time.
    pub fn disabled() -> Self {
        Self::new(0)
    }

    /// Verifies unless this very signature was found good before.
    pub fn verify(
        &self,
        key: &PublicKey,
        message: &Hashed<impl AsRef<[u8]>>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let name = name(key, message, signature);
        if self.good.get(&name).is_some() {
            return Ok(());
        }
        key.verify_hashed(message, signature)?;
        self.good.insert(name, ());
        Ok(())
    }

    /// Signs, and knows the signature from now on.
    pub fn sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let message = Hashed::of(message);
        let signature = key.sign_hashed(&message)?;
        self.good.insert(name(&key.public_key(), &message, &signature), ());
        Ok(signature)
    }
}

/// Key and message are of fixed length here, so no two triples run together.
fn name(key: &PublicKey, message: &Hashed<impl AsRef<[u8]>>, signature: &[u8]) -> [u8; 32] {
    let hash = Sha256::new().chain_update(key.fingerprint()).chain_update(message.sha256());
    hash.chain_update(signature).finalize().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_signature_is_known() {
        let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let memo = SignatureMemo::new(10);
        // A lie, to see that the memo and not the curve answers.
        memo.good.insert(name(&key.public_key(), &Hashed::of(b"message"), b"signature"), ());
        assert!(memo.verify(&key.public_key(), &Hashed::of(b"message"), b"signature").is_ok());
        assert!(memo.verify(&key.public_key(), &Hashed::of(b"messages"), b"ignature").is_err());
        assert!(memo.verify(&key.public_key(), &Hashed::of(b"message"), b"other").is_err());
        assert!(memo.verify(&other.public_key(), &Hashed::of(b"message"), b"signature").is_err());
    }

    #[test]
    fn a_bad_signature_is_not_kept_and_a_good_one_is() {
        let key = PrivateKey::generate().unwrap();
        let memo = SignatureMemo::new(10);
        assert!(memo.verify(&key.public_key(), &Hashed::of(b"m"), b"s").is_err());
        assert!(memo.verify(&key.public_key(), &Hashed::of(b"m"), b"s").is_err());
        let signature = key.sign(b"m").unwrap();
        memo.verify(&key.public_key(), &Hashed::of(b"m"), &signature).unwrap();
        assert!(memo.good.get(&name(&key.public_key(), &Hashed::of(b"m"), &signature)).is_some());
    }

    #[test]
    fn an_own_signature_holds_and_is_known() {
        let key = PrivateKey::generate().unwrap();
        let memo = SignatureMemo::new(10);
        let signature = memo.sign(&key, b"m").unwrap();
        key.public_key().verify(b"m", &signature).unwrap();
        assert!(memo.good.get(&name(&key.public_key(), &Hashed::of(b"m"), &signature)).is_some());
    }

    #[test]
    fn disabled_keeps_nothing() {
        let key = PrivateKey::generate().unwrap();
        let memo = SignatureMemo::disabled();
        let signature = memo.sign(&key, b"m").unwrap();
        let name = name(&key.public_key(), &Hashed::of(b"m"), &signature);
        assert!(memo.good.get(&name).is_none());
    }
}
