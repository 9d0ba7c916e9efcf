//! The calls of the certificate contract. Each is named as the contract names its function (`docs/contract.md`), takes what
//! the function takes, and is sent when it is asked for.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use certificate::Code;
//! use msp::SigningIdentity;
//! use peer_client::{Endpoint, Gateway, certificate::{CallError, Contract}};
//! use serde_json::Value;
//!
//! # async fn example(
//! #     identity: Arc<SigningIdentity>,
//! #     tls_ca: Vec<u8>,
//! #     signed_document: Vec<u8>,
//! #     code: Code,
//! # ) -> Result<(), Box<dyn std::error::Error>> {
//! let endpoint = Endpoint::tls("localhost:7051", tls_ca).with_server_name("peer0.certbody.example");
//! let gateway = Gateway::connect(&endpoint, identity).await?;
//! let contract = Contract::new(gateway, "nanotrace", "nanotrace");
//!
//! // A conflict with another transaction wrote nothing: the call is made anew.
//! match contract.certificate_issue(signed_document).submit_again_on_conflict().await {
//!     Ok(issued) => println!("in block {}", issued.block),
//!     Err(CallError::Refused { status: 409, message }) => println!("issued before: {message}"),
//!     Err(error) => return Err(error.into()),
//! }
//!
//! let record: Value = contract.certificate_get(code, None).read().await?;
//! println!("{}", record["verdict"]["result"]);
//! # Ok(())
//! # }
//! ```
//!
//! # When a call may be repeated
//! - After a conflict ([`NotCommitted::is_conflict`](crate::NotCommitted::is_conflict)), always: the transaction stands in a block, invalid, and no later block
//!   makes it valid. It wrote nothing, so that the call made anew is the first that does
//!   ([`Update::submit_again_on_conflict`]; test `a_conflict_is_submitted_again_and_nothing_else_is`).
//! - After a refusal, not without a change: the contract would refuse it again.
//! - After any other failure it is not known whether the transaction will get into a block. Of two that do, the contract
//!   refuses the second with 409, unless the first was undone meanwhile (a suspension lifted, say); `ledger:tick` writes
//!   nothing. [`Update::submit_once`] takes 409 for success: it is for set-up, where nothing else stands in the way.

mod confidential;

use bytes::Bytes;
use certificate::{
    Code, DateTime, Part,
    chaincode::REGISTRY,
    contract::part_of,
    record::{Conclusion, Effect, Recommendation},
    refusal::Violation,
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{Error, Gateway, GatewayError, Invocation, Proposal, Transaction};

/// How often a call is submitted at most where each transaction meets a conflict.
const SUBMISSIONS: usize = 3;

/// The certificate contract on one channel, in the name of its gateway's identity: one certification body's chaincode, and
/// the registry's for schemes, accreditations and laboratories.
#[derive(Clone, Debug)]
pub struct Contract {
    gateway: Gateway,
    channel: String,
    chaincode: String,
    registry: String,
}

/// A call that reads: one peer answers it.
#[derive(Clone, Debug)]
pub struct Query(Call);

/// A call that writes: peers endorse it, and it holds once it is in a block and valid.
#[derive(Clone, Debug)]
pub struct Update(Call);

#[derive(Clone, Debug)]
struct Call {
    gateway: Gateway,
    function: &'static str,
    invocation: Invocation,
}

/// A transaction that is on the ledger and valid.
#[derive(Clone, Debug)]
pub struct Committed {
    pub transaction_id: String,
    pub block: u64,
    /// The function's answer, JSON as `docs/contract.md` shows it.
    pub result: Bytes,
}

/// Why a call gave no result.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The contract's own answer; the status is in the manner of HTTP.
    #[error("refused ({status}): {message}")]
    Refused { status: u16, message: String },
    #[error("reading the answer to {function}")]
    Answer { function: &'static str, source: serde_json::Error },
    #[error(transparent)]
    Failed(Error),
}

impl Contract {
    /// `chaincode` is the body's.
    pub fn new(gateway: Gateway, channel: impl Into<String>, chaincode: impl Into<String>) -> Self {
        let (channel, chaincode) = (channel.into(), chaincode.into());
        Self { gateway, channel, chaincode, registry: REGISTRY.to_owned() }
    }

    /// MSP id of the caller.
    pub fn organization(&self) -> Result<String, CallError> {
        Ok(self.gateway.organization()?)
    }

    /// Asks the body's chaincode for schemes and accreditations: it had them before there was a registry, and what it has
    /// counts on.
    pub fn before_registry(&self) -> Self {
        Self { registry: self.chaincode.clone(), ..self.clone() }
    }

    /// The same, of another certification body's chaincode.
    pub fn of_chaincode(&self, chaincode: impl Into<String>) -> Self {
        Self { chaincode: chaincode.into(), ..self.clone() }
    }

    /// Waits until this gateway's peer has a transaction that was submitted through another one. Until then what this peer
    /// endorses does not follow on it.
    pub async fn wait_for(&self, committed: &Committed) -> Result<(), CallError> {
        self.gateway.commit(&self.channel, &committed.transaction_id)?.status().await?;
        Ok(())
    }

    /// `genesis` is `sha256:` and the lower-case hex of the SHA-256 of the genesis block's header.
    /// `body` is the MSP id of the certification body whose chaincode it is.
    pub fn ledger_bind(&self, genesis: &str, body: &str) -> Update {
        self.update("ledger:bind", [genesis, body])
    }

    pub fn ledger_get(&self) -> Query {
        self.query("ledger:get", NONE)
    }

    pub fn ledger_tick(&self) -> Update {
        self.update("ledger:tick", NONE)
    }

    pub fn scheme_register(&self, request: &Value) -> Update {
        self.update("scheme:register", [request.to_string()])
    }

    pub fn scheme_get(&self, id: &str, version: &str) -> Query {
        self.query("scheme:get", [id, version])
    }

    pub fn scheme_list(&self) -> Query {
        self.query("scheme:list", NONE)
    }

    pub fn accreditation_register(&self, request: &Value) -> Update {
        self.update("accreditation:register", [request.to_string()])
    }

    /// `body` is an MSP id, here and below.
    pub fn accreditation_suspend(&self, body: &str, scheme_id: &str, effect: Effect, reason: &str) -> Update {
        let effect = match effect {
            Effect::NewGrants => "newGrants",
            Effect::AllCertificates => "allCertificates",
        };
        self.update("accreditation:suspend", [body, scheme_id, effect, reason])
    }

    pub fn accreditation_restore(&self, body: &str, scheme_id: &str, reason: &str) -> Update {
        self.update("accreditation:restore", [body, scheme_id, reason])
    }

    /// `term` is `{"number", "validFrom", "validUntil"}`, and follows on the last.
    pub fn accreditation_renew(&self, body: &str, scheme_id: &str, term: &Value, reason: &str) -> Update {
        self.update("accreditation:renew", [body, scheme_id, &term.to_string(), reason])
    }

    /// `scope` is `{"standards", "categories"}`, of which one that is absent limits nothing.
    pub fn accreditation_change_scope(
        &self,
        body: &str,
        scheme_id: &str,
        scope: &Value,
        reason: &str,
    ) -> Update {
        self.update("accreditation:changeScope", [body, scheme_id, &scope.to_string(), reason])
    }

    pub fn accreditation_get(&self, body: &str, scheme_id: &str) -> Query {
        self.query("accreditation:get", [body, scheme_id])
    }

    pub fn accreditation_list(&self) -> Query {
        self.query("accreditation:list", NONE)
    }

    /// The body issues nothing any more; `successor` (an MSP id) takes its certificates over in `chaincode`.
    pub fn body_end(&self, body: &str, successor: &str, chaincode: &str, reason: &str) -> Update {
        self.update("body:end", [body, successor, chaincode, reason])
    }

    pub fn body_get(&self, body: &str) -> Query {
        self.query("body:get", [body])
    }

    /// The bodies that have ended.
    pub fn body_list(&self) -> Query {
        self.query("body:list", NONE)
    }

    pub fn issuer_key_propose(&self, request: &Value) -> Update {
        self.update("issuerKey:propose", [request.to_string()])
    }

    /// `public_key` is Multikey text, here and below.
    pub fn issuer_key_approve(&self, body: &str, public_key: &str) -> Update {
        self.update("issuerKey:approve", [body, public_key])
    }

    pub fn issuer_key_revoke(&self, body: &str, public_key: &str, reason: &str) -> Update {
        self.update("issuerKey:revoke", [body, public_key, reason])
    }

    /// Certificates that were issued at `from` or later are not valid.
    pub fn issuer_key_compromise(
        &self,
        body: &str,
        public_key: &str,
        from: DateTime,
        reason: &str,
    ) -> Update {
        self.update("issuerKey:compromise", [body, public_key, &from.to_string(), reason])
    }

    pub fn issuer_key_get(&self, body: &str, public_key: &str) -> Query {
        self.query("issuerKey:get", [body, public_key])
    }

    pub fn issuer_key_list(&self) -> Query {
        self.query("issuerKey:list", NONE)
    }

    /// The rules that a signed document in canonical form breaks, those of the ledger included.
    pub async fn certificate_check(&self, document: impl Into<Bytes>) -> Result<Vec<Violation>, CallError> {
        let check = Query(self.call("certificate:check", [document]));
        let Checked { violations } = check.read().await?;
        let violation = |Broken { pointer, value, rule }| Violation { pointer, value, rule };
        Ok(violations.into_iter().map(violation).collect())
    }

    /// The document is signed and in canonical form.
    pub fn certificate_issue(&self, document: impl Into<Bytes>) -> Update {
        Update(self.call("certificate:issue", [document]))
    }

    /// The verdict and what is behind it, now or at a past moment.
    pub fn certificate_get(&self, certificate: Code, at: Option<DateTime>) -> Query {
        let arguments = [Some(certificate.to_string()), at.map(|at| at.to_string())];
        self.query("certificate:get", arguments.into_iter().flatten())
    }

    /// The answer is the signed document, byte for byte.
    pub fn certificate_document(&self, certificate: Code) -> Query {
        self.query("certificate:document", [certificate.to_string()])
    }

    /// A page of certificates that have all members of `wanted`; an object without members asks for all.
    pub fn certificate_list(&self, wanted: &Value) -> Query {
        self.query("certificate:list", [wanted.to_string()])
    }

    /// For at most 100 certificates, of which a list would not have those that were issued before there were entries.
    pub fn certificate_index(&self, certificates: &[Code]) -> Update {
        self.update("certificate:index", [json!({"certificates": certificates}).to_string()])
    }

    pub fn certificate_history(&self, certificate: Code) -> Query {
        self.query("certificate:history", [certificate.to_string()])
    }

    pub fn certificate_stop(&self, certificate: Code, reason: &str) -> Update {
        self.update("certificate:stop", [&certificate.to_string(), reason])
    }

    pub fn certificate_lift(&self, certificate: Code, reason: &str) -> Update {
        self.update("certificate:lift", [&certificate.to_string(), reason])
    }

    pub fn certificate_withdraw(&self, certificate: Code, reason: &str) -> Update {
        self.update("certificate:withdraw", [&certificate.to_string(), reason])
    }

    /// Both certificates are of the caller's body; the newer one is issued.
    pub fn certificate_supersede(&self, old: Code, new: Code, reason: &str) -> Update {
        self.update("certificate:supersede", [&old.to_string(), &new.to_string(), reason])
    }

    /// `body` is the MSP id of the body that issued it and has ended, `document` the signed one, byte for byte.
    pub fn certificate_adopt(&self, body: &str, document: impl Into<Bytes>, reason: &str) -> Update {
        let [body, reason] = [body, reason].map(to_bytes);
        Update(self.call("certificate:adopt", [body, document.into(), reason]))
    }

    /// What the successor did with a certificate that it took over, and what follows from that alone.
    pub fn certificate_adoption(&self, certificate: Code, at: Option<DateTime>) -> Query {
        let arguments = [Some(certificate.to_string()), at.map(|at| at.to_string())];
        self.query("certificate:adoption", arguments.into_iter().flatten())
    }

    /// A page of what was taken over in this chaincode; `bookmark` is that of the page before.
    pub fn certificate_adoptions(&self, bookmark: Option<&str>) -> Query {
        self.query("certificate:adoptions", bookmark)
    }

    /// `document` is the one that the application was decided on, signed, in canonical form.
    pub fn certificate_grant(&self, application: Code, document: impl Into<Bytes>) -> Update {
        Update(self.call("certificate:grant", [application.to_string().into(), document.into()]))
    }

    pub fn laboratory_register(&self, request: &Value) -> Update {
        self.update("laboratory:register", [request.to_string()])
    }

    /// `organisation` is an MSP id, here and below.
    pub fn laboratory_suspend(&self, organisation: &str, reason: &str) -> Update {
        self.update("laboratory:suspend", [organisation, reason])
    }

    pub fn laboratory_restore(&self, organisation: &str, reason: &str) -> Update {
        self.update("laboratory:restore", [organisation, reason])
    }

    /// `term` as an accreditation's.
    pub fn laboratory_renew(&self, organisation: &str, term: &Value, reason: &str) -> Update {
        self.update("laboratory:renew", [organisation, &term.to_string(), reason])
    }

    /// `scope` is `{"methods"}`: all that it is accredited for from now on.
    pub fn laboratory_change_scope(&self, organisation: &str, scope: &Value, reason: &str) -> Update {
        self.update("laboratory:changeScope", [organisation, &scope.to_string(), reason])
    }

    pub fn laboratory_get(&self, organisation: &str) -> Query {
        self.query("laboratory:get", [organisation])
    }

    pub fn laboratory_list(&self) -> Query {
        self.query("laboratory:list", NONE)
    }

    pub fn application_submit(&self, request: &Value) -> Update {
        self.update("application:submit", [request.to_string()])
    }

    pub fn application_return(&self, application: Code, reason: &str) -> Update {
        self.update("application:return", [&application.to_string(), reason])
    }

    /// `dossier` is `sha256:` and the lower-case hex of the hash of what is handed in, here and below.
    pub fn application_complete(&self, application: Code, dossier: &str) -> Update {
        self.update("application:complete", [&application.to_string(), dossier])
    }

    pub fn application_accept(&self, application: Code) -> Update {
        self.update("application:accept", [application.to_string()])
    }

    pub fn application_refuse(&self, application: Code, reason: &str) -> Update {
        self.update("application:refuse", [&application.to_string(), reason])
    }

    pub fn application_report(&self, application: Code, request: &Value) -> Update {
        self.update("application:report", [application.to_string(), request.to_string()])
    }

    pub fn application_evaluate(
        &self,
        application: Code,
        findings: &str,
        recommendation: Recommendation,
    ) -> Update {
        let recommendation = match recommendation {
            Recommendation::Grant => "grant",
            Recommendation::Refuse => "refuse",
        };
        self.update("application:evaluate", [&application.to_string(), findings, recommendation])
    }

    pub fn application_review(&self, application: Code, reason: &str) -> Update {
        self.update("application:review", [&application.to_string(), reason])
    }

    /// `document` is not signed yet, in canonical form.
    pub fn application_decide(&self, application: Code, document: impl Into<Bytes>) -> Update {
        Update(self.call("application:decide", [application.to_string().into(), document.into()]))
    }

    pub fn application_change(&self, application: Code, dossier: &str, reason: &str) -> Update {
        self.update("application:change", [&application.to_string(), dossier, reason])
    }

    pub fn application_withdraw(&self, application: Code, reason: &str) -> Update {
        self.update("application:withdraw", [&application.to_string(), reason])
    }

    pub fn application_get(&self, application: Code) -> Query {
        self.query("application:get", [application.to_string()])
    }

    /// A page of applications, of one state or of all; `bookmark` is that of the page before.
    pub fn application_list(&self, state: Option<&str>, bookmark: Option<&str>) -> Query {
        self.query("application:list", [Some(state.unwrap_or_default()), bookmark].into_iter().flatten())
    }

    /// No later than the scheme of the certificate asks for.
    pub fn surveillance_plan(&self, certificate: Code, due: DateTime, reason: &str) -> Update {
        self.update("surveillance:plan", [&certificate.to_string(), &due.to_string(), reason])
    }

    pub fn surveillance_record(&self, certificate: Code, findings: &str, conclusion: Conclusion) -> Update {
        let conclusion = match conclusion {
            Conclusion::Conforming => "conforming",
            Conclusion::Nonconforming => "nonconforming",
        };
        self.update("surveillance:record", [&certificate.to_string(), findings, conclusion])
    }

    pub fn surveillance_get(&self, certificate: Code) -> Query {
        self.query("surveillance:get", [certificate.to_string()])
    }

    pub fn complaint_file(&self, request: &Value) -> Update {
        self.update("complaint:file", [request.to_string()])
    }

    pub fn complaint_acknowledge(&self, complaint: Code, reason: &str) -> Update {
        self.update("complaint:acknowledge", [&complaint.to_string(), reason])
    }

    /// Upheld, or else dismissed.
    pub fn complaint_decide(&self, complaint: Code, upheld: bool, reason: &str) -> Update {
        let outcome = if upheld { "upheld" } else { "dismissed" };
        self.update("complaint:decide", [&complaint.to_string(), outcome, reason])
    }

    pub fn complaint_withdraw(&self, complaint: Code, reason: &str) -> Update {
        self.update("complaint:withdraw", [&complaint.to_string(), reason])
    }

    pub fn complaint_get(&self, complaint: Code) -> Query {
        self.query("complaint:get", [complaint.to_string()])
    }

    /// As [`Contract::application_list`].
    pub fn complaint_list(&self, state: Option<&str>, bookmark: Option<&str>) -> Query {
        self.query("complaint:list", [Some(state.unwrap_or_default()), bookmark].into_iter().flatten())
    }

    /// `head` is a SHA-256 in hex; `count` is more than at the last anchor.
    pub fn audit_anchor(&self, log: &str, head: &str, count: u64) -> Update {
        self.update("audit:anchor", [log, head, &count.to_string()])
    }

    pub fn audit_get(&self, organisation: &str, log: &str) -> Query {
        self.query("audit:get", [organisation, log])
    }

    fn query(&self, function: &'static str, arguments: impl IntoIterator<Item: AsRef<str>>) -> Query {
        Query(self.call(function, arguments.into_iter().map(to_bytes)))
    }

    fn update(&self, function: &'static str, arguments: impl IntoIterator<Item: AsRef<str>>) -> Update {
        Update(self.call(function, arguments.into_iter().map(to_bytes)))
    }

    fn call(&self, function: &'static str, arguments: impl IntoIterator<Item: Into<Bytes>>) -> Call {
        let chaincode = match part_of(function) {
            Part::Registry => &self.registry,
            Part::Body => &self.chaincode,
        };
        let invocation = Invocation::new(&self.channel, chaincode, function);
        let invocation = arguments.into_iter().fold(invocation, Invocation::argument);
        Call { gateway: self.gateway.clone(), function, invocation }
    }
}

impl Query {
    /// Asks one peer; nothing is written.
    pub async fn evaluate(&self) -> Result<Bytes, CallError> {
        Ok(self.0.propose()?.evaluate().await?)
    }

    /// Asks one peer for an answer in JSON.
    pub async fn read<T: DeserializeOwned>(&self) -> Result<T, CallError> {
        let answer = self.evaluate().await?;
        serde_json::from_slice(&answer)
            .map_err(|source| CallError::Answer { function: self.0.function, source })
    }
}

impl Update {
    /// The contract's function, as `docs/contract.md` names it.
    pub fn function(&self) -> &'static str {
        self.0.function
    }

    /// The first step alone, for a caller who looks at each; [`Committed::of`] is the rest.
    pub async fn endorse(&self) -> Result<Transaction, CallError> {
        Ok(self.0.propose()?.endorse().await?)
    }

    /// Endorses, orders, and waits until the transaction is in a block and valid.
    pub async fn submit(&self) -> Result<Committed, CallError> {
        Ok(Committed::of(&self.endorse().await?).await?)
    }

    /// Submits what may be on the ledger already; `None` where the contract says that it is.
    pub async fn submit_once(&self) -> Result<Option<Committed>, CallError> {
        once(self.submit().await)
    }

    /// Submits; where another transaction changed meanwhile what this one had read, anew, three times at most.
    pub async fn submit_again_on_conflict(&self) -> Result<Committed, CallError> {
        for _ in 1..SUBMISSIONS {
            match self.submit().await {
                Err(error) if error.is_conflict() => {}
                submitted => return submitted,
            }
        }
        self.submit().await
    }
}

/// Takes it for success that the contract refuses a call because it is done already (409).
pub fn once(submitted: Result<Committed, CallError>) -> Result<Option<Committed>, CallError> {
    match submitted {
        Err(CallError::Refused { status: 409, .. }) => Ok(None),
        submitted => submitted.map(Some),
    }
}

impl Call {
    /// A proposal of this call, with a transaction id of its own.
    fn propose(&self) -> Result<Proposal, Error> {
        self.gateway.proposal(self.invocation.clone())
    }
}

impl Committed {
    /// Orders an endorsed transaction, and waits until it is in a block and valid.
    pub async fn of(transaction: &Transaction) -> Result<Self, Error> {
        let status = transaction.submit().await?.status().await?.successful()?;
        Ok(Self {
            transaction_id: status.transaction_id,
            block: status.block_number,
            result: transaction.result().clone(),
        })
    }
}

impl CallError {
    /// Another transaction changed meanwhile what this one had read; it wrote nothing.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Failed(Error::NotCommitted(invalid)) if invalid.is_conflict())
    }

    /// The network could not be reached, did not answer in time, or had too much to do, or the connection broke (unknown, by
    /// tonic): the same call may succeed later. It is not known whether this one did.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Failed(Error::Connect { .. }) => true,
            Self::Failed(Error::Gateway(gateway)) => {
                gateway.is_unavailable()
                    || gateway.lacks_endorsers()
                    || matches!(gateway.code, tonic::Code::ResourceExhausted | tonic::Code::Unknown)
            }
            _ => self.is_conflict(),
        }
    }
}

impl From<Error> for CallError {
    /// A gateway passes a chaincode's refusal on as text, in its own message or in a peer's detail.
    fn from(error: Error) -> Self {
        match &error {
            Error::Gateway(gateway) => refusal(gateway).unwrap_or(Self::Failed(error)),
            _ => Self::Failed(error),
        }
    }
}

fn refusal(error: &GatewayError) -> Option<CallError> {
    let details = error.details.iter().map(|detail| detail.message.as_str());
    details.chain([error.message.as_str()]).find_map(parse_refusal)
}

/// `… chaincode response 409, scheme:register: scheme … is registered`
fn parse_refusal(text: &str) -> Option<CallError> {
    let (_, response) = text.split_once("chaincode response ")?;
    let (status, message) = response.split_once(", ")?;
    Some(CallError::Refused { status: status.parse().ok()?, message: message.to_owned() })
}

const NONE: [&str; 0] = [];

fn to_bytes(text: impl AsRef<str>) -> Bytes {
    Bytes::copy_from_slice(text.as_ref().as_bytes())
}

/// The answer to `certificate:check`.
#[derive(Deserialize)]
struct Checked {
    violations: Vec<Broken>,
}

#[derive(Deserialize)]
struct Broken {
    pointer: String,
    value: String,
    rule: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_found_in_what_the_gateway_says() {
        let text = "chaincode response 404, certificate:get: no certificate 0, and none ever was";
        let Some(CallError::Refused { status, message }) = parse_refusal(text) else {
            unreachable!("a refusal")
        };
        assert_eq!(status, 404);
        assert_eq!(message, "certificate:get: no certificate 0, and none ever was");
        for other in ["", "chaincode response", "chaincode response x, y", "endorsement failed"] {
            assert!(parse_refusal(other).is_none(), "{other}");
        }
    }
}
