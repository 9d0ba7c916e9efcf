//! The people of a company: who belongs to it, and as what. An account is of one company, and what it made there stays when it leaves.

use crate::{
    api_keys,
    database::{Change, Database},
    limits,
    people::{self, Account},
    roles::{MEMBER, OWNER, PartyKind},
    store::{self, Link, Purpose, StoreError},
};

/// Somebody of a company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Colleague {
    pub id: String,
    pub email: String,
    pub name: String,
    pub role: String,
    pub is_disabled: bool,
}

/// An invitation that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invited {
    pub email: String,
    pub role: String,
    pub expires_at: i64,
}

/// What an owner does about somebody of the company.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Gives the person this role in place of its own.
    Role(&'static str),
    /// Makes the person an owner, and the one who does so a member.
    HandOver,
    Remove,
}

impl Step {
    pub fn read(name: &str, role: &str) -> Option<Self> {
        match (name, role) {
            ("role", role) => PartyKind::Company.role(role).map(Step::Role),
            ("hand-over", "") => Some(Step::HandOver),
            ("remove", "") => Some(Step::Remove),
            _ => None,
        }
    }

    /// As the audit log has it.
    pub fn action(self) -> &'static str {
        match self {
            Step::Role(_) => "role given",
            Step::HandOver => "ownership handed over",
            Step::Remove => "person removed",
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// The company would be without an owner.
    LastOwner,
    /// There is no such person in the company, or who acts is no owner of it any more.
    Nobody,
}

/// The people of one company, for one of them: each statement here names the company.
pub struct Team<'a> {
    party: &'a str,
    own: &'a str,
}

impl<'a> Team<'a> {
    pub fn of(account: &'a Account) -> Self {
        Self { party: &account.party, own: &account.id }
    }

    pub async fn people(&self, database: &Database) -> Result<Vec<Colleague>, sqlx::Error> {
        type Columns = (String, String, String, Option<String>, Option<i64>);
        let select = sqlx::query_as(
            "SELECT id, email, name, (SELECT min(role) FROM roles WHERE account = id), disabled_at FROM accounts \
             WHERE party = $1 AND left_at IS NULL ORDER BY email",
        );
        let rows: Vec<Columns> = select.bind(self.party).fetch_all(database.pool()).await?;
        let colleague = |(id, email, name, role, disabled): Columns| Colleague {
            id,
            email,
            name,
            role: role.unwrap_or_default(),
            is_disabled: disabled.is_some(),
        };
        Ok(rows.into_iter().map(colleague).collect())
    }

    /// The addresses of the owners.
    pub async fn owners(&self, change: &mut Change) -> Result<Vec<String>, sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT email FROM accounts JOIN roles ON account = id WHERE party = $1 AND role = $2 \
             AND disabled_at IS NULL ORDER BY email",
        );
        let rows: Vec<(String,)> = select.bind(self.party).bind(OWNER).fetch_all(change.connection()).await?;
        Ok(rows.into_iter().map(|(email,)| email).collect())
    }

    /// The invitations that wait.
    pub async fn invited(&self, database: &Database, now: i64) -> Result<Vec<Invited>, sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT email, coalesce(role, ''), expires_at FROM links \
             WHERE party = $1 AND purpose = 'invite' AND expires_at > $2 ORDER BY email",
        );
        let rows: Vec<(String, String, i64)> =
            select.bind(self.party).bind(now).fetch_all(database.pool()).await?;
        let invited = |(email, role, expires_at)| Invited { email, role, expires_at };
        Ok(rows.into_iter().map(invited).collect())
    }

    /// Returns the secret of an invitation, which takes the place of another one to this address; none where the company has as many
    /// people as it may have.
    pub async fn invite(
        &self,
        change: &mut Change,
        email: &str,
        role: &str,
        now: i64,
    ) -> Result<Option<String>, StoreError> {
        self.withdraw(change, email).await?;
        if self.size(change, now).await? >= limits::TEAM {
            return Ok(None);
        }
        let link = Link {
            party: Some(self.party.to_owned()),
            role: Some(role.to_owned()),
            ..Link::to(Purpose::Invite, Some(self.own.to_owned()), email)
        };
        store::create_link(change, &link, now).await.map(Some)
    }

    /// People, and invitations that wait.
    async fn size(&self, change: &mut Change, now: i64) -> Result<i64, sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT (SELECT count(*) FROM accounts WHERE party = $1 AND left_at IS NULL) \
             + (SELECT count(*) FROM links WHERE party = $1 AND purpose = 'invite' AND expires_at > $2)",
        );
        let (size,): (i64,) = select.bind(self.party).bind(now).fetch_one(change.connection()).await?;
        Ok(size)
    }

    /// Ends the invitation to this address; whether there was one.
    pub async fn withdraw(&self, change: &mut Change, email: &str) -> Result<bool, sqlx::Error> {
        let delete = sqlx::query("DELETE FROM links WHERE party = $1 AND purpose = 'invite' AND email = $2");
        let delete = delete.bind(self.party).bind(email).execute(change.connection()).await?;
        Ok(delete.rows_affected() > 0)
    }

    /// Takes a step as an owner. Changes come one after another: of two owners who demote each other at once, the second is none any
    /// more. A change whose step ends otherwise than [`Outcome::Done`] is not committed.
    pub async fn take(
        &self,
        change: &mut Change,
        person: &str,
        step: Step,
        now: i64,
    ) -> Result<Outcome, sqlx::Error> {
        let is_here = self.has(change, person, step == Step::Remove).await?;
        if !is_here || !is_owner(change, self.party, self.own).await? {
            return Ok(Outcome::Nobody);
        }
        match step {
            Step::HandOver if person == self.own => return Ok(Outcome::Nobody),
            Step::Role(role) => self.give(change, person, role, now).await?,
            Step::HandOver => {
                self.give(change, person, OWNER, now).await?;
                self.give(change, self.own, MEMBER, now).await?;
            }
            Step::Remove => return self.end(change, person, now).await,
        }
        let is_owned = !self.owners(change).await?.is_empty();
        Ok(if is_owned { Outcome::Done } else { Outcome::LastOwner })
    }

    /// Who it is of leaves the company, unless it is the last owner.
    pub async fn leave(&self, change: &mut Change, now: i64) -> Result<Outcome, sqlx::Error> {
        match self.has(change, self.own, false).await? {
            true => self.end(change, self.own, now).await,
            false => Ok(Outcome::Nobody),
        }
    }

    async fn has(&self, change: &mut Change, person: &str, also_disabled: bool) -> Result<bool, sqlx::Error> {
        let select = sqlx::query(
            "SELECT id FROM accounts WHERE id = $1 AND party = $2 AND left_at IS NULL AND (disabled_at IS NULL OR $3 = 1)",
        );
        let select = select.bind(person).bind(self.party).bind(i64::from(also_disabled));
        Ok(select.fetch_optional(change.connection()).await?.is_some())
    }

    /// Who is no owner any more invites nobody, and no key acts in its stead.
    async fn give(&self, change: &mut Change, person: &str, role: &str, now: i64) -> Result<(), sqlx::Error> {
        self.take_roles(change, person).await?;
        people::grant(change.connection(), person, role, self.own, now).await?;
        match role {
            OWNER => Ok(()),
            _ => {
                api_keys::end_those_of(change, person, now).await?;
                store::end_links(change, person, Purpose::Invite).await
            }
        }
    }

    async fn take_roles(&self, change: &mut Change, person: &str) -> Result<(), sqlx::Error> {
        let delete = sqlx::query(
            "DELETE FROM roles WHERE account = $1 AND account IN (SELECT id FROM accounts WHERE party = $2)",
        );
        delete.bind(person).bind(self.party).execute(change.connection()).await?;
        Ok(())
    }

    /// Ends what somebody has here, and keeps what the person made: drafts, files and calls are the company's.
    async fn end(&self, change: &mut Change, person: &str, now: i64) -> Result<Outcome, sqlx::Error> {
        self.take_roles(change, person).await?;
        let Some(heir) = self.heir(change).await? else { return Ok(Outcome::LastOwner) };
        api_keys::end_those_of(change, person, now).await?;
        hand_over_notices(change, person, &heir).await?;
        for statement in [
            "DELETE FROM sessions WHERE account = $1 AND account IN (SELECT id FROM accounts WHERE party = $2)",
            "DELETE FROM links WHERE account = $1 AND account IN (SELECT id FROM accounts WHERE party = $2)",
            "DELETE FROM passkeys WHERE account = $1 AND account IN (SELECT id FROM accounts WHERE party = $2)",
            "DELETE FROM wallets WHERE account = $1 AND account IN (SELECT id FROM accounts WHERE party = $2)",
            "DELETE FROM client_sessions WHERE account = $1 \
             AND account IN (SELECT id FROM accounts WHERE party = $2)",
            "DELETE FROM kept_forms WHERE account = $1 AND account IN (SELECT id FROM accounts WHERE party = $2)",
        ] {
            sqlx::query(statement).bind(person).bind(self.party).execute(change.connection()).await?;
        }
        // No address is like this one, and no password has an empty hash.
        let update = sqlx::query(
            "UPDATE accounts SET left_at = $1, disabled_at = coalesce(disabled_at, $1), former_email = email, \
             email = 'left ' || id, password = '' WHERE id = $2 AND party = $3",
        );
        update.bind(now).bind(person).bind(self.party).execute(change.connection()).await?;
        Ok(Outcome::Done)
    }

    /// The owner of longest standing.
    async fn heir(&self, change: &mut Change) -> Result<Option<String>, sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT id FROM accounts JOIN roles ON account = id WHERE party = $1 AND role = $2 \
             AND disabled_at IS NULL ORDER BY granted_at, id LIMIT 1",
        );
        let found: Option<(String,)> =
            select.bind(self.party).bind(OWNER).fetch_optional(change.connection()).await?;
        Ok(found.map(|(id,)| id))
    }
}

/// Whether somebody owns a company now.
pub async fn is_owner(change: &mut Change, party: &str, account: &str) -> Result<bool, sqlx::Error> {
    let select = sqlx::query(
        "SELECT id FROM roles JOIN accounts ON accounts.id = account \
         WHERE id = $1 AND party = $2 AND role = $3 AND disabled_at IS NULL",
    );
    let select = select.bind(account).bind(party).bind(OWNER);
    Ok(select.fetch_optional(change.connection()).await?.is_some())
}

/// What a company was told stays with it: what the heir was not told is the heir's now, read or not.
async fn hand_over_notices(change: &mut Change, person: &str, heir: &str) -> Result<(), sqlx::Error> {
    let update = sqlx::query(
        "UPDATE notices SET account = $1 WHERE account = $2 AND event NOT IN (SELECT event FROM notices WHERE account = $1)",
    );
    update.bind(heir).bind(person).execute(change.connection()).await?;
    let delete = sqlx::query("DELETE FROM notices WHERE account = $1").bind(person);
    delete.execute(change.connection()).await?;
    Ok(())
}
