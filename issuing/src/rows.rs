//! The rows of a file, and what is wrong with them, in words that name line and column.

use std::fmt;

use certificate::refusal::Violation;
use csv::{ByteRecord, ErrorKind, ReaderBuilder};
use serde_json::{Map, Value};

use crate::{
    input::{Format, Input},
    json,
};

/// Where cells go that are named by no other place of a document.
const SUBJECT: &str = "credentialSubject";
/// Columns that are members of the document itself.
const OF_THE_DOCUMENT: [&str; 2] = ["validFrom", "validUntil"];
/// No list of a document has more elements.
const MAXIMUM_INDEX: usize = 99;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// A row, and the line of the file at which it begins.
#[derive(Debug, PartialEq)]
pub struct Row {
    pub line: u64,
    pub document: Value,
}

/// What is wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub line: u64,
    pub reason: String,
}

/// Reads rows one by one.
pub enum Rows<'a> {
    Csv { cells: Box<csv::Reader<&'a [u8]>>, columns: Columns, template: &'a Value },
    JsonLines { rest: &'a [u8], line: u64 },
}

/// The columns of a CSV file, named by the members that they fill in: `product.gtin`, `testReports.0.lab`.
pub struct Columns(Vec<Column>);

struct Column {
    name: String,
    path: Vec<Segment>,
}

enum Segment {
    Member(String),
    Element(usize),
}

impl<'a> Rows<'a> {
    /// `template` is what the cells of a CSV file fill in.
    pub fn of(input: &'a Input, template: &'a Value) -> Result<Self, Fault> {
        let bytes = input.bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&input.bytes);
        if input.format == Format::JsonLines {
            return Ok(Self::JsonLines { rest: bytes, line: 0 });
        }
        let mut cells = Box::new(ReaderBuilder::new().delimiter(delimiter(bytes)).from_reader(bytes));
        let names = cells.headers().map_err(|error| csv_fault(&error))?;
        let columns = Columns::named(names.iter()).map_err(|reason| Fault { line: 1, reason })?;
        Ok(Self::Csv { cells, columns, template })
    }

    /// What a broken rule comes to, where its author looks for it.
    pub fn fault(&self, line: u64, violation: &Violation) -> Fault {
        let reason = match self {
            Self::Csv { columns, .. } => columns.reason(violation),
            Self::JsonLines { .. } => violation.to_string(),
        };
        Fault { line, reason }
    }
}

impl Iterator for Rows<'_> {
    type Item = Result<Row, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Csv { cells, columns, template } => {
                let mut record = ByteRecord::new();
                let read = cells.read_byte_record(&mut record);
                match read {
                    Ok(false) => None,
                    Ok(true) => Some(columns.row(&record, template)),
                    Err(error) => Some(Err(csv_fault(&error))),
                }
            }
            Self::JsonLines { rest, line } => loop {
                if rest.is_empty() {
                    return None;
                }
                let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
                let (text, after) = rest.split_at_checked(end)?;
                *rest = after.get(1..).unwrap_or_default();
                *line += 1;
                if !text.trim_ascii().is_empty() {
                    return Some(json_row(text, *line));
                }
            },
        }
    }
}

impl Columns {
    fn named<'n>(names: impl Iterator<Item = &'n str>) -> Result<Self, String> {
        let mut columns: Vec<Column> = Vec::new();
        for name in names {
            if columns.iter().any(|column| column.name == name) {
                return Err(format!("the column {name:?} stands there twice"));
            }
            columns.push(Column { name: name.to_owned(), path: path(name)? });
        }
        Ok(Self(columns))
    }

    fn row(&self, record: &ByteRecord, template: &Value) -> Result<Row, Fault> {
        let line = record.position().map_or(0, csv::Position::line);
        let mut document = template.clone();
        for (cell, column) in record.iter().zip(&self.0) {
            let fault = || Fault { line, reason: format!("column {} is no UTF-8", column.name) };
            let text = str::from_utf8(cell).map_err(|_| fault())?;
            if !text.is_empty() {
                column.fill(&mut document, text);
            }
        }
        Ok(Row { line, document })
    }

    fn reason(&self, Violation { pointer, value, rule }: &Violation) -> String {
        let subject = pointer.strip_prefix('/').unwrap_or(pointer);
        let subject = subject.strip_prefix(SUBJECT).unwrap_or(subject);
        let name = subject.trim_start_matches('/').replace('/', ".");
        let place = match self.0.iter().any(|column| column.name == name) {
            true => format!("column {name}"),
            false if name.is_empty() => "the document".to_owned(),
            false => format!("{name} (no column)"),
        };
        let value = if value.is_empty() { "absent" } else { value };
        format!("{place} is {value}: {rule}")
    }
}

impl Column {
    fn fill(&self, document: &mut Value, text: &str) {
        let Some(place) = self.path.iter().try_fold(document, |value, segment| segment.of(value)) else {
            return;
        };
        *place = match (self.name.as_str(), text) {
            // The one member that is no text.
            ("demonstration", "true") => Value::Bool(true),
            _ => Value::from(text),
        };
    }
}

impl Segment {
    /// The part of a value that it names, made where it is not there.
    fn of<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        match self {
            Self::Member(name) => {
                if !value.is_object() {
                    *value = Value::Object(Map::new());
                }
                Some(value.as_object_mut()?.entry(name.clone()).or_insert(Value::Null))
            }
            Self::Element(index) => {
                if !value.is_array() {
                    *value = Value::Array(Vec::new());
                }
                let elements = value.as_array_mut()?;
                if elements.len() <= *index {
                    elements.resize(index + 1, Value::Null);
                }
                elements.get_mut(*index)
            }
        }
    }
}

fn path(name: &str) -> Result<Vec<Segment>, String> {
    let segment = |text: &str| match text.parse::<usize>() {
        Ok(index) if index <= MAXIMUM_INDEX => Ok(Segment::Element(index)),
        Err(_) if !text.is_empty() => Ok(Segment::Member(text.to_owned())),
        _ => Err(format!(
            "the column {name:?} names no field: write such as product.gtin or testReports.0.lab"
        )),
    };
    let path = name.split('.').map(segment).collect::<Result<Vec<_>, _>>()?;
    let root = if OF_THE_DOCUMENT.contains(&name) { None } else { Some(Segment::Member(SUBJECT.into())) };
    Ok(root.into_iter().chain(path).collect())
}

/// Spreadsheets in many languages write semicolons. No column's name has either.
fn delimiter(bytes: &[u8]) -> u8 {
    let header = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted| header.iter().filter(|byte| **byte == wanted).count();
    if count(b';') > count(b',') { b';' } else { b',' }
}

fn csv_fault(error: &csv::Error) -> Fault {
    let line = error.position().map_or(1, csv::Position::line);
    let reason = match error.kind() {
        ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} cells, where the first line names {expected_len} columns")
        }
        ErrorKind::Utf8 { .. } => "is no UTF-8".to_owned(),
        _ => error.to_string(),
    };
    Fault { line, reason }
}

fn json_row(text: &[u8], line: u64) -> Result<Row, Fault> {
    let fault = |error: serde_json::Error| {
        let error_text = error.to_string();
        let (reason, _) = error_text.rsplit_once(" at line ").unwrap_or((&error_text, ""));
        Fault { line, reason: format!("column {}: {reason}", error.column()) }
    };
    Ok(Row { line, document: json::read(text).map_err(fault)? })
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}: {}", self.line, self.reason)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use serde_json::json;

    use super::*;

    fn read(format: Format, text: &[u8]) -> Result<Vec<Result<Row, Fault>>, Fault> {
        let template = json!({"credentialSubject": {"site": "Ghent", "product": {"name": "Z"}, "surfaceTreatment": "none"}});
        let input = Input { format, bytes: text.to_vec() };
        Ok(Rows::of(&input, &template)?.collect())
    }

    fn subjects(text: &str) -> Vec<Value> {
        let rows = read(Format::Csv, text.as_bytes()).unwrap();
        rows.into_iter().map(|row| row.unwrap().document["credentialSubject"].clone()).collect()
    }

    #[test]
    fn cells_fill_in_the_template() {
        let text = "product.serial,surfaceTreatment.0.agent,demonstration,site\nA-1,silane,true,\n\"A,2\",,,Bruges\n";
        assert_eq!(
            subjects(text),
            [
                json!({"site": "Ghent", "product": {"name": "Z", "serial": "A-1"},
                    "surfaceTreatment": [{"agent": "silane"}], "demonstration": true}),
                json!({"site": "Bruges", "product": {"name": "Z", "serial": "A,2"}, "surfaceTreatment": "none"}),
            ]
        );
        let rows = read(Format::Csv, b"validFrom\n2026-11-21T12:00:00Z\n").unwrap();
        assert_eq!(rows.into_iter().next().unwrap().unwrap().document["validFrom"], "2026-11-21T12:00:00Z");
    }

    #[test]
    fn what_spreadsheets_write_is_read() {
        let expected = [
            json!({"site": "Gent; Bruges, ü", "product": {"name": "Z", "serial": "7"}, "surfaceTreatment": "none"}),
        ];
        let text = "\u{feff}product.serial;site\r\n7;\"Gent; Bruges, ü\"\r\n\r\n";
        assert_eq!(subjects(text), expected);
    }

    #[test]
    fn wrong_files_are_named_by_line_and_column() {
        for (text, expected) in [
            ("site,site\n", "line 1: the column \"site\" stands there twice"),
            ("product.,site\n", "line 1: the column \"product.\" names no field"),
            ("testReports.100.lab\n", "line 1: the column \"testReports.100.lab\" names no field"),
        ] {
            let fault = read(Format::Csv, text.as_bytes()).unwrap_err().to_string();
            assert!(fault.starts_with(expected), "{fault}");
        }
        let faults = |format, text: &[u8]| -> Vec<String> {
            let rows = read(format, text).unwrap();
            rows.into_iter().filter_map(|row| Some(row.err()?.to_string())).collect()
        };
        assert_eq!(
            faults(Format::Csv, b"site,listing\na\n\nb,c\n\xff,d\n"),
            ["line 2: 1 cells, where the first line names 2 columns", "line 5: column site is no UTF-8"]
        );
        assert_eq!(
            faults(Format::JsonLines, b"{}\n\n{\"a\": 1, \"a\": 2}\n{\n"),
            [
                "line 3: column 16: the member \"a\" stands there twice",
                "line 4: column 1: EOF while parsing an object"
            ]
        );
    }

    #[test]
    fn a_broken_rule_is_told_by_its_column() {
        let input = Input { format: Format::Csv, bytes: b"product.gtin\n1\n".to_vec() };
        let rows = Rows::of(&input, &Value::Null).unwrap();
        let told =
            |pointer: &str| rows.fault(2, &Violation::new(pointer, "\"1\"", "must be right")).to_string();
        assert_eq!(
            told("/credentialSubject/product/gtin"),
            "line 2: column product.gtin is \"1\": must be right"
        );
        assert_eq!(told("/credentialSubject/client"), "line 2: client (no column) is \"1\": must be right");
    }
}
