//! A second certification body joins a running network: a chaincode of its own, served by a process of its own.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::net::TcpListener;

use chaincode::package::{self, Connection};
use serde_json::Value;
use tests::{
    bodies::{Bodies, SCHEME},
    service::Service,
};

const BODY: &str = "LabMSP";
const CHAINCODE: &str = "nanotrace-lab";
const ISSUER: &str = "did:web:lab.nanotrace.example";

#[test]
fn a_second_body_joins_and_certifies_beside_the_first() {
    let bodies = Bodies::start();
    let join = format!("body join {BODY}");
    // Neither of the two who decide brings it in alone.
    for alone in ["CertBody", "Accreditation"] {
        let (done, reason) = bodies.decide(&join, &[alone, "Lab", "Industry"]);
        assert!(!done && reason.contains("not satisfied") && reason.contains("signed by:"), "{reason}");
    }
    let (done, said) = bodies.decide(&join, &["CertBody", "Accreditation"]);
    assert!(done && said.contains("in force: configuration 1 of nanotrace"), "{said}");
    assert_eq!(bodies.ended(&format!("{join} --out {}", bodies.file("again").display())).0, Some(2));

    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let package = bodies.file("lab.tar.gz");
    let package = package.to_str().unwrap();
    let label = format!("{CHAINCODE}_0.2.0");
    bodies.ran(&format!("chaincode package --label {label} --address {address} --out {package}"));
    let id = package::package(&label, &Connection::plain(&address)).unwrap().id;
    let _service = Service::start(&address, &id);
    let policy = "AND('LabMSP.peer','AccreditationMSP.peer')";
    // The founding body and the accreditation body define nothing without it any more.
    let (done, reason) = bodies.define(CHAINCODE, package, policy, &["CertBody", "Accreditation"]);
    assert!(!done && reason.contains("LabMSP"), "{reason}");
    let (done, said) = bodies.define(CHAINCODE, package, policy, &["Lab", "Industry", "Customs"]);
    assert!(done && said.contains("sequence 1"), "{said}");
    certify(&bodies);
    the_first_leaves(&bodies, package, policy);
}

/// The network goes on without the founding body.
fn the_first_leaves(bodies: &Bodies, package: &str, policy: &str) {
    let leave = "body leave CertBody";
    for too_few in [&["CertBody", "Accreditation"][..], &["CertBody", "Lab", "Industry"]] {
        let (done, reason) = bodies.decide(leave, too_few);
        assert!(!done && reason.contains("not satisfied"), "{reason}");
    }
    let (done, said) = bodies.decide(leave, &["CertBody", "Lab", "Accreditation"]);
    assert!(done, "{said}");
    let (exit, printed) = bodies.ended(&format!("body leave Lab --out {}", bodies.file("last").display()));
    assert_eq!(exit, Some(2), "{printed}");
    assert!(printed.contains("let another join first"), "{printed}");

    // Those who remain put another definition in force; the one that left has no say.
    let (done, reason) = bodies.define(CHAINCODE, package, policy, &["CertBody"]);
    assert!(!done, "{reason}");
    let (done, said) = bodies.define(CHAINCODE, package, policy, &["Accreditation", "Lab"]);
    assert!(done && said.contains("sequence 2"), "{said}");
    let old = bodies.network.code().to_string();
    assert_eq!(bodies.scanned(&old, "").0, "valid");
    bodies.ran(&format!("cert verify {}", bodies.network.certificate_file().display()));
    the_second_takes_over(bodies, &old);
}

/// The first body has ended: the second answers for its certificate, as scan and command line tell.
fn the_second_takes_over(bodies: &Bodies, old: &str) {
    let of_lab = |command: &str| format!("{command} --chaincode {CHAINCODE} --org Lab --user Admin");
    bodies.done(&format!("cert accreditation restore --body {BODY} --scheme {SCHEME} --reason audited"));
    let adopt = of_lab(&format!("cert adopt {old} --body CertBodyMSP --from nanotrace --reason succession"));
    bodies.refused(&adopt, "/body is CertBodyMSP: must be a body that has ended");
    let end = format!("cert accreditation end-body CertBodyMSP --successor {BODY}");
    bodies.done(&format!("{end} --successor-chaincode {CHAINCODE} --reason closed"));
    let stop = of_lab(&format!("cert stop {old} --reason doubt"));
    bodies.refused(&stop, "no certificate");
    bodies.done(&adopt);
    bodies.refused(&adopt, "is taken over");
    assert_eq!(bodies.scanned(old, "").0, "valid");
    let (exit, shown) = bodies.ended(&format!("cert show {old}"));
    assert!(exit == Some(0) && shown.contains("LabMSP, which took it over on"), "{shown}");
    let elsewhere = "taken over from CertBodyMSP, in whose chaincode";
    bodies.refused(&format!("cert show {old} --chaincode {CHAINCODE}"), elsewhere);
    let (_, listed) = bodies.ended(&format!("cert list --taken-over --chaincode {CHAINCODE}"));
    assert!(listed.contains(&format!("{old}  from CertBodyMSP since ")), "{listed}");

    // Alone, as it stops its own; the accreditation body does so where it was issued.
    let of_accreditation =
        format!("cert stop {old} --reason doubt --chaincode {CHAINCODE} --org Accreditation");
    bodies.refused(&of_accreditation, "in the chaincode of CertBodyMSP");
    bodies.done(&stop);
    let (result, reason) = bodies.scanned(old, "");
    assert_eq!((result.as_str(), reason["by"].as_str()), ("notValid", Some(BODY)));
    let (exit, shown) = bodies.ended(&format!("cert show {old}"));
    assert!(exit == Some(1) && shown.contains("suspended since"), "{shown}");
    bodies.done(&of_lab(&format!("cert lift {old} --reason cleared")));
    assert_eq!(bodies.scanned(old, "").0, "valid");
}

fn certify(bodies: &Bodies) {
    let of_lab = |command: &str| format!("{command} --chaincode {CHAINCODE}");
    let done = |command: &str| bodies.done(&of_lab(command));
    done(&format!("cert ledger bind --body {BODY}"));
    let term = "--number DEMO-0001 --from 2026-01-01 --until 2090-01-01";
    bodies.done(&format!("cert accreditation register --body {BODY} --scheme {SCHEME} {term}"));
    let key = bodies.file("lab.key");
    let key = key.to_str().unwrap();
    let public = bodies.done(&format!("cert key generate {key}"));
    let public = public["publicKey"].as_str().unwrap();
    let lists = "https://lab.nanotrace.example/status";
    let propose =
        format!("cert key propose {public} --issuer-id {ISSUER} --issuer-name Lab --status-lists {lists}");
    bodies.refused(&format!("{propose} --org Lab --user Admin"), "takes admin or client of CertBodyMSP");
    bodies.refused(&of_lab(&propose), "takes admin or client of LabMSP, the caller is admin of CertBodyMSP");
    done(&format!("{propose} --org Lab --user Admin"));
    done(&format!("cert key approve {public} --body {BODY}"));

    let (draft, signed) = (bodies.file("draft.json"), bodies.file("signed.json"));
    let (draft, signed) = (draft.to_str().unwrap(), signed.to_str().unwrap());
    let template = format!("cert template --demonstration --issuer {ISSUER} --out {draft}");
    assert_eq!(bodies.ended(&of_lab(&template)).0, Some(0));
    assert_eq!(bodies.ended(&of_lab(&format!("cert sign {draft} --key {key} --out {signed}"))).0, Some(0));
    // Neither in the other's name nor in the other's chaincode.
    bodies.refused(&of_lab(&format!("cert issue {signed}")), "takes client of LabMSP");
    bodies.refused(&format!("cert issue {signed}"), "must be a key of this certification body");
    bodies.refused(&format!("cert issue {signed} --org Lab --user User2"), "takes client of CertBodyMSP");
    let issued = done(&format!("cert issue {signed} --org Lab --user User2"));
    let code = issued["certificate"].as_str().unwrap();
    assert_eq!(bodies.scanned(code, ""), ("valid".into(), Value::Null));

    // Each of its two bodies stops it alone, and the other body cannot.
    let stop = of_lab(&format!("cert stop {code} --reason doubt"));
    bodies.refused(&stop, "takes admin or client of LabMSP or AccreditationMSP");
    bodies.done(&format!("{stop} --org Lab --user User2"));
    let (result, reason) = bodies.scanned(code, "");
    assert_eq!((result.as_str(), reason["by"].as_str()), ("notValid", Some(BODY)));
    done(&format!("cert lift {code} --reason cleared --org Lab --user User2"));
    assert_eq!(bodies.scanned(code, "").0, "valid");

    // An accreditation is one body's.
    let first = bodies.network.code().to_string();
    let suspend =
        format!("cert accreditation suspend --body {BODY} --scheme {SCHEME} --effect all-certificates");
    bodies.done(&format!("{suspend} --reason audit"));
    assert_eq!(bodies.scanned(code, "").1["cause"], "accreditationSuspended");
    assert_eq!(bodies.scanned(&first, "").0, "valid");
}
