//! A single confidential field, opened to somebody, and whether it is what was handed in.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::code::Code;
use crate::confidential::ConfidentialField;

/// What is handed over: a file of its own.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Disclosure {
    /// The certificate's code.
    pub certificate: String,
    /// The field's place among those of the application.
    pub index: usize,
    pub private: ConfidentialField,
    /// As the public record has it.
    pub hash: String,
    pub ledger: LedgerName,
}

/// Which ledger a disclosure is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerName {
    pub channel: String,
    /// `sha256:` and the hex of the hash of the genesis block's header.
    pub genesis: String,
}

/// What the public records say about a certificate.
pub struct Public {
    pub ledger: LedgerName,
    /// On which it was granted, where there was one.
    pub application: Option<Code>,
    /// The hashes of the application's confidential fields.
    pub fields: Vec<String>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Finding {
    Genuine,
    NotGenuine(&'static str),
    CannotTell(String),
}

/// For a certificate that the ledger does not have.
pub const UNKNOWN: Finding = Finding::NotGenuine("no such certificate was ever issued on that ledger");

impl Disclosure {
    /// Whether the field is what was handed in, by the ledger's public records.
    pub fn judge(&self, public: &Public) -> Finding {
        if let Some(finding) = self.another_ledger(&public.ledger) {
            return finding;
        }
        if public.application != Some(self.private.application) {
            return Finding::NotGenuine(
                "the field is not of the application on which the certificate was granted",
            );
        }
        match (self.private.hash(), public.fields.get(self.index)) {
            (Ok(hash), Some(known)) if hash == *known => Finding::Genuine,
            _ => Finding::NotGenuine(
                "the ledger's record has another hash, or none, in this place: this is not what was handed in",
            ),
        }
    }

    /// The same by a public verifier's answer about the certificate (`docs/verifier.md`).
    pub fn judge_by_answer(&self, answer: &Value) -> Finding {
        let text = |pointer| answer.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let about = code(text("/code"));
        if about.is_none() || about != code(&self.certificate) {
            return cannot_tell(
                "this is no verifier's answer about the certificate that the disclosure names",
            );
        }
        let (channel, genesis) = (text("/ledger/channel").into(), text("/ledger/genesis").into());
        let ledger = LedgerName { channel, genesis };
        if let Some(finding) = self.another_ledger(&ledger) {
            return finding;
        }
        match text("/result") {
            "valid" | "notValid" => {}
            "unknown" => return UNKNOWN,
            _ => return cannot_tell(&format!("the verifier cannot tell: {}", text("/doubt"))),
        }
        let Some(fields) = answer.pointer("/confidential/fields").and_then(Value::as_array) else {
            return cannot_tell("the verifier's answer says nothing about confidential fields");
        };
        let fields = fields.iter().map(|hash| hash.as_str().unwrap_or_default().to_owned()).collect();
        self.judge(&Public { ledger, application: code(text("/confidential/application")), fields })
    }

    fn another_ledger(&self, asked: &LedgerName) -> Option<Finding> {
        let LedgerName { channel, genesis } = asked;
        let text = format!(
            "the disclosure is about another ledger than the one asked (channel {channel}, genesis {genesis})"
        );
        (self.ledger != *asked).then_some(Finding::CannotTell(text))
    }
}

fn cannot_tell(why: &str) -> Finding {
    Finding::CannotTell(why.to_owned())
}

fn code(text: &str) -> Option<Code> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn disclosure() -> Disclosure {
        let private = ConfidentialField {
            application: Code::from_random([1; 16]),
            field: "customers".into(),
            salt: "00".repeat(16),
            value: json!("Sunscreen Ltd"),
        };
        let certificate = Code::from_random([2; 16]).to_string();
        let ledger = LedgerName { channel: "nanotrace".into(), genesis: "sha256:00".into() };
        Disclosure { certificate, index: 1, hash: private.hash().unwrap(), private, ledger }
    }

    fn answer() -> Value {
        let Disclosure { certificate, private, hash, ledger, .. } = disclosure();
        json!({
            "result": "valid", "code": certificate, "ledger": ledger,
            "confidential": {"application": private.application, "fields": ["sha256:11", hash]},
        })
    }

    fn with(pointer: &str, value: Value) -> Value {
        let mut answer = answer();
        *answer.pointer_mut(pointer).unwrap() = value;
        answer
    }

    #[test]
    fn a_verifiers_answer_says_whether_a_field_is_genuine() {
        assert_eq!(disclosure().judge_by_answer(&answer()), Finding::Genuine);
        assert_eq!(disclosure().judge_by_answer(&with("/result", json!("notValid"))), Finding::Genuine);
        for wrong in [
            with("/result", json!("unknown")),
            with("/confidential/fields", json!([])),
            with("/confidential/fields", json!([disclosure().hash])),
            with("/confidential/fields/1", json!(1)),
            with("/confidential/application", json!(Code::from_random([3; 16]))),
            with("/confidential", json!({"fields": ["sha256:11", disclosure().hash]})),
        ] {
            let finding = disclosure().judge_by_answer(&wrong);
            assert!(matches!(finding, Finding::NotGenuine(_)), "{wrong}: {finding:?}");
        }
        for doubtful in [
            with("/result", json!("cannotTell")),
            with("/result", json!("new")),
            with("/ledger/genesis", json!("sha256:01")),
            with("/ledger/channel", json!("other")),
            with("/code", json!(Code::from_random([3; 16]))),
            with("/confidential", json!(null)),
            json!({}),
        ] {
            let finding = disclosure().judge_by_answer(&doubtful);
            assert!(matches!(finding, Finding::CannotTell(_)), "{doubtful}: {finding:?}");
        }
    }

    #[test]
    fn whatever_is_changed_in_a_disclosure_is_found() {
        let changes: [fn(&mut Disclosure); 6] = [
            |disclosure| disclosure.index = 0,
            |disclosure| disclosure.index = 2,
            |disclosure| disclosure.private.value = json!("Sunscreen"),
            |disclosure| disclosure.private.field.push('s'),
            |disclosure| disclosure.private.salt.replace_range(..1, "1"),
            |disclosure| disclosure.private.application = Code::from_random([3; 16]),
        ];
        for change in changes {
            let mut disclosure = disclosure();
            change(&mut disclosure);
            // A liar fits the hash that stands in the file, too.
            disclosure.hash = disclosure.private.hash().unwrap();
            assert!(matches!(disclosure.judge_by_answer(&answer()), Finding::NotGenuine(_)));
        }
    }
}
