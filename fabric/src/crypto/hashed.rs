//! A message with its hash, so that it is hashed once however often its signature is asked for.

use aws_lc_rs::digest::{Digest, SHA256, digest};

/// What is signed: ECDSA takes the SHA-256, Ed25519 the message itself.
#[derive(Clone, Debug)]
pub struct Hashed<M> {
    message: M,
    sha256: Digest,
}

impl<M: AsRef<[u8]>> Hashed<M> {
    pub fn of(message: M) -> Self {
        let sha256 = digest(&SHA256, message.as_ref());
        Self { message, sha256 }
    }

    pub fn message(&self) -> &M {
        &self.message
    }

    pub(super) fn sha256(&self) -> &Digest {
        &self.sha256
    }
}
