//! Stage 1: from a signed proposal to an endorsed response, for one organisation (`core/endorser`).
//!
//! 1. [`check`]: may this proposal be processed at all?
//! 2. [`run`], with [`simulate`] and [`invoke`]: run the chaincode against the committed state and record what it
//!    reads and writes. System chaincodes run in [`system`] and [`lifecycle`], all others over [`chaincode`]
//!    streams, their requests answered by [`handler`].
//! 3. [`respond`]: put the result into the bytes that all endorsers agree on, and sign them.
//!
//! Organisations in one process share the ledger and nothing else: each has its key, its packages and
//! chaincode streams, its own simulation and its private data. Nothing here writes to the ledger but the
//! private data that waits for its transaction.
//!
//! # What holds here
//! - Time is an argument (test `no_part_names_what_lies_behind_its_wall`), and neither ordering nor validation is used
//!   (test `endorsement_reaches_no_other_stage`).
//! - An organisation that has not approved a chaincode does not endorse for it (test
//!   `an_organisation_that_has_not_approved_does_not_endorse`), and gets the plaintext of its own collections alone (test
//!   `members_get_the_plaintext_others_the_hash`).
//! - A chaincode that is away, silent, or another one than it says harms its own transactions alone (tests
//!   `a_chaincode_that_does_not_answer_is_given_up`, `a_chaincode_that_is_away_fails_at_once_and_may_come_back`,
//!   `an_impostor_is_refused`).
//! - A definition that would stop peers is not approved (test `definitions_that_stop_peers_are_not_approved`).

mod acl;
mod chaincode;
mod check;
mod handler;
mod invoke;
mod lifecycle;
mod packages;
mod private_data;
pub mod range_reads;
mod respond;
mod run;
mod runnable;
mod rwset;
mod simulate;
mod system;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::SystemTime};

use channel::Bundle;
use fabric::{
    crypto::VerifiedSignatureCache,
    proto::protos::{ProposalResponse, Response},
    types::DecodedProposal,
};
use msp::{MspManager, SigningIdentity};

pub use chaincode::{Connection, ConnectionError, OwnChaincode};
pub use packages::{Package, PackageError, Packages};
pub use system::is_system;

use acl::{Access, Denied, PROPOSE};
use chaincode::Chaincodes;
use check::{Headers, Invocation};
use invoke::Transaction;
use runnable::Runnables;

use ledger::Ledger;

/// What makes a peer: whose it is and what it works with.
pub struct EndorserSetup {
    pub ledger: Arc<Ledger>,
    pub signer: SigningIdentity,
    /// The MSP of the peer's own organisation, alone: it says who administers the peer.
    pub local_msp: MspManager,
    pub packages: Packages,
    pub own_chaincodes: Vec<OwnChaincode>,
    pub memo: Arc<VerifiedSignatureCache>,
    /// MSP ids of the organisations whose private data this process keeps. Members of a collection among
    /// them receive what this peer's simulations write to it.
    pub private_data_of: Vec<String>,
}

/// One organisation's endorsing peer on one channel.
pub struct Endorser {
    setup: EndorserSetup,
    chaincodes: Chaincodes,
    runnables: Runnables,
}

/// A proposal that is not processed: a gRPC error where a client sent it itself. The text is Fabric's.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Rejected(String);

impl Rejected {
    fn new(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Endorser {
    pub fn new(setup: EndorserSetup) -> Self {
        let runnables = Runnables::new(setup.ledger.channel_id(), setup.signer.mspid());
        let chaincodes = Chaincodes::new(setup.own_chaincodes.clone());
        Self { setup, chaincodes, runnables }
    }

    pub fn packages(&self) -> &Packages {
        &self.setup.packages
    }

    /// Processes a proposal; `bundle` is the configuration of the channel, the proposal's age is measured at `now`.
    ///
    /// What is wrong with the proposal itself is `Rejected`. Whatever went wrong later is a response of status
    /// 500 without payload; a chaincode's own refusal is a response of status 400 to 499 alone, or of 500 and
    /// more with payload. Only a status below 400 is endorsed.
    #[tracing::instrument(name = "endorse", skip_all, fields(organisation = self.setup.signer.mspid()))]
    pub async fn process(
        &self,
        proposal: &DecodedProposal,
        bundle: &Arc<Bundle>,
        now: SystemTime,
    ) -> Result<ProposalResponse, Rejected> {
        let headers = Headers::read(proposal)?;
        let channel_id = headers.channel.channel_id.as_str();
        let msps = if channel_id.is_empty() { &self.setup.local_msp } else { bundle.msps() };
        headers.check_expiry(msps, now)?;
        headers.check_time_window(now)?;
        let Invocation { chaincode, input, proposal_hash } = headers.invocation()?;
        if !channel_id.is_empty() && channel_id != bundle.channel_id() {
            return Ok(failure(format!("channel '{channel_id}' not found")));
        }
        let creator = headers.check_creator(msps, &self.setup.memo)?;
        let txid = headers.channel.tx_id.as_str();
        let transaction = Transaction {
            txid,
            channel_id,
            bundle,
            signed: &proposal.signed,
            creator: &creator,
            invoked: &chaincode,
        };
        if !channel_id.is_empty() {
            self.check_admission(&transaction)?;
        }
        let outcome = self.run(&transaction, input).await;
        let response = outcome.and_then(|outcome| {
            self.respond(&transaction, outcome, proposal_hash).map_err(|error| error.to_string())
        });
        Ok(response.unwrap_or_else(|reason| {
            tracing::warn!(%txid, %chaincode, %reason, "proposal failed");
            failure(reason)
        }))
    }

    /// A proposal must be new, and its creator may write to the channel; system chaincodes check for
    /// themselves.
    fn check_admission(&self, transaction: &Transaction<'_>) -> Result<(), Rejected> {
        let Transaction { txid, channel_id, creator, .. } = transaction;
        let known = self.setup.ledger.contains_txid(txid).map_err(|error| Rejected(error.to_string()))?;
        if known {
            let creator = hex::encode(creator.serialized());
            return Err(Rejected(format!("duplicate transaction found [{txid}]. Creator [{creator}]")));
        }
        if system::is_system(transaction.invoked) {
            return Ok(());
        }
        self.check_access(transaction, PROPOSE, channel_id).map_err(|denied| Rejected(denied.to_string()))
    }

    /// Whether the transaction's creator may use `resource`; `channel_id` is the channel it means.
    fn check_access(
        &self,
        transaction: &Transaction<'_>,
        resource: &str,
        channel_id: &str,
    ) -> Result<(), Denied> {
        let access = Access {
            creator: transaction.creator,
            local: &self.setup.local_msp,
            local_msp_id: self.setup.signer.mspid(),
        };
        let bundle = Some(transaction.bundle).filter(|bundle| bundle.channel_id() == channel_id);
        access.check(resource, bundle, channel_id)
    }

    fn ledger(&self) -> &Ledger {
        &self.setup.ledger
    }
}

fn failure(message: String) -> ProposalResponse {
    let response = Response { status: system::ERROR, message, ..Response::default() };
    ProposalResponse { response: Some(response), ..ProposalResponse::default() }
}
