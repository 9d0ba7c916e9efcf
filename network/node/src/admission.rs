//! Which calls of a service are answered at once: so many of each identity and of each organisation, and a few of
//! strangers, who get a reason why they are refused.

use std::sync::Arc;

use channel::policy::SignedData;
use fabric::types::DecodedProposal;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Extensions;

use super::{
    Channel,
    shares::{Caller, Limits, Share, Shares},
};
use crate::limits;

pub struct Admission {
    channel: Arc<Channel>,
    calls: Arc<Shares>,
    bytes: Arc<Shares>,
    strangers: Arc<Semaphore>,
}

/// A call that is counted until this is dropped.
pub enum Admitted {
    Member { _shares: (Share, Share) },
    Stranger { _permit: OwnedSemaphorePermit },
}

impl Admission {
    /// `calls` limits how many are answered at once, `bytes` the signed data of these.
    pub fn new(channel: Arc<Channel>, calls: Limits, bytes: Limits) -> Self {
        let strangers = Arc::new(Semaphore::new(limits::STRANGERS_CALLS));
        Self { channel, calls: Shares::new(calls), bytes: Shares::new(bytes), strangers }
    }

    /// Counts a call for the organisation whose signature it bears, and its connection with it; for the
    /// strangers if it bears none that holds. None if too many are open.
    pub fn admit(&self, extensions: &Extensions, claim: Option<&SignedData>) -> Option<Admitted> {
        let size = claim.map_or(0, |claim| claim.data.message().len());
        match claim.and_then(|signed| self.channel.caller(signed)) {
            Some(caller) => {
                introduce(extensions, Some(&caller));
                let shares = (self.calls.take(&caller, 1)?, self.bytes.take(&caller, size)?);
                Some(Admitted::Member { _shares: shares })
            }
            None => {
                let permit = self.strangers.clone().try_acquire_owned().ok()?;
                Some(Admitted::Stranger { _permit: permit })
            }
        }
    }
}

/// Who a proposal says it comes from, and the signature that is to prove it.
pub fn claim(proposal: &DecodedProposal) -> Option<SignedData> {
    let identity = proposal.signature.as_ref().ok()?.creator.clone();
    Some(SignedData {
        data: proposal.message().clone(),
        identity,
        signature: proposal.signed.signature.clone(),
    })
}

/// Puts the connection of a request into the account of its caller's organisation.
pub fn introduce(extensions: &Extensions, caller: Option<&Caller>) {
    if let (Some(accepted), Some(caller)) = (transport::accepted(extensions), caller) {
        accepted.handle.settle(Some(caller.organisation.clone()));
    }
}
