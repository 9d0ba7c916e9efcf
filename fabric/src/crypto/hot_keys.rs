//! Hot keys: those on P-256 that verify most, as a channel's peers and clients have them (ADR 12).

use std::{
    fmt,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use aws_lc_rs::{
    digest::Digest,
    signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey},
};
use quick_cache::{Weighter, sync::Cache};

use super::{
    SignatureError,
    ecdsa::Signature,
    fixed_base::{FixedBaseTable, holds},
};

/// So many verifications pay for the table, even if it is soon evicted.
const PRECOMPUTE_AFTER_USES: u32 = 5_000;
/// How many keys have a table at most.
const TABLES: usize = 32;

/// A key that AWS-LC verifies with, or, once it is hot, the table of its multiples.
pub(super) struct P256Key {
    /// In SEC 1's uncompressed form.
    point: [u8; 65],
    library: ParsedPublicKey,
    /// The number of the next verification that finds no table; the first is number one.
    uses: AtomicU32,
}

impl P256Key {
    /// From a point of the curve in SEC 1's uncompressed form.
    pub fn new(point: &[u8]) -> Option<Self> {
        let library = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).ok()?;
        Some(Self { point: point.try_into().ok()?, library, uses: AtomicU32::new(1) })
    }

    pub fn verify(
        &self,
        digest: &Digest,
        signature: Signature<'_>,
        hot_keys: Option<&HotKeys>,
    ) -> Result<(), SignatureError> {
        let holds = match hot_keys.and_then(|hot_keys| Some((hot_keys.table(self)?, hot_keys.base()))) {
            Some((table, base)) => holds(base, &table, digest.as_ref(), signature),
            None => self.library.verify_digest_sig(digest, &signature.to_der()).is_ok(),
        };
        if holds { Ok(()) } else { Err(SignatureError::Mismatch) }
    }
}

/// The tables of hot keys: at most 32, 19 MB.
pub(super) struct HotKeys {
    base: OnceLock<FixedBaseTable>,
    tables: Cache<[u8; 65], Arc<FixedBaseTable>, TableBytes>,
}

#[derive(Clone)]
struct TableBytes;

impl Weighter<[u8; 65], Arc<FixedBaseTable>> for TableBytes {
    fn weight(&self, _: &[u8; 65], _: &Arc<FixedBaseTable>) -> u64 {
        FixedBaseTable::BYTES as u64
    }
}

impl HotKeys {
    pub fn new() -> Self {
        let tables = Cache::with_weighter(TABLES, (TABLES * FixedBaseTable::BYTES) as u64, TableBytes);
        Self { base: OnceLock::new(), tables }
    }

    fn base(&self) -> &FixedBaseTable {
        self.base.get_or_init(FixedBaseTable::of_generator)
    }

    /// The key's table, which is made where the key has become hot.
    fn table(&self, key: &P256Key) -> Option<Arc<FixedBaseTable>> {
        if let Some(table) = self.tables.get(&key.point) {
            return Some(table);
        }
        if !key.uses.fetch_add(1, Relaxed).is_multiple_of(PRECOMPUTE_AFTER_USES) {
            return None;
        }
        let table = Arc::new(FixedBaseTable::of_encoded(&key.point)?);
        self.tables.insert(key.point, Arc::clone(&table));
        Some(table)
    }
}

impl fmt::Debug for HotKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HotKeys({})", self.tables.len())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use aws_lc_rs::digest::{SHA256, digest};

    use super::*;
    use crate::crypto::PrivateKey;

    fn public(key: &PrivateKey) -> P256Key {
        P256Key::new(key.public_key().spki_der().last_chunk::<65>().unwrap()).unwrap()
    }

    #[test]
    fn a_key_becomes_hot_and_its_verdicts_stay() {
        let (key, digest) = (PrivateKey::generate().unwrap(), digest(&SHA256, b"message"));
        let (good, bad) = (key.sign(b"message").unwrap(), key.sign(b"another").unwrap());
        let (key, hot_keys) = (public(&key), HotKeys::new());
        let verify = |signature| key.verify(&digest, Signature::parse(signature).unwrap(), Some(&hot_keys));
        for _ in 0..PRECOMPUTE_AFTER_USES {
            assert!(verify(&good).is_ok());
            assert!(hot_keys.tables.get(&key.point).is_some() || verify(&bad).is_err());
        }
        assert!(hot_keys.tables.get(&key.point).is_some());
        assert!(verify(&good).is_ok() && verify(&bad).is_err());
    }

    #[test]
    fn tables_are_bounded() {
        let hot_keys = HotKeys::new();
        let table = Arc::new(FixedBaseTable::of_generator());
        (0..100).for_each(|number| hot_keys.tables.insert([number; 65], Arc::clone(&table)));
        assert!((TABLES / 2..=TABLES).contains(&hot_keys.tables.len()), "{hot_keys:?}");
    }
}
