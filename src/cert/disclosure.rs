//! A single confidential field, opened to somebody: `cert disclose` writes it, `cert verify-disclosure` holds it against the
//! ledger's public record.

use std::path::PathBuf;

use certificate::{
    Code,
    confidential::ConfidentialField,
    disclosure::{Disclosure, Finding, Public, UNKNOWN},
};
use durable::Access;
use peer_client::certificate::{CallError, Contract};
use serde_json::{Value, json};

use super::{
    files,
    network::{APPLICANT, Network, OFFICER},
    output,
    subject::parse_code,
};
use crate::exit::{Exit, Failure};

/// Open one confidential field of a certificate's application to somebody, customs say, and none of the others.
///
/// Writes a file that `nanotrace cert verify-disclosure` checks. Who has it knows the field: hand it over as you would the
/// field itself. By default as User1 of CertBody; with --kept as User1 of Industry.
#[derive(clap::Args)]
pub struct DiscloseArgs {
    /// The certificate's code, as on its label.
    #[arg(value_parser = parse_code)]
    code: Code,
    /// The field's name.
    #[arg(long, value_name = "NAME")]
    field: String,
    /// The applicant's own file, which `nanotrace application confide` kept. [default: ask one's own organisation's peer]
    #[arg(long, value_name = "FILE")]
    kept: Option<PathBuf>,
    /// Where to write the disclosure. [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Check a disclosed field against the ledger: is it what was handed in for this certificate?
///
/// Asks a gateway, or reads a verifier's answer about the certificate, for those who have no account on the network:
/// `curl -s https://VERIFIER/api/v1/certificates/CODE | nanotrace cert verify-disclosure FILE --answer -`
///
/// It does not say whether the certificate holds: `nanotrace cert verify` and the verifier's page do.
///
/// Exit codes: 0 genuine, 1 not genuine, 2 the file is no disclosure, 3 no network, 4 cannot tell (another ledger was asked, or
/// the verifier cannot vouch for its answer).
#[derive(clap::Args)]
pub struct VerifyArgs {
    /// The disclosure; - for standard input.
    file: PathBuf,
    /// A verifier's answer about the certificate, as JSON; - for standard input. The word of a verifier of your own counts, not
    /// that of the discloser.
    #[arg(long, value_name = "FILE")]
    answer: Option<PathBuf>,
}

pub async fn disclose(args: DiscloseArgs, network: &Network, json: bool) -> Result<Exit, Failure> {
    let caller = if args.kept.is_some() { APPLICANT } else { OFFICER };
    let contract = network.contract(caller).await?;
    let public = public_record(&contract, args.code).await?;
    let public = public.ok_or_else(|| Failure::new(Exit::No, "no such certificate"))?;
    let without = || Failure::new(Exit::No, "the certificate was issued without an application");
    let application = public.application.ok_or_else(without)?;
    let fields = match &args.kept {
        Some(kept) => files::read_kept(kept)?,
        None => fields_of(&contract, application).await?,
    };
    let (index, private, hash) = find(&args.field, fields, &public.fields)?;
    let ledger = public.ledger;
    let disclosure = Disclosure { certificate: args.code.to_string(), index, private, hash, ledger };
    let content = serde_json::to_vec_pretty(&disclosure)
        .map_err(|error| Failure::during("writing the disclosure as JSON", error))?;
    let Some(out) = &args.out else {
        output::line(String::from_utf8_lossy(&content))?;
        return Ok(Exit::Ok);
    };
    files::write_for(out, &content, Access::Owner, false)?;
    match json {
        true => output::json(&json!({"file": out, "index": index, "hash": disclosure.hash}))?,
        false => output::line(format!("field {index} is opened in {}", out.display()))?,
    }
    Ok(Exit::Ok)
}

/// From the private data of the caller's organisation.
async fn fields_of(contract: &Contract, application: Code) -> Result<Vec<ConfidentialField>, Failure> {
    let answer: Value = contract.confidential_get(application)?.read().await?;
    let fields = answer.pointer("/fields").and_then(Value::as_array).cloned().unwrap_or_default();
    let private = |mut field: Value| field.get_mut("private").map(Value::take).unwrap_or_default();
    let fields = fields.into_iter().map(private).map(serde_json::from_value).collect::<Result<_, _>>();
    // Its own words could quote a field.
    fields.map_err(|_| Failure::new(Exit::Failure, "the answer to confidential:get cannot be read"))
}

/// The field of this name that is in the public record, its place there and its hash; the last one, where it was handed in again.
fn find(
    name: &str,
    fields: Vec<ConfidentialField>,
    public: &[String],
) -> Result<(usize, ConfidentialField, String), Failure> {
    let found = fields.into_iter().filter(|field| field.field == name).filter_map(|field| {
        let hash = field.hash().ok()?;
        Some((public.iter().position(|known| *known == hash)?, field, hash))
    });
    let mut found: Vec<_> = found.collect();
    if found.len() > 1 {
        output::warn(format!("{} fields have this name: the last one handed in is opened", found.len()));
    }
    found.sort_by_key(|(index, ..)| *index);
    found.pop().ok_or_else(|| {
        Failure::new(Exit::No, format!("the application has no confidential field {name:?} on the ledger"))
    })
}

pub async fn verify(args: VerifyArgs, network: &Network, json: bool) -> Result<Exit, Failure> {
    let disclosure: Disclosure = files::read_json(&args.file, "a disclosure")?;
    let finding = match &args.answer {
        Some(answer) => disclosure.judge_by_answer(&files::read_json(answer, "a verifier's answer")?),
        None => {
            let code = parse_code(&disclosure.certificate).map_err(Failure::usage)?;
            let public = public_record(&network.contract(OFFICER).await?, code).await?;
            public.map_or(UNKNOWN, |public| disclosure.judge(&public))
        }
    };
    print(&finding, &disclosure, json)?;
    Ok(exit(&finding))
}

/// What the ledger has about a certificate, through a gateway.
async fn public_record(contract: &Contract, code: Code) -> Result<Option<Public>, Failure> {
    let certificate: Value = match contract.certificate_get(code, None).read().await {
        Err(CallError::Refused { status: 404, .. }) => return Ok(None),
        found => found?,
    };
    let ledger = contract.ledger_get().read().await?;
    let application = certificate.get("application").and_then(Value::as_str).map(parse_code).transpose();
    let application = application.map_err(Failure::usage)?;
    let Some(code) = application else {
        return Ok(Some(Public { ledger, application, fields: Vec::new() }));
    };
    let record: Value = match contract.confidential_hashes(code).read().await {
        Err(CallError::Refused { status: 404, .. }) => Value::Null,
        found => found?,
    };
    let fields = record.get("fields").and_then(Value::as_array).into_iter().flatten();
    let fields = fields.map(|hash| hash.as_str().unwrap_or_default().to_owned()).collect();
    Ok(Some(Public { ledger, application, fields }))
}

fn exit(finding: &Finding) -> Exit {
    match finding {
        Finding::Genuine => Exit::Ok,
        Finding::NotGenuine(_) => Exit::No,
        Finding::CannotTell(_) => Exit::Failure,
    }
}

fn print(finding: &Finding, disclosure: &Disclosure, as_json: bool) -> Result<(), Failure> {
    let (result, words, why) = match finding {
        Finding::Genuine => ("genuine", "GENUINE", ""),
        Finding::NotGenuine(why) => ("notGenuine", "NOT GENUINE", *why),
        Finding::CannotTell(why) => ("cannotTell", "CANNOT TELL", why.as_str()),
    };
    let ConfidentialField { field, value, .. } = &disclosure.private;
    if as_json {
        return output::json(&json!({
            "result": result, "why": why, "certificate": disclosure.certificate, "field": field, "value": value,
        }));
    }
    output::rows(&[
        ("disclosure", words.to_owned()),
        ("why", why.to_owned()),
        ("certificate", disclosure.certificate.clone()),
        ("field", field.clone()),
        ("value", value.to_string()),
    ])
}
