//! Ctrl-C and `kill`: how a server of ours is asked to stop, and how it is made to.

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::{
    cert::output,
    exit::{Exit, Failure},
};

/// Both signals, heard from the moment this is made. The first asks the process to stop in order. The second ends it
/// at once, whatever it waits for: what was acknowledged is durable, and the next start recovers the rest.
#[derive(Clone)]
pub struct Signals {
    asked: watch::Receiver<bool>,
}

impl Signals {
    pub fn listen() -> Result<Self, Failure> {
        let listen = |kind| signal(kind).map_err(|error| Failure::during("listening for signals", error));
        let (interrupt, terminate) = (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?);
        let (ask, asked) = watch::channel(false);
        // A task of its own: the process may be busy with something that does not listen.
        tokio::spawn(async move {
            let mut signals = (interrupt, terminate);
            next(&mut signals).await;
            ask.send_replace(true);
            next(&mut signals).await;
            output::warn("stopped at once by a second signal; the next start recovers");
            std::process::exit(Exit::Failure as i32);
        });
        Ok(Self { asked })
    }

    /// Whether somebody has asked this process to stop.
    pub fn is_asked(&self) -> bool {
        *self.asked.borrow()
    }

    /// Turns true when somebody asks this process to stop.
    pub fn asked(&self) -> watch::Receiver<bool> {
        self.asked.clone()
    }

    /// Returns when somebody has asked this process to stop.
    pub async fn received(&mut self) {
        // The sender lives as long as the process.
        let _ = self.asked.wait_for(|asked| *asked).await;
    }
}

async fn next((interrupt, terminate): &mut (Signal, Signal)) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
