//! What was filled in as the document's subject, and a document's subject as fields of the form.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::form;

/// What was filled in, by the names of the fields. None is blank.
pub type Fields = BTreeMap<String, String>;

/// What of the fields stands in the application alone, and not in the document.
pub const APPLICATION: &str = "application.";

/// Fields in a tree, by the parts of their names.
enum Tree {
    Text(String),
    Branch(BTreeMap<String, Tree>),
}

impl Default for Tree {
    fn default() -> Self {
        Self::Branch(BTreeMap::new())
    }
}

impl Tree {
    fn of(fields: &Fields) -> Self {
        let mut tree = Self::default();
        // A text after what it would replace: a list counts more than the word in its place.
        for (name, text) in fields.iter().filter(|(name, _)| !name.starts_with(APPLICATION)) {
            tree.insert(name, text);
        }
        tree
    }

    fn insert(&mut self, name: &str, text: &str) {
        let (first, rest) = match name.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (name, None),
        };
        if matches!(self, Self::Text(_)) {
            *self = Self::default();
        }
        let Self::Branch(members) = self else { return };
        match rest {
            Some(rest) => members.entry(first.to_owned()).or_default().insert(rest, text),
            None => drop(members.insert(first.to_owned(), Self::Text(text.to_owned()))),
        }
    }

    /// The rows of a list in their order; none where it is no list.
    fn rows(members: &BTreeMap<String, Tree>) -> Option<Vec<&Tree>> {
        let mut rows = Vec::new();
        for (name, row) in members {
            rows.push((name.parse::<usize>().ok()?, row));
        }
        rows.sort_by_key(|(number, _)| *number);
        (!rows.is_empty()).then(|| rows.into_iter().map(|(_, row)| row).collect())
    }

    fn flatten(&self, name: &str, fields: &mut Fields) {
        let below = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
        match self {
            Self::Text(text) => drop(fields.insert(name.to_owned(), text.clone())),
            Self::Branch(members) => match Self::rows(members) {
                Some(rows) => {
                    rows.iter()
                        .enumerate()
                        .for_each(|(at, row)| row.flatten(&below(&at.to_string()), fields));
                }
                None => members.iter().for_each(|(part, tree)| tree.flatten(&below(part), fields)),
            },
        }
    }

    fn json(&self, name: &str) -> Value {
        let below = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
        let members = match self {
            Self::Text(text) => return text.as_str().into(),
            Self::Branch(members) => members,
        };
        if let Some(rows) = Self::rows(members) {
            return rows.iter().enumerate().map(|(at, row)| row.json(&below(&at.to_string()))).collect();
        }
        let mut object: Map<String, Value> =
            members.iter().map(|(part, tree)| (part.clone(), tree.json(&below(part)))).collect();
        let is_stated = !name.starts_with("surfaceTreatment") || object.contains_key("value");
        if let Some(unit) = form::unit(name).filter(|_| is_stated) {
            object.insert("unit".to_owned(), unit.into());
        }
        Value::Object(object)
    }
}

/// The fields without blanks around and blank rows between: rows are numbered from 0, one after another.
pub fn tidied(fields: Fields) -> Fields {
    let trimmed = fields.into_iter().map(|(name, text)| (name, text.trim().to_owned()));
    let filled: Fields = trimmed.filter(|(_, text)| !text.is_empty()).collect();
    let mut tidy: Fields = filled
        .iter()
        .filter(|(name, _)| name.starts_with(APPLICATION))
        .map(|(n, t)| (n.clone(), t.clone()))
        .collect();
    Tree::of(&filled).flatten("", &mut tidy);
    tidy
}

/// The `credentialSubject` that the fields make; units stand beside what they belong to.
pub fn to_subject(fields: &Fields) -> Map<String, Value> {
    match Tree::of(fields).json("") {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// The fields of a `credentialSubject`, and what of it is left out, for people.
pub fn from_subject(subject: &Map<String, Value>) -> (Fields, Vec<String>) {
    let (mut fields, mut left) = (Fields::new(), LeftOut::default());
    for (name, value) in subject {
        // The body decides on these.
        if !["accreditation", "decisionDate", "demonstration"].contains(&name.as_str()) {
            take(name, value, &mut fields, &mut left);
        }
    }
    (tidied(fields), left.notes())
}

/// What is left out, of which the first are named and the others counted: a short text can have very many and very long names.
#[derive(Default)]
pub struct LeftOut {
    named: Vec<String>,
    others: usize,
}

impl LeftOut {
    const NAMED: usize = 20;
    /// Characters of each.
    const LENGTH: usize = 80;

    pub fn add(&mut self, what: &str) {
        match self.named.len() < Self::NAMED {
            true => self.named.push(what.chars().take(Self::LENGTH).collect()),
            false => self.others = self.others.saturating_add(1),
        }
    }

    pub fn notes(mut self) -> Vec<String> {
        if self.others > 0 {
            self.named.push(format!("and {} more", self.others));
        }
        self.named
    }
}

fn take(name: &str, value: &Value, fields: &mut Fields, left: &mut LeftOut) {
    match value {
        Value::String(text) if form::has(name) => drop(fields.insert(name.to_owned(), text.clone())),
        // Below any other name is nothing that the form has.
        Value::Object(members) if form::has_below(name) => {
            for (part, value) in members {
                let is_unit = part == "unit" && form::unit(name).is_some();
                match is_unit {
                    true if value.as_str() == form::unit(name) => {}
                    true => left.add(&format!(
                        "{name} is stated in {value}, and not in {}",
                        form::unit(name).unwrap_or_default()
                    )),
                    false => take(&format!("{name}.{part}"), value, fields, left),
                }
            }
        }
        Value::Array(rows) if form::has_below(name) => {
            rows.iter().enumerate().for_each(|(at, row)| take(&format!("{name}.{at}"), row, fields, left));
        }
        _ => left.add(name),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use certificate::demo;
    use serde_json::json;

    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn a_subject_survives_the_form() {
        let (fields, left) = from_subject(&demo::material());
        assert_eq!(left, Vec::<String>::new());
        assert_eq!(Value::from(to_subject(&fields)), Value::from(demo::material()));
    }

    #[test]
    fn blank_rows_close_up_and_a_list_counts_more_than_a_word() {
        let typed = fields(&[
            ("zeta.0.mV", "  "),
            ("zeta.2.mV", " -3 "),
            ("zeta.10.mV", "4"),
            ("surfaceTreatment", "none"),
            ("surfaceTreatment.1.agent", "silane"),
            ("size.d50", ""),
            ("application.body", "CertBodyMSP"),
        ]);
        let tidy = tidied(typed);
        let expected = fields(&[
            ("zeta.0.mV", "-3"),
            ("zeta.1.mV", "4"),
            ("surfaceTreatment.0.agent", "silane"),
            ("application.body", "CertBodyMSP"),
        ]);
        assert_eq!(tidy, expected);
        let subject = json!({"zeta": [{"mV": "-3"}, {"mV": "4"}], "surfaceTreatment": [{"agent": "silane"}]});
        assert_eq!(Value::from(to_subject(&tidy)), subject);
    }

    #[test]
    fn what_the_form_does_not_have_is_said_to_be_left_out() {
        let subject = json!({
            "size": {"d50": "40", "unit": "um"}, "colour": "white", "decisionDate": "x",
            "density": {"value": 5, "unit": "g/cm3"},
        });
        let (fields, left) = from_subject(subject.as_object().unwrap());
        assert_eq!(fields.len(), 1);
        assert_eq!(left.len(), 3, "{left:?}");
    }

    #[test]
    fn of_what_is_left_out_the_first_are_named_shortly() {
        let long = "x".repeat(32_000);
        let below_nothing = json!({ &long: vec![1; 16_000] });
        let (_, left) = from_subject(below_nothing.as_object().unwrap());
        assert_eq!(left, ["x".repeat(80)], "what the form does not have is not looked into");
        let rows = json!({"zeta": vec![1; 1_000], "size": {&long: 1}});
        let (_, left) = from_subject(rows.as_object().unwrap());
        assert_eq!(left.len(), 21);
        assert!(left.iter().all(|it| it.chars().count() <= 80), "{left:?}");
        assert_eq!(left.last().unwrap(), "and 981 more");
    }
}
