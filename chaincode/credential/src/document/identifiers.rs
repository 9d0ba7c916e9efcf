//! Check digits and shapes of the identifiers that a certificate names.

/// Legal Entity Identifier: 18 letters and digits, two check digits, ISO/IEC 7064 MOD 97-10 (ISO 17442-1).
pub fn is_lei(text: &str) -> bool {
    let bytes = text.as_bytes();
    let shaped = bytes.len() == 20
        && bytes.iter().take(18).all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        && bytes.iter().skip(18).all(u8::is_ascii_digit);
    let remainder =
        text.chars().filter_map(|character| character.to_digit(36)).fold(0, |remainder, value| {
            let shift = if value < 10 { 10 } else { 100 };
            (remainder * shift + value) % 97
        });
    shaped && remainder == 1
}

/// Economic Operators Registration and Identification number: country code and up to 15 letters and digits
/// (Regulation (EU) 2015/2447, Annex 12-01).
pub fn is_eori(text: &str) -> bool {
    text.get(..2).is_some_and(is_country)
        && text.get(2..).is_some_and(|number| {
            (1..=15).contains(&number.len())
                && number.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        })
}

/// Global Trade Item Number of 14 digits with its check digit (GS1 General Specifications, section 7.9).
pub fn is_gtin14(text: &str) -> bool {
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let weighted: u32 =
        digits(text).enumerate().map(|(index, digit)| if index % 2 == 0 { 3 * digit } else { digit }).sum();
    weighted.is_multiple_of(10) && text != "00000000000000"
}

/// A GTIN of 8, 12, 13 or 14 digits in the one spelling that certificates use; `None` where the check digit is
/// wrong.
pub fn to_gtin14(text: &str) -> Option<String> {
    let padded = matches!(text.len(), 8 | 12 | 13 | 14).then(|| format!("{text:0>14}"))?;
    is_gtin14(&padded).then_some(padded)
}

/// Batch or serial number: 1 to 20 of the 82 characters of GS1's AI encodable character set (GS1 General
/// Specifications, figure 7.11-1).
pub fn is_gs1_text(text: &str) -> bool {
    const OTHERS: &[u8] = b"!\"%&'()*+,-./:;<=>?_";
    (1..=20).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || OTHERS.contains(&byte))
}

/// CAS Registry Number: two to seven digits, two digits, check digit.
pub fn is_cas(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [first, second, check] = parts.as_slice() else { return false };
    let shaped = (2..=7).contains(&first.len()) && second.len() == 2 && check.len() == 1;
    let numeric = parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let sum: u32 =
        digits(first).chain(digits(second)).rev().zip(1..).map(|(digit, weight)| digit * weight).sum();
    shaped && numeric && !first.starts_with('0') && digits(check).eq([sum % 10])
}

/// EC number of EINECS, ELINCS or NLP: three, three, check digit modulo 11.
pub fn is_ec(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [first, second, check] = parts.as_slice() else { return false };
    let shaped = first.len() == 3 && second.len() == 3 && check.len() == 1;
    let numeric = parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()));
    let sum: u32 = digits(first).chain(digits(second)).zip(1..).map(|(digit, weight)| digit * weight).sum();
    shaped && numeric && digits(check).eq([sum % 11])
}

/// Identifier of the European Registry of Materials (NanoCommons): `ERM` and eight digits.
pub fn is_erm(text: &str) -> bool {
    text.strip_prefix("ERM").is_some_and(|number| number.len() == 8 && all_digits(number))
}

/// Identifier of the JRC Nanomaterials Repository: `JRCNM`, five digits, perhaps a letter.
pub fn is_jrc(text: &str) -> bool {
    text.strip_prefix("JRCNM").is_some_and(|number| {
        let number = number.strip_suffix(|last: char| last.is_ascii_lowercase()).unwrap_or(number);
        number.len() == 5 && all_digits(number)
    })
}

/// Country code of two letters (ISO 3166-1).
pub fn is_country(text: &str) -> bool {
    const CODES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR \
                         BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ \
                         EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW \
                         GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY \
                         KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV \
                         MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY \
                         QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG \
                         TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM \
                         ZW";
    CODES.split(' ').any(|code| code == text)
}

/// An absolute URI in ASCII (RFC 3986), as far as it matters here: a scheme, a colon, visible characters.
pub fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let forbidden = |byte: u8| {
        !byte.is_ascii_graphic()
            || matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
    };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        && !rest.is_empty()
        && !rest.bytes().any(forbidden)
}

/// An address that a browser opens.
pub fn is_web_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    is_uri(text) && rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_alphanumeric()))
}

/// A `did:web` identifier (W3C DID method web): a host and perhaps a path, parts joined by colons.
pub fn is_did_web(text: &str) -> bool {
    text.strip_prefix("did:web:").is_some_and(|name| {
        name.split(':').all(|part| {
            !part.is_empty()
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_%".contains(&byte))
        })
    })
}

/// SHA-256 in lower-case hex.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The fingerprint of a ledger: `sha256:` and the hex of its genesis block's header hash.
pub fn is_fingerprint(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(is_sha256)
}

/// A Fabric channel's name (`common/configtx`, `ValidateChannelID`).
pub fn is_channel(text: &str) -> bool {
    (1..=249).contains(&text.len())
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte))
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn digits(text: &str) -> impl DoubleEndedIterator<Item = u32> + '_ {
    text.bytes().map(|byte| u32::from(byte.wrapping_sub(b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Each of `right` holds; each with one digit changed does not.
    fn check(is_right: fn(&str) -> bool, right: &[&str], wrong: &[&str]) {
        for text in right {
            assert!(is_right(text), "{text}");
        }
        for text in wrong {
            assert!(!is_right(text), "{text}");
        }
    }

    /// Figures of public registers: GLEIF's own LEI, the substances' entries at CAS and ECHA, GS1's examples.
    #[test]
    fn check_digits() {
        check(
            is_lei,
            &["506700GE1G29325QX363", "529900T8BM49AURSDO55"],
            &[
                "506700GE1G29325QX364",
                "506700GE1G29325QX36",
                "506700ge1g29325qx363",
                "506700GE1G29325QX3630",
                "",
            ],
        );
        check(
            is_cas,
            &["1314-13-2", "13463-67-7", "7631-86-9", "7440-22-4", "58-08-2"],
            &[
                "1314-13-3",
                "1314-31-2",
                "1314132",
                "0314-13-2",
                "1-13-2",
                "12345678-13-2",
                "1314-13-",
                "",
                "--",
            ],
        );
        check(
            is_ec,
            &["215-222-5", "236-675-5", "231-545-4", "231-131-3"],
            &["215-222-6", "2152225", "215-222-", "", "215-22-25"],
        );
        check(
            is_gtin14,
            &["09520123456788", "00012345678905", "00000096385074"],
            &["09520123456789", "9520123456788", "0952012345678X", "00000000000000", ""],
        );
    }

    #[test]
    fn shapes() {
        check(is_erm, &["ERM00000458"], &["ERM0000458", "erm00000458", "ERM000004581"]);
        check(
            is_jrc,
            &["JRCNM01100a", "JRCNM10404"],
            &["JRCNM0110a", "JRCNM01100A", "JRCNM01100ab", "NM-110"],
        );
        check(
            is_eori,
            &["DE123456789012345", "GB1"],
            &["DE", "XX123", "DE1234567890123456", "DE12-3", "Dé1"],
        );
        check(is_country, &["BE", "ZW", "AD"], &["XX", "be", "B", "BEL", "", "E A"]);
        check(is_gs1_text, &["LOT-1/A", "a"], &["", "123456789012345678901", "LOT 1", "LOT#1", "é"]);
        check(
            is_did_web,
            &["did:web:certbody.example", "did:web:x.example:issuers:1"],
            &["did:web:", "did:key:z6Mk", "did:web:a::b", "did:web:a/b"],
        );
        check(
            is_uri,
            &["urn:iso:std:iso:22412", "https://x.example/a?b#c"],
            &["", "x", ":x", "https://x y", "http:", "1a:b", "https://é"],
        );
        check(
            is_web_address,
            &["https://x.example/status"],
            &["https://", "ftp://x", "https:///x", "urn:x:y"],
        );
        check(is_channel, &["nanotrace", "a.b-1"], &["", "Nano", "1a", "a_b"]);
    }

    #[test]
    fn shorter_gtins_are_padded() {
        assert_eq!(to_gtin14("9520123456788").as_deref(), Some("09520123456788"));
        assert_eq!(to_gtin14("96385074").as_deref(), Some("00000096385074"));
        for wrong in ["9520123456789", "952012345678", "", "é952012345678"] {
            assert_eq!(to_gtin14(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn never_panics(text in ".*") {
            for predicate in [
                is_lei, is_eori, is_gtin14, is_gs1_text, is_cas, is_ec, is_erm, is_jrc, is_country, is_uri,
                is_web_address, is_did_web, is_fingerprint, is_channel,
            ] {
                let _ = predicate(&text);
            }
            let _ = to_gtin14(&text);
        }

        #[test]
        fn one_wrong_digit_is_found(at in 0usize..14, to in b'0'..=b'9') {
            let mut bytes = *b"09520123456788";
            let changed = bytes.get_mut(at).map(|byte| std::mem::replace(byte, to)) != Some(to);
            let text: String = bytes.iter().copied().map(char::from).collect();
            prop_assert_eq!(is_gtin14(&text), !changed);
        }
    }
}
