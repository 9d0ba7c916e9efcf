//! The CPU time that the loaded process has used.

use std::{fs, path::Path, time::Duration};

use crate::{exit::Failure, up};

/// Clock ticks a second in `/proc`: fixed at 100 for user space on every Linux architecture.
const TICKS: u32 = 100;

/// The server on this machine.
pub struct ServerProcess {
    pid: u32,
}

impl ServerProcess {
    /// The process that was named, or the one that runs on this data directory. None where the server may be anywhere.
    pub fn find(named: Option<u32>, data_dir: Option<&Path>) -> Result<Option<Self>, Failure> {
        if let Some(pid) = named {
            let server = Self { pid };
            let found = server.cpu_time().map(|_| Some(server));
            return found.ok_or_else(|| Failure::usage(format!("there is no process {pid} on this machine")));
        }
        let file = data_dir.and_then(|folder| fs::read_to_string(folder.join(up::PROCESS_ID)).ok());
        let server = file.and_then(|text| Some(Self { pid: text.trim().parse().ok()? }));
        Ok(server.filter(|server| server.cpu_time().is_some()))
    }

    /// User and system time since the process began; none when it is gone.
    pub fn cpu_time(&self) -> Option<Duration> {
        parse_stat(&fs::read_to_string(format!("/proc/{}/stat", self.pid)).ok()?)
    }
}

/// CPU time of this process, the generator of the load.
pub fn own_cpu_time() -> Option<Duration> {
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
        assert!(ServerProcess::find(Some(u32::MAX), None).is_err());
    }
}
