//! Multiples of a point of P-256 computed once, so that a product with it takes additions alone.
//!
//! Everything here is public, so nothing here takes care to be constant in time.

use std::iter;

use p256::{
    AffinePoint, FieldBytes, FieldElement, ProjectivePoint,
    elliptic_curve::{Group, sec1::ToEncodedPoint},
};

/// The bytes of a scalar, and of a coordinate.
const BYTES: usize = 32;
/// What a byte of a scalar can be, zero apart.
const DIGITS: usize = 255;

/// `digit * 256^place * P` for every place of a scalar and every digit that is not zero: half a megabyte.
pub(super) struct Multiples(Vec<Affine>);

#[derive(Clone, Copy)]
struct Affine {
    x: FieldElement,
    y: FieldElement,
}

/// (X/Z², Y/Z³), and never the point at infinity: Z is not zero.
#[derive(Clone, Copy)]
struct Jacobian {
    x: FieldElement,
    y: FieldElement,
    z: FieldElement,
}

impl Multiples {
    /// Takes some milliseconds. The point at infinity has no table.
    pub fn of(point: AffinePoint) -> Option<Self> {
        let places = iter::successors(Some(point), |base| Some(doubled(base, 8)));
        let rows = places.take(BYTES).map(|base| normalized(&multiples(&base)));
        let table = rows.collect::<Option<Vec<_>>>()?.concat();
        // A digit without an entry would silently count as zero.
        (table.len() == BYTES * DIGITS).then_some(Self(table))
    }

    /// The multiples whose sum is `scalar * P`, with the scalar in big-endian order.
    fn summands(&self, scalar: &FieldBytes) -> impl Iterator<Item = Affine> {
        let digits = scalar.iter().rev().map(|digit| usize::from(*digit).checked_sub(1));
        self.0.chunks_exact(DIGITS).zip(digits).filter_map(|(row, digit)| row.get(digit?).copied())
    }
}

/// Whether `a P + b Q` has this x.
///
/// The answer is no, too, if the additions meet a case that the common formula does not cover.
pub(super) fn sum_has_x(
    (p, a): (&Multiples, &FieldBytes),
    (q, b): (&Multiples, &FieldBytes),
    x: &FieldBytes,
) -> bool {
    let Some(x) = FieldElement::from_bytes(x).into_option() else { return false };
    // All are fetched first: one by one, each addition would wait for memory.
    let mut summands = Vec::with_capacity(2 * BYTES);
    summands.extend(p.summands(a).chain(q.summands(b)));
    let mut summands = summands.into_iter();
    let first = summands.next().map(Jacobian::from);
    let sum = first.and_then(|first| summands.try_fold(first, Jacobian::add));
    sum.is_some_and(|sum| sum.x == x * sum.z.square())
}

/// `1 P` to `255 P`.
fn multiples(point: &AffinePoint) -> Vec<Jacobian> {
    let base = Affine::of(point);
    let from_two =
        iter::successors(Affine::of(&doubled(point, 1)).map(Jacobian::from), |multiple| multiple.add(base?));
    base.map(Jacobian::from).into_iter().chain(from_two).take(DIGITS).collect()
}

/// `2^times * P`
fn doubled(point: &AffinePoint, times: usize) -> AffinePoint {
    (0..times).fold(ProjectivePoint::from(point), |point, _| point.double()).to_affine()
}

/// With one inversion for all (Montgomery's trick), which p256 0.13 does not offer for its own points.
fn normalized(points: &[Jacobian]) -> Option<Vec<Affine>> {
    let mut product = FieldElement::ONE;
    let mut before = Vec::with_capacity(points.len());
    for point in points {
        before.push(product);
        product *= point.z;
    }
    let mut inverse = product.invert().into_option()?;
    let mut out = Vec::with_capacity(points.len());
    for (point, before) in points.iter().zip(before).rev() {
        let z = inverse * before;
        let z_squared = z.square();
        out.push(Affine { x: point.x * z_squared, y: point.y * z_squared * z });
        inverse *= point.z;
    }
    out.reverse();
    Some(out)
}

impl Affine {
    /// None for the point at infinity.
    fn of(point: &AffinePoint) -> Option<Self> {
        let encoded = point.to_encoded_point(false);
        let coordinate = |bytes: Option<&FieldBytes>| FieldElement::from_bytes(bytes?).into_option();
        Some(Self { x: coordinate(encoded.x())?, y: coordinate(encoded.y())? })
    }
}

impl From<Affine> for Jacobian {
    fn from(point: Affine) -> Self {
        Self { x: point.x, y: point.y, z: FieldElement::ONE }
    }
}

impl Jacobian {
    /// The sum of two points that are neither equal nor opposite (Cohen, Miyaji and Ono, "Efficient Elliptic
    /// Curve Exponentiation Using Mixed Coordinates", 1998): none if they are.
    fn add(self, other: Affine) -> Option<Self> {
        let z_squared = self.z.square();
        let h = other.x * z_squared - self.x;
        if h == FieldElement::ZERO {
            return None;
        }
        let r = other.y * z_squared * self.z - self.y;
        let h_squared = h.square();
        let h_cubed = h_squared * h;
        let v = self.x * h_squared;
        let x = r.square() - h_cubed - v - v;
        let y = r * (v - x) - self.y * h_cubed;
        Some(Self { x, y, z: self.z * h })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use p256::{Scalar, elliptic_curve::PrimeField};

    use super::*;

    fn x(point: ProjectivePoint) -> FieldBytes {
        point.to_affine().to_encoded_point(false).x().copied().unwrap_or_default()
    }

    #[test]
    fn each_multiple_is_the_library_s() {
        let point = ProjectivePoint::GENERATOR * Scalar::from(7_u64);
        let table = Multiples::of(point.to_affine()).unwrap();
        assert_eq!(table.0.len(), BYTES * DIGITS);
        let mut place = point;
        for row in table.0.chunks_exact(DIGITS) {
            let mut multiple = place;
            for entry in row {
                let expected = Affine::of(&multiple.to_affine());
                assert!(expected.is_some_and(|e| entry.x == e.x && entry.y == e.y));
                multiple += place;
            }
            place = multiple;
        }
    }

    #[test]
    fn what_the_formula_does_not_cover_is_refused() {
        let base = ProjectivePoint::GENERATOR;
        let plus = Multiples::of(base.to_affine()).unwrap();
        let minus = Multiples::of((-base).to_affine()).unwrap();
        let bytes = |number: u64| Scalar::from(number).to_repr();
        let holds = |q, a, b, point| sum_has_x((&plus, &bytes(a)), (q, &bytes(b)), &x(point));
        assert!(holds(&plus, 2, 1, base * Scalar::from(3_u64)));
        assert!(holds(&minus, 2, 1, base), "2 P - P");
        assert!(holds(&plus, 0, 5, base * Scalar::from(5_u64)));
        assert!(!holds(&plus, 2, 1, base * Scalar::from(4_u64)));
        assert!(!holds(&plus, 1, 1, base.double()), "a point and itself");
        assert!(Multiples::of(AffinePoint::IDENTITY).is_none());
        for x in [base, base.double(), ProjectivePoint::IDENTITY] {
            assert!(!holds(&minus, 1, 1, x), "a point and its opposite");
            assert!(!holds(&plus, 0, 0, x), "no point at all");
        }
    }
}
