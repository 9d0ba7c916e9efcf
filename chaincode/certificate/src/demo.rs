//! The demonstration certificate: a real representative nanomaterial of the JRC with its published figures, and
//! what must stand on a ledger before it can be issued. `chaincode/certificate/data/README.md` names the source of each figure.

use serde_json::{Map, Value, json};

use crate::date_time::DateTime;
use crate::draft::{Particulars, credential, members};
use crate::parties::CERTIFICATION_BODY;

pub const SCHEME_ID: &str = "https://nanotrace.org/schemes/demonstration";
pub const SCHEME_VERSION: &str = "1";
pub const ACCREDITATION_NUMBER: &str = "DEMO-0001";

/// Commission Recommendation 2022/C 229/01 on the definition of nanomaterial.
const DEFINITION: &str = "https://eur-lex.europa.eu/legal-content/EN/TXT/?uri=CELEX:32022H0614(01)";

const MATERIAL: &str = include_str!("../data/jrcnm01100a.json");

/// The argument of `scheme:register`.
pub fn scheme() -> Value {
    json!({
        "id": SCHEME_ID,
        "version": SCHEME_VERSION,
        "title": "Demonstration: characterisation of a nanomaterial",
        "standards": [DEFINITION],
    })
}

/// The argument of `accreditation:register`: ten years from `valid_from`.
pub fn accreditation(valid_from: DateTime) -> Value {
    json!({
        "body": CERTIFICATION_BODY,
        "schemeId": SCHEME_ID,
        "number": ACCREDITATION_NUMBER,
        "validFrom": valid_from,
        "validUntil": valid_from.plus_years(10).unwrap_or(valid_from),
    })
}

/// The unsigned demonstration certificate. No client applied for it and no product bears it; it says so.
pub fn document(particulars: &Particulars) -> Value {
    let mut subject = material();
    subject.extend(members(json!({
        "scheme": {"id": SCHEME_ID, "version": SCHEME_VERSION},
        "standards": [DEFINITION],
        "accreditation": {"number": ACCREDITATION_NUMBER},
        "client": {"name": "Demonstration, no real client", "country": "BE"},
        "site": "Demonstration, no real site",
        "listing": "listed",
        "demonstration": true,
    })));
    credential(particulars, subject)
}

/// The members of `credentialSubject` that describe the material. A test makes sure that the file is an object.
pub fn material() -> Map<String, Value> {
    serde_json::from_str(MATERIAL).unwrap_or_default()
}
