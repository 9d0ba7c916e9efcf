//! Which envelopes are offered for the same block: the channel's batch size, and a config transaction alone in
//! its block.
//!
//! Source: `orderer/common/blockcutter/blockcutter.go`. The batch timer of Fabric is absent: the
//! pipeline cuts whatever is pending as soon as it is idle, so no envelope ever waits for a clock.

use channel::BatchSize;

use super::filter::Admitted;

/// What becomes of the batch when one more envelope is offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// It counts and there is room for more.
    Open,
    /// It counts and the batch is complete.
    Full,
    /// It does not fit: it belongs to the next batch.
    Refused,
}

/// Counts the envelopes of a batch.
#[derive(Debug, Default)]
pub struct Cutter {
    messages: usize,
    bytes: usize,
}

impl Cutter {
    /// Offers an envelope under the channel's current `limits`.
    pub fn offer(&mut self, envelope: &Admitted, limits: &BatchSize) -> Cut {
        let preferred = limits.preferred_max_bytes as usize;
        let fits = !envelope.is_config() && self.bytes + envelope.size() <= preferred;
        if self.messages > 0 && !fits {
            return Cut::Refused;
        }
        self.messages += 1;
        self.bytes += envelope.size();
        let alone = envelope.is_config() || envelope.size() > preferred;
        if alone || self.messages >= limits.max_message_count as usize { Cut::Full } else { Cut::Open }
    }
}
