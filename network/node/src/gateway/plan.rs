//! Which peers to ask: the smallest set whose identities satisfy every policy in play.
//!
//! The candidates are few (one peer an organisation), so the planner tries sets of growing size and lets
//! the policies themselves are evaluated, with the same code that validation will use. Policies in play are those
//! of Fabric's discovery: the chaincode's own (unless the endorser says that only keys with policies of
//! their own were written), those keys', and the collections'. Source: `discovery/endorsement`.

use std::sync::Arc;

use bytes::Bytes;
use channel::{
    Bundle,
    policy::{ApplicationPolicy, SignaturePolicy},
};
use fabric::proto::protos::{
    ChaincodeCall, ChaincodeInterest, StaticCollectionConfig, collection_policy_config::Payload,
};
use msp::Identity;
use prost::Message;
use tonic::Status;

use super::{Gateway, call::Call};
use crate::Peer;
use endorsement::is_system;
use lifecycle::{Collections, implicit_owner};

/// Sets of up to this many peers are tried; a policy that needs more needs a client that names them.
const MOST_PEERS: usize = 12;

/// A policy that the endorsers' identities must satisfy together.
enum Requirement {
    Application(ApplicationPolicy),
    Key(SignaturePolicy),
}

impl Requirement {
    fn is_met(&self, identities: &[Arc<Identity>], bundle: &Bundle) -> bool {
        match self {
            Self::Application(policy) => policy.evaluate(identities, bundle.policies(), bundle.msps()),
            Self::Key(policy) => policy.evaluate(identities, bundle.msps()),
        }
        .is_ok()
    }
}

impl Gateway {
    /// Peers to evaluate on, the best one first.
    pub(super) fn evaluators(
        &self,
        call: &Call<'_>,
        target_organizations: &[String],
    ) -> Result<Vec<Arc<Peer>>, Status> {
        let (channel, chaincode) = (call.channel, call.chaincode);
        let defined = self.is_defined(chaincode)?;
        let protected = call.has_transient_data() && target_organizations.is_empty();
        let is_wanted = |peer: &Peer| match protected {
            true => peer.msp_id == self.own.msp_id,
            false => target_organizations.is_empty() || target_organizations.contains(&peer.msp_id),
        };
        let peers: Vec<_> = self.own_first().filter(|peer| defined && is_wanted(peer)).collect();
        if peers.is_empty() {
            return Err(Status::failed_precondition(format!(
                "no peers available to evaluate chaincode {chaincode} in channel {channel}"
            )));
        }
        Ok(peers)
    }

    /// The peer that processes a proposal first: this organisation's own, which alone sees transient data
    /// before the client has named others.
    pub(super) fn first_endorser(&self, call: &Call<'_>) -> Result<Arc<Peer>, Status> {
        if call.channel == self.channel.id() && self.is_defined(call.chaincode)? {
            return Ok(self.own.clone());
        }
        Err(no_combination(format!("no metadata was found for chaincode {}", call.chaincode)))
    }

    /// One peer of each organisation that the client named.
    pub(super) fn peers_of(&self, channel: &str, organizations: &[String]) -> Result<Vec<Arc<Peer>>, String> {
        let find = |organization: &String| {
            let peer = self.peers.iter().find(|peer| peer.msp_id == *organization);
            peer.filter(|_| channel == self.channel.id()).cloned().ok_or_else(|| organization.clone())
        };
        let (found, missing): (Vec<_>, Vec<_>) = organizations.iter().map(find).partition(Result::is_ok);
        if missing.is_empty() {
            return Ok(found.into_iter().flatten().collect());
        }
        let missing: Vec<_> = missing.into_iter().filter_map(Result::err).collect();
        Err(format!("failed to find any endorsing peers for org(s): {}", missing.join(", ")))
    }

    /// The smallest set of peers that satisfies all that `interest` touches, with `first` in it wherever
    /// that costs nothing.
    pub(super) fn plan(
        &self,
        interest: &ChaincodeInterest,
        transient: bool,
        first: &Arc<Peer>,
    ) -> Result<Vec<Arc<Peer>>, Status> {
        let bundle = self.channel.bundle();
        let plan = self.requirements(interest, transient, &bundle).map_err(no_combination)?;
        let candidates = self.candidates(first, &plan.members, &bundle);
        smallest_set(&candidates, &plan.requirements, &bundle)
            .ok_or_else(|| no_combination("no peer combination can satisfy the endorsement policy".into()))
    }

    fn own_first(&self) -> impl Iterator<Item = Arc<Peer>> {
        let others = self.peers.iter().filter(|peer| peer.msp_id != self.own.msp_id);
        std::iter::once(self.own.clone()).chain(others.cloned())
    }

    fn is_defined(&self, chaincode: &str) -> Result<bool, Status> {
        if is_system(chaincode) {
            return Ok(true);
        }
        let view = self.channel.ledger().view().map_err(|error| Status::internal(error.to_string()))?;
        self.definitions
            .find(chaincode, &view)
            .map(|definition| definition.is_some())
            .map_err(|error| Status::internal(error.to_string()))
    }

    fn requirements(
        &self,
        interest: &ChaincodeInterest,
        transient: bool,
        bundle: &Bundle,
    ) -> Result<Plan, String> {
        let view = self.channel.ledger().view().map_err(|error| error.to_string())?;
        let mut plan = Plan::default();
        for call in &interest.chaincodes {
            if call.name == lifecycle::NAMESPACE {
                plan.require_lifecycle(bundle);
                continue;
            }
            let definition = self
                .definitions
                .find(&call.name, &view)
                .map_err(|error| error.to_string())?
                .ok_or_else(|| format!("no metadata was found for chaincode {}", call.name))?;
            plan.require_call(call, &definition.parameters.validation.validation_parameter)?;
            let collections = Collections::new(definition.parameters.collections.clone(), bundle);
            let private_reads = transient || !call.no_private_reads;
            for name in &call.collection_names {
                plan.require_collection(collections.explicit(name), name, private_reads, bundle)?;
            }
        }
        Ok(plan)
    }

    fn candidates(
        &self,
        first: &Arc<Peer>,
        members: &[Requirement],
        bundle: &Bundle,
    ) -> Vec<(Arc<Peer>, Arc<Identity>)> {
        let others = self.peers.iter().filter(|peer| peer.msp_id != first.msp_id);
        let identified = std::iter::once(first).chain(others).filter_map(|peer| {
            let identity = bundle.msps().deserialize(&peer.identity).ok()?;
            // Most of our peers sign nothing that would have them remembered, and each call asks for all.
            bundle.msps().remember(&identity);
            Some((peer.clone(), identity))
        });
        let may_see = |(_, identity): &(Arc<Peer>, Arc<Identity>)| {
            members.iter().all(|policy| policy.is_met(std::slice::from_ref(identity), bundle))
        };
        identified.filter(may_see).take(MOST_PEERS).collect()
    }
}

/// What the endorsers must satisfy together, and what each must satisfy alone (membership of the
/// collections whose private data they will see).
#[derive(Default)]
struct Plan {
    requirements: Vec<Requirement>,
    members: Vec<Requirement>,
}

impl Plan {
    fn require_call(&mut self, call: &ChaincodeCall, chaincode_policy: &Bytes) -> Result<(), String> {
        if !call.disregard_namespace_policy {
            self.requirements.push(application(chaincode_policy.clone())?);
        }
        for policy in &call.key_policies {
            let policy = SignaturePolicy::from_proto(policy).map_err(|error| error.to_string())?;
            self.requirements.push(Requirement::Key(policy));
        }
        Ok(())
    }

    fn require_lifecycle(&mut self, bundle: &Bundle) {
        let reference = "/Channel/Application/LifecycleEndorsement";
        if bundle.policies().get(reference).is_ok() {
            self.requirements.push(Requirement::Application(ApplicationPolicy::Reference(reference.into())));
        }
    }

    fn require_collection(
        &mut self,
        config: Option<&StaticCollectionConfig>,
        name: &str,
        private_reads: bool,
        bundle: &Bundle,
    ) -> Result<(), String> {
        if let Some(msp_id) = implicit_owner(name) {
            let organization = bundle.application().and_then(|application| {
                application.orgs.iter().find(|(_, organization)| organization.msp_id == msp_id)
            });
            let (organization, _) =
                organization.ok_or_else(|| format!("collection {name} belongs to no organisation"))?;
            let reference = format!("/Channel/Application/{organization}/Endorsement");
            self.requirements.push(Requirement::Application(ApplicationPolicy::Reference(reference)));
            return Ok(());
        }
        let config = config.ok_or_else(|| format!("collection {name} doesn't exist in collection config"))?;
        if let Some(policy) = &config.endorsement_policy {
            self.requirements.push(application(policy.encode_to_vec().into())?);
        }
        let members = config.member_orgs_policy.as_ref().and_then(|policy| policy.payload.as_ref());
        if let (true, Some(Payload::SignaturePolicy(members))) = (private_reads, members) {
            let policy = SignaturePolicy::from_proto(members).map_err(|error| error.to_string())?;
            self.members.push(Requirement::Key(policy));
        }
        Ok(())
    }
}

fn application(policy: Bytes) -> Result<Requirement, String> {
    ApplicationPolicy::decode(policy).map(Requirement::Application).map_err(|error| error.to_string())
}

/// Tries sets in the order of their size, and among equals those with the earlier candidates first.
fn smallest_set(
    candidates: &[(Arc<Peer>, Arc<Identity>)],
    requirements: &[Requirement],
    bundle: &Bundle,
) -> Option<Vec<Arc<Peer>>> {
    let mut sets: Vec<u32> = (1..1 << candidates.len()).collect();
    sets.sort_by_key(|set| (set.count_ones(), set.trailing_zeros(), *set));
    sets.into_iter().find_map(|set| {
        let chosen = candidates.iter().enumerate().filter(|(index, _)| set & (1 << index) != 0);
        let (peers, identities): (Vec<_>, Vec<_>) = chosen.map(|(_, candidate)| candidate.clone()).unzip();
        requirements.iter().all(|policy| policy.is_met(&identities, bundle)).then_some(peers)
    })
}

fn no_combination(reason: String) -> Status {
    Status::failed_precondition(format!(
        "no combination of peers can be derived which satisfy the endorsement policy: {reason}"
    ))
}
