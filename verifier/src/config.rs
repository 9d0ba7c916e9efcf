//! What a verifier's operator decides about it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use certificate::DateTime;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::watch;

use crate::base_url::BaseUrl;
use crate::origin::Proxies;

/// Age of the last confirmed head from which answers are "cannot tell", unless configured otherwise.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Seconds that a browser or proxy may go on showing an answer: a withdrawal is seen everywhere after at most this
/// time. It is stated on every page.
pub const CACHE_WINDOW: u64 = 30;

/// Configuration of a server. Nothing here can make an answer better than the read model vouches for.
#[derive(Clone)]
pub struct Config {
    pub listen: SocketAddr,
    /// Where the public reaches this server; by default the address it listens on.
    pub public_base: Option<BaseUrl>,
    pub max_age: Duration,
    /// Every page and answer says that one operator holds all keys of this ledger. They also do where the ledger holds
    /// the demonstration's scheme.
    pub demonstration: bool,
    /// Whom to tell about a suspected fake.
    pub contact: Option<Contact>,
    /// Where the operator asks: `/metrics`, `/healthz` and `/readyz`. Not for the public.
    pub operations: Option<SocketAddr>,
    /// Rendered at `/metrics` of the operations address, which is absent without it.
    pub metrics: Option<PrometheusHandle>,
    pub obstacle: Obstacle,
    /// The reverse proxies in front; none: every connection is a client's.
    pub proxies: Option<Proxies>,
    /// What time it is; this machine's clock, but in tests.
    pub clock: Clock,
}

/// Why the process around the server is not ready to be asked, as `/readyz` says it; `None` where it is.
pub type Obstacle = watch::Receiver<Option<String>>;

/// Tells the time of an answer.
pub type Clock = Arc<dyn Fn() -> DateTime + Send + Sync>;

/// An electronic mail address or a web address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    pub(crate) href: String,
    pub(crate) text: String,
}

/// A text that is no contact.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the contact must be a mail address or begin with https:// or http:// (got {0:?})")]
pub struct ContactError(String);

impl Config {
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            public_base: None,
            max_age: DEFAULT_MAX_AGE,
            demonstration: false,
            contact: None,
            operations: None,
            metrics: None,
            obstacle: watch::channel(None).1,
            proxies: None,
            clock: Arc::new(crate::now),
        }
    }
}

impl std::str::FromStr for Contact {
    type Err = ContactError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.trim().trim_start_matches("mailto:");
        if bare.starts_with("https://") || bare.starts_with("http://") {
            return Ok(Self { href: bare.into(), text: bare.into() });
        }
        let is_mail = bare.split_once('@').is_some_and(|(name, host)| {
            let plain = |part: &str| part.chars().all(|letter| letter.is_ascii_graphic() && letter != '@');
            !name.is_empty() && host.contains('.') && plain(name) && plain(host)
        });
        if !is_mail {
            return Err(ContactError(text.into()));
        }
        Ok(Self { href: format!("mailto:{bare}"), text: bare.into() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_contact_is_mail_or_web() {
        assert_eq!("fakes@check.example".parse::<Contact>().unwrap().href, "mailto:fakes@check.example");
        assert_eq!(
            "https://check.example/fakes".parse::<Contact>().unwrap().href,
            "https://check.example/fakes"
        );
        for wrong in ["", "javascript:alert(1)", "somebody", "@check.example", "a b@check.example", "a@b"] {
            assert_eq!(wrong.parse::<Contact>(), Err(ContactError(wrong.into())));
        }
    }
}
