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
    /// The fields are sent to `body` and to the accreditation body. Without it a peer of the caller's own organisation is asked
    /// which body the application is for; that peer must have the chaincode.
    pub async fn confidential_submit(
        &self,
        application: Code,
        fields: &[ConfidentialField],
        body: Option<&str>,
    ) -> Result<Update, CallError> {
        // Texts and JSON can always be written; nothing at all the contract refuses.
        let entry = serde_json::to_vec(fields).unwrap_or_default();
        let body = match body {
            Some(body) => body.to_owned(),
            None => self.body_of(application).await?,
        };
        let mut call = self.held_by_both("confidential:submit", &body, [application.to_string()]);
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
        let body = self.body_of(application).await?;
        Ok(Update(self.held_by_both("confidential:purge", &body, arguments)))
    }

    async fn body_of(&self, application: Code) -> Result<String, CallError> {
        let Application { body } = self.at_own_peer(self.application_get(application))?.read().await?;
        Ok(body)
    }

    /// A call endorsed by the two organisations that hold the application's confidential fields, and by no other.
    fn held_by_both(
        &self,
        function: &'static str,
        body: &str,
        arguments: impl IntoIterator<Item = String>,
    ) -> Call {
        let mut call = self.call(function, arguments);
        call.invocation = call.invocation.organizations([body, parties::ACCREDITATION_BODY]);
        call
    }

    /// The same question, for a peer of the caller's own organisation alone: asked of another's, the answer could be its invention.
    pub fn at_own_peer(&self, Query(mut call): Query) -> Result<Query, CallError> {
        let own = self.gateway.organization().map_err(CallError::from)?;
        call.invocation = call.invocation.organizations([own]);
        Ok(Query(call))
    }
}
