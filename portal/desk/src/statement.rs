//! What the portal says in the name of an organisation's service, to people who have no account on the network: signed as a
//! JWS (RFC 7515), which common tools check.

use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use serde_json::json;

use crate::Organisation;

/// Bytes of each of the two numbers of a signature on P-256.
const NUMBER: usize = 32;

/// Why nothing was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotSigned {
    #[error("the organisation's service has no key on P-256")]
    Key,
    #[error("the cryptographic library gave no signature")]
    Library,
}

/// Header and signature of a JWS, without what it signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detached {
    header: String,
    signature: String,
}

impl Organisation {
    /// Signs a document with the service's key: ES256, the service's certificate in `x5c` (RFC 7515 §4.1.6).
    ///
    /// The same key signs calls of the contract. What is signed here is text of base64url and a dot, in which no message of Fabric
    /// can be: each begins with a field 1 of some length, the byte 0x0a (test `no_statement_is_a_message_of_fabric`).
    pub fn sign_statement(&self, kind: &str, document: &[u8]) -> Result<Detached, NotSigned> {
        let certificate = BASE64_STANDARD.encode(self.identity.certificate_der());
        let header = json!({"alg": "ES256", "typ": kind, "x5c": [certificate]}).to_string();
        let header = BASE64_URL_SAFE_NO_PAD.encode(header);
        let signed = self.identity.sign(signing_input(&header, document).as_bytes());
        let signature = numbers(&signed.map_err(|_| NotSigned::Library)?).ok_or(NotSigned::Key)?;
        Ok(Detached { header, signature: BASE64_URL_SAFE_NO_PAD.encode(signature) })
    }
}

impl Detached {
    /// As it is kept.
    pub fn text(&self) -> String {
        format!("{}.{}", self.header, self.signature)
    }

    pub fn read(text: &str) -> Option<Self> {
        let (header, signature) = text.split_once('.')?;
        Some(Self { header: header.to_owned(), signature: signature.to_owned() })
    }

    /// The JWS in its compact form (RFC 7515 §7.1).
    pub fn around(&self, document: &[u8]) -> String {
        format!("{}.{}", signing_input(&self.header, document), self.signature)
    }
}

fn signing_input(header: &str, document: &[u8]) -> String {
    format!("{header}.{}", BASE64_URL_SAFE_NO_PAD.encode(document))
}

/// R and S as RFC 7518 §3.4 has them, of a signature in DER: a sequence (0x30) of two integers (0x02), each with its length.
fn numbers(der: &[u8]) -> Option<[u8; 2 * NUMBER]> {
    let (head, rest) = der.split_at_checked(2)?;
    if head != [0x30, u8::try_from(rest.len()).ok()?] {
        return None;
    }
    let (r, rest) = integer(rest)?;
    let (s, rest) = integer(rest)?;
    let mut numbers = [0; 2 * NUMBER];
    let (first, second) = numbers.split_at_mut(NUMBER);
    first.copy_from_slice(&r);
    second.copy_from_slice(&s);
    rest.is_empty().then_some(numbers)
}

fn integer(der: &[u8]) -> Option<([u8; NUMBER], &[u8])> {
    let (&[tag, length], rest) = der.split_first_chunk()?;
    let (digits, rest) = rest.split_at_checked(length.into())?;
    let significant = digits.iter().position(|byte| *byte != 0).unwrap_or(digits.len());
    let digits = digits.get(significant..)?;
    let mut number = [0; NUMBER];
    number.get_mut(NUMBER.checked_sub(digits.len())?..)?.copy_from_slice(digits);
    (tag == 0x02).then_some((number, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn numbers_have_their_place() {
        let [mut short, mut long] = [vec![0x30, 7, 2, 1, 7, 2, 2, 0, 0x80], vec![0x30, 70]];
        for _ in 0..2 {
            long.extend([2, 33, 0]);
            long.extend([0xff; 32]);
        }
        let read = numbers(&short).unwrap();
        assert_eq!(
            (read.first_chunk::<31>().unwrap(), read.get(31), read.last()),
            (&[0; 31], Some(&7), Some(&0x80))
        );
        assert_eq!(numbers(&long), Some([0xff; 64]));
        short.push(0);
        assert_eq!(numbers(&short), None);
        for wrong in
            [&[][..], &[0x30], &[0x30, 0], &[0x30, 3, 2, 1, 7], &[0x30, 6, 3, 1, 7, 2, 1, 7], &[0xff; 64]]
        {
            assert_eq!(numbers(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn no_statement_is_a_message_of_fabric() {
        let every: Vec<u8> = (0..=u8::MAX).collect();
        let input = signing_input(&BASE64_URL_SAFE_NO_PAD.encode(&every), &every);
        // Proposal, Payload, SignatureHeader, CommitStatusRequest: field 1 is a message or text in each.
        assert!(input.bytes().all(|byte| byte != 0x0a && byte != 0x12 && byte >= 0x2d));
        let kept = Detached::read("aGVhZA.c2ln").unwrap();
        assert_eq!((kept.text().as_str(), kept.around(b"{}").as_str()), ("aGVhZA.c2ln", "aGVhZA.e30.c2ln"));
    }
}
