//! Mails as another program's server receives them and another program's parser reads them (`mail_server.py`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, channel},
    },
    time::{Duration, Instant},
};

use accounts::{
    Database, now,
    store::{self, Link, Purpose},
};
use background::mail::{self, Post};
use base64::{Engine, prelude::BASE64_STANDARD};
use letters::{Letter, Places};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{sync::Notify, task::JoinHandle};

const CODE: &str = "01040G2081840R2081040G2081S";
const EVIL: &str =
    "Zinc\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>\u{202e} \u{2066}Ж {{ 7*7 }}";

/// A mail server. It ends with the value.
struct Server {
    child: Child,
    port: u16,
    received: Receiver<Value>,
}

impl Server {
    /// That refuses some messages first.
    fn start(port: u16, refused: u32) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        // Where `scripts/setup.sh` puts it.
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../../tools/aiosmtpd-1.4.6");
        assert!(library.exists(), "{} is missing: `scripts/test` installs it", library.display());
        let mut command = Command::new("python3");
        command.arg(folder.join("mail_server.py")).args([port.to_string(), refused.to_string()]);
        let mut child = command.env("PYTHONPATH", library).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let (send, received) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = send.send(serde_json::from_str::<Value>(&line).unwrap());
            }
        });
        let said = received.recv_timeout(Duration::from_secs(30)).expect("a mail server");
        assert_eq!(said, json!({"port": port}));
        Self { child, port, received }
    }

    fn next(&self) -> Value {
        self.received.recv_timeout(Duration::from_secs(30)).expect("a mail")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Outbox {
    database: Database,
    _folder: TempDir,
}

impl Outbox {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        Self { database, _folder: folder }
    }

    async fn post(&self, to: &str, letter: &Letter) {
        let mut change = self.database.change().await.unwrap();
        store::post_letter(&mut change, to, letter, now()).await.unwrap();
        change.commit().await.unwrap();
    }

    /// Sends what waits, until it is aborted.
    fn work(&self, port: u16) -> JoinHandle<()> {
        let post = Post::new("portal@portal.example", &format!("smtp://127.0.0.1:{port}")).unwrap();
        tokio::spawn(mail::run(self.database.clone(), post, places(), Arc::new(Notify::new()), false))
    }

    /// The mails that wait, and how often they were tried.
    async fn waiting(&self) -> Vec<i64> {
        let select = sqlx::query_as("SELECT tries FROM outbox WHERE due_at IS NOT NULL");
        let rows: Vec<(i64,)> = select.fetch_all(self.database.pool()).await.unwrap();
        rows.into_iter().map(|(tries,)| tries).collect()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn places() -> Places {
    Places { portal: "https://portal.example".to_owned(), verifier: Some("https://check.example".to_owned()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_text_and_html_with_the_qr_code_and_whatever_a_product_is_called() {
    let (server, outbox) = (Server::start(free_port(), 0), Outbox::new().await);
    let letter = Letter {
        subject: format!("Granted: {EVIL}"),
        body: format!("The certificate for {} was granted.\n\nPrint it.", letters::line(EVIL)),
        link: Some("/certificates".to_owned()),
        certificate: Some(CODE.to_owned()),
    };
    outbox.post("ada@works.example", &letter).await;
    let worker = outbox.work(server.port);
    let mail = server.next();
    worker.abort();
    let headers = ["content-type", "date", "from", "message-id", "mime-version", "subject", "to"];
    assert_eq!((&mail["headers"], &mail["defects"]), (&json!(headers), &json!([])), "{mail:#}");
    let to = json!("ada@works.example");
    assert_eq!((&mail["recipients"], &mail["to"]), (&json!([to]), &to));
    let subject = "Granted: Zinc Bcc: all@example.com <script>alert(1)</script> Ж {{ 7*7 }}";
    assert_eq!(
        (mail["subject"].as_str(), mail["type"].as_str()),
        (Some(subject), Some("multipart/alternative"))
    );

    let parts = mail["parts"].as_array().unwrap();
    let kinds: Vec<&str> = parts.iter().map(|part| part["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["text/plain", "text/html", "image/png"]);
    let page = format!("https://check.example/c/{CODE}");
    let (text, html) = (parts[0]["content"].as_str().unwrap(), parts[1]["content"].as_str().unwrap());
    for said in ["for Zinc Bcc: all@example.com <script>", "https://portal.example/certificates", &page] {
        assert!(text.contains(said), "{said}: {text}");
    }
    assert!(!html.contains("<script") && html.contains("&#60;script&#62;alert(1)"), "{html}");
    assert!(html.contains(&format!("href=\"{page}\"")) && html.contains("src=\"cid:qr\""), "{html}");
    assert_eq!((&parts[2]["disposition"], &parts[2]["id"]), (&json!("inline"), &json!("<qr>")));
    let drawn = BASE64_STANDARD.decode(parts[2]["content"].as_str().unwrap()).unwrap();
    assert_eq!(drawn, qr::Qr::new(&page).unwrap().png().unwrap());
}

/// The server is away, then refuses for a while, and meanwhile the portal is killed again and again.
#[tokio::test(flavor = "multi_thread")]
async fn mails_wait_for_a_server_that_is_away_and_each_arrives_under_one_id() {
    let outbox = Outbox::new().await;
    let expected: BTreeSet<String> = (0..6).map(|number| format!("Number {number}")).collect();
    for subject in &expected {
        let letter = Letter { subject: subject.clone(), body: "Text.".to_owned(), ..Letter::default() };
        outbox.post("ada@works.example", &letter).await;
    }
    let port = free_port();
    let worker = outbox.work(port);
    let until = Instant::now() + Duration::from_secs(30);
    while outbox.waiting().await != [1; 6] {
        assert!(Instant::now() < until, "{:?}", outbox.waiting().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    worker.abort();

    let server = Server::start(port, 3);
    let (mut subjects, mut ids) = (Vec::new(), BTreeSet::new());
    let mut take = |mail: Value| {
        subjects.push(mail["subject"].as_str().unwrap().to_owned());
        ids.insert(mail["id"].as_str().unwrap().to_owned());
    };
    let until = Instant::now() + Duration::from_secs(60);
    while !outbox.waiting().await.is_empty() {
        assert!(Instant::now() < until, "{:?}", outbox.waiting().await);
        // What failed waits ten seconds and more; not here.
        sqlx::query("UPDATE outbox SET due_at = 0 WHERE due_at IS NOT NULL")
            .execute(outbox.database.pool())
            .await
            .unwrap();
        let worker = outbox.work(port);
        tokio::time::sleep(Duration::from_millis(400)).await;
        worker.abort();
    }
    loop {
        match server.received.recv_timeout(Duration::from_millis(500)) {
            Ok(mail) => take(mail),
            Err(RecvTimeoutError::Timeout) => break,
            Err(RecvTimeoutError::Disconnected) => unreachable!("the server ended"),
        }
    }
    assert_eq!(subjects.iter().cloned().collect::<BTreeSet<_>>(), expected);
    // A mail that is sent and not noted goes out again, and has the same id: receivers see that it is the same.
    assert_eq!(ids.len(), expected.len(), "{subjects:?}");
}

/// They would be tried again and again, in front of all others.
#[tokio::test(flavor = "multi_thread")]
async fn mails_that_cannot_arrive_or_come_too_late_are_given_up() {
    let (server, outbox) = (Server::start(free_port(), 0), Outbox::new().await);
    let database = &outbox.database;
    let letter = |subject: &str, body: &str| Letter {
        subject: subject.to_owned(),
        body: body.to_owned(),
        ..Letter::default()
    };
    for (to, subject) in
        [("nobody@works.example", "Lost"), ("ada@works.example", "Old"), ("ada@works.example", "Sent")]
    {
        outbox.post(to, &letter(subject, "Text.")).await;
    }
    for (subject, age) in [("A link that works", 0), ("A link that is over", 2 * 60 * 60)] {
        let mut change = database.change().await.unwrap();
        let link = Link::to(Purpose::Recover, None, "ada@works.example");
        let token = store::create_link(&mut change, &link, now() - age).await.unwrap();
        let letter = letter(subject, &format!("Open it:\nhttps://portal.example/reset?token={token}\n"));
        store::post_letter(&mut change, "ada@works.example", &letter, now()).await.unwrap();
        change.commit().await.unwrap();
    }
    // What others wrote is no link, whatever it looks like.
    let reason =
        Letter { link: Some("/certificates".to_owned()), ..letter("Returned", "http://x.example/?token=0") };
    outbox.post("ada@works.example", &reason).await;
    // The last was put off while the clock was ahead.
    for (subject, days, due) in
        [("Old", 1, Some(0)), ("Sent", 7, None), ("Returned", -31, Some(now() + 31 * 24 * 60 * 60))]
    {
        let update = sqlx::query("UPDATE outbox SET created_at = $1, due_at = $2 WHERE subject = $3");
        let update = update.bind(now() - days * 24 * 60 * 60).bind(due).bind(subject);
        update.execute(database.pool()).await.unwrap();
    }
    let worker = outbox.work(server.port);
    let mut received: Vec<String> =
        (0..2).map(|_| server.next()["subject"].as_str().unwrap().to_owned()).collect();
    received.sort();
    assert_eq!(received, ["A link that works", "Returned"]);
    let until = Instant::now() + Duration::from_secs(30);
    while !outbox.waiting().await.is_empty() {
        assert!(Instant::now() < until, "{:?}", outbox.waiting().await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    worker.abort();
    let select = sqlx::query_as("SELECT subject FROM outbox ORDER BY subject");
    let left: Vec<(String,)> = select.fetch_all(database.pool()).await.unwrap();
    assert_eq!(left, [("A link that works".to_owned(),), ("Returned".to_owned(),)], "the sent ones");
}
