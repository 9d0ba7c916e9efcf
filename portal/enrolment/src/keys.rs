//! Keys of people in the portal's database: what was requested, and what the authority certified. No private key is here.

use accounts::{Change, Database, PartyKind, people::Account, secret, store::StoreError};
use certificate::Duty;
use sqlx::any::AnyRow;

use crate::{certificate::Certified, request::KeyRequest};

/// What became of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It waits for the organisation's administrator.
    Requested,
    Certified,
    /// The administrator certified it not.
    Refused,
    /// Its owner has asked for another one meanwhile.
    Replaced,
    /// It is not its owner's alone any more, or is gone: the portal relays nothing for it. Only the channel's revocation list
    /// ends it for others.
    Lost,
}

impl State {
    const ALL: [State; 5] =
        [State::Requested, State::Certified, State::Refused, State::Replaced, State::Lost];

    pub fn name(self) -> &'static str {
        match self {
            State::Requested => "requested",
            State::Certified => "certified",
            State::Refused => "refused",
            State::Replaced => "replaced",
            State::Lost => "lost",
        }
    }

    fn from_name(name: &str) -> Self {
        // What a newer program wrote gives no right.
        Self::ALL.into_iter().find(|state| state.name() == name).unwrap_or(State::Lost)
    }
}

/// A key that a person made in a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub id: String,
    pub account: String,
    /// SHA-256 of its SubjectPublicKeyInfo, in hexadecimal.
    pub fingerprint: String,
    /// PKCS #10, as PEM.
    pub request: String,
    pub state: State,
    /// As PEM.
    pub certificate: Option<String>,
    /// The roles in the certificate, joined by commas.
    pub roles: String,
    /// The last second at which the certificate is valid.
    pub not_after: Option<i64>,
    pub requested_at: i64,
    pub changed_at: i64,
}

/// A key in the queue of an organisation, and whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    pub key: Key,
    pub name: String,
    pub email: String,
    pub pseudonym: String,
    /// The roles that the person has now, which a certificate has to name.
    pub roles: Vec<String>,
}

impl Queued {
    /// Whether a certificate is taken for it: its first one, or a renewed one.
    pub fn may_be_certified(&self) -> bool {
        matches!(self.key.state, State::Requested | State::Certified)
    }
}

/// The roles of an account that a certificate names. Administrating the portal's people says nothing on the ledger.
pub fn certified_roles(roles: &[String]) -> Vec<String> {
    let granted = |duty: &Duty| roles.iter().any(|role| role == duty.name());
    let staff = PartyKind::Organisation.roles();
    Duty::ALL
        .into_iter()
        .filter(granted)
        .map(Duty::name)
        .filter(|name| staff.contains(name))
        .map(str::to_owned)
        .collect()
}

type Columns = (String, String, String, String, String, Option<String>, String, Option<i64>, i64, i64);

impl From<Columns> for Key {
    fn from(columns: Columns) -> Self {
        let (
            id,
            account,
            fingerprint,
            request,
            state,
            certificate,
            roles,
            not_after,
            requested_at,
            changed_at,
        ) = columns;
        let state = State::from_name(&state);
        Self {
            id,
            account,
            fingerprint,
            request,
            state,
            certificate,
            roles,
            not_after,
            requested_at,
            changed_at,
        }
    }
}

/// The keys of an account, the newest first.
pub async fn of_account(database: &Database, account: &str) -> Result<Vec<Key>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT id, account, fingerprint, request, state, certificate, roles, not_after, requested_at, changed_at \
         FROM ledger_keys WHERE account = $1 ORDER BY requested_at DESC, id",
    );
    let rows: Vec<Columns> = select.bind(account).fetch_all(database.pool()).await?;
    Ok(rows.into_iter().map(Key::from).collect())
}

/// The key in whose name an account acts: the newest that is certified and valid.
pub async fn current(database: &Database, account: &str, now: i64) -> Result<Option<Key>, sqlx::Error> {
    let is_current =
        |key: &Key| key.state == State::Certified && key.not_after.is_some_and(|not_after| now <= not_after);
    Ok(of_account(database, account).await?.into_iter().find(is_current))
}

/// The account's pseudonym on the ledger: random, made at the first request, and the same ever after.
pub async fn pseudonym(change: &mut Change, account: &str, now: i64) -> Result<String, StoreError> {
    let select = sqlx::query_as("SELECT pseudonym FROM pseudonyms WHERE account = $1").bind(account);
    if let Some((known,)) = select.fetch_optional(change.connection()).await? {
        return Ok(known);
    }
    let pseudonym = secret::random_id()?;
    sqlx::query("INSERT INTO pseudonyms (account, pseudonym, created_at) VALUES ($1, $2, $3)")
        .bind(account)
        .bind(&pseudonym)
        .bind(now)
        .execute(change.connection())
        .await?;
    Ok(pseudonym)
}

/// The account's pseudonym on the ledger, where it has one.
pub async fn person(database: &Database, account: &str) -> Result<Option<String>, sqlx::Error> {
    let select = sqlx::query_as("SELECT pseudonym FROM pseudonyms WHERE account = $1").bind(account);
    let found: Option<(String,)> = select.fetch_optional(database.pool()).await?;
    Ok(found.map(|(pseudonym,)| pseudonym))
}

/// Puts a request into the queue, in place of one that waits there. None where the key is somebody's already.
pub async fn enqueue(
    change: &mut Change,
    account: &Account,
    request: &KeyRequest,
    now: i64,
) -> Result<Option<String>, StoreError> {
    let fingerprint = hex::encode(request.key().fingerprint());
    let known = sqlx::query("SELECT id FROM ledger_keys WHERE fingerprint = $1").bind(&fingerprint);
    if known.fetch_optional(change.connection()).await?.is_some() {
        return Ok(None);
    }
    pseudonym(change, &account.id, now).await?;
    sqlx::query(
        "UPDATE ledger_keys SET state = 'replaced', changed_at = $2 WHERE account = $1 AND state = 'requested'",
    )
    .bind(&account.id)
    .bind(now)
    .execute(change.connection())
    .await?;
    let id = secret::random_id()?;
    sqlx::query(
        "INSERT INTO ledger_keys (id, account, fingerprint, request, state, roles, requested_at, changed_at) \
         VALUES ($1, $2, $3, $4, 'requested', '', $5, $5)",
    )
    .bind(&id)
    .bind(&account.id)
    .bind(&fingerprint)
    .bind(request.to_pem())
    .bind(now)
    .execute(change.connection())
    .await?;
    Ok(Some(id))
}

/// The keys of one party's people, as its administrators see them: each statement names the party.
#[derive(Clone, Copy, Debug)]
pub struct Queue<'a> {
    party: &'a str,
}

impl<'a> Queue<'a> {
    pub fn of(account: &'a Account) -> Self {
        Self { party: &account.party }
    }

    /// What waits, what is lost and has a certificate to be revoked, and what is certified.
    pub async fn keys(&self, database: &Database) -> Result<Vec<Queued>, sqlx::Error> {
        let select = sqlx::query(
            "SELECT k.id, k.account, k.fingerprint, k.request, k.state, k.certificate, k.roles, k.not_after, \
             k.requested_at, k.changed_at, a.name, a.email, p.pseudonym \
             FROM ledger_keys k JOIN accounts a ON a.id = k.account JOIN pseudonyms p ON p.account = k.account \
             WHERE a.party = $1 AND (k.state IN ('requested', 'certified') OR k.state = 'lost' AND k.certificate IS NOT NULL) \
             ORDER BY k.state DESC, k.requested_at DESC, k.id",
        );
        let rows = select.bind(self.party).fetch_all(database.pool()).await?;
        let select = sqlx::query_as(
            "SELECT r.account, r.role FROM roles r JOIN accounts a ON a.id = r.account WHERE a.party = $1",
        );
        let roles: Vec<(String, String)> = select.bind(self.party).fetch_all(database.pool()).await?;
        rows.iter().map(|row| queued(row, &roles)).collect()
    }

    /// One of them.
    pub async fn key(&self, database: &Database, id: &str) -> Result<Option<Queued>, sqlx::Error> {
        Ok(self.keys(database).await?.into_iter().find(|queued| queued.key.id == id))
    }

    /// Takes the certificate of a key of this state. False where the key, its state or its owner's roles have changed meanwhile.
    pub async fn certify(
        &self,
        change: &mut Change,
        queued: &Queued,
        certified: &Certified,
        now: i64,
    ) -> Result<bool, sqlx::Error> {
        let select = sqlx::query_as("SELECT role FROM roles WHERE account = $1").bind(&queued.key.account);
        let roles: Vec<(String,)> = select.fetch_all(change.connection()).await?;
        let roles: Vec<String> = roles.into_iter().map(|(role,)| role).collect();
        if certified_roles(&roles) != queued.roles {
            return Ok(false);
        }
        let update = sqlx::query(
            "UPDATE ledger_keys SET state = 'certified', certificate = $1, roles = $2, not_after = $3, changed_at = $4 \
             WHERE id = $5 AND state = $6 AND account IN (SELECT id FROM accounts WHERE party = $7)",
        );
        let update = update
            .bind(&certified.pem)
            .bind(queued.roles.join(","))
            .bind(certified.not_after)
            .bind(now)
            .bind(&queued.key.id)
            .bind(queued.key.state.name())
            .bind(self.party);
        Ok(update.execute(change.connection()).await?.rows_affected() == 1)
    }

    /// Ends a request (`Refused`) or a certified key (`Lost`); none where there is no such key.
    pub async fn end(&self, change: &mut Change, id: &str, now: i64) -> Result<Option<State>, sqlx::Error> {
        for (before, after) in [(State::Requested, State::Refused), (State::Certified, State::Lost)] {
            let update = sqlx::query(
                "UPDATE ledger_keys SET state = $1, changed_at = $2 \
                 WHERE id = $3 AND state = $4 AND account IN (SELECT id FROM accounts WHERE party = $5)",
            );
            let update = update.bind(after.name()).bind(now).bind(id).bind(before.name()).bind(self.party);
            if update.execute(change.connection()).await?.rows_affected() == 1 {
                return Ok(Some(after));
            }
        }
        Ok(None)
    }
}

/// Its owner says that a key is lost.
pub async fn lose(change: &mut Change, account: &str, id: &str, now: i64) -> Result<bool, sqlx::Error> {
    let update = sqlx::query(
        "UPDATE ledger_keys SET state = 'lost', changed_at = $1 \
         WHERE id = $2 AND account = $3 AND state IN ('requested', 'certified')",
    );
    Ok(update.bind(now).bind(id).bind(account).execute(change.connection()).await?.rows_affected() == 1)
}

fn queued(row: &AnyRow, roles: &[(String, String)]) -> Result<Queued, sqlx::Error> {
    use sqlx::Row;
    let key = Key {
        id: row.try_get("id")?,
        account: row.try_get("account")?,
        fingerprint: row.try_get("fingerprint")?,
        request: row.try_get("request")?,
        state: State::from_name(row.try_get("state")?),
        certificate: row.try_get("certificate")?,
        roles: row.try_get("roles")?,
        not_after: row.try_get("not_after")?,
        requested_at: row.try_get("requested_at")?,
        changed_at: row.try_get("changed_at")?,
    };
    let own: Vec<String> =
        roles.iter().filter(|(account, _)| *account == key.account).map(|(_, role)| role.clone()).collect();
    Ok(Queued {
        name: row.try_get("name")?,
        email: row.try_get("email")?,
        pseudonym: row.try_get("pseudonym")?,
        roles: certified_roles(&own),
        key,
    })
}
