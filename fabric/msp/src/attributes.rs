//! The attributes of a certificate, as Fabric CA writes them and Fabric's chaincode libraries read them
//! (fabric-ca, `lib/attrmgr`; fabric-chaincode-go, `pkg/cid`).

use std::collections::BTreeMap;

use serde::Deserialize;

/// The extension's value: JSON, without a type of ASN.1 around it.
#[derive(Default, Deserialize)]
struct Value {
    #[serde(default)]
    attrs: BTreeMap<String, String>,
}

/// Attributes by their names. A value that is no such JSON has none: it gives its owner no right.
pub(super) fn parse(extension: &[u8]) -> BTreeMap<String, String> {
    serde_json::from_slice::<Value>(extension).unwrap_or_default().attrs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_fabric_cas() {
        let attributes = parse(br#"{"attrs":{"hf.Type":"client","nanotrace.role":"reviewer"}}"#);
        assert_eq!(attributes.get("nanotrace.role").map(String::as_str), Some("reviewer"));
        assert_eq!(attributes.len(), 2);
        for other in [&b""[..], b"{}", b"{\"attrs\":{\"a\":1}}", b"\x0c\x02{}", b"[]", b"{\"attrs\":null}"] {
            assert!(parse(other).is_empty(), "{other:?}");
        }
    }
}
