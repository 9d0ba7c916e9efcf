//! `cert template`: a draft to fill in.

use std::{collections::BTreeSet, path::PathBuf};

use certificate::{
    Code, demo,
    document::{Issuer, LedgerBinding, STATUS_LIST_ENTRIES, StatusEntry, Validity},
    draft::{self, Particulars},
};
use peer_client::certificate::Contract;
use serde_json::{Value, json};

use super::{
    files,
    network::{Network, OFFICER},
    output::text_at,
};
use crate::exit::{Exit, Failure};

/// Write a draft certificate to fill in.
///
/// Its id, its code and its place in the status list are new and random. Issuer, scheme and accreditation come from
/// the ledger; with --offline, or where it has none, they stay empty. `check` names what is still missing.
#[derive(clap::Args)]
pub struct Args {
    /// Ask no network; the ledger's channel and genesis are then taken from the connection profile, if there is one.
    #[arg(long)]
    offline: bool,
    /// Fill in the demonstration's material (JRC representative nanomaterial NM-110), to try things out.
    #[arg(long)]
    demonstration: bool,
    /// The issuer's did:web identifier, where the ledger has keys of more than one.
    #[arg(long, value_name = "DID", conflicts_with = "offline")]
    issuer: Option<String>,
    /// For how many years the certificate holds.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(i32).range(1..=3))]
    years: i32,
    /// Where to write it. [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace a file that is there.
    #[arg(long)]
    force: bool,
}

/// What the ledger knows and a draft names; `Null` where the ledger has none.
#[derive(Default)]
struct Background {
    key: Value,
    scheme: Value,
    accreditation: Value,
}

pub async fn run(args: Args, network: &Network) -> Result<Exit, Failure> {
    let background = match args.offline {
        true => Background::default(),
        false => background(&network.contract(OFFICER).await?, args.issuer.as_deref()).await?,
    };
    let particulars = particulars(&args, network, &background)?;
    let draft = match args.demonstration {
        true => demo::document(&particulars),
        false => filled(draft::template(&particulars), &background),
    };
    let mut text =
        serde_json::to_string_pretty(&draft).map_err(|error| Failure::during("writing the draft", error))?;
    text.push('\n');
    files::write(args.out.as_deref(), text.as_bytes(), args.force)?;
    Ok(Exit::Ok)
}

async fn background(contract: &Contract, issuer: Option<&str>) -> Result<Background, Failure> {
    let keys: Vec<Value> = contract.issuer_key_list().read().await?;
    let key = key_of(keys, issuer)?;
    let accreditations: Vec<Value> = contract.accreditation_list().read().await?;
    let accreditation =
        accreditations.into_iter().rfind(|held| text_at(held, "/body") == text_at(&key, "/body"));
    let accreditation = accreditation.unwrap_or_default();
    let schemes: Vec<Value> = contract.scheme_list().read().await?;
    let scheme =
        schemes.into_iter().rfind(|scheme| text_at(scheme, "/id") == text_at(&accreditation, "/schemeId"));
    Ok(Background { key, scheme: scheme.unwrap_or_default(), accreditation })
}

/// The key that the issuer was approved for last; `Null` where there is none. Among issuers a person must choose: the
/// draft would name the wrong one.
fn key_of(mut keys: Vec<Value>, issuer: Option<&str>) -> Result<Value, Failure> {
    keys.retain(|key| !is_null(key, "/approved") && is_null(key, "/revoked"));
    let issuers: BTreeSet<String> = keys.iter().map(|key| text_at(key, "/issuerId")).collect();
    let known = || issuers.iter().cloned().collect::<Vec<_>>().join(", ");
    match issuer {
        None if issuers.len() > 1 => {
            return Err(Failure::usage(format!(
                "the ledger has several issuers: choose one with --issuer: {}",
                known()
            )));
        }
        Some(issuer) if !issuers.contains(issuer) => {
            return Err(Failure::usage(format!(
                "the ledger has no key in use of {issuer}; it has: {}",
                known()
            )));
        }
        Some(issuer) => keys.retain(|key| text_at(key, "/issuerId") == issuer),
        None => {}
    }
    Ok(keys.into_iter().max_by_key(|key| text_at(key, "/approved/effectiveAt")).unwrap_or_default())
}

fn particulars(args: &Args, network: &Network, background: &Background) -> Result<Particulars, Failure> {
    let profile = network.optional_profile()?;
    let (channel, genesis) = profile.map(|profile| (profile.channel, profile.genesis)).unwrap_or_default();
    let now = verifier::now();
    let status =
        StatusEntry { lists: text_at(&background.key, "/statusLists"), list: 1, index: random_index()? };
    Ok(Particulars {
        code: random_code()?,
        issuer: Issuer {
            id: text_at(&background.key, "/issuerId"),
            name: text_at(&background.key, "/issuerName"),
        },
        ledger: LedgerBinding { channel, genesis },
        status,
        decided: now,
        validity: Validity { from: now, until: now.plus_years(args.years).unwrap_or(now) },
    })
}

fn filled(mut draft: Value, background: &Background) -> Value {
    let subject = draft.pointer_mut("/credentialSubject").and_then(Value::as_object_mut);
    let Some(subject) = subject else { return draft };
    let Background { scheme, accreditation, .. } = background;
    if !scheme.is_null() {
        let id = json!({"id": text_at(scheme, "/id"), "version": text_at(scheme, "/version")});
        subject.insert("scheme".into(), id);
        subject.insert("standards".into(), scheme.pointer("/standards").cloned().unwrap_or_default());
    }
    if !accreditation.is_null() {
        subject.insert("accreditation".into(), json!({"number": text_at(accreditation, "/number")}));
    }
    draft
}

/// Drawn until it can be dictated and fits a QR symbol's alphanumeric mode.
pub fn random_code() -> Result<Code, Failure> {
    loop {
        let code = Code::from_random(files::random()?);
        if code.is_plain() {
            return Ok(code);
        }
    }
}

fn random_index() -> Result<u32, Failure> {
    // The number of entries divides 2^32: no index is likelier than another.
    Ok(u32::from_be_bytes(files::random()?) % STATUS_LIST_ENTRIES)
}

fn is_null(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer).is_none_or(Value::is_null)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use certificate::{DateTime, document::check_draft};

    use super::*;

    fn particulars() -> Particulars {
        let now = DateTime::parse("2026-11-21T12:00:00Z").unwrap();
        Particulars {
            code: random_code().unwrap(),
            issuer: Issuer { id: "did:web:body.example".into(), name: "Body".into() },
            ledger: LedgerBinding {
                channel: "nanotrace".into(),
                genesis: format!("sha256:{}", "0".repeat(64)),
            },
            status: StatusEntry {
                lists: "https://body.example/status".into(),
                list: 1,
                index: random_index().unwrap(),
            },
            decided: now,
            validity: Validity { from: now, until: now.plus_years(3).unwrap() },
        }
    }

    #[test]
    fn nobody_guesses_who_issues() {
        let key = |issuer: &str, name: &str, approved: Value, revoked: Value| json!({"issuerId": issuer, "issuerName": name, "approved": approved, "revoked": revoked});
        let at = |day: &str| json!({"effectiveAt": format!("2026-01-{day}T00:00:00Z")});
        let mut keys = vec![
            key("did:web:a", "new", at("03"), Value::Null),
            key("did:web:a", "old", at("01"), Value::Null),
            key("did:web:a", "proposed", Value::Null, Value::Null),
            key("did:web:b", "revoked", at("04"), at("05")),
        ];
        let name = |key: Result<Value, Failure>| text_at(&key.unwrap(), "/issuerName");
        assert_eq!(name(key_of(keys.clone(), None)), "new");
        keys.push(key("did:web:b", "other", at("02"), Value::Null));
        let refused = key_of(keys.clone(), None).unwrap_err().to_string();
        assert!(refused.contains("--issuer: did:web:a, did:web:b"), "{refused}");
        assert_eq!(name(key_of(keys.clone(), Some("did:web:b"))), "other");
        assert_eq!(name(key_of(keys.clone(), Some("did:web:a"))), "new");
        assert!(key_of(keys, Some("did:web:c")).is_err());
        assert_eq!(key_of(vec![], None).unwrap(), Value::Null);
    }

    #[test]
    fn what_the_ledger_knows_is_filled_in() {
        let background = Background {
            key: Value::Null,
            scheme: json!({"id": "https://s.example", "version": "2", "standards": ["https://standard.example"]}),
            accreditation: json!({"number": "A-1"}),
        };
        let draft = filled(draft::template(&particulars()), &background);
        assert_eq!(text_at(&draft, "/credentialSubject/scheme/version"), "2");
        assert_eq!(text_at(&draft, "/credentialSubject/standards/0"), "https://standard.example");
        assert_eq!(text_at(&draft, "/credentialSubject/accreditation/number"), "A-1");
        // The rest is for a person to fill in, and `check` says so.
        let violations = check_draft(&draft).unwrap_err();
        assert!(violations.iter().any(|violation| violation.pointer == "/credentialSubject/product/name"));
        assert!(
            !violations.iter().any(|violation| violation.pointer.starts_with("/credentialSubject/scheme"))
        );
    }

    #[test]
    fn the_demonstration_breaks_no_rule() {
        check_draft(&demo::document(&particulars())).unwrap();
    }
}
