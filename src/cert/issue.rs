//! `cert issue`: puts a signed certificate on the ledger.

use std::path::PathBuf;

use certificate::document::check_signed;
use serde_json::json;
use verifier::{BaseUrl, link};

use super::{
    contract, files,
    network::{Network, OFFICER},
    output, subject,
};
use crate::exit::{Exit, Failure};

/// Issue a signed certificate: the ledger keeps it byte for byte.
///
/// By default as User1 of CertBody, the certification body. The accreditation body's peer endorses it too.
///
/// Exit codes: 0 issued, 1 refused (each broken rule is named), 2 the file cannot be read, 3 no network.
#[derive(clap::Args)]
pub struct Args {
    /// The signed document; - for standard input.
    file: PathBuf,
}

pub async fn run(args: Args, network: &Network, json: bool) -> Result<Exit, Failure> {
    let bytes = subject::canonical_bytes(&files::read_document(&args.file)?)?;
    let signed = check_signed(&bytes).map_err(|violations| output::refused("refused", &violations))?;
    let issue = network.contract(OFFICER).await?.certificate_issue(bytes);
    let committed = contract::submit(issue).await?;

    let code = signed.document.code;
    let verifier = network.profile()?.verifier;
    let base = verifier.and_then(|verifier| verifier.parse::<BaseUrl>().ok());
    let page = base.map(|base| link::page_address(&base, code));
    if json {
        output::json(&json!({
            "certificate": code, "page": page, "block": committed.block, "transactionId": committed.transaction_id,
        }))?;
        return Ok(Exit::Ok);
    }
    output::rows(&[
        ("issued", code.grouped()),
        ("page", page.unwrap_or_default()),
        ("block", committed.block.to_string()),
        ("transaction", committed.transaction_id),
    ])?;
    Ok(Exit::Ok)
}
