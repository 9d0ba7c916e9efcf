//! GS1 Digital Links: the certificates of a product.

use certificate::{Code, DateTime};
use http::{StatusCode, header};

use super::answering::freshness;
use super::{Asked, Site, problem};
use crate::answer::{self, Answer, Found, Question};
use crate::link::{self, DigitalLink};
use crate::model::{ModelError, ReadModel, Reading, belongs, product_facts};
use crate::pages::{self, Entry, MessagePage, Others, ProductItem, ProductPage, moment, word};
use crate::reply::{Freshness, HTML, JSON, Reply};
use crate::request::{self, Representation};

/// The listed certificates of a product.
enum Certificates {
    /// Answered as if its code were asked for.
    One(Code),
    /// None, or several, newest first; and whether there are more.
    List(Vec<Answer>, bool),
}

impl Site {
    /// The certificate that the address names comes first, and whole. Without a name, one certificate is answered at
    /// once and several are listed, newest first.
    pub(super) fn product(&self, asked: &Asked<'_>, path: &str) -> Reply {
        let link = match DigitalLink::parse(path) {
            Ok(link) => link,
            Err(error) => {
                return self.refusal(asked, StatusCode::BAD_REQUEST, "Mistyped", &format!("{error}."));
            }
        };
        if let Some(code) = request::field(asked.parts.uri.query(), link::CERTIFICATE) {
            return self.certificate_of(asked, &code, Some(&link));
        }
        let Some(model) = self.served.model() else { return self.closed(asked) };
        match self.certificates_of(asked, &model, &link) {
            Ok(Certificates::One(code)) => self.certificate(asked, &code.to_string()),
            Ok(Certificates::List(answers, more)) => self.list(asked, &link, &answers, more),
            Err(error) => self.broken(asked, &error),
        }
    }

    fn certificates_of(
        &self,
        asked: &Asked<'_>,
        model: &ReadModel,
        link: &DigitalLink,
    ) -> Result<Certificates, ModelError> {
        let reading = model.read(asked.now, self.max_age)?;
        let (codes, more) = reading.products(link)?;
        if let [code] = codes.as_slice() {
            return Ok(Certificates::One(*code));
        }
        let answers =
            codes.into_iter().map(|code| Answer::new(&reading, Question { code, at: None }, asked.now));
        Ok(Certificates::List(answers.collect(), more))
    }

    /// The listed certificates of the product besides the one answered. A code that is not on the ledger has none: the
    /// label is in doubt, and no other certificate may speak for it.
    pub(super) fn others(
        &self,
        reading: &Reading<'_>,
        link: &DigitalLink,
        answer: &mut Answer,
        now: DateTime,
    ) -> Result<Others, ModelError> {
        if matches!(answer.found, Found::Nothing) {
            return Ok(Others::default());
        }
        let (codes, more) = reading.products(link)?;
        let others = codes.into_iter().filter(|code| *code != answer.question.code);
        let others: Vec<_> =
            others.map(|code| Answer::new(reading, Question { code, at: answer.question.at }, now)).collect();
        let turns = others.iter().filter_map(|other| other.next_change_at);
        answer.next_change_at = answer.next_change_at.into_iter().chain(turns).min();
        Ok(Others { items: others.iter().filter_map(item).collect(), more })
    }

    /// The address names a product and a certificate that is not of it. No label that was made from the certificate
    /// says so: nothing is answered that could vouch for the product.
    pub(super) fn contradiction(&self, asked: &Asked<'_>, answer: &Answer) -> Reply {
        const TITLE: &str = "Product and certificate do not match";
        let text = "The address names a certificate of another product or batch. A genuine label does not: be wary of \
                    the product that carries it. To see what the certificate is for, look it up by its code.";
        match asked.representation() {
            Representation::Json => problem(StatusCode::BAD_REQUEST, TITLE, text),
            Representation::Page => {
                let entry = Entry { typed: answer.question.code.grouped(), problem: None };
                let page = MessagePage { frame: self.frame(), title: TITLE.into(), text: text.into(), entry };
                Reply::new(StatusCode::BAD_REQUEST, HTML, pages::render(&page))
            }
        }
    }

    fn list(&self, asked: &Asked<'_>, link: &DigitalLink, answers: &[Answer], more: bool) -> Reply {
        let status = if answers.is_empty() { StatusCode::NOT_FOUND } else { StatusCode::OK };
        let reply = match asked.representation() {
            Representation::Json if answers.is_empty() => {
                problem(status, "Unknown product", "No listed certificate on this ledger names this product.")
            }
            Representation::Json => Reply::new(status, JSON, self.json_list(answers, more)),
            Representation::Page => {
                let page = ProductPage {
                    frame: self.frame(),
                    gtin: link.gtin.clone(),
                    batch: link.batch.clone(),
                    serial: link.serial.clone(),
                    items: answers.iter().filter_map(item).collect(),
                    more,
                    entry: Entry::default(),
                };
                Reply::new(status, HTML, pages::render(&page))
            }
        };
        let soonest = answers.iter().filter_map(|answer| answer.next_change_at).min();
        let freshness = if answers.is_empty() { Freshness::None } else { freshness(soonest, asked.now) };
        reply.fresh_for(freshness).shared().with(header::VARY, "accept")
    }

    fn json_list(&self, answers: &[Answer], more: bool) -> Vec<u8> {
        let bodies = answers.iter().map(|answer| answer::json(answer, self.shared()));
        let mut out = b"{\"certificates\":[".to_vec();
        out.extend(bodies.collect::<Vec<_>>().join(&b','));
        out.extend(format!("],\"more\":{more}}}").into_bytes());
        out
    }
}

/// Whether the certificate is of another product than the address says.
pub(super) fn contradicts(answer: &Answer, link: &DigitalLink) -> bool {
    match &answer.found {
        Found::Certificate(entry, _) => !belongs(&entry.certificate.document, link),
        Found::Nothing | Found::Unreadable(_) => false,
    }
}

fn item(answer: &Answer) -> Option<ProductItem> {
    let Found::Certificate(entry, _) = &answer.found else { return None };
    let product = product_facts(&entry.certificate.document);
    let (tone, word) = word(answer.outcome());
    let stated = |value: Option<String>| value.unwrap_or_else(|| "not stated".into());
    Some(ProductItem {
        tone,
        word,
        name: stated(product.name),
        href: link::page_path(answer.question.code),
        code: answer.question.code.grouped(),
        batch: stated(product.batch),
        serial: stated(product.serial),
        issued: moment(entry.issued_at),
    })
}
