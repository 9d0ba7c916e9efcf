//! Have those endorsed a transaction whose endorsement the written chaincodes, collections and keys demand?
//!
//! Source: `core/common/validation/statebased/{v20,validator_keylevel}.go`,
//! `core/handlers/validation/builtin/v20/validation_logic.go`. Signatures have been verified before; here
//! policies are evaluated over the identities, transaction by transaction in the order of the block.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    rc::Rc,
    sync::Arc,
};

use bytes::Bytes;
use channel::policy::PolicyError;
use fabric::{
    proto::protos::TxValidationCode,
    types::rwset::{NamespaceRwSet, TxRwSet},
};
use msp::Identity;

use super::{
    Defect,
    collections::{self, CollectionPolicy},
    definitions::Definitions,
    key_policies::{KeyPolicies, Met},
    policies::Policies,
    verdict::{Failure, Verdict},
};
use ledger::StateKey;
use lifecycle::{BUILT_IN_PLUGIN, ChaincodeDefinition, NAMESPACE};

/// A transaction whose policies are to be evaluated.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'a> {
    /// Whose policies count.
    pub namespaces: &'a BTreeSet<String>,
    pub rwset: &'a TxRwSet,
    /// Those whose endorsement verified, each once.
    pub endorsers: &'a [Arc<Identity>],
}

/// What came of a candidate in the namespaces it concerns.
pub(crate) struct Checked {
    /// The first failure, by the names of the namespaces.
    pub result: Result<(), Verdict>,
    pub met: Met,
    /// In how many namespaces it failed.
    pub failures: usize,
    /// Peers that begin with another namespace come to another end.
    pub is_disputed: bool,
}

/// The policies in force for one block.
pub(crate) struct Endorsement<'a> {
    pub definitions: &'a Definitions<'a>,
    pub policies: Policies<'a>,
    pub key_policies: KeyPolicies<'a>,
}

impl Endorsement<'_> {
    /// Judges the candidate; to be called in the order of the block.
    ///
    /// Fabric stops at the first namespace that fails, and visits them in the random order of a Go map.
    /// A later transaction may wait for ever for what a peer would have found in a namespace it did not
    /// visit; the peers that do not hang have visited it. So every namespace is visited here, and the
    /// first failure, by name, is the verdict.
    pub fn check(&mut self, candidate: Candidate<'_>) -> Result<Checked, Defect> {
        let sets = candidate.rwset.namespaces.iter().map(|set| (set.namespace.as_str(), set));
        let sets: HashMap<&str, &NamespaceRwSet> = sets.collect();
        let mut checked = Checked { result: Ok(()), met: Met::new(), failures: 0, is_disputed: false };
        for namespace in candidate.namespaces {
            let set = sets.get(namespace.as_str()).copied();
            let Err(failure) = self.check_namespace(candidate, namespace, set, &mut checked.met) else {
                continue;
            };
            checked.failures += 1;
            match (&mut checked.result, failure) {
                (Ok(()), Failure::Halt(defect)) => return Err(defect),
                (Err(_), Failure::Halt(defect)) if self.key_policies.for_ordering => return Err(defect),
                (Ok(()), Failure::Invalid(verdict)) => checked.result = Err(verdict),
                (Err(first), other) if !checked.is_disputed => {
                    checked.is_disputed = note_disagreement(first, other);
                }
                (Err(_), _) => {}
            }
        }
        Ok(checked)
    }

    fn check_namespace(
        &mut self,
        candidate: Candidate<'_>,
        namespace: &str,
        set: Option<&NamespaceRwSet>,
        met: &mut Met,
    ) -> Result<(), Failure> {
        let definition = self.definition(namespace)?;
        self.key_policies.search()?;
        let policy = match namespace {
            NAMESPACE => self.policies.lifecycle(),
            _ => definition.parameters.validation.validation_parameter.clone(),
        };
        let check = NamespaceCheck {
            endorsement: self,
            candidate,
            namespace,
            definition,
            policy,
            met: HashSet::new(),
            met_by_keys: HashSet::new(),
        };
        let result = check.run(set);
        if !matches!(result, Err(Failure::Halt(_))) {
            met.insert(namespace.to_owned(), result.is_ok());
        }
        result
    }

    /// The definition of the chaincode, which must be there and be one that peers can act on.
    fn definition(&mut self, chaincode: &str) -> Result<Rc<ChaincodeDefinition>, Failure> {
        let undefined = |reason: String| Verdict::invalid(TxValidationCode::InvalidChaincode, reason);
        let definition = self.definitions.get(chaincode)?;
        let definition =
            definition.ok_or_else(|| undefined(format!("chaincode '{chaincode}' is not defined")))?;
        if chaincode == NAMESPACE {
            return Ok(definition);
        }
        if definition.parameters.validation.validation_plugin.is_empty()
            || definition.parameters.validation.validation_parameter.is_empty()
        {
            return Err(
                undefined(format!("the definition of '{chaincode}' has no plugin or no policy")).into()
            );
        }
        if definition.parameters.validation.validation_plugin != BUILT_IN_PLUGIN {
            let plugin = definition.parameters.validation.validation_plugin.clone();
            return Err(Defect::UnknownPlugin { chaincode: chaincode.to_owned(), plugin }.into());
        }
        Ok(definition)
    }
}

/// One transaction and the policies of one namespace.
struct NamespaceCheck<'c, 'a> {
    endorsement: &'c mut Endorsement<'a>,
    candidate: Candidate<'c>,
    namespace: &'c str,
    definition: Rc<ChaincodeDefinition>,
    /// The chaincode's own.
    policy: Bytes,
    /// The collections whose policy has been met; the empty name stands for the chaincode.
    met: HashSet<String>,
    /// The policies of keys that have been met.
    met_by_keys: HashSet<Bytes>,
}

impl NamespaceCheck<'_, '_> {
    fn run(mut self, set: Option<&NamespaceRwSet>) -> Result<(), Failure> {
        for key in set.map(written_keys).unwrap_or_default() {
            self.check_key(&key)?;
        }
        // A transaction that writes nothing still needs the chaincode's endorsers.
        let some_met = !self.met.is_empty() || !self.met_by_keys.is_empty();
        if some_met { Ok(()) } else { self.check_chaincode() }
    }

    fn check_key(&mut self, key: &WrittenKey) -> Result<(), Failure> {
        let Self { endorsement, candidate, definition, .. } = self;
        endorsement.key_policies.await_earlier(&key.state_key)?;
        let collection = key.collection.as_str();
        // Of a collection that does not exist Fabric reads no key policy; the collection's policy fails.
        let is_readable = collection.is_empty()
            || collections::exists(endorsement.policies.bundle(), definition, collection);
        let policy = if is_readable { endorsement.key_policies.of(&key.state_key)? } else { Bytes::new() };
        if policy.is_empty() {
            return self.check_collection(collection);
        }
        if self.met_by_keys.contains(&policy) {
            return Ok(());
        }
        let result = endorsement.policies.evaluate_key_policy(&policy, candidate.endorsers)?;
        result.map_err(|error| not_endorsed(format!("policy of {}: {error}", key.state_key)))?;
        self.met_by_keys.insert(policy);
        Ok(())
    }

    fn check_collection(&mut self, collection: &str) -> Result<(), Failure> {
        if self.met.contains(collection) {
            return Ok(());
        }
        if collection.is_empty() {
            return self.check_chaincode();
        }
        let Self { endorsement, candidate, definition, .. } = self;
        let policy = match collections::policy(endorsement.policies.bundle(), definition, collection) {
            CollectionPolicy::Own(policy) => policy,
            CollectionPolicy::Chaincode => return self.check_collection(""),
            CollectionPolicy::NoSuchCollection => {
                return Err(not_endorsed(format!("no collection '{collection}' of '{}'", self.namespace)));
            }
        };
        endorsement
            .policies
            .evaluate(&policy, candidate.endorsers)
            .map_err(|error| not_met(format!("collection '{collection}' of '{}'", self.namespace), error))?;
        self.met.insert(collection.to_owned());
        Ok(())
    }

    fn check_chaincode(&mut self) -> Result<(), Failure> {
        self.endorsement
            .policies
            .evaluate(&self.policy, self.candidate.endorsers)
            .map_err(|error| not_met(format!("'{}'", self.namespace), error))?;
        self.met.insert(String::new());
        Ok(())
    }
}

/// The policy `of` something is not met, or looking it up makes peers panic.
fn not_met(of: String, error: PolicyError) -> Failure {
    match error {
        PolicyError::NamesGroup(name) => Defect::PolicyNamesGroup { of, name }.into(),
        error => not_endorsed(format!("policy of {of}: {error}")),
    }
}

/// Whether peers that begin with another namespace come to another end; the reason says so then.
fn note_disagreement(first: &mut Verdict, other: Failure) -> bool {
    let other = match other {
        Failure::Invalid(other) if other.code == first.code => return false,
        Failure::Invalid(other) => other.reason,
        Failure::Halt(defect) => defect.to_string(),
    };
    first.reason.push_str(&format!("; peers disagree, others find first: {other}"));
    true
}

fn not_endorsed(reason: String) -> Failure {
    Verdict::invalid(TxValidationCode::EndorsementPolicyFailure, reason).into()
}

/// A key whose value or metadata a transaction writes; the collection is empty for a public key.
struct WrittenKey {
    collection: String,
    state_key: StateKey,
}

/// The written keys in the order in which Fabric looks at them, which decides whether a failure or a
/// halt comes first.
fn written_keys(namespace: &NamespaceRwSet) -> Vec<WrittenKey> {
    let name = &namespace.namespace;
    let public =
        |key: &String| WrittenKey { collection: String::new(), state_key: StateKey::public(name, key) };
    let hashed = |collection: &String, hash: &Bytes| WrittenKey {
        collection: collection.clone(),
        state_key: StateKey::hashed(name, collection, hash.clone()),
    };
    let set = &namespace.public;
    let values = set.writes.iter().map(|write| public(&write.key));
    let metadata = set.metadata_writes.iter().map(|write| public(&write.key));
    let collections = || namespace.collections.iter().map(|set| (&set.collection, &set.hashed));
    let hashed_values = collections().flat_map(|(collection, set)| {
        set.hashed_writes.iter().map(move |write| hashed(collection, &write.key_hash))
    });
    let hashed_metadata = collections().flat_map(|(collection, set)| {
        set.metadata_writes.iter().map(move |write| hashed(collection, &write.key_hash))
    });
    values.chain(metadata).chain(hashed_values).chain(hashed_metadata).collect()
}
