//! Telling people: in the portal and by mail. A notice, the mail that goes with it and the row of the index from which it
//! follows are one change; what was told once is not told again, as its key is there.

use accounts::{
    ADMINISTRATOR, Change, Database, MEMBER, OWNER, now,
    people::Account,
    secret,
    store::{self, StoreError},
};
use certificate::Duty;
use desk::{Application, Complaint};
use letters::{Letter, line};

use crate::{
    complaints::{Words, page_of},
    facts::{self, Fact},
    index::{ACCREDITATION_BODY, IndexError, LABORATORY},
    queue,
};

/// Seconds after which what happened is not mailed any more: a database that comes from a backup, or is filled from the ledger
/// anew, sends no old mails.
const MAILED: i64 = 24 * 60 * 60;
/// Seconds after which it is not told at all, and a notice is forgotten.
const KEPT: i64 = 90 * MAILED;
/// Notices on the page.
const PAGE: i64 = 100;
/// Of what waits for somebody, so many are told of at a time: who applies ten thousand times fills the queue, and not a row here for
/// each colleague and application.
pub const TASKS: i64 = 50;
/// Who takes the next step of an application, apart from laboratories.
const DUTIES: [&str; 3] = ["evaluator", "reviewer", "decision-maker"];

/// Tells of what is new about an application: its company, and the staff whose turn it is.
pub(crate) async fn of_application(change: &mut Change, application: &Application) -> Result<(), IndexError> {
    let now = now();
    if let Some(party) = party_of(change, &application.body, &application.application).await? {
        for fact in facts::of_application(application) {
            tell(change, &party, &fact, now).await?;
        }
    }
    tell_staff(change, application, now).await
}

/// The company that handed in an application to this body here.
async fn party_of(change: &mut Change, body: &str, id: &str) -> Result<Option<String>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT dossiers.party FROM dossiers JOIN calls ON calls.application = dossiers.id \
         WHERE dossiers.id = $1 AND calls.body = $2 AND calls.step = 'submit' AND calls.state <> 'refused' LIMIT 1",
    );
    let found: Option<(String,)> = select.bind(id).bind(body).fetch_optional(change.connection()).await?;
    Ok(found.map(|(party,)| party))
}

/// Tells the people of a company, those of them who were not told: owners and members by mail, too, readers in the portal alone. Who
/// joined later is not told of what was before.
pub(crate) async fn tell(change: &mut Change, party: &str, fact: &Fact, now: i64) -> Result<(), StoreError> {
    if is_too_old(fact, now) {
        return Ok(());
    }
    let select = sqlx::query_as(
        "SELECT id, email, (SELECT count(*) FROM roles WHERE account = id AND role IN ($3, $4)) FROM accounts \
         WHERE party = $1 AND disabled_at IS NULL AND created_at <= $2 ORDER BY id",
    );
    let select = select.bind(party).bind(fact.at).bind(OWNER).bind(MEMBER);
    let people: Vec<(String, String, i64)> = select.fetch_all(change.connection()).await?;
    let (acting, reading): (Vec<_>, Vec<_>) = people.into_iter().partition(|(_, _, acting)| *acting > 0);
    let those =
        |people: Vec<(String, String, i64)>| people.into_iter().map(|(id, email, _)| (id, email)).collect();
    let unmailed = Fact { is_mailed: false, ..fact.clone() };
    tell_each(change, those(reading), &unmailed, false, now).await?;
    tell_each(change, those(acting), fact, false, now).await
}

/// Whether nobody is told of it any more.
pub(crate) fn is_too_old(fact: &Fact, now: i64) -> bool {
    fact.at <= now.saturating_sub(KEPT)
}

/// Whether it was new to the account, and a task not one too many: the queue has it all the same.
async fn write(
    change: &mut Change,
    account: &str,
    fact: &Fact,
    is_task: bool,
    now: i64,
) -> Result<bool, StoreError> {
    let insert = sqlx::query(
        "INSERT INTO notices (id, account, event, is_task, subject, body, link, at, made_at) \
         SELECT $1, id, $3, $4, $5, $6, $7, $8, $9 FROM accounts WHERE id = $2 AND ($4 = 0 OR $10 > (\
         SELECT count(*) FROM notices WHERE account = $2 AND is_task = 1)) ON CONFLICT (account, event) DO NOTHING",
    );
    let insert = insert.bind(secret::random_id()?).bind(account);
    let insert = insert.bind(&fact.key).bind(i64::from(is_task)).bind(&fact.subject).bind(&fact.body);
    let insert = insert.bind(&fact.link).bind(fact.at).bind(now).bind(TASKS);
    Ok(insert.execute(change.connection()).await?.rows_affected() == 1)
}

/// Tells those whose turn it is now, and nobody else any more.
async fn tell_staff(change: &mut Change, application: &Application, now: i64) -> Result<(), IndexError> {
    let link = format!("/queue/{}/{}", application.body, application.application);
    let delete = sqlx::query("DELETE FROM notices WHERE link = $1 AND is_task = 1").bind(&link);
    delete.execute(change.connection()).await?;
    let Some(last) = application.steps.last() else { return Ok(()) };
    let Some(at) = certificate::DateTime::parse(&last.event.effective_at).map(|it| it.seconds()) else {
        return Ok(());
    };
    let title = line(&application.title);
    let fact = Fact {
        key: format!("task {} {} {}", application.body, application.application, last.event.transaction_id),
        at,
        subject: format!("Waits for you: {title}"),
        body: format!(
            "The application for {title} is {}, and waits for somebody with your role.",
            application.state
        ),
        link,
        certificate: None,
        is_mailed: false,
    };
    for role in DUTIES.into_iter().filter(|role| queue::awaits(role).contains(&application.state.as_str())) {
        let select = sqlx::query_as(
            "SELECT id FROM accounts JOIN roles ON account = id \
             WHERE party = $1 AND role = $2 AND disabled_at IS NULL AND created_at <= $3 ORDER BY id",
        );
        let select = select.bind(&application.body).bind(role).bind(at);
        let people: Vec<(String,)> = select.fetch_all(change.connection()).await?;
        for (account,) in people {
            write(change, &account, &fact, true, now).await?;
        }
    }
    if queue::awaits("lab").contains(&application.state.as_str()) {
        let select = sqlx::query_as(
            "SELECT id FROM accounts JOIN roles ON account = id JOIN offices ON organisation = party \
             WHERE office = $1 AND role = 'lab' AND disabled_at IS NULL AND created_at <= $2 ORDER BY id",
        );
        let people: Vec<(String,)> = select.bind(LABORATORY).bind(at).fetch_all(change.connection()).await?;
        for (account,) in people {
            write(change, &account, &fact, true, now).await?;
        }
    }
    Ok(())
}

fn a(kind: &str) -> &'static str {
    if kind == "appeal" { "an appeal" } else { "a complaint" }
}

/// Tells the people of a body that a company wrote a complaint.
pub(crate) async fn of_grievance(
    change: &mut Change,
    new: &Words<'_>,
    id: &str,
    now: i64,
) -> Result<(), StoreError> {
    let (about, code) = new.about.named();
    let fact = Fact {
        key: format!("written {} {id}", new.body),
        at: now,
        subject: format!("Received: {}", a(new.kind)),
        body: format!(
            "A company wrote {} about the {about} {code}. It is not on the ledger yet: read it, and file it there.",
            a(new.kind)
        ),
        link: page_of(new.body, id),
        certificate: None,
        is_mailed: false,
    };
    tell_duties(change, new.body, &DUTIES, &fact, now).await
}

/// Tells the administrators of a body that a company claims an application, by mail too: an account of somebody else may be behind it.
pub(crate) async fn of_claim(
    change: &mut Change,
    body: &str,
    title: &str,
    claim: &str,
    link: &str,
    now: i64,
) -> Result<(), StoreError> {
    let fact = Fact {
        key: format!("claim {body} {claim}"),
        at: now,
        subject: format!("Claimed: {}", line(title)),
        body: "A company brought the dossier's file of an application that has no company here. See who it is, ask the company whether \
               it is its account, and confirm or refuse it."
            .to_owned(),
        link: link.to_owned(),
        certificate: None,
        is_mailed: true,
    };
    tell_duties(change, body, &[ADMINISTRATOR], &fact, now).await?;
    let select = sqlx::query_as(
        "SELECT email FROM accounts JOIN roles ON account = id \
         WHERE party = $1 AND role = $2 AND disabled_at IS NULL ORDER BY id",
    );
    let people: Vec<(String,)> = select.bind(body).bind(ADMINISTRATOR).fetch_all(change.connection()).await?;
    for (email,) in people {
        let Fact { subject, body, link, .. } = fact.clone();
        let letter = Letter { subject, body, link: Some(link), certificate: None };
        store::post_letter(change, &email, &letter, now).await?;
    }
    Ok(())
}

/// What somebody is told of that is no step of the ledger's.
pub struct News {
    /// What it is about, once.
    pub key: String,
    pub at: i64,
    pub subject: String,
    pub body: String,
    /// The page about it.
    pub link: String,
}

impl News {
    fn fact(&self) -> Fact {
        Fact {
            key: self.key.clone(),
            at: self.at,
            subject: self.subject.clone(),
            body: self.body.clone(),
            link: self.link.clone(),
            certificate: None,
            is_mailed: true,
        }
    }
}

/// Tells those of an organisation with this duty that something waits for them, by mail too.
pub async fn ask_duty(
    change: &mut Change,
    party: &str,
    duty: Duty,
    news: &News,
    now: i64,
) -> Result<(), StoreError> {
    let select = sqlx::query_as(
        "SELECT id, email FROM accounts JOIN roles ON account = id \
         WHERE party = $1 AND role = $2 AND disabled_at IS NULL AND created_at <= $3 ORDER BY id",
    );
    let select = select.bind(party).bind(duty.name()).bind(news.at);
    let people: Vec<(String, String)> = select.fetch_all(change.connection()).await?;
    tell_each(change, people, &news.fact(), true, now).await
}

/// Tells one person, by mail too.
pub async fn tell_account(
    change: &mut Change,
    account: &str,
    news: &News,
    now: i64,
) -> Result<(), StoreError> {
    let select = sqlx::query_as("SELECT id, email FROM accounts WHERE id = $1 AND disabled_at IS NULL");
    let people: Vec<(String, String)> = select.bind(account).fetch_all(change.connection()).await?;
    tell_each(change, people, &news.fact(), false, now).await
}

/// Tells the people of the company that handed in an application to this body here, by mail too.
pub async fn tell_client(
    change: &mut Change,
    body: &str,
    application: &str,
    news: &News,
    now: i64,
) -> Result<(), StoreError> {
    let Some(party) = party_of(change, body, application).await? else { return Ok(()) };
    tell(change, &party, &news.fact(), now).await
}

/// Tells those who were not told, by mail too where it is new and happened lately.
async fn tell_each(
    change: &mut Change,
    people: Vec<(String, String)>,
    fact: &Fact,
    is_task: bool,
    now: i64,
) -> Result<(), StoreError> {
    for (account, email) in people {
        let is_new = write(change, &account, fact, is_task, now).await?;
        if is_new && fact.is_mailed && fact.at > now.saturating_sub(MAILED) {
            let letter = Letter {
                subject: fact.subject.clone(),
                body: fact.body.clone(),
                link: Some(fact.link.clone()),
                certificate: fact.certificate.clone(),
            };
            store::post_letter(change, &email, &letter, now).await?;
        }
    }
    Ok(())
}

/// Tells the accreditors of the accreditation body that something waits for them, by mail too.
pub(crate) async fn ask_accreditors(change: &mut Change, news: &News, now: i64) -> Result<(), StoreError> {
    let select = sqlx::query_as(
        "SELECT id, email FROM accounts JOIN roles ON account = id JOIN offices ON organisation = party \
         WHERE office = $1 AND role = $2 AND disabled_at IS NULL ORDER BY id",
    );
    let select = select.bind(ACCREDITATION_BODY).bind(Duty::Accreditor.name());
    let people: Vec<(String, String)> = select.fetch_all(change.connection()).await?;
    tell_each(change, people, &news.fact(), true, now).await
}

/// Nothing waits for anybody on this page any more.
pub async fn is_done(change: &mut Change, link: &str) -> Result<(), StoreError> {
    let delete = sqlx::query("DELETE FROM notices WHERE link = $1 AND is_task = 1").bind(link);
    delete.execute(change.connection()).await?;
    Ok(())
}

/// Tells of what is new about a complaint: the company that wrote it, and those of the body whose turn it is.
pub(crate) async fn of_complaint(
    change: &mut Change,
    body: &str,
    complaint: &Complaint,
) -> Result<(), IndexError> {
    let now = now();
    let select = sqlx::query_as("SELECT party FROM grievances WHERE id = $1 AND body = $2");
    let select = select.bind(&complaint.complaint).bind(body);
    let party: Option<(String,)> = select.fetch_optional(change.connection()).await?;
    if let Some((party,)) = party {
        for fact in facts::of_complaint(body, complaint) {
            tell(change, &party, &fact, now).await?;
        }
    }
    let link = page_of(body, &complaint.complaint);
    is_done(change, &link).await?;
    let duties: &[&str] = match complaint.state.as_str() {
        "filed" => &DUTIES,
        "acknowledged" => &["decision-maker"],
        _ => return Ok(()),
    };
    let Some(last) = complaint.steps.last() else { return Ok(()) };
    let Some(at) = certificate::DateTime::parse(&last.event.effective_at).map(|it| it.seconds()) else {
        return Ok(());
    };
    let (about, code) = match (&complaint.application, &complaint.certificate) {
        (Some(code), _) => ("application", code.as_str()),
        (None, code) => ("certificate", code.as_deref().unwrap_or_default()),
    };
    let fact = Fact {
        key: format!("task {body} {} {}", complaint.complaint, last.event.transaction_id),
        at,
        subject: format!("Waits for you: {}", a(&complaint.kind)),
        body: format!("It is about the {about} {code}, and is {}.", complaint.state),
        link,
        certificate: None,
        is_mailed: false,
    };
    Ok(tell_duties(change, body, duties, &fact, now).await?)
}

/// Tells those of a body who have one of these duties.
async fn tell_duties(
    change: &mut Change,
    body: &str,
    duties: &[&str],
    fact: &Fact,
    now: i64,
) -> Result<(), StoreError> {
    for role in duties {
        let select = sqlx::query_as(
            "SELECT id FROM accounts JOIN roles ON account = id \
             WHERE party = $1 AND role = $2 AND disabled_at IS NULL AND created_at <= $3 ORDER BY id",
        );
        let select = select.bind(body).bind(*role).bind(fact.at);
        let people: Vec<(String,)> = select.fetch_all(change.connection()).await?;
        for (account,) in people {
            write(change, &account, fact, true, now).await?;
        }
    }
    Ok(())
}

/// A notice as its page shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    pub id: String,
    pub subject: String,
    pub body: String,
    pub link: String,
    pub at: i64,
    pub made_at: i64,
    pub is_read: bool,
    /// That something waits for the person.
    pub is_task: bool,
}

/// The notices of one account: each statement here names it.
pub struct Inbox<'a> {
    account: &'a str,
}

impl<'a> Inbox<'a> {
    pub fn of(account: &'a Account) -> Self {
        Self { account: &account.id }
    }

    /// What waits for it and what it did not read first, the newest first.
    pub async fn all(&self, database: &Database) -> Result<Vec<Notice>, sqlx::Error> {
        type Columns = (String, String, String, String, i64, i64, Option<i64>, i64);
        let select = sqlx::query_as(
            "SELECT id, subject, body, link, at, made_at, read_at, is_task FROM notices WHERE account = $1 \
             ORDER BY CASE WHEN read_at IS NULL THEN 0 ELSE 1 END, at DESC, id LIMIT $2",
        );
        let rows: Vec<Columns> = select.bind(self.account).bind(PAGE).fetch_all(database.pool()).await?;
        let notice = |(id, subject, body, link, at, made_at, read_at, is_task): Columns| Notice {
            id,
            subject,
            body,
            link,
            at,
            made_at,
            is_read: read_at.is_some(),
            is_task: is_task == 1,
        };
        Ok(rows.into_iter().map(notice).collect())
    }

    pub async fn unread(&self, database: &Database) -> Result<i64, sqlx::Error> {
        let select = sqlx::query_as("SELECT count(*) FROM notices WHERE account = $1 AND read_at IS NULL");
        let (count,): (i64,) = select.bind(self.account).fetch_one(database.pool()).await?;
        Ok(count)
    }

    /// Marks one as read; whether there is such a one.
    pub async fn read_one(&self, change: &mut Change, id: &str, now: i64) -> Result<bool, sqlx::Error> {
        let update =
            sqlx::query("UPDATE notices SET read_at = coalesce(read_at, $1) WHERE account = $2 AND id = $3");
        let update = update.bind(now).bind(self.account).bind(id);
        Ok(update.execute(change.connection()).await?.rows_affected() == 1)
    }

    /// Marks as read what was there when the page was made: what came since stays new.
    pub async fn read_all(&self, change: &mut Change, until: i64, now: i64) -> Result<(), sqlx::Error> {
        let update = sqlx::query(
            "UPDATE notices SET read_at = $1 WHERE account = $2 AND made_at <= $3 AND read_at IS NULL",
        );
        update.bind(now).bind(self.account).bind(until).execute(change.connection()).await?;
        Ok(())
    }
}

/// Forgets old ones. What they told of is too old by then to be told again.
pub(crate) async fn forget(database: &Database, now: i64) -> Result<(), sqlx::Error> {
    let delete = sqlx::query("DELETE FROM notices WHERE is_task = 0 AND at <= $1");
    delete.bind(now.saturating_sub(KEPT)).execute(database.pool()).await?;
    Ok(())
}
