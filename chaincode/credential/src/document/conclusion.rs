//! Whether the material is a nanomaterial by the Commission's recommendation 2022/C 229/01, drawn from what the
//! certificate states.

use super::particles::Evidence;
use super::quantity::Quantity;
use super::report::{Object, Report};
use crate::decimal::Decimal;

/// Below this volume-specific surface, in m²/cm³, a material is none (point 3 of the recommendation).
const LEAST_SURFACE: Decimal = Decimal::from_integer(6);

/// The conclusion must be what the stated figures come to. Nothing is concluded from a figure that was refused.
pub fn rules(subject: &Object<'_>, evidence: &Evidence, report: &mut Report) {
    let refused = |name, found: Option<Quantity>| found.is_none() && subject.optional(name).is_some();
    let broken =
        refused("vssa", evidence.volume_specific_surface) || refused("nanoFraction", evidence.nano_fraction);
    let Some(node) = subject.required(report, "nanomaterialConclusion") else { return };
    let Some(stated) = node.one_of(report, &["yes", "no", "undetermined"]) else { return };
    let drawn = conclusion(evidence);
    if stated != drawn && !broken {
        report.refuse(
            &node,
            &format!("must be {drawn}, by the volume-specific surface and the nano fraction stated"),
        );
    }
}

/// In this order: a small surface says no; a fraction wholly on one side of one half decides; all else is open.
fn conclusion(evidence: &Evidence) -> &'static str {
    let one = Decimal::from_integer(1);
    let twice = |share: Decimal| share + share;
    let is_no_nanomaterial = |surface: Quantity| surface.highest() < LEAST_SURFACE;
    match (evidence.volume_specific_surface, evidence.nano_fraction) {
        (Some(surface), _) if is_no_nanomaterial(surface) => "no",
        (_, Some(fraction)) if twice(fraction.lowest()) >= one => "yes",
        (_, Some(fraction)) if twice(fraction.highest()) < one => "no",
        _ => "undetermined",
    }
}
