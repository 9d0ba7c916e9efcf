//! Reads the text form of signature policies: `OR('A.peer', AND('B.peer', 'C.admin'))`
//! (`common/policydsl/policyparser.go`).

use fabric::proto::common::{
    MspPrincipal, MspRole, SignaturePolicy, SignaturePolicyEnvelope,
    msp_principal::Classification,
    msp_role::MspRoleType,
    signature_policy::{NOutOf, Type},
};
use prost::Message;
use thiserror::Error;

/// How deep gates may nest in a text.
const MAX_NESTING: usize = 40;

/// A text that is no policy.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DslError {
    #[error("expected {expected} at character {at} of the policy, found {found}")]
    Expected { expected: &'static str, at: usize, found: String },
    #[error("unknown gate '{0}': expected AND, OR or OutOf")]
    Gate(String),
    #[error(
        "'{0}' is no principal: expected MSPID.ROLE with ROLE one of member, admin, client, peer, orderer"
    )]
    Principal(String),
    #[error("a gate has no principals or gates inside")]
    EmptyGate,
    #[error("'{0}' is no number of signatures")]
    Number(String),
    #[error("{n} out of {count} can never be satisfied")]
    OutOf { n: i32, count: usize },
    #[error("gates nest deeper than {MAX_NESTING}")]
    TooDeep,
}

/// Compiles a policy text. Principals are numbered as Fabric numbers them: those inside inner gates before
/// those of the gate itself, each mention anew.
pub fn parse(text: &str) -> Result<SignaturePolicyEnvelope, DslError> {
    let mut parser = Parser { text, at: 0, identities: Vec::new() };
    let rule = parser.gate(0)?;
    parser.end()?;
    Ok(SignaturePolicyEnvelope { version: 0, rule: Some(rule), identities: parser.identities })
}

struct Parser<'a> {
    text: &'a str,
    /// Byte offset of the next character.
    at: usize,
    identities: Vec<MspPrincipal>,
}

/// What stands inside a gate.
enum Argument {
    Gate(SignaturePolicy),
    Principal(MspPrincipal),
}

impl<'a> Parser<'a> {
    fn gate(&mut self, depth: usize) -> Result<SignaturePolicy, DslError> {
        if depth > MAX_NESTING {
            return Err(DslError::TooDeep);
        }
        let name = self.word();
        let given = match name.as_str() {
            "And" | "and" | "AND" | "Or" | "or" | "OR" => None,
            "OutOf" | "outof" | "OUTOF" => Some(()),
            "" => return Err(self.expected("a gate (AND, OR or OutOf)")),
            _ => return Err(DslError::Gate(name)),
        };
        self.require('(', "'('")?;
        let given = given.map(|()| self.number()).transpose()?;
        let arguments = self.arguments(given.is_some(), depth)?;
        let n = match given {
            Some(n) => n,
            None if name.eq_ignore_ascii_case("or") => 1,
            None => arguments.len() as i32,
        };
        if n < 0 || n as usize > arguments.len() + 1 {
            return Err(DslError::OutOf { n, count: arguments.len() });
        }
        let rules = arguments.into_iter().map(|argument| self.rule(argument)).collect();
        Ok(SignaturePolicy { r#type: Some(Type::NOutOf(NOutOf { n, rules })) })
    }

    /// The arguments of a gate up to and with the closing parenthesis.
    fn arguments(&mut self, after_number: bool, depth: usize) -> Result<Vec<Argument>, DslError> {
        let mut arguments = Vec::new();
        let mut separated = !after_number;
        loop {
            if self.accept(')') {
                break;
            }
            if !separated {
                self.require(',', "',' or ')'")?;
            }
            separated = false;
            arguments.push(match self.peek() {
                Some('\'' | '"') => Argument::Principal(principal(&self.quoted()?)?),
                _ => Argument::Gate(self.gate(depth + 1)?),
            });
        }
        if arguments.is_empty() { Err(DslError::EmptyGate) } else { Ok(arguments) }
    }

    fn rule(&mut self, argument: Argument) -> SignaturePolicy {
        match argument {
            Argument::Gate(rule) => rule,
            Argument::Principal(principal) => {
                let index = self.identities.len() as i32;
                self.identities.push(principal);
                SignaturePolicy { r#type: Some(Type::SignedBy(index)) }
            }
        }
    }

    /// A number of signatures, which Fabric allows to be quoted.
    fn number(&mut self) -> Result<i32, DslError> {
        let digits = match self.peek() {
            Some('\'' | '"') => self.quoted()?,
            _ => self.word(),
        };
        digits.parse().map_err(|_| DslError::Number(digits))
    }

    fn quoted(&mut self) -> Result<String, DslError> {
        let quote = self.peek().unwrap_or('\'');
        self.at += quote.len_utf8();
        let rest = self.rest();
        let Some(length) = rest.find(quote) else { return Err(self.expected("a closing quote")) };
        let word = rest.get(..length).unwrap_or_default().to_owned();
        self.at += length + quote.len_utf8();
        Ok(word)
    }

    fn word(&mut self) -> String {
        self.skip_space();
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '-').unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default().to_owned()
    }

    fn require(&mut self, wanted: char, expected: &'static str) -> Result<(), DslError> {
        if self.accept(wanted) { Ok(()) } else { Err(self.expected(expected)) }
    }

    fn accept(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn end(&mut self) -> Result<(), DslError> {
        if self.peek().is_none() { Ok(()) } else { Err(self.expected("the end of the policy")) }
    }

    fn peek(&mut self) -> Option<char> {
        self.skip_space();
        self.rest().chars().next()
    }

    fn skip_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn expected(&self, expected: &'static str) -> DslError {
        let found = match self.rest().chars().next() {
            Some(c) => format!("'{c}'"),
            None => "the end".to_owned(),
        };
        let at = self.text.get(..self.at).unwrap_or(self.text).chars().count() + 1;
        DslError::Expected { expected, at, found }
    }
}

fn principal(text: &str) -> Result<MspPrincipal, DslError> {
    let error = || DslError::Principal(text.to_owned());
    let (msp_id, role) = text.rsplit_once('.').ok_or_else(error)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
    if msp_id.is_empty() || !msp_id.chars().all(legal) {
        return Err(error());
    }
    let role = match role {
        "member" => MspRoleType::Member,
        "admin" => MspRoleType::Admin,
        "client" => MspRoleType::Client,
        "peer" => MspRoleType::Peer,
        "orderer" => MspRoleType::Orderer,
        _ => return Err(error()),
    };
    let role = MspRole { msp_identifier: msp_id.to_owned(), role: role.into() };
    Ok(MspPrincipal {
        principal_classification: Classification::Role.into(),
        principal: role.encode_to_vec().into(),
    })
}
