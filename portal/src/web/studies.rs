//! A company's stability studies: a file, how it is read, and what came of it. What is computed is computed beside the pages.

use std::sync::Arc;

use ::studies::{
    Added, MAXIMUM_STUDIES, MAXIMUM_WAITING, New, Scope, State as StudyState, Study,
    report::{Leaving, Line, Report},
    result,
};
use accounts::people::{self, Account};
use axum::{
    Extension,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect},
};
use certificate::document::is_line;
use dossiers::store::{self, Dossier, Saved};
use inspection::cell;
use serde::Deserialize;
use serde_json::json;
use site::{
    Answer, Site, entry,
    forms::{Nothing, Sent},
    reply,
    visitor::Visitor,
};
use stability::{
    CapRule, Parameters, Unit,
    table::{LOOKED_AT, Look, Reading},
};
use tokio::io::AsyncReadExt;
use uploads::{Kind, Stored};
use views::studies::{NewStudyPage, StudiesPage, StudyPage, Typed, progress};

use super::{
    applications::is_editable,
    forms::{Attached, StudyForm},
};

/// Applications to which a study can be attached: those that were changed last.
const OFFERED: usize = 50;
/// Characters of a test report's method, by the contract's rules.
const METHOD: usize = 200;

pub(crate) async fn list(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
) -> Answer {
    list_page(&site, &visitor, &account, None).await
}

async fn list_page(site: &Site, visitor: &Visitor, account: &Account, problem: Option<String>) -> Answer {
    let studies = Scope::of(account).all(&site.database).await?;
    let files = uploads::list(&site.database, &people::Scope::of(account)).await?;
    let files = files.into_iter().filter(may_have_data).map(|file| (file.id, file.name));
    let status = reply::status(problem.as_deref());
    let page = StudiesPage {
        frame: visitor.frame(),
        problem,
        studies: studies.into_iter().map(Into::into).collect(),
        files: files.collect(),
    };
    Ok(reply::page(status, &page))
}

/// A large CSV file is known as text alone.
fn may_have_data(file: &Stored) -> bool {
    matches!(file.kind, Kind::Csv | Kind::Text)
}

#[derive(Deserialize)]
pub(crate) struct OfFile {
    #[serde(default)]
    file: String,
}

/// What a file's columns are.
pub(crate) async fn show_new(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Query(OfFile { file }): Query<OfFile>,
) -> Answer {
    if file.is_empty() {
        return Ok(Redirect::to("/studies").into_response());
    }
    let Some(stored) = uploads::find(&site.database, &people::Scope::of(&account), &file).await? else {
        return Ok(reply::not_there().await);
    };
    match look(&site, &stored).await {
        Ok(look) => Ok(new_page(&visitor, &stored, look, None, None)),
        Err(problem) => list_page(&site, &visitor, &account, Some(problem)).await,
    }
}

/// Looks at the beginning of a file, or says why it has no data.
async fn look(site: &Site, stored: &Stored) -> Result<Look, String> {
    let unread = |problem: &dyn std::fmt::Display| format!("{} cannot be evaluated: {problem}.", stored.name);
    let mut beginning = Vec::new();
    let file = site.uploads.open(stored).await.map_err(|error| {
        tracing::error!(%error, file = stored.id, "a file cannot be read");
        unread(&"the portal cannot read it")
    })?;
    let read = file.take(LOOKED_AT as u64).read_to_end(&mut beginning).await;
    read.map_err(|_| unread(&"the portal cannot read it"))?;
    if !may_have_data(stored) && !beginning.starts_with(b"PK") {
        return Err(unread(&format!("it is {}: save the data as CSV", stored.kind.name())));
    }
    Look::at(&beginning).map_err(|error| unread(&error))
}

fn new_page(
    visitor: &Visitor,
    stored: &Stored,
    look: Look,
    problem: Option<String>,
    typed: Option<Typed>,
) -> axum::response::Response {
    let usual = look.usual().map(|column| column.map_or(0, |at| at.saturating_add(1)));
    let [batch, time, result] = usual;
    let first = || Typed { batch, time, result, unit: "months".to_owned(), ..Typed::default() };
    let status = reply::status(problem.as_deref());
    let page = NewStudyPage {
        frame: visitor.frame(),
        problem,
        file: stored.id.clone(),
        title: stored.name.clone(),
        columns: look.columns().to_vec(),
        typed: typed.unwrap_or_else(first),
        rows: look.rows,
    };
    reply::page(status, &page)
}

/// Takes a study, which waits to be computed.
pub(crate) async fn add(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Sent(form): Sent<StudyForm>,
) -> Answer {
    let found = uploads::find(&site.database, &people::Scope::of(&account), &form.file).await?;
    let Some(stored) = found else { return Ok(reply::not_there().await) };
    let look = match look(&site, &stored).await {
        Ok(look) => look,
        Err(problem) => return list_page(&site, &visitor, &account, Some(problem)).await,
    };
    let parameters = match parameters(&form, &look) {
        Ok(parameters) => parameters,
        Err(problem) => return Ok(new_page(&visitor, &stored, look, Some(problem), Some(typed(form)))),
    };
    let mut change = site.change_of(&visitor).await?;
    let new = New { file: &stored, parameters: &parameters };
    let problem = match Scope::of(&account).add(&mut change, &new, visitor.now).await? {
        Added::Done(id) => {
            let object = format!("{id} {}", stored.sha256);
            change.record(&entry(&visitor, &account.party, "study begun", &object, "done")).await?;
            change.commit().await?;
            site.studies.notify_one();
            return Ok(Redirect::to(&format!("/studies/{id}")).into_response());
        }
        Added::Full => {
            format!("Your company has {MAXIMUM_STUDIES} studies, and may not have more. Remove one first.")
        }
        Added::Busy => {
            format!("{MAXIMUM_WAITING} studies of your company wait already: let one of them end first.")
        }
    };
    drop(change);
    Ok(new_page(&visitor, &stored, look, Some(problem), Some(typed(form))))
}

fn typed(form: StudyForm) -> Typed {
    Typed {
        batch: form.batch,
        time: form.time,
        result: form.result,
        only: [(form.where1, form.text1), (form.where2, form.text2)],
        decimal_comma: form.decimal == "comma",
        lower: form.lower,
        upper: form.upper,
        unit: form.unit,
        cap: form.cap,
        claim_cap: form.claim == "yes",
    }
}

/// What was chosen, as `nanotrace q1e` takes it; or what is wrong with it.
fn parameters(form: &StudyForm, look: &Look) -> Result<Parameters, String> {
    let column = |number: usize, what: &str| {
        let name = number.checked_sub(1).and_then(|at| look.columns().get(at));
        name.cloned().map(Some).ok_or_else(|| format!("Choose the column of the {what}."))
    };
    let mut only = Vec::new();
    for (number, text) in [(form.where1, &form.text1), (form.where2, &form.text2)] {
        if number > 0
            && let Some(name) = column(number, "choice of rows")?
        {
            // The command takes COLUMN=TEXT, and blanks around are no part of either.
            if name.contains('=') {
                return Err(format!(
                    "Rows cannot be chosen by a column with an equals sign in its name: {name}."
                ));
            }
            only.push((name, text.trim().to_owned()));
        }
    }
    let reading = Reading {
        batch: column(form.batch, "batch")?,
        time: column(form.time, "time")?,
        result: column(form.result, "result")?,
        only,
        decimal_comma: form.decimal == "comma",
    };
    look.check(&reading).map_err(|error| format!("{error}."))?;
    let unit = Unit::named(form.unit.trim()).map_err(|error| format!("Unit: {error}."))?;
    let parameters = Parameters {
        reading: look.shortened(reading),
        lower: limit(&form.lower, "lower")?,
        upper: limit(&form.upper, "upper")?,
        unit,
        cap: CapRule::named(&form.cap),
        claim_cap: form.claim == "yes",
    };
    parameters.options().map_err(|error| sentence(&error))?;
    Ok(parameters)
}

fn sentence(error: &stability::ParametersError) -> String {
    use stability::ParametersError::{Limits, NoCap, NothingToClaim};
    match error {
        Limits(error) => format!("Limits: {error}."),
        NoCap(unit) => format!(
            "The cap is in months: for {unit} there is none, and nothing to claim. Leave the cap as it is."
        ),
        NothingToClaim => "There is no cap to claim: choose one, or do not claim it.".to_owned(),
        error => format!("{error}."),
    }
}

/// A limit as people type it.
fn limit(typed: &str, which: &str) -> Result<Option<f64>, String> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Ok(None);
    }
    // 1.234,5 and 1,234.5 are anybody's guess.
    let number = if typed.contains('.') { typed.to_owned() } else { typed.replacen(',', ".", 1) };
    let is_plain = number.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    let parsed = number.parse::<f64>().ok().filter(|limit| is_plain && limit.is_finite());
    parsed
        .map(Some)
        .ok_or_else(|| format!("The {which} limit is no number: write digits, such as 95 or 98.5."))
}

pub(crate) async fn one(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
) -> Answer {
    match Scope::of(&account).one(&site.database, &id).await? {
        Some(study) => page(&site, &visitor, &account, study, None).await,
        None => Ok(reply::not_there().await),
    }
}

async fn page(
    site: &Site,
    visitor: &Visitor,
    account: &Account,
    study: Study,
    problem: Option<(StatusCode, String)>,
) -> Answer {
    let report = report(site, &study).await?;
    let mut applications = Vec::new();
    if report.is_some() {
        for (dossier, _) in store::Scope::of(account).all(&site.database).await?.into_iter().take(OFFERED) {
            if is_editable(site, account, &dossier).await? {
                applications.push((dossier.id.clone(), titled(&dossier)));
            }
        }
    }
    let (status, problem) = problem.unzip();
    let page = StudyPage { problem, ..StudyPage::new(visitor.frame(), study, report, applications) };
    Ok(reply::with_script(reply::page(status.unwrap_or(StatusCode::OK), &page)))
}

fn titled(dossier: &Dossier) -> String {
    let title = if dossier.title().is_empty() { "No product yet" } else { dossier.title() };
    format!("{title} ({})", dossier.id)
}

async fn report(site: &Site, study: &Study) -> Result<Option<Report>, sqlx::Error> {
    let Some((json, _)) = result(&site.database, study).await? else { return Ok(None) };
    serde_json::from_str(&json).map(Some).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// One of the files of a study, and how far it is.
pub(crate) async fn file(
    State(site): State<Arc<Site>>,
    Extension(account): Extension<Account>,
    Path((id, file)): Path<(String, String)>,
) -> Answer {
    let Some(study) = Scope::of(&account).one(&site.database, &id).await? else {
        return Ok(reply::not_there().await);
    };
    match file.as_str() {
        "state.json" => {
            let progress = progress(study.tries, study.rows_read);
            let state = json!({"state": study.state.name(), "progress": progress}).to_string();
            Ok(([(header::CONTENT_TYPE, "application/json")], state).into_response())
        }
        "data.csv" => match uploads::find(&site.database, &people::Scope::of(&account), &study.file).await? {
            Some(stored) => reply::attachment(&site, &stored).await,
            None => Ok(reply::not_there().await),
        },
        "result.csv" => match report(&site, &study).await? {
            Some(report) => Ok(reply::download("study.csv", "text/csv; charset=utf-8", lines(&report)?)),
            None => Ok(reply::not_there().await),
        },
        file => staff::studies::file_of(&site, &study, file).await,
    }
}

/// The lines of all models as a table for spreadsheets (RFC 4180).
fn lines(report: &Report) -> Result<Vec<u8>, sqlx::Error> {
    let broken = |error: csv::Error| sqlx::Error::Encode(error.into());
    let mut table = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let names = [
        "model",
        "chosen",
        "batch",
        "intercept",
        "slope",
        "mean square",
        "degrees of freedom",
        "t",
        "leaves the lower limit at",
        "leaves the upper limit at",
    ];
    table.write_record(names).map_err(broken)?;
    for model in &report.models {
        let chosen = if model.model == report.model { "yes" } else { "no" };
        for line in &model.lines {
            let start = [cell(views::studies::name(&model.model)), chosen.to_owned()];
            table.write_record(start.into_iter().chain(cells(line))).map_err(broken)?;
        }
    }
    table.into_inner().map_err(|error| sqlx::Error::Encode(error.into_error().into()))
}

/// Numbers with all digits; what people wrote is no formula.
fn cells(line: &Line) -> [String; 8] {
    let bound = line.bound.as_ref();
    let leaves = |limit: &str| {
        let at = bound.and_then(|bound| bound.limits.iter().find(|at| at.limit == limit));
        at.map_or(String::new(), |at| match at.leaves {
            Leaving::At(time) => time.to_string(),
            Leaving::OutsideAtRelease(_) => "outside at release".to_owned(),
            Leaving::Never => "never".to_owned(),
        })
    };
    let of =
        |part: fn(&::studies::report::Bound) -> f64| bound.map_or(String::new(), |it| part(it).to_string());
    [
        cell(line.batch.as_deref().unwrap_or("all")),
        line.intercept.to_string(),
        line.slope.to_string(),
        of(|it| it.mean_square),
        of(|it| it.degrees_of_freedom),
        of(|it| it.t),
        leaves("lower"),
        leaves("upper"),
    ]
}

/// Removes a study and its file, unless an application that was handed in names it.
pub(crate) async fn remove(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(Nothing {}): Sent<Nothing>,
) -> Answer {
    let scope = Scope::of(&account);
    let Some(study) = scope.one(&site.database, &id).await? else { return Ok(reply::not_there().await) };
    let mut change = site.change_of(&visitor).await?;
    if dossiers::queue::is_handed_in(&mut change, &account.party, &study.sha256).await? {
        drop(change);
        let problem = "It was not removed: an application that was handed in names its data.".to_owned();
        return page(&site, &visitor, &account, study, Some((StatusCode::CONFLICT, problem))).await;
    }
    let file = scope.remove(&mut change, &study).await?;
    let object = format!("{id} {}", study.sha256);
    change.record(&entry(&visitor, &account.party, "study removed", &object, "removed")).await?;
    change.commit().await?;
    if let Some(file) = file {
        site.uploads.forget(&file);
    }
    Ok(Redirect::to("/studies").into_response())
}

/// Writes what came of a study into an application, as a test report.
pub(crate) async fn attach(
    State(site): State<Arc<Site>>,
    Extension(visitor): Extension<Visitor>,
    Extension(account): Extension<Account>,
    Path(id): Path<String>,
    Sent(Attached { application }): Sent<Attached>,
) -> Answer {
    let Some(study) = Scope::of(&account).one(&site.database, &id).await? else {
        return Ok(reply::not_there().await);
    };
    let scope = store::Scope::of(&account);
    let Some(dossier) = scope.one(&site.database, &application).await? else {
        return Ok(reply::not_there().await);
    };
    if let Some(problem) = refusal(&study) {
        return page(&site, &visitor, &account, study, Some((StatusCode::CONFLICT, problem))).await;
    }
    let to = format!("/applications/{application}/form/evidence");
    let is_there = ::studies::stated(&dossier.fields)
        .iter()
        .any(|it| (&it.sha256, &it.statement) == (&study.sha256, &study.statement));
    if is_there {
        return Ok(Redirect::to(&to).into_response());
    }
    let again = |problem: &str| Some((StatusCode::CONFLICT, problem.to_owned()));
    if !is_editable(&site, &account, &dossier).await? {
        let problem = again("It was not attached: that application cannot be changed now.");
        return page(&site, &visitor, &account, study, problem).await;
    }
    let Some(fields) = with_report(&dossier, &study) else {
        let problem = again("It was not attached: the application has as many test reports as it may have.");
        return page(&site, &visitor, &account, study, problem).await;
    };
    let mut change = site.change_of(&visitor).await?;
    let saved = scope.save(&mut change, &dossier, &fields, "evidence", visitor.now).await?;
    if saved != Saved::Done {
        drop(change);
        let problem =
            again("It was not attached: somebody else changed the application just now. Try it once more.");
        return page(&site, &visitor, &account, study, problem).await;
    }
    let object = format!("{id} {} {application}", study.sha256);
    change.record(&entry(&visitor, &account.party, "study attached", &object, "done")).await?;
    change.commit().await?;
    Ok(Redirect::to(&to).into_response())
}

/// Why a study is not attached to any application.
fn refusal(study: &Study) -> Option<String> {
    if study.state != StudyState::Done {
        return Some("It was not attached: nothing came of it yet.".to_owned());
    }
    (!is_line(&study.statement, METHOD)).then(|| {
        format!(
            "It was not attached: what came of it and its command are to stand in the certificate in one line of {METHOD} \
             characters that everybody can read. Give the columns shorter, plain names."
        )
    })
}

/// The fields of a dossier, with a study as one more test report. The first rows of a form are filled before others.
fn with_report(dossier: &Dossier, study: &Study) -> Option<dossiers::Fields> {
    let is_taken = |row: usize| {
        let row = format!("testReports.{row}.");
        dossier.fields.keys().any(|name| name.starts_with(&row))
    };
    let row = (0..dossiers::form::ROWS).find(|row| !is_taken(*row))?;
    let mut fields = dossier.fields.clone();
    fields.insert(format!("testReports.{row}.method"), study.statement.clone());
    fields.insert(format!("testReports.{row}.sha256"), study.sha256.clone());
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_as_people_type_them() {
        for (typed, expected) in [
            ("", Ok(None)),
            (" 95 ", Ok(Some(95.0))),
            ("98,5", Ok(Some(98.5))),
            ("-0.5", Ok(Some(-0.5))),
            ("1e3", Ok(Some(1_000.0))),
        ] {
            assert_eq!(limit(typed, "lower"), expected, "{typed}");
        }
        for wrong in ["NaN", "inf", "1,234.5", "1.234,5", "1 000", "95%", "=1", "1e999", "--1"] {
            assert!(limit(wrong, "lower").is_err(), "{wrong}");
        }
    }
}
