//! Computes what waits, one after another. A computation is a row; what a killed process had begun still waits, and is done again.

use std::{
    io::Read,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use accounts::{Database, audit::Entry, now};
use sha2::{Digest, Sha256};
use sqlx::{FromRow, Row, any::AnyRow};
use stability::{AnswerError, Parameters, table::MAXIMUM_BYTES, table::TableError};
use tokio::{
    sync::Notify,
    task::{JoinError, spawn_blocking},
    time::{sleep, timeout},
};
use uploads::Uploads;

use crate::store::{DIFFERENT, SAME};

/// Time between looks for what waits where nobody tells of anything.
const IDLE: Duration = Duration::from_secs(5);
/// Time between two notes of how far a computation is.
const NOTED: Duration = Duration::from_millis(250);
/// So often a computation is begun: what ends the process each time is not tried for ever.
const TRIES: i64 = 5;
/// Bytes of what is said of a file.
const SAID: usize = 8 * 1024;

/// A computation that waits, with its study.
#[derive(Clone, Debug)]
struct Waiting {
    id: String,
    study: String,
    party: String,
    owner: String,
    file: String,
    sha256: String,
    parameters: String,
    tries: i64,
}

impl FromRow<'_, AnyRow> for Waiting {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            study: row.try_get("study")?,
            party: row.try_get("party")?,
            owner: row.try_get("owner")?,
            file: row.try_get("file")?,
            sha256: row.try_get("sha256")?,
            parameters: row.try_get("parameters")?,
            tries: row.try_get("tries")?,
        })
    }
}

/// What is known of a computation under way, and whether it is to go on.
#[derive(Default)]
struct Watch {
    rows: AtomicU64,
    is_over: AtomicBool,
}

/// Ends a computation with the task that waits for it.
struct EndWith(Arc<Watch>);

impl Drop for EndWith {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// What came of it.
enum Outcome {
    Done {
        result: String,
        plot: String,
        statement: String,
    },
    /// Something is wrong with the file.
    Refused(String),
    Failed(String),
}

/// Computes what waits, for as long as it is polled. `told` is notified of something new.
pub async fn run(database: Database, uploads: &Uploads, told: Arc<Notify>) {
    loop {
        match compute_next(&database, uploads).await {
            Ok(true) => {}
            Ok(false) => drop(timeout(IDLE, told.notified()).await),
            Err(error) => {
                tracing::error!(%error, "the studies that wait cannot be read; it is tried again");
                sleep(IDLE).await;
            }
        }
    }
}

/// Computes what is next; whether there was something.
pub async fn compute_next(database: &Database, uploads: &Uploads) -> Result<bool, sqlx::Error> {
    let Some(waiting) = next(database).await? else { return Ok(false) };
    let outcome = match begin(database, &waiting).await? {
        true => compute(database, uploads, &waiting).await?,
        false => Outcome::Failed(
            "the portal ended again and again in the middle of it: tell its operator".to_owned(),
        ),
    };
    end(database, &waiting, outcome).await?;
    Ok(true)
}

/// What waited longest of the party whose turn was longest ago.
async fn next(database: &Database) -> Result<Option<Waiting>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT waiting.id, study, waiting.party, studies.party AS owner, file, sha256, parameters, tries \
         FROM computations AS waiting JOIN studies ON studies.id = study WHERE state = 'waiting' \
         ORDER BY coalesce((SELECT max(turn) FROM computations WHERE computations.party = waiting.party), 0), \
         waiting.created_at, waiting.id LIMIT 1",
    );
    select.fetch_optional(database.pool()).await
}

/// Notes that it is begun; whether it may be begun once more.
async fn begin(database: &Database, waiting: &Waiting) -> Result<bool, sqlx::Error> {
    if waiting.tries >= TRIES {
        return Ok(false);
    }
    let update = sqlx::query(
        "UPDATE computations SET tries = tries + 1, rows_read = 0 WHERE id = $1 AND state = 'waiting'",
    );
    update.bind(&waiting.id).execute(database.pool()).await?;
    Ok(true)
}

async fn compute(database: &Database, uploads: &Uploads, waiting: &Waiting) -> Result<Outcome, sqlx::Error> {
    let file = match uploads.open_by_id(&waiting.file).await {
        Ok(file) => file.into_std().await,
        Err(error) => {
            tracing::error!(%error, file = waiting.file, "the data of a study cannot be read");
            return Ok(Outcome::Failed("the portal cannot read the file: tell its operator".to_owned()));
        }
    };
    let watch = Arc::new(Watch::default());
    let _ends = EndWith(watch.clone());
    let (sha256, parameters, watched) = (waiting.sha256.clone(), waiting.parameters.clone(), watch.clone());
    let mut under_way = spawn_blocking(move || outcome(file, &sha256, &parameters, &watched));
    loop {
        tokio::select! {
            ended = &mut under_way => return Ok(unless_it_broke(ended, waiting)),
            () = sleep(NOTED) => note(database, waiting, watch.rows.load(Ordering::Relaxed)).await?,
        }
    }
}

fn unless_it_broke(ended: Result<Outcome, JoinError>, waiting: &Waiting) -> Outcome {
    ended.unwrap_or_else(|error| {
        tracing::error!(%error, study = waiting.study, "a computation broke");
        Outcome::Failed("the computation broke: tell the portal's operator".to_owned())
    })
}

async fn note(database: &Database, waiting: &Waiting, rows: u64) -> Result<(), sqlx::Error> {
    let update = sqlx::query("UPDATE computations SET rows_read = $1 WHERE id = $2 AND state = 'waiting'");
    let update = update.bind(i64::try_from(rows).unwrap_or(i64::MAX)).bind(&waiting.id);
    update.execute(database.pool()).await.map(drop)
}

/// Reads the file and evaluates it. It takes a processor for seconds, and some 100 MB for the largest file.
fn outcome(file: std::fs::File, sha256: &str, parameters: &str, watch: &Watch) -> Outcome {
    let mut bytes = Vec::new();
    // One byte more than is read of any: the reader says what is too large.
    if let Err(error) = file.take(MAXIMUM_BYTES as u64 + 1).read_to_end(&mut bytes) {
        tracing::error!(%error, "the data of a study cannot be read");
        return Outcome::Failed("the portal cannot read the file: tell its operator".to_owned());
    }
    if bytes.len() <= MAXIMUM_BYTES && hex::encode(Sha256::digest(&bytes)) != sha256 {
        return Outcome::Failed(
            "the file is not the one that was uploaded: its SHA-256 is another".to_owned(),
        );
    }
    let parameters: Parameters = match parameters.parse() {
        Ok(parameters) => parameters,
        Err(error) => return Outcome::Refused(error.to_string()),
    };
    let answer = parameters.answer(&bytes, &mut |rows| {
        watch.rows.store(rows, Ordering::Relaxed);
        !watch.is_over.load(Ordering::Relaxed)
    });
    match answer {
        Ok(answer) => match answer.json() {
            Ok(result) => {
                Outcome::Done { result, plot: answer.svg(), statement: answer.statement(&parameters) }
            }
            Err(error) => Outcome::Failed(format!("what came of it cannot be written: {error}")),
        },
        // Nobody waits for it any more.
        Err(AnswerError::Table(TableError::Stopped)) => Outcome::Failed(String::new()),
        Err(error) => Outcome::Refused(cut(error.to_string())),
    }
}

/// Names of columns and cells can be long.
fn cut(mut said: String) -> String {
    let end = (0..=SAID.min(said.len())).rev().find(|at| said.is_char_boundary(*at)).unwrap_or_default();
    said.truncate(end);
    said
}

/// Ends a computation, with its entry in the audit log; both or neither.
async fn end(database: &Database, waiting: &Waiting, outcome: Outcome) -> Result<(), sqlx::Error> {
    let is_own = waiting.party == waiting.owner;
    let mut change = database.change().await?;
    let (state, said, statement, result, plot) = match outcome {
        Outcome::Refused(said) => ("refused", said, String::new(), None, None),
        Outcome::Failed(said) => ("failed", said, String::new(), None, None),
        Outcome::Done { result, plot, statement } if is_own => {
            ("done", String::new(), statement, Some(result), Some(plot))
        }
        Outcome::Done { result, .. } => {
            let select = sqlx::query_as(
                "SELECT result FROM computations WHERE study = $1 AND party = $2 AND state = 'done'",
            );
            let select = select.bind(&waiting.study).bind(&waiting.owner);
            let known: Option<(Option<String>,)> = select.fetch_optional(change.connection()).await?;
            let is_same = known.and_then(|(known,)| known).as_ref() == Some(&result);
            ("done", if is_same { SAME } else { DIFFERENT }.to_owned(), String::new(), None, None)
        }
    };
    let update = sqlx::query(
        "UPDATE computations SET state = $1, said = $2, statement = $3, result = $4, plot = $5, ended_at = $6, \
         turn = (SELECT coalesce(max(turn), 0) + 1 FROM computations) WHERE id = $7 AND state = 'waiting'",
    );
    let result_word = if said == DIFFERENT && !is_own { DIFFERENT } else { state };
    let update = update.bind(state).bind(said).bind(statement).bind(result).bind(plot).bind(now());
    // Its company removed it meanwhile, or another process was faster.
    if update.bind(&waiting.id).execute(change.connection()).await?.rows_affected() == 0 {
        return Ok(());
    }
    let entry = Entry {
        at: now(),
        party: waiting.party.clone(),
        actor: "portal".to_owned(),
        action: if is_own { "study computed" } else { "study computed again" },
        object: format!("{} {}", waiting.study, waiting.sha256),
        result: result_word,
        ..Entry::default()
    };
    change.record(&entry).await?;
    change.commit().await
}
