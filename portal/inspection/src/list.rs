//! A shipment's list as it was pasted: a code, a GTIN or a link on each line, or a column of a CSV file.

use letters::is_odd;

use crate::{Asked, shown};

/// Lines of one list that name something.
pub const LINES: usize = 1_000;
/// Columns that a person can pick from.
const COLUMNS: usize = 50;

/// What a line names, or what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// As it was pasted, the first is 1.
    pub number: u64,
    /// As it may be shown.
    pub typed: String,
    pub asked: Result<Asked, String>,
}

/// A column of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// The first is 1.
    pub number: usize,
    pub first: String,
    pub second: String,
}

/// What was pasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pasted {
    Lines(Vec<Line>),
    /// There are several columns, and none was picked.
    Columns(Vec<Column>),
}

/// Which column of a CSV file has the codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Picked {
    pub column: usize,
    /// Whether the first line has the names of the columns.
    pub has_names: bool,
}

impl Pasted {
    /// Reads a list; what is wrong with it as a whole is said in a sentence.
    pub fn read(text: &str, picked: Option<Picked>) -> Result<Self, String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
        let cells = match (delimiter(&text), picked) {
            (None, _) => text.split('\n').zip(1..).map(|(line, number)| (number, line.to_owned())).collect(),
            (Some(delimiter), None) => return Ok(Self::Columns(columns(&records(&text, delimiter)?))),
            (Some(delimiter), Some(picked)) => column(&records(&text, delimiter)?, picked)?,
        };
        let cells = cells.into_iter().filter(|(_, cell)| !cell.trim().is_empty());
        let lines: Vec<Line> = cells.take(LINES.saturating_add(1)).map(Line::of).collect();
        match lines.len() {
            0 => Err("There is no code in it.".to_owned()),
            count if count > LINES => Err(format!("It has more than {LINES} lines: check it in parts.")),
            _ => Ok(Self::Lines(lines)),
        }
    }
}

impl Line {
    fn of((number, cell): (u64, String)) -> Self {
        // Tabs around a cell are no part of it; inside it they are odd.
        let asked = Asked::read(&cell);
        Self { number, typed: shown(&cell), asked }
    }
}

type Record = (u64, Vec<String>);

/// What separates the columns, where there are several: it stands in the first line that is not empty, and that line is no
/// link with such a character in it.
fn delimiter(text: &str) -> Option<u8> {
    let first = text.split('\n').find(|line| !line.trim().is_empty())?;
    if Asked::read(first).is_ok() || first.chars().any(|it| is_odd(it) && it != '\t') {
        return None;
    }
    let count = |delimiter: u8| first.bytes().filter(|byte| *byte == delimiter).count();
    let most = [b',', b';', b'\t'].into_iter().max_by_key(|delimiter| count(*delimiter))?;
    (count(most) > 0).then_some(most)
}

fn records(text: &str, delimiter: u8) -> Result<Vec<Record>, String> {
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader.delimiter(delimiter).has_headers(false).flexible(true);
    let mut records = Vec::new();
    for record in reader.from_reader(text.as_bytes()).into_records() {
        let record = record.map_err(|_| "This is no CSV that can be read.".to_owned())?;
        let number = record.position().map_or(0, csv::Position::line);
        records.push((number, record.iter().map(str::to_owned).collect()));
    }
    Ok(records)
}

fn columns(records: &[Record]) -> Vec<Column> {
    let cell = |row: usize, column: usize| records.get(row).and_then(|(_, cells)| cells.get(column));
    let shown = |row: usize, column: usize| cell(row, column).map(|cell| shown(cell)).unwrap_or_default();
    let count = records.iter().take(2).map(|(_, cells)| cells.len()).max().unwrap_or(0).min(COLUMNS);
    let column =
        |at: usize| Column { number: at.saturating_add(1), first: shown(0, at), second: shown(1, at) };
    (0..count).map(column).collect()
}

fn column(records: &[Record], picked: Picked) -> Result<Vec<(u64, String)>, String> {
    let at = picked.column.checked_sub(1);
    let cell = |record: &Record| Some((record.0, record.1.get(at?).cloned().unwrap_or_default()));
    let widest = records.iter().map(|(_, cells)| cells.len()).max().unwrap_or(0);
    if at.is_none_or(|at| at >= widest) {
        return Err("There is no such column.".to_owned());
    }
    Ok(records.iter().skip(usize::from(picked.has_names)).filter_map(cell).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use certificate::Code;

    use super::*;

    fn code(number: u8) -> String {
        Code::from_random([number; 16]).to_string()
    }

    fn lines(text: &str, picked: Option<Picked>) -> Vec<Line> {
        match Pasted::read(text, picked).unwrap() {
            Pasted::Lines(lines) => lines,
            Pasted::Columns(columns) => panic!("{columns:?}"),
        }
    }

    #[test]
    fn every_line_end_ends_a_line_and_bad_lines_have_numbers() {
        let text = format!(
            "\u{feff}{}\r\n\n{}\r{}\nABC\n95201\u{0}\n\u{202e}{}\n=cmd",
            code(1),
            code(2),
            code(3),
            code(4)
        );
        let lines = lines(&text, None);
        let numbers: Vec<u64> = lines.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 3, 4, 5, 6, 7, 8]);
        let bad: Vec<u64> = lines.iter().filter(|line| line.asked.is_err()).map(|line| line.number).collect();
        assert_eq!(bad, [5, 6, 7, 8]);
        assert!(lines.iter().all(|line| !line.typed.chars().any(is_odd)));
    }

    #[test]
    fn a_column_is_picked() {
        for delimiter in [",", ";", "\t"] {
            let text = ["Item;Code;Weight", "\"drum; \"\"blue\"\"\";CODE;1", "=1+1;;2", "x;ABC;3"].join("\n");
            let text = text.replace("CODE", &code(1)).replace(';', delimiter);
            let Pasted::Columns(columns) = Pasted::read(&text, None).unwrap() else { panic!("{text}") };
            assert_eq!(columns.len(), 3);
            assert_eq!(
                columns.get(1).map(|it| (it.number, &*it.first, it.second.clone())),
                Some((2, "Code", code(1)))
            );
            let picked = lines(&text, Some(Picked { column: 2, has_names: true }));
            let read: Vec<_> = picked.iter().map(|line| (line.number, line.asked.is_ok())).collect();
            assert_eq!(read, [(2, true), (4, false)]);
            for column in [0, 4, usize::MAX] {
                assert!(Pasted::read(&text, Some(Picked { column, has_names: false })).is_err(), "{column}");
            }
        }
    }

    #[test]
    fn a_list_has_an_end() {
        let text = format!("{}\n", code(1)).repeat(LINES);
        assert_eq!(lines(&format!("{text}\n\n"), None).len(), LINES);
        assert!(Pasted::read(&format!("{text}x"), None).unwrap_err().contains("more than 1000"));
        for empty in ["", " \r\n\t\n", "\u{feff}"] {
            assert!(Pasted::read(empty, None).is_err(), "{empty:?}");
        }
    }
}
