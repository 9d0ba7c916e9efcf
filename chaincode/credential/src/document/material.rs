//! Rules for what the material is: substance, purity, surface treatment, shape (REACH, Annex VI, 2.1 to 2.4).

use super::identifiers::{is_cas, is_ec, is_erm, is_jrc, is_web_address};
use super::quantity;
use super::report::{LINE, Object, Report};
use crate::decimal::Decimal;

/// REACH registers a substance with a handful of each.
const MAXIMUM_ELEMENTS: usize = 64;

const PERCENT_BY_MASS: &str = "% w/w";

pub fn rules(subject: &Object<'_>, demonstration: bool, report: &mut Report) {
    substance(subject, report);
    registry_numbers(subject, report);
    purity(subject, report);
    surface_treatment(subject, report);
    shape(subject, demonstration, report);
    crystallinity(subject, report);
}

/// REACH, Annex VI, 2.1 and 2.2.
fn substance(subject: &Object<'_>, report: &mut Report) {
    let substance = subject.required(report, "substance");
    let Some(substance) = substance.and_then(|node| node.object(report, &["name", "cas", "ec", "formula"]))
    else {
        return;
    };
    for node in [substance.required(report, "name"), substance.optional("formula")].into_iter().flatten() {
        node.text(report, LINE);
    }
    substance_numbers(&substance, report);
}

fn substance_numbers(object: &Object<'_>, report: &mut Report) {
    if let Some(cas) = object.optional("cas") {
        cas.text_that(report, is_cas, "must be a CAS number with a right check digit");
    }
    if let Some(ec) = object.optional("ec") {
        ec.text_that(report, is_ec, "must be an EC number with a right check digit");
    }
}

/// NanoCommons' European Registry of Materials, the JRC's repository, the eNanoMapper ontology.
fn registry_numbers(subject: &Object<'_>, report: &mut Report) {
    if let Some(erm) = subject.optional("ermId") {
        erm.text_that(report, is_erm, "must be ERM and eight digits");
    }
    if let Some(jrc) = subject.optional("jrcId") {
        jrc.text_that(report, is_jrc, "must be JRCNM, five digits and perhaps a lower-case letter");
    }
    if let Some(iri) = subject.optional("ontologyIri") {
        iri.text_that(report, is_web_address, "must be the web address of an ontology's term");
    }
}

/// REACH, Annex VI, 2.3: purity and impurities in percent by mass.
fn purity(subject: &Object<'_>, report: &mut Report) {
    let purity =
        subject.optional("purity").and_then(|node| quantity::percentage(&node, PERCENT_BY_MASS, report));
    let Some(node) = subject.optional("impurities") else { return };
    let Some(elements) = node.list(report, 1, MAXIMUM_ELEMENTS) else { return };
    let mut shares = Vec::new();
    for element in &elements {
        let known = ["name", "cas", "ec", "value", "unit", "U", "method"];
        let Some(impurity) = element.object(report, &known) else { continue };
        if let Some(name) = impurity.required(report, "name") {
            name.text(report, LINE);
        }
        substance_numbers(&impurity, report);
        shares.extend(quantity::percentage_members(&impurity, PERCENT_BY_MASS, report));
    }
    let limit = Decimal::from_integer(100) + purity.map_or(Decimal::ZERO, |purity| purity.uncertainty);
    let total: Decimal = shares.iter().chain(&purity).map(|share| share.value).sum();
    if total > limit {
        report.refuse(&node, "with the purity must be at most 100 % and the purity's uncertainty");
    }
}

/// REACH, Annex VI, 2.4.3: silence is not an answer, "none" is.
fn surface_treatment(subject: &Object<'_>, report: &mut Report) {
    let Some(node) = subject.required(report, "surfaceTreatment") else { return };
    if node.value.as_text() == Some("none") {
        return;
    }
    if node.value.as_list().is_none() {
        return report.refuse(&node, "must be a list of agents, or \"none\"");
    }
    for element in node.list(report, 1, MAXIMUM_ELEMENTS).unwrap_or_default() {
        let known = ["agent", "cas", "ec", "value", "unit", "U", "method"];
        let Some(treatment) = element.object(report, &known) else { continue };
        if let Some(agent) = treatment.required(report, "agent") {
            agent.text(report, LINE);
        }
        substance_numbers(&treatment, report);
        if treatment.optional("value").is_some() || treatment.optional("unit").is_some() {
            quantity::percentage_members(&treatment, PERCENT_BY_MASS, report);
        }
    }
}

/// REACH, Annex VI, 2.4.4, in the categories of ECHA's guidance on nanoforms. A demonstration leaves out what its
/// source does not publish.
fn shape(subject: &Object<'_>, demonstration: bool, report: &mut Report) {
    let ratio = subject.optional("aspectRatio");
    if let Some(ratio) = &ratio {
        quantity::ratio(ratio, report);
    }
    if demonstration && subject.optional("shape").is_none() {
        return;
    }
    let Some(node) = subject.required(report, "shape") else { return };
    let shape = node.one_of(report, &["spheroidal", "elongated", "platelet", "multimodal"]);
    if matches!(shape, Some("elongated" | "platelet")) && ratio.is_none() {
        report.require(subject, "aspectRatio", "is required for elongated particles and platelets");
    }
}

/// REACH, Annex VI, 2.4.4: the crystal phases and their shares.
fn crystallinity(subject: &Object<'_>, report: &mut Report) {
    let Some(node) = subject.optional("crystallinity") else { return };
    let Some(elements) = node.list(report, 1, MAXIMUM_ELEMENTS) else { return };
    let mut shares = Vec::new();
    for element in &elements {
        let Some(phase) = element.object(report, &["phase", "value", "unit", "U", "method"]) else {
            continue;
        };
        if let Some(name) = phase.required(report, "phase") {
            name.text(report, LINE);
        }
        shares.extend(quantity::percentage_members(&phase, "%", report));
    }
    if shares.iter().map(|share| share.value).sum::<Decimal>() > Decimal::from_integer(100) {
        report.refuse(&node, "must come to at most 100 % in all");
    }
}
