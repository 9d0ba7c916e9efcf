//! The end of the chain, as all sources together show it from round to round.

use std::time::SystemTime;

use super::{Report, Round, SourceError};

/// How many blocks the chain is known to have.
pub(super) struct End {
    height: u64,
    /// As of the last two rounds, oldest first.
    rounds: [u64; 2],
    /// Where a source showed in the last round that the chain goes on beyond what any other proved: how far at least.
    shown: Option<u64>,
}

impl End {
    pub fn new(height: u64) -> Self {
        Self { height, rounds: [height; 2], shown: None }
    }

    /// The chain has at least `height` blocks.
    pub fn reaches(&mut self, height: u64) {
        self.height = self.height.max(height);
    }

    /// Judges what the sources say. A source that shows a further block, but cannot prove yet how many there are,
    /// leaves the end open: no claim confirms it. A liar can do so too, with a block that has just been made. So
    /// only the first round of such is open. In the next one those confirm who know by then what was shown.
    pub fn conclude(&mut self, asked_at: SystemTime, reports: Vec<Report>) -> Round {
        let proved = reports.iter().filter_map(|report| report.claim.as_ref().ok()).copied().max();
        let shown = reports.iter().filter_map(Report::shown).max().filter(|shown| Some(*shown) > proved);
        self.reaches(proved.max(shown).unwrap_or_default());
        let [known, last] = self.rounds;
        let expected = self.shown.map_or(known, |shown| known.max(shown));
        let is_open = shown.is_some() && self.shown.is_none();
        self.rounds = [last, self.height];
        self.shown = shown;
        let reports = reports.into_iter().map(|report| report.expect_height(expected, self.height)).collect();
        Round { asked_at, height: self.height, is_open, reports }
    }
}

impl Report {
    /// Blocks that the chain has at least, by what the source delivered.
    pub(super) fn proven(&self) -> u64 {
        self.claim.as_ref().ok().copied().or_else(|| self.shown()).unwrap_or_default()
    }

    fn shown(&self) -> Option<u64> {
        match self.claim {
            Err(SourceError::Unproven { shown, .. }) => Some(shown),
            _ => None,
        }
    }

    /// A source that has less than `expected` blocks confirms nothing. The chain has `height` now.
    fn expect_height(self, expected: u64, height: u64) -> Self {
        let claim = match self.claim {
            Ok(claim) if claim < expected => {
                Err(SourceError::Behind { newest: claim.saturating_sub(1), known: height.saturating_sub(1) })
            }
            claim => claim,
        };
        Self { claim, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many sources confirm the end in a round; `None` where it is open.
    fn round(end: &mut End, claims: Vec<Result<u64, SourceError>>) -> Option<usize> {
        let report = |claim| Report { source: String::new(), organisation: None, claim };
        let round = end.conclude(SystemTime::UNIX_EPOCH, claims.into_iter().map(report).collect());
        (!round.is_open).then(|| round.confirming().count())
    }

    fn shows(height: u64) -> Result<u64, SourceError> {
        Err(SourceError::Unproven { newest: u64::MAX - 1, shown: height })
    }

    #[test]
    fn who_withholds_confirms_in_no_round_in_which_another_shows_more() {
        let mut end = End::new(10);
        assert_eq!(round(&mut end, vec![Ok(10), Ok(10)]), Some(2));
        // The honest one's chain goes on under other orderers, and is taken block by block.
        assert_eq!(round(&mut end, vec![Ok(10), shows(11)]), None);
        for height in 12..30 {
            assert_eq!(round(&mut end, vec![Ok(10), shows(height)]), Some(0));
        }
        assert_eq!(round(&mut end, vec![Ok(10), Ok(40)]), Some(1));
        // While other blocks are missing too, who has those confirms them. Then it is behind as well.
        let mut end = End::new(10);
        assert_eq!(round(&mut end, vec![Ok(20), shows(11)]), Some(1));
        assert_eq!(round(&mut end, vec![Ok(20), shows(21)]), None);
        assert_eq!(round(&mut end, vec![Ok(20), shows(25)]), Some(0));
    }

    #[test]
    fn who_always_shows_the_block_just_made_leaves_the_end_open_every_second_round_at_most() {
        let mut end = End::new(10);
        let rounds: Vec<_> =
            (10..20).map(|height| round(&mut end, vec![Ok(height), shows(height + 1)])).collect();
        assert_eq!(
            rounds,
            [None, Some(1), Some(1), Some(1), Some(1), Some(1), Some(1), Some(1), Some(1), Some(1)]
        );
        // With pauses in between.
        let mut end = End::new(10);
        let rounds: Vec<_> = (10..16)
            .map(|height| {
                let shown = if height % 2 == 0 { shows(height + 1) } else { Err(SourceError::Silent) };
                round(&mut end, vec![Ok(height), shown])
            })
            .collect();
        assert_eq!(rounds, [None, Some(1), None, Some(1), None, Some(1)]);
    }

    #[test]
    fn what_a_source_shows_of_blocks_that_are_known_changes_nothing() {
        let mut end = End::new(10);
        for _ in 0..5 {
            assert_eq!(round(&mut end, vec![Ok(10), shows(10)]), Some(1));
        }
    }
}
