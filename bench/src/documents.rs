//! Certificates by the thousand: one document is laid out once, and each of the others differs from it in its id, its
//! code, its place in the status list and its signature alone.
//!
//! So a document costs two hashes and a signature, and is put together when it is sent.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use certificate::{
    Code, DateTime, canonical, demo,
    document::{Issuer, LedgerBinding, STATUS_LIST_ENTRIES, StatusEntry, Validity, check_signed},
    draft::Particulars,
    multikey, proof,
};
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};

/// The benchmark's own issuer.
pub(crate) const ISSUER: &str = "did:web:bench.nanotrace.example";
pub(crate) const ISSUER_NAME: &str = "Benchmark (demonstration)";
pub(crate) const STATUS_LISTS: &str = "https://bench.nanotrace.example/status";

/// Why there are no documents to issue.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    #[error("asking the operating system for randomness: {0}")]
    Randomness(#[from] getrandom::Error),
    #[error("signing: {0}")]
    Signing(#[from] proof::ProofError),
    #[error("laying out: {0}")]
    Layout(#[from] canonical::CanonicalError),
    #[error(transparent)]
    Refused(#[from] certificate::Refusal),
}

/// A signed document cut where others differ from it.
pub struct Template {
    /// With its proof, as it is sent.
    signed: Cut,
    /// Without its proof, as it is hashed.
    unsigned: Cut,
    /// The hash of the proof's own claims, which is the same for all.
    proof_hash: [u8; 32],
    key: SigningKey,
    /// On which it is decided.
    day: String,
}

/// What is signed before the load begins, to be taken one by one by many clients.
pub struct Documents {
    template: Arc<Template>,
    signed: Vec<Variation>,
    taken: AtomicUsize,
}

/// A document in both of its forms, canonical, and the application on which it may be granted.
pub(crate) struct Document {
    pub(crate) application: Code,
    pub(crate) unsigned: String,
    pub(crate) signed: String,
}

/// What makes a document another one.
struct Variation {
    application: Code,
    code: Code,
    list: u32,
    index: u32,
    proof_value: String,
}

impl Template {
    pub fn new(ledger: LedgerBinding, decided: DateTime, key: SigningKey) -> Result<Self, DocumentError> {
        let issuer = Issuer { id: ISSUER.into(), name: ISSUER_NAME.into() };
        let public_key = multikey::public_to_text(&key.verifying_key());
        let method = format!("{ISSUER}#{public_key}");
        let mut variation = Variation::new(random_code()?, 0, 0)?;
        let status = StatusEntry { lists: STATUS_LISTS.into(), list: 0, index: 0 };
        let validity = Validity { from: decided, until: decided.plus_years(3).unwrap_or(decided) };
        let particulars = Particulars { code: variation.code, issuer, ledger, status, decided, validity };

        let document = demo::document(&particulars);
        let signed = proof::sign(&document, &key, &method, decided)?;
        let mut claims = signed.get("proof").cloned().unwrap_or_default();
        let value = claims.as_object_mut().and_then(|claims| claims.remove("proofValue"));
        variation.proof_value = value.as_ref().and_then(|value| value.as_str()).unwrap_or_default().into();
        Ok(Self {
            signed: Cut::new(canonical_text(&signed)?, &variation.texts()),
            unsigned: Cut::new(canonical_text(&document)?, &variation.texts()),
            proof_hash: Sha256::digest(canonical_text(&claims)?).into(),
            key,
            day: decided.to_string().split('T').next().unwrap_or_default().to_owned(),
        })
    }

    /// The day of the decision, such as 2026-01-31.
    pub(crate) fn day(&self) -> &str {
        &self.day
    }

    /// One signed document, canonical, and its code.
    pub fn one(&self) -> Result<(Code, String), DocumentError> {
        let (code, list) = (random_code()?, random_list()?);
        let mut variation = Variation::new(code, list, 0)?;
        self.sign(&mut variation);
        Ok((code, self.text(&variation)))
    }

    fn text(&self, variation: &Variation) -> String {
        self.signed.fill(&variation.texts())
    }

    fn sign(&self, variation: &mut Variation) {
        let unsigned = self.unsigned.fill(&variation.texts());
        let mut data = [0; 64];
        let (proof_half, document_half) = data.split_at_mut(32);
        proof_half.copy_from_slice(&self.proof_hash);
        document_half.copy_from_slice(&Sha256::digest(unsigned));
        let signature = self.key.sign(&data);
        variation.proof_value = format!("z{}", bs58::encode(signature.to_bytes()).into_string());
    }
}

impl Documents {
    /// Signs so many documents, and checks one of them as the contract would.
    pub fn sign(template: &Arc<Template>, count: usize) -> Result<Self, DocumentError> {
        let mut list = random_list()?;
        let mut signed = Vec::with_capacity(count);
        for number in 0..count {
            let index = (number as u32) % STATUS_LIST_ENTRIES;
            if number > 0 && index == 0 {
                list += 1;
            }
            let mut variation = Variation::new(random_code()?, list, index)?;
            template.sign(&mut variation);
            signed.push(variation);
        }
        let documents = Self { template: Arc::clone(template), signed, taken: AtomicUsize::new(0) };
        documents.check()?;
        Ok(documents)
    }

    /// The next document, canonical and signed; none when all are taken.
    pub fn take(&self) -> Option<String> {
        Some(self.template.text(self.next()?))
    }

    /// The next document in both forms.
    pub fn take_both(&self) -> Option<Document> {
        let variation = self.next()?;
        Some(Document {
            application: variation.application,
            unsigned: self.template.unsigned.fill(&variation.texts()),
            signed: self.template.text(variation),
        })
    }

    fn next(&self) -> Option<&Variation> {
        self.signed.get(self.taken.fetch_add(1, Ordering::Relaxed))
    }

    fn check(&self) -> Result<(), DocumentError> {
        let Some(variation) = self.signed.last() else { return Ok(()) };
        let text = self.template.text(variation);
        check_signed(text.as_bytes()).map_err(certificate::Refusal::Rules)?;
        Ok(())
    }
}

impl Variation {
    /// Not signed yet.
    fn new(code: Code, list: u32, index: u32) -> Result<Self, getrandom::Error> {
        Ok(Self { application: random_code()?, code, list, index, proof_value: String::new() })
    }

    /// The texts by which documents differ, in any order; each is unlike all else in the document.
    fn texts(&self) -> [String; 5] {
        [
            self.code.to_urn(),
            format!("\"{}\"", self.code),
            format!("\"{STATUS_LISTS}/{}\"", self.list),
            format!("\"statusListIndex\":\"{}\"", self.index),
            format!("\"{}\"", self.proof_value),
        ]
    }
}

/// A text cut at the places of other texts.
struct Cut {
    /// What stands before each place, and which text stands there.
    places: Vec<(String, usize)>,
    rest: String,
}

impl Cut {
    fn new(text: String, parts: &[String]) -> Self {
        let mut places = Vec::new();
        let mut rest = text.as_str();
        let next = |rest: &str| {
            let found =
                parts.iter().enumerate().filter_map(|(part, text)| Some((rest.find(text.as_str())?, part)));
            found.min()
        };
        while let Some((_, part)) = next(rest) {
            let text = parts.get(part).map(String::as_str).unwrap_or_default();
            let Some((before, after)) = rest.split_once(text) else { break };
            places.push((before.to_owned(), part));
            rest = after;
        }
        Self { places, rest: rest.to_owned() }
    }

    fn fill(&self, parts: &[String]) -> String {
        let mut text = String::with_capacity(8192);
        for (before, part) in &self.places {
            text.push_str(before);
            text.push_str(parts.get(*part).map(String::as_str).unwrap_or_default());
        }
        text.push_str(&self.rest);
        text
    }
}

/// Canonical JSON is UTF-8.
fn canonical_text(value: &serde_json::Value) -> Result<String, DocumentError> {
    Ok(String::from_utf8_lossy(&canonical::to_canonical(value)?).into_owned())
}

/// These documents alone use the list: the places in it need not be looked up.
fn random_list() -> Result<u32, getrandom::Error> {
    Ok(getrandom::u32()? >> 1)
}

fn random_code() -> Result<Code, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(Code::from_random(bytes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_document_is_valid_and_unlike_the_others() {
        let ledger =
            LedgerBinding { channel: "nanotrace".into(), genesis: format!("sha256:{}", "0".repeat(64)) };
        let decided = DateTime::parse("2026-11-21T12:00:00Z").unwrap();
        let key = SigningKey::from_bytes(&[7; 32]);
        let template = Arc::new(Template::new(ledger, decided, key).unwrap());

        let documents = Documents::sign(&template, 20).unwrap();
        let (mut codes, mut places) = (BTreeSet::new(), BTreeSet::new());
        while let Some(document) = documents.take() {
            let checked = check_signed(document.as_bytes()).unwrap();
            codes.insert(checked.document.code);
            places.insert((checked.document.status.list, checked.document.status.index));
        }
        assert_eq!((codes.len(), places.len()), (20, 20));
    }
}
