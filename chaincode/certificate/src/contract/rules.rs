//! The rules of a document that only the ledger can judge, for an issue, a decision and a grant.

use bytes::Bytes;

use super::call::{Call, unbound};
use crate::code::Code;
use crate::date_time::DateTime;
use crate::document::{Document, SignedDocument};
use crate::keys;
use crate::record::{
    Accreditation, BodyEnd, Compromise, Hold, IssuerKey, Ledger, RecordError, Reservation, Scheme, Scope,
    Status, SurveillanceRule, Term,
};
use crate::refusal::{Refusal, Violation};
use crate::state::State;

/// A decision is put on the ledger within this time.
pub const DECISION_DAYS: i64 = 30;

/// What the ledger says about what a document names; absent where it has no such record.
pub struct Background {
    certificate: Option<Bytes>,
    reservation: Option<Reservation>,
    status: Option<Status>,
    ledger: Option<Ledger>,
    scheme: Option<Scheme>,
    accreditation: Option<Accreditation>,
    /// That the body has ended.
    end: Option<BodyEnd>,
    issuer_key: Option<IssuerKey>,
    /// What the two bodies declare of it.
    compromises: [Compromise; 2],
}

impl Background {
    /// `public_key` is the proof's, where there is a proof.
    pub async fn read<S: State>(
        call: &mut Call<'_, S>,
        body: &str,
        document: &Document,
        public_key: Option<&str>,
    ) -> Result<Background, Refusal> {
        let scheme = keys::scheme(&document.scheme.id, &document.scheme.version);
        let accreditation = keys::accreditation(body, &document.scheme.id);
        let ended = keys::ended(body);
        let [found_scheme, found_accreditation, end] =
            call.in_registry([&scheme, &accreditation, &ended]).await?;
        let found = [found_scheme, found_accreditation];
        let [scheme, accreditation] = call.or_own([&scheme, &accreditation], found).await?;
        let mut keys = vec![
            keys::certificate(document.code),
            keys::reservation(document.code),
            keys::status(body, document.status.list, document.status.index),
            keys::LEDGER.to_owned(),
        ];
        let accreditation_body = call.accreditation_body.clone();
        let parties = [body, &accreditation_body];
        keys.extend(public_key.map(|key| keys::issuer_key(body, key)));
        keys.extend(
            public_key.into_iter().flat_map(|key| parties.map(|party| keys::compromise(body, key, party))),
        );
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let mut values = call.values_of(&keys).await?.into_iter();
        let mut next = || values.next().flatten();
        Ok(Background {
            certificate: next(),
            reservation: record(next(), Reservation::decode)?,
            status: record(next(), Status::decode)?,
            ledger: record(next(), Ledger::decode)?,
            scheme: record(scheme, Scheme::decode)?,
            accreditation: record(accreditation, |record| {
                Accreditation::decode(record, &accreditation_body)
            })?,
            end: record(end, |record| BodyEnd::decode(record, &accreditation_body))?,
            issuer_key: record(next(), IssuerKey::decode)?,
            compromises: [compromise(next(), body)?, compromise(next(), &accreditation_body)?],
        })
    }

    pub fn bound(&self) -> Result<&Ledger, Refusal> {
        self.ledger.as_ref().ok_or_else(unbound)
    }

    pub fn check_is_not_issued(&self, code: Code) -> Result<(), Refusal> {
        match self.certificate {
            Some(_) => Err(Refusal::Conflict(format!("certificate {code} is issued"))),
            None => Ok(()),
        }
    }

    /// Neither issued nor reserved by a decision.
    pub fn check_code_is_free(&self, code: Code) -> Result<(), Refusal> {
        self.check_code_is_free_for(code, None)
    }

    /// Neither issued nor reserved by a decision on another application.
    pub fn check_code_is_free_for(&self, code: Code, application: Option<Code>) -> Result<(), Refusal> {
        self.check_is_not_issued(code)?;
        let of_another = |held: &Reservation| held.stands && Some(held.application) != application;
        match self.reservation.filter(of_another) {
            Some(Reservation { application, .. }) => Err(Refusal::Conflict(format!(
                "certificate {code} is reserved for application {application}"
            ))),
            None => Ok(()),
        }
    }

    /// The rules that hold with and without a proof, at the decision as well as later.
    /// `category` is the application's, if it names one.
    pub fn violations(
        &self,
        document: &Document,
        category: Option<&str>,
        channel: &str,
        now: DateTime,
    ) -> Vec<Violation> {
        let mut found = Vec::new();
        if document.validity.until <= now {
            let rule = format!("must be after the transaction's timestamp {now}");
            found.push(Violation::new("/validUntil", &document.validity.until.to_string(), &rule));
        }
        ledger(document, self.ledger.as_ref(), channel, &mut found);
        scheme(document, self.scheme.as_ref(), &mut found);
        accreditation(document, self.accreditation.as_ref(), &mut found);
        if let Some(ended) = self.end.as_ref().and_then(BodyEnd::ended) {
            let rule = format!("must be of a body that goes on, but it has ended on {}", ended.effective_at);
            let number = &document.accreditation_number;
            found.push(Violation::new("/credentialSubject/accreditation/number", number, &rule));
        }
        if let Some(held) = &self.accreditation {
            // It neither decided nor issues outside: at both times the scope may be another.
            let then = held.scope_at(document.decided);
            if *then == held.scope {
                within(document, category, then, "", &mut found);
            } else {
                within(document, category, then, &format!(" on {}", document.decided), &mut found);
                within(document, category, &held.scope, " now", &mut found);
            }
        }
        found.extend(self.status.and_then(|status| taken(document, status)));
        found
    }

    /// What the scheme asks for.
    pub fn surveillance(&self) -> Option<SurveillanceRule> {
        self.scheme.as_ref().and_then(|scheme| scheme.surveillance)
    }

    pub fn direct_issue_violation(&self) -> Option<Violation> {
        let scheme = self.scheme.as_ref().filter(|scheme| !scheme.direct_issue)?;
        let rule = "must allow to issue in one step, but takes an application that is decided on";
        Some(Violation::new("/credentialSubject/scheme/id", &scheme.id, rule))
    }

    pub fn issuer_violations(&self, signed: &SignedDocument) -> Vec<Violation> {
        let mut found = Vec::new();
        issuer(signed, self.issuer_key.as_ref(), &mut found);
        found.extend(self.compromises.iter().filter_map(|compromise| compromised(signed, compromise)));
        found
    }
}

/// Whatever time is declared: a key that somebody else may have signs nothing any more.
fn compromised(signed: &SignedDocument, compromise: &Compromise) -> Option<Violation> {
    let declared = compromise.declared.as_ref()?;
    let by = &declared.event.by;
    let rule = format!("must not be compromised, but {by} declares it so from {}", declared.compromised_from);
    Some(Violation::new("/proof/verificationMethod", &signed.proof.public_key, &rule))
}

fn compromise(value: Option<Bytes>, owner: &str) -> Result<Compromise, RecordError> {
    Ok(record(value, |value| Compromise::decode(value, owner))?.unwrap_or_default())
}

fn record<T>(
    value: Option<Bytes>,
    decode: impl FnOnce(&Bytes) -> Result<T, RecordError>,
) -> Result<Option<T>, RecordError> {
    value.as_ref().map(decode).transpose()
}

/// A position that is reserved for the very certificate is free for it: the code's reservation says for whom.
fn taken(document: &Document, status: Status) -> Option<Violation> {
    let is_free = match status.hold {
        Hold::Issued => false,
        Hold::Reserved => status.certificate == document.code,
        Hold::Released => true,
    };
    let rule = format!("must be free, but certificate {} holds it", status.certificate);
    let index = document.status.index.to_string();
    (!is_free).then(|| Violation::new("/credentialStatus/1/statusListIndex", &index, &rule))
}

/// The decision is neither ahead nor stale. The transaction's timestamp is its client's claim; a peer refuses one that is
/// far from its own clock.
pub fn fresh(document: &Document, now: DateTime) -> Vec<Violation> {
    let mut found = Vec::new();
    let (pointer, decided) = ("/credentialSubject/decisionDate", document.decided.to_string());
    if document.decided > now {
        let rule = format!("must not be after the transaction's timestamp {now}");
        found.push(Violation::new(pointer, &decided, &rule));
    }
    if document.decided.plus_days(DECISION_DAYS) < now {
        let rule = format!("must be at most {DECISION_DAYS} days before the transaction's timestamp {now}");
        found.push(Violation::new(pointer, &decided, &rule));
    }
    found
}

/// See `docs/adr/0006-ledger-binding.md`.
pub fn ledger(document: &Document, bound: Option<&Ledger>, channel: &str, found: &mut Vec<Violation>) {
    if document.ledger.channel != channel {
        let rule = format!("must be {channel}, the channel of this transaction");
        found.push(Violation::new("/credentialStatus/0/channel", &document.ledger.channel, &rule));
    }
    let rule = match bound {
        None => "must be the genesis that the contract is bound to, but it is bound to none yet".to_owned(),
        Some(bound) if bound.genesis != document.ledger.genesis => {
            format!("must be {}, the genesis of this ledger", bound.genesis)
        }
        Some(_) => return,
    };
    found.push(Violation::new("/credentialStatus/0/genesis", &document.ledger.genesis, &rule));
}

fn scheme(document: &Document, registered: Option<&Scheme>, found: &mut Vec<Violation>) {
    let Some(registered) = registered else {
        let value = format!("{} version {}", document.scheme.id, document.scheme.version);
        let rule = "must be registered by the accreditation body";
        return found.push(Violation::new("/credentialSubject/scheme", &value, rule));
    };
    for (index, standard) in document.scheme.standards.iter().enumerate() {
        if !registered.standards.contains(standard) {
            let pointer = format!("/credentialSubject/standards/{index}");
            found.push(Violation::new(&pointer, standard, "must be a standard of the scheme"));
        }
    }
}

/// UNTP DCC-02: the body was accredited for this scheme when it decided, and is not suspended now.
fn accreditation(document: &Document, held: Option<&Accreditation>, found: &mut Vec<Violation>) {
    let number = &document.accreditation_number;
    let mut refuse =
        |rule: &str| found.push(Violation::new("/credentialSubject/accreditation/number", number, rule));
    let Some(held) = held else {
        return refuse("must be an accreditation of this certification body for this scheme");
    };
    let Term { number: right, valid_from, valid_until } = held.term_at(document.decided);
    if !held.terms().any(|term| term.number == *number && term.covers(document.decided)) && right != number {
        refuse(&format!("must be {right}, this body's accreditation for this scheme"));
    }
    if !held.covers(document.decided) {
        refuse(&format!("must cover the decision date, but it holds from {valid_from} to {valid_until}"));
    }
    if let Some(suspension) = held.standing() {
        refuse(&format!("must not be suspended, but it is since {}", suspension.placed.effective_at));
    }
}

/// ISO/IEC 17011, 7.8: the standards and the category are within the scope that the accreditation has `when`.
fn within(
    document: &Document,
    category: Option<&str>,
    scope: &Scope,
    when: &str,
    found: &mut Vec<Violation>,
) {
    standards(document, scope, when, found);
    if !scope.has_category(category) {
        let names = scope.categories.join(", ");
        let rule = format!(
            "must be a category in the scope of the accreditation{when}: {names}; the application names it"
        );
        found.push(Violation::new("/category", category.unwrap_or_default(), &rule));
    }
}

/// The standards alone.
pub fn standards(document: &Document, scope: &Scope, when: &str, found: &mut Vec<Violation>) {
    for (index, standard) in document.scheme.standards.iter().enumerate() {
        if !scope.has_standard(standard) {
            let pointer = format!("/credentialSubject/standards/{index}");
            let names = scope.standards.join(", ");
            let rule = format!("must be a standard in the scope of the accreditation{when}: {names}");
            found.push(Violation::new(&pointer, standard, &rule));
        }
    }
}

fn issuer(signed: &SignedDocument, key: Option<&IssuerKey>, found: &mut Vec<Violation>) {
    let (document, text) = (&signed.document, &signed.proof.public_key);
    let mut refuse =
        |pointer: &str, value: &str, rule: &str| found.push(Violation::new(pointer, value, rule));
    let Some(key) = key else {
        let rule = "must be a key of this certification body on the ledger";
        return refuse("/proof/verificationMethod", text, rule);
    };
    if key.approved.is_none() {
        refuse("/proof/verificationMethod", text, "must be approved by the accreditation body");
    }
    if let Some(revoked) = &key.revoked {
        let rule = format!("must not be revoked, but it is since {}", revoked.effective_at);
        refuse("/proof/verificationMethod", text, &rule);
    }
    if key.issuer_id != document.issuer.id {
        refuse(
            "/issuer/id",
            &document.issuer.id,
            &format!("must be {}, whom the key belongs to", key.issuer_id),
        );
    }
    if key.issuer_name != document.issuer.name {
        refuse("/issuer/name", &document.issuer.name, &format!("must be {:?}", key.issuer_name));
    }
    if key.status_lists != document.status.lists {
        let rule = format!("must be {}/<number>, a list of the issuer", key.status_lists);
        refuse("/credentialStatus/1/statusListCredential", &document.status.lists, &rule);
    }
}
