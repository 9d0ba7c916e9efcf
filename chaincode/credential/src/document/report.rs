//! Walks a document or a request and collects every rule that it breaks, each with its place and its value.

use std::fmt;
use std::rc::Rc;

use crate::date_time::DateTime;
use crate::decimal::Decimal;
use crate::json::{Json, Members};
use crate::violation::Violation;

/// Names, agents, media, methods: what fits a line.
pub const LINE: usize = 200;

/// Addresses and other identifiers of free form.
pub const ADDRESS: usize = 500;

/// Characters of a value that a violation shows.
const SHOWN_CHARACTERS: usize = 80;

/// What was found wrong so far.
#[derive(Default)]
pub struct Report {
    violations: Vec<Violation>,
}

/// One value of the document and where it stands.
pub struct Node<'a> {
    place: Place<'a>,
    pub value: &'a Json<'a>,
}

/// A JSON object whose members are all known.
pub struct Object<'a> {
    place: Rc<Place<'a>>,
    members: &'a Members<'a>,
}

/// Where a value stands. Its text, a JSON pointer (RFC 6901), is written only where a rule is broken: a good
/// document has hundreds of places, and no caller asks for one of them.
#[derive(Clone)]
enum Place<'a> {
    Root,
    Member(Rc<Place<'a>>, &'a str),
    Element(Rc<Place<'a>>, usize),
}

impl Report {
    pub fn into_violations(self) -> Vec<Violation> {
        self.violations
    }

    pub fn refuse(&mut self, node: &Node<'_>, rule: &str) {
        let value = shortened(&node.value.to_string());
        self.violations.push(Violation { pointer: node.place.to_string(), value, rule: rule.to_owned() });
    }

    /// Refuses that `object` has no member of this name.
    pub fn require(&mut self, object: &Object<'_>, name: &str, rule: &str) {
        let pointer = Place::Member(object.place.clone(), name).to_string();
        self.violations.push(Violation { pointer, value: String::new(), rule: rule.to_owned() });
    }
}

/// Characters that a reader does not see, or that change what else is seen: controls, a terminal's too, and Unicode's
/// bidirectional and zero-width controls, with which a text can be made to look like another.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(character, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// One to `maximum` characters, none of them hidden.
pub fn is_line(text: &str, maximum: usize) -> bool {
    // Nearly all texts are so, and this needs no look at single characters.
    let plain = text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'));
    let length = if plain { text.len() } else { text.chars().count() };
    (1..=maximum).contains(&length) && (plain || !text.chars().any(is_hidden))
}

pub fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARACTERS) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
    }
}

impl<'a> Node<'a> {
    pub fn root(value: &'a Json<'a>) -> Node<'a> {
        Node { place: Place::Root, value }
    }

    pub fn object(&self, report: &mut Report, known: &[&str]) -> Option<Object<'a>> {
        let Json::Object(members) = self.value else {
            report.refuse(self, "must be an object");
            return None;
        };
        let object = Object { place: Rc::new(self.place.clone()), members };
        let mut unknown: Vec<_> = members.iter().filter(|(name, _)| !known.contains(name)).collect();
        unknown.sort_by_key(|(name, _)| *name);
        for (name, value) in unknown {
            let unknown = Node { place: Place::Member(object.place.clone(), name), value };
            report.refuse(&unknown, &format!("is not a member here; members are {}", known.join(", ")));
        }
        Some(object)
    }

    /// The elements of a list of `minimum` to `maximum`.
    pub fn list(&self, report: &mut Report, minimum: usize, maximum: usize) -> Option<Vec<Node<'a>>> {
        let elements = self.value.as_list();
        let Some(elements) = elements.filter(|list| (minimum..=maximum).contains(&list.len())) else {
            report.refuse(self, &format!("must be a list of {minimum} to {maximum} elements"));
            return None;
        };
        let list = Rc::new(self.place.clone());
        let element = |(index, value)| Node { place: Place::Element(list.clone(), index), value };
        Some(elements.iter().enumerate().map(element).collect())
    }

    /// One to `maximum` visible characters, no blank at either end.
    pub fn text(&self, report: &mut Report, maximum: usize) -> Option<&'a str> {
        let text = self.value.as_text().filter(|text| is_line(text, maximum) && text.trim() == *text);
        if text.is_none() {
            let rule = "characters, none of them invisible, no blank at its ends";
            report.refuse(self, &format!("must be a text of 1 to {maximum} {rule}"));
        }
        text
    }

    /// One to `maximum` visible characters, not all of them blank.
    pub fn line(&self, report: &mut Report, maximum: usize) -> Option<&'a str> {
        let text = self.value.as_text().filter(|text| is_line(text, maximum) && !text.trim().is_empty());
        if text.is_none() {
            let rule = format!("must be a text of 1 to {maximum} characters, none of them invisible");
            report.refuse(self, &rule);
        }
        text
    }

    /// A text for which `holds`; `rule` says in words what that means.
    pub fn text_that(
        &self,
        report: &mut Report,
        holds: impl Fn(&str) -> bool,
        rule: &str,
    ) -> Option<&'a str> {
        let text = self.value.as_text().filter(|text| text.len() <= ADDRESS && holds(text));
        if text.is_none() {
            report.refuse(self, rule);
        }
        text
    }

    pub fn one_of(&self, report: &mut Report, choices: &[&str]) -> Option<&'a str> {
        let text = self.value.as_text().filter(|text| choices.contains(text));
        if text.is_none() {
            report.refuse(self, &format!("must be one of {}", choices.join(", ")));
        }
        text
    }

    pub fn exactly<'e>(&self, report: &mut Report, expected: impl Into<Json<'e>>) {
        let expected = expected.into();
        if *self.value != expected {
            report.refuse(self, &format!("must be {expected}"));
        }
    }

    pub fn decimal(&self, report: &mut Report) -> Option<Decimal> {
        let number = self.value.as_text().and_then(Decimal::parse);
        if number.is_none() {
            let rule = "must be a decimal number as text, such as \"12.5\": no exponent, at most 18 digits";
            report.refuse(self, rule);
        }
        number
    }

    /// A decimal for which `holds`.
    pub fn decimal_that(
        &self,
        report: &mut Report,
        holds: impl Fn(Decimal) -> bool,
        rule: &str,
    ) -> Option<Decimal> {
        let number = self.decimal(report)?;
        if !holds(number) {
            report.refuse(self, rule);
            return None;
        }
        Some(number)
    }

    pub fn date_time(&self, report: &mut Report) -> Option<DateTime> {
        let instant = self.value.as_text().and_then(DateTime::parse);
        if instant.is_none() {
            report.refuse(self, "must be a UTC date-time in whole seconds, such as \"2026-01-31T12:00:00Z\"");
        }
        instant
    }

    pub fn date(&self, report: &mut Report) -> Option<DateTime> {
        let day = self.value.as_text().and_then(DateTime::parse_date);
        if day.is_none() {
            report.refuse(self, "must be a date, such as \"2026-01-31\"");
        }
        day
    }
}

impl<'a> Object<'a> {
    pub fn optional(&self, name: &str) -> Option<Node<'a>> {
        let (name, value) = self.members.member(name)?;
        Some(Node { place: Place::Member(self.place.clone(), name), value })
    }

    pub fn required(&self, report: &mut Report, name: &str) -> Option<Node<'a>> {
        let node = self.optional(name);
        if node.is_none() {
            report.require(self, name, "is required");
        }
        node
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => Ok(()),
            Place::Member(object, name) => {
                write!(formatter, "{object}/{}", name.replace('~', "~0").replace('/', "~1"))
            }
            Place::Element(list, index) => write!(formatter, "{list}/{index}"),
        }
    }
}
