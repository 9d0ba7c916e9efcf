//! Requests to open one confidential field: who asks a certification body for which, why, and what became of it. The field lies here
//! from when it is opened until who asked has it, and no longer than [`KEPT`] (docs/adr/0049).
//!
//! # What holds here
//! - An organisation reaches its own requests, and those to it: [`Asker`] and [`Holder`] each know one party (test
//!   `a_request_is_seen_by_the_two_it_concerns` of `portal`). Who asked reads the field, and nobody else.
//! - A request is answered once, whoever answers at the same time (test `two_who_answer_at_once_are_told` of `portal`).
//! - A field goes by itself, and is not given out when its time is over, swept or not (tests `a_field_goes_by_itself`,
//!   `what_is_removed_leaves_no_value`).

mod asker;
mod holder;
mod told;

use std::time::Duration;

use accounts::Database;
use certificate::{Duty, transition::BODY_READERS};
use letters::is_odd;
use sqlx::{FromRow, Row, any::AnyRow};
use tokio::time::sleep;

pub use asker::{Asked, Asker, New};
pub use holder::{Answered, Field, Holder};

/// Requests of an organisation that wait for an answer.
pub const WAITING: i64 = 20;
/// Characters of what is asked for.
pub const WANTED: usize = 200;
/// Characters of a reason.
pub const REASON: usize = 500;
/// Seconds that an opened field lies here at most.
pub const KEPT: i64 = 7 * 24 * 60 * 60;
/// Seconds that it lies here after who asked has seen it: a page whose answer was lost is asked for again.
pub const KEPT_AFTER_READING: i64 = 24 * 60 * 60;
/// Seconds after which a request that has ended goes from the lists. The audit log has it.
const LISTED: i64 = 365 * 24 * 60 * 60;
/// Requests on a page.
const PAGE: i64 = 100;
/// Between two looks for fields whose time is over.
const SWEEP: Duration = Duration::from_secs(5 * 60);

/// How far a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Asked,
    Opened,
    Refused,
    /// By who asked, before it was answered.
    TakenBack,
}

impl State {
    const ALL: [Self; 4] = [Self::Asked, Self::Opened, Self::Refused, Self::TakenBack];

    pub fn name(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Opened => "opened",
            Self::Refused => "refused",
            Self::TakenBack => "taken back",
        }
    }
}

/// A request, without the field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub id: String,
    /// The organisation that asks, and its name.
    pub party: String,
    pub party_name: String,
    /// Who of it asked: account and name.
    pub account: String,
    pub name: String,
    pub certificate: String,
    pub product: String,
    pub application: String,
    pub body: String,
    pub wanted: String,
    pub reason: String,
    pub asked_at: i64,
    pub state: State,
    /// Who answered, by name.
    pub answered_by: Option<String>,
    pub answered_at: Option<i64>,
    /// Why it was refused.
    pub said: String,
    /// Of an opened field: its place on the ledger, from 0, and its hash.
    pub place: Option<i64>,
    pub hash: Option<String>,
    pub is_client_told: bool,
    /// Whether the field lies here, and until when, or since when no more.
    pub is_here: bool,
    pub ends_at: Option<i64>,
}

impl FromRow<'_, AnyRow> for Request {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let state: String = row.try_get("state")?;
        let known = State::ALL.into_iter().find(|known| known.name() == state);
        Ok(Self {
            state: known.ok_or_else(|| sqlx::Error::Decode("a request in no known state".into()))?,
            id: row.try_get("id")?,
            party: row.try_get("party")?,
            party_name: row.try_get("party_name")?,
            account: row.try_get("account")?,
            name: row.try_get("asker_name")?,
            certificate: row.try_get("certificate")?,
            product: row.try_get("product")?,
            application: row.try_get("application")?,
            body: row.try_get("body")?,
            wanted: row.try_get("wanted")?,
            reason: row.try_get("reason")?,
            asked_at: row.try_get("asked_at")?,
            answered_by: row.try_get("answered_name")?,
            answered_at: row.try_get("answered_at")?,
            said: row.try_get("said")?,
            place: row.try_get("place")?,
            hash: row.try_get("hash")?,
            is_client_told: row.try_get::<Option<i64>, _>("is_client_told")? == Some(1),
            is_here: row.try_get::<i64, _>("is_here")? == 1,
            ends_at: row.try_get("ends_at")?,
        })
    }
}

/// Requests with the names of who asked and who answered. The field itself is not read.
macro_rules! requests {
    ($condition:literal) => {
        concat!(
            "SELECT disclosures.id, disclosures.party, parties.name AS party_name, disclosures.account, \
             asker.name AS asker_name, certificate, product, application, body, wanted, reason, asked_at, state, \
             answerer.name AS answered_name, answered_at, said, place, hash, is_client_told, ends_at, \
             CASE WHEN private IS NULL THEN 0 ELSE 1 END AS is_here FROM disclosures \
             JOIN parties ON parties.id = disclosures.party JOIN accounts asker ON asker.id = disclosures.account \
             LEFT JOIN accounts answerer ON answerer.id = answered_by ",
            $condition
        )
    };
}
pub(crate) use requests;

/// The page of a request.
pub fn page_of(id: &str) -> String {
    format!("/disclosures/{id}")
}

/// Whether the contract lets somebody with this role read confidential fields for a certification body.
fn is_reader(role: &str) -> bool {
    BODY_READERS.iter().any(|duty| duty.name() == role)
}

/// Whether somebody of this body has an account here who answers requests.
pub async fn is_served(database: &Database, body: &str) -> Result<bool, sqlx::Error> {
    let select = sqlx::query(
        "SELECT 1 FROM accounts JOIN roles ON roles.account = accounts.id \
         WHERE party = $1 AND role = $2 AND disabled_at IS NULL LIMIT 1",
    );
    let select = select.bind(body).bind(Duty::DecisionMaker.name());
    Ok(select.fetch_optional(database.pool()).await?.is_some())
}

/// What somebody wrote, on one line; or what is wrong with it.
pub fn written(text: &str, most: usize) -> Result<String, &'static str> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.chars().count() {
        0 => Err("must say something"),
        _ if line.chars().any(is_odd) => Err("has invisible characters in it: type it by hand"),
        length if length > most => Err("is too long"),
        _ => Ok(line),
    }
}

/// Removes fields whose time is over, for as long as it is polled.
pub async fn keep_sweeping(database: &Database) {
    loop {
        if let Err(error) = sweep(database, accounts::now()).await {
            tracing::warn!(%error, "opened fields whose time is over could not be removed; it is tried again");
        }
        sleep(SWEEP).await;
    }
}

/// Removes fields whose time is over, and requests that ended long ago.
pub async fn sweep(database: &Database, now: i64) -> Result<(), sqlx::Error> {
    let update =
        sqlx::query("UPDATE disclosures SET private = NULL WHERE private IS NOT NULL AND ends_at <= $1");
    let removed = update.bind(now).execute(database.pool()).await?.rows_affected();
    let delete =
        sqlx::query("DELETE FROM disclosures WHERE state <> 'asked' AND private IS NULL AND asked_at <= $1");
    delete.bind(now.saturating_sub(LISTED)).execute(database.pool()).await?;
    if removed > 0 {
        database.empty_log().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
