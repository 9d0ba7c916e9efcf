//! What one block changes in the read model: the records as the ledger's state has them after it, and what is derived
//! from every value they took on the way.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use certificate::adoption::{Adoption, Adoptions};
use certificate::chaincode::REGISTRY;
use certificate::keys::{self, Subject};
use certificate::record::{self, Accreditation, Adopted, BodyEnd, Certificate, Stop, Withdrawal};
use certificate::{Code, DateTime, EventLog, LedgerTime};
use channel::{Bundle, ConfigError};
use fabric::proto::common::HeaderType;
use fabric::proto::protos::TxValidationCode;
use fabric::types::{DecodedEnvelope, HeadedBlock, Height};
use ledger::{
    CommittedBlock, CommittedState, LedgerError, StateItem, StateKey, StateValue, Transaction, Update,
    UpdateBatch,
};
use rocksdb::{DB, WriteBatch};
use sha2::{Digest, Sha256};

use super::bodies::{Bodies, Body, follows};
use super::issue::Issue;
use super::{ModelError, adoption, log_key, product, scope, split_version, state_key};
use crate::limits;

/// A block that this process validated, with its verdicts.
pub(super) struct IncomingBlock<'a> {
    pub block: &'a HeadedBlock,
    codes: Cow<'a, [TxValidationCode]>,
    transactions: Cow<'a, [Transaction]>,
    /// What it changes, as the ledger's commit applied it. Of our namespaces at least.
    updates: Cow<'a, UpdateBatch>,
}

impl<'a> IncomingBlock<'a> {
    pub fn committed(block: &'a CommittedBlock) -> Self {
        Self {
            block: &block.block,
            codes: Cow::Borrowed(&block.codes),
            transactions: Cow::Borrowed(&block.transactions),
            updates: Cow::Borrowed(&block.updates),
        }
    }

    /// A block of the ledger's log, with the verdicts in its metadata. What it changed is computed again, by the
    /// ledger's own rules.
    pub fn logged(block: &'a HeadedBlock, before: &Stored<'_>) -> Result<Self, LedgerError> {
        let (codes, transactions) = CommittedBlock::recorded(block)?;
        let mut updates = UpdateBatch::default();
        for (index, transaction) in transactions.iter().enumerate() {
            let namespaces = transaction.rwset.iter().flat_map(|rwset| &rwset.namespaces);
            let ours = namespaces.filter(|candidate| follows(before.first, &candidate.namespace));
            updates.apply_namespaces(ours, Height::new(block.number(), index as u64), before)?;
        }
        Ok(Self {
            block,
            codes: codes.into(),
            transactions: transactions.into(),
            updates: Cow::Owned(updates),
        })
    }

    /// The timestamps of the valid endorser transactions, with their envelopes.
    pub fn claims(&self) -> impl Iterator<Item = (DateTime, DecodedEnvelope)> + use<'_, 'a> {
        self.valid_envelopes().filter_map(|envelope| {
            let is_endorser_transaction = envelope.header_type() == Some(HeaderType::EndorserTransaction);
            let timestamp = envelope.channel_header().ok().filter(|_| is_endorser_transaction)?.timestamp?;
            Some((DateTime::from_seconds(timestamp.seconds), envelope))
        })
    }

    /// The configuration that the block sets, if it is a config block.
    pub fn config(&self) -> Result<Option<Arc<Bundle>>, ModelError> {
        if !self.valid_envelopes().any(|envelope| envelope.header_type() == Some(HeaderType::Config)) {
            return Ok(None);
        }
        let number = self.block.number();
        let unreadable = |error: ConfigError| ModelError::Config { number, reason: error.to_string() };
        Bundle::from_block(self.block.message()).map(Some).map_err(unreadable)
    }

    /// The ledger records that the block's transactions write, each with its chaincode and its transaction.
    pub fn bindings(&self, first: &str) -> Vec<(String, record::Ledger, DecodedEnvelope)> {
        let mut found = Vec::new();
        // The registry is nobody's: the accreditation body alone writes it.
        let binds = |chaincode: &&str| {
            *chaincode != REGISTRY && self.updates.public(chaincode, keys::LEDGER).is_some()
        };
        for chaincode in self.namespaces(first).into_iter().filter(binds) {
            for (key, update) in self.updates.steps(chaincode) {
                let index = usize::try_from(update.version.tx).ok();
                let envelope = index.and_then(|index| self.block.envelopes().get(index));
                let value = update.value.as_ref().filter(|_| key == keys::LEDGER);
                let ledger = value.and_then(|value| record::Ledger::decode(value).ok());
                if let (Some(ledger), Some(envelope)) = (ledger, envelope) {
                    found.push((chaincode.to_owned(), ledger, DecodedEnvelope::new(envelope.clone())));
                }
            }
        }
        found
    }

    /// Those of our namespaces in which it may change something.
    fn namespaces(&self, first: &str) -> BTreeSet<&str> {
        let rwsets = self.transactions.iter().filter_map(|transaction| transaction.rwset.as_ref());
        let names = rwsets.flat_map(|rwset| &rwset.namespaces).map(|one| one.namespace.as_str());
        names.filter(|name| follows(first, name)).collect()
    }

    fn valid_envelopes(&self) -> impl Iterator<Item = DecodedEnvelope> + use<'_, 'a> {
        let validated = self.block.envelopes().iter().zip(self.codes.iter());
        let valid = validated.filter(|(_, code)| **code == TxValidationCode::Valid);
        valid.map(|(envelope, _)| DecodedEnvelope::new(envelope.clone()))
    }

    /// The public keys of a namespace that a transaction gives a value, or deletes.
    fn written(&self, namespace: &str, transaction: u64) -> HashSet<&str> {
        let transaction = usize::try_from(transaction).ok().and_then(|index| self.transactions.get(index));
        let rwset = transaction.and_then(|transaction| transaction.rwset.as_ref());
        let namespaces = rwset.into_iter().flat_map(|rwset| &rwset.namespaces);
        let ours = namespaces.filter(|candidate| candidate.namespace == namespace);
        ours.flat_map(|ours| &ours.public.writes).map(|write| write.key.as_str()).collect()
    }
}

/// The chaincode and the key of a record.
type Key = (String, String);

/// The changes of one block, built up transaction by transaction.
pub(super) struct BlockChanges<'a> {
    block: &'a IncomingBlock<'a>,
    stored: &'a Stored<'a>,
    /// As they are after the block.
    bodies: &'a Bodies,
    accreditation_body: &'a str,
    /// Those that were asked for or written, as the transactions so far have left them.
    accreditations: BTreeMap<Key, Option<Accreditation>>,
    /// Likewise the ends of bodies that the registry has, by MSP id.
    ends: BTreeMap<String, Option<BodyEnd>>,
    logs: BTreeMap<Key, EventLog>,
    changed_logs: BTreeSet<Key>,
    issues: BTreeMap<Code, Issue>,
    /// Certificates that the block's transactions issue.
    certificates: BTreeMap<Code, Certificate>,
    adoptions: BTreeMap<Code, Adoptions>,
    /// Product rows of new certificates.
    rows: Vec<Vec<u8>>,
}

/// The read model as it stands before the block.
pub(super) struct Stored<'a> {
    pub database: &'a DB,
    /// The name of the first body's chaincode.
    pub first: &'a str,
}

impl<'a> BlockChanges<'a> {
    pub fn new(
        block: &'a IncomingBlock<'a>,
        stored: &'a Stored<'a>,
        bodies: &'a Bodies,
        accreditation_body: &'a str,
    ) -> Self {
        Self {
            block,
            stored,
            bodies,
            accreditation_body,
            accreditations: BTreeMap::new(),
            ends: BTreeMap::new(),
            logs: BTreeMap::new(),
            changed_logs: BTreeSet::new(),
            issues: BTreeMap::new(),
            certificates: BTreeMap::new(),
            adoptions: BTreeMap::new(),
            rows: Vec::new(),
        }
    }

    /// By transaction, and by key: accreditations come before the certificates that a transaction issues under them, and
    /// those before their other records. Every value is looked at, also one that a later transaction of the block replaces.
    /// What writes a key's policy alone leaves its value, unless it deletes the key, and says nothing new.
    pub fn apply(&mut self) -> Result<(), ModelError> {
        let block = self.block;
        let of = |chaincode| block.updates.steps(chaincode).into_iter().map(move |step| (chaincode, step));
        let mut steps: Vec<_> = block.namespaces(self.stored.first).into_iter().flat_map(of).collect();
        steps.sort_by_key(|(_, (_, update))| update.version);
        for of_transaction in
            steps.chunk_by(|one, other| (one.0, one.1.1.version) == (other.0, other.1.1.version))
        {
            let Some((chaincode, (_, first))) = of_transaction.first() else { continue };
            let written = block.written(chaincode, first.version.tx);
            for (chaincode, (key, update)) in of_transaction {
                if update.value.is_none() || written.contains(key) {
                    self.see(chaincode, key, update)?;
                }
            }
        }
        Ok(())
    }

    fn see(&mut self, chaincode: &str, key: &str, update: &Update) -> Result<(), ModelError> {
        // No record of the contract is so long.
        let value = update.value.as_ref().filter(|value| value.len() <= limits::VALUE_BYTES);
        let subject = keys::subject(key);
        if let Subject::Accreditation { body } = subject {
            return self.see_accreditation(chaincode, key, &body, value);
        }
        if let Subject::Ended { body } = subject {
            if chaincode == REGISTRY {
                self.ends.insert(body, end_of(value, self.accreditation_body));
            }
            return Ok(());
        }
        // The registry has no certificates, nor has a chaincode that is no body's.
        let Some(body) = self.bodies.get(chaincode) else { return Ok(()) };
        let time = LedgerTime(body.ledger_time);
        match subject {
            // The empty records that an issue writes for later.
            Subject::Stop { certificate, .. } | Subject::Withdrawal { certificate, .. }
                if value.is_some_and(is_empty) && self.is_issued_by(certificate, update.version) =>
            {
                Ok(())
            }
            Subject::Certificate(code) => self.see_certificate(chaincode, body, code, value, update.version),
            Subject::Stop { owner, .. } => self.note(chaincode, key, |log| log.see_stop(value, &owner, time)),
            Subject::Withdrawal { owner, .. } => {
                self.note(chaincode, key, |log| log.see_withdrawal(value, &owner, time))
            }
            Subject::Compromise { owner } => {
                self.note(chaincode, key, |log| log.see_compromise(value, &owner, time))
            }
            Subject::Superseded { .. } => self.note(chaincode, key, |log| log.see_superseded(value, time)),
            Subject::Surveillance { .. } => {
                self.note(chaincode, key, |log| log.see_surveillance(value, time))
            }
            Subject::Adopted { certificate } => self.see_adoption(chaincode, body, certificate, value),
            Subject::Accreditation { .. } | Subject::Ended { .. } | Subject::Other => Ok(()),
        }
    }

    /// An adoption counts once for each chaincode, and stays: what its owners write over it later changes nothing.
    fn see_adoption(
        &mut self,
        chaincode: &str,
        body: &Body,
        code: Code,
        value: Option<&Bytes>,
    ) -> Result<(), ModelError> {
        let Some(adopted) = value.and_then(|value| Adopted::decode(value).ok()) else { return Ok(()) };
        let at = LedgerTime(body.ledger_time).of_stop(adopted.adopted.effective_at);
        if !self.is_entitled(chaincode, &body.msp_id, code, &adopted, at)? {
            tracing::warn!(chaincode, %code, "an adoption that does not agree with the ledger is passed over");
            return Ok(());
        }
        let adoptions = match self.adoptions.entry(code) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                unknown.insert(adoption::read(code, |key| self.stored.database.get(key))?)
            }
        };
        if adoptions.0.iter().all(|known| known.chaincode != chaincode) {
            let (chaincode, by) = (chaincode.to_owned(), body.msp_id.clone());
            // Whatever the record says, the body acted whose chaincode it is.
            let event = record::Event { by: by.clone(), ..adopted.adopted };
            adoptions.0.push(Adoption { chaincode, by, at, event });
        }
        Ok(())
    }

    /// Whether the certificate is that of a body that has ended, the successor is the one who is named, and is accredited for
    /// it; all as the ledger has it in this block.
    fn is_entitled(
        &mut self,
        chaincode: &str,
        successor: &str,
        code: Code,
        adopted: &Adopted,
        at: DateTime,
    ) -> Result<bool, ModelError> {
        let Some(certificate) = self.certificate(code)?.filter(|(place, _)| place != chaincode) else {
            return Ok(false);
        };
        let (_, certificate) = certificate;
        let is_it = certificate.body == adopted.body
            && hex::encode(Sha256::digest(&certificate.document)) == adopted.document;
        let end = self.end(&certificate.body)?;
        let is_named = end.and_then(BodyEnd::successor).is_some_and(|named| named.successor == successor);
        let key = keys::accreditation(successor, &certificate.scheme_id);
        let covers =
            |held: &Accreditation| held.covers(at) && scope::covers_standards(&held.scope, &certificate);
        let is_accredited = self.accreditation(REGISTRY, &key)?.is_some_and(covers);
        Ok(is_it && is_named && is_accredited)
    }

    /// A certificate that stands, with its chaincode.
    fn certificate(&mut self, code: Code) -> Result<Option<(String, Certificate)>, ModelError> {
        let issue = match self.issues.get(&code) {
            Some(issue) => Some(issue.clone()),
            None => Issue::read(code, |key| self.stored.database.get(key))?,
        };
        let Some(Issue { chaincode, spoilt: false, .. }) = issue else { return Ok(None) };
        if let Some(certificate) = self.certificates.get(&code) {
            return Ok(Some((chaincode, certificate.clone())));
        }
        let record = self.stored.record(&chaincode, &keys::certificate(code))?;
        let certificate = record.and_then(|(_, value)| Certificate::decode(&value).ok());
        Ok(certificate.map(|certificate| (chaincode, certificate)))
    }

    /// That a body has ended, as the block has left the registry so far.
    fn end(&mut self, body: &str) -> Result<Option<&BodyEnd>, ModelError> {
        match self.ends.entry(body.to_owned()) {
            Entry::Occupied(known) => Ok(known.into_mut().as_ref()),
            Entry::Vacant(unknown) => {
                let record = self.stored.record(REGISTRY, &keys::ended(body))?;
                let end = end_of(record.as_ref().map(|(_, value)| value), self.accreditation_body);
                Ok(unknown.insert(end).as_ref())
            }
        }
    }

    /// In the registry, or where a body's own chaincode had it before there was one. It counts by the ledger time of the
    /// body that is accredited.
    fn see_accreditation(
        &mut self,
        chaincode: &str,
        key: &str,
        body: &str,
        value: Option<&Bytes>,
    ) -> Result<(), ModelError> {
        let owner = self.accreditation_body;
        let time = match self.bodies.get(chaincode) {
            Some(body) => body.ledger_time,
            None => self.bodies.ledger_time_of(body),
        };
        let place = (chaincode.to_owned(), key.to_owned());
        self.accreditations.insert(place, readable(value, owner));
        self.note(chaincode, key, |log| log.see_accreditation(value, owner, LedgerTime(time)))
    }

    /// Whether this very transaction issued the certificate: there is no log of it yet.
    fn is_issued_by(&self, certificate: Code, version: Height) -> bool {
        self.issues.get(&certificate).is_some_and(|issue| issue.version == version && !issue.spoilt)
    }

    /// A certificate is written once. What is written over it later is no certificate of ours any more; what another
    /// chaincode writes under its code is none, nor what names another body than the chaincode's.
    fn see_certificate(
        &mut self,
        chaincode: &str,
        body: &Body,
        code: Code,
        value: Option<&Bytes>,
        version: Height,
    ) -> Result<(), ModelError> {
        let certificate = value.and_then(|value| Certificate::decode(value).ok());
        let certificate = certificate.filter(|certificate| certificate.body == body.msp_id);
        let known = match self.issues.get(&code) {
            Some(issue) => Some(issue.clone()),
            None => Issue::read(code, |key| self.stored.database.get(key))?,
        };
        let issue = match (known, certificate) {
            (Some(first), _) if first.chaincode != chaincode => return Ok(()),
            (Some(first), _) => Issue { spoilt: true, ..first },
            (None, Some(certificate)) => {
                let issue = self.issue(chaincode, body, code, &certificate, version)?;
                self.certificates.insert(code, certificate);
                issue
            }
            (None, None) => Issue {
                chaincode: chaincode.to_owned(),
                version,
                at: body.ledger_time,
                within_accreditation: true,
                spoilt: true,
            },
        };
        self.issues.insert(code, issue);
        Ok(())
    }

    fn issue(
        &mut self,
        chaincode: &str,
        body: &Body,
        code: Code,
        certificate: &Certificate,
        version: Height,
    ) -> Result<Issue, ModelError> {
        self.rows.extend(product::rows(&certificate.document, code, version));
        let at = LedgerTime(body.ledger_time).of_grant(certificate.issued.effective_at);
        let key = keys::accreditation(&certificate.body, &certificate.scheme_id);
        let covers = |held: &Accreditation| held.covers(at) && scope::covers(&held.scope, certificate);
        let within_accreditation = match self.accreditation(REGISTRY, &key)?.map(covers) {
            Some(covered) => covered,
            None => self.accreditation(chaincode, &key)?.is_none_or(covers),
        };
        // A body that has ended is accredited no more.
        let within_accreditation = within_accreditation && self.end(&certificate.body)?.is_none();
        Ok(Issue {
            chaincode: chaincode.to_owned(),
            version,
            at: Some(at),
            within_accreditation,
            spoilt: false,
        })
    }

    /// The record as the block has left it so far.
    fn accreditation(&mut self, chaincode: &str, key: &str) -> Result<Option<&Accreditation>, ModelError> {
        match self.accreditations.entry((chaincode.to_owned(), key.to_owned())) {
            Entry::Occupied(known) => Ok(known.into_mut().as_ref()),
            Entry::Vacant(unknown) => {
                let record = self.stored.record(chaincode, key)?;
                let record = readable(record.as_ref().map(|(_, value)| value), self.accreditation_body);
                Ok(unknown.insert(record).as_ref())
            }
        }
    }

    /// Lets a record's log take in a value; `see` says whether that changed it.
    fn note(
        &mut self,
        chaincode: &str,
        key: &str,
        see: impl FnOnce(&mut EventLog) -> bool,
    ) -> Result<(), ModelError> {
        let place = (chaincode.to_owned(), key.to_owned());
        let log = match self.logs.entry(place.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                unknown.insert(read_log(chaincode, key, |key| self.stored.database.get(key))?)
            }
        };
        if see(log) {
            self.changed_logs.insert(place);
        }
        Ok(())
    }

    pub fn into_batch(self) -> Result<WriteBatch, ModelError> {
        let mut batch = WriteBatch::default();
        for chaincode in self.block.namespaces(self.stored.first) {
            for (key, update) in self.block.updates.range(chaincode, "", "") {
                let key = state_key(chaincode, key);
                let Height { block, tx } = update.version;
                match &update.value {
                    None => batch.delete(key),
                    Some(value) => {
                        batch.put(key, [&block.to_be_bytes(), &tx.to_be_bytes(), value.as_ref()].concat());
                    }
                }
            }
        }
        for (place, log) in self.logs.iter().filter(|(place, _)| self.changed_logs.contains(*place)) {
            batch.put(log_key(&place.0, &place.1), log.encode());
        }
        for (code, issue) in self.issues {
            batch.put(Issue::key(code), issue.encode());
        }
        for (code, adoptions) in self.adoptions {
            batch.put(adoption::key(code), adoptions.encode());
        }
        self.rows.into_iter().for_each(|row| batch.put(row, []));
        Ok(batch)
    }
}

/// The log of a record; empty where nothing was ever done.
pub(super) fn read_log<T: AsRef<[u8]>>(
    chaincode: &str,
    key: &str,
    get: impl FnOnce(Vec<u8>) -> Result<Option<T>, rocksdb::Error>,
) -> Result<EventLog, ModelError> {
    let Some(log) = get(log_key(chaincode, key))? else { return Ok(EventLog::default()) };
    EventLog::decode(&Bytes::copy_from_slice(log.as_ref()))
        .map_err(|source| ModelError::Record { key: key.to_owned(), source })
}

fn readable(accreditation: Option<&Bytes>, owner: &str) -> Option<Accreditation> {
    accreditation.and_then(|record| Accreditation::decode(record, owner).ok())
}

fn end_of(record: Option<&Bytes>, owner: &str) -> Option<BodyEnd> {
    record.and_then(|record| BodyEnd::decode(record, owner).ok())
}

/// A stop or withdrawal record without any event, in whichever version the issue wrote it.
fn is_empty(value: &Bytes) -> bool {
    Stop::decode(value, "").is_ok_and(|stop| stop == Stop::default())
        || Withdrawal::decode(value, "").is_ok_and(|withdrawal| withdrawal == Withdrawal::default())
}

impl Stored<'_> {
    fn record(&self, chaincode: &str, key: &str) -> Result<Option<(Height, Bytes)>, ModelError> {
        let Some(record) = self.database.get(state_key(chaincode, key))? else { return Ok(None) };
        split_version(Bytes::from(record)).map(Some).ok_or(ModelError::Savepoint)
    }
}

/// Values and versions of our namespaces. Metadata are not kept here: no value depends on them.
impl CommittedState for Stored<'_> {
    fn state(&self, key: &StateKey) -> Result<Option<StateValue>, LedgerError> {
        let StateItem::Public(name) = &key.item else { return Ok(None) };
        if !follows(self.first, &key.namespace) {
            return Ok(None);
        }
        let record =
            self.record(&key.namespace, name).map_err(|error| LedgerError::BadRecord(error.to_string()))?;
        Ok(record.map(|(version, value)| StateValue { value, metadata: Bytes::new(), version }))
    }
}
