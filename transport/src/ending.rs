//! How a call is ended from outside, where the task that works on it can be reached.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    task::Context,
};

use futures::task::AtomicWaker;

/// Shared by a body, which asks whether it must end whenever it is polled, and by who may decide so.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    ended: AtomicBool,
    /// Registered while the body waits to be polled again.
    waiting: AtomicWaker,
}

impl Ending {
    /// Whether the call has been ended; if not, the task is woken when it is.
    pub(crate) fn has_ended(&self, context: &mut Context<'_>) -> bool {
        self.waiting.register(context.waker());
        self.ended.load(Ordering::Acquire)
    }

    /// The body does not wait: what it gave is elsewhere now, and nobody may come back for more.
    pub(crate) fn goes_on(&self) {
        self.waiting.take();
    }

    /// Has the body polled again, to see whether it can go on.
    pub(crate) fn wake(&self) {
        self.waiting.wake();
    }

    /// Ends the call if its body waits. If not, what has been given out may lie with HTTP/2 for ever, which takes
    /// it back from nobody.
    pub(crate) fn end(&self) -> bool {
        let Some(waker) = self.waiting.take() else { return false };
        self.ended.store(true, Ordering::Release);
        waker.wake();
        true
    }
}
