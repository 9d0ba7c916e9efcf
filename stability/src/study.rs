//! The data of a stability study: results of batches, each at a time after release.

use std::collections::BTreeMap;

/// Results of one study.
pub const MAXIMUM_RESULTS: usize = 2_000_000;
pub const MAXIMUM_BATCHES: usize = 1_000;
/// Characters of a batch's name.
pub const MAXIMUM_NAME: usize = 100;
/// Whatever their unit.
const TIMES: std::ops::RangeInclusive<f64> = 1e-6..=1e9;
/// Squares and products of results stay within what doubles hold.
const SIZES: std::ops::RangeInclusive<f64> = 1e-50..=1e50;

/// A result, and the time after release at which its sample was taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    pub time: f64,
    pub result: f64,
}

/// The results of one batch, in the order of their times. There is at least one.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    pub name: String,
    pub points: Vec<Point>,
}

/// Results as they come in, in any order.
#[derive(Debug, Default)]
pub struct Results {
    batches: BTreeMap<String, Vec<Point>>,
    count: usize,
}

/// All results, by batch, in an order that does not depend on the order in which they came: nor does what is computed.
#[derive(Clone, Debug, PartialEq)]
pub struct Study {
    batches: Vec<Batch>,
}

/// Why a result is not taken.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ResultError {
    #[error("the batch has no name")]
    NoName,
    #[error("the batch's name has more than {MAXIMUM_NAME} characters")]
    LongName,
    #[error("the batch's name has a control character")]
    OddName,
    #[error("the time is before the release: write times as they have passed since then, from 0")]
    NegativeTime,
    #[error("the time is no number that can be computed with: 0, or from 1e-6 to 1e9")]
    Time,
    #[error("the result is no number that can be computed with: 0, or from 1e-50 to 1e50 in size")]
    Result,
    #[error("there are more than {MAXIMUM_BATCHES} batches: is this the right column?")]
    Batches,
    #[error("there are more than {MAXIMUM_RESULTS} results: evaluate them in parts")]
    Results,
}

impl Results {
    /// Takes one result.
    ///
    /// # Errors
    /// It is not taken.
    pub fn add(&mut self, batch: &str, time: f64, result: f64) -> Result<(), ResultError> {
        check_numbers(time, result)?;
        if self.count == MAXIMUM_RESULTS {
            return Err(ResultError::Results);
        }
        // Of the two zeros one is enough.
        let point = Point { time: time + 0.0, result: result + 0.0 };
        match self.batches.get_mut(batch) {
            Some(points) => points.push(point),
            None => {
                check_name(batch)?;
                if self.batches.len() == MAXIMUM_BATCHES {
                    return Err(ResultError::Batches);
                }
                self.batches.insert(batch.to_owned(), vec![point]);
            }
        }
        self.count += 1;
        Ok(())
    }

    pub fn into_study(self) -> Study {
        let batch = |(name, mut points): (String, Vec<Point>)| {
            let by_time =
                |a: &Point, b: &Point| a.time.total_cmp(&b.time).then(a.result.total_cmp(&b.result));
            points.sort_unstable_by(by_time);
            Batch { name, points }
        };
        Study { batches: self.batches.into_iter().map(batch).collect() }
    }
}

impl Study {
    pub fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// How many results there are.
    pub fn results(&self) -> usize {
        self.batches.iter().map(|batch| batch.points.len()).sum()
    }

    /// The time of the last result of all.
    pub fn last_time(&self) -> f64 {
        self.batches.iter().map(Batch::last_time).fold(0.0, f64::max)
    }
}

impl Batch {
    pub fn first_time(&self) -> f64 {
        self.points.first().map_or(0.0, |point| point.time)
    }

    /// The time that the batch covers, from its release.
    pub fn last_time(&self) -> f64 {
        self.points.last().map_or(0.0, |point| point.time)
    }
}

/// Whether results and limits of this size can be computed with.
pub fn is_computable(number: f64) -> bool {
    number == 0.0 || SIZES.contains(&number.abs())
}

fn check_numbers(time: f64, result: f64) -> Result<(), ResultError> {
    match (time, result) {
        (time, _) if time < 0.0 => Err(ResultError::NegativeTime),
        (time, _) if time != 0.0 && !TIMES.contains(&time) => Err(ResultError::Time),
        (_, result) if !is_computable(result) => Err(ResultError::Result),
        _ => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), ResultError> {
    match name {
        "" => Err(ResultError::NoName),
        name if name.chars().nth(MAXIMUM_NAME).is_some() => Err(ResultError::LongName),
        name if name.chars().any(char::is_control) => Err(ResultError::OddName),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn what_cannot_be_computed_with_is_not_taken() {
        let add = |batch: &str, time, result| Results::default().add(batch, time, result).unwrap_err();
        assert_eq!(add("", 0.0, 1.0), ResultError::NoName);
        assert_eq!(add("b\n", 0.0, 1.0), ResultError::OddName);
        assert_eq!(add(&"ü".repeat(101), 0.0, 1.0), ResultError::LongName);
        assert_eq!(add("b", -1.0, 1.0), ResultError::NegativeTime);
        for time in [f64::NAN, f64::INFINITY, 1e10, 1e-7] {
            assert_eq!(add("b", time, 1.0), ResultError::Time);
        }
        for result in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e51, 1e-51] {
            assert_eq!(add("b", 0.0, result), ResultError::Result);
        }
        assert_eq!(Results::default().add(&"ü".repeat(100), 0.0, 0.0), Ok(()));
    }

    #[test]
    fn batches_have_a_limit() {
        let mut results = Results::default();
        (0..MAXIMUM_BATCHES).for_each(|batch| results.add(&batch.to_string(), 0.0, 1.0).unwrap());
        assert_eq!(results.add("one more", 0.0, 1.0), Err(ResultError::Batches));
        assert_eq!(results.add("0", 0.0, 1.0), Ok(()));
        assert_eq!(results.into_study().results(), MAXIMUM_BATCHES + 1);
    }
}
