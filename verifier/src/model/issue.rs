//! How a certificate came onto the ledger, as the block that first carried it showed it.

use certificate::{Code, DateTime};
use fabric::types::Height;

use super::savepoint::{decode_time, encode_time, take};
use super::{ISSUE, ModelError};

const WITHIN_ACCREDITATION: u8 = 1;
const SPOILT: u8 = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issue {
    /// The chaincode whose certificate it is: the first that carried its code.
    pub chaincode: String,
    pub version: Height,
    /// From when it counts.
    pub at: Option<DateTime>,
    /// Whether that lay within the term and the scope of its accreditation, as the ledger had them in that block.
    pub within_accreditation: bool,
    /// The record cannot be read, or was written or deleted later, which the contract never does.
    pub spoilt: bool,
}

impl Issue {
    pub fn key(code: Code) -> Vec<u8> {
        [[ISSUE].as_slice(), &code.to_bytes()].concat()
    }

    pub fn read<T: AsRef<[u8]>>(
        code: Code,
        get: impl FnOnce(Vec<u8>) -> Result<Option<T>, rocksdb::Error>,
    ) -> Result<Option<Self>, ModelError> {
        let Some(record) = get(Self::key(code))? else { return Ok(None) };
        Self::decode(record.as_ref()).map(Some).ok_or(ModelError::Certificate { code })
    }

    pub fn encode(&self) -> Vec<u8> {
        let flags =
            u8::from(self.within_accreditation) * WITHIN_ACCREDITATION + u8::from(self.spoilt) * SPOILT;
        let Height { block, tx } = self.version;
        let chaincode = self.chaincode.as_bytes();
        [&block.to_be_bytes()[..], &tx.to_be_bytes(), &encode_time(self.at), &[flags], chaincode].concat()
    }

    fn decode(mut record: &[u8]) -> Option<Self> {
        let block = u64::from_be_bytes(take(&mut record)?);
        let tx = u64::from_be_bytes(take(&mut record)?);
        let at = decode_time(take(&mut record)?);
        let [flags] = take(&mut record)?;
        Some(Self {
            chaincode: std::str::from_utf8(record).ok()?.to_owned(),
            version: Height::new(block, tx),
            at,
            within_accreditation: flags & WITHIN_ACCREDITATION != 0,
            spoilt: flags & SPOILT != 0,
        })
    }
}
