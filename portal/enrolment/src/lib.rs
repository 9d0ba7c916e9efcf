//! Keys of the ledger that people make and use in their browsers: requests for certificates, the certificates that come back, and
//! steps that are prepared here and signed there. No private key is ever in this process.
//!
//! # What holds here
//! - A request is taken from who has its key alone (test `a_request_is_taken_from_who_has_the_key`), and a certificate only if it is
//!   what the person was granted, by the channel's configuration (test `a_certificate_is_what_was_granted`).
//! - What a page signs it has read ([`MODULES`], tests in `tests/modules.rs`).

pub mod acts;
mod certificate;
mod configuration;
pub mod keys;
mod request;

pub use acts::{Act, ActError, Acts, Call, Caller};
pub use certificate::{Certified, Expected, Mismatch, check};
pub use configuration::configuration;
pub use keys::{Key, Queue, Queued};
pub use request::{KeyRequest, RequestError};

/// The ES modules of the pages, by the names under which they import one another.
pub const MODULES: [(&str, &str); 11] = [
    ("act-page.js", include_str!("../modules/act-page.js")),
    ("act.js", include_str!("../modules/act.js")),
    ("bytes.js", include_str!("../modules/bytes.js")),
    ("canonical.js", include_str!("../modules/canonical.js")),
    ("confidential-page.js", include_str!("../modules/confidential-page.js")),
    ("der.js", include_str!("../modules/der.js")),
    ("dialog.js", include_str!("../modules/dialog.js")),
    ("fabric.js", include_str!("../modules/fabric.js")),
    ("key-page.js", include_str!("../modules/key-page.js")),
    ("keys.js", include_str!("../modules/keys.js")),
    ("protobuf.js", include_str!("../modules/protobuf.js")),
];
