//! Identities with their private keys.

use std::path::Path;

use bytes::Bytes;
use fabric::{
    crypto::{PrivateKey, PublicKey, SigningError},
    proto::msp::SerializedIdentity,
};
use prost::Message;

use super::{
    MspError,
    certificate::{Certificate, Key},
    directory::{self, KEYSTORE, SIGNCERTS},
    membership::parse_pem,
    pem,
};

/// An identity that can sign. Whether its MSP thinks it valid is not known here.
#[derive(Debug)]
pub struct SigningIdentity {
    mspid: String,
    key: PrivateKey,
    certificate: Bytes,
    not_after: i64,
    serialized: Bytes,
}

impl SigningIdentity {
    /// Reads the first certificate in `signcerts` and the key that fits it in `keystore`.
    pub fn from_msp_dir(dir: &Path, mspid: &str) -> Result<Self, MspError> {
        let signcerts = dir.join(SIGNCERTS);
        let certificates = directory::pem_files(&signcerts)?.unwrap_or_default();
        let missing = |path: &Path, what: &str| MspError::File {
            path: path.display().to_string(),
            reason: format!("no {what} in it"),
        };
        let certificate = certificates.first().ok_or_else(|| missing(&signcerts, "certificate"))?;
        let keystore = dir.join(KEYSTORE);
        let keys = directory::pem_files(&keystore)?.unwrap_or_default();
        let parsed = parse_pem(certificate)?;
        let key = keys.iter().filter_map(|key| PrivateKey::from_pem(key).ok()).find(|key| fits(&parsed, key));
        let key = key.ok_or_else(|| missing(&keystore, "private key of the certificate in signcerts"))?;
        Ok(Self::new(mspid, parsed, key))
    }

    /// Takes a certificate and its key as PEM texts.
    pub fn from_pem(mspid: &str, certificate: &[u8], key: &[u8]) -> Result<Self, MspError> {
        let certificate = parse_pem(certificate)?;
        let key = PrivateKey::from_pem(key).map_err(|error| MspError::Config(error.to_string()))?;
        match fits(&certificate, &key) {
            true => Ok(Self::new(mspid, certificate, key)),
            false => Err(MspError::Config("the private key is not the certificate's".to_owned())),
        }
    }

    fn new(mspid: &str, certificate: Certificate, key: PrivateKey) -> Self {
        let id_bytes = pem::encode("CERTIFICATE", &certificate.der).into();
        let serialized = SerializedIdentity { mspid: mspid.to_owned(), id_bytes }.encode_to_vec().into();
        Self {
            mspid: mspid.to_owned(),
            key,
            certificate: certificate.der,
            not_after: certificate.not_after,
            serialized,
        }
    }

    pub fn mspid(&self) -> &str {
        &self.mspid
    }

    /// The `SerializedIdentity`: what proposals name as creator and endorsements as endorser.
    pub fn serialized(&self) -> Bytes {
        self.serialized.clone()
    }

    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// The last second, in Unix time, at which the certificate is valid.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    pub fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    /// Signs as [`PrivateKey::sign`] does.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        self.key.sign(message)
    }
}

fn fits(certificate: &Certificate, key: &PrivateKey) -> bool {
    matches!(&certificate.key, Key::Identity(public) if *public == key.public_key())
}
