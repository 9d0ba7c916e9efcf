//! Which bodies have taken over a certificate of one that has ended, as the blocks that carried the adoptions showed it.
//!
//! A successor's chaincode does not have the certificate, and the accreditation body with a puppet can write into a chaincode
//! of theirs what they like. So an adoption counts only where everything agrees that this ledger has: the certificate, the end
//! of its body, the successor that the accreditation body named, and the successor's accreditation.

use bytes::Bytes;
use certificate::Code;
use certificate::adoption::Adoptions;

use super::{ADOPTION, ModelError};

pub fn key(code: Code) -> Vec<u8> {
    [[ADOPTION].as_slice(), &code.to_bytes()].concat()
}

pub fn read<T: AsRef<[u8]>>(
    code: Code,
    get: impl FnOnce(Vec<u8>) -> Result<Option<T>, rocksdb::Error>,
) -> Result<Adoptions, ModelError> {
    let Some(row) = get(key(code))? else { return Ok(Adoptions::default()) };
    let row = Bytes::copy_from_slice(row.as_ref());
    Adoptions::decode(&row).map_err(|_| ModelError::Certificate { code })
}
