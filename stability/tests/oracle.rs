//! Published examples of shelf lives, against values that were computed apart from this crate with 50 digits.
//! `stability/tests/data/SOURCES.md` says where the data are from.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, clippy::excessive_precision)]

use std::{fs, path::Path};

use stability::{
    Basis, CapRule, Evaluation, Leaving, Limits, Model, ModelResult, Options, Outcome, ShelfLife, Side,
    Study, Unit, evaluate,
    table::{self, Reading},
};

/// Of doubles some 15 digits remain; the rule asks for nine.
const TOLERANCE: f64 = 1e-12;

fn options(lower: Option<f64>, upper: Option<f64>) -> Options {
    Options {
        limits: Limits::new(lower, upper).unwrap(),
        unit: Unit::months(),
        cap: CapRule::Twice,
        claim_cap: false,
    }
}

/// The batches of an example that are named, or all of them.
fn study(file: &str, batches: &[&str]) -> Study {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(file);
    let text = fs::read_to_string(path).unwrap();
    let is_named = |line: &&str| {
        batches.is_empty() || batches.iter().any(|batch| line.starts_with(&format!("{batch},")))
    };
    let header = text.lines().take(1);
    let lines: Vec<&str> = header.chain(text.lines().skip(1).filter(is_named)).collect();
    table::read(lines.join("\n").as_bytes(), &Reading::default()).unwrap().study
}

fn assert_close(found: f64, expected: f64) {
    let error = (found / expected - 1.0).abs();
    assert!(error < TOLERANCE, "{found} is not {expected}: {error:e}");
}

/// The crossings of a model's lines at one limit, in the order of their batches.
fn assert_crossings(evaluation: &Evaluation, model: Model, side: Side, expected: &[f64]) {
    let result = of(evaluation, model);
    let crossings = result.lines.iter().map(|line| {
        let limits = &line.bound.as_ref().unwrap().limits;
        match limits.iter().find(|at| at.limit == side).unwrap().leaves {
            Leaving::At(time) => time,
            other => panic!("{model:?}: {other:?}"),
        }
    });
    assert_eq!(result.lines.len(), expected.len());
    crossings.zip(expected).for_each(|(found, expected)| assert_close(found, *expected));
}

fn of(evaluation: &Evaluation, model: Model) -> &ModelResult {
    evaluation.models.iter().find(|result| result.model == model).unwrap()
}

fn assert_outcome(evaluation: &Evaluation, model: Model, expected: f64, worst: Option<&str>) {
    match &of(evaluation, model).outcome {
        Outcome::Crossing { time, batch, .. } => {
            assert_close(*time, expected);
            assert_eq!(batch.as_deref(), worst);
        }
        other => panic!("{model:?}: {other:?}"),
    }
}

/// F of intercepts and of slopes, and their p.
fn assert_tests(evaluation: &Evaluation, intercepts: (f64, f64), slopes: (f64, f64), degrees: (f64, f64)) {
    let tests = evaluation.tests.unwrap();
    for (test, (f, p)) in [(tests.intercepts, intercepts), (tests.slopes, slopes)] {
        assert_close(test.f, f);
        assert_close(test.p, p);
        assert_eq!(test.degrees_of_freedom, degrees);
        assert_eq!(test.is_rejected, p < 0.25);
    }
}

/// The oracle prints its lines with twelve digits.
fn assert_line(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-11, "{found} is not {expected}");
}

fn assert_shelf_life(evaluation: &Evaluation, expected: f64, months: u64, ended_by: Basis) {
    match evaluation.shelf_life {
        ShelfLife::Estimated { exact, whole, basis } => {
            assert_close(exact, expected);
            assert_eq!((whole, basis), (months, ended_by));
        }
        ref other => panic!("{other:?}"),
    }
}

#[test]
fn batches_2_5_and_7_have_one_line() {
    let evaluation = evaluate(&study("exp1.csv", &["b2", "b5", "b7"]), &options(Some(95.0), None)).unwrap();
    let (intercepts, slopes) = (
        (0.435_993_484_726_567_6, 0.651_445_083_156_041_8),
        (0.228_684_731_018_671_1, 0.797_225_239_263_947_8),
    );
    assert_tests(&evaluation, intercepts, slopes, (2.0, 25.0));
    assert_eq!(evaluation.model, Model::OneLine);
    let line = &evaluation.chosen().unwrap().lines[0];
    assert_line(line.intercept, 100.566_878_981);
    assert_line(line.slope, -0.192_993_630_573);
    let lower = Side::Lower;
    assert_crossings(&evaluation, Model::OneLine, lower, &[25.995_763_193_065_67]);
    let expected = [24.566_877_260_396_672, 25.881_993_638_065_463, 26.011_587_863_060_456];
    assert_crossings(&evaluation, Model::CommonSlope, lower, &expected);
    let expected = [24.061_337_502_467_756, 23.470_384_749_720_764, 24.853_500_292_507_667];
    assert_crossings(&evaluation, Model::SeparateLines, lower, &expected);
    let expected = [23.326_375_653_348_962, 23.148_042_192_707_363, 25.052_511_151_448_522];
    assert_crossings(&evaluation, Model::SeparateMeanSquares, lower, &expected);
    assert_outcome(&evaluation, Model::OneLine, 25.995_763_193_065_67, None);
    assert_shelf_life(&evaluation, 25.995_763_193_065_67, 25, Basis::Crossing);
    assert_eq!(evaluation.cap.unwrap().time, 36.0);
    assert_eq!(evaluation.warnings, [""; 0]);
}

#[test]
fn batches_3_4_and_5_have_a_common_slope() {
    let evaluation = evaluate(&study("exp1.csv", &["b3", "b4", "b5"]), &options(Some(95.0), None)).unwrap();
    let (intercepts, slopes) = (
        (21.738_021_359_602_907, 6.162_299_922_825_485e-6),
        (0.183_108_926_251_714_46, 0.833_933_520_883_219),
    );
    assert_tests(&evaluation, intercepts, slopes, (2.0, 22.0));
    assert_eq!(evaluation.model, Model::CommonSlope);
    let lines = &evaluation.chosen().unwrap().lines;
    for (line, intercept) in lines.iter().zip([102.175_653_109, 104.255_189_423, 100.820_021_871]) {
        assert_line(line.intercept, intercept);
        assert_line(line.slope, -0.213_120_866_465);
    }
    let expected = [28.976_303_307_935_623, 37.411_099_672_983_51, 23.397_266_347_487_32];
    assert_crossings(&evaluation, Model::CommonSlope, Side::Lower, &expected);
    assert_outcome(&evaluation, Model::OneLine, 28.985_754_790_114_21, None);
    assert_outcome(&evaluation, Model::CommonSlope, 23.397_266_347_487_32, Some("b5"));
    assert_outcome(&evaluation, Model::SeparateLines, 22.311_261_691_857_907, Some("b5"));
    assert_outcome(&evaluation, Model::SeparateMeanSquares, 23.115_958_764_810_424, Some("b3"));
    assert_shelf_life(&evaluation, 23.397_266_347_487_32, 23, Basis::Crossing);
}

/// Its related substance is a linear function of its potency, so that all but the lines is the same.
#[test]
fn batches_4_5_and_8_have_separate_lines() {
    let potency = evaluate(&study("exp1.csv", &["b4", "b5", "b8"]), &options(Some(95.0), None)).unwrap();
    let related = evaluate(&study("exp2.csv", &[]), &options(None, Some(0.3))).unwrap();
    for (evaluation, side) in [(potency, Side::Lower), (related, Side::Upper)] {
        let (intercepts, slopes) = (
            (72.124_215_800_263_53, 2.545_821_676_985_251_7e-9),
            (1.955_419_443_198_643, 0.170_420_367_305_058_98),
        );
        assert_tests(&evaluation, intercepts, slopes, (2.0, 18.0));
        assert_eq!(evaluation.model, Model::SeparateLines);
        let expected = [38.981_605_989_828_29, 24.109_939_421_491_223, 15.606_130_538_152_353];
        assert_crossings(&evaluation, Model::SeparateLines, side, &expected);
        let expected = [40.791_761_943_489_6, 23.148_042_192_707_363, 15.844_877_978_214_077];
        assert_crossings(&evaluation, Model::SeparateMeanSquares, side, &expected);
        assert_outcome(&evaluation, Model::OneLine, 27.925_009_192_841_795, None);
        assert_outcome(&evaluation, Model::CommonSlope, 22.266_719_267_148_405, Some("b8"));
        assert_outcome(&evaluation, Model::SeparateLines, 15.606_130_538_152_353, Some("b8"));
        assert_outcome(&evaluation, Model::SeparateMeanSquares, 15.844_877_978_214_077, Some("b8"));
        assert_shelf_life(&evaluation, 15.606_130_538_152_353, 15, Basis::Crossing);
        // Batch 8 was followed for a year.
        assert_eq!(evaluation.cap.unwrap().time, 24.0);
    }
}

#[test]
fn the_earlier_of_two_limits_counts() {
    let evaluation = evaluate(&study("exp3.csv", &[]), &options(Some(1.5), Some(3.5))).unwrap();
    let (intercepts, slopes) = (
        (0.353_853_883_257_140_9, 0.705_184_465_491_939_9),
        (0.748_152_729_735_678_8, 0.482_797_808_848_667_7),
    );
    assert_tests(&evaluation, intercepts, slopes, (2.0, 27.0));
    assert_eq!(evaluation.model, Model::OneLine);
    let (lower, upper) = (50.766_522_078_678_23, 45.346_046_887_176_178);
    assert_crossings(&evaluation, Model::OneLine, Side::Lower, &[lower]);
    assert_crossings(&evaluation, Model::OneLine, Side::Upper, &[upper]);
    assert_outcome(&evaluation, Model::OneLine, upper, None);
    let expected = [21.425_940_695_611_545, 22.559_611_945_129_994, 65.493_578_605_197_23];
    assert_crossings(&evaluation, Model::SeparateMeanSquares, Side::Lower, &expected);
    let expected = [30.545_581_590_883_496, 42.181_510_145_968_89, 21.730_799_434_488_132];
    assert_crossings(&evaluation, Model::SeparateLines, Side::Upper, &expected);
    assert_shelf_life(&evaluation, 36.0, 36, Basis::Cap);
}

#[test]
fn jmps_example_has_a_common_slope() {
    let evaluation = evaluate(&study("exp4.csv", &[]), &options(Some(95.0), None)).unwrap();
    let (intercepts, slopes) = (
        (19.887_640_403_217_06, 4.176_022_176_289_161e-7),
        (0.329_080_900_381_899_4, 0.804_334_803_944_561_5),
    );
    assert_tests(&evaluation, intercepts, slopes, (3.0, 28.0));
    assert_eq!(evaluation.model, Model::CommonSlope);
    assert_outcome(&evaluation, Model::OneLine, 29.985_670_820_805_987, None);
    assert_outcome(&evaluation, Model::CommonSlope, 23.475_050_869_885_974, Some("2_12"));
    assert_outcome(&evaluation, Model::SeparateLines, 23.244_185_965_666_21, Some("2_12"));
    assert_outcome(&evaluation, Model::SeparateMeanSquares, 23.115_958_764_810_424, Some("3_13"));
}

#[test]
fn one_batch_has_one_line() {
    let evaluation = evaluate(&study("exp1.csv", &["b2"]), &options(Some(95.0), None)).unwrap();
    assert_eq!((evaluation.tests, evaluation.models.len()), (None, 1));
    assert_outcome(&evaluation, Model::OneLine, 23.326_375_653_348_962, None);
    assert_eq!(evaluation.warnings, ["there is 1 batch: ICH Q1E asks for three"]);
}

/// Batches of other times and counts, one of two results, one that is outside of a limit only by its own line.
#[test]
fn uneven_batches_are_computed_too() {
    let text = "batch,time,x\na,0,100\na,6,98.9\nb,0,100.4\nb,4.5,99.1\nb,9,98.7\nb,12,97.2\nc,3,101.1\nc,18,95.9\nc,18,96.4\n";
    let study = table::read(text.as_bytes(), &Reading::default()).unwrap().study;
    let evaluation = evaluate(&study, &options(Some(90.0), Some(103.0))).unwrap();
    let (intercepts, slopes) = (
        (4.416_217_692_368_434, 0.127_664_653_192_911_9),
        (1.958_705_110_242_607_5, 0.285_605_512_286_698_5),
    );
    assert_tests(&evaluation, intercepts, slopes, (2.0, 3.0));
    assert_eq!(evaluation.model, Model::CommonSlope);
    assert_outcome(&evaluation, Model::OneLine, 34.762_806_216_279_864, None);
    assert_outcome(&evaluation, Model::CommonSlope, 28.231_049_933_689_278, Some("a"));
    let expected = [22.338_123_760_419_31, 29.320_791_273_969_995, 30.622_231_283_577_077];
    assert_crossings(&evaluation, Model::SeparateLines, Side::Lower, &expected);
    let separate = of(&evaluation, Model::SeparateLines);
    assert!(
        matches!(&separate.outcome, Outcome::OutsideAtRelease { limit: Side::Upper, batch: Some(batch), .. } if batch == "c")
    );
    let own = of(&evaluation, Model::SeparateMeanSquares);
    assert_eq!(own.outcome, Outcome::NoMeanSquare { batch: "a".into() });
    let crossing = own.lines[1].bound.as_ref().unwrap().limits[0].leaves;
    assert!(matches!(crossing, Leaving::At(time) if (time / 26.116_350_167_898_156 - 1.0).abs() < TOLERANCE));
    // Batch a was followed for six months.
    assert_shelf_life(&evaluation, 12.0, 12, Basis::Cap);
    let warnings = evaluation.warnings.join("\n");
    assert!(warnings.contains("batch has two results only, and no mean square of its own: a"), "{warnings}");
    assert!(warnings.contains("no result at time 0, where the line is extrapolated to: c"), "{warnings}");
}
