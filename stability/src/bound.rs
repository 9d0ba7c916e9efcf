//! The confidence bound of a line's mean, and where it leaves a limit.

use serde::Serialize;

use crate::fit::Line;

/// Which limit a result must keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Side {
    Lower,
    Upper,
}

/// Where the bound of a line leaves a limit, looked at from the release on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Leaving {
    /// The first time at which the bound is outside.
    At(f64),
    /// The bound is outside at time 0, and this is its value there.
    OutsideAtRelease(f64),
    /// It stays inside, or leaves so late that the data say nothing of it.
    Never,
}

/// A line with the half-width of its bound: `spread` · √(1/n + (x - x̄)²/S).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundedLine {
    pub line: Line,
    /// The quantile of t times the residual standard deviation.
    pub spread: f64,
}

impl BoundedLine {
    /// The bound that faces the limit of this side.
    pub fn bound(&self, side: Side, time: f64) -> f64 {
        let Line { results, mean_time, squares_of_times, .. } = self.line;
        let from_centre = time - mean_time;
        let half = self.spread * (results.recip() + from_centre * from_centre / squares_of_times).sqrt();
        match side {
            Side::Lower => self.line.at(time) - half,
            Side::Upper => self.line.at(time) + half,
        }
    }

    /// Where the bound leaves the limit, not later than `horizon`. Differences of results up to `rounding` are none.
    pub fn leaving(&self, side: Side, limit: f64, rounding: f64, horizon: f64) -> Leaving {
        let at_release = self.bound(side, 0.0);
        // As if the limit were an upper one.
        let sign = if side == Side::Upper { 1.0 } else { -1.0 };
        if sign * (at_release - limit) > rounding {
            return Leaving::OutsideAtRelease(at_release);
        }
        let Line { slope, squares_of_times, results, .. } = self.line;
        let is_level = slope.abs() * (squares_of_times / results).sqrt() <= rounding;
        let slope = if is_level { 0.0 } else { sign * slope };
        let room = sign * (limit - self.line.mean_result);
        match self.crossing(slope, room) {
            Some(from_centre) if self.line.mean_time + from_centre <= horizon => {
                Leaving::At((self.line.mean_time + from_centre).max(0.0))
            }
            _ => Leaving::Never,
        }
    }

    /// Where slope · u + widening · √(width² + u²) exceeds the room for good, u being the time from the centre. It does so
    /// once, if it rises at all in the end; it began inside.
    fn crossing(&self, slope: f64, room: f64) -> Option<f64> {
        let Line { results, squares_of_times, .. } = self.line;
        let widening = self.spread / squares_of_times.sqrt();
        let width_squared = squares_of_times / results;
        if slope + widening <= 0.0 {
            return None;
        }
        if widening == 0.0 {
            return Some(room / slope);
        }
        // Squared, it is a quadratic equation; each form of its root is free of cancellation where it is used.
        let leading = (slope - widening) * (slope + widening);
        let root = widening * (room * room + leading * width_squared).max(0.0).sqrt();
        let constant = room * room - widening * widening * width_squared;
        let (ahead, behind) = (slope * room + root, slope * room - root);
        let closed = match slope * room >= 0.0 {
            true if ahead == 0.0 => 0.0,
            true => constant / ahead,
            false => behind / leading,
        };
        Some(self.polished(closed, slope, room, widening, width_squared))
    }

    /// Newton's steps, which take away what rounding left in the closed form.
    fn polished(&self, closed: f64, slope: f64, room: f64, widening: f64, width_squared: f64) -> f64 {
        let excess = |u: f64| slope * u + widening * (width_squared + u * u).sqrt() - room;
        let mut best = closed;
        for _ in 0..3 {
            let rise = slope + widening * best / (width_squared + best * best).sqrt();
            let next = best - excess(best) / rise;
            if !next.is_finite() || excess(next).abs() >= excess(best).abs() {
                break;
            }
            best = next;
        }
        best
    }
}
