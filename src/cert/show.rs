//! `cert show` and `cert history`: a certificate as the ledger has it.

use certificate::{Code, DateTime};
use peer_client::certificate::{CallError, Contract};
use serde_json::{Value, json};

use super::{
    network::{Network, OFFICER},
    output::{self, text_at},
    subject::{parse_code, parse_date_time},
};
use crate::exit::{Exit, Failure};

/// Show a certificate and whether it holds, now or at a past date.
///
/// Exit codes: 0 valid, 1 not valid or unknown, 2 a mistyped code, 3 no network.
#[derive(clap::Args)]
pub struct ShowArgs {
    /// The certificate's code, as on its label.
    #[arg(value_parser = parse_code)]
    code: Code,
    /// Whether it was valid then: a moment such as 2026-01-31T12:00:00Z, or a date such as 2026-01-31, which stands
    /// for its first second, UTC.
    #[arg(long, value_name = "DATE|DATE-TIME", value_parser = parse_past)]
    at: Option<DateTime>,
}

/// Show what happened to a certificate, in order of time; with --json every value that was ever written about it.
#[derive(clap::Args)]
pub struct HistoryArgs {
    /// The certificate's code, as on its label.
    #[arg(value_parser = parse_code)]
    code: Code,
}

pub async fn show(args: ShowArgs, network: &Network, json: bool) -> Result<Exit, Failure> {
    let contract = network.contract(OFFICER).await?;
    let record = read(&contract, args.code, args.at).await?;
    match json {
        true => output::json(&record)?,
        false => print(args.code, &record)?,
    }
    Ok(exit(&record))
}

/// A certificate as its body's chaincode has it, with what successors did where that body has ended.
pub async fn read(contract: &Contract, code: Code, at: Option<DateTime>) -> Result<Value, Failure> {
    let mut record: Value = contract.certificate_get(code, at).read().await?;
    let named = record.pointer("/bodyEnded").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut chaincodes: Vec<String> = named.iter().map(|named| text_at(named, "/chaincode")).collect();
    chaincodes.dedup();
    for chaincode in chaincodes {
        match contract.of_chaincode(chaincode).certificate_adoption(code, at).read().await {
            Ok(adoption) => follow(&mut record, adoption),
            // It has not taken the certificate over.
            Err(CallError::Refused { status: 404, .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(record)
}

/// Adds what a successor did to the record and to its verdict: a stop of either stops it. A surveillance of the successor is
/// newer than all of the body's that has ended.
fn follow(record: &mut Value, adoption: Value) {
    let is_surveilled = adoption.pointer("/surveillance/0/effectiveAt").and_then(Value::as_str);
    let is_surveilled = is_surveilled.is_some_and(|since| *since <= *text_at(record, "/at"));
    let of = |value: &Value, pointer: &str| {
        value.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let mut reasons = of(record, "/verdict/reasons");
    reasons.retain(|reason| !is_surveilled || text_at(reason, "/cause") != "surveillanceOverdue");
    reasons.extend(of(&adoption, "/verdict/reasons"));
    let unreadable = [of(record, "/verdict/unreadable"), of(&adoption, "/verdict/unreadable")].concat();
    let verdict = match (reasons.is_empty(), unreadable.is_empty()) {
        (false, _) => json!({"result": "notValid", "reasons": reasons}),
        (true, false) => json!({"result": "cannotTell", "unreadable": unreadable}),
        (true, true) => json!({"result": "valid"}),
    };
    let adoptions = [of(record, "/adoptions"), vec![adoption]].concat();
    if let Some(members) = record.as_object_mut() {
        members.insert("verdict".into(), verdict);
        members.insert("adoptions".into(), Value::Array(adoptions));
    }
}

/// Who answers for a certificate: who issued it, or the last that took it over by then.
fn responsible(record: &Value) -> String {
    let adoptions = record.pointer("/adoptions").and_then(Value::as_array).into_iter().flatten();
    let at = text_at(record, "/at");
    let mut counting = adoptions.filter(|adoption| text_at(adoption, "/adopted/effectiveAt") <= at);
    match (counting.next_back(), record.get("bodyEnded")) {
        (Some(adoption), _) => {
            let (by, since) = (text_at(adoption, "/by"), text_at(adoption, "/adopted/effectiveAt"));
            format!("{by}, which took it over on {since}")
        }
        (None, Some(_)) => format!("{}, which has ended", text_at(record, "/body")),
        (None, None) => text_at(record, "/body"),
    }
}

pub async fn history(args: HistoryArgs, network: &Network, json: bool) -> Result<Exit, Failure> {
    let contract = network.contract(OFFICER).await?;
    let entries: Vec<Value> = contract.certificate_history(args.code).read().await?;
    if json {
        output::json(&entries)?;
        return Ok(Exit::Ok);
    }
    for entry in &entries {
        let Some(happening) = happening(entry) else { continue };
        output::line(format!("{}  {happening}", text_at(entry, "/timestamp")))?;
        output::line(format!("  transaction {}", text_at(entry, "/transactionId")))?;
    }
    Ok(Exit::Ok)
}

/// What a record tells in addition to the one before it; nothing of those that an issue writes for later. What is
/// unlike all records of the contract is shown as it is.
fn happening(entry: &Value) -> Option<String> {
    let record = entry.get("record")?;
    let act = |what: &str, act: &Value| {
        let reason = text_at(act, "/reason");
        let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
        Some(format!("{what} by {}{reason}", text_at(act, "/by")))
    };
    let present = |name: &str| record.get(name).filter(|value| value.is_object());
    if let Some(issued) = present("issued") {
        return act("issued", issued);
    }
    if let Some(withdrawn) = present("withdrawn") {
        return act("withdrawn", withdrawn);
    }
    if let Some(adopted) = present("adopted") {
        return act(&format!("taken over from {}", text_at(record, "/body")), adopted);
    }
    if let Some(superseded) = present("superseded") {
        return act(
            &format!("superseded by certificate {},", text_at(superseded, "/supersededBy")),
            superseded,
        );
    }
    if let Some(activities) = record.get("surveillance").and_then(Value::as_array) {
        let last = activities.last()?;
        let conclusion = text_at(last, "/conclusion");
        let what = if conclusion.is_empty() { "planned".to_owned() } else { format!("done ({conclusion})") };
        return act(&format!("surveillance {what}"), last);
    }
    match (record.get("suspensions").and_then(Value::as_array), record.get("withdrawn")) {
        (Some(suspensions), _) => {
            match (suspensions.last()?.get("lifted"), suspensions.last()?.get("placed")) {
                (Some(lifted), _) if lifted.is_object() => act("suspension lifted", lifted),
                (_, Some(placed)) => act("suspended", placed),
                _ => Some(record.to_string()),
            }
        }
        (None, Some(Value::Null)) => None,
        _ => Some(record.to_string()),
    }
}

/// The exit code that a record's verdict comes to.
pub fn exit(record: &Value) -> Exit {
    if text_at(record, "/verdict/result") == "valid" { Exit::Ok } else { Exit::No }
}

/// The verdict in words: each reason on a line of its own.
pub fn verdict(record: &Value) -> String {
    match text_at(record, "/verdict/result").as_str() {
        "valid" => return "VALID".into(),
        "cannotTell" => return format!("CANNOT TELL\n  unreadable: records of {}", unreadable(record)),
        _ => {}
    }
    let reasons = record.pointer("/verdict/reasons").and_then(Value::as_array);
    let reasons = reasons.into_iter().flatten().map(reason);
    reasons.fold("NOT VALID".into(), |text, reason| format!("{text}\n  {reason}"))
}

fn unreadable(record: &Value) -> String {
    let bodies = record.pointer("/verdict/unreadable").and_then(Value::as_array);
    let bodies: Vec<&str> = bodies.into_iter().flatten().filter_map(Value::as_str).collect();
    bodies.join(", ")
}

/// `suspended since 2026-01-31T12:00:00Z by CertBodyMSP: a closer look`
fn reason(reason: &Value) -> String {
    let words = match text_at(reason, "/cause").as_str() {
        "accreditationSuspended" => "the accreditation is suspended since",
        "notYetValid" => "not valid before",
        "withdrawn" => "withdrawn on",
        "issuedOutsideAccreditation" => "issued outside the term or the scope of the accreditation, on",
        "expired" => "expired on",
        "suspended" => "suspended since",
        "superseded" => "superseded on",
        "surveillanceOverdue" => "its surveillance is overdue since",
        "issuerKeyCompromised" => "signed with a compromised key, as declared on",
        // A cause that this program does not know stops the certificate no less.
        _ => "not valid since",
    };
    let mut text = format!("{words} {}", text_at(reason, "/since"));
    for (pointer, before) in [("/by", " by "), ("/why", ": "), ("/supersededBy", "; in its place stands ")] {
        let more = text_at(reason, pointer);
        if !more.is_empty() {
            text.push_str(&format!("{before}{more}"));
        }
    }
    text
}

fn print(code: Code, record: &Value) -> Result<(), Failure> {
    let subject = |pointer: &str| text_at(record, &format!("/document/credentialSubject/{pointer}"));
    let demonstration = match subject("demonstration").as_str() {
        "true" => "yes: no real certificate",
        _ => "",
    };
    output::rows(&[
        ("certificate", code.grouped()),
        ("result", verdict(record)),
        ("as of", text_at(record, "/at")),
        ("times", "as claimed by each transaction; the verifier's page counts by ledger time".into()),
        ("demonstration", demonstration.into()),
        ("product", subject("product/name")),
        ("substance", subject("substance/name")),
        ("client", subject("client/name")),
        ("nanomaterial", subject("nanomaterialConclusion")),
        ("scheme", format!("{} version {}", subject("scheme/id"), subject("scheme/version"))),
        ("accreditation", text_at(record, "/accreditation/number")),
        ("category", text_at(record, "/category")),
        ("issuer", text_at(record, "/document/issuer/name")),
        ("body", text_at(record, "/body")),
        ("responsible", responsible(record)),
        ("valid", format!("{} to {}", text_at(record, "/validFrom"), text_at(record, "/validUntil"))),
        ("surveillance due", text_at(record, "/surveillanceDue")),
        ("issued", text_at(record, "/issued/effectiveAt")),
        ("transaction", text_at(record, "/issued/transactionId")),
    ])
}

/// The verifier asks the same of its `?at=`.
fn parse_past(text: &str) -> Result<DateTime, String> {
    let moment = parse_date_time(text)?;
    match moment > verifier::now() {
        true => Err("it lies in the future, and what will be is not known".into()),
        false => Ok(moment),
    }
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn each_happening_once_and_in_words() {
        let told = |record: Value| happening(&json!({"record": record})).unwrap_or_default();
        let act = json!({"by": "LabMSP", "effectiveAt": "2026-01-31T12:00:00Z", "reason": "why"});
        assert_eq!(told(json!({"issued": {"by": "LabMSP"}})), "issued by LabMSP");
        assert_eq!(told(json!({"suspensions": []})), "");
        assert_eq!(told(json!({"withdrawn": null})), "");
        assert_eq!(told(json!({"suspensions": [{"placed": act}]})), "suspended by LabMSP: why");
        let lifted = json!({"suspensions": [{"placed": act, "lifted": act}]});
        assert_eq!(told(lifted), "suspension lifted by LabMSP: why");
        assert_eq!(told(json!({"withdrawn": act})), "withdrawn by LabMSP: why");
        let done = json!({"surveillance": [{"conclusion": "conforming", "by": "LabMSP", "reason": "fine"}]});
        assert_eq!(told(done), "surveillance done (conforming) by LabMSP: fine");
        assert_eq!(told(json!({"surveillance": [act]})), "surveillance planned by LabMSP: why");
        let adopted = json!({"adopted": act, "body": "OldMSP"});
        assert_eq!(told(adopted), "taken over from OldMSP by LabMSP: why");
        assert_eq!(told(json!({"unreadable": "00"})), r#"{"unreadable":"00"}"#);
    }

    #[test]
    fn a_stop_of_a_successor_stops_and_a_surveillance_of_it_is_the_newest() {
        let record = |verdict: Value| json!({"at": "2026-02-01T00:00:00Z", "body": "A", "bodyEnded": [], "verdict": verdict});
        let adopted = json!({"effectiveAt": "2026-01-31T00:00:00Z"});
        let adoption = |verdict: Value| json!({"by": "B", "adopted": adopted, "verdict": verdict});
        let (valid, unread) =
            (json!({"result": "valid"}), json!({"result": "cannotTell", "unreadable": ["B"]}));
        let not = |cause: &str| json!({"result": "notValid", "reasons": [{"cause": cause}]});
        let both = json!({"result": "notValid", "reasons": [{"cause": "suspended"}, {"cause": "withdrawn"}]});
        for (of_body, of_successor, expected) in [
            (valid.clone(), valid.clone(), valid.clone()),
            (valid.clone(), not("withdrawn"), not("withdrawn")),
            (not("suspended"), valid.clone(), not("suspended")),
            (not("suspended"), not("withdrawn"), both),
            (valid.clone(), unread.clone(), unread.clone()),
            (not("suspended"), unread, not("suspended")),
            (not("surveillanceOverdue"), valid.clone(), not("surveillanceOverdue")),
        ] {
            let mut followed = record(of_body);
            assert_eq!(responsible(&followed), "A, which has ended");
            follow(&mut followed, adoption(of_successor));
            assert_eq!(followed["verdict"], expected);
            assert_eq!(responsible(&followed), "B, which took it over on 2026-01-31T00:00:00Z");
        }
        let mut surveilled = record(not("surveillanceOverdue"));
        let mut adoption = adoption(valid.clone());
        adoption["surveillance"] = json!([adopted]);
        follow(&mut surveilled, adoption);
        assert_eq!(surveilled["verdict"], valid);
    }

    #[test]
    fn a_verdict_in_words() {
        assert_eq!(verdict(&json!({"verdict": {"result": "valid"}})), "VALID");
        let record = json!({"verdict": {"result": "notValid", "reasons": [
            {"cause": "suspended", "since": "2026-01-31T12:00:00Z", "by": "CertBodyMSP", "why": "a closer look"},
            {"cause": "expired", "since": "2026-02-01T00:00:00Z"},
        ]}});
        let expected = "NOT VALID\n  suspended since 2026-01-31T12:00:00Z by CertBodyMSP: a closer look\n  \
                        expired on 2026-02-01T00:00:00Z";
        assert_eq!(verdict(&record), expected);
        assert_eq!(exit(&record), Exit::No);
    }
}
