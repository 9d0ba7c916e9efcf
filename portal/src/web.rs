//! The pages, and who may see which: one list of routes, one guard before all of them.

mod acts;
mod administration;
mod application_form;
mod applications;
mod certificates;
mod complaints;
mod demonstration;
mod entrance;
pub(crate) mod files;
mod forms;
mod grants;
mod guard;
mod inspection;
mod issued;
mod kept;
mod keys;
mod ledger;
mod ledger_keys;
mod notices;
mod own;
mod queue;
mod rates;
mod registry;
mod reply;
mod shipments;
mod visitor;

use std::sync::Arc;

use ::inspection::Verifier;
use accounts::{
    BaseUrl, Change, Database, now,
    passkeys::RelyingParty,
    passwords::{HashError, Passwords},
    store::{self, StoreError},
};
use axum::{
    Router,
    handler::Handler,
    http::Method,
    middleware::from_fn_with_state,
    routing::{MethodRouter, get, post},
};
use desk::Organisations;
use granting::Signers;
use letters::Places;
use tokio::sync::Notify;
use uploads::Uploads;

use crate::limits;
use guard::Brings;
use rates::Rates;
use visitor::Visitor;

pub use administration::{InviteError, invite_administrator};
pub use ledger_keys::{Certify, Order};

/// Everything that answering needs.
pub(crate) struct Site {
    base: BaseUrl,
    database: Database,
    passwords: Passwords,
    relying_party: RelyingParty,
    organisations: Arc<Organisations>,
    /// Of the bodies for which it grants.
    signers: Signers,
    uploads: Uploads,
    /// What it says of certificates is passed on.
    verifier: Arc<Verifier>,
    requests: Rates,
    tries: Rates,
    checks: Rates,
    posted: Arc<Notify>,
    acts: Arc<Notify>,
    /// Of a demonstration: certifies ledger keys at once.
    certify: Option<Certify>,
    is_demonstration: bool,
}

impl Site {
    pub fn new(
        base: BaseUrl,
        database: Database,
        organisations: Arc<Organisations>,
        signers: Signers,
        uploads: Uploads,
        certify: Option<Certify>,
        is_demonstration: bool,
    ) -> Result<Self, HashError> {
        Ok(Self {
            relying_party: RelyingParty::new(&base),
            verifier: Arc::new(Verifier::new(organisations.verifier(), organisations.genesis())),
            organisations,
            signers,
            uploads,
            base,
            database,
            passwords: Passwords::new()?,
            requests: Rates::new(limits::REQUESTS),
            tries: Rates::new(limits::TRIES),
            checks: Rates::new(limits::CHECKS),
            posted: Arc::new(Notify::new()),
            acts: Arc::new(Notify::new()),
            certify,
            is_demonstration,
        })
    }

    pub fn base(&self) -> &BaseUrl {
        &self.base
    }

    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Where links of mails lead to.
    pub fn places(&self) -> Places {
        let verifier = self.organisations.verifier().map(str::to_owned);
        Places { portal: self.base.to_string(), verifier }
    }

    pub fn is_demonstration(&self) -> bool {
        self.is_demonstration
    }

    /// Begins a change by somebody who is logged in. The guard saw the session before the form was read, and its password
    /// hashed: it may be over since.
    pub async fn change_of(&self, visitor: &Visitor) -> Result<Change, StoreError> {
        let mut change = self.database.change().await?;
        let session = visitor.session.as_deref().unwrap_or_default();
        if !store::goes_on(&mut change, session, now()).await? {
            return Err(StoreError::SessionOver);
        }
        Ok(change)
    }

    pub fn uploads(&self) -> &Uploads {
        &self.uploads
    }

    pub fn organisations(&self) -> &Arc<Organisations> {
        &self.organisations
    }

    pub fn signers(&self) -> &Signers {
        &self.signers
    }

    /// Told when a call of the contract waits.
    pub fn acts(&self) -> &Arc<Notify> {
        &self.acts
    }

    /// Told when a mail waits.
    pub fn posted(&self) -> &Arc<Notify> {
        &self.posted
    }
}

/// Who may see a page. To others than these, the last three are not there; who is not logged in is led to the login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Everybody,
    /// Who is logged in, though the passkey that people of organisations need was not shown yet.
    Login,
    Account,
    /// The people of companies, which apply.
    Company,
    /// The people of organisations.
    Staff,
    Administrator,
}

/// A page as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteOf {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
}

struct Route {
    of: RouteOf,
    brings: Brings,
    handler: MethodRouter<Arc<Site>>,
}

fn shown<T: 'static, H: Handler<T, Arc<Site>>>(path: &'static str, access: Access, handler: H) -> Route {
    Route { of: RouteOf { method: Method::GET, path, access }, brings: Brings::Fields, handler: get(handler) }
}

fn sent<T: 'static, H: Handler<T, Arc<Site>>>(path: &'static str, access: Access, handler: H) -> Route {
    Route {
        of: RouteOf { method: Method::POST, path, access },
        brings: Brings::Fields,
        handler: post(handler),
    }
}

/// As [`sent`], with a file.
fn uploaded<T: 'static, H: Handler<T, Arc<Site>>>(path: &'static str, access: Access, handler: H) -> Route {
    Route { brings: Brings::File, ..sent(path, access, handler) }
}

/// Every page there is.
fn table() -> Vec<Route> {
    use Access::{Account, Administrator, Company, Everybody, Login, Staff};
    vec![
        shown("/", Everybody, entrance::front),
        shown("/register", Everybody, entrance::show_registration),
        sent("/register", Everybody, entrance::register),
        shown("/join", Everybody, entrance::show_joining),
        sent("/join", Everybody, entrance::join),
        shown("/login", Everybody, entrance::show_login),
        sent("/login", Everybody, entrance::log_in),
        sent("/login/passkey", Everybody, keys::log_in),
        sent("/login/passkey/challenge", Everybody, keys::begin_login),
        shown("/recover", Everybody, entrance::show_recovery),
        sent("/recover", Everybody, entrance::recover),
        shown("/reset", Everybody, entrance::show_reset),
        sent("/reset", Everybody, entrance::reset),
        shown("/account", Account, own::show),
        sent("/account/email", Account, own::change_email),
        shown("/confirm", Everybody, own::show_confirmation),
        sent("/confirm", Everybody, own::confirm_email),
        sent("/account/password", Account, own::change_password),
        sent("/account/sessions/end", Account, own::end_session),
        shown("/passkey", Login, keys::show_gate),
        sent("/passkeys", Login, keys::make),
        sent("/passkeys/challenge", Login, keys::begin_making),
        sent("/passkeys/{passkey}/name", Account, keys::rename),
        sent("/passkeys/{passkey}/remove", Account, keys::remove),
        sent("/logout", Login, own::log_out),
        shown("/kept/{form}", Account, kept::show),
        shown("/notifications", Account, notices::show),
        sent("/notifications/read", Account, notices::read_all),
        sent("/notifications/{notice}/read", Account, notices::read_one),
        shown("/files", Account, files::show),
        uploaded("/files", Account, files::receive),
        shown("/files/{file}", Account, files::download),
        sent("/files/{file}/remove", Account, files::remove),
        shown("/ledger", Staff, ledger::show),
        shown("/applications", Company, applications::all),
        sent("/applications", Company, application_form::begin),
        shown("/applications/new", Company, application_form::show_new),
        sent("/applications/import", Company, application_form::take_over),
        sent("/applications/from-certificate", Company, application_form::from_certificate),
        shown("/applications/{application}", Company, applications::one),
        shown("/applications/{application}/form/{step}", Company, application_form::show),
        sent("/applications/{application}/form/{step}", Company, application_form::save),
        shown("/applications/{application}/preview", Company, application_form::preview),
        sent("/applications/{application}/submit", Company, applications::submit),
        sent("/applications/{application}/withdraw", Company, applications::withdraw),
        sent("/applications/{application}/discard", Company, applications::discard),
        shown("/applications/{application}/dossier", Company, applications::dossier),
        shown("/queue", Staff, queue::list),
        shown("/queue/{body}/{application}", Staff, queue::one),
        sent("/queue/{body}/{application}/assign", Staff, queue::assign),
        shown("/queue/{body}/{application}/files/{file}", Staff, queue::file),
        shown("/grants", Staff, grants::list),
        shown("/registry", Staff, registry::list),
        shown("/registry/entry", Staff, registry::one),
        shown("/issued", Staff, issued::list),
        shown("/issued/{body}/{certificate}", Staff, issued::one),
        shown("/look-up", Staff, inspection::look_up),
        Route { brings: Brings::Document, ..sent("/look-up/picture", Staff, inspection::read_picture) },
        shown("/complaints", Account, complaints::list),
        sent("/complaints", Company, complaints::write),
        shown("/complaints/new", Account, complaints::show_new),
        sent("/complaints/{complaint}/take-back", Company, complaints::take_back),
        shown("/complaints/{body}/{complaint}", Staff, complaints::one),
        shown("/complaints/{body}/{complaint}/text", Account, complaints::text),
        shown("/shipments", Account, shipments::list),
        Route { brings: Brings::Document, ..sent("/shipments", Account, shipments::check) },
        shown("/shipments/{shipment}", Account, shipments::one),
        shown("/shipments/{shipment}/{file}", Account, shipments::result),
        shown("/certificates", Company, certificates::list),
        shown("/certificates/{certificate}/labels", Company, certificates::labels),
        shown("/certificates/{certificate}/qr.svg", Company, certificates::qr),
        shown("/key", Staff, ledger_keys::show),
        sent("/key", Staff, ledger_keys::request),
        sent("/key/{key}/lost", Staff, ledger_keys::lose),
        shown("/acts", Staff, acts::list),
        Route { brings: Brings::Document, ..sent("/acts", Staff, acts::begin) },
        shown("/acts/{act}", Staff, acts::show),
        sent("/acts/{act}/{signed}", Staff, acts::go_on),
        shown("/admin/people", Administrator, administration::people),
        sent("/admin/people/{person}", Administrator, administration::change),
        sent("/admin/invitations", Administrator, administration::invite),
        shown("/admin/keys", Administrator, ledger_keys::show_queue),
        shown("/admin/keys/{key}/request", Administrator, ledger_keys::export_request),
        shown("/admin/keys/{key}/certificate", Administrator, ledger_keys::export_certificate),
        sent("/admin/keys/{key}/certificate", Administrator, ledger_keys::certify),
        sent("/admin/keys/{key}/end", Administrator, ledger_keys::end),
        shown("/admin/audit", Administrator, administration::audit),
        shown("/admin/audit/export", Administrator, administration::export),
    ]
}

/// What a demonstration has besides.
fn demonstration() -> Vec<Route> {
    vec![
        shown("/welcome", Access::Everybody, demonstration::show_welcome),
        sent("/welcome", Access::Everybody, demonstration::welcome),
        shown("/outbox", Access::Everybody, demonstration::outbox),
    ]
}

/// Every page there is, those of a demonstration apart, for who checks that each is guarded.
pub fn routes() -> Vec<RouteOf> {
    table().into_iter().map(|route| route.of).collect()
}

pub(crate) fn router(site: Arc<Site>) -> Router {
    let mut router = Router::new();
    let more = if site.is_demonstration { demonstration() } else { Vec::new() };
    for Route { of, brings, handler } in table().into_iter().chain(more) {
        let guard = from_fn_with_state((site.clone(), of.access, brings), guard::guard);
        router = router.route(of.path, handler.layer(guard));
    }
    let guard = from_fn_with_state((site.clone(), Access::Everybody, Brings::Fields), guard::guard);
    let nothing = reply::not_there.layer(guard);
    router
        .route("/style.css", get(reply::style))
        .route("/portal.css", get(reply::portal_style))
        .route("/passkey.js", get(reply::passkey_script))
        .route("/scan.js", get(reply::scan_script))
        .route("/modules/{name}", get(reply::module))
        .route("/icon.svg", get(reply::icon))
        .method_not_allowed_fallback(nothing.clone())
        .fallback(nothing)
        .with_state(site)
}
