//! Encryption for recipients, in the format of age (<https://age-encryption.org/v1>): a header that wraps a file key for each
//! X25519 recipient, and the content in chunks of 64 KiB. The program `age` reads what is written here, and the reverse. Passphrases and
//! other kinds of recipients are not taken.
//!
//! All arithmetic is AWS-LC's; here are the format's bytes alone (docs/adr/0052-backups.md).

use std::str::FromStr;

use aws_lc_rs::{
    aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey},
    agreement::{PrivateKey, UnparsedPublicKey, X25519, agree},
    hkdf::{HKDF_SHA256, KeyType, Salt},
    hmac,
};
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

use crate::bech32;

const VERSION: &str = "age-encryption.org/v1";
const KIND: &str = "X25519";
const LABEL: &[u8] = b"age-encryption.org/v1/X25519";
/// Characters in a full line of a stanza's body.
const COLUMNS: usize = 64;
const CHUNK: usize = 64 << 10;
const TAG: usize = 16;
const FILE_KEY: usize = 16;
const NONCE: usize = 16;

/// Whom something is encrypted for: `age1…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient([u8; 32]);

/// What decrypts: `AGE-SECRET-KEY-1…`.
pub struct Identity {
    key: PrivateKey,
    public: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AgeError {
    #[error("it is no recipient of age (age1…)")]
    Recipient,
    #[error("it is no identity of age (AGE-SECRET-KEY-1…)")]
    Identity,
    #[error("they are not in the format of age")]
    Format,
    #[error("none of the identities is of a recipient")]
    NoMatch,
    #[error("they were changed")]
    Changed,
    #[error("the cryptographic library failed")]
    Library,
}

impl From<aws_lc_rs::error::Unspecified> for AgeError {
    fn from(_: aws_lc_rs::error::Unspecified) -> Self {
        Self::Library
    }
}

impl FromStr for Recipient {
    type Err = AgeError;

    fn from_str(text: &str) -> Result<Self, AgeError> {
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let key = bech32::decode("age", text).filter(|_| is_lower).ok_or(AgeError::Recipient)?;
        Ok(Self(key.try_into().map_err(|_| AgeError::Recipient)?))
    }
}

impl FromStr for Identity {
    type Err = AgeError;

    fn from_str(text: &str) -> Result<Self, AgeError> {
        let is_upper = !text.bytes().any(|byte| byte.is_ascii_lowercase());
        let lower = text.to_ascii_lowercase();
        let key = bech32::decode("age-secret-key-", &lower).filter(|_| is_upper).ok_or(AgeError::Identity)?;
        let key = PrivateKey::from_private_key(&X25519, &key).map_err(|_| AgeError::Identity)?;
        let public = key.compute_public_key()?;
        let public = public.as_ref().try_into().map_err(|_| AgeError::Identity)?;
        Ok(Self { key, public })
    }
}

/// The identities in a file, one a line beside comments, as `age-keygen` writes them.
pub fn identities(file: &str) -> Result<Vec<Identity>, AgeError> {
    let lines = file.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let identities = lines.map(str::parse).collect::<Result<Vec<_>, _>>()?;
    if identities.is_empty() { Err(AgeError::Identity) } else { Ok(identities) }
}

/// Encrypts for all of these.
pub fn encrypt(content: &[u8], recipients: &[Recipient]) -> Result<Vec<u8>, AgeError> {
    let (file_key, nonce) = (random::<FILE_KEY>()?, random::<NONCE>()?);
    let mut header = format!("{VERSION}\n");
    for recipient in recipients {
        header += &wrap(&file_key, recipient)?;
    }
    header += "---";
    let mac = STANDARD_NO_PAD.encode(header_mac(&file_key, header.as_bytes())?);
    let mut out = format!("{header} {mac}\n").into_bytes();
    out.extend_from_slice(&nonce);
    let key = payload_key(&file_key, &nonce)?;
    // An empty content is one empty chunk; no other has an empty last one.
    let count = content.len().div_ceil(CHUNK).max(1);
    for number in 0..count {
        let rest = content.get(number * CHUNK..).unwrap_or_default();
        let mut chunk = rest.get(..CHUNK).unwrap_or(rest).to_vec();
        key.seal_in_place_append_tag(chunk_nonce(number, number + 1 == count), Aad::empty(), &mut chunk)?;
        out.append(&mut chunk);
    }
    Ok(out)
}

/// Decrypts what one of the identities can.
pub fn decrypt(encrypted: &[u8], identities: &[Identity]) -> Result<Vec<u8>, AgeError> {
    let Header { stanzas, signed, mac, payload } = Header::read(encrypted)?;
    let file_key = file_key(&stanzas, identities)?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &derive(&file_key, &[], b"header")?);
    hmac::verify(&key, signed, &mac).map_err(|_| AgeError::Changed)?;
    let (nonce, mut chunks) = payload.split_first_chunk::<NONCE>().ok_or(AgeError::Format)?;
    let key = payload_key(&file_key, nonce)?;
    let (mut content, mut number) = (Vec::new(), 0);
    loop {
        let is_last = chunks.len() <= CHUNK + TAG;
        let (chunk, rest) = chunks.split_at(chunks.len().min(CHUNK + TAG));
        let mut chunk = chunk.to_vec();
        let opened = key.open_in_place(chunk_nonce(number, is_last), Aad::empty(), &mut chunk);
        let opened = opened.map_err(|_| AgeError::Changed)?;
        if opened.is_empty() && number > 0 {
            return Err(AgeError::Changed);
        }
        content.extend_from_slice(opened);
        if is_last {
            return Ok(content);
        }
        (chunks, number) = (rest, number + 1);
    }
}

/// The stanza that wraps the file key for a recipient.
fn wrap(file_key: &[u8; FILE_KEY], recipient: &Recipient) -> Result<String, AgeError> {
    let ephemeral = PrivateKey::generate(&X25519)?;
    let share = ephemeral.compute_public_key()?;
    let key = wrapping_key(&ephemeral, share.as_ref(), &recipient.0, &recipient.0)?;
    let mut body = file_key.to_vec();
    key.seal_in_place_append_tag(Nonce::assume_unique_for_key([0; 12]), Aad::empty(), &mut body)?;
    let (share, body) = (STANDARD_NO_PAD.encode(share), STANDARD_NO_PAD.encode(body));
    Ok(format!("-> {KIND} {share}\n{body}\n"))
}

fn file_key(stanzas: &[Stanza<'_>], identities: &[Identity]) -> Result<[u8; FILE_KEY], AgeError> {
    for stanza in stanzas.iter().filter(|stanza| stanza.arguments.first() == Some(&KIND)) {
        let [_, share] = stanza.arguments.as_slice() else { return Err(AgeError::Format) };
        let share: [u8; 32] = decode(share)?.try_into().map_err(|_| AgeError::Format)?;
        if stanza.body.len() != FILE_KEY + TAG {
            return Err(AgeError::Format);
        }
        for identity in identities {
            let key = wrapping_key(&identity.key, &share, &identity.public, &share)?;
            let mut body = stanza.body.clone();
            let nonce = Nonce::assume_unique_for_key([0; 12]);
            if let Ok(file_key) = key.open_in_place(nonce, Aad::empty(), &mut body) {
                return (&*file_key).try_into().map_err(|_| AgeError::Format);
            }
        }
    }
    Err(AgeError::NoMatch)
}

/// Of the secret that `private` and `peer` share; a peer's share of low order is refused by the library.
fn wrapping_key(
    private: &PrivateKey,
    share: &[u8],
    recipient: &[u8; 32],
    peer: &[u8; 32],
) -> Result<LessSafeKey, AgeError> {
    let salt = [share, recipient].concat();
    let peer = UnparsedPublicKey::new(&X25519, peer);
    let key = agree(private, peer, AgeError::Format, |secret| derive(secret, &salt, LABEL))?;
    Ok(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key)?))
}

fn payload_key(file_key: &[u8; FILE_KEY], nonce: &[u8; NONCE]) -> Result<LessSafeKey, AgeError> {
    let key = derive(file_key, nonce, b"payload")?;
    Ok(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &key)?))
}

fn header_mac(file_key: &[u8; FILE_KEY], header: &[u8]) -> Result<hmac::Tag, AgeError> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, &derive(file_key, &[], b"header")?);
    Ok(hmac::sign(&key, header))
}

fn derive(secret: &[u8], salt: &[u8], label: &[u8]) -> Result<[u8; 32], AgeError> {
    struct Key;
    impl KeyType for Key {
        fn len(&self) -> usize {
            32
        }
    }
    let mut key = [0; 32];
    Salt::new(HKDF_SHA256, salt).extract(secret).expand(&[label], Key)?.fill(&mut key)?;
    Ok(key)
}

/// Eleven bytes of the chunk's number, and whether it is the last.
fn chunk_nonce(number: usize, is_last: bool) -> Nonce {
    let mut nonce = [0; 12];
    if let Some((last, counter)) = nonce.split_last_mut() {
        *last = u8::from(is_last);
        for (place, byte) in counter.iter_mut().rev().zip((number as u64).to_le_bytes()) {
            *place = byte;
        }
    }
    Nonce::assume_unique_for_key(nonce)
}

fn random<const N: usize>() -> Result<[u8; N], AgeError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| AgeError::Library)?;
    Ok(bytes)
}

/// Without padding, and in the one form that the bytes have.
fn decode(text: &str) -> Result<Vec<u8>, AgeError> {
    STANDARD_NO_PAD.decode(text).map_err(|_| AgeError::Format)
}

struct Header<'a> {
    stanzas: Vec<Stanza<'a>>,
    /// Up to the three dashes.
    signed: &'a [u8],
    mac: Vec<u8>,
    payload: &'a [u8],
}

struct Stanza<'a> {
    arguments: Vec<&'a str>,
    body: Vec<u8>,
}

impl<'a> Header<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, AgeError> {
        let mut lines = Lines { bytes, at: 0 };
        if lines.next()? != VERSION {
            return Err(AgeError::Format);
        }
        let mut stanzas = Vec::new();
        loop {
            let begins = lines.at;
            let line = lines.next()?;
            if let Some(mac) = line.strip_prefix("--- ") {
                let signed = bytes.get(..begins + 3).unwrap_or_default();
                let payload = bytes.get(lines.at..).unwrap_or_default();
                let mac = decode(mac)?;
                // Passphrases are not taken, and stand alone where they are.
                let is_passphrase = |stanza: &Stanza<'_>| stanza.arguments.first() == Some(&"scrypt");
                let is_usable = mac.len() == 32 && !stanzas.is_empty() && !stanzas.iter().any(is_passphrase);
                return if is_usable {
                    Ok(Self { stanzas, signed, mac, payload })
                } else {
                    Err(AgeError::Format)
                };
            }
            let arguments = line.strip_prefix("-> ").ok_or(AgeError::Format)?;
            stanzas.push(Stanza::read(arguments, &mut lines)?);
        }
    }
}

impl<'a> Stanza<'a> {
    fn read(arguments: &'a str, lines: &mut Lines<'a>) -> Result<Self, AgeError> {
        let arguments: Vec<_> = arguments.split(' ').collect();
        let is_argument = |it: &&str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_graphic());
        if !arguments.iter().all(is_argument) {
            return Err(AgeError::Format);
        }
        let mut body = Vec::new();
        loop {
            let line = lines.next()?;
            if line.len() > COLUMNS {
                return Err(AgeError::Format);
            }
            body.extend(decode(line)?);
            if line.len() < COLUMNS {
                return Ok(Self { arguments, body });
            }
        }
    }
}

struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a str, AgeError> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or(AgeError::Format)?;
        self.at += end + 1;
        std::str::from_utf8(rest.get(..end).unwrap_or_default()).map_err(|_| AgeError::Format)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]
mod tests {
    use std::{fs, io::Read, path::Path};

    use flate2::read::ZlibDecoder;
    use sha2::{Digest, Sha256};

    use super::*;

    const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";

    /// The vectors of C2SP's test suite for this format: each is decrypted, or refused.
    #[test]
    fn the_vectors_of_the_format_hold() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/age");
        let mut seen = 0;
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let vector = fs::read(&path).unwrap();
            let end = vector.windows(2).position(|window| window == b"\n\n").unwrap();
            let head = String::from_utf8(vector[..end].to_vec()).unwrap();
            let field =
                |name: &str| head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            let identities: Vec<Identity> =
                head.lines().filter_map(|line| line.strip_prefix("identity: ")?.parse().ok()).collect();
            let mut file = vector[end + 2..].to_vec();
            if field("compressed") == Some("zlib") {
                let mut inflated = Vec::new();
                ZlibDecoder::new(&*file).read_to_end(&mut inflated).unwrap();
                file = inflated;
            }
            let decrypted = decrypt(&file, &identities);
            match field("expect") {
                Some("success") => {
                    let content = decrypted.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
                    assert_eq!(
                        field("payload"),
                        Some(&*hex::encode(Sha256::digest(content))),
                        "{}",
                        path.display()
                    );
                }
                Some(_) => assert!(decrypted.is_err(), "{}", path.display()),
                None => panic!("{}", path.display()),
            }
            seen += 1;
        }
        assert!(seen > 40, "{seen}");
    }

    #[test]
    fn what_is_encrypted_is_decrypted_and_no_byte_of_it_can_change() {
        let (recipient, identity): (Recipient, Identity) =
            (RECIPIENT.parse().unwrap(), IDENTITY.parse().unwrap());
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7] {
            let content: Vec<_> = (0..length).map(|at| at as u8).collect();
            let encrypted = encrypt(&content, &[recipient.clone(), recipient.clone()]).unwrap();
            assert_eq!(decrypt(&encrypted, std::slice::from_ref(&identity)).unwrap(), content);
            for cut in [0, 1, 50, encrypted.len() / 2, encrypted.len() - 1] {
                decrypt(&encrypted[..cut], std::slice::from_ref(&identity)).unwrap_err();
            }
        }
        let encrypted = encrypt(b"keys", std::slice::from_ref(&recipient)).unwrap();
        for at in 0..encrypted.len() {
            let mut changed = encrypted.clone();
            changed[at] ^= 1;
            assert!(decrypt(&changed, std::slice::from_ref(&identity)).is_err(), "byte {at}");
        }
    }

    #[test]
    fn keys_are_read_in_their_own_spelling_alone() {
        for wrong in
            ["", "age1", IDENTITY, &RECIPIENT.to_uppercase(), &RECIPIENT[1..], &RECIPIENT.replace('w', "x")]
        {
            assert_eq!(wrong.parse::<Recipient>(), Err(AgeError::Recipient), "{wrong}");
        }
        for wrong in ["", RECIPIENT, &IDENTITY.to_lowercase(), &IDENTITY[..70]] {
            assert_eq!(wrong.parse::<Identity>().err(), Some(AgeError::Identity), "{wrong}");
        }
        assert_eq!(identities(&format!("# created\n\n{IDENTITY}\n")).unwrap().len(), 1);
        assert_eq!(identities("# nothing\n").err(), Some(AgeError::Identity));
    }
}
