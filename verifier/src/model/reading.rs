//! One answer's view of the read model: a snapshot, and what may be claimed of it.

use std::collections::BTreeSet;

use bytes::Bytes;
use certificate::record::{Accreditation, Certificate, IssuerKey, RecordError, Scheme, Stop, Withdrawal};
use certificate::verdict::{Records, Verdict, verdict};
use certificate::{Code, DateTime, keys, parties};
use fabric::types::Height;
use rocksdb::{Direction, IteratorMode, ReadOptions, SnapshotWithThreadMode};

use super::savepoint::take;
use super::{ModelError, ReadModel, product, state_key};
use crate::limits;
use crate::link::DigitalLink;
use crate::standing::{AsOf, Doubt, Standing};

/// A consistent picture of the read model.
pub struct Reading<'a> {
    snapshot: SnapshotWithThreadMode<'a, rocksdb::DB>,
    as_of: AsOf,
    doubt: Option<Doubt>,
    /// The next moment at which a doubt arises by itself.
    pub(crate) turns_at: Option<DateTime>,
}

/// A certificate with everything that decides about it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub code: Code,
    pub certificate: Certificate,
    /// Where on the chain it was issued.
    pub issued: Height,
    pub stops: Vec<Stop>,
    pub withdrawals: Vec<Withdrawal>,
    pub accreditation: Accreditation,
}

impl<'a> Reading<'a> {
    pub(super) fn new(
        model: &'a ReadModel,
        standing: &Standing,
        now: DateTime,
        max_age: i64,
    ) -> Result<Self, ModelError> {
        Ok(Self {
            snapshot: model.database.snapshot(),
            as_of: standing.as_of(),
            doubt: standing.doubt(now, max_age),
            turns_at: standing.turns_at(max_age),
        })
    }

    pub fn as_of(&self) -> AsOf {
        self.as_of
    }

    pub fn doubt(&self) -> Option<&Doubt> {
        self.doubt.as_ref()
    }

    /// The certificate with this code, or `None` where the ledger has none.
    pub fn entry(&self, code: Code) -> Result<Option<Entry>, ModelError> {
        let Some((certificate, issued)) = self.record(&keys::certificate(code), Certificate::decode)? else {
            return Ok(None);
        };
        let bodies = [certificate.body.as_str(), parties::ACCREDITATION_BODY];
        let stops = bodies.map(|body| self.required(&keys::stop(code, body), Stop::decode));
        let withdrawals = bodies.map(|body| self.required(&keys::withdrawal(code, body), Withdrawal::decode));
        let accreditation = keys::accreditation(&certificate.body, &certificate.scheme_id);
        Ok(Some(Entry {
            code,
            issued,
            stops: stops.into_iter().collect::<Result<_, _>>()?,
            withdrawals: withdrawals.into_iter().collect::<Result<_, _>>()?,
            accreditation: self.required(&accreditation, Accreditation::decode)?,
            certificate,
        }))
    }

    /// The key with which a certificate was signed, by its Multikey text.
    pub fn issuer_key(&self, body: &str, key: &str) -> Result<Option<IssuerKey>, ModelError> {
        Ok(self.record(&keys::issuer_key(body, key), IssuerKey::decode)?.map(|(key, _)| key))
    }

    pub fn scheme(&self, id: &str, version: &str) -> Result<Option<Scheme>, ModelError> {
        Ok(self.record(&keys::scheme(id, version), Scheme::decode)?.map(|(scheme, _)| scheme))
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

    fn required<T>(
        &self,
        key: &str,
        decode: impl FnOnce(&Bytes) -> Result<T, RecordError>,
    ) -> Result<T, ModelError> {
        let found = self.record(key, decode)?;
        found.map(|(record, _)| record).ok_or_else(|| ModelError::Missing { key: key.to_owned() })
    }

    fn record<T>(
        &self,
        key: &str,
        decode: impl FnOnce(&Bytes) -> Result<T, RecordError>,
    ) -> Result<Option<(T, Height)>, ModelError> {
        let Some(stored) = self.snapshot.get(state_key(key))? else { return Ok(None) };
        let unreadable = |source| ModelError::Record { key: key.to_owned(), source };
        let (version, value) = split_version(Bytes::from(stored)).ok_or(unreadable(RecordError::Short))?;
        Ok(Some((decode(&value).map_err(unreadable)?, version)))
    }
}

impl Entry {
    /// Whether the certificate held at `at`, from the records as they stand in this reading.
    pub fn verdict(&self, at: DateTime) -> Verdict {
        verdict(self.records(), at)
    }

    /// The first moment after `now` at which the verdict may change though nothing more is written.
    pub fn turns_at(&self, now: DateTime) -> Option<DateTime> {
        let certificate = &self.certificate;
        let dates = [certificate.valid_from, certificate.valid_until, certificate.issued.effective_at];
        let suspensions = self.stops.iter().flat_map(|stop| &stop.suspensions);
        let accreditation = self.accreditation.suspensions.iter();
        let events = suspensions
            .flat_map(|suspension| [Some(&suspension.placed), suspension.lifted.as_ref()])
            .chain(
                accreditation.flat_map(|suspension| [Some(&suspension.placed), suspension.lifted.as_ref()]),
            )
            .chain(self.withdrawals.iter().map(|withdrawal| withdrawal.withdrawn.as_ref()));
        let effective = events.flatten().map(|event| event.effective_at);
        dates.into_iter().chain(effective).filter(|moment| *moment > now).min()
    }

    fn records(&self) -> Records<'_> {
        Records {
            certificate: &self.certificate,
            stops: &self.stops,
            withdrawals: &self.withdrawals,
            accreditation: &self.accreditation,
        }
    }
}

fn split_version(stored: Bytes) -> Option<(Height, Bytes)> {
    let mut rest: &[u8] = &stored;
    let block = u64::from_be_bytes(take(&mut rest)?);
    let tx = u64::from_be_bytes(take(&mut rest)?);
    let value = stored.slice_ref(rest);
    Some((Height::new(block, tx), value))
}
