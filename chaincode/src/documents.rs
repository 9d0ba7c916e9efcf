//! Checked documents, since a process that serves peers of several organisations is asked about the same one by each,
//! within milliseconds; see `docs/adr/0024-checked-documents.md`.

use std::sync::Arc;

use bytes::Bytes;
use certificate::{
    document::{SignedDocument, check_signed},
    refusal::Violation,
};
use fabric::cache;
use quick_cache::{Weighter, sync::Cache};

use crate::limits::{DOCUMENT_CACHE_BYTES, DOCUMENT_CACHE_ENTRIES};

/// At the end of a document stands its signature, which no other document has.
const ENDING: usize = 512;

/// What a document takes beside its text: its fields, decoded.
const DECODED_BYTES: usize = 4 << 10;

/// Documents that break no rule, by their endings: no look-up reads a whole document but the one that it finds. Its owner
/// is the server.
pub(crate) struct CheckedDocuments(Cache<Bytes, Checked, CheckedBytes>);

#[derive(Clone)]
struct Checked {
    text: Bytes,
    signed: Arc<SignedDocument>,
}

#[derive(Clone)]
struct CheckedBytes;

impl Weighter<Bytes, Checked> for CheckedBytes {
    fn weight(&self, _: &Bytes, checked: &Checked) -> u64 {
        (checked.text.len() + DECODED_BYTES) as u64
    }
}

impl CheckedDocuments {
    pub fn new() -> Self {
        Self(cache::of_recent(DOCUMENT_CACHE_ENTRIES, DOCUMENT_CACHE_BYTES, Some(1), CheckedBytes))
    }

    /// What [`check_signed`] says, which depends on the bytes alone.
    pub fn check(&self, bytes: &[u8]) -> Result<Arc<SignedDocument>, Vec<Violation>> {
        let Self(cache) = self;
        if let Some(known) = cache.get(ending(bytes))
            && known.text == bytes
        {
            return Ok(known.signed);
        }
        let signed = Arc::new(check_signed(bytes)?);
        let text = Bytes::copy_from_slice(bytes);
        cache.insert(text.slice_ref(ending(&text)), Checked { text: text.clone(), signed: signed.clone() });
        Ok(signed)
    }
}

fn ending(bytes: &[u8]) -> &[u8] {
    bytes.get(bytes.len().saturating_sub(ENDING)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Instant;

    use certificate::{
        Code, DateTime, canonical, demo,
        document::{Issuer, LedgerBinding, StatusEntry, Validity},
        draft::Particulars,
        multikey, proof,
    };

    use super::*;

    fn signed(number: u8) -> Vec<u8> {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let now = DateTime::parse("2026-11-21T12:00:00Z").unwrap();
        let document = demo::document(&Particulars {
            code: Code::from_random([number; 16]),
            issuer: Issuer { id: "did:web:certbody.example".into(), name: "CertBody".into() },
            ledger: LedgerBinding {
                channel: "nanotrace".into(),
                genesis: format!("sha256:{}", "ab".repeat(32)),
            },
            status: StatusEntry { lists: "https://certbody.example/status".into(), list: 0, index: 8 },
            decided: now,
            validity: Validity { from: now, until: now.plus_days(365) },
        });
        let method = format!("did:web:certbody.example#{}", multikey::public_to_text(&key.verifying_key()));
        canonical::to_canonical(&proof::sign(&document, &key, &method, now).unwrap()).unwrap()
    }

    /// A document that differs long before its ending is checked by itself.
    #[test]
    fn the_same_bytes_alone_are_known() {
        let (documents, good) = (CheckedDocuments::new(), signed(8));
        let (first, again) = (documents.check(&good).unwrap(), documents.check(&good).unwrap());
        assert!(Arc::ptr_eq(&first, &again));
        let altered = String::from_utf8(good).unwrap().replacen("CertBody", "Certbody", 1).into_bytes();
        assert!(documents.0.get(ending(&altered)).is_some());
        let violations = documents.check(&altered).unwrap_err();
        assert!(
            violations.iter().any(|violation| violation.pointer == "/proof/proofValue"),
            "{violations:?}"
        );
    }

    #[test]
    fn what_is_kept_is_bounded_and_the_latest_is_there() {
        let documents = CheckedDocuments::new();
        let checked = documents.check(&signed(8)).unwrap();
        let cache = &documents.0;
        let text = |number: u32| Bytes::from([&[b'x'; 60_000][..], &number.to_be_bytes()].concat());
        for number in 0..1000 {
            cache.insert(text(number), Checked { text: text(number), signed: checked.clone() });
        }
        assert!(cache.weight() <= DOCUMENT_CACHE_BYTES);
        assert!((960..1000).all(|number| cache.get(&text(number)).is_some()));
    }

    /// A figure of ADR 24: `cargo test --release -p chaincode what_a_check_costs -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn what_a_check_costs() {
        let (documents, document) = (CheckedDocuments::new(), signed(8));
        documents.check(&document).unwrap();
        let time = |check: &dyn Fn()| {
            let begun = Instant::now();
            (0..500).for_each(|_| check());
            begun.elapsed() / 500
        };
        for _ in 0..5 {
            let checked = time(&|| drop(check_signed(&document).unwrap()));
            let known = time(&|| drop(documents.check(&document).unwrap()));
            println!("{} bytes: checked in {checked:?}, known in {known:?}", document.len());
        }
    }
}
