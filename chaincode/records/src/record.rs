//! The records that the contract keeps in the world state, one type a file, each with its binary form.
//!
//! Readers of the ledger (the contract, the verifier's read model) decode them with the same functions.

mod accreditation;
mod adopted;
mod anchor;
mod application;
mod certificate;
pub mod codec;
mod complaint;
mod compromise;
mod confidential;
mod ended;
mod event;
mod issuer_key;
mod laboratory;
mod ledger;
mod reservation;
mod scheme;
mod scope;
mod status;
mod stop;
mod superseded;
mod surveillance;
mod term;

pub use accreditation::{Accreditation, AccreditationSuspension, Effect};
pub use adopted::Adopted;
pub use anchor::{Anchor, MAXIMUM_LOG_NAME};
pub use application::{
    Act, Application, ApplicationState, Decision, MAXIMUM_REPORTS, MAXIMUM_STEPS, MAXIMUM_TITLE,
    Recommendation, Step, TestReport,
};
pub use certificate::Certificate;
pub use codec::RecordError;
pub use complaint::{About, Complaint, ComplaintKind, ComplaintState, ComplaintStep};
pub use compromise::{Compromise, Declaration};
pub use confidential::{Confidential, FieldHash};
pub use ended::{BodyEnd, MAXIMUM_SUCCESSORS, Successor};
pub use event::{Event, MAXIMUM_REASON};
pub use issuer_key::IssuerKey;
pub use laboratory::{Laboratory, MAXIMUM_METHODS};
pub use ledger::Ledger;
pub use reservation::Reservation;
pub use scheme::{MAXIMUM_NAME, Scheme};
pub use scope::{Former, MAXIMUM_CATEGORY, MAXIMUM_SCOPE, MAXIMUM_STANDARD, Scope, is_full, scope_at};
pub use status::{Hold, Status};
pub use stop::{MAXIMUM_SUSPENSIONS, Stop, Suspension, Withdrawal};
pub use superseded::Superseded;
pub use surveillance::{Activity, Conclusion, MAXIMUM_ACTIVITIES, Surveillance, SurveillanceRule};
pub use term::{FormerTerm, MAXIMUM_NUMBER, MAXIMUM_RENEWALS, Term};
