//! The pages, and who may see which: one list of routes, one guard before all of them.

mod administration;
mod api_keys;
mod application_form;
mod applications;
mod assets;
mod certificates;
mod claims;
mod clients;
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
mod studies;
mod team;
mod wallets;

use std::sync::Arc;

use axum::{Router, handler::Handler, middleware::from_fn_with_state, routing::get};
use site::{
    Site, clients as programs,
    guard::{self, Brings},
    kept, reply,
    routes::{Access, Route, RouteOf, asked, sent, sent_with_document, shown, told, uploaded},
};
use staff::{
    acts, claims as claimed, disclosures, grants, inspection, issued, ledger, ledger_keys, queue, registry,
    studies as queued_studies,
};

pub use administration::{InviteError, invite_administrator};

/// Every page there is.
fn table() -> Vec<Route> {
    use Access::{
        Account, Acting, Administrator, AdministratorOrOwner, Applicant, Bearer, Client, Company, Everybody,
        Login, Owner, Staff,
    };
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
        sent("/login/wallet", Everybody, wallets::log_in),
        sent("/login/wallet/challenge", Everybody, wallets::begin_login),
        sent("/register/wallet", Everybody, wallets::register),
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
        sent("/account/wallets", Account, wallets::link),
        sent("/account/wallets/challenge", Account, wallets::begin_linking),
        sent("/account/wallets/{wallet}/name", Account, wallets::rename),
        sent("/account/wallets/{wallet}/remove", Account, wallets::remove),
        sent("/account/clients/end", Account, clients::end),
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
        uploaded("/files", Acting, files::receive),
        shown("/files/{file}", Account, files::download),
        sent("/files/{file}/remove", Acting, files::remove),
        shown("/ledger", Staff, ledger::show),
        shown("/applications", Company, applications::all),
        sent("/applications", Applicant, application_form::begin),
        shown("/applications/new", Applicant, application_form::show_new),
        sent("/applications/import", Applicant, application_form::take_over),
        sent("/applications/from-certificate", Applicant, application_form::from_certificate),
        shown("/applications/take-over", Company, claims::show),
        uploaded("/applications/take-over", Applicant, claims::receive),
        shown("/applications/{application}", Company, applications::one),
        shown("/applications/{application}/form/{step}", Applicant, application_form::show),
        sent("/applications/{application}/form/{step}", Applicant, application_form::save),
        shown("/applications/{application}/preview", Company, application_form::preview),
        sent("/applications/{application}/submit", Applicant, applications::submit),
        sent("/applications/{application}/withdraw", Applicant, applications::withdraw),
        sent("/applications/{application}/discard", Applicant, applications::discard),
        shown("/applications/{application}/dossier", Company, applications::dossier),
        shown("/applications/{application}/confidential", Applicant, confidential::download),
        sent("/applications/{application}/confidential", Applicant, confidential::keep),
        sent("/applications/{application}/confidential/hand-in", Applicant, confidential::hand_in),
        sent("/applications/{application}/confidential/remove", Applicant, confidential::remove),
        shown("/queue", Staff, queue::list),
        shown("/queue/{body}/{application}", Staff, queue::one),
        sent("/queue/{body}/{application}/assign", Staff, queue::assign),
        shown("/queue/{body}/{application}/files/{file}", Staff, queue::file),
        shown("/queue/{body}/{application}/studies/{study}", Staff, queued_studies::one),
        sent("/queue/{body}/{application}/studies/{study}/recompute", Staff, queued_studies::recompute),
        shown("/queue/{body}/{application}/studies/{study}/{file}", Staff, queued_studies::file),
        shown("/grants", Staff, grants::list),
        shown("/registry", Staff, registry::list),
        shown("/registry/entry", Staff, registry::one),
        shown("/issued", Staff, issued::list),
        shown("/issued/{body}/{certificate}", Staff, issued::one),
        shown("/look-up", Staff, inspection::look_up),
        sent_with_document("/look-up/picture", Staff, inspection::read_picture),
        shown("/complaints", Account, complaints::list),
        sent("/complaints", Applicant, complaints::write),
        shown("/complaints/new", Acting, complaints::show_new),
        sent("/complaints/{complaint}/take-back", Applicant, complaints::take_back),
        shown("/complaints/{body}/{complaint}", Staff, complaints::one),
        shown("/complaints/{body}/{complaint}/text", Account, complaints::text),
        shown("/disclosures", Staff, disclosures::list),
        sent("/disclosures", Staff, disclosures::ask),
        shown("/disclosures/new", Staff, disclosures::show_new),
        shown("/disclosures/check", Staff, disclosures::show_check),
        sent_with_document("/disclosures/check", Staff, disclosures::check),
        shown("/disclosures/{disclosure}", Staff, disclosures::one),
        sent("/disclosures/{disclosure}/take-back", Staff, disclosures::take_back),
        sent_with_document("/disclosures/{disclosure}/open", Staff, disclosures::open),
        sent("/disclosures/{disclosure}/refuse", Staff, disclosures::refuse),
        sent("/disclosures/{disclosure}/read", Staff, disclosures::read),
        shown("/disclosures/{disclosure}/disclosure.json", Staff, disclosures::download),
        sent("/disclosures/{disclosure}/remove", Staff, disclosures::remove),
        shown("/shipments", Account, shipments::list),
        sent_with_document("/shipments", Acting, shipments::check),
        shown("/shipments/{shipment}", Account, shipments::one),
        shown("/shipments/{shipment}/{file}", Account, shipments::result),
        shown("/studies", Company, studies::list),
        sent("/studies", Applicant, studies::add),
        shown("/studies/new", Applicant, studies::show_new),
        shown("/studies/{study}", Company, studies::one),
        shown("/studies/{study}/{file}", Company, studies::file),
        sent("/studies/{study}/remove", Applicant, studies::remove),
        sent("/studies/{study}/attach", Applicant, studies::attach),
        shown("/certificates", Company, certificates::list),
        shown("/certificates/{certificate}/labels", Company, certificates::labels),
        shown("/certificates/{certificate}/qr.svg", Company, certificates::qr),
        shown("/team", Company, team::show),
        sent("/team/invitations", Owner, team::invite),
        sent("/team/invitations/withdraw", Owner, team::withdraw),
        sent("/team/people/{person}", Owner, team::change),
        sent("/team/leave", Company, team::leave),
        shown("/team/keys", Owner, api_keys::show),
        sent("/team/keys", Owner, api_keys::make),
        sent("/team/keys/{key}/rotate", Owner, api_keys::rotate),
        sent("/team/keys/{key}/end", Owner, api_keys::end),
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
        shown("/admin/claims", Administrator, claimed::list),
        sent("/admin/claims/{application}", Administrator, claimed::decide),
        shown("/admin/keys", Administrator, ledger_keys::show_queue),
        shown("/admin/keys/{key}/request", Administrator, ledger_keys::export_request),
        shown("/admin/keys/{key}/certificate", Administrator, ledger_keys::export_certificate),
        sent("/admin/keys/{key}/certificate", Administrator, ledger_keys::certify),
        sent("/admin/keys/{key}/end", Administrator, ledger_keys::end),
        shown("/admin/audit", AdministratorOrOwner, administration::audit),
        shown("/admin/audit/export", AdministratorOrOwner, administration::export),
        asked("/auth/nonce", Client, clients::nonce),
        asked("/auth/verify", Client, clients::verify),
        asked("/auth/refresh", Client, clients::refresh),
        told("/auth/me", Bearer, clients::me),
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
        let guarded = if of.access.is_for_programs() {
            handler.layer(from_fn_with_state((site.clone(), of.access), programs::guard))
        } else {
            handler.layer(from_fn_with_state((site.clone(), of.access, brings), guard::guard))
        };
        router = router.route(of.path, guarded);
    }
    let guard = from_fn_with_state((site.clone(), Access::Everybody, Brings::Fields), guard::guard);
    let nothing = reply::not_there.layer(guard);
    router
        .route("/style.css", get(assets::style))
        .route("/portal.css", get(assets::portal_style))
        .route("/passkey.js", get(assets::passkey_script))
        .route("/wallet.js", get(assets::wallet_script))
        .route("/scan.js", get(assets::scan_script))
        .route("/modules/{name}", get(assets::module))
        .route("/icon.svg", get(assets::icon))
        .method_not_allowed_fallback(nothing.clone())
        .fallback(nothing)
        .nest(partner::BASE, partner::router(&site))
        .with_state(site)
}
