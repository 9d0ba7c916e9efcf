//! A draft out of a file: JSON (a document, signed or not, or its `credentialSubject`), or CSV with a column for each field.

use serde_json::{Map, Value};

use crate::{
    form,
    subject::{Fields, LeftOut, from_subject, tidied},
};

/// Bytes of a file or a text; a document has no more.
pub const MAXIMUM_BYTES: usize = 64 * 1024;

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ImportError {
    #[error("This is more than {MAXIMUM_BYTES} bytes.")]
    Large,
    #[error("This is neither JSON nor CSV with a line of names and one of values.")]
    Neither,
    #[error("None of its names is one of the form's.")]
    Nothing,
}

/// The fields that a text has, and what of it is left out, for people.
pub fn read(text: &str) -> Result<(Fields, Vec<String>), ImportError> {
    if text.len() > MAXIMUM_BYTES {
        return Err(ImportError::Large);
    }
    let found = match serde_json::from_str::<Map<String, Value>>(text) {
        Ok(object) => from_subject(subject_of(&object)),
        Err(_) => from_csv(text).ok_or(ImportError::Neither)?,
    };
    if found.0.is_empty() { Err(ImportError::Nothing) } else { Ok(found) }
}

/// The subject of a document; what is no document is taken for a subject.
pub fn subject_of(document: &Map<String, Value>) -> &Map<String, Value> {
    document.get("credentialSubject").and_then(Value::as_object).unwrap_or(document)
}

fn from_csv(text: &str) -> Option<(Fields, Vec<String>)> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let names = reader.headers().ok()?.clone();
    let mut rows = reader.into_records();
    let row = rows.next()?.ok()?;
    let (mut fields, mut left) = (Fields::new(), LeftOut::default());
    for (name, cell) in names.iter().zip(&row) {
        let name = name.strip_prefix("credentialSubject.").unwrap_or(name);
        let is_own_unit = name.strip_suffix(".unit").and_then(form::unit).is_some_and(|unit| unit == cell);
        match form::has(name) {
            true => drop(fields.insert(name.to_owned(), cell.to_owned())),
            false if is_own_unit || cell.is_empty() => {}
            false => left.add(name),
        }
    }
    if rows.next().is_some() {
        left.add("the lines after the second: a file is one application");
    }
    Some((tidied(fields), left.notes()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    #[test]
    fn json_and_csv_are_told_apart() {
        let (fields, left) =
            read(r#"{"credentialSubject": {"product": {"name": "Paint"}, "colour": "red"}}"#).unwrap();
        assert_eq!((fields["product.name"].as_str(), left), ("Paint", vec!["colour".to_owned()]));
        let (fields, left) = read("product.name,size.d50,size.unit,colour\nPaint,40,nm,red\n").unwrap();
        assert_eq!((fields["product.name"].as_str(), fields["size.d50"].as_str()), ("Paint", "40"));
        assert_eq!(left, ["colour"]);
        let (_, left) = read("size.d50,size.unit\n40,um\n").unwrap();
        assert_eq!(left, ["size.unit"]);
    }

    #[test]
    fn what_is_no_draft_is_refused() {
        for (text, error) in [
            ("", ImportError::Neither),
            ("[]", ImportError::Neither),
            ("{}", ImportError::Nothing),
            ("a,b\n1,2\n", ImportError::Nothing),
            (&" ".repeat(MAXIMUM_BYTES + 1), ImportError::Large),
        ] {
            assert_eq!(read(text).unwrap_err(), error, "{text:.20}");
        }
    }
}
