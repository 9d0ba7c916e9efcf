//! Updates that go to the limits of what Fabric accepts, and what a faulty orderer could send.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod made;

use bytes::Bytes;
use fabric::{
    channel::ConfigError,
    proto::common::{ConfigEnvelope, ConfigGroup, ConfigPolicy, ConfigValue},
    proto::orderer::BatchTimeout,
};
use made::channel::{Channel, compute, signed};
use prost::Message;

/// An unknown field, number 15, with a varint.
const UNKNOWN: [u8; 2] = [0x78, 7];

fn timeout(root: &mut ConfigGroup) {
    let value = BatchTimeout { timeout: "5s".to_owned() }.encode_to_vec().into();
    root.groups.get_mut("Orderer").unwrap().values.get_mut("BatchTimeout").unwrap().value = value;
}

/// Appends a length-delimited field.
fn put(out: &mut Vec<u8>, number: u8, content: &[u8]) {
    out.push(number << 3 | 2);
    prost::encoding::encode_varint(content.len() as u64, out);
    out.extend_from_slice(content);
}

/// A map entry with a message.
fn entry(name: &str, message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    put(&mut out, 1, name.as_bytes());
    put(&mut out, 2, message);
    out
}

#[test]
fn unknown_fields_go_through_an_update_and_are_compared() {
    let channel = Channel::new();
    let mut update = compute(&channel.bundle, &timeout);
    // The value that changes gets an unknown field, in a second, merged mention of its group.
    let value = &mut update.write_set.as_mut().unwrap().groups.get_mut("Orderer").unwrap().values;
    let mut changed = value.remove("BatchTimeout").unwrap().encode_to_vec();
    changed.extend_from_slice(&UNKNOWN);
    let mut orderer = update.write_set.as_ref().unwrap().groups["Orderer"].encode_to_vec();
    put(&mut orderer, 3, &entry("BatchTimeout", &changed));
    let mut encoded = update.encode_to_vec();
    let mut write_set = Vec::new();
    put(&mut write_set, 2, &entry("Orderer", &orderer));
    put(&mut encoded, 3, &write_set);

    let envelope = signed(&channel.bundle, encoded, &channel.admins(&["Orderer"]));
    let proposed = channel.bundle.propose_update(&envelope).unwrap();
    let next = channel.bundle.validate_config(proposed.envelope.clone()).unwrap();
    assert_eq!(next.orderer().batch_timeout.as_secs(), 5);
    assert_eq!(next.config(), proposed.bundle.config());
    assert!(next.config().windows(changed.len()).any(|window| window == changed));
    // The next update does not mention the field, and yet it stays.
    let envelope = signed(
        &next,
        compute(&next, &|root| {
            root.groups.get_mut("Orderer").unwrap().values.get_mut("BatchSize").unwrap().value =
                Bytes::from_static(&[8, 1, 16, 9, 24, 9])
        })
        .encode_to_vec(),
        &channel.admins(&["Orderer"]),
    );
    let later = next.propose_update(&envelope).unwrap();
    assert!(later.bundle.config().windows(2).any(|window| window == UNKNOWN));
    // prost drops the field: such an envelope is another configuration.
    let dropped = ConfigEnvelope::decode(proposed.envelope).unwrap().encode_to_vec();
    assert!(matches!(channel.bundle.validate_config(dropped.into()), Err(ConfigError::Mismatch)));
}

#[test]
fn an_element_that_no_group_takes_in_has_no_effect() {
    let channel = Channel::new();
    let edit = |root: &mut ConfigGroup| {
        root.values
            .insert("Else".to_owned(), ConfigValue { mod_policy: "Admins".to_owned(), ..Default::default() });
    };
    let mut update = compute(&channel.bundle, &edit);
    update.write_set.as_mut().unwrap().version = 0;
    let envelope = signed(&channel.bundle, update.encode_to_vec(), &[]);
    let next = channel.bundle.propose_update(&envelope).unwrap();
    assert_eq!(next.bundle.sequence(), 1);
    assert_eq!(config_tree(next.bundle.config()), config_tree(channel.bundle.config()));
    channel.bundle.validate_config(next.envelope).unwrap();
}

fn config_tree(config: &Bytes) -> Option<ConfigGroup> {
    fabric::proto::common::Config::decode(config.clone()).unwrap().channel_group
}

#[test]
fn groups_may_nest_as_deep_as_go_reads() {
    let channel = Channel::new();
    // An update, its write set, and two messages for each further group.
    for (depth, accepted) in [(4_999, true), (5_000, false)] {
        let mut group = Vec::new();
        for _ in 0..depth {
            let mut outer = Vec::new();
            put(&mut outer, 5, b"Admins");
            put(&mut outer, 2, &entry("g", &group));
            group = outer;
        }
        let mut update = Vec::new();
        put(&mut update, 1, b"nanotrace");
        put(&mut update, 3, &group);
        let error = channel.bundle.propose_update(&signed(&channel.bundle, update, &[])).unwrap_err();
        // Both are refused: one because nothing was read or signed, the other because Go cannot read it.
        assert_eq!(matches!(error, ConfigError::Wire(_)), !accepted, "{error}");
    }
}

#[test]
fn what_a_map_entry_replaces_must_be_readable_too() {
    let channel = Channel::new();
    let update = compute(&channel.bundle, &timeout);
    let garbage_first = |garbage: &[u8]| {
        let mut write_set = Vec::new();
        put(&mut write_set, 2, &entry("Orderer", garbage));
        write_set.extend(update.write_set.as_ref().unwrap().encode_to_vec());
        let mut encoded = Vec::new();
        put(&mut encoded, 1, b"nanotrace");
        put(&mut encoded, 2, &update.read_set.as_ref().unwrap().encode_to_vec());
        put(&mut encoded, 3, &write_set);
        channel.bundle.propose_update(&signed(&channel.bundle, encoded, &channel.admins(&["Orderer"])))
    };
    garbage_first(&[]).unwrap();
    assert!(matches!(garbage_first(&[0x0f]), Err(ConfigError::Wire(_))));
    assert!(matches!(garbage_first(&[0x2a, 1, 0xff]), Err(ConfigError::Wire(_))));
}

#[test]
fn versions_and_names_are_checked() {
    let channel = Channel::new();
    let both = channel.admins(&["CertBody", "Accreditation", "Orderer"]);
    let propose = |edit: &dyn Fn(&mut ConfigGroup, &mut ConfigGroup)| {
        let mut update = compute(&channel.bundle, &timeout);
        edit(update.read_set.as_mut().unwrap(), update.write_set.as_mut().unwrap());
        channel.bundle.propose_update(&signed(&channel.bundle, update.encode_to_vec(), &both)).unwrap_err()
    };
    let orderer = |root: &mut ConfigGroup| root.groups.remove("Orderer").unwrap();
    let error = propose(&|read, _| read.version = 1);
    assert!(matches!(error, ConfigError::ReadSetVersion { found: 0, expected: 1, .. }), "{error}");
    let error = propose(&|read, _| drop(read.values.insert("Else".to_owned(), ConfigValue::default())));
    assert!(matches!(error, ConfigError::ReadSetMissing(_)), "{error}");
    let error = propose(&|_, write| {
        let mut group = orderer(write);
        group.values.get_mut("BatchTimeout").unwrap().version = 2;
        write.groups.insert("Orderer".to_owned(), group);
    });
    assert!(matches!(error, ConfigError::WriteSetVersion { version: 2, expected: 1, .. }), "{error}");
    let error = propose(&|_, write| {
        let policy = ConfigPolicy { version: 1, mod_policy: "Admins".to_owned(), policy: None };
        write.policies.insert("New".to_owned(), policy);
    });
    assert!(matches!(error, ConfigError::WriteSetVersion { version: 1, expected: 0, .. }), "{error}");
    for mod_policy in ["", "/", "a//b", "a b"] {
        let error = propose(&|_, write| {
            let policy = ConfigPolicy { mod_policy: mod_policy.to_owned(), ..Default::default() };
            write.policies.insert("New".to_owned(), policy);
        });
        assert!(matches!(error, ConfigError::ModPolicy(_)), "{error}");
    }
    for name in ["", ".", "..", "a/b", "ä", &"x".repeat(250)] {
        let error = propose(&|_, write| {
            write.values.insert(name.to_owned(), ConfigValue::default());
        });
        assert!(matches!(error, ConfigError::IllegalName(_)), "{error}");
    }
}

#[test]
fn an_element_whose_mod_policy_leads_nowhere_cannot_change() {
    let channel = Channel::new();
    let orderer = channel.admins(&["Orderer"]);
    let edit = |root: &mut ConfigGroup| {
        timeout(root);
        root.groups.get_mut("Orderer").unwrap().values.get_mut("BatchTimeout").unwrap().mod_policy =
            "Nobody".to_owned();
    };
    let next = channel.propose(&edit, &orderer).unwrap();
    let again = |root: &mut ConfigGroup| {
        let value = BatchTimeout { timeout: "6s".to_owned() }.encode_to_vec().into();
        root.groups.get_mut("Orderer").unwrap().values.get_mut("BatchTimeout").unwrap().value = value;
    };
    let envelope = signed(&next, compute(&next, &again).encode_to_vec(), &orderer);
    let error = next.propose_update(&envelope).unwrap_err().to_string();
    assert!(error.contains("no such policy: 'Nobody'"), "{error}");
}
