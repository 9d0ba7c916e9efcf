//! `cert issue --from`: issues every row of a file, each once.

use std::{
    io,
    path::{Path, PathBuf},
};

use certificate::Code;
use indicatif::{ProgressBar, ProgressStyle};
use issuing::{
    input::{Format, Input, InputError},
    plan::{self, Making, Plan, PlanError},
    results::{Ending, Outcome, Results, ResultsError},
    submit::{Interruption, submit},
};
use serde_json::{Value, json};
use tokio::task::block_in_place;
use verifier::{BaseUrl, link};

use super::{
    contract, files,
    network::{Network, OFFICER},
    output,
};
use crate::{
    exit::{Exit, Failure},
    signals::Signals,
};

/// So many refused rows are printed; the file of results has all.
const PRINTED: usize = 10;

#[derive(clap::Args)]
pub struct Args {
    /// Issue every row of a file, each once: FILE.csv, whose columns fill in --template (product.serial,
    /// testReports.0.lab), or FILE.jsonl, a document a line, signed or not.
    ///
    /// First every row is checked and signed; where one is wrong, nothing is submitted. The signed documents are kept
    /// in FILE.plan, so that a run that was stopped or killed goes on when the same command is run again: what
    /// is issued is not issued again, and what was refused is tried again.
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// The draft that the cells of a CSV file fill in, as `cert template` writes it. Each row gets an id, a code and
    /// a place in a status list of its own.
    #[arg(long, value_name = "DRAFT", requires = "from")]
    template: Option<PathBuf>,
    /// The secret key for rows that are not signed yet. Only its owner may be able to read it.
    #[arg(long, env = "NANOTRACE_ISSUER_KEY", value_name = "FILE")]
    key: Option<PathBuf>,
    /// Where to write what came of each row. [default: FILE.results.jsonl]
    #[arg(long, short, value_name = "FILE", requires = "from")]
    out: Option<PathBuf>,
    /// How many rows are under way at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=256))]
    in_flight: u16,
}

/// Where a run has its input and keeps its state.
struct Paths {
    from: PathBuf,
    results: PathBuf,
    plan: PathBuf,
}

pub async fn run(args: Args, network: &Network, json: bool) -> Result<Exit, Failure> {
    let signals = Signals::listen()?;
    let paths = Paths::of(&args);
    let profile = network.profile()?;
    let base = profile.verifier.and_then(|verifier| verifier.parse::<BaseUrl>().ok());
    let contract = network.contract(OFFICER).await?;
    let (input, _held) = Input::read(&paths.from).map_err(|error| of_input(&error))?;
    let mut results = Results::open(&paths.results).map_err(|error| of_results(&error))?;
    let (plan, before) = match block_in_place(|| planned(&args, &paths, input, &results, &signals)) {
        Ok(planned) => planned,
        Err(failure) => {
            results.remove_if_empty();
            return Err(failure);
        }
    };
    contract::compare_clocks(&contract).await?;
    let rows = plan.rows();
    let bar = bar(rows, "{wide_bar} {pos} of {len} issued, {eta} left");
    bar.set_position(before);
    // What earlier runs issued is no measure of this one's speed.
    bar.reset_eta();
    let (mut issued, mut refused) = (before, Vec::new());
    let submitted =
        submit(&contract, plan, &mut results, args.in_flight.into(), signals.asked(), |outcome| {
            match &mut outcome.ending {
                Ending::Issued { page, .. } => {
                    *page = page_of(base.as_ref(), &outcome.certificate);
                    issued += 1;
                    bar.set_position(issued);
                }
                Ending::Refused { .. } => refused.push(outcome.clone()),
            }
            refused.truncate(PRINTED);
        });
    let submitted = submitted.await;
    bar.finish_and_clear();
    refused.iter().for_each(warn_refused);
    submitted.map_err(|interruption| paths.interrupted(interruption, issued, rows))?;
    report(&paths, &Tally { rows, before, issued }, json)?;
    Ok(if issued == rows { Exit::Ok } else { Exit::No })
}

struct Tally {
    rows: u64,
    /// Issued by earlier runs.
    before: u64,
    issued: u64,
}

impl Paths {
    fn of(args: &Args) -> Self {
        let with = |path: &Path, ending: &str| PathBuf::from(format!("{}{ending}", path.display()));
        let from = args.from.clone().unwrap_or_default();
        let results = args.out.clone().unwrap_or_else(|| with(&from, ".results.jsonl"));
        // Beside the file, wherever the results are: a file has one plan.
        Self { plan: with(&from, ".plan"), from, results }
    }

    fn unread(&self, error: io::Error) -> Failure {
        Failure::during(format!("reading {}", self.plan.display()), error)
    }

    fn interrupted(&self, interruption: Interruption, issued: u64, rows: u64) -> Failure {
        let failure = match interruption {
            Interruption::Stopped => Failure::new(Exit::Failure, "stopped"),
            Interruption::Call(error) => Failure::from(error),
            Interruption::Plan(error) => self.unread(error),
            Interruption::Results(error) => {
                Failure::during(format!("writing {}", self.results.display()), error)
            }
        };
        let known = format!("{issued} of {rows} rows are known to be issued");
        Failure::new(failure.exit, format!("{failure}\n{known}. To go on, run the same command again."))
    }
}

/// The plan of an earlier run of this file, or a new one; and how many of its rows are issued.
fn planned(
    args: &Args,
    paths: &Paths,
    input: Input,
    results: &Results,
    signals: &Signals,
) -> Result<(Plan, u64), Failure> {
    let mut plan = match open(paths)? {
        None => make(args, paths, &input, results, signals)?,
        Some(plan) if plan.is_of(&input) => plan,
        Some(_) => return Err(changed(paths)),
    };
    let issued = plan.issued(results).map_err(|error| paths.unread(error))?;
    Ok((plan, issued))
}

fn make(
    args: &Args,
    paths: &Paths,
    input: &Input,
    results: &Results,
    signals: &Signals,
) -> Result<Plan, Failure> {
    if !results.is_empty() {
        let (results, plan) = (paths.results.display(), paths.plan.display());
        return Err(Failure::usage(format!(
            "{results} has results, but the plan {plan} is gone: without it, rows would be issued twice. Put it back. If these are \
             the results of another file, name a new one with --out"
        )));
    }
    let template = template(args, input.format)?;
    let key = args.key.as_deref().map(files::read_key).transpose()?;
    let making = Making { input, template: &template, key: key.as_ref(), now: verifier::now() };
    let bar = bar(0, "{spinner} {pos} rows checked and signed");
    let made = plan::make(&paths.plan, &making, || {
        bar.inc(1);
        !signals.is_asked()
    });
    bar.finish_and_clear();
    made.map_err(|error| of_plan(paths, &error))?;
    open(paths)?.ok_or_else(|| Failure::new(Exit::Failure, format!("{} is gone", paths.plan.display())))
}

fn open(paths: &Paths) -> Result<Option<Plan>, Failure> {
    Plan::open(&paths.plan).map_err(|error| paths.unread(error))
}

/// What rows of a CSV file fill in; other rows need none.
fn template(args: &Args, format: Format) -> Result<Value, Failure> {
    match (&args.template, format) {
        (None, Format::JsonLines) => Ok(Value::Null),
        (Some(_), Format::JsonLines) => {
            Err(Failure::usage("--template is for CSV: each line of a .jsonl file is a whole document"))
        }
        (None, Format::Csv) => Err(Failure::usage(
            "the columns of a CSV file fill in a draft: write one with `nanotrace cert template`, fill in what all rows share, \
             and name it with --template",
        )),
        (Some(path), Format::Csv) => {
            let draft = files::read_document(path)?;
            match draft.get("proof") {
                None => Ok(draft),
                Some(_) => Err(Failure::usage(format!("{} is signed: name its draft", path.display()))),
            }
        }
    }
}

fn changed(paths: &Paths) -> Failure {
    let (from, plan) = (paths.from.display(), paths.plan.display());
    Failure::usage(format!(
        "{from} is not the file any more of which {plan} was made. Put the old file back to go on; rows that are new belong in a \
         file of their own"
    ))
}

/// Drawn at a terminal alone.
fn bar(length: u64, style: &str) -> ProgressBar {
    let bar = if length == 0 { ProgressBar::new_spinner() } else { ProgressBar::new(length) };
    bar.with_style(ProgressStyle::with_template(style).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn page_of(base: Option<&BaseUrl>, certificate: &str) -> Option<String> {
    Some(link::page_address(base?, certificate.parse::<Code>().ok()?))
}

fn warn_refused(outcome: &Outcome) {
    if let Ending::Refused { reason } = &outcome.ending {
        output::warn(format!("line {} is refused: {reason}", outcome.line));
    }
}

fn report(paths: &Paths, tally: &Tally, json: bool) -> Result<(), Failure> {
    let (Tally { rows, before, issued }, path) = (tally, paths.results.display());
    let refused = rows - issued;
    if json {
        return output::json(&json!({
            "rows": rows, "issued": issued, "issuedBefore": before, "refused": refused, "results": path.to_string(),
        }));
    }
    let earlier = if *before > 0 { format!(", {before} of them by earlier runs") } else { String::new() };
    output::rows(&[
        ("issued", format!("{issued} of {rows} rows{earlier}")),
        ("refused", refused.to_string()),
        ("results", path.to_string()),
    ])
}

fn of_input(error: &InputError) -> Failure {
    let exit = if matches!(error, InputError::InUse(_)) { Exit::Failure } else { Exit::Usage };
    Failure::new(exit, error.to_string())
}

fn of_results(error: &ResultsError) -> Failure {
    let exit = if matches!(error, ResultsError::Foreign { .. }) { Exit::Usage } else { Exit::Failure };
    Failure::new(exit, error.to_string())
}

fn of_plan(paths: &Paths, error: &PlanError) -> Failure {
    let from = paths.from.display();
    match error {
        PlanError::Faults { .. } => Failure::new(Exit::No, format!("{from}: nothing was submitted\n{error}")),
        PlanError::Empty | PlanError::NoKey { .. } => Failure::usage(format!("{from}: {error}")),
        PlanError::Write(error) => Failure::new(
            Exit::Failure,
            format!("writing {}: {error}; nothing was submitted", paths.plan.display()),
        ),
        PlanError::Stopped | PlanError::Randomness(_) => Failure::new(Exit::Failure, error.to_string()),
    }
}
