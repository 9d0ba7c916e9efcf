//! The two ASN.1 times as Unix seconds, with Go's strictness (`cryptobyte`, `time.Parse`).

use fabric::crypto::der::{DerError, GENERALIZED_TIME, Reader, UTC_TIME};
use time::{Date, Month};

/// 1970-01-01 as a Julian day.
const UNIX_EPOCH: i32 = 2_440_588;

/// Reads a UTCTime or GeneralizedTime.
pub(super) fn read(reader: &mut Reader<'_>) -> Result<i64, DerError> {
    let element = reader.any("time")?;
    let digits = std::str::from_utf8(element.content).map_err(|_| DerError("time"))?;
    match element.tag {
        UTC_TIME => utc_time(digits),
        GENERALIZED_TIME => generalized_time(digits),
        _ => None,
    }
    .ok_or(DerError("time"))
}

/// `YYMMDDhhmm[ss]` and a zone; years from 50 on are of the last century.
fn utc_time(text: &str) -> Option<i64> {
    let (year, rest) = number(text, 2)?;
    let year = if year >= 50 { 1900 + year } else { 2000 + year };
    month_to_zone(year, rest, true)
}

/// `YYYYMMDDhhmmss` and a zone.
fn generalized_time(text: &str) -> Option<i64> {
    let (year, rest) = number(text, 4)?;
    month_to_zone(year, rest, false)
}

fn month_to_zone(year: i64, rest: &str, seconds_optional: bool) -> Option<i64> {
    let (month, rest) = number(rest, 2)?;
    let (day, rest) = number(rest, 2)?;
    let (hour, rest) = number(rest, 2)?;
    let (minute, rest) = number(rest, 2)?;
    let (second, zone) = match number(rest, 2) {
        None if seconds_optional => (0, rest),
        second => second?,
    };
    let days = days_since_epoch(year, month, day)?;
    let in_range = hour < 24 && minute < 60 && second < 60;
    in_range.then_some(days * 86_400 + hour * 3_600 + minute * 60 + second - offset(zone)?)
}

/// `Z`, or hours and minutes east of Greenwich; Go refuses a zero offset in digits.
fn offset(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = match zone.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, rest) = number(zone.get(1..)?, 2)?;
    let (minutes, rest) = number(rest, 2)?;
    let seconds = hours * 3_600 + minutes * 60;
    (rest.is_empty() && seconds != 0 && hours <= 24 && minutes < 60).then_some(sign * seconds)
}

fn number(text: &str, length: usize) -> Option<(i64, &str)> {
    let (digits, rest) = text.split_at_checked(length)?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then_some((digits.parse().ok()?, rest))
}

fn days_since_epoch(year: i64, month: i64, day: i64) -> Option<i64> {
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
    Some(i64::from(date.to_julian_day() - UNIX_EPOCH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_calendar() {
        assert_eq!(utc_time("700101000000Z"), Some(0));
        assert_eq!(utc_time("260229000000Z"), None);
        assert_eq!(utc_time("240229235959Z"), Some(1_709_251_199));
        assert_eq!(utc_time("491231235959Z"), Some(2_524_607_999));
        assert_eq!(utc_time("500101000000Z"), Some(-631_152_000));
        assert_eq!(utc_time("7001010000Z"), Some(0));
        assert_eq!(utc_time("700101020000+0200"), Some(0));
        assert_eq!(utc_time("700101000000+0000"), None);
        assert_eq!(generalized_time("99991231235959Z"), Some(253_402_300_799));
        assert_eq!(generalized_time("20500101000000Z"), Some(2_524_608_000));
        assert_eq!(generalized_time("20500101000000.5Z"), None);
        assert_eq!(generalized_time("205001010000Z"), None);
        assert_eq!(generalized_time("20500101240000Z"), None);
    }
}
