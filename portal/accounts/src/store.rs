//! Sessions, links in mails, and mails that wait: what is kept for a while.

use letters::{Letter, Places};

use crate::{
    clients,
    database::{Change, Database},
    limits, secret,
};

/// Why something could not be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
    #[error(transparent)]
    Hash(#[from] crate::passwords::HashError),
    #[error("a passkey: {0}")]
    Passkey(#[from] crate::passkeys::Refused),
    #[error("the session ended while its form was on the way")]
    SessionOver,
    #[error("the role was changed while a form was on the way")]
    RoleOver,
}

/// A session as its owner sees it.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: String,
    pub browser: String,
    pub address: String,
    pub created_at: i64,
    pub seen_at: i64,
}

/// Who begins a session, and how.
pub struct NewSession<'a> {
    pub account: &'a str,
    pub browser: &'a str,
    pub address: &'a str,
    pub by_passkey: bool,
}

/// Begins a session and returns its secret. It never takes one that a browser brings.
pub async fn begin_session(
    change: &mut Change,
    new: &NewSession<'_>,
    now: i64,
) -> Result<String, StoreError> {
    let session = secret::random()?;
    sqlx::query(
        "INSERT INTO sessions (secret, id, account, browser, address, created_at, seen_at, expires_at, by_passkey) \
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8)",
    )
    .bind(secret::hashed(&session))
    .bind(secret::random_id()?)
    .bind(new.account)
    .bind(new.browser)
    .bind(new.address)
    .bind(now)
    .bind(now.saturating_add(limits::SESSION_SECONDS))
    .bind(i64::from(new.by_passkey))
    .execute(change.connection())
    .await?;
    Ok(session)
}

/// A session that goes on.
pub struct OpenSession {
    pub id: String,
    pub account: String,
    pub by_passkey: bool,
}

/// The session with this secret.
pub async fn session(
    database: &Database,
    session: &str,
    now: i64,
) -> Result<Option<OpenSession>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT id, account, seen_at, by_passkey FROM sessions WHERE secret = $1 AND expires_at > $2",
    );
    let found: Option<(String, String, i64, i64)> =
        select.bind(secret::hashed(session)).bind(now).fetch_optional(database.pool()).await?;
    let Some((id, account, seen_at, by_passkey)) = found else { return Ok(None) };
    // Once a minute is enough for its owner, and spares a write at each request.
    if now.saturating_sub(seen_at) >= 60 {
        let update = sqlx::query("UPDATE sessions SET seen_at = $1 WHERE id = $2").bind(now).bind(&id);
        update.execute(database.pool()).await?;
    }
    Ok(Some(OpenSession { id, account, by_passkey: by_passkey == 1 }))
}

/// Whose a session was that has expired lately. One that somebody ended is not known any more.
pub async fn ended(database: &Database, session: &str, now: i64) -> Result<Option<String>, sqlx::Error> {
    let select = sqlx::query_as("SELECT account FROM sessions WHERE secret = $1 AND expires_at <= $2");
    let found: Option<(String,)> =
        select.bind(secret::hashed(session)).bind(now).fetch_optional(database.pool()).await?;
    Ok(found.map(|(account,)| account))
}

/// Whether a session goes on. Whatever takes somebody's access away deletes the session.
pub async fn goes_on(change: &mut Change, id: &str, now: i64) -> Result<bool, sqlx::Error> {
    let select = sqlx::query("SELECT id FROM sessions WHERE id = $1 AND expires_at > $2").bind(id).bind(now);
    Ok(select.fetch_optional(change.connection()).await?.is_some())
}

pub async fn sessions_of(database: &Database, account: &str, now: i64) -> Result<Vec<Session>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT id, browser, address, created_at, seen_at FROM sessions \
         WHERE account = $1 AND expires_at > $2 ORDER BY seen_at DESC",
    );
    let rows: Vec<(String, String, String, i64, i64)> =
        select.bind(account).bind(now).fetch_all(database.pool()).await?;
    let session =
        |(id, browser, address, created_at, seen_at)| Session { id, browser, address, created_at, seen_at };
    Ok(rows.into_iter().map(session).collect())
}

/// Ends a session of this account; whether there was one.
pub async fn end_session(change: &mut Change, account: &str, id: &str) -> Result<bool, sqlx::Error> {
    let delete = sqlx::query("DELETE FROM sessions WHERE id = $1 AND account = $2").bind(id).bind(account);
    Ok(delete.execute(change.connection()).await?.rows_affected() > 0)
}

/// Ends all sessions of an account but the one with this id, those of its programs too.
pub async fn end_other_sessions(change: &mut Change, account: &str, id: &str) -> Result<(), sqlx::Error> {
    let delete = sqlx::query("DELETE FROM sessions WHERE account = $1 AND id <> $2").bind(account).bind(id);
    delete.execute(change.connection()).await?;
    clients::end_all(change, account).await
}

/// What a link in a mail is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Register,
    Invite,
    Recover,
    Email,
    /// Of a demonstration: it logs in.
    Welcome,
}

impl Purpose {
    const ALL: [Purpose; 5] =
        [Purpose::Register, Purpose::Invite, Purpose::Recover, Purpose::Email, Purpose::Welcome];

    fn name(self) -> &'static str {
        match self {
            Purpose::Register => "register",
            Purpose::Invite => "invite",
            Purpose::Recover => "recover",
            Purpose::Email => "email",
            Purpose::Welcome => "welcome",
        }
    }

    fn seconds(self) -> i64 {
        match self {
            Purpose::Invite | Purpose::Welcome => limits::INVITATION_SECONDS,
            _ => limits::LINK_SECONDS,
        }
    }
}

/// A link that works once.
#[derive(Clone, Debug)]
pub struct Link {
    pub purpose: Purpose,
    /// Whose it is; of an invitation, who sent it.
    pub account: Option<String>,
    /// The address that it proves.
    pub email: String,
    /// Of a registration: what was typed.
    pub name: Option<String>,
    pub company: Option<String>,
    /// Of an invitation: where to, and as what.
    pub party: Option<String>,
    pub role: Option<String>,
    /// Of a registration with a wallet: the wallet, and what the database holds of the form token of the browser that showed it.
    pub wallet: Option<String>,
    pub browser: Option<String>,
}

impl Link {
    /// A link that says no more than whose it is, and to which address it goes.
    pub fn to(purpose: Purpose, account: Option<String>, email: &str) -> Self {
        let email = email.to_owned();
        let (name, company, party, role) = (None, None, None, None);
        Self { purpose, account, email, name, company, party, role, wallet: None, browser: None }
    }
}

/// Returns the secret of a new link.
pub async fn create_link(change: &mut Change, link: &Link, now: i64) -> Result<String, StoreError> {
    let token = secret::random()?;
    sqlx::query(
        "INSERT INTO links (secret, purpose, account, email, name, company, party, role, expires_at, wallet, browser) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(secret::hashed(&token))
    .bind(link.purpose.name())
    .bind(link.account.as_deref())
    .bind(&link.email)
    .bind(link.name.as_deref())
    .bind(link.company.as_deref())
    .bind(link.party.as_deref())
    .bind(link.role.as_deref())
    .bind(now.saturating_add(link.purpose.seconds()))
    .bind(link.wallet.as_deref())
    .bind(link.browser.as_deref())
    .execute(change.connection())
    .await?;
    Ok(token)
}

type Text = Option<String>;
type LinkColumns = (String, Text, String, Text, Text, Text, Text, Text, Text);

fn read_link(columns: LinkColumns) -> Option<Link> {
    let (purpose, account, email, name, company, party, role, wallet, browser) = columns;
    let purpose = Purpose::ALL.into_iter().find(|it| it.name() == purpose)?;
    Some(Link { purpose, account, email, name, company, party, role, wallet, browser })
}

/// A link that still works, and goes on to.
pub async fn link(database: &Database, token: &str, now: i64) -> Result<Option<Link>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT purpose, account, email, name, company, party, role, wallet, browser FROM links \
         WHERE secret = $1 AND expires_at > $2",
    );
    let found: Option<LinkColumns> =
        select.bind(secret::hashed(token)).bind(now).fetch_optional(database.pool()).await?;
    Ok(found.and_then(read_link))
}

/// Takes a link that still works out of the database: it works once.
pub async fn use_link(change: &mut Change, token: &str, now: i64) -> Result<Option<Link>, sqlx::Error> {
    let delete = sqlx::query_as(
        "DELETE FROM links WHERE secret = $1 AND expires_at > $2 \
         RETURNING purpose, account, email, name, company, party, role, wallet, browser",
    );
    let found: Option<LinkColumns> =
        delete.bind(secret::hashed(token)).bind(now).fetch_optional(change.connection()).await?;
    Ok(found.and_then(read_link))
}

/// Ends what else was sent to an account for this purpose.
pub async fn end_links(change: &mut Change, account: &str, purpose: Purpose) -> Result<(), sqlx::Error> {
    let delete = sqlx::query("DELETE FROM links WHERE account = $1 AND purpose = $2");
    delete.bind(account).bind(purpose.name()).execute(change.connection()).await?;
    Ok(())
}

/// A mail that waits.
#[derive(Clone, Debug)]
pub struct Mail {
    pub id: String,
    pub recipient: String,
    pub letter: Letter,
    pub tries: i64,
    created_at: i64,
}

/// Puts a mail into the outbox, as part of the change that it tells of.
pub async fn post(
    change: &mut Change,
    recipient: &str,
    subject: &str,
    body: &str,
    now: i64,
) -> Result<(), StoreError> {
    let letter = Letter { subject: subject.to_owned(), body: body.to_owned(), ..Letter::default() };
    post_letter(change, recipient, &letter, now).await
}

/// As [`post`], with what a mail has besides its text.
pub async fn post_letter(
    change: &mut Change,
    recipient: &str,
    letter: &Letter,
    now: i64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO outbox (id, recipient, subject, body, link, certificate, created_at, tries, due_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $7)",
    )
    .bind(secret::random_id()?)
    .bind(recipient)
    .bind(&letter.subject)
    .bind(&letter.body)
    .bind(letter.link.as_deref())
    .bind(letter.certificate.as_deref())
    .bind(now)
    .execute(change.connection())
    .await?;
    Ok(())
}

/// The mails that are due. Nobody puts one off for longer than the longest pause: the clock was ahead then.
pub async fn due_mails(database: &Database, now: i64, longest_pause: i64) -> Result<Vec<Mail>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT id, recipient, subject, body, link, certificate, tries, created_at FROM outbox \
         WHERE due_at <= $1 OR due_at > $2 ORDER BY due_at, id LIMIT 50",
    );
    type Columns = (String, String, String, String, Option<String>, Option<String>, i64, i64);
    let select = select.bind(now).bind(now.saturating_add(longest_pause));
    let rows: Vec<Columns> = select.fetch_all(database.pool()).await?;
    let mail = |(id, recipient, subject, body, link, certificate, tries, created_at)| Mail {
        id,
        recipient,
        letter: Letter { subject, body, link, certificate },
        tries,
        created_at,
    };
    Ok(rows.into_iter().map(mail).collect())
}

/// Whether a mail is of use when it arrives now: it is of today, and a link in it that works once still works.
pub async fn is_of_use(database: &Database, mail: &Mail, now: i64) -> Result<bool, sqlx::Error> {
    if mail.created_at.saturating_add(limits::MAIL_SECONDS) <= now {
        return Ok(false);
    }
    // Only mails about accounts have such a link, on a line of its own; what others wrote is never taken for one.
    let mut lines = mail.letter.body.lines().filter(|line| line.starts_with("http"));
    let token = lines.find_map(|line| line.split_once("?token=")).filter(|_| mail.letter.link.is_none());
    match token {
        Some((_, token)) => Ok(link(database, token, now).await?.is_some()),
        None => Ok(true),
    }
}

/// Takes a mail out of the outbox that is not sent any more.
pub async fn give_up(database: &Database, id: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id).execute(database.pool()).await.map(drop)
}

/// A mail that is sent is kept without its text: a link in it is a secret. A demonstration shows it.
pub async fn mark_sent(database: &Database, id: &str, is_demonstration: bool) -> Result<(), sqlx::Error> {
    let update = match is_demonstration {
        true => sqlx::query("UPDATE outbox SET due_at = NULL, tries = tries + 1 WHERE id = $1"),
        false => sqlx::query("UPDATE outbox SET due_at = NULL, body = '', tries = tries + 1 WHERE id = $1"),
    };
    update.bind(id).execute(database.pool()).await?;
    Ok(())
}

/// A mail as a demonstration shows it.
#[derive(Clone, Debug)]
pub struct KeptMail {
    pub recipient: String,
    pub subject: String,
    pub body: String,
    pub created_at: i64,
}

pub async fn newest_mails(database: &Database, places: &Places) -> Result<Vec<KeptMail>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT recipient, subject, body, link, certificate, created_at FROM outbox \
         ORDER BY created_at DESC, id LIMIT 50",
    );
    type Columns = (String, String, String, Option<String>, Option<String>, i64);
    let rows: Vec<Columns> = select.fetch_all(database.pool()).await?;
    let mail = |(recipient, subject, body, link, certificate, created_at)| {
        let letter = Letter { subject, body, link, certificate };
        KeptMail { recipient, subject: letter.subject(), body: letter.text(places), created_at }
    };
    Ok(rows.into_iter().map(mail).collect())
}

pub async fn mark_failed(database: &Database, id: &str, due_at: i64) -> Result<(), sqlx::Error> {
    let update = sqlx::query("UPDATE outbox SET due_at = $1, tries = tries + 1 WHERE id = $2");
    update.bind(due_at).bind(id).execute(database.pool()).await?;
    Ok(())
}

/// Forgets what has expired.
pub async fn forget_expired(database: &Database, now: i64) -> Result<(), sqlx::Error> {
    let ended = now.saturating_sub(limits::ENDED_SECONDS);
    let sent = now.saturating_sub(limits::SENT_SECONDS);
    let sent = sqlx::query("DELETE FROM outbox WHERE due_at IS NULL AND created_at <= $1").bind(sent);
    sent.execute(database.pool()).await?;
    sqlx::query("DELETE FROM sessions WHERE expires_at <= $1").bind(ended).execute(database.pool()).await?;
    sqlx::query("DELETE FROM kept_forms WHERE expires_at <= $1").bind(now).execute(database.pool()).await?;
    let day = now.saturating_sub(limits::ANSWERED_SECONDS);
    let answered = sqlx::query("DELETE FROM answered_requests WHERE began_at <= $1").bind(day);
    answered.execute(database.pool()).await?;
    sqlx::query("DELETE FROM links WHERE expires_at <= $1").bind(now).execute(database.pool()).await?;
    sqlx::query("DELETE FROM challenges WHERE expires_at <= $1").bind(now).execute(database.pool()).await?;
    sqlx::query("DELETE FROM wallet_nonces WHERE expires_at <= $1")
        .bind(now)
        .execute(database.pool())
        .await?;
    sqlx::query("DELETE FROM shown_wallets WHERE expires_at <= $1")
        .bind(now)
        .execute(database.pool())
        .await?;
    let over = sqlx::query("DELETE FROM client_sessions WHERE expires_at <= $1 OR refresh_until <= $1");
    over.bind(now).execute(database.pool()).await?;
    Ok(())
}
