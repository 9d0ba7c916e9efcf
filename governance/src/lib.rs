//! Who decides on a channel, and how that changes: the accreditation body and a majority of the certification bodies, in every
//! policy that says so, kept up as bodies join and leave; and the config updates that change it, which each organisation signs
//! for itself.
//!
//! An update travels between organisations as a file, in the form of Fabric's own tools (`peer channel signconfigtx` and `peer
//! channel update` read and write the same). No organisation needs another's key.
//!
//! # What holds here
//! - What an update changes is all that it names, and no more is to be signed than Fabric asks for (test
//!   `an_update_names_what_changes_alone`).
//! - A body that joins or leaves is put into, or taken out of, every policy in which the bodies decide (test
//!   `bodies_join_and_leave_by_a_majority`); without the majority the channel refuses (the same test).
//! - A channel whose policies say something else is left as it is (test `a_channel_of_other_rules_is_left_alone`).

mod change;
pub mod command;
mod config;
mod delta;
mod rule;
mod update;

pub use self::{
    change::{Change, Joining, Signers, join, leave, revoke},
    config::ChannelConfig,
    rule::Governance,
    update::Update,
};

/// Why there is no such update.
#[derive(Debug, thiserror::Error)]
pub enum GovernanceError {
    #[error("this is no block with a channel's configuration: {0}")]
    NoConfigBlock(String),
    #[error("this is no config update (an envelope of type CONFIG_UPDATE): {0}")]
    NoUpdate(String),
    #[error(
        "the policy {path} is {found}, and not that the accreditation body {accreditation} and a majority of the certification \
         bodies decide: set the channel's policies as configtx.yaml does first, or name the accreditation body with --accreditation"
    )]
    OtherRule { path: String, found: String, accreditation: String },
    #[error(
        "{path} says that {found} decide, but /Channel/Application/Admins says {expected}: make them equal first"
    )]
    TwoRules { path: String, found: String, expected: String },
    #[error("{0} is a certification body already")]
    IsBody(String),
    #[error("{0} is no certification body of this channel: it has {1}")]
    NoBody(String, String),
    #[error(
        "{0} is the accreditation body, and cannot be a certification body too: none certifies under its own eyes"
    )]
    IsAccreditation(String),
    #[error(
        "{0} is the only certification body: without one the channel could not be changed any more; let another join first"
    )]
    LastBody(String),
    #[error(
        "the channel has no organisation {asked}: it has {known}. To bring it in, give its MSP folder, without keys (--msp-dir), \
         and its MSP id (--msp-id)"
    )]
    NoOrganisation { asked: String, known: String },
    #[error("the channel has the organisation {0} already: leave out --msp-dir")]
    IsOrganisation(String),
    #[error("what is given is no revocation list for {0}: {1}")]
    RevocationList(String, msp::MspError),
    #[error("the channel has this revocation list of {0} already")]
    IsListed(String),
    #[error("{0:?} is no MSP id or name of an organisation: letters, digits, dots and dashes")]
    Name(String),
    #[error("{0:?} is no anchor peer: give its host and port, such as peer0.lab.example:7051")]
    AnchorPeer(String),
    #[error("the MSP folder {path}: {error}")]
    MspFolder { path: String, error: msp::MspError },
    #[error("the configuration after it would not be valid: {0}")]
    Invalid(#[from] channel::ConfigError),
    #[error("the two are different updates: signatures of one say nothing about the other")]
    OtherUpdate,
    #[error("cannot sign: {0}")]
    Signing(#[from] fabric::crypto::SigningError),
}
