//! The plan of a run: every row of a file as a signed document, durable before the first is submitted.
//!
//! It is a file of lines. The first names the file that it was made of by its hash; each of the others has one document, and
//! the line of the file that it comes from. A plan takes its name when it is whole, so there is no half of one.

use std::{
    collections::{HashMap, HashSet},
    fs::File,
    io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write},
    path::Path,
};

use certificate::{
    Code, DateTime,
    canonical::to_canonical,
    document::{STATUS_LIST_ENTRIES, SignedDocument, check_signed},
};
use durable::Access;
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    background::{random_code, random_index},
    input::{Format, Input},
    results::Results,
    rows::{Fault, Row, Rows},
    sign::{SignError, sign},
};

const VERSION: u32 = 1;
/// So many wrong rows are named; more are counted.
const NAMED_FAULTS: usize = 100;
/// A list has room for so many of one file's rows, that free places are found fast.
const ROWS_A_LIST: usize = STATUS_LIST_ENTRIES as usize / 2;
const BUFFER: usize = 1 << 20;

/// What a plan is made of.
pub struct Making<'a> {
    pub input: &'a Input,
    /// The draft that rows of a CSV file fill in.
    pub template: &'a Value,
    /// For rows that are not signed yet.
    pub key: Option<&'a SigningKey>,
    pub now: DateTime,
}

/// A plan on the disk.
pub struct Plan {
    file: BufReader<File>,
    input: String,
    rows: u64,
}

/// One row of it.
#[derive(Debug, Deserialize, Serialize)]
pub struct Entry {
    /// Of the file, counted from 1.
    pub line: u64,
    pub certificate: String,
    /// Signed, in canonical form.
    pub document: String,
}

#[derive(Deserialize, Serialize)]
struct Header {
    plan: u32,
    input: String,
}

/// Why no plan was made; there is none then.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    #[error("{}", told(.named, *.more))]
    Faults { named: Vec<Fault>, more: usize },
    #[error("there are no rows in it")]
    Empty,
    #[error("line {line} is not signed: name the issuer's key with --key")]
    NoKey { line: u64 },
    #[error("stopped before anything was submitted")]
    Stopped,
    #[error("asking the operating system for randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    #[error("{0}")]
    Write(#[from] io::Error),
}

/// Makes the plan of a file, which breaks no rule in any row. `go_on` is asked before each row.
pub fn make(path: &Path, making: &Making<'_>, mut go_on: impl FnMut() -> bool) -> Result<(), PlanError> {
    let named = |fault| PlanError::Faults { named: vec![fault], more: 0 };
    let mut rows = Rows::of(making.input, making.template).map_err(named)?;
    durable::write_by(path, Access::Owner, |file| {
        let mut file = BufWriter::with_capacity(BUFFER, file);
        line(&mut file, &Header { plan: VERSION, input: making.input.hash() })?;
        let (mut faults, mut taken) = (Faults::default(), Taken::default());
        let mut empty = true;
        while let Some(row) = rows.next() {
            if !go_on() {
                return Err(PlanError::Stopped);
            }
            empty = false;
            match row.map_err(|fault| vec![fault]) {
                Ok(row) => match making.entry(row, &rows, &mut taken)? {
                    Ok(entry) if faults.is_empty() => line(&mut file, &entry)?,
                    Ok(_) => {}
                    Err(found) => faults.extend(found),
                },
                Err(found) => faults.extend(found),
            }
        }
        match (faults.is_empty(), empty) {
            (false, _) => Err(PlanError::Faults { named: faults.named, more: faults.more }),
            (true, true) => Err(PlanError::Empty),
            (true, false) => Ok(file.flush()?),
        }
    })
}

impl Making<'_> {
    /// The row as a signed document, or what is wrong with it.
    fn entry(
        &self,
        mut row: Row,
        rows: &Rows<'_>,
        taken: &mut Taken,
    ) -> Result<Result<Entry, Vec<Fault>>, PlanError> {
        if self.input.format == Format::Csv {
            taken.renew(&mut row.document)?;
        }
        let (line, document) = (row.line, row.document);
        let signed = match (document.get("proof"), self.key) {
            (Some(_), _) => to_canonical(&document).map_err(SignError::from),
            (None, Some(key)) => sign(&document, key, self.now),
            (None, None) => return Err(PlanError::NoKey { line }),
        };
        let checked = signed.and_then(|bytes| {
            let checked = check_signed(&bytes).map_err(SignError::Rules)?;
            Ok((bytes, checked))
        });
        let fault = |reason: String| vec![Fault { line, reason }];
        Ok(match checked {
            Err(SignError::Rules(violations)) => {
                Err(violations.iter().map(|violation| rows.fault(line, violation)).collect())
            }
            Err(error) => Err(fault(error.to_string())),
            Ok((bytes, checked)) => taken.take(line, &checked).map_err(fault).map(|()| Entry {
                line,
                certificate: checked.document.code.to_string(),
                // Canonical JSON is UTF-8.
                document: String::from_utf8_lossy(&bytes).into_owned(),
            }),
        })
    }
}

/// Codes and places in status lists that rows of this file have.
#[derive(Default)]
struct Taken {
    lines: HashMap<Code, u64>,
    places: HashSet<(String, u32, u32)>,
    list: Option<u32>,
    /// In the list.
    indices: HashSet<u32>,
}

impl Taken {
    /// Gives a row what makes it a certificate of its own: an id, a code, and a place in a status list. This file alone uses
    /// the list: which of its places are free need not be looked up.
    fn renew(&mut self, document: &mut Value) -> Result<(), getrandom::Error> {
        let code = random_code()?;
        let list = match self.list {
            Some(list) if self.indices.len() < ROWS_A_LIST => list,
            _ => {
                self.indices.clear();
                *self.list.insert(getrandom::u32()? >> 1)
            }
        };
        let mut index = random_index()?;
        while !self.indices.insert(index) {
            index = random_index()?;
        }
        let lists = document.pointer("/credentialStatus/1/statusListCredential").and_then(Value::as_str);
        let lists = lists.and_then(|address| address.rsplit_once('/')).map_or("", |(lists, _)| lists);
        let list = format!("{lists}/{list}");
        for (pointer, text) in [
            ("/id", code.to_urn()),
            ("/credentialStatus/0/certificate", code.to_string()),
            ("/credentialStatus/1/statusListIndex", index.to_string()),
            ("/credentialStatus/1/statusListCredential", list),
        ] {
            if let Some(place) = document.pointer_mut(pointer) {
                *place = text.into();
            }
        }
        Ok(())
    }

    fn take(&mut self, line: u64, signed: &SignedDocument) -> Result<(), String> {
        let document = &signed.document;
        if let Some(other) = self.lines.insert(document.code, line) {
            return Err(format!("the id is that of line {other}: each certificate has its own"));
        }
        let place = &document.status;
        match self.places.insert((place.lists.clone(), place.list, place.index)) {
            true => Ok(()),
            false => Err("the place in the status list is that of another line".to_owned()),
        }
    }
}

impl Plan {
    /// The plan at this path, where there is one.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file?,
        };
        let mut file = BufReader::with_capacity(BUFFER, file);
        let mut first = String::new();
        file.by_ref().take(1000).read_line(&mut first)?;
        let header: Option<Header> = serde_json::from_str(&first).ok();
        let header = header.filter(|header| header.plan == VERSION);
        let header = header.ok_or_else(|| io::Error::other("is no plan of this version"))?;
        let begin = file.stream_position()?;
        let mut rows = 0;
        while file.skip_until(b'\n')? > 0 {
            rows += 1;
        }
        file.seek(io::SeekFrom::Start(begin))?;
        Ok(Some(Self { file, input: header.input, rows }))
    }

    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// How many of its rows are known to be issued.
    pub fn issued(&mut self, results: &Results) -> io::Result<u64> {
        let begin = self.file.stream_position()?;
        let (mut issued, mut line) = (0, String::new());
        while self.file.read_line(&mut line)? > 0 {
            let entry: Entry = serde_json::from_str(&line)?;
            issued += u64::from(results.is_issued(&entry.certificate));
            line.clear();
        }
        self.file.seek(io::SeekFrom::Start(begin))?;
        Ok(issued)
    }

    /// Whether it was made of this file as it is now.
    pub fn is_of(&self, input: &Input) -> bool {
        self.input == input.hash()
    }

    /// Its rows in order.
    pub fn entries(self) -> impl Iterator<Item = io::Result<Entry>> {
        self.file.lines().map(|line| Ok(serde_json::from_str(&line?)?))
    }
}

#[derive(Default)]
struct Faults {
    named: Vec<Fault>,
    more: usize,
}

impl Faults {
    fn is_empty(&self) -> bool {
        self.named.is_empty()
    }

    fn extend(&mut self, found: Vec<Fault>) {
        for fault in found {
            match self.named.len() < NAMED_FAULTS {
                true => self.named.push(fault),
                false => self.more += 1,
            }
        }
    }
}

fn line(file: &mut impl Write, content: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *file, content)?;
    file.write_all(b"\n")
}

fn told(named: &[Fault], more: usize) -> String {
    let lines: Vec<String> = named.iter().map(Fault::to_string).collect();
    let rest = if more > 0 { format!("\n… and {more} more") } else { String::new() };
    format!("{}{rest}", lines.join("\n"))
}
