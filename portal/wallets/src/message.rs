//! The text that a wallet shows and signs: EIP-4361's for Ethereum; for Sui, which has no text of its own, the same with another
//! name in it, as CAIP-122 makes it for every chain.

use std::fmt;

use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    Refused,
    chain::{Chain, Family},
    demand,
};

/// Bytes of a message.
const BYTES: usize = 2048;
/// Seconds by which a wallet's clock may differ from ours.
const CLOCKS: i64 = 60;

const ASKS: &str = " wants you to sign in with your ";

/// A message by its parts, each as it stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub family: Family,
    pub scheme: Option<String>,
    /// Host and port of the site that asks.
    pub domain: String,
    pub address: String,
    pub statement: Option<String>,
    pub uri: String,
    pub chain: String,
    pub nonce: String,
    pub issued_at: String,
    pub expires_at: Option<String>,
    pub not_before: Option<String>,
    pub request_id: Option<String>,
    /// None where there is not even a heading for them.
    pub resources: Option<Vec<String>>,
}

impl Message {
    /// Reads a message. The rules are EIP-4361's; what was read is written again and has to be the same text, so that nothing in
    /// it is passed over.
    pub fn read(text: &str) -> Result<Self, Refused> {
        const WRONG: Refused = Refused::Wrong("the message is none of EIP-4361's form");
        demand(text.len() <= BYTES, "the message is too long")?;
        let is_plain = |byte: u8| byte == b'\n' || (b' '..=b'~').contains(&byte);
        demand(text.bytes().all(is_plain), "the message has characters that no message has")?;
        let mut lines = Lines(text.split('\n').peekable());
        let (asking, rest) = lines.next()?.split_once(ASKS).ok_or(WRONG)?;
        let family = Family::ALL.into_iter().find(|it| rest.strip_prefix(it.title()) == Some(" account:"));
        let (scheme, domain) = match asking.split_once("://") {
            Some((scheme, domain)) => (Some(scheme.to_owned()), domain),
            None => (None, asking),
        };
        let address = lines.next()?.to_owned();
        demand(lines.next()?.is_empty(), "the message has a line too many")?;
        let statement = Some(lines.next()?).filter(|line| !line.is_empty()).map(str::to_owned);
        if statement.is_some() {
            demand(lines.next()?.is_empty(), "the message has a line too many")?;
        }
        let uri = lines.field("URI: ").ok_or(WRONG)?;
        demand(lines.field("Version: ").as_deref() == Some("1"), "the message is of another version")?;
        let message = Self {
            family: family.ok_or(WRONG)?,
            scheme,
            domain: domain.to_owned(),
            address,
            statement,
            uri,
            chain: lines.field("Chain ID: ").ok_or(WRONG)?,
            nonce: lines.field("Nonce: ").ok_or(WRONG)?,
            issued_at: lines.field("Issued At: ").ok_or(WRONG)?,
            expires_at: lines.field("Expiration Time: "),
            not_before: lines.field("Not Before: "),
            request_id: lines.field("Request ID: "),
            resources: lines.resources(),
        };
        demand(message.to_string() == text, "the message has a line too many")?;
        message.check_characters()?;
        Ok(message)
    }

    /// As far as the lines do not show it.
    fn check_characters(&self) -> Result<(), Refused> {
        let one_word = [&self.domain, &self.uri, &self.chain].into_iter().chain(&self.request_id);
        let mut one_word = one_word.chain(self.resources.iter().flatten());
        demand(one_word.all(|word| !word.contains(' ')), "the message has spaces where none may be")?;
        let times = [Some(&self.issued_at), self.expires_at.as_ref(), self.not_before.as_ref()];
        times.into_iter().flatten().try_for_each(|time| seconds(time).map(drop))?;
        let is_nonce = self.nonce.len() >= 8 && self.nonce.bytes().all(|byte| byte.is_ascii_alphanumeric());
        demand(is_nonce, "the nonce is no nonce")?;
        // RFC 3986's characters and spaces.
        let is_text = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;= ".contains(&byte);
        let statement = self.statement.as_deref().unwrap_or_default();
        demand(statement.bytes().all(is_text), "the statement has characters that no statement has")?;
        demand(self.family.address(&self.address)? == self.address, "the address is not in its one spelling")
    }
}

struct Lines<'a>(std::iter::Peekable<std::str::Split<'a, char>>);

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<&'a str, Refused> {
        self.0.next().ok_or(Refused::Wrong("the message ends too early"))
    }

    /// What follows this name, where the next line begins with it.
    fn field(&mut self, name: &str) -> Option<String> {
        self.0.next_if(|line| line.starts_with(name))?.strip_prefix(name).map(str::to_owned)
    }

    fn resources(&mut self) -> Option<Vec<String>> {
        self.0.next_if_eq(&"Resources:")?;
        Some(std::iter::from_fn(|| self.field("- ")).collect())
    }
}

impl fmt::Display for Message {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = &self.scheme {
            write!(formatter, "{scheme}://")?;
        }
        writeln!(formatter, "{}{ASKS}{} account:\n{}\n", self.domain, self.family.title(), self.address)?;
        if let Some(statement) = &self.statement {
            writeln!(formatter, "{statement}")?;
        }
        write!(
            formatter,
            "\nURI: {}\nVersion: 1\nChain ID: {}\nNonce: {}\n",
            self.uri, self.chain, self.nonce
        )?;
        write!(formatter, "Issued At: {}", self.issued_at)?;
        for (name, value) in [
            ("Expiration Time", &self.expires_at),
            ("Not Before", &self.not_before),
            ("Request ID", &self.request_id),
        ] {
            if let Some(value) = value {
                write!(formatter, "\n{name}: {value}")?;
            }
        }
        if let Some(resources) = &self.resources {
            write!(formatter, "\nResources:")?;
            resources.iter().try_for_each(|uri| write!(formatter, "\n- {uri}"))?;
        }
        Ok(())
    }
}

/// What a nonce was given out for. A message counts for nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The site whose page asks the wallet: host and port.
    pub domain: String,
    /// The portal, into which it lets.
    pub uri: String,
    pub chain: Chain,
    /// In its one spelling.
    pub address: String,
    pub nonce: String,
    /// Seconds since 1970.
    pub issued_at: i64,
    pub expires_at: i64,
}

impl Asked {
    /// The message to sign.
    pub fn message(&self, statement: &str) -> Message {
        Message {
            family: self.chain.family(),
            scheme: None,
            domain: self.domain.clone(),
            address: self.address.clone(),
            statement: Some(statement.to_owned()),
            uri: self.uri.clone(),
            chain: self.chain.in_message(),
            nonce: self.nonce.clone(),
            issued_at: moment(self.issued_at),
            expires_at: Some(moment(self.expires_at)),
            not_before: None,
            request_id: None,
            resources: None,
        }
    }

    /// Whether a message is an answer to this, now. A client that writes its own may leave out when it ends, and the statement.
    pub fn is_answered_by(&self, message: &Message, now: i64) -> Result<(), Refused> {
        demand(message.nonce == self.nonce, "the message has another nonce")?;
        demand(message.domain == self.domain, "the message is for another domain")?;
        let is_ours = message.scheme.as_deref().is_none_or(|it| matches!(it, "http" | "https"));
        demand(is_ours, "the message is for another scheme")?;
        demand(message.uri == self.uri, "the message is for another site")?;
        let is_chain = message.family == self.chain.family() && message.chain == self.chain.in_message();
        demand(is_chain, "the message is for another chain")?;
        demand(message.address == self.address, "the message is of another address")?;
        demand(message.resources.is_none(), "the message asks for more than a login")?;
        self.is_of_its_time(message, now)
    }

    fn is_of_its_time(&self, message: &Message, now: i64) -> Result<(), Refused> {
        demand(now < self.expires_at, "the nonce has expired")?;
        let issued = seconds(&message.issued_at)?;
        let first = self.issued_at.saturating_sub(CLOCKS);
        demand((first..=now.saturating_add(CLOCKS)).contains(&issued), "the message is of another time")?;
        if let Some(end) = &message.expires_at {
            demand(now < seconds(end)?, "the message has expired")?;
        }
        if let Some(begin) = &message.not_before {
            demand(seconds(begin)? <= now, "the message does not count yet")?;
        }
        Ok(())
    }
}

fn moment(seconds: i64) -> String {
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_default()
}

fn seconds(text: &str) -> Result<i64, Refused> {
    let time =
        OffsetDateTime::parse(text, &Rfc3339).map_err(|_| Refused::Wrong("a time in the message is none"))?;
    Ok(time.unix_timestamp())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn asked(chain: &str, address: &str) -> Asked {
        Asked {
            domain: "portal.example".to_owned(),
            uri: "https://portal.example".to_owned(),
            chain: Chain::read(chain).unwrap(),
            address: address.to_owned(),
            nonce: "ab".repeat(32),
            issued_at: NOW,
            expires_at: NOW + 300,
        }
    }

    /// The first address of EIP-55's own examples.
    fn ethereum() -> Asked {
        asked("eip155:1", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed")
    }

    fn sui() -> Asked {
        asked("sui:mainnet", &format!("0x{}", "1f".repeat(32)))
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        for asked in [ethereum(), sui()] {
            let text = asked.message("Log in.").to_string();
            let read = Message::read(&text).unwrap();
            assert_eq!(read, asked.message("Log in."));
            asked.is_answered_by(&read, NOW).unwrap();
        }
        let text = ethereum().message("Log in.").to_string();
        let expected = "portal.example wants you to sign in with your Ethereum account:\n\
            0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed\n\nLog in.\n\nURI: https://portal.example\nVersion: 1\nChain ID: 1\n\
            Nonce: abababababababababababababababababababababababababababababababab\n\
            Issued At: 2026-09-21T14:13:20Z\nExpiration Time: 2026-09-21T14:18:20Z";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_message_without_its_optional_parts_is_read_too() {
        let text = ethereum().message("Log in.").to_string();
        let plain = text.replace("Log in.\n\n", "\n").replace("\nExpiration Time: 2026-09-21T14:18:20Z", "");
        let read = Message::read(&plain).unwrap();
        assert_eq!((read.statement.as_ref(), read.expires_at.as_ref()), (None, None));
        ethereum().is_answered_by(&read, NOW + 299).unwrap();
        let more = format!("https://{text}\nNot Before: 2026-09-21T14:13:20Z\nRequest ID: 7");
        ethereum().is_answered_by(&Message::read(&more).unwrap(), NOW).unwrap();
    }

    #[test]
    fn a_message_that_is_changed_anywhere_is_refused_or_says_something_else() {
        let asked = ethereum();
        let text = asked.message("Log in.").to_string();
        let mut refused = 0;
        for at in 0..text.len() {
            for other in ["", "\n", "\r\n", " ", "x", "\u{0}", "é", "\nURI: https://elsewhere.example\n"] {
                let changed = format!("{}{other}{}", &text[..at], &text[at + 1..]);
                if changed == text {
                    continue;
                }
                match Message::read(&changed) {
                    Err(_) => refused += 1,
                    Ok(read) => {
                        assert_eq!(read.to_string(), changed);
                        let is_answer = asked.is_answered_by(&read, NOW).is_ok();
                        // What remains free: the statement, and the times within their bounds.
                        let same = Message {
                            statement: None,
                            issued_at: String::new(),
                            expires_at: None,
                            ..read.clone()
                        };
                        let right = asked.message("");
                        let right =
                            Message { statement: None, issued_at: String::new(), expires_at: None, ..right };
                        assert!(!is_answer || same == right, "{changed}");
                    }
                }
            }
        }
        assert!(refused > text.len(), "{refused}");
    }

    #[test]
    fn lines_that_are_put_in_are_refused() {
        let text = sui().message("Log in.").to_string();
        for (part, injected) in [
            ("Log in.", "Log in.\nURI: https://elsewhere.example"),
            ("Log in.", "Log in.\n\nURI: https://elsewhere.example\nVersion: 1"),
            ("Log in.", "Log in.\r"),
            ("Log in.", "Log in\u{2028}."),
            ("Version: 1", "Version: 2"),
            ("Version: 1", "Version: 1\nVersion: 1"),
            ("Chain ID: sui:mainnet", "Chain ID: sui:mainnet\nNonce: 1234567890"),
            ("\nExpiration", "\n\nExpiration"),
        ] {
            assert!(Message::read(&text.replace(part, injected)).is_err(), "{injected:?}");
        }
        for after in
            ["\n", " ", "\nResources: ", "\n- https://elsewhere.example", "\nRequest ID: 1\nNot Before: x"]
        {
            assert!(Message::read(&format!("{text}{after}")).is_err(), "{after:?}");
        }
        assert!(Message::read(&format!("{text}\nRequest ID: {}", "1".repeat(BYTES))).is_err());
        assert!(Message::read("").is_err());
    }

    #[test]
    fn a_message_for_something_else_is_no_answer() {
        let asked = ethereum();
        let right = asked.message("Log in.");
        let other = |change: fn(&mut Message)| {
            let mut message = right.clone();
            change(&mut message);
            asked.is_answered_by(&message, NOW).is_err()
        };
        assert!(other(|it| it.domain = "elsewhere.example".to_owned()));
        assert!(other(|it| it.uri = "https://elsewhere.example".to_owned()));
        assert!(other(|it| it.scheme = Some("ftp".to_owned())));
        assert!(other(|it| it.chain = "5".to_owned()));
        assert!(other(|it| it.family = Family::Sui));
        assert!(other(|it| it.address = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359".to_owned()));
        assert!(other(|it| it.nonce = "cd".repeat(32)));
        assert!(other(|it| it.resources = Some(Vec::new())));
        for time in ["2026-09-21T14:11:00Z", "2026-09-21T14:15:00Z", "2025-09-21T14:13:20Z", "yesterday", ""]
        {
            let message = Message { issued_at: time.to_owned(), ..right.clone() };
            assert!(asked.is_answered_by(&message, NOW).is_err(), "{time}");
        }
        let message = Message { expires_at: Some("2026-09-21T14:13:20Z".to_owned()), ..right.clone() };
        assert!(asked.is_answered_by(&message, NOW).is_err());
        let message = Message { not_before: Some("2026-09-21T14:13:21Z".to_owned()), ..right.clone() };
        assert!(asked.is_answered_by(&message, NOW).is_err());
        assert!(asked.is_answered_by(&right, NOW + 300).is_err());
    }
}
