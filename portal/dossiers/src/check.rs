//! Which rules a draft breaks, by field. The rules are the contract's own (`certificate::document`, `certificate::record`):
//! none is written here.

use certificate::{
    Code, DateTime,
    document::{
        Issuer, LedgerBinding, StatusEntry, Validity, check_draft, identifiers::is_web_address, is_line,
    },
    draft::{Particulars, credential},
    record::MAXIMUM_CATEGORY,
};
use serde_json::{Value, json};

use crate::{
    form::{self, STEPS},
    subject::{Fields, to_subject},
};

/// A rule that is broken, and at which field of the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field's name; empty where it is of none.
    pub field: String,
    pub rule: String,
}

/// What the draft is judged against.
#[derive(Clone, Debug)]
pub struct Context {
    pub ledger: LedgerBinding,
    pub now: i64,
    /// The certification bodies of the ledger, by the names of their organisations; empty where they are not known.
    pub bodies: Vec<String>,
    /// Certificates of a demonstration say so, and may leave out more.
    pub is_demonstration: bool,
}

/// The draft as the body would decide on it, but for what the body itself says: issuer, accreditation, dates, status.
fn document(fields: &Fields, context: &Context) -> Value {
    let decided = DateTime::from_seconds(context.now);
    let until = decided.plus_years(1).unwrap_or(decided);
    let particulars = Particulars {
        code: Code::from_random([0; 16]),
        issuer: Issuer { id: "did:web:body.example".into(), name: "The certification body".into() },
        ledger: context.ledger.clone(),
        status: StatusEntry { lists: "https://body.example/status".into(), list: 1, index: 0 },
        decided,
        validity: Validity { from: decided, until },
    };
    let mut subject = to_subject(fields);
    subject.insert("accreditation".into(), json!({"number": "of the body"}));
    if context.is_demonstration {
        subject.insert("demonstration".into(), true.into());
    }
    credential(&particulars, subject)
}

/// Every rule that the draft breaks.
pub fn faults(fields: &Fields, context: &Context) -> Vec<Fault> {
    let broken = check_draft(&document(fields, context)).err().unwrap_or_default();
    let mut faults: Vec<Fault> = broken
        .into_iter()
        .filter_map(|violation| {
            let pointer = violation.pointer.strip_prefix("/credentialSubject/")?;
            Some(Fault { field: field_at(&pointer.replace('/', ".")), rule: violation.rule })
        })
        .collect();
    faults.extend(of_application(fields, &context.bodies));
    faults
}

/// The rules of `application:submit` beside those of the document.
fn of_application(fields: &Fields, bodies: &[String]) -> Vec<Fault> {
    let fault = |field: &str, rule: &str| Fault { field: field.to_owned(), rule: rule.to_owned() };
    let mut faults = Vec::new();
    match fields.get("application.body") {
        None => faults.push(fault("application.body", "is required")),
        Some(body) if !bodies.is_empty() && !bodies.contains(body) => {
            faults.push(fault("application.body", "must be one of the ledger's certification bodies"));
        }
        Some(_) => {}
    }
    if let Some(category) = fields.get("application.category")
        && !is_line(category, MAXIMUM_CATEGORY)
    {
        faults.push(fault(
            "application.category",
            &format!("must be a line of at most {MAXIMUM_CATEGORY} characters"),
        ));
    }
    if let Some(Err(error)) = fields.get("application.replaces").map(|code| code.parse::<Code>()) {
        faults.push(fault("application.replaces", &format!("must be a certificate's code: {error}")));
    }
    if let Some(link) = fields.get("application.sdsLink")
        && !is_web_address(link)
    {
        faults.push(fault("application.sdsLink", "must be a web address"));
    }
    faults
}

/// What the ledger keeps of an application as it was submitted: a dossier that says otherwise would be read as if it were judged
/// by it.
pub fn of_submitted(fields: &Fields, request: &Value) -> Vec<Fault> {
    let kept = [
        ("application.body", "body"),
        ("scheme.id", "schemeId"),
        ("scheme.version", "schemeVersion"),
        ("application.category", "category"),
        ("application.replaces", "replaces"),
    ];
    let fault = |(field, member): (&str, &str)| {
        let asked = request.get(member).and_then(Value::as_str);
        (fields.get(field).map(String::as_str) != asked).then(|| {
            let was =
                asked.map_or("was submitted without".to_owned(), |asked| format!("was submitted as {asked}"));
            Fault {
                field: field.to_owned(),
                rule: format!("{was}, and stays so: another takes another application"),
            }
        })
    };
    kept.into_iter().filter_map(fault).collect()
}

/// The field of the form at which a fault is shown: that of this name, else the first one below it.
fn field_at(name: &str) -> String {
    let pattern = form::pattern(name);
    let below = format!("{pattern}.");
    let mut known = STEPS.iter().flat_map(|step| step.fields()).map(|field| field.name);
    if form::has(name) {
        return name.to_owned();
    }
    match known.find(|known| known.starts_with(&below)) {
        Some(found) => format!("{name}{}", found.get(pattern.len()..).unwrap_or_default()).replace('*', "0"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use certificate::demo;

    use super::*;
    use crate::subject::from_subject;

    fn context() -> Context {
        let genesis = format!("sha256:{}", "0".repeat(64));
        let ledger = LedgerBinding { channel: "nanotrace".into(), genesis };
        Context { ledger, now: 1_790_000_000, bodies: vec!["CertBodyMSP".into()], is_demonstration: true }
    }

    fn filled_in() -> Fields {
        let mut fields = from_subject(&demo::material()).0;
        for (name, text) in [
            ("scheme.id", demo::SCHEME_ID),
            ("scheme.version", demo::SCHEME_VERSION),
            ("standards.0", "https://standards.example/1"),
            ("client.name", "Works"),
            ("client.country", "BE"),
            ("site", "Ghent"),
            ("listing", "listed"),
            ("application.body", "CertBodyMSP"),
        ] {
            fields.insert(name.to_owned(), text.to_owned());
        }
        fields
    }

    #[test]
    fn what_breaks_no_rule_has_no_fault() {
        assert_eq!(faults(&filled_in(), &context()), []);
    }

    #[test]
    fn a_body_is_not_judged_where_the_ledgers_are_not_known() {
        let mut fields = filled_in();
        fields.insert("application.body".to_owned(), "AnyMSP".to_owned());
        assert_eq!(faults(&fields, &Context { bodies: Vec::new(), ..context() }), []);
    }

    #[test]
    fn each_fault_stands_at_a_field() {
        for (name, wrong, field) in [
            ("size.mean", "40,5", "size.mean"),
            ("client.country", "Belgium", "client.country"),
            ("testReports.0.sha256", "x", "testReports.0.sha256"),
            ("zeta.1.pH", "15", "zeta.1.pH"),
            ("nanomaterialConclusion", "yes", "nanomaterialConclusion"),
            ("application.body", "CertbodyMSP", "application.body"),
            ("application.replaces", "x", "application.replaces"),
            ("application.sdsLink", "file:///etc/passwd", "application.sdsLink"),
        ] {
            let mut fields = filled_in();
            fields.insert(name.to_owned(), wrong.to_owned());
            let faults = faults(&fields, &context());
            assert!(faults.iter().any(|fault| fault.field == field), "{name}: {faults:?}");
        }
        let nothing = faults(&Fields::new(), &context());
        for required in
            ["product.name", "scheme.id", "standards.0", "client.name", "site", "testReports.0.lab"]
        {
            let named =
                |fault: &Fault| fault.field.starts_with(required.split('.').next().unwrap_or_default());
            assert!(nothing.iter().any(named), "{required}: {nothing:?}");
        }
        assert!(nothing.iter().all(|fault| form::has(&fault.field)), "{nothing:?}");
    }

    #[test]
    fn what_the_ledger_keeps_is_not_written_otherwise() {
        let mut fields = filled_in();
        let request = json!({
            "body": "CertBodyMSP", "schemeId": demo::SCHEME_ID, "schemeVersion": demo::SCHEME_VERSION, "category": "paint",
        });
        let faults = |fields: &Fields| -> Vec<String> {
            of_submitted(fields, &request).into_iter().map(|fault| fault.field).collect()
        };
        assert_eq!(faults(&fields), ["application.category"]);
        fields.insert("application.category".to_owned(), "paint".to_owned());
        assert!(faults(&fields).is_empty());
        fields.insert("application.replaces".to_owned(), "68S34CHJ689348HJ68S34CHJ688".to_owned());
        fields.insert("application.body".to_owned(), "AnyMSP".to_owned());
        assert_eq!(faults(&fields), ["application.body", "application.replaces"]);
    }

    #[test]
    fn the_forms_choices_are_the_contracts() {
        use crate::form::Kind;
        for field in STEPS.iter().flat_map(|step| step.fields()) {
            let Kind::Choice(options) = field.kind else { continue };
            for (option, _) in options {
                let mut fields = filled_in();
                fields.insert(field.name.to_owned(), (*option).to_owned());
                let wrong = faults(&fields, &context());
                let here =
                    |fault: &Fault| fault.field == field.name && !fault.rule.contains("volume-specific");
                assert!(!wrong.iter().any(here), "{}={option}: {wrong:?}", field.name);
            }
        }
    }
}
