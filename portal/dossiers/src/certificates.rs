//! Looks after the certificates of companies that applied here: what became of them, and what is ahead.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use accounts::{Database, now};
use certificate::Code;
use desk::{Away, Certificate, Organisation};
use peer_client::certificate::CallError;
use tokio::time::{Instant, sleep, sleep_until};

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

/// Looks at every certificate of a body each hour, for as long as it is polled. What happens to one meanwhile, the index hears.
pub(crate) async fn keep_looking(database: Database, reader: Arc<Organisation>, body: String) {
    sleep(FIRST).await;
    loop {
        let until = Instant::now() + EVERY;
        match of_body(&database, &body).await {
            Ok(codes) => {
                let (database, reader, body) = (&database, &reader, &body);
                let at = |code: String| async move { heard(database, reader, body, &code).await };
                look(codes, until, PAUSE, at).await;
                sleep_until(until).await;
            }
            Err(error) => {
                tracing::error!(%error, body, "the certificates to look at cannot be read; it is tried again");
                sleep(PAUSE).await;
            }
        }
    }
}

/// The certificates of companies that applied here.
async fn of_body(database: &Database, body: &str) -> Result<VecDeque<String>, sqlx::Error> {
    forget(database, now()).await?;
    let select = sqlx::query_as(
        "SELECT DISTINCT certificate FROM applications WHERE body = $1 AND state = 'granted' \
         AND certificate IS NOT NULL AND id IN (SELECT id FROM dossiers) ORDER BY certificate",
    );
    let found: Vec<(String,)> = select.bind(body).fetch_all(database.pool()).await?;
    Ok(found.into_iter().map(|(code,)| code).collect())
}

/// One after another. What is not answered comes last, after a pause, until it is time to look at all anew.
async fn look<F: Future<Output = Result<(), IndexError>>>(
    mut codes: VecDeque<String>,
    until: Instant,
    pause: Duration,
    mut at: impl FnMut(String) -> F,
) {
    while let Some(code) = codes.pop_front() {
        match at(code.clone()).await {
            Ok(()) => {}
            Err(error) if is_of_one(&error) => {
                tracing::warn!(%error, certificate = code, "a certificate cannot be looked at");
            }
            Err(error) => {
                tracing::debug!(%error, certificate = code, "a certificate is looked at again");
                if until <= Instant::now() {
                    return;
                }
                codes.push_back(code);
                sleep(pause).await;
            }
        }
    }
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

    #[tokio::test]
    async fn a_certificate_that_is_not_answered_keeps_no_other_from_being_looked_at() {
        let until = Instant::now() + Duration::from_millis(50);
        let (mut asked, mut is_away) = (Vec::new(), true);
        let codes = ["away", "unreadable", "silent", "right"].map(str::to_owned).into();
        look(codes, until, Duration::from_millis(1), |code| {
            let answer = match code.as_str() {
                "silent" => Err(IndexError::Away(Away::TimedOut)),
                "unreadable" => Err(IndexError::Another),
                "away" if std::mem::take(&mut is_away) => Err(IndexError::Away(Away::OtherLedger)),
                _ => Ok(()),
            };
            asked.push(code);
            std::future::ready(answer)
        })
        .await;
        assert_eq!(
            asked.iter().take(6).collect::<Vec<_>>(),
            ["away", "unreadable", "silent", "right", "away", "silent"]
        );
        assert!(until <= Instant::now(), "until all are looked at anew");
    }
}
