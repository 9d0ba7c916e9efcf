//! What a config transaction does to the channel.
//!
//! Source: `core/peer/channel.go`, `Apply`. The update in it is authorised and applied again; a result
//! other than the one it states stops every peer.

use std::sync::Arc;

use bytes::Bytes;
use channel::Bundle;

use super::Defect;

/// `config` is the data of the config transaction, an encoded `ConfigEnvelope`.
pub(crate) fn apply(config: &Bytes, bundle: &Bundle, transactions: usize) -> Result<Arc<Bundle>, Defect> {
    let next = bundle.validate_config(config.clone()).map_err(|error| Defect::Config(error.to_string()))?;
    // Peers would validate the block's other transactions by the old or the new configuration, as it
    // happens. No orderer makes such a block.
    if transactions > 1 {
        return Err(Defect::ConfigAmongOthers);
    }
    Ok(next)
}
