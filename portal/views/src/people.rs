//! For administrators: the people of their organisation, and the audit log.

use accounts::{audit::Row, people::Person};
use askama::Template;

use crate::page::{Frame, moment};

#[derive(Template)]
#[template(path = "people.html")]
pub struct PeoplePage {
    pub frame: Frame,
    pub party: String,
    pub notice: Option<String>,
    pub people: Vec<Person>,
    pub roles: Vec<&'static str>,
}

impl PeoplePage {
    /// The roles that a person does not have.
    pub fn others(&self, person: &Person) -> Vec<&'static str> {
        self.roles.iter().copied().filter(|role| !person.roles.iter().any(|own| own == role)).collect()
    }
}

#[derive(Template)]
#[template(path = "audit.html")]
pub struct AuditPage {
    pub frame: Frame,
    pub party: String,
    pub search: String,
    pub entries: Vec<ShownEntry>,
    pub older: Option<i64>,
}

pub struct ShownEntry {
    pub at: String,
    pub row: Row,
}

impl ShownEntry {
    pub fn of(mut row: Row, people: &[Person]) -> Self {
        row.actor = with_addresses(&row.actor, people);
        row.object = with_addresses(&row.object, people);
        Self { at: moment(row.at), row }
    }
}

/// A text with addresses in place of these people's ids.
fn with_addresses(text: &str, people: &[Person]) -> String {
    let mut words = Vec::new();
    for word in text.split(' ') {
        let person = people.iter().find(|person| person.id == word);
        words.push(person.map_or(word, |person| &person.email));
    }
    words.join(" ")
}
