//! Subject alternative names: they can make a certificate unreadable, and name constraints look at them.

use std::net::IpAddr;

use fabric::crypto::der::{DerError, Reader, SEQUENCE};

const EMAIL: u8 = 0x81;
const DNS: u8 = 0x82;
const URI: u8 = 0x86;
const IP: u8 = 0x87;

/// The names of the four kinds that Go understands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AlternativeNames {
    pub dns: Vec<String>,
    pub emails: Vec<String>,
    pub uris: Vec<String>,
    pub addresses: Vec<IpAddr>,
}

impl AlternativeNames {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads the value of the extension; names of other kinds are passed over.
pub(super) fn parse(extension: &[u8]) -> Result<AlternativeNames, DerError> {
    let mut names = AlternativeNames::default();
    let mut sequence = Reader(extension).enter(SEQUENCE, "alternative names")?;
    while !sequence.is_empty() {
        let name = sequence.any("alternative name")?;
        match name.tag {
            EMAIL => names.emails.push(ia5(name.content)?),
            DNS => names.dns.push(ia5(name.content)?),
            URI => names.uris.push(uri(name.content)?),
            IP => names.addresses.push(address(name.content)?),
            _ => {}
        }
    }
    Ok(names)
}

pub(super) fn ia5(content: &[u8]) -> Result<String, DerError> {
    match std::str::from_utf8(content) {
        Ok(text) if text.is_ascii() => Ok(text.to_owned()),
        _ => Err(DerError("IA5String")),
    }
}

/// The part of a URI between `//` and the path, without user and port; none without an authority.
pub(super) fn host(uri: &str) -> Option<&str> {
    let (_, after) = uri.split_once("//")?;
    let authority = after.split(['/', '?', '#']).next()?;
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(name),
        _ => Some(host),
    }
}

/// Whether Go's `domainNameValid` holds: printable ASCII, no empty label but one in front, no dot at the end.
pub(super) fn is_domain(name: &str, constraint: bool) -> bool {
    if name.is_empty() {
        return true;
    }
    let name = if constraint { name.strip_prefix('.').unwrap_or(name) } else { name };
    name.bytes().all(|byte| (33..=126).contains(&byte)) && name.split('.').all(|label| !label.is_empty())
}

/// Go parses a URI here and refuses the certificate if it cannot. We check what its parser is known to
/// refuse: control characters, no scheme before a colon, and hosts that are no domains.
fn uri(content: &[u8]) -> Result<String, DerError> {
    let uri = ia5(content)?;
    let error = DerError("URI");
    if uri.bytes().any(|byte| byte < b' ' || byte == 0x7f) || uri.starts_with(':') {
        return Err(error);
    }
    match host(&uri) {
        Some(host) if !host.starts_with('[') && !is_domain(host, false) => Err(error),
        _ => Ok(uri),
    }
}

fn address(content: &[u8]) -> Result<IpAddr, DerError> {
    let error = DerError("IP address");
    match content.len() {
        4 => <[u8; 4]>::try_from(content).map(IpAddr::from).map_err(|_| error),
        16 => {
            let octets = <[u8; 16]>::try_from(content).map_err(|_| error)?;
            let address = std::net::Ipv6Addr::from(octets);
            // An IPv4 address in IPv6's dress would escape the constraints on either.
            if address.to_ipv4_mapped().is_some() { Err(error) } else { Ok(address.into()) }
        }
        _ => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_host_out_of_a_uri() {
        assert_eq!(host("https://user@a.example:80/p"), Some("a.example"));
        assert_eq!(host("spiffe://a.example"), Some("a.example"));
        assert_eq!(host("urn:a:b"), None);
    }

    #[test]
    fn domains_are_labels_of_printable_ascii() {
        assert!(is_domain("a.b-c_d", false) && is_domain("", false) && is_domain(".a", true));
        assert!(!is_domain(".a", false) && !is_domain("a.", false) && !is_domain("a b", false));
        assert!(!is_domain("a..b", true));
    }
}
