//! Where texts come from: bytes, and the window in which they were read.

#[cfg(all(target_os = "linux", feature = "live"))]
mod chunks;
#[cfg(all(target_os = "linux", feature = "live"))]
pub(crate) mod proc;
mod replay;

#[cfg(all(target_os = "linux", feature = "live"))]
pub use proc::ProcText;
pub use replay::ReplayText;

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

    /// Takes back a text that was only looked at, so that the next read gives it. What can be read again needs none of
    /// that.
    fn give_back(&mut self, _window: Window, _text: &[u8]) {}
}

/// Why there is no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error(transparent)]
    Unavailable(#[from] SourceUnavailable),
    /// Of a captured sequence, this text was not read at this time.
    #[error("no text was captured at this time")]
    Absent,
    /// A captured sequence has ended.
    #[error("the captured texts have ended")]
    End,
}

/// Why the running kernel cannot be sampled by a build that is not for Linux, or was made without the feature `live`.
#[must_use]
pub fn not_live(path: &str) -> SourceUnavailable {
    SourceUnavailable {
        path: path.to_owned(),
        reason: "this build of irqtrace cannot sample: it is not for Linux, or was made without it".to_owned(),
        help: "sample on a Linux machine and open the trace here; captured texts can be read and replayed anywhere"
            .to_owned(),
        errno: 0,
    }
}
