//! Until when the certificates are valid that this process shows to others: a metric, and a warning at the start.

use metrics::Unit;
use msp::SigningIdentity;

const DAY: i64 = 24 * 60 * 60;
/// Days before the end from which a start warns.
const NOTICE: i64 = 30;

/// What others see a certificate for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    Signing,
    Tls,
}

impl Use {
    const fn label(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Tls => "tls",
        }
    }
}

/// Says what the metric means, to the recorder that is installed.
pub fn describe() {
    metrics::describe_gauge!(
        "nanotrace_certificate_expires_seconds",
        Unit::Seconds,
        "When a certificate of this process expires, in seconds since 1970 UTC, by name and use"
    );
}

/// Records an identity's certificate, with a warning where it ends soon or has ended.
pub fn record(name: &str, used_for: Use, identity: &SigningIdentity) {
    let labels = [("name", name.to_owned()), ("use", used_for.label().to_owned())];
    metrics::gauge!("nanotrace_certificate_expires_seconds", &labels).set(identity.not_after() as f64);
    if let Some(when) = notice(identity.not_after(), verifier::now().seconds()) {
        tracing::warn!(
            certificate = name,
            r#use = used_for.label(),
            "{when}; see docs/operations.md, \"Expiry of certificates and keys\""
        );
    }
}

fn notice(not_after: i64, now: i64) -> Option<String> {
    match (not_after - now).div_euclid(DAY) {
        ..0 => Some("the certificate has expired".to_owned()),
        days @ 0..NOTICE => Some(format!("the certificate expires in {days} days")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_warned_of_a_month_before_it_expires() {
        assert_eq!(notice(31 * DAY, 0), None);
        assert_eq!(notice(30 * DAY, 0), None);
        assert_eq!(notice(30 * DAY - 1, 0).as_deref(), Some("the certificate expires in 29 days"));
        assert_eq!(notice(0, 0).as_deref(), Some("the certificate expires in 0 days"));
        assert_eq!(notice(0, 1).as_deref(), Some("the certificate has expired"));
    }
}
