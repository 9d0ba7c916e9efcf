//! An envelope on its way into a block, and the answer that its client waits for.

use fabric::{proto::msp::SerializedIdentity, types::decode};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use super::{
    ending::{EndSignal, ended},
    metrics::{self, RefusalReason},
    shares::{Caller, Share},
};
use ordering::{Admitted, Refusal};

/// An admitted envelope that waits to be ordered.
pub struct Submission {
    pub admitted: Admitted,
    /// Its creator: an organisation and a certificate, however that is spelled. `None` where the limits do not apply.
    pub caller: Option<Caller>,
    answer: oneshot::Sender<Result<(), Refusal>>,
    /// What it takes of its creator's places and bytes in the queue.
    shares: Option<(Share, Share)>,
}

/// The orderer's answer to an envelope, given when the envelope is in a block or will be in none.
pub struct Answer {
    /// Who signed the envelope, if that has been verified; it may have been refused all the same.
    pub caller: Option<Caller>,
    pub(super) queued: Result<Queued, Refusal>,
}

/// An envelope in the queue, as the one who sent it sees it.
pub(super) struct Queued {
    answer: oneshot::Receiver<Result<(), Refusal>>,
    /// Why the channel has ended, once it has.
    end: EndSignal,
}

impl Submission {
    pub(super) fn new(
        admitted: Admitted,
        caller: Option<Caller>,
        shares: Option<(Share, Share)>,
        end: EndSignal,
    ) -> (Self, Queued) {
        let (sender, answer) = oneshot::channel();
        (Self { admitted, caller, answer: sender, shares }, Queued { answer, end })
    }

    /// The same envelope, validated anew.
    pub fn readmitted(self, admit: impl FnOnce(Admitted) -> Result<Admitted, Refusal>) -> Option<Self> {
        match admit(self.admitted) {
            Ok(admitted) => {
                Some(Self { admitted, caller: self.caller, answer: self.answer, shares: self.shares })
            }
            Err(refusal) => {
                metrics::refused(RefusalReason::NoLongerAdmitted);
                let _ = self.answer.send(Err(refusal));
                None
            }
        }
    }

    /// It is in the block that is about to be committed.
    pub fn ordered(self) {
        // A client that has left needs no answer.
        let _ = self.answer.send(Ok(()));
    }

    pub fn refuse(self, refusal: Refusal) {
        let _ = self.answer.send(Err(refusal));
    }

    /// The creator's organisation, and a short hash of its identity that tells it from others.
    pub fn creator(&self) -> String {
        let creator = &self.admitted.creator;
        let mspid = decode::<SerializedIdentity>(creator.clone()).map(|identity| identity.mspid);
        let hash = hex::encode(Sha256::digest(creator));
        format!("{} {}", mspid.unwrap_or_default(), hash.get(..16).unwrap_or_default())
    }
}

impl Answer {
    /// Whether the envelope was refused at once.
    pub fn is_refusal(&self) -> bool {
        self.queued.is_err()
    }

    /// Waits until the envelope is in a block, or is refused.
    pub async fn wait(self) -> Result<(), Refusal> {
        let Queued { answer, end } = self.queued?;
        if let Ok(answer) = answer.await {
            return answer;
        }
        // Only the end of the pipeline leaves an envelope without an answer, and a block leaves the pipeline only after
        // its envelopes are answered.
        let ended = ended(end).await;
        Err(Refusal::unavailable(format!("the transaction was not ordered: {ended}")))
    }
}
