//! What this process has verified already, so that no signature is verified twice.
//!
//! In the embedded mode one process endorses, orders and validates: it meets the same client signature up
//! to three times, and the endorsements that it made itself. Verification is a pure function of key,
//! message and signature, so an answer may be kept; only good answers are.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use sha2::{Digest, Sha256};

use super::{PublicKey, SignatureError};

/// A bounded set of (key, message, signature) that hold.
#[derive(Debug)]
pub struct SignatureMemo {
    half: usize,
    generations: Mutex<Generations>,
}

/// The older half is dropped whole when the younger one is full: no entry costs more than its 32 bytes,
/// and no lookup has to write.
#[derive(Debug, Default)]
struct Generations {
    young: HashSet<[u8; 32]>,
    old: HashSet<[u8; 32]>,
}

impl SignatureMemo {
    /// Keeps at most `capacity` signatures, and at least the last half of that.
    pub fn new(capacity: usize) -> Self {
        Self { half: capacity / 2, generations: Mutex::default() }
    }

    /// Keeps nothing: every signature is verified each time.
    pub fn disabled() -> Self {
        Self::new(0)
    }

    /// Verifies unless this very signature was found good before.
    pub fn verify(&self, key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        if self.half == 0 {
            return key.verify(message, signature);
        }
        let name = name(key, message, signature);
        if self.knows(&name) {
            return Ok(());
        }
        key.verify(message, signature)?;
        self.add(name);
        Ok(())
    }

    /// Notes a signature that this process has just made with the key's own private half.
    pub fn remember(&self, key: &PublicKey, message: &[u8], signature: &[u8]) {
        if self.half > 0 {
            self.add(name(key, message, signature));
        }
    }

    fn knows(&self, name: &[u8; 32]) -> bool {
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.contains(name) || generations.old.contains(name)
    }

    fn add(&self, name: [u8; 32]) {
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        generations.young.insert(name);
        if generations.young.len() >= self.half {
            generations.old = std::mem::take(&mut generations.young);
        }
    }
}

/// Key and message are of fixed length here, so no two triples run together.
fn name(key: &PublicKey, message: &[u8], signature: &[u8]) -> [u8; 32] {
    let hash = Sha256::new().chain_update(key.fingerprint()).chain_update(Sha256::digest(message));
    hash.chain_update(signature).finalize().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::crypto::PrivateKey;

    #[test]
    fn only_the_very_signature_is_known() {
        let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let memo = SignatureMemo::new(10);
        // A lie, to see that the memo and not the curve answers.
        memo.remember(&key.public_key(), b"message", b"signature");
        assert!(memo.verify(&key.public_key(), b"message", b"signature").is_ok());
        assert!(memo.verify(&key.public_key(), b"messages", b"ignature").is_err());
        assert!(memo.verify(&key.public_key(), b"message", b"other").is_err());
        assert!(memo.verify(&other.public_key(), b"message", b"signature").is_err());
    }

    #[test]
    fn a_bad_signature_is_not_kept_and_a_good_one_is() {
        let key = PrivateKey::generate().unwrap();
        let memo = SignatureMemo::new(10);
        assert!(memo.verify(&key.public_key(), b"m", b"s").is_err());
        assert!(memo.verify(&key.public_key(), b"m", b"s").is_err());
        let signature = key.sign(b"m");
        memo.verify(&key.public_key(), b"m", &signature).unwrap();
        assert!(memo.knows(&name(&key.public_key(), b"m", &signature)));
    }

    #[test]
    fn it_is_bounded_and_keeps_the_latest_half() {
        let key = PrivateKey::generate().unwrap().public_key();
        let memo = SignatureMemo::new(8);
        for index in 0..100_u8 {
            memo.remember(&key, &[index], b"");
        }
        let known = (0..100).filter(|index| memo.knows(&name(&key, &[*index], b""))).collect::<Vec<u8>>();
        assert!(known.len() <= 8 && known.contains(&99) && known.contains(&96), "{known:?}");
    }

    #[test]
    fn disabled_keeps_nothing() {
        let key = PrivateKey::generate().unwrap().public_key();
        let memo = SignatureMemo::disabled();
        memo.remember(&key, b"m", b"s");
        assert!(memo.verify(&key, b"m", b"s").is_err());
    }
}
