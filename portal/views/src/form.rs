//! The form of an application, as its pages show it.

use dossiers::{
    Fields,
    check::Fault,
    form::{self, FieldOf, Group, Kind, ROWS, STEPS, StepOf},
};

use crate::application::{ShownField, ShownGroup};

/// What of the ledger the form offers to choose from; empty where it does not answer.
#[derive(Default)]
pub struct Choices {
    pub bodies: Vec<String>,
    pub schemes: Vec<desk::Scheme>,
}

impl Choices {
    /// What can be chosen for a field; none where it is typed.
    fn options(&self, field: &str) -> Vec<(String, String)> {
        let same = |text: &String| (text.clone(), text.clone());
        let mut options = match field {
            "application.body" => self.bodies.iter().map(same).collect(),
            "scheme.id" => self
                .schemes
                .iter()
                .map(|scheme| (scheme.id.clone(), format!("{} ({})", scheme.title, scheme.id)))
                .collect(),
            "scheme.version" => self.schemes.iter().map(|scheme| same(&scheme.version)).collect::<Vec<_>>(),
            _ => Vec::new(),
        };
        options.dedup_by(|one, other| one.0 == other.0);
        options
    }
}

/// A group as it is shown; a list has a row more than it is filled.
pub fn groups(group: &Group, fields: &Fields, faults: &[Fault], offered: &Choices) -> Vec<ShownGroup> {
    let one = |title: String, row: Option<usize>| ShownGroup {
        title,
        hint: group.hint,
        fields: group.fields.iter().map(|field| shown_field(field, row, fields, faults, offered)).collect(),
    };
    let Some(list) = group.list() else { return vec![one(group.title.to_owned(), None)] };
    let prefix = format!("{list}.");
    let rows =
        fields.keys().filter_map(|name| name.strip_prefix(&prefix)?.split('.').next()?.parse::<usize>().ok());
    let next = rows.max().map_or(0, |last| last.saturating_add(1)).min(ROWS.saturating_sub(1));
    (0..=next).map(|row| one(format!("{}: {}", group.title, row.saturating_add(1)), Some(row))).collect()
}

fn shown_field(
    field: &FieldOf,
    row: Option<usize>,
    fields: &Fields,
    faults: &[Fault],
    offered: &Choices,
) -> ShownField {
    let name = row.map_or(field.name.to_owned(), |row| field.name.replace('*', &row.to_string()));
    let value = fields.get(&name).cloned().unwrap_or_default();
    let mut options = match field.kind {
        Kind::Choice(options) => {
            options.iter().map(|(value, label)| ((*value).to_owned(), (*label).to_owned())).collect()
        }
        _ => offered.options(&name),
    };
    // What was typed or taken over is never lost for not being offered.
    if !options.is_empty() && !value.is_empty() && !options.iter().any(|(option, _)| *option == value) {
        options.push((value.clone(), value.clone()));
    }
    let broken: Vec<&str> =
        faults.iter().filter(|fault| fault.field == name).map(|fault| fault.rule.as_str()).collect();
    ShownField {
        label: field.label,
        hint: field.hint,
        kind: if field.kind == Kind::Date { "date" } else { "text" },
        fault: (!broken.is_empty()).then(|| broken.join("; ")),
        options,
        name,
        value,
    }
}

pub fn label(name: &str) -> Option<&'static str> {
    let pattern = form::pattern(name);
    STEPS.iter().flat_map(StepOf::fields).find(|field| field.name == pattern).map(|field| field.label)
}

/// What is filled in, group by group; what stands in the application alone is left out.
pub fn facts(fields: &Fields) -> Vec<(String, Vec<(&'static str, String)>)> {
    let mut found = Vec::new();
    for group in STEPS.iter().flat_map(|step| step.groups) {
        for shown in groups(group, fields, &[], &Choices::default()) {
            let filled = shown
                .fields
                .into_iter()
                .filter(|field| !field.value.is_empty() && !field.name.starts_with("application."));
            let rows: Vec<_> = filled.map(|field| (field.label, readable(&field))).collect();
            if !rows.is_empty() {
                found.push((shown.title, rows));
            }
        }
    }
    found
}

fn readable(field: &ShownField) -> String {
    let chosen = field.options.iter().find(|(value, _)| *value == field.value);
    chosen.map_or(field.value.clone(), |(_, label)| label.clone())
}
