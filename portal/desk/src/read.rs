//! What pages read from the ledger, each answer within a time.

use std::time::Duration;

use certificate::Code;
use futures::future::join_all;
use peer_client::{
    EventStream, PastCall, StartAt,
    certificate::{CallError, Contract, Query},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use tokio::time::timeout;

use crate::{
    Accreditation, Application, ApplicationSummary, Body, Certificate, CertificateSummary, Complaint,
    Confidential, IssuerKey, Laboratory, Organisation, Scheme,
};

/// For one answer, a broken connection that is made anew included.
const ANSWER: Duration = Duration::from_secs(6);

/// Why the ledger gave no answer. Nothing was changed by asking.
#[derive(Debug, thiserror::Error)]
pub enum Away {
    #[error("the ledger cannot be reached: {0}")]
    Unreachable(String),
    #[error("the ledger did not answer in time")]
    TimedOut,
    #[error("this is another ledger than the one of the connection profile")]
    OtherLedger,
    #[error("the ledger knows no certification body {0}")]
    NoBody(String),
    #[error(transparent)]
    Call(CallError),
}

impl From<CallError> for Away {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Failed(error @ peer_client::Error::Connect { .. }) => {
                Self::Unreachable(error.to_string())
            }
            error => Self::Call(error),
        }
    }
}

/// Some of a list, and where it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    pub found: Vec<T>,
    pub bookmark: Option<String>,
}

impl Organisation {
    /// An application of a body; none where it knows no such one.
    pub async fn application(&self, body: &str, application: Code) -> Result<Option<Application>, Away> {
        let contract = self.existing(body).await?;
        unless_unknown(ask(self.of_body(body, &contract, contract.application_get(application))?).await)
    }

    /// Some of the applications to a body, of all states; the ledger looks at a hundred for one answer.
    pub async fn applications(
        &self,
        body: &str,
        bookmark: Option<&str>,
    ) -> Result<Page<ApplicationSummary>, Away> {
        #[derive(Deserialize)]
        struct Listed {
            applications: Vec<ApplicationSummary>,
            bookmark: Option<String>,
        }
        let contract = self.existing(body).await?;
        let Listed { applications, bookmark } =
            ask(self.of_body(body, &contract, contract.application_list(None, bookmark))?).await?;
        Ok(Page { found: applications, bookmark })
    }

    /// A certificate of a body; none where it knows no such one.
    pub async fn certificate(&self, body: &str, certificate: Code) -> Result<Option<Certificate>, Away> {
        let contract = self.existing(body).await?;
        unless_unknown(ask(self.of_body(body, &contract, contract.certificate_get(certificate, None))?).await)
    }

    /// Some of a body's certificates that have all members of `wanted` (`certificate:list`); a `bookmark` in it goes on.
    pub async fn certificates(&self, body: &str, wanted: &Value) -> Result<Page<CertificateSummary>, Away> {
        #[derive(Deserialize)]
        struct Listed {
            certificates: Vec<CertificateSummary>,
            bookmark: Option<String>,
        }
        let contract = self.existing(body).await?;
        let Listed { certificates, bookmark } =
            ask(self.of_body(body, &contract, contract.certificate_list(wanted))?).await?;
        Ok(Page { found: certificates, bookmark })
    }

    /// What the ledger has of an application's confidential part; none where nothing was handed in.
    pub async fn confidential(&self, body: &str, application: Code) -> Result<Option<Confidential>, Away> {
        let contract = self.existing(body).await?;
        unless_unknown(ask(self.of_body(body, &contract, contract.confidential_hashes(application))?).await)
    }

    /// A complaint to a body; none where it knows no such one.
    pub async fn complaint(&self, body: &str, complaint: Code) -> Result<Option<Complaint>, Away> {
        let contract = self.existing(body).await?;
        unless_unknown(ask(self.of_body(body, &contract, contract.complaint_get(complaint))?).await)
    }

    /// Some of the complaints to a body, of all states.
    pub async fn complaints(&self, body: &str, bookmark: Option<&str>) -> Result<Page<Complaint>, Away> {
        #[derive(Deserialize)]
        struct Listed {
            complaints: Vec<Complaint>,
            bookmark: Option<String>,
        }
        let contract = self.existing(body).await?;
        let Listed { complaints, bookmark } =
            ask(self.of_body(body, &contract, contract.complaint_list(None, bookmark))?).await?;
        Ok(Page { found: complaints, bookmark })
    }

    /// The block in which a transaction is.
    pub async fn block_of(&self, transaction: &str) -> Result<u64, Away> {
        let gateway = self.gateway().await?;
        let commit = gateway.commit(self.channel(), transaction).map_err(CallError::from)?;
        let status = timeout(ANSWER, commit.status()).await.map_err(|_| Away::TimedOut)?;
        Ok(status.map_err(CallError::from)?.block_number)
    }

    /// What a transaction called, as it stands in its block.
    pub async fn past_call(&self, transaction: &str) -> Result<PastCall, Away> {
        let gateway = self.gateway().await?;
        let call = timeout(ANSWER, gateway.past_call(self.channel(), transaction));
        Ok(call.await.map_err(|_| Away::TimedOut)?.map_err(CallError::from)?)
    }

    /// The events of a body's chaincode from here on.
    pub async fn events(&self, body: &Body, start: StartAt) -> Result<EventStream, Away> {
        let gateway = self.gateway().await?;
        let events = timeout(ANSWER, gateway.chaincode_events(self.channel(), &body.chaincode, start));
        Ok(events.await.map_err(|_| Away::TimedOut)?.map_err(CallError::from)?)
    }

    pub async fn schemes(&self) -> Result<Vec<Scheme>, Away> {
        ask(self.registry().await?.scheme_list()).await
    }

    pub async fn accreditations(&self) -> Result<Vec<Accreditation>, Away> {
        ask(self.registry().await?.accreditation_list()).await
    }

    /// The issuer keys of a body.
    pub async fn issuer_keys(&self, body: &str) -> Result<Vec<IssuerKey>, Away> {
        let contract = self.existing(body).await?;
        ask(self.of_body(body, &contract, contract.issuer_key_list())?).await
    }

    /// The bodies, each with its issuer keys, or why those could not be read.
    pub async fn keys_of_bodies(&self) -> Result<Vec<(Body, Result<Vec<IssuerKey>, Away>)>, Away> {
        let bodies = self.bodies().await?;
        let answers = join_all(bodies.iter().map(|body| self.issuer_keys(&body.msp_id))).await;
        Ok(bodies.iter().cloned().zip(answers).collect())
    }

    pub async fn laboratories(&self) -> Result<Vec<Laboratory>, Away> {
        ask(self.registry().await?.laboratory_list()).await
    }

    /// A body asks peers of its own about what is its own: another organisation's could invent the answer.
    fn of_body(&self, body: &str, contract: &Contract, query: Query) -> Result<Query, Away> {
        if body == self.msp_id { Ok(contract.at_own_peer(query)?) } else { Ok(query) }
    }

    async fn existing(&self, body: &str) -> Result<Contract, Away> {
        self.contract(body).await?.ok_or_else(|| Away::NoBody(body.to_owned()))
    }
}

pub(crate) async fn ask<T: DeserializeOwned>(query: Query) -> Result<T, Away> {
    Ok(timeout(ANSWER, query.read()).await.map_err(|_| Away::TimedOut)??)
}

pub(crate) fn unless_unknown<T>(answer: Result<T, Away>) -> Result<Option<T>, Away> {
    match answer {
        Err(Away::Call(CallError::Refused { status: 404, .. })) => Ok(None),
        answer => answer.map(Some),
    }
}
