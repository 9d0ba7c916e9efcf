//! How much and how long: every limit of what is kept about people, in one place.

use std::time::Duration;

/// Connections to the database.
pub(crate) const DATABASE_CONNECTIONS: u32 = 8;
/// Time to wait for one of them.
pub(crate) const DATABASE_TIME: Duration = Duration::from_secs(10);
/// Passwords that are hashed at once, each in 19 MiB of memory; further ones wait.
pub(crate) const HASHES: usize = 2;
/// Characters of a password, at least; those who use a manager of passwords do not notice it.
pub(crate) const PASSWORD_CHARACTERS: usize = 12;
/// Bytes of a password, at most.
pub(crate) const PASSWORD_BYTES: usize = 1024;
/// Seconds that a session lasts.
pub(crate) const SESSION_SECONDS: i64 = 12 * 60 * 60;
/// Seconds that a link in a mail works.
pub(crate) const LINK_SECONDS: i64 = 60 * 60;
/// Seconds that an invitation works.
pub(crate) const INVITATION_SECONDS: i64 = 7 * 24 * 60 * 60;
/// People of a company, with those whose invitations wait.
pub(crate) const TEAM: i64 = 100;
/// Keys of a company that work at a time.
pub(crate) const API_KEYS: i64 = 20;
/// Seconds that a key works at most.
pub(crate) const API_KEY_SECONDS: i64 = 365 * 24 * 60 * 60;
/// Seconds that a key works on after it was rotated, at most.
pub(crate) const API_KEY_OVERLAP: i64 = 7 * 24 * 60 * 60;
/// Seconds in which a browser answers with a passkey, or a wallet.
pub(crate) const CHALLENGE_SECONDS: i64 = 5 * 60;
/// Wallets of one account.
pub(crate) const WALLETS: i64 = 20;
/// Seconds that an access token of a program lasts.
pub(crate) const ACCESS_SECONDS: i64 = 10 * 60;
/// Seconds in which a program takes its refresh token for another one.
pub(crate) const REFRESH_SECONDS: i64 = 7 * 24 * 60 * 60;
/// Seconds after which a program logs in anew.
pub(crate) const CLIENT_SECONDS: i64 = 30 * 24 * 60 * 60;
/// Sessions of programs of one account.
pub(crate) const CLIENTS: i64 = 20;
/// Seconds after its end in which a session is still known as its account's, for a form that comes too late.
pub(crate) const ENDED_SECONDS: i64 = 24 * 60 * 60;
/// Seconds that such a form is kept.
pub(crate) const KEPT_SECONDS: i64 = 60 * 60;
/// Such forms of an account.
pub(crate) const KEPT_FORMS: i64 = 5;
/// Seconds in which a request of the partner API with an `Idempotency-Key` is answered the same again.
pub(crate) const ANSWERED_SECONDS: i64 = 24 * 60 * 60;
/// Seconds in which a mail is sent or given up.
pub(crate) const MAIL_SECONDS: i64 = 24 * 60 * 60;
/// Seconds after which it is forgotten that one was sent.
pub(crate) const SENT_SECONDS: i64 = 7 * MAIL_SECONDS;
/// Bytes of such a form.
pub(crate) const KEPT_BYTES: usize = 128 * 1024;
