//! Whether the ledger answers.

use askama::Template;

use crate::page::Frame;

#[derive(Template)]
#[template(path = "ledger.html")]
pub struct LedgerPage {
    pub frame: Frame,
    pub channel: String,
    pub genesis: String,
    pub organisations: Vec<ShownOrganisation>,
}

/// An organisation of the portal's operator, and whether its gateway answers.
pub struct ShownOrganisation {
    pub name: String,
    pub msp_id: String,
    pub is_away: bool,
    pub says: String,
}
