//! What one block changes in the read model: the records as the ledger's state has them after it, and what is derived
//! from every value they took on the way.

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use certificate::keys::{self, Subject};
use certificate::record::{Accreditation, Certificate, Stop, Withdrawal};
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

use super::issue::Issue;
use super::{ModelError, log_key, product, split_version, state_key};
use crate::limits;

/// A block that this process validated, with its verdicts.
pub(super) struct IncomingBlock<'a> {
    pub block: &'a HeadedBlock,
    codes: Cow<'a, [TxValidationCode]>,
    transactions: Cow<'a, [Transaction]>,
    /// What it changes, as the ledger's commit applied it. Of our namespace at least.
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
            let ours = namespaces.filter(|candidate| candidate.namespace == before.namespace);
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

/// The changes of one block, built up transaction by transaction.
pub(super) struct BlockChanges<'a> {
    block: &'a IncomingBlock<'a>,
    stored: &'a Stored<'a>,
    time: LedgerTime,
    /// Those that were asked for or written, as the transactions so far have left them.
    accreditations: BTreeMap<String, Option<Accreditation>>,
    logs: BTreeMap<String, EventLog>,
    changed_logs: BTreeSet<String>,
    issues: BTreeMap<Code, Issue>,
    /// Product rows of new certificates.
    rows: Vec<Vec<u8>>,
}

/// The read model as it stands before the block.
pub(super) struct Stored<'a> {
    pub database: &'a DB,
    pub namespace: &'a str,
}

impl<'a> BlockChanges<'a> {
    pub fn new(block: &'a IncomingBlock<'a>, stored: &'a Stored<'a>, time: Option<DateTime>) -> Self {
        Self {
            block,
            stored,
            time: LedgerTime(time),
            accreditations: BTreeMap::new(),
            logs: BTreeMap::new(),
            changed_logs: BTreeSet::new(),
            issues: BTreeMap::new(),
            rows: Vec::new(),
        }
    }

    /// By transaction, and by key: accreditations come before the certificates that a transaction issues under them, and
    /// those before their other records. Every value is looked at, also one that a later transaction of the block replaces. What writes a key's policy
    /// alone leaves its value, unless it deletes the key, and says nothing new.
    pub fn apply(&mut self) -> Result<(), ModelError> {
        let (block, namespace) = (self.block, self.stored.namespace);
        let steps = block.updates.steps(namespace);
        for of_transaction in steps.chunk_by(|(_, one), (_, other)| one.version == other.version) {
            let version = of_transaction.first().map(|(_, update)| update.version.tx).unwrap_or_default();
            let written = block.written(namespace, version);
            for (key, update) in of_transaction {
                if update.value.is_none() || written.contains(key) {
                    self.see(key, update)?;
                }
            }
        }
        Ok(())
    }

    fn see(&mut self, key: &'a str, update: &'a Update) -> Result<(), ModelError> {
        let (time, version) = (self.time, update.version);
        // No record of the contract is so long.
        let value = update.value.as_ref().filter(|value| value.len() <= limits::VALUE_BYTES);
        let is_news = match keys::subject(key) {
            // The empty records that an issue writes for later.
            Subject::Stop { certificate, .. } | Subject::Withdrawal { certificate, .. }
                if value.is_some_and(is_empty) && self.is_issued_by(certificate, version) =>
            {
                false
            }
            Subject::Certificate(code) => {
                self.see_certificate(code, value, version)?;
                false
            }
            Subject::Stop { owner, .. } => self.log(key)?.see_stop(value, &owner, time),
            Subject::Withdrawal { owner, .. } => self.log(key)?.see_withdrawal(value, &owner, time),
            Subject::Compromise { owner } => self.log(key)?.see_compromise(value, &owner, time),
            Subject::Superseded { .. } => self.log(key)?.see_superseded(value, time),
            Subject::Accreditation => {
                self.accreditations.insert(key.to_owned(), readable(update.value.as_ref()));
                self.log(key)?.see_accreditation(value, time)
            }
            Subject::Other => false,
        };
        if is_news {
            self.changed_logs.insert(key.to_owned());
        }
        Ok(())
    }

    /// Whether this very transaction issued the certificate: there is no log of it yet.
    fn is_issued_by(&self, certificate: Code, version: Height) -> bool {
        self.issues.get(&certificate).is_some_and(|issue| issue.version == version && !issue.spoilt)
    }

    /// A certificate is written once. What is written over it later is no certificate of ours any more.
    fn see_certificate(
        &mut self,
        code: Code,
        value: Option<&Bytes>,
        version: Height,
    ) -> Result<(), ModelError> {
        let certificate = value.and_then(|value| Certificate::decode(value).ok());
        let known = match self.issues.get(&code) {
            Some(issue) => Some(issue.clone()),
            None => Issue::read(code, |key| self.stored.database.get(key))?,
        };
        let issue = match (known, certificate) {
            (Some(first), _) => Issue { spoilt: true, ..first },
            (None, Some(certificate)) => self.issue(code, &certificate, version)?,
            (None, None) => Issue { version, at: self.time.0, within_accreditation: true, spoilt: true },
        };
        self.issues.insert(code, issue);
        Ok(())
    }

    fn issue(&mut self, code: Code, certificate: &Certificate, version: Height) -> Result<Issue, ModelError> {
        self.rows.extend(product::rows(&certificate.document, code, version));
        let at = self.time.of_grant(certificate.issued.effective_at);
        let key = keys::accreditation(&certificate.body, &certificate.scheme_id);
        let within_accreditation =
            self.accreditation(key)?.is_none_or(|accreditation| accreditation.covers(at));
        Ok(Issue { version, at: Some(at), within_accreditation, spoilt: false })
    }

    /// The record as the block has left it so far.
    fn accreditation(&mut self, key: String) -> Result<Option<&Accreditation>, ModelError> {
        match self.accreditations.entry(key) {
            Entry::Occupied(known) => Ok(known.into_mut().as_ref()),
            Entry::Vacant(unknown) => {
                let record = self.stored.record(unknown.key())?;
                Ok(unknown.insert(readable(record.as_ref().map(|(_, value)| value))).as_ref())
            }
        }
    }

    fn log(&mut self, key: &str) -> Result<&mut EventLog, ModelError> {
        match self.logs.entry(key.to_owned()) {
            Entry::Occupied(known) => Ok(known.into_mut()),
            Entry::Vacant(unknown) => Ok(unknown.insert(read_log(key, |key| self.stored.database.get(key))?)),
        }
    }

    pub fn into_batch(self) -> Result<WriteBatch, ModelError> {
        let mut batch = WriteBatch::default();
        for (key, update) in self.block.updates.range(self.stored.namespace, "", "") {
            match &update.value {
                None => batch.delete(state_key(key)),
                Some(value) => {
                    let Height { block, tx } = update.version;
                    batch.put(
                        state_key(key),
                        [&block.to_be_bytes(), &tx.to_be_bytes(), value.as_ref()].concat(),
                    );
                }
            }
        }
        for (key, log) in self.logs.iter().filter(|(key, _)| self.changed_logs.contains(*key)) {
            batch.put(log_key(key), log.encode());
        }
        for (code, issue) in self.issues {
            batch.put(Issue::key(code), issue.encode());
        }
        self.rows.into_iter().for_each(|row| batch.put(row, []));
        Ok(batch)
    }
}

/// The log of a record; empty where nothing was ever done.
pub(super) fn read_log<T: AsRef<[u8]>>(
    key: &str,
    get: impl FnOnce(Vec<u8>) -> Result<Option<T>, rocksdb::Error>,
) -> Result<EventLog, ModelError> {
    let Some(log) = get(log_key(key))? else { return Ok(EventLog::default()) };
    EventLog::decode(&Bytes::copy_from_slice(log.as_ref()))
        .map_err(|source| ModelError::Record { key: key.to_owned(), source })
}

fn readable(accreditation: Option<&Bytes>) -> Option<Accreditation> {
    accreditation.and_then(|record| Accreditation::decode(record).ok())
}

/// A stop or withdrawal record without any event, in whichever version the issue wrote it.
fn is_empty(value: &Bytes) -> bool {
    Stop::decode(value, "").is_ok_and(|stop| stop == Stop::default())
        || Withdrawal::decode(value, "").is_ok_and(|withdrawal| withdrawal == Withdrawal::default())
}

impl Stored<'_> {
    fn record(&self, key: &str) -> Result<Option<(Height, Bytes)>, ModelError> {
        let Some(record) = self.database.get(state_key(key))? else { return Ok(None) };
        split_version(Bytes::from(record)).map(Some).ok_or(ModelError::Savepoint)
    }
}

/// Values and versions of our namespace. Metadata are not kept here: no value depends on them.
impl CommittedState for Stored<'_> {
    fn state(&self, key: &StateKey) -> Result<Option<StateValue>, LedgerError> {
        let StateItem::Public(name) = &key.item else { return Ok(None) };
        if key.namespace != self.namespace {
            return Ok(None);
        }
        let record = self.record(name).map_err(|error| LedgerError::BadRecord(error.to_string()))?;
        Ok(record.map(|(version, value)| StateValue { value, metadata: Bytes::new(), version }))
    }
}
