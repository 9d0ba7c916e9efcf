//! What Fabric computes from messages: hashes, transaction ids, versions, read-write sets.

pub mod block;
pub mod blockfile;
pub mod decode;
pub mod envelope;
pub mod height;
pub mod merkle;
pub mod proposal;
pub mod rwset;
pub mod txid;
pub mod wellformed;

pub use block::HeadedBlock;
pub use decode::{decode, decode_noting};
pub use envelope::DecodedEnvelope;
pub use height::Height;
pub use proposal::DecodedProposal;
pub use wellformed::wellformed;
