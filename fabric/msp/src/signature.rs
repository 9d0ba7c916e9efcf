//! Signatures on certificates and revocation lists (Go's `x509.checkSignature`).

use aws_lc_rs::signature as aws;
use fabric::crypto::{
    Curve,
    der::{DerError, Reader},
    parse_spki,
};
use sha2::{Digest, Sha256, Sha384, Sha512};

use super::certificate::{Certificate, Key};

/// The algorithms that Go's verifier takes; RSA-PSS and DSA are left out (see [`check`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignatureAlgorithm {
    Ecdsa(Hash),
    Rsa(Hash),
    Ed25519,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    /// Refused on certificates; Go still takes it on revocation lists.
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl SignatureAlgorithm {
    /// Reads the content of an AlgorithmIdentifier.
    pub fn parse(content: &[u8]) -> Result<Self, DerError> {
        let mut reader = Reader(content);
        let oid = reader.oid("signature algorithm")?;
        let parameters = match reader.is_empty() {
            true => None,
            false => Some(reader.any("signature algorithm")?),
        };
        Ok(Self::named(&oid, parameters.is_some()))
    }

    /// Ed25519 alone must have no parameters.
    pub fn named(oid: &[u32], has_parameters: bool) -> Self {
        match oid {
            [1, 2, 840, 10045, 4, 1] => Self::Ecdsa(Hash::Sha1),
            [1, 2, 840, 10045, 4, 3, 2] => Self::Ecdsa(Hash::Sha256),
            [1, 2, 840, 10045, 4, 3, 3] => Self::Ecdsa(Hash::Sha384),
            [1, 2, 840, 10045, 4, 3, 4] => Self::Ecdsa(Hash::Sha512),
            [1, 2, 840, 113549, 1, 1, 5] => Self::Rsa(Hash::Sha1),
            [1, 2, 840, 113549, 1, 1, 11] => Self::Rsa(Hash::Sha256),
            [1, 2, 840, 113549, 1, 1, 12] => Self::Rsa(Hash::Sha384),
            [1, 2, 840, 113549, 1, 1, 13] => Self::Rsa(Hash::Sha512),
            [1, 3, 101, 112] if !has_parameters => Self::Ed25519,
            _ => Self::Unknown,
        }
    }

    pub fn is_ecdsa(self) -> bool {
        matches!(self, Self::Ecdsa(_))
    }

    fn is_sha1(self) -> bool {
        matches!(self, Self::Ecdsa(Hash::Sha1) | Self::Rsa(Hash::Sha1))
    }
}

/// Whether a certificate's signature is its parent's, and the parent may sign certificates at all.
pub(super) fn check_certificate(child: &Certificate, parent: &Certificate) -> Result<(), &'static str> {
    let extensions = &parent.extensions;
    let authority = match extensions.basic_constraints {
        Some(constraints) => constraints.is_ca,
        None => parent.version < 3,
    };
    let may_sign = !extensions.key_usage.any || extensions.key_usage.certificate_signing;
    if !authority || !may_sign {
        return Err("the parent may not sign certificates");
    }
    if child.algorithm.is_sha1() {
        return Err("the signature uses SHA-1");
    }
    check(child.algorithm, &child.signed, &child.signature, parent)
}

/// Verifies a signature with a certificate's key. S may be high, but the DER must be exact.
///
/// RSA-PSS is not known here, nor SHA-1 on curves other than P-256, nor RSA keys under 2048 bits with
/// SHA-384: Go knows them; no Fabric tool makes them.
pub(super) fn check(
    algorithm: SignatureAlgorithm,
    signed: &[u8],
    signature: &[u8],
    signer: &Certificate,
) -> Result<(), &'static str> {
    const MISMATCH: &str = "the signature does not match";
    match (algorithm, &signer.key) {
        (SignatureAlgorithm::Ecdsa(hash), Key::Identity(key)) => match key.curve() {
            Some(curve) => check_ecdsa(curve, hash, signed, signature, signer),
            None => Err(MISMATCH),
        },
        (SignatureAlgorithm::Ed25519, Key::Identity(key)) if key.curve().is_none() => {
            key.verify(signed, signature).map_err(|_| MISMATCH)
        }
        (SignatureAlgorithm::Rsa(hash), Key::Rsa(key)) => {
            let algorithm = rsa_algorithm(hash);
            aws::UnparsedPublicKey::new(algorithm, key).verify(signed, signature).map_err(|_| MISMATCH)
        }
        _ => Err("the signature's algorithm does not fit the key"),
    }
}

fn check_ecdsa(
    curve: Curve,
    hash: Hash,
    signed: &[u8],
    signature: &[u8],
    signer: &Certificate,
) -> Result<(), &'static str> {
    let (_, _, point) = parse_spki(&signer.spki).map_err(|error| error.0)?;
    let algorithm = match (curve, hash) {
        (Curve::P256, Hash::Sha1) => &aws::ECDSA_P256_SHA1_ASN1,
        (Curve::P256, Hash::Sha256) => &aws::ECDSA_P256_SHA256_ASN1,
        (Curve::P256, Hash::Sha384) => &aws::ECDSA_P256_SHA384_ASN1,
        (Curve::P256, Hash::Sha512) => &aws::ECDSA_P256_SHA512_ASN1,
        (Curve::P384, Hash::Sha256) => &aws::ECDSA_P384_SHA256_ASN1,
        (Curve::P384, Hash::Sha384) => &aws::ECDSA_P384_SHA384_ASN1,
        (Curve::P384, Hash::Sha512) => &aws::ECDSA_P384_SHA512_ASN1,
        (Curve::P521, Hash::Sha256) => &aws::ECDSA_P521_SHA256_ASN1,
        (Curve::P521, Hash::Sha384) => &aws::ECDSA_P521_SHA384_ASN1,
        (Curve::P521, Hash::Sha512) => &aws::ECDSA_P521_SHA512_ASN1,
        (Curve::P224, _) => return check_p224(hash, signed, signature, &point),
        (Curve::P384 | Curve::P521, Hash::Sha1) => return Err("SHA-1 on this curve"),
    };
    let key = aws::UnparsedPublicKey::new(algorithm, point);
    key.verify(signed, signature).map_err(|_| "the signature does not match")
}

fn check_p224(hash: Hash, signed: &[u8], signature: &[u8], point: &[u8]) -> Result<(), &'static str> {
    use p224::ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier};
    let digest = match hash {
        Hash::Sha1 => return Err("SHA-1 on this curve"),
        Hash::Sha256 => Sha256::digest(signed).to_vec(),
        Hash::Sha384 => Sha384::digest(signed).to_vec(),
        Hash::Sha512 => Sha512::digest(signed).to_vec(),
    };
    let key = VerifyingKey::from_sec1_bytes(point).map_err(|_| "malformed point")?;
    Signature::from_der(signature)
        .and_then(|signature| key.verify_prehash(&digest, &signature))
        .map_err(|_| "the signature does not match")
}

fn rsa_algorithm(hash: Hash) -> &'static aws::RsaParameters {
    match hash {
        Hash::Sha1 => &aws::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => &aws::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        Hash::Sha384 => &aws::RSA_PKCS1_2048_8192_SHA384,
        Hash::Sha512 => &aws::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    }
}
