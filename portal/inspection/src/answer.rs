//! What the verifier answered, as far as it is shown and kept.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Asked;

/// The verifier's results. The portal makes none of its own: what it hears is passed on, and where it hears nothing it cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Valid,
    NotValid,
    /// There is no such certificate on this ledger.
    Unknown,
    CannotTell,
    /// A product number of several certificates, each with its own result.
    Several,
    /// The link names a product and a certificate of another one.
    Contradiction,
}

impl Outcome {
    pub const ALL: [Self; 6] =
        [Self::Valid, Self::NotValid, Self::Unknown, Self::CannotTell, Self::Several, Self::Contradiction];

    /// As documents have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::NotValid => "notValid",
            Self::Unknown => "unknown",
            Self::CannotTell => "cannotTell",
            Self::Several => "several",
            Self::Contradiction => "contradiction",
        }
    }
}

/// Why a certificate does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Reason {
    pub cause: String,
    pub since: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub by: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub why: String,
}

/// An answer: the result, what it is about, and the block it was read at. What the verifier did not say is empty.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Answer {
    pub result: Outcome,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub code: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub product: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub gtin: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub batch: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub serial: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub substance: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub client: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub issuer: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub valid_from: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub valid_until: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Reason>,
    /// Why it cannot be told, or what contradicts itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub doubt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// When the verifier last heard that there is no newer block.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub confirmed_at: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ledger_time: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub page: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Answer>,
    /// Of whom a confidential field is asked for: it is no part of a result that is signed.
    #[serde(skip)]
    pub confidential: Confidential,
}

/// What the verifier says of the confidential part of a certificate's application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confidential {
    pub application: String,
    /// How many fields it has.
    pub fields: usize,
    /// The body that answers for the certificate.
    pub body: String,
    /// Whether it took the certificate over from one that has ended, and whose fields it does not have.
    pub is_adopted: bool,
}

impl Answer {
    fn of(result: Outcome) -> Self {
        let none = String::new;
        Self {
            result,
            code: none(),
            product: none(),
            gtin: none(),
            batch: none(),
            serial: none(),
            substance: none(),
            client: none(),
            issuer: none(),
            valid_from: none(),
            valid_until: none(),
            reasons: Vec::new(),
            doubt: none(),
            block: None,
            confirmed_at: none(),
            ledger_time: none(),
            page: none(),
            certificates: Vec::new(),
            confidential: Confidential::default(),
        }
    }

    /// Where no answer came, or none that can be passed on.
    pub fn cannot_tell(doubt: impl Into<String>) -> Self {
        Self { doubt: doubt.into(), ..Self::of(Outcome::CannotTell) }
    }

    /// Reads what the verifier answered to `asked`. An answer of another ledger or about another certificate is none.
    pub(crate) fn read(asked: &Asked, genesis: &str, status: u16, body: &[u8]) -> Self {
        let Ok(value) = serde_json::from_slice::<Value>(body) else {
            return Self::cannot_tell(format!(
                "The verifier answered {status}, and nothing that can be read."
            ));
        };
        if let Some(list) = value.get("certificates").and_then(Value::as_array) {
            return Self::list(list, value.get("more") == Some(&Value::Bool(true)), genesis);
        }
        if value.get("result").is_none() {
            return Self::refused(&value, status);
        }
        let answer = Self::one(&value, genesis);
        let is_another = asked.code.is_some_and(|code| answer.code != code.to_string());
        match is_another && answer.result != Outcome::CannotTell {
            true => Self::cannot_tell("The verifier answered about another certificate."),
            false => answer,
        }
    }

    /// A problem document (RFC 9457).
    fn refused(value: &Value, status: u16) -> Self {
        let said = |name: &str| text(value, name);
        let doubt = format!("{}: {}", said("/title"), said("/detail"));
        match status {
            404 => Self { doubt, ..Self::of(Outcome::Unknown) },
            400 => Self { doubt, ..Self::of(Outcome::Contradiction) },
            _ => Self::cannot_tell(format!("The verifier answered {status}: {doubt}")),
        }
    }

    fn list(list: &[Value], has_more: bool, genesis: &str) -> Self {
        let certificates: Vec<Self> = list.iter().map(|value| Self::one(value, genesis)).collect();
        let count = certificates.len();
        let more = if has_more { " or more" } else { "" };
        let newest = certificates.iter().max_by_key(|it| it.block);
        let (block, ledger_time) = newest.map(|it| (it.block, it.ledger_time.clone())).unwrap_or_default();
        Self {
            doubt: format!("{count}{more} certificates name this product: look at the one on the label."),
            product: certificates.first().map(|it| it.product.clone()).unwrap_or_default(),
            block,
            ledger_time,
            certificates,
            ..Self::of(Outcome::Several)
        }
    }

    fn one(value: &Value, genesis: &str) -> Self {
        let said = |name: &str| text(value, name);
        if said("/ledger/genesis") != genesis {
            return Self::cannot_tell("The verifier answers for another ledger than this portal's.");
        }
        let result = match value.get("result").and_then(Value::as_str) {
            Some("valid") => Outcome::Valid,
            Some("notValid") => Outcome::NotValid,
            Some("unknown") => Outcome::Unknown,
            Some("cannotTell") => Outcome::CannotTell,
            _ => return Self::cannot_tell("The verifier gave a result that this portal does not know."),
        };
        let reasons = value.get("reasons").and_then(Value::as_array).into_iter().flatten();
        let reason = |it: &Value| Reason {
            cause: text(it, "/cause"),
            since: text(it, "/since"),
            by: text(it, "/by"),
            why: text(it, "/why"),
        };
        Self {
            code: said("/code"),
            product: said("/certificate/credentialSubject/product/name"),
            gtin: said("/certificate/credentialSubject/product/gtin"),
            batch: said("/certificate/credentialSubject/product/batch"),
            serial: said("/certificate/credentialSubject/product/serial"),
            substance: said("/certificate/credentialSubject/substance/name"),
            client: said("/certificate/credentialSubject/client/name"),
            issuer: said("/certificate/issuer/name"),
            valid_from: said("/certificate/validFrom"),
            valid_until: said("/certificate/validUntil"),
            reasons: reasons.map(reason).collect(),
            doubt: said("/doubt"),
            block: value.pointer("/asOf/block").and_then(Value::as_u64),
            confirmed_at: said("/asOf/confirmedAt"),
            ledger_time: said("/asOf/ledgerTime"),
            page: said("/links/page"),
            confidential: Confidential::read(value),
            ..Self::of(result)
        }
    }
}

impl Confidential {
    fn read(value: &Value) -> Self {
        let list = |name: &str| value.pointer(name).and_then(Value::as_array).map_or(0, Vec::len);
        Self {
            application: text(value, "/confidential/application"),
            fields: list("/confidential/fields"),
            body: text(value, "/responsible"),
            is_adopted: list("/adoptions") > 0,
        }
    }
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).map(crate::shown).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use serde_json::json;

    use super::*;

    fn asked() -> Asked {
        Asked::read(&certificate::Code::from_random([0x5a; 16]).to_string()).unwrap()
    }

    fn read(status: u16, body: &Value) -> Answer {
        Answer::read(&asked(), "sha256:1", status, body.to_string().as_bytes())
    }

    #[test]
    fn what_the_verifier_did_not_say_is_not_valid() {
        let code = asked().code.unwrap().to_string();
        let right =
            json!({"result": "valid", "code": code, "ledger": {"genesis": "sha256:1"}, "asOf": {"block": 7}});
        let answer = read(200, &right);
        assert_eq!((answer.result, answer.block), (Outcome::Valid, Some(7)));
        for (member, wrong) in [
            ("result", json!("VALID")),
            ("result", json!("cannotTell")),
            ("result", json!(1)),
            ("code", json!("01040G2081840R2081040G2081S")),
            ("ledger", json!({"genesis": "sha256:2"})),
            ("ledger", json!(null)),
        ] {
            let mut body = right.clone();
            body[member] = wrong;
            assert_eq!(read(200, &body).result, Outcome::CannotTell, "{body}");
        }
        for body in ["", "[]", "null", "\"valid\"", "<html>valid</html>"] {
            let answer = Answer::read(&asked(), "sha256:1", 200, body.as_bytes());
            assert_eq!(answer.result, Outcome::CannotTell, "{body}");
        }
        let problem = json!({"title": "Product and certificate do not match", "detail": "Be wary."});
        assert_eq!(read(400, &problem).result, Outcome::Contradiction);
        assert_eq!(read(404, &problem).result, Outcome::Unknown);
        assert_eq!(read(429, &problem).result, Outcome::CannotTell);
        let several = read(200, &json!({"certificates": [right, right], "more": false}));
        assert_eq!((several.result, several.certificates.len()), (Outcome::Several, 2));
    }
}
