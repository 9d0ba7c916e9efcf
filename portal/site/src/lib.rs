//! What every page of the portal stands in: who asks, whether they may, what every reply carries, and what answering needs. No page
//! is here.

pub mod clients;
mod demonstration;
pub mod forms;
pub mod guard;
pub mod kept;
pub mod limits;
pub mod rates;
pub mod reply;
pub mod routes;
pub mod visitor;

use std::sync::Arc;

use accounts::{
    BaseUrl, Change, Database,
    audit::Entry,
    now,
    passkeys::RelyingParty,
    passwords::{HashError, Passwords},
    people::{self, Account},
    store::{self, StoreError},
};
use axum::{http::StatusCode, response::Response};
use desk::Organisations;
use dossiers::queue::Queue;
use enrolment::keys;
use granting::Signers;
use inspection::Verifier;
use letters::Places;
use rates::Rates;
use tokio::sync::Notify;
use uploads::Uploads;
use views::steps::Signing;
use visitor::Visitor;

pub type Answer = Result<Response, reply::Failed>;

/// An entry of the audit log about a request.
pub fn entry(
    visitor: &Visitor,
    party: &str,
    action: &'static str,
    object: &str,
    result: &'static str,
) -> Entry {
    Entry {
        at: visitor.now,
        party: party.to_owned(),
        actor: visitor.actor().to_owned(),
        action,
        object: object.to_owned(),
        address: visitor.address.clone(),
        result,
        transaction: None,
    }
}

/// A link that was used, has expired, or never was one.
pub fn spent_link(visitor: &Visitor) -> Response {
    let text = "This link was used already, or its time is over. Ask for a new one.";
    reply::message(StatusCode::GONE, visitor.frame(), "This link does not work", text)
}

/// Everything that answering needs.
pub struct Site {
    pub base: BaseUrl,
    /// Of pages elsewhere that may ask as programs do. None by default.
    pub origins: Vec<BaseUrl>,
    pub database: Database,
    pub passwords: Passwords,
    pub relying_party: RelyingParty,
    pub organisations: Arc<Organisations>,
    /// Of the bodies for which it grants.
    pub signers: Signers,
    pub uploads: Uploads,
    /// What it says of certificates is passed on.
    pub verifier: Arc<Verifier>,
    pub requests: Rates,
    pub tries: Rates,
    pub checks: Rates,
    /// Told when a mail waits.
    pub posted: Arc<Notify>,
    /// Told when a call of the contract waits.
    pub acts: Arc<Notify>,
    /// Told when a study waits to be computed.
    pub studies: Arc<Notify>,
    /// Of a demonstration: certifies ledger keys at once.
    pub certify: Option<Certify>,
    pub is_demonstration: bool,
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
            origins: Vec::new(),
            database,
            passwords: Passwords::new()?,
            requests: Rates::new(limits::REQUESTS),
            tries: Rates::new(limits::TRIES),
            checks: Rates::new(limits::CHECKS),
            posted: Arc::new(Notify::new()),
            acts: Arc::new(Notify::new()),
            studies: Arc::new(Notify::new()),
            certify,
            is_demonstration,
        })
    }

    /// Where links of mails lead to.
    pub fn places(&self) -> Places {
        let verifier = self.organisations.verifier().map(str::to_owned);
        Places { portal: self.base.to_string(), verifier }
    }

    /// Begins a change by somebody who is logged in. The guard saw the session before the form was read, and its password
    /// hashed: it may be over since, and the role in the company another one.
    pub async fn change_of(&self, visitor: &Visitor) -> Result<Change, StoreError> {
        let mut change = self.database.change().await?;
        let session = visitor.session.as_deref().unwrap_or_default();
        if !store::goes_on(&mut change, session, now()).await? {
            return Err(StoreError::SessionOver);
        }
        // As for what is done in an organisation: each such change asks for the role that it needs.
        if let Some(account) = visitor.account.as_ref().filter(|it| !it.is_staff())
            && !people::still_has_its_roles(&mut change, account).await?
        {
            return Err(StoreError::RoleOver);
        }
        Ok(change)
    }

    /// What a page needs on which the account signs steps; none where it has no certified key.
    pub async fn signing(&self, account: &Account, now: i64) -> Result<Option<Signing>, StoreError> {
        let key = keys::current(&self.database, &account.id, now).await?;
        Ok(key.and_then(|key| {
            Some(Signing {
                fingerprint: key.fingerprint,
                msp_id: account.party.clone(),
                certificate: key.certificate?,
                channel: self.organisations.channel().to_owned(),
            })
        }))
    }

    /// What somebody of an organisation sees of its applications.
    pub async fn scope<'a>(&'a self, account: &'a Account) -> Result<Queue<'a>, sqlx::Error> {
        let applicants = self.organisations.applicants().map(|it| it.msp_id.as_str());
        Queue::of(&self.database, account, applicants).await
    }

    /// Whether somebody has tried this address too often this minute. It counts whether or not there is an account.
    pub fn is_tried_too_often(&self, email: &str, now: i64) -> bool {
        self.tries.count(email, now).is_exceeded
    }
}

/// What an authority is asked to certify.
#[derive(Clone, Debug)]
pub struct Order {
    /// The organisation's MSP id.
    pub organisation: String,
    /// PKCS #10, as PEM.
    pub request: String,
    pub roles: Vec<String>,
    pub pseudonym: String,
}

/// The authority of a demonstration, which certifies at once: returns the certificate as PEM, or why there is none.
pub type Certify = Arc<dyn Fn(&Order) -> Result<String, String> + Send + Sync>;
