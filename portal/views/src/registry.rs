//! What the accreditation body says: schemes, accreditations of bodies and of laboratories.

use askama::Template;
use desk::{Accreditation, Event, Laboratory, RegistrySuspension};
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
    /// Title, id with version, standards.
    pub schemes: Vec<(String, String, String)>,
    pub accreditations: Vec<ShownRegistered>,
    pub laboratories: Vec<ShownRegistered>,
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
    let plain = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let scheme = scheme.map(|scheme| format!("&scheme={}", plain(scheme))).unwrap_or_default();
    format!("/registry/entry?organisation={}{scheme}", plain(organisation))
}

fn term(from: &str, until: &str) -> String {
    format!("{} to {}", moment_of(from), moment_of(until))
}
