//! The demonstration certificate against the published data that it names as its source.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use std::path::Path;

use certificate::demo;
use certificate::document::check_draft;
use common::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

#[test]
fn it_keeps_every_rule_and_says_what_it_is() {
    let document = demo::document(&particulars(1));
    let checked = check_draft(&document).unwrap();
    assert!(checked.demonstration && checked.listed);
    assert_eq!(document["credentialSubject"]["nanomaterialConclusion"], "undetermined");
    assert!(document["credentialSubject"]["client"]["name"].as_str().unwrap().contains("Demonstration"));
}

/// Every figure is in the source, and the reports' hash is the source's.
#[test]
fn each_figure_is_published() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/nano/nm110_study.json");
    let Ok(bytes) = std::fs::read(&source) else {
        return println!("skipped: {} is not here", source.display());
    };
    let studies: Value = serde_json::from_slice(&bytes).unwrap();
    let published: Vec<(&str, &str, f64, f64)> = studies["study"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|study| {
            let method = study["parameters"]["E.method"].as_str().unwrap_or_default();
            study["effects"].as_array().unwrap().iter().map(move |effect| {
                let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
                let acidity = number(&effect["conditions"]["pH"]["loValue"]);
                (effect["endpoint"].as_str().unwrap(), method, number(&effect["result"]["loValue"]), acidity)
            })
        })
        .collect();
    let subject = demo::document(&particulars(1))["credentialSubject"].clone();
    let figure = |pointer: &str| subject.pointer(pointer).unwrap().as_str().unwrap().parse::<f64>().unwrap();
    let text = |pointer: &str| subject.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let is_published = |endpoint: &str, method: &str, value: f64, acidity: Option<f64>| {
        let found = published.iter().any(|&(name, how, published, at)| {
            name == endpoint
                && method.starts_with(how)
                && published == value
                && acidity.is_none_or(|expected| at == expected)
        });
        assert!(found, "{endpoint} {method} {value} {acidity:?}");
    };
    is_published("FERET_MINIMAL_DIAMETER", &text("/size/method"), figure("/size/mean"), None);
    is_published("SBET", &text("/ssaMass/method"), figure("/ssaMass/value"), None);
    is_published("DENSITY_SKELETAL", &text("/density/method"), figure("/density/value"), None);
    is_published("IEP", &text("/iep/method"), figure("/iep/pH"), None);
    let dust = (text("/dustiness/method"), figure("/dustiness/value"));
    is_published("DUSTINESS_INDEX_RESPIRABLE_MASS", &dust.0, dust.1, None);
    for index in 0..subject["zeta"].as_array().unwrap().len() {
        let at = |member: &str| format!("/zeta/{index}/{member}");
        is_published("ZETA_POTENTIAL", &text(&at("method")), figure(&at("mV")), Some(figure(&at("pH"))));
    }
    for index in 0..2 {
        let at = |member: &str| format!("/dissolution/{index}/{member}");
        is_published("DISSOLUTION_RATE", &text(&at("method")), figure(&at("value")), None);
    }
    let hash = hex::encode(Sha256::digest(&bytes));
    for report in subject["testReports"].as_array().unwrap() {
        assert_eq!(report["sha256"], hash);
    }
}
