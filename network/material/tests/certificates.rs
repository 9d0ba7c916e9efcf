//! Generated key material, verified by OpenSSL and by our own MSP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use fabric::{
    crypto::{
        PrivateKey,
        der::{Reader, SEQUENCE},
    },
    proto::{
        common::{MspPrincipal, MspRole, msp_principal::Classification, msp_role::MspRoleType},
        msp::SerializedIdentity,
    },
};
use material::{
    CryptoConfig, CryptoConfigError, Organization, Person, Validity, add_user, certificate_of, enroll,
    extend, generate, renew, revoke,
};
use msp::{Msp, MspVersion, SigningIdentity, config_from_dir};
use prost::Message;

const NOW: i64 = 1_800_000_000;

fn validity() -> Validity {
    Validity::of_years(NOW, 10)
}

fn our_network() -> CryptoConfig {
    CryptoConfig::parse(include_str!("../../../crypto-config/crypto-config.yaml")).unwrap()
}

fn generated(config: &CryptoConfig) -> (tempfile::TempDir, PathBuf) {
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("crypto-config");
    generate(config, &dir, validity()).unwrap();
    (temporary, dir)
}

/// All files under a folder by their paths in it, and their modes; folders too.
fn tree(dir: &Path) -> BTreeMap<String, u32> {
    let mut all = BTreeMap::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
            all.insert(path.strip_prefix(dir).unwrap().display().to_string(), mode);
            if path.is_dir() {
                folders.push(path);
            }
        }
    }
    all
}

#[test]
fn the_layout_is_cryptogens() {
    let (_temporary, dir) = generated(&our_network());
    let all = tree(&dir);
    let lab = "peerOrganizations/lab.nanotrace.example";
    let files: Vec<_> = all.keys().filter_map(|path| path.strip_prefix(lab)).collect();
    let mut expected: Vec<String> = [
        "/ca",
        "/ca/ca.lab.nanotrace.example-cert.pem",
        "/ca/priv_sk",
        "/tlsca",
        "/tlsca/priv_sk",
        "/tlsca/tlsca.lab.nanotrace.example-cert.pem",
        "/peers",
        "/users",
    ]
    .map(str::to_owned)
    .to_vec();
    expected.push(String::new());
    expected.extend(verifying_msp("/msp"));
    let members = [
        ("/peers/peer0.lab.nanotrace.example", "server"),
        ("/users/Admin@lab.nanotrace.example", "client"),
        ("/users/User1@lab.nanotrace.example", "client"),
        ("/users/User2@lab.nanotrace.example", "client"),
    ];
    for (member, tls) in members {
        let name = member.rsplit('/').next().unwrap();
        expected.push(member.to_owned());
        expected.extend(verifying_msp(&format!("{member}/msp")));
        for path in ["keystore", "keystore/priv_sk", "signcerts", &format!("signcerts/{name}-cert.pem")] {
            expected.push(format!("{member}/msp/{path}"));
        }
        for path in ["", "/ca.crt", &format!("/{tls}.crt"), &format!("/{tls}.key")] {
            expected.push(format!("{member}/tls{path}"));
        }
    }
    expected.sort();
    assert_eq!(files, expected);
    assert!(all.contains_key(
        "ordererOrganizations/orderer.nanotrace.example/orderers/orderer0.orderer.nanotrace.example/tls/server.crt"
    ));
    assert!(!all.keys().any(|path| path.contains(".new")));
}

fn verifying_msp(msp: &str) -> Vec<String> {
    let inner = [
        "",
        "/admincerts",
        "/cacerts",
        "/cacerts/ca.lab.nanotrace.example-cert.pem",
        "/config.yaml",
        "/tlscacerts",
        "/tlscacerts/tlsca.lab.nanotrace.example-cert.pem",
    ];
    inner.map(|path| format!("{msp}{path}")).to_vec()
}

#[test]
fn keys_are_for_their_owner_alone() {
    let (_temporary, dir) = generated(&our_network());
    for (path, mode) in tree(&dir) {
        let name = path.rsplit('/').next().unwrap();
        let expected = match name {
            "priv_sk" => 0o600,
            _ if name.ends_with(".key") => 0o600,
            "keystore" | "ca" | "tlsca" => 0o700,
            _ if dir.join(&path).is_dir() => 0o755,
            _ => 0o644,
        };
        assert_eq!(mode, expected, "{path}");
    }
}

#[test]
fn openssl_accepts_every_chain() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: openssl is not on this machine");
        return;
    }
    let (_temporary, dir) = generated(&our_network());
    let mut checked = 0;
    for path in tree(&dir).into_keys().map(|path| dir.join(path)) {
        let Some(folder) = path.parent().filter(|_| path.is_file()) else { continue };
        let root = match folder.file_name().unwrap().to_str().unwrap() {
            "signcerts" => fs::read_dir(folder.join("../cacerts")).unwrap().next().unwrap().unwrap().path(),
            "tls" if path.extension().unwrap() == "crt" => folder.join("ca.crt"),
            _ => continue,
        };
        openssl_verify(&root, &path, &[]);
        checked += 1;
    }
    // Identity and TLS of 5 * 4 + 2 + 2 members, and the TLS roots by themselves.
    assert_eq!(checked, 24 * 3);
    let tls = dir.join("peerOrganizations/lab.nanotrace.example/peers/peer0.lab.nanotrace.example/tls");
    for name in ["peer0.lab.nanotrace.example", "peer0", "localhost"] {
        openssl_verify(&tls.join("ca.crt"), &tls.join("server.crt"), &["-verify_hostname", name]);
    }
    for address in ["127.0.0.1", "::1"] {
        openssl_verify(&tls.join("ca.crt"), &tls.join("server.crt"), &["-verify_ip", address]);
    }
}

fn openssl_verify(root: &Path, certificate: &Path, more: &[&str]) {
    let output = Command::new("openssl")
        .args(["verify", "-x509_strict", "-check_ss_sig", "-attime"])
        .arg(NOW.to_string())
        .args(more)
        .arg("-CAfile")
        .args([root, certificate])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {output:?}", certificate.display());
}

#[test]
fn our_msp_accepts_each_member_in_its_role() {
    let config = our_network();
    let (_temporary, dir) = generated(&config);
    for organization in &config.organizations {
        let msp = load_msp(organization, &dir);
        let check =
            |folder: PathBuf, role| assert_eq!(roles(&msp, &folder.join("msp")), [role], "{folder:?}");
        for node in &organization.nodes {
            let role = match organization.name.as_str() {
                "Orderer" => MspRoleType::Orderer,
                _ => MspRoleType::Peer,
            };
            check(organization.node_folder(&dir, node), role);
        }
        check(organization.user_folder(&dir, "Admin"), MspRoleType::Admin);
        if organization.name != "Orderer" {
            check(organization.user_folder(&dir, "User2"), MspRoleType::Client);
        }
    }
}

#[test]
fn members_of_other_organisations_are_strangers() {
    let config = our_network();
    let (_temporary, dir) = generated(&config);
    let lab = load_msp(config.organization("Lab").unwrap(), &dir);
    let customs = config.organization("Customs").unwrap().user_folder(&dir, "Admin").join("msp");
    let stranger = SigningIdentity::from_msp_dir(&customs, "LabMSP").unwrap();
    assert!(lab.deserialize(&stranger.serialized()).is_err());
}

#[test]
fn without_node_ous_the_administrator_is_named() {
    let text = "PeerOrgs: [{ Name: Lab, Domain: lab.example, Template: { Count: 1 }, Users: { Count: 1 } }]";
    let config = CryptoConfig::parse(text).unwrap();
    let (_temporary, dir) = generated(&config);
    let organization = &config.organizations[0];
    let msp = load_msp(organization, &dir);
    assert_eq!(roles(&msp, &organization.user_folder(&dir, "Admin").join("msp")), [MspRoleType::Admin]);
    assert_eq!(roles(&msp, &organization.user_folder(&dir, "User1").join("msp")), []);
    let admincerts = organization.node_folder(&dir, &organization.nodes[0]).join("msp/admincerts");
    let names: Vec<_> = fs::read_dir(admincerts).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["Admin@lab.example-cert.pem"]);
}

fn load_msp(organization: &Organization, dir: &Path) -> Msp {
    let mspid = format!("{}MSP", organization.name);
    Msp::from_config(&config_from_dir(&organization.msp_folder(dir), &mspid).unwrap(), MspVersion::V1_4_3)
        .unwrap()
}

/// Signs with the identity of a folder, has the MSP validate it, and gives its roles.
fn roles(msp: &Msp, folder: &Path) -> Vec<MspRoleType> {
    let signer = SigningIdentity::from_msp_dir(folder, msp.name()).unwrap();
    let identity = msp.deserialize(&signer.serialized()).unwrap();
    msp.validate(&identity).unwrap();
    identity.verify(b"message", &signer.sign(b"message").unwrap()).unwrap();
    let roles = [MspRoleType::Client, MspRoleType::Peer, MspRoleType::Admin, MspRoleType::Orderer];
    let satisfied = |role: &MspRoleType| {
        let principal = MspRole { msp_identifier: msp.name().to_owned(), role: *role as i32 };
        let principal = MspPrincipal {
            principal_classification: Classification::Role as i32,
            principal: principal.encode_to_vec().into(),
        };
        msp.satisfies_principal(&identity, &principal).is_ok()
    };
    roles.into_iter().filter(satisfied).collect()
}

#[test]
fn nothing_is_overwritten_and_leftovers_are_cleared() {
    let config = our_network();
    let temporary = tempfile::tempdir().unwrap();
    let dir = temporary.path().join("crypto-config");
    // What a process left that died in the middle.
    fs::create_dir_all(temporary.path().join(".crypto-config.new/peerOrganizations/x")).unwrap();
    generate(&config, &dir, validity()).unwrap();
    let before = tree(temporary.path());
    assert!(!before.keys().any(|path| path.contains(".new")), "the leftovers are gone");
    let error = generate(&config, &dir, validity()).unwrap_err();
    assert!(matches!(error, CryptoConfigError::Exists(_)), "{error}");
    assert_eq!(tree(temporary.path()), before);
}

#[test]
fn a_folder_with_a_file_in_it_is_filled() {
    let temporary = tempfile::tempdir().unwrap();
    fs::write(temporary.path().join("crypto-config.yaml"), "").unwrap();
    generate(&our_network(), temporary.path(), validity()).unwrap();
    assert_eq!(fs::read_dir(temporary.path().join("peerOrganizations")).unwrap().count(), 5);
    assert!(temporary.path().join("crypto-config.yaml").exists());
}

#[test]
fn extension_makes_what_is_missing_and_nothing_else() {
    let smaller =
        CryptoConfig::parse("PeerOrgs: [{ Name: A, Domain: a.example, EnableNodeOUs: true }]").unwrap();
    let larger = CryptoConfig::parse(
        "PeerOrgs: [{ Name: A, Domain: a.example, EnableNodeOUs: true, Template: { Count: 1 }, Users: { Count: 1 } },
                    { Name: B, Domain: b.example, EnableNodeOUs: true }]",
    )
    .unwrap();
    let (_temporary, dir) = generated(&smaller);
    let before = contents(&dir);
    let made = extend(&larger, &dir, validity()).unwrap();
    let organization = &larger.organizations[0];
    assert_eq!(
        made,
        [
            organization.user_folder(&dir, "User1"),
            organization.node_folder(&dir, &organization.nodes[0]),
            larger.organizations[1].folder(&dir),
        ]
    );
    let after = contents(&dir);
    assert!(before.iter().all(|(path, content)| after[path] == *content));
    let msp = load_msp(organization, &dir);
    assert_eq!(roles(&msp, &made[0].join("msp")), [MspRoleType::Client]);
    assert_eq!(roles(&msp, &made[1].join("msp")), [MspRoleType::Peer]);
    assert!(extend(&larger, &dir, validity()).unwrap().is_empty());
}

fn contents(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = tree(dir).into_keys().filter(|path| dir.join(path).is_file());
    files.map(|path| (path.clone(), fs::read(dir.join(path)).unwrap())).collect()
}

#[test]
fn a_user_is_added_by_name() {
    let config = our_network();
    let (_temporary, dir) = generated(&config);
    let lab = config.organization("lab.nanotrace.example").unwrap();
    let folder = add_user(lab, &dir, "alice", Some("lab"), validity()).unwrap();
    assert!(folder.ends_with("users/alice@lab.nanotrace.example"));
    assert_eq!(roles(&load_msp(lab, &dir), &folder.join("msp")), [MspRoleType::Client]);
    assert!(matches!(add_user(lab, &dir, "alice", None, validity()), Err(CryptoConfigError::Exists(_))));
    for name in ["", "../x", "a/b"] {
        assert!(
            matches!(add_user(lab, &dir, name, None, validity()), Err(CryptoConfigError::Config(_))),
            "{name}"
        );
    }
}

#[test]
fn renewal_keeps_key_and_names_and_changes_the_time() {
    let config = our_network();
    let (_temporary, dir) = generated(&config);
    let lab = config.organization("Lab").unwrap();
    let later = Validity::of_years(NOW + 86_400, 2);
    for name in ["peer0", "User1"] {
        let node = lab.nodes.iter().find(|node| node.hostname == name);
        let folder = node.map_or_else(|| lab.user_folder(&dir, name), |node| lab.node_folder(&dir, node));
        let load = || SigningIdentity::from_msp_dir(&folder.join("msp"), "LabMSP").unwrap();
        let (before, old) = (load(), contents(&folder));
        assert_eq!(renew(lab, &dir, name, None, later).unwrap(), folder);
        let after = load();
        assert_eq!(before.public_key(), after.public_key());
        assert_ne!(before.certificate_der(), after.certificate_der());
        assert_eq!(after.not_after(), later.not_after);
        assert_eq!(subject(after.certificate_der()), subject(before.certificate_der()));
        let changed: Vec<_> = contents(&folder).into_iter().filter(|(path, new)| old[path] != *new).collect();
        assert_eq!(changed.len(), 2, "the identity's certificate and TLS's");
        roles(&load_msp(lab, &dir), &folder.join("msp"));
    }
    let user = lab.user_folder(&dir, "User2").join("msp/signcerts/User2@lab.nanotrace.example-cert.pem");
    assert!(!attributes(&user).contains("nanotrace.role"));
    for role in ["lab", "service"] {
        renew(lab, &dir, "User2", Some(role), later).unwrap();
        assert!(attributes(&user).contains(&format!(r#""nanotrace.role":"{role}""#)));
    }
    assert!(matches!(renew(lab, &dir, "peer9", None, later), Err(CryptoConfigError::Missing(_))));
}

/// The subject of a certificate: the sixth element of its signed part.
fn subject(certificate: &[u8]) -> Vec<u8> {
    let mut signed =
        Reader(certificate).enter(SEQUENCE, "certificate").unwrap().enter(SEQUENCE, "signed").unwrap();
    (0..6).map(|_| signed.any("element").unwrap()).last().unwrap().full.to_vec()
}

/// The attributes in a certificate, as OpenSSL shows them.
fn attributes(certificate: &Path) -> String {
    let output = Command::new("openssl")
        .args(["x509", "-noout", "-text", "-in"])
        .arg(certificate)
        .output()
        .expect("OpenSSL is installed");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn users_have_the_roles_that_the_file_gives_them() {
    let (_temporary, dir) = generated(&our_network());
    let of = |user: &str| {
        let name = format!("{user}@certbody.nanotrace.example");
        let users = dir.join("peerOrganizations/certbody.nanotrace.example/users");
        attributes(&users.join(&name).join("msp/signcerts").join(format!("{name}-cert.pem")))
    };
    for (user, role) in [("User1", "decision-maker"), ("User2", "evaluator"), ("User3", "reviewer")] {
        assert!(of(user).contains(&format!(r#""nanotrace.role":"{role}""#)), "{}", of(user));
    }
    assert!(!of("Admin").contains("nanotrace.role"), "{}", of("Admin"));
}

/// A key, a request for it, and its public half, made by OpenSSL in `folder`.
fn request(folder: &Path) -> (Vec<u8>, Vec<u8>) {
    let openssl = |arguments: &str| {
        let status = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output().unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
    };
    openssl(
        "req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout key.pem -subj /CN=Ann -out ann.csr",
    );
    openssl("pkey -in key.pem -pubout -out ann.pub");
    (fs::read(folder.join("ann.csr")).unwrap(), fs::read(folder.join("ann.pub")).unwrap())
}

#[test]
fn a_request_is_certified_and_a_strangers_is_not() {
    let config = our_network();
    let (temporary, dir) = generated(&config);
    let body = config.organization("CertBody").unwrap();
    let (signed, public) = request(temporary.path());
    let person = Person::with_roles("reviewer,decision-maker").unwrap();
    let msp = load_msp(body, &dir);
    for request in [&signed, &public] {
        let certificate = enroll(body, &dir, request, &person, validity()).unwrap();
        let path = temporary.path().join("ann.pem");
        fs::write(&path, &certificate).unwrap();
        let shown = attributes(&path);
        assert!(!shown.contains("CN = Ann") && shown.contains(&person.pseudonym), "{shown}");
        assert!(shown.contains(r#""nanotrace.role":"reviewer,decision-maker""#), "{shown}");
        openssl_verify(&body.folder(&dir).join("ca/ca.certbody.nanotrace.example-cert.pem"), &path, &[]);
        let identity = SerializedIdentity { mspid: "CertBodyMSP".into(), id_bytes: certificate.into() };
        msp.validate(&msp.deserialize(&identity.encode_to_vec()).unwrap()).unwrap();
    }

    // A request whose key was exchanged: its signature is another key's.
    let mut block = pem::parse(&signed).unwrap().into_contents();
    let other = PrivateKey::generate().unwrap().public_key();
    let (mine, theirs) = (pem::parse(&public).unwrap().into_contents(), other.spki_der());
    let at = block.windows(mine.len()).position(|window| window == mine).unwrap();
    block[at..at + mine.len()].copy_from_slice(theirs);
    let forged = pem::encode(&pem::Pem::new("CERTIFICATE REQUEST", block));
    let refusal = enroll(body, &dir, forged.as_bytes(), &person, validity()).unwrap_err();
    assert!(refusal.to_string().contains("not by its own key"), "{refusal}");

    for (request, reason) in
        [("", "not understood"), ("-----BEGIN X-----\n-----END X-----\n", "not a CERTIFICATE REQUEST")]
    {
        let refusal = enroll(body, &dir, request.as_bytes(), &person, validity()).unwrap_err();
        assert!(refusal.to_string().contains(reason), "{refusal}");
    }
    for (roles, pseudonym) in
        [("Reviewer", "p1"), ("reviewer,", "p1"), ("", "p1"), ("reviewer", "a b"), ("reviewer", "")]
    {
        let person = Person { roles: roles.into(), pseudonym: pseudonym.into() };
        let refusal = enroll(body, &dir, &signed, &person, validity()).unwrap_err();
        assert!(matches!(refusal, CryptoConfigError::Config(_)), "{refusal}");
    }
}

#[test]
fn no_certificate_outlives_its_authority() {
    let config = our_network();
    let (_temporary, dir) = generated(&config);
    let lab = config.organization("Lab").unwrap();
    let folder = add_user(lab, &dir, "bob", None, Validity::of_years(NOW, 50)).unwrap();
    let bob = SigningIdentity::from_msp_dir(&folder.join("msp"), "LabMSP").unwrap();
    assert_eq!(bob.not_after(), validity().not_after);
}

#[test]
fn times_are_whole_minutes_and_begin_a_little_before_now() {
    let validity = Validity::of_years(NOW + 59, 1);
    assert_eq!(validity.not_before % 60, 0);
    assert!((300..360).contains(&(NOW + 59 - validity.not_before)));
    assert_eq!(validity.not_after - validity.not_before, 365 * 86_400);
}

#[test]
fn a_revoked_certificate_is_refused_and_openssl_accepts_the_list() {
    let config = our_network();
    let (_temporary, dir) = generated(&config);
    let lab = config.organization("Lab").unwrap();
    let is_valid = |user: &str| {
        let msp =
            Msp::from_config(&config_from_dir(&lab.msp_folder(&dir), "LabMSP").unwrap(), MspVersion::V1_4_3);
        let folder = lab.user_folder(&dir, user).join("msp");
        let identity = SigningIdentity::from_msp_dir(&folder, "LabMSP").unwrap().serialized();
        msp.unwrap().deserialize(&identity).is_ok_and(|identity| identity.validate().is_ok())
    };
    let revoked = |user: &str| revoke(lab, &dir, &certificate_of(lab, &dir, user).unwrap(), NOW).unwrap();
    assert!(is_valid("User1") && is_valid("User2"));
    let list = revoked("User2");
    assert!(is_valid("User1") && !is_valid("User2"));
    let first = fs::read(&list).unwrap();
    // Once is enough, and what was revoked before stays so.
    assert_eq!(fs::read(revoked("User2")).unwrap(), first);
    revoked("User1");
    assert!(!is_valid("User1") && !is_valid("User2") && is_valid("Admin"));

    let authority = lab.folder(&dir).join("ca").join(format!("{}-cert.pem", lab.ca_name));
    let openssl = |arguments: &[&str]| {
        let mut command = Command::new("openssl");
        command.args(["crl", "-noout", "-in"]).arg(&list).args(arguments).arg("-CAfile").arg(&authority);
        let output = command.output().unwrap();
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    assert!(openssl(&["-verify"]).contains("verify OK"), "{}", openssl(&["-verify"]));
    let text = openssl(&["-text"]);
    assert_eq!(text.matches("Serial Number").count(), 2, "{text}");
    assert!(text.contains("X509v3 CRL Number: \n                2"), "{text}");

    let body = config.organization("CertBody").unwrap();
    let foreign = certificate_of(body, &dir, "User1").unwrap();
    let error = revoke(lab, &dir, &foreign, NOW).unwrap_err().to_string();
    assert!(error.contains("not issued by") && error.contains("the authority of Lab"), "{error}");
    assert!(certificate_of(lab, &dir, "Nobody").is_err() && revoke(lab, &dir, b"x", NOW).is_err());
}
