//! `cert qr`: the label of a certificate.

use std::{
    fs,
    io::{IsTerminal, stdout},
    path::{Path, PathBuf},
};

use certificate::Code;
use serde_json::json;
use verifier::{BaseUrl, link, product_link, qr::Qr};

use super::{
    files,
    network::{Network, OFFICER},
    output,
    subject::{self, Subject},
};
use crate::exit::{Exit, Failure};

/// Draw a certificate's QR code in the terminal, and write it as SVG and PNG.
///
/// It carries the verifier's address and the certificate's code, after a GS1 Digital Link where the product has a
/// number and is listed. From a signed document's file it needs no network.
#[derive(clap::Args)]
pub struct Args {
    /// The certificate's code, or the file of its signed document.
    #[arg(value_parser = subject::parse, value_name = "CODE|FILE")]
    certificate: Subject,
    /// The verifier's public address. [default: the connection profile's]
    #[arg(long, value_name = "URL")]
    url: Option<BaseUrl>,
    /// The folder to write CODE.svg and CODE.png to.
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// Replace files that are there and hold something else.
    #[arg(long)]
    force: bool,
    /// Write no files.
    #[arg(long)]
    no_files: bool,
}

pub async fn run(args: Args, network: &Network, json: bool) -> Result<Exit, Failure> {
    let base = match args.url {
        Some(url) => url,
        None => public_address(network)?,
    };
    let contract = match &args.certificate {
        Subject::File(_) => None,
        Subject::Code(_) => Some(network.contract(OFFICER).await?),
    };
    let document = subject::document(&args.certificate, contract.as_ref()).await?.bytes;
    let code = subject::code_of(&document)?;
    let address = link::qr_address(&base, code, product_link(&document).as_ref());
    let qr = Qr::new(&address).map_err(|error| Failure::usage(error.to_string()))?;

    let written = match args.no_files {
        true => Vec::new(),
        false => write(&args.out, code, &qr, &[base.authority(), &code.grouped()], args.force)?,
    };
    if json {
        output::json(&json!({ "certificate": code, "address": address, "files": written }))?;
        return Ok(Exit::Ok);
    }
    output::bytes(format!("{}\n", qr.terminal(stdout().is_terminal())).as_bytes())?;
    output::rows(&[("address", address), ("code", code.grouped())])?;
    written.iter().try_for_each(|file| output::line(format!("written  {}", file.display())))?;
    Ok(Exit::Ok)
}

fn write(
    folder: &Path,
    code: Code,
    qr: &Qr,
    captions: &[&str],
    force: bool,
) -> Result<Vec<PathBuf>, Failure> {
    let made = fs::create_dir_all(folder);
    made.map_err(|error| Failure::during(format!("making the folder {}", folder.display()), error))?;
    let svg = folder.join(format!("{code}.svg"));
    files::write(Some(&svg), qr.svg(captions).as_bytes(), force)?;
    let png = folder.join(format!("{code}.png"));
    let image = qr.png().map_err(|error| Failure::during("drawing the PNG", error))?;
    files::write(Some(&png), &image, force)?;
    Ok(vec![svg, png])
}

fn public_address(network: &Network) -> Result<BaseUrl, Failure> {
    let address = network.profile()?.verifier.unwrap_or_default();
    address.parse().map_err(|error: verifier::BaseUrlError| {
        Failure::usage(format!("the connection profile names no verifier: give --url ({error})"))
    })
}
