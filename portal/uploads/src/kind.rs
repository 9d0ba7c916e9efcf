//! What a file is, by its bytes: a short list of formats, of which none runs in a browser.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufReader},
    path::Path,
};

use serde::de::IgnoredAny;

/// How many bytes at the end of a ZIP archive are looked at for the names in it.
const TAIL: usize = 64 * 1024;
/// Text that is larger is not looked into.
const LOOKED_INTO: u64 = 8 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Pdf,
    Png,
    Jpeg,
    Xlsx,
    Json,
    Csv,
    Text,
}

impl Kind {
    const ALL: [Kind; 7] = [Kind::Pdf, Kind::Png, Kind::Jpeg, Kind::Xlsx, Kind::Json, Kind::Csv, Kind::Text];

    /// As people say it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Pdf => "PDF",
            Kind::Png => "PNG",
            Kind::Jpeg => "JPEG",
            Kind::Xlsx => "XLSX",
            Kind::Json => "JSON",
            Kind::Csv => "CSV",
            Kind::Text => "text",
        }
    }

    pub fn media_type(self) -> &'static str {
        match self {
            Kind::Pdf => "application/pdf",
            Kind::Png => "image/png",
            Kind::Jpeg => "image/jpeg",
            Kind::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Kind::Json => "application/json",
            Kind::Csv => "text/csv; charset=utf-8",
            Kind::Text => "text/plain; charset=utf-8",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// Looks at a file while it passes.
#[derive(Default)]
pub(crate) struct Sniffer {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// The bytes of a character that has not ended.
    rest: Vec<u8>,
    is_no_text: bool,
    bytes: u64,
}

impl Sniffer {
    pub fn see(&mut self, piece: &[u8]) {
        self.bytes = self.bytes.saturating_add(piece.len() as u64);
        self.head.extend(piece.iter().take(16_usize.saturating_sub(self.head.len())));
        self.tail.extend(piece.iter().skip(piece.len().saturating_sub(TAIL)));
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
        if !self.is_no_text {
            self.rest.extend_from_slice(piece);
            match std::str::from_utf8(&self.rest) {
                Ok(text) => {
                    self.is_no_text = text.chars().any(is_odd);
                    self.rest.clear();
                }
                Err(error) => {
                    let (valid, rest) = self.rest.split_at(error.valid_up_to());
                    let text = std::str::from_utf8(valid).unwrap_or_default();
                    self.is_no_text = error.error_len().is_some() || text.chars().any(is_odd);
                    self.rest = rest.to_vec();
                }
            }
        }
    }

    /// Whether it begins as an object or a list in JSON does.
    fn opens(&self) -> bool {
        let first = self.head.iter().find(|byte| !byte.is_ascii_whitespace());
        matches!(first, Some(b'{' | b'['))
    }

    /// What it was, its bytes now in this file.
    pub fn kind(mut self, file: &Path) -> io::Result<Option<Kind>> {
        let starts = |magic: &[u8]| self.head.starts_with(magic);
        if starts(b"%PDF-") {
            return Ok(Some(Kind::Pdf));
        }
        if starts(b"\x89PNG\r\n\x1a\n") {
            return Ok(Some(Kind::Png));
        }
        if starts(b"\xff\xd8\xff") {
            return Ok(Some(Kind::Jpeg));
        }
        if starts(b"PK\x03\x04") {
            let tail = self.tail.make_contiguous();
            let names = |name: &[u8]| tail.windows(name.len()).any(|it| it == name);
            let is_xlsx = names(b"[Content_Types].xml") && names(b"xl/workbook.xml");
            return Ok((is_xlsx && !names(b"vbaProject")).then_some(Kind::Xlsx));
        }
        if self.is_no_text || !self.rest.is_empty() {
            return Ok(None);
        }
        let is_small = self.bytes <= LOOKED_INTO;
        Ok(Some(match () {
            // A number or a word alone is a line of text.
            () if is_small && self.opens() && is_json(file)? => Kind::Json,
            () if is_small && is_csv(file)? => Kind::Csv,
            () => Kind::Text,
        }))
    }
}

/// A character that no text has.
fn is_odd(character: char) -> bool {
    character.is_control() && !matches!(character, '\t' | '\n' | '\r' | '\u{c}')
}

fn is_json(path: &Path) -> io::Result<bool> {
    Ok(serde_json::from_reader::<_, IgnoredAny>(open(path)?).is_ok())
}

/// Rows of as many cells each, two or more; a row of titles and another at least.
fn is_csv(path: &Path) -> io::Result<bool> {
    for delimiter in *b",;\t" {
        let mut reader = csv::ReaderBuilder::new();
        let mut reader = reader.has_headers(false).delimiter(delimiter).from_reader(open(path)?);
        let (mut record, mut rows) = (csv::ByteRecord::new(), 0_u64);
        while reader.read_byte_record(&mut record).unwrap_or(false) && record.len() >= 2 {
            rows = rows.saturating_add(1);
        }
        // It stops before the end where rows differ or have one cell alone.
        if rows >= 2 && reader.is_done() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn open(path: &Path) -> io::Result<BufReader<File>> {
    Ok(BufReader::new(File::open(path)?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn kind(content: &[u8], piece: usize) -> Option<Kind> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, content).unwrap();
        let mut sniffer = Sniffer::default();
        content.chunks(piece).for_each(|piece| sniffer.see(piece));
        sniffer.kind(&path).unwrap()
    }

    #[test]
    fn kinds_are_told_by_the_bytes() {
        let archive = |names: &[&str]| {
            let mut archive = b"PK\x03\x04".to_vec();
            archive.extend([0; 100_000]);
            archive.extend(names.concat().bytes());
            archive
        };
        let workbook = archive(&["[Content_Types].xml", "xl/workbook.xml"]);
        let with_macros = archive(&["[Content_Types].xml", "xl/workbook.xml", "xl/vbaProject.bin"]);
        let cases: [(&[u8], Option<Kind>); 17] = [
            (b"%PDF-1.7\n\xe2\xe3", Some(Kind::Pdf)),
            (b"\x89PNG\r\n\x1a\n\0\0", Some(Kind::Png)),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", Some(Kind::Jpeg)),
            (&workbook, Some(Kind::Xlsx)),
            (&with_macros, None),
            (b"PK\x03\x04 any other archive", None),
            (b" {\"a\": [1, 2]}", Some(Kind::Json)),
            (b"[1, 2", Some(Kind::Text)),
            (b"a,b\n1,2\n", Some(Kind::Csv)),
            ("Größe;Wert\n1;2,5\n".as_bytes(), Some(Kind::Csv)),
            (b"a,b\n1,2,3\n", Some(Kind::Text)),
            ("Plain text, in Größe and Maß.\n".as_bytes(), Some(Kind::Text)),
            (b"12", Some(Kind::Text)),
            (b"<script>alert(1)</script>", Some(Kind::Text)),
            (b"MZ\x90\0\x03", None),
            (b"Latin-1: Gr\xf6\xdfe", None),
            ("a character cut o\u{20ac}".as_bytes().split_last().unwrap().1, None),
        ];
        for (content, expected) in cases {
            for piece in [1, 7, 100_000] {
                let start = content.get(..content.len().min(20));
                assert_eq!(kind(content, piece), expected, "{start:?} {piece}");
            }
        }
    }
}
