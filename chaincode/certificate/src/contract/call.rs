//! What every function of the contract needs of its call: arguments, the caller's right, and an answer.

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use crate::canonical::to_canonical;
use crate::code::{Code, CodeError};
use crate::date_time::DateTime;
use crate::document::report::{LINE, Node, Object, Report};
use crate::document::{MAXIMUM_BYTES, conclude, is_line};
use crate::duty::Duty;
use crate::json::Json;
use crate::keys;
use crate::record::{Event, Ledger, MAXIMUM_NUMBER, MAXIMUM_REASON, RecordError, Term};
use crate::refusal::Refusal;
use crate::state::{Creator, KeyPolicy, Role, State};

const MAXIMUM_ARGUMENTS: usize = 8;

pub struct Call<'a, S> {
    pub state: &'a mut S,
    /// MSP id of the organisation that accredits.
    pub accreditation_body: String,
    arguments: Vec<&'a str>,
    /// The duties by which the caller may do this; events name them.
    acting: Vec<Duty>,
}

impl<'a, S: State> Call<'a, S> {
    pub fn new(state: &'a mut S, arguments: &'a [Bytes]) -> Result<Call<'a, S>, Refusal> {
        if arguments.len() > MAXIMUM_ARGUMENTS {
            return Err(Refusal::Arguments(format!("{} arguments are too many", arguments.len())));
        }
        let arguments = arguments.iter().map(|argument| text(argument)).collect::<Result<_, _>>()?;
        let accreditation_body = state.chaincode().accreditation_body.clone();
        Ok(Call { state, accreditation_body, arguments, acting: Vec::new() })
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

    pub fn all_arguments(&self) -> &[&'a str] {
        &self.arguments
    }

    /// One argument, and perhaps a second.
    pub fn argument_and_option(&self, names: [&str; 2]) -> Result<(&'a str, Option<&'a str>), Refusal> {
        match self.arguments.as_slice() {
            [first] => Ok((first, None)),
            _ => self.arguments(names).map(|[first, second]| (first, Some(second))),
        }
    }

    /// As many arguments as are there, at most these.
    pub fn options<const COUNT: usize>(
        &self,
        names: [&str; COUNT],
    ) -> Result<[Option<&'a str>; COUNT], Refusal> {
        if self.arguments.len() > COUNT {
            self.arguments(names)?;
        }
        let mut arguments = self.arguments.iter().copied();
        Ok(names.map(|_| arguments.next()))
    }

    /// The arguments, exactly as many as `names`, each checked by its rules.
    pub fn fields<const COUNT: usize, T>(
        &self,
        names: [&str; COUNT],
        read: impl FnOnce(&Object<'_>, &mut Report) -> Option<T>,
    ) -> Result<T, Refusal> {
        let texts = self.arguments(names)?;
        let mut fields = names.map(|name| (name, Json::Null));
        for ((_, field), text) in fields.iter_mut().zip(texts) {
            *field = text.into();
        }
        check(&Json::from(fields), &names, read)
    }

    /// The single argument, as a JSON object of these members and no others, each checked by its rules.
    pub fn request<T>(
        &self,
        members: &[&str],
        read: impl FnOnce(&Object<'_>, &mut Report) -> Option<T>,
    ) -> Result<T, Refusal> {
        let [json] = self.arguments(["request as JSON"])?;
        self.json(json, members, read)
    }

    /// An argument, as a JSON object of these members and no others, each checked by its rules.
    pub fn json<T>(
        &self,
        json: &str,
        members: &[&str],
        read: impl FnOnce(&Object<'_>, &mut Report) -> Option<T>,
    ) -> Result<T, Refusal> {
        let misunderstood = |why: String| Refusal::Arguments(format!("the request is not understood: {why}"));
        let request: Json<'_> =
            serde_json::from_str(json).map_err(|error| misunderstood(error.to_string()))?;
        if request.as_object().is_none() {
            return Err(misunderstood("it is no JSON object".into()));
        }
        check(&request, members, read)
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

    /// Refuses a caller that has none of `duties`. A person among them needs a pseudonym; a program that is known as one
    /// has no other duty.
    pub fn on_duty(&mut self, duties: &[Duty]) -> Result<(), Refusal> {
        let creator = self.state.creator();
        let acting: Vec<Duty> = creator.duties.iter().copied().filter(|duty| duties.contains(duty)).collect();
        if !is_client(creator) || acting.is_empty() || is_barred_service(creator, duties) {
            return Err(Refusal::Forbidden(format!(
                "takes {}, the caller is {}: the attribute nanotrace.role, which its organisation's CA writes into the \
                 certificate of a client or admin, says so",
                one_of(duties),
                described(creator)
            )));
        }
        if creator.person.is_none() && acting != [Duty::Service] {
            return Err(Refusal::Forbidden(format!(
                "takes a pseudonym of the {}: the caller's certificate has no attribute nanotrace.person",
                Duty::join(&acting)
            )));
        }
        self.acting = acting;
        Ok(())
    }

    /// Refuses a caller that is neither an admin nor has one of `duties`; a service never is.
    pub fn on_duty_or_admin(&mut self, duties: &[Duty]) -> Result<(), Refusal> {
        let creator = self.state.creator();
        match creator.role == Some(Role::Admin) && !is_barred_service(creator, duties) {
            true => Ok(()),
            false => self.on_duty(duties),
        }
    }

    /// Refuses a caller that is no person with a pseudonym, of whichever duty.
    pub fn person(&mut self) -> Result<(), Refusal> {
        let creator = self.state.creator();
        if !is_client(creator) || creator.duties.contains(&Duty::Service) || creator.person.is_none() {
            return Err(Refusal::Forbidden(format!(
                "takes a person whose certificate has the attribute nanotrace.person, the caller is {}",
                described(creator)
            )));
        }
        self.acting.clone_from(&creator.duties);
        Ok(())
    }

    /// Refuses a caller of another organisation.
    pub fn organisation(&self, organisations: &[&str]) -> Result<(), Refusal> {
        self.caller_of_any(organisations, &[Role::Admin, Role::Client])
    }

    /// Refuses a caller that is neither an accreditor nor an administrator of the accreditation body.
    pub fn accreditor(&mut self) -> Result<(), Refusal> {
        self.caller_of_accreditation_body(&[Role::Admin, Role::Client])?;
        self.on_duty_or_admin(&[Duty::Accreditor])
    }

    /// Refuses a caller that ends no issuer key of `body`: decision-makers and administrators of the body do, accreditors and
    /// administrators of the accreditation body.
    pub fn ends_keys_of(&mut self, body: &str) -> Result<(), Refusal> {
        self.organisation(&[body, &self.accreditation_body])?;
        let is_of_body = self.state.creator().msp_id == body;
        self.on_duty_or_admin(&[if is_of_body { Duty::DecisionMaker } else { Duty::Accreditor }])
    }

    /// Refuses a caller that is not of the accreditation body in one of `roles`.
    pub fn caller_of_accreditation_body(&self, roles: &[Role]) -> Result<(), Refusal> {
        self.caller(&self.accreditation_body, roles)
    }

    /// As [`Self::on_duty_or_admin`], and passes a client whose certificate names no role: so are those of networks that
    /// were set up before there were roles.
    pub fn on_duty_if_any(&mut self, duties: &[Duty]) -> Result<(), Refusal> {
        if self.state.creator().duties.is_empty() { Ok(()) } else { self.on_duty_or_admin(duties) }
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
        all(self.values_of(&keys).await?)
    }

    /// The same for a number of keys that only the call knows.
    pub async fn values_of(&mut self, keys: &[&str]) -> Result<Vec<Option<Bytes>>, Refusal> {
        same_count(keys, self.state.get(keys).await?)
    }

    /// To which ledger and which certification body this chaincode is bound.
    pub async fn ledger(&mut self) -> Result<Ledger, Refusal> {
        let ledger = self.record(keys::LEDGER, Ledger::decode).await?;
        ledger.ok_or_else(unbound)
    }

    /// The values of keys in the registry alone.
    pub async fn in_registry<const COUNT: usize>(
        &mut self,
        keys: [&str; COUNT],
    ) -> Result<[Option<Bytes>; COUNT], Refusal> {
        all(self.registry_values_of(&keys).await?)
    }

    /// The same for a number of keys that only the call knows.
    pub async fn registry_values_of(&mut self, keys: &[&str]) -> Result<Vec<Option<Bytes>>, Refusal> {
        same_count(keys, self.state.registered(keys).await?)
    }

    /// The values of keys of the registry. What it has not may stand here: before there was a registry, each body's
    /// chaincode had these records itself.
    pub async fn registered<const COUNT: usize>(
        &mut self,
        keys: [&str; COUNT],
    ) -> Result<[Option<Bytes>; COUNT], Refusal> {
        let values = self.in_registry(keys).await?;
        self.or_own(keys, values).await
    }

    /// What the registry has of these keys, or else this chaincode.
    pub async fn or_own<const COUNT: usize>(
        &mut self,
        keys: [&str; COUNT],
        values: [Option<Bytes>; COUNT],
    ) -> Result<[Option<Bytes>; COUNT], Refusal> {
        let missing: Vec<&str> =
            keys.into_iter().zip(&values).filter(|(_, value)| value.is_none()).map(|(key, _)| key).collect();
        let mut own =
            if missing.is_empty() { Vec::new() } else { self.values_of(&missing).await? }.into_iter();
        let values: Vec<_> = values.into_iter().map(|value| value.or_else(|| own.next().flatten())).collect();
        all(values)
    }

    /// All records below a prefix, decoded, in key order.
    pub async fn records<T>(
        &mut self,
        prefix: &str,
        decode: impl Fn(&Bytes) -> Result<T, RecordError>,
    ) -> Result<Vec<T>, Refusal> {
        let (start, end) = keys::range_of(prefix);
        let entries = self.state.range(&start, &end, usize::MAX).await?;
        Ok(entries.iter().map(|(_, value)| decode(value)).collect::<Result<_, _>>()?)
    }

    /// This transaction as records remember it.
    pub fn event(&self, reason: &str) -> Event {
        Event {
            effective_at: self.state.timestamp(),
            by: self.state.creator().msp_id.clone(),
            role: Duty::join(&self.acting),
            person: self.state.creator().person.clone().unwrap_or_default(),
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

/// Writes a record that takes the endorsement of `body` and of the accreditation body.
pub fn put_of_both<S: State>(call: &mut Call<'_, S>, key: &str, value: Vec<u8>, body: &str) {
    let both = KeyPolicy::all(&[body, &call.accreditation_body]);
    put(call, key, value, &both);
}

/// Writes a record with the policy of its key.
pub fn put<S: State>(call: &mut Call<'_, S>, key: &str, value: Vec<u8>, policy: &KeyPolicy) {
    call.state.put(key, value);
    call.state.set_policy(key, policy);
}

/// Records that one answer of a list looks at.
const PAGE: usize = 100;

/// Answers with one page of the records below a prefix, whose keys end in their codes: those behind `bookmark`, each as `show` has
/// it, under `name`; and a bookmark where there may be more.
pub async fn list<S: State, T, Shown: Serialize>(
    call: Call<'_, S>,
    (name, prefix): (&str, &str),
    bookmark: Option<&str>,
    decode: impl Fn(&Bytes) -> Result<T, RecordError>,
    show: impl Fn(Code, T) -> Option<Shown>,
) -> Result<Vec<u8>, Refusal> {
    let (first, end) = keys::range_of(prefix);
    let start = match bookmark {
        // The key after that of the record named.
        Some(text) => format!("{prefix}{}\u{1}", code(text)?),
        None => first,
    };
    let page = call.state.range(&start, &end, PAGE).await?;
    let coded = page.iter().filter_map(|(key, value)| Some((key.strip_prefix(prefix)?.parse().ok()?, value)));
    let read =
        coded.map(|(code, value)| Ok((code, decode(value)?))).collect::<Result<Vec<_>, RecordError>>()?;
    let bookmark = read.last().filter(|_| page.len() == PAGE).map(|(code, _)| *code);
    let mut found =
        json!({name: read.into_iter().filter_map(|(code, record)| show(code, record)).collect::<Vec<_>>()});
    add(&mut found, "bookmark", bookmark.map(|bookmark| json!(bookmark)));
    answer(&found)
}

/// The state that a list is asked for, by its name; none or an empty text is any.
pub fn state_of<T: Copy, const COUNT: usize>(
    text: Option<&str>,
    all: [T; COUNT],
    name: impl Fn(T) -> &'static str,
) -> Result<Option<T>, Refusal> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let known = all.into_iter().find(|state| name(*state) == text);
    known.map(Some).ok_or_else(|| {
        let names = all.map(name).join(", ");
        Refusal::Arguments(format!("state is {text:?}, must be one of {names}, or empty"))
    })
}

pub fn unbound() -> Refusal {
    Refusal::Unknown("the contract is not bound to its ledger yet".into())
}

fn same_count(keys: &[&str], values: Vec<Option<Bytes>>) -> Result<Vec<Option<Bytes>>, Refusal> {
    let (asked, found) = (keys.len(), values.len());
    if asked != found {
        return Err(Refusal::Ledger(format!("{found} values were returned for {asked} keys")));
    }
    Ok(values)
}

/// The count was compared already.
fn all<const COUNT: usize>(values: Vec<Option<Bytes>>) -> Result<[Option<Bytes>; COUNT], Refusal> {
    values.try_into().map_err(|_| Refusal::Ledger("values are missing".into()))
}

/// A node's certificate gives no duty, whatever its attributes say.
fn is_client(creator: &Creator) -> bool {
    matches!(creator.role, Some(Role::Client | Role::Admin))
}

/// Whether a program would do what is for persons.
fn is_barred_service(creator: &Creator, duties: &[Duty]) -> bool {
    creator.duties.contains(&Duty::Service) && !duties.contains(&Duty::Service)
}

fn one_of(duties: &[Duty]) -> String {
    duties.iter().map(|duty| duty.name()).collect::<Vec<_>>().join(" or ")
}

/// Organisation and duties of a caller, in words.
fn described(creator: &Creator) -> String {
    let duties = match creator.duties.as_slice() {
        [] => "without a role".to_owned(),
        duties => Duty::join(duties),
    };
    let node = creator.role.map_or("no role".to_owned(), |role| role.to_string());
    format!("{duties} ({node}) of {}", creator.msp_id)
}

/// Every rule is tried; all that are broken are named.
fn check<T>(
    fields: &Json<'_>,
    names: &[&str],
    read: impl FnOnce(&Object<'_>, &mut Report) -> Option<T>,
) -> Result<T, Refusal> {
    let mut report = Report::default();
    let fields = Node::root(fields).object(&mut report, names);
    let read = fields.and_then(|fields| read(&fields, &mut report));
    conclude(read, report).map_err(Refusal::Rules)
}

/// A certificate's code as people type it, or its `urn:uuid:` identifier.
pub fn code(text: &str) -> Result<Code, Refusal> {
    parse(text).map_err(|error| Refusal::Arguments(format!("{error}")))
}

fn parse(text: &str) -> Result<Code, CodeError> {
    Code::from_urn(text).map_or_else(|| text.parse(), Ok)
}

/// The field `certificate`: as [`code`].
pub fn certificate(fields: &Object<'_>, report: &mut Report) -> Option<Code> {
    code_of(fields, "certificate", "certificate", report)
}

/// A field that is the code of a certificate or of an application: of `what`.
pub fn code_of(fields: &Object<'_>, name: &str, what: &str, report: &mut Report) -> Option<Code> {
    code_at(&fields.required(report, name)?, what, report)
}

/// A value that is the code of a certificate or of an application: of `what`.
pub fn code_at(node: &Node<'_>, what: &str, report: &mut Report) -> Option<Code> {
    match parse(node.text(report, LINE)?) {
        Ok(code) => Some(code),
        Err(error) => {
            report.refuse(node, &format!("is no {what}: {error}"));
            None
        }
    }
}

/// The field `reason`, which a person gave.
pub fn reason(fields: &Object<'_>, report: &mut Report) -> Option<String> {
    line(fields, "reason", MAXIMUM_REASON, report)
}

/// A field that is a text of at most `maximum` characters, not blank, none of them invisible.
pub fn line(fields: &Object<'_>, name: &str, maximum: usize, report: &mut Report) -> Option<String> {
    fields.required(report, name)?.line(report, maximum).map(str::to_owned)
}

/// A field that may be absent, which means `absent`.
pub fn flag(fields: &Object<'_>, name: &str, absent: bool, report: &mut Report) -> Option<bool> {
    let Some(node) = fields.optional(name) else { return Some(absent) };
    match node.value {
        Json::Bool(bit) => Some(*bit),
        _ => {
            report.refuse(&node, "must be true or false");
            None
        }
    }
}

/// A field that is a whole number of 1 to `maximum`.
pub fn whole_number(fields: &Object<'_>, name: &str, maximum: u32, report: &mut Report) -> Option<u32> {
    let node = fields.required(report, name)?;
    let number = match node.value {
        Json::Number(number) => number.as_u64().and_then(|number| u32::try_from(number).ok()),
        _ => None,
    };
    let number = number.filter(|number| (1..=maximum).contains(number));
    if number.is_none() {
        report.refuse(&node, &format!("must be a whole number of 1 to {maximum}"));
    }
    number
}

/// A field that is a text for which `holds`; `rule` says in words what that means.
pub fn text_that(
    fields: &Object<'_>,
    name: &str,
    holds: impl Fn(&str) -> bool,
    rule: &str,
    report: &mut Report,
) -> Option<String> {
    fields.required(report, name)?.text_that(report, holds, rule).map(str::to_owned)
}

/// A field that is a list of 1 to `maximum` texts, each as [`line()`] takes them.
pub fn lines(fields: &Object<'_>, name: &str, maximum: usize, report: &mut Report) -> Option<Vec<String>> {
    let nodes = fields.required(report, name)?.list(report, 1, maximum)?;
    nodes.iter().map(|node| node.line(report, LINE).map(str::to_owned)).collect()
}

/// A field that is an organisation's MSP id.
pub fn msp_id(fields: &Object<'_>, name: &str, report: &mut Report) -> Option<String> {
    text_that(fields, name, |text| is_line(text, LINE), "must be an organisation's MSP id", report)
}

/// The members of a term.
pub const TERM: [&str; 3] = ["number", "validFrom", "validUntil"];

/// A term of an accreditation.
pub fn term(fields: &Object<'_>, report: &mut Report) -> Option<Term> {
    let number = line(fields, "number", MAXIMUM_NUMBER, report);
    let from = fields.required(report, "validFrom").and_then(|node| node.date_time(report));
    let until = fields.required(report, "validUntil").and_then(|node| {
        let until = node.date_time(report)?;
        if from.is_some_and(|from| until <= from) {
            report.refuse(&node, "must be after validFrom");
        }
        Some(until)
    });
    Some(Term { number: number?, valid_from: from?, valid_until: until? })
}

/// What `…:renew` asks for: a term that begins and ends after the last.
pub fn next_term(last: &Term) -> impl Fn(&Object<'_>, &mut Report) -> Option<Term> {
    move |fields, report| {
        let next = term(fields, report)?;
        let dates = [
            ("validFrom", next.valid_from, last.valid_from),
            ("validUntil", next.valid_until, last.valid_until),
        ];
        for (name, next, last) in dates {
            if let Some(node) = fields.optional(name).filter(|_| next <= last) {
                report.refuse(&node, &format!("must be after that of the last term, {last}"));
            }
        }
        Some(next)
    }
}

/// A member that some answers have.
pub fn add(answer: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(value), Some(members)) = (value, answer.as_object_mut()) {
        members.insert(name.to_owned(), value);
    }
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
