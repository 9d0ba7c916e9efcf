//! What a process verified already, so that no signature is verified twice.
//!
//! In the embedded mode one process endorses, orders and validates: it meets the same client signature up
//! to three times, and the endorsements that it made itself. Verification is a pure function of key,
//! message and signature, so an answer may be kept; only good answers are.

use quick_cache::{Weighter, sync::Cache};
use sha2::{Digest, Sha256};

use super::{PrivateKey, PublicKey, SignatureError, SigningError, hashed::Hashed};
use crate::cache;

/// Verifies signatures, and keeps a bounded set of (key, message, signature) that hold. Its owner is a node, a follower
/// or a replay.
#[derive(Debug)]
pub struct VerifiedSignatureCache {
    good: Option<Good>,
}

type Name = [u8; 32];
type Good = Cache<Name, (), EntryBytes>;

/// What an entry takes: its name twice, the second time as what was evicted lately, with their places.
const ENTRY_BYTES: usize = 128;

#[derive(Clone)]
struct EntryBytes;

impl Weighter<Name, ()> for EntryBytes {
    fn weight(&self, _: &Name, _: &()) -> u64 {
        ENTRY_BYTES as u64
    }
}

impl VerifiedSignatureCache {
    /// Keeps signatures in about so many bytes, 128 for each.
    pub fn new(bytes: usize) -> Self {
        Self { good: Some(cache::of_recent(bytes / ENTRY_BYTES, bytes as u64, None, EntryBytes)) }
    }

    /// Keeps no signature: every one is verified each time.
    pub fn disabled() -> Self {
        Self { good: None }
    }

    /// Verifies unless this very signature was found good before.
    pub fn verify(
        &self,
        key: &PublicKey,
        message: &Hashed<impl AsRef<[u8]>>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        let Some(good) = &self.good else {
            return key.verify_hashed(message, signature);
        };
        let name = name(key, message, signature);
        if good.get(&name).is_some() {
            return Ok(());
        }
        key.verify_hashed(message, signature)?;
        good.insert(name, ());
        Ok(())
    }

    /// Signs, and knows the signature from now on.
    pub fn sign(&self, key: &PrivateKey, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let message = Hashed::of(message);
        let signature = key.sign_hashed(&message)?;
        if let Some(good) = &self.good {
            good.insert(name(&key.public_key(), &message, &signature), ());
        }
        Ok(signature)
    }
}

/// Key and message are of fixed length here, so no two triples run together.
fn name(key: &PublicKey, message: &Hashed<impl AsRef<[u8]>>, signature: &[u8]) -> Name {
    let hash = Sha256::new().chain_update(key.fingerprint()).chain_update(message.sha256());
    hash.chain_update(signature).finalize().into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing)]
mod tests {
    use super::*;

    const BYTES: usize = 100 * ENTRY_BYTES;

    fn keeps(cache: &VerifiedSignatureCache, key: &PrivateKey, message: &[u8], signature: &[u8]) -> bool {
        let name = name(&key.public_key(), &Hashed::of(message), signature);
        cache.good.as_ref().is_some_and(|good| good.get(&name).is_some())
    }

    #[test]
    fn only_the_very_signature_is_known() {
        let (key, other) = (PrivateKey::generate().unwrap(), PrivateKey::generate().unwrap());
        let cache = VerifiedSignatureCache::new(BYTES);
        // A lie, to see that the cache and not the curve answers.
        let lie = name(&key.public_key(), &Hashed::of(b"message"), b"signature");
        cache.good.as_ref().unwrap().insert(lie, ());
        assert!(cache.verify(&key.public_key(), &Hashed::of(b"message"), b"signature").is_ok());
        assert!(cache.verify(&key.public_key(), &Hashed::of(b"messages"), b"ignature").is_err());
        assert!(cache.verify(&key.public_key(), &Hashed::of(b"message"), b"other").is_err());
        assert!(cache.verify(&other.public_key(), &Hashed::of(b"message"), b"signature").is_err());
    }

    #[test]
    fn a_bad_signature_is_not_kept_and_a_good_one_is() {
        let key = PrivateKey::generate().unwrap();
        let cache = VerifiedSignatureCache::new(BYTES);
        assert!(cache.verify(&key.public_key(), &Hashed::of(b"m"), b"s").is_err());
        assert!(cache.verify(&key.public_key(), &Hashed::of(b"m"), b"s").is_err());
        let signature = key.sign(b"m").unwrap();
        cache.verify(&key.public_key(), &Hashed::of(b"m"), &signature).unwrap();
        assert!(keeps(&cache, &key, b"m", &signature));
    }

    #[test]
    fn an_own_signature_holds_and_is_known() {
        let key = PrivateKey::generate().unwrap();
        let cache = VerifiedSignatureCache::new(BYTES);
        let signature = cache.sign(&key, b"m").unwrap();
        key.public_key().verify(b"m", &signature).unwrap();
        assert!(keeps(&cache, &key, b"m", &signature));
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_latest_is_there() {
        let (cache, key) = (VerifiedSignatureCache::new(BYTES), PrivateKey::generate().unwrap());
        let message = |number: u32| number.to_be_bytes();
        let signatures: Vec<_> = (0..300).map(|number| cache.sign(&key, &message(number)).unwrap()).collect();
        let kept = |number: &u32| keeps(&cache, &key, &message(*number), &signatures[*number as usize]);
        assert!((0..300).filter(kept).count() <= 100);
        assert!((290..300).all(|number| kept(&number)));
    }

    #[test]
    fn disabled_keeps_nothing() {
        let key = PrivateKey::generate().unwrap();
        let cache = VerifiedSignatureCache::disabled();
        let signature = cache.sign(&key, b"m").unwrap();
        assert!(!keeps(&cache, &key, b"m", &signature));
        cache.verify(&key.public_key(), &Hashed::of(b"m"), &signature).unwrap();
    }
}
