//! Keeps ledger time moving where nothing else does: a body's service, as each body runs one beside its own peer.

use std::{convert::Infallible, time::Duration};

use certificate::DateTime;
use peer_client::ConnectionProfile;
use verifier::ServedModel;

use crate::{cert::contract, exit::Failure};

/// How long ledger time may stand still, in seconds: less than the time by which an event may be dated back.
const STANDSTILL: i64 = 10 * 60;
/// How often it is looked at.
const INTERVAL: Duration = Duration::from_secs(60);

/// Runs until it is dropped. A failure is logged and tried again.
pub async fn keep_moving(profile: &ConnectionProfile, served: &ServedModel) -> Infallible {
    loop {
        tokio::time::sleep(INTERVAL).await;
        if stands_still(ledger_time(profile, served), verifier::now())
            && let Err(failure) = tick(profile).await
        {
            tracing::warn!(%failure, "ledger time could not be moved; it is tried again");
        }
    }
}

fn ledger_time(profile: &ConnectionProfile, served: &ServedModel) -> Option<DateTime> {
    let times = served.model()?.ledger_times();
    times.into_iter().find(|(chaincode, _)| *chaincode == profile.chaincode)?.1
}

fn stands_still(ledger_time: Option<DateTime>, now: DateTime) -> bool {
    ledger_time.is_none_or(|time| time.plus_seconds(STANDSTILL) <= now)
}

async fn tick(profile: &ConnectionProfile) -> Result<(), Failure> {
    let contract = contract::connect(profile, "Accreditation", "User1").await?;
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
