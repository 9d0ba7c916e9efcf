//! Rules for the particles and their behaviour: size, surface area, zeta potential, dissolution, dustiness
//! (REACH, Annex VI, 2.4; OECD test guidelines 124, 125 and 318).

use super::quantity::{self, Quantity};
use super::report::{LINE, Node, Object, Report};
use crate::decimal::Decimal;

const MAXIMUM_MEASUREMENTS: usize = 64;

/// Techniques of OECD test guideline 125.
const SIZE_METHODS: [&str; 9] = ["AFM", "CLS", "DLS", "DMAS", "PTA", "SAXS", "SEM", "spICP-MS", "TEM"];

/// What the conclusion is drawn from.
pub struct Evidence {
    pub nano_fraction: Option<Quantity>,
    pub volume_specific_surface: Option<Quantity>,
}

pub fn rules(subject: &Object<'_>, demonstration: bool, report: &mut Report) -> Evidence {
    size(subject, demonstration, report);
    zeta_potential(subject, report);
    dissolution(subject, report);
    dispersion_stability(subject, report);
    dustiness(subject, report);
    let nano_fraction = subject.optional("nanoFraction").and_then(|node| quantity::fraction(&node, report));
    Evidence { nano_fraction, volume_specific_surface: surface(subject, report) }
}

/// REACH, Annex VI, 2.4.2; ISO 21363 asks for the number of particles behind an electron microscope's figure. A
/// demonstration leaves it out where its source does not publish it.
fn size(subject: &Object<'_>, demonstration: bool, report: &mut Report) {
    let known = ["d10", "d50", "d90", "mean", "sd", "U", "n", "method", "weighting", "unit"];
    let Some(size) = subject.required(report, "size").and_then(|node| node.object(report, &known)) else {
        return;
    };
    if let Some(unit) = size.required(report, "unit") {
        unit.exactly(report, "nm");
    }
    diameters(&size, report);
    for name in ["sd", "U"] {
        quantity::not_negative(&size, name, report);
    }
    if let Some(weighting) = size.optional("weighting") {
        weighting.one_of(report, &["number", "surface", "volume", "mass", "intensity"]);
    }
    let method = size.required(report, "method").and_then(|node| node.one_of(report, &SIZE_METHODS));
    match size.optional("n") {
        Some(count) => {
            let counts = |value: Decimal| value > Decimal::ZERO && value.is_integer();
            count.decimal_that(report, counts, "must be a whole number over 0");
        }
        None if method == Some("TEM") && !demonstration => {
            report.require(&size, "n", "is required for TEM: the number of particles measured");
        }
        None => (),
    }
}

/// Over zero, in ascending order, and at least the median or the mean.
fn diameters(size: &Object<'_>, report: &mut Report) {
    let mut largest = Decimal::ZERO;
    for name in ["d10", "d50", "d90"] {
        let Some(node) = size.optional(name) else { continue };
        let Some(diameter) = positive(&node, report) else { continue };
        if diameter < largest {
            report.refuse(&node, "must hold d10 ≤ d50 ≤ d90");
        }
        largest = largest.max(diameter);
    }
    match (size.optional("mean"), size.optional("d50")) {
        (Some(mean), _) => {
            positive(&mean, report);
        }
        (None, Some(_)) => (),
        (None, None) => report.require(size, "d50", "is required where no mean stands"),
    }
}

fn positive(node: &Node<'_>, report: &mut Report) -> Option<Decimal> {
    node.decimal_that(report, |value| value > Decimal::ZERO, "must be over 0")
}

/// REACH, Annex VI, 2.4.5; OECD test guideline 124: the volume-specific surface is the mass-specific surface
/// times the density, within 2 % where all three stand.
fn surface(subject: &Object<'_>, report: &mut Report) -> Option<Quantity> {
    let mut measured = |name, unit| quantity::positive(&subject.optional(name)?, unit, report);
    let by_mass = measured("ssaMass", "m2/g");
    let density = measured("density", "g/cm3");
    let by_volume = measured("vssa", "m2/cm3");
    if let (Some(by_mass), Some(density), Some(by_volume)) = (by_mass, density, by_volume) {
        let product = by_mass.value * density.value;
        let stated = by_volume.value * Decimal::from_integer(100);
        let least = product * Decimal::from_integer(98);
        let most = product * Decimal::from_integer(102);
        if let Some(node) = subject.optional("vssa").filter(|_| stated < least || stated > most) {
            report.refuse(&node, "must be ssaMass × density, within 2 %");
        }
    }
    by_volume
}

/// ISO/TR 13014: a zeta potential without pH and medium says nothing.
fn zeta_potential(subject: &Object<'_>, report: &mut Report) {
    for element in measurements(subject, "zeta", report) {
        let Some(zeta) = element.object(report, &["mV", "pH", "medium", "sd", "method"]) else { continue };
        if let Some(potential) = zeta.required(report, "mV") {
            potential.decimal(report);
        }
        acidity_and_medium(&zeta, report);
    }
    let Some(point) = subject.optional("iep") else { return };
    if let Some(point) = point.object(report, &["pH", "medium", "sd", "method"]) {
        acidity_and_medium(&point, report);
    }
}

fn acidity_and_medium(object: &Object<'_>, report: &mut Report) {
    if let Some(acidity) = object.required(report, "pH") {
        let in_range = |value: Decimal| !value.is_negative() && value <= Decimal::from_integer(14);
        acidity.decimal_that(report, in_range, "must be from 0 to 14");
    }
    quantity::not_negative(object, "sd", report);
    medium_and_method(object, report);
}

/// Safety data sheets, REACH, Annex II (Regulation (EU) 2020/878).
fn dissolution(subject: &Object<'_>, report: &mut Report) {
    for element in measurements(subject, "dissolution", report) {
        let known = ["value", "unit", "U", "medium", "method"];
        let Some(dissolution) = element.object(report, &known) else { continue };
        let in_range = |value: Decimal| !value.is_negative();
        quantity::members(&dissolution, Some("ng/cm2/h"), in_range, "must not be negative", report);
        medium(&dissolution, report);
    }
}

/// OECD test guideline 318.
fn dispersion_stability(subject: &Object<'_>, report: &mut Report) {
    let Some(node) = subject.optional("dispersionStability") else { return };
    let Some(stability) = node.object(report, &["class", "medium", "method"]) else { return };
    if let Some(class) = stability.required(report, "class") {
        class.one_of(report, &["low", "intermediate", "high"]);
    }
    medium_and_method(&stability, report);
}

/// Dust has no medium; what it takes instead is the method, since drums and vortexes differ by far.
fn dustiness(subject: &Object<'_>, report: &mut Report) {
    let Some(node) = subject.optional("dustiness") else { return };
    let Some(dustiness) = node.object(report, &["value", "unit", "U", "method"]) else { return };
    quantity::members(
        &dustiness,
        Some("mg/kg"),
        |value| !value.is_negative(),
        "must not be negative",
        report,
    );
    dustiness.required(report, "method");
}

fn medium_and_method(object: &Object<'_>, report: &mut Report) {
    medium(object, report);
    if let Some(method) = object.optional("method") {
        method.text(report, LINE);
    }
}

fn medium(object: &Object<'_>, report: &mut Report) {
    if let Some(medium) = object.required(report, "medium") {
        medium.text(report, LINE);
    }
}

fn measurements<'a>(subject: &Object<'a>, name: &str, report: &mut Report) -> Vec<Node<'a>> {
    let list = subject.optional(name).and_then(|node| node.list(report, 1, MAXIMUM_MEASUREMENTS));
    list.unwrap_or_default()
}
