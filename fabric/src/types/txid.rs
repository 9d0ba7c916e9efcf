//! Transaction ids.

use sha2::{Digest, Sha256};

/// Lower-case hex of SHA-256 over nonce and creator (`protoutil/proputils.go`, `ComputeTxID`).
pub fn compute(nonce: &[u8], creator: &[u8]) -> String {
    hex::encode(Sha256::new().chain_update(nonce).chain_update(creator).finalize())
}
