//! The extensions of a certificate, as far as Go's verifier and an MSP look at them.

use bytes::Bytes;
use fabric::crypto::der::{BOOLEAN, DerError, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, Reader, SEQUENCE};

use super::{alternative_names, name_constraints::NameConstraints};

/// What extensions say. Absent ones have the default value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    pub basic_constraints: Option<BasicConstraints>,
    pub key_usage: KeyUsage,
    /// None if absent or empty.
    pub extended_key_usages: Vec<ExtendedKeyUsage>,
    pub subject_key_id: Option<Bytes>,
    pub authority_key_id: Bytes,
    /// The whole extension value.
    pub subject_alternative_name: Option<Bytes>,
    pub name_constraints: Option<NameConstraints>,
    /// The attributes that Fabric CA writes (fabric-ca, `lib/attrmgr`): the whole extension value.
    pub attributes: Option<Bytes>,
    /// Policy mappings or policy constraints are there (RFC 5280, 4.2.1.5 and 4.2.1.11).
    pub constrains_policies: bool,
    pub unhandled_critical: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BasicConstraints {
    pub is_ca: bool,
    pub max_path_length: Option<i64>,
}

/// Go looks at two questions only: whether any of the nine usages is named, and whether signing certificates is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KeyUsage {
    pub any: bool,
    pub certificate_signing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ExtendedKeyUsage {
    Any,
    ServerAuthentication,
    Other,
}

impl Extensions {
    pub fn parse(mut sequence: Reader<'_>) -> Result<Self, DerError> {
        let mut extensions = Self::default();
        let mut seen = Vec::new();
        while !sequence.is_empty() {
            let extension = Extension::read(&mut sequence)?;
            if seen.contains(&extension.oid) {
                return Err(DerError("extensions: one is there twice"));
            }
            let handled = extensions.take(&extension)?;
            extensions.unhandled_critical |= extension.critical && !handled;
            seen.push(extension.oid);
        }
        Ok(extensions)
    }

    /// Takes in one extension; says whether its meaning is known.
    fn take(&mut self, extension: &Extension<'_>) -> Result<bool, DerError> {
        let mut value = Reader(extension.value);
        match extension.oid.as_slice() {
            [2, 5, 29, 14] => self.subject_key_id = Some(subject_key_id(extension)?),
            [2, 5, 29, 15] => self.key_usage = key_usage(value)?,
            [2, 5, 29, 17] => {
                self.subject_alternative_name = Some(Bytes::copy_from_slice(extension.value));
                return Ok(!alternative_names::parse(extension.value)?.is_empty());
            }
            [2, 5, 29, 19] => self.basic_constraints = Some(basic_constraints(value)?),
            [2, 5, 29, 30] => {
                let (constraints, handled) = NameConstraints::parse(value)?;
                self.name_constraints = Some(constraints);
                return Ok(handled);
            }
            [2, 5, 29, 31] => distribution_points(value)?,
            [2, 5, 29, 32] => certificate_policies(value)?,
            [2, 5, 29, 33 | 36] => self.constrains_policies = true,
            [2, 5, 29, 35] => self.authority_key_id = authority_key_id(extension)?,
            [2, 5, 29, 37] => self.extended_key_usages = extended_key_usages(value)?,
            [2, 5, 29, 54] => drop(value.int64("inhibit any policy")?),
            [1, 3, 6, 1, 5, 5, 7, 1, 1] => authority_information_access(extension)?,
            // Fabric CA's arc. A certificate that marks it critical is refused as by Go, which does not know it.
            [1, 2, 3, 4, 5, 6, 7, 8, 1] => {
                self.attributes = Some(Bytes::copy_from_slice(extension.value));
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// One extension as it stands in a certificate or a revocation list.
pub(super) struct Extension<'a> {
    pub oid: Vec<u32>,
    pub critical: bool,
    pub value: &'a [u8],
}

impl<'a> Extension<'a> {
    pub fn read(sequence: &mut Reader<'a>) -> Result<Self, DerError> {
        let mut extension = sequence.enter(SEQUENCE, "extension")?;
        let oid = extension.oid("extension")?;
        let critical = extension.peek(BOOLEAN) && extension.boolean("extension")?;
        Ok(Self { oid, critical, value: extension.content(OCTET_STRING, "extension")? })
    }

    /// Refuses a mark that RFC 5280 forbids for this extension.
    fn not_critical(&self, what: &'static str) -> Result<Reader<'a>, DerError> {
        if self.critical { Err(DerError(what)) } else { Ok(Reader(self.value)) }
    }
}

fn subject_key_id(extension: &Extension<'_>) -> Result<Bytes, DerError> {
    let mut value = extension.not_critical("subject key identifier")?;
    Ok(Bytes::copy_from_slice(value.content(OCTET_STRING, "subject key identifier")?))
}

fn authority_key_id(extension: &Extension<'_>) -> Result<Bytes, DerError> {
    let mut value = extension.not_critical("authority key identifier")?;
    let mut sequence = value.enter(SEQUENCE, "authority key identifier")?;
    let id = sequence.optional(0x80, "authority key identifier")?;
    Ok(id.map(|id| Bytes::copy_from_slice(id.0)).unwrap_or_default())
}

fn key_usage(mut value: Reader<'_>) -> Result<KeyUsage, DerError> {
    let content = value.bits("key usage")?;
    let bits = content.get(1..).unwrap_or_default();
    let bit = |index: usize| bits.get(index / 8).is_some_and(|byte| byte & (0x80 >> (index % 8)) != 0);
    Ok(KeyUsage { any: (0..9).any(bit), certificate_signing: bit(5) })
}

fn basic_constraints(mut value: Reader<'_>) -> Result<BasicConstraints, DerError> {
    let mut sequence = value.enter(SEQUENCE, "basic constraints")?;
    let is_ca = sequence.peek(BOOLEAN) && sequence.boolean("basic constraints")?;
    let max_path_length = match sequence.peek(INTEGER) {
        true => Some(sequence.int64("basic constraints")?),
        false => None,
    };
    match max_path_length {
        Some(length) if length < 0 => Err(DerError("basic constraints")),
        _ => Ok(BasicConstraints { is_ca, max_path_length }),
    }
}

fn extended_key_usages(mut value: Reader<'_>) -> Result<Vec<ExtendedKeyUsage>, DerError> {
    let mut sequence = value.enter(SEQUENCE, "extended key usages")?;
    let mut usages = Vec::new();
    while !sequence.is_empty() {
        usages.push(match sequence.oid("extended key usages")?.as_slice() {
            [2, 5, 29, 37, 0] => ExtendedKeyUsage::Any,
            [1, 3, 6, 1, 5, 5, 7, 3, 1] => ExtendedKeyUsage::ServerAuthentication,
            _ => ExtendedKeyUsage::Other,
        });
    }
    Ok(usages)
}

fn certificate_policies(mut value: Reader<'_>) -> Result<(), DerError> {
    let error = DerError("certificate policies");
    let mut sequence = value.enter(SEQUENCE, error.0)?;
    let mut seen = Vec::new();
    while !sequence.is_empty() {
        let policy = sequence.enter(SEQUENCE, error.0)?.content(OBJECT_IDENTIFIER, error.0)?;
        if policy.is_empty() || seen.contains(&policy) {
            return Err(error);
        }
        seen.push(policy);
    }
    Ok(())
}

fn distribution_points(mut value: Reader<'_>) -> Result<(), DerError> {
    let what = "CRL distribution points";
    let mut sequence = value.enter(SEQUENCE, what)?;
    while !sequence.is_empty() {
        let mut point = sequence.enter(SEQUENCE, what)?;
        let Some(mut name) = point.optional(0xa0, what)? else { continue };
        let mut full_name = name.enter(0xa0, what)?;
        while full_name.peek(0x86) {
            full_name.content(0x86, what)?;
        }
    }
    Ok(())
}

fn authority_information_access(extension: &Extension<'_>) -> Result<(), DerError> {
    let what = "authority information access";
    let mut sequence = extension.not_critical(what)?.enter(SEQUENCE, what)?;
    while !sequence.is_empty() {
        let mut description = sequence.enter(SEQUENCE, what)?;
        description.oid(what)?;
        description.optional(0x86, what)?;
    }
    Ok(())
}
