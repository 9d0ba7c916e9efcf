//! What Fabric's tools for administrators make and show: keys and certificates for the organisations of a
//! `crypto-config.yaml` (cryptogen), the genesis block of a channel ([`genesis`], configtxgen), and blocks and
//! configurations as JSON ([`inspect`], configtxlator).
//!
//! The folders and file names are cryptogen's, so that any Fabric client finds its files. One process holds
//! all keys here: fit for demonstrations and for organisations that make only their own.
//!
//! # What holds here
//! - The layout is cryptogen's (test `the_layout_is_cryptogens`), and OpenSSL accepts every chain (test
//!   `openssl_accepts_every_chain`).
//! - Keys are for their owner alone (test `keys_are_for_their_owner_alone`), and nothing is overwritten (test
//!   `nothing_is_overwritten_and_leftovers_are_cleared`).
//! - No certificate outlives its authority (test `no_certificate_outlives_its_authority`).
//! - An authority certifies a key of which its owner has shown the private half (test
//!   `a_request_is_certified_and_a_strangers_is_not`).
//! - What an organisation revokes is refused by its MSP, and OpenSSL accepts the list (test
//!   `a_revoked_certificate_is_refused_and_openssl_accepts_the_list`).
//! - The genesis block is configtxgen's (test `a_genesis_block_is_configtxgens`), and wrong input is named by its key (test
//!   `wrong_input_is_told_by_its_key`).

mod attributes;
mod certificate;
mod config;
mod enroll;
mod error;
mod extend;
mod folder;
pub mod genesis;
pub mod inspect;
mod layout;
mod revoke;
mod template;

pub use self::{
    attributes::Person,
    config::{CryptoConfig, Kind, Node, Organization, Subject},
    enroll::enroll,
    error::CryptoConfigError,
    extend::{add_user, extend, renew},
    layout::{Validity, generate},
    revoke::{certificate_of, revoke},
};
