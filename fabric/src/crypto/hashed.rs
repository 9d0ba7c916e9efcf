//! A message with its hash, so that nobody hashes it twice.

use aws_lc_rs::digest::{Digest, SHA256, digest};

/// What is signed: ECDSA takes the SHA-256, Ed25519 the message itself.
pub(super) struct Hashed<'a> {
    pub message: &'a [u8],
    pub sha256: Digest,
}

impl<'a> Hashed<'a> {
    pub fn of(message: &'a [u8]) -> Self {
        Self { message, sha256: digest(&SHA256, message) }
    }
}
