#![allow(clippy::unwrap_used)]

use accounts::people::{self, Account};
use certificate::{Code, confidential::ConfidentialField};
use serde_json::json;
use tempfile::TempDir;

use super::*;

const CANARY: &str = "canary-49-of-a-formulation";

/// Customs, and a body with a decision-maker.
async fn people_of(folder: &TempDir) -> (Database, Account, Account) {
    let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
    let mut change = database.change().await.unwrap();
    for statement in [
        "INSERT INTO parties (id, kind, name, created_at) VALUES ('CustomsMSP', 'organisation', 'Customs', 0), \
         ('CertBodyMSP', 'organisation', 'Body', 0)",
        "INSERT INTO accounts (id, party, email, name, password, created_at) VALUES \
         ('cleo', 'CustomsMSP', 'cleo@customs.example', 'Cleo', '', 0), \
         ('dan', 'CertBodyMSP', 'dan@body.example', 'Dan', '', 0)",
        "INSERT INTO roles (account, role, granted_by, granted_at) VALUES ('dan', 'decision-maker', 'dan', 0)",
    ] {
        sqlx::query(statement).execute(change.connection()).await.unwrap();
    }
    change.commit().await.unwrap();
    let cleo = people::account(&database, "cleo").await.unwrap().unwrap();
    let dan = people::account(&database, "dan").await.unwrap().unwrap();
    (database, cleo, dan)
}

/// A request that was opened at this moment.
async fn opened(database: &Database, cleo: &Account, dan: &Account, wanted: &str, now: i64) -> Request {
    let new = New {
        certificate: "01040G2081840R2081040G2081S",
        product: "Paint",
        application: "68S34CHJ689348HJ68S34CHJ688",
        body: "CertBodyMSP",
        wanted,
        reason: "Tariff classification",
    };
    let field = ConfidentialField {
        application: Code::from_random([200; 16]),
        field: wanted.to_owned(),
        salt: "00".repeat(16),
        value: json!(format!("{CANARY} {}", "x".repeat(9_000))),
    };
    let private = String::from_utf8(field.canonical().unwrap()).unwrap();
    let mut change = database.change().await.unwrap();
    let asked = Asker::of(cleo).ask(&mut change, &new, now).await.unwrap();
    assert!(matches!(asked, Asked::Done(_)), "{asked:?}");
    change.commit().await.unwrap();
    let holder = Holder::of(dan).unwrap();
    let mut waiting = holder.list(database).await.unwrap().into_iter();
    let request = waiting.find(|it| it.wanted == wanted).unwrap();
    let hash = field.hash().unwrap();
    let field = Field { place: 0, hash: &hash, private: &private, is_client_told: true };
    let mut change = database.change().await.unwrap();
    let answered = holder.open(&mut change, &request, &field, now).await.unwrap();
    assert_eq!(answered, Answered::Done);
    change.commit().await.unwrap();
    holder.one(database, &request.id).await.unwrap().unwrap()
}

async fn read(database: &Database, cleo: &Account, id: &str, now: i64) -> bool {
    let mut change = database.change().await.unwrap();
    let found = Asker::of(cleo).read(&mut change, id, now).await.unwrap();
    change.commit().await.unwrap();
    found.is_some()
}

#[tokio::test]
async fn a_field_goes_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let (database, cleo, dan) = people_of(&folder).await;
    let (unread, seen) =
        (opened(&database, &cleo, &dan, "a", 0).await, opened(&database, &cleo, &dan, "b", 0).await);
    assert!(read(&database, &cleo, &seen.id, 10).await);
    assert!(read(&database, &cleo, &seen.id, KEPT_AFTER_READING).await, "its time does not begin anew");
    assert!(!read(&database, &cleo, &seen.id, 10 + KEPT_AFTER_READING).await, "it is over, swept or not");
    assert!(!read(&database, &dan, &unread.id, 10).await, "it is for who asked");
    let here = async |now: i64| {
        sweep(&database, now).await.unwrap();
        let list = Asker::of(&cleo).list(&database).await.unwrap();
        let here = list.into_iter().filter(|it| it.is_here).map(|it| it.wanted);
        here.collect::<std::collections::BTreeSet<_>>()
    };
    let set = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(here(KEPT_AFTER_READING).await, set(&["a", "b"]));
    assert_eq!(here(10 + KEPT_AFTER_READING).await, set(&["a"]));
    assert_eq!(here(KEPT - 1).await, set(&["a"]));
    assert!(here(KEPT).await.is_empty());
    assert!(!read(&database, &cleo, &unread.id, KEPT).await);
    // The list has them for a year.
    sweep(&database, LISTED - 1).await.unwrap();
    assert_eq!(Asker::of(&cleo).list(&database).await.unwrap().len(), 2);
    sweep(&database, LISTED).await.unwrap();
    assert_eq!(Asker::of(&cleo).list(&database).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_removed_leaves_no_value() {
    let folder = tempfile::tempdir().unwrap();
    let (database, cleo, dan) = people_of(&folder).await;
    let request = opened(&database, &cleo, &dan, "a", 0).await;
    assert!(is_in(&folder, CANARY), "what is opened is in the file");
    let mut change = database.change().await.unwrap();
    assert!(!Asker::of(&dan).remove(&mut change, &request.id, 5).await.unwrap());
    assert!(Asker::of(&cleo).remove(&mut change, &request.id, 5).await.unwrap());
    assert!(!Asker::of(&cleo).remove(&mut change, &request.id, 6).await.unwrap(), "once");
    change.commit().await.unwrap();
    database.empty_log().await.unwrap();
    assert!(!is_in(&folder, CANARY), "it is in the file still");
    let left = Asker::of(&cleo).one(&database, &request.id).await.unwrap().unwrap();
    assert_eq!((left.is_here, left.ends_at, left.hash), (false, Some(5), request.hash));
    // A sweep does the same.
    let request = opened(&database, &cleo, &dan, "b", 0).await;
    assert!(is_in(&folder, CANARY));
    sweep(&database, KEPT).await.unwrap();
    assert!(!is_in(&folder, CANARY), "it is in the file still");
    assert!(!Asker::of(&cleo).one(&database, &request.id).await.unwrap().unwrap().is_here);
}

#[test]
fn what_is_written_is_one_line() {
    assert_eq!(written(" the list\r\n of  customers ", 30).unwrap(), "the list of customers");
    assert_eq!(written("ж".repeat(30).as_str(), 30).unwrap().chars().count(), 30);
    for wrong in ["", " \r\n", "a\u{202e}b", "a\u{0}b", &"x".repeat(31)] {
        assert!(written(wrong, 30).is_err(), "{wrong:?}");
    }
}

fn is_in(folder: &TempDir, text: &str) -> bool {
    let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    files
        .map(|file| std::fs::read(file).unwrap())
        .any(|bytes| bytes.windows(text.len()).any(|window| window == text.as_bytes()))
}
