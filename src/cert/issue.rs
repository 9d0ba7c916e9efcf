//! `cert issue`: puts a signed certificate on the ledger, or all of a file.

use std::path::{Path, PathBuf};

use certificate::{Code, document::check_signed};
use peer_client::certificate::Committed;
use serde_json::json;
use verifier::{BaseUrl, link};

use super::{
    bulk, contract, files,
    network::{Network, OFFICER},
    output, subject,
};
use crate::exit::{Exit, Failure};

/// Issue a signed certificate: the ledger keeps it byte for byte. With --from, issue every row of a file.
///
/// By default as User1 of CertBody, the certification body. The accreditation body's peer endorses it too.
///
/// Exit codes: 0 issued, 1 refused (each broken rule is named), 2 the file cannot be read, 3 no network, 4 anything
/// else, a run that was stopped too.
#[derive(clap::Args)]
pub struct Args {
    /// The signed document; - for standard input.
    #[arg(required_unless_present = "from", conflicts_with = "from")]
    file: Option<PathBuf>,
    #[command(flatten)]
    bulk: bulk::Args,
}

pub async fn run(args: Args, network: &Network, json: bool) -> Result<Exit, Failure> {
    let Some(file) = &args.file else { return bulk::run(args.bulk, network, json).await };
    let (bytes, code) = signed_document(file)?;
    let issue = network.contract(OFFICER).await?.certificate_issue(bytes);
    let committed = contract::submit(issue).await?;

    print_issued("issued", code, &committed, network, json)?;
    Ok(Exit::Ok)
}

/// A signed document in canonical form, which breaks no rule of its own, and its code.
pub fn signed_document(path: &Path) -> Result<(Vec<u8>, Code), Failure> {
    let bytes = subject::canonical_bytes(&files::read_document(path)?)?;
    let signed = check_signed(&bytes).map_err(|violations| output::refused("refused", &violations))?;
    Ok((bytes, signed.document.code))
}

/// What there is now, and where the public sees it.
pub fn print_issued(
    done: &str,
    code: Code,
    committed: &Committed,
    network: &Network,
    json: bool,
) -> Result<(), Failure> {
    let verifier = network.profile()?.verifier;
    let base = verifier.and_then(|verifier| verifier.parse::<BaseUrl>().ok());
    let page = base.map(|base| link::page_address(&base, code));
    let Committed { block, transaction_id, .. } = committed;
    if json {
        return output::json(&json!({
            "certificate": code, "page": page, "block": block, "transactionId": transaction_id,
        }));
    }
    output::rows(&[
        (done, code.grouped()),
        ("page", page.unwrap_or_default()),
        ("block", block.to_string()),
        ("transaction", transaction_id.clone()),
    ])
}
