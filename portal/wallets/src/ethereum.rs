//! Ethereum: addresses by EIP-55, and EIP-191's personal messages, from whose signature the key is recovered.

use k256::ecdsa::{RecoveryId, Signature, VerifyingKey};
use sha3::{Digest, Keccak256};

use crate::{Refused, demand};

/// Bytes of a signature: r, s, and the number by which the key is recovered.
const BYTES: usize = 65;

/// An address with its checksum. One in a single case has none yet; one in both has to have the right one.
pub(crate) fn address(typed: &str) -> Result<String, Refused> {
    let digits = typed.strip_prefix("0x").unwrap_or_default();
    let is_hex = digits.len() == 40 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    demand(is_hex, "an address of Ethereum is 0x and 40 hexadecimal digits")?;
    let is_upper = digits.bytes().any(|byte| byte.is_ascii_uppercase());
    let is_lower = digits.bytes().any(|byte| byte.is_ascii_lowercase());
    let right = with_checksum(&digits.to_ascii_lowercase());
    demand(!(is_upper && is_lower) || right == typed, "the address has a wrong checksum (EIP-55)")?;
    Ok(right)
}

/// EIP-55: a digit is in upper case where the hash of the address has 8 or more at its place.
fn with_checksum(digits: &str) -> String {
    let hash = hex::encode(Keccak256::digest(digits.as_bytes()));
    let cased = digits.chars().zip(hash.chars());
    let cased = cased.map(|(digit, of_hash)| if of_hash >= '8' { digit.to_ascii_uppercase() } else { digit });
    std::iter::once("0x".to_owned()).chain(cased.map(String::from)).collect()
}

pub(crate) fn has_signed(text: &str, signature: &str, address: &str) -> Result<(), Refused> {
    let digits = signature.strip_prefix("0x").ok_or(Refused::Wrong("the signature begins with 0x"))?;
    let bytes = hex::decode(digits).map_err(|_| Refused::Wrong("the signature is not in hexadecimal"))?;
    if bytes.len() > BYTES {
        return Err(Refused::Unsupported(
            "wallets that are contracts (EIP-1271, EIP-6492) cannot be verified here",
        ));
    }
    let (rs, number) = match bytes.split_at_checked(BYTES.saturating_sub(1)) {
        Some((rs, [number])) => (rs, *number),
        _ => return Err(Refused::Wrong("the signature has another length")),
    };
    let signature =
        Signature::from_slice(rs).map_err(|_| Refused::Wrong("the signature is none of its curve"))?;
    demand(signature.normalize_s().is_none(), "the signature has a high s: it is another spelling")?;
    // 27 and 28 alone, as wallets write them: another number would be another spelling of the same signature.
    let number = number.checked_sub(27).filter(|number| *number < 2).and_then(RecoveryId::from_byte);
    let number = number.ok_or(Refused::Wrong("the signature ends with neither 27 nor 28"))?;
    let key = VerifyingKey::recover_from_prehash(&hashed(text), &signature, number);
    let key = key.map_err(|_| Refused::Wrong("the signature is of no key"))?;
    demand(address_of(&key) == address, "the signature is of another address")
}

/// EIP-191, version 0x45.
fn hashed(text: &str) -> [u8; 32] {
    let head = format!("\u{19}Ethereum Signed Message:\n{}", text.len());
    Keccak256::new_with_prefix(head.as_bytes()).chain_update(text.as_bytes()).finalize().into()
}

fn address_of(key: &VerifyingKey) -> String {
    let point = key.to_encoded_point(false);
    let hash = hex::encode(Keccak256::digest(point.as_bytes().get(1..).unwrap_or_default()));
    with_checksum(hash.get(24..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use k256::ecdsa::SigningKey;

    use super::*;

    /// The examples of EIP-55.
    const ADDRESSES: [&str; 4] = [
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
        "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
        "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    ];

    #[test]
    fn an_address_has_the_checksum_of_eip_55() {
        for right in ADDRESSES {
            assert_eq!(address(right).unwrap(), right);
            assert_eq!(address(&right.to_lowercase()).unwrap(), right);
            assert_eq!(address(&format!("0x{}", right[2..].to_uppercase())).unwrap(), right);
            assert!(address(&right.replace('A', "a").replace('d', "D")).is_err());
        }
        for wrong in [
            "",
            "0x",
            "5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAe",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeg",
        ] {
            assert!(address(wrong).is_err(), "{wrong}");
        }
    }

    fn signed(text: &str) -> (String, Vec<u8>) {
        let key = SigningKey::from_slice(&[7; 32]).unwrap();
        let (signature, number) = key.sign_prehash_recoverable(&hashed(text)).unwrap();
        let signature = [signature.to_bytes().to_vec().as_slice(), &[27 + number.to_byte()]].concat();
        (address_of(key.verifying_key()), signature)
    }

    fn check(text: &str, signature: &[u8], address: &str) -> Result<(), Refused> {
        has_signed(text, &format!("0x{}", hex::encode(signature)), address)
    }

    #[test]
    fn other_spellings_of_a_signature_are_refused() {
        let (address, signature) = signed("text");
        check("text", &signature, &address).unwrap();
        assert!(check("texts", &signature, &address).is_err());
        assert!(check("text", &signature, ADDRESSES[0]).is_err());
        // The same s on the other side of the order, with the other number.
        let parsed = Signature::from_slice(&signature[..64]).unwrap();
        let high = Signature::from_scalars(parsed.r().to_bytes(), (-*parsed.s()).to_bytes()).unwrap();
        for number in [27, 28] {
            assert!(
                check("text", &[high.to_bytes().to_vec().as_slice(), &[number]].concat(), &address).is_err()
            );
        }
        for number in (0..=255).filter(|it| *it != signature[64]) {
            assert!(check("text", &[&signature[..64], &[number]].concat(), &address).is_err(), "{number}");
        }
        for wrong in [&signature[..64], &signature[1..], &[], &[0; 65], &[255; 65]] {
            assert!(check("text", wrong, &address).is_err(), "{wrong:?}");
        }
        for wrong in ["", "0x", "0xzz", &hex::encode(&signature), &format!("0x{} ", hex::encode(&signature))]
        {
            assert!(has_signed("text", wrong, &address).is_err(), "{wrong}");
        }
    }

    /// By viem 2.57.20, with the key whose bytes are all 7.
    #[test]
    fn what_viem_signs_is_right() {
        let signature = "0xbddf23fd364d96d3c600aabe5c2b4ea4274bbdf8f520c1151884086b272fb61c7fcd09a102a87835882a17a2c8f7eb83248fadf330eefa9f\
                         e9eb2c1c652e56cf1b";
        let address = "0x4a62316623ad457F02cDC5D997deD67a383EC569";
        has_signed("text", signature, address).unwrap();
        assert!(has_signed("text", signature, &address.to_lowercase()).is_err());
    }

    #[test]
    fn a_contracts_signature_is_named() {
        let (address, signature) = signed("text");
        let longer = [signature.as_slice(), &[0]].concat();
        assert!(matches!(check("text", &longer, &address), Err(Refused::Unsupported(_))));
    }
}
