//! Asks a signer.

use std::{io, path::Path};

use tokio::net::UnixStream;

use crate::protocol::{self, Answer, Request};

/// Sends the request, and waits for what the signer answers.
pub async fn ask(socket: &Path, request: &Request) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(socket).await?;
    protocol::write(&mut stream, request).await?;
    protocol::read(&mut stream, protocol::PATIENT).await
}
