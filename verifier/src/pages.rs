//! The pages: what the templates are filled with. Rendered on the server, complete without scripts.

mod facts;
mod sheet;
mod status;
mod words;

use askama::Template;
use certificate::DateTime;

pub(crate) use self::sheet::{CertificatePage, Extras};
pub(crate) use self::status::{Status, Tone, word};
pub(crate) use self::words::moment;
use crate::config::Contact;
use crate::sync_status::{AsOf, Sources};

/// What every page shows around its content.
#[derive(Clone)]
pub(crate) struct Frame {
    pub style: String,
    pub icon: String,
    pub banner: Option<&'static str>,
    pub host: String,
    pub channel: String,
    pub genesis: String,
    pub contact: Option<Contact>,
    /// Seconds that a cache may keep an answer.
    pub window: u64,
    pub as_of: String,
}

pub(crate) const DEMONSTRATION_LEDGER: &str =
    "One operator holds all keys of this ledger. Its certificates certify nothing.";
pub(crate) const DEMONSTRATION_CERTIFICATE: &str =
    "This certificate was made to show how it works. It certifies nothing.";

impl Frame {
    pub fn at(mut self, as_of: &AsOf) -> Self {
        self.as_of = as_of_sentence(as_of, None);
        self
    }
}

/// The front page, also when what was typed is no code.
#[derive(Template)]
#[template(path = "front.html")]
pub(crate) struct FrontPage {
    pub frame: Frame,
    pub entry: Entry,
}

/// The form into which a code is typed.
#[derive(Default)]
pub(crate) struct Entry {
    pub typed: String,
    pub problem: Option<String>,
}

/// A page that says one thing.
#[derive(Template)]
#[template(path = "message.html")]
pub(crate) struct MessagePage {
    pub frame: Frame,
    pub title: String,
    pub text: String,
    pub entry: Entry,
}

/// The certificates of a product.
#[derive(Template)]
#[template(path = "product.html")]
pub(crate) struct ProductPage {
    pub frame: Frame,
    pub gtin: String,
    pub batch: Option<String>,
    pub serial: Option<String>,
    pub items: Vec<ProductItem>,
    pub more: bool,
    pub entry: Entry,
}

/// What else is listed for the product of a certificate.
#[derive(Clone, Default)]
pub(crate) struct Others {
    pub items: Vec<ProductItem>,
    pub more: bool,
}

impl Others {
    /// Changes whenever what is shown of them does.
    pub fn meaning(&self) -> String {
        self.items.iter().map(|item| format!(" {} {}", item.code, item.word)).collect()
    }
}

/// One certificate of a product.
#[derive(Clone)]
pub(crate) struct ProductItem {
    pub tone: Tone,
    pub word: &'static str,
    pub name: String,
    pub href: String,
    pub code: String,
    pub batch: String,
    pub serial: String,
    pub issued: String,
}

/// Seconds of lag of the ledger's own time that a page mentions: twice as long as a body's service lets it stand still.
const NOTABLE_LAG: i64 = 20 * 60;

/// The sentence that stands on every answer.
pub(crate) fn as_of_sentence(as_of: &AsOf, ledger_time: Option<DateTime>) -> String {
    let block =
        as_of.height.checked_sub(1).map_or("no block yet".to_owned(), |block| format!("block {block}"));
    let Some(at) = as_of.confirmed_at else {
        return format!("As of {block}, not yet confirmed as the newest.");
    };
    let lag = ledger_time.map(|time| (time, at.seconds().saturating_sub(time.seconds())));
    let lag = match lag {
        Some((time, seconds)) if seconds > NOTABLE_LAG => {
            format!(" The ledger's own time stands at {}.", moment(time))
        }
        _ => String::new(),
    };
    let sources = as_of.sources.as_deref().map(by_sources).unwrap_or_default();
    format!("As of {block}, confirmed as the newest on {}{sources}.{lag}", moment(at))
}

fn by_sources(sources: &Sources) -> String {
    let Sources { confirming, asked, organisations } = sources;
    let named =
        if organisations.is_empty() { String::new() } else { format!(" ({})", organisations.join(", ")) };
    format!(" by {confirming} of {asked} {}{named}", if *asked == 1 { "source" } else { "sources" })
}

/// Templates can only fail to be written to a full memory.
pub(crate) fn render(page: &impl Template) -> String {
    page.render().unwrap_or_else(|error| {
        tracing::error!(%error, "a page could not be rendered");
        String::new()
    })
}

/// For rows such as "Valid until".
pub(crate) fn optional_moment(text: Option<&str>) -> Option<String> {
    text.map(|text| DateTime::parse(text).map_or_else(|| text.to_owned(), moment))
}
