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
use ed25519_dalek::SigningKey;
use peer_client::{ConnectionProfile, Error, Gateway, Invocation};
use serde_json::{Value, json};

use crate::{cert::template::random_code, exit::Failure};

/// The folder of the demonstration in the data directory.
pub const FOLDER: &str = "demonstration";
const CERTIFICATE: &str = "certificate.json";
const ISSUER_KEY: &str = "issuer-key.txt";
const ISSUER: &str = "did:web:certbody.nanotrace.example";
const ISSUER_NAME: &str = "CertBody (demonstration)";
const STATUS_LISTS: &str = "https://certbody.nanotrace.example/status";
const VALID_YEARS: i32 = 3;

/// The issued certificate's file in a data directory.
pub fn certificate_file(data_dir: &Path) -> PathBuf {
    data_dir.join(FOLDER).join(CERTIFICATE)
}

/// Prepares the ledger for certificates and issues the first one. Can be repeated after any interruption:
/// what is done already is left as it is.
pub async fn issue(data_dir: &Path, profile: &ConnectionProfile, now: DateTime) -> Result<(), Failure> {
    let folder = data_dir.join(FOLDER);
    fs::create_dir_all(&folder).map_err(|error| Failure::during(folder.display(), error))?;
    let key = issuer_key(&folder.join(ISSUER_KEY))?;
    let public_key = multikey::public_to_text(&key.verifying_key());

    let accreditor = Caller::connect(profile, "Accreditation", "Admin").await?;
    let administrator = Caller::connect(profile, "CertBody", "Admin").await?;
    let officer = Caller::connect(profile, "CertBody", "User1").await?;
    accreditor.submit_once("ledger:bind", &[&profile.genesis]).await?;
    accreditor.submit_once("scheme:register", &[&demo::scheme().to_string()]).await?;
    let since = now.plus_days(-1);
    accreditor.submit_once("accreditation:register", &[&demo::accreditation(since).to_string()]).await?;
    let proposal = json!({
        "publicKey": public_key, "issuerId": ISSUER, "issuerName": ISSUER_NAME, "statusLists": STATUS_LISTS,
    });
    administrator.submit_once("issuerKey:propose", &[&proposal.to_string()]).await?;
    accreditor.submit_once("issuerKey:approve", &[parties::CERTIFICATION_BODY, &public_key]).await?;

    let document = signed_document(profile, &key, &public_key, now)?;
    officer.submit("certificate:issue", &[&document]).await?;
    let file = certificate_file(data_dir);
    write_whole(&file, document.as_bytes()).map_err(|error| Failure::during(file.display(), error))
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
            Failure::usage(format!("{} is no Ed25519 key; remove it to make a new one", path.display()))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = SigningKey::from_bytes(&random()?);
            write_whole(path, multikey::private_to_text(&key).as_bytes()).map_err(failure)?;
            Ok(key)
        }
        Err(error) => Err(failure(error)),
    }
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES], Failure> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::during("asking the operating system for randomness", error))?;
    Ok(bytes)
}

/// Writes a file for its owner alone, in one piece.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    use std::{io::Write, os::unix::fs::OpenOptionsExt};
    let draft = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(draft, path)
}

/// Somebody of an organisation, at its gateway.
struct Caller<'a> {
    profile: &'a ConnectionProfile,
    gateway: Gateway,
}

impl<'a> Caller<'a> {
    async fn connect(
        profile: &'a ConnectionProfile,
        organisation: &str,
        user: &str,
    ) -> Result<Self, Failure> {
        let doing = || format!("connecting as {user} of {organisation}");
        let organisation =
            profile.organisation(organisation).map_err(|error| Failure::during(doing(), error))?;
        let identity =
            profile.identity(organisation, user).map_err(|error| Failure::during(doing(), error))?;
        let endpoint = organisation.gateway.endpoint().map_err(|error| Failure::during(doing(), error))?;
        let gateway =
            Gateway::connect(&endpoint, identity).await.map_err(|error| Failure::during(doing(), error))?;
        Ok(Self { profile, gateway })
    }

    async fn submit(&self, function: &str, arguments: &[&str]) -> Result<(), Failure> {
        self.try_submit(function, arguments).await.map_err(|error| Failure::during(function, error))
    }

    /// Submits what may have been done before: the contract then answers that it conflicts.
    async fn submit_once(&self, function: &str, arguments: &[&str]) -> Result<(), Failure> {
        match self.try_submit(function, arguments).await {
            Err(Error::Gateway(error)) if error.to_string().contains("chaincode response 409") => Ok(()),
            result => result.map_err(|error| Failure::during(function, error)),
        }
    }

    async fn try_submit(&self, function: &str, arguments: &[&str]) -> Result<(), Error> {
        let mut invocation = Invocation::new(&self.profile.channel, &self.profile.chaincode, function);
        for argument in arguments {
            invocation = invocation.argument(argument.as_bytes().to_vec());
        }
        let commit = self.gateway.proposal(invocation)?.endorse().await?.submit().await?;
        commit.status().await?.successful()?;
        Ok(())
    }
}

/// The code of a certificate file.
pub fn code_of(document: &[u8]) -> Option<Code> {
    let document: Value = serde_json::from_slice(document).ok()?;
    Code::from_urn(document.get("id")?.as_str()?)
}
