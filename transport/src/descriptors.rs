//! How many files and connections this process may have open.

use std::io;

use rlimit::Resource;

/// Raises the limit on open files as far as this process may.
pub fn raise_limit() -> io::Result<()> {
    let (soft, hard) = Resource::NOFILE.get()?;
    if soft < hard { Resource::NOFILE.set(hard, hard) } else { Ok(()) }
}

/// File descriptors that no client's connection gets: for the databases (at most 256 and 128 open tables), the block
/// files, and connections of our own.
const RESERVED: usize = 512;

/// How many connections all servers of the process may have; at least a few.
pub fn left_for_connections() -> usize {
    const FEW: usize = 64;
    let limit = Resource::NOFILE.get().map_or(1024, |(soft, _)| soft);
    usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(RESERVED).max(FEW)
}
