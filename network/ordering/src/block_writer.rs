//! Turns a batch into the next block of the chain and signs it.
//!
//! Source: `orderer/common/multichannel/blockwriter.go`.

use bytes::Bytes;
use fabric::{
    crypto::{SigningError, VerifiedSignatureCache},
    proto::common::{
        BlockHeader, BlockMetadata, LastConfig, Metadata, MetadataSignature, OrdererBlockMetadata,
        SignatureHeader,
    },
    types::block::{self, HeadedBlock, METADATA_ENTRIES},
};
use msp::SigningIdentity;
use prost::Message;

/// Where the chain stands, and the key that signs its next block.
pub struct BlockWriter {
    signer: SigningIdentity,
    next_number: u64,
    previous_hash: [u8; 32],
    last_config: u64,
}

impl BlockWriter {
    /// Continues a chain of `height` blocks whose last header hashes to `previous_hash` and whose
    /// newest config block is number `last_config`.
    pub fn new(signer: SigningIdentity, height: u64, previous_hash: [u8; 32], last_config: u64) -> Self {
        Self { signer, next_number: height, previous_hash, last_config }
    }

    /// Writes the next block from encoded envelopes. `nonce` is fresh for each block; `is_config`
    /// says that the one envelope is a config transaction, which this block's own metadata names; `memo`
    /// comes to know the block's signature.
    ///
    /// The block is not part of the chain before [`BlockWriter::advance`] says so.
    pub fn write(
        &self,
        envelopes: Vec<Bytes>,
        is_config: bool,
        nonce: Bytes,
        memo: &VerifiedSignatureCache,
    ) -> Result<HeadedBlock, SigningError> {
        let header = BlockHeader {
            number: self.next_number,
            previous_hash: Bytes::copy_from_slice(&self.previous_hash),
            data_hash: Bytes::copy_from_slice(&block::data_hash(&envelopes)),
        };
        let last_config = if is_config { header.number } else { self.last_config };
        let metadata = self.metadata(&header, last_config, nonce, memo)?;
        Ok(HeadedBlock::new(header, envelopes, metadata))
    }

    /// The next block follows this one.
    pub fn advance(&mut self, header: &BlockHeader, is_config: bool) {
        if is_config {
            self.last_config = header.number;
        }
        self.next_number = header.number + 1;
        self.previous_hash = block::header_hash(header);
    }

    fn metadata(
        &self,
        header: &BlockHeader,
        last_config: u64,
        nonce: Bytes,
        memo: &VerifiedSignatureCache,
    ) -> Result<BlockMetadata, SigningError> {
        let last_config = LastConfig { index: last_config };
        let value: Bytes = OrdererBlockMetadata {
            last_config: Some(last_config),
            consenter_metadata: Metadata::default().encode_to_vec().into(),
        }
        .encode_to_vec()
        .into();
        let signature_header: Bytes =
            SignatureHeader { creator: self.signer.serialized(), nonce }.encode_to_vec().into();
        let signed = [value.as_ref(), signature_header.as_ref(), &block::header_bytes(header)].concat();
        let signature = memo.sign(self.signer.key(), &signed)?.into();
        let signatures = vec![MetadataSignature { signature_header, signature, ..Default::default() }];

        let mut entries = vec![Bytes::new(); METADATA_ENTRIES];
        let signed = Metadata { value, signatures }.encode_to_vec().into();
        let unsigned = Metadata { value: last_config.encode_to_vec().into(), signatures: vec![] };
        for (entry, content) in entries.iter_mut().zip([signed, unsigned.encode_to_vec().into()]) {
            *entry = content;
        }
        Ok(BlockMetadata { metadata: entries })
    }
}
