//! A JSON value that borrows its texts from what it was read from: a document is read once, looked at by the rules,
//! and gone.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Number, Value};

#[derive(Debug, Clone, PartialEq)]
pub enum Json<'a> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'a, str>),
    List(Vec<Json<'a>>),
    Object(Members<'a>),
}

/// The members of an object by name, each name once, in the order of RFC 8785.
#[derive(Debug, Clone, PartialEq)]
pub struct Members<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Json<'a> {
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    pub fn as_list(&self) -> Option<&[Json<'a>]> {
        match self {
            Json::List(elements) => Some(elements),
            _ => None,
        }
    }

    pub fn as_object(&self) -> Option<&Members<'a>> {
        match self {
            Json::Object(members) => Some(members),
            _ => None,
        }
    }
}

impl<'a> Members<'a> {
    /// As in every reader of JSON that serde_json has, the last of two members of one name counts.
    fn new(mut members: Vec<(Cow<'a, str>, Json<'a>)>) -> Members<'a> {
        if !members.is_sorted_by(|one, next| order(&one.0, &next.0) == Ordering::Less) {
            members.reverse();
            members.sort_by(|one, other| order(&one.0, &other.0));
            members.dedup_by(|other, one| other.0 == one.0);
        }
        Members(members)
    }

    pub fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.member(name).map(|(_, value)| value)
    }

    /// A member with its name.
    pub fn member(&self, name: &str) -> Option<(&str, &Json<'a>)> {
        self.iter().find(|(known, _)| *known == name)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &Json<'a>)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value))
    }
}

/// The order of UTF-16 code units (RFC 8785, section 3.2.3), which is that of bytes unless two characters beyond ASCII
/// meet.
fn order(one: &str, other: &str) -> Ordering {
    match one.is_ascii() || other.is_ascii() {
        true => one.cmp(other),
        false => one.encode_utf16().cmp(other.encode_utf16()),
    }
}

impl<'a> From<&'a str> for Json<'a> {
    fn from(text: &'a str) -> Json<'a> {
        Json::Text(text.into())
    }
}

impl From<bool> for Json<'_> {
    fn from(bit: bool) -> Self {
        Json::Bool(bit)
    }
}

impl<'a, const COUNT: usize> From<[&'a str; COUNT]> for Json<'a> {
    fn from(texts: [&'a str; COUNT]) -> Json<'a> {
        Json::List(texts.map(Json::from).into())
    }
}

impl<'a, const COUNT: usize> From<[(&'a str, Json<'a>); COUNT]> for Json<'a> {
    fn from(members: [(&'a str, Json<'a>); COUNT]) -> Json<'a> {
        Json::Object(Members::new(members.map(|(name, value)| (name.into(), value)).into()))
    }
}

impl<'a> From<&'a Value> for Json<'a> {
    fn from(value: &'a Value) -> Json<'a> {
        match value {
            Value::Null => Json::Null,
            Value::Bool(bit) => Json::Bool(*bit),
            Value::Number(number) => Json::Number(number.clone()),
            Value::String(text) => Json::Text(text.into()),
            Value::Array(elements) => Json::List(elements.iter().map(Json::from).collect()),
            Value::Object(members) => {
                let members = members.iter().map(|(name, value)| (name.into(), value.into()));
                Json::Object(Members::new(members.collect()))
            }
        }
    }
}

impl From<&Json<'_>> for Value {
    fn from(json: &Json<'_>) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Bool(bit) => Value::Bool(*bit),
            Json::Number(number) => Value::Number(number.clone()),
            Json::Text(text) => Value::from(text.as_ref()),
            Json::List(elements) => elements.iter().map(Value::from).collect(),
            Json::Object(members) => members.iter().map(|(name, value)| (name, Value::from(value))).collect(),
        }
    }
}

impl fmt::Display for Json<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Value::from(self).fmt(formatter)
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

/// The name of a member; a `Cow` alone would always be read as an owned text.
#[derive(Deserialize)]
#[serde(transparent)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Json<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any valid JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, bit: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(bit))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json<'de>, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json<'de>, E> {
        Ok(Number::from_f64(number).map_or(Json::Null, Json::Number))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(text.into()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(text.to_owned().into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Json<'de>, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = sequence.next_element()? {
            elements.push(element);
        }
        Ok(Json::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some((Name(name), value)) = map.next_entry()? {
            members.push((name, value));
        }
        Ok(Json::Object(Members::new(members)))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn read_both(text: &[u8]) -> (Result<Value, String>, Result<Value, String>) {
        let ours = serde_json::from_slice::<Json<'_>>(text).map(|json| Value::from(&json));
        let theirs = serde_json::from_slice::<Value>(text);
        (ours.map_err(|error| error.to_string()), theirs.map_err(|error| error.to_string()))
    }

    #[test]
    fn whatever_serde_json_reads_and_refuses() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        let (deepest, too_deep) = (nested(127), nested(128));
        for text in [
            r#"{"b":[1,-1,1.5,1e400,null],"a":{}}"#,
            r#"{"b":[1,-1,1.5,18446744073709551616,-0,1e-400,null,true],"a":{"":""}}"#,
            r#"{"a":1,"b":2,"a":3,"\u0061":4}"#,
            r#"{"1":1,"\ud83d\ude00":"\ud83d\ude00","x":"\ud83d"}"#,
            r#" [ "a" , "\n\"\\" ] "#,
            r#"{"a":1,}"#,
            r#"{1:2}"#,
            r#"{"a" "b"}"#,
            "\"\n\"",
            "",
            &deepest,
            &too_deep,
        ] {
            let (ours, theirs) = read_both(text.as_bytes());
            assert_eq!(ours, theirs, "{text}");
        }
        assert!(read_both(deepest.as_bytes()).0.is_ok() && read_both(too_deep.as_bytes()).0.is_err());
    }

    #[test]
    fn texts_without_escapes_are_borrowed() {
        let json: Json<'_> = serde_json::from_str(r#"{"a":"b","c\n":"d\n"}"#).unwrap();
        let borrowed = |text: &Cow<'_, str>| matches!(text, Cow::Borrowed(_));
        let Json::Object(Members(members)) = json else { unreachable!("an object was read") };
        let found = members
            .iter()
            .map(|(name, value)| (borrowed(name), matches!(value, Json::Text(text) if borrowed(text))));
        assert_eq!(found.collect::<Vec<_>>(), [(true, true), (false, false)]);
    }

    /// Text that is nearly JSON: pieces of it, put together at random.
    fn nearly_json() -> impl Strategy<Value = String> {
        const PIECES: &str =
            r#"{ } [ ] , : " \ null true false "a" "a": "b": "\u0061": "Ａ": "😀": 0 -0 -1 1.0 1e3 1e999"#;
        let pieces: Vec<&str> = PIECES.split(' ').chain([" ", "\n"]).collect();
        prop::collection::vec(prop::sample::select(pieces), 0..12).prop_map(|pieces| pieces.concat())
    }

    fn object() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec!["a", "b", "\\u0061", "\u{ff21}", "\u{1f600}", ""]);
        let value = prop::sample::select(vec!["1", "1.0", "[]", "{\"b\":1,\"a\":2}", "\"\\u0041\"", "null"]);
        prop::collection::vec((name, value), 0..8).prop_map(|members| {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            format!("{{{}}}", members.join(","))
        })
    }

    /// JSON and what is nearly JSON, canonical and not.
    pub fn texts() -> impl Strategy<Value = String> {
        prop_oneof![nearly_json(), object(), ".{0,20}"]
    }

    proptest! {
        #[test]
        fn as_serde_json_reads(text in texts()) {
            let (ours, theirs) = read_both(text.as_bytes());
            prop_assert_eq!(ours, theirs);
        }

        #[test]
        fn as_serde_json_reads_bytes(bytes: Vec<u8>) {
            let (ours, theirs) = read_both(&bytes);
            prop_assert_eq!(ours, theirs);
        }
    }
}
