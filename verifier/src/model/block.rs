//! What one block changes in the read model: the records as the ledger's state has them after it, and what is derived
//! from every value they took on the way.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use certificate::keys::{self, Subject};
use certificate::record::{Accreditation, Certificate, Stop, Withdrawal};
use certificate::{Code, DateTime, EventLog, LedgerTime};
use fabric::channel::{Bundle, ConfigError};
use fabric::proto::common::{ChannelHeader, Envelope, HeaderType, Payload};
use fabric::proto::protos::TxValidationCode;
use fabric::types::rwset::NamespaceRwSet;
use fabric::types::{HeadedBlock, Height, decode};
use network::ledger::{
    CommittedState, LedgerError, StateItem, StateKey, StateValue, Transaction, UpdateBatch,
};
use rocksdb::{DB, WriteBatch};

use super::issue::Issue;
use super::{ModelError, log_key, product, split_version, state_key};
use crate::limits;

/// A block that this process validated, with its verdicts.
pub(super) struct IncomingBlock<'a> {
    pub block: &'a HeadedBlock,
    codes: &'a [TxValidationCode],
    transactions: &'a [Transaction],
}

impl<'a> IncomingBlock<'a> {
    pub fn new(
        block: &'a HeadedBlock,
        codes: &'a [TxValidationCode],
        transactions: &'a [Transaction],
    ) -> Self {
        Self { block, codes, transactions }
    }

    /// The timestamps of the valid endorser transactions, with their envelopes.
    pub fn claims(&self) -> impl Iterator<Item = (DateTime, &'a Bytes)> {
        self.valid_envelopes().filter_map(|envelope| {
            let header = channel_header(envelope)?;
            let is_endorser_transaction = header.r#type == HeaderType::EndorserTransaction as i32;
            let timestamp = header.timestamp.filter(|_| is_endorser_transaction)?;
            Some((DateTime::from_seconds(timestamp.seconds), envelope))
        })
    }

    /// The configuration that the block sets, if it is a config block.
    pub fn config(&self) -> Result<Option<Arc<Bundle>>, ModelError> {
        let sets = |envelope| {
            channel_header(envelope).is_some_and(|header| header.r#type == HeaderType::Config as i32)
        };
        if !self.valid_envelopes().any(sets) {
            return Ok(None);
        }
        let number = self.block.number();
        let unreadable = |error: ConfigError| ModelError::Config { number, reason: error.to_string() };
        Bundle::from_block(self.block.message()).map(Some).map_err(unreadable)
    }

    fn valid_envelopes(&self) -> impl Iterator<Item = &'a Bytes> {
        let judged = self.block.envelopes().iter().zip(self.codes);
        judged.filter(|(_, code)| **code == TxValidationCode::Valid).map(|(envelope, _)| envelope)
    }
}

fn channel_header(envelope: &Bytes) -> Option<ChannelHeader> {
    let envelope: Envelope = decode(envelope.clone()).ok()?;
    let payload: Payload = decode(envelope.payload).ok()?;
    decode(payload.header?.channel_header).ok()
}

/// The changes of one block, built up transaction by transaction as the ledger's commit does.
pub(super) struct BlockChanges<'a> {
    stored: Stored<'a>,
    namespace: &'a str,
    time: LedgerTime,
    updates: UpdateBatch,
    logs: BTreeMap<String, EventLog>,
    changed_logs: BTreeSet<String>,
    issues: BTreeMap<Code, Issue>,
    /// Product rows of new certificates.
    rows: Vec<Vec<u8>>,
}

/// The read model as it stands before the block.
struct Stored<'a> {
    database: &'a DB,
    namespace: &'a str,
}

impl<'a> BlockChanges<'a> {
    pub fn new(database: &'a DB, namespace: &'a str, time: Option<DateTime>) -> Self {
        Self {
            stored: Stored { database, namespace },
            namespace,
            time: LedgerTime(time),
            updates: UpdateBatch::default(),
            logs: BTreeMap::new(),
            changed_logs: BTreeSet::new(),
            issues: BTreeMap::new(),
            rows: Vec::new(),
        }
    }

    pub fn apply(&mut self, block: &IncomingBlock<'_>) -> Result<(), ModelError> {
        for (index, transaction) in block.transactions.iter().enumerate() {
            let namespaces = transaction.rwset.iter().flat_map(|rwset| &rwset.namespaces);
            let ours: Vec<&NamespaceRwSet> =
                namespaces.filter(|candidate| candidate.namespace == self.namespace).collect();
            self.apply_transaction(&ours, Height::new(block.block.number(), index as u64))?;
        }
        Ok(())
    }

    /// Every value is looked at, also one that a later transaction of the block replaces. What writes a key's policy
    /// alone leaves its value, unless it deletes the key, and says nothing new.
    fn apply_transaction(&mut self, ours: &[&NamespaceRwSet], version: Height) -> Result<(), ModelError> {
        let applied = self.updates.apply_namespaces(ours.iter().copied(), version, &self.stored);
        applied.map_err(|error| ModelError::Ledger(error.to_string()))?;
        let writes = ours.iter().flat_map(|namespace| &namespace.public.writes);
        let written: BTreeSet<&str> = writes.map(|write| write.key.as_str()).collect();
        let policies = ours.iter().flat_map(|namespace| &namespace.public.metadata_writes);
        let policies: BTreeSet<&str> = policies.map(|write| write.key.as_str()).collect();
        for key in written.union(&policies) {
            let update = self.updates.public(self.namespace, key);
            let Some(update) = update.filter(|update| update.version == version) else { continue };
            let value = update.value.clone();
            if value.is_none() || written.contains(key) {
                self.see(key, value.as_ref(), version)?;
            }
        }
        Ok(())
    }

    fn see(&mut self, key: &str, value: Option<&Bytes>, version: Height) -> Result<(), ModelError> {
        let time = self.time;
        // No record of the contract is so long.
        let value = value.filter(|value| value.len() <= limits::VALUE_BYTES);
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
            Subject::Accreditation => self.log(key)?.see_accreditation(value, time),
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
        let accreditation = self.value(&key)?.and_then(|value| Accreditation::decode(&value).ok());
        let within_accreditation = accreditation.is_none_or(|accreditation| accreditation.covers(at));
        Ok(Issue { version, at: Some(at), within_accreditation, spoilt: false })
    }

    /// The value of a key as the block has left it so far.
    fn value(&self, key: &str) -> Result<Option<Bytes>, ModelError> {
        match self.updates.public(self.namespace, key) {
            Some(update) => Ok(update.value.clone()),
            None => Ok(self.stored.record(key)?.map(|(_, value)| value)),
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
        for (key, update) in self.updates.iter() {
            let StateItem::Public(key) = &key.item else { continue };
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

/// A stop or withdrawal record without any event.
fn is_empty(value: &Bytes) -> bool {
    *value == Stop::default().encode() || *value == Withdrawal::default().encode()
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
