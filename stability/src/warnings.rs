//! What a reader of a shelf life must know beside it.

use crate::{
    evaluation::{Basis, ShelfLife},
    fit::Fits,
    options::{CapRule, Options},
    study::Study,
};

/// ICH Q1E asks for three primary batches.
const BATCHES: usize = 3;

pub fn of(study: &Study, options: &Options, fits: &Fits<'_>, shelf_life: &ShelfLife) -> Vec<String> {
    let warnings = [
        few_batches(study),
        few_results(study),
        no_release(study),
        no_residuals(fits),
        outside(study, options),
        no_cap(study, options, shelf_life),
    ];
    warnings.into_iter().flatten().collect()
}

fn few_batches(study: &Study) -> Option<String> {
    let batches = study.batches().len();
    let are = if batches == 1 { "is 1 batch" } else { "are 2 batches" };
    (batches < BATCHES).then(|| format!("there {are}: ICH Q1E asks for three"))
}

/// Two results fit any line, and leave no residuals.
fn few_results(study: &Study) -> Option<String> {
    let few = study.batches().iter().filter(|batch| batch.points.len() < 3);
    let names: Vec<&str> = few.map(|batch| batch.name.as_str()).collect();
    let list = listed(&names);
    let (have, their) = if names.len() == 1 { ("batch has", "its") } else { ("batches have", "their") };
    (!names.is_empty()).then(|| format!("{have} two results only, and no mean square of {their} own: {list}"))
}

fn no_release(study: &Study) -> Option<String> {
    let late = study.batches().iter().filter(|batch| batch.first_time() > 0.0);
    let names: Vec<&str> = late.map(|batch| batch.name.as_str()).collect();
    let list = listed(&names);
    (!names.is_empty()).then(|| format!("no result at time 0, where the line is extrapolated to: {list}"))
}

fn no_residuals(fits: &Fits<'_>) -> Option<String> {
    (fits.full.sum_of_squares == 0.0).then(|| {
        "every batch lies on its line exactly: the bound is the line itself. Real measurements scatter; are these computed or rounded?"
            .to_owned()
    })
}

fn outside(study: &Study, options: &Options) -> Option<String> {
    let results =
        || study.batches().iter().flat_map(|batch| batch.points.iter().map(move |point| (batch, point)));
    let mut outside = results().filter(|(_, point)| !options.limits.hold(point.result));
    let (batch, point) = outside.next()?;
    let results = match outside.count() {
        0 => "a result is outside the limits itself".to_owned(),
        more => format!("{} results are outside the limits themselves, the first", more.saturating_add(1)),
    };
    let (time, unit) = (point.time, options.unit.name());
    Some(format!("{results}: {} of batch {} at {time} {unit}", point.result, batch.name))
}

fn no_cap(study: &Study, options: &Options, shelf_life: &ShelfLife) -> Option<String> {
    match shelf_life {
        ShelfLife::Estimated { basis: Basis::ClaimedCap, .. } => {
            Some("the shelf life is the cap, as claimed: the data alone give none".to_owned())
        }
        ShelfLife::Estimated { exact, basis: Basis::Crossing, .. }
            if (options.cap == CapRule::None || !options.unit.is_months()) && *exact > study.last_time() =>
        {
            Some("the shelf life is later than all results, and no cap limits the extrapolation".to_owned())
        }
        _ => None,
    }
}

/// The first few names.
fn listed(names: &[&str]) -> String {
    let first: Vec<&str> = names.iter().take(5).copied().collect();
    let more = names.len().saturating_sub(first.len());
    let first = first.join(", ");
    if more == 0 { first } else { format!("{first} and {more} more") }
}
