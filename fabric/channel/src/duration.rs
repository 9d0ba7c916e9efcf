//! Go's text form of durations: "300ms", "1m30s" (`time.ParseDuration`, `Duration.String`).

const UNITS: &[(&str, u64)] = &[
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// The duration in nanoseconds, or why the text is none.
pub fn parse(text: &str) -> Result<i64, String> {
    let error =
        || format!("'{text}' is no duration: write a number and a unit, for example 300ms, 2s or 1m30s");
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(error());
    }
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let (part, remaining) = parse_part(rest).ok_or_else(error)?;
        total = total.checked_add(part).filter(|total| *total <= 1 << 63).ok_or_else(error)?;
        rest = remaining;
    }
    match (negative, i64::try_from(total)) {
        (false, Ok(total)) => Ok(total),
        (true, Ok(total)) => Ok(-total),
        (true, Err(_)) => Ok(i64::MIN),
        (false, Err(_)) => Err(error()),
    }
}

/// One number with its unit at the beginning of the text.
fn parse_part(text: &str) -> Option<(u64, &str)> {
    let (whole_digits, rest) = split_digits(text);
    let (fraction_digits, rest) = match rest.strip_prefix('.') {
        Some(rest) => split_digits(rest),
        None => ("", rest),
    };
    if whole_digits.is_empty() && fraction_digits.is_empty() {
        return None;
    }
    let unit_length = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at_checked(unit_length)?;
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let whole: u64 = if whole_digits.is_empty() { 0 } else { whole_digits.parse().ok()? };
    let whole = whole.checked_mul(*unit).filter(|value| *value <= 1 << 63)?;
    let value = whole.checked_add(fraction(fraction_digits, *unit)).filter(|value| *value <= 1 << 63)?;
    Some((value, rest))
}

/// A fraction of the unit. Go computes it in floating point, from as many digits as fit in 63 bits.
fn fraction(digits: &str, unit: u64) -> u64 {
    let mut value: u64 = 0;
    let mut scale = 1.0;
    for digit in digits.bytes().map(|digit| u64::from(digit - b'0')) {
        let next =
            value.checked_mul(10).and_then(|value| value.checked_add(digit)).filter(|next| *next <= 1 << 63);
        let Some(next) = next else { break };
        value = next;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

fn split_digits(text: &str) -> (&str, &str) {
    let length = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(length).unwrap_or((text, ""))
}

/// The text that Go writes for a duration that is not negative, in nanoseconds.
pub fn to_text(nanoseconds: u64) -> String {
    match nanoseconds {
        0 => "0s".to_owned(),
        1..1_000 => format!("{nanoseconds}ns"),
        1_000..1_000_000 => format!("{}µs", decimal(nanoseconds, 1_000, 3)),
        1_000_000..1_000_000_000 => format!("{}ms", decimal(nanoseconds, 1_000_000, 6)),
        _ => {
            let minutes = nanoseconds / 60_000_000_000;
            let seconds = decimal(nanoseconds % 60_000_000_000, 1_000_000_000, 9);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    }
}

fn decimal(value: u64, unit: u64, digits: usize) -> String {
    let (whole, fraction) = (value / unit, value % unit);
    if fraction == 0 {
        return whole.to_string();
    }
    format!("{whole}.{fraction:0digits$}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]

    use super::*;

    #[test]
    fn reads_what_go_reads() {
        assert_eq!(parse("2s"), Ok(2_000_000_000));
        assert_eq!(parse("300ms"), Ok(300_000_000));
        assert_eq!(parse("1h15m30.918s"), Ok(4_530_918_000_000));
        assert_eq!(parse(".5s"), Ok(500_000_000));
        assert_eq!(parse("5.s"), Ok(5_000_000_000));
        assert_eq!(parse("-10µs"), Ok(-10_000));
        assert_eq!(parse("0"), Ok(0));
        assert_eq!(parse("9223372036854775807ns"), Ok(i64::MAX));
        assert_eq!(parse("-9223372036854775808ns"), Ok(i64::MIN));
        assert_eq!(parse("0.3333333333333333333h"), Ok(1_200_000_000_000));
    }

    #[test]
    fn refuses_what_go_refuses() {
        for text in ["", "3", "-", "s", ".", ".s", "1y", "9223372036854775808ns", "3000000h", "1s 2s"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn writes_as_go_writes() {
        for text in [
            "0s",
            "1ns",
            "1.1µs",
            "2.2ms",
            "300ms",
            "3.3s",
            "1m30s",
            "4m5.001s",
            "5h6m7.001s",
            "8m0.000000001s",
        ] {
            let nanoseconds = parse(text).expect("valid");
            assert_eq!(to_text(nanoseconds.unsigned_abs()), text);
        }
    }
}
