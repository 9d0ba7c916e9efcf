//! How far the verifier may be trusted at a moment: as of which block it speaks, when that block was last
//! confirmed as the head of the chain, and whether it must say "cannot tell".

use std::collections::VecDeque;

use certificate::DateTime;

/// Seconds that the read model may lag behind the known head before answers become "cannot tell".
pub const LAG_TOLERANCE: i64 = 60;

/// What the source of blocks says about the end of the chain, at a time of this process's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Number of blocks; the newest block is `height - 1`.
    pub height: u64,
    pub confirmed_at: DateTime,
}

/// As of which block an answer speaks, and when that block was last known to be the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// Number of blocks that the answer rests on.
    pub height: u64,
    pub confirmed_at: Option<DateTime>,
}

/// Why the verifier cannot vouch for its answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Doubt {
    #[error("this verifier has not yet been in touch with the ledger")]
    NeverConfirmed,
    #[error("this verifier was last in touch with the ledger on {0}")]
    TooOld(DateTime),
    #[error("this verifier has fallen behind the ledger, which has {0} blocks")]
    Behind(u64),
    #[error("this verifier's copy of the ledger is damaged")]
    Broken,
    #[error("what {} wrote on the ledger about this certificate cannot be read", .0.join(" and "))]
    Unreadable(Vec<String>),
    #[error("the certificate's own record on the ledger was overwritten, which the contract never does")]
    Spoilt,
}

/// What is known about the place of the read model on the chain. Owned by the read model, which changes it as
/// blocks and confirmations come in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing {
    height: u64,
    confirmed_at: Option<DateTime>,
    /// Heads that the read model has not reached yet, oldest first, one a second: under steady load it is always
    /// a few blocks behind, and only the age of the oldest says whether it keeps up.
    ahead: VecDeque<Head>,
    broken: bool,
}

/// Heads remembered; more than are needed to see that the tolerance has run out.
const REMEMBERED: usize = 2 * LAG_TOLERANCE as usize;

impl Standing {
    pub fn restored(height: u64, confirmed_at: Option<DateTime>) -> Self {
        Self { height, confirmed_at, ..Self::default() }
    }

    pub fn as_of(&self) -> AsOf {
        AsOf { height: self.height, confirmed_at: self.confirmed_at }
    }

    /// The source says where the chain ends.
    pub fn confirm(&mut self, head: Head) {
        let same_moment = |last: &Head| last.confirmed_at >= head.confirmed_at;
        let full = self.ahead.len() >= REMEMBERED;
        match self.ahead.back_mut() {
            Some(last) if full || same_moment(last) => last.height = last.height.max(head.height),
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

    /// Why an answer given at `now` must be "cannot tell"; `None` when it may be relied on.
    pub fn doubt(&self, now: DateTime, max_age: i64) -> Option<Doubt> {
        if self.broken {
            return Some(Doubt::Broken);
        }
        let Some(confirmed_at) = self.confirmed_at else { return Some(Doubt::NeverConfirmed) };
        if confirmed_at.plus_seconds(max_age) <= now {
            return Some(Doubt::TooOld(confirmed_at));
        }
        let late = self.late_at().is_some_and(|late| late <= now);
        self.ahead.back().filter(|_| late).map(|head| Doubt::Behind(head.height))
    }

    /// The next moment at which a doubt arises if nothing more is heard.
    pub fn turns_at(&self, max_age: i64) -> Option<DateTime> {
        let too_old = self.confirmed_at.map(|confirmed_at| confirmed_at.plus_seconds(max_age));
        too_old.into_iter().chain(self.late_at()).min()
    }

    fn late_at(&self) -> Option<DateTime> {
        self.ahead.front().map(|head| head.confirmed_at.plus_seconds(LAG_TOLERANCE))
    }

    /// A clock that was set back does not take a confirmation back.
    fn settle(&mut self) {
        while let Some(head) = self.ahead.front().filter(|head| head.height <= self.height).copied() {
            self.confirmed_at = self.confirmed_at.max(Some(head.confirmed_at));
            self.ahead.pop_front();
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
        Head { height, confirmed_at: at(seconds) }
    }

    #[test]
    fn a_confirmed_head_is_trusted_for_the_maximum_age() {
        let mut standing = Standing::default();
        standing.advance(5);
        assert_eq!(standing.doubt(at(0), DAY), Some(Doubt::NeverConfirmed));
        standing.confirm(head(5, 100));
        assert_eq!(standing.doubt(at(100 + DAY - 1), DAY), None);
        assert_eq!(standing.doubt(at(100 + DAY), DAY), Some(Doubt::TooOld(at(100))));
        assert_eq!(standing.turns_at(DAY), Some(at(100 + DAY)));
    }

    #[test]
    fn a_model_behind_the_head_keeps_the_older_confirmation_and_is_doubted_after_the_tolerance() {
        let mut standing = Standing::default();
        standing.advance(5);
        standing.confirm(head(5, 100));
        standing.confirm(head(7, 200));
        standing.confirm(head(8, 210));
        assert_eq!(standing.as_of(), AsOf { height: 5, confirmed_at: Some(at(100)) });
        assert_eq!(standing.doubt(at(259), DAY), None);
        assert_eq!(standing.doubt(at(260), DAY), Some(Doubt::Behind(8)));
        assert_eq!(standing.turns_at(DAY), Some(at(260)));
        standing.advance(8);
        assert_eq!(standing.as_of(), AsOf { height: 8, confirmed_at: Some(at(210)) });
        assert_eq!(standing.doubt(at(300), DAY), None);
    }

    #[test]
    fn steady_load_is_no_lag() {
        let mut standing = Standing::restored(0, Some(at(0)));
        for second in 1..1000 {
            standing.confirm(head(100 * second as u64, second));
            standing.advance(100 * second as u64 - 5);
        }
        assert_eq!(standing.as_of(), AsOf { height: 99_895, confirmed_at: Some(at(998)) });
        assert_eq!(standing.doubt(at(1000), DAY), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut standing = Standing::restored(0, Some(at(0)));
        for second in 1..1000 {
            standing.confirm(head(second as u64, second));
        }
        assert_eq!(standing.ahead.len(), REMEMBERED);
        assert_eq!(standing.doubt(at(1000), DAY), Some(Doubt::Behind(999)));
        standing.advance(999);
        assert_eq!(standing.doubt(at(1000), DAY), None);
    }

    #[test]
    fn a_clock_set_back_does_not_take_a_confirmation_back() {
        let mut standing = Standing::restored(5, Some(at(500)));
        standing.confirm(head(5, 400));
        assert_eq!(standing.as_of().confirmed_at, Some(at(500)));
    }

    #[test]
    fn a_failure_is_doubted_until_the_next_block() {
        let mut standing = Standing::restored(5, Some(at(500)));
        standing.fail();
        assert_eq!(standing.doubt(at(500), DAY), Some(Doubt::Broken));
        standing.advance(6);
        assert_eq!(standing.doubt(at(500), DAY), None);
    }
}
