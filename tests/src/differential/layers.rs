//! A look into made envelopes, for what makes real peers disagree with each other.

use bytes::Bytes;
use fabric::{
    proto::{
        common::{ChannelHeader, Envelope, Payload, SignatureHeader},
        kvrwset::{HashedRwSet, KvrwSet},
        protos::{
            ChaincodeAction, ChaincodeActionPayload, ChaincodeEvent, ChaincodeHeaderExtension,
            ProposalResponsePayload, Transaction,
        },
        rwset::TxReadWriteSet,
    },
    types::decode,
};
use prost::{Message, Name};

/// What is found in an envelope.
#[derive(Default)]
pub struct Layers {
    /// A field that is known comes with another wire type. Peers of Fabric 2.5 take such a message for an
    /// empty one, peers of Fabric 3 for one that is not there.
    pub has_mistyped_field: bool,
    /// The policies of several namespaces must be met, and it sets policies of keys.
    pub sets_policies_among_others: bool,
}

impl Layers {
    pub fn of(envelope: &Bytes) -> Self {
        let mut layers = Self::default();
        layers.walk(envelope);
        layers
    }

    /// Goes as deep as it can be read.
    fn walk(&mut self, envelope: &Bytes) -> Option<()> {
        let envelope: Envelope = self.read(envelope)?;
        let payload: Payload = self.read(&envelope.payload)?;
        if let Some(header) = &payload.header {
            self.read::<SignatureHeader>(&header.signature_header);
            if let Some(header) = self.read::<ChannelHeader>(&header.channel_header) {
                self.read::<ChaincodeHeaderExtension>(&header.extension);
            }
        }
        let transaction: Transaction = self.read(&payload.data)?;
        let action = transaction.actions.first()?;
        self.read::<SignatureHeader>(&action.header);
        let payload: ChaincodeActionPayload = self.read(&action.payload)?;
        let response: ProposalResponsePayload = self.read(&payload.action?.proposal_response_payload)?;
        let action: ChaincodeAction = self.read(&response.extension)?;
        self.read::<ChaincodeEvent>(&action.events);
        let results = self.read::<TxReadWriteSet>(&action.results)?;
        let mut sets_policies = false;
        for namespace in &results.ns_rwset {
            let public = self.read::<KvrwSet>(&namespace.rwset)?;
            sets_policies |= !public.metadata_writes.is_empty();
            for collection in &namespace.collection_hashed_rwset {
                let hashed = self.read::<HashedRwSet>(&collection.hashed_rwset)?;
                sets_policies |= !hashed.metadata_writes.is_empty();
            }
        }
        // The chaincode that was called has its policies checked too, whether it wrote or not.
        let called = action.chaincode_id.unwrap_or_default().name;
        let has_others = results.ns_rwset.iter().any(|namespace| namespace.namespace != called);
        self.sets_policies_among_others = sets_policies && has_others;
        Some(())
    }

    fn read<M: Message + Default + Name>(&mut self, bytes: &Bytes) -> Option<M> {
        let read: M = decode(bytes.clone()).ok()?;
        self.has_mistyped_field |= M::decode(bytes.clone()).is_err();
        Some(read)
    }
}
