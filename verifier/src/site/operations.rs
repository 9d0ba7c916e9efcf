//! For whoever runs the verifier: is it alive, may it be asked, what does it count.

use certificate::DateTime;
use http::StatusCode;

use super::{Asked, Site};
use crate::reply::{Reply, TEXT};

/// The process answers.
pub(super) fn health() -> Reply {
    Reply::new(StatusCode::OK, TEXT, "ok\n")
}

impl Site {
    /// Whether an answer would be more than "cannot tell".
    pub(super) fn ready(&self, now: DateTime) -> Reply {
        match self.model.doubt(now, self.max_age) {
            None => {
                let height = self.model.as_of().height;
                Reply::new(StatusCode::OK, TEXT, format!("ready as of block {}\n", height.saturating_sub(1)))
            }
            Some(doubt) => Reply::new(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("not ready: {doubt}\n")),
        }
    }

    pub(super) fn metrics(&self, asked: &Asked<'_>) -> Reply {
        let Some(metrics) = &self.config.metrics else { return self.not_found(asked) };
        let as_of = self.model.as_of();
        metrics::gauge!("verifier_height").set(as_of.height as f64);
        if let Some(at) = as_of.confirmed_at {
            metrics::gauge!("verifier_confirmed_seconds").set(at.seconds() as f64);
        }
        let ready = self.model.doubt(asked.now, self.max_age).is_none();
        metrics::gauge!("verifier_ready").set(f64::from(u8::from(ready)));
        Reply::new(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", metrics.render())
    }
}
