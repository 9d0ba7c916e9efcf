//! PEM as Go's `encoding/pem` reads it: the first block that is whole, whatever its label says.
//!
//! The rules are Go's since 1.25 and decide verdicts: text before, between and after blocks is skipped,
//! headers are skipped, spaces and tabs inside the base64 are dropped, labels must agree.

use base64::{Engine, engine::general_purpose::STANDARD};

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"\n-----END ";
const DASHES: &[u8] = b"-----";

/// The content of the first block; none if there is none.
pub(super) fn first_block(text: &[u8]) -> Option<Vec<u8>> {
    first_labelled(text).map(|(_, content)| content)
}

/// Label and content of the first block.
pub(super) fn first_labelled(text: &[u8]) -> Option<(&[u8], Vec<u8>)> {
    let mut rest = text;
    loop {
        let end = find(rest, END)?;
        let (before, after) = (rest.get(..end)?, rest.get(end + END.len()..)?);
        // The last BEGIN in front of the first END: an earlier one without an END is skipped.
        let Some(start) = last_begin(before) else {
            rest = after;
            continue;
        };
        match block(rest, start, end) {
            Parsed::Block(label, content) => return Some((label, content)),
            Parsed::GiveUp => return None,
            Parsed::Skip(more) => rest = after.get(more..)?,
        }
    }
}

/// A block as PEM with lines of 64 characters, as Go writes it.
pub(super) fn encode(label: &str, content: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(label, content), config)
}

enum Parsed<'a> {
    Block(&'a [u8], Vec<u8>),
    /// No block here: go on behind the END, and this many bytes further.
    Skip(usize),
    /// Go looks no further.
    GiveUp,
}

fn last_begin(before: &[u8]) -> Option<usize> {
    let start = before.windows(BEGIN.len()).rposition(|window| window == BEGIN)?;
    let at_line_start = start == 0 || before.get(start - 1) == Some(&b'\n');
    at_line_start.then_some(start)
}

/// Reads the block that begins at `start` and whose `"\n-----END "` is at `end`.
fn block(text: &[u8], start: usize, end: usize) -> Parsed<'_> {
    let mut position = start + BEGIN.len();
    let (label, length) = line(from(text, position));
    let Some(label) = label.strip_suffix(DASHES) else {
        // Go forgets that it has already passed this line, and passes as many bytes once more.
        return Parsed::Skip(length);
    };
    position += length;
    let mut headers = false;
    loop {
        let (header, length) = line(from(text, position));
        if length == 0 {
            return Parsed::GiveUp;
        }
        if !header.contains(&b':') {
            break;
        }
        headers = true;
        position += length;
    }
    let ends = label_ends(from(text, end + END.len()), label);
    if !ends || (headers && end < position) {
        return Parsed::Skip(0);
    }
    // An END right after the BEGIN line shares its line break: nothing lies between them.
    let base64 = text.get(position..end).unwrap_or_default();
    decode_base64(base64).map_or(Parsed::Skip(0), |content| Parsed::Block(label, content))
}

fn from(text: &[u8], position: usize) -> &[u8] {
    text.get(position..).unwrap_or_default()
}

/// Whether the label is repeated, followed by dashes and nothing but blanks.
fn label_ends(trailer: &[u8], label: &[u8]) -> bool {
    let after = trailer.strip_prefix(label).and_then(|rest| rest.strip_prefix(DASHES));
    after.is_some_and(|rest| line(rest).0.is_empty())
}

/// Go's decoder skips line breaks; spaces and tabs are removed before it.
fn decode_base64(text: &[u8]) -> Option<Vec<u8>> {
    let text: Vec<u8> = text.iter().copied().filter(|byte| !b" \t\r\n".contains(byte)).collect();
    STANDARD.decode(text).ok()
}

/// The first line without trailing blanks, and its length with the line break.
fn line(text: &[u8]) -> (&[u8], usize) {
    let (line, length) = match text.iter().position(|byte| *byte == b'\n') {
        Some(end) => (text.get(..end).unwrap_or_default(), end + 1),
        None => (text, text.len()),
    };
    let line = if length > line.len() { line.strip_suffix(b"\r").unwrap_or(line) } else { line };
    let end = line.iter().rposition(|byte| !b" \t".contains(byte)).map_or(0, |last| last + 1);
    (line.get(..end).unwrap_or_default(), length)
}

fn find(text: &[u8], pattern: &[u8]) -> Option<usize> {
    text.windows(pattern.len()).position(|window| window == pattern)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&[u8]>) {
        assert_eq!(first_block(text.as_bytes()).as_deref(), expected, "{text:?}");
    }

    #[test]
    fn takes_the_first_whole_block_of_any_label() {
        let block = "-----BEGIN X-----\nAQID\n-----END X-----\n";
        check(block, Some(&[1, 2, 3]));
        check(&format!("junk\n{block}junk"), Some(&[1, 2, 3]));
        check(&format!("{block}-----BEGIN Y-----\nBAUG\n-----END Y-----\n"), Some(&[1, 2, 3]));
        check(&block.replace('\n', "\r\n"), Some(&[1, 2, 3]));
        check("-----BEGIN -----\nAQID\n-----END -----", Some(&[1, 2, 3]));
        check("-----BEGIN X-----\nA: b\nC: d\n\nAQID\n-----END X-----", Some(&[1, 2, 3]));
        check("-----BEGIN X-----\nA\t Q\n\nID\n-----END X-----  \n", Some(&[1, 2, 3]));
        check("-----BEGIN X-----\n-----END X-----\n", Some(&[]));
    }

    #[test]
    fn passes_over_what_is_not_whole() {
        let good = "-----BEGIN Y-----\nBAUG\n-----END Y-----\n";
        check(&format!("-----BEGIN X-----\nAQID\n{good}"), Some(&[4, 5, 6]));
        check(&format!("-----BEGIN X-----\n!\n-----END X-----\n{good}"), Some(&[4, 5, 6]));
        check("-----BEGIN X-----\nAQID\n-----END Y-----\n", None);
        check(" -----BEGIN X-----\nAQID\n-----END X-----\n", None);
        check("-----BEGIN X-----\nAQID\n-----END X-----x\n", None);
        check("-----BEGIN X-----\nAQI\n-----END X-----\n", None);
        check("", None);
    }
}
