//! Runs the chaincode of a proposal and gathers what it did.

use bytes::Bytes;
use fabric::proto::protos::{ChaincodeEvent, ChaincodeInput, ChaincodeInterest, Response};

use super::{
    Endorser,
    invoke::Transaction,
    respond,
    simulate::{Simulation, Simulator},
    system,
};

/// What the chaincode of a proposal answered and did.
pub struct Outcome {
    pub response: Response,
    pub event: Option<ChaincodeEvent>,
    /// Encoded read-write set; empty if nothing was simulated.
    pub results: Bytes,
    pub interest: Option<ChaincodeInterest>,
    /// Of the chaincode's definition.
    pub version: String,
}

impl Endorser {
    /// The error is the text of a response of status 500.
    pub(super) async fn run(
        &self,
        transaction: &Transaction<'_>,
        input: ChaincodeInput,
    ) -> Result<Outcome, String> {
        if !transaction.channel_id.is_empty() && system::simulates(transaction.invoked) {
            return self.run_simulated(transaction, input).await;
        }
        let version = self.version(transaction, None)?;
        let (response, event) = self.execute(transaction, None, input).await.map_err(in_simulation)?;
        let event = event_of(&response, event);
        Ok(Outcome { response, event, results: Bytes::new(), interest: None, version })
    }

    async fn run_simulated(
        &self,
        transaction: &Transaction<'_>,
        input: ChaincodeInput,
    ) -> Result<Outcome, String> {
        let ledger = self.ledger();
        let view = ledger.view().map_err(|error| error.to_string())?;
        let private_store = ledger.private_store(self.setup.signer.mspid());
        let mut simulator = Simulator::new(&view, private_store, transaction.bundle, transaction.txid);
        let version = self.version(transaction, Some(&mut simulator))?;
        let executed = self.execute(transaction, Some(&mut simulator), input).await;
        let (response, event) = executed.map_err(in_simulation)?;
        let simulation = simulator.finish();
        self.keep_private_data(transaction, &simulation, view.height()).await.map_err(in_simulation)?;
        let interest = Some(respond::interest(&simulation).map_err(in_simulation)?);
        let event = event_of(&response, event);
        let Simulation { public: results, .. } = simulation;
        Ok(Outcome { response, event, results, interest, version })
    }

    /// The version that the channel knows the chaincode by; an error if the channel does not know it.
    fn version(
        &self,
        transaction: &Transaction<'_>,
        simulator: Option<&mut Simulator<'_>>,
    ) -> Result<String, String> {
        let (name, channel) = (transaction.invoked, transaction.channel_id);
        if system::is_system(name) {
            return Ok(system::VERSION.to_owned());
        }
        let found = match simulator {
            None => Err(format!("could not get channel config for channel '{channel}'")),
            Some(simulator) => self.find(name, simulator).map_err(|error| error.to_string()),
        };
        found.map(|runnable| runnable.version.clone()).map_err(|error| {
            format!(
                "make sure the chaincode {name} has been successfully defined on channel {channel} and try again: \
                 {error}"
            )
        })
    }
}

/// A refusal emits no event.
fn event_of(response: &Response, event: Option<ChaincodeEvent>) -> Option<ChaincodeEvent> {
    event.filter(|_| response.status < system::ERROR_THRESHOLD)
}

fn in_simulation(error: impl std::fmt::Display) -> String {
    format!("error in simulation: {error}")
}
