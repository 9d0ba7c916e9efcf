//! Which package answers for a chaincode on the channel: its definition, this organisation's approval of it,
//! and the package this organisation has installed (`core/chaincode/lifecycle/{endorsement_info,cache}.go`).

use std::{collections::HashMap, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;

use super::{
    lifecycle::{PublicState, local_package_hash},
    packages::{Package, Packages},
    rwset::sha256,
    simulate::Simulator,
};
use ledger::{DefinitionError, DefinitionState, LedgerError, View};
use lifecycle::{NAMESPACES, implicit_collection, package_id_key, read_definition, read_sequence, records};

/// The namespace where chaincodes of Fabric 1 were defined. None can be any more, but a peer still looks.
const LEGACY_NAMESPACE: &str = "lscc";

/// A chaincode that can be called.
pub struct Runnable {
    /// Of the definition; goes into the transaction.
    pub version: String,
    /// Whether its first call must initialise it.
    pub init_required: bool,
    pub package: Arc<Package>,
    sequence: i64,
    /// Hash of the record of the approved package.
    source_hash: Option<Bytes>,
}

/// Finds chaincodes, and remembers those that can be called.
pub struct Runnables {
    channel_id: String,
    collection: String,
    known: Mutex<HashMap<String, Arc<Runnable>>>,
}

impl Runnables {
    pub fn new(channel_id: &str, msp_id: &str) -> Self {
        let collection = implicit_collection(msp_id);
        Self { channel_id: channel_id.to_owned(), collection, known: Mutex::default() }
    }

    /// The chaincode of this name in the simulated state. Its sequence number is read through the simulation:
    /// a transaction must not outlive the definition under which it was simulated.
    pub fn find(
        &self,
        name: &str,
        simulator: &mut Simulator<'_>,
        packages: &Packages,
    ) -> Result<Arc<Runnable>, DefinitionError> {
        if let Some(found) = simulator.runnable(name) {
            return Ok(found);
        }
        let found = self.find_in_state(name, simulator, packages)?;
        simulator.note_runnable(name, found.clone());
        Ok(found)
    }

    fn find_in_state(
        &self,
        name: &str,
        simulator: &mut Simulator<'_>,
        packages: &Packages,
    ) -> Result<Arc<Runnable>, DefinitionError> {
        let channel = &self.channel_id;
        let sequence = read_sequence(name, &mut PublicState(simulator)).map_err(|error| {
            error.context(format!(
                "could not get current sequence for chaincode '{name}' on channel '{channel}'"
            ))
        })?;
        if sequence == 0 {
            simulator.get_state(LEGACY_NAMESPACE, name)?;
            return Err(DefinitionError::Failed(format!("chaincode {name} not found")));
        }
        let view = simulator.view();
        let source_hash = self.source_hash(name, sequence, view)?;
        if let Some(known) = self.known(name, sequence, &source_hash) {
            return Ok(known);
        }
        let found = Arc::new(self.look_up(name, sequence, source_hash, view, packages)?);
        self.known.lock().insert(name.to_owned(), found.clone());
        Ok(found)
    }

    /// A definition never changes without its sequence, and the approval's parameters not without the
    /// definition once that is committed; but an organisation may approve another package at any time.
    fn known(&self, name: &str, sequence: i64, source_hash: &Option<Bytes>) -> Option<Arc<Runnable>> {
        let known = self.known.lock();
        let found = known.get(name)?;
        (found.sequence == sequence && found.source_hash == *source_hash).then(|| found.clone())
    }

    fn look_up(
        &self,
        name: &str,
        sequence: i64,
        source_hash: Option<Bytes>,
        view: &View<'_>,
        packages: &Packages,
    ) -> Result<Runnable, DefinitionError> {
        let definition = read_definition(name, &mut DefinitionState(view))?.ok_or_else(|| {
            DefinitionError::Failed(format!("unknown chaincode '{name}' for channel '{}'", self.channel_id))
        })?;
        let approved = definition.parameters.record();
        let private_name = definition.private_name(name);
        let differing =
            records::mismatches(NAMESPACES, &private_name, &approved, |key| Ok(self.hash(key, view)?))?;
        if !differing.is_empty() {
            return Err(DefinitionError::Failed(format!(
                "chaincode definition for '{name}' at sequence {sequence} on channel '{}' has not yet been approved \
                 by this org",
                self.channel_id
            )));
        }
        let installed = packages
            .list()
            .into_iter()
            .find(|package| source_hash.as_ref() == Some(&local_package_hash(&package.id)));
        let package = installed.ok_or_else(|| {
            DefinitionError::Failed(format!(
                "chaincode definition for '{name}' exists, but chaincode is not installed"
            ))
        })?;
        let endorsement = definition.parameters.endorsement;
        Ok(Runnable {
            version: endorsement.version,
            init_required: endorsement.init_required,
            package,
            sequence,
            source_hash,
        })
    }

    fn source_hash(&self, name: &str, sequence: i64, view: &View<'_>) -> Result<Option<Bytes>, LedgerError> {
        self.hash(&package_id_key(&lifecycle::private_name(name, sequence)), view)
    }

    fn hash(&self, key: &str, view: &View<'_>) -> Result<Option<Bytes>, LedgerError> {
        let state = view.get_hashed(lifecycle::NAMESPACE, &self.collection, &sha256(key.as_bytes()))?;
        Ok(state.map(|state| state.value))
    }
}
