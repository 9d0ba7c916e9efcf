//! From a study to a shelf life: tests, model, bounds, crossings, cap (ICH Q1E, appendix B).

use serde::Serialize;

use crate::{
    bound::{BoundedLine, Leaving, Side},
    distribution::{f_tail, t_exceeded_with},
    fit::{Fits, Line, NotEnough, Residuals},
    options::{CapRule, Limits, Options, Unit},
    study::{Batch, Study},
    warnings,
};

/// Batches are pooled unless a test rejects it at this level.
pub const POOLING_LEVEL: f64 = 0.25;
/// A crossing later than so many times the last result is none: its digits would be those of rounding.
const HORIZON: f64 = 1_000.0;
/// A time that is so near to a whole number is one: 23.999999999999996 is what rounding makes of 24.
const WHOLE: f64 = 1e-10;

/// How batches are modelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Model {
    /// One line for all batches.
    OneLine,
    /// A line for each batch, with a common slope.
    CommonSlope,
    /// A line for each batch, with the pooled mean square of all batches: ICH Q1E's answer.
    SeparateLines,
    /// A line for each batch, each with its own mean square: what other programs print.
    SeparateMeanSquares,
}

/// All that is computed from a study.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Evaluation {
    pub unit: Unit,
    pub limits: Limits,
    pub batches: Vec<BatchSummary>,
    /// None for one batch.
    pub tests: Option<Tests>,
    /// The model that the tests choose.
    pub model: Model,
    /// All models that there are, with what each would answer.
    pub models: Vec<ModelResult>,
    /// None where there is no limit on extrapolation.
    pub cap: Option<Cap>,
    pub shelf_life: ShelfLife,
    pub warnings: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchSummary {
    pub name: String,
    pub results: usize,
    pub first_time: f64,
    pub last_time: f64,
}

/// The tests for pooling, each for itself and over the full model's mean square.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tests {
    pub slopes: Test,
    /// Given a common slope.
    pub intercepts: Test,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Test {
    /// Infinite where the full model leaves nothing unexplained, and the simpler one something.
    pub f: f64,
    /// Of the numerator and of the denominator.
    pub degrees_of_freedom: (f64, f64),
    pub p: f64,
    pub is_rejected: bool,
}

/// A model's lines, and the earliest crossing of their bounds.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelResult {
    pub model: Model,
    pub lines: Vec<ModelLine>,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelLine {
    /// None for the one line of all batches.
    pub batch: Option<String>,
    pub intercept: f64,
    pub slope: f64,
    #[serde(skip)]
    pub line: Line,
    /// None where two results leave no mean square.
    pub bound: Option<Bound>,
}

/// A line's bound, and where it leaves each limit.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bound {
    pub mean_square: f64,
    pub degrees_of_freedom: f64,
    /// The quantile of Student's t.
    pub t: f64,
    pub limits: Vec<AtLimit>,
}

/// Where a bound leaves one limit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AtLimit {
    pub limit: Side,
    pub leaves: Leaving,
}

/// What a model says of the shelf life, before the cap.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Outcome {
    /// The earliest crossing. Its batch is the worst one; none for one line.
    Crossing {
        time: f64,
        limit: Side,
        batch: Option<String>,
    },
    /// A bound is outside the limit at time 0 already.
    OutsideAtRelease {
        bound: f64,
        limit: Side,
        batch: Option<String>,
    },
    NoCrossing,
    /// Two results leave no mean square of their own.
    NoMeanSquare {
        batch: String,
    },
}

/// The latest end of a shelf life, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cap {
    pub rule: CapRule,
    pub shortest_batch: String,
    /// X: the time that the shortest batch covers.
    pub covers: f64,
    pub time: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum ShelfLife {
    Estimated { exact: f64, whole: u64, basis: Basis },
    NotEstimable { reason: &'static str },
}

/// What ends a shelf life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Basis {
    Crossing,
    Cap,
    /// There is no crossing, and a person claims the cap.
    ClaimedCap,
}

/// Evaluates a study.
///
/// # Errors
/// No line can be fitted.
pub fn evaluate(study: &Study, options: &Options) -> Result<Evaluation, NotEnough> {
    let fits = Fits::of(study)?;
    let tests = (fits.batches.len() > 1).then(|| Tests::of(&fits));
    let model = tests.map_or(Model::OneLine, |tests| tests.model());
    let bounding = Bounding { limits: options.limits, rounding: fits.rounding, horizon: horizon(study) };
    let models = bounding.models(&fits);
    let cap = Cap::of(study, options);
    let chosen = models.iter().find(|result| result.model == model);
    let outcome = chosen.map_or(&Outcome::NoCrossing, |result| &result.outcome);
    let shelf_life = ShelfLife::of(outcome, cap.as_ref(), options.claim_cap);
    let warnings = warnings::of(study, options, &fits, &shelf_life);
    Ok(Evaluation {
        unit: options.unit.clone(),
        limits: options.limits,
        batches: study.batches().iter().map(BatchSummary::of).collect(),
        tests,
        model,
        models,
        cap,
        shelf_life,
        warnings,
    })
}

/// The latest crossing that is one.
fn horizon(study: &Study) -> f64 {
    HORIZON * study.last_time()
}

impl Evaluation {
    /// What the chosen model says.
    pub fn chosen(&self) -> Option<&ModelResult> {
        self.models.iter().find(|result| result.model == self.model)
    }
}

impl BatchSummary {
    fn of(batch: &Batch) -> Self {
        Self {
            name: batch.name.clone(),
            results: batch.points.len(),
            first_time: batch.first_time(),
            last_time: batch.last_time(),
        }
    }
}

impl Tests {
    fn of(fits: &Fits<'_>) -> Self {
        let test = |explained| Test::of(explained, fits.batches.len() as f64 - 1.0, fits.full);
        Self { slopes: test(fits.slopes), intercepts: test(fits.intercepts) }
    }

    /// Separate lines where the slopes differ, whatever the intercepts say.
    fn model(self) -> Model {
        match (self.slopes.is_rejected, self.intercepts.is_rejected) {
            (true, _) => Model::SeparateLines,
            (false, true) => Model::CommonSlope,
            (false, false) => Model::OneLine,
        }
    }
}

impl Test {
    /// Whether what further parameters explain is more than the residual variance would let them.
    fn of(explained: f64, parameters: f64, full: Residuals) -> Self {
        // Of batches that agree exactly there is nothing to compare, however small the residual variance.
        let f = if explained == 0.0 { 0.0 } else { explained / parameters / full.mean_square() };
        let p = f_tail(f, parameters, full.degrees_of_freedom);
        let degrees_of_freedom = (parameters, full.degrees_of_freedom);
        Self { f, degrees_of_freedom, p, is_rejected: p < POOLING_LEVEL }
    }
}

/// How lines get their bounds.
struct Bounding {
    limits: Limits,
    rounding: f64,
    horizon: f64,
}

impl Bounding {
    fn models(&self, fits: &Fits<'_>) -> Vec<ModelResult> {
        let (line, residuals) = fits.one_line;
        let one_line = self.line(None, line, Some(residuals));
        if fits.batches.len() == 1 {
            return vec![ModelResult::of(Model::OneLine, vec![one_line])];
        }
        let (lines, residuals) = &fits.common_slope;
        let names = || fits.batches.iter().map(|fit| Some(&fit.batch.name));
        let common = names().zip(lines).map(|(name, line)| self.line(name, *line, Some(*residuals)));
        let own = names().zip(&fits.batches);
        let pooled = own.clone().map(|(name, fit)| self.line(name, fit.line, Some(fits.full)));
        let separate = own.map(|(name, fit)| self.line(name, fit.line, fit.residuals));
        vec![
            ModelResult::of(Model::OneLine, vec![one_line]),
            ModelResult::of(Model::CommonSlope, common.collect()),
            ModelResult::of(Model::SeparateLines, pooled.collect()),
            ModelResult::of(Model::SeparateMeanSquares, separate.collect()),
        ]
    }

    fn line(&self, batch: Option<&String>, line: Line, residuals: Option<Residuals>) -> ModelLine {
        let (intercept, slope) = (line.at(0.0), line.slope);
        let bound = residuals.map(|residuals| self.bound(line, residuals));
        ModelLine { batch: batch.cloned(), intercept, slope, line, bound }
    }

    fn bound(&self, line: Line, residuals: Residuals) -> Bound {
        let Residuals { degrees_of_freedom, .. } = residuals;
        let (mean_square, t) =
            (residuals.mean_square(), t_exceeded_with(self.limits.beyond(), degrees_of_freedom));
        let bounded = BoundedLine { line, spread: t * mean_square.sqrt() };
        let limits = self.limits.sides().map(|(side, limit)| {
            let rounding = self.rounding.max(limit.abs() * f64::EPSILON);
            AtLimit { limit: side, leaves: bounded.leaving(side, limit, rounding, self.horizon) }
        });
        Bound { mean_square, degrees_of_freedom, t, limits: limits.collect() }
    }
}

impl ModelResult {
    fn of(model: Model, lines: Vec<ModelLine>) -> Self {
        Self { outcome: Outcome::of(&lines), model, lines }
    }

    /// The line whose crossing or state at release is the outcome.
    pub fn decisive_line(&self) -> Option<&ModelLine> {
        let worst = match &self.outcome {
            Outcome::Crossing { batch, .. } | Outcome::OutsideAtRelease { batch, .. } => batch.as_ref(),
            Outcome::NoCrossing | Outcome::NoMeanSquare { .. } => None,
        };
        let found = self.lines.iter().find(|line| line.batch.as_ref() == worst);
        found.or(self.lines.first())
    }
}

impl ModelLine {
    /// The line with the width of its bound, for drawing it.
    pub fn bounded(&self) -> Option<BoundedLine> {
        let Bound { mean_square, t, .. } = self.bound.as_ref()?;
        Some(BoundedLine { line: self.line, spread: t * mean_square.sqrt() })
    }
}

impl Outcome {
    /// One batch that is outside at release, or that has no mean square, decides for all; else the earliest crossing does.
    fn of(lines: &[ModelLine]) -> Self {
        if let Some(ModelLine { batch: Some(batch), .. }) = lines.iter().find(|line| line.bound.is_none()) {
            return Self::NoMeanSquare { batch: batch.clone() };
        }
        let leaves = lines.iter().flat_map(|line| {
            let leaves = line.bound.iter().flat_map(|bound| &bound.limits);
            leaves.map(move |at| (&line.batch, at.limit, at.leaves))
        });
        let outside = leaves.clone().find_map(|(batch, limit, leaving)| match leaving {
            Leaving::OutsideAtRelease(bound) => {
                Some(Self::OutsideAtRelease { bound, limit, batch: batch.clone() })
            }
            _ => None,
        });
        let crossings = leaves.filter_map(|(batch, limit, leaving)| match leaving {
            Leaving::At(time) => Some((time, limit, batch)),
            _ => None,
        });
        let earliest = crossings.min_by(|(a, ..), (b, ..)| a.total_cmp(b));
        let crossing = |(time, limit, batch): (f64, Side, &Option<String>)| Self::Crossing {
            time,
            limit,
            batch: batch.clone(),
        };
        outside.or(earliest.map(crossing)).unwrap_or(Self::NoCrossing)
    }
}

impl Cap {
    /// None where the rule has none, or the unit is another than months.
    fn of(study: &Study, options: &Options) -> Option<Self> {
        if !options.unit.is_months() {
            return None;
        }
        let by_time = |a: &&Batch, b: &&Batch| a.last_time().total_cmp(&b.last_time());
        let shortest = study.batches().iter().min_by(by_time)?;
        let (rule, covers) = (options.cap, shortest.last_time());
        Some(Self { rule, shortest_batch: shortest.name.clone(), covers, time: rule.latest(covers)? })
    }
}

impl ShelfLife {
    fn of(outcome: &Outcome, cap: Option<&Cap>, claim_cap: bool) -> Self {
        let (exact, basis) = match (outcome, cap) {
            (Outcome::Crossing { time, .. }, Some(cap)) if cap.time < *time => (cap.time, Basis::Cap),
            (Outcome::Crossing { time, .. }, _) => (*time, Basis::Crossing),
            (Outcome::NoCrossing, Some(cap)) if claim_cap => (cap.time, Basis::ClaimedCap),
            (Outcome::NoCrossing, _) => return Self::NotEstimable { reason: "no crossing" },
            (Outcome::OutsideAtRelease { .. }, _) => {
                return Self::NotEstimable { reason: "outside the limit at release" };
            }
            (Outcome::NoMeanSquare { .. }, _) => {
                return Self::NotEstimable { reason: "unknown residual variance" };
            }
        };
        Self::Estimated { exact, whole: whole_down(exact), basis }
    }
}

/// Whole units, rounded down. Times are not negative, and far below 2^53.
fn whole_down(time: f64) -> u64 {
    let nearest = time.round();
    let whole = if (time - nearest).abs() <= WHOLE * nearest.max(1.0) { nearest } else { time.floor() };
    whole as u64
}

#[cfg(test)]
mod tests;
