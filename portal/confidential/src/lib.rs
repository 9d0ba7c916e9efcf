//! The confidential part of an application as its company keeps it: each field with its salt, from before it is handed in until
//! the company removes it. What the two bodies hold lies on the ledger's private data, and never here (docs/adr/0048).
//!
//! # What holds here
//! - A salt is made once, and stands in the database before a field is handed in (test `a_field_is_kept_with_one_salt`).
//! - A company reaches its own fields alone: [`Scope`] knows one party (test
//!   `a_company_reaches_no_other_companys_applications` of `portal`).
//! - A removed field leaves its name and its hash, and no value (test `what_is_removed_leaves_name_and_hash`).

use accounts::{Change, Database, people::Account, store::StoreError};
use certificate::{
    Code,
    confidential::{ConfidentialField, MAXIMUM_FIELD_BYTES, MAXIMUM_FIELDS},
};
use serde_json::Value;

/// Bytes of a salt.
const SALT: usize = 16;

/// A field that a company keeps here, or kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub name: String,
    /// `sha256:` and the hash in hexadecimal.
    pub hash: String,
    pub kept_at: i64,
    /// With salt and value; none once the company removed it from here.
    pub private: Option<ConfidentialField>,
}

/// How keeping a field ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    Done,
    /// The application has a field of this name.
    Named,
    /// The application has as many as it may have.
    Full,
    /// It breaks this rule.
    Refused(&'static str),
}

/// How removing the portal's copy ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    Done,
    /// It is on its way to the ledger.
    Waiting,
    /// There is no such field here.
    Nothing,
}

/// The confidential fields of one party: each statement here names it.
pub struct Scope<'a> {
    party: &'a str,
}

impl<'a> Scope<'a> {
    pub fn of(account: &'a Account) -> Self {
        Self { party: &account.party }
    }

    /// In whose name a call of the contract is.
    pub fn of_party(party: &'a str) -> Self {
        Self { party }
    }

    /// The fields of an application, in the order in which they were written.
    pub async fn all(&self, database: &Database, application: &str) -> Result<Vec<Kept>, sqlx::Error> {
        type Columns = (String, String, i64, Option<String>);
        let select = sqlx::query_as(
            "SELECT name, hash, kept_at, private FROM confidential_fields WHERE application = $1 AND party = $2 \
             ORDER BY kept_at, name",
        );
        let rows: Vec<Columns> = select.bind(application).bind(self.party).fetch_all(database.pool()).await?;
        rows.into_iter().map(kept).collect()
    }

    /// Keeps a field of one of the party's applications, with a salt of its own.
    pub async fn add(
        &self,
        change: &mut Change,
        application: Code,
        name: &str,
        text: &str,
        now: i64,
    ) -> Result<Added, StoreError> {
        let field = salted(application, name, text)?;
        let (hash, canonical) = match judged(&field) {
            Ok(judged) => judged,
            Err(rule) => return Ok(Added::Refused(rule)),
        };
        let application = application.to_string();
        let select = sqlx::query_as(
            "SELECT count(*), coalesce(sum(CASE WHEN name = $2 THEN 1 ELSE 0 END), 0) FROM confidential_fields \
             WHERE application = $1",
        );
        let select = select.bind(&application).bind(&field.field);
        let (all, of_this_name): (i64, i64) = select.fetch_one(change.connection()).await?;
        if of_this_name > 0 {
            return Ok(Added::Named);
        }
        if usize::try_from(all).unwrap_or(usize::MAX) >= MAXIMUM_FIELDS {
            return Ok(Added::Full);
        }
        let insert = sqlx::query(
            "INSERT INTO confidential_fields (application, hash, party, name, private, kept_at) \
             SELECT id, $1, party, $2, $3, $4 FROM dossiers WHERE id = $5 AND party = $6",
        );
        let insert = insert.bind(hash).bind(&field.field).bind(canonical).bind(now);
        insert.bind(application).bind(self.party).execute(change.connection()).await?;
        Ok(Added::Done)
    }

    /// Removes salt and value of a field, unless a call that waits hands it in. One that never was on the ledger goes whole.
    pub async fn remove(
        &self,
        change: &mut Change,
        application: &str,
        hash: &str,
        is_on_ledger: bool,
    ) -> Result<Removed, sqlx::Error> {
        let select = sqlx::query_as(
            "SELECT (SELECT count(*) FROM calls WHERE application = $1 AND step = 'confide' AND state = 'waiting') \
             FROM confidential_fields WHERE application = $1 AND party = $2 AND hash = $3",
        );
        let select = select.bind(application).bind(self.party).bind(hash);
        match select.fetch_optional(change.connection()).await? {
            None => return Ok(Removed::Nothing),
            Some((0_i64,)) => {}
            Some(_) => return Ok(Removed::Waiting),
        }
        let statement = match is_on_ledger {
            true => {
                "UPDATE confidential_fields SET private = NULL WHERE application = $1 AND party = $2 AND hash = $3"
            }
            false => "DELETE FROM confidential_fields WHERE application = $1 AND party = $2 AND hash = $3",
        };
        let remove = sqlx::query(statement).bind(application).bind(self.party).bind(hash);
        remove.execute(change.connection()).await?;
        Ok(Removed::Done)
    }

    /// Those of these hashes, with salts and values; none unless all are here.
    pub async fn of_hashes(
        &self,
        database: &Database,
        application: &str,
        hashes: &[String],
    ) -> Result<Option<Vec<ConfidentialField>>, sqlx::Error> {
        let kept = self.all(database, application).await?;
        let wanted = kept.into_iter().filter(|field| hashes.contains(&field.hash));
        let found: Vec<_> = wanted.filter_map(|field| field.private).collect();
        Ok((found.len() == hashes.len()).then_some(found))
    }
}

fn salted(application: Code, name: &str, text: &str) -> Result<ConfidentialField, StoreError> {
    let mut salt = [0; SALT];
    getrandom::fill(&mut salt)?;
    Ok(ConfidentialField {
        application,
        field: name.split_whitespace().collect::<Vec<_>>().join(" "),
        salt: hex::encode(salt),
        // Browsers send lines with CR LF.
        value: Value::String(text.replace("\r\n", "\n").trim().to_owned()),
    })
}

/// Hash and canonical form, or which of the contract's rules is broken.
fn judged(field: &ConfidentialField) -> Result<(String, String), &'static str> {
    const TOO_LONG: &str = "may have 16 KiB with its name";
    if let Some(rule) = field.fault(field.application) {
        return Err(rule);
    }
    if field.value.as_str().is_none_or(str::is_empty) {
        return Err("must say something");
    }
    let canonical = field.canonical().map_err(|_| "cannot be written")?;
    if canonical.len() > MAXIMUM_FIELD_BYTES {
        return Err(TOO_LONG);
    }
    let hash = certificate::confidential::hash(&canonical);
    Ok((hash, String::from_utf8(canonical).map_err(|_| "cannot be written")?))
}

fn kept((name, hash, kept_at, private): (String, String, i64, Option<String>)) -> Result<Kept, sqlx::Error> {
    // The words of the reader could quote the value.
    let read = |text: String| {
        serde_json::from_str(&text).map_err(|_| sqlx::Error::Decode("no confidential field".into()))
    };
    Ok(Kept { name, hash, kept_at, private: private.map(read).transpose()? })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]

    use accounts::people;
    use tempfile::TempDir;

    use super::*;

    const CODE: [u8; 16] = [7; 16];

    async fn company(folder: &TempDir) -> (Database, Account, Code) {
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        let code = Code::from_random(CODE);
        let mut change = database.change().await.unwrap();
        for statement in [
            "INSERT INTO parties (id, kind, name, created_at) VALUES ('works', 'company', 'Works', 0)",
            "INSERT INTO accounts (id, party, email, name, password, created_at) \
             VALUES ('ada', 'works', 'ada@works.example', 'Ada', '', 0)",
        ] {
            sqlx::query(statement).execute(change.connection()).await.unwrap();
        }
        let insert = sqlx::query(
            "INSERT INTO dossiers (id, party, fields, saved_steps, salt, version, created_at, changed_at) \
             VALUES ($1, 'works', '{}', '', '', 1, 0, 0)",
        );
        insert.bind(code.to_string()).execute(change.connection()).await.unwrap();
        change.commit().await.unwrap();
        (database.clone(), people::account(&database, "ada").await.unwrap().unwrap(), code)
    }

    async fn add(database: &Database, scope: &Scope<'_>, code: Code, name: &str, text: &str) -> Added {
        let mut change = database.change().await.unwrap();
        let added = scope.add(&mut change, code, name, text, 1).await.unwrap();
        change.commit().await.unwrap();
        added
    }

    #[tokio::test]
    async fn a_field_is_kept_with_one_salt() {
        let folder = tempfile::tempdir().unwrap();
        let (database, ada, code) = company(&folder).await;
        let scope = Scope::of(&ada);
        assert_eq!(add(&database, &scope, code, " formulation  A ", "98 % ZnO\r\n2 %").await, Added::Done);
        let found = scope.all(&database, &code.to_string()).await.unwrap();
        let [kept] = found.as_slice() else { panic!("{found:?}") };
        let private = kept.private.clone().unwrap();
        assert_eq!((&*kept.name, private.value.as_str()), ("formulation A", Some("98 % ZnO\n2 %")));
        assert_eq!(private.hash().unwrap(), kept.hash);
        assert_eq!(scope.all(&database, &code.to_string()).await.unwrap(), found, "the salt stays");
        // The same again is the same field, and not another salt.
        assert_eq!(add(&database, &scope, code, "formulation A", "98 % ZnO").await, Added::Named);
        assert_eq!(add(&database, &scope, code, "customers", "98 % ZnO\n2 %").await, Added::Done);
        let all = scope.all(&database, &code.to_string()).await.unwrap();
        let salts: Vec<_> = all.iter().map(|it| it.private.clone().unwrap().salt).collect();
        assert!(salts.len() == 2 && salts.first() != salts.last(), "{salts:?}");
    }

    #[tokio::test]
    async fn what_is_no_field_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (database, ada, code) = company(&folder).await;
        let scope = Scope::of(&ada);
        let (long, at_most) = ("x".repeat(MAXIMUM_FIELD_BYTES), "x".repeat(16_200));
        for (name, text) in
            [("", "a"), ("a", " \r\n "), ("a\u{202e}b", "a"), (&*"n".repeat(201), "a"), ("a", &long)]
        {
            let added = add(&database, &scope, code, name, text).await;
            assert!(matches!(added, Added::Refused(_)), "{name} {added:?}");
        }
        assert_eq!(add(&database, &scope, code, "largest", &at_most).await, Added::Done);
        for number in 1..MAXIMUM_FIELDS {
            assert_eq!(add(&database, &scope, code, &number.to_string(), "a").await, Added::Done);
        }
        assert_eq!(add(&database, &scope, code, "more", "a").await, Added::Full);
        let other = Scope::of_party("others");
        let all = other.all(&database, &code.to_string()).await.unwrap();
        assert!(all.is_empty(), "{all:?}");
    }

    #[tokio::test]
    async fn what_is_removed_leaves_name_and_hash() {
        const CANARY: &str = "canary-48-of-a-formulation";
        let folder = tempfile::tempdir().unwrap();
        let (database, ada, code) = company(&folder).await;
        let (scope, id) = (Scope::of(&ada), code.to_string());
        for name in ["formulation", "customers", "draft"] {
            add(&database, &scope, code, name, &format!("{CANARY} {name} {}", "x".repeat(9_000))).await;
        }
        let hashes: Vec<_> = scope.all(&database, &id).await.unwrap().into_iter().map(|it| it.hash).collect();
        let here = scope.of_hashes(&database, &id, &hashes).await.unwrap().unwrap();
        assert_eq!(here.len(), 3);
        assert!(is_in(&folder, CANARY), "what is kept is in the file");
        for (number, hash) in hashes.iter().enumerate() {
            let mut change = database.change().await.unwrap();
            let others = Scope::of_party("others").remove(&mut change, &id, hash, true).await.unwrap();
            assert_eq!(others, Removed::Nothing);
            assert_eq!(scope.remove(&mut change, &id, hash, number > 0).await.unwrap(), Removed::Done);
            change.commit().await.unwrap();
        }
        let left = scope.all(&database, &id).await.unwrap();
        assert!(left.len() == 2 && left.iter().all(|it| it.private.is_none()), "{left:?}");
        assert_eq!(scope.of_hashes(&database, &id, &hashes).await.unwrap(), None);
        database.empty_log().await.unwrap();
        assert!(!is_in(&folder, CANARY), "it is in the file still");
    }

    fn is_in(folder: &TempDir, text: &str) -> bool {
        let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        files
            .map(|file| std::fs::read(file).unwrap())
            .any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
    }
}
