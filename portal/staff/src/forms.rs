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

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The certificate's code.
    pub certificate: String,
    pub wanted: String,
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opened {
    /// A field with its salt, as JSON. Forms with a field of this name are never kept.
    pub confidential: String,
    /// `tell`, or `lawForbids`.
    pub client: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    pub why: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisclosureFile {
    pub confidential: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnClaim {
    /// `confirm` or `refuse`.
    pub end: String,
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
