//! What a client writes as its application: a document as the page's import takes it, with what stands in the application alone beside
//! it under `application`.

use dossiers::{Fields, LeftOut, check::Fault, form, from_subject, import, tidied, to_subject};
use serde_json::{Map, Value, json};

use crate::{
    call::{Call, invalid},
    problem::Problem,
};

const APPLICATION: &str = "application";
const SUBJECT: &str = "credentialSubject";

/// The fields of a document, and what of it is left out.
pub fn fields_of(call: &Call) -> Result<(Fields, Vec<String>), Problem> {
    let mut document = call.object()?;
    let own = document.remove(APPLICATION);
    if document.get(SUBJECT).is_some_and(|subject| !subject.is_object()) {
        return Err(must_be(format!("/{SUBJECT}"), "an object"));
    }
    let (mut fields, mut left) = from_subject(import::subject_of(&document));
    let mut others = LeftOut::default();
    match own {
        None => {}
        Some(Value::Object(members)) => {
            for (name, value) in members {
                let field = format!("{APPLICATION}.{name}");
                match (form::has(&field), value) {
                    (true, Value::String(text)) => drop(fields.insert(field, text)),
                    (true, _) => return Err(must_be(pointer(&field), "a text")),
                    (false, _) => others.add(&field),
                }
            }
        }
        Some(_) => return Err(must_be(format!("/{APPLICATION}"), "an object")),
    }
    left.extend(others.notes());
    Ok((tidied(fields), left))
}

fn must_be(pointer: String, what: &str) -> Problem {
    invalid(vec![(pointer, format!("must be {what}"))])
}

/// The document of these fields.
pub fn document(fields: &Fields) -> Value {
    let start = format!("{APPLICATION}.");
    let own = fields.iter().filter_map(|(name, text)| Some((name.strip_prefix(&start)?, text)));
    let own: Map<String, Value> = own.map(|(name, text)| (name.to_owned(), text.as_str().into())).collect();
    json!({ APPLICATION: own, SUBJECT: to_subject(fields) })
}

/// Rules that an application breaks, by JSON pointers into its document.
pub fn errors(faults: Vec<Fault>) -> Vec<(String, String)> {
    faults.into_iter().map(|fault| (pointer(&fault.field), fault.rule)).collect()
}

/// RFC 6901. Names of fields have neither `~` nor `/`.
fn pointer(field: &str) -> String {
    let start = match field {
        "" => return String::new(),
        field if field.starts_with("application.") => "",
        _ => "/credentialSubject",
    };
    format!("{start}/{}", field.replace('.', "/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_leads_into_the_document() {
        for (field, expected) in [
            ("", ""),
            ("application.body", "/application/body"),
            ("size.d50", "/credentialSubject/size/d50"),
            ("zeta.0.mV", "/credentialSubject/zeta/0/mV"),
        ] {
            assert_eq!(pointer(field), expected, "{field}");
        }
    }
}
