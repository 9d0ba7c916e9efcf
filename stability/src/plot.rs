//! A study as SVG: results, lines, the bound that decides, limits.
//!
//! There is no script, no style sheet and no `style` attribute, so that a strict content security policy shows it inline
//! (`the_drawing_carries_no_style_and_no_script`). Batches differ by the shape of their marks and the dashes of their lines, not by
//! colour alone.

use std::fmt::{self, Write};

use crate::{
    bound::{BoundedLine, Side},
    evaluation::{Evaluation, ModelLine, Outcome},
    study::{Batch, Study},
};

/// Of the whole drawing, in user units.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 480.0;
/// The field in which results and lines are.
const LEFT: f64 = 72.0;
const RIGHT: f64 = 560.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 420.0;
/// Points in which a curve is drawn.
const STEPS: u32 = 80;
/// Results that are drawn; of more, some are left out.
const MARKS: usize = 2_000;
/// Batches whose lines and marks have a row in the legend.
const LEGEND: usize = 14;
/// Batches whose lines are drawn.
const LINES: usize = 60;
/// A crossing so many times later than the last result is not in the picture.
const FAR: f64 = 2.5;

/// Of Okabe and Ito, dark enough on white, and told apart with any colour vision.
const COLOURS: [&str; 5] = ["#0072b2", "#a84300", "#00684c", "#7d2f66", "#4d4d4d"];
const DASHES: [&str; 4] = ["none", "9 4", "3 3", "12 3 3 3"];
const LIMIT: &str = "#b00020";

/// The drawing; `result` names what is on the vertical axis.
pub fn svg(study: &Study, evaluation: &Evaluation, result: &str) -> String {
    let scale = Scale::of(study, evaluation);
    let mut svg = Svg(String::new());
    svg.begin(evaluation, result);
    svg.axes(&scale, evaluation.unit.name(), result);
    svg.field(study, evaluation, &scale);
    svg.limits(evaluation, &scale);
    svg.ends(evaluation, &scale);
    svg.legend(study, evaluation);
    svg.0.push_str("</svg>\n");
    svg.0
}

/// From times and results to places in the drawing.
struct Scale {
    time: (f64, f64),
    result: (f64, f64),
}

impl Scale {
    fn of(study: &Study, evaluation: &Evaluation) -> Self {
        let last = study.last_time();
        let ends = [crossing(evaluation), evaluation.cap.as_ref().map(|cap| cap.time)];
        let near = ends.into_iter().flatten().filter(|time| *time <= FAR * last);
        let latest = near.fold(last, f64::max);
        // Marks at time 0 are whole.
        let time = (-0.02 * latest, 1.04 * latest);
        let results = study.batches().iter().flat_map(|batch| batch.points.iter().map(|point| point.result));
        let limits = evaluation.limits.sides().map(|(_, limit)| limit);
        let ends = decisive(evaluation).into_iter().flat_map(|(bounded, _)| {
            let sides = evaluation.limits.sides();
            sides.map(move |(side, _)| bounded.bound(side, 0.0))
        });
        let all = results.chain(limits).chain(ends);
        let (low, high) =
            all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), it| (it.min(low), it.max(high)));
        let margin = match high - low {
            0.0 => high.abs().max(1e-50) * 0.05,
            range => range * 0.06,
        };
        Self { time, result: (low - margin, high + margin) }
    }

    fn x(&self, time: f64) -> f64 {
        let (from, to) = self.time;
        LEFT + (time - from) / (to - from) * (RIGHT - LEFT)
    }

    /// Kept near the field: readers of SVG need not know numbers of any size.
    fn y(&self, result: f64) -> f64 {
        let (from, to) = self.result;
        (BOTTOM - (result - from) / (to - from) * (BOTTOM - TOP)).clamp(-HEIGHT, 2.0 * HEIGHT)
    }
}

fn crossing(evaluation: &Evaluation) -> Option<f64> {
    match evaluation.chosen()?.outcome {
        Outcome::Crossing { time, .. } => Some(time),
        _ => None,
    }
}

/// The line whose bound decides, with its width.
fn decisive(evaluation: &Evaluation) -> Option<(BoundedLine, &ModelLine)> {
    let line = evaluation.chosen()?.decisive_line()?;
    Some((line.bounded()?, line))
}

/// What is drawn so far. Writing into a text does not fail.
struct Svg(String);

impl Svg {
    fn begin(&mut self, evaluation: &Evaluation, result: &str) {
        let unit = evaluation.unit.name();
        let shelf_life = evaluation.shelf_life.short(unit);
        let title = format!("{}: shelf life {shelf_life}", shortened(result, 30));
        self.put(format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
             role=\"img\" class=\"stability-plot\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#222\"><title>{}</title>\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n",
            Escaped(&title)
        ));
        self.text(LEFT, 22.0, "start", 15.0, &title);
        self.text(LEFT, 40.0, "start", 12.0, &format!("by ICH Q1E; model: {}", evaluation.model));
    }

    fn axes(&mut self, scale: &Scale, unit: &str, result: &str) {
        for tick in ticks((0.0, scale.time.1), unit == "months") {
            let x = scale.x(tick);
            self.line((x, TOP), (x, BOTTOM), "stroke=\"#e4e4e4\"");
            self.text(x, BOTTOM + 18.0, "middle", 12.0, &number(tick));
        }
        for tick in ticks(scale.result, false) {
            let y = scale.y(tick);
            self.line((LEFT, y), (RIGHT, y), "stroke=\"#e4e4e4\"");
            self.text(LEFT - 8.0, y + 4.0, "end", 12.0, &number(tick));
        }
        self.put(format_args!(
            "<rect x=\"{LEFT}\" y=\"{TOP}\" width=\"{}\" height=\"{}\" fill=\"none\" stroke=\"#777\"/>\n",
            RIGHT - LEFT,
            BOTTOM - TOP
        ));
        self.text(f64::midpoint(LEFT, RIGHT), BOTTOM + 42.0, "middle", 13.0, &format!("time ({unit})"));
        let middle = f64::midpoint(TOP, BOTTOM);
        self.put(format_args!(
            "<text transform=\"translate(18 {middle}) rotate(-90)\" text-anchor=\"middle\" font-size=\"13\">{}</text>\n",
            Escaped(&shortened(result, 40))
        ));
    }

    /// What is cut off at the edges of the field: an SVG within the other does that without an id.
    fn field(&mut self, study: &Study, evaluation: &Evaluation, scale: &Scale) {
        let (width, height) = (RIGHT - LEFT, BOTTOM - TOP);
        self.put(format_args!(
            "<svg x=\"{LEFT}\" y=\"{TOP}\" width=\"{width}\" height=\"{height}\" viewBox=\"{LEFT} {TOP} {width} {height}\" overflow=\"hidden\">\n"
        ));
        let lines = evaluation.chosen().map(|chosen| &chosen.lines[..]).unwrap_or_default();
        for (at, line) in lines.iter().enumerate().take(LINES) {
            let line_at = |time| line.line.at(time);
            self.curve(scale, &line_at, &format!("class=\"fit\" {}", stroke(at, 1.2)));
        }
        if let Some((bounded, _)) = decisive(evaluation) {
            for (side, _) in evaluation.limits.sides() {
                let bound = |time| bounded.bound(side, time);
                self.curve(scale, &bound, "class=\"bound\" stroke=\"#000\" stroke-width=\"2.4\"");
            }
        }
        let step = every(study);
        let points = study.batches().iter().enumerate();
        let points = points.flat_map(|(at, batch)| batch.points.iter().map(move |point| (at, point)));
        for (at, point) in points.step_by(step) {
            self.mark(at, scale.x(point.time), scale.y(point.result));
        }
        self.0.push_str("</svg>\n");
    }

    fn limits(&mut self, evaluation: &Evaluation, scale: &Scale) {
        for (side, limit) in evaluation.limits.sides() {
            let y = scale.y(limit);
            self.line(
                (LEFT, y),
                (RIGHT, y),
                &format!("class=\"limit\" stroke=\"{LIMIT}\" stroke-width=\"2\" stroke-dasharray=\"2 3\""),
            );
            let above = if side == Side::Lower { 15.0 } else { -6.0 };
            self.label(LEFT + 6.0, y + above, "start", &format!("{side} limit {}", number(limit)));
        }
    }

    /// Where the bound crosses the limit, and the cap.
    fn ends(&mut self, evaluation: &Evaluation, scale: &Scale) {
        let unit = evaluation.unit.name();
        if let Some(Outcome::Crossing { time, limit, .. }) = evaluation.chosen().map(|it| &it.outcome) {
            self.end(scale, *time, TOP - 5.0, "6 3", &format!("crossing {time:.3} {unit}"));
            let sides = evaluation.limits.sides().filter(|(side, _)| side == limit && *time <= scale.time.1);
            for (_, limit) in sides {
                let (x, y) = (scale.x(*time), scale.y(limit));
                self.put(format_args!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"#000\"/>\n"));
            }
        }
        if let Some(cap) = &evaluation.cap {
            self.end(scale, cap.time, BOTTOM - 6.0, "2 2", &format!("cap {} {unit}", cap.time));
        }
    }

    fn end(&mut self, scale: &Scale, time: f64, y: f64, dashes: &str, text: &str) {
        if time > scale.time.1 {
            return;
        }
        let x = scale.x(time);
        let attributes = format!("class=\"end\" stroke=\"#000\" stroke-dasharray=\"{dashes}\"");
        self.line((x, TOP), (x, BOTTOM), &attributes);
        // Beside the line, to the side that has room.
        let (x, anchor) = if x > f64::midpoint(LEFT, RIGHT) { (x - 5.0, "end") } else { (x + 5.0, "start") };
        self.label(x, y, anchor, text);
    }

    fn legend(&mut self, study: &Study, evaluation: &Evaluation) {
        let x = RIGHT + 20.0;
        let mut y = TOP + 10.0;
        let has_lines = evaluation.chosen().is_some_and(|chosen| chosen.lines.len() > 1);
        for (at, Batch { name, .. }) in study.batches().iter().enumerate().take(LEGEND) {
            if has_lines {
                self.line((x, y), (x + 34.0, y), &stroke(at, 1.2));
            }
            self.mark(at, x + 17.0, y);
            self.text(x + 42.0, y + 4.0, "start", 12.0, &shortened(name, 18));
            y += 20.0;
        }
        let more = study.batches().len().saturating_sub(LEGEND);
        if more > 0 {
            self.text(x, y + 4.0, "start", 12.0, &format!("and {more} more batches"));
            y += 20.0;
        }
        y += 10.0;
        if !has_lines {
            self.line((x, y), (x + 34.0, y), &stroke(0, 1.2));
            self.text(x + 42.0, y + 4.0, "start", 12.0, "line of all batches");
            y += 20.0;
        }
        if let Some((_, line)) = decisive(evaluation) {
            self.line((x, y), (x + 34.0, y), "stroke=\"#000\" stroke-width=\"2.4\"");
            self.text(x + 42.0, y + 4.0, "start", 12.0, "95 % bound");
            if let Some(batch) = &line.batch {
                y += 16.0;
                self.text(x + 42.0, y + 4.0, "start", 12.0, &format!("of {}", shortened(batch, 16)));
            }
            y += 20.0;
        }
        if every(study) > 1 {
            self.text(x, y + 4.0, "start", 12.0, &format!("one of {} results is drawn", every(study)));
        }
    }

    fn curve(&mut self, scale: &Scale, result: &dyn Fn(f64) -> f64, attributes: &str) {
        self.0.push_str("<path fill=\"none\" d=\"");
        for step in 0..=STEPS {
            let time = scale.time.1 * f64::from(step) / f64::from(STEPS);
            let command = if step == 0 { 'M' } else { 'L' };
            self.put(format_args!("{command}{:.1} {:.1}", scale.x(time), scale.y(result(time))));
        }
        self.put(format_args!("\" {attributes}/>\n"));
    }

    fn mark(&mut self, batch: usize, x: f64, y: f64) {
        let shape = match batch % 6 {
            0 => "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0z",
            1 => "m-3.5-3.5h7v7h-7z",
            2 => "m0-4.5l4.5 8h-9z",
            3 => "m0-5l5 5l-5 5l-5-5z",
            4 => "m-4-4l8 8m0-8l-8 8",
            _ => "m-5 0h10m-5-5v10",
        };
        self.put(format_args!(
            "<path class=\"mark\" d=\"M{x:.1} {y:.1}{shape}\" fill=\"#fff\" fill-opacity=\"0.6\" stroke=\"{}\" stroke-width=\"1.5\"/>\n",
            colour(batch)
        ));
    }

    fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), attributes: &str) {
        self.put(format_args!(
            "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" {attributes}/>\n"
        ));
    }

    fn text(&mut self, x: f64, y: f64, anchor: &str, size: f64, text: &str) {
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\">{}</text>\n",
            Escaped(text)
        ));
    }

    /// Text over lines and marks.
    fn label(&mut self, x: f64, y: f64, anchor: &str, text: &str) {
        self.put(format_args!(
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" stroke=\"#fff\" stroke-width=\"4\" paint-order=\"stroke\">{}</text>\n",
            Escaped(text)
        ));
    }

    fn put(&mut self, text: fmt::Arguments<'_>) {
        let _ = self.0.write_fmt(text);
    }
}

fn stroke(batch: usize, width: f64) -> String {
    let dashes = DASHES.get(batch % DASHES.len()).unwrap_or(&"none");
    format!("stroke=\"{}\" stroke-width=\"{width}\" stroke-dasharray=\"{dashes}\"", colour(batch))
}

fn colour(batch: usize) -> &'static str {
    COLOURS.get(batch % COLOURS.len()).unwrap_or(&"#000")
}

/// One of so many results is drawn.
fn every(study: &Study) -> usize {
    study.results().div_ceil(MARKS).max(1)
}

/// Round numbers within a range, some five to nine of them; of months, parts and multiples of years.
fn ticks((from, to): (f64, f64), months: bool) -> Vec<f64> {
    let least = (to - from) / 9.0;
    let power = 10_f64.powf(least.log10().floor());
    let of_years = [1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 60.0].into_iter().find(|step| months && *step >= least);
    let round = [1.0, 2.0, 5.0, 10.0].map(|step| step * power).into_iter().find(|step| *step >= least);
    let Some(step) = of_years.filter(|_| least > 0.5).or(round) else { return Vec::new() };
    let first = (from / step).ceil();
    (0_u8..12).map(|number| (first + f64::from(number)) * step).take_while(|tick| *tick <= to).collect()
}

/// A number without the digits that are rounding alone.
fn number(number: f64) -> String {
    let short = format!("{number:.8e}").parse().unwrap_or(number);
    let size = f64::abs(short);
    if short == 0.0 || (1e-4..1e7).contains(&size) { format!("{short}") } else { format!("{short:e}") }
}

fn shortened(text: &str, length: usize) -> String {
    match text.chars().nth(length) {
        None => text.to_owned(),
        Some(_) => text.chars().take(length.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Text of others as XML has it. What XML has no place for, and what turns the direction of writing, is replaced.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '<' => out.write_str("&lt;")?,
                '>' => out.write_str("&gt;")?,
                '&' => out.write_str("&amp;")?,
                '"' => out.write_str("&quot;")?,
                '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    out.write_char('\u{fffd}')?
                }
                control if control.is_control() => out.write_char('\u{fffd}')?,
                other => out.write_char(other)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
