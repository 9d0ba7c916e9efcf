//! Requests as OpenSSL writes them, and certificates as the authority of an organisation on a channel of ours issues them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{collections::BTreeSet, fs, path::Path, process::Command, sync::Arc};

use channel::Bundle;
use enrolment::{Certified, Expected, KeyRequest, Mismatch, check};
use material::{
    CryptoConfig, Person, Validity, enroll, generate,
    genesis::{Stamp, from_configtx_yaml},
    revoke,
};
use tempfile::TempDir;

const NOW: i64 = 1_800_000_000;
const PSEUDONYM: &str = "5f0c4a9d";

/// The organisations of the demonstration, with keys of their own.
struct Network {
    folder: TempDir,
    config: CryptoConfig,
}

impl Network {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = CryptoConfig::parse(include_str!("../../../crypto-config/crypto-config.yaml")).unwrap();
        generate(&config, &folder.path().join("crypto-config"), Validity::of_years(NOW, 10)).unwrap();
        fs::write(folder.path().join("configtx.yaml"), include_str!("../../../configtx.yaml")).unwrap();
        Self { folder, config }
    }

    fn keys(&self) -> std::path::PathBuf {
        self.folder.path().join("crypto-config")
    }

    /// The channel as its organisations' folders say it now.
    fn channel(&self) -> Arc<Bundle> {
        let path = self.folder.path().join("configtx.yaml");
        let stamp = Stamp { unix_seconds: 0, nonce: [1; 24] };
        let block = from_configtx_yaml(&path, "NanoTrace", "nanotrace", stamp).unwrap();
        Bundle::from_block(block.message()).unwrap()
    }

    fn certificate(&self, organisation: &str, request: &str, roles: &str, pseudonym: &str) -> String {
        let person = Person { roles: roles.to_owned(), pseudonym: pseudonym.to_owned() };
        let organisation = self.config.organization(organisation).unwrap();
        enroll(organisation, &self.keys(), request.as_bytes(), &person, Validity::of_years(NOW, 2)).unwrap()
    }
}

fn openssl(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("openssl").current_dir(folder).args(arguments).output();
    let Ok(output) = output else {
        println!("skipped: openssl is not on this machine");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

/// A request for a new key on this curve.
fn request(curve: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let curve = format!("ec_paramgen_curve:{curve}");
    let arguments =
        ["req", "-new", "-newkey", "ec", "-pkeyopt", &curve, "-noenc", "-keyout", "k", "-subj", "/CN=x"];
    openssl(folder.path(), &arguments)
}

#[test]
fn a_request_is_taken_from_who_has_the_key() {
    let Some(pem) = request("P-256") else { return };
    let read = KeyRequest::read(&pem).unwrap();
    assert_eq!(KeyRequest::read(&read.to_pem()).unwrap(), read);
    assert!(KeyRequest::read(&request("P-384").unwrap()).is_err(), "another curve");
    for wrong in ["", "x", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", &pem.repeat(20)] {
        assert!(KeyRequest::read(wrong).is_err(), "{wrong}");
    }
    // Whatever is altered, the signature is not by the key any more, or it is no request.
    let block = pem::parse(&pem).unwrap();
    for at in 0..block.contents().len() {
        let mut der = block.contents().to_vec();
        if let Some(byte) = der.get_mut(at) {
            *byte ^= 1;
        }
        let altered = pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", der));
        assert!(KeyRequest::read(&altered).is_err(), "byte {at}");
    }
}

fn judged(
    network: &Network,
    request: &str,
    certificate: &str,
    roles: &[&str],
) -> Result<Certified, Mismatch> {
    let request = KeyRequest::read(request).unwrap();
    let roles: BTreeSet<String> = roles.iter().map(|role| (*role).to_owned()).collect();
    let expected = Expected {
        msp_id: "CertBodyMSP",
        key: request.key(),
        pseudonym: PSEUDONYM,
        roles: &roles,
        secrets: &["Eve Evaluator", "eve@body.example"],
    };
    check(certificate, &expected, &network.channel(), NOW)
}

#[test]
fn a_certificate_is_what_was_granted() {
    let Some(request) = request("P-256") else { return };
    let network = Network::new();
    let roles = ["evaluator", "reviewer"];
    let judge = |certificate: &str| judged(&network, &request, certificate, &roles);
    let good = network.certificate("CertBody", &request, "reviewer,evaluator", PSEUDONYM);
    let certified = judge(&good).unwrap();
    assert_eq!(certified.pem, good);
    assert!(judge(&format!("A comment of the authority's.\n{good}")).unwrap().pem == good);

    let certificate =
        |organisation, roles, person| network.certificate(organisation, &request, roles, person);
    let of = |organisation| certificate(organisation, "evaluator,reviewer", PSEUDONYM);
    assert!(matches!(judge(&of("Lab")), Err(Mismatch::Membership(..))), "of another organisation");
    for roles in ["evaluator", "evaluator,reviewer,decision-maker", "reviewer,decision-maker"] {
        let other = certificate("CertBody", roles, PSEUDONYM);
        assert!(matches!(judge(&other), Err(Mismatch::Roles { .. })), "{roles}");
    }
    let person = certificate("CertBody", "evaluator,reviewer", "somebody-else");
    assert!(matches!(judge(&person), Err(Mismatch::Person { .. })));
    let other_key = self::request("P-256").unwrap();
    let other_key = network.certificate("CertBody", &other_key, "evaluator,reviewer", PSEUDONYM);
    assert!(matches!(judge(&other_key), Err(Mismatch::Key)));
    for unreadable in ["", "x", &good.repeat(2), &request] {
        assert!(matches!(judge(unreadable), Err(Mismatch::Unreadable)), "{unreadable}");
    }
    // The administrator of the organisation is no client of it.
    let body = network.config.organization("CertBody").unwrap();
    let admin = material::certificate_of(body, &network.keys(), "Admin").unwrap();
    assert!(judge(std::str::from_utf8(&admin).unwrap()).is_err());
}

#[test]
fn no_name_reaches_the_ledger() {
    let Some(request) = request("P-256") else { return };
    let network = Network::new();
    let named = network.certificate("CertBody", &request, "evaluator", "eve.evaluator");
    let key = KeyRequest::read(&request).unwrap();
    let roles = BTreeSet::from(["evaluator".to_owned()]);
    for (secret, is_taken) in [("eve.evaluator", false), ("EVE.Evaluator ", false), ("eve", true), ("", true)]
    {
        let expected = Expected {
            msp_id: "CertBodyMSP",
            key: key.key(),
            pseudonym: "eve.evaluator",
            roles: &roles,
            secrets: &[secret],
        };
        assert_eq!(check(&named, &expected, &network.channel(), NOW).is_ok(), is_taken, "{secret}");
    }
}

#[test]
fn a_revoked_or_expired_certificate_is_not_taken() {
    let Some(request) = request("P-256") else { return };
    let network = Network::new();
    let certificate = network.certificate("CertBody", &request, "evaluator", PSEUDONYM);
    assert!(judged(&network, &request, &certificate, &["evaluator"]).is_ok());
    let key = KeyRequest::read(&request).unwrap();
    let expected = Expected {
        msp_id: "CertBodyMSP",
        key: key.key(),
        pseudonym: PSEUDONYM,
        roles: &BTreeSet::from(["evaluator".to_owned()]),
        secrets: &[],
    };
    let later = NOW + 3 * 365 * 86_400;
    assert!(matches!(check(&certificate, &expected, &network.channel(), later), Err(Mismatch::Time)));

    let body = network.config.organization("CertBody").unwrap();
    revoke(body, &network.keys(), certificate.as_bytes(), NOW).unwrap();
    let revoked = judged(&network, &request, &certificate, &["evaluator"]);
    assert!(matches!(revoked, Err(Mismatch::Membership(..))), "{revoked:?}");
}
