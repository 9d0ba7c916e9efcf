//! What every function of the contract needs of its call: arguments, the caller's right, and an answer.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::record::{Event, RecordError};
use crate::refusal::{Refusal, Violation};
use crate::state::{Role, State};

/// One argument may be this long: the document's limit, with room for the JSON around a smaller thing.
pub const MAXIMUM_ARGUMENT_BYTES: usize = 64 * 1024;

const MAXIMUM_ARGUMENTS: usize = 8;

/// Reasons are read by the public; they are sentences, not files.
const MAXIMUM_REASON_CHARACTERS: usize = 500;

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
            let (count, names) = (self.arguments.len(), names.join(", "));
            Refusal::Arguments(format!("takes {COUNT} arguments ({names}), here are {count}"))
        })
    }

    /// The single argument, as a JSON object of these members and no others.
    pub fn request<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        let [json] = self.arguments(["request as JSON"])?;
        serde_json::from_str(json)
            .map_err(|error| Refusal::Arguments(format!("the request is not understood: {error}")))
    }

    /// Refuses a caller that is not of `organisation` in one of `roles`.
    pub fn caller(&self, organisation: &str, roles: &[Role]) -> Result<(), Refusal> {
        let creator = self.state.creator();
        if creator.msp_id == organisation && creator.role.is_some_and(|role| roles.contains(&role)) {
            return Ok(());
        }
        let allowed: Vec<String> = roles.iter().map(Role::to_string).collect();
        let role = creator.role.map_or("no role".to_owned(), |role| role.to_string());
        Err(Refusal::Forbidden(format!(
            "takes {} of {organisation}, the caller is {role} of {}",
            allowed.join(" or "),
            creator.msp_id
        )))
    }

    /// The value of one key, decoded.
    pub async fn record<T>(
        &mut self,
        key: &str,
        decode: impl Fn(&Bytes) -> Result<T, RecordError>,
    ) -> Result<Option<T>, Refusal> {
        let values = self.state.get(&[key]).await?;
        Ok(values.into_iter().next().flatten().map(|value| decode(&value)).transpose()?)
    }

    /// All records below a prefix, decoded, in key order.
    pub async fn records<T>(
        &mut self,
        prefix: &str,
        decode: impl Fn(&Bytes) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, Refusal> {
        let (start, end) = crate::keys::range_of(prefix);
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
}

/// A reason that a person gave: one to 500 characters, none of them a control character.
pub fn reason(text: &str) -> Result<&str, Refusal> {
    let length = text.chars().count();
    let blank = text.trim().is_empty();
    if !blank && length <= MAXIMUM_REASON_CHARACTERS && !text.chars().any(char::is_control) {
        return Ok(text);
    }
    Err(Refusal::Rules(vec![Violation {
        pointer: "/reason".into(),
        value: format!("{length} characters"),
        rule: format!("a sentence of 1 to {MAXIMUM_REASON_CHARACTERS} characters, no control characters"),
    }]))
}

pub fn answer(value: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(value).map_err(|error| Refusal::Ledger(error.to_string()))
}

fn text(argument: &Bytes) -> Result<&str, Refusal> {
    if argument.len() > MAXIMUM_ARGUMENT_BYTES {
        let length = argument.len();
        return Err(Refusal::Arguments(format!(
            "an argument of {length} bytes is over {MAXIMUM_ARGUMENT_BYTES}"
        )));
    }
    std::str::from_utf8(argument).map_err(|_| Refusal::Arguments("an argument is not UTF-8 text".into()))
}
