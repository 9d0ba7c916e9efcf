//! Before every route: whose key it is, how often it asks, and whether the key may.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use accounts::{
    api_keys::{self, Bearer},
    now,
    people::{self, Account},
};
use axum::{
    Extension,
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use site::{Site, guard::write_rate, reply, visitor};
use tokio::time::timeout;

use crate::{call::Caller, problem::Problem};

pub async fn guard(
    State((site, scope, time)): State<(Arc<Site>, Option<&'static str>, Duration)>,
    Extension(ConnectInfo(peer)): Extension<ConnectInfo<SocketAddr>>,
    mut request: Request,
    next: Next,
) -> Response {
    if !visitor::is_asked_by_name(request.headers(), &site.base) {
        let detail = format!("This portal answers at {} alone.", site.base);
        let problem = Problem::new(StatusCode::MISDIRECTED_REQUEST, "another-name", detail);
        return reply::secured(problem.into_response(), &site.base);
    }
    let address = visitor::address(request.headers(), peer, &site.base);
    let found = match bearer(&site, request.headers()).await {
        Ok(found) => found,
        Err(problem) => return reply::secured(problem.into_response(), &site.base),
    };
    // A key has a share of its own; who guesses keys shares that of the address.
    let who = match &found {
        Some((bearer, _)) => format!("key {}", bearer.id),
        None => visitor::network(address),
    };
    let rate = site.requests.count(&who, now());
    let answer = if rate.is_exceeded {
        let detail = "You asked too often: wait as long as Retry-After says.";
        Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-requests", detail).into_response()
    } else {
        match admitted(found, scope, address.to_string()) {
            Ok(caller) => {
                request.extensions_mut().extend(caller.map(extension).unwrap_or_default());
                timeout(time, next.run(request)).await.unwrap_or_else(|_| too_slow().into_response())
            }
            Err(problem) => problem.into_response(),
        }
    };
    let mut answer = reply::secured(answer, &site.base);
    write_rate(answer.headers_mut(), rate);
    answer
}

fn extension(caller: Caller) -> axum::http::Extensions {
    let mut extensions = axum::http::Extensions::new();
    extensions.insert(caller);
    extensions
}

fn too_slow() -> Problem {
    Problem::new(StatusCode::REQUEST_TIMEOUT, "too-slow", "The request took too long.")
}

/// Whose key the request brings, where it works.
async fn bearer(site: &Site, headers: &HeaderMap) -> Result<Option<(Bearer, Account)>, Problem> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return Ok(None) };
    let key = line.to_str().ok().and_then(|line| line.split_once(' '));
    let Some((_, key)) = key.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
        return Ok(None);
    };
    let Some(bearer) = api_keys::bearer(&site.database, key, now()).await? else { return Ok(None) };
    let account = people::account(&site.database, &bearer.account).await?;
    Ok(account.map(|account| (bearer, account)))
}

fn admitted(
    found: Option<(Bearer, Account)>,
    scope: Option<&'static str>,
    address: String,
) -> Result<Option<Caller>, Problem> {
    let Some(scope) = scope else { return Ok(None) };
    let (bearer, account) = found.ok_or_else(Problem::unauthorized)?;
    match bearer.may(scope) {
        true => Ok(Some(Caller { bearer, account, address })),
        false => Err(Problem::scope(scope)),
    }
}
