//! What one read of each source costs on this machine, measured back to back.

#[cfg(all(target_os = "linux", feature = "live"))]
mod measure;

#[cfg(all(target_os = "linux", feature = "live"))]
pub use measure::read_costs;

use crate::Kind;

/// The cost of one read of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadCost {
    /// What was read: `interrupts`, `interrupts, device lines only`, `softirqs`, `one sysfs line`.
    pub source: &'static str,
    /// The file.
    pub path: String,
    /// The kinds that such a read serves.
    pub kinds: &'static [Kind],
    /// The length of the text.
    pub bytes: usize,
    /// The median, in nanoseconds.
    pub median_ns: i64,
    /// The longest, in nanoseconds.
    pub worst_ns: i64,
}
