//! For administrators: the people of their organisation, and the audit log; and the people of a company.

use accounts::{
    api_keys::{ApiKey, SCOPES},
    audit::Row,
    people::{Account, Person},
    team::{Colleague, Invited},
};
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

/// For the people of a company: who belongs to it.
#[derive(Template)]
#[template(path = "team.html")]
pub struct TeamPage {
    pub frame: Frame,
    pub party: String,
    pub notice: Option<String>,
    /// The id of who sees the page.
    pub own: String,
    pub people: Vec<Colleague>,
    /// Each with when its link ends.
    pub invited: Vec<(Invited, String)>,
    pub roles: Vec<&'static str>,
}

impl TeamPage {
    pub fn of(
        frame: Frame,
        account: &Account,
        notice: Option<&str>,
        people: Vec<Colleague>,
        invited: Vec<Invited>,
    ) -> Self {
        let until = |it: Invited| {
            let until = moment(it.expires_at);
            (it, until)
        };
        Self {
            frame,
            party: account.party_name.clone(),
            notice: notice.map(str::to_owned),
            own: account.id.clone(),
            people,
            invited: invited.into_iter().map(until).collect(),
            roles: account.party_kind.roles(),
        }
    }
}

/// For the owners of a company: its keys for the partner API.
#[derive(Template)]
#[template(path = "api_keys.html")]
pub struct ApiKeysPage {
    pub frame: Frame,
    pub party: String,
    pub problem: Option<String>,
    /// The key that was made just now.
    pub made: Option<String>,
    pub keys: Vec<ShownKey>,
    pub scopes: [(&'static str, &'static str); SCOPES.len()],
    pub days: Vec<i64>,
    /// Hours, and what people read.
    pub overlaps: Vec<(i64, String)>,
}

pub struct ShownKey {
    pub key: ApiKey,
    pub created: String,
    pub until: String,
    pub used: Option<String>,
}

impl ApiKeysPage {
    pub fn of(
        frame: Frame,
        account: &Account,
        problem: Option<&str>,
        made: Option<String>,
        keys: Vec<ApiKey>,
        (days, hours): (&[i64], &[i64]),
    ) -> Self {
        let shown = |key: ApiKey| ShownKey {
            created: moment(key.created_at),
            until: moment(key.expires_at),
            used: key.used_at.map(moment),
            key,
        };
        let words = |hours: &i64| match hours {
            0 => (0, "the old one ends at once".to_owned()),
            1 => (1, "the old one works for an hour".to_owned()),
            hours => (*hours, format!("the old one works for {hours} hours")),
        };
        Self {
            frame,
            party: account.party_name.clone(),
            problem: problem.map(str::to_owned),
            made,
            keys: keys.into_iter().map(shown).collect(),
            scopes: SCOPES,
            days: days.to_vec(),
            overlaps: hours.iter().map(words).collect(),
        }
    }
}
