//! The address under which people reach the portal. It stands in mails, and decides how cookies are kept.

use std::{fmt, str::FromStr};

use url::{Host, Url};

/// Scheme, host and perhaps a port. Plain HTTP leads to this machine alone: passwords cross no network in the clear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    text: String,
    host: String,
    is_https: bool,
}

/// Why a text is not a base address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BaseUrlError {
    #[error("expected scheme, host and port alone, such as https://portal.example")]
    MoreThanAuthority,
    #[error("people log in here: https://… (http:// only for localhost)")]
    Plain,
    #[error("passkeys belong to a name: write that of the host, such as localhost, instead of its address")]
    Address,
}

impl BaseUrl {
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// The name by which passkeys know the portal.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Host and port, as EIP-4361 names who asks.
    pub fn authority(&self) -> &str {
        self.text.split_once("://").map_or("", |(_, authority)| authority)
    }

    /// Scheme, host and port, as browsers write them into `Origin`.
    pub fn origin(&self) -> &str {
        &self.text
    }
}

pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        // The host of a scheme that is not the web's is not read as a number.
        Some(Host::Domain(name)) => {
            name == "localhost" || name.parse().is_ok_and(|it: std::net::IpAddr| it.is_loopback())
        }
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|_| BaseUrlError::MoreThanAuthority)?;
        let is_https = match url.scheme() {
            "https" => true,
            "http" if is_loopback(&url) => false,
            "http" => return Err(BaseUrlError::Plain),
            _ => return Err(BaseUrlError::MoreThanAuthority),
        };
        let more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
        if more || !url.username().is_empty() || url.password().is_some() {
            return Err(BaseUrlError::MoreThanAuthority);
        }
        let Some(Host::Domain(host)) = url.host() else { return Err(BaseUrlError::Address) };
        Ok(Self { text: url.origin().ascii_serialization(), host: host.to_owned(), is_https })
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_leads_to_this_machine_alone() {
        let parse = |text: &str| text.parse::<BaseUrl>();
        for right in ["https://portal.example", "https://portal.example:8443/", "http://localhost:8090"] {
            assert!(parse(right).is_ok(), "{right}");
        }
        for plain in ["http://portal.example", "http://192.0.2.1:80", "http://localhost.example"] {
            assert_eq!(parse(plain), Err(BaseUrlError::Plain), "{plain}");
        }
        for wrong in ["", "portal.example", "ftp://localhost", "https://a/b", "https://u@a", "https://a/?q"] {
            assert_eq!(parse(wrong), Err(BaseUrlError::MoreThanAuthority), "{wrong}");
        }
        for address in ["http://127.0.0.1:8090", "https://192.0.2.1", "https://[2001:db8::1]"] {
            assert_eq!(parse(address), Err(BaseUrlError::Address), "{address}");
        }
        assert_eq!(
            parse("HTTPS://Portal.example:443/").map(|it| it.to_string()),
            Ok("https://portal.example".into())
        );
    }
}
