//! A term of an accreditation, as the command line names it.

use certificate::DateTime;
use serde_json::{Map, Value, json};

use crate::subject::parse_date_time;

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

impl Term {
    /// As requests to the contract have it.
    pub fn members(&self) -> Map<String, Value> {
        let Self { number, from, until } = self;
        let members = [("number", json!(number)), ("validFrom", json!(from)), ("validUntil", json!(until))];
        members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
