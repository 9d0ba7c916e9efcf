//! The `nanotrace` binary. Its command line is the library beside it.

use std::process::ExitCode;

/// Endorsement allocates many small messages on several threads: see `docs/adr/0010-allocator.md`.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    nanotrace::main()
}
