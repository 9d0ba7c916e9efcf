//! Ids, codes and places that cannot be guessed and every run finds again: drawn from the issuer key.

use certificate::{Code, document::STATUS_LIST_ENTRIES};
use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};

/// An id or a code for `purpose`. It can be dictated and fits a QR symbol's alphanumeric mode.
pub fn code(key: &SigningKey, genesis: &str, purpose: &str) -> Code {
    let mut round = 0_u32;
    loop {
        let digest = digest(key, genesis, &format!("{purpose} {round}"));
        let bytes = digest.first_chunk().copied().unwrap_or_default();
        let code = Code::from_random(bytes);
        if code.is_plain() {
            return code;
        }
        round += 1;
    }
}

/// A place in a status list.
pub fn index(key: &SigningKey, genesis: &str, purpose: &str) -> u32 {
    let digest = digest(key, genesis, purpose);
    u32::from_be_bytes(digest.first_chunk().copied().unwrap_or_default()) % STATUS_LIST_ENTRIES
}

fn digest(key: &SigningKey, genesis: &str, purpose: &str) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"nanotrace demonstration\0");
    hash.update(key.to_bytes());
    hash.update(genesis.as_bytes());
    hash.update([0]);
    hash.update(purpose.as_bytes());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_depends_on_key_ledger_and_purpose_alone() {
        let [one, other] = [1, 2].map(|byte| SigningKey::from_bytes(&[byte; 32]));
        let drawn = code(&one, "sha256:00", "application NM-101 0");
        assert_eq!(drawn, code(&one, "sha256:00", "application NM-101 0"));
        for differing in [
            code(&other, "sha256:00", "application NM-101 0"),
            code(&one, "sha256:01", "application NM-101 0"),
            code(&one, "sha256:00", "application NM-101 1"),
        ] {
            assert_ne!(drawn, differing);
        }
        assert_eq!(Code::from_urn(&drawn.to_urn()), Some(drawn));
        assert!(index(&one, "sha256:00", "NM-101") < STATUS_LIST_ENTRIES);
    }
}
