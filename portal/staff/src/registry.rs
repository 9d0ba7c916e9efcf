//! What the accreditation body says of certification bodies and laboratories, the issuer keys of bodies, and what the people of both do
//! there, each with a key of their own.

use std::sync::Arc;

use accounts::people::Account;
use axum::{
    Extension,
    extract::{Query, State},
    http::StatusCode,
};
use certificate::{Duty, chaincode::REGISTRY};
use desk::{Accreditation, Away, Body, IssuerKey, Laboratory, Organisation, Scheme};
use dossiers::issuer_keys::waits;
use serde::Deserialize;
use site::{Answer, Site, reply, visitor::Visitor};
use views::{
    registry::{
        IssuerKeyPage, NEXT, RegisteredPage, RegistryPage, ShownKey, ShownKeys, ShownRegistered, ShownScheme,
        history_of, standing, suspensions_of,
    },
    steps::{
        AtKey, Offered, PROPOSE_KEY, REGISTER_ACCREDITATION, REGISTER_LABORATORY, REGISTER_SCHEME, StepForm,
        of_key, of_registered,
    },
};

use crate::NO_IDENTITY;

/// What the registry has.
type Registered = (Vec<Scheme>, Vec<Accreditation>, Vec<Laboratory>);

async fn read(reader: &Organisation) -> Result<Registered, Away> {
    tokio::try_join!(reader.schemes(), reader.accreditations(), reader.laboratories())
}

async fn ask(site: &Site, account: &Account) -> Result<Registered, String> {
    let reader = site.organisations.get(&account.party).ok_or_else(|| NO_IDENTITY.to_owned())?;
    read(reader).await.map_err(|away| away.to_string())
}

pub async fn list(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    let is_accreditor = site.scope(&account).await?.is_accreditor();
    let (away, (schemes, accreditations, laboratories)) = match ask(&site, &account).await {
        Ok(found) => (None, found),
        Err(why) => (Some(why), Registered::default()),
    };
    let bodies = match site.organisations.get(&account.party) {
        Some(reader) => reader.keys_of_bodies().await.unwrap_or_default(),
        None => Vec::new(),
    };
    let forms = vec![&REGISTER_ACCREDITATION, &REGISTER_LABORATORY, &REGISTER_SCHEME];
    let mut offered = offered(is_accreditor, forms, &[], &[]);
    offered.extend(bodies.iter().find_map(|(body, _)| proposal(&account, body)));
    let page = RegistryPage {
        keys: ShownKeys::of(&bodies),
        frame: visitor.frame(),
        away,
        schemes: schemes.into_iter().map(ShownScheme::of).collect(),
        accreditations: accreditations.iter().map(ShownRegistered::of_body).collect(),
        laboratories: laboratories.iter().map(ShownRegistered::of_laboratory).collect(),
        offered,
        signing: site.signing(&account, visitor.now).await?,
    };
    Ok(reply::with_script(reply::page(StatusCode::OK, &page)))
}

fn decides(account: &Account, body: &str) -> bool {
    account.party == body && account.roles.iter().any(|role| role == Duty::DecisionMaker.name())
}

/// For a decision-maker: the form by which the body's next key is proposed.
fn proposal(account: &Account, body: &Body) -> Option<Offered> {
    decides(account, &body.msp_id).then(|| Offered::of(&PROPOSE_KEY, &body.chaincode, Vec::new()))
}

/// Which entry: of a body under a scheme, of a laboratory, or a body's key.
#[derive(Deserialize)]
pub struct Named {
    organisation: String,
    scheme: Option<String>,
    key: Option<String>,
}

pub async fn one(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Query(Named { organisation, scheme, key }): Query<Named>,
) -> Answer {
    if let Some(key) = key {
        return one_key(&site, &visitor, &account, &organisation, &key).await;
    }
    let (_, accreditations, laboratories) = match ask(&site, &account).await {
        Ok(found) => found,
        Err(why) => return Ok(reply::not_now(visitor.frame(), &why)),
    };
    let found = match &scheme {
        Some(scheme) => accreditations
            .iter()
            .find(|it| (&it.body, &it.scheme_id) == (&organisation, scheme))
            .map(|it| (ShownRegistered::of_body(it), &it.suspensions, limits(it))),
        None => laboratories.iter().find(|it| it.organisation == organisation).map(|it| {
            (ShownRegistered::of_laboratory(it), &it.suspensions, vec![("methods", it.methods.join("\n"))])
        }),
    };
    let Some((shown, suspensions, scope)) = found else { return Ok(reply::not_there().await) };
    let effect = standing(suspensions).map(|it| it.effect.as_deref().unwrap_or_default());
    let forms = of_registered(scheme.is_none(), effect);
    let about: Vec<String> = [Some(organisation), scheme].into_iter().flatten().collect();
    let page = RegisteredPage {
        frame: visitor.frame(),
        shown,
        history: suspensions_of(suspensions),
        offered: offered(site.scope(&account).await?.is_accreditor(), forms, &about, &scope),
        signing: site.signing(&account, visitor.now).await?,
    };
    Ok(reply::with_script(reply::page(StatusCode::OK, &page)))
}

async fn one_key(site: &Site, visitor: &Visitor, account: &Account, body: &str, public_key: &str) -> Answer {
    let Some(reader) = site.organisations.get(&account.party) else {
        return Ok(reply::not_now(visitor.frame(), NO_IDENTITY));
    };
    let read = async { Ok((reader.chaincode(body).await?, reader.issuer_keys(body).await?)) };
    let (chaincode, found) = match read.await {
        Ok(found) => found,
        Err(Away::NoBody(_)) => return Ok(reply::not_there().await),
        Err(why) => return Ok(reply::not_now(visitor.frame(), &why.to_string())),
    };
    let Some(known) = found.iter().find(|it| it.public_key == public_key) else {
        return Ok(reply::not_there().await);
    };
    let person = enrolment::keys::person(&site.database, &account.id).await?;
    let is_accreditor = site.scope(account).await?.is_accreditor();
    let page = IssuerKeyPage {
        frame: visitor.frame(),
        shown: ShownKey::of(known),
        next: (waits(known) && account.party == known.body).then_some(NEXT),
        history: history_of(known),
        offered: at_key(account, is_accreditor, person.as_deref(), &chaincode, known),
        signing: site.signing(account, visitor.now).await?,
    };
    Ok(reply::with_script(reply::page(StatusCode::OK, &page)))
}

/// The steps that somebody takes with a key now. Who proposed it does not approve it.
fn at_key(
    account: &Account,
    is_accreditor: bool,
    person: Option<&str>,
    chaincode: &str,
    known: &IssuerKey,
) -> Vec<Offered> {
    let at = AtKey {
        is_decision_maker: decides(account, &known.body),
        is_accreditor,
        is_approved: known.approved.is_some(),
        is_revoked: known.revoked.is_some(),
        is_compromised: !known.compromised.is_empty(),
    };
    let offer = |form: &'static StepForm| {
        let about = vec![known.body.clone(), known.public_key.clone()];
        let offer = Offered::of(form, chaincode, about);
        if form.function != "issuerKey:approve" {
            return offer;
        }
        let conflict =
            (person == Some(&*known.proposed.person)).then(|| "You proposed it yourself.".to_owned());
        Offered { conflict, facts: ShownKey::of(known).facts(), ..offer }
    };
    of_key(&at).into_iter().map(offer).collect()
}

/// A list to which an accreditation is limited: its name in a request, and what is in it, line by line.
type Limit = (&'static str, String);

fn limits(known: &Accreditation) -> Vec<Limit> {
    let limits = [("standards", &known.scope.standards), ("categories", &known.scope.categories)];
    limits.into_iter().filter_map(|(name, list)| Some((name, list.as_ref()?.join("\n")))).collect()
}

fn offered(
    is_accreditor: bool,
    forms: Vec<&'static StepForm>,
    about: &[String],
    scope: &[Limit],
) -> Vec<Offered> {
    let offer = |form: &'static StepForm| {
        let is_scope = form.function.ends_with(":changeScope");
        let known = if is_scope { scope.to_vec() } else { Vec::new() };
        Offered { known, ..Offered::of(form, REGISTRY, about.to_vec()) }
    };
    forms.into_iter().filter(|_| is_accreditor).map(offer).collect()
}
