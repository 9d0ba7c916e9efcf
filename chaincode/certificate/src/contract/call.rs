//! What every function of the contract needs of its call: arguments, the caller's right, and an answer.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::canonical::to_canonical;
use crate::code::Code;
use crate::date_time::DateTime;
use crate::document::{MAXIMUM_BYTES, is_line};
use crate::keys;
use crate::record::{Event, MAXIMUM_REASON, RecordError};
use crate::refusal::{Refusal, Violation};
use crate::state::{Role, State};

const MAXIMUM_ARGUMENTS: usize = 8;

pub struct Call<'a, S> {
    pub state: &'a mut S,
    arguments: Vec<&'a str>,
}

impl<'a, S: State> Call<'a, S> {
    pub fn new(state: &'a mut S, arguments: &'a [Bytes]) -> Result<Call<'a, S>, Refusal> {
        if arguments.len() > MAXIMUM_ARGUMENTS {
            return Err(Refusal::Arguments(format!("{} arguments are too many", arguments.len())));
        }
        let arguments = arguments.iter().map(|argument| text(argument)).collect::<Result<_, _>>()?;
        Ok(Call { state, arguments })
    }

    /// The arguments, exactly as many as `names`.
    pub fn arguments<const COUNT: usize>(&self, names: [&str; COUNT]) -> Result<[&'a str; COUNT], Refusal> {
        <[&str; COUNT]>::try_from(self.arguments.as_slice()).map_err(|_| {
            let names = if COUNT == 0 { "none".to_owned() } else { names.join(", ") };
            Refusal::Arguments(format!(
                "takes {COUNT} arguments ({names}), here are {}",
                self.arguments.len()
            ))
        })
    }

    /// One argument, and perhaps a second.
    pub fn argument_and_option(&self, names: [&str; 2]) -> Result<(&'a str, Option<&'a str>), Refusal> {
        match self.arguments.as_slice() {
            [first] => Ok((first, None)),
            _ => self.arguments(names).map(|[first, second]| (first, Some(second))),
        }
    }

    /// The single argument, as a JSON object of these members and no others.
    pub fn request<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let [json] = self.arguments(["request as JSON"])?;
        serde_json::from_str(json)
            .map_err(|error| Refusal::Arguments(format!("the request is not understood: {error}")))
    }

    /// Refuses a caller that is not of `organisation` in one of `roles`.
    pub fn caller(&self, organisation: &str, roles: &[Role]) -> Result<(), Refusal> {
        self.caller_of_any(&[organisation], roles)
    }

    /// Refuses a caller that is not of one of `organisations` in one of `roles`.
    pub fn caller_of_any(&self, organisations: &[&str], roles: &[Role]) -> Result<(), Refusal> {
        let creator = self.state.creator();
        let belongs = organisations.contains(&creator.msp_id.as_str());
        if belongs && creator.role.is_some_and(|role| roles.contains(&role)) {
            return Ok(());
        }
        let allowed: Vec<String> = roles.iter().map(Role::to_string).collect();
        let role = creator.role.map_or("no role".to_owned(), |role| role.to_string());
        Err(Refusal::Forbidden(format!(
            "takes {} of {}, the caller is {role} of {}",
            allowed.join(" or "),
            organisations.join(" or "),
            creator.msp_id
        )))
    }

    /// The value of one key, decoded.
    pub async fn record<T>(
        &mut self,
        key: &str,
        decode: impl Fn(&Bytes) -> Result<T, RecordError>,
    ) -> Result<Option<T>, Refusal> {
        let [value] = self.values([key]).await?;
        Ok(value.map(|value| decode(&value)).transpose()?)
    }

    /// The values of these keys.
    pub async fn values<const COUNT: usize>(
        &mut self,
        keys: [&str; COUNT],
    ) -> Result<[Option<Bytes>; COUNT], Refusal> {
        let values = self.state.get(&keys).await?;
        let count = values.len();
        values
            .try_into()
            .map_err(|_| Refusal::Ledger(format!("{count} values were returned for {COUNT} keys")))
    }

    /// All records below a prefix, decoded, in key order.
    pub async fn records<T>(
        &mut self,
        prefix: &str,
        decode: impl Fn(&Bytes) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, Refusal> {
        let (start, end) = keys::range_of(prefix);
        let entries = self.state.range(&start, &end).await?;
        Ok(entries.iter().map(|(_, value)| decode(value)).collect::<Result<_, _>>()?)
    }

    /// This transaction as records remember it.
    pub fn event(&self, reason: &str) -> Event {
        Event {
            effective_at: self.state.timestamp(),
            by: self.state.creator().msp_id.clone(),
            reason: reason.to_owned(),
            transaction_id: self.state.transaction_id().to_owned(),
        }
    }

    /// Refuses a transaction that lifts something and claims a time before that of what it lifts: a question about a
    /// date between the two would have no answer. A stop is never refused for its time.
    pub fn not_before(&self, earlier: DateTime) -> Result<(), Refusal> {
        let now = self.state.timestamp();
        if now >= earlier {
            return Ok(());
        }
        Err(Refusal::Conflict(format!(
            "the transaction's timestamp {now} is before {earlier}, which it follows"
        )))
    }

    /// Emits `value` as the event `name`, and answers with it.
    pub fn emit(&mut self, name: &str, value: &impl Serialize) -> Result<Vec<u8>, Refusal> {
        let payload = answer(value)?;
        self.state.set_event(name, payload.clone());
        Ok(payload)
    }
}

/// A certificate's code as people type it, or its `urn:uuid:` identifier.
pub fn code(text: &str) -> Result<Code, Refusal> {
    match Code::from_urn(text) {
        Some(code) => Ok(code),
        None => text.parse().map_err(|error| Refusal::Arguments(format!("{error}"))),
    }
}

/// A reason that a person gave.
pub fn reason(text: &str) -> Result<&str, Refusal> {
    line("/reason", text, MAXIMUM_REASON)?;
    Ok(text)
}

/// Refuses a text that is blank, longer than `maximum` characters, or holds invisible characters.
pub fn line(pointer: &str, text: &str, maximum: usize) -> Result<(), Refusal> {
    let rule = format!("must be a text of 1 to {maximum} characters, none of them invisible");
    require(is_line(text, maximum) && !text.trim().is_empty(), pointer, text, &rule)
}

/// Refuses `value` at `pointer` unless the rule holds.
pub fn require(holds: bool, pointer: &str, value: &str, rule: &str) -> Result<(), Refusal> {
    if holds {
        return Ok(());
    }
    let shown: String = value.chars().take(80).collect();
    Err(Refusal::Rules(vec![Violation::new(pointer, &format!("{shown:?}"), rule)]))
}

/// JSON in its canonical form: every endorser must answer the same bytes.
pub fn answer(value: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    let broken = |error: String| Refusal::Ledger(format!("the answer cannot be written: {error}"));
    let value: Value = serde_json::to_value(value).map_err(|error| broken(error.to_string()))?;
    to_canonical(&value).map_err(|error| broken(error.to_string()))
}

fn text(argument: &Bytes) -> Result<&str, Refusal> {
    if argument.len() > MAXIMUM_BYTES {
        let length = argument.len();
        return Err(Refusal::Arguments(format!("an argument of {length} bytes is over {MAXIMUM_BYTES}")));
    }
    std::str::from_utf8(argument).map_err(|_| Refusal::Arguments("an argument is not UTF-8 text".into()))
}
