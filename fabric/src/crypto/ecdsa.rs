//! The numbers of an ECDSA signature: Go's tolerant parsing, and the low-S rule (`bccsp/utils/ecdsa.go`).

use super::{
    SignatureError,
    der::{self, Reader, SEQUENCE},
};

/// The curves on which Fabric accepts identities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    P224,
    P256,
    P384,
    P521,
}

/// R and S as big-endian magnitudes without leading zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signature<'a> {
    pub r: &'a [u8],
    pub s: &'a [u8],
}

impl<'a> Signature<'a> {
    /// Reads a signature as Go's `asn1.Unmarshal` does: whatever follows S, inside the sequence or behind
    /// it, is not looked at.
    pub(super) fn parse(signature: &'a [u8]) -> Result<Self, SignatureError> {
        let numbers = |_| SignatureError::Malformed;
        let mut sequence = Reader(signature).enter(SEQUENCE, "signature").map_err(numbers)?;
        let r = sequence.integer("R").map_err(numbers)?;
        let s = sequence.integer("S").map_err(numbers)?;
        match (der::positive(r), der::positive(s)) {
            (Some(r), Some(s)) => Ok(Self { r, s }),
            _ => Err(SignatureError::NotPositive),
        }
    }

    /// The one DER encoding of R and S.
    pub(super) fn to_der(self) -> Vec<u8> {
        let mut numbers = Vec::with_capacity(72);
        der::push_positive(&mut numbers, self.r);
        der::push_positive(&mut numbers, self.s);
        let mut out = Vec::with_capacity(numbers.len() + 3);
        der::push(&mut out, SEQUENCE, &numbers);
        out
    }
}

/// Rewrites a signature so that S is at most half the order of the curve.
///
/// Of R + S and R + (order - S), both valid for the same message, Fabric accepts only the one with the
/// smaller S, so that no second signature can be made from a first.
pub fn to_low_s(curve: Curve, signature: &[u8]) -> Result<Vec<u8>, SignatureError> {
    let parsed = Signature::parse(signature)?;
    if curve.is_low(parsed.s) {
        return Ok(parsed.to_der());
    }
    let s = subtract(curve.order(), parsed.s).ok_or(SignatureError::Mismatch)?;
    Ok(Signature { r: parsed.r, s: &s }.to_der())
}

/// Rewrites a signature in the one DER encoding of its numbers, S as it is.
///
/// # Errors
/// Where R and S cannot be read, or one of them is not larger than zero.
pub fn canonical(signature: &[u8]) -> Result<Vec<u8>, SignatureError> {
    Ok(Signature::parse(signature)?.to_der())
}

impl Curve {
    /// Whether a magnitude is at most half the order.
    pub(super) fn is_low(self, magnitude: &[u8]) -> bool {
        // The orders are odd: s <= (order - 1) / 2 is the same as 2 s < order.
        let order = self.order();
        match magnitude.len() {
            length if length > order.len() => false,
            _ => less(&doubled(magnitude), order),
        }
    }

    fn order(self) -> &'static [u8] {
        match self {
            Self::P224 => &P224_ORDER,
            Self::P256 => &P256_ORDER,
            Self::P384 => &P384_ORDER,
            Self::P521 => &P521_ORDER,
        }
    }
}

fn less(left: &[u8], right: &[u8]) -> bool {
    let (left, right) = (significant(left), significant(right));
    (left.len(), left) < (right.len(), right)
}

fn significant(magnitude: &[u8]) -> &[u8] {
    let start = magnitude.iter().position(|byte| *byte != 0).unwrap_or(magnitude.len());
    magnitude.get(start..).unwrap_or_default()
}

fn doubled(magnitude: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut out: Vec<u8> = magnitude
        .iter()
        .rev()
        .map(|byte| {
            let digit = byte << 1 | carry;
            carry = byte >> 7;
            digit
        })
        .collect();
    out.push(carry);
    out.reverse();
    out
}

/// `minuend - subtrahend`, if that is positive.
fn subtract(minuend: &[u8], subtrahend: &[u8]) -> Option<Vec<u8>> {
    if !less(subtrahend, minuend) {
        return None;
    }
    let mut borrow = 0;
    let digits = subtrahend.iter().rev().copied().chain(std::iter::repeat(0));
    let mut out: Vec<u8> = minuend
        .iter()
        .rev()
        .zip(digits)
        .map(|(digit, taken)| {
            let difference = i16::from(*digit) - i16::from(taken) - borrow;
            borrow = i16::from(difference < 0);
            difference.rem_euclid(256) as u8
        })
        .collect();
    out.reverse();
    Some(out)
}

// The orders of the base points (SEC 2, sections 2.4.1, 2.4.2, 2.5.1 and 2.6.1).
const P224_ORDER: [u8; 28] = *b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x16\xa2\
    \xe0\xb8\xf0\x3e\x13\xdd\x29\x45\x5c\x5c\x2a\x3d";
const P256_ORDER: [u8; 32] = *b"\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\
    \xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51";
const P384_ORDER: [u8; 48] = *b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
    \xff\xff\xff\xff\xff\xff\xff\xff\xc7\x63\x4d\x81\xf4\x37\x2d\xdf\
    \x58\x1a\x0d\xb2\x48\xb0\xa7\x7a\xec\xec\x19\x6a\xcc\xc5\x29\x73";
const P521_ORDER: [u8; 66] = *b"\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
    \xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\
    \xfa\x51\x86\x87\x83\xbf\x2f\x96\x6b\x7f\xcc\x01\x48\xf7\x09\xa5\xd0\
    \x3b\xb5\xc9\xb8\x89\x9c\x47\xae\xbb\x6f\xb7\x1e\x91\x38\x64\x09";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const CURVES: [Curve; 4] = [Curve::P224, Curve::P256, Curve::P384, Curve::P521];

    fn half(curve: Curve) -> Vec<u8> {
        let mut carry = 0;
        let halve = |byte: &u8| {
            let digit = byte >> 1 | carry;
            carry = byte << 7;
            digit
        };
        curve.order().iter().map(halve).collect()
    }

    #[test]
    fn low_ends_at_half_the_order() {
        for curve in CURVES {
            let mut s = half(curve);
            assert!(curve.is_low(&s), "{curve:?}");
            *s.last_mut().unwrap() += 1;
            assert!(!curve.is_low(&s), "{curve:?}");
            assert!(!curve.is_low(curve.order()));
            assert!(!curve.is_low(&[1; 67]));
            assert!(curve.is_low(&[1]));
        }
    }

    #[test]
    fn a_high_s_becomes_its_low_twin() {
        for curve in CURVES {
            let low = half(curve);
            let high = subtract(curve.order(), &low).unwrap();
            let signature = Signature { r: &[5], s: &high }.to_der();
            let expected = Signature { r: &[5], s: significant(&low) }.to_der();
            assert_eq!(to_low_s(curve, &signature).unwrap(), expected);
            assert_eq!(to_low_s(curve, &expected).unwrap(), expected);
        }
    }

    #[test]
    fn what_follows_s_is_ignored_as_in_go() {
        let plain = [0x30, 6, 2, 1, 5, 2, 1, 6];
        let third = [0x30, 9, 2, 1, 5, 2, 1, 6, 2, 1, 7];
        let behind = [0x30, 6, 2, 1, 5, 2, 1, 6, 0xde, 0xad];
        for bytes in [&plain[..], &third, &behind] {
            assert_eq!(Signature::parse(bytes), Ok(Signature { r: &[5], s: &[6] }));
            assert_eq!(Signature::parse(bytes).unwrap().to_der(), plain);
        }
    }

    #[test]
    fn other_tolerance_there_is_none() {
        let malformed: [&[u8]; 7] = [
            &[],
            &[0x30, 0x81, 6, 2, 1, 5, 2, 1, 6],
            &[0x30, 7, 2, 0x81, 1, 5, 2, 1, 6],
            &[0x30, 7, 2, 2, 0, 5, 2, 1, 6],
            &[0x30, 0x80, 2, 1, 5, 2, 1, 6, 0, 0],
            &[0x31, 6, 2, 1, 5, 2, 1, 6],
            &[0x30, 3, 2, 1, 5],
        ];
        for bytes in malformed {
            assert_eq!(Signature::parse(bytes), Err(SignatureError::Malformed), "{bytes:02x?}");
        }
        for bytes in [[0x30, 6, 2, 1, 0, 2, 1, 6], [0x30, 6, 2, 1, 5, 2, 1, 0x86]] {
            assert_eq!(Signature::parse(&bytes), Err(SignatureError::NotPositive));
        }
    }
}
