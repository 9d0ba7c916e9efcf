//! Public keys of passkeys, as COSE has them (RFC 9053, RFC 8230), and their signatures.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use ciborium::Value;

use super::{Refused, demand};

const ES256: i64 = -7;
const EDDSA: i64 = -8;
/// Windows Hello has no other.
const RS256: i64 = -257;

/// A key that can check signatures.
pub(super) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    /// The algorithms that passkeys may have, by COSE's numbers, best first.
    pub const ALGORITHMS: [i64; 3] = [ES256, EDDSA, RS256];

    pub fn read(cose: &[u8]) -> Result<Self, Refused> {
        let wrong = || Refused("it is no public key that we know");
        let mut rest = cose;
        let key: Value = ciborium::from_reader(&mut rest).map_err(|_| wrong())?;
        demand(rest.is_empty(), "something follows the public key")?;
        let integer =
            |label| field(&key, label).and_then(Value::as_integer).and_then(|it| i64::try_from(it).ok());
        let bytes = |label| field(&key, label).and_then(Value::as_bytes).map(Vec::as_slice).ok_or_else(wrong);
        // 1 is the type, 3 the algorithm; of curves -1 is their name, and of RSA the modulus.
        let parsed = match (integer(1), integer(3), integer(-1)) {
            (Some(2), Some(ES256), Some(1)) => {
                let (x, y) = (bytes(-2)?, bytes(-3)?);
                demand(x.len() == 32 && y.len() == 32, "a coordinate has another length")?;
                ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, [&[4], x, y].concat())
            }
            (Some(1), Some(EDDSA), Some(6)) => {
                let x = bytes(-2)?;
                demand(x.len() == 32, "a coordinate has another length")?;
                ParsedPublicKey::new(&ED25519, x)
            }
            (Some(3), Some(RS256), None) => {
                let (n, e) = (bytes(-1)?, bytes(-2)?);
                demand(
                    (256..=1024).contains(&n.len()),
                    "an RSA key of another length than 2048 to 8192 bits",
                )?;
                let components = RsaPublicKeyComponents { n, e };
                components.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
            }
            _ => return Err(wrong()),
        };
        parsed.map(Self).map_err(|_| wrong())
    }

    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }
}

fn field(key: &Value, label: i64) -> Option<&Value> {
    let fields = key.as_map()?;
    let is_it = |it: &Value| it.as_integer().is_some_and(|it| it == label.into());
    fields.iter().find(|(it, _)| is_it(it)).map(|(_, value)| value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        rsa::{KeySize, PublicKeyComponents},
        signature::{Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair},
    };

    use super::*;

    fn cose(fields: &[(i64, Value)]) -> Vec<u8> {
        let map = fields.iter().map(|(label, value)| ((*label).into(), value.clone())).collect();
        let mut bytes = Vec::new();
        ciborium::into_writer(&Value::Map(map), &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn signatures_of_other_algorithms_count() {
        let pair = Ed25519KeyPair::generate().unwrap();
        let public = Value::from(pair.public_key().as_ref());
        let key = PublicKey::read(&cose(&[(1, 1.into()), (3, EDDSA.into()), (-1, 6.into()), (-2, public)]))
            .unwrap();
        assert!(
            key.has_signed(b"a", pair.sign(b"a").as_ref()) && !key.has_signed(b"b", pair.sign(b"a").as_ref())
        );

        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let PublicKeyComponents { n, e } = PublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let key = cose(&[(1, 3.into()), (3, RS256.into()), (-1, n.into()), (-2, e.into())]);
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), b"a", &mut signature).unwrap();
        let key = PublicKey::read(&key).unwrap();
        assert!(key.has_signed(b"a", &signature) && !key.has_signed(b"b", &signature));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let point = |byte: u8| Value::from([byte; 32].as_slice());
        let curve = |fields: &[(i64, Value)]| PublicKey::read(&cose(fields)).is_err();
        assert!(curve(&[(1, 2.into()), (3, ES256.into()), (-1, 1.into()), (-2, point(1)), (-3, point(1))]));
        assert!(curve(&[(1, 2.into()), (3, EDDSA.into()), (-1, 1.into()), (-2, point(1)), (-3, point(1))]));
        // RFC 9053 §7.2: x is the key itself, without what X.509 writes around it.
        let pair = Ed25519KeyPair::generate().unwrap();
        let head = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00].as_slice();
        let wrapped = Value::from([head, pair.public_key().as_ref()].concat());
        assert!(curve(&[(1, 1.into()), (3, EDDSA.into()), (-1, 6.into()), (-2, wrapped)]));
        assert!(
            curve(&[(1, 3.into()), (3, RS256.into()), (-1, point(255)), (-2, vec![3].into())]),
            "256 bits"
        );
        assert!(curve(&[]) && PublicKey::read(&[]).is_err() && PublicKey::read(&[0xa0, 0]).is_err());
    }
}
