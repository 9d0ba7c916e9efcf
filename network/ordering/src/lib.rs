//! Stage 2: signed envelopes -> hash-chained, signed blocks.
//!
//! An envelope passes, in this order: [`filter`] (size, expiry, the channel's Writers policy, its time, and
//! nothing that would stop a real peer: [`peer_safety`]), [`cutter`] (which envelopes are offered for a block) and
//! [`block_writer`] (number, hashes, the orderer's signature). The loop that drives them, one block
//! after the other, is in the node's pipeline; between the last two it lets validation leave out what would stop a
//! real peer in this block (`validation::compose`).

pub mod block_writer;
pub mod cutter;
pub mod filter;

pub use block_writer::BlockWriter;
pub use cutter::{Cut, Cutter};
pub use filter::{Admitted, Filter, Refusal};
