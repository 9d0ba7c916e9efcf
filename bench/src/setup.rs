//! What certificates rest on, put on the ledger once.

use certificate::{DateTime, demo, parties};
use peer_client::certificate::{Contract, Update};
use serde_json::json;

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
