//! One certificate: its answer as page or JSON, the signed document, and its QR code.

use certificate::{Code, DateTime};
use http::{StatusCode, header};

use super::front::explain;
use super::product::contradicts;
use super::{Asked, SVG, Site, problem};
use crate::answer::{self, Answer, Found, Outcome, Question};
use crate::config::CACHE_WINDOW;
use crate::link::{self, DigitalLink};
use crate::model::{Entry, ModelError, product_link};
use crate::pages::{self, CertificatePage, Extras, FrontPage};
use crate::reply::{Freshness, HTML, JSON, Reply, short_hash};
use crate::request::{self, Representation};
use crate::sync_status::AsOf;
use qr::{Qr, QrError};

/// Confirmation times that a client revalidates may be older than ours by this many seconds; verdicts never are. It
/// makes "not modified" possible although every second confirms the head anew.
const CONFIRMATION_STEP: i64 = 600;

/// What a kept reply answers: the question, how, and the product whose other certificates it shows.
pub(super) type Key = (Question, Representation, Option<DigitalLink>);

/// Where exactly this answer is found again: a past one at its own address.
fn location(question: &Question) -> String {
    let page = link::page_path(question.code);
    question.at.map_or(page.clone(), |at| format!("{page}?at={at}"))
}

/// What a kept reply rests on.
#[derive(Clone)]
pub(super) struct Basis {
    as_of: AsOf,
    /// For which moment it was rendered: a clock that is set back makes it one of the future.
    since: DateTime,
    /// When it may become another one though nothing is written.
    next_change_at: Option<DateTime>,
}

impl Site {
    pub(super) fn certificate(&self, asked: &Asked<'_>, raw: &str) -> Reply {
        self.certificate_of(asked, raw, None)
    }

    /// The answer about one certificate; as a page with the others of the product that the address names.
    pub(super) fn certificate_of(
        &self,
        asked: &Asked<'_>,
        raw: &str,
        product: Option<&DigitalLink>,
    ) -> Reply {
        let question = match question(asked, raw) {
            Ok(question) => question,
            Err(mistake) => return self.mistaken(asked, raw, &mistake),
        };
        let representation = asked.representation();
        let key = (question, representation, product.cloned());
        if let Some(kept) = self.kept(&key, asked.now) {
            return kept;
        }
        let Some(model) = self.served.model() else {
            let answer = Answer::unreadable(question, self.served.as_of(), asked.now);
            return self.answered(asked, &answer, &Extras::default(), key);
        };
        let answered = model.read(asked.now, self.max_age).and_then(|reading| {
            let mut answer = Answer::new(&reading, question, asked.now);
            let mut extras = match representation {
                Representation::Page => Extras::read(&reading, &answer)?,
                Representation::Json => Extras::default(),
            };
            if let (Some(link), Representation::Page) = (product, representation) {
                extras.others = self.others(&reading, link, &mut answer, asked.now)?;
            }
            Ok((answer, extras))
        });
        match answered {
            Ok((answer, _)) if product.is_some_and(|link| contradicts(&answer, link)) => {
                self.contradiction(asked, &answer)
            }
            Ok((answer, extras)) => {
                if let Found::Unreadable(Some(error)) = &answer.found {
                    self.served.report(error);
                }
                self.answered(asked, &answer, &extras, key)
            }
            Err(error) => self.broken(asked, &error),
        }
    }

    /// The signed document, byte for byte as it was submitted. It says nothing about whether it still holds.
    pub(super) fn document(&self, asked: &Asked<'_>, raw: &str) -> Reply {
        self.with_entry(asked, raw, |entry| {
            let name = format!("attachment; filename=\"{}\"", link::file_name(entry.code));
            Ok(Reply::new(StatusCode::OK, "application/vc+json", entry.certificate.document.clone())
                .fresh_for(Freshness::Seconds(CACHE_WINDOW))
                .tagged_by_content()
                .shared()
                .with(header::CONTENT_DISPOSITION, name))
        })
    }

    pub(super) fn qr_svg(&self, asked: &Asked<'_>, raw: &str) -> Reply {
        self.with_entry(asked, raw, |entry| {
            let captions = link::captions(&self.base, entry.code);
            let captions = captions.each_ref().map(String::as_str);
            Ok(picture(SVG, self.qr(entry)?.svg(&captions)))
        })
    }

    pub(super) fn qr_png(&self, asked: &Asked<'_>, raw: &str) -> Reply {
        self.with_entry(asked, raw, |entry| Ok(picture("image/png", self.qr(entry)?.png()?)))
    }

    fn qr(&self, entry: &Entry) -> Result<Qr, QrError> {
        let product = product_link(&entry.certificate.document);
        Qr::new(&link::qr_address(&self.base, entry.code, product.as_ref()))
    }

    fn with_entry(
        &self,
        asked: &Asked<'_>,
        raw: &str,
        reply: impl FnOnce(&Entry) -> Result<Reply, QrError>,
    ) -> Reply {
        let code = match question(asked, raw) {
            Ok(question) => question.code,
            Err(mistake) => return self.mistaken(asked, raw, &mistake),
        };
        let Some(model) = self.served.model() else { return self.closed(asked) };
        let entry = model.read(asked.now, self.max_age).and_then(|reading| reading.entry(code));
        match entry {
            Ok(Some(entry)) => reply(&entry).unwrap_or_else(|error| {
                tracing::error!(%error, "a QR code could not be drawn");
                let text = "The QR code could not be drawn.";
                self.refusal(asked, StatusCode::INTERNAL_SERVER_ERROR, "Not drawn", text)
            }),
            Ok(None) => {
                let text = "No certificate with this code stands on this ledger.";
                self.refusal(asked, StatusCode::NOT_FOUND, "Unknown certificate", text)
            }
            Err(error) => self.broken(asked, &error),
        }
    }

    /// A reply rendered before, if it still says what would be said now.
    fn kept(&self, key: &Key, now: DateTime) -> Option<Reply> {
        if key.0.at.is_some() || self.served.doubt(now, self.max_age).is_some() {
            return None;
        }
        let as_of = self.served.as_of();
        let holds = |basis: &Basis| {
            let next_change_at = basis.next_change_at;
            basis.as_of == as_of
                && basis.since <= now
                && next_change_at.is_none_or(|next_change_at| now < next_change_at)
        };
        let (basis, reply) = self.cache.get(key, holds)?;
        Some(reply.fresh_for(freshness(basis.next_change_at, now)))
    }

    fn answered(&self, asked: &Asked<'_>, answer: &Answer, extras: &Extras, key: Key) -> Reply {
        let representation = key.1;
        let outcome = answer.outcome();
        let (content_type, body) = match representation {
            Representation::Json => (JSON, answer::json(answer, self.shared())),
            Representation::Page => {
                let page = CertificatePage::new(answer, extras, self.frame_at(&answer.as_of));
                (HTML, pages::render(&page).into_bytes())
            }
        };
        metrics::counter!("verifier_answers_rendered_total", "result" => outcome.name()).increment(1);
        let reply = Reply::new(status(outcome), content_type, body)
            .shared()
            .with(header::VARY, "accept")
            .with(header::CONTENT_LOCATION, location(&answer.question));
        if !matches!(outcome, Outcome::Valid | Outcome::NotValid) {
            return reply;
        }
        let meaning = answer::meaning(answer, self.shared()) + &extras.others.meaning();
        let reply = reply
            .tagged_by_meaning(&self.tag(&meaning, &answer.as_of, representation))
            .fresh_for(freshness(answer.next_change_at, asked.now));
        if answer.question.at.is_none() {
            let basis = Basis {
                as_of: answer.as_of.clone(),
                since: asked.now,
                next_change_at: answer.next_change_at,
            };
            self.cache.put(key, basis, reply.clone());
        }
        reply
    }

    fn tag(&self, meaning: &str, as_of: &AsOf, representation: Representation) -> String {
        let step = as_of.confirmed_at.map_or(0, |at| at.seconds().div_euclid(CONFIRMATION_STEP));
        let look = match representation {
            Representation::Json => "json",
            Representation::Page => &self.frame.style,
        };
        short_hash(&[meaning.as_bytes(), &step.to_be_bytes(), look.as_bytes()])
    }

    /// What was typed or scanned is no question. Nothing is said about any certificate.
    fn mistaken(&self, asked: &Asked<'_>, raw: &str, mistake: &Mistake) -> Reply {
        match (mistake, asked.representation()) {
            (Mistake::Code(text), Representation::Json) => problem(StatusCode::BAD_REQUEST, "Mistyped", text),
            (Mistake::Code(text), Representation::Page) => {
                let typed = request::segment(raw).unwrap_or_default().chars().take(60).collect();
                let entry = pages::Entry { typed, problem: Some(text.clone()) };
                let page = FrontPage { frame: self.frame(), entry };
                Reply::new(StatusCode::BAD_REQUEST, HTML, pages::render(&page))
            }
            (Mistake::Date(text), _) => {
                self.refusal(asked, StatusCode::BAD_REQUEST, "Date not understood", text)
            }
        }
    }

    /// The read model could not be read at all.
    pub(super) fn broken(&self, asked: &Asked<'_>, error: &ModelError) -> Reply {
        tracing::error!(%error, "the read model cannot be read");
        self.served.report(error);
        self.closed(asked)
    }

    /// The read model is being opened anew.
    pub(super) fn closed(&self, asked: &Asked<'_>) -> Reply {
        let text = "This verifier cannot read its records. This is no statement about the certificate.";
        self.refusal(asked, StatusCode::SERVICE_UNAVAILABLE, "Cannot tell", text)
    }
}

/// Why a request asks nothing.
enum Mistake {
    Code(String),
    Date(&'static str),
}

fn question(asked: &Asked<'_>, raw: &str) -> Result<Question, Mistake> {
    let text = request::segment(raw).unwrap_or_default();
    let code: Code = text.parse().map_err(|error| Mistake::Code(explain(error)))?;
    let at = request::field(asked.parts.uri.query(), "at").filter(|at| !at.is_empty());
    let at = at.map(|at| past_moment(&at, asked.now)).transpose()?;
    Ok(Question { code, at })
}

/// A date stands for its first second, UTC.
fn past_moment(text: &str, now: DateTime) -> Result<DateTime, Mistake> {
    const SPELLING: &str = "The date must be written 2026-01-31, or as a moment 2026-01-31T12:00:00Z.";
    const FUTURE: &str = "The date lies in the future, and what will be is not known.";
    let moment =
        DateTime::parse_date(text).or_else(|| DateTime::parse(text)).ok_or(Mistake::Date(SPELLING))?;
    if moment > now {
        return Err(Mistake::Date(FUTURE));
    }
    Ok(moment)
}

const fn status(outcome: Outcome) -> StatusCode {
    match outcome {
        Outcome::Valid | Outcome::NotValid => StatusCode::OK,
        Outcome::Unknown => StatusCode::NOT_FOUND,
        Outcome::CannotTell => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// At most the stated window, and never past the moment at which the answer turns.
pub(super) fn freshness(next_change_at: Option<DateTime>, now: DateTime) -> Freshness {
    let left = next_change_at
        .map_or(i64::MAX, |next_change_at| next_change_at.seconds().saturating_sub(now.seconds()));
    Freshness::Seconds(u64::try_from(left).unwrap_or(0).min(CACHE_WINDOW))
}

/// It says where the answer is, not what it is; it changes only with the configuration.
fn picture(content_type: &'static str, body: impl Into<bytes::Bytes>) -> Reply {
    Reply::new(StatusCode::OK, content_type, body)
        .fresh_for(Freshness::Seconds(3600))
        .tagged_by_content()
        .shared()
}
