//! Steps on the ledger that people sign in their browsers, each a row: prepared, endorsed, submitted, committed. A page that was
//! closed goes on where it was, and nothing is done twice. A question whose answer is secret is prepared as well, and evaluated by one
//! peer: its answer goes to the page and into no row.

use accounts::{
    Change, Database,
    audit::{self, Entry},
    now,
    store::{self, StoreError},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use fabric::crypto::PublicKey;
use peer_client::{Commit, Gateway, Invocation, Proposal, Transaction};

use crate::{Key, KeyRequest, certificate::creator};

/// How long an act that nobody signed is kept; the chaincode's servers take it for 15 minutes.
const PREPARED_SECONDS: i64 = 10 * 60;

/// Functions that are evaluated and never endorsed: the answer of a transaction stands in a block for ever.
const EVALUATED: [&str; 1] = ["confidential:get"];

/// How far an act is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its proposal waits for the person's signature.
    Prepared,
    /// Its transaction waits for the person's signature.
    Endorsed,
    /// The transaction is signed and on its way; the question after its fate waits for the signature.
    Submitted,
    /// It is in a block, with a validation code.
    Committed,
    /// The peers did not endorse it, or did not answer it.
    Refused,
    /// A peer answered it; nothing is on the ledger.
    Evaluated,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Prepared => "prepared",
            State::Endorsed => "endorsed",
            State::Submitted => "submitted",
            State::Committed => "committed",
            State::Refused => "refused",
            State::Evaluated => "evaluated",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let all = [
            State::Prepared,
            State::Endorsed,
            State::Submitted,
            State::Committed,
            State::Refused,
            State::Evaluated,
        ];
        all.into_iter().find(|state| state.name() == name)
    }
}

/// What a person asks for: a function of a chaincode and its arguments, the function's name first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub channel: String,
    pub chaincode: String,
    pub arguments: Vec<String>,
}

impl Call {
    /// Whether it is a question whose answer is secret.
    pub fn is_evaluated(&self) -> bool {
        self.arguments.first().is_some_and(|function| EVALUATED.contains(&function.as_str()))
    }
}

/// An act of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Act {
    pub id: String,
    pub account: String,
    /// The id of the key in whose name it is.
    pub key: String,
    pub call: Call,
    pub state: State,
    pub transaction_id: String,
    pub is_ordered: bool,
    pub block: Option<i64>,
    pub code: Option<String>,
    pub problem: String,
    pub created_at: i64,
    message: Vec<u8>,
}

impl From<sqlx::Error> for ActError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Why an act does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network cannot be reached, or takes too long: the same step may be taken again.
    #[error("the network does not answer: {0}")]
    Unavailable(String),
    #[error("the signature is not by the key in whose name the step is")]
    Signature,
    #[error("this step was begun with other arguments, or by somebody else")]
    Other,
    /// What is a step on the ledger is not evaluated, and what is evaluated is no step.
    #[error("what is read is never submitted, and what is submitted is not only read")]
    Kind,
    #[error("the step was prepared too long ago: begin it again")]
    Expired,
    #[error("the step cannot be read any more: {0}")]
    Unreadable(String),
}

/// In whose name an act is, and over which connection.
pub struct Caller {
    gateway: Gateway,
    msp_id: String,
    key_id: String,
    account: String,
    public: PublicKey,
}

impl Caller {
    /// The owner of a certified key, at a gateway of its organisation.
    pub fn new(gateway: &Gateway, msp_id: &str, key: &Key) -> Result<Self, ActError> {
        let unreadable = |reason: &str| ActError::Unreadable(reason.to_owned());
        let certificate = key.certificate.as_deref().ok_or_else(|| unreadable("the key is not certified"))?;
        let request = KeyRequest::read(&key.request).map_err(|error| unreadable(&error.to_string()))?;
        Ok(Self {
            gateway: gateway.with_creator(creator(msp_id, certificate).into()),
            msp_id: msp_id.to_owned(),
            key_id: key.id.clone(),
            account: key.account.clone(),
            public: request.key().clone(),
        })
    }

    fn check(&self, message: &[u8], signature: &[u8]) -> Result<(), ActError> {
        self.public.verify(message, signature).map_err(|_| ActError::Signature)
    }

    fn proposal(&self, act: &Act) -> Result<Proposal, ActError> {
        self.gateway.proposal_from_bytes(act.message.clone()).map_err(unreadable)
    }

    fn transaction(&self, act: &Act) -> Result<Transaction, ActError> {
        self.gateway.transaction_from_bytes(act.message.clone()).map_err(unreadable)
    }

    fn commit(&self, act: &Act) -> Result<Commit, ActError> {
        self.gateway.commit(&act.call.channel, &act.transaction_id).map_err(unreadable)
    }

    /// What the person signs next; none where nothing is left to sign.
    pub fn to_sign(&self, act: &Act) -> Result<Option<Bytes>, ActError> {
        Ok(match act.state {
            State::Prepared => Some(self.proposal(act)?.message().clone()),
            State::Endorsed => Some(self.transaction(act)?.message().clone()),
            State::Submitted => Some(self.commit(act)?.message().clone()),
            State::Committed | State::Refused | State::Evaluated => None,
        })
    }
}

fn unreadable(error: peer_client::Error) -> ActError {
    ActError::Unreadable(error.to_string())
}

/// What became of a call to the network.
enum Answered<T> {
    With(T),
    /// Its answer will not be another one.
    Refused(String),
}

fn answered<T>(result: Result<T, peer_client::Error>) -> Result<Answered<T>, ActError> {
    match result {
        Ok(answer) => Ok(Answered::With(answer)),
        Err(peer_client::Error::Gateway(error)) if !error.is_unavailable() && !error.lacks_endorsers() => {
            Ok(Answered::Refused(error.to_string()))
        }
        Err(error) => Err(ActError::Unavailable(error.to_string())),
    }
}

/// The acts of one account: each statement names it.
pub struct Acts<'a> {
    pub database: &'a Database,
    pub caller: &'a Caller,
    /// The id of the session in which they are taken: with its end, nothing more is done.
    pub session: &'a str,
}

impl Acts<'_> {
    async fn change(&self) -> Result<Change, ActError> {
        let mut change = self.database.change().await?;
        if store::goes_on(&mut change, self.session, now()).await? {
            Ok(change)
        } else {
            Err(StoreError::SessionOver.into())
        }
    }

    /// The act of this id, which the page chose: it is prepared where it is new, and found where it is not.
    pub async fn begin(&self, id: &str, call: &Call, entry: Entry) -> Result<Act, ActError> {
        if let Some(act) = self.known(id).await? {
            return self.same(act, call);
        }
        let (function, inputs) = call.arguments.split_first().ok_or(ActError::Other)?;
        let invocation = Invocation::new(&call.channel, &call.chaincode, function);
        let mut invocation = inputs.iter().cloned().fold(invocation, Invocation::argument);
        if call.is_evaluated() {
            // Another organisation's peer has no such answer, or invents it.
            invocation = invocation.organizations([self.caller.msp_id.as_str()]);
        }
        let proposal = self.caller.gateway.proposal(invocation).map_err(unreadable)?;
        let arguments = serde_json::to_string(&call.arguments).unwrap_or_default();
        let mut change = self.change().await?;
        let inserted = sqlx::query(
            "INSERT INTO acts (id, account, ledger_key, channel, chaincode, arguments, state, transaction_id, message, \
             ordered, problem, created_at, changed_at) \
             VALUES ($1, $2, $3, $4, $5, $6, 'prepared', $7, $8, 0, '', $9, $9) ON CONFLICT (id) DO NOTHING",
        )
        .bind(id)
        .bind(&self.caller.account)
        .bind(&self.caller.key_id)
        .bind(&call.channel)
        .bind(&call.chaincode)
        .bind(arguments)
        .bind(proposal.transaction_id())
        .bind(STANDARD.encode(proposal.to_bytes()))
        .bind(now())
        .execute(change.connection())
        .await?;
        if inserted.rows_affected() == 1 {
            change.record(&Entry { object: described(call, proposal.transaction_id()), ..entry }).await?;
        }
        // In each case: a change holds its lock and a connection, and what is read next takes another one.
        change.commit().await?;
        self.same(self.known(id).await?.ok_or(ActError::Other)?, call)
    }

    fn same(&self, act: Act, call: &Call) -> Result<Act, ActError> {
        if act.call != *call || act.key != self.caller.key_id {
            return Err(ActError::Other);
        }
        if act.state == State::Prepared && now() - act.created_at > PREPARED_SECONDS {
            return Err(ActError::Expired);
        }
        Ok(act)
    }

    async fn known(&self, id: &str) -> Result<Option<Act>, ActError> {
        Ok(find(self.database, &self.caller.account, id).await?)
    }

    async fn own(&self, id: &str) -> Result<Act, ActError> {
        let act = self.known(id).await?.ok_or(ActError::Other)?;
        if act.key == self.caller.key_id { Ok(act) } else { Err(ActError::Other) }
    }

    /// Takes the signature of the proposal, and lets the peers endorse it.
    pub async fn endorse(&self, id: &str, signature: &[u8], entry: Entry) -> Result<Act, ActError> {
        let act = self.own(id).await?;
        if act.call.is_evaluated() {
            return Err(ActError::Kind);
        }
        if act.state != State::Prepared {
            return Ok(act);
        }
        let proposal = self.caller.proposal(&act)?;
        self.caller.check(proposal.message(), signature)?;
        let proposal = proposal.with_signature(Bytes::copy_from_slice(signature));
        match answered(proposal.endorse().await)? {
            Answered::With(transaction) => {
                let change = self.change().await?;
                self.step(change, &act, State::Endorsed, &transaction.to_bytes(), "", None).await?;
            }
            Answered::Refused(problem) => {
                let change = self.change().await?;
                let entry =
                    Entry { object: described(&act.call, &act.transaction_id), result: "refused", ..entry };
                self.step(change, &act, State::Refused, &[], &problem, Some(entry)).await?;
            }
        }
        self.own(id).await
    }

    /// Takes the signature of a question, and lets a peer of the person's own organisation answer it. That it was read stands in the
    /// log before the answer is given; the answer is kept nowhere, and given once.
    pub async fn evaluate(
        &self,
        id: &str,
        signature: &[u8],
        entry: Entry,
    ) -> Result<(Act, Option<Bytes>), ActError> {
        let act = self.own(id).await?;
        if !act.call.is_evaluated() {
            return Err(ActError::Kind);
        }
        if act.state != State::Prepared {
            return Ok((act, None));
        }
        if now() - act.created_at > PREPARED_SECONDS {
            return Err(ActError::Expired);
        }
        let proposal = self.caller.proposal(&act)?;
        self.caller.check(proposal.message(), signature)?;
        let proposal = proposal.with_signature(Bytes::copy_from_slice(signature));
        let evaluated = answered(proposal.evaluate().await)?;
        let change = self.change().await?;
        let object = act.call.arguments.join(" ");
        let answer = match evaluated {
            Answered::With(answer) => {
                let entry = Some(Entry { object, ..entry });
                self.step(change, &act, State::Evaluated, &[], "", entry).await?;
                Some(answer)
            }
            Answered::Refused(problem) => {
                let entry = Some(Entry { object, result: "refused", ..entry });
                self.step(change, &act, State::Refused, &[], &problem, entry).await?;
                None
            }
        };
        Ok((self.own(id).await?, answer))
    }

    /// Takes the signature of the transaction, keeps it, and hands the transaction to the orderer.
    pub async fn submit(&self, id: &str, signature: &[u8], entry: Entry) -> Result<Act, ActError> {
        let act = self.own(id).await?;
        if act.state != State::Endorsed {
            return Ok(act);
        }
        let transaction = self.caller.transaction(&act)?;
        self.caller.check(transaction.message(), signature)?;
        let transaction = transaction.with_signature(Bytes::copy_from_slice(signature));
        // From here on it may be ordered, whatever becomes of this process.
        let change = self.change().await?;
        let entry = Entry { object: described(&act.call, &act.transaction_id), ..entry };
        self.step(change, &act, State::Submitted, &transaction.to_bytes(), "", Some(entry)).await?;
        let act = self.own(id).await?;
        self.order(&act).await?;
        self.own(id).await
    }

    /// Hands a signed transaction to the orderer, where it is not known to have it. Twice does no harm: the second is a
    /// duplicate, which has no effect.
    async fn order(&self, act: &Act) -> Result<(), ActError> {
        if act.is_ordered {
            return Ok(());
        }
        let submitted = self.caller.transaction(act)?.submit().await;
        submitted.map_err(|error| ActError::Unavailable(error.to_string()))?;
        sqlx::query("UPDATE acts SET ordered = 1 WHERE id = $1 AND account = $2")
            .bind(&act.id)
            .bind(&act.account)
            .execute(self.database.pool())
            .await?;
        Ok(())
    }

    /// Takes the signature of the question after the transaction's fate, and waits for the answer.
    pub async fn status(&self, id: &str, signature: &[u8], entry: Entry) -> Result<Act, ActError> {
        let act = self.own(id).await?;
        if act.state != State::Submitted {
            return Ok(act);
        }
        let commit = self.caller.commit(&act)?;
        self.caller.check(commit.message(), signature)?;
        self.order(&act).await?;
        let status = commit.with_signature(Bytes::copy_from_slice(signature)).status().await;
        let status = status.map_err(|error| ActError::Unavailable(error.to_string()))?;
        let mut change = self.change().await?;
        let (block, code) =
            (i64::try_from(status.block_number).unwrap_or(i64::MAX), status.code.as_str_name());
        let update = sqlx::query(
            "UPDATE acts SET state = 'committed', block = $1, code = $2, changed_at = $3 \
             WHERE id = $4 AND account = $5 AND state = 'submitted'",
        );
        let update = update.bind(block).bind(code).bind(now()).bind(&act.id).bind(&act.account);
        if update.execute(change.connection()).await?.rows_affected() == 1 {
            let transaction = audit::Transaction {
                id: act.transaction_id.clone(),
                block: Some(block),
                code: code.to_owned(),
            };
            let object = described(&act.call, &act.transaction_id);
            change.record(&Entry { object, transaction: Some(transaction), ..entry }).await?;
        }
        change.commit().await?;
        self.own(id).await
    }

    /// Goes from the state in which the act was read to another one, unless somebody else did meanwhile.
    async fn step(
        &self,
        mut change: Change,
        act: &Act,
        to: State,
        message: &[u8],
        problem: &str,
        entry: Option<Entry>,
    ) -> Result<(), ActError> {
        let update = sqlx::query(
            "UPDATE acts SET state = $1, message = $2, problem = $3, changed_at = $4 \
             WHERE id = $5 AND account = $6 AND state = $7",
        );
        let update = update
            .bind(to.name())
            .bind(STANDARD.encode(message))
            .bind(problem)
            .bind(now())
            .bind(&act.id)
            .bind(&act.account)
            .bind(act.state.name());
        let is_taken = update.execute(change.connection()).await?.rows_affected() == 1;
        if let (true, Some(entry)) = (is_taken, entry) {
            change.record(&entry).await?;
        }
        change.commit().await?;
        Ok(())
    }
}

/// How the audit log names an act.
fn described(call: &Call, transaction_id: &str) -> String {
    let function = call.arguments.first().map_or("", String::as_str);
    format!("{} {function} {transaction_id}", call.chaincode)
}

type Columns = (
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    i64,
    Option<i64>,
    Option<String>,
    String,
    i64,
);

/// None for what a newer program wrote.
fn act(columns: Columns) -> Option<Act> {
    let (
        id,
        account,
        key,
        channel,
        chaincode,
        arguments,
        state,
        transaction_id,
        message,
        ordered,
        block,
        code,
        problem,
        created_at,
    ) = columns;
    Some(Act {
        call: Call { channel, chaincode, arguments: serde_json::from_str(&arguments).ok()? },
        state: State::from_name(&state)?,
        message: STANDARD.decode(message).ok()?,
        is_ordered: ordered == 1,
        id,
        account,
        key,
        transaction_id,
        block,
        code,
        problem,
        created_at,
    })
}

/// The newest acts of an account.
pub async fn newest(database: &Database, account: &str, count: i64) -> Result<Vec<Act>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT id, account, ledger_key, channel, chaincode, arguments, state, transaction_id, message, ordered, block, code, \
         problem, created_at FROM acts WHERE account = $1 ORDER BY created_at DESC, id LIMIT $2",
    );
    let rows: Vec<Columns> = select.bind(account).bind(count).fetch_all(database.pool()).await?;
    Ok(rows.into_iter().filter_map(act).collect())
}

/// An act of an account.
pub async fn find(database: &Database, account: &str, id: &str) -> Result<Option<Act>, sqlx::Error> {
    let select = sqlx::query_as(
        "SELECT id, account, ledger_key, channel, chaincode, arguments, state, transaction_id, message, ordered, block, code, \
         problem, created_at FROM acts WHERE id = $1 AND account = $2",
    );
    let row: Option<Columns> = select.bind(id).bind(account).fetch_optional(database.pool()).await?;
    Ok(row.and_then(act))
}
