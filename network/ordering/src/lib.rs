//! Stage 2: signed envelopes -> hash-chained, signed blocks.
//!
//! An envelope passes, in this order: [`filter`] (size, expiry, the channel's Writers policy, its time, and
//! nothing that would stop a real peer: [`validation::peer_safety`]), [`cutter`] (which envelopes are offered for a block) and
//! [`block_writer`] (number, hashes, the orderer's signature). The loop that drives them, one block
//! after the other, is in the node's pipeline; between the last two it lets validation leave out what would stop a
//! real peer in this block (`validation::compose`).
//!
//! # What holds here
//! - No clock, no randomness, no network, no disk (tests `no_part_names_what_lies_behind_its_wall`,
//!   `what_judges_reaches_no_network`).
//! - What would stop a real peer is not ordered where it would (tests `what_is_unsafe_by_itself_is_refused`,
//!   `what_is_unsafe_beside_others_is_kept_apart`), and each admitted envelope is answered (test
//!   `every_policy_setting_client_settles`).

pub mod block_writer;
pub mod cutter;
pub mod filter;

pub use block_writer::BlockWriter;
pub use cutter::{Cut, Cutter};
pub use filter::{Admitted, Filter, Refusal};
