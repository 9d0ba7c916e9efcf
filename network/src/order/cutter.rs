//! Which envelopes share a block: the channel's batch size, a config transaction alone in its block,
//! and no two transactions that are deadly to real peers only together ([`hazard::Footprint`]).
//!
//! Source: `orderer/common/blockcutter/blockcutter.go`. The batch timer of Fabric is absent: the
//! pipeline cuts whatever is pending as soon as it is idle, so no envelope ever waits for a clock.

use fabric::channel::BatchSize;

use super::{filter::Admitted, hazard::Footprint};

/// What becomes of the pending batch when one more envelope is offered.
#[derive(Debug)]
pub enum Cut {
    /// It was added and there is room for more.
    Open,
    /// It was added and the block is complete.
    Full,
    /// It does not fit: close the block first, then offer it again.
    Refused(Box<Admitted>),
}

/// The batch that will be the next block.
#[derive(Debug, Default)]
pub struct Cutter {
    pending: Vec<Admitted>,
    bytes: usize,
    footprint: Footprint,
}

impl Cutter {
    /// Offers an envelope to the pending batch under the channel's current `limits`.
    pub fn offer(&mut self, envelope: Admitted, limits: &BatchSize) -> Cut {
        if !self.pending.is_empty() && !self.fits(&envelope, limits) {
            return Cut::Refused(Box::new(envelope));
        }
        let alone = envelope.is_config() || envelope.size() > limits.preferred_max_bytes as usize;
        self.bytes += envelope.size();
        self.footprint.merge(&envelope.footprint);
        self.pending.push(envelope);
        if alone || self.pending.len() >= limits.max_message_count as usize { Cut::Full } else { Cut::Open }
    }

    /// Takes the pending batch, in the order in which it was offered.
    pub fn cut(&mut self) -> Vec<Admitted> {
        std::mem::take(self).pending
    }

    fn fits(&self, envelope: &Admitted, limits: &BatchSize) -> bool {
        !envelope.is_config()
            && self.bytes + envelope.size() <= limits.preferred_max_bytes as usize
            && !self.footprint.clashes_with(&envelope.footprint)
    }
}
