//! Calls about the confidential part of an application. Each names the organisations whose peers may process it, so that no
//! gateway chooses others: a proposal with secrets in its transient map would reach whomever it chooses.

use certificate::{Code, confidential::ConfidentialField, confidential::TRANSIENT_ENTRY, parties};
use serde::Deserialize;

use super::{Call, CallError, Contract, Query, Update};

/// Of an application, what says who holds its confidential fields.
#[derive(Deserialize)]
struct Application {
    body: String,
}

impl Contract {
    /// Hands in confidential fields, each with a salt of its own from the operating system's randomness. Keep them first:
    /// the same call again is then refused with 409, and a field can be opened by who has its salt alone.
    ///
    /// Asks a peer of the caller's own organisation which body the application is for: the fields are sent to that body and
    /// to the accreditation body.
    pub async fn confidential_submit(
        &self,
        application: Code,
        fields: &[ConfidentialField],
    ) -> Result<Update, CallError> {
        // Texts and JSON can always be written; nothing at all the contract refuses.
        let entry = serde_json::to_vec(fields).unwrap_or_default();
        let mut call =
            self.held_by_both("confidential:submit", application, [application.to_string()]).await?;
        call.invocation = call.invocation.transient(TRANSIENT_ENTRY, entry);
        Ok(Update(call))
    }

    /// The public record of an application's confidential fields: their salted hashes.
    pub fn confidential_hashes(&self, application: Code) -> Query {
        self.query("confidential:hashes", [application.to_string()])
    }

    /// The fields, for persons on duty of the two bodies. It can be evaluated alone, at a peer of the caller's own
    /// organisation: an answer of a transaction would stand in a block.
    pub fn confidential_get(&self, application: Code) -> Result<Query, CallError> {
        self.at_own_peer(self.query("confidential:get", [application.to_string()]))
    }

    /// Deletes the fields from the private data of both bodies.
    pub async fn confidential_purge(&self, application: Code, reason: &str) -> Result<Update, CallError> {
        let arguments = [application.to_string(), reason.to_owned()];
        Ok(Update(self.held_by_both("confidential:purge", application, arguments).await?))
    }

    /// A call endorsed by the two organisations that hold the application's confidential fields, and by no other.
    async fn held_by_both(
        &self,
        function: &'static str,
        application: Code,
        arguments: impl IntoIterator<Item = String>,
    ) -> Result<Call, CallError> {
        let Application { body } = self.at_own_peer(self.application_get(application))?.read().await?;
        let mut call = self.call(function, arguments);
        call.invocation = call.invocation.organizations([body.as_str(), parties::ACCREDITATION_BODY]);
        Ok(call)
    }

    /// Asked of another organisation's peer, the answer could be its invention.
    fn at_own_peer(&self, Query(mut call): Query) -> Result<Query, CallError> {
        let own = self.gateway.organization().map_err(CallError::from)?;
        call.invocation = call.invocation.organizations([own]);
        Ok(Query(call))
    }
}
