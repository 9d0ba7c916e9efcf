//! What becomes of a certificate after its grant.

use certificate::Code;
use commands::{exit::Failure, output::text_at};
use peer_client::certificate::Contract;
use serde_json::Value;

use crate::{bodies::Body, stories::End};

/// Does what the story says, unless the ledger shows that it was done: what people did with the certificate since then stays.
pub async fn follow(body: &Body, end: &End, code: Code, replaced: Option<Code>) -> Result<(), Failure> {
    match end {
        End::Suspended(why) => suspend(body, &body.decision_maker, code, why).await?,
        End::Held { why, lifted } => hold(body, code, why, lifted).await?,
        End::Withdrawn(why) => body.submit_once(body.decision_maker.certificate_withdraw(code, why)).await?,
        End::Supersedes(why) => {
            if let Some(replaced) = replaced {
                body.submit_once(body.decision_maker.certificate_supersede(replaced, code, why)).await?;
            }
        }
        _ => {}
    }
    Ok(())
}

async fn suspend(body: &Body, contract: &Contract, code: Code, why: &str) -> Result<(), Failure> {
    match suspension(contract, code).await? {
        None => body.submit_once(contract.certificate_stop(code, why)).await,
        Some(_) => Ok(()),
    }
}

/// Suspends the certificate, and lifts the suspension; another one that stands there is somebody else's.
async fn hold(body: &Body, code: Code, why: &str, lifted: &str) -> Result<(), Failure> {
    let accreditor = &body.accreditor;
    suspend(body, accreditor, code, why).await?;
    let standing = suspension(accreditor, code).await?.unwrap_or_default();
    let is_own = text_at(&standing, "/placed/reason") == why;
    if is_own && standing.pointer("/lifted").is_none_or(Value::is_null) {
        body.submit_once(accreditor.certificate_lift(code, lifted)).await?;
    }
    Ok(())
}

/// The certificate's suspension that the ledger has, lifted or not.
async fn suspension(contract: &Contract, code: Code) -> Result<Option<Value>, Failure> {
    let certificate: Value = contract.certificate_get(code, None).read().await?;
    Ok(certificate.pointer("/suspensions/0").cloned())
}

/// `valid`, or the weightiest reason why it is not.
pub async fn verdict(contract: &Contract, code: Code) -> Result<String, Failure> {
    let certificate: Value = contract.certificate_get(code, None).read().await?;
    let cause = text_at(&certificate, "/verdict/reasons/0/cause");
    Ok(if cause.is_empty() { text_at(&certificate, "/verdict/result") } else { cause })
}
