//! `cert grant`: puts the certificate that a decision was taken on onto the ledger.

use std::path::PathBuf;

use certificate::Code;

use super::{
    contract,
    issue::{print_issued, signed_document},
    network::{Network, OFFICER},
    subject::parse_code,
};
use crate::exit::{Exit, Failure};

/// Grant the certificate that an application was decided on: the document, now signed. The ledger takes no other one.
///
/// By default as User1 of CertBody. A service may do it too, since the decision is taken.
///
/// Exit codes: 0 granted, 1 refused (each broken rule is named), 2 the file cannot be read, 3 no network.
#[derive(clap::Args)]
pub struct Args {
    /// The application's id.
    #[arg(value_name = "APPLICATION", value_parser = parse_code)]
    application: Code,
    /// The signed document; - for standard input.
    file: PathBuf,
}

pub async fn run(args: Args, network: &Network, json: bool) -> Result<Exit, Failure> {
    let (bytes, code) = signed_document(&args.file)?;
    let grant = network.contract(OFFICER).await?.certificate_grant(args.application, bytes);
    let committed = contract::submit(grant).await?;
    print_issued("granted", code, &committed, network, json)?;
    Ok(Exit::Ok)
}
