//! This machine's clock beside the network's: an act is dated by the clock of who acts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use certificate::DateTime;

/// The clocks of honest machines differ by less. The gateway tells its time to the second.
const TOLERANCE: Duration = Duration::from_secs(30);

/// What to tell the user, where this clock is certainly wrong. The gateway said `theirs` at some moment
/// between `asked` and `answered`.
pub fn compare(asked: SystemTime, answered: SystemTime, theirs: SystemTime) -> Option<String> {
    let (ours, word) = match (asked > theirs + TOLERANCE, answered + TOLERANCE < theirs) {
        (true, _) => (asked, "ahead"),
        (_, true) => (answered, "behind"),
        _ => return None,
    };
    Some(format!(
        "Warning: the clock of this machine is {word} of the network's: it says {}, the network's {}. What you do here \
         is dated by this machine's clock. Set the clock.",
        date_time(ours),
        date_time(theirs)
    ))
}

fn date_time(at: SystemTime) -> DateTime {
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    DateTime::from_seconds(i64::try_from(seconds).unwrap_or(i64::MAX))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    #[test]
    fn both_times_are_told_where_a_clock_is_wrong() {
        let ahead = compare(at(3_600), at(3_601), at(0)).unwrap();
        assert!(ahead.contains("ahead of the network's: it says 2027-01-15T09:00:00Z"), "{ahead}");
        assert!(ahead.contains("the network's 2027-01-15T08:00:00Z"), "{ahead}");
        assert!(compare(at(0), at(1), at(3_600)).unwrap().contains("is behind"));
    }

    #[test]
    fn a_slow_answer_is_no_wrong_clock() {
        assert_eq!(compare(at(0), at(0), at(0)), None);
        assert_eq!(compare(at(0), at(300), at(150)), None);
        assert_eq!(compare(at(0), at(300), at(300)), None);
        assert_eq!(compare(at(25), at(26), at(0)), None);
    }
}
