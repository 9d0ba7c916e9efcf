//! Measured values: a decimal number, its unit, and its expanded uncertainty where it was measured.

use super::report::{LINE, Node, Object, Report};
use crate::decimal::Decimal;

/// A number with its expanded uncertainty, zero where none is stated.
#[derive(Debug, Clone, Copy)]
pub struct Quantity {
    pub value: Decimal,
    pub uncertainty: Decimal,
}

impl Quantity {
    pub fn highest(self) -> Decimal {
        self.value + self.uncertainty
    }

    pub fn lowest(self) -> Decimal {
        self.value - self.uncertainty
    }
}

/// `{value, unit, U, method}` with a value from 0 to 100.
pub fn percentage(node: &Node<'_>, unit: &str, report: &mut Report) -> Option<Quantity> {
    percentage_members(&node.object(report, &["value", "unit", "U", "method"])?, unit, report)
}

/// The members of a percentage among others of `object`.
pub fn percentage_members(object: &Object<'_>, unit: &str, report: &mut Report) -> Option<Quantity> {
    let in_range = |value: Decimal| !value.is_negative() && value <= Decimal::from_integer(100);
    members(object, Some(unit), in_range, "must be from 0 to 100", report)
}

/// A value over zero in `unit`.
pub fn positive(node: &Node<'_>, unit: &str, report: &mut Report) -> Option<Quantity> {
    let object = node.object(report, &["value", "unit", "U", "method"])?;
    members(&object, Some(unit), |value| value > Decimal::ZERO, "must be over 0", report)
}

/// A ratio of lengths: without a unit, 1 or more.
pub fn ratio(node: &Node<'_>, report: &mut Report) -> Option<Quantity> {
    let object = node.object(report, &["value", "U", "method"])?;
    members(&object, None, |value| value >= Decimal::from_integer(1), "must be 1 or more", report)
}

/// A share from 0 to 1, without a unit.
pub fn fraction(node: &Node<'_>, report: &mut Report) -> Option<Quantity> {
    let object = node.object(report, &["value", "U", "method"])?;
    let in_range = |value: Decimal| !value.is_negative() && value <= Decimal::from_integer(1);
    members(&object, None, in_range, "must be from 0 to 1", report)
}

/// `value`, `unit`, `U` and `method` of an object.
pub fn members(
    object: &Object<'_>,
    unit: Option<&str>,
    in_range: impl Fn(Decimal) -> bool,
    rule: &str,
    report: &mut Report,
) -> Option<Quantity> {
    let value = object.required(report, "value").and_then(|node| node.decimal_that(report, in_range, rule));
    if let Some(unit) = unit
        && let Some(node) = object.required(report, "unit")
    {
        node.exactly(report, unit);
    }
    let uncertainty = match object.optional("U") {
        Some(_) => not_negative(object, "U", report),
        None => Some(Decimal::ZERO),
    };
    if let Some(method) = object.optional("method") {
        method.text(report, LINE);
    }
    Some(Quantity { value: value?, uncertainty: uncertainty? })
}

/// An optional number that is zero or more.
pub fn not_negative(object: &Object<'_>, name: &str, report: &mut Report) -> Option<Decimal> {
    object.optional(name)?.decimal_that(report, |value| !value.is_negative(), "must not be negative")
}
