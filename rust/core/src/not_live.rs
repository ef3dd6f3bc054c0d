//! What a build answers that cannot sample: not for Linux, or without the feature `live`.

use std::path::Path;

use crate::recording::Recording;
use crate::source::not_live;
use crate::{Config, IrqtraceError, ReadCost, SourceUnavailable};

/// Cannot record.
///
/// # Errors
///
/// Always.
pub fn open(config: &Config) -> Result<Recording, IrqtraceError> {
    let Config { procfs, .. } = config;
    Err(not_live(&procfs.display().to_string()).into())
}

/// Why nothing can be read.
#[must_use]
pub fn read_costs(procfs: &Path, _sysfs: &Path, _reads: usize) -> Vec<Result<ReadCost, SourceUnavailable>> {
    vec![Err(not_live(&procfs.display().to_string()))]
}

/// Why `SCHED_FIFO` may not be used.
#[must_use]
pub fn can_fifo() -> Option<String> {
    Some("this build of irqtrace cannot sample".to_owned())
}

/// Why `/dev/cpu_dma_latency` may not be opened.
#[must_use]
pub fn can_dma_latency() -> Option<String> {
    can_fifo()
}

/// Why memory may not be locked.
#[must_use]
pub fn can_lock_memory() -> Option<String> {
    can_fifo()
}
