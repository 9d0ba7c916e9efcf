//! What commands print: rows for people, JSON for programs.

use std::io::{self, Write};

use certificate::{Code, refusal::Violation};
use peer_client::certificate::Committed;
use serde::Serialize;
use serde_json::Value;

use crate::{
    exit::{Exit, Failure},
    visible::{visible, visible_json},
};

/// Prints one JSON value.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text =
        serde_json::to_string_pretty(value).map_err(|error| Failure::during("printing JSON", error))?;
    line(visible_json(&text))
}

/// Prints text, its hidden characters spelled out; and no panic where its reader is gone.
pub fn line(text: impl AsRef<str>) -> Result<(), Failure> {
    printed(writeln!(io::stdout(), "{}", visible(text.as_ref())))
}

/// Prints bytes as they are: a document that may not change, or a drawing in colours. Not for texts of others.
pub fn bytes(content: &[u8]) -> Result<(), Failure> {
    let mut output = io::stdout();
    printed(output.write_all(content).and_then(|()| output.flush()))
}

fn printed(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::during("printing", error)),
        _ => Ok(()),
    }
}

/// Says something on standard error. Where its reader is gone, it is lost.
pub fn warn(text: impl AsRef<str>) {
    let _ = writeln!(io::stderr(), "{}", visible(text.as_ref()));
}

/// Prints names and what they stand for, in two columns. An empty text is left out.
pub fn rows(rows: &[(&str, String)]) -> Result<(), Failure> {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut shown = rows.iter().filter(|(_, text)| !text.is_empty());
    shown.try_for_each(|(name, text)| line(format!("{name:<width$}  {text}")))
}

/// Prints a transaction that is on the ledger: what it wrote, and where it stands.
pub fn committed(done: &str, committed: &Committed, as_json: bool) -> Result<(), Failure> {
    if as_json {
        let record: Value = serde_json::from_slice(&committed.result).unwrap_or_default();
        let Committed { transaction_id, block, .. } = committed;
        return json(&serde_json::json!({
            "transactionId": transaction_id, "block": block, "record": record,
        }));
    }
    line(format!("{done}: block {}, transaction {}", committed.block, committed.transaction_id))
}

/// Prints of what began with a transaction, such as an application, by which id it goes on: `what` it is, and that it was `done`.
pub fn begun(done: &str, what: &str, id: Code, committed: &Committed, as_json: bool) -> Result<(), Failure> {
    let Committed { transaction_id, block, .. } = committed;
    if as_json {
        return json(&serde_json::json!({(what): id, "block": block, "transactionId": transaction_id}));
    }
    rows(&[(done, id.grouped()), ("block", block.to_string()), ("transaction", transaction_id.clone())])
}

/// Prints broken rules, each with where it is broken and what stands there.
pub fn violations(violations: &[Violation]) -> Result<(), Failure> {
    violations.iter().try_for_each(|violation| line(violation.to_string()))
}

/// Why a document is not taken: all rules that it breaks, each as [`violations`] prints it.
pub fn refused(done: &str, violations: &[Violation]) -> Failure {
    let rules = if violations.len() == 1 { "rule" } else { "rules" };
    let lines: String = violations.iter().map(|violation| format!("\n{violation}")).collect();
    Failure::new(Exit::No, format!("{done}: {} {rules} broken{lines}", violations.len()))
}

/// The texts at these JSON pointers that are there, on one line.
pub fn texts_at(value: &Value, pointers: &[&str]) -> String {
    let texts = pointers.iter().map(|pointer| text_at(value, pointer)).filter(|text| !text.is_empty());
    texts.collect::<Vec<_>>().join("  ")
}

/// The text of a member at a JSON pointer, on one line; empty where there is none.
pub fn text_at(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer) {
        Some(Value::String(text)) => text.replace('\n', "\\n"),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}
