//! The update that leads from one configuration to another, as configtxlator computes it
//! (`internal/configtxlator/update/update.go`): it reads what it changes, and names nothing else, so that it takes no
//! signature for what stays as it is.

use std::collections::BTreeMap;

use fabric::proto::common::{ConfigGroup, ConfigPolicy, ConfigValue};

/// The read set and the write set.
pub(crate) fn compute(before: &ConfigGroup, after: &ConfigGroup) -> (ConfigGroup, ConfigGroup) {
    let Delta { read, write, .. } = group(before, after);
    (read, write)
}

struct Delta {
    read: ConfigGroup,
    write: ConfigGroup,
    changed: bool,
}

fn group(before: &ConfigGroup, after: &ConfigGroup) -> Delta {
    let values = members(&before.values, &after.values);
    let policies = members(&before.policies, &after.policies);
    let groups = groups(&before.groups, &after.groups);
    let changed_members = values.changed_members || policies.changed_members || groups.changed_members;
    let changed = [&values.write.is_empty(), &policies.write.is_empty(), &groups.write.is_empty()]
        .into_iter()
        .any(|is_empty| !is_empty);
    let mut read = ConfigGroup { version: before.version, groups: groups.read, ..Default::default() };
    let mut write = ConfigGroup { version: before.version, groups: groups.write, ..Default::default() };
    (write.values, write.policies) = (values.write, policies.write);
    if !changed_members && before.mod_policy == after.mod_policy {
        return Delta { read, write, changed };
    }
    // A group whose members change is written whole: what stays is named by its version alone.
    for set in [&mut read, &mut write] {
        set.values.extend(values.same.clone());
        set.policies.extend(policies.same.clone());
        set.groups.extend(groups.same.clone());
    }
    write.version += 1;
    write.mod_policy.clone_from(&after.mod_policy);
    Delta { read, write, changed: true }
}

/// The members of one kind that a group has before and after.
struct Members<T> {
    read: BTreeMap<String, T>,
    write: BTreeMap<String, T>,
    same: BTreeMap<String, T>,
    /// Whether one came or went.
    changed_members: bool,
}

/// A value or a policy.
trait Leaf: Clone {
    fn same_as(&self, other: &Self) -> bool;
    /// Only its version, or the whole with another version.
    fn version_only(&self) -> Self;
    fn next_after(&self, before: Option<&Self>) -> Self;
}

impl Leaf for ConfigValue {
    fn same_as(&self, other: &Self) -> bool {
        self.mod_policy == other.mod_policy && self.value == other.value
    }

    fn version_only(&self) -> Self {
        Self { version: self.version, ..Default::default() }
    }

    fn next_after(&self, before: Option<&Self>) -> Self {
        Self { version: before.map_or(0, |before| before.version + 1), ..self.clone() }
    }
}

impl Leaf for ConfigPolicy {
    fn same_as(&self, other: &Self) -> bool {
        self.mod_policy == other.mod_policy && self.policy == other.policy
    }

    fn version_only(&self) -> Self {
        Self { version: self.version, ..Default::default() }
    }

    fn next_after(&self, before: Option<&Self>) -> Self {
        Self { version: before.map_or(0, |before| before.version + 1), ..self.clone() }
    }
}

fn members<T: Leaf>(before: &BTreeMap<String, T>, after: &BTreeMap<String, T>) -> Members<T> {
    let mut found = Members {
        read: BTreeMap::new(),
        write: BTreeMap::new(),
        same: BTreeMap::new(),
        changed_members: !before.keys().eq(after.keys()),
    };
    for (name, new) in after {
        match before.get(name) {
            Some(old) if old.same_as(new) => found.same.insert(name.clone(), old.version_only()),
            old => found.write.insert(name.clone(), new.next_after(old)),
        };
    }
    found
}

fn groups(
    before: &BTreeMap<String, ConfigGroup>,
    after: &BTreeMap<String, ConfigGroup>,
) -> Members<ConfigGroup> {
    let mut found = Members {
        read: BTreeMap::new(),
        write: BTreeMap::new(),
        same: BTreeMap::new(),
        changed_members: !before.keys().eq(after.keys()),
    };
    for (name, new) in after {
        let Some(old) = before.get(name) else {
            let written = group(&ConfigGroup::default(), new).write;
            let whole = ConfigGroup { version: 0, mod_policy: new.mod_policy.clone(), ..written };
            found.write.insert(name.clone(), whole);
            continue;
        };
        let delta = group(old, new);
        match delta.changed {
            true => {
                found.read.insert(name.clone(), delta.read);
                found.write.insert(name.clone(), delta.write);
            }
            false => drop(found.same.insert(name.clone(), delta.read)),
        }
    }
    found
}
