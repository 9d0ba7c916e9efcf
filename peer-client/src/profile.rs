//! The connection profile: one JSON file that tells a client where a network is and whom to trust.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use durable::Access;
use msp::{MspError, SigningIdentity};
use serde::{Deserialize, Serialize};

use crate::{Endpoint, json_fault};

/// A larger file is no connection profile.
const MAXIMUM_BYTES: u64 = 1 << 20;

/// Where a network is. Paths may be relative to the folder that holds the profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionProfile {
    pub channel: String,
    pub chaincode: String,
    /// `sha256:` and the hex hash of the genesis block's header.
    pub genesis: String,
    /// The folder of keys and certificates in cryptogen's layout.
    pub crypto_config: PathBuf,
    /// The public address of the verifier, such as `https://verify.example.com`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verifier: Option<String>,
    pub orderer: Server,
    pub organisations: Vec<Organisation>,
}

/// An organisation and the gateway that its members use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Organisation {
    /// As people say it, such as `CertBody`.
    pub name: String,
    pub msp_id: String,
    pub domain: String,
    pub gateway: Server,
}

/// A server under TLS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Server {
    /// `host:port`.
    pub address: String,
    /// PEM of the root that issued the server's certificate; none for a server without TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_ca_file: Option<PathBuf>,
    /// The name in the server's certificate, where it is not the address's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_name: Option<String>,
}

/// Why a profile, or what it points to, cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    #[error("cannot read {path}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {path}: {source}")]
    Write { path: PathBuf, source: io::Error },
    #[error("{path} is larger than {MAXIMUM_BYTES} bytes")]
    TooLarge { path: PathBuf },
    #[error("{path} is no connection profile: {}", json_fault(.source))]
    Malformed { path: PathBuf, source: serde_json::Error },
    #[error("no organisation {asked:?} in this network: it has {known}")]
    UnknownOrganisation { asked: String, known: String },
    #[error("{organisation} has no user {asked:?} in this network: it has {known}")]
    UnknownUser { organisation: String, asked: String, known: String },
    #[error("cannot use the identity in {path}: {source}")]
    Identity { path: PathBuf, source: MspError },
}

impl ConnectionProfile {
    /// Reads a profile. Its relative paths become relative to where this process stands.
    pub fn load(path: &Path) -> Result<Self, ProfileError> {
        let read = |source| ProfileError::Read { path: path.into(), source };
        if fs::metadata(path).map_err(read)?.len() > MAXIMUM_BYTES {
            return Err(ProfileError::TooLarge { path: path.into() });
        }
        let json = fs::read(path).map_err(read)?;
        let profile: Self = serde_json::from_slice(&json)
            .map_err(|source| ProfileError::Malformed { path: path.into(), source })?;
        Ok(profile.relative_to(path.parent().unwrap_or(Path::new(""))))
    }

    /// Writes the profile as it is, in one piece and durably: a reader never sees half of it.
    pub fn store(&self, path: &Path) -> Result<(), ProfileError> {
        let write = |source| ProfileError::Write { path: path.into(), source };
        let json = serde_json::to_vec_pretty(self).map_err(|error| write(error.into()))?;
        durable::write(path, &json, Access::Owner).map_err(write)
    }

    /// Finds an organisation by name, MSP id or domain, upper and lower case being the same.
    pub fn organisation(&self, asked: &str) -> Result<&Organisation, ProfileError> {
        let is_asked = |organisation: &&Organisation| {
            let Organisation { name, msp_id, domain, .. } = organisation;
            [name, msp_id, domain].iter().any(|known| known.eq_ignore_ascii_case(asked))
        };
        self.organisations.iter().find(is_asked).ok_or_else(|| {
            let known: Vec<&str> = self.organisations.iter().map(|known| known.name.as_str()).collect();
            ProfileError::UnknownOrganisation { asked: asked.into(), known: known.join(", ") }
        })
    }

    /// The identity of `user` (such as `User1` or `Admin`) of an organisation, from cryptogen's layout.
    pub fn identity(
        &self,
        organisation: &Organisation,
        user: &str,
    ) -> Result<Arc<SigningIdentity>, ProfileError> {
        let path = msp_folder(&self.crypto_config, &organisation.domain, user);
        if !path.exists() {
            return Err(ProfileError::UnknownUser {
                organisation: organisation.name.clone(),
                asked: user.to_owned(),
                known: self.users(organisation),
            });
        }
        let identity = SigningIdentity::from_msp_dir(&path, &organisation.msp_id);
        identity.map(Arc::new).map_err(|source| ProfileError::Identity { path, source })
    }

    /// The users whose keys are here, for a person.
    fn users(&self, organisation: &Organisation) -> String {
        let domain = &organisation.domain;
        let folder = self.crypto_config.join("peerOrganizations").join(domain).join("users");
        let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut users: Vec<_> =
            names.filter_map(|name| Some(name.strip_suffix(&format!("@{domain}"))?.to_owned())).collect();
        users.sort();
        if users.is_empty() { format!("no keys in {}", folder.display()) } else { users.join(", ") }
    }

    fn relative_to(mut self, folder: &Path) -> Self {
        self.crypto_config = folder.join(&self.crypto_config);
        let gateways = self.organisations.iter_mut().map(|organisation| &mut organisation.gateway);
        for server in gateways.chain([&mut self.orderer]) {
            server.tls_ca_file = server.tls_ca_file.as_ref().map(|file| folder.join(file));
        }
        self
    }
}

impl Server {
    /// What [`crate::Gateway::connect`] takes; reads the trusted root.
    pub fn endpoint(&self) -> Result<Endpoint, ProfileError> {
        let endpoint = match &self.tls_ca_file {
            Some(path) => {
                let root =
                    fs::read(path).map_err(|source| ProfileError::Read { path: path.clone(), source })?;
                Endpoint::tls(&self.address, root)
            }
            None => Endpoint::plain(&self.address),
        };
        Ok(match &self.server_name {
            Some(name) => endpoint.with_server_name(name),
            None => endpoint,
        })
    }
}

/// `<crypto-config>/peerOrganizations/<domain>/users/<user>@<domain>/msp`, where cryptogen puts a user's identity.
pub fn msp_folder(crypto_config: &Path, domain: &str, user: &str) -> PathBuf {
    crypto_config
        .join("peerOrganizations")
        .join(domain)
        .join("users")
        .join(format!("{user}@{domain}"))
        .join("msp")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]

    use super::*;

    fn profile() -> ConnectionProfile {
        let server = |port: u16| Server {
            address: format!("localhost:{port}"),
            tls_ca_file: Some("crypto-config/ca.pem".into()),
            server_name: None,
        };
        ConnectionProfile {
            channel: "nanotrace".into(),
            chaincode: "nanotrace".into(),
            genesis: "sha256:00".into(),
            crypto_config: "crypto-config".into(),
            verifier: Some("http://localhost:8080".into()),
            orderer: server(7050),
            organisations: vec![Organisation {
                name: "CertBody".into(),
                msp_id: "CertBodyMSP".into(),
                domain: "certbody.example".into(),
                gateway: server(7051),
            }],
        }
    }

    #[test]
    fn a_stored_profile_points_beside_itself_when_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.json");
        profile().store(&path).unwrap();

        let loaded = ConnectionProfile::load(&path).unwrap();
        assert_eq!(loaded.crypto_config, folder.path().join("crypto-config"));
        let ca = folder.path().join("crypto-config/ca.pem");
        assert_eq!(loaded.orderer.tls_ca_file.as_ref(), Some(&ca));
        assert_eq!(loaded.organisations[0].gateway.tls_ca_file.as_ref(), Some(&ca));
    }

    #[test]
    fn an_organisation_is_found_by_any_of_its_names() {
        let profile = profile();
        for name in ["certbody", "CertBodyMSP", "certbody.example"] {
            assert_eq!(profile.organisation(name).unwrap().msp_id, "CertBodyMSP");
        }
        let error = profile.organisation("Certbody2").unwrap_err().to_string();
        assert_eq!(error, "no organisation \"Certbody2\" in this network: it has CertBody");
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.json");
        assert!(ConnectionProfile::load(&path).unwrap_err().to_string().contains("network.json"));
        fs::write(&path, "{\"channel\": \"c\"}").unwrap();
        assert!(ConnectionProfile::load(&path).unwrap_err().to_string().contains("chaincode"));
        let error = profile().organisations[0].gateway.endpoint().unwrap_err().to_string();
        assert!(error.contains("ca.pem"), "{error}");
    }
}
