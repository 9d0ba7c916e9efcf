//! `nanotrace complaint`: complaints and appeals, from their filing to the decision.

use certificate::Code;
use clap::builder::NonEmptyStringValueParser;
use commands::{
    contract,
    exit::{Exit, Failure},
    network::{APPLICANT, Common, EVALUATOR, Network, OFFICER, UNINVOLVED},
    output::{self, text_at, texts_at},
    subject::{parse_code, random_code},
};
use serde_json::{Value, json};

use crate::pages;

/// Complaints and appeals about applications and certificates (ISO/IEC 17065, 7.13).
///
/// A person with a pseudonym on the channel files one; the certification body acknowledges it; a decision-maker of it or an
/// accreditor decides, who had no part in the case. What follows from one that was upheld is done apart: `nanotrace cert stop`,
/// `lift`, `withdraw`, or a new application.
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
    File(File),
    /// Say that it was received, and who looks into it. By default as User2 of CertBody.
    Acknowledge(WithReason),
    /// Decide on it, as a person who had no part in the case. By default as User1 of Accreditation, an accreditor.
    Decide {
        #[command(flatten)]
        order: WithReason,
        #[arg(long, value_enum)]
        outcome: Outcome,
    },
    /// Withdraw it, as the person who filed it. By default as User1 of Industry.
    Withdraw(WithReason),
    /// Show a complaint and every step that was taken.
    Show {
        #[arg(value_name = "COMPLAINT", value_parser = parse_code)]
        id: Code,
    },
    /// List complaints.
    List {
        /// Those in this state alone: filed, acknowledged, upheld, dismissed or withdrawn.
        #[arg(long)]
        state: Option<String>,
    },
}

/// File a complaint, or an appeal against a decision. By default as User1 of Industry.
#[derive(clap::Args)]
struct File {
    /// The certificate that it is about.
    #[arg(long, value_name = "CODE", value_parser = parse_code, conflicts_with = "application")]
    certificate: Option<Code>,
    /// The application that it is about.
    #[arg(long, value_name = "CODE", value_parser = parse_code, required_unless_present = "certificate")]
    application: Option<Code>,
    /// An appeal asks for another decision.
    #[arg(long)]
    appeal: bool,
    /// What it is, in a line. Members of the channel read it: no personal data.
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    summary: String,
    /// Its id. The same one again makes no second complaint. [default: a new random one]
    #[arg(long, value_parser = parse_code)]
    id: Option<Code>,
}

#[derive(clap::Args)]
struct WithReason {
    /// The complaint's id, as `file` prints it.
    #[arg(value_name = "COMPLAINT", value_parser = parse_code)]
    id: Code,
    /// Why, in a sentence. Members of the channel read it: no personal data.
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    reason: String,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Outcome {
    Upheld,
    Dismissed,
}

pub async fn run(args: Args) -> Result<Exit, Failure> {
    let Args { common: Common { network, json }, command } = args;
    let (update, done) = match command {
        Command::File(order) => {
            file(order, &network, json).await?;
            return Ok(Exit::Ok);
        }
        Command::Show { id } => {
            show(id, &network, json).await?;
            return Ok(Exit::Ok);
        }
        Command::List { state } => {
            list(state.as_deref(), &network, json).await?;
            return Ok(Exit::Ok);
        }
        Command::Acknowledge(WithReason { id, reason }) => {
            (network.contract(EVALUATOR).await?.complaint_acknowledge(id, &reason), "acknowledged")
        }
        Command::Decide { order: WithReason { id, reason }, outcome } => {
            let upheld = matches!(outcome, Outcome::Upheld);
            (network.contract(UNINVOLVED).await?.complaint_decide(id, upheld, &reason), "decided")
        }
        Command::Withdraw(WithReason { id, reason }) => {
            (network.contract(APPLICANT).await?.complaint_withdraw(id, &reason), "withdrawn")
        }
    };
    output::committed(done, &contract::submit(update).await?, json)?;
    Ok(Exit::Ok)
}

async fn file(order: File, network: &Network, json: bool) -> Result<(), Failure> {
    let id = order.id.map_or_else(random_code, Ok)?;
    let kind = if order.appeal { "appeal" } else { "complaint" };
    let mut request = json!({ "id": id, "kind": kind, "summary": order.summary });
    let about = [("certificate", order.certificate), ("application", order.application)];
    for (name, code) in about {
        if let (Some(code), Some(members)) = (code, request.as_object_mut()) {
            members.insert(name.into(), json!(code));
        }
    }
    let file = network.contract(APPLICANT).await?.complaint_file(&request);
    let committed = contract::submit(file).await?;
    output::begun("filed", "complaint", id, &committed, json)
}

async fn show(id: Code, network: &Network, json: bool) -> Result<(), Failure> {
    let complaint: Value = network.contract(OFFICER).await?.complaint_get(id).read().await?;
    if json {
        return output::json(&complaint);
    }
    let text = |pointer| text_at(&complaint, pointer);
    output::rows(&[
        (text("/kind").as_str(), id.grouped()),
        ("state", text("/state")),
        ("application", text("/application")),
        ("certificate", text("/certificate")),
        ("filed by", text("/filedBy")),
    ])?;
    let steps = complaint.pointer("/steps").and_then(Value::as_array);
    steps.into_iter().flatten().try_for_each(|step| {
        output::line(texts_at(step, &["/effectiveAt", "/state", "/by", "/role", "/person", "/reason"]))
    })
}

async fn list(state: Option<&str>, network: &Network, json: bool) -> Result<(), Failure> {
    let contract = network.contract(OFFICER).await?;
    let found = pages::all("complaints", |bookmark| contract.complaint_list(state, bookmark)).await?;
    if json {
        return output::json(&found);
    }
    found.iter().try_for_each(|complaint| {
        let parts = ["/complaint", "/kind", "/state", "/filedBy", "/certificate", "/application"];
        output::line(texts_at(complaint, &parts))
    })
}
