//! Canonical JSON (RFC 8785, JCS): one spelling of a document, so that it has one hash.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    #[error("is not JSON: {0}")]
    Json(String),
    /// Also what a repeated member or another spelling of a number comes to.
    #[error("is not in canonical form (RFC 8785); it differs at byte {0}")]
    Form(usize),
}

/// The canonical bytes of a value. A value that was read from JSON always has them.
///
/// A plain value is written by serde_json itself, ten times as fast: the two differ in numbers and in the order
/// of members alone, and every issue writes its document three times.
pub fn to_canonical(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    write(value, is_plain(value))
}

/// The canonical bytes of an object as if it had no member of this name.
pub fn to_canonical_without(object: &Map<String, Value>, left_out: &str) -> Result<Vec<u8>, CanonicalError> {
    let kept: BTreeMap<_, _> = object.iter().filter(|(name, _)| *name != left_out).collect();
    let plain = are_plain(kept.iter().map(|(name, value)| (*name, *value)));
    write(&kept, plain)
}

fn write(value: &impl Serialize, plain: bool) -> Result<Vec<u8>, CanonicalError> {
    let written = if plain { serde_json::to_vec(value) } else { serde_json_canonicalizer::to_vec(value) };
    written.map_err(|error| CanonicalError::Json(error.to_string()))
}

/// Whether a value holds no number, and its members stand in the order of RFC 8785, as far as bytes tell: that
/// is the order of UTF-16 code units, the same for ASCII alone.
fn is_plain(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(_) | Value::String(_) => true,
        Value::Number(_) => false,
        Value::Array(elements) => elements.iter().all(is_plain),
        Value::Object(members) => are_plain(members),
    }
}

fn are_plain<'a>(members: impl IntoIterator<Item = (&'a String, &'a Value)> + Clone) -> bool {
    let names = members.clone().into_iter().map(|(name, _)| name);
    names.is_sorted_by(|one, next| one.is_ascii() && next.is_ascii() && one < next)
        && members.into_iter().all(|(_, value)| is_plain(value))
}

/// Reads JSON that is already canonical, byte for byte.
pub fn from_canonical(bytes: &[u8]) -> Result<Value, CanonicalError> {
    let value = serde_json::from_slice(bytes).map_err(|error| CanonicalError::Json(error.to_string()))?;
    let canonical = to_canonical(&value)?;
    if canonical == bytes {
        return Ok(value);
    }
    let difference = canonical.iter().zip(bytes).position(|(ours, theirs)| ours != theirs);
    Err(CanonicalError::Form(difference.unwrap_or(canonical.len().min(bytes.len()))))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
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

    proptest! {
        #[test]
        fn plain_values_are_written_as_the_library_writes_them(value in json()) {
            prop_assert_eq!(to_canonical(&value).unwrap(), serde_json_canonicalizer::to_vec(&value).unwrap());
        }

        #[test]
        fn canonical_is_a_fixed_point(value in json()) {
            let bytes = to_canonical(&value).unwrap();
            prop_assert_eq!(from_canonical(&bytes), Ok(value));
        }

        #[test]
        fn never_panics(bytes: Vec<u8>) {
            let _ = from_canonical(&bytes);
        }
    }
}
