//! Compiles `proto/*.proto` without protoc: protox parses, prost-build writes the Rust code.

use std::{env, error::Error, fs, path::PathBuf};

use prost_build::Config;

const PROTOS: &[&str] = &[
    "common.proto",
    "etcdraft.proto",
    "gateway.proto",
    "kvrwset.proto",
    "lifecycle.proto",
    "msp.proto",
    "orderer.proto",
    "protos.proto",
    "queryresult.proto",
    "rwset.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=proto");
    let descriptors = protox::compile(PROTOS, ["proto"])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut config = Config::new();
    // `types::decode` finds a message's descriptor by its name.
    config.enable_type_names();
    fs::write(out.join("descriptors.bin"), prost::Message::encode_to_vec(&descriptors))?;
    config.bytes(["."]).btree_map(["."]).compile_fds(descriptors)?;
    Ok(())
}
