//! The read model that answers are given from: it can be closed and opened anew while the server runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use certificate::DateTime;
use ledger::Ledger;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use crate::model::{Channel, ModelError, ReadModel};
use crate::sync_status::{AsOf, Doubt, Head, SyncStatus};

/// Between two looks whether the last answer from a read model that is to be closed has been given. An answer takes
/// less than a millisecond.
const CLOSING: Duration = Duration::from_millis(5);

/// What heals a read model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cure {
    /// The read model is whole; the same again may succeed.
    Retry,
    /// After a failed write RocksDB takes no others until it is opened anew.
    Reopen,
    /// What it holds cannot be read; the ledger has it.
    Rebuild,
}

/// Why the read model is not at the end of the ledger.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    pub reason: String,
    pub cure: Cure,
}

impl From<ModelError> for Trouble {
    fn from(error: ModelError) -> Self {
        Self { cure: cure(&error), reason: error.to_string() }
    }
}

/// A source of blocks as it answered last, for operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceReport {
    /// `host:port`.
    pub name: String,
    /// MSP id of the organisation whose TLS authority issued the certificate that it showed.
    pub organisation: Option<String>,
    /// Blocks that it says the chain has.
    pub height: Option<u64>,
    /// Why it confirms nothing; `None` where it confirms the newest block.
    pub trouble: Option<String>,
}

/// A read model and what is known of its place on the chain.
pub struct ServedModel {
    directory: PathBuf,
    channel: Channel,
    /// `None` while it is closed.
    model: RwLock<Option<Arc<ReadModel>>>,
    sync_status: Arc<Mutex<SyncStatus>>,
    /// What an answer found to be unreadable, for the feed.
    damage: Mutex<Option<Trouble>>,
    damaged: Notify,
    sources: RwLock<Vec<SourceReport>>,
}

impl ServedModel {
    /// Opens or creates the read model in `directory`. One that is damaged is begun anew: the ledger has
    /// everything. Call [`ReadModel::catch_up`] before anybody is answered.
    pub fn open(directory: &Path, channel: Channel) -> Result<Self, ModelError> {
        let sync_status = Arc::default();
        let open = || ReadModel::open_with(directory, channel.clone(), Arc::clone(&sync_status));
        let model = match open() {
            Err(error) if cure(&error) == Cure::Rebuild => {
                tracing::warn!(%error, "the read model is built anew from the ledger");
                ReadModel::destroy(directory)?;
                open()?
            }
            opened => opened?,
        };
        Ok(Self::new(Arc::new(model)))
    }

    /// Serves a read model that is open.
    pub fn new(model: Arc<ReadModel>) -> Self {
        Self {
            directory: model.directory().to_owned(),
            channel: model.channel().clone(),
            sync_status: model.sync_status(),
            model: RwLock::new(Some(model)),
            damage: Mutex::default(),
            damaged: Notify::new(),
            sources: RwLock::default(),
        }
    }

    /// Goes on without blocks that the ledger has lost; see [`ReadModel::accept_loss`].
    pub fn accept_loss(&self, from: u64) -> Result<(), ModelError> {
        self.model().map_or(Ok(()), |model| model.accept_loss(from))
    }

    /// Refuses a ledger that has fewer blocks than answers were given from.
    pub fn check(&self, ledger: &Ledger) -> Result<(), ModelError> {
        self.model().map_or(Ok(()), |model| model.check(ledger))
    }

    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// The read model for one answer; `None` while it is opened anew. Do not keep it: it is closed only when no answer
    /// holds it.
    pub fn model(&self) -> Option<Arc<ReadModel>> {
        self.model.read().clone()
    }

    /// As of which block answers are given.
    pub fn as_of(&self) -> AsOf {
        self.sync_status.lock().as_of()
    }

    /// Why answers at `now` must be "cannot tell"; see [`Doubt`].
    pub fn doubt(&self, now: DateTime, max_age: i64) -> Option<Doubt> {
        self.sync_status.lock().doubt(now, max_age)
    }

    /// Takes in what the sources of blocks say about the end of the chain; see [`ReadModel::confirm`].
    pub fn confirm(&self, head: Head) {
        match self.model() {
            Some(model) => model.confirm(head),
            None => self.sync_status.lock().confirm(head),
        }
    }

    /// Says whether new blocks can come in. While they cannot, every answer is "cannot tell".
    pub fn set_following(&self, following: bool) {
        self.sync_status.lock().set_following(following);
    }

    /// How many sources confirm the newest block, and how many have to. While they are too few, every answer is
    /// "cannot tell".
    pub fn set_quorum(&self, confirming: usize, required: usize) {
        self.sync_status.lock().set_too_few((confirming < required).then_some((confirming, required)));
    }

    /// Takes in how each source answered, for operators.
    pub fn report_sources(&self, sources: Vec<SourceReport>) {
        for source in &sources {
            let name = source.name.clone();
            let confirms = f64::from(u8::from(source.trouble.is_none()));
            metrics::gauge!("verifier_source_confirms", "source" => name.clone()).set(confirms);
            if let Some(height) = source.height {
                metrics::gauge!("verifier_source_height", "source" => name).set(height as f64);
            }
        }
        *self.sources.write() = sources;
    }

    pub(crate) fn sources(&self) -> Vec<SourceReport> {
        self.sources.read().clone()
    }

    /// An answer could not read the read model.
    pub(crate) fn report(&self, error: &ModelError) {
        let cure = cure(error);
        if cure > Cure::Retry {
            *self.damage.lock() = Some(Trouble { reason: error.to_string(), cure });
            self.damaged.notify_one();
        }
    }

    /// Waits until an answer finds something that it cannot read.
    pub(crate) async fn damage(&self) -> Trouble {
        loop {
            if let Some(trouble) = self.damage.lock().take() {
                return trouble;
            }
            self.damaged.notified().await;
        }
    }

    /// From now on answers are "cannot tell".
    pub(crate) fn fail(&self) {
        self.sync_status.lock().fail();
    }

    /// From now on answers are given from `model`, which is at the end of the ledger.
    pub(crate) fn serve(&self, model: Arc<ReadModel>) {
        // The model's own lock comes before that of the sync_status, as where a block is applied.
        let height = model.height();
        let mut served = self.model.write();
        let mut sync_status = self.sync_status.lock();
        sync_status.advance(height);
        sync_status.set_closed(false);
        *served = Some(model);
    }

    /// Closes the read model, when the last answer from it has been given, and opens it as it lies on disk, or an
    /// empty one in its place. It is not served yet.
    pub(crate) async fn open_anew(&self, empty: bool) -> Result<Arc<ReadModel>, ModelError> {
        self.close().await;
        if empty {
            ReadModel::destroy(&self.directory)?;
        }
        let sync_status = Arc::clone(&self.sync_status);
        let model = ReadModel::open_with(&self.directory, self.channel.clone(), sync_status)?;
        *self.damage.lock() = None;
        Ok(Arc::new(model))
    }

    async fn close(&self) {
        let taken = {
            let mut served = self.model.write();
            self.sync_status.lock().set_closed(true);
            served.take()
        };
        let Some(mut held) = taken else { return };
        while let Err(still_held) = Arc::try_unwrap(held).map(drop) {
            held = still_held;
            tokio::time::sleep(CLOSING).await;
        }
    }
}

fn cure(error: &ModelError) -> Cure {
    match error {
        ModelError::Savepoint => Cure::Rebuild,
        ModelError::Database(error) if error.kind() == rocksdb::ErrorKind::Corruption => Cure::Rebuild,
        ModelError::Database(_)
        | ModelError::InUse { .. }
        | ModelError::OtherChannel { .. }
        | ModelError::Format { .. }
        | ModelError::Directory { .. }
        | ModelError::Policy(_) => Cure::Reopen,
        ModelError::WrongNumber { .. }
        | ModelError::OtherChain { .. }
        | ModelError::LedgerShorter { .. }
        | ModelError::Config { .. }
        | ModelError::Certificate { .. }
        | ModelError::Record { .. }
        | ModelError::Ledger(_) => Cure::Retry,
    }
}
