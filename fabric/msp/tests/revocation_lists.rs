//! Revocation lists, each odd in one way, as the MSPs of Fabric 2.5 and 3.1 judged them (`revocation_lists.json`).
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{collections::BTreeMap, path::Path};

use fabric::proto::msp::{FabricMspConfig, FabricNodeOUs, FabricOuIdentifier, MspConfig, SerializedIdentity};
use msp::{Msp, MspVersion};
use prost::Message;
use serde::Deserialize;

#[derive(Deserialize)]
struct Record {
    /// PEM.
    certificates: BTreeMap<String, String>,
    definitions: BTreeMap<String, Definition>,
    cases: Vec<Case>,
}

/// Names of certificates.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Definition {
    roots: Vec<String>,
    #[serde(default)]
    intermediates: Vec<String>,
    #[serde(default)]
    tls_roots: Vec<String>,
    #[serde(default)]
    tls_intermediates: Vec<String>,
    #[serde(default)]
    admins: Vec<String>,
    #[serde(default = "yes")]
    units: bool,
    asked: Vec<String>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    definition: String,
    /// Hexadecimal.
    lists: Vec<String>,
    fabric2: Verdict,
    fabric3: Verdict,
}

/// `refused`, of the whole definition, or `valid` or `invalid` of each certificate that is asked for.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Verdict {
    Definition(String),
    Identities(Vec<String>),
}

fn yes() -> bool {
    true
}

/// Go verifies SHA-1 on this curve, we do not; no tool of Fabric signs so (docs/surprises.md).
const NOT_FOLLOWED: &str = "p384 sha1";

/// Authorities with Ed25519 keys divide Fabric itself: 3.1 reads them on channels of 2.5 too, where 2.5 refuses the definition.
const OF_FABRIC_3: &str = "ed25519";

#[test]
fn verdicts_on_odd_revocation_lists_are_those_of_fabric() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/revocation_lists.json");
    let record: Record = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let mut differing = Vec::new();
    for case in &record.cases {
        let fabric2 = if case.definition == OF_FABRIC_3 { &case.fabric3 } else { &case.fabric2 };
        for (version, theirs) in [(MspVersion::V1_4_3, fabric2), (MspVersion::V3_0, &case.fabric3)] {
            let ours = record.judge(case, version);
            if ours != *theirs && case.name != NOT_FOLLOWED {
                differing.push(format!("{} ({version:?}): Fabric {theirs:?}, here {ours:?}", case.name));
            }
        }
    }
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

impl Record {
    fn judge(&self, case: &Case, version: MspVersion) -> Verdict {
        let definition = &self.definitions[&case.definition];
        let config = MspConfig { r#type: 0, config: self.config(case, definition).encode_to_vec().into() };
        let Ok(msp) = Msp::from_config(&config, version) else {
            return Verdict::Definition("refused".to_owned());
        };
        let asked = definition.asked.iter();
        Verdict::Identities(asked.map(|name| verdict(&msp, &self.certificates[name]).to_owned()).collect())
    }

    fn config(&self, case: &Case, definition: &Definition) -> FabricMspConfig {
        let all =
            |names: &[String]| names.iter().map(|name| self.certificates[name].clone().into()).collect();
        FabricMspConfig {
            name: "XMSP".to_owned(),
            root_certs: all(&definition.roots),
            intermediate_certs: all(&definition.intermediates),
            tls_root_certs: all(&definition.tls_roots),
            tls_intermediate_certs: all(&definition.tls_intermediates),
            admins: all(&definition.admins),
            revocation_list: case.lists.iter().map(|list| hex::decode(list).unwrap().into()).collect(),
            fabric_node_ous: definition.units.then(node_units),
            ..FabricMspConfig::default()
        }
    }
}

fn verdict(msp: &Msp, pem: &str) -> &'static str {
    let identity = SerializedIdentity { mspid: "XMSP".to_owned(), id_bytes: pem.to_owned().into() };
    match msp.deserialize(&identity.encode_to_vec()) {
        Err(_) => "deserialize",
        Ok(identity) if identity.validate().is_err() => "invalid",
        Ok(_) => "valid",
    }
}

fn node_units() -> FabricNodeOUs {
    let unit = |name: &str| {
        Some(FabricOuIdentifier {
            organizational_unit_identifier: name.to_owned(),
            ..FabricOuIdentifier::default()
        })
    };
    FabricNodeOUs {
        enable: true,
        client_ou_identifier: unit("client"),
        peer_ou_identifier: unit("peer"),
        admin_ou_identifier: unit("admin"),
        orderer_ou_identifier: unit("orderer"),
    }
}
