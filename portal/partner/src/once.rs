//! Requests that are done once, however often they are sent: the answer is kept with the change that it tells of.

use accounts::{Change, Database, secret};
use axum::{
    body::Bytes,
    http::{HeaderMap, Method, StatusCode},
};
use sha2::{Digest, Sha256};

use crate::{call::Done, limits, problem::Problem};

/// A request that is being answered.
pub struct Run {
    party: String,
    key: String,
    run: String,
}

pub enum Begun {
    Answered(Done),
    Running(Run),
}

/// The client's own name of the request; none where it has none.
pub fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut lines = headers.get_all("idempotency-key").iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let text = line.to_str().unwrap_or_default();
    let is_right = (1..=limits::KEY_CHARACTERS).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_graphic())
        && lines.next().is_none();
    match is_right {
        true => Ok(Some(text.to_owned())),
        false => Err(Problem::malformed("An Idempotency-Key has 1 to 255 visible ASCII characters, once.")),
    }
}

/// What a key is bound to.
pub fn request(method: &Method, path: &str, body: &Bytes) -> String {
    let mut hash = Sha256::new();
    for field in [method.as_str().as_bytes(), path.as_bytes(), body] {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    }
    hex::encode(hash.finalize())
}

/// Begins to answer a request, unless it was answered or is being answered. These are no changes: nothing is done yet.
pub async fn begin(
    database: &Database,
    party: &str,
    key: &str,
    request: &str,
    now: i64,
) -> Result<Begun, Problem> {
    let run = Run { party: party.to_owned(), key: key.to_owned(), run: secret::random_id()? };
    let insert = sqlx::query(
        "INSERT INTO answered_requests (party, idempotency_key, request, run, began_at) SELECT $1, $2, $3, $4, $5 \
         WHERE $6 > (SELECT count(*) FROM answered_requests WHERE party = $1) \
         ON CONFLICT (party, idempotency_key) DO NOTHING",
    );
    let insert = insert.bind(party).bind(key).bind(request).bind(&run.run).bind(now).bind(limits::KEYS);
    if insert.execute(database.pool()).await?.rows_affected() == 1 {
        return Ok(Begun::Running(run));
    }
    type Columns = (String, Option<i64>, Option<String>, Option<String>);
    let select = sqlx::query_as(
        "SELECT request, status, location, body FROM answered_requests WHERE party = $1 AND idempotency_key = $2",
    );
    let found: Option<Columns> = select.bind(party).bind(key).fetch_optional(database.pool()).await?;
    let Some((known, status, location, body)) = found else {
        let detail = "Your company has used as many keys in a day as are remembered.";
        return Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, "too-many-keys", detail));
    };
    if known != request {
        let detail = "This Idempotency-Key was used for another request.";
        return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "key-reused", detail));
    }
    if let Some(status) = status {
        let status = u16::try_from(status).ok().and_then(|it| StatusCode::from_u16(it).ok());
        let status = status.unwrap_or(StatusCode::OK);
        return Ok(Begun::Answered(Done { status, location, body: body.unwrap_or_default() }));
    }
    match run.take_over(database, now).await? {
        true => Ok(Begun::Running(run)),
        false => Err(Problem::conflict("running", "This request is being answered: ask again in a moment.")),
    }
}

impl Run {
    /// Whether the request was cut off before it did anything, and is this one's now.
    async fn take_over(&self, database: &Database, now: i64) -> Result<bool, sqlx::Error> {
        let update = sqlx::query(
            "UPDATE answered_requests SET run = $1, began_at = $2 \
             WHERE party = $3 AND idempotency_key = $4 AND status IS NULL AND began_at <= $5",
        );
        let update = update.bind(&self.run).bind(now).bind(&self.party).bind(&self.key);
        let update = update.bind(now.saturating_sub(limits::CUT_OFF_SECONDS));
        Ok(update.execute(database.pool()).await?.rows_affected() == 1)
    }

    /// Keeps what is answered, in the change that it tells of. Who was taken over changes nothing.
    pub async fn keep(&self, change: &mut Change, done: &Done) -> Result<(), Problem> {
        let update = sqlx::query(
            "UPDATE answered_requests SET status = $1, location = $2, body = $3 \
             WHERE party = $4 AND idempotency_key = $5 AND run = $6 AND status IS NULL",
        );
        let update = update.bind(i64::from(done.status.as_u16())).bind(done.location.as_deref());
        let update = update.bind(&done.body).bind(&self.party).bind(&self.key).bind(&self.run);
        match update.execute(change.connection()).await?.rows_affected() {
            1 => Ok(()),
            _ => Err(Problem::conflict(
                "running",
                "This request took too long, and another one has taken it over.",
            )),
        }
    }

    /// Of a request that did nothing.
    pub async fn forget(&self, database: &Database) -> Result<(), sqlx::Error> {
        let delete = sqlx::query(
            "DELETE FROM answered_requests WHERE party = $1 AND idempotency_key = $2 AND run = $3 AND status IS NULL",
        );
        delete.bind(&self.party).bind(&self.key).bind(&self.run).execute(database.pool()).await?;
        Ok(())
    }
}
