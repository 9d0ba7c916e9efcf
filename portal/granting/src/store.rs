//! What is decided, on its way to a certificate, in the database. A row that is lost is made anew from the ledger's index.

use accounts::{
    Database,
    audit::{Entry, Transaction},
    now,
    people::Account,
};

/// Decisions taken up at once, and looked after in one round, of one body.
const ROUND: i64 = 50;
/// Rows of a page.
pub const PAGE: i64 = 50;
/// Seconds until the next try, the first time; doubled each time.
const FIRST_PAUSE: i64 = 2;
const LONGEST_PAUSE: i64 = 300;

/// What is done with a decision, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The document that was decided on is read from the ledger.
    Document,
    /// The signer is asked for its signature.
    Signature,
    /// The signed document is put onto the ledger.
    Grant,
}

impl Stage {
    pub fn name(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Signature => "signature",
            Self::Grant => "grant",
        }
    }
}

/// A decision that waits for its grant.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    pub body: String,
    pub application: String,
    decision: i64,
    tries: i64,
}

/// What came of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Granted {
        transaction: String,
        block: Option<u64>,
    },
    /// The ledger says that nothing is to be granted.
    Ended(String),
    /// Somebody else grants it.
    Left(String),
    /// It is tried again.
    Later(String),
}

/// Takes up what the index says is decided. A decision that is taken anew is another one; another portal on the same database may
/// have taken up the same meanwhile.
pub(crate) async fn take_up(database: &Database, body: &str, now: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO grants (body, application, decision, state, step, tries, due_at, said, created_at) \
         SELECT body, id, steps, 'waiting', 'document', 0, $1, '', $1 FROM applications \
         WHERE body = $2 AND state = 'decided' AND NOT EXISTS (\
         SELECT 1 FROM grants WHERE grants.body = applications.body AND grants.application = applications.id \
         AND grants.decision >= applications.steps) ORDER BY taken_at LIMIT $3 \
         ON CONFLICT (body, application) DO UPDATE SET decision = excluded.decision, state = excluded.state, \
         step = excluded.step, tries = 0, due_at = excluded.due_at, said = '', created_at = excluded.created_at, \
         ended_at = NULL, transaction_id = NULL, block = NULL WHERE grants.decision < excluded.decision",
    )
    .bind(now)
    .bind(body)
    .bind(ROUND)
    .execute(database.pool())
    .await?;
    Ok(())
}

/// Those that are due, what waited longest first. Nobody puts off for longer than the longest pause: the clock was ahead then.
pub(crate) async fn due(database: &Database, body: &str, now: i64) -> Result<Vec<Waiting>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT body, application, decision, tries FROM grants \
         WHERE body = $1 AND state = 'waiting' AND (due_at <= $2 OR due_at > $3) ORDER BY due_at, application LIMIT $4",
    );
    let never = now.saturating_add(LONGEST_PAUSE);
    let rows: Vec<(String, String, i64, i64)> =
        select.bind(body).bind(now).bind(never).bind(ROUND).fetch_all(database.pool()).await?;
    let waiting = |(body, application, decision, tries)| Waiting { body, application, decision, tries };
    Ok(rows.into_iter().map(waiting).collect())
}

/// Says what is being done, for people to see: what is done next is found out from the ledger each time.
pub(crate) async fn reach(database: &Database, waiting: &Waiting, stage: Stage) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "UPDATE grants SET step = $1 WHERE body = $2 AND application = $3 AND decision = $4 AND state = 'waiting'",
    );
    let update =
        update.bind(stage.name()).bind(&waiting.body).bind(&waiting.application).bind(waiting.decision);
    update.execute(database.pool()).await.map(drop)
}

pub(crate) async fn note(
    database: &Database,
    waiting: &Waiting,
    outcome: Outcome,
) -> Result<(), sqlx::Error> {
    match outcome {
        Outcome::Later(said) => {
            tracing::warn!(application = waiting.application, said, "a decision waits for its grant");
            let pause = accounts::pause(waiting.tries, FIRST_PAUSE, LONGEST_PAUSE);
            let update = sqlx::query(
                "UPDATE grants SET tries = tries + 1, due_at = $1, said = $2 \
                 WHERE body = $3 AND application = $4 AND decision = $5 AND state = 'waiting'",
            );
            let update = update.bind(now().saturating_add(pause)).bind(said).bind(&waiting.body);
            let update = update.bind(&waiting.application).bind(waiting.decision);
            update.execute(database.pool()).await.map(drop)
        }
        Outcome::Ended(said) => end(database, waiting, "ended", &said, None).await,
        Outcome::Left(said) => end(database, waiting, "left", &said, None).await,
        Outcome::Granted { transaction, block } => {
            end(database, waiting, "granted", "", Some(Transaction::valid(transaction, block))).await
        }
    }
}

/// Ends it, with its entry in the audit log; both or neither.
async fn end(
    database: &Database,
    waiting: &Waiting,
    state: &'static str,
    said: &str,
    transaction: Option<Transaction>,
) -> Result<(), sqlx::Error> {
    let mut change = database.change().await?;
    let (id, block) =
        (transaction.as_ref().map(|it| it.id.clone()), transaction.as_ref().and_then(|it| it.block));
    let update = sqlx::query(
        "UPDATE grants SET state = $1, said = $2, transaction_id = $3, block = $4, ended_at = $5, tries = tries + 1 \
         WHERE body = $6 AND application = $7 AND decision = $8 AND state = 'waiting'",
    );
    let update = update.bind(state).bind(said).bind(id).bind(block).bind(now()).bind(&waiting.body);
    let update = update.bind(&waiting.application).bind(waiting.decision);
    if update.execute(change.connection()).await?.rows_affected() == 0 {
        return Ok(());
    }
    if state != "left" {
        let entry = Entry {
            at: now(),
            party: waiting.body.clone(),
            actor: "portal".to_owned(),
            action: "certificate.grant",
            object: waiting.application.clone(),
            result: if transaction.is_some() { "on the ledger" } else { "not granted" },
            transaction,
            ..Entry::default()
        };
        change.record(&entry).await?;
    }
    change.commit().await
}

/// A decision and how far its grant is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    pub application: String,
    /// Of the product, as the application has it.
    pub title: String,
    /// Of the certificate that was decided on.
    pub certificate: Option<String>,
    /// `waiting`, `granted`, `ended` or `left`.
    pub state: String,
    /// A [`Stage`], by its name.
    pub step: String,
    pub tries: i64,
    pub due_at: i64,
    /// Why it waits or ended.
    pub said: String,
    pub transaction: Option<(String, Option<i64>)>,
    pub since: i64,
}

/// The grants of one body: each statement here names it.
pub struct Scope<'a> {
    body: &'a str,
}

impl<'a> Scope<'a> {
    pub fn of(account: &'a Account) -> Self {
        Self { body: &account.party }
    }

    /// A page of them: what waits first, then the newest.
    pub async fn page(&self, database: &Database, page: i64) -> Result<Vec<Grant>, sqlx::Error> {
        type Columns = (
            String,
            String,
            Option<String>,
            String,
            String,
            i64,
            i64,
            String,
            Option<String>,
            Option<i64>,
            i64,
        );
        let select = sqlx::query_as(
            "SELECT grants.application, coalesce(title, ''), certificate, grants.state, grants.step, tries, due_at, said, \
             transaction_id, block, created_at FROM grants LEFT JOIN applications \
             ON applications.body = grants.body AND applications.id = grants.application WHERE grants.body = $1 \
             ORDER BY CASE WHEN grants.state = 'waiting' THEN 0 ELSE 1 END, created_at DESC, grants.application \
             LIMIT $2 OFFSET $3",
        );
        let select = select.bind(self.body).bind(PAGE).bind(page.clamp(0, 10_000).saturating_mul(PAGE));
        let rows: Vec<Columns> = select.fetch_all(database.pool()).await?;
        let grant = |columns: Columns| {
            let (application, title, certificate, state, step, tries, due_at, said, id, block, since) =
                columns;
            let transaction = id.map(|id| (id, block));
            Grant { application, title, certificate, state, step, tries, due_at, said, transaction, since }
        };
        Ok(rows.into_iter().map(grant).collect())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use accounts::audit;

    use super::*;

    async fn decided(database: &Database, body: &str, id: &str, steps: i64, state: &str) {
        let insert = sqlx::query(
            "INSERT INTO applications (id, body, applicant, title, scheme, state, steps, dossier, step, taken_by, taken_at, \
             reason, submitted_at) VALUES ($1, $2, '', 'Paint', '', $3, $4, '', '', '', '', '', '') \
             ON CONFLICT (body, id) DO UPDATE SET state = excluded.state, steps = excluded.steps",
        );
        insert.bind(id).bind(body).bind(state).bind(steps).execute(database.pool()).await.unwrap();
    }

    async fn of_body(database: &Database, body: &str) -> Vec<(String, String)> {
        let grants = Scope { body }.page(database, 0).await.unwrap();
        grants.into_iter().map(|it| (it.application, it.state)).collect()
    }

    /// Between the look at what is there and the row, another portal takes the decision up and grants it.
    #[tokio::test]
    async fn what_another_portal_granted_meanwhile_is_not_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        decided(&database, "A", "1", 5, "decided").await;
        sqlx::query(
            "CREATE TRIGGER another BEFORE INSERT ON grants BEGIN \
             INSERT OR IGNORE INTO grants (body, application, decision, state, step, tries, due_at, said, created_at) \
             VALUES (NEW.body, NEW.application, NEW.decision, 'granted', '', 1, 0, '', 0); END",
        )
        .execute(database.pool())
        .await
        .unwrap();
        take_up(&database, "A", 100).await.unwrap();
        assert_eq!(of_body(&database, "A").await, [("1".to_owned(), "granted".to_owned())]);
    }

    #[tokio::test]
    async fn a_decision_is_taken_up_once_and_again_when_it_is_taken_anew() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        decided(&database, "A", "1", 5, "decided").await;
        decided(&database, "A", "2", 5, "reviewed").await;
        decided(&database, "B", "1", 5, "decided").await;
        for _ in 0..2 {
            take_up(&database, "A", 100).await.unwrap();
        }
        let [waiting] = &due(&database, "A", 100).await.unwrap()[..] else { unreachable!("one is decided") };
        assert!(due(&database, "B", 100).await.unwrap().is_empty());
        reach(&database, waiting, Stage::Signature).await.unwrap();
        note(&database, waiting, Outcome::Later("away".into())).await.unwrap();
        assert!(due(&database, "A", now()).await.unwrap().is_empty(), "it pauses");
        let back = due(&database, "A", now() - 24 * 60 * 60).await.unwrap();
        assert_eq!(back.len(), 1, "the clock was ahead when it was put off");
        let later = due(&database, "A", now() + FIRST_PAUSE).await.unwrap();
        assert_eq!(later.first().map(|it| it.tries), Some(1));
        note(&database, waiting, Outcome::Ended("too old".into())).await.unwrap();
        // Told twice, by a try that came late.
        note(&database, waiting, Outcome::Granted { transaction: "t".into(), block: None }).await.unwrap();
        assert_eq!(of_body(&database, "A").await, [("1".to_owned(), "ended".to_owned())]);
        take_up(&database, "A", 100).await.unwrap();
        assert_eq!(of_body(&database, "A").await, [("1".to_owned(), "ended".to_owned())]);
        assert_eq!(of_body(&database, "B").await, [], "of another body nothing is seen");

        decided(&database, "A", "1", 6, "decided").await;
        take_up(&database, "A", 100).await.unwrap();
        let again = due(&database, "A", 100).await.unwrap();
        assert_eq!(again.first().map(|it| (it.decision, it.tries)), Some((6, 0)));
        // The old one's try ends nothing of the new one.
        note(&database, waiting, Outcome::Ended("too old".into())).await.unwrap();
        assert_eq!(of_body(&database, "A").await, [("1".to_owned(), "waiting".to_owned())]);
        let granted = Outcome::Granted { transaction: "t".into(), block: Some(7) };
        note(&database, again.first().unwrap(), granted).await.unwrap();
        let grants = Scope { body: "A" }.page(&database, 0).await.unwrap();
        assert_eq!(grants.first().unwrap().transaction, Some(("t".to_owned(), Some(7))));
        let count =
            sqlx::query_as("SELECT count(*) FROM audit WHERE action = 'certificate.grant' AND party = 'A'");
        let (entries,): (i64,) = count.fetch_one(database.pool()).await.unwrap();
        assert_eq!(entries, 2, "one for each end");

        // Its block is not known: no other is named.
        decided(&database, "B", "1", 5, "decided").await;
        take_up(&database, "B", 100).await.unwrap();
        let [waiting] = &due(&database, "B", 100).await.unwrap()[..] else { unreachable!("one is decided") };
        let granted = Outcome::Granted { transaction: "t".into(), block: None };
        note(&database, waiting, granted).await.unwrap();
        let grants = Scope { body: "B" }.page(&database, 0).await.unwrap();
        assert_eq!(grants.first().unwrap().transaction, Some(("t".to_owned(), None)));
        let select = sqlx::query_as("SELECT block FROM audit WHERE party = 'B'");
        let blocks: Vec<(Option<i64>,)> = select.fetch_all(database.pool()).await.unwrap();
        assert_eq!(blocks, [(None,)]);
        assert!(matches!(audit::verify(&database, &[]).await.unwrap(), audit::Verdict::Intact(_)));
    }
}
