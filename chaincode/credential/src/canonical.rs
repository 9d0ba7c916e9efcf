//! Canonical JSON (RFC 8785, JCS): one spelling of a document, so that it has one hash.

use serde::Serialize;
use serde_json::Value;

use crate::json::{Json, Members};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    #[error("is not JSON: {0}")]
    Json(String),
    /// Also what a repeated member or another spelling of a number comes to.
    #[error("is not in canonical form (RFC 8785); it differs at byte {0}")]
    Form(usize),
}

/// The canonical bytes of a value. A value that was read from JSON always has them.
pub fn to_canonical(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut bytes = Vec::new();
    write(&Json::from(value), &mut |piece| bytes.extend_from_slice(piece))?;
    Ok(bytes)
}

/// The canonical bytes of an object as if it had no member of this name.
pub fn to_canonical_without(object: &Members<'_>, left_out: &str) -> Result<Vec<u8>, CanonicalError> {
    let mut bytes = Vec::new();
    let kept = object.iter().filter(|(name, _)| *name != left_out);
    write_object(kept, &mut |piece| bytes.extend_from_slice(piece))?;
    Ok(bytes)
}

/// Reads JSON that is already canonical, byte for byte.
pub fn from_canonical(bytes: &[u8]) -> Result<Json<'_>, CanonicalError> {
    let value = read(bytes).map_err(|error| CanonicalError::Json(error.to_string()))?;
    let mut comparison = Comparison { rest: bytes, differs: false };
    write(&value, &mut |piece| comparison.next(piece))?;
    match comparison {
        Comparison { rest: [], differs: false } => Ok(value),
        Comparison { rest, .. } => Err(CanonicalError::Form(bytes.len() - rest.len())),
    }
}

/// One look at all bytes takes the place of one at each text.
fn read(bytes: &[u8]) -> serde_json::Result<Json<'_>> {
    match str::from_utf8(bytes) {
        Ok(text) => serde_json::from_str(text),
        Err(_) => serde_json::from_slice(bytes),
    }
}

/// Of two texts, one of which comes in pieces.
struct Comparison<'a> {
    /// What no piece stood for yet; from the first difference on it stays.
    rest: &'a [u8],
    differs: bool,
}

impl Comparison<'_> {
    fn next(&mut self, piece: &[u8]) {
        if self.differs {
            return;
        }
        match self.rest.strip_prefix(piece) {
            Some(rest) => self.rest = rest,
            None => {
                let equal = self.rest.iter().zip(piece).take_while(|(theirs, ours)| theirs == ours).count();
                self.rest = self.rest.get(equal..).unwrap_or_default();
                self.differs = true;
            }
        }
    }
}

/// Hands the canonical bytes of a value to `sink`, piece by piece.
fn write(value: &Json<'_>, sink: &mut impl FnMut(&[u8])) -> Result<(), CanonicalError> {
    match value {
        Json::Null => sink(b"null"),
        Json::Bool(true) => sink(b"true"),
        Json::Bool(false) => sink(b"false"),
        Json::Number(number) => sink(written_by_the_library(number)?.as_bytes()),
        Json::Text(text) => write_text(text, sink)?,
        Json::List(elements) => write_list(elements, sink)?,
        Json::Object(members) => write_object(members.iter(), sink)?,
    }
    Ok(())
}

fn write_list(elements: &[Json<'_>], sink: &mut impl FnMut(&[u8])) -> Result<(), CanonicalError> {
    sink(b"[");
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            sink(b",");
        }
        write(element, sink)?;
    }
    sink(b"]");
    Ok(())
}

fn write_object<'a>(
    members: impl Iterator<Item = (&'a str, &'a Json<'a>)>,
    sink: &mut impl FnMut(&[u8]),
) -> Result<(), CanonicalError> {
    sink(b"{");
    for (index, (name, value)) in members.enumerate() {
        if index > 0 {
            sink(b",");
        }
        write_text(name, sink)?;
        sink(b":");
        write(value, sink)?;
    }
    sink(b"}");
    Ok(())
}

fn write_text(text: &str, sink: &mut impl FnMut(&[u8])) -> Result<(), CanonicalError> {
    // Without an early end, so that the compiler looks at many bytes at once.
    let escaped =
        text.bytes().fold(false, |found, byte| found | (byte < b' ') | (byte == b'"') | (byte == b'\\'));
    if escaped {
        sink(written_by_the_library(text)?.as_bytes());
    } else {
        sink(b"\"");
        sink(text.as_bytes());
        sink(b"\"");
    }
    Ok(())
}

/// Numbers and escapes, which documents hardly have, are left to the library.
fn written_by_the_library(value: impl Serialize) -> Result<String, CanonicalError> {
    serde_json_canonicalizer::to_string(&value).map_err(|error| CanonicalError::Json(error.to_string()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::json;
    use certificate::code::Code;
    use certificate::date_time::DateTime;
    use certificate::document::{Issuer, LedgerBinding, StatusEntry, Validity};
    use certificate::draft::Particulars;
    use proptest::prelude::*;

    #[test]
    fn other_spellings_are_refused() {
        assert!(from_canonical(br#"{"a":"x","b":["1.5",true,null]}"#).is_ok());
        for wrong in [
            r#"{"b":1,"a":2}"#,
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a": 1}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e2}"#,
            r#"{"a":-0}"#,
            "{\"a\":\"\\u0041\"}",
            "{\"a\":\"\\/\"}",
            "{\"a\":1}\n",
            "\u{feff}{\"a\":1}",
        ] {
            assert!(from_canonical(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    /// The example of RFC 8785, sections 3.2.2 to 3.2.4.
    #[test]
    fn the_example_of_the_rfc() {
        let input = r#"{
          "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
          "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
          "literals": [null, true, false]
        }"#;
        let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
                        \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
        let value: Value = serde_json::from_str(input).unwrap();
        assert_eq!(String::from_utf8(to_canonical(&value).unwrap()).unwrap(), expected);
    }

    /// Members are ordered by UTF-16: a character above U+FFFF comes before one just below it.
    #[test]
    fn the_order_of_members() {
        let value: Value = serde_json::from_str("{\"\u{fb33}\":\"b\",\"\u{1f600}\":\"a\"}").unwrap();
        let expected = "{\"\u{1f600}\":\"a\",\"\u{fb33}\":\"b\"}";
        assert_eq!(String::from_utf8(to_canonical(&value).unwrap()).unwrap(), expected);
    }

    #[test]
    fn deep_nesting_is_an_error() {
        let deep = "[".repeat(100_000);
        assert!(matches!(from_canonical(deep.as_bytes()), Err(CanonicalError::Json(_))));
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            ".*".prop_map(Value::from)
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(prop_oneof!["[ -~]{0,4}", ".*"], inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Also those that canonical JSON holds only nearly.
    fn number() -> impl Strategy<Value = Value> {
        prop_oneof![
            any::<u64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
        ]
    }

    /// The same by serde_json and serde_json_canonicalizer alone.
    fn from_canonical_by_libraries(bytes: &[u8]) -> Result<Value, CanonicalError> {
        let value: Value =
            serde_json::from_slice(bytes).map_err(|error| CanonicalError::Json(error.to_string()))?;
        let canonical = serde_json_canonicalizer::to_vec(&value).unwrap();
        if canonical == bytes {
            return Ok(value);
        }
        let difference = canonical.iter().zip(bytes).position(|(ours, theirs)| ours != theirs);
        Err(CanonicalError::Form(difference.unwrap_or(canonical.len().min(bytes.len()))))
    }

    fn same_as_by_libraries(bytes: &[u8]) -> Result<(), TestCaseError> {
        let read = from_canonical(bytes).map(|value| Value::from(&value));
        prop_assert_eq!(read, from_canonical_by_libraries(bytes));
        Ok(())
    }

    /// Figures of ADR 26: `cargo test --release -p credential beside_the_libraries -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn beside_the_libraries() {
        let now = DateTime::parse("2026-11-21T12:00:00Z").unwrap();
        let document = certificate::demo::document(&Particulars {
            code: Code::from_random([8; 16]),
            issuer: Issuer { id: "did:web:certbody.example".into(), name: "CertBody".into() },
            ledger: LedgerBinding { channel: "nanotrace".into(), genesis: "sha256:".into() },
            status: StatusEntry { lists: "https://certbody.example/status".into(), list: 0, index: 8 },
            decided: now,
            validity: Validity { from: now, until: now.plus_days(365) },
        });
        let document = to_canonical(&document).unwrap();
        let time = |read: &dyn Fn()| {
            let begun = std::time::Instant::now();
            (0..500).for_each(|_| read());
            begun.elapsed().as_secs_f64() * 2000.0
        };
        let value: Value = serde_json::from_slice(&document).unwrap();
        let json = from_canonical(&document).unwrap();
        let members = json.as_object().unwrap();
        let mut pairs: Vec<[f64; 4]> = Vec::new();
        for _ in 0..41 {
            pairs.push([
                time(&|| drop(from_canonical(&document).unwrap())),
                time(&|| drop(from_canonical_by_libraries(&document).unwrap())),
                time(&|| drop(to_canonical_without(members, "proof").unwrap())),
                time(&|| drop(serde_json_canonicalizer::to_vec(&value).unwrap())),
            ]);
        }
        let median = |of: &dyn Fn(&[f64; 4]) -> f64| {
            let mut sorted: Vec<f64> = pairs.iter().map(of).collect();
            sorted.sort_by(f64::total_cmp);
            (sorted[10], sorted[20], sorted[30])
        };
        println!("{} bytes, microseconds, quartiles", document.len());
        println!("read: {:.1?} and {:.1?}", median(&|pair| pair[0]), median(&|pair| pair[1]));
        println!("written: {:.1?} and {:.1?}", median(&|pair| pair[2]), median(&|pair| pair[3]));
    }

    proptest! {
        #[test]
        fn texts_are_read_as_the_libraries_read_them(text in json::tests::texts()) {
            same_as_by_libraries(text.as_bytes())?;
        }

        /// One byte replaced, or bytes inserted, in what is canonical.
        #[test]
        fn altered_texts_are_read_as_the_libraries_read_them(
            value in prop_oneof![json(), number()],
            at: prop::sample::Index,
            length in 0usize..2,
            inserted in prop_oneof!["[ -~]{0,3}", "\\\\u[0-9a-f]{4}", Just("1.50".to_owned())],
        ) {
            let mut bytes = to_canonical(&value).unwrap();
            let at = at.index(bytes.len());
            bytes.splice(at..at + length, inserted.bytes());
            same_as_by_libraries(&bytes)?;
        }

        #[test]
        fn values_are_written_as_the_library_writes_them(value in prop_oneof![json(), number()]) {
            prop_assert_eq!(to_canonical(&value).unwrap(), serde_json_canonicalizer::to_vec(&value).unwrap());
        }

        #[test]
        fn canonical_is_a_fixed_point(value in json()) {
            let bytes = to_canonical(&value).unwrap();
            let read = from_canonical(&bytes);
            prop_assert_eq!(read.as_ref().map(Value::from), Ok(value));
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = from_canonical(&bytes);
        }
    }
}
