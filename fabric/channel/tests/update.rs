//! Updates that go to the limits of what Fabric accepts, and what a faulty orderer could send.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod fixtures;

use bytes::Bytes;
use channel::{Bundle, ConfigError};
use fabric::{
    proto::common::{Config, ConfigEnvelope, ConfigGroup, ConfigPolicy, ConfigValue},
    proto::orderer::BatchTimeout,
};
use fixtures::channel::{Channel, compute, signed};
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

fn new_group() -> Vec<u8> {
    ConfigGroup { mod_policy: "Admins".to_owned(), ..Default::default() }.encode_to_vec()
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

/// A group that holds others, this many levels deep.
fn nested(levels: usize) -> Vec<u8> {
    let mut group = new_group();
    for _ in 0..levels {
        let mut outer = new_group();
        put(&mut outer, 2, &entry("g", &group));
        group = outer;
    }
    group
}

#[test]
fn groups_may_nest_as_deep_as_go_reads() {
    let channel = Channel::new();
    // An update, its write set, and two messages for each further group.
    for (levels, readable) in [(4_999, true), (5_000, false)] {
        let mut update = Vec::new();
        put(&mut update, 1, b"nanotrace");
        put(&mut update, 3, &nested(levels));
        let update = signed(&channel.bundle, update, &[]);
        let mut config = Config::decode(channel.bundle.config().clone()).unwrap();
        config.sequence = 1;
        let envelope = ConfigEnvelope { config: Some(config), last_update: Some(update.clone()) };
        let error = channel.bundle.validate_config(envelope.encode_to_vec().into()).unwrap_err();
        // Both are refused: one because it changes the root group unsigned, the other because Go cannot read it.
        assert_eq!(matches!(error, ConfigError::Wire(_)), !readable, "{error}");
        assert!(error.to_string().len() < 500);
        // Our orderer takes nothing of the kind.
        assert!(matches!(channel.bundle.propose_update(&update), Err(ConfigError::Wire(_))));
    }
}

#[test]
fn deep_groups_are_no_danger_even_when_authorised() {
    let channel = Channel::new();
    let root = config_tree(channel.bundle.config()).unwrap();
    let current = root.groups["Application"].groups["Lab"].clone();
    let holding =
        |name: &str, group| ConfigGroup { groups: [(name.to_owned(), group)].into(), ..Default::default() };
    let read_set = holding("Application", holding("Lab", current.clone())).encode_to_vec();
    // The whole configuration with a new group in Lab's: as the write set, and as the result.
    let written = |levels: usize, root: ConfigGroup| {
        let mut lab = ConfigGroup { version: current.version + 1, ..current.clone() }.encode_to_vec();
        put(&mut lab, 2, &entry("g", &nested(levels)));
        let mut application = root.groups.get("Application").cloned().unwrap_or_default().encode_to_vec();
        put(&mut application, 2, &entry("Lab", &lab));
        let mut root = root.encode_to_vec();
        put(&mut root, 2, &entry("Application", &application));
        root
    };
    for (levels, admitted) in [(3, true), (4_900, false)] {
        let mut update = Vec::new();
        put(&mut update, 1, b"nanotrace");
        put(&mut update, 2, &read_set);
        put(&mut update, 3, &written(levels, ConfigGroup::default()));
        let update = signed(&channel.bundle, update, &[&channel.orgs["Lab"].admin]);
        let error = channel.bundle.propose_update(&update).unwrap_err();
        assert_eq!(matches!(error, ConfigError::UnexpectedGroup(_)), admitted, "{error}");

        let mut config = vec![0x08, 1];
        put(&mut config, 2, &written(levels, root.clone()));
        let mut envelope = Vec::new();
        put(&mut envelope, 1, &config);
        put(&mut envelope, 2, &update.encode_to_vec());
        let error = channel.bundle.validate_config(envelope.into()).unwrap_err();
        assert_eq!(error.to_string(), "group /Channel/Application/Lab/g is not allowed");
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
    assert!(matches!(error, ConfigError::WriteSetVersion { version: 2, found: 0, .. }), "{error}");
    let error = propose(&|_, write| {
        let policy = ConfigPolicy { version: 1, mod_policy: "Admins".to_owned(), policy: None };
        write.policies.insert("New".to_owned(), policy);
    });
    assert!(matches!(error, ConfigError::NewElementVersion { version: 1, .. }), "{error}");
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

#[test]
fn elements_without_a_mod_policy_get_one_with_the_next_update() {
    let channel = Channel::new();
    let mut config = Config::decode(channel.bundle.config().clone()).unwrap();
    let orderer =
        |config: &mut Config| config.channel_group.as_mut().unwrap().groups.remove("Orderer").unwrap();
    let mut group = orderer(&mut config);
    group.values.get_mut("BatchSize").unwrap().mod_policy = String::new();
    config.channel_group.as_mut().unwrap().groups.insert("Orderer".to_owned(), group);
    let bundle = Bundle::from_config("nanotrace", config.encode_to_vec().into()).unwrap();
    // Such an element is read by an update, but written only with a mod_policy.
    let mut update = compute(&bundle, &timeout);
    for set in [&mut update.read_set, &mut update.write_set] {
        set.as_mut().unwrap().groups.get_mut("Orderer").unwrap().values.remove("BatchSize");
    }
    let envelope = signed(&bundle, update.encode_to_vec(), &channel.admins(&["Orderer"]));
    let proposed = bundle.propose_update(&envelope).unwrap();
    let mut config = Config::decode(proposed.bundle.config().clone()).unwrap();
    assert_eq!(orderer(&mut config).values["BatchSize"].mod_policy, "Admins");
    bundle.validate_config(proposed.envelope).unwrap();
}
