//! Puts the chaincode in force by ordinary lifecycle transactions, in the name of each organisation's
//! administrator.

use std::sync::Arc;

use bytes::Bytes;
use certificate::{Part, chaincode::REGISTRY, contract};
use chaincode::package::{self, Connection, Package};
use channel::policy;
use node::Peer;
use peer_client::{
    ConnectionProfile, Error, Gateway, Invocation, lifecycle, lifecycle::Definition, profile::Organisation,
};
use tokio::task::JoinSet;

use super::{NAME, material::Material};
use crate::exit::Failure;

/// Fabric's words where an organisation approves once more what it has approved.
const APPROVED_ALREADY: &str = "with unchanged content";
/// The user of each organisation who may install and approve chaincodes, by cryptogen's name.
const ADMINISTRATOR: &str = "Admin";

/// The organisation that is the second certification body, where the network has one.
const SECOND_BODY: &str = "SecondBodyMSP";

/// A chaincode of the network.
pub struct Chaincode {
    pub name: &'static str,
    pub part: Part,
    pub package: Package,
    /// Whose peers endorse every transaction of it.
    endorsement_policy: &'static str,
}

/// The chaincodes of the network: the registry's, and that of each certification body.
pub fn chaincodes(material: &Material) -> Result<Vec<Chaincode>, Failure> {
    let has_second = material.peers.iter().any(|peer| peer.msp_id == SECOND_BODY);
    let second = has_second.then(second_body).transpose()?;
    Ok(registry_and_first_body()?.into_iter().chain(second).collect())
}

fn registry_and_first_body() -> Result<[Chaincode; 2], Failure> {
    // Where the packages say that the chaincodes listen. This node knows better (its ports may be any free ones), but
    // the address is part of the package and so of its id, which must not change.
    Ok([
        chaincode(REGISTRY, "127.0.0.1:7057", "OR('AccreditationMSP.peer')")?,
        chaincode(NAME, "127.0.0.1:7056", "AND('CertBodyMSP.peer','AccreditationMSP.peer')")?,
    ])
}

fn second_body() -> Result<Chaincode, Failure> {
    chaincode("nanotrace-second", "127.0.0.1:7059", "AND('SecondBodyMSP.peer','AccreditationMSP.peer')")
}

fn chaincode(
    name: &'static str,
    address: &str,
    endorsement_policy: &'static str,
) -> Result<Chaincode, Failure> {
    let label = format!("{name}_{}", contract::VERSION);
    let package = package::package(&label, &Connection::plain(address));
    let package = package.map_err(|error| Failure::during("packaging the chaincode", error))?;
    Ok(Chaincode { name, part: Part::of(name), package, endorsement_policy })
}

/// The sequence of the definition that this program has to commit; `None` where it is in force. A ledger of an earlier
/// program has an earlier version in force.
///
/// `asker` is an administrator's, as [`first_administrator`] gives it.
pub async fn due(asker: &Gateway, channel: &str, chaincode: &Chaincode) -> Result<Option<i64>, Failure> {
    let in_force = lifecycle::in_force(asker, channel, chaincode.name).await;
    Ok(match in_force.map_err(asking)? {
        Some((version, _)) if version == contract::VERSION => None,
        Some((_, sequence)) => Some(sequence + 1),
        None => Some(1),
    })
}

/// The organisations on whose peers the package is not installed: before the first start is through, or where a
/// file was lost.
fn without_package(profile: &ConnectionProfile, peers: &[Arc<Peer>], package: &Package) -> Vec<Organisation> {
    let has_it = |organisation: &Organisation| {
        let mut own = peers.iter().filter(|peer| peer.msp_id == organisation.msp_id);
        own.all(|peer| peer.endorser.packages().get(&package.id).is_some())
    };
    profile.organisations.iter().filter(|organisation| !has_it(organisation)).cloned().collect()
}

/// Lets every organisation approve the chaincode, all at once, and commits its definition with this sequence. Can be repeated after
/// any interruption.
pub async fn run(profile: &ConnectionProfile, chaincode: &Chaincode, sequence: i64) -> Result<(), Failure> {
    let definition = Definition {
        name: chaincode.name.into(),
        version: contract::VERSION.into(),
        sequence,
        endorsement_policy: policy::parse(chaincode.endorsement_policy)
            .map_err(|error| Failure::during("the chaincode's endorsement policy", error))?,
    };
    let mut approving = JoinSet::new();
    for organisation in profile.organisations.clone() {
        let approval = definition.approve(&profile.channel, &organisation.msp_id, &chaincode.package.id);
        approving.spawn(approve(profile.clone(), organisation, approval));
    }
    ended(approving).await?;
    let committer = first_administrator(profile).await?;
    // By the peers whose endorsement the channel's policy asks for: it may have other bodies by now.
    submit(&committer, definition.commit(&profile.channel, &[]))
        .await
        .map_err(|error| Failure::during("committing the chaincode's definition", error))
}

async fn approve(
    profile: ConnectionProfile,
    organisation: Organisation,
    approval: Invocation,
) -> Result<(), Failure> {
    let gateway = administrator(&profile, &organisation).await?;
    match submit(&gateway, approval).await {
        // An earlier start was interrupted after it.
        Err(Error::Gateway(error)) if error.to_string().contains(APPROVED_ALREADY) => Ok(()),
        submitted => submitted,
    }
    .map_err(|error| Failure::during(format!("{} approving the chaincode", organisation.name), error))
}

/// All of them, and the first failure.
async fn ended(tasks: JoinSet<Result<(), Failure>>) -> Result<(), Failure> {
    tasks.join_all().await.into_iter().collect()
}

/// Connects as administrator of the first organisation.
pub async fn first_administrator(profile: &ConnectionProfile) -> Result<Gateway, Failure> {
    let first = profile.organisations.first();
    administrator(profile, first.ok_or_else(|| Failure::usage("the network has no organisations"))?).await
}

async fn administrator(profile: &ConnectionProfile, organisation: &Organisation) -> Result<Gateway, Failure> {
    let doing = || format!("connecting as administrator of {}", organisation.name);
    let identity =
        profile.identity(organisation, ADMINISTRATOR).map_err(|error| Failure::during(doing(), error))?;
    let endpoint = organisation.gateway.endpoint().map_err(|error| Failure::during(doing(), error))?;
    Gateway::connect(&endpoint, identity).await.map_err(|error| Failure::during(doing(), error))
}

/// Lets the administrators of all organisations whose peers do not have the package install it, all at once.
pub async fn install(
    profile: &ConnectionProfile,
    peers: &[Arc<Peer>],
    package: &Package,
) -> Result<(), Failure> {
    let mut installing = JoinSet::new();
    for organisation in without_package(profile, peers, package) {
        installing.spawn(install_on(profile.clone(), organisation, package.bytes.clone().into()));
    }
    ended(installing).await
}

async fn install_on(
    profile: ConnectionProfile,
    organisation: Organisation,
    package: Bytes,
) -> Result<(), Failure> {
    let doing = || format!("{} installing the chaincode", organisation.name);
    let identity =
        profile.identity(&organisation, ADMINISTRATOR).map_err(|error| Failure::during(doing(), error))?;
    let endpoint = organisation.gateway.endpoint().map_err(|error| Failure::during(doing(), error))?;
    let response = lifecycle::install(&endpoint, identity, package)
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
    use super::{registry_and_first_body, second_body};

    /// The ledger names the packages that were approved: a later program of the same version must make the same.
    #[test]
    fn the_packages_of_a_version_stay_what_they_are() {
        let all = registry_and_first_body().unwrap().into_iter().chain([second_body().unwrap()]);
        let ids: Vec<_> = all.map(|chaincode| chaincode.package.id).collect();
        assert_eq!(
            ids,
            [
                "nanotrace-registry_0.2.0:f54ea9da30c6e18a51b7e879d02a57cd84747492d2f6eba48ee3ed5adf9fbec2",
                "nanotrace_0.2.0:96d47252537058f0c01c21324962ebd609f03a812d8a79ba6f438ae618b70437",
                "nanotrace-second_0.2.0:acc9bbc3a9e97ec7c1fe77e3c142163000dd7ad8e2a67b157b9cc1396cb1a468",
            ]
        );
    }
}
