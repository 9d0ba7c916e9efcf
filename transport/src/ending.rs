//! How a call is ended from outside, where the task that works on it can be reached.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    task::{Context, Waker},
};

/// Shared by a body, which asks whether it must end whenever it is polled, and by who may decide so.
#[derive(Debug, Default)]
pub(crate) struct Ending(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    ended: bool,
    /// The body waits to be polled again, by the task of this waker.
    waits: bool,
    waker: Option<Waker>,
}

impl Ending {
    /// Whether the call has been ended; if not, the task is woken when it is.
    pub(crate) fn has_ended(&self, context: &mut Context<'_>) -> bool {
        let mut state = self.state();
        if !state.ended {
            state.waits = true;
            state.waker = Some(context.waker().clone());
        }
        state.ended
    }

    /// The body does not wait: what it gives is elsewhere now, and the caller may never come back for more. Says whether the call
    /// was ended before: then nothing may be given.
    pub(crate) fn goes_on(&self) -> bool {
        let mut state = self.state();
        state.waits = false;
        state.ended
    }

    /// Has the body polled again, to see whether it can go on.
    pub(crate) fn wake(&self) {
        let waker = self.state().waker.clone();
        waker.into_iter().for_each(Waker::wake);
    }

    /// Ends the call if its body waits. If not, what has been given out may lie with HTTP/2 for ever, which takes
    /// it back from no account.
    pub(crate) fn end(&self) -> bool {
        let mut state = self.state();
        state.ended |= state.waits;
        let ended = state.ended;
        drop(state);
        if ended {
            self.wake();
        }
        ended
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
