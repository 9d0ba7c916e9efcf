//! Calls of the contract that wait. Each is made until the ledger has it or refuses it; killed at any moment, the next start goes
//! on. Before a call is made, the ledger is asked whether it is done: what a killed process did, or what came through after a
//! timeout, is found there and not done again. The contract itself takes each of these calls once: an application's id was
//! chosen before it was submitted, a returned or withdrawn application is not that any more after the call, and a changed one has
//! the dossier.

use std::{collections::HashMap, sync::Arc, time::Duration};

use accounts::{
    Database,
    audit::{Entry, Transaction},
    now,
};
use certificate::{Code, confidential::ConfidentialField};
use confidential::Scope;
use desk::{Away, Organisation, Organisations};
use futures::{StreamExt, TryStreamExt, stream};
use peer_client::certificate::{CallError, Committed, Contract};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    sync::Notify,
    task::{AbortHandle, JoinSet},
    time::timeout,
};

/// Time between looks into the outbox where nobody tells of anything.
const IDLE: Duration = Duration::from_secs(5);
/// For one call, up to its commit.
const CALL: Duration = Duration::from_secs(60);
/// Seconds until a call is made again, the first time; doubled each time.
const FIRST_PAUSE: i64 = 2;
const LONGEST_PAUSE: i64 = 300;
/// Bodies to which calls are under way at a time, and calls of one of them.
const BODIES: usize = 64;
const AT_ONCE: usize = 4;

#[derive(Clone, Debug)]
struct Waiting {
    id: String,
    party: String,
    account: String,
    application: String,
    body: String,
    step: String,
    argument: String,
    tries: i64,
}

/// The argument of a change that waits.
#[derive(Deserialize, Serialize)]
pub struct Changed {
    /// The hash of what is handed in.
    pub dossier: String,
    pub reason: String,
}

impl Changed {
    pub fn to_argument(&self) -> String {
        json!(self).to_string()
    }
}

/// Which fields of a confidential part a call hands in: their hashes, as JSON.
pub fn hashes_to_argument(hashes: &[String]) -> String {
    json!(hashes).to_string()
}

/// What came of it.
enum Outcome {
    Done {
        transaction: String,
        block: Option<u64>,
    },
    Refused(String),
    /// It is made again.
    Later(String),
}

/// Makes the calls that wait, for as long as it is polled. `told` is notified of a new one. Bodies do not wait for one another.
pub async fn run(database: Database, organisations: Arc<Organisations>, told: Arc<Notify>) {
    let (mut under_way, mut tasks) = (HashMap::<String, AbortHandle>::new(), JoinSet::new());
    loop {
        while tasks.try_join_next().is_some() {}
        under_way.retain(|_, task| !task.is_finished());
        match bodies(&database).await {
            Ok(mut bodies) => {
                bodies.retain(|body| !under_way.contains_key(body));
                bodies.truncate(BODIES.saturating_sub(under_way.len()));
                for body in bodies {
                    let (database, organisations, of) =
                        (database.clone(), organisations.clone(), body.clone());
                    let work = tasks.spawn(async move { work_off(&database, &organisations, of).await });
                    under_way.insert(body, work);
                }
            }
            Err(error) => tracing::error!(%error, "the calls that wait cannot be read; it is tried again"),
        }
        let _ = timeout(IDLE, told.notified()).await;
    }
}

/// What is due by then is, and what nobody put off so far: it was put off while the clock was ahead.
fn due_until(now: i64) -> (i64, i64) {
    (now, now.saturating_add(LONGEST_PAUSE))
}

/// The bodies for which a call is due, what has waited longest first.
async fn bodies(database: &Database) -> Result<Vec<String>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT body FROM calls WHERE state = 'waiting' AND (due_at <= $1 OR due_at > $2) \
         GROUP BY body ORDER BY min(due_at), body",
    );
    let (now, never) = due_until(now());
    let found: Vec<(String,)> = select.bind(now).bind(never).fetch_all(database.pool()).await?;
    Ok(found.into_iter().map(|(body,)| body).collect())
}

/// Makes the calls to a body until none is due.
async fn work_off(database: &Database, organisations: &Organisations, body: String) {
    loop {
        match work(database, organisations, &body).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => {
                tracing::error!(%error, body, "the calls that wait cannot be read; it is tried again");
                return;
            }
        }
    }
}

/// Makes every call to a body that is due, once; whether there was one.
async fn work(database: &Database, organisations: &Organisations, body: &str) -> Result<bool, sqlx::Error> {
    let due = due(database, body).await?;
    let is_there = !due.is_empty();
    let tries = stream::iter(due).map(Ok);
    tries.try_for_each_concurrent(AT_ONCE, |waiting| go_on(database, organisations, waiting)).await?;
    Ok(is_there)
}

async fn go_on(
    database: &Database,
    organisations: &Organisations,
    waiting: Waiting,
) -> Result<(), sqlx::Error> {
    let outcome = match organisations.applicants() {
        Some(applicants) => timeout(CALL, make(database, applicants, &waiting))
            .await
            .unwrap_or_else(|_| Outcome::Later("the ledger did not answer in time".to_owned())),
        None => Outcome::Later("this portal has no organisation in whose name companies apply".to_owned()),
    };
    note(database, &waiting, outcome).await
}

/// The calls to a body that are due, of each party in turn: who has many does not keep the others waiting, nor does what was tried
/// in vain keep what is new.
async fn due(database: &Database, body: &str) -> Result<Vec<Waiting>, sqlx::Error> {
    type Columns = (String, String, String, String, String, String, String, i64);
    let (now, never) = due_until(now());
    let select = sqlx::query_as(
        "SELECT id, party, account, application, body, step, argument, tries FROM (\
         SELECT id, party, account, application, body, step, argument, tries, due_at, \
         row_number() OVER (PARTITION BY party ORDER BY due_at, id) AS turn \
         FROM calls WHERE state = 'waiting' AND body = $1 AND (due_at <= $2 OR due_at > $3)) AS waiting \
         ORDER BY turn, due_at, id LIMIT 50",
    );
    let rows: Vec<Columns> = select.bind(body).bind(now).bind(never).fetch_all(database.pool()).await?;
    let waiting = |(id, party, account, application, body, step, argument, tries)| Waiting {
        id,
        party,
        account,
        application,
        body,
        step,
        argument,
        tries,
    };
    Ok(rows.into_iter().map(waiting).collect())
}

async fn make(database: &Database, applicants: &Organisation, waiting: &Waiting) -> Outcome {
    match attempt(database, applicants, waiting).await {
        Ok(outcome) => outcome,
        Err(Away::Call(CallError::Refused { message, .. })) => {
            // It may be refused because it is done: by what a killed process sent, say.
            match done_before(applicants, waiting).await {
                Ok(Some(transaction)) => done(applicants, transaction).await,
                Ok(None) => Outcome::Refused(message),
                Err(away) => unanswered(&away, waiting),
            }
        }
        Err(away) => unanswered(&away, waiting),
    }
}

/// It waits until the ledger answers. One without such a body has answered, and who wrote it wrong can mend it.
fn unanswered(away: &Away, waiting: &Waiting) -> Outcome {
    match away {
        Away::NoBody(body) if *body == waiting.body => Outcome::Refused(away.to_string()),
        away => Outcome::Later(away.to_string()),
    }
}

async fn attempt(database: &Database, applicants: &Organisation, waiting: &Waiting) -> Result<Outcome, Away> {
    if let Some(transaction) = done_before(applicants, waiting).await? {
        return Ok(done(applicants, transaction).await);
    }
    let contract = applicants.contract(&waiting.body).await?;
    let contract = contract.ok_or_else(|| Away::NoBody(waiting.body.clone()))?;
    let call = match waiting.step.as_str() {
        "confide" => match confided(database, waiting).await {
            Ok(Some((application, fields))) => {
                Some(contract.confidential_submit(application, &fields, Some(&waiting.body)).await?)
            }
            Ok(None) => return Ok(Outcome::Refused("its fields are not kept here any more".to_owned())),
            Err(error) => {
                tracing::error!(%error, "confidential fields cannot be read; it is tried again");
                return Ok(Outcome::Later("the portal's database does not answer".to_owned()));
            }
        },
        _ => call(&contract, waiting),
    };
    let Some(call) = call else {
        return Ok(Outcome::Refused("this is no call of the contract".to_owned()));
    };
    let Committed { transaction_id, block, .. } = call.submit_again_on_conflict().await?;
    Ok(Outcome::Done { transaction: transaction_id, block: Some(block) })
}

/// The fields that a call hands in, with the salts that they have since they were written.
async fn confided(
    database: &Database,
    waiting: &Waiting,
) -> Result<Option<(Code, Vec<ConfidentialField>)>, sqlx::Error> {
    let (Ok(application), Ok(hashes)) =
        (waiting.application.parse(), serde_json::from_str::<Vec<String>>(&waiting.argument))
    else {
        return Ok(None);
    };
    let scope = Scope::of_party(&waiting.party);
    let fields = scope.of_hashes(database, &waiting.application, &hashes).await?;
    Ok(fields.map(|fields| (application, fields)))
}

fn call(contract: &Contract, waiting: &Waiting) -> Option<peer_client::certificate::Update> {
    let application: Code = waiting.application.parse().ok()?;
    match waiting.step.as_str() {
        "submit" => {
            let request: Value = serde_json::from_str(&waiting.argument).ok()?;
            Some(contract.application_submit(&request))
        }
        "complete" => Some(contract.application_complete(application, &waiting.argument)),
        "change" => {
            let Changed { dossier, reason } = serde_json::from_str(&waiting.argument).ok()?;
            Some(contract.application_change(application, &dossier, &reason))
        }
        "withdraw" => Some(contract.application_withdraw(application, &waiting.argument)),
        _ => None,
    }
}

/// The transaction that did it, where the ledger has it.
async fn done_before(applicants: &Organisation, waiting: &Waiting) -> Result<Option<String>, Away> {
    let Ok(id) = waiting.application.parse::<Code>() else { return Ok(None) };
    let Some(application) = applicants.application(&waiting.body, id).await? else { return Ok(None) };
    if application.applicant != applicants.msp_id {
        return Ok(None);
    }
    if waiting.step == "confide" {
        return confided_before(applicants, waiting, id).await;
    }
    let hash = match waiting.step.as_str() {
        "submit" => serde_json::from_str(&waiting.argument)
            .ok()
            .and_then(|request: Value| request.get("dossier").and_then(Value::as_str).map(str::to_owned)),
        "complete" => Some(waiting.argument.clone()),
        "change" => serde_json::from_str(&waiting.argument).ok().map(|changed: Changed| changed.dossier),
        _ => None,
    };
    let found = step_of(&application.steps, &waiting.step, hash.as_deref());
    Ok(found.map(|step| step.event.transaction_id.clone()))
}

/// The hand-in of a confidential part, where the ledger has every hash of it. One call at a time waits for an application, so
/// that it is the last one of these applicants.
async fn confided_before(
    applicants: &Organisation,
    waiting: &Waiting,
    id: Code,
) -> Result<Option<String>, Away> {
    let Some(record) = applicants.confidential(&waiting.body, id).await? else { return Ok(None) };
    let hashes: Vec<String> = serde_json::from_str(&waiting.argument).unwrap_or_default();
    let is_there = !hashes.is_empty() && hashes.iter().all(|hash| record.fields.contains(hash));
    let last = record.submitted.iter().rev().find(|event| event.by == applicants.msp_id);
    Ok(last.filter(|_| is_there).map(|event| event.transaction_id.clone()))
}

/// The step that a call made. What completes an application answers its last return: who hands in the same again after
/// another return has not done it yet. So has not who changes it back to what it was before another change.
fn step_of<'a>(steps: &'a [desk::Step], name: &str, hash: Option<&str>) -> Option<&'a desk::Step> {
    let is_later = |step: &&desk::Step| match name {
        "complete" => step.step != "return",
        "change" => step.dossier.is_none() || step.dossier.as_deref() == hash,
        _ => true,
    };
    let mut since = steps.iter().rev().take_while(is_later);
    since.find(|step| step.step == name && step.dossier.as_deref() == hash)
}

/// In which block a transaction is, is only told besides: where that is not answered, it is done all the same.
async fn done(applicants: &Organisation, transaction: String) -> Outcome {
    let block = applicants.block_of(&transaction).await.ok();
    Outcome::Done { transaction, block }
}

async fn note(database: &Database, waiting: &Waiting, outcome: Outcome) -> Result<(), sqlx::Error> {
    match outcome {
        Outcome::Later(said) => {
            tracing::warn!(application = waiting.application, step = waiting.step, said, "a call waits");
            let pause = accounts::pause(waiting.tries, FIRST_PAUSE, LONGEST_PAUSE);
            sqlx::query("UPDATE calls SET tries = tries + 1, due_at = $1, said = $2 WHERE id = $3 AND state = 'waiting'")
                .bind(now().saturating_add(pause))
                .bind(said)
                .bind(&waiting.id)
                .execute(database.pool())
                .await?;
        }
        Outcome::Refused(said) => end(database, waiting, "refused", &said, None).await?,
        Outcome::Done { transaction, block } => {
            end(database, waiting, "done", "", Some((transaction, block))).await?;
        }
    }
    Ok(())
}

/// Ends a call, with its entry in the audit log; both or neither.
async fn end(
    database: &Database,
    waiting: &Waiting,
    state: &'static str,
    said: &str,
    transaction: Option<(String, Option<u64>)>,
) -> Result<(), sqlx::Error> {
    let mut change = database.change().await?;
    let (id, block) = transaction.clone().unzip();
    let block = block.flatten().and_then(|block| i64::try_from(block).ok());
    let update = sqlx::query(
        "UPDATE calls SET state = $1, said = $2, transaction_id = $3, block = $4, ended_at = $5, tries = tries + 1 \
         WHERE id = $6 AND state = 'waiting'",
    );
    let update = update.bind(state).bind(said).bind(id).bind(block).bind(now()).bind(&waiting.id);
    if update.execute(change.connection()).await?.rows_affected() == 0 {
        return Ok(());
    }
    let transaction = transaction.map(|(id, block)| Transaction::valid(id, block));
    let entry = Entry {
        at: now(),
        party: waiting.party.clone(),
        actor: waiting.account.clone(),
        action: match waiting.step.as_str() {
            "submit" => "application submitted",
            "complete" => "application completed",
            "change" => "application changed",
            "confide" => "confidential part on the ledger",
            _ => "application withdrawn",
        },
        object: waiting.application.clone(),
        address: String::new(),
        result: state,
        transaction,
    };
    change.record(&entry).await?;
    change.commit().await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn steps(taken: &[(&str, Option<&str>)]) -> Vec<desk::Step> {
        let step = |(at, (name, dossier)): (usize, &(&str, Option<&str>))| {
            let taken = json!({
                "step": name, "dossier": dossier, "effectiveAt": "2026-01-31T12:00:00Z", "by": "IndustryMSP",
                "transactionId": at.to_string(),
            });
            serde_json::from_value(taken).unwrap()
        };
        taken.iter().enumerate().map(step).collect()
    }

    /// Calls to a body that wait since then.
    async fn waiting(database: &Database, body: &str, party: &str, calls: usize, at: i64) {
        let mut change = database.change().await.unwrap();
        for statement in [
            "INSERT INTO parties (id, kind, name, created_at) VALUES ($1, 'company', '', 0)",
            "INSERT INTO accounts (id, party, email, name, password, created_at) VALUES ($1, $1, $1, '', '', 0)",
        ] {
            sqlx::query(statement).bind(party).execute(change.connection()).await.unwrap();
        }
        for number in 0..calls {
            for statement in [
                "INSERT INTO dossiers (id, party, fields, saved_steps, salt, version, created_at, changed_at) \
                 VALUES ($1, $2, $4, '', '', 1, $3, 0)",
                "INSERT INTO calls (id, party, account, application, body, step, argument, state, created_at, tries, \
                 due_at, said) VALUES ($1, $2, $2, $1, $4, 'submit', '', 'waiting', $3, 0, $3, '')",
            ] {
                let insert = sqlx::query(statement).bind(format!("{party} {number:02}")).bind(party).bind(at);
                insert.bind(body).execute(change.connection()).await.unwrap();
            }
        }
        change.commit().await.unwrap();
    }

    #[tokio::test]
    async fn parties_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        waiting(&database, "A", "many", 60, 1).await;
        waiting(&database, "A", "one", 1, 2).await;
        let due = due(&database, "A").await.unwrap();
        let first: Vec<&str> = due.iter().map(|it| it.id.as_str()).take(3).collect();
        assert_eq!((due.len(), first), (50, vec!["many 00", "one 00", "many 01"]));
    }

    #[tokio::test]
    async fn calls_to_a_slow_body_hold_up_no_other_and_come_after_what_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        for company in 0..60 {
            waiting(&database, "Slow", &format!("company {company}"), 1, 1).await;
        }
        waiting(&database, "Quick", "victim", 1, 5).await;
        waiting(&database, "Slow", "newcomer", 1, 5).await;
        assert_eq!(bodies(&database).await.unwrap(), ["Slow", "Quick"]);
        let of_quick = due(&database, "Quick").await.unwrap();
        assert_eq!(of_quick.iter().map(|it| it.id.as_str()).collect::<Vec<_>>(), ["victim 00"]);
        // Each was tried in vain, and waited through its pause.
        let tried = "UPDATE calls SET tries = 1, due_at = 9 WHERE body = 'Slow' AND party <> 'newcomer'";
        sqlx::query(tried).execute(database.pool()).await.unwrap();
        assert_eq!(due(&database, "Slow").await.unwrap().first().unwrap().id, "newcomer 00");
    }

    #[tokio::test]
    async fn what_was_put_off_while_the_clock_was_ahead_is_due() {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::open(folder.path().join("portal.db").to_str().unwrap()).await.unwrap();
        waiting(&database, "A", "tried in a month", 1, now() + 31 * 24 * 60 * 60).await;
        waiting(&database, "A", "tried just now", 1, now() + LONGEST_PAUSE - 1).await;
        assert_eq!(bodies(&database).await.unwrap(), ["A"]);
        let due = due(&database, "A").await.unwrap();
        assert_eq!(due.iter().map(|it| it.party.as_str()).collect::<Vec<_>>(), ["tried in a month"]);
    }

    #[test]
    fn a_call_to_a_body_that_the_ledger_does_not_know_is_refused_and_does_not_wait() {
        let text = String::new;
        let waiting = Waiting {
            id: text(),
            party: text(),
            account: text(),
            application: text(),
            body: "CertbodyMSP".into(),
            step: "submit".into(),
            argument: text(),
            tries: 0,
        };
        let no_such_body = unanswered(&Away::NoBody("CertbodyMSP".into()), &waiting);
        assert!(matches!(no_such_body, Outcome::Refused(said) if said.contains("CertbodyMSP")));
        // No body of the ledger has begun: it may come.
        for away in [Away::NoBody("nanotrace".into()), Away::TimedOut, Away::OtherLedger] {
            assert!(matches!(unanswered(&away, &waiting), Outcome::Later(_)), "{away}");
        }
    }

    #[test]
    fn what_was_completed_before_another_return_is_not_this_completion() {
        let found = |taken: &[(&str, Option<&str>)], name: &str, hash: Option<&str>| {
            step_of(&steps(taken), name, hash).map(|step| step.event.transaction_id.clone())
        };
        let mut taken =
            vec![("submit", Some("h1")), ("return", None), ("complete", Some("h2")), ("return", None)];
        assert_eq!(found(&taken, "complete", Some("h2")), None);
        assert_eq!(found(&taken, "submit", Some("h1")).as_deref(), Some("0"));
        taken.push(("complete", Some("h2")));
        taken.push(("accept", None));
        assert_eq!(found(&taken, "complete", Some("h2")).as_deref(), Some("4"));
        assert_eq!(found(&taken, "complete", Some("h3")), None);
        taken.push(("change", Some("h4")));
        assert_eq!(found(&taken, "change", Some("h4")).as_deref(), Some("6"));
        taken.push(("change", Some("h5")));
        assert_eq!(found(&taken, "change", Some("h4")), None);
        taken.push(("withdraw", None));
        assert_eq!(found(&taken, "withdraw", None).as_deref(), Some("8"));
    }
}
