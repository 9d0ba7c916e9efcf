//! Anchors of the portal's own log on the ledger: what was anchored cannot be changed unseen.

use std::time::Duration;

use peer_client::{
    StartAt,
    certificate::{CallError, Committed, Contract},
};
use serde::Deserialize;
use tokio::time::timeout;

use crate::{
    Organisation,
    read::{Away, ask, unless_unknown},
};

/// For one anchor to get into a block.
const SUBMIT: Duration = Duration::from_secs(20);
/// For the next event of a ledger that is read from its beginning.
const NEXT_EVENT: Duration = Duration::from_secs(60);

/// Where a log stood, as the ledger has it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Anchor {
    pub log: String,
    /// The SHA-256 with which it ended, in hexadecimal.
    pub head: String,
    /// How many entries it had.
    pub count: u64,
    anchored: Anchored,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Anchored {
    by: String,
    transaction_id: String,
}

impl Organisation {
    /// The newest anchor of this log of the organisation.
    pub async fn newest_anchor(&self, log: &str) -> Result<Option<Anchor>, Away> {
        unless_unknown(ask(self.own_contract().await?.audit_get(&self.msp_id, log)).await)
    }

    /// Anchors where a log stands: `head` after `count` entries, more than at the last anchor.
    pub async fn anchor(&self, log: &str, head: &str, count: u64) -> Result<Committed, Away> {
        let update = self.own_contract().await?.audit_anchor(log, head, count);
        let submitted = timeout(SUBMIT, update.submit_again_on_conflict()).await;
        Ok(submitted.map_err(|_| Away::TimedOut)??)
    }

    /// Every anchor of a log, oldest first: the ledger's events have also those that newer ones replaced.
    pub async fn anchors(&self, log: &str) -> Result<Vec<Anchor>, Away> {
        let Some(newest) = self.newest_anchor(log).await? else { return Ok(Vec::new()) };
        let (gateway, chaincode) = (self.gateway().await?, self.own_chaincode().await?);
        let events = gateway.chaincode_events(self.channel(), &chaincode, StartAt::Block(0)).await;
        let mut events = events.map_err(CallError::Failed)?;
        let mut anchors = Vec::new();
        loop {
            let next = timeout(NEXT_EVENT, events.next()).await.map_err(|_| Away::TimedOut)?;
            let event = next.map_err(CallError::Failed)?.ok_or(Away::TimedOut)?;
            if event.name != "LogAnchored" {
                continue;
            }
            let Ok(anchor) = serde_json::from_slice::<Anchor>(&event.payload) else { continue };
            if anchor.log == log && anchor.anchored.by == self.msp_id {
                anchors.push(anchor);
            }
            if event.transaction_id == newest.anchored.transaction_id {
                return Ok(anchors);
            }
        }
    }

    async fn own_contract(&self) -> Result<Contract, Away> {
        match self.contract(&self.msp_id).await? {
            Some(contract) => Ok(contract),
            None => self.registry().await,
        }
    }

    /// Of a body its own; of others the first body's.
    async fn own_chaincode(&self) -> Result<String, Away> {
        let bodies = self.bodies().await?;
        let own = bodies.iter().find(|body| body.msp_id == self.msp_id).or_else(|| bodies.first());
        Ok(own.map(|body| body.chaincode.clone()).unwrap_or_default())
    }
}
