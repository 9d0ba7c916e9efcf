//! The demonstration certificate of the first start: every step that a real certificate takes, each in the
//! name of the organisation that takes it.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use certificate::{
    Code, DateTime, canonical, demo,
    document::{Issuer, LedgerBinding, STATUS_LIST_ENTRIES, StatusEntry, Validity},
    draft::Particulars,
    multikey, parties, proof,
};
use durable::Access;
use ed25519_dalek::SigningKey;
use peer_client::{
    ConnectionProfile, Gateway,
    certificate::{Contract, Update},
};
use serde_json::{Value, json};

use crate::{
    cert::{files::random, template::random_code},
    exit::Failure,
};

/// The folder of the demonstration in the data directory.
pub const FOLDER: &str = "demonstration";
const CERTIFICATE: &str = "certificate.json";
/// The certificate before it is issued.
const SIGNED: &str = "signed.json";
const ISSUER_KEY: &str = "issuer-key.txt";
const ISSUER: &str = "did:web:certbody.nanotrace.example";
const ISSUER_NAME: &str = "CertBody (demonstration)";
const STATUS_LISTS: &str = "https://certbody.nanotrace.example/status";
const VALID_YEARS: i32 = 3;

/// The issued certificate's file in a data directory.
pub fn certificate_file(data_dir: &Path) -> PathBuf {
    data_dir.join(FOLDER).join(CERTIFICATE)
}

/// Prepares the ledger for certificates and issues the first one. Can be repeated after any interruption: what is
/// done already is left as it is. The signed document is durable before it is issued, so that the certificate that
/// an interrupted start has issued is the one that the next start finds.
pub async fn issue(data_dir: &Path, profile: &ConnectionProfile, now: DateTime) -> Result<(), Failure> {
    let folder = data_dir.join(FOLDER);
    durable::create_folder(&folder, Access::Owner)
        .map_err(|error| Failure::during(folder.display(), error))?;
    let key = issuer_key(&folder.join(ISSUER_KEY))?;
    let public_key = multikey::public_to_text(&key.verifying_key());

    let accreditor = connect(profile, "Accreditation", "Admin").await?;
    let administrator = connect(profile, "CertBody", "Admin").await?;
    let officer = connect(profile, "CertBody", "User1").await?;
    submit_once(accreditor.ledger_bind(&profile.genesis, parties::CERTIFICATION_BODY)).await?;
    submit_once(accreditor.scheme_register(&demo::scheme())).await?;
    let accreditation = demo::accreditation(now.plus_days(-1));
    submit_once(accreditor.accreditation_register(&accreditation)).await?;
    let proposal = json!({
        "publicKey": public_key, "issuerId": ISSUER, "issuerName": ISSUER_NAME, "statusLists": STATUS_LISTS,
    });
    submit_once(administrator.issuer_key_propose(&proposal)).await?;
    submit_once(accreditor.issuer_key_approve(parties::CERTIFICATION_BODY, &public_key)).await?;

    let signed = folder.join(SIGNED);
    let failed = |error: io::Error| Failure::during(signed.display(), error);
    let document = match fs::read_to_string(&signed) {
        Ok(document) if is_recent(&document, now) => document,
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {
            let document = signed_document(profile, &key, &public_key, now)?;
            durable::write(&signed, document.as_bytes(), Access::Owner).map_err(failed)?;
            document
        }
    };
    submit_once(officer.certificate_issue(document)).await?;
    durable::rename(&signed, &certificate_file(data_dir)).map_err(failed)
}

/// Whether the ledger still takes a document that an interrupted start has signed: a decision must not be old.
fn is_recent(document: &str, now: DateTime) -> bool {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let decided = document.get("validFrom").and_then(Value::as_str).and_then(DateTime::parse);
    decided.is_some_and(|decided| decided <= now && now < decided.plus_days(1))
}

fn signed_document(
    profile: &ConnectionProfile,
    key: &SigningKey,
    public_key: &str,
    now: DateTime,
) -> Result<String, Failure> {
    let doing = "signing the demonstration certificate";
    let index = u32::from_be_bytes(random()?) % STATUS_LIST_ENTRIES;
    let particulars = Particulars {
        code: random_code()?,
        issuer: Issuer { id: ISSUER.into(), name: ISSUER_NAME.into() },
        ledger: LedgerBinding { channel: profile.channel.clone(), genesis: profile.genesis.clone() },
        status: StatusEntry { lists: STATUS_LISTS.into(), list: 1, index },
        decided: now,
        validity: Validity { from: now, until: now.plus_years(VALID_YEARS).unwrap_or(now) },
    };
    let method = format!("{ISSUER}#{public_key}");
    let signed = proof::sign(&demo::document(&particulars), key, &method, now)
        .map_err(|error| Failure::during(doing, error))?;
    let bytes = canonical::to_canonical(&signed).map_err(|error| Failure::during(doing, error))?;
    String::from_utf8(bytes).map_err(|error| Failure::during(doing, error))
}

/// The demonstration issuer's key: made once, readable by its owner alone.
fn issuer_key(path: &Path) -> Result<SigningKey, Failure> {
    let failure = |error: io::Error| Failure::during(path.display(), error);
    match fs::read_to_string(path) {
        Ok(text) => multikey::private_from_text(text.trim()).ok_or_else(|| {
            Failure::usage(format!(
                "{} is no Ed25519 key: put it back from a copy, or move it away and a new one is made",
                path.display()
            ))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = SigningKey::from_bytes(&random()?);
            durable::write(path, multikey::private_to_text(&key).as_bytes(), Access::Owner)
                .map_err(failure)?;
            Ok(key)
        }
        Err(error) => Err(failure(error)),
    }
}

/// The contract at an organisation's gateway, in the name of one of its users.
async fn connect(profile: &ConnectionProfile, organisation: &str, user: &str) -> Result<Contract, Failure> {
    let doing = || format!("connecting as {user} of {organisation}");
    let organisation = profile.organisation(organisation).map_err(|error| Failure::during(doing(), error))?;
    let identity = profile.identity(organisation, user).map_err(|error| Failure::during(doing(), error))?;
    let endpoint = organisation.gateway.endpoint().map_err(|error| Failure::during(doing(), error))?;
    let gateway =
        Gateway::connect(&endpoint, identity).await.map_err(|error| Failure::during(doing(), error))?;
    Ok(Contract::new(gateway, &profile.channel, &profile.chaincode))
}

/// Submits what an interrupted start may have done before.
async fn submit_once(update: Update) -> Result<(), Failure> {
    update.submit_once().await.map(drop).map_err(|error| Failure::during(update.function(), error))
}

/// The code of a certificate file.
pub fn code_of(document: &[u8]) -> Option<Code> {
    let document: Value = serde_json::from_slice(document).ok()?;
    Code::from_urn(document.get("id")?.as_str()?)
}
