#![allow(clippy::unwrap_used)]

use super::*;
use crate::{CapRule, Limits, Options, Results, Unit, evaluate};

fn drawn(rows: &[(&str, f64, f64)], lower: f64, result: &str) -> String {
    let mut results = Results::default();
    rows.iter().for_each(|(batch, time, result)| results.add(batch, *time, *result).unwrap());
    let study = results.into_study();
    let limits = Limits::new(Some(lower), None).unwrap();
    let options = Options { limits, unit: Unit::months(), cap: CapRule::Twice, claim_cap: false };
    svg(&study, &evaluate(&study, &options).unwrap(), result)
}

const ROWS: [(&str, f64, f64); 6] = [
    ("<b>&\"", 0.0, 100.0),
    ("<b>&\"", 6.0, 99.0),
    ("<b>&\"", 12.0, 98.5),
    ("b", 0.0, 101.0),
    ("b", 6.0, 99.2),
    ("b", 12.0, 97.4),
];

#[test]
fn the_drawing_carries_no_style_and_no_script() {
    let svg = drawn(&ROWS, 95.0, "Potency <script>");
    for absent in ["style", "<script", "href", "url(", " id=", " on"] {
        assert!(!svg.contains(absent), "{absent}");
    }
    assert!(svg.contains("Potency &lt;script&gt;") && svg.contains("&lt;b&gt;&amp;&quot;"));
    assert_eq!(svg.matches("class=\"mark\"").count(), ROWS.len() + 2);
    assert_eq!(svg.matches("<svg").count(), svg.matches("</svg>").count());
}

#[test]
fn every_number_in_the_drawing_is_one() {
    let level = [("a", 0.0, 5.0), ("a", 1.0, 5.0), ("a", 2.0, 5.0)];
    let tiny = [("a", 0.0, 5e-40), ("a", 1e-3, 4e-40), ("a", 2e-3, 1e-40)];
    let huge = [("a", 0.0, 5e40), ("a", 1e8, 4e40), ("a", 9e8, 1e40)];
    let early = [("a", 0.0, 1e10), ("a", 1.0, -1e10), ("a", 1e6, 0.0)];
    for (rows, lower) in [(&level, 5.0), (&level, 6.0), (&tiny, 1e-41), (&huge, 0.0), (&early, 95.0)] {
        let svg = drawn(rows, lower, "x");
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
}

#[test]
fn ten_thousand_results_and_a_hundred_batches_stay_small() {
    let names: Vec<String> = (0..100).map(|number| format!("batch {number:03}")).collect();
    let rows: Vec<(&str, f64, f64)> = names
        .iter()
        .flat_map(|name| {
            (0..100_u8).map(move |at| (name.as_str(), f64::from(at % 25), 100.0 - f64::from(at % 7)))
        })
        .collect();
    let svg = drawn(&rows, 90.0, "x");
    assert!(svg.len() < 1_000_000, "{}", svg.len());
    assert!(svg.contains("and 86 more batches") && svg.contains("one of 5 results is drawn"));
}

#[test]
fn ticks_are_round() {
    assert_eq!(ticks((0.0, 37.0), true), [0.0, 6.0, 12.0, 18.0, 24.0, 30.0, 36.0]);
    assert_eq!(ticks((0.0, 4.0), true).first(), Some(&0.0));
    assert_eq!(ticks((94.2, 102.1), false), [95.0, 96.0, 97.0, 98.0, 99.0, 100.0, 101.0, 102.0]);
    assert_eq!(number(0.1 + 0.2), "0.3");
    assert_eq!(number(2e-40), "2e-40");
}
