//! `nanotrace demo`: a consortium's month on a running network.

use std::path::{Path, PathBuf};

use demonstration::{CERTIFICATE, Extent, FOLDER, Outcome};
use peer_client::ConnectionProfile;

use crate::{
    cert::output,
    exit::{Exit, Failure},
    up,
};

/// Play a consortium's month on the running network: applications for real nanomaterials, and certificates in every state.
///
/// Sixteen applications for representative nanomaterials of the EU's Joint Research Centre go as far as their stories say, each step in
/// the name of the person who takes it: handed in, returned, accepted, evaluated, reviewed, decided, refused, withdrawn and
/// granted. Of the certificates some are valid, one is suspended, one was suspended by the accreditation body and is valid again,
/// one is withdrawn, one superseded, and one has confidential fields of which one is opened. One is surveyed, the refusal is appealed
/// against, and an accreditation is suspended with all its certificates and restored. Where the network has a second
/// certification body (an organisation SecondBody with the chaincode nanotrace-second), some are its. Everything is dated as it happens, and marked as a demonstration.
///
/// The first `nanotrace up` plays it (see its --demo). Played again, it does what is missing and nothing twice, and says
/// how everything stands.
///
/// Exit codes: 0 all is there, 1 refused, 2 wrong usage or input, 3 the network cannot be reached, 4 anything else.
#[derive(clap::Args)]
pub struct Args {
    /// The data directory of the network that `nanotrace up` runs.
    #[arg(long, env = "NANOTRACE_DATA", value_name = "DIR", default_value_os_t = up::default_data_dir())]
    data_dir: PathBuf,
    /// The connection profile of any other network. Its issuer keys are kept in the folder `demonstration` beside the network's.
    #[arg(long, env = "NANOTRACE_PROFILE", value_name = "FILE")]
    profile: Option<PathBuf>,
    /// Print one JSON value for programs instead of a table for people.
    #[arg(long)]
    json: bool,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    crate::privacy::keep_files_private();
    let profile = match &args.profile {
        Some(path) => ConnectionProfile::load(path).map_err(|error| Failure::usage(error.to_string()))?,
        None => up::load_profile(&args.data_dir)?,
    };
    let outcomes = demonstration::play(&profile, &folder(&profile), Extent::Full, verifier::now()).await?;
    print(&outcomes, args.json)?;
    Ok(Exit::Ok)
}

/// What the first start of a network plays. The first certificate's file says that it was played to its end.
pub async fn play_first(profile: &ConnectionProfile, extent: Extent) -> Result<(), Failure> {
    if certificate_file(profile).exists() {
        return Ok(());
    }
    if !has_persons(profile) {
        tracing::warn!("no demonstration: the users of this data directory are of before there were roles");
        return Ok(());
    }
    demonstration::play(profile, &folder(profile), extent, verifier::now()).await.map(drop)
}

/// A network that an earlier version began has fewer users, and they have no roles.
fn has_persons(profile: &ConnectionProfile) -> bool {
    let body = profile.organisation("CertBody");
    body.and_then(|body| profile.identity(body, "User4")).is_ok()
}

/// The demonstration's folder, beside the network's keys.
pub fn folder(profile: &ConnectionProfile) -> PathBuf {
    profile.crypto_config.parent().unwrap_or(Path::new(".")).join(FOLDER)
}

/// The first certificate's document.
pub fn certificate_file(profile: &ConnectionProfile) -> PathBuf {
    folder(profile).join(CERTIFICATE)
}

fn print(outcomes: &[Outcome], as_json: bool) -> Result<(), Failure> {
    if as_json {
        return output::json(&outcomes);
    }
    let title = outcomes.iter().map(|outcome| outcome.title.len()).max().unwrap_or_default();
    outcomes.iter().try_for_each(|outcome| {
        let Outcome { title: name, body, application, state, certificate, verdict } = outcome;
        let certificate = certificate.map(|code| code.to_string()).unwrap_or_default();
        let verdict = verdict.as_deref().unwrap_or_default();
        let row =
            format!("{name:<title$}  {body:<13}  {application}  {state:<9}  {certificate:27}  {verdict}");
        output::line(row.trim_end())
    })
}
