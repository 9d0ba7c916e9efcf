//! Applications that companies take over again by their dossiers' files.

use askama::Template;
use dossiers::claims::Claim;

use crate::page::{Frame, moment};

/// A company brings the file, and sees what it has claimed.
#[derive(Template)]
#[template(path = "claim.html")]
pub struct ClaimPage {
    pub frame: Frame,
    pub party: String,
    pub problem: Option<String>,
    pub claims: Vec<ShownClaim>,
}

/// The administrators of the body confirm or refuse.
#[derive(Template)]
#[template(path = "claims.html")]
pub struct ClaimsPage {
    pub frame: Frame,
    pub party: String,
    /// Its MSP id.
    pub body: String,
    pub problem: Option<String>,
    pub claims: Vec<ShownClaim>,
}

pub struct ShownClaim {
    pub application: String,
    pub body: String,
    pub title: String,
    pub client: String,
    pub company: String,
    pub name: String,
    pub email: String,
    pub since: String,
}

impl From<Claim> for ShownClaim {
    fn from(claim: Claim) -> Self {
        let title = if claim.title.is_empty() { "No product".to_owned() } else { claim.title };
        Self {
            application: claim.application,
            body: claim.body,
            title,
            client: claim.client,
            company: claim.company,
            name: claim.name,
            email: claim.email,
            since: moment(claim.at),
        }
    }
}
