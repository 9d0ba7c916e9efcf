//! The command line of the certification process (ISO/IEC 17065, clause 7), one file a subcommand of `nanotrace`: applications, the
//! laboratories whose reports count, surveillance, complaints and appeals, anchors of logs kept elsewhere, and finding certificates. What
//! else is done with certificates is the subcommand `cert` of the binary.
//!
//! # What holds here
//! Each command makes one call of the contract, or prints what one answers: nothing is decided here, and a client links no node
//! (test `a_client_links_no_node`).

#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod application;
pub mod audit;
pub mod certificates;
pub mod complaint;
pub mod laboratory;
mod pages;
pub mod surveillance;
