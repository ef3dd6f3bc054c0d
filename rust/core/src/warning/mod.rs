//! What a person must know but does not stop the work.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{EngineName, Group, Kind, LineMeta};

mod message;
mod sum;

pub(crate) use message::duration;

pub use sum::{Told, add_up};

/// What a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningType {
    /// Points of the grid passed without a read. Worst: the most in a row.
    MissedSamples,
    /// Reads took longer than the interval. Worst: nanoseconds.
    LongReads,
    /// A line's counts began anew.
    Reset,
    /// A count fell that is neither a wrap nor a reset, or fell before the trace and is not back. Worst: by how much.
    CountFell,
    /// Lines or CPUs came or went.
    LayoutChanged,
    /// A line has more numbers than the header has CPUs.
    ExtraNumbers,
    /// A text did not fit the format or contradicted itself each time that it was read.
    UnreadableText,
    /// Blocks of rows were dropped since nobody took them.
    DroppedBlocks,
    /// The recording ended, or samples were missed, at the limit of memory.
    MemoryLimit,
    /// The machine was suspended. Worst: nanoseconds.
    Suspend,
    /// The wall clock was stepped. Worst: nanoseconds, with its sign.
    ClockStep,
    /// A line is read from `/proc` since sysfs does not show all of it.
    SysfsFallback,
    /// The recording ended before its time.
    Incomplete,
    /// Segments of the recording are not there, or cannot be read.
    MissingSegments,
    /// When samples were read is known only to some minutes.
    RoughTimes,
    /// Counts fell in a time so long that they may have wrapped, and nothing tells whether they did, or how often.
    LongWraps,
}

/// All occurrences of one type at one place, added up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What it is about.
    pub r#type: WarningType,
    /// The kind of the group, where it is about one.
    pub kind: Option<Kind>,
    /// The engine of the group, where it is about one.
    pub engine: Option<EngineName>,
    /// The line's id, where it is about one.
    pub line: Option<u32>,
    /// How often; 0 where it happened before the trace, and holds on.
    pub count: u64,
    /// The first sample with it.
    pub first_sample: i64,
    /// The last sample with it.
    pub last_sample: i64,
    /// The worst case, in the unit of its type; the sign of a clock step is kept.
    pub worst: Option<i64>,
    /// One sentence for a person, which names what would help.
    pub message: String,
}

/// The warnings of one recording, added up as they come.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(Key, Tally)>", into = "Vec<(Key, Tally)>")]
pub struct Warnings {
    tallies: BTreeMap<Key, Tally>,
    lines: usize,
}

/// Something that a person must know, once or several times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// What it is about.
    pub r#type: WarningType,
    /// The group, where it is about one.
    pub group: Option<Group>,
    /// The line's id, where it is about one.
    pub line: Option<u32>,
    /// The first sample with it.
    pub first: i64,
    /// The last sample with it.
    pub last: i64,
    /// How often.
    pub count: u64,
    /// The worst case, in the unit of the type.
    pub worst: Option<i64>,
    /// A fragment for the message: both clocks, what ended the recording. That of the worst case is kept, else of the
    /// first.
    pub detail: Option<String>,
}

type Key = (WarningType, Option<Group>, Option<u32>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tally {
    count: u64,
    first_sample: i64,
    last_sample: i64,
    worst: Option<i64>,
    detail: Option<String>,
}

impl Warnings {
    /// How many warnings keep their line. Further ones are added up by type and group alone.
    pub const MAX_LINES: usize = 10_000;

    /// Adds occurrences to those of the same type, group and line.
    pub fn add(&mut self, occurrence: Occurrence) {
        let Occurrence { r#type, group, line, first, last, count, worst, detail } = occurrence;
        let mut key = (r#type, group, line);
        if line.is_some() && !self.tallies.contains_key(&key) {
            if self.lines == Self::MAX_LINES {
                key.2 = None;
            } else {
                self.lines += 1;
            }
        }
        let tally = self.tallies.entry(key).or_insert(Tally {
            count: 0,
            first_sample: first,
            last_sample: last,
            worst: None,
            detail: None,
        });
        tally.count = tally.count.saturating_add(count);
        tally.first_sample = tally.first_sample.min(first);
        tally.last_sample = tally.last_sample.max(last);
        // The sign tells which way a clock was stepped: the size alone decides what is worst.
        let size = |worst: Option<i64>| worst.map(i64::unsigned_abs);
        if tally.detail.is_none() || size(worst) > size(tally.worst) {
            tally.detail = detail;
        }
        if size(worst) > size(tally.worst) {
            tally.worst = worst;
        }
    }

    /// Those of lines that are still below what they were, for a trace that begins now. They are counted where they fell.
    #[must_use]
    pub fn still_below(&self, lines: &BTreeSet<u32>) -> Self {
        let holds = |line: &Option<u32>| line.map_or(!lines.is_empty(), |line| lines.contains(&line));
        let told =
            self.tallies.iter().filter(|((r#type, _, line), _)| *r#type == WarningType::CountFell && holds(line));
        told.map(|(key, tally)| (*key, Tally { count: 0, ..tally.clone() })).collect::<Vec<_>>().into()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tallies.is_empty()
    }

    /// All of them, in the order type, group, line, with a message each. `lines` are those of the trace.
    #[must_use]
    pub fn list(&self, lines: &[LineMeta]) -> Vec<Warning> {
        self.tallies
            .iter()
            .map(|((r#type, group, line), tally)| Warning {
                r#type: *r#type,
                kind: group.map(|group| group.kind),
                engine: group.map(|group| group.engine),
                line: *line,
                count: tally.count,
                first_sample: tally.first_sample,
                last_sample: tally.last_sample,
                worst: tally.worst,
                message: message::message(*r#type, *group, line.and_then(|id| find(lines, id)), tally),
            })
            .collect()
    }
}

impl From<Warnings> for Vec<(Key, Tally)> {
    fn from(warnings: Warnings) -> Self {
        warnings.tallies.into_iter().collect()
    }
}

impl From<Vec<(Key, Tally)>> for Warnings {
    fn from(tallies: Vec<(Key, Tally)>) -> Self {
        let lines = tallies.iter().filter(|((_, _, line), _)| line.is_some()).count();
        Self { tallies: tallies.into_iter().collect(), lines }
    }
}

fn find(lines: &[LineMeta], id: u32) -> Option<&LineMeta> {
    lines.binary_search_by_key(&id, |line| line.id).ok().map(|place| &lines[place])
}
