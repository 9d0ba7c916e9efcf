//! Signature policies: which principals must have signed (`common/cauthdsl`).
//!
//! Go decodes and evaluates rules that nest thousands of levels deep. So the rules lie flat in one list,
//! and decoding and evaluation keep their own stacks.

use std::sync::Arc;

use bytes::Bytes;
use fabric::{
    proto::common::{MspPrincipal, SignaturePolicyEnvelope},
    types::decode::decode,
    wire::{FieldValue, Fields, MAX_DEPTH, WireError, check_depth},
};
use msp::{Identity, MspManager};
use prost::Message;

use super::PolicyError;

/// A compiled `SignaturePolicyEnvelope`.
#[derive(Clone, Debug, PartialEq)]
pub struct SignaturePolicy {
    version: i32,
    /// The rules, each before those it contains; the first is the whole policy.
    rules: Vec<Rule>,
    principals: Vec<MspPrincipal>,
}

/// One rule of a [`SignaturePolicy`].
#[derive(Clone, Debug, PartialEq)]
pub enum Rule {
    /// An identity that satisfies the principal at this index.
    SignedBy(usize),
    /// At least `n` of the rules at these indexes.
    NOutOf { n: i32, rules: Vec<usize> },
}

impl SignaturePolicy {
    /// Decodes and checks a `SignaturePolicyEnvelope`. Its version is not looked at: Fabric does so for
    /// the policies of a channel configuration alone (see [`SignaturePolicy::require_version_0`]).
    pub fn decode(envelope: Bytes) -> Result<Self, PolicyError> {
        Self::decode_nested(envelope, 1)
    }

    /// Compiles a policy that has been decoded already.
    pub fn from_proto(envelope: &SignaturePolicyEnvelope) -> Result<Self, PolicyError> {
        Self::decode(envelope.encode_to_vec().into())
    }

    /// As [`SignaturePolicy::decode`], for an envelope that lies `depth - 1` messages deep in another.
    pub(super) fn decode_nested(envelope: Bytes, depth: usize) -> Result<Self, PolicyError> {
        let Envelope { version, rule, principals } = Envelope::read(envelope, depth)?;
        let rules = compile(rule.ok_or(PolicyError::EmptyRule)?)?;
        let policy = Self { version, rules, principals };
        policy.check_principals()?;
        Ok(policy)
    }

    /// Whether Go could decode this envelope, whatever the policy says.
    pub(super) fn check_wire(envelope: Bytes, depth: usize) -> Result<(), PolicyError> {
        Envelope::read(envelope, depth).map(drop)
    }

    /// Refuses any version but 0, as Fabric does for the policies of a channel configuration.
    pub fn require_version_0(self) -> Result<Self, PolicyError> {
        if self.version == 0 { Ok(self) } else { Err(PolicyError::Version(self.version)) }
    }

    /// The rules, each before those it contains; the first is the whole policy.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The principals that the rules name by index.
    pub fn principals(&self) -> &[MspPrincipal] {
        &self.principals
    }

    /// Whether these identities satisfy the policy. Each identity counts for one principal only, the
    /// first rule that can take it takes it, and no other assignment is tried.
    pub fn evaluate(&self, identities: &[Arc<Identity>], msps: &MspManager) -> Result<(), PolicyError> {
        let satisfied = self.evaluate_with(identities.len(), |identity, principal| {
            identities
                .get(identity)
                .zip(self.principals.get(principal))
                .is_some_and(|(identity, principal)| msps.satisfies_principal(identity, principal).is_ok())
        });
        if satisfied { Ok(()) } else { Err(PolicyError::NotSatisfied) }
    }

    /// Evaluates over `count` identities, given which of them satisfies which principal.
    pub(super) fn evaluate_with(
        &self,
        count: usize,
        mut satisfies: impl FnMut(usize, usize) -> bool,
    ) -> bool {
        let mut gates: Vec<Gate> = Vec::new();
        let mut used = vec![false; count];
        let mut next = self.rules.first();
        loop {
            let mut satisfied = match next {
                // Entering a gate counts as no satisfied rule.
                Some(Rule::NOutOf { n, rules }) => {
                    let gate = Gate { n: *n, rules: rules.iter(), verified: 0, used: used.clone() };
                    gates.push(gate);
                    false
                }
                Some(Rule::SignedBy(principal)) => {
                    claim(&mut used, |identity| satisfies(identity, *principal))
                }
                None => false,
            };
            next = loop {
                let Some(gate) = gates.last_mut() else { return satisfied };
                gate.take(satisfied, &mut used);
                if let Some(rule) = gate.rules.next() {
                    break self.rules.get(*rule);
                }
                satisfied = gate.verified >= gate.n;
                gates.pop();
            };
        }
    }

    fn check_principals(&self) -> Result<(), PolicyError> {
        let count = self.principals.len();
        let out_of_range = self.rules.iter().find_map(|rule| match rule {
            Rule::SignedBy(index) if *index >= count => Some(*index as i32),
            _ => None,
        });
        match out_of_range {
            Some(index) => Err(PolicyError::IdentityIndex { index, count }),
            None => Ok(()),
        }
    }
}

/// An `NOutOf` rule that is being evaluated.
struct Gate<'a> {
    n: i32,
    rules: std::slice::Iter<'a, usize>,
    verified: i32,
    /// The identities taken by this gate's satisfied rules and by what was satisfied before it.
    used: Vec<bool>,
}

impl Gate<'_> {
    /// Counts a rule just evaluated. Only a satisfied one keeps the identities it took; the next rule
    /// starts from what this gate holds.
    fn take(&mut self, satisfied: bool, used: &mut Vec<bool>) {
        if satisfied {
            self.verified += 1;
            self.used.clone_from(used);
        } else {
            used.clone_from(&self.used);
        }
    }
}

/// Takes the first identity that is free and fits.
fn claim(used: &mut [bool], mut fits: impl FnMut(usize) -> bool) -> bool {
    let free = used.iter_mut().enumerate().find(|(index, used)| !**used && fits(*index));
    match free {
        Some((_, used)) => {
            *used = true;
            true
        }
        None => false,
    }
}

/// A `SignaturePolicyEnvelope` all of which has been found decodable.
struct Envelope {
    version: i32,
    /// The parts of the `rule` field: a message that occurs twice in its parent is merged by protobuf,
    /// which is the same as decoding its parts one after the other.
    rule: Option<Vec<Bytes>>,
    principals: Vec<MspPrincipal>,
}

impl Envelope {
    fn read(envelope: Bytes, depth: usize) -> Result<Self, PolicyError> {
        let mut read = Self { version: 0, rule: None, principals: Vec::new() };
        for field in Fields::of(envelope) {
            let field = field?;
            match (field.number, field.value) {
                (1, FieldValue::Varint(version)) => read.version = version as i32,
                (2, FieldValue::Bytes(rule)) => {
                    check_rule_wire(rule.clone(), depth + 1)?;
                    read.rule.get_or_insert_with(Vec::new).push(rule);
                }
                (3, FieldValue::Bytes(principal)) => read.principals.push(decode(principal)?),
                _ => {}
            }
        }
        Ok(read)
    }
}

/// Checks a `SignaturePolicy` and all it contains, also what a later field of a oneof replaces.
/// `SignaturePolicy` and `NOutOf` have one shape: field 1 is a number, field 2 a message of the other kind.
fn check_rule_wire(rule: Bytes, depth: usize) -> Result<(), WireError> {
    let mut pending = vec![(rule, depth)];
    while let Some((message, depth)) = pending.pop() {
        check_depth(depth, MAX_DEPTH)?;
        for field in Fields::of(message) {
            let field = field?;
            if let (2, FieldValue::Bytes(inner)) = (field.number, field.value) {
                pending.push((inner, depth + 1));
            }
        }
    }
    Ok(())
}

/// Compiles a `SignaturePolicy` and all it contains.
fn compile(rule: Vec<Bytes>) -> Result<Vec<Rule>, PolicyError> {
    let mut rules = vec![Rule::SignedBy(0)];
    let mut pending = vec![(0, rule)];
    while let Some((slot, parts)) = pending.pop() {
        let rule = match read_rule(parts)?.ok_or(PolicyError::EmptyRule)? {
            WireRule::SignedBy(index) => {
                let negative = PolicyError::IdentityIndex { index, count: 0 };
                Rule::SignedBy(usize::try_from(index).map_err(|_| negative)?)
            }
            WireRule::NOutOf(parts) => {
                let (n, contained) = read_n_out_of(parts)?;
                let slots = rules.len()..rules.len() + contained.len();
                rules.resize(slots.end, Rule::SignedBy(0));
                pending.extend(slots.clone().zip(contained.into_iter().map(|rule| vec![rule])));
                Rule::NOutOf { n, rules: slots.collect() }
            }
        };
        if let Some(place) = rules.get_mut(slot) {
            *place = rule;
        }
    }
    Ok(rules)
}

enum WireRule {
    SignedBy(i32),
    NOutOf(Vec<Bytes>),
}

fn read_rule(parts: Vec<Bytes>) -> Result<Option<WireRule>, WireError> {
    let mut rule = None;
    for field in parts.into_iter().flat_map(Fields::of) {
        let field = field?;
        match (field.number, field.value, &mut rule) {
            (1, FieldValue::Varint(index), rule) => *rule = Some(WireRule::SignedBy(index as i32)),
            (2, FieldValue::Bytes(part), Some(WireRule::NOutOf(parts))) => parts.push(part),
            (2, FieldValue::Bytes(part), rule) => *rule = Some(WireRule::NOutOf(vec![part])),
            _ => {}
        }
    }
    Ok(rule)
}

fn read_n_out_of(parts: Vec<Bytes>) -> Result<(i32, Vec<Bytes>), WireError> {
    let mut n = 0;
    let mut rules = Vec::new();
    for field in parts.into_iter().flat_map(Fields::of) {
        let field = field?;
        match (field.number, field.value) {
            (1, FieldValue::Varint(value)) => n = value as i32,
            (2, FieldValue::Bytes(rule)) => rules.push(rule),
            _ => {}
        }
    }
    Ok((n, rules))
}
