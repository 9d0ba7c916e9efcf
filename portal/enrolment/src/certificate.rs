//! A certificate as it comes back from the authority: whether it is the one that was asked for.

use std::collections::BTreeSet;

use certificate::Duty;
use channel::Bundle;
use fabric::{
    crypto::PublicKey,
    proto::{
        common::{MspPrincipal, MspRole, msp_principal::Classification, msp_role::MspRoleType},
        msp::SerializedIdentity,
    },
};
use msp::{Claims, MspError};
use prost::Message;

use crate::request::to_pem;

/// A certificate has some 900 bytes.
const MAXIMUM_BYTES: usize = 16 << 10;

/// What a person's certificate has to say.
#[derive(Clone, Debug)]
pub struct Expected<'a> {
    /// Of the person's organisation.
    pub msp_id: &'a str,
    pub key: &'a PublicKey,
    pub pseudonym: &'a str,
    /// By the names that `nanotrace.role` has for them.
    pub roles: &'a BTreeSet<String>,
    /// What must not stand in it: the person's name and address.
    pub secrets: &'a [&'a str],
}

/// A certificate that is what was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certified {
    pub pem: String,
    /// The last second, in Unix time, at which it is valid.
    pub not_after: i64,
}

/// Why a certificate is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Mismatch {
    #[error("it is not one certificate in PEM")]
    Unreadable,
    #[error("it is of another key than the one that was asked for")]
    Key,
    #[error("the channel has no organisation {0}")]
    Organisation(String),
    #[error("{0} does not take it for a member's: {1}")]
    Membership(String, MspError),
    #[error("it does not make its owner a client of {0} (the organisational unit)")]
    Client(String),
    #[error("it is not valid today")]
    Time,
    #[error("it gives the roles {found:?}, but {expected:?} were granted")]
    Roles { found: String, expected: String },
    #[error("its nanotrace.person is {found:?} instead of {expected:?}")]
    Person { found: String, expected: String },
    #[error(
        "the person's name or address stands in it, and would on the ledger: let it name the pseudonym alone"
    )]
    Name,
}

/// Judges a certificate (PEM) by the channel's configuration. `now` is in Unix seconds.
pub fn check(text: &str, expected: &Expected<'_>, channel: &Bundle, now: i64) -> Result<Certified, Mismatch> {
    let der = only_certificate(text)?;
    let pem = to_pem("CERTIFICATE", &der);
    let organisation = expected.msp_id.to_owned();
    let serialized =
        SerializedIdentity { mspid: organisation.clone(), id_bytes: pem.clone().into() }.encode_to_vec();
    let msp = channel.msps().get(&organisation);
    let msp = msp.ok_or_else(|| Mismatch::Organisation(organisation.clone()))?;
    let refused = |error| Mismatch::Membership(organisation.clone(), error);
    let identity = msp.deserialize(&serialized).map_err(refused)?;
    if identity.public_key() != expected.key {
        return Err(Mismatch::Key);
    }
    msp.validate(&identity).map_err(refused)?;
    msp.satisfies_principal(&identity, &client_of(&organisation))
        .map_err(|_| Mismatch::Client(organisation.clone()))?;
    if identity.not_after() <= now {
        return Err(Mismatch::Time);
    }
    let claims = Claims::read(serialized.into()).map_err(refused)?;
    check_claims(&claims, expected)?;
    check_names(&der, expected.secrets)?;
    Ok(Certified { pem, not_after: identity.not_after() })
}

/// What a peer reads as the creator: whose transactions the person's are.
pub fn creator(msp_id: &str, certificate: &str) -> Vec<u8> {
    let id_bytes = certificate.as_bytes().to_vec().into();
    SerializedIdentity { mspid: msp_id.to_owned(), id_bytes }.encode_to_vec()
}

fn only_certificate(text: &str) -> Result<Vec<u8>, Mismatch> {
    if text.len() > MAXIMUM_BYTES {
        return Err(Mismatch::Unreadable);
    }
    let blocks = pem::parse_many(text).map_err(|_| Mismatch::Unreadable)?;
    match <[pem::Pem; 1]>::try_from(blocks) {
        Ok([block]) if block.tag() == "CERTIFICATE" => Ok(block.into_contents()),
        _ => Err(Mismatch::Unreadable),
    }
}

fn client_of(msp_id: &str) -> MspPrincipal {
    let role = MspRole { msp_identifier: msp_id.to_owned(), role: MspRoleType::Client.into() };
    MspPrincipal {
        principal_classification: Classification::Role.into(),
        principal: role.encode_to_vec().into(),
    }
}

fn check_claims(claims: &Claims, expected: &Expected<'_>) -> Result<(), Mismatch> {
    let attribute = |name: &str| claims.attributes.get(name).cloned().unwrap_or_default();
    let (person, roles) = (attribute("nanotrace.person"), attribute("nanotrace.role"));
    if person != expected.pseudonym {
        return Err(Mismatch::Person { found: person, expected: expected.pseudonym.to_owned() });
    }
    let named: BTreeSet<String> = roles.split(',').map(str::to_owned).collect();
    // The contract reads a text with one part that it does not know as no role at all.
    if named != *expected.roles || Duty::from_attribute(&roles).is_empty() {
        let expected = expected.roles.iter().cloned().collect::<Vec<_>>().join(",");
        return Err(Mismatch::Roles { found: roles, expected });
    }
    Ok(())
}

fn check_names(der: &[u8], secrets: &[&str]) -> Result<(), Mismatch> {
    let text = String::from_utf8_lossy(der).to_lowercase();
    let mut secrets = secrets.iter().map(|secret| secret.trim().to_lowercase());
    // Three letters stand in many certificates by chance.
    let stands = |secret: String| secret.chars().count() > 4 && text.contains(&secret);
    if secrets.any(stands) { Err(Mismatch::Name) } else { Ok(()) }
}
