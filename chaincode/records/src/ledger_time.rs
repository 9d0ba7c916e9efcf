//! From when an event counts: what its transaction claims, bounded by ledger time.
//!
//! A timestamp is a client's claim, and an endorsed transaction never expires: it could be held back and submitted
//! when it suits its holder. Ledger time is the greatest timestamp, up to a block, of valid transactions that the
//! accreditation body and a certification body both endorsed. The chaincode's server of each of them refuses
//! timestamps over [`TOLERANCE`] from its clock, so that one honest body of the two keeps ledger time honest.
//! See `docs/adr/0013-ledger-time.md`.

use crate::date_time::DateTime;

/// Seconds by which a claim may differ from ledger time: as far as a chaincode's server lets a timestamp differ from
/// its clock.
pub const TOLERANCE: i64 = 15 * 60;

/// The ledger time of the block that first carried an event; `None` where only the claim is known, as in the
/// contract itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerTime(pub Option<DateTime>);

impl LedgerTime {
    /// For readers that know nothing but the claims.
    pub const CLAIMED: LedgerTime = LedgerTime(None);

    /// From when an issue, a lift or a restoration counts: never from long before its block.
    pub fn of_grant(self, claimed: DateTime) -> DateTime {
        match self.0 {
            Some(time) => claimed.max(time.plus_seconds(-TOLERANCE)),
            None => claimed,
        }
    }

    /// From when a suspension or a withdrawal counts: nor from long after its block, so that no body dates one
    /// into a future in which it never comes.
    pub fn of_stop(self, claimed: DateTime) -> DateTime {
        match self.0 {
            Some(time) if claimed > time.plus_seconds(TOLERANCE) => time,
            _ => self.of_grant(claimed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_count_within_a_quarter_of_an_hour_of_ledger_time() {
        let at = DateTime::from_seconds;
        let time = LedgerTime(Some(at(10_000)));
        for (claimed, grant, stop) in [
            (0, 9_100, 9_100),
            (9_099, 9_100, 9_100),
            (9_101, 9_101, 9_101),
            (10_900, 10_900, 10_900),
            (10_901, 10_901, 10_000),
            (i64::MAX, i64::MAX, 10_000),
            (i64::MIN, 9_100, 9_100),
        ] {
            assert_eq!(time.of_grant(at(claimed)), at(grant), "{claimed}");
            assert_eq!(time.of_stop(at(claimed)), at(stop), "{claimed}");
            assert_eq!(LedgerTime::CLAIMED.of_stop(at(claimed)), at(claimed));
        }
    }
}
