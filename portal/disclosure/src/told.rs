//! Who is told what of a request, in the change that makes it so. No notice and no mail has a field, its name, or what was asked for.

use accounts::{Change, store::StoreError};
use certificate::Duty;
use dossiers::notices::{self, News};
use letters::line;

use crate::{Field, New, Request, page_of};

/// Those of the body who answer.
pub(crate) async fn of_question(
    change: &mut Change,
    new: &New<'_>,
    party: &str,
    id: &str,
    now: i64,
) -> Result<(), StoreError> {
    let product = line(new.product);
    let news = News {
        key: format!("disclosure {id}"),
        at: now,
        subject: format!("Asked: a confidential field, {product}"),
        body: format!(
            "{party} asks for one confidential field of the application on which the certificate {} for {product} was granted, \
             and says why. Read the request, and open the field or refuse it.",
            new.certificate
        ),
        link: page_of(id),
    };
    notices::ask_duty(change, new.body, Duty::DecisionMaker, &news, now).await
}

/// It waits for nobody any more.
pub(crate) async fn is_over(change: &mut Change, id: &str) -> Result<(), StoreError> {
    notices::is_done(change, &page_of(id)).await
}

/// Who asked; and the company whose field it is, unless the law forbids it (ISO/IEC 17065, 4.5.3).
pub(crate) async fn of_opening(
    change: &mut Change,
    request: &Request,
    field: &Field<'_>,
    now: i64,
) -> Result<(), StoreError> {
    let product = line(&request.product);
    let news = News {
        key: format!("disclosure {} answered", request.id),
        at: now,
        subject: format!("Opened: the field that you asked for, {product}"),
        body: format!(
            "{} opened the confidential field that you asked for, of the application for {product}. It lies in the portal \
             for 7 days, and for a day once you have read it.",
            request.body
        ),
        link: page_of(&request.id),
    };
    answered(change, request, &news, now).await?;
    if !field.is_client_told {
        return Ok(());
    }
    let news = News {
        key: format!("disclosure {} opened", request.id),
        at: now,
        subject: format!("Opened to {}: a confidential field, {product}", line(&request.party)),
        body: format!(
            "{} opened a confidential field of your application for {product} to {}, which asked for it. It is the field \
             with the hash {}. Nothing else of the confidential part was opened.",
            request.body, request.party, field.hash
        ),
        link: format!("/applications/{}", request.application),
    };
    notices::tell_client(change, &request.body, &request.application, &news, now).await
}

pub(crate) async fn of_refusal(
    change: &mut Change,
    request: &Request,
    why: &str,
    now: i64,
) -> Result<(), StoreError> {
    let product = line(&request.product);
    let news = News {
        key: format!("disclosure {} answered", request.id),
        at: now,
        subject: format!("Refused: the field that you asked for, {product}"),
        body: format!(
            "{} does not open the confidential field that you asked for.\n\nIt says: {}.",
            request.body,
            line(why).trim_end_matches('.')
        ),
        link: page_of(&request.id),
    };
    answered(change, request, &news, now).await
}

async fn answered(change: &mut Change, request: &Request, news: &News, now: i64) -> Result<(), StoreError> {
    is_over(change, &request.id).await?;
    notices::tell_account(change, &request.account, news, now).await
}
