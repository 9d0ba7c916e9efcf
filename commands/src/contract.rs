//! How a command reaches the certificate contract, and how the contract's refusals and the network's failures end it.

use std::{sync::Arc, time::SystemTime};

use msp::SigningIdentity;
use peer_client::{
    ConnectionProfile, Error, Gateway, Transaction,
    certificate::{CallError, Committed, Contract, Update, once},
    profile::{Organisation, ProfileError},
};
use tonic::Code;

use crate::{
    clock,
    exit::{Exit, Failure},
    output,
};

/// The contract at one organisation's gateway, in one identity's name.
pub async fn connect(
    profile: &ConnectionProfile,
    organisation: &str,
    user: &str,
) -> Result<Contract, Failure> {
    let organisation = profile.organisation(organisation).map_err(usage)?;
    at(profile, organisation, user).await
}

/// Connects to an organisation whose gateway may be another than its profile's.
pub async fn at(
    profile: &ConnectionProfile,
    organisation: &Organisation,
    user: &str,
) -> Result<Contract, Failure> {
    let identity = profile.identity(organisation, user).map_err(usage)?;
    let gateway = gateway(organisation, identity).await?;
    Ok(Contract::new(gateway, &profile.channel, &profile.chaincode))
}

/// Connects to an organisation's gateway in one identity's name.
pub async fn gateway(
    organisation: &Organisation,
    identity: Arc<SigningIdentity>,
) -> Result<Gateway, Failure> {
    let endpoint = organisation.gateway.endpoint().map_err(usage)?;
    Ok(Gateway::connect(&endpoint, identity).await.map_err(CallError::Failed)?)
}

/// Endorses, orders, and waits until the transaction is in a block and valid. Warns where the gateway's clock is another.
pub async fn submit(update: Update) -> Result<Committed, Failure> {
    Ok(try_submit(update).await?)
}

/// Submits what may be on the ledger already; `None` where the contract says that it is.
pub async fn submit_once(update: Update) -> Result<Option<Committed>, Failure> {
    Ok(once(try_submit(update).await)?)
}

/// Submits to the registry, or, where that has no such record, to the body's chaincode, which had it before there was one.
pub async fn submit_where_registered(
    contract: &Contract,
    update: impl Fn(&Contract) -> Update,
) -> Result<Committed, Failure> {
    match try_submit(update(contract)).await {
        Err(CallError::Refused { status: 404, .. }) => submit(update(&contract.before_registry())).await,
        submitted => Ok(submitted?),
    }
}

async fn try_submit(update: Update) -> Result<Committed, CallError> {
    Ok(Committed::of(&endorse(update).await?).await?)
}

/// Warns where the gateway's clock is another; nothing is submitted.
pub async fn compare_clocks(contract: &Contract) -> Result<(), Failure> {
    endorse(contract.ledger_tick()).await?;
    Ok(())
}

async fn endorse(update: Update) -> Result<Transaction, CallError> {
    let asked = SystemTime::now();
    let transaction = update.endorse().await?;
    if let Some(theirs) = transaction.gateway_time() {
        clock::compare(asked, SystemTime::now(), theirs).iter().for_each(output::warn);
    }
    Ok(transaction)
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused { status: 404, message } => {
                Self::new(Exit::No, format!("not found: {message}"))
            }
            CallError::Refused { message, .. } => Self::new(Exit::No, format!("refused: {message}")),
            CallError::Answer { function, source } => {
                Self::during(format!("reading the answer to {function}"), source)
            }
            CallError::Failed(error) => Self::new(exit(&error), advice(&error)),
        }
    }
}

fn exit(error: &Error) -> Exit {
    match error {
        Error::Connect { .. } => Exit::Unreachable,
        Error::Gateway(gateway) if gateway.is_unavailable() || gateway.lacks_endorsers() => Exit::Unreachable,
        Error::Gateway(gateway) if gateway.code == Code::PermissionDenied => Exit::No,
        Error::NotCommitted(_) | Error::NotOrdered(_) => Exit::No,
        _ => Exit::Failure,
    }
}

fn advice(error: &Error) -> String {
    let advice = match error {
        Error::Connect { .. } => "\nIs the network running? Start it with: nanotrace up",
        Error::Gateway(gateway) if gateway.is_unavailable() => "\nAsk with: nanotrace status",
        Error::Gateway(gateway) if gateway.lacks_endorsers() => {
            "\nThis gateway finds no running peer, with the chaincode, of an organisation that must endorse."
        }
        Error::Gateway(gateway) if gateway.endorsers_differ() => {
            "\nThe peers named above run another version of the chaincode: nothing was written. Each organisation installs \
             and serves the same package before it is used."
        }
        Error::NotCommitted(invalid) if invalid.is_conflict() => {
            "\nSomebody else changed the same record at the same time: try again."
        }
        _ => "",
    };
    format!("{error}{advice}")
}

/// A connection profile, or what it names, that cannot be used.
pub fn usage(error: ProfileError) -> Failure {
    Failure::usage(error.to_string())
}

#[cfg(test)]
mod tests {
    use peer_client::{Detail, GatewayError, Step};

    use super::*;

    /// As a gateway of Fabric 2.5 or 3.1 says it.
    #[test]
    fn peers_with_different_versions_are_called_so() {
        let detail = Detail {
            address: "peer0.accreditation.example:7051".into(),
            msp_id: "AccreditationMSP".into(),
            message: "ProposalResponsePayloads do not match".into(),
        };
        let error = GatewayError {
            step: Step::Endorse,
            transaction_id: "7be1".into(),
            code: Code::Aborted,
            message: "failed to collect enough transaction endorsements, see attached details for more info"
                .into(),
            details: vec![detail],
        };
        let failure = Failure::from(CallError::from(Error::Gateway(Box::new(error))));
        let said = failure.to_string();
        assert!(
            said.contains("AccreditationMSP") && said.contains("another version of the chaincode"),
            "{said}"
        );
        assert_eq!(failure.exit, Exit::Failure);
    }
}
