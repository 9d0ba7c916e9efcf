//! Further chaincodes on a running network, put in force by its organisations' administrators.

use bytes::Bytes;
use peer_client::{
    ConnectionProfile, Error, Gateway, Invocation,
    lifecycle::{self, Definition},
    profile::Organisation,
};

/// Whose peers endorse a change of a definition.
const GOVERNING: [&str; 2] = ["CertBodyMSP", "AccreditationMSP"];

/// Lets every organisation install the package and approve the definition, and commits it.
pub async fn deploy(profile: &ConnectionProfile, definition: &Definition, package_id: &str, package: Bytes) {
    for organisation in &profile.organisations {
        let endpoint = organisation.gateway.endpoint().unwrap();
        let administrator = profile.identity(organisation, "Admin").unwrap();
        let installed = lifecycle::install(&endpoint, administrator, package.clone()).await;
        assert_eq!(installed.unwrap().status, 200);
        let approval = definition.approve(&profile.channel, &organisation.msp_id, package_id);
        submit(&gateway(profile, organisation, "Admin").await, approval).await.unwrap();
    }
    let first = profile.organisations.first().unwrap();
    let commit = definition.commit(&profile.channel, &GOVERNING);
    submit(&gateway(profile, first, "Admin").await, commit).await.unwrap();
}

pub async fn gateway(profile: &ConnectionProfile, organisation: &Organisation, user: &str) -> Gateway {
    let identity = profile.identity(organisation, user).unwrap();
    Gateway::connect(&organisation.gateway.endpoint().unwrap(), identity).await.unwrap()
}

/// Endorses, orders, and waits; what is ordered must be valid.
pub async fn submit(gateway: &Gateway, invocation: Invocation) -> Result<(), Error> {
    let commit = gateway.proposal(invocation)?.endorse().await?.submit().await?;
    commit.status().await?.successful().unwrap();
    Ok(())
}
