//! A verifier over a ledger in memory, with certificates in every state: to look at its pages and to measure it.
//!
//! `cargo run --release -p verifier --example verifier_in_memory -- 127.0.0.1:8099`

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::sync::Arc;

use certificate::demo;
use certificate::parties::CERTIFICATION_BODY;
use common::*;
use serde_json::json;
use verifier::{ServedModel, Server};

#[tokio::main]
async fn main() {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:8099".into());
    let mut world = World::new();
    let product = |batch: &'static str| {
        move |document: &mut serde_json::Value| {
            let product = &mut document["credentialSubject"]["product"];
            product["gtin"] = json!("09520123456788");
            product["batch"] = json!(batch);
        }
    };
    println!("valid         /c/{}", world.issue(1, |_| {}));
    let stopped = world.issue(2, product("ZNO-2026-11")).to_string();
    println!("suspended     /c/{stopped}");
    println!("valid         /c/{}", world.issue(3, product("ZNO-2026-12")));
    let withdrawn = world.issue(4, product("ZNO-2026-10")).to_string();
    println!("withdrawn     /c/{withdrawn}");
    println!("product       /01/09520123456788");
    println!("unknown       /c/{}", code(99));
    world.set_time(world.now().plus_days(3));
    let reason = "Two laboratories disagree about the surface area; a third one measures.";
    world.submit(accreditor(), "certificate:stop", &[&stopped, reason]);
    world.submit(decision_maker(), "certificate:stop", &[&withdrawn, "The batch is being looked into."]);
    world.set_time(world.now().plus_days(2));
    world.submit(decision_maker(), "certificate:withdraw", &[&withdrawn, "The batch was mislabelled."]);
    match std::env::args().nth(2).as_deref() {
        Some("accreditation-suspended") => {
            let arguments = [CERTIFICATION_BODY, demo::SCHEME_ID, "allCertificates", "Under investigation."];
            world.submit(accreditor(), "accreditation:suspend", &arguments);
        }
        Some("cannot-tell") => world.set_time(world.now().plus_days(2)),
        _ => {}
    }
    let mut config = verifier::Config::new(address.parse().unwrap());
    config.clock = world.clock();
    config.demonstration = std::env::args().nth(3).is_none();
    config.contact = Some("fakes@accreditation.example".parse().unwrap());
    let server = Server::bind(config, Arc::new(ServedModel::new(world.model.clone()))).await.unwrap();
    println!("{}", server.public_base());
    server.run(async { tokio::signal::ctrl_c().await.unwrap() }).await;
}
