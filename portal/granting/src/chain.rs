//! From a decision to the certificate. The ledger is asked before each try and after each refusal: what it says is done is not
//! done again, and nothing that lies in the database counts.

use std::{sync::Arc, time::Duration};

use accounts::{Database, now};
use certificate::{Code, DateTime, contract::DECISION_DAYS, json::Json, proof::document_hash};
use desk::{Application, Away, Organisation, Organisations, Step};
use futures::{StreamExt, TryStreamExt, stream};
use peer_client::{PastCall, certificate::CallError};
use serde_json::Value;
use signer::protocol::{Answer, Request};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    signers::{Ask, Signers},
    store::{self, Outcome, Stage, Waiting},
};

/// Time between looks at what is decided.
const IDLE: Duration = Duration::from_secs(1);
/// For one try: the signer's own time, and that of a transaction.
const TRY: Duration = Duration::from_secs(120);
/// Grants of one body at a time.
const AT_ONCE: usize = 4;

/// Grants what is decided, for the bodies that have a signer here.
pub struct Granting {
    database: Database,
    organisations: Arc<Organisations>,
    signers: Signers,
}

/// What kept a try from its end.
enum Trouble {
    Away(Away),
    Database(sqlx::Error),
}

impl From<Away> for Trouble {
    fn from(away: Away) -> Self {
        Self::Away(away)
    }
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl Granting {
    pub fn new(database: Database, organisations: Arc<Organisations>, signers: Signers) -> Self {
        Self { database, organisations, signers }
    }

    /// Grants for as long as it is polled. Bodies do not wait for one another.
    pub async fn run(self) {
        let (this, mut bodies) = (Arc::new(self), JoinSet::new());
        for (body, ask) in this.signers.iter() {
            let (this, body, ask) = (this.clone(), body.clone(), ask.clone());
            bodies.spawn(async move {
                loop {
                    if let Err(error) = this.work(&body, &ask).await {
                        tracing::error!(%error, body, "what is decided cannot be read; it is tried again");
                    }
                    sleep(IDLE).await;
                }
            });
        }
        while bodies.join_next().await.is_some() {}
        std::future::pending().await
    }

    /// Tries everything that is due, once.
    async fn work(&self, body: &str, ask: &Ask) -> Result<(), sqlx::Error> {
        store::take_up(&self.database, body, now()).await?;
        let due = store::due(&self.database, body, now()).await?;
        let tries = stream::iter(due).map(Ok);
        tries.try_for_each_concurrent(AT_ONCE, |waiting| self.go_on(waiting, ask)).await
    }

    async fn go_on(&self, waiting: Waiting, ask: &Ask) -> Result<(), sqlx::Error> {
        let outcome = match timeout(TRY, self.attempt(&waiting, ask)).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(Trouble::Away(away))) => Outcome::Later(away.to_string()),
            Ok(Err(Trouble::Database(error))) => return Err(error),
            Err(_) => Outcome::Later("it took too long".to_owned()),
        };
        store::note(&self.database, &waiting, outcome).await
    }

    async fn attempt(&self, waiting: &Waiting, ask: &Ask) -> Result<Outcome, Trouble> {
        let later = |text: &str| Ok(Outcome::Later(text.to_owned()));
        let Some(organisation) = self.organisations.get(&waiting.body) else {
            return later("this portal was started without an identity of the body");
        };
        let Ok(id) = waiting.application.parse::<Code>() else {
            return Ok(Outcome::Ended("its id is none of the ledger".to_owned()));
        };
        store::reach(&self.database, waiting, Stage::Document).await?;
        let Some(application) = organisation.application(&waiting.body, id).await? else {
            return later("the peer that answered does not know the application");
        };
        let decision = match stand(&application) {
            Stand::Decided(_) if self.signers.of_services_alone && !is_of_service(&application) => {
                let text =
                    "a person submitted it, and no portal: it is left to who works at the command line";
                return Ok(Outcome::Left(text.to_owned()));
            }
            // Not ended: this clock may be wrong, and another look costs little.
            Stand::Decided(decision) if is_too_old(decision, DateTime::from_seconds(now())) => {
                let at = &decision.event.effective_at;
                let text = format!(
                    "the decision of {at} is more than {DECISION_DAYS} days old: it has to be taken anew"
                );
                return Ok(Outcome::Later(text));
            }
            Stand::Decided(decision) => decision,
            Stand::Granted(transaction) => return Ok(granted(organisation, transaction).await),
            Stand::Over(text) => return Ok(Outcome::Ended(text)),
            Stand::Behind => return later("the peer that answered is behind: it knows no decision"),
        };
        let document = match decided_document(organisation, &application, decision).await? {
            Ok(document) => document,
            Err(text) => return Ok(Outcome::Later(text)),
        };
        store::reach(&self.database, waiting, Stage::Signature).await?;
        let signed = match ask(Request { application: id, document }).await {
            Ok(Answer::Signed(signed)) => signed,
            Ok(Answer::Refused(text)) => return Ok(Outcome::Later(format!("the signer refuses: {text}"))),
            Ok(Answer::Failed(text)) => {
                return Ok(Outcome::Later(format!("the signer gets no answer of the ledger: {text}")));
            }
            Err(error) => return Ok(Outcome::Later(format!("the signer does not answer: {error}"))),
        };
        store::reach(&self.database, waiting, Stage::Grant).await?;
        self.grant(organisation, &application, id, signed).await
    }

    async fn grant(
        &self,
        organisation: &Organisation,
        application: &Application,
        id: Code,
        signed: String,
    ) -> Result<Outcome, Trouble> {
        let contract = organisation.contract(&application.body).await?;
        let contract = contract.ok_or_else(|| Away::NoBody(application.body.clone()))?;
        match contract.certificate_grant(id, signed.into_bytes()).submit_again_on_conflict().await {
            Ok(done) => Ok(Outcome::Granted { transaction: done.transaction_id, block: Some(done.block) }),
            Err(CallError::Refused { message, .. }) => {
                // It may be refused because it is done: by what a killed process sent, say. What else forbids it may end.
                let found = organisation.application(&application.body, id).await?;
                match found.map(|it| stand(&it).into_granted()) {
                    Some(Some(transaction)) => Ok(granted(organisation, transaction).await),
                    _ => Ok(Outcome::Later(format!("the ledger refuses: {message}"))),
                }
            }
            Err(error) => Err(Away::from(error).into()),
        }
    }
}

/// In which block it is, is only told besides: where that is not answered, it is granted all the same.
async fn granted(organisation: &Organisation, transaction: String) -> Outcome {
    let block = organisation.block_of(&transaction).await.ok();
    Outcome::Granted { transaction, block }
}

/// How an application stands.
#[derive(Debug, PartialEq, Eq)]
enum Stand<'a> {
    /// By this step.
    Decided(&'a Step),
    /// By this transaction.
    Granted(String),
    /// Nothing is granted on this decision any more.
    Over(String),
    /// No decision is known, nor that it was taken back.
    Behind,
}

impl Stand<'_> {
    fn into_granted(self) -> Option<String> {
        match self {
            Self::Granted(transaction) => Some(transaction),
            _ => None,
        }
    }
}

fn stand(application: &Application) -> Stand<'_> {
    let last = |name: &str| application.steps.iter().rfind(|step| step.step == name);
    match application.state.as_str() {
        "granted" => {
            Stand::Granted(last("grant").map(|step| step.event.transaction_id.clone()).unwrap_or_default())
        }
        "refused" => Stand::Over("the decision was taken back: the application is refused".to_owned()),
        "withdrawn" => Stand::Over("the applicant withdrew the application".to_owned()),
        "decided" => match last("decide") {
            Some(step) => Stand::Decided(step),
            None => Stand::Behind,
        },
        _ => Stand::Behind,
    }
}

/// As the contract judges it.
fn is_too_old(step: &Step, now: DateTime) -> bool {
    DateTime::parse(&step.event.effective_at).is_none_or(|at| at.plus_days(DECISION_DAYS) < now)
}

fn is_of_service(application: &Application) -> bool {
    application.steps.first().is_some_and(|step| step.event.role == "service")
}

/// The document as its decision-maker signed it, or why it is not known.
async fn decided_document(
    organisation: &Organisation,
    application: &Application,
    decision: &Step,
) -> Result<Result<Value, String>, Away> {
    let call = organisation.past_call(&decision.event.transaction_id).await?;
    Ok(document_of(&call, application).map_err(|rule| {
        format!("the transaction {} is not the decision: {rule}", decision.event.transaction_id)
    }))
}

/// Which application was named, and how, need not be asked: nothing but the decided document has its hash.
fn document_of(call: &PastCall, application: &Application) -> Result<Value, &'static str> {
    let [function, _, document] = call.arguments.as_slice() else { return Err("it has other arguments") };
    if function.as_ref() != b"application:decide" {
        return Err("it is another call");
    }
    let document: Value = serde_json::from_slice(document).map_err(|_| "it has no document")?;
    let hash = document_hash(&Json::from(&document)).map_err(|_| "its document cannot be hashed")?;
    let hash = format!("sha256:{}", hex::encode(hash));
    match application.decision.as_ref().is_some_and(|decision| decision.document == hash) {
        true => Ok(document),
        false => Err("its document has another hash than the decided one"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn application(state: &str, steps: &[(&str, &str)], document: &str) -> Application {
        let step = |(name, role): &(&str, &str)| {
            json!({"step": name, "role": role, "by": "CertBodyMSP",
            "effectiveAt": "2026-11-01T12:00:00Z", "transactionId": format!("of {name}")})
        };
        let application = json!({
            "application": "1", "body": "CertBodyMSP", "applicant": "IndustryMSP", "title": "Paint", "schemeId": "S",
            "schemeVersion": "1", "dossier": "sha256:0", "state": state,
            "decision": {"certificate": "C", "document": document},
            "steps": steps.iter().map(step).collect::<Vec<_>>(),
        });
        serde_json::from_value(application).unwrap()
    }

    fn at(text: &str) -> DateTime {
        DateTime::parse(text).unwrap()
    }

    #[test]
    fn what_the_ledger_says_is_what_is_done() {
        let steps = [("submit", "service"), ("decide", "decision-maker")];
        let found = |state| {
            let application = application(state, &steps, "");
            match stand(&application) {
                Stand::Decided(step) => step.event.transaction_id.clone(),
                Stand::Granted(transaction) => transaction,
                Stand::Over(text) => text,
                Stand::Behind => "behind".to_owned(),
            }
        };
        assert_eq!(found("decided"), "of decide", "whatever the clock says: it may be wrong");
        assert!(found("refused").contains("taken back"));
        assert!(found("withdrawn").contains("withdrew"));
        assert_eq!(found("reviewed"), "behind");
        let decided = application("decided", &steps, "");
        let is_too_old =
            |day: &str| is_too_old(decided.steps.last().unwrap(), at(&format!("2026-{day}T12:00:00Z")));
        assert!(!is_too_old("12-01") && is_too_old("12-02"));
        let done = application("granted", &[("decide", ""), ("grant", "service")], "");
        assert_eq!(stand(&done), Stand::Granted("of grant".to_owned()));
        assert!(is_of_service(&application("decided", &steps, "")) && !is_of_service(&done));
    }

    #[test]
    fn a_document_is_the_decided_one_or_none() {
        let document = json!({"b": 1, "a": "x"});
        let hash = document_hash(&Json::from(&document)).unwrap();
        let application = application("decided", &[], &format!("sha256:{}", hex::encode(hash)));
        let call = |arguments: &[&str]| PastCall {
            chaincode: "nanotrace".into(),
            arguments: arguments.iter().map(|text| text.to_string().into()).collect(),
            code: Default::default(),
        };
        let found = |arguments: &[&str]| document_of(&call(arguments), &application);
        assert_eq!(found(&["application:decide", "1", r#"{"a":"x","b":1}"#]), Ok(document));
        for other in [
            &["application:decide", "1", r#"{"a":"x","b":2}"#][..],
            &["application:refuse", "1", r#"{"a":"x","b":1}"#],
            &["application:decide", "1", "{"],
            &["application:decide", "1"],
        ] {
            assert!(found(other).is_err(), "{other:?}");
        }
    }
}
