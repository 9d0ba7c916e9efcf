//! Follows a channel that others order: takes blocks from the Deliver services of peers and orderers, validates every
//! one anew, and keeps a ledger of its own.
//!
//! No source is trusted: number, hashes and orderer signatures of a block are checked under the configuration as of the
//! previous block, every transaction is validated, and the verdicts that a peer wrote beside its blocks are not read.
//! All that must be trusted is the genesis block.
//!
//! What a source can do is to withhold blocks. So in rounds all sources are asked for their newest block at the same
//! time. The chain ends where the highest of them says, and blocks are taken from a source that has them. A source that
//! does not know a block which was known two rounds before confirms nothing.
//!
//! Where the channel's orderers have changed since our newest block, we cannot check who signed the newest block of a
//! source. Such a source shows the block that comes next here, which we can check: so the chain goes on, and the next
//! block is taken from it. The configuration that comes with those blocks proves the rest.
//!
//! # What holds here
//! - The tests of `tests/tests/follower.rs` are a verifier with sources that withhold, lie or are silent, among them
//!   `a_source_that_withholds_a_stop_is_found_out` and `a_source_that_lies_or_is_silent_is_named_and_holds_up_nobody`.
//! - A follower goes back behind nothing that it answered (test
//!   `a_follower_goes_back_behind_nothing_that_it_answered_however_often_it_is_killed`).
//! - It links no endorser and no orderer (test `a_verifier_links_no_endorser_and_no_orderer`).

mod asking;
mod clock;
mod download;
mod end;
pub mod import;
pub mod replay;
mod rounds;
mod source;

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::SystemTime};

use fabric::{
    crypto::{SigningError, VerifiedSignatureCache},
    types::{HeadedBlock, block::NotABlock},
};
use futures::StreamExt;
use msp::SigningIdentity;
use tonic::Status;

use asking::Asker;
use download::Download;
use end::End;
use ledger::{CommittedBlock, Ledger, LedgerError};
use rounds::{Answer, Answers, rounds};
pub use source::{Source, SourceKind, tls};
use validation::{BlockRejected, Committer, Halt, NoConfig, NotCommitted};

/// What a follower learns.
pub enum FollowerEvent<'a> {
    /// A block was validated and committed.
    Committed(&'a Arc<CommittedBlock>),
    /// All sources were asked for their newest block.
    Round(&'a Round),
    /// Blocks are taken from another source from now on.
    Left(&'a Source, &'a SourceError),
}

/// What all sources together say of the end of the chain.
#[derive(Debug)]
pub struct Round {
    /// When they were asked, by this machine's clock.
    pub asked_at: SystemTime,
    /// Blocks that the chain has: the most that a source says, or was known before. Not all of them need to be here.
    pub height: u64,
    /// A source showed that the chain goes on, and no source can prove how far: nothing is confirmed.
    pub is_open: bool,
    /// In the order of the sources.
    pub reports: Vec<Report>,
}

/// What one source says.
#[derive(Debug)]
pub struct Report {
    /// `host:port`.
    pub source: String,
    /// MSP id of the organisation whose TLS authority issued the source's certificate.
    pub organisation: Option<String>,
    /// Blocks that the chain has by the source, which has proved it.
    pub claim: Result<u64, SourceError>,
}

/// Why a channel cannot be followed any further, from any source.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    #[error(transparent)]
    Config(#[from] NoConfig),
    #[error("the channel halts: {0}")]
    Halt(#[from] Halt),
    #[error("the ledger failed: {0}")]
    Ledger(#[from] LedgerError),
    #[error("no source of blocks was given")]
    NoSource,
}

/// Why a source confirms nothing, or is left for another one.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    #[error("cannot reach it: {0}")]
    Connect(String),
    #[error("its TLS certificate is not signed by an authority that is trusted")]
    Untrusted,
    #[error(
        "its TLS certificate is valid only {bound}, and this machine's clock says {now}: one of them is wrong"
    )]
    CertificateTime { bound: String, now: String },
    #[error("it broke off: {0}")]
    Broken(#[from] Status),
    #[error("it closed its stream")]
    Closed,
    #[error("the identity may not read the channel (FORBIDDEN)")]
    Forbidden,
    #[error(
        "it refuses requests because the clocks differ: this machine's says {ours}, its own {theirs}; set the wrong one"
    )]
    Clock { ours: String, theirs: String },
    #[error(
        "it refuses the request (BAD_REQUEST), as Fabric does when the clocks are more than 15 minutes apart: this \
         machine's says {ours}, that of the client of the newest transaction here said {newest}"
    )]
    BadRequest { ours: String, newest: String },
    #[error("it refused to deliver: {0}")]
    Refused(&'static str),
    #[error("it delivered no block: {0}")]
    NotABlock(#[from] NotABlock),
    #[error("it delivered a block that is refused: {0}")]
    Rejected(BlockRejected),
    #[error(
        "its block {0} is not the one that follows from the blocks before, and the orderers have not signed it"
    )]
    OtherChain(u64),
    #[error(
        "its block {0} is not ours, and the orderers have signed both: they have forked the chain. Where the orderer was \
         restored from a backup, its operator has given up the blocks that followed it, and some of those are here. Nothing \
         is taken of the other course, and nothing here is changed: keep this ledger, whose blocks can still put the \
         chain back, and ask the operator. To follow the other course, begin in an empty data directory (docs/recovery.md, \
         \"After a restore\")"
    )]
    Forked(u64),
    #[error("its newest block {newest} cannot be checked before the blocks up to it are here")]
    Unproven {
        newest: u64,
        /// Blocks that the chain has at least, as the source showed by the last of them.
        shown: u64,
    },
    #[error("it is behind: its newest block is {newest}, and block {known} is known")]
    Behind { newest: u64, known: u64 },
    #[error("it does not deliver block {missing}, which exists")]
    Stalled { missing: u64 },
    #[error("it did not say in time what its newest block is")]
    Silent,
    #[error("no randomness from the operating system: {0}")]
    Randomness(#[from] getrandom::Error),
    #[error(transparent)]
    Signing(#[from] SigningError),
    #[error(transparent)]
    Fatal(#[from] FollowError),
}

/// Follows one channel with one identity, which must be allowed to read it.
pub struct Follower {
    asker: Asker,
    committer: Committer,
    sources: Vec<Source>,
    download: Download,
    end: End,
    /// Sources whose chain leaves ours, by their place, and the last block that is not ours. What they claim beyond it confirms
    /// nothing.
    forked: BTreeMap<usize, u64>,
}

impl Follower {
    /// Goes on where `ledger` ends. The chain is known to have at least `known` blocks; 0 where nothing is known.
    pub fn new(
        ledger: Arc<Ledger>,
        identity: Arc<SigningIdentity>,
        sources: Vec<Source>,
        known: u64,
    ) -> Result<Self, FollowError> {
        if sources.is_empty() {
            return Err(FollowError::NoSource);
        }
        // Nothing that this process signed comes back to it, so there is nothing to remember.
        let committer = Committer::open(Arc::clone(&ledger), VerifiedSignatureCache::disabled())?;
        let asker = Asker { ledger: Arc::clone(&ledger), identity };
        let download = Download::new(sources.len());
        let end = End::new(known.max(ledger.height()));
        Ok(Self { asker, committer, sources, download, end, forked: BTreeMap::new() })
    }

    /// Follows without end and tells `listener` what it learns. Returns only where no source could help.
    pub async fn run(mut self, mut listener: impl FnMut(FollowerEvent<'_>)) -> FollowError {
        let mut rounds = pin!(rounds(self.asker.clone(), &self.sources));
        loop {
            let done = tokio::select! {
                Some(answers) = rounds.next() => self.conclude(answers, &mut listener),
                block = self.download.next() => match block.and_then(|block| self.take(block, &mut listener)) {
                    Err(SourceError::Fatal(error)) => Err(error),
                    Err(reason) => {
                        self.leave(&reason, &mut listener);
                        Ok(())
                    }
                    Ok(()) => Ok(()),
                },
            };
            if let Err(error) = done {
                return error;
            }
        }
    }

    /// Commits the next block.
    fn take(
        &mut self,
        block: HeadedBlock,
        listener: &mut impl FnMut(FollowerEvent<'_>),
    ) -> Result<(), SourceError> {
        let block = self.commit(block)?;
        self.end.reaches(block.number + 1);
        self.download.advanced();
        listener(FollowerEvent::Committed(&block));
        Ok(())
    }

    /// A block that does not follow from ours and that the orderers have signed is of another course of the chain.
    fn commit(&mut self, block: HeadedBlock) -> Result<Arc<CommittedBlock>, SourceError> {
        let offered = block.clone();
        match self.committer.take(block) {
            Ok(committed) => {
                if let Some(source) = self.download.source() {
                    self.forked.remove(&source);
                }
                Ok(committed.block)
            }
            Err(NotCommitted::Rejected(BlockRejected::PreviousHash { .. }))
                if self.committer.verify_origin(&offered).is_ok() =>
            {
                let last = offered.number().saturating_sub(1);
                if let Some(source) = self.download.source() {
                    self.forked.insert(source, last);
                }
                Err(SourceError::Forked(last))
            }
            Err(failure) => Err(failure.into()),
        }
    }

    /// Judges the answers of a round, and sees to it that blocks come from a source that has them.
    fn conclude(
        &mut self,
        round: Answers,
        listener: &mut impl FnMut(FollowerEvent<'_>),
    ) -> Result<(), FollowError> {
        let asked_at = round.asked_at;
        let answers = self.sources.iter().zip(round.answers).enumerate();
        let report = |(place, (source, answer))| self.report(place, source, answer);
        let reports: Vec<_> = answers.map(report).collect();
        self.download.claims(reports.iter().map(Report::proven));
        let round = self.end.conclude(asked_at, reports);
        let height = round.height;
        if let Some(reason) = self.download.grievance(self.height(), height) {
            self.leave(&reason, listener);
        } else if self.download.is_turn_over(self.height(), height) {
            self.download.leave();
        }
        self.download.open(&self.asker, &self.sources);
        let fatal = |report: &Report| matches!(report.claim, Err(SourceError::Fatal(_)));
        listener(FollowerEvent::Round(&round));
        match round.reports.into_iter().find(fatal).map(|report| report.claim) {
            Some(Err(SourceError::Fatal(error))) => Err(error),
            _ => Ok(()),
        }
    }

    fn leave(&mut self, reason: &SourceError, listener: &mut impl FnMut(FollowerEvent<'_>)) {
        if let Some(source) = self.download.source().and_then(|index| self.sources.get(index)) {
            listener(FollowerEvent::Left(source, reason));
        }
        self.download.leave();
        self.download.open(&self.asker, &self.sources);
    }

    fn report(&self, place: usize, source: &Source, answer: Answer) -> Report {
        Report {
            source: source.address().to_owned(),
            organisation: source.organisation(&answer.certificates, self.committer.bundle().msps()),
            claim: answer.newest.and_then(|newest| {
                let claim = self.height_of(&newest);
                match (claim, self.forked.get(&place)) {
                    (Ok(height), Some(last)) if height > self.height() => Err(SourceError::Forked(*last)),
                    (claim, _) => claim.map_err(|reason| self.unproven(&newest, answer.next, reason)),
                }
            }),
        }
    }

    /// Why `newest` does not count: for `reason`, unless only its signers are not known here and the source has shown
    /// with `next` that the chain goes on.
    fn unproven(&self, newest: &HeadedBlock, next: Option<HeadedBlock>, reason: SourceError) -> SourceError {
        let is_unknown = matches!(reason, SourceError::Rejected(BlockRejected::NotSigned(_)));
        match next.filter(|_| is_unknown).and_then(|next| self.shows(next)) {
            Some(shown) => SourceError::Unproven { newest: newest.number(), shown },
            None => reason,
        }
    }

    /// How many blocks the chain has at least if `next`, which came next when it was asked for, is one of it.
    fn shows(&self, next: HeadedBlock) -> Option<u64> {
        let shown = next.number().checked_add(1)?;
        let is_here = shown <= self.height();
        let holds = match is_here {
            true => self.height_of(&next).is_ok(),
            false => self.committer.verify_next(next).is_ok(),
        };
        holds.then_some(shown)
    }

    /// The number of blocks that are here.
    fn height(&self) -> u64 {
        self.committer.ledger().height()
    }

    /// How many blocks a chain has that ends with `newest`, which must be one of ours or signed by the orderers.
    fn height_of(&self, newest: &HeadedBlock) -> Result<u64, SourceError> {
        let number = newest.number();
        let height = number.checked_add(1).ok_or(SourceError::OtherChain(number))?;
        let signed = || self.committer.verify_origin(newest);
        if height > self.height() {
            signed().map_err(NotCommitted::from)?;
            return Ok(height);
        }
        let ours = self.committer.ledger().block(number).map_err(FollowError::Ledger)?;
        match ours.is_some_and(|ours| ours.hash() == newest.hash()) {
            true => Ok(height),
            false if signed().is_ok() => Err(SourceError::Forked(number)),
            false => Err(SourceError::OtherChain(number)),
        }
    }
}

impl Round {
    /// The sources that know every block that was known before they were asked. Where the end is open, they confirm
    /// nothing.
    pub fn confirming(&self) -> impl Iterator<Item = &Report> {
        self.reports.iter().filter(|report| report.claim.is_ok())
    }
}

/// Only a block that is refused is the source's fault.
impl From<NotCommitted> for SourceError {
    fn from(failure: NotCommitted) -> Self {
        match failure {
            NotCommitted::Rejected(reason) => Self::Rejected(reason),
            NotCommitted::Halt(halt) => Self::Fatal(FollowError::Halt(halt)),
            NotCommitted::Ledger(error) => Self::Fatal(FollowError::Ledger(error)),
        }
    }
}
