//! `nanotrace crypto`: keys and certificates in cryptogen's layout.

use std::path::PathBuf;

use certificate::Duty;
use material::{self, CryptoConfig, Organization, Person, Validity};

use crate::{
    cert::{files, output},
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
        /// The user's role in certification, such as evaluator; may be given several times. A user whose certificate is
        /// renewed keeps its roles where none is given.
        #[arg(long = "role", requires = "org", value_name = "ROLE")]
        roles: Vec<String>,
        /// Issue the certificate of this user or node (such as User1 or peer0) again, for the same key.
        #[arg(long, requires = "org")]
        renew: Option<String>,
    },
    Enroll(Enroll),
    Revoke(Revoke),
}

/// Put a certificate on the organisation's revocation list, signed by its authority, in its MSP folder (msp/crls). It counts
/// from the moment on at which the channel has the list: nanotrace channel revocations.
///
/// A list names certificates, not keys: of a key whose certificate was renewed, revoke each.
#[derive(clap::Args)]
struct Revoke {
    #[command(flatten)]
    place: Place,
    /// The organisation, by name or domain.
    #[arg(long)]
    org: String,
    /// The user or node whose certificate it is, such as User1 or peer0.
    #[arg(long, required_unless_present = "certificate", conflicts_with = "certificate")]
    name: Option<String>,
    /// The certificate, as PEM: of a person, or one that was renewed.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
}

/// Certify a person's key with the organisation's authority. The key itself stays with the person: make a request with
/// `openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout key.pem -subj /CN=x -out request.pem`.
///
/// The certificate names the person by a pseudonym alone, so that no name reaches the ledger. Note for yourself whose it
/// is: it stays the same when you renew the certificate (--person).
#[derive(clap::Args)]
struct Enroll {
    #[command(flatten)]
    place: Place,
    /// The organisation that the person belongs to, by name or domain.
    #[arg(long)]
    org: String,
    /// What the person may do: applicant, evaluator, reviewer, decision-maker, lab, accreditor, auditor or service; may be
    /// given several times.
    #[arg(long = "role", value_name = "ROLE", required = true)]
    roles: Vec<String>,
    /// The pseudonym of an earlier certificate of the same person. [default: a new random one]
    #[arg(long)]
    person: Option<String>,
    /// A request for a certificate (PKCS #10), or a public key that you have from its owner, as PEM.
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    /// Where the certificate goes, as PEM; a file that exists is not overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
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
        Command::Extend { place, org, user, roles, renew } => {
            let (config, roles) = (place.config()?, joined(&roles)?);
            if let Some(org) = &org {
                organization(&config, org)?;
            }
            let folders = match (&org, &user, &renew) {
                (Some(org), Some(user), _) => {
                    let organization = organization(&config, org)?;
                    vec![
                        material::add_user(
                            organization,
                            &place.output,
                            user,
                            roles.as_deref(),
                            place.validity(),
                        )
                        .map_err(failure)?,
                    ]
                }
                (Some(org), None, Some(name)) => {
                    let organization = organization(&config, org)?;
                    vec![
                        material::renew(
                            organization,
                            &place.output,
                            name,
                            roles.as_deref(),
                            place.validity(),
                        )
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
        Command::Enroll(order) => enroll(&order)?,
        Command::Revoke(order) => revoke(&order)?,
    }
    Ok(Exit::Ok)
}

fn enroll(order: &Enroll) -> Result<(), Failure> {
    let config = order.place.config()?;
    let organization = organization(&config, &order.org)?;
    let roles = joined(&order.roles)?.unwrap_or_default();
    let person = match &order.person {
        Some(pseudonym) => Person { roles, pseudonym: pseudonym.clone() },
        None => Person::with_roles(&roles).map_err(failure)?,
    };
    let unreadable = |error| Failure::usage(format!("cannot read {}: {error}", order.request.display()));
    let request = files::read(&order.request).map_err(unreadable)?;
    let certificate =
        material::enroll(organization, &order.place.output, &request, &person, order.place.validity());
    files::write(Some(&order.out), certificate.map_err(failure)?.as_bytes(), false)?;
    output::line(format!(
        "{} is {} of {}: {}",
        person.pseudonym,
        person.roles,
        organization.name,
        order.out.display()
    ))
}

fn revoke(order: &Revoke) -> Result<(), Failure> {
    let config = order.place.config()?;
    let organization = organization(&config, &order.org)?;
    let dir = &order.place.output;
    let certificate = match (&order.certificate, &order.name) {
        (Some(file), _) => files::read(file)
            .map_err(|error| Failure::usage(format!("cannot read {}: {error}", file.display())))?,
        (None, name) => {
            let name = name.as_deref().unwrap_or_default();
            material::certificate_of(organization, dir, name).map_err(failure)?
        }
    };
    let now = verifier::now().seconds();
    let list = material::revoke(organization, dir, &certificate, now).map_err(failure)?;
    let (list, name) = (list.display(), &organization.name);
    output::line(format!(
        "{list}\nIt counts once the channel has it. Prepare that, sign it as administrator of {name}, and submit it:\n  \
         nanotrace channel revocations {name} --crl {list} --out revoke.update"
    ))
}

/// Roles as a certificate carries them. A mistyped one would give no right and no error.
fn joined(roles: &[String]) -> Result<Option<String>, Failure> {
    match roles.iter().find(|role| Duty::from_attribute(role).is_empty()) {
        Some(unknown) => {
            let known = Duty::ALL.map(Duty::name).join(", ");
            Err(Failure::usage(format!("no role {unknown:?}: there are {known}")))
        }
        None => Ok((!roles.is_empty()).then(|| roles.join(","))),
    }
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
