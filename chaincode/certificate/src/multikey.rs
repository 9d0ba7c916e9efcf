//! Ed25519 keys as text: W3C Controlled Identifiers' Multikey, base58btc with a two-byte header.

use std::sync::LazyLock;

use ed25519_dalek::{SigningKey, VerifyingKey};
use recent::Recent;

/// `ed25519-pub` of the multicodec table, as a varint.
const PUBLIC_HEADER: [u8; 2] = [0xed, 0x01];

/// `ed25519-priv` of the multicodec table, as a varint.
const PRIVATE_HEADER: [u8; 2] = [0x80, 0x26];

/// A handful of keys sign all documents, and to find the point that a key stands for takes a fifth of the time of
/// verifying a signature.
static PUBLIC_KEYS: LazyLock<Recent<String, VerifyingKey>> = LazyLock::new(|| Recent::new(64));

/// `z6Mk…`
pub fn public_to_text(key: &VerifyingKey) -> String {
    to_text(PUBLIC_HEADER, key.as_bytes())
}

/// Only the one spelling of a key, and no key under which a signature means nothing (a point of small order).
pub fn public_from_text(text: &str) -> Option<VerifyingKey> {
    if let Some(key) = PUBLIC_KEYS.get(text) {
        return Some(key);
    }
    let key = decoded_public_key(text)?;
    PUBLIC_KEYS.insert(text.to_owned(), key);
    Some(key)
}

fn decoded_public_key(text: &str) -> Option<VerifyingKey> {
    let key = VerifyingKey::from_bytes(&from_text(PUBLIC_HEADER, text)?).ok()?;
    (!key.is_weak() && public_to_text(&key) == text).then_some(key)
}

/// `z3u2…`: a secret.
pub fn private_to_text(key: &SigningKey) -> String {
    to_text(PRIVATE_HEADER, key.as_bytes())
}

pub fn private_from_text(text: &str) -> Option<SigningKey> {
    Some(SigningKey::from_bytes(&from_text(PRIVATE_HEADER, text)?))
}

fn to_text(header: [u8; 2], key: &[u8; 32]) -> String {
    format!("z{}", bs58::encode([&header[..], key].concat()).into_string())
}

fn from_text(header: [u8; 2], text: &str) -> Option<[u8; 32]> {
    let encoded = text.strip_prefix('z')?;
    // 34 bytes are at most 47 characters; decoding takes time quadratic in the length.
    if encoded.len() > 48 {
        return None;
    }
    let bytes = bs58::decode(encoded).into_vec().ok()?;
    bytes.strip_prefix(&header)?.try_into().ok()
}
