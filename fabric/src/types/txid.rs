//! Transaction ids.

use sha2::{Digest, Sha256};

/// Lower-case hex of SHA-256 over nonce and creator (`protoutil/proputils.go`, `ComputeTxID`).
pub fn compute(nonce: &[u8], creator: &[u8]) -> String {
    hex::encode(Sha256::new().chain_update(nonce).chain_update(creator).finalize())
}

/// Whether a text could be a transaction id at all: 64 hexadecimal digits.
pub fn is_well_formed(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}
