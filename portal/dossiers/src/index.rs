//! The index of applications: what the ledger said of each when it was read last, to list and search. It follows the
//! ledger's events; what it missed, or a database that is new, it reads over the Gateway from the start.

use std::{sync::Arc, time::Duration};

use accounts::Database;
use certificate::Code;
use desk::{Application, Away, Body, Organisation, Organisations};
use peer_client::StartAt;
use serde::Deserialize;
use tokio::time::sleep;

use crate::store::{Indexed, indexed};

/// Until the ledger is read again after it was away.
const PAUSE: Duration = Duration::from_secs(3);

/// Why the index could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Away(#[from] Away),
    #[error("the ledger answered with another application than the one that was asked for")]
    Another,
    #[error("the events ended")]
    Ended,
}

/// Keeps the index up to date, for as long as it is polled.
pub async fn run(database: Database, organisations: Arc<Organisations>) {
    let Some(reader) = organisations.iter().next().cloned() else { return std::future::pending().await };
    loop {
        let bodies = match reader.bodies().await {
            Ok(bodies) => bodies,
            Err(away) => {
                tracing::debug!(%away, "the index of applications waits for the ledger");
                sleep(PAUSE).await;
                continue;
            }
        };
        let mut followed = tokio::task::JoinSet::new();
        for body in bodies.iter().cloned() {
            let (database, reader) = (database.clone(), reader.clone());
            followed.spawn(async move {
                loop {
                    if let Err(error) = follow(&database, &reader, &body).await {
                        tracing::debug!(%error, body = body.msp_id, "the index of applications is read again");
                    }
                    sleep(PAUSE).await;
                }
            });
        }
        followed.join_all().await;
    }
}

/// Listens, reads everything, and then follows what it hears: nothing is missed between.
async fn follow(database: &Database, reader: &Organisation, body: &Body) -> Result<(), IndexError> {
    let mut events = reader.events(body, StartAt::Next).await?;
    rebuild(database, reader, body).await?;
    while let Some(event) = events.next().await.map_err(|error| Away::Call(error.into()))? {
        #[derive(Deserialize)]
        struct OfApplication {
            application: String,
        }
        if let Ok(OfApplication { application }) = serde_json::from_slice(&event.payload)
            && let Ok(id) = application.parse()
        {
            refresh(database, reader, &body.msp_id, id).await?;
        }
    }
    Err(IndexError::Ended)
}

/// Reads every application of a body that has more steps on the ledger than in the index.
pub async fn rebuild(database: &Database, reader: &Organisation, body: &Body) -> Result<(), IndexError> {
    let mut bookmark = None;
    loop {
        let page = reader.applications(&body.msp_id, bookmark.as_deref()).await?;
        for summary in page.found {
            let Ok(id) = summary.application.parse::<Code>() else { continue };
            let select =
                sqlx::query_as("SELECT steps FROM applications WHERE body = $1 AND id = $2 AND state = $3");
            let select = select.bind(&body.msp_id).bind(&summary.application).bind(&summary.state);
            let known: Option<(i64,)> = select.fetch_optional(database.pool()).await?;
            if known != Some((summary.steps,)) {
                refresh(database, reader, &body.msp_id, id).await?;
            }
        }
        bookmark = page.bookmark;
        if bookmark.is_none() {
            return Ok(());
        }
    }
}

/// Reads one application anew, and returns it.
pub async fn refresh(
    database: &Database,
    reader: &Organisation,
    body: &str,
    id: Code,
) -> Result<Option<Application>, IndexError> {
    let Some(application) = reader.application(body, id).await? else { return Ok(None) };
    if !is_asked_for(&application, body, id) {
        return Err(IndexError::Another);
    }
    keep(database, &application).await?;
    Ok(Some(application))
}

/// Each chaincode is its body's own: what it says of other bodies' applications counts nothing.
fn is_asked_for(application: &Application, body: &str, id: Code) -> bool {
    application.body == body && application.application == id.to_string()
}

/// It is a cache, and no change that the audit log tells of.
async fn keep(database: &Database, application: &Application) -> Result<(), sqlx::Error> {
    let (Some(first), Some(last)) = (application.steps.first(), application.steps.last()) else {
        return Ok(());
    };
    let steps = i64::try_from(application.steps.len()).unwrap_or(i64::MAX);
    sqlx::query(
        "INSERT INTO applications (id, body, applicant, title, scheme, state, steps, dossier, certificate, step, \
         taken_by, taken_at, reason, submitted_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) \
         ON CONFLICT (body, id) DO UPDATE SET state = excluded.state, steps = excluded.steps, dossier = excluded.dossier, \
         certificate = excluded.certificate, step = excluded.step, taken_by = excluded.taken_by, \
         taken_at = excluded.taken_at, reason = excluded.reason WHERE applications.steps <= excluded.steps",
    )
    .bind(&application.application)
    .bind(&application.body)
    .bind(&application.applicant)
    .bind(&application.title)
    .bind(format!("{} {}", application.scheme_id, application.scheme_version))
    .bind(&application.state)
    .bind(steps)
    .bind(&application.dossier)
    .bind(application.decision.as_ref().map(|decision| decision.certificate.clone()))
    .bind(&last.step)
    .bind(&last.event.by)
    .bind(&last.event.effective_at)
    .bind(&last.event.reason)
    .bind(&first.event.effective_at)
    .execute(database.pool())
    .await?;
    Ok(())
}

/// An application to a body, as the index has it.
pub async fn one(database: &Database, body: &str, id: &str) -> Result<Option<Indexed>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT id, body, applicant, title, scheme, state, certificate, step, taken_by, taken_at, reason, submitted_at \
         FROM applications WHERE body = $1 AND id = $2",
    );
    Ok(select.bind(body).bind(id).fetch_optional(database.pool()).await?.map(indexed))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    fn application(body: &str, id: Code, steps: usize) -> Application {
        let step = json!({"step": "submit", "effectiveAt": "2026-01-31T12:00:00Z", "by": body, "transactionId": "0"});
        let application = json!({
            "application": id.to_string(), "body": body, "applicant": "IndustryMSP", "title": "Paint", "schemeId": "S",
            "schemeVersion": "1", "dossier": "sha256:0", "state": "submitted", "steps": vec![step; steps],
        });
        serde_json::from_value(application).unwrap()
    }

    #[tokio::test]
    async fn an_application_to_another_body_with_the_same_id_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        let id = Code::from_random([7; 16]);
        keep(&database, &application("CertBodyMSP", id, 1)).await.unwrap();
        keep(&database, &application("SecondBodyMSP", id, 9)).await.unwrap();
        for body in ["CertBodyMSP", "SecondBodyMSP"] {
            let found = one(&database, body, &id.to_string()).await.unwrap().unwrap();
            assert_eq!((&*found.body, &*found.taken_by), (body, body));
        }
    }

    #[test]
    fn an_answer_that_was_not_asked_for_is_none() {
        let (id, other) = (Code::from_random([7; 16]), Code::from_random([8; 16]));
        assert!(is_asked_for(&application("CertBodyMSP", id, 1), "CertBodyMSP", id));
        assert!(!is_asked_for(&application("SecondBodyMSP", id, 1), "CertBodyMSP", id));
        assert!(!is_asked_for(&application("CertBodyMSP", other, 1), "CertBodyMSP", id));
    }
}
