//! Who reaches which page, as two tables over the one list of routes: by role, and by whose the thing is that an address names. Both
//! stand in `docs/portal-access.md`, and are what the portal answers. A route that names a thing of which this file knows no example
//! fails the test. To write the page anew: `NANOTRACE_WRITE_TABLES=1`, one test after
//! the other.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic, dead_code)]

mod harness;

use std::{
    collections::BTreeMap,
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU16, Ordering},
};

use accounts::kept::{self, KeptForm};
use certificate::Code;
use harness::{Browser, PASSWORD, Portal, away_with};
use http::Method;
use portal::{Access, RouteOf};
use serde_json::json;
use stability::Parameters;

const WORKS: &str = "ada@works.example";
const MILL: &str = "mia@mill.example";
const BODY: &str = "bob@body.example";
const OTHER: &str = "olga@other.example";
/// Of a study.
const DATA: &str = "batch,month,assay\na,0,100\na,6,98\na,12,96.1\n";
/// An account asks a hundred times in a minute at most.
const CHUNK: usize = 40;
const ENDS: [&str; 2] = ["/logout", "/team/leave"];
const HEAD: &str = "| route | ";

/// Who something is of.
#[derive(Clone)]
struct Owner {
    account: String,
    party: String,
    is_staff: bool,
}

/// A portal with two companies and two organisations, and things of theirs.
struct Stage {
    portal: Portal,
    made: AtomicU16,
    /// By party: somebody who uploads and checks.
    hands: BTreeMap<String, Browser>,
    /// Of each party that was asked for one.
    files: BTreeMap<String, String>,
    shipments: BTreeMap<String, String>,
    _keys: tempfile::TempDir,
}

impl Stage {
    async fn new() -> Self {
        let (keys, organisations) = away_with(Some("http://127.0.0.1:1"));
        let portal = Portal::before(organisations).await;
        let mut hands = BTreeMap::new();
        for (email, company) in [(WORKS, "Works"), (MILL, "Mill")] {
            let browser = portal.company(email, company).await;
            hands.insert(party_of(&portal, email).await, browser);
        }
        for (email, organisation) in [(BODY, "CertBodyMSP"), (OTHER, "SecondBodyMSP")] {
            let browser = portal.administrator(email, organisation).await;
            hands.insert(organisation.to_owned(), browser);
        }
        let (files, shipments) = (BTreeMap::new(), BTreeMap::new());
        Self { portal, made: AtomicU16::new(1), hands, files, shipments, _keys: keys }
    }

    async fn owner(&self, email: &str) -> Owner {
        let party = party_of(&self.portal, email).await;
        Owner { account: self.portal.id(email).await, is_staff: party.ends_with("MSP"), party }
    }

    fn number(&self) -> u16 {
        self.made.fetch_add(1, Ordering::Relaxed)
    }

    fn id(&self) -> String {
        format!("{:032x}", self.number())
    }

    fn code(&self) -> String {
        let [high, low] = self.number().to_be_bytes();
        Code::from_random([high, low, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7]).to_string()
    }

    async fn insert(&self, statement: &'static str, values: &[&str]) {
        let mut insert = sqlx::query(statement);
        for value in values {
            insert = insert.bind(*value);
        }
        insert.execute(&self.portal.pool).await.unwrap_or_else(|error| panic!("{statement}: {error}"));
    }

    /// The address of a route, with new things in it that are this owner's; a company's, where only companies have such.
    async fn path(&mut self, route: &RouteOf, owner: &Owner) -> String {
        let works = self.owner(WORKS).await;
        let company = if owner.is_staff { &works } else { owner };
        let body = if owner.is_staff { owner.party.clone() } else { "CertBodyMSP".to_owned() };
        let mut path = route.path.replace("{body}", &body);
        for (name, value) in [
            ("{step}", "product"),
            ("{signed}", "proposal"),
            ("/shipments/{shipment}/{file}", "/shipments/{shipment}/result.csv"),
        ] {
            path = path.replace(name, value);
        }
        if path.contains("/{application}/studies/{study}") {
            let (id, study) = self.queued_study(company, &body).await;
            let path = path.replace("{application}", &id).replace("{study}", &study);
            return path.replace("{file}", "result.json");
        }
        path = path.replace("/studies/{study}/{file}", "/studies/{study}/result.csv");
        let mut named = "files/{file}".to_owned();
        let thing = match path.split_once('{').map(|(_, rest)| rest.split_once('}').unwrap()) {
            None => return path,
            Some(("application", rest)) if path.starts_with("/admin/claims") => {
                assert_eq!(rest, "");
                self.claim(company, &body).await
            }
            Some(("application", "/discard")) => self.draft(company).await,
            Some(("application", rest)) => {
                let (id, file) = self.application(company, &body).await;
                assert!(rest.is_empty() || rest.starts_with('/'));
                named = format!("files/{file}");
                id
            }
            Some(("passkey", _)) => self.passkey(owner).await,
            Some(("form", _)) => self.form(owner).await,
            Some(("notice", _)) => self.notice(owner).await,
            Some(("file", _)) => self.file(owner).await,
            Some(("complaint", _)) => self.complaint(company, &body).await,
            Some(("shipment", _)) => self.shipment(owner).await,
            Some(("certificate", _)) if path.starts_with("/certificates/") => self.granted(company).await,
            // What is issued is public.
            Some(("certificate", _)) => self.code(),
            Some(("key", _)) if path.starts_with("/team/") => self.api_key(owner).await,
            Some(("key", _)) => self.key(owner).await,
            Some(("wallet", _)) => self.wallet(owner).await,
            Some(("study", _)) => self.study(company).await,
            Some(("disclosure", "/open" | "/refuse")) => self.asked_of(owner).await,
            Some(("disclosure", _)) => self.disclosure(owner).await,
            Some(("act", _)) => self.act(owner).await,
            Some(("person", _)) => self.person(owner).await,
            Some((name, _)) => panic!("{}: this test has no {name}", route.path),
        };
        let (start, rest) = path.split_once('{').unwrap();
        let rest = rest.split_once('}').unwrap().1.replace("files/{file}", &named);
        let path = format!("{start}{thing}{rest}");
        assert!(!path.contains('{'), "{}: this test fills in one thing of an address: {path}", route.path);
        path
    }

    async fn draft(&self, owner: &Owner) -> String {
        let id = self.code();
        self.insert(
            "INSERT INTO dossiers (id, party, fields, saved_steps, salt, version, created_at, changed_at) \
             VALUES ($1, $2, '{}', '', 'salt', 1, 0, 0)",
            &[&id, &owner.party],
        )
        .await;
        id
    }

    /// One that a body has, with a file that its dossier names, and a confidential field.
    async fn application(&mut self, owner: &Owner, body: &str) -> (String, String) {
        let id = self.draft(owner).await;
        let file = match self.files.get(&owner.party) {
            Some(file) => file.clone(),
            None => self.file(owner).await,
        };
        self.files.insert(owner.party.clone(), file.clone());
        let select = sqlx::query_as("SELECT sha256 FROM files WHERE id = $1").bind(&file);
        let (sha256,): (String,) = select.fetch_one(&self.portal.pool).await.unwrap();
        let content =
            format!(r#"{{"credentialSubject":{{"testReports":[{{"lab":"L","sha256":"{sha256}"}}]}}}}"#);
        let hash = hash(&content);
        self.insert(
            "INSERT INTO editions (dossier, number, hash, content, at) VALUES ($1, 1, $2, $3, 0)",
            &[&id, &hash, &content],
        )
        .await;
        self.submitted(&id, owner, body, "submitted", None).await;
        self.insert(
            "INSERT INTO confidential_fields (application, hash, party, name, private, kept_at) \
             VALUES ($1, 'sha256:1', $2, 'formulation', $3, 0)",
            &[
                &id,
                &owner.party,
                &format!(
                    r#"{{"application":"{id}","field":"formulation","salt":"{}","value":"x"}}"#,
                    "0".repeat(32)
                ),
            ],
        )
        .await;
        (id, sha256)
    }

    async fn submitted(&self, id: &str, owner: &Owner, body: &str, state: &str, certificate: Option<&str>) {
        self.insert(
            "INSERT INTO calls (id, party, account, application, body, step, argument, state, created_at, tries, due_at, said) \
             VALUES ($1, $2, $3, $1, $4, 'submit', '{}', 'done', 0, 1, 0, '')",
            &[id, &owner.party, &owner.account, body],
        )
        .await;
        self.insert(
            "INSERT INTO applications (id, body, applicant, title, scheme, state, steps, dossier, certificate, step, \
             taken_by, taken_at, reason, submitted_at, at_rest, sought) \
             VALUES ($1, $2, 'IndustryMSP', 'Paint', 'S 1', $3, 2, 'sha256:0', nullif($4, ''), 'accept', 'B', \
             '2026-01-31T12:00:00Z', 'a reason', '2026-01-30T12:00:00Z', 0, '')",
            &[id, body, state, certificate.unwrap_or_default()],
        )
        .await;
    }

    async fn granted(&self, owner: &Owner) -> String {
        let (id, code) = (self.draft(owner).await, self.code());
        self.submitted(&id, owner, "CertBodyMSP", "granted", Some(&code)).await;
        code
    }

    async fn claim(&self, owner: &Owner, body: &str) -> String {
        let id = self.code();
        self.insert(
            "INSERT INTO claims (application, body, party, account, content, at) VALUES ($1, $2, $3, $4, '{}', 0)",
            &[&id, body, &owner.party, &owner.account],
        )
        .await;
        id
    }

    async fn complaint(&self, owner: &Owner, body: &str) -> String {
        let id = self.code();
        self.insert(
            "INSERT INTO grievances (id, party, account, body, kind, application, words, salt, written_at) \
             VALUES ($1, $2, $3, $4, 'complaint', 'A', 'words', 'salt', 0)",
            &[&id, &owner.party, &owner.account, body],
        )
        .await;
        id
    }

    async fn passkey(&self, owner: &Owner) -> String {
        let id = self.id();
        self.insert(
            "INSERT INTO passkeys (credential, id, account, name, public_key, transports, counter, may_be_copied, created_at) \
             SELECT $1, $1, account, 'Another', public_key, transports, counter, may_be_copied, created_at FROM passkeys \
             WHERE account = $2 LIMIT 1",
            &[&id, &owner.account],
        )
        .await;
        id
    }

    async fn form(&self, owner: &Owner) -> String {
        let fields = vec![("name".to_owned(), "x".to_owned())];
        let form = KeptForm { path: "/files".to_owned(), fields };
        // At most five are kept.
        self.insert("DELETE FROM kept_forms WHERE account = $1", &[&owner.account]).await;
        kept::keep(&self.portal.database, &owner.account, &form, accounts::now()).await.unwrap().unwrap()
    }

    async fn notice(&self, owner: &Owner) -> String {
        let id = self.id();
        self.insert(
            "INSERT INTO notices (id, account, event, is_task, subject, body, link, at, made_at) \
             VALUES ($1, $2, $1, 0, 'Subject', 'Body', '/', 1, 1)",
            &[&id, &owner.account],
        )
        .await;
        id
    }

    async fn file(&mut self, owner: &Owner) -> String {
        let content = format!("%PDF-1.7 {}", self.number());
        let hand = self.hands.get_mut(&owner.party).unwrap();
        let kept = hand.upload("Sheet.pdf", content.as_bytes()).await;
        let id = kept.header("location").strip_prefix("/files?file=");
        id.unwrap_or_else(|| panic!("{} {}", kept.status, kept.body)).to_owned()
    }

    /// One for each party: six are checked in a minute.
    async fn shipment(&mut self, owner: &Owner) -> String {
        if let Some(id) = self.shipments.get(&owner.party) {
            return id.clone();
        }
        let hand = self.hands.get_mut(&owner.party).unwrap();
        let checked = hand.post("/shipments", &[("list", "01040G2081840R2081040G2081S")]).await;
        let id = checked.header("location").strip_prefix("/shipments/").unwrap().to_owned();
        self.shipments.insert(owner.party.clone(), id.clone());
        id
    }

    async fn key(&self, owner: &Owner) -> String {
        let id = self.id();
        self.insert(
            "INSERT INTO pseudonyms (account, pseudonym, created_at) VALUES ($1, $1, 0) ON CONFLICT DO NOTHING",
            &[&owner.account],
        )
        .await;
        self.insert(
            "INSERT INTO ledger_keys (id, account, fingerprint, request, state, certificate, roles, not_after, requested_at, \
             changed_at) VALUES ($1, $2, $1, 'request', 'certified', 'certificate', 'evaluator', 9000000000, 0, 0)",
            &[&id, &owner.account],
        )
        .await;
        id
    }

    async fn act(&self, owner: &Owner) -> String {
        let (id, key) = (self.id(), self.key(owner).await);
        self.insert(
            "INSERT INTO acts (id, account, ledger_key, channel, chaincode, arguments, state, transaction_id, message, ordered, \
             problem, created_at, changed_at) \
             VALUES ($1, $2, $3, 'nanotrace', 'nanotrace', '[\"x\"]', 'prepared', '', '', 0, '', 0, 0)",
            &[&id, &owner.account, &key],
        )
        .await;
        id
    }

    /// Of a program.
    async fn api_key(&self, owner: &Owner) -> String {
        let id = self.id();
        self.insert(
            "INSERT INTO api_keys (id, party, account, name, prefix, secret, scopes, created_at, expires_at) \
             VALUES ($1, $2, $3, 'ERP', $1, $1, 'files:read', 0, 9000000000)",
            &[&id, &owner.party, &owner.account],
        )
        .await;
        id
    }

    async fn wallet(&self, owner: &Owner) -> String {
        let id = self.id();
        self.insert(
            "INSERT INTO wallets (address, id, account, name, created_at) VALUES ($1, $1, $2, 'Mine', 0)",
            &[&id, &owner.account],
        )
        .await;
        id
    }

    /// One that was computed, and a draft of the same id to attach it to.
    async fn study(&mut self, owner: &Owner) -> String {
        let (id, file) = (self.draft(owner).await, self.file(owner).await);
        self.computed(&id, owner, &file).await;
        id
    }

    /// A study of the data of a file, and what it came to.
    async fn computed(&self, id: &str, owner: &Owner, file: &str) -> String {
        let parameters: Parameters = "--lower 95".parse().unwrap();
        let answer = parameters.answer(DATA.as_bytes(), &mut |_| true).unwrap();
        let statement = answer.statement(&parameters);
        self.insert(
            "INSERT INTO studies (id, party, account, file, title, sha256, parameters, created_at) \
             SELECT $1, party, $2, id, name, sha256, '--lower 95', 0 FROM files WHERE id = $3",
            &[id, &owner.account, file],
        )
        .await;
        self.insert(
            "INSERT INTO computations (id, study, party, account, state, created_at, tries, rows_read, said, statement, result, \
             plot) VALUES ($1, $1, $2, $3, 'done', 0, 1, 3, '', $4, $5, '<svg/>')",
            &[id, &owner.party, &owner.account, &statement, &answer.json().unwrap()],
        )
        .await;
        statement
    }

    /// A study that the dossier of an application names, which a body has.
    async fn queued_study(&mut self, owner: &Owner, body: &str) -> (String, String) {
        let (id, study, file) = (self.draft(owner).await, self.id(), self.file(owner).await);
        let statement = self.computed(&study, owner, &file).await;
        let select = sqlx::query_as("SELECT sha256 FROM files WHERE id = $1").bind(&file);
        let (sha256,): (String,) = select.fetch_one(&self.portal.pool).await.unwrap();
        let report = json!({ "lab": "L", "sha256": sha256, "method": statement });
        let content = json!({ "credentialSubject": { "testReports": [report] } }).to_string();
        let hash = hash(&content);
        self.insert(
            "INSERT INTO editions (dossier, number, hash, content, at) VALUES ($1, 1, $2, $3, 0)",
            &[&id, &hash, &content],
        )
        .await;
        self.submitted(&id, owner, body, "submitted", None).await;
        (id, study)
    }

    /// A field that another body opened to somebody.
    async fn disclosure(&self, owner: &Owner) -> String {
        let id = self.id();
        let private =
            json!({ "application": self.code(), "field": "f", "salt": "0".repeat(32), "value": "x" });
        self.insert(
            "INSERT INTO disclosures (id, party, account, certificate, product, application, body, wanted, reason, asked_at, \
             state, said, place, hash, private, ends_at) \
             VALUES ($1, $2, $3, 'C', 'Paint', 'A', 'ThirdBodyMSP', $1, 'why', 0, 'opened', '', 0, 'sha256:0', $4, 9000000000)",
            &[&id, &owner.party, &owner.account, &private.to_string()],
        )
        .await;
        id
    }

    /// A request to this owner's organisation for a field.
    async fn asked_of(&self, owner: &Owner) -> String {
        let (id, asker) = (self.id(), self.owner(OTHER).await);
        self.insert(
            "INSERT INTO disclosures (id, party, account, certificate, product, application, body, wanted, reason, asked_at, \
             state, said) VALUES ($1, $2, $3, 'C', 'Paint', 'A', $4, $1, 'why', 0, 'asked', '')",
            &[&id, &asker.party, &asker.account, &owner.party],
        )
        .await;
        id
    }

    /// A colleague.
    async fn person(&self, owner: &Owner) -> String {
        let id = self.id();
        self.insert(
            "INSERT INTO accounts (id, party, email, name, password, created_at) VALUES ($1, $2, $1, 'Colleague', '', 0)",
            &[&id, &owner.party],
        )
        .await;
        id
    }
}

async fn party_of(portal: &Portal, email: &str) -> String {
    let select = sqlx::query_as("SELECT party FROM accounts WHERE email = $1").bind(email);
    let (party,): (String,) = select.fetch_one(&portal.pool).await.unwrap();
    party
}

fn hash(content: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content.as_bytes());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// What a form of this route needs to be read at all, where it names something.
fn fields(path: &str) -> &'static [(&'static str, &'static str)] {
    match path {
        "/passkeys/{passkey}/name" | "/account/wallets/{wallet}/name" => &[("name", "Mine")],
        "/applications/{application}/form/{step}" => &[("version", "1"), ("product.name", "Mine")],
        "/applications/{application}/withdraw" => &[("reason", "Mine")],
        "/applications/{application}/confidential" => &[("name", "mine"), ("confidential", "mine")],
        "/applications/{application}/confidential/remove" => &[("hash", "sha256:1")],
        "/queue/{body}/{application}/assign" => &[("to", "")],
        "/acts/{act}/{signed}" => &[("signature", "AA==")],
        "/admin/people/{person}" => &[("step", "disable")],
        "/team/people/{person}" => &[("step", "remove")],
        "/team/keys/{key}/rotate" => &[("hours", "0")],
        "/disclosures/{disclosure}/open" => &[("confidential", "{}"), ("client", "tell")],
        "/disclosures/{disclosure}/refuse" => &[("why", "so")],
        "/admin/claims/{application}" => &[("end", "refuse")],
        "/admin/keys/{key}/certificate" => &[("certificate", "x")],
        _ => &[],
    }
}

/// What comes back, as the tables have it.
async fn cell(browser: &mut Browser, route: &RouteOf, path: &str, nothing: &str) -> String {
    let mut fields = fields(route.path).to_vec();
    if let Some(study) = path.strip_suffix("/attach") {
        // The draft that `study` made with it.
        fields.push(("application", study.trim_start_matches("/studies/")));
    }
    let reply = match route.method {
        Method::GET => browser.get(path).await,
        _ => browser.post(path, &fields).await,
    };
    let to = reply.header("location");
    let shown = match reply.status {
        404 => {
            assert_eq!(reply.text(), nothing, "{path}: every page that is not there is the same");
            "—"
        }
        401 => "token",
        403 if reply.body.contains("Not for your role") => "role",
        303 if to.starts_with("/login") => "login",
        303 if to.starts_with("/passkey") && route.path != "/passkey" => "passkey",
        429 | 500 => panic!("{} {path}: {} {}", route.method, reply.status, reply.body),
        _ => "yes",
    };
    shown.to_owned()
}

/// All routes but those that end the session.
fn routes() -> Vec<RouteOf> {
    let routes: Vec<RouteOf> = portal::routes().into_iter().filter(|it| !ENDS.contains(&it.path)).collect();
    assert!(routes.len() > 90, "{}", routes.len());
    routes
}

fn row(route: &RouteOf, cells: &[String]) -> String {
    format!("| {} `{}` | {} |\n", route.method, route.path, cells.join(" | "))
}

fn head(columns: &[&str]) -> String {
    format!("{HEAD}{} |\n|---|{}\n", columns.join(" | "), "---|".repeat(columns.len()))
}

/// The columns of the table by role.
const PEOPLE: [&str; 13] = [
    "nobody",
    "owner",
    "member",
    "reader",
    "staff before the passkey",
    "staff without a role",
    "evaluator",
    "reviewer",
    "decision-maker",
    "lab",
    "accreditor",
    "auditor",
    "administrator",
];

/// Somebody of a column; the number tells those of one column apart.
async fn somebody(stage: &mut Stage, column: &str, number: usize) -> (Browser, Owner) {
    let portal = &stage.portal;
    let email = format!("{}-{number}@column.example", column.split(['’', ' ']).next().unwrap());
    let works = party_of(portal, WORKS).await;
    let browser = match column {
        "nobody" => {
            let mut browser = portal.browser();
            browser.from = Ipv4Addr::new(127, 0, 2, u8::try_from(number).unwrap());
            return (browser, stage.owner(WORKS).await);
        }
        "owner" | "member" | "reader" => {
            let ada = stage.hands.get_mut(&works).unwrap();
            let mut browser = portal.colleague(ada, &email, column).await;
            assert_eq!(browser.make_passkey("A key").await.status, 303);
            browser
        }
        _ => {
            let role = match column {
                "staff before the passkey" | "administrator" => "administrator",
                "staff without a role" => "",
                role => role,
            };
            let bob = stage.hands.get_mut("CertBodyMSP").unwrap();
            portal.colleague(bob, &email, role).await
        }
    };
    let owner = stage.owner(&email).await;
    if column != "staff before the passkey" {
        return (browser, owner);
    }
    let mut late = portal.browser();
    assert_eq!(late.log_in(&email, PASSWORD).await.status, 303);
    (late, owner)
}

/// Every route, asked by everybody for what is their own; for what is another's kind, where they cannot have such.
async fn by_role() -> String {
    let routes = routes();
    let mut cells: Vec<Vec<String>> = vec![Vec::new(); routes.len()];
    for column in PEOPLE {
        let mut stage = Stage::new().await;
        let nothing = stage.portal.browser().get("/there/is/no/such/page").await.text();
        for (chunk, (routes, cells)) in routes.chunks(CHUNK).zip(cells.chunks_mut(CHUNK)).enumerate() {
            let (mut browser, own) = somebody(&mut stage, column, chunk).await;
            let (works, body) = (stage.owner(WORKS).await, stage.owner(BODY).await);
            for (route, cells) in routes.iter().zip(cells) {
                let owner = match route.access {
                    Access::Company | Access::Applicant | Access::Owner if own.is_staff => &works,
                    Access::Staff | Access::Administrator if !own.is_staff => &body,
                    _ => &own,
                };
                let path = stage.path(route, owner).await;
                cells.push(cell(&mut browser, route, &path, &nothing).await);
            }
        }
    }
    let rows: String = routes.iter().zip(&cells).map(|(route, cells)| row(route, cells)).collect();
    for (route, cells) in routes.iter().zip(&cells) {
        let expected = expected(route.access);
        for ((column, found), expected) in PEOPLE.iter().zip(cells).zip(expected) {
            let is_hidden = found == "—" && is_narrower(route.path, column);
            // The front page leads on who has not shown the passkey yet.
            let is_led = route.path == "/" && found == "passkey";
            let is_right = found == expected || is_hidden || is_led;
            assert!(
                is_right,
                "{} {} {:?}, {column}: {found}\n{rows}",
                route.method, route.path, route.access
            );
        }
    }
    head(&PEOPLE) + &rows
}

/// Pages that are not there for some whom the list lets in: what decision-makers alone answer, and a second passkey made by who has not
/// shown the first.
fn is_narrower(path: &str, column: &str) -> bool {
    let is_answer = ["/disclosures/{disclosure}/open", "/disclosures/{disclosure}/refuse"].contains(&path);
    (is_answer && column != "decision-maker")
        || (path == "/passkeys/challenge" && column == "staff before the passkey")
}

/// What the list of routes says, in the order of [`PEOPLE`].
fn expected(access: Access) -> [&'static str; 13] {
    let of = |[nobody, owner, member, reader, before, staff, administrator]: [&'static str; 7]| {
        let [evaluator, reviewer, decides, lab, accreditor, auditor] = [staff; 6];
        [
            nobody,
            owner,
            member,
            reader,
            before,
            staff,
            evaluator,
            reviewer,
            decides,
            lab,
            accreditor,
            auditor,
            administrator,
        ]
    };
    match access {
        Access::Client | Access::Everybody => of(["yes"; 7]),
        Access::Bearer => of(["token"; 7]),
        Access::Login => of(["login", "yes", "yes", "yes", "yes", "yes", "yes"]),
        Access::Account => of(["login", "yes", "yes", "yes", "passkey", "yes", "yes"]),
        Access::Acting => of(["login", "yes", "yes", "role", "passkey", "yes", "yes"]),
        Access::Company => of(["login", "yes", "yes", "yes", "—", "—", "—"]),
        Access::Applicant => of(["login", "yes", "yes", "role", "—", "—", "—"]),
        Access::Owner => of(["login", "yes", "role", "role", "—", "—", "—"]),
        Access::Staff => of(["login", "—", "—", "—", "passkey", "yes", "yes"]),
        Access::Administrator => of(["login", "—", "—", "—", "passkey", "—", "yes"]),
        Access::AdministratorOrOwner => of(["login", "yes", "—", "—", "passkey", "—", "yes"]),
    }
}

const OTHERS: [&str; 4] =
    ["whose it is", "colleague with every role", "another company", "another organisation"];

/// Routes by which staff read what is everybody's, or that answer nobody without a certified key.
const OPEN: [&str; 2] = ["/issued/{body}/{certificate}", "/acts/{act}/{signed}"];

/// Every route that names something, asked for what is somebody else's, by owners of companies and administrators with every role. Nothing is changed by it.
async fn by_owner() -> String {
    let mut stage = Stage::new().await;
    let nothing = stage.portal.browser().get("/there/is/no/such/page").await.text();
    let named: Vec<RouteOf> = routes().into_iter().filter(|route| route.path.contains('{')).collect();
    let mut rows = String::new();
    for (number, routes) in named.chunks(CHUNK / 2).enumerate() {
        let mut cast = Cast::new(&mut stage, number).await;
        for route in routes {
            for is_staff in [false, true] {
                let is_theirs = match route.access {
                    Access::Company | Access::Applicant | Access::Owner => !is_staff,
                    Access::Staff | Access::Administrator => is_staff,
                    _ => true,
                };
                if is_theirs {
                    let cells = cast.ask(&mut stage, route, is_staff, &nothing).await;
                    let whose = if is_staff { "an organisation’s" } else { "a company’s" };
                    rows +=
                        &format!("| {} `{}`, {whose} | {} |\n", route.method, route.path, cells.join(" | "));
                }
            }
        }
    }
    assert!(rows.lines().count() > 40, "{rows}");
    head(&OTHERS) + &rows
}

/// Who asks, of two companies and two organisations: an owner and a colleague, and a stranger to both.
struct Cast {
    owners: [(Browser, Owner); 2],
    colleagues: [Browser; 2],
    strangers: [Browser; 2],
}

impl Cast {
    async fn new(stage: &mut Stage, number: usize) -> Self {
        stage.portal.from = Ipv4Addr::new(127, 0, 1, u8::try_from(number).unwrap());
        let (works, mill) = (party_of(&stage.portal, WORKS).await, party_of(&stage.portal, MILL).await);
        let mut join = async |party: &str, name: &str| {
            let email = format!("{name}-{number}@{}.example", party.to_lowercase());
            let mut browser = colleague(stage, party, &email).await;
            if !party.ends_with("MSP") {
                assert_eq!(browser.make_passkey("A key").await.status, 303);
            }
            let owner = stage.owner(&email).await;
            (browser, owner)
        };
        let owners = [join(&works, "owner").await, join("CertBodyMSP", "owner").await];
        let colleagues = [join(&works, "colleague").await.0, join("CertBodyMSP", "colleague").await.0];
        let strangers = [join(&mill, "stranger").await.0, join("SecondBodyMSP", "stranger").await.0];
        Self { owners, colleagues, strangers }
    }

    /// What comes back to the owner, a colleague and the strangers, who ask first.
    async fn ask(
        &mut self,
        stage: &mut Stage,
        route: &RouteOf,
        is_staff: bool,
        nothing: &str,
    ) -> Vec<String> {
        let (own, owner) = &mut self.owners[usize::from(is_staff)];
        let path = stage.path(route, owner).await;
        let before = (stage.portal.count("audit").await, stage.portal.count("calls").await);
        let mut cells = Vec::new();
        for stranger in &mut self.strangers {
            cells.push(cell(stranger, route, &path, nothing).await);
        }
        let after = (stage.portal.count("audit").await, stage.portal.count("calls").await);
        assert_eq!(before, after, "{} {path}: a stranger changed something", route.method);
        let is_open = OPEN.contains(&route.path);
        assert!(is_open || cells.iter().all(|it| it == "—"), "{} {}: {cells:?}", route.method, route.path);
        cells.insert(0, cell(&mut self.colleagues[usize::from(is_staff)], route, &path, nothing).await);
        let path = stage.path(route, owner).await;
        cells.insert(0, cell(own, route, &path, nothing).await);
        assert_eq!(cells[0], "yes", "{} {path}: what is asked for is there", route.method);
        cells
    }
}

/// Somebody who joins a party: an owner of a company, and of an organisation with every role.
async fn colleague(stage: &mut Stage, party: &str, email: &str) -> Browser {
    let hand = stage.hands.get_mut(party).unwrap();
    if !party.ends_with("MSP") {
        return stage.portal.colleague(hand, email, "owner").await;
    }
    let browser = stage.portal.colleague(hand, email, "administrator").await;
    let path = format!("/admin/people/{}", stage.portal.id(email).await);
    for role in ["evaluator", "reviewer", "decision-maker", "lab", "accreditor", "auditor"] {
        assert_eq!(hand.post(&path, &[("step", "grant"), ("role", role)]).await.status, 303, "{role}");
    }
    browser
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/portal-access.md")
}

/// The table of the page that stands at this place, and what is before and after.
fn split(page: &str, place: usize) -> (String, String, String) {
    let start = page.match_indices(HEAD).nth(place).expect("the table's head").0;
    let length = page[start..]
        .lines()
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.len() + 1)
        .sum::<usize>();
    let (before, rest) = page.split_at(start);
    let (table, after) = rest.split_at(length);
    (before.to_owned(), table.to_owned(), after.to_owned())
}

fn holds(place: usize, table: &str) {
    println!("{table}");
    let text = fs::read_to_string(page()).unwrap();
    let (before, found, after) = split(&text, place);
    if std::env::var("NANOTRACE_WRITE_TABLES").is_ok() {
        fs::write(page(), before + table + &after).unwrap();
        return;
    }
    assert_eq!(found, table, "docs/portal-access.md says otherwise: NANOTRACE_WRITE_TABLES=1 writes it anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_reaches_the_pages_that_the_table_says() {
    holds(0, &by_role().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_somebody_elses_is_not_there() {
    holds(1, &by_owner().await);
}
