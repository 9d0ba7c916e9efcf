//! Rules for the evidence behind a certificate: test reports, safety data sheet, notifications.

use super::identifiers::{is_sha256, is_uri};
use super::report::{LINE, Node, Object, Report};
use crate::date_time::DateTime;
use crate::decimal::Decimal;

const MAXIMUM_REPORTS: usize = 64;

/// What the reports are measured against.
pub struct Context {
    /// The name, [`folded`].
    pub client: Option<String>,
    pub decided: Option<DateTime>,
    pub demonstration: bool,
}

/// The SHA-256 of each test report.
pub fn rules(subject: &Object<'_>, context: &Context, report: &mut Report) -> Vec<String> {
    let reports =
        subject.required(report, "testReports").and_then(|node| node.list(report, 1, MAXIMUM_REPORTS));
    let reports = reports.unwrap_or_default();
    let hashes = reports.iter().filter_map(|element| test_report(element, context, report)).collect();
    safety_data_sheet(subject, report);
    notifications(subject, report);
    hashes
}

/// ISO/IEC 17025, 7.8; UNTP DCC-07. A published figure that a demonstration carries has no accredited laboratory
/// behind it.
fn test_report(node: &Node<'_>, context: &Context, report: &mut Report) -> Option<String> {
    let known = ["lab", "labAccreditation", "method", "date", "sha256", "uri", "uncertainty"];
    let paper = node.object(report, &known)?;
    laboratory(&paper, context, report);
    if let Some(method) = paper.required(report, "method") {
        method.text(report, LINE);
    }
    if let Some(node) = paper.required(report, "date")
        && let (Some(date), Some(decided)) = (node.date(report), context.decided)
        && date > decided
    {
        report.refuse(&node, "must not be after the decision");
    }
    let rule = "must be the SHA-256 of the report, 64 lower-case hex digits";
    let hash = paper.required(report, "sha256").and_then(|hash| hash.text_that(report, is_sha256, rule));
    if let Some(uri) = paper.optional("uri") {
        uri.text_that(report, is_uri, "must be an absolute URI");
    }
    uncertainty(&paper, report);
    hash.map(str::to_owned)
}

/// A client cannot vouch for itself.
fn laboratory(paper: &Object<'_>, context: &Context, report: &mut Report) {
    if let Some(node) = paper.required(report, "lab")
        && let (Some(lab), Some(client)) = (node.text(report, LINE), &context.client)
        && folded(lab) == *client
    {
        report.refuse(&node, "must not be the client");
    }
    match paper.optional("labAccreditation") {
        Some(number) => {
            number.text(report, LINE);
        }
        None if context.demonstration => (),
        None => {
            let rule = "is required: the laboratory's accreditation number (ISO/IEC 17025)";
            report.require(paper, "labAccreditation", rule);
        }
    }
}

/// A name without regard to case and blanks.
pub fn folded(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The expanded uncertainty that the report states, its unit and its coverage factor: none without the others.
fn uncertainty(paper: &Object<'_>, report: &mut Report) {
    let Some(node) = paper.optional("uncertainty") else { return };
    let Some(uncertainty) = node.object(report, &["U", "unit", "k"]) else { return };
    if let Some(expanded) = uncertainty.required(report, "U") {
        expanded.decimal_that(report, |value| !value.is_negative(), "must not be negative");
    }
    if let Some(unit) = uncertainty.required(report, "unit") {
        unit.text(report, LINE);
    }
    if let Some(factor) = uncertainty.required(report, "k") {
        factor.decimal_that(report, |value| value > Decimal::ZERO, "must be over 0");
    }
}

/// REACH, Annex II, 0.1.3: the sheet of a nanomaterial says which nanoform it is about.
fn safety_data_sheet(subject: &Object<'_>, report: &mut Report) {
    let Some(node) = subject.optional("sds") else { return };
    let Some(sheet) = node.object(report, &["revision", "sha256", "nanoform"]) else { return };
    if let Some(revision) = sheet.required(report, "revision") {
        revision.text(report, LINE);
    }
    if let Some(hash) = sheet.required(report, "sha256") {
        hash.text_that(report, is_sha256, "must be the SHA-256 of the sheet, 64 lower-case hex digits");
    }
    let concluded = subject.optional("nanomaterialConclusion");
    match sheet.optional("nanoform") {
        Some(nanoform) => {
            nanoform.text(report, LINE);
        }
        None if concluded.is_some_and(|node| node.value.as_text() == Some("yes")) => {
            let rule = "is required where the nanomaterialConclusion is yes";
            report.require(&sheet, "nanoform", rule);
        }
        None => (),
    }
}

/// Numbers under which national and European registers know the product.
fn notifications(subject: &Object<'_>, report: &mut Report) {
    let names = ["rNano", "cpnp", "reach"];
    let Some(node) = subject.optional("notifications") else { return };
    let Some(notifications) = node.object(report, &names) else { return };
    for number in names.iter().filter_map(|name| notifications.optional(name)) {
        number.text(report, LINE);
    }
}
