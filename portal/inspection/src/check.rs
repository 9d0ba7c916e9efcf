//! A shipment that was checked: each line with what the verifier said, as a document and as a table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Answer, Line, Outcome};

/// What kind of document it is, and its version.
pub const KIND: &str = "nanotrace-shipment-check-1";

/// The document. It says what the verifier answered then, and nothing of what holds later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    #[serde(rename = "type")]
    pub kind: String,
    pub id: String,
    /// When, in seconds since 1970: as JSON Web Tokens have it (RFC 7519 §4.1.6), and for people.
    pub iat: i64,
    pub checked_at: String,
    /// The company or organisation whose people asked.
    pub asked_by: String,
    pub verifier: String,
    /// The fingerprint of the ledger that the verifier answers for.
    pub genesis: String,
    /// The oldest and the newest block that answers rest on.
    pub blocks: Option<(u64, u64)>,
    pub counts: BTreeMap<String, usize>,
    /// How many lines name nothing that can be asked for.
    pub not_read: usize,
    pub lines: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    pub line: u64,
    pub typed: String,
    /// What is wrong with the line, which was not asked about then.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub problem: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
}

/// Who asked, when, and whom.
pub struct Asking<'a> {
    pub id: &'a str,
    pub at: i64,
    pub checked_at: &'a str,
    pub asked_by: &'a str,
    pub verifier: &'a str,
    pub genesis: &'a str,
}

impl Check {
    /// `answers` are those to the lines that could be read, in their order.
    pub fn new(asking: &Asking<'_>, lines: &[Line], answers: Vec<Answer>) -> Self {
        let mut answers = answers.into_iter();
        let row = |line: &Line| {
            let (problem, answer) = match &line.asked {
                Ok(_) => (String::new(), answers.next()),
                Err(problem) => (problem.clone(), None),
            };
            Row { line: line.number, typed: line.typed.clone(), problem, answer }
        };
        let lines: Vec<Row> = lines.iter().map(row).collect();
        let read = || lines.iter().filter_map(|row| row.answer.as_ref());
        let count = |outcome: Outcome| read().filter(|answer| answer.result == outcome).count();
        let counts = Outcome::ALL.map(|outcome| (outcome.name().to_owned(), count(outcome)));
        let blocks = || read().filter_map(|answer| answer.block);
        Self {
            kind: KIND.to_owned(),
            id: asking.id.to_owned(),
            iat: asking.at,
            checked_at: asking.checked_at.to_owned(),
            asked_by: asking.asked_by.to_owned(),
            verifier: asking.verifier.to_owned(),
            genesis: asking.genesis.to_owned(),
            blocks: blocks().min().zip(blocks().max()),
            counts: counts.into_iter().collect(),
            not_read: lines.iter().filter(|row| row.answer.is_none()).count(),
            lines,
        }
    }

    pub fn count(&self, outcome: Outcome) -> usize {
        self.counts.get(outcome.name()).copied().unwrap_or(0)
    }

    /// As a table for spreadsheets (RFC 4180).
    pub fn csv(&self) -> Result<Vec<u8>, csv::Error> {
        let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        table.write_record([
            "line",
            "typed",
            "result",
            "code",
            "product",
            "gtin",
            "batch",
            "issuer",
            "valid until",
            "reasons",
            "problem",
            "block",
            "newest block confirmed",
        ])?;
        for row in &self.lines {
            table.write_record(row.cells().map(cell))?;
        }
        table.into_inner().map_err(|error| error.into_error().into())
    }
}

impl Row {
    /// As documents have it.
    pub fn result(&self) -> &'static str {
        self.answer.as_ref().map_or("notRead", |answer| answer.result.name())
    }

    fn cells(&self) -> [String; 13] {
        let of = |part: fn(&Answer) -> String| self.answer.as_ref().map(part).unwrap_or_default();
        let doubt = of(|it| it.doubt.clone());
        [
            self.line.to_string(),
            self.typed.clone(),
            self.result().to_owned(),
            of(|it| it.code.clone()),
            of(|it| it.product.clone()),
            of(|it| it.gtin.clone()),
            of(|it| it.batch.clone()),
            of(|it| it.issuer.clone()),
            of(|it| it.valid_until.clone()),
            of(reasons),
            if doubt.is_empty() { self.problem.clone() } else { doubt },
            of(|it| it.block.map(|block| block.to_string()).unwrap_or_default()),
            of(|it| it.confirmed_at.clone()),
        ]
    }
}

fn reasons(answer: &Answer) -> String {
    let said = answer.reasons.iter().map(|it| format!("{} since {} {}", it.cause, it.since, it.why));
    said.map(|it| it.trim().to_owned()).collect::<Vec<_>>().join("; ")
}

/// A cell that no spreadsheet takes for a formula: what begins like one, perhaps after blanks, begins with an apostrophe.
pub fn cell(text: impl Into<String>) -> String {
    let text = text.into();
    let begins = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    if begins || text.starts_with(['\t', '\r']) { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{Asked, Pasted};

    #[test]
    fn a_cell_is_no_formula() {
        for wrong in ["=1", "+1", "-1", "@x", " =1", "\t=1", "\t1", "\r=1", "＝1", "\u{a0}=1"] {
            assert_eq!(cell(wrong), format!("'{wrong}"), "{wrong:?}");
        }
        for right in ["", "1", "a=1", "09520123456788"] {
            assert_eq!(cell(right), right);
        }
    }

    #[test]
    fn each_line_has_its_answer_and_the_table_its_rows() {
        let text = "9520123456788\n=cmd|' /C calc'!A0\n96385074\n";
        let Pasted::Lines(lines) = Pasted::read(text, None).unwrap() else { return };
        let asked: Vec<&Asked> = lines.iter().filter_map(|line| line.asked.as_ref().ok()).collect();
        let answers =
            vec![Answer::cannot_tell("one"), Answer { block: Some(7), ..Answer::cannot_tell("=two, \"x\"") }];
        assert_eq!(asked.len(), answers.len());
        let asking = Asking {
            id: "1",
            at: 0,
            checked_at: "1970-01-01T00:00:00Z",
            asked_by: "A",
            verifier: "",
            genesis: "",
        };
        let check = Check::new(&asking, &lines, answers);
        assert_eq!((check.count(Outcome::CannotTell), check.not_read, check.blocks), (2, 1, Some((7, 7))));
        let read: Check = serde_json::from_str(&serde_json::to_string(&check).unwrap()).unwrap();
        assert_eq!(read, check);
        let table = String::from_utf8(check.csv().unwrap()).unwrap();
        assert_eq!(table.lines().count(), 4);
        assert!(table.contains("\r\n2,'=cmd|' /C calc'!A0,notRead,"), "{table}");
        assert!(table.contains(",\"'=two, \"\"x\"\"\",7,"), "{table}");
    }
}
