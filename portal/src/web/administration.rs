//! What administrators do with the people of their own party, and what they read of its log.

use std::sync::Arc;

use accounts::{
    ADMINISTRATOR, BaseUrl, Change, Database, PartyKind,
    audit::Entry,
    now,
    people::{self, Account, Outcome, Scope, Step},
    store::{self, Link, Purpose, StoreError},
};
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Redirect},
};
use site::{
    Answer, Site, entry,
    forms::{self, Sent},
    limits, reply,
    visitor::Visitor,
};
use views::people::{AuditPage, PeoplePage, ShownEntry};

use super::forms::{Invitation, Search, StepOf};

async fn page(site: &Site, visitor: &Visitor, account: &Account, notice: Option<&str>) -> Answer {
    let page = PeoplePage {
        frame: visitor.frame(),
        party: account.party_name.clone(),
        notice: notice.map(str::to_owned),
        people: Scope::of(account).people(&site.database).await?,
        roles: account.party_kind.roles(),
    };
    let status = if notice.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
    Ok(reply::page(status, &page))
}

pub(crate) async fn people(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    page(&site, &visitor, &account, None).await
}

/// Takes a step about a person: a role given or taken, an account disabled or enabled, lost passkeys removed.
pub(crate) async fn change(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(person): Path<String>,
    Sent(StepOf { step, role }): Sent<StepOf>,
) -> Answer {
    let Some(step) = Step::read(&step, &role, account.party_kind) else {
        return Ok(reply::not_there().await);
    };
    let action = step.action();
    let object = match step {
        Step::Grant(role) | Step::Revoke(role) => format!("{person} {role}"),
        Step::Disable | Step::Enable | Step::ForgetPasskeys => person.clone(),
    };
    let mut change = site.change_of(&visitor).await?;
    match Scope::of(&account).take(&mut change, &person, step, &account.id, visitor.now).await? {
        Outcome::Nobody => Ok(reply::not_there().await),
        Outcome::Done => {
            change.record(&entry(&visitor, &account.party, action, &object, "done")).await?;
            if step == Step::ForgetPasskeys {
                tell_of_passkeys(&mut change, &person, visitor.now).await?;
            }
            change.commit().await?;
            site.posted.notify_one();
            Ok(Redirect::to("/admin/people").into_response())
        }
        Outcome::LastAdministrator => {
            drop(change);
            let mut change = site.change_of(&visitor).await?;
            change.record(&entry(&visitor, &account.party, action, &object, "refused")).await?;
            change.commit().await?;
            let notice =
                "Nobody could administrate the people here any more. Make somebody else administrator first.";
            page(&site, &visitor, &account, Some(notice)).await
        }
    }
}

/// Says by mail that an administrator removed somebody's passkeys.
async fn tell_of_passkeys(change: &mut Change, person: &str, now: i64) -> Result<(), StoreError> {
    let Some((address, _)) = people::address_of(change, person).await? else { return Ok(()) };
    let text = "An administrator of your party removed your passkeys and wallets at the NanoTrace portal, and ended your sessions. Your \
                password lets you make another passkey.\n\nIf you did not ask for it, tell your administrator.\n";
    store::post(change, &address, "Your passkeys were removed", text, now).await
}

pub(crate) async fn invite(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(Invitation { email: typed, role: typed_role }): Sent<Invitation>,
) -> Answer {
    let Some(email) = forms::email(&typed) else {
        return page(&site, &visitor, &account, Some("This is no e-mail address.")).await;
    };
    let role = account.party_kind.role(&typed_role);
    if role.is_none() && !typed_role.is_empty() {
        return Ok(reply::not_there().await);
    }
    let mut change = site.change_of(&visitor).await?;
    if !people::is_administrator(&mut change, &account.party, &account.id).await? {
        return Ok(reply::not_there().await);
    }
    let holder = people::holder(&mut change, &email).await?;
    let token = invitation(&mut change, Some(&account.id), &account.party, &email, role, visitor.now).await?;
    let (base, party) = (&site.base, &account.party_name);
    let text = match holder {
        None => format!(
            "{} invites you to work for {party} at the NanoTrace portal.\n\nTo make your account, open this link within \
             a week:\n{base}/join?token={token}\n",
            account.name
        ),
        Some(_) => format!(
            "{} invited you to work for {party} at the NanoTrace portal. This address has an account already, and an \
             account works for one party alone: answer with another address.\n",
            account.name
        ),
    };
    store::post(&mut change, &email, "An invitation", &text, visitor.now).await?;
    let object = format!("{email} {}", role.unwrap_or_default());
    change.record(&entry(&visitor, &account.party, "invitation", object.trim_end(), "mail sent")).await?;
    change.commit().await?;
    site.posted.notify_one();
    let text = "A mail with a link is on its way. The link works for a week.";
    Ok(reply::message(StatusCode::OK, visitor.frame(), "Invited", text))
}

async fn invitation(
    change: &mut Change,
    account: Option<&str>,
    party: &str,
    email: &str,
    role: Option<&str>,
    now: i64,
) -> Result<String, StoreError> {
    let link = Link {
        party: Some(party.to_owned()),
        role: role.map(str::to_owned),
        ..Link::to(Purpose::Invite, account.map(str::to_owned), email)
    };
    store::create_link(change, &link, now).await
}

pub(crate) async fn audit(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Query(Search { search, before }): Query<Search>,
) -> Answer {
    let scope = Scope::of(&account);
    let people = scope.people(&site.database).await?;
    // The log has ids, which stay; people are known by their addresses.
    let named = people.iter().find(|person| person.email == search.trim());
    let wanted = named.map_or(search.as_str(), |person| &person.id);
    let before = before.unwrap_or(i64::MAX);
    let rows = scope.audit(&site.database, wanted, before, limits::AUDIT_PAGE).await?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|rows| rows == limits::AUDIT_PAGE);
    let page = AuditPage {
        frame: visitor.frame(),
        party: account.party_name.clone(),
        older: rows.last().map(|row| row.seq).filter(|_| is_full),
        entries: rows.into_iter().map(|row| ShownEntry::of(row, &people)).collect(),
        search,
    };
    Ok(reply::page(StatusCode::OK, &page))
}

/// The whole log of the party as CSV, oldest first.
pub(crate) async fn export(State(site): State<Arc<Site>>, Extension(account): Extension<Account>) -> Answer {
    let rows = Scope::of(&account).audit(&site.database, "", i64::MAX, i64::MAX).await?;
    let mut table = csv::Writer::from_writer(Vec::new());
    let mut write = |cells: [&str; 10]| table.write_record(cells.map(inspection::cell));
    let mut written = write([
        "number",
        "seconds since 1970",
        "actor",
        "action",
        "object",
        "address",
        "result",
        "transaction",
        "block",
        "code",
    ]);
    for row in rows.iter().rev() {
        let (seq, at) = (row.seq.to_string(), row.at.to_string());
        let transaction = row.transaction.as_ref();
        let (id, block, code) = (
            transaction.map_or("", |it| &it.id),
            transaction.and_then(|it| it.block).map_or_else(String::new, |it| it.to_string()),
            transaction.map_or("", |it| &it.code),
        );
        let cells =
            [&seq, &at, &row.actor, &row.action, &row.object, &row.address, &row.result, id, &block, code];
        written = written.and_then(|()| write(cells));
    }
    let text = match (written, table.into_inner()) {
        (Ok(()), Ok(text)) => text,
        _ => return Ok(StatusCode::INTERNAL_SERVER_ERROR.into_response()),
    };
    Ok(reply::download("audit.csv", "text/csv; charset=utf-8", text))
}

/// Why the first administrator of an organisation could not be invited.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    #[error("{0:?} is no e-mail address")]
    Email(String),
    #[error("{0:?} is no MSP id of an organisation, or belongs to a company here")]
    Organisation(String),
    #[error("the address {0} has an account already")]
    Taken(String),
    #[error("{0}")]
    Failed(String),
}

/// Invites an administrator of an organisation, which is entered where it is new: for the operator, at the command line.
/// Returns the link that lets its holder make the account, once and within a week.
pub async fn invite_administrator(
    database: &Database,
    base: &BaseUrl,
    organisation: &str,
    typed: &str,
) -> Result<String, InviteError> {
    let email = forms::email(typed).ok_or_else(|| InviteError::Email(typed.to_owned()))?;
    let failed = |error: StoreError| InviteError::Failed(error.to_string());
    let mut change = database.change().await.map_err(|error| failed(error.into()))?;
    let is_taken = people::holder(&mut change, &email).await.map_err(|error| failed(error.into()))?.is_some();
    if is_taken {
        return Err(InviteError::Taken(email));
    }
    enter_organisation(&mut change, organisation).await?;
    let link = invitation(&mut change, None, organisation, &email, Some(ADMINISTRATOR), now()).await;
    let token = link.map_err(failed)?;
    let entry = Entry {
        at: now(),
        party: organisation.to_owned(),
        actor: "command line".to_owned(),
        action: "invitation",
        object: format!("{email} {ADMINISTRATOR}"),
        address: String::new(),
        result: "link printed",
        transaction: None,
    };
    change.record(&entry).await.map_err(|error| failed(error.into()))?;
    change.commit().await.map_err(|error| failed(error.into()))?;
    Ok(format!("{base}/join?token={token}"))
}

async fn enter_organisation(change: &mut Change, organisation: &str) -> Result<(), InviteError> {
    let wrong = || InviteError::Organisation(organisation.to_owned());
    let failed = |error: sqlx::Error| InviteError::Failed(error.to_string());
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if organisation.is_empty() || organisation.len() > 100 || !organisation.bytes().all(is_plain) {
        return Err(wrong());
    }
    match people::party_kind(change, organisation).await.map_err(failed)? {
        Some(PartyKind::Organisation) => Ok(()),
        Some(PartyKind::Company) => Err(wrong()),
        None => people::create_party(change, organisation, PartyKind::Organisation, organisation, now())
            .await
            .map_err(failed),
    }
}
