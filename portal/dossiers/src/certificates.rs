//! Looks after the certificates of companies that applied here: what became of them, and what is ahead.

use std::{sync::Arc, time::Duration};

use accounts::{Database, now};
use certificate::Code;
use desk::{Organisation, Organisations};
use tokio::time::sleep;

use crate::{
    facts,
    index::IndexError,
    notices::{forget, is_too_old, tell},
};

/// The ledger has no timer: that a date comes near is seen by looking.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// Until the ledger is asked again after it was away.
const PAUSE: Duration = Duration::from_secs(60);
/// After the start, in which the index is read.
const FIRST: Duration = Duration::from_secs(10);

/// A certificate of a company.
struct Granted {
    body: String,
    code: String,
    title: String,
    party: String,
}

/// Looks at every certificate each hour, for as long as it is polled. What happens to one meanwhile, the index hears.
pub async fn run(database: Database, organisations: Arc<Organisations>) {
    let Some(reader) = organisations.iter().next().cloned() else { return std::future::pending().await };
    sleep(FIRST).await;
    loop {
        let pause = match look(&database, &reader).await {
            Ok(()) => EVERY,
            Err(error) => {
                tracing::debug!(%error, "the certificates are looked at again");
                PAUSE
            }
        };
        sleep(pause).await;
    }
}

async fn look(database: &Database, reader: &Organisation) -> Result<(), IndexError> {
    forget(database, now()).await?;
    let select = sqlx::query_as(
        "SELECT DISTINCT applications.body, certificate, title, party FROM applications \
         JOIN dossiers ON dossiers.id = applications.id \
         JOIN calls ON calls.application = dossiers.id AND calls.body = applications.body \
         WHERE applications.state = 'granted' AND certificate IS NOT NULL AND calls.step = 'submit' \
         AND calls.state <> 'refused'",
    );
    let found: Vec<(String, String, String, String)> = select.fetch_all(database.pool()).await?;
    for (body, code, title, party) in found {
        one(database, reader, &Granted { body, code, title, party }).await?;
    }
    Ok(())
}

/// Something happened to a certificate: where it is of a company here, it is told.
pub(crate) async fn heard(
    database: &Database,
    reader: &Organisation,
    body: &str,
    code: &str,
) -> Result<(), IndexError> {
    let select = sqlx::query_as(
        "SELECT title, party FROM applications \
         JOIN dossiers ON dossiers.id = applications.id \
         JOIN calls ON calls.application = dossiers.id AND calls.body = applications.body \
         WHERE applications.body = $1 AND certificate = $2 AND applications.state = 'granted' \
         AND calls.step = 'submit' AND calls.state <> 'refused' LIMIT 1",
    );
    let found: Option<(String, String)> =
        select.bind(body).bind(code).fetch_optional(database.pool()).await?;
    let Some((title, party)) = found else { return Ok(()) };
    one(database, reader, &Granted { body: body.to_owned(), code: code.to_owned(), title, party }).await
}

async fn one(database: &Database, reader: &Organisation, granted: &Granted) -> Result<(), IndexError> {
    let Ok(code) = granted.code.parse::<Code>() else { return Ok(()) };
    let Some(found) = reader.certificate(&granted.body, code).await? else { return Ok(()) };
    if found.body != granted.body || found.certificate != code.to_string() {
        return Err(IndexError::Another);
    }
    let now = now();
    let mut change = None;
    let facts = facts::of_certificate(&found, &granted.title, now);
    for fact in facts.into_iter().filter(|fact| !is_too_old(fact, now)) {
        // Most was told long ago: whoever only looks does not keep others from changing something.
        let select = sqlx::query_as("SELECT count(*) FROM notices WHERE event = $1");
        let (told,): (i64,) = select.bind(&fact.key).fetch_one(database.pool()).await?;
        if told > 0 {
            continue;
        }
        let open = match &mut change {
            Some(open) => open,
            empty => empty.insert(database.change().await?),
        };
        tell(open, &granted.party, &fact, now).await?;
    }
    if let Some(change) = change {
        change.commit().await?;
    }
    Ok(())
}
