//! Remembers signed documents that break no rule, since a process that serves peers of several organisations is
//! asked about the same one by each, within milliseconds.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use recent::Recent;

use super::{SignedDocument, check_signed};
use crate::refusal::Violation;

/// Half of them at least are kept, about as many as proposals are in progress at one time; at most 3 MB of usual
/// documents, 34 MB of the longest.
const CAPACITY: usize = 512;

/// At the end of a document stands its signature, which no other document has.
const ENDING: usize = 512;

/// By the ending alone, so that no look-up reads a whole document but the one that it finds.
static GOOD: LazyLock<Recent<Bytes, Good>> = LazyLock::new(|| Recent::new(CAPACITY));

#[derive(Clone)]
struct Good {
    text: Bytes,
    checked: Arc<SignedDocument>,
}

/// What [`check_signed`] says, which depends on the bytes alone.
pub fn check_signed_once(bytes: &[u8]) -> Result<Arc<SignedDocument>, Vec<Violation>> {
    if let Some(good) = GOOD.get(ending(bytes))
        && good.text == bytes
    {
        return Ok(good.checked);
    }
    let checked = Arc::new(check_signed(bytes)?);
    let text = Bytes::copy_from_slice(bytes);
    GOOD.insert(text.slice_ref(ending(&text)), Good { text: text.clone(), checked: checked.clone() });
    Ok(checked)
}

fn ending(bytes: &[u8]) -> &[u8] {
    bytes.get(bytes.len().saturating_sub(ENDING)..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::code::Code;
    use crate::date_time::DateTime;
    use crate::document::{Issuer, LedgerBinding, StatusEntry, Validity};
    use crate::draft::Particulars;
    use crate::{canonical, demo, multikey, proof};

    fn signed() -> Vec<u8> {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let now = DateTime::parse("2026-11-21T12:00:00Z").unwrap();
        let document = demo::document(&Particulars {
            code: Code::from_random([8; 16]),
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

    /// Also a document that differs long before its ending is checked anew.
    #[test]
    fn the_same_bytes_alone_are_remembered() {
        let good = signed();
        let (first, again) = (check_signed_once(&good).unwrap(), check_signed_once(&good).unwrap());
        assert!(Arc::ptr_eq(&first, &again));
        let altered = String::from_utf8(good).unwrap().replacen("CertBody", "Certbody", 1).into_bytes();
        assert!(GOOD.get(ending(&altered)).is_some());
        let violations = check_signed_once(&altered).unwrap_err();
        assert!(
            violations.iter().any(|violation| violation.pointer == "/proof/proofValue"),
            "{violations:?}"
        );
    }
}
