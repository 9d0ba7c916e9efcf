//! Puts the chaincode in force by ordinary lifecycle transactions, in the name of each organisation's
//! administrator.

use std::sync::Arc;

use certificate::contract;
use chaincode::package::{self, Connection};
use channel::policy;
use node::Peer;
use peer_client::{
    ConnectionProfile, Error, Gateway, Invocation, lifecycle, lifecycle::Definition, profile::Organisation,
};
use tonic::Code;

use super::NAME;
use crate::exit::Failure;

/// Whose peers endorse every transaction of the chaincode, and every change of its definition.
const ENDORSEMENT_POLICY: &str = "AND('CertBodyMSP.peer','AccreditationMSP.peer')";
const LIFECYCLE_ENDORSERS: [&str; 2] = ["CertBodyMSP", "AccreditationMSP"];
/// Where the package says that the chaincode listens. This node knows better (its ports may be any free
/// ones), but the address is part of the package and so of its id, which must not change.
const CHAINCODE_ADDRESS: &str = "127.0.0.1:7056";
/// Fabric's words where an organisation approves once more what it has approved.
const APPROVED_ALREADY: &str = "with unchanged content";
/// The user of each organisation who may install and approve chaincodes, by cryptogen's name.
const ADMINISTRATOR: &str = "Admin";

/// The package that every organisation of this network installs.
pub fn package() -> Result<chaincode::package::Package, Failure> {
    let connection = Connection::plain(CHAINCODE_ADDRESS);
    let label = format!("{NAME}_{}", contract::VERSION);
    package::package(&label, &connection).map_err(|error| Failure::during("packaging the chaincode", error))
}

/// Whether the chaincode is in force.
pub async fn is_done(profile: &ConnectionProfile) -> Result<bool, Failure> {
    let Some(organisation) = profile.organisations.first() else { return Ok(false) };
    let gateway = administrator(profile, organisation).await?;
    let query = gateway.proposal(lifecycle::query_definition(&profile.channel, NAME));
    match query.map_err(asking)?.evaluate().await {
        Ok(_) => Ok(true),
        // The peer's "not defined" is a chaincode's status 404.
        Err(Error::Gateway(error)) if error.code == Code::Unknown && error.message.contains("404") => {
            Ok(false)
        }
        Err(error) => Err(asking(error)),
    }
}

/// The organisations on whose peers the package is not installed: before the first start is through, or where a
/// file was lost.
pub fn without_package(
    profile: &ConnectionProfile,
    peers: &[Arc<Peer>],
    package: &chaincode::package::Package,
) -> Vec<Organisation> {
    let has_it = |organisation: &Organisation| {
        let mut own = peers.iter().filter(|peer| peer.msp_id == organisation.msp_id);
        own.all(|peer| peer.endorser.packages().get(&package.id).is_some())
    };
    profile.organisations.iter().filter(|organisation| !has_it(organisation)).cloned().collect()
}

/// Lets every organisation approve the chaincode, and commits its definition. Can be repeated after any interruption.
pub async fn run(profile: &ConnectionProfile, package: &chaincode::package::Package) -> Result<(), Failure> {
    let definition = Definition {
        name: NAME.into(),
        version: contract::VERSION.into(),
        sequence: 1,
        endorsement_policy: policy::parse(ENDORSEMENT_POLICY)
            .map_err(|error| Failure::during("the chaincode's endorsement policy", error))?,
    };
    let mut committer = None;
    for organisation in &profile.organisations {
        let gateway = administrator(profile, organisation).await?;
        let approval = definition.approve(&profile.channel, &organisation.msp_id, &package.id);
        match submit(&gateway, approval).await {
            // An earlier start was interrupted after it.
            Err(Error::Gateway(error)) if error.to_string().contains(APPROVED_ALREADY) => Ok(()),
            submitted => submitted,
        }
        .map_err(|error| Failure::during(format!("{} approving the chaincode", organisation.name), error))?;
        committer.get_or_insert(gateway);
    }
    let committer = committer.ok_or_else(|| Failure::usage("the network has no organisations"))?;
    let commit = definition.commit(&profile.channel, &LIFECYCLE_ENDORSERS);
    submit(&committer, commit)
        .await
        .map_err(|error| Failure::during("committing the chaincode's definition", error))
}

async fn administrator(profile: &ConnectionProfile, organisation: &Organisation) -> Result<Gateway, Failure> {
    let doing = || format!("connecting as administrator of {}", organisation.name);
    let identity =
        profile.identity(organisation, ADMINISTRATOR).map_err(|error| Failure::during(doing(), error))?;
    let endpoint = organisation.gateway.endpoint().map_err(|error| Failure::during(doing(), error))?;
    Gateway::connect(&endpoint, identity).await.map_err(|error| Failure::during(doing(), error))
}

/// Lets an organisation's administrator install the package.
pub async fn install(
    profile: &ConnectionProfile,
    organisation: &Organisation,
    package: &chaincode::package::Package,
) -> Result<(), Failure> {
    let doing = || format!("{} installing the chaincode", organisation.name);
    let identity =
        profile.identity(organisation, ADMINISTRATOR).map_err(|error| Failure::during(doing(), error))?;
    let endpoint = organisation.gateway.endpoint().map_err(|error| Failure::during(doing(), error))?;
    let response = lifecycle::install(&endpoint, identity, package.bytes.clone().into())
        .await
        .map_err(|error| Failure::during(doing(), error))?;
    match response.status {
        200 => Ok(()),
        _ => Err(Failure::during(doing(), std::io::Error::other(response.message))),
    }
}

async fn submit(gateway: &Gateway, invocation: Invocation) -> Result<(), Error> {
    let commit = gateway.proposal(invocation)?.endorse().await?.submit().await?;
    commit.status().await?.successful()?;
    Ok(())
}

fn asking(error: Error) -> Failure {
    Failure::during("asking whether the chaincode is in force", error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::package;

    /// The ledger names the package that was approved: a later program must still make this one, or it could not serve
    /// the networks of today.
    #[test]
    fn the_package_of_the_first_definition_stays_what_it_is() {
        let id = "nanotrace_0.1.0:c8075409538d56e5b31421caf5a27c0ffa744035d3c3a13ae3717ca9fc2fbb95";
        assert_eq!(package().unwrap().id, id);
    }
}
