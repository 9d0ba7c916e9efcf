//! Blocks that have a header, and block hashes (`protoutil/blockutils.go`).

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::decode::{DecodeError, decode};
use crate::{
    proto::common::{Block, BlockData, BlockHeader, BlockMetadata, BlockMetadataIndex, Metadata},
    wire::{FieldValue, Fields, WireError},
};

/// The least number of metadata entries a block carries; a peer refuses fewer.
pub const METADATA_ENTRIES: usize = 5;
/// Index of the orderer's signatures in a block's metadata.
pub const SIGNATURES: usize = BlockMetadataIndex::Signatures as usize;
/// Index of the validation codes, one byte a transaction.
pub const TRANSACTIONS_FILTER: usize = BlockMetadataIndex::TransactionsFilter as usize;
/// Index of the commit hash, a `Metadata` whose value is the hash.
pub const COMMIT_HASH: usize = BlockMetadataIndex::CommitHash as usize;

/// A block with a header. The message alone may come without one, and then has neither number nor hash.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadedBlock {
    /// That of `message`, which never changes.
    header: BlockHeader,
    message: Block,
}

/// Why bytes or a message are no [`HeadedBlock`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotABlock {
    #[error("the block has no header")]
    NoHeader,
    #[error(transparent)]
    Malformed(#[from] DecodeError),
}

impl HeadedBlock {
    /// A block put together from its parts; its data are `envelopes`.
    pub fn new(header: BlockHeader, envelopes: Vec<Bytes>, metadata: BlockMetadata) -> Self {
        let data = Some(BlockData { data: envelopes });
        let message = Block { header: Some(header.clone()), data, metadata: Some(metadata) };
        Self { header, message }
    }

    pub fn decode(bytes: Bytes) -> Result<Self, NotABlock> {
        Self::try_from(decode::<Block>(bytes)?)
    }

    pub fn header(&self) -> &BlockHeader {
        &self.header
    }

    pub fn number(&self) -> u64 {
        self.header.number
    }

    pub fn hash(&self) -> [u8; 32] {
        header_hash(&self.header)
    }

    /// The encoded envelopes of its transactions.
    pub fn envelopes(&self) -> &[Bytes] {
        self.message.data.as_ref().map(|data| data.data.as_slice()).unwrap_or_default()
    }

    /// The commit hash in the metadata, which peers write from Fabric 2.0 on; empty if there is none.
    ///
    /// # Errors
    /// Where an entry stands there that is no `Metadata`.
    pub fn commit_hash(&self) -> Result<Bytes, DecodeError> {
        self.metadata(COMMIT_HASH).map_or(Ok(Bytes::new()), |entry| commit_hash(entry.clone()))
    }

    /// The metadata entry at this index, if there is one.
    pub fn metadata(&self, index: usize) -> Option<&Bytes> {
        self.message.metadata.as_ref()?.metadata.get(index)
    }

    /// The message's metadata entries, at least [`METADATA_ENTRIES`] of them.
    pub fn metadata_mut(&mut self) -> &mut Vec<Bytes> {
        let entries = &mut self.message.metadata.get_or_insert_with(BlockMetadata::default).metadata;
        if entries.len() < METADATA_ENTRIES {
            entries.resize(METADATA_ENTRIES, Bytes::new());
        }
        entries
    }

    pub fn message(&self) -> &Block {
        &self.message
    }

    pub fn into_message(self) -> Block {
        self.message
    }
}

impl TryFrom<Block> for HeadedBlock {
    type Error = NotABlock;

    fn try_from(message: Block) -> Result<Self, NotABlock> {
        let header = message.header.clone().ok_or(NotABlock::NoHeader)?;
        Ok(Self { header, message })
    }
}

/// The commit hash that an entry of a block's metadata holds; empty if the entry is.
///
/// # Errors
/// Where it is no `Metadata`.
pub fn commit_hash(entry: Bytes) -> Result<Bytes, DecodeError> {
    Ok(decode::<Metadata>(entry)?.value)
}

/// The envelopes in an encoded block, each with the offset at which its first byte stands (`Block.data`, `BlockData.data`).
pub fn envelopes_in(encoded: &Bytes) -> Result<Vec<(usize, Bytes)>, WireError> {
    let mut envelopes = Vec::new();
    for (start, data) in messages(encoded, 2)? {
        let within = messages(&data, 1)?.into_iter();
        envelopes.extend(within.map(|(offset, envelope)| (start + offset, envelope)));
    }
    Ok(envelopes)
}

/// The length-delimited fields of this number in a message, each with the offset at which its value begins.
fn messages(message: &Bytes, number: u32) -> Result<Vec<(usize, Bytes)>, WireError> {
    let (mut found, mut end) = (Vec::new(), 0);
    for field in Fields::of(message.clone()) {
        let field = field?;
        end += field.raw.len();
        match field.value {
            FieldValue::Bytes(value) if field.number == number => found.push((end - value.len(), value)),
            _ => {}
        }
    }
    Ok(found)
}

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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn envelopes_lie_where_they_are_said_to_lie() {
        let envelopes: Vec<Bytes> = [0, 1, 127, 128, 20_000].map(|length| vec![7; length].into()).into();
        for number in [0, 1 << 40] {
            let header = BlockHeader { number, ..Default::default() };
            let block = HeadedBlock::new(header, envelopes.clone(), BlockMetadata::default());
            let encoded = Bytes::from(block.message().encode_to_vec());
            let found = envelopes_in(&encoded).unwrap();
            assert_eq!(found.len(), envelopes.len());
            for ((offset, found), envelope) in found.iter().zip(&envelopes) {
                assert_eq!((found, &encoded.slice(*offset..*offset + envelope.len())), (envelope, envelope));
            }
        }
        assert_eq!(envelopes_in(&Bytes::new()), Ok(Vec::new()));
        assert!(envelopes_in(&Bytes::from_static(&[0x12, 9])).is_err());
    }

    #[test]
    fn a_message_without_header_is_no_block() {
        let headless = Block { header: None, data: Some(BlockData::default()), metadata: None };
        assert_eq!(HeadedBlock::try_from(headless.clone()), Err(NotABlock::NoHeader));
        assert_eq!(HeadedBlock::decode(headless.encode_to_vec().into()), Err(NotABlock::NoHeader));
        assert_eq!(HeadedBlock::decode(Bytes::new()), Err(NotABlock::NoHeader));
        let garbage = HeadedBlock::decode(Bytes::from_static(&[0x0a, 9]));
        assert!(matches!(garbage, Err(NotABlock::Malformed(_))));
        let block = Block { header: Some(BlockHeader { number: 7, ..Default::default() }), ..headless };
        assert_eq!(HeadedBlock::decode(block.encode_to_vec().into()).unwrap().number(), 7);
    }
}
