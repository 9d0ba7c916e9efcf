//! Stage 2: signed envelopes -> hash-chained, signed blocks.
//!
//! An envelope passes, in this order: [`filter`] (size, expiry, the channel's Writers policy, and
//! nothing that would stop a real peer: [`hazard`]), [`cutter`] (which envelopes share a block) and
//! [`block_writer`] (number, hashes, the orderer's signature). The loop that drives them, one block
//! after the other, is in `node::pipeline`.

pub mod block_writer;
pub mod cutter;
pub mod filter;
pub mod hazard;

pub use block_writer::BlockWriter;
pub use cutter::{Cut, Cutter};
pub use filter::{Admitted, Filter, Refusal};
