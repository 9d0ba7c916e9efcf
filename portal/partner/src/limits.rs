//! Every limit of the partner API beside those that pages have too.

/// Bytes of a request, files apart.
pub const BODY: usize = 64 * 1024;
/// Entries of a list, where nothing else is asked for, and at most.
pub const ENTRIES: i64 = 50;
pub const MOST_ENTRIES: i64 = 100;
/// Characters of an `Idempotency-Key`.
pub const KEY_CHARACTERS: usize = 255;
/// Such keys of a company that are remembered at a time.
pub const KEYS: i64 = 2000;
/// Seconds after which a request that was not answered counts as cut off: longer than any is answered in.
pub const CUT_OFF_SECONDS: i64 = 120;
/// Characters of a file's name.
pub const NAME: usize = 100;
