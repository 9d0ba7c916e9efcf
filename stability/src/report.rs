//! An evaluation in words, for a terminal or a file.

use std::fmt;

use crate::{
    bound::Side,
    evaluation::{
        Basis, Cap, Evaluation, Model, ModelLine, ModelResult, Outcome, POOLING_LEVEL, ShelfLife, Test,
    },
};

/// Lines and batches of a table; the rest is counted. As JSON there are all of them.
const LINES: usize = 40;
/// Significant digits of what is no crossing.
const DIGITS: i32 = 6;

impl fmt::Display for Evaluation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.data(out)?;
        self.tests(out)?;
        self.lines(out)?;
        self.models(out)?;
        self.answer(out)
    }
}

impl Evaluation {
    fn data(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let results: usize = self.batches.iter().map(|batch| batch.results).sum();
        let batches = if self.batches.len() == 1 { "batch" } else { "batches" };
        let last = self.batches.iter().map(|batch| batch.last_time).fold(0.0, f64::max);
        let unit = self.unit.name();
        writeln!(
            out,
            "data         {} {batches}, {results} results, up to {last} {unit}",
            self.batches.len()
        )?;
        let limits = self.limits.sides().map(|(side, limit)| format!("{side} limit {limit}"));
        let sides = if self.limits.is_two_sided() { "two-sided" } else { "one-sided" };
        writeln!(out, "limits       {}; {sides} 95 % bounds", limits.collect::<Vec<_>>().join(", "))?;
        writeln!(out, "model        {}", self.model)
    }

    fn tests(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "\ntests for pooling at {POOLING_LEVEL}, over the mean square of separate lines")?;
        match self.tests {
            None => writeln!(out, "  none: there is one batch"),
            Some(tests) => {
                writeln!(out, "  equal slopes                          {}", tests.slopes)?;
                writeln!(out, "  equal intercepts, given equal slopes  {}", tests.intercepts)
            }
        }
    }

    /// The lines of the chosen model.
    fn lines(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(chosen) = self.chosen() else { return Ok(()) };
        writeln!(out, "\nlines of the model, result = intercept + slope × time")?;
        let names = chosen.lines.iter().take(LINES).map(name);
        let width = names.clone().map(|name| name.chars().count()).max().unwrap_or_default().max(5);
        let head = format!("  {:<width$}", "batch");
        writeln!(
            out,
            "{head}  {:>12}  {:>12}  {:>12}  {:>8}  {:>8}",
            "intercept", "slope", "mean square", "df", "t"
        )?;
        for (line, name) in chosen.lines.iter().zip(names) {
            let [intercept, slope] = [line.intercept, line.slope].map(significant);
            write!(out, "  {name:<width$}  {intercept:>12}  {slope:>12}")?;
            if let Some(bound) = &line.bound {
                let [mean_square, t] = [bound.mean_square, bound.t].map(significant);
                write!(out, "  {mean_square:>12}  {:>8}  {t:>8}", bound.degrees_of_freedom)?;
            }
            writeln!(out)?;
        }
        match chosen.lines.len().saturating_sub(LINES) {
            0 => Ok(()),
            more => writeln!(out, "  and {more} more"),
        }
    }

    /// What each model would answer.
    fn models(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "\nearliest crossing of a bound and a limit, in {}", self.unit.name())?;
        for ModelResult { model, outcome, .. } in &self.models {
            let mark = if *model == self.model { '>' } else { ' ' };
            writeln!(out, "{mark} {:<44}  {outcome}", model.to_string())?;
        }
        Ok(())
    }

    fn answer(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit.name();
        writeln!(out, "\nworst batch  {}", self.worst_batch())?;
        match self.chosen().map(|result| &result.outcome) {
            Some(Outcome::Crossing { time, .. }) => writeln!(out, "crossing     {time} {unit}")?,
            Some(outcome) => writeln!(out, "crossing     {outcome}")?,
            None => {}
        }
        match &self.cap {
            None if self.unit.is_months() => writeln!(out, "cap          none")?,
            None => writeln!(out, "cap          none: ICH's is in months")?,
            Some(cap) => writeln!(out, "cap          {cap}")?,
        }
        writeln!(out, "shelf life   {}", self.shelf_life.told_in(unit))?;
        self.warnings.iter().try_for_each(|warning| writeln!(out, "warning      {warning}"))
    }

    fn worst_batch(&self) -> &str {
        match self.chosen().map(|result| &result.outcome) {
            Some(
                Outcome::Crossing { batch: Some(batch), .. }
                | Outcome::OutsideAtRelease { batch: Some(batch), .. },
            ) => batch,
            _ if self.model == Model::OneLine => "none: one line is for all",
            _ => "none: no bound crosses a limit",
        }
    }
}

impl ShelfLife {
    /// In whole units, exactly, and by what it ends.
    fn told_in(&self, unit: &str) -> String {
        let short = self.short(unit);
        match self {
            Self::NotEstimable { .. } => short,
            Self::Estimated { exact, basis, .. } => {
                let by = match basis {
                    Basis::Crossing => "the crossing",
                    Basis::Cap => "the cap",
                    Basis::ClaimedCap => "the cap, claimed without a crossing",
                };
                format!("{short} (exactly {exact}; it ends by {by})")
            }
        }
    }

    /// In whole units, or why there is none.
    pub fn short(&self, unit: &str) -> String {
        match self {
            Self::NotEstimable { reason } => format!("not estimable: {reason}"),
            Self::Estimated { whole, .. } => format!("{whole} {unit}"),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Lower => "lower",
            Self::Upper => "upper",
        })
    }
}

impl fmt::Display for Model {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::OneLine => "one line",
            Self::CommonSlope => "common slope",
            Self::SeparateLines => "separate lines, pooled mean square",
            Self::SeparateMeanSquares => "separate lines, each batch's own mean square",
        })
    }
}

impl fmt::Display for Test {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { f, degrees_of_freedom: (numerator, denominator), p, is_rejected } = self;
        let verdict = if *is_rejected { "rejected" } else { "not rejected" };
        let (f, p) = (significant(*f), significant(*p));
        write!(out, "F = {f}  df {numerator}, {denominator}  p = {p}  {verdict}")
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of =
            |batch: &Option<String>| batch.as_ref().map_or(String::new(), |batch| format!(", batch {batch}"));
        match self {
            Self::Crossing { time, limit, batch } => write!(out, "{time:.6} ({limit} limit{})", of(batch)),
            Self::OutsideAtRelease { bound, limit, batch } => {
                let bound = significant(*bound);
                write!(
                    out,
                    "not estimable: outside the {limit} limit at release (bound {bound}{})",
                    of(batch)
                )
            }
            Self::NoCrossing => out.write_str("not estimable: no crossing"),
            Self::NoMeanSquare { batch } => write!(out, "none: batch {batch} has two results only"),
        }
    }
}

impl fmt::Display for Cap {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, shortest_batch, covers, time } = self;
        let formula = rule.formula();
        write!(out, "{time} months = {formula}; X = {covers} months, of batch {shortest_batch}")
    }
}

fn name(line: &ModelLine) -> &str {
    line.batch.as_deref().unwrap_or("all")
}

/// A number with six significant digits, without an exponent where it is of ordinary size.
fn significant(number: f64) -> String {
    if number.is_infinite() {
        return "∞".to_owned();
    }
    if number == 0.0 {
        return "0".to_owned();
    }
    let size = number.abs().log10().floor() as i32;
    let decimals = usize::try_from(DIGITS - 1 - size).unwrap_or(0);
    match size {
        -4..=8 => format!("{number:.decimals$}"),
        _ => format!("{number:.5e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::significant;

    #[test]
    fn numbers_have_six_digits() {
        for (number, text) in [
            (95.0, "95.0000"),
            (-0.192_993_630_573, "-0.192994"),
            (0.000_123_456_789, "0.000123457"),
            (1_234_567.8, "1234568"),
            (6.162_299e-6, "6.16230e-6"),
            (2.5e12, "2.50000e12"),
            (0.0, "0"),
            (1e-60, "1.00000e-60"),
            (f64::INFINITY, "∞"),
        ] {
            assert_eq!(significant(number), text);
        }
    }
}
