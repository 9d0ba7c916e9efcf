//! Writes the man pages and the shells' completions of `nanotrace` into a folder, from its command line as clap knows it:
//! `cargo run --release --example manual -- FOLDER`. `scripts/package` puts them into the packages.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Command, Parser};
use clap_complete::Shell;
use clap_mangen::Man;

/// What stands at the foot of each page.
const SOURCE: &str = concat!("NanoTrace ", env!("CARGO_PKG_VERSION"));

/// Write man pages and completions of nanotrace.
#[derive(Parser)]
struct Args {
    /// Where to write them: the pages to man/, the completions to completions/.
    folder: PathBuf,
}

fn main() -> io::Result<()> {
    let Args { folder } = Args::parse();
    let (pages, completions) = (folder.join("man"), folder.join("completions"));
    fs::create_dir_all(&pages)?;
    fs::create_dir_all(&completions)?;
    // A page for each `help` subcommand would say nothing.
    let mut command = nanotrace::command().disable_help_subcommand(true);
    command.build();
    write_pages(&command, &pages)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut nanotrace::command(), "nanotrace", &completions)?;
    }
    Ok(())
}

/// One page for the command and one for each subcommand below it, named as `man` looks for them: `nanotrace-cert-issue`.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    Man::new(command.clone()).source(SOURCE).manual("NanoTrace").generate_to(folder)?;
    command.get_subcommands().try_for_each(|subcommand| write_pages(subcommand, folder))
}
