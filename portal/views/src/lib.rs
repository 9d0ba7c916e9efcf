//! The portal's pages: templates, and what each is filled with. Rendered on the server, complete without scripts; whatever is
//! filled in is escaped by the template engine, as the templates' names end with `.html`.

pub mod account;
pub mod application;
pub mod certificates;
pub mod claims;
pub mod complaints;
pub mod demonstration;
pub mod disclosures;
pub mod form;
pub mod grants;
pub mod inspection;
pub mod issued;
pub mod keys;
pub mod ledger;
pub mod notices;
pub mod page;
pub mod people;
pub mod queue;
pub mod registry;
pub mod shipments;
pub mod steps;
pub mod studies;
