//! A certificate as the command line names it: by its code, or by the file of its signed document.

use std::path::{Path, PathBuf};

use certificate::{Code, DateTime, canonical, code::CodeError};
use issuing::background;
use peer_client::certificate::Contract;
use serde_json::Value;

use crate::exit::Failure;
use crate::files;

/// A certificate's code, or the file that holds its signed document.
#[derive(Clone, Debug)]
pub enum Subject {
    Code(Code),
    File(PathBuf),
}

/// Clap's reader of [`Subject`]: what is a file is one; anything else must be a code.
pub fn parse(text: &str) -> Result<Subject, String> {
    if text == "-" || Path::new(text).exists() {
        return Ok(Subject::File(text.into()));
    }
    let code = parse_code(text).map_err(|error| format!("{error} (and there is no such file)"))?;
    Ok(Subject::Code(code))
}

/// Clap's reader of a certificate's code, as people type it or scan it, or as a document has it (`urn:uuid:`).
pub fn parse_code(text: &str) -> Result<Code, String> {
    if let Some(code) = Code::from_urn(text) {
        return Ok(code);
    }
    // The addresses in QR codes end in the code.
    let typed = text.rsplit_once("?c=").or_else(|| text.rsplit_once('/')).map_or(text, |(_, code)| code);
    typed.parse().map_err(|error: CodeError| error.to_string())
}

/// Clap's reader of a moment: midnight where it is a date alone.
pub fn parse_date_time(text: &str) -> Result<DateTime, String> {
    let date_time = DateTime::parse(text).or_else(|| DateTime::parse_date(text));
    date_time.ok_or_else(|| "write it as 2026-01-31T12:00:00Z or 2026-01-31".into())
}

/// The code of a new certificate, application or complaint.
pub fn random_code() -> Result<Code, Failure> {
    background::random_code()
        .map_err(|error| Failure::during("asking the operating system for randomness", error))
}

/// A signed document from a file, or from the ledger.
pub struct Document {
    /// In canonical form, as the ledger holds documents.
    pub bytes: Vec<u8>,
    /// Whether it came in these very bytes.
    pub came_canonical: bool,
}

pub async fn document(subject: &Subject, contract: Option<&Contract>) -> Result<Document, Failure> {
    match (subject, contract) {
        (Subject::File(path), _) => {
            let (document, written) = files::read_document_and_bytes(path)?;
            let bytes = canonical_bytes(&document)?;
            Ok(Document { came_canonical: bytes == written, bytes })
        }
        (Subject::Code(code), Some(contract)) => {
            let document = contract.certificate_document(*code).evaluate().await?;
            Ok(Document { bytes: document.into(), came_canonical: true })
        }
        (Subject::Code(_), None) => Err(Failure::usage(
            "a code alone says nothing off the ledger: give the file of the signed document",
        )),
    }
}

/// A signed document may have been laid out anew, which the proof does not mind; the ledger takes the canonical form.
pub fn canonical_bytes(document: &Value) -> Result<Vec<u8>, Failure> {
    canonical::to_canonical(document).map_err(|error| Failure::usage(format!("the document {error}")))
}

/// The code that a signed document's id stands for.
pub fn code_of(document: &[u8]) -> Result<Code, Failure> {
    let document: Value =
        serde_json::from_slice(document).map_err(|error| Failure::usage(format!("no document: {error}")))?;
    let id = document.get("id").and_then(Value::as_str);
    id.and_then(Code::from_urn)
        .ok_or_else(|| Failure::usage("the document's id is not that of a certificate"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_in_every_form_in_which_people_have_it() {
        let code = Code::from_urn("urn:uuid:58172aac-d8ba-41ed-83dd-0b3aef56cc33").unwrap();
        for text in [
            code.to_string(),
            code.grouped(),
            code.to_urn(),
            format!("https://example.org/c/{code}"),
            format!("https://example.org/01/09506000134352/10/B-7?c={code}"),
        ] {
            assert_eq!(parse_code(&text), Ok(code), "{text}");
        }
        assert!(parse_code("urn:uuid:58172aac").is_err());
    }
}
