//! Keeps ledger time moving where nothing else does: a body's service, as each body runs one beside its own peer.

use std::{convert::Infallible, time::Duration};

use certificate::DateTime;
use peer_client::ConnectionProfile;
use verifier::ServedModel;

use super::deploy::Chaincode;
use crate::{cert::contract, exit::Failure};

/// How long ledger time may stand still, in seconds: less than the time by which an event may be dated back.
const STANDSTILL: i64 = 10 * 60;
/// How often it is looked at.
const INTERVAL: Duration = Duration::from_secs(60);

/// Runs until it is dropped. A failure is logged and tried again.
pub async fn keep_moving(
    profile: &ConnectionProfile,
    chaincodes: &[Chaincode],
    served: &ServedModel,
) -> Infallible {
    loop {
        tokio::time::sleep(INTERVAL).await;
        for chaincode in standing_still(chaincodes, served) {
            if let Err(failure) = tick(profile, chaincode).await {
                tracing::warn!(%failure, chaincode, "ledger time could not be moved; it is tried again");
            }
        }
    }
}

/// Of the bodies whose chaincodes run here and are bound to the ledger. Others see to theirs.
fn standing_still(chaincodes: &[Chaincode], served: &ServedModel) -> Vec<&'static str> {
    let Some(model) = served.model() else { return Vec::new() };
    let (times, now) = (model.ledger_times(), verifier::now());
    let stands = |name: &str| times.iter().any(|(known, time)| known == name && stands_still(*time, now));
    chaincodes.iter().map(|chaincode| chaincode.name).filter(|name| stands(name)).collect()
}

fn stands_still(ledger_time: Option<DateTime>, now: DateTime) -> bool {
    ledger_time.is_none_or(|time| time.plus_seconds(STANDSTILL) <= now)
}

async fn tick(profile: &ConnectionProfile, chaincode: &str) -> Result<(), Failure> {
    let profile = ConnectionProfile { chaincode: chaincode.to_owned(), ..profile.clone() };
    let contract = contract::connect(&profile, "Accreditation", "User1").await?;
    contract::submit(contract.ledger_tick()).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_minutes_are_a_standstill() {
        let at = DateTime::from_seconds;
        assert!(stands_still(None, at(0)));
        assert!(!stands_still(Some(at(0)), at(599)) && stands_still(Some(at(0)), at(600)));
        assert!(!stands_still(Some(at(1000)), at(0)), "a clock that was set back waits");
    }
}
