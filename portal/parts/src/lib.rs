//! Forms with a file in them (multipart/form-data, RFC 7578), read a piece at a time. An own reader: the ones that there are
//! hold as much of a part, or of its head, in memory as arrives at once.

use std::time::Duration;

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, header},
};
use bytes::{Buf, BytesMut};
use http_body_util::BodyExt;
use tokio::time::timeout;

/// Time between two pieces of such a form.
const PIECE_TIME: Duration = Duration::from_secs(30);
/// Bytes of a part's head.
const HEAD: usize = 4 * 1024;
/// Bytes of the line that separates parts (RFC 2046 §5.1.1).
const BOUNDARY: usize = 70;

/// Why a form cannot be read further: cut off, too slow, or none.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Broken(&'static str);

/// A part's name, and the name of the file that it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    pub name: String,
    pub file: Option<String>,
}

/// A form that arrives.
pub struct Parts {
    body: Body,
    waiting: BytesMut,
    /// What ends a part.
    mark: Vec<u8>,
    is_in_part: bool,
    is_over: bool,
}

impl Parts {
    /// None where the request is no such form.
    pub fn of(request: Request) -> Option<Self> {
        let boundary = boundary(request.headers())?;
        // The first mark has no line before it.
        let waiting = BytesMut::from(b"\r\n".as_slice());
        let mark = format!("\r\n--{boundary}").into_bytes();
        Some(Self { body: request.into_body(), waiting, mark, is_in_part: true, is_over: false })
    }

    /// The next part; what was not read of the one before is left out.
    pub async fn next(&mut self) -> Result<Option<Head>, Broken> {
        while self.piece().await?.is_some() {}
        if self.is_over {
            return Ok(None);
        }
        let end = loop {
            if let Some(end) = find(&self.waiting, b"\r\n\r\n") {
                break end;
            }
            if self.waiting.len() > HEAD {
                return Err(Broken("a part's head is too long"));
            }
            self.more().await?;
        };
        let head = self.waiting.split_to(end);
        self.waiting.advance(4);
        self.is_in_part = true;
        read_head(&head).map(Some).ok_or(Broken("a part has no name"))
    }

    /// The next bytes of the part; none at its end.
    pub async fn piece(&mut self) -> Result<Option<Bytes>, Broken> {
        while self.is_in_part {
            if let Some(end) = find(&self.waiting, &self.mark) {
                let piece = self.waiting.split_to(end).freeze();
                self.waiting.advance(self.mark.len());
                self.is_in_part = false;
                self.end_of_mark().await?;
                return Ok(Some(piece).filter(|piece| !piece.is_empty()));
            }
            // What may be the beginning of a mark waits for the rest of it.
            let sure = self.waiting.len().saturating_sub(self.mark.len());
            if sure > 0 {
                return Ok(Some(self.waiting.split_to(sure).freeze()));
            }
            self.more().await?;
        }
        Ok(None)
    }

    /// A part that is a line of text, of so many bytes at most.
    pub async fn text(&mut self, most: usize) -> Result<String, Broken> {
        let mut text = Vec::new();
        while let Some(piece) = self.piece().await? {
            text.extend_from_slice(&piece);
            if text.len() > most {
                return Err(Broken("a field is too long"));
            }
        }
        String::from_utf8(text).map_err(|_| Broken("a field is no text"))
    }

    /// After a mark: a line's end where a part follows, two hyphens at the end of the form.
    async fn end_of_mark(&mut self) -> Result<(), Broken> {
        while self.waiting.len() < 2 {
            self.more().await?;
        }
        match self.waiting.split_to(2).as_ref() {
            b"\r\n" => Ok(()),
            b"--" => {
                self.is_over = true;
                Ok(())
            }
            _ => Err(Broken("no mark ends so")),
        }
    }

    async fn more(&mut self) -> Result<(), Broken> {
        let frame = timeout(PIECE_TIME, self.body.frame()).await;
        match frame.map_err(|_| Broken("nothing arrived for too long"))? {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    self.waiting.extend_from_slice(&data);
                }
                Ok(())
            }
            Some(Err(_)) => Err(Broken("the connection broke")),
            None => Err(Broken("the form was cut off")),
        }
    }
}

fn boundary(headers: &HeaderMap) -> Option<String> {
    let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    let (kind, parameters) = kind.split_once(';')?;
    let (name, boundary) = parameters.trim().split_once('=')?;
    let boundary = boundary.trim_matches('"');
    let is_plain = boundary.bytes().all(|byte| byte.is_ascii_graphic());
    let is_right = kind.trim().eq_ignore_ascii_case("multipart/form-data")
        && name.eq_ignore_ascii_case("boundary")
        && (1..=BOUNDARY).contains(&boundary.len())
        && is_plain;
    is_right.then(|| boundary.to_owned())
}

fn read_head(head: &[u8]) -> Option<Head> {
    let text = std::str::from_utf8(head).ok()?;
    let mut lines = text.split("\r\n").filter_map(|line| line.split_once(':'));
    let (_, disposition) = lines.find(|(name, _)| name.eq_ignore_ascii_case("content-disposition"))?;
    let rest = disposition.trim().strip_prefix("form-data")?;
    Some(Head { name: parameter(rest, "; name=\"")?, file: parameter(rest, "; filename=\"") })
}

/// Browsers write quotation marks in a value as %22.
fn parameter(text: &str, start: &str) -> Option<String> {
    let (_, rest) = text.split_once(start)?;
    let (value, _) = rest.split_once('"')?;
    Some(value.replace("%22", "\""))
}

/// Where this is, which begins with a line's end.
fn find(text: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = text.get(from..)?;
        let at = from.saturating_add(rest.iter().position(|byte| *byte == b'\r')?);
        if text.get(at..)?.starts_with(wanted) {
            return Some(at);
        }
        from = at.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::{
        collections::VecDeque,
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    use hyper::body::Frame;

    use super::*;

    const KIND: &str = "multipart/form-data; boundary=----x";

    /// A body in pieces.
    struct Pieces(VecDeque<Bytes>);

    impl hyper::body::Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
        }
    }

    fn form(kind: &str, content: &[u8], piece: usize) -> Option<Parts> {
        let body = Pieces(content.chunks(piece).map(Bytes::copy_from_slice).collect());
        let request = Request::builder().header(header::CONTENT_TYPE, kind);
        Parts::of(request.body(Body::new(body)).unwrap())
    }

    async fn read(content: &[u8], piece: usize) -> Result<Vec<(String, Option<String>, String)>, Broken> {
        let (mut parts, mut found) = (form(KIND, content, piece).unwrap(), Vec::new());
        while let Some(Head { name, file }) = parts.next().await? {
            found.push((name, file, parts.text(1000).await?));
        }
        Ok(found)
    }

    const FORM: &str = "------x\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\nabc\r\n\
        ------x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"a %22b%22.txt\"\r\n\
        Content-Type: text/html\r\n\r\nline\r\n-----\r\n------y\r\n\r\n------x--\r\n";

    #[tokio::test]
    async fn a_form_is_read_however_it_arrives() {
        let expected = [
            ("token".to_owned(), None, "abc".to_owned()),
            ("file".to_owned(), Some("a \"b\".txt".to_owned()), "line\r\n-----\r\n------y\r\n".to_owned()),
        ];
        for piece in [1, 2, 3, 7, 50, 1000] {
            assert_eq!(read(FORM.as_bytes(), piece).await.unwrap(), expected, "{piece}");
        }
    }

    #[tokio::test]
    async fn what_is_no_form_or_ends_early_is_refused() {
        for end in 0..FORM.len() - 4 {
            assert!(read(FORM.get(..end).unwrap().as_bytes(), 5).await.is_err(), "{end}");
        }
        for kind in ["text/plain", "multipart/form-data", "multipart/form-data; boundary=", "a/b; boundary=x"]
        {
            assert!(form(kind, FORM.as_bytes(), 5).is_none(), "{kind}");
        }
        let long = format!("------x\r\nA: {}", "a".repeat(10_000));
        assert!(read(long.as_bytes(), 100).await.is_err());
        let nameless = "------x\r\nContent-Disposition: form-data\r\n\r\na\r\n------x--";
        assert!(read(nameless.as_bytes(), 100).await.is_err());
    }
}
