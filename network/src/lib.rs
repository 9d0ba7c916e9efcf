//! The ledger node: proposals in, validated blocks out.
//!
//! Read [`node::pipeline`] first: it joins the stages and shows them in order.

pub mod crypto_config;
pub mod endorse;
pub mod gateway;
pub mod ledger;
pub mod lifecycle;
pub mod limits;
pub mod node;
pub mod order;
pub mod replay;
pub mod validate;
