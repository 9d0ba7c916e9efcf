//! Pages as the table of them lists each, and who may see it.

use std::sync::Arc;

use axum::{
    handler::Handler,
    http::Method,
    routing::{MethodRouter, get, post},
};

use crate::{Site, guard::Brings};

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
