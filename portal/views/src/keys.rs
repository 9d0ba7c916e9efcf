//! Ledger keys: those of a person, and those that wait for an administrator.

use askama::Template;
use enrolment::{Key, Queued, keys::State as KeyState};

use crate::page::{Frame, moment};

#[derive(Template)]
#[template(path = "key.html")]
pub struct KeyPage {
    pub frame: Frame,
    pub notice: Option<String>,
    pub msp_id: String,
    pub keys: Vec<ShownKey>,
    /// Those that a certificate names.
    pub roles: Vec<String>,
    pub certifies_at_once: bool,
}

impl KeyPage {
    /// Whether the newest key waits or is good: then another one is made only when that is said to be lost.
    pub fn has_key(&self) -> bool {
        self.keys.iter().any(|key| key.may_be_lost())
    }
}

pub struct ShownKey {
    pub key: Key,
    pub requested: String,
    pub until: Option<String>,
    /// The person has other roles by now than the certificate says.
    pub is_outdated: bool,
}

impl ShownKey {
    pub fn of(key: Key, roles: &[String]) -> Self {
        Self {
            requested: moment(key.requested_at),
            until: key.not_after.map(moment),
            is_outdated: key.state == KeyState::Certified && key.roles != roles.join(","),
            key,
        }
    }

    /// By which people tell keys apart.
    pub fn name(&self) -> &str {
        self.key.fingerprint.get(..16).unwrap_or_default()
    }

    pub fn may_be_lost(&self) -> bool {
        matches!(self.key.state, KeyState::Requested | KeyState::Certified)
    }

    pub fn says(&self) -> &'static str {
        match self.key.state {
            KeyState::Requested => "waits for your administrator",
            KeyState::Certified => "certified",
            KeyState::Refused => "refused by your administrator",
            KeyState::Replaced => "replaced by a later one",
            KeyState::Lost => "lost",
        }
    }
}

#[derive(Template)]
#[template(path = "key_queue.html")]
pub struct QueuePage {
    pub frame: Frame,
    pub party: String,
    /// As commands call it.
    pub organisation: String,
    pub notice: Option<String>,
    pub keys: Vec<ShownQueued>,
    pub certifies_at_once: bool,
}

pub struct ShownQueued {
    pub shown: ShownKey,
    pub queued: Queued,
    /// What certifies it.
    pub command: String,
}

impl ShownQueued {
    pub fn of(queued: Queued, organisation: &str) -> Self {
        let roles: String = queued.roles.iter().map(|role| format!(" --role {role}")).collect();
        let person = &queued.pseudonym;
        let command = format!(
            "nanotrace crypto enroll --org {organisation}{roles} --person {person} --request {person}.request.pem \
             --out {person}.pem"
        );
        Self { shown: ShownKey::of(queued.key.clone(), &queued.roles), command, queued }
    }

    pub fn is_requested(&self) -> bool {
        self.queued.key.state == KeyState::Requested
    }

    pub fn is_lost(&self) -> bool {
        self.queued.key.state == KeyState::Lost
    }
}
