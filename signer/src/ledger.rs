//! What the ledger says of a decision.

use certificate::{Code, json::Json, proof::document_hash};
use peer_client::certificate::{CallError, Contract};
use serde_json::Value;

/// Why a document is not signed.
#[derive(Debug, thiserror::Error)]
pub enum NotSigned {
    /// The ledger, or a rule, says no.
    #[error("{0}")]
    Refused(String),
    /// The ledger did not answer.
    #[error("{0}")]
    Failed(String),
}

/// Asks for the application on which a certificate would be granted.
pub trait Decisions: Send + Sync + 'static {
    /// As `application:get` answers.
    fn application(&self, id: Code) -> impl Future<Output = Result<Value, NotSigned>> + Send;
}

impl Decisions for Contract {
    async fn application(&self, id: Code) -> Result<Value, NotSigned> {
        let asked = async { self.at_own_peer(self.application_get(id))?.read().await };
        asked.await.map_err(|error| match error {
            CallError::Refused { message, .. } => NotSigned::Refused(message),
            error => NotSigned::Failed(error.to_string()),
        })
    }
}

/// Passes the document on which the application of this id is decided by `body`, and no other.
pub fn check(id: Code, body: &str, application: &Value, document: &Value) -> Result<(), NotSigned> {
    let text = |pointer| application.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    if text("/application") != id.to_string() {
        return Err(NotSigned::Failed("the answer is about another application".into()));
    }
    if text("/body") != body {
        return Err(NotSigned::Refused(format!(
            "the application is {}'s, this signer {body}'s",
            text("/body")
        )));
    }
    if text("/state") != "decided" {
        return Err(NotSigned::Refused(format!("the application is {}, not decided", text("/state"))));
    }
    let (decided, hash) = (text("/decision/document"), hash(document)?);
    if decided != hash {
        return Err(NotSigned::Refused(format!(
            "the application was decided on the document of the hash {decided}, this one has {hash}"
        )));
    }
    Ok(())
}

/// As the contract has it: of the document in canonical form, without a proof.
fn hash(document: &Value) -> Result<String, NotSigned> {
    let hash = document_hash(&Json::from(document))
        .map_err(|error| NotSigned::Refused(format!("the document cannot be hashed: {error}")))?;
    Ok(format!("sha256:{}", hex::encode(hash)))
}
