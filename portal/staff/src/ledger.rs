//! Whether the ledger answers, for those who ask why something waits.

use std::sync::Arc;

use axum::{Extension, extract::State, http::StatusCode, response::Response};
use desk::Organisation;
use site::{Site, reply, visitor::Visitor};
use tokio::task::JoinSet;
use views::ledger::{LedgerPage, ShownOrganisation};

pub async fn show(State(site): State<Arc<Site>>, Extension(visitor): Extension<Visitor>) -> Response {
    let mut asked = JoinSet::new();
    for (place, member) in site.organisations.iter().cloned().enumerate() {
        asked.spawn(async move { (place, ask(&member).await) });
    }
    let mut found = asked.join_all().await;
    found.sort_by_key(|(place, _)| *place);
    let page = LedgerPage {
        frame: visitor.frame(),
        channel: site.organisations.channel().to_owned(),
        genesis: site.organisations.genesis().to_owned(),
        organisations: found.into_iter().map(|(_, shown)| shown).collect(),
    };
    reply::page(StatusCode::OK, &page)
}

async fn ask(member: &Organisation) -> ShownOrganisation {
    let bodies = member.bodies().await;
    let (is_away, says) = match bodies {
        Ok(bodies) => {
            let bodies = bodies.iter().map(|body| format!("{} ({})", body.msp_id, body.chaincode));
            (false, format!("It answers. Certification bodies: {}.", bodies.collect::<Vec<_>>().join(", ")))
        }
        Err(away) => (true, away.to_string()),
    };
    ShownOrganisation { name: member.name.clone(), msp_id: member.msp_id.clone(), is_away, says }
}
