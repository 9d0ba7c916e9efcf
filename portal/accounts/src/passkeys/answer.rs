//! What a browser answers, read: `PublicKeyCredential.toJSON()`, the client data, and the bytes of the authenticator.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ciborium::Value;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{Refused, demand};

/// Bytes of a credential's id, at most (W3C Web Authentication §5.8.3).
const ID_BYTES: usize = 1023;
/// The ways to an authenticator that browsers know.
const TRANSPORTS: [&str; 6] = ["usb", "nfc", "ble", "smart-card", "hybrid", "internal"];

pub(super) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decoded(text: &str) -> Result<Vec<u8>, Refused> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| Refused("it is no base64url"))
}

/// What the browser says of itself; the authenticator signs it.
#[derive(Deserialize)]
pub(super) struct ClientData {
    #[serde(rename = "type")]
    pub kind: String,
    pub challenge: String,
    pub origin: String,
    #[serde(default, rename = "crossOrigin")]
    pub is_cross_origin: bool,
    #[serde(default, rename = "topOrigin")]
    pub top_origin: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<R> {
    raw_id: String,
    #[serde(rename = "type")]
    kind: String,
    response: R,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attestation {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    attestation_object: String,
    #[serde(default)]
    transports: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assertion {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    authenticator_data: String,
    signature: String,
    /// Passkeys have one; other credentials need none.
    user_handle: String,
}

/// The id and the answer proper.
fn opened<'a, R: Deserialize<'a>>(json: &'a str) -> Result<(Vec<u8>, R), Refused> {
    let answer: Answer<R> =
        serde_json::from_str(json).map_err(|_| Refused("it is no answer of a browser"))?;
    demand(answer.kind == "public-key", "it is another kind of credential")?;
    let id = decoded(&answer.raw_id)?;
    demand((1..=ID_BYTES).contains(&id.len()), "the credential's id has another length")?;
    Ok((id, answer.response))
}

fn client_data(bytes: &[u8]) -> Result<ClientData, Refused> {
    serde_json::from_slice(bytes).map_err(|_| Refused("it is no client data"))
}

/// The bits of an authenticator's data.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flags(u8);

impl Flags {
    pub fn is_present(self) -> bool {
        self.0 & 0x01 != 0
    }

    pub fn is_verified(self) -> bool {
        self.0 & 0x04 != 0
    }

    pub fn may_be_copied(self) -> bool {
        self.0 & 0x08 != 0
    }

    pub fn is_copied(self) -> bool {
        self.0 & 0x10 != 0
    }

    fn has_credential(self) -> bool {
        self.0 & 0x40 != 0
    }

    fn has_extensions(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// The head of an authenticator's data (§6.1): hash of the site's name, flags, counter; and what follows.
type Head<'a> = ([u8; 32], Flags, u32, &'a [u8]);

fn head(data: &[u8]) -> Result<Head<'_>, Refused> {
    let short = Refused("the authenticator's data are too short");
    let (Some((id_hash, rest)), true) = (data.split_first_chunk(), data.len() >= 37) else {
        return Err(short);
    };
    let Some(([flags], rest)) = rest.split_first_chunk() else { return Err(short) };
    let Some((counter, rest)) = rest.split_first_chunk() else { return Err(short) };
    Ok((*id_hash, Flags(*flags), u32::from_be_bytes(*counter), rest))
}

/// Takes one item of CBOR off `bytes`, and returns it with the bytes that it had.
fn take_item<'a>(bytes: &mut &'a [u8]) -> Result<(Value, &'a [u8]), Refused> {
    let whole = *bytes;
    let item = ciborium::from_reader(&mut *bytes).map_err(|_| Refused("it is no CBOR"))?;
    let length = whole.len().saturating_sub(bytes.len());
    Ok((item, whole.get(..length).unwrap_or_default()))
}

/// Nothing but the extensions that the flags promise may follow. What they say is not asked for, and not used.
fn check_end(mut rest: &[u8], flags: Flags) -> Result<(), Refused> {
    if flags.has_extensions() {
        let (extensions, _) = take_item(&mut rest)?;
        demand(extensions.is_map(), "the extensions are no map")?;
    }
    demand(rest.is_empty(), "something follows the authenticator's data")
}

/// A new credential, as the browser tells of it.
pub struct RegistrationAnswer {
    pub(super) client: ClientData,
    pub(super) id: Vec<u8>,
    pub(super) transports: String,
    pub(super) id_hash: [u8; 32],
    pub(super) flags: Flags,
    pub(super) counter: u32,
    /// The id that the authenticator tells.
    pub(super) attested_id: Vec<u8>,
    pub(super) public_key: Vec<u8>,
}

impl RegistrationAnswer {
    pub fn read(json: &str) -> Result<Self, Refused> {
        let (id, response) = opened::<Attestation>(json)?;
        let object = decoded(&response.attestation_object)?;
        let data = authenticator_data(&object)?;
        let (id_hash, flags, counter, rest) = head(&data)?;
        demand(flags.has_credential(), "there is no credential in it")?;
        let short = || Refused("the credential is cut off");
        // The model of the authenticator (AAGUID) is not asked for.
        let (_, rest) = rest.split_first_chunk::<16>().ok_or_else(short)?;
        let (length, rest) = rest.split_first_chunk().ok_or_else(short)?;
        let (attested_id, mut rest) =
            rest.split_at_checked(u16::from_be_bytes(*length).into()).ok_or_else(short)?;
        let (_, public_key) = take_item(&mut rest)?;
        check_end(rest, flags)?;
        let known = response.transports.iter().map(String::as_str).filter(|it| TRANSPORTS.contains(it));
        Ok(Self {
            client: client_data(&decoded(&response.client_data)?)?,
            id,
            transports: known.take(TRANSPORTS.len()).collect::<Vec<_>>().join(" "),
            id_hash,
            flags,
            counter,
            attested_id: attested_id.to_vec(),
            public_key: public_key.to_vec(),
        })
    }

    pub fn challenge(&self) -> &str {
        &self.client.challenge
    }
}

/// The authenticator's data in an attestation object (§6.5.4). Its statement is not asked for.
fn authenticator_data(mut object: &[u8]) -> Result<Vec<u8>, Refused> {
    let (Value::Map(fields), _) = take_item(&mut object)? else {
        return Err(Refused("it is no attestation"));
    };
    demand(object.is_empty(), "something follows the attestation")?;
    let data = fields.into_iter().find(|(name, _)| name.as_text() == Some("authData"));
    data.and_then(|(_, data)| data.into_bytes().ok()).ok_or(Refused("there are no authenticator's data"))
}

/// What a credential signed.
pub struct LoginAnswer {
    pub(super) client: ClientData,
    pub(super) id: Vec<u8>,
    pub(super) id_hash: [u8; 32],
    pub(super) flags: Flags,
    pub(super) counter: u32,
    pub(super) user_handle: Vec<u8>,
    /// The authenticator's data and the hash of the client's.
    pub(super) signed: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

impl LoginAnswer {
    pub fn read(json: &str) -> Result<Self, Refused> {
        let (id, response) = opened::<Assertion>(json)?;
        let client = decoded(&response.client_data)?;
        let mut signed = decoded(&response.authenticator_data)?;
        let (id_hash, flags, counter, rest) = head(&signed)?;
        demand(!flags.has_credential(), "there is a new credential in it")?;
        check_end(rest, flags)?;
        signed.extend_from_slice(&Sha256::digest(&client));
        Ok(Self {
            client: client_data(&client)?,
            id,
            id_hash,
            flags,
            counter,
            user_handle: decoded(&response.user_handle)?,
            signed,
            signature: decoded(&response.signature)?,
        })
    }

    pub fn challenge(&self) -> &str {
        &self.client.challenge
    }

    pub fn credential(&self) -> &[u8] {
        &self.id
    }
}
