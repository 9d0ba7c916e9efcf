//! What one organisation has ever done to a certificate or an accreditation, each event with the time from which it
//! counts.
//!
//! A record holds what its owner says today; a dishonest owner can write it again without an event, or with other
//! dates. The log keeps what was seen: it is fed with every value that the record ever had, in the order of the
//! ledger, and a later value neither removes nor redates what an earlier one showed.

use bytes::Bytes;

use crate::code::Code;
use crate::date_time::DateTime;
use crate::ledger_time::LedgerTime;
use crate::record::codec::{Field, Input, decode, encode, since};
use crate::record::{
    Accreditation, Activity, Compromise, Effect, Event, RecordError, Stop, Superseded, Surveillance,
    Withdrawal,
};

const VERSION: u8 = 4;

/// Periods of one kind in a log. The contract allows fewer suspensions; past this many, which only a dishonest owner
/// reaches, the last one stays open.
pub const MAXIMUM_PERIODS: usize = 128;

/// Periods of which the reasons are kept: a log is read for every scan.
const PERIODS_WITH_REASONS: usize = 16;

/// What was done to one record, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventLog {
    periods: Vec<Period>,
}

/// Something that holds from one moment to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Period {
    pub kind: Kind,
    /// The event that began it, as the record showed it; `None` for an unreadable record.
    pub began: Option<Event>,
    /// From when it counts.
    pub from: DateTime,
    /// The event that ended it; `None` also where the owner struck the beginning out of its record.
    pub ended: Option<Event>,
    /// The first moment at which it no longer counts.
    pub until: Option<DateTime>,
    /// The certificate that stands in the place of a superseded one.
    pub successor: Option<Code>,
    /// Of a compromise: it is about certificates whose issue counts from then on.
    pub compromised_from: Option<DateTime>,
    /// Of a surveillance: when the next one is due.
    pub due: Option<DateTime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Of a certificate.
    Suspended,
    /// Of a certificate; never ends.
    Withdrawn,
    /// Of a certificate, by another; never ends.
    Superseded,
    /// Of an accreditation.
    NewGrantsSuspended,
    /// Of an accreditation, with all certificates that rest on it.
    AllCertificatesSuspended,
    /// Of an issuer key; never ends.
    Compromised,
    /// Of a certificate: it was done.
    Surveillance,
    /// Of a certificate: the next is due on another day.
    SurveillancePlanned,
    /// The record could not be read: deleted, or written past the contract.
    Unreadable,
}

/// One stop as a value of a record shows it.
struct Shown {
    kind: Kind,
    began: Event,
    ended: Option<Event>,
    successor: Option<Code>,
    compromised_from: Option<DateTime>,
    due: Option<DateTime>,
}

/// When a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// What is on the ledger counts, also a stop that a fast clock dated some minutes ahead.
    Now(DateTime),
    /// A past moment: what counted then.
    At(DateTime),
}

impl Moment {
    pub fn time(self) -> DateTime {
        match self {
            Moment::Now(time) | Moment::At(time) => time,
        }
    }
}

impl EventLog {
    /// Takes in the next value of a stop record; `None` is a deletion. Whether anything changed.
    pub fn see_stop(&mut self, value: Option<&Bytes>, owner: &str, time: LedgerTime) -> bool {
        let shown = readable(value, |value| Stop::decode(value, owner)).map(|stop| {
            let suspensions = stop.suspensions.into_iter();
            suspensions.map(|it| Shown::new(Kind::Suspended, it.placed, it.lifted)).collect()
        });
        self.see(shown, time)
    }

    pub fn see_withdrawal(&mut self, value: Option<&Bytes>, owner: &str, time: LedgerTime) -> bool {
        let shown = readable(value, |value| Withdrawal::decode(value, owner)).map(|withdrawal| {
            let withdrawn = withdrawal.withdrawn.into_iter();
            withdrawn.map(|began| Shown::new(Kind::Withdrawn, began, None)).collect()
        });
        self.see(shown, time)
    }

    pub fn see_superseded(&mut self, value: Option<&Bytes>, time: LedgerTime) -> bool {
        let shown = readable(value, Superseded::decode).map(|record| {
            let shown = Shown::new(Kind::Superseded, record.event, None);
            vec![Shown { successor: Some(record.superseded_by), ..shown }]
        });
        self.see(shown, time)
    }

    pub fn see_compromise(&mut self, value: Option<&Bytes>, owner: &str, time: LedgerTime) -> bool {
        let shown = readable(value, |value| Compromise::decode(value, owner)).map(|compromise| {
            let shown = compromise.declared.into_iter().map(|declared| Shown {
                compromised_from: Some(declared.compromised_from),
                ..Shown::new(Kind::Compromised, declared.event, None)
            });
            shown.collect()
        });
        self.see(shown, time)
    }

    pub fn see_surveillance(&mut self, value: Option<&Bytes>, time: LedgerTime) -> bool {
        let shown = readable(value, Surveillance::decode).map(|record| {
            let activities = record.activities.into_iter();
            let kind = |activity: &Activity| match activity.conclusion {
                Some(_) => Kind::Surveillance,
                None => Kind::SurveillancePlanned,
            };
            let shown = activities.map(|activity| Shown {
                due: activity.due,
                ..Shown::new(kind(&activity), activity.event, None)
            });
            shown.collect()
        });
        self.see(shown, time)
    }

    pub fn see_accreditation(&mut self, value: Option<&Bytes>, owner: &str, time: LedgerTime) -> bool {
        let shown = readable(value, |value| Accreditation::decode(value, owner)).map(|accreditation| {
            let suspensions = accreditation.suspensions.into_iter();
            suspensions.map(|it| Shown::new(it.effect.into(), it.placed, it.lifted)).collect()
        });
        self.see(shown, time)
    }

    pub fn periods(&self) -> &[Period] {
        &self.periods
    }

    pub fn is_empty(&self) -> bool {
        self.periods.is_empty()
    }

    /// The first period of a kind that counts at that moment.
    pub fn in_force(&self, kind: Kind, moment: Moment) -> Option<&Period> {
        self.periods.iter().find(|period| period.kind == kind && period.in_force(moment))
    }

    /// The first declaration that counts at that moment and is about a certificate whose issue counts from `issued`.
    pub fn compromised(&self, issued: DateTime, moment: Moment) -> Option<&Period> {
        let concerns = |period: &&Period| period.compromised_from.is_some_and(|from| from <= issued);
        self.periods.iter().filter(concerns).find(|period| period.in_force(moment))
    }

    /// The newest surveillance that counts at that moment, done or planned: it says when the next one is due, if there is one.
    pub fn surveillance(&self, moment: Moment) -> Option<&Period> {
        let mut activities = self.periods.iter().filter(|period| period.kind.is_surveillance()).rev();
        activities.find(|period| period.in_force(moment))
    }

    fn see(&mut self, shown: Option<Vec<Shown>>, time: LedgerTime) -> bool {
        let before = self.periods.clone();
        match shown {
            // What stood before it became unreadable goes on to stand.
            None => self.see_unreadable(time),
            Some(shown) => {
                self.close_absent(&shown, time);
                for shown in shown {
                    self.see_one(shown, time);
                }
            }
        }
        self.periods != before
    }

    fn see_unreadable(&mut self, time: LedgerTime) {
        let is_open = |period: &Period| period.kind == Kind::Unreadable && period.until.is_none();
        if !self.periods.iter().any(is_open) {
            self.open(Period::new(Kind::Unreadable, None, at_once(time)));
        }
    }

    /// Ends what the record no longer shows.
    fn close_absent(&mut self, shown: &[Shown], time: LedgerTime) {
        let stands = |period: &Period| shown.iter().any(|shown| period.is(shown));
        let open = self.periods.iter().enumerate().filter(|(_, period)| period.until.is_none());
        let absent: Vec<usize> = open.filter(|(_, period)| !stands(period)).map(|(index, _)| index).collect();
        for index in absent {
            self.close(index, None, at_once(time));
        }
    }

    fn see_one(&mut self, shown: Shown, time: LedgerTime) {
        let known = self.periods.iter().rposition(|period| period.is(&shown));
        let known = known.filter(|index| {
            // A beginning that is shown without its end again has begun anew.
            shown.ended.is_some() || self.periods.get(*index).is_some_and(|period| period.until.is_none())
        });
        let Shown { kind, began, ended, successor, compromised_from, due } = shown;
        let claimed = began.effective_at;
        // What lets a certificate hold on counts as a grant does.
        let from = if kind == Kind::Surveillance { time.of_grant(claimed) } else { time.of_stop(claimed) };
        let period = Period { successor, compromised_from, due, ..Period::new(kind, Some(began), from) };
        let index = known.or_else(|| self.open(period));
        if let (Some(index), Some(ended)) = (index, ended) {
            let until = time.of_grant(ended.effective_at);
            self.close(index, Some(ended), until);
        }
    }

    /// The place of the new period; `None` where there are too many, of which the last stays open.
    fn open(&mut self, mut period: Period) -> Option<usize> {
        let of_kind = self.periods.iter().filter(|other| other.kind == period.kind).count();
        if of_kind >= MAXIMUM_PERIODS {
            return None;
        }
        let index = self.periods.len();
        period.began = period.began.map(|event| kept(event, index));
        self.periods.push(period);
        Some(index)
    }

    fn close(&mut self, index: usize, ended: Option<Event>, until: DateTime) {
        let Some(kind) = self.periods.get(index).map(|period| period.kind) else { return };
        let earlier = self.periods.iter().take(index).filter(|period| period.kind == kind).count();
        let is_final = matches!(kind, Kind::Withdrawn | Kind::Superseded | Kind::Compromised);
        let stays = is_final || earlier + 1 >= MAXIMUM_PERIODS;
        if let Some(period) = self.periods.get_mut(index).filter(|period| period.until.is_none() && !stays) {
            period.ended = ended.map(|event| kept(event, index));
            period.until = Some(until);
        }
    }

    pub fn encode(&self) -> Vec<u8> {
        encode(VERSION, |out| self.periods.write(out))
    }

    pub fn decode(log: &Bytes) -> Result<EventLog, RecordError> {
        decode(log, VERSION, |input| Ok(EventLog { periods: Field::read(input)? }))
    }
}

impl Period {
    fn new(kind: Kind, began: Option<Event>, from: DateTime) -> Period {
        Period {
            kind,
            began,
            from,
            ended: None,
            until: None,
            successor: None,
            compromised_from: None,
            due: None,
        }
    }

    /// Half-open: in force from the second it began to the second before it ended.
    pub fn in_force(&self, moment: Moment) -> bool {
        let has_begun = match moment {
            Moment::Now(_) => true,
            Moment::At(at) => self.from <= at,
        };
        has_begun && self.until.is_none_or(|until| moment.time() < until)
    }

    /// The same event, whatever reason the record gives for it by now.
    fn is(&self, shown: &Shown) -> bool {
        let same = |began: &Event| {
            began.effective_at == shown.began.effective_at
                && began.transaction_id == shown.began.transaction_id
        };
        self.kind == shown.kind && self.began.as_ref().is_some_and(same)
    }
}

impl Shown {
    fn new(kind: Kind, began: Event, ended: Option<Event>) -> Shown {
        Shown { kind, began, ended, successor: None, compromised_from: None, due: None }
    }
}

impl Kind {
    fn is_surveillance(self) -> bool {
        matches!(self, Kind::Surveillance | Kind::SurveillancePlanned)
    }
}

impl From<Effect> for Kind {
    fn from(effect: Effect) -> Kind {
        match effect {
            Effect::NewGrants => Kind::NewGrantsSuspended,
            Effect::AllCertificates => Kind::AllCertificatesSuspended,
        }
    }
}

fn kept(event: Event, index: usize) -> Event {
    if index < PERIODS_WITH_REASONS { event } else { Event { reason: String::new(), ..event } }
}

/// For what no claim dates: the block's own time.
fn at_once(time: LedgerTime) -> DateTime {
    time.0.unwrap_or(DateTime::from_seconds(i64::MIN))
}

fn readable<T>(value: Option<&Bytes>, decode: impl FnOnce(&Bytes) -> Result<T, RecordError>) -> Option<T> {
    value.and_then(|value| decode(value).ok())
}

impl Field for Period {
    fn write(&self, out: &mut Vec<u8>) {
        self.kind.write(out);
        self.began.write(out);
        self.from.write(out);
        self.ended.write(out);
        self.until.write(out);
        self.successor.write(out);
        self.compromised_from.write(out);
        self.due.write(out);
    }

    fn read(input: &mut Input) -> Result<Period, RecordError> {
        Ok(Period {
            kind: Field::read(input)?,
            began: Field::read(input)?,
            from: Field::read(input)?,
            ended: Field::read(input)?,
            until: Field::read(input)?,
            successor: since(2, input, None, Field::read)?,
            compromised_from: since(3, input, None, Field::read)?,
            due: since(4, input, None, Field::read)?,
        })
    }
}

impl Field for Kind {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Kind::Suspended => 1,
            Kind::Withdrawn => 2,
            Kind::NewGrantsSuspended => 3,
            Kind::AllCertificatesSuspended => 4,
            Kind::Unreadable => 5,
            Kind::Superseded => 6,
            Kind::Compromised => 7,
            Kind::Surveillance => 8,
            Kind::SurveillancePlanned => 9,
        });
    }

    fn read(input: &mut Input) -> Result<Kind, RecordError> {
        match u8::read(input)? {
            1 => Ok(Kind::Suspended),
            2 => Ok(Kind::Withdrawn),
            3 => Ok(Kind::NewGrantsSuspended),
            4 => Ok(Kind::AllCertificatesSuspended),
            5 => Ok(Kind::Unreadable),
            6 => Ok(Kind::Superseded),
            7 => Ok(Kind::Compromised),
            8 => Ok(Kind::Surveillance),
            9 => Ok(Kind::SurveillancePlanned),
            _ => Err(RecordError::Content),
        }
    }
}
