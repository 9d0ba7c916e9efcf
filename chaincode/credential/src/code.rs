//! The public code of a certificate: what stands on labels, in addresses, and what people type.

use std::fmt;
use std::str::FromStr;

/// Crockford's base32 alphabet, followed by the five symbols that only a check character can be.
const ALPHABET: &[u8; 37] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";

/// Characters that carry the 128 bits; one check character follows.
const DATA_CHARACTERS: usize = 26;

/// The 128 bits of a certificate's UUID, written as 26 characters of Crockford's base32 and a check character
/// modulo 37 (<https://www.crockford.com/base32.html>).
///
/// `Display` writes the one canonical form (27 characters, upper case, no hyphens), which is also the form in
/// keys, documents and addresses; [`Code::grouped`] is for reading.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(u128);

/// Why a typed text is no code. The difference matters to the person who typed it: a mistyped code is not an unknown
/// certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    #[error("a certificate code has 27 letters and digits, here are {0}")]
    Length(usize),
    #[error("a certificate code has no character {0:?}")]
    Character(char),
    #[error("the code is mistyped: its last character does not match the others")]
    Mistyped,
}

impl Code {
    /// From the UUID's sixteen bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Code {
        Code(u128::from_be_bytes(bytes))
    }

    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// A version 4 UUID (RFC 9562) made of the caller's randomness: version and variant bits are set here.
    pub const fn from_random(bytes: [u8; 16]) -> Code {
        let bits = u128::from_be_bytes(bytes);
        let version = (bits & !(0xf << 76)) | (0x4 << 76);
        Code((version & !(0b11 << 62)) | (0b10 << 62))
    }

    /// Reads `urn:uuid:` and a version 4 UUID in lower case, its only spelling in a certificate.
    pub fn from_urn(urn: &str) -> Option<Code> {
        let text = urn.strip_prefix("urn:uuid:")?;
        let digits: String = text.split('-').collect();
        let code = Code(u128::from_str_radix(&digits, 16).ok()?);
        (code.to_urn() == urn && code == Code::from_random(code.to_bytes())).then_some(code)
    }

    pub fn to_urn(self) -> String {
        let digits = format!("{:032x}", self.0);
        let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| digits.get(range).unwrap_or_default());
        format!("urn:uuid:{}", groups.join("-"))
    }

    /// Groups of four with hyphens, for people.
    pub fn grouped(self) -> String {
        let mut text = String::with_capacity(33);
        for (index, character) in self.to_string().chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                text.push('-');
            }
            text.push(character);
        }
        text
    }

    /// Whether the check character is a letter or digit: such codes fit a QR symbol's alphanumeric mode, need no
    /// escaping anywhere, and are easier to dictate. A client draws its randomness until this holds (about 9 in
    /// 10 do).
    pub fn is_plain(self) -> bool {
        self.check_character().is_ascii_alphanumeric()
    }

    fn check_character(self) -> char {
        symbol((self.0 % 37) as usize)
    }
}

fn symbol(index: usize) -> char {
    ALPHABET.get(index).copied().unwrap_or(b'0').into()
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(DATA_CHARACTERS + 1);
        for position in (0..DATA_CHARACTERS).rev() {
            text.push(symbol(((self.0 >> (5 * position)) & 31) as usize));
        }
        text.push(self.check_character());
        formatter.pad(&text)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Code({self})")
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Code {
    type Err = CodeError;

    /// Accepts what people type: any case, hyphens and spaces anywhere, O for 0, I and L for 1.
    fn from_str(text: &str) -> Result<Code, CodeError> {
        let characters: Vec<char> =
            text.chars().filter(|character| !matches!(character, '-' | ' ')).map(normalise).collect();
        let Some((&check, data)) = characters.split_last().filter(|(_, data)| data.len() == DATA_CHARACTERS)
        else {
            return Err(CodeError::Length(characters.len()));
        };
        let mut bits: u128 = 0;
        for &character in data {
            let digit =
                value(character).filter(|&digit| digit < 32).ok_or(CodeError::Character(character))?;
            // 26 characters hold 130 bits: a first character over 7 belongs to no certificate.
            if bits >> 123 != 0 {
                return Err(CodeError::Mistyped);
            }
            bits = (bits << 5) | digit;
        }
        let check = value(check).ok_or(CodeError::Character(check))?;
        if bits % 37 == check { Ok(Code(bits)) } else { Err(CodeError::Mistyped) }
    }
}

fn normalise(character: char) -> char {
    match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    }
}

fn value(character: char) -> Option<u128> {
    ALPHABET.iter().position(|&symbol| char::from(symbol) == character).map(|position| position as u128)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_codes() {
        assert_eq!(Code(0).to_string(), "000000000000000000000000000");
        // Crockford's page gives no 128-bit example. By hand: 2^36 = 1 and 2^20 = 33 (mod 37), so 2^128 - 1 = 32.
        assert_eq!(Code(u128::MAX).to_string(), format!("7{}*", "Z".repeat(25)));
        assert_eq!(Code(1234).to_string(), format!("{}16JD", "0".repeat(23)));
    }

    #[test]
    fn a_version_4_uuid_and_its_urn() {
        let urn = "urn:uuid:58172aac-d8ba-41ed-83dd-0b3aef56cc33";
        assert_eq!(Code::from_urn(urn).unwrap().to_urn(), urn);
        for wrong in [
            "urn:uuid:58172aac-d8ba-11ed-83dd-0b3aef56cc33",
            "urn:uuid:58172aac-d8ba-41ed-c3dd-0b3aef56cc33",
            "urn:uuid:58172AAC-d8ba-41ed-83dd-0b3aef56cc33",
            "urn:uuid:58172aacd8ba41ed83dd0b3aef56cc33",
            "urn:uuid:+8172aac-d8ba-41ed-83dd-0b3aef56cc33",
            "58172aac-d8ba-41ed-83dd-0b3aef56cc33",
            "urn:uuid:",
        ] {
            assert_eq!(Code::from_urn(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_people_type() {
        let code = Code::from_urn("urn:uuid:58172aac-d8ba-41ed-83dd-0b3aef56cc33").unwrap();
        let typed = code.grouped().to_lowercase().replace('1', "l").replace('0', "o").replace('-', " - ");
        assert_eq!(typed.parse::<Code>(), Ok(code));
        assert_eq!("".parse::<Code>(), Err(CodeError::Length(0)));
        assert_eq!("ABC".parse::<Code>(), Err(CodeError::Length(3)));
        assert_eq!(format!("{}0", "é".repeat(26)).parse::<Code>(), Err(CodeError::Character('é')));
        assert_eq!(format!("8{}0", "0".repeat(25)).parse::<Code>(), Err(CodeError::Mistyped));
    }

    proptest! {
        #[test]
        fn round_trip(bits: u128) {
            let code = Code(bits);
            prop_assert_eq!(code.to_string().parse(), Ok(code));
            prop_assert_eq!(code.grouped().parse(), Ok(code));
            let uuid = Code::from_random(code.to_bytes());
            prop_assert_eq!(Code::from_urn(&uuid.to_urn()), Some(uuid));
        }

        /// The check character finds each single wrong character and each swap of neighbours.
        #[test]
        fn slips_are_found(bits: u128, at in 0usize..26, to in 0usize..32) {
            let text: Vec<char> = Code(bits).to_string().chars().collect();
            let mut wrong = text.clone();
            wrong[at] = symbol(to);
            if wrong != text {
                prop_assert_eq!(wrong.iter().collect::<String>().parse::<Code>(), Err(CodeError::Mistyped));
            }
            let mut swapped = text.clone();
            if at < 25 && text[at] != text[at + 1] {
                swapped.swap(at, at + 1);
                prop_assert_eq!(swapped.iter().collect::<String>().parse::<Code>(), Err(CodeError::Mistyped));
            }
        }

        #[test]
        fn never_panics(text in ".*") {
            let _ = text.parse::<Code>();
            let _ = Code::from_urn(&text);
            let _ = Code::from_urn(&format!("urn:uuid:{text}"));
        }
    }
}
