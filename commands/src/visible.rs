//! Text of others on a terminal: what the ledger, a gateway or a file says is shown, and never obeyed.

use std::fmt::Write;

use certificate::document::is_hidden;

/// The text with its hidden characters spelled out as Rust spells them (`\u{1b}`); line breaks stay.
pub fn visible(text: &str) -> String {
    spelled(text, |character, out| {
        let _ = write!(out, "{}", character.escape_unicode());
    })
}

/// JSON with its hidden characters spelled out as JSON spells them (`\u001b`). They can only stand in its texts.
pub fn visible_json(json: &str) -> String {
    spelled(json, |character, out| {
        for unit in character.encode_utf16(&mut [0; 2]) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

fn spelled(text: &str, mut spell: impl FnMut(char, &mut String)) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, character| {
        match is_hidden(character) && character != '\n' {
            true => spell(character, &mut out),
            false => out.push(character),
        }
        out
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn a_terminal_is_told_nothing() {
        let hostile = "NOT VALID\n\u{1b}[2K\u{1b}[1GVALID\u{9b}1m\u{202e}\r";
        let shown = visible(hostile);
        assert_eq!(shown, "NOT VALID\n\\u{1b}[2K\\u{1b}[1GVALID\\u{9b}1m\\u{202e}\\u{d}");
        assert_eq!(visible("ü, 日本 and 5 µm\nare shown"), "ü, 日本 and 5 µm\nare shown");
    }

    #[test]
    fn json_stays_the_same_value() {
        let value = Value::String("a\u{9b}b\u{202e}c\u{e0041}d\ne".into());
        let shown = visible_json(&serde_json::to_string_pretty(&value).unwrap());
        assert!(shown.is_ascii(), "{shown}");
        assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value);
    }
}
