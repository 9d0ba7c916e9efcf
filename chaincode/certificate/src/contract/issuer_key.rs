//! The keys with which a certification body signs documents: proposed by the one body, approved by a person of
//! the other in a second transaction. An endorsement by a peer would not be that consent.

use super::call::{Call, answer, line, reason, text_that};
use super::compromise;
use crate::document::identifiers::{is_did_web, is_web_address};
use crate::document::report::{Object, Report};
use crate::duty::Duty;
use crate::keys;
use crate::multikey;
use crate::record::IssuerKey;
use crate::refusal::Refusal;
use crate::state::{KeyPolicy, State};

/// Characters of an issuer's name.
const MAXIMUM_NAME: usize = 200;
/// Bytes of the address of an issuer's status lists.
const MAXIMUM_ADDRESS: usize = 400;

struct Proposal {
    public_key: String,
    issuer_id: String,
    issuer_name: String,
    status_lists: String,
}

/// `issuerKey:propose(request)`: a decision-maker or administrator of the certification body, for its own body.
pub async fn propose<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let body = call.ledger().await?.body;
    call.organisation(&[&body])?;
    call.on_duty_or_admin(&[Duty::DecisionMaker])?;
    let Proposal { public_key, issuer_id, issuer_name, status_lists } =
        call.request(&["publicKey", "issuerId", "issuerName", "statusLists"], proposal)?;
    let key = keys::issuer_key(&body, &public_key);
    if call.record(&key, IssuerKey::decode).await?.is_some() {
        return Err(Refusal::Conflict(format!("{body} has proposed {public_key} already")));
    }
    call.state.set_policy(&key, &KeyPolicy::all(&[&body, &call.accreditation_body]));
    let proposed = call.event("");
    let record = IssuerKey {
        body,
        public_key,
        issuer_id,
        issuer_name,
        status_lists,
        proposed,
        approved: None,
        revoked: None,
    };
    store(&mut call, &record, "IssuerKeyProposed")
}

fn proposal(request: &Object<'_>, report: &mut Report) -> Option<Proposal> {
    let is_key = |text: &str| multikey::public_from_text(text).is_some();
    let rule = "must be an Ed25519 public key as Multikey text (z6Mk…)";
    let public_key = text_that(request, "publicKey", is_key, rule, report);
    let rule = "must be a did:web identifier";
    let issuer_id = text_that(request, "issuerId", is_did_web, rule, report);
    let issuer_name = line(request, "issuerName", MAXIMUM_NAME, report);
    let is_base = |text: &str| is_web_address(text) && !text.ends_with('/') && text.len() <= MAXIMUM_ADDRESS;
    let rule = "must be a web address without a slash at its end";
    let status_lists = text_that(request, "statusLists", is_base, rule, report);
    Some(Proposal {
        public_key: public_key?,
        issuer_id: issuer_id?,
        issuer_name: issuer_name?,
        status_lists: status_lists?,
    })
}

/// `issuerKey:approve(body, publicKey)`: an accreditor or administrator of the accreditation body, who did not propose the key in
/// the name of the body.
pub async fn approve<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.accreditor()?;
    let [body, public_key] = call.arguments(["body", "publicKey"])?;
    let mut record = existing(&mut call, body, public_key).await?;
    if call.state.creator().person.as_ref() == Some(&record.proposed.person) {
        return Err(Refusal::Forbidden("takes another person than the one who proposed the key".into()));
    }
    if record.approved.is_some() || record.revoked.is_some() {
        let state = if record.revoked.is_some() { "revoked" } else { "approved" };
        return Err(Refusal::Conflict(format!("the key is {state} already")));
    }
    if compromise::is_declared(&mut call, &record).await? {
        return Err(Refusal::Conflict("the key is declared compromised".into()));
    }
    record.approved = Some(call.event(""));
    compromise::prepare(&mut call, &record);
    store(&mut call, &record, "IssuerKeyApproved")
}

/// `issuerKey:revoke(body, publicKey, reason)`: a decision-maker or administrator of the body itself, an accreditor or
/// administrator of the accreditation body; final. Certificates issued before stand: the ledger vouches for when they were signed.
pub async fn revoke<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let names = ["body", "publicKey", "reason"];
    let [body, public_key, _] = call.arguments(names)?;
    call.ends_keys_of(body)?;
    let why = call.fields(names, reason)?;
    let mut record = existing(&mut call, body, public_key).await?;
    if record.revoked.is_some() {
        return Err(Refusal::Conflict("the key is revoked already".into()));
    }
    record.revoked = Some(call.event(&why));
    store(&mut call, &record, "IssuerKeyRevoked")
}

/// `issuerKey:get(body, publicKey)`: anyone.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [body, public_key] = call.arguments(["body", "publicKey"])?;
    let key = existing(&mut call, body, public_key).await?;
    answer(&compromise::shown(&mut call, vec![key]).await?.pop())
}

/// `issuerKey:list()`: anyone.
pub async fn list<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [] = call.arguments([])?;
    let keys = call.records(keys::ISSUER_KEY, IssuerKey::decode).await?;
    answer(&compromise::shown(&mut call, keys).await?)
}

async fn existing<S: State>(
    call: &mut Call<'_, S>,
    body: &str,
    public_key: &str,
) -> Result<IssuerKey, Refusal> {
    let record = call.record(&keys::issuer_key(body, public_key), IssuerKey::decode).await?;
    record.ok_or_else(|| Refusal::Unknown(format!("{body} has no key {public_key}")))
}

fn store<S: State>(call: &mut Call<'_, S>, record: &IssuerKey, event: &str) -> Result<Vec<u8>, Refusal> {
    call.state.put(&keys::issuer_key(&record.body, &record.public_key), record.encode());
    call.emit(event, record)
}
