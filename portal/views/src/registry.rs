//! What the accreditation body says: schemes, accreditations of bodies and of laboratories, and the keys of bodies that it approved.

use askama::Template;
use desk::{Accreditation, Away, Body, Event, IssuerKey, Laboratory, RegistrySuspension, Scheme};
use dossiers::issuer_keys;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    page::{Frame, moment_of},
    steps::{Input, MemberKind, Offered, Signing},
};

#[derive(Template)]
#[template(path = "registry.html")]
pub struct RegistryPage {
    pub frame: Frame,
    /// Why the ledger gave no answer.
    pub away: Option<String>,
    pub schemes: Vec<ShownScheme>,
    pub accreditations: Vec<ShownRegistered>,
    pub laboratories: Vec<ShownRegistered>,
    pub keys: ShownKeys,
    pub offered: Vec<Offered>,
    pub signing: Option<Signing>,
}

/// An accreditation, of a certification body or of a laboratory.
pub struct ShownRegistered {
    pub organisation: String,
    /// The scheme, or none of a laboratory.
    pub scheme: Option<String>,
    pub number: String,
    pub term: String,
    /// What it is limited to.
    pub scope: String,
    /// How it is suspended, by whom and why.
    pub suspended: Option<String>,
    /// Its page.
    pub path: String,
}

#[derive(Template)]
#[template(path = "registered.html")]
pub struct RegisteredPage {
    pub frame: Frame,
    pub shown: ShownRegistered,
    /// What was suspended and restored, the newest first: what, by whom and when, why.
    pub history: Vec<(String, String, String)>,
    pub offered: Vec<Offered>,
    pub signing: Option<Signing>,
}

pub struct ShownScheme {
    pub title: String,
    /// With its version.
    pub id: String,
    pub standards: String,
    /// How certificates under it come about, and are looked after.
    pub rules: Vec<String>,
}

/// The issuer keys of all bodies.
#[derive(Default)]
pub struct ShownKeys {
    /// Those that wait for their approval.
    pub waiting: Vec<ShownKey>,
    pub others: Vec<ShownKey>,
    /// Bodies whose keys could not be read, and why.
    pub silent: Vec<(String, String)>,
}

/// A key with which a body signs documents.
pub struct ShownKey {
    pub body: String,
    pub public_key: String,
    pub issuer_id: String,
    pub issuer_name: String,
    pub status_lists: String,
    pub state: &'static str,
    /// Whether it signs nothing any more.
    pub is_over: bool,
    /// From when, by whom, why.
    pub compromised: Vec<String>,
    /// Its page.
    pub path: String,
}

#[derive(Template)]
#[template(path = "issuer_key.html")]
pub struct IssuerKeyPage {
    pub frame: Frame,
    pub shown: ShownKey,
    /// Of a key that waits, for the people of its body: what happens next.
    pub next: Option<&'static str>,
    /// What was done with it, the newest first: what, by whom and when, why.
    pub history: Vec<(String, String, String)>,
    pub offered: Vec<Offered>,
    pub signing: Option<Signing>,
}

impl ShownScheme {
    pub fn of(known: Scheme) -> Self {
        let issue = match known.direct_issue {
            true => "A certificate may be issued in one step",
            false => "A certificate takes an application, an evaluation, a review and a decision",
        };
        let decision = match known.reviewer_may_decide {
            true => "who reviewed may decide",
            false => "who reviewed does not decide",
        };
        let surveillance = known.surveillance.map(|rule| {
            let every = format!("surveilled every {} days", rule.every_days);
            let grace =
                rule.grace_days.map(|days| format!("; {days} days overdue, it does not hold any more"));
            every + &grace.unwrap_or_default()
        });
        let rules = [issue.to_owned(), decision.to_owned()].into_iter().chain(surveillance).collect();
        let id = format!("{} version {}", known.id, known.version);
        Self { title: known.title, id, standards: known.standards.join(", "), rules }
    }
}

impl ShownKeys {
    pub fn of(bodies: &[(Body, Result<Vec<IssuerKey>, Away>)]) -> Self {
        let mut shown = Self::default();
        for (body, keys) in bodies {
            match keys {
                Err(why) => shown.silent.push((body.msp_id.clone(), why.to_string())),
                Ok(keys) => {
                    for key in keys.iter().map(ShownKey::of) {
                        if key.waits() { shown.waiting.push(key) } else { shown.others.push(key) }
                    }
                }
            }
        }
        shown
    }
}

impl ShownKey {
    pub fn of(known: &IssuerKey) -> Self {
        let state = match known {
            IssuerKey { compromised, .. } if !compromised.is_empty() => "compromised",
            IssuerKey { revoked: Some(_), .. } => "revoked",
            IssuerKey { approved: Some(_), .. } => "approved",
            _ => WAITS,
        };
        let compromised = known.compromised.iter().map(|it| {
            let from = moment_of(&it.compromised_from);
            format!("Compromised from {from}, as {} says: {}", said(&it.event), it.event.reason)
        });
        Self {
            body: known.body.clone(),
            public_key: known.public_key.clone(),
            issuer_id: known.issuer_id.clone(),
            issuer_name: known.issuer_name.clone(),
            status_lists: known.status_lists.clone(),
            state,
            is_over: matches!(state, "compromised" | "revoked"),
            compromised: compromised.collect(),
            path: issuer_keys::page_of(&known.body, &known.public_key),
        }
    }

    pub fn waits(&self) -> bool {
        self.state == WAITS
    }

    /// What is compared before it is approved.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        vec![
            ("Before you approve", COMPARE.to_owned()),
            ("Body", self.body.clone()),
            ("Issuer's identifier", self.issuer_id.clone()),
            ("Issuer's name", self.issuer_name.clone()),
            ("Public key", self.public_key.clone()),
        ]
    }
}

const WAITS: &str = "waits for approval";

/// For those who proposed it, and their colleagues.
pub const NEXT: &str = "Accreditors of the accreditation body are told of it. One of them asks you, by another way than this portal, \
                        whether this is your key: have the key, the identifier and the name at hand. Until it is approved it signs \
                        nothing. If it is not your key, revoke it.";

const COMPARE: &str = "Ask the body, by another way than this portal, whether identifier and name are its own and this is its key.";

/// What was done with a key, the newest first.
pub fn history_of(key: &IssuerKey) -> Vec<(String, String, String)> {
    let steps = [
        ("Proposed", Some(&key.proposed)),
        ("Approved", key.approved.as_ref()),
        ("Revoked", key.revoked.as_ref()),
    ];
    let steps = steps.into_iter().filter_map(|(what, event)| Some((what.to_owned(), event?)));
    let declared = key
        .compromised
        .iter()
        .map(|it| (format!("Declared compromised from {}", moment_of(&it.compromised_from)), &it.event));
    let mut all: Vec<_> = steps.chain(declared).collect();
    all.sort_by(|(_, one), (_, other)| other.effective_at.cmp(&one.effective_at));
    all.into_iter().map(|(what, event)| (what, by_duty(event), event.reason.clone())).collect()
}

/// Who, on which duty, and when.
fn by_duty(event: &Event) -> String {
    let duty = if event.role.is_empty() { "an administrator".to_owned() } else { event.role.clone() };
    format!("{duty} of {}", said(event))
}

impl ShownRegistered {
    pub fn of_body(known: &Accreditation) -> Self {
        let limits = [("standards", &known.scope.standards), ("categories", &known.scope.categories)];
        let limits = limits.into_iter().filter_map(|(name, list)| Some((name, list.as_ref()?.join(", "))));
        let limits: Vec<String> = limits.map(|(name, list)| format!("{name}: {list}")).collect();
        Self {
            organisation: known.body.clone(),
            scheme: Some(known.scheme_id.clone()),
            number: known.number.clone(),
            term: term(&known.valid_from, &known.valid_until),
            scope: if limits.is_empty() { "not limited".to_owned() } else { limits.join("; ") },
            suspended: suspended(&known.suspensions),
            path: path(&known.body, Some(&known.scheme_id)),
        }
    }

    pub fn of_laboratory(known: &Laboratory) -> Self {
        Self {
            organisation: known.organisation.clone(),
            scheme: None,
            number: known.number.clone(),
            term: term(&known.valid_from, &known.valid_until),
            scope: format!("methods: {}", known.methods.join(", ")),
            suspended: suspended(&known.suspensions),
            path: path(&known.organisation, None),
        }
    }
}

/// The suspension that stands.
pub fn standing(suspensions: &[RegistrySuspension]) -> Option<&RegistrySuspension> {
    suspensions.last().filter(|last| last.lifted.is_none())
}

fn said(event: &Event) -> String {
    format!("{}, {}", event.by, moment_of(&event.effective_at))
}

fn suspended(suspensions: &[RegistrySuspension]) -> Option<String> {
    let standing = standing(suspensions)?;
    let what = effect(standing);
    Some(format!("{what} by {}: {}", said(&standing.placed), standing.placed.reason))
}

fn effect(suspension: &RegistrySuspension) -> &'static str {
    match suspension.effect.as_deref() {
        Some("newGrants") => "Suspended for new grants",
        Some("allCertificates") => "Suspended with all its certificates",
        _ => "Suspended",
    }
}

/// What was suspended and restored, the newest first.
pub fn suspensions_of(suspensions: &[RegistrySuspension]) -> Vec<(String, String, String)> {
    let told = |what: &str, event: &Event| (what.to_owned(), said(event), event.reason.clone());
    let steps = suspensions.iter().rev().flat_map(|it| {
        let lifted = it.lifted.as_ref().map(|lifted| told("Restored", lifted));
        lifted.into_iter().chain([told(effect(it), &it.placed)])
    });
    steps.collect()
}

/// The address of an entry's page.
fn path(organisation: &str, scheme: Option<&str>) -> String {
    let scheme = scheme.map(|scheme| format!("&scheme={}", plain(scheme))).unwrap_or_default();
    format!("/registry/entry?organisation={}{scheme}", plain(organisation))
}

fn plain(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn term(from: &str, until: &str) -> String {
    format!("{} to {}", moment_of(from), moment_of(until))
}
