//! Sui: addresses, and personal messages with their intent.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::{Engine, prelude::BASE64_STANDARD};
use blake2::{Blake2b256, Digest};
use k256::ecdsa::{Signature as Secp256k1Signature, VerifyingKey as Secp256k1Key, signature::Verifier};

use crate::{Refused, demand};

/// What the signed bytes are for: a personal message (3), of version 0, for Sui (0).
const INTENT: [u8; 3] = [3, 0, 0];

/// Half of the order of secp256r1, rounded down: s is at most that.
const P256_HALF: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0x80, 0x00, 0x00, 0x00, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xde,
    0x73, 0x7d, 0x56, 0xd3, 0x8b, 0xcf, 0x42, 0x79, 0xdc, 0xe5, 0x61, 0x7e, 0x31, 0x92, 0xa8,
];

pub(crate) fn address(typed: &str) -> Result<String, Refused> {
    let digits = typed.strip_prefix("0x").unwrap_or_default();
    let is_hex = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    demand(is_hex, "an address of Sui is 0x and 64 hexadecimal digits")?;
    Ok(typed.to_ascii_lowercase())
}

/// `signature` is base64 of flag, signature and public key.
pub(crate) fn has_signed(text: &str, signature: &str, address: &str) -> Result<(), Refused> {
    // Strict: with its padding, and nothing in the bits that count for nothing.
    let bytes =
        BASE64_STANDARD.decode(signature).map_err(|_| Refused::Wrong("the signature is not in base64"))?;
    let wrong_length = Refused::Wrong("the signature has another length");
    let (flag, rest) = bytes.split_first().ok_or(wrong_length)?;
    let key_bytes = match flag {
        0 => 32,
        1 | 2 => 33,
        3 => return unsupported("wallets of several keys (multisig) cannot be verified here"),
        5 => {
            return unsupported(
                "zkLogin cannot be verified here: it takes a proof, and keys of others that change",
            );
        }
        6 => {
            return unsupported(
                "wallets that are passkeys cannot be verified here; a passkey logs in by itself",
            );
        }
        _ => return unsupported("a signature of an unknown kind"),
    };
    let (signature, key) = rest.split_first_chunk::<64>().ok_or(wrong_length)?;
    if key.len() != key_bytes {
        return Err(wrong_length);
    }
    demand(address_of(*flag, key) == address, "the signature is of another address")?;
    let digest = hashed(text);
    let is_right = match flag {
        0 => is_of_ed25519(key, &digest, signature),
        1 => is_of_secp256k1(key, &digest, signature),
        _ => is_of_secp256r1(key, &digest, signature),
    };
    demand(is_right, "the signature is not right")
}

fn unsupported(reason: &'static str) -> Result<(), Refused> {
    Err(Refused::Unsupported(reason))
}

fn address_of(flag: u8, key: &[u8]) -> String {
    format!("0x{}", hex::encode(Blake2b256::new_with_prefix([flag]).chain_update(key).finalize()))
}

/// The message as BCS has a vector of bytes, after its intent.
fn hashed(text: &str) -> [u8; 32] {
    let mut hash = Blake2b256::new_with_prefix(INTENT);
    hash.update(uleb128(text.len()));
    hash.update(text.as_bytes());
    hash.finalize().into()
}

/// Seven bits in a byte, the lowest first; the highest bit says that there are more.
fn uleb128(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            bytes.push(low & 0x7f);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

/// Strict: no key and no point of small order, for which one signature would be right for many messages.
fn is_of_ed25519(key: &[u8], digest: &[u8], signature: &[u8; 64]) -> bool {
    let key = key.try_into().ok().and_then(|key| ed25519_dalek::VerifyingKey::from_bytes(key).ok());
    let signature = ed25519_dalek::Signature::from_bytes(signature);
    key.is_some_and(|key| key.verify_strict(digest, &signature).is_ok())
}

/// Over SHA-256 of the digest, with a low s.
fn is_of_secp256k1(key: &[u8], digest: &[u8], signature: &[u8; 64]) -> bool {
    let Ok(key) = Secp256k1Key::from_sec1_bytes(key) else { return false };
    let Ok(signature) = Secp256k1Signature::from_slice(signature) else { return false };
    signature.normalize_s().is_none() && key.verify(digest, &signature).is_ok()
}

/// Over SHA-256 of the digest, with a low s.
fn is_of_secp256r1(key: &[u8], digest: &[u8], signature: &[u8; 64]) -> bool {
    let is_low = signature.last_chunk::<32>().is_some_and(|s| *s <= P256_HALF);
    is_low && UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(digest, signature).is_ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use aws_lc_rs::{
        rand::SystemRandom,
        signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
    };
    use ed25519_dalek::Signer;

    use super::*;

    #[test]
    fn lengths_are_written_as_bcs_has_them() {
        for (number, bytes) in [
            (0, vec![0]),
            (1, vec![1]),
            (127, vec![127]),
            (128, vec![0x80, 1]),
            (300, vec![0xac, 2]),
            (16384, vec![0x80, 0x80, 1]),
        ] {
            assert_eq!(uleb128(number), bytes, "{number}");
        }
    }

    fn signed(text: &str) -> (String, Vec<u8>) {
        let key = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
        let public = key.verifying_key().to_bytes();
        let signature = [&[0], key.sign(&hashed(text)).to_bytes().as_slice(), &public].concat();
        (address_of(0, &public), signature)
    }

    fn check(text: &str, signature: &[u8], address: &str) -> Result<(), Refused> {
        has_signed(text, &BASE64_STANDARD.encode(signature), address)
    }

    /// Signed by `@mysten/sui` 2.33.1, each with the key whose bytes are all 7.
    #[test]
    fn what_suis_own_library_signs_is_right() {
        for (address, signature) in [
            (
                "0xa0ccc8bcc83f6c628340134f8546a21e0618fd1aaa02432bba454c4a2c2233da",
                "AIcHqK5C6/H408slU9cj0wnQvcsBaVymPZMFI/0T1VSmhQJnAFMYPwNX9NONbFYTRmRvNGJygKagkManSjMhmgnqSmxj4pxSCr71UHsTLsX5lUd2\
                 rr6+e5JCHuppFEbSLA==",
            ),
            (
                "0x3334442090548419b94695cbb1838652bb0494b54ff855494dd83491a3cfb6a6",
                "AY5vpUbblvj0GClagCuawYGFpjxa2+sd20HyzCqaOGQLFdkFgj/lZiuPXsSdhl5lATWGQJUZzciR6QQsiXdu9gwCmJwLdstWOXH9yb7zHsBsNWDz\
                 JJ1u6eXYPFdiVZbgX28=",
            ),
            (
                "0xa75a3c31148891f7cc33e8f8b9069b710979a417a8594ace613ac5161219e93f",
                "AlVkW/WekJp77ASiMeE1a8CiVy+T6JFFG7paFX8iWgLqIZfYnLvbFZL+WtFnFT9j2bG5FJuog/kZnv3nlenON8oDHhhTL9R1TALzBB2cdc6zO4P/\
                 2BrHzk/ogsyxyYvFiW4=",
            ),
        ] {
            has_signed("text", signature, address).unwrap();
            assert!(has_signed("texts", signature, address).is_err());
            let mut bytes = BASE64_STANDARD.decode(signature).unwrap();
            bytes[40] ^= 1;
            assert!(check("text", &bytes, address).is_err());
        }
    }

    /// The other s of the same signature, as n - s, which curves of NIST and of Bitcoin take for right.
    #[test]
    fn a_high_s_is_refused() {
        let k1 = k256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        let signature: Secp256k1Signature = k256::ecdsa::signature::Signer::sign(&k1, &hashed("text"));
        let key = k1.verifying_key().to_encoded_point(true);
        let high =
            Secp256k1Signature::from_scalars(signature.r().to_bytes(), (-*signature.s()).to_bytes()).unwrap();
        let address = address_of(1, key.as_bytes());
        let of = |it: &Secp256k1Signature| [&[1], it.to_bytes().to_vec().as_slice(), key.as_bytes()].concat();
        check("text", &of(&signature), &address).unwrap();
        assert!(check("text", &of(&high), &address).is_err());

        // Of secp256r1 aws-lc-rs gives either; one of two tries after another is high.
        let r1 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = r1.public_key().as_ref();
        let compressed = [&[2 + (key[64] & 1)], &key[1..33]].concat();
        let address = address_of(2, &compressed);
        let mut found = [false; 2];
        for _ in 0..100 {
            let signature = r1.sign(&SystemRandom::new(), &hashed("text")).unwrap();
            let is_low = signature.as_ref()[32..] <= P256_HALF[..];
            let bytes = [&[2], signature.as_ref(), &compressed].concat();
            assert_eq!(check("text", &bytes, &address).is_ok(), is_low);
            found[usize::from(is_low)] = true;
        }
        assert_eq!(found, [true; 2]);
    }

    #[test]
    fn a_key_of_another_address_is_refused() {
        let (address, signature) = signed("text");
        check("text", &signature, &address).unwrap();
        assert!(check("texts", &signature, &address).is_err());
        assert!(check("text", &signature, &format!("0x{}", "00".repeat(32))).is_err());
        for at in 0..signature.len() {
            let mut other = signature.clone();
            other[at] ^= 1;
            assert!(check("text", &other, &address).is_err(), "{at}");
        }
        // s and the order: the same signature in another spelling, which RFC 8032 refuses.
        let order: [u8; 32] = [
            0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
        ];
        let mut other = signature.clone();
        let mut carry = 0_u16;
        for (byte, more) in other[33..65].iter_mut().zip(order) {
            let sum = u16::from(*byte) + u16::from(more) + carry;
            *byte = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
        assert!(carry == 0 && check("text", &other, &address).is_err());
        // A key of small order signs everything: its own address does not help it.
        let small = [1_u8].into_iter().chain([0; 31]).collect::<Vec<_>>();
        let everything = [&[0], small.as_slice(), &[0; 32], &small].concat();
        assert!(check("text", &everything, &address_of(0, &small)).is_err());
    }

    #[test]
    fn other_encodings_are_refused() {
        let (address, signature) = signed("text");
        let right = BASE64_STANDARD.encode(&signature);
        has_signed("text", &right, &address).unwrap();
        let unpadded = right.trim_end_matches('=');
        let spaced = format!("{right}\n");
        for wrong in ["", "!", "AA==", unpadded, &spaced, &hex::encode(&signature), &right.replace('+', "-")]
        {
            let is_same = wrong == right;
            assert!(is_same || has_signed("text", wrong, &address).is_err(), "{wrong}");
        }
        for wrong in [&signature[..96], &[signature.as_slice(), &[0]].concat(), &signature[..1]] {
            assert!(check("text", wrong, &address).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_not_verified_here_is_named() {
        let (address, signature) = signed("text");
        for flag in [3, 4, 5, 6, 255] {
            let other = [&[flag], &signature[1..]].concat();
            assert!(matches!(check("text", &other, &address), Err(Refused::Unsupported(_))), "{flag}");
        }
    }
}
