//! Pages as the table of them lists each, and who may see it.

use std::sync::Arc;

use axum::{
    handler::Handler,
    http::Method,
    routing::{MethodRouter, get, post},
};

use crate::{Site, clients, guard::Brings};

/// Who may see a page. Pages of companies are not there for the people of organisations, and the other way round; nor are those of who
/// administrates there for others. Who may see the company's pages, and not do what this one does, is told so. Who is not logged in is
/// led to the login. Programs are told what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    Everybody,
    /// Who is logged in, though the passkey that people of organisations need was not shown yet.
    Login,
    Account,
    /// As `Account`, but for the readers of companies, who see and do nothing.
    Acting,
    /// The people of companies, which apply.
    Company,
    /// As `Company`, but for readers.
    Applicant,
    /// The owners of companies.
    Owner,
    /// The people of organisations.
    Staff,
    /// Of organisations.
    Administrator,
    AdministratorOrOwner,
    /// Programs, which have no cookies: whoever asks.
    Client,
    /// Programs with an access token.
    Bearer,
}

impl Access {
    /// Whether it is no page, and is guarded by `clients::guard`.
    pub fn is_for_programs(self) -> bool {
        matches!(self, Access::Client | Access::Bearer)
    }
}

/// A page as a list shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteOf {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
}

pub struct Route {
    pub of: RouteOf,
    pub brings: Brings,
    pub handler: MethodRouter<Arc<Site>>,
}

pub fn shown<T: 'static, H: Handler<T, Arc<Site>>>(path: &'static str, access: Access, handler: H) -> Route {
    Route { of: RouteOf { method: Method::GET, path, access }, brings: Brings::Fields, handler: get(handler) }
}

pub fn sent<T: 'static, H: Handler<T, Arc<Site>>>(path: &'static str, access: Access, handler: H) -> Route {
    Route {
        of: RouteOf { method: Method::POST, path, access },
        brings: Brings::Fields,
        handler: post(handler),
    }
}

/// As [`sent`], with a file.
pub fn uploaded<T: 'static, H: Handler<T, Arc<Site>>>(
    path: &'static str,
    access: Access,
    handler: H,
) -> Route {
    Route { brings: Brings::File, ..sent(path, access, handler) }
}

/// As [`sent`], with a document in one of its fields.
pub fn sent_with_document<T: 'static, H: Handler<T, Arc<Site>>>(
    path: &'static str,
    access: Access,
    handler: H,
) -> Route {
    Route { brings: Brings::Document, ..sent(path, access, handler) }
}

/// Of programs, which get something.
pub fn told<T: 'static, H: Handler<T, Arc<Site>>>(path: &'static str, access: Access, handler: H) -> Route {
    let route = shown(path, access, handler);
    Route { handler: route.handler.options(clients::preflight), ..route }
}

/// Of programs, which send something.
pub fn asked<T: 'static, H: Handler<T, Arc<Site>>>(path: &'static str, access: Access, handler: H) -> Route {
    let route = sent(path, access, handler);
    Route { handler: route.handler.options(clients::preflight), ..route }
}
