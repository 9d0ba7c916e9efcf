//! Rounds: now and then every source is asked for its newest block, all at the same time.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use fabric::types::HeadedBlock;
use futures::{Stream, future::join_all, stream};
use rustls::pki_types::CertificateDer;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::{
    SourceError,
    asking::Asker,
    source::{Contact, Source},
};

/// Between two rounds.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);
/// How long a source may take to be reached and to answer. It is shorter than the interval, so that a silent source
/// holds up no other.
const DEADLINE: Duration = Duration::from_secs(4);

/// The answers of one round, in the order of the sources.
pub(super) struct Answers {
    pub asked_at: SystemTime,
    pub answers: Vec<Answer>,
}

pub(super) struct Answer {
    pub newest: Result<HeadedBlock, SourceError>,
    /// The source's block that came next here when it was asked; only where its newest block is a later one, whose
    /// signers may not be known here yet.
    pub next: Option<HeadedBlock>,
    /// What the source showed in the TLS handshake; empty where it was not reached.
    pub certificates: Arc<[CertificateDer<'static>]>,
}

pub(super) fn rounds(asker: Asker, sources: &[Source]) -> impl Stream<Item = Answers> + use<> {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let asked: Vec<_> =
        sources.iter().map(|source| Asked { source: source.clone(), contact: None }).collect();
    stream::unfold((asker, ticks, asked), |(asker, mut ticks, mut asked)| async move {
        ticks.tick().await;
        let asked_at = SystemTime::now();
        let answers = join_all(asked.iter_mut().map(|source| source.ask(&asker))).await;
        Some((Answers { asked_at, answers }, (asker, ticks, asked)))
    })
}

/// A source and the connection that is kept from round to round.
struct Asked {
    source: Source,
    contact: Option<Contact>,
}

impl Asked {
    async fn ask(&mut self, asker: &Asker) -> Answer {
        let deadline = Instant::now() + DEADLINE;
        let newest = timeout_at(deadline, self.newest(asker)).await.unwrap_or(Err(SourceError::Silent));
        let certificates = self.contact.as_ref().map(|contact| Arc::clone(&contact.certificates));
        let next = match &newest {
            Ok(newest) => timeout_at(deadline, self.next(newest, asker)).await.unwrap_or_default(),
            Err(_) => {
                self.contact = None;
                None
            }
        };
        Answer { newest, next, certificates: certificates.unwrap_or_default() }
    }

    async fn newest(&mut self, asker: &Asker) -> Result<HeadedBlock, SourceError> {
        let contact = match self.contact.take() {
            Some(contact) => contact,
            None => self.source.reach().await?,
        };
        let contact = self.contact.insert(contact);
        asker.newest(contact, self.source.kind()).await
    }

    async fn next(&self, newest: &HeadedBlock, asker: &Asker) -> Option<HeadedBlock> {
        let number = asker.ledger.height();
        let contact = self.contact.as_ref().filter(|_| number < newest.number())?;
        asker.block(contact, self.source.kind(), number).await.ok()
    }
}
