//! What came of a study, read from the JSON that `nanotrace q1e` prints.

use serde::Deserialize;

/// All that pages show of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    pub time_column: String,
    pub result_column: String,
    pub rows_left_out: u64,
    pub unit: String,
    pub limits: Limits,
    pub batches: Vec<Batch>,
    /// None for one batch.
    pub tests: Option<Tests>,
    pub model: String,
    pub models: Vec<Model>,
    pub cap: Option<Cap>,
    pub shelf_life: ShelfLife,
    pub warnings: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Limits {
    pub lower: Option<f64>,
    pub upper: Option<f64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Batch {
    pub name: String,
    pub results: u64,
    pub first_time: f64,
    pub last_time: f64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Tests {
    pub slopes: Test,
    pub intercepts: Test,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Test {
    /// None where it is infinite.
    pub f: Option<f64>,
    pub degrees_of_freedom: (f64, f64),
    pub p: f64,
    pub is_rejected: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Model {
    pub model: String,
    pub lines: Vec<Line>,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Line {
    /// None for the one line of all batches.
    pub batch: Option<String>,
    pub intercept: f64,
    pub slope: f64,
    pub bound: Option<Bound>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bound {
    pub mean_square: f64,
    pub degrees_of_freedom: f64,
    pub t: f64,
    pub limits: Vec<AtLimit>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct AtLimit {
    /// `lower` or `upper`.
    pub limit: String,
    pub leaves: Leaving,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Leaving {
    At(f64),
    OutsideAtRelease(f64),
    Never,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Outcome {
    Crossing { time: f64, limit: String, batch: Option<String> },
    OutsideAtRelease { bound: f64, limit: String, batch: Option<String> },
    NoCrossing,
    NoMeanSquare { batch: String },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Cap {
    pub rule: String,
    pub shortest_batch: String,
    pub covers: f64,
    pub time: f64,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum ShelfLife {
    Estimated { exact: f64, whole: u64, basis: String },
    NotEstimable { reason: String },
}

impl Report {
    /// What the chosen model says.
    pub fn chosen(&self) -> Option<&Model> {
        self.models.iter().find(|it| it.model == self.model)
    }

    pub fn results(&self) -> u64 {
        self.batches.iter().map(|batch| batch.results).sum()
    }
}
