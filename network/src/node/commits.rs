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

/// Waiting callers by transaction id. A caller that gives up is forgotten when the table is next swept.
#[derive(Default)]
pub struct Commits {
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    callers: HashMap<String, Vec<oneshot::Sender<TransactionStatus>>>,
    /// No further block comes.
    ended: bool,
}

impl Commits {
    /// Waits from now on; ask the ledger afterwards, so that no commit is missed in between. The receiver closes
    /// when no further block comes.
    pub fn wait_for(&self, txid: &str) -> oneshot::Receiver<TransactionStatus> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.waiting.lock();
        if !waiting.ended {
            waiting.callers.entry(txid.to_owned()).or_default().push(sender);
        }
        receiver
    }

    /// No further block comes: all who wait hear that there is no verdict.
    pub fn end(&self) {
        let mut waiting = self.waiting.lock();
        waiting.ended = true;
        waiting.callers.clear();
    }

    /// Tells everyone who waits for `txid`. A duplicate's verdict is not the transaction's.
    pub fn announce(&self, txid: &str, status: TransactionStatus) {
        if status.code == TxValidationCode::DuplicateTxid {
            return;
        }
        for waiter in self.waiting.lock().callers.remove(txid).unwrap_or_default() {
            // Whoever gave up meanwhile has dropped the receiver.
            let _ = waiter.send(status);
        }
    }

    /// Forgets callers that have given up.
    pub fn sweep(&self) {
        self.waiting.lock().callers.retain(|_, waiters| {
            waiters.retain(|waiter| !waiter.is_closed());
            !waiters.is_empty()
        });
    }
}
