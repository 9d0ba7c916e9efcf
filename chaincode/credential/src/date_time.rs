//! Points in time: whole seconds, UTC, written as the credential data model writes them.

use std::fmt;

use time::{Date, Month, OffsetDateTime, Time};

/// Seconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Its text is `YYYY-MM-DDTHH:MM:SSZ` and nothing else (a profile of XML Schema's `dateTimeStamp`, which
/// W3C Verifiable Credentials 2.0, section 4.9, asks for), so that one instant has one spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DateTime(i64);

impl DateTime {
    pub const fn from_seconds(seconds: i64) -> DateTime {
        DateTime(seconds)
    }

    pub const fn seconds(self) -> i64 {
        self.0
    }

    /// Reads `YYYY-MM-DDTHH:MM:SSZ`; a day that the calendar does not have, or a leap second, is `None`.
    pub fn parse(text: &str) -> Option<DateTime> {
        let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
        let [hour, minute, second] = fields(time, ':', [2, 2, 2])?;
        let time =
            Time::from_hms(hour.try_into().ok()?, minute.try_into().ok()?, second.try_into().ok()?).ok()?;
        let seconds = calendar_date(date)?.with_time(time).assume_utc().unix_timestamp();
        Some(DateTime(seconds))
    }

    /// Reads `YYYY-MM-DD` as the first second of that day.
    pub fn parse_date(text: &str) -> Option<DateTime> {
        Some(DateTime(calendar_date(text)?.midnight().assume_utc().unix_timestamp()))
    }

    pub fn plus_seconds(self, seconds: i64) -> DateTime {
        DateTime(self.0.saturating_add(seconds))
    }

    pub fn plus_days(self, days: i64) -> DateTime {
        self.plus_seconds(days.saturating_mul(86_400))
    }

    /// The same day and time `years` later; 29 February becomes 1 March where the year has no such day.
    pub fn plus_years(self, years: i32) -> Option<DateTime> {
        let start = OffsetDateTime::from_unix_timestamp(self.0).ok()?;
        let year = start.year().checked_add(years)?;
        let date = Date::from_calendar_date(year, start.month(), start.day())
            .or_else(|_| Date::from_calendar_date(year, Month::March, 1))
            .ok()?;
        Some(DateTime(date.with_time(start.time()).assume_utc().unix_timestamp()))
    }
}

fn calendar_date(text: &str) -> Option<Date> {
    let [year, month, day] = fields(text, '-', [4, 2, 2])?;
    let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
    Date::from_calendar_date(year.into(), month, day.try_into().ok()?).ok()
}

/// Three numbers of exactly these many digits.
fn fields(text: &str, separator: char, digits: [usize; 3]) -> Option<[u16; 3]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; 3];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

impl fmt::Display for DateTime {
    /// Outside the years 0 to 9999, which no document can name, the bare number of seconds.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match OffsetDateTime::from_unix_timestamp(self.0) {
            Ok(instant) if (0..=9999).contains(&instant.year()) => write!(
                formatter,
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
                instant.year(),
                u8::from(instant.month()),
                instant.day(),
                instant.hour(),
                instant.minute(),
                instant.second()
            ),
            _ => write!(formatter, "{}", self.0),
        }
    }
}

impl serde::Serialize for DateTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn one_spelling_per_instant() {
        for text in
            ["1970-01-01T00:00:00Z", "2024-02-29T23:59:59Z", "2026-11-21T09:05:07Z", "9999-12-31T23:59:59Z"]
        {
            assert_eq!(DateTime::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "2025-02-29T00:00:00Z",
            "2025-01-01T00:00:60Z",
            "2025-01-01T24:00:00Z",
            "2025-01-01T00:00:00+00:00",
            "2025-01-01T00:00:00.0Z",
            "2025-1-01T00:00:00Z",
            "2025-01-01t00:00:00z",
            "+025-01-01T00:00:00Z",
            "2025-01-01T00:00Z",
            "2025-13-01T00:00:00Z",
            "",
        ] {
            assert_eq!(DateTime::parse(text), None, "{text}");
        }
    }

    #[test]
    fn seconds_are_unix_seconds() {
        assert_eq!(DateTime::parse("2001-09-09T01:46:40Z").unwrap().seconds(), 1_000_000_000);
        assert_eq!(DateTime::parse_date("2001-09-09").unwrap().seconds(), 1_000_000_000 - 6_400);
    }

    #[test]
    fn three_years_keep_the_day() {
        let later = |text: &str| DateTime::parse(text).unwrap().plus_years(3).unwrap().to_string();
        assert_eq!(later("2025-06-01T12:00:00Z"), "2028-06-01T12:00:00Z");
        assert_eq!(later("2024-02-29T12:00:00Z"), "2027-03-01T12:00:00Z");
    }
}
