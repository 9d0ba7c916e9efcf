//! Passkeys: what a browser is asked to sign, and whether its answer is right, by W3C Web Authentication (level 3) §7.1 and
//! §7.2. Nothing here touches the database; signatures are checked by aws-lc-rs.

mod answer;
mod key;
pub mod store;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::base_url::BaseUrl;
use answer::{ClientData, Flags};
pub use answer::{LoginAnswer, RegistrationAnswer};
use key::PublicKey;

/// Why a passkey was not taken. The log of the program has it; who tries hears no more than that.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Refused(&'static str);

impl Refused {
    pub fn new(reason: &'static str) -> Self {
        Self(reason)
    }
}

fn demand(holds: bool, reason: &'static str) -> Result<(), Refused> {
    if holds { Ok(()) } else { Err(Refused(reason)) }
}

/// A passkey as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub id: Vec<u8>,
    /// As the authenticator gave it, in COSE.
    pub public_key: Vec<u8>,
    /// How a browser reaches the authenticator, by WebAuthn's names with spaces between.
    pub transports: String,
    /// How often it has signed, where it counts.
    pub counter: u32,
    /// Whether the authenticator may have copies of it elsewhere. It stays so for good.
    pub may_be_copied: bool,
}

/// Whose passkey is made.
pub struct Owner<'a> {
    /// The account's id: 128 random bits in hexadecimal. They are the user handle, which the authenticator keeps.
    pub account: &'a str,
    pub email: &'a str,
    pub name: &'a str,
}

/// The site as authenticators know it: its name, and the one origin that its pages have.
pub struct RelyingParty {
    id: String,
    id_hash: [u8; 32],
    origin: String,
}

impl RelyingParty {
    pub fn new(base: &BaseUrl) -> Self {
        let id = base.host().to_owned();
        Self { id_hash: Sha256::digest(&id).into(), id, origin: base.origin().to_owned() }
    }

    /// What the browser gets to make a passkey: one that it can name by itself, and that never signs without its owner being
    /// verified (a PIN, a finger).
    pub fn registration(
        &self,
        challenge: &str,
        owner: &Owner<'_>,
        present: &[Credential],
    ) -> Result<Value, Refused> {
        let handle = hex::decode(owner.account).map_err(|_| Refused("the account's id is no user handle"))?;
        let algorithms = PublicKey::ALGORITHMS.map(|alg| json!({ "type": "public-key", "alg": alg }));
        let descriptor = |it: &Credential| {
            let transports = it.transports.split_whitespace().collect::<Vec<_>>();
            json!({ "type": "public-key", "id": answer::base64url(&it.id), "transports": transports })
        };
        Ok(json!({
            "rp": { "id": self.id, "name": "NanoTrace portal" },
            "user": { "id": answer::base64url(&handle), "name": owner.email, "displayName": owner.name },
            "challenge": challenge,
            "pubKeyCredParams": algorithms,
            "timeout": crate::limits::CHALLENGE_SECONDS.saturating_mul(1000),
            "excludeCredentials": present.iter().map(descriptor).collect::<Vec<_>>(),
            "authenticatorSelection":
                { "residentKey": "required", "requireResidentKey": true, "userVerification": "required" },
            // Who made the authenticator is not asked: any is welcome.
            "attestation": "none",
        }))
    }

    /// What the browser gets to log in by whatever passkey of this site its owner chooses. It names no account.
    pub fn login(&self, challenge: &str) -> Value {
        json!({
            "rpId": self.id,
            "challenge": challenge,
            "timeout": crate::limits::CHALLENGE_SECONDS.saturating_mul(1000),
            "userVerification": "required",
        })
    }

    /// The passkey that a browser made, where its answer is right. That the challenge is one of ours is the caller's to
    /// check.
    pub fn registered(&self, answer: &RegistrationAnswer) -> Result<Credential, Refused> {
        self.check_client(&answer.client, "webauthn.create")?;
        self.check_authenticator(&answer.id_hash, answer.flags)?;
        demand(answer.id == answer.attested_id, "the credential has two ids")?;
        PublicKey::read(&answer.public_key)?;
        Ok(Credential {
            id: answer.id.clone(),
            public_key: answer.public_key.clone(),
            transports: answer.transports.clone(),
            counter: answer.counter,
            may_be_copied: answer.flags.may_be_copied(),
        })
    }

    /// Whether `passkey`, which is of `account`, gave this answer; returns its new counter. One that does not rise is refused:
    /// there may be two of the key. That the challenge is one of ours is the caller's to check.
    pub fn shown(&self, answer: &LoginAnswer, account: &str, passkey: &Credential) -> Result<u32, Refused> {
        self.check_client(&answer.client, "webauthn.get")?;
        self.check_authenticator(&answer.id_hash, answer.flags)?;
        demand(answer.id == passkey.id, "it is another credential")?;
        demand(hex::encode(&answer.user_handle) == account, "the credential is another account's")?;
        demand(answer.flags.may_be_copied() == passkey.may_be_copied, "the credential has changed its kind")?;
        demand(
            PublicKey::read(&passkey.public_key)?.has_signed(&answer.signed, &answer.signature),
            "the signature",
        )?;
        let counts = answer.counter > 0 || passkey.counter > 0;
        demand(!counts || answer.counter > passkey.counter, "the counter does not rise")?;
        Ok(answer.counter)
    }

    fn check_client(&self, client: &ClientData, kind: &str) -> Result<(), Refused> {
        demand(client.kind == kind, "it was signed for something else")?;
        demand(client.origin == self.origin, "it was signed on another site")?;
        demand(
            !client.is_cross_origin && client.top_origin.is_none(),
            "it was signed in a frame of another site",
        )
    }

    fn check_authenticator(&self, id_hash: &[u8; 32], flags: Flags) -> Result<(), Refused> {
        demand(*id_hash == self.id_hash, "it was signed for another site")?;
        demand(flags.is_present() && flags.is_verified(), "nobody was verified")?;
        demand(flags.may_be_copied() || !flags.is_copied(), "a copy of what cannot be copied")
    }
}

/// A new challenge: 256 random bits, as browsers write them.
pub fn challenge() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(answer::base64url(&bytes))
}
