//! Nothing that comes from outside makes the contract panic or write: documents altered at random, raw bytes as
//! arguments, records altered on the ledger.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use bytes::Bytes;
use certificate::document::{check_draft, check_signed};
use certificate::record::{
    Accreditation, Adopted, Anchor, Application, BodyEnd, Certificate, Complaint, Compromise, Confidential,
    IssuerKey, Laboratory, Ledger,
};
use certificate::record::{Reservation, Scheme, Status, Stop, Superseded, Surveillance, Withdrawal};
use certificate::state::State;
use certificate::{canonical, demo, keys, parties};
use common::*;
use futures::executor::block_on;
use proptest::prelude::*;
use serde_json::{Value, json};

/// What a value can become.
#[derive(Debug, Clone)]
enum Mutation {
    Replace(Value),
    Remove,
    Duplicate,
    Wrap,
    Truncate(usize),
    Insert(usize, char),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let value = prop_oneof![
        Just(json!(null)),
        any::<f64>().prop_map(|number| json!(number)),
        any::<bool>().prop_map(|bit| json!(bit)),
        ".{0,40}".prop_map(|text| json!(text)),
        "-?[0-9]{1,20}(\\.[0-9]{1,20})?(e[0-9])?".prop_map(|text| json!(text)),
        "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z".prop_map(|text| json!(text)),
        "z[1-9A-HJ-NP-Za-km-z]{0,100}".prop_map(|text| json!(text)),
        Just(json!([])),
        Just(json!({})),
        Just(json!("none")),
    ];
    prop_oneof![
        4 => value.prop_map(Mutation::Replace),
        1 => Just(Mutation::Remove),
        1 => Just(Mutation::Duplicate),
        1 => Just(Mutation::Wrap),
        1 => (0usize..40).prop_map(Mutation::Truncate),
        1 => (0usize..40, any::<char>()).prop_map(|(at, character)| Mutation::Insert(at, character)),
    ]
}

/// Applies a mutation to the value that `choice` picks among all values of the document.
fn mutate(document: &mut Value, choice: usize, mutation: &Mutation) {
    let mut pointers = Vec::new();
    collect(document, String::new(), &mut pointers);
    let pointer = &pointers[choice % pointers.len()];
    let (parent, name) = pointer.rsplit_once('/').unwrap_or_default();
    let Some(value) = document.pointer_mut(pointer) else { return };
    match mutation {
        Mutation::Replace(other) => *value = other.clone(),
        Mutation::Wrap => *value = json!([value.clone()]),
        Mutation::Truncate(length) => {
            if let Value::String(text) = value {
                *text = text.chars().take(*length).collect();
            }
        }
        Mutation::Insert(at, character) => {
            if let Value::String(text) = value {
                let at = text.char_indices().nth(*at).map_or(text.len(), |(index, _)| index);
                text.insert(at, *character);
            }
        }
        Mutation::Duplicate => {
            let value = value.clone();
            match document.pointer_mut(parent) {
                Some(Value::Array(elements)) => elements.push(value),
                Some(Value::Object(members)) => drop(members.insert(format!("{name}2"), value)),
                _ => (),
            }
        }
        Mutation::Remove => match document.pointer_mut(parent) {
            Some(Value::Array(elements)) => drop(elements.pop()),
            Some(Value::Object(members)) => drop(members.remove(name)),
            _ => (),
        },
    }
}

fn collect(value: &Value, here: String, pointers: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| collect(value, format!("{here}/{name}"), pointers));
        }
        Value::Array(elements) => {
            elements
                .iter()
                .enumerate()
                .for_each(|(index, value)| collect(value, format!("{here}/{index}"), pointers));
        }
        _ => (),
    }
    pointers.push(here);
}

const FUNCTIONS: [&str; 70] = [
    "ledger:bind",
    "ledger:get",
    "ledger:tick",
    "scheme:register",
    "scheme:get",
    "scheme:list",
    "accreditation:register",
    "accreditation:suspend",
    "accreditation:restore",
    "accreditation:renew",
    "accreditation:changeScope",
    "accreditation:get",
    "accreditation:list",
    "issuerKey:propose",
    "issuerKey:approve",
    "issuerKey:revoke",
    "issuerKey:compromise",
    "issuerKey:get",
    "issuerKey:list",
    "laboratory:register",
    "laboratory:suspend",
    "laboratory:restore",
    "laboratory:renew",
    "laboratory:changeScope",
    "laboratory:get",
    "laboratory:list",
    "body:end",
    "body:get",
    "body:list",
    "application:submit",
    "application:return",
    "application:complete",
    "application:accept",
    "application:refuse",
    "application:report",
    "application:evaluate",
    "application:review",
    "application:decide",
    "application:change",
    "application:withdraw",
    "application:get",
    "application:list",
    "confidential:submit",
    "confidential:hashes",
    "confidential:get",
    "confidential:purge",
    "certificate:grant",
    "certificate:check",
    "certificate:adopt",
    "certificate:adoption",
    "certificate:adoptions",
    "certificate:issue",
    "certificate:get",
    "certificate:document",
    "certificate:history",
    "certificate:stop",
    "certificate:lift",
    "certificate:withdraw",
    "certificate:supersede",
    "surveillance:plan",
    "surveillance:record",
    "surveillance:get",
    "complaint:file",
    "complaint:acknowledge",
    "complaint:decide",
    "complaint:withdraw",
    "complaint:get",
    "complaint:list",
    "audit:anchor",
    "audit:get",
];

proptest! {
    /// An altered document is refused or, where the alteration keeps every rule, accepted; never a panic. What is
    /// accepted as a draft is accepted signed.
    #[test]
    fn altered_drafts(mutations in prop::collection::vec((any::<usize>(), mutation()), 1..4)) {
        let mut document = demo::document(&particulars(1));
        for (choice, mutation) in &mutations {
            mutate(&mut document, *choice, mutation);
        }
        match check_draft(&document) {
            Ok(found) => {
                let signed = check_signed(sign(&document).as_bytes()).expect("a good draft, signed");
                prop_assert_eq!(signed.document, found);
            }
            Err(violations) => prop_assert!(!violations.is_empty()),
        }
    }

    /// Whatever is altered after signing is found: no signed document but the one that was signed.
    #[test]
    fn altered_after_signing(choice: usize, mutation in mutation()) {
        let original: Value = serde_json::from_str(&demonstration(1)).unwrap();
        let mut altered = original.clone();
        mutate(&mut altered, choice, &mutation);
        let bytes = canonical::to_canonical(&altered).unwrap();
        prop_assert_eq!(check_signed(&bytes).is_ok(), altered == original);
    }

    #[test]
    fn altered_bytes(at in any::<prop::sample::Index>(), to: u8, length in any::<prop::sample::Index>()) {
        let original = demonstration(1).into_bytes();
        let mut altered = original.clone();
        let at = at.index(altered.len());
        altered[at] = to;
        prop_assert_eq!(check_signed(&altered).is_ok(), altered == original);
        prop_assert!(check_signed(&original[..length.index(original.len())]).is_err());
    }
}

proptest! {
    /// Any function with any arguments by a powerful caller: an answer, and no write on refusal that could be
    /// committed by mistake.
    #[test]
    fn arbitrary_calls(
        function in 0..FUNCTIONS.len(),
        arguments in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..10),
        texts in prop::collection::vec(".{0,60}", 0..5),
        use_texts: bool,
    ) {
        let mut ledger = certificate::memory::Memory::new(CHANNEL);
        let arguments: Vec<Bytes> = if use_texts {
            texts.into_iter().map(Bytes::from).collect()
        } else {
            arguments.into_iter().map(Bytes::from).collect()
        };
        let almighty = person("IndustryMSP", "applicant,evaluator,reviewer,decision-maker,lab", "x-1");
        for caller in [certification_client(), certification_admin(), accreditor(), accreditation_admin(), almighty] {
            ledger.begin(caller, now());
            let response = block_on(ledger.run(FUNCTIONS[function], &arguments));
            if response.status != 200 {
                prop_assert!(response.status >= 400 && !response.message.is_empty() && response.payload.is_empty());
            }
        }
    }

    /// Records that somebody wrote past the contract: read, or an error.
    #[test]
    fn altered_records(at in any::<prop::sample::Index>(), to: u8, cut in any::<prop::sample::Index>(), which in 0usize..10) {
        let mut ledger = issued();
        let code = code(1);
        let keys = [
            keys::certificate(code), keys::stop(code, parties::CERTIFICATION_BODY), keys::withdrawal(code, parties::ACCREDITATION_BODY),
            keys::status(parties::CERTIFICATION_BODY, 0, 1), keys::LEDGER.to_owned(), keys::scheme(demo::SCHEME_ID, "1"),
            keys::accreditation(parties::CERTIFICATION_BODY, demo::SCHEME_ID),
            keys::issuer_key(parties::CERTIFICATION_BODY, &public_key()), keys::application(code), keys::laboratory("LabMSP"),
        ];
        ledger.begin(certification_client(), now());
        ledger.enter(part_of_key(&keys[which]));
        let original = block_on(ledger.get(&[&keys[which]])).unwrap()[0].clone().unwrap();
        let mut altered = original.to_vec();
        let at = at.index(altered.len());
        altered[at] = to;
        for record in [altered, original[..cut.index(original.len())].to_vec()] {
            let bytes = Bytes::from(record.clone());
            let _ = (Certificate::decode(&bytes), Stop::decode(&bytes, "A"), Withdrawal::decode(&bytes, "A"), Status::decode(&bytes));
            let _ = (Ledger::decode(&bytes), Scheme::decode(&bytes), Accreditation::decode(&bytes, "A"), IssuerKey::decode(&bytes));
            let _ = (Application::decode(&bytes), Laboratory::decode(&bytes), Reservation::decode(&bytes), Superseded::decode(&bytes));
            let _ = (BodyEnd::decode(&bytes, "A"), Adopted::decode(&bytes));
            let _ = (Confidential::decode(&bytes), Compromise::decode(&bytes, "A"));
            let _ = (Surveillance::decode(&bytes), Complaint::decode(&bytes), Anchor::decode(&bytes));
            ledger.begin(certification_client(), now());
            ledger.enter(part_of_key(&keys[which]));
            ledger.put(&keys[which], record);
            let _ = ledger.commit(&[parties::CERTIFICATION_BODY, parties::ACCREDITATION_BODY]);
            let functions = ["certificate:get", "certificate:history", "certificate:stop", "certificate:document"];
            for function in functions.into_iter().chain(["application:get", "application:list"]) {
                let arguments = [code.to_string(), "why".into()].map(Bytes::from);
                let count = if function == "certificate:stop" { 2 } else { 1 };
                block_on(ledger.run(function, &arguments[..count]));
            }
        }
    }
}

fn issued() -> certificate::memory::Memory {
    static ISSUED: std::sync::LazyLock<certificate::memory::Memory> = std::sync::LazyLock::new(|| {
        let mut ledger = ready();
        done(&mut ledger, certification_client(), "certificate:issue", &[&demonstration(1)]);
        let hash = format!("sha256:{}", "ab".repeat(32));
        let application = json!({
            "id": code(1).to_string(), "body": parties::CERTIFICATION_BODY, "title": "Zinc oxide",
            "schemeId": demo::SCHEME_ID, "schemeVersion": "1", "dossier": hash, "replaces": code(1).to_string(),
        });
        let applicant = person("IndustryMSP", "applicant", "i-1");
        done(&mut ledger, applicant, "application:submit", &[&application.to_string()]);
        let laboratory = json!({
            "organisation": "LabMSP", "number": "1", "methods": ["TEM"], "validFrom": now(),
            "validUntil": now().plus_days(1),
        });
        done(&mut ledger, accreditor(), "laboratory:register", &[&laboratory.to_string()]);
        ledger
    });
    ISSUED.clone()
}

/// The table of this test knows every function: each is known to the contract.
#[test]
fn every_function_is_called() {
    for function in FUNCTIONS {
        let mut ledger = certificate::memory::Memory::new(CHANNEL);
        ledger.begin(certification_client(), now());
        let response = block_on(ledger.run(function, &[]));
        assert!(!response.message.contains("no such function"), "{function}");
    }
}
