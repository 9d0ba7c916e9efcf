//! The pages, and who may see which: one list of routes, one guard before all of them.

mod administration;
mod application_form;
mod applications;
mod assets;
mod certificates;
mod complaints;
mod confidential;
mod demonstration;
mod entrance;
pub(crate) mod files;
mod forms;
mod keys;
mod notices;
mod own;
mod shipments;

use std::sync::Arc;

use axum::{Router, handler::Handler, middleware::from_fn_with_state, routing::get};
use site::{
    Site,
    guard::{self, Brings},
    kept, reply,
    routes::{Access, Route, RouteOf, sent, sent_with_document, shown, uploaded},
};
use staff::{acts, grants, inspection, issued, ledger, ledger_keys, queue, registry};

pub use administration::{InviteError, invite_administrator};

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
        shown("/applications/{application}/confidential", Company, confidential::download),
        sent("/applications/{application}/confidential", Company, confidential::keep),
        sent("/applications/{application}/confidential/hand-in", Company, confidential::hand_in),
        sent("/applications/{application}/confidential/remove", Company, confidential::remove),
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
        sent_with_document("/look-up/picture", Staff, inspection::read_picture),
        shown("/complaints", Account, complaints::list),
        sent("/complaints", Company, complaints::write),
        shown("/complaints/new", Account, complaints::show_new),
        sent("/complaints/{complaint}/take-back", Company, complaints::take_back),
        shown("/complaints/{body}/{complaint}", Staff, complaints::one),
        shown("/complaints/{body}/{complaint}/text", Account, complaints::text),
        shown("/shipments", Account, shipments::list),
        sent_with_document("/shipments", Account, shipments::check),
        shown("/shipments/{shipment}", Account, shipments::one),
        shown("/shipments/{shipment}/{file}", Account, shipments::result),
        shown("/certificates", Company, certificates::list),
        shown("/certificates/{certificate}/labels", Company, certificates::labels),
        shown("/certificates/{certificate}/qr.svg", Company, certificates::qr),
        shown("/key", Staff, ledger_keys::show),
        sent("/key", Staff, ledger_keys::request),
        sent("/key/{key}/lost", Staff, ledger_keys::lose),
        shown("/acts", Staff, acts::list),
        sent_with_document("/acts", Staff, acts::begin),
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
        .route("/style.css", get(assets::style))
        .route("/portal.css", get(assets::portal_style))
        .route("/passkey.js", get(assets::passkey_script))
        .route("/scan.js", get(assets::scan_script))
        .route("/modules/{name}", get(assets::module))
        .route("/icon.svg", get(assets::icon))
        .method_not_allowed_fallback(nothing.clone())
        .fallback(nothing)
        .with_state(site)
}
