//! What commands share: how they name a network and a certificate and reach the contract, which files they read and write, what they
//! print, what they ask before it cannot be undone, and how they end. What others wrote is shown, and never obeyed by the terminal.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod clock;
pub mod contract;
pub mod exit;
pub mod files;
pub mod network;
pub mod output;
pub mod prompt;
pub mod subject;
pub mod term;
pub mod visible;
