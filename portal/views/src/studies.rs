//! Stability studies: what is asked of a file, how far it is, and what came of it.

use askama::Template;
use stability::COMMAND;
use studies::{
    State, Study,
    report::{Leaving, Line, Model, Outcome, Report, ShelfLife, Test},
};

use crate::page::{Frame, moment};

/// Rows of a table; the rest is counted, and stands in the files.
const ROWS: usize = 40;

/// The studies of a company.
#[derive(Template)]
#[template(path = "studies.html")]
pub struct StudiesPage {
    pub frame: Frame,
    pub problem: Option<String>,
    pub studies: Vec<ShownStudy>,
    /// Files that may have data: id and name.
    pub files: Vec<(String, String)>,
}

/// A study as a list shows it.
pub struct ShownStudy {
    pub id: String,
    pub title: String,
    pub state: &'static str,
    pub came_to: String,
    pub parameters: String,
    pub since: String,
    pub by: String,
}

impl From<Study> for ShownStudy {
    fn from(study: Study) -> Self {
        Self {
            came_to: came_to(&study.statement),
            id: study.id,
            title: study.title,
            state: study.state.name(),
            parameters: study.parameters,
            since: moment(study.created_at),
            by: study.by,
        }
    }
}

/// What a statement says before its command.
fn came_to(statement: &str) -> String {
    let stated = studies::Stated { row: 0, sha256: String::new(), statement: statement.to_owned() };
    stated.parts().map(|(came_to, _)| came_to.to_owned()).unwrap_or_default()
}

/// Says which column of a file is what.
#[derive(Template)]
#[template(path = "new_study.html")]
pub struct NewStudyPage {
    pub frame: Frame,
    pub problem: Option<String>,
    pub file: String,
    pub title: String,
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
    pub typed: Typed,
}

/// What was typed into that form, or stands there at first.
#[derive(Clone, Debug, Default)]
pub struct Typed {
    /// Columns by their numbers, from 1; 0 is none.
    pub batch: usize,
    pub time: usize,
    pub result: usize,
    pub only: [(usize, String); 2],
    pub decimal_comma: bool,
    pub lower: String,
    pub upper: String,
    pub unit: String,
    pub cap: String,
    pub claim_cap: bool,
}

/// A study of one's own company.
#[derive(Template)]
#[template(path = "study.html")]
pub struct StudyPage {
    pub frame: Frame,
    pub problem: Option<String>,
    pub id: String,
    pub file: String,
    pub title: String,
    pub sha256: String,
    pub parameters: String,
    pub since: String,
    pub by: String,
    pub state: State,
    /// How far it is.
    pub progress: String,
    /// What is wrong with the file, line by line.
    pub faults: Vec<String>,
    pub shown: Option<ShownReport>,
    /// Applications to which it can be attached: id and title.
    pub applications: Vec<(String, String)>,
}

impl StudyPage {
    pub fn new(
        frame: Frame,
        study: Study,
        report: Option<Report>,
        applications: Vec<(String, String)>,
    ) -> Self {
        let path = format!("/studies/{}", study.id);
        Self {
            frame,
            problem: None,
            shown: report.map(|report| ShownReport::new(&report, &study, path)),
            progress: progress(study.tries, study.rows_read),
            faults: study.said.lines().map(str::to_owned).collect(),
            id: study.id,
            file: study.file,
            title: study.title,
            sha256: study.sha256,
            parameters: study.parameters,
            since: moment(study.created_at),
            by: study.by,
            state: study.state,
            applications,
        }
    }
}

/// How far a computation is that waits or is under way.
pub fn progress(tries: i64, rows_read: i64) -> String {
    match (tries, rows_read) {
        (0, _) => "It waits for its turn.".to_owned(),
        (_, 0) => "It is begun.".to_owned(),
        (_, rows) => format!("{rows} rows are read."),
    }
}

/// A study that a dossier names, as staff see it.
#[derive(Template)]
#[template(path = "queued_study.html")]
pub struct QueuedStudyPage {
    pub frame: Frame,
    pub problem: Option<String>,
    /// The page of the application.
    pub application: String,
    /// Its product.
    pub product: String,
    pub title: String,
    pub sha256: String,
    /// Who anchored the data's hash on the ledger, if anybody did.
    pub anchored: Option<String>,
    /// Whether the ledger was asked.
    pub is_compared: bool,
    /// What the dossier says that it came to.
    pub statement: String,
    pub shown: ShownReport,
    /// What came of computing it again here.
    pub again: Option<Again>,
}

/// Computing a study again for one's organisation.
pub enum Again {
    UnderWay(String),
    /// The same came of it, byte for byte: of whom and when.
    Same(String),
    Different(String),
    Failed(String),
}

impl From<studies::Check> for Again {
    fn from(check: studies::Check) -> Self {
        let who = format!("{}, {}", check.by, check.ended_at.map(moment).unwrap_or_default());
        match check.state {
            State::Waiting => Self::UnderWay(progress(1, check.rows_read)),
            State::Done if check.is_same() => Self::Same(who),
            State::Done => Self::Different(who),
            State::Refused | State::Failed => Self::Failed(check.said),
        }
    }
}

/// What came of a study, in words and tables.
pub struct ShownReport {
    /// Where its files are.
    pub path: String,
    pub result: String,
    /// In a few words.
    pub short: String,
    pub is_estimated: bool,
    /// In sentences.
    pub conclusion: Vec<String>,
    /// By which anybody computes it again.
    pub command: String,
    pub facts: Vec<(&'static str, String)>,
    pub tests: Vec<[String; 5]>,
    /// Of the chosen model: batch, intercept, slope, mean square, df, t, where the bound leaves the limits.
    pub lines: Vec<[String; 7]>,
    pub more_lines: usize,
    /// What each model would answer: name, outcome, whether it is chosen.
    pub models: Vec<(&'static str, String, bool)>,
    pub batches: Vec<[String; 4]>,
    pub more_batches: usize,
    pub warnings: Vec<String>,
}

impl ShownReport {
    pub fn new(report: &Report, study: &Study, path: String) -> Self {
        let chosen = report.chosen();
        let lines = chosen.map(|model| model.lines.as_slice()).unwrap_or_default();
        Self {
            path,
            result: report.result_column.clone(),
            short: match &report.shelf_life {
                ShelfLife::Estimated { whole, .. } => format!("{whole} {}", report.unit),
                ShelfLife::NotEstimable { .. } => "not estimable".to_owned(),
            },
            is_estimated: matches!(report.shelf_life, ShelfLife::Estimated { .. }),
            conclusion: conclusion(report),
            command: format!("{COMMAND} {} --json", study.parameters),
            facts: facts(report),
            tests: tests(report),
            lines: lines.iter().take(ROWS).map(line).collect(),
            more_lines: lines.len().saturating_sub(ROWS),
            models: report
                .models
                .iter()
                .map(|it| (name(&it.model), outcome(it, &report.unit), it.model == report.model))
                .collect(),
            batches: report.batches.iter().take(ROWS).map(batch).collect(),
            more_batches: report.batches.len().saturating_sub(ROWS),
            warnings: report.warnings.clone(),
        }
    }
}

/// What it comes to, in sentences.
fn conclusion(report: &Report) -> Vec<String> {
    let (unit, chosen) = (&report.unit, report.chosen().map(|it| &it.outcome));
    let because = match (&report.shelf_life, chosen) {
        (ShelfLife::Estimated { whole, exact, basis }, outcome) => {
            let first = format!("The shelf life is {whole} {unit} (exactly {exact}).");
            let crossing = match outcome {
                Some(Outcome::Crossing { time, limit, batch }) => format!(
                    "{} leaves the {limit} limit first, at {} {unit}.",
                    bound_of(batch.as_ref()),
                    short(*time)
                ),
                _ => "No bound leaves a limit.".to_owned(),
            };
            let end = match basis.as_str() {
                "crossing" => "The shelf life ends there.",
                "cap" => "The cap on extrapolation is earlier, and ends the shelf life.",
                _ => "A person claimed the cap as the shelf life: the data alone give none.",
            };
            vec![first, crossing, end.to_owned()]
        }
        (ShelfLife::NotEstimable { .. }, Some(Outcome::OutsideAtRelease { bound, limit, batch })) => vec![
            "The shelf life is not estimable.".to_owned(),
            format!(
                "{} is outside the {limit} limit at release already: it is {} there.",
                bound_of(batch.as_ref()),
                short(*bound)
            ),
        ],
        (ShelfLife::NotEstimable { .. }, Some(Outcome::NoCrossing)) => vec![
            "The shelf life is not estimable.".to_owned(),
            "No bound leaves a limit: the results do not change, or change for the better, or the data say nothing of so late a time."
                .to_owned(),
        ],
        (ShelfLife::NotEstimable { reason }, _) => {
            vec!["The shelf life is not estimable.".to_owned(), format!("There is {reason}.")]
        }
    };
    let model = match report.model.as_str() {
        "oneLine" if report.batches.len() > 1 => {
            "Neither slopes nor intercepts differ at 0.25: one line is fitted to all batches."
        }
        "oneLine" => "There is one batch, and so one line.",
        "commonSlope" => {
            "The intercepts differ at 0.25 and the slopes do not: the batches have lines with a common slope."
        }
        _ => {
            "The slopes differ at 0.25: each batch has a line of its own, with the pooled mean square of all."
        }
    };
    because.into_iter().chain([model.to_owned()]).collect()
}

fn bound_of(batch: Option<&String>) -> String {
    batch.map_or("The bound".to_owned(), |batch| format!("The bound of batch {batch}"))
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let unit = &report.unit;
    let last = report.batches.iter().map(|batch| batch.last_time).fold(0.0, f64::max);
    let left_out = match report.rows_left_out {
        0 => String::new(),
        rows => format!("; {rows} rows were left out"),
    };
    let limit = |name: &str, limit: Option<f64>| limit.map(|limit| format!("{name} {limit}"));
    let limits = [limit("lower", report.limits.lower), limit("upper", report.limits.upper)];
    let sides = if limits.iter().all(Option::is_some) { "two-sided" } else { "one-sided" };
    let limits: Vec<String> = limits.into_iter().flatten().collect();
    let cap = match &report.cap {
        Some(cap) => {
            let formula = stability::CapRule::named(&cap.rule).map_or("", |rule| rule.formula());
            format!(
                "{} {unit} = {formula}; X = {} {unit}, of batch {}",
                cap.time, cap.covers, cap.shortest_batch
            )
        }
        None if unit == "months" => "none".to_owned(),
        None => "none: ICH's is in months".to_owned(),
    };
    vec![
        (
            "Data",
            format!(
                "{} batches, {} results of {}, up to {last} {unit} ({}){left_out}",
                report.batches.len(),
                report.results(),
                report.result_column,
                report.time_column
            ),
        ),
        ("Limits", format!("{}; {sides} 95 % bounds", limits.join(", "))),
        ("Model", name(&report.model).to_owned()),
        ("Worst batch", worst(report)),
        ("Cap", cap),
    ]
}

fn worst(report: &Report) -> String {
    match report.chosen().map(|it| &it.outcome) {
        Some(
            Outcome::Crossing { batch: Some(batch), .. }
            | Outcome::OutsideAtRelease { batch: Some(batch), .. },
        ) => batch.clone(),
        _ if report.model == "oneLine" => "none: one line is for all".to_owned(),
        _ => "none: no bound crosses a limit".to_owned(),
    }
}

fn tests(report: &Report) -> Vec<[String; 5]> {
    let row = |name: &str, test: Test| {
        let (numerator, denominator) = test.degrees_of_freedom;
        [
            name.to_owned(),
            test.f.map_or("∞".to_owned(), short),
            format!("{numerator}, {denominator}"),
            short(test.p),
            if test.is_rejected { "rejected" } else { "not rejected" }.to_owned(),
        ]
    };
    report.tests.map_or(Vec::new(), |tests| {
        vec![row("Equal slopes", tests.slopes), row("Equal intercepts, given equal slopes", tests.intercepts)]
    })
}

fn line(line: &Line) -> [String; 7] {
    let bound = line.bound.as_ref();
    let of = |part: fn(&studies::report::Bound) -> f64| bound.map_or("none".to_owned(), |it| short(part(it)));
    let leaves = bound.into_iter().flat_map(|bound| &bound.limits).map(|at| match at.leaves {
        Leaving::At(time) => format!("{} ({})", short(time), at.limit),
        Leaving::OutsideAtRelease(_) => format!("outside at release ({})", at.limit),
        Leaving::Never => format!("never ({})", at.limit),
    });
    [
        line.batch.clone().unwrap_or_else(|| "all".to_owned()),
        short(line.intercept),
        short(line.slope),
        of(|it| it.mean_square),
        bound.map_or("none".to_owned(), |it| it.degrees_of_freedom.to_string()),
        of(|it| it.t),
        leaves.collect::<Vec<_>>().join(", "),
    ]
}

fn outcome(model: &Model, unit: &str) -> String {
    let of =
        |batch: &Option<String>| batch.as_ref().map_or(String::new(), |batch| format!(", batch {batch}"));
    match &model.outcome {
        Outcome::Crossing { time, limit, batch } => {
            format!("{} {unit} ({limit} limit{})", short(*time), of(batch))
        }
        Outcome::OutsideAtRelease { bound, limit, batch } => {
            format!(
                "not estimable: outside the {limit} limit at release (bound {}{})",
                short(*bound),
                of(batch)
            )
        }
        Outcome::NoCrossing => "not estimable: no crossing".to_owned(),
        Outcome::NoMeanSquare { batch } => format!("none: batch {batch} has two results only"),
    }
}

fn batch(batch: &studies::report::Batch) -> [String; 4] {
    [batch.name.clone(), batch.results.to_string(), batch.first_time.to_string(), batch.last_time.to_string()]
}

/// A model as people call it.
pub fn name(model: &str) -> &'static str {
    match model {
        "oneLine" => "one line",
        "commonSlope" => "common slope",
        "separateLines" => "separate lines, pooled mean square",
        _ => "separate lines, each batch's own mean square",
    }
}

/// A number with six significant digits; with an exponent where it is very large or very small.
fn short(number: f64) -> String {
    if number == 0.0 {
        return "0".to_owned();
    }
    let size = number.abs().log10().floor();
    let decimals = (5.0 - size).clamp(0.0, 9.0) as usize;
    if (-4.0..9.0).contains(&size) { format!("{number:.decimals$}") } else { format!("{number:.5e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (number, text) in [
            (23.397_266_347_487, "23.3973"),
            (-0.213_120_866, "-0.213121"),
            (6.162_299_9e-6, "6.16230e-6"),
            (1_234_567.8, "1234568"),
            (0.0, "0"),
            (2.5e12, "2.50000e12"),
        ] {
            assert_eq!(short(number), text);
        }
    }
}
