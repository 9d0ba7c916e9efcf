//! What customs and logistics ask: whether the certificate on a label holds. The verifier answers.

use std::sync::Arc;

use ::inspection::{Asked, picture, shown};
use axum::{
    Extension,
    extract::{Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use site::{Answer, Site, forms::Sent, reply, visitor::Visitor};
use tokio::task::spawn_blocking;
use views::inspection::{LookUpPage, ShownAnswer};

use crate::forms::Picture;

#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    code: String,
}

pub async fn look_up(
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

/// Reads the QR code in what a camera sees, for browsers that cannot. Nothing of it is kept.
pub async fn read_picture(Sent(Picture { grey }): Sent<Picture>) -> Response {
    let Ok(grey) = URL_SAFE_NO_PAD.decode(grey) else { return StatusCode::BAD_REQUEST.into_response() };
    match spawn_blocking(move || picture::read(&grey)).await {
        Ok(Some(text)) => text.into_response(),
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        // The decoder gave up in a way that is its own.
        Err(error) => {
            tracing::warn!(%error, "a picture could not be read");
            StatusCode::NO_CONTENT.into_response()
        }
    }
}
