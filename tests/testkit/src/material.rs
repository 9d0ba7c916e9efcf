//! Keys and a genesis block, made on the spot.

use std::{fs, path::Path};

use fabric::types::HeadedBlock;
use material::{
    CryptoConfig, Validity, generate,
    genesis::{Stamp, from_configtx_yaml},
};
use msp::SigningIdentity;

/// One application organisation's signers.
pub struct Org {
    pub client: SigningIdentity,
    pub peer: SigningIdentity,
    pub admin: SigningIdentity,
}

impl Org {
    /// Of the first user, the first peer and the administrator, from cryptogen's layout.
    pub fn read(crypto: &Path, domain: &str, mspid: &str) -> Self {
        let folder = crypto.join("peerOrganizations").join(domain);
        let read = |path: String| SigningIdentity::from_msp_dir(&folder.join(path), mspid).unwrap();
        Self {
            client: read(format!("users/User1@{domain}/msp")),
            peer: read(format!("peers/peer0.{domain}/msp")),
            admin: read(format!("users/Admin@{domain}/msp")),
        }
    }
}

/// The first orderer of this domain.
pub fn read_orderer(crypto: &Path, domain: &str) -> SigningIdentity {
    let node = format!("ordererOrganizations/{domain}/orderers/orderer0.{domain}/msp");
    SigningIdentity::from_msp_dir(&crypto.join(node), "OrdererMSP").unwrap()
}

/// Makes keys and certificates of `crypto-config.yaml`, good for thirty years from this moment on.
pub fn make_keys(crypto_config: &CryptoConfig, crypto: &Path, unix_seconds: i64) {
    generate(crypto_config, crypto, Validity::of_years(unix_seconds, 30)).unwrap();
}

/// Writes `configtx.yaml` into `directory`, to which its paths are relative, and makes the genesis block of a profile.
pub fn make_genesis(
    directory: &Path,
    configtx: &str,
    profile: &str,
    channel: &str,
    unix_seconds: i64,
) -> HeadedBlock {
    let path = directory.join("configtx.yaml");
    fs::write(&path, configtx).unwrap();
    from_configtx_yaml(&path, profile, channel, Stamp { unix_seconds, nonce: [7; 24] }).unwrap()
}

/// Keys, in `crypto-config`, and genesis block by the project's own configuration. Certificates are good from ninety days
/// before this moment on.
pub fn of_the_project(directory: &Path, channel: &str, unix_seconds: i64) -> (CryptoConfig, HeadedBlock) {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let config = CryptoConfig::read(&project.join("crypto-config/crypto-config.yaml")).unwrap();
    make_keys(&config, &directory.join("crypto-config"), unix_seconds - 90 * 24 * 60 * 60);
    let configtx = fs::read_to_string(project.join("configtx.yaml")).unwrap();
    let genesis = make_genesis(directory, &configtx, "NanoTrace", channel, unix_seconds);
    (config, genesis)
}
