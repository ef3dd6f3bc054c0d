//! What to record, and how.

use std::path::PathBuf;

use crate::{Rotation, Settings};

/// What to record, and how.
#[derive(Clone, Debug)]
pub struct Config {
    /// The grid's interval.
    pub interval_ns: i64,
    /// What else was asked for; its kinds are all that is read.
    pub settings: Settings,
    /// How long; until it is stopped if not given.
    pub duration_ns: Option<i64>,
    /// The file to write; without one, rows stay in memory.
    pub path: Option<PathBuf>,
    /// How often what came is brought to the disk.
    pub flush_every_ns: i64,
    /// When the file is cut into segments.
    pub rotation: Rotation,
    /// Whether the file may be there already.
    pub overwrite: bool,
    /// Bytes of rows to keep in memory.
    pub memory_limit: usize,
    /// At that limit the recording ends; else samples are missed until somebody takes a batch.
    pub stop_at_memory_limit: bool,
    /// Where procfs is mounted: `/proc`.
    pub procfs: PathBuf,
    /// Where sysfs is mounted: `/sys`.
    pub sysfs: PathBuf,
}
