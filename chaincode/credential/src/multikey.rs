//! Ed25519 keys as text: W3C Controlled Identifiers' Multikey, base58btc with a two-byte header.

use ed25519_dalek::{SigningKey, VerifyingKey};

/// `ed25519-pub` of the multicodec table, as a varint.
const PUBLIC_HEADER: [u8; 2] = [0xed, 0x01];

/// `ed25519-priv` of the multicodec table, as a varint.
const PRIVATE_HEADER: [u8; 2] = [0x80, 0x26];

/// `z6Mk…`
pub fn public_to_text(key: &VerifyingKey) -> String {
    to_text(PUBLIC_HEADER, key.as_bytes())
}

/// Only the one spelling of a key, and no key under which a signature means nothing (a point of small order).
pub fn public_from_text(text: &str) -> Option<VerifyingKey> {
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
