//! What a hostile organisation can do whose peer signs anything: nothing but stop what it answers for.

#![allow(clippy::unwrap_used)]

use certificate::{Code, demo, keys};
use fabric::{policy, proto::protos::TxValidationCode};
use prost::Message;
use tests::{Network, assert_success, hostile::Forgery};

const CERT_BODY: &str = "CertBodyMSP";
const ACCREDITATION_BODY: &str = "AccreditationMSP";

fn forgery<'a>(namespace: &'a str, endorsers: &'a [&'a str], keys: Vec<String>) -> Forgery<'a> {
    let writes = keys.into_iter().map(|key| (key, b"forged".to_vec())).collect();
    Forgery { namespace, writes, policies: Vec::new(), endorsers }
}

fn alone(msp_id: &str) -> Vec<u8> {
    policy::parse(&format!("OR('{msp_id}.peer')")).unwrap().encode_to_vec()
}

#[tokio::test]
async fn a_certification_body_cannot_act_alone() {
    let network = Network::start();
    let (profile, code) = (network.profile(), network.code());
    let new = Code::from_bytes([7; 16]);
    let others_stop = keys::stop(code, ACCREDITATION_BODY);
    let accreditation = keys::accreditation(CERT_BODY, demo::SCHEME_ID);
    let attempts = [
        ("issue a certificate", keys::certificate(new)),
        ("alter a certificate", keys::certificate(code)),
        ("lift the accreditation body's stop", others_stop.clone()),
        ("undo the accreditation body's withdrawal", keys::withdrawal(code, ACCREDITATION_BODY)),
        ("restore its own accreditation", accreditation.clone()),
        ("bind the contract to another ledger", keys::LEDGER.to_owned()),
        ("approve its own issuer key", keys::issuer_key(CERT_BODY, "z6Mkforged")),
        ("take a place in a status list", keys::status(CERT_BODY, 1, 1)),
    ];
    for (attempt, key) in attempts {
        let verdict = forgery("nanotrace", &["CertBody"], vec![key]).submit(&profile).await;
        assert_eq!(verdict, TxValidationCode::EndorsementPolicyFailure, "{attempt}");
    }
    for key in [others_stop, accreditation, keys::certificate(code)] {
        let grab = Forgery {
            namespace: "nanotrace",
            writes: Vec::new(),
            policies: vec![(key.clone(), alone(CERT_BODY))],
            endorsers: &["CertBody"],
        };
        let verdict = grab.submit(&profile).await;
        assert_eq!(verdict, TxValidationCode::EndorsementPolicyFailure, "take over the policy of {key}");
    }
}

#[tokio::test]
async fn three_other_organisations_cannot_redefine_the_chaincode() {
    let network = Network::start();
    let profile = network.profile();
    let key = "namespaces/fields/nanotrace/Sequence".to_owned();
    for endorsers in [
        ["CertBody", "Lab", "Industry", "Customs"].as_slice(),
        &["Accreditation", "Lab", "Industry", "Customs"],
    ] {
        let sequence = fabric::proto::lifecycle::StateData {
            r#type: Some(fabric::proto::lifecycle::state_data::Type::Int64(2)),
        };
        let redefinition = Forgery {
            namespace: "_lifecycle",
            writes: vec![(key.clone(), sequence.encode_to_vec())],
            policies: Vec::new(),
            endorsers,
        };
        let verdict = redefinition.submit(&profile).await;
        assert_eq!(verdict, TxValidationCode::EndorsementPolicyFailure, "{endorsers:?}");
    }
}

#[test]
fn the_accreditation_body_alone_stops_a_certificate() {
    let network = Network::start();
    let code = network.code().to_string();
    let by_accreditation = ["--org", "Accreditation", "--user", "User1"];
    let mut stop = vec!["cert", "stop", &code, "--reason", "a closer look"];
    stop.extend(by_accreditation);
    assert_success(&network.nanotrace(&stop));
    let shown = network.nanotrace(&["cert", "show", &code]);
    assert_eq!(shown.status.code(), Some(1), "{}", String::from_utf8_lossy(&shown.stdout));
    assert!(String::from_utf8_lossy(&shown.stdout).contains("suspended"));
}
