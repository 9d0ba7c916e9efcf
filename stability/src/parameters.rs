//! All that a person says of a file beside its data, in a line: the options of `nanotrace q1e`. What is computed of a file and its
//! parameters is the same wherever that is done.

use std::{fmt, str::FromStr};

use serde::Serialize;

use crate::{
    evaluation::{Evaluation, ShelfLife, evaluate},
    fit::NotEnough,
    options::{CapRule, Limits, Options, OptionsError, Unit},
    plot,
    table::{self, Reading, Table, TableError},
};

/// How a file is read and evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameters {
    pub reading: Reading,
    pub lower: Option<f64>,
    pub upper: Option<f64>,
    pub unit: Unit,
    /// None takes [`CapRule::Twice`], where times are in months.
    pub cap: Option<CapRule>,
    pub claim_cap: bool,
}

/// Why parameters are none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParametersError {
    #[error("--lower, --upper: {0}")]
    Limits(#[from] OptionsError),
    #[error("the cap is in months: with --unit {0} there is none")]
    NoCap(String),
    #[error("--claim-cap claims the cap, and --cap none says that there is none")]
    NothingToClaim,
    #[error("{0:?} is no option with its value")]
    Option(String),
    #[error("a quote is not closed")]
    Quote,
}

/// Why a file and its parameters have no answer.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    NotEnough(#[from] NotEnough),
}

/// What is computed of a file and its parameters.
pub struct Answer {
    pub table: Table,
    pub evaluation: Evaluation,
}

impl Parameters {
    /// How a study is evaluated.
    ///
    /// # Errors
    /// Options do not go together.
    pub fn options(&self) -> Result<Options, ParametersError> {
        let is_capped = self.cap.is_some_and(|cap| cap != CapRule::None);
        if !self.unit.is_months() && (is_capped || self.claim_cap) {
            return Err(ParametersError::NoCap(self.unit.name().to_owned()));
        }
        if self.cap == Some(CapRule::None) && self.claim_cap {
            return Err(ParametersError::NothingToClaim);
        }
        Ok(Options {
            limits: Limits::new(self.lower, self.upper)?,
            unit: self.unit.clone(),
            cap: self.cap.unwrap_or(CapRule::Twice),
            claim_cap: self.claim_cap,
        })
    }

    /// Reads and evaluates a file. `watch` is told how many rows are read, and says whether to go on.
    ///
    /// # Errors
    /// The file cannot be read, or no line be fitted.
    pub fn answer(&self, bytes: &[u8], watch: &mut dyn FnMut(u64) -> bool) -> Result<Answer, AnswerError> {
        let options = self.options()?;
        let table = table::read_watched(bytes, &self.reading, watch)?;
        let mut evaluation = evaluate(&table.study, &options)?;
        evaluation.warnings.extend(self.other_unit(&table));
        Ok(Answer { table, evaluation })
    }

    /// Days that are read as months make a shelf life thirty times too long.
    fn other_unit(&self, table: &Table) -> Option<String> {
        let (column, unit) = (&table.time, self.unit.name());
        table::tells_another_unit(column, unit).then(|| {
            format!("the times are read as {unit}, but their column is called {column:?}: see --unit")
        })
    }

    /// The options and their values, in one order.
    fn words(&self) -> Vec<(&'static str, Option<String>)> {
        let Reading { batch, time, result, only, decimal_comma } = &self.reading;
        let mut words = Vec::new();
        let mut valued = |option, value: Option<String>| words.extend(value.map(|it| (option, Some(it))));
        valued("--lower", self.lower.map(|limit| limit.to_string()));
        valued("--upper", self.upper.map(|limit| limit.to_string()));
        valued("--batch", batch.clone());
        valued("--time", time.clone());
        valued("--result", result.clone());
        only.iter().for_each(|(column, cell)| valued("--where", Some(format!("{column}={cell}"))));
        valued("--unit", (!self.unit.is_months()).then(|| self.unit.name().to_owned()));
        valued("--cap", self.cap.map(|cap| cap.name().to_owned()));
        words.extend(decimal_comma.then_some(("--decimal-comma", None)));
        words.extend(self.claim_cap.then_some(("--claim-cap", None)));
        words
    }

    fn set(&mut self, option: &str, value: Option<String>) -> Option<()> {
        let reading = &mut self.reading;
        match (option, value) {
            ("--lower", Some(limit)) => self.lower = Some(limit.parse().ok()?),
            ("--upper", Some(limit)) => self.upper = Some(limit.parse().ok()?),
            ("--batch", Some(name)) => reading.batch = Some(name),
            ("--time", Some(name)) => reading.time = Some(name),
            ("--result", Some(name)) => reading.result = Some(name),
            ("--where", Some(condition)) => {
                let (column, cell) = condition.split_once('=')?;
                reading.only.push((column.to_owned(), cell.to_owned()));
            }
            ("--unit", Some(unit)) => self.unit = Unit::named(&unit).ok()?,
            ("--cap", Some(cap)) => self.cap = Some(CapRule::named(&cap)?),
            ("--decimal-comma", None) => reading.decimal_comma = true,
            ("--claim-cap", None) => self.claim_cap = true,
            _ => return None,
        }
        Some(())
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            reading: Reading::default(),
            lower: None,
            upper: None,
            unit: Unit::months(),
            cap: None,
            claim_cap: false,
        }
    }
}

/// The options as a shell takes them.
impl fmt::Display for Parameters {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (option, value)) in self.words().into_iter().enumerate() {
            let blank = if at == 0 { "" } else { " " };
            match value {
                None => write!(out, "{blank}{option}")?,
                // What begins with a hyphen would be read as an option.
                Some(value) if value.starts_with('-') => write!(out, "{blank}{option}={}", quoted(&value))?,
                Some(value) => write!(out, "{blank}{option} {}", quoted(&value))?,
            }
        }
        Ok(())
    }
}

impl FromStr for Parameters {
    type Err = ParametersError;

    fn from_str(line: &str) -> Result<Self, ParametersError> {
        let (mut parameters, mut words) = (Self::default(), unquoted(line)?.into_iter().peekable());
        while let Some(word) = words.next() {
            let (option, value) = match word.split_once('=') {
                Some((option, value)) => (option.to_owned(), Some(value.to_owned())),
                None => (word.clone(), words.next_if(|next| !next.starts_with('-'))),
            };
            parameters.set(&option, value).ok_or(ParametersError::Option(word))?;
        }
        Ok(parameters)
    }
}

/// A word for a shell: in single quotes, unless it is of such characters alone as mean nothing to one.
fn quoted(word: &str) -> String {
    let is_plain = |it: char| it.is_alphanumeric() || "-_.,:/@%+".contains(it);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// The words of a line, as a shell would read what [`quoted`] wrote.
fn unquoted(line: &str) -> Result<Vec<String>, ParametersError> {
    let (mut words, mut word, mut is_in_quotes) = (Vec::new(), None::<String>, false);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match character {
            '\'' => {
                is_in_quotes = !is_in_quotes;
                word.get_or_insert_default();
            }
            ' ' if !is_in_quotes => words.extend(word.take()),
            '\\' if !is_in_quotes => word.get_or_insert_default().extend(characters.next()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    if is_in_quotes { Err(ParametersError::Quote) } else { Ok(words) }
}

/// An evaluation, and which columns it is of.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Printed<'a> {
    time_column: &'a str,
    result_column: &'a str,
    rows_left_out: u64,
    #[serde(flatten)]
    evaluation: &'a Evaluation,
}

impl Answer {
    /// All of it with all digits, as `nanotrace q1e --json` prints it, its last line end apart. Characters that a reader may not see
    /// are escaped.
    ///
    /// # Errors
    /// None: there is nothing in it that JSON has no form for.
    pub fn json(&self) -> Result<String, serde_json::Error> {
        let Table { time, result, left_out, .. } = &self.table;
        let printed = Printed {
            time_column: time,
            result_column: result,
            rows_left_out: *left_out,
            evaluation: &self.evaluation,
        };
        Ok(escaped(&serde_json::to_string_pretty(&printed)?))
    }

    pub fn svg(&self) -> String {
        plot::svg(&self.table.study, &self.evaluation, &self.table.result)
    }

    /// In words, as `nanotrace q1e` prints it.
    pub fn text(&self) -> String {
        let Table { result, left_out, .. } = &self.table;
        let left_out = if *left_out == 0 { String::new() } else { format!("; {left_out} rows left out") };
        let evaluation = self.evaluation.to_string();
        format!("Shelf life by ICH Q1E, appendix B: {result}{left_out}\n\n{}", evaluation.trim_end())
    }

    /// What it comes to, in a line for a document: whole units, exactly, and how it was computed.
    pub fn statement(&self, parameters: &Parameters) -> String {
        let came_to = match &self.evaluation.shelf_life {
            ShelfLife::Estimated { whole, exact, .. } => {
                format!("{whole} {} ({exact})", self.evaluation.unit.name())
            }
            ShelfLife::NotEstimable { reason } => format!("not estimable: {reason}"),
        };
        format!("{STATEMENT}{came_to}; {COMMAND} {parameters}")
    }
}

/// How a line begins that says what a study came to.
pub const STATEMENT: &str = "ICH Q1E: ";
/// With which command anybody computes it again.
pub const COMMAND: &str = "nanotrace q1e FILE";

/// Beyond ASCII, nothing but letters and digits stays as it is. None of the other characters can stand outside of a text.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character == '\u{7f}' || !(character.is_ascii() || character.is_alphanumeric()) {
            let units = character
                .encode_utf16(&mut [0; 2])
                .iter()
                .map(|unit| format!("\\u{unit:04x}"))
                .collect::<String>();
            out.push_str(&units);
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    fn parameters(line: &str) -> Parameters {
        line.parse().unwrap()
    }

    proptest! {
        #[test]
        fn parameters_are_read_as_they_are_written(
            names in prop::collection::vec(prop::option::of("[ -~ä€\u{202e}']{0,12}"), 3),
            only in prop::collection::vec(("[a-z -]{0,5}", "[ -~]{0,9}"), 0..3),
            (lower, upper) in (prop::option::of(-1e50_f64..1e50), prop::option::of(-1e-40_f64..1e-40)),
            (decimal_comma, claim_cap, cap, is_months) in (any::<bool>(), any::<bool>(), 0..4_usize, any::<bool>()),
        ) {
            let [batch, time, result] = <[_; 3]>::try_from(names).unwrap();
            let cap = [None, Some(CapRule::Twice), Some(CapRule::OneAndAHalf), Some(CapRule::None)].get(cap).copied().unwrap();
            let unit = if is_months { Unit::months() } else { Unit::named("Tage").unwrap() };
            let reading = Reading { batch, time, result, only, decimal_comma };
            let written = Parameters { reading, lower, upper, unit, cap, claim_cap };
            prop_assert_eq!(written.to_string().parse::<Parameters>().unwrap(), written);
        }
    }

    #[test]
    fn parameters_are_a_line_for_a_shell() {
        let line = "--lower=-0.5 --upper 95 --batch 'Batch No' --where 'storage=25C/60%RH' --unit days --decimal-comma";
        assert_eq!(parameters(line).to_string(), line);
        let quote = Parameters {
            reading: Reading { result: Some("it's $(x)".into()), ..Reading::default() },
            ..Parameters::default()
        };
        assert_eq!(quote.to_string(), r"--result 'it'\''s $(x)'");
        for wrong in
            ["--lower", "--lower x", "95", "--json", "--claim-cap 1", "--cap 3x", "--where a", "--batch 'a"]
        {
            assert!(wrong.parse::<Parameters>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_a_reader_may_not_see_is_escaped() {
        let file = "batch,month,\u{202e}x\u{7f}µ≤\u{e0041}\nGröße\u{200b},0,9\nGröße\u{200b},6,8\nGröße\u{200b},12,7.1\n";
        let answer = parameters("--lower 5").answer(file.as_bytes(), &mut |_| true).unwrap();
        let json = answer.json().unwrap();
        let is_plain = |it: char| it == '\n' || (' '..='~').contains(&it) || it.is_alphanumeric();
        assert!(json.chars().all(is_plain) && json.contains("Größe\\u200b"), "{json}");
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read.get("resultColumn").unwrap(), "\u{202e}x\u{7f}µ≤\u{e0041}");
    }

    #[test]
    fn a_statement_says_what_came_of_which_command() {
        let file = b"batch,month,x\na,0,100\na,6,98\na,12,96.1\n";
        let said = |line: &str| {
            let parameters = parameters(line);
            parameters.answer(file, &mut |_| true).unwrap().statement(&parameters)
        };
        let statement = said("--lower 95 --cap none");
        assert!(statement.starts_with("ICH Q1E: 14 months (14."), "{statement}");
        assert!(statement.ends_with("); nanotrace q1e FILE --lower 95 --cap none"), "{statement}");
        assert_eq!(
            said("--lower 101"),
            "ICH Q1E: not estimable: outside the limit at release; nanotrace q1e FILE --lower 101"
        );
    }

    #[test]
    fn who_watches_can_stop_it() {
        let mut seen = Vec::new();
        let file = "batch,month,x\n".to_owned() + &"a,0,1\n".repeat(25_000);
        let stopped = parameters("--lower 0").answer(file.as_bytes(), &mut |rows| {
            seen.push(rows);
            rows < 20_000
        });
        assert!(matches!(stopped, Err(AnswerError::Table(TableError::Stopped))));
        assert_eq!(seen, [0, 10_000, 20_000]);
    }
}
