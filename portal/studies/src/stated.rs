//! What a dossier says of studies: test reports whose method is the statement of a study, and whose hash is that of its data.

use std::collections::BTreeMap;

use stability::{COMMAND, Parameters, STATEMENT};

/// A test report that is a study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stated {
    /// Of the list of test reports.
    pub row: usize,
    /// Of the data.
    pub sha256: String,
    /// What it came to, and by which command.
    pub statement: String,
}

/// The studies among the test reports of a dossier, by the names of the form's fields.
pub fn stated(fields: &BTreeMap<String, String>) -> Vec<Stated> {
    let row = |(name, statement): (&String, &String)| {
        let row = name.strip_prefix("testReports.")?.strip_suffix(".method")?.parse().ok()?;
        statement.starts_with(STATEMENT).then(|| Stated {
            row,
            sha256: fields.get(&format!("testReports.{row}.sha256")).cloned().unwrap_or_default(),
            statement: statement.clone(),
        })
    };
    let mut found: Vec<Stated> = fields.iter().filter_map(row).collect();
    found.sort_by_key(|it| it.row);
    found
}

impl Stated {
    /// What it came to, and the command by which it is computed again; none where it has another form.
    pub fn parts(&self) -> Option<(&str, &str)> {
        let at = self.statement.find(&format!("; {COMMAND} "))?;
        let came_to = self.statement.get(STATEMENT.len()..at)?;
        let command = self.statement.get(at..)?.strip_prefix("; ")?;
        let options = command.strip_prefix(COMMAND)?.trim_start();
        options.parse::<Parameters>().is_ok().then_some((came_to, command))
    }
}
