//! The read model's place on its chain, written in the same batch as what a block changes.

use certificate::DateTime;

use super::ModelError;
use crate::sync_status::Head;

/// Raised when the meaning of any stored record changes; the model is then rebuilt.
pub(super) const FORMAT: u8 = 5;

/// One block's end, on one channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Savepoint {
    /// Number of blocks applied.
    pub height: u64,
    /// Header hash of the newest one; zeros at height 0.
    pub block_hash: [u8; 32],
    pub genesis: [u8; 32],
    pub channel: String,
    /// When the newest block was last confirmed as the head, or one before it.
    pub confirmed_at: Option<DateTime>,
}

impl Savepoint {
    pub fn encode(&self) -> Vec<u8> {
        let mut out = vec![FORMAT];
        out.extend(self.height.to_be_bytes());
        out.extend(self.block_hash);
        out.extend(self.genesis);
        out.extend(encode_time(self.confirmed_at));
        out.extend(self.channel.as_bytes());
        out
    }

    /// The format byte was looked at before.
    pub fn decode(record: &[u8]) -> Result<Self, ModelError> {
        Self::read(record.get(1..).unwrap_or_default()).ok_or(ModelError::Savepoint)
    }

    fn read(mut record: &[u8]) -> Option<Self> {
        let height = u64::from_be_bytes(take(&mut record)?);
        let block_hash = take(&mut record)?;
        let genesis = take(&mut record)?;
        let confirmed_at = decode_time(take(&mut record)?);
        let channel = String::from_utf8(record.to_vec()).ok()?;
        Some(Self { height, block_hash, genesis, channel, confirmed_at })
    }
}

/// The least number stands for no time.
pub(super) fn encode_time(time: Option<DateTime>) -> [u8; 8] {
    time.map_or(i64::MIN, DateTime::seconds).to_be_bytes()
}

pub(super) fn decode_time(bytes: [u8; 8]) -> Option<DateTime> {
    Some(i64::from_be_bytes(bytes)).filter(|seconds| *seconds != i64::MIN).map(DateTime::from_seconds)
}

/// How high the model stood when it was confirmed, and when that was.
pub(super) fn encode_head(height: u64, confirmed_at: DateTime) -> Vec<u8> {
    [height.to_be_bytes(), confirmed_at.seconds().to_be_bytes()].concat()
}

pub(super) fn decode_head(mut record: &[u8]) -> Result<Head, ModelError> {
    let height = take(&mut record).map(u64::from_be_bytes);
    let confirmed_at = take(&mut record).map(i64::from_be_bytes).map(DateTime::from_seconds);
    let head = height.zip(confirmed_at).filter(|_| record.is_empty());
    head.map(|(height, confirmed_at)| Head { height, confirmed_at, sources: None })
        .ok_or(ModelError::Savepoint)
}

/// Splits an array off the front.
pub(super) fn take<const LENGTH: usize>(input: &mut &[u8]) -> Option<[u8; LENGTH]> {
    let (head, rest) = input.split_first_chunk()?;
    *input = rest;
    Some(*head)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn survives_the_way_through_the_database() {
        for confirmed_at in
            [None, Some(DateTime::from_seconds(0)), Some(DateTime::from_seconds(1_790_000_000))]
        {
            let savepoint = Savepoint {
                height: 7,
                block_hash: [1; 32],
                genesis: [2; 32],
                channel: "nanotrace".into(),
                confirmed_at,
            };
            let bytes = savepoint.encode();
            assert_eq!(Savepoint::decode(&bytes).unwrap(), savepoint);
            assert!(matches!(Savepoint::decode(bytes.get(..80).unwrap()), Err(ModelError::Savepoint)));
        }
    }
}
