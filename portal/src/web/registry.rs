//! What the accreditation body says of certification bodies and laboratories, and what its people do there, each with a key of their
//! own. Schemes and the first accreditation of a body are registered by an administrator of its organisation (`nanotrace cert`).

use std::sync::Arc;

use accounts::people::Account;
use axum::{
    Extension,
    extract::{Query, State},
    http::StatusCode,
};
use certificate::chaincode::REGISTRY;
use desk::{Accreditation, Away, Event, Laboratory, Organisation, RegistrySuspension, Scheme};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use views::{
    page::moment_of,
    registry::{RegisteredPage, RegistryPage, ShownRegistered},
    steps::{Offered, REGISTER_LABORATORY, StepForm, of_registered},
};

use super::{Site, entrance::Answer, queue, reply, visitor::Visitor};

const NO_IDENTITY: &str = "this portal was started without an identity of your organisation";

/// What the registry has.
type Registered = (Vec<Scheme>, Vec<Accreditation>, Vec<Laboratory>);

async fn read(reader: &Organisation) -> Result<Registered, Away> {
    tokio::try_join!(reader.schemes(), reader.accreditations(), reader.laboratories())
}

async fn ask(site: &Site, account: &Account) -> Result<Registered, String> {
    let reader = site.organisations.get(&account.party).ok_or_else(|| NO_IDENTITY.to_owned())?;
    read(reader).await.map_err(|away| away.to_string())
}

pub(crate) async fn list(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    let is_accreditor = queue::scope(&site, &account).await?.is_accreditor();
    let (away, (schemes, accreditations, laboratories)) = match ask(&site, &account).await {
        Ok(found) => (None, found),
        Err(why) => (Some(why), Registered::default()),
    };
    let scheme =
        |it: Scheme| (it.title, format!("{} version {}", it.id, it.version), it.standards.join(", "));
    let page = RegistryPage {
        frame: visitor.frame(),
        away,
        schemes: schemes.into_iter().map(scheme).collect(),
        accreditations: accreditations.iter().map(body).collect(),
        laboratories: laboratories.iter().map(laboratory).collect(),
        offered: offered(is_accreditor, vec![&REGISTER_LABORATORY], &[]),
        signing: site.signing(&account, visitor.now).await?,
    };
    Ok(reply::with_script(reply::page(StatusCode::OK, &page)))
}

/// Which entry: of a body under a scheme, or of a laboratory.
#[derive(Deserialize)]
pub(crate) struct Named {
    organisation: String,
    scheme: Option<String>,
}

pub(crate) async fn one(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Query(Named { organisation, scheme }): Query<Named>,
) -> Answer {
    let (_, accreditations, laboratories) = match ask(&site, &account).await {
        Ok(found) => found,
        Err(why) => {
            let text = format!("The ledger gave no answer: {why}. Try again in a moment.");
            let frame = visitor.frame();
            return Ok(reply::message(StatusCode::SERVICE_UNAVAILABLE, frame, "Not now", &text));
        }
    };
    let found = match &scheme {
        Some(scheme) => accreditations
            .iter()
            .find(|it| (&it.body, &it.scheme_id) == (&organisation, scheme))
            .map(|it| (body(it), &it.suspensions)),
        None => laboratories
            .iter()
            .find(|it| it.organisation == organisation)
            .map(|it| (laboratory(it), &it.suspensions)),
    };
    let Some((shown, suspensions)) = found else { return Ok(reply::not_there().await) };
    let effect = standing(suspensions).map(|it| it.effect.as_deref().unwrap_or_default());
    let forms = of_registered(scheme.is_none(), effect);
    let about: Vec<String> = [Some(organisation), scheme].into_iter().flatten().collect();
    let page = RegisteredPage {
        frame: visitor.frame(),
        shown,
        history: history(suspensions),
        offered: offered(queue::scope(&site, &account).await?.is_accreditor(), forms, &about),
        signing: site.signing(&account, visitor.now).await?,
    };
    Ok(reply::with_script(reply::page(StatusCode::OK, &page)))
}

fn offered(is_accreditor: bool, forms: Vec<&'static StepForm>, about: &[String]) -> Vec<Offered> {
    let offer = |form| Offered {
        form,
        chaincode: REGISTRY.to_owned(),
        about: about.to_vec(),
        conflict: None,
        document: None,
    };
    forms.into_iter().filter(|_| is_accreditor).map(offer).collect()
}

/// The suspension that stands.
fn standing(suspensions: &[RegistrySuspension]) -> Option<&RegistrySuspension> {
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

/// What was done, the newest first.
fn history(suspensions: &[RegistrySuspension]) -> Vec<(String, String, String)> {
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

fn body(known: &Accreditation) -> ShownRegistered {
    let limits = [("standards", &known.scope.standards), ("categories", &known.scope.categories)];
    let limits = limits.into_iter().filter_map(|(name, list)| Some((name, list.as_ref()?.join(", "))));
    let limits: Vec<String> = limits.map(|(name, list)| format!("{name}: {list}")).collect();
    ShownRegistered {
        organisation: known.body.clone(),
        scheme: Some(known.scheme_id.clone()),
        number: known.number.clone(),
        term: term(&known.valid_from, &known.valid_until),
        scope: if limits.is_empty() { "not limited".to_owned() } else { limits.join("; ") },
        suspended: suspended(&known.suspensions),
        path: path(&known.body, Some(&known.scheme_id)),
    }
}

fn laboratory(known: &Laboratory) -> ShownRegistered {
    ShownRegistered {
        organisation: known.organisation.clone(),
        scheme: None,
        number: known.number.clone(),
        term: term(&known.valid_from, &known.valid_until),
        scope: format!("methods: {}", known.methods.join(", ")),
        suspended: suspended(&known.suspensions),
        path: path(&known.organisation, None),
    }
}
