//! A request for a certificate (PKCS #10, RFC 2986): whose key it is, and that its sender has the private part.

use fabric::crypto::{
    Curve, PublicKey,
    der::{self, Reader},
    to_low_s,
};

const ECDSA_WITH_SHA_256: &[u32] = &[1, 2, 840, 10045, 4, 3, 2];
const ATTRIBUTES: u8 = 0xa0;
/// One for a P-256 key has some 350 bytes.
const MAXIMUM_BYTES: usize = 4096;

/// A request whose signature is by its own key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRequest {
    key: PublicKey,
    der: Vec<u8>,
}

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
#[error("the request for a certificate is refused: {0}")]
pub struct RequestError(&'static str);

impl From<der::DerError> for RequestError {
    fn from(_: der::DerError) -> Self {
        Self("it is no PKCS #10 request")
    }
}

impl KeyRequest {
    /// Reads a request (PEM) for a P-256 key, and checks that its sender has the key.
    pub fn read(text: &str) -> Result<Self, RequestError> {
        if text.len() > MAXIMUM_BYTES {
            return Err(RequestError("it is too long"));
        }
        let block = pem::parse(text).map_err(|_| RequestError("it is not PEM"))?;
        if block.tag() != "CERTIFICATE REQUEST" {
            return Err(RequestError("it is no CERTIFICATE REQUEST"));
        }
        let der = block.into_contents();
        let key = requested(&der)?;
        Ok(Self { key, der })
    }

    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// As an administrator takes it to the authority.
    pub fn to_pem(&self) -> String {
        to_pem("CERTIFICATE REQUEST", &self.der)
    }
}

pub(crate) fn to_pem(label: &str, der: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(label, der), config)
}

fn requested(request: &[u8]) -> Result<PublicKey, RequestError> {
    let mut input = Reader(request);
    let mut outer = input.enter(der::SEQUENCE, "request")?;
    let info = outer.element(der::SEQUENCE, "request's content")?;
    let mut algorithm = outer.enter(der::SEQUENCE, "signature algorithm")?;
    let signature = outer.bit_string("signature")?;
    if !input.is_empty() || !outer.is_empty() {
        return Err(RequestError("something follows it"));
    }
    if algorithm.oid("signature algorithm")? != ECDSA_WITH_SHA_256 {
        return Err(RequestError("it is not signed by ECDSA with SHA-256"));
    }
    let mut content = Reader(info.content);
    if content.int64("version")? != 0 {
        return Err(RequestError("it is of another version"));
    }
    content.element(der::SEQUENCE, "subject")?;
    let spki = content.element(der::SEQUENCE, "public key")?.full;
    content.optional(ATTRIBUTES, "attributes")?;
    let key = PublicKey::from_spki_der(spki).map_err(|_| RequestError("its key cannot be read"))?;
    if key.curve() != Some(Curve::P256) {
        return Err(RequestError("its key is not on the curve P-256"));
    }
    let signature =
        to_low_s(Curve::P256, &signature).map_err(|_| RequestError("its signature is malformed"))?;
    key.verify(info.full, &signature).map_err(|_| RequestError("its signature is not by its own key"))?;
    Ok(key)
}
