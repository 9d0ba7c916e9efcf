//! Whether a certificate is within the scope of an accreditation.

use certificate::record::{Certificate, Scope};
use serde_json::Value;

/// By the standards that its document names and the category in its record. The document is read only where a scope limits
/// anything; one that cannot be read is outside.
pub(super) fn covers(scope: &Scope, certificate: &Certificate) -> bool {
    scope.has_category(certificate.category.as_deref()) && covers_standards(scope, certificate)
}

/// By the standards alone.
pub(super) fn covers_standards(scope: &Scope, certificate: &Certificate) -> bool {
    if scope.standards.is_empty() {
        return true;
    }
    let document: Value = serde_json::from_slice(&certificate.document).unwrap_or_default();
    let standards = document.pointer("/credentialSubject/standards").and_then(Value::as_array);
    let has = |standard: &Value| standard.as_str().is_some_and(|standard| scope.has_standard(standard));
    standards.is_some_and(|standards| standards.iter().all(has))
}
