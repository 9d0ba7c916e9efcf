//! Why an identity or a membership definition is refused.

use fabric::{crypto::SignatureError, types::decode::DecodeError};

/// A refusal by an MSP. Its text is for logs; verdicts do not depend on it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MspError {
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("no MSP {0:?} is defined on the channel")]
    UnknownMsp(String),
    #[error("there is no PEM block")]
    Pem,
    #[error("malformed certificate: {0}")]
    Certificate(String),
    #[error("the certificate's key makes no identity: {0}")]
    Key(SignatureError),
    #[error("the certificate is not valid under this MSP: {0}")]
    Chain(String),
    #[error("the certificate has been revoked")]
    Revoked,
    #[error("organisational units: {0}")]
    OrganizationalUnits(String),
    #[error("the identity does not satisfy the principal: {0}")]
    Principal(String),
    #[error("MSP configuration: {0}")]
    Config(String),
    #[error("cannot read {path}: {reason}")]
    File { path: String, reason: String },
}
