//! How far the verifier may be trusted at a moment: as of which block it speaks, when and by which sources that block
//! was last confirmed as the head of the chain, and whether it must say "cannot tell".

use std::collections::VecDeque;
use std::sync::Arc;

use certificate::DateTime;

/// Seconds that the read model may lag behind the known head before answers become "cannot tell"; and that this
/// process's clock may be set back before its earlier times mean nothing.
pub const LAG_TOLERANCE: i64 = 60;

/// What the sources of blocks say about the end of the chain, at a time of this process's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of blocks; the newest block is `height - 1`.
    pub height: u64,
    pub confirmed_at: DateTime,
    /// Absent where the blocks are ordered in this process, or the confirmation is read from disk.
    pub sources: Option<Arc<Sources>>,
}

/// By how many sources of blocks a head is confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sources {
    /// Sources that answered and knew every block that was known before they were asked.
    pub confirming: usize,
    pub asked: usize,
    /// MSP ids of the organisations of the confirming sources, in order, each once: those whose TLS authority issued the
    /// certificate that the source showed. A source that no organisation of the channel vouches for counts, unnamed.
    pub organisations: Vec<String>,
}

/// As of which block an answer speaks, and when that block was last known to be the newest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AsOf {
    /// Number of blocks that the answer rests on.
    pub height: u64,
    pub confirmed_at: Option<DateTime>,
    /// Who confirmed it then.
    pub sources: Option<Arc<Sources>>,
}

/// Why the verifier cannot vouch for its answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    #[error("this verifier has not yet been in touch with the ledger")]
    NeverConfirmed,
    #[error("this verifier was last in touch with the ledger on {0}")]
    TooOld(DateTime),
    #[error("this verifier's clock was set back: by it, the last touch with the ledger was on {0}")]
    ClockSetBack(DateTime),
    #[error("this verifier has fallen behind the ledger, which has {0} blocks")]
    Behind(u64),
    #[error("this verifier's copy of the ledger is damaged")]
    Broken,
    #[error("what {} wrote on the ledger about this certificate cannot be read", .0.join(" and "))]
    Unreadable(Vec<String>),
    #[error("the certificate's own record on the ledger was overwritten, which the contract never does")]
    Spoilt,
    #[error("this verifier cannot take new blocks of the ledger at present")]
    NotFollowing,
    #[error("only {confirming} of at least {required} sources confirm the newest block to this verifier")]
    TooFewSources { confirming: usize, required: usize },
}

/// What is known about the place of the read model on the chain. Changed as blocks and confirmations come in; it outlives
/// a read model that is closed and opened anew.
#[derive(Clone, Debug, Default)]
pub(crate) struct SyncStatus {
    height: u64,
    /// Of the newest head that was reached.
    confirmed_at: Option<DateTime>,
    sources: Option<Arc<Sources>>,
    /// Heads that the read model has not reached yet, oldest first, one a second: under steady load it is always
    /// a few blocks behind, and only the age of the oldest says whether it keeps up.
    ahead: VecDeque<Head>,
    /// The read model could not take a block.
    broken: bool,
    /// There is no open read model.
    closed: bool,
    /// No new block can come in.
    not_following: bool,
    /// How many sources confirmed the head, and how many have to.
    too_few: Option<(usize, usize)>,
}

/// Heads remembered; more than are needed to see that the tolerance has run out.
const REMEMBERED: usize = 2 * LAG_TOLERANCE as usize;

impl SyncStatus {
    /// The read model was opened with what it kept. What is known of the chain's end and its sources stays known.
    pub fn restore(&mut self, height: u64, confirmed_at: Option<DateTime>) {
        self.height = height;
        self.confirmed_at = confirmed_at;
        self.sources = None;
        self.broken = false;
    }

    /// Everything that the read model held was thrown away; it may have been of another course of the chain.
    pub fn restart(&mut self) {
        self.restore(0, None);
        self.ahead.clear();
    }

    pub fn as_of(&self) -> AsOf {
        AsOf { height: self.height, confirmed_at: self.confirmed_at, sources: self.sources.clone() }
    }

    /// The sources say where the chain ends.
    pub fn confirm(&mut self, head: Head) {
        self.set_clock(head.confirmed_at);
        let same_moment = |last: &Head| last.confirmed_at >= head.confirmed_at;
        let full = self.ahead.len() >= REMEMBERED;
        match self.ahead.back_mut() {
            Some(last) if full || same_moment(last) => {
                last.height = last.height.max(head.height);
                last.sources = head.sources;
            }
            _ => self.ahead.push_back(head),
        }
        self.settle();
    }

    /// The read model holds this many blocks now, all of them the source's: reaching a head confirms it as of the
    /// moment the source named it.
    pub fn advance(&mut self, height: u64) {
        self.height = height;
        self.broken = false;
        self.settle();
    }

    pub fn fail(&mut self) {
        self.broken = true;
    }

    pub fn set_closed(&mut self, closed: bool) {
        self.closed = closed;
    }

    pub fn set_following(&mut self, following: bool) {
        self.not_following = !following;
    }

    pub fn set_too_few(&mut self, too_few: Option<(usize, usize)>) {
        self.too_few = too_few;
    }

    /// Why an answer given at `now` must be "cannot tell"; `None` when it may be relied on.
    pub fn doubt(&self, now: DateTime, max_age: i64) -> Option<Doubt> {
        if self.broken || self.closed {
            return Some(Doubt::Broken);
        }
        let Some(confirmed_at) = self.confirmed_at else { return Some(Doubt::NeverConfirmed) };
        if self.not_following {
            return Some(Doubt::NotFollowing);
        }
        if let Some((confirming, required)) = self.too_few {
            return Some(Doubt::TooFewSources { confirming, required });
        }
        if confirmed_at.plus_seconds(max_age) <= now {
            return Some(Doubt::TooOld(confirmed_at));
        }
        if now.plus_seconds(LAG_TOLERANCE) < confirmed_at {
            return Some(Doubt::ClockSetBack(confirmed_at));
        }
        let late = self.late_at().is_some_and(|late| late <= now);
        self.ahead.back().filter(|_| late).map(|head| Doubt::Behind(head.height))
    }

    /// The next moment at which a doubt arises if nothing more is heard.
    pub fn next_change_at(&self, max_age: i64) -> Option<DateTime> {
        let too_old = self.confirmed_at.map(|confirmed_at| confirmed_at.plus_seconds(max_age));
        too_old.into_iter().chain(self.late_at()).min()
    }

    fn late_at(&self) -> Option<DateTime> {
        self.ahead.front().map(|head| head.confirmed_at.plus_seconds(LAG_TOLERANCE))
    }

    /// Times later than `now` are of a clock that was set back since. How long ago a confirmation of such a time was
    /// is not known.
    fn set_clock(&mut self, now: DateTime) {
        let known = self.confirmed_at.filter(|confirmed_at| *confirmed_at <= now.plus_seconds(LAG_TOLERANCE));
        self.confirmed_at = known.map(|confirmed_at| confirmed_at.min(now));
        for head in &mut self.ahead {
            head.confirmed_at = head.confirmed_at.min(now);
        }
    }

    fn settle(&mut self) {
        while self.ahead.front().is_some_and(|head| head.height <= self.height) {
            let Some(head) = self.ahead.pop_front() else { return };
            self.confirmed_at = self.confirmed_at.max(Some(head.confirmed_at));
            self.sources = head.sources;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn at(seconds: i64) -> DateTime {
        DateTime::from_seconds(seconds)
    }

    fn head(height: u64, seconds: i64) -> Head {
        Head { height, confirmed_at: at(seconds), sources: None }
    }

    fn restored(height: u64, confirmed_at: i64) -> SyncStatus {
        let mut sync_status = SyncStatus::default();
        sync_status.restore(height, Some(at(confirmed_at)));
        sync_status
    }

    #[test]
    fn a_confirmed_head_is_trusted_for_the_maximum_age() {
        let mut sync_status = SyncStatus::default();
        sync_status.advance(5);
        assert_eq!(sync_status.doubt(at(0), DAY), Some(Doubt::NeverConfirmed));
        sync_status.confirm(head(5, 100));
        assert_eq!(sync_status.doubt(at(100 + DAY - 1), DAY), None);
        assert_eq!(sync_status.doubt(at(100 + DAY), DAY), Some(Doubt::TooOld(at(100))));
        assert_eq!(sync_status.next_change_at(DAY), Some(at(100 + DAY)));
    }

    #[test]
    fn a_model_behind_the_head_keeps_the_older_confirmation_and_is_doubted_after_the_tolerance() {
        let mut sync_status = SyncStatus::default();
        sync_status.advance(5);
        sync_status.confirm(head(5, 100));
        sync_status.confirm(head(7, 200));
        sync_status.confirm(head(8, 210));
        assert_eq!(sync_status.as_of(), AsOf { height: 5, confirmed_at: Some(at(100)), sources: None });
        assert_eq!(sync_status.doubt(at(259), DAY), None);
        assert_eq!(sync_status.doubt(at(260), DAY), Some(Doubt::Behind(8)));
        assert_eq!(sync_status.next_change_at(DAY), Some(at(260)));
        sync_status.advance(8);
        assert_eq!(sync_status.as_of(), AsOf { height: 8, confirmed_at: Some(at(210)), sources: None });
        assert_eq!(sync_status.doubt(at(300), DAY), None);
    }

    #[test]
    fn steady_load_is_no_lag() {
        let mut sync_status = restored(0, 0);
        for second in 1..1000 {
            sync_status.confirm(head(100 * second as u64, second));
            sync_status.advance(100 * second as u64 - 5);
        }
        assert_eq!(sync_status.as_of(), AsOf { height: 99_895, confirmed_at: Some(at(998)), sources: None });
        assert_eq!(sync_status.doubt(at(1000), DAY), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut sync_status = restored(0, 0);
        for second in 1..1000 {
            sync_status.confirm(head(second as u64, second));
        }
        assert_eq!(sync_status.ahead.len(), REMEMBERED);
        assert_eq!(sync_status.doubt(at(1000), DAY), Some(Doubt::Behind(999)));
        sync_status.advance(999);
        assert_eq!(sync_status.doubt(at(1000), DAY), None);
    }

    #[test]
    fn a_clock_that_was_ahead_vouches_for_nothing_once_it_is_set_back() {
        let mut sync_status = restored(5, 500 + 365 * DAY);
        assert_eq!(sync_status.doubt(at(500), DAY), Some(Doubt::ClockSetBack(at(500 + 365 * DAY))));
        sync_status.confirm(head(6, 500));
        assert_eq!(sync_status.doubt(at(500), DAY), Some(Doubt::NeverConfirmed));
        sync_status.advance(6);
        assert_eq!(
            (sync_status.as_of().confirmed_at, sync_status.doubt(at(500), DAY)),
            (Some(at(500)), None)
        );
        assert_eq!(sync_status.doubt(at(500 + DAY), DAY), Some(Doubt::TooOld(at(500))));
    }

    #[test]
    fn a_lag_is_told_by_the_clock_that_was_set_back() {
        let mut sync_status = restored(5, 90);
        sync_status.confirm(head(7, 100 + 365 * DAY));
        sync_status.confirm(head(8, 100));
        assert_eq!(sync_status.doubt(at(100), DAY), None);
        assert_eq!(sync_status.doubt(at(160), DAY), Some(Doubt::Behind(8)));
    }

    #[test]
    fn a_clock_corrected_by_a_moment_is_no_doubt() {
        let mut sync_status = restored(5, 500);
        assert_eq!(sync_status.doubt(at(498), DAY), None);
        sync_status.confirm(head(6, 498));
        assert_eq!(
            (sync_status.as_of().confirmed_at, sync_status.doubt(at(498), DAY)),
            (Some(at(498)), None)
        );
    }

    #[test]
    fn a_failure_is_doubted_until_the_next_block() {
        let mut sync_status = restored(5, 500);
        sync_status.fail();
        assert_eq!(sync_status.doubt(at(500), DAY), Some(Doubt::Broken));
        sync_status.advance(6);
        assert_eq!(sync_status.doubt(at(500), DAY), None);
    }
    #[test]
    fn an_answer_says_who_confirmed_it_last() {
        let by = |confirming| {
            Some(Arc::new(Sources { confirming, asked: 3, organisations: vec!["CustomsMSP".into()] }))
        };
        let mut sync_status = restored(5, 100);
        sync_status.confirm(Head { sources: by(3), ..head(5, 200) });
        assert_eq!(sync_status.as_of().sources, by(3));
        sync_status.confirm(Head { sources: by(1), ..head(6, 210) });
        assert_eq!(sync_status.as_of().sources, by(3), "the newer block is not here yet");
        sync_status.advance(6);
        assert_eq!((sync_status.as_of().sources, sync_status.as_of().confirmed_at), (by(1), Some(at(210))));
    }

    #[test]
    fn what_hinders_following_is_doubted_at_once_and_until_it_is_gone() {
        let mut sync_status = restored(5, 500);
        sync_status.set_following(false);
        assert_eq!(sync_status.doubt(at(500), DAY), Some(Doubt::NotFollowing));
        sync_status.advance(6);
        sync_status.restore(6, Some(at(500)));
        assert_eq!(sync_status.doubt(at(500), DAY), Some(Doubt::NotFollowing), "a block does not end it");
        sync_status.set_following(true);
        sync_status.set_too_few(Some((1, 2)));
        assert_eq!(
            sync_status.doubt(at(500), DAY),
            Some(Doubt::TooFewSources { confirming: 1, required: 2 })
        );
        sync_status.set_too_few(None);
        sync_status.set_closed(true);
        sync_status.advance(7);
        assert_eq!(sync_status.doubt(at(500), DAY), Some(Doubt::Broken));
        sync_status.set_closed(false);
        assert_eq!(sync_status.doubt(at(500), DAY), None);
    }
}
