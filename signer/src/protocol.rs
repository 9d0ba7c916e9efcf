//! What is said over the socket: the client writes one [`Request`] as JSON and ends its half of the connection; the signer answers with one
//! [`Answer`] and closes.

use std::{io, time::Duration};

use certificate::{Code, document::MAXIMUM_BYTES};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _},
};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// A document that need not be canonical yet, and what stands around it. An answer has the document as a text, of which a
/// character may take two.
const MAXIMUM_MESSAGE: u64 = 4 * MAXIMUM_BYTES as u64;

/// For a request to come in, and for a message to be taken: both ends are on one machine.
pub const PROMPT: Duration = Duration::from_secs(2);

/// For an answer, which waits for the ledger and for earlier requests.
pub const PATIENT: Duration = Duration::from_secs(60);

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The application that was decided.
    #[serde(deserialize_with = "code")]
    pub application: Code,
    /// The document that was decided on, without a proof.
    pub document: Value,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// The document with its proof, in canonical form.
    Signed(String),
    /// Why it is not signed; asking again changes nothing.
    Refused(String),
    /// The ledger did not answer: ask again later.
    Failed(String),
}

/// Reads the one message that comes until `limit`.
pub async fn read<T: DeserializeOwned>(from: impl AsyncRead + Unpin, limit: Duration) -> io::Result<T> {
    let mut text = Vec::new();
    let mut bounded = from.take(MAXIMUM_MESSAGE + 1);
    tokio::time::timeout(limit, bounded.read_to_end(&mut text)).await??;
    if text.len() as u64 > MAXIMUM_MESSAGE {
        let rule = format!("a message of more than {MAXIMUM_MESSAGE} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, rule));
    }
    serde_json::from_slice(&text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Writes the message and ends this half of the connection.
pub async fn write(to: &mut (impl AsyncWrite + Unpin), message: &impl Serialize) -> io::Result<()> {
    let text = serde_json::to_vec(message)?;
    tokio::time::timeout(PROMPT, async {
        to.write_all(&text).await?;
        to.shutdown().await
    })
    .await?
}

fn code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}
