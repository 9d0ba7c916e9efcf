//! What certificates rest on, put on the ledger once, and the connections to load.

use std::sync::Arc;

use certificate::{Code, DateTime, code::CodeError, demo, multikey, parties};
use ed25519_dalek::SigningKey;
use peer_client::{ConnectionProfile, certificate::Contract};
use serde_json::{Value, json};

use super::documents::{Documents, Template};
use crate::{
    cert::{contract, files, output},
    exit::Failure,
};

/// The benchmark's own issuer: a load test shall not sign in anybody's name.
const ISSUER: &str = "did:web:bench.nanotrace.example";
const ISSUER_NAME: &str = "Benchmark (demonstration)";
const STATUS_LISTS: &str = "https://bench.nanotrace.example/status";
/// Beside the cryptographic material of the network, so that the next run needs no new key.
const KEY_FILE: &str = "bench-issuer.key";

/// Ready to be loaded.
pub struct Prepared {
    /// The connections, to be used in turn.
    pub contracts: Vec<Contract>,
    pub template: Arc<Template>,
    /// A certificate that is on the ledger.
    pub issued: Code,
}

pub async fn prepare(
    profile: &ConnectionProfile,
    gateway: &str,
    connections: u8,
) -> Result<Prepared, Failure> {
    let key = files::read_or_make_key(&profile.crypto_config.join(KEY_FILE))?;
    let now = verifier::now();
    register(profile, &key, now).await?;
    let template = Arc::new(template(profile, key, now)?);
    let mut contracts = Vec::with_capacity(connections.into());
    for _ in 0..connections {
        contracts.push(officer(profile, gateway).await?);
    }
    let issued = first(&contracts, &template).await?;
    Ok(Prepared { contracts, template, issued })
}

/// Each step in the name of the organisation that takes it; one that was taken before is left as it is.
async fn register(profile: &ConnectionProfile, key: &SigningKey, now: DateTime) -> Result<(), Failure> {
    let accreditor = contract::connect(profile, "Accreditation", "Admin").await?;
    let administrator = contract::connect(profile, "CertBody", "Admin").await?;
    let public_key = multikey::public_to_text(&key.verifying_key());
    contract::submit_once(accreditor.ledger_bind(&profile.genesis)).await?;
    contract::submit_once(accreditor.scheme_register(&demo::scheme())).await?;
    let accreditation = demo::accreditation(now.plus_days(-1));
    contract::submit_once(accreditor.accreditation_register(&accreditation)).await?;
    let proposal = json!({
        "publicKey": public_key, "issuerId": ISSUER, "issuerName": ISSUER_NAME, "statusLists": STATUS_LISTS,
    });
    contract::submit_once(administrator.issuer_key_propose(&proposal)).await?;
    contract::submit_once(accreditor.issuer_key_approve(parties::CERTIFICATION_BODY, &public_key)).await?;
    Ok(())
}

fn template(profile: &ConnectionProfile, key: SigningKey, now: DateTime) -> Result<Template, Failure> {
    let issuer = certificate::document::Issuer { id: ISSUER.into(), name: ISSUER_NAME.into() };
    let ledger = certificate::document::LedgerBinding {
        channel: profile.channel.clone(),
        genesis: profile.genesis.clone(),
    };
    // A little in the past: the clocks of client and server may differ by a moment.
    let decided = now.plus_seconds(-60);
    Template::new(issuer, ledger, STATUS_LISTS, decided, key)
}

/// The certification body's clerk at the gateway to be loaded, which may be another organisation's.
async fn officer(profile: &ConnectionProfile, gateway: &str) -> Result<Contract, Failure> {
    let usage = |error: peer_client::profile::ProfileError| Failure::usage(error.to_string());
    let mut organisation = profile.organisation("CertBody").map_err(usage)?.clone();
    organisation.gateway = profile.organisation(gateway).map_err(usage)?.gateway.clone();
    contract::at(profile, &organisation, "User1").await
}

/// Issues one certificate: it shows that all is well before the load begins, and there is one to ask for.
async fn first(contracts: &[Contract], template: &Arc<Template>) -> Result<Code, Failure> {
    let documents = Documents::sign(template, 1)?;
    let document = documents.take().unwrap_or_default();
    let contract = contracts.first().ok_or_else(|| Failure::usage("--connections must be at least 1"))?;
    let issued = contract::submit(contract.certificate_issue(document)).await?;
    let result: Value = serde_json::from_slice(&issued.result).unwrap_or_default();
    let code = output::text_at(&result, "/certificate").parse();
    code.map_err(|error: CodeError| Failure::during("reading what was issued", error))
}
