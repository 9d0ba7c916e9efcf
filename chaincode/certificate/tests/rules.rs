//! Each rule for documents: what it accepts, what it refuses, and that the refusal names its place.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::document::{check_draft, check_signed};
use certificate::{demo, draft};
use common::*;
use serde_json::{Value, json};

/// A document in which every member that a document can have stands.
fn full() -> Value {
    let subject = json!({
        "scheme": {"id": demo::SCHEME_ID, "version": "1"},
        "standards": ["urn:iso:std:iso:21363"],
        "accreditation": {"number": "DEMO-0001"},
        "client": {"name": "Maker of Particles", "lei": "506700GE1G29325QX363", "eori": "BE0123456789", "country": "BE"},
        "site": "1 Works Road, Geel",
        "product": {"name": "Zinc oxide powder", "gtin": "09520123456788", "batch": "LOT-1/a", "serial": "S%1"},
        "listing": "unlisted",
        "substance": {"name": "Zinc oxide", "cas": "1314-13-2", "ec": "215-222-5", "formula": "ZnO"},
        "ermId": "ERM00000458",
        "jrcId": "JRCNM01100a",
        "ontologyIri": "http://purl.bioontology.org/ontology/npo#NPO_1542",
        "purity": {"value": "99.0", "unit": "% w/w", "U": "0.5", "method": "ICP-MS"},
        "impurities": [
            {"name": "Lead", "cas": "7439-92-1", "ec": "231-100-4", "value": "0.0011", "unit": "% w/w", "U": "0.0001", "method": "ICP-MS"},
            {"name": "Moisture", "value": "1", "unit": "% w/w"},
        ],
        "size": {"d10": "20", "d50": "40.0", "d90": "90", "mean": "45", "sd": "12", "U": "4", "n": "512", "method": "TEM", "weighting": "number", "unit": "nm"},
        "nanoFraction": {"value": "0.93", "U": "0.04", "method": "TEM"},
        "surfaceTreatment": [{"agent": "Triethoxycaprylylsilane", "cas": "2943-75-1", "ec": "220-941-2", "value": "2", "unit": "% w/w", "U": "0.1", "method": "TGA"}],
        "shape": "elongated",
        "aspectRatio": {"value": "3.5", "U": "0.2", "method": "TEM"},
        "crystallinity": [{"phase": "Zincite", "value": "99", "unit": "%", "U": "1", "method": "XRD"}],
        "ssaMass": {"value": "12", "unit": "m2/g", "U": "0.5", "method": "BET"},
        "density": {"value": "5.67", "unit": "g/cm3", "U": "0.01", "method": "He pycnometry"},
        "vssa": {"value": "68.04", "unit": "m2/cm3", "U": "3", "method": "BET"},
        "zeta": [{"mV": "-12.5", "pH": "7.0", "medium": "1 mM NaNO3", "sd": "0.3", "method": "ELS"}],
        "iep": {"pH": "8.5", "medium": "1 mM NaNO3", "sd": "0.5", "method": "ELS"},
        "dissolution": [{"value": "0.0678", "unit": "ng/cm2/h", "U": "0", "medium": "LSF pH 7.4", "method": "CFS"}],
        "dispersionStability": {"class": "intermediate", "medium": "10 mM Ca(NO3)2", "method": "OECD TG 318"},
        "dustiness": {"value": "27", "unit": "mg/kg", "U": "2", "method": "small drum"},
        "testReports": [{
            "lab": "Particle Laboratory", "labAccreditation": "BELAC 001-TEST", "method": "ISO 21363", "date": "2026-11-01",
            "sha256": "d9".repeat(32), "uri": "https://lab.example/1", "uncertainty": {"U": "4", "unit": "nm", "k": "2"},
        }],
        "sds": {"revision": "3", "sha256": "0a".repeat(32), "nanoform": "Set of similar nanoforms 1"},
        "notifications": {"rNano": "R-1", "cpnp": "1000001", "reach": "01-2119463881-32-0000"},
        "nanomaterialConclusion": "yes",
    });
    draft::credential(&particulars(1), subject.as_object().unwrap().clone())
}

/// The value at a pointer becomes this, or goes away.
fn changed(mut document: Value, pointer: &str, value: Option<Value>) -> Value {
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = document.pointer_mut(parent).unwrap();
    match (parent, value) {
        (Value::Object(members), Some(value)) => drop(members.insert(name.replace("~1", "/"), value)),
        (Value::Object(members), None) => drop(members.remove(name).unwrap()),
        (Value::Array(elements), Some(value)) => elements[name.parse::<usize>().unwrap()] = value,
        (Value::Array(elements), None) => drop(elements.remove(name.parse().unwrap())),
        _ => panic!("{pointer}"),
    }
    document
}

/// In these tests a pointer without a leading slash is one into the credential subject.
fn absolute(pointer: &str) -> String {
    if pointer.starts_with('/') { pointer.into() } else { format!("/credentialSubject/{pointer}") }
}

fn accepts(document: &Value, what: &str) {
    if let Err(violations) = check_draft(document) {
        panic!("{what} is refused: {violations:?}");
    }
}

/// Exactly one rule is broken, at `place`, and says `words`.
fn refuses(document: &Value, place: &str, words: &str) {
    let violations = check_draft(document).expect_err(place);
    let [violation] = violations.as_slice() else { panic!("{place}: {violations:?}") };
    assert_eq!(violation.pointer, absolute(place));
    assert!(violation.rule.contains(words), "{place}: {violation}");
}

#[test]
fn the_whole_document_is_accepted() {
    accepts(&full(), "the full document");
    let signed = check_signed(sign(&full()).as_bytes()).unwrap();
    assert_eq!(signed.document.code, code(1));
    assert_eq!(signed.document.product.gtin.as_deref(), Some("09520123456788"));
    assert!(!signed.document.listed && !signed.document.demonstration);
    assert_eq!(signed.proof.public_key, public_key());
    accepts(&demo::document(&particulars(1)), "the demonstration");
}

#[test]
fn every_member_is_required_or_optional() {
    let required = [
        "/@context",
        "/id",
        "/type",
        "/credentialSchema",
        "/issuer",
        "/issuer/id",
        "/issuer/name",
        "/validFrom",
        "/validUntil",
        "/credentialStatus",
        "/credentialSubject",
        "/credentialStatus/0/type",
        "/credentialStatus/0/channel",
        "/credentialStatus/0/genesis",
        "/credentialStatus/0/certificate",
        "/credentialStatus/1/type",
        "/credentialStatus/1/statusPurpose",
        "/credentialStatus/1/statusListIndex",
        "/credentialStatus/1/statusListCredential",
        "scheme",
        "scheme/id",
        "scheme/version",
        "standards",
        "accreditation",
        "accreditation/number",
        "decisionDate",
        "client",
        "client/name",
        "client/country",
        "site",
        "product",
        "product/name",
        "listing",
        "substance",
        "substance/name",
        "purity/value",
        "purity/unit",
        "impurities/0/name",
        "impurities/0/value",
        "impurities/0/unit",
        "size",
        "size/method",
        "size/unit",
        "size/n",
        "nanoFraction/value",
        "surfaceTreatment",
        "surfaceTreatment/0/agent",
        "surfaceTreatment/0/unit",
        "surfaceTreatment/0/value",
        "shape",
        "aspectRatio",
        "aspectRatio/value",
        "crystallinity/0/phase",
        "crystallinity/0/value",
        "crystallinity/0/unit",
        "ssaMass/value",
        "ssaMass/unit",
        "density/value",
        "density/unit",
        "vssa/value",
        "vssa/unit",
        "zeta/0/mV",
        "zeta/0/pH",
        "zeta/0/medium",
        "iep/pH",
        "iep/medium",
        "dissolution/0/value",
        "dissolution/0/unit",
        "dissolution/0/medium",
        "dispersionStability/class",
        "dispersionStability/medium",
        "dustiness/value",
        "dustiness/unit",
        "dustiness/method",
        "testReports",
        "testReports/0/lab",
        "testReports/0/labAccreditation",
        "testReports/0/method",
        "testReports/0/date",
        "testReports/0/sha256",
        "testReports/0/uncertainty/U",
        "testReports/0/uncertainty/unit",
        "testReports/0/uncertainty/k",
        "sds/revision",
        "sds/sha256",
        "sds/nanoform",
        "nanomaterialConclusion",
    ];
    for place in required {
        refuses(&changed(full(), &absolute(place), None), place, "is required");
    }
    let optional = [
        "client/lei",
        "client/eori",
        "product/gtin",
        "product/batch",
        "product/serial",
        "substance/cas",
        "substance/ec",
        "substance/formula",
        "ermId",
        "jrcId",
        "ontologyIri",
        "purity/method",
        "impurities",
        "impurities/0/cas",
        "impurities/0/ec",
        "impurities/0/U",
        "size/d10",
        "size/d50",
        "size/d90",
        "size/mean",
        "size/sd",
        "size/U",
        "size/weighting",
        "nanoFraction/U",
        "surfaceTreatment/0/cas",
        "surfaceTreatment/0/ec",
        "surfaceTreatment/0/U",
        "aspectRatio/U",
        "crystallinity",
        "crystallinity/0/U",
        "ssaMass",
        "ssaMass/U",
        "density",
        "density/U",
        "vssa",
        "vssa/U",
        "zeta",
        "zeta/0/sd",
        "zeta/0/method",
        "iep",
        "iep/sd",
        "dissolution",
        "dissolution/0/U",
        "dissolution/0/method",
        "dispersionStability",
        "dispersionStability/method",
        "dustiness",
        "dustiness/U",
        "testReports/0/uri",
        "testReports/0/uncertainty",
        "sds",
        "notifications",
        "notifications/rNano",
    ];
    for place in optional {
        accepts(&changed(full(), &absolute(place), None), place);
    }
    let certain = changed(full(), "/credentialSubject/purity/U", None);
    refuses(&certain, "impurities", "at most 100 %");
    // Without the purity the impurities still come to less than 100 %; without the nano fraction nothing is concluded.
    accepts(&changed(full(), "/credentialSubject/purity", None), "purity");
    let open = changed(full(), "/credentialSubject/nanoFraction", None);
    refuses(&open, "nanomaterialConclusion", "must be undetermined");
}

#[test]
fn unknown_members_are_refused_everywhere() {
    fn places(value: &Value, here: String, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.push(here.clone());
                members.iter().for_each(|(name, value)| places(value, format!("{here}/{name}"), found));
            }
            Value::Array(elements) => {
                elements
                    .iter()
                    .enumerate()
                    .for_each(|(index, value)| places(value, format!("{here}/{index}"), found));
            }
            _ => (),
        }
    }
    let mut objects = Vec::new();
    places(&full(), String::new(), &mut objects);
    assert!(objects.len() > 25);
    for object in objects.iter().filter(|object| *object != "/credentialSchema") {
        let place = format!("{object}/a~1b");
        refuses(&changed(full(), &place, Some(json!("x"))), &place, "is not a member here");
    }
    refuses(&changed(full(), "/credentialSchema/x", Some(json!(1))), "/credentialSchema", "must be {");
}

/// No member takes a number, null, a list where there is none, or an empty object.
#[test]
fn every_member_has_its_type() {
    fn leaves(value: &Value, here: String, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                members.iter().for_each(|(name, value)| leaves(value, format!("{here}/{name}"), found))
            }
            Value::Array(elements) => {
                elements
                    .iter()
                    .enumerate()
                    .for_each(|(index, value)| leaves(value, format!("{here}/{index}"), found));
            }
            _ => found.push(here),
        }
    }
    let mut texts = Vec::new();
    leaves(&full(), String::new(), &mut texts);
    for place in &texts {
        for wrong in [
            json!(1),
            json!(null),
            json!(true),
            json!([]),
            json!({}),
            json!(""),
            json!("x\u{0}"),
            json!("a\u{202e}b"),
            json!(" "),
            json!("y".repeat(600)),
        ] {
            let document = changed(full(), place, Some(wrong.clone()));
            let violations = check_draft(&document).expect_err(&format!("{place} as {wrong}"));
            let there = violations.iter().any(|violation| place.starts_with(&violation.pointer));
            assert!(there, "{place} as {wrong}: {violations:?}");
        }
    }
    for member in full()["credentialSubject"].as_object().unwrap().keys() {
        for wrong in [json!(1), json!(null), json!([1]), json!([[]]), json!([{}]), json!({"x": {}})] {
            let document = changed(full(), &absolute(member), Some(wrong.clone()));
            assert!(check_draft(&document).is_err(), "{member} as {wrong}");
        }
    }
    for wrong in [json!(null), json!([]), json!("x"), json!({})] {
        assert!(check_draft(&wrong).is_err());
    }
}

/// The place changed, the value there, the place that is refused (the same where empty) and its rule.
#[test]
fn values_that_are_refused() {
    let cases: &[(&str, Value, &str, &str)] = &[
        ("/@context", json!(["https://www.w3.org/ns/credentials/v2"]), "", "must be ["),
        ("/type", json!(["NanomaterialCertificate", "VerifiableCredential"]), "", "must be ["),
        ("/issuer/id", json!("https://certbody.example"), "", "did:web"),
        ("/validFrom", json!("2026-11-21T12:00:00+00:00"), "", "UTC date-time"),
        ("decisionDate", json!("2026-11-21T12:00:01Z"), "", "must not be after validFrom"),
        ("/validUntil", json!("2026-11-21T12:00:00Z"), "", "must be after validFrom"),
        ("/validUntil", json!("2029-11-21T12:00:01Z"), "", "at most 3 years"),
        ("/credentialStatus/0/type", json!("BitstringStatusListEntry"), "", "must be"),
        ("/credentialStatus/0/channel", json!("Nano"), "", "Fabric channel"),
        ("/credentialStatus/0/genesis", json!("ab".repeat(32)), "", "sha256:"),
        ("/credentialStatus/0/certificate", json!(code(2)), "", "public code"),
        ("/credentialStatus/0/certificate", json!(code(1).grouped()), "", "public code"),
        ("/credentialStatus/1/statusPurpose", json!("suspension"), "", "must be"),
        ("/credentialStatus/1/statusListIndex", json!("131072"), "", "0 to 131071"),
        ("/credentialStatus/1/statusListIndex", json!("007"), "", "0 to 131071"),
        (
            "/credentialStatus/1/statusListCredential",
            json!("https://certbody.example/status/"),
            "",
            "list's number",
        ),
        (
            "/credentialStatus/1/statusListCredential",
            json!("https://certbody.example/status/x"),
            "",
            "list's number",
        ),
        ("/credentialStatus/1/statusListCredential", json!("urn:x:1"), "", "web address"),
        ("scheme/id", json!("demonstration"), "", "absolute URI"),
        ("standards", json!([]), "", "1 to 32"),
        ("standards/0", json!("ISO 21363"), "", "absolute URI"),
        ("decisionDate", json!("2026-02-30T00:00:00Z"), "", "UTC date-time"),
        ("client/lei", json!("506700GE1G29325QX364"), "", "ISO 17442"),
        ("client/eori", json!("XX123"), "", "EORI"),
        ("client/country", json!("EU"), "", "ISO 3166-1"),
        ("client/name", json!("PARTICLE  laboratory"), "testReports/0/lab", "must not be the client"),
        ("product/gtin", json!("09520123456789"), "", "GTIN"),
        ("product/gtin", json!("9520123456788"), "", "14 digits"),
        ("product/batch", json!("LOT 1"), "", "character set 82"),
        ("product/serial", json!("x".repeat(21)), "", "1 to 20"),
        ("listing", json!("hidden"), "", "listed, unlisted"),
        ("substance/cas", json!("1314-13-3"), "", "CAS"),
        ("substance/ec", json!("215-222-6"), "", "EC number"),
        ("ermId", json!("ERM1"), "", "eight digits"),
        ("jrcId", json!("NM-110"), "", "JRCNM"),
        ("ontologyIri", json!("npo:NPO_1542"), "", "web address"),
        ("purity/value", json!("100.1"), "", "0 to 100"),
        ("purity/value", json!("-1"), "", "0 to 100"),
        ("purity/value", json!("99.5"), "impurities", "at most 100 %"),
        ("purity/unit", json!("%"), "", "% w/w"),
        ("purity/U", json!("-0.1"), "", "must not be negative"),
        ("purity/U", json!("0.001"), "impurities", "at most 100 %"),
        ("purity/value", json!("9.9e1"), "", "no exponent"),
        ("impurities/1/value", json!("1.5"), "impurities", "at most 100 %"),
        ("size/d10", json!("40.1"), "size/d50", "d10 ≤ d50 ≤ d90"),
        ("size/d90", json!("39.9"), "", "d10 ≤ d50 ≤ d90"),
        ("size/d10", json!("0"), "", "must be over 0"),
        ("size/mean", json!("-1"), "", "must be over 0"),
        ("size/sd", json!("-1"), "", "must not be negative"),
        ("size/n", json!("0"), "", "whole number"),
        ("size/n", json!("512.5"), "", "whole number"),
        ("size/method", json!("ruler"), "", "TEM"),
        ("size/weighting", json!("heavy"), "", "number, surface"),
        ("size/unit", json!("um"), "", "\"nm\""),
        ("nanoFraction/value", json!("1.01"), "", "0 to 1"),
        ("surfaceTreatment", json!("None"), "", "\"none\""),
        ("surfaceTreatment", json!([]), "", "1 to 64"),
        ("surfaceTreatment/0/value", json!("101"), "", "0 to 100"),
        ("surfaceTreatment/0/cas", json!("2943-75-2"), "", "CAS"),
        ("shape", json!("round"), "", "spheroidal, elongated"),
        ("aspectRatio/value", json!("0.99"), "", "1 or more"),
        ("crystallinity/0/value", json!("100.5"), "", "0 to 100"),
        ("ssaMass/value", json!("0"), "", "over 0"),
        ("density/value", json!("5.8"), "vssa", "within 2 %"),
        ("vssa/value", json!("66.67"), "vssa", "within 2 %"),
        ("vssa/value", json!("69.41"), "vssa", "within 2 %"),
        ("zeta/0/pH", json!("14.1"), "", "0 to 14"),
        ("zeta/0/mV", json!("+12"), "", "decimal number"),
        ("iep/pH", json!("-0.1"), "", "0 to 14"),
        ("dissolution/0/value", json!("-1"), "", "must not be negative"),
        ("dispersionStability/class", json!("medium"), "", "low, intermediate, high"),
        ("dustiness/unit", json!("g/kg"), "", "mg/kg"),
        ("testReports", json!([]), "", "1 to 64"),
        ("testReports/0/date", json!("2026-11-21"), "", "must not be after the decision"),
        ("testReports/0/date", json!("21.11.2026"), "", "must be a date"),
        ("testReports/0/sha256", json!("D9".repeat(32)), "", "lower-case hex"),
        ("testReports/0/uri", json!("report 1"), "", "absolute URI"),
        ("testReports/0/uncertainty/k", json!("0"), "", "over 0"),
        ("sds/sha256", json!("0a"), "", "lower-case hex"),
        ("nanomaterialConclusion", json!("no"), "", "must be yes"),
        ("nanomaterialConclusion", json!("maybe"), "", "yes, no, undetermined"),
        ("demonstration", json!(false), "", "must be true"),
        ("demonstration", json!("true"), "", "must be true"),
    ];
    for (changing, value, refused, words) in cases {
        let document = changed(full(), &absolute(changing), Some(value.clone()));
        refuses(&document, if refused.is_empty() { changing } else { refused }, words);
    }
    let id = changed(full(), "/id", Some(json!("urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33")));
    refuses(&id, "/id", "version 4");
}

#[test]
fn values_that_are_accepted() {
    let cases = [
        ("/validUntil", json!("2029-11-21T12:00:00Z")),
        ("/validUntil", json!("2026-11-21T12:00:01Z")),
        ("/credentialStatus/1/statusListIndex", json!("131071")),
        ("/credentialStatus/1/statusListCredential", json!("https://certbody.example/status/4294967295")),
        ("decisionDate", json!(NOW)),
        ("purity/value", json!("99.4989")),
        ("size/d10", json!("40.00")),
        ("size/d90", json!("40")),
        ("size/n", json!("512.0")),
        ("nanoFraction/value", json!("0.54")),
        ("surfaceTreatment", json!("none")),
        ("surfaceTreatment", json!([{"agent": "Silica"}])),
        ("aspectRatio/value", json!("1.0")),
        (
            "crystallinity",
            json!([{"phase": "Anatase", "value": "80.5", "unit": "%"}, {"phase": "Rutile", "value": "19.5", "unit": "%"}]),
        ),
        ("vssa/value", json!("66.6792")),
        ("vssa/value", json!("69.4008")),
        ("zeta/0/pH", json!("14")),
        ("testReports/0/date", json!("2026-11-20")),
        ("demonstration", json!(true)),
        ("site", json!("Αθήνα, Ελλάς")),
    ];
    for (place, value) in cases {
        accepts(&changed(full(), &absolute(place), Some(value)), place);
    }
    let phases =
        json!([{"phase": "A", "value": "80.5", "unit": "%"}, {"phase": "B", "value": "19.6", "unit": "%"}]);
    refuses(&changed(full(), &absolute("crystallinity"), Some(phases)), "crystallinity", "at most 100 %");
}

/// REACH, Annex VI: what needs what.
#[test]
fn members_that_need_each_other() {
    let without = |places: &[&str]| {
        places.iter().fold(full(), |document, place| changed(document, &absolute(place), None))
    };
    refuses(&without(&["client/lei", "client/eori"]), "client/lei", "where no eori");
    refuses(&without(&["size/d50", "size/mean"]), "size/d50", "where no mean");
    accepts(&without(&["surfaceTreatment/0/value", "surfaceTreatment/0/unit"]), "an agent without its share");
    let round = changed(without(&["aspectRatio"]), &absolute("shape"), Some(json!("spheroidal")));
    accepts(&round, "spheroids without a ratio");
    let plate = changed(without(&["aspectRatio"]), &absolute("shape"), Some(json!("platelet")));
    refuses(&plate, "aspectRatio", "platelets");
    let light = changed(without(&["size/n"]), &absolute("size/method"), Some(json!("DLS")));
    accepts(&light, "DLS without a count");
    let open = changed(
        without(&["nanoFraction", "sds/nanoform"]),
        &absolute("nanomaterialConclusion"),
        Some(json!("undetermined")),
    );
    accepts(&open, "a sheet without a nanoform where nothing is concluded");
}

/// What a demonstration alone may leave out.
#[test]
fn demonstrations_leave_out_what_nobody_published() {
    for (name, places) in [
        ("shape", vec!["shape"]),
        ("n", vec!["size/n"]),
        ("labAccreditation", vec!["testReports/0/labAccreditation"]),
        ("lei", vec!["client/lei", "client/eori"]),
    ] {
        let short = places.iter().fold(full(), |document, place| changed(document, &absolute(place), None));
        assert!(check_draft(&short).is_err(), "{name}");
        accepts(&changed(short, "/credentialSubject/demonstration", Some(json!(true))), name);
    }
}

/// The order of the recommendation: surface, then fraction, then open.
#[test]
fn the_nanomaterial_conclusion() {
    let cases = [
        (Some(("5.99", "0")), Some(("0.99", "0")), "no"),
        (Some(("5.5", "0.5")), Some(("0.99", "0")), "yes"),
        (Some(("5.5", "0.49")), None, "no"),
        (Some(("68", "3")), None, "undetermined"),
        (None, Some(("0.5", "0")), "yes"),
        (None, Some(("0.54", "0.04")), "yes"),
        (None, Some(("0.54", "0.0400000000000001")), "undetermined"),
        (None, Some(("0.499999999999999", "0")), "no"),
        (None, Some(("0.46", "0.04")), "undetermined"),
        (None, Some(("0.46", "0.0399999999999")), "no"),
        (None, None, "undetermined"),
    ];
    for (surface, fraction, expected) in cases {
        let mut document = full();
        let subject = document["credentialSubject"].as_object_mut().unwrap();
        for name in ["vssa", "nanoFraction", "ssaMass"] {
            subject.remove(name);
        }
        if let Some((value, uncertainty)) = surface {
            subject.insert("vssa".into(), json!({"value": value, "unit": "m2/cm3", "U": uncertainty}));
        }
        if let Some((value, uncertainty)) = fraction {
            subject.insert("nanoFraction".into(), json!({"value": value, "U": uncertainty}));
        }
        for stated in ["yes", "no", "undetermined"] {
            let document =
                changed(document.clone(), &absolute("nanomaterialConclusion"), Some(json!(stated)));
            if stated == expected {
                accepts(&document, expected);
            } else {
                refuses(&document, "nanomaterialConclusion", &format!("must be {expected}"));
            }
        }
    }
}

#[test]
fn all_violations_are_found_at_once() {
    let violations = check_draft(&draft::template(&particulars(1))).unwrap_err();
    let places: Vec<&str> = violations.iter().map(|violation| violation.pointer.as_str()).collect();
    for place in ["scheme/id", "client/lei", "product/name", "size/d50", "shape", "testReports/0/sha256"] {
        assert!(places.contains(&absolute(place).as_str()), "{place}: {places:?}");
    }
}

#[test]
fn proofs_are_of_one_kind() {
    let signed: Value = serde_json::from_str(&sign(&full())).unwrap();
    let submitted = |document: &Value| check_signed(&certificate::canonical::to_canonical(document).unwrap());
    submitted(&signed).unwrap();
    let cases = [
        ("@context", json!([]), "must be ["),
        ("type", json!("Ed25519Signature2020"), "DataIntegrityProof"),
        ("cryptosuite", json!("eddsa-rdfc-2022"), "eddsa-jcs-2022"),
        ("proofPurpose", json!("authentication"), "assertionMethod"),
        ("created", json!("2026-11-21"), "UTC date-time"),
        ("verificationMethod", json!(format!("did:web:other.example#{}", public_key())), "the issuer's id"),
        ("verificationMethod", json!(format!("{ISSUER}#key-1")), "the issuer's id"),
        ("proofValue", json!("z1"), "64 bytes"),
        ("nonce", json!("x"), "is not a member here"),
        ("expires", json!(NOW), "is not a member here"),
    ];
    for (member, value, words) in cases {
        let violations =
            submitted(&changed(signed.clone(), &format!("/proof/{member}"), Some(value))).unwrap_err();
        let found = violations.iter().any(|violation| {
            violation.pointer == format!("/proof/{member}") && violation.rule.contains(words)
        });
        assert!(found, "{member}: {violations:?}");
    }
    for member in
        ["@context", "type", "cryptosuite", "created", "verificationMethod", "proofPurpose", "proofValue"]
    {
        assert!(submitted(&changed(signed.clone(), &format!("/proof/{member}"), None)).is_err(), "{member}");
    }
    assert!(submitted(&changed(signed.clone(), "/proof", None)).is_err());
    assert!(submitted(&changed(signed.clone(), "/proof", Some(json!([signed["proof"]])))).is_err());
    let altered = changed(signed, "/credentialSubject/product/name", Some(json!("Another powder")));
    let violations = submitted(&altered).unwrap_err();
    assert_eq!(violations[0].pointer, "/proof/proofValue");
    assert!(violations[0].rule.contains("signature does not belong"));
}

#[test]
fn documents_have_one_spelling_and_a_limit() {
    let text = sign(&full());
    let refused = |bytes: &[u8], words: &str| {
        let violations = check_signed(bytes).unwrap_err();
        assert!(violations[0].pointer.is_empty() && violations[0].rule.contains(words), "{violations:?}");
    };
    refused(text.replacen(':', ": ", 1).as_bytes(), "canonical");
    refused(text.replacen("\"id\":", "\"id\":\"x\",\"id\":", 1).as_bytes(), "canonical");
    refused(format!("{text}\n").as_bytes(), "canonical");
    refused(&text.as_bytes()[1..], "is not JSON");
    refused(b"", "is not JSON");
    refused(&[0xff, 0xfe], "is not JSON");
    refused("[".repeat(60_000).as_bytes(), "is not JSON");
    refused("[".repeat(70_000).as_bytes(), "at most 65536 bytes");
}
