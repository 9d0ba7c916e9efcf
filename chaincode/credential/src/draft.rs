//! Puts a document together before it is signed.

use serde_json::{Map, Value, json};

use crate::code::Code;
use crate::date_time::DateTime;
use crate::document::{CONTEXT, Issuer, LedgerBinding, SCHEMA, StatusEntry, TYPE, Validity};

/// What a document says beside its subject matter.
#[derive(Debug, Clone)]
pub struct Particulars {
    /// From the operating system's randomness ([`Code::from_random`]).
    pub code: Code,
    pub issuer: Issuer,
    pub ledger: LedgerBinding,
    /// The index at random too: an order would tell which certificate a bit belongs to.
    pub status: StatusEntry,
    pub decided: DateTime,
    pub validity: Validity,
}

/// The unsigned credential about `subject`, to which the decision date is added.
pub fn credential(particulars: &Particulars, mut subject: Map<String, Value>) -> Value {
    let Particulars { code, issuer, ledger, status, decided, validity } = particulars;
    subject.insert("decisionDate".into(), decided.to_string().into());
    json!({
        "@context": CONTEXT,
        "id": code.to_urn(),
        "type": TYPE,
        "credentialSchema": {"id": SCHEMA, "type": "JsonSchema"},
        "issuer": {"id": issuer.id, "name": issuer.name},
        "validFrom": validity.from,
        "validUntil": validity.until,
        "credentialStatus": [
            {
                "type": "NanoTraceLedgerStatus",
                "channel": ledger.channel,
                "genesis": ledger.genesis,
                "certificate": code,
            },
            {
                "type": "BitstringStatusListEntry",
                "statusPurpose": "revocation",
                "statusListIndex": status.index.to_string(),
                "statusListCredential": format!("{}/{}", status.lists, status.list),
            },
        ],
        "credentialSubject": subject,
    })
}

/// A document to fill in: every required member is there, and what only its author knows is empty, so that
/// checking it lists what is still to be written.
pub fn template(particulars: &Particulars) -> Value {
    let subject = json!({
        "scheme": {"id": "", "version": ""},
        "standards": [""],
        "accreditation": {"number": ""},
        "client": {"name": "", "lei": "", "country": ""},
        "site": "",
        "product": {"name": ""},
        "listing": "listed",
        "substance": {"name": ""},
        "size": {"d50": "", "method": "", "unit": "nm"},
        "surfaceTreatment": "none",
        "shape": "",
        "testReports": [{"lab": "", "labAccreditation": "", "method": "", "date": "", "sha256": ""}],
        "nanomaterialConclusion": "undetermined",
    });
    credential(particulars, members(subject))
}

pub fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
