//! Of which chaincodes a network's contract consists.
//!
//! Fabric evaluates the first write of a key under its chaincode's endorsement policy. So each certification body has a
//! chaincode of its own, under the policy of this body and the accreditation body, where no other body creates records
//! in its name; and what the accreditation body alone decides has one, too. See
//! `docs/adr/0029-a-namespace-for-each-power.md`.

/// The chaincode of what the accreditation body alone decides.
pub const REGISTRY: &str = "nanotrace-registry";

/// What a service of the contract is told when it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chaincode {
    pub part: Part,
    /// MSP id of the organisation that accredits certification bodies.
    pub accreditation_body: String,
}

/// Which functions a chaincode has, and which records its namespace holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Schemes, accreditations and laboratories.
    Registry,
    /// One certification body's applications, certificates and issuer keys.
    Body,
}

impl Part {
    /// That of the chaincode with this name.
    pub fn of(chaincode: &str) -> Part {
        if chaincode == REGISTRY { Part::Registry } else { Part::Body }
    }
}
