//! The fields of the forms that staff send.

use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Picture {
    /// In base64url (RFC 4648 §5).
    pub grey: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assignment {
    /// An account; empty for nobody.
    pub to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// PKCS #10, as PEM.
    pub request: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCertificate {
    /// As PEM.
    pub certificate: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAct {
    /// The page's own name for it.
    pub act: String,
    pub chaincode: String,
    /// A JSON list in base64, the function's name first.
    pub arguments: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// DER, in base64.
    pub signature: String,
}
