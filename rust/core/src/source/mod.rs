//! Where texts come from: bytes, and the window in which they were read.

use crate::{Clock, SourceUnavailable, Window};

/// A kernel text that can be read again and again.
pub trait TextSource: Send {
    /// What errors call it: its path.
    fn path(&self) -> &str;

    /// Replaces `text` by the file's present content, or by its first `limit` bytes, and returns the window of the
    /// read. It allocates only while `text` grows.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read. `text` is then of no use.
    fn read(&mut self, limit: Option<usize>, clock: &dyn Clock, text: &mut Vec<u8>) -> Result<Window, ReadError>;
}

/// Why there is no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error(transparent)]
    Unavailable(#[from] SourceUnavailable),
    /// A captured sequence has ended.
    #[error("the captured texts have ended")]
    End,
}
