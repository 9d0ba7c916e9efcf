//! `nanotrace crypto`: keys and certificates in cryptogen's layout.

use std::path::PathBuf;

use material::{self, CryptoConfig, Organization, Validity};

use crate::{
    cert::output,
    exit::{Exit, Failure},
};

/// Make keys and certificates for the organisations of crypto-config.yaml (the format cryptogen reads), in
/// cryptogen's folder layout, so that any Fabric client finds its files. Private keys are readable by
/// their owner alone.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make everything. Refuses to overwrite.
    Generate {
        #[command(flatten)]
        place: Place,
    },
    /// Add what is missing, one user, or a renewed certificate for an existing key.
    Extend {
        #[command(flatten)]
        place: Place,
        /// The organisation to extend, by name or domain; without it, whatever crypto-config.yaml names and the
        /// folder lacks is made.
        #[arg(long)]
        org: Option<String>,
        /// Make this user of the organisation, such as User3 or alice.
        #[arg(long, requires = "org", conflicts_with = "renew")]
        user: Option<String>,
        /// Issue the certificate of this user or node (such as User1 or peer0) again, for the same key.
        #[arg(long, requires = "org")]
        renew: Option<String>,
    },
}

#[derive(clap::Args)]
struct Place {
    /// The organisations.
    #[arg(long, default_value = "crypto-config/crypto-config.yaml")]
    config: PathBuf,
    /// Where the folders peerOrganizations and ordererOrganizations are or will be.
    #[arg(long, short, default_value = "crypto-config")]
    output: PathBuf,
    /// Years that new certificates are valid.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(i64).range(1..=30))]
    years: i64,
}

impl Place {
    fn config(&self) -> Result<CryptoConfig, Failure> {
        CryptoConfig::read(&self.config).map_err(|error| Failure::usage(error.to_string()))
    }

    fn validity(&self) -> Validity {
        Validity::of_years(verifier::now().seconds(), self.years)
    }
}

pub fn run(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::Generate { place } => {
            let config = place.config()?;
            material::generate(&config, &place.output, place.validity()).map_err(failure)?;
            output::line(format!(
                "{} organisations in {}",
                config.organizations.len(),
                place.output.display()
            ))?;
        }
        Command::Extend { place, org, user, renew } => {
            let config = place.config()?;
            if let Some(org) = &org {
                organization(&config, org)?;
            }
            let folders = match (&org, &user, &renew) {
                (Some(org), Some(user), _) => {
                    let organization = organization(&config, org)?;
                    vec![
                        material::add_user(organization, &place.output, user, place.validity())
                            .map_err(failure)?,
                    ]
                }
                (Some(org), None, Some(name)) => {
                    let organization = organization(&config, org)?;
                    vec![
                        material::renew(organization, &place.output, name, place.validity())
                            .map_err(failure)?,
                    ]
                }
                (Some(_), None, None) => {
                    return Err(Failure::usage("say what to add: --user NAME or --renew NAME"));
                }
                (None, ..) => material::extend(&config, &place.output, place.validity()).map_err(failure)?,
            };
            for folder in &folders {
                output::line(folder.display().to_string())?;
            }
            if folders.is_empty() {
                output::line(format!("nothing is missing in {}", place.output.display()))?;
            }
        }
    }
    Ok(Exit::Ok)
}

fn organization<'a>(config: &'a CryptoConfig, asked: &str) -> Result<&'a Organization, Failure> {
    config.organization(asked).ok_or_else(|| {
        let known: Vec<_> =
            config.organizations.iter().map(|organization| organization.name.as_str()).collect();
        Failure::usage(format!("no organisation {asked:?}: the file has {}", known.join(", ")))
    })
}

fn failure(error: material::CryptoConfigError) -> Failure {
    Failure::usage(error.to_string())
}
