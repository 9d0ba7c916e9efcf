//! What was typed into a form that arrived after its session had ended, or that was loaded before another login: the person
//! finds it again, and sends it once more.

use std::sync::Arc;

use accounts::{
    kept::{self, KeptForm},
    people::Account,
    secret,
    store::{self, StoreError},
};
use axum::{
    Extension,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Redirect, Response},
};
use http_body_util::{BodyExt, Limited};
use url::form_urlencoded;
use views::account::{KeptPage, TypedField};

use crate::{
    Answer, Site,
    guard::{self, FORM_TOKEN},
    limits, reply,
    visitor::{Cookies, Visitor},
};

/// What is longer is shown in several lines.
const LINE: usize = 80;
/// Fields that pages write themselves: which version of a draft it was, and where to go on.
const PAGES_OWN: [&str; 3] = ["version", "then", "next"];

/// To the login, and from there to what was typed, where this browser sent it from a page of the session that has ended. Of a
/// session that somebody ended it is not known any more whose it was: what was typed stays in the browser.
pub async fn after_the_end(site: &Site, visitor: &Visitor, cookies: &Cookies, request: Request) -> Response {
    let Some((session, form)) = of_session(site, cookies, request).await else {
        return Redirect::to("/login").into_response();
    };
    match keep_for_owner(site, visitor, &session, &form).await {
        Ok(Some(id)) => Redirect::to(&format!("/login?next=%2Fkept%2F{id}")).into_response(),
        Ok(None) if form.may_be_shown() => {
            reply::page(StatusCode::FORBIDDEN, &kept_page(visitor, form, true))
        }
        Ok(None) => Redirect::to("/login").into_response(),
        Err(error) => reply::failure(&error),
    }
}

/// The form, and the session in which its page was loaded: the browser still has the secret.
async fn of_session(site: &Site, cookies: &Cookies, request: Request) -> Option<(String, KeptForm)> {
    let (session, form_secret) = (cookies.session.clone()?, cookies.form.as_ref()?);
    let (parts, body) = request.into_parts();
    if guard::is_of_other_site(&parts.headers, site) {
        return None;
    }
    let body = Limited::new(body, limits::FORM_BYTES).collect().await.ok()?.to_bytes();
    let (tokens, form) = read(parts.uri.path(), &body);
    let right = secret::form_token(form_secret, Some(&session));
    match tokens.as_slice() {
        [token] if secret::equal(token, &right) => Some((session, form)),
        _ => None,
    }
}

async fn keep_for_owner(
    site: &Site,
    visitor: &Visitor,
    session: &str,
    form: &KeptForm,
) -> Result<Option<String>, StoreError> {
    match store::ended(&site.database, session, visitor.now).await? {
        Some(account) => kept::keep(&site.database, &account, form, visitor.now).await,
        None => Ok(None),
    }
}

/// To what was typed into a page that was loaded before another login in the same browser. That login's token is not the
/// page's: the browser itself says that the form is of this site.
pub async fn after_another_login(
    site: &Site,
    visitor: &Visitor,
    headers: &HeaderMap,
    form: &KeptForm,
) -> Result<Option<Response>, StoreError> {
    let Some(account) = visitor.account.as_ref().filter(|_| guard::is_of_own_site(headers, site)) else {
        return Ok(None);
    };
    let kept = kept::keep(&site.database, &account.id, form, visitor.now).await?;
    Ok(kept.map(|id| Redirect::to(&format!("/kept/{id}")).into_response()))
}

/// The tokens of a form, and what was typed.
pub fn read(path: &str, body: &[u8]) -> (Vec<String>, KeptForm) {
    let fields = form_urlencoded::parse(body).into_owned();
    let (tokens, fields): (Vec<_>, Vec<_>) = fields.partition(|(name, _)| name == FORM_TOKEN);
    let tokens = tokens.into_iter().map(|(_, token)| token).collect();
    (tokens, KeptForm { path: path.to_owned(), fields })
}

pub async fn show(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
) -> Answer {
    let Some(form) = kept::find(&site.database, &account.id, &id, visitor.now).await? else {
        return Ok(reply::not_there().await);
    };
    Ok(reply::page(StatusCode::OK, &kept_page(&visitor, form, false)))
}

fn kept_page(visitor: &Visitor, form: KeptForm, lacks_login: bool) -> KeptPage {
    let field = |(name, value): (String, String)| TypedField {
        label: name.replace(['-', '_', '.'], " "),
        is_hidden: PAGES_OWN.contains(&name.as_str()),
        is_long: value.len() > LINE || value.contains('\n'),
        name,
        value,
    };
    KeptPage {
        frame: visitor.frame(),
        action: form.path,
        fields: form.fields.into_iter().map(field).collect(),
        lacks_login,
    }
}
