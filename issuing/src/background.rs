//! What the ledger knows and a draft names: who issues, under which scheme and accreditation.

use std::collections::BTreeSet;

use certificate::{
    Code, DateTime,
    document::{Issuer, LedgerBinding, STATUS_LIST_ENTRIES, StatusEntry, Validity},
    draft::Particulars,
};
use peer_client::certificate::{CallError, Contract};
use serde_json::{Value, json};

/// `Null` where the ledger has none.
#[derive(Default)]
pub struct Background {
    key: Value,
    scheme: Value,
    accreditation: Value,
}

#[derive(Debug, thiserror::Error)]
pub enum BackgroundError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("the ledger has several issuers: choose one with --issuer: {known}")]
    Several { known: String },
    #[error("the ledger has no key in use of {issuer}; it has: {known}")]
    Unknown { issuer: String, known: String },
    #[error("the ledger has no key in use of {0}")]
    NoKey(String),
    #[error("{body} is not accredited for the scheme {scheme}")]
    NotAccredited { body: String, scheme: String },
}

impl Background {
    /// Of this issuer; without, of the one that the ledger has.
    pub async fn read(contract: &Contract, issuer: Option<&str>) -> Result<Self, BackgroundError> {
        let keys: Vec<Value> = contract.issuer_key_list().read().await?;
        let key = key_of(keys, issuer)?;
        let accreditations: Vec<Value> = contract.accreditation_list().read().await?;
        let accreditation =
            accreditations.into_iter().rfind(|held| text_at(held, "/body") == text_at(&key, "/body"));
        let accreditation = accreditation.unwrap_or_default();
        let schemes: Vec<Value> = contract.scheme_list().read().await?;
        let scheme = schemes
            .into_iter()
            .rfind(|scheme| text_at(scheme, "/id") == text_at(&accreditation, "/schemeId"));
        Ok(Self { key, scheme: scheme.unwrap_or_default(), accreditation })
    }

    /// Of a decision that a body takes under a scheme: its newest key, and its accreditation for the scheme, by the number of the
    /// term that holds `at` that moment. Whether one does, and all else that a decision has to keep, the contract judges.
    pub async fn of_decision(
        contract: &Contract,
        body: &str,
        scheme: &str,
        at: DateTime,
    ) -> Result<Self, BackgroundError> {
        let mut keys: Vec<Value> = contract.issuer_key_list().read().await?;
        keys.retain(|key| text_at(key, "/body") == body);
        let key = newest(in_use(keys));
        if key.is_null() {
            return Err(BackgroundError::NoKey(body.to_owned()));
        }
        let mut held: Vec<Value> = contract.accreditation_list().read().await?;
        // What was registered before there was a registry counts on, where it has no newer one.
        held.extend(contract.before_registry().accreditation_list().read::<Vec<Value>>().await?);
        let is_meant = |held: &Value| text_at(held, "/body") == body && text_at(held, "/schemeId") == scheme;
        let Some(mut accreditation) = held.into_iter().find(is_meant) else {
            return Err(BackgroundError::NotAccredited { body: body.to_owned(), scheme: scheme.to_owned() });
        };
        let number = number_at(&accreditation, &at.to_string()).to_owned();
        if let Some(members) = accreditation.as_object_mut() {
            members.insert("number".into(), number.into());
        }
        Ok(Self { key, scheme: Value::Null, accreditation })
    }

    /// Of a new certificate, with an id, a code and a place in the issuer's first status list at random.
    pub fn particulars(
        &self,
        ledger: LedgerBinding,
        now: DateTime,
        until: DateTime,
    ) -> Result<Particulars, getrandom::Error> {
        Ok(Particulars {
            code: random_code()?,
            issuer: Issuer {
                id: text_at(&self.key, "/issuerId").into(),
                name: text_at(&self.key, "/issuerName").into(),
            },
            ledger,
            status: StatusEntry {
                lists: text_at(&self.key, "/statusLists").into(),
                list: 1,
                index: random_index()?,
            },
            decided: now,
            validity: Validity { from: now, until },
        })
    }

    /// The number of the accreditation.
    pub fn accreditation(&self) -> &str {
        text_at(&self.accreditation, "/number")
    }

    /// The categories of products that the accreditation is limited to; none: it is not.
    pub fn categories(&self) -> Vec<String> {
        let categories = self.accreditation.pointer("/scope/categories").and_then(Value::as_array);
        categories.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// A draft with the scheme and the accreditation that the ledger has.
    pub fn fill(&self, mut draft: Value) -> Value {
        let subject = draft.pointer_mut("/credentialSubject").and_then(Value::as_object_mut);
        let Some(subject) = subject else { return draft };
        let Self { scheme, accreditation, .. } = self;
        if !scheme.is_null() {
            let id = json!({"id": text_at(scheme, "/id"), "version": text_at(scheme, "/version")});
            subject.insert("scheme".into(), id);
            subject.insert("standards".into(), scheme.pointer("/standards").cloned().unwrap_or_default());
        }
        if !accreditation.is_null() {
            subject.insert("accreditation".into(), json!({"number": text_at(accreditation, "/number")}));
        }
        draft
    }
}

/// The key that the issuer was approved for last; `Null` where there is none. Among issuers a person must choose: the
/// draft would name the wrong one.
fn key_of(keys: Vec<Value>, issuer: Option<&str>) -> Result<Value, BackgroundError> {
    let mut keys = in_use(keys);
    let issuers: BTreeSet<&str> = keys.iter().map(|key| text_at(key, "/issuerId")).collect();
    let known = || issuers.iter().copied().collect::<Vec<_>>().join(", ");
    match issuer {
        None if issuers.len() > 1 => return Err(BackgroundError::Several { known: known() }),
        Some(issuer) if !issuers.contains(issuer) => {
            return Err(BackgroundError::Unknown { issuer: issuer.to_owned(), known: known() });
        }
        Some(issuer) => keys.retain(|key| text_at(key, "/issuerId") == issuer),
        None => {}
    }
    Ok(newest(keys))
}

/// Those that are approved, and neither revoked nor declared compromised.
fn in_use(mut keys: Vec<Value>) -> Vec<Value> {
    let is_absent = |key: &Value, events: [&str; 2]| events.iter().all(|event| is_null(key, event));
    keys.retain(|key| !is_null(key, "/approved") && is_absent(key, ["/revoked", "/compromised"]));
    keys
}

/// The one that was approved last; `Null` where there is none.
fn newest(keys: Vec<Value>) -> Value {
    let last = keys.into_iter().max_by(|one, other| {
        text_at(one, "/approved/effectiveAt").cmp(text_at(other, "/approved/effectiveAt"))
    });
    last.unwrap_or_default()
}

/// The number of the newest term that covers the moment; where none does, that of the last.
fn number_at<'v>(accreditation: &'v Value, at: &str) -> &'v str {
    // Times have one spelling, which is in their order.
    let covers = |term: &&Value| text_at(term, "/validFrom") <= at && at < text_at(term, "/validUntil");
    let former = accreditation.pointer("/formerTerms").and_then(Value::as_array);
    let newest_first = [accreditation].into_iter().chain(former.into_iter().flatten().rev());
    let term = newest_first.into_iter().find(covers).unwrap_or(accreditation);
    text_at(term, "/number")
}

/// Drawn until it can be dictated and fits a QR symbol's alphanumeric mode.
pub fn random_code() -> Result<Code, getrandom::Error> {
    loop {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes)?;
        let code = Code::from_random(bytes);
        if code.is_plain() {
            return Ok(code);
        }
    }
}

/// A place in a status list.
pub fn random_index() -> Result<u32, getrandom::Error> {
    // The number of entries divides 2^32: no index is likelier than another.
    Ok(getrandom::u32()? % STATUS_LIST_ENTRIES)
}

fn text_at<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn is_null(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).is_none_or(Value::is_null)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use certificate::{demo, document::check_draft, draft};

    use super::*;

    fn particulars() -> Particulars {
        let now = DateTime::parse("2026-11-21T12:00:00Z").unwrap();
        Particulars {
            code: random_code().unwrap(),
            issuer: Issuer { id: "did:web:body.example".into(), name: "Body".into() },
            ledger: LedgerBinding {
                channel: "nanotrace".into(),
                genesis: format!("sha256:{}", "0".repeat(64)),
            },
            status: StatusEntry {
                lists: "https://body.example/status".into(),
                list: 1,
                index: random_index().unwrap(),
            },
            decided: now,
            validity: Validity { from: now, until: now.plus_years(3).unwrap() },
        }
    }

    #[test]
    fn nobody_guesses_who_issues() {
        let key = |issuer: &str, name: &str, approved: Value, revoked: Value| json!({"issuerId": issuer, "issuerName": name, "approved": approved, "revoked": revoked});
        let at = |day: &str| json!({"effectiveAt": format!("2026-01-{day}T00:00:00Z")});
        let mut keys = vec![
            key("did:web:a", "new", at("03"), Value::Null),
            key("did:web:a", "old", at("01"), Value::Null),
            key("did:web:a", "proposed", Value::Null, Value::Null),
            key("did:web:b", "revoked", at("04"), at("05")),
        ];
        let mut stolen = key("did:web:c", "stolen", at("06"), Value::Null);
        stolen["compromised"] = json!([{"by": "CertBodyMSP"}]);
        keys.push(stolen);
        let name = |key: Result<Value, BackgroundError>| text_at(&key.unwrap(), "/issuerName").to_owned();
        assert_eq!(name(key_of(keys.clone(), None)), "new");
        keys.push(key("did:web:b", "other", at("02"), Value::Null));
        let refused = key_of(keys.clone(), None).unwrap_err().to_string();
        assert!(refused.contains("--issuer: did:web:a, did:web:b"), "{refused}");
        assert_eq!(name(key_of(keys.clone(), Some("did:web:b"))), "other");
        assert_eq!(name(key_of(keys.clone(), Some("did:web:a"))), "new");
        assert!(key_of(keys, Some("did:web:c")).is_err());
        assert_eq!(key_of(vec![], None).unwrap(), Value::Null);
    }

    #[test]
    fn the_number_is_that_of_the_term_that_holds() {
        let term = |number: &str, from: &str, until: &str| json!({"number": number, "validFrom": from, "validUntil": until});
        let mut accreditation = term("third", "2028-01-01T00:00:00Z", "2030-01-01T00:00:00Z");
        let [first, second] = [
            term("first", "2024-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
            term("second", "2025-06-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ];
        assert_eq!(number_at(&accreditation, "2027-06-01T00:00:00Z"), "third");
        accreditation["formerTerms"] = json!([first, second]);
        for (at, number) in
            [("2024-02", "first"), ("2025-07", "second"), ("2027-06", "third"), ("2028-02", "third")]
        {
            assert_eq!(number_at(&accreditation, &format!("{at}-01T00:00:00Z")), number, "{at}");
        }
        assert_eq!(number_at(&accreditation, "2027-01-01T00:00:00Z"), "third", "the end is not of the term");
    }

    #[test]
    fn what_the_ledger_knows_is_filled_in() {
        let background = Background {
            key: Value::Null,
            scheme: json!({"id": "https://s.example", "version": "2", "standards": ["https://standard.example"]}),
            accreditation: json!({"number": "A-1"}),
        };
        let draft = background.fill(draft::template(&particulars()));
        assert_eq!(text_at(&draft, "/credentialSubject/scheme/version"), "2");
        assert_eq!(text_at(&draft, "/credentialSubject/standards/0"), "https://standard.example");
        assert_eq!(text_at(&draft, "/credentialSubject/accreditation/number"), "A-1");
        // The rest is for a person to fill in, and `check` says so.
        let violations = check_draft(&draft).unwrap_err();
        assert!(violations.iter().any(|violation| violation.pointer == "/credentialSubject/product/name"));
        assert!(
            !violations.iter().any(|violation| violation.pointer.starts_with("/credentialSubject/scheme"))
        );
    }

    #[test]
    fn the_demonstration_breaks_no_rule() {
        check_draft(&demo::document(&particulars())).unwrap();
    }
}
