//! The JSON object of a trace file: all that is known of a recording beside its rows. See `docs/format.md`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{ClockAnchor, EngineName, Group, HostFacts, Kind, Line, TraceFormatError, Warning};

/// The version of the file format that this crate writes, and the newest that it reads. `docs/format.md` says what a new
/// one may change.
pub const SCHEMA_VERSION: u32 = 2;

/// The oldest version that it reads.
const OLDEST_VERSION: u32 = SCHEMA_VERSION - 1;

/// The key of the JSON object in a trace file's key-value metadata.
pub const META_KEY: &str = "irqtrace";

/// Everything that a trace says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// The version of the file format.
    pub schema: u32,
    /// The version of the library that wrote it.
    pub irqtrace: String,
    /// What the segments of one recording have in common. `None` where it is not known, as in version 1.
    #[serde(default)]
    pub recording: Option<String>,
    /// The place among the segments of the recording, from 1 up; `None` where it is all of it, or a part of another kind.
    #[serde(default)]
    pub segment: Option<u32>,
    /// The interval of the grid.
    pub interval_ns: i64,
    /// Reads came at times of their own: none was due at a point of the grid, and so none is late or missed. Files that
    /// do not say are of reads on a grid.
    #[serde(default)]
    pub irregular: bool,
    /// UTC of the grid's point 0, by the first anchor.
    pub t0_ns: i64,
    /// The first sample that a part of a trace is of, and the one after its last; some of them may have been missed. `None`
    /// for a whole one: its first and its last read tell.
    #[serde(deserialize_with = "Option::deserialize")]
    pub span: Option<[i64; 2]>,
    /// The groups, in the order of [`Group`]; a [`crate::Chunk`] refers to them by their place here.
    pub groups: Vec<GroupMeta>,
    /// The clocks; the first anchor makes `time` from the monotonic clock.
    pub anchors: Vec<ClockAnchor>,
    /// The machine.
    pub host: HostFacts,
    /// Every line that was there at some time, in the order of their ids.
    pub lines: Vec<LineMeta>,
    /// The count of each cell at the sample where it first appears, or appears again. Zeros are left out at the first
    /// appearance.
    pub baselines: CellColumns,
    /// The kernel's count of each cell at the last sample that it was in. Zeros are left out.
    pub finals: CellColumns,
    /// Where this trace continues another, the last read of each group before it.
    pub previous: Vec<Previous>,
    /// What was asked for.
    pub settings: Settings,
    /// What the sampling took.
    pub cost: Cost,
    /// What a person must know but did not stop the work.
    pub warnings: Vec<Warning>,
    /// Instants named by the user.
    pub marks: Vec<Mark>,
}

/// A group, and how its reading went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupMeta {
    /// Which.
    #[serde(flatten)]
    pub group: Group,
    /// It is due at every `every`-th point of the grid.
    pub every: u64,
    /// How often it was read.
    pub reads: u64,
    /// How many points at which it was due passed without a read.
    pub missed: u64,
}

/// A line, and when it was there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineMeta {
    /// The key of the line in the trace's rows. Ids are given from 0 up, without gaps over a whole recording.
    #[serde(rename = "line")]
    pub id: u32,
    /// Where its counts come from.
    pub engine: EngineName,
    /// What the kernel says of it.
    #[serde(flatten)]
    pub line: Line,
    /// The first sample that it was in.
    pub first_sample: i64,
    /// The last sample that it was in; `None` while it is present.
    pub last_sample: Option<i64>,
}

/// Counts of cells, as columns of equal length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellColumns {
    /// Keys into [`Meta::lines`].
    pub line: Vec<u32>,
    /// The kernel's CPU ids; `None` for a count that is not of one CPU.
    pub cpu: Vec<Option<u16>>,
    /// When.
    pub sample: Vec<i64>,
    /// How many.
    pub count: Vec<u64>,
}

impl CellColumns {
    /// Adds the count of one cell at one sample.
    pub fn push(&mut self, line: u32, cpu: Option<u16>, sample: i64, count: u64) {
        self.line.push(line);
        self.cpu.push(cpu);
        self.sample.push(sample);
        self.count.push(count);
    }

    /// How many counts.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.line.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    const fn is_even(&self) -> bool {
        self.cpu.len() == self.len() && self.sample.len() == self.len() && self.count.len() == self.len()
    }
}

/// The last read of a group before a trace that continues another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    /// Which.
    #[serde(flatten)]
    pub group: Group,
    /// The read's ordinal.
    pub sample: i64,
    /// UTC of its begin.
    pub time_ns: i64,
    /// Its length.
    pub read_ns: u32,
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The interval of each kind in nanoseconds.
    pub kinds: BTreeMap<Kind, i64>,
    /// The choice of lines; `None` for all.
    pub irqs: Option<Vec<IrqChoice>>,
    /// The CPU that the sampler ran on.
    pub pin: Option<u16>,
    /// The priority under `SCHED_FIFO`.
    pub fifo: Option<u8>,
    /// Whether memory was locked.
    pub lock_memory: bool,
    /// What was written to `/dev/cpu_dma_latency`.
    pub dma_latency_us: Option<u32>,
    /// How long the sampler spun before each deadline.
    pub spin_ns: i64,
    /// How often batches were handed on.
    pub batch_every_ns: i64,
}

/// One choice of lines, as the user wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum IrqChoice {
    /// A numbered line.
    Number(u32),
    /// A glob on irq, name or any action.
    Pattern(String),
}

/// What the sampler's thread took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// CPU time.
    pub cpu_ns: i64,
    /// Time from its start to its end.
    pub wall_ns: i64,
    /// Readings of groups.
    pub reads: u64,
    /// How often it slept: about the number of its own timer interrupts.
    pub sleeps: u64,
    /// How often it spun.
    pub spins: u64,
}

/// An instant named by the user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The newest sample at that time.
    pub sample: i64,
    /// UTC of the instant.
    pub time_ns: i64,
    /// What the user called it.
    pub text: String,
}

/// The version alone: it is looked at first, since the rest of a newer version may have any shape.
#[derive(Deserialize)]
struct Version {
    schema: u32,
}

impl Meta {
    /// Reads the JSON object of the file `path`; `None` stands for a file that has no such key.
    ///
    /// # Errors
    ///
    /// The key is absent, its value is no JSON, is of a newer version, or lacks something.
    pub fn from_json(path: &str, json: Option<&str>) -> Result<Self, TraceFormatError> {
        let wrong = |message: String| TraceFormatError { path: path.to_owned(), message };
        let json =
            json.ok_or_else(|| wrong(format!("not a trace of irqtrace: its metadata has no key \"{META_KEY}\"")))?;
        let Version { schema } = serde_json::from_str(json).map_err(|error| wrong(unreadable(&error)))?;
        if schema > SCHEMA_VERSION {
            return Err(wrong(format!(
                "schema version {schema} is newer than {SCHEMA_VERSION}, which this irqtrace reads; update irqtrace"
            )));
        }
        if schema < OLDEST_VERSION {
            return Err(wrong(format!(
                "schema version {schema} is older than {OLDEST_VERSION}, the oldest that this irqtrace reads"
            )));
        }
        let mut meta: Self = serde_json::from_str(json).map_err(|error| wrong(unreadable(&error)))?;
        // What came with a newer version has its value for the older ones by now.
        meta.schema = SCHEMA_VERSION;
        for (name, cells) in [("baselines", &meta.baselines), ("finals", &meta.finals)] {
            if !cells.is_even() {
                return Err(wrong(format!("the columns of {name} differ in length")));
            }
        }
        Ok(meta)
    }

    /// The JSON object.
    ///
    /// # Errors
    ///
    /// None in practice: every key is a text.
    pub fn to_json(&self) -> Result<String, TraceFormatError> {
        serde_json::to_string(self)
            .map_err(|error| TraceFormatError { path: META_KEY.to_owned(), message: error.to_string() })
    }

    /// The line with this id.
    #[must_use]
    pub fn line(&self, id: u32) -> Option<&LineMeta> {
        self.lines.binary_search_by_key(&id, |line| line.id).ok().map(|place| &self.lines[place])
    }
}

fn unreadable(error: &serde_json::Error) -> String {
    match error.classify() {
        serde_json::error::Category::Data => format!("its metadata \"{META_KEY}\" does not fit the format: {error}"),
        _ => format!("its metadata \"{META_KEY}\" is not JSON: {error}"),
    }
}
