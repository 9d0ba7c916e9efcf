//! Studies that are computed beside the pages: in turn, again for others, and again after their process was killed.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use accounts::{
    Database,
    people::{self, Account},
};
use sha2::{Digest, Sha256};
use stability::Parameters;
use studies::{
    Added, Asked, MAXIMUM_WAITING, New, Scope, State, Stated, Study, ask_again, check, compute_next,
    report::{Outcome, Report, ShelfLife},
    result, run, stated,
};
use tempfile::TempDir;
use tokio::{sync::Notify, time::sleep};
use uploads::{Limits, Uploads};

const DATA: &str = "batch,month,assay\na,0,100\na,6,98\na,12,96.1\n";

struct Works {
    folder: TempDir,
    database: Database,
    uploads: Uploads,
}

impl Works {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        let files = folder.path().join("files");
        let uploads = Uploads::new(database.clone(), files, Limits::default()).unwrap();
        Self { folder, database, uploads }
    }

    async fn account(&self, id: &str) -> Account {
        let mut change = self.database.change().await.unwrap();
        for statement in [
            "INSERT INTO parties (id, kind, name, created_at) VALUES ($1, 'company', $1, 0)",
            "INSERT INTO accounts (id, party, email, name, password, created_at) VALUES ($1, $1, $1, $1, '', 0)",
        ] {
            sqlx::query(statement).bind(id).execute(change.connection()).await.unwrap();
        }
        change.commit().await.unwrap();
        people::account(&self.database, id).await.unwrap().unwrap()
    }

    /// A file of the account under this id.
    async fn file(&self, account: &Account, id: &str, content: &str) {
        fs::write(self.folder.path().join("files").join(id), content).unwrap();
        sqlx::query(
            "INSERT INTO files (id, party, account, name, kind, bytes, sha256, created_at) VALUES ($1, $2, $2, 'x.csv', 'CSV', 1, $3, 0)",
        )
        .bind(id)
        .bind(&account.party)
        .bind(hex::encode(Sha256::digest(content)))
        .execute(self.database.pool())
        .await
        .unwrap();
    }

    async fn add(&self, account: &Account, file: &str, parameters: &str) -> Added {
        let found = uploads::find(&self.database, &people::Scope::of(account), file).await.unwrap().unwrap();
        let mut change = self.database.change().await.unwrap();
        let new = New { file: &found, parameters: &parameters.parse().unwrap() };
        let added = Scope::of(account).add(&mut change, &new, 0).await.unwrap();
        change.commit().await.unwrap();
        added
    }

    async fn work(&self) -> bool {
        compute_next(&self.database, &self.uploads).await.unwrap()
    }
}

fn id(added: Added) -> String {
    match added {
        Added::Done(id) => id,
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test]
async fn companies_take_turns() {
    let works = Works::new().await;
    let [ada, eve, bob] =
        [works.account("ada").await, works.account("eve").await, works.account("bob").await];
    for account in [&ada, &eve, &bob] {
        works.file(account, &account.party, DATA).await;
    }
    for limit in 1..=3 {
        works.add(&ada, "ada", &format!("--lower {limit}")).await;
    }
    works.add(&eve, "eve", "--lower 1").await;
    works.add(&bob, "bob", "--lower 1").await;
    works.add(&bob, "bob", "--lower 2").await;
    while works.work().await {}
    let select = sqlx::query_as("SELECT party FROM computations ORDER BY turn");
    let order: Vec<(String,)> = select.fetch_all(works.database.pool()).await.unwrap();
    let order: Vec<String> = order.into_iter().map(|(party,)| party).collect();
    assert_eq!(order.len(), 6);
    let mut first = order[..3].to_vec();
    first.sort();
    assert_eq!(first, ["ada", "bob", "eve"], "{order:?}");
    let mut second = order[3..5].to_vec();
    second.sort();
    assert_eq!((second, order[5].as_str()), (vec!["ada".to_owned(), "bob".to_owned()], "ada"), "{order:?}");
    assert!(!works.work().await);
}

#[tokio::test]
async fn studies_and_what_waits_of_a_party_are_limited_and_the_same_is_one() {
    let works = Works::new().await;
    let ada = works.account("ada").await;
    works.file(&ada, "f", DATA).await;
    let first = works.add(&ada, "f", "--lower 0").await;
    assert_eq!(works.add(&ada, "f", "--lower 0").await, first, "sent twice");
    for limit in 1..MAXIMUM_WAITING {
        id(works.add(&ada, "f", &format!("--lower {limit}")).await);
    }
    assert_eq!(works.add(&ada, "f", "--lower 50").await, Added::Busy);
    while works.work().await {}
    sqlx::query(
        "WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 195) \
         INSERT INTO studies SELECT 'study ' || n, 'ada', 'ada', 'f', 'x', '', '', 0 FROM numbers",
    )
    .execute(works.database.pool())
    .await
    .unwrap();
    assert_eq!(works.add(&ada, "f", "--lower 50").await, Added::Full);
}

#[tokio::test]
async fn a_file_that_was_changed_is_not_computed() {
    let works = Works::new().await;
    let ada = works.account("ada").await;
    let scope = Scope::of(&ada);
    for (file, content, said) in [
        ("changed", Some(DATA.replace("96.1", "99.1")), "its SHA-256 is another"),
        ("gone", None, "cannot read the file"),
    ] {
        works.file(&ada, file, DATA).await;
        let path = works.folder.path().join("files").join(file);
        match content {
            Some(content) => fs::write(path, content).unwrap(),
            None => fs::remove_file(path).unwrap(),
        }
        let study = id(works.add(&ada, file, "--lower 90").await);
        assert!(works.work().await);
        let study = scope.one(&works.database, &study).await.unwrap().unwrap();
        assert!(study.state == State::Failed && study.said.contains(said), "{study:?}");
        assert_eq!(result(&works.database, &study).await.unwrap(), None);
    }
}

#[tokio::test]
async fn what_ends_the_process_is_not_tried_for_ever() {
    let works = Works::new().await;
    let ada = works.account("ada").await;
    works.file(&ada, "f", DATA).await;
    let study = id(works.add(&ada, "f", "--lower 90").await);
    // As a process leaves it that was killed in the middle, each time.
    sqlx::query("UPDATE computations SET tries = 5").execute(works.database.pool()).await.unwrap();
    assert!(works.work().await);
    let study = Scope::of(&ada).one(&works.database, &study).await.unwrap().unwrap();
    assert!(study.state == State::Failed && study.said.contains("again and again"), "{study:?}");
}

#[tokio::test]
async fn a_study_is_computed_again_for_others_and_compared() {
    let works = Works::new().await;
    let [ada, body] = [works.account("ada").await, works.account("body").await];
    works.file(&ada, "f", DATA).await;
    let scope = Scope::of(&ada);
    let study = id(works.add(&ada, "f", "--lower 90").await);
    assert!(works.work().await);
    let study = scope.one(&works.database, &study).await.unwrap().unwrap();
    let ask = async |account: &Account| {
        let mut change = works.database.change().await.unwrap();
        let asked = ask_again(&mut change, &study, account, 0).await.unwrap();
        change.commit().await.unwrap();
        asked
    };
    assert_eq!(ask(&ada).await, Asked::Waiting, "its own is no check");
    assert_eq!([ask(&body).await, ask(&body).await], [Asked::Done, Asked::Waiting]);
    assert!(works.work().await);
    assert!(check(&works.database, &study, &body).await.unwrap().unwrap().is_same());
    assert_eq!(check(&works.database, &study, &works.account("else").await).await.unwrap(), None);
    let changed =
        sqlx::query("UPDATE computations SET result = replace(result, '9', '8') WHERE party = 'ada'");
    changed.execute(works.database.pool()).await.unwrap();
    assert_eq!(ask(&body).await, Asked::Done);
    assert!(works.work().await);
    let found = check(&works.database, &study, &body).await.unwrap().unwrap();
    assert!(!found.is_same() && found.said == "different", "{found:?}");

    // It is removed while it waits to be computed again.
    assert_eq!(ask(&body).await, Asked::Done);
    let mut change = works.database.change().await.unwrap();
    assert_eq!(Scope::of(&body).remove(&mut change, &study).await.unwrap(), None);
    let removed = scope.remove(&mut change, &study).await.unwrap();
    change.commit().await.unwrap();
    assert_eq!(removed.map(|it| it.id).as_deref(), Some("f"));
    assert_eq!(scope.all(&works.database).await.unwrap(), []);
    assert!(!works.work().await);
}

const FOLDER: &str = "STUDIES_OF_THE_ONE_THAT_IS_KILLED";
const PARAMETERS: &str = "--lower 90";

async fn open(folder: &Path) -> (Database, Uploads) {
    let database = Database::open(folder.join("portal.db").to_str().unwrap()).await.unwrap();
    let uploads = Uploads::new(database.clone(), folder.join("files"), Limits::default()).unwrap();
    (database, uploads)
}

/// Not a test: what the test below starts and kills.
#[tokio::test]
#[ignore = "it ends when it is killed"]
async fn the_one_that_is_killed() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let (database, uploads) = open(&PathBuf::from(folder)).await;
    run(database, &uploads, Arc::new(Notify::new())).await;
}

fn data() -> String {
    let mut data = "batch,month,assay\n".to_owned();
    for row in 0..1_900_000_u32 {
        let (batch, month) = (row % 7, row / 7 % 37);
        data +=
            &format!("b{batch},{month},{}\n", 100.0 - 0.1 * f64::from(month) + f64::from(row % 11) / 20.0);
    }
    data
}

async fn owner(database: &Database) -> Account {
    let mut change = database.change().await.unwrap();
    for statement in [
        "INSERT INTO parties (id, kind, name, created_at) VALUES ('works', 'company', 'Works', 0)",
        "INSERT INTO accounts (id, party, email, name, password, created_at) VALUES ('ada', 'works', 'ada', 'Ada', '', 0)",
    ] {
        sqlx::query(statement).execute(change.connection()).await.unwrap();
    }
    change.commit().await.unwrap();
    people::account(database, "ada").await.unwrap().unwrap()
}

async fn large_study(folder: &Path, database: &Database, account: &Account, data: &str) -> String {
    fs::write(folder.join("files/f"), data).unwrap();
    let insert = sqlx::query(
        "INSERT INTO files (id, party, account, name, kind, bytes, sha256, created_at) \
         VALUES ('f', 'works', 'ada', 'large.csv', 'text', 1, $1, 0)",
    );
    insert.bind(hex::encode(Sha256::digest(data))).execute(database.pool()).await.unwrap();
    let file = uploads::find(database, &people::Scope::of(account), "f").await.unwrap().unwrap();
    let mut change = database.change().await.unwrap();
    let new = New { file: &file, parameters: &PARAMETERS.parse().unwrap() };
    let added = Scope::of(account).add(&mut change, &new, 0).await.unwrap();
    change.commit().await.unwrap();
    match added {
        Added::Done(id) => id,
        other => unreachable!("{other:?}"),
    }
}

/// The study, once it is so.
async fn once(database: &Database, account: &Account, id: &str, is_so: impl Fn(&Study) -> bool) -> Study {
    let until = Instant::now() + Duration::from_secs(120);
    loop {
        let study = Scope::of(account).one(database, id).await.unwrap().unwrap();
        if is_so(&study) {
            return study;
        }
        assert!(Instant::now() < until, "{study:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_computation_that_was_killed_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    let (database, uploads) = open(folder.path()).await;
    let (account, data) = (owner(&database).await, data());
    let id = large_study(folder.path(), &database, &account, &data).await;
    for kill in 1..=2 {
        let mut process = Command::new(env::current_exe().unwrap())
            .args(["the_one_that_is_killed", "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let begun = once(&database, &account, &id, |study| study.tries == kill).await;
        process.kill().unwrap();
        process.wait().unwrap();
        assert_eq!(begun.state, State::Waiting);
        let left = once(&database, &account, &id, |_| true).await;
        assert_eq!((left.state, left.tries), (State::Waiting, kill), "killed in the middle");
        assert_eq!(result(&database, &left).await.unwrap(), None);
    }
    let worker = tokio::spawn({
        let database = database.clone();
        async move { run(database, &uploads, Arc::new(Notify::new())).await }
    });
    let done = once(&database, &account, &id, |study| study.state != State::Waiting).await;
    worker.abort();
    assert_eq!((done.state, done.tries), (State::Done, 3), "{done:?}");
    let (json, _) = result(&database, &done).await.unwrap().unwrap();
    let parameters: Parameters = PARAMETERS.parse().unwrap();
    assert_eq!(json, parameters.answer(data.as_bytes(), &mut |_| true).unwrap().json().unwrap());
}

fn report(data: &str, parameters: &str) -> Report {
    let parameters: Parameters = parameters.parse().unwrap();
    let json = parameters.answer(data.as_bytes(), &mut |_| true).unwrap().json().unwrap();
    serde_json::from_str(&json).unwrap()
}

#[test]
fn whatever_is_printed_is_read() {
    let lines = "batch,month,x\na,0,100\na,6,98\na,12,96.1\nb,0,101\nb,6,99.5\nb,12,97\n";
    let read = report(lines, "--lower 95 --upper 102");
    assert_eq!((read.results(), read.models.len(), read.batches.len()), (6, 4, 2));
    assert!(read.tests.is_some() && read.chosen().is_some() && read.cap.is_some());
    assert!(matches!(read.shelf_life, ShelfLife::Estimated { whole: 1.., .. }));
    let one = report("batch,days,x\na,0,100\na,6,98\na,12,96.1\n", "--time days --unit days --lower 99");
    assert!(one.tests.is_none() && one.cap.is_none() && one.unit == "days");
    // Every batch lies on its own line exactly: F is infinite.
    let exact = report("batch,month,x\na,0,100\na,6,98\na,12,96\nb,0,100\nb,6,99\nb,12,98\n", "--lower 90");
    assert_eq!(exact.tests.unwrap().slopes.f, None);
    let flat = report("batch,month,x\na,0,1\na,6,1\na,12,1\nb,0,1\nb,6,1\n", "--lower 0");
    assert!(matches!(flat.shelf_life, ShelfLife::NotEstimable { .. }));
    assert!(flat.models.iter().any(|it| matches!(it.outcome, Outcome::NoMeanSquare { .. })));
    let outside = report(lines, "--lower 101");
    assert!(matches!(outside.chosen().unwrap().outcome, Outcome::OutsideAtRelease { .. }));
}

#[test]
fn studies_are_found_among_the_reports() {
    let statement =
        "ICH Q1E: 23 months (23.4); nanotrace q1e FILE --lower 95 --batch 'a; nanotrace q1e FILE '";
    let fields = [
        ("testReports.10.method", "ICH Q1E: not estimable: no crossing; nanotrace q1e FILE --lower 95"),
        ("testReports.2.method", statement),
        ("testReports.2.sha256", "ab"),
        ("testReports.0.method", "OECD TG 125"),
        ("zeta.0.method", statement),
    ];
    let fields = fields.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
    let found = stated(&fields);
    assert_eq!(
        found.iter().map(|it| (it.row, it.sha256.as_str())).collect::<Vec<_>>(),
        [(2, "ab"), (10, "")]
    );
    let parts: Vec<_> = found.iter().map(Stated::parts).collect();
    let command = "nanotrace q1e FILE --lower 95 --batch 'a; nanotrace q1e FILE '";
    assert_eq!(
        parts,
        [
            Some(("23 months (23.4)", command)),
            Some(("not estimable: no crossing", "nanotrace q1e FILE --lower 95")),
        ]
    );
    let other =
        Stated { row: 0, sha256: String::new(), statement: "ICH Q1E: 60 months; trust us".to_owned() };
    assert_eq!(other.parts(), None);
}
