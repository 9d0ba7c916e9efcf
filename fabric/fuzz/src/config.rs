//! Configurations and updates: nothing panics, and what our orderer proposes a peer accepts.
//!
//! The channel has no organisations. Policies over none are satisfied without signatures, so that updates
//! get through to where the new configuration is built.

use std::sync::{Arc, LazyLock};

use channel::Bundle;
use fabric::proto::common::Envelope;
use material::inspect;
use prost::bytes::Bytes;

static CHANNEL: LazyLock<Arc<Bundle>> = LazyLock::new(|| {
    let config = include_bytes!("../corpus/config/config-without-organisations");
    Bundle::from_config("small", Bytes::from_static(config)).unwrap()
});

pub fn run(input: &[u8]) {
    let bytes = Bytes::copy_from_slice(input);
    let _ = inspect::to_json(bytes.clone());
    if let Ok(bundle) = Bundle::from_config("fuzz", bytes.clone()) {
        let again = Bundle::from_config("fuzz", bundle.config().clone()).unwrap();
        assert_eq!(again.orderer(), bundle.orderer());
    }
    let _ = CHANNEL.validate_config(bytes.clone());
    if let Ok(proposed) = CHANNEL.propose_update(&Envelope { payload: bytes, signature: Bytes::new() }) {
        let accepted = CHANNEL.validate_config(proposed.envelope).unwrap();
        assert_eq!(accepted.config(), proposed.bundle.config());
    }
}
