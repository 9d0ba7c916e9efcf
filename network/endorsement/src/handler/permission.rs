//! What a chaincode call may do: capabilities of the channel, and the creator's rights in a collection
//! (`core/common/privdata/store.go`).

use channel::policy::SignaturePolicy;
use fabric::proto::protos::{StaticCollectionConfig, collection_policy_config::Payload};

use super::{Call, RequestError};
use lifecycle::implicit_owner;

/// Whether the proposal's creator may read and write a collection.
#[derive(Clone, Copy)]
pub(super) struct Permission {
    read: bool,
    write: bool,
}

impl Permission {
    const FULL: Self = Self { read: true, write: true };
}

impl Call<'_, '_> {
    pub(super) fn require_read(&mut self, collection: &str) -> Result<(), RequestError> {
        self.refuse_in_init()?;
        if self.permission(collection)?.read { Ok(()) } else { Err(self.no_access("read", collection)) }
    }

    pub(super) fn require_write(&mut self, collection: &str) -> Result<(), RequestError> {
        self.refuse_in_init()?;
        if self.permission(collection)?.write { Ok(()) } else { Err(self.no_access("write", collection)) }
    }

    pub(super) fn refuse_in_init(&self) -> Result<(), RequestError> {
        if self.is_init {
            return Err(RequestError::new("private data APIs are not allowed in chaincode Init()"));
        }
        Ok(())
    }

    pub(super) fn require_key_level_endorsement(&self) -> Result<(), RequestError> {
        if self.transaction.bundle.capabilities().v2_0_validation() {
            return Ok(());
        }
        Err(RequestError::new(
            "key level endorsement is not enabled, channel application capability of V1_3 or later is required",
        ))
    }

    pub(super) fn require_purge(&self) -> Result<(), RequestError> {
        if self.transaction.bundle.capabilities().purge_private_data() {
            return Ok(());
        }
        Err(RequestError::new(
            "purge private data is not enabled, channel application capability of V2_5 or later is required",
        ))
    }

    fn permission(&mut self, collection: &str) -> Result<Permission, RequestError> {
        if let Some(known) = self.permissions.get(collection) {
            return Ok(*known);
        }
        let collections = self.simulator.collections(self.namespace)?;
        // Anyone may use an implicit collection: its members decide by their endorsement.
        let permission = if implicit_owner(collection).is_some() {
            Permission::FULL
        } else {
            let config = collections.explicit(collection).ok_or_else(|| {
                let channel = self.transaction.channel_id;
                RequestError(format!(
                    "collection {channel}/{}/{collection} could not be found",
                    self.namespace
                ))
            })?;
            self.permission_by(config)?
        };
        self.permissions.insert(collection.to_owned(), permission);
        Ok(permission)
    }

    fn permission_by(&self, config: &StaticCollectionConfig) -> Result<Permission, RequestError> {
        let open_to_all = !config.member_only_read && !config.member_only_write;
        if open_to_all || self.creator_is_member(config)? {
            return Ok(Permission::FULL);
        }
        Ok(Permission { read: !config.member_only_read, write: !config.member_only_write })
    }

    fn creator_is_member(&self, config: &StaticCollectionConfig) -> Result<bool, RequestError> {
        let failed = |reason: String| {
            RequestError(format!(
                "error setting up collection for collection criteria {}: {reason}",
                config.name
            ))
        };
        let policy = config.member_orgs_policy.as_ref().and_then(|policy| policy.payload.as_ref());
        let Some(Payload::SignaturePolicy(policy)) = policy else {
            return Err(failed("Collection config access policy is nil".into()));
        };
        let policy = SignaturePolicy::from_proto(policy).map_err(|error| failed(error.to_string()))?;
        let creator = std::slice::from_ref(self.transaction.creator);
        Ok(policy.evaluate(creator, self.transaction.bundle.msps()).is_ok())
    }

    fn no_access(&self, access: &str, collection: &str) -> RequestError {
        RequestError(format!(
            "tx creator does not have {access} access permission on privatedata in chaincodeName:{} collectionName: \
             {collection}",
            self.namespace
        ))
    }
}
