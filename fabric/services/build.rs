//! Writes clients and servers for the services in `fabric/proto`, over the messages of crate `fabric`.

use std::error::Error;

const PROTOS: &[&str] = &["gateway.proto", "orderer.proto", "protos.proto"];
/// Packages whose messages are in `fabric::proto`.
const PACKAGES: &[&str] = &["common", "gateway", "msp", "orderer", "protos", "rwset"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=../proto");
    let descriptors = protox::compile(PROTOS, ["../proto"])?;
    let services = tonic_prost_build::configure().build_transport(false);
    PACKAGES
        .iter()
        .fold(services, |services, package| {
            services.extern_path(format!(".{package}"), format!("::fabric::proto::{package}"))
        })
        .compile_fds(descriptors)?;
    Ok(())
}
