//! A portal that answers over real HTTP, browsers without a screen, and PostgreSQL as Debian has it.

// Each of the test programs uses a part of it.
#![allow(dead_code)]

mod authenticator;
mod wallet;

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use accounts::{BaseUrl, Database};
pub use authenticator::Authenticator;
use background::mail::Post;
use desk::{Identity, Organisations};
use material::{CryptoConfig, Validity};
use peer_client::profile;
use portal::{Config, Server};
use sqlx::AnyPool;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::oneshot,
};
use url::form_urlencoded;
// Each test takes what it needs.
#[allow(unused_imports)]
pub use wallet::{Signed, Wallets, node};

/// Each case is a test on SQLite; on PostgreSQL they share one server, and are one test.
#[allow(unused_macros)]
macro_rules! cases {
    ($($case:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    super::$case(crate::harness::Portal::on_sqlite().await).await;
                }
            )*
        }

        #[tokio::test(flavor = "multi_thread")]
        async fn the_same_cases_on_postgresql() {
            let cluster = harness::Postgres::start().await;
            $(
                println!("{}", stringify!($case));
                $case(harness::Portal::on_postgres(&cluster, stringify!($case)).await).await;
            )*
        }
    };
}

pub const PASSWORD: &str = "correct battery, horse";

/// A portal and its folders. It ends with the value.
pub struct Portal {
    pub address: SocketAddr,
    pub base: BaseUrl,
    /// From which its browsers connect.
    pub from: Ipv4Addr,
    pub database: Database,
    /// For statements that the portal itself never makes.
    pub pool: AnyPool,
    folder: TempDir,
    _stop: oneshot::Sender<()>,
}

impl Portal {
    pub async fn on_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a portal?.db");
        let url = format!("sqlite://{}?mode=rwc", path.to_str().unwrap().replace('?', "%3F"));
        Self::start(folder, path.to_str().unwrap(), &url, None, false).await
    }

    pub async fn on_postgres(cluster: &Postgres, name: &str) -> Self {
        let url = cluster.create(name).await;
        Self::start(tempfile::tempdir().unwrap(), &url, &url, None, false).await
    }

    /// As [`Portal::before`], on PostgreSQL.
    pub async fn on_postgres_before(cluster: &Postgres, name: &str, organisations: Organisations) -> Self {
        let url = cluster.create(name).await;
        Self::start_with(tempfile::tempdir().unwrap(), &url, &url, None, false, organisations).await
    }

    /// With a ledger that may not answer.
    pub async fn before(organisations: Organisations) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("portal.db");
        let url = format!("sqlite://{}?mode=rwc", path.to_str().unwrap());
        Self::start_with(folder, path.to_str().unwrap(), &url, None, false, organisations).await
    }

    /// Behind a proxy that answers at `https://portal.example`.
    pub async fn behind_tls() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("portal.db");
        let url = format!("sqlite://{}?mode=rwc", path.to_str().unwrap());
        let base = Some("https://portal.example".parse().unwrap());
        Self::start(folder, path.to_str().unwrap(), &url, base, false).await
    }

    /// As `nanotrace up` starts it.
    pub async fn demonstration() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("portal.db");
        let url = format!("sqlite://{}?mode=rwc", path.to_str().unwrap());
        Self::start(folder, path.to_str().unwrap(), &url, None, true).await
    }

    async fn start(
        folder: TempDir,
        location: &str,
        url: &str,
        base: Option<BaseUrl>,
        is_demonstration: bool,
    ) -> Self {
        Self::start_with(folder, location, url, base, is_demonstration, Organisations::default()).await
    }

    async fn start_with(
        folder: TempDir,
        location: &str,
        url: &str,
        base: Option<BaseUrl>,
        is_demonstration: bool,
        organisations: Organisations,
    ) -> Self {
        let database = Database::open(location).await.unwrap();
        let post = Post::new("portal@example.com", folder.path().join("mails").to_str().unwrap()).unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        // Nobody listens there.
        let mut signers = granting::Signers::default();
        for organisation in organisations.iter() {
            let nowhere = granting::at(folder.path().join("signer"));
            signers.add(&organisations, &organisation.msp_id, nowhere).unwrap();
        }
        let config = Config {
            listen,
            // Of a single-page client, for the tests of it.
            origins: vec!["https://app.example".parse().unwrap(), "http://localhost:5173".parse().unwrap()],
            base,
            database: database.clone(),
            post,
            organisations: Arc::new(organisations),
            signers,
            files: folder.path().join("files"),
            certify: None,
            is_demonstration,
        };
        let server = Server::bind(config).await.unwrap();
        let (address, base) = (server.address().unwrap(), server.base().clone());
        let (stop, stopped) = oneshot::channel();
        tokio::spawn(server.run(async move { drop(stopped.await) }));
        let pool = AnyPool::connect(url).await.unwrap();
        Self { address, base, from: Ipv4Addr::LOCALHOST, database, pool, folder, _stop: stop }
    }

    pub fn browser(&self) -> Browser {
        Browser {
            address: self.address,
            from: self.from,
            cookies: BTreeMap::new(),
            host: self.base.to_string().split_once("://").unwrap().1.to_owned(),
            headers: Vec::new(),
            authenticator: Authenticator::new(&self.base.to_string()),
            form_token: None,
        }
    }

    /// The names in the folder of files, once there are so many.
    pub async fn files(&self, expected: usize) -> Vec<String> {
        let read = || {
            let entries = fs::read_dir(self.folder.path().join("files")).unwrap();
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<Vec<_>>()
        };
        let until = Instant::now() + Duration::from_secs(10);
        while read().len() != expected && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let names = read();
        assert_eq!(names.len(), expected, "{names:?}");
        names
    }

    /// The newest mail to this address whose text has `word`, waited for.
    pub async fn mail(&self, to: &str, word: &str) -> String {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            let mut mails = self.mails();
            mails.retain(|(_, text)| text.contains(&format!("To: {to}\r\n")) && text.contains(word));
            mails.sort();
            if let Some((_, text)) = mails.pop() {
                return text;
            }
            assert!(Instant::now() < until, "no mail to {to} with {word:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn mails(&self) -> Vec<(std::time::SystemTime, String)> {
        let files = fs::read_dir(self.folder.path().join("mails")).unwrap();
        let files = files
            .map(|file| file.unwrap().path())
            .filter(|path| path.extension().is_some_and(|it| it == "eml"));
        files
            .map(|path| {
                (
                    fs::metadata(&path).unwrap().modified().unwrap(),
                    decoded(&fs::read_to_string(path).unwrap()),
                )
            })
            .collect()
    }

    /// The path of the newest link to `page` in a mail to this address.
    pub async fn link(&self, to: &str, page: &str) -> String {
        let start = format!("{}{page}?token=", self.base);
        let mail = self.mail(to, &start).await;
        let at = mail.find(&start).unwrap() + start.len();
        format!("{page}?token={}", &mail[at..at + 64])
    }

    /// A browser of somebody who has just registered a company.
    pub async fn company(&self, email: &str, company: &str) -> Browser {
        let mut browser = self.browser();
        let fields = [("email", email), ("name", "Ada Lovelace"), ("company", company)];
        assert_eq!(browser.post("/register", &fields).await.status, 200);
        let link = self.link(email, "/join").await;
        browser.join(&link).await;
        browser
    }

    /// A browser of an organisation's first administrator.
    pub async fn administrator(&self, email: &str, organisation: &str) -> Browser {
        let link =
            portal::invite_administrator(&self.database, &self.base, organisation, email).await.unwrap();
        let mut browser = self.browser();
        browser.join(link.strip_prefix(&self.base.to_string()).unwrap()).await;
        browser
    }

    /// A browser of somebody whom `administrator`, or an owner, invites.
    pub async fn colleague(&self, administrator: &mut Browser, email: &str, role: &str) -> Browser {
        let page = match role {
            "owner" | "member" | "reader" => "/team/invitations",
            _ => "/admin/invitations",
        };
        let invited = administrator.post(page, &[("email", email), ("role", role)]).await;
        assert_eq!(invited.status, 200, "{}", invited.body);
        let link = self.link(email, "/join").await;
        let mut browser = self.browser();
        browser.join(&link).await;
        browser
    }

    /// Asks as a program does: with these headers and this body.
    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = self.head_of(method, path, headers, body.len());
        // Who refuses a body may not read all of it.
        let _ = stream.write_all(&[head.as_bytes(), body].concat()).await;
        answered(stream).await
    }

    fn head_of(&self, method: &str, path: &str, headers: &[(&str, &str)], length: usize) -> String {
        let mut head =
            format!("{method} {path} HTTP/1.1\r\nConnection: close\r\nContent-Length: {length}\r\n");
        if !headers.iter().any(|(name, _)| *name == "Host") {
            head += &format!("Host: {}\r\n", self.base.to_string().split_once("://").unwrap().1);
        }
        headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
        head + "\r\n"
    }

    /// Sends the head of such a request. When this returns, the portal has looked who asks, and waits for the body.
    pub async fn begin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        length: usize,
    ) -> BegunRequest {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let expecting = [headers, &[("Expect", "100-continue")]].concat();
        stream.write_all(self.head_of(method, path, &expecting, length).as_bytes()).await.unwrap();
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        BegunRequest { stream }
    }

    /// The id of the account with this address.
    pub async fn id(&self, email: &str) -> String {
        let select = sqlx::query_as("SELECT id FROM accounts WHERE email = $1").bind(email);
        let (id,): (String,) = select.fetch_one(&self.pool).await.unwrap();
        id
    }

    pub async fn count(&self, table: &'static str) -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let (count,): (i64,) = sqlx::query_as(statement).fetch_one(&self.pool).await.unwrap();
        count
    }
}

/// The fingerprint of the ledger that [`organisations`] know.
pub const GENESIS: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// These organisations, the first of which applies for companies, with a ledger that does not answer and this verifier.
pub fn organisations(names: &[&str], verifier: Option<&str>) -> (TempDir, Organisations) {
    let folder = tempfile::tempdir().unwrap();
    let keys = folder.path().join("crypto-config");
    let config = names.iter().map(|name| {
        let domain = name.to_lowercase();
        format!("  - Name: {name}\n    Domain: {domain}.example\n    EnableNodeOUs: true\n    Template: {{Count: 1}}\n    Users: {{Count: 1}}\n")
    });
    let config = CryptoConfig::parse(&format!("PeerOrgs:\n{}", config.collect::<String>())).unwrap();
    material::generate(&config, &keys, Validity::of_years(1_790_000_000, 1)).unwrap();
    let server = || profile::Server { address: "127.0.0.1:1".into(), tls_ca_file: None, server_name: None };
    let organisation = |name: &&str| profile::Organisation {
        name: (*name).into(),
        msp_id: format!("{name}MSP"),
        domain: format!("{}.example", name.to_lowercase()),
        gateway: server(),
    };
    let profile = profile::ConnectionProfile {
        channel: "nanotrace".into(),
        chaincode: "nanotrace".into(),
        genesis: GENESIS.into(),
        crypto_config: keys,
        verifier: verifier.map(str::to_owned),
        orderer: server(),
        organisations: names.iter().map(organisation).collect(),
    };
    let service = |name: &&str| Identity { organisation: (*name).into(), user: "User1".into() };
    let services: Vec<_> = names.iter().map(service).collect();
    let organisations = Organisations::new(&profile, &[], &services, names.first().copied()).unwrap();
    (folder, organisations)
}

/// Keys of an organisation whose gateway is where nobody listens.
pub fn away() -> (TempDir, Organisations) {
    away_with(None)
}

/// As [`away`], with a verifier at this address.
pub fn away_with(verifier: Option<&str>) -> (TempDir, Organisations) {
    organisations(&["Industry"], verifier)
}

/// A request for a certificate of a new key, as OpenSSL writes it.
pub fn key_request() -> String {
    let arguments =
        ["req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-subj", "/CN=x"];
    let folder = tempfile::tempdir().unwrap();
    let output =
        Command::new("openssl").current_dir(folder.path()).args(arguments).args(["-keyout", "k"]).output();
    String::from_utf8(output.unwrap().stdout).unwrap()
}

/// What came back.
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(it, _)| it == name).map_or("", |(_, value)| value)
    }

    /// The body without what differs from one browser to the next.
    pub fn text(&self) -> String {
        let mut text = self.body.clone();
        while let Some(at) = text.find("name=\"form_token\" value=\"") {
            let end = at + "name=\"form_token\" value=\"".len() + 64;
            text.replace_range(at..end, "");
        }
        text
    }
}

/// A browser without a screen: it keeps cookies, and loads a form before it sends it.
#[derive(Clone)]
pub struct Browser {
    address: SocketAddr,
    /// From which it connects: who is not logged in is counted by it.
    pub from: Ipv4Addr,
    pub cookies: BTreeMap<String, String>,
    /// By which it asks for the portal.
    pub host: String,
    pub headers: Vec<(String, String)>,
    pub authenticator: Authenticator,
    form_token: Option<String>,
}

impl Browser {
    pub async fn get(&mut self, path: &str) -> Reply {
        self.ask("GET", path, None).await
    }

    /// Sends a form, as it was loaded.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let token = self.form_token().await;
        let mut all = fields.to_vec();
        all.push(("form_token", &token));
        self.post_as_it_is(path, &all).await
    }

    pub async fn post_as_it_is(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.ask("POST", path, Some(body)).await
    }

    /// Loads the next form anew, as a person does whose session has ended.
    pub fn reload(&mut self) {
        self.form_token = None;
    }

    /// The token of the forms that this browser loads.
    pub async fn form_token(&mut self) -> String {
        if let Some(token) = &self.form_token {
            return token.clone();
        }
        let page = self.get("/login").await;
        let (_, rest) = page.body.split_once("name=\"form_token\" value=\"").unwrap();
        let token = rest[..64].to_owned();
        self.form_token = Some(token.clone());
        token
    }

    pub fn session(&self) -> Option<&String> {
        self.cookies.iter().find(|(name, _)| name.ends_with("nanotrace-session")).map(|(_, value)| value)
    }

    pub async fn join(&mut self, link: &str) {
        let token = link.split_once("token=").unwrap().1;
        let fields = [("token", token), ("name", "Ada Lovelace"), ("password", PASSWORD)];
        let joined = self.post("/join", &fields).await;
        assert_eq!((joined.status, joined.header("location")), (303, "/account"), "{}", joined.body);
        if self.get("/account").await.header("location").starts_with("/passkey") {
            let made = self.make_passkey("A key").await;
            assert_eq!(made.status, 303, "{}", made.body);
        }
    }

    /// What the portal asks to be signed: as JSON, and the challenge alone.
    pub async fn challenge(&mut self, page: &str) -> (String, String) {
        let asked = self.post(page, &[]).await;
        assert_eq!((asked.status, asked.header("content-type")), (200, "application/json"), "{}", asked.body);
        let options: serde_json::Value = serde_json::from_str(&asked.body).unwrap();
        let challenge = options["challenge"].as_str().unwrap().to_owned();
        (asked.body, challenge)
    }

    /// Makes a passkey for who is logged in.
    pub async fn make_passkey(&mut self, name: &str) -> Reply {
        let (options, _) = self.challenge("/passkeys/challenge").await;
        let made = self.authenticator.create(&options);
        self.send_passkey(name, &made).await
    }

    pub async fn send_passkey(&mut self, name: &str, credential: &str) -> Reply {
        self.post("/passkeys", &[("name", name), ("credential", credential), ("next", "/account")]).await
    }

    /// Logs in with the newest passkey.
    pub async fn show_passkey(&mut self) -> Reply {
        let (options, _) = self.challenge("/login/passkey/challenge").await;
        let signed = self.authenticator.get(&options);
        self.send_login(&signed).await
    }

    pub async fn send_login(&mut self, credential: &str) -> Reply {
        self.post("/login/passkey", &[("credential", credential), ("next", "/account")]).await
    }

    pub async fn log_in(&mut self, email: &str, password: &str) -> Reply {
        self.post("/login", &[("email", email), ("password", password), ("next", "/account")]).await
    }

    /// Sends the head of a form. When this returns, the portal has looked who asks, and waits for the fields.
    pub async fn begin_post(&mut self, path: &str, fields: &[(&str, &str)]) -> BegunPost {
        let token = self.form_token().await;
        let mut body = form_urlencoded::Serializer::new(String::new());
        let body = body.extend_pairs(fields).append_pair("form_token", &token).finish();
        let mut stream = self.connect().await;
        // RFC 9110 §10.1.1: who serves answers it when it begins to read the body.
        let head = format!("{}Expect: 100-continue\r\n\r\n", self.head("POST", path, Some(&body)));
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 25];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
        BegunPost { stream, body }
    }

    /// Sends a form with a file, as it was loaded.
    pub async fn upload(&mut self, name: &str, content: &[u8]) -> Reply {
        let token = self.form_token().await;
        let form = multipart(&[("form_token", &token), ("next", "/files")], name, content);
        self.send_file("/files", &form).await
    }

    /// Sends a form with a file in it.
    pub async fn send_file(&mut self, path: &str, form: &[u8]) -> Reply {
        let mut stream = self.begin_upload_to(path, form.len()).await;
        // Who refuses the form may not read all of it.
        let _ = stream.write_all(form).await;
        answered(stream).await
    }

    /// Sends the head of a form with a file, which has so many bytes.
    pub async fn begin_upload(&self, length: usize) -> TcpStream {
        self.begin_upload_to("/files", length).await
    }

    async fn begin_upload_to(&self, path: &str, length: usize) -> TcpStream {
        let mut stream = self.connect().await;
        let head = format!(
            "{}Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nContent-Length: {length}\r\n\r\n",
            self.head("POST", path, None)
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    /// Asks as a program does: with JSON, and without a cookie.
    pub async fn program(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host);
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let length = body.len();
        stream.write_all(format!("{head}Content-Length: {length}\r\n\r\n{body}").as_bytes()).await.unwrap();
        answered(stream).await
    }

    fn head(&self, method: &str, path: &str, body: Option<&str>) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.host);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
        if !cookies.is_empty() {
            head += &format!("Cookie: {}\r\n", cookies.join("; "));
        }
        if let Some(body) = body {
            let length = body.len();
            head +=
                &format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n");
        }
        head
    }

    async fn connect(&self) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((self.from, 0).into()).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    async fn ask(&mut self, method: &str, path: &str, body: Option<String>) -> Reply {
        let head = self.head(method, path, body.as_deref());
        let mut stream = self.connect().await;
        stream.write_all(format!("{head}\r\n{}", body.unwrap_or_default()).as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await.unwrap();
        let reply = parse(&String::from_utf8(bytes).unwrap());
        for (_, cookie) in reply.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (name, value) = cookie.split(';').next().unwrap().split_once('=').unwrap();
            if name.ends_with("session") {
                self.form_token = None;
            }
            match value {
                "" => drop(self.cookies.remove(name)),
                _ => drop(self.cookies.insert(name.to_owned(), value.to_owned())),
            }
        }
        reply
    }
}

const BOUNDARY: &str = "----WebKitFormBoundary7MA4YWxkTrZu0gW";

/// A form with a file, as browsers write it.
pub fn multipart(fields: &[(&str, &str)], name: &str, content: &[u8]) -> Vec<u8> {
    let mut form = String::new();
    for (field, value) in fields {
        form +=
            &format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{field}\"\r\n\r\n{value}\r\n");
    }
    form += &format!(
        "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: application/octet-stream\r\n\r\n"
    );
    let end = format!("\r\n--{BOUNDARY}--\r\n");
    [form.as_bytes(), content, end.as_bytes()].concat()
}

/// What comes back until the portal closes the connection.
pub async fn answered(mut stream: TcpStream) -> Reply {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    parse(&String::from_utf8(bytes).unwrap())
}

/// A form of which the portal has the head alone.
pub struct BegunPost {
    stream: TcpStream,
    body: String,
}

impl BegunPost {
    /// Sends the fields.
    pub async fn end(mut self) -> Reply {
        self.stream.write_all(self.body.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).await.unwrap();
        parse(&String::from_utf8(bytes).unwrap())
    }
}

/// A request of which the portal has the head alone.
pub struct BegunRequest {
    stream: TcpStream,
}

impl BegunRequest {
    pub async fn end_with(mut self, body: &[u8]) -> Reply {
        self.stream.write_all(body).await.unwrap();
        answered(self.stream).await
    }
}

/// A mail without the encoding of its text (RFC 2045 §6.7): all of it is ASCII.
fn decoded(mail: &str) -> String {
    if !mail.contains("quoted-printable") {
        return mail.to_owned();
    }
    mail.replace("=\r\n", "").replace("=3D", "=")
}

fn parse(text: &str) -> Reply {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let header =
        |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    Reply { status, headers: lines.filter_map(header).collect(), body: body.to_owned() }
}

/// A PostgreSQL server of its own, at a socket in its own folder. It ends with the value.
pub struct Postgres {
    server: Child,
    folder: TempDir,
}

impl Postgres {
    pub async fn start() -> Self {
        let programs = programs();
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        give_to_postgres(folder.path());
        give_to_postgres(&data);
        let mut command = as_postgres(&programs.join("initdb"));
        command.args([
            "--no-sync",
            "--auth=trust",
            "--username=portal",
            "--encoding=UTF8",
            "--locale=C",
            "-D",
        ]);
        let made = command.arg(&data).output().unwrap();
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut command = as_postgres(&programs.join("postgres"));
        command.arg("-D").arg(&data).arg("-k").arg(folder.path()).args([
            "-c",
            "listen_addresses=",
            "-c",
            "fsync=off",
        ]);
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let server = command.stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let cluster = Self { server, folder };
        cluster.wait().await;
        cluster
    }

    fn url(&self, database: &str) -> String {
        let socket = self.folder.path().to_str().unwrap();
        format!("postgres://portal@localhost/{database}?host={socket}")
    }

    async fn wait(&self) {
        sqlx::any::install_default_drivers();
        let until = Instant::now() + Duration::from_secs(60);
        while let Err(error) = AnyPool::connect(&self.url("postgres")).await {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            assert!(Instant::now() < until, "PostgreSQL does not answer: {error}\n{}", log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The URL of a new database.
    pub async fn create(&self, name: &str) -> String {
        let pool = AnyPool::connect(&self.url("postgres")).await.unwrap();
        let statement = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
        sqlx::query(statement).execute(&pool).await.unwrap();
        self.url(name)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The folder of the newest PostgreSQL.
fn programs() -> PathBuf {
    let version =
        |path: &PathBuf| path.file_name().and_then(|it| it.to_str()).and_then(|it| it.parse::<u32>().ok());
    let found = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().map(|it| it.unwrap().path());
    let newest = found.filter(|path| version(path).is_some()).max_by_key(version);
    newest
        .expect("PostgreSQL is not installed: apt-get install postgresql (scripts/test does so)")
        .join("bin")
}

/// PostgreSQL refuses to run as root: Debian's package brings a user for it.
fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    // Killed with the test, whatever becomes of it.
    command
}

fn give_to_postgres(folder: &Path) {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    if is_root() {
        let users = fs::read_to_string("/etc/passwd").unwrap();
        let line = users.lines().find(|line| line.starts_with("postgres:")).expect("Debian's user postgres");
        let ids = line.split(':').collect::<Vec<_>>();
        chown(folder, Some(ids[2].parse().unwrap()), Some(ids[3].parse().unwrap())).unwrap();
    }
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    status.lines().any(|line| line.starts_with("Uid:\t0\t"))
}
