//! Who signs: the members of three organisations, and identities that are odd or none.

use std::path::Path;

use bytes::Bytes;
use fabric::{crypto::PrivateKey, proto::msp::SerializedIdentity};
use prost::Message;
use testkit::Signer;

use super::certificates::Reissue;

/// A certificate and its key.
pub struct Person {
    pub name: String,
    pub mspid: String,
    /// PEM.
    pub certificate: Vec<u8>,
    pub key: PrivateKey,
}

/// An application organisation.
pub struct Org {
    pub mspid: &'static str,
    pub client: Person,
    pub peer: Person,
    pub admin: Person,
}

/// Everybody. All keys are in one hand here.
pub struct Identities {
    pub orgs: Vec<Org>,
    /// Good in some places, bad in others, or bad everywhere.
    pub odd: Vec<Person>,
}

impl Person {
    /// Reads the folder of a user or a node.
    pub fn read(folder: &Path, mspid: &str) -> Self {
        let certificate = only_file(&folder.join("msp/signcerts"));
        let key = PrivateKey::from_pem(&only_file(&folder.join("msp/keystore"))).unwrap();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        Self { name, mspid: mspid.to_owned(), certificate, key }
    }

    pub fn serialized(&self) -> Bytes {
        let id_bytes = Bytes::copy_from_slice(&self.certificate);
        SerializedIdentity { mspid: self.mspid.clone(), id_bytes }.encode_to_vec().into()
    }

    pub fn certificate_der(&self) -> Vec<u8> {
        ::pem::parse(&self.certificate).unwrap().into_contents()
    }
}

impl<'a> From<&'a Person> for Signer<'a> {
    fn from(person: &'a Person) -> Self {
        Self::new(&person.key, person.serialized())
    }
}

impl Identities {
    /// Reads the folders that cryptogen or `nanotrace crypto generate` wrote.
    pub fn read(crypto: &Path) -> Self {
        let orgs: Vec<Org> =
            super::channel::ORGS.iter().map(|(mspid, domain)| Org::read(crypto, mspid, domain)).collect();
        let odd = odd_identities(crypto, &orgs);
        Self { orgs, odd }
    }
}

impl Org {
    fn read(crypto: &Path, mspid: &'static str, domain: &str) -> Self {
        let folder = crypto.join("peerOrganizations").join(domain);
        Self {
            mspid,
            client: Person::read(&folder.join(format!("users/User1@{domain}")), mspid),
            peer: Person::read(&folder.join(format!("peers/peer0.{domain}")), mspid),
            admin: Person::read(&folder.join(format!("users/Admin@{domain}")), mspid),
        }
    }
}

/// The key of an organisation's certificate authority.
pub fn authority_key(crypto: &Path, domain: &str) -> PrivateKey {
    let folder = crypto.join("peerOrganizations").join(domain).join("ca");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let key = files.into_iter().find(|path| path.to_string_lossy().ends_with("_sk")).unwrap();
    PrivateKey::from_pem(&std::fs::read(key).unwrap()).unwrap()
}

fn odd_identities(crypto: &Path, orgs: &[Org]) -> Vec<Person> {
    let mut odd = Vec::new();
    for (org, (_, domain)) in orgs.iter().zip(super::channel::ORGS) {
        let authority = authority_key(crypto, domain);
        let original = org.peer.certificate_der();
        let mut add = |name: &str, certificate: Reissue, key: PrivateKey, signer: &PrivateKey| {
            let certificate = pem(&certificate.key(&key).sign(signer));
            odd.push(Person { name: name.to_owned(), mspid: org.mspid.to_owned(), certificate, key });
        };
        let new = || PrivateKey::generate().unwrap();
        let same = || Reissue::of(&original);
        add("expired", same().validity("231115000000Z", "231116000000Z"), new(), &authority);
        add("not-yet-valid", same().validity("400101000000Z", "410101000000Z"), new(), &authority);
        add("older-than-its-authority", same().validity("200101000000Z", "210101000000Z"), new(), &authority);
        add("two-roles", same().subject(&["peer", "client"], "two"), new(), &authority);
        add("no-role", same().subject(&[], "none"), new(), &authority);
        add("other-unit", same().subject(&["guest"], "guest"), new(), &authority);
        add("peer-and-other-unit", same().subject(&["guest", "peer"], "both"), new(), &authority);
        add("role-twice", same().subject(&["peer", "peer"], "twice"), new(), &authority);
        add("role-in-capitals", same().subject(&["PEER"], "capitals"), new(), &authority);
        add("orderer-role", same().subject(&["orderer"], "orderer"), new(), &authority);
        add("second-peer", same().subject(&["peer"], "second"), new(), &authority);
        add("ed25519-peer", same().subject(&["peer"], "ed"), ed25519(), &authority);
        add("ed25519-client", same().subject(&["client"], "ed"), ed25519(), &authority);
        add("own-authority", same(), new(), &new());
        odd.push(Person::authority(crypto, domain, org.mspid));
        odd.push(Person::read(
            &crypto.join(format!("peerOrganizations/{domain}/users/User2@{domain}")),
            org.mspid,
        ));
    }
    odd.push(Person::read(&super::channel::orderer_folder(crypto), "OrdererMSP"));
    odd
}

impl Person {
    /// A certificate authority is no identity.
    fn authority(crypto: &Path, domain: &str, mspid: &str) -> Self {
        let folder = crypto.join("peerOrganizations").join(domain).join("msp/cacerts");
        let certificate = only_file(&folder);
        Self {
            name: "authority".into(),
            mspid: mspid.into(),
            certificate,
            key: authority_key(crypto, domain),
        }
    }
}

fn ed25519() -> PrivateKey {
    let mut key = hex::decode("302e020100300506032b657004220420").unwrap();
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).unwrap();
    key.extend(seed);
    PrivateKey::from_pkcs8_der(&key).unwrap()
}

fn only_file(folder: &Path) -> Vec<u8> {
    let entry = std::fs::read_dir(folder).unwrap().next().unwrap().unwrap();
    std::fs::read(entry.path()).unwrap()
}

/// PEM as Go writes it.
pub fn pem(der: &[u8]) -> Vec<u8> {
    pem_with_label(der, "CERTIFICATE")
}

pub fn pem_with_label(der: &[u8], label: &str) -> Vec<u8> {
    let block = ::pem::Pem::new(label, der);
    let config = ::pem::EncodeConfig::new().set_line_ending(::pem::LineEnding::LF);
    ::pem::encode_config(&block, config).into_bytes()
}
