//! Random secrets, which the holder keeps and the database knows by their hashes alone.

use sha2::{Digest, Sha256};

/// 256 random bits in hexadecimal.
pub fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

/// 128 random bits in hexadecimal: a name, no secret.
pub fn random_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}

/// What the database holds of a secret. Secrets are long and random, so a fast hash is enough.
pub fn hashed(secret: &str) -> String {
    hex::encode(Sha256::digest(secret))
}

/// What a form carries: it follows from the cookies of its own browser and from nothing that another site can know. A form
/// that was loaded before a login is not one of the session after it.
pub fn form_token(form_secret: &str, session_secret: Option<&str>) -> String {
    let session_secret = session_secret.unwrap_or_default();
    hashed(&format!("nanotrace form\0{form_secret}\0{session_secret}"))
}

/// Compares hashes instead of the texts: how long it takes says nothing about either.
pub fn equal(one: &str, other: &str) -> bool {
    Sha256::digest(one) == Sha256::digest(other)
}
