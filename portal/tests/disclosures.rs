//! One confidential field, asked for and opened, over real HTTP: on SQLite and on PostgreSQL, with a verifier that says what it is told to
//! and no ledger. How the field is read from the ledger in a browser is tested with a network (`tests/tests/portal_confidential.rs`).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, dead_code)]

mod harness;

use accounts::now;
use axum::{Router, extract::Path, http::StatusCode, routing::get};
use certificate::{Code, confidential::ConfidentialField, disclosure::Disclosure};
use disclosure::{KEPT, WAITING};
use harness::{Browser, GENESIS, Portal, Postgres, Reply, organisations};
use http::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;

const CANARY: &str = "canary-of-the-formulation";
const BODY: &str = "CertBodyMSP";
const REASON: &str = "Tariff classification, case 17";

/// What a verifier says of the certificate that ends in this number.
fn code(number: u8) -> Code {
    Code::from_random([number; 16])
}

fn application() -> Code {
    Code::from_random([200; 16])
}

/// The field in this place of the application.
fn field(place: u8) -> ConfidentialField {
    let value = match place {
        0 => json!(format!("{CANARY} <b>\nsecond line, \u{202e}turned, ж")),
        _ => json!({"buyers": ["Sunscreen Ltd"]}),
    };
    let field = ["formulation <i>", "customers"][usize::from(place)].to_owned();
    ConfidentialField { application: application(), field, salt: hex(place).repeat(16), value }
}

fn hex(byte: u8) -> String {
    format!("{byte:02x}")
}

fn as_json(field: &ConfidentialField) -> String {
    serde_json::to_string(field).unwrap()
}

async fn verifier() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/api/v1/certificates/{code}", get(said));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    base
}

async fn said(Path(asked): Path<String>) -> (StatusCode, String) {
    let hashes = [0, 1].map(|place| field(place).hash().unwrap());
    let mut word = json!({
        "result": "valid", "code": asked, "ledger": {"channel": "nanotrace", "genesis": GENESIS},
        "certificate": {"credentialSubject": {"product": {"name": "Zinc <oxide>"}}}, "responsible": BODY,
        "confidential": {"application": application(), "fields": hashes}, "asOf": {"block": 12},
    });
    match asked.parse::<Code>().map_or(0, |code| code.to_bytes()[15]) {
        2 => word["responsible"] = json!("ElsewhereMSP"),
        3 => word["adoptions"] = json!([{"by": BODY}]),
        4 => word["confidential"] = json!({"fields": []}),
        5 => return (StatusCode::SERVICE_UNAVAILABLE, json!({"result": "cannotTell"}).to_string()),
        6 => return (StatusCode::NOT_FOUND, json!({"title": "Unknown", "detail": "none"}).to_string()),
        7 => word["confidential"]["fields"] = json!(["sha256:00", "sha256:11"]),
        8 => word["responsible"] = json!("IndustryMSP"),
        _ => {}
    }
    (StatusCode::OK, word.to_string())
}

/// Customs, a body with two decision-makers and an evaluator, and others.
struct Stage {
    portal: Portal,
    cleo: Browser,
    colleague: Browser,
    dan: Browser,
    dora: Browser,
    eve: Browser,
    bob: Browser,
    _keys: TempDir,
}

impl Stage {
    async fn new(portal: Portal, keys: TempDir) -> Self {
        let mut cleo = portal.administrator("cleo@customs.example", "CustomsMSP").await;
        let colleague = portal.colleague(&mut cleo, "colleague@customs.example", "").await;
        let mut bob = portal.administrator("bob@body.example", BODY).await;
        let dan = portal.colleague(&mut bob, "dan@body.example", "decision-maker").await;
        let dora = portal.colleague(&mut bob, "dora@body.example", "decision-maker").await;
        let eve = portal.colleague(&mut bob, "eve@body.example", "evaluator").await;
        Self { portal, cleo, colleague, dan, dora, eve, bob, _keys: keys }
    }

    async fn ask(&mut self, wanted: &str) -> String {
        let asked = ask(&mut self.cleo, &code(1).to_string(), wanted, REASON).await;
        assert_eq!(asked.status, 303, "{}", asked.body);
        asked.header("location").to_owned()
    }
}

async fn ask(browser: &mut Browser, certificate: &str, wanted: &str, reason: &str) -> Reply {
    let fields = [("certificate", certificate), ("wanted", wanted), ("reason", reason)];
    browser.post("/disclosures", &fields).await
}

async fn open(browser: &mut Browser, path: &str, field: &str, client: &str) -> Reply {
    browser.post(&format!("{path}/open"), &[("confidential", field), ("client", client)]).await
}

macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    let base = super::verifier().await;
                    let (keys, organisations) = super::organisations(&super::PARTIES, Some(&base));
                    let portal = super::Portal::before(organisations).await;
                    super::$case(super::Stage::new(portal, keys).await).await;
                }
            )*
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn the_same_cases_on_postgresql() {
            let cluster = Postgres::start().await;
            $(
                println!("{}", stringify!($case));
                let base = verifier().await;
                let (keys, organisations) = harness::organisations(&PARTIES, Some(&base));
                let portal = Portal::on_postgres_before(&cluster, stringify!($case), organisations).await;
                $case(Stage::new(portal, keys).await).await;
            )*
        }
    };
}

const PARTIES: [&str; 4] = ["Industry", "Customs", "CertBody", "SecondBody"];

cases![
    a_field_is_asked_for_opened_read_and_gone,
    a_request_is_seen_by_the_two_it_concerns,
    two_who_answer_at_once_are_told,
    what_is_not_on_the_ledger_is_not_opened,
    the_same_is_asked_once_and_not_without_end,
    a_body_that_does_not_answer_here_is_said,
    a_field_is_for_who_asked_and_for_a_time,
    a_company_is_told_of_its_field_unless_the_law_forbids_it,
    a_file_is_held_against_the_ledger_and_kept_nowhere,
];

/// The whole database as text.
async fn rows(portal: &Portal, table: &'static str) -> String {
    let tables = match table {
        "audit" => "SELECT action || ' ' || object FROM audit ORDER BY seq",
        "notices" => "SELECT subject || ' ' || body FROM notices",
        "outbox" => "SELECT recipient || ' ' || subject || ' ' || body FROM outbox",
        "disclosures" => "SELECT coalesce(private, '') FROM disclosures",
        "kept_forms" => "SELECT fields FROM kept_forms",
        other => panic!("{other}"),
    };
    let rows: Vec<(String,)> = sqlx::query_as(tables).fetch_all(&portal.pool).await.unwrap();
    rows.into_iter().map(|(row,)| row + "\n").collect()
}

async fn a_field_is_asked_for_opened_read_and_gone(mut stage: Stage) {
    let certificate = code(1).to_string();
    let looked = stage.cleo.get(&format!("/look-up?code={certificate}")).await.body;
    let link = format!("/disclosures/new?certificate={certificate}");
    assert!(looked.contains("2 confidential fields") && looked.contains(&link), "{looked}");
    let form = stage.cleo.get(&link).await.body;
    assert!(form.contains("Zinc &#60;oxide&#62;") && form.contains("Ask CertBodyMSP"), "{form}");
    let path = stage.ask(" the \r\n formulation ").await;
    let page = stage.cleo.get(&path).await.body;
    assert!(page.contains("the formulation") && page.contains("It is with CertBodyMSP"), "{page}");
    assert_eq!(stage.cleo.get(&format!("{path}/disclosure.json")).await.status, 404, "nothing is opened");

    // Those who answer are told, by mail too; others of the body find it listed.
    for who in ["dan@body.example", "dora@body.example"] {
        let mail = stage.portal.mail(who, "asks for one confidential field").await;
        assert!(
            mail.contains(&format!("{}{path}", stage.portal.base)) && !mail.contains("formulation"),
            "{mail}"
        );
    }
    assert!(stage.dan.get("/queue").await.body.contains("confidential field (1 waits)"));
    let list = stage.eve.get("/disclosures").await.body;
    assert!(list.contains(&path) && list.contains("CustomsMSP"), "{list}");
    let page = stage.dan.get(&path).await.body;
    assert!(
        page.contains(REASON) && page.contains("Why not") && page.contains("Nothing can be opened now"),
        "{page}"
    );

    let opened = open(&mut stage.dan, &path, &as_json(&field(0)), "tell").await;
    assert_eq!(opened.header("location"), path, "{}", opened.body);
    let page = stage.dan.get(&path).await.body;
    assert!(
        page.contains("opened") && page.contains(&field(0).hash().unwrap()) && !page.contains(CANARY),
        "{page}"
    );
    assert!(
        !stage.dora.get("/notifications").await.body.contains("Asked: a confidential"),
        "it waits no more"
    );
    let mail = stage.portal.mail("cleo@customs.example", "opened the confidential field").await;
    assert!(!mail.contains(CANARY) && !mail.contains("formulation"), "{mail}");

    // It is shown when it is asked for, with the verifier's word.
    let page = stage.cleo.get(&path).await.body;
    assert!(page.contains("hold it against the ledger") && !page.contains(CANARY), "{page}");
    let page = stage.cleo.post(&format!("{path}/read"), &[]).await;
    assert!(page.status == 200 && page.body.contains(">Genuine<"), "{}", page.body);
    assert!(
        page.body.contains("formulation &#60;i&#62;") && page.body.contains(&format!("{CANARY} &#60;b&#62;"))
    );
    assert!(!page.body.contains("Sunscreen") && page.header("cache-control") == "no-store", "{}", page.body);
    let file = stage.cleo.get(&format!("{path}/disclosure.json")).await;
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"disclosure.json\"");
    let disclosure: Disclosure = serde_json::from_str(&file.body).unwrap();
    assert!(disclosure.private == field(0) && disclosure.index == 0 && disclosure.certificate == certificate);
    let (_, word) = said(Path(certificate)).await;
    let word: Value = serde_json::from_str(&word).unwrap();
    assert_eq!(disclosure.judge_by_answer(&word), certificate::disclosure::Finding::Genuine);

    // Pressed twice, it is gone once; and there is no value anywhere.
    assert!(rows(&stage.portal, "disclosures").await.contains(CANARY));
    for _ in 0..2 {
        assert_eq!(stage.cleo.post(&format!("{path}/remove"), &[]).await.header("location"), path);
    }
    let gone = stage.cleo.post(&format!("{path}/read"), &[]).await;
    assert!(gone.status == 409 && !gone.body.contains(CANARY), "{}", gone.body);
    assert_eq!(stage.cleo.get(&format!("{path}/disclosure.json")).await.status, 404);
    let page = stage.cleo.get(&path).await.body;
    assert!(page.contains("does not lie in this portal any more"), "{page}");
    for table in ["audit", "notices", "outbox", "disclosures", "kept_forms"] {
        let text = rows(&stage.portal, table).await;
        assert!(!text.contains(CANARY) && !text.contains("<i>"), "{table}: {text}");
    }
    let log = rows(&stage.portal, "audit").await;
    for (action, count) in [
        ("confidential field asked for", 1),
        ("confidential field opened", 1),
        ("opened field read", 1),
        ("opened field downloaded", 1),
        ("opened field removed", 1),
    ] {
        assert_eq!(log.matches(action).count(), count, "{action}: {log}");
    }
    let opened = log.lines().find(|line| line.starts_with("confidential field opened")).unwrap();
    for part in
        [&field(0).hash().unwrap(), "field 1", "Ada Lovelace of CustomsMSP", REASON, "the company is told"]
    {
        assert!(opened.contains(part), "{part}: {opened}");
    }
    // Each party's administrator finds its own people's part.
    let (own, theirs) =
        (stage.cleo.get("/admin/audit/export").await.body, stage.bob.get("/admin/audit/export").await.body);
    assert!(own.contains("opened field read") && !own.contains("confidential field opened"), "{own}");
    assert!(
        theirs.contains("confidential field opened") && !theirs.contains("opened field read"),
        "{theirs}"
    );
}

async fn a_request_is_seen_by_the_two_it_concerns(mut stage: Stage) {
    let path = stage.ask("customers").await;
    assert_eq!(open(&mut stage.dan, &path, &as_json(&field(1)), "tell").await.status, 303);
    let mut other = stage.portal.administrator("other@second.example", "SecondBodyMSP").await;
    let mut decider = stage.portal.colleague(&mut other, "decider@second.example", "decision-maker").await;
    let mut ada = stage.portal.company("ada@works.example", "Works").await;
    let nothing = ada.get("/there/is/no/such/page").await.text();
    let fields: [(&str, &[(&str, &str)]); 3] =
        [("open", &[("confidential", "{}"), ("client", "tell")]), ("refuse", &[("why", "no")]), ("", &[])];
    let mut asked = 0;
    for route in portal::routes().into_iter().filter(|route| route.path.contains("{disclosure}")) {
        let own = route.path.replace("/disclosures/{disclosure}", &path);
        let (_, fields) = fields.iter().find(|(name, _)| own.ends_with(name)).unwrap();
        let own_body = [("administrator of the body", &mut stage.bob)];
        let others =
            [("another body", &mut other), ("its decision-maker", &mut decider), ("a company", &mut ada)];
        for (name, browser) in own_body.into_iter().chain(others) {
            let reply = match route.method {
                Method::GET => browser.get(&own).await,
                _ => browser.post(&own, fields).await,
            };
            println!("{} {}, {name}: {}", route.method, route.path, reply.status);
            assert_eq!(
                (reply.status, reply.text()),
                (404, nothing.clone()),
                "{} {own}, {name}",
                route.method
            );
            asked += 1;
        }
    }
    assert_eq!(asked, 28);
    for browser in [&mut other, &mut decider, &mut stage.bob] {
        let list = browser.get("/disclosures").await.body;
        assert!(!list.contains(&path) && !list.contains("customers"), "{list}");
    }
    assert_eq!(ada.get("/disclosures").await.status, 404);
    // Who asked opens nothing, and who opened takes nothing.
    let answer = [("confidential", "{}"), ("client", "tell")];
    assert_eq!(stage.cleo.post(&format!("{path}/open"), &answer).await.status, 404);
    for (who, step) in [("dan", "take-back"), ("dan", "remove")] {
        assert_eq!(stage.dan.post(&format!("{path}/{step}"), &[]).await.status, 404, "{who} {step}");
    }
    let read = stage.dan.post(&format!("{path}/read"), &[]).await;
    assert!(read.status == 409 && !read.body.contains("Sunscreen"), "{}", read.body);
    assert_eq!(stage.dan.get(&format!("{path}/disclosure.json")).await.status, 404);
    // Evaluators see it, and leave it to decision-makers.
    let waiting = stage.ask("formulation").await;
    let page = stage.eve.get(&waiting).await.body;
    assert!(
        page.contains("Decision-makers of CertBodyMSP open it or refuse it") && !page.contains("Why not"),
        "{page}"
    );
    assert_eq!(open(&mut stage.eve, &waiting, &as_json(&field(0)), "tell").await.status, 404);
    assert_eq!(stage.eve.post(&format!("{waiting}/refuse"), &[("why", "no")]).await.status, 404);
    assert!(stage.cleo.get(&waiting).await.body.contains("It is with CertBodyMSP"));
}

async fn two_who_answer_at_once_are_told(mut stage: Stage) {
    for round in 0..6 {
        let path = stage.ask(&format!("formulation {round}")).await;
        let json = as_json(&field(0));
        let refuse = format!("{path}/refuse");
        let (opened, refused) = tokio::join!(
            open(&mut stage.dan, &path, &json, "tell"),
            stage.dora.post(&refuse, &[("why", "Not enough of a reason.")]),
        );
        let mut statuses = [opened.status, refused.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [303, 409], "{} {}", opened.body, refused.body);
        let late = if opened.status == 409 { opened } else { refused };
        assert!(late.body.contains("answered or taken back meanwhile"), "{}", late.body);
        // Once more, by both: it stays as it was answered first.
        let first = stage.cleo.get(&path).await.body;
        assert_eq!(open(&mut stage.dora, &path, &json, "tell").await.status, 409);
        assert_eq!(stage.dan.post(&refuse, &[("why", "no")]).await.status, 409);
        assert_eq!(stage.cleo.get(&path).await.body, first);
        let is_opened = first.contains("What was opened");
        assert_ne!(is_opened, first.contains("Not enough of a reason."), "{first}");
    }
    let notices = rows(&stage.portal, "notices").await;
    assert_eq!(notices.matches("Opened: ").count() + notices.matches("Refused: ").count(), 6, "{notices}");
    // Taken back at the same time: one of the two has it.
    let path = stage.ask("customers").await;
    let take_back = format!("{path}/take-back");
    let json = as_json(&field(1));
    let (opened, back) =
        tokio::join!(open(&mut stage.dan, &path, &json, "tell"), stage.cleo.post(&take_back, &[]));
    assert_eq!(back.header("location"), path);
    let is_opened = stage.cleo.get(&path).await.body.contains("What was opened");
    assert_eq!(opened.status == 303, is_opened, "{}", opened.body);
}

/// Whatever a browser sends, what is handed over is a field of this certificate's application.
async fn what_is_not_on_the_ledger_is_not_opened(mut stage: Stage) {
    let path = stage.ask("formulation").await;
    let right = field(0);
    let changed = |change: fn(&mut ConfidentialField)| {
        let mut other = right.clone();
        change(&mut other);
        as_json(&other)
    };
    for wrong in [
        String::new(),
        "{}".to_owned(),
        "[]".to_owned(),
        format!("[{}, {}]", as_json(&right), as_json(&field(1))),
        changed(|field| field.value = json!("water")),
        changed(|field| field.salt = "11".repeat(16)),
        changed(|field| field.salt.push('0')),
        changed(|field| field.field.push('s')),
        changed(|field| field.application = Code::from_random([201; 16])),
        as_json(&right).replace("\"salt\"", "\"more\":1,\"salt\""),
    ] {
        let refused = open(&mut stage.dan, &path, &wrong, "tell").await;
        assert!(
            refused.status == 409 && refused.body.contains("Nothing was opened"),
            "{wrong}: {}",
            refused.body
        );
        assert!(!refused.body.contains(CANARY), "{}", refused.body);
    }
    assert_eq!(rows(&stage.portal, "disclosures").await, "\n");
    // A verifier that knows other hashes, or cannot tell.
    for number in [7, 5, 6] {
        let update = sqlx::query("UPDATE disclosures SET certificate = $1").bind(code(number).to_string());
        update.execute(&stage.portal.pool).await.unwrap();
        let refused = open(&mut stage.dan, &path, &as_json(&right), "tell").await;
        assert!(
            refused.status == 409 && refused.body.contains("Nothing was opened"),
            "{number}: {}",
            refused.body
        );
    }
    let update = sqlx::query("UPDATE disclosures SET certificate = $1").bind(code(1).to_string());
    update.execute(&stage.portal.pool).await.unwrap();
    // Who asked is not there any more.
    let cleo = stage.portal.id("cleo@customs.example").await;
    let disable = sqlx::query("UPDATE accounts SET disabled_at = 1 WHERE id = $1").bind(&cleo);
    disable.execute(&stage.portal.pool).await.unwrap();
    let refused = open(&mut stage.dan, &path, &as_json(&right), "tell").await;
    assert!(refused.status == 409 && refused.body.contains("no account here any more"), "{}", refused.body);
    assert_eq!(rows(&stage.portal, "disclosures").await, "\n");
    // What was typed into a page whose session ended is written nowhere.
    let token = stage.dan.form_token().await;
    sqlx::query("UPDATE sessions SET expires_at = 1").execute(&stage.portal.pool).await.unwrap();
    let json = as_json(&right);
    let fields = [("confidential", json.as_str()), ("client", "tell"), ("form_token", &token)];
    let late = stage.dan.post_as_it_is(&format!("{path}/open"), &fields).await;
    assert!((300..500).contains(&late.status), "{}", late.body);
    assert_eq!(
        (stage.portal.count("kept_forms").await, rows(&stage.portal, "disclosures").await),
        (0, "\n".into())
    );
}

async fn the_same_is_asked_once_and_not_without_end(mut stage: Stage) {
    let path = stage.ask("formulation").await;
    // Pressed twice at once, and again later by a colleague.
    let certificate = code(1).to_string();
    let mut again = stage.cleo.clone();
    let (one, other) = tokio::join!(
        ask(&mut stage.cleo, &certificate, "customers", REASON),
        ask(&mut again, &certificate, "customers", REASON),
    );
    assert!(
        one.status == 303 && one.header("location") == other.header("location"),
        "{} {}",
        one.body,
        other.body
    );
    let grouped = code(1).grouped();
    assert_eq!(ask(&mut stage.colleague, &grouped, "formulation", "x").await.header("location"), path);
    assert_eq!(stage.portal.count("disclosures").await, 2);
    let tasks = rows(&stage.portal, "notices").await.matches("Asked: ").count();
    assert_eq!(tasks, 4, "two requests, two decision-makers");
    for number in 2..WAITING {
        stage.ask(&number.to_string()).await;
    }
    let full = ask(&mut stage.colleague, &certificate, "one more", REASON).await;
    assert!(full.status == 422 && full.body.contains("as many answers as it may"), "{}", full.body);
    assert!(
        full.body.contains("value=\"one more\"") && full.body.contains(REASON),
        "what was typed stays: {}",
        full.body
    );
    // A colleague takes one back; pressed twice, once.
    for _ in 0..2 {
        assert_eq!(stage.colleague.post(&format!("{path}/take-back"), &[]).await.status, 303);
    }
    assert!(stage.cleo.get(&path).await.body.contains("taken back"));
    assert_eq!(stage.dan.post(&format!("{path}/refuse"), &[("why", "no")]).await.status, 409);
    assert_eq!(stage.colleague.get(&path).await.status, 200);
    let again = stage.ask("formulation").await;
    assert_ne!(again, path, "asked anew");
    let log = rows(&stage.portal, "audit").await;
    assert_eq!(log.matches("request for a field taken back").count(), 1, "{log}");
}

async fn a_body_that_does_not_answer_here_is_said(mut stage: Stage) {
    for (number, says) in [
        (2, "ElsewhereMSP does not answer in this portal"),
        (3, "took this certificate over from a body that has ended"),
        (4, "no confidential field for this certificate"),
        (5, "nothing was asked"),
        (6, "No such certificate"),
        // The operator is that organisation, and nobody of it decides here.
        (8, "IndustryMSP does not answer in this portal"),
    ] {
        let certificate = code(number).to_string();
        let page = stage.cleo.get(&format!("/disclosures/new?certificate={certificate}")).await;
        assert!(page.body.contains(says) && !page.body.contains("<textarea"), "{number}: {}", page.body);
        let sent = ask(&mut stage.cleo, &certificate, "formulation", REASON).await;
        assert!(sent.body.contains(says), "{number}: {}", sent.body);
    }
    let page = stage.cleo.get(&format!("/disclosures/new?certificate={}", code(2))).await.body;
    assert!(page.contains(&format!("nanotrace cert disclose {} --field NAME", code(2))), "{page}");
    let own = stage.dan.get(&format!("/disclosures/new?certificate={}", code(1))).await.body;
    assert!(own.contains("Your organisation is the certification body"), "{own}");
    assert_eq!(ask(&mut stage.dan, &code(1).to_string(), "formulation", REASON).await.status, 200);
    for (certificate, wanted, reason, says) in [
        ("ABC", "a", "b", "mistyped"),
        ("", "a", "b", "There is nothing"),
        ("9520123456788", "a", "b", "the code of one certificate"),
        (&*code(1).to_string(), " ", "b", "Which field you need must say something"),
        (&*code(1).to_string(), "a\u{202e}b", "b", "invisible characters"),
        (&*code(1).to_string(), &*"x".repeat(201), "b", "is too long"),
        (&*code(1).to_string(), "a", "\r\n", "Why you need it must say something"),
        (&*code(1).to_string(), "a", &*"x".repeat(501), "is too long"),
    ] {
        let sent = ask(&mut stage.cleo, certificate, wanted, reason).await;
        assert!(sent.status == 422 && sent.body.contains(says), "{says}: {}", sent.body);
    }
    assert_eq!(stage.portal.count("disclosures").await, 0);
}

async fn a_field_is_for_who_asked_and_for_a_time(mut stage: Stage) {
    let path = stage.ask("formulation").await;
    assert_eq!(open(&mut stage.dan, &path, &as_json(&field(0)), "tell").await.status, 303);
    let page = stage.colleague.get(&path).await.body;
    assert!(page.contains("reads it, and nobody else") && !page.contains("disclosure.json"), "{page}");
    let read = stage.colleague.post(&format!("{path}/read"), &[]).await;
    assert!(read.status == 409 && !read.body.contains(CANARY), "{}", read.body);
    assert_eq!(stage.colleague.get(&format!("{path}/disclosure.json")).await.status, 404);
    let ends = async || {
        let (ends,): (i64,) =
            sqlx::query_as("SELECT ends_at FROM disclosures").fetch_one(&stage.portal.pool).await.unwrap();
        ends - now()
    };
    assert!((KEPT - 60..=KEPT).contains(&ends().await), "nobody has read it");
    assert_eq!(stage.cleo.get(&path).await.status, 200);
    assert!(ends().await > KEPT - 60, "the page alone is no reading");
    assert_eq!(stage.cleo.post(&format!("{path}/read"), &[]).await.status, 200);
    assert!((86_340..=86_400).contains(&ends().await), "a day");
    sqlx::query("UPDATE disclosures SET ends_at = $1").bind(now()).execute(&stage.portal.pool).await.unwrap();
    let read = stage.cleo.post(&format!("{path}/read"), &[]).await;
    assert!(
        read.status == 409 && !read.body.contains(CANARY),
        "its time is over, swept or not: {}",
        read.body
    );
    disclosure::sweep(&stage.portal.database, now()).await.unwrap();
    assert_eq!(rows(&stage.portal, "disclosures").await, "\n");
}

async fn a_company_is_told_of_its_field_unless_the_law_forbids_it(mut stage: Stage) {
    let mut ada = stage.portal.company("ada@works.example", "Works").await;
    ada.post("/applications", &[]).await;
    for statement in [
        "UPDATE dossiers SET id = $1",
        "INSERT INTO calls (id, party, account, application, body, step, argument, state, created_at, tries, due_at, said) \
         SELECT 'call', party, (SELECT min(id) FROM accounts), id, 'CertBodyMSP', 'submit', '{}', 'done', 0, 1, 0, '' \
         FROM dossiers WHERE id = $1",
    ] {
        sqlx::query(statement).bind(application().to_string()).execute(&stage.portal.pool).await.unwrap();
    }
    let silent = stage.ask("customers").await;
    assert_eq!(open(&mut stage.dan, &silent, &as_json(&field(1)), "lawForbids").await.status, 303);
    assert!(!ada.get("/notifications").await.body.contains("CustomsMSP"));
    assert!(stage.dan.get(&silent).await.body.contains("was not told, as the law forbids it"));
    let told = stage.ask("formulation").await;
    assert_eq!(open(&mut stage.dan, &told, &as_json(&field(0)), "tell").await.status, 303);
    let page = ada.get("/notifications").await.body;
    let hash = field(0).hash().unwrap();
    assert!(page.contains("Opened to CustomsMSP: a confidential field") && page.contains(&hash), "{page}");
    assert!(!page.contains(CANARY) && !page.contains(REASON), "{page}");
    stage.portal.mail("ada@works.example", &hash[..30]).await;
}

async fn a_file_is_held_against_the_ledger_and_kept_nowhere(mut stage: Stage) {
    let disclosure = |certificate: Code, field: ConfidentialField, index: usize| {
        let hash = field.hash().unwrap();
        let ledger = json!({"channel": "nanotrace", "genesis": GENESIS});
        json!({"certificate": certificate, "index": index, "private": field, "hash": hash, "ledger": ledger})
    };
    let mut elsewhere = disclosure(code(1), field(0), 0);
    elsewhere["ledger"]["genesis"] = json!("sha256:11");
    let entries = stage.portal.count("audit").await;
    for (file, word) in [
        (disclosure(code(1), field(0), 0), "Genuine"),
        (disclosure(code(1), field(1), 1), "Genuine"),
        (disclosure(code(1), field(0), 1), "Not genuine"),
        (disclosure(code(7), field(0), 0), "Not genuine"),
        (disclosure(code(6), field(0), 0), "Cannot tell"),
        (disclosure(code(5), field(0), 0), "Cannot tell"),
        (elsewhere, "Cannot tell"),
    ] {
        let text = serde_json::to_string_pretty(&file).unwrap();
        let page = stage.cleo.post("/disclosures/check", &[("confidential", &text)]).await;
        assert!(page.status == 200 && page.body.contains(&format!(">{word}<")), "{word}: {}", page.body);
        assert!(
            !page.body.contains(CANARY) || page.body.contains(&format!("{CANARY} &#60;b&#62;")),
            "{}",
            page.body
        );
    }
    for wrong in ["", "{}", "null", CANARY, "[1]"] {
        let page = stage.cleo.post("/disclosures/check", &[("confidential", wrong)]).await;
        assert!(
            page.status == 422 && page.body.contains("no disclosure") && !page.body.contains(CANARY),
            "{}",
            page.body
        );
    }
    let mut nameless = disclosure(code(1), field(0), 0);
    nameless["certificate"] = json!("01040G2081840R2081040G2081X");
    let page = stage.cleo.post("/disclosures/check", &[("confidential", &nameless.to_string())]).await;
    assert!(page.status == 422 && page.body.contains("names no certificate"), "{}", page.body);
    assert_eq!(stage.portal.count("audit").await, entries);
    assert_eq!((stage.portal.count("disclosures").await, stage.portal.count("kept_forms").await), (0, 0));
}
