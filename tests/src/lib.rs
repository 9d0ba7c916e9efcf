//! End-to-end tests live in `tests/tests`; this crate is their shared support.
