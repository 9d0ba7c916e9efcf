//! The JSON schema and the rules name the same members.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use certificate::document::{CONTEXT, SCHEMA, TYPE, check_signed};
use certificate::{canonical, demo};
use common::*;
use serde_json::{Value, json};

const TEXT: &str = include_str!("../schema/certificate-v1.json");

/// The schemas of all objects in a document, by their place; lists are entered at their first element.
fn objects(schema: &Value, root: &Value, here: &str, found: &mut Vec<(String, Vec<String>)>) {
    if let Some(name) = schema["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        return objects(&root["$defs"][name], root, here, found);
    }
    for choice in schema["oneOf"].as_array().into_iter().flatten() {
        objects(choice, root, here, found);
    }
    if schema["items"].is_object() {
        objects(&schema["items"], root, &format!("{here}/0"), found);
    }
    for (index, element) in schema["prefixItems"].as_array().into_iter().flatten().enumerate() {
        objects(element, root, &format!("{here}/{index}"), found);
    }
    let Some(properties) = schema["properties"].as_object() else { return };
    assert_eq!(schema["additionalProperties"], false, "{here} is open");
    found.push((here.to_owned(), properties.keys().cloned().collect()));
    for (name, property) in properties {
        objects(property, root, &format!("{here}/{name}"), found);
    }
}

#[test]
fn the_same_members_everywhere() {
    let schema: Value = serde_json::from_str(TEXT).unwrap();
    let mut found = Vec::new();
    objects(&schema, &schema, "", &mut found);
    assert!(found.len() > 25, "{}", found.len());
    for (place, mut members) in found {
        let mut document: Value = serde_json::from_str(&demonstration(1)).unwrap();
        build(&mut document, &place);
        let unknown = format!("{place}/unknown");
        let violations = check_signed(&canonical::to_canonical(&document).unwrap()).unwrap_err();
        let violation = violations.iter().find(|violation| violation.pointer == unknown).expect(&unknown);
        let (_, known) = violation.rule.split_once("members are ").unwrap();
        let mut known: Vec<String> = known.split(", ").map(str::to_owned).collect();
        known.sort();
        members.sort();
        assert_eq!(known, members, "{place}");
    }
}

/// Puts an object with an unknown member at the place, whatever stood there.
fn build(document: &mut Value, place: &str) {
    let mut here = document;
    for name in place.split('/').skip(1) {
        here = match name.parse::<usize>() {
            Ok(index) => {
                if !here.is_array() {
                    *here = json!([{}]);
                }
                &mut here[index]
            }
            Err(_) => &mut here[name],
        };
        if !here.is_object() && !here.is_array() {
            *here = json!({});
        }
    }
    here["unknown"] = json!("x");
}

#[test]
fn the_schema_names_itself_and_its_constants() {
    let schema: Value = serde_json::from_str(TEXT).unwrap();
    assert_eq!(schema["$id"], SCHEMA);
    assert_eq!(schema["properties"]["@context"]["const"], json!(CONTEXT));
    assert_eq!(schema["properties"]["type"]["const"], json!(TYPE));
    let document = demo::document(&particulars(1));
    assert_eq!(schema["properties"]["credentialSchema"]["const"], document["credentialSchema"]);
    let _: Value = serde_json::from_str(include_str!("../schema/context-v1.json")).unwrap();
}
