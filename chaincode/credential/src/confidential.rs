//! The confidential part of an application (a formulation, customers), field by field: how a field lies in private data,
//! how it is hashed for the public record, and how it is opened to somebody. See `docs/adr/0027-confidential-fields.md`.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Deserialize as Read, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::canonical::{CanonicalError, to_canonical};
use crate::code::Code;
use crate::document::is_line;

/// The entry of the proposal's transient map in which fields are handed in: a JSON list of them.
pub const TRANSIENT_ENTRY: &str = "fields";

/// Of one application, over all calls.
pub const MAXIMUM_FIELDS: usize = 32;

/// Bytes of one field in canonical form.
pub const MAXIMUM_FIELD_BYTES: usize = 16 << 10;

/// Characters of a field's name.
pub const MAXIMUM_NAME: usize = 200;

/// Up to here every whole number has a form of its own.
const EXACT: u64 = 1 << 53;

/// Hex digits of a salt of 128 bits.
const SALT_DIGITS: usize = 32;

/// One field with its salt: the private value, in canonical JSON (RFC 8785). It names its application, so that no field
/// of one can be passed off as a field of another.
#[derive(Clone, PartialEq, Eq, Serialize, Read)]
#[serde(deny_unknown_fields)]
pub struct ConfidentialField {
    #[serde(deserialize_with = "exact_code")]
    pub application: Code,
    /// The field's name.
    pub field: String,
    /// 128 bits of the client's randomness, in lower-case hex: without it no guessed value is found by its hash.
    pub salt: String,
    pub value: Value,
}

impl ConfidentialField {
    /// What is stored, hashed and disclosed. None where two values would have it.
    pub fn canonical(&self) -> Result<Vec<u8>, CanonicalError> {
        if !is_exact(&self.value) {
            return Err(CanonicalError::Json("has a whole number beyond 2^53, write it as text".into()));
        }
        let value = serde_json::to_value(self).map_err(|error| CanonicalError::Json(error.to_string()))?;
        to_canonical(&value)
    }

    /// `sha256:` and the hex of the hash over the canonical form, as the public record has it.
    pub fn hash(&self) -> Result<String, CanonicalError> {
        self.canonical().map(|canonical| hash(&canonical))
    }

    /// Which rule the field breaks, in words that say nothing of what it holds.
    pub fn fault(&self, application: Code) -> Option<&'static str> {
        let is_salt = self.salt.len() == SALT_DIGITS
            && self.salt.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if self.application != application {
            Some("names another application")
        } else if !is_line(&self.field, MAXIMUM_NAME) {
            Some("must have a name of 1 to 200 visible characters")
        } else if !is_exact(&self.value) {
            Some("has a whole number beyond 2^53: write it as text")
        } else if !is_salt {
            Some("must have a salt of 128 random bits, as 32 lower-case hex digits")
        } else {
            None
        }
    }
}

/// The canonical form has the numbers of IEEE 754 alone, and rounds others: a disclosed 9007199254740993 would have the hash of
/// 9007199254740992.
fn is_exact(value: &Value) -> bool {
    match value {
        Value::Number(number) => {
            number.as_i64().is_none_or(|number| number.unsigned_abs() <= EXACT)
                && number.as_u64().is_none_or(|number| number <= EXACT)
        }
        Value::Array(elements) => elements.iter().all(is_exact),
        Value::Object(members) => members.values().all(is_exact),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

/// Shows what is no secret.
impl fmt::Debug for ConfidentialField {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "a confidential field of {}", self.application)
    }
}

pub fn hash(canonical: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(canonical)))
}

/// A code as it is printed, and in no other spelling: the spelling is hashed.
fn exact_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
    let text = String::deserialize(deserializer)?;
    let code = text.parse::<Code>().ok().filter(|code| code.to_string() == text);
    code.ok_or_else(|| D::Error::custom("no application's id"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn field() -> ConfidentialField {
        ConfidentialField {
            application: Code::from_random([200; 16]),
            field: "formulation".into(),
            salt: "00112233445566778899aabbccddeeff".into(),
            value: json!({"ZnO": "98.5", "silane": 1.50}),
        }
    }

    /// Frozen: ledgers outlive programs, and disclosures are checked by others' programs.
    #[test]
    fn the_form_and_the_hash_are_frozen() {
        let canonical = r#"{"application":"68S34CHJ689348HJ68S34CHJ688","field":"formulation","salt":"00112233445566778899aabbccddeeff","value":{"ZnO":"98.5","silane":1.5}}"#;
        assert_eq!(String::from_utf8(field().canonical().unwrap()).unwrap(), canonical);
        assert_eq!(
            field().hash().unwrap(),
            "sha256:4c9ce8e25d43b91c94ec41820a56991b6ba3044264b7afe6a368c8e971e83b18"
        );
        assert_eq!(serde_json::from_str::<ConfidentialField>(canonical).unwrap(), field());
    }

    #[test]
    fn every_part_changes_the_hash() {
        let changes: [fn(&mut ConfidentialField); 4] = [
            |field| field.application = Code::from_random([201; 16]),
            |field| field.field.push('s'),
            |field| field.salt.replace_range(..1, "1"),
            |field| field.value = json!({"ZnO": "98.4", "silane": 1.5}),
        ];
        for change in changes {
            let mut other = field();
            change(&mut other);
            assert_ne!(other.hash().unwrap(), field().hash().unwrap());
        }
    }

    #[test]
    fn no_two_numbers_have_one_hash() {
        let with = |number: &str| {
            let value = serde_json::from_str(&format!("{{\"ppm\": [{number}]}}")).unwrap();
            ConfidentialField { value, ..field() }
        };
        for number in ["9007199254740993", "-9007199254740993", "18446744073709551615"] {
            assert!(
                with(number).hash().is_err() && with(number).fault(field().application).is_some(),
                "{number}"
            );
        }
        for number in ["9007199254740992", "-9007199254740992", "1.5", "1e300"] {
            assert!(
                with(number).hash().is_ok() && with(number).fault(field().application).is_none(),
                "{number}"
            );
        }
    }

    #[test]
    fn a_field_does_not_show_its_secret() {
        let shown = format!("{:?}", field());
        assert!(
            !shown.contains("ZnO") && !shown.contains("formulation") && !shown.contains("0011"),
            "{shown}"
        );
    }

    #[test]
    fn what_is_no_field_is_not_read() {
        let text = String::from_utf8(field().canonical().unwrap()).unwrap();
        let code = field().application.to_string();
        for wrong in [
            text.replace(&code, &code.to_lowercase()),
            text.replace("\"salt\"", "\"sault\""),
            text.replace("\"field\"", "\"more\":1,\"field\""),
        ] {
            assert!(serde_json::from_str::<ConfidentialField>(&wrong).is_err(), "{wrong}");
        }
    }
}
