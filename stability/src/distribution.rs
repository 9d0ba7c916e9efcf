//! Student's t and Fisher's F, to some 13 digits for any degrees of freedom that a study can have.
//!
//! Both are incomplete beta functions (Abramowitz and Stegun 26.5, 26.6.2, 26.7.1). The factor before the continued
//! fraction is computed by its deviation from Stirling's formula (Loader, *Fast and accurate computation of binomial
//! probabilities*, 2000): differences of logarithms of gamma functions lose six digits at a million degrees of
//! freedom. Why no library: `docs/adr/0046-own-t-and-f.md`.

use std::f64::consts::TAU;

/// Terms of the continued fraction; some square root of the degrees of freedom are needed.
const TERMS: u32 = 100_000;
/// From here on the series for the error of Stirling's formula is exact to the last digit.
const STIRLING_FROM: f64 = 16.0;
/// Coefficients of 1/z, 1/z³, … (Abramowitz and Stegun 6.1.41).
const STIRLING: [f64; 7] =
    [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360_360.0, 1.0 / 156.0];

/// The t that is exceeded with `probability` (below one half) at so many degrees of freedom (at least one).
pub fn t_exceeded_with(probability: f64, degrees_of_freedom: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while t_tail(high, degrees_of_freedom) > probability {
        low = high;
        high *= 2.0;
    }
    let mut t = high;
    for _ in 0..100 {
        let excess = t_tail(t, degrees_of_freedom) - probability;
        if excess > 0.0 {
            low = t
        } else {
            high = t
        }
        let newton = t + excess / t_density(t, degrees_of_freedom);
        // The density is convex here, so that Newton's steps stay inside the bracket but for rounding.
        let next = if newton > low && newton < high { newton } else { f64::midpoint(low, high) };
        if (next - t).abs() <= f64::EPSILON * t {
            break;
        }
        t = next;
    }
    t
}

/// The probability that F is at least so large.
pub fn f_tail(f: f64, numerator: f64, denominator: f64) -> f64 {
    if f <= 0.0 {
        return 1.0;
    }
    if f.is_infinite() {
        return 0.0;
    }
    let (explained, residual) = (numerator * f, denominator);
    let all = explained + residual;
    beta_ratio(denominator / 2.0, numerator / 2.0, residual / all, explained / all)
}

/// The probability that t is larger than a positive number.
fn t_tail(t: f64, degrees_of_freedom: f64) -> f64 {
    f_tail(t * t, 1.0, degrees_of_freedom) / 2.0
}

fn t_density(t: f64, degrees_of_freedom: f64) -> f64 {
    let all = degrees_of_freedom + t * t;
    beta_factor(degrees_of_freedom / 2.0, 0.5, degrees_of_freedom / all, t * t / all) / t
}

/// The incomplete beta function's ratio I(x; a, b). `y` is 1 - x, which is known better than it can be computed from x.
fn beta_ratio(a: f64, b: f64, x: f64, y: f64) -> f64 {
    // Beyond its mean the other tail is the small one, and the fraction converges for it.
    match b <= (a + b) * y {
        true => beta_factor(a, b, x, y) * continued_fraction(a, b, x, y),
        false => 1.0 - beta_factor(b, a, y, x) * continued_fraction(b, a, y, x),
    }
}

/// The fraction for x below the mean a / (a + b), where it loses no digits (DiDonato and Morris, *Algorithm 708*, 1992,
/// equation 9), by Lentz's method.
fn continued_fraction(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let not_zero = |value: f64| if value.abs() < f64::MIN_POSITIVE { f64::MIN_POSITIVE } else { value };
    let above_mean = (a + b) * y - b + 1.0;
    let mut d = (a + 1.0) / (a * above_mean);
    let mut c = f64::INFINITY;
    let mut fraction = d;
    for term in 1..TERMS {
        let n = f64::from(term);
        let (step, weight) = (a + 2.0 * n - 1.0, n * (b - n) * x);
        let numerator = (a + n - 1.0) * (a + b + n - 1.0) * weight * x / (step * step);
        let denominator = n + weight / step + (a + n) / (a + 2.0 * n + 1.0) * (above_mean + n * (1.0 + y));
        d = 1.0 / not_zero(denominator + numerator * d);
        c = not_zero(denominator + numerator / c);
        fraction *= c * d;
        if (c * d - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    fraction
}

/// x^a y^b / B(a, b), where x + y = 1.
fn beta_factor(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let n = a + b;
    let exponent =
        stirling_error(n) - stirling_error(a) - stirling_error(b) - deviance(a, n * x) - deviance(b, n * y);
    (a * b / (TAU * n)).sqrt() * exponent.exp()
}

/// ln Γ(z + 1) less what Stirling's formula gives.
fn stirling_error(z: f64) -> f64 {
    if z < STIRLING_FROM {
        return stirling_error(z + 1.0) + (z + 0.5) * z.recip().ln_1p() - 1.0;
    }
    let square = z * z;
    STIRLING.iter().rev().fold(0.0, |series, coefficient| series / square + coefficient) / z
}

/// k ln(k / m) + m - k, which is small where k is near m.
fn deviance(k: f64, m: f64) -> f64 {
    let d = (m - k) / k;
    k * if d.abs() < 0.1 { log_remainder(d) } else { d - d.ln_1p() }
}

/// d - ln(1 + d) for a small d: with v = d / (2 + d), ln(1 + d) = 2 (v + v³/3 + v⁵/5 + …), and d - 2v = d v.
fn log_remainder(d: f64) -> f64 {
    let v = d / (2.0 + d);
    let mut power = 2.0 * v;
    let mut remainder = d * v;
    for term in 1..20_u32 {
        power *= v * v;
        remainder -= power / f64::from(2 * term + 1);
    }
    remainder
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Degrees of freedom, then what is exceeded with a probability of 0.05 and of 0.025; mpmath, 60 digits, rounded.
    const QUANTILES: &[(f64, f64, f64)] = &[
        (1.0, 6.313751514675043, 12.706204736174705),
        (2.0, 2.9199855803537256, 4.302652729749464),
        (3.0, 2.3533634348018238, 3.1824463052837095),
        (4.0, 2.1318467863266504, 2.7764451051977943),
        (5.0, 2.0150483733330242, 2.5705818356363155),
        (8.0, 1.8595480375308984, 2.3060041352041667),
        (9.0, 1.8331129326562372, 2.2621571627982053),
        (20.0, 1.7247182429207872, 2.085963447265865),
        (25.0, 1.7081407612518993, 2.0595385527532977),
        (29.0, 1.6991270265334977, 2.0452296421327043),
        (30.0, 1.6972608865939578, 2.042272456301238),
        (100.0, 1.6602343260853396, 1.9839715185235522),
        (1001.0, 1.6463772921994682, 1.96233670528088),
        (10000.0, 1.645006018069243, 1.9602012398906263),
        (99999.0, 1.644868864937351, 1.9599877077718448),
        (999998.0, 1.6448551507250881, 1.9599663568188517),
    ];

    /// F, its degrees of freedom, and the probability that it is at least so large; mpmath as above.
    const TAILS: &[(f64, f64, f64, f64)] = &[
        (0.435993484727, 2.0, 25.0, 0.6514450831557697),
        (0.228684731019, 2.0, 25.0, 0.7972252392636903),
        (72.1242158003, 2.0, 18.0, 2.54582167697495e-09),
        (1.9554194432, 2.0, 18.0, 0.17042036730486898),
        (1.2, 3.0, 1000.0, 0.30860685664576565),
        (1.0, 2.0, 999994.0, 0.3678798090527842),
        (1.1, 999.0, 998000.0, 0.014698037634414572),
        (0.9, 999.0, 998000.0, 0.9892196550292395),
        (5.0, 3.0, 999994.0, 0.0018167386981404287),
        (30.0, 3.0, 999994.0, 2.19491310822285e-19),
        (0.001, 1.0, 4.0, 0.9762878573109005),
        (1.4, 1.0, 3.0, 0.32194622077305357),
        (1.4, 1.0, 1.0, 0.4466996209618863),
        (2.0, 7.0, 1.0, 0.49764598292008205),
        (400.0, 5.0, 60.0, 1.0678233618375839e-44),
        (0.5, 50.0, 51.0, 0.9923076844990658),
    ];

    fn assert_close(found: f64, expected: f64) {
        assert_within(1e-13, found, expected);
    }

    fn assert_within(tolerance: f64, found: f64, expected: f64) {
        let error = (found / expected - 1.0).abs();
        assert!(error < tolerance, "{found} is not {expected}: {error:e}");
    }

    #[test]
    fn quantiles_of_t_are_exact() {
        for (degrees, at_5, at_2_5) in QUANTILES {
            assert_close(t_exceeded_with(0.05, *degrees), *at_5);
            assert_close(t_exceeded_with(0.025, *degrees), *at_2_5);
        }
    }

    #[test]
    fn tails_of_f_are_exact() {
        for (f, numerator, denominator, tail) in TAILS {
            // With hundreds of degrees of freedom on both sides the tail magnifies the rounding of F itself.
            let tolerance = if *numerator > 100.0 { 1e-11 } else { 1e-13 * (1.0 - tail.ln()) };
            assert_within(tolerance, f_tail(*f, *numerator, *denominator), *tail);
        }
        assert_eq!(f_tail(0.0, 2.0, 5.0), 1.0);
        assert_eq!(f_tail(f64::INFINITY, 2.0, 5.0), 0.0);
    }

    /// With two degrees of freedom both have closed forms.
    #[test]
    fn closed_forms_agree() {
        for f in [1e-9_f64, 0.3, 1.0, 7.7, 1e4] {
            for degrees in [1.0, 2.0, 17.0, 40.0] {
                let exponent = degrees / 2.0 * (2.0 * f / degrees).ln_1p();
                assert_within(1e-13 * (1.0 + exponent), f_tail(f, 2.0, degrees), (-exponent).exp());
            }
        }
    }
}
