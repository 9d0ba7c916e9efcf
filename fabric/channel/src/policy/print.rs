//! Writes a signature policy as text in the language that [`super::parse`] reads.

use fabric::{
    proto::common::{MspPrincipal, MspRole, msp_principal::Classification, msp_role::MspRoleType},
    types::decode::decode,
};

use super::signature::{Rule, SignaturePolicy};

/// The policy as text, or nothing if it says what the language cannot: principals other than roles, or
/// gates without rules.
pub fn to_text(policy: &SignaturePolicy) -> Option<String> {
    let principals: Vec<String> = policy.principals().iter().map(principal).collect::<Option<_>>()?;
    // Each rule lies before those it contains: backwards, the contained ones are written already.
    let mut texts = vec![String::new(); policy.rules().len()];
    for (index, rule) in policy.rules().iter().enumerate().rev() {
        let text = match rule {
            Rule::SignedBy(principal) => principals.get(*principal)?.clone(),
            Rule::NOutOf { n, rules } => gate(*n, rules, &mut texts)?,
        };
        *texts.get_mut(index)? = text;
    }
    texts.into_iter().next()
}

fn gate(n: i32, rules: &[usize], texts: &mut [String]) -> Option<String> {
    let rules: Vec<String> =
        rules.iter().map(|rule| texts.get_mut(*rule).map(std::mem::take)).collect::<Option<_>>()?;
    let count = i32::try_from(rules.len()).ok()?;
    let rules = rules.join(", ");
    match n {
        _ if count == 0 || n < 0 || n > count + 1 => None,
        1 => Some(format!("OR({rules})")),
        _ if n == count => Some(format!("AND({rules})")),
        _ => Some(format!("OutOf({n}, {rules})")),
    }
}

fn principal(principal: &MspPrincipal) -> Option<String> {
    if principal.principal_classification() != Classification::Role {
        return None;
    }
    let role: MspRole = decode(principal.principal.clone()).ok()?;
    let name = match MspRoleType::try_from(role.role).ok()? {
        MspRoleType::Member => "member",
        MspRoleType::Admin => "admin",
        MspRoleType::Client => "client",
        MspRoleType::Peer => "peer",
        MspRoleType::Orderer => "orderer",
    };
    Some(format!("'{}.{name}'", role.msp_identifier))
}
