//! Loads the certificate contract of a network through its gateways, and measures. `nanotrace bench` is its command line.
//!
//! The caller submits what [`setup()`] names (and for the whole path [`laboratory`]), issues one certificate to see that all is well, and then asks for as many
//! rounds as it likes ([`round()`]); [`Summary`] has the figures of one.
//!
//! # What holds here
//! - A closed loop: a client begins its next transaction when its last one is committed. On the whole path it takes the seven
//!   steps of one certificate so, and a certificate counts when it is granted.
//! - Nothing is signed while it is measured, and every issue is a certificate of its own (test
//!   `each_document_is_valid_and_unlike_the_others`).
//! - The issuer is the benchmark's own, and each certificate says that it is a demonstration: a load test signs in nobody
//!   else's name.

mod documents;
mod load;
mod process;
mod setup;
mod summary;

pub use documents::{DocumentError, Template};
pub use load::{Load, Operation, People, Plan, Round, Stop, round};
pub use process::ServerProcess;
pub use setup::{laboratory, setup};
pub use summary::{Percentiles, Summary};
