//! The core of irqtrace: it samples the kernel's interrupt counters and keeps every count honest.
//!
//! ```text
//! kernel text ─ source ─ parse ─ block of columns ─┬─ record ─ Parquet
//!    (fd kept)  (window)  (cells that changed)      └─ trace ─ Arrow
//! ```
//!
//! Nothing in here knows of Python. Clocks and sources are passed in, so that tests need neither a sleep nor a
//! real `/proc`.

pub mod block;
pub mod engine;
mod error;
mod host;
pub mod ledger;
mod line;
mod meta;
mod pace;
pub mod parse;
pub mod plan;
mod record;
pub mod recording;
pub mod replay;
pub mod sampler;
pub mod select;
pub mod source;
mod snapshot;
mod store;
mod time;
mod trace;
pub mod track;
mod warning;

pub use error::{ConfigError, IrqtraceError, ParseError, SourceUnavailable, TraceFormatError};
pub use host::HostFacts;
pub use line::{EngineName, Group, Kind, Line};
pub use meta::{
    CellColumns, Cost, GroupMeta, IrqChoice, LineMeta, META_KEY, Mark, Meta, Previous, SCHEMA_VERSION, Settings,
};
pub use record::TraceWriter;
pub use snapshot::{Snapshot, not_live};
pub use time::{Clock, ClockAnchor, ManualClock, MonoNs, Window};
pub use trace::{Cells, Chunk, ChunkBuilder, Flattener, NO_CPU, Reads, Trace, conform, schema};
pub use warning::{Occurrence, Warning, WarningType, Warnings};
