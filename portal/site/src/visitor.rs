//! Who asks: what cookies and connection say.

use std::net::{IpAddr, SocketAddr};

use accounts::{BaseUrl, people::Account, secret};
use axum::http::{HeaderMap, HeaderValue, header, uri::Authority};
use views::page::Frame;

/// Who asks, as every page sees it.
#[derive(Clone, Debug)]
pub struct Visitor {
    pub account: Option<Account>,
    /// The id of the session.
    pub session: Option<String>,
    /// Whether the session began with a passkey.
    pub by_passkey: bool,
    pub form_token: String,
    /// Notifications that the account did not read.
    pub unread: i64,
    pub address: String,
    pub browser: String,
    pub now: i64,
}

impl Visitor {
    /// Whether a passkey has to be shown, or made, before anything else.
    pub fn lacks_passkey(&self) -> bool {
        !self.by_passkey && self.account.as_ref().is_some_and(Account::is_staff)
    }

    /// What every page that they see shows around its content.
    pub fn frame(&self) -> Frame {
        let frame = Frame::of(self.account.as_ref(), self.lacks_passkey(), &self.form_token);
        Frame { unread: if self.lacks_passkey() { 0 } else { self.unread }, ..frame }
    }

    /// The account's id; empty for somebody who is not logged in.
    pub fn actor(&self) -> &str {
        self.account.as_ref().map_or("", |account| &account.id)
    }
}

/// What a browser keeps for us.
pub struct Cookies {
    pub session: Option<String>,
    pub form: Option<String>,
}

/// The names of our cookies. With `__Host-`, a browser takes them from this very host alone, and over TLS.
fn names(base: &BaseUrl) -> [&'static str; 2] {
    if base.is_https() {
        ["__Host-nanotrace-session", "__Host-nanotrace-form"]
    } else {
        ["nanotrace-session", "nanotrace-form"]
    }
}

impl Cookies {
    pub fn read(headers: &HeaderMap, base: &BaseUrl) -> Self {
        let [session, form] = names(base);
        let find = |name: &str| {
            let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
            let mut pairs =
                lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
            pairs.find(|(it, _)| *it == name).map(|(_, value)| value.to_owned()).filter(|it| is_secret(it))
        };
        Self { session: find(session), form: find(form) }
    }
}

fn is_secret(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Gives a browser its session, or takes it away.
pub fn session_cookie(base: &BaseUrl, session: Option<&str>) -> Option<HeaderValue> {
    let [name, _] = names(base);
    let secure = if base.is_https() { "; Secure" } else { "" };
    // Lax: who comes by a link in a mail is logged in. Forms of other sites come without it, and are refused besides.
    let text = match session {
        Some(secret) => format!("{name}={secret}; Path=/; HttpOnly; SameSite=Lax{secure}"),
        None => format!("{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}"),
    };
    HeaderValue::try_from(text).ok()
}

/// By which a browser's forms are known.
pub fn form_cookie(base: &BaseUrl, form_secret: &str) -> Option<HeaderValue> {
    let [_, name] = names(base);
    let secure = if base.is_https() { "; Secure" } else { "" };
    HeaderValue::try_from(format!("{name}={form_secret}; Path=/; HttpOnly; SameSite=Lax{secure}")).ok()
}

/// Whether a browser asks for this site by its name. A page of another site whose name suddenly leads to this machine (DNS
/// rebinding) would read what a portal for this machine alone says, the mails of a demonstration for one. A reverse
/// proxy answers to its own names alone.
pub fn is_asked_by_name(headers: &HeaderMap, base: &BaseUrl) -> bool {
    let asked = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let asked = asked.and_then(|host| host.parse::<Authority>().ok());
    let is_here = |name: &str| {
        let address = name.trim_matches(['[', ']']).parse();
        name.eq_ignore_ascii_case(base.host()) || address.is_ok_and(|it: IpAddr| it.is_loopback())
    };
    base.is_https() || asked.is_some_and(|asked| is_here(asked.host()))
}

/// Where a request comes from. Who is reached over TLS has a reverse proxy on this machine, which names its client last.
pub fn address(headers: &HeaderMap, peer: SocketAddr, base: &BaseUrl) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").into_iter();
    let last = lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(',')).next_back();
    let named = last.and_then(|text| text.trim().parse().ok());
    named.filter(|_| base.is_https()).unwrap_or(peer.ip())
}

/// The network that one customer has: an IPv4 address, or an IPv6 network of 64 bits.
pub fn network(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("{:016x}", u128::from(address) >> 64),
    }
}

/// What a browser says of itself, as far as it is shown.
pub fn browser(headers: &HeaderMap) -> String {
    let said = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    said.chars().filter(|it| !it.is_control()).take(200).collect()
}

/// The form secret of a browser, and whether it is new.
pub fn form_secret(cookies: &Cookies) -> Result<(String, bool), getrandom::Error> {
    match &cookies.form {
        Some(secret) => Ok((secret.clone(), false)),
        None => Ok((secret::random()?, true)),
    }
}
