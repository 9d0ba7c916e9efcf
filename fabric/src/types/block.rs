//! Block hashes (`protoutil/blockutils.go`).

use sha2::{Digest, Sha256};

use crate::proto::common::{BlockHeader, BlockMetadataIndex};

/// The least number of metadata entries a block carries; a peer refuses fewer.
pub const METADATA_ENTRIES: usize = 5;
/// Index of the orderer's signatures in a block's metadata.
pub const SIGNATURES: usize = BlockMetadataIndex::Signatures as usize;
/// Index of the validation codes, one byte a transaction.
pub const TRANSACTIONS_FILTER: usize = BlockMetadataIndex::TransactionsFilter as usize;
/// Index of the commit hash, a `Metadata` whose value is the hash.
pub const COMMIT_HASH: usize = BlockMetadataIndex::CommitHash as usize;

/// The header as it is hashed and signed: DER SEQUENCE of INTEGER and two OCTET STRINGs.
pub fn header_bytes(header: &BlockHeader) -> Vec<u8> {
    let mut body = Vec::with_capacity(80);
    let number = header.number.to_be_bytes();
    let first = number.iter().position(|byte| *byte != 0).unwrap_or(7);
    let significant = number.get(first..).unwrap_or_default();
    // A DER INTEGER is signed: a set high bit needs a leading zero.
    let pad = significant.first().is_some_and(|byte| byte & 0x80 != 0);
    body.extend([0x02, (significant.len() + usize::from(pad)) as u8]);
    if pad {
        body.push(0);
    }
    body.extend(significant);
    for octets in [&header.previous_hash, &header.data_hash] {
        body.push(0x04);
        push_length(&mut body, octets.len());
        body.extend_from_slice(octets);
    }
    let mut out = vec![0x30];
    push_length(&mut out, body.len());
    out.extend(body);
    out
}

/// SHA-256 of [`header_bytes`]: the hash the next block names as its previous one.
pub fn header_hash(header: &BlockHeader) -> [u8; 32] {
    Sha256::digest(header_bytes(header)).into()
}

/// SHA-256 of all envelopes, one after the other.
pub fn data_hash<D: AsRef<[u8]>>(data: &[D]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for envelope in data {
        hash.update(envelope);
    }
    hash.finalize().into()
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    if length < 0x80 {
        out.push(length as u8);
        return;
    }
    let bytes = length.to_be_bytes();
    let significant: Vec<u8> = bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
    out.push(0x80 | significant.len() as u8);
    out.extend(significant);
}
