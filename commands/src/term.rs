//! A term of an accreditation, as the command line names it.

use std::time::{SystemTime, UNIX_EPOCH};

use certificate::DateTime;
use serde_json::{Map, Value, json};

use crate::{output::text_at, subject::parse_date_time};

/// From when until when an accreditation holds, and under which number.
#[derive(Clone, Debug, clap::Args)]
pub struct Term {
    /// The number under which the accreditation body keeps it.
    #[arg(long)]
    number: String,
    /// From when it holds, such as 2026-01-31T12:00:00Z or 2026-01-31.
    #[arg(long, value_name = "DATE-TIME", value_parser = parse_date_time)]
    from: DateTime,
    /// Until when it holds, not included.
    #[arg(long, value_name = "DATE-TIME", value_parser = parse_date_time)]
    until: DateTime,
}

/// The terms of an accreditation that are not over yet, or the last, as a list shows them: the number of the first, and from when
/// until when they hold.
pub fn terms(accreditation: &Value) -> (String, String) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    terms_at(accreditation, DateTime::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)))
}

fn terms_at(accreditation: &Value, now: DateTime) -> (String, String) {
    let former = accreditation.pointer("/formerTerms").and_then(Value::as_array);
    let all: Vec<&Value> = former.into_iter().flatten().chain([accreditation]).collect();
    let is_over =
        |term: &Value| DateTime::parse(&text_at(term, "/validUntil")).is_some_and(|until| until <= now);
    let first = all.iter().position(|term| !is_over(term)).unwrap_or(all.len() - 1);
    let period =
        |term: &Value| format!("{} to {}", text_at(term, "/validFrom"), text_at(term, "/validUntil"));
    let later = all.iter().skip(first + 1);
    let later: String =
        later.map(|term| format!(", then {} {}", text_at(term, "/number"), period(term))).collect();
    let first = all.get(first).copied().unwrap_or(accreditation);
    (text_at(first, "/number"), period(first) + &later)
}

impl Term {
    /// As requests to the contract have it.
    pub fn members(&self) -> Map<String, Value> {
        let Self { number, from, until } = self;
        let members = [("number", json!(number)), ("validFrom", json!(from)), ("validUntil", json!(until))];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_list_shows_the_term_that_holds_and_those_to_come() {
        let held = json!({
            "number": "B", "validFrom": "2030-01-01T00:00:00Z", "validUntil": "2034-01-01T00:00:00Z",
            "formerTerms": [{"number": "A", "validFrom": "2026-01-01T00:00:00Z", "validUntil": "2030-01-01T00:00:00Z"}],
        });
        let (first, last) =
            ("2026-01-01T00:00:00Z to 2030-01-01T00:00:00Z", "2030-01-01T00:00:00Z to 2034-01-01T00:00:00Z");
        for (now, number, period) in [
            ("2025-01-01T00:00:00Z", "A", format!("{first}, then B {last}")),
            ("2029-12-31T23:59:59Z", "A", format!("{first}, then B {last}")),
            ("2030-01-01T00:00:00Z", "B", last.to_owned()),
            ("2040-01-01T00:00:00Z", "B", last.to_owned()),
        ] {
            assert_eq!(terms_at(&held, DateTime::parse(now).unwrap()), (number.to_owned(), period), "{now}");
        }
    }
}
