//! `nanotrace application`: applications for certification, from their submission to the decision.

mod confidential;

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
};

use certificate::{Code, record::Recommendation};
use clap::builder::NonEmptyStringValueParser;
use commands::{
    contract,
    exit::{Exit, Failure},
    files,
    network::{APPLICANT, Common, EVALUATOR, LABORATORY, Network, OFFICER, REVIEWER},
    output::{self, text_at, texts_at},
    subject::{self, parse_code, random_code},
};
use peer_client::certificate::Update;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::pages;

/// Applications for certification (ISO/IEC 17065, clause 7): submit, evaluate, review and decide on them.
///
/// The way of an application: the applicant's `submit`; the certification body's `accept` (or `return` for more, which the
/// applicant's `complete` answers; or `refuse`); a laboratory's `report`; `evaluate`, and then `review` and `decide` by
/// persons who had no part in the evaluation; then the document decided on is signed (`nanotrace cert sign`) and granted (`nanotrace cert grant`).
///
/// Who may do what stands in the caller's certificate, in its attribute nanotrace.role (see `nanotrace crypto enroll`). In
/// the network of `nanotrace up` each command acts by default as a user who has the role.
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
    Submit(Submit),
    #[command(flatten)]
    Step(Step),
    /// Show an application and every step that was taken.
    Show {
        #[command(flatten)]
        which: Which,
    },
    List(List),
    Confide(confidential::Confide),
    /// Show the confidential part, for persons on duty of the two bodies. By default as User2 of CertBody, an evaluator.
    Confidential {
        #[command(flatten)]
        which: Which,
    },
    /// Purge the confidential part of an application that has ended, from the private data of both bodies. What was opened before
    /// can still be verified. By default as User1 of CertBody, a decision-maker.
    Purge(WithReason),
}

/// What is done to an application that is there.
#[derive(clap::Subcommand)]
enum Step {
    /// Hand in what an application was returned for. By default as User1 of Industry.
    Complete {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        dossier: Dossier,
    },
    /// Change an application before it is decided on: what was evaluated is evaluated anew. By default as User1 of
    /// Industry.
    Change {
        #[command(flatten)]
        which: Which,
        #[command(flatten)]
        dossier: Dossier,
        #[command(flatten)]
        reason: Reason,
    },
    /// Withdraw an application, before it is granted. By default as User1 of Industry.
    Withdraw(WithReason),
    /// Return an application to the applicant, for more. By default as User2 of CertBody, an evaluator.
    Return(WithReason),
    /// Accept an application for evaluation. By default as User2 of CertBody, an evaluator.
    Accept {
        #[command(flatten)]
        which: Which,
    },
    /// Refuse an application: its acceptance, or certification after the review. By default as User1 of CertBody, a
    /// decision-maker.
    Refuse(WithReason),
    Report(Report),
    Evaluate(Evaluate),
    /// Review the evaluation; the reason is the review's conclusion. By default as User3 of CertBody, a reviewer.
    Review(WithReason),
    Decide(Decide),
}

#[derive(clap::Args)]
struct Which {
    /// The application's id, as `submit` prints it.
    #[arg(value_name = "APPLICATION", value_parser = parse_code)]
    id: Code,
}

#[derive(clap::Args)]
struct Reason {
    /// Why, in a sentence. Members of the channel read it: no personal data.
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    reason: String,
}

#[derive(clap::Args)]
struct WithReason {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    reason: Reason,
}

#[derive(clap::Args)]
struct Dossier {
    /// What is handed in, as one file. Its hash alone goes to the ledger: send the file itself to the body.
    #[arg(long, value_name = "FILE")]
    dossier: PathBuf,
}

/// Apply for a certificate. By default as User1 of Industry.
#[derive(clap::Args)]
struct Submit {
    /// The product, in a line.
    #[arg(long)]
    title: String,
    /// The scheme's identifier.
    #[arg(long, value_name = "URI")]
    scheme: String,
    #[arg(long)]
    scheme_version: String,
    #[command(flatten)]
    dossier: Dossier,
    /// The certification body, by its MSP id.
    #[arg(long, value_name = "MSP-ID", default_value = certificate::parties::CERTIFICATION_BODY)]
    body: String,
    /// The certificate that the one applied for is to replace.
    #[arg(long, value_name = "CODE", value_parser = parse_code)]
    replaces: Option<Code>,
    /// The category of the product, as the body's accreditation names it where it is limited to some.
    #[arg(long, value_name = "NAME")]
    category: Option<String>,
    /// The application's id. The same one again makes no second application. [default: a new random one]
    #[arg(long, value_parser = parse_code)]
    id: Option<Code>,
}

/// Anchor a test report of one's laboratory, by its hash. By default as User1 of Lab.
#[derive(clap::Args)]
struct Report {
    #[command(flatten)]
    which: Which,
    /// The report.
    #[arg(long, value_name = "FILE", required_unless_present = "sha256", conflicts_with = "sha256")]
    file: Option<PathBuf>,
    /// The report's SHA-256, where the file is elsewhere.
    #[arg(long, value_name = "HEX")]
    sha256: Option<String>,
    /// The method, as in the laboratory's scope.
    #[arg(long)]
    method: String,
    /// The report's number.
    #[arg(long)]
    number: String,
    /// The report's day, such as 2026-01-31.
    #[arg(long)]
    date: String,
}

/// Record an evaluation. By default as User2 of CertBody, an evaluator.
#[derive(clap::Args)]
struct Evaluate {
    #[command(flatten)]
    which: Which,
    /// What was found, in a line, or the hash of a paper that says it.
    #[arg(long)]
    findings: String,
    #[arg(long, value_enum)]
    recommend: Recommend,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Recommend {
    Grant,
    Refuse,
}

/// Decide to grant exactly this document, which is not signed yet. Its code and its place in the status list are its own
/// from now on. By default as User1 of CertBody, a decision-maker.
#[derive(clap::Args)]
struct Decide {
    #[command(flatten)]
    which: Which,
    /// The document, as `nanotrace cert template` begins it; - for standard input.
    document: PathBuf,
}

/// List applications.
#[derive(clap::Args)]
struct List {
    /// Those in this state alone, such as submitted, evaluated or decided.
    #[arg(long)]
    state: Option<String>,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let Args { common: Common { network, json }, command } = args;
    match command {
        Command::Submit(submit) => apply(submit, &network, json).await?,
        Command::Show { which } => show(which.id, &network, json).await?,
        Command::Confide(order) => confidential::confide(order, &network, json).await?,
        Command::Confidential { which } => confidential::show(which, &network, json).await?,
        Command::Purge(order) => confidential::purge(order, &network, json).await?,
        Command::List(list) => print_list(&list, &network, json).await?,
        Command::Step(step) => {
            let (update, done) = step.update(&network).await?;
            output::committed(done, &contract::submit(update).await?, json)?;
        }
    }
    Ok(Exit::Ok)
}

impl Step {
    /// The call, by the user who takes such steps where the command line names none; and what to say when it is done.
    async fn update(self, network: &Network) -> Result<(Update, &'static str), Failure> {
        Ok(match self {
            Self::Complete { which, dossier } => {
                let hash = dossier.hash()?;
                (network.contract(APPLICANT).await?.application_complete(which.id, &hash), "completed")
            }
            Self::Change { which, dossier, reason } => {
                let (hash, why) = (dossier.hash()?, &reason.reason);
                (network.contract(APPLICANT).await?.application_change(which.id, &hash, why), "changed")
            }
            Self::Withdraw(WithReason { which, reason }) => {
                let contract = network.contract(APPLICANT).await?;
                (contract.application_withdraw(which.id, &reason.reason), "withdrawn")
            }
            Self::Return(WithReason { which, reason }) => {
                let contract = network.contract(EVALUATOR).await?;
                (contract.application_return(which.id, &reason.reason), "returned")
            }
            Self::Accept { which } => {
                (network.contract(EVALUATOR).await?.application_accept(which.id), "accepted")
            }
            Self::Refuse(WithReason { which, reason }) => {
                (network.contract(OFFICER).await?.application_refuse(which.id, &reason.reason), "refused")
            }
            Self::Report(report) => {
                let request = report.request()?;
                let contract = network.contract(LABORATORY).await?;
                (contract.application_report(report.which.id, &request), "anchored")
            }
            Self::Evaluate(Evaluate { which, findings, recommend }) => {
                let contract = network.contract(EVALUATOR).await?;
                (contract.application_evaluate(which.id, &findings, recommend.into()), "evaluated")
            }
            Self::Review(WithReason { which, reason }) => {
                (network.contract(REVIEWER).await?.application_review(which.id, &reason.reason), "reviewed")
            }
            Self::Decide(Decide { which, document }) => {
                let document = subject::canonical_bytes(&files::read_document(&document)?)?;
                (network.contract(OFFICER).await?.application_decide(which.id, document), "decided")
            }
        })
    }
}

impl From<Recommend> for Recommendation {
    fn from(recommend: Recommend) -> Self {
        match recommend {
            Recommend::Grant => Self::Grant,
            Recommend::Refuse => Self::Refuse,
        }
    }
}

impl Report {
    fn request(&self) -> Result<Value, Failure> {
        let sha256 = match &self.file {
            Some(file) => hash(file)?,
            None => self.sha256.clone().unwrap_or_default(),
        };
        Ok(json!({ "sha256": sha256, "method": self.method, "number": self.number, "date": self.date }))
    }
}

impl Dossier {
    fn hash(&self) -> Result<String, Failure> {
        Ok(format!("sha256:{}", hash(&self.dossier)?))
    }
}

/// The hex of the SHA-256 of a file, which may be a large one.
fn hash(path: &Path) -> Result<String, Failure> {
    let unreadable = |error: io::Error| Failure::usage(format!("cannot read {}: {error}", path.display()));
    let mut file = BufReader::new(File::open(path).map_err(unreadable)?);
    let mut hash = Sha256::new();
    loop {
        let part = file.fill_buf().map_err(unreadable)?;
        if part.is_empty() {
            return Ok(hex::encode(hash.finalize()));
        }
        hash.update(part);
        let length = part.len();
        file.consume(length);
    }
}

async fn apply(order: Submit, network: &Network, json: bool) -> Result<(), Failure> {
    let id = order.id.map_or_else(random_code, Ok)?;
    let mut request = json!({
        "id": id, "body": order.body, "title": order.title, "schemeId": order.scheme,
        "schemeVersion": order.scheme_version, "dossier": order.dossier.hash()?,
    });
    if let (Some(replaced), Some(members)) = (order.replaces, request.as_object_mut()) {
        members.insert("replaces".into(), json!(replaced));
    }
    if let (Some(category), Some(members)) = (&order.category, request.as_object_mut()) {
        members.insert("category".into(), json!(category));
    }
    let submit = network.contract(APPLICANT).await?.application_submit(&request);
    let committed = contract::submit(submit).await?;
    output::begun("submitted", "application", id, &committed, json)
}

async fn show(id: Code, network: &Network, json: bool) -> Result<(), Failure> {
    let contract = network.contract(OFFICER).await?;
    let application: Value = contract.application_get(id).read().await?;
    if json {
        return output::json(&application);
    }
    let text = |pointer| text_at(&application, pointer);
    output::rows(&[
        ("application", id.grouped()),
        ("state", text("/state")),
        ("product", text("/title")),
        ("applicant", text("/applicant")),
        ("body", text("/body")),
        ("scheme", format!("{} version {}", text("/schemeId"), text("/schemeVersion"))),
        ("replaces", text("/replaces")),
        ("category", text("/category")),
        ("dossier", text("/dossier")),
        ("certificate", text("/decision/certificate")),
        ("decided on", text("/decision/document")),
    ])?;
    let steps = application.pointer("/steps").and_then(Value::as_array);
    steps.into_iter().flatten().try_for_each(|step| output::line(told(step)))
}

/// `2026-11-23T04:00:00Z  evaluate  CertBodyMSP evaluator 5f1c…  grant  all figures within the method's scope`
fn told(step: &Value) -> String {
    let parts = [
        "/effectiveAt",
        "/step",
        "/by",
        "/role",
        "/person",
        "/recommendation",
        "/number",
        "/method",
        "/reason",
    ];
    texts_at(step, &parts)
}

async fn print_list(order: &List, network: &Network, json: bool) -> Result<(), Failure> {
    let contract = network.contract(OFFICER).await?;
    let ask = |bookmark: Option<&str>| contract.application_list(order.state.as_deref(), bookmark);
    let found = pages::all("applications", ask).await?;
    if json {
        return output::json(&found);
    }
    found.iter().try_for_each(|application| {
        output::line(texts_at(application, &["/application", "/state", "/applicant", "/title"]))
    })
}
