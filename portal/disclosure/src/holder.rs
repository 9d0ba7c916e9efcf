//! Those who are asked: the people of a certification body whom the contract lets read confidential fields.

use accounts::{Change, Database, people::Account, store::StoreError};
use certificate::Duty;

use crate::{KEPT, PAGE, Request, is_reader, requests, told};

/// How answering ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    Done,
    /// Somebody else answered it meanwhile, or it was taken back.
    Late,
    /// Who asked has no account any more.
    Gone,
}

/// The field that is opened.
pub struct Field<'a> {
    /// Among those of its application, from 0.
    pub place: i64,
    pub hash: &'a str,
    /// In canonical JSON.
    pub private: &'a str,
    pub is_client_told: bool,
}

/// The requests to one body, for a person who reads what they are about: each statement here names it.
pub struct Holder<'a> {
    account: &'a str,
    party: &'a str,
    may_answer: bool,
}

impl<'a> Holder<'a> {
    /// None for who may not read confidential fields.
    pub fn of(account: &'a Account) -> Option<Self> {
        let may_answer = account.roles.iter().any(|role| role == Duty::DecisionMaker.name());
        let reads = account.is_staff() && account.roles.iter().any(|role| is_reader(role));
        reads.then_some(Self { account: &account.id, party: &account.party, may_answer })
    }

    /// Whether the person opens and refuses: what leaves the body is its decision-makers' to say.
    pub fn may_answer(&self) -> bool {
        self.may_answer
    }

    /// Those that wait first, the oldest of them before the others; then the newest.
    pub async fn list(&self, database: &Database) -> Result<Vec<Request>, sqlx::Error> {
        let select = sqlx::query_as(requests!(
            "WHERE body = $1 ORDER BY CASE WHEN state = 'asked' THEN 0 ELSE 1 END, \
             CASE WHEN state = 'asked' THEN asked_at ELSE 0 END, asked_at DESC, disclosures.id LIMIT $2"
        ));
        select.bind(self.party).bind(PAGE).fetch_all(database.pool()).await
    }

    /// How many wait for an answer.
    pub async fn waiting(&self, database: &Database) -> Result<i64, sqlx::Error> {
        let select = sqlx::query_as("SELECT count(*) FROM disclosures WHERE body = $1 AND state = 'asked'");
        let (count,): (i64,) = select.bind(self.party).fetch_one(database.pool()).await?;
        Ok(count)
    }

    pub async fn one(&self, database: &Database, id: &str) -> Result<Option<Request>, sqlx::Error> {
        let select = sqlx::query_as(requests!("WHERE body = $1 AND disclosures.id = $2"));
        select.bind(self.party).bind(id).fetch_optional(database.pool()).await
    }

    /// Opens a field to who asked, and tells that person; the company too, unless the law forbids it.
    pub async fn open(
        &self,
        change: &mut Change,
        request: &Request,
        field: &Field<'_>,
        now: i64,
    ) -> Result<Answered, StoreError> {
        if !self.may_answer {
            return Ok(Answered::Late);
        }
        if !is_there(change, request).await? {
            return Ok(Answered::Gone);
        }
        let update = sqlx::query(
            "UPDATE disclosures SET state = 'opened', answered_by = $1, answered_at = $2, place = $3, hash = $4, \
             is_client_told = $5, private = $6, ends_at = $7 WHERE body = $8 AND id = $9 AND state = 'asked'",
        );
        let update = update.bind(self.account).bind(now).bind(field.place).bind(field.hash);
        let update = update.bind(i64::from(field.is_client_told)).bind(field.private);
        let update = update.bind(now.saturating_add(KEPT)).bind(self.party).bind(&request.id);
        if update.execute(change.connection()).await?.rows_affected() == 0 {
            return Ok(Answered::Late);
        }
        told::of_opening(change, request, field, now).await?;
        Ok(Answered::Done)
    }

    /// Refuses it, and tells who asked why.
    pub async fn refuse(
        &self,
        change: &mut Change,
        request: &Request,
        why: &str,
        now: i64,
    ) -> Result<Answered, StoreError> {
        if !self.may_answer {
            return Ok(Answered::Late);
        }
        let update = sqlx::query(
            "UPDATE disclosures SET state = 'refused', answered_by = $1, answered_at = $2, said = $3 \
             WHERE body = $4 AND id = $5 AND state = 'asked'",
        );
        let update = update.bind(self.account).bind(now).bind(why).bind(self.party).bind(&request.id);
        if update.execute(change.connection()).await?.rows_affected() == 0 {
            return Ok(Answered::Late);
        }
        told::of_refusal(change, request, why, now).await?;
        Ok(Answered::Done)
    }
}

/// Whether who asked is still of the organisation: nobody else reads the field.
async fn is_there(change: &mut Change, request: &Request) -> Result<bool, sqlx::Error> {
    let select = sqlx::query("SELECT 1 FROM accounts WHERE id = $1 AND party = $2 AND disabled_at IS NULL");
    let select = select.bind(&request.account).bind(&request.party);
    Ok(select.fetch_optional(change.connection()).await?.is_some())
}
