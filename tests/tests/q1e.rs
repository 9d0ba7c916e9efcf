//! `nanotrace q1e`: a shelf life from a file, on a machine without a network.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::Value;
use tests::{nanotrace, repository, shared};

/// Exit code, standard output and standard error.
fn q1e(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(nanotrace()).arg("q1e").args(arguments).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn json(arguments: &[&str]) -> Value {
    let (exit, text, told) = q1e(&[arguments, &["--json"]].concat());
    assert_eq!(exit, Some(0), "{told}");
    serde_json::from_str(&text).unwrap()
}

/// A published example of the crate's own tests.
fn example(name: &str) -> String {
    repository().join("stability/tests/data").join(name).to_str().unwrap().to_owned()
}

fn written(folder: &Path, text: &str) -> String {
    let path = folder.join("data.csv");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_published_shelf_life_is_computed_again() {
    let (exit, text, told) = q1e(&[&example("exp4.csv"), "--lower", "95"]);
    assert_eq!((exit, told.as_str()), (Some(0), ""));
    for part in [
        "4 batches, 36 results, up to 24 months",
        "model        common slope",
        "equal slopes                          F = 0.329081  df 3, 28  p = 0.804335  not rejected",
        "equal intercepts, given equal slopes  F = 19.8876  df 3, 28  p = 4.17602e-7  rejected",
        "> common slope                                  23.475051 (lower limit, batch 2_12)",
        "separate lines, pooled mean square            23.244186 (lower limit, batch 2_12)",
        "separate lines, each batch's own mean square  23.115959 (lower limit, batch 3_13)",
        "worst batch  2_12",
        "crossing     23.4750508698",
        "cap          36 months = min(2X, X + 12); X = 24 months, of batch 1_11",
        "shelf life   23 months (exactly 23.4750508698",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let evaluation = json(&[&example("exp4.csv"), "--lower", "95"]);
    let exact = evaluation["shelfLife"]["exact"].as_f64().unwrap();
    assert!((exact / 23.475_050_869_885_974 - 1.0).abs() < 1e-12, "{exact}");
    assert_eq!(evaluation["models"].as_array().unwrap().len(), 4);
    assert_eq!(evaluation["resultColumn"], "Conc");
}

#[test]
fn options_change_what_they_say() {
    let moisture = example("exp3.csv");
    let limits = ["--lower", "1.5", "--upper", "3.5"];
    let whole = |more: &[&str]| {
        json(&[&[moisture.as_str()], &limits[..], more].concat())["shelfLife"]["whole"].clone()
    };
    assert_eq!(whole(&[]), 36);
    assert_eq!(whole(&["--cap", "1.5x"]), 30);
    assert_eq!(whole(&["--cap", "none"]), 45);
    assert_eq!(whole(&["--unit", "weeks"]), 45);
    let evaluation = json(&[&[moisture.as_str()], &limits[..], &["--where", "Batch=b1"]].concat());
    assert_eq!((&evaluation["rowsLeftOut"], &evaluation["tests"]), (&Value::from(22), &Value::Null));
    let warnings = evaluation["warnings"].to_string();
    assert!(warnings.contains("there is 1 batch"), "{warnings}");
    let warnings =
        json(&[&[moisture.as_str()], &limits[..], &["--unit", "weeks"]].concat())["warnings"].to_string();
    assert!(warnings.contains("their column is called"), "{warnings}");
    for (more, expected) in [
        (&["--unit", "days", "--cap", "2x"][..], "with --unit days there is none"),
        (&["--claim-cap", "--cap", "none"], "--claim-cap claims the cap"),
        (&["--unit", "a b"], "a unit is a word"),
        (&["--where", "Batch"], "write COLUMN=TEXT"),
        (&["--lower", "4"], "cannot be used multiple times"),
        (&["--force"], "--plot"),
    ] {
        let (exit, _, told) = q1e(&[&[moisture.as_str()], &limits[..], more].concat());
        assert!(exit == Some(2) && told.contains(expected), "{told}");
    }
    let (exit, _, told) = q1e(&[&moisture]);
    assert!(exit == Some(2) && told.contains("--lower") && told.contains("--upper"), "{told}");
    let (exit, _, told) = q1e(&[&moisture, "--lower", "4", "--upper", "-3.5"]);
    assert!(exit == Some(2) && told.contains("the lower limit is not below the upper one"), "{told}");
}

#[test]
fn what_is_wrong_with_a_file_is_told_by_its_lines() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |text: &str| {
        let (exit, shown, told) = q1e(&[&written(folder.path(), text), "--lower", "95"]);
        assert_eq!((exit, shown.as_str()), (Some(2), ""), "{told}");
        told
    };
    let told = refused("batch;month;potency\r\na;0;101,5\r\n\r\na;3;\r\na;6;n.d.\r\n");
    for line in [
        "line 2: column potency: \"101,5\" has a comma",
        "line 4: column potency is empty",
        "line 5: column potency: \"n.d.\" is no number",
        "--decimal-comma",
    ] {
        assert!(told.contains(line), "{line}\n{told}");
    }
    let told = refused("sample,day,potency\na,0,101\n");
    assert!(told.contains("there is no column for the batch") && told.contains("--batch COLUMN"), "{told}");
    let told = refused("batch,day,potency\na,0,101\n");
    assert!(told.contains("there is no column for the time") && told.contains("--time COLUMN"), "{told}");
    let told = refused("batch,month,potency,size\na,0,101,3\n");
    assert!(
        told.contains("several columns could be the result") && told.contains("--result COLUMN"),
        "{told}"
    );
    let told = refused("batch,month,potency\na,0,101\na,0,100\na,0,99\n");
    assert!(told.contains("all results of batch a are of one time"), "{told}");
    // What a terminal would obey is shown.
    let told = refused("batch,month,potency\na,0,\u{1b}[2J\n");
    assert!(told.contains("line 2") && !told.contains('\u{1b}'), "{told}");
    let (exit, _, told) = q1e(&[folder.path().join("absent.csv").to_str().unwrap(), "--lower", "95"]);
    assert!(exit == Some(2) && told.contains("absent.csv"), "{told}");
}

#[test]
fn what_is_not_estimable_is_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let level = written(folder.path(), "batch,month,x\na,0,100.1\na,12,100.1\na,24,100.1\n");
    let (exit, text, _) = q1e(&[&level, "--lower", "95"]);
    assert_eq!(exit, Some(1));
    assert!(text.contains("shelf life   not estimable: no crossing"), "{text}");
    let (exit, text, _) = q1e(&[&level, "--lower", "95", "--claim-cap"]);
    assert_eq!(exit, Some(0));
    assert!(text.contains("shelf life   36 months (exactly 36; it ends by the cap, claimed"), "{text}");
    let (exit, text, _) = q1e(&[&level, "--lower", "101", "--claim-cap"]);
    assert_eq!(exit, Some(1));
    assert!(text.contains("not estimable: outside the limit at release"), "{text}");
}

#[test]
fn a_drawing_is_written_and_not_over_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plot.svg");
    let plot = path.to_str().unwrap();
    let draw = |limit: &str, more: &[&str]| {
        q1e(&[&[example("exp4.csv").as_str(), "--lower", limit, "--plot", plot], more].concat())
    };
    assert_eq!(draw("95", &[]).0, Some(0));
    let drawing = fs::read_to_string(&path).unwrap();
    assert!(drawing.starts_with("<svg ") && drawing.contains("Conc: shelf life 23 months"), "{drawing}");
    assert!(!drawing.contains("style") && !drawing.contains("script"));
    let (exit, _, told) = draw("96", &[]);
    assert!(exit == Some(2) && told.contains("--force"), "{told}");
    assert_eq!(draw("96", &["--force"]).0, Some(0));
    assert_ne!(fs::read_to_string(&path).unwrap(), drawing);
}

#[test]
fn a_million_rows_come_through_a_pipe() {
    let mut text = "batch,month,assay\n".to_owned();
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..1_000_000 {
        let (batch, month, noise) = (random.u8(..10), random.u8(..37), random.f64() - 0.5);
        let result = 100.0 - 0.1 * f64::from(month) + noise;
        writeln!(text, "b{batch},{month},{result:.4}").unwrap();
    }
    let mut process = Command::new(nanotrace())
        .args(["q1e", "-", "--lower", "95", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    process.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    let evaluation: Value = serde_json::from_slice(&output.stdout).unwrap();
    let crossing = evaluation["models"][0]["outcome"]["time"].as_f64().unwrap();
    assert!((crossing - 50.0).abs() < 0.1, "{crossing}");
}

/// What a certificate's test report says of a study (`docs/adr/0050-a-study-is-a-test-report.md`).
#[test]
fn a_certified_line_is_computed_again() {
    let folder = tempfile::tempdir().unwrap();
    // Names that a shell would take apart, and characters that a terminal would obey.
    let data = "Lot;it's $(x)\u{202e};Größe µm;storage\n".to_owned()
        + "a;0;100,5;25C 60%\na;6;98,2;25C 60%\na;12;96,1;25C 60%\na;12;1;cold\n";
    let file = written(folder.path(), &data);
    let line = "--lower=-1.5 --upper 105.25 --time 'it'\\''s $(x)\u{202e}' --result 'Größe µm' --where 'storage=25C 60%' \
                --cap 1.5x --decimal-comma";
    let parameters: stability::Parameters = line.parse().unwrap();
    assert_eq!(parameters.to_string(), line);
    let answer = parameters.answer(data.as_bytes(), &mut |_| true).unwrap();
    let statement = answer.statement(&parameters);
    let (came_to, command) = statement.split_once("; ").unwrap();
    // As a person does it: the command goes to a shell.
    let command = command.replace("nanotrace q1e FILE", "\"$0\" q1e \"$1\"") + " --json";
    let output = Command::new("sh").args(["-c", &command]).arg(nanotrace()).arg(&file).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), answer.json().unwrap() + "\n", "{told}");
    let found: Value = serde_json::from_str(&answer.json().unwrap()).unwrap();
    let (whole, exact) = (&found["shelfLife"]["whole"], found["shelfLife"]["exact"].as_f64().unwrap());
    assert_eq!(came_to, format!("ICH Q1E: {whole} months ({exact})"));
}

/// The snippet of `docs/shelf-life.md` is what the program prints.
#[test]
fn the_documented_output_is_what_is_printed() {
    let page = fs::read_to_string(repository().join("docs/shelf-life.md")).unwrap();
    let shown = page.split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let all = fs::read_to_string(example("exp1.csv")).unwrap();
    let is_shown = |line: &&str| ["Batch,", "b3,", "b4,", "b5,"].iter().any(|begin| line.starts_with(begin));
    let lines: Vec<&str> = all.lines().filter(is_shown).collect();
    let (exit, text, _) = q1e(&[&written(folder.path(), &lines.join("\n")), "--lower", "95"]);
    assert_eq!(exit, Some(0));
    // The last digits of the crossing are rounding, which another processor may do otherwise.
    let is_digit = |it: char| it.is_ascii_digit();
    let rounded = |text: &str| -> Vec<String> {
        text.split("23.397266347487").map(|part| part.trim_start_matches(is_digit).to_owned()).collect()
    };
    assert_eq!(rounded(&text), rounded(shown));
}

/// Published tables of the size of particles, in the layout of their journal.
#[test]
fn published_tables_of_particle_sizes_are_evaluated() {
    let Some(path) = shared("data/nano/stability_tables.csv") else { return };
    let path = path.to_str().unwrap();
    let columns = ["--batch", "condition", "--time", "time", "--result", "size_nm_mean"];
    let select = |more: &[&'static str]| -> Vec<&str> { [&[path], &columns[..], more].concat() };
    let evaluation = json(&select(&["--upper", "250", "--where", "time_unit=month"]));
    assert_eq!(evaluation["model"], "separateLines");
    assert_eq!(evaluation["shelfLife"]["whole"], 6);
    let evaluation = json(&select(&["--upper", "600", "--where", "time_unit=day", "--unit", "days"]));
    assert_eq!(evaluation["cap"], Value::Null);
}
