//! Exact decimal numbers, as text in documents: a decision about a certificate never rounds.

use std::cmp::Ordering;
use std::ops::{Add, Mul, Sub};

/// Digits of a number in a document, before and after the point together.
const MAXIMUM_DIGITS: usize = 18;

/// `mantissa / 10^scale`. Equality and order are those of the value: 1.50 equals 1.5.
///
/// Numbers read from a document have at most 18 digits. So the sum of any two, of a document's longest list,
/// and a product of two such numbers times a few hundred fit 38 digits, and stay exact; beyond that the
/// mantissa saturates rather than wrap.
#[derive(Debug, Clone, Copy)]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
}

impl Decimal {
    pub const ZERO: Decimal = Decimal::from_integer(0);

    pub const fn from_integer(value: i64) -> Decimal {
        Decimal { mantissa: value as i128, scale: 0 }
    }

    /// Reads `-?(0|[1-9][0-9]*)(\.[0-9]+)?` of at most 18 digits.
    pub fn parse(text: &str) -> Option<Decimal> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').map_or((digits, None), |(a, b)| (a, Some(b)));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if leading_zero || !is_number(whole) || !fraction.is_none_or(is_number) {
            return None;
        }
        let fraction = fraction.unwrap_or_default();
        if whole.len() + fraction.len() > MAXIMUM_DIGITS {
            return None;
        }
        let append = |number: i64, digit| 10 * number + i64::from(digit - b'0');
        let magnitude = i128::from(whole.bytes().chain(fraction.bytes()).fold(0, append));
        let mantissa = if digits.len() < text.len() { -magnitude } else { magnitude };
        Some(Decimal { mantissa, scale: fraction.len() as u32 })
    }

    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    pub fn is_integer(self) -> bool {
        self.mantissa % power_of_ten(self.scale) == 0
    }

    /// The mantissa this number would have with `scale` digits after the point; `scale` is not below its own.
    fn mantissa_at(self, scale: u32) -> i128 {
        self.mantissa.saturating_mul(power_of_ten(scale.saturating_sub(self.scale)))
    }
}

fn power_of_ten(exponent: u32) -> i128 {
    10_i128.saturating_pow(exponent)
}

impl Add for Decimal {
    type Output = Decimal;

    fn add(self, other: Decimal) -> Decimal {
        let scale = self.scale.max(other.scale);
        Decimal { mantissa: self.mantissa_at(scale).saturating_add(other.mantissa_at(scale)), scale }
    }
}

impl Sub for Decimal {
    type Output = Decimal;

    fn sub(self, other: Decimal) -> Decimal {
        self + Decimal { mantissa: -other.mantissa, scale: other.scale }
    }
}

impl Mul for Decimal {
    type Output = Decimal;

    fn mul(self, other: Decimal) -> Decimal {
        Decimal {
            mantissa: self.mantissa.saturating_mul(other.mantissa),
            scale: self.scale.saturating_add(other.scale),
        }
    }
}

impl std::iter::Sum for Decimal {
    fn sum<I: Iterator<Item = Decimal>>(numbers: I) -> Decimal {
        numbers.fold(Decimal::ZERO, Add::add)
    }
}

impl Ord for Decimal {
    /// Whole parts first, then the fractions at a common scale: so that numbers of very different scales
    /// compare without overflow.
    fn cmp(&self, other: &Decimal) -> Ordering {
        let split = |number: &Decimal| {
            let unit = power_of_ten(number.scale);
            let fraction = Decimal { mantissa: number.mantissa.rem_euclid(unit), scale: number.scale };
            (number.mantissa.div_euclid(unit), fraction)
        };
        let ((whole, fraction), (other_whole, other_fraction)) = (split(self), split(other));
        let scale = self.scale.max(other.scale);
        whole.cmp(&other_whole).then(fraction.mantissa_at(scale).cmp(&other_fraction.mantissa_at(scale)))
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Decimal) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn the_grammar() {
        for text in ["0", "-0", "0.5", "-12.340", "123456789012345678", "0.12345678901234567", "-0.0"] {
            assert!(Decimal::parse(text).is_some(), "{text}");
        }
        for text in [
            "",
            "-",
            ".",
            "1.",
            ".5",
            "+1",
            "01",
            "-01",
            "00",
            "1e3",
            "1E3",
            "1,5",
            " 1",
            "1 ",
            "--1",
            "0x1",
            "NaN",
            "Infinity",
            "1.2.3",
            "١",
            "1234567890123456789",
            "0.123456789012345678",
        ] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn exact_where_floating_point_is_not() {
        assert_eq!(number("0.1") + number("0.2"), number("0.3"));
        assert_eq!(number("12") * number("5.67"), number("68.04"));
        assert_eq!(number("1.50"), number("1.5"));
        assert!(number("0.49999999999999999") < number("0.5"));
        assert!(number("-0.5") < number("-0.4") && number("-0") == Decimal::ZERO);
        assert!(number("3.000").is_integer() && !number("3.001").is_integer());
    }

    #[test]
    fn the_largest_numbers_stay_exact() {
        let (large, small) = (number("999999999999999999"), number("0.99999999999999999"));
        assert!(large + small > large);
        let product = large * large;
        assert!(product * Decimal::from_integer(102) > product * Decimal::from_integer(101));
        assert!(small * small < small && small * small > Decimal::ZERO);
        assert!(large > small * small);
    }

    fn with_fraction(units: i64, thousandths: u16) -> String {
        format!("{units}.{thousandths:03}")
    }

    proptest! {
        #[test]
        fn as_integers_of_thousandths(a in 0i64..1_000_000_000, b in 0u16..1000, c in 0i64..1_000_000_000, d in 0u16..1000) {
            let (left, right) = (number(&with_fraction(a, b)), number(&with_fraction(c, d)));
            let (x, y) = (i128::from(a) * 1000 + i128::from(b), i128::from(c) * 1000 + i128::from(d));
            prop_assert_eq!(left.cmp(&right), x.cmp(&y));
            prop_assert_eq!(left + right, Decimal { mantissa: x + y, scale: 3 });
            prop_assert_eq!(left - right, Decimal { mantissa: x - y, scale: 3 });
            prop_assert_eq!(left * right, Decimal { mantissa: x * y, scale: 6 });
        }

        #[test]
        fn order_is_total_and_agrees_with_subtraction(a in "-?(0|[1-9][0-9]{0,8})(\\.[0-9]{1,9})?", b in "-?(0|[1-9][0-9]{0,8})(\\.[0-9]{1,9})?") {
            let (a, b) = (number(&a), number(&b));
            prop_assert_eq!(a.cmp(&b), (a - b).cmp(&Decimal::ZERO));
            prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        }

        #[test]
        fn never_panics(text in ".*") {
            let _ = Decimal::parse(&text);
        }
    }
}
