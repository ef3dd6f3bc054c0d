//! What is known of a recording besides its rows: lines, counts, warnings, clocks. It reads blocks as they come, and
//! makes the metadata of a trace.

mod every_cell;
mod facts;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::block::{Block, Epoch, Event, GroupStats, Indirect, Tally};
use crate::meta::{CellColumns, Cost, GroupMeta, LineMeta, Mark, Meta, Previous, SCHEMA_VERSION};
use crate::trace::NO_CPU;
use crate::{ClockAnchor, Group, HostFacts, Occurrence, WarningType, Warnings};
pub use facts::{Facts, Remark};

/// A wall clock that moved against the monotonic one by more than this between two anchors was stepped: slewing is
/// slower than 0.5 ms a second.
const STEP_NS: i64 = 2_000_000;

/// A boot clock that moved against the monotonic one by more than this was in suspend.
const SUSPEND_NS: i64 = 1_000_000;

/// Clocks that moved against each other by more than this since the anchor kept last make another anchor.
const ANCHOR_NS: i64 = 100_000;

/// The counts of newest reads as a matrix, see [`Ledger::counts`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Keys of the present lines: the rows.
    pub lines: Vec<u32>,
    /// CPU ids, then none for counts that the kernel does not give per CPU: the columns.
    pub cpus: Vec<Option<u16>>,
    /// Row after row; 0 where there is no such cell.
    pub counts: Vec<u64>,
    /// The newest sample in it; -1 before the first.
    pub sample: i64,
}

/// Follows a recording block by block. Written down and read back, it goes on where it was.
#[derive(Serialize, Deserialize)]
pub struct Ledger {
    facts: Facts,
    /// Every line since the last [`Ledger::take`], in the order of their keys.
    lines: Vec<LineMeta>,
    groups: Vec<GroupState>,
    baselines: CellColumns,
    finals: CellColumns,
    /// The cells, line and CPU, whose counts are below what they were.
    below: BTreeSet<(u32, u16)>,
    warnings: Warnings,
    anchors: Vec<ClockAnchor>,
    /// The clocks when they were last looked at.
    seen: ClockAnchor,
    marks: Vec<Mark>,
    cost: Cost,
    /// The cost up to the last batch.
    cost_before: Cost,
    newest_sample: i64,
    /// The newest sample when somebody took what there was.
    taken: Option<i64>,
}

/// The present epoch of a group.
#[derive(Default, Serialize, Deserialize)]
struct GroupState {
    lines: Vec<u32>,
    /// For each key of a line, its first cell and the one after its last.
    spans: Vec<(u32, u32)>,
    cells: Vec<(u32, u16)>,
    counts: Vec<u64>,
    reads: u64,
    missed: u64,
    last: Option<Previous>,
    previous: Option<Previous>,
}

impl GroupState {
    /// The place of a cell in the present epoch.
    fn find(&self, line: u32, cpu: u16) -> Option<usize> {
        let &(begin, end) = self.spans.get(line as usize)?;
        let cells = &self.cells[begin as usize..end as usize];
        let at = cells.binary_search_by_key(&cpu, |cell| cell.1).ok();
        // A header whose CPUs are not in order is no kernel's, but it is counted all the same.
        let at = at.or_else(|| cells.iter().position(|cell| cell.1 == cpu))?;
        Some(begin as usize + at)
    }
}

impl Ledger {
    /// An empty ledger.
    #[must_use]
    pub fn new(facts: Facts) -> Self {
        Self {
            groups: facts.groups.iter().map(|_| GroupState::default()).collect(),
            anchors: vec![facts.anchor],
            seen: facts.anchor,
            facts,
            lines: Vec::new(),
            baselines: CellColumns::default(),
            finals: CellColumns::default(),
            below: BTreeSet::new(),
            warnings: Warnings::default(),
            marks: Vec::new(),
            cost: Cost::default(),
            cost_before: Cost::default(),
            newest_sample: -1,
            taken: None,
        }
    }

    /// What stays the same for the whole recording.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The cells of each group's present epoch: key of the line, and CPU.
    #[must_use]
    pub fn layouts(&self) -> Vec<Vec<(u32, u16)>> {
        self.groups.iter().map(|group| group.cells.clone()).collect()
    }

    /// Every line since the last [`Ledger::take`], in the order of their keys.
    #[must_use]
    pub fn lines(&self) -> &[LineMeta] {
        &self.lines
    }

    /// The groups, in the order of rows.
    #[must_use]
    pub fn groups(&self) -> Vec<Group> {
        self.facts.groups.iter().map(|(group, _)| *group).collect()
    }

    /// The newest sample that it knows; -1 before the first.
    #[must_use]
    pub const fn newest_sample(&self) -> i64 {
        self.newest_sample
    }

    /// How long the samples since the last [`Ledger::take`] are.
    #[must_use]
    pub fn since_taken_ns(&self) -> i64 {
        (self.newest_sample - self.taken.unwrap_or(-1)).saturating_mul(self.facts.interval_ns)
    }

    /// The machine.
    #[must_use]
    pub fn host(&self) -> &HostFacts {
        &self.facts.host
    }

    /// Reads a block.
    pub fn add(&mut self, block: &Block) {
        let mut events = block.events.iter().peekable();
        let mut cell = 0;
        for read in 0..block.reads.len() {
            let place = (block.reads.sample[read], block.reads.group[read]);
            let (sample, group) = (place.0, usize::from(place.1));
            let rows = cell..cell + block.reads.rows[read] as usize;
            cell = rows.end;
            while let Some(event) = events.next_if(|event| event.place() < place) {
                self.event(event);
            }
            let mut begins = false;
            while let Some(event) = events.next_if(|event| event.place() == place && matches!(event, Event::Epoch(_))) {
                self.event(event);
                begins = true;
            }
            let state = &mut self.groups[group];
            if !begins {
                for row in rows {
                    let count = &mut state.counts[block.cells.cell[row] as usize];
                    *count = count.wrapping_add_signed(block.cells.delta[row]);
                }
            }
            state.last = Some(Previous {
                group: self.facts.groups[group].0,
                sample,
                time_ns: block.reads.time[read],
                read_ns: block.reads.read_ns[read],
            });
            self.newest_sample = sample;
            while let Some(event) = events.next_if(|event| event.place() == place) {
                self.event(event);
            }
        }
        events.for_each(|event| self.event(event));
        for (group, stats) in block.stats.iter().enumerate() {
            self.stats(group, stats);
        }
        self.cost = block.cost;
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Epoch(epoch) => self.epoch(epoch),
            &Event::Direct { sample, group, cell, line, count, why } => {
                let state = &mut self.groups[usize::from(group)];
                state.counts[cell as usize] = count;
                let cell = state.cells[cell as usize];
                match why {
                    Indirect::Fell(_) | Indirect::StillBelow => self.below.insert(cell),
                    Indirect::Passed | Indirect::Wrapped => self.below.remove(&cell),
                };
                if let Indirect::Fell(below) = why {
                    let below = i64::try_from(below).unwrap_or(i64::MAX);
                    self.warn(WarningType::CountFell, Some(group), Some(line), sample, Some(below), None);
                }
            }
            Event::Odd { sample, group, r#type, line } => {
                let key = self.lines.iter().rev().find(|known| known.line.same_line(line)).map(|known| known.id);
                self.warn(*r#type, Some(*group), key, *sample, None, None);
            }
            Event::Unreadable { sample, error } => {
                self.warn(WarningType::UnreadableText, None, None, *sample, None, Some(error.to_string()));
            }
        }
    }

    /// A group's lines or CPUs changed: what went has a final count, what came a baseline.
    fn epoch(&mut self, epoch: &Epoch) {
        let old = std::mem::take(&mut self.groups[usize::from(epoch.group)]);
        let mut new = GroupState {
            lines: epoch.lines.iter().map(|(key, _)| *key).collect(),
            spans: spans(&epoch.cells),
            cells: epoch.cells.clone(),
            counts: epoch.counts.clone(),
            ..GroupState::default()
        };
        for (key, line) in epoch.lines.iter().filter(|(key, _)| *key >= epoch.first_new) {
            self.lines.push(LineMeta {
                id: *key,
                engine: self.facts.groups[usize::from(epoch.group)].0.engine,
                line: line.clone(),
                first_sample: epoch.sample,
                last_sample: None,
            });
        }
        let last_sample = old.last.map_or(epoch.sample, |last| last.sample);
        for key in old.lines.iter().filter(|key| !new.lines.contains(key)) {
            if let Ok(at) = self.lines.binary_search_by_key(key, |line| line.id) {
                let line = &mut self.lines[at];
                line.last_sample = Some(last_sample);
            }
        }
        for (&(line, cpu), &count) in old.cells.iter().zip(&old.counts) {
            // A zero of a line that stays stands too: it tells when the cell went.
            if (count > 0 || new.lines.contains(&line)) && new.find(line, cpu).is_none() {
                self.finals.push(line, cpu_id(cpu), last_sample, count);
            }
        }
        self.below.retain(|&(line, cpu)| old.find(line, cpu).is_none() || new.find(line, cpu).is_some());
        for (&(line, cpu), &count) in new.cells.iter().zip(&new.counts) {
            // That of a cell that is back stands also when it is 0: it tells when the cell was absent.
            if (count > 0 || line < epoch.first_new) && old.find(line, cpu).is_none() {
                self.baselines.push(line, cpu_id(cpu), epoch.sample, count);
            }
        }
        if old.last.is_some() {
            let detail = self.what_changed(&old, &new);
            self.warn(WarningType::LayoutChanged, Some(epoch.group), None, epoch.sample, None, Some(detail));
        }
        for &line in &epoch.reset {
            self.warn(WarningType::Reset, Some(epoch.group), Some(line), epoch.sample, None, None);
        }
        new.last = old.last;
        new.previous = old.previous;
        new.reads = old.reads;
        new.missed = old.missed;
        self.groups[usize::from(epoch.group)] = new;
    }

    /// `line 36 (eth0) came, CPU 2 went`, for the message of a warning.
    fn what_changed(&self, old: &GroupState, new: &GroupState) -> String {
        let cpus = |state: &GroupState| -> BTreeSet<u16> { state.cells.iter().map(|cell| cell.1).collect() };
        let (old_cpus, new_cpus) = (cpus(old), cpus(new));
        let known =
            |key: &u32| self.lines.binary_search_by_key(key, |line| line.id).ok().map(|at| &self.lines[at].line);
        let line = |key: &u32| match known(key) {
            Some(line) if line.irq == line.name => format!("line {}", line.irq),
            Some(line) => format!("line {} ({})", line.irq, line.name),
            None => format!("line {key}"),
        };
        let cpu = |cpu: &u16| if *cpu == NO_CPU { "a count of no CPU".to_owned() } else { format!("CPU {cpu}") };
        let lines_came = new.lines.iter().filter(|key| !old.lines.contains(key)).map(line);
        let lines_went = old.lines.iter().filter(|key| !new.lines.contains(key)).map(line);
        let came: Vec<String> = new_cpus.difference(&old_cpus).map(cpu).chain(lines_came).collect();
        let went: Vec<String> = old_cpus.difference(&new_cpus).map(cpu).chain(lines_went).collect();
        if came.is_empty() && went.is_empty() {
            return "only in another order".to_owned();
        }
        let parts = [(came, "came"), (went, "went")].into_iter().filter(|(what, _)| !what.is_empty());
        parts.map(|(what, verb)| format!("{} {verb}", shortened(&what))).collect::<Vec<_>>().join(", ")
    }

    fn stats(&mut self, group: usize, stats: &GroupStats) {
        let state = &mut self.groups[group];
        state.reads += stats.reads;
        state.missed += stats.missed.count + stats.dropped.count + stats.unreadable.count;
        let group = Some(self.facts.groups[group].0);
        for (r#type, tally, worst) in [
            (WarningType::MissedSamples, stats.missed, Some(stats.missed.worst)),
            (WarningType::DroppedBlocks, stats.dropped, None),
            (WarningType::LongReads, stats.long, Some(stats.long.worst)),
        ] {
            let Tally { count, first, last, .. } = tally;
            if count > 0 {
                self.warnings.add(Occurrence { r#type, group, line: None, first, last, count, worst, detail: None });
            }
        }
    }

    fn warn(
        &mut self,
        r#type: WarningType,
        group: Option<u8>,
        line: Option<u32>,
        sample: i64,
        worst: Option<i64>,
        detail: Option<String>,
    ) {
        let group = group.map(|group| self.facts.groups[usize::from(group)].0);
        self.warnings.add(Occurrence { r#type, group, line, first: sample, last: sample, count: 1, worst, detail });
    }

    /// Takes in what is said besides the blocks.
    pub fn remark(&mut self, remark: Remark) {
        match remark {
            Remark::Clocks(now) => self.look_at_clocks(now),
            Remark::Mark { sample, mono_ns, text } => {
                let time_ns = mono_ns + self.facts.anchor.real_ns - self.facts.anchor.mono_ns;
                self.marks.push(Mark { sample, time_ns, text });
            }
            Remark::Note { r#type, detail } => {
                self.warn(r#type, None, None, self.newest_sample.max(0), None, Some(detail));
            }
        }
    }

    fn look_at_clocks(&mut self, now: ClockAnchor) {
        let sample = self.newest_sample.max(0);
        let moved = |clock: fn(&ClockAnchor) -> i64, since: &ClockAnchor| {
            (clock(&now) - now.mono_ns) - (clock(since) - since.mono_ns)
        };
        let suspended = moved(|anchor| anchor.boot_ns, &self.seen);
        if suspended > SUSPEND_NS {
            let detail = format!("boot time ran {suspended} ns ahead of monotonic time");
            self.warn(WarningType::Suspend, None, None, sample, Some(suspended), Some(detail));
        }
        // The wall clock runs on in suspend: that much is no step.
        let stepped = moved(|anchor| anchor.real_ns, &self.seen) - suspended;
        let slew = (now.mono_ns - self.seen.mono_ns) / 1_000;
        if stepped.abs() > STEP_NS + slew {
            let expected = now.real_ns - stepped;
            let detail = format!("it shows {} ns where {expected} ns was due", now.real_ns);
            self.warn(WarningType::ClockStep, None, None, sample, Some(stepped), Some(detail));
        }
        let kept = self.anchors.last().unwrap_or(&self.seen);
        let drift = |clock| moved(clock, kept).abs() > ANCHOR_NS;
        if drift(|anchor: &ClockAnchor| anchor.real_ns) || drift(|anchor: &ClockAnchor| anchor.boot_ns) {
            self.anchors.push(now);
        }
        self.seen = now;
    }

    /// The counts of the newest reads.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let cells = self.groups.iter().flat_map(|group| group.cells.iter().zip(&group.counts));
        let ids: BTreeSet<u16> = cells.clone().map(|(cell, _)| cell.1).collect();
        let ids: Vec<u16> = ids.into_iter().collect();
        let mut lines: Vec<u32> = self.groups.iter().flat_map(|group| group.lines.iter().copied()).collect();
        lines.sort_unstable();
        let mut counts = vec![0_u64; lines.len() * ids.len()];
        for (&(line, cpu), &count) in cells {
            if let (Ok(row), Ok(column)) = (lines.binary_search(&line), ids.binary_search(&cpu)) {
                let at = &mut counts[row * ids.len() + column];
                *at = at.saturating_add(count);
            }
        }
        Counts { lines, cpus: ids.into_iter().map(cpu_id).collect(), counts, sample: self.newest_sample }
    }

    /// All that is known now, as the metadata of a trace of the rows since the last [`Ledger::take`].
    #[must_use]
    pub fn meta(&self) -> Meta {
        let facts = &self.facts;
        let mut finals = self.finals.clone();
        for group in &self.groups {
            let Some(last) = group.last else { continue };
            for (&(line, cpu), &count) in group.cells.iter().zip(&group.counts).filter(|(_, count)| **count > 0) {
                finals.push(line, cpu_id(cpu), last.sample, count);
            }
        }
        let group_meta = |(state, &(group, every)): (&GroupState, &(Group, u32))| GroupMeta {
            group,
            every: u64::from(every),
            reads: state.reads,
            missed: state.missed,
        };
        Meta {
            schema: SCHEMA_VERSION,
            irqtrace: env!("CARGO_PKG_VERSION").to_owned(),
            recording: None,
            segment: None,
            interval_ns: facts.interval_ns,
            irregular: facts.irregular,
            t0_ns: facts.t0_ns(),
            span: self.taken.map(|taken| [taken + 1, self.newest_sample + 1]),
            groups: self.groups.iter().zip(&facts.groups).map(group_meta).collect(),
            anchors: self.anchors.clone(),
            host: facts.host.clone(),
            lines: self.lines.clone(),
            baselines: self.baselines.clone(),
            finals,
            previous: self.groups.iter().filter_map(|group| group.previous).collect(),
            settings: facts.settings.clone(),
            cost: Cost {
                cpu_ns: self.cost.cpu_ns - self.cost_before.cpu_ns,
                wall_ns: self.cost.wall_ns - self.cost_before.wall_ns,
                reads: self.cost.reads - self.cost_before.reads,
                sleeps: self.cost.sleeps - self.cost_before.sleeps,
                spins: self.cost.spins - self.cost_before.spins,
            },
            warnings: self.warnings.list(&self.lines),
            marks: self.marks.clone(),
        }
    }

    /// The metadata of the rows so far, which somebody takes; the next trace continues it.
    pub fn take(&mut self) -> Meta {
        let meta = self.meta();
        self.taken = Some(self.newest_sample);
        // What ended before the next trace is no part of it.
        self.lines.retain(|line| line.last_sample.is_none());
        self.finals = CellColumns::default();
        self.baselines = CellColumns::default();
        // What fell and is still below what it was does not add up in the next trace either.
        self.warnings = self.warnings.still_below(&self.below.iter().map(|&(line, _)| line).collect());
        self.marks.clear();
        self.cost_before = self.cost;
        self.anchors = vec![self.facts.anchor];
        if self.seen != self.facts.anchor {
            self.anchors.push(self.seen);
        }
        for group in &mut self.groups {
            (group.reads, group.missed) = (0, 0);
            group.previous = group.last;
            let Some(last) = group.last else { continue };
            for (&(line, cpu), &count) in group.cells.iter().zip(&group.counts).filter(|(_, count)| **count > 0) {
                self.baselines.push(line, cpu_id(cpu), last.sample, count);
            }
        }
        meta
    }
}

/// A CPU of a block's column.
fn cpu_id(cpu: u16) -> Option<u16> {
    (cpu != NO_CPU).then_some(cpu)
}

/// For each key of a line, its first cell and the one after its last.
fn spans(cells: &[(u32, u16)]) -> Vec<(u32, u32)> {
    let mut spans = Vec::new();
    let mut begin = 0;
    for cells in cells.chunk_by(|a, b| a.0 == b.0) {
        let end = begin + u32::try_from(cells.len()).unwrap_or(u32::MAX);
        let line = cells[0].0 as usize;
        if spans.len() <= line {
            spans.resize(line + 1, (0, 0));
        }
        spans[line] = (begin, end);
        begin = end;
    }
    spans
}

/// The first few of a list.
fn shortened(what: &[String]) -> String {
    const SHOWN: usize = 4;
    match what.len().checked_sub(SHOWN) {
        None | Some(0) => what.join(", "),
        Some(more) => format!("{} and {more} more", what[..SHOWN].join(", ")),
    }
}
