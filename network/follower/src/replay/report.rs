//! What a replay says of each block, for people and for programs.

use std::{fmt, time::Duration};

use bytes::Bytes;
use fabric::{
    proto::{common::Block, protos::TxValidationCode},
    types::{
        DecodedEnvelope, HeadedBlock,
        block::{COMMIT_HASH, TRANSACTIONS_FILTER, commit_hash},
        decode::DecodeError,
    },
};
use serde::{Serialize, Serializer};

/// The verdicts on a block and the commit hash after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// One code a transaction.
    #[serde(serialize_with = "as_hex")]
    pub filter: Bytes,
    /// Empty for block 0.
    #[serde(serialize_with = "as_hex")]
    pub commit_hash: Bytes,
}

/// The outcome that a peer had recorded; either part may be missing.
pub(super) struct Recorded(Outcome);

/// Where two outcomes differ first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "in")]
pub enum Difference {
    /// The block has not one recorded code a transaction.
    FilterLength {
        transactions: usize,
        recorded: usize,
    },
    Code {
        index: usize,
        txid: String,
        ours: String,
        reason: String,
        recorded: String,
    },
    /// All codes are equal, the state is not.
    CommitHash,
}

/// What became of one block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BlockReport {
    #[serde(rename = "block")]
    pub number: u64,
    pub transactions: usize,
    pub ours: Outcome,
    /// Absent if the block carries no verdicts of a peer.
    pub recorded: Option<Outcome>,
    /// Absent if there is nothing to compare with.
    pub equal: Option<bool>,
    pub difference: Option<Difference>,
}

/// What became of a chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    pub blocks: u64,
    pub transactions: u64,
    /// Blocks that carry verdicts, and so were compared.
    pub compared: u64,
    pub different: u64,
    /// Blocks after the genesis block that carry no verdicts to compare with.
    pub unrecorded: u64,
    /// Where and why the replay ended before the end of the chain, such as `after block 3: …`.
    pub stopped: Option<String>,
    #[serde(rename = "milliseconds", serialize_with = "as_milliseconds")]
    pub elapsed: Duration,
}

impl Recorded {
    /// Takes what a peer recorded out of the block.
    pub fn take(block: &mut Block) -> Result<Self, DecodeError> {
        let mut entry = |index: usize| {
            let metadata = block.metadata.as_mut();
            metadata
                .and_then(|metadata| metadata.metadata.get_mut(index))
                .map(std::mem::take)
                .unwrap_or_default()
        };
        Ok(Self(Outcome {
            filter: entry(TRANSACTIONS_FILTER),
            commit_hash: commit_hash(entry(COMMIT_HASH))?,
        }))
    }

    fn difference(&self, ours: &Outcome, block: &HeadedBlock, reasons: &[String]) -> Option<Difference> {
        let Self(recorded) = self;
        if recorded.filter.len() != ours.filter.len() {
            let transactions = ours.filter.len();
            return Some(Difference::FilterLength { transactions, recorded: recorded.filter.len() });
        }
        let codes = ours.filter.iter().zip(&recorded.filter);
        if let Some((index, (ours, recorded))) =
            codes.enumerate().find(|(_, (ours, recorded))| ours != recorded)
        {
            let envelope = block.envelopes().get(index);
            return Some(Difference::Code {
                index,
                txid: envelope.map_or_else(String::new, |envelope| {
                    DecodedEnvelope::new(envelope.clone()).indexed_txid()
                }),
                ours: code_name(*ours),
                reason: reasons.get(index).cloned().unwrap_or_default(),
                recorded: code_name(*recorded),
            });
        }
        // Peers before Fabric 2.0 recorded none.
        let differs = !recorded.commit_hash.is_empty() && recorded.commit_hash != ours.commit_hash;
        differs.then_some(Difference::CommitHash)
    }
}

impl Outcome {
    /// The outcome in the metadata of a committed block.
    pub fn of(block: &HeadedBlock) -> Result<Self, DecodeError> {
        let filter = block.metadata(TRANSACTIONS_FILTER).cloned().unwrap_or_default();
        Ok(Self { filter, commit_hash: block.commit_hash()? })
    }
}

impl BlockReport {
    pub(super) fn new(
        recorded: Recorded,
        block: &HeadedBlock,
        reasons: Vec<String>,
    ) -> Result<Self, DecodeError> {
        let ours = Outcome::of(block)?;
        let is_recorded = !recorded.0.filter.is_empty();
        let difference = if is_recorded { recorded.difference(&ours, block, &reasons) } else { None };
        Ok(Self {
            number: block.number(),
            transactions: ours.filter.len(),
            ours,
            equal: is_recorded.then_some(difference.is_none()),
            recorded: is_recorded.then_some(recorded.0),
            difference,
        })
    }
}

impl Summary {
    pub fn add(&mut self, report: &BlockReport) {
        self.blocks += 1;
        self.transactions += report.transactions as u64;
        self.compared += u64::from(report.recorded.is_some());
        self.different += u64::from(report.difference.is_some());
        self.unrecorded += u64::from(report.recorded.is_none() && report.number > 0);
    }

    /// Whether the whole chain was compared and found equal. The genesis block needs no verdict, but is not
    /// enough alone.
    pub fn all_equal(&self) -> bool {
        self.compared > 0 && self.different == 0 && self.unrecorded == 0 && self.stopped.is_none()
    }

    pub fn transactions_per_second(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 { self.transactions as f64 / seconds } else { 0.0 }
    }
}

impl fmt::Display for BlockReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, transactions, ours, recorded, .. } = self;
        let verdict = match (recorded, &self.difference) {
            (None, _) => "nothing recorded",
            (Some(_), None) => "equal",
            (Some(_), Some(_)) => "DIFFERENT",
        };
        write!(out, "block {number:>6}  {transactions:>5} tx  {verdict}")?;
        line(out, "filter", &Codes(&ours.filter), recorded.as_ref().map(|recorded| Codes(&recorded.filter)))?;
        let commit_hash = recorded.as_ref().map(|recorded| Hash(&recorded.commit_hash));
        line(out, "commit hash", &Hash(&ours.commit_hash), commit_hash)?;
        match &self.difference {
            Some(difference) => write!(out, "\n    {difference}"),
            None => Ok(()),
        }
    }
}

/// Our value, and the recorded one if it is another.
fn line<T: fmt::Display + PartialEq>(
    out: &mut fmt::Formatter<'_>,
    name: &str,
    ours: &T,
    recorded: Option<T>,
) -> fmt::Result {
    match recorded {
        None => write!(out, "\n    {name:<12} ours {ours}"),
        Some(recorded) if recorded == *ours => write!(out, "\n    {name:<12} ours = recorded {ours}"),
        Some(recorded) => {
            write!(out, "\n    {name:<12} ours     {ours}\n    {:<12} recorded {recorded}", "")
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FilterLength { transactions, recorded } => {
                write!(out, "the block has {transactions} transactions, but {recorded} codes are recorded")
            }
            Self::Code { index, txid, ours, reason, recorded } => {
                write!(out, "transaction {index} ({txid}): ours {ours}, recorded {recorded}")?;
                if reason.is_empty() { Ok(()) } else { write!(out, "; ours because {reason}") }
            }
            Self::CommitHash => out.write_str(
                "the verdicts are equal, the commit hashes are not: a different state, here or in an earlier block",
            ),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { blocks, transactions, compared, different, unrecorded, stopped, elapsed } = self;
        let speed = self.transactions_per_second();
        let seconds = elapsed.as_secs_f64();
        writeln!(out, "{blocks} blocks, {transactions} transactions in {seconds:.1} s: {speed:.0} a second")?;
        match (compared, different, unrecorded) {
            _ if self.all_equal() => {
                out.write_str("all verdicts and commit hashes are equal to the recorded ones")
            }
            (0, ..) => out.write_str("no block carries recorded verdicts to compare with"),
            (_, 0, 0) => write!(out, "equal as far as it went: {compared} blocks"),
            (_, 0, _) => write!(out, "{unrecorded} blocks carry no recorded verdicts to compare with"),
            _ => write!(out, "{different} blocks differ from what was recorded"),
        }?;
        match stopped {
            Some(stopped) => write!(out, "\nstopped {stopped}"),
            None => Ok(()),
        }
    }
}

/// Codes in hexadecimal, runs of one code shortened.
#[derive(PartialEq)]
struct Codes<'a>(&'a Bytes);

impl fmt::Display for Codes<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let runs = self.0.chunk_by(|one, next| one == next);
        let shown = runs.filter_map(|run| match run {
            [] => None,
            [code] => Some(format!("{code:02x}")),
            [code, ..] => Some(format!("{code:02x}*{}", run.len())),
        });
        out.write_str(&shown.collect::<Vec<_>>().join(" "))
    }
}

#[derive(PartialEq)]
struct Hash<'a>(&'a Bytes);

impl fmt::Display for Hash<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { out.write_str("none") } else { out.write_str(&hex::encode(self.0)) }
    }
}

fn code_name(code: u8) -> String {
    let name = TxValidationCode::try_from(i32::from(code)).map(|code| code.as_str_name());
    format!("{} ({code})", name.unwrap_or("unknown"))
}

fn as_hex<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&hex::encode(bytes))
}

fn as_milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u128(duration.as_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_compared_chain_is_called_equal() {
        let whole = Summary { blocks: 3, compared: 2, ..Default::default() };
        assert!(whole.all_equal() && whole.to_string().contains("all verdicts"), "{whole}");
        let genesis = Summary { blocks: 1, ..Default::default() };
        assert!(!genesis.all_equal() && genesis.to_string().contains("no block carries"), "{genesis}");
        let cut = Summary { stopped: Some("after block 2: it ends".to_owned()), ..whole };
        assert!(!cut.all_equal() && !cut.to_string().contains("all verdicts"), "{cut}");
        assert!(cut.to_string().ends_with("stopped after block 2: it ends"), "{cut}");
    }
}
