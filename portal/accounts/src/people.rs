//! Accounts and what they may do. What an administrator reads or changes goes through [`Scope`], which knows one party alone.

use sqlx::AnyConnection;

use crate::{
    database::{Change, Database},
    roles::{ADMINISTRATOR, MEMBER, OWNER, PartyKind},
    secret,
    store::StoreError,
};

/// Who is logged in.
#[derive(Clone, Debug)]
pub struct Account {
    pub id: String,
    pub party: String,
    pub party_kind: PartyKind,
    pub party_name: String,
    pub email: String,
    pub name: String,
    pub roles: Vec<String>,
}

impl Account {
    /// Whether it administrates its organisation.
    pub fn is_administrator(&self) -> bool {
        self.is_staff() && self.has(ADMINISTRATOR)
    }

    /// Whether it is an owner of its company.
    pub fn is_owner(&self) -> bool {
        !self.is_staff() && self.has(OWNER)
    }

    /// Whether it does something for its party; who only reads in a company does not.
    pub fn may_act(&self) -> bool {
        self.is_staff() || self.has(OWNER) || self.has(MEMBER)
    }

    fn has(&self, role: &str) -> bool {
        self.roles.iter().any(|own| own == role)
    }

    /// Whether it works for an organisation, which holds power on the ledger.
    pub fn is_staff(&self) -> bool {
        self.party_kind == PartyKind::Organisation
    }
}

/// What a login looks at.
#[derive(Clone, Debug)]
pub struct Credentials {
    pub account: String,
    pub party: String,
    pub party_kind: PartyKind,
    pub name: String,
    pub password: String,
}

pub async fn credentials(database: &Database, email: &str) -> Result<Option<Credentials>, sqlx::Error> {
    type Columns = (String, String, String, String, String);
    let select = sqlx::query_as(
        "SELECT accounts.id, party, parties.kind, accounts.name, password \
         FROM accounts JOIN parties ON parties.id = party WHERE email = $1",
    );
    let found: Option<Columns> = select.bind(email).fetch_optional(database.pool()).await?;
    Ok(found.map(|(account, party, kind, name, password)| Credentials {
        account,
        party,
        party_kind: PartyKind::from_name(&kind),
        name,
        password,
    }))
}

/// Whether an account that is not disabled still has these credentials.
pub async fn still_lets_in(change: &mut Change, found: &Credentials) -> Result<bool, sqlx::Error> {
    let select =
        sqlx::query("SELECT id FROM accounts WHERE id = $1 AND password = $2 AND disabled_at IS NULL");
    let select = select.bind(&found.account).bind(&found.password);
    Ok(select.fetch_optional(change.connection()).await?.is_some())
}

/// The account, unless it is disabled.
pub async fn account(database: &Database, id: &str) -> Result<Option<Account>, sqlx::Error> {
    type Columns = (String, String, String, String, String, String);
    let select = sqlx::query_as(
        "SELECT accounts.id, party, parties.kind, parties.name, email, accounts.name \
         FROM accounts JOIN parties ON parties.id = party \
         WHERE accounts.id = $1 AND disabled_at IS NULL",
    );
    let found: Option<Columns> = select.bind(id).fetch_optional(database.pool()).await?;
    let Some((id, party, kind, party_name, email, name)) = found else { return Ok(None) };
    let roles = sqlx::query_as("SELECT role FROM roles WHERE account = $1 ORDER BY role");
    let roles: Vec<(String,)> = roles.bind(&id).fetch_all(database.pool()).await?;
    Ok(Some(Account {
        id,
        party,
        party_kind: PartyKind::from_name(&kind),
        party_name,
        email,
        name,
        roles: roles.into_iter().map(|(role,)| role).collect(),
    }))
}

/// Who joins.
pub struct NewAccount<'a> {
    pub party: &'a str,
    pub email: &'a str,
    pub name: &'a str,
    /// Its hash.
    pub password: &'a str,
    pub role: Option<&'a str>,
    pub granted_by: &'a str,
}

/// Returns the new account's id.
pub async fn create(change: &mut Change, new: &NewAccount<'_>, now: i64) -> Result<String, StoreError> {
    let id = secret::random_id()?;
    sqlx::query(
        "INSERT INTO accounts (id, party, email, name, password, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(&id)
    .bind(new.party)
    .bind(new.email)
    .bind(new.name)
    .bind(new.password)
    .bind(now)
    .execute(change.connection())
    .await?;
    if let Some(role) = new.role {
        grant(change.connection(), &id, role, new.granted_by, now).await?;
    }
    Ok(id)
}

pub async fn create_party(
    change: &mut Change,
    id: &str,
    kind: PartyKind,
    name: &str,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO parties (id, kind, name, created_at) VALUES ($1, $2, $3, $4)")
        .bind(id)
        .bind(kind.name())
        .bind(name)
        .bind(now)
        .execute(change.connection())
        .await?;
    Ok(())
}

pub async fn party_kind(change: &mut Change, id: &str) -> Result<Option<PartyKind>, sqlx::Error> {
    let select = sqlx::query_as("SELECT kind FROM parties WHERE id = $1").bind(id);
    let found: Option<(String,)> = select.fetch_optional(change.connection()).await?;
    Ok(found.map(|(kind,)| PartyKind::from_name(&kind)))
}

/// Id and party of the account with this address.
pub async fn holder(change: &mut Change, email: &str) -> Result<Option<(String, String)>, sqlx::Error> {
    let select = sqlx::query_as("SELECT id, party FROM accounts WHERE email = $1").bind(email);
    select.fetch_optional(change.connection()).await
}

/// Address and party of an account.
pub async fn address_of(change: &mut Change, account: &str) -> Result<Option<(String, String)>, sqlx::Error> {
    let select = sqlx::query_as("SELECT email, party FROM accounts WHERE id = $1").bind(account);
    select.fetch_optional(change.connection()).await
}

/// The party of an account, unless it is disabled.
pub async fn party_of(change: &mut Change, account: &str) -> Result<Option<String>, sqlx::Error> {
    let select =
        sqlx::query_as("SELECT party FROM accounts WHERE id = $1 AND disabled_at IS NULL").bind(account);
    let found: Option<(String,)> = select.fetch_optional(change.connection()).await?;
    Ok(found.map(|(party,)| party))
}

/// Whether an account has the roles with which it was read: they may be others since.
pub async fn still_has_its_roles(change: &mut Change, account: &Account) -> Result<bool, sqlx::Error> {
    let select = sqlx::query_as("SELECT role FROM roles WHERE account = $1 ORDER BY role").bind(&account.id);
    let roles: Vec<(String,)> = select.fetch_all(change.connection()).await?;
    Ok(roles.into_iter().map(|(role,)| role).eq(account.roles.iter().cloned()))
}

/// Whether somebody administrates a party now.
pub async fn is_administrator(change: &mut Change, party: &str, account: &str) -> Result<bool, sqlx::Error> {
    let select = sqlx::query(
        "SELECT id FROM roles JOIN accounts ON accounts.id = account \
         WHERE id = $1 AND party = $2 AND role = $3 AND disabled_at IS NULL",
    );
    let select = select.bind(account).bind(party).bind(ADMINISTRATOR);
    Ok(select.fetch_optional(change.connection()).await?.is_some())
}

pub async fn set_password(change: &mut Change, account: &str, hash: &str) -> Result<(), sqlx::Error> {
    let update = sqlx::query("UPDATE accounts SET password = $1 WHERE id = $2").bind(hash).bind(account);
    update.execute(change.connection()).await?;
    Ok(())
}

pub async fn set_email(change: &mut Change, account: &str, email: &str) -> Result<(), sqlx::Error> {
    let update = sqlx::query("UPDATE accounts SET email = $1 WHERE id = $2").bind(email).bind(account);
    update.execute(change.connection()).await?;
    Ok(())
}

pub async fn grant(
    connection: &mut AnyConnection,
    account: &str,
    role: &str,
    granted_by: &str,
    now: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO roles (account, role, granted_by, granted_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (account, role) DO NOTHING",
    )
    .bind(account)
    .bind(role)
    .bind(granted_by)
    .bind(now)
    .execute(connection)
    .await?;
    Ok(())
}

/// A person on the administrators' page.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub email: String,
    pub name: String,
    pub is_disabled: bool,
    pub has_passkey: bool,
    pub roles: Vec<String>,
}

/// What an administrator wants changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Grant(&'static str),
    Revoke(&'static str),
    Disable,
    Enable,
    /// Its passkeys are lost: it logs in with its password, and makes another one. Its wallets go with them.
    ForgetPasskeys,
}

impl Step {
    /// The step of this name, with a role that an administrator of such a party may grant.
    pub fn read(name: &str, role: &str, kind: PartyKind) -> Option<Self> {
        match name {
            "grant" => kind.role(role).map(Step::Grant),
            "revoke" => kind.role(role).map(Step::Revoke),
            "disable" => Some(Step::Disable),
            "enable" => Some(Step::Enable),
            "forget-passkeys" => Some(Step::ForgetPasskeys),
            _ => None,
        }
    }

    /// As the audit log has it.
    pub fn action(self) -> &'static str {
        match self {
            Step::Grant(_) => "role given",
            Step::Revoke(_) => "role taken",
            Step::Disable => "account disabled",
            Step::Enable => "account enabled",
            Step::ForgetPasskeys => "passkeys removed",
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Nobody could administrate the party any more.
    LastAdministrator,
    /// There is no such person in the party.
    Nobody,
}

/// The people and the log of one party: each statement here names the party, and nothing else is open to administrators.
pub struct Scope<'a> {
    party: &'a str,
}

impl<'a> Scope<'a> {
    pub fn of(account: &'a Account) -> Self {
        Self { party: &account.party }
    }

    /// The party that it knows, for what other crates keep of parties.
    pub fn party(&self) -> &str {
        self.party
    }

    /// All of them; of a company also those who left it, by their former addresses, after the others.
    pub async fn people(&self, database: &Database) -> Result<Vec<Person>, sqlx::Error> {
        type Columns = (String, String, String, Option<i64>);
        let select = sqlx::query_as(
            "SELECT id, coalesce(former_email, email), name, disabled_at FROM accounts WHERE party = $1 \
             ORDER BY CASE WHEN left_at IS NULL THEN 0 ELSE 1 END, email",
        );
        let accounts: Vec<Columns> = select.bind(self.party).fetch_all(database.pool()).await?;
        let select = sqlx::query_as(
            "SELECT account, role FROM roles JOIN accounts ON accounts.id = account WHERE party = $1 ORDER BY role",
        );
        let roles: Vec<(String, String)> = select.bind(self.party).fetch_all(database.pool()).await?;
        let select = sqlx::query_as(
            "SELECT DISTINCT account FROM passkeys JOIN accounts ON accounts.id = account WHERE party = $1",
        );
        let keys: Vec<(String,)> = select.bind(self.party).fetch_all(database.pool()).await?;
        let person = |(id, email, name, disabled): Columns| {
            let has_passkey = keys.iter().any(|(account,)| *account == id);
            let own = roles.iter().filter(|(account, _)| *account == id).map(|(_, role)| role.clone());
            let roles = own.collect();
            Person { id, email, name, is_disabled: disabled.is_some(), has_passkey, roles }
        };
        Ok(accounts.into_iter().map(person).collect())
    }

    /// Takes a step. Changes come one after another, so two administrators who demote each other at once do not both
    /// succeed.
    pub async fn take(
        &self,
        change: &mut Change,
        person: &str,
        step: Step,
        actor: &str,
        now: i64,
    ) -> Result<Outcome, sqlx::Error> {
        // Who acts may have lost its role since its page was asked for.
        if !self.holds(change, person).await? || !is_administrator(change, self.party, actor).await? {
            return Ok(Outcome::Nobody);
        }
        match step {
            Step::Grant(role) => grant(change.connection(), person, role, actor, now).await?,
            Step::Revoke(role) => self.revoke(change, person, role).await?,
            Step::Disable => self.disable(change, person, now).await?,
            Step::Enable => self.enable(change, person).await?,
            Step::ForgetPasskeys => self.forget_passkeys(change, person).await?,
        }
        let has_one = self.administrators(change).await? > 0;
        Ok(if has_one { Outcome::Done } else { Outcome::LastAdministrator })
    }

    async fn holds(&self, change: &mut Change, person: &str) -> Result<bool, sqlx::Error> {
        let select = sqlx::query("SELECT id FROM accounts WHERE id = $1 AND party = $2");
        let found = select.bind(person).bind(self.party).fetch_optional(change.connection()).await?;
        Ok(found.is_some())
    }

    async fn revoke(&self, change: &mut Change, person: &str, role: &str) -> Result<(), sqlx::Error> {
        sqlx::query(
            "DELETE FROM roles WHERE account = $1 AND role = $2 \
             AND account IN (SELECT id FROM accounts WHERE party = $3)",
        )
        .bind(person)
        .bind(role)
        .bind(self.party)
        .execute(change.connection())
        .await?;
        Ok(())
    }

    /// Sessions end with it, and so do links: invitations that it sent among them.
    async fn disable(&self, change: &mut Change, person: &str, now: i64) -> Result<(), sqlx::Error> {
        sqlx::query("UPDATE accounts SET disabled_at = $1 WHERE id = $2 AND party = $3")
            .bind(now)
            .bind(person)
            .bind(self.party)
            .execute(change.connection())
            .await?;
        self.end_sessions(change, person).await?;
        sqlx::query(
            "DELETE FROM links WHERE account = $1 AND account IN (SELECT id FROM accounts WHERE party = $2)",
        )
        .bind(person)
        .bind(self.party)
        .execute(change.connection())
        .await?;
        Ok(())
    }

    async fn end_sessions(&self, change: &mut Change, person: &str) -> Result<(), sqlx::Error> {
        for statement in [
            "DELETE FROM sessions WHERE account = $1 AND account IN (SELECT id FROM accounts WHERE party = $2)",
            "DELETE FROM client_sessions WHERE account = $1 \
             AND account IN (SELECT id FROM accounts WHERE party = $2)",
        ] {
            sqlx::query(statement).bind(person).bind(self.party).execute(change.connection()).await?;
        }
        Ok(())
    }

    /// Sessions end with them: one may be of who has the lost passkey now. Wallets go too: who has one of theirs would make the next
    /// passkey.
    async fn forget_passkeys(&self, change: &mut Change, person: &str) -> Result<(), sqlx::Error> {
        for statement in [
            "DELETE FROM passkeys WHERE account = $1 AND account IN (SELECT id FROM accounts WHERE party = $2)",
            "DELETE FROM wallets WHERE account = $1 AND account IN (SELECT id FROM accounts WHERE party = $2)",
        ] {
            sqlx::query(statement).bind(person).bind(self.party).execute(change.connection()).await?;
        }
        self.end_sessions(change, person).await
    }

    async fn enable(&self, change: &mut Change, person: &str) -> Result<(), sqlx::Error> {
        let update = sqlx::query("UPDATE accounts SET disabled_at = NULL WHERE id = $1 AND party = $2");
        update.bind(person).bind(self.party).execute(change.connection()).await?;
        Ok(())
    }

    /// How many can administrate the party now.
    async fn administrators(&self, change: &mut Change) -> Result<i64, sqlx::Error> {
        let count = sqlx::query_as(
            "SELECT count(*) FROM roles JOIN accounts ON accounts.id = account \
             WHERE party = $1 AND role = $2 AND disabled_at IS NULL",
        );
        let (count,): (i64,) =
            count.bind(self.party).bind(ADMINISTRATOR).fetch_one(change.connection()).await?;
        Ok(count)
    }

    /// The newest entries of the log about this party that say `search` somewhere, before the entry `before`.
    pub async fn audit(
        &self,
        database: &Database,
        search: &str,
        before: i64,
        limit: i64,
    ) -> Result<Vec<crate::audit::Row>, sqlx::Error> {
        let escaped = search.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let select = sqlx::query_as(
            "SELECT * FROM audit \
             WHERE party = $1 AND seq < $2 \
             AND lower(actor || ' ' || action || ' ' || object || ' ' || address || ' ' || result \
                     || ' ' || coalesce(transaction_id, '')) \
                 LIKE $3 ESCAPE '\\' \
             ORDER BY seq DESC LIMIT $4",
        );
        select
            .bind(self.party)
            .bind(before)
            .bind(format!("%{escaped}%"))
            .bind(limit)
            .fetch_all(database.pool())
            .await
    }
}
