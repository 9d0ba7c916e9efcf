//! What happens beside the applications: a surveillance, an appeal, and an accreditation that is suspended for a moment. Each step is
//! taken only where the ledger shows that it was not, so that what people did since then stays.

use certificate::{
    Code, demo,
    record::{Conclusion, Effect},
};
use commands::{
    exit::{Exit, Failure},
    output::text_at,
};
use peer_client::certificate::CallError;
use serde_json::{Value, json};

use crate::{Outcome, Stage, bodies::Body, draw};

/// The accreditation body's reason, by which it knows its own suspension again.
const AUDIT: &str = "A witnessed audit found a sample store without a log";
/// More than an appeal takes.
const STEPS: usize = 4;

/// Of the bodies that there are: the first is surveyed and appealed against, the last one's accreditation suspended and restored.
pub async fn play(stage: &Stage, outcomes: &[Outcome]) -> Result<(), Failure> {
    let (Some(first), Some(last)) = (stage.bodies.first(), stage.bodies.last()) else { return Ok(()) };
    let surveyed = outcomes.iter().find_map(|outcome| outcome.certificate);
    let refused = outcomes.iter().find(|outcome| outcome.state == "refused");
    tokio::try_join!(
        survey(first, surveyed),
        appeal(stage, first, refused.map(|outcome| outcome.application)),
        suspend(last),
    )?;
    Ok(())
}

async fn survey(body: &Body, certificate: Option<Code>) -> Result<(), Failure> {
    let Some(certificate) = certificate else { return Ok(()) };
    let known: Value = body.evaluator.surveillance_get(certificate).read().await?;
    if known.pointer("/activities/0").is_some() {
        return Ok(());
    }
    let findings = "A batch was sampled; its figures are those of the certificate";
    body.submit_once(body.evaluator.surveillance_record(certificate, findings, Conclusion::Conforming)).await
}

/// The applicant appeals against a refusal, and a person of the accreditation body, who had no part in it, decides.
async fn appeal(stage: &Stage, body: &Body, refused: Option<Code>) -> Result<(), Failure> {
    let Some(application) = refused else { return Ok(()) };
    let id = draw::code(&body.key, &stage.genesis, &format!("appeal {application}"));
    for _ in 0..STEPS {
        let known = match body.applicant.complaint_get(id).read::<Value>().await {
            Err(CallError::Refused { status: 404, .. }) => Value::Null,
            read => read?,
        };
        let step = match text_at(&known, "/state").as_str() {
            "" => body.applicant.complaint_file(&json!({
                "id": id, "kind": "appeal", "application": application,
                "summary": "The dossier names the surface treatment in its annex",
            })),
            "filed" => {
                body.evaluator.complaint_acknowledge(id, "Received; the accreditation body looks into it")
            }
            "acknowledged" => body.accreditor.complaint_decide(
                id,
                false,
                "The annex is of another product; the refusal stands",
            ),
            _ => return Ok(()),
        };
        body.submit_once(step).await?;
    }
    Err(Failure::new(Exit::Failure, format!("appeal {id} does not go on")))
}

/// Suspends an accreditation that never was, with all its certificates, and restores it.
async fn suspend(body: &Body) -> Result<(), Failure> {
    let Body { accreditor, msp_id, .. } = body;
    let suspension = async || -> Result<Option<Value>, Failure> {
        let held: Value = accreditor.accreditation_get(msp_id, demo::SCHEME_ID).read().await?;
        let suspensions = held.pointer("/suspensions").and_then(Value::as_array);
        Ok(suspensions.and_then(|all| all.last()).cloned())
    };
    if suspension().await?.is_none() {
        let all = Effect::AllCertificates;
        body.submit_once(accreditor.accreditation_suspend(msp_id, demo::SCHEME_ID, all, AUDIT)).await?;
    }
    let standing = suspension().await?.filter(|last| last.get("lifted").is_none_or(Value::is_null));
    if standing.is_some_and(|standing| text_at(&standing, "/placed/reason") == AUDIT) {
        let reason = "The log is kept again";
        body.submit_once(accreditor.accreditation_restore(msp_id, demo::SCHEME_ID, reason)).await?;
    }
    Ok(())
}
