#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use proptest::prelude::*;

use super::*;
use crate::study::Results;

type Rows = Vec<(&'static str, f64, f64)>;

fn study(rows: &[(&str, f64, f64)]) -> Study {
    let mut results = Results::default();
    rows.iter().for_each(|(batch, time, result)| results.add(batch, *time, *result).unwrap());
    results.into_study()
}

fn options(lower: Option<f64>, upper: Option<f64>) -> Options {
    Options {
        limits: Limits::new(lower, upper).unwrap(),
        unit: Unit::months(),
        cap: CapRule::None,
        claim_cap: false,
    }
}

fn above(rows: &[(&str, f64, f64)], lower: f64) -> Evaluation {
    evaluate(&study(rows), &options(Some(lower), None)).unwrap()
}

/// A batch whose results lie on a line, but for what is added to them in turn.
fn line(batch: &'static str, intercept: f64, slope: f64, noise: &[f64]) -> Rows {
    let points = [0.0, 3.0, 6.0, 9.0, 12.0, 18.0, 24.0].into_iter().zip(noise.iter().cycle());
    points.map(|(time, noise)| (batch, time, intercept + slope * time + noise)).collect()
}

fn estimated(evaluation: &Evaluation) -> f64 {
    match evaluation.shelf_life {
        ShelfLife::Estimated { exact, .. } => exact,
        ShelfLife::NotEstimable { reason } => unreachable!("{reason}"),
    }
}

fn reason(evaluation: &Evaluation) -> &'static str {
    match evaluation.shelf_life {
        ShelfLife::NotEstimable { reason } => reason,
        ShelfLife::Estimated { exact, .. } => unreachable!("{exact}"),
    }
}

#[test]
fn a_perfect_fit_ends_where_its_line_does() {
    // Decimals that no double has exactly.
    let rows =
        [line("a", 100.0, -0.1, &[0.0]), line("b", 100.0, -0.1, &[0.0]), line("c", 100.0, -0.1, &[0.0])]
            .concat();
    let evaluation = above(&rows, 95.0);
    assert_eq!(evaluation.model, Model::OneLine);
    let tests = evaluation.tests.unwrap();
    assert_eq!((tests.slopes.f, tests.slopes.p, tests.intercepts.p), (0.0, 1.0, 1.0));
    let ShelfLife::Estimated { exact, whole, .. } = evaluation.shelf_life else { unreachable!() };
    assert!((exact - 50.0).abs() < 1e-11);
    assert_eq!(whole, 50);
    assert!(evaluation.warnings[0].starts_with("every batch lies on its line exactly"));
}

#[test]
fn perfect_fits_that_differ_are_told_apart() {
    let rows = [line("a", 100.0, -0.1, &[0.0]), line("b", 101.3, -0.1, &[0.0])].concat();
    let evaluation = above(&rows, 95.0);
    assert_eq!(evaluation.model, Model::CommonSlope);
    assert_eq!(evaluation.tests.unwrap().intercepts.f, f64::INFINITY);
    assert!((estimated(&evaluation) - 50.0).abs() < 1e-11);
    let rows = [line("a", 100.0, -0.1, &[0.0]), line("b", 100.0, -0.3, &[0.0])].concat();
    let evaluation = above(&rows, 95.0);
    assert_eq!(evaluation.model, Model::SeparateLines);
    assert!((estimated(&evaluation) - 50.0 / 3.0).abs() < 1e-11);
    assert_eq!(evaluation.warnings.len(), 2 + 1);
}

#[test]
fn what_does_not_change_crosses_nothing() {
    for noise in [&[0.0][..], &[1e-14], &[1e-14, -2e-14, 3e-14]] {
        let rows = [line("a", 100.1, 0.0, noise), line("b", 100.1, 0.0, noise)].concat();
        assert_eq!(reason(&above(&rows, 95.0)), "no crossing");
        // Not even a limit that it is on.
        assert_eq!(reason(&above(&rows, 100.1)), "no crossing");
    }
    // What scatters by a billionth stays far inside for ages.
    assert_eq!(reason(&above(&line("a", 100.0, 0.0, &[1e-7, -1e-7]), 95.0)), "no crossing");
    // What scatters really leaves in the end.
    let crossing = estimated(&above(&line("a", 100.0, 0.0, &[0.2, -0.2]), 95.0));
    assert!(crossing > 24.0 && crossing < 1_000.0, "{crossing}");
}

#[test]
fn what_improves_crosses_nothing_and_a_person_may_claim_the_cap() {
    let rows = line("a", 97.0, 0.5, &[0.1, -0.1, 0.2]);
    assert_eq!(reason(&above(&rows, 95.0)), "no crossing");
    let claimed = |cap| {
        let options = Options { cap, claim_cap: true, ..options(Some(95.0), None) };
        evaluate(&study(&rows), &options).unwrap()
    };
    let evaluation = claimed(CapRule::Twice);
    assert_eq!(
        evaluation.shelf_life,
        ShelfLife::Estimated { exact: 36.0, whole: 36, basis: Basis::ClaimedCap }
    );
    assert!(evaluation.warnings.iter().any(|it| it.contains("as claimed")));
    assert_eq!(reason(&claimed(CapRule::None)), "no crossing");
}

#[test]
fn outside_at_release_is_not_estimable() {
    let rows = [line("a", 96.0, -0.1, &[0.1, -0.1]), line("b", 94.0, 0.2, &[0.1, -0.1])].concat();
    let evaluation = above(&rows, 95.0);
    assert_eq!(reason(&evaluation), "outside the limit at release");
    assert!(evaluation.warnings.iter().any(|it| it.contains("outside the limits themselves")));
    // Nor may the cap be claimed then.
    let options = Options { cap: CapRule::Twice, claim_cap: true, ..options(Some(95.0), None) };
    assert_eq!(reason(&evaluate(&study(&rows), &options).unwrap()), "outside the limit at release");
    // A line that begins on its limit is inside.
    assert!(estimated(&above(&line("a", 95.0, -0.1, &[0.0]), 95.0)) < 1e-9);
}

#[test]
fn too_few_results_are_told() {
    let refused = |rows: &[(&str, f64, f64)]| {
        evaluate(&study(rows), &options(Some(1.0), None)).unwrap_err().to_string()
    };
    assert_eq!(refused(&[]), "there are no results");
    assert!(refused(&[("a", 0.0, 5.0), ("a", 1.0, 4.0)]).starts_with("batch a alone has 2 results"));
    let rows = [("a", 3.0, 5.0), ("a", 3.0, 4.0), ("b", 0.0, 5.0), ("b", 1.0, 5.0), ("b", 2.0, 5.0)];
    assert!(refused(&rows).starts_with("all results of batch a are of one time (3)"));
    let rows = [("a", 3.0, 5.0), ("a", 4.0, 4.0), ("b", 0.0, 5.0), ("b", 1.0, 5.0)];
    assert!(refused(&rows).starts_with("no batch has more than two results"));
}

#[test]
fn the_cap_is_of_the_shortest_batch_and_of_months() {
    let mut rows = [line("a", 100.0, -0.01, &[0.1, -0.1]), line("b", 100.0, -0.01, &[0.1, -0.1])].concat();
    rows.retain(|(batch, time, _)| *batch == "a" || *time < 10.0);
    let with = |unit, cap| {
        let options = Options { unit, cap, ..options(Some(90.0), None) };
        evaluate(&study(&rows), &options).unwrap()
    };
    let capped = with(Unit::months(), CapRule::Twice);
    assert_eq!(capped.shelf_life, ShelfLife::Estimated { exact: 18.0, whole: 18, basis: Basis::Cap });
    assert_eq!(capped.cap.unwrap().shortest_batch, "b");
    assert_eq!(with(Unit::months(), CapRule::OneAndAHalf).cap.unwrap().time, 13.5);
    for free in [with(Unit::months(), CapRule::None), with(Unit::named("days").unwrap(), CapRule::Twice)] {
        assert_eq!(free.cap, None);
        assert!(free.warnings.iter().any(|it| it.contains("no cap limits the extrapolation")));
    }
}

#[test]
fn whole_units_are_rounded_down_but_for_rounding() {
    let near = [(25.995, 25), (24.0, 24), (23.999_999_999_999_996, 24), (23.999_999, 23), (0.4, 0), (0.0, 0)];
    near.iter().for_each(|(exact, whole)| assert_eq!(whole_down(*exact), *whole));
}

#[test]
fn as_json_it_has_all_digits_and_no_infinity() {
    let rows = [line("a", 100.0, -0.1, &[0.0]), line("b", 101.3, -0.1, &[0.0])].concat();
    let json = serde_json::to_value(above(&rows, 95.0)).unwrap();
    assert_eq!(json["tests"]["intercepts"]["f"], serde_json::Value::Null);
    assert_eq!(json["model"], "commonSlope");
    assert_eq!(json["shelfLife"]["kind"], "estimated");
    assert_eq!(json["models"][3]["lines"][1]["bound"]["limits"][0]["limit"], "lower");
}

/// Rows of one to four batches, each with three to eight results at two times or more.
fn rows() -> impl Strategy<Value = Vec<(String, f64, f64)>> {
    let batch = (95.0..105.0, -0.6..0.1, prop::collection::vec((0_u32..37, -1.0..1.0), 1..7));
    prop::collection::vec(batch, 1..5).prop_map(|batches| {
        let rows = batches.into_iter().enumerate().flat_map(|(number, (intercept, slope, points))| {
            let points = points.into_iter().chain([(0, 0.1), (12, -0.2)]);
            points.map(move |(time, noise)| {
                let time = f64::from(time);
                (format!("b{number}"), time, intercept + slope * time + noise)
            })
        });
        rows.collect()
    })
}

fn evaluated(rows: &[(String, f64, f64)], options: &Options) -> Evaluation {
    let mut results = Results::default();
    rows.iter().for_each(|(batch, time, result)| results.add(batch, *time, *result).unwrap());
    evaluate(&results.into_study(), options).unwrap()
}

fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-8 * a.abs().max(1.0)
}

/// The same outcome, or crossings that agree.
fn agree(a: &Outcome, b: &Outcome) -> bool {
    match (a, b) {
        (Outcome::Crossing { time: a, .. }, Outcome::Crossing { time: b, .. }) => is_near(*a, *b),
        (Outcome::OutsideAtRelease { .. }, Outcome::OutsideAtRelease { .. }) => true,
        (a, b) => a == b,
    }
}

proptest! {
    #[test]
    fn the_order_of_rows_changes_no_digit(rows in rows(), order in any::<u64>()) {
        let mut shuffled = rows.clone();
        let mut state = order | 1;
        for at in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(at, (state >> 33) as usize % (at + 1));
        }
        let json = |rows| serde_json::to_string(&evaluated(rows, &options(Some(90.0), Some(110.0)))).unwrap();
        prop_assert_eq!(json(&rows), json(&shuffled));
    }

    #[test]
    fn shifting_and_scaling_changes_no_crossing(rows in rows(), shift in -1e3..1e3, scale in 0.01..100.0) {
        let plain = evaluated(&rows, &options(Some(90.0), None));
        for sign in [1.0, -1.0] {
            let turned = |result: f64| sign * (result * scale + shift);
            let other: Vec<_> = rows.iter().map(|(batch, time, it)| (batch.clone(), *time, turned(*it))).collect();
            let limit = Some(turned(90.0));
            let options = if sign > 0.0 { options(limit, None) } else { options(None, limit) };
            for (a, b) in plain.models.iter().zip(&evaluated(&other, &options).models) {
                prop_assert!(agree(&a.outcome, &b.outcome), "{:?} {:?}", a.outcome, b.outcome);
            }
        }
    }

    #[test]
    fn stretching_time_stretches_crossings(rows in rows(), stretch in 0.1..40.0) {
        let plain = evaluated(&rows, &options(Some(90.0), None));
        let other: Vec<_> = rows.iter().map(|(batch, time, it)| (batch.clone(), time * stretch, *it)).collect();
        for (a, b) in plain.models.iter().zip(&evaluated(&other, &options(Some(90.0), None)).models) {
            let stretched = match &a.outcome {
                Outcome::Crossing { time, limit, batch } => {
                    Outcome::Crossing { time: time * stretch, limit: *limit, batch: batch.clone() }
                }
                other => other.clone(),
            };
            prop_assert!(agree(&stretched, &b.outcome), "{:?} {:?}", stretched, b.outcome);
        }
    }

    /// Batches that are the same have one line, and separate lines of the pooled mean square the same lines.
    #[test]
    fn the_same_batch_twice_is_pooled(rows in rows()) {
        let first: Vec<_> = rows.into_iter().filter(|(batch, ..)| batch == "b0").collect();
        let again = first.iter().map(|(_, time, result)| ("b1".to_owned(), *time, *result));
        let twice: Vec<_> = first.iter().cloned().chain(again).collect();
        let (once, twice) = (evaluated(&first, &options(Some(90.0), None)), evaluated(&twice, &options(Some(90.0), None)));
        prop_assert_eq!(twice.model, Model::OneLine);
        let (line, pooled) = (&once.models[0].lines[0], &twice.models[0].lines[0]);
        prop_assert!(is_near(line.intercept, pooled.intercept) && is_near(line.slope, pooled.slope));
        for model in &twice.models[1..] {
            prop_assert!(model.lines.iter().all(|it| is_near(it.slope, line.slope)));
        }
        // By itself each batch gives what it gives alone.
        prop_assert!(agree(&once.models[0].outcome, &twice.models[3].outcome));
    }

    /// The bound is on the limit where it leaves, inside before and outside after.
    #[test]
    fn a_crossing_is_where_the_bound_leaves(rows in rows()) {
        let evaluation = evaluated(&rows, &options(Some(90.0), Some(106.0)));
        for line in evaluation.models.iter().flat_map(|model| &model.lines) {
            let Some(bounded) = line.bounded() else { continue };
            for AtLimit { limit, leaves } in &line.bound.as_ref().unwrap().limits {
                let Leaving::At(time) = *leaves else { continue };
                let (value, sign) = if *limit == Side::Lower { (90.0, -1.0) } else { (106.0, 1.0) };
                let beyond = |time| sign * (bounded.bound(*limit, time) - value);
                prop_assert!(beyond(time).abs() < 1e-9 * (1.0 + time));
                prop_assert!((0..100).all(|part| beyond(time * f64::from(part) / 100.0) <= 1e-9));
                prop_assert!(beyond(time * 1.01 + 0.01) > 0.0);
            }
        }
    }
}
