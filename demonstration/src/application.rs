//! One application on its way: the next step is chosen by what the ledger says of it.

use certificate::{
    Code, DateTime, demo,
    document::{LedgerBinding, StatusEntry, Validity},
    draft::Particulars,
    record::Recommendation,
};
use commands::exit::{Exit, Failure};
use peer_client::certificate::{CallError, Update};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{
    Outcome, Stage,
    bodies::{Body, METHODS},
    confidential, document, draw,
    stories::{End, Story},
};

/// More than any story has: a step that the ledger takes and does not show would be taken for ever.
const STEPS: usize = 50;
/// How often a story that lay too long is begun anew.
const ATTEMPTS: usize = 20;
/// A document is dated by its review, and a decision must be within a day of that.
const REVIEW_SECONDS: i64 = 20 * 60 * 60;
/// A decision is granted within thirty days.
const DECISION_SECONDS: i64 = 29 * 24 * 60 * 60;

/// The status list of the demonstration. Drafts of `nanotrace cert template` have places in the first one.
const STATUS_LIST: u32 = 2;
const VALID_YEARS: i32 = 3;

/// What the ledger says of an application.
#[derive(Deserialize)]
pub struct Record {
    state: String,
    steps: Vec<Step>,
    decision: Option<Decision>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Step {
    step: String,
    effective_at: String,
}

#[derive(Deserialize)]
struct Decision {
    /// The hash of the document decided on.
    document: String,
}

/// One try at a story.
struct Attempt<'s> {
    stage: &'s Stage,
    story: &'s Story,
    body: &'s Body,
    /// The application's id.
    id: Code,
    /// The code of its certificate.
    certificate: Code,
    index: u32,
    replaced: Option<Code>,
}

impl Stage {
    /// Plays an application to its end. One that lay so long that its document would be refused is withdrawn, and another one begun.
    pub async fn apply(&self, story: &Story, replaced: Option<Code>) -> Result<Outcome, Failure> {
        let body = self.body(story)?;
        for number in 0..ATTEMPTS {
            let drawn =
                |what: &str| draw::code(&body.key, &self.genesis, &format!("{what} {} {number}", story.name));
            let attempt = Attempt {
                stage: self,
                story,
                body,
                id: drawn("application"),
                certificate: drawn("certificate"),
                index: draw::index(&body.key, &self.genesis, &format!("{} {number}", story.name)),
                replaced,
            };
            let record = attempt.play().await.map_err(|failure| of_story(story, failure))?;
            let was_withdrawn = record.state == "withdrawn" && story.end.state() != "withdrawn";
            if !(was_withdrawn && story.end.has_document()) {
                return Ok(attempt.outcome(record));
            }
        }
        Err(Failure::new(Exit::Failure, format!("{}: it was begun too often", story.name)))
    }
}

fn of_story(story: &Story, failure: Failure) -> Failure {
    Failure::new(failure.exit, format!("{}: {failure}", story.name))
}

impl Attempt<'_> {
    async fn play(&self) -> Result<Record, Failure> {
        for _ in 0..STEPS {
            let record = self.read().await?;
            let step = match &record {
                None => Some(self.submission()),
                Some(found) if self.is_over(found) => None,
                Some(found) if self.lay_too_long(found)? => Some(
                    self.body.applicant.application_withdraw(self.id, "The demonstration was interrupted"),
                ),
                Some(found) => Some(self.next(found).await?),
            };
            match (step, record) {
                (Some(step), _) => self.body.submit_once(step).await?,
                (None, Some(record)) => return Ok(record),
                (None, None) => break,
            }
        }
        Err(Failure::new(Exit::Failure, format!("application {} does not go on", self.id)))
    }

    /// What the ledger says now; none before it is submitted.
    async fn read(&self) -> Result<Option<Record>, Failure> {
        match self.body.decision_maker.application_get(self.id).read().await {
            Err(CallError::Refused { status: 404, .. }) => Ok(None),
            read => Ok(Some(read?)),
        }
    }

    /// It is where its story ends, or where nothing goes on.
    fn is_over(&self, record: &Record) -> bool {
        let is_final = matches!(record.state.as_str(), "refused" | "granted" | "withdrawn");
        is_final || record.state == self.story.end.state()
    }

    /// Its document would be refused now, or it was decided on another one: of another version of this program, say.
    fn lay_too_long(&self, record: &Record) -> Result<bool, Failure> {
        if !self.story.end.has_document() {
            return Ok(false);
        }
        let is_older = |step: &str, seconds: i64| {
            record.at(step).is_none_or(|at| at.plus_seconds(seconds) < self.stage.now)
        };
        Ok(match record.state.as_str() {
            "reviewed" => is_older("review", REVIEW_SECONDS),
            "decided" => {
                let decided_on = record.decision.as_ref().map(|decision| decision.document.as_str());
                is_older("decide", DECISION_SECONDS)
                    || decided_on != Some(&document::hash(&self.draft(record)?)?)
            }
            _ => false,
        })
    }

    fn submission(&self) -> Update {
        let Self { story, body, .. } = self;
        let mut request = json!({
            "id": self.id, "body": body.msp_id, "title": document::title(story.material),
            "schemeId": demo::SCHEME_ID, "schemeVersion": demo::SCHEME_VERSION, "dossier": self.dossier(),
        });
        if let (Some(replaced), Some(members)) = (self.replaced, request.as_object_mut()) {
            members.insert("replaces".into(), json!(replaced));
        }
        body.applicant.application_submit(&request)
    }

    /// There is no dossier; its hash is that of its name.
    fn dossier(&self) -> String {
        format!("sha256:{}", hex::encode(Sha256::digest(format!("dossier of {}", self.story.name))))
    }

    /// The next step, by the person who takes it.
    async fn next(&self, record: &Record) -> Result<Update, Failure> {
        let Self { body, id, .. } = *self;
        Ok(match (record.state.as_str(), &self.story.end) {
            ("submitted", End::Returned(why)) => body.evaluator.application_return(id, why),
            ("submitted", _) => {
                if self.story.is_confidential {
                    confidential::hand_in(self.stage, body, id).await?;
                }
                body.evaluator.application_accept(id)
            }
            ("returned", _) => body.applicant.application_complete(id, &self.dossier()),
            ("accepted", End::Abandoned(why)) => body.applicant.application_withdraw(id, why),
            ("accepted", _) if record.at("report").is_none() => {
                body.laboratory.application_report(id, &self.report(record))
            }
            ("accepted", End::Refused(why)) => {
                body.evaluator.application_evaluate(id, why, Recommendation::Refuse)
            }
            ("accepted", _) => {
                let findings = "The figures are within the scope of the methods";
                body.evaluator.application_evaluate(id, findings, Recommendation::Grant)
            }
            ("evaluated", _) => body.reviewer.application_review(id, "The evaluation is complete"),
            ("reviewed", End::Refused(why)) => body.decision_maker.application_refuse(id, why),
            ("reviewed", _) => {
                body.decision_maker.application_decide(id, document::canonical(&self.draft(record)?)?)
            }
            ("decided", _) => {
                let draft = self.draft(record)?;
                body.service.certificate_grant(id, document::sign(&draft, &body.key, record.reviewed()?)?)
            }
            (state, _) => {
                let text = format!("application {id} is {state}, of which this version knows nothing");
                return Err(Failure::new(Exit::Failure, text));
            }
        })
    }

    fn report(&self, record: &Record) -> Value {
        json!({
            "sha256": document::report_hash(self.story.material), "method": METHODS[0],
            "number": format!("R-{}", self.story.material), "date": record.day(),
        })
    }

    /// The document to decide on, dated by the review.
    fn draft(&self, record: &Record) -> Result<Value, Failure> {
        let decided = record.reviewed()?;
        let Self { stage, body, .. } = self;
        let particulars = Particulars {
            code: self.certificate,
            issuer: body.issuer.clone(),
            ledger: LedgerBinding { channel: stage.channel.clone(), genesis: stage.genesis.clone() },
            status: StatusEntry { lists: body.status_lists.into(), list: STATUS_LIST, index: self.index },
            decided,
            validity: Validity { from: decided, until: decided.plus_years(VALID_YEARS).unwrap_or(decided) },
        };
        document::draft(self.story.material, &particulars, body.accreditation, &record.day())
    }

    fn outcome(&self, record: Record) -> Outcome {
        Outcome {
            title: document::title(self.story.material),
            body: self.body.msp_id.clone(),
            application: self.id,
            certificate: (record.state == "granted").then_some(self.certificate),
            state: record.state,
            verdict: None,
        }
    }
}

impl Record {
    /// When the last step of this name was taken.
    fn at(&self, step: &str) -> Option<DateTime> {
        let taken = self.steps.iter().rfind(|taken| taken.step == step)?;
        DateTime::parse(&taken.effective_at)
    }

    fn reviewed(&self) -> Result<DateTime, Failure> {
        self.at("review").ok_or_else(|| Failure::new(Exit::Failure, "the application has no review"))
    }

    /// The day of the submission, by which the report is dated.
    fn day(&self) -> String {
        let submitted = self.at("submit").map(|at| at.to_string()).unwrap_or_default();
        submitted.split('T').next().unwrap_or_default().to_owned()
    }
}
