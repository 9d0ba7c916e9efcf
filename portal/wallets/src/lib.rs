//! What wallets sign to log in, and whether they did: Sui's personal messages and Ethereum's EIP-4361. It knows no database and
//! no HTTP: that a nonce is one of ours, and is used once, is the caller's to hold.
//!
//! # What holds here
//! - A message is read in one way or not at all: what was read, written again, is the same text (test
//!   `a_message_that_is_changed_anywhere_is_refused_or_says_something_else`).
//! - One message has one signature of a key that counts: high values of `s`, other recovery numbers and other encodings are
//!   refused (tests `other_spellings_of_a_signature_are_refused`, `a_key_of_another_address_is_refused`).
//! - What cannot be verified here (zkLogin, multisig, passkeys and contracts as wallets) is refused and named (test
//!   `what_is_not_verified_here_is_named`).

mod chain;
mod ethereum;
mod message;
mod sui;

pub use chain::{Chain, Family};
pub use message::{Asked, Message};

/// Why a wallet's answer does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("{0}")]
    Wrong(&'static str),
    /// It may be right, and is of a kind that is not verified here.
    #[error("{0}")]
    Unsupported(&'static str),
}

fn demand(holds: bool, reason: &'static str) -> Result<(), Refused> {
    if holds { Ok(()) } else { Err(Refused::Wrong(reason)) }
}

/// Whether the address that `message` names has signed it, by the rules of its family. `signature` is as wallets give it: for
/// Ethereum `0x` and 65 bytes in hexadecimal, for Sui base64 of flag, signature and public key.
pub fn has_signed(message: &Message, signature: &str) -> Result<(), Refused> {
    let text = message.to_string();
    match message.family {
        Family::Ethereum => ethereum::has_signed(&text, signature, &message.address),
        Family::Sui => sui::has_signed(&text, signature, &message.address),
    }
}
