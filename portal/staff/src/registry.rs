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
use desk::{Accreditation, Away, Laboratory, Organisation, Scheme};
use serde::Deserialize;
use site::{Answer, Site, reply, visitor::Visitor};
use views::{
    registry::{RegisteredPage, RegistryPage, ShownRegistered, standing, suspensions_of},
    steps::{Offered, REGISTER_LABORATORY, StepForm, of_registered},
};

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
    let scheme =
        |it: Scheme| (it.title, format!("{} version {}", it.id, it.version), it.standards.join(", "));
    let page = RegistryPage {
        frame: visitor.frame(),
        away,
        schemes: schemes.into_iter().map(scheme).collect(),
        accreditations: accreditations.iter().map(ShownRegistered::of_body).collect(),
        laboratories: laboratories.iter().map(ShownRegistered::of_laboratory).collect(),
        offered: offered(is_accreditor, vec![&REGISTER_LABORATORY], &[], &[]),
        signing: site.signing(&account, visitor.now).await?,
    };
    Ok(reply::with_script(reply::page(StatusCode::OK, &page)))
}

/// Which entry: of a body under a scheme, or of a laboratory.
#[derive(Deserialize)]
pub struct Named {
    organisation: String,
    scheme: Option<String>,
}

pub async fn one(
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
