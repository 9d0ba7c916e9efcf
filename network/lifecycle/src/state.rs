//! Where lifecycle records are read from and written to.

use bytes::Bytes;

/// State that lifecycle records are read from.
pub trait ReadState {
    /// Why the state itself cannot be read, whatever the records say.
    type Error;

    fn get(&mut self, key: &str) -> Result<Option<Bytes>, StateError<Self::Error>>;
}

/// A function that looks a key up.
impl<E, F: FnMut(&str) -> Result<Option<Bytes>, StateError<E>>> ReadState for F {
    type Error = E;

    fn get(&mut self, key: &str) -> Result<Option<Bytes>, StateError<E>> {
        self(key)
    }
}

/// State that lifecycle records are written to.
pub trait WriteState: ReadState {
    fn put(&mut self, key: String, value: Bytes) -> Result<(), StateError<Self::Error>>;
    fn delete(&mut self, key: String) -> Result<(), StateError<Self::Error>>;
}

/// Why records cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StateError<E> {
    /// For what they are, in the words that reach the client.
    #[error("{0}")]
    Failed(String),
    /// For what the state is that they lie in.
    #[error(transparent)]
    State(#[from] E),
}

impl<E> StateError<E> {
    /// Says what was being done when the error came up.
    pub fn context(self, doing: impl std::fmt::Display) -> Self {
        match self {
            Self::Failed(text) => Self::Failed(format!("{doing}: {text}")),
            Self::State(error) => Self::State(error),
        }
    }
}
