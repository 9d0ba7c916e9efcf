#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

fn fault(text: &str) -> String {
    read(text.as_bytes(), &Reading::default()).unwrap_err().to_string()
}

fn points(bytes: &[u8], reading: &Reading) -> Vec<(String, f64, f64)> {
    let table = read(bytes, reading).unwrap();
    let of = |batch: &crate::Batch| {
        let name = batch.name.clone();
        batch.points.iter().map(move |point| (name.clone(), point.time, point.result)).collect::<Vec<_>>()
    };
    table.study.batches().iter().flat_map(of).collect()
}

fn named(batch: &str, time: &str, result: &str) -> Reading {
    let name = |text: &str| Some(text.to_owned());
    Reading { batch: name(batch), time: name(time), result: name(result), ..Reading::default() }
}

#[test]
fn what_programs_write_is_read() {
    let expected = [("b;1".to_owned(), 0.0, -1.5), ("b;1".to_owned(), 3.0, 2e-3), ("c".to_owned(), 3.0, 7.0)];
    for text in [
        "Batch,Month,Potency\n\"b;1\",0,-1.5\nb;1,3,2e-3\nc,3.0,7\n",
        "\u{feff}Batch;Month;Potency\r\n\"b;1\";0;-1.5\r\n\r\n\"b;1\";3;0.002\r\nc;3;+7",
        "Potency\tLOT\tmonths\r\"-1.5\"\tb;1\t0\r.002\t b;1 \t3\r7.\tc\t3\r\t\t\r",
    ] {
        assert_eq!(points(text.as_bytes(), &Reading::default()), expected, "{text}");
    }
    let text = "batch;time;result\nb;0;98,5\nb;1,5;\"97\"\n";
    let reading = Reading { decimal_comma: true, ..Reading::default() };
    assert_eq!(points(text.as_bytes(), &reading), [("b".to_owned(), 0.0, 98.5), ("b".to_owned(), 1.5, 97.0)]);
}

#[test]
fn columns_and_rows_are_chosen() {
    let text = "time,storage,name,size,zeta,zeta\n0,4C,a,1,2,3\n0,25C,a,4,5,6\n1,4C,a,7,8,9\n";
    let only = |cell: &str| vec![("storage".to_owned(), cell.to_owned())];
    let reading = Reading { only: only("4C"), ..named("name", "time", "size") };
    assert_eq!(points(text.as_bytes(), &reading), [("a".to_owned(), 0.0, 1.0), ("a".to_owned(), 1.0, 7.0)]);
    assert_eq!(read(text.as_bytes(), &reading).unwrap().left_out, 1);
    let none = read(text.as_bytes(), &Reading { only: only("5C"), ..named("name", "time", "size") });
    assert!(none.unwrap_err().to_string().contains("no row of the file has the cells"));
}

#[test]
fn columns_that_cannot_be_told_are_named() {
    for (text, expected) in [
        ("", "the file is empty"),
        (" \n\n,\n", "the file is empty"),
        ("batch,time,x\n", "the file has no rows"),
        (
            "\nsample,time,x\n",
            "line 2: there is no column for the batch (batch or lot); the columns are \"sample\", \"time\"",
        ),
        ("batch,days,x\n", "line 1: there is no column for the time (time or month or months)"),
        ("batch,time,month,x\n", "line 1: for the time, columns 2 and 3 could both be meant: rename one"),
        ("batch,time\n", "line 1: there is no column for the result"),
        ("batch,time,x,y\n", "line 1: several columns could be the result: \"x\", \"y\""),
    ] {
        assert!(fault(text).starts_with(expected), "{text}: {}", fault(text));
    }
    let of = |reading| read(b"batch,time,x,x\n", &reading).unwrap_err().to_string();
    assert!(of(named("batch", "time", "x")).contains("for the result, columns 3 and 4 have the same name"));
    assert!(of(named("batch", "time", "y")).contains("there is no column \"y\""));
    assert!(of(named("batch", "time", "time")).contains("\"time\" is asked for twice"));
    assert!(of(named("batch", "batch", "time")).contains("\"batch\" is asked for twice"));
}

#[test]
fn rows_that_cannot_be_read_are_named_by_line() {
    for (row, expected) in [
        ("b,1", "2 cells, where the header names 3 columns"),
        ("b,1,98,5", "4 cells, where the header names 3 columns. Are there decimal commas?"),
        ("b,1,\"98,5\"", "column x: \"98,5\" has a comma: write a decimal point"),
        ("b,,1", "column time is empty: fill it in"),
        ("b,1, ", "column x is empty"),
        (",1,1", "column batch is empty"),
        ("b,1,nan", "column x: \"nan\" is no finite number"),
        ("b,1,-Infinity", "column x: \"-Infinity\" is no finite number"),
        ("b,1,1e999", "column x: \"1e999\" is no finite number"),
        ("b,1,<0.05", "column x: \"<0.05\" is no number: a result beyond the limit of quantification"),
        ("b,1,98.5 %", "column x: \"98.5 %\" is no number: write digits with a decimal point, and no unit"),
        ("b,-1,98", "the time is before the release"),
        ("b,1,1e60", "the result is no number that can be computed with"),
    ] {
        // However lines end, and whatever empty ones come before.
        for end in ["\n", "\r\n", "\r"] {
            let lines = ["batch,time,x", "b,0,100", "", "", "\"b\"\"c\",1,99", row, ""];
            let text = lines.join(end);
            assert!(fault(&text).starts_with(&format!("line 6: {expected}")), "{row}: {}", fault(&text));
        }
    }
    // A cell over two lines.
    assert!(fault("batch,time,x,note\nb,0,1,\"a\nb\"\nb,0,y,\n").contains("several columns"));
    let reading = named("batch", "time", "x");
    let told = read(b"batch,time,x,note\nb,0,1,\"a\r\nb\"\r\nb,0,y,\n", &reading).unwrap_err().to_string();
    assert!(told.starts_with("line 4: column x: \"y\" is no number"), "{told}");
    let decimal = Reading { decimal_comma: true, ..Reading::default() };
    let told = read(b"batch;time;x\nb;0;9.5\n", &decimal).unwrap_err().to_string();
    assert!(told.contains("has a point, where decimal commas are announced"), "{told}");
}

#[test]
fn many_faults_are_counted() {
    let told = fault(&format!("batch,time,x\n{}", "b,0,?\n".repeat(25)));
    assert_eq!(told.lines().count(), 11);
    assert!(told.ends_with("and 15 more rows cannot be read"), "{told}");
    let told = fault(&format!("batch,time,x\nb,0,{}\n", "x".repeat(1000)));
    assert!(told.len() < 200, "{told}");
}

#[test]
fn files_that_are_no_csv_are_told_by_what_they_are() {
    for (bytes, expected) in [
        (&b"PK\x03\x04rest"[..], "a spreadsheet"),
        (b"\xff\xfeb\0a\0", "UTF-16"),
        (b"batch,\0", "no text"),
        (b"batch,time,x\nb,0,\xe9\n", "column x is no UTF-8"),
    ] {
        let told = read(bytes, &Reading::default()).unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
    }
    let told = read(&vec![b'a'; MAXIMUM_BYTES + 1], &Reading::default()).unwrap_err().to_string();
    assert!(told.contains("larger than 64 MiB"), "{told}");
}

#[test]
fn a_time_column_may_tell_another_unit() {
    for (column, unit, tells) in [
        ("Day", "months", true),
        ("time_weeks", "months", true),
        ("Month", "months", false),
        ("time", "months", false),
        ("days", "days", false),
        ("months", "days", true),
    ] {
        assert_eq!(tells_another_unit(column, unit), tells, "{column} {unit}");
    }
}

mod properties {
    use proptest::prelude::*;

    use crate::{
        CapRule, Limits, Options, Unit, evaluate, plot,
        table::{Reading, read},
    };

    fn cell() -> impl Strategy<Value = String> {
        let odd = prop::sample::select(vec![
            "", "a", "\"", "9,5", "nan", "-0", "1e50", "-1e50", "1e-50", "1e9", "1e-300",
        ]);
        let small = (0_u32..5, 0_u32..3).prop_map(|(number, decimals)| format!("{number}.{decimals}"));
        prop_oneof![1 => odd.prop_map(str::to_owned), 6 => small, 2 => any::<f64>().prop_map(|it| it.to_string())]
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes, &Reading::default());
            let _ = read(&[b"batch,time,x\n", &bytes[..]].concat(), &Reading { decimal_comma: true, ..Reading::default() });
        }

        /// Whatever is read is evaluated, or refused, and drawn; and every number is one.
        #[test]
        fn whatever_is_read_comes_to_numbers(
            rows in prop::collection::vec((0_u8..3, cell(), cell()), 1..14),
            lower in prop::sample::select(vec![0.0, 1.0, -1e50, 1e-50]),
        ) {
            let lines = rows.iter().map(|(batch, time, result)| format!("{batch},{time},{result}\n"));
            // A row that is refused leaves the others.
            let lines = lines.filter(|line| read(format!("batch,time,x\n{line}").as_bytes(), &Reading::default()).is_ok());
            let text = format!("batch,time,x\n{}", lines.collect::<String>());
            let Ok(table) = read(text.as_bytes(), &Reading::default()) else { return Ok(()) };
            for (lower, upper) in [(Some(lower), None), (Some(lower), Some(1e50)), (None, Some(lower))] {
                let limits = Limits::new(lower, upper).unwrap();
                let options = Options { limits, unit: Unit::months(), cap: CapRule::Twice, claim_cap: false };
                let Ok(evaluation) = evaluate(&table.study, &options) else { return Ok(()) };
                let shown = format!("{evaluation}{}", plot::svg(&table.study, &evaluation, "x"));
                prop_assert!(!shown.contains("NaN") && !shown.contains("inf"), "{text}\n{shown}");
                // An F alone may be infinite.
                let nulls = serde_json::to_string(&evaluation).unwrap().replace("\"f\":null", "");
                let nulls = nulls.replace("\"batch\":null", "").replace("\"bound\":null", "");
                let nulls = nulls.replace("\"tests\":null", "").replace("\"cap\":null", "");
                prop_assert!(!nulls.contains("null"), "{text}\n{nulls}");
            }
        }
    }
}
