//! Does a block come from the channel's orderers, whole, and does it continue our chain?
//!
//! Source: `internal/peer/gossip/mcs.go`, `common/deliverclient/block_verification.go`,
//! `protoutil/blockutils.go`.

use bytes::Bytes;
use channel::{
    Bundle,
    policy::{PolicyError, SignedData},
};
use fabric::{
    crypto::{Hashed, VerifiedSignatureCache},
    proto::{
        common::{
            BlockHeader, ChannelHeader, Consenter, HeaderType, IdentifierHeader, Metadata, MetadataSignature,
            SignatureHeader,
        },
        msp::SerializedIdentity,
    },
    types::{
        DecodedEnvelope,
        block::{HeadedBlock, METADATA_ENTRIES, SIGNATURES, data_hash, header_bytes},
        decode::{DecodeError, decode},
        wellformed::{NotWellFormed, wellformed},
    },
};
use prost::Message;

use ledger::{Ledger, LedgerError};

const BLOCK_VALIDATION: &str = "/Channel/Orderer/BlockValidation";

/// A block that the channel's orderers signed and that continues our chain. Nothing has been said yet of
/// its transactions.
#[derive(Clone, Debug)]
pub struct OrderedBlock(HeadedBlock);

impl OrderedBlock {
    pub fn number(&self) -> u64 {
        self.0.number()
    }

    pub(crate) fn into_inner(self) -> HeadedBlock {
        self.0
    }

    pub(crate) fn envelopes(&self) -> &[Bytes] {
        self.0.envelopes()
    }
}

/// Why a block is not taken at all. It is no verdict: another source may have the right one.
#[derive(Debug, thiserror::Error)]
pub enum BlockRejected {
    #[error("the block has number {got}, expected {expected}")]
    Number { expected: u64, got: u64 },
    #[error("the block names {got} as the hash of its predecessor, which is {expected}")]
    PreviousHash { expected: String, got: String },
    #[error("the block has {0} metadata entries, expected at least {METADATA_ENTRIES}")]
    Metadata(usize),
    #[error("the block is empty")]
    Empty,
    #[error("the first transaction cannot be read: {0}")]
    FirstTransaction(String),
    #[error("the first transaction names channel '{got}', this is '{expected}'")]
    Channel { expected: String, got: String },
    #[error("transaction {index} is malformed: {defect}")]
    Malformed { index: usize, defect: NotWellFormed },
    #[error("the header's data hash is not that of the data")]
    DataHash,
    #[error("the orderers' signatures cannot be read: {0}")]
    Signatures(DecodeError),
    #[error("the orderers' signatures do not satisfy the channel's policy: {0}")]
    NotSigned(PolicyError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Checks that `block` is the next one of the chain in `ledger`, signed as the current configuration
/// demands. The validation codes and the commit hash that it may carry are not looked at.
pub fn verify_ordered(
    block: HeadedBlock,
    bundle: &Bundle,
    ledger: &Ledger,
    memo: &VerifiedSignatureCache,
) -> Result<OrderedBlock, BlockRejected> {
    check_continues(block.header(), ledger)?;
    verify_origin(&block, bundle, memo)?;
    Ok(OrderedBlock(block))
}

/// As [`verify_ordered`], for a block that this process has just written: its data were hashed for that.
pub fn verify_written(
    block: HeadedBlock,
    bundle: &Bundle,
    ledger: &Ledger,
    memo: &VerifiedSignatureCache,
) -> Result<OrderedBlock, BlockRejected> {
    check_continues(block.header(), ledger)?;
    check_transactions(block.envelopes(), bundle)?;
    check_signatures(&block, bundle, memo)?;
    Ok(OrderedBlock(block))
}

/// Checks that `block`, wherever on the chain it stands, is whole and comes from the channel's orderers.
pub fn verify_origin(
    block: &HeadedBlock,
    bundle: &Bundle,
    memo: &VerifiedSignatureCache,
) -> Result<(), BlockRejected> {
    check_transactions(block.envelopes(), bundle)?;
    if data_hash(block.envelopes()).as_slice() != block.header().data_hash.as_ref() {
        return Err(BlockRejected::DataHash);
    }
    check_signatures(block, bundle, memo)
}

fn check_continues(header: &BlockHeader, ledger: &Ledger) -> Result<(), BlockRejected> {
    let expected = ledger.height();
    if header.number != expected {
        return Err(BlockRejected::Number { expected, got: header.number });
    }
    let expected = ledger.last_hash();
    if header.previous_hash.as_ref() != expected {
        let (expected, got) = (hex::encode(expected), hex::encode(&header.previous_hash));
        return Err(BlockRejected::PreviousHash { expected, got });
    }
    Ok(())
}

fn check_transactions(envelopes: &[Bytes], bundle: &Bundle) -> Result<(), BlockRejected> {
    let first = envelopes.first().ok_or(BlockRejected::Empty)?;
    let first = DecodedEnvelope::new(first.clone());
    let header = first.channel_header();
    let header = header.map_err(|error| BlockRejected::FirstTransaction(error.to_string()))?;
    check_channel(header, bundle)?;
    // A config transaction is alone in its block, and may carry what others may not.
    let is_config_block = envelopes.len() == 1 && header.r#type == HeaderType::Config as i32;
    if is_config_block { Ok(()) } else { check_well_formed(envelopes) }
}

/// The first transaction says which channel the block is of.
fn check_channel(first: &ChannelHeader, bundle: &Bundle) -> Result<(), BlockRejected> {
    if first.channel_id != bundle.channel_id() {
        let (expected, got) = (bundle.channel_id().to_owned(), first.channel_id.clone());
        return Err(BlockRejected::Channel { expected, got });
    }
    Ok(())
}

fn check_well_formed(envelopes: &[Bytes]) -> Result<(), BlockRejected> {
    for (index, envelope) in envelopes.iter().enumerate() {
        wellformed(envelope).map_err(|defect| BlockRejected::Malformed { index, defect })?;
    }
    Ok(())
}

fn check_signatures(
    block: &HeadedBlock,
    bundle: &Bundle,
    memo: &VerifiedSignatureCache,
) -> Result<(), BlockRejected> {
    let entries = block.message().metadata.as_ref().map_or(0, |metadata| metadata.metadata.len());
    let entry = block.metadata(SIGNATURES).filter(|_| entries >= METADATA_ENTRIES);
    let entry = entry.ok_or(BlockRejected::Metadata(entries))?;
    let metadata: Metadata = decode(entry.clone()).map_err(BlockRejected::Signatures)?;
    let signed = SignedBlock { value: &metadata.value, header: header_bytes(block.header()), bundle };
    let mut signatures = Vec::with_capacity(metadata.signatures.len());
    for signature in &metadata.signatures {
        signatures.extend(signed.by(signature).map_err(BlockRejected::Signatures)?);
    }
    let policy = bundle.policies().get(BLOCK_VALIDATION).map_err(BlockRejected::NotSigned)?;
    policy.evaluate_signed_data(&signatures, bundle.msps(), memo).map_err(BlockRejected::NotSigned)
}

/// What orderers sign of a block.
struct SignedBlock<'a> {
    value: &'a [u8],
    header: Vec<u8>,
    bundle: &'a Bundle,
}

impl SignedBlock<'_> {
    /// `None` for a signer who is no consenter.
    fn by(&self, signature: &MetadataSignature) -> Result<Option<SignedData>, DecodeError> {
        let is_numbered = signature.signature_header.is_empty() && !signature.identifier_header.is_empty();
        if is_numbered && self.bundle.capabilities().consensus_type_bft() {
            return self.by_consenter(signature);
        }
        let header: SignatureHeader = decode(signature.signature_header.clone())?;
        Ok(Some(self.data(&signature.signature_header, header.creator, signature)))
    }

    /// Consenters of a BFT channel sign with their number in place of their certificate.
    fn by_consenter(&self, signature: &MetadataSignature) -> Result<Option<SignedData>, DecodeError> {
        let header: IdentifierHeader = decode(signature.identifier_header.clone())?;
        let mut consenters = self.bundle.orderer().consenters.iter();
        let consenter = consenters.find(|consenter| consenter.id == header.identifier);
        Ok(consenter.map(|consenter| self.data(&signature.identifier_header, identity(consenter), signature)))
    }

    fn data(&self, signer_header: &[u8], identity: Bytes, signature: &MetadataSignature) -> SignedData {
        let data = Bytes::from([self.value, signer_header, &self.header].concat());
        SignedData { data: Hashed::of(data), identity, signature: signature.signature.clone() }
    }
}

fn identity(consenter: &Consenter) -> Bytes {
    let Consenter { msp_id, identity, .. } = consenter.clone();
    SerializedIdentity { mspid: msp_id, id_bytes: identity }.encode_to_vec().into()
}
