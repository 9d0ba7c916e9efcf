//! Policies against what `common/cauthdsl` and `common/policydsl` of Fabric do.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use fabric::{
    proto::common::{
        ImplicitMetaPolicy, MspPrincipal, MspRole, Policy, SignaturePolicyEnvelope, policy::PolicyType,
    },
    wire::{WireError, put_message, put_varint},
};
use msp::MspManager;
use prost::Message;

use super::{ApplicationPolicy, DslError, PolicyError, PolicyManager, SignaturePolicy, parse, to_text};

fn compiled(text: &str) -> SignaturePolicy {
    SignaturePolicy::from_proto(&parse(text).unwrap()).unwrap()
}

/// Evaluates over identities, each given as the principals it satisfies, such as "A.peer A.member".
fn satisfied(policy: &SignaturePolicy, identities: &[&str]) -> bool {
    let principals: Vec<String> = policy.principals().iter().map(role).collect();
    policy.evaluate_with(identities.len(), |identity, principal| {
        identities[identity].split(' ').any(|satisfied| satisfied == principals[principal])
    })
}

fn role(principal: &MspPrincipal) -> String {
    let role = MspRole::decode(principal.principal.clone()).unwrap();
    format!("{}.{}", role.msp_identifier, role.role().as_str_name().to_lowercase())
}

#[test]
fn gates_count_satisfied_rules() {
    let policy = compiled("OutOf(2, 'A.peer', 'B.peer', 'C.peer')");
    assert!(!satisfied(&policy, &["A.peer"]));
    assert!(satisfied(&policy, &["C.peer", "A.peer"]));
    assert!(!satisfied(&policy, &["A.peer", "A.peer"]));
    assert!(satisfied(&compiled("OutOf(0, 'A.peer')"), &[]));
    assert!(!satisfied(&compiled("OutOf(2, 'A.peer')"), &["A.peer", "A.peer"]));
}

#[test]
fn an_identity_counts_once() {
    let policy = compiled("AND('A.member', 'A.peer')");
    assert!(!satisfied(&policy, &["A.member A.peer"]));
    assert!(satisfied(&policy, &["A.member", "A.member A.peer"]));
    // The first rule takes the first identity that fits, although the second rule needs it.
    assert!(!satisfied(&policy, &["A.member A.peer", "A.member"]));
}

#[test]
fn all_rules_of_a_gate_take_identities_even_when_enough_have() {
    // The OR is satisfied by A alone, yet its second rule takes B from the outer gate.
    let policy = compiled("AND(OR('A.peer', 'B.peer'), 'B.peer')");
    assert!(!satisfied(&policy, &["A.peer", "B.peer"]));
    assert!(satisfied(&policy, &["A.peer", "B.peer", "B.peer"]));
    assert!(satisfied(&compiled("AND('B.peer', OR('A.peer', 'B.peer'))"), &["A.peer", "B.peer"]));
}

#[test]
fn a_failed_gate_gives_back_what_it_took() {
    let policy = compiled("OR(AND('A.peer', 'B.peer'), 'A.peer')");
    assert!(satisfied(&policy, &["A.peer"]));
    let policy = compiled("OutOf(2, AND('A.peer', 'B.peer'), 'A.peer', 'C.peer')");
    assert!(satisfied(&policy, &["A.peer", "C.peer"]));
}

#[test]
fn principals_are_numbered_inner_gates_first() {
    let policy = parse("OR('A.member', AND('B.client', 'C.orderer'))").unwrap();
    let roles: Vec<_> = policy.identities.iter().map(role).collect();
    assert_eq!(roles, ["B.client", "C.orderer", "A.member"]);
}

#[test]
fn texts_that_fabric_reads() {
    let same = parse("OutOf(2, 'A.peer', 'B.peer')").unwrap();
    for text in ["AND('A.peer','B.peer')", "and( \"A.peer\" , 'B.peer' ) ", "OutOf('2', 'A.peer', 'B.peer')"]
    {
        assert_eq!(parse(text).unwrap(), same, "{text}");
    }
    let roles: Vec<_> =
        parse("OR('M.WITH.DOTS.admin', 'M-D.member')").unwrap().identities.iter().map(role).collect();
    assert_eq!(roles, ["M.WITH.DOTS.admin", "M-D.member"]);
}

#[test]
fn texts_that_fabric_refuses() {
    let error = |text: &str| parse(text).unwrap_err();
    assert!(matches!(error("OR('A.member', Bmember)"), DslError::Gate(_)));
    assert!(matches!(error("OR('A.member', 'Bmember')"), DslError::Principal(_)));
    assert!(matches!(error("OR('A.boss')"), DslError::Principal(_)));
    assert!(matches!(error(""), DslError::Expected { .. }));
    assert!(matches!(error("OutOf(1)"), DslError::EmptyGate));
    assert!(matches!(error("OutOf(true, 'A.member')"), DslError::Number(_)));
    assert!(matches!(error("OutOf(1, 2)"), DslError::Gate(_)));
    assert!(matches!(error("OutOf(-1, 'A.member', 'B.member')"), DslError::OutOf { .. }));
    assert!(matches!(error("OutOf(4, 'A.member', 'B.member')"), DslError::OutOf { .. }));
    assert!(matches!(error("AND('A.member',)"), DslError::Expected { .. }));
    assert!(matches!(error("AND('A.member') x"), DslError::Expected { .. }));
    assert!(matches!(error("AND('A.member"), DslError::Expected { .. }));
    assert!(matches!(error(&"AND(".repeat(10_000)), DslError::TooDeep));
    assert_eq!(
        error("AND('Ä.member' 'B.member')").to_string(),
        "'Ä.member' is no principal: expected MSPID.ROLE with ROLE one of member, admin, client, peer, orderer"
    );
}

#[test]
fn a_policy_is_written_as_it_was_read() {
    for text in [
        "OR('A.peer')",
        "AND('A.admin', 'B.client')",
        "OutOf(2, 'A.peer', 'B.peer', 'C.orderer')",
        "OR(AND('A.member', 'B.member'), OutOf(2, 'C.admin', 'D.member', OR('E.peer', 'F.peer')))",
        "OutOf(0, 'A.peer')",
        "OutOf(3, 'A.peer', 'B.peer')",
    ] {
        assert_eq!(to_text(&compiled(text)).as_deref(), Some(text));
    }
}

#[test]
fn rules_nest_as_deep_as_go_allows_and_no_deeper() {
    // An envelope, then two messages a level, then the innermost rule.
    let deepest = (fabric::wire::MAX_DEPTH - 2) / 2;
    let policy = SignaturePolicy::decode(nested(deepest)).unwrap();
    assert!(policy.evaluate_with(1, |_, _| true));
    assert!(!policy.evaluate_with(1, |_, _| false));
    assert!(to_text(&policy).is_some());
    let error = SignaturePolicy::decode(nested(deepest + 1)).unwrap_err();
    assert_eq!(error, PolicyError::Wire(WireError::TooDeep));
    let mut wrapped = Vec::new();
    put_message(&mut wrapped, 1, &nested(deepest));
    assert_eq!(ApplicationPolicy::decode(wrapped.into()).unwrap_err(), PolicyError::Wire(WireError::TooDeep));
}

/// `1 of (1 of (… signed by 0))`, this many gates deep.
fn nested(gates: usize) -> Bytes {
    let mut rule = vec![0x08, 0];
    for _ in 0..gates {
        let mut gate = Vec::new();
        put_varint(&mut gate, 1, 1);
        put_message(&mut gate, 2, &rule);
        rule.clear();
        put_message(&mut rule, 2, &gate);
    }
    let mut envelope = Vec::new();
    put_message(&mut envelope, 2, &rule);
    let principal = parse("OR('A.peer')").unwrap().identities[0].encode_to_vec();
    put_message(&mut envelope, 3, &principal);
    envelope.into()
}

#[test]
fn what_does_not_compile() {
    let decode = |bytes: &'static [u8]| SignaturePolicy::decode(Bytes::from_static(bytes)).unwrap_err();
    assert_eq!(decode(&[]), PolicyError::EmptyRule);
    assert_eq!(decode(&[0x12, 0]), PolicyError::EmptyRule);
    assert_eq!(decode(&[0x12, 2, 0x08, 0]), PolicyError::IdentityIndex { index: 0, count: 0 });
    let negative = [0x12, 11, 0x08, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1].to_vec();
    let error = SignaturePolicy::decode(negative.into()).unwrap_err();
    assert_eq!(error, PolicyError::IdentityIndex { index: -1, count: 0 });
    // A rule that is garbage, although a later field of the oneof replaces it.
    assert!(matches!(decode(&[0x12, 5, 0x12, 1, 0x08, 0x08, 0]), PolicyError::Wire(_)));
}

#[test]
fn the_last_field_of_a_oneof_counts_and_messages_merge() {
    let two = Bytes::from_static(&[0x12, 4, 0x08, 2, 0x08, 1]);
    let policy = parse("AND('A.peer', 'B.peer')").unwrap();
    let mut bytes = policy.encode_to_vec();
    bytes.extend_from_slice(&two);
    let replaced = SignaturePolicy::decode(bytes.into()).unwrap();
    assert!(replaced.evaluate_with(1, |_, principal| principal == 1));

    let mut halves = Vec::new();
    put_message(&mut halves, 2, &[0x12, 8, 0x08, 1, 0x12, 2, 0x08, 0, 0x08, 9]);
    put_message(&mut halves, 2, &[0x12, 6, 0x12, 2, 0x08, 1, 0x08, 2]);
    policy.identities.iter().for_each(|identity| put_message(&mut halves, 3, &identity.encode_to_vec()));
    assert_eq!(SignaturePolicy::decode(halves.into()).unwrap(), compiled("AND('A.peer', 'B.peer')"));
}

#[test]
fn a_negative_number_of_rules_is_always_satisfied() {
    let mut policy = parse("OR('A.peer')").unwrap();
    let Some(fabric::proto::common::signature_policy::Type::NOutOf(gate)) =
        policy.rule.as_mut().and_then(|rule| rule.r#type.as_mut())
    else {
        panic!("a gate was parsed")
    };
    gate.n = -1;
    assert!(SignaturePolicy::from_proto(&policy).unwrap().evaluate_with(0, |_, _| false));
}

#[test]
fn only_channel_policies_must_have_version_0() {
    let policy = SignaturePolicyEnvelope { version: 5, ..parse("OR('A.peer')").unwrap() };
    let policy = SignaturePolicy::from_proto(&policy).unwrap();
    assert_eq!(policy.require_version_0().unwrap_err(), PolicyError::Version(5));
}

#[test]
fn application_policies() {
    let reference = ApplicationPolicy::decode(Bytes::from_static(b"\x12\x02/A")).unwrap();
    assert_eq!(reference, ApplicationPolicy::Reference("/A".to_owned()));
    let mut wrapped = Vec::new();
    put_message(&mut wrapped, 1, &parse("OR('A.peer')").unwrap().encode_to_vec());
    let signature = ApplicationPolicy::decode(wrapped.clone().into()).unwrap();
    assert_eq!(signature, ApplicationPolicy::Signature(compiled("OR('A.peer')")));
    wrapped.extend_from_slice(b"\x12\x02/A");
    assert_eq!(ApplicationPolicy::decode(wrapped.into()).unwrap(), reference);
    assert_eq!(ApplicationPolicy::decode(Bytes::new()).unwrap_err(), PolicyError::EmptyRule);
    assert!(ApplicationPolicy::decode(Bytes::from_static(b"\x0a\x01\x0a\x12\x02/A")).is_err());
}

/// Policies of a group whose children have `Yes` (satisfied without any signature), `No` or neither.
fn group(children: &[&str], policies: &[(&str, i32, &str)]) -> PolicyManager {
    let yes = parse("OutOf(0, 'A.peer')").unwrap();
    let no = parse("OR('A.peer')").unwrap();
    let child = |name: &str| {
        let rule = if name.starts_with("yes") { &yes } else { &no };
        let policy = Policy { r#type: PolicyType::Signature.into(), value: rule.encode_to_vec().into() };
        let policies = [("Rule", Some(&policy))].into_iter().filter(|_| !name.starts_with("none"));
        PolicyManager::compile(format!("Channel/{name}"), policies, BTreeMap::new()).unwrap()
    };
    let children = children.iter().map(|name| ((*name).to_owned(), child(name))).collect();
    let meta = |(name, rule, sub_policy): &(&str, i32, &str)| {
        let meta = ImplicitMetaPolicy { rule: *rule, sub_policy: (*sub_policy).to_owned() };
        let policy = Policy { r#type: PolicyType::ImplicitMeta.into(), value: meta.encode_to_vec().into() };
        ((*name).to_owned(), policy)
    };
    let policies: Vec<_> = policies.iter().map(meta).collect();
    let policies = policies.iter().map(|(name, policy)| (name.as_str(), Some(policy)));
    PolicyManager::compile("Channel".to_owned(), policies, children).unwrap()
}

#[test]
fn implicit_meta_policies_count_child_groups() {
    let msps = MspManager::new(Vec::new());
    let satisfied = |children: &[&str], rule: i32, sub_policy: &str| {
        let group = group(children, &[("Meta", rule, sub_policy)]);
        group.get("Meta").unwrap().evaluate(&[], &msps).is_ok()
    };
    let (any, all, majority, unknown) = (0, 1, 2, 3);
    assert!(satisfied(&["yes1", "no1", "no2"], any, "Rule") && !satisfied(&["no1", "none1"], any, "Rule"));
    assert!(satisfied(&["yes1", "yes2"], all, "Rule") && !satisfied(&["yes1", "none1"], all, "Rule"));
    assert!(satisfied(&["yes1", "yes2", "no1"], majority, "Rule"));
    assert!(!satisfied(&["yes1", "no1"], majority, "Rule"));
    assert!(!satisfied(&["yes1"], any, "Other") && !satisfied(&["yes1"], any, ""));
    for rule in [any, all, majority] {
        assert!(satisfied(&[], rule, "Rule"));
    }
    // A rule of an unknown kind needs none to agree, and none must.
    assert!(satisfied(&["no1", "no2"], unknown, "Rule"));
    assert!(!satisfied(&["yes1", "no1"], unknown, "Rule"));
    // An absolute name is in no group but one.
    assert!(satisfied(&["yes1", "no1"], any, "/Channel/yes1/Rule"));
    assert!(!satisfied(&["yes1", "yes2"], all, "/Channel/yes1/Rule"));
}

#[test]
fn a_sub_policy_that_names_its_group_does_not_compile() {
    let child =
        PolicyManager::compile("Channel/one".to_owned(), std::iter::empty(), BTreeMap::new()).unwrap();
    let meta = ImplicitMetaPolicy { rule: 0, sub_policy: "/Channel/one".to_owned() };
    let policy = Policy { r#type: PolicyType::ImplicitMeta.into(), value: meta.encode_to_vec().into() };
    let children = [("one".to_owned(), child)].into();
    let result =
        PolicyManager::compile("Channel".to_owned(), [("Meta", Some(&policy))].into_iter(), children);
    assert_eq!(result.unwrap_err(), PolicyError::NamesGroup("/Channel/one".to_owned()));
}

#[test]
fn policies_are_found_by_absolute_and_relative_names() {
    let group = group(&["yes1"], &[("Meta", 0, "Rule")]);
    let same = |name: &str, other: &str| Arc::ptr_eq(group.get(name).unwrap(), group.get(other).unwrap());
    assert!(same("/Channel/Meta", "Meta"));
    assert!(same("/Channel/yes1/Rule", "yes1/Rule"));
    // Fabric looks at the length of the path, not at what follows it.
    assert!(same("/ChannelXMeta", "Meta"));
    for name in ["", "/", "/Channel/", "/Other/Meta", "Channel/Meta", "/ChanneläMeta"] {
        assert_eq!(group.get(name).unwrap_err(), PolicyError::NoSuchPolicy(name.to_owned()));
    }
    let error = group.get("/Channel").unwrap_err();
    assert_eq!(error, PolicyError::NamesGroup("/Channel".to_owned()));
}
