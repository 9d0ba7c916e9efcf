//! Answers requests: looks at the path, asks the part of the site that it names, and dresses the reply.

mod answering;
mod front;
mod operations;
mod product;

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use certificate::DateTime;
use design::{ICON, STYLE};
use http::request::Parts;
use http::{Method, Response, StatusCode, header};
use http_body_util::Full;
use matchit::Router;
use metrics::{counter, histogram};

use self::answering::{Basis, Key};
use crate::answer::Shared;
use crate::base_url::BaseUrl;
use crate::cache::ReplyCache;
use crate::config::{CACHE_WINDOW, Config};
use crate::limits;
use crate::origin::Proxies;
use crate::pages::{self, DEMONSTRATION_LEDGER, Entry, Frame, MessagePage};
use crate::reply::{Freshness, HTML, Reply, short_hash};
use crate::request::{Representation, preferred};
use crate::routes::{self, Route};
use crate::served::ServedModel;
use crate::sync_status::AsOf;

const SCHEMA: &str = include_str!("../../chaincode/certificate/schema/certificate-v1.json");
const CONTEXT: &str = include_str!("../../chaincode/certificate/schema/context-v1.json");
const SVG: &str = "image/svg+xml";
const CSS: &str = "text/css; charset=utf-8";

/// Everything that answering needs. Shared by all connections.
pub(crate) struct Site {
    config: Config,
    base: BaseUrl,
    max_age: i64,
    served: Arc<ServedModel>,
    routes: Router<Route>,
    cache: ReplyCache<Key, Basis>,
    frame: Frame,
}

/// Who comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Public,
    Operations,
}

/// A request as the parts of the site see it.
struct Asked<'a> {
    parts: &'a Parts,
    now: DateTime,
}

impl Asked<'_> {
    /// What the reply is, refusals included: JSON under `/api/`, whatever the client says it accepts.
    fn representation(&self) -> Representation {
        match self.parts.uri.path().starts_with("/api/") {
            true => Representation::Json,
            false => preferred(&self.parts.headers),
        }
    }
}

impl Site {
    pub fn new(config: Config, base: BaseUrl, served: Arc<ServedModel>, door: Door) -> Result<Self, String> {
        operations::describe_metrics();
        let style = format!("/assets/style-{}.css", short_hash(&[STYLE.as_bytes()]));
        let icon = format!("/assets/icon-{}.svg", short_hash(&[ICON.as_bytes()]));
        let routes = match door {
            Door::Public => routes::public(&style, &icon),
            Door::Operations => routes::operations(),
        };
        let routes = routes.map_err(|error| format!("the table of routes: {error}"))?;
        let frame = Frame {
            style,
            icon,
            banner: None,
            host: base.authority().to_owned(),
            channel: served.channel().name.clone(),
            genesis: served.channel().fingerprint(),
            contact: config.contact.clone(),
            window: CACHE_WINDOW,
            as_of: String::new(),
        };
        let max_age = i64::try_from(config.max_age.as_secs()).unwrap_or(i64::MAX);
        Ok(Self { config, base, max_age, served, routes, cache: ReplyCache::new(), frame })
    }

    pub fn proxies(&self) -> Option<&Proxies> {
        self.config.proxies.as_ref()
    }

    /// The whole way of a request. Never fails: what cannot be answered is answered as such.
    pub fn answer(&self, parts: &Parts) -> Response<Full<Bytes>> {
        let begun = Instant::now();
        let asked = Asked { parts, now: (self.config.clock)() };
        let (name, reply) = self.reply(&asked);
        counter!("verifier_requests_total", "route" => name, "status" => status_class(reply.status()))
            .increment(1);
        histogram!("verifier_request_seconds", "route" => name).record(begun.elapsed());
        reply.into_response(&parts.headers)
    }

    fn reply(&self, asked: &Asked<'_>) -> (&'static str, Reply) {
        let uri = &asked.parts.uri;
        if asked.parts.method != Method::GET && asked.parts.method != Method::HEAD {
            return ("other", self.method_not_allowed(asked));
        }
        if uri.path().len() + uri.query().map_or(0, str::len) > limits::TARGET_BYTES {
            let text = format!("The address is longer than {} bytes.", limits::TARGET_BYTES);
            return ("other", self.refusal(asked, StatusCode::URI_TOO_LONG, "Address too long", &text));
        }
        let path = match uri.path().trim_end_matches('/') {
            "" => "/",
            path => path,
        };
        match self.routes.at(path) {
            Ok(found) => {
                let parameter = found.params.iter().next().map_or("", |(_, value)| value);
                (found.value.name(), self.at_route(asked, *found.value, parameter))
            }
            Err(_) => ("other", self.not_found(asked)),
        }
    }

    fn at_route(&self, asked: &Asked<'_>, route: Route, parameter: &str) -> Reply {
        match route {
            Route::Front => self.front(asked),
            Route::Certificate | Route::Api => self.certificate(asked, parameter),
            Route::Document => self.document(asked, parameter),
            Route::QrSvg => self.qr_svg(asked, parameter),
            Route::QrPng => self.qr_png(asked, parameter),
            Route::Product => self.product(asked, parameter),
            Route::Style => Reply::new(StatusCode::OK, CSS, STYLE).fresh_for(Freshness::Forever),
            Route::Icon => Reply::new(StatusCode::OK, SVG, ICON).fresh_for(Freshness::Forever),
            Route::Schema => published("application/schema+json", SCHEMA),
            Route::Context => published("application/ld+json", CONTEXT),
            Route::Health => operations::health(),
            Route::Ready => self.ready(asked.now),
            Route::Metrics => self.metrics(asked),
        }
    }

    /// The frame of a page that is made now.
    fn frame(&self) -> Frame {
        self.frame_at(&self.served.as_of())
    }

    fn frame_at(&self, as_of: &AsOf) -> Frame {
        let banner = self.is_demonstration().then_some(DEMONSTRATION_LEDGER);
        Frame { banner, ..self.frame.clone() }.at(as_of)
    }

    /// By configuration, or because the ledger shows it.
    fn is_demonstration(&self) -> bool {
        self.config.demonstration || self.served.model().is_some_and(|model| model.is_demonstration())
    }

    fn shared(&self) -> Shared<'_> {
        Shared { base: &self.base, channel: self.served.channel(), demonstration: self.is_demonstration() }
    }

    /// A refusal in the words of the representation asked for: a page, or a problem document (RFC 9457).
    fn refusal(&self, asked: &Asked<'_>, status: StatusCode, title: &str, text: &str) -> Reply {
        match asked.representation() {
            Representation::Json => problem(status, title, text),
            Representation::Page => {
                let page = MessagePage {
                    frame: self.frame(),
                    title: title.to_owned(),
                    text: text.to_owned(),
                    entry: Entry::default(),
                };
                Reply::new(status, HTML, pages::render(&page))
            }
        }
    }

    fn not_found(&self, asked: &Asked<'_>) -> Reply {
        self.refusal(
            asked,
            StatusCode::NOT_FOUND,
            "No such page",
            "There is nothing at this address. If you came from a QR code, type the code that is printed with it.",
        )
    }

    fn method_not_allowed(&self, asked: &Asked<'_>) -> Reply {
        let text = "This site can only be read.";
        self.refusal(asked, StatusCode::METHOD_NOT_ALLOWED, "Method not allowed", text)
            .with(header::ALLOW, "GET, HEAD")
    }
}

/// What certificates refer to by address, so that it can be read where they are checked.
fn published(content_type: &'static str, text: &'static str) -> Reply {
    Reply::new(StatusCode::OK, content_type, text)
        .fresh_for(Freshness::Seconds(3600))
        .tagged_by_content()
        .shared()
}

fn problem(status: StatusCode, title: &str, detail: &str) -> Reply {
    let body = serde_json::json!({ "title": title, "status": status.as_u16(), "detail": detail });
    Reply::new(status, "application/problem+json", body.to_string()).shared()
}

fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
