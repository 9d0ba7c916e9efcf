//! Replays the configuration of recorded channels: every update that Fabric accepted must be authorised and
//! lead to the configuration that Fabric recorded, and none that was tampered with.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use std::sync::Arc;

use bytes::Bytes;
use channel::{Bundle, ConfigError, policy::PolicyError};
use fabric::proto::common::{ConfigEnvelope, ConfigUpdate, ConfigUpdateEnvelope, Envelope, Payload};
use prost::Message;

/// Calls `check` with each recorded update and the configuration that it meets.
fn replay(chain: &str, mut check: impl FnMut(&Bundle, &Bytes, &Arc<Bundle>)) {
    let Some(blocks) = recorded::blocks(chain) else { return };
    let mut bundle = Bundle::from_block(&blocks[0]).unwrap();
    for block in &blocks[1..] {
        let Some(envelope) = recorded::config_envelope(block) else { continue };
        let number = block.header.as_ref().unwrap().number;
        let next = bundle
            .validate_config(envelope.clone())
            .unwrap_or_else(|error| panic!("{chain}: config block {number}: {error}"));
        check(&bundle, &envelope, &next);
        bundle = next;
    }
    println!("{chain}: {} config updates accepted", bundle.sequence());
}

#[test]
fn every_recorded_update_is_accepted_and_rederived() {
    for chain in recorded::CHAINS {
        replay(chain, |bundle, recorded, next| {
            assert_eq!(next.sequence(), bundle.sequence() + 1);
            let recorded = ConfigEnvelope::decode(recorded.clone()).unwrap();
            match bundle.propose_update(recorded.last_update.as_ref().unwrap()) {
                Ok(proposed) => {
                    assert_eq!(ConfigEnvelope::decode(proposed.envelope.clone()).unwrap(), recorded);
                    // What our orderer writes, a peer derives again.
                    assert_eq!(
                        bundle.validate_config(proposed.envelope).unwrap().sequence(),
                        next.sequence()
                    );
                }
                Err(error) => panic!("{chain}: {error}"),
            }
        });
    }
}

#[test]
fn an_update_cannot_be_replayed() {
    replay("small", |_, recorded, next| {
        let recorded = ConfigEnvelope::decode(recorded.clone()).unwrap();
        assert!(matches!(
            next.propose_update(&recorded.last_update.unwrap()),
            Err(ConfigError::ReadSetVersion { .. }
                | ConfigError::WriteSetVersion { .. }
                | ConfigError::NoChange)
        ));
        assert!(matches!(next.validate_config(recorded_bytes(next)), Err(ConfigError::Missing(_))));
    });
}

/// A config envelope without an update.
fn recorded_bytes(bundle: &Bundle) -> Bytes {
    let mut config = fabric::proto::common::Config::decode(bundle.config().clone()).unwrap();
    config.sequence += 1;
    ConfigEnvelope { config: Some(config), last_update: None }.encode_to_vec().into()
}

#[test]
fn an_update_needs_its_signatures() {
    for chain in ["small", "byhand", "alpha"] {
        replay(chain, |bundle, recorded, _| {
            let mut recorded = ConfigEnvelope::decode(recorded.clone()).unwrap();
            edit_update(&mut recorded, |update| update.signatures.clear());
            let error = bundle.validate_config(recorded.encode_to_vec().into()).unwrap_err();
            let unsatisfied = |error: &PolicyError| {
                matches!(error, PolicyError::NotSatisfied | PolicyError::ImplicitMetaNotSatisfied { .. })
            };
            assert!(
                matches!(&error, ConfigError::NotAuthorised { error, .. } if unsatisfied(error)),
                "{chain}: {error}"
            );
        });
    }
}

#[test]
fn the_update_of_another_channel_is_refused() {
    replay("small", |bundle, recorded, _| {
        let mut recorded = ConfigEnvelope::decode(recorded.clone()).unwrap();
        edit_update(&mut recorded, |update| {
            let mut inner = ConfigUpdate::decode(update.config_update.clone()).unwrap();
            inner.channel_id = "other".to_owned();
            update.config_update = inner.encode_to_vec().into();
        });
        let error = bundle.validate_config(recorded.encode_to_vec().into()).unwrap_err();
        assert!(matches!(error, ConfigError::OtherChannel { .. }), "{error}");
    });
}

#[test]
fn the_result_must_be_the_recorded_one() {
    replay("small", |bundle, recorded, _| {
        let refuse = |edit: fn(&mut ConfigEnvelope)| {
            let mut changed = ConfigEnvelope::decode(recorded.clone()).unwrap();
            edit(&mut changed);
            bundle.validate_config(changed.encode_to_vec().into()).unwrap_err()
        };
        let error = refuse(|envelope| envelope.config.as_mut().unwrap().sequence += 1);
        assert!(matches!(error, ConfigError::Sequence { .. }), "{error}");
        let error = refuse(|envelope| {
            let root = envelope.config.as_mut().unwrap().channel_group.as_mut().unwrap();
            root.version += 1;
        });
        assert!(matches!(error, ConfigError::Mismatch), "{error}");
        let error = refuse(|envelope| {
            let root = envelope.config.as_mut().unwrap().channel_group.as_mut().unwrap();
            root.values.remove("HashingAlgorithm");
        });
        assert!(matches!(error, ConfigError::Mismatch), "{error}");
        let mut unknown = recorded.to_vec();
        insert_unknown_field(&mut unknown, recorded);
        let error = bundle.validate_config(unknown.into()).unwrap_err();
        assert!(matches!(error, ConfigError::Mismatch), "{error}");
    });
}

/// Appends to the envelope a second, partial `config` that adds an unknown field to the root group.
fn insert_unknown_field(envelope: &mut Vec<u8>, recorded: &Bytes) {
    assert_eq!(&envelope[..], &recorded[..]);
    let group = [0x78, 7];
    let config = [&[0x12, 2][..], &group].concat();
    envelope.extend_from_slice(&[0x0a, 4]);
    envelope.extend_from_slice(&config);
}

fn edit_update(envelope: &mut ConfigEnvelope, edit: impl FnOnce(&mut ConfigUpdateEnvelope)) {
    let outer: &mut Envelope = envelope.last_update.as_mut().unwrap();
    let mut payload = Payload::decode(outer.payload.clone()).unwrap();
    let mut update = ConfigUpdateEnvelope::decode(payload.data.clone()).unwrap();
    edit(&mut update);
    payload.data = update.encode_to_vec().into();
    outer.payload = payload.encode_to_vec().into();
}
