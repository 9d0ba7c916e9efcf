//! One round: N clients in a closed loop, and what they saw while it was measured.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use certificate::{Code, record::Recommendation};
use peer_client::certificate::{CallError, Committed, Contract, Update};
use tokio::{sync::watch, task::JoinSet, time::sleep_until};

use crate::{
    documents::{Document, DocumentError, Documents, Template},
    process::{ServerProcess, own_cpu_time},
    setup,
};

/// Documents are signed before a round for more than any server has yet committed.
const DOCUMENTS_A_SECOND: f64 = 5_000.0;

/// A client that fails so often in a row gives up: nothing would come of going on.
const FAILURES_IN_A_ROW: u32 = 10;

/// What is done in each transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// A certificate is issued; done when it is committed.
    Issue,
    /// A certificate takes the whole path, from its application to the grant: seven transactions, one after the other.
    Path,
    /// A certificate is asked for; nothing is written.
    Evaluate,
}

/// What is loaded, and with what.
pub struct Load {
    /// The connections, used in turn.
    pub contracts: Vec<Contract>,
    /// Those who act on the whole path, used in turn; nobody where that is not loaded.
    pub people: Vec<People>,
    pub template: Arc<Template>,
    /// A certificate that is on the ledger.
    pub issued: Code,
}

/// The contract in the names of those who act on the path of a certificate.
pub struct People {
    pub applicant: Contract,
    pub laboratory: Contract,
    pub evaluator: Contract,
    pub reviewer: Contract,
    pub decision_maker: Contract,
}

pub struct Plan {
    pub operation: Operation,
    pub in_flight: usize,
    pub warm_up: Duration,
    pub stop: Stop,
}

/// When a round has been measured long enough.
#[derive(Clone, Copy)]
pub enum Stop {
    After(Duration),
    Count(u32),
}

/// What a round came to.
pub struct Round {
    pub in_flight: usize,
    /// How long was measured.
    pub elapsed: Duration,
    /// Of each transaction that was done while it was measured.
    pub times: Vec<Times>,
    /// Failures at any time, and the first of them.
    pub failures: usize,
    pub first_failure: Option<CallError>,
    /// CPU time of the server while it was measured; none where its process is not known.
    pub server_cpu: Option<Duration>,
    /// CPU time of this process, the generator.
    pub own_cpu: Option<Duration>,
}

/// How long one transaction took.
#[derive(Clone, Copy)]
pub struct Times {
    /// From the (first) proposal to the commit, or to the answer.
    pub whole: Duration,
    /// Of the last transaction: from handing over the endorsed transaction until it was known to be committed; `whole` of an evaluation.
    pub commit: Duration,
}

/// What the clients of a round share.
struct Shared {
    operation: Operation,
    load: Arc<Load>,
    documents: Documents,
    /// When measuring begins.
    start: Instant,
    /// How many transactions are still to be measured; it is not counted down where the time decides.
    left: Option<AtomicU32>,
    over: watch::Sender<bool>,
}

#[derive(Default)]
struct Seen {
    times: Vec<Times>,
    failures: Vec<CallError>,
}

/// CPU times of server and generator at one moment.
struct Cpu {
    server: Option<Duration>,
    own: Option<Duration>,
}

/// Loads the network as planned; `server` is its process, where that is known.
pub async fn round(
    plan: &Plan,
    load: &Arc<Load>,
    server: Option<&ServerProcess>,
) -> Result<Round, DocumentError> {
    let documents = Documents::sign(&load.template, plan.documents())?;
    let left = match plan.stop {
        Stop::Count(count) => Some(AtomicU32::new(count)),
        Stop::After(_) => None,
    };
    let shared = Arc::new(Shared {
        operation: plan.operation,
        load: Arc::clone(load),
        documents,
        start: Instant::now() + plan.warm_up,
        left,
        over: watch::Sender::new(false),
    });
    let mut clients = JoinSet::new();
    for number in 0..plan.in_flight {
        clients.spawn(client(Arc::clone(&shared), number));
    }
    let loading = async {
        let seen = clients.join_all().await;
        shared.over.send_replace(true);
        seen
    };
    let (seen, (elapsed, before, after)) = tokio::join!(loading, measure(plan, &shared, server));
    Ok(Round::new(plan.in_flight, elapsed, seen, (before, after)))
}

impl Plan {
    fn documents(&self) -> usize {
        let seconds = |duration: Duration| (duration.as_secs_f64() * DOCUMENTS_A_SECOND) as usize;
        match (self.operation, self.stop) {
            (Operation::Evaluate, _) => 0,
            (_, Stop::After(duration)) => seconds(self.warm_up + duration) + self.in_flight,
            (_, Stop::Count(count)) => seconds(self.warm_up) + count as usize + self.in_flight,
        }
    }
}

/// Takes the CPU times when the warm-up is over and when the round is.
async fn measure(plan: &Plan, shared: &Shared, server: Option<&ServerProcess>) -> (Duration, Cpu, Cpu) {
    sleep_until(shared.start.into()).await;
    let before = Cpu::now(server);
    let mut over = shared.over.subscribe();
    let ended = over.wait_for(|over| *over);
    match plan.stop {
        Stop::After(duration) => drop(tokio::time::timeout(duration, ended).await),
        Stop::Count(_) => drop(ended.await),
    }
    shared.over.send_replace(true);
    (shared.start.elapsed(), before, Cpu::now(server))
}

impl Cpu {
    fn now(server: Option<&ServerProcess>) -> Self {
        Self { server: server.and_then(ServerProcess::cpu_time), own: own_cpu_time() }
    }
}

/// Does one transaction after the other until the round is over.
async fn client(shared: Arc<Shared>, number: usize) -> Seen {
    let mut seen = Seen::default();
    let mut failures_in_a_row = 0;
    let contracts = &shared.load.contracts;
    let Some(contract) = contracts.get(number % contracts.len().max(1)) else { return seen };
    let people = shared.load.people.get(number % shared.load.people.len().max(1));
    while !shared.is_over() && failures_in_a_row < FAILURES_IN_A_ROW {
        match shared.transact(contract, people).await {
            None => shared.end(),
            Some(Ok(times)) => {
                failures_in_a_row = 0;
                if shared.is_measured() {
                    seen.times.push(times);
                }
            }
            Some(Err(failure)) => {
                failures_in_a_row += 1;
                seen.failures.push(failure);
            }
        }
    }
    seen
}

impl Shared {
    /// One transaction; none when there are no documents left.
    async fn transact(
        &self,
        contract: &Contract,
        people: Option<&People>,
    ) -> Option<Result<Times, CallError>> {
        match self.operation {
            Operation::Evaluate => Some(evaluate(contract, self.load.issued).await),
            Operation::Issue => Some(issue(contract, self.documents.take()?).await),
            Operation::Path => {
                Some(path(people?, self.documents.take_both()?, self.load.template.day()).await)
            }
        }
    }

    fn is_over(&self) -> bool {
        *self.over.borrow()
    }

    fn end(&self) {
        self.over.send_replace(true);
    }

    /// Whether a transaction that is done now counts; the last one that counts ends the round.
    fn is_measured(&self) -> bool {
        if self.is_over() || Instant::now() < self.start {
            return false;
        }
        let Some(left) = &self.left else { return true };
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        if before == Ok(1) {
            self.end();
        }
        before.is_ok()
    }
}

async fn issue(contract: &Contract, document: String) -> Result<Times, CallError> {
    timed(Instant::now(), contract.certificate_issue(document)).await
}

/// Each step is committed before the next begins, as people would take them.
async fn path(people: &People, document: Document, day: &str) -> Result<Times, CallError> {
    let begun = Instant::now();
    let Document { application: id, unsigned, signed } = document;
    for step in people.steps(id, unsigned, day) {
        step.submit().await?;
    }
    timed(begun, people.decision_maker.certificate_grant(id, signed)).await
}

impl People {
    /// From the application to the decision.
    fn steps(&self, id: Code, document: String, day: &str) -> [Update; 6] {
        [
            self.applicant.application_submit(&setup::application(id)),
            self.evaluator.application_accept(id),
            self.laboratory.application_report(id, &setup::report(day)),
            self.evaluator.application_evaluate(id, "benchmark", Recommendation::Grant),
            self.reviewer.application_review(id, "benchmark"),
            self.decision_maker.application_decide(id, document),
        ]
    }
}

async fn timed(begun: Instant, update: Update) -> Result<Times, CallError> {
    let transaction = update.endorse().await?;
    let endorsed = Instant::now();
    Committed::of(&transaction).await?;
    Ok(Times { whole: begun.elapsed(), commit: endorsed.elapsed() })
}

async fn evaluate(contract: &Contract, code: Code) -> Result<Times, CallError> {
    let begun = Instant::now();
    contract.certificate_get(code, None).evaluate().await?;
    Ok(Times { whole: begun.elapsed(), commit: begun.elapsed() })
}

impl Round {
    fn new(in_flight: usize, elapsed: Duration, seen: Vec<Seen>, (before, after): (Cpu, Cpu)) -> Self {
        let used = |after: Option<Duration>, before: Option<Duration>| Some(after?.saturating_sub(before?));
        let mut round = Self {
            in_flight,
            elapsed,
            times: Vec::new(),
            failures: 0,
            first_failure: None,
            server_cpu: used(after.server, before.server),
            own_cpu: used(after.own, before.own),
        };
        for Seen { times, failures } in seen {
            round.times.extend(times);
            round.failures += failures.len();
            round.first_failure = round.first_failure.or_else(|| failures.into_iter().next());
        }
        round
    }
}
