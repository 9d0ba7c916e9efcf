//! An authenticator in software, written from W3C Web Authentication alone. It can be told to lie.

use std::sync::Arc;

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL};
use serde_json::{Value, json};

const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

/// What it says of where it is asked and by whom. As it is made, all of it is true.
#[derive(Clone)]
pub struct Authenticator {
    pub origin: String,
    pub rp_id: String,
    pub flags: u8,
    /// In place of "webauthn.create" and "webauthn.get".
    pub kind: Option<&'static str>,
    /// In place of the challenge that it gets.
    pub challenge: Option<String>,
    pub is_cross_origin: bool,
    /// Whether it signs something else than it shows.
    pub signs_wrong: bool,
    pub keys: Vec<Key>,
    /// The site that it is asked by.
    site: String,
}

#[derive(Clone)]
pub struct Key {
    pub id: Vec<u8>,
    /// The account that it was made for.
    pub user: String,
    pub counter: u32,
    pair: Arc<EcdsaKeyPair>,
}

impl Authenticator {
    pub fn new(origin: &str) -> Self {
        let host = origin.split_once("://").unwrap().1.split(':').next().unwrap();
        Self {
            origin: origin.to_owned(),
            rp_id: host.to_owned(),
            flags: PRESENT | VERIFIED,
            kind: None,
            challenge: None,
            is_cross_origin: false,
            signs_wrong: false,
            keys: Vec::new(),
            site: host.to_owned(),
        }
    }

    /// Makes a key as the options say, and returns `PublicKeyCredential.toJSON()`.
    pub fn create(&mut self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        assert_eq!(options["rp"]["id"], self.site);
        assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
        assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
        assert!(options["pubKeyCredParams"].as_array().unwrap().iter().any(|it| it["alg"] == -7));
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, pkcs8.as_ref()).unwrap();
        let id = digest(&SHA256, pair.public_key().as_ref()).as_ref()[..20].to_vec();
        let user = options["user"]["id"].as_str().unwrap().to_owned();
        self.keys.push(Key { id, user, counter: 0, pair: Arc::new(pair) });
        self.registration(options["challenge"].as_str().unwrap())
    }

    /// Registers its newest key, once more or for the first time.
    pub fn registration(&self, challenge: &str) -> String {
        let key = self.keys.last().unwrap();
        let public = key.pair.public_key().as_ref();
        let mut data = self.authenticator_data(ATTESTED, key.counter);
        data.extend([0; 16]);
        data.extend(u16::try_from(key.id.len()).unwrap().to_be_bytes());
        data.extend(&key.id);
        // A COSE key: {1: 2, 3: -7, -1: 1, -2: x, -3: y}.
        data.extend([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20]);
        data.extend(&public[1..33]);
        data.extend([0x22, 0x58, 0x20]);
        data.extend(&public[33..]);
        // {"fmt": "none", "attStmt": {}, "authData": data}, in CTAP2's order.
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
        object.push(u8::try_from(data.len()).unwrap());
        object.extend(data);
        let response = json!({
            "clientDataJSON": BASE64URL.encode(self.client_data("webauthn.create", challenge)),
            "attestationObject": BASE64URL.encode(object),
            "transports": ["internal"],
        });
        credential(&key.id, response)
    }

    /// Signs what the options say with its newest key.
    pub fn get(&mut self, options: &str) -> String {
        let options: Value = serde_json::from_str(options).unwrap();
        assert_eq!(options["rpId"], self.site);
        assert_eq!(options["userVerification"], "required");
        assert!(options["allowCredentials"].as_array().is_none_or(Vec::is_empty), "it tells of accounts");
        self.keys.last_mut().unwrap().counter += 1;
        self.assertion(options["challenge"].as_str().unwrap())
    }

    pub fn assertion(&self, challenge: &str) -> String {
        let key = self.keys.last().unwrap();
        let client = self.client_data("webauthn.get", challenge);
        let data = self.authenticator_data(0, key.counter);
        let mut signed = [data.as_slice(), digest(&SHA256, client.as_bytes()).as_ref()].concat();
        if self.signs_wrong {
            signed[0] ^= 1;
        }
        let signature = key.pair.sign(&SystemRandom::new(), &signed).unwrap();
        let response = json!({
            "clientDataJSON": BASE64URL.encode(client),
            "authenticatorData": BASE64URL.encode(data),
            "signature": BASE64URL.encode(signature),
            "userHandle": key.user,
        });
        credential(&key.id, response)
    }

    fn client_data(&self, kind: &str, challenge: &str) -> String {
        json!({
            "type": self.kind.unwrap_or(kind),
            "challenge": self.challenge.as_deref().unwrap_or(challenge),
            "origin": self.origin,
            "crossOrigin": self.is_cross_origin,
        })
        .to_string()
    }

    fn authenticator_data(&self, flags: u8, counter: u32) -> Vec<u8> {
        let mut data = digest(&SHA256, self.rp_id.as_bytes()).as_ref().to_vec();
        data.push(self.flags | flags);
        data.extend(counter.to_be_bytes());
        data
    }
}

fn credential(id: &[u8], response: Value) -> String {
    let id = BASE64URL.encode(id);
    let attached = "platform";
    json!({ "id": id, "rawId": id, "type": "public-key", "authenticatorAttachment": attached, "response": response,
            "clientExtensionResults": {} })
    .to_string()
}
