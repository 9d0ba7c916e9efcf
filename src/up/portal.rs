//! The portal of the demonstration, beside the verifier: one for all organisations.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
};

use accounts::{BaseUrl, Database, Entrance, admit};
use background::mail::Post;
use desk::{Identity, Organisations};
use material::{CryptoConfig, Person, Validity};
use peer_client::{ConnectionProfile, profile::msp_folder};
use portal::{Certify, Config, Order, Server};
use tokio::sync::oneshot;

use super::{
    material::{CRYPTO_CONFIG, CRYPTO_CONFIG_YAML},
    servers::Running,
    signers,
};
use crate::exit::{Exit, Failure};

/// Its folder in the data directory.
pub const FOLDER: &str = "portal";
/// As `nanotrace portal` has it.
const PORT: u16 = 8090;
/// How long the certificates of its people are valid.
const CERTIFICATE_YEARS: i64 = 2;

#[derive(Clone, clap::Args)]
pub struct PortalArgs {
    /// The port of the portal, which answers at http://localhost; 0 is any free one. [default: 8090, or any free one where
    /// that is taken or --port is 0]
    #[arg(long, value_name = "PORT")]
    portal: Option<u16>,
    /// Start no portal.
    #[arg(long, conflicts_with = "portal")]
    no_portal: bool,
    /// The origin of a single-page client elsewhere that may use the portal's /auth, such as `https://app.example`. Once for each.
    /// [default: none]
    #[arg(long, value_name = "URL", conflicts_with = "no_portal")]
    pub client_origin: Vec<BaseUrl>,
}

/// A portal that runs.
pub struct Portal {
    pub running: Running,
    pub base: BaseUrl,
    /// How its people get in.
    pub entrances: Vec<Entrance>,
}

impl PortalArgs {
    /// Where it listens; none where it is left out. `first` is the first port of the network.
    pub fn address(&self, first: u16) -> Option<SocketAddr> {
        let here = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let is_free = || TcpListener::bind(here(PORT)).is_ok();
        let port = match self.portal {
            Some(port) => port,
            None if first != 0 && is_free() => PORT,
            None => 0,
        };
        (!self.no_portal).then(|| here(port))
    }
}

/// Starts it, with people of the network's organisations.
pub async fn start(
    data_dir: &Path,
    (listen, origins): (SocketAddr, Vec<BaseUrl>),
    profile: &ConnectionProfile,
    chaincodes: &[String],
) -> Result<Portal, Failure> {
    let folder = data_dir.join(FOLDER);
    durable::create_private_folder(&folder).map_err(|error| Failure::during(folder.display(), error))?;
    let failed = |error: &dyn std::error::Error| {
        let advice = "--no-portal starts the network without it.";
        Failure::new(Exit::Failure, format!("starting the portal: {error}\n{advice}"))
    };
    let path = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let database = Database::open(&path("portal.db")).await.map_err(|error| failed(&error))?;
    let post = Post::new("portal@localhost", &path("mails")).map_err(|error| failed(&error))?;
    let organisations = Arc::new(organisations(profile, chaincodes).map_err(|error| failed(&error))?);
    let config = Config {
        listen,
        base: None,
        origins,
        database: database.clone(),
        post,
        signers: signers::signers(profile, &organisations),
        organisations,
        files: folder.join("files"),
        certify: Some(authority(data_dir)),
        is_demonstration: true,
    };
    let server = Server::bind(config).await.map_err(|error| failed(&error))?;
    let base = server.base().clone();
    let organisations = profile.organisations.iter().map(|it| it.msp_id.clone()).collect::<Vec<_>>();
    let entrances = admit(&database, &base, &organisations).await.map_err(|error| failed(&error))?;
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(server.run(async { drop(stopped.await) }));
    Ok(Portal { running: Running::new(stop, task), base, entrances })
}

/// The authorities of the demonstration, whose keys lie in the data directory. No other portal certifies.
fn authority(data_dir: &Path) -> Certify {
    let (config, folder) = (data_dir.join(CRYPTO_CONFIG_YAML), data_dir.join(CRYPTO_CONFIG));
    Arc::new(move |order: &Order| {
        let config = CryptoConfig::read(&config).map_err(|error| error.to_string())?;
        let name = order.organisation.strip_suffix("MSP").unwrap_or(&order.organisation);
        let organisation = config.organization(name).ok_or_else(|| format!("no keys of {name} are here"))?;
        let person = Person { roles: order.roles.join(","), pseudonym: order.pseudonym.clone() };
        let validity = Validity::of_years(verifier::now().seconds(), CERTIFICATE_YEARS);
        material::enroll(organisation, &folder, order.request.as_bytes(), &person, validity)
            .map_err(|error| error.to_string())
    })
}

/// In whose name the portal asks and submits: the services of bodies and industry, and of the others a member. An organisation
/// whose keys were made otherwise is left out.
const IDENTITIES: [(&str, &str); 6] = [
    ("CertBody", "User4"),
    ("SecondBody", "User4"),
    ("Accreditation", "User2"),
    ("Lab", "User2"),
    ("Industry", "User2"),
    ("Customs", "User2"),
];
/// Companies apply in its name.
const APPLICANTS: &str = "Industry";

fn organisations(
    profile: &ConnectionProfile,
    chaincodes: &[String],
) -> Result<Organisations, desk::SetupError> {
    let is_here = |(name, user): &(&str, &str)| {
        let organisation = profile.organisation(name);
        organisation.is_ok_and(|it| msp_folder(&profile.crypto_config, &it.domain, user).exists())
    };
    let identity = |(organisation, user): (&str, &str)| Identity {
        organisation: organisation.to_owned(),
        user: user.to_owned(),
    };
    let identities: Vec<_> = IDENTITIES.into_iter().filter(is_here).map(identity).collect();
    let applicants = identities.iter().any(|it| it.organisation == APPLICANTS).then_some(APPLICANTS);
    Organisations::new(profile, chaincodes, &identities, applicants)
}
