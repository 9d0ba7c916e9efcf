//! `cert adopt`: takes over a certificate of a body that has ended.

use certificate::Code;

use super::{
    contract,
    network::{Network, OFFICER},
    output,
    subject::parse_code,
};
use crate::exit::{Exit, Failure};

/// Take over a certificate of a body that has ended, as the successor that the accreditation body has named.
///
/// It takes the endorsement of both. From then on one's own suspensions and withdrawal count, beside those that stand.
#[derive(clap::Args)]
pub struct Args {
    /// The certificate's code, as on its label.
    #[arg(value_parser = parse_code)]
    code: Code,
    /// The body that issued it, by its MSP id.
    #[arg(long, value_name = "MSP-ID")]
    body: String,
    /// The chaincode of that body, which has the signed document.
    #[arg(long, value_name = "NAME")]
    from: String,
    /// Why, in a sentence; the public reads it.
    #[arg(long)]
    reason: String,
}

pub async fn run(args: Args, network: &Network, json: bool) -> Result<Exit, Failure> {
    let Args { code, body, from, reason } = args;
    let successor = network.contract(OFFICER).await?;
    let document = successor.of_chaincode(from).certificate_document(code).evaluate().await?;
    let adopt = successor.certificate_adopt(&body, document, &reason);
    output::committed("taken over", &contract::submit(adopt).await?, json)?;
    Ok(Exit::Ok)
}
