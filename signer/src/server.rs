//! Answers those who may connect.

use std::{fmt::Display, io, sync::Arc, time::Duration};

use certificate::{
    DateTime,
    contract::DECISION_DAYS,
    document::{Document, check_draft},
    refusal::Violation,
};
use ed25519_dalek::SigningKey;
use issuing::sign::{SignError, sign};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::Semaphore,
};

use crate::{
    ledger::{Decisions, NotSigned, check},
    protocol::{self, Answer, Request},
};

/// Requests at once; those who come later wait.
const REQUESTS: usize = 8;

/// After a connection could not be taken, for want of descriptors, say.
const PAUSE: Duration = Duration::from_millis(100);

/// The key, and where decisions are looked up.
pub struct Signer<D> {
    key: SigningKey,
    /// MSP id of the body whose key it is.
    body: String,
    decisions: D,
    now: fn() -> DateTime,
}

impl<D: Decisions> Signer<D> {
    /// `now` is the clock that proofs are dated by.
    pub fn new(key: SigningKey, body: String, decisions: D, now: fn() -> DateTime) -> Self {
        Self { key, body, decisions, now }
    }

    /// Signs the document if the ledger says that the application is decided on it.
    pub async fn sign(&self, request: &Request) -> Result<String, NotSigned> {
        let Request { application, document } = request;
        check(*application, &self.body, &self.decisions.application(*application).await?, document)?;
        let now = (self.now)();
        check_draft(document).map_err(broken).and_then(|document| check_fresh(&document, now))?;
        let signed = sign(document, &self.key, now).map_err(|error| match error {
            SignError::Rules(rules) => broken(rules),
            error => NotSigned::Refused(error.to_string()),
        })?;
        String::from_utf8(signed).map_err(|error| NotSigned::Refused(error.to_string()))
    }

    /// What the signer answers to a request, and its log names who asked.
    pub async fn answer(&self, request: &Request, user: impl Display) -> Answer {
        let application = request.application;
        match self.sign(request).await {
            Ok(signed) => {
                tracing::info!(%application, %user, "signed");
                Answer::Signed(signed)
            }
            Err(NotSigned::Refused(why)) => {
                tracing::warn!(%application, %user, why, "refused");
                Answer::Refused(why)
            }
            Err(NotSigned::Failed(why)) => {
                tracing::warn!(%application, %user, why, "the ledger did not answer");
                Answer::Failed(why)
            }
        }
    }

    /// Answers until `stopped` ends. Requests that are being answered then are broken off: their clients ask again.
    pub async fn serve(self, listener: UnixListener, stopped: impl Future<Output = ()>) {
        let (signer, requests) = (Arc::new(self), Arc::new(Semaphore::new(REQUESTS)));
        let accept = async {
            loop {
                // Never closed.
                let Ok(permit) = Arc::clone(&requests).acquire_owned().await else { return };
                match listener.accept().await {
                    Ok((stream, _)) => {
                        let signer = Arc::clone(&signer);
                        tokio::spawn(async move {
                            if let Err(error) = signer.converse(stream).await {
                                tracing::warn!(%error, "a request was not answered");
                            }
                            drop(permit);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection was not taken");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = accept => {}
            () = stopped => {}
        }
    }

    async fn converse(&self, mut stream: UnixStream) -> io::Result<()> {
        let user = stream.peer_cred()?.uid();
        let request: Request = match protocol::read(&mut stream, protocol::PROMPT).await {
            Ok(request) => request,
            Err(error) => {
                let refused = Answer::Refused(format!("the request is not understood: {error}"));
                return protocol::write(&mut stream, &refused).await;
            }
        };
        protocol::write(&mut stream, &self.answer(&request, user).await).await
    }
}

fn broken(rules: Vec<Violation>) -> NotSigned {
    NotSigned::Refused(rules.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

/// What could not be granted any more is not signed either: it would be a genuine document that no ledger has.
fn check_fresh(document: &Document, now: DateTime) -> Result<(), NotSigned> {
    if document.decided.plus_days(DECISION_DAYS) < now {
        let text = format!("the decision of {} is more than {DECISION_DAYS} days old", document.decided);
        return Err(NotSigned::Refused(text));
    }
    if document.validity.until <= now {
        return Err(NotSigned::Refused(format!(
            "the document's validity has ended on {}",
            document.validity.until
        )));
    }
    Ok(())
}
