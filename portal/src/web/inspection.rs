//! What customs and logistics ask: whether the certificate on a label holds. The verifier answers.

use std::sync::Arc;

use ::inspection::{Asked, shown};
use axum::{
    Extension,
    extract::{Query, State},
};
use serde::Deserialize;
use views::inspection::{LookUpPage, ShownAnswer};

use super::{Site, entrance::Answer, reply, visitor::Visitor};

#[derive(Deserialize)]
pub(crate) struct Typed {
    #[serde(default)]
    code: String,
}

pub(crate) async fn look_up(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Query(Typed { code }): Query<Typed>,
) -> Answer {
    let mut page = LookUpPage {
        frame: visitor.frame(),
        typed: shown(&code),
        problem: None,
        elsewhere: None,
        answer: None,
    };
    if !page.typed.is_empty() {
        match Asked::read(&code) {
            Ok(asked) => {
                page.elsewhere = asked.host.clone().filter(|host| !site.verifier.is_at(host));
                page.answer = Some(ShownAnswer::from(&site.verifier.ask(&asked).await));
            }
            Err(problem) => page.problem = Some(problem),
        }
    }
    let answer = reply::page(reply::status(page.problem.as_deref()), &page);
    Ok(reply::with_camera(reply::with_script(answer)))
}
