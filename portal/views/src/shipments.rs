//! Shipments whose codes are checked at once.

use std::fmt;

use askama::Template;
use inspection::{Check, Column, Outcome, Row, store::Listed};

use crate::{
    inspection::{ShownReason, tone, word},
    page::{Frame, moment, moment_of},
};

#[derive(Template)]
#[template(path = "shipments.html")]
pub struct ShipmentsPage {
    pub frame: Frame,
    pub problem: Option<String>,
    pub typed: String,
    /// Those of a CSV file; empty where there is nothing to pick.
    pub columns: Vec<Column>,
    pub picked: usize,
    pub has_names: bool,
    /// Lines of a list.
    pub most: usize,
    pub shipments: Vec<ShownShipment>,
}

pub struct ShownShipment {
    pub id: String,
    pub at: String,
    pub summary: String,
    pub by: String,
}

impl From<Listed> for ShownShipment {
    fn from(listed: Listed) -> Self {
        Self { id: listed.id, at: moment(listed.checked_at), summary: listed.summary, by: listed.name }
    }
}

#[derive(Template)]
#[template(path = "shipment.html")]
pub struct ShipmentPage {
    pub frame: Frame,
    pub at: String,
    /// What, its colour, and how often.
    pub counts: Vec<(&'static str, &'static str, usize)>,
    /// The numbers of the lines that could not be read.
    pub unread: Unread,
    pub lines: Vec<ShownLine>,
    /// The organisation whose service signed it.
    pub signer: Option<String>,
    pub check: Check,
}

/// Numbers of lines, a page full of them at most.
pub struct Unread(Vec<u64>);

impl Unread {
    const SHOWN: usize = 50;

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: Vec<String> = self.0.iter().take(Self::SHOWN).map(u64::to_string).collect();
        formatter.write_str(&shown.join(", "))?;
        match self.len().saturating_sub(Self::SHOWN) {
            0 => Ok(()),
            more => write!(formatter, " and {more} more"),
        }
    }
}

pub struct ShownLine {
    pub number: u64,
    pub typed: String,
    pub word: &'static str,
    pub tone: &'static str,
    pub product: String,
    pub until: String,
    pub why: String,
}

impl ShipmentPage {
    pub fn new(frame: Frame, check: Check, signer: Option<String>) -> Self {
        let unread = check.lines.iter().filter(|row| row.answer.is_none()).map(|row| row.line).collect();
        Self {
            frame,
            at: moment(check.iat),
            counts: counts(&check),
            unread: Unread(unread),
            lines: check.lines.iter().map(ShownLine::from).collect(),
            signer,
            check,
        }
    }
}

/// The first four always, so that a zero is seen, too.
fn counts(check: &Check) -> Vec<(&'static str, &'static str, usize)> {
    let always = [Outcome::Valid, Outcome::NotValid, Outcome::Unknown, Outcome::CannotTell];
    let counted = Outcome::ALL.map(|it| (word(it), tone(it), check.count(it), always.contains(&it)));
    let counted = counted.into_iter().chain([("Not read", "unsure", check.not_read, false)]);
    counted
        .filter(|(_, _, count, always)| *always || *count > 0)
        .map(|(word, tone, count, _)| (word, tone, count))
        .collect()
}

/// What a check came to, in a line.
pub fn summary(check: &Check) -> String {
    let said = |(word, _, count): (&str, &str, usize)| format!("{count} {}", word.to_lowercase());
    counts(check).into_iter().map(said).collect::<Vec<_>>().join(", ")
}

impl From<&Row> for ShownLine {
    fn from(row: &Row) -> Self {
        let Some(answer) = &row.answer else {
            return Self {
                number: row.line,
                typed: row.typed.clone(),
                word: "Not read",
                tone: "unsure",
                product: String::new(),
                until: String::new(),
                why: row.problem.clone(),
            };
        };
        let reasons = answer.reasons.iter().map(ShownReason::from);
        let reasons =
            reasons.map(|it| if it.why.is_empty() { it.what } else { format!("{}: “{}”", it.what, it.why) });
        let certificates =
            answer.certificates.iter().map(|it| format!("{} {}", it.code, word(it.result).to_lowercase()));
        let said = reasons.chain(certificates).chain([answer.doubt.clone()]).filter(|it| !it.is_empty());
        Self {
            number: row.line,
            typed: row.typed.clone(),
            word: word(answer.result),
            tone: tone(answer.result),
            product: answer.product.clone(),
            until: if answer.valid_until.is_empty() { String::new() } else { moment_of(&answer.valid_until) },
            why: said.collect::<Vec<_>>().join("; "),
        }
    }
}
