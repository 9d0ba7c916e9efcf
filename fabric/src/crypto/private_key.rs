//! Private keys: ECDSA on P-256, which Fabric's tools make, and Ed25519.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use ed25519_dalek::Signer;

use super::{
    Curve, PublicKey,
    der::{self, OCTET_STRING, Reader, SEQUENCE},
    ecdsa,
    hashed::Hashed,
    public_key::spki_algorithm::{EC_PUBLIC_KEY, ED25519},
};

/// Why a private key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("there is no PEM block with a private key (PKCS #8 or SEC 1)")]
    Pem,
    #[error("the private key is malformed")]
    Malformed,
    #[error("the private key is neither ECDSA on P-256 nor Ed25519")]
    Algorithm,
    #[error("the key could not be generated or encoded")]
    Library,
}

/// Signing failed: the cryptographic library gave no signature, for want of random numbers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the message could not be signed: the cryptographic library gave no signature")]
pub struct SigningError;

/// A key that signs. Never printed.
pub struct PrivateKey {
    kind: Kind,
    public: PublicKey,
}

enum Kind {
    P256(EcdsaKeyPair),
    Ed25519(ed25519_dalek::SigningKey),
}

impl PrivateKey {
    /// A new P-256 key from the system's random numbers.
    pub fn generate() -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).map_err(|_| KeyError::Library)?;
        Self::from_p256(pair)
    }

    /// Reads the first PEM block that holds a private key, in PKCS #8 or SEC 1.
    pub fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let blocks = pem::parse_many(text).map_err(|_| KeyError::Pem)?;
        let block = blocks.iter().find(|block| block.tag().ends_with("PRIVATE KEY")).ok_or(KeyError::Pem)?;
        match block.tag() {
            "EC PRIVATE KEY" => Self::from_p256_der(block.contents()),
            _ => Self::from_pkcs8_der(block.contents()),
        }
    }

    /// Reads a PKCS #8 private key (RFC 5958).
    pub fn from_pkcs8_der(pkcs8: &[u8]) -> Result<Self, KeyError> {
        let mut info = Reader(pkcs8).enter(SEQUENCE, "private key").map_err(malformed)?;
        info.integer("version").map_err(malformed)?;
        let mut algorithm = info.enter(SEQUENCE, "algorithm").map_err(malformed)?;
        match algorithm.oid("algorithm").map_err(malformed)?.as_slice() {
            EC_PUBLIC_KEY => Self::from_p256_der(pkcs8),
            ED25519 => {
                let mut key = info.enter(OCTET_STRING, "private key").map_err(malformed)?;
                Self::from_ed25519_seed(key.content(OCTET_STRING, "seed").map_err(malformed)?)
            }
            _ => Err(KeyError::Algorithm),
        }
    }

    /// Signs: ECDSA over the message's SHA-256, DER with a low S; Ed25519 over the message itself.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.sign_hashed(&Hashed::of(message))
    }

    pub(super) fn sign_hashed(&self, message: &Hashed<impl AsRef<[u8]>>) -> Result<Vec<u8>, SigningError> {
        match &self.kind {
            Kind::Ed25519(key) => Ok(key.sign(message.message().as_ref()).to_bytes().to_vec()),
            Kind::P256(pair) => {
                let signature = pair.sign_digest(message.sha256()).map_err(|_| SigningError)?;
                ecdsa::to_low_s(Curve::P256, signature.as_ref()).map_err(|_| SigningError)
            }
        }
    }

    pub fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    /// PKCS #8 in PEM, as cryptogen writes `priv_sk`.
    pub fn to_pkcs8_pem(&self) -> Result<String, KeyError> {
        let document = match &self.kind {
            Kind::P256(pair) => pair.to_pkcs8v1().map_err(|_| KeyError::Library)?.as_ref().to_vec(),
            Kind::Ed25519(key) => ed25519_pkcs8(key.as_bytes()),
        };
        let block = pem::Pem::new("PRIVATE KEY", document);
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        Ok(pem::encode_config(&block, config))
    }

    /// Reads PKCS #8 or SEC 1 (RFC 5915).
    fn from_p256_der(der: &[u8]) -> Result<Self, KeyError> {
        let pair = EcdsaKeyPair::from_private_key_der(&ECDSA_P256_SHA256_ASN1_SIGNING, der);
        Self::from_p256(pair.map_err(|_| KeyError::Algorithm)?)
    }

    fn from_p256(pair: EcdsaKeyPair) -> Result<Self, KeyError> {
        use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
        use aws_lc_rs::signature::KeyPair;
        let spki: PublicKeyX509Der = pair.public_key().as_der().map_err(|_| KeyError::Library)?;
        let public = PublicKey::from_spki_der(spki.as_ref()).map_err(|_| KeyError::Library)?;
        Ok(Self { kind: Kind::P256(pair), public })
    }

    fn from_ed25519_seed(seed: &[u8]) -> Result<Self, KeyError> {
        let key = ed25519_dalek::SigningKey::from_bytes(seed.try_into().map_err(|_| KeyError::Malformed)?);
        let spki = ed25519_spki(key.verifying_key().as_bytes());
        let public = PublicKey::from_spki_der(&spki).map_err(|_| KeyError::Malformed)?;
        Ok(Self { kind: Kind::Ed25519(key), public })
    }
}

impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "PrivateKey(of {:?})", self.public)
    }
}

fn malformed(_: der::DerError) -> KeyError {
    KeyError::Malformed
}

// RFC 8410, sections 4 and 7: everything around the 32 bytes is constant.
fn ed25519_spki(key: &[u8; 32]) -> Vec<u8> {
    [&[0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00][..], key].concat()
}

fn ed25519_pkcs8(seed: &[u8; 32]) -> Vec<u8> {
    let head =
        [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    [&head[..], seed].concat()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::crypto::ecdsa::Signature;

    /// The key of RFC 8410, section 10.3.
    const ED25519_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn signatures_are_low_and_hold() {
        let key = PrivateKey::generate().unwrap();
        for index in 0..64_u8 {
            let signature = key.sign(&[index]).unwrap();
            assert!(Curve::P256.is_low(Signature::parse(&signature).unwrap().s));
            key.public_key().verify(&[index], &signature).unwrap();
        }
    }

    #[test]
    fn a_key_survives_being_written() {
        for key in [PrivateKey::generate().unwrap(), PrivateKey::from_pem(ED25519_PEM.as_bytes()).unwrap()] {
            let again = PrivateKey::from_pem(key.to_pkcs8_pem().unwrap().as_bytes()).unwrap();
            assert_eq!(again.public_key(), key.public_key());
            key.public_key().verify(b"message", &again.sign(b"message").unwrap()).unwrap();
        }
    }

    #[test]
    fn ed25519_is_that_of_rfc_8410() {
        let key = PrivateKey::from_pem(ED25519_PEM.as_bytes()).unwrap();
        let public =
            "302a300506032b657003210019bf44096984cdfe8541bac167dc3b96c85086aa30b6b6cb0c5c38ad703166e1";
        assert_eq!(hex::encode(key.public_key().spki_der()), public);
        assert_eq!(key.to_pkcs8_pem().unwrap(), ED25519_PEM);
    }

    #[test]
    fn what_is_no_key_is_told_apart() {
        let check =
            |text: &str, expected| assert_eq!(PrivateKey::from_pem(text.as_bytes()).err(), Some(expected));
        check("", KeyError::Pem);
        check("-----BEGIN CERTIFICATE-----\nAQID\n-----END CERTIFICATE-----\n", KeyError::Pem);
        check("-----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----\n", KeyError::Malformed);
        check("-----BEGIN EC PRIVATE KEY-----\nAQID\n-----END EC PRIVATE KEY-----\n", KeyError::Algorithm);
    }

    #[test]
    fn a_key_is_never_printed() {
        let key = PrivateKey::from_pem(ED25519_PEM.as_bytes()).unwrap();
        assert!(!format!("{key:?}").to_lowercase().contains("d4ee72db"));
    }
}
