//! The organisations that hold power over certificates, by their MSP ids.

/// Grants certificates. A second certification body will join by an entry of its own in the ledger; until
/// then this is the one that the chaincode's endorsement policy names.
pub const CERTIFICATION_BODY: &str = "CertBodyMSP";

/// Accredits certification bodies, registers schemes, and approves issuer keys.
pub const ACCREDITATION_BODY: &str = "AccreditationMSP";
