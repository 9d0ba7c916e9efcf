//! Least squares of all models at once: one line, lines with a common slope, a line for each batch.
//!
//! Everything is computed around centres, and every sum of squares is a sum of squares: none is a difference of two large
//! numbers.

use serde::Serialize;

use crate::{
    study::{Batch, Study},
    sum::{mean, sum},
};

/// By how many units in the last place of the largest result residuals may be off by rounding alone.
const ROUNDING: f64 = 4.0 * f64::EPSILON;

/// Why no line can be fitted to a study.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum NotEnough {
    #[error("there are no results")]
    NoResults,
    #[error(
        "all results of batch {batch} are of one time ({time}): a line needs two times. Wait for its next results, or leave the \
         batch out"
    )]
    OneTime { batch: String, time: f64 },
    #[error("batch {batch} alone has {results} results: one batch needs three at least")]
    OneBatch { batch: String, results: usize },
    #[error(
        "no batch has more than two results: at least one needs three, or the residual variance is not known"
    )]
    NoResiduals,
}

/// A sum of squares of residuals, and its degrees of freedom.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Residuals {
    pub sum_of_squares: f64,
    pub degrees_of_freedom: f64,
}

/// A line through its centre; `squares_of_times` is the sum of squares of the times around it (Sxx), by which its slope is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    pub results: f64,
    pub mean_time: f64,
    pub mean_result: f64,
    pub slope: f64,
    pub squares_of_times: f64,
}

/// One batch by itself.
pub struct BatchFit<'a> {
    pub batch: &'a Batch,
    pub line: Line,
    /// None where the batch has two results only.
    pub residuals: Option<Residuals>,
}

/// All models, and what they leave unexplained.
pub struct Fits<'a> {
    pub batches: Vec<BatchFit<'a>>,
    pub one_line: (Line, Residuals),
    /// As `batches`, with the common slope.
    pub common_slope: (Vec<Line>, Residuals),
    /// Of a line for each batch, over all of them: the full model.
    pub full: Residuals,
    /// What separate slopes explain beyond a common one.
    pub slopes: f64,
    /// What separate intercepts explain beyond one line, given a common slope.
    pub intercepts: f64,
    /// How far results may be off by rounding alone.
    pub rounding: f64,
}

impl Line {
    pub fn at(&self, time: f64) -> f64 {
        self.mean_result + self.slope * (time - self.mean_time)
    }
}

impl Residuals {
    pub fn mean_square(&self) -> f64 {
        self.sum_of_squares / self.degrees_of_freedom
    }
}

impl<'a> Fits<'a> {
    /// # Errors
    /// There are too few results, or too few times.
    pub fn of(study: &'a Study) -> Result<Self, NotEnough> {
        let rounding = ROUNDING * largest(study);
        let fits = study.batches().iter().map(|batch| BatchFit::of(batch, rounding));
        let batches = fits.collect::<Result<Vec<_>, _>>()?;
        let (n, k) = (study.results() as f64, batches.len() as f64);
        check_counts(&batches, study.results())?;

        let within: f64 = sum(batches.iter().map(|fit| fit.line.squares_of_times));
        let slope = sum(batches.iter().map(|fit| fit.line.slope * fit.line.squares_of_times)) / within;
        let common: Vec<Line> =
            batches.iter().map(|fit| Line { slope, squares_of_times: within, ..fit.line }).collect();
        let (one_line, between) = one_line(&common);

        // What is within rounding is nothing: else tests would compare noise with noise.
        let noise = n * rounding * rounding;
        let exact = |squares: f64| if squares <= noise { 0.0 } else { squares };
        let full = exact(sum(batches.iter().map(|fit| fit.sum_of_squares())));
        let slopes = exact(sum(batches.iter().map(|fit| {
            let difference = fit.line.slope - slope;
            fit.line.squares_of_times * difference * difference
        })));
        let intercepts = exact(between);
        let residuals = |sum_of_squares, degrees_of_freedom| Residuals { sum_of_squares, degrees_of_freedom };
        Ok(Self {
            one_line: (one_line, residuals(full + slopes + intercepts, n - 2.0)),
            common_slope: (common, residuals(full + slopes, n - k - 1.0)),
            full: residuals(full, n - 2.0 * k),
            batches,
            slopes,
            intercepts,
            rounding,
        })
    }
}

impl<'a> BatchFit<'a> {
    fn of(batch: &'a Batch, rounding: f64) -> Result<Self, NotEnough> {
        let points = || batch.points.iter();
        let n = batch.points.len() as f64;
        let mean_time = mean(points().map(|point| (point.time, 1.0)));
        let mean_result = mean(points().map(|point| (point.result, 1.0)));
        let squares_of_times = sum(points().map(|point| (point.time - mean_time).powi(2)));
        if batch.first_time() == batch.last_time() {
            return Err(NotEnough::OneTime { batch: batch.name.clone(), time: batch.first_time() });
        }
        let together = sum(points().map(|point| (point.time - mean_time) * (point.result - mean_result)));
        let slope = together / squares_of_times;
        let line = Line { results: n, mean_time, mean_result, slope, squares_of_times };
        let squares = sum(points().map(|point| (point.result - line.at(point.time)).powi(2)));
        let sum_of_squares = if squares <= n * rounding * rounding { 0.0 } else { squares };
        let residuals = (n > 2.0).then_some(Residuals { sum_of_squares, degrees_of_freedom: n - 2.0 });
        Ok(Self { batch, line, residuals })
    }

    fn sum_of_squares(&self) -> f64 {
        self.residuals.map_or(0.0, |residuals| residuals.sum_of_squares)
    }
}

/// One line through all results, from the lines with a common slope; and what the latter explain beyond it.
fn one_line(common: &[Line]) -> (Line, f64) {
    let over = |term: &dyn Fn(&Line) -> f64| sum(common.iter().map(|line| line.results * term(line)));
    let mean_time = mean(common.iter().map(|line| (line.mean_time, line.results)));
    let mean_result = mean(common.iter().map(|line| (line.mean_result, line.results)));
    let (slope, within) = common.first().map_or((0.0, 0.0), |line| (line.slope, line.squares_of_times));

    // How far each batch's mean lies from a line of the common slope through the centre of all.
    let apart = |line: &Line| (line.mean_result - mean_result) - slope * (line.mean_time - mean_time);
    let squares_of_times = within + over(&|line| (line.mean_time - mean_time).powi(2));
    let turn = over(&|line| (line.mean_time - mean_time) * apart(line)) / squares_of_times;
    let unexplained = over(&|line| (apart(line) - turn * (line.mean_time - mean_time)).powi(2));
    let results = over(&|_| 1.0);
    let line = Line { results, mean_time, mean_result, slope: slope + turn, squares_of_times };
    (line, unexplained + within * turn * turn)
}

fn check_counts(batches: &[BatchFit<'_>], results: usize) -> Result<(), NotEnough> {
    match batches {
        [] => Err(NotEnough::NoResults),
        [fit] if results < 3 => Err(NotEnough::OneBatch { batch: fit.batch.name.clone(), results }),
        batches if results <= 2 * batches.len() => Err(NotEnough::NoResiduals),
        _ => Ok(()),
    }
}

fn largest(study: &Study) -> f64 {
    let points = study.batches().iter().flat_map(|batch| &batch.points);
    points.fold(0.0, |largest, point| point.result.abs().max(largest))
}
