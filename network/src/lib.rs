//! The ledger node: proposals in, validated blocks out.
//!
//! Read [`node::pipeline`] first: it joins the stages and shows them in order.

pub mod endorse;
pub mod gateway;
pub mod limits;
pub mod node;
pub mod order;
pub mod replay;
pub mod validate;
