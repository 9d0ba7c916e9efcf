//! What certificates rest on, put on the ledger once.

use certificate::{Code, DateTime, demo, parties};
use peer_client::certificate::{Contract, Update};
use serde_json::{Value, json};

use crate::documents::{ISSUER, ISSUER_NAME, STATUS_LISTS};

/// What the network needs, in this order, each step in the name of the organisation that takes it. The contract refuses
/// with 409 what was done before. `genesis` is the ledger's, `public_key` the benchmark's as Multikey text.
pub fn setup(
    accreditor: &Contract,
    administrator: &Contract,
    genesis: &str,
    public_key: &str,
    now: DateTime,
) -> [Update; 5] {
    let proposal = json!({
        "publicKey": public_key, "issuerId": ISSUER, "issuerName": ISSUER_NAME, "statusLists": STATUS_LISTS,
    });
    [
        accreditor.ledger_bind(genesis, parties::CERTIFICATION_BODY),
        accreditor.scheme_register(&demo::scheme()),
        accreditor.accreditation_register(&demo::accreditation(now.plus_days(-1))),
        administrator.issuer_key_propose(&proposal),
        accreditor.issuer_key_approve(parties::CERTIFICATION_BODY, public_key),
    ]
}

/// The laboratory's method, which is that of the document's figures.
const METHOD: &str = "TEM";

/// What the whole path needs beside: a laboratory, by its MSP id.
pub fn laboratory(accreditor: &Contract, organisation: &str, now: DateTime) -> Update {
    accreditor.laboratory_register(&json!({
        "organisation": organisation, "number": "BENCH-L-0001", "methods": [METHOD],
        "validFrom": now.plus_days(-1), "validUntil": now.plus_years(10).unwrap_or(now),
    }))
}

/// The argument of `application:submit`.
pub(crate) fn application(id: Code) -> Value {
    json!({
        "id": id, "body": parties::CERTIFICATION_BODY, "title": "Benchmark (demonstration)",
        "schemeId": demo::SCHEME_ID, "schemeVersion": demo::SCHEME_VERSION,
        "dossier": format!("sha256:{}", "0".repeat(64)),
    })
}

/// The argument of `application:report`: the report that the document names.
pub(crate) fn report(day: &str) -> Value {
    let material = demo::material();
    let report = material.get("testReports").and_then(|reports| reports.get(0));
    let sha256 = report.and_then(|report| report.get("sha256"));
    json!({"sha256": sha256, "method": METHOD, "number": "BENCH-1", "date": day})
}
