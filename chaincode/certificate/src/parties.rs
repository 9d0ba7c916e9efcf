//! The organisations that hold power over certificates in the network of `nanotrace up`, by their MSP ids. The contract
//! itself names none: which body accredits a chaincode is told when it starts, which one it belongs to says its ledger.

/// Grants certificates.
pub const CERTIFICATION_BODY: &str = "CertBodyMSP";

/// Accredits certification bodies, registers schemes, and approves issuer keys.
pub const ACCREDITATION_BODY: &str = "AccreditationMSP";
