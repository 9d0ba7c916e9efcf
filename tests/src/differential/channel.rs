//! The channel: its genesis block, the orderer's key, and our own validator and ledger, which tell the
//! generator what state its blocks have led to.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use channel::Bundle;
use fabric::{crypto::VerifiedSignatureCache, types::HeadedBlock};
use ledger::Ledger;
use material::CryptoConfig;
use msp::SigningIdentity;
use ordering::BlockWriter;
use testkit::{Configtx, Stopped, configtx::PROFILE, make_genesis, make_keys, read_orderer};
use validation::Validation;

use super::{
    certificates::revocation_list,
    identities::{Identities, authority_key, pem_with_label},
};

pub const CHANNEL: &str = "mutants";
/// MSP ids and domains; groups in the configuration are named by the MSP ids.
pub const ORGS: [(&str, &str); 3] = [("AMSP", "a.test"), ("BMSP", "b.test"), ("CMSP", "c.test")];
const ORDERER: &str = "orderer.test";
const BEGIN: i64 = 1_700_000_000;

/// The capabilities of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// What peers of Fabric 2.5 know.
    V2_5,
    /// Fabric 3: identities may have Ed25519 keys.
    V3_0,
}

/// A channel whose every key is here.
pub struct Channel {
    pub directory: PathBuf,
    pub level: Level,
    pub genesis: HeadedBlock,
    pub identities: Identities,
    pub ledger: Arc<Ledger>,
    pub bundle: Arc<Bundle>,
    pub memo: VerifiedSignatureCache,
    last_config: u64,
}

impl Channel {
    /// Makes keys, configuration and an empty ledger in `directory`. Peers will look for the orderer at
    /// `127.0.0.1:orderer_port`.
    pub fn create(directory: &Path, level: Level, orderer_port: u16) -> Self {
        let crypto = directory.join("crypto");
        make_keys(&CryptoConfig::parse(CRYPTO_CONFIG).unwrap(), &crypto, BEGIN);
        revoke_second_users(&crypto);
        let configtx = configtx(level, orderer_port);
        let genesis = make_genesis(directory, &configtx, PROFILE, CHANNEL, BEGIN);
        let (ledger, _) = Ledger::open(&directory.join("ledger"), Some(&genesis)).unwrap();
        Self {
            identities: Identities::read(&crypto),
            bundle: Bundle::from_block(genesis.message()).unwrap(),
            directory: directory.to_owned(),
            level,
            genesis,
            ledger,
            memo: VerifiedSignatureCache::new(2 << 20),
            last_config: 0,
        }
    }

    pub fn orderer(&self) -> SigningIdentity {
        read_orderer(&self.directory.join("crypto"), ORDERER)
    }

    /// The next block of the chain.
    pub fn block(&self, envelopes: Vec<Bytes>, is_config: bool) -> HeadedBlock {
        let (height, hash) = (self.ledger.height(), self.ledger.last_hash());
        let nonce = Bytes::copy_from_slice(&height.to_be_bytes());
        let writer = BlockWriter::new(self.orderer(), height, hash, self.last_config);
        writer.write(envelopes, is_config, nonce, &VerifiedSignatureCache::disabled()).unwrap()
    }

    /// Judges a block without committing it.
    pub fn validate(&self, block: HeadedBlock) -> Result<Validation, Stopped> {
        testkit::validate(block, &self.bundle, &self.ledger, &self.memo)
    }

    pub fn commit(&mut self, validation: Validation) {
        let number = self.ledger.height();
        self.ledger.commit(validation.block).unwrap();
        if let Some(bundle) = validation.bundle {
            self.bundle = bundle;
            self.last_config = number;
        }
    }
}

/// The folder of the orderer's node.
pub fn orderer_folder(crypto: &Path) -> PathBuf {
    crypto.join(format!("ordererOrganizations/{ORDERER}/orderers/orderer0.{ORDERER}"))
}

/// Every organisation has revoked the certificate of its second user.
fn revoke_second_users(crypto: &Path) {
    for (_, domain) in ORGS {
        let folder = crypto.join("peerOrganizations").join(domain);
        let certificate = folder.join(format!("users/User2@{domain}/msp/signcerts"));
        let certificate = std::fs::read_dir(certificate).unwrap().next().unwrap().unwrap().path();
        let certificate = pem::parse(std::fs::read(certificate).unwrap()).unwrap().into_contents();
        let list = revocation_list(&certificate, &authority_key(crypto, domain));
        std::fs::create_dir_all(folder.join("msp/crls")).unwrap();
        std::fs::write(folder.join("msp/crls/crl.pem"), pem_with_label(&list, "X509 CRL")).unwrap();
    }
}

const CRYPTO_CONFIG: &str = "
OrdererOrgs:
  - { Name: Orderer, Domain: orderer.test, EnableNodeOUs: true, Specs: [{ Hostname: orderer0, SANS: [127.0.0.1] }] }
PeerOrgs:
  - { Name: A, Domain: a.test, EnableNodeOUs: true, Template: { Count: 1 }, Users: { Count: 2 } }
  - { Name: B, Domain: b.test, EnableNodeOUs: true, Template: { Count: 1 }, Users: { Count: 2 } }
  - { Name: C, Domain: c.test, EnableNodeOUs: false, Template: { Count: 1 }, Users: { Count: 2 } }
";

/// Members of organisation C have no roles.
fn configtx(level: Level, orderer_port: u16) -> String {
    let capability = match level {
        Level::V2_5 => "V2_0",
        Level::V3_0 => "V3_0",
    };
    let endorser = |mspid| if mspid == "CMSP" { "member" } else { "peer" };
    let organisations = ORGS.map(|(mspid, domain)| (mspid, domain, endorser(mspid)));
    let configtx = Configtx {
        keys: "crypto/",
        capability,
        application_capability: "V2_5",
        consenter: ("127.0.0.1", orderer_port),
        endorsement: "MAJORITY",
        organisations: &organisations,
    };
    configtx.yaml()
}
