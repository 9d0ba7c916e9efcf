//! Asks the person at the terminal before something that cannot be undone.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::exit::Failure;

/// Asks on standard error, so that standard output stays what scripts expect; the answer in lower case. Where
/// there is no terminal to answer at, the command is refused and names --yes, which its caller must have.
pub fn ask(question: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::usage(format!("{question}\nNobody is there to answer: confirm with --yes")));
    }
    let asking = |error| Failure::during("asking", error);
    let mut terminal = io::stderr();
    write!(terminal, "{question} ").and_then(|()| terminal.flush()).map_err(asking)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(asking)?;
    Ok(answer.trim().to_lowercase())
}
