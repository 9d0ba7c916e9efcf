//! What the certificate of a person says of its owner, in the extension in which Fabric CA writes attributes
//! (Fabric's `core/chaincode/lib/cid`, fabric-ca's `lib/attrmgr`).

use serde::Serialize;
use x509_cert::{
    der::{asn1::OctetString, oid::ObjectIdentifier},
    ext::Extension,
};

use super::{CryptoConfigError, certificate::failed};

/// Fabric CA's own arc for attributes.
pub(super) const ATTRIBUTES: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.3.4.5.6.7.8.1");

/// A person of a body: what it may do there, and who it is, without a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Its roles, joined by commas: `reviewer,decision-maker`.
    pub roles: String,
    /// A random name that stays when the certificate is renewed.
    pub pseudonym: String,
}

#[derive(Serialize)]
struct Value<'a> {
    attrs: Attributes<'a>,
}

#[derive(Serialize)]
struct Attributes<'a> {
    #[serde(rename = "hf.EnrollmentID")]
    enrollment_id: &'a str,
    #[serde(rename = "nanotrace.person")]
    person: &'a str,
    #[serde(rename = "nanotrace.role")]
    role: &'a str,
}

impl Person {
    /// Somebody with these roles and a new pseudonym.
    pub fn with_roles(roles: &str) -> Result<Self, CryptoConfigError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(failed)?;
        Ok(Self { roles: roles.to_owned(), pseudonym: hex::encode(random) })
    }

    /// The extension's value is the JSON itself, without a type of ASN.1 around it.
    pub(super) fn extension(&self) -> Result<Extension, CryptoConfigError> {
        let attrs = Attributes { enrollment_id: &self.pseudonym, person: &self.pseudonym, role: &self.roles };
        let json = serde_json::to_vec(&Value { attrs }).map_err(failed)?;
        let extn_value = OctetString::new(json).map_err(failed)?;
        Ok(Extension { extn_id: ATTRIBUTES, critical: false, extn_value })
    }
}

/// Roles as a certificate may carry them. Which there are is the contract's to say.
pub(super) fn check_roles(roles: &str) -> Result<(), &'static str> {
    let is_role = |role: &str| {
        !role.is_empty()
            && role.len() <= 64
            && role.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    if roles.split(',').all(is_role) {
        Ok(())
    } else {
        Err(
            "a role has small letters and hyphens alone, such as decision-maker; several are joined by commas",
        )
    }
}

/// A pseudonym is a common name too.
pub(super) fn check_pseudonym(pseudonym: &str) -> Result<(), &'static str> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    if (1..=64).contains(&pseudonym.len()) && pseudonym.bytes().all(allowed) {
        Ok(())
    } else {
        Err("it must have 1 to 64 letters, digits or . - _")
    }
}
