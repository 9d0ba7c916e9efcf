//! Where a list goes on: after an entry, by what it is ordered by and its id. A cursor is no secret and opens nothing: the list is the
//! company's own from wherever it goes on.

use crate::{call::Head, limits, problem::Problem};

/// How much of a list, and after what.
pub struct Wanted {
    pub limit: i64,
    pub after: Option<(String, String)>,
}

/// Reads `limit` and `cursor`; `is_key` says what a list is ordered by.
pub fn wanted(head: &Head, is_key: fn(&str) -> bool) -> Result<Wanted, Problem> {
    let [limit, cursor] = head.queried(["limit", "cursor"])?;
    let limit = match limit {
        None => limits::ENTRIES,
        Some(text) => {
            let number = text.parse().ok().filter(|it: &i64| it.to_string() == text);
            let number = number.filter(|it| (1..=limits::MOST_ENTRIES).contains(it));
            number.ok_or_else(|| Problem::malformed("A limit is a number from 1 to 100."))?
        }
    };
    let after = match cursor {
        None => None,
        Some(text) => {
            let parts = text.split_once('_').filter(|(key, id)| is_key(key) && is_id(id));
            let (key, id) = parts.ok_or_else(|| Problem::malformed("This is no cursor of this list."))?;
            Some((key.to_owned(), id.to_owned()))
        }
    };
    Ok(Wanted { limit, after })
}

/// A code's last character is one of its alphabet's, or of four more.
fn is_id(text: &str) -> bool {
    let is_of_code = |byte: u8| byte.is_ascii_alphanumeric() || b"*~$=".contains(&byte);
    (1..=40).contains(&text.len()) && text.bytes().all(is_of_code)
}

/// Seconds since 1970.
pub fn is_seconds(text: &str) -> bool {
    (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A date-time of the ledger.
pub fn is_date_time(text: &str) -> bool {
    let Some(text) = text.strip_suffix('Z') else { return false };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_like = |(byte, like): (u8, u8)| byte == like || (like == b'0' && byte.is_ascii_digit());
    let shape = "0000-00-00T00:00:00";
    whole.len() == shape.len()
        && whole.bytes().zip(shape.bytes()).all(is_like)
        && (1..=9).contains(&fraction.len())
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
}

/// The cursor after the last of a full page; none after the last page.
pub fn next(count: usize, limit: i64, last: Option<(String, &str)>) -> Option<String> {
    let is_full = i64::try_from(count).is_ok_and(|count| count == limit);
    last.filter(|_| is_full).map(|(key, id)| format!("{key}_{id}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_lists_have_their_shape() {
        for right in ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00.5Z", "0000-99-99T99:99:99.123456789Z"] {
            assert!(is_date_time(right), "{right}");
        }
        for wrong in ["", "Z", "2026-01-31T12:00:00", "2026-01-31 12:00:00Z", "2026-01-31T12:00:00.Z", "~"] {
            assert!(!is_date_time(wrong), "{wrong}");
        }
        assert!(
            is_seconds("1769860800") && !is_seconds("") && !is_seconds("-1") && !is_seconds("1234567890123")
        );
    }
}
