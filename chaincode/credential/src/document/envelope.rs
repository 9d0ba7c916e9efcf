//! Rules for the members that every verifiable credential has (W3C VC Data Model 2.0), and for the proof.

use ed25519_dalek::VerifyingKey;

use super::identifiers::{is_channel, is_did_web, is_fingerprint, is_web_address};
use super::report::{ADDRESS, LINE, Node, Object, Report};
use crate::code::Code;
use crate::date_time::DateTime;
use crate::json::Json;
use crate::{multikey, proof};

pub const CONTEXT: [&str; 2] =
    ["https://www.w3.org/ns/credentials/v2", "https://nanotrace.org/ns/certificate/v1"];
pub const TYPE: [&str; 2] = ["VerifiableCredential", "NanomaterialCertificate"];
pub const SCHEMA: &str = "https://nanotrace.org/schemas/certificate/v1.json";

/// Entries of one status list: the least that W3C Bitstring Status List v1.0 (section 6.1) allows, so that an
/// index does not show which certificate it belongs to.
pub const STATUS_LIST_ENTRIES: u32 = 131_072;

/// nanoMark certificates run for three years at most.
const MAXIMUM_YEARS: i32 = 3;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    pub id: String,
    pub name: String,
}

/// Half-open: `from` is valid, `until` is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    pub from: DateTime,
    pub until: DateTime,
}

/// The ledger that a certificate belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerBinding {
    pub channel: String,
    /// `sha256:` and the hex of the genesis block's header hash.
    pub genesis: String,
}

/// The certificate's place in a bitstring status list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusEntry {
    /// The address of all the issuer's lists; a list's own address is this, a slash, and its number.
    pub lists: String,
    pub list: u32,
    pub index: u32,
}

/// What the proof names, its signature verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    pub public_key: String,
    pub created: DateTime,
}

pub fn constants(object: &Object<'_>, report: &mut Report) {
    constant(object, report, "@context", CONTEXT);
    constant(object, report, "type", TYPE);
    constant(object, report, "credentialSchema", [("id", SCHEMA.into()), ("type", "JsonSchema".into())]);
}

pub fn id(object: &Object<'_>, report: &mut Report) -> Option<Code> {
    let node = object.required(report, "id")?;
    let code = node.value.as_text().and_then(Code::from_urn);
    if code.is_none() {
        report.refuse(&node, "must be urn:uuid: and a random (version 4) UUID in lower case");
    }
    code
}

pub fn issuer(object: &Object<'_>, report: &mut Report) -> Option<Issuer> {
    let issuer = object.required(report, "issuer")?.object(report, &["id", "name"])?;
    let id = issuer.required(report, "id");
    let id = id.and_then(|id| id.text_that(report, is_did_web, "must be a did:web identifier"));
    let name = issuer.required(report, "name").and_then(|name| name.text(report, LINE));
    Some(Issuer { id: id?.to_owned(), name: name?.to_owned() })
}

pub fn validity(object: &Object<'_>, report: &mut Report) -> Option<Validity> {
    let from = object.required(report, "validFrom").and_then(|node| node.date_time(report));
    let node = object.required(report, "validUntil");
    let until = node.as_ref().and_then(|node| node.date_time(report));
    let (from, until, node) = (from?, until?, node?);
    if until <= from {
        report.refuse(&node, "must be after validFrom");
    }
    if from.plus_years(MAXIMUM_YEARS).is_none_or(|latest| until > latest) {
        report.refuse(&node, "must be at most 3 years after validFrom");
    }
    Some(Validity { from, until })
}

/// Two entries in this order: the ledger, and a bit in a list that other software understands.
pub fn status(
    object: &Object<'_>,
    code: Option<Code>,
    report: &mut Report,
) -> Option<(LedgerBinding, StatusEntry)> {
    let entries = object.required(report, "credentialStatus")?.list(report, 2, 2)?;
    let [ledger, bitstring] = entries.as_slice() else { return None };
    let ledger = ledger_status(ledger, code, report);
    let bitstring = bitstring_status(bitstring, report);
    Some((ledger?, bitstring?))
}

fn ledger_status(node: &Node<'_>, code: Option<Code>, report: &mut Report) -> Option<LedgerBinding> {
    let entry = node.object(report, &["type", "channel", "genesis", "certificate"])?;
    constant(&entry, report, "type", "NanoTraceLedgerStatus");
    let channel = entry.required(report, "channel");
    let channel =
        channel.and_then(|node| node.text_that(report, is_channel, "must be the name of a Fabric channel"));
    let genesis = entry.required(report, "genesis");
    let genesis = genesis.and_then(|node| {
        node.text_that(
            report,
            is_fingerprint,
            "must be sha256: and the 64 lower-case hex digits of the genesis block's header hash",
        )
    });
    if let Some(certificate) = entry.required(report, "certificate")
        && code.is_some_and(|code| certificate.value.as_text() != Some(code.to_string().as_str()))
    {
        report.refuse(&certificate, "must be the public code of this certificate's id");
    }
    Some(LedgerBinding { channel: channel?.to_owned(), genesis: genesis?.to_owned() })
}

/// W3C Bitstring Status List v1.0, section 2.1.
fn bitstring_status(node: &Node<'_>, report: &mut Report) -> Option<StatusEntry> {
    let entry = node.object(report, &["type", "statusPurpose", "statusListIndex", "statusListCredential"])?;
    constant(&entry, report, "type", "BitstringStatusListEntry");
    constant(&entry, report, "statusPurpose", "revocation");
    let node = entry.required(report, "statusListIndex")?;
    let index = node.value.as_text().and_then(natural).filter(|&index| index < STATUS_LIST_ENTRIES);
    if index.is_none() {
        report.refuse(&node, "must be a whole number from 0 to 131071, as text");
    }
    let node = entry.required(report, "statusListCredential")?;
    let address = node.text_that(report, is_web_address, "must be the web address of a status list");
    let list = address.and_then(|address| address.rsplit_once('/'));
    let list = list.and_then(|(lists, number)| Some((lists, natural(number)?)));
    if address.is_some() && list.is_none() {
        report.refuse(&node, "must end in a slash and the list's number");
    }
    let (lists, list) = list?;
    Some(StatusEntry { lists: lists.to_owned(), list, index: index? })
}

/// A whole number in its one spelling.
fn natural(text: &str) -> Option<u32> {
    let number: u32 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// The proof's claims and its signature, checked by the key that it names itself. Whether that key may sign for
/// the issuer is for the ledger to say.
pub fn proof(
    object: &Object<'_>,
    document: &Node<'_>,
    issuer: Option<&Issuer>,
    report: &mut Report,
) -> Option<Proof> {
    let members =
        ["@context", "type", "cryptosuite", "created", "verificationMethod", "proofPurpose", "proofValue"];
    let node = object.required(report, "proof")?;
    let proof = node.object(report, &members)?;
    constant(&proof, report, "@context", CONTEXT);
    constant(&proof, report, "type", "DataIntegrityProof");
    constant(&proof, report, "cryptosuite", proof::CRYPTOSUITE);
    constant(&proof, report, "proofPurpose", "assertionMethod");
    let created = proof.required(report, "created").and_then(|node| node.date_time(report));
    let method = proof.required(report, "verificationMethod");
    let key = method.and_then(|method| public_key(&method, issuer?, report));
    let value = proof.required(report, "proofValue")?;
    let (text, key) = key?;
    if let Err(error) = proof::verify(document.value, &key) {
        report.refuse(&value, &error.to_string());
    }
    Some(Proof { public_key: text, created: created? })
}

fn public_key(method: &Node<'_>, issuer: &Issuer, report: &mut Report) -> Option<(String, VerifyingKey)> {
    let text = method.text(report, ADDRESS)?;
    let key = text.strip_prefix(issuer.id.as_str()).and_then(|rest| rest.strip_prefix('#'));
    let key = key.and_then(|key| Some((key.to_owned(), multikey::public_from_text(key)?)));
    if key.is_none() {
        report.refuse(method, "must be the issuer's id, # and an Ed25519 public key as Multikey text");
    }
    key
}

fn constant<'e>(object: &Object<'_>, report: &mut Report, name: &str, expected: impl Into<Json<'e>>) {
    if let Some(node) = object.required(report, name) {
        node.exactly(report, expected);
    }
}
