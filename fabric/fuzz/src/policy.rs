//! Policies in every form: nothing panics, and a policy that has a text is the policy of that text.

use std::sync::LazyLock;

use channel::policy::{ApplicationPolicy, SignaturePolicy, parse, to_text};
use msp::MspManager;

static NO_MSPS: LazyLock<MspManager> = LazyLock::new(|| MspManager::new(Vec::new()));

pub fn run(input: &[u8]) {
    let bytes = prost::bytes::Bytes::copy_from_slice(input);
    let application = ApplicationPolicy::decode(bytes.clone());
    let signature = SignaturePolicy::decode(bytes);
    let text = std::str::from_utf8(input).ok().and_then(|text| parse(text).ok());
    for policy in
        signature.into_iter().chain(text.iter().map(|text| SignaturePolicy::from_proto(text).unwrap()))
    {
        check(&policy);
    }
    if let Ok(ApplicationPolicy::Signature(policy)) = application {
        check(&policy);
    }
}

fn check(policy: &SignaturePolicy) {
    let _ = policy.evaluate(&[], &NO_MSPS);
    let Some(text) = to_text(policy) else { return };
    // MSP ids may hold characters, and gates may nest deeper, than the language can say.
    let Ok(parsed) = parse(&text) else { return };
    let again = SignaturePolicy::from_proto(&parsed).unwrap();
    assert_eq!(to_text(&again).as_deref(), Some(text.as_str()));
}
