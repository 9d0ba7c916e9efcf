//! Whether a certificate is within the scope of an accreditation.

use certificate::record::{Certificate, Scope};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    credential_subject: Subject,
}

#[derive(Deserialize)]
struct Subject {
    standards: Vec<String>,
}

/// By the standards that its document names and the category in its record. The document is read only where a scope limits
/// anything; one that cannot be read is outside.
pub(super) fn covers(scope: &Scope, certificate: &Certificate) -> bool {
    if scope.is_unlimited() {
        return true;
    }
    let Ok(document) = serde_json::from_slice::<Document>(&certificate.document) else { return false };
    let standards = document.credential_subject.standards;
    scope.covers(standards.iter().map(String::as_str), certificate.category.as_deref())
}
