//! Those who ask.

use accounts::{Change, Database, people::Account, secret, store::StoreError};
use certificate::confidential::ConfidentialField;

use crate::{KEPT_AFTER_READING, PAGE, Request, WAITING, requests, told};

/// What is asked for.
pub struct New<'a> {
    pub certificate: &'a str,
    pub product: &'a str,
    pub application: &'a str,
    pub body: &'a str,
    /// On one line each.
    pub wanted: &'a str,
    pub reason: &'a str,
}

/// How asking ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    Done(String),
    /// The same is asked already.
    Known(String),
    /// As many wait as may.
    Full,
}

/// The requests of one organisation: each statement here names it.
pub struct Asker<'a> {
    account: &'a str,
    party: &'a str,
}

impl<'a> Asker<'a> {
    pub fn of(account: &'a Account) -> Self {
        Self { account: &account.id, party: &account.party }
    }

    /// The newest requests of the organisation.
    pub async fn list(&self, database: &Database) -> Result<Vec<Request>, sqlx::Error> {
        let select = sqlx::query_as(requests!(
            "WHERE disclosures.party = $1 ORDER BY asked_at DESC, disclosures.id LIMIT $2"
        ));
        select.bind(self.party).bind(PAGE).fetch_all(database.pool()).await
    }

    pub async fn one(&self, database: &Database, id: &str) -> Result<Option<Request>, sqlx::Error> {
        let select = sqlx::query_as(requests!("WHERE disclosures.party = $1 AND disclosures.id = $2"));
        select.bind(self.party).bind(id).fetch_optional(database.pool()).await
    }

    /// Asks a body, and tells those of it who answer.
    pub async fn ask(&self, change: &mut Change, new: &New<'_>, now: i64) -> Result<Asked, StoreError> {
        let select = sqlx::query_as(
            "SELECT id FROM disclosures WHERE party = $1 AND certificate = $2 AND wanted = $3 AND state = 'asked'",
        );
        let select = select.bind(self.party).bind(new.certificate).bind(new.wanted);
        let known: Option<(String,)> = select.fetch_optional(change.connection()).await?;
        if let Some((id,)) = known {
            return Ok(Asked::Known(id));
        }
        let select = sqlx::query_as("SELECT count(*) FROM disclosures WHERE party = $1 AND state = 'asked'");
        let (waiting,): (i64,) = select.bind(self.party).fetch_one(change.connection()).await?;
        if waiting >= WAITING {
            return Ok(Asked::Full);
        }
        let id = secret::random_id()?;
        sqlx::query(
            "INSERT INTO disclosures (id, party, account, certificate, product, application, body, wanted, reason, asked_at, \
             state, said) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'asked', '')",
        )
        .bind(&id)
        .bind(self.party)
        .bind(self.account)
        .bind(new.certificate)
        .bind(new.product)
        .bind(new.application)
        .bind(new.body)
        .bind(new.wanted)
        .bind(new.reason)
        .bind(now)
        .execute(change.connection())
        .await?;
        told::of_question(change, new, self.party, &id, now).await?;
        Ok(Asked::Done(id))
    }

    /// Takes a request back that was not answered; whether there is such a one.
    pub async fn take_back(&self, change: &mut Change, id: &str, now: i64) -> Result<bool, StoreError> {
        let update = sqlx::query(
            "UPDATE disclosures SET state = 'taken back', answered_at = $1 \
             WHERE party = $2 AND id = $3 AND state = 'asked'",
        );
        let update = update.bind(now).bind(self.party).bind(id).execute(change.connection()).await?;
        if update.rows_affected() == 0 {
            return Ok(false);
        }
        told::is_over(change, id).await?;
        Ok(true)
    }

    /// The opened field, for who asked alone. From its first reading on, its time is shorter.
    pub async fn read(
        &self,
        change: &mut Change,
        id: &str,
        now: i64,
    ) -> Result<Option<ConfidentialField>, sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT private FROM disclosures \
             WHERE party = $1 AND account = $2 AND id = $3 AND private IS NOT NULL AND ends_at > $4",
        );
        let select = select.bind(self.party).bind(self.account).bind(id).bind(now);
        let found: Option<(String,)> = select.fetch_optional(change.connection()).await?;
        let Some((private,)) = found else { return Ok(None) };
        let update = sqlx::query("UPDATE disclosures SET ends_at = $1 WHERE id = $2 AND ends_at > $1");
        update.bind(now.saturating_add(KEPT_AFTER_READING)).bind(id).execute(change.connection()).await?;
        // The words of the reader could quote the value.
        let field = serde_json::from_str(&private);
        Ok(Some(field.map_err(|_| sqlx::Error::Decode("no confidential field".into()))?))
    }

    /// Removes the opened field; whether it was here.
    pub async fn remove(&self, change: &mut Change, id: &str, now: i64) -> Result<bool, sqlx::Error> {
        let update = sqlx::query(
            "UPDATE disclosures SET private = NULL, ends_at = $1 WHERE party = $2 AND id = $3 AND private IS NOT NULL",
        );
        let update = update.bind(now).bind(self.party).bind(id).execute(change.connection()).await?;
        Ok(update.rows_affected() == 1)
    }
}
