//! Stability data as CSV: which columns are meant, and what is wrong with a file, by its lines.

mod look;

use std::fmt;

use csv::{ByteRecord, ReaderBuilder};
pub use look::{LOOKED_AT, Look};

use crate::study::{Results, Study};

/// Bytes of a file.
pub const MAXIMUM_BYTES: usize = 64 << 20;
/// So many faults are told of one file.
const FAULTS: usize = 10;
/// Who watches is told after so many rows.
const WATCHED: u64 = 10_000;
/// Characters that are shown of a cell.
const SHOWN: usize = 40;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// What columns are called where nobody says what they are called.
const BATCH: &[&str] = &["batch", "lot"];
const TIME: &[&str] = &["time", "month", "months"];
/// Units that a column's name may tell.
const UNITS: [&str; 6] = ["month", "week", "day", "hour", "minute", "year"];

/// What to read from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Names of columns; None takes the usual names, and for the result the one column that is left.
    pub batch: Option<String>,
    pub time: Option<String>,
    pub result: Option<String>,
    /// Rows are read where these columns have these cells.
    pub only: Vec<(String, String)>,
    /// Numbers are written 98,5.
    pub decimal_comma: bool,
}

/// What was read.
#[derive(Debug)]
pub struct Table {
    pub study: Study,
    /// Names of the columns.
    pub time: String,
    pub result: String,
    /// Rows that [`Reading::only`] left out.
    pub left_out: u64,
}

/// Which column is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Batch,
    Time,
    Result,
    Only,
}

/// Why a file is not read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    #[error("{0}")]
    File(String),
    /// One of the columns cannot be told.
    #[error("line {line}: {reason}")]
    Column { line: u64, role: Role, reason: String },
    #[error("{0}")]
    Rows(Faults),
    /// Who watched did not want to go on.
    #[error("the reading was stopped")]
    Stopped,
}

/// What is wrong with rows: the first few, and how many more there are.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Faults {
    pub first: Vec<Fault>,
    pub more: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// Of the file; the first is 1.
    pub line: u64,
    pub reason: String,
}

/// Reads a file's bytes.
///
/// # Errors
/// Nothing is read of a file of which any row cannot be.
pub fn read(bytes: &[u8], reading: &Reading) -> Result<Table, TableError> {
    read_watched(bytes, reading, &mut |_| true)
}

/// As [`read`]. `watch` is told now and then how many rows are read, and says whether to go on.
///
/// # Errors
/// As those of [`read`]; [`TableError::Stopped`] where `watch` says so.
pub fn read_watched(
    bytes: &[u8],
    reading: &Reading,
    watch: &mut dyn FnMut(u64) -> bool,
) -> Result<Table, TableError> {
    check_kind(bytes)?;
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut records = Records::of(bytes);
    let Some(header_line) = records.advance() else {
        return Err(TableError::File("the file is empty: its first line names the columns".to_owned()));
    };
    let header = Header::of(&records.record, header_line);
    let columns = header.columns(reading)?;
    let rows = Rows { columns: &columns, cells: header.names.len(), decimal_comma: reading.decimal_comma };
    let (mut results, mut faults, mut left_out) = (Results::default(), Faults::default(), 0);
    let mut passed = 0_u64;
    while let Some(line) = records.advance() {
        if passed.is_multiple_of(WATCHED) && !watch(passed) {
            return Err(TableError::Stopped);
        }
        passed = passed.saturating_add(1);
        match rows.row(&records.record, &mut results) {
            Ok(true) => {}
            Ok(false) => left_out += 1,
            Err(reason) => faults.add(Fault { line, reason }),
        }
    }
    if !faults.first.is_empty() {
        return Err(TableError::Rows(faults));
    }
    let study = results.into_study();
    if study.results() == 0 {
        let rows = if left_out > 0 {
            "no row of the file has the cells that are asked for"
        } else {
            "the file has no rows"
        };
        return Err(TableError::File(format!("{rows} beneath its header")));
    }
    let name = |at: usize| header.names.get(at).cloned().unwrap_or_default();
    Ok(Table { study, time: name(columns.time), result: name(columns.result), left_out })
}

/// Whether a time column's name tells another unit than this: `days`, where months are meant.
pub fn tells_another_unit(column: &str, unit: &str) -> bool {
    let (column, unit) = (column.to_lowercase(), unit.to_lowercase());
    let told = UNITS.iter().filter(|it| column.contains(**it));
    told.clone().count() > 0 && !told.clone().any(|it| unit.contains(it))
}

/// Files that are no CSV, told by what they are.
fn check_kind(bytes: &[u8]) -> Result<(), TableError> {
    let kind = match bytes {
        [b'P', b'K', 3, 4, ..] => "is a spreadsheet (or another ZIP archive): save it as CSV",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "is in UTF-16: save it as CSV in UTF-8",
        bytes if bytes.len() > MAXIMUM_BYTES => "is larger than 64 MiB: evaluate it in parts",
        bytes if bytes.contains(&0) => "is no text: save it as CSV in UTF-8",
        _ => return Ok(()),
    };
    Err(TableError::File(format!("the file {kind}")))
}

/// The records of a file, with the lines at which they begin.
struct Records<'a> {
    bytes: &'a [u8],
    reader: csv::Reader<&'a [u8]>,
    record: ByteRecord,
    /// The lines before this byte are counted.
    counted: usize,
    line: u64,
}

impl<'a> Records<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let mut reader = ReaderBuilder::new();
        reader.delimiter(delimiter(bytes)).has_headers(false).flexible(true).trim(csv::Trim::All);
        Self { bytes, reader: reader.from_reader(bytes), record: ByteRecord::new(), counted: 0, line: 1 }
    }

    /// Reads the next record that has a cell with something in it, and tells its line. Reading from memory does not fail.
    fn advance(&mut self) -> Option<u64> {
        while self.reader.read_byte_record(&mut self.record).unwrap_or(false) {
            if self.record.iter().any(|cell| !cell.is_empty()) {
                let begin = self.record.position().map_or(0, csv::Position::byte);
                return Some(self.line_at(usize::try_from(begin).unwrap_or(usize::MAX)));
            }
        }
        None
    }

    /// The reader's own count is behind after empty lines, and knows one kind of line end only.
    fn line_at(&mut self, begin: usize) -> u64 {
        let rest = self.bytes.get(begin..).unwrap_or_default();
        let ends = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let begin = begin.saturating_add(ends);
        let passed = self.bytes.get(self.counted..begin).unwrap_or_default();
        let before = self.counted.checked_sub(1).and_then(|at| self.bytes.get(at)).copied().unwrap_or(0);
        self.line += line_ends(before, passed);
        self.counted = begin;
        self.line
    }
}

/// Line ends in a part of a file: `\n`, `\r` or both together. `before` is the byte before it.
fn line_ends(before: u8, part: &[u8]) -> u64 {
    let mut last = before;
    let mut ends = 0;
    for byte in part {
        ends += u64::from(*byte == b'\r' || (*byte == b'\n' && last != b'\r'));
        last = *byte;
    }
    ends
}

/// What separates the header's names most often.
fn delimiter(bytes: &[u8]) -> u8 {
    let lines = bytes.split(|byte| matches!(byte, b'\n' | b'\r'));
    let header = lines.into_iter().find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let count = |delimiter: &u8| header.iter().filter(|byte| *byte == delimiter).count();
    // The last of those that are as frequent is taken: a comma where there is none at all.
    [b';', b'\t', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

struct Header {
    line: u64,
    names: Vec<String>,
}

/// Where the cells are.
struct Columns {
    batch: usize,
    time: usize,
    result: usize,
    only: Vec<(usize, String)>,
    /// Of batch, time and result, for what is said of them.
    names: [String; 3],
}

impl Header {
    fn of(record: &ByteRecord, line: u64) -> Self {
        Self { line, names: record.iter().map(|cell| shown(cell, usize::MAX)).collect() }
    }

    fn columns(&self, reading: &Reading) -> Result<Columns, TableError> {
        let batch = self.column(Role::Batch, reading.batch.as_deref(), BATCH)?;
        let time = self.column(Role::Time, reading.time.as_deref(), TIME)?;
        let only = reading
            .only
            .iter()
            .map(|(name, cell)| Ok((self.column(Role::Only, Some(name), &[])?, cell.clone())));
        let only = only.collect::<Result<Vec<_>, TableError>>()?;
        let result = match &reading.result {
            Some(name) => self.column(Role::Result, Some(name), &[])?,
            None => self.remaining(&[batch, time], &only)?,
        };
        for (role, first, second) in
            [(Role::Time, batch, time), (Role::Result, batch, result), (Role::Result, time, result)]
        {
            if first == second {
                return Err(self.fault(role, format!("the column {:?} is asked for twice", self.name(first))));
            }
        }
        let names = [batch, time, result].map(|at| self.name(at).to_owned());
        Ok(Columns { batch, time, result, only, names })
    }

    /// The column of a name, or of one of the usual names, in upper or lower case.
    fn column(&self, role: Role, name: Option<&str>, usual: &[&str]) -> Result<usize, TableError> {
        let is_usual = |column: &str| usual.contains(&column.to_lowercase().as_str());
        let is_meant = |column: &str| name.map_or_else(|| is_usual(column), |name| column == name.trim());
        let found = self.names.iter().enumerate().filter(|(_, column)| is_meant(column));
        let found: Vec<usize> = found.map(|(at, _)| at).collect();
        match found[..] {
            [at] => Ok(at),
            [] => Err(self.fault(role, self.missing(role, name, usual))),
            [first, second, ..] => {
                let (first, second) = (first.saturating_add(1), second.saturating_add(1));
                let names = if name.is_some() { "have the same name" } else { "could both be meant" };
                Err(self
                    .fault(role, format!("for the {role}, columns {first} and {second} {names}: rename one")))
            }
        }
    }

    fn missing(&self, role: Role, name: Option<&str>, usual: &[&str]) -> String {
        let columns: Vec<_> =
            self.names.iter().take(20).map(|name| format!("{:?}", shortened(name, SHOWN))).collect();
        let columns = columns.join(", ");
        match name {
            Some(name) => format!("there is no column {name:?}; the columns are {columns}"),
            None => format!(
                "there is no column for the {role} ({}); the columns are {columns}",
                usual.join(" or ")
            ),
        }
    }

    /// The one column that is left for the result.
    fn remaining(&self, taken: &[usize], only: &[(usize, String)]) -> Result<usize, TableError> {
        let is_taken = |at: usize| taken.contains(&at) || only.iter().any(|(column, _)| *column == at);
        let left = (0..self.names.len()).filter(|at| !is_taken(*at) && !self.name(*at).is_empty());
        match left.collect::<Vec<_>>()[..] {
            [at] => Ok(at),
            [] => Err(self.fault(Role::Result, "there is no column for the result".to_owned())),
            ref several => {
                let names: Vec<_> = several
                    .iter()
                    .take(20)
                    .map(|at| format!("{:?}", shortened(self.name(*at), SHOWN)))
                    .collect();
                let names = names.join(", ");
                Err(self.fault(Role::Result, format!("several columns could be the result: {names}")))
            }
        }
    }

    fn name(&self, at: usize) -> &str {
        self.names.get(at).map_or("", String::as_str)
    }

    fn fault(&self, role: Role, reason: String) -> TableError {
        TableError::Column { line: self.line, role, reason }
    }
}

/// How a row is read.
struct Rows<'a> {
    columns: &'a Columns,
    cells: usize,
    decimal_comma: bool,
}

impl Rows<'_> {
    /// Whether the row is one of those that are asked for; then it is among the results.
    fn row(&self, record: &ByteRecord, results: &mut Results) -> Result<bool, String> {
        if record.len() != self.cells {
            let hint = if record.len() > self.cells {
                ". Are there decimal commas? Write points, or put the numbers in quotes"
            } else {
                ""
            };
            return Err(format!(
                "{} cells, where the header names {} columns{hint}",
                record.len(),
                self.cells
            ));
        }
        let cell = |at: usize| record.get(at).unwrap_or_default();
        if !self.columns.only.iter().all(|(at, wanted)| cell(*at) == wanted.as_bytes()) {
            return Ok(false);
        }
        let [batch_name, time_name, result_name] = &self.columns.names;
        let batch = text(cell(self.columns.batch), batch_name)?;
        let time = self.number(cell(self.columns.time), time_name)?;
        let result = self.number(cell(self.columns.result), result_name)?;
        results.add(batch, time, result).map_err(|error| error.to_string())?;
        Ok(true)
    }

    fn number(&self, cell: &[u8], column: &str) -> Result<f64, String> {
        let text = text(cell, column)?;
        let fault = |reason: &str| Err(format!("column {column}: {:?} {reason}", shortened(text, SHOWN)));
        let (point, comma) = (text.contains('.'), text.contains(','));
        let parsed = match self.decimal_comma {
            true if point => return fault("has a point, where decimal commas are announced"),
            true => text.replacen(',', ".", 1).parse(),
            false => text.parse(),
        };
        match parsed {
            Ok(number) if f64::is_finite(number) => Ok(number),
            Ok(_) => fault("is no finite number: remove the row, or correct it"),
            Err(_) if comma && !self.decimal_comma => {
                fault("has a comma: write a decimal point, or announce decimal commas for the whole file")
            }
            Err(_) if text.starts_with(['<', '>']) => {
                fault("is no number: a result beyond the limit of quantification cannot be fitted to a line")
            }
            Err(_) => fault("is no number: write digits with a decimal point, and no unit"),
        }
    }
}

fn text<'a>(cell: &'a [u8], column: &str) -> Result<&'a str, String> {
    match str::from_utf8(cell) {
        Ok("") => Err(format!("column {column} is empty: fill it in, or remove the row")),
        Ok(text) => Ok(text),
        Err(_) => Err(format!("column {column} is no UTF-8: save the file as CSV in UTF-8")),
    }
}

fn shown(cell: &[u8], length: usize) -> String {
    shortened(&String::from_utf8_lossy(cell), length)
}

fn shortened(text: &str, length: usize) -> String {
    match text.chars().nth(length) {
        None => text.to_owned(),
        Some(_) => text.chars().take(length).chain(['…']).collect(),
    }
}

impl Faults {
    fn add(&mut self, fault: Fault) {
        match self.first.len() < FAULTS {
            true => self.first.push(fault),
            false => self.more += 1,
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Fault { line, reason }) in self.first.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            write!(formatter, "{separator}line {line}: {reason}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(formatter, "\nand {more} more rows cannot be read"),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Batch => "batch",
            Self::Time => "time",
            Self::Result => "result",
            Self::Only => "choice of rows",
        })
    }
}

#[cfg(test)]
mod tests;
