//! Applications that have no company here: the ledger has them, and a database that was lost knew whose they are
//! (docs/adr/0041-outbox-and-index.md). Who brings the file of the newest dossier claims one. It opens nothing until an administrator of
//! its body has confirmed the claim: others have had the file in their hands, too. Tested over both databases in `portal/tests/claims.rs`.

use accounts::{Change, Database, people::Account, secret, store::StoreError};
use certificate::{Code, DateTime, Duty, canonical::to_canonical};
use desk::{Application, Step};
use serde_json::{Value, json};
use sqlx::{FromRow, Row, any::AnyRow};

use crate::{
    facts::Fact,
    form::STEPS,
    index::IndexError,
    notices,
    queue::fields_of,
    store::{FORMAT, hash_of, text_of},
    subject::{APPLICATION, Fields},
};

/// Bytes of a dossier's file: the subject of a document, which has at most half of it, and a few lines.
pub const MAXIMUM_BYTES: usize = 128 * 1024;
/// Claims of a company that wait.
pub const WAITING: i64 = 20;
/// Claims on the page of a body's administrators.
const PAGE: i64 = 100;

/// A dossier out of its file.
#[derive(Clone, Debug)]
pub struct File {
    pub application: Code,
    /// The body that it names.
    pub body: String,
    fields: Fields,
    salt: String,
    content: String,
    hash: String,
}

/// How the ledger's application stands to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is what was handed in last.
    Newest,
    /// It was handed in, and something else since.
    Older,
    /// It was not handed in for it, or not through a portal of these applicants.
    Unknown,
}

impl File {
    /// None where these bytes are no dossier. An editor's blanks and lines between change nothing: the canonical form is what was hashed.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let content: Value = serde_json::from_slice(bytes).ok()?;
        let text = |name: &str| content.get(name).and_then(Value::as_str);
        let (application, salt) = (text("application")?, text("salt")?.to_owned());
        let is_salt = salt.len() == 32 && salt.bytes().all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'));
        let code: Code = application.parse().ok()?;
        if text("format") != Some(FORMAT) || !is_salt || code.to_string() != application {
            return None;
        }
        let fields = fields_of(&content)?;
        let body = fields.get(&format!("{APPLICATION}body"))?.clone();
        let canonical = to_canonical(&content).ok()?;
        let hash = hash_of(&canonical);
        Some(Self {
            application: code,
            body,
            fields,
            salt,
            content: String::from_utf8(canonical).ok()?,
            hash,
        })
    }

    /// Held against the application as the ledger has it. `applicants` is the organisation in whose name companies apply here, and
    /// its service hands in what comes through a portal.
    pub fn stands(&self, application: &Application, applicants: &str) -> Standing {
        let is_of_portal = application.steps.first().is_some_and(|it| {
            it.step == "submit" && it.event.by == applicants && it.event.role == Duty::Service.name()
        });
        if !is_of_portal || application.applicant != applicants {
            return Standing::Unknown;
        }
        match self.step(application) {
            _ if application.dossier == self.hash => Standing::Newest,
            Some(_) => Standing::Older,
            None => Standing::Unknown,
        }
    }

    /// The step by which it was handed in last.
    fn step<'a>(&self, application: &'a Application) -> Option<&'a Step> {
        application.steps.iter().rev().find(|step| step.dossier.as_deref() == Some(self.hash.as_str()))
    }

    fn title(&self) -> &str {
        self.fields.get("product.name").map_or("", String::as_str)
    }
}

/// Whose an application is here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    Nobody,
    /// The company that asks.
    Own,
    /// It has claimed it.
    Claimed,
    Another,
}

/// How claiming ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    /// The claim waits for the body.
    Done,
    /// The company had the application, and has this edition of it again.
    Restored,
    /// The company has it, or has claimed it: nothing was changed.
    Before,
    /// A call of the application is on its way to the ledger.
    Waiting,
    /// Another company has it, or has claimed it.
    Another,
    /// [`WAITING`] claims of the company wait.
    Full,
}

/// A claim that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub application: String,
    pub body: String,
    /// The product, and the client that the dossier names.
    pub title: String,
    pub client: String,
    /// Who brought the file: the company, the person and the address.
    pub company: String,
    pub name: String,
    pub email: String,
    pub at: i64,
    party: String,
    content: String,
}

impl FromRow<'_, AnyRow> for Claim {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let content: String = row.try_get("content")?;
        let fields = File::read(content.as_bytes()).map(|file| file.fields).unwrap_or_default();
        let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
        Ok(Self {
            application: row.try_get("application")?,
            body: row.try_get("body")?,
            title: field("product.name"),
            client: field("client.name"),
            company: row.try_get("company")?,
            name: row.try_get("name")?,
            email: row.try_get("email")?,
            at: row.try_get("at")?,
            party: row.try_get("party")?,
            content,
        })
    }
}

macro_rules! claims {
    ($rest:literal) => {
        concat!(
            "SELECT application, body, claims.party, content, at, parties.name AS company, accounts.name AS name, \
             coalesce(former_email, email) AS email \
             FROM claims JOIN parties ON parties.id = claims.party JOIN accounts ON accounts.id = claims.account ",
            $rest
        )
    };
}

/// The claims of one company: each statement here names it.
pub struct Own<'a> {
    party: &'a str,
    account: &'a str,
}

impl<'a> Own<'a> {
    pub fn of(account: &'a Account) -> Self {
        Self { party: &account.party, account: &account.id }
    }

    pub async fn all(&self, database: &Database) -> Result<Vec<Claim>, sqlx::Error> {
        let select = sqlx::query_as(claims!("WHERE claims.party = $1 ORDER BY at, application LIMIT 100"));
        select.bind(self.party).fetch_all(database.pool()).await
    }

    /// Whose the application is by now; nothing is said of another company but that it is one.
    pub async fn holder(&self, change: &mut Change, application: Code) -> Result<Holder, sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT party, CAST(0 AS BIGINT) FROM dossiers WHERE id = $1 \
             UNION ALL SELECT party, CAST(1 AS BIGINT) FROM claims WHERE application = $1",
        );
        let select = select.bind(application.to_string());
        let found: Option<(String, i64)> = select.fetch_optional(change.connection()).await?;
        Ok(match found {
            None => Holder::Nobody,
            Some((party, _)) if party != self.party => Holder::Another,
            Some((_, 0)) => Holder::Own,
            Some(_) => Holder::Claimed,
        })
    }

    /// Claims the application whose newest dossier a file is; tells the administrators of the body. A company that has the application
    /// already, in a database that came from a backup, gets back what the backup did not have.
    pub async fn claim(
        &self,
        change: &mut Change,
        file: &File,
        application: &Application,
        now: i64,
    ) -> Result<Claimed, StoreError> {
        match self.holder(change, file.application).await? {
            Holder::Another => return Ok(Claimed::Another),
            Holder::Claimed => return Ok(Claimed::Before),
            Holder::Own => return self.restore(change, file, application, now).await,
            Holder::Nobody => {}
        }
        let select = sqlx::query_as("SELECT count(*) FROM claims WHERE party = $1").bind(self.party);
        let (waiting,): (i64,) = select.fetch_one(change.connection()).await?;
        if waiting >= WAITING {
            return Ok(Claimed::Full);
        }
        let insert = sqlx::query(
            "INSERT INTO claims (application, body, party, account, content, at) VALUES ($1, $2, $3, $4, $5, $6)",
        );
        let insert = insert.bind(file.application.to_string()).bind(&file.body).bind(self.party);
        let insert = insert.bind(self.account).bind(&file.content).bind(now);
        insert.execute(change.connection()).await?;
        let id = format!("{} {}", file.application, secret::random_id()?);
        let link = link_of(&file.application.to_string());
        notices::of_claim(change, &file.body, file.title(), &id, &link, now).await?;
        Ok(Claimed::Done)
    }

    async fn restore(
        &self,
        change: &mut Change,
        file: &File,
        application: &Application,
        now: i64,
    ) -> Result<Claimed, StoreError> {
        let select = sqlx::query_as(
            "SELECT (SELECT hash FROM editions WHERE dossier = $1 ORDER BY number DESC LIMIT 1), \
             (SELECT count(*) FROM calls WHERE application = $1 AND state = 'waiting')",
        );
        let select = select.bind(file.application.to_string());
        let (newest, waiting): (Option<String>, i64) = select.fetch_one(change.connection()).await?;
        if newest.is_some_and(|hash| hash == file.hash) {
            return Ok(Claimed::Before);
        }
        if waiting > 0 {
            return Ok(Claimed::Waiting);
        }
        give(change, self.party, self.account, (file, application), now).await?;
        Ok(Claimed::Restored)
    }
}

/// The claims that wait for the administrators of one body: each statement here names it.
pub struct OfBody<'a> {
    body: &'a str,
}

impl<'a> OfBody<'a> {
    pub fn of(account: &'a Account) -> Self {
        Self { body: &account.party }
    }

    pub async fn all(&self, database: &Database) -> Result<Vec<Claim>, sqlx::Error> {
        let select = sqlx::query_as(claims!("WHERE body = $1 ORDER BY at, application LIMIT $2"));
        select.bind(self.body).bind(PAGE).fetch_all(database.pool()).await
    }

    pub async fn count(&self, database: &Database) -> Result<i64, sqlx::Error> {
        let select = sqlx::query_as("SELECT count(*) FROM claims WHERE body = $1").bind(self.body);
        let (count,): (i64,) = select.fetch_one(database.pool()).await?;
        Ok(count)
    }

    pub async fn one(&self, database: &Database, id: &str) -> Result<Option<Claim>, sqlx::Error> {
        let select = sqlx::query_as(claims!("WHERE body = $1 AND application = $2"));
        select.bind(self.body).bind(id).fetch_optional(database.pool()).await
    }

    /// Gives the application to the company, as the ledger has it now, and tells its people. False where somebody else has ended the
    /// claim meanwhile, or what was claimed is not the newest any more.
    pub async fn confirm(
        &self,
        change: &mut Change,
        claim: &Claim,
        (application, applicants): (&Application, &str),
        now: i64,
    ) -> Result<bool, IndexError> {
        let Some(file) = File::read(claim.content.as_bytes()) else { return Ok(false) };
        let is_newest = file.stands(application, applicants) == Standing::Newest;
        let Some(account) = self.end(change, claim).await?.filter(|_| is_newest) else { return Ok(false) };
        give(change, &claim.party, &account, (&file, application), now).await?;
        let body = format!("{} confirmed that it is yours. You go on with it where it stood.", self.body);
        self.tell(change, claim, "Yours again", &body, &format!("/applications/{}", claim.application), now)
            .await?;
        Ok(true)
    }

    /// The application has no company again. False where somebody else has ended the claim meanwhile.
    pub async fn refuse(&self, change: &mut Change, claim: &Claim, now: i64) -> Result<bool, IndexError> {
        if self.end(change, claim).await?.is_none() {
            return Ok(false);
        }
        let body = format!(
            "{} did not confirm that it is yours. Ask its people why, by the address that you have of them.",
            self.body
        );
        self.tell(change, claim, "Not confirmed", &body, "/applications", now).await?;
        Ok(true)
    }

    /// Takes away the claim, as it was read, and what waits for the administrators; who made it.
    async fn end(&self, change: &mut Change, claim: &Claim) -> Result<Option<String>, StoreError> {
        let delete = sqlx::query_as(
            "DELETE FROM claims WHERE application = $1 AND body = $2 AND party = $3 AND content = $4 RETURNING account",
        );
        let delete = delete.bind(&claim.application).bind(self.body).bind(&claim.party).bind(&claim.content);
        let ended: Option<(String,)> = delete.fetch_optional(change.connection()).await?;
        notices::is_done(change, &link_of(&claim.application)).await?;
        Ok(ended.map(|(account,)| account))
    }

    async fn tell(
        &self,
        change: &mut Change,
        claim: &Claim,
        what: &str,
        body: &str,
        link: &str,
        now: i64,
    ) -> Result<(), IndexError> {
        let fact = Fact {
            key: format!(
                "claim ended {} {}",
                claim.application,
                secret::random_id().map_err(StoreError::from)?
            ),
            at: now,
            subject: format!("{what}: {}", letters::line(&claim.title)),
            body: body.to_owned(),
            link: link.to_owned(),
            certificate: None,
            is_mailed: true,
        };
        Ok(notices::tell(change, &claim.party, &fact, now).await?)
    }
}

/// Where a body's administrators find a claim.
fn link_of(application: &str) -> String {
    format!("/admin/claims#claim-{application}")
}

/// Writes what the lost database had: the dossier, its newest edition, and that it was submitted, each as the ledger has it.
async fn give(
    change: &mut Change,
    party: &str,
    account: &str,
    (file, application): (&File, &Application),
    now: i64,
) -> Result<(), StoreError> {
    let id = file.application.to_string();
    let steps: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
    let insert = sqlx::query(
        "INSERT INTO dossiers (id, party, fields, saved_steps, salt, version, created_at, changed_at) \
         VALUES ($1, $2, $3, $4, $5, 1, $6, $6) ON CONFLICT (id) DO UPDATE SET fields = excluded.fields, \
         saved_steps = excluded.saved_steps, salt = excluded.salt, version = dossiers.version + 1, \
         changed_at = excluded.changed_at WHERE dossiers.party = excluded.party",
    );
    let insert = insert.bind(&id).bind(party).bind(text_of(&file.fields)).bind(steps.join(" "));
    insert.bind(&file.salt).bind(now).execute(change.connection()).await?;
    let insert = sqlx::query(
        "INSERT INTO editions (dossier, number, hash, content, at) \
         SELECT id, (SELECT coalesce(max(number), 0) + 1 FROM editions WHERE dossier = $1), $2, $3, $4 \
         FROM dossiers WHERE id = $1 AND party = $5",
    );
    let at = file.step(application).map_or(now, |step| at(step, now));
    let insert = insert.bind(&id).bind(&file.hash).bind(&file.content).bind(at).bind(party);
    insert.execute(change.connection()).await?;
    let Some(first) = application.steps.first() else { return Ok(()) };
    let insert = sqlx::query(
        "INSERT INTO calls (id, party, account, application, body, step, argument, state, created_at, ended_at, tries, \
         due_at, said, transaction_id) \
         SELECT $1, party, $2, id, $3, 'submit', $4, 'done', $5, $5, 1, $5, '', $6 FROM dossiers \
         WHERE id = $7 AND party = $8 AND NOT EXISTS (SELECT 1 FROM calls WHERE application = $7 AND step = 'submit' \
         AND state <> 'refused')",
    );
    let insert = insert.bind(secret::random_id()?).bind(account).bind(&application.body);
    let insert = insert.bind(request(application, first).to_string()).bind(self::at(first, now));
    let insert = insert.bind(&first.event.transaction_id).bind(&id).bind(party);
    insert.execute(change.connection()).await?;
    Ok(())
}

/// When a step was taken, by the ledger.
fn at(step: &Step, now: i64) -> i64 {
    DateTime::parse(&step.event.effective_at).map_or(now, |it| it.seconds())
}

/// The request by which it was submitted, as far as the ledger keeps it.
fn request(application: &Application, first: &Step) -> Value {
    let mut request = json!({
        "id": application.application,
        "body": application.body,
        "title": application.title,
        "schemeId": application.scheme_id,
        "schemeVersion": application.scheme_version,
        "dossier": first.dossier,
    });
    for (name, value) in [("replaces", &application.replaces), ("category", &application.category)] {
        if let (Some(value), Some(members)) = (value, request.as_object_mut()) {
            members.insert(name.to_owned(), value.as_str().into());
        }
    }
    request
}
