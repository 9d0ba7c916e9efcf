//! `nanotrace q1e`: a shelf life from a file of stability data, so that anybody can compute an expiry again.
//!
//! What is computed, read and drawn is [`stability`]'s; here are arguments, files, output and exit codes.

#![deny(clippy::print_stdout, clippy::print_stderr)]

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use commands::{
    exit::{Exit, Failure},
    files, output,
};
use stability::{
    Answer, AnswerError, CapRule, Parameters, ShelfLife, Unit,
    table::{MAXIMUM_BYTES, Reading, Role, TableError},
};

/// Compute a shelf life from stability data by ICH Q1E, and say what it rests on.
///
/// FILE is CSV: a header, then one result a row, with its batch and the time after release. It prints the tests for
/// pooling of batches, the model that they choose, its lines, where the 95 % bounds cross the limits, the worst batch,
/// the cap on extrapolation and the shelf life. It needs no network.
///
/// Exit codes: 0 there is a shelf life, 1 it is not estimable, 2 the file or the command line is wrong, 4 anything else.
#[derive(clap::Args)]
#[command(group = clap::ArgGroup::new("limits").args(["lower", "upper"]).required(true).multiple(true))]
pub struct Args {
    /// The file; `-` is standard input. Columns are separated by commas, semicolons or tabs.
    file: PathBuf,
    /// The lower limit: results must not fall below it.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    lower: Option<f64>,
    /// The upper limit: results must not rise above it. With both limits the bounds are two-sided.
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    upper: Option<f64>,
    /// The column with the batches. [default: batch or lot]
    #[arg(long, value_name = "COLUMN")]
    batch: Option<String>,
    /// The column with the times. [default: time, month or months]
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// The column with the results. [default: the one that is left]
    #[arg(long, value_name = "COLUMN")]
    result: Option<String>,
    /// Take only rows with this text in this column, such as storage=25C/60%RH. Given several times, all must hold.
    #[arg(long = "where", value_name = "COLUMN=TEXT", value_parser = condition)]
    only: Vec<(String, String)>,
    /// Numbers have decimal commas.
    #[arg(long)]
    decimal_comma: bool,
    /// The unit of the times. The cap on extrapolation is in months: any other unit turns it off.
    #[arg(long, value_name = "UNIT", value_parser = Unit::named, default_value = "months")]
    unit: Unit,
    /// How far beyond the time X of the shortest batch the shelf life may reach. Which rule applies depends on accelerated data
    /// and on the storage condition, which the file does not tell (ICH Q1E, 2.4 and 2.5). [default: 2x]
    #[arg(long, value_enum)]
    cap: Option<CapArgument>,
    /// Where no bound crosses a limit, claim the cap as the shelf life: a person's judgement.
    #[arg(long)]
    claim_cap: bool,
    /// Draw data, lines, bound and limits as SVG.
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// Replace a drawing that is there.
    #[arg(long, requires = "plot")]
    force: bool,
    /// Print JSON, with all digits.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum CapArgument {
    /// min(2X, X + 12): accelerated and long-term data show little change or are analysed.
    #[value(name = "2x")]
    Twice,
    /// min(1.5X, X + 6): accelerated data show a significant change, or the product is stored in a refrigerator.
    #[value(name = "1.5x")]
    OneAndAHalf,
    /// No cap.
    None,
}

pub fn run(args: Args) -> Result<Exit, Failure> {
    let answer = answer(&args)?;
    if let Some(path) = &args.plot {
        files::write(Some(path), answer.svg().as_bytes(), args.force)?;
    }
    print(&answer, args.json)?;
    Ok(match answer.evaluation.shelf_life {
        ShelfLife::Estimated { .. } => Exit::Ok,
        ShelfLife::NotEstimable { .. } => Exit::No,
    })
}

fn answer(args: &Args) -> Result<Answer, Failure> {
    let name = args.file.display();
    let parameters = parameters(args);
    // What is wrong with the command line is said before any file is read.
    parameters.options().map_err(|error| Failure::usage(error.to_string()))?;
    let bytes =
        bytes_of(&args.file).map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
    parameters.answer(&bytes, &mut |_| true).map_err(|error| match error {
        AnswerError::Table(error) => {
            Failure::usage(format!("{name} cannot be evaluated:\n{error}{}", advice(&error)))
        }
        error => Failure::usage(format!("{name}: {error}")),
    })
}

fn parameters(args: &Args) -> Parameters {
    let reading = Reading {
        batch: args.batch.clone(),
        time: args.time.clone(),
        result: args.result.clone(),
        only: args.only.clone(),
        decimal_comma: args.decimal_comma,
    };
    let cap = args.cap.map(|cap| match cap {
        CapArgument::Twice => CapRule::Twice,
        CapArgument::OneAndAHalf => CapRule::OneAndAHalf,
        CapArgument::None => CapRule::None,
    });
    let (lower, upper, unit) = (args.lower, args.upper, args.unit.clone());
    Parameters { reading, lower, upper, unit, cap, claim_cap: args.claim_cap }
}

/// Reads a file, of which it takes one byte more than is read of any.
fn bytes_of(path: &Path) -> io::Result<Vec<u8>> {
    let (mut bytes, limit) = (Vec::new(), MAXIMUM_BYTES as u64 + 1);
    match path.to_str() {
        Some("-") => io::stdin().take(limit).read_to_end(&mut bytes)?,
        _ => File::open(path)?.take(limit).read_to_end(&mut bytes)?,
    };
    Ok(bytes)
}

/// Which option helps.
fn advice(error: &TableError) -> &'static str {
    match error {
        TableError::Column { role: Role::Batch, .. } => "\nName the column with --batch COLUMN.",
        TableError::Column { role: Role::Time, .. } => "\nName the column with --time COLUMN.",
        TableError::Column { role: Role::Result, .. } => "\nName the column with --result COLUMN.",
        TableError::Column { role: Role::Only, .. } => "\nName a column in --where COLUMN=TEXT.",
        TableError::Rows(faults)
            if faults.first.iter().any(|fault| fault.reason.contains("decimal commas")) =>
        {
            "\nA file whose numbers all have decimal commas is read with --decimal-comma."
        }
        TableError::Rows(_) | TableError::File(_) | TableError::Stopped => "",
    }
}

fn print(answer: &Answer, json: bool) -> Result<(), Failure> {
    if json {
        let text = answer.json().map_err(|error| Failure::during("printing JSON", error))?;
        return output::line(text);
    }
    output::line(answer.text())
}

fn condition(text: &str) -> Result<(String, String), String> {
    let (column, cell) = text.split_once('=').ok_or("write COLUMN=TEXT")?;
    Ok((column.trim().to_owned(), cell.trim().to_owned()))
}
