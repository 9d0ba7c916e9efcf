//! The index of applications: what the ledger said of each when it was read last, to list and search. It follows the
//! ledger's events; what it missed, or a database that is new, it reads over the Gateway from the start.

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use accounts::{Database, store::StoreError};
use certificate::{Code, record::MAXIMUM_STEPS};
use desk::{Application, Away, Body, Complaint, Organisation, Organisations};
use peer_client::{StartAt, certificate::CallError};
use serde::Deserialize;
use tokio::{task::JoinSet, time::sleep};

use crate::{certificates, complaints, issuer_keys, notices, queue::is_at_rest, store::Indexed};

/// Until the ledger is read again after it was away.
const PAUSE: Duration = Duration::from_secs(3);
/// Until it is asked again which bodies there are, and who holds an office.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// Offices, as the database has them.
pub(crate) const ACCREDITATION_BODY: &str = "accreditation body";
pub(crate) const LABORATORY: &str = "laboratory";

/// Why the index could not be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    #[error(transparent)]
    Away(#[from] Away),
    #[error("the ledger answered with another application than the one that was asked for")]
    Another,
    #[error("the ledger answered with more steps than an application can have")]
    TooLong,
    #[error("the events ended")]
    Ended,
}

impl From<StoreError> for IndexError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Database(error) => Self::Database(error),
            error => Self::Database(sqlx::Error::Decode(error.into())),
        }
    }
}

/// Keeps the index up to date, for as long as it is polled. A body that begins later is followed too.
pub async fn run(database: Database, organisations: Arc<Organisations>) {
    let Some(reader) = organisations.iter().next().cloned() else { return std::future::pending().await };
    let (mut followed, mut tasks) = (HashSet::new(), JoinSet::new());
    loop {
        let pause = match look_around(&database, &organisations, &reader, &mut followed, &mut tasks).await {
            Ok(()) => LOOK_AGAIN,
            Err(error) => {
                tracing::debug!(%error, "the index of applications waits for the ledger");
                PAUSE
            }
        };
        sleep(pause).await;
    }
}

/// Follows bodies that are new, looks after their certificates, and writes down who holds an office.
async fn look_around(
    database: &Database,
    organisations: &Organisations,
    reader: &Organisation,
    followed: &mut HashSet<String>,
    tasks: &mut JoinSet<()>,
) -> Result<(), IndexError> {
    let bodies = reader.bodies().await?;
    for body in bodies.iter().filter(|body| followed.insert(body.msp_id.clone())) {
        if let Some(reader) = organisations.reader_of(&body.msp_id) {
            tasks.spawn(certificates::keep_looking(database.clone(), reader.clone(), body.msp_id.clone()));
            tasks.spawn(keep_following(database.clone(), reader.clone(), body.clone()));
        }
    }
    let (accreditations, laboratories) = (reader.accreditations().await?, reader.laboratories().await?);
    // Before the first accreditation, who bound the bodies' chaincodes.
    let binding = bodies.iter().filter_map(|body| body.accredited_by.clone());
    let accrediting = accreditations.into_iter().map(|it| it.registered.by).chain(binding);
    let accrediting = accrediting.map(|organisation| (organisation, ACCREDITATION_BODY));
    let testing = laboratories.into_iter().map(|it| (it.organisation, LABORATORY));
    appoint(database, &accrediting.chain(testing).collect()).await?;
    issuer_keys::look(database, reader).await
}

/// These hold an office, and nobody else.
async fn appoint(database: &Database, offices: &BTreeSet<(String, &str)>) -> Result<(), sqlx::Error> {
    let mut change = database.change().await?;
    sqlx::query("DELETE FROM offices").execute(change.connection()).await?;
    for (organisation, office) in offices {
        let insert = sqlx::query("INSERT INTO offices (organisation, office) VALUES ($1, $2)");
        insert.bind(organisation).bind(*office).execute(change.connection()).await?;
    }
    change.commit().await
}

async fn keep_following(database: Database, reader: Arc<Organisation>, body: Body) {
    loop {
        if let Err(error) = follow(&database, &reader, &body).await {
            tracing::debug!(%error, body = body.msp_id, "the index of applications is read again");
        }
        sleep(PAUSE).await;
    }
}

/// Listens, reads everything, and then follows what it hears: nothing is missed between.
async fn follow(database: &Database, reader: &Organisation, body: &Body) -> Result<(), IndexError> {
    let mut events = reader.events(body, StartAt::Next).await?;
    rebuild(database, reader, body).await?;
    while let Some(event) = events.next().await.map_err(|error| Away::Call(error.into()))? {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Heard {
            application: Option<String>,
            certificate: Option<String>,
            complaint: Option<String>,
            /// Of an issuer key.
            public_key: Option<String>,
        }
        let Ok(Heard { application, certificate, complaint, public_key }) =
            serde_json::from_slice(&event.payload)
        else {
            continue;
        };
        if let Some(id) = application.and_then(|it| it.parse().ok()) {
            unless_unreadable(take(database, reader, &body.msp_id, id, Count::Rises).await, id)?;
        }
        if let Some(code) = certificate.and_then(|it| it.parse::<Code>().ok()) {
            let heard = certificates::heard(database, reader, &body.msp_id, &code.to_string()).await;
            unless_unreadable(heard, code)?;
        }
        if let Some(id) = complaint.and_then(|it| it.parse().ok()) {
            unless_unreadable(take_complaint(database, reader, &body.msp_id, id).await, id)?;
        }
        if public_key.is_some() {
            let keys = reader.issuer_keys(&body.msp_id).await?;
            issuer_keys::keep(database, &body.msp_id, &keys, accounts::now()).await?;
        }
    }
    Err(IndexError::Ended)
}

/// One application that cannot be read does not keep the others out of the index.
fn unless_unreadable(read: Result<(), IndexError>, id: Code) -> Result<(), IndexError> {
    match read {
        Err(
            error @ (IndexError::Another
            | IndexError::TooLong
            | IndexError::Away(Away::Call(CallError::Answer { .. }))),
        ) => {
            tracing::warn!(%error, %id, "an application or a certificate is left out of the index");
            Ok(())
        }
        read => read,
    }
}

/// Reads every application of a body that the index has otherwise than the ledger, which may have lost blocks since, and its
/// complaints.
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
                unless_unreadable(take(database, reader, &body.msp_id, id, Count::IsTheLedgers).await, id)?;
            }
        }
        bookmark = page.bookmark;
        if bookmark.is_none() {
            break;
        }
    }
    loop {
        let page = reader.complaints(&body.msp_id, bookmark.as_deref()).await?;
        for complaint in page.found {
            complaints::keep(database, &body.msp_id, &complaint).await?;
        }
        bookmark = page.bookmark;
        if bookmark.is_none() {
            return Ok(());
        }
    }
}

/// Reads one complaint anew, and returns it; kept as applications are ([`refresh`]).
pub async fn refresh_complaint(
    database: &Database,
    organisations: &Organisations,
    reader: &Organisation,
    body: &str,
    id: Code,
) -> Result<Option<Complaint>, IndexError> {
    let found = read_complaint(reader, body, id).await?;
    if let Some(complaint) = found.as_ref().filter(|_| is_kept(organisations, reader, body)) {
        complaints::keep(database, body, complaint).await?;
    }
    Ok(found)
}

async fn take_complaint(
    database: &Database,
    reader: &Organisation,
    body: &str,
    id: Code,
) -> Result<(), IndexError> {
    match read_complaint(reader, body, id).await? {
        Some(complaint) => complaints::keep(database, body, &complaint).await,
        None => Ok(()),
    }
}

async fn read_complaint(
    reader: &Organisation,
    body: &str,
    id: Code,
) -> Result<Option<Complaint>, IndexError> {
    match reader.complaint(body, id).await? {
        Some(complaint) if complaint.complaint != id.to_string() => Err(IndexError::Another),
        found => Ok(found),
    }
}

/// Whether the index keeps what this organisation reads of a body.
fn is_kept(organisations: &Organisations, reader: &Organisation, body: &str) -> bool {
    organisations.reader_of(body).is_some_and(|it| it.msp_id == reader.msp_id)
}

/// Reads one application anew, and returns it. The index keeps only what is read through the body itself, where this portal has
/// an identity of it: it is everybody's, and what another organisation's gateway answers is shown to who asked there.
pub async fn refresh(
    database: &Database,
    organisations: &Organisations,
    reader: &Organisation,
    body: &str,
    id: Code,
) -> Result<Option<Application>, IndexError> {
    let found = read(reader, body, id).await?;
    if let Some(application) = found.as_ref().filter(|_| is_kept(organisations, reader, body)) {
        keep(database, application).await?;
    }
    Ok(found)
}

async fn take(
    database: &Database,
    reader: &Organisation,
    body: &str,
    id: Code,
    count: Count,
) -> Result<(), IndexError> {
    match read(reader, body, id).await? {
        Some(application) => write(database, &application, count).await,
        None => Ok(()),
    }
}

async fn read(reader: &Organisation, body: &str, id: Code) -> Result<Option<Application>, IndexError> {
    let Some(application) = reader.application(body, id).await? else { return Ok(None) };
    is_possible(&application, body, id)?;
    Ok(Some(application))
}

/// Each chaincode is its body's own: what it says of other bodies' applications counts nothing.
fn is_possible(application: &Application, body: &str, id: Code) -> Result<(), IndexError> {
    if application.body != body || application.application != id.to_string() {
        return Err(IndexError::Another);
    }
    // The step that ends it may come on top.
    match application.steps.len() > MAXIMUM_STEPS + 1 {
        true => Err(IndexError::TooLong),
        false => Ok(()),
    }
}

/// Which number of steps is the newer one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Count {
    /// The higher one: two answers may come in another order than they were given in.
    Rises,
    /// What the ledger says now.
    IsTheLedgers,
}

/// It is a cache, and no change that the audit log tells of. Whom it concerns is told in the same change: of each step once,
/// whoever reads it first.
pub async fn keep(database: &Database, application: &Application) -> Result<(), IndexError> {
    write(database, application, Count::Rises).await
}

async fn write(database: &Database, application: &Application, count: Count) -> Result<(), IndexError> {
    let (Some(first), Some(last)) = (application.steps.first(), application.steps.last()) else {
        return Ok(());
    };
    let steps = i64::try_from(application.steps.len()).unwrap_or(i64::MAX);
    let may_fall = count == Count::IsTheLedgers;
    let select = "SELECT steps FROM applications WHERE body = $1 AND id = $2 AND steps >= $3";
    let known = sqlx::query(select).bind(&application.body).bind(&application.application).bind(steps);
    if !may_fall && known.fetch_optional(database.pool()).await?.is_some() {
        return Ok(());
    }
    let mut change = database.change().await?;
    let kept = sqlx::query(
        "INSERT INTO applications (id, body, applicant, title, scheme, state, steps, dossier, certificate, step, \
         taken_by, taken_at, reason, submitted_at, at_rest, sought) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $16, $17) \
         ON CONFLICT (body, id) DO UPDATE SET state = excluded.state, steps = excluded.steps, dossier = excluded.dossier, \
         certificate = excluded.certificate, step = excluded.step, taken_by = excluded.taken_by, \
         taken_at = excluded.taken_at, reason = excluded.reason, at_rest = excluded.at_rest, \
         sought = excluded.sought WHERE applications.steps < excluded.steps OR $15 = 1",
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
    .bind(i64::from(may_fall))
    .bind(i64::from(is_at_rest(&application.state)))
    .bind(format!("{} {}", application.title, application.application).to_lowercase())
    .execute(change.connection())
    .await?;
    if kept.rows_affected() == 1 {
        notices::of_application(&mut change, application).await?;
    }
    Ok(change.commit().await?)
}

/// An application to a body, as the index has it.
pub async fn one(database: &Database, body: &str, id: &str) -> Result<Option<Indexed>, sqlx::Error> {
    let select = sqlx::query_as("SELECT * FROM applications WHERE body = $1 AND id = $2");
    select.bind(body).bind(id).fetch_optional(database.pool()).await
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

    #[tokio::test]
    async fn where_a_row_stands_in_the_queue_and_what_finds_it_follow_from_what_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        let id = Code::from_random([7; 16]);
        let mut found: Vec<(i64, String)> = Vec::new();
        for (state, steps) in [("submitted", 1), ("returned", 2), ("accepted", 4)] {
            let kept = Application {
                state: state.to_owned(),
                title: "ÖL Paint".to_owned(),
                ..application("CertBodyMSP", id, steps)
            };
            keep(&database, &kept).await.unwrap();
            let select = sqlx::query_as("SELECT at_rest, sought FROM applications");
            found.push(select.fetch_one(database.pool()).await.unwrap());
        }
        let sought = format!("öl paint {id}").to_lowercase();
        let expected: [(i64, String); 3] = [0, 1, 0].map(|at_rest| (at_rest, sought.clone()));
        assert_eq!(found, expected);
    }

    #[tokio::test]
    async fn a_count_rises_by_what_is_heard_and_is_the_ledgers_where_all_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        let id = Code::from_random([7; 16]);
        let mut steps = Vec::new();
        for (count, taken) in [(Count::Rises, 5), (Count::Rises, 3), (Count::IsTheLedgers, 4)] {
            write(&database, &application("CertBodyMSP", id, taken), count).await.unwrap();
            let select = sqlx::query_as("SELECT steps FROM applications");
            let (kept,): (i64,) = select.fetch_one(database.pool()).await.unwrap();
            steps.push(kept);
        }
        assert_eq!(steps, [5, 5, 4]);
    }

    #[test]
    fn an_application_that_cannot_be_read_is_left_out_and_the_others_are_read() {
        let id = Code::from_random([7; 16]);
        let source = serde_json::from_str::<Application>("{}").unwrap_err();
        let unreadable = CallError::Answer { function: "application:get", source };
        for left_out in [IndexError::Another, IndexError::TooLong, IndexError::Away(Away::Call(unreadable))] {
            assert!(unless_unreadable(Err(left_out), id).is_ok());
        }
        assert!(unless_unreadable(Err(IndexError::Away(Away::TimedOut)), id).is_err(), "it is read again");
    }

    #[tokio::test]
    async fn an_office_is_held_for_as_long_as_the_ledger_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        let held = |organisation: &str, office| BTreeSet::from([(organisation.to_owned(), office)]);
        appoint(&database, &held("OneMSP", ACCREDITATION_BODY)).await.unwrap();
        appoint(&database, &held("OtherMSP", LABORATORY)).await.unwrap();
        let select = sqlx::query_as("SELECT organisation, office FROM offices");
        let found: Vec<(String, String)> = select.fetch_all(database.pool()).await.unwrap();
        assert_eq!(found, [("OtherMSP".to_owned(), LABORATORY.to_owned())]);
    }

    #[test]
    fn an_answer_that_was_not_asked_for_is_none() {
        let (asked, other) = (Code::from_random([7; 16]), Code::from_random([8; 16]));
        let of = |body, id, steps| is_possible(&application(body, id, steps), "CertBodyMSP", asked);
        assert!(of("CertBodyMSP", asked, 1).is_ok());
        assert!(matches!(of("SecondBodyMSP", asked, 1), Err(IndexError::Another)));
        assert!(matches!(of("CertBodyMSP", other, 1), Err(IndexError::Another)));
        assert!(of("CertBodyMSP", asked, MAXIMUM_STEPS + 1).is_ok(), "it was withdrawn at last");
        assert!(matches!(of("CertBodyMSP", asked, MAXIMUM_STEPS + 2), Err(IndexError::TooLong)));
    }
}
