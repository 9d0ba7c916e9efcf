//! Which network to talk to, and in whose name.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use msp::SigningIdentity;
use peer_client::{
    ConnectionProfile, Gateway,
    certificate::Contract,
    profile::{Organisation, ProfileError},
};

use crate::{
    contract::{self, usage},
    exit::Failure,
};

/// The name of the network that `nanotrace up` runs: of its channel, of its first chaincode, of its folder.
pub const NAME: &str = "nanotrace";
/// The file beside the ledger that tells clients where everything is.
pub const PROFILE: &str = "network.json";

#[derive(clap::Args)]
pub struct Network {
    /// The data directory of the network that `nanotrace up` runs.
    #[arg(long, global = true, env = "NANOTRACE_DATA", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The connection profile of any other network. [default: network.json in the data directory]
    #[arg(long, global = true, env = "NANOTRACE_PROFILE", value_name = "FILE")]
    profile: Option<PathBuf>,
    /// The chaincode of the certification body that it is about. [default: the connection profile's]
    #[arg(long, global = true, env = "NANOTRACE_CHAINCODE", value_name = "NAME")]
    chaincode: Option<String>,
    /// The organisation in whose name to act, by name, MSP id or domain. [default: the one that may do it]
    #[arg(long, global = true, env = "NANOTRACE_ORG", value_name = "ORGANISATION")]
    org: Option<String>,
    /// The user of that organisation, such as User1 or Admin. [default: the one who may do it]
    #[arg(long, global = true, env = "NANOTRACE_USER", value_name = "USER")]
    user: Option<String>,
}

/// What all commands take that call the contract.
#[derive(clap::Args)]
pub struct Common {
    #[command(flatten)]
    pub network: Network,
    /// Print one JSON value for programs instead of a table for people.
    #[arg(long, global = true)]
    pub json: bool,
}

/// The user where the command line names none: one whom the contract lets do it.
#[derive(Clone, Copy)]
pub struct Caller {
    pub organisation: &'static str,
    pub user: &'static str,
}

/// The certification body's decision-maker: decides, issues, suspends, withdraws; and anybody may read.
pub const OFFICER: Caller = Caller { organisation: "CertBody", user: "User1" };
/// The certification body's administrator: proposes keys.
pub const BODY_ADMIN: Caller = Caller { organisation: "CertBody", user: "Admin" };
/// The accreditation body's administrator: schemes, accreditations, approval of keys.
pub const ACCREDITOR: Caller = Caller { organisation: "Accreditation", user: "Admin" };

/// A person of the accreditation body who has no part in applications: decides on complaints.
pub const UNINVOLVED: Caller = Caller { organisation: "Accreditation", user: "User1" };
/// The certification body's evaluator: accepts applications, and evaluates.
pub const EVALUATOR: Caller = Caller { organisation: "CertBody", user: "User2" };
/// The certification body's reviewer of evaluations.
pub const REVIEWER: Caller = Caller { organisation: "CertBody", user: "User3" };
/// Somebody who applies for certificates.
pub const APPLICANT: Caller = Caller { organisation: "Industry", user: "User1" };
/// A laboratory's person: anchors test reports.
pub const LABORATORY: Caller = Caller { organisation: "Lab", user: "User1" };

impl Network {
    pub fn profile(&self) -> Result<ConnectionProfile, Failure> {
        let profile = match &self.profile {
            Some(path) => ConnectionProfile::load(path).map_err(|error| Failure::usage(error.to_string())),
            None => load_profile(&self.data_dir()),
        }?;
        let chaincode = self.chaincode.clone().unwrap_or(profile.chaincode);
        Ok(ConnectionProfile { chaincode, ..profile })
    }

    /// The profile, if there is one where it is looked for.
    pub fn optional_profile(&self) -> Result<Option<ConnectionProfile>, Failure> {
        let is_named = self.profile.is_some() || self.data_dir.is_some();
        if is_named || self.data_dir().join(PROFILE).exists() { self.profile().map(Some) } else { Ok(None) }
    }

    /// Connects as the command line says, else as `caller`.
    pub async fn contract(&self, caller: Caller) -> Result<Contract, Failure> {
        let organisation = self.org.as_deref().unwrap_or(caller.organisation);
        let user = self.user.as_deref().unwrap_or(caller.user);
        contract::connect(&self.profile()?, organisation, user).await
    }

    /// A gateway in the name of the organisation that the command line names, and of its user, else its administrator.
    pub async fn administrator(&self, profile: &ConnectionProfile) -> Result<Gateway, Failure> {
        let (organisation, identity) = self.administrator_identity(profile)?;
        contract::gateway(&organisation, identity).await
    }

    /// The key of that organisation's user, and where its gateway is.
    pub fn administrator_identity(
        &self,
        profile: &ConnectionProfile,
    ) -> Result<(Organisation, Arc<SigningIdentity>), Failure> {
        let named = self.org.as_deref().ok_or_else(|| {
            Failure::usage(
                "say in whose name: --org ORGANISATION, whose administrator's key lies on this machine",
            )
        })?;
        self.identity(profile, profile.organisation(named).map_err(usage)?, "Admin")
    }

    /// As [`Network::administrator`], for what any member may read: without an organisation, as the first one.
    pub async fn reader(&self, profile: &ConnectionProfile) -> Result<Gateway, Failure> {
        let organisation = match (&self.org, profile.organisations.first()) {
            (Some(named), _) => profile.organisation(named).map_err(usage)?,
            (None, Some(first)) => first,
            (None, None) => return Err(Failure::usage("the connection profile has no organisation")),
        };
        let (organisation, identity) = self.identity(profile, organisation, "Admin")?;
        contract::gateway(&organisation, identity).await
    }

    fn identity(
        &self,
        profile: &ConnectionProfile,
        organisation: &Organisation,
        user: &str,
    ) -> Result<(Organisation, Arc<SigningIdentity>), Failure> {
        let user = self.user.as_deref().unwrap_or(user);
        Ok((organisation.clone(), profile.identity(organisation, user).map_err(usage)?))
    }

    fn data_dir(&self) -> PathBuf {
        self.data_dir.clone().unwrap_or_else(default_data_dir)
    }
}

/// Where a network lives unless its user says otherwise: `$XDG_DATA_HOME/nanotrace`.
pub fn default_data_dir() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
    let base = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(home);
    base.unwrap_or_else(|| PathBuf::from(".")).join(NAME)
}

/// The profile that `up` wrote into a data directory.
pub fn load_profile(data_dir: &Path) -> Result<ConnectionProfile, Failure> {
    refuse_file(data_dir)?;
    ConnectionProfile::load(&data_dir.join(PROFILE)).map_err(|error| {
        let advice = match error {
            ProfileError::Malformed { .. } | ProfileError::TooLarge { .. } => {
                "It is written anew when the network starts: nanotrace up"
            }
            _ => "Is there a network? Start one with: nanotrace up",
        };
        Failure::usage(format!("{error}\n{advice}"))
    })
}

/// Refuses a path at which something other than a directory stands.
pub fn refuse_file(path: &Path) -> Result<(), Failure> {
    if path.is_dir() || !path.exists() {
        return Ok(());
    }
    let reason = "is no directory: --data-dir is the folder in which a network lives";
    Err(Failure::usage(format!("{} {reason}", path.display())))
}
