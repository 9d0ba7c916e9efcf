//! Passwords: Argon2id with OWASP's parameters, few at a time, and none that everybody tries first.

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use tokio::{sync::Semaphore, task::spawn_blocking};

use crate::limits;

/// Leaked passwords of at least ten characters, most of them of the list in zxcvbn (portal/accounts/assets/README.md).
const LEAKED: &str = include_str!("../assets/leaked-passwords.txt");

/// Why a password could not be hashed: no randomness, or the runtime is ending.
#[derive(Debug, thiserror::Error)]
#[error("hashing a password: {0}")]
pub struct HashError(String);

/// Hashes and checks passwords, at most [`limits::HASHES`] at a time.
pub struct Passwords {
    turns: Semaphore,
    /// The hash of a password that no account has: an unknown address costs as much time as a known one.
    nobodys: String,
}

impl Passwords {
    pub fn new() -> Result<Self, HashError> {
        let nobodys = hash(&crate::secret::random().map_err(|error| HashError(error.to_string()))?)?;
        Ok(Self { turns: Semaphore::new(limits::HASHES), nobodys })
    }

    /// As a PHC string.
    pub async fn hash(&self, password: String) -> Result<String, HashError> {
        let _turn = self.turns.acquire().await;
        spawn_blocking(move || hash(&password)).await.map_err(|error| HashError(error.to_string()))?
    }

    /// Whether it is the password of this hash; without one it takes as long, and it is not.
    pub async fn is_right(&self, password: String, hash: Option<&str>) -> bool {
        let is_known = hash.is_some();
        let hash = hash.unwrap_or(&self.nobodys).to_owned();
        let _turn = self.turns.acquire().await;
        let check = move || {
            let hash = PasswordHash::new(&hash);
            hash.is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        };
        spawn_blocking(check).await.unwrap_or(false) && is_known
    }
}

fn hash(password: &str) -> Result<String, HashError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| HashError(error.to_string()))?;
    let hash: Result<PasswordHash, _> = Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| HashError(error.to_string()))
}

/// Why this password is none, in a sentence for its owner.
pub fn refusal(password: &str, email: &str, name: &str) -> Option<String> {
    let lower = password.to_lowercase();
    let characters = password.chars().count();
    let of_person = email.split('@').chain(name.split_whitespace()).map(str::to_lowercase);
    let said = of_person.filter(|part| part.chars().count() >= 4).any(|part| lower.contains(&part));
    let mut kinds = password.chars().collect::<Vec<_>>();
    kinds.sort_unstable();
    kinds.dedup();
    if characters < limits::PASSWORD_CHARACTERS {
        Some(format!("Use {} characters or more.", limits::PASSWORD_CHARACTERS))
    } else if password.len() > limits::PASSWORD_BYTES {
        Some(format!("Use {} bytes or fewer.", limits::PASSWORD_BYTES))
    } else if is_leaked(&lower) || is_sequence(&lower) || kinds.len() < 5 {
        Some("This password is among those that are tried first. Use another one.".to_owned())
    } else if said {
        Some("Do not use your name or address in the password.".to_owned())
    } else {
        None
    }
}

/// Also with digits or signs after it, which is what people add when a password is refused.
fn is_leaked(lower: &str) -> bool {
    let stem = lower.trim_end_matches(|it: char| it.is_ascii_digit() || it.is_ascii_punctuation());
    LEAKED.lines().any(|leaked| leaked == lower || leaked == stem)
}

/// Mostly characters that follow one another: 1234567890123, abcdefghijklm, aaaaaaabbbbbb.
fn is_sequence(text: &str) -> bool {
    let follows = |(one, other): &(char, char)| {
        let step = u32::from(*one).abs_diff(u32::from(*other));
        step <= 1 || (*one, *other) == ('9', '0')
    };
    let pairs = text.chars().zip(text.chars().skip(1)).collect::<Vec<_>>();
    let following = pairs.iter().filter(|pair| follows(pair)).count();
    following.saturating_mul(4) >= pairs.len().saturating_mul(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_tries_first_is_refused() {
        for password in
            ["short", "qwertyuiop1", "1234567890123", "Qwertyuiop123!", "aaaaaaaaaaaaaaaa", "adalovelace1843"]
        {
            assert!(refusal(password, "a.b@example.com", "Ada Lovelace").is_some(), "{password}");
        }
        assert_eq!(refusal("correct battery, horse", "a.b@example.com", "Ada Lovelace"), None);
        assert!(refusal(&"äö€x!".repeat(300), "", "").is_some());
    }

    #[tokio::test]
    async fn a_hash_is_of_its_password_alone() {
        let passwords = Passwords::new().unwrap_or_else(|_| unreachable!());
        let hash = passwords.hash("correct battery, horse".to_owned()).await.unwrap_or_default();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.is_right("correct battery, horse".to_owned(), Some(&hash)).await);
        assert!(!passwords.is_right("correct battery, house".to_owned(), Some(&hash)).await);
        assert!(!passwords.is_right("correct battery, horse".to_owned(), None).await);
    }
}
