//! The rule by which the bodies decide together: the accreditation body, and a majority of the certification bodies.

use std::{collections::BTreeSet, fmt};

use channel::policy::{Rule, SignaturePolicy};
use fabric::{
    proto::common::{MspPrincipal, MspRole, msp_principal::Classification, msp_role::MspRoleType},
    types::decode,
};

/// How deep gates may nest: deeper ones are none of ours.
const MAX_NESTING: usize = 20;

/// Who decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Governance {
    /// The MSP id of the accreditation body.
    pub accreditation: String,
    /// The MSP ids of the certification bodies.
    pub bodies: BTreeSet<String>,
}

impl Governance {
    /// How many of the certification bodies it takes.
    pub fn majority(&self) -> usize {
        self.bodies.len() / 2 + 1
    }

    /// The rule for members of a role, such as `admin`.
    pub(crate) fn expression(&self, role: MspRoleType) -> Expression {
        let member = |mspid: &String| Expression::SignedBy(mspid.clone(), role);
        let mut bodies: Vec<_> = self.bodies.iter().map(member).collect();
        let deciding = match bodies.len() {
            1 => bodies.remove(0),
            _ => Expression::OutOf(self.majority(), bodies),
        };
        Expression::OutOf(2, vec![member(&self.accreditation), deciding])
    }

    /// The bodies that decide by this rule, if it is one of these, and members of which role.
    pub(crate) fn read(rule: &Expression, accreditation: &str) -> Option<(Self, MspRoleType)> {
        let Expression::OutOf(2, both) = rule else { return None };
        let [first, second] = both.as_slice() else { return None };
        let (role, deciding) = match (first, second) {
            (Expression::SignedBy(mspid, role), other) if mspid == accreditation => (*role, other),
            (other, Expression::SignedBy(mspid, role)) if mspid == accreditation => (*role, other),
            _ => return None,
        };
        let (n, deciding) = match deciding {
            Expression::OutOf(n, rules) => (*n, rules.as_slice()),
            one => (1, std::slice::from_ref(one)),
        };
        let mut bodies = BTreeSet::new();
        for rule in deciding {
            match rule {
                Expression::SignedBy(mspid, of) if *of == role && mspid != accreditation => {
                    bodies.insert(mspid.clone());
                }
                _ => return None,
            }
        }
        let governance = Self { accreditation: accreditation.to_owned(), bodies };
        (n == governance.majority() && deciding.len() == governance.bodies.len())
            .then_some((governance, role))
    }
}

/// For a person: `AccreditationMSP and 2 of CertBodyMSP, LabMSP, OtherMSP`.
impl fmt::Display for Governance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bodies: Vec<_> = self.bodies.iter().map(String::as_str).collect();
        match bodies.as_slice() {
            [one] => write!(f, "{} and {one}", self.accreditation),
            several => {
                write!(f, "{} and {} of {}", self.accreditation, self.majority(), several.join(", "))
            }
        }
    }
}

/// A signature policy whose principals are roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    SignedBy(String, MspRoleType),
    OutOf(usize, Vec<Expression>),
}

impl Expression {
    /// `None` for a policy that has other principals, or that nests deep.
    pub fn read(policy: &SignaturePolicy) -> Option<Self> {
        Self::read_rule(policy, 0, 0)
    }

    fn read_rule(policy: &SignaturePolicy, index: usize, depth: usize) -> Option<Self> {
        match policy.rules().get(index).filter(|_| depth <= MAX_NESTING)? {
            Rule::SignedBy(principal) => role(policy.principals().get(*principal)?),
            Rule::NOutOf { n, rules } => {
                let rules = rules.iter().map(|rule| Self::read_rule(policy, *rule, depth + 1));
                Some(Self::OutOf(usize::try_from(*n).ok()?, rules.collect::<Option<_>>()?))
            }
        }
    }

    /// With another rule wherever the bodies of `before` decide; whether there was such a place.
    pub fn replace(self, before: &Governance, after: &Governance) -> (Self, bool) {
        match Governance::read(&self, &before.accreditation) {
            Some((found, role)) if found == *before => return (after.expression(role), true),
            _ => {}
        }
        let Self::OutOf(n, rules) = self else { return (self, false) };
        let (rules, changed): (Vec<_>, Vec<_>) =
            rules.into_iter().map(|rule| rule.replace(before, after)).unzip();
        (Self::OutOf(n, rules), changed.contains(&true))
    }
}

/// In the language of Fabric's policies.
impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (n, rules) = match self {
            Self::SignedBy(mspid, role) => {
                return write!(f, "'{mspid}.{}'", role.as_str_name().to_lowercase());
            }
            Self::OutOf(n, rules) => (n, rules),
        };
        match n {
            1 => f.write_str("OR(")?,
            n if *n == rules.len() => f.write_str("AND(")?,
            n => write!(f, "OutOf({n}, ")?,
        }
        for (index, rule) in rules.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{rule}")?;
        }
        f.write_str(")")
    }
}

fn role(principal: &MspPrincipal) -> Option<Expression> {
    if principal.principal_classification() != Classification::Role {
        return None;
    }
    let decoded: MspRole = decode(principal.principal.clone()).ok()?;
    let role = MspRoleType::try_from(decoded.role).ok()?;
    Some(Expression::SignedBy(decoded.msp_identifier, role))
}
