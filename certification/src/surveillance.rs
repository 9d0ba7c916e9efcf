//! `nanotrace surveillance`: what is due for a certificate, and what was found.

use certificate::{Code, DateTime, record::Conclusion};
use clap::builder::NonEmptyStringValueParser;
use commands::{
    contract,
    exit::{Exit, Failure},
    network::{Common, EVALUATOR, Network, OFFICER},
    output::{self, text_at},
    subject::{parse_code, parse_date_time},
};
use serde_json::Value;

/// The surveillance of certificates (ISO/IEC 17065, 7.9): when the next is due, and what was found.
///
/// A scheme may ask for it (`nanotrace cert scheme register --surveillance-days 365`), and say after how many days overdue a
/// certificate holds no more (`--grace-days 30`). Nothing has to be written for that: it follows from the dates.
///
/// Exit codes: 0 done, 1 refused, 2 wrong usage or input, 3 the network cannot be reached, 4 anything else.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Set the day of the next surveillance, up to the one that the scheme asks for. By default as User2 of CertBody.
    Plan {
        #[command(flatten)]
        which: Which,
        /// The day, such as 2027-01-31.
        #[arg(long, value_name = "DATE|DATE-TIME", value_parser = parse_date_time)]
        due: DateTime,
        /// Why, in a sentence; the public reads it.
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        reason: String,
    },
    /// Record a surveillance that was done. By default as User2 of CertBody, an evaluator.
    Record {
        #[command(flatten)]
        which: Which,
        /// What was found, in a line; the public reads it.
        #[arg(long, value_parser = NonEmptyStringValueParser::new())]
        findings: String,
        /// Whether the product still is what was certified. A nonconformity stops nothing by itself: `nanotrace cert stop` does.
        #[arg(long, value_enum)]
        conclusion: Found,
    },
    /// Show when the next is due, and all that were planned and done.
    Show {
        #[command(flatten)]
        which: Which,
    },
}

#[derive(clap::Args)]
struct Which {
    /// The certificate's code, as on its label.
    #[arg(value_parser = parse_code)]
    code: Code,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Found {
    Conforming,
    Nonconforming,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let Args { common: Common { network, json }, command } = args;
    let (update, done) = match command {
        Command::Plan { which, due, reason } => {
            let contract = network.contract(EVALUATOR).await?;
            (contract.surveillance_plan(which.code, due, &reason), "planned")
        }
        Command::Record { which, findings, conclusion } => {
            let contract = network.contract(EVALUATOR).await?;
            (contract.surveillance_record(which.code, &findings, conclusion.into()), "recorded")
        }
        Command::Show { which } => return show(which.code, &network, json).await,
    };
    output::committed(done, &contract::submit(update).await?, json)?;
    Ok(Exit::Ok)
}

impl From<Found> for Conclusion {
    fn from(found: Found) -> Self {
        match found {
            Found::Conforming => Self::Conforming,
            Found::Nonconforming => Self::Nonconforming,
        }
    }
}

async fn show(code: Code, network: &Network, json: bool) -> Result<Exit, Failure> {
    let contract = network.contract(OFFICER).await?;
    let found: Value = contract.surveillance_get(code).read().await?;
    if json {
        output::json(&found)?;
        return Ok(Exit::Ok);
    }
    let due = text_at(&found, "/due");
    let due = if due.is_empty() { "none".to_owned() } else { due };
    output::rows(&[("certificate", code.grouped()), ("next due", due)])?;
    let activities = found.pointer("/activities").and_then(Value::as_array);
    activities.into_iter().flatten().try_for_each(|activity| output::line(told(activity)))?;
    Ok(Exit::Ok)
}

/// `2026-11-23T04:00:00Z  conforming  CertBodyMSP  evaluator  5f1c…  all as certified  next due 2027-11-23T04:00:00Z`
fn told(activity: &Value) -> String {
    let text = |pointer| text_at(activity, pointer);
    let planned = || "planned".to_owned();
    let what = Some(text("/conclusion")).filter(|text| !text.is_empty()).unwrap_or_else(planned);
    let due = Some(text("/due")).filter(|due| !due.is_empty()).map(|due| format!("next due {due}"));
    let mut parts = vec![text("/effectiveAt"), what];
    parts.extend(["/by", "/role", "/person", "/reason"].map(text));
    parts.extend(due);
    parts.retain(|part| !part.is_empty());
    parts.join("  ")
}
