//! Somebody who uses the portal of a running network, as a browser without scripts does; and a company's program.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

/// How the fields of a form are encoded.
const FORM: &str = "application/x-www-form-urlencoded";

/// What came back.
pub struct Reply {
    pub status: u16,
    pub location: String,
    pub body: String,
}

/// A browser that keeps cookies.
pub struct Visitor {
    address: String,
    cookies: BTreeMap<String, String>,
}

impl Visitor {
    /// Comes in by a link that the network printed, `http://localhost:PORT/welcome?token=…`.
    pub fn welcomed(link: &str) -> Self {
        let (address, path) = link.strip_prefix("http://localhost:").unwrap().split_once('/').unwrap();
        let mut visitor = Self { address: format!("127.0.0.1:{address}"), cookies: BTreeMap::new() };
        let page = visitor.get(&format!("/{path}"));
        let token = path.split_once("token=").unwrap().1.to_owned();
        let entered = visitor.send("/welcome", &[("token", &token), ("form_token", &form_token(&page.body))]);
        assert_eq!(entered.status, 303, "{}", entered.body);
        visitor
    }

    /// Somebody who registers a company, with the link of the mail as a demonstration shows it.
    pub fn registered(base: &str, email: &str, company: &str) -> Self {
        let mut visitor = Self::with_session(base, "");
        visitor.cookies.clear();
        let fields = [("email", email), ("name", "Ada Lovelace"), ("company", company)];
        let registered = visitor.post("/register", "/register", &fields);
        assert!(registered.body.contains("Look into your mail"), "{}", registered.body);
        let start = format!("{base}/join?token=");
        let page = visitor.wait_for("/outbox", &start);
        let at = page.find(&start).unwrap() + start.len();
        let token = page[at..at + 64].to_owned();
        let fields = [("token", &*token), ("name", "Ada Lovelace"), ("password", "correct battery, horse")];
        let joined = visitor.post(&format!("/join?token={token}"), "/join", &fields);
        assert_eq!(joined.status, 303, "{}", joined.body);
        visitor
    }

    /// Somebody with a session that was begun already, at `http://localhost:PORT`.
    pub fn with_session(base: &str, secret: &str) -> Self {
        let port = base.strip_prefix("http://localhost:").unwrap();
        let cookies = BTreeMap::from([("nanotrace-session".to_owned(), secret.to_owned())]);
        Self { address: format!("127.0.0.1:{port}"), cookies }
    }

    pub fn get(&mut self, path: &str) -> Reply {
        self.ask("GET", path, FORM, "")
    }

    /// Loads a page, and sends a form as that page has it.
    pub fn post(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Reply {
        let page = self.get(page);
        let token = form_token(&page.body);
        let mut all = fields.to_vec();
        all.push(("form_token", &token));
        let version = page.body.split_once("name=\"version\" value=\"").map(|(_, rest)| until_quote(rest));
        if let Some(version) = &version {
            all.push(("version", version));
        }
        self.send(path, &all)
    }

    /// Uploads a file; the id that it got.
    pub fn upload(&mut self, name: &str, content: &str) -> String {
        let answer = self.send_file("/files", &[("next", "/files")], name, content);
        let id = answer.location.strip_prefix("/files?file=");
        id.unwrap_or_else(|| panic!("{} {}", answer.status, answer.body)).to_owned()
    }

    /// Loads a page, and sends its form with a file.
    pub fn send_file(&mut self, path: &str, fields: &[(&str, &str)], name: &str, content: &str) -> Reply {
        const BOUNDARY: &str = "bo-un-da-ry";
        let token = form_token(&self.get(path).body);
        let part = |disposition: &str, value: &str| {
            format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
        };
        let mut form = part("name=\"form_token\"", &token);
        for (field, value) in fields {
            form += &part(&format!("name=\"{field}\""), value);
        }
        form += &part(&format!("name=\"file\"; filename=\"{name}\""), content);
        form += &format!("--{BOUNDARY}--\r\n");
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        self.ask("POST", path, &kind, &form)
    }

    /// Loads a page until it says this.
    pub fn wait_for(&mut self, path: &str, text: &str) -> String {
        let until = Instant::now() + Duration::from_secs(90);
        loop {
            let page = self.get(path);
            if page.body.contains(text) {
                return page.body;
            }
            assert!(Instant::now() < until, "{path} never says {text:?}: {}", page.body);
            // The portal counts requests: a hundred a minute.
            std::thread::sleep(Duration::from_millis(700));
        }
    }

    fn send(&mut self, path: &str, fields: &[(&str, &str)]) -> Reply {
        let encoded: Vec<_> =
            fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        self.ask("POST", path, FORM, &encoded.join("&"))
    }

    fn ask(&mut self, method: &str, path: &str, kind: &str, body: &str) -> Reply {
        let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers = format!("Cookie: {}\r\nContent-Type: {kind}\r\n", cookies.join("; "));
        let (reply, cookies) = exchange(&self.address, method, path, &headers, body);
        self.cookies.extend(cookies);
        reply
    }
}

/// A company's program, with its key of the partner API.
pub struct Program {
    address: String,
    key: String,
}

impl Program {
    /// With a key that somebody makes who may, for everything.
    pub fn of(owner: &mut Visitor) -> Self {
        let scopes =
            ["applications:read", "applications:write", "files:read", "files:write", "certificates:read"];
        let mut fields = vec![("name", "ERP"), ("days", "30")];
        fields.extend(scopes.map(|scope| ("scope", scope)));
        let made = owner.post("/team/keys", "/team/keys", &fields);
        let (_, rest) =
            made.body.split_once("<p class=\"secret\">").unwrap_or_else(|| panic!("{}", made.body));
        Self { address: owner.address.clone(), key: rest.split('<').next().unwrap().to_owned() }
    }

    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, "application/json", "")
    }

    /// Sends this; `path` begins behind `/api/v1`.
    pub fn send(&self, method: &str, path: &str, kind: &str, body: &str) -> Reply {
        let headers = format!("Authorization: Bearer {}\r\nContent-Type: {kind}\r\n", self.key);
        exchange(&self.address, method, &format!("/api/v1{path}"), &headers, body).0
    }
}

/// One request on a connection of its own: what came back, and the cookies that it set.
fn exchange(
    address: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &str,
) -> (Reply, Vec<(String, String)>) {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let (mut location, mut cookies) = (String::new(), Vec::new());
    for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
        match name {
            "set-cookie" => {
                let (name, value) = value.split(';').next().unwrap().split_once('=').unwrap();
                cookies.push((name.to_owned(), value.to_owned()));
            }
            "location" => location = value.to_owned(),
            _ => {}
        }
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (Reply { status, location, body: body.to_owned() }, cookies)
}

fn form_token(page: &str) -> String {
    until_quote(
        page.split_once("name=\"form_token\" value=\"").unwrap_or_else(|| panic!("no form: {page}")).1,
    )
}

fn until_quote(text: &str) -> String {
    text.split('"').next().unwrap().to_owned()
}

fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded = |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(encoded).collect()
}

/// Begins with the demonstration's certificate, and fills in what an application has besides: the path of the draft.
pub fn draft(visitor: &mut Visitor, code: &str, name: &str) -> String {
    let begun = visitor.post("/applications/new", "/applications/from-certificate", &[("certificate", code)]);
    assert_eq!(begun.status, 303, "{}", begun.body);
    let path = begun.location.strip_suffix("/form/product").unwrap().to_owned();
    rename(visitor, &path, name);
    path
}

/// Gives a draft another product's name, and all that its first page asks for.
pub fn rename(visitor: &mut Visitor, path: &str, name: &str) {
    let product = format!("{path}/form/product");
    let page = visitor.get(&product).body;
    let value = |field: &str| {
        let (_, rest) = page.split_once(&format!("name=\"{field}\" type=\"text\" value=\"")).unwrap();
        rest.split('"').next().unwrap().replace("&#38;", "&")
    };
    let standard = value("standards.0");
    let fields = [
        ("product.name", name),
        ("application.body", "CertBodyMSP"),
        ("scheme.id", certificate::demo::SCHEME_ID),
        ("scheme.version", certificate::demo::SCHEME_VERSION),
        ("listing", "listed"),
        ("standards.0", &standard),
        ("then", "on"),
    ];
    let saved = visitor.post(&product, &product, &fields);
    assert!(saved.location.ends_with("/form/supplier"), "{} {}", saved.location, saved.body);
}

pub fn hand_in(visitor: &mut Visitor, path: &str) {
    let sent = visitor.post(&format!("{path}/preview"), &format!("{path}/submit"), &[]);
    assert_eq!((sent.status, sent.location.as_str()), (303, path), "{}", sent.body);
}

/// An application that is handed in: its path.
pub fn application(visitor: &mut Visitor, code: &str, name: &str) -> String {
    let path = draft(visitor, code, name);
    hand_in(visitor, &path);
    path
}
