//! What `up` tells the person who started it.

use std::{
    env, fs,
    io::{IsTerminal, stdout},
    path::Path,
    time::Duration,
};

use certificate::Code;
use network::{ledger::Recovery, node::Node};
use peer_client::ConnectionProfile;
use verifier::{BaseUrl, link, product_link, qr::Qr};

use super::demonstration;
use crate::exit::Failure;

/// Prints where everything is and, where there is one, the demonstration certificate with its QR code.
pub fn print(
    data_dir: &Path,
    profile: &ConnectionProfile,
    node: &Node,
    base: &BaseUrl,
    elapsed: Duration,
) -> Result<(), Failure> {
    println!("NanoTrace is running. Ctrl-C stops it.\n");
    print_recovery(&node.recovery);
    println!(
        "  channel      {} at block {}",
        profile.channel,
        node.channel.ledger().height().saturating_sub(1)
    );
    println!("  genesis      {}", profile.genesis);
    println!("  verifier     {base}");
    for organisation in &profile.organisations {
        println!("  gateway      {:<22} {}", organisation.gateway.address, organisation.name);
    }
    println!("  orderer      {}", profile.orderer.address);
    println!("  data         {}", data_dir.display());
    println!("  ready after  {} ms", elapsed.as_millis());
    if let Ok(document) = fs::read(demonstration::certificate_file(data_dir)) {
        print_certificate(data_dir, base, &document)?;
    }
    Ok(())
}

/// Says what opening the ledger had to mend; nothing after a clean stop.
fn print_recovery(recovery: &Recovery) {
    if let Some(torn) = &recovery.torn {
        println!(
            "  recovered    cut off {} bytes of an interrupted write in {}",
            torn.bytes,
            torn.segment.display()
        );
    }
    if let Some(aside) = &recovery.set_aside {
        println!("  set aside    what is left of lost blocks, in {}", aside.display());
    }
    if recovery.replayed > 0 {
        println!("  recovered    {} blocks from the block log", recovery.replayed);
    }
}

fn print_certificate(data_dir: &Path, base: &BaseUrl, document: &[u8]) -> Result<(), Failure> {
    let doing = "showing the demonstration certificate";
    let Some(code) = demonstration::code_of(document) else { return Ok(()) };
    let address = link::qr_address(base, code, product_link(document).as_ref());
    let qr = Qr::new(&address).map_err(|error| Failure::during(doing, error))?;
    let folder = data_dir.join(demonstration::FOLDER);
    let (svg, png) = (folder.join("qr.svg"), folder.join("qr.png"));
    let host = base.authority();
    fs::write(&svg, qr.svg(&[host, &code.grouped()]))
        .map_err(|error| Failure::during(svg.display(), error))?;
    let image = qr.png().map_err(|error| Failure::during(doing, error))?;
    fs::write(&png, image).map_err(|error| Failure::during(png.display(), error))?;

    println!("\nThe demonstration certificate\n");
    println!("  code         {}", code.grouped());
    println!("  page         {}", link::page_address(base, code));
    println!("  document     {}", demonstration::certificate_file(data_dir).display());
    println!("  QR code      {} and {}\n", svg.display(), png.display());
    println!("{}", qr.terminal(stdout().is_terminal()));
    print_next_steps(data_dir, base, code);
    Ok(())
}

fn print_next_steps(data_dir: &Path, base: &BaseUrl, code: Code) {
    let here = match data_dir == super::default_data_dir() {
        true => String::new(),
        false => format!(" --data-dir {}", data_dir.display()),
    };
    let accreditation = "--org Accreditation --user User1";
    println!("What to try next\n");
    if let Some(alias) = alias() {
        println!("  {alias}");
    }
    println!("  open {}", link::page_address(base, code));
    println!("  nanotrace status{here}");
    println!("  nanotrace cert show {code}{here}");
    println!("  nanotrace cert stop {code} {accreditation} --reason \"a closer look\"{here}");
    println!("  nanotrace cert lift {code} {accreditation} --reason \"all is well\"{here}");
    println!("  nanotrace bench{here}");
    if base.is_loopback() {
        println!(
            "\nThe QR code leads to this machine alone. For phones, start with --verifier 0.0.0.0:8080 and \
             --public-url http://<this machine's address>:8080"
        );
    }
}

/// How the shell learns this program's name, where it does not know it: the build leaves the program where no
/// shell looks.
fn alias() -> Option<String> {
    let folders = env::var_os("PATH").unwrap_or_default();
    let is_known = env::split_paths(&folders).any(|folder| folder.join("nanotrace").is_file());
    let program = env::current_exe().ok().filter(|_| !is_known)?;
    Some(format!("alias nanotrace='{}'", program.display()))
}
