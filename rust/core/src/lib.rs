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
#[cfg(all(target_os = "linux", feature = "live"))]
mod clock;
mod config;
mod costs;
mod cpulist;
pub mod engine;
mod error;
mod host;
pub mod import;
pub mod ledger;
mod line;
#[cfg(all(target_os = "linux", feature = "live"))]
mod live;
mod meta;
#[cfg(not(all(target_os = "linux", feature = "live")))]
mod not_live;
#[cfg(all(target_os = "linux", feature = "live"))]
mod os;
mod pace;
pub mod parse;
pub mod plan;
mod record;
pub mod recording;
pub mod replay;
pub mod sampler;
pub mod select;
mod snapshot;
pub mod source;
mod store;
mod time;
mod trace;
pub mod track;
mod warning;

#[cfg(all(target_os = "linux", feature = "live"))]
pub use clock::SystemClock;
pub use config::Config;
pub use costs::ReadCost;
#[cfg(all(target_os = "linux", feature = "live"))]
pub use costs::read_costs;
pub use cpulist::{format_cpulist, parse_cpulist};
pub use error::{ConfigError, IrqtraceError, ParseError, SourceUnavailable, TraceFormatError};
pub use host::HostFacts;
pub use line::{EngineName, Group, Kind, Line};
#[cfg(all(target_os = "linux", feature = "live"))]
pub use live::open;
pub use meta::{
    CellColumns, Cost, GroupMeta, IrqChoice, LineMeta, META_KEY, Mark, Meta, Previous, SCHEMA_VERSION, Settings,
};
#[cfg(not(all(target_os = "linux", feature = "live")))]
pub use not_live::{can_dma_latency, can_fifo, can_lock_memory, open, read_costs};
#[cfg(all(target_os = "linux", feature = "live"))]
pub use os::{PrivilegeRequest, Privileges, can_dma_latency, can_fifo, can_lock_memory, check_pin};
pub use record::{Checks, Recorder, Repaired, Rotation, TraceWriter, Unfinished, begun_for, repair, write_flat};
pub use snapshot::Snapshot;
pub use time::{Clock, ClockAnchor, ManualClock, MonoNs, Window};
pub use trace::{Cells, Chunk, ChunkBuilder, Flattener, NO_CPU, Reads, Trace, conform, schema};
pub use warning::{Occurrence, Told, Warning, WarningType, Warnings, add_up};

/// Whether this build can sample the running kernel.
pub const LIVE: bool = cfg!(all(target_os = "linux", feature = "live"));
