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
    waiting: Mutex<HashMap<String, Vec<oneshot::Sender<TransactionStatus>>>>,
}

impl Commits {
    /// Waits from now on; ask the ledger afterwards, so that no commit is missed in between.
    pub fn wait_for(&self, txid: &str) -> oneshot::Receiver<TransactionStatus> {
        let (sender, receiver) = oneshot::channel();
        self.waiting.lock().entry(txid.to_owned()).or_default().push(sender);
        receiver
    }

    /// Tells everyone who waits for `txid`. A duplicate's verdict is not the transaction's.
    pub fn announce(&self, txid: &str, status: TransactionStatus) {
        if status.code == TxValidationCode::DuplicateTxid {
            return;
        }
        for waiter in self.waiting.lock().remove(txid).unwrap_or_default() {
            // Whoever gave up meanwhile has dropped the receiver.
            let _ = waiter.send(status);
        }
    }

    /// Forgets callers that have given up.
    pub fn sweep(&self) {
        self.waiting.lock().retain(|_, waiters| {
            waiters.retain(|waiter| !waiter.is_closed());
            !waiters.is_empty()
        });
    }
}
