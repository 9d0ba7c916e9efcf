//! How many files and connections this process may have open.

use std::io;

use rlimit::Resource;

/// Raises the limit on open files as far as this process may.
pub fn raise_limit() -> io::Result<()> {
    let (soft, hard) = Resource::NOFILE.get()?;
    if soft < hard { Resource::NOFILE.set(hard, hard) } else { Ok(()) }
}

/// How many connections there may be when `reserved` descriptors stay free for all else; at least a few.
pub fn left_for_connections(reserved: usize) -> usize {
    const FEW: usize = 64;
    let limit = Resource::NOFILE.get().map_or(1024, |(soft, _)| soft);
    usize::try_from(limit).unwrap_or(usize::MAX).saturating_sub(reserved).max(FEW)
}
