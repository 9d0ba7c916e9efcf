//! What mails of the portal say: plain text, and the same as simple HTML. Nothing here sends anything.
//!
//! # What holds here
//! - What others wrote stands in a mail as text and as nothing else: it ends no line of a header, is no markup and no link, and
//!   turns no direction (tests `what_others_wrote_is_text_and_nothing_else`, `only_addresses_of_ours_are_links`).
//! - A mail loads nothing: its HTML names no picture, style or script elsewhere (test `a_mail_loads_nothing`).

use askama::Template;

/// Characters of a line that others wrote.
const LINE_CHARACTERS: usize = 300;

/// A mail, but for whom it is to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Letter {
    pub subject: String,
    /// Paragraphs, with an empty line between.
    pub body: String,
    /// A page of the portal, as its path.
    pub link: Option<String>,
    /// The code of a certificate, whose public page is named and drawn as a QR code.
    pub certificate: Option<String>,
}

/// Where links of mails lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The portal's own address, without a slash at its end.
    pub portal: String,
    /// The public verifier's, where there is one.
    pub verifier: Option<String>,
}

/// A part of a line: text, or an address of ours.
struct Part {
    text: String,
    is_link: bool,
}

#[derive(Template)]
#[template(path = "letter.html")]
struct Page<'a> {
    subject: &'a str,
    paragraphs: Vec<Vec<Vec<Part>>>,
    /// What the HTML calls the picture that comes with it.
    picture: Option<&'a str>,
}

impl Letter {
    /// The subject, in a line.
    pub fn subject(&self) -> String {
        line(&self.subject)
    }

    /// The whole text.
    pub fn text(&self, places: &Places) -> String {
        let mut text: String = self.body.trim().chars().filter(|it| *it == '\n' || !is_odd(*it)).collect();
        let link = self.link.as_deref().filter(|path| path.starts_with('/'));
        if let Some(path) = link.map(line) {
            text += &format!("\n\nIn the portal:\n{}{path}", places.portal);
        }
        if let Some(page) = self.public_page(places) {
            text += &format!("\n\nThe certificate's public page, which its QR code leads to:\n{page}");
        }
        text + "\n"
    }

    /// The public page of its certificate.
    pub fn public_page(&self, places: &Places) -> Option<String> {
        let (verifier, code) = (places.verifier.as_deref()?, self.certificate.as_deref()?);
        let is_code = code.bytes().all(|byte| byte.is_ascii_alphanumeric());
        is_code.then(|| format!("{}/c/{code}", verifier.trim_end_matches('/')))
    }

    /// The same as HTML. `picture` is the Content-ID of the QR code, where it comes with the mail.
    pub fn html(&self, places: &Places, picture: Option<&str>) -> Result<String, askama::Error> {
        let text = self.text(places);
        let paragraphs = text.split("\n\n").filter(|it| !it.trim().is_empty());
        let paragraphs = paragraphs.map(|it| it.lines().map(|line| parts(line, places)).collect()).collect();
        Page { subject: &self.subject(), paragraphs, picture }.render()
    }
}

/// A line's words, where those that are addresses of ours are links.
fn parts(line: &str, places: &Places) -> Vec<Part> {
    let verifier = places.verifier.as_deref().map(|it| it.trim_end_matches('/'));
    let starts: Vec<String> =
        [Some(places.portal.as_str()), verifier].into_iter().flatten().map(|it| format!("{it}/")).collect();
    let mut parts: Vec<Part> = Vec::new();
    for word in line.split_inclusive(' ') {
        let is_link = starts.iter().any(|start| word.starts_with(start.as_str()));
        match parts.last_mut().filter(|last| !last.is_link && !is_link) {
            Some(last) => last.text.push_str(word),
            None => parts.push(Part { text: word.to_owned(), is_link }),
        }
    }
    parts
}

/// What somebody wrote, as one line of text: no control characters and none that turn the direction of what follows; not
/// longer than a line is.
pub fn line(text: &str) -> String {
    let kept: String = text.chars().map(|it| if it.is_whitespace() { ' ' } else { it }).collect();
    let kept: String = kept.chars().filter(|it| !is_odd(*it)).collect();
    let words = kept.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LINE_CHARACTERS) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
        None => words,
    }
}

/// A control character, or one that turns the direction of what follows.
pub fn is_odd(character: char) -> bool {
    let turns = matches!(character, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    character.is_control() || turns
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const EVIL: &str = "Zinc\r\nBcc: all@example.com\r\n\r\n<script>alert(1)</script>\u{202e}\u{2066}\u{0}{{ 7*7 }} {% x %} \
                        &amp; \" ' https://evil.example/ http://localhost:8090.evil.example/x";

    fn places() -> Places {
        Places {
            portal: "http://localhost:8090".to_owned(),
            verifier: Some("https://check.example/".to_owned()),
        }
    }

    fn letter(written: &str) -> Letter {
        Letter {
            subject: format!("About {written}"),
            body: format!("Your application for {} was granted.\n\nLog in.", line(written)),
            link: Some("/applications/X".to_owned()),
            certificate: Some("01040G2081840R2081040G2081S".to_owned()),
        }
    }

    #[test]
    fn what_others_wrote_is_text_and_nothing_else() {
        let letter = letter(EVIL);
        assert!(!letter.subject().contains(['\r', '\n', '\u{202e}', '\u{0}']), "{:?}", letter.subject());
        let text = letter.text(&places());
        let sentence = text.lines().next().unwrap();
        assert!(sentence.contains("Bcc:") && sentence.ends_with("was granted."), "it is one line: {text}");
        let html = letter.html(&places(), None).unwrap();
        assert!(!html.contains("<script") && html.contains("&#60;script&#62;alert(1)"), "{html}");
        assert!(html.contains("{{ 7*7 }} {% x %} &#38;amp; &#34; &#39;"), "{html}");
        assert!(!html.chars().chain(text.chars()).any(|it| it != '\n' && is_odd(it)));
        let long = line(&"ö".repeat(5_000));
        assert_eq!(long.chars().count(), LINE_CHARACTERS + 1);
        assert_eq!(line("  Zinc \t\u{2028} oxide\u{200f} "), "Zinc oxide");
    }

    #[test]
    fn only_addresses_of_ours_are_links() {
        let html = letter(EVIL).html(&places(), None).unwrap();
        let links: Vec<&str> =
            html.split("href=\"").skip(1).map(|it| it.split('"').next().unwrap()).collect();
        let page = "https://check.example/c/01040G2081840R2081040G2081S";
        assert_eq!(links, ["http://localhost:8090/applications/X", page]);
        let odd = Letter { link: Some("//evil".into()), certificate: Some("../x".into()), ..letter("x") };
        assert!(odd.public_page(&places()).is_none());
        assert!(odd.text(&places()).contains("http://localhost:8090//evil"), "it stays ours");
    }

    #[test]
    fn a_mail_loads_nothing() {
        let html = letter("Zinc oxide").html(&places(), Some("qr")).unwrap();
        assert_eq!(html.matches("src=").count(), 1);
        assert!(html.contains("src=\"cid:qr\""), "{html}");
        for loads in ["<link", "<script", "<style", "url(", "@import", "<iframe", "background="] {
            assert!(!html.contains(loads), "{loads}");
        }
    }

    #[test]
    fn without_a_verifier_no_public_page_is_named() {
        let places = Places { verifier: None, ..places() };
        let text = letter("Zinc oxide").text(&places);
        assert!(
            !text.contains("public page") && text.contains("http://localhost:8090/applications/X"),
            "{text}"
        );
    }
}
