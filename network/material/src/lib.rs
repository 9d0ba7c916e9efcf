//! Keys and certificates for the organisations of `crypto-config.yaml`: what Fabric's cryptogen makes.
//!
//! The folders and file names are cryptogen's, so that any Fabric client finds its files. One process holds
//! all keys here: fit for demonstrations and for organisations that make only their own.

mod certificate;
mod config;
mod error;
mod extend;
mod folder;
mod layout;
mod template;

pub use self::{
    config::{CryptoConfig, Kind, Node, Organization, Subject},
    error::CryptoConfigError,
    extend::{add_user, extend, renew},
    layout::{Validity, generate},
};
