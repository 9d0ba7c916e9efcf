//! For the verifier's operator: is it alive, may it be asked, what does it count.

use certificate::DateTime;
use http::StatusCode;
use metrics::{Unit, describe_counter, describe_gauge, describe_histogram};

use super::{Asked, Site};
use crate::reply::{Reply, TEXT};
use crate::served::SourceReport;

/// The process answers.
pub(super) fn health() -> Reply {
    Reply::new(StatusCode::OK, TEXT, "ok\n")
}

/// Says what the verifier's metrics mean, for readers of `/metrics`.
pub(super) fn describe_metrics() {
    describe_counter!("verifier_requests_total", "Requests answered, by route and class of HTTP status");
    describe_histogram!("verifier_request_seconds", Unit::Seconds, "Time to make a reply, by route");
    describe_counter!(
        "verifier_answers_rendered_total",
        "Answers about certificates that were made anew, not taken from the cache, by result"
    );
    describe_gauge!("verifier_height", "Number of blocks that answers rest on");
    describe_gauge!(
        "verifier_confirmed_seconds",
        Unit::Seconds,
        "When the newest block was last known to be the newest, in seconds since 1970 UTC"
    );
    describe_gauge!(
        "verifier_ledger_time_seconds",
        Unit::Seconds,
        "Ledger time of the newest block, in seconds since 1970 UTC; far behind the clock, no transaction of both bodies comes"
    );
    describe_gauge!(
        "verifier_source_confirms",
        "1 where a source of blocks confirms the newest block, 0 where it is behind or fails"
    );
    describe_gauge!("verifier_source_height", "Number of blocks that a source says the chain has");
    describe_gauge!("verifier_ready", "1 where /readyz answers 200, else 0");
}

impl Site {
    /// Whether an answer would be more than "cannot tell".
    pub(super) fn ready(&self, now: DateTime) -> Reply {
        let sources: String = self.served.sources().iter().map(line).collect();
        if let Some(obstacle) = self.config.obstacle.borrow().as_ref() {
            return Reply::new(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("not ready: {obstacle}\n"));
        }
        match self.served.doubt(now, self.max_age) {
            None => {
                let newest = self.served.as_of().height.saturating_sub(1);
                Reply::new(StatusCode::OK, TEXT, format!("ready as of block {newest}\n{sources}"))
            }
            Some(doubt) => {
                Reply::new(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("not ready: {doubt}\n{sources}"))
            }
        }
    }

    pub(super) fn metrics(&self, asked: &Asked<'_>) -> Reply {
        let Some(metrics) = &self.config.metrics else { return self.not_found(asked) };
        let as_of = self.served.as_of();
        metrics::gauge!("verifier_height").set(as_of.height as f64);
        if let Some(at) = as_of.confirmed_at {
            metrics::gauge!("verifier_confirmed_seconds").set(at.seconds() as f64);
        }
        let ledger_times = self.served.model().map(|model| model.ledger_times()).unwrap_or_default();
        for (chaincode, time) in ledger_times {
            if let Some(time) = time {
                let gauge = metrics::gauge!("verifier_ledger_time_seconds", "chaincode" => chaincode);
                gauge.set(time.seconds() as f64);
            }
        }
        let ready =
            self.served.doubt(asked.now, self.max_age).is_none() && self.config.obstacle.borrow().is_none();
        metrics::gauge!("verifier_ready").set(f64::from(u8::from(ready)));
        Reply::new(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", metrics.render())
    }
}

/// `source peer0.customs.example:7051 (CustomsMSP), block 12: confirms it`
fn line(source: &SourceReport) -> String {
    let organisation = source.organisation.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let newest = source.height.and_then(|height| height.checked_sub(1));
    let newest = newest.map(|block| format!(", newest block {block}")).unwrap_or_default();
    let state = source.trouble.as_deref().unwrap_or("confirms");
    format!("source {}{organisation}{newest}: {state}\n", source.name)
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn metrics_are_described() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            describe_metrics();
            metrics::counter!("verifier_requests_total").increment(1);
        });
        let text = recorder.handle().render();
        assert!(text.contains("# HELP verifier_requests_total Requests answered"), "{text}");
        assert!(text.contains("# TYPE verifier_requests_total counter"), "{text}");
    }
}
