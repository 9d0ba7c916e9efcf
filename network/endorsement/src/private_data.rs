//! Where the plaintext of private writes goes: to the organisations of this process that are members of the
//! collection, to wait for the transaction (`core/endorser/pvtrwset_assembler.go`, `gossip/privdata`).

use std::collections::BTreeSet;

use fabric::proto::rwset::{NsPvtReadWriteSet, TxPvtReadWriteSet};

use super::{Endorser, invoke::Transaction, simulate::Simulation};
use ledger::{LedgerError, Waiting};

impl Endorser {
    /// Keeps private writes durably. It must happen before the response leaves: once the transaction is
    /// ordered, no peer could ask for them again. `height` is that of the simulated state.
    pub(super) async fn keep_private_data(
        &self,
        transaction: &Transaction<'_>,
        simulation: &Simulation,
        height: u64,
    ) -> Result<(), LedgerError> {
        let Some(private) = &simulation.private else { return Ok(()) };
        for organisation in &self.setup.private_data_of {
            let visible = visible_to(organisation, private, simulation, transaction);
            if visible.ns_pvt_rwset.is_empty() {
                continue;
            }
            let (ledger, organisation) = (self.setup.ledger.clone(), organisation.clone());
            let (txid, creator) = (transaction.txid.to_owned(), transaction.creator.mspid().to_owned());
            // A synced write takes milliseconds; other transactions must not wait for it.
            let keep = move || {
                let waiting = Waiting { txid: &txid, creator: &creator, height, private: &visible };
                ledger.private_store(&organisation).keep(waiting)
            };
            match tokio::task::spawn_blocking(keep).await {
                Ok(kept) => kept?,
                Err(stopped) => return Err(LedgerError::Poisoned { cause: stopped.to_string() }),
            }
        }
        Ok(())
    }
}

/// The part of the private writes that an organisation may see.
fn visible_to(
    organisation: &str,
    private: &TxPvtReadWriteSet,
    simulation: &Simulation,
    transaction: &Transaction<'_>,
) -> TxPvtReadWriteSet {
    let is_member = |namespace: &str, collection: &str| {
        let collections = simulation.collections.get(namespace);
        let members = collections.map(|known| known.members(collection, transaction.bundle.msps()));
        members.is_some_and(|members: BTreeSet<String>| members.contains(organisation))
    };
    let namespaces = private.ns_pvt_rwset.iter().filter_map(|namespace| {
        let sets = namespace.collection_pvt_rwset.iter();
        let sets: Vec<_> =
            sets.filter(|set| is_member(&namespace.namespace, &set.collection_name)).cloned().collect();
        (!sets.is_empty())
            .then(|| NsPvtReadWriteSet { namespace: namespace.namespace.clone(), collection_pvt_rwset: sets })
    });
    TxPvtReadWriteSet { data_model: private.data_model, ns_pvt_rwset: namespaces.collect() }
}
