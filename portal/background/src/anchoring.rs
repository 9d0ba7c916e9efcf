//! Where the audit log stands, on the ledger: whoever takes over the portal and its database cannot change what was anchored
//! unseen. A ledger that does not answer stops nothing here: it is tried again.

use std::{sync::Arc, time::Duration};

use accounts::{
    Database,
    audit::{self, Entry, Stand, Transaction, Verdict},
    now,
};
use desk::{Anchor, Away, Organisation, Organisations};
use peer_client::certificate::CallError;
use tokio::time::{sleep, timeout};

/// The log's name on the ledger, among those of its organisation.
pub const LOG: &str = "portal";
/// Time until the audit log is anchored for the first time, or again where that failed.
const FIRST: Duration = Duration::from_secs(60);
/// Time from one anchor to the next.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// The action of entries that tell of an anchor; where there are only such ones since the last, none is due.
const ACTION: &str = "audit.anchor";

/// Why the log could not be anchored.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    #[error("the audit log: {0}")]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Away(#[from] Away),
    #[error("entry {0} of the audit log does not follow from the one before: the log was changed")]
    Broken(i64),
    #[error(
        "the ledger has an anchor of the audit log with {0} entries which are not the first {0} of this log: the log was cut \
         off or written anew, or this is another database"
    )]
    Another(i64),
    #[error(
        "no identity that the portal was given may anchor: it takes a service, an auditor or an administrator"
    )]
    Nobody,
}

/// Anchors the log of a database.
pub struct Anchoring {
    database: Database,
    organisations: Arc<Organisations>,
}

impl Anchoring {
    pub fn new(database: Database, organisations: Arc<Organisations>) -> Self {
        Self { database, organisations }
    }

    /// Anchors every hour, for as long as it is polled; sooner again where that failed.
    pub async fn run(&self) {
        let mut pause = FIRST;
        loop {
            sleep(pause).await;
            pause = match self.once().await {
                Ok(()) => EVERY,
                Err(error) => {
                    tracing::warn!(%error, "the audit log was not anchored on the ledger; it is tried again");
                    pause.saturating_mul(2).clamp(FIRST, EVERY)
                }
            };
        }
    }

    /// A last time, when the portal stops, which waits for it no longer than this.
    pub async fn finish(&self, within: Duration) {
        match timeout(within, self.once()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the audit log was not anchored before the end"),
            Err(_) => {
                tracing::warn!("the audit log was not anchored before the end: the ledger takes too long")
            }
        }
    }

    /// By the first organisation whose identity may.
    async fn once(&self) -> Result<(), AnchorError> {
        for organisation in self.organisations.iter() {
            match self.by(organisation).await {
                Err(AnchorError::Away(Away::Call(CallError::Refused { status: 403, .. }))) => {}
                done => return done,
            }
        }
        if self.organisations.is_empty() { Ok(()) } else { Err(AnchorError::Nobody) }
    }

    async fn by(&self, organisation: &Organisation) -> Result<(), AnchorError> {
        let newest = organisation.newest_anchor(LOG).await?.as_ref().map(stand);
        let due = match &newest {
            Some(newest) => audit::has_more(&self.database, newest.entries, ACTION).await?,
            None => true,
        };
        // What does not follow from the last anchor is not anchored: the newest anchor stays that of the true log.
        let stand = match audit::verify(&self.database, newest.as_slice()).await? {
            Verdict::Intact(stand) => stand,
            Verdict::Broken { seq } => return Err(AnchorError::Broken(seq)),
            Verdict::Another(stand) => return Err(AnchorError::Another(stand.entries)),
        };
        let Some(count) = u64::try_from(stand.entries).ok().filter(|count| due && *count > 0) else {
            return Ok(());
        };
        let committed = organisation.anchor(LOG, &stand.hash, count).await?;
        let entry = Entry {
            at: now(),
            party: organisation.msp_id.clone(),
            actor: "portal".to_owned(),
            action: ACTION,
            object: format!("{count} entries"),
            result: "on the ledger",
            transaction: Some(Transaction::valid(committed.transaction_id, Some(committed.block))),
            ..Entry::default()
        };
        let mut change = self.database.change().await?;
        change.record(&entry).await?;
        Ok(change.commit().await?)
    }
}

/// What the ledger has of the log. No log has more entries than this number can say.
pub fn stand(anchor: &Anchor) -> Stand {
    Stand { entries: i64::try_from(anchor.count).unwrap_or(i64::MAX), hash: anchor.head.clone() }
}
