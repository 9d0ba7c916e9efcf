//! X.509 certificates as Go's `x509.ParseCertificate` reads them.
//!
//! A certificate that Go reads and we do not, or the other way round, is a different verdict on its owner's
//! transactions, so this follows Go's parser field by field instead of trusting a library's opinion of
//! what may be malformed (x509-parser accepts negative serial numbers and duplicate extensions, say, and
//! refuses trailing bytes that Go does not look at).

use bytes::Bytes;
use fabric::crypto::{
    PublicKey,
    der::{self, BIT_STRING, DerError, Reader, SEQUENCE},
    parse_spki, spki_algorithm,
};

use super::{
    extensions::Extensions,
    name::{self, Name},
    signature::SignatureAlgorithm,
    validity,
};

const EXPLICIT_0: u8 = 0xa0;
const EXPLICIT_3: u8 = 0xa3;
const IMPLICIT_1: u8 = 0x81;
const IMPLICIT_2: u8 = 0x82;

/// A parsed certificate. Raw parts are slices of its DER.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Certificate {
    pub der: Bytes,
    pub signed: Bytes,
    /// The AlgorithmIdentifier behind the signed part.
    pub algorithm_der: Bytes,
    pub algorithm: SignatureAlgorithm,
    pub signature: Vec<u8>,
    /// 1 to 3.
    pub version: i64,
    /// Big-endian, minimal, not negative.
    pub serial: Bytes,
    pub issuer: Bytes,
    pub subject: Bytes,
    pub subject_name: Name,
    /// Unix seconds.
    pub not_before: i64,
    pub not_after: i64,
    pub spki: Bytes,
    pub key: Key,
    pub extensions: Extensions,
}

/// The subject's key, as far as it can verify anything.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Key {
    /// ECDSA or Ed25519.
    Identity(PublicKey),
    /// PKCS #1, for certificate authorities that still use it.
    Rsa(Vec<u8>),
    /// Nothing that Go's verifier would use either.
    Other,
}

impl Certificate {
    pub fn parse(der: Bytes) -> Result<Self, DerError> {
        let mut input = Reader(&der);
        let whole = input.element(SEQUENCE, "certificate")?;
        if !input.is_empty() {
            return Err(DerError("certificate: trailing data"));
        }
        let mut outer = Reader(whole.content);
        let signed = outer.element(SEQUENCE, "signed part")?;
        let algorithm = outer.element(SEQUENCE, "signature algorithm")?;
        // Whatever follows the signature is not looked at.
        let signature = outer.bit_string("signature")?;
        let part = |slice: &[u8]| der.slice_ref(slice);

        let mut tbs = Reader(signed.content);
        let version = version(&mut tbs)?;
        let serial = tbs.integer("serial number")?;
        if serial.first().is_some_and(|byte| byte & 0x80 != 0) {
            return Err(DerError("serial number: negative"));
        }
        if tbs.content(SEQUENCE, "signature algorithm")? != algorithm.content {
            return Err(DerError("signature algorithm: named twice and not equal"));
        }
        let issuer = tbs.element(SEQUENCE, "issuer")?.full;
        name::parse(issuer)?;
        let mut period = tbs.enter(SEQUENCE, "validity")?;
        let (not_before, not_after) = (validity::read(&mut period)?, validity::read(&mut period)?);
        let subject = tbs.element(SEQUENCE, "subject")?.full;
        let subject_name = name::parse(subject)?;
        let spki = tbs.element(SEQUENCE, "public key info")?.full;
        Ok(Self {
            signed: part(signed.full),
            algorithm_der: part(algorithm.full),
            algorithm: SignatureAlgorithm::parse(algorithm.content)?,
            signature,
            version,
            serial: part(serial),
            issuer: part(issuer),
            subject: part(subject),
            subject_name,
            not_before,
            not_after,
            spki: part(spki),
            key: Key::parse(spki)?,
            extensions: extensions(&mut tbs, version)?,
            der,
        })
    }

    /// The same certificate with another signature: signed part and algorithm as they are, nothing behind.
    pub fn with_signature(&self, signature: &[u8]) -> Result<Self, DerError> {
        let mut content = [&self.signed[..], &self.algorithm_der].concat();
        der::push(&mut content, BIT_STRING, &[&[0], signature].concat());
        let mut der = Vec::with_capacity(content.len() + 4);
        der::push(&mut der, SEQUENCE, &content);
        Self::parse(der.into())
    }

    /// A version 3 certificate whose basic constraints say so.
    pub fn is_ca(&self) -> bool {
        self.extensions.basic_constraints.is_some_and(|constraints| constraints.is_ca)
    }
}

impl Key {
    fn parse(spki: &[u8]) -> Result<Self, DerError> {
        let (algorithm, parameters, key) = parse_spki(spki)?;
        match algorithm.as_slice() {
            spki_algorithm::EC_PUBLIC_KEY | spki_algorithm::ED25519 => {
                PublicKey::from_spki_der(spki).map(Self::Identity).map_err(|_| DerError("public key"))
            }
            spki_algorithm::RSA_ENCRYPTION => rsa(parameters, key),
            _ => Ok(Self::Other),
        }
    }
}

fn rsa(parameters: &[u8], key: Vec<u8>) -> Result<Key, DerError> {
    let mut numbers = Reader(&key).enter(SEQUENCE, "RSA key")?;
    let (modulus, exponent) = (numbers.integer("RSA modulus")?, numbers.int64("RSA exponent")?);
    if parameters != [5, 0] || der::positive(modulus).is_none() || exponent <= 0 {
        return Err(DerError("RSA key"));
    }
    Ok(Key::Rsa(key))
}

fn version(tbs: &mut Reader<'_>) -> Result<i64, DerError> {
    let version = match tbs.optional(EXPLICIT_0, "version")? {
        Some(mut version) => version.int64("version")?,
        None => 0,
    };
    if (0..=2).contains(&version) { Ok(version + 1) } else { Err(DerError("version")) }
}

fn extensions(tbs: &mut Reader<'_>, version: i64) -> Result<Extensions, DerError> {
    if version > 1 {
        tbs.optional(IMPLICIT_1, "issuer unique id")?;
        tbs.optional(IMPLICIT_2, "subject unique id")?;
    }
    match version {
        3 => match tbs.optional(EXPLICIT_3, "extensions")? {
            Some(mut explicit) => Extensions::parse(explicit.enter(SEQUENCE, "extensions")?),
            None => Ok(Extensions::default()),
        },
        _ => Ok(Extensions::default()),
    }
}
