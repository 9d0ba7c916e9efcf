//! The CPU time of processes on this machine.

use std::{fs, time::Duration};

/// Clock ticks a second in `/proc`: fixed at 100 for user space on every Linux architecture.
const TICKS: u32 = 100;

/// The process of a server on this machine.
pub struct ServerProcess {
    id: u32,
}

impl ServerProcess {
    /// None where no process has this id.
    pub fn find(id: u32) -> Option<Self> {
        let server = Self { id };
        server.cpu_time().map(|_| server)
    }

    /// User and system time since the process began; none when it is gone.
    pub(crate) fn cpu_time(&self) -> Option<Duration> {
        parse_stat(&fs::read_to_string(format!("/proc/{}/stat", self.id)).ok()?)
    }
}

/// CPU time of this process, the generator of the load.
pub(crate) fn own_cpu_time() -> Option<Duration> {
    parse_stat(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// Fields 14 and 15 of proc(5), counted after the process's name, which may hold anything.
fn parse_stat(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut times = fields.split(' ').skip(11).map(str::parse::<u32>);
    let ticks = times.next()?.ok()?.checked_add(times.next()?.ok()?)?;
    Some(Duration::from_secs(1) * ticks / TICKS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn the_times_follow_a_name_that_may_hold_anything() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 900 0 0 0 150 50 0 0 20 0 9 0 100 1 2 3";
        assert_eq!(parse_stat(stat), Some(Duration::from_secs(2)));
        assert_eq!(parse_stat("42 (a"), None);
        assert!(own_cpu_time().is_some());
        assert!(ServerProcess::find(std::process::id()).is_some());
        assert!(ServerProcess::find(u32::MAX).is_none());
    }
}
