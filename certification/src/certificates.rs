//! `nanotrace cert list` and `cert index`: finding certificates on the ledger.

use certificate::{Code, document::identifiers::to_gtin14, verdict::Verdict};
use commands::{
    contract,
    exit::{Exit, Failure},
    network::{Network, OFFICER},
    output::{self, text_at, texts_at},
    subject::parse_code,
};
use serde_json::{Map, Value};

use crate::pages;

/// Certificates that one transaction writes the entries of.
const BATCH: usize = 100;

/// List certificates: all of the body, or those that have every member named.
///
/// A line each: code, whether it holds, product, client.
///
/// Exit codes: 0 done, 1 refused, 2 wrong usage or input, 3 the network cannot be reached, 4 anything else.
#[derive(clap::Args)]
pub struct ListArgs {
    /// The product's GTIN, of 8, 12, 13 or 14 digits.
    #[arg(long, value_parser = gtin)]
    gtin: Option<String>,
    /// The product's batch or lot.
    #[arg(long)]
    batch: Option<String>,
    /// The product's serial number.
    #[arg(long)]
    serial: Option<String>,
    /// The client, by LEI or EORI number.
    #[arg(long, value_name = "LEI|EORI")]
    client: Option<String>,
    /// The scheme's id.
    #[arg(long, value_name = "URI")]
    scheme: Option<String>,
    /// The application on which it was granted.
    #[arg(long, value_name = "APPLICATION", value_parser = parse_code)]
    application: Option<Code>,
    /// Only those of this result.
    #[arg(long, value_parser = Verdict::RESULTS)]
    result: Option<String>,
    /// Those that the body took over from one that has ended. `cert show` with that one's chaincode says whether they hold.
    #[arg(long, conflicts_with_all = ["gtin", "batch", "serial", "client", "scheme", "application", "result"])]
    taken_over: bool,
}

/// Make certificates that were issued before version 0.2 of the contract found by product, client and scheme.
///
/// Later ones are found from their issue on. A run that was cut short is run again: what is there already stays as it is.
/// For a decision-maker or administrator of the body, or a service. By default as User1 of CertBody.
///
/// Exit codes: 0 done, 1 refused, 2 wrong usage or input, 3 the network cannot be reached, 4 anything else.
#[derive(clap::Args)]
pub struct IndexArgs {}

pub async fn list(args: ListArgs, network: &Network, json: bool) -> Result<Exit, Failure> {
    if args.taken_over {
        return taken_over(network, json).await;
    }
    let found = all(network, args.wanted()).await?;
    if json {
        output::json(&found)?;
        return Ok(Exit::Ok);
    }
    found.iter().try_for_each(|certificate| {
        let cause = text_at(certificate, "/verdict/reasons/0/cause");
        let result = match (cause.as_str(), certificate.get("bodyEnded")) {
            ("", None) => text_at(certificate, "/verdict/result"),
            // A successor may have stopped it: `cert show` asks there too.
            ("", Some(_)) => "body ended: cert show".to_owned(),
            _ => cause,
        };
        let shown = texts_at(certificate, &["/product/name", "/product/batch", "/client/name"]);
        output::line(format!("{}  {result}  {shown}", text_at(certificate, "/certificate")))
    })?;
    Ok(Exit::Ok)
}

async fn taken_over(network: &Network, json: bool) -> Result<Exit, Failure> {
    let contract = network.contract(OFFICER).await?;
    let found = pages::all("adoptions", |bookmark| contract.certificate_adoptions(bookmark)).await?;
    if json {
        output::json(&found)?;
        return Ok(Exit::Ok);
    }
    found.iter().try_for_each(|adoption| {
        let [code, body, since, why] = ["/certificate", "/body", "/adopted/effectiveAt", "/adopted/reason"]
            .map(|member| text_at(adoption, member));
        output::line(format!("{code}  from {body} since {since}: {why}"))
    })?;
    Ok(Exit::Ok)
}

pub async fn index(_: IndexArgs, network: &Network, json: bool) -> Result<Exit, Failure> {
    let found = all(network, Map::new()).await?;
    let code = |certificate: &Value| parse_code(certificate.get("certificate")?.as_str()?).ok();
    let codes: Vec<Code> = found.iter().filter_map(code).collect();
    let contract = network.contract(OFFICER).await?;
    for batch in codes.chunks(BATCH) {
        contract::submit(contract.certificate_index(batch)).await?;
    }
    if json {
        output::json(&serde_json::json!({"certificates": codes.len()}))?;
    } else {
        output::rows(&[("certificates", codes.len().to_string())])?;
    }
    Ok(Exit::Ok)
}

async fn all(network: &Network, wanted: Map<String, Value>) -> Result<Vec<Value>, Failure> {
    let contract = network.contract(OFFICER).await?;
    let ask = |bookmark: Option<&str>| {
        let mut request = wanted.clone();
        request.extend(bookmark.map(|bookmark| ("bookmark".to_owned(), bookmark.into())));
        contract.certificate_list(&request.into())
    };
    pages::all("certificates", ask).await
}

impl ListArgs {
    fn wanted(self) -> Map<String, Value> {
        let members = [
            ("gtin", self.gtin),
            ("batch", self.batch),
            ("serial", self.serial),
            ("client", self.client),
            ("scheme", self.scheme),
            ("application", self.application.map(|application| application.to_string())),
            ("result", self.result),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))).collect()
    }
}

fn gtin(text: &str) -> Result<String, String> {
    to_gtin14(text)
        .ok_or_else(|| format!("{text} is no GTIN: 8, 12, 13 or 14 digits, the last of them the check digit"))
}
