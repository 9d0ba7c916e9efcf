//! Certification bodies that have ended: the accreditation body declares it, and names the successor.

use super::call::{Call, answer, line, msp_id, reason};
use crate::document::report::{Object, Report};
use crate::keys;
use crate::record::{BodyEnd, MAXIMUM_NAME, MAXIMUM_SUCCESSORS, Successor};
use crate::refusal::{Refusal, Violation};
use crate::state::{KeyPolicy, State};

struct Request {
    body: String,
    successor: String,
    chaincode: String,
    reason: String,
}

/// `body:end(body, successor, chaincode, reason)`: an accreditor or administrator of the accreditation body. The body issues
/// nothing any more, and the successor may take its certificates over. Final; another successor can be named later, who takes
/// over what is left or what the former successor had.
pub async fn end<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    call.accreditor()?;
    let Request { body, successor, chaincode, reason } =
        call.fields(["body", "successor", "chaincode", "reason"], request)?;
    if successor == body || successor == call.accreditation_body {
        let rule = "must be another certification body";
        return Err(Refusal::Rules(vec![Violation::new("/successor", &successor, rule)]));
    }
    let [of_body, of_successor] = call.values([&keys::ended(&body), &keys::ended(&successor)]).await?;
    if of_successor.is_some() {
        let rule = "must be a body that goes on, but it has ended";
        return Err(Refusal::Rules(vec![Violation::new("/successor", &successor, rule)]));
    }
    let owner = call.accreditation_body.clone();
    let known = of_body.map(|record| BodyEnd::decode(&record, &owner)).transpose()?;
    let mut end = known.unwrap_or_else(|| BodyEnd { body: body.clone(), successors: Vec::new() });
    if end.successor().is_some_and(|named| named.successor == successor && named.chaincode == chaincode) {
        return Err(Refusal::Conflict(format!("{successor} is the successor of {body}")));
    }
    if end.successors.len() >= MAXIMUM_SUCCESSORS {
        return Err(Refusal::Conflict(format!("{body} had {MAXIMUM_SUCCESSORS} successors")));
    }
    end.successors.push(Successor { successor, chaincode, named: call.event(&reason) });
    let key = keys::ended(&body);
    call.state.put(&key, end.encode());
    call.state.set_policy(&key, &KeyPolicy::all(&[&owner]));
    call.emit("BodyEnded", &end)
}

fn request(fields: &Object<'_>, report: &mut Report) -> Option<Request> {
    let body = msp_id(fields, "body", report);
    let successor = msp_id(fields, "successor", report);
    let chaincode = line(fields, "chaincode", MAXIMUM_NAME, report);
    let reason = reason(fields, report);
    Some(Request { body: body?, successor: successor?, chaincode: chaincode?, reason: reason? })
}

/// `body:get(body)`: anyone.
pub async fn get<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [body] = call.arguments(["body"])?;
    let owner = call.accreditation_body.clone();
    let end = call.record(&keys::ended(body), |record| BodyEnd::decode(record, &owner)).await?;
    answer(&end.ok_or_else(|| Refusal::Unknown(format!("no end of {body} is declared")))?)
}

/// `body:list()`: anyone; the bodies that have ended.
pub async fn list<S: State>(mut call: Call<'_, S>) -> Result<Vec<u8>, Refusal> {
    let [] = call.arguments([])?;
    let owner = call.accreditation_body.clone();
    answer(&call.records(keys::ENDED, |record| BodyEnd::decode(record, &owner)).await?)
}
