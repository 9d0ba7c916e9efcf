//! Dossiers in the database. What people of a company read and change goes through [`Scope`], which knows one party alone.

use accounts::{Change, Database, people::Account, store::StoreError};
use certificate::{Code, canonical::to_canonical};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sqlx::{FromRow, Row, any::AnyRow};

use crate::subject::{APPLICATION, Fields, tidied, to_subject};

/// What the file of a dossier says that it is.
pub(crate) const FORMAT: &str = "nanotrace dossier 1";

/// What a company writes for one application.
#[derive(Clone, Debug)]
pub struct Dossier {
    /// The application's id on the ledger.
    pub id: String,
    pub fields: Fields,
    saved_steps: String,
    salt: String,
    pub version: i64,
    pub changed_at: i64,
    /// The body that it was handed in to. What a returned one's fields say by now is another matter.
    handed_to: Option<String>,
}

impl Dossier {
    /// The product, in a line.
    pub fn title(&self) -> &str {
        self.fields.get("product.name").map_or("", String::as_str)
    }

    /// The body that has the application, or is to get it.
    pub fn body(&self) -> Option<&str> {
        let typed = self.fields.get("application.body");
        self.handed_to.as_ref().or(typed).map(String::as_str)
    }

    pub fn is_saved(&self, step: &str) -> bool {
        self.saved_steps.split(' ').any(|saved| saved == step)
    }

    /// The fields, of which those of one step are replaced.
    pub fn with(&self, is_of_step: impl Fn(&str) -> bool, typed: Fields) -> Fields {
        let others = self.fields.iter().filter(|(name, _)| !is_of_step(name));
        tidied(others.map(|(name, text)| (name.clone(), text.clone())).chain(typed).collect())
    }

    /// What is handed in, and its hash as the ledger has it.
    pub fn edition(&self) -> Result<(String, String), StoreError> {
        let own = self.fields.iter().filter_map(|(name, text)| Some((name.strip_prefix(APPLICATION)?, text)));
        let content = json!({
            "format": FORMAT,
            "application": self.id,
            "salt": self.salt,
            "with": own.collect::<std::collections::BTreeMap<_, _>>(),
            "credentialSubject": to_subject(&self.fields),
        });
        let bytes = to_canonical(&content).map_err(|error| unreadable(&error.to_string()))?;
        let hash = hash_of(&bytes);
        Ok((String::from_utf8_lossy(&bytes).into_owned(), hash))
    }

    /// The request of `application:submit`.
    pub fn request(&self, hash: &str) -> Value {
        let field = |name: &str| self.fields.get(name).cloned();
        let mut request = json!({
            "id": self.id,
            "body": field("application.body"),
            "title": self.title(),
            "schemeId": field("scheme.id"),
            "schemeVersion": field("scheme.version"),
            "dossier": hash,
        });
        for name in ["replaces", "category"] {
            if let (Some(value), Some(members)) =
                (field(&format!("{APPLICATION}{name}")), request.as_object_mut())
            {
                members.insert(name.to_owned(), value.into());
            }
        }
        request
    }
}

/// As the ledger has it.
pub(crate) fn hash_of(dossier: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(dossier)))
}

fn unreadable(what: &str) -> StoreError {
    StoreError::Database(sqlx::Error::Decode(what.into()))
}

/// A call of the contract, as its page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    pub step: String,
    pub state: String,
    pub created_at: i64,
    pub tries: i64,
    pub said: String,
    pub transaction_id: Option<String>,
    pub block: Option<i64>,
}

impl FromRow<'_, AnyRow> for Act {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            step: row.try_get("step")?,
            state: row.try_get("state")?,
            created_at: row.try_get("created_at")?,
            tries: row.try_get("tries")?,
            said: row.try_get("said")?,
            transaction_id: row.try_get("transaction_id")?,
            block: row.try_get("block")?,
        })
    }
}

/// What the index has of an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    pub id: String,
    pub body: String,
    pub applicant: String,
    pub title: String,
    pub scheme: String,
    pub state: String,
    pub certificate: Option<String>,
    /// The last step: what, of whom, when, why.
    pub step: String,
    pub taken_by: String,
    pub taken_at: String,
    pub reason: String,
    pub submitted_at: String,
}

impl FromRow<'_, AnyRow> for Indexed {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.try_get("id")?,
            body: row.try_get("body")?,
            applicant: row.try_get("applicant")?,
            title: row.try_get("title")?,
            scheme: row.try_get("scheme")?,
            state: row.try_get("state")?,
            certificate: row.try_get("certificate")?,
            step: row.try_get("step")?,
            taken_by: row.try_get("taken_by")?,
            taken_at: row.try_get("taken_at")?,
            reason: row.try_get("reason")?,
            submitted_at: row.try_get("submitted_at")?,
        })
    }
}

/// Where an application stands for who writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It was never handed in, or the ledger refused it.
    Draft,
    /// A call of the contract waits.
    Waiting,
    /// The body wants more.
    Returned,
    /// The body has it, and takes a change of it (ISO/IEC 17065, 7.10).
    UnderWay,
    /// It is decided on, or over.
    Settled,
}

impl Stage {
    pub fn of(acts: &[Act], known: Option<&Indexed>) -> Self {
        let is_waiting = acts.iter().any(|act| act.state == "waiting");
        let is_submitted = acts.iter().any(|act| act.state == "done" && act.step == "submit");
        match known {
            _ if is_waiting => Self::Waiting,
            Some(known) => match known.state.as_str() {
                "returned" => Self::Returned,
                "submitted" | "accepted" | "evaluated" | "reviewed" => Self::UnderWay,
                _ => Self::Settled,
            },
            None if is_submitted => Self::Settled,
            None => Self::Draft,
        }
    }

    pub fn is_editable(self) -> bool {
        matches!(self, Self::Draft | Self::Returned | Self::UnderWay)
    }
}

/// How saving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saved {
    Done,
    /// Somebody saved it since this form was loaded.
    Stale,
    /// It is on its way to the ledger as it is.
    Waiting,
    /// There is no such dossier in the party.
    Nothing,
}

/// How a call was put into the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acted {
    Done,
    /// One waits for the application already: it is not done twice.
    Waiting,
    /// Somebody saved the dossier since it was read, or removed it.
    Stale,
    /// [`WAITING`] calls of the party wait.
    Full,
}

/// Calls of a party that may wait at a time.
pub const WAITING: i64 = 20;
/// Certificates on a page.
pub const PAGE: i64 = 20;
/// Drafts of a party that were never handed in.
pub const DRAFTS: i64 = 200;

/// The dossiers of one party: each statement here names the party.
pub struct Scope<'a> {
    party: &'a str,
    account: &'a str,
}

/// A statement about a party's applications that were granted, by the body to which it handed them in.
macro_rules! granted {
    ($rest:literal) => {
        concat!(
            "SELECT applications.* FROM applications JOIN dossiers ON dossiers.id = applications.id \
             WHERE party = $1 AND applications.state = 'granted' AND certificate IS NOT NULL \
             AND body = (SELECT body FROM calls WHERE application = dossiers.id AND step = 'submit' \
             AND state <> 'refused' ORDER BY created_at DESC LIMIT 1) ",
            $rest
        )
    };
}

type Columns = (String, String, String, String, i64, i64, Option<String>);

fn dossier(columns: Columns) -> Result<Dossier, sqlx::Error> {
    let (id, fields, saved_steps, salt, version, changed_at, handed_to) = columns;
    let fields = serde_json::from_str(&fields).map_err(|error| sqlx::Error::Decode(error.into()))?;
    Ok(Dossier { id, fields, saved_steps, salt, version, changed_at, handed_to })
}

impl<'a> Scope<'a> {
    pub fn of(account: &'a Account) -> Self {
        Self { party: &account.party, account: &account.id }
    }

    /// Every dossier, the newest first, each with what the ledger is known to say of it and the call that is under way or was
    /// refused last.
    pub async fn all(&self, database: &Database) -> Result<Vec<(Dossier, Option<Indexed>)>, sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT id, fields, saved_steps, salt, version, changed_at, (SELECT body FROM calls \
             WHERE application = dossiers.id AND step = 'submit' AND state <> 'refused' ORDER BY created_at DESC LIMIT 1) \
             FROM dossiers WHERE party = $1 ORDER BY changed_at DESC, id LIMIT 500",
        );
        let rows: Vec<Columns> = select.bind(self.party).fetch_all(database.pool()).await?;
        let select = sqlx::query_as(
            "SELECT applications.* FROM applications JOIN dossiers ON dossiers.id = applications.id WHERE party = $1",
        );
        let known: Vec<Indexed> = select.bind(self.party).fetch_all(database.pool()).await?;
        let with = |row: Columns| {
            let dossier = dossier(row)?;
            let body = dossier.body();
            let found =
                known.iter().find(|it| it.id == dossier.id && Some(it.body.as_str()) == body).cloned();
            Ok((dossier, found))
        };
        rows.into_iter().map(with).collect()
    }

    pub async fn one(&self, database: &Database, id: &str) -> Result<Option<Dossier>, sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT id, fields, saved_steps, salt, version, changed_at, (SELECT body FROM calls \
             WHERE application = dossiers.id AND step = 'submit' AND state <> 'refused' ORDER BY created_at DESC LIMIT 1) \
             FROM dossiers WHERE id = $1 AND party = $2",
        );
        let found: Option<Columns> = select.bind(id).bind(self.party).fetch_optional(database.pool()).await?;
        found.map(dossier).transpose()
    }

    /// Ids of its dossiers and when each was begun, the newest first, after one of them.
    pub async fn page(
        &self,
        database: &Database,
        after: Option<(i64, &str)>,
        limit: i64,
    ) -> Result<Vec<(String, i64)>, sqlx::Error> {
        let (at, id) = after.unwrap_or((i64::MAX, ""));
        let select = sqlx::query_as(
            "SELECT id, created_at FROM dossiers WHERE party = $1 AND (created_at < $2 OR (created_at = $2 AND id > $3)) \
             ORDER BY created_at DESC, id LIMIT $4",
        );
        select.bind(self.party).bind(at).bind(id).bind(limit).fetch_all(database.pool()).await
    }

    /// Its applications that were granted, the newest first, after one of them.
    pub async fn granted_after(
        &self,
        database: &Database,
        after: Option<(&str, &str)>,
        limit: i64,
    ) -> Result<Vec<Indexed>, sqlx::Error> {
        // No date-time comes after it.
        let (at, id) = after.unwrap_or(("~", ""));
        let select = sqlx::query_as(granted!(
            "AND (taken_at < $2 OR (taken_at = $2 AND applications.id > $3)) \
             ORDER BY taken_at DESC, applications.id LIMIT $4"
        ));
        select.bind(self.party).bind(at).bind(id).bind(limit).fetch_all(database.pool()).await
    }

    /// A page of its applications that were granted, the newest first.
    pub async fn granted(&self, database: &Database, page: i64) -> Result<Vec<Indexed>, sqlx::Error> {
        let select = sqlx::query_as(granted!("ORDER BY taken_at DESC, applications.id LIMIT $2 OFFSET $3"));
        let select = select.bind(self.party).bind(PAGE).bind(page.clamp(0, 10_000).saturating_mul(PAGE));
        select.fetch_all(database.pool()).await
    }

    /// The one of them of which came this certificate.
    pub async fn granted_as(&self, database: &Database, code: &str) -> Result<Option<Indexed>, sqlx::Error> {
        let select = sqlx::query_as(granted!("AND certificate = $2"));
        select.bind(self.party).bind(code).fetch_optional(database.pool()).await
    }

    /// The request by which one of its applications was submitted.
    pub async fn submitted(&self, database: &Database, id: &str) -> Result<Option<Value>, sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT argument FROM calls WHERE application = $1 AND party = $2 AND step = 'submit' AND state = 'done' LIMIT 1",
        );
        let found: Option<(String,)> =
            select.bind(id).bind(self.party).fetch_optional(database.pool()).await?;
        Ok(found.and_then(|(request,)| serde_json::from_str(&request).ok()))
    }

    /// The calls for one of its applications, the newest first.
    pub async fn acts(&self, database: &Database, id: &str) -> Result<Vec<Act>, sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT step, state, created_at, tries, said, transaction_id, block FROM calls \
             WHERE application = $1 AND party = $2 ORDER BY created_at DESC, id LIMIT 50",
        );
        select.bind(id).bind(self.party).fetch_all(database.pool()).await
    }

    /// What was handed in last: its content and hash.
    pub async fn edition(
        &self,
        database: &Database,
        id: &str,
    ) -> Result<Option<(String, String)>, sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT content, hash FROM editions JOIN dossiers ON dossiers.id = dossier \
             WHERE dossier = $1 AND party = $2 ORDER BY number DESC LIMIT 1",
        );
        select.bind(id).bind(self.party).fetch_optional(database.pool()).await
    }

    /// Begins a draft and returns its id, that of the application it may become; none where the party has [`DRAFTS`] already.
    pub async fn create(
        &self,
        change: &mut Change,
        fields: &Fields,
        now: i64,
    ) -> Result<Option<String>, StoreError> {
        let select = sqlx::query_as(
            "SELECT count(*) FROM dossiers WHERE party = $1 AND id NOT IN (SELECT application FROM calls)",
        );
        let (drafts,): (i64,) = select.bind(self.party).fetch_one(change.connection()).await?;
        if drafts >= DRAFTS {
            return Ok(None);
        }
        let mut random = [0; 16];
        getrandom::fill(&mut random)?;
        let id = Code::from_random(random).to_string();
        sqlx::query(
            "INSERT INTO dossiers (id, party, fields, saved_steps, salt, version, created_at, changed_at) \
             VALUES ($1, $2, $3, '', $4, 1, $5, $5)",
        )
        .bind(&id)
        .bind(self.party)
        .bind(text_of(fields))
        .bind(accounts::secret::random_id()?)
        .bind(now)
        .execute(change.connection())
        .await?;
        Ok(Some(id))
    }

    /// Saves what was typed at a step, unless something else was saved since `dossier` was read.
    pub async fn save(
        &self,
        change: &mut Change,
        dossier: &Dossier,
        fields: &Fields,
        step: &str,
        now: i64,
    ) -> Result<Saved, sqlx::Error> {
        let mut steps: Vec<&str> = dossier.saved_steps.split(' ').filter(|it| !it.is_empty()).collect();
        if !step.is_empty() && !steps.contains(&step) {
            steps.push(step);
        }
        let update = sqlx::query(
            "UPDATE dossiers SET fields = $1, saved_steps = $2, version = version + 1, changed_at = $3 \
             WHERE id = $4 AND party = $5 AND version = $6 \
             AND id NOT IN (SELECT application FROM calls WHERE state = 'waiting')",
        );
        let update = update.bind(text_of(fields)).bind(steps.join(" ")).bind(now);
        let update = update.bind(&dossier.id).bind(self.party).bind(dossier.version);
        if update.execute(change.connection()).await?.rows_affected() == 1 {
            return Ok(Saved::Done);
        }
        let select = sqlx::query_as(
            "SELECT (SELECT count(*) FROM calls WHERE application = dossiers.id AND state = 'waiting') FROM dossiers \
             WHERE id = $1 AND party = $2",
        );
        let select = select.bind(&dossier.id).bind(self.party);
        let found: Option<(i64,)> = select.fetch_optional(change.connection()).await?;
        Ok(match found {
            None => Saved::Nothing,
            Some((0,)) => Saved::Stale,
            Some(_) => Saved::Waiting,
        })
    }

    /// Removes a draft that was never handed in; whether there was one.
    pub async fn discard(&self, change: &mut Change, id: &str) -> Result<bool, sqlx::Error> {
        let delete = sqlx::query(
            "DELETE FROM dossiers WHERE id = $1 AND party = $2 AND id NOT IN (SELECT application FROM calls)",
        );
        Ok(delete.bind(id).bind(self.party).execute(change.connection()).await?.rows_affected() == 1)
    }

    /// Puts a call of the contract into the outbox, for the dossier as it was read and checked. It has another version then: a
    /// form that was loaded before saves nothing.
    pub async fn act(&self, change: &mut Change, new: &NewAct<'_>, now: i64) -> Result<Acted, StoreError> {
        let select = sqlx::query_as(
            "SELECT (SELECT count(*) FROM calls WHERE application = $1 AND state = 'waiting'), count(*) FROM calls \
             WHERE party = $2 AND state = 'waiting'",
        );
        let select = select.bind(new.application).bind(self.party);
        let (own, all): (i64, i64) = select.fetch_one(change.connection()).await?;
        if own > 0 {
            return Ok(Acted::Waiting);
        }
        if all >= WAITING {
            return Ok(Acted::Full);
        }
        let update = sqlx::query(
            "UPDATE dossiers SET version = version + 1 WHERE id = $1 AND party = $2 AND version = $3",
        );
        let update = update.bind(new.application).bind(self.party).bind(new.version);
        if update.execute(change.connection()).await?.rows_affected() == 0 {
            return Ok(Acted::Stale);
        }
        let insert = sqlx::query(
            "INSERT INTO calls (id, party, account, application, body, step, argument, state, created_at, tries, due_at, said) \
             SELECT $1, party, $2, id, $3, $4, $5, 'waiting', $6, 0, $6, '' FROM dossiers WHERE id = $7 AND party = $8",
        );
        let insert = insert.bind(accounts::secret::random_id()?).bind(self.account).bind(new.body);
        let insert =
            insert.bind(new.step).bind(new.argument).bind(now).bind(new.application).bind(self.party);
        insert.execute(change.connection()).await?;
        Ok(Acted::Done)
    }

    /// Keeps what is handed in, as it is hashed.
    pub async fn keep(
        &self,
        change: &mut Change,
        id: &str,
        content: &str,
        hash: &str,
        now: i64,
    ) -> Result<(), sqlx::Error> {
        let insert = sqlx::query(
            "INSERT INTO editions (dossier, number, hash, content, at) \
             SELECT id, (SELECT count(*) + 1 FROM editions WHERE dossier = $1), $2, $3, $4 \
             FROM dossiers WHERE id = $1 AND party = $5",
        );
        let insert = insert.bind(id).bind(hash).bind(content).bind(now).bind(self.party);
        insert.execute(change.connection()).await?;
        Ok(())
    }
}

/// A call of the contract that is to be made.
pub struct NewAct<'a> {
    pub application: &'a str,
    /// Of the dossier, as it was read.
    pub version: i64,
    pub body: &'a str,
    pub step: &'a str,
    pub argument: &'a str,
}

pub(crate) fn text_of(fields: &Fields) -> String {
    json!(fields).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use accounts::{Database, people};
    use tempfile::TempDir;

    use super::*;

    async fn company(folder: &TempDir) -> (Database, Account) {
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        let mut change = database.change().await.unwrap();
        for statement in [
            "INSERT INTO parties (id, kind, name, created_at) VALUES ('works', 'company', 'Works', 0)",
            "INSERT INTO accounts (id, party, email, name, password, created_at) \
             VALUES ('ada', 'works', 'ada@works.example', 'Ada', '', 0)",
        ] {
            sqlx::query(statement).execute(change.connection()).await.unwrap();
        }
        change.commit().await.unwrap();
        let account = people::account(&database, "ada").await.unwrap().unwrap();
        (database, account)
    }

    fn fields(body: &str) -> Fields {
        [("application.body".to_owned(), body.to_owned())].into()
    }

    fn submission(dossier: &Dossier) -> NewAct<'_> {
        let body = dossier.body().unwrap();
        NewAct { application: &dossier.id, version: dossier.version, body, step: "submit", argument: "{}" }
    }

    #[tokio::test]
    async fn what_is_handed_in_is_what_was_read_and_is_not_saved_over() {
        let folder = tempfile::tempdir().unwrap();
        let (database, account) = company(&folder).await;
        let scope = Scope::of(&account);
        let mut change = database.change().await.unwrap();
        let id = scope.create(&mut change, &fields("CertBodyMSP"), 0).await.unwrap().unwrap();
        change.commit().await.unwrap();
        let read = scope.one(&database, &id).await.unwrap().unwrap();

        let mut change = database.change().await.unwrap();
        let saved = scope.save(&mut change, &read, &fields("SecondBodyMSP"), "product", 1).await.unwrap();
        assert_eq!(saved, Saved::Done);
        assert_eq!(scope.act(&mut change, &submission(&read), 1).await.unwrap(), Acted::Stale);
        change.commit().await.unwrap();

        let newest = scope.one(&database, &id).await.unwrap().unwrap();
        let mut change = database.change().await.unwrap();
        assert_eq!(scope.act(&mut change, &submission(&newest), 2).await.unwrap(), Acted::Done);
        assert_eq!(scope.act(&mut change, &submission(&newest), 2).await.unwrap(), Acted::Waiting);
        let late = scope.save(&mut change, &newest, &fields("AnyMSP"), "product", 2).await.unwrap();
        assert_eq!(late, Saved::Waiting);
        // The ledger has taken it meanwhile.
        sqlx::query("UPDATE calls SET state = 'done'").execute(change.connection()).await.unwrap();
        let late = scope.save(&mut change, &newest, &fields("AnyMSP"), "product", 2).await.unwrap();
        assert_eq!(late, Saved::Stale);
        change.commit().await.unwrap();

        // It was returned, and its draft names another body: the first one has it all the same.
        let returned = scope.one(&database, &id).await.unwrap().unwrap();
        let mut change = database.change().await.unwrap();
        scope.save(&mut change, &returned, &fields("AnyMSP"), "product", 3).await.unwrap();
        change.commit().await.unwrap();
        let returned = scope.one(&database, &id).await.unwrap().unwrap();
        assert_eq!(returned.body(), Some("SecondBodyMSP"));
    }

    #[tokio::test]
    async fn drafts_and_calls_that_wait_are_limited() {
        let folder = tempfile::tempdir().unwrap();
        let (database, account) = company(&folder).await;
        let scope = Scope::of(&account);
        let mut change = database.change().await.unwrap();
        let mut ids = Vec::new();
        while let Some(id) = scope.create(&mut change, &fields("CertBodyMSP"), 0).await.unwrap() {
            ids.push(id);
        }
        change.commit().await.unwrap();
        assert_eq!(i64::try_from(ids.len()).unwrap(), DRAFTS);
        let mut acted = Vec::new();
        for id in &ids {
            let dossier = scope.one(&database, id).await.unwrap().unwrap();
            let mut change = database.change().await.unwrap();
            acted.push(scope.act(&mut change, &submission(&dossier), 1).await.unwrap());
            change.commit().await.unwrap();
        }
        let (done, full) = acted.split_at(usize::try_from(WAITING).unwrap());
        assert!(done.iter().all(|it| *it == Acted::Done) && full.iter().all(|it| *it == Acted::Full));
        let mut change = database.change().await.unwrap();
        assert!(
            scope.create(&mut change, &Fields::new(), 0).await.unwrap().is_some(),
            "what was handed in is no draft"
        );
    }
}
