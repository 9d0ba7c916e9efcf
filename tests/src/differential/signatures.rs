//! Signatures written in ways that Go takes and in ways that it does not.

use fabric::crypto::der::{self, Reader};
use fastrand::Rng;

/// The order of P-256.
const ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

/// One of the changes below.
pub fn some_change(rng: &mut Rng) -> fn(Vec<u8>) -> Vec<u8> {
    const CHANGES: [fn(Vec<u8>) -> Vec<u8>; 13] = [
        high_s,
        |signature| [signature, vec![0]].concat(),
        |signature| [signature, b"trailing".to_vec()].concat(),
        |_| b"garbage".to_vec(),
        |signature| signature[..signature.len() - 1].to_vec(),
        last_bit,
        |signature| wrap(numbers(&signature), &[2, 1, 1]),
        |signature| wrap(numbers(&signature), &[5, 0]),
        |signature| [vec![0x30, 0x81, signature[1]], signature[2..].to_vec()].concat(),
        padded,
        |signature| {
            let (r, _) = parts(&signature);
            wrap([r.clone(), r].concat(), &[])
        },
        |_| vec![0x30, 6, 2, 1, 0, 2, 1, 0],
        |signature| [vec![0x31], signature[1..].to_vec()].concat(),
    ];
    *rng.choice(&CHANGES).unwrap()
}

/// The other S that fits.
fn high_s(signature: Vec<u8>) -> Vec<u8> {
    let (r, s) = parts(&signature);
    if s.is_empty() {
        return signature;
    }
    let s = der::positive(&s[2..]).unwrap_or_default();
    let mut wide = [0; 32];
    wide[32 - s.len()..].copy_from_slice(s);
    let mut borrow = 0;
    for index in (0..32).rev() {
        let difference = i16::from(ORDER[index]) - i16::from(wide[index]) - borrow;
        borrow = i16::from(difference < 0);
        wide[index] = difference.rem_euclid(256) as u8;
    }
    let mut high = Vec::new();
    der::push_positive(&mut high, wide.as_slice());
    wrap([r, high].concat(), &[])
}

fn last_bit(mut signature: Vec<u8>) -> Vec<u8> {
    if let Some(last) = signature.last_mut() {
        *last ^= 1;
    }
    signature
}

/// R with a zero before it that DER does not have.
fn padded(signature: Vec<u8>) -> Vec<u8> {
    let (r, s) = parts(&signature);
    let mut padded = Vec::new();
    der::push(&mut padded, der::INTEGER, &[&[0], r.get(2..).unwrap_or_default()].concat());
    wrap([padded, s].concat(), &[])
}

fn numbers(signature: &[u8]) -> Vec<u8> {
    let (r, s) = parts(signature);
    [r, s].concat()
}

/// R and S with their tags; empty for an Ed25519 signature.
fn parts(signature: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let Ok(mut numbers) = Reader(signature).enter(der::SEQUENCE, "signature") else {
        return Default::default();
    };
    let mut next = || numbers.any("number").map(|number| number.full.to_vec()).unwrap_or_default();
    (next(), next())
}

fn wrap(numbers: Vec<u8>, extra: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    der::push(&mut out, der::SEQUENCE, &[&numbers, extra].concat());
    out
}
