//! What validation says of one transaction.

use fabric::proto::protos::TxValidationCode;

use super::Defect;
use ledger::{DefinitionError, LedgerError};

/// A validation code, and why. The code is Fabric's, the reason is ours and for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub code: TxValidationCode,
    /// Empty for a valid transaction.
    pub reason: String,
}

impl Verdict {
    pub(crate) fn valid() -> Self {
        Self { code: TxValidationCode::Valid, reason: String::new() }
    }

    pub(crate) fn invalid(code: TxValidationCode, reason: impl Into<String>) -> Self {
        Self { code, reason: reason.into() }
    }

    pub fn is_valid(&self) -> bool {
        self.code == TxValidationCode::Valid
    }
}

/// Why a check does not pass: the transaction is invalid, or no peer could go on.
#[derive(Debug)]
pub(crate) enum Failure {
    Invalid(Verdict),
    Halt(Defect),
}

impl From<Verdict> for Failure {
    fn from(verdict: Verdict) -> Self {
        Self::Invalid(verdict)
    }
}

impl From<Defect> for Failure {
    fn from(defect: Defect) -> Self {
        Self::Halt(defect)
    }
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::Halt(error.into())
    }
}

impl From<DefinitionError> for Failure {
    fn from(error: DefinitionError) -> Self {
        Self::Halt(error.into())
    }
}
