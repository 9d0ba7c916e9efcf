//! How machine words are said to people: dates, units, organisations.

use certificate::{DateTime, parties};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// `21 November 2026, 11:52:24 UTC`; a moment that has no such form as it is written in documents.
pub(crate) fn moment(at: DateTime) -> String {
    let text = at.to_string();
    match (date(&text), text.get(11..19)) {
        (Some(date), Some(time)) => format!("{date}, {time} UTC"),
        _ => text,
    }
}

/// `21 November 2026`, from the beginning of an ISO 8601 date.
pub(super) fn date(text: &str) -> Option<String> {
    let (year, month, day) = (text.get(..4)?, text.get(5..7)?, text.get(8..10)?);
    let month = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
    Some(format!("{} {month} {year}", day.trim_start_matches('0')))
}

/// The role, and the name by which the ledger knows the organisation.
pub(super) fn organisation(msp_id: &str) -> String {
    let role = match msp_id {
        parties::CERTIFICATION_BODY => "the certification body",
        parties::ACCREDITATION_BODY => "the accreditation body",
        _ => return msp_id.to_owned(),
    };
    format!("{role} ({msp_id})")
}

/// A number as print sets it: a minus sign that is no hyphen.
pub(super) fn number(text: &str) -> String {
    text.replace('-', "−")
}

/// A unit as print sets it.
pub(super) fn unit(text: &str) -> &str {
    match text {
        "m2/g" => "m²/g",
        "m2/cm3" => "m²/cm³",
        "g/cm3" => "g/cm³",
        "ng/cm2/h" => "ng/(cm²·h)",
        "% w/w" => "% by mass",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_said_in_full() {
        let at = DateTime::from_seconds(1_795_261_944);
        assert_eq!(moment(at), "21 November 2026, 11:52:24 UTC");
        assert_eq!(moment(DateTime::from_seconds(0)), "1 January 1970, 00:00:00 UTC");
        assert_eq!(moment(DateTime::from_seconds(i64::MAX)), i64::MAX.to_string());
        assert_eq!(date("2026-13-01"), None);
    }
}
