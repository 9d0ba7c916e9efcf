//! The running channel: what every service of the node shares.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use channel::{
    Bundle,
    policy::{Policy, PolicyError, SignedData, valid_identities},
};
use fabric::{crypto::VerifiedSignatureCache, proto::common::Envelope, types::HeadedBlock};
use futures::{Stream, stream};
use msp::{IDENTITY_BYTES, SigningIdentity};
use parking_lot::Mutex;
use tokio::sync::{
    broadcast,
    mpsc::{self, error::TrySendError},
    watch,
};

use super::{
    commits::{Commits, TransactionStatus},
    ending::{self, EndSignal},
    shares::{Caller, Share, Shares},
    submission::{Answer, Queued, Submission},
};
use crate::limits;
use ledger::{CommittedBlock, Ledger, LedgerError};
use ordering::{Admitted, Filter, Refusal};

/// Envelopes that wait for the pipeline; beyond these the orderer answers SERVICE_UNAVAILABLE.
pub const QUEUED_ENVELOPES: usize = 10_000;
/// Newest blocks kept in memory, for listeners at the head of the chain.
const RECENT_BLOCKS: usize = 32;
/// Committed blocks that a lagging follower inside the process may fall behind by.
const FOLLOWER_LAG: usize = 64;

/// The orderer as clients see it: where it listens, whose it is, and its signing key.
pub struct Orderer {
    pub address: String,
    pub msp_id: String,
    pub signer: SigningIdentity,
    /// How far from its clock the timestamp of a transaction may lie, in whole seconds.
    pub time_window: Duration,
}

/// Why a channel takes no further transactions and ends its streams.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    #[error("the node is shutting down")]
    ShuttingDown,
    #[error("the node has failed and stops: {0}")]
    Failed(String),
}

/// Why the verdict on a transaction cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error(
        "it is not known whether transaction {txid} is committed: {ended}; ask again when the node is back"
    )]
    Ended { txid: String, ended: Ended },
}

/// One channel of this node.
pub struct Channel {
    ledger: Arc<Ledger>,
    bundle: ArcSwap<Bundle>,
    memo: Arc<VerifiedSignatureCache>,
    orderer: Orderer,
    /// Why the orderer takes nothing, where its ledger came from a backup and may lack later blocks.
    held: Option<String>,
    /// Taken away when the channel closes, which ends the pipeline.
    envelopes: Mutex<Option<mpsc::Sender<Submission>>>,
    /// Set once.
    ended: watch::Sender<Option<Ended>>,
    /// Places and bytes in the queue of envelopes.
    places: Arc<Shares>,
    bytes: Arc<Shares>,
    commits: Commits,
    height: watch::Sender<u64>,
    committed: broadcast::Sender<Arc<CommittedBlock>>,
    /// Owned by `publish`; readers take a copy of the handle under the lock.
    recent: Mutex<VecDeque<Arc<HeadedBlock>>>,
}

impl Channel {
    pub fn new(
        ledger: Arc<Ledger>,
        bundle: Arc<Bundle>,
        memo: Arc<VerifiedSignatureCache>,
        orderer: Orderer,
        envelopes: mpsc::Sender<Submission>,
    ) -> Self {
        let height = watch::Sender::new(ledger.height());
        Self {
            ledger,
            bundle: ArcSwap::new(bundle),
            memo,
            orderer,
            held: None,
            envelopes: Mutex::new(Some(envelopes)),
            ended: watch::Sender::new(None),
            places: Shares::new(limits::QUEUED_ENVELOPES),
            bytes: Shares::new(limits::QUEUED_BYTES),
            commits: Commits::default(),
            height,
            committed: broadcast::Sender::new(FOLLOWER_LAG),
            recent: Mutex::default(),
        }
    }

    /// The same channel whose orderer takes nothing, for this reason if there is one; everything that is there is served.
    pub fn held_for(self, reason: Option<String>) -> Self {
        Self { held: reason, ..self }
    }

    /// Why the orderer takes nothing, until the node is started again.
    pub fn held(&self) -> Option<&str> {
        self.held.as_deref()
    }

    pub fn id(&self) -> &str {
        self.ledger.channel_id()
    }

    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// The channel's configuration as of the newest committed block.
    pub fn bundle(&self) -> Arc<Bundle> {
        self.bundle.load_full()
    }

    pub fn memo(&self) -> &Arc<VerifiedSignatureCache> {
        &self.memo
    }

    pub fn orderer(&self) -> &Orderer {
        &self.orderer
    }

    /// The number of committed blocks, and word of every further one.
    pub fn height(&self) -> watch::Receiver<u64> {
        self.height.subscribe()
    }

    /// Committed blocks from now on, with the state changes they made.
    pub fn committed(&self) -> broadcast::Receiver<Arc<CommittedBlock>> {
        self.committed.subscribe()
    }

    /// Whether the signer may use `resource` of the channel named `channel`, by the channel's ACLs.
    pub fn check_acl(&self, resource: &str, channel: &str, signed: &SignedData) -> Result<(), String> {
        let bundle = self.bundle();
        if channel != bundle.channel_id() {
            return Err(format!("failed evaluating policy on signed data: channel {channel} not found"));
        }
        check(&bundle, bundle.policy_for_acl(resource), signed, &self.memo)
    }

    /// Whether the signer meets a policy of the channel, named by its path.
    pub fn check_policy(&self, policy: &str, signed: &SignedData) -> Result<(), String> {
        let bundle = self.bundle();
        check(&bundle, bundle.policies().get(policy), signed, &self.memo)
    }

    /// Whose signature this is: a valid member's of an organisation of the channel, or none.
    pub fn caller(&self, signed: &SignedData) -> Option<Caller> {
        if signed.identity.len() > IDENTITY_BYTES {
            return None;
        }
        let bundle = self.bundle();
        let identities = valid_identities(std::slice::from_ref(signed), bundle.msps(), &self.memo);
        let identity = identities.first().filter(|identity| bundle.msps().validate(identity).is_ok())?;
        Some(Caller::new(identity))
    }

    /// When the identity's certificate expires, seconds since 1970; none where it cannot be read.
    pub fn expires_at(&self, identity: &[u8]) -> Option<i64> {
        self.bundle().msps().deserialize(identity).ok().map(|identity| identity.not_after())
    }

    /// Judges an envelope by the orderer's rules under `bundle`.
    pub fn admit(&self, envelope: Envelope, bundle: &Arc<Bundle>) -> Result<Admitted, Refusal> {
        let mut nonce = [0; 24];
        getrandom::fill(&mut nonce).map_err(|error| Refusal::unavailable(error.to_string()))?;
        let (ledger, memo, signer) = (&self.ledger, &self.memo, &self.orderer.signer);
        let time_window = self.orderer.time_window.as_secs();
        Filter { bundle, ledger, memo, signer, now: now(), time_window }.admit(envelope, nonce)
    }

    /// Takes an envelope for ordering, and answers when it is in a block. That is no verdict: the verdict comes
    /// with the block's commit.
    pub async fn broadcast(&self, envelope: Envelope) -> Result<(), Refusal> {
        self.enqueue(envelope).wait().await
    }

    /// As [`Channel::broadcast`], without waiting for the answer. The envelope counts for its creator as long as
    /// it waits.
    pub fn enqueue(&self, envelope: Envelope) -> Answer {
        let bundle = self.bundle();
        let admitted = self.admit(envelope, &bundle);
        let creator = match &admitted {
            Ok(admitted) => Some(&admitted.creator),
            Err(refusal) => refusal.creator.as_ref(),
        };
        let identity = creator.and_then(|creator| bundle.msps().deserialize(creator).ok());
        let caller = identity.map(|identity| Caller::new(&identity));
        let queued = admitted.and_then(|admitted| self.queue(admitted, caller.clone()));
        Answer { caller, queued }
    }

    fn queue(&self, admitted: Admitted, caller: Option<Caller>) -> Result<Queued, Refusal> {
        if let Some(reason) = &self.held {
            return Err(Refusal::unavailable(reason.clone()));
        }
        let shares = caller.as_ref().map(|caller| self.queue_shares(caller, admitted.size())).transpose()?;
        let (submission, queued) = Submission::new(admitted, caller, shares, self.end_signal());
        let envelopes = self.envelopes.lock();
        let Some(envelopes) = envelopes.as_ref() else {
            let ended = self.ended.borrow().clone().unwrap_or(Ended::ShuttingDown);
            return Err(Refusal::unavailable(ended.to_string()));
        };
        match envelopes.try_send(submission) {
            Err(TrySendError::Full(_)) => {
                Err(Refusal::unavailable("the ordering queue is full; try again later"))
            }
            // Where the pipeline has just ended, the answer says why.
            Ok(()) | Err(TrySendError::Closed(_)) => Ok(queued),
        }
    }

    fn queue_shares(&self, caller: &Caller, size: usize) -> Result<(Share, Share), Refusal> {
        let full =
            || Refusal::unavailable("too many envelopes of this creator wait to be ordered; try again later");
        let place = self.places.take(caller, 1).ok_or_else(full)?;
        Ok((place, self.bytes.take(caller, size).ok_or_else(full)?))
    }

    /// Takes no further envelopes; the pipeline ends after those it has.
    pub fn close(&self) {
        self.envelopes.lock().take();
    }

    /// Takes no further envelopes, and answers everybody who waits: there will be no further block. The first reason
    /// stays.
    pub fn end(&self, reason: Ended) {
        self.close();
        self.ended.send_if_modified(|ended| {
            let is_first = ended.is_none();
            ended.get_or_insert(reason);
            is_first
        });
    }

    /// Why the channel has ended; `None` as long as it has not.
    pub fn end_signal(&self) -> EndSignal {
        self.ended.subscribe()
    }

    /// Waits until the channel ends.
    pub fn ended(&self) -> impl Future<Output = Ended> + Send + use<> {
        ending::ended(self.end_signal())
    }

    /// The verdict on a transaction, at once or as soon as it commits.
    pub async fn transaction_status(&self, txid: &str) -> Result<TransactionStatus, StatusError> {
        let verdict = self.commits.wait_for(txid);
        if let Some(location) = self.ledger.transaction(txid)? {
            return Ok(TransactionStatus { code: location.code, block: location.block });
        }
        let ended = tokio::select! {
            biased;
            Some(status) = verdict.verdict() => return Ok(status),
            ended = self.ended() => ended,
        };
        Err(StatusError::Ended { txid: txid.to_owned(), ended })
    }

    /// All blocks from number `start` on, without end: past the newest one it waits for the next.
    pub fn blocks_from(
        self: &Arc<Self>,
        start: u64,
    ) -> impl Stream<Item = Result<Arc<HeadedBlock>, LedgerError>> + Send + use<> {
        let cursor = (self.clone(), self.height(), start);
        stream::try_unfold(cursor, |(channel, mut height, number)| async move {
            if height.wait_for(|height| *height > number).await.is_err() {
                return Ok(None);
            }
            let block = channel.block(number)?;
            Ok(block.map(|block| (block, (channel, height, number + 1))))
        })
    }

    /// Makes a committed block known to everybody who waits for it.
    pub fn publish(&self, committed: Arc<CommittedBlock>, new_bundle: Option<Arc<Bundle>>) {
        // The tests of durability look for the sync before it.
        tracing::trace!(target: durable::TARGET, operation = "acknowledge", block = committed.number);
        if let Some(bundle) = new_bundle {
            self.bundle.store(bundle);
        }
        self.remember(Arc::new(committed.block.clone()));
        self.height.send_replace(committed.number + 1);
        for (transaction, code) in committed.transactions.iter().zip(&committed.codes) {
            let status = TransactionStatus { code: *code, block: committed.number };
            self.commits.announce(&transaction.txid, status);
        }
        // No receiver is no error: a node may run without a verifier.
        let _ = self.committed.send(committed);
    }

    pub(super) fn block(&self, number: u64) -> Result<Option<Arc<HeadedBlock>>, LedgerError> {
        let is_wanted = |block: &&Arc<HeadedBlock>| block.number() == number;
        let recent = self.recent.lock().iter().rev().find(is_wanted).cloned();
        match recent {
            Some(block) => Ok(Some(block)),
            None => Ok(self.ledger.block(number)?.map(Arc::new)),
        }
    }

    fn remember(&self, block: Arc<HeadedBlock>) {
        let mut recent = self.recent.lock();
        if recent.len() == RECENT_BLOCKS {
            recent.pop_front();
        }
        recent.push_back(block);
    }
}

fn check(
    bundle: &Bundle,
    policy: Result<&Arc<Policy>, PolicyError>,
    signed: &SignedData,
    memo: &VerifiedSignatureCache,
) -> Result<(), String> {
    if signed.identity.len() > IDENTITY_BYTES {
        return Err(format!("the identity exceeds the maximum of {IDENTITY_BYTES} bytes"));
    }
    let identities = valid_identities(std::slice::from_ref(signed), bundle.msps(), memo);
    let verdict = policy.and_then(|policy| policy.evaluate(&identities, bundle.msps()));
    verdict.map_err(|error| error.to_string())
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs() as i64)
}
