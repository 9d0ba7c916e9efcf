//! The applications that the people of an organisation see, and what was handed in for them. Each statement here names who asks;
//! nothing else is open to staff.

use std::collections::BTreeMap;

use accounts::{Change, Database, people::Account};
use certificate::{DateTime, Duty, transition::Side};
use serde_json::{Map, Value};
use sqlx::{AssertSqlSafe, FromRow, Row, any::AnyRow};
use uploads::Stored;

use crate::{
    form, from_subject,
    index::{ACCREDITATION_BODY, LABORATORY},
    store::{Indexed, hash_of},
};

/// Applications on a page.
pub const PAGE: i64 = 50;
/// Days after which an application that nobody took a step with is overdue. The ledger has no deadlines: this is a reminder.
pub const OVERDUE_DAYS: i64 = 14;

/// Applications, with who has them in hand. The first parameter of such a statement is the organisation that asks.
const SELECT: &str = "SELECT applications.*, assignments.account AS assigned_to, accounts.name AS assigned_name FROM applications \
     LEFT JOIN assignments ON assignments.body = applications.body AND assignments.application = applications.id \
     LEFT JOIN accounts ON accounts.id = assignments.account AND accounts.party = $1 ";

/// An application, and who of the organisation that looks has it in hand.
#[derive(Clone, Debug)]
pub struct Queued {
    pub known: Indexed,
    /// Account and name.
    pub assigned: Option<(String, String)>,
}

impl FromRow<'_, AnyRow> for Queued {
    fn from_row(row: &AnyRow) -> Result<Self, sqlx::Error> {
        let account: Option<String> = row.try_get("assigned_to")?;
        let name: Option<String> = row.try_get("assigned_name")?;
        Ok(Self { known: Indexed::from_row(row)?, assigned: account.zip(name) })
    }
}

/// What of the applications somebody sees.
pub struct Queue<'a> {
    account: &'a str,
    party: &'a str,
    /// The organisation in whose name companies apply; without one, nothing was handed in here.
    applicants: Option<&'a str>,
    /// Of every body: accreditors and auditors of the organisation that accredits them watch over all.
    sees_all: bool,
    /// Of that organisation, and takes its steps.
    is_accreditor: bool,
    /// Of every body, where somebody of a laboratory has something to do.
    is_laboratory: bool,
}

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// A state of the ledger; empty for all.
    pub state: String,
    /// A part of the product's name and the application's id.
    pub search: String,
    pub newest_first: bool,
    /// Those alone that the person has in hand.
    pub mine: bool,
    pub page: i64,
}

/// Which states wait for somebody with this role.
pub fn awaits(role: &str) -> &'static [&'static str] {
    match role {
        "evaluator" => &["submitted", "accepted"],
        "lab" => &["accepted"],
        "reviewer" => &["evaluated"],
        "decision-maker" => &["reviewed", "decided"],
        _ => &[],
    }
}

/// The time before which the last step of an overdue application was.
pub fn overdue_before(now: i64) -> String {
    DateTime::from_seconds(now).plus_days(-OVERDUE_DAYS).to_string()
}

/// Whether nobody needs to do anything with it any more, or it is the applicant's.
pub fn is_at_rest(state: &str) -> bool {
    matches!(state, "granted" | "refused" | "withdrawn" | "returned")
}

impl<'a> Queue<'a> {
    /// Any organisation's administrator grants any role: those of an office count where the ledger says that the organisation
    /// holds it.
    pub async fn of(
        database: &Database,
        account: &'a Account,
        applicants: Option<&'a str>,
    ) -> Result<Self, sqlx::Error> {
        let select = sqlx::query_as("SELECT office FROM offices WHERE organisation = $1");
        let offices: Vec<(String,)> = select.bind(&account.party).fetch_all(database.pool()).await?;
        let has = |wanted: &str, office: &str| {
            account.roles.iter().any(|role| role == wanted) && offices.iter().any(|(it,)| it == office)
        };
        let is_accreditor = has(Duty::Accreditor.name(), ACCREDITATION_BODY);
        Ok(Self {
            account: &account.id,
            party: &account.party,
            applicants,
            sees_all: is_accreditor || has(Duty::Auditor.name(), ACCREDITATION_BODY),
            is_accreditor,
            is_laboratory: has("lab", LABORATORY),
        })
    }

    /// Whether the person watches over all bodies. It opens nothing but what is read.
    pub fn oversees_all(&self) -> bool {
        self.sees_all
    }

    /// Whether the person takes the steps of accreditors, with all bodies.
    pub fn is_accreditor(&self) -> bool {
        self.is_accreditor
    }

    /// The condition for what somebody sees. Each is a statement of its own: with alternatives in one, no index serves its order.
    fn condition(&self) -> &'static str {
        match (self.sees_all, self.is_laboratory) {
            // Names the parameter that every statement has.
            (true, _) => "$1 <> ''",
            (false, true) => "(applications.body = $1 OR applications.state IN ('accepted', 'evaluated'))",
            (false, false) => "applications.body = $1",
        }
    }

    /// A page of them: the one that waited longest first, so that what is overdue stands at the top.
    pub async fn page(&self, database: &Database, wanted: &Wanted) -> Result<Vec<Queued>, sqlx::Error> {
        let assigned = if wanted.mine { self.account } else { "" };
        let select = sqlx::query_as(AssertSqlSafe(self.statement(wanted))).bind(self.party);
        let select = select.bind(&wanted.state).bind(like(&wanted.search)).bind(assigned);
        let select = select.bind(PAGE).bind(wanted.page.clamp(0, 10_000).saturating_mul(PAGE));
        select.fetch_all(database.pool()).await
    }

    /// The statement of a page. It has nothing that somebody typed: that is bound to its parameters, of which it names each.
    fn statement(&self, wanted: &Wanted) -> String {
        let either =
            |is_wanted: bool, then: &'static str, or: &'static str| if is_wanted { then } else { or };
        let has_state = !wanted.state.is_empty();
        let state = either(has_state, "applications.state = $2", "$2 = ''");
        let search = either(wanted.search.trim().is_empty(), "$3 = '%%'", "sought LIKE $3 ESCAPE '!'");
        let mine = either(wanted.mine, "assignments.account = $4", "$4 = ''");
        let order = match (wanted.newest_first, has_state) {
            (true, _) => "taken_at DESC, applications.id",
            // All of one state are at rest, or none.
            (false, true) => "taken_at, applications.id",
            (false, false) => "at_rest, taken_at, applications.id",
        };
        let seen = self.condition();
        format!(
            "{SELECT} WHERE {seen} AND {state} AND {search} AND {mine} ORDER BY {order} LIMIT $5 OFFSET $6"
        )
    }

    /// How many there are in each state.
    pub async fn counts(&self, database: &Database) -> Result<BTreeMap<String, i64>, sqlx::Error> {
        let seen = self.condition();
        let statement = format!("SELECT state, count(*) FROM applications WHERE {seen} GROUP BY state");
        let select = sqlx::query_as(AssertSqlSafe(statement)).bind(self.party);
        let rows: Vec<(String, i64)> = select.fetch_all(database.pool()).await?;
        Ok(rows.into_iter().collect())
    }

    pub async fn one(
        &self,
        database: &Database,
        body: &str,
        id: &str,
    ) -> Result<Option<Queued>, sqlx::Error> {
        let seen = self.condition();
        let statement = format!("{SELECT} WHERE {seen} AND applications.body = $2 AND applications.id = $3");
        let select = sqlx::query_as(AssertSqlSafe(statement)).bind(self.party);
        select.bind(body).bind(id).fetch_optional(database.pool()).await
    }

    /// Gives an application to a person of the organisation, or takes it from whoever had it. What the person may do with it,
    /// the ledger says as before. False where there is no such application here, or no such person.
    pub async fn assign(
        &self,
        change: &mut Change,
        known: &Indexed,
        person: Option<&str>,
        now: i64,
    ) -> Result<bool, sqlx::Error> {
        if known.body != self.party {
            return Ok(false);
        }
        let delete = sqlx::query("DELETE FROM assignments WHERE body = $1 AND application = $2");
        delete.bind(&known.body).bind(&known.id).execute(change.connection()).await?;
        let Some(person) = person else { return Ok(true) };
        let insert = sqlx::query(
            "INSERT INTO assignments (body, application, account, assigned_at) SELECT $1, $2, id, $3 FROM accounts \
             WHERE id = $4 AND party = $5 AND disabled_at IS NULL",
        );
        let insert = insert.bind(&known.body).bind(&known.id).bind(now).bind(person).bind(self.party);
        Ok(insert.execute(change.connection()).await?.rows_affected() == 1)
    }

    /// As whose its people take steps in an application (`certificate::transition`); none where they take none.
    pub fn side(&self, known: &Indexed) -> Option<Side> {
        if known.body == self.party {
            return Some(Side::Body);
        }
        (self.is_laboratory && known.applicant != self.party).then_some(Side::Laboratory)
    }

    /// What was handed in for an application to this organisation, the newest first; nobody else reads it. The application on the
    /// ledger is the one that was handed in here where it is of the organisation in whose name companies apply, and to the
    /// body that the company named: anybody on the channel may use its id again with another body.
    pub async fn editions(&self, database: &Database, id: &str) -> Result<Vec<Edition>, sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT content, hash, at FROM editions JOIN applications ON applications.id = editions.dossier \
             WHERE applications.id = $1 AND applications.body = $2 AND applicant = $3 AND EXISTS (\
             SELECT 1 FROM calls WHERE calls.application = applications.id AND calls.body = applications.body \
             AND calls.step = 'submit' AND calls.state <> 'refused') ORDER BY number DESC LIMIT 20",
        );
        let rows: Vec<(String, String, i64)> =
            select.bind(id).bind(self.party).bind(self.applicants).fetch_all(database.pool()).await?;
        Ok(rows.into_iter().map(|(content, hash, at)| Edition { content, hash, at }).collect())
    }
}

/// The file of this hash, where the newest dossier for this organisation names it and its company uploaded it. Its other files
/// stay its own.
pub async fn file(
    database: &Database,
    queue: &Queue<'_>,
    id: &str,
    sha256: &str,
) -> Result<Option<Stored>, sqlx::Error> {
    let newest = queue.editions(database, id).await?.into_iter().next();
    let fields = newest.and_then(|edition| edition.fields()).unwrap_or_default();
    if !fields.iter().any(|(name, text)| name.ends_with("sha256") && text == sha256) {
        return Ok(None);
    }
    let select = sqlx::query_as(
        "SELECT files.id, files.party, files.account, files.name, files.kind, files.bytes, files.sha256, \
         files.created_at FROM files JOIN dossiers ON dossiers.party = files.party \
         WHERE dossiers.id = $1 AND sha256 = $2 ORDER BY files.created_at LIMIT 1",
    );
    select.bind(id).bind(sha256).fetch_optional(database.pool()).await
}

/// Whether a dossier that its party handed in names this file: who looks into that has to find it.
pub async fn is_named(change: &mut Change, stored: &Stored) -> Result<bool, sqlx::Error> {
    is_handed_in(change, &stored.party, &stored.sha256).await
}

/// Whether a dossier that this party handed in names a file with this hash.
pub async fn is_handed_in(change: &mut Change, party: &str, sha256: &str) -> Result<bool, sqlx::Error> {
    let select = sqlx::query(
        "SELECT 1 FROM editions JOIN dossiers ON dossiers.id = editions.dossier \
         WHERE party = $1 AND content LIKE $2 LIMIT 1",
    );
    let select = select.bind(party).bind(format!("%{sha256}%"));
    Ok(select.fetch_optional(change.connection()).await?.is_some())
}

/// A pattern for `LIKE` that has the text anywhere.
fn like(search: &str) -> String {
    let mut pattern = String::from("%");
    for character in search.trim().to_lowercase().chars() {
        if matches!(character, '!' | '%' | '_') {
            pattern.push('!');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// What a company handed in.
#[derive(Clone, Debug)]
pub struct Edition {
    content: String,
    /// As it was hashed when it was handed in.
    pub hash: String,
    pub at: i64,
}

impl Edition {
    /// What is to be certified; nothing where it was changed since it was hashed.
    pub fn subject(&self) -> Option<Map<String, Value>> {
        match self.content()?.get_mut("credentialSubject")?.take() {
            Value::Object(subject) => Some(subject),
            _ => None,
        }
    }

    fn content(&self) -> Option<Value> {
        let hash = hash_of(self.content.as_bytes());
        serde_json::from_str(&self.content).ok().filter(|_| hash == self.hash)
    }

    /// What is in it, by the names of the form's fields; nothing where it was changed since it was hashed.
    pub fn fields(&self) -> Option<crate::Fields> {
        fields_of(&self.content()?)
    }
}

/// What is in a dossier, by the names of the form's fields; nothing where it is none.
pub(crate) fn fields_of(content: &Value) -> Option<crate::Fields> {
    let (mut fields, _) = from_subject(content.get("credentialSubject")?.as_object()?);
    for (name, text) in content.get("with").and_then(Value::as_object).into_iter().flatten() {
        let name = format!("{}{name}", crate::subject::APPLICATION);
        if let Some(text) = text.as_str().filter(|_| form::has(&name)) {
            fields.insert(name, text.to_owned());
        }
    }
    Some(fields)
}

/// What differs between two dossiers: the field's name, what it was and what it is.
pub fn differences(old: &crate::Fields, new: &crate::Fields) -> Vec<(String, String, String)> {
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let text = |fields: &crate::Fields, name: &String| fields.get(name).cloned().unwrap_or_default();
    let differs = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    differs.map(|name| (name.clone(), text(old, name), text(new, name))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_search_is_no_pattern() {
        assert_eq!(like(" 50%_A! "), "%50!%!_a!!%");
        assert_eq!(like(""), "%%");
    }

    #[test]
    fn a_dossier_that_was_changed_is_not_shown() {
        let content = r#"{"credentialSubject":{"site":"Ghent"}}"#.to_owned();
        let hash = "sha256:8b5cf6a6ea5ef0ebbf4bd6b1b9ff4d6b1d6ba3f4e0d6d8cfa2cd6d5ba8f0b0b1".to_owned();
        assert!(Edition { content, hash, at: 0 }.fields().is_none());
    }

    /// With ten thousand applications, a page that sorts them is slow, whoever asks and in whatever order.
    #[tokio::test]
    async fn a_page_is_read_along_an_index() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        for sees_all in [false, true] {
            for newest_first in [false, true] {
                let queue = Queue {
                    account: "A",
                    party: "P",
                    applicants: None,
                    sees_all,
                    is_accreditor: sees_all,
                    is_laboratory: false,
                };
                for (state, search) in [("", ""), ("granted", ""), ("", "paint"), ("granted", "paint")] {
                    let (state, search) = (state.to_owned(), search.to_owned());
                    let wanted = Wanted { newest_first, state, search, ..Wanted::default() };
                    let plan = plan(&database, &queue, &wanted).await;
                    // Those of one moment may be sorted among themselves.
                    assert!(!plan.contains("FOR ORDER BY"), "{wanted:?}: {plan}");
                    let (_, index) = plan.split_once("applications USING INDEX ").unwrap();
                    let index = index.split_whitespace().next().unwrap();
                    // What is searched is read from the index too, not from the rows.
                    let columns = sqlx::query("SELECT name FROM pragma_index_info($1)").bind(index);
                    let columns = columns.fetch_all(database.pool()).await.unwrap();
                    assert!(columns.iter().any(|row| row.get::<String, _>("name") == "sought"), "{index}");
                }
            }
        }
    }

    async fn plan(database: &Database, queue: &Queue<'_>, wanted: &Wanted) -> String {
        let explain = format!("EXPLAIN QUERY PLAN {}", queue.statement(wanted));
        let select =
            sqlx::query(AssertSqlSafe(explain)).bind("P").bind(&wanted.state).bind(like(&wanted.search));
        let rows = select.bind("").bind(PAGE).bind(0_i64).fetch_all(database.pool()).await.unwrap();
        rows.iter().map(|row| row.get::<String, _>("detail") + "\n").collect()
    }

    #[test]
    fn differences_are_named_with_what_was_there() {
        let fields = |site: &str| crate::Fields::from([("site".to_owned(), site.to_owned())]);
        let found = differences(&fields("Ghent"), &fields("Bruges"));
        assert_eq!(found, [("site".to_owned(), "Ghent".to_owned(), "Bruges".to_owned())]);
        assert!(differences(&fields("Ghent"), &fields("Ghent")).is_empty());
    }
}
