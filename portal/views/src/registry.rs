//! What the accreditation body says: schemes, accreditations of bodies and of laboratories.

use askama::Template;

use crate::{
    page::Frame,
    steps::{Input, Offered, Signing},
};

#[derive(Template)]
#[template(path = "registry.html")]
pub struct RegistryPage {
    pub frame: Frame,
    /// Why the ledger gave no answer.
    pub away: Option<String>,
    /// Title, id with version, standards.
    pub schemes: Vec<(String, String, String)>,
    pub accreditations: Vec<ShownRegistered>,
    pub laboratories: Vec<ShownRegistered>,
    pub offered: Vec<Offered>,
    pub signing: Option<Signing>,
}

/// An accreditation, of a certification body or of a laboratory.
pub struct ShownRegistered {
    pub organisation: String,
    /// The scheme, or none of a laboratory.
    pub scheme: Option<String>,
    pub number: String,
    pub term: String,
    /// What it is limited to.
    pub scope: String,
    /// How it is suspended, by whom and why.
    pub suspended: Option<String>,
    /// Its page.
    pub path: String,
}

#[derive(Template)]
#[template(path = "registered.html")]
pub struct RegisteredPage {
    pub frame: Frame,
    pub shown: ShownRegistered,
    /// What was suspended and restored, the newest first: what, by whom and when, why.
    pub history: Vec<(String, String, String)>,
    pub offered: Vec<Offered>,
    pub signing: Option<Signing>,
}
