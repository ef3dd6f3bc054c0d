//! The core of irqtrace: it samples the kernel's interrupt counters and keeps every count honest.
//!
//! ```text
//! kernel text ─ source ─ parse ─ block of columns ─┬─ record ─ Parquet
//!    (fd kept)  (window)  (cells that changed)      └─ trace ─ Arrow
//! ```
//!
//! Nothing in here knows of Python. Clocks and sources are passed in, so that tests need neither a sleep nor a
//! real `/proc`.

pub mod engine;
mod error;
mod line;
pub mod parse;
pub mod source;
mod time;

pub use error::{ConfigError, IrqtraceError, ParseError, SourceUnavailable, TraceFormatError};
pub use line::{EngineName, Group, Kind, Line};
pub use time::{Clock, ClockAnchor, ManualClock, MonoNs, Window};
