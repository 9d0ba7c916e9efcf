//! The functions of the contract, and the table by which a call finds its function.
//!
//! `docs/contract.md` describes each for its callers.

mod accreditation;
mod adoption;
mod application;
mod audit;
mod body;
mod call;
mod certificate;
mod complaint;
mod compromise;
mod confidential;
mod index;
mod issue;
mod issuer_key;
mod laboratory;
mod ledger;
mod list;
pub mod registry;
mod rules;
mod scheme;
mod stop;
mod supersede;
mod surveillance;

use bytes::Bytes;

use crate::chaincode::{Part, REGISTRY};
use crate::refusal::Refusal;
use crate::state::State;
use call::Call;
pub use rules::DECISION_DAYS;

/// The version that chaincode definitions and packages carry. It is raised with what the functions answer, not with
/// the program.
pub const VERSION: &str = "0.2.0";

/// What the chaincode answers to the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// 200, or 400 and above for a refusal, which no peer endorses.
    pub status: i32,
    /// The refusal in words; empty on success.
    pub message: String,
    /// JSON; empty on refusal.
    pub payload: Vec<u8>,
}

impl Response {
    pub const OK: i32 = 200;
}

/// Runs one transaction: `function` by its name, `arguments` without it. What was written to `state` counts
/// only where the response's status is [`Response::OK`].
pub async fn dispatch<S: State>(state: &mut S, function: &str, arguments: &[Bytes]) -> Response {
    match call(state, function, arguments).await {
        Ok(payload) => Response { status: Response::OK, message: String::new(), payload },
        Err(refusal) => {
            let message = format!("{function}: {refusal}");
            Response { status: refusal.status(), message, payload: Vec::new() }
        }
    }
}

async fn call<S: State>(state: &mut S, function: &str, arguments: &[Bytes]) -> Result<Vec<u8>, Refusal> {
    let part = state.chaincode().part;
    let call = Call::new(state, arguments)?;
    match part {
        Part::Registry => of_registry(call, function).await,
        Part::Body => of_body(call, function).await,
    }
}

async fn of_registry<S: State>(call: Call<'_, S>, function: &str) -> Result<Vec<u8>, Refusal> {
    match function {
        "registry:read" => registry::read(call).await,
        "scheme:register" => scheme::register(call).await,
        "scheme:get" => scheme::get(call).await,
        "scheme:list" => scheme::list(call).await,
        "accreditation:register" => accreditation::register(call).await,
        "accreditation:suspend" => accreditation::suspend(call).await,
        "accreditation:restore" => accreditation::restore(call).await,
        "accreditation:renew" => accreditation::renew(call).await,
        "accreditation:changeScope" => accreditation::change_scope(call).await,
        "accreditation:get" => accreditation::get(call).await,
        "accreditation:list" => accreditation::list(call).await,
        "laboratory:register" => laboratory::register(call).await,
        "laboratory:suspend" => laboratory::suspend(call).await,
        "laboratory:restore" => laboratory::restore(call).await,
        "laboratory:renew" => laboratory::renew(call).await,
        "laboratory:changeScope" => laboratory::change_scope(call).await,
        "laboratory:get" => laboratory::get(call).await,
        "laboratory:list" => laboratory::list(call).await,
        "body:end" => body::end(call).await,
        "body:get" => body::get(call).await,
        "body:list" => body::list(call).await,
        _ => Err(Refusal::Unknown(format!("the registry has no such function in version {VERSION}"))),
    }
}

async fn of_body<S: State>(call: Call<'_, S>, function: &str) -> Result<Vec<u8>, Refusal> {
    match function {
        "ledger:bind" => ledger::bind(call).await,
        "ledger:get" => ledger::get(call).await,
        "ledger:tick" => ledger::tick(call).await,
        // What was written before there was a registry.
        "scheme:get" => scheme::get(call).await,
        "scheme:list" => scheme::list(call).await,
        "accreditation:suspend" => accreditation::suspend(call).await,
        "accreditation:restore" => accreditation::restore(call).await,
        "accreditation:renew" => accreditation::renew(call).await,
        "accreditation:changeScope" => accreditation::change_scope(call).await,
        "accreditation:get" => accreditation::get(call).await,
        "accreditation:list" => accreditation::list(call).await,
        "issuerKey:propose" => issuer_key::propose(call).await,
        "issuerKey:approve" => issuer_key::approve(call).await,
        "issuerKey:revoke" => issuer_key::revoke(call).await,
        "issuerKey:compromise" => compromise::declare(call).await,
        "issuerKey:get" => issuer_key::get(call).await,
        "issuerKey:list" => issuer_key::list(call).await,
        "application:submit" => application::submit(call).await,
        "application:return" => application::give_back(call).await,
        "application:complete" => application::complete(call).await,
        "application:accept" => application::accept(call).await,
        "application:refuse" => application::refuse(call).await,
        "application:report" => application::report(call).await,
        "application:evaluate" => application::evaluate(call).await,
        "application:review" => application::review(call).await,
        "application:decide" => application::decide(call).await,
        "application:change" => application::change(call).await,
        "application:withdraw" => application::withdraw(call).await,
        "application:get" => application::get(call).await,
        "application:list" => application::list(call).await,
        "confidential:submit" => confidential::submit(call).await,
        "confidential:hashes" => confidential::hashes(call).await,
        "confidential:get" => confidential::get(call).await,
        "confidential:purge" => confidential::purge(call).await,
        "certificate:grant" => application::grant(call).await,
        "certificate:check" => issue::check(call).await,
        "certificate:issue" => issue::issue(call).await,
        "certificate:get" => certificate::get(call).await,
        "certificate:document" => certificate::document(call).await,
        "certificate:history" => certificate::history(call).await,
        "certificate:list" => list::list(call).await,
        "certificate:index" => index::index(call).await,
        "certificate:stop" => stop::place(call).await,
        "certificate:lift" => stop::lift(call).await,
        "certificate:withdraw" => stop::withdraw(call).await,
        "certificate:adopt" => adoption::adopt(call).await,
        "certificate:adoption" => adoption::get(call).await,
        "certificate:adoptions" => adoption::list(call).await,
        "certificate:supersede" => supersede::supersede(call).await,
        "surveillance:plan" => surveillance::plan(call).await,
        "surveillance:record" => surveillance::record(call).await,
        "surveillance:get" => surveillance::get(call).await,
        "complaint:file" => complaint::file(call).await,
        "complaint:acknowledge" => complaint::acknowledge(call).await,
        "complaint:decide" => complaint::decide(call).await,
        "complaint:withdraw" => complaint::withdraw(call).await,
        "complaint:get" => complaint::get(call).await,
        "complaint:list" => complaint::list(call).await,
        "audit:anchor" => audit::anchor(call).await,
        "audit:get" => audit::get(call).await,
        _ => Err(Refusal::Unknown(no_such_function(function))),
    }
}

/// Which chaincode has a function of this name.
pub fn part_of(function: &str) -> Part {
    let of_registry = ["scheme:", "accreditation:", "laboratory:", "body:", "registry:"];
    if of_registry.iter().any(|prefix| function.starts_with(prefix)) { Part::Registry } else { Part::Body }
}

fn no_such_function(function: &str) -> String {
    match part_of(function) {
        Part::Registry => format!("it is a function of the chaincode {REGISTRY}"),
        Part::Body => format!("the contract has no such function in version {VERSION}"),
    }
}
