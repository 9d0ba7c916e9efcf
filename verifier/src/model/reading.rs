//! One answer's view of the read model: a snapshot, and what may be claimed of it.

use std::collections::BTreeSet;

use bytes::Bytes;
use certificate::adoption::Adoption;
use certificate::chaincode::REGISTRY;
use certificate::event_log::{EventLog, Kind, Moment, Period};
use certificate::record::{
    Accreditation, BodyEnd, Certificate, Confidential, FieldHash, IssuerKey, RecordError, Scheme,
};
use certificate::verdict::{Case, Verdict, verdict};
use certificate::{Code, DateTime, LedgerTime, keys};
use fabric::types::Height;
use rocksdb::{Direction, IteratorMode, ReadOptions, SnapshotWithThreadMode};

use super::block::read_log;
use super::issue::Issue;
use super::{ModelError, ReadModel, adoption, bodies, product, scope, split_version, state_key};
use crate::limits;
use crate::link::DigitalLink;
use crate::sync_status::{AsOf, Doubt, SyncStatus};

/// What was done: who did it, and the log of it.
type Logs = Vec<(String, EventLog)>;

/// A consistent picture of the read model.
pub struct Reading<'a> {
    snapshot: SnapshotWithThreadMode<'a, rocksdb::DB>,
    /// MSP id of the organisation that accredits certification bodies.
    accreditation_body: &'a str,
    as_of: AsOf,
    doubt: Option<Doubt>,
    /// The next moment at which a doubt arises by itself.
    pub(crate) next_change_at: Option<DateTime>,
}

/// A certificate with everything that decides about it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub code: Code,
    /// Its body's chaincode.
    pub chaincode: String,
    pub certificate: Certificate,
    /// Where on the chain it was issued.
    pub issued: Height,
    /// From when the issue counts: not from long before its block.
    pub issued_at: DateTime,
    /// Whether that lay within the term and the scope of the accreditation, as the ledger had them then.
    pub within_accreditation: bool,
    /// `None` where the record cannot be read.
    pub accreditation: Option<Accreditation>,
    /// Hashes of the confidential fields of its application; `None` where their record cannot be read.
    pub confidential: Option<Vec<FieldHash>>,
    /// What was done to the certificate and to its accreditation: who did it, and the log of it.
    pub logs: Logs,
    /// That the body which issued it has ended, as the registry has it today.
    pub end: Option<BodyEnd>,
    /// Who has taken it over since, oldest first, each with what it did; it counts from then on.
    pub adoptions: Vec<(Adoption, Logs)>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        model: &'a ReadModel,
        sync_status: &SyncStatus,
        now: DateTime,
        max_age: i64,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            snapshot: model.database.snapshot(),
            accreditation_body: &model.channel.accreditation_body,
            as_of: sync_status.as_of(),
            doubt: sync_status.doubt(now, max_age),
            next_change_at: sync_status.next_change_at(max_age),
        })
    }

    pub fn as_of(&self) -> AsOf {
        self.as_of.clone()
    }

    pub fn doubt(&self) -> Option<&Doubt> {
        self.doubt.as_ref()
    }

    /// The certificate with this code, or `None` where the ledger has none.
    pub fn entry(&self, code: Code) -> Result<Option<Entry>, ModelError> {
        let Some(issue) = Issue::read(code, |key| self.snapshot.get(key))? else { return Ok(None) };
        let Issue { chaincode, version, at: Some(issued_at), within_accreditation, spoilt: false } = issue
        else {
            return Err(ModelError::Certificate { code });
        };
        let record = self.record(&chaincode, &keys::certificate(code), Certificate::decode)?;
        let (certificate, _) = record.ok_or(ModelError::Certificate { code })?;
        let owner = self.accreditation_body;
        let mut logs =
            self.accreditation_logs(&chaincode, &certificate.body, &certificate.scheme_id, issued_at)?;
        let key = keys::accreditation(&certificate.body, &certificate.scheme_id);
        let accreditation =
            self.registered(&chaincode, &key, |record| Accreditation::decode(record, owner))?;
        for body in [certificate.body.as_str(), owner] {
            for key in [keys::stop(code, body), keys::withdrawal(code, body)] {
                logs.push((body.to_owned(), self.log(&chaincode, &key, issued_at)?));
            }
        }
        // There is no such record before there is a successor, or a surveillance.
        let log = |key: String| read_log(&chaincode, &key, |key| self.snapshot.get_pinned(key));
        logs.push((certificate.body.clone(), log(keys::superseded(code))?));
        logs.push((certificate.body.clone(), log(keys::surveillance(code))?));
        // Keys that were approved before there were such records have none.
        let public_key = certificate.public_key().unwrap_or_default();
        for body in [certificate.body.as_str(), owner] {
            logs.push((body.to_owned(), log(keys::compromise(&certificate.body, public_key, body))?));
        }
        let confidential = self.confidential(&chaincode, certificate.application)?;
        let adoptions = self.adoptions(code, &certificate.scheme_id)?;
        let end = keys::ended(&certificate.body);
        let end = self.readable(REGISTRY, &end, |record| BodyEnd::decode(record, owner))?;
        Ok(Some(Entry {
            code,
            chaincode,
            issued: version,
            issued_at,
            within_accreditation,
            accreditation,
            confidential,
            logs,
            end,
            adoptions,
            certificate,
        }))
    }

    fn confidential(
        &self,
        chaincode: &str,
        application: Option<Code>,
    ) -> Result<Option<Vec<FieldHash>>, ModelError> {
        let Some(application) = application else { return Ok(Some(Vec::new())) };
        match self.record(chaincode, &keys::confidential(application), Confidential::decode) {
            Err(ModelError::Record { .. }) => Ok(None),
            found => Ok(Some(found?.map_or_else(Vec::new, |(record, _)| record.fields))),
        }
    }

    /// Who has taken it over, with what each did to it, and what was done to the accreditation of each.
    fn adoptions(&self, code: Code, scheme_id: &str) -> Result<Vec<(Adoption, Logs)>, ModelError> {
        let adoptions = adoption::read(code, |key| self.snapshot.get_pinned(key))?.0.into_iter();
        let with_logs = adoptions.map(|adoption| {
            let Adoption { chaincode, by, at, .. } = &adoption;
            let mut logs = self.accreditation_logs(chaincode, by, scheme_id, *at)?;
            for key in [keys::stop(code, by), keys::withdrawal(code, by)] {
                logs.push((by.clone(), self.log(chaincode, &key, *at)?));
            }
            for key in [keys::superseded(code), keys::surveillance(code)] {
                logs.push((by.clone(), read_log(chaincode, &key, |key| self.snapshot.get_pinned(key))?));
            }
            Ok((adoption, logs))
        });
        with_logs.collect()
    }

    /// What was done to the accreditation on which a certificate rests: in the registry, and in the body's own chaincode,
    /// which had it before there was one. What was suspended there still is.
    fn accreditation_logs(
        &self,
        chaincode: &str,
        body: &str,
        scheme_id: &str,
        since: DateTime,
    ) -> Result<Logs, ModelError> {
        let key = keys::accreditation(body, scheme_id);
        let mut logs = Vec::new();
        for place in [REGISTRY, chaincode] {
            let log = read_log(place, &key, |key| self.snapshot.get_pinned(key))?;
            if !log.is_empty() || self.snapshot.get_pinned(state_key(place, &key))?.is_some() {
                logs.push((self.accreditation_body.to_owned(), log));
            }
        }
        if logs.is_empty() {
            logs.push((self.accreditation_body.to_owned(), self.log(REGISTRY, &key, since)?));
        }
        Ok(logs)
    }

    /// What a record's owner did. A record that was never there, which an issue by the contract makes, or is there
    /// no more counts as unreadable.
    fn log(&self, chaincode: &str, key: &str, issued_at: DateTime) -> Result<EventLog, ModelError> {
        let mut log = read_log(chaincode, key, |key| self.snapshot.get_pinned(key))?;
        if log.is_empty() && self.snapshot.get_pinned(state_key(chaincode, key))?.is_none() {
            log.see_stop(None, "", LedgerTime(Some(issued_at)));
        }
        Ok(log)
    }

    /// The ledger time of the newest block in a body's chaincode.
    pub fn ledger_time(&self, chaincode: &str) -> Result<Option<DateTime>, ModelError> {
        let record = self.snapshot.get_pinned(bodies::key(chaincode))?;
        let time = record.map(|record| bodies::ledger_time(&record).ok_or(ModelError::Savepoint));
        Ok(time.transpose()?.flatten())
    }

    /// Every record of a chaincode, as the ledger's state has it, in the order of their keys.
    pub fn records(&self, chaincode: &str) -> impl Iterator<Item = Result<(String, Bytes), ModelError>> {
        let prefix = state_key(chaincode, "");
        let length = prefix.len();
        let mut options = ReadOptions::default();
        options.set_iterate_range(rocksdb::PrefixRange(prefix.as_slice()));
        let rows = self.snapshot.iterator_opt(IteratorMode::From(&prefix, Direction::Forward), options);
        rows.map(move |row| {
            let (key, stored) = row?;
            let key = String::from_utf8_lossy(key.get(length..).unwrap_or_default()).into_owned();
            let (_, value) = split_version(Bytes::from(stored.into_vec())).ok_or(ModelError::Savepoint)?;
            Ok((key, value))
        })
    }

    /// The key with which a certificate was signed, by its Multikey text.
    pub fn issuer_key(&self, entry: &Entry, key: &str) -> Result<Option<IssuerKey>, ModelError> {
        let key = keys::issuer_key(&entry.certificate.body, key);
        self.readable(&entry.chaincode, &key, IssuerKey::decode)
    }

    /// This version of the scheme under which a certificate was granted.
    pub fn scheme(&self, entry: &Entry, version: &str) -> Result<Option<Scheme>, ModelError> {
        let key = keys::scheme(&entry.certificate.scheme_id, version);
        self.registered(&entry.chaincode, &key, Scheme::decode)
    }

    /// A record of the registry, or of a body's own chaincode, which had it before there was a registry.
    fn registered<T>(
        &self,
        chaincode: &str,
        key: &str,
        decode: impl Fn(&Bytes) -> Result<T, RecordError>,
    ) -> Result<Option<T>, ModelError> {
        let place = match self.snapshot.get_pinned(state_key(REGISTRY, key))? {
            Some(_) => REGISTRY,
            None => chaincode,
        };
        self.readable(place, key, decode)
    }

    /// Listed certificates of a product, newest first, at most [`limits::LISTED`]; and whether there are more.
    pub fn products(&self, link: &DigitalLink) -> Result<(Vec<Code>, bool), ModelError> {
        let mut found = BTreeSet::new();
        for prefix in product::prefixes(link) {
            let mut options = ReadOptions::default();
            options.set_iterate_range(rocksdb::PrefixRange(prefix.as_slice()));
            let rows = self.snapshot.iterator_opt(IteratorMode::From(&prefix, Direction::Forward), options);
            for row in rows.take(limits::LISTED + 1) {
                found.extend(product::parse_row(&row?.0));
            }
        }
        let more = found.len() > limits::LISTED;
        Ok((found.into_iter().map(|(_, code)| code).take(limits::LISTED).collect(), more))
    }

    /// A record that its owner may have spoilt: what rests on it shows that, and nothing else does.
    fn readable<T>(
        &self,
        chaincode: &str,
        key: &str,
        decode: impl FnOnce(&Bytes) -> Result<T, RecordError>,
    ) -> Result<Option<T>, ModelError> {
        match self.record(chaincode, key, decode) {
            Err(ModelError::Record { .. }) => Ok(None),
            found => Ok(found?.map(|(record, _)| record)),
        }
    }

    fn record<T>(
        &self,
        chaincode: &str,
        key: &str,
        decode: impl FnOnce(&Bytes) -> Result<T, RecordError>,
    ) -> Result<Option<(T, Height)>, ModelError> {
        let Some(stored) = self.snapshot.get(state_key(chaincode, key))? else { return Ok(None) };
        let unreadable = |source| ModelError::Record { key: key.to_owned(), source };
        let (version, value) = split_version(Bytes::from(stored)).ok_or(unreadable(RecordError::Short))?;
        if value.len() > limits::VALUE_BYTES {
            return Err(unreadable(RecordError::Long));
        }
        Ok(Some((decode(&value).map_err(unreadable)?, version)))
    }
}

impl Entry {
    /// Whether the certificate held at that moment, from what this reading has.
    pub fn verdict(&self, moment: Moment) -> Verdict {
        self.case(moment, |case| verdict(case, moment))
    }

    /// When the next surveillance is due, as was known at that moment.
    pub fn surveillance_due(&self, moment: Moment) -> Option<DateTime> {
        self.case(moment, |case| case.surveillance_due(moment))
    }

    /// What decides about it at that moment.
    fn case<T>(&self, moment: Moment, ask: impl FnOnce(Case<'_>) -> T) -> T {
        let taken_over = self.adoptions.iter().filter(|(adoption, _)| adoption.counts(moment));
        let logs = self.logs.iter().chain(taken_over.flat_map(|(_, logs)| logs));
        let logs: Vec<(&str, &EventLog)> = logs.map(|(by, log)| (by.as_str(), log)).collect();
        ask(Case {
            valid_from: self.certificate.valid_from,
            valid_until: self.certificate.valid_until,
            issued: self.issued_at,
            within_accreditation: self.within_accreditation,
            surveillance: self.certificate.surveillance,
            logs: &logs,
        })
    }

    /// Whether the accreditation let its body decide on such a certificate at that moment.
    pub fn accreditation_in_force(&self, moment: Moment) -> bool {
        let ended = self.end.as_ref().and_then(BodyEnd::ended);
        let goes_on = ended.is_none_or(|ended| moment.time() < ended.effective_at);
        let suspended = [Kind::NewGrantsSuspended, Kind::AllCertificatesSuspended]
            .iter()
            .any(|kind| self.logs.iter().any(|(_, log)| log.in_force(*kind, moment).is_some()));
        goes_on
            && !suspended
            && self.accreditation.as_ref().is_some_and(|term| term.covers(moment.time()))
            && self.is_in_scope(moment)
    }

    /// Whether the scope that the accreditation had at that moment has the certificate's standards and its category.
    pub fn is_in_scope(&self, moment: Moment) -> bool {
        let held = self.accreditation.as_ref();
        held.is_some_and(|held| scope::covers(held.scope_at(moment.time()), &self.certificate))
    }

    /// MSP id of the body that answers for it: the one that issued it, or the last that took it over.
    pub fn responsible(&self, moment: Moment) -> &str {
        let last = self.adoptions.iter().rfind(|(adoption, _)| adoption.counts(moment));
        last.map_or(&self.certificate.body, |(adoption, _)| &adoption.by)
    }

    /// Everything that was done, with who did it; of a successor since it took the certificate over.
    pub fn periods(&self) -> impl Iterator<Item = (&str, &Period)> {
        let own = self.logs.iter().map(|log| (DateTime::from_seconds(i64::MIN), log));
        let taken_over =
            self.adoptions.iter().flat_map(|(adoption, logs)| logs.iter().map(|log| (adoption.at, log)));
        own.chain(taken_over).flat_map(|(since, (by, log))| {
            let counts = move |period: &&Period| period.until.is_none_or(|until| until > since);
            log.periods().iter().filter(counts).map(move |period| (by.as_str(), period))
        })
    }

    /// The first moment after `now` at which the verdict may change though nothing more is written.
    pub fn next_change_at(&self, now: DateTime) -> Option<DateTime> {
        let certificate = &self.certificate;
        let dates = [certificate.valid_from, certificate.valid_until, self.issued_at];
        let events = self.periods().flat_map(|(_, period)| [Some(period.from), period.until]);
        let at = Moment::Now(now);
        let surveillance = self.case(at, |case| [case.surveillance_due(at), case.surveillance_overdue(at)]);
        let adopted = self.adoptions.iter().map(|(adoption, _)| adoption.at);
        let events = events.flatten().chain(surveillance.into_iter().flatten()).chain(adopted);
        dates.into_iter().chain(events).filter(|moment| *moment > now).min()
    }
}
