//! Who waits for which transaction's verdict.

use std::collections::HashMap;

use fabric::proto::protos::TxValidationCode;
use parking_lot::Mutex;
use tokio::sync::oneshot;

/// The verdict on a transaction and the block that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionStatus {
    pub code: TxValidationCode,
    pub block: u64,
}

/// Waiting callers by transaction id.
#[derive(Default)]
pub struct Commits {
    waiting: Mutex<HashMap<String, Vec<oneshot::Sender<TransactionStatus>>>>,
}

/// A caller that waits; it leaves the table when this is dropped.
pub struct Waiting<'c> {
    commits: &'c Commits,
    txid: &'c str,
    verdict: oneshot::Receiver<TransactionStatus>,
}

impl Commits {
    /// Waits from now on; ask the ledger afterwards, so that no commit is missed in between.
    pub fn wait_for<'c>(&'c self, txid: &'c str) -> Waiting<'c> {
        let (sender, verdict) = oneshot::channel();
        self.waiting.lock().entry(txid.to_owned()).or_default().push(sender);
        Waiting { commits: self, txid, verdict }
    }

    /// Tells everyone who waits for `txid`. A duplicate's verdict is not the transaction's.
    pub fn announce(&self, txid: &str, status: TransactionStatus) {
        if status.code == TxValidationCode::DuplicateTxid {
            return;
        }
        for waiter in self.waiting.lock().remove(txid).unwrap_or_default() {
            // A caller that left meanwhile has dropped the receiver.
            let _ = waiter.send(status);
        }
    }

    fn forget_closed(&self, txid: &str) {
        let mut waiting = self.waiting.lock();
        let Some(waiters) = waiting.get_mut(txid) else { return };
        waiters.retain(|waiter| !waiter.is_closed());
        if waiters.is_empty() {
            waiting.remove(txid);
        }
    }
}

impl Waiting<'_> {
    /// None if the table is gone.
    pub async fn verdict(mut self) -> Option<TransactionStatus> {
        (&mut self.verdict).await.ok()
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.verdict.close();
        self.commits.forget_closed(self.txid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_entry_leaves_with_its_call() {
        let commits = Commits::default();
        let (first, second) = (commits.wait_for("a"), commits.wait_for("a"));
        drop((first, commits.wait_for("b")));
        assert_eq!(commits.waiting.lock().keys().collect::<Vec<_>>(), ["a"]);
        let status = TransactionStatus { code: TxValidationCode::Valid, block: 7 };
        let (told, ()) = tokio::join!(second.verdict(), async { commits.announce("a", status) });
        assert_eq!(told, Some(status));
        assert!(commits.waiting.lock().is_empty());
    }
}
