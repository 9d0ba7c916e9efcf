//! An account: its passkeys and sessions, its files, and what was typed before a session ended.

use accounts::{clients::Client, passkeys::store::Passkey, people::Account, store::Session, wallets::Wallet};
use askama::Template;
use uploads::Stored;

use crate::page::{FormOf, Frame, PasskeyForm, WalletForm, moment};

#[derive(Template)]
#[template(path = "account.html")]
pub struct AccountPage {
    pub frame: Frame,
    pub account: Account,
    pub notice: Option<String>,
    pub passkeys: Vec<ShownPasskey>,
    /// Whether passkeys may be added and removed; where not, `passkey` logs in with one.
    pub may_change: bool,
    pub passkey: PasskeyForm,
    pub wallets: Vec<ShownWallet>,
    /// Links another one, where wallets may be linked and removed.
    pub wallet: Option<WalletForm>,
    pub sessions: Vec<ShownSession>,
    pub clients: Vec<ShownClient>,
    pub email: FormOf,
    pub password: FormOf,
}

pub struct ShownPasskey {
    pub id: String,
    pub name: String,
    pub created: String,
    pub used: Option<String>,
}

impl From<Passkey> for ShownPasskey {
    fn from(passkey: Passkey) -> Self {
        let Passkey { id, name, created_at, used_at } = passkey;
        Self { id, name, created: moment(created_at), used: used_at.map(moment) }
    }
}

pub struct ShownWallet {
    pub id: String,
    pub name: String,
    /// The network and the address.
    pub address: String,
    pub linked: String,
    pub used: Option<String>,
}

impl ShownWallet {
    pub fn of(address: String, wallet: Wallet) -> Self {
        let Wallet { id, name, created_at, used_at, .. } = wallet;
        Self { id, name, address, linked: moment(created_at), used: used_at.map(moment) }
    }
}

/// The session of a program.
pub struct ShownClient {
    pub id: String,
    pub client: String,
    pub address: String,
    pub since: String,
    pub used: String,
}

impl From<Client> for ShownClient {
    fn from(client: Client) -> Self {
        let Client { id, client, address, created_at, used_at } = client;
        let client = if client.is_empty() { "unknown program".to_owned() } else { client };
        Self { id, client, address, since: moment(created_at), used: moment(used_at) }
    }
}

pub struct ShownSession {
    pub id: String,
    pub browser: String,
    pub address: String,
    pub since: String,
    pub seen: String,
    pub is_this: bool,
}

impl ShownSession {
    pub fn of(session: Session, this: Option<&str>) -> Self {
        Self {
            is_this: this == Some(session.id.as_str()),
            browser: if session.browser.is_empty() { "unknown browser".to_owned() } else { session.browser },
            id: session.id,
            address: session.address,
            since: moment(session.created_at),
            seen: moment(session.seen_at),
        }
    }
}

#[derive(Template)]
#[template(path = "kept.html")]
pub struct KeptPage {
    pub frame: Frame,
    pub action: String,
    pub fields: Vec<TypedField>,
    pub lacks_login: bool,
}

/// A field of which the name alone is known.
pub struct TypedField {
    pub name: String,
    pub label: String,
    pub value: String,
    pub is_long: bool,
    /// What the page wrote itself, and nobody typed.
    pub is_hidden: bool,
}

#[derive(Template)]
#[template(path = "files.html")]
pub struct FilesPage {
    pub frame: Frame,
    pub party: String,
    pub problem: Option<String>,
    pub files: Vec<ShownFile>,
}

pub struct ShownFile {
    pub id: String,
    pub name: String,
    pub kind: &'static str,
    pub size: String,
    pub sha256: String,
    pub since: String,
}

impl From<Stored> for ShownFile {
    fn from(stored: Stored) -> Self {
        Self {
            size: size(stored.bytes),
            since: moment(stored.created_at),
            kind: stored.kind.name(),
            id: stored.id,
            name: stored.name,
            sha256: stored.sha256,
        }
    }
}

/// As people say it.
fn size(bytes: i64) -> String {
    match bytes {
        ..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes.div_euclid(1_000)),
        _ => {
            format!("{}.{} MB", bytes.div_euclid(1_000_000), bytes.rem_euclid(1_000_000).div_euclid(100_000))
        }
    }
}
