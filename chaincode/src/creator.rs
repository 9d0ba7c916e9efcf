//! Who signed a proposal: organisation and role, as the peer has already authenticated them.

use bytes::Bytes;
use certificate::{Creator, Role};
use fabric::types::decode::DecodeError;
use msp::{Claims, IDENTITY_BYTES, MspError};

/// The attributes by which a certificate says what its owner does in certification, and who it is.
const ROLE: &str = "nanotrace.role";
const PERSON: &str = "nanotrace.person";

/// Why a creator cannot be read. A peer would not have passed such a proposal on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreatorError {
    #[error("the creator of the proposal cannot be decoded: {0}")]
    Undecodable(DecodeError),
    #[error("the creator's certificate cannot be read: {0}")]
    Certificate(MspError),
    #[error("the creator has {0} bytes, more than the {IDENTITY_BYTES} that a peer admits")]
    TooLarge(usize),
}

impl From<MspError> for CreatorError {
    fn from(error: MspError) -> Self {
        match error {
            MspError::Decode(error) => Self::Undecodable(error),
            error => Self::Certificate(error),
        }
    }
}

/// Reads a marshalled `SerializedIdentity` with a PEM certificate, as the peer's MSP reads it.
pub(crate) fn creator(serialized: &Bytes) -> Result<Creator, CreatorError> {
    if serialized.len() > IDENTITY_BYTES {
        return Err(CreatorError::TooLarge(serialized.len()));
    }
    let Claims { mspid, organizational_units, attributes } = Claims::read(serialized.clone())?;
    let role = role(organizational_units.iter().map(String::as_str));
    let attribute = |name| attributes.get(name).map(String::as_str).unwrap_or_default();
    Ok(Creator::new(&mspid, role).with_attributes(attribute(ROLE), attribute(PERSON)))
}

/// With NodeOUs an identity has exactly one of the four roles (`fabric/msp/mspimplvalidate.go`); any
/// other number gives it none.
fn role<'a>(units: impl Iterator<Item = &'a str>) -> Option<Role> {
    let mut roles = units.filter_map(Role::from_organisational_unit);
    match (roles.next(), roles.next()) {
        (Some(role), None) => Some(role),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use certificate::Duty;
    use fabric::proto::msp::SerializedIdentity;
    use prost::Message;

    use super::*;

    #[test]
    fn a_role_is_one_of_four_and_only_one() {
        assert_eq!(role(["guild", "admin"].into_iter()), Some(Role::Admin));
        assert_eq!(role(["client", "admin"].into_iter()), None);
        assert_eq!(role(["guild"].into_iter()), None);
    }

    /// The certificate was made by OpenSSL, with the extension as Fabric CA fills it in.
    #[test]
    fn a_person_is_known_by_attributes() {
        let of = |pem: &'static str| {
            let identity = SerializedIdentity { mspid: "M".into(), id_bytes: pem.into() };
            creator(&identity.encode_to_vec().into()).unwrap()
        };
        let person = of(include_str!("../tests/data/person.pem"));
        assert_eq!((person.role, person.person.as_deref()), (Some(Role::Client), Some("p7")));
        assert_eq!(person.duties, [Duty::Reviewer, Duty::DecisionMaker]);
        let plain = of(include_str!("../tests/data/client.pem"));
        assert_eq!((plain.role, plain.person, plain.duties), (Some(Role::Client), None, vec![]));
    }

    #[test]
    fn a_creator_has_a_largest_size() {
        let of =
            |length: usize| SerializedIdentity { mspid: "M".into(), id_bytes: vec![b'x'; length].into() };
        let creator_of = |length| creator(&of(length).encode_to_vec().into());
        let padding = of(0).encode_to_vec().len() + 4;
        assert!(matches!(creator_of(IDENTITY_BYTES - padding), Err(CreatorError::Certificate(_))));
        assert!(matches!(creator_of(IDENTITY_BYTES), Err(CreatorError::TooLarge(_))));
        assert!(matches!(creator_of(40 << 20), Err(CreatorError::TooLarge(_))));
    }

    #[test]
    fn garbage_is_refused() {
        assert!(matches!(creator(&Bytes::from_static(&[0xff])), Err(CreatorError::Undecodable(_))));
        let identity = SerializedIdentity { mspid: "M".into(), id_bytes: "no certificate".into() };
        let identity = Bytes::from(identity.encode_to_vec());
        assert!(matches!(creator(&identity), Err(CreatorError::Certificate(_))));
    }
}
