//! The channel's configuration in force, by which certificates are judged.

use std::sync::Arc;

use channel::Bundle;
use fabric::{proto::common::Block, types::decode};
use peer_client::{Gateway, ordering};

/// Why the configuration is not known.
#[derive(Debug, thiserror::Error)]
#[error("the channel's configuration cannot be read: {0}")]
pub struct ConfigurationError(String);

/// Asks a gateway for the configuration of a channel.
pub async fn configuration(gateway: &Gateway, channel: &str) -> Result<Arc<Bundle>, ConfigurationError> {
    let failed = |error: &dyn std::error::Error| ConfigurationError(error.to_string());
    let block = ordering::config_block(gateway, channel).await.map_err(|error| failed(&error))?;
    let block: Block = decode(block).map_err(|error| failed(&error))?;
    Bundle::from_block(&block).map_err(|error| failed(&error))
}
