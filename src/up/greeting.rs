//! What `up` tells the person who started it.

use std::{
    env, fs,
    io::{self, IsTerminal, stdout},
    path::Path,
    time::Duration,
};

use certificate::{Code, DateTime};
use durable::Access;
use ledger::{Loss, Recovery};
use node::Node;
use peer_client::ConnectionProfile;
use verifier::{BaseUrl, link, product_link, qr::Qr};

use super::{portal::Portal, servers::Public};
use crate::{
    cert::{output, subject},
    demo,
    exit::Failure,
};

/// Prints where everything is and, where there is one, the demonstration certificate with its QR code.
pub fn print(
    data_dir: &Path,
    profile: &ConnectionProfile,
    node: &Node,
    public: &Public,
    portal: Option<&Portal>,
    elapsed: Duration,
) -> Result<(), Failure> {
    output::line("NanoTrace is running. Ctrl-C stops it.\n")?;
    print_recovery(&node.recovery)?;
    print_restored(node)?;
    let block = node.channel.ledger().height().saturating_sub(1);
    output::line(format!("  channel      {} at block {block}", profile.channel))?;
    output::line(format!("  genesis      {}", profile.genesis))?;
    output::line(format!("  verifier     {}", public.base))?;
    if let Some(portal) = portal {
        output::line(format!("  portal       {}", portal.base))?;
    }
    output::line(format!("  operations   http://{}/metrics", public.operations))?;
    for organisation in &profile.organisations {
        output::line(format!("  gateway      {:<22} {}", organisation.gateway.address, organisation.name))?;
    }
    output::line(format!("  orderer      {}", profile.orderer.address))?;
    output::line(format!("  data         {}", data_dir.display()))?;
    output::line(format!("  ready after  {} ms", elapsed.as_millis()))?;
    if let Some(portal) = portal {
        print_entrances(portal)?;
    }
    match fs::read(demo::certificate_file(profile)) {
        Ok(document) => print_certificate(data_dir, profile, &public.base, &document),
        Err(_) => Ok(()),
    }
}

/// Prints how the people of the portal get in.
fn print_entrances(portal: &Portal) -> Result<(), Failure> {
    let demonstration = "The portal is a demonstration: one serves all organisations. Each of these links lets in once; \
                         passkeys let in later. It has the keys of the authorities and of the bodies' signers with it.";
    output::line(format!("\n{demonstration}\n"))?;
    for entrance in &portal.entrances {
        output::line(format!("  {:<14} {}", entrance.part, entrance.link))?;
    }
    output::line(format!("  {:<14} {}/outbox", "mails", portal.base))
}

/// Says what opening the ledger had to mend; nothing after a clean stop.
fn print_recovery(recovery: &Recovery) -> Result<(), Failure> {
    if let Some(torn) = &recovery.torn {
        let (bytes, segment) = (torn.bytes, torn.segment.display());
        output::line(format!("  recovered    cut off {bytes} bytes of an interrupted write in {segment}"))?;
    }
    if let Some(aside) = &recovery.set_aside {
        output::line(format!("  set aside    what is left of lost blocks, in {}", aside.display()))?;
    }
    if recovery.replayed > 0 {
        output::line(format!("  recovered    {} blocks from the block log", recovery.replayed))?;
    }
    Ok(())
}

/// Says that the orderer waits for its operator's word, and which blocks that was ever given up for.
fn print_restored(node: &Node) -> Result<(), Failure> {
    for Loss { after, at, .. } in &node.losses {
        let at = DateTime::from_seconds(*at);
        output::line(format!(
            "  given up     what may have followed block {after}, by the operator's word of {at}"
        ))?;
    }
    match node.channel.held() {
        Some(reason) => output::line(format!("  not ready    {reason}")),
        None => Ok(()),
    }
}

fn print_certificate(
    data_dir: &Path,
    profile: &ConnectionProfile,
    base: &BaseUrl,
    document: &[u8],
) -> Result<(), Failure> {
    let doing = "showing the demonstration certificate";
    let Ok(code) = subject::code_of(document) else { return Ok(()) };
    let address = link::qr_address(base, code, product_link(document).as_ref());
    let qr = Qr::new(&address).map_err(|error| Failure::during(doing, error))?;
    let folder = demo::folder(profile);
    let (svg, png) = (folder.join("qr.svg"), folder.join("qr.png"));
    let image = qr.png().map_err(|error| Failure::during(doing, error))?;

    output::line("\nThe demonstration certificate\n")?;
    output::line(format!("  code         {}", code.grouped()))?;
    output::line(format!("  page         {}", link::page_address(base, code)))?;
    output::line(format!("  document     {}", demo::certificate_file(profile).display()))?;
    let drawn = store(&svg, qr.svg(&[base.authority(), &code.grouped()]).as_bytes());
    match drawn.and_then(|()| store(&png, &image)) {
        Ok(()) => output::line(format!("  QR code      {} and {}\n", svg.display(), png.display()))?,
        // The network runs, and the page has the code too.
        Err(error) => output::line(format!("  QR code      could not be written: {error}\n"))?,
    }
    output::bytes(format!("{}\n", qr.terminal(stdout().is_terminal())).as_bytes())?;
    print_next_steps(data_dir, base, code)
}

/// Writes a drawing, unless it is there from an earlier start.
fn store(path: &Path, content: &[u8]) -> io::Result<()> {
    match fs::read(path) {
        Ok(found) if found == content => Ok(()),
        _ => durable::write(path, content, Access::Owner),
    }
}

fn print_next_steps(data_dir: &Path, base: &BaseUrl, code: Code) -> Result<(), Failure> {
    let here = match data_dir == super::default_data_dir() {
        true => String::new(),
        false => format!(" --data-dir {}", quoted(&data_dir.display().to_string())),
    };
    let accreditation = "--org Accreditation --user User1";
    output::line("What to try next\n")?;
    let nanotrace = program();
    output::line(format!("  open {}", link::page_address(base, code)))?;
    output::line(format!("  {nanotrace} status{here}"))?;
    output::line(format!("  {nanotrace} demo{here}"))?;
    output::line(format!("  {nanotrace} cert show {code}{here}"))?;
    output::line(format!("  {nanotrace} cert stop {code} {accreditation} --reason \"a closer look\"{here}"))?;
    output::line(format!("  {nanotrace} cert lift {code} {accreditation} --reason \"all is well\"{here}"))?;
    output::line(format!("  {nanotrace} bench{here}"))?;
    if base.is_loopback() {
        output::line(
            "\nThe QR code leads to this machine alone. For phones, start with --verifier 0.0.0.0:8080 and \
             --public-url http://<this machine's address>:8080",
        )?;
    }
    Ok(())
}

/// What a shell calls this program by: its name where the shell finds this very program under it, else its path.
fn program() -> String {
    let name = "nanotrace";
    let found = env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    let Ok(this) = env::current_exe() else { return name.to_owned() };
    match found.and_then(|path| path.canonicalize().ok()) == this.canonicalize().ok() {
        true => name.to_owned(),
        false => quoted(&this.display().to_string()),
    }
}

/// A word for a shell, in quotation marks only where it needs them.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+".contains(&byte);
    if word.bytes().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_where_a_shell_would_split_it() {
        assert_eq!(quoted("/home/anna/.cache/nanotrace"), "/home/anna/.cache/nanotrace");
        assert_eq!(quoted("/home/anna b/it's"), r"'/home/anna b/it'\''s'");
    }
}
