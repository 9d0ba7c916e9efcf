//! Who signed a proposal: organisation and role, as the peer has already authenticated them.

use std::sync::LazyLock;

use bytes::Bytes;
use certificate::{Creator, Role};
use fabric::{msp::IDENTITY_BYTES, proto::msp::SerializedIdentity};
use prost::Message;
use recent::Recent;
use x509_parser::{parse_x509_certificate, pem::parse_x509_pem};

/// Why a creator cannot be read. A peer would not have passed such a proposal on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CreatorError {
    #[error("the creator of the proposal cannot be decoded: {0}")]
    Undecodable(#[from] prost::DecodeError),
    #[error("the creator's certificate cannot be read: {0}")]
    Certificate(String),
    #[error("the creator has {0} bytes, more than the {IDENTITY_BYTES} that a peer admits")]
    TooLarge(usize),
}

/// Identities read lately, about 1 kB each and at most [`IDENTITY_BYTES`]: the same few clients send most
/// transactions. The peer has verified their signatures before it passes a proposal on.
static READ: LazyLock<Recent<Bytes, Creator>> = LazyLock::new(|| Recent::new(256));

/// Reads a marshalled `SerializedIdentity` with a PEM certificate.
pub(crate) fn creator(serialized: &Bytes) -> Result<Creator, CreatorError> {
    if let Some(known) = READ.get(serialized) {
        return Ok(known);
    }
    if serialized.len() > IDENTITY_BYTES {
        return Err(CreatorError::TooLarge(serialized.len()));
    }
    let creator = read(serialized)?;
    // A copy: the bytes given may be a small part of a large message.
    READ.insert(Bytes::copy_from_slice(serialized), creator.clone());
    Ok(creator)
}

fn read(serialized: &Bytes) -> Result<Creator, CreatorError> {
    let identity = SerializedIdentity::decode(serialized.clone())?;
    let unreadable = |error: String| CreatorError::Certificate(error);
    let (_, pem) = parse_x509_pem(&identity.id_bytes).map_err(|error| unreadable(error.to_string()))?;
    let (_, certificate) =
        parse_x509_certificate(&pem.contents).map_err(|error| unreadable(error.to_string()))?;
    let units = certificate.subject().iter_organizational_unit();
    let role = role(units.filter_map(|unit| unit.as_str().ok()));
    Ok(Creator { msp_id: identity.mspid, role })
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

    use super::*;

    #[test]
    fn a_role_is_one_of_four_and_only_one() {
        assert_eq!(role(["guild", "admin"].into_iter()), Some(Role::Admin));
        assert_eq!(role(["client", "admin"].into_iter()), None);
        assert_eq!(role(["guild"].into_iter()), None);
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
        assert!(creator(&Bytes::from_static(&[0xff])).is_err());
        let identity = SerializedIdentity { mspid: "M".into(), id_bytes: "no certificate".into() };
        assert!(creator(&identity.encode_to_vec().into()).is_err());
    }
}
