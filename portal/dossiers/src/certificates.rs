//! Looks after the certificates of companies that applied here: what became of them, and what is ahead.

use std::{sync::Arc, time::Duration};

use accounts::{Database, now};
use certificate::Code;
use desk::{Away, Certificate, Organisation, Organisations};
use peer_client::certificate::CallError;
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
        "SELECT DISTINCT body, certificate FROM applications \
         WHERE state = 'granted' AND certificate IS NOT NULL AND id IN (SELECT id FROM dossiers) ORDER BY body, certificate",
    );
    let found: Vec<(String, String)> = select.fetch_all(database.pool()).await?;
    for (body, code) in found {
        if let Err(error) = heard(database, reader, &body, &code).await {
            if !is_of_one(&error) {
                return Err(error);
            }
            tracing::warn!(%error, certificate = code, "a certificate cannot be looked at");
        }
    }
    Ok(())
}

/// Whether the ledger answers, and this certificate alone cannot be read: it does not keep the others from being looked at.
fn is_of_one(error: &IndexError) -> bool {
    matches!(
        error,
        IndexError::Another
            | IndexError::Away(
                Away::NoBody(_) | Away::Call(CallError::Answer { .. } | CallError::Refused { .. })
            )
    )
}

/// Reads a certificate, where it is of a company here, and tells what is new about it.
pub(crate) async fn heard(
    database: &Database,
    reader: &Organisation,
    body: &str,
    code: &str,
) -> Result<(), IndexError> {
    let Ok(id) = code.parse::<Code>() else { return Ok(()) };
    if of_company(database, body, code).await?.is_none() {
        return Ok(());
    }
    let Some(found) = reader.certificate(body, id).await? else { return Ok(()) };
    if found.body != body || found.certificate != code {
        return Err(IndexError::Another);
    }
    tell_of(database, &found).await
}

/// The product's name, and the company that applied for the certificate here.
async fn of_company(
    database: &Database,
    body: &str,
    code: &str,
) -> Result<Option<(String, String)>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT applications.title, dossiers.party FROM applications \
         JOIN dossiers ON dossiers.id = applications.id \
         JOIN calls ON calls.application = dossiers.id AND calls.body = applications.body \
         WHERE applications.body = $1 AND applications.certificate = $2 AND applications.state = 'granted' \
         AND calls.step = 'submit' AND calls.state <> 'refused' LIMIT 1",
    );
    select.bind(body).bind(code).fetch_optional(database.pool()).await
}

/// Tells the company what the ledger says of its certificate, as far as it was not told.
pub async fn tell_of(database: &Database, found: &Certificate) -> Result<(), IndexError> {
    let Some((title, party)) = of_company(database, &found.body, &found.certificate).await? else {
        return Ok(());
    };
    let now = now();
    // Most was told long ago, or has nobody to be told to: whoever only looks does not keep others from changing something.
    let mut untold = Vec::new();
    for fact in facts::of_certificate(found, &title, now).into_iter().filter(|fact| !is_too_old(fact, now)) {
        let select = sqlx::query_as(
            "SELECT count(*) FROM accounts WHERE party = $1 AND disabled_at IS NULL AND created_at <= $2 \
             AND NOT EXISTS (SELECT 1 FROM notices WHERE event = $3)",
        );
        let select = select.bind(&party).bind(fact.at).bind(&fact.key);
        let (listeners,): (i64,) = select.fetch_one(database.pool()).await?;
        if listeners > 0 {
            untold.push(fact);
        }
    }
    if untold.is_empty() {
        return Ok(());
    }
    let mut change = database.change().await?;
    for fact in &untold {
        tell(&mut change, &party, fact, now).await?;
    }
    Ok(change.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_cannot_be_read_does_not_keep_the_others_from_being_looked_at() {
        assert!(is_of_one(&IndexError::Another) && is_of_one(&IndexError::Away(Away::NoBody("A".into()))));
        assert!(
            !is_of_one(&IndexError::Away(Away::TimedOut)),
            "the ledger is away: all are asked again soon"
        );
    }
}
