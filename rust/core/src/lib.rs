//! The core of irqtrace: it samples the kernel's interrupt counters and keeps every count honest.
//!
//! ```text
//! kernel text ─ source ─ parse ─ block of columns ─┬─ record ─ Parquet
//!    (fd kept)  (window)  (cells that changed)      └─ trace ─ Arrow
//! ```
//!
//! Nothing in here knows of Python. Clocks and sources are passed in, so that tests need neither a sleep nor a
//! real `/proc`.

#[cfg(all(target_os = "linux", feature = "live"))]
mod clock;
#[cfg(all(target_os = "linux", feature = "live"))]
mod costs;
mod cpulist;
pub mod engine;
mod error;
mod host;
mod line;
#[cfg(all(target_os = "linux", feature = "live"))]
mod os;
mod pace;
pub mod parse;
pub mod source;
mod time;

#[cfg(all(target_os = "linux", feature = "live"))]
pub use clock::SystemClock;
#[cfg(all(target_os = "linux", feature = "live"))]
pub use costs::{ReadCost, read_costs};
pub use cpulist::{format_cpulist, parse_cpulist};

pub use error::{ConfigError, IrqtraceError, ParseError, SourceUnavailable, TraceFormatError};
pub use host::HostFacts;
pub use line::{EngineName, Group, Kind, Line};
#[cfg(all(target_os = "linux", feature = "live"))]
pub use os::{PrivilegeRequest, Privileges, can_dma_latency, can_fifo, check_pin};
pub use pace::{Due, MAX_GROUPS, MAX_SPIN_NS, Misses, Pacer, Waited, wait};
pub use time::{Clock, ClockAnchor, ManualClock, MonoNs, Window};
