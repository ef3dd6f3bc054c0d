//! The sampling loop: wait for a point of the grid, read what is due, write down what grew.
//!
//! It runs on a thread of its own. In the steady state it allocates nothing and takes no lock: blocks come and go
//! through an [`Outlet`], and everything else that others see of it is in [`Control`].

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use crate::block::{Block, Event, GroupStats, Read, read_ns};
use crate::engine::{Engine, EngineError, Reading};
use crate::meta::Cost;
use crate::pace::{self, Due, Pacer};
use crate::source::ReadError;
use crate::track::{LineKeys, Tracker};
use crate::{Clock, ClockAnchor, ConfigError, Group};

/// So many samples in a row whose text contradicts itself or its format end the recording.
const UNREADABLE_IN_A_ROW: u32 = 10;

/// When told to stop, a recording goes on until each group was read once more, so that what was counted up to the stop is
/// in it. A group whose point is farther than this is read ahead of it.
const LAST_ROUND_NS: i64 = 100_000_000;

/// Where full blocks go and empty ones come from. Neither call may block.
pub trait Outlet {
    /// Hands a block over to the reader.
    fn hand_over(&mut self, block: Box<Block>);

    /// An empty block, if the reader has given one back.
    fn take_empty(&mut self) -> Option<Box<Block>>;
}

/// The groups that are to be read once more, a bit each: those whose points are waited for, and those read ahead of them.
struct LastRound {
    near: u32,
    far: u32,
}

/// What others may ask of a running sampler, and see of it.
#[derive(Debug)]
pub struct Control {
    /// Ask it to end.
    pub stop: AtomicBool,
    /// Ask it to hand over what it has after the next sample.
    pub flush: AtomicBool,
    /// The newest sample; -1 before the first.
    pub sample: AtomicI64,
    /// Readings of groups so far.
    pub reads: AtomicU64,
    /// Grid points that were due for some group and not read, so far.
    pub missed: AtomicU64,
    /// How late the newest sample was.
    pub late_ns: AtomicI64,
}

impl Default for Control {
    fn default() -> Self {
        Self {
            stop: AtomicBool::new(false),
            flush: AtomicBool::new(false),
            sample: AtomicI64::new(-1),
            reads: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            late_ns: AtomicI64::new(0),
        }
    }
}

/// One group, and which engine reads it.
#[derive(Clone, Copy, Debug)]
pub struct GroupPlan {
    /// The group.
    pub group: Group,
    /// It is due at every so many points of the grid.
    pub every: u32,
    /// Index of the engine, and of the group in it.
    pub engine: (usize, usize),
}

/// What to sample, when, and how.
pub struct Plan {
    /// What reads.
    pub engines: Vec<Box<dyn Engine>>,
    /// The groups, in the order of rows.
    pub groups: Vec<GroupPlan>,
    /// The grid.
    pub interval_ns: i64,
    /// Spin this long before each deadline.
    pub spin_ns: i64,
    /// Hand a block over at least this often.
    pub batch_every_ns: i64,
    /// The last sample, if there is one.
    pub last_sample: Option<i64>,
}

/// The sampling loop's state.
pub struct Sampler {
    plan: Plan,
    clock: Arc<dyn Clock>,
    utc_offset_ns: i64,
    pacer: Pacer,
    trackers: Vec<Tracker>,
    keys: LineKeys,
    /// Readings by engine.
    readings: Vec<Vec<Reading>>,
    /// For each engine, a bit for each of its groups that is due.
    due: Vec<u32>,
    unreadable: Vec<u32>,
    /// Engines that have nothing to read any more.
    ended: Vec<bool>,
    stats: Vec<GroupStats>,
    /// What was due since the newest read and not read. It is told with the read that comes next, in whose span it lies.
    passed: Vec<GroupStats>,
    /// The texts among it that contradicted themselves.
    torn: Vec<Event>,
    /// For each group, how many of its points in a row have no reading up to now.
    missed_in_a_row: Vec<i64>,
    cost: Cost,
    began: i64,
    block: Option<Box<Block>>,
    spare: Option<Box<Block>>,
    /// When the block in hand got its first read.
    block_began: i64,
}

impl Sampler {
    /// A sampler whose grid begins now. `anchor` turns the monotonic clock into UTC.
    ///
    /// # Errors
    ///
    /// Where the interval is no interval, or there is no group.
    pub fn new(plan: Plan, clock: Arc<dyn Clock>, anchor: ClockAnchor) -> Result<Self, ConfigError> {
        let began = clock.now();
        let every: Vec<u32> = plan.groups.iter().map(|group| group.every).collect();
        let numbered = (0_u8..).zip(&plan.groups);
        Ok(Self {
            pacer: Pacer::new(began, plan.interval_ns, &every)?,
            trackers: numbered.map(|(at, group)| Tracker::new(at, group.group.kind)).collect(),
            keys: LineKeys::default(),
            readings: plan.engines.iter().map(|e| e.groups().iter().map(|_| Reading::default()).collect()).collect(),
            due: vec![0; plan.engines.len()],
            unreadable: vec![0; plan.engines.len()],
            ended: vec![false; plan.engines.len()],
            stats: vec![GroupStats::default(); plan.groups.len()],
            passed: vec![GroupStats::default(); plan.groups.len()],
            torn: Vec::new(),
            missed_in_a_row: vec![0; plan.groups.len()],
            cost: Cost::default(),
            utc_offset_ns: anchor.real_ns.saturating_sub(anchor.mono_ns),
            began,
            block: None,
            spare: None,
            block_began: began,
            clock,
            plan,
        })
    }

    /// The monotonic time of the grid's point 0.
    #[must_use]
    pub fn t0(&self) -> i64 {
        self.began
    }

    /// Samples until told to stop, the last sample, or an error. What is still in hand then is returned: it may be more
    /// than the outlet would take.
    ///
    /// # Errors
    ///
    /// Where a text stays wrong or cannot be read any more. The block then holds all that came before.
    #[must_use = "the block holds the last rows"]
    pub fn run(&mut self, outlet: &mut impl Outlet, control: &Control) -> (Box<Block>, Result<(), EngineError>) {
        let result = self.sample_until_stopped(outlet, control);
        let groups = self.plan.groups.len();
        let mut block = self.block.take().unwrap_or_else(|| Box::new(Block::with_capacity(0, 0, groups)));
        self.tell_passed(&mut block);
        self.close(&mut block);
        (block, result)
    }

    fn sample_until_stopped(&mut self, outlet: &mut impl Outlet, control: &Control) -> Result<(), EngineError> {
        // The grid's first point is where it began: the time since then makes its read late, and not missed.
        let mut now = self.began;
        let mut last_round: Option<LastRound> = None;
        loop {
            let due = self.next_due(now, control);
            if self.plan.last_sample.is_some_and(|last| due.sample > last) {
                return Ok(());
            }
            if last_round.is_none() {
                // Before a sleep that would keep the reader waiting, the block goes.
                let flush = control.flush.swap(false, Ordering::Relaxed);
                if flush || due.deadline - self.block_began >= self.plan.batch_every_ns {
                    self.hand_over(outlet);
                }
                if !self.wait(due.deadline, &control.stop) {
                    last_round = Some(self.last_round(due));
                }
            }
            let mut over = false;
            let result = match &mut last_round {
                None if self.make_room(due.groups, outlet) => self.read_and_write(due, outlet, control),
                None => {
                    self.count_dropped(due, control);
                    Ok(())
                }
                Some(LastRound { near: 0, far }) => {
                    // Ahead of the point, which their lateness then tells.
                    let groups = *far;
                    self.have_a_block();
                    over = true;
                    self.read_and_write(Due { groups, ..due }, outlet, control)
                }
                Some(LastRound { near, .. }) => {
                    *near &= !due.groups;
                    self.wait(due.deadline, &AtomicBool::new(false));
                    self.have_a_block();
                    self.read_and_write(due, outlet, control)
                }
            };
            match result {
                Err(EngineError::Ended(ReadError::End)) => over = true,
                result => result?,
            }
            if over {
                return Ok(());
            }
            now = self.clock.now();
        }
    }

    /// What is left to do for a recording that was told to stop while it waited for `due`.
    fn last_round(&self, due: Due) -> LastRound {
        let until = self.clock.now() + LAST_ROUND_NS;
        let mut round = LastRound { near: 0, far: 0 };
        for (at, plan) in self.plan.groups.iter().enumerate() {
            let point = pace::round_up(due.sample, i64::from(plan.every));
            let round = if self.pacer.deadline(point) <= until { &mut round.near } else { &mut round.far };
            *round |= 1 << at;
        }
        round
    }

    /// The next point of the grid; those that were passed over are counted as missed.
    fn next_due(&mut self, now: i64, control: &Control) -> Due {
        // What lies beyond the end is missed by nobody.
        let end = self.plan.last_sample.map_or(i64::MAX, |last| self.pacer.deadline(last).saturating_add(1));
        let now = now.min(end);
        let (stats, run) = (&mut self.passed, &mut self.missed_in_a_row);
        let mut points = 0;
        let due = self.pacer.next(now, |passed| {
            let run = &mut run[passed.group];
            *run = run.saturating_add_unsigned(passed.count);
            stats[passed.group].missed.add(passed.count, passed.first, passed.last, *run);
            points = points.max(passed.count);
        });
        control.missed.fetch_add(points, Ordering::Relaxed);
        due
    }

    /// At the end a block is made where none is free: the reader need not be quick any more.
    fn have_a_block(&mut self) {
        let groups = self.plan.groups.len();
        self.block.get_or_insert_with(|| Box::new(Block::with_capacity(0, 0, groups)));
    }

    /// One sample: every engine that has something due is read, then the rows are written, group by group.
    fn read_and_write(&mut self, due: Due, outlet: &mut impl Outlet, control: &Control) -> Result<(), EngineError> {
        let mut groups = due.groups;
        let mut torn = false;
        self.due.fill(0);
        for (at, plan) in self.plan.groups.iter().enumerate() {
            self.due[plan.engine.0] |= (groups >> at & 1) << plan.engine.1;
        }
        for engine in 0..self.plan.engines.len() {
            if self.due[engine] == 0 {
                continue;
            }
            if self.ended[engine] {
                groups &= !self.groups_due(engine);
                continue;
            }
            match self.plan.engines[engine].read(self.due[engine], &*self.clock, &mut self.readings[engine]) {
                Ok(()) => self.unreadable[engine] = 0,
                Err(EngineError::Ended(ReadError::End)) => {
                    self.ended[engine] = true;
                    groups &= !self.groups_due(engine);
                }
                Err(EngineError::Ended(ReadError::Absent)) => {
                    groups &= !self.groups_due(engine);
                    self.count_absent(engine, due.sample);
                }
                Err(EngineError::Unreadable(error)) => {
                    groups &= !self.groups_due(engine);
                    self.count_unreadable(engine, due.sample);
                    self.unreadable[engine] += 1;
                    if self.unreadable[engine] >= UNREADABLE_IN_A_ROW {
                        return Err(EngineError::Unreadable(error));
                    }
                    torn = true;
                    self.torn.push(Event::Unreadable { sample: due.sample, error: Box::new(error) });
                }
                Err(error) => return Err(error),
            }
        }
        self.swap_if_full(groups, outlet);
        self.write_rows(due, groups, control);
        control.missed.fetch_add(u64::from(torn), Ordering::Relaxed);
        if groups != 0
            && let Some(mut block) = self.block.take()
        {
            self.tell_passed(&mut block);
            self.block = Some(block);
        }
        if self.ended.iter().all(|&ended| ended) { Err(ReadError::End.into()) } else { Ok(()) }
    }

    /// Whether a read of these groups can be kept: it fits the block in hand, or there is a spare one to go on with.
    fn make_room(&mut self, groups: u32, outlet: &mut impl Outlet) -> bool {
        let due = self.trackers.iter().enumerate().filter(|(at, _)| groups & (1 << at) != 0);
        let cells = due.map(|(_, tracker)| tracker.cells()).sum();
        if self.spare.is_none() {
            self.spare = outlet.take_empty();
        }
        if self.block.is_none() {
            self.block = self.spare.take();
            self.block_began = self.clock.now();
            self.spare = outlet.take_empty();
        }
        let fits = self.block.as_ref().is_some_and(|block| block.has_room(cells, self.plan.groups.len()));
        fits || (self.block.is_some() && self.spare.is_some())
    }

    /// After the read, when its rows are known: goes on with the spare block if they do not fit the one in hand.
    fn swap_if_full(&mut self, groups: u32, outlet: &mut impl Outlet) {
        let due = self.plan.groups.iter().enumerate().filter(|(at, _)| groups & (1 << at) != 0);
        let rows = due.map(|(_, plan)| self.readings[plan.engine.0][plan.engine.1].changes.len()).sum();
        let fits = self.block.as_ref().is_some_and(|block| block.has_room(rows, self.plan.groups.len()));
        if !fits && self.spare.is_some() {
            self.hand_over(outlet);
            self.block = self.spare.take();
            self.block_began = self.clock.now();
        }
        if let Some(block) = &mut self.block {
            block.reserve(rows);
        }
    }

    /// Writes the rows of the groups that were read.
    fn write_rows(&mut self, due: Due, groups: u32, control: &Control) {
        let Some(block) = &mut self.block else { return };
        for (at, plan) in self.plan.groups.iter().enumerate() {
            if groups & (1 << at) == 0 {
                continue;
            }
            let (engine, local) = plan.engine;
            let source = &self.plan.engines[engine];
            let reading = &mut self.readings[engine][local];
            let window = reading.window;
            let late_ns = window.begin - due.deadline;
            let group = self.trackers[at].group();
            let relearned = reading.relearned;
            let layout = || source.layout(local);
            let rows = self.trackers[at].apply(reading, layout, &mut self.keys, due.sample, block);
            if relearned {
                for (r#type, line) in source.oddities(local) {
                    block.events.push(Event::Odd { sample: due.sample, group, r#type, line: Box::new(line) });
                }
            }
            let took_ns = read_ns(window.begin, window.end);
            let time = window.begin.saturating_add(self.utc_offset_ns);
            block.reads.push(Read { sample: due.sample, time, read_ns: took_ns, group, late_ns, rows });
            let stats = &mut self.stats[at];
            stats.reads += 1;
            self.missed_in_a_row[at] = 0;
            if i64::from(took_ns) > self.plan.interval_ns.saturating_mul(i64::from(plan.every)) {
                stats.long.add(1, due.sample, due.sample, i64::from(took_ns));
            }
            self.cost.reads += 1;
            control.reads.fetch_add(1, Ordering::Relaxed);
            control.late_ns.store(late_ns, Ordering::Relaxed);
        }
        control.sample.store(due.sample, Ordering::Release);
    }

    /// No block was free: the reader is too slow. The next read carries the growth.
    fn count_dropped(&mut self, due: Due, control: &Control) {
        for (at, stats) in self.passed.iter_mut().enumerate() {
            if due.groups & (1 << at) != 0 {
                stats.dropped.add(1, due.sample, due.sample, 0);
            }
        }
        control.missed.fetch_add(1, Ordering::Relaxed);
    }

    /// The groups of an engine that are due, a bit each.
    fn groups_due(&self, engine: usize) -> u32 {
        let is_due = |plan: &GroupPlan| plan.engine.0 == engine && self.due[engine] >> plan.engine.1 & 1 == 1;
        self.plan.groups.iter().enumerate().fold(0, |groups, (at, plan)| groups | u32::from(is_due(plan)) << at)
    }

    /// A text contradicted itself: its groups have no reading of this sample.
    fn count_unreadable(&mut self, engine: usize, sample: i64) {
        let groups = self.groups_due(engine);
        for (_, stats) in self.passed.iter_mut().enumerate().filter(|(at, _)| groups >> at & 1 == 1) {
            stats.unreadable.add(1, sample, sample, 0);
        }
    }

    /// Nothing was captured at this sample: the engine's groups have no reading of it.
    fn count_absent(&mut self, engine: usize, sample: i64) {
        let groups = self.groups_due(engine);
        for (at, stats) in self.passed.iter_mut().enumerate().filter(|(at, _)| groups >> at & 1 == 1) {
            self.missed_in_a_row[at] += 1;
            stats.missed.add(1, sample, sample, self.missed_in_a_row[at]);
        }
    }

    /// Waits for the deadline; false if told to stop.
    fn wait(&mut self, deadline: i64, stop: &AtomicBool) -> bool {
        let waited = pace::wait(&*self.clock, deadline, self.plan.spin_ns, stop);
        self.cost.sleeps += u64::from(waited.sleeps);
        self.cost.spins += u64::from(waited.spun);
        !waited.stopped
    }

    fn hand_over(&mut self, outlet: &mut impl Outlet) {
        if let Some(mut block) = self.block.take() {
            self.close(&mut block);
            outlet.hand_over(block);
        }
    }

    /// Adds to a block what was passed over before its newest read.
    fn tell_passed(&mut self, block: &mut Block) {
        for (stats, passed) in self.stats.iter_mut().zip(&mut self.passed) {
            let passed = std::mem::take(passed);
            stats.missed.add_all(passed.missed);
            stats.dropped.add_all(passed.dropped);
            stats.unreadable.add_all(passed.unreadable);
        }
        block.events.append(&mut self.torn);
    }

    /// Writes into a block what is told once per block.
    fn close(&mut self, block: &mut Block) {
        block.stats.copy_from_slice(&self.stats);
        self.stats.fill(GroupStats::default());
        self.cost.cpu_ns = self.clock.thread_cpu_ns();
        self.cost.wall_ns = self.clock.now() - self.began;
        block.cost = self.cost;
    }
}
